/* Ids that are not written out, and what is done in more than one step. */
#include "cli/fake.h"

#include <stdio.h>
#include <string.h>

#define SECRET " --secret-code correct~horse~battery"
#define A "01JDE9Q3F0V8M4T6XK2R7W5N1A"
#define B "01JDE9Q3F0V8M4T6XK2R7W5N1B"
#define C "01JDF9Q3F0V8M4T6XK2R7W5N1C"
#define VACUUM(id, sequence)                                                                                                \
    "{\"vacuum_id\":\"" id "\",\"status\":\"completed\",\"orgcode\":\"acme\",\"sequence\":" sequence "}"
#define WINDOW(id, status) "{\"maintenance_id\":\"" id "\",\"status\":\"" status "\"}"
#define LIST(items, token) "{\"success\":true,\"data\":{\"items\":[" items "],\"next_token\":" token "}}"
#define DONE(data) "{\"success\":true,\"data\":" data "}"
#define REFUSAL(tag, words)                                                                                                 \
    "{\"success\":false,\"error\":{\"minor\":{\"tag\":\"" tag "\",\"message\":{\"en_US\":\"" words                          \
    "\"}},\"details\":{\"maintenance_id\":\"" C "\"}}}"

struct id_case {
    const char *line;
    const char *answers[3];
    int code;
    const char *body;  /* a piece of the last request */
    const char *words; /* on standard error */
};

static void run_case(const struct id_case *one)
{
    struct fake fake;
    fake_init(&fake);
    size_t count = 0;
    for (; count < 3 && one->answers[count]; count++)
        fake_answer(&fake, OPS_OK, 200, one->answers[count]);
    int code = fake_run(&fake, one->line);
    if (code != one->code)
        fail_msg("%s: %d %s", one->line, code, fake.err);
    assert_int_equal(fake.exchange_count, count);
    assert_has(fake.body ? fake.body : "", one->body);
    assert_has(fake.err, one->words);
    fake_release(&fake);
}

