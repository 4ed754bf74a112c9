#include "core/window.h"

#include "base/json.h"

#include "support/cmocka_all.h"
#include "support/manifest_text.h"

#include <stdio.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define ID "01ARZ3NDEKTSV4RRFFQ69G5FAV"

/* 2026-11-24T03:00:00Z */
static const int64_t now_ms = INT64_C(1795489200000);

static json_t *window_new(void)
{
    json_t *window = NULL;
    assert_int_equal(ops_window_schedule(ID, "disks", 3600, now_ms + OPS_HOUR_MS, now_ms, &window, NULL), OPS_OK);
    return window;
}

static json_t *window_in(enum ops_window_status status)
{
    json_t *window = window_new();
    assert_int_equal(ops_json_set_text(window, "status", ops_window_status_name(status)), OPS_OK);
    if (status == OPS_WINDOW_ACTIVE)
        assert_int_equal(ops_json_set_instant(window, "started_at", now_ms), OPS_OK);
    return window;
}

static void a_new_window_has_every_member_of_the_contract(void **state)
{
    (void)state;
    json_t *window = window_new();
    json_t *expected = manifest_text_json(
        "{'maintenance_id': '" ID "', 'status': 'scheduled', 'description': 'disks', 'estimated_duration_seconds': 3600,"
        " 'scheduled_start_utc': '2026-11-24T04:00:00Z', 'updates': [], 'revision': 1,"
        " 'created_at': '2026-11-24T03:00:00Z', 'updated_at': '2026-11-24T03:00:00Z'}");
    assert_true(json_equal(window, expected));
    json_decref(window);
    json_decref(expected);
}

struct start_case {
    const char *name;
    int64_t ahead_ms;
    enum ops_status expected;
};

static const struct start_case start_cases[] = {
    {"a millisecond ahead", 1, OPS_OK},
    {"now", 0, OPS_START_NOT_IN_FUTURE},
    {"a millisecond ago", -1, OPS_START_NOT_IN_FUTURE},
    {"a year ago", -365 * OPS_DAY_MS, OPS_START_NOT_IN_FUTURE},
    {"366 days ahead", 366 * OPS_DAY_MS, OPS_OK},
    {"366 days and a millisecond ahead", 366 * OPS_DAY_MS + 1, OPS_INVALID_FIELD},
};

static void a_start_is_in_the_future_and_at_most_366_days_ahead(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(start_cases); i++) {
        const struct start_case *test = &start_cases[i];
        struct ops_error error = OPS_ERROR_INIT;
        json_t *window = NULL;
        enum ops_status status = ops_window_schedule(ID, "d", 60, now_ms + test->ahead_ms, now_ms, &window, &error);
        if (status != test->expected)
            fail_msg("%s: %s", test->name, ops_status_tag(status));
        if (status != OPS_OK)
            assert_string_equal(ops_json_text(error.details, "field", ""), "scheduled_start_utc");
        json_decref(window);
        ops_error_release(&error);
    }
}

static void a_start_within_a_second_is_rounded_up_so_that_it_is_never_too_early(void **state)
{
    (void)state;
    json_t *window = NULL;
    assert_int_equal(ops_window_schedule(ID, "d", 60, now_ms + 1, now_ms, &window, NULL), OPS_OK);
    assert_string_equal(ops_json_text(window, "scheduled_start_utc", ""), "2026-11-24T03:00:01Z");
    json_decref(window);
}

enum step { STEP_START, STEP_END, STEP_CANCEL, STEP_UPDATE_DESCRIPTION, STEP_UPDATE_TEXT, STEP_COUNT };

static const char *const step_names[] = {"start", "end", "cancel", "update description", "update text"};

static enum ops_status take_step(enum step step, const json_t *window, json_t **ret_window, struct ops_error *error)
{
    const struct ops_window_change description = {.description = "other", .duration_seconds = 120};
    const struct ops_window_change text = {.text = "half way"};
    switch (step) {
    case STEP_START:
        return ops_window_start(window, "operator", now_ms + 5000, ret_window, error);
    case STEP_END:
        return ops_window_end(window, "all good", now_ms + 5000, ret_window, error);
    case STEP_CANCEL:
        return ops_window_cancel(window, now_ms + 5000, ret_window, error);
    case STEP_UPDATE_DESCRIPTION:
        return ops_window_update(window, &description, now_ms + 5000, ret_window, error);
    default:
        return ops_window_update(window, &text, now_ms + 5000, ret_window, error);
    }
}

