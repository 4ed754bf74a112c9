/* Following a vacuum, over a scripted service and a clock that each pause moves on. */
#include "cli/fake.h"

#include "surfaces/cli/progress.h"
#include "surfaces/cli/text.h"

#include <locale.h>
#include <stdio.h>
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
#define START                                                                                                               \
    "vacuum-all --confirmation-phrase VACUUM~ALL~DATA~PERMANENTLY --yes --watch --secret-code correct~horse~battery"

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
    assert_has(fake.err, "running: 1 of 2 targets, 0 deleted\n");
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

/* What comes behind the line that says who answered, which may have gone on in the next. */
static const char *behind_who_answered(const char *text)
{
    const char *line = strstr(text, "answered by:");
    assert_non_null(line);
    do
        line = strchr(line, '\n') + 1;
    while (strncmp(line, "  ", 2) == 0);
    return line;
}

static void a_terminal_gets_one_line_that_fits(void **state)
{
    (void)state;
    struct fake fake;
    script(&fake, RECORD("completed", "false", "\"deleted\":1500"));
    fake.err_terminal = true;
    assert_int_equal(fake_run(&fake, START), OPS_EXIT_DONE);
    assert_has(fake.err, "\r\033[K"
                         "running: 1 of 2 targets, 1,500 deleted");
    assert_has(fake.err, "Cancel it with: g3nops vacuum-cancel --vacuum-id " ID "\npending: starts in 0:02\r");
    assert_has(fake.err, "answered by:");
    assert_lacks(strstr(fake.err, "\npending") + 1, "\n");
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

/* ---- A terminal that becomes narrower ---- */

#define LONG_RUN(deleted)                                                                                                   \
    "{\"success\":true,\"data\":{\"vacuum_id\":\"" ID                                                                       \
    "\",\"status\":\"running\",\"expected_records\":200000000,\"targets\":[],"                                              \
    "\"totals\":{\"deleted\":" deleted ",\"failed\":12345,\"protected\":12345}}}"

static void script_long_run(struct fake *fake)
{
    static const char *const answers[] = {LONG_RUN("100000000"), LONG_RUN("100001000"), LONG_RUN("100002000"),
                                          LONG_RUN("100003000"), LONG_RUN("100004000"), LONG_RUN("100005000"),
                                          LONG_RUN("100006000"), LONG_RUN("100007000"), LONG_RUN("100008000")};
    fake_init(fake);
    fake->err_terminal = true;
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++)
        fake_answer(fake, OPS_OK, 200, answers[i]);
    fake_answer(fake, OPS_OK, 200, RECORD("completed", "false", ""));
}

/* What the terminal was sent, line by line: a line begins after each line end and each return. */
static void assert_lines_fit(const char *text, size_t columns)
{
    while (*text) {
        size_t length = strcspn(text, "\r\n");
        struct ops_view line = ops_view(text, length);
        if (length >= 3 && strncmp(text, "\033[K", 3) == 0)
            line = ops_view(text + 3, length - 3);
        if (ops_text_width(line) > columns)
            fail_msg("wider than %zu columns: %.*s", columns, (int)line.length, line.data);
        text += length + (text[length] != '\0');
    }
}

static void rate_and_time_left_are_whole_at_eighty_columns(void **state)
{
    (void)state;
    struct fake fake;
    script_long_run(&fake);
    assert_int_equal(fake_run(&fake, "vacuum-status --watch"), OPS_EXIT_DONE);
    assert_has(fake.err, "running: 100,000,000 deleted, 12,345 failed, 50%, estimating the time left\r");
    assert_has(fake.err, "running: 100,008,000 deleted, 12,345 failed, 1,000/s, 50%, 1d 3h left\r");
    assert_lacks(fake.err, "…");
    assert_lines_fit(behind_who_answered(fake.err), 79);
    fake_release(&fake);
}

static void a_terminal_that_becomes_narrower_gets_a_new_line_that_fits(void **state)
{
    (void)state;
    struct fake fake;
    script_long_run(&fake);
    fake.pauses_until_narrow = 8;
    fake.narrow_columns = 40;
    assert_int_equal(fake_run(&fake, "vacuum-status --watch"), OPS_EXIT_DONE);
    const char *narrow = strstr(fake.err, "left\nrunning: 12,345 failed, 50%, 1d 3h left\r");
    assert_non_null(narrow);
    assert_lines_fit(narrow + strlen("left\n"), 39);
    /* It is not taken for one that still can be written over. */
    assert_lacks(narrow, "left\n\n");
    fake_release(&fake);
}

