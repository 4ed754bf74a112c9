#include "contract/log_sink_suite.h"

#include "base/instant.h"
#include "support/alloc_fault.h"
#include "support/cmocka_all.h"

#include <stdio.h>

#define NOON_MS INT64_C(1795521600000) /* 2026-11-24T12:00:00Z */

static const struct log_sink_suite_source *suite_source;

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

static enum ops_status append_one(struct ops_log_sink *sink, int64_t at_ms, const char *text)
{
    struct ops_log_event event = {at_ms, ops_view_of(text)};
    return ops_log_sink_append(sink, &event, 1, NULL);
}

static void expect_events(struct ops_log_sink *sink, const char *expected)
{
    struct ops_buf buf;
    ops_buf_init(&buf, 16 * 1024 * 1024);
    suite_source->read(sink, &buf);
    assert_int_equal(ops_buf_status(&buf), OPS_OK);
    assert_string_equal(ops_buf_text(&buf), expected);
    ops_buf_release(&buf);
}

static void events_come_in_the_order_in_which_they_were_appended(void **state)
{
    const struct ops_log_event events[] = {
        {NOON_MS, ops_view_of("{\"seq\":1}")},
        {NOON_MS, ops_view_of("{\"seq\":2}")},
        {NOON_MS + 1, ops_view_of("{\"seq\":3,\"t\":\"gr\xc3\xbc\xc3\x9f\"}")},
    };
    assert_int_equal(ops_log_sink_append(*state, events, 3, NULL), OPS_OK);
    assert_int_equal(append_one(*state, NOON_MS, "{\"seq\":4}"), OPS_OK);
    expect_events(*state, "{\"seq\":1}\n{\"seq\":2}\n{\"seq\":3,\"t\":\"gr\xc3\xbc\xc3\x9f\"}\n{\"seq\":4}\n");
}

/* ---- reading ---- */

static enum ops_status append_line(void *context, const struct ops_log_place *place, struct ops_view text)
{
    (void)place;
    ops_buf_append_view(context, text);
    ops_buf_append_char(context, '\n');
    return OPS_OK;
}

static void expect_read(struct ops_log_sink *sink, size_t last, const char *expected)
{
    struct ops_buf buf;
    ops_buf_init(&buf, 16 * 1024 * 1024);
    assert_int_equal(ops_log_sink_read(sink, last, append_line, &buf, NULL), OPS_OK);
    assert_int_equal(ops_buf_status(&buf), OPS_OK);
    assert_string_equal(ops_buf_text(&buf), expected);
    ops_buf_release(&buf);
}

static void what_was_appended_is_read_whole_or_from_its_end(void **state)
{
    expect_read(*state, 0, "");
    expect_read(*state, 5, "");
    for (int i = 0; i < 6; i++) { /* over three days */
        char text[16];
        (void)snprintf(text, sizeof text, "{\"seq\":%d}", i);
        assert_int_equal(append_one(*state, NOON_MS + i / 2 * OPS_DAY_MS, text), OPS_OK);
    }
    expect_read(*state, 0, "{\"seq\":0}\n{\"seq\":1}\n{\"seq\":2}\n{\"seq\":3}\n{\"seq\":4}\n{\"seq\":5}\n");
    expect_read(*state, 1, "{\"seq\":5}\n");
    expect_read(*state, 2, "{\"seq\":4}\n{\"seq\":5}\n");
    expect_read(*state, 3, "{\"seq\":3}\n{\"seq\":4}\n{\"seq\":5}\n");
    expect_read(*state, 5, "{\"seq\":1}\n{\"seq\":2}\n{\"seq\":3}\n{\"seq\":4}\n{\"seq\":5}\n");
    expect_read(*state, 6, "{\"seq\":0}\n{\"seq\":1}\n{\"seq\":2}\n{\"seq\":3}\n{\"seq\":4}\n{\"seq\":5}\n");
    expect_read(*state, 100, "{\"seq\":0}\n{\"seq\":1}\n{\"seq\":2}\n{\"seq\":3}\n{\"seq\":4}\n{\"seq\":5}\n");
    int64_t keeps_ms = -1;
    assert_int_equal(ops_log_sink_keeps(*state, &keeps_ms, NULL), OPS_OK);
    assert_int_equal(keeps_ms, 0);
}

