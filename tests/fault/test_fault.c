/*
 * The fault sweep: each use case is run with its first allocation failing, then its second, and so on until nothing fails
 * any more; and likewise with its n-th call of a port failing, in each way in which that port may fail.
 *
 * Every time the answer must be a clean one, nothing may leak, every invariant must hold, and once the fault is over the
 * same call must succeed, or be refused because the first one had done its work.
 */
#include "support/alloc_fault.h"
#include "support/world.h"

#include "adapters/memory/catalogue.h"
#include "adapters/memory/clock.h"
#include "app/audit.h"
#include "app/secret.h"
#include "base/json.h"
#include "base/mem.h"
#include "support/cmocka_all.h"
#include "support/manifest_text.h"

#include <stdio.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Small, so that the sweep over a whole vacuum is a short one. */
static const char stack_text[] =
    "{'stack': 's', 'services': [{'code': 'pvm',"
    " 'tables': [{'name': 'rows', 'org': {'by': 'attribute', 'name': 'orgcode'}}],"
    " 'buckets': [{'name': 'objects', 'org': {'by': 'key_prefix', 'pattern': '{orgcode}/'}}]}]}";

enum { ROWS = 5, OBJECTS = 2 };

static struct world world;
static char window_id[OPS_ULID_SIZE], vacuum_id[OPS_ULID_SIZE];

static void make_world(void)
{
    const struct ops_memory_limits limits = {1, 3, 2};
    world_init(&world, stack_text);
    assert_int_equal(ops_memory_resource_add(world.real.catalogue, OPS_TABLE, "rows", &limits), OPS_OK);
    assert_int_equal(ops_memory_resource_add(world.real.catalogue, OPS_BUCKET, "objects", &limits), OPS_OK);
    assert_int_equal(ops_memory_resource_add(world.real.catalogue, OPS_TABLE, "stray", &limits), OPS_OK);
    world_add_rows(&world, "rows", "acme", 0, ROWS);
    for (int i = 0; i < OBJECTS; i++) {
        const struct ops_memory_record record = {.partition = i ? "acme/1" : "acme/0", .size_bytes = 10};
        assert_int_equal(ops_memory_record_put(world.real.catalogue, OPS_BUCKET, "objects", &record), OPS_OK);
    }
}

/* ---- The use cases ---- */

static void nothing(void)
{
}

static void schedule(void)
{
    world_schedule(&world, 60, window_id);
}

static void start(void)
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

static void ask(void)
{
    world_vacuum_all(&world, vacuum_id);
}

static void ask_and_wait(void)
{
    ask();
    world_pass(&world, 5 * OPS_MINUTE_MS);
}

static void ask_and_let_it_expire(void)
{
    ask();
    world_pass(&world, OPS_DAY_MS);
}

static void ask_and_run(void)
{
    ask_and_wait();
    json_decref(world_do(&world, "ops_sweep", "{}", "ok"));
}

static void guess(int first, int count)
{
    char payload[64];
    for (int i = first; i < first + count; i++) {
        (void)snprintf(payload, sizeof payload, "{'secret_code': 'guess %d'}", i);
        json_decref(world_do(&world, "ops_maintenanceend", payload, "secret-code-mismatch"));
    }
}

static void nearly_lock_secret(void)
{
    guess(0, 4);
}

/* So far forward that the vacuum is due. */
static void ask_and_set_the_clock(void)
{
    ask();
    ops_memory_clock_set(world.real.clock, world_now_ms(&world) + 10 * OPS_MINUTE_MS);
}

static void ask_and_set_the_clock_back(void)
{
    ask();
    ops_memory_clock_set(world.real.clock, world_now_ms(&world) - 10 * OPS_MINUTE_MS);
}

static void start_with_another_due(void)
{
    start();
    schedule_and_wait();
}

static void lock_secret(void)
{
    guess(0, 5);
}

