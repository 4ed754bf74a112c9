/* Who gets the look that is due, when many ask: a small world of callers who ask again when they are told to. */
#include "core/looks.h"

#include "support/cmocka_all.h"

#include <stdio.h>
#include <string.h>

enum { CALLERS_MAX = 128, STEP_MS = 5 };

static const int64_t start_ms = 1000000;

static struct ops_peer process(int64_t uid, int64_t pid)
{
    return (struct ops_peer){.kind = OPS_PEER_PROCESS, .uid = uid, .pid = pid};
}

static struct ops_peer connection(const char *address, uint16_t port)
{
    struct ops_peer peer = {.kind = OPS_PEER_ADDRESS, .port = port};
    (void)snprintf(peer.text, sizeof peer.text, "%s", address);
    return peer;
}

/* Somebody who sends the next code as soon as the last one was answered, for ever. */
struct caller {
    struct ops_peer peer;
    bool new_process_each;   /* and by a new process, or connection, each time */
    bool vanishes;           /* never asks again, but comes anew */
    int64_t leaves_after_ms; /* likewise, but says so after a while; 0: waits for the look */
    uint64_t ticket;
    int64_t next_ms, leave_ms;
    int64_t look_count, sent_away_count;
};

struct crowd {
    struct ops_looks looks;
    struct caller callers[CALLERS_MAX];
    size_t count;
    int64_t now_ms;
    int64_t next_pid;
};

static struct crowd *crowd_new(void)
{
    struct crowd *crowd = test_calloc(1, sizeof *crowd);
    crowd->now_ms = start_ms;
    crowd->next_pid = 100000;
    return crowd;
}

static struct caller *add(struct crowd *crowd, struct ops_peer peer)
{
    assert_true(crowd->count < CALLERS_MAX);
    struct caller *caller = &crowd->callers[crowd->count++];
    *caller = (struct caller){.peer = peer, .next_ms = crowd->now_ms};
    return caller;
}

static void come_anew(struct crowd *crowd, struct caller *caller)
{
    caller->ticket = 0;
    caller->next_ms = crowd->now_ms + 10;
    if (caller->new_process_each && caller->peer.kind == OPS_PEER_PROCESS)
        caller->peer.pid = crowd->next_pid++;
    else if (caller->new_process_each)
        caller->peer.port++;
}

static void act(struct crowd *crowd, struct caller *caller)
{
    int64_t wait_ms = 0;
    if (caller->ticket && caller->leave_ms && caller->leave_ms <= crowd->now_ms) {
        ops_looks_leave(&crowd->looks, crowd->now_ms, &caller->ticket);
        come_anew(crowd, caller);
    }
    if (caller->next_ms > crowd->now_ms)
        return;
    if (!caller->ticket)
        caller->leave_ms = caller->leaves_after_ms ? crowd->now_ms + caller->leaves_after_ms : 0;
    enum ops_look_turn turn = ops_looks_ask(&crowd->looks, &caller->peer, crowd->now_ms, &caller->ticket, &wait_ms);
    caller->look_count += turn == OPS_LOOK_NOW;
    caller->sent_away_count += turn == OPS_LOOK_NEVER;
    assert_int_equal(turn == OPS_LOOK_LATER, caller->ticket != 0);
    if (turn != OPS_LOOK_LATER || caller->vanishes) {
        come_anew(crowd, caller);
        return;
    }
    assert_in_range(wait_ms, 1, OPS_LOOK_ASK_AGAIN_MS);
    caller->next_ms = crowd->now_ms + wait_ms;
}

static void pass(struct crowd *crowd, int64_t duration_ms)
{
    for (int64_t end_ms = crowd->now_ms + duration_ms; crowd->now_ms < end_ms; crowd->now_ms += STEP_MS)
        for (size_t i = 0; i < crowd->count; i++)
            act(crowd, &crowd->callers[i]);
}

/* How long the one who comes now, and comes again a second after he was sent away, is kept from his look. */
static int64_t kept_out_ms(struct crowd *crowd, struct ops_peer peer, int64_t patience_ms)
{
    uint64_t ticket = 0;
    int64_t came_ms = crowd->now_ms, next_ms = crowd->now_ms;
    for (; crowd->now_ms < came_ms + patience_ms; pass(crowd, STEP_MS)) {
        int64_t wait_ms = 1000;
        if (next_ms > crowd->now_ms)
            continue;
        if (ops_looks_ask(&crowd->looks, &peer, crowd->now_ms, &ticket, &wait_ms) == OPS_LOOK_NOW)
            return crowd->now_ms - came_ms;
        next_ms = crowd->now_ms + wait_ms;
    }
    return INT64_MAX;
}

