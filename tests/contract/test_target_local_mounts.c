/* What is mounted inside a bucket or a log group belongs to somebody else, and is not entered: whatever is mounted there,
 * and whenever it was. */
#include "support/cmocka_all.h"
#include "support/local_rig.h"
#include "support/scratch.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <errno.h>
#include <stddef.h>
#include <unistd.h>

#define MOUNTED "something is mounted here"

static void a_directory_of_the_same_file_system_that_is_mounted_in_a_bucket_is_passed_over(void **state)
{
    (void)state;
    local_needs_mounts();
    local_put(local_in_data("elsewhere/precious"));
    local_put(local_in_bucket("acme/1"));
    local_put(local_in_bucket("acme/site/hidden"));
    local_put(local_in_bucket("acme/z/2"));
    local_bind(local_in_data("elsewhere"), local_in_bucket("acme/site"));
    assert_true(local_found_out(local_inspected(&local_things, local_all), true,
                                "acme/site/ can't be looked into: something is mounted here, and mounts are not entered."));
    const struct local_tally *dry = local_dry(&local_things, local_prefix("acme/"), 1);
    assert_string_equal(dry->keys, "acme/1;acme/z/2;");
    assert_int_equal(dry->remarks.counts[OPS_REMARK_UNREADABLE], 1);
    assert_true(local_remarked(&dry->remarks, OPS_REMARK_UNREADABLE, "acme/site/", MOUNTED));
    const struct local_tally *real = local_vacuum(&local_things, local_all, 1, 0);
    assert_int_equal(real->deleted, 2);
    assert_int_equal(real->failed, 0);
    assert_int_equal(real->remarks.counts[OPS_REMARK_UNREADABLE], 1);
    assert_true(local_exists(local_in_data("elsewhere/precious")));
    local_unmount(local_in_bucket("acme/site"));
    assert_true(local_exists(local_in_bucket("acme/site/hidden")));
}

static void a_bucket_below_a_mount_is_as_little_entered_as_the_mount(void **state)
{
    (void)state;
    local_needs_mounts();
    local_put(local_in_data("elsewhere/deep/er/precious"));
    local_put(local_in_bucket("m/1"));
    local_bind(local_in_data("elsewhere"), local_in_bucket("m"));
    const struct local_tally *real = local_vacuum(&local_things, local_prefix("m/deep/er/"), 10, 0);
    assert_int_equal(real->matched, 0);
    assert_true(local_remarked(&real->remarks, OPS_REMARK_UNREADABLE, "m/", MOUNTED));
    assert_true(local_exists(local_in_data("elsewhere/deep/er/precious")));
    local_unmount(local_in_bucket("m"));
}

static void a_directory_that_is_mounted_on_itself_and_another_file_system_are_mounts_too(void **state)
{
    (void)state;
    local_needs_mounts();
    local_put(local_in_bucket("self/kept"));
    local_mkdir(local_in_bucket("tmpfs"));
    local_put(local_in_bucket("z"));
    local_bind(local_in_bucket("self"), local_in_bucket("self"));
    assert_int_equal(mount("none", local_in_bucket("tmpfs"), "tmpfs", 0, NULL), 0);
    scratch_write(local_in_bucket("tmpfs/kept"), "x");
    const struct local_tally *real = local_vacuum(&local_things, local_all, 10, 0);
    assert_int_equal(real->deleted, 1);
    assert_int_equal(real->remarks.counts[OPS_REMARK_UNREADABLE], 2);
    assert_true(local_exists(local_in_bucket("self/kept")));
    assert_true(local_exists(local_in_bucket("tmpfs/kept")));
    local_unmount(local_in_bucket("self"));
    local_unmount(local_in_bucket("tmpfs"));
}

