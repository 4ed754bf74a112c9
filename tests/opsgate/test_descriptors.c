/* Whose descriptors a gate's thread has, by its source. The linker puts what stands here in the place of close_range
 * (--wrap). */
#include "opsgate.h"
#include "support/cmocka_all.h"
#include "support/http_server.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { OPENED = 40, LOOK_MS = 5, LOOKS = 6000, ALARM_S = 120, SOURCE_SIZE = SCRATCH_SIZE + 16 };

static struct http_server server;
static char source[SOURCE_SIZE];
static bool is_refused; /* set only while there is no gate */

/* The lowest numbers, which nothing else of the process has. */
static int reserved[OPENED];

int __real_close_range(unsigned first, unsigned last, int flags);
int __wrap_close_range(unsigned first, unsigned last, int flags);

int __wrap_close_range(unsigned first, unsigned last, int flags)
{
    if (!is_refused)
        return __real_close_range(first, last, flags);
    errno = ENOSYS;
    return -1;
}

static void open_some(int fds[static OPENED])
{
    for (unsigned i = 0; i < OPENED; i++) {
        fds[i] = eventfd(i + 1, EFD_CLOEXEC);
        assert_true(fds[i] >= 0);
    }
}

static void close_some(const int fds[static OPENED])
{
    for (int i = 0; i < OPENED; i++)
        assert_int_equal(close(fds[i]), 0);
}

static void set_keys(bool by_command)
{
    const char *path = scratch_path(server.directory, "config");
    scratch_write(path, "[default]\ncredential_process = echo expired >&2; exit 1\n");
    (void)setenv("AWS_CONFIG_FILE", by_command ? path : "/dev/null", 1);
    if (by_command) {
        (void)unsetenv("AWS_ACCESS_KEY_ID");
        (void)unsetenv("AWS_SECRET_ACCESS_KEY");
    } else {
        (void)setenv("AWS_ACCESS_KEY_ID", "id", 1);
        (void)setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
    }
}

static int set_up(void **state)
{
    char endpoint[64];
    (void)state;
    (void)alarm(ALARM_S);
    is_refused = false;
    open_some(reserved);
    http_server_start(&server);
    set_keys(false);
    (void)snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%d", server.port);
    assert_int_equal(setenv("AWS_ENDPOINT_URL", endpoint, 1), 0);
    assert_int_equal(setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", endpoint, 1), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    http_server_stop(&server);
    close_some(reserved);
    return 0;
}

static int answer_no(void *context, unsigned timeout_ms, char *window, size_t size)
{
    (void)context, (void)timeout_ms, (void)window, (void)size;
    return 0;
}

/* What the server says is no source's answer; its connections are kept all the same. */
static const char *name_http(void)
{
    (void)snprintf(source, sizeof source, "http://127.0.0.1:%d/echo", server.port);
    return source;
}

static const char *name_dynamodb(void)
{
    (void)setenv("AWS_REGION", "eu-central-1", 1);
    return "dynamodb:ops_main";
}

/* The instance's metadata is asked for the region while the source is opened; the server has none. */
static const char *name_dynamodb_somewhere(void)
{
    (void)unsetenv("AWS_REGION");
    return "dynamodb:ops_main";
}

static const char *name_store(void)
{
    (void)snprintf(source, sizeof source, "store:%s", server.directory);
    return source;
}

static const char *name_none(void)
{
    return NULL;
}

static const struct source_row {
    const char *(*name)(void);
    bool shares;
} source_rows[] = {
    {name_http, false}, {name_dynamodb, false}, {name_dynamodb_somewhere, false}, {name_store, true}, {name_none, true},
};

enum { SOURCE_COUNT = sizeof source_rows / sizeof source_rows[0] };

/* One that has asked. */
static opsgate *open_gate(const struct source_row *row)
{
    opsgate_config config = OPSGATE_CONFIG_INIT;
    opsgate_counters counters = {.asked = 0};
    char why[OPSGATE_ERROR_SIZE];
    opsgate *gate = NULL;
    config.source = row->name();
    config.ask = config.source ? NULL : answer_no;
    if (opsgate_open(&config, &gate, why) != OPSGATE_OK)
        fail_msg("%s", why);
    for (int i = 0; i < LOOKS && counters.asked == 0; i++) {
        (void)nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000L}, NULL);
        opsgate_count(gate, &counters);
    }
    assert_true(counters.asked > 0);
    return gate;
}

/* ---- What the thread has ---- */

/* What a thread has under that number; "": nothing. */
static void read_link(const char *task, int fd, char ret_link[static PATH_MAX])
{
    char path[64 + NAME_MAX];
    (void)snprintf(path, sizeof path, "/proc/self/task/%s/fd/%d", task, fd);
    ssize_t length = readlink(path, ret_link, PATH_MAX - 1);
    ret_link[length > 0 ? length : 0] = '\0';
}

/* Of this process's threads, those that do not have its descriptor, which is of a pipe: no other link is like its. */
static int count_without(int fd)
{
    char own[PATH_MAX], others[PATH_MAX], self[32];
    int count = 0;
    (void)snprintf(self, sizeof self, "%ld", (long)getpid());
    read_link(self, fd, own);
    assert_string_not_equal(own, "");
    DIR *tasks = opendir("/proc/self/task");
    assert_non_null(tasks);
    for (struct dirent *task; (task = readdir(tasks));) {
        if (task->d_name[0] == '.')
            continue;
        read_link(task->d_name, fd, others);
        count += strcmp(own, others) != 0;
    }
    (void)closedir(tasks);
    return count;
}

