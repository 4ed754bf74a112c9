/* The log of a process: what reaches a reader, and that nobody waits for one. */
#include "adapters/memory/log.h"
#include "adapters/sys/clock.h"
#include "adapters/sys/log.h"
#include "base/mem.h"
#include "support/cmocka_all.h"
#include "support/scratch.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_MAX = 8 * 1024 * 1024, PATIENCE_MS = 60 * 1000 };

static int pipe_fds[2];

static int set_up(void **state)
{
    (void)state;
    return pipe(pipe_fds);
}

static int tear_down(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++)
        if (pipe_fds[i] >= 0)
            (void)close(pipe_fds[i]);
    return 0;
}

static struct ops_log *open_log(int fd, enum ops_log_level level, bool has_priorities)
{
    struct ops_log *log = NULL;
    const struct ops_file_log_config config = {
        .fd = fd, .format = OPS_LOG_LOGFMT, .level = level, .has_priorities = has_priorities, .clock = ops_system_clock()};
    assert_int_equal(ops_file_log_new(&config, &log), OPS_OK);
    return log;
}

static void say(struct ops_log *log, int number)
{
    struct ops_log_line line;
    ops_log_line_init(&line, OPS_LOG_INFO, "test", NULL);
    ops_log_line_number(&line, "number", number);
    ops_log_write(log, &line);
}

/* What is there once the other end is closed. The caller frees it. */
static char *read_all(int fd)
{
    char *text = calloc(1, READ_MAX);
    size_t length = 0;
    ssize_t got;
    assert_non_null(text);
    while ((got = read(fd, text + length, READ_MAX - 1 - length)) > 0)
        length += (size_t)got;
    return text;
}

static char *close_and_read(struct ops_log *log)
{
    ops_file_log_free(log);
    (void)close(pipe_fds[1]);
    pipe_fds[1] = -1;
    return read_all(pipe_fds[0]);
}

static void the_first_line_comes_first_and_the_others_in_their_order(void **state)
{
    (void)state;
    struct ops_log *log = open_log(pipe_fds[1], OPS_LOG_INFO, false);
    say(log, 1); /* before it begins */
    assert_int_equal(ops_file_log_begin(log, "ready http=x invoke=y\n"), OPS_OK);
    say(log, 2);
    say(log, 3);
    char *text = close_and_read(log);
    assert_ptr_equal(strstr(text, "ready http=x invoke=y\ntime="), text);
    const char *at = text;
    for (int i = 1; i <= 3; i++) {
        char part[32];
        (void)snprintf(part, sizeof part, " number=%d\n", i);
        at = strstr(at, part);
        assert_non_null(at);
    }
    free(text);
}

static void lines_below_the_level_are_not_written(void **state)
{
    (void)state;
    struct ops_log *log = open_log(pipe_fds[1], OPS_LOG_WARN, false);
    assert_int_equal(ops_file_log_begin(log, NULL), OPS_OK);
    ops_log_say(log, OPS_LOG_DEBUG, "d", "x");
    ops_log_say(log, OPS_LOG_INFO, "i", "x");
    ops_log_say(log, OPS_LOG_WARN, "w", "x");
    ops_log_say(log, OPS_LOG_ERROR, "e", "x");
    assert_true(ops_log_takes(log, OPS_LOG_ERROR));
    assert_false(ops_log_takes(log, OPS_LOG_INFO));
    assert_false(ops_log_takes(NULL, OPS_LOG_ERROR));
    ops_log_say(NULL, OPS_LOG_ERROR, "e", "x");
    char *text = close_and_read(log);
    assert_null(strstr(text, "event=i"));
    assert_null(strstr(text, "event=d"));
    assert_non_null(strstr(text, "event=w"));
    assert_non_null(strstr(text, "event=e"));
    free(text);
}

