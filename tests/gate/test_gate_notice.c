/* What a source gives, whatever its shape, becomes the contract's five members or a refusal. */
#include "gate/notice.h"

#include "base/instant.h"
#include "base/json.h"

#include "support/alloc_fault.h"
#include "support/cmocka_all.h"

#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define ID "01ARZ3NDEKTSV4RRFFQ69G5FAV"
#define STARTED "2026-11-24T03:00:00Z"
#define STARTED_MS INT64_C(1795489200000)
#define NULLS "{\"maintenance_id\":null,\"description\":null,\"started_at\":null,\"estimated_end_utc\":null,\"updates\":[]}"

static const char whole[] =
    "{\"maintenance_id\": \"" ID "\", \"description\": \"new disks\", \"started_at\": \"" STARTED "\", "
    "\"estimated_end_utc\": \"2026-11-24T04:00:00Z\", \"updates\": [{\"at\": \"" STARTED "\", \"text\": \"begun\"}], "
    "\"status\": \"active\", \"revision\": 3}";

static void no_text_is_no_window(void **state)
{
    struct ops_gate_notice notice;
    (void)state;
    assert_int_equal(ops_gate_notice_read(ops_view(NULL, 0), &notice), OPS_OK);
    assert_null(notice.window);
    assert_string_equal(ops_json_text(notice.window, "description", ""), "");
    ops_gate_notice_release(&notice);
}

static void a_window_has_the_five_members_and_no_more(void **state)
{
    struct ops_gate_notice notice;
    (void)state;
    assert_int_equal(ops_gate_notice_read(ops_view_of(whole), &notice), OPS_OK);
    assert_int_equal(json_object_size(notice.window), 5);
    assert_string_equal(ops_json_text(notice.window, "maintenance_id", ""), ID);
    assert_string_equal(ops_json_text(notice.window, "description", ""), "new disks");
    assert_string_equal(ops_json_text(notice.window, "started_at", ""), STARTED);
    assert_string_equal(ops_json_text(notice.window, "estimated_end_utc", ""), "2026-11-24T04:00:00Z");
    assert_int_equal(json_array_size(json_object_get(notice.window, "updates")), 1);
    assert_int_equal(notice.end_ms, STARTED_MS + OPS_HOUR_MS);
    const json_t *update = json_array_get(json_object_get(notice.window, "updates"), 0);
    assert_string_equal(ops_json_text(update, "text", ""), "begun");
    ops_gate_notice_release(&notice);
    assert_null(notice.window);
}