static void a_single_file_that_is_mounted_is_passed_over_in_a_bucket_and_in_a_log_group(void **state)
{
    (void)state;
    local_needs_mounts();
    const struct ops_target_spec *const specs[] = {&local_things, &local_group};
    for (size_t i = 0; i < 2; i++) {
        char where[512];
        (void)snprintf(where, sizeof where, "%s", i ? local_in_group("b") : local_in_bucket("b"));
        local_put(local_in_data("precious"));
        local_put(i ? local_in_group("a") : local_in_bucket("a"));
        local_put(where);
        local_put(i ? local_in_group("c") : local_in_bucket("c"));
        local_bind(local_in_data("precious"), where);
        const struct local_tally *dry = local_dry(specs[i], local_all, 10);
        assert_string_equal(dry->keys, "a;c;");
        assert_true(local_remarked(&dry->remarks, OPS_REMARK_UNREADABLE, "b", MOUNTED));
        const struct local_tally *real = local_vacuum(specs[i], local_all, 10, 0);
        assert_int_equal(real->deleted, 2);
        assert_int_equal(real->remarks.counts[OPS_REMARK_UNREADABLE], 1);
        assert_true(local_exists(local_in_data("precious")));
        local_unmount(where);
        assert_true(local_exists(where));
    }
}

static void a_bucket_that_is_a_mount_point_itself_is_emptied(void **state)
{
    (void)state;
    local_needs_mounts();
    local_put(local_in_data("volume/a/1"));
    local_put(local_in_data("volume/2"));
    local_bind(local_in_data("volume"), local_in_bucket(""));
    const struct local_tally *real = local_vacuum(&local_things, local_all, 1, 0);
    assert_int_equal(real->deleted, 2);
    assert_int_equal(real->remarks.counts[OPS_REMARK_UNREADABLE], 0);
    assert_false(local_exists(local_in_data("volume/a")));
    local_unmount(local_in_bucket(""));
}

static struct ops_key_page page;

/* A page of all keys is read, and then something changes. */
static struct ops_target *read_first(const struct ops_target_spec *spec)
{
    struct ops_target *target = local_open(spec, local_all);
    ops_key_page_init(&page, 1 << 20);
    assert_int_equal(ops_target_page(target, 0, "", 1000, &page, NULL), OPS_OK);
    return target;
}

static void remove_read(struct ops_target *target, enum ops_removal *ret_outcomes, struct ops_remarks *ret_remarks)
{
    target->remarks = ret_remarks;
    assert_int_equal(ops_target_remove(target, page.keys, page.count, ret_outcomes, NULL), OPS_OK);
}

static void a_directory_that_becomes_a_mount_after_it_was_read_is_not_entered(void **state)
{
    (void)state;
    local_needs_mounts();
    local_put(local_in_bucket("a/1"));
    local_put(local_in_bucket("d/e/2"));
    local_put(local_in_bucket("z"));
    local_put(local_in_data("elsewhere/e/2"));
    struct ops_target *target = read_first(&local_things);
    assert_int_equal(page.count, 3);
    local_bind(local_in_data("elsewhere"), local_in_bucket("d"));
    enum ops_removal outcomes[3];
    struct ops_remarks remarks = {.count = 0};
    struct ops_recount there = {99, 0};
    remove_read(target, outcomes, &remarks);
    assert_true(local_exists(local_in_data("elsewhere/e/2")));
    assert_int_equal(outcomes[0], OPS_REMOVED);
    assert_int_equal(outcomes[1], OPS_FAILED);
    assert_int_equal(outcomes[2], OPS_REMOVED);
    assert_int_equal(remarks.counts[OPS_REMARK_REFUSED], 1);
    assert_true(local_remarked(&remarks, OPS_REMARK_REFUSED, "d/e/2", MOUNTED));
    /* What is under the mount is there, and can't be seen. Who was refused it knows so; nobody else may count it as gone. */
    assert_int_equal(ops_target_recount(target, 0, ops_buf_text(&page.receipt), &there, NULL), OPS_OK);
    assert_int_equal(there.count, 1);
    assert_int_equal(there.size_bytes, 7);
    ops_target_close(target);
    target = local_open(&local_things, local_all);
    struct ops_error error = OPS_ERROR_INIT;
    assert_int_equal(ops_target_recount(target, 0, ops_buf_text(&page.receipt), &there, &error), OPS_TARGET_ERROR);
    assert_non_null(strstr(error.text, "d/"));
    ops_error_release(&error);
    local_unmount(local_in_bucket("d"));
    assert_int_equal(ops_target_recount(target, 0, ops_buf_text(&page.receipt), &there, NULL), OPS_OK);
    assert_int_equal(there.count, 1);
    ops_key_page_release(&page);
    ops_target_close(target);
}

