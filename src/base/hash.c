#include "base/hash.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>

/* Looked up once: a look-up at every call costs as much as hashing half a kilobyte. Lives as long as the process. */
static pthread_once_t sha256_once = PTHREAD_ONCE_INIT;
static EVP_MD *sha256;

static void find_sha256(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
}

enum ops_status ops_sha256(struct ops_view bytes, uint8_t ret_digest[static OPS_SHA256_BYTES])
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    (void)pthread_once(&sha256_once, find_sha256);
    if (!sha256 || EVP_Digest(bytes.data ? bytes.data : "", bytes.length, digest, &size, sha256, NULL) != 1)
        return OPS_NO_MEMORY;
    memcpy(ret_digest, digest, OPS_SHA256_BYTES);
    return OPS_OK;
}

void ops_hex(const uint8_t *bytes, size_t count, char *ret_hex)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < count; i++) {
        ret_hex[2 * i] = digits[bytes[i] >> 4];
        ret_hex[2 * i + 1] = digits[bytes[i] & 15];
    }
    ret_hex[2 * count] = '\0';
}

enum ops_status ops_sha256_hex(struct ops_view bytes, char ret_hex[static OPS_SHA256_HEX_SIZE])
{
    uint8_t digest[OPS_SHA256_BYTES];
    enum ops_status status = ops_sha256(bytes, digest);
    if (status == OPS_OK)
        ops_hex(digest, sizeof digest, ret_hex);
    return status;
}

enum ops_status ops_hmac_sha256(struct ops_view key, struct ops_view bytes, uint8_t ret_mac[static OPS_SHA256_BYTES])
{
    uint8_t mac[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    const unsigned char *text = (const unsigned char *)(bytes.data ? bytes.data : "");
    if (!HMAC(EVP_sha256(), key.data ? key.data : "", (int)key.length, text, bytes.length, mac, &size))
        return OPS_NO_MEMORY;
    memcpy(ret_mac, mac, OPS_SHA256_BYTES);
    return OPS_OK;
}

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void ops_base64url_append(struct ops_buf *buf, struct ops_view bytes)
{
    for (size_t i = 0; i < bytes.length; i += 3) {
        size_t count = bytes.length - i < 3 ? bytes.length - i : 3;
        uint32_t group = 0;
        for (size_t k = 0; k < 3; k++)
            group = group << 8 | (k < count ? (uint8_t)bytes.data[i + k] : 0);
        for (size_t k = 0; k <= count; k++)
            ops_buf_append_char(buf, alphabet[group >> (18 - 6 * k) & 63]);
    }
}

enum ops_status ops_base64url_decode(struct ops_view text, struct ops_buf *buf)
{
    if (text.length % 4 == 1)
        return OPS_INVALID_FIELD;
    uint32_t bits = 0;
    int bit_count = 0;
    for (size_t i = 0; i < text.length; i++) {
        const char *found = text.data[i] ? strchr(alphabet, text.data[i]) : NULL;
        if (!found)
            return OPS_INVALID_FIELD;
        bits = bits << 6 | (uint32_t)(found - alphabet);
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            ops_buf_append_char(buf, (char)(bits >> bit_count & 255));
        }
    }
    if (bits & ((1u << bit_count) - 1))
        return OPS_INVALID_FIELD;
    return ops_buf_status(buf);
}

bool ops_equal_constant_time(struct ops_view a, struct ops_view b)
{
    return a.length == b.length && (a.length == 0 || CRYPTO_memcmp(a.data, b.data, a.length) == 0);
}
