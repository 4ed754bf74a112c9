/* What a caller gets that is turned away, and the window's details for who asks. */
#include "gate/gate.h"
#include "gate/script.h"

#include "base/instant.h"
#include "base/json.h"
#include "base/ulid.h"

#include "support/alloc_fault.h"
#include "support/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define BROWSER "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

enum { ROLLS = 500, TEXT_SIZE = 1024, RETRY_LEAST_S = 20, WEEK_S = 7 * 24 * 3600 };

static const char window[] = "{\"maintenance_id\": \"" SCRIPT_WINDOW_ID
                             "\", \"description\": \"new disks\", \"started_at\": \"2026-11-24T03:00:00Z\","
                             "\"estimated_end_utc\": \"2099-11-24T04:00:00Z\", \"updates\": [{\"at\": "
                             "\"2026-11-24T03:10:00Z\", \"text\": \"half\"}]}";

/* A gate that knows the script's first answer. */
static opsgate *open_with(struct script *script, int answer, const char *text)
{
    opsgate_config config = OPSGATE_CONFIG_INIT;
    config.refresh_ms = 15000; /* no second question comes between */
    config.first_wait_ms = 10000;
    config.timeout_ms = 1000;
    config.service = "billing";
    atomic_store(&script->window, text);
    atomic_store(&script->answer, answer);
    opsgate *gate = script_open(script, &config);
    assert_int_equal(opsgate_check(gate), answer);
    return gate;
}

static const char *text_at(const json_t *object, const char *member, const char *name)
{
    return ops_json_text(json_object_get(object, member), name, "");
}

/* ---- JSON ---- */

static void assert_error(const json_t *error)
{
    assert_string_equal(text_at(error, "major", "tag"), "unavailable");
    assert_string_equal(text_at(error, "minor", "tag"), "maintenance-mode");
    assert_true(strlen(text_at(json_object_get(error, "major"), "message", "en_US")) > 0);
    assert_true(strlen(text_at(json_object_get(error, "minor"), "message", "en_US")) > 0);
}

static void assert_details(const json_t *details)
{
    json_t *wanted = json_loads(window, 0, NULL);
    assert_non_null(wanted);
    assert_true(json_equal(details, wanted));
    json_decref(wanted);
}

static void assert_stats(const json_t *stats)
{
    int64_t at_ms;
    assert_string_equal(ops_json_text(stats, "call", ""), "gate");
    assert_string_equal(ops_json_text(stats, "service", ""), "billing");
    assert_true(ops_ulid_valid(ops_view_of(ops_json_text(stats, "request_id", ""))));
    assert_int_equal(ops_json_instant(stats, "timestamp_utc", &at_ms), OPS_OK);
    assert_int_equal(ops_json_integer(stats, "latency_ms", -1), 0);
    assert_true(json_is_integer(json_object_get(json_object_get(stats, "build"), "build_major")));
}

static void the_body_is_the_contracts_envelope(void **state)
{
    struct script script = {0};
    (void)state;
    opsgate *gate = open_with(&script, 1, window);
    opsgate_response *response = opsgate_respond(gate, "application/json");
    assert_non_null(response);
    assert_int_equal(response->body_length, strlen(response->body));
    json_t *envelope = json_loads(response->body, JSON_REJECT_DUPLICATES, NULL);
    assert_true(json_is_false(json_object_get(envelope, "success")));
    assert_error(json_object_get(envelope, "error"));
    assert_details(json_object_get(json_object_get(envelope, "error"), "details"));
    assert_true(json_is_integer(json_object_get(json_object_get(envelope, "build"), "build_minor")));
    assert_true(strlen(text_at(envelope, "build", "build_id")) > 0);
    assert_stats(json_object_get(envelope, "stats"));
    json_decref(envelope);
    opsgate_response_free(response);
    opsgate_close(gate);
}