static void a_file_that_becomes_a_mount_after_it_was_read_is_refused_and_stays(void **state)
{
    (void)state;
    local_needs_mounts();
    local_put(local_in_bucket("d/f"));
    local_put(local_in_data("precious"));
    struct ops_target *target = read_first(&local_things);
    local_bind(local_in_data("precious"), local_in_bucket("d/f"));
    enum ops_removal outcome;
    struct ops_remarks remarks = {.count = 0};
    remove_read(target, &outcome, &remarks);
    assert_int_equal(outcome, OPS_FAILED);
    assert_true(local_remarked(&remarks, OPS_REMARK_REFUSED, "d/f", MOUNTED));
    assert_true(local_exists(local_in_data("precious")));
    local_unmount(local_in_bucket("d/f"));
    ops_key_page_release(&page);
    ops_target_close(target);
}

/* Pruning goes up by names: one of them may be a mount by then, with an empty directory of the same name in it. */
static void pruning_does_not_enter_a_mount(void **state)
{
    (void)state;
    local_needs_mounts();
    local_put(local_in_bucket("p/q/1"));
    local_mkdir(local_in_data("elsewhere/q"));
    struct ops_target *target = read_first(&local_things);
    local_bind(local_in_data("elsewhere"), local_in_bucket("p"));
    enum ops_removal outcome;
    remove_read(target, &outcome, NULL);
    assert_int_equal(outcome, OPS_FAILED);
    assert_true(local_exists(local_in_data("elsewhere/q")));
    local_unmount(local_in_bucket("p"));
    ops_key_page_release(&page);
    ops_target_close(target);
}

static void an_overlay_in_which_files_come_from_two_layers_is_emptied(void **state)
{
    (void)state;
    local_needs_mounts();
    static const char *const parts[] = {"lower", "upper", "work", "merged"};
    char options[1024];
    /* On another file system: then what comes from below has a device number of its own. */
    local_mkdir(local_in_data("lower"));
    assert_int_equal(mount("none", local_in_data("lower"), "tmpfs", 0, NULL), 0);
    local_put(local_in_data("lower/a/below"));
    local_put(local_in_data("lower/below"));
    local_put(local_in_data("upper/above"));
    for (size_t i = 0; i < 4; i++)
        local_mkdir(local_in_data(parts[i]));
    (void)snprintf(options, sizeof options, "lowerdir=%s,upperdir=%s,workdir=%s", local_in_data("lower"),
                   local_in_data("upper"), local_in_data("work"));
    if (mount("overlay", local_in_bucket(""), "overlay", 0, options) != 0)
        skip(); /* not every kernel has it, and not every place can be a layer */
    scratch_write(local_in_bucket("a/above"), "7 bytes");
    const struct local_tally *dry = local_dry(&local_things, local_all, 2);
    assert_string_equal(dry->keys, "a/above;a/below;above;below;");
    const struct local_tally *real = local_vacuum(&local_things, local_all, 2, 0);
    assert_int_equal(real->deleted, 4);
    assert_int_equal(real->failed, 0);
    assert_int_equal(real->remarks.counts[OPS_REMARK_UNREADABLE], 0);
    assert_false(local_exists(local_in_bucket("a")));
    local_unmount(local_in_bucket(""));
    assert_true(local_exists(local_in_data("lower/a/below")));
    local_unmount(local_in_data("lower"));
}

static void groups_that_are_mounted_are_not_listed_and_that_is_told(void **state)
{
    (void)state;
    local_needs_mounts();
    enum ops_status status;
    struct ops_error error = OPS_ERROR_INIT;
    local_put(local_in_data("elsewhere/inner/s"));
    local_put(local_in_data("stack/log_groups/a/s"));
    local_put(local_in_data("stack/log_groups/z/s"));
    local_mkdir(local_in_data("stack/log_groups/m"));
    local_bind(local_in_data("elsewhere"), local_in_data("stack/log_groups/m"));
    assert_string_equal(local_listed(OPS_LOG_GROUP, &status, &error), "/a;/stack/api;/z;");
    assert_int_equal(status, OPS_TARGET_ERROR);
    assert_string_equal(error.text, "In stack/log_groups, /m can't be listed: something is mounted here, and mounts are not "
                                    "entered.");
    ops_error_release(&error);
    local_unmount(local_in_data("stack/log_groups/m"));
}

/* ---- Without statx ---- */

