#include "base/proof.h"

#include "support/cmocka_all.h"

#include <stdio.h>

#define TOKEN "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define NONCE "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100"

static const char *proof(const char *token, const char *surface, const char *nonce)
{
    static char made[8][OPS_PROOF_TEXT_SIZE];
    static size_t next;
    char *text = made[next++ % 8];
    assert_int_equal(ops_proof_make(token, surface, ops_view_of(nonce), text), OPS_OK);
    return text;
}

/* printf 'g3nops-serve-proof-1\nhttp\n%s' NONCE | openssl dgst -sha256 -mac HMAC -macopt key:TOKEN */
static void a_proof_is_an_hmac_of_the_surface_and_the_nonce(void **state)
{
    (void)state;
    char question[256];
    uint8_t mac[OPS_SHA256_BYTES];
    char expected[OPS_PROOF_TEXT_SIZE];
    int length = snprintf(question, sizeof question, "g3nops-serve-proof-1\nhttp\n%s", NONCE);
    assert_int_equal(ops_hmac_sha256(ops_view_of(TOKEN), ops_view(question, (size_t)length), mac), OPS_OK);
    ops_hex(mac, sizeof mac, expected);
    assert_string_equal(proof(TOKEN, "http", NONCE), expected);
    assert_true(ops_proof_well_formed(ops_view_of(expected)));
}

static void another_token_surface_or_nonce_gives_another(void **state)
{
    (void)state;
    const char *first = proof(TOKEN, "http", NONCE);
    assert_string_equal(first, proof(TOKEN, "http", NONCE));
    assert_string_not_equal(first, proof(TOKEN, "invoke", NONCE));
    assert_string_not_equal(first, proof(NONCE, "http", NONCE));
    assert_string_not_equal(first, proof(TOKEN, "http", TOKEN));
}

static void only_sixty_four_digits_are_well_formed(void **state)
{
    (void)state;
    assert_true(ops_proof_well_formed(ops_view_of(NONCE)));
    assert_false(ops_proof_well_formed(ops_view_of("")));
    assert_false(ops_proof_well_formed(ops_view_of(NONCE "0")));
    assert_false(ops_proof_well_formed(ops_view(NONCE, 63)));
    assert_false(ops_proof_well_formed(ops_view_of("FFEEDDCCBBAA99887766554433221100ffeeddccbbaa99887766554433221100")));
    assert_false(ops_proof_well_formed(ops_view_of("../../../..aa99887766554433221100ffeeddccbbaa99887766554433221100")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_proof_is_an_hmac_of_the_surface_and_the_nonce),
        cmocka_unit_test(another_token_surface_or_nonce_gives_another),
        cmocka_unit_test(only_sixty_four_digits_are_well_formed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