/* ---- One a second ---- */

static void the_first_look_is_at_once_and_the_next_of_the_same_peer_a_second_later(void **state)
{
    (void)state;
    struct ops_looks looks = {.waiter_count = 0};
    const struct ops_peer ann = process(1000, 1), other = process(1000, 2), root = process(0, 1);
    uint64_t ticket = 0, root_ticket = 0;
    int64_t wait_ms = 0;
    assert_int_equal(ops_looks_ask(&looks, &ann, start_ms, &ticket, &wait_ms), OPS_LOOK_NOW);
    assert_int_equal(ops_looks_ask(&looks, &other, start_ms, &ticket, &wait_ms), OPS_LOOK_LATER);
    assert_int_equal(wait_ms, OPS_LOOK_ASK_AGAIN_MS);
    assert_int_equal(ops_looks_ask(&looks, &root, start_ms, &root_ticket, &wait_ms), OPS_LOOK_NOW);
    assert_int_equal(ops_looks_ask(&looks, &other, start_ms + 900, &ticket, &wait_ms), OPS_LOOK_LATER);
    assert_int_equal(wait_ms, 100);
    assert_int_equal(ops_looks_ask(&looks, &other, start_ms + 1000, &ticket, &wait_ms), OPS_LOOK_NOW);
    assert_int_equal(ticket, 0);
}

static void who_cannot_wait_is_looked_at_when_it_is_due_and_nobody_waits(void **state)
{
    (void)state;
    struct ops_looks looks = {.waiter_count = 0};
    const struct ops_peer ann = process(1000, 1), bob = process(1000, 2);
    uint64_t ticket = 0;
    int64_t wait_ms = 0;
    assert_int_equal(ops_looks_ask(&looks, &ann, start_ms, NULL, &wait_ms), OPS_LOOK_NOW);
    assert_int_equal(ops_looks_ask(&looks, &ann, start_ms + 999, NULL, &wait_ms), OPS_LOOK_NEVER);
    assert_int_equal(ops_looks_ask(&looks, &ann, start_ms + 1000, NULL, &wait_ms), OPS_LOOK_NOW);
    assert_int_equal(ops_looks_ask(&looks, &bob, start_ms + 1500, &ticket, &wait_ms), OPS_LOOK_LATER);
    assert_int_equal(ops_looks_ask(&looks, &ann, start_ms + 2000, NULL, &wait_ms), OPS_LOOK_NEVER);
    assert_int_equal(ops_looks_ask(&looks, &bob, start_ms + 2000, &ticket, &wait_ms), OPS_LOOK_NOW);
}

struct flood {
    const char *name;
    bool new_process_each;
    size_t callers;
};

static void no_flood_gets_more_than_one_look_a_second(void **state)
{
    (void)state;
    static const struct flood floods[] = {
        {"one", false, 1}, {"a hundred connections", false, 100}, {"new processes", true, 1}, {"many of those", true, 100}};
    for (size_t i = 0; i < sizeof floods / sizeof floods[0]; i++) {
        struct crowd *crowd = crowd_new();
        int64_t looks = 0;
        for (size_t k = 0; k < floods[i].callers; k++)
            add(crowd, process(1000, 7))->new_process_each = floods[i].new_process_each;
        pass(crowd, 60000);
        for (size_t k = 0; k < crowd->count; k++)
            looks += crowd->callers[k].look_count;
        if (looks < 50 || looks > 60)
            fail_msg("%s: %d looks in a minute", floods[i].name, (int)looks);
        test_free(crowd);
    }
}

static void all_peers_together_get_no_more_looks_than_can_be_remembered(void **state)
{
    (void)state;
    struct ops_looks looks = {.waiter_count = 0};
    int64_t wait_ms, count = 0;
    for (int64_t uid = 0; uid < 1000; uid++) {
        const struct ops_peer peer = process(uid, 1);
        count += ops_looks_ask(&looks, &peer, start_ms + uid / 2, NULL, &wait_ms) == OPS_LOOK_NOW;
    }
    assert_int_equal(count, OPS_LOOK_KEPT_MAX);
    const struct ops_peer peer = process(2000, 1);
    assert_int_equal(ops_looks_ask(&looks, &peer, start_ms + 1000, NULL, &wait_ms), OPS_LOOK_NOW);
}

/* ---- Nobody is kept out ---- */

