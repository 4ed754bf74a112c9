/* Who has to go when there is no place, and when, on sockets that nobody reads. */
#include "surfaces/wire/crowd.h"
#include "surfaces/wire/host.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PLACES = 4, PARTY_PLACES = 3, GUESTS_MAX = 96, PATIENCE_MS = 20000 };

static struct ops_crowd *crowd;

static struct seat {
    struct ops_guest guest;
    int fd; /* the crowd's end */
    int far;
    bool present;
} seats[GUESTS_MAX];

static void start(const struct ops_crowd_config *config)
{
    struct ops_error error = OPS_ERROR_INIT;
    memset(seats, 0, sizeof seats);
    if (ops_crowd_start(config, &crowd, &error) != OPS_OK)
        fail_msg("%s", error.text);
}

static int start_patient(void **state)
{
    (void)state;
    const struct ops_crowd_config config = {.places = PLACES, .party_places = PARTY_PLACES};
    start(&config);
    return 0;
}

static void leave(struct seat *seat)
{
    ops_crowd_leave(crowd, &seat->guest);
    (void)close(seat->fd);
    (void)close(seat->far);
    seat->present = false;
}

static int end(void **state)
{
    (void)state;
    for (size_t i = 0; i < GUESTS_MAX; i++)
        if (seats[i].present)
            leave(&seats[i]);
    ops_crowd_end(crowd);
    return 0;
}

static struct seat *enter(uint64_t uid)
{
    struct seat *seat = seats;
    int fds[2];
    while (seat->present)
        seat++;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    *seat = (struct seat){.fd = fds[0], .far = fds[1], .present = true};
    assert_true(ops_crowd_enter(crowd, &seat->guest, seat->fd, ops_party_of_user(uid)));
    return seat;
}

static void prove(struct seat *seat)
{
    assert_true(ops_crowd_phase(crowd, &seat->guest, OPS_GUEST_ANSWER));
    assert_true(ops_crowd_phase(crowd, &seat->guest, OPS_GUEST_SEND));
    assert_true(ops_crowd_phase(crowd, &seat->guest, OPS_GUEST_IDLE));
}

static bool has_gone(const struct seat *seat, int wait_ms)
{
    struct pollfd far = {.fd = seat->far, .events = POLLRDHUP};
    return poll(&far, 1, wait_ms) == 1;
}

static void who_came_first_and_finished_nothing_goes_first(void **state)
{
    (void)state;
    struct seat *first = enter(1), *second = enter(2), *third = enter(3), *fourth = enter(4);
    prove(first);
    /* A body that has begun is no reason to stay longer. */
    assert_true(ops_crowd_phase(crowd, &second->guest, OPS_GUEST_BODY));
    struct seat *newcomer = enter(5);
    assert_true(has_gone(second, 0));
    assert_false(has_gone(first, 0) || has_gone(third, 0) || has_gone(fourth, 0) || has_gone(newcomer, 0));
    assert_false(ops_crowd_phase(crowd, &second->guest, OPS_GUEST_ANSWER));
    assert_true(ops_crowd_phase(crowd, &third->guest, OPS_GUEST_ANSWER));
    (void)enter(6);
    assert_true(has_gone(fourth, 0));
    assert_false(has_gone(first, 0) || has_gone(third, 0));
}

static void where_all_have_finished_something_the_longest_idle_goes(void **state)
{
    (void)state;
    struct seat *guests[PLACES];
    for (uint64_t i = 0; i < PLACES; i++)
        prove(guests[i] = enter(i));
    prove(guests[0]);
    /* It is at its next request, and not yet for long. */
    assert_true(ops_crowd_phase(crowd, &guests[1]->guest, OPS_GUEST_BODY));
    (void)enter(8);
    assert_true(has_gone(guests[2], 0));
    assert_false(has_gone(guests[0], 0) || has_gone(guests[1], 0) || has_gone(guests[3], 0));
}

static void a_party_that_has_its_places_makes_room_itself(void **state)
{
    (void)state;
    struct seat *other = enter(1), *own[PARTY_PLACES];
    for (int i = 0; i < PARTY_PLACES; i++)
        own[i] = enter(2);
    struct seat *newcomer = enter(2);
    assert_true(has_gone(own[0], 0));
    assert_false(has_gone(other, 0) || has_gone(own[1], 0) || has_gone(newcomer, 0));
    leave(own[0]);
    leave(own[1]);
    leave(other);
    (void)enter(2);
    assert_false(has_gone(own[2], 0) || has_gone(newcomer, 0));
}

static void who_is_being_answered_never_goes(void **state)
{
    (void)state;
    struct seat *guests[PLACES];
    struct ops_crowd_count count;
    for (uint64_t i = 0; i < PLACES; i++) {
        guests[i] = enter(i);
        assert_true(ops_crowd_phase(crowd, &guests[i]->guest, OPS_GUEST_ANSWER));
    }
    struct seat *newcomer = enter(9);
    assert_true(has_gone(newcomer, 0));
    assert_false(ops_crowd_phase(crowd, &newcomer->guest, OPS_GUEST_BODY));
    for (int i = 0; i < PLACES; i++)
        assert_false(has_gone(guests[i], 0));
    ops_crowd_read(crowd, &count);
    assert_int_equal(count.present, PLACES + 1);
    assert_int_equal(count.refused, 1);
    assert_int_equal(count.displaced, 0);
}

