#include "adapters/local/catalogue.h"
#include "base/mem.h"
#include "contract/target_suite.h"
#include "support/alloc_fault.h"
#include "support/cmocka_all.h"
#include "support/scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUCKET "stack/buckets/things"

static char data[SCRATCH_SIZE];
static struct ops_catalogue *stack;

static void make_directory(const char *path)
{
    assert_int_equal(mkdir(scratch_path(data, path), 0700), 0);
}

static void begin(void)
{
    scratch_make(data);
    make_directory("stack");
    make_directory("stack/buckets");
    make_directory(BUCKET);
    assert_int_equal(ops_local_catalogue_new(data, &stack, NULL), OPS_OK);
}

static void end(void)
{
    ops_catalogue_release(stack);
    scratch_remove(data);
}

static struct ops_catalogue *catalogue(void)
{
    return stack;
}

static const char *object_path(const char *key)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/" BUCKET "/%s", data, key);
    return path;
}

static void put(const char *key, const char *orgcode)
{
    (void)orgcode;
    scratch_write(object_path(key), "7 bytes");
}

static bool exists(const char *key)
{
    struct stat info;
    return lstat(object_path(key), &info) == 0;
}

static struct ops_target *target;
static struct ops_key_page page;

static int setup(void **state)
{
    (void)state;
    begin();
    ops_key_page_init(&page, 1 << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ops_key_page_release(&page);
    ops_target_close(target);
    target = NULL;
    end();
    return 0;
}

static const struct ops_target_spec things = {.kind = OPS_BUCKET, .name = "things"};
static const struct ops_scope all = {.by = OPS_SCOPE_ALL};

static void read_all(struct ops_scope scope)
{
    ops_target_close(target);
    target = NULL;
    assert_int_equal(ops_catalogue_open(stack, &things, &scope, &target, NULL), OPS_OK);
    assert_int_equal(ops_target_page(target, 0, "", 1000, &page, NULL), OPS_OK);
}

static void remove_all(void)
{
    enum ops_removal outcomes[1000];
    assert_int_equal(ops_target_remove(target, page.keys, page.count, outcomes, NULL), OPS_OK);
    for (size_t i = 0; i < page.count; i++)
        assert_true(outcomes[i] == OPS_REMOVED || outcomes[i] == OPS_ABSENT);
}

static void make_tree(void)
{
    make_directory(BUCKET "/a");
    make_directory(BUCKET "/a/b");
    make_directory(BUCKET "/acme");
    static const char *const keys[] = {"a.txt", "a/b/1", "a/b/2", "a/z", "a0", "acme/1", "zebra"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        put(keys[i], "");
}

static void keys_come_in_byte_order_at_every_page_size(void **state)
{
    (void)state;
    static const char *const order[] = {"a.txt", "a/b/1", "a/b/2", "a/z", "a0", "acme/1", "zebra"};
    make_tree();
    for (size_t limit = 1; limit <= 8; limit++) {
        for (int reopen = 0; reopen < 2; reopen++) {
            char cursor[200] = "";
            size_t count = 0;
            do {
                if (reopen || !target) {
                    ops_target_close(target);
                    assert_int_equal(ops_catalogue_open(stack, &things, &all, &target, NULL), OPS_OK);
                }
                assert_int_equal(ops_target_page(target, 0, cursor, limit, &page, NULL), OPS_OK);
                for (size_t i = 0; i < page.count; i++) {
                    assert_true(ops_view_is(page.keys[i].guarded, order[count++]));
                    assert_int_equal(page.keys[i].size_bytes, 7);
                }
                snprintf(cursor, sizeof cursor, "%s", ops_buf_text(&page.cursor));
            } while (!page.last);
            assert_int_equal(count, 7);
        }
    }
}

static void directories_that_become_empty_go_and_the_bucket_stays(void **state)
{
    (void)state;
    make_tree();
    read_all((struct ops_scope){OPS_SCOPE_KEY_PREFIX, NULL, NULL, "a/"});
    assert_int_equal(page.count, 3);
    remove_all();
    assert_false(exists("a"));
    assert_true(exists("acme/1"));
    read_all(all);
    assert_int_equal(page.count, 4);
    remove_all();
    assert_false(exists("acme"));
    assert_true(exists("."));
}

static void links_and_pipes_go_themselves_and_are_not_followed(void **state)
{
    (void)state;
    make_directory("outside");
    scratch_write(scratch_path(data, "outside/precious"), "precious");
    assert_int_equal(symlink("../../../outside", object_path("link")), 0);
    assert_int_equal(symlink("../../../outside/precious", object_path("file-link")), 0);
    assert_int_equal(mkfifo(object_path("pipe"), 0600), 0);
    read_all(all);
    assert_int_equal(page.count, 3);
    remove_all();
    read_all(all);
    assert_int_equal(page.count, 0);
    assert_int_equal(access(scratch_path(data, "outside/precious"), F_OK), 0);
}

static void a_directory_that_turned_into_a_link_is_not_entered(void **state)
{
    (void)state;
    make_directory("outside");
    make_directory(BUCKET "/d");
    put("d/precious", "");
    read_all(all);
    assert_int_equal(page.count, 1);
    scratch_write(scratch_path(data, "outside/precious"), "precious");
    assert_int_equal(unlink(object_path("d/precious")), 0);
    assert_int_equal(rmdir(object_path("d")), 0);
    assert_int_equal(symlink("../../../outside", object_path("d")), 0);
    remove_all();
    assert_int_equal(access(scratch_path(data, "outside/precious"), F_OK), 0);
}

static void what_is_gone_or_moved_away_when_it_is_to_be_removed_is_absent(void **state)
{
    (void)state;
    enum ops_removal outcomes[4];
    make_directory(BUCKET "/d");
    put("a", "1");
    put("b", "2");
    put("d/1", "3");
    put("d/2", "4");
    read_all(all);
    assert_int_equal(page.count, 4);
    assert_int_equal(unlink(object_path("b")), 0);
    assert_int_equal(rename(object_path("d"), scratch_path(data, "away")), 0);
    assert_int_equal(ops_target_remove(target, page.keys, page.count, outcomes, NULL), OPS_OK);
    assert_int_equal(outcomes[0], OPS_REMOVED);
    for (size_t i = 1; i < 4; i++)
        assert_int_equal(outcomes[i], OPS_ABSENT);
}

static void a_bucket_that_was_removed_after_it_was_opened_is_missing(void **state)
{
    (void)state;
    struct ops_recount there = {0, 0};
    put("a", "1");
    read_all(all);
    char *receipt = strdup(ops_buf_text(&page.receipt));
    assert_int_equal(unlink(object_path("a")), 0);
    assert_int_equal(rmdir(scratch_path(data, BUCKET)), 0);
    assert_int_equal(ops_target_page(target, 0, "", 10, &page, NULL), OPS_TARGET_MISSING);
    assert_int_equal(ops_target_recount(target, 0, receipt, &there, NULL), OPS_TARGET_MISSING);
    free(receipt);
}

static void a_key_can_not_leave_the_bucket(void **state)
{
    (void)state;
    static const char *const keys[] = {
        "../outside", "a/../../outside", "/outside", "./x", "..", "a//x", "", "/", "a//", "../", "a/../"};
    scratch_write(scratch_path(data, "stack/buckets/outside"), "precious");
    make_directory(BUCKET "/a");
    put("x", "");
    read_all(all);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        enum ops_removal outcome = OPS_REMOVED;
        const struct ops_key key = {.id = ops_view_of(keys[i])};
        assert_int_equal(ops_target_remove(target, &key, 1, &outcome, NULL), OPS_OK);
        assert_int_equal(outcome, OPS_FAILED);
    }
    assert_true(exists("x"));
    assert_int_equal(access(scratch_path(data, "stack/buckets/outside"), F_OK), 0);
}

static void a_bucket_that_is_a_link_or_climbs_out_is_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"link", "..", ".", "a/b", ""};
    assert_int_equal(symlink("things", scratch_path(data, "stack/buckets/link")), 0);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct ops_error error = OPS_ERROR_INIT;
        const struct ops_target_spec spec = {.kind = OPS_BUCKET, .name = names[i]};
        assert_int_equal(ops_catalogue_open(stack, &spec, &all, &target, &error), OPS_TARGET_ERROR);
        assert_string_not_equal(error.text, "");
    }
}