static void the_beginning_of_an_id_stands_for_it(void **state)
{
    (void)state;
    static const struct id_case cases[] = {
        {"vacuum-status --vacuum-id " A, {DONE(VACUUM(A, "1"))}, 0, "{\"vacuum_id\":\"" A "\"}", ""},
        {"vacuum-status --vacuum-id 01JDF9",
         {LIST(VACUUM(A, "3") "," VACUUM(B, "2") "," VACUUM(C, "1"), "null"), DONE(VACUUM(C, "1"))},
         0,
         "{\"vacuum_id\":\"" C "\"}",
         ""},
        {"vacuum-status --vacuum-id 01jdf9q3",
         {LIST(VACUUM(A, "3"), "\"t\""), LIST(VACUUM(C, "1"), "null"), DONE(VACUUM(C, "1"))},
         0,
         "{\"vacuum_id\":\"" C "\"}",
         ""},
        {"vacuum-cancel --vacuum-id 01JDE9Q3F0V8M4T6XK2R7W5N1A" SECRET, {DONE(VACUUM(A, "1"))}, 0, A, ""},
        {"maintenance-start --maintenance-id 01JDF9" SECRET,
         {LIST(WINDOW(A, "ended") "," WINDOW(C, "scheduled"), "null"), DONE(WINDOW(C, "active"))},
         0,
         "\"maintenance_id\":\"" C "\"",
         ""},
        {"maintenance-get --maintenance-id 01JDF9",
         {LIST(WINDOW(C, "scheduled"), "null"), DONE(WINDOW(C, "active"))},
         0,
         "{\"maintenance_id\":\"" C "\"}",
         ""},
        {"vacuum-status --vacuum-id 01JDE9",
         {LIST(VACUUM(A, "3") "," VACUUM(B, "2") "," VACUUM(C, "1"), "null")},
         2,
         "\"status\":\"all\"",
         "error: --vacuum-id 01JDE9 is the beginning of several vacuums: " A ", " B "."},
        {"maintenance-end --maintenance-id 01JDE9" SECRET,
         {LIST(WINDOW(A, "ended"), "\"t\""), LIST(WINDOW(B, "ended"), "null")},
         2,
         "\"next_token\":\"t\"",
         "is the beginning of several maintenance windows: " A ", " B "."},
        {"vacuum-status --vacuum-id 01JDG9",
         {LIST(VACUUM(A, "3"), "null")},
         1,
         "",
         "error: vacuum-not-found: There is no vacuum whose id begins with 01JDG9."},
        {"vacuum-status --vacuum-id 01JDG9",
         {REFUSAL("store-unavailable", "Locked.")},
         1,
         "",
         "error: store-unavailable: Locked."},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        run_case(&cases[i]);
}

#define ROUTES " --endpoint https://ops.example"
#define NO_ROUTE REFUSAL("route-not-found", "There is no such route.")

static void by_the_http_surface_an_id_is_looked_up_with_the_session(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        const char *answers[3];
        int code;
        const char *url, *words;
    } cases[] = {
        {"maintenance-get --maintenance-id 01jdf9q --session-guid guid-1" ROUTES,
         {LIST(WINDOW(C, "ended") "," WINDOW(B, "ended"), "null"), DONE(WINDOW(C, "ended"))},
         OPS_EXIT_DONE,
         "https://ops.example/ops/maintenance/get?maintenance_id=" C,
         ""},
        {"maintenance-get --maintenance-id latest --session-guid guid-1" ROUTES,
         {LIST(WINDOW(C, "ended"), "null"), DONE(WINDOW(C, "ended"))},
         OPS_EXIT_DONE,
         "https://ops.example/ops/maintenance/get?maintenance_id=" C,
         ""},
        {"maintenance-get --maintenance-id latest" ROUTES,
         {NO_ROUTE, REFUSAL("session-required", "A session is needed.")},
         OPS_EXIT_REFUSED,
         "https://ops.example/ops/maintenance/list?status=all&limit=256",
         "error: session-required: A session is needed."},
        {"maintenance-end --maintenance-id latest" SECRET ROUTES,
         {NO_ROUTE},
         OPS_EXIT_REFUSED,
         "https://ops.example/2015-03-31/functions/ops_maintenancelist/invocations",
         "error: route-not-found: What answers there is the HTTP surface, which has no function ops_maintenancelist"},
        {"vacuum-status --vacuum-id latest" ROUTES,
         {NO_ROUTE},
         OPS_EXIT_REFUSED,
         "https://ops.example/2015-03-31/functions/ops_vacuumlist/invocations",
         "error: route-not-found: What answers there is the HTTP surface, which has no function ops_vacuumlist: it tells of "
         "windows, and no more. Ask the invoke surface, by --data or --endpoint unix:PATH of 'g3nops serve', on its "
         "machine.\n"},
        {"vacuum-status --vacuum-id " C ROUTES,
         {NO_ROUTE},
         OPS_EXIT_REFUSED,
         "https://ops.example/2015-03-31/functions/ops_vacuumstatus/invocations",
         "which has no function ops_vacuumstatus: it tells of windows"},
        {"audit-list" ROUTES,
         {NO_ROUTE},
         OPS_EXIT_REFUSED,
         "https://ops.example/2015-03-31/functions/ops_auditlist/invocations",
         "which has no function ops_auditlist"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fake fake;
        fake_init(&fake);
        size_t count = 0;
        for (; count < 3 && cases[i].answers[count]; count++)
            fake_answer(&fake, OPS_OK, 200, cases[i].answers[count]);
        if (fake_run(&fake, cases[i].line) != cases[i].code)
            fail_msg("%s: %s", cases[i].line, fake.err);
        assert_int_equal(fake.exchange_count, count);
        assert_string_equal(fake.url, cases[i].url);
        assert_has(fake.err, cases[i].words);
        assert_lacks(fake.url, "guid-1");
        if (cases[i].code == OPS_EXIT_DONE)
            assert_has(fake.headers, "x-session-guid: guid-1\n");
        fake_release(&fake);
    }
}

static void latest_is_the_one_that_was_taken_last(void **state)
{
    (void)state;
    static const struct id_case cases[] = {
        /* The open one comes first in the list, and was asked for before the dry run that is over. */
        {"vacuum-status --vacuum-id latest",
         {LIST(VACUUM(A, "1") "," VACUUM(C, "7") "," VACUUM(B, "2"), "null"), DONE(VACUUM(C, "7"))},
         0,
         "{\"vacuum_id\":\"" C "\"}",
         ""},
        {"maintenance-cancel --maintenance-id latest" SECRET,
         {LIST(WINDOW(B, "scheduled") "," WINDOW(A, "scheduled"), "null"), DONE(WINDOW(B, "cancelled"))},
         0,
         "\"maintenance_id\":\"" B "\"",
         ""},
        {"vacuum-status --vacuum-id latest", {LIST("", "null")}, 1, "", "error: vacuum-not-found: There is no vacuum yet."},
        {"maintenance-get --maintenance-id latest",
         {LIST("", "null")},
         1,
         "",
         "error: maintenance-not-found: There is no maintenance window yet."},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        run_case(&cases[i]);
}

static void cancelling_without_an_id_takes_the_pending_vacuum_and_says_which(void **state)
{
    (void)state;
    static const struct id_case cases[] = {
        {"vacuum-cancel" SECRET,
         {LIST(VACUUM(C, "7"), "null"), DONE(VACUUM(C, "7"))},
         0,
         "\"vacuum_id\":\"" C "\"",
         "The pending vacuum is " C ", of organisation acme.\n"},
        {"vacuum-cancel" SECRET,
         {LIST("{\"vacuum_id\":\"" C "\"}", "null"), DONE(VACUUM(C, "7"))},
         0,
         "\"vacuum_id\":\"" C "\"",
         "The pending vacuum is " C ", of all data.\n"},
        {"vacuum-cancel" SECRET,
         {LIST("", "null"), LIST("", "null")},
         1,
         "\"status\":\"open\"",
         "error: vacuum-not-pending: No vacuum is pending: there is nothing to cancel.\n"},
        {"vacuum-cancel" SECRET,
         {LIST("", "null"), LIST("{\"vacuum_id\":\"" B "\",\"status\":\"running\",\"dry_run\":true}", "null")},
         1,
         "\"status\":\"open\"",
         "error: vacuum-not-pending: No vacuum is pending: there is nothing to cancel.\n"},
        {"vacuum-cancel" SECRET,
         {LIST("", "null"), LIST("{\"vacuum_id\":\"" B "\",\"status\":\"running\",\"dry_run\":true},"
                                 "{\"vacuum_id\":\"" C "\",\"status\":\"running\",\"dry_run\":false}",
                                 "null")},
         1,
         "\"status\":\"open\"",
         "error: vacuum-not-pending: No vacuum is pending: it is too late to cancel " C
         ", which is running.\n  vacuum id: " C "\n  status: running\nhint: it is running"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        run_case(&cases[i]);
}

static void more_records_than_are_looked_at_are_told(void **state)
{
    (void)state;
    struct fake fake;
    fake_init(&fake);
    fake_answer(&fake, OPS_OK, 200, LIST(VACUUM(A, "1"), "\"again\""));
    assert_int_equal(fake_run(&fake, "vacuum-status --vacuum-id 01JDF9"), OPS_EXIT_REFUSED);
    assert_has(fake.err, "There are more than 16384 records");
    assert_int_equal(fake.exchange_count, 64);
    fake_release(&fake);
}

#define SCHEDULE "maintenance-schedule --description d --duration 1h --now --reason r" SECRET

static void a_window_is_scheduled_and_started_in_one_step(void **state)
{
    (void)state;
    struct fake fake;
    fake_init(&fake);
    fake_answer(&fake, OPS_OK, 200, LIST("", "null"));
    fake_answer(&fake, OPS_OK, 200, DONE(WINDOW(A, "scheduled")));
    fake_answer(&fake, OPS_OK, 200, DONE(WINDOW(A, "active")));
    assert_int_equal(fake_run(&fake, SCHEDULE), OPS_EXIT_DONE);
    assert_int_equal(fake.exchange_count, 3);
    assert_has(fake.url, "/ops_maintenancestart/");
    assert_string_equal(fake.body, "{\"secret_code\":\"" FAKE_SECRET "\",\"maintenance_id\":\"" A
                                   "\",\"actor\":\"ops-user\",\"reason\":\"r\"}");
    assert_has(fake.out, "Maintenance " A "  active\n");
    assert_string_equal(fake.err, "");
    fake_release(&fake);
}

struct undo_case {
    struct fake_answer answers[3];
    int code;
    const char *url, *words;
};

static void a_window_that_could_not_be_started_does_not_stay_without_a_word(void **state)
{
    (void)state;
    static const struct undo_case cases[] = {
        {{{OPS_OK, 200, DONE(WINDOW(A, "scheduled"))},
          {OPS_OK, 200, REFUSAL("maintenance-already-active", "Another one is active.")},
          {OPS_OK, 200, DONE(WINDOW(A, "cancelled"))}},
         OPS_EXIT_REFUSED,
         "/ops_maintenancecancel/",
         "error: maintenance-already-active: The window was not started: Another one is active. The window " A
         " was cancelled again.\n"},
        {{{OPS_OK, 200, DONE(WINDOW(A, "scheduled"))},
          {OPS_OK, 200, REFUSAL("maintenance-already-active", "Another one is active.")},
          {OPS_OK, 200, REFUSAL("store-unavailable", "No.")}},
         OPS_EXIT_REFUSED,
         "/ops_maintenancecancel/",
         " The window " A " is still scheduled, and starts by itself: see 'g3nops maintenance-list'.\n"},
        {{{OPS_OK, 200, DONE(WINDOW(A, "scheduled"))}, {OPS_UNKNOWN, 0, NULL}},
         OPS_EXIT_UNREACHABLE,
         "/ops_maintenancestart/",
         "is scheduled, and starts by itself within a minute if it has not: see 'g3nops ping'.\n"},
        {{{OPS_OK, 200, REFUSAL("secret-code-mismatch", "No.")}},
         OPS_EXIT_REFUSED,
         "/ops_maintenanceschedule/",
         "error: secret-code-mismatch: No.\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fake fake;
        fake_init(&fake);
        fake_answer(&fake, OPS_OK, 200, LIST("", "null"));
        for (size_t k = 0; k < 3 && (cases[i].answers[k].body || cases[i].answers[k].status != OPS_OK); k++)
            fake_answer(&fake, cases[i].answers[k].status, cases[i].answers[k].http_status, cases[i].answers[k].body);
        if (fake_run(&fake, SCHEDULE) != cases[i].code)
            fail_msg("case %zu: %s", i, fake.err);
        assert_has(fake.url, cases[i].url);
        assert_has(fake.err, cases[i].words);
        assert_string_equal(fake.out, "");
        fake_release(&fake);
    }
}

static void with_json_a_window_that_could_not_be_started_is_one_envelope(void **state)
{
    (void)state;
    struct fake fake;
    fake_init(&fake);
    fake_answer(&fake, OPS_OK, 200, LIST("", "null"));
    fake_answer(&fake, OPS_OK, 200, DONE(WINDOW(A, "scheduled")));
    fake_answer(&fake, OPS_OK, 200, REFUSAL("maintenance-already-active", "Another one is active."));
    fake_answer(&fake, OPS_OK, 200, DONE(WINDOW(A, "cancelled")));
    assert_int_equal(fake_run(&fake, SCHEDULE " --json"), OPS_EXIT_REFUSED);
    assert_has(fake.out, "{\"success\":false,");
    assert_has(fake.out, "\"tag\":\"maintenance-already-active\"");
    assert_has(fake.out, "\"details\":{\"maintenance_id\":\"" C "\",\"scheduled_maintenance_id\":\"" A "\"}");
    assert_string_equal(fake.err, "");
    fake_release(&fake);
}

static void while_another_window_is_active_none_is_scheduled_in_vain(void **state)
{
    (void)state;
    struct fake fake;
    fake_init(&fake);
    fake_answer(&fake, OPS_OK, 200, LIST(WINDOW(C, "active"), "null"));
    assert_int_equal(fake_run(&fake, SCHEDULE), OPS_EXIT_REFUSED);
    assert_int_equal(fake.exchange_count, 1);
    assert_has(fake.url, "/ops_maintenancelist/");
    assert_string_equal(fake.body, "{\"status\":\"active\",\"limit\":256}");
    assert_has(fake.err, "error: maintenance-already-active: The maintenance window " C
                         " is active, and there can be one at most: nothing was scheduled.\n");
    assert_has(fake.err, "hint: end it with 'g3nops maintenance-end --maintenance-id " C "'\n");
    assert_int_equal(fake_run(&fake, SCHEDULE " --json"), OPS_EXIT_REFUSED);
    assert_has(fake.out, "\"details\":{\"maintenance_id\":\"" C "\"}");
    fake_release(&fake);
}

static void the_start_of_an_active_window_is_when_it_was_started(void **state)
{
    (void)state;
    struct fake fake;
    fake_init(&fake);
    fake_answer(&fake, OPS_OK, 200, LIST("", "null"));
    fake_answer(&fake, OPS_OK, 200, DONE(WINDOW(A, "scheduled")));
    fake_answer(&fake, OPS_OK, 200,
                DONE("{\"maintenance_id\":\"" A "\",\"status\":\"active\",\"scheduled_start_utc\":\"2025-11-24T03:43:53Z\","
                     "\"started_at\":\"2025-11-24T03:42:53Z\"}"));
    assert_int_equal(fake_run(&fake, SCHEDULE), OPS_EXIT_DONE);
    assert_has(fake.out, "  scheduled    2025-11-24 03:43:53Z, but it was started before that\n"
                         "  started      2025-11-24 03:42:53Z (0s ago)\n");
    fake_release(&fake);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_beginning_of_an_id_stands_for_it),
        cmocka_unit_test(by_the_http_surface_an_id_is_looked_up_with_the_session),
        cmocka_unit_test(latest_is_the_one_that_was_taken_last),
        cmocka_unit_test(cancelling_without_an_id_takes_the_pending_vacuum_and_says_which),
        cmocka_unit_test(more_records_than_are_looked_at_are_told),
        cmocka_unit_test(a_window_is_scheduled_and_started_in_one_step),
        cmocka_unit_test(a_window_that_could_not_be_started_does_not_stay_without_a_word),
        cmocka_unit_test(while_another_window_is_active_none_is_scheduled_in_vain),
        cmocka_unit_test(the_start_of_an_active_window_is_when_it_was_started),
        cmocka_unit_test(with_json_a_window_that_could_not_be_started_is_one_envelope),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
