#include "surfaces/wire/percent.h"

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* One character of encoded at *at, which moves on. -1 for a broken escape. */
static int next_byte(struct ops_view encoded, size_t *at)
{
    char c = encoded.data[(*at)++];
    if (c != '%')
        return (unsigned char)c;
    if (encoded.length - *at < 2)
        return -1;
    int high = hex_value(encoded.data[*at]);
    int low = hex_value(encoded.data[*at + 1]);
    *at += 2;
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

enum ops_status ops_percent_decode(struct ops_view encoded, struct ops_buf *buf)
{
    ops_buf_clear(buf);
    for (size_t at = 0; at < encoded.length;) {
        int byte = next_byte(encoded, &at);
        if (byte <= 0)
            return OPS_INVALID_FIELD;
        ops_buf_append_char(buf, (char)byte);
    }
    if (ops_buf_status(buf) != OPS_OK)
        return ops_buf_status(buf);
    return ops_utf8_valid(ops_buf_view(buf)) ? OPS_OK : OPS_INVALID_FIELD;
}

/* Unicode, table 3-7: what may follow a lead byte. The second byte has its own range, any further one is 80..BF. */
static const struct lead {
    unsigned char first, last, length, second_low, second_high;
} leads[] = {
    {0x00, 0x7F, 1, 0, 0},       {0xC2, 0xDF, 2, 0x80, 0xBF}, {0xE0, 0xE0, 3, 0xA0, 0xBF},
    {0xE1, 0xEC, 3, 0x80, 0xBF}, {0xED, 0xED, 3, 0x80, 0x9F}, {0xEE, 0xEF, 3, 0x80, 0xBF},
    {0xF0, 0xF0, 4, 0x90, 0xBF}, {0xF1, 0xF3, 4, 0x80, 0xBF}, {0xF4, 0xF4, 4, 0x80, 0x8F},
};

/* Length of the character that the text begins with, or 0. */
static size_t character_length(const unsigned char *text, size_t length)
{
    for (size_t i = 0; i < sizeof leads / sizeof leads[0]; i++) {
        const struct lead *lead = &leads[i];
        if (text[0] < lead->first || text[0] > lead->last)
            continue;
        if (lead->length > length)
            return 0;
        if (lead->length > 1 && (text[1] < lead->second_low || text[1] > lead->second_high))
            return 0;
        for (size_t k = 2; k < lead->length; k++)
            if ((text[k] & 0xC0) != 0x80)
                return 0;
        return lead->length;
    }
    return 0;
}

bool ops_utf8_valid(struct ops_view text)
{
    const unsigned char *bytes = (const unsigned char *)text.data;
    for (size_t at = 0, step; at < text.length; at += step) {
        step = character_length(bytes + at, text.length - at);
        if (step == 0)
            return false;
    }
    return true;
}