static void start_and_lock_secret(void)
{
    start();
    lock_secret();
}

static void be_wrong(void)
{
    json_decref(world_do(&world, "ops_maintenanceend", "{'secret_code': 'wrong'}", "secret-code-mismatch"));
}

static void be_wrong_twice(void)
{
    be_wrong();
    be_wrong();
    world_pass(&world, OPS_HOUR_MS);
}

struct use_case {
    const char *name;  /* of the operation: a function, or a route */
    const char *input; /* %w and %v stand for the window's and the vacuum's id */
    void (*prepare)(void);
    const char *tag;      /* how it ends without a fault */
    const char *done_tag; /* how it ends when it has been done before; NULL: likewise */
};

static const struct use_case use_cases[] = {
    {"/ops/ping", "{}", start, "ok", NULL},
    {"/ops/stat", "{}", nothing, "ok", NULL},
    {"/ops/maintenance/list", "{'limit': '1'}", start, "ok", NULL},
    {"/ops/maintenance/get", "{'maintenance_id': '%w'}", schedule, "ok", NULL},
    {"ops_maintenanceschedule",
     "{'description': 'd', 'estimated_duration_seconds': 60, 'scheduled_start_utc': '2026-12-25T00:00:00Z', 'reason': 'r'}",
     nothing, "ok", NULL},
    {"ops_maintenancestart", "{'maintenance_id': '%w'}", schedule, "ok", "maintenance-not-scheduled"},
    {"ops_maintenancestart", "{'maintenance_id': '01ARZ3NDEKTSV4RRFFQ69G5FAV'}", nothing, "maintenance-not-found", NULL},
    {"ops_maintenanceupdate", "{'text': 't', 'description': 'd', 'estimated_duration_seconds': 90}", start, "ok", NULL},
    {"ops_maintenanceend", "{'end_message': 'm'}", start, "ok", "no-active-maintenance"},
    {"ops_maintenancecancel", "{'maintenance_id': '%w'}", schedule, "ok", "maintenance-not-scheduled"},
    {"ops_vacuumall", "{'confirmation_phrase': 'VACUUM ALL DATA PERMANENTLY'}", nothing, "ok", "vacuum-in-progress"},
    {"ops_vacuumorg", "{'orgcode': 'acme'}", ask, "vacuum-in-progress", NULL},
    {"ops_vacuumorg", "{'orgcode': 'acme'}", ask_and_let_it_expire, "ok", "vacuum-in-progress"},
    {"ops_vacuumorg", "{'orgcode': 'acme', 'dry_run': true}", nothing, "ok", NULL},
    {"ops_vacuumcancel", "{'vacuum_id': '%v'}", ask, "ok", "vacuum-not-pending"},
    {"ops_vacuumstatus", "{}", ask_and_run, "ok", NULL},
    {"ops_auditlist", "{'limit': 1}", schedule, "ok", NULL},
    {"ops_sweep", "{}", schedule_and_wait, "ok", NULL},
    {"ops_sweep", "{}", ask_and_wait, "ok", NULL},
    {"ops_sweep", "{}", ask_and_let_it_expire, "ok", NULL},
    {"ops_sweep", "{}", ask_and_set_the_clock, "ok", NULL},
    {"ops_sweep", "{}", ask_and_set_the_clock_back, "ok", NULL},
    {"ops_maintenanceend", "{}", start_with_another_due, "ok", "no-active-maintenance"},
    {"ops_maintenanceend", "{'secret_code': 'wrong'}", nothing, "secret-code-mismatch", NULL},
    {"ops_maintenanceend", "{'secret_code': 'wrong'}", nearly_lock_secret, "secret-code-mismatch", NULL},
    {"ops_maintenanceend", "{'secret_code': 'wrong'}", lock_secret, "secret-code-mismatch", NULL},
    {"ops_maintenanceend", "{'secret_code': 'wrong'}", be_wrong, "secret-code-mismatch", NULL},
    {"ops_maintenanceend", "{}", start_and_lock_secret, "ok", "no-active-maintenance"},
    {"ops_vacuumall", "{'confirmation_phrase': 'VACUUM ALL DATA PERMANENTLY'}", lock_secret, "secret-code-locked", "ok"},
    {"ops_sweep", "{}", be_wrong_twice, "ok", NULL},
    {"ops_maintenanceend", "{'nonsense': 'x'}", nothing, "unknown-field", NULL},
};