static void each_response_has_an_id_of_its_own(void **state)
{
    struct script script = {0};
    (void)state;
    opsgate *gate = open_with(&script, 1, window);
    opsgate_response *one = opsgate_respond(gate, NULL), *other = opsgate_respond(gate, NULL);
    const char *one_id = strstr(one->body, "\"request_id\""), *other_id = strstr(other->body, "\"request_id\"");
    assert_true(one_id && other_id && strncmp(one_id, other_id, 45) != 0);
    opsgate_response_free(one);
    opsgate_response_free(other);
    opsgate_close(gate);
}

/* ---- Headers ---- */

static void the_headers_are_those_of_the_contract(void **state)
{
    struct script script = {0};
    (void)state;
    opsgate *gate = open_with(&script, 1, window);
    opsgate_response *response = opsgate_respond(gate, NULL);
    assert_int_equal(response->status, 503);
    assert_int_equal(response->header_count, 5);
    assert_string_equal(script_header(response, "Content-Type"), "application/json");
    assert_string_equal(script_header(response, "Cache-Control"), "no-store");
    assert_string_equal(script_header(response, "x-ops-maintenance"), SCRIPT_WINDOW_ID);
    assert_non_null(script_header(response, "Retry-After"));
    opsgate_response_free(response);
    opsgate_close(gate);
}

static void an_id_that_is_none_gets_into_no_header(void **state)
{
    struct script script = {0};
    (void)state;
    opsgate *gate = open_with(&script, 1, "{\"maintenance_id\": \"x\\r\\nSet-Cookie: a=b\"}");
    opsgate_response *response = opsgate_respond(gate, NULL);
    assert_null(script_header(response, "x-ops-maintenance"));
    assert_int_equal(response->header_count, 4);
    opsgate_response_free(response);
    opsgate_close(gate);
}

static int64_t left_s(int64_t end_ms)
{
    int64_t left_ms = end_ms - ops_gate_wall_ns(NULL) / OPS_GATE_MS;
    return (left_ms + 999) / 1000 > RETRY_LEAST_S ? (left_ms + 999) / 1000 : RETRY_LEAST_S;
}

/* Many callers' Retry-After: none before the end, none later than a quarter more, and spread over that. end_ms 0: unknown.
 */
static void assert_retries(opsgate *gate, int64_t end_ms)
{
    int64_t low_s = INT64_MAX, high_s = 0, most_s = left_s(end_ms);
    for (int i = 0; i < ROLLS; i++) {
        int64_t before_s = left_s(end_ms);
        opsgate_response *response = opsgate_respond(gate, i % 2 ? BROWSER : NULL);
        int64_t retry_s = atoll(script_header(response, "Retry-After"));
        assert_in_range(retry_s, left_s(end_ms), before_s + before_s / 4);
        low_s = retry_s < low_s ? retry_s : low_s;
        high_s = retry_s > high_s ? retry_s : high_s;
        opsgate_response_free(response);
    }
    /* With five hundred of them both ends come: a tenth of the spread is missed by all once in 10^22 times. */
    int64_t spread_s = most_s / 4;
    assert_true(low_s <= most_s + spread_s / 10 + 1);
    assert_true(high_s >= left_s(end_ms) + spread_s - spread_s / 10 - 1);
}

static void retry_after_lies_between_the_end_and_a_quarter_more(void **state)
{
    static const int64_t ahead_s[] = {21, 100, 3600, 86400};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(ahead_s); i++) {
        struct script script = {0};
        char at[OPS_INSTANT_TEXT_SIZE], text[TEXT_SIZE];
        int64_t end_ms = (ops_gate_wall_ns(NULL) / OPS_GATE_SECOND + ahead_s[i]) * 1000;
        ops_instant_format(end_ms, at);
        (void)snprintf(text, sizeof text, "{\"estimated_end_utc\": \"%s\"}", at);
        opsgate *gate = open_with(&script, 1, text);
        assert_retries(gate, end_ms);
        opsgate_close(gate);
    }
}

