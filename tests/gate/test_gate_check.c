/* A gate with its thread, in real time: what a service sees of its source's answers, failures and silence. */
#include "gate/script.h"

#include "support/cmocka_all.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <pthread.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

enum { HELPERS = 4, CHECKS = 5000, LATER_CHECKS = 100, LONG_WAIT_MS = 10000 };

static opsgate_config quick_config(void)
{
    opsgate_config config = OPSGATE_CONFIG_INIT;
    config.refresh_ms = 1000;
    config.first_wait_ms = LONG_WAIT_MS;
    return config;
}

static opsgate_counters count(opsgate *gate)
{
    opsgate_counters counters;
    opsgate_count(gate, &counters);
    return counters;
}

static uint64_t sum(const opsgate_counters *counters)
{
    return counters->fresh + counters->stale + counters->unknown + counters->blocked;
}

/* ---- What is never turned away ---- */

struct path_row {
    const char *method;
    const char *path;
    int blocked;
};

static const struct path_row path_rows[] = {
    {"GET", "/healthz", 0},
    {NULL, "/healthz", 0},
    {"POST", "/healthz", 0},
    {"GET", "/healthz?full=1", 0},
    {"GET", "/healthz?#/../orders", 0},
    {"GET", "/healthz?/../orders", 0},
    {"GET", "/odd/../but;named", 0},
    {"GET", "/ready/", 0},
    {"GET", "/ready/db?x", 0},
    {"GET", "/ready/a%20b.c-d_e~f", 0},
    {"OPTIONS", "/orders", 0},
    {"OPTIONS", NULL, 0},
    {"GET", "/orders", 1},
    {"options", "/orders", 1}, /* methods have one spelling */
    {"OPTIONSX", "/orders", 1},
    {"", "/orders", 1},
    {NULL, NULL, 1},
    {"GET", NULL, 1},
    {"GET", "", 1},
    {"GET", "?", 1},
    {"GET", "/", 1},
    {"GET", "/health", 1},
    {"GET", "/healthzz", 1},
    {"GET", "/healthz/", 1},
    {"GET", "/HEALTHZ", 1},
    {"GET", "/ready", 1},
    {"GET", "/x/healthz", 1},
    {"GET", "/orders?path=/healthz", 1},
    {"GET", "/healthz#top", 1},
    {"GET", "/healthz#/../orders", 1},
    {"GET", "/ready/../orders", 1},
    {"GET", "/ready/.", 1},
    {"GET", "/ready/./x", 1},
    {"GET", "/ready//x", 1},
    {"GET", "/ready/%2e%2E/orders", 1},
    {"GET", "/ready/..%2forders", 1},
    {"GET", "/ready/%2Forders", 1},
    {"GET", "/ready/%252e%252e/orders", 1},
    {"GET", "/ready/x;/../orders", 1},
    {"GET", "/ready/x%3b", 1},
    {"GET", "/ready/\\..\\orders", 1},
    {"GET", "/ready/%5c", 1},
    {"GET", "/ready/%00", 1},
    {"GET", "/ready/#", 1},
    {"GET", "/ready/\x01", 1},
};

static void options_and_health_paths_pass_uncounted(void **state)
{
    static const char *const paths[] = {"/healthz", "/ready/*", "/odd/../but;named", NULL};
    struct script script = {.answer = 1};
    opsgate_config config = quick_config();
    uint64_t blocked = 0;
    (void)state;
    config.health_paths = paths;
    opsgate *gate = script_open(&script, &config);
    for (size_t i = 0; i < COUNT_OF(path_rows); i++) {
        const struct path_row *row = &path_rows[i];
        if (opsgate_check_request(gate, row->method, row->path) != row->blocked)
            fail_msg("%s %s", row->method ? row->method : "NULL", row->path ? row->path : "NULL");
        blocked += (uint64_t)row->blocked;
    }
    opsgate_counters counters = count(gate);
    assert_int_equal(counters.blocked, blocked);
    assert_int_equal(sum(&counters), blocked);
    opsgate_close(gate);
}