static json_t *input_of(const struct use_case *use_case, const struct ops_operation *operation)
{
    char text[512];
    const char *mark = strchr(use_case->input, '%');
    (void)snprintf(text, sizeof text, "%s", use_case->input);
    if (mark)
        (void)snprintf(text, sizeof text, "%.*s%s%s", (int)(mark - use_case->input), use_case->input,
                       mark[1] == 'w' ? window_id : vacuum_id, mark + 2);
    json_t *input = manifest_text_json(text);
    if (operation->access == OPS_ACCESS_SECRET && !json_object_get(input, "secret_code"))
        assert_int_equal(ops_json_set_text(input, "secret_code", WORLD_SECRET), OPS_OK);
    return input;
}

/* Before the call and after it, so that a fault meets only what is between. */
typedef void (*around_fn)(void *context);

static json_t *act(const struct use_case *use_case, around_fn before, around_fn after, void *context)
{
    struct ops_view name = ops_view_of(use_case->name);
    const struct ops_operation *operation = ops_operation_by_route(name);
    if (!operation)
        operation = ops_operation_by_function(name);
    json_t *input = input_of(use_case, operation);
    struct ops_answer answer;
    ops_answer_init(&answer);
    const struct ops_call call = {.operation = operation,
                                  .input = input,
                                  .from_query = operation->route != NULL,
                                  .session_guid = ops_view_of(operation->route ? WORLD_GUID : NULL)};
    world.before_answer = before;
    world.after_answer = after;
    world.around_context = context;
    json_t *envelope = world_call(&world, &call, &answer);
    world.before_answer = world.after_answer = NULL;
    ops_answer_release(&answer);
    json_decref(input);
    return envelope;
}

static bool is(const json_t *answer, const char *tag)
{
    return tag && strcmp(world_tag(answer), tag) == 0;
}

/* The call again, without a fault. */
static void expect_again(const struct use_case *use_case, const char *about)
{
    world_pass(&world, OPS_MINUTE_MS / 2); /* leases of a process that met the fault are over, and a lock of a second */
    json_t *answer = act(use_case, NULL, NULL, NULL);
    if (!is(answer, use_case->tag) && !is(answer, use_case->done_tag))
        fail_msg("%s, then again: %s", about, world_tag(answer));
    json_decref(answer);
    world_check(&world);
    world_settle(&world, OPS_HOUR_MS);
    world_check(&world);
}

/* ---- Allocations ---- */

static void arm(void *n)
{
    alloc_fault_arm(*(size_t *)n);
}

static bool hit;

static void disarm(void *n)
{
    (void)n;
    hit = alloc_fault_hit();
    alloc_fault_arm(0);
}

static void sweep_allocations(const struct use_case *use_case)
{
    hit = true;
    for (size_t n = 1; hit; n++) {
        char about[128];
        alloc_fault_install(0);
        make_world();
        use_case->prepare();
        json_t *answer = act(use_case, arm, disarm, &n);
        (void)snprintf(about, sizeof about, "%s %s, allocation %zu", use_case->name, use_case->input, n);
        /* A detail may be left out, or an estimate; else there is no memory, and nothing but that is said. */
        if (!is(answer, use_case->tag) && !(hit && (is(answer, "internal-error") || is(answer, "static"))))
            fail_msg("%s: %s", about, world_tag(answer));
        json_decref(answer);
        world_check(&world);
        expect_again(use_case, about);
        world_release(&world);
        if (alloc_fault_live_count() != 0)
            fail_msg("%s: %zu blocks are left", about, alloc_fault_live_count());
    }
    alloc_fault_remove();
}