static void retry_after_is_at_least_20_s_whatever_the_end(void **state)
{
    static const char *const texts[] = {"{\"estimated_end_utc\": \"2020-01-01T00:00:00Z\"}", "{}",
                                        "{\"estimated_end_utc\": \"1970-01-01T00:00:00Z\"}"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct script script = {0};
        opsgate *gate = open_with(&script, 1, texts[i]);
        assert_retries(gate, 0);
        opsgate_close(gate);
    }
}

/* The gate's clock is behind the one by which the window began: for as long as that shows, its end is further away than it
 * will last. */
static void retry_after_is_no_longer_than_the_window_is_to_last_whatever_the_clock_says(void **state)
{
    static const struct {
        const char *format; /* of the start and the end */
        int64_t ahead_s;    /* of the start */
        int64_t lasts_s;
        int64_t most_s;
    } cases[] = {
        {"{\"started_at\": \"%s\", \"estimated_end_utc\": \"%s\"}", 7 * 86400, 3600, 3600},
        {"{\"started_at\": \"%s\", \"estimated_end_utc\": \"%s\"}", 3600, 5, RETRY_LEAST_S},
        {"{\"started_at\": \"%s\", \"estimated_end_utc\": \"%s\", \"estimated_duration_seconds\": 600}", 86400, 3600, 600},
        {"{\"started_at\": \"%s\", \"estimated_duration_seconds\": 90}", 86400, 90, 90},
        {"{\"estimated_duration_seconds\": 60, \"x\": \"%s\", \"estimated_end_utc\": \"%s\"}", 86400, 60, 60},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct script script = {0};
        char start[OPS_INSTANT_TEXT_SIZE], end[OPS_INSTANT_TEXT_SIZE], text[TEXT_SIZE];
        int64_t start_ms = (ops_gate_wall_ns(NULL) / OPS_GATE_SECOND + cases[i].ahead_s) * 1000;
        ops_instant_format(start_ms, start);
        ops_instant_format(start_ms + cases[i].lasts_s * 1000, end);
        (void)snprintf(text, sizeof text, cases[i].format, start, end);
        opsgate *gate = open_with(&script, 1, text);
        for (int roll = 0; roll < ROLLS; roll++) {
            opsgate_response *response = opsgate_respond(gate, NULL);
            assert_in_range(atoll(script_header(response, "Retry-After")), cases[i].most_s,
                            cases[i].most_s + cases[i].most_s / 4);
            opsgate_response_free(response);
        }
        opsgate_close(gate);
    }
}

/* Callers keep it in 32 bits, and one that is too large for that is none. */
static void retry_after_is_no_longer_than_a_window_may_be(void **state)
{
    static const char *const texts[] = {"{\"estimated_end_utc\": \"9999-12-31T23:59:59Z\"}",
                                        "{\"estimated_end_utc\": \"2100-01-01T00:00:00Z\"}"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct script script = {0};
        opsgate *gate = open_with(&script, 1, texts[i]);
        opsgate_response *response = opsgate_respond(gate, NULL);
        assert_in_range(atoll(script_header(response, "Retry-After")), WEEK_S, WEEK_S + WEEK_S / 4);
        opsgate_response_free(response);
        opsgate_close(gate);
    }
}

/* ---- HTML ---- */

static void a_browser_gets_a_page_with_everything_escaped(void **state)
{
    struct script script = {0};
    (void)state;
    opsgate *gate = open_with(&script, 1,
                              "{\"description\": \"<script>alert(\\\"x\\\")</script> & more\", "
                              "\"estimated_end_utc\": \"2099-11-24T04:00:00Z\", \"updates\": ["
                              "{\"at\": \"<b>\", \"text\": \"first <i>\"}, {\"text\": \"second &amp;\"}, 7]}");
    opsgate_response *response = opsgate_respond(gate, BROWSER);
    assert_int_equal(response->status, 503);
    assert_string_equal(script_header(response, "Content-Type"), "text/html; charset=utf-8");
    assert_string_equal(script_header(response, "Cache-Control"), "no-store");
    assert_int_equal(response->body_length, strlen(response->body));
    assert_non_null(strstr(response->body, "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp; more"));
    assert_non_null(
        strstr(response->body,
               "<p>We expect to be back at <time datetime=\"2099-11-24T04:00:00Z\">2099-11-24 04:00 UTC</time>.</p>"));
    assert_non_null(strstr(response->body, "<li>&lt;b&gt; first &lt;i&gt;"));
    assert_null(strstr(response->body, "<script"));
    assert_null(strstr(response->body, "<i>"));
    const char *newest = strstr(response->body, "second &amp;amp;"), *oldest = strstr(response->body, "first");
    assert_true(newest && oldest && newest < oldest);
    opsgate_response_free(response);
    opsgate_close(gate);
}

