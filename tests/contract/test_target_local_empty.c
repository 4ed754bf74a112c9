/* A directory without anything in it is a key of its own, with a final '/': it is counted, told and removed like a file, and
 * a vacuum that dies between a file and its directory counts truly all the same. */
#include "support/cmocka_all.h"
#include "support/local_rig.h"
#include "support/scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void make(const char *const *keys)
{
    for (; *keys; keys++) {
        if ((*keys)[strlen(*keys) - 1] == '/')
            local_mkdir(local_in_bucket(*keys));
        else
            local_put(local_in_bucket(*keys));
    }
}

#define MAKE(...) make((const char *const[]){__VA_ARGS__, NULL})

static void an_empty_directory_is_counted_told_and_removed(void **state)
{
    (void)state;
    MAKE("acme/customers/john.smith@example.com/", "acme/orders/1", "acme/tmp/", "globex/1", "initech/people/mary/");
    for (size_t limit = 1; limit < 6; limit++) {
        const struct local_tally *dry = local_dry(&local_things, local_prefix("acme/"), limit);
        assert_string_equal(dry->keys, "acme/customers/john.smith@example.com/;acme/orders/1;acme/tmp/;");
        assert_int_equal(dry->bytes, 7);
    }
    const struct local_tally *real = local_vacuum(&local_things, local_prefix("acme/"), 2, 0);
    assert_int_equal(real->matched, 3);
    assert_int_equal(real->deleted, 3);
    assert_int_equal(real->bytes, 7);
    assert_false(local_exists(local_in_bucket("acme")));
    assert_string_equal(local_dry(&local_things, local_all, 10)->keys, "globex/1;initech/people/mary/;");
    assert_int_equal(local_vacuum(&local_things, local_all, 10, 0)->deleted, 2);
    assert_int_equal(rmdir(local_in_bucket("")), 0); /* nothing is left in it, and it is there */
}

static void of_directories_that_hold_only_directories_the_innermost_are_keys(void **state)
{
    (void)state;
    MAKE("a/b/c/", "a/b/d/e/", "a.txt", "a0/");
    assert_string_equal(local_dry(&local_things, local_all, 10)->keys, "a.txt;a/b/c/;a/b/d/e/;a0/;");
    const struct local_tally *real = local_vacuum(&local_things, local_all, 1, 0);
    assert_int_equal(real->matched, 4);
    assert_int_equal(real->deleted, 4);
    assert_false(local_exists(local_in_bucket("a")));
    assert_true(local_exists(local_in_bucket("")));
}

static void a_tenants_own_empty_directory_is_its_last_key(void **state)
{
    (void)state;
    MAKE("acme/", "acme2/", "acm/");
    const struct local_tally *real = local_vacuum(&local_things, local_prefix("acme/"), 10, 0);
    assert_string_equal(real->keys, "acme/;");
    assert_int_equal(real->deleted, 1);
    assert_false(local_exists(local_in_bucket("acme")));
    assert_true(local_exists(local_in_bucket("acme2")));
    assert_true(local_exists(local_in_bucket("acm")));
}

/* What does not begin with the prefix stays, be it left empty. */
static void pruning_stops_where_the_scope_does(void **state)
{
    (void)state;
    MAKE("acme/data-1/x", "acme/data-2/", "acme/data-3");
    const struct local_tally *real = local_vacuum(&local_things, local_prefix("acme/data-"), 10, 0);
    assert_int_equal(real->deleted, 3);
    assert_true(local_exists(local_in_bucket("acme")));
    assert_false(local_exists(local_in_bucket("acme/data-1")));
    assert_int_equal(local_dry(&local_things, local_prefix("acme/data-"), 10)->matched, 0);
}

