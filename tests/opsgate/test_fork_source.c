/* Forks and exits while a gate's thread is in the libraries that it asks with. The linker puts what stands here in the place
 * of curl_global_init and curl_multi_socket_action (--wrap). */
#include "adapters/local/store.h"
#include "opsgate.h"
#include "opsgate/answerer.h"
#include "support/cmocka_all.h"
#include "support/http_server.h"
#include "support/scratch.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LOCKED_MS = 300, SHORT_MS = 1000, CALLED_TOO_LATE = 7, LOOK_MS = 5, LOOKS = 4000, ALARM_S = 60 };

/* Of the library that curl stands for: held while it is being initialised. */
static atomic_bool is_locked;
static atomic_uint initialised_count;

/* It has freed what all its connections need. */
static atomic_bool is_cleaned_up;

static opsgate *last_gate;

CURLcode __real_curl_global_init(long flags);
CURLcode __wrap_curl_global_init(long flags);
CURLMcode __real_curl_multi_socket_action(CURLM *multi, curl_socket_t fd, int mask, int *ret_running);
CURLMcode __wrap_curl_multi_socket_action(CURLM *multi, curl_socket_t fd, int mask, int *ret_running);

static void pause_ms(long wait_ms)
{
    const struct timespec wait = {wait_ms / 1000, wait_ms % 1000 * 1000000};
    (void)nanosleep(&wait, NULL);
}

static int64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

CURLcode __wrap_curl_global_init(long flags)
{
    atomic_store(&is_locked, true);
    pause_ms(LOCKED_MS); /* and no longer than SHORT_MS / 2 */
    CURLcode code = __real_curl_global_init(flags);
    atomic_store(&is_locked, false);
    atomic_fetch_add(&initialised_count, 1);
    return code;
}

CURLMcode __wrap_curl_multi_socket_action(CURLM *multi, curl_socket_t fd, int mask, int *ret_running)
{
    if (atomic_load(&is_cleaned_up))
        _exit(CALLED_TOO_LATE);
    return __real_curl_multi_socket_action(multi, fd, mask, ret_running);
}

static opsgate *open_gate(const char *source)
{
    opsgate_config config = OPSGATE_CONFIG_INIT;
    char why[OPSGATE_ERROR_SIZE];
    opsgate *gate = NULL;
    config.source = source;
    config.refresh_ms = 1000;
    config.first_wait_ms = 10000;
    if (opsgate_open(&config, &gate, why) != OPSGATE_OK)
        fail_msg("%s", why);
    return gate;
}

static void join_child(pid_t child)
{
    int result;
    assert_int_equal(waitpid(child, &result, 0), child);
    if (!WIFEXITED(result) || WEXITSTATUS(result) != 0)
        fail_msg("the child ended with %#x", (unsigned)result);
}

/* ---- Over HTTP ---- */

static void a_child_finds_no_library_locked(void **state)
{
    struct answerer answerer;
    char source[64];
    (void)state;
    answerer_start(&answerer);
    atomic_store(&answerer.answer, "HTTP/1.1 200 OK\r\n\r\n"
                                   "{\"success\":true,\"data\":{\"service\":\"ops\",\"maintenance\":{\"status\":\"active\"}}}");
    (void)snprintf(source, sizeof source, "http://127.0.0.1:%d", answerer.port);
    opsgate *gate = open_gate(source);
    while (!atomic_load(&is_locked) && atomic_load(&initialised_count) == 0)
        pause_ms(1);
    bool in_time = atomic_load(&is_locked);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(atomic_load(&is_locked));
    join_child(child);
    assert_int_equal(opsgate_check(gate), 1);
    opsgate_close(gate);
    answerer_stop(&answerer);
    if (!in_time) /* this machine has stood still for that long */
        skip();
}

static void no_fork_waits_for_a_network(void **state)
{
    struct http_server server;
    opsgate_config config = OPSGATE_CONFIG_INIT;
    char source[64];
    opsgate *gate = NULL;
    (void)state;
    http_server_start(&server);
    (void)snprintf(source, sizeof source, "http://127.0.0.1:%d/silent", server.port);
    config.source = source;
    config.refresh_ms = 5000;
    config.timeout_ms = 9000;
    assert_int_equal(opsgate_open(&config, &gate, NULL), OPSGATE_OK);
    while (atomic_load(&server.accepted) == 0)
        pause_ms(1);
    pause_ms(50);
    int64_t began_ms = now_ms();
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    assert_in_range(now_ms() - began_ms, 0, 900); /* it would give up after a second */
    join_child(child);
    http_server_stop(&server);
    opsgate_close(gate);
}