static void one_that_floods_does_not_keep_another_process_out(void **state)
{
    (void)state;
    for (size_t connections = 1; connections <= 100; connections += 33) {
        struct crowd *crowd = crowd_new();
        for (size_t i = 0; i < connections; i++)
            add(crowd, process(1000, 7));
        for (int round = 0; round < 50; round++) {
            pass(crowd, 1300 + 70 * round);
            assert_in_range(kept_out_ms(crowd, process(1000, 5000 + round), 60000), 0, 1000 + OPS_LOOK_ASK_AGAIN_MS);
        }
        test_free(crowd);
    }
}

static void several_that_flood_take_turns_and_keep_nobody_out(void **state)
{
    (void)state;
    struct crowd *crowd = crowd_new();
    for (int64_t i = 0; i < 90; i++)
        add(crowd, process(1000, 7 + i % 3));
    pass(crowd, 90000);
    for (int64_t pid = 7; pid < 10; pid++) {
        int64_t looks = 0;
        for (size_t i = 0; i < crowd->count; i++)
            looks += crowd->callers[i].peer.pid == pid ? crowd->callers[i].look_count : 0;
        assert_in_range(looks, 20, 40);
    }
    assert_in_range(kept_out_ms(crowd, process(1000, 5000), 60000), 0, 1000 + OPS_LOOK_ASK_AGAIN_MS);
    test_free(crowd);
}

static void a_flood_of_ever_new_processes_goes_by_who_came_first(void **state)
{
    (void)state;
    struct crowd *crowd = crowd_new();
    for (int i = 0; i < 4; i++)
        add(crowd, process(1000, 7 + i))->new_process_each = true;
    pass(crowd, 30000);
    assert_in_range(kept_out_ms(crowd, process(1000, 5000), 60000), 0, 6000);
    test_free(crowd);
}

static void who_was_wrong_once_is_not_behind_ever_new_processes_for_long(void **state)
{
    (void)state;
    struct crowd *crowd = crowd_new();
    add(crowd, process(1000, 7))->new_process_each = true;
    pass(crowd, 10000);
    assert_in_range(kept_out_ms(crowd, process(1000, 5000), 60000), 0, 3000);
    assert_in_range(kept_out_ms(crowd, process(1000, 5000), 60000), 1000, OPS_LOOK_BEHIND_MS + 2000);
    test_free(crowd);
}

static void on_tcp_every_connection_is_a_caller_and_every_loopback_address_the_same_peer(void **state)
{
    (void)state;
    struct crowd *crowd = crowd_new();
    static const char *const addresses[] = {"127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.2"};
    int64_t looks = 0;
    for (int i = 0; i < 4; i++)
        add(crowd, connection(addresses[i], (uint16_t)(1000 * i)))->new_process_each = true;
    pass(crowd, 30000);
    for (size_t i = 0; i < crowd->count; i++)
        looks += crowd->callers[i].look_count;
    assert_in_range(looks, 28, 30);
    assert_in_range(kept_out_ms(crowd, connection("127.0.0.1", 50000), 60000), 0, 6000);
    test_free(crowd);
}

static void those_who_do_not_wait_for_their_turn_keep_nobody_out(void **state)
{
    (void)state;
    static const struct caller ways[] = {
        {.vanishes = true}, {.leaves_after_ms = 5}, {.leaves_after_ms = 200}, {.leaves_after_ms = 950}};
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        struct crowd *crowd = crowd_new();
        for (int k = 0; k < 30; k++) {
            struct caller *rude = add(crowd, process(1000, 7));
            rude->vanishes = ways[i].vanishes;
            rude->leaves_after_ms = ways[i].leaves_after_ms;
        }
        pass(crowd, 20000);
        assert_in_range(kept_out_ms(crowd, process(1000, 5000), 60000), 0, 1000 + OPS_LOOK_ASK_AGAIN_MS);
        test_free(crowd);
    }
}

static void one_peer_does_not_fill_the_place_of_the_others(void **state)
{
    (void)state;
    struct crowd *crowd = crowd_new();
    for (int64_t uid = 1; uid <= 5; uid++)
        for (int i = 0; i < 25; i++)
            add(crowd, process(uid, 7))->new_process_each = true;
    pass(crowd, 30000);
    assert_in_range(crowd->looks.waiter_count, 1, OPS_LOOK_WAITERS_MAX);
    assert_in_range(kept_out_ms(crowd, process(0, 5000), 60000), 0, 1000);
    assert_in_range(kept_out_ms(crowd, process(0, 5001), 60000), 0, 1000 + OPS_LOOK_ASK_AGAIN_MS);
    test_free(crowd);
}

