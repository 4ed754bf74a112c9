/* What a server shows to clients that speak TLS: a certificate, its chain and its key. */
#ifndef OPS_SURFACES_WIRE_TLS_H
#define OPS_SURFACES_WIRE_TLS_H

#include "base/error.h"
#include "base/slot.h"

#include <gnutls/abstract.h>
#include <stdint.h>

enum { OPS_TLS_PEM_MAX_BYTES = 1024 * 1024 /* of a file */ };

/* Reads both files, PEM texts, and checks that the key is the certificate's. *ret_identity is a thing of ours, held by the
 * caller; a connection that shows it holds it as well. OPS_IO_ERROR: a file can't be read, is too large, holds no
 * certificate or no key, a key that is encrypted, or one of another certificate; the sentence names the file. OPS_NO_MEMORY.
 */
enum ops_status ops_tls_read(const char *cert_path, const char *key_path, struct ops_shared **ret_identity,
                             struct ops_error *error) OPS_MUST_USE;

/* When the certificate stops to count. */
int64_t ops_tls_expires_ms(const struct ops_shared *identity);

/* For GnuTLS: what a session in its handshake shows. Borrowed: it must be held until the session is over. */
void ops_tls_show(const struct ops_shared *identity, gnutls_pcert_st **ret_chain, unsigned *ret_chain_length,
                  gnutls_privkey_t *ret_key);

#endif