static void an_exact_scope_takes_an_empty_directory_only_by_its_whole_name(void **state)
{
    (void)state;
    MAKE("acme/tmp/", "acme/file", "b/1");
    assert_int_equal(local_vacuum(&local_things, local_exact("acme/tmp"), 10, 0)->matched, 0);
    assert_int_equal(local_vacuum(&local_things, local_exact("acme/"), 10, 0)->matched, 0);
    assert_int_equal(local_vacuum(&local_things, local_exact("acme/file/"), 10, 0)->matched, 0);
    assert_true(local_exists(local_in_bucket("acme/tmp")));
    const struct local_tally *real = local_vacuum(&local_things, local_exact("acme/tmp/"), 10, 0);
    assert_string_equal(real->keys, "acme/tmp/;");
    assert_int_equal(real->deleted, 1);
    assert_false(local_exists(local_in_bucket("acme/tmp")));
    assert_int_equal(local_vacuum(&local_things, local_exact("b/1"), 10, 0)->deleted, 1);
    assert_true(local_exists(local_in_bucket("b"))); /* its name does not begin with b/1 */
}

static void the_guard_sees_the_key_of_an_empty_directory(void **state)
{
    (void)state;
    MAKE("g3nmhsadmin-notes/", "g3nmhsadmin/deep/", "other/");
    const struct local_tally *real = local_vacuum(&local_things, local_all, 10, 0);
    assert_int_equal(real->deleted, 1);
    assert_int_equal(real->protected_count, 2);
    assert_true(local_exists(local_in_bucket("g3nmhsadmin-notes")));
    assert_true(local_exists(local_in_bucket("g3nmhsadmin/deep")));
}

static void a_directory_that_got_a_file_meanwhile_is_no_key_any_more(void **state)
{
    (void)state;
    struct ops_key_page page;
    enum ops_removal outcome = OPS_FAILED;
    struct ops_recount there = {99, 0};
    MAKE("d/");
    struct ops_target *target = local_open(&local_things, local_all);
    ops_key_page_init(&page, 1 << 20);
    assert_int_equal(ops_target_page(target, 0, "", 10, &page, NULL), OPS_OK);
    assert_int_equal(page.count, 1);
    local_put(local_in_bucket("d/late"));
    assert_int_equal(ops_target_remove(target, page.keys, 1, &outcome, NULL), OPS_OK);
    assert_int_equal(outcome, OPS_ABSENT);
    assert_true(local_exists(local_in_bucket("d/late")));
    assert_int_equal(ops_target_recount(target, 0, ops_buf_text(&page.receipt), &there, NULL), OPS_OK);
    assert_int_equal(there.count, 0);
    assert_int_equal(ops_target_page(target, 0, "", 10, &page, NULL), OPS_OK);
    assert_true(ops_view_is(page.keys[0].id, "d/late"));
    ops_key_page_release(&page);
    ops_target_close(target);
}

static void the_key_of_a_directory_does_not_remove_a_file_and_the_other_way_round(void **state)
{
    (void)state;
    MAKE("file", "directory/");
    struct ops_target *target = local_open(&local_things, local_all);
    const struct ops_key keys[] = {{.id = ops_view_of("directory")}, {.id = ops_view_of("file/")}};
    enum ops_removal outcomes[2];
    assert_int_equal(ops_target_remove(target, keys, 2, outcomes, NULL), OPS_OK);
    assert_int_equal(outcomes[0], OPS_ABSENT); /* there is no such object */
    assert_int_equal(outcomes[1], OPS_ABSENT);
    assert_true(local_exists(local_in_bucket("file")));
    assert_true(local_exists(local_in_bucket("directory")));
    ops_target_close(target);
}

static void directories_in_a_log_group_are_other_groups_and_stay(void **state)
{
    (void)state;
    local_mkdir(local_in_group("deeper"));
    local_put(local_in_group("stream"));
    const struct local_tally *real = local_vacuum(&local_group, local_all, 10, 0);
    assert_string_equal(real->keys, "stream;");
    assert_int_equal(real->deleted, 1);
    assert_true(local_exists(local_in_group("deeper")));
}

