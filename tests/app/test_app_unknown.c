/* A transaction whose answer is lost: each use case ends with the truth, and there is one audit record for each change. */
#include "support/world.h"

#include "app/keys.h"
#include "app/secret.h"
#include "base/json.h"
#include "base/mem.h"
#include "support/cmocka_all.h"

#include <stdio.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static struct world world;
static char window_id[OPS_ULID_SIZE], vacuum_id[OPS_ULID_SIZE];

static void schedule(void)
{
    world_schedule(&world, 60, window_id);
}

static void schedule_and_start(void)
{
    char payload[64];
    schedule();
    (void)snprintf(payload, sizeof payload, "{'maintenance_id': '%s'}", window_id);
    json_decref(world_do(&world, "ops_maintenancestart", payload, "ok"));
}

static void schedule_and_wait(void)
{
    schedule();
    world_pass(&world, OPS_MINUTE_MS);
}

static void ask_for_a_vacuum(void)
{
    world_vacuum_all(&world, vacuum_id);
}

static void ask_and_wait(void)
{
    ask_for_a_vacuum();
    world_pass(&world, 5 * OPS_MINUTE_MS);
}

static void ask_and_let_it_expire(void)
{
    ask_for_a_vacuum();
    world_pass(&world, OPS_DAY_MS);
}

static void nothing(void)
{
}

struct use_case {
    const char *function;
    const char *payload;
    void (*prepare)(void);
    size_t audit_records; /* that it writes */
    size_t at_least;      /* when the rest is left to the workers; 0: all */
};

static const struct use_case use_cases[] = {
    {"ops_maintenanceschedule",
     "{'description': 'd', 'estimated_duration_seconds': 60, 'scheduled_start_utc': '2026-12-25T00:00:00Z'}", nothing, 1, 0},
    {"ops_maintenancestart", "{'maintenance_id': '%w'}", schedule, 1, 0},
    {"ops_maintenancecancel", "{'maintenance_id': '%w'}", schedule, 1, 0},
    {"ops_maintenanceupdate", "{'text': 'x'}", schedule_and_start, 1, 0},
    {"ops_maintenanceend", "{}", schedule_and_start, 1, 0},
    {"ops_sweep", "{}", schedule_and_wait, 1, 0},
    {"ops_vacuumall", "{'confirmation_phrase': 'VACUUM ALL DATA PERMANENTLY'}", nothing, 1, 0},
    {"ops_vacuumorg", "{'orgcode': 'acme'}", nothing, 1, 0},
    {"ops_vacuumorg", "{'orgcode': 'acme'}", ask_and_let_it_expire, 2, 0},
    {"ops_vacuumall", "{'dry_run': true}", nothing, 2, 1},
    {"ops_vacuumcancel", "{'vacuum_id': '%v'}", ask_for_a_vacuum, 1, 0},
    {"ops_sweep", "{}", ask_and_wait, 1, 0},
    {"ops_sweep", "{}", ask_and_let_it_expire, 1, 0},
    {"ops_maintenanceend", "{'secret_code': 'wrong'}", nothing, 1, 0},
};

struct loss {
    bool after;
    int skip;
    int times;
    bool also_reads; /* the witness can't be asked at first either */
    int hit;
};

static struct port_fault lose(void *context, enum port_call call)
{
    struct loss *loss = context;
    if (call == CALL_STORE_GET && loss->also_reads && loss->hit == 1) {
        loss->also_reads = false;
        return (struct port_fault){OPS_STORE_UNAVAILABLE, false};
    }
    if (call != CALL_STORE_TRANSACT || loss->skip-- > 0 || loss->times <= 0)
        return NO_PORT_FAULT;
    loss->times--;
    loss->hit++;
    return (struct port_fault){OPS_UNKNOWN, loss->after};
}

static json_t *ask(const struct use_case *use_case)
{
    char payload[256];
    const char *mark = strchr(use_case->payload, '%');
    const char *id = mark && mark[1] == 'w' ? window_id : vacuum_id;
    if (mark)
        (void)snprintf(payload, sizeof payload, "%.*s%s%s", (int)(mark - use_case->payload), use_case->payload, id,
                       mark + 2);
    else
        (void)snprintf(payload, sizeof payload, "%s", use_case->payload);
    return world_operate(&world, use_case->function, payload);
}

