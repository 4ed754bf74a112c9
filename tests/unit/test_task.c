#include "core/task.h"

#include "base/json.h"

#include "support/cmocka_all.h"
#include "support/manifest_text.h"

#include <stdio.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define LEASE "01ARZ3NDEKTSV4RRFFQ69G5FAV"

static const int64_t now_ms = INT64_C(1795489200000);

static void task_fill(struct ops_task *task)
{
    ops_task_init(task);
    task->number = 12;
    task->pass = 1;
    task->target = 3;
    task->segment = 2;
    task->revision = 9;
    task->counters = (struct ops_counters){.matched = 10, .deleted = 8, .failed = 2, .protected = 1, .bytes = 4096,
        .failed_bytes = 512};
    task->receipt_matched = 5;
    task->receipt_protected = 1;
    task->receipt_bytes = 77;
    task->lease_until_ms = now_ms + OPS_LEASE_MS;
    (void)snprintf(task->owner, sizeof task->owner, "host-1");
    (void)snprintf(task->lease, sizeof task->lease, LEASE);
    (void)snprintf(task->error, sizeof task->error, "the disk is gone");
    ops_buf_append_text(&task->cursor, "cursor");
    ops_buf_append_text(&task->receipt, "receipt");
}

static void expect_same(const struct ops_task *a, const struct ops_task *b)
{
    assert_int_equal(a->number, b->number);
    assert_int_equal(a->pass, b->pass);
    assert_int_equal(a->target, b->target);
    assert_int_equal(a->segment, b->segment);
    assert_int_equal(a->revision, b->revision);
    assert_int_equal(a->done, b->done);
    assert_memory_equal(&a->counters, &b->counters, sizeof a->counters);
    assert_int_equal(a->receipt_matched, b->receipt_matched);
    assert_int_equal(a->receipt_protected, b->receipt_protected);
    assert_int_equal(a->receipt_bytes, b->receipt_bytes);
    assert_int_equal(a->lease_until_ms, b->lease_until_ms);
    assert_string_equal(a->owner, b->owner);
    assert_string_equal(a->lease, b->lease);
    assert_string_equal(a->error, b->error);
    assert_string_equal(ops_buf_text(&a->cursor), ops_buf_text(&b->cursor));
    assert_string_equal(ops_buf_text(&a->receipt), ops_buf_text(&b->receipt));
}

static void a_task_reads_back_from_its_document_as_it_was(void **state)
{
    (void)state;
    for (int done = 0; done <= 1; done++) {
        struct ops_task task, read;
        task_fill(&task);
        task.done = done;
        ops_task_init(&read);
        json_t *doc = ops_task_doc(&task, LEASE);
        assert_string_equal(ops_json_text(doc, "txn", ""), LEASE);
        assert_int_equal(ops_task_read(doc, &read), OPS_OK);
        expect_same(&task, &read);
        json_decref(doc);
        ops_task_release(&task);
        ops_task_release(&read);
    }
}

static void keys_are_in_the_order_of_the_numbers(void **state)
{
    (void)state;
    char a[OPS_TASK_KEY_SIZE], b[OPS_TASK_KEY_SIZE];
    ops_task_key(42, a);
    assert_string_equal(a, "TASK#000042");
    ops_task_key(9, a);
    ops_task_key(10, b);
    assert_true(strcmp(a, b) < 0);
}

struct lease_case {
    const char *name;
    bool done;
    int64_t left_ms;
    bool claimable;
};

static const struct lease_case lease_cases[] = {
    {"held for a minute", false, OPS_LEASE_MS, false},
    {"held for a minute by a host whose clock is a little ahead", false, OPS_LEASE_MS + 1, false},
    {"held for a millisecond more", false, 1, false},
    {"run out this moment", false, 0, true},
    {"run out long ago", false, -OPS_DAY_MS, true},
    {"longer than any lease lasts: the clock went back", false, OPS_LEASE_LONGEST_MS + 1, true},
    {"done, and run out", true, -1, false},
    {"done", true, 0, false},
};

static void a_task_is_claimable_when_it_is_not_done_and_its_lease_is_over(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(lease_cases); i++) {
        const struct lease_case *test = &lease_cases[i];
        json_t *doc =
            json_pack("{s:b, s:I}", "done", test->done, "lease_until_ms", (json_int_t)(now_ms + test->left_ms));
        if (ops_task_claimable(doc, now_ms) != test->claimable)
            fail_msg("a task that is %s", test->name);
        json_decref(doc);
    }
}

struct fresh_case {
    const char *name;
    int64_t left_ms;
    int64_t age_ms;
    bool fresh;
};

static const struct fresh_case fresh_cases[] = {
    {"written this moment", OPS_LEASE_MS, 0, true},
    {"written as long ago as may be", OPS_LEASE_MS - OPS_LEASE_FRESH_MS, OPS_LEASE_FRESH_MS, true},
    {"written longer ago", OPS_LEASE_MS - OPS_LEASE_FRESH_MS, OPS_LEASE_FRESH_MS + 1, false},
    {"over during the removal: the clock went ahead", OPS_LEASE_MS - OPS_LEASE_FRESH_MS - 1, OPS_SECOND_MS, false},
    {"over: the clock went far ahead", -OPS_HOUR_MS, OPS_SECOND_MS, false},
    {"a little longer than it was: the clock went back", OPS_LEASE_MS + OPS_SECOND_MS, OPS_SECOND_MS, true},
    {"as long as none of us believes", OPS_LEASE_LONGEST_MS + 1, 0, false},
    {"almost as long as another host does not believe", OPS_LEASE_LONGEST_MS - OPS_CLOCKS_APART_MS, 0, true},
    {"as long as another host does not believe", OPS_LEASE_LONGEST_MS - OPS_CLOCKS_APART_MS + 1, 0, false},
    {"of a likely length again, but it was too long before", OPS_LEASE_LONGEST_MS - 15 * OPS_SECOND_MS, 16 * OPS_SECOND_MS,
     false},
};