static void columns_that_are_wished_for_do_not_make_the_live_line_wider_than_the_terminal(void **state)
{
    (void)state;
    struct fake fake;
    script_long_run(&fake);
    setenv("COLUMNS", "200", 1);
    assert_int_equal(fake_run(&fake, "vacuum-status --watch"), OPS_EXIT_DONE);
    unsetenv("COLUMNS");
    assert_lines_fit(behind_who_answered(fake.err), 79);
    fake_release(&fake);
}

static void why_it_stands_still_is_told_once(void **state)
{
    (void)state;
#define STANDING                                                                                                            \
    "{\"success\":true,\"data\":{\"vacuum_id\":\"" ID "\",\"status\":\"running\",\"standing_still\":{\"seconds\":61,"       \
    "\"reason\":\"the table is locked\"}}}"
    struct fake fake;
    fake_init(&fake);
    fake.err_terminal = true;
    fake_answer(&fake, OPS_OK, 200, STANDING);
    fake_answer(&fake, OPS_OK, 200, STANDING);
    fake_answer(&fake, OPS_OK, 200, RUNNING("1"));
    fake_answer(&fake, OPS_OK, 200, STANDING);
    fake_answer(&fake, OPS_OK, 200, RECORD("completed", "false", ""));
    assert_int_equal(fake_run(&fake, "vacuum-status --watch"), OPS_EXIT_DONE);
    const char *first = strstr(fake.err, "warning:");
    assert_non_null(first);
    assert_has(first, " it stands still: the table is locked\n");
    const char *second = strstr(first + 1, "warning:");
    assert_non_null(second);
    assert_null(strstr(second + 1, "warning:"));
    fake_release(&fake);
}

static void a_vacuum_that_is_held_is_followed_on(void **state)
{
    (void)state;
    struct fake fake;
    fake_init(&fake);
    fake_answer(&fake, OPS_OK, 200, RECORD("pausing", "false", "\"deleted\":5"));
    fake_answer(&fake, OPS_OK, 200, RECORD("paused", "false", "\"deleted\":5"));
    fake_answer(&fake, OPS_OK, 200, RECORD("running", "false", "\"deleted\":5"));
    fake_answer(&fake, OPS_OK, 200, RECORD("completed", "false", "\"deleted\":9"));
    assert_int_equal(fake_run(&fake, "vacuum-status --watch"), OPS_EXIT_DONE);
    assert_int_equal(fake.exchange_count, 4);
    assert_has(fake.err, "paused: 1 of 2 targets, 5 deleted\n");
    fake_release(&fake);
}

/* ---- The pace ---- */

static struct ops_progress_view note_as(struct ops_progress *progress, int64_t at_s, int64_t handled, int64_t total,
                                        bool running)
{
    struct ops_progress_look look = {.at_ms = at_s * 1000, .handled = handled, .total = total, .running = running};
    return ops_progress_note(progress, &look);
}

static struct ops_progress_view note(struct ops_progress *progress, int64_t at_s, int64_t handled, int64_t total)
{
    return note_as(progress, at_s, handled, total, true);
}

static void assert_rate(const struct ops_progress_view *view, double wanted)
{
    if (view->rate_per_second < wanted * 0.999 || view->rate_per_second > wanted * 1.001)
        fail_msg("%f a second where it is %f", view->rate_per_second, wanted);
}

static void assert_knows_nothing(const struct ops_progress_view *view)
{
    assert_true(view->rate_per_second < 0);
    assert_int_equal(view->left_seconds, -1);
    assert_int_equal(view->still_seconds, -1);
}

static void no_pace_is_told_before_there_is_evidence_for_it(void **state)
{
    (void)state;
    struct ops_progress progress = {.count = 0};
    struct ops_progress_view view;
    for (int64_t at_s = 0; at_s < 6; at_s++) { /* the first advance is at 1 s, so evidence is there at 6 s */
        view = note(&progress, at_s, at_s * 100, 10000);
        assert_knows_nothing(&view);
        assert_true(view.estimating);
        assert_int_equal(view.percent, at_s);
    }
    view = note(&progress, 6, 600, 10000);
    assert_rate(&view, 100);
    assert_int_equal(view.left_seconds, 94);
    assert_false(view.estimating);
}

