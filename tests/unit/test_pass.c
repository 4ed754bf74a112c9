#include "core/pass.h"

#include "base/json.h"

#include "support/cmocka_all.h"
#include "support/manifest_text.h"

#include <stdio.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Three targets: a table in two segments, a bucket, and one that is skipped. in_pass and the rest are the pass under way. */
static json_t *vacuum_new(const char *dry_run, int pass, int first_task, int task_count, const char *in_pass)
{
    char text[1024];
    (void)snprintf(text, sizeof text,
                   "{'vacuum_id': 'v', 'dry_run': %s, 'status': 'running', 'targets': ["
                   " {'kind': 'table', 'name': 'one', 'status': 'pending', 'segments': 2},"
                   " {'kind': 'bucket', 'name': 'two', 'status': 'pending', 'segments': 1},"
                   " {'kind': 'table', 'name': 'kept', 'status': 'skipped'}],"
                   " 'work': {'phase': 'tasks', 'pass': %d, 'first_task': %d, 'task_count': %d, 'in_pass': %s}}",
                   dry_run, pass, first_task, task_count, in_pass);
    return manifest_text_json(text);
}

struct row {
    int number, pass, target;
    bool done;
    int matched, deleted, failed, protected, bytes;
    const char *error;
    int unreadable, incomparable, undeletable;
};

static json_t *tasks_of(const struct row *rows, size_t count)
{
    json_t *tasks = json_array();
    for (size_t i = 0; i < count; i++) {
        const struct row *row = &rows[i];
        json_t *task = json_pack("{s:i, s:i, s:i, s:b, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:s}", "number", row->number, "pass",
                                 row->pass, "target", row->target, "done", row->done, "matched", row->matched, "deleted",
                                 row->deleted, "failed", row->failed, "protected", row->protected, "bytes", row->bytes,
                                 "unreadable", row->unreadable, "incomparable", row->incomparable, "undeletable",
                                 row->undeletable, "error", row->error ? row->error : "");
        assert_int_equal(json_array_append_new(tasks, task), 0);
    }
    return tasks;
}

static void expect_target(const json_t *targets, size_t index, const char *status, const char *counts)
{
    const json_t *target = json_array_get(targets, index);
    char actual[128];
    (void)snprintf(actual, sizeof actual, "%d matched, %d deleted, %d failed, %d protected",
                   (int)ops_json_integer(target, "matched", -1), (int)ops_json_integer(target, "deleted", -1),
                   (int)ops_json_integer(target, "failed", -1), (int)ops_json_integer(target, "protected", -1));
    assert_string_equal(ops_json_text(target, "status", ""), status);
    assert_string_equal(actual, counts);
}

static json_t *tally(const json_t *vacuum, const struct row *rows, size_t count)
{
    json_t *tasks = tasks_of(rows, count), *targets = NULL;
    assert_int_equal(ops_pass_tally(vacuum, tasks, &targets), OPS_OK);
    json_decref(tasks);
    return targets;
}

static void the_tasks_of_a_pass_are_the_segments_of_its_targets(void **state)
{
    (void)state;
    json_t *vacuum = vacuum_new("false", 1, 5, 3, "[1, 0]");
    static const int expected[][2] = {{1, 0}, {0, 0}, {0, 1}}; /* target, segment */
    struct ops_task task;
    for (int i = 0; i < 3; i++) {
        ops_task_init(&task);
        assert_int_equal(ops_pass_task(vacuum, 5 + i, &task), OPS_OK);
        assert_int_equal(task.number, 5 + i);
        assert_int_equal(task.pass, 1);
        assert_int_equal(task.target, expected[i][0]);
        assert_int_equal(task.segment, expected[i][1]);
        ops_task_release(&task);
    }
    ops_task_init(&task);
    assert_int_equal(ops_pass_task(vacuum, 4, &task), OPS_CORRUPT);
    assert_int_equal(ops_pass_task(vacuum, 8, &task), OPS_CORRUPT);
    ops_task_release(&task);
    json_decref(vacuum);
}

