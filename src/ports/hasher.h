/* The slow hash that keeps the secret code. scrypt for real; a quick stand-in where a simulation checks a thousand codes. */
#ifndef OPS_PORTS_HASHER_H
#define OPS_PORTS_HASHER_H

#include "base/error.h"
#include "base/view.h"

#include <stdint.h>

enum { OPS_SALT_BYTES = 16, OPS_PHC_SIZE = 160 };

struct ops_hasher;

struct ops_hasher_ops {
    /* Writes a PHC string (algorithm, parameters, salt, hash). OPS_NO_MEMORY is the only failure. */
    enum ops_status (*hash)(struct ops_hasher *self, struct ops_view secret, const uint8_t salt[static OPS_SALT_BYTES],
                            char ret_phc[static OPS_PHC_SIZE]);
    /* OPS_OK when secret gives phc, OPS_SECRET_CODE_MISMATCH when not, OPS_CORRUPT when phc can't be read,
     * OPS_NO_MEMORY. The comparison takes constant time. */
    enum ops_status (*verify)(struct ops_hasher *self, struct ops_view secret, struct ops_view phc);
};

/* Both calls are thread-safe; the scrypt one lets one caller in at a time, so that its 32 MiB are needed once. */
struct ops_hasher {
    const struct ops_hasher_ops *ops;
};

static inline enum ops_status OPS_MUST_USE ops_hasher_hash(struct ops_hasher *hasher, struct ops_view secret,
                                                           const uint8_t salt[static OPS_SALT_BYTES],
                                                           char ret_phc[static OPS_PHC_SIZE])
{
    return hasher->ops->hash(hasher, secret, salt, ret_phc);
}

static inline enum ops_status OPS_MUST_USE ops_hasher_verify(struct ops_hasher *hasher, struct ops_view secret,
                                                             struct ops_view phc)
{
    return hasher->ops->verify(hasher, secret, phc);
}

#endif
