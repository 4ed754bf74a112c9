#include "contract/target_suite.h"

#include "support/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>

enum { COUNT = 120, STORAGE_LIMIT_BYTES = 1024 * 1024 };

static const struct target_rig *rig;
static struct ops_target *target;
static struct ops_key_page page;
static int seen[COUNT];

static int begin(void **state)
{
    (void)state;
    rig->begin();
    ops_key_page_init(&page, STORAGE_LIMIT_BYTES);
    memset(seen, 0, sizeof seen);
    return 0;
}

static int end(void **state)
{
    (void)state;
    ops_key_page_release(&page);
    ops_target_close(target);
    target = NULL;
    rig->end();
    return 0;
}

static void open_scope(struct ops_scope scope)
{
    struct ops_error error = OPS_ERROR_INIT;
    ops_target_close(target);
    target = NULL;
    enum ops_status status = ops_catalogue_open(rig->catalogue(), &rig->spec, &scope, &target, &error);
    if (status != OPS_OK)
        fail_msg("%s", ops_error_text(&error, status));
}

static void open_all(void)
{
    open_scope((struct ops_scope){.by = OPS_SCOPE_ALL});
}

static const char *key_of(int number)
{
    static char keys[4][32];
    static int turn;
    char *key = keys[turn++ % 4];
    snprintf(key, sizeof keys[0], "key-%03d", number);
    return key;
}

static void put_many(int count)
{
    for (int i = 0; i < count; i++)
        rig->put(key_of(i * 77 % count), "acme");
}

static enum ops_status read_page(uint32_t segment, const char *cursor, size_t limit)
{
    return ops_target_page(target, segment, cursor, limit, &page, NULL);
}

static void note_page(void)
{
    for (size_t i = 0; i < page.count; i++) {
        int number = 0;
        assert_int_equal(sscanf(page.keys[i].guarded.data, "key-%3d", &number), 1);
        assert_in_range(number, 0, COUNT - 1);
        seen[number]++;
    }
}

static void remove_keys(const struct ops_key *keys, size_t count)
{
    for (size_t i = 0; i < count;) {
        enum ops_removal outcomes[COUNT];
        size_t batch = count - i < target->batch_max ? count - i : target->batch_max;
        assert_int_equal(ops_target_remove(target, keys + i, batch, outcomes, NULL), OPS_OK);
        for (size_t k = 0; k < batch; k++)
            assert_true(outcomes[k] == OPS_REMOVED || outcomes[k] == OPS_ABSENT); /* the second time, where it can be told */
        i += batch;
    }
}

/* Reads everything in pages of limit; the sum of keys. */
static size_t walk(size_t limit, bool with_removal)
{
    size_t total = 0;
    for (uint32_t segment = 0; segment < target->segment_count; segment++) {
        char *cursor = strdup("");
        for (bool last = false; !last;) {
            assert_int_equal(read_page(segment, cursor, limit), OPS_OK);
            assert_true(page.count <= limit);
            total += page.count;
            note_page();
            if (with_removal)
                remove_keys(page.keys, page.count);
            last = page.last;
            free(cursor);
            cursor = strdup(ops_buf_text(&page.cursor));
        }
        assert_string_equal(cursor, "");
        free(cursor);
    }
    return total;
}

static size_t recount(uint32_t segment)
{
    struct ops_recount there = {0, 0};
    char *receipt = strdup(ops_buf_text(&page.receipt));
    assert_int_equal(ops_target_recount(target, segment, receipt, &there, NULL), OPS_OK);
    free(receipt);
    return there.count;
}

static void pages_of_any_size_give_every_record_once(void **state)
{
    (void)state;
    static const size_t limits[] = {1, 3, 7, 50, COUNT, 1000};
    put_many(COUNT);
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        memset(seen, 0, sizeof seen);
        open_all();
        assert_int_equal(walk(limits[i], false), COUNT);
        for (int k = 0; k < COUNT; k++)
            assert_int_equal(seen[k], 1);
    }
}

static void an_empty_target_gives_an_empty_last_page(void **state)
{
    (void)state;
    open_all();
    assert_int_equal(read_page(0, "", 10), OPS_OK);
    assert_int_equal(page.count, 0);
    assert_true(page.last);
    assert_int_equal(recount(0), 0);
}

static void a_missing_target_is_said_to_be_missing(void **state)
{
    (void)state;
    struct ops_error error = OPS_ERROR_INIT;
    const struct ops_scope all = {.by = OPS_SCOPE_ALL};
    assert_int_equal(ops_catalogue_open(rig->catalogue(), &rig->missing, &all, &target, &error), OPS_TARGET_MISSING);
    assert_string_not_equal(error.text, "");
}

static void removing_while_paging_empties_the_target(void **state)
{
    (void)state;
    if (rig->loses_its_place)
        return;
    put_many(COUNT);
    open_all();
    assert_int_equal(walk(11, true), COUNT);
    open_all();
    assert_int_equal(walk(11, false), 0);
}