static void every_use_case_survives_the_failure_of_any_allocation(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(use_cases); i++)
        sweep_allocations(&use_cases[i]);
}

/* ---- Port calls ---- */

enum { WAYS_MAX = 6 };

static const struct port_fault ways[PORT_CALL_COUNT][WAYS_MAX] = {
    [CALL_STORE_GET] = {{OPS_STORE_UNAVAILABLE, false}, {OPS_THROTTLED, false}, {OPS_CORRUPT, false}, {OPS_NO_MEMORY,
        false}},
    [CALL_STORE_QUERY] = {{OPS_STORE_UNAVAILABLE, false}, {OPS_THROTTLED, false}, {OPS_CORRUPT, false}, {OPS_NO_MEMORY,
        false}},
    [CALL_STORE_TRANSACT] = {{OPS_STORE_UNAVAILABLE, false}, {OPS_THROTTLED, false}, {OPS_CONFLICT, false},
                             {OPS_UNKNOWN, false}, {OPS_UNKNOWN, true}, {OPS_NO_MEMORY, false}},
    [CALL_CATALOGUE_LIST] = {{OPS_STORE_UNAVAILABLE, false}, {OPS_THROTTLED, false}, {OPS_NO_MEMORY, false},
                             {OPS_TARGET_ERROR, false}},
    [CALL_CATALOGUE_OPEN] = {{OPS_STORE_UNAVAILABLE, false}, {OPS_THROTTLED, false}, {OPS_NO_MEMORY, false},
                             {OPS_TARGET_ERROR, false}},
    [CALL_TARGET_PAGE] = {{OPS_STORE_UNAVAILABLE, false}, {OPS_THROTTLED, false}, {OPS_NO_MEMORY, false},
                          {OPS_TARGET_ERROR, false}, {OPS_LIMIT, false}},
    [CALL_TARGET_REMOVE] = {{OPS_STORE_UNAVAILABLE, false}, {OPS_THROTTLED, false}, {OPS_NO_MEMORY, false},
                            {OPS_TARGET_ERROR, false}, {OPS_UNKNOWN, true}, {OPS_UNKNOWN, false}},
    [CALL_TARGET_RECOUNT] = {{OPS_STORE_UNAVAILABLE, false}, {OPS_THROTTLED, false}, {OPS_NO_MEMORY, false},
                             {OPS_TARGET_ERROR, false}},
    [CALL_SINK_APPEND] = {{OPS_STORE_UNAVAILABLE, false}, {OPS_THROTTLED, false}, {OPS_NO_MEMORY, false},
                          {OPS_UNKNOWN, false}, {OPS_UNKNOWN, true}},
    [CALL_SESSION_CHECK] = {{OPS_SESSION_STORE_UNAVAILABLE, false}, {OPS_SESSION_INVALID, false}, {OPS_NO_MEMORY, false}},
    [CALL_HASHER_HASH] = {{OPS_NO_MEMORY, false}},
    [CALL_HASHER_VERIFY] = {{OPS_NO_MEMORY, false}, {OPS_CORRUPT, false}},
};

struct port_sweep {
    size_t call; /* counts down */
    size_t way;
    bool reached;
    bool failed;
    enum port_call failed_call;
    enum ops_status failed_status;
};

static struct port_fault fail_at(void *context, enum port_call call)
{
    struct port_sweep *sweep = context;
    if (sweep->reached || sweep->call-- > 0)
        return NO_PORT_FAULT;
    struct port_fault fault = ways[call][sweep->way];
    sweep->reached = true;
    sweep->failed = fault.status != OPS_OK;
    sweep->failed_call = call;
    sweep->failed_status = fault.status;
    return fault;
}

