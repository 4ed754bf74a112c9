/* What the system would not let be removed is told beforehand, key by key, and it is just what a vacuum then reports as not
 * removed, for the same reasons. */
#include "support/cmocka_all.h"
#include "support/local_rig.h"
#include "support/scratch.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define NO_RIGHT "no right to remove it from its directory"

/* Both a dry run and a vacuum; in the tally of the vacuum, failed and the refusals, and what the dry run said of it. */
static const struct local_tally *run_both(size_t limit, struct local_tally *ret_dry)
{
    *ret_dry = *local_dry(&local_things, local_all, limit);
    const struct local_tally *real = local_vacuum(&local_things, local_all, limit, 0);
    assert_int_equal(real->status, OPS_OK);
    assert_int_equal(real->matched, ret_dry->matched);
    assert_int_equal(real->failed, ret_dry->remarks.counts[OPS_REMARK_UNDELETABLE]);
    assert_int_equal(real->failed, real->remarks.counts[OPS_REMARK_REFUSED]);
    assert_int_equal(real->deleted, real->matched - real->failed);
    return real;
}

static void check_reason(const char *key, const char *reason, size_t failed)
{
    struct local_tally dry;
    const struct local_tally *real = run_both(2, &dry);
    assert_int_equal(real->failed, failed);
    assert_true(local_remarked(&dry.remarks, OPS_REMARK_UNDELETABLE, key, reason));
    assert_true(local_remarked(&real->remarks, OPS_REMARK_REFUSED, key, reason));
}