static void a_target_is_pending_then_running_then_completed(void **state)
{
    (void)state;
    json_t *vacuum = vacuum_new("false", 0, 0, 3, "[0, 1]");
    const struct row rows[] = {{0, 0, 0, true, 5, 5, 0, 1, 0, .error = NULL}, {1, 0, 0, true, 2, 2, 0, 0, 0, .error = NULL}};
    json_t *targets = tally(vacuum, rows, 0);
    expect_target(targets, 0, "pending", "0 matched, 0 deleted, 0 failed, 0 protected");
    json_decref(targets);
    targets = tally(vacuum, rows, 1);
    expect_target(targets, 0, "running", "5 matched, 5 deleted, 0 failed, 1 protected");
    json_decref(targets);
    targets = tally(vacuum, rows, 2);
    expect_target(targets, 0, "completed", "7 matched, 7 deleted, 0 failed, 1 protected");
    expect_target(targets, 1, "pending", "0 matched, 0 deleted, 0 failed, 0 protected");
    assert_string_equal(ops_json_text(json_array_get(targets, 2), "status", ""), "skipped");
    assert_null(json_object_get(json_array_get(targets, 0), "bytes"));
    assert_non_null(json_object_get(json_array_get(targets, 1), "bytes"));
    json_decref(targets);
    json_decref(vacuum);
}

/* A record that one pass failed on is met again by the next: it is one record all the same. */
static void matched_is_deleted_and_failed_together_over_any_passes(void **state)
{
    (void)state;
    json_t *vacuum = vacuum_new("false", 2, 6, 1, "[1]");
    const struct row rows[] = {
        {0, 0, 0, true, 10, 7, 3, 1, 0, .error = NULL}, {1, 0, 0, true, 4, 4, 0, 2, 0, .error = NULL}, {2, 0, 1, true, 6, 5, 1, 0, 500, .error = NULL},
        {3, 1, 0, true, 4, 4, 0, 1, 0, .error = NULL}, {4, 1, 0, true, 0, 0, 0, 2, 0, .error = NULL}, {5, 1, 1, true, 3, 2, 1, 0, 200, .error = NULL},
        {6, 2, 1, true, 1, 0, 1, 0, 0, .error = NULL},
    };
    json_t *targets = tally(vacuum, rows, COUNT_OF(rows));
    /* The table: 14 in the first pass, 3 of them failed; 4 in the second, of which 3 were those: 15 records. */
    expect_target(targets, 0, "completed", "15 matched, 15 deleted, 0 failed, 3 protected");
    /* The bucket: 6, then 3 of which 1 is known, then 1 that is known: 8 records, one of which stays. */
    expect_target(targets, 1, "failed", "8 matched, 7 deleted, 1 failed, 0 protected");
    assert_int_equal(ops_json_integer(json_array_get(targets, 1), "bytes", -1), 700);
    json_decref(targets);
    json_decref(vacuum);
}

static void a_target_with_an_error_is_failed_and_says_why(void **state)
{
    (void)state;
    json_t *vacuum = vacuum_new("false", 0, 0, 3, "[0, 1]");
    const struct row rows[] = {{0, 0, 0, true, 5, 5, 0, 0, 0, .error = "no such column"}, {1, 0, 0, true, 2, 2, 0, 0, 0, .error = NULL}};
    json_t *targets = tally(vacuum, rows, COUNT_OF(rows));
    expect_target(targets, 0, "failed", "7 matched, 7 deleted, 0 failed, 0 protected");
    assert_string_equal(ops_json_text(json_array_get(targets, 0), "error", ""), "no such column");
    json_decref(targets);
    json_decref(vacuum);
}

enum { MANY = 5 };