static void for_the_journal_a_line_begins_with_its_priority(void **state)
{
    (void)state;
    struct ops_log *log = open_log(pipe_fds[1], OPS_LOG_DEBUG, true);
    assert_int_equal(ops_file_log_begin(log, "ready\n"), OPS_OK);
    ops_log_say(log, OPS_LOG_ERROR, "e", "x");
    ops_log_say(log, OPS_LOG_WARN, "w", "x");
    ops_log_say(log, OPS_LOG_INFO, "i", "x");
    ops_log_say(log, OPS_LOG_DEBUG, "d", "x");
    char *text = close_and_read(log);
    static const char *const begins[] = {"ready\n", "<3>time=", "<4>time=", "<6>time=", "<7>time="};
    const char *at = text;
    for (size_t i = 0; i < sizeof begins / sizeof begins[0]; i++) {
        assert_ptr_equal(strstr(at, begins[i]), at);
        at = strchr(at, '\n') + 1;
    }
    assert_string_equal(at, "");
    free(text);
}

static void the_journal_is_known_by_its_device_and_inode(void **state)
{
    struct stat found;
    char name[64];
    (void)state;
    assert_int_equal(fstat(pipe_fds[1], &found), 0);
    (void)snprintf(name, sizeof name, "%ju:%ju", (uintmax_t)found.st_dev, (uintmax_t)found.st_ino);
    assert_true(ops_is_journal(pipe_fds[1], name));
    assert_false(ops_is_journal(STDIN_FILENO, name));
    assert_false(ops_is_journal(pipe_fds[1], NULL));
    (void)snprintf(name, sizeof name, "%ju:%ju", (uintmax_t)found.st_dev, (uintmax_t)found.st_ino + 1);
    assert_false(ops_is_journal(pipe_fds[1], name));
    static const char *const nonsense[] = {"", ":", "x:y", "1", "1:", "1:2:3", "1:2 "};
    for (size_t i = 0; i < sizeof nonsense / sizeof nonsense[0]; i++)
        assert_false(ops_is_journal(pipe_fds[1], nonsense[i]));
}

/* Far more than a pipe takes: if one call waited for a reader, the test would not end. */
static void nobody_waits_for_a_reader_and_what_is_dropped_is_counted(void **state)
{
    enum { LINES = 60 * 1000 };
    (void)state;
    struct ops_log *log = open_log(pipe_fds[1], OPS_LOG_INFO, false);
    assert_int_equal(ops_file_log_begin(log, NULL), OPS_OK);
    for (int i = 0; i < LINES; i++)
        say(log, i);
    /* Now it is read, until a line tells what is missing. */
    char *text = calloc(1, READ_MAX);
    size_t length = 0;
    const char *dropped = NULL;
    while (!dropped && poll(&(struct pollfd){.fd = pipe_fds[0], .events = POLLIN}, 1, PATIENCE_MS) > 0) {
        ssize_t got = read(pipe_fds[0], text + length, READ_MAX - 1 - length);
        assert_true(got > 0);
        length += (size_t)got;
        const char *at = strstr(text, "event=log.dropped lines=");
        dropped = at && strchr(at, '\n') ? at : NULL;
    }
    assert_non_null(dropped);
    long count = strtol(dropped + strlen("event=log.dropped lines="), NULL, 10);
    ops_file_log_free(log);
    (void)close(pipe_fds[1]);
    pipe_fds[1] = -1;
    char *rest = read_all(pipe_fds[0]);
    int there = 0;
    for (const char *at = text; (at = strstr(at, "event=test ")); at++)
        there++;
    for (const char *at = rest; (at = strstr(at, "event=test ")); at++)
        there++;
    assert_int_equal(there + count, LINES);
    free(text);
    free(rest);
}

