#include "core/vacuum.h"

#include "base/json.h"

#include "support/cmocka_all.h"
#include "support/manifest_text.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define ID "01ARZ3NDEKTSV4RRFFQ69G5FAV"
#define HASH_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HASH_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

/* 2026-11-24T03:00:00Z */
static const int64_t now_ms = INT64_C(1795489200000);
static const int64_t execute_ms = INT64_C(1795489200000) + OPS_VACUUM_PENDING_MS;

static json_t *request_at(bool dry_run, int64_t at_ms)
{
    const struct ops_vacuum_request request = {
        .type = OPS_VACUUM_ORG, .orgcode = "acme", .dry_run = dry_run, .actor = "ann", .plan_sha256 = HASH_A, .fence = 7};
    json_t *vacuum = NULL;
    assert_int_equal(ops_vacuum_request(ID, &request, at_ms, &vacuum), OPS_OK);
    return vacuum;
}

static json_t *vacuum_in(enum ops_vacuum_status status)
{
    json_t *vacuum = request_at(false, now_ms);
    assert_int_equal(ops_json_set_text(vacuum, "status", ops_vacuum_status_name(status)), OPS_OK);
    return vacuum;
}

static json_t *targets_new(void)
{
    json_t *object = manifest_text_json(
        "{'targets': ["
        "{'service': 'pvm', 'kind': 'table', 'name': 'one', 'status': 'pending', 'matched': 5, 'deleted': 3, 'failed': 2,"
        " 'protected': 1, 'scope': {'by': 'all'}, 'segments': 2, 'location': {'file': 'f'}},"
        "{'service': 'pvm', 'kind': 'bucket', 'name': 'two', 'status': 'pending', 'matched': 1, 'deleted': 1, 'failed': 0,"
        " 'protected': 0, 'bytes': 40, 'scope': {'by': 'all'}, 'segments': 1},"
        "{'service': 'ops', 'kind': 'table', 'name': 'ops_main', 'status': 'skipped', 'skipped_reason': 'own',"
        " 'matched': 0, 'deleted': 0, 'failed': 0, 'protected': 0},"
        "{'service': null, 'kind': 'bucket', 'name': 'odd', 'status': 'unclassified', 'matched': 0, 'deleted': 0,"
        " 'failed': 0, 'protected': 0}]}");
    json_t *targets = json_incref(json_object_get(object, "targets"));
    json_decref(object);
    return targets;
}

static void a_request_is_pending_and_executes_five_minutes_later(void **state)
{
    (void)state;
    json_t *vacuum = request_at(false, now_ms);
    json_t *expected = manifest_text_json(
        "{'vacuum_id': '" ID "', 'sequence': 0, 'type': 'org', 'orgcode': 'acme', 'dry_run': false, 'status': 'pending',"
        " 'requested_at': '2026-11-24T03:00:00Z', 'execute_at': '2026-11-24T03:05:00Z', 'actor': 'ann', 'targets': [],"
        " 'totals': {}, 'revision': 1, 'work': {'phase': 'plan', 'fence': 7, 'expected_plan_sha256': '" HASH_A "'}}");
    assert_true(json_equal(vacuum, expected));
    assert_true(ops_vacuum_open(vacuum));
    assert_false(ops_vacuum_planned(vacuum));
    assert_int_equal(ops_vacuum_fence(vacuum), 7);
    json_decref(vacuum);
    json_decref(expected);
}

static void a_request_within_a_second_never_waits_less_than_five_minutes(void **state)
{
    (void)state;
    json_t *vacuum = request_at(false, now_ms + 1);
    assert_string_equal(ops_json_text(vacuum, "execute_at", ""), "2026-11-24T03:05:01Z");
    assert_false(ops_vacuum_due(vacuum, now_ms + 1 + OPS_VACUUM_PENDING_MS));
    json_decref(vacuum);
}

static void a_dry_run_begins_as_running_and_has_no_execute_at(void **state)
{
    (void)state;
    json_t *vacuum = request_at(true, now_ms);
    assert_string_equal(ops_json_text(vacuum, "status", ""), "running");
    assert_string_equal(ops_json_text(vacuum, "started_at", ""), "2026-11-24T03:00:00Z");
    assert_null(json_object_get(vacuum, "execute_at"));
    assert_true(ops_vacuum_dry_run(vacuum));
    assert_false(ops_vacuum_due(vacuum, now_ms + OPS_DAY_MS));
    json_decref(vacuum);
}

