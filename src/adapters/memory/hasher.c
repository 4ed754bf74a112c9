#include "adapters/memory/hasher.h"

#include "base/buf.h"
#include "base/hash.h"

#include <stdio.h>

static const char prefix[] = "$sha256$";

enum { SALT_HEX_LENGTH = 2 * OPS_SALT_BYTES, PREFIX_LENGTH = sizeof prefix - 1 };

/* Writes the string for a salt that is hexadecimal already: hash = SHA-256(salt hex, secret). */
static enum ops_status write_phc(struct ops_view secret, const char *salt_hex, char ret_phc[static OPS_PHC_SIZE])
{
    struct ops_buf salted;
    char hash_hex[OPS_SHA256_HEX_SIZE];
    ops_buf_init(&salted, SALT_HEX_LENGTH + secret.length);
    ops_buf_append(&salted, salt_hex, SALT_HEX_LENGTH);
    ops_buf_append_view(&salted, secret);
    enum ops_status status = ops_buf_status(&salted);
    if (status == OPS_OK)
        status = ops_sha256_hex(ops_buf_view(&salted), hash_hex);
    if (status == OPS_OK)
        (void)snprintf(ret_phc, OPS_PHC_SIZE, "%s%.*s$%s", prefix, SALT_HEX_LENGTH, salt_hex, hash_hex);
    ops_buf_release(&salted);
    return status;
}

static enum ops_status memory_hash(struct ops_hasher *self, struct ops_view secret,
                                   const uint8_t salt[static OPS_SALT_BYTES], char ret_phc[static OPS_PHC_SIZE])
{
    (void)self;
    char salt_hex[SALT_HEX_LENGTH + 1];
    ops_hex(salt, OPS_SALT_BYTES, salt_hex);
    return write_phc(secret, salt_hex, ret_phc);
}

static enum ops_status memory_verify(struct ops_hasher *self, struct ops_view secret, struct ops_view phc)
{
    (void)self;
    char expected[OPS_PHC_SIZE];
    if (phc.length != PREFIX_LENGTH + SALT_HEX_LENGTH + 1 + OPS_SHA256_HEX_SIZE - 1 ||
        !ops_view_starts_with(phc, ops_view_of(prefix)) || phc.data[PREFIX_LENGTH + SALT_HEX_LENGTH] != '$')
        return OPS_CORRUPT;
    enum ops_status status = write_phc(secret, phc.data + PREFIX_LENGTH, expected);
    if (status == OPS_OK && !ops_equal_constant_time(ops_view_of(expected), phc))
        status = OPS_SECRET_CODE_MISMATCH;
    return status;
}

static const struct ops_hasher_ops memory_ops = {
    .hash = memory_hash,
    .verify = memory_verify,
};

struct ops_hasher *ops_memory_hasher(void)
{
    static struct ops_hasher hasher = {&memory_ops};
    return &hasher;
}
