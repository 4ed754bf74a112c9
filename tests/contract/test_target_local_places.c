/* One place in a bucket that can't be looked into does not stop the vacuum: it is named, and everything behind it goes. */
#include "support/cmocka_all.h"
#include "support/local_rig.h"
#include "support/scratch.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

static size_t unreadable(const struct local_tally *tally)
{
    return (size_t)tally->remarks.counts[OPS_REMARK_UNREADABLE];
}

/* a/1 b/<name>/... c/1: what is behind the bad directory, beside it and before it. */
static void make_around(const char *bad)
{
    char key[512];
    (void)snprintf(key, sizeof key, "b/%s/hidden", bad);
    local_put(local_in_bucket("a/1"));
    local_put(local_in_bucket(key));
    local_put(local_in_bucket("b/zz"));
    local_put(local_in_bucket("c/1"));
    (void)snprintf(key, sizeof key, "b/%s", bad);
    assert_int_equal(chmod(local_in_bucket(key), 0), 0);
}

static void open_up(const char *bad)
{
    char key[512];
    (void)snprintf(key, sizeof key, "b/%s", bad);
    assert_int_equal(chmod(local_in_bucket(key), 0755), 0);
}

static void a_directory_that_can_not_be_opened_is_named_and_the_rest_goes(void **state)
{
    (void)state;
    for (size_t limit = 1; limit < 5; limit++) {
        make_around("lost+found");
        local_drop_rights();
        const struct local_tally *dry = local_dry(&local_things, local_all, limit);
        assert_int_equal(dry->status, OPS_OK);
        assert_string_equal(dry->keys, "a/1;b/zz;c/1;");
        assert_int_equal(unreadable(dry), 1);
        assert_true(
            local_remarked(&dry->remarks, OPS_REMARK_UNREADABLE, "b/lost+found/", "it can't be opened: Permission denied"));
        const struct local_tally *real = local_vacuum(&local_things, local_all, limit, 0);
        assert_int_equal(real->status, OPS_OK);
        assert_int_equal(real->deleted, 3);
        assert_int_equal(unreadable(real), 1);
        local_regain_rights();
        open_up("lost+found");
        assert_true(local_exists(local_in_bucket("b/lost+found/hidden")));
    }
}

static void what_a_crash_leaves_is_gone_on_with_behind_an_unreadable_directory(void **state)
{
    (void)state;
    for (size_t limit = 1; limit < 5; limit++)
        for (size_t dies_at = 1; dies_at < 7; dies_at++) {
            make_around("u");
            local_drop_rights();
            const struct local_tally *real = local_vacuum(&local_things, local_all, limit, dies_at);
            assert_int_equal(real->status, OPS_OK);
            assert_int_equal(real->matched, 3);
            assert_int_equal(real->deleted, 3);
            assert_int_equal(real->bytes, 21);
            assert_int_equal(unreadable(real), 1);
            local_regain_rights();
            open_up("u");
            assert_true(local_exists(local_in_bucket("b/u/hidden")));
        }
}

static void only_what_may_hold_keys_in_scope_is_missed(void **state)
{
    (void)state;
    make_around("u");
    local_drop_rights();
    assert_int_equal(unreadable(local_dry(&local_things, local_prefix("a/"), 10)), 0);
    assert_int_equal(unreadable(local_dry(&local_things, local_prefix("b/u/hid"), 10)), 1);
    assert_int_equal(unreadable(local_dry(&local_things, local_prefix("b/v"), 10)), 0);
    assert_int_equal(unreadable(local_dry(&local_things, local_exact("b/u"), 10)), 0);
    assert_int_equal(unreadable(local_dry(&local_things, local_exact("b/u/hidden"), 10)), 1);
    assert_int_equal(unreadable(local_dry(&local_things, local_exact("b/zz"), 10)), 0);
    local_regain_rights();
    open_up("u");
}

static void names_of_any_bytes_are_keys_and_are_shown_printable(void **state)
{
    (void)state;
    static const char *const names[] = {
        "caf\xe9", "m\x1b[31mred\n\x07", "\xff", "a\nb", "\xc3\xa9t\xc3\xa9", " ", "-rf", "...", "\\"};
    static const char *const shown[] = {"b/caf?/",
                                        "b/m?[31mred?"
                                        "?/",
                                        "b/?/",
                                        "b/a?b/",
                                        "b/\xc3\xa9t\xc3\xa9/",
                                        "b/ /",
                                        "b/-rf/",
                                        "b/.../",
                                        "b/\\/"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char key[300];
        (void)snprintf(key, sizeof key, "x/%s", names[i]);
        local_put(local_in_bucket(key));
        make_around(names[i]);
        local_drop_rights();
        const struct local_tally *real = local_vacuum(&local_things, local_all, 2, 0);
        assert_int_equal(real->deleted, 4);
        assert_true(local_remarked(&real->remarks, OPS_REMARK_UNREADABLE, shown[i], ""));
        local_regain_rights();
        assert_false(local_exists(local_in_bucket(key)));
        open_up(names[i]);
        assert_int_equal(local_vacuum(&local_things, local_all, 2, 0)->deleted, 1);
    }
}