static void a_vacuum_whose_dry_run_flag_is_damaged_counts_as_a_dry_run(void **state)
{
    (void)state;
    static const char *const texts[] = {"{}", "{'dry_run': null}", "{'dry_run': 0}", "{'dry_run': 'false'}"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        json_t *vacuum = manifest_text_json(texts[i]);
        assert_true(ops_vacuum_dry_run(vacuum));
        json_decref(vacuum);
    }
}

struct moment {
    int64_t at_ms;
    bool due;
};

static const struct moment moments[] = {
    {299999, false}, {300000, true}, {300001, true}, {301000, true}, {0, false}, {-OPS_DAY_MS, false},
};

static void cancel_and_start_divide_the_time_at_300_seconds_to_the_millisecond(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(moments); i++) {
        struct ops_error error = OPS_ERROR_INIT;
        json_t *vacuum = request_at(false, now_ms), *cancelled = NULL, *running = NULL;
        int64_t at_ms = now_ms + moments[i].at_ms;
        assert_int_equal(ops_vacuum_due(vacuum, at_ms), moments[i].due);
        assert_int_equal(ops_vacuum_cancel(vacuum, at_ms, &cancelled, &error),
                         moments[i].due ? OPS_VACUUM_NOT_PENDING : OPS_OK);
        assert_int_equal(ops_vacuum_start(vacuum, at_ms, &running), moments[i].due ? OPS_OK : OPS_CORRUPT);
        assert_int_equal(cancelled != NULL, !moments[i].due);
        assert_int_equal(running != NULL, moments[i].due);
        if (moments[i].due)
            assert_string_equal(ops_json_text(error.details, "vacuum_id", ""), ID);
        ops_error_release(&error);
        json_decref(vacuum);
        json_decref(cancelled);
        json_decref(running);
    }
}

static void only_a_pending_vacuum_starts_or_is_cancelled(void **state)
{
    (void)state;
    for (int status = 0; status < OPS_VACUUM_STATUS_COUNT; status++) {
        struct ops_error error = OPS_ERROR_INIT;
        json_t *vacuum = vacuum_in((enum ops_vacuum_status)status), *next = NULL;
        bool pending = status == OPS_VACUUM_PENDING;
        assert_int_equal(ops_vacuum_open(vacuum), pending || status == OPS_VACUUM_RUNNING);
        assert_int_equal(ops_vacuum_due(vacuum, execute_ms), pending);
        assert_int_equal(ops_vacuum_cancel(vacuum, now_ms, &next, &error), pending ? OPS_OK : OPS_VACUUM_NOT_PENDING);
        if (!pending)
            assert_string_equal(ops_json_text(error.details, "status", ""),
                                ops_vacuum_status_name((enum ops_vacuum_status)status));
        json_decref(next);
        next = NULL;
        assert_int_equal(ops_vacuum_start(vacuum, execute_ms, &next), pending ? OPS_OK : OPS_CORRUPT);
        json_decref(next);
        json_decref(vacuum);
        ops_error_release(&error);
    }
}

static void each_transition_makes_a_new_record_with_the_next_revision(void **state)
{
    (void)state;
    json_t *vacuum = request_at(false, now_ms), *running = NULL, *failed = NULL, *cancelled = NULL;
    assert_int_equal(ops_vacuum_start(vacuum, execute_ms, &running), OPS_OK);
    assert_string_equal(ops_json_text(running, "started_at", ""), "2026-11-24T03:05:00Z");
    assert_int_equal(ops_json_integer(running, "revision", 0), 2);
    struct ops_error why = OPS_ERROR_INIT;
    (void)ops_fail(&why, OPS_TARGET_ERROR, "The disk is gone.");
    ops_error_detail(&why, "disk", "sda");
    assert_int_equal(ops_vacuum_finish(running, NULL, OPS_TARGET_ERROR, &why, execute_ms + 1000, &failed), OPS_OK);
    json_t *error =
        manifest_text_json("{'tag': 'target-error', 'message': 'The disk is gone.', 'details': {'disk': 'sda'}}");
    assert_true(json_equal(json_object_get(failed, "error"), error));
    assert_string_equal(ops_json_text(failed, "status", ""), "failed");
    assert_string_equal(ops_json_text(failed, "finished_at", ""), "2026-11-24T03:05:01Z");
    assert_int_equal(ops_vacuum_cancel(vacuum, now_ms + 1000, &cancelled, NULL), OPS_OK);
    assert_string_equal(ops_json_text(cancelled, "finished_at", ""), "2026-11-24T03:00:01Z");
    assert_int_equal(ops_json_integer(vacuum, "revision", 0), 1);
    ops_error_release(&why);
    json_decref(error);
    json_decref(vacuum);
    json_decref(running);
    json_decref(failed);
    json_decref(cancelled);
}