static void attach(void *context)
{
    world.ports.on_call = fail_at;
    world.ports.call_context = context;
}

static void detach(void *context)
{
    (void)context;
    world.ports.on_call = NULL;
}

/* Whether an answer is one that the fault may lead to. */
static bool is_clean(const json_t *answer, const struct use_case *use_case, const struct port_sweep *sweep)
{
    if (is(answer, use_case->tag))
        return true;
    if (!sweep->failed)
        return false;
    enum ops_status status = sweep->failed_status;
    const char *tag = status == OPS_NO_MEMORY || status == OPS_CORRUPT ? "internal-error"
                      : status == OPS_SESSION_STORE_UNAVAILABLE        ? "session-store-unavailable"
                      : status == OPS_SESSION_INVALID                  ? "session-invalid"
                                                                       : "store-unavailable";
    return is(answer, tag);
}

static bool sweep_port_call(const struct use_case *use_case, size_t n, size_t way)
{
    struct port_sweep sweep = {.call = n, .way = way};
    char about[256];
    make_world();
    use_case->prepare();
    json_t *answer = act(use_case, attach, detach, &sweep);
    (void)snprintf(about, sizeof about, "%s %s, call %zu (%s answers %s)", use_case->name, use_case->input, n,
                   port_call_name(sweep.failed_call), ops_status_tag(sweep.failed_status));
    if (!is_clean(answer, use_case, &sweep))
        fail_msg("%s: %s", about, world_tag(answer));
    json_decref(answer);
    world_check(&world);
    expect_again(use_case, about);
    world_release(&world);
    return sweep.reached;
}

static void every_use_case_survives_the_failure_of_any_port_call(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(use_cases); i++)
        for (size_t way = 0; way < WAYS_MAX; way++)
            for (size_t n = 0; sweep_port_call(&use_cases[i], n, way); n++)
                continue;
}

/* ---- What is no operation: the work that goes on by itself, and the secret code's setting ---- */

static void run_vacuum(void)
{
    world_settle(&world, OPS_HOUR_MS);
}

static void deliver(void)
{
    size_t count;
    (void)!ops_audit_deliver(world.app, &count, NULL);
}

static void verify(void)
{
    json_int_t count;
    struct ops_error error = OPS_ERROR_INIT;
    enum ops_status status = ops_audit_verify(world.app, &count, &error);
    ops_error_release(&error);
    assert_true(status != OPS_CORRUPT || world.ports.on_call); /* no false alarm for want of memory */
}

static void rotate(void)
{
    bool rotated;
    struct ops_error error = OPS_ERROR_INIT;
    (void)!ops_secret_set(world.app, WORLD_SECRET, WORLD_SECRET, "ann", &rotated, &error);
    ops_error_release(&error);
}

static void rotate_while_locked(void)
{
    rotate();
    world_pass(&world, OPS_SECOND_MS);
}

static void tell_repeats(void)
{
    (void)!ops_secret_tell_repeats(world.app, NULL);
}

static void adopt(void)
{
    (void)!ops_app_adopt(world.app, NULL);
}

static void ask_run_and_step(void)
{
    int64_t wait_ms;
    ask_and_run();
    for (int i = 0; i < 4; i++)
        assert_int_equal(ops_worker_step(world.workers[0], &wait_ms, NULL), OPS_OK);
}

static void ask_run_and_crash(void)
{
    ask_run_and_step();
    world_crash(&world, 0);
}

struct work {
    const char *name;
    void (*prepare)(void);
    void (*run)(void);
};

static const struct work works[] = {
    {"a whole vacuum", ask_and_run, run_vacuum},
    {"a vacuum whose worker has died", ask_run_and_crash, run_vacuum},
    {"delivery", schedule, deliver},
    {"verification", schedule, verify},
    {"a new secret code", nothing, rotate},
    {"a new secret code while codes are locked", lock_secret, rotate_while_locked},
    {"what is told of wrong codes that came again", be_wrong_twice, tell_repeats},
    {"adoption", ask_run_and_step, adopt},
};