static void put_all(void)
{
    static const char *const keys[] = {"a/1", "d/1", "d/2", "d/e/3", "z"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        local_put(local_in_bucket(keys[i]));
}

static void where_everything_may_go_nothing_is_said(void **state)
{
    (void)state;
    struct local_tally dry;
    put_all();
    assert_int_equal(chmod(local_in_bucket("d/1"), 0), 0); /* a file's own rights do not matter */
    local_drop_rights();
    assert_int_equal(run_both(3, &dry)->failed, 0);
    assert_int_equal(dry.matched, 5);
}

static void the_files_of_a_directory_without_the_right_to_write_are_counted(void **state)
{
    (void)state;
    put_all();
    assert_int_equal(chmod(local_in_bucket("d"), 0555), 0);
    local_drop_rights();
    check_reason("d/1", NO_RIGHT, 3); /* d/1, d/2, and d/e, which is left behind empty */
    assert_true(local_exists(local_in_bucket("d/2")));
    assert_false(local_exists(local_in_bucket("d/e/3")));
}

static void the_files_of_a_directory_without_the_right_to_search_are_counted(void **state)
{
    (void)state;
    struct local_tally dry;
    put_all();
    assert_int_equal(chmod(local_in_bucket("d"), 0666), 0);
    local_drop_rights();
    const struct local_tally *real = run_both(2, &dry);
    assert_string_equal(dry.keys, "a/1;d/1;d/2;z;");
    assert_int_equal(dry.bytes, 14); /* nobody knows the sizes of the others */
    assert_int_equal(real->failed, 2);
    assert_true(local_remarked(&dry.remarks, OPS_REMARK_UNDELETABLE, "d/2", NO_RIGHT));
    assert_true(local_remarked(&dry.remarks, OPS_REMARK_UNREADABLE, "d/e/", "it can't be opened"));
    local_regain_rights();
    assert_int_equal(chmod(local_in_bucket("d"), 0755), 0);
}

/* Root may: the rights are the effective user's, whoever started the process. */
static void the_effective_users_rights_count(void **state)
{
    (void)state;
    struct local_tally dry;
    local_needs_root();
    put_all();
    assert_int_equal(chmod(local_in_bucket("d"), 0), 0);
    assert_int_equal(run_both(2, &dry)->failed, 0);
    assert_int_equal(dry.matched, 5);
}

static void in_a_sticky_directory_another_users_file_stays(void **state)
{
    (void)state;
    local_needs_root();
    put_all();
    assert_int_equal(chmod(local_in_bucket("d"), 01777), 0);
    assert_int_equal(chown(local_in_bucket("d"), 4711, 4711), 0);
    assert_int_equal(chown(local_in_bucket("d/1"), 4711, 4711), 0);
    local_drop_rights();
    check_reason("d/1", "its directory is sticky", 1);
    assert_true(local_exists(local_in_bucket("d/1")));
    assert_false(local_exists(local_in_bucket("d/2")));
    local_regain_rights();
    assert_int_equal(local_vacuum(&local_things, local_all, 2, 0)->failed, 0); /* root may */
}

/* These two, or without. */
static void set_attributes(const char *path, int attributes)
{
    int all = 0, fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    int result = ioctl(fd, FS_IOC_GETFLAGS, &all);
    all = (all & ~(FS_IMMUTABLE_FL | FS_APPEND_FL)) | attributes;
    result = result == 0 ? ioctl(fd, FS_IOC_SETFLAGS, &all) : result;
    close(fd);
    if (result != 0)
        skip(); /* not every file system has attributes, and not everybody may set them */
}

static void an_attribute_keeps_a_file_also_from_root(void **state)
{
    (void)state;
    static const struct {
        int attribute;
        const char *key, *reason;
        size_t failed;
    } cases[] = {
        {FS_IMMUTABLE_FL, "d/1", "it is immutable (chattr +i)", 1},
        {FS_APPEND_FL, "d/1", "it is append-only (chattr +a)", 1},
        {FS_IMMUTABLE_FL, "d", "its directory is immutable (chattr +i)", 3},
        {FS_APPEND_FL, "d", "its directory is append-only (chattr +a)", 3},
        {FS_IMMUTABLE_FL, "d/e", "its directory is immutable (chattr +i)", 1},
    };
    static const char *const remarked[] = {"d/1", "d/1", "d/1", "d/1", "d/e/3"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        put_all();
        set_attributes(local_in_bucket(cases[i].key), cases[i].attribute);
        struct local_tally dry = *local_dry(&local_things, local_all, 2);
        const struct local_tally *real = local_vacuum(&local_things, local_all, 2, 0);
        set_attributes(local_in_bucket(cases[i].key), 0);
        assert_int_equal(dry.remarks.counts[OPS_REMARK_UNDELETABLE], cases[i].failed);
        assert_int_equal(real->failed, cases[i].failed);
        assert_int_equal(real->matched, dry.matched);
        assert_true(local_remarked(&dry.remarks, OPS_REMARK_UNDELETABLE, remarked[i], cases[i].reason));
        assert_true(local_remarked(&real->remarks, OPS_REMARK_REFUSED, remarked[i], cases[i].reason));
        assert_int_equal(local_vacuum(&local_things, local_all, 2, 0)->failed, 0);
    }
}

static void nothing_goes_from_what_is_mounted_read_only(void **state)
{
    (void)state;
    struct local_tally dry;
    local_needs_mounts();
    put_all();
    local_mkdir(local_in_bucket("empty"));
    local_bind(local_in_bucket(""), local_in_bucket(""));
    assert_int_equal(mount(NULL, local_in_bucket(""), NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL), 0);
    const struct local_tally *real = run_both(2, &dry);
    assert_int_equal(real->failed, 6); /* five files and the empty directory, and no directory besides */
    assert_true(
        local_remarked(&dry.remarks, OPS_REMARK_UNDELETABLE, "empty/", "it is on a file system that is mounted read-only"));
    assert_true(
        local_remarked(&real->remarks, OPS_REMARK_REFUSED, "d/e/3", "it is on a file system that is mounted read-only"));
    local_unmount(local_in_bucket(""));
}

static void the_first_reason_is_the_errors(void **state)
{
    (void)state;
    put_all();
    assert_int_equal(chmod(local_in_bucket("d"), 0555), 0);
    local_drop_rights();
    const struct local_tally *real = local_vacuum(&local_things, local_all, 10, 0);
    assert_string_equal(real->error.text, "In bucket things, d/1: " NO_RIGHT ".");
}

static void streams_are_told_beforehand_like_objects(void **state)
{
    (void)state;
    local_put(local_in_group("s1"));
    local_put(local_in_group("s2"));
    assert_int_equal(chmod(local_in_group(""), 0555), 0);
    local_drop_rights();
    struct local_tally dry = *local_dry(&local_group, local_all, 10);
    const struct local_tally *real = local_vacuum(&local_group, local_all, 10, 0);
    assert_int_equal(dry.remarks.counts[OPS_REMARK_UNDELETABLE], 2);
    assert_int_equal(real->failed, 2);
    assert_true(local_remarked(&real->remarks, OPS_REMARK_REFUSED, "s1", NO_RIGHT));
    assert_string_equal(real->error.text, "In log group /stack/api, s1: " NO_RIGHT ".");
}

/* ---- What is found out without reading all of it ---- */

static void nothing_is_found_where_nothing_is_wrong(void **state)
{
    (void)state;
    put_all();
    local_mkdir(local_in_bucket("empty"));
    local_put(local_in_group("s"));
    local_drop_rights();
    assert_int_equal(local_inspected(&local_things, local_all)->count, 0);
    assert_int_equal(local_inspected(&local_things, local_prefix("nothing/like/it"))->count, 0);
    assert_int_equal(local_inspected(&local_things, local_prefix("../x/"))->count, 0);
    assert_int_equal(local_inspected(&local_things, local_exact("d/1"))->count, 0);
    assert_int_equal(local_inspected(&local_group, local_all)->count, 0);
}

static void what_can_not_be_removed_or_seen_is_found_out(void **state)
{
    (void)state;
    put_all();
    local_put(local_in_bucket("u/hidden"));
    assert_int_equal(chmod(local_in_bucket("u"), 0), 0);
    assert_int_equal(chmod(local_in_bucket("d/e"), 0555), 0);
    local_drop_rights();
    const struct ops_findings *findings = local_inspected(&local_things, local_all);
    assert_int_equal(findings->count, 2);
    assert_true(local_found_out(findings, true, "u/ can't be looked into: Permission denied."));
    assert_true(local_found_out(findings, true, "d/e/3, and what else is beside it, can't be removed: " NO_RIGHT "."));
    findings = local_inspected(&local_things, local_prefix("d/"));
    assert_int_equal(findings->count, 1);
    assert_int_equal(local_inspected(&local_things, local_prefix("a/"))->count, 0);
    assert_int_equal(local_inspected(&local_things, local_exact("d/1"))->count, 0);
    assert_int_equal(local_inspected(&local_things, local_exact("d/e/3"))->count, 1);
}

static void a_whole_directory_is_one_finding_and_the_list_is_short(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        char key[32];
        (void)snprintf(key, sizeof key, "d%02d/1", i);
        local_put(local_in_bucket(key));
        (void)snprintf(key, sizeof key, "d%02d/2", i);
        local_put(local_in_bucket(key));
        (void)snprintf(key, sizeof key, "d%02d", i);
        assert_int_equal(chmod(local_in_bucket(key), 0555), 0);
    }
    local_drop_rights();
    assert_int_equal(local_inspected(&local_things, local_all)->count, OPS_FINDINGS_MAX);
    assert_int_equal(local_inspected(&local_things, local_prefix("d07/"))->count, 1);
}

