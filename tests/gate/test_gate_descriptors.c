/* A thread that parts from its process's descriptors. The linker puts what stands here in the place of open, close_range and
 * pidfd_getfd (--wrap). */
#include "gate/gate.h"

#include "support/cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/pidfd.h>
#include <unistd.h>

enum { STREAMS = 3, FIRST_NUMBER = 3 };

static bool has_dev = true, is_refused, is_lending_refused; /* set only while there is no other thread */

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __real_close_range(unsigned first, unsigned last, int flags);
int __wrap_close_range(unsigned first, unsigned last, int flags);
int __real_pidfd_getfd(int process, int fd, unsigned flags);
int __wrap_pidfd_getfd(int process, int fd, unsigned flags);

int __wrap_open(const char *path, int flags, ...)
{
    if (!has_dev && strncmp(path, "/dev/", 5) == 0) {
        errno = ENOENT;
        return -1;
    }
    return __real_open(path, flags);
}

int __wrap_close_range(unsigned first, unsigned last, int flags)
{
    if (!is_refused)
        return __real_close_range(first, last, flags);
    errno = EPERM;
    return -1;
}

int __wrap_pidfd_getfd(int process, int fd, unsigned flags)
{
    if (!is_lending_refused)
        return __real_pidfd_getfd(process, fd, flags);
    errno = EPERM;
    return -1;
}

static int set_up(void **state)
{
    (void)state;
    has_dev = true;
    is_refused = is_lending_refused = false;
    return 0;
}

/* What a thread finds that has parted, and then opens something. */
struct finding {
    int marker;           /* of the process's */
    bool has_parted;
    bool has_marker;      /* the thread has it */
    int opened;           /* the number that the thread's got */
    char streams[STREAMS][PATH_MAX];
    ssize_t printed;      /* what became of output to the standard stream for errors */
    int print_error;
    pthread_barrier_t *barrier; /* the thread waits here with what it has open; NULL: it does not */
};

static void *part_and_look(void *context)
{
    struct finding *finding = context;
    char path[64];
    finding->has_parted = ops_gate_descriptors_part();
    finding->has_marker = fcntl(finding->marker, F_GETFD) >= 0;
    for (int i = 0; i < STREAMS; i++) {
        (void)snprintf(path, sizeof path, "/proc/thread-self/fd/%d", i);
        ssize_t length = readlink(path, finding->streams[i], PATH_MAX - 1);
        finding->streams[i][length > 0 ? length : 0] = '\0';
    }
    finding->printed = finding->has_marker ? 0 : write(STDERR_FILENO, "?", 1);
    finding->print_error = finding->printed < 0 ? errno : 0;
    finding->opened = eventfd(0, EFD_CLOEXEC);
    if (finding->barrier) {
        (void)pthread_barrier_wait(finding->barrier);
        (void)pthread_barrier_wait(finding->barrier);
    }
    (void)close(finding->opened);
    return NULL;
}

static struct finding find(int marker)
{
    struct finding finding = {.marker = marker};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, part_and_look, &finding), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    return finding;
}

static void a_thread_that_has_parted_shares_nothing(void **state)
{
    pthread_barrier_t barrier;
    pthread_t thread;
    int marker = eventfd(0, EFD_CLOEXEC);
    struct finding finding = {.marker = marker, .barrier = &barrier};
    (void)state;
    assert_int_equal(marker, FIRST_NUMBER);
    assert_int_equal(pthread_barrier_init(&barrier, NULL, 2), 0);
    assert_int_equal(pthread_create(&thread, NULL, part_and_look, &finding), 0);
    (void)pthread_barrier_wait(&barrier);
    assert_true(finding.has_parted);
    assert_false(finding.has_marker);
    assert_int_equal(finding.opened, marker); /* the same number, and another file */
    assert_int_equal(close(marker), 0);
    int other = eventfd(0, EFD_CLOEXEC);
    assert_int_equal(other, marker); /* and the thread closes its own */
    (void)pthread_barrier_wait(&barrier);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(fcntl(other, F_GETFD) >= 0);
    assert_int_equal(close(other), 0);
    (void)pthread_barrier_destroy(&barrier);
}

static void its_standard_streams_lead_nowhere(void **state)
{
    int marker = eventfd(0, EFD_CLOEXEC);
    (void)state;
    struct finding finding = find(marker);
    assert_false(finding.has_marker);
    for (int i = 0; i < STREAMS; i++)
        assert_string_equal(finding.streams[i], "/dev/null");
    assert_int_equal(finding.printed, 1);
    assert_int_equal(close(marker), 0);
}

