#include "contract/session_suite.h"

#include "base/instant.h"
#include "support/alloc_fault.h"
#include "support/cmocka_all.h"

#include <pthread.h>

static const struct session_suite_source *suite_source;

static int set_up(void **state)
{
    *state = suite_source->open();
    return *state ? 0 : -1;
}

static int tear_down(void **state)
{
    suite_source->close(*state);
    return 0;
}

static enum ops_status check(struct ops_session_source *source, const char *guid, int64_t now_ms,
                             struct ops_session *ret_session)
{
    struct ops_error error = OPS_ERROR_INIT;
    enum ops_status status = ops_session_check(source, ops_view_of(guid), now_ms, ret_session, &error);
    assert_null(strstr(error.text, guid));
    ops_error_release(&error);
    return status;
}

static void an_active_session_tells_whose_it_is(void **state)
{
    struct ops_session session;
    assert_int_equal(check(*state, SESSION_SUITE_GUID, SESSION_SUITE_EXPIRES_MS - OPS_HOUR_MS, &session), OPS_OK);
    assert_string_equal(session.user, "ann");
    assert_string_equal(session.orgcode, "ACME");
    assert_string_equal(session.cccode, "CC1");
}

static void a_session_counts_until_just_before_it_expires(void **state)
{
    struct ops_session session = {.user = "untouched"};
    assert_int_equal(check(*state, SESSION_SUITE_GUID, SESSION_SUITE_EXPIRES_MS - 1, &session), OPS_OK);
    session = (struct ops_session){.user = "untouched"};
    assert_int_equal(check(*state, SESSION_SUITE_GUID, SESSION_SUITE_EXPIRES_MS, &session), OPS_SESSION_INVALID);
    assert_string_equal(session.user, "untouched");
}

static void a_guid_that_is_not_known_is_invalid(void **state)
{
    static const char *const guids[] = {
        "5f0c1a52-3b7e-4a55-9d0c-0a9be6f2c002",
        "5F0C1A52-3B7E-4A55-9D0C-0A9BE6F2C001",
        "5f0c1a52-3b7e-4a55-9d0c-0a9be6f2c00",
        "5f0c1a52-3b7e-4a55-9d0c-0a9be6f2c0011",
        "x",
        "%",
        "' OR 1=1 --",
        "\"},{\"",
        ("0123456789012345678901234567890123456789012345678901234567890123"
         "0123456789012345678901234567890123456789012345678901234567890123"),
    };
    struct ops_session session = {.user = "untouched"};
    for (size_t i = 0; i < sizeof guids / sizeof guids[0]; i++)
        assert_int_equal(check(*state, guids[i], SESSION_SUITE_EXPIRES_MS - OPS_HOUR_MS, &session), OPS_SESSION_INVALID);
    assert_string_equal(session.user, "untouched");
}

enum { THREAD_COUNT = 4, CHECKS = 25 };

static void *check_often(void *source)
{
    uintptr_t wrong = 0;
    for (int i = 0; i < CHECKS; i++) {
        struct ops_session session = {.user = ""};
        wrong += ops_session_check(source, ops_view_of(SESSION_SUITE_GUID), SESSION_SUITE_EXPIRES_MS - OPS_HOUR_MS, &session,
                                   NULL) != OPS_OK;
        wrong += strcmp(session.user, "ann") != 0;
    }
    return (void *)wrong;
}

static void several_threads_may_check_at_once(void **state)
{
    pthread_t threads[THREAD_COUNT];
    for (int i = 0; i < THREAD_COUNT; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, check_often, *state), 0);
    for (int i = 0; i < THREAD_COUNT; i++) {
        void *wrong = NULL;
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
}

/* Opens and checks while the n-th allocation fails; whether it came to that. */
static bool check_without_memory(size_t n)
{
    struct ops_session session = {.user = ""};
    alloc_fault_install(n);
    struct ops_session_source *source = suite_source->open();
    if (!source)
        source = suite_source->open();
    assert_non_null(source);
    bool hit_before = alloc_fault_hit();
    enum ops_status status = check(source, SESSION_SUITE_GUID, SESSION_SUITE_EXPIRES_MS - OPS_HOUR_MS, &session);
    bool hit = alloc_fault_hit();
    assert_int_equal(status, hit && !hit_before ? OPS_NO_MEMORY : OPS_OK);
    suite_source->close(source);
    assert_int_equal(alloc_fault_live_count(), 0);
    alloc_fault_remove();
    return hit;
}

static void without_memory_a_check_is_never_a_pass_and_nothing_leaks(void **state)
{
    (void)state;
    size_t n = 1;
    while (check_without_memory(n)) {
        n++;
        assert_true(n < 1000);
    }
    assert_true(n > 2);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int session_suite_run(const char *name, const struct session_suite_source *source)
{
    const struct CMUnitTest tests[] = {
        CASE(an_active_session_tells_whose_it_is),
        CASE(a_guid_that_is_not_known_is_invalid),
        CASE(several_threads_may_check_at_once),
        cmocka_unit_test(without_memory_a_check_is_never_a_pass_and_nothing_leaks),
        CASE(a_session_counts_until_just_before_it_expires), /* last: left out for a source that does not look at now_ms */
    };
    size_t count = sizeof tests / sizeof tests[0] - (source->expires ? 0 : 1);
    suite_source = source;
    return _cmocka_run_group_tests(name, tests, count, NULL, NULL);
}