/* As much as a function may write, of what takes most room in a page. */
static void the_largest_window_has_a_page_too(void **state)
{
    static char text[OPSGATE_WINDOW_MAX_BYTES];
    static const char begin[] = "{\"description\": \"", end[] = "\"}";
    struct script script = {0};
    size_t count = sizeof text - sizeof begin - sizeof end;
    (void)state;
    memcpy(text, begin, sizeof begin);
    memset(text + sizeof begin - 1, '&', count);
    memcpy(text + sizeof begin - 1 + count, end, sizeof end);
    opsgate *gate = open_with(&script, 1, text);
    opsgate_response *response = opsgate_respond(gate, BROWSER);
    assert_non_null(response);
    assert_true(response->body_length > count * strlen("&amp;"));
    assert_non_null(strstr(response->body, "</html>"));
    opsgate_response_free(response);
    opsgate_close(gate);
}

/* ---- No window ---- */

static void when_the_window_has_just_ended_there_still_is_a_503(void **state)
{
    struct script script = {0};
    (void)state;
    opsgate *gate = open_with(&script, 0, NULL);
    opsgate_response *response = opsgate_respond(gate, NULL);
    json_t *envelope = json_loads(response->body, 0, NULL);
    assert_int_equal(response->status, 503);
    assert_null(script_header(response, "x-ops-maintenance"));
    assert_error(json_object_get(envelope, "error"));
    assert_null(json_object_get(json_object_get(envelope, "error"), "details"));
    json_decref(envelope);
    opsgate_response_free(response);
    response = opsgate_respond(gate, BROWSER);
    assert_non_null(strstr(response->body, "Closed for maintenance"));
    assert_null(strstr(response->body, "<time"));
    opsgate_response_free(response);
    assert_retries(gate, 0);
    opsgate_close(gate);
}

static void what_was_handed_out_outlives_the_gate(void **state)
{
    struct script script = {0};
    (void)state;
    opsgate *gate = open_with(&script, 1, window);
    opsgate_response *response = opsgate_respond(gate, NULL);
    opsgate_window *copy = opsgate_window_copy(gate);
    opsgate_close(gate);
    assert_string_equal(script_header(response, "x-ops-maintenance"), SCRIPT_WINDOW_ID);
    assert_int_equal(response->body_length, strlen(response->body));
    assert_string_equal(copy->maintenance_id, SCRIPT_WINDOW_ID);
    opsgate_response_free(response);
    opsgate_window_free(copy);
    opsgate_response_free(NULL);
    opsgate_window_free(NULL);
    opsgate_close(NULL);
}

/* ---- A window that takes longer than expected ---- */

struct overdue_row {
    const char *window;
    const char *paragraph; /* of the page */
    const char *end;       /* in details; NULL: null */
};

#define PAST "2020-01-01T00:00:00Z"
#define AHEAD "2099-01-01T00:00:00Z"

/* By the gate's clock; by OPS's word, whatever the gate's clock says; and where nobody told the end. */
static const struct overdue_row overdue_rows[] = {
    {"{\"estimated_end_utc\": \"" PAST "\"}",
     "<p>We expected to be back at <time datetime=\"" PAST "\">2020-01-01 00:00 UTC</time>. It takes longer than "
     "expected.</p>",
     PAST},
    {"{\"started_at\": \"2019-12-31T23:00:00Z\", \"estimated_duration_seconds\": 3600, \"overdue\": false}",
     "<p>We expected to be back at <time datetime=\"" PAST "\">2020-01-01 00:00 UTC</time>. It takes longer than "
     "expected.</p>",
     PAST},
    {"{\"estimated_end_utc\": \"" AHEAD "\", \"overdue\": true}",
     "<p>We expected to be back at <time datetime=\"" AHEAD "\">2099-01-01 00:00 UTC</time>. It takes longer than "
     "expected.</p>",
     AHEAD},
    {"{\"overdue\": true}", "<p>It takes longer than expected.</p>", NULL},
};