static void remove_keys_not_ending_in_three(void)
{
    struct ops_key chosen[COUNT];
    size_t count = 0;
    for (size_t i = 0; i < page.count; i++)
        if (page.keys[i].guarded.data[6] != '3')
            chosen[count++] = page.keys[i];
    if (count)
        remove_keys(chosen, count);
}

static void remove_takes_exactly_the_given_keys(void **state)
{
    (void)state;
    if (rig->loses_its_place)
        return;
    put_many(COUNT);
    open_all();
    for (uint32_t segment = 0; segment < target->segment_count; segment++) {
        char *cursor = strdup("");
        for (bool last = false; !last; last = page.last) {
            assert_int_equal(read_page(segment, cursor, COUNT), OPS_OK);
            remove_keys_not_ending_in_three();
            free(cursor);
            cursor = strdup(ops_buf_text(&page.cursor));
        }
        free(cursor);
    }
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(rig->exists(key_of(i)), i % 10 == 3);
}

static void removing_twice_is_harmless(void **state)
{
    (void)state;
    put_many(20);
    open_all();
    assert_int_equal(read_page(0, "", 10), OPS_OK);
    size_t count = page.count;
    remove_keys(page.keys, count);
    remove_keys(page.keys, count);
    memset(seen, 0, sizeof seen);
    open_all();
    assert_int_equal(walk(10, false), 20 - count);
}

static void recount_tells_what_is_still_there(void **state)
{
    (void)state;
    put_many(20);
    open_all();
    assert_int_equal(read_page(0, "", 10), OPS_OK);
    size_t count = page.count;
    assert_true(count > 2);
    assert_int_equal(recount(0), count);
    remove_keys(page.keys, 2);
    assert_int_equal(recount(0), count - 2);
    remove_keys(page.keys + 2, count - 2);
    assert_int_equal(recount(0), 0);
}

static void recount_counts_one_page_only(void **state)
{
    (void)state;
    put_many(COUNT);
    open_all();
    assert_int_equal(read_page(0, "", 5), OPS_OK);
    size_t first = page.count;
    char *cursor = strdup(ops_buf_text(&page.cursor));
    assert_int_equal(read_page(0, cursor, 5), OPS_OK);
    assert_in_range(first, 1, 5);
    assert_in_range(page.count, 1, 5);
    assert_int_equal(recount(0), page.count);
    remove_keys(page.keys, page.count);
    assert_int_equal(recount(0), 0);
    assert_int_equal(read_page(0, "", 5), OPS_OK);
    assert_int_equal(recount(0), first);
    free(cursor);
}

static void a_receipt_and_a_cursor_outlive_the_target(void **state)
{
    (void)state;
    if (rig->loses_its_place)
        return;
    put_many(COUNT);
    open_all();
    assert_int_equal(read_page(0, "", 5), OPS_OK);
    note_page();
    size_t count = page.count;
    assert_in_range(count, 2, 5);
    remove_keys(page.keys, 2);
    char *cursor = strdup(ops_buf_text(&page.cursor));
    open_all();
    assert_int_equal(recount(0), count - 2);
    for (bool last = false; !last; last = page.last) {
        assert_int_equal(read_page(0, cursor, 9), OPS_OK);
        note_page();
        free(cursor);
        cursor = strdup(ops_buf_text(&page.cursor));
    }
    free(cursor);
    if (target->segment_count == 1)
        for (int i = 0; i < COUNT; i++)
            assert_int_equal(seen[i], 1);
}

static void records_that_stay_are_given_once_while_others_come(void **state)
{
    (void)state;
    put_many(60);
    open_all();
    for (uint32_t segment = 0; segment < target->segment_count; segment++) {
        char *cursor = strdup("");
        int added = 60;
        for (bool last = false; !last; last = page.last) {
            assert_int_equal(read_page(segment, cursor, 4), OPS_OK);
            note_page();
            if (added < COUNT)
                rig->put(key_of(added++), "acme");
            free(cursor);
            cursor = strdup(ops_buf_text(&page.cursor));
        }
        free(cursor);
    }
    for (int i = 0; i < 60; i++)
        assert_int_equal(seen[i], 1);
    for (int i = 60; i < COUNT; i++)
        assert_true(seen[i] <= 1);
}

static void put_tenants(void)
{
    static const char *const orgs[] = {"acme", "acme2", "ACME", "acme-x", "acm", "acme#"};
    for (size_t i = 0; i < sizeof orgs / sizeof orgs[0]; i++)
        for (int k = 0; k < 3; k++) {
            char key[64];
            snprintf(key, sizeof key, "ORG#%s#%d", orgs[i], k);
            rig->put(key, orgs[i]);
        }
}

static size_t empty_scope(struct ops_scope scope)
{
    size_t total = 0;
    open_scope(scope);
    for (uint32_t segment = 0; segment < target->segment_count; segment++) {
        assert_int_equal(read_page(segment, "", 100), OPS_OK);
        total += page.count;
        if (page.count)
            remove_keys(page.keys, page.count);
    }
    return total;
}