static void keys_that_are_not_utf8_are_kept_byte_by_byte(void **state)
{
    (void)state;
    put("\xff\xfe", "");
    put("\xff\xff", "");
    assert_int_equal(ops_catalogue_open(stack, &things, &all, &target, NULL), OPS_OK);
    assert_int_equal(ops_target_page(target, 0, "", 1, &page, NULL), OPS_OK);
    json_t *text = json_string(ops_buf_text(&page.cursor));
    assert_non_null(text);
    json_decref(text);
    assert_true(ops_view_is(page.keys[0].guarded, "\xff\xfe"));
    remove_all();
    assert_false(exists("\xff\xfe"));
    assert_true(exists("\xff\xff"));
}

static void a_directory_larger_than_the_window_is_read_completely(void **state)
{
    (void)state;
    enum { FILES = 20000 };
    for (int i = 0; i < FILES; i++) {
        char key[32];
        snprintf(key, sizeof key, "f%05d", i * 7919 % FILES);
        FILE *file = fopen(object_path(key), "w");
        assert_non_null(file);
        fclose(file);
    }
    assert_int_equal(ops_catalogue_open(stack, &things, &all, &target, NULL), OPS_OK);
    char cursor[64] = "";
    int count = 0;
    do {
        assert_int_equal(ops_target_page(target, 0, cursor, 3000, &page, NULL), OPS_OK);
        for (size_t i = 0; i < page.count; i++) {
            char expected[32];
            snprintf(expected, sizeof expected, "f%05d", count++);
            assert_true(ops_view_is(page.keys[i].guarded, expected));
        }
        snprintf(cursor, sizeof cursor, "%s", ops_buf_text(&page.cursor));
    } while (!page.last);
    assert_int_equal(count, FILES);
}