/* So many passes over so many targets, each of which found something; one that never ends well has an error. */
static json_t *tasks_of_passes(int passes, int targets, const char *error)
{
    json_t *tasks = json_array();
    for (int i = 0; i < passes * targets; i++) {
        const struct row row = {i, i / targets, i % targets, true, 3, 3, .error = i == 0 ? error : NULL};
        json_t *one = tasks_of(&row, 1);
        assert_int_equal(json_array_extend(tasks, one), 0);
        json_decref(one);
    }
    return tasks;
}

static json_t *vacuum_of_many(int passes)
{
    char text[1024];
    (void)snprintf(text, sizeof text,
                   "{'vacuum_id': 'v', 'dry_run': false, 'status': 'running', 'revision': 3, 'targets': ["
                   " {'kind': 'table', 'name': 'a', 'status': 'pending'}, {'kind': 'table', 'name': 'b', 'status': 'pending'},"
                   " {'kind': 'table', 'name': 'c', 'status': 'pending'}, {'kind': 'table', 'name': 'd', 'status': 'pending'},"
                   " {'kind': 'table', 'name': 'e', 'status': 'pending'}],"
                   " 'work': {'phase': 'tasks', 'pass': %d, 'first_task': %d, 'task_count': %d, 'in_pass': [0, 1, 2, 3, 4]}}",
                   passes - 1, (passes - 1) * MANY, MANY);
    return manifest_text_json(text);
}

static void a_target_in_which_records_keep_arriving_has_failed_and_says_so(void **state)
{
    (void)state;
    for (int passes = OPS_PASSES_MAX - 1; passes <= OPS_PASSES_MAX; passes++) {
        json_t *vacuum = vacuum_of_many(passes), *tasks = tasks_of_passes(passes, MANY, NULL), *targets = NULL;
        bool is_last = passes == OPS_PASSES_MAX;
        assert_int_equal(ops_pass_tally(vacuum, tasks, &targets), OPS_OK);
        for (size_t i = 0; i < MANY; i++) {
            const json_t *target = json_array_get(targets, i);
            assert_string_equal(ops_json_text(target, "status", ""), is_last ? "failed" : "completed");
            assert_string_equal(ops_json_text(target, "error", ""),
                                is_last ? "Records kept arriving: the last of 5 looks found 3 more, and what came since is "
                                          "left."
                                        : "");
        }
        json_decref(targets);
        json_decref(tasks);
        json_decref(vacuum);
    }
}

static void the_message_names_three_of_those_in_which_records_keep_arriving(void **state)
{
    (void)state;
    static const struct {
        const char *error, *says;
        enum ops_status failure;
    } cases[] = {
        {NULL, "Records kept arriving in 5 of the targets: a, b, c and 2 more; stop what writes to them and vacuum again.",
         OPS_RECORDS_REMAIN},
        {"It is broken.",
         "1 of the targets could not be finished; a: It is broken. Records kept arriving in b, c, d and 1 more.",
         OPS_TARGET_ERROR},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        json_t *vacuum = vacuum_of_many(OPS_PASSES_MAX), *tasks = tasks_of_passes(OPS_PASSES_MAX, MANY, cases[i].error);
        struct ops_error error = OPS_ERROR_INIT;
        struct ops_pass_result result;
        assert_int_equal(ops_pass_result(vacuum, tasks, &result, &error), OPS_OK);
        assert_int_equal(result.outcome, OPS_PASS_REMAINS);
        assert_int_equal(result.failure, cases[i].failure);
        assert_string_equal(ops_error_text(&error, result.failure), cases[i].says);
        assert_string_equal(ops_json_text(error.details, "first_target", ""), "a");
        ops_error_release(&error);
        json_decref(tasks);
        json_decref(vacuum);
    }
}

struct result_case {
    const char *name;
    const char *dry_run;
    int pass, first_task, task_count;
    const char *in_pass;
    struct row rows[6];
    enum ops_pass_outcome outcome;
    const char *again; /* AGAIN: the indices */
    enum ops_status failure;
};