static void close_pipe(const int ends[static 2])
{
    assert_int_equal(close(ends[0]), 0);
    assert_int_equal(close(ends[1]), 0);
}

static void the_thread_has_the_processs_descriptors_only_where_its_source_needs_them(void **state)
{
    (void)state;
    for (int i = 0; i < SOURCE_COUNT; i++) {
        int before[2], after[2];
        assert_int_equal(pipe2(before, O_CLOEXEC), 0);
        opsgate *gate = open_gate(&source_rows[i]);
        assert_int_equal(pipe2(after, O_CLOEXEC), 0);
        assert_int_equal(count_without(before[0]), !source_rows[i].shares);
        assert_int_equal(count_without(after[0]), !source_rows[i].shares);
        opsgate_close(gate);
        close_pipe(before), close_pipe(after);
    }
}

static void expect_sharing(void)
{
    for (int i = 0; i < SOURCE_COUNT; i++) {
        int ends[2];
        opsgate *gate = open_gate(&source_rows[i]);
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        assert_int_equal(count_without(ends[0]), 0);
        opsgate_close(gate);
        close_pipe(ends);
    }
}

static void where_the_system_refuses_it_shares(void **state)
{
    (void)state;
    is_refused = true;
    expect_sharing();
}

/* libcurl opens that file once for all its connections, in whichever thread comes first. */
static void where_libcurl_has_a_file_for_the_whole_process_it_shares(void **state)
{
    (void)state;
    assert_int_equal(setenv("SSLKEYLOGFILE", "/dev/null", 1), 0);
    expect_sharing();
    assert_int_equal(unsetenv("SSLKEYLOGFILE"), 0);
}

/* ---- What the process has ---- */

/* By what was written into each: a number may have been given to another file. */
static bool are_as_opened(const int fds[static OPENED])
{
    uint64_t value;
    for (unsigned i = 0; i < OPENED; i++)
        if (read(fds[i], &value, sizeof value) != sizeof value || value != i + 1 ||
            write(fds[i], &value, sizeof value) != sizeof value)
            return false;
    return true;
}

/* The numbers begin with those under which a thread with a table of its own has its connections, right behind the standard
 * streams. */
static void a_gate_closes_nothing_of_the_process_or_its_child(void **state)
{
    int fds[OPENED], result;
    (void)state;
    for (int i = 0; i < 2 * SOURCE_COUNT; i++) {
        is_refused = i >= SOURCE_COUNT;
        opsgate *gate = open_gate(&source_rows[i % SOURCE_COUNT]);
        close_some(reserved);
        open_some(fds);
        assert_memory_equal(fds, reserved, sizeof fds);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            (void)alarm(ALARM_S);
            (void)opsgate_check(gate); /* starts a thread, which asks */
            opsgate_close(gate);
            _exit(are_as_opened(fds) ? 0 : 1);
        }
        assert_int_equal(waitpid(child, &result, 0), child);
        if (!WIFEXITED(result) || WEXITSTATUS(result) != 0)
            fail_msg("the child ended with %#x", (unsigned)result);
        opsgate_close(gate);
        assert_true(are_as_opened(fds));
        close_some(fds);
        open_some(reserved);
    }
}

static int count_open(void)
{
    DIR *links = opendir("/proc/self/fd");
    int count = 0;
    assert_non_null(links);
    while (readdir(links))
        count++;
    (void)closedir(links);
    return count;
}

/* The thread's own are gone with it: that its connections are closed is seen at their other end. */
static void nothing_is_left_open_behind_a_gate(void **state)
{
    enum { GATES = 8 };
    (void)state;
    for (int i = 0; i < 2 * SOURCE_COUNT; i++) {
        is_refused = i >= SOURCE_COUNT;
        opsgate_close(open_gate(&source_rows[i % SOURCE_COUNT]));
        int looks = 0, before = count_open();
        for (int j = 0; j < GATES; j++)
            opsgate_close(open_gate(&source_rows[i % SOURCE_COUNT]));
        /* The server closes its ends of them as it finds them closed. */
        while (count_open() > before && looks++ < LOOKS)
            (void)nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000L}, NULL);
        assert_true(count_open() <= before);
    }
}

/* ---- What both have ---- */

static void what_a_command_for_keys_complains_of_is_heard(void **state)
{
    static const struct source_row row = {name_dynamodb, false};
    int ends[2], kept = dup(STDERR_FILENO);
    char heard[64] = "";
    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    set_keys(true);
    (void)dup2(ends[1], STDERR_FILENO);
    opsgate *gate = open_gate(&row);
    (void)dup2(kept, STDERR_FILENO);
    opsgate_close(gate);
    set_keys(false);
    assert_true(read(ends[0], heard, sizeof heard - 1) > 0);
    assert_memory_equal(heard, "expired\n", 8); /* and again, for each try */
    assert_int_equal(close(kept), 0);
    close_pipe(ends);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_thread_has_the_processs_descriptors_only_where_its_source_needs_them),
        CASE(where_the_system_refuses_it_shares),
        CASE(where_libcurl_has_a_file_for_the_whole_process_it_shares),
        CASE(a_gate_closes_nothing_of_the_process_or_its_child),
        CASE(nothing_is_left_open_behind_a_gate),
        CASE(what_a_command_for_keys_complains_of_is_heard),
    };
    /* Keys and settings from nowhere but here. */
    (void)setenv("AWS_CONFIG_FILE", "/dev/null", 1);
    (void)setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null", 1);
    (void)close_range(STDERR_FILENO + 1, ~0U, 0); /* what was inherited */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
