#include "adapters/memory/hasher.h"
#include "adapters/sys/scrypt.h"
#include "contract/hasher_suite.h"
#include "support/cmocka_all.h"

static enum ops_status verify(const char *secret, const char *phc)
{
    return ops_hasher_verify(ops_scrypt_hasher(), ops_view_of(secret), ops_view_of(phc));
}

/* RFC 7914 section 12, the third vector, written as a PHC string; and its first half, which is the vector of a shorter key.
 */
static void scrypt_agrees_with_the_vector_of_its_rfc(void **state)
{
    (void)state;
    assert_int_equal(verify("pleaseletmein", "$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$"
                                             "cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofLVQylVYT8Pz2LUlwUkKpr55h6F3A1lHkDf"
                                             "zwF7RVdYhw"),
                     OPS_OK);
    assert_int_equal(verify("pleaseletmein", "$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$"
                                             "cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofI"),
                     OPS_OK);
}

static void a_new_hash_has_the_parameters_that_the_contract_fixes(void **state)
{
    (void)state;
    const uint8_t salt[OPS_SALT_BYTES] = {0xfb, 0xff, 0xfe};
    char phc[OPS_PHC_SIZE];
    assert_int_equal(ops_hasher_hash(ops_scrypt_hasher(), ops_view_of("twelve bytes or more"), salt, phc), OPS_OK);
    static const char start[] = "$scrypt$ln=15,r=8,p=1$+//+AAAAAAAAAAAAAAAAAA$";
    assert_memory_equal(phc, start, sizeof start - 1);
    assert_int_equal(strlen(phc), sizeof start - 1 + 43);
}

static void parameters_out_of_bounds_are_corrupt_and_cost_nothing(void **state)
{
    (void)state;
#define TAIL "$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofI"
    static const char *const strings[] = {
        "$scrypt$ln=9,r=8,p=1" TAIL,
        "$scrypt$ln=19,r=8,p=1" TAIL,
        "$scrypt$ln=63,r=8,p=1" TAIL,
        "$scrypt$ln=18,r=16,p=1" TAIL,
        "$scrypt$ln=14,r=0,p=1" TAIL,
        "$scrypt$ln=14,r=17,p=1" TAIL,
        "$scrypt$ln=14,r=8,p=0" TAIL,
        "$scrypt$ln=14,r=8,p=5" TAIL,
        "$scrypt$ln=014,r=8,p=1" TAIL,
        "$scrypt$ln=-1,r=8,p=1" TAIL,
        "$scrypt$ln=,r=8,p=1" TAIL,
        "$scrypt$r=8,ln=14,p=1" TAIL,
        "$scrypt$ln=14,r=8,p=1,x=1" TAIL,
        "$scrypt$ln=14,r=8,p=1$U29k$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofI",
        "$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$cCO9",
        "$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046_2o-7qQT44-qbVD9lRdofI",
        "$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofI=",
        "$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofI$",
    };
    for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++)
        assert_int_equal(verify("pleaseletmein", strings[i]), OPS_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scrypt_agrees_with_the_vector_of_its_rfc),
        cmocka_unit_test(a_new_hash_has_the_parameters_that_the_contract_fixes),
        cmocka_unit_test(parameters_out_of_bounds_are_corrupt_and_cost_nothing),
    };
    return hasher_suite_run("hasher_memory", ops_memory_hasher(), "$sha256$") +
           hasher_suite_run("hasher_scrypt", ops_scrypt_hasher(), "$scrypt$ln=15,r=8,p=1$") +
           cmocka_run_group_tests(tests, NULL, NULL);
}
