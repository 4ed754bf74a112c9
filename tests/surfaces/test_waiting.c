/* Calls that have to wait for their turn, over real sockets: they hold no thread, are noticed when they hang up, and don't
 * keep the server from stopping. And who the server says is calling. */
#include "client.h"
#include "fake_app.h"
#include "surfaces/invoke/server.h"
#include "surfaces/wire/waiting.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define POST(function)                                                                                                      \
    "POST /2015-03-31/functions/" function "/invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"

enum { PATIENCE_MS = 20000, CROWD = 60 };

static struct ops_app app;
static struct ops_invoke_server *server;
static char directory[32], listen_at[64];

static int start_server(void **state)
{
    (void)state;
    struct ops_error error = OPS_ERROR_INIT;
    memset(&app, 0, sizeof app);
    (void)snprintf(directory, sizeof directory, "/tmp/ops-waiting-XXXXXX");
    assert_non_null(mkdtemp(directory));
    (void)snprintf(listen_at, sizeof listen_at, "unix:%s/s", directory);
    const struct ops_invoke_config config = {.listen = listen_at, .threads = 1};
    if (ops_invoke_server_start(&app, &config, &server, &error) != OPS_OK)
        fail_msg("%s", error.text);
    return 0;
}

static int stop_server(void **state)
{
    (void)state;
    ops_invoke_server_stop(server);
    server = NULL;
    assert_int_equal(atomic_load(&app.waiting), 0);
    return rmdir(directory);
}

static struct client client_new(void)
{
    return client_unix(listen_at + strlen("unix:"));
}