/* Makes directories below the bucket's one, one in the other, and a file in the last; goes down by names, since the path is
 * longer than a system call takes. */
static void make_deep(const char *name, int levels)
{
    char here[PATH_MAX];
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(local_in_bucket("")), 0);
    for (int i = 0; i < levels; i++) {
        assert_int_equal(mkdir(name, 0755), 0);
        assert_int_equal(chdir(name), 0);
    }
    scratch_write("end", "7 bytes");
    assert_int_equal(chdir(here), 0);
}

static void remove_deep(const char *name, int levels)
{
    char here[PATH_MAX];
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(local_in_bucket("")), 0);
    for (int i = 0; i < levels; i++)
        assert_int_equal(chdir(name), 0);
    assert_int_equal(unlink("end"), 0);
    for (int i = 0; i < levels; i++)
        assert_int_equal(chdir("..") == 0 && rmdir(name) == 0, 1);
    assert_int_equal(chdir(here), 0);
}

static void what_is_nested_too_deep_is_named_and_the_rest_goes(void **state)
{
    (void)state;
    make_deep("d", 120);
    local_put(local_in_bucket("a"));
    local_put(local_in_bucket("d/z"));
    local_put(local_in_bucket("e"));
    const struct local_tally *dry = local_dry(&local_things, local_all, 1);
    assert_string_equal(dry->keys, "a;d/z;e;");
    assert_int_equal(unreadable(dry), 1);
    assert_non_null(strstr(dry->remarks.first[0].reason, "nested deeper than 100 directories"));
    assert_int_equal(local_vacuum(&local_things, local_all, 1, 0)->deleted, 3);
}

static void the_hundredth_directory_is_still_entered(void **state)
{
    (void)state;
    make_deep("d", 99);
    assert_int_equal(local_vacuum(&local_things, local_all, 1, 0)->deleted, 1);
    assert_false(local_exists(local_in_bucket("d")));
}

static void a_path_that_is_too_long_is_named_and_the_rest_goes(void **state)
{
    (void)state;
    char name[251];
    memset(name, 'n', 250);
    name[250] = '\0';
    make_deep(name, 20);
    local_put(local_in_bucket("a"));
    local_put(local_in_bucket("z"));
    const struct local_tally *dry = local_dry(&local_things, local_all, 10);
    assert_string_equal(dry->keys, "a;z;");
    assert_int_equal(unreadable(dry), 1);
    assert_string_equal(dry->remarks.first[0].reason, "its path is longer than 4096 bytes");
    assert_int_equal(local_vacuum(&local_things, local_all, 1, 0)->deleted, 2);
    remove_deep(name, 20);
}

static void the_disk_of_one_directory_and_the_disk_of_all_are_told_apart(void **state)
{
    (void)state;
    local_put(local_in_bucket("a/1"));
    local_put(local_in_bucket("bad/1"));
    local_put(local_in_bucket("c/1"));
    for (int at_listing = 0; at_listing < 2; at_listing++) {
        local_fault = (struct local_fault){.name = "bad", .number = EIO, .at_listing = at_listing};
        const struct local_tally *one = local_dry(&local_things, local_all, 10);
        assert_int_equal(one->status, OPS_OK);
        assert_string_equal(one->keys, "a/1;c/1;");
        assert_true(local_remarked(&one->remarks, OPS_REMARK_UNREADABLE, "bad/",
                                   at_listing ? "it can't be listed: Input/output error"
                                              : "it can't be opened: Input/output error"));
    }
    local_fault = (struct local_fault){.number = EIO, .name = "things", .at_listing = true};
    assert_int_equal(local_dry(&local_things, local_all, 10)->status, OPS_STORE_UNAVAILABLE);
}

static void a_lack_of_descriptors_or_memory_may_pass_and_is_nobodys_fault(void **state)
{
    (void)state;
    static const struct {
        int number;
        enum ops_status status;
    } cases[] = {{EMFILE, OPS_STORE_UNAVAILABLE}, {ENFILE, OPS_STORE_UNAVAILABLE}, {ENOMEM, OPS_NO_MEMORY}};
    local_put(local_in_bucket("bad/1"));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (int at_listing = 0; at_listing < 2; at_listing++) {
            local_fault = (struct local_fault){.name = "bad", .number = cases[i].number, .at_listing = at_listing};
            const struct local_tally *tally = local_dry(&local_things, local_all, 10);
            assert_int_equal(tally->status, cases[i].status);
            assert_int_equal(unreadable(tally), 0);
        }
}

