/* The secret codes that this process has found to be wrong, so that one that comes again costs nothing: no look, no count.
 *
 * A code is known by a keyed hash (HMAC, the key drawn at random for the process and bound to the hash of the code that is
 * right), which is of no use to anybody else, and matches nothing once another code is set. There is room for so many; the
 * one that was not seen for longest makes room.
 *
 * The audit trail has the first sending of each. Of the further ones it tells once an hour, together, how many there were.
 * Times are of the monotonic clock.
 */
#ifndef OPS_CORE_WRONG_CODES_H
#define OPS_CORE_WRONG_CODES_H

#include "base/hash.h"
#include "base/instant.h"
#include "core/peer.h"

enum { OPS_WRONG_CODES_MAX = 256 };

#define OPS_WRONG_CODES_TELL_EVERY_MS OPS_HOUR_MS

/* Sendings of a code that was known to be wrong, and the last of them. */
struct ops_wrong_repeats {
    json_int_t count;
    const char *operation; /* static */
    struct ops_peer peer;
};

struct ops_wrong_code {
    uint8_t digest[OPS_SHA256_BYTES];
    int64_t seen_ms;
    int64_t told_ms; /* the audit trail was, of this code */
    struct ops_wrong_repeats untold;
};

/* All zero: none is known. Not thread-safe. */
struct ops_wrong_codes {
    struct ops_wrong_code codes[OPS_WRONG_CODES_MAX];
    size_t count;
    struct ops_wrong_repeats forgotten; /* untold ones of codes that made room */
};

/* Whether the code is known; then this sending is one more of it. */
bool ops_wrong_codes_again(struct ops_wrong_codes *codes, const uint8_t digest[static OPS_SHA256_BYTES],
                           const char *operation, const struct ops_peer *peer, int64_t now_ms);

/* A code that the audit trail was told of just now. */
void ops_wrong_codes_add(struct ops_wrong_codes *codes, const uint8_t digest[static OPS_SHA256_BYTES], int64_t now_ms);

/* What the audit trail is to be told of next, or NULL. Once it was, ops_wrong_codes_told; till then nothing else may be
 * done with codes. */
const struct ops_wrong_repeats *ops_wrong_codes_due(const struct ops_wrong_codes *codes, int64_t now_ms);
void ops_wrong_codes_told(struct ops_wrong_codes *codes, const struct ops_wrong_repeats *told, int64_t now_ms);

#endif