/* It can't go and what is in it can: the last look would find it. It is told beforehand. */
static void a_directory_that_would_be_left_behind_empty_is_a_key_too(void **state)
{
    (void)state;
    MAKE("locked/inner/1", "locked/inner/2", "z");
    assert_int_equal(chmod(local_in_bucket("locked"), 0555), 0);
    local_drop_rights();
    const struct local_tally *dry = local_dry(&local_things, local_all, 1);
    assert_string_equal(dry->keys, "locked/inner/;locked/inner/1;locked/inner/2;z;");
    assert_int_equal(dry->remarks.counts[OPS_REMARK_UNDELETABLE], 1);
    const struct local_tally *real = local_vacuum(&local_things, local_all, 1, 0);
    assert_int_equal(real->matched, 4);
    assert_int_equal(real->deleted, 3);
    assert_int_equal(real->failed, 1);
    assert_true(local_remarked(&real->remarks, OPS_REMARK_REFUSED, "locked/inner/", "no right"));
    assert_int_equal(local_dry(&local_things, local_exact("locked/inner/"), 1)->matched, 1);
}

/* Reads everything in pages, each by a target that was opened for it. */
static void read_anew(size_t limit, char *ret_keys, size_t size)
{
    struct ops_key_page page;
    char cursor[OPS_CURSOR_MAX_BYTES] = "";
    ret_keys[0] = '\0';
    ops_key_page_init(&page, 1 << 20);
    for (bool last = false; !last; last = page.last) {
        struct ops_target *target = local_open(&local_things, local_all);
        assert_int_equal(ops_target_page(target, 0, cursor, limit, &page, NULL), OPS_OK);
        for (size_t i = 0; i < page.count; i++) {
            size_t length = strlen(ret_keys);
            (void)snprintf(ret_keys + length, size - length, "%.*s;", (int)page.keys[i].id.length, page.keys[i].id.data);
        }
        (void)snprintf(cursor, sizeof cursor, "%s", ops_buf_text(&page.cursor));
        assert_true(strlen(ret_keys) + 100 < size);
        ops_target_close(target);
    }
    ops_key_page_release(&page);
}

static void every_page_read_anew_gives_every_directory_once(void **state)
{
    (void)state;
    char keys[1024];
    MAKE("a/b/c/", "a/b/d/", "a/x", "locked/e/", "locked/inner/1", "locked/inner/2", "z/");
    assert_int_equal(chmod(local_in_bucket("locked"), 0555), 0);
    local_drop_rights();
    for (size_t limit = 1; limit < 9; limit++) {
        read_anew(limit, keys, sizeof keys);
        assert_string_equal(keys, "a/b/c/;a/b/d/;a/x;locked/e/;locked/inner/;locked/inner/1;locked/inner/2;z/;");
    }
}

static void a_crash_beside_a_directory_that_stays_is_counted_truly(void **state)
{
    (void)state;
    for (size_t limit = 1; limit < 6; limit++)
        for (size_t dies_at = 1; dies_at < 12; dies_at++) {
            MAKE("locked/inner/1", "locked/inner/2", "z");
            assert_int_equal(chmod(local_in_bucket("locked"), 0555), 0);
            local_drop_rights();
            const struct local_tally *real = local_vacuum(&local_things, local_all, limit, dies_at);
            assert_int_equal(real->matched, 4);
            assert_int_equal(real->deleted, 3);
            assert_int_equal(real->failed, 1);
            assert_int_equal(real->bytes, 21);
            local_regain_rights();
            assert_int_equal(chmod(local_in_bucket("locked"), 0755), 0);
        }
}

/* ---- Any tree, any page, any moment of a crash ---- */

static uint32_t random_state;

static uint32_t draw(uint32_t below)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 16) % below;
}

static void make_random(const char *key, int depth)
{
    uint32_t count = draw(4);
    for (uint32_t i = 0; i < count; i++) {
        char below[256];
        (void)snprintf(below, sizeof below, "%s%c%s", key, (char)('a' + draw(6)), draw(2) ? "" : ".x");
        uint32_t kind = draw(6);
        if (local_exists(local_in_bucket(below)))
            continue;
        if (kind < 2 || depth == 0) {
            local_put(local_in_bucket(below));
            continue;
        }
        (void)strcat(below, "/");
        local_mkdir(local_in_bucket(below));
        if (kind > 2)
            make_random(below, depth - 1);
        if (depth < 3 && draw(5) == 0) { /* unreadable, unwritable, not to be searched */
            static const mode_t modes[] = {0, 0555, 0444, 0311};
            assert_int_equal(chmod(local_in_bucket(below), modes[draw(4)]), 0);
        }
    }
}

