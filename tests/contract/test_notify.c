/* What a service manager gets to hear, on a real socket. */
#include "adapters/sys/notify.h"

#include "support/cmocka_all.h"
#include "support/scratch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct manager {
    char directory[SCRATCH_SIZE];
    char name[SCRATCH_SIZE + 32]; /* as NOTIFY_SOCKET has it */
    int fd;
};

static void listen_at(struct manager *manager, const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(name);
    const struct timeval patience = {.tv_sec = 10};
    assert_true(length < sizeof address.sun_path);
    (void)snprintf(manager->name, sizeof manager->name, "%s", name);
    memcpy(address.sun_path, name, length);
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    manager->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(manager->fd >= 0);
    assert_int_equal(setsockopt(manager->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    assert_int_equal(bind(manager->fd, (struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (name[0] != '@'))),
                     0);
}

static int start(void **state)
{
    struct manager *manager = calloc(1, sizeof *manager);
    assert_non_null(manager);
    scratch_make(manager->directory);
    listen_at(manager, scratch_path(manager->directory, "notify"));
    *state = manager;
    return 0;
}

static int start_abstract(void **state)
{
    struct manager *manager = calloc(1, sizeof *manager);
    assert_non_null(manager);
    char name[64];
    scratch_make(manager->directory);
    (void)snprintf(name, sizeof name, "@g3nops-test-%ld-%lld", (long)getpid(), (long long)time(NULL));
    listen_at(manager, name);
    *state = manager;
    return 0;
}

static int stop(void **state)
{
    struct manager *manager = *state;
    (void)close(manager->fd);
    scratch_remove(manager->directory);
    free(manager);
    return 0;
}

static void expect(const struct manager *manager, const char *text)
{
    char heard[2 * OPS_NOTIFY_TEXT_MAX];
    ssize_t length = recv(manager->fd, heard, sizeof heard - 1, 0);
    assert_true(length >= 0);
    heard[length] = '\0';
    assert_string_equal(heard, text);
}

static void expect_nothing(const struct manager *manager)
{
    char heard[16];
    assert_true(recv(manager->fd, heard, sizeof heard, MSG_DONTWAIT) < 0 && errno == EAGAIN);
}

static void what_is_told_arrives_as_one_message_each(void **state)
{
    struct manager *manager = *state;
    struct ops_notify notify;
    ops_notify_open(&notify, manager->name, NULL, NULL);
    assert_true(notify.fd >= 0);
    assert_int_equal(notify.watchdog_ms, 0);
    ops_notify_tell(&notify, "READY=1\nSTATUS=%s", "listens");
    ops_notify_tell(&notify, "STOPPING=1");
    expect(manager, "READY=1\nSTATUS=listens");
    expect(manager, "STOPPING=1");
    ops_notify_close(&notify);
    assert_int_equal(notify.fd, -1);
    ops_notify_tell(&notify, "READY=1");
    expect_nothing(manager);
}

static void reading_anew_tells_the_moment(void **state)
{
    struct manager *manager = *state;
    struct ops_notify notify;
    struct timespec before, after;
    char heard[200];
    long long usec;
    ops_notify_open(&notify, manager->name, NULL, NULL);
    (void)clock_gettime(CLOCK_MONOTONIC, &before);
    ops_notify_reloading(&notify);
    (void)clock_gettime(CLOCK_MONOTONIC, &after);
    ssize_t length = recv(manager->fd, heard, sizeof heard - 1, 0);
    assert_true(length > 0);
    heard[length] = '\0';
    assert_int_equal(sscanf(heard, "RELOADING=1\nMONOTONIC_USEC=%lld", &usec), 1);
    assert_true(usec >= (long long)before.tv_sec * 1000000 + before.tv_nsec / 1000);
    assert_true(usec <= (long long)after.tv_sec * 1000000 + after.tv_nsec / 1000);
    ops_notify_close(&notify);
}

static void a_text_that_is_too_long_is_cut(void **state)
{
    struct manager *manager = *state;
    struct ops_notify notify;
    char text[2 * OPS_NOTIFY_TEXT_MAX], cut[OPS_NOTIFY_TEXT_MAX];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    memset(cut, 'x', sizeof cut - 1);
    cut[sizeof cut - 1] = '\0';
    ops_notify_open(&notify, manager->name, NULL, NULL);
    ops_notify_tell(&notify, "%s", text);
    expect(manager, cut);
    ops_notify_close(&notify);
}

static void where_nobody_asks_or_nobody_is_there_nothing_happens(void **state)
{
    static const char *const names[] = {NULL, "", "@", "/", "relative/path", "vsock:2:1234", "/nowhere/notify", "/dev/null"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct ops_notify notify;
        ops_notify_open(&notify, names[i], NULL, NULL);
        ops_notify_tell(&notify, "READY=1");
        ops_notify_reloading(&notify);
        ops_notify_close(&notify);
    }
    char long_name[300];
    memset(long_name, '/', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    struct ops_notify notify;
    ops_notify_open(&notify, long_name, "1000000", NULL);
    assert_int_equal(notify.fd, -1);
    assert_int_equal(notify.watchdog_ms, 0);
}

static void a_manager_that_comes_back_is_found_again(void **state)
{
    struct manager *manager = *state;
    struct ops_notify notify;
    char name[sizeof manager->name];
    (void)snprintf(name, sizeof name, "%s", manager->name);
    ops_notify_open(&notify, manager->name, NULL, NULL);
    (void)close(manager->fd);
    assert_int_equal(unlink(name), 0);
    ops_notify_tell(&notify, "STATUS=lost");
    listen_at(manager, name);
    ops_notify_tell(&notify, "STATUS=back");
    expect(manager, "STATUS=back");
    ops_notify_close(&notify);
}

static void the_watchdog_is_ours_only_when_it_names_this_process(void **state)
{
    struct manager *manager = *state;
    char own[32], other[32];
    (void)snprintf(own, sizeof own, "%ld", (long)getpid());
    (void)snprintf(other, sizeof other, "%ld", (long)getpid() + 1);
    const struct {
        const char *usec;
        const char *pid;
        int64_t expected_ms;
    } cases[] = {
        {"120000000", own, 120000},
        {"120000000", NULL, 120000},
        {"120000000", other, 0},
        {NULL, own, 0},
        {"0", own, 0},
        {"-5", own, 0},
        {"", own, 0},
        {"soon", own, 0},
        {"10", own, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ops_notify notify;
        ops_notify_open(&notify, manager->name, cases[i].usec, cases[i].pid);
        assert_int_equal(notify.watchdog_ms, cases[i].expected_ms);
        ops_notify_close(&notify);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_is_told_arrives_as_one_message_each),
        cmocka_unit_test_setup_teardown(what_is_told_arrives_as_one_message_each, start_abstract, stop),
        CASE(reading_anew_tells_the_moment),
        CASE(a_text_that_is_too_long_is_cut),
        CASE(where_nobody_asks_or_nobody_is_there_nothing_happens),
        CASE(a_manager_that_comes_back_is_found_again),
        CASE(the_watchdog_is_ours_only_when_it_names_this_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
