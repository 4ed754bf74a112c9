/* Certificates: which are taken, and what becomes of clients when another takes the place of the one that is shown. */
#include "client.h"
#include "fake_app.h"
#include "support/alloc_fault.h"
#include "support/scratch.h"
#include "surfaces/http/server.h"
#include "surfaces/wire/tls.h"

#include "base/mem.h"

#include <dirent.h>
#include <gnutls/x509.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_SIZE = 64, CLIENTS = 3, REPLACEMENTS = 1000 };

static struct ops_app app;
static char directory[SCRATCH_SIZE];

/* ---- files ---- */

static void run(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void run(const char *format, ...)
{
    char command[1024];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(command, sizeof command, format, args);
    va_end(args);
    if (system(command) != 0)
        fail_msg("%s", command);
}

static const char *file(const char *name)
{
    return scratch_path(directory, name);
}

/* <name>.pem and <name>.key, of a certificate whose common name that is. */
static void make_certificate(const char *name)
{
    run("cd %s && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=%s -keyout "
        "%s.key"
        " -out %s.pem 2>/dev/null",
        directory, name, name, name);
}

static int make_files(void **state)
{
    (void)state;
    scratch_make(directory);
    make_certificate("a");
    make_certificate("b");
    run("cd %s && openssl pkey -in a.key -aes256 -passout pass:secret -out pkcs8.key", directory);
    run("cd %s && openssl ec -in a.key -aes256 -passout pass:secret -out sec1.key 2>/dev/null", directory);
    run("cd %s && cat a.pem b.pem >ab.pem && cat b.pem a.pem >ba.pem && cat a.pem a.key >both.pem", directory);
    run("cd %s && head -c 200 a.pem >cut.pem && head -c 100 a.key >cut.key && : >empty && head -c 2000000 /dev/zero >large",
        directory);
    scratch_write(file("text"), "not a key\n");
    return 0;
}

static int remove_files(void **state)
{
    (void)state;
    scratch_remove(directory);
    return 0;
}

static struct ops_shared *identity(const char *name)
{
    struct ops_shared *tls = NULL;
    struct ops_error error = OPS_ERROR_INIT;
    char cert[NAME_SIZE], key[NAME_SIZE];
    (void)snprintf(cert, sizeof cert, "%s.pem", name);
    (void)snprintf(key, sizeof key, "%s.key", name);
    if (ops_tls_read(file(cert), file(key), &tls, &error) != OPS_OK)
        fail_msg("%s", error.text);
    return tls;
}

static const struct {
    const char *cert;
    const char *key;
    const char *named; /* the file that the sentence is about; NULL: they are taken */
    const char *words;
} pairs[] = {
    {"a.pem", "a.key", NULL, NULL},
    {"ab.pem", "a.key", NULL, NULL},
    {"both.pem", "both.pem", NULL, NULL},
    {"nowhere", "a.key", "nowhere", "can't be read: No such file or directory"},
    {"a.pem", "nowhere", "nowhere", "can't be read: No such file or directory"},
    {"", "a.key", "", "can't be read: Is a directory"},
    {"empty", "a.key", "empty", "is not a PEM text"},
    {"a.pem", "text", "text", "is not a PEM text"},
    {"large", "a.key", "large", "is larger than 1048576 bytes"},
    {"a.key", "a.key", "a.key", "holds no certificate that can be used"},
    {"cut.pem", "a.key", "cut.pem", "holds no certificate that can be used"},
    {"a.pem", "a.pem", "a.pem", "holds no key that can be used"},
    {"a.pem", "cut.key", "cut.key", "holds no key that can be used"},
    {"a.pem", "pkcs8.key", "pkcs8.key", "is encrypted"},
    {"a.pem", "sec1.key", "sec1.key", "is encrypted"},
    {"a.pem", "b.key", "b.key", "is not that of the certificate in"},
    {"ba.pem", "a.key", "a.key", "is not that of the certificate in"},
};

static void a_file_that_will_not_do_is_named_with_the_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        struct ops_shared *tls = NULL;
        struct ops_error error = OPS_ERROR_INIT;
        enum ops_status status = ops_tls_read(file(pairs[i].cert), file(pairs[i].key), &tls, &error);
        char quoted[SCRATCH_SIZE + NAME_SIZE];
        (void)snprintf(quoted, sizeof quoted, "'%s/%s'", directory, pairs[i].named ? pairs[i].named : "");
        if (status != (pairs[i].named ? OPS_IO_ERROR : OPS_OK))
            fail_msg("%s, %s: %s", pairs[i].cert, pairs[i].key, error.text);
        if (pairs[i].named && (!strstr(error.text, quoted) || !strstr(error.text, pairs[i].words)))
            fail_msg("%s, %s: %s", pairs[i].cert, pairs[i].key, error.text);
        ops_shared_let_go(tls);
        ops_error_release(&error);
    }
}