/* Their sockets are the library's, which may be busy elsewhere: they count until they are closed. */
static void who_was_told_to_go_and_does_not_keeps_out_newcomers_in_the_end(void **state)
{
    (void)state;
    struct ops_crowd_count count;
    for (uint64_t i = 0; i < GUESTS_MAX; i++)
        (void)enter(i);
    ops_crowd_read(crowd, &count);
    assert_int_equal(count.present, GUESTS_MAX);
    assert_true(count.refused > 0 && count.displaced > 0);
    assert_int_equal(count.refused + count.displaced, GUESTS_MAX - PLACES);
}

static void each_phase_has_its_time(void **state)
{
    (void)state;
    const struct ops_crowd_config config = {
        .places = PLACES,
        .party_places = PLACES,
        .time_ms = {[OPS_GUEST_HEAD] = 100, [OPS_GUEST_BODY] = 100, [OPS_GUEST_SEND] = 100, [OPS_GUEST_IDLE] = 100}};
    static const enum ops_guest_phase timed[] = {OPS_GUEST_HEAD, OPS_GUEST_BODY, OPS_GUEST_SEND, OPS_GUEST_IDLE};
    struct ops_crowd_count count;
    start(&config);
    struct seat *answered = enter(1);
    assert_true(ops_crowd_phase(crowd, &answered->guest, OPS_GUEST_ANSWER));
    for (size_t i = 0; i < sizeof timed / sizeof timed[0]; i++) {
        struct seat *late = enter(2);
        assert_true(timed[i] == OPS_GUEST_HEAD || ops_crowd_phase(crowd, &late->guest, timed[i]));
        assert_true(has_gone(late, PATIENCE_MS));
        leave(late);
    }
    assert_false(has_gone(answered, 0));
    ops_crowd_read(crowd, &count);
    assert_int_equal(count.late, sizeof timed / sizeof timed[0]);
    assert_int_equal(count.present, 1);
    (void)end(state);
}

/* ---- parties and hosts ---- */

static struct ops_party party_of(const char *address)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, address, &v4.sin_addr) == 1)
        return ops_party_of_address((struct sockaddr *)&v4);
    assert_int_equal(inet_pton(AF_INET6, address, &v6.sin6_addr), 1);
    return ops_party_of_address((struct sockaddr *)&v6);
}

static void addresses_of_one_party_are_told_from_others(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool same;
    } cases[] = {
        {"10.0.0.1", "10.0.0.1", true},
        {"10.0.0.1", "10.0.0.2", false},
        {"127.0.0.1", "127.9.9.9", true},
        {"127.0.0.1", "::1", true},
        {"::ffff:127.3.2.1", "127.0.0.1", true},
        {"::ffff:10.0.0.1", "10.0.0.1", true},
        {"2001:db8::1", "2001:db8::2:3", true},
        {"2001:db8::1", "2001:db8:0:1::1", false},
        {"0.0.0.5", "::5", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (ops_party_same(party_of(cases[i].a), party_of(cases[i].b)) != cases[i].same)
            fail_msg("%s and %s", cases[i].a, cases[i].b);
    assert_false(ops_party_same(ops_party_of_user(0), party_of("0.0.0.0")));
}

static void a_host_is_read_with_its_port(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *name; /* NULL: it can't be read */
        unsigned port;
        bool is_loopback;
    } cases[] = {
        {"ops.example.com", "ops.example.com", 0, false},
        {"ops.example.com.:8080", "ops.example.com", 8080, false},
        {"LocalHost:1", "LocalHost", 1, true},
        {"localhost.evil.example", "localhost.evil.example", 0, false},
        {"127.0.0.1:65535", "127.0.0.1", 65535, true},
        {"127.8.8.8", "127.8.8.8", 0, true},
        {"127.0.0.1.evil.example", "127.0.0.1.evil.example", 0, false},
        {"128.0.0.1", "128.0.0.1", 0, false},
        {"[::1]:80", "::1", 80, true},
        {"[::2]", "::2", 0, false},
        {"", "", 0, false},
        {"x:", "x", 0, false},
        {"127.0.0.1:65536", NULL, 0, false},
        {"127.0.0.1:8x", NULL, 0, false},
        {"::1", NULL, 0, false},
        {"[::1", NULL, 0, false},
        {"[::1]80", NULL, 0, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ops_host host = {.port = 0};
        bool is_read = ops_host_read(ops_view_of(cases[i].text), &host);
        if (is_read != (cases[i].name != NULL))
            fail_msg("'%s'", cases[i].text);
        if (is_read && (!ops_host_is(host.name, cases[i].name) || host.port != cases[i].port ||
                        ops_host_is_loopback(host.name) != cases[i].is_loopback))
            fail_msg("'%s' is '%.*s'", cases[i].text, (int)host.name.length, host.name.data);
    }
}

#define WITH_CROWD(test) cmocka_unit_test_setup_teardown(test, start_patient, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CROWD(who_came_first_and_finished_nothing_goes_first),
        WITH_CROWD(where_all_have_finished_something_the_longest_idle_goes),
        WITH_CROWD(a_party_that_has_its_places_makes_room_itself),
        WITH_CROWD(who_is_being_answered_never_goes),
        WITH_CROWD(who_was_told_to_go_and_does_not_keeps_out_newcomers_in_the_end),
        cmocka_unit_test(each_phase_has_its_time),
        cmocka_unit_test(addresses_of_one_party_are_told_from_others),
        cmocka_unit_test(a_host_is_read_with_its_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