static const enum ops_status transitions[OPS_WINDOW_STATUS_COUNT][STEP_COUNT] = {
    [OPS_WINDOW_SCHEDULED] = {OPS_OK, OPS_MAINTENANCE_NOT_ACTIVE, OPS_OK, OPS_OK, OPS_MAINTENANCE_NOT_ACTIVE},
    [OPS_WINDOW_ACTIVE] = {OPS_MAINTENANCE_NOT_SCHEDULED, OPS_OK, OPS_MAINTENANCE_NOT_SCHEDULED, OPS_OK, OPS_OK},
    [OPS_WINDOW_ENDED] = {OPS_MAINTENANCE_NOT_SCHEDULED, OPS_MAINTENANCE_NOT_ACTIVE, OPS_MAINTENANCE_NOT_SCHEDULED,
                          OPS_MAINTENANCE_NOT_ACTIVE, OPS_MAINTENANCE_NOT_ACTIVE},
    [OPS_WINDOW_CANCELLED] = {OPS_MAINTENANCE_NOT_SCHEDULED, OPS_MAINTENANCE_NOT_ACTIVE, OPS_MAINTENANCE_NOT_SCHEDULED,
                              OPS_MAINTENANCE_NOT_ACTIVE, OPS_MAINTENANCE_NOT_ACTIVE},
};

static void expect_step(enum ops_window_status from, enum step step)
{
    struct ops_error error = OPS_ERROR_INIT;
    json_t *window = window_in(from), *before = json_deep_copy(window), *next = NULL;
    enum ops_status status = take_step(step, window, &next, &error);
    if (status != transitions[from][step])
        fail_msg("%s of a window that is %s: %s", step_names[step], ops_window_status_name(from), ops_status_tag(status));
    assert_true(json_equal(window, before)); /* the old one is left alone */
    if (status == OPS_OK) {
        assert_int_equal(ops_json_integer(next, "revision", 0), 2);
        assert_string_equal(ops_json_text(next, "updated_at", ""), "2026-11-24T03:00:05Z");
    } else {
        assert_null(next);
        assert_string_equal(ops_json_text(error.details, "maintenance_id", ""), ID);
        assert_string_equal(ops_json_text(error.details, "status", ""), ops_window_status_name(from));
    }
    ops_error_release(&error);
    json_decref(window);
    json_decref(before);
    json_decref(next);
}

static void every_transition_is_allowed_from_its_states_and_refused_from_all_others(void **state)
{
    (void)state;
    for (int from = 0; from < OPS_WINDOW_STATUS_COUNT; from++)
        for (int step = 0; step < STEP_COUNT; step++)
            expect_step((enum ops_window_status)from, (enum step)step);
}

static void each_transition_writes_its_own_members(void **state)
{
    (void)state;
    json_t *scheduled = window_new(), *active = NULL, *updated = NULL, *ended = NULL, *cancelled = NULL;
    assert_int_equal(ops_window_start(scheduled, "sweep", now_ms, &active, NULL), OPS_OK);
    assert_string_equal(ops_json_text(active, "status", ""), "active");
    assert_string_equal(ops_json_text(active, "started_by", ""), "sweep");
    assert_string_equal(ops_json_text(active, "started_at", ""), "2026-11-24T03:00:00Z");
    const struct ops_window_change change = {.description = "new words", .duration_seconds = 90, .text = "half way"};
    assert_int_equal(ops_window_update(active, &change, now_ms + 1000, &updated, NULL), OPS_OK);
    assert_string_equal(ops_json_text(updated, "description", ""), "new words");
    assert_int_equal(ops_json_integer(updated, "estimated_duration_seconds", 0), 90);
    const json_t *update = json_array_get(json_object_get(updated, "updates"), 0);
    assert_string_equal(ops_json_text(update, "text", ""), "half way");
    assert_string_equal(ops_json_text(update, "at", ""), "2026-11-24T03:00:01Z");
    assert_int_equal(ops_window_end(updated, NULL, now_ms + 2000, &ended, NULL), OPS_OK);
    assert_string_equal(ops_json_text(ended, "ended_at", ""), "2026-11-24T03:00:02Z");
    assert_null(json_object_get(ended, "end_message"));
    assert_int_equal(ops_json_integer(ended, "revision", 0), 4);
    assert_int_equal(ops_window_cancel(scheduled, now_ms, &cancelled, NULL), OPS_OK);
    assert_string_equal(ops_json_text(cancelled, "status", ""), "cancelled");
    assert_string_equal(ops_json_text(cancelled, "cancelled_at", ""), "2026-11-24T03:00:00Z");
    json_decref(scheduled);
    json_decref(active);
    json_decref(updated);
    json_decref(ended);
    json_decref(cancelled);
}