static void it_is_known_until_when_a_certificate_counts(void **state)
{
    (void)state;
    struct ops_shared *tls = identity("a");
    int64_t left_ms = ops_tls_expires_ms(tls) - (int64_t)time(NULL) * 1000;
    assert_true(left_ms > INT64_C(86400000) && left_ms <= 2 * INT64_C(86400000));
    ops_shared_let_go(tls);
}

/* ---- a client ---- */

struct tls_client {
    struct client tcp;
    gnutls_certificate_credentials_t credentials;
    gnutls_session_t session;
};

static void shake_hands(struct tls_client *client)
{
    assert_true(gnutls_certificate_allocate_credentials(&client->credentials) >= 0);
    assert_true(gnutls_init(&client->session, GNUTLS_CLIENT) >= 0);
    assert_true(gnutls_set_default_priority(client->session) >= 0);
    assert_true(gnutls_credentials_set(client->session, GNUTLS_CRD_CERTIFICATE, client->credentials) >= 0);
    gnutls_transport_set_int(client->session, client->tcp.fd);
    gnutls_handshake_set_timeout(client->session, CLIENT_TIMEOUT_MS);
    int code;
    do
        code = gnutls_handshake(client->session);
    while (code < 0 && !gnutls_error_is_fatal(code));
    if (code < 0)
        fail_msg("the handshake: %s", gnutls_strerror(code));
}

static void connect_to(struct tls_client *client, uint16_t port)
{
    client->tcp = client_tcp(port);
    shake_hands(client);
}

static void leave(struct tls_client *client)
{
    gnutls_deinit(client->session);
    gnutls_certificate_free_credentials(client->credentials);
    client_close(&client->tcp);
}

/* Whether the client was shown the certificate of that common name. */
static bool is_shown(const struct tls_client *client, const char *name)
{
    unsigned count = 0;
    const gnutls_datum_t *shown = gnutls_certificate_get_peers(client->session, &count);
    gnutls_x509_crt_t cert;
    char common_name[NAME_SIZE];
    size_t size = sizeof common_name;
    assert_true(shown && count == 1);
    assert_true(gnutls_x509_crt_init(&cert) >= 0);
    assert_true(gnutls_x509_crt_import(cert, shown, GNUTLS_X509_FMT_DER) >= 0);
    assert_true(gnutls_x509_crt_get_dn_by_oid(cert, GNUTLS_OID_X520_COMMON_NAME, 0, 0, common_name, &size) >= 0);
    gnutls_x509_crt_deinit(cert);
    return strcmp(common_name, name) == 0;
}

/* One request on the connection; whether its answer came whole. */
static bool ping(struct tls_client *client)
{
    static const char request[] = "GET /ops/ping HTTP/1.1\r\nHost: x\r\n\r\n";
    char answer[4096];
    size_t length = 0;
    if (gnutls_record_send(client->session, request, sizeof request - 1) != (ssize_t)(sizeof request - 1))
        return false;
    for (;;) {
        ssize_t count = gnutls_record_recv(client->session, answer + length, sizeof answer - 1 - length);
        if (count <= 0 && (count == 0 || gnutls_error_is_fatal((int)count)))
            return false;
        length += count > 0 ? (size_t)count : 0;
        answer[length] = '\0';
        const char *body = strstr(answer, "\r\n\r\n");
        if (body && strlen(body + 4) == FAKE_PING_BYTES)
            return strncmp(answer, "HTTP/1.1 200", 12) == 0;
    }
}

/* ---- a server ---- */

static struct ops_http_server *start(struct ops_shared *tls)
{
    struct ops_http_server *server = NULL;
    struct ops_error error = OPS_ERROR_INIT;
    const struct ops_http_config config = {.host = "127.0.0.1", .tls = tls};
    if (ops_http_server_start(&app, &config, &server, &error) != OPS_OK)
        fail_msg("%s", error.text);
    return server;
}

static void a_new_connection_is_shown_the_new_certificate_and_the_old_ones_go_on(void **state)
{
    (void)state;
    struct tls_client early, late;
    struct ops_http_server *server = start(identity("a"));
    uint16_t port = ops_http_server_port(server);
    connect_to(&early, port);
    assert_true(is_shown(&early, "a"));
    assert_true(ping(&early));
    ops_http_server_replace_tls(server, identity("b"));
    connect_to(&late, port);
    assert_true(is_shown(&late, "b"));
    for (int i = 0; i < 3; i++) {
        assert_true(ping(&early));
        assert_true(ping(&late));
    }
    leave(&early);
    assert_true(ping(&late));
    leave(&late);
    ops_http_server_stop(server);
}