/* From now on, in this process, statx answers number, as with a filter that does not know the call. */
static void forbid_statx(int number)
{
    struct sock_filter steps[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_statx, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)number),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog filter = {.len = sizeof steps / sizeof steps[0], .filter = steps};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
        _exit(77);
}

/* A filter stays for good, so what is done under it is done by a child. Its exit code. */
static int in_a_child(int (*act)(int number), int number)
{
    int status = 0;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        forbid_statx(number);
        _exit(act(number));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static int vacuum_with_mounts(int number)
{
    (void)number;
    const struct local_tally *dry = local_dry(&local_things, local_all, 1);
    if (strcmp(dry->keys, "a/1;fifo;z;") != 0 || dry->bytes != 14)
        return 1;
    if (!local_remarked(&dry->remarks, OPS_REMARK_UNREADABLE, "f", MOUNTED) ||
        !local_remarked(&dry->remarks, OPS_REMARK_UNREADABLE, "m/", MOUNTED))
        return 2;
    const struct local_tally *real = local_vacuum(&local_things, local_all, 1, 0);
    return real->deleted == 3 && real->remarks.counts[OPS_REMARK_UNREADABLE] == 2 ? 0 : 3;
}

static void mounts_are_not_entered_where_a_filter_or_an_old_kernel_has_no_statx(void **state)
{
    (void)state;
    local_needs_mounts();
    static const int answers[] = {ENOSYS, EPERM};
    for (size_t i = 0; i < 2; i++) {
        local_put(local_in_data("elsewhere/precious"));
        local_put(local_in_bucket("a/1"));
        local_put(local_in_bucket("z"));
        local_put(local_in_bucket("f"));
        local_mkdir(local_in_bucket("m"));
        assert_int_equal(mkfifo(local_in_bucket("fifo"), 0600), 0);
        local_bind(local_in_data("elsewhere"), local_in_bucket("m"));
        local_bind(local_in_data("elsewhere/precious"), local_in_bucket("f"));
        assert_int_equal(in_a_child(vacuum_with_mounts, answers[i]), 0);
        assert_true(local_exists(local_in_data("elsewhere/precious")));
        local_unmount(local_in_bucket("m"));
        local_unmount(local_in_bucket("f"));
    }
}

static int open_refused(int number)
{
    (void)number;
    struct ops_target *target = NULL;
    struct ops_error error = OPS_ERROR_INIT;
    enum ops_status status = ops_catalogue_open(local_rig_catalogue(), &local_things, &local_all, &target, &error);
    return status == OPS_TARGET_ERROR && strstr(error.text, "what is mounted") ? 0 : 1;
}

static void a_bucket_is_refused_where_nothing_tells_what_is_mounted(void **state)
{
    (void)state;
    local_needs_mounts();
    local_put(local_in_bucket("a"));
    assert_int_equal(mount("none", "/proc", "tmpfs", 0, NULL), 0);
    int code = in_a_child(open_refused, ENOSYS);
    local_unmount("/proc");
    assert_int_equal(code, 0);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, local_rig_setup, local_rig_teardown)
    const struct CMUnitTest tests[] = {
        CASE(a_directory_of_the_same_file_system_that_is_mounted_in_a_bucket_is_passed_over),
        CASE(a_bucket_below_a_mount_is_as_little_entered_as_the_mount),
        CASE(a_directory_that_is_mounted_on_itself_and_another_file_system_are_mounts_too),
        CASE(a_single_file_that_is_mounted_is_passed_over_in_a_bucket_and_in_a_log_group),
        CASE(a_bucket_that_is_a_mount_point_itself_is_emptied),
        CASE(a_directory_that_becomes_a_mount_after_it_was_read_is_not_entered),
        CASE(a_file_that_becomes_a_mount_after_it_was_read_is_refused_and_stays),
        CASE(pruning_does_not_enter_a_mount),
        CASE(an_overlay_in_which_files_come_from_two_layers_is_emptied),
        CASE(groups_that_are_mounted_are_not_listed_and_that_is_told),
        CASE(mounts_are_not_entered_where_a_filter_or_an_old_kernel_has_no_statx),
        CASE(a_bucket_is_refused_where_nothing_tells_what_is_mounted),
    };
#undef CASE
    (void)local_may_mount(); /* before anything is opened */
    return cmocka_run_group_tests_name("mounts in directories", tests, NULL, NULL);
}