static void a_finding_is_whole_and_printable_whatever_the_name(void **state)
{
    (void)state;
    char name[NAME_MAX + 1] = "";
    for (int i = 0; i < 100; i++)
        (void)strcat(name, "\xc3\xa9");
    local_put(local_in_bucket(name));
    local_put(local_in_bucket("\xff\n\x1b"));
    assert_int_equal(chmod(local_in_bucket(""), 0555), 0);
    local_drop_rights();
    const struct ops_findings *findings = local_inspected(&local_things, local_all);
    assert_int_equal(findings->count, 1);
    json_t *text = json_string(findings->list[0].text); /* is UTF-8 */
    assert_non_null(text);
    json_decref(text);
    assert_string_equal(strrchr(findings->list[0].text, ':'), ": " NO_RIGHT ".");
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, local_rig_setup, local_rig_teardown)
    const struct CMUnitTest tests[] = {
        CASE(where_everything_may_go_nothing_is_said),
        CASE(the_files_of_a_directory_without_the_right_to_write_are_counted),
        CASE(the_files_of_a_directory_without_the_right_to_search_are_counted),
        CASE(the_effective_users_rights_count),
        CASE(in_a_sticky_directory_another_users_file_stays),
        CASE(an_attribute_keeps_a_file_also_from_root),
        CASE(nothing_goes_from_what_is_mounted_read_only),
        CASE(the_first_reason_is_the_errors),
        CASE(streams_are_told_beforehand_like_objects),
        CASE(nothing_is_found_where_nothing_is_wrong),
        CASE(what_can_not_be_removed_or_seen_is_found_out),
        CASE(a_whole_directory_is_one_finding_and_the_list_is_short),
        CASE(a_finding_is_whole_and_printable_whatever_the_name),
    };
#undef CASE
    (void)local_may_mount(); /* before anything is opened */
    return cmocka_run_group_tests_name("rights in directories", tests, NULL, NULL);
}
