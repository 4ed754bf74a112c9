#include "surfaces/wire/listen.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[64];

static int make_directory(void **state)
{
    (void)state;
    (void)strcpy(directory, "/tmp/ops-listen-XXXXXX");
    return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
    (void)state;
    return rmdir(directory);
}

static const char *path_of(const char *name)
{
    static char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static void host_and_port_are_read_from_text(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *host; /* NULL: refused */
        unsigned port;
    } cases[] = {
        {"127.0.0.1:8080", "127.0.0.1", 8080},
        {"localhost:0", "localhost", 0},
        {"[::1]:80", "::1", 80},
        {"*:8080", "*", 8080},
        {"[::]:80", "::", 80},
        {"::1:80", NULL, 0},
        {"127.0.0.1", NULL, 0},
        {"127.0.0.1:", NULL, 0},
        {":80", NULL, 0},
        {"[]:80", NULL, 0},
        {"h:65535", "h", 65535},
        {"h:65536", NULL, 0},
        {"h:8x", NULL, 0},
        {"h:-1", NULL, 0},
        {"h:000001", NULL, 0},
        {"", NULL, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ops_host_port got;
        enum ops_status status = ops_host_port_parse(cases[i].text, &got, NULL);
        if (status != (cases[i].host ? OPS_OK : OPS_USAGE))
            fail_msg("'%s'", cases[i].text);
        if (cases[i].host) {
            assert_string_equal(got.host, cases[i].host);
            assert_int_equal(got.port, cases[i].port);
        }
    }
}

static enum ops_status try_loopback(const char *host, struct ops_error *error)
{
    int fd = -1;
    uint16_t port = 0;
    struct ops_tcp_options options = {.host = host, .loopback_only = true};
    enum ops_status status = ops_listen_tcp(&options, &fd, &port, error);
    if (status == OPS_OK) {
        assert_true(port != 0);
        (void)close(fd);
    }
    return status;
}

static void only_loopback_is_listened_on_when_asked(void **state)
{
    (void)state;
    static const char *const refused[] = {"*", "0.0.0.0", "::", "10.0.0.1", "192.168.1.1", "::ffff:10.0.0.1", "128.0.0.1"};
    assert_int_equal(try_loopback("127.0.0.1", NULL), OPS_OK);
    assert_int_equal(try_loopback("127.0.0.2", NULL), OPS_OK);
    assert_int_equal(try_loopback("localhost", NULL), OPS_OK);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct ops_error error = OPS_ERROR_INIT;
        assert_int_equal(try_loopback(refused[i], &error), OPS_USAGE);
        assert_non_null(strstr(error.text, "loopback"));
        assert_non_null(strstr(error.text, refused[i]));
        ops_error_release(&error);
    }
}

static void ipv6_loopback_is_loopback(void **state)
{
    (void)state;
    struct ops_error error = OPS_ERROR_INIT;
    enum ops_status status = try_loopback("::1", &error); /* a machine may have no IPv6 */
    assert_true(status == OPS_OK || status == OPS_IO_ERROR);
    ops_error_release(&error);
}

static bool reaches_v4(const char *address, uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(inet_pton(AF_INET, address, &to.sin_addr), 1);
    bool reached = connect(fd, (struct sockaddr *)&to, sizeof to) == 0;
    (void)close(fd);
    return reached;
}

static bool has_v6_loopback(void)
{
    struct sockaddr_in6 at = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    bool has = fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0;
    if (fd >= 0)
        (void)close(fd);
    return has;
}

static bool reaches_v6(uint16_t port)
{
    struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    bool reached = fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0;
    if (fd >= 0)
        (void)close(fd);
    return reached;
}

static void every_address_is_every_address(void **state)
{
    (void)state;
    static const char *const hosts[] = {"*", "::"};
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        int fd = -1;
        uint16_t port = 0;
        struct ops_tcp_options options = {.host = hosts[i]};
        if (i == 1 && !has_v6_loopback())
            continue; /* a machine without IPv6 */
        assert_int_equal(ops_listen_tcp(&options, &fd, &port, NULL), OPS_OK);
        assert_true(reaches_v4("127.0.0.1", port));
        assert_true(reaches_v4("127.0.0.9", port));
        assert_true(!has_v6_loopback() || reaches_v6(port));
        (void)close(fd);
    }
}