static void a_bucket_that_can_not_be_listed_itself_is_an_error(void **state)
{
    (void)state;
    local_put(local_in_bucket("a"));
    local_fault = (struct local_fault){.name = "things", .number = EACCES, .at_listing = true};
    const struct local_tally *tally = local_dry(&local_things, local_all, 10);
    assert_int_equal(tally->status, OPS_TARGET_ERROR);
    assert_non_null(strstr(tally->error.text, "bucket things"));
}

/* A directory may lose its rights between a removal and the count after a crash. */
static void a_directory_that_became_unreadable_is_not_counted_as_emptied(void **state)
{
    (void)state;
    struct ops_key_page page;
    struct ops_recount there = {99, 0};
    local_put(local_in_bucket("a/1"));
    local_put(local_in_bucket("b/1"));
    local_drop_rights();
    struct ops_target *target = local_open(&local_things, local_all);
    ops_key_page_init(&page, 1 << 20);
    assert_int_equal(ops_target_page(target, 0, "", 10, &page, NULL), OPS_OK);
    assert_int_equal(chmod(local_in_bucket("b"), 0), 0);
    assert_int_equal(ops_target_recount(target, 0, ops_buf_text(&page.receipt), &there, NULL), OPS_TARGET_ERROR);
    assert_int_equal(chmod(local_in_bucket("b"), 0755), 0);
    assert_int_equal(ops_target_recount(target, 0, ops_buf_text(&page.receipt), &there, NULL), OPS_OK);
    assert_int_equal(there.count, 2);
    ops_key_page_release(&page);
    ops_target_close(target);
}

static void a_receipt_without_the_number_of_unreadable_places_still_counts(void **state)
{
    (void)state;
    struct ops_recount there = {0, 0};
    local_put(local_in_bucket("a"));
    local_put(local_in_bucket("b"));
    struct ops_target *target = local_open(&local_things, local_all);
    assert_int_equal(ops_target_recount(target, 0, " Yg", &there, NULL), OPS_OK); /* up to b, as version 0.1 wrote it */
    assert_int_equal(there.count, 2);
    assert_int_equal(ops_target_recount(target, 0, "YQ Yg", &there, NULL), OPS_OK);
    assert_int_equal(there.count, 1);
    ops_target_close(target);
}

static void make_special(const char *path, mode_t type)
{
    if (type != S_IFSOCK) {
        assert_int_equal(mknod(path, type | 0644, type == S_IFIFO ? 0 : makedev(1, 3)), 0);
        return;
    }
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    close(fd);
}

static void special_files_are_removed_and_never_opened(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        mode_t type;
    } specials[] = {{"block", S_IFBLK}, {"char", S_IFCHR}, {"pipe", S_IFIFO}, {"socket", S_IFSOCK}};
    const struct ops_target_spec *const specs[] = {&local_things, &local_group};
    for (size_t k = 0; k < 2; k++) {
        size_t count = 0;
        for (size_t i = 0; i < sizeof specials / sizeof specials[0]; i++) {
            if (!local_is_root() && (specials[i].type == S_IFBLK || specials[i].type == S_IFCHR))
                continue;
            make_special(k ? local_in_group(specials[i].name) : local_in_bucket(specials[i].name), specials[i].type);
            count++;
        }
        assert_int_equal(local_dry(specs[k], local_all, 10)->matched, count);
        const struct local_tally *real = local_vacuum(specs[k], local_all, 10, 0);
        assert_int_equal(real->deleted, count);
        assert_int_equal(real->bytes, 0);
        for (size_t i = 0; i < sizeof specials / sizeof specials[0]; i++)
            assert_false(local_was_opened(specials[i].name));
    }
}

/* ---- The catalogue ---- */

