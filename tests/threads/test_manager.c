/* What serve tells a service manager that watches it, by a clock that is moved by hand. */
#include "main/manager.h"

#include "support/cmocka_all.h"
#include "support/scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SECOND_MS = 1000, WATCHDOG_SECONDS = 120 };

static char directory[SCRATCH_SIZE];
static int fd;
static struct ops_manager manager;
static struct ops_pulse pulse;
static int64_t now_ms;
static int line_count;
static char last_line[200];

static bool takes(const struct ops_log *self, enum ops_log_level level)
{
    (void)self;
    (void)level;
    return true;
}

static void on_line(struct ops_log *self, const struct ops_log_line *line)
{
    (void)self;
    line_count++;
    (void)snprintf(last_line, sizeof last_line, "%s", line->words);
}

static const struct ops_log_ops log_ops = {.takes = takes, .write = on_line};
static struct ops_log manager_log = {&log_ops};

static int start(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char usec[32];
    (void)state;
    scratch_make(directory);
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", scratch_path(directory, "notify"));
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    (void)snprintf(usec, sizeof usec, "%d000000", WATCHDOG_SECONDS);
    assert_int_equal(setenv("NOTIFY_SOCKET", address.sun_path, 1), 0);
    assert_int_equal(setenv("WATCHDOG_USEC", usec, 1), 0);
    now_ms = 77 * SECOND_MS;
    line_count = 0;
    atomic_store(&pulse.away, false);
    ops_pulse_of_thread(&pulse);
    ops_manager_open(&manager);
    ops_manager_ready(&manager, "listens\nMAINPID=1", now_ms);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    ops_pulse_of_thread(NULL);
    ops_manager_close(&manager);
    (void)close(fd);
    scratch_remove(directory);
    return 0;
}

/* The next message, or "". */
static const char *heard(void)
{
    static char text[OPS_NOTIFY_TEXT_MAX];
    ssize_t length = recv(fd, text, sizeof text - 1, MSG_DONTWAIT);
    text[length > 0 ? length : 0] = '\0';
    return text;
}

/* How often it has said that it lives. */
static int signs(void)
{
    int count = 0;
    const char *text;
    while (*(text = heard())) {
        assert_string_equal(text, "WATCHDOG=1");
        count++;
    }
    return count;
}

static void pass(int seconds, bool beats)
{
    for (int i = 0; i < seconds; i++) {
        now_ms += SECOND_MS;
        if (beats)
            ops_pulse_beat();
        ops_manager_look(&manager, &pulse, now_ms, &manager_log);
    }
}

static void it_is_ready_once_and_what_is_for_people_stays_on_its_line(void **state)
{
    (void)state;
    assert_string_equal(heard(), "READY=1\nSTATUS=listens?MAINPID=1");
    assert_string_equal(heard(), "");
}

static void no_other_program_inherits_the_manager(void **state)
{
    (void)state;
    assert_null(getenv("NOTIFY_SOCKET"));
    assert_null(getenv("WATCHDOG_USEC"));
    assert_null(getenv("WATCHDOG_PID"));
}

static void it_says_that_it_lives_often_enough_and_not_all_the_time(void **state)
{
    (void)state;
    (void)heard();
    pass(WATCHDOG_SECONDS, true);
    int count = signs();
    assert_true(count >= 3 && count <= 5);
    for (int i = 0; i < 10; i++) {
        pass(WATCHDOG_SECONDS / 2, true);
        assert_true(signs() >= 1);
    }
    assert_int_equal(line_count, 0);
}

static void a_manager_that_wants_to_hear_more_often_does(void **state)
{
    (void)state;
    assert_int_equal(ops_manager_wait_ms(&manager), 1000);
    manager.notify.watchdog_ms = 900;
    assert_int_equal(ops_manager_wait_ms(&manager), 300);
    (void)heard();
    pass(10, true);
    assert_int_equal(signs(), 10);
}

static void a_sweep_that_stands_still_is_told_once_and_the_manager_hears_nothing_more(void **state)
{
    (void)state;
    (void)heard();
    pass(OPS_MANAGER_PATIENCE_MS / SECOND_MS - 1, false);
    assert_int_equal(line_count, 0);
    assert_true(signs() >= 1);
    pass(2 * WATCHDOG_SECONDS, false);
    assert_int_equal(line_count, 1);
    assert_non_null(strstr(last_line, "stands still"));
    assert_int_equal(signs(), 0);
    pass(1, true);
    assert_int_equal(line_count, 2);
    assert_non_null(strstr(last_line, "goes round again"));
    assert_int_equal(signs(), 1);
}

static void a_sweep_that_waits_for_the_store_is_no_reason_to_end(void **state)
{
    (void)state;
    (void)heard();
    ops_pulse_away();
    for (int i = 0; i < 20; i++) {
        pass(WATCHDOG_SECONDS, false);
        assert_true(signs() >= 1);
    }
    assert_int_equal(line_count, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(it_is_ready_once_and_what_is_for_people_stays_on_its_line),
        CASE(no_other_program_inherits_the_manager),
        CASE(it_says_that_it_lives_often_enough_and_not_all_the_time),
        CASE(a_manager_that_wants_to_hear_more_often_does),
        CASE(a_sweep_that_stands_still_is_told_once_and_the_manager_hears_nothing_more),
        CASE(a_sweep_that_waits_for_the_store_is_no_reason_to_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
