#include "base/ulid.h"

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

enum { TIME_CHARACTERS = 10 };

void ops_ulid_format(int64_t at_ms, const uint8_t random[static OPS_ULID_RANDOM_BYTES], char ret_text[static OPS_ULID_SIZE])
{
    uint64_t time = (uint64_t)at_ms;
    for (int i = TIME_CHARACTERS - 1; i >= 0; i--, time >>= 5)
        ret_text[i] = alphabet[time & 31];
    uint32_t bits = 0;
    int bit_count = 0;
    char *out = ret_text + TIME_CHARACTERS;
    for (int i = 0; i < OPS_ULID_RANDOM_BYTES; i++) {
        bits = bits << 8 | random[i];
        for (bit_count += 8; bit_count >= 5; bit_count -= 5)
            *out++ = alphabet[bits >> (bit_count - 5) & 31];
    }
    *out = '\0';
}

bool ops_ulid_valid(struct ops_view text)
{
    if (text.length != OPS_ULID_LENGTH || text.data[0] > '7')
        return false;
    for (size_t i = 0; i < text.length; i++)
        if (!text.data[i] || !strchr(alphabet, text.data[i]))
            return false;
    return true;
}
