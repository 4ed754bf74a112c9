#include "surfaces/wire/tls.h"

#include "base/buf.h"
#include "base/instant.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/x509.h>
#include <unistd.h>

enum { KEY_ID_SIZE = 64 };

struct identity {
    gnutls_pcert_st *chain;
    unsigned chain_length;
    gnutls_privkey_t key;
    int64_t expires_ms;
};

static void identity_free(void *context)
{
    struct identity *identity = context;
    for (unsigned i = 0; i < identity->chain_length; i++)
        gnutls_pcert_deinit(&identity->chain[i]);
    ops_mem_free(identity->chain);
    gnutls_privkey_deinit(identity->key); /* wipes it; NULL is fine */
    ops_mem_free(identity);
}

/* ---- files ---- */

static enum ops_status read_all(int fd, struct ops_buf *buf)
{
    char chunk[4096];
    enum ops_status status = OPS_OK;
    ssize_t count = 1;
    while (status == OPS_OK && count != 0) {
        count = read(fd, chunk, sizeof chunk);
        if (count > 0)
            ops_buf_append(buf, chunk, (size_t)count);
        else if (count < 0 && errno != EINTR)
            status = OPS_IO_ERROR;
        if (status == OPS_OK)
            status = ops_buf_status(buf);
    }
    explicit_bzero(chunk, sizeof chunk); /* it may have been a key */
    return status;
}

/* text is initialised; whoever reads a key wipes it. */
static enum ops_status read_pem(const char *path, struct ops_buf *text, struct ops_error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    enum ops_status status = fd < 0 ? OPS_IO_ERROR : read_all(fd, text);
    if (status == OPS_IO_ERROR)
        status = ops_fail(error, status, "The file '%s' can't be read: %s.", path, strerror(errno));
    else if (status == OPS_LIMIT)
        status = ops_fail(error, OPS_IO_ERROR, "The file '%s' is larger than %d bytes; it is no certificate or key.", path,
                          (int)OPS_TLS_PEM_MAX_BYTES);
    else if (status == OPS_OK && !strstr(ops_buf_text(text), "-----BEGIN "))
        status = ops_fail(error, OPS_IO_ERROR, "The file '%s' is not a PEM text.", path);
    if (fd >= 0)
        (void)close(fd); /* read only */
    return status;
}

static gnutls_datum_t datum_of(const struct ops_buf *text)
{
    return (gnutls_datum_t){.data = (unsigned char *)text->data, .size = (unsigned)text->length};
}

static enum ops_status refuse(int code, const char *what, const char *path, struct ops_error *error)
{
    if (code == GNUTLS_E_MEMORY_ERROR)
        return OPS_NO_MEMORY;
    return ops_fail(error, OPS_IO_ERROR, "The file '%s' holds no %s that can be used: %s", path, what,
                    gnutls_strerror(code));
}

/* ---- certificate ---- */

static void free_list(gnutls_x509_crt_t *list, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        gnutls_x509_crt_deinit(list[i]);
    gnutls_free(list);
}

static enum ops_status take_chain(struct identity *identity, gnutls_x509_crt_t *list, unsigned count, const char *path,
                                  struct ops_error *error)
{
    identity->chain = ops_mem_zeroed(count, sizeof *identity->chain);
    if (!identity->chain)
        return OPS_NO_MEMORY;
    for (unsigned i = 0; i < count; i++) {
        int code = gnutls_pcert_import_x509(&identity->chain[i], list[i], 0);
        if (code < 0)
            return refuse(code, "certificate", path, error);
        identity->chain_length = i + 1;
    }
    identity->expires_ms = (int64_t)gnutls_x509_crt_get_expiration_time(list[0]) * OPS_SECOND_MS;
    return OPS_OK;
}

/* The chain begins with the first certificate, in the order in which each is signed by the next. ret_id: of its public key.
 */
static enum ops_status read_certificate(struct identity *identity, const char *path,
                                        unsigned char ret_id[static KEY_ID_SIZE], size_t *ret_id_length,
                                        struct ops_error *error)
{
    struct ops_buf text;
    gnutls_x509_crt_t *list = NULL;
    unsigned count = 0;
    ops_buf_init(&text, OPS_TLS_PEM_MAX_BYTES);
    enum ops_status status = read_pem(path, &text, error);
    if (status == OPS_OK) {
        const gnutls_datum_t datum = datum_of(&text);
        int code = gnutls_x509_crt_list_import2(&list, &count, &datum, GNUTLS_X509_FMT_PEM, GNUTLS_X509_CRT_LIST_SORT);
        if (code >= 0)
            code = gnutls_x509_crt_get_key_id(list[0], 0, ret_id, ret_id_length);
        status = code < 0 ? refuse(code, "certificate", path, error) : take_chain(identity, list, count, path, error);
    }
    free_list(list, count);
    ops_buf_release(&text);
    return status;
}