static void expect_truth(const struct use_case *use_case, const struct loss *planned)
{
    struct loss loss = *planned;
    world_init(&world, NULL);
    use_case->prepare();
    size_t before = world_audit_count(&world, NULL);
    world.ports.on_call = lose;
    world.ports.call_context = &loss;
    json_t *answer = ask(use_case);
    world.ports.on_call = NULL;
    world_check(&world);
    size_t written = world_audit_count(&world, NULL) - before;
    const char *tag = world_tag(answer);
    bool done = strcmp(tag, "ok") == 0 || strcmp(tag, "secret-code-mismatch") == 0;
    bool told_unknown = strcmp(tag, "store-unavailable") == 0;
    size_t least = use_case->at_least ? use_case->at_least : use_case->audit_records;
    if (written > use_case->audit_records || (done ? written < least : !told_unknown))
        fail_msg("%s (%s, after %d, %d times): %s with %zu audit records", use_case->function,
                 loss.after ? "done" : "not done", planned->skip, planned->times, tag, written);
    if (planned->times <= 2 && !done) /* a few lost answers are settled, not passed on */
        fail_msg("%s: %d lost answers end as %s", use_case->function, planned->times, tag);
    json_decref(answer);
    world_settle(&world, 2 * OPS_HOUR_MS);
    world_check(&world);
    world_release(&world);
}

static const struct loss losses[] = {
    {true, 0, 1, false, 0}, {false, 0, 1, false, 0}, {true, 0, 2, false, 0},   {false, 0, 2, false, 0},
    {true, 0, 1, true, 0},  {false, 0, 1, true, 0},  {true, 0, 1000, true, 0}, {false, 0, 1000, true, 0},
    {true, 1, 1, false, 0}, {false, 1, 1, false, 0}, {true, 2, 1, false, 0},   {false, 2, 1, false, 0},
    {true, 3, 2, false, 0}, {false, 3, 2, false, 0},
};

static void every_use_case_ends_with_the_truth_however_its_answer_is_lost(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(use_cases); i++)
        for (size_t k = 0; k < COUNT_OF(losses); k++)
            expect_truth(&use_cases[i], &losses[k]);
}

static void a_secret_code_whose_answer_is_lost_is_set_once(void **state)
{
    (void)state;
    for (int after = 0; after <= 1; after++) {
        struct loss loss = {after, 0, 1, false, 0};
        bool rotated = false;
        world_init(&world, NULL);
        world.ports.on_call = lose;
        world.ports.call_context = &loss;
        assert_int_equal(ops_secret_set(world.app, WORLD_SECRET, "another code entirely", "ann", &rotated, NULL), OPS_OK);
        world.ports.on_call = NULL;
        assert_true(rotated);
        assert_int_equal(world_audit_count(&world, "secret.rotated"), 1);
        const struct ops_secret_check check = {.code = "another code entirely", .operation = "test"};
        int64_t wait_ms;
        assert_int_equal(ops_secret_authorise(world.app, &check, &wait_ms, NULL), OPS_OK);
        world_check(&world);
        world_release(&world);
    }
}

static void a_vacuum_with_every_third_answer_lost_still_counts_truly(void **state)
{
    (void)state;
    for (int after = 0; after <= 1; after++)
        for (int phase = 0; phase < 3; phase++) {
            world_init(&world, NULL);
            ask_and_wait();
            struct loss loss = {after, phase, 0, false, 0};
            json_decref(world_do(&world, "ops_sweep", "{}", "ok"));
            world.ports.on_call = lose;
            world.ports.call_context = &loss;
            for (int i = 0; i < 2000; i++) {
                int64_t wait_ms;
                loss.skip = (i + phase) % 3 ? 1000 : 0;
                loss.times = 1;
                (void)!ops_worker_step(world.workers[0], &wait_ms, NULL);
                world_pass(&world, wait_ms);
            }
            world.ports.on_call = NULL;
            world_settle(&world, OPS_HOUR_MS);
            json_t *vacuum = world_vacuum(&world, vacuum_id);
            assert_string_equal(ops_json_text(vacuum, "status", ""), "completed");
            assert_int_equal(ops_json_integer(json_object_get(vacuum, "totals"), "deleted", 0), 99);
            assert_int_equal(ops_json_integer(json_object_get(vacuum, "totals"), "matched", 0), 99);
            assert_int_equal(world_audit_count(&world, "vacuum.completed"), 1);
            json_decref(vacuum);
            world_check(&world);
            world_release(&world);
        }
}

int main(void)
{
    ops_mem_use(NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_use_case_ends_with_the_truth_however_its_answer_is_lost),
        cmocka_unit_test(a_secret_code_whose_answer_is_lost_is_set_once),
        cmocka_unit_test(a_vacuum_with_every_third_answer_lost_still_counts_truly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