static size_t count_all(void)
{
    size_t total = 0;
    open_all();
    for (uint32_t segment = 0; segment < target->segment_count; segment++) {
        assert_int_equal(read_page(segment, "", 100), OPS_OK);
        total += page.count;
    }
    return total;
}

static void attribute_scope_takes_one_tenant(void **state)
{
    (void)state;
    if (!rig->has_attributes)
        return;
    put_tenants();
    assert_int_equal(empty_scope((struct ops_scope){OPS_SCOPE_ATTRIBUTE, "orgcode", NULL, "acme"}), 3);
    assert_int_equal(count_all(), 15);
    assert_false(rig->exists("ORG#acme#0"));
    assert_true(rig->exists("ORG#ACME#0"));
    assert_int_equal(empty_scope((struct ops_scope){OPS_SCOPE_INDEX, "orgcode", "by-org", "acme-x"}), 3);
    assert_int_equal(empty_scope((struct ops_scope){OPS_SCOPE_ATTRIBUTE, "orgcode", NULL, "nobody"}), 0);
    assert_int_equal(count_all(), 12);
}

static void key_prefix_scope_takes_one_tenant(void **state)
{
    (void)state;
    if (!rig->has_keys)
        return;
    put_tenants();
    assert_int_equal(empty_scope((struct ops_scope){OPS_SCOPE_KEY_PREFIX, NULL, NULL, "ORG#acme2#"}), 3);
    assert_int_equal(empty_scope((struct ops_scope){OPS_SCOPE_KEY_PREFIX, NULL, NULL, "ORG#ACME#"}), 3);
    assert_int_equal(count_all(), 12);
    assert_true(rig->exists("ORG#acme#0"));
    assert_true(rig->exists("ORG#acme-x#2"));
}

static void key_scope_takes_one_key(void **state)
{
    (void)state;
    if (!rig->has_keys)
        return;
    put_tenants();
    assert_int_equal(empty_scope((struct ops_scope){OPS_SCOPE_KEY, NULL, NULL, "ORG#acme#1"}), 1);
    assert_int_equal(empty_scope((struct ops_scope){OPS_SCOPE_KEY, NULL, NULL, "ORG#acme#"}), 0);
    assert_int_equal(count_all(), 17);
    assert_false(rig->exists("ORG#acme#1"));
}

static void a_strangers_cursor_is_refused(void **state)
{
    (void)state;
    put_many(3);
    open_all();
    struct ops_recount there;
    assert_int_not_equal(read_page(0, "{\"!", 10), OPS_OK);
    assert_int_not_equal(ops_target_recount(target, 0, "{\"!", &there, NULL), OPS_OK);
}

static enum ops_status find_itself(void *context, const struct ops_resource *resource)
{
    *(int *)context += resource->kind == rig->spec.kind && strcmp(resource->name, rig->spec.name) == 0;
    return OPS_OK;
}

static enum ops_status stop_listing(void *context, const struct ops_resource *resource)
{
    (void)resource;
    ++*(int *)context;
    return OPS_LIMIT;
}

static void the_catalogue_lists_what_exists(void **state)
{
    (void)state;
    int found = 0;
    assert_int_equal(ops_catalogue_list(rig->catalogue(), rig->spec.kind, find_itself, &found, NULL), OPS_OK);
    assert_int_equal(found, rig->lists_itself);
}

static void listing_stops_when_it_is_told_to(void **state)
{
    (void)state;
    int calls = 0;
    if (!rig->lists_itself)
        return;
    assert_int_equal(ops_catalogue_list(rig->catalogue(), rig->spec.kind, stop_listing, &calls, NULL), OPS_LIMIT);
    assert_int_equal(calls, 1);
}

int target_suite_run(const char *name, const struct target_rig *the_rig)
{
    rig = the_rig;
#define CASE(test) cmocka_unit_test_setup_teardown(test, begin, end)
    const struct CMUnitTest tests[] = {
        CASE(pages_of_any_size_give_every_record_once),
        CASE(an_empty_target_gives_an_empty_last_page),
        CASE(a_missing_target_is_said_to_be_missing),
        CASE(removing_while_paging_empties_the_target),
        CASE(remove_takes_exactly_the_given_keys),
        CASE(removing_twice_is_harmless),
        CASE(recount_tells_what_is_still_there),
        CASE(recount_counts_one_page_only),
        CASE(a_receipt_and_a_cursor_outlive_the_target),
        CASE(records_that_stay_are_given_once_while_others_come),
        CASE(attribute_scope_takes_one_tenant),
        CASE(key_prefix_scope_takes_one_tenant),
        CASE(key_scope_takes_one_key),
        CASE(a_strangers_cursor_is_refused),
        CASE(the_catalogue_lists_what_exists),
        CASE(listing_stops_when_it_is_told_to),
    };
#undef CASE
    printf("%s\n", name);
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}