/* ---- Places ---- */

static void a_full_line_sends_away_who_would_be_last_and_makes_room_for_who_goes_before(void **state)
{
    (void)state;
    struct ops_looks looks = {.waiter_count = 0};
    const struct ops_peer flooding = process(1000, 7), fresh = process(1000, 8);
    uint64_t tickets[OPS_LOOK_LINE_MAX + 1] = {0}, fresh_ticket = 0;
    int64_t wait_ms = 0, at_ms = start_ms;
    assert_int_equal(ops_looks_ask(&looks, &flooding, at_ms, &tickets[0], &wait_ms), OPS_LOOK_NOW);
    for (int i = 0; i < OPS_LOOK_LINE_MAX; i++)
        assert_int_equal(ops_looks_ask(&looks, &flooding, at_ms, &tickets[i], &wait_ms), OPS_LOOK_LATER);
    assert_int_equal(ops_looks_ask(&looks, &flooding, at_ms, &tickets[OPS_LOOK_LINE_MAX], &wait_ms), OPS_LOOK_NEVER);
    assert_int_equal(ops_looks_ask(&looks, &fresh, at_ms, &fresh_ticket, &wait_ms), OPS_LOOK_LATER);
    assert_int_equal(ops_looks_ask(&looks, &flooding, at_ms, &tickets[OPS_LOOK_LINE_MAX - 1], &wait_ms), OPS_LOOK_NEVER);
    assert_int_equal(tickets[OPS_LOOK_LINE_MAX - 1], 0);
    assert_int_equal(ops_looks_ask(&looks, &flooding, at_ms + 1000, &tickets[0], &wait_ms), OPS_LOOK_LATER);
    assert_int_equal(wait_ms, OPS_LOOK_ASK_SOONEST_MS);
    assert_int_equal(ops_looks_ask(&looks, &fresh, at_ms + 1000, &fresh_ticket, &wait_ms), OPS_LOOK_NOW);
}

static void who_leaves_makes_room_and_may_do_so_twice(void **state)
{
    (void)state;
    struct ops_looks looks = {.waiter_count = 0};
    const struct ops_peer ann = process(1000, 1), bob = process(1000, 2);
    uint64_t anns = 0, bobs = 0;
    int64_t wait_ms = 0;
    assert_int_equal(ops_looks_ask(&looks, &ann, start_ms, NULL, &wait_ms), OPS_LOOK_NOW);
    assert_int_equal(ops_looks_ask(&looks, &ann, start_ms, &anns, &wait_ms), OPS_LOOK_LATER);
    uint64_t before = anns;
    ops_looks_leave(&looks, start_ms, &anns);
    assert_int_equal(anns, 0);
    ops_looks_leave(&looks, start_ms, &anns);
    assert_int_equal(ops_looks_ask(&looks, &bob, start_ms + 1000, &bobs, &wait_ms), OPS_LOOK_NOW);
    assert_int_equal(ops_looks_ask(&looks, &ann, start_ms + 2000, &before, &wait_ms), OPS_LOOK_NEVER);
}

static void who_does_not_ask_again_is_left_out_after_three_seconds(void **state)
{
    (void)state;
    struct ops_looks looks = {.waiter_count = 0};
    const struct ops_peer ann = process(1000, 1), gone = process(1000, 2), bob = process(1000, 3);
    uint64_t lost = 0, bobs = 0;
    int64_t wait_ms = 0;
    assert_int_equal(ops_looks_ask(&looks, &ann, start_ms, NULL, &wait_ms), OPS_LOOK_NOW);
    assert_int_equal(ops_looks_ask(&looks, &gone, start_ms, &lost, &wait_ms), OPS_LOOK_LATER);
    assert_int_equal(ops_looks_ask(&looks, &bob, start_ms + 1000, &bobs, &wait_ms), OPS_LOOK_LATER);
    assert_int_equal(ops_looks_ask(&looks, &bob, start_ms + 3000, &bobs, &wait_ms), OPS_LOOK_LATER);
    assert_int_equal(ops_looks_ask(&looks, &bob, start_ms + 3001, &bobs, &wait_ms), OPS_LOOK_NOW);
}

/* ---- Peers ---- */

struct peer_case {
    const char *name;
    struct ops_peer a, b;
    bool same, same_caller;
};

