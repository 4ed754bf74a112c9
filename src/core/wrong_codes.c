#include "core/wrong_codes.h"

#include <string.h>

static void count_repeat(struct ops_wrong_repeats *repeats, const char *operation, const struct ops_peer *peer)
{
    repeats->count++;
    repeats->operation = operation;
    repeats->peer = *peer;
}

bool ops_wrong_codes_again(struct ops_wrong_codes *codes, const uint8_t digest[static OPS_SHA256_BYTES],
                           const char *operation, const struct ops_peer *peer, int64_t now_ms)
{
    for (size_t i = 0; i < codes->count; i++) {
        struct ops_wrong_code *code = &codes->codes[i];
        if (memcmp(code->digest, digest, OPS_SHA256_BYTES) != 0)
            continue;
        code->seen_ms = now_ms;
        count_repeat(&code->untold, operation, peer);
        return true;
    }
    return false;
}

/* The place of the code that was not seen for longest; what is untold of it is kept. */
static struct ops_wrong_code *make_room(struct ops_wrong_codes *codes)
{
    struct ops_wrong_code *oldest = codes->codes;
    for (size_t i = 1; i < codes->count; i++)
        if (codes->codes[i].seen_ms < oldest->seen_ms)
            oldest = &codes->codes[i];
    if (oldest->untold.count > 0) {
        json_int_t before = codes->forgotten.count;
        codes->forgotten = oldest->untold;
        codes->forgotten.count += before;
    }
    return oldest;
}

void ops_wrong_codes_add(struct ops_wrong_codes *codes, const uint8_t digest[static OPS_SHA256_BYTES], int64_t now_ms)
{
    struct ops_wrong_code *place = codes->count < OPS_WRONG_CODES_MAX ? &codes->codes[codes->count++] : make_room(codes);
    *place = (struct ops_wrong_code){.seen_ms = now_ms, .told_ms = now_ms};
    memcpy(place->digest, digest, OPS_SHA256_BYTES);
}

const struct ops_wrong_repeats *ops_wrong_codes_due(const struct ops_wrong_codes *codes, int64_t now_ms)
{
    if (codes->forgotten.count > 0)
        return &codes->forgotten;
    for (size_t i = 0; i < codes->count; i++)
        if (codes->codes[i].untold.count > 0 && now_ms - codes->codes[i].told_ms >= OPS_WRONG_CODES_TELL_EVERY_MS)
            return &codes->codes[i].untold;
    return NULL;
}

void ops_wrong_codes_told(struct ops_wrong_codes *codes, const struct ops_wrong_repeats *told, int64_t now_ms)
{
    if (told == &codes->forgotten)
        codes->forgotten.count = 0;
    for (size_t i = 0; i < codes->count; i++)
        if (told == &codes->codes[i].untold) {
            codes->codes[i].told_ms = now_ms;
            codes->codes[i].untold.count = 0;
        }
}
