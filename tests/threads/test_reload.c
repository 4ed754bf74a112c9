/* The engine's manifest is read anew, while everybody works. */
#include "adapters/local/sessions.h"
#include "adapters/memory/clock.h"
#include "adapters/memory/hasher.h"
#include "adapters/sys/random.h"
#include "app/call.h"
#include "base/json.h"
#include "base/mem.h"
#include "main/engine.h"
#include "support/alloc_fault.h"
#include "support/cmocka_all.h"
#include "support/scratch.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { READERS = 3, RELOADS = 100 };

#define GUID "session-guid-0123456789"
static const int64_t now_ms = INT64_C(1795491600000);

/* Two manifests that differ in their targets and in where sessions are. ' stands for ". */
#define TABLE(name) "{'name': '" name "', 'org': {'by': 'attribute', 'name': 'org'}}"
#define WHO                                                                                                                 \
    "'services': [{'code': 'usm', 'tables': [" TABLE("usm_a") ", " TABLE("usm_b") "]},"                                     \
                                                                                  " {'code': 'uas', 'tables': [" TABLE(     \
                                                                                      "uas_a") ", " TABLE("uas_b") "]}"
static const char first[] = "{'stack': 'shop', 'sessions': {'sessions_table': 'usm_a', 'users_table': 'uas_a'}, " WHO
                            ", {'code': 'pvm', 'tables': [" TABLE("one") "]}]}";
static const char second[] = "{'stack': 'shop', 'sessions': {'sessions_table': 'usm_b', 'users_table': 'uas_b'}, " WHO
                             ", {'code': 'pvm', 'tables': [" TABLE("one") ", " TABLE("two") "]}]}";
static const char without_sessions[] = "{'stack': 'shop', 'services': []}";
static const char with_two_problems[] =
    "{'stack': 'shop', 'services': [{'code': 'pvm', 'tables': [{'name': 'one'}, {'name': 'two'}]}]}";
enum { FIRST_TARGETS = 5, SECOND_TARGETS = 6 };

struct service {
    char directory[SCRATCH_SIZE];
    struct ops_clock *clock;
    struct ops_engine_config config;
    struct ops_engine engine;
};

static void write_manifest(struct service *service, const char *text)
{
    char json[1024];
    size_t length = strlen(text);
    assert_true(length < sizeof json);
    for (size_t i = 0; i <= length; i++)
        json[i] = (char)(text[i] == '\'' ? '"' : text[i]);
    scratch_write(scratch_path(service->directory, "manifest.json"), json);
}

static struct service *make_service(const char *manifest)
{
    struct service *service = calloc(1, sizeof *service);
    assert_non_null(service);
    scratch_make(service->directory);
    assert_int_equal(ops_memory_clock_new(now_ms, &service->clock), OPS_OK);
    service->config = (struct ops_engine_config){.data_dir = service->directory,
                                                 .clock = service->clock,
                                                 .random = ops_system_random(),
                                                 .hasher = ops_memory_hasher()};
    if (manifest)
        write_manifest(service, manifest);
    assert_int_equal(ops_engine_open(&service->config, &service->engine, NULL), OPS_OK);
    assert_int_equal(ops_local_session_create(service->directory, "usm_a", "uas_a", "ann", GUID, now_ms + OPS_DAY_MS, NULL),
                     OPS_OK);
    return service;
}

static int start_service(void **state)
{
    *state = make_service(first);
    return 0;
}

static int stop_service(void **state)
{
    struct service *service = *state;
    ops_engine_close(&service->engine);
    ops_memory_clock_free(service->clock);
    scratch_remove(service->directory);
    free(service);
    return 0;
}

static enum ops_status ask_with_session(struct service *service)
{
    struct ops_answer answer;
    const struct ops_call call = {.operation = ops_operation_by_route(ops_view_of("/ops/maintenance/list")),
                                  .session_guid = ops_view_of(GUID)};
    ops_answer_init(&answer);
    ops_app_answer(service->engine.app, &call, &answer);
    ops_answer_release(&answer);
    return answer.status;
}

static void reload_well(struct service *service, bool changed, size_t target_count)
{
    struct ops_manifest_news news;
    struct ops_error error = OPS_ERROR_INIT;
    if (ops_engine_reload_manifest(&service->engine, &service->config, &news, &error) != OPS_OK)
        fail_msg("%s", error.text);
    assert_int_equal(news.changed, changed);
    assert_int_equal(news.target_count, target_count);
}

static void reload_badly(struct service *service, enum ops_status expected, const char *words, size_t problem_count)
{
    struct ops_manifest_news news;
    struct ops_error error = OPS_ERROR_INIT;
    assert_int_equal(ops_engine_reload_manifest(&service->engine, &service->config, &news, &error), expected);
    assert_non_null(strstr(error.text, "manifest.json"));
    assert_non_null(strstr(error.text, words));
    assert_int_equal(json_array_size(json_object_get(error.details, "problems")), problem_count);
    ops_error_release(&error);
}

static void a_manifest_that_says_another_thing_is_told_from_one_that_does_not(void **state)
{
    struct service *service = *state;
    reload_well(service, false, FIRST_TARGETS);
    write_manifest(service, second);
    reload_well(service, true, SECOND_TARGETS);
    reload_well(service, false, SECOND_TARGETS);
}