/* Put together at random of what is a health path, what looks like it, and what leads out of it. */
static void no_path_that_may_come_out_elsewhere_passes(void **state)
{
    enum { ROUNDS = 200000, PIECES_MOST = 6, PATH_SIZE = 128 };
    static const char *const named[] = {"/healthz", "/ready/*", NULL};
    static const char *const pieces[] = {"/healthz", "/ready", "/",   "/orders", "a",   ".",   "..",  "/..", "#", ";",
                                         "\\",       "%2e",    "%2F", "%25",     "%5C", "%00", "%3b", "%23", "?", "\x7f"};
    static const char *const odd[] = {"..",  "//",  "/./", "%2e", "%2f", "%25", "%5c",
                                      "%00", "%3b", "%23", "#",   ";",   "\\",  "\x7f"};
    struct script script = {.answer = 1};
    opsgate_config config = quick_config();
    unsigned seed = 20261130, passed = 0;
    (void)state;
    config.health_paths = named;
    opsgate *gate = script_open(&script, &config);
    for (int round = 0; round < ROUNDS; round++) {
        char path[PATH_SIZE] = "", lower[PATH_SIZE];
        (void)strcat(path, round % 2 ? "/healthz" : "/ready/");
        for (int left = rand_r(&seed) % PIECES_MOST; left > 0; left--)
            (void)strcat(path, pieces[(size_t)rand_r(&seed) % COUNT_OF(pieces)]);
        (void)strcpy(lower, path);
        lower[strcspn(lower, "?")] = '\0';
        for (char *c = lower; *c; c++)
            *c = (char)tolower((unsigned char)*c);
        if (opsgate_check_request(gate, "GET", path) != 0)
            continue;
        passed++;
        if (strcmp(lower, "/healthz") == 0)
            continue;
        if (strncmp(lower, "/ready/", strlen("/ready/")) != 0)
            fail_msg("%s", path);
        for (size_t i = 0; i < COUNT_OF(odd); i++)
            if (strstr(lower, odd[i]))
                fail_msg("%s has %s", path, odd[i]);
    }
    assert_true(passed > ROUNDS / 100);
    opsgate_close(gate);
}

static void the_end_of_a_path_that_was_cut_is_unknown(void **state)
{
    enum { CUT = 1000 };
    static const char *const paths[] = {"/ready/*", NULL};
    struct script script = {.answer = 1};
    opsgate_config config = quick_config();
    char path[CUT + 8];
    (void)state;
    config.health_paths = paths;
    opsgate *gate = script_open(&script, &config);
    memset(path, 'a', sizeof path);
    memcpy(path, "/ready/", strlen("/ready/"));
    path[CUT - 1] = '\0';
    assert_int_equal(opsgate_check_request(gate, "GET", path), 0);
    path[CUT - 1] = 'a', path[CUT] = '\0';
    assert_int_equal(opsgate_check_request(gate, "GET", path), 1);
    opsgate_close(gate);
}

static void a_star_behind_the_slash_lets_every_path_pass(void **state)
{
    static const char *const paths[] = {"/*", NULL};
    struct script script = {.answer = 1};
    opsgate_config config = quick_config();
    (void)state;
    config.health_paths = paths;
    opsgate *gate = script_open(&script, &config);
    assert_int_equal(opsgate_check_request(gate, "GET", "/orders"), 0);
    assert_int_equal(opsgate_check_request(gate, "GET", NULL), 1);
    opsgate_close(gate);
}

static void an_empty_list_of_health_paths_is_none(void **state)
{
    static const char *const paths[] = {NULL};
    struct script script = {.answer = 1};
    opsgate_config config = quick_config();
    (void)state;
    config.health_paths = paths;
    opsgate *gate = script_open(&script, &config);
    assert_int_equal(opsgate_check_request(gate, "GET", "/healthz"), 1);
    opsgate_close(gate);
}

/* ---- The course of a window ---- */

static void a_window_is_seen_from_its_start_to_its_end(void **state)
{
    struct script script = {0};
    opsgate_config config = quick_config();
    (void)state;
    opsgate *gate = script_open(&script, &config);
    assert_int_equal(opsgate_check(gate), 0);
    assert_int_equal(count(gate).fresh, 1);
    atomic_store(&script.window, "{\"description\": \"d\"}");
    atomic_store(&script.answer, 1);
    assert_true(script_wait_check(gate, 1));
    atomic_store(&script.answer, 0);
    assert_true(script_wait_check(gate, 0));
    opsgate_counters counters = count(gate);
    assert_true(counters.asked >= 3 && counters.blocked >= 1);
    assert_int_equal(counters.failed, 0);
    assert_int_equal(counters.unknown, 0);
    opsgate_close(gate);
}

static void the_first_check_waits_for_the_first_answer_and_one_question_is_enough(void **state)
{
    struct script script = {.answer = 1};
    opsgate_config config = quick_config();
    (void)state;
    config.refresh_ms = 15000;
    config.timeout_ms = 1000;
    opsgate *gate = script_open(&script, &config);
    assert_int_equal(opsgate_check(gate), 1);
    script_pause_ms(300); /* were there a second one, it would come at once */
    assert_int_equal(count(gate).asked, 1);
    assert_int_equal(count(gate).blocked, 1);
    opsgate_close(gate);
}

/* ---- Failures and silence ---- */

