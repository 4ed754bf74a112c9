/* Following a vacuum, over a scripted service and a clock that each pause moves on. */
#include "cli/fake.h"

#include "surfaces/cli/progress.h"

#include <string.h>

#define ID "01JDE9Q3F0V8M4T6XK2R7W5N1B"
#define RECORD(status, dry_run, counts)                                                                                     \
    "{\"success\":true,\"data\":{\"vacuum_id\":\"" ID "\",\"type\":\"all\",\"dry_run\":" dry_run ",\"status\":\"" status    \
    "\","                                                                                                                   \
    "\"execute_at\":\"2025-11-24T03:42:55Z\",\"targets\":[{\"name\":\"a\",\"status\":\"completed\"},{\"name\":\"b\","       \
    "\"status\":"                                                                                                           \
    "\"running\"},{\"name\":\"c\",\"status\":\"skipped\"}],\"totals\":{" counts "},\"revision\":1}}"
#define PENDING RECORD("pending", "false", "")
#define RUNNING(deleted) RECORD("running", "false", "\"deleted\":" deleted)
#define START "vacuum-org --orgcode acme --watch --secret-code correct~horse~battery"

static void script(struct fake *fake, const char *last)
{
    fake_init(fake);
    fake_answer(fake, OPS_OK, 200, PENDING);
    fake_answer(fake, OPS_OK, 200, PENDING);
    fake_answer(fake, OPS_OK, 200, RUNNING("0"));
    fake_answer(fake, OPS_OK, 200, RUNNING("1500"));
    fake_answer(fake, OPS_OK, 200, last);
}

static void a_vacuum_that_completes_is_exit_0_and_shows_its_record(void **state)
{
    (void)state;
    struct fake fake;
    script(&fake, RECORD("completed", "false", "\"deleted\":1500"));
    assert_int_equal(fake_run(&fake, START), OPS_EXIT_DONE);
    assert_int_equal(fake.exchange_count, 5);
    assert_string_equal(fake.body, "{\"vacuum_id\":\"" ID "\"}");
    assert_has(fake.url, "/ops_vacuumstatus/");
    assert_has(fake.err, "Cancel it with: g3nops vacuum-cancel --vacuum-id " ID "\npending: starts in 0:02\n");
    assert_has(fake.err, "running: 1 of 2 targets, 0 deleted, 0/s\n");
    assert_lacks(fake.err, "\033");
    assert_has(fake.out, "Vacuum " ID "  completed");
    assert_lacks(fake.out, "pending");
    fake_release(&fake);
}

static void a_vacuum_that_fails_or_is_cancelled_is_exit_4(void **state)
{
    (void)state;
    static const char *const ends[] = {RECORD("failed", "false", "\"failed\":1"), RECORD("cancelled", "false", "")};
    for (size_t i = 0; i < 2; i++) {
        struct fake fake;
        script(&fake, ends[i]);
        assert_int_equal(fake_run(&fake, START), OPS_EXIT_VACUUM_FAILED);
        fake_release(&fake);
    }
}

static void a_terminal_gets_one_line_that_fits(void **state)
{
    (void)state;
    struct fake fake;
    script(&fake, RECORD("completed", "false", "\"deleted\":1500"));
    fake.err_terminal = true;
    assert_int_equal(fake_run(&fake, START), OPS_EXIT_DONE);
    assert_has(fake.err, "\r\033[K"
                         "running: 1 of 2 targets, 1,500 deleted, 500/s");
    assert_has(fake.err, "Cancel it with: g3nops vacuum-cancel --vacuum-id " ID "\npending: starts in 0:02\r");
    assert_has(fake.err, "answered by:");
    assert_lacks(strchr(strchr(fake.err, '\n') + 1, '\n') + 1, "\n");
    assert_string_equal(fake.err + strlen(fake.err) - 4, "\r\033[K");
    fake_release(&fake);
}

static void json_prints_the_last_envelope_alone(void **state)
{
    (void)state;
    struct fake fake;
    script(&fake, RECORD("failed", "false", ""));
    assert_int_equal(fake_run(&fake, START " --json"), OPS_EXIT_VACUUM_FAILED);
    assert_has(fake.out, "},\"answered_by\":{\"data\":\"");
    *strstr(fake.out, ",\"answered_by\"") = '\0';
    assert_memory_equal(fake.out, RECORD("failed", "false", ""), strlen(fake.out));
    assert_int_equal(strlen(fake.out), strlen(RECORD("failed", "false", "")) - 1);
    assert_string_equal(fake.err, "");
    fake_release(&fake);
}