static void expect_finished(const char *about, bool failure_allowed)
{
    json_decref(world_do(&world, "ops_maintenanceschedule",
                         "{'description': 'd', 'estimated_duration_seconds': 60,"
                         " 'scheduled_start_utc': '2026-12-25T00:00:00Z'}",
                         "ok"));
    world_pass(&world, OPS_MINUTE_MS);
    world_settle(&world, OPS_HOUR_MS);
    json_t *answer = world_operate(&world, "ops_vacuumstatus", "{}");
    const json_t *vacuum = world_data(answer), *totals = json_object_get(vacuum, "totals");
    bool completed = strcmp(ops_json_text(vacuum, "status", ""), "completed") == 0;
    json_int_t matched = ops_json_integer(totals, "matched", -1), deleted = ops_json_integer(totals, "deleted", -1);
    json_int_t failed = ops_json_integer(totals, "failed", -1);
    json_int_t left = (json_int_t)(world_count(&world, OPS_TABLE, "rows") + world_count(&world, OPS_BUCKET, "objects"));
    bool truth = matched == deleted + failed && deleted == ROWS + OBJECTS - left;
    if (vacuum && (!truth || (completed ? left != 0 : !failure_allowed))) {
        char *text = json_dumps(vacuum, 0);
        fail_msg("%s: %d left, %s", about, (int)left, text);
    }
    json_decref(answer);
    world_check(&world);
}

static void work_that_goes_on_by_itself_survives_the_failure_of_any_allocation(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(works); i++) {
        hit = true;
        for (size_t n = 1; hit; n++) {
            char about[128];
            alloc_fault_install(0);
            make_world();
            works[i].prepare();
            alloc_fault_arm(n);
            works[i].run();
            disarm(NULL);
            (void)snprintf(about, sizeof about, "%s, allocation %zu", works[i].name, n);
            expect_finished(about, false);
            world_release(&world);
            if (alloc_fault_live_count() != 0)
                fail_msg("%s: %zu blocks are left", about, alloc_fault_live_count());
        }
        alloc_fault_remove();
    }
}

static void work_that_goes_on_by_itself_survives_the_failure_of_any_port_call(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(works); i++)
        for (size_t way = 0; way < WAYS_MAX; way++) {
            struct port_sweep sweep = {.reached = true};
            for (size_t n = 0; sweep.reached; n++) {
                char about[256];
                sweep = (struct port_sweep){.call = n, .way = way};
                make_world();
                works[i].prepare();
                attach(&sweep);
                works[i].run();
                detach(&sweep);
                (void)snprintf(about, sizeof about, "%s, call %zu (%s answers %s)", works[i].name, n,
                               port_call_name(sweep.failed_call), ops_status_tag(sweep.failed_status));
                expect_finished(about, sweep.failed_status == OPS_TARGET_ERROR || sweep.failed_status == OPS_LIMIT);
                world_release(&world);
            }
        }
}

/* The harness can fail: a block that is not given back is seen. */
static void a_leak_is_noticed(void **state)
{
    (void)state;
    alloc_fault_install(0);
    void *block = ops_mem_alloc(1);
    assert_int_equal(alloc_fault_live_count(), 1);
    ops_mem_free(block);
    assert_int_equal(alloc_fault_live_count(), 0);
    alloc_fault_remove();
}

int main(void)
{
    ops_mem_use(NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_leak_is_noticed),
        cmocka_unit_test(every_use_case_survives_the_failure_of_any_allocation),
        cmocka_unit_test(every_use_case_survives_the_failure_of_any_port_call),
        cmocka_unit_test(work_that_goes_on_by_itself_survives_the_failure_of_any_allocation),
        cmocka_unit_test(work_that_goes_on_by_itself_survives_the_failure_of_any_port_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