static void attributes_are_refused(void **state)
{
    (void)state;
    const struct ops_scope scope = {OPS_SCOPE_ATTRIBUTE, "orgcode", NULL, "acme"};
    assert_int_equal(ops_catalogue_open(stack, &things, &scope, &target, NULL), OPS_TARGET_ERROR);
}

static void running_out_of_memory_is_a_status_and_leaks_nothing(void **state)
{
    (void)state;
    bool hit = true;
    make_tree();
    make_directory(BUCKET "/empty");
    for (size_t n = 1; hit; n++) {
        struct ops_catalogue *local = NULL;
        struct ops_target *opened = NULL;
        struct ops_key_page keys;
        struct ops_recount there = {0, 0};
        struct ops_findings findings = {.count = 0};
        alloc_fault_install(n);
        ops_key_page_init(&keys, 1 << 20);
        enum ops_status status = ops_local_catalogue_new(data, &local, NULL);
        if (status == OPS_OK)
            status = ops_catalogue_open(local, &things, &all, &opened, NULL);
        if (status == OPS_OK)
            status = ops_target_page(opened, 0, "", 5, &keys, NULL);
        if (status == OPS_OK)
            status = ops_target_recount(opened, 0, ops_buf_text(&keys.receipt), &there, NULL);
        if (status == OPS_OK)
            status = ops_target_inspect(opened, &findings, NULL);
        hit = alloc_fault_hit();
        assert_int_equal(status, hit ? OPS_NO_MEMORY : OPS_OK);
        ops_key_page_release(&keys);
        ops_target_close(opened);
        ops_catalogue_release(local);
        assert_int_equal(alloc_fault_live_count(), 0);
        alloc_fault_remove();
    }
}

int main(void)
{
    const struct target_rig rig = {
        .spec = {.kind = OPS_BUCKET, .name = "things"},
        .missing = {.kind = OPS_BUCKET, .name = "nothings"},
        .has_keys = true,
        .begin = begin,
        .end = end,
        .catalogue = catalogue,
        .put = put,
        .exists = exists,
        .lists_itself = true,
    };
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(keys_come_in_byte_order_at_every_page_size),
        CASE(directories_that_become_empty_go_and_the_bucket_stays),
        CASE(links_and_pipes_go_themselves_and_are_not_followed),
        CASE(a_directory_that_turned_into_a_link_is_not_entered),
        CASE(what_is_gone_or_moved_away_when_it_is_to_be_removed_is_absent),
        CASE(a_bucket_that_was_removed_after_it_was_opened_is_missing),
        CASE(a_key_can_not_leave_the_bucket),
        CASE(a_bucket_that_is_a_link_or_climbs_out_is_refused),
        CASE(keys_that_are_not_utf8_are_kept_byte_by_byte),
        CASE(a_directory_larger_than_the_window_is_read_completely),
        CASE(attributes_are_refused),
        CASE(running_out_of_memory_is_a_status_and_leaks_nothing),
    };
#undef CASE
    int failed = target_suite_run("a bucket that is a directory", &rig);
    return failed + cmocka_run_group_tests_name("only in directories", tests, NULL, NULL);
}