static void a_dry_run_is_followed_without_being_asked(void **state)
{
    (void)state;
    struct fake fake;
    fake_init(&fake);
    fake_answer(&fake, OPS_OK, 200, RECORD("running", "true", "\"matched\":10"));
    fake_answer(&fake, OPS_OK, 200, RECORD("completed", "true", "\"matched\":20"));
    assert_int_equal(fake_run(&fake, "vacuum-all --dry-run --secret-code correct~horse~battery"), OPS_EXIT_DONE);
    assert_has(fake.err, "running: 1 of 2 targets, 10 matched");
    assert_has(fake.out, "Total: 20 matched");
    fake_release(&fake);
}

static void a_vacuum_that_is_over_is_not_asked_for_again(void **state)
{
    (void)state;
    struct fake fake;
    fake_init(&fake);
    fake_answer(&fake, OPS_OK, 200, RECORD("failed", "false", ""));
    assert_int_equal(fake_run(&fake, "vacuum-status --watch"), OPS_EXIT_VACUUM_FAILED);
    assert_int_equal(fake.exchange_count, 1);
    assert_int_equal(fake_run(&fake, "vacuum-status"), OPS_EXIT_DONE);
    fake_release(&fake);
}

static void ctrl_c_leaves_the_vacuum_going_and_says_so(void **state)
{
    (void)state;
    struct fake fake;
    fake_init(&fake);
    fake_answer(&fake, OPS_OK, 200, PENDING);
    fake.pauses_until_interrupt = 2;
    assert_int_equal(fake_run(&fake, "vacuum-status --watch"), OPS_EXIT_INTERRUPTED);
    assert_has(fake.err, "the vacuum goes on");
    assert_has(fake.err, "g3nops vacuum-cancel --vacuum-id " ID);
    assert_has(fake.err, "g3nops vacuum-status --vacuum-id " ID);
    fake_release(&fake);
}

static void a_short_silence_is_waited_out(void **state)
{
    (void)state;
    struct fake fake;
    fake_init(&fake);
    fake_answer(&fake, OPS_OK, 200, RUNNING("1"));
    for (int i = 0; i < 30; i++)
        fake_answer(&fake, i % 2 ? OPS_UNKNOWN : OPS_UNREACHABLE, 0, NULL);
    fake_answer(&fake, OPS_OK, 200, RECORD("completed", "false", ""));
    assert_int_equal(fake_run(&fake, "vacuum-status --watch"), OPS_EXIT_DONE);
    assert_has(fake.err, "warning: the service does not answer; trying for a minute");
    fake_release(&fake);
}

static void a_store_that_is_busy_is_waited_for(void **state)
{
    (void)state;
    struct fake fake;
    fake_init(&fake);
    fake_answer(&fake, OPS_OK, 200, RUNNING("1"));
    fake_answer(&fake, OPS_OK, 200, "{\"success\":false,\"error\":{\"minor\":{\"tag\":\"store-unavailable\"}}}");
    fake_answer(&fake, OPS_OK, 200, RECORD("completed", "false", ""));
    assert_int_equal(fake_run(&fake, "vacuum-status --watch"), OPS_EXIT_DONE);
    assert_lacks(fake.err, "store-unavailable");
    fake_release(&fake);
}

static void a_minute_of_silence_is_exit_3(void **state)
{
    (void)state;
    struct fake fake;
    fake_init(&fake);
    fake_answer(&fake, OPS_OK, 200, RUNNING("1"));
    fake_answer(&fake, OPS_UNREACHABLE, 0, NULL);
    assert_int_equal(fake_run(&fake, "vacuum-status --watch"), OPS_EXIT_UNREACHABLE);
    assert_int_equal(fake.passed_ms, 60 * 1000);
    fake_release(&fake);
}

static void a_refusal_while_watching_is_exit_1(void **state)
{
    (void)state;
    struct fake fake;
    fake_init(&fake);
    fake_answer(&fake, OPS_OK, 200, RUNNING("1"));
    fake_answer(&fake, OPS_OK, 200, "{\"success\":false,\"error\":{\"minor\":{\"tag\":\"vacuum-not-found\"}}}");
    assert_int_equal(fake_run(&fake, "vacuum-status --watch"), OPS_EXIT_REFUSED);
    assert_has(fake.err, "error: vacuum-not-found");
    fake_release(&fake);
}