static const struct result_case result_cases[] = {
    {"a task without a record", "false", 0, 0, 3, "[0, 1]",
     {{0, 0, 0, true, .matched = 0}, {1, 0, 0, true, .matched = 0}}, OPS_PASS_GOES_ON, NULL, OPS_OK},
    {"a task that is not done", "false", 0, 0, 1, "[1]", {{0, 0, 1, false, .matched = 0}}, OPS_PASS_GOES_ON, NULL, OPS_OK},
    {"nothing was there", "false", 0, 0, 1, "[1]", {{0, 0, 1, true, .matched = 0}}, OPS_PASS_CLEAN, NULL, OPS_OK},
    {"only protected records were there", "false", 0, 0, 1, "[1]", {{0, 0, 1, true, .protected = 4}}, OPS_PASS_CLEAN, NULL,
     OPS_OK},
    {"all was removed: look again whether that is all", "false", 0, 0, 3, "[0, 1]",
     {{0, 0, 0, true, 5, 5, .failed = 0}, {1, 0, 0, true, .matched = 0}, {2, 0, 1, true, .matched = 0}}, OPS_PASS_AGAIN,
     "[0]", OPS_OK},
    {"the second look finds nothing", "false", 1, 3, 2, "[0]",
     {{0, 0, 0, true, 5, 5, .failed = 0}, {1, 0, 0, true, .matched = 0}, {2, 0, 1, true, .matched = 0},
      {3, 1, 0, true, .matched = 0}, {4, 1, 0, true, .matched = 0}}, OPS_PASS_CLEAN, NULL, OPS_OK},
    {"some failed, some went: another try is of use", "false", 0, 0, 1, "[1]", {{0, 0, 1, true, 5, 3, 2, .bytes = 0}},
     OPS_PASS_AGAIN, "[1]", OPS_OK},
    {"no progress: no further pass", "false", 1, 1, 1, "[1]",
     {{0, 0, 1, true, 5, 3, 2, .bytes = 0}, {1, 1, 1, true, 2, 0, 2, .bytes = 0}}, OPS_PASS_REMAINS, NULL,
     OPS_RECORDS_REMAIN},
    {"records kept arriving through the last pass", "false", OPS_PASSES_MAX - 1, 4, 1, "[1]",
     {{0, 0, 1, true, 2, 2, .failed = 0}, {1, 1, 1, true, 2, 2, .failed = 0}, {2, 2, 1, true, 2, 2, .failed = 0},
      {3, 3, 1, true, 2, 2, .failed = 0}, {4, 4, 1, true, 2, 2, .failed = 0}}, OPS_PASS_REMAINS, NULL, OPS_RECORDS_REMAIN},
    {"an error ends the target", "false", 0, 0, 1, "[1]", {{0, 0, 1, true, 5, 5, .error = "broken"}}, OPS_PASS_REMAINS, NULL,
     OPS_TARGET_ERROR},
    {"an error in one, work in another", "false", 0, 0, 3, "[0, 1]",
     {{0, 0, 0, true, .error = "broken"}, {1, 0, 0, true, .matched = 0}, {2, 0, 1, true, 1, 1, .failed = 0}}, OPS_PASS_AGAIN,
     "[1]", OPS_OK},
    {"a dry run has one pass, whatever it finds", "true", 0, 0, 1, "[1]", {{0, 0, 1, true, .matched = 9}}, OPS_PASS_CLEAN,
     NULL, OPS_OK},
    {"a dry run over a broken target", "true", 0, 0, 1, "[1]", {{0, 0, 1, true, .error = "broken"}}, OPS_PASS_REMAINS, NULL,
     OPS_TARGET_ERROR},
    {"a place that can't be looked into, and all else went: the look is repeated", "false", 0, 0, 1, "[1]",
     {{0, 0, 1, true, 5, 5, .unreadable = 1}}, OPS_PASS_AGAIN, "[1]", OPS_OK},
    {"a place that can't be looked into is not completed", "false", 1, 1, 1, "[1]",
     {{0, 0, 1, true, 5, 5, .unreadable = 1}, {1, 1, 1, true, .unreadable = 1}}, OPS_PASS_REMAINS, NULL, OPS_RECORDS_REMAIN},
    {"a record that can't be compared is not completed", "false", 0, 0, 1, "[1]", {{0, 0, 1, true, .incomparable = 3}},
     OPS_PASS_REMAINS, NULL, OPS_RECORDS_REMAIN},
    {"nor is it in a dry run", "true", 0, 0, 1, "[1]", {{0, 0, 1, true, 9, .incomparable = 3}}, OPS_PASS_REMAINS, NULL,
     OPS_RECORDS_REMAIN},
    {"what only could not be deleted is told by a dry run that is completed", "true", 0, 0, 1, "[1]",
     {{0, 0, 1, true, 9, .undeletable = 4}}, OPS_PASS_CLEAN, NULL, OPS_OK},
    {"nothing to touch at all", "false", 0, 0, 0, "[]", {{0, 0, 1, false, .matched = 0}}, OPS_PASS_CLEAN, NULL, OPS_OK},
};