static void a_connection_whose_handshake_comes_after_the_replacement_succeeds(void **state)
{
    (void)state;
    struct tls_client slow;
    struct ops_http_server *server = start(identity("a"));
    slow.tcp = client_tcp(ops_http_server_port(server));
    ops_http_server_replace_tls(server, identity("b"));
    ops_http_server_replace_tls(server, identity("a"));
    shake_hands(&slow);
    assert_true(ping(&slow));
    leave(&slow);
    ops_http_server_stop(server);
}

static void connections_that_are_open_at_the_end_hold_nothing_after_it(void **state)
{
    (void)state;
    struct tls_client clients[CLIENTS];
    alloc_fault_install(0);
    struct ops_http_server *server = start(identity("a"));
    for (int i = 0; i < CLIENTS; i++) {
        connect_to(&clients[i], ops_http_server_port(server));
        assert_true(ping(&clients[i]));
        ops_http_server_replace_tls(server, identity(i % 2 ? "a" : "b"));
    }
    ops_http_server_stop(server);
    assert_int_equal(alloc_fault_live_count(), 0);
    alloc_fault_remove();
    for (int i = 0; i < CLIENTS; i++)
        leave(&clients[i]);
}

static void a_server_that_can_not_start_lets_its_certificate_go(void **state)
{
    (void)state;
    struct ops_http_server *first = start(NULL), *second = NULL;
    alloc_fault_install(0);
    const struct ops_http_config config = {.host = "127.0.0.1", .port = ops_http_server_port(first), .tls = identity("a")};
    alloc_fault_arm(1);
    assert_int_equal(ops_http_server_start(&app, &config, &second, NULL), OPS_NO_MEMORY);
    assert_int_equal(alloc_fault_live_count(), 0);
    const struct ops_http_config again = {.host = "127.0.0.1", .port = config.port, .tls = identity("a")};
    alloc_fault_arm(0);
    assert_int_equal(ops_http_server_start(&app, &again, &second, NULL), OPS_IO_ERROR);
    assert_int_equal(alloc_fault_live_count(), 0);
    const struct ops_http_config third = {.host = "127.0.0.1", .tls = identity("a")};
    alloc_fault_arm(2);
    assert_int_equal(ops_http_server_start(&app, &third, &second, NULL), OPS_NO_MEMORY);
    assert_int_equal(alloc_fault_live_count(), 0);
    alloc_fault_remove();
    ops_http_server_stop(first);
}

/* ---- under load ---- */

static int open_descriptor_count(void)
{
    DIR *listing = opendir("/proc/self/fd");
    int count = 0;
    while (readdir(listing))
        count++;
    (void)closedir(listing);
    return count;
}

struct load {
    uint16_t port;
    atomic_bool over;
    atomic_int asked;
    atomic_int unanswered;
};

/* Some requests on each connection, one connection after the other. */
static void *keep_asking(void *context)
{
    struct load *load = context;
    while (!atomic_load(&load->over)) {
        struct tls_client client;
        connect_to(&client, load->port);
        for (int i = 0; i < 4; i++) {
            atomic_fetch_add(&load->asked, 1);
            atomic_fetch_add(&load->unanswered, !ping(&client));
        }
        if (!is_shown(&client, "a") && !is_shown(&client, "b"))
            atomic_fetch_add(&load->unanswered, 1);
        leave(&client);
    }
    return NULL;
}

static void a_thousand_replacements_under_load_lose_no_request_and_leave_nothing_behind(void **state)
{
    (void)state;
    pthread_t threads[CLIENTS];
    alloc_fault_install(0);
    struct ops_http_server *server = start(identity("a"));
    struct load load = {.port = ops_http_server_port(server)};
    int descriptors = open_descriptor_count();
    for (int i = 0; i < CLIENTS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, keep_asking, &load), 0);
    for (int i = 0; i < REPLACEMENTS; i++)
        ops_http_server_replace_tls(server, identity(i % 2 ? "a" : "b"));
    atomic_store(&load.over, true);
    for (int i = 0; i < CLIENTS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_true(atomic_load(&load.asked) >= 4 * CLIENTS);
    assert_int_equal(atomic_load(&load.unanswered), 0);
    ops_http_server_stop(server);
    assert_true(open_descriptor_count() <= descriptors);
    assert_int_equal(alloc_fault_live_count(), 0);
    alloc_fault_remove();
}

int main(void)
{
    ops_mem_use(NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_that_will_not_do_is_named_with_the_reason),
        cmocka_unit_test(it_is_known_until_when_a_certificate_counts),
        cmocka_unit_test(a_new_connection_is_shown_the_new_certificate_and_the_old_ones_go_on),
        cmocka_unit_test(a_connection_whose_handshake_comes_after_the_replacement_succeeds),
        cmocka_unit_test(connections_that_are_open_at_the_end_hold_nothing_after_it),
        cmocka_unit_test(a_server_that_can_not_start_lets_its_certificate_go),
        cmocka_unit_test(a_thousand_replacements_under_load_lose_no_request_and_leave_nothing_behind),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
