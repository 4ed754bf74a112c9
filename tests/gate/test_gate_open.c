/* What a configuration may say: whatever is wrong is told at once, by its name. */
#include "gate/script.h"

#include "support/alloc_fault.h"
#include "support/cmocka_all.h"

#include <stdio.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

struct wrong_row {
    const char *name; /* of the member, in the reason */
    opsgate_config config;
};

#define SIZE sizeof(opsgate_config)

static const char *const relative_paths[] = {"/healthz", "ready", NULL};
static const char *const query_paths[] = {"/healthz?verbose", NULL};
static const char *const empty_paths[] = {"", NULL};
static const char *const star_paths[] = {"*", NULL};

static const struct wrong_row wrong_rows[] = {
    {"size", {0, NULL, script_ask, NULL, 5000, 2000, 250, NULL, NULL}},
    {"size", {SIZE - 1, NULL, script_ask, NULL, 5000, 2000, 250, NULL, NULL}},
    {"size", {SIZE + 8, NULL, script_ask, NULL, 5000, 2000, 250, NULL, NULL}},
    {"source and ask", {SIZE, NULL, NULL, NULL, 5000, 2000, 250, NULL, NULL}},
    {"source and ask", {SIZE, "http://ops", script_ask, NULL, 5000, 2000, 250, NULL, NULL}},
    {"refresh_ms is 0", {SIZE, NULL, script_ask, NULL, 0, 2000, 250, NULL, NULL}},
    {"refresh_ms is 999", {SIZE, NULL, script_ask, NULL, 999, 2000, 250, NULL, NULL}},
    {"refresh_ms is 15001", {SIZE, NULL, script_ask, NULL, 15001, 2000, 250, NULL, NULL}},
    {"timeout_ms is 99", {SIZE, NULL, script_ask, NULL, 5000, 99, 250, NULL, NULL}},
    {"timeout_ms is 9001", {SIZE, NULL, script_ask, NULL, 5000, 9001, 250, NULL, NULL}},
    {"first_wait_ms is 10001", {SIZE, NULL, script_ask, NULL, 5000, 2000, 10001, NULL, NULL}},
    {"first_wait_ms is 4294967295", {SIZE, NULL, script_ask, NULL, 5000, 2000, 4294967295U, NULL, NULL}},
    {"refresh_ms and timeout_ms are 15000 and 4001", {SIZE, NULL, script_ask, NULL, 15000, 4001, 250, NULL, NULL}},
    {"refresh_ms and timeout_ms are 10001 and 9000", {SIZE, NULL, script_ask, NULL, 10001, 9000, 250, NULL, NULL}},
    {"service must", {SIZE, NULL, script_ask, NULL, 5000, 2000, 250, NULL, "caf\xe9"}},
    {"service must", {SIZE, NULL, script_ask, NULL, 5000, 2000, 250, NULL, "a\"b"}},
    {"health_paths: \"ready\" must", {SIZE, NULL, script_ask, NULL, 5000, 2000, 250, relative_paths, NULL}},
    {"health_paths: \"/healthz?verbose\" must", {SIZE, NULL, script_ask, NULL, 5000, 2000, 250, query_paths, NULL}},
    {"health_paths: \"\" must", {SIZE, NULL, script_ask, NULL, 5000, 2000, 250, empty_paths, NULL}},
    {"health_paths: \"*\" must", {SIZE, NULL, script_ask, NULL, 5000, 2000, 250, star_paths, NULL}},
    {"source ", {SIZE, "", NULL, NULL, 5000, 2000, 250, NULL, NULL}},
    {"source ftp://ops", {SIZE, "ftp://ops", NULL, NULL, 5000, 2000, 250, NULL, NULL}},
    {"source HTTP", {SIZE, "HTTP", NULL, NULL, 5000, 2000, 250, NULL, NULL}},
    {"source http:// names no host", {SIZE, "http://", NULL, NULL, 5000, 2000, 250, NULL, NULL}},
    {"source https:// names no host", {SIZE, "https://", NULL, NULL, 5000, 2000, 250, NULL, NULL}},
    {"source dynamodb: names no table", {SIZE, "dynamodb:", NULL, NULL, 5000, 2000, 250, NULL, NULL}},
    {"source store: names no directory", {SIZE, "store:", NULL, NULL, 5000, 2000, 250, NULL, NULL}},
};

static void every_wrong_member_is_refused_by_its_name(void **state)
{
    opsgate *const untouched = (opsgate *)(void *)state;
    for (size_t i = 0; i < COUNT_OF(wrong_rows); i++) {
        const struct wrong_row *row = &wrong_rows[i];
        char why[OPSGATE_ERROR_SIZE] = "?", checked[OPSGATE_ERROR_SIZE] = "?";
        opsgate *gate = untouched;
        assert_int_equal(opsgate_open(&row->config, &gate, why), OPSGATE_BAD_CONFIG);
        if (!strstr(why, row->name))
            fail_msg("%s: %s", row->name, why);
        assert_ptr_equal(gate, untouched);
        assert_int_equal(opsgate_open(&row->config, &gate, NULL), OPSGATE_BAD_CONFIG);
        assert_int_equal(opsgate_config_check(&row->config, checked), OPSGATE_BAD_CONFIG);
        assert_string_equal(checked, why);
        assert_int_equal(opsgate_config_check(&row->config, NULL), OPSGATE_BAD_CONFIG);
    }
}

static void no_configuration_is_refused(void **state)
{
    char why[OPSGATE_ERROR_SIZE];
    opsgate *gate = NULL;
    (void)state;
    assert_int_equal(opsgate_config_check(NULL, why), OPSGATE_BAD_CONFIG);
    assert_non_null(strstr(why, "OPSGATE_CONFIG_INIT"));
    assert_int_equal(opsgate_open(NULL, &gate, why), OPSGATE_BAD_CONFIG);
    assert_null(gate);
}

