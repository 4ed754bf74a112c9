/* A log stream that somebody writes to while a vacuum comes by is emptied, and keeps its place: what is written to it next
 * is in a file that has a name, and what was in it takes no more space. */
#include "support/cmocka_all.h"
#include "support/local_rig.h"
#include "support/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_stream(const char *name, int flags)
{
    int fd = open(local_in_group(name), flags | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    return fd;
}

static void write_line(int fd)
{
    assert_int_equal(write(fd, "a line\n", 7), 7);
}

static off_t size_of(const char *name)
{
    struct stat info;
    assert_int_equal(stat(local_in_group(name), &info), 0);
    return info.st_size;
}

static const struct local_tally *vacuum(void)
{
    const struct local_tally *tally = local_vacuum(&local_group, local_all, 10, 0);
    assert_int_equal(tally->status, OPS_OK);
    return tally;
}

static void a_stream_that_somebody_writes_to_is_emptied_and_keeps_its_place(void **state)
{
    (void)state;
    local_put(local_in_group("free"));
    local_put(local_in_group("held"));
    int fd = open_stream("held", O_WRONLY | O_APPEND);
    const struct ops_findings *findings = local_inspected(&local_group, local_all);
    assert_int_equal(findings->count, 1);
    assert_true(local_found_out(
        findings, false, "Somebody is writing to 1 of its streams, first to held: they are emptied, and their files stay."));
    assert_int_equal(local_dry(&local_group, local_all, 10)->matched, 2);
    const struct local_tally *real = vacuum();
    assert_int_equal(real->matched, 2);
    assert_int_equal(real->deleted, 2);
    assert_int_equal(real->bytes, 14);
    assert_false(local_exists(local_in_group("free")));
    assert_int_equal(size_of("held"), 0);
    assert_int_equal(local_dry(&local_group, local_all, 10)->matched, 0);
    write_line(fd); /* by its name it is found again */
    assert_int_equal(size_of("held"), 7);
    assert_int_equal(local_dry(&local_group, local_all, 10)->matched, 1);
    close(fd);
}

static void an_empty_stream_is_a_record_when_nobody_holds_it(void **state)
{
    (void)state;
    int fd = open_stream("s", O_WRONLY | O_CREAT | O_APPEND);
    assert_int_equal(local_dry(&local_group, local_all, 10)->matched, 0);
    close(fd);
    assert_int_equal(local_dry(&local_group, local_all, 10)->matched, 1);
    assert_int_equal(vacuum()->deleted, 1);
    assert_false(local_exists(local_in_group("s")));
}

static void who_only_reads_a_stream_does_not_hold_it(void **state)
{
    (void)state;
    local_put(local_in_group("s"));
    int fd = open_stream("s", O_RDONLY);
    assert_int_equal(vacuum()->deleted, 1);
    assert_false(local_exists(local_in_group("s")));
    close(fd);
}

static void a_stream_that_is_mapped_is_held_though_it_was_closed(void **state)
{
    (void)state;
    local_put(local_in_group("s"));
    int fd = open_stream("s", O_RDWR);
    char *mapped = mmap(NULL, 7, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(mapped != MAP_FAILED);
    close(fd);
    assert_int_equal(vacuum()->deleted, 1);
    assert_int_equal(size_of("s"), 0);
    assert_int_equal(munmap(mapped, 7), 0);
}

/* What is under another name is not ours to empty, and there the writer's lines are not lost. */
static void a_stream_with_another_name_is_removed_and_not_emptied(void **state)
{
    (void)state;
    local_put(local_in_group("s"));
    assert_int_equal(link(local_in_group("s"), local_in_data("copy")), 0);
    int fd = open_stream("s", O_WRONLY | O_APPEND);
    assert_int_equal(vacuum()->deleted, 1);
    assert_false(local_exists(local_in_group("s")));
    struct stat info;
    assert_int_equal(stat(local_in_data("copy"), &info), 0);
    assert_int_equal(info.st_size, 7);
    close(fd);
}

static void objects_of_a_bucket_are_removed_whoever_writes_to_them(void **state)
{
    (void)state;
    local_put(local_in_bucket("o"));
    int fd = open(local_in_bucket("o"), O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(local_vacuum(&local_things, local_all, 10, 0)->deleted, 1);
    assert_false(local_exists(local_in_bucket("o")));
    close(fd);
}

static void a_crash_around_an_emptied_stream_is_counted_truly(void **state)
{
    (void)state;
    for (size_t limit = 1; limit < 5; limit++)
        for (size_t dies_at = 1; dies_at < 8; dies_at++) {
            static const char *const names[] = {"a", "b", "c"};
            for (size_t i = 0; i < 3; i++)
                local_put(local_in_group(names[i]));
            int fd = open_stream("b", O_WRONLY | O_APPEND);
            const struct local_tally *real = local_vacuum(&local_group, local_all, limit, dies_at);
            assert_int_equal(real->status, OPS_OK);
            assert_int_equal(real->matched, 3);
            assert_int_equal(real->deleted, 3);
            assert_int_equal(real->bytes, 21);
            close(fd);
        }
}

static void a_stream_that_is_written_to_again_is_found_again(void **state)
{
    (void)state;
    int fd = open_stream("busy", O_WRONLY | O_CREAT | O_APPEND);
    for (int i = 0; i < 3; i++) {
        write_line(fd);
        assert_int_equal(vacuum()->deleted, 1);
        assert_int_equal(size_of("busy"), 0);
    }
    close(fd);
}

/* ---- Rights ---- */

static void what_may_be_emptied_but_not_removed_is_not_refused_while_it_is_held(void **state)
{
    (void)state;
    local_put(local_in_group("free"));
    local_put(local_in_group("held"));
    assert_int_equal(chmod(local_in_group(""), 0555), 0);
    local_drop_rights();
    int fd = open_stream("held", O_WRONLY | O_APPEND);
    struct local_tally dry = *local_dry(&local_group, local_all, 10);
    const struct local_tally *real = vacuum();
    assert_int_equal(dry.remarks.counts[OPS_REMARK_UNDELETABLE], 1);
    assert_true(local_remarked(&dry.remarks, OPS_REMARK_UNDELETABLE, "free", "no right to remove it"));
    assert_int_equal(real->failed, 1);
    assert_int_equal(real->deleted, 1);
    assert_int_equal(size_of("held"), 0);
    close(fd);
}

static void what_may_be_removed_but_not_emptied_is_refused_while_it_is_held(void **state)
{
    (void)state;
    local_drop_rights();
    int fd = open_stream("held", O_WRONLY | O_CREAT | O_APPEND);
    write_line(fd);
    assert_int_equal(chmod(local_in_group("held"), 0444), 0);
    struct local_tally dry = *local_dry(&local_group, local_all, 10);
    const struct local_tally *real = vacuum();
    assert_int_equal(dry.remarks.counts[OPS_REMARK_UNDELETABLE], 1);
    assert_int_equal(real->failed, 1);
    assert_true(local_remarked(&dry.remarks, OPS_REMARK_UNDELETABLE, "held", "somebody writes to it"));
    assert_true(local_remarked(&real->remarks, OPS_REMARK_REFUSED, "held", "somebody writes to it"));
    assert_int_equal(size_of("held"), 7);
    close(fd);
    assert_int_equal(vacuum()->deleted, 1);
}

/* The kernel tells only the owner: the file is removed as any other. */
static void where_it_can_not_be_told_a_stream_is_removed(void **state)
{
    (void)state;
    local_needs_root();
    local_put(local_in_group("theirs"));
    assert_int_equal(chown(local_in_group("theirs"), 4711, 4711), 0);
    int fd = open_stream("theirs", O_WRONLY | O_APPEND);
    local_drop_rights();
    const struct ops_findings *findings = local_inspected(&local_group, local_all);
    assert_int_equal(findings->count, 1);
    assert_true(local_found_out(findings, false,
                                "Whether somebody is writing to 1 of its streams, first to theirs, can't be told: they are "
                                "removed, and what is written to them afterwards is lost."));
    assert_int_equal(vacuum()->deleted, 1);
    assert_false(local_exists(local_in_group("theirs")));
    close(fd);
}

/* ---- Those who want to write just then ---- */

static int lease_errno;

static void open_for_writing(void)
{
    int fd = open(local_in_group("s"), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    lease_errno = fd < 0 ? errno : 0;
    if (fd >= 0)
        close(fd);
}

/* The kernel's signal to whoever holds a lease that somebody waits for would end the process. */
static void a_writer_that_comes_while_it_is_asked_does_no_harm(void **state)
{
    (void)state;
    local_put(local_in_group("s"));
    assert_int_equal(truncate(local_in_group("s"), 0), 0);
    local_on_lease = open_for_writing;
    assert_int_equal(local_dry(&local_group, local_all, 10)->matched, 1);
    assert_int_equal(lease_errno, EWOULDBLOCK); /* it did come */
    local_on_lease = NULL;
    open_for_writing();
    assert_int_equal(lease_errno, 0); /* nothing is left of the lease */
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, local_rig_setup, local_rig_teardown)
    const struct CMUnitTest tests[] = {
        CASE(a_stream_that_somebody_writes_to_is_emptied_and_keeps_its_place),
        CASE(an_empty_stream_is_a_record_when_nobody_holds_it),
        CASE(who_only_reads_a_stream_does_not_hold_it),
        CASE(a_stream_that_is_mapped_is_held_though_it_was_closed),
        CASE(a_stream_with_another_name_is_removed_and_not_emptied),
        CASE(objects_of_a_bucket_are_removed_whoever_writes_to_them),
        CASE(a_crash_around_an_emptied_stream_is_counted_truly),
        CASE(a_stream_that_is_written_to_again_is_found_again),
        CASE(what_may_be_emptied_but_not_removed_is_not_refused_while_it_is_held),
        CASE(what_may_be_removed_but_not_emptied_is_refused_while_it_is_held),
        CASE(where_it_can_not_be_told_a_stream_is_removed),
        CASE(a_writer_that_comes_while_it_is_asked_does_no_harm),
    };
#undef CASE
    return cmocka_run_group_tests_name("streams that are written to", tests, NULL, NULL);
}