static void a_group_that_can_not_be_listed_does_not_hide_the_others(void **state)
{
    (void)state;
    enum ops_status status;
    struct ops_error error = OPS_ERROR_INIT;
    for (size_t i = 0; i < 5; i++) {
        static const char *const groups[] = {"a", "b/deep", "locked/inner", "u\xff\n", "z"};
        char path[64];
        (void)snprintf(path, sizeof path, "stack/log_groups/%s/s", groups[i]);
        local_put(local_in_data(path));
    }
    assert_int_equal(chmod(local_in_data("stack/log_groups/locked"), 0), 0);
    local_drop_rights();
    assert_string_equal(local_listed(OPS_LOG_GROUP, &status, &error), "/a;/b/deep;/stack/api;/u\xff\n;/z;");
    assert_int_equal(status, OPS_TARGET_ERROR);
    assert_string_equal(error.text, "In stack/log_groups, /locked can't be listed: Permission denied.");
    local_regain_rights();
    assert_int_equal(chmod(local_in_data("stack/log_groups/u\xff\n"), 0), 0);
    local_drop_rights();
    assert_string_equal(local_listed(OPS_LOG_GROUP, &status, &error), "/a;/b/deep;/stack/api;/z;");
    assert_int_equal(status, OPS_TARGET_ERROR);
    assert_non_null(strstr(error.text, "2 places can't be listed, first /"));
    assert_null(strchr(error.text, '\n'));
    local_regain_rights();
    assert_int_equal(chmod(local_in_data("stack/log_groups/locked"), 0755), 0);
    assert_int_equal(chmod(local_in_data("stack/log_groups/u\xff\n"), 0755), 0);
    assert_string_equal(local_listed(OPS_LOG_GROUP, &status, &error), "/a;/b/deep;/locked/inner;/stack/api;/u\xff\n;/z;");
    assert_int_equal(status, OPS_OK);
    ops_error_release(&error);
}

static void a_lack_of_descriptors_is_no_fault_of_a_group(void **state)
{
    (void)state;
    enum ops_status status;
    local_put(local_in_group("s"));
    local_fault = (struct local_fault){.name = "api", .number = EMFILE};
    (void)local_listed(OPS_LOG_GROUP, &status, NULL);
    assert_int_equal(status, OPS_STORE_UNAVAILABLE);
}

static void groups_that_are_nested_too_deep_do_not_hide_the_others(void **state)
{
    (void)state;
    enum ops_status status;
    struct ops_error error = OPS_ERROR_INIT;
    make_deep("d", 120);
    assert_int_equal(rename(local_in_bucket("d"), local_in_data("stack/log_groups/d")), 0);
    local_put(local_in_data("stack/log_groups/e/s"));
    assert_string_equal(local_listed(OPS_LOG_GROUP, &status, &error), "/e;/stack/api;");
    assert_int_equal(status, OPS_TARGET_ERROR);
    assert_non_null(strstr(error.text, "it is nested too deep"));
    ops_error_release(&error);
}

static void a_kind_whose_directory_can_not_be_listed_is_named(void **state)
{
    (void)state;
    enum ops_status status;
    struct ops_error error = OPS_ERROR_INIT;
    local_put(local_in_bucket("a"));
    assert_int_equal(chmod(local_in_data("stack/buckets"), 0), 0);
    local_drop_rights();
    (void)local_listed(OPS_BUCKET, &status, &error);
    assert_int_equal(status, OPS_TARGET_ERROR);
    assert_non_null(strstr(error.text, "stack/buckets"));
    local_regain_rights();
    assert_int_equal(chmod(local_in_data("stack/buckets"), 0755), 0);
    ops_error_release(&error);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, local_rig_setup, local_rig_teardown)
    const struct CMUnitTest tests[] = {
        CASE(a_directory_that_can_not_be_opened_is_named_and_the_rest_goes),
        CASE(what_a_crash_leaves_is_gone_on_with_behind_an_unreadable_directory),
        CASE(only_what_may_hold_keys_in_scope_is_missed),
        CASE(names_of_any_bytes_are_keys_and_are_shown_printable),
        CASE(what_is_nested_too_deep_is_named_and_the_rest_goes),
        CASE(the_hundredth_directory_is_still_entered),
        CASE(a_path_that_is_too_long_is_named_and_the_rest_goes),
        CASE(the_disk_of_one_directory_and_the_disk_of_all_are_told_apart),
        CASE(a_lack_of_descriptors_or_memory_may_pass_and_is_nobodys_fault),
        CASE(a_bucket_that_can_not_be_listed_itself_is_an_error),
        CASE(a_directory_that_became_unreadable_is_not_counted_as_emptied),
        CASE(a_receipt_without_the_number_of_unreadable_places_still_counts),
        CASE(special_files_are_removed_and_never_opened),
        CASE(a_group_that_can_not_be_listed_does_not_hide_the_others),
        CASE(a_lack_of_descriptors_is_no_fault_of_a_group),
        CASE(groups_that_are_nested_too_deep_do_not_hide_the_others),
        CASE(a_kind_whose_directory_can_not_be_listed_is_named),
    };
#undef CASE
    return cmocka_run_group_tests_name("places that can't be looked into", tests, NULL, NULL);
}
