#include "adapters/sys/scrypt.h"

#include "base/buf.h"
#include "base/hash.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>

enum {
    LN_NEW = 15,
    R_NEW = 8,
    P_NEW = 1,
    KEY_NEW_BYTES = 32,

    /* What verify takes. A stored string must not make us spend gigabytes or minutes, nor accept a hash that is none. */
    LN_MIN = 10,
    LN_MAX = 18,
    R_MAX = 16,
    P_MAX = 4,
    SALT_MIN_BYTES = 8,
    SALT_MAX_BYTES = 48,
    KEY_MIN_BYTES = 16,
    KEY_MAX_BYTES = 64,
    DERIVATION_MAX_BYTES = 256 * 1024 * 1024,
};

struct parameters {
    int ln;
    int r;
    int p;
};

/* Guards nothing but memory: one derivation at a time needs its 32 MiB once. */
static pthread_mutex_t derivation_mutex = PTHREAD_MUTEX_INITIALIZER;

/* RFC 7914 section 6: the big array, the blocks beside it and their scratch. */
static uint64_t derivation_bytes(const struct parameters *parameters)
{
    uint64_t block_bytes = UINT64_C(128) * (uint64_t)parameters->r;
    return block_bytes * ((UINT64_C(1) << parameters->ln) + (uint64_t)parameters->p + 2);
}

static enum ops_status derive(struct ops_view secret, struct ops_view salt, const struct parameters *parameters,
                              uint8_t *ret_key, size_t key_bytes)
{
    pthread_mutex_lock(&derivation_mutex);
    int done = EVP_PBE_scrypt(secret.data ? secret.data : "", secret.length, (const unsigned char *)salt.data, salt.length,
                              UINT64_C(1) << parameters->ln, (uint64_t)parameters->r, (uint64_t)parameters->p,
                              derivation_bytes(parameters), ret_key, key_bytes);
    pthread_mutex_unlock(&derivation_mutex);
    return done == 1 ? OPS_OK : OPS_NO_MEMORY;
}

static void translate(char *text, size_t length, const char *from, const char *to)
{
    for (size_t i = 0; i < length; i++)
        for (size_t k = 0; from[k]; k++)
            if (text[i] == from[k])
                text[i] = to[k];
}

/* PHC strings have the standard alphabet; base/hash.h has the URL-safe one. */
static void append_base64(struct ops_buf *buf, struct ops_view bytes)
{
    size_t start = buf->length;
    ops_base64url_append(buf, bytes);
    if (buf->length > start)
        translate(buf->data + start, buf->length - start, "-_", "+/");
}

static enum ops_status decode_base64(struct ops_view text, struct ops_buf *buf)
{
    char urlsafe[OPS_PHC_SIZE];
    if (text.length >= sizeof urlsafe || memchr(text.data, '-', text.length) || memchr(text.data, '_', text.length))
        return OPS_CORRUPT;
    memcpy(urlsafe, text.data, text.length);
    translate(urlsafe, text.length, "+/", "-_");
    enum ops_status status = ops_base64url_decode(ops_view(urlsafe, text.length), buf);
    OPENSSL_cleanse(urlsafe, sizeof urlsafe);
    return status == OPS_OK || status == OPS_NO_MEMORY ? status : OPS_CORRUPT;
}

static enum ops_status scrypt_hash(struct ops_hasher *self, struct ops_view secret,
                                   const uint8_t salt[static OPS_SALT_BYTES], char ret_phc[static OPS_PHC_SIZE])
{
    (void)self;
    const struct parameters parameters = {LN_NEW, R_NEW, P_NEW};
    struct ops_view salt_view = ops_view((const char *)salt, OPS_SALT_BYTES);
    uint8_t key[KEY_NEW_BYTES];
    struct ops_buf phc;
    ops_buf_init(&phc, OPS_PHC_SIZE - 1);
    enum ops_status status = derive(secret, salt_view, &parameters, key, sizeof key);
    if (status != OPS_OK)
        goto out;
    ops_buf_append_format(&phc, "$scrypt$ln=%d,r=%d,p=%d$", LN_NEW, R_NEW, P_NEW);
    append_base64(&phc, salt_view);
    ops_buf_append_char(&phc, '$');
    append_base64(&phc, ops_view((const char *)key, sizeof key));
    status = ops_buf_status(&phc);
    if (status == OPS_OK)
        memcpy(ret_phc, ops_buf_text(&phc), phc.length + 1);
out:
    OPENSSL_cleanse(key, sizeof key);
    ops_buf_release(&phc);
    return status;
}

