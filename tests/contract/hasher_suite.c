#include "contract/hasher_suite.h"

#include "support/alloc_fault.h"
#include "support/cmocka_all.h"

#include <pthread.h>
#include <stdio.h>

static struct ops_hasher *suite_hasher;
static const char *suite_prefix;

static const uint8_t salt[OPS_SALT_BYTES] = "0123456789abcde";
static const char secret[] = "correct horse battery staple";

static enum ops_status verify(const char *secret_text, const char *phc)
{
    return ops_hasher_verify(suite_hasher, ops_view_of(secret_text), ops_view_of(phc));
}

static void a_secret_gives_its_own_hash_and_no_other(void **state)
{
    (void)state;
    char phc[OPS_PHC_SIZE];
    assert_int_equal(ops_hasher_hash(suite_hasher, ops_view_of(secret), salt, phc), OPS_OK);
    assert_memory_equal(phc, suite_prefix, strlen(suite_prefix));
    assert_null(strstr(phc, secret));
    assert_int_equal(verify(secret, phc), OPS_OK);
    assert_int_equal(verify("correct horse battery stapl", phc), OPS_SECRET_CODE_MISMATCH);
    assert_int_equal(verify("correct horse battery staplE", phc), OPS_SECRET_CODE_MISMATCH);
    assert_int_equal(verify("", phc), OPS_SECRET_CODE_MISMATCH);
    assert_int_equal(verify("correct horse battery staple ", phc), OPS_SECRET_CODE_MISMATCH);
}

static void the_same_secret_and_salt_give_the_same_string_and_another_salt_another(void **state)
{
    (void)state;
    const uint8_t other_salt[OPS_SALT_BYTES] = "0123456789abcdf";
    char phc[OPS_PHC_SIZE], same[OPS_PHC_SIZE], other[OPS_PHC_SIZE];
    assert_int_equal(ops_hasher_hash(suite_hasher, ops_view_of(secret), salt, phc), OPS_OK);
    assert_int_equal(ops_hasher_hash(suite_hasher, ops_view_of(secret), salt, same), OPS_OK);
    assert_int_equal(ops_hasher_hash(suite_hasher, ops_view_of(secret), other_salt, other), OPS_OK);
    assert_string_equal(phc, same);
    assert_string_not_equal(phc, other);
}

static void every_cut_of_a_string_is_corrupt_or_no_match(void **state)
{
    (void)state;
    char phc[OPS_PHC_SIZE];
    assert_int_equal(ops_hasher_hash(suite_hasher, ops_view_of(secret), salt, phc), OPS_OK);
    size_t length = strlen(phc);
    size_t last_field = (size_t)(strrchr(phc, '$') - phc);
    for (size_t cut = 0; cut <= last_field; cut++)
        assert_int_equal(ops_hasher_verify(suite_hasher, ops_view_of(secret), ops_view(phc, cut)), OPS_CORRUPT);
    assert_int_not_equal(ops_hasher_verify(suite_hasher, ops_view_of(secret), ops_view(phc, length - 1)), OPS_OK);
    assert_int_equal(verify(secret, "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$x"), OPS_CORRUPT);
}

enum { THREAD_COUNT = 4, VERIFICATIONS = 2 };

static void *verify_often(void *phc)
{
    uintptr_t wrong = 0;
    for (int i = 0; i < VERIFICATIONS; i++)
        wrong += verify(secret, phc) != OPS_OK;
    return (void *)wrong;
}

static void several_threads_may_verify_at_once(void **state)
{
    (void)state;
    char phc[OPS_PHC_SIZE];
    pthread_t threads[THREAD_COUNT];
    assert_int_equal(ops_hasher_hash(suite_hasher, ops_view_of(secret), salt, phc), OPS_OK);
    for (int i = 0; i < THREAD_COUNT; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, verify_often, phc), 0);
    for (int i = 0; i < THREAD_COUNT; i++) {
        void *wrong = NULL;
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
}

static void without_memory_nothing_is_a_match(void **state)
{
    (void)state;
    char phc[OPS_PHC_SIZE];
    assert_int_equal(ops_hasher_hash(suite_hasher, ops_view_of(secret), salt, phc), OPS_OK);
    bool hit = true;
    for (size_t n = 1; hit; n++) {
        char again[OPS_PHC_SIZE];
        assert_true(n < 100);
        alloc_fault_install(n);
        enum ops_status hashed = ops_hasher_hash(suite_hasher, ops_view_of(secret), salt, again);
        bool hit_before = alloc_fault_hit();
        enum ops_status verified = verify(secret, phc);
        hit = alloc_fault_hit();
        assert_int_equal(hashed, hit_before ? OPS_NO_MEMORY : OPS_OK);
        assert_int_equal(verified, hit && !hit_before ? OPS_NO_MEMORY : OPS_OK);
        assert_int_equal(alloc_fault_live_count(), 0);
        alloc_fault_remove();
    }
}

int hasher_suite_run(const char *name, struct ops_hasher *hasher, const char *prefix)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_secret_gives_its_own_hash_and_no_other),
        cmocka_unit_test(the_same_secret_and_salt_give_the_same_string_and_another_salt_another),
        cmocka_unit_test(every_cut_of_a_string_is_corrupt_or_no_match),
        cmocka_unit_test(several_threads_may_verify_at_once),
        cmocka_unit_test(without_memory_nothing_is_a_match),
    };
    suite_hasher = hasher;
    suite_prefix = prefix;
    return _cmocka_run_group_tests(name, tests, sizeof tests / sizeof tests[0], NULL, NULL);
}