static size_t row_count(const struct result_case *test)
{
    size_t count = 0;
    while (count < COUNT_OF(test->rows) && (count == 0 || test->rows[count].number > 0))
        count++;
    return test->task_count == 0 ? 0 : count;
}

static void expect_result(const struct result_case *test)
{
    json_t *vacuum = vacuum_new(test->dry_run, test->pass, test->first_task, test->task_count, test->in_pass);
    json_t *tasks = tasks_of(test->rows, row_count(test));
    struct ops_error error = OPS_ERROR_INIT;
    struct ops_pass_result result;
    assert_int_equal(ops_pass_result(vacuum, tasks, &result, &error), OPS_OK);
    if (result.outcome != test->outcome || result.failure != test->failure)
        fail_msg("%s: outcome %d, %s", test->name, result.outcome, ops_status_tag(result.failure));
    char *again = result.in_pass ? json_dumps(result.in_pass, 0) : NULL;
    if (test->again ? !again || strcmp(again, test->again) != 0 : again != NULL)
        fail_msg("%s: look again at %s", test->name, again ? again : "nothing");
    if (result.outcome == OPS_PASS_REMAINS)
        assert_string_not_equal(ops_json_text(error.details, "first_target", ""), "");
    free(again);
    json_decref(result.in_pass);
    json_decref(tasks);
    json_decref(vacuum);
    ops_error_release(&error);
}

static void what_follows_a_pass_depends_on_what_it_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(result_cases); i++)
        expect_result(&result_cases[i]);
}

/* Two targets, of which the second could not be opened when the plan was made. */
static json_t *vacuum_with_deferred(int tries)
{
    char text[1024];
    (void)snprintf(text, sizeof text,
                   "{'vacuum_id': 'v', 'dry_run': false, 'status': 'running', 'revision': 3, 'targets': ["
                   " {'kind': 'table', 'name': 'one', 'status': 'pending', 'segments': 1},"
                   " {'kind': 'table', 'name': 'busy', 'status': 'pending', 'plan_error': 'it is locked', 'plan_tries': %d}],"
                   " 'work': {'phase': 'tasks', 'pass': 0, 'first_task': 0, 'task_count': 1, 'in_pass': [0]}}",
                   tries);
    return manifest_text_json(text);
}

static void expect_in_pass(const struct ops_pass_result *result, const char *expected)
{
    char *text = result->in_pass ? json_dumps(result->in_pass, 0) : NULL;
    assert_string_equal(text ? text : "none", expected);
    free(text);
}