/* Takes a decimal number of one or two digits off the front of *text. */
static bool take_number(struct ops_view *text, const char *name, int *ret_number)
{
    struct ops_view prefix = ops_view_of(name);
    if (!ops_view_starts_with(*text, prefix))
        return false;
    size_t at = prefix.length;
    int number = 0;
    for (; at < text->length && at < prefix.length + 2 && text->data[at] >= '0' && text->data[at] <= '9'; at++)
        number = number * 10 + (text->data[at] - '0');
    if (at == prefix.length)
        return false;
    *ret_number = number;
    *text = ops_view(text->data + at, text->length - at);
    return true;
}

static bool parameters_allowed(const struct parameters *parameters)
{
    return parameters->ln >= LN_MIN && parameters->ln <= LN_MAX && parameters->r >= 1 && parameters->r <= R_MAX &&
           parameters->p >= 1 && parameters->p <= P_MAX && derivation_bytes(parameters) <= DERIVATION_MAX_BYTES;
}

static enum ops_status read_phc(struct ops_view phc, struct parameters *ret_parameters, struct ops_buf *salt,
                                struct ops_buf *key)
{
    struct ops_view rest = phc;
    if (!take_number(&rest, "$scrypt$ln=", &ret_parameters->ln) || !take_number(&rest, ",r=", &ret_parameters->r) ||
        !take_number(&rest, ",p=", &ret_parameters->p) || rest.length == 0 || rest.data[0] != '$' ||
        !parameters_allowed(ret_parameters))
        return OPS_CORRUPT;
    rest = ops_view(rest.data + 1, rest.length - 1);
    const char *end = rest.length ? memchr(rest.data, '$', rest.length) : NULL;
    if (!end)
        return OPS_CORRUPT;
    size_t salt_length = (size_t)(end - rest.data);
    enum ops_status status = decode_base64(ops_view(rest.data, salt_length), salt);
    if (status == OPS_OK)
        status = decode_base64(ops_view(end + 1, rest.length - salt_length - 1), key);
    if (status == OPS_OK && (salt->length < SALT_MIN_BYTES || key->length < KEY_MIN_BYTES))
        status = OPS_CORRUPT;
    return status;
}

static enum ops_status scrypt_verify(struct ops_hasher *self, struct ops_view secret, struct ops_view phc)
{
    (void)self;
    struct parameters parameters = {0};
    struct ops_buf salt, expected;
    uint8_t key[KEY_MAX_BYTES];
    ops_buf_init(&salt, SALT_MAX_BYTES);
    ops_buf_init(&expected, KEY_MAX_BYTES);
    enum ops_status status = read_phc(phc, &parameters, &salt, &expected);
    if (status == OPS_OK)
        status = derive(secret, ops_buf_view(&salt), &parameters, key, expected.length);
    if (status == OPS_OK && CRYPTO_memcmp(key, expected.data, expected.length) != 0)
        status = OPS_SECRET_CODE_MISMATCH;
    OPENSSL_cleanse(key, sizeof key);
    if (expected.data)
        OPENSSL_cleanse(expected.data, expected.length);
    ops_buf_release(&expected);
    ops_buf_release(&salt);
    return status;
}

static const struct ops_hasher_ops scrypt_ops = {
    .hash = scrypt_hash,
    .verify = scrypt_verify,
};

struct ops_hasher *ops_scrypt_hasher(void)
{
    static struct ops_hasher hasher = {&scrypt_ops};
    return &hasher;
}