static void a_few_advances_are_no_evidence_however_long_they_take(void **state)
{
    (void)state;
    struct ops_progress progress = {.count = 0};
    (void)note(&progress, 0, 0, 1000);
    (void)note(&progress, 1, 500, 1000);
    for (int64_t at_s = 2; at_s < 12; at_s++) {
        struct ops_progress_view view = note(&progress, at_s, 501, 1000);
        assert_knows_nothing(&view);
    }
}

/* Ten minutes of planning, then a hundred a second: the first rate that is told is that. */
static void what_went_before_the_first_advance_is_no_part_of_the_pace(void **state)
{
    (void)state;
    struct ops_progress progress = {.count = 0};
    for (int64_t at_s = 0; at_s < 600; at_s++) {
        struct ops_progress_view view = note(&progress, at_s, 0, 60000);
        assert_knows_nothing(&view);
        assert_true(view.estimating);
    }
    for (int64_t at_s = 600; at_s < 700; at_s++) {
        struct ops_progress_view view = note(&progress, at_s, (at_s - 599) * 100, 60000);
        if (view.rate_per_second < 0)
            continue;
        assert_rate(&view, 100);
        assert_int_equal(view.left_seconds, 600 - (at_s - 599));
    }
}

/* Whoever begins to look in the middle has not seen when the first count came about. */
static void what_was_there_at_the_first_look_is_no_part_of_the_pace(void **state)
{
    (void)state;
    struct ops_progress progress = {.count = 0};
    struct ops_progress_view view = {.percent = 0};
    for (int64_t at_s = 0; at_s < 10; at_s++)
        view = note(&progress, at_s, 5000000 + at_s * 10, 6000000);
    assert_rate(&view, 10);
}

static void a_pace_that_changes_is_known_within_the_window(void **state)
{
    (void)state;
    struct ops_progress progress = {.count = 0};
    struct ops_progress_view view = {.percent = 0};
    for (int64_t at_s = 0; at_s < 100; at_s++)
        view = note(&progress, at_s, at_s * 1000, -1);
    assert_rate(&view, 1000);
    for (int64_t at_s = 100; at_s <= 130; at_s++)
        view = note(&progress, at_s, 99000 + (at_s - 99) * 10, -1);
    assert_rate(&view, 10);
}

/* Counts come by pages: between two of them the pace goes down a little, and never to nothing. */
static void counts_that_come_in_bursts_give_a_steady_pace(void **state)
{
    (void)state;
    struct ops_progress progress = {.count = 0};
    for (int64_t at_s = 0; at_s < 200; at_s++) {
        struct ops_progress_view view = note(&progress, at_s, at_s / 12 * 1200, 1000000);
        assert_int_equal(view.still_seconds, -1);
        if (at_s < 36)
            continue;
        assert_true(view.rate_per_second > 60 && view.rate_per_second < 101);
        assert_true(view.left_seconds > 0);
    }
}

static void one_that_stands_still_has_no_time_left_and_a_new_pace_afterwards(void **state)
{
    (void)state;
    struct ops_progress progress = {.count = 0};
    struct ops_progress_view view = {.percent = 0};
    for (int64_t at_s = 0; at_s <= 20; at_s++)
        view = note(&progress, at_s, at_s * 100, 10000);
    assert_rate(&view, 100);
    for (int64_t at_s = 21; at_s <= 400; at_s++) {
        view = note(&progress, at_s, 2000, 10000);
        bool still = at_s >= 35;
        assert_int_equal(view.still_seconds, still ? at_s - 20 : -1);
        if (still) {
            assert_true(view.rate_per_second < 0);
            assert_int_equal(view.left_seconds, -1);
            assert_false(view.estimating);
        }
        assert_int_equal(view.percent, 20);
    }
    view = note(&progress, 401, 2010, 10000);
    assert_knows_nothing(&view);
    assert_true(view.estimating);
    for (int64_t at_s = 402; at_s <= 410; at_s++)
        view = note(&progress, at_s, 2000 + (at_s - 400) * 10, 10000);
    assert_rate(&view, 10);
}

static void a_pause_is_no_part_of_the_pace_and_no_standstill(void **state)
{
    (void)state;
    struct ops_progress progress = {.count = 0};
    struct ops_progress_view view = {.percent = 0};
    for (int64_t at_s = 0; at_s <= 20; at_s++)
        (void)note(&progress, at_s, at_s * 100, 10000);
    for (int64_t at_s = 21; at_s <= 3600; at_s++) {
        view = note_as(&progress, at_s, 2000, 10000, false);
        assert_knows_nothing(&view);
        assert_false(view.estimating);
        assert_int_equal(view.percent, 20);
    }
    for (int64_t at_s = 3601; at_s <= 3615; at_s++) {
        view = note(&progress, at_s, 2000 + (at_s - 3601) * 50, 10000);
        assert_int_equal(view.still_seconds, -1);
    }
    assert_rate(&view, 50);
}