static void a_lease_is_fresh_while_it_has_held_since_it_was_written_and_outlasts_a_removal(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(fresh_cases); i++) {
        const struct fresh_case *test = &fresh_cases[i];
        if (ops_task_lease_fresh(now_ms + test->left_ms, test->age_ms, now_ms) != test->fresh)
            fail_msg("a lease that is %s", test->name);
    }
}

struct lost_case {
    const char *name;
    struct ops_recount there;
    json_int_t matched, deleted, bytes;
};

/* The receipt names six records of 600 bytes in all: five to be removed, and one that the guard keeps, of 100 bytes. */
static const struct lost_case lost_cases[] = {
    {"nothing was removed", {6, 600}, 0, 0, 0},
    {"some were removed", {4, 400}, 2, 2, 200},
    {"all but the protected one were removed", {1, 100}, 5, 5, 500},
    {"even the protected one is gone, by someone else", {0, 0}, 5, 5, 600},
    {"one is gone, and its empty directory is there", {6, 500}, 0, 0, 100},
    {"more are there than there were", {9, 900}, 0, 0, 0},
};

static void a_lost_removal_is_counted_by_what_is_gone(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(lost_cases); i++) {
        const struct lost_case *test = &lost_cases[i];
        struct ops_task task;
        task_fill(&task);
        task.counters = (struct ops_counters){.matched = 10, .deleted = 10, .protected = 3, .bytes = 1000};
        task.receipt_matched = 5;
        task.receipt_protected = 1;
        task.receipt_bytes = 600;
        ops_task_settle_lost(&task, &test->there);
        if (task.counters.matched != 10 + test->matched || task.counters.deleted != 10 + test->deleted ||
            task.counters.bytes != 1000 + test->bytes)
            fail_msg("%s: matched %d, deleted %d, bytes %d", test->name, (int)task.counters.matched,
                     (int)task.counters.deleted, (int)task.counters.bytes);
        assert_int_equal(task.counters.protected, 3); /* it is counted when the page is read again */
        assert_int_equal(task.counters.failed, 0);
        assert_int_equal(task.receipt.length, 0);
        assert_int_equal(task.receipt_matched + task.receipt_protected + task.receipt_bytes, 0);
        assert_string_equal(ops_buf_text(&task.cursor), "cursor");
        ops_task_release(&task);
    }
}

static json_t *good_doc(void)
{
    struct ops_task task;
    task_fill(&task);
    json_t *doc = ops_task_doc(&task, LEASE);
    ops_task_release(&task);
    return doc;
}

static void expect_corrupt(json_t *doc, const char *what)
{
    struct ops_task task;
    ops_task_init(&task);
    enum ops_status status = ops_task_read(doc, &task);
    if (status != OPS_CORRUPT)
        fail_msg("%s: %s", what, ops_status_tag(status));
    ops_task_release(&task);
    json_decref(doc);
}

static void a_damaged_number_is_corrupt(void **state)
{
    (void)state;
    static const char *const names[] = {"number",  "pass",   "target",    "segment", "revision",        "matched",
                                        "deleted", "failed", "protected", "bytes",   "receipt_matched", "receipt_protected",
                                        "receipt_bytes", "failed_bytes"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        json_t *missing = good_doc(), *text = good_doc(), *negative = good_doc();
        assert_int_equal(json_object_del(missing, names[i]), 0);
        assert_int_equal(ops_json_set_text(text, names[i], "1"), OPS_OK);
        assert_int_equal(ops_json_set_integer(negative, names[i], -1), OPS_OK);
        expect_corrupt(missing, names[i]);
        expect_corrupt(text, names[i]);
        expect_corrupt(negative, names[i]);
    }
}

static void a_text_that_is_too_long_is_corrupt(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t size;
    } members[] = {{"owner", OPS_WORKER_NAME_SIZE}, {"lease", OPS_ULID_SIZE},           {"error", OPS_TASK_ERROR_SIZE},
                   {"cursor", OPS_CURSOR_MAX_BYTES + 1}, {"receipt", OPS_RECEIPT_MAX_BYTES + 1}};
    static char text[OPS_RECEIPT_MAX_BYTES + 2];
    for (size_t i = 0; i < COUNT_OF(members); i++) {
        json_t *doc = good_doc();
        memset(text, 'x', members[i].size);
        text[members[i].size] = '\0';
        assert_int_equal(ops_json_set_text(doc, members[i].name, text), OPS_OK);
        expect_corrupt(doc, members[i].name);
    }
}

static void a_document_that_is_no_task_is_corrupt(void **state)
{
    (void)state;
    expect_corrupt(json_object(), "an empty object");
    expect_corrupt(json_array(), "an array");
    expect_corrupt(json_null(), "null");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_task_reads_back_from_its_document_as_it_was),
        cmocka_unit_test(keys_are_in_the_order_of_the_numbers),
        cmocka_unit_test(a_task_is_claimable_when_it_is_not_done_and_its_lease_is_over),
        cmocka_unit_test(a_lease_is_fresh_while_it_has_held_since_it_was_written_and_outlasts_a_removal),
        cmocka_unit_test(a_lost_removal_is_counted_by_what_is_gone),
        cmocka_unit_test(a_damaged_number_is_corrupt),
        cmocka_unit_test(a_text_that_is_too_long_is_corrupt),
        cmocka_unit_test(a_document_that_is_no_task_is_corrupt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