static void a_deferred_target_is_looked_at_again_when_the_pass_over_the_others_is_done(void **state)
{
    (void)state;
    json_t *vacuum = vacuum_with_deferred(1), *targets = NULL;
    static const struct row running = {0, 0, 0, false, 3, 3, .failed = 0}, done = {0, 0, 0, true, 3, 3, .failed = 0};
    struct ops_pass_result result;
    json_t *tasks = tasks_of(&running, 1);
    assert_int_equal(ops_pass_result(vacuum, tasks, &result, NULL), OPS_OK);
    assert_int_equal(result.outcome, OPS_PASS_GOES_ON);
    json_decref(tasks);
    tasks = tasks_of(&done, 1);
    assert_int_equal(ops_pass_result(vacuum, tasks, &result, NULL), OPS_OK);
    assert_int_equal(result.outcome, OPS_PASS_SURVEY);
    expect_in_pass(&result, "[0]");
    json_decref(result.in_pass);
    assert_int_equal(ops_pass_tally(vacuum, tasks, &targets), OPS_OK);
    assert_string_equal(ops_json_text(json_array_get(targets, 1), "status", ""), "pending");
    assert_string_equal(ops_json_text(json_array_get(targets, 1), "error", ""), "it is locked");
    json_decref(targets);
    json_decref(tasks);
    json_decref(vacuum);
}

static void a_target_that_was_tried_often_enough_has_failed_and_only_it(void **state)
{
    (void)state;
    json_t *vacuum = vacuum_with_deferred(OPS_PLAN_TRIES_MAX), *targets = NULL;
    static const struct row clean = {0, 0, 0, true, .matched = 0};
    struct ops_pass_result result;
    struct ops_error error = OPS_ERROR_INIT;
    json_t *tasks = tasks_of(&clean, 1);
    assert_int_equal(ops_pass_result(vacuum, tasks, &result, &error), OPS_OK);
    assert_int_equal(result.outcome, OPS_PASS_REMAINS);
    assert_int_equal(result.failure, OPS_TARGET_ERROR);
    assert_string_equal(error.text, "1 of the targets could not be finished; busy: it is locked");
    assert_int_equal(ops_pass_tally(vacuum, tasks, &targets), OPS_OK);
    assert_string_equal(ops_json_text(json_array_get(targets, 0), "status", ""), "completed");
    assert_string_equal(ops_json_text(json_array_get(targets, 1), "status", ""), "failed");
    json_decref(targets);
    json_decref(tasks);
    json_decref(vacuum);
    ops_error_release(&error);
}

static void a_target_that_can_be_planned_later_joins_the_next_pass(void **state)
{
    (void)state;
    json_t *vacuum = vacuum_with_deferred(2), *next = NULL, *again = manifest_text_json("{'in_pass': [0]}");
    json_t *targets = ops_json_copy(json_object_get(vacuum, "targets"));
    assert_int_equal(ops_plan_cut(json_array_get(targets, 1), 3, "three"), OPS_OK);
    assert_int_equal(ops_vacuum_replan(vacuum, targets, json_object_get(again, "in_pass"), &next), OPS_OK);
    assert_int_equal(ops_json_integer(next, "revision", 0), 4);
    assert_int_equal(ops_pass_first_task(next), 1);
    assert_int_equal(ops_pass_task_count(next), 4);
    json_decref(next);
    /* Still busy, and nothing else to look at: the pass stays the one that it is. */
    assert_int_equal(ops_vacuum_replan(vacuum, json_object_get(vacuum, "targets"), NULL, &next), OPS_OK);
    assert_int_equal(ops_pass_first_task(next), 0);
    assert_int_equal(ops_pass_task_count(next), 1);
    json_decref(next);
    json_decref(again);
    json_decref(targets);
    json_decref(vacuum);
}

static json_t *with_remarks(const struct row *row, const char *remarks)
{
    json_t *tasks = tasks_of(row, 1), *list = manifest_text_json(remarks);
    assert_int_equal(json_object_set(json_array_get(tasks, 0), "remarks", json_object_get(list, "remarks")), 0);
    json_decref(list);
    return tasks;
}