/* As in a chroot. */
static void without_dev_null_no_connection_becomes_a_standard_stream_either(void **state)
{
    int marker = eventfd(0, EFD_CLOEXEC);
    (void)state;
    has_dev = false;
    struct finding finding = find(marker);
    assert_false(finding.has_marker);
    for (int i = 0; i < STREAMS; i++)
        assert_string_equal(finding.streams[i], "/");
    assert_int_equal(finding.print_error, EBADF);
    assert_int_equal(finding.opened, FIRST_NUMBER);
    assert_int_equal(close(marker), 0);
}

static void a_process_without_standard_streams_gets_none(void **state)
{
    int kept[STREAMS], marker = eventfd(0, EFD_CLOEXEC);
    (void)state;
    for (int i = 0; i < STREAMS; i++) {
        kept[i] = fcntl(i, F_DUPFD_CLOEXEC, FIRST_NUMBER);
        (void)close(i);
    }
    struct finding finding = find(marker);
    bool is_none = true;
    for (int i = 0; i < STREAMS; i++)
        is_none = is_none && fcntl(i, F_GETFD) < 0;
    for (int i = 0; i < STREAMS; i++) {
        (void)dup2(kept[i], i);
        (void)close(kept[i]);
    }
    assert_true(is_none);
    assert_false(finding.has_marker);
    assert_string_equal(finding.streams[STDERR_FILENO], "/dev/null");
    assert_int_equal(finding.opened, FIRST_NUMBER);
    assert_int_equal(close(marker), 0);
}

static void a_thread_that_may_not_part_has_all_it_had(void **state)
{
    int marker = eventfd(0, EFD_CLOEXEC);
    char own[PATH_MAX] = "";
    (void)state;
    is_refused = true;
    struct finding finding = find(marker);
    assert_false(finding.has_parted);
    assert_true(finding.has_marker);
    assert_true(readlink("/proc/self/fd/2", own, PATH_MAX - 1) > 0);
    assert_string_equal(finding.streams[STDERR_FILENO], own);
    assert_int_equal(close(marker), 0);
}

/* ---- Standard error, for a while ---- */

/* Says one thing while it has it, and another when it has given it back. */
static void *say_two_things(void *context)
{
    pthread_barrier_t *barrier = context;
    bool has_parted = ops_gate_descriptors_part();
    (void)pthread_barrier_wait(barrier); /* the process's leads to the test now */
    ops_gate_descriptors_borrow_stderr();
    ssize_t printed = write(STDERR_FILENO, "a", 1);
    ops_gate_descriptors_return_stderr();
    printed += write(STDERR_FILENO, "b", 1);
    (void)pthread_barrier_wait(barrier); /* the test has closed it */
    (void)pthread_barrier_wait(barrier); /* and has read */
    return has_parted && printed == 2 ? context : NULL;
}

/* What arrives, until everybody has closed it: the thread holds it no longer. */
static size_t hear(char ret_heard[static 8])
{
    int ends[2], kept = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, FIRST_NUMBER);
    pthread_barrier_t barrier;
    pthread_t thread;
    void *result;
    ssize_t got;
    size_t length = 0;
    assert_true(kept >= 0);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(pthread_barrier_init(&barrier, NULL, 2), 0);
    assert_int_equal(pthread_create(&thread, NULL, say_two_things, &barrier), 0);
    (void)dup2(ends[1], STDERR_FILENO);
    (void)pthread_barrier_wait(&barrier);
    (void)pthread_barrier_wait(&barrier);
    (void)dup2(kept, STDERR_FILENO);
    (void)close(kept), (void)close(ends[1]);
    while (length < 8 && (got = read(ends[0], ret_heard + length, 8 - length)) > 0)
        length += (size_t)got;
    (void)pthread_barrier_wait(&barrier);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_ptr_equal(result, &barrier);
    (void)close(ends[0]);
    (void)pthread_barrier_destroy(&barrier);
    return length;
}

static void what_it_says_while_it_asks_goes_to_the_processs_standard_error(void **state)
{
    char heard[8];
    (void)state;
    assert_int_equal(hear(heard), 1);
    assert_int_equal(heard[0], 'a');
}

static void where_the_system_does_not_lend_it_nothing_is_said(void **state)
{
    char heard[8];
    (void)state;
    is_lending_refused = true;
    assert_int_equal(hear(heard), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_thread_that_has_parted_shares_nothing, set_up),
        cmocka_unit_test_setup(its_standard_streams_lead_nowhere, set_up),
        cmocka_unit_test_setup(without_dev_null_no_connection_becomes_a_standard_stream_either, set_up),
        cmocka_unit_test_setup(a_process_without_standard_streams_gets_none, set_up),
        cmocka_unit_test_setup(a_thread_that_may_not_part_has_all_it_had, set_up),
        cmocka_unit_test_setup(what_it_says_while_it_asks_goes_to_the_processs_standard_error, set_up),
        cmocka_unit_test_setup(where_the_system_does_not_lend_it_nothing_is_said, set_up),
    };
    (void)close_range(FIRST_NUMBER, ~0U, 0); /* what was inherited */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