static struct ops_progress_view note(struct ops_progress *progress, int64_t at_ms, int64_t handled, int64_t total)
{
    struct ops_progress_look look = {.at_ms = at_ms, .handled = handled, .total = total};
    return ops_progress_note(progress, &look);
}

static void progress_knows_nothing_after_one_look(void **state)
{
    (void)state;
    struct ops_progress progress = {.count = 0};
    struct ops_progress_view view = note(&progress, 5000, 10, -1);
    assert_int_equal(view.rate_per_second, -1);
    assert_int_equal(view.percent, -1);
    assert_int_equal(view.left_seconds, -1);
}

static void progress_gives_percent_and_time_left_of_a_known_total(void **state)
{
    (void)state;
    struct ops_progress progress = {.count = 0};
    (void)note(&progress, 0, 0, 1000);
    struct ops_progress_view view = note(&progress, 2000, 200, 1000);
    assert_int_equal(view.rate_per_second, 100);
    assert_int_equal(view.percent, 20);
    assert_int_equal(view.left_seconds, 8);
    view = note(&progress, 3000, 1000, 1000);
    assert_int_equal(view.percent, 100);
    assert_int_equal(view.left_seconds, 0);
}

static void what_the_dry_run_found_is_the_total(void **state)
{
    (void)state;
    json_t *vacuum = json_pack("{s:b, s:i, s:{s:i, s:i, s:i}}", "dry_run", 0, "expected_records", 400, "totals", "deleted",
                               90, "failed", 10, "protected", 7);
    struct ops_progress_look look = ops_progress_look_at(vacuum, 5);
    assert_int_equal(look.handled, 100);
    assert_int_equal(look.total, 400);
    json_decref(vacuum);
}

static void a_total_that_is_too_small_is_no_total(void **state)
{
    (void)state;
    struct ops_progress progress = {.count = 0};
    (void)note(&progress, 0, 5, 3);
    struct ops_progress_view view = note(&progress, 1000, 6, 3);
    assert_int_equal(view.percent, -1);
    assert_int_equal(view.left_seconds, -1);
}

static void the_rate_is_that_of_the_last_looks(void **state)
{
    (void)state;
    struct ops_progress progress = {.count = 0};
    struct ops_progress_view view = {.percent = 0};
    for (int64_t i = 0; i < 20; i++)
        (void)note(&progress, i * 1000, 0, -1);
    for (int64_t i = 20; i < 40; i++)
        view = note(&progress, i * 1000, (i - 19) * 50, -1);
    assert_int_equal(view.rate_per_second, 50);
}

static void counts_that_go_back_start_the_rate_anew(void **state)
{
    (void)state;
    struct ops_progress progress = {.count = 0};
    (void)note(&progress, 0, 100, -1);
    assert_int_equal(note(&progress, 1000, 40, -1).rate_per_second, -1);
    assert_int_equal(note(&progress, 2000, 60, -1).rate_per_second, 20);
}

static void a_clock_that_stands_still_gives_no_rate(void **state)
{
    (void)state;
    struct ops_progress progress = {.count = 0};
    (void)note(&progress, 0, 0, 10);
    assert_int_equal(note(&progress, 0, 5, 10).rate_per_second, -1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_vacuum_that_completes_is_exit_0_and_shows_its_record),
        cmocka_unit_test(a_vacuum_that_fails_or_is_cancelled_is_exit_4),
        cmocka_unit_test(a_terminal_gets_one_line_that_fits),
        cmocka_unit_test(json_prints_the_last_envelope_alone),
        cmocka_unit_test(a_dry_run_is_followed_without_being_asked),
        cmocka_unit_test(a_vacuum_that_is_over_is_not_asked_for_again),
        cmocka_unit_test(ctrl_c_leaves_the_vacuum_going_and_says_so),
        cmocka_unit_test(a_short_silence_is_waited_out),
        cmocka_unit_test(a_store_that_is_busy_is_waited_for),
        cmocka_unit_test(a_minute_of_silence_is_exit_3),
        cmocka_unit_test(a_refusal_while_watching_is_exit_1),
        cmocka_unit_test(progress_knows_nothing_after_one_look),
        cmocka_unit_test(progress_gives_percent_and_time_left_of_a_known_total),
        cmocka_unit_test(what_the_dry_run_found_is_the_total),
        cmocka_unit_test(a_total_that_is_too_small_is_no_total),
        cmocka_unit_test(the_rate_is_that_of_the_last_looks),
        cmocka_unit_test(counts_that_go_back_start_the_rate_anew),
        cmocka_unit_test(a_clock_that_stands_still_gives_no_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
