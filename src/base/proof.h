/* How a running serve proves that it is the one that its serve.json speaks of, before anything secret is sent to it.
 *
 * Both know a token: random for each start, in a file that only its owner may read. Who asks sends a nonce of its own; the
 * answer is an HMAC-SHA-256 by the token over the surface's name and that nonce, so that neither the token nor an answer to
 * another question helps anybody. docs/design/serve.md tells why it is not simpler.
 */
#ifndef OPS_BASE_PROOF_H
#define OPS_BASE_PROOF_H

#include "base/hash.h"

enum {
    OPS_PROOF_TEXT_SIZE = OPS_SHA256_HEX_SIZE, /* of a token, a nonce and a proof: 64 hexadecimal digits, lower case */
};

/* Where every surface of a serve answers GET, the nonce in a header, with {"proof"}. */
#define OPS_PROOF_PATH "/.well-known/g3nops-serve"
#define OPS_PROOF_NONCE_HEADER "x-ops-nonce"

/* Whether text has the form of a token, a nonce or a proof. */
bool ops_proof_well_formed(struct ops_view text);

/* surface is "http" or "invoke", as in serve.json. OPS_NO_MEMORY is the only failure. */
enum ops_status ops_proof_make(const char *token, const char *surface, struct ops_view nonce,
                               char ret_proof[static OPS_PROOF_TEXT_SIZE]) OPS_MUST_USE;

#endif
