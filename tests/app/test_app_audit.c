/* The audit trail: delivered in order and at least once, and verified against tampering. */
#include "support/world.h"

#include "adapters/memory/clock.h"
#include "adapters/memory/log_sink.h"
#include "app/audit.h"
#include "app/keys.h"
#include "base/json.h"
#include "base/mem.h"
#include "support/cmocka_all.h"

#include <stdio.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static struct world world;

static int set_up(void **state)
{
    (void)state;
    world_init(&world, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world.ports.on_call = NULL;
    world.ports.on_document = NULL;
    world_check(&world);
    world_release(&world);
    return 0;
}

static void make_records(int count)
{
    char id[OPS_ULID_SIZE];
    for (int i = 0; i < count; i++)
        world_schedule(&world, 3600, id);
}

static size_t delivered(void)
{
    return ops_memory_log_sink_count(world.real.log_sink);
}

static json_int_t delivered_seq(size_t index)
{
    struct ops_log_event event = ops_memory_log_sink_event(world.real.log_sink, index);
    json_t *record = json_loadb(event.text.data, event.text.length, 0, NULL);
    json_int_t seq = ops_json_integer(record, "seq", 0);
    json_decref(record);
    return seq;
}

static size_t deliver(enum ops_status expected)
{
    size_t count = 0;
    enum ops_status status = ops_audit_deliver(world.app, &count, NULL);
    if (status != expected)
        fail_msg("%s, not %s", ops_status_tag(status), ops_status_tag(expected));
    return count;
}

static void records_are_delivered_once_in_order_as_they_are_in_the_trail(void **state)
{
    (void)state;
    make_records(4);
    assert_int_equal(deliver(OPS_OK), 5); /* and the secret code that was set */
    assert_int_equal(deliver(OPS_OK), 0);
    make_records(2);
    assert_int_equal(deliver(OPS_OK), 2);
    json_t *records = world_partition(&world, OPS_PK_AUDIT);
    assert_int_equal(delivered(), json_array_size(records));
    for (size_t i = 0; i < delivered(); i++) {
        struct ops_log_event event = ops_memory_log_sink_event(world.real.log_sink, i);
        json_t *record = json_loadb(event.text.data, event.text.length, 0, NULL);
        assert_true(json_equal(record, json_array_get(records, i)));
        json_decref(record);
    }
    json_decref(records);
}

static void a_long_trail_goes_out_a_hundred_at_a_time(void **state)
{
    (void)state;
    make_records(229);
    assert_int_equal(deliver(OPS_OK), 100);
    assert_int_equal(deliver(OPS_OK), 100);
    assert_int_equal(deliver(OPS_OK), 30);
    for (size_t i = 0; i < delivered(); i++)
        assert_int_equal(delivered_seq(i), i + 1);
}

struct sink_fault {
    enum port_call call;
    enum ops_status status;
    bool after;
    int skip;
    int times;
};

static struct port_fault on_call(void *context, enum port_call call)
{
    struct sink_fault *fault = context;
    if (call != fault->call || fault->skip-- > 0 || fault->times-- <= 0)
        return NO_PORT_FAULT;
    return (struct port_fault){fault->status, fault->after};
}

static void let(struct sink_fault *fault)
{
    world.ports.on_call = on_call;
    world.ports.call_context = fault;
}

static void while_the_log_group_is_down_records_wait_and_work_goes_on(void **state)
{
    (void)state;
    struct sink_fault fault = {CALL_SINK_APPEND, OPS_STORE_UNAVAILABLE, false, 0, 1000};
    char id[OPS_ULID_SIZE];
    let(&fault);
    world_schedule(&world, 10, id);
    world_run(&world, OPS_MINUTE_MS);
    assert_int_equal(delivered(), 0);
    assert_int_equal(world_audit_count(&world, "maintenance.started"), 1);
    world.ports.on_call = NULL;
    assert_int_equal(deliver(OPS_OK), 3); /* at once: the lease was given back */
    assert_int_equal(delivered_seq(0), 1);
}

static void whatever_is_lost_on_the_way_every_record_arrives_and_none_out_of_order(void **state)
{
    static const struct sink_fault faults[] = {
        {CALL_SINK_APPEND, OPS_UNKNOWN, true, 0, 2},           {CALL_SINK_APPEND, OPS_UNKNOWN, false, 0, 2},
        {CALL_SINK_APPEND, OPS_THROTTLED, false, 0, 2},        {CALL_STORE_TRANSACT, OPS_STORE_UNAVAILABLE, false, 0, 1},
        {CALL_STORE_TRANSACT, OPS_STORE_UNAVAILABLE, false, 1, 1}, {CALL_STORE_TRANSACT, OPS_UNKNOWN, true, 0, 1},
        {CALL_STORE_TRANSACT, OPS_UNKNOWN, true, 1, 1},        {CALL_STORE_TRANSACT, OPS_UNKNOWN, false, 1, 3},
        {CALL_STORE_TRANSACT, OPS_CONFLICT, false, 0, 1},      {CALL_STORE_TRANSACT, OPS_CONFLICT, false, 1, 1},
        {CALL_STORE_QUERY, OPS_THROTTLED, false, 0, 1},        {CALL_STORE_GET, OPS_STORE_UNAVAILABLE, false, 0, 1},
        {CALL_STORE_GET, OPS_STORE_UNAVAILABLE, false, 1, 1},
    };
    for (size_t i = 0; i < COUNT_OF(faults); i++) {
        struct sink_fault fault = faults[i];
        size_t count;
        make_records(6);
        let(&fault);
        for (int n = 0; n < 5; n++) {
            (void)!ops_audit_deliver(world.app, &count, NULL);
            world_pass(&world, 31 * OPS_SECOND_MS);
        }
        world.ports.on_call = NULL;
        assert_int_equal(deliver(OPS_OK), 0);
        json_int_t reached = 0;
        for (size_t k = 0; k < delivered(); k++) {
            assert_true(delivered_seq(k) <= reached + 1);
            reached = delivered_seq(k) > reached ? delivered_seq(k) : reached;
        }
        if (reached != 7)
            fail_msg("%s answers %s: only %d arrived", port_call_name(faults[i].call), ops_status_tag(faults[i].status),
                     (int)reached);
        assert_int_equal(tear_down(state), 0);
        assert_int_equal(set_up(state), 0);
    }
}

/* Another process holds the delivery and dies with it. */
static struct port_fault dead_after_the_lease(void *context, enum port_call call)
{
    int *transactions = context;
    if (call == CALL_STORE_TRANSACT)
        (*transactions)++;
    return *transactions >= 1 && call != CALL_STORE_TRANSACT ? (struct port_fault){OPS_STORE_UNAVAILABLE, false}
           : *transactions > 1                               ? (struct port_fault){OPS_STORE_UNAVAILABLE, false}
                                                             : NO_PORT_FAULT;
}

static void a_delivery_whose_process_died_is_taken_over_when_its_lease_is_over(void **state)
{
    (void)state;
    int transactions = 0;
    make_records(3);
    world.ports.on_call = dead_after_the_lease;
    world.ports.call_context = &transactions;
    (void)deliver(OPS_STORE_UNAVAILABLE);
    world.ports.on_call = NULL;
    assert_int_equal(deliver(OPS_OK), 0);
    world_pass(&world, 30 * OPS_SECOND_MS - 1);
    assert_int_equal(deliver(OPS_OK), 0);
    world_pass(&world, 1);
    assert_int_equal(deliver(OPS_OK), 4);
}

static void a_delivery_is_not_taken_over_by_a_host_whose_clock_is_behind(void **state)
{
    (void)state;
    int transactions = 0;
    make_records(3);
    world.ports.on_call = dead_after_the_lease;
    world.ports.call_context = &transactions;
    (void)deliver(OPS_STORE_UNAVAILABLE);
    world.ports.on_call = NULL;
    ops_memory_clock_set(world.real.clock, world_now_ms(&world) - 2 * OPS_SECOND_MS);
    assert_int_equal(deliver(OPS_OK), 0);
    world_pass(&world, 32 * OPS_SECOND_MS);
    assert_int_equal(deliver(OPS_OK), 4);
}

static void a_delivery_is_not_waited_for_when_the_wall_clock_went_far_back(void **state)
{
    (void)state;
    int transactions = 0;
    make_records(3);
    world.ports.on_call = dead_after_the_lease;
    world.ports.call_context = &transactions;
    (void)deliver(OPS_STORE_UNAVAILABLE);
    world.ports.on_call = NULL;
    ops_memory_clock_set(world.real.clock, world_now_ms(&world) - OPS_HOUR_MS);
    assert_int_equal(deliver(OPS_OK), 4);
}

/* ---- Verification ---- */

static const char *tampered_name;
static json_int_t tampered_seq;

static void tamper(void *context, const char *pk, json_t *doc)
{
    (void)context;
    if (strcmp(pk, OPS_PK_AUDIT) == 0 && ops_json_integer(doc, "seq", 0) == tampered_seq)
        assert_int_equal(ops_json_set_text(doc, tampered_name, "tampered"), OPS_OK);
}

static void expect_broken(json_int_t good, const char *words)
{
    struct ops_error error = OPS_ERROR_INIT;
    json_int_t count = -1;
    enum ops_status status = ops_audit_verify(world.app, &count, &error);
    if (status != OPS_CORRUPT || count != good || !strstr(error.text, words))
        fail_msg("%s after %d: '%s', not '%s' after %d", ops_status_tag(status), (int)count, error.text, words, (int)good);
    ops_error_release(&error);
}

static void a_record_that_was_changed_is_found_and_named(void **state)
{
    (void)state;
    make_records(9);
    static const char *const names[] = {"actor", "type", "prev_sha256", "sha256", "reason"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        for (tampered_seq = 1; tampered_seq <= 10; tampered_seq++) {
            char words[32];
            tampered_name = names[i];
            world.ports.on_document = tamper;
            (void)snprintf(words, sizeof words, "record %d ", (int)tampered_seq);
            expect_broken(tampered_seq - 1, words);
        }
}

static void change_head(const char *member, json_int_t seq, const char *sha256)
{
    struct ops_txn txn;
    char token[OPS_ULID_SIZE];
    ops_random_ulid(world.real.random, world_now_ms(&world), token);
    ops_txn_init(&txn, token);
    if (member)
        ops_txn_put(&txn, OPS_PK_SINGLETON, OPS_SK_AUDIT_HEAD, json_pack("{s:I, s:s}", "seq", seq, "sha256", sha256));
    else
        ops_txn_delete(&txn, OPS_PK_SINGLETON, OPS_SK_AUDIT_HEAD);
    assert_int_equal(ops_store_transact(world.real.store, &txn, NULL), OPS_OK);
    ops_txn_release(&txn);
}

static void a_head_that_was_set_ahead_back_or_aside_is_found(void **state)
{
    (void)state;
    static const char zeros[] = "0000000000000000000000000000000000000000000000000000000000000000";
    json_t *head = NULL, *records;
    make_records(4);
    records = world_partition(&world, OPS_PK_AUDIT);
    assert_int_equal(ops_store_get(world.real.store, OPS_PK_SINGLETON, OPS_SK_AUDIT_HEAD, &head, NULL), OPS_OK);
    change_head("seq", 6, zeros);
    expect_broken(5, "record 6 is missing");
    change_head("sha256", 5, zeros);
    expect_broken(5, "record 5 ");
    change_head("seq", 3, ops_json_text(json_array_get(records, 2), "sha256", ""));
    expect_broken(5, "AUDIT_HEAD");
    change_head(NULL, 0, NULL);
    expect_broken(5, "AUDIT_HEAD");
    change_head("seq", 5, ops_json_text(head, "sha256", ""));
    json_decref(records);
    json_decref(head);
}

/* Just when the records have been read, another process adds one. */
static struct port_fault grow(void *context, enum port_call call)
{
    bool *grown = context;
    if (call == CALL_STORE_QUERY && !*grown) {
        *grown = true;
        make_records(3);
    }
    return NO_PORT_FAULT;
}

static void a_chain_that_grows_while_it_is_read_is_as_it_should_be(void **state)
{
    (void)state;
    bool grown = false;
    json_int_t count;
    make_records(4);
    world.ports.on_call = grow;
    world.ports.call_context = &grown;
    assert_int_equal(ops_audit_verify(world.app, &count, NULL), OPS_OK);
    assert_true(grown && count >= 5);
}

static void a_long_chain_is_followed_over_several_pages(void **state)
{
    (void)state;
    json_int_t count;
    make_records(1200);
    assert_int_equal(ops_audit_verify(world.app, &count, NULL), OPS_OK);
    assert_int_equal(count, 1201);
    world_release(&world);
}

static void the_store_itself_refuses_to_change_or_delete_a_record(void **state)
{
    (void)state;
    for (int what = 0; what <= 1; what++) {
        struct ops_txn txn;
        char token[OPS_ULID_SIZE];
        ops_random_ulid(world.real.random, world_now_ms(&world), token);
        ops_txn_init(&txn, token);
        if (what)
            ops_txn_delete(&txn, OPS_PK_AUDIT, "000000000001");
        else
            ops_txn_put(&txn, OPS_PK_AUDIT, "000000000001", json_object());
        assert_int_equal(ops_store_transact(world.real.store, &txn, NULL), OPS_CONFLICT);
        ops_txn_release(&txn);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    ops_mem_use(NULL);
    const struct CMUnitTest tests[] = {
        CASE(records_are_delivered_once_in_order_as_they_are_in_the_trail),
        CASE(a_long_trail_goes_out_a_hundred_at_a_time),
        CASE(while_the_log_group_is_down_records_wait_and_work_goes_on),
        CASE(whatever_is_lost_on_the_way_every_record_arrives_and_none_out_of_order),
        CASE(a_delivery_whose_process_died_is_taken_over_when_its_lease_is_over),
        CASE(a_delivery_is_not_taken_over_by_a_host_whose_clock_is_behind),
        CASE(a_delivery_is_not_waited_for_when_the_wall_clock_went_far_back),
        CASE(a_record_that_was_changed_is_found_and_named),
        CASE(a_head_that_was_set_ahead_back_or_aside_is_found),
        CASE(a_chain_that_grows_while_it_is_read_is_as_it_should_be),
        CASE(the_store_itself_refuses_to_change_or_delete_a_record),
        cmocka_unit_test_setup_teardown(a_long_chain_is_followed_over_several_pages, set_up, NULL),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