static void counts_that_go_back_start_the_pace_anew(void **state)
{
    (void)state;
    struct ops_progress progress = {.count = 0};
    struct ops_progress_view view = {.percent = 0};
    for (int64_t at_s = 0; at_s <= 20; at_s++)
        view = note(&progress, at_s, 1000 + at_s * 100, -1);
    assert_rate(&view, 100);
    view = note(&progress, 21, 500, -1);
    assert_knows_nothing(&view);
    for (int64_t at_s = 22; at_s <= 30; at_s++)
        view = note(&progress, at_s, 500 + (at_s - 21) * 20, -1);
    assert_rate(&view, 20);
}

static void with_nothing_left_to_count_no_time_is_told(void **state)
{
    (void)state;
    struct ops_progress progress = {.count = 0};
    struct ops_progress_view view = {.percent = 0};
    for (int64_t at_s = 0; at_s <= 10; at_s++)
        view = note(&progress, at_s, at_s * 100, 1000);
    assert_int_equal(view.percent, 100);
    assert_int_equal(view.left_seconds, -1);
    assert_false(view.estimating);
}

static void a_total_that_is_too_small_is_no_total(void **state)
{
    (void)state;
    struct ops_progress progress = {.count = 0};
    struct ops_progress_view view = {.percent = 0};
    for (int64_t at_s = 0; at_s <= 10; at_s++)
        view = note(&progress, at_s, 4 + at_s, 3);
    assert_int_equal(view.percent, -1);
    assert_int_equal(view.left_seconds, -1);
    assert_rate(&view, 1);
}

static void a_clock_that_stands_still_gives_no_rate(void **state)
{
    (void)state;
    struct ops_progress progress = {.count = 0};
    for (int64_t i = 0; i < 100; i++) {
        struct ops_progress_view view = note(&progress, 0, i * 5, 10000);
        assert_knows_nothing(&view);
    }
}

static void what_the_dry_run_found_is_the_total(void **state)
{
    (void)state;
    json_t *vacuum = json_pack("{s:b, s:s, s:i, s:{s:i, s:i, s:i}}", "dry_run", 0, "status", "running", "expected_records",
                               400, "totals", "deleted", 90, "failed", 10, "protected", 7);
    struct ops_progress_look look = ops_progress_look_at(vacuum, 5);
    assert_int_equal(look.handled, 100);
    assert_int_equal(look.total, 400);
    assert_true(look.running);
    json_decref(vacuum);
}

/* ---- The line ---- */

static const char *line_of(const char *record, const struct ops_progress_view *view, size_t width)
{
    static char copy[512];
    json_t *vacuum = json_loads(record, 0, NULL);
    struct ops_buf buf;
    assert_non_null(vacuum);
    ops_buf_init(&buf, sizeof copy);
    ops_progress_append_line(&buf, vacuum, view, FAKE_NOW_MS, width);
    snprintf(copy, sizeof copy, "%s", ops_buf_text(&buf));
    ops_buf_release(&buf);
    json_decref(vacuum);
    return copy;
}

#define LINE_RECORD                                                                                                         \
    "{\"status\":\"running\",\"targets\":[{\"status\":\"completed\"},{\"status\":\"running\"}],\"totals\":{\"deleted\":"    \
    "123456789,\"failed\":1234,\"protected\":12345}}"

