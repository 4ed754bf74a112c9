#include "adapters/aws/sigv4.h"

#include "base/instant.h"

#include <assert.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdatomic.h>
#include <strings.h>

#define ALGORITHM "AWS4-HMAC-SHA256"
#define SCOPE_END "aws4_request"

enum {
    DAY_LENGTH = 8,
    DATE_LENGTH = OPS_SIGV4_DATE_SIZE - 1,
    CANONICAL_MAX_BYTES = 64 * 1024, /* a session token of 4 KB, a key of 1 KB and a query, encoded, fit many times */
};

/* ---- HMAC ----------------------------------------------------------------------------------------------------------- */

/* A context that has the algorithm and no key, to be duplicated: fetching an algorithm costs more than a signature. Made
 * once and kept as long as the process; without memory the next call tries again. */
static const EVP_MAC_CTX *keyless_context(void)
{
    static _Atomic(EVP_MAC_CTX *) kept;
    EVP_MAC_CTX *found = atomic_load(&kept);
    if (found)
        return found;
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                                 OSSL_PARAM_construct_end()};
    EVP_MAC *algorithm = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *made = algorithm ? EVP_MAC_CTX_new(algorithm) : NULL;
    EVP_MAC_free(algorithm); /* the context holds it */
    if (made && EVP_MAC_CTX_set_params(made, params) == 1 && atomic_compare_exchange_strong(&kept, &found, made))
        return made;
    EVP_MAC_CTX_free(made);
    return found; /* another thread's, which was quicker, or NULL */
}

static enum ops_status hmac(struct ops_view key, struct ops_view text, uint8_t ret_mac[static OPS_SHA256_BYTES])
{
    const EVP_MAC_CTX *keyless = keyless_context();
    EVP_MAC_CTX *context = keyless ? EVP_MAC_CTX_dup(keyless) : NULL;
    uint8_t mac[OPS_SHA256_BYTES];
    size_t size = 0;
    bool done = context && EVP_MAC_init(context, (const uint8_t *)key.data, key.length, NULL) == 1 &&
                EVP_MAC_update(context, (const uint8_t *)text.data, text.length) == 1 &&
                EVP_MAC_final(context, mac, &size, sizeof mac) == 1;
    EVP_MAC_CTX_free(context);
    if (done)
        memcpy(ret_mac, mac, sizeof mac);
    explicit_bzero(mac, sizeof mac);
    return done ? OPS_OK : OPS_NO_MEMORY;
}

/* ---- The key -------------------------------------------------------------------------------------------------------- */

/* The first key is the secret behind "AWS4". */
static enum ops_status hmac_with_secret(const char *secret_access_key, const char *text,
                                        uint8_t ret_mac[static OPS_SHA256_BYTES])
{
    char key[4 + OPS_SIGV4_SECRET_MAX] = "AWS4";
    size_t length = strlen(secret_access_key);
    if (length > OPS_SIGV4_SECRET_MAX)
        return OPS_LIMIT;
    memcpy(key + 4, secret_access_key, length);
    enum ops_status status = hmac(ops_view(key, 4 + length), ops_view_of(text), ret_mac);
    explicit_bzero(key, sizeof key);
    return status;
}

enum ops_status ops_sigv4_key_derive(const char *secret_access_key, const char *region, const char *service, int64_t at_ms,
                                     struct ops_sigv4_key *ret_key)
{
    struct ops_sigv4_key key = {.day = ""};
    char date[OPS_SIGV4_DATE_SIZE];
    if (strlen(region) > OPS_SIGV4_NAME_MAX || strlen(service) > OPS_SIGV4_NAME_MAX)
        return OPS_LIMIT;
    strcpy(key.region, region);
    strcpy(key.service, service);
    ops_sigv4_date(at_ms, date);
    memcpy(key.day, date, DAY_LENGTH);

    const char *const steps[] = {key.region, key.service, SCOPE_END};
    enum ops_status status = hmac_with_secret(secret_access_key, key.day, key.bytes);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0] && status == OPS_OK; i++)
        status = hmac(ops_view((const char *)key.bytes, sizeof key.bytes), ops_view_of(steps[i]), key.bytes);
    if (status == OPS_OK)
        *ret_key = key;
    ops_sigv4_key_wipe(&key);
    return status;
}

void ops_sigv4_key_wipe(struct ops_sigv4_key *key)
{
    explicit_bzero(key, sizeof *key);
}