static void a_right_one_is_checked_without_asking_or_allocating_anything(void **state)
{
    static const char *const sources[] = {NULL, "http://ops.internal:8080", "dynamodb:ops_main", "store:/nowhere"};
    static const char *const paths[] = {"/healthz", "/ready*", NULL};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(sources); i++) {
        struct script script = {0};
        opsgate_config config = {SIZE, sources[i], sources[i] ? NULL : script_ask, &script, 5000, 2000, 250, paths, "shop"};
        char why[OPSGATE_ERROR_SIZE] = "?";
        alloc_fault_install(1);
        assert_int_equal(opsgate_config_check(&config, why), OPSGATE_OK);
        assert_false(alloc_fault_hit());
        alloc_fault_remove();
        assert_string_equal(why, "");
        assert_int_equal(opsgate_config_check(&config, NULL), OPSGATE_OK);
        assert_int_equal(atomic_load(&script.begun_count), 0);
    }
}

static void a_reason_is_cut_where_it_does_not_fit(void **state)
{
    opsgate_config config = OPSGATE_CONFIG_INIT;
    char source[OPSGATE_ERROR_SIZE * 4], why[OPSGATE_ERROR_SIZE];
    opsgate *gate = NULL;
    (void)state;
    memset(source, 'x', sizeof source);
    source[sizeof source - 1] = '\0';
    config.source = source;
    assert_int_equal(opsgate_open(&config, &gate, why), OPSGATE_BAD_CONFIG);
    assert_in_range(strnlen(why, sizeof why), 1, sizeof why - 1);
}

static void the_borders_are_allowed(void **state)
{
    static const unsigned borders[][3] = {{1000, 100, 0}, {15000, 4000, 10000}, {10000, 9000, 250}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(borders); i++) {
        struct script script = {0};
        opsgate_config config = OPSGATE_CONFIG_INIT;
        config.refresh_ms = borders[i][0];
        config.timeout_ms = borders[i][1];
        config.first_wait_ms = borders[i][2];
        opsgate_close(script_open(&script, &config));
    }
}

static void names_and_paths_are_copied(void **state)
{
    struct script script = {.answer = 1};
    opsgate_config config = OPSGATE_CONFIG_INIT;
    char service[] = "billing", path[] = "/healthz";
    const char *paths[] = {path, NULL};
    (void)state;
    config.service = service;
    config.health_paths = paths;
    config.first_wait_ms = 10000;
    opsgate *gate = script_open(&script, &config);
    memset(service, 'x', sizeof service);
    memset(path, 'x', sizeof path);
    paths[0] = NULL;
    assert_int_equal(opsgate_check_request(gate, "GET", "/healthz"), 0);
    assert_int_equal(opsgate_check_request(gate, "GET", "/"), 1);
    opsgate_response *response = opsgate_respond(gate, NULL);
    assert_non_null(strstr(response->body, "\"billing\""));
    opsgate_response_free(response);
    opsgate_close(gate);
}

static void a_service_without_a_name_is_called_gate(void **state)
{
    static const char *const names[] = {NULL, ""};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct script script = {0};
        opsgate_config config = OPSGATE_CONFIG_INIT;
        config.service = names[i];
        opsgate *gate = script_open(&script, &config);
        opsgate_response *response = opsgate_respond(gate, NULL);
        assert_non_null(strstr(response->body, "\"service\":\"gate\""));
        opsgate_response_free(response);
        opsgate_close(gate);
    }
}

/* Each allocation fails in turn: those of opening refuse, those of the first question are a failure of that question. */
static void without_memory_there_is_no_gate_or_one_that_says_so(void **state)
{
    static const char *const paths[] = {"/healthz", "/ready*", NULL};
    bool hit = true, opened_once = false;
    (void)state;
    for (size_t n = 1; hit; n++) {
        struct script script = {.answer = 1, .window = "{\"updates\": []}"}; /* no long string: jansson */
        opsgate_config config = {SIZE, NULL, script_ask, &script, 15000, 2000, 10000, paths, "billing"};
        char why[OPSGATE_ERROR_SIZE];
        opsgate *gate = NULL;
        alloc_fault_install(n);
        opsgate_status status = opsgate_open(&config, &gate, why);
        if (status == OPSGATE_OK) {
            opsgate_counters counters;
            int blocked = opsgate_check(gate);
            hit = alloc_fault_hit();
            opsgate_count(gate, &counters);
            assert_int_equal(blocked, !hit);
            assert_int_equal(counters.failed, hit);
            assert_string_equal(counters.last_failure, hit ? "There is not enough memory." : "");
            opsgate_close(gate);
            opened_once = true;
        } else {
            assert_int_equal(status, OPSGATE_NO_MEMORY);
            assert_true(strlen(why) > 0);
            assert_false(opened_once);
        }
        assert_int_equal(alloc_fault_live_count(), 0);
        alloc_fault_remove();
    }
    assert_true(opened_once);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_wrong_member_is_refused_by_its_name),
        cmocka_unit_test(no_configuration_is_refused),
        cmocka_unit_test(a_right_one_is_checked_without_asking_or_allocating_anything),
        cmocka_unit_test(a_reason_is_cut_where_it_does_not_fit),
        cmocka_unit_test(the_borders_are_allowed),
        cmocka_unit_test(names_and_paths_are_copied),
        cmocka_unit_test(a_service_without_a_name_is_called_gate),
        cmocka_unit_test(without_memory_there_is_no_gate_or_one_that_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