static void a_line_leaves_out_whole_parts_and_the_time_left_last_of_all(void **state)
{
    static const struct ops_progress_view view = {
        .rate_per_second = 12345, .percent = 42, .left_seconds = 3725, .still_seconds = -1};
    static const struct {
        size_t width;
        const char *line;
    } rows[] = {
        {0, "running: 1 of 2 targets, 123,456,789 deleted, 1,234 failed, 12,345 protected, 12,345/s, 42%, 1h 2m left"},
        {103, "running: 1 of 2 targets, 123,456,789 deleted, 1,234 failed, 12,345 protected, 12,345/s, 42%, 1h 2m left"},
        {102, "running: 123,456,789 deleted, 1,234 failed, 12,345 protected, 12,345/s, 42%, 1h 2m left"},
        {79, "running: 123,456,789 deleted, 1,234 failed, 12,345/s, 42%, 1h 2m left"},
        {60, "running: 123,456,789 deleted, 1,234 failed, 42%, 1h 2m left"},
        {45, "running: 123,456,789 deleted, 42%, 1h 2m left"},
        {39, "running: 1,234 failed, 42%, 1h 2m left"},
        {30, "running: 42%, 1h 2m left"},
        {20, "running: 1h 2m left"},
        {18, "running: 42%"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(line_of(LINE_RECORD, &view, rows[i].width), rows[i].line);
}

static void a_pending_one_has_its_countdown_at_any_width(void **state)
{
    static const char record[] = "{\"status\":\"pending\",\"execute_at\":\"2025-11-24T03:47:05Z\"}";
    static const struct ops_progress_view view = {.rate_per_second = -1};
    (void)state;
    assert_string_equal(line_of(record, &view, 0), "pending: starts in 4:12");
    assert_string_equal(line_of(record, &view, 23), "pending: starts in 4:12");
    assert_string_equal(line_of(record, &view, 22), "pending: 4:12");
}

static void one_that_is_not_planned_yet_has_no_targets_to_count(void **state)
{
    static const char record[] = "{\"status\":\"running\",\"targets\":[],\"totals\":{}}";
    static const struct ops_progress_view view = {.rate_per_second = -1};
    (void)state;
    assert_string_equal(line_of(record, &view, 0), "running: not planned yet");
}

static void a_line_says_what_it_does_not_know(void **state)
{
    static const struct {
        struct ops_progress_view view;
        const char *end;
    } rows[] = {
        {{.rate_per_second = -1, .percent = 3, .left_seconds = -1, .still_seconds = -1, .estimating = true},
         "12,345 protected, 3%, estimating the time left"},
        {{.rate_per_second = -1, .percent = 3, .left_seconds = -1, .still_seconds = 75},
         "12,345 protected, 3%, no progress for 1m 15s"},
        {{.rate_per_second = -1, .percent = -1, .left_seconds = -1, .still_seconds = -1}, "12,345 protected"},
        {{.rate_per_second = 0.2, .percent = -1, .left_seconds = -1, .still_seconds = -1}, "12,345 protected, 12/min"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *line = line_of(LINE_RECORD, &rows[i].view, 0);
        assert_true(strlen(line) > strlen(rows[i].end));
        assert_string_equal(line + strlen(line) - strlen(rows[i].end), rows[i].end);
    }
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
        cmocka_unit_test(rate_and_time_left_are_whole_at_eighty_columns),
        cmocka_unit_test(a_terminal_that_becomes_narrower_gets_a_new_line_that_fits),
        cmocka_unit_test(columns_that_are_wished_for_do_not_make_the_live_line_wider_than_the_terminal),
        cmocka_unit_test(why_it_stands_still_is_told_once),
        cmocka_unit_test(a_vacuum_that_is_held_is_followed_on),
        cmocka_unit_test(no_pace_is_told_before_there_is_evidence_for_it),
        cmocka_unit_test(a_few_advances_are_no_evidence_however_long_they_take),
        cmocka_unit_test(what_went_before_the_first_advance_is_no_part_of_the_pace),
        cmocka_unit_test(what_was_there_at_the_first_look_is_no_part_of_the_pace),
        cmocka_unit_test(a_pace_that_changes_is_known_within_the_window),
        cmocka_unit_test(counts_that_come_in_bursts_give_a_steady_pace),
        cmocka_unit_test(one_that_stands_still_has_no_time_left_and_a_new_pace_afterwards),
        cmocka_unit_test(a_pause_is_no_part_of_the_pace_and_no_standstill),
        cmocka_unit_test(counts_that_go_back_start_the_pace_anew),
        cmocka_unit_test(with_nothing_left_to_count_no_time_is_told),
        cmocka_unit_test(a_total_that_is_too_small_is_no_total),
        cmocka_unit_test(a_clock_that_stands_still_gives_no_rate),
        cmocka_unit_test(what_the_dry_run_found_is_the_total),
        cmocka_unit_test(a_line_leaves_out_whole_parts_and_the_time_left_last_of_all),
        cmocka_unit_test(a_pending_one_has_its_countdown_at_any_width),
        cmocka_unit_test(one_that_is_not_planned_yet_has_no_targets_to_count),
        cmocka_unit_test(a_line_says_what_it_does_not_know),
    };
    setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
