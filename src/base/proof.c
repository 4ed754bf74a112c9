#include "base/proof.h"

#include <stdio.h>
#include <string.h>

/* Keeps the proof apart from whatever else may be authenticated by a token some day. */
#define QUESTION_FORMAT "g3nops-serve-proof-1\n%.16s\n%.*s"

enum { QUESTION_SIZE = 128, DIGITS = OPS_PROOF_TEXT_SIZE - 1 };

bool ops_proof_well_formed(struct ops_view text)
{
    if (text.length != DIGITS)
        return false;
    for (size_t i = 0; i < text.length; i++)
        if (!memchr("0123456789abcdef", text.data[i], 16))
            return false;
    return true;
}

enum ops_status ops_proof_make(const char *token, const char *surface, struct ops_view nonce,
                               char ret_proof[static OPS_PROOF_TEXT_SIZE])
{
    char question[QUESTION_SIZE];
    uint8_t mac[OPS_SHA256_BYTES];
    (void)snprintf(question, sizeof question, QUESTION_FORMAT, surface, (int)nonce.length, nonce.data);
    enum ops_status status = ops_hmac_sha256(ops_view_of(token), ops_view_of(question), mac);
    if (status == OPS_OK)
        ops_hex(mac, sizeof mac, ret_proof);
    return status;
}