/* As a service's own destructors come after OpenSSL's, one of which closes the gate. */
static void clean_up(void)
{
    atomic_store(&is_cleaned_up, true);
    opsgate_close(last_gate);
    pause_ms(2 * SHORT_MS);
}

/* A child, since no gate has been opened in it yet when it registers the clean-up. */
static void no_library_is_called_once_it_has_cleaned_up_at_exit(void **state)
{
    struct http_server server;
    opsgate_config config = OPSGATE_CONFIG_INIT;
    char source[64];
    (void)state;
    http_server_start(&server);
    (void)snprintf(source, sizeof source, "http://127.0.0.1:%d/silent", server.port);
    config.source = source;
    config.timeout_ms = SHORT_MS;
    pause_ms(100); /* the server's thread has begun: a sanitizer's locks are free */
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)alarm(ALARM_S);
        if (atexit(clean_up) != 0 || opsgate_open(&config, &last_gate, NULL) != OPSGATE_OK)
            _exit(1);
        pause_ms(SHORT_MS / 2);
        exit(0);
    }
    join_child(child);
    http_server_stop(&server);
}

/* ---- From a store ---- */

static void change_window(const char *directory, bool active)
{
    struct ops_store *store = NULL;
    struct ops_txn txn;
    ops_txn_init(&txn, "01ARZ3NDEKTSV4RRFFQ69G5FAV");
    assert_int_equal(ops_local_store_open(scratch_path(directory, "ops.sqlite"), &store, NULL), OPS_OK);
    if (active)
        ops_txn_put(&txn, "SINGLETON", "ACTIVE_MAINTENANCE", json_pack("{s:s, s:s}", "status", "active", "description", "d"));
    else
        ops_txn_delete(&txn, "SINGLETON", "ACTIVE_MAINTENANCE");
    assert_int_equal(ops_store_transact(store, &txn, NULL), OPS_OK);
    ops_txn_release(&txn);
    ops_store_release(store);
}

static bool comes_to(opsgate *gate, int wanted)
{
    for (int i = 0; i < LOOKS; i++) {
        if (opsgate_check(gate) == wanted)
            return true;
        pause_ms(LOOK_MS);
    }
    return false;
}

/* A service that becomes a daemon after it has opened its gate. 0, or the number of what was wrong. */
static int follow_windows(opsgate *gate, int told_fd, int tell_fd)
{
    char byte = 0;
    (void)alarm(ALARM_S);
    for (int active = 0; active <= 2; active++) {
        if (!comes_to(gate, active % 2))
            return 10 + active;
        if (write(tell_fd, &byte, 1) != 1 || read(told_fd, &byte, 1) != 1)
            return 2;
    }
    opsgate_close(gate);
    return 0;
}

/* OPS is started for each change and stopped after it; what SQLite does then depends on the locks that others have. */
static void a_child_sees_what_becomes_of_a_store_when_its_parent_is_gone(void **state)
{
    char directory[SCRATCH_SIZE], source[SCRATCH_SIZE + 8], byte = 0;
    int to_child[2], from_child[2];
    (void)state;
    scratch_make(directory);
    (void)snprintf(source, sizeof source, "store:%s", directory);
    change_window(directory, false);
    opsgate *gate = open_gate(source);
    assert_int_equal(opsgate_check(gate), 0);
    assert_int_equal(pipe(to_child), 0);
    assert_int_equal(pipe(from_child), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(follow_windows(gate, to_child[0], from_child[1]));
    (void)close(from_child[1]); /* a child that ends is noticed */
    opsgate_close(gate);
    for (int active = 0; active <= 2; active++) {
        if (read(from_child[0], &byte, 1) != 1)
            break;
        if (active < 2)
            change_window(directory, active == 0);
        assert_int_equal(write(to_child[1], &byte, 1), 1);
    }
    join_child(child);
    (void)close(to_child[0]), (void)close(to_child[1]), (void)close(from_child[0]);
    scratch_remove(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_library_is_called_once_it_has_cleaned_up_at_exit),
        cmocka_unit_test(a_child_finds_no_library_locked),
        cmocka_unit_test(no_fork_waits_for_a_network),
        cmocka_unit_test(a_child_sees_what_becomes_of_a_store_when_its_parent_is_gone),
    };
    (void)alarm(ALARM_S);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