static void overdue_is_what_the_source_says_or_what_the_clock_says(void **state)
{
    static const struct {
        const char *text;
        int64_t now_ms;
        bool overdue;
    } rows[] = {
        {"{\"estimated_end_utc\": \"" STARTED "\"}", STARTED_MS, false},
        {"{\"estimated_end_utc\": \"" STARTED "\"}", STARTED_MS + 1, true},
        {"{\"estimated_end_utc\": \"" STARTED "\", \"overdue\": true}", STARTED_MS - OPS_DAY_MS, true},
        {"{\"estimated_end_utc\": \"" STARTED "\", \"overdue\": \"yes\"}", STARTED_MS - OPS_DAY_MS, false},
        {"{\"overdue\": true}", STARTED_MS, true},
        {"{}", STARTED_MS, false},
        {"", STARTED_MS, false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct ops_gate_notice notice;
        assert_int_equal(ops_gate_notice_read(ops_view_of(rows[i].text), &notice), OPS_OK);
        assert_int_equal(ops_gate_notice_overdue(&notice, rows[i].now_ms), rows[i].overdue);
        assert_null(json_object_get(notice.window, "overdue"));
        ops_gate_notice_release(&notice);
    }
}

struct shape_row {
    const char *text;
    const char *details;
    int64_t end_ms;
};

#define SHAPE(end)                                                                                                          \
    "{\"maintenance_id\":null,\"description\":null,\"started_at\":\"" STARTED "\",\"estimated_end_utc\":" end               \
    ",\"updates\":[]}"

static const struct shape_row shape_rows[] = {
    {"{}", NULLS, 0},
    {"{\"maintenance_id\": 7, \"description\": [], \"started_at\": {}, \"estimated_end_utc\": true, \"updates\": \"x\"}",
     NULLS, 0},
    {"{\"maintenance_id\": null, \"updates\": null}", NULLS, 0},
    /* The end that is told, else the beginning and the length. */
    {"{\"started_at\": \"" STARTED "\", \"estimated_duration_seconds\": 90}", SHAPE("\"2026-11-24T03:01:30Z\""),
     STARTED_MS + 90000},
    {"{\"started_at\": \"" STARTED "\", \"estimated_end_utc\": \"soon\", \"estimated_duration_seconds\": 90}",
     SHAPE("\"2026-11-24T03:01:30Z\""), STARTED_MS + 90000},
    {"{\"started_at\": \"" STARTED
     "\", \"estimated_end_utc\": \"2026-11-24T03:00:05Z\", \"estimated_duration_seconds\": 90}",
     SHAPE("\"2026-11-24T03:00:05Z\""), STARTED_MS + 5000},
    {"{\"started_at\": \"" STARTED "\", \"estimated_duration_seconds\": 604800}", SHAPE("\"2026-12-01T03:00:00Z\""),
     STARTED_MS + 7 * OPS_DAY_MS},
    {"{\"started_at\": \"" STARTED "\", \"estimated_end_utc\": \"soon\"}", SHAPE("null"), 0},
    {"{\"started_at\": \"" STARTED "\", \"estimated_duration_seconds\": 604801}", SHAPE("null"), 0},
    {"{\"started_at\": \"" STARTED "\", \"estimated_duration_seconds\": 0}", SHAPE("null"), 0},
    {"{\"started_at\": \"" STARTED "\", \"estimated_duration_seconds\": -5}", SHAPE("null"), 0},
    {"{\"started_at\": \"" STARTED "\", \"estimated_duration_seconds\": 9223372036854775807}", SHAPE("null"), 0},
    {"{\"started_at\": \"" STARTED "\", \"estimated_duration_seconds\": 1.5}", SHAPE("null"), 0},
    {"{\"started_at\": \"" STARTED "\", \"estimated_duration_seconds\": \"90\"}", SHAPE("null"), 0},
    {"{\"estimated_duration_seconds\": 90}", NULLS, 0},
    {"{\"updates\": [1, \"x\", {\"text\": 5}]}",
     "{\"maintenance_id\":null,\"description\":null,\"started_at\":null,\"estimated_end_utc\":null,"
     "\"updates\":[1,\"x\",{\"text\":5}]}",
     0},
};

/* A function of the service's own may leave the state out; what it passes on counts. */
static void a_window_of_another_state_is_none(void **state)
{
    static const char *const others[] = {
        "{\"status\": \"scheduled\"}", "{\"status\": \"ended\", \"maintenance_id\": \"x\"}",
        "{\"status\": \"Active\"}",    "{\"status\": \"active \"}",
        "{\"status\": \"\"}",          "{\"status\": null}",
        "{\"status\": true}",          "{\"status\": [\"active\"]}",
    };
    struct ops_gate_notice notice;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        assert_int_equal(ops_gate_notice_read(ops_view_of(others[i]), &notice), OPS_OK);
        if (notice.window)
            fail_msg("%s closes", others[i]);
    }
    assert_int_equal(ops_gate_notice_read(ops_view_of("{\"status\": \"active\", \"later\": 1}"), &notice), OPS_OK);
    assert_non_null(notice.window);
    ops_gate_notice_release(&notice);
}