static enum ops_status stop_at_once(void *context, const struct ops_log_place *place, struct ops_view text)
{
    (void)place;
    (void)text;
    ++*(int *)context;
    return OPS_CONFLICT;
}

static void who_reads_may_stop(void **state)
{
    int count = 0;
    assert_int_equal(append_one(*state, NOON_MS, "1"), OPS_OK);
    assert_int_equal(append_one(*state, NOON_MS, "2"), OPS_OK);
    assert_int_equal(ops_log_sink_read(*state, 0, stop_at_once, &count, NULL), OPS_CONFLICT);
    assert_int_equal(count, 1);
    assert_int_equal(ops_log_sink_read(*state, 2, stop_at_once, &count, NULL), OPS_CONFLICT);
    assert_int_equal(count, 2);
}

static void the_order_holds_across_days_also_when_the_clock_went_back(void **state)
{
    assert_int_equal(append_one(*state, NOON_MS, "1"), OPS_OK);
    assert_int_equal(append_one(*state, NOON_MS + OPS_DAY_MS, "2"), OPS_OK);
    assert_int_equal(append_one(*state, NOON_MS - OPS_DAY_MS, "3"), OPS_OK);
    assert_int_equal(append_one(*state, NOON_MS + 2 * OPS_DAY_MS, "4"), OPS_OK);
    assert_int_equal(append_one(*state, NOON_MS, "5"), OPS_OK);
    expect_events(*state, "1\n2\n3\n4\n5\n");
}

static void a_whole_batch_of_large_events_is_appended(void **state)
{
    enum { EVENT_LENGTH = 20000 };
    static char text[EVENT_LENGTH];
    struct ops_log_event events[OPS_LOG_BATCH_MAX];
    struct ops_buf expected;
    ops_buf_init(&expected, 16 * 1024 * 1024);
    memset(text, 'x', sizeof text);
    for (int i = 0; i < OPS_LOG_BATCH_MAX; i++) {
        events[i] = (struct ops_log_event){NOON_MS + i, ops_view(text, sizeof text)};
        ops_buf_append(&expected, text, sizeof text);
        ops_buf_append_char(&expected, '\n');
    }
    assert_int_equal(ops_log_sink_append(*state, events, OPS_LOG_BATCH_MAX, NULL), OPS_OK);
    expect_events(*state, ops_buf_text(&expected));
    ops_buf_release(&expected);
}

/* Opens, appends and reads while the n-th allocation fails; whether it came to that. */
static bool append_without_memory(size_t n)
{
    alloc_fault_install(n);
    struct ops_log_sink *sink = suite_source->open();
    if (!sink)
        sink = suite_source->open();
    assert_non_null(sink);
    bool hit_before = alloc_fault_hit();
    enum ops_status status = append_one(sink, NOON_MS, "1");
    bool hit = alloc_fault_hit();
    assert_int_equal(status, hit && !hit_before ? OPS_NO_MEMORY : OPS_OK);
    if (status != OPS_OK)
        assert_int_equal(append_one(sink, NOON_MS, "1"), OPS_OK);
    suite_source->close(sink);
    assert_int_equal(alloc_fault_live_count(), 0);
    alloc_fault_remove();
    return hit;
}

static void without_memory_nothing_is_appended_and_nothing_leaks(void **state)
{
    (void)state;
    size_t n = 1;
    if (suite_source->keeps_blocks)
        return;
    while (append_without_memory(n)) {
        n++;
        assert_true(n < 1000);
    }
    assert_true(n > 2);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int log_sink_suite_run(const char *name, const struct log_sink_suite_source *source)
{
    const struct CMUnitTest tests[] = {
        CASE(events_come_in_the_order_in_which_they_were_appended),
        CASE(the_order_holds_across_days_also_when_the_clock_went_back),
        CASE(what_was_appended_is_read_whole_or_from_its_end),
        CASE(who_reads_may_stop),
        CASE(a_whole_batch_of_large_events_is_appended),
        cmocka_unit_test(without_memory_nothing_is_appended_and_nothing_leaks),
    };
    suite_source = source;
    return _cmocka_run_group_tests(name, tests, sizeof tests / sizeof tests[0], NULL, NULL);
}
