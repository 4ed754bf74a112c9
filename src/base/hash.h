/* SHA-256 and HMAC (RFC 2104) over OpenSSL, and hexadecimal and URL-safe base 64 (RFC 4648 section 5, no padding). */
#ifndef OPS_BASE_HASH_H
#define OPS_BASE_HASH_H

#include "base/buf.h"

#include <stdint.h>

enum { OPS_SHA256_BYTES = 32, OPS_SHA256_HEX_SIZE = 2 * OPS_SHA256_BYTES + 1 };

/* OPS_NO_MEMORY is the only failure. */
enum ops_status ops_sha256(struct ops_view bytes, uint8_t ret_digest[static OPS_SHA256_BYTES]) OPS_MUST_USE;
enum ops_status ops_sha256_hex(struct ops_view bytes, char ret_hex[static OPS_SHA256_HEX_SIZE]) OPS_MUST_USE;

/* HMAC-SHA-256. OPS_NO_MEMORY is the only failure. Nothing of key and bytes is left behind in memory. */
enum ops_status ops_hmac_sha256(struct ops_view key, struct ops_view bytes,
                                uint8_t ret_mac[static OPS_SHA256_BYTES]) OPS_MUST_USE;

void ops_hex(const uint8_t *bytes, size_t count, char *ret_hex); /* 2 * count + 1 characters, lower case */

void ops_base64url_append(struct ops_buf *buf, struct ops_view bytes);

/* OPS_INVALID_FIELD for anything that ops_base64url_append would not have written. */
enum ops_status ops_base64url_decode(struct ops_view text, struct ops_buf *buf) OPS_MUST_USE;

/* Equal or not, in a time that depends on the lengths only. */
bool ops_equal_constant_time(struct ops_view a, struct ops_view b);

#endif