static void fixing_the_plan_makes_a_first_pass_over_the_pending_targets(void **state)
{
    (void)state;
    json_t *vacuum = vacuum_in(OPS_VACUUM_RUNNING), *targets = targets_new(), *planned = NULL;
    assert_int_equal(ops_vacuum_fix_plan(vacuum, targets, HASH_B, &planned), OPS_OK);
    assert_true(ops_vacuum_planned(planned));
    assert_string_equal(ops_json_text(planned, "plan_sha256", ""), HASH_B);
    json_t *work = manifest_text_json("{'phase': 'tasks', 'fence': 7, 'expected_plan_sha256': '" HASH_A "', 'pass': 0,"
                                      " 'first_task': 0, 'task_count': 3, 'in_pass': [0, 1]}");
    assert_true(json_equal(json_object_get(planned, "work"), work));
    json_decref(work);
    json_decref(vacuum);
    json_decref(targets);
    json_decref(planned);
}

static void the_next_pass_numbers_its_tasks_behind_the_ones_before(void **state)
{
    (void)state;
    json_t *vacuum = vacuum_in(OPS_VACUUM_RUNNING), *targets = targets_new(), *planned = NULL, *next = NULL;
    json_t *in_pass = json_pack("[i]", 1);
    assert_int_equal(ops_vacuum_fix_plan(vacuum, targets, HASH_B, &planned), OPS_OK);
    assert_int_equal(ops_vacuum_next_pass(planned, in_pass, &next), OPS_OK);
    const json_t *work = json_object_get(next, "work");
    assert_int_equal(ops_json_integer(work, "pass", 0), 1);
    assert_int_equal(ops_json_integer(work, "first_task", 0), 3);
    assert_int_equal(ops_json_integer(work, "task_count", 0), 1);
    assert_int_equal(ops_json_integer(next, "revision", 0), ops_json_integer(planned, "revision", 0) + 1);
    json_decref(in_pass);
    json_decref(vacuum);
    json_decref(targets);
    json_decref(planned);
    json_decref(next);
}

static void a_vacuum_without_its_work_can_be_neither_planned_nor_passed_on(void **state)
{
    (void)state;
    json_t *vacuum = vacuum_in(OPS_VACUUM_RUNNING), *targets = targets_new(), *next = NULL;
    json_t *in_pass = json_array();
    assert_int_equal(json_object_del(vacuum, "work"), 0);
    assert_int_equal(ops_vacuum_fix_plan(vacuum, targets, HASH_B, &next), OPS_CORRUPT);
    assert_int_equal(ops_vacuum_next_pass(vacuum, in_pass, &next), OPS_CORRUPT);
    assert_int_equal(ops_vacuum_fence(vacuum), 0);
    assert_null(next);
    json_decref(in_pass);
    json_decref(targets);
    json_decref(vacuum);
}

static void another_plan_than_the_expected_one_is_drift(void **state)
{
    (void)state;
    struct ops_error error = OPS_ERROR_INIT;
    json_t *vacuum = vacuum_in(OPS_VACUUM_RUNNING);
    assert_int_equal(ops_vacuum_expect_plan(vacuum, HASH_A, &error), OPS_OK);
    assert_int_equal(ops_vacuum_expect_plan(vacuum, HASH_B, &error), OPS_PLAN_DRIFTED);
    assert_string_equal(ops_json_text(error.details, "expected_plan_sha256", ""), HASH_A);
    assert_string_equal(ops_json_text(error.details, "plan_sha256", ""), HASH_B);
    assert_int_equal(json_object_del(json_object_get(vacuum, "work"), "expected_plan_sha256"), 0);
    assert_int_equal(ops_vacuum_expect_plan(vacuum, HASH_B, &error), OPS_OK);
    ops_error_release(&error);
    json_decref(vacuum);
}