static void a_reader_that_went_away_does_no_harm(void **state)
{
    (void)state;
    assert_true(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
    struct ops_log *log = open_log(pipe_fds[1], OPS_LOG_INFO, false);
    assert_int_equal(ops_file_log_begin(log, "ready\n"), OPS_OK);
    (void)close(pipe_fds[0]);
    pipe_fds[0] = -1;
    for (int i = 0; i < 10000; i++)
        say(log, i);
    ops_file_log_free(log);
    log = open_log(-1, OPS_LOG_INFO, false); /* standard error may be closed */
    assert_int_equal(ops_file_log_begin(log, "ready\n"), OPS_OK);
    say(log, 1);
    ops_file_log_free(log);
}

/* As a shell that shares the terminal may set it. */
static void a_descriptor_that_does_not_wait_gets_everything_all_the_same(void **state)
{
    enum { LINES = 5000 };
    (void)state;
    assert_int_equal(fcntl(pipe_fds[1], F_SETFL, O_NONBLOCK), 0);
    struct ops_log *log = open_log(pipe_fds[1], OPS_LOG_INFO, false);
    assert_int_equal(ops_file_log_begin(log, NULL), OPS_OK);
    for (int i = 0; i < LINES; i++)
        say(log, i);
    char *text = calloc(1, READ_MAX);
    size_t length = 0;
    while (!strstr(text, "number=4999\n") &&
           poll(&(struct pollfd){.fd = pipe_fds[0], .events = POLLIN}, 1, PATIENCE_MS) > 0) {
        ssize_t got = read(pipe_fds[0], text + length, READ_MAX - 1 - length);
        assert_true(got > 0);
        length += (size_t)got;
    }
    int there = 0;
    for (const char *at = text; (at = strstr(at, "event=test ")); at++)
        there++;
    assert_int_equal(there, LINES);
    ops_file_log_free(log);
    free(text);
}

enum { WRITERS = 4, LINES_EACH = 500 };

static void *write_lines(void *log)
{
    for (int i = 0; i < LINES_EACH; i++)
        say(log, i);
    return NULL;
}

static void *read_on(void *ret_text)
{
    *(char **)ret_text = read_all(pipe_fds[0]);
    return NULL;
}

static void lines_of_many_threads_stay_whole(void **state)
{
    pthread_t writers[WRITERS], reader;
    char *text = NULL;
    (void)state;
    struct ops_log *log = open_log(pipe_fds[1], OPS_LOG_INFO, false);
    assert_int_equal(ops_file_log_begin(log, NULL), OPS_OK);
    assert_int_equal(pthread_create(&reader, NULL, read_on, &text), 0);
    for (int i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&writers[i], NULL, write_lines, log), 0);
    for (int i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_join(writers[i], NULL), 0);
    ops_file_log_free(log);
    (void)close(pipe_fds[1]);
    pipe_fds[1] = -1;
    assert_int_equal(pthread_join(reader, NULL), 0);
    int lines = 0;
    for (char *at = text, *end; (end = strchr(at, '\n')); at = end + 1, lines++) {
        assert_ptr_equal(strstr(at, "time="), at);
        assert_true(strstr(at, "event=test number=") < end);
    }
    assert_int_equal(lines, WRITERS * LINES_EACH);
    free(text);
}

static void in_memory_every_level_is_kept(void **state)
{
    struct ops_log *log = NULL;
    char *text = NULL;
    (void)state;
    assert_int_equal(ops_memory_log_new(&log), OPS_OK);
    ops_log_say(log, OPS_LOG_DEBUG, "d", "%s", "one\ntwo");
    say(log, 3);
    assert_int_equal(ops_memory_log_read(log, &text), OPS_OK);
    assert_string_equal(text, "level=debug event=d msg=\"one\\ntwo\"\nlevel=info event=test number=3\n");
    ops_mem_free(text);
    ops_memory_log_clear(log);
    assert_int_equal(ops_memory_log_read(log, &text), OPS_OK);
    assert_string_equal(text, "");
    ops_mem_free(text);
    ops_memory_log_free(log);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_first_line_comes_first_and_the_others_in_their_order),
        CASE(lines_below_the_level_are_not_written),
        CASE(for_the_journal_a_line_begins_with_its_priority),
        CASE(the_journal_is_known_by_its_device_and_inode),
        CASE(nobody_waits_for_a_reader_and_what_is_dropped_is_counted),
        CASE(a_reader_that_went_away_does_no_harm),
        CASE(a_descriptor_that_does_not_wait_gets_everything_all_the_same),
        CASE(lines_of_many_threads_stay_whole),
        CASE(in_memory_every_level_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