static void a_source_that_is_down_leaves_the_gate_open_and_says_why(void **state)
{
    struct script script = {.answer = -1};
    opsgate_config config = quick_config();
    (void)state;
    opsgate *gate = script_open(&script, &config);
    for (int i = 0; i < LATER_CHECKS; i++)
        assert_int_equal(opsgate_check(gate), 0);
    opsgate_counters counters = count(gate);
    assert_int_equal(counters.unknown, LATER_CHECKS);
    assert_int_equal(counters.age_ms, -1);
    assert_in_range(counters.failed, 1, counters.asked);
    assert_string_equal(counters.last_failure, "The service's own function could not find it out.");
    atomic_store(&script.answer, 1);
    assert_true(script_wait_check(gate, 1)); /* it goes on asking */
    opsgate_close(gate);
}

static void a_failure_leaves_the_old_answer(void **state)
{
    struct script script = {.answer = 1};
    opsgate_config config = quick_config();
    (void)state;
    opsgate *gate = script_open(&script, &config);
    assert_int_equal(opsgate_check(gate), 1);
    atomic_store(&script.answer, -1);
    assert_true(script_wait_ended(&script, atomic_load(&script.ended_count) + 2));
    opsgate_counters counters = count(gate);
    assert_true(counters.failed >= 1);
    if (counters.age_ms < 15000) /* this machine was not in the way */
        assert_int_equal(opsgate_check(gate), 1);
    opsgate_close(gate);
}

static void garbage_from_a_source_is_a_failure(void **state)
{
    struct script script = {.answer = 1, .window = "<html>"};
    opsgate_config config = quick_config();
    (void)state;
    opsgate *gate = script_open(&script, &config);
    assert_int_equal(opsgate_check(gate), 0);
    opsgate_counters counters = count(gate);
    assert_int_equal(counters.unknown, 1);
    assert_in_range(counters.failed, 1, counters.asked);
    assert_string_equal(counters.last_failure, "What the source gave is no maintenance window.");
    opsgate_close(gate);
}

static void a_source_that_hangs_costs_the_first_check_its_budget_and_later_ones_nothing(void **state)
{
    struct script script = {.hangs = true};
    opsgate_config config = quick_config();
    (void)state;
    config.first_wait_ms = 600;
    opsgate *gate = script_open(&script, &config);
    int64_t began_ms = script_now_ms();
    assert_int_equal(opsgate_check(gate), 0);
    int64_t first_ms = script_now_ms() - began_ms;
    assert_in_range(first_ms, 600 - 50, SCRIPT_DEADLINE_MS); /* coarse clocks are late, by a tick each */
    began_ms = script_now_ms();
    for (int i = 0; i < LATER_CHECKS; i++) /* a minute, if each waited */
        assert_int_equal(opsgate_check(gate), 0);
    assert_in_range(script_now_ms() - began_ms, 0, 15000);
    assert_int_equal(count(gate).unknown, 1 + LATER_CHECKS);
    assert_int_equal(count(gate).asked, 0);
    atomic_store(&script.answer, 1);
    atomic_store(&script.hangs, false);
    assert_true(script_wait_check(gate, 1));
    opsgate_close(gate);
}

static void without_a_budget_no_check_waits(void **state)
{
    struct script script = {.hangs = true};
    opsgate_config config = quick_config();
    (void)state;
    config.first_wait_ms = 0;
    opsgate *gate = script_open(&script, &config);
    assert_int_equal(opsgate_check(gate), 0);
    assert_int_equal(count(gate).unknown, 1);
    atomic_store(&script.hangs, false);
    opsgate_close(gate);
}

/* ---- Many at once ---- */

struct helpers {
    opsgate *gate;
    struct script *script;
    atomic_uint waited_count;
    atomic_uint blocked_count;
};

static void *check_once(void *context)
{
    struct helpers *helpers = context;
    int blocked = opsgate_check(helpers->gate);
    atomic_fetch_add(&helpers->blocked_count, (unsigned)blocked);
    atomic_fetch_add(&helpers->waited_count, 1);
    return NULL;
}

static void run_helpers(struct helpers *helpers, void *(*run)(void *context), pthread_t threads[HELPERS])
{
    for (int i = 0; i < HELPERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run, helpers), 0);
}