static void a_target_shows_what_was_kept_and_its_first_reason(void **state)
{
    (void)state;
    static const char remarks[] = "{'remarks': [{'what': 'refused', 'name': 'k1', 'reason': 'it is immutable'},"
                                  " {'what': 'unreadable', 'name': 'lost+found/', 'reason': 'no right'}]}";
    static const struct row cases[] = {{0, 0, 1, true, 5, 3, 2, .unreadable = 1}, {0, 0, 1, true, 5, 5, 0, .unreadable = 1}};
    static const char *const expected[] = {"it is immutable", "no right"};
    json_t *vacuum = vacuum_new("false", 0, 0, 1, "[1]");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        json_t *tasks = with_remarks(&cases[i], remarks), *targets = NULL;
        assert_int_equal(ops_pass_tally(vacuum, tasks, &targets), OPS_OK);
        const json_t *two = json_array_get(targets, 1);
        assert_string_equal(ops_json_text(two, "error", ""), expected[i]);
        assert_int_equal(ops_json_integer(two, "unreadable", 0), 1);
        assert_null(json_object_get(two, "incomparable"));
        assert_int_equal(json_array_size(json_object_get(two, "remarks")), 2 - i);
        json_decref(targets);
        json_decref(tasks);
    }
    json_decref(vacuum);
}

static void a_task_of_a_target_that_is_not_there_is_corrupt(void **state)
{
    (void)state;
    json_t *vacuum = vacuum_new("false", 0, 0, 1, "[1]"), *targets = NULL;
    static const int beyond[] = {3, -1, 2000000000};
    for (size_t i = 0; i < COUNT_OF(beyond); i++) {
        const struct row row = {0, 0, beyond[i], true, .matched = 1};
        json_t *tasks = tasks_of(&row, 1);
        struct ops_pass_result result;
        assert_int_equal(ops_pass_tally(vacuum, tasks, &targets), OPS_CORRUPT);
        assert_int_equal(ops_pass_result(vacuum, tasks, &result, NULL), OPS_CORRUPT);
        json_decref(tasks);
    }
    json_decref(vacuum);
}

static void a_vacuum_without_work_or_targets_never_crashes(void **state)
{
    (void)state;
    static const char *const texts[] = {"{}", "{'work': 1, 'targets': 1}", "{'work': {'in_pass': ['x', null, -1]}}",
                                        "{'targets': [1, null], 'work': {'task_count': 'x', 'in_pass': 7}}"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        json_t *vacuum = manifest_text_json(texts[i]), *tasks = json_pack("[n, i, {}]", 1), *targets = NULL;
        struct ops_pass_result result;
        struct ops_task task;
        ops_task_init(&task);
        (void)!ops_pass_task(vacuum, 7, &task);
        assert_int_equal(ops_pass_tally(vacuum, tasks, &targets), OPS_CORRUPT);
        (void)!ops_pass_result(vacuum, tasks, &result, NULL);
        json_decref(result.in_pass);
        json_decref(vacuum);
        json_decref(tasks);
        ops_task_release(&task);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_tasks_of_a_pass_are_the_segments_of_its_targets),
        cmocka_unit_test(a_target_is_pending_then_running_then_completed),
        cmocka_unit_test(matched_is_deleted_and_failed_together_over_any_passes),
        cmocka_unit_test(a_target_with_an_error_is_failed_and_says_why),
        cmocka_unit_test(a_target_in_which_records_keep_arriving_has_failed_and_says_so),
        cmocka_unit_test(the_message_names_three_of_those_in_which_records_keep_arriving),
        cmocka_unit_test(what_follows_a_pass_depends_on_what_it_found),
        cmocka_unit_test(a_deferred_target_is_looked_at_again_when_the_pass_over_the_others_is_done),
        cmocka_unit_test(a_target_that_was_tried_often_enough_has_failed_and_only_it),
        cmocka_unit_test(a_target_that_can_be_planned_later_joins_the_next_pass),
        cmocka_unit_test(a_target_shows_what_was_kept_and_its_first_reason),
        cmocka_unit_test(a_task_of_a_target_that_is_not_there_is_corrupt),
        cmocka_unit_test(a_vacuum_without_work_or_targets_never_crashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