static void expect_number(atomic_int *number, int expected, const char *what)
{
    for (int waited_ms = 0; atomic_load(number) != expected; waited_ms++) {
        if (waited_ms == PATIENCE_MS)
            fail_msg("%s: %d, not %d", what, atomic_load(number), expected);
        (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}

static struct client waiting_client(int already)
{
    struct client client = client_new();
    client_send(&client, POST("ops_wait"));
    expect_number(&app.waiting, already + 1, "calls that wait");
    return client;
}

static void expect_answer(struct client *client, const char *part)
{
    struct response got = client_receive(client);
    assert_int_equal(got.status, 200);
    if (!strstr(got.body, part))
        fail_msg("%s, not %s", got.body, part);
    response_release(&got);
}

static void a_call_that_waits_holds_no_thread_and_is_answered_when_its_turn_comes(void **state)
{
    (void)state;
    struct client waiting = waiting_client(0), other = client_new();
    for (int i = 0; i < 20; i++) {
        client_send(&other, POST("ops_echo"));
        expect_answer(&other, "\"call\":\"ops_echo\""); /* by the only thread there is */
    }
    atomic_store(&app.gate_open, true);
    expect_answer(&waiting, "\"call\":\"ops_wait\"");
    client_send(&waiting, POST("ops_echo"));
    expect_answer(&waiting, "\"call\":\"ops_echo\"");
    client_close(&waiting);
    client_close(&other);
}

static void a_whole_crowd_waits_and_each_gets_its_answer(void **state)
{
    (void)state;
    struct client crowd[CROWD];
    for (int i = 0; i < CROWD; i++)
        crowd[i] = waiting_client(i);
    atomic_store(&app.gate_open, true);
    for (int i = 0; i < CROWD; i++) {
        expect_answer(&crowd[i], "\"call\":\"ops_wait\"");
        client_close(&crowd[i]);
    }
}

/* Those for whom there is no room are sent away at once, the others get their turn. */
static void of_more_than_the_server_keeps_waiting_each_gets_an_answer(void **state)
{
    (void)state;
    enum { TOO_MANY = OPS_WAITERS_MAX + 50 };
    static struct client crowd[TOO_MANY];
    for (int i = 0; i < TOO_MANY; i++) {
        crowd[i] = client_new();
        client_send(&crowd[i], POST("ops_wait"));
    }
    atomic_store(&app.gate_open, true);
    for (int i = 0; i < TOO_MANY; i++) {
        expect_answer(&crowd[i], "\"success\":");
        client_close(&crowd[i]);
    }
}

static void a_request_that_was_sent_behind_one_that_waits_comes_after_it(void **state)
{
    (void)state;
    struct client client = client_new();
    client_send(&client, POST("ops_wait") POST("ops_echo"));
    expect_number(&app.waiting, 1, "calls that wait");
    atomic_store(&app.gate_open, true);
    expect_answer(&client, "\"call\":\"ops_wait\"");
    expect_answer(&client, "\"call\":\"ops_echo\"");
    client_close(&client);
}

static void who_hangs_up_leaves_the_line(void **state)
{
    (void)state;
    struct client staying = waiting_client(0), gone = waiting_client(1);
    client_close(&gone);
    expect_number(&app.left, 1, "calls that left");
    assert_int_equal(atomic_load(&app.waiting), 1);
    atomic_store(&app.gate_open, true);
    expect_answer(&staying, "\"call\":\"ops_wait\"");
    client_close(&staying);
}

static void an_event_waits_too_and_is_accepted_when_its_turn_comes(void **state)
{
    (void)state;
    struct client client = client_new();
    client_send(&client, "POST /2015-03-31/functions/ops_wait/invocations HTTP/1.1\r\nHost: x\r\n"
                         "X-Amz-Invocation-Type: Event\r\nContent-Length: 2\r\n\r\n{}");
    expect_number(&app.waiting, 1, "calls that wait");
    atomic_store(&app.gate_open, true);
    struct response got = client_receive(&client);
    assert_int_equal(got.status, 202);
    response_release(&got);
    client_close(&client);
}

static void a_call_without_a_body_cannot_wait(void **state)
{
    (void)state;
    struct client client = client_new();
    client_send(&client, "POST /2015-03-31/functions/ops_wait/invocations HTTP/1.1\r\nHost: x\r\n\r\n");
    expect_answer(&client, "secret-code-locked");
    client_close(&client);
}

static void a_server_that_stops_sends_away_who_waits(void **state)
{
    (void)state;
    struct client crowd[3];
    for (int i = 0; i < 3; i++)
        crowd[i] = waiting_client(i);
    ops_invoke_server_stop(server);
    server = NULL;
    for (int i = 0; i < 3; i++) {
        expect_answer(&crowd[i], "secret-code-locked");
        client_close(&crowd[i]);
    }
    assert_int_equal(atomic_load(&app.left), 3);
}

struct comer {
    pthread_t thread;
    atomic_bool *over;
    int answered;
};

static void *come_and_go(void *context)
{
    struct comer *comer = context;
    for (int i = 0; !atomic_load(comer->over); i++) {
        struct client client = client_new();
        client_send(&client, POST("ops_wait"));
        if (i % 2) {
            struct response got = client_receive(&client);
            comer->answered += got.status == 200;
            response_release(&got);
        }
        client_close(&client);
    }
    return NULL;
}

static void many_come_wait_and_hang_up_at_any_moment(void **state)
{
    (void)state;
    atomic_bool over = false;
    struct comer comers[4];
    for (int i = 0; i < 4; i++) {
        comers[i] = (struct comer){.over = &over};
        assert_int_equal(pthread_create(&comers[i].thread, NULL, come_and_go, &comers[i]), 0);
    }
    for (int i = 0; i < 300; i++) {
        atomic_store(&app.gate_open, i % 3 == 0);
        (void)nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    atomic_store(&app.gate_open, true);
    atomic_store(&over, true);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(comers[i].thread, NULL), 0);
        assert_true(comers[i].answered > 0);
    }
    expect_number(&app.waiting, 0, "calls that wait");
}

/* ---- Who calls ---- */

static void on_a_unix_socket_the_peer_is_the_process_that_has_connected(void **state)
{
    (void)state;
    char words[64];
    struct client client = client_new();
    client_send(&client, POST("ops_echo"));
    (void)snprintf(words, sizeof words, "\"peer\":\"uid %u, pid %d\"", getuid(), getpid());
    expect_answer(&client, words);
    client_close(&client);
    pid_t child = fork();
    if (child == 0) {
        struct client own = client_new();
        client_send(&own, POST("ops_echo"));
        (void)snprintf(words, sizeof words, "\"peer\":\"uid %u, pid %d\"", getuid(), getpid());
        struct response got = client_receive(&own);
        _exit(got.body && strstr(got.body, words) ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void on_tcp_the_peer_is_an_address(void **state)
{
    (void)state;
    static const char *const hosts[] = {"127.0.0.1", "[::1]"};
    for (size_t i = 0; i < 2; i++) {
        char at[32], words[64];
        struct ops_invoke_server *tcp = NULL;
        (void)snprintf(at, sizeof at, "%s:0", hosts[i]);
        const struct ops_invoke_config config = {.listen = at};
        if (ops_invoke_server_start(&app, &config, &tcp, NULL) != OPS_OK && i == 1)
            continue; /* a machine without IPv6 */
        assert_non_null(tcp);
        const char *colon = strrchr(ops_invoke_server_address(tcp), ':');
        uint16_t port = (uint16_t)strtoul(colon + 1, NULL, 10);
        struct client client = i ? client_tcp6(port) : client_tcp(port);
        client_send_to(&client, port, POST("ops_echo"));
        (void)snprintf(words, sizeof words, "\"peer\":\"%s\"", i ? "::1" : "127.0.0.1");
        expect_answer(&client, words);
        client_close(&client);
        ops_invoke_server_stop(tcp);
    }
}

static void on_tcp_who_hangs_up_leaves_the_line(void **state)
{
    (void)state;
    struct ops_invoke_server *tcp = NULL;
    const struct ops_invoke_config config = {.listen = "127.0.0.1:0", .threads = 1};
    assert_int_equal(ops_invoke_server_start(&app, &config, &tcp, NULL), OPS_OK);
    uint16_t port = (uint16_t)strtoul(strrchr(ops_invoke_server_address(tcp), ':') + 1, NULL, 10);
    struct client client = client_tcp(port);
    client_send_to(&client, port, POST("ops_wait"));
    expect_number(&app.waiting, 1, "calls that wait");
    client_close(&client);
    expect_number(&app.left, 1, "calls that left");
    ops_invoke_server_stop(tcp);
}

#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, start_server, stop_server)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SERVER(a_call_that_waits_holds_no_thread_and_is_answered_when_its_turn_comes),
        WITH_SERVER(a_whole_crowd_waits_and_each_gets_its_answer),
        WITH_SERVER(of_more_than_the_server_keeps_waiting_each_gets_an_answer),
        WITH_SERVER(a_request_that_was_sent_behind_one_that_waits_comes_after_it),
        WITH_SERVER(who_hangs_up_leaves_the_line),
        WITH_SERVER(an_event_waits_too_and_is_accepted_when_its_turn_comes),
        WITH_SERVER(a_call_without_a_body_cannot_wait),
        WITH_SERVER(a_server_that_stops_sends_away_who_waits),
        WITH_SERVER(many_come_wait_and_hang_up_at_any_moment),
        WITH_SERVER(on_a_unix_socket_the_peer_is_the_process_that_has_connected),
        WITH_SERVER(on_tcp_the_peer_is_an_address),
        WITH_SERVER(on_tcp_who_hangs_up_leaves_the_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