void ops_sigv4_date(int64_t at_ms, char ret_date[static OPS_SIGV4_DATE_SIZE])
{
    char text[OPS_INSTANT_TEXT_SIZE];
    ops_instant_format(at_ms, text);
    for (const char *at = text; *at; at++)
        if (*at != '-' && *at != ':')
            *ret_date++ = *at;
    *ret_date = '\0';
}

/* ---- The signature -------------------------------------------------------------------------------------------------- */

/* The request's time as its x-amz-date header says it: the service takes it from there, too. */
static const char *request_date(const struct ops_sigv4_request *request)
{
    for (size_t i = 0; i < request->header_count; i++)
        if (strcasecmp(request->headers[i].name, "x-amz-date") == 0)
            return request->headers[i].value;
    return "";
}

static void append_scope(const struct ops_sigv4_key *key, struct ops_buf *buf)
{
    const char *const parts[] = {key->day, "/", key->region, "/", key->service, "/" SCOPE_END};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        ops_buf_append_text(buf, parts[i]);
}

/* buf is scratch. */
static enum ops_status canonical_hash(const struct ops_sigv4_request *request, struct ops_buf *buf,
                                      char ret_hex[static OPS_SHA256_HEX_SIZE])
{
    ops_sigv4_canonical(request, buf);
    enum ops_status status = ops_buf_status(buf);
    return status == OPS_OK ? ops_sha256_hex(ops_buf_view(buf), ret_hex) : status;
}

static void append_string_to_sign(const char *date, const struct ops_sigv4_key *key, const char *hash, struct ops_buf *buf)
{
    ops_buf_append_text(buf, ALGORITHM "\n");
    ops_buf_append_text(buf, date);
    ops_buf_append_char(buf, '\n');
    append_scope(key, buf);
    ops_buf_append_char(buf, '\n');
    ops_buf_append_text(buf, hash);
}

/* buf is scratch. */
static enum ops_status signature(const struct ops_sigv4_request *request, const struct ops_sigv4_key *key,
                                 struct ops_buf *buf, char ret_hex[static OPS_SHA256_HEX_SIZE])
{
    char hash[OPS_SHA256_HEX_SIZE];
    uint8_t mac[OPS_SHA256_BYTES];
    enum ops_status status = canonical_hash(request, buf, hash);
    if (status != OPS_OK)
        return status;
    ops_buf_clear(buf);
    append_string_to_sign(request_date(request), key, hash, buf);
    status = ops_buf_status(buf);
    if (status == OPS_OK)
        status = hmac(ops_view((const char *)key->bytes, sizeof key->bytes), ops_buf_view(buf), mac);
    if (status == OPS_OK)
        ops_hex(mac, sizeof mac, ret_hex);
    return status;
}

static enum ops_status append_authorization(const struct ops_sigv4_request *request, const struct ops_sigv4_key *key,
                                            const char *access_key_id, struct ops_buf *buf)
{
    char hex[OPS_SHA256_HEX_SIZE];
    enum ops_status status = signature(request, key, buf, hex);
    if (status != OPS_OK)
        return status;
    ops_buf_clear(buf);
    ops_buf_append_text(buf, ALGORITHM " Credential=");
    ops_buf_append_text(buf, access_key_id);
    ops_buf_append_char(buf, '/');
    append_scope(key, buf);
    ops_buf_append_text(buf, ", SignedHeaders=");
    ops_sigv4_signed_headers(request, buf);
    ops_buf_append_text(buf, ", Signature=");
    ops_buf_append_text(buf, hex);
    return ops_buf_status(buf);
}

enum ops_status ops_sigv4_authorization(const struct ops_sigv4_request *request, const struct ops_sigv4_key *key,
                                        const char *access_key_id, char ret_value[static OPS_SIGV4_AUTHORIZATION_SIZE])
{
    struct ops_buf buf;
    assert(strlen(request_date(request)) == DATE_LENGTH && memcmp(request_date(request), key->day, DAY_LENGTH) == 0);
    ops_buf_init(&buf, CANONICAL_MAX_BYTES);
    enum ops_status status = append_authorization(request, key, access_key_id, &buf);
    if (status == OPS_OK && buf.length >= OPS_SIGV4_AUTHORIZATION_SIZE)
        status = OPS_LIMIT;
    if (status == OPS_OK)
        memcpy(ret_value, ops_buf_text(&buf), buf.length + 1);
    ops_buf_wipe(&buf); /* a session token was in it */
    return status;
}