static void assert_says_overdue(opsgate *gate, const struct overdue_row *row)
{
    opsgate_response *json = opsgate_respond(gate, NULL), *page = opsgate_respond(gate, BROWSER);
    json_t *envelope = json_loads(json->body, 0, NULL);
    const json_t *error = json_object_get(envelope, "error"), *details = json_object_get(error, "details");
    assert_true(json_is_true(json_object_get(details, "overdue")));
    assert_string_equal(ops_json_text(details, "estimated_end_utc", ""), row->end ? row->end : "");
    assert_string_equal(text_at(json_object_get(error, "minor"), "message", "en_US"),
                        "The service is closed for maintenance, and it takes longer than expected.");
    assert_non_null(strstr(page->body, row->paragraph));
    assert_null(strstr(page->body, "We expect to be back"));
    assert_in_range(atoll(script_header(json, "Retry-After")), RETRY_LEAST_S, RETRY_LEAST_S + RETRY_LEAST_S / 4);
    json_decref(envelope);
    opsgate_response_free(json);
    opsgate_response_free(page);
}

static void past_its_estimate_a_window_promises_no_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(overdue_rows); i++) {
        struct script script = {0};
        opsgate *gate = open_with(&script, 1, overdue_rows[i].window);
        assert_says_overdue(gate, &overdue_rows[i]);
        opsgate_window *copy = opsgate_window_copy(gate);
        assert_int_equal(copy->overdue, 1);
        opsgate_window_free(copy);
        opsgate_close(gate);
    }
}

static void a_window_within_its_estimate_is_not_called_overdue(void **state)
{
    struct script script = {0};
    (void)state;
    opsgate *gate = open_with(&script, 1, window);
    opsgate_response *json = opsgate_respond(gate, NULL), *page = opsgate_respond(gate, BROWSER);
    assert_null(strstr(json->body, "overdue"));
    assert_null(strstr(json->body, "longer"));
    assert_null(strstr(page->body, "longer"));
    opsgate_response_free(json);
    opsgate_response_free(page);
    opsgate_close(gate);
}

/* ---- The window's details ---- */

static void the_copy_of_a_window_has_all_of_it(void **state)
{
    struct script script = {0};
    (void)state;
    opsgate *gate = open_with(&script, 1, window);
    opsgate_window *copy = opsgate_window_copy(gate);
    assert_int_equal(copy->active, 1);
    assert_true(copy->age_ms >= 0 && copy->age_ms <= SCRIPT_DEADLINE_MS);
    assert_string_equal(copy->maintenance_id, SCRIPT_WINDOW_ID);
    assert_string_equal(copy->description, "new disks");
    assert_string_equal(copy->started_at, "2026-11-24T03:00:00Z");
    assert_string_equal(copy->estimated_end_utc, "2099-11-24T04:00:00Z");
    assert_int_equal(copy->overdue, 0);
    assert_string_equal(copy->updates_json, "[{\"at\":\"2026-11-24T03:10:00Z\",\"text\":\"half\"}]");
    opsgate_window_free(copy);
    opsgate_close(gate);
}

static void without_a_window_its_copy_is_empty(void **state)
{
    struct script script = {0};
    (void)state;
    opsgate *gate = open_with(&script, 0, NULL);
    opsgate_window *copy = opsgate_window_copy(gate);
    assert_int_equal(copy->active, 0);
    assert_true(copy->age_ms >= 0);
    assert_string_equal(copy->maintenance_id, "");
    assert_string_equal(copy->description, "");
    assert_string_equal(copy->updates_json, "[]");
    opsgate_window_free(copy);
    opsgate_close(gate);
}