static void every_shape_of_window_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(shape_rows); i++) {
        struct ops_gate_notice notice;
        assert_int_equal(ops_gate_notice_read(ops_view_of(shape_rows[i].text), &notice), OPS_OK);
        json_t *wanted = json_loads(shape_rows[i].details, 0, NULL);
        if (!wanted || !json_equal(wanted, notice.window) || notice.end_ms != shape_rows[i].end_ms)
            fail_msg("%s is read as another window", shape_rows[i].text);
        json_decref(wanted);
        ops_gate_notice_release(&notice);
    }
}

static const char *const garbage[] = {
    " ",
    "x",
    "null",
    "true",
    "7",
    "\"window\"",
    "[]",
    "{",
    "{\"a\":}",
    "{} {}",
    "{\"a\": \"\xff\"}",
    "{\"a\": 1, \"a\": 2}",
    "<html>503</html>",
};

static void garbage_is_corrupt(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(garbage); i++) {
        struct ops_gate_notice notice;
        if (ops_gate_notice_read(ops_view_of(garbage[i]), &notice) != OPS_CORRUPT)
            fail_msg("%s", garbage[i]);
        assert_null(notice.window);
    }
    struct ops_gate_notice notice;
    assert_int_equal(ops_gate_notice_read(ops_view("{\"a\":\"\0\"}", 9), &notice), OPS_CORRUPT);
}

static void every_cut_of_a_window_is_corrupt(void **state)
{
    (void)state;
    for (size_t length = 1; length < sizeof whole - 1; length++) {
        struct ops_gate_notice notice;
        assert_int_equal(ops_gate_notice_read(ops_view(whole, length), &notice), OPS_CORRUPT);
        assert_null(notice.window);
    }
}

/* How many allocations the parser needs. Its last one is no part of a long string, which jansson does not survive. */
static size_t count_parser(const char *text)
{
    enum { MORE_THAN_IT_NEEDS = 500 };
    bool hit = false;
    size_t n = MORE_THAN_IT_NEEDS + 1;
    while (!hit && n > 1) {
        json_t *object = NULL;
        alloc_fault_install(--n);
        (void)!ops_json_parse_object(ops_view_of(text), &object, NULL);
        hit = alloc_fault_hit();
        json_decref(object);
        alloc_fault_remove();
    }
    assert_in_range(n, 1, MORE_THAN_IT_NEEDS - 1);
    return n;
}

/* Each allocation from the n-th on fails in turn: a clean refusal, nothing left behind. */
static void sweep(const char *text, size_t n)
{
    for (bool hit = true; hit; n++) {
        struct ops_gate_notice notice;
        alloc_fault_install(n);
        enum ops_status status = ops_gate_notice_read(ops_view_of(text), &notice);
        hit = alloc_fault_hit();
        if (status != (hit ? OPS_NO_MEMORY : OPS_OK))
            fail_msg("%s: allocation %zu: %s", text, n, ops_status_tag(status));
        assert_int_equal(notice.window != NULL, !hit);
        ops_gate_notice_release(&notice);
        assert_int_equal(alloc_fault_live_count(), 0);
        alloc_fault_remove();
    }
}

static void without_memory_there_is_no_notice(void **state)
{
    (void)state;
    sweep("{}", 1);
    sweep("{\"description\": \"d\", \"updates\": [{\"text\": \"t\"}]}", 1);
    sweep(whole, count_parser(whole) + 1);
    sweep(shape_rows[3].text, count_parser(shape_rows[3].text) + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_text_is_no_window),
        cmocka_unit_test(a_window_has_the_five_members_and_no_more),
        cmocka_unit_test(overdue_is_what_the_source_says_or_what_the_clock_says),
        cmocka_unit_test(a_window_of_another_state_is_none),
        cmocka_unit_test(every_shape_of_window_is_read),
        cmocka_unit_test(garbage_is_corrupt),
        cmocka_unit_test(every_cut_of_a_window_is_corrupt),
        cmocka_unit_test(without_memory_there_is_no_notice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