static json_t *post(json_t *window, const char *text)
{
    json_t *next = NULL;
    const struct ops_window_change change = {.text = text};
    assert_int_equal(ops_window_update(window, &change, now_ms, &next, NULL), OPS_OK);
    json_decref(window);
    return next;
}

static void the_hundred_and_first_update_pushes_the_oldest_out(void **state)
{
    (void)state;
    json_t *window = window_in(OPS_WINDOW_ACTIVE);
    char text[16];
    for (int i = 0; i <= OPS_UPDATES_MAX; i++) {
        (void)snprintf(text, sizeof text, "%d", i);
        window = post(window, text);
    }
    const json_t *updates = json_object_get(window, "updates");
    assert_int_equal(json_array_size(updates), OPS_UPDATES_MAX);
    assert_string_equal(ops_json_text(json_array_get(updates, 0), "text", ""), "1");
    assert_string_equal(ops_json_text(json_array_get(updates, OPS_UPDATES_MAX - 1), "text", ""), "100");
    json_decref(window);
}

/* What a character costs in the record depends on how JSON writes it. */
static void long_updates_of_any_characters_never_make_the_record_too_large(void **state)
{
    (void)state;
    static const char *const characters[] = {"a", "\1", "\"", "\xF0\x9F\x98\x80"};
    for (size_t i = 0; i < COUNT_OF(characters); i++) {
        char text[4 * OPS_DESCRIPTION_MAX + 1] = "";
        for (int k = 0; k < OPS_DESCRIPTION_MAX; k++)
            memcpy(text + (size_t)k * strlen(characters[i]), characters[i], strlen(characters[i]) + 1);
        json_t *window = window_in(OPS_WINDOW_ACTIVE);
        for (int k = 0; k < OPS_UPDATES_MAX; k++)
            window = post(window, text);
        size_t size_bytes = json_dumpb(window, NULL, 0, JSON_COMPACT);
        if (size_bytes > OPS_UPDATES_MAX_BYTES + 16 * 1024)
            fail_msg("updates of character %zu make a record of %zu bytes", i, size_bytes);
        assert_true(json_array_size(json_object_get(window, "updates")) >= 5);
        json_decref(window);
    }
}

static void an_expected_revision_must_be_the_windows(void **state)
{
    (void)state;
    struct ops_error error = OPS_ERROR_INIT;
    json_t *window = window_new();
    assert_int_equal(ops_window_expect(window, 0, &error), OPS_OK);
    assert_int_equal(ops_window_expect(window, 1, &error), OPS_OK);
    assert_int_equal(ops_window_expect(window, 2, &error), OPS_REVISION_CONFLICT);
    assert_int_equal(ops_json_integer(error.details, "revision", 0), 1);
    assert_int_equal(ops_json_integer(error.details, "expected_revision", 0), 2);
    ops_error_release(&error);
    json_decref(window);
}

static void a_scheduled_window_is_due_from_its_start_on_and_no_other_ever_is(void **state)
{
    (void)state;
    for (int status = 0; status < OPS_WINDOW_STATUS_COUNT; status++) {
        json_t *window = window_in((enum ops_window_status)status);
        bool scheduled = status == OPS_WINDOW_SCHEDULED;
        assert_false(ops_window_due(window, now_ms + OPS_HOUR_MS - 1));
        assert_int_equal(ops_window_due(window, now_ms + OPS_HOUR_MS), scheduled);
        assert_int_equal(ops_window_due(window, now_ms + OPS_DAY_MS), scheduled);
        json_decref(window);
    }
}

static void the_earlier_start_comes_first_and_the_smaller_id_among_equals(void **state)
{
    (void)state;
    json_t *early = manifest_text_json("{'scheduled_start_utc': '2026-11-24T03:00:00Z', 'maintenance_id': 'B'}");
    json_t *early_too = manifest_text_json("{'scheduled_start_utc': '2026-11-24T03:00:00Z', 'maintenance_id': 'C'}");
    json_t *late = manifest_text_json("{'scheduled_start_utc': '2026-11-24T03:00:01Z', 'maintenance_id': 'A'}");
    assert_true(ops_window_before(early, late));
    assert_false(ops_window_before(late, early));
    assert_true(ops_window_before(early, early_too));
    assert_false(ops_window_before(early, early));
    json_decref(early);
    json_decref(early_too);
    json_decref(late);
}