static void a_function_that_writes_nothing_closes_the_gate_all_the_same(void **state)
{
    struct script script = {0};
    (void)state;
    opsgate *gate = open_with(&script, 1, NULL);
    opsgate_window *copy = opsgate_window_copy(gate);
    assert_int_equal(copy->active, 1);
    assert_string_equal(copy->description, "");
    opsgate_window_free(copy);
    opsgate_close(gate);
}

/* ---- No memory ---- */

static bool give_json(opsgate *gate)
{
    static const char *const parts[] = {"\"half\"", "\"minor\"", "\"request_id\"", "\"build_id\"", "\"billing\""};
    opsgate_response *response = opsgate_respond(gate, NULL);
    bool whole = response;
    for (size_t i = 0; i < COUNT_OF(parts) && whole; i++)
        whole = strstr(response->body, parts[i]);
    assert_int_equal(whole, response != NULL);
    opsgate_response_free(response);
    return whole;
}

static bool give_html(opsgate *gate)
{
    opsgate_response *response = opsgate_respond(gate, BROWSER);
    bool whole = response && strstr(response->body, "half") && strstr(response->body, "</html>");
    assert_int_equal(whole, response != NULL);
    opsgate_response_free(response);
    return whole;
}

static bool give_copy(opsgate *gate)
{
    opsgate_window *copy = opsgate_window_copy(gate);
    bool whole = copy && copy->active && strstr(copy->updates_json, "half");
    assert_int_equal(whole, copy != NULL);
    opsgate_window_free(copy);
    return whole;
}

/* Each allocation fails in turn: all of it or nothing, and nothing left behind. */
static void without_memory_there_is_nothing_rather_than_a_part(void **state)
{
    static bool (*const gives[])(opsgate * gate) = {give_json, give_html, give_copy};
    struct script script = {0};
    (void)state;
    alloc_fault_install(0);
    opsgate *gate = open_with(&script, 1, window);
    for (size_t i = 0; i < COUNT_OF(gives); i++) {
        bool hit = true;
        for (size_t n = 1; hit; n++) {
            alloc_fault_arm(n);
            bool given = gives[i](gate);
            hit = alloc_fault_hit();
            alloc_fault_arm(0);
            if (given == hit)
                fail_msg("allocation %zu of %zu: given %d", n, i, given);
        }
    }
    opsgate_close(gate);
    assert_int_equal(alloc_fault_live_count(), 0);
    alloc_fault_remove();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_body_is_the_contracts_envelope),
        cmocka_unit_test(each_response_has_an_id_of_its_own),
        cmocka_unit_test(the_headers_are_those_of_the_contract),
        cmocka_unit_test(an_id_that_is_none_gets_into_no_header),
        cmocka_unit_test(retry_after_lies_between_the_end_and_a_quarter_more),
        cmocka_unit_test(retry_after_is_at_least_20_s_whatever_the_end),
        cmocka_unit_test(retry_after_is_no_longer_than_the_window_is_to_last_whatever_the_clock_says),
        cmocka_unit_test(retry_after_is_no_longer_than_a_window_may_be),
        cmocka_unit_test(a_browser_gets_a_page_with_everything_escaped),
        cmocka_unit_test(the_largest_window_has_a_page_too),
        cmocka_unit_test(when_the_window_has_just_ended_there_still_is_a_503),
        cmocka_unit_test(what_was_handed_out_outlives_the_gate),
        cmocka_unit_test(past_its_estimate_a_window_promises_no_end),
        cmocka_unit_test(a_window_within_its_estimate_is_not_called_overdue),
        cmocka_unit_test(the_copy_of_a_window_has_all_of_it),
        cmocka_unit_test(without_a_window_its_copy_is_empty),
        cmocka_unit_test(a_function_that_writes_nothing_closes_the_gate_all_the_same),
        cmocka_unit_test(without_memory_there_is_nothing_rather_than_a_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