static void what_listens_everywhere_is_shown_and_reached_at_an_address(void **state)
{
    (void)state;
    static const struct {
        const char *host, *shown, *reached;
    } cases[] = {{"*", "0.0.0.0", "127.0.0.1"},
                 {"0.0.0.0", "0.0.0.0", "127.0.0.1"},
                 {"::", "::", "::1"},
                 {"10.0.0.1", "10.0.0.1", "10.0.0.1"},
                 {"localhost", "localhost", "localhost"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_string_equal(ops_host_to_show(cases[i].host), cases[i].shown);
        assert_string_equal(ops_host_to_reach(cases[i].host), cases[i].reached);
    }
}

static void an_address_in_use_is_said_in_one_sentence(void **state)
{
    (void)state;
    struct ops_error error = OPS_ERROR_INIT;
    int first = -1, second = -1;
    struct ops_tcp_options options = {.host = "127.0.0.1"};
    assert_int_equal(ops_listen_tcp(&options, &first, &options.port, NULL), OPS_OK);
    uint16_t unused;
    assert_int_equal(ops_listen_tcp(&options, &second, &unused, &error), OPS_IO_ERROR);
    assert_non_null(strstr(error.text, "another process already does"));
    assert_int_equal(second, -1);
    ops_error_release(&error);
    (void)close(first);
}

static void an_unknown_host_is_refused(void **state)
{
    (void)state;
    struct ops_error error = OPS_ERROR_INIT;
    assert_int_equal(try_loopback("no host has blanks", &error), OPS_USAGE);
    assert_non_null(strstr(error.text, "can't be resolved"));
    ops_error_release(&error);
}

static void the_socket_file_is_private_whatever_the_umask(void **state)
{
    (void)state;
    struct ops_unix_listener listener;
    struct stat file;
    mode_t before = umask(0);
    enum ops_status status = ops_listen_unix(path_of("private"), &listener, NULL);
    (void)umask(before);
    assert_int_equal(status, OPS_OK);
    assert_int_equal(lstat(path_of("private"), &file), 0);
    assert_int_equal(file.st_mode, S_IFSOCK | 0600);
    ops_unix_listener_unlink(&listener);
    assert_int_equal(access(path_of("private"), F_OK), -1);
    (void)close(listener.fd);
}

static void a_dead_socket_is_replaced_and_a_live_one_is_not(void **state)
{
    (void)state;
    struct ops_error error = OPS_ERROR_INIT;
    struct ops_unix_listener dead, live, late;
    assert_int_equal(ops_listen_unix(path_of("s"), &dead, NULL), OPS_OK);
    (void)close(dead.fd);
    assert_int_equal(ops_listen_unix(path_of("s"), &live, NULL), OPS_OK);
    assert_int_equal(ops_listen_unix(path_of("s"), &late, &error), OPS_IO_ERROR);
    assert_non_null(strstr(error.text, "another process already does"));
    ops_error_release(&error);
    ops_unix_listener_unlink(&live);
    (void)close(live.fd);
}

static void what_is_not_a_socket_is_left_alone(void **state)
{
    (void)state;
    struct ops_error error = OPS_ERROR_INIT;
    struct ops_unix_listener listener;
    int fd = open(path_of("file"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ops_listen_unix(path_of("file"), &listener, &error), OPS_IO_ERROR);
    assert_non_null(strstr(error.text, "not a socket"));
    ops_error_release(&error);
    (void)close(fd);
    assert_int_equal(unlink(path_of("file")), 0);
}

static void another_ones_file_is_not_removed(void **state)
{
    (void)state;
    struct ops_unix_listener ours, theirs;
    assert_int_equal(ops_listen_unix(path_of("s"), &ours, NULL), OPS_OK);
    assert_int_equal(ops_listen_unix(path_of("t"), &theirs, NULL), OPS_OK);
    char *path = strdup(path_of("t"));
    assert_non_null(path);
    assert_int_equal(rename(path, path_of("s")), 0);
    ops_unix_listener_unlink(&ours);
    assert_int_equal(access(path_of("s"), F_OK), 0);
    assert_int_equal(unlink(path_of("s")), 0);
    free(path);
    (void)close(ours.fd);
    (void)close(theirs.fd);
}

static void a_path_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    struct ops_error error = OPS_ERROR_INIT;
    struct ops_unix_listener listener;
    char path[300];
    memset(path, 'p', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    assert_int_equal(ops_listen_unix(path, &listener, &error), OPS_USAGE);
    assert_non_null(strstr(error.text, "the system allows 107"));
    assert_int_equal(ops_listen_unix("", &listener, &error), OPS_USAGE);
    assert_int_equal(ops_listen_unix(path_of("none/s"), &listener, &error), OPS_IO_ERROR);
    assert_non_null(strstr(error.text, "No such file"));
    ops_error_release(&error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(host_and_port_are_read_from_text),
        cmocka_unit_test(only_loopback_is_listened_on_when_asked),
        cmocka_unit_test(ipv6_loopback_is_loopback),
        cmocka_unit_test(every_address_is_every_address),
        cmocka_unit_test(what_listens_everywhere_is_shown_and_reached_at_an_address),
        cmocka_unit_test(an_address_in_use_is_said_in_one_sentence),
        cmocka_unit_test(an_unknown_host_is_refused),
        cmocka_unit_test(the_socket_file_is_private_whatever_the_umask),
        cmocka_unit_test(a_dead_socket_is_replaced_and_a_live_one_is_not),
        cmocka_unit_test(what_is_not_a_socket_is_left_alone),
        cmocka_unit_test(another_ones_file_is_not_removed),
        cmocka_unit_test(a_path_that_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