static void a_finished_vacuum_has_the_totals_of_its_targets(void **state)
{
    (void)state;
    json_t *vacuum = vacuum_in(OPS_VACUUM_RUNNING), *targets = targets_new(), *done = NULL;
    assert_int_equal(ops_vacuum_finish(vacuum, targets, OPS_OK, NULL, execute_ms, &done), OPS_OK);
    json_t *totals = manifest_text_json("{'targets': 2, 'skipped': 1, 'unclassified': 1, 'matched': 6, 'deleted': 4,"
                                        " 'failed': 2, 'protected': 1, 'bytes': 40}");
    assert_string_equal(ops_json_text(done, "status", ""), "completed");
    assert_null(json_object_get(done, "error"));
    assert_true(json_equal(json_object_get(done, "totals"), totals));
    json_decref(totals);
    json_decref(vacuum);
    json_decref(targets);
    json_decref(done);
}

static void the_view_hides_what_is_internal_and_leaves_the_record_alone(void **state)
{
    (void)state;
    json_t *vacuum = vacuum_in(OPS_VACUUM_RUNNING), *targets = targets_new(), *before, *view = NULL;
    before = json_deep_copy(targets);
    assert_int_equal(ops_vacuum_view(vacuum, targets, &view), OPS_OK);
    assert_null(json_object_get(view, "work"));
    size_t i;
    json_t *target;
    json_array_foreach(json_object_get(view, "targets"), i, target) {
        assert_null(json_object_get(target, "location"));
        assert_null(json_object_get(target, "segments"));
    }
    assert_int_equal(ops_json_integer(json_object_get(view, "totals"), "matched", 0), 6);
    assert_true(json_equal(targets, before));
    assert_non_null(json_object_get(vacuum, "work"));
    json_decref(before);
    json_decref(view);
    json_decref(vacuum);
    json_decref(targets);
}

static void a_damaged_vacuum_has_no_status_and_no_type(void **state)
{
    (void)state;
    static const char *const texts[] = {"{}", "{'status': 7, 'type': 7}", "{'status': 'Running', 'type': 'everything'}"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        enum ops_vacuum_status status;
        enum ops_vacuum_type type;
        json_t *vacuum = manifest_text_json(texts[i]), *next = NULL;
        assert_int_equal(ops_vacuum_status(vacuum, &status), OPS_CORRUPT);
        assert_int_equal(ops_vacuum_type(vacuum, &type), OPS_CORRUPT);
        assert_false(ops_vacuum_open(vacuum));
        assert_int_equal(ops_vacuum_start(vacuum, execute_ms, &next), OPS_CORRUPT);
        assert_int_equal(ops_vacuum_cancel(vacuum, now_ms, &next, NULL), OPS_VACUUM_NOT_PENDING);
        json_decref(vacuum);
    }
}

static void a_pending_vacuum_without_execute_at_is_never_due(void **state)
{
    (void)state;
    json_t *vacuum = vacuum_in(OPS_VACUUM_PENDING);
    assert_int_equal(ops_json_set_text(vacuum, "execute_at", "soon"), OPS_OK);
    assert_false(ops_vacuum_due(vacuum, execute_ms + OPS_DAY_MS));
    json_decref(vacuum);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_pending_and_executes_five_minutes_later),
        cmocka_unit_test(a_request_within_a_second_never_waits_less_than_five_minutes),
        cmocka_unit_test(a_dry_run_begins_as_running_and_has_no_execute_at),
        cmocka_unit_test(a_vacuum_whose_dry_run_flag_is_damaged_counts_as_a_dry_run),
        cmocka_unit_test(cancel_and_start_divide_the_time_at_300_seconds_to_the_millisecond),
        cmocka_unit_test(only_a_pending_vacuum_starts_or_is_cancelled),
        cmocka_unit_test(each_transition_makes_a_new_record_with_the_next_revision),
        cmocka_unit_test(fixing_the_plan_makes_a_first_pass_over_the_pending_targets),
        cmocka_unit_test(the_next_pass_numbers_its_tasks_behind_the_ones_before),
        cmocka_unit_test(a_vacuum_without_its_work_can_be_neither_planned_nor_passed_on),
        cmocka_unit_test(another_plan_than_the_expected_one_is_drift),
        cmocka_unit_test(a_finished_vacuum_has_the_totals_of_its_targets),
        cmocka_unit_test(the_view_hides_what_is_internal_and_leaves_the_record_alone),
        cmocka_unit_test(a_damaged_vacuum_has_no_status_and_no_type),
        cmocka_unit_test(a_pending_vacuum_without_execute_at_is_never_due),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