static void make_seed(uint32_t seed)
{
    local_regain_rights();
    (void)local_rig_teardown(NULL);
    (void)local_rig_setup(NULL);
    random_state = seed;
    for (int i = 0; i < 3; i++)
        make_random("", 3);
    local_put(local_in_bucket("g3nmhsadmin/kept"));
    local_drop_rights();
}

/* The same numbers as the dry run had, whatever happened on the way. */
static void check_alike(const struct local_tally *dry, const struct local_tally *real, const char *run)
{
    if (real->status != OPS_OK || real->matched != dry->matched || real->bytes != dry->bytes)
        print_message("%s: %s\n", run, ops_error_text(&real->error, real->status));
    assert_int_equal(real->status, OPS_OK);
    assert_int_equal(real->matched, dry->matched);
    assert_int_equal(real->failed, dry->remarks.counts[OPS_REMARK_UNDELETABLE]);
    assert_int_equal(real->deleted, dry->matched - real->failed);
    assert_int_equal(real->failed, real->remarks.counts[OPS_REMARK_REFUSED]);
    assert_int_equal(real->remarks.counts[OPS_REMARK_UNREADABLE], dry->remarks.counts[OPS_REMARK_UNREADABLE]);
    assert_int_equal(real->protected_count, dry->protected_count);
    assert_int_equal(real->bytes, dry->bytes);
    assert_true(local_exists(local_in_bucket("g3nmhsadmin/kept")));
}

static void a_crash_at_any_removal_leaves_every_count_true(void **state)
{
    (void)state;
    enum { SEEDS = 6 };
    static const size_t limits[] = {1, 2, 3, 50};
    const struct ops_scope scopes[] = {local_all, local_prefix("a"), local_prefix("b/")};
    for (uint32_t seed = 1; seed <= SEEDS; seed++)
        for (size_t l = 0; l < sizeof limits / sizeof limits[0]; l++) {
            size_t last = 1;
            for (size_t dies_at = 0; dies_at <= last; dies_at++) {
                make_seed(seed);
                const struct ops_scope scope = scopes[seed % 3];
                struct local_tally dry = *local_dry(&local_things, scope, limits[l]);
                char run[64];
                (void)snprintf(run, sizeof run, "seed %u, pages of %zu, dies at %zu", seed, limits[l], dies_at);
                check_alike(&dry, local_vacuum(&local_things, scope, limits[l], dies_at), run);
                last = dies_at ? last : local_removals();
                assert_int_equal(local_dry(&local_things, scope, 50)->matched,
                                 (size_t)dry.remarks.counts[OPS_REMARK_UNDELETABLE]);
            }
        }
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, local_rig_setup, local_rig_teardown)
    const struct CMUnitTest tests[] = {
        CASE(an_empty_directory_is_counted_told_and_removed),
        CASE(of_directories_that_hold_only_directories_the_innermost_are_keys),
        CASE(a_tenants_own_empty_directory_is_its_last_key),
        CASE(pruning_stops_where_the_scope_does),
        CASE(an_exact_scope_takes_an_empty_directory_only_by_its_whole_name),
        CASE(the_guard_sees_the_key_of_an_empty_directory),
        CASE(a_directory_that_got_a_file_meanwhile_is_no_key_any_more),
        CASE(the_key_of_a_directory_does_not_remove_a_file_and_the_other_way_round),
        CASE(directories_in_a_log_group_are_other_groups_and_stay),
        CASE(a_directory_that_would_be_left_behind_empty_is_a_key_too),
        CASE(every_page_read_anew_gives_every_directory_once),
        CASE(a_crash_beside_a_directory_that_stays_is_counted_truly),
        CASE(a_crash_at_any_removal_leaves_every_count_true),
    };
#undef CASE
    return cmocka_run_group_tests_name("empty directories", tests, NULL, NULL);
}