static void users_addresses_and_sources_are_peers_and_processes_and_connections_callers(void **state)
{
    (void)state;
    const struct ops_peer unknown = {.kind = OPS_PEER_UNKNOWN};
    const struct ops_peer source = {.kind = OPS_PEER_SOURCE, .text = "arn:a"};
    const struct ops_peer other = {.kind = OPS_PEER_SOURCE, .text = "arn:b"};
    const struct peer_case cases[] = {
        {"a process", process(1, 2), process(1, 2), true, true},
        {"two of a user", process(1, 2), process(1, 3), true, false},
        {"two users", process(1, 2), process(2, 2), false, false},
        {"a connection", connection("192.0.2.1", 4), connection("192.0.2.1", 4), true, true},
        {"two of an address", connection("192.0.2.1", 4), connection("192.0.2.1", 5), true, false},
        {"two addresses", connection("192.0.2.1", 4), connection("192.0.2.2", 4), false, false},
        {"two loopback addresses", connection("127.0.0.1", 4), connection("127.1.2.3", 4), true, false},
        {"loopback in both versions", connection("::1", 4), connection("127.0.0.1", 4), true, false},
        {"an address that looks like it", connection("::12", 4), connection("::1", 4), false, false},
        {"a user and an address", process(0, 0), connection("", 0), false, false},
        {"a source", source, source, true, true},
        {"two sources", source, other, false, false},
        {"nobody known", unknown, unknown, true, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (ops_peer_same(&cases[i].a, &cases[i].b) != cases[i].same ||
            ops_peer_same_caller(&cases[i].a, &cases[i].b) != cases[i].same_caller)
            fail_msg("%s", cases[i].name);
}

static void expect_words(struct ops_peer peer, const char *words, const char *json)
{
    char text[OPS_PEER_WORDS_SIZE];
    ops_peer_words(&peer, text);
    assert_string_equal(text, words);
    json_t *value = ops_peer_json(&peer);
    char *dumped = value ? json_dumps(value, JSON_COMPACT) : NULL;
    assert_string_equal(dumped ? dumped : "", json);
    free(dumped);
    json_decref(value);
}

static void a_peer_is_named_in_records_and_to_people(void **state)
{
    (void)state;
    expect_words(process(1000, 4711), "uid 1000, pid 4711", "{\"uid\":1000,\"pid\":4711}");
    expect_words(process(1000, 0), "uid 1000", "{\"uid\":1000}");
    expect_words(process(4294967295, 1), "uid 4294967295, pid 1", "{\"uid\":4294967295,\"pid\":1}");
    expect_words(connection("::1", 80), "::1", "{\"address\":\"::1\"}");
    expect_words((struct ops_peer){.kind = OPS_PEER_SOURCE, .text = "arn:x"}, "arn:x", "{\"source\":\"arn:x\"}");
    expect_words((struct ops_peer){.kind = OPS_PEER_SOURCE, .text = "cut \xC3"}, "cut \xC3", "{\"source\":\"cut ?\"}");
    expect_words((struct ops_peer){.kind = OPS_PEER_UNKNOWN}, "an unknown caller", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_look_is_at_once_and_the_next_of_the_same_peer_a_second_later),
        cmocka_unit_test(who_cannot_wait_is_looked_at_when_it_is_due_and_nobody_waits),
        cmocka_unit_test(no_flood_gets_more_than_one_look_a_second),
        cmocka_unit_test(all_peers_together_get_no_more_looks_than_can_be_remembered),
        cmocka_unit_test(one_that_floods_does_not_keep_another_process_out),
        cmocka_unit_test(several_that_flood_take_turns_and_keep_nobody_out),
        cmocka_unit_test(a_flood_of_ever_new_processes_goes_by_who_came_first),
        cmocka_unit_test(who_was_wrong_once_is_not_behind_ever_new_processes_for_long),
        cmocka_unit_test(on_tcp_every_connection_is_a_caller_and_every_loopback_address_the_same_peer),
        cmocka_unit_test(those_who_do_not_wait_for_their_turn_keep_nobody_out),
        cmocka_unit_test(one_peer_does_not_fill_the_place_of_the_others),
        cmocka_unit_test(a_full_line_sends_away_who_would_be_last_and_makes_room_for_who_goes_before),
        cmocka_unit_test(who_leaves_makes_room_and_may_do_so_twice),
        cmocka_unit_test(who_does_not_ask_again_is_left_out_after_three_seconds),
        cmocka_unit_test(users_addresses_and_sources_are_peers_and_processes_and_connections_callers),
        cmocka_unit_test(a_peer_is_named_in_records_and_to_people),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