static void a_notice_tells_the_estimated_end_and_is_overdue_only_past_it(void **state)
{
    (void)state;
    json_t *window = window_in(OPS_WINDOW_ACTIVE), *on_time = NULL, *late = NULL;
    assert_int_equal(ops_window_notice(window, now_ms + OPS_HOUR_MS, &on_time), OPS_OK);
    assert_int_equal(ops_window_notice(window, now_ms + OPS_HOUR_MS + 1, &late), OPS_OK);
    json_t *expected = manifest_text_json(
        "{'maintenance_id': '" ID "', 'status': 'active', 'description': 'disks', 'started_at': '2026-11-24T03:00:00Z',"
        " 'estimated_duration_seconds': 3600, 'estimated_end_utc': '2026-11-24T04:00:00Z', 'overdue': false,"
        " 'updates': []}");
    assert_true(json_equal(on_time, expected));
    assert_true(ops_json_flag(late, "overdue", false));
    json_decref(window);
    json_decref(on_time);
    json_decref(late);
    json_decref(expected);
}

struct corrupt_case {
    const char *name;
    const char *text;
};

static const struct corrupt_case corrupt_notices[] = {
    {"nothing in it", "{}"},
    {"no description", "{'maintenance_id': 'x', 'status': 'active', 'started_at': '2026-11-24T03:00:00Z', 'updates': [],"
                       " 'estimated_duration_seconds': 60}"},
    {"a duration beyond time", "{'maintenance_id': 'x', 'status': 'active', 'description': 'd', 'updates': [],"
                               " 'started_at': '2026-11-24T03:00:00Z', 'estimated_duration_seconds': 9223372036854775807}"},
    {"a start that is none", "{'maintenance_id': 'x', 'status': 'active', 'description': 'd', 'updates': [],"
                             " 'started_at': 'yesterday', 'estimated_duration_seconds': 60}"},
};

static void a_notice_of_a_damaged_window_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(corrupt_notices); i++) {
        json_t *window = manifest_text_json(corrupt_notices[i].text), *notice = NULL;
        enum ops_status status = ops_window_notice(window, now_ms, &notice);
        if (status != OPS_CORRUPT)
            fail_msg("%s: %s", corrupt_notices[i].name, ops_status_tag(status));
        json_decref(window);
        json_decref(notice);
    }
}

static void a_window_without_a_status_is_corrupt_for_every_step(void **state)
{
    (void)state;
    static const char *const texts[] = {"{}", "{'status': 1}", "{'status': ''}", "{'status': 'Active'}"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        json_t *window = manifest_text_json(texts[i]), *next = NULL;
        for (int step = 0; step < STEP_COUNT; step++)
            assert_int_equal(take_step((enum step)step, window, &next, NULL), OPS_CORRUPT);
        assert_false(ops_window_due(window, now_ms));
        assert_null(next);
        json_decref(window);
    }
}

static void an_active_window_whose_updates_are_no_array_takes_no_text(void **state)
{
    (void)state;
    json_t *window = window_in(OPS_WINDOW_ACTIVE), *next = NULL;
    assert_int_equal(ops_json_set_text(window, "updates", "none"), OPS_OK);
    assert_int_equal(take_step(STEP_UPDATE_TEXT, window, &next, NULL), OPS_CORRUPT);
    assert_null(next);
    json_decref(window);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_window_has_every_member_of_the_contract),
        cmocka_unit_test(a_start_is_in_the_future_and_at_most_366_days_ahead),
        cmocka_unit_test(a_start_within_a_second_is_rounded_up_so_that_it_is_never_too_early),
        cmocka_unit_test(every_transition_is_allowed_from_its_states_and_refused_from_all_others),
        cmocka_unit_test(each_transition_writes_its_own_members),
        cmocka_unit_test(the_hundred_and_first_update_pushes_the_oldest_out),
        cmocka_unit_test(long_updates_of_any_characters_never_make_the_record_too_large),
        cmocka_unit_test(an_expected_revision_must_be_the_windows),
        cmocka_unit_test(a_scheduled_window_is_due_from_its_start_on_and_no_other_ever_is),
        cmocka_unit_test(the_earlier_start_comes_first_and_the_smaller_id_among_equals),
        cmocka_unit_test(a_notice_tells_the_estimated_end_and_is_overdue_only_past_it),
        cmocka_unit_test(a_notice_of_a_damaged_window_is_refused),
        cmocka_unit_test(a_window_without_a_status_is_corrupt_for_every_step),
        cmocka_unit_test(an_active_window_whose_updates_are_no_array_takes_no_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