static void join_helpers(const pthread_t threads[HELPERS])
{
    for (int i = 0; i < HELPERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

static void all_first_checks_wait_for_the_one_answer(void **state)
{
    struct script script = {.answer = 1, .hangs = true};
    opsgate_config config = quick_config();
    pthread_t threads[HELPERS];
    (void)state;
    struct helpers helpers = {.gate = script_open(&script, &config), .script = &script};
    run_helpers(&helpers, check_once, threads);
    script_pause_ms(100);
    assert_int_equal(atomic_load(&helpers.waited_count), 0);
    atomic_store(&script.hangs, false);
    join_helpers(threads);
    assert_int_equal(atomic_load(&helpers.blocked_count), HELPERS);
    opsgate_close(helpers.gate);
}

static void *check_all_ways(void *context)
{
    struct helpers *helpers = context;
    for (int i = 0; i < CHECKS; i++) {
        atomic_fetch_add(&helpers->blocked_count, (unsigned)opsgate_check(helpers->gate));
        if (i % 100 != 0)
            continue;
        opsgate_counters counters;
        opsgate_response *response = opsgate_respond(helpers->gate, i % 200 ? "text/html" : NULL);
        opsgate_window *window = opsgate_window_copy(helpers->gate);
        opsgate_count(helpers->gate, &counters);
        opsgate_response_free(response);
        opsgate_window_free(window);
        atomic_store(&helpers->script->answer, i % 300 == 0);
    }
    return NULL;
}

static void every_check_is_counted_once_whatever_happens_beside_it(void **state)
{
    struct script script = {.window = "{\"description\": \"d\", \"updates\": [{\"text\": \"t\"}]}"};
    opsgate_config config = quick_config();
    pthread_t threads[HELPERS];
    (void)state;
    struct helpers helpers = {.gate = script_open(&script, &config), .script = &script};
    run_helpers(&helpers, check_all_ways, threads);
    join_helpers(threads);
    opsgate_counters counters = count(helpers.gate);
    assert_int_equal(sum(&counters), HELPERS * CHECKS);
    assert_int_equal(counters.blocked, atomic_load(&helpers.blocked_count));
    opsgate_close(helpers.gate);
}

/* ---- The end ---- */

static void *let_go_soon(void *context)
{
    struct script *script = context;
    script_pause_ms(100);
    atomic_store(&script->hangs, false);
    return NULL;
}

static void closing_waits_for_the_question_under_way(void **state)
{
    struct script script = {.answer = 1, .hangs = true};
    opsgate_config config = quick_config();
    pthread_t thread;
    (void)state;
    opsgate *gate = script_open(&script, &config);
    while (atomic_load(&script.begun_count) == 0)
        script_pause_ms(1);
    assert_int_equal(pthread_create(&thread, NULL, let_go_soon, &script), 0);
    opsgate_close(gate);
    assert_int_equal(atomic_load(&script.begun_count), 1);
    assert_int_equal(atomic_load(&script.ended_count), 1);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static void closing_does_not_wait_for_the_next_question(void **state)
{
    struct script script = {0};
    opsgate_config config = quick_config();
    (void)state;
    config.refresh_ms = 15000;
    config.timeout_ms = 1000;
    int64_t began_ms = script_now_ms();
    for (int i = 0; i < 10; i++) { /* two minutes, if each waited */
        opsgate *gate = script_open(&script, &config);
        assert_int_equal(opsgate_check(gate), 0);
        opsgate_close(gate);
    }
    assert_in_range(script_now_ms() - began_ms, 0, SCRIPT_DEADLINE_MS);
}

static void gates_have_nothing_to_do_with_each_other(void **state)
{
    struct script closed = {.answer = 1}, open = {0};
    opsgate_config config = quick_config();
    (void)state;
    opsgate *one = script_open(&closed, &config), *other = script_open(&open, &config);
    assert_int_equal(opsgate_check(one), 1);
    assert_int_equal(opsgate_check(other), 0);
    opsgate_close(one);
    assert_int_equal(opsgate_check(other), 0);
    assert_int_equal(count(other).fresh, 2);
    assert_int_equal(count(other).blocked, 0);
    opsgate_close(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_and_health_paths_pass_uncounted),
        cmocka_unit_test(no_path_that_may_come_out_elsewhere_passes),
        cmocka_unit_test(the_end_of_a_path_that_was_cut_is_unknown),
        cmocka_unit_test(a_star_behind_the_slash_lets_every_path_pass),
        cmocka_unit_test(an_empty_list_of_health_paths_is_none),
        cmocka_unit_test(a_window_is_seen_from_its_start_to_its_end),
        cmocka_unit_test(the_first_check_waits_for_the_first_answer_and_one_question_is_enough),
        cmocka_unit_test(a_source_that_is_down_leaves_the_gate_open_and_says_why),
        cmocka_unit_test(a_failure_leaves_the_old_answer),
        cmocka_unit_test(garbage_from_a_source_is_a_failure),
        cmocka_unit_test(a_source_that_hangs_costs_the_first_check_its_budget_and_later_ones_nothing),
        cmocka_unit_test(without_a_budget_no_check_waits),
        cmocka_unit_test(all_first_checks_wait_for_the_one_answer),
        cmocka_unit_test(every_check_is_counted_once_whatever_happens_beside_it),
        cmocka_unit_test(closing_waits_for_the_question_under_way),
        cmocka_unit_test(closing_does_not_wait_for_the_next_question),
        cmocka_unit_test(gates_have_nothing_to_do_with_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