/* ---- key ---- */

static enum ops_status import_key(gnutls_x509_privkey_t key, const struct ops_buf *text, const char *path,
                                  struct ops_error *error)
{
    const gnutls_datum_t datum = datum_of(text);
    /* Both ways of writing an encrypted key say so in words; nobody is there who could be asked for its passphrase. */
    if (strstr(ops_buf_text(text), "ENCRYPTED"))
        return ops_fail(error, OPS_IO_ERROR, "The key in '%s' is encrypted; store it without a passphrase ('openssl pkey').",
                        path);
    int code = gnutls_x509_privkey_import2(key, &datum, GNUTLS_X509_FMT_PEM, NULL, 0);
    return code < 0 ? refuse(code, "key", path, error) : OPS_OK;
}

static enum ops_status take_key(struct identity *identity, gnutls_x509_privkey_t key, const char *path,
                                struct ops_error *error)
{
    int code = gnutls_privkey_init(&identity->key);
    if (code >= 0)
        code = gnutls_privkey_import_x509(identity->key, key, GNUTLS_PRIVKEY_IMPORT_COPY);
    return code < 0 ? refuse(code, "key", path, error) : OPS_OK;
}

static enum ops_status read_key(struct identity *identity, const char *path, unsigned char ret_id[static KEY_ID_SIZE],
                                size_t *ret_id_length, struct ops_error *error)
{
    struct ops_buf text;
    gnutls_x509_privkey_t key;
    if (gnutls_x509_privkey_init(&key) < 0)
        return OPS_NO_MEMORY;
    ops_buf_init(&text, OPS_TLS_PEM_MAX_BYTES);
    enum ops_status status = read_pem(path, &text, error);
    if (status == OPS_OK)
        status = import_key(key, &text, path, error);
    if (status == OPS_OK)
        status = take_key(identity, key, path, error);
    if (status == OPS_OK) {
        int code = gnutls_x509_privkey_get_key_id(key, 0, ret_id, ret_id_length);
        status = code < 0 ? refuse(code, "key", path, error) : OPS_OK;
    }
    ops_buf_wipe(&text);
    gnutls_x509_privkey_deinit(key);
    return status;
}

/* ---- both ---- */

static enum ops_status read_both(struct identity *identity, const char *cert_path, const char *key_path,
                                 struct ops_error *error)
{
    unsigned char cert_id[KEY_ID_SIZE], key_id[KEY_ID_SIZE];
    size_t cert_id_length = sizeof cert_id, key_id_length = sizeof key_id;
    enum ops_status status = read_certificate(identity, cert_path, cert_id, &cert_id_length, error);
    if (status == OPS_OK)
        status = read_key(identity, key_path, key_id, &key_id_length, error);
    if (status != OPS_OK)
        return status;
    if (cert_id_length != key_id_length || memcmp(cert_id, key_id, key_id_length) != 0)
        return ops_fail(error, OPS_IO_ERROR, "The key in '%s' is not that of the certificate in '%s'.", key_path, cert_path);
    return OPS_OK;
}

enum ops_status ops_tls_read(const char *cert_path, const char *key_path, struct ops_shared **ret_identity,
                             struct ops_error *error)
{
    struct identity *identity = ops_mem_zeroed(1, sizeof *identity);
    if (!identity)
        return OPS_NO_MEMORY;
    enum ops_status status = read_both(identity, cert_path, key_path, error);
    if (status == OPS_OK)
        status = ops_shared_new(identity, identity_free, ret_identity);
    if (status != OPS_OK)
        identity_free(identity);
    return status;
}

int64_t ops_tls_expires_ms(const struct ops_shared *identity)
{
    return ((const struct identity *)ops_shared_thing(identity))->expires_ms;
}

void ops_tls_show(const struct ops_shared *identity, gnutls_pcert_st **ret_chain, unsigned *ret_chain_length,
                  gnutls_privkey_t *ret_key)
{
    const struct identity *shown = ops_shared_thing(identity);
    *ret_chain = shown->chain;
    *ret_chain_length = shown->chain_length;
    *ret_key = shown->key;
}