static void sessions_are_looked_for_where_the_manifest_of_now_says(void **state)
{
    struct service *service = *state;
    assert_int_equal(ask_with_session(service), OPS_OK);
    write_manifest(service, second);
    reload_well(service, true, SECOND_TARGETS);
    assert_int_equal(ask_with_session(service), OPS_SESSION_STORE_UNAVAILABLE);
    assert_int_equal(ops_local_session_create(service->directory, "usm_b", "uas_b", "bea", GUID, now_ms + OPS_DAY_MS, NULL),
                     OPS_OK);
    assert_int_equal(ask_with_session(service), OPS_OK);
    write_manifest(service, without_sessions);
    reload_well(service, true, 0);
    assert_int_equal(ask_with_session(service), OPS_SESSION_STORE_UNAVAILABLE);
    write_manifest(service, first);
    reload_well(service, true, FIRST_TARGETS);
    assert_int_equal(ask_with_session(service), OPS_OK);
}

static void one_that_is_no_manifest_changes_nothing_and_every_problem_is_told(void **state)
{
    struct service *service = *state;
    write_manifest(service, with_two_problems);
    reload_badly(service, OPS_INVALID_FIELD, "services[0].tables[0].org", 2);
    write_manifest(service, "{'stack': ");
    reload_badly(service, OPS_INVALID_JSON, "", 0);
    assert_int_equal(ask_with_session(service), OPS_OK);
    write_manifest(service, first);
    reload_well(service, false, FIRST_TARGETS);
}

static void one_that_has_gone_is_missed_and_the_sample_does_not_take_its_place(void **state)
{
    struct service *service = *state;
    assert_int_equal(unlink(scratch_path(service->directory, "manifest.json")), 0);
    reload_badly(service, OPS_IO_ERROR, "No such file or directory", 0);
    assert_int_equal(ask_with_session(service), OPS_OK);
}

static void the_sample_gives_way_to_a_manifest_that_has_come(void **state)
{
    struct service *service = make_service(NULL);
    struct ops_manifest_news news;
    *state = service;
    assert_int_equal(ops_engine_reload_manifest(&service->engine, &service->config, &news, NULL), OPS_OK);
    assert_false(news.changed);
    write_manifest(service, first);
    reload_well(service, true, FIRST_TARGETS);
    assert_int_equal(ask_with_session(service), OPS_OK);
}

struct readers {
    struct service *service;
    atomic_bool over;
    atomic_int wrong_count;
};

static void *read_on(void *context)
{
    struct readers *readers = context;
    while (!atomic_load(&readers->over))
        atomic_fetch_add(&readers->wrong_count, ask_with_session(readers->service) != OPS_OK);
    return NULL;
}

static void no_check_goes_wrong_while_the_source_is_replaced(void **state)
{
    struct readers readers = {.service = *state};
    pthread_t threads[READERS];
    assert_int_equal(
        ops_local_session_create(readers.service->directory, "usm_b", "uas_b", "bea", GUID, now_ms + OPS_DAY_MS, NULL),
        OPS_OK);
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_on, &readers), 0);
    for (int i = 1; i <= RELOADS; i++) {
        write_manifest(readers.service, i % 2 ? second : first);
        reload_well(readers.service, true, i % 2 ? SECOND_TARGETS : FIRST_TARGETS);
    }
    atomic_store(&readers.over, true);
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(atomic_load(&readers.wrong_count), 0);
}

static void any_allocation_may_fail_and_then_all_is_as_before(void **state)
{
    (void)state;
    bool hit = true;
    alloc_fault_install(0);
    struct service *service = make_service(first);
    write_manifest(service, second);
    for (size_t n = 1; hit; n++) {
        struct ops_manifest_news news;
        struct ops_error error = OPS_ERROR_INIT;
        size_t live_count = alloc_fault_live_count();
        alloc_fault_arm(n);
        enum ops_status status = ops_engine_reload_manifest(&service->engine, &service->config, &news, &error);
        hit = alloc_fault_hit();
        alloc_fault_arm(0);
        ops_error_release(&error);
        assert_int_equal(status, hit ? OPS_NO_MEMORY : OPS_OK);
        if (hit)
            assert_int_equal(alloc_fault_live_count(), live_count);
        assert_int_equal(ask_with_session(service), hit ? OPS_OK : OPS_SESSION_STORE_UNAVAILABLE);
    }
    void *again = service;
    (void)stop_service(&again);
    alloc_fault_remove();
}

#define WITH_SERVICE(test) cmocka_unit_test_setup_teardown(test, start_service, stop_service)

int main(void)
{
    ops_mem_use(NULL);
    const struct CMUnitTest tests[] = {
        WITH_SERVICE(a_manifest_that_says_another_thing_is_told_from_one_that_does_not),
        WITH_SERVICE(sessions_are_looked_for_where_the_manifest_of_now_says),
        WITH_SERVICE(one_that_is_no_manifest_changes_nothing_and_every_problem_is_told),
        WITH_SERVICE(one_that_has_gone_is_missed_and_the_sample_does_not_take_its_place),
        cmocka_unit_test_teardown(the_sample_gives_way_to_a_manifest_that_has_come, stop_service),
        WITH_SERVICE(no_check_goes_wrong_while_the_source_is_replaced),
        cmocka_unit_test(any_allocation_may_fail_and_then_all_is_as_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
