/* Many workers of one process: what they ask the store together, whatever their number. */
#include "support/world.h"

#include "adapters/memory/catalogue.h"
#include "app/board.h"
#include "app/keys.h"
#include "base/json.h"
#include "core/vacuum.h"
#include "support/cmocka_all.h"

#include <stdio.h>

enum { CREW_MAX = 64, TABLES = 8, ROWS = 200, PAGE = 20, SWEEP_EVERY_MS = 500 };

#define TABLE(name) "{'name': '" name "', 'org': {'by': 'attribute', 'name': 'orgcode'}}"

static const char manifest[] = "{'stack': 'bench', 'services': [{'code': 'pvm', 'tables': [" TABLE("t0") "," TABLE(
    "t1") "," TABLE("t2") "," TABLE("t3") "," TABLE("t4") "," TABLE("t5") "," TABLE("t6") "," TABLE("t7") "]}]}";

static struct world world;

static int set_up(void **state)
{
    const struct ops_memory_limits limits = {.page_max = PAGE};
    (void)state;
    world_init(&world, manifest);
    for (int i = 0; i < TABLES; i++) {
        const char name[] = {'t', (char)('0' + i), '\0'};
        assert_int_equal(ops_memory_resource_add(world.real.catalogue, OPS_TABLE, name, &limits), OPS_OK);
        world_add_rows(&world, name, "acme", 0, ROWS);
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_check(&world);
    world_release(&world);
    return 0;
}

/* ---- A crew: workers who each wait as they are told ---- */

struct crew {
    struct ops_worker *workers[CREW_MAX];
    int64_t due_ms[CREW_MAX]; /* monotonic */
    size_t count;
    int64_t sweep_ms;
};

static void crew_init(struct crew *crew, size_t count)
{
    *crew = (struct crew){.count = count};
    for (size_t i = 0; i < count; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "crew-%zu", i);
        assert_int_equal(ops_worker_new(world.app, name, &crew->workers[i]), OPS_OK);
    }
}

static void crew_release(struct crew *crew)
{
    for (size_t i = 0; i < crew->count; i++)
        ops_worker_free(crew->workers[i]);
}

static int64_t monotonic_ms(void)
{
    return ops_clock_monotonic_ms(world.real.clock);
}

static void crew_step(struct crew *crew, size_t i)
{
    int64_t wait_ms = 0;
    assert_int_equal(ops_worker_step(crew->workers[i], &wait_ms, NULL), OPS_OK);
    crew->due_ms[i] = monotonic_ms() + wait_ms;
}

/* All who are due take a step, once each. */
static void crew_round(struct crew *crew)
{
    struct ops_sweep_result result;
    if (crew->sweep_ms <= monotonic_ms()) {
        assert_int_equal(ops_app_sweep(world.app, &result, NULL), OPS_OK);
        crew->sweep_ms = monotonic_ms() + SWEEP_EVERY_MS;
    }
    for (size_t i = 0; i < crew->count; i++)
        if (crew->due_ms[i] <= monotonic_ms())
            crew_step(crew, i);
}

static void crew_rest(const struct crew *crew)
{
    int64_t next_ms = crew->sweep_ms;
    for (size_t i = 0; i < crew->count; i++)
        next_ms = crew->due_ms[i] < next_ms ? crew->due_ms[i] : next_ms;
    if (next_ms > monotonic_ms())
        world_pass(&world, next_ms - monotonic_ms());
}

static void crew_run(struct crew *crew, int64_t duration_ms)
{
    int64_t until_ms = monotonic_ms() + duration_ms;
    while (monotonic_ms() < until_ms) {
        crew_round(crew);
        crew_rest(crew);
    }
}

static bool is_open(const char *id)
{
    json_t *vacuum = world_vacuum(&world, id);
    bool open = ops_vacuum_open(vacuum);
    json_decref(vacuum);
    return open;
}

static void crew_finish(struct crew *crew, const char *id)
{
    for (int seconds = 0; is_open(id); seconds++) {
        assert_true(seconds < 3600);
        crew_run(crew, OPS_SECOND_MS);
    }
    json_t *vacuum = world_vacuum(&world, id);
    assert_string_equal(ops_json_text(vacuum, "status", ""), "completed");
    assert_int_equal(ops_json_integer(json_object_get(vacuum, "totals"), "deleted", -1), TABLES * ROWS);
    json_decref(vacuum);
}

static void start_vacuum(char id[static OPS_ULID_SIZE])
{
    struct ops_sweep_result result;
    world_vacuum_all(&world, id);
    world_pass(&world, OPS_VACUUM_PENDING_MS + OPS_SECOND_MS);
    assert_int_equal(ops_app_sweep(world.app, &result, NULL), OPS_OK);
}

/* ---- What they ask ---- */

static size_t task_docs;

static void count_task(void *context, const char *pk, json_t *doc)
{
    (void)context;
    (void)doc;
    task_docs += strncmp(pk, "VACUUM#", strlen("VACUUM#")) == 0;
}

static size_t store_calls(void)
{
    return world.ports.calls[CALL_STORE_GET] + world.ports.calls[CALL_STORE_QUERY] + world.ports.calls[CALL_STORE_TRANSACT];
}

struct asked {
    size_t calls;
    size_t task_docs;
};

/* What a crew of so many asks the store in a minute in which every task is somebody's. */
static struct asked ask_for_a_minute(size_t count)
{
    char id[OPS_ULID_SIZE];
    struct crew crew;
    assert_int_equal(set_up(NULL), 0);
    ops_app_limit_rate(world.app, 8);
    crew_init(&crew, count);
    start_vacuum(id);
    crew_run(&crew, 20 * OPS_SECOND_MS);
    world.ports.on_document = count_task;
    task_docs = 0;
    size_t before = store_calls();
    crew_run(&crew, OPS_MINUTE_MS);
    const struct asked asked = {store_calls() - before, task_docs};
    world.ports.on_document = NULL;
    assert_true(is_open(id));
    ops_app_limit_rate(world.app, 0);
    crew_finish(&crew, id);
    crew_release(&crew);
    assert_int_equal(tear_down(NULL), 0);
    return asked;
}

/* One of them looks for all, once a second: three calls, and the tasks every few seconds. */
static void those_who_find_nothing_to_do_ask_the_store_once_for_all(void **state)
{
    (void)state;
    struct asked busy = ask_for_a_minute(TABLES), idle = ask_for_a_minute(CREW_MAX);
    assert_in_range(idle.calls, 0, busy.calls + (size_t)60 * 4);
    assert_in_range(idle.task_docs, 0, busy.task_docs + (size_t)TABLES * 20);
}

/* What a crew of so many asks for a whole vacuum, without a moment's rest in between. */
static size_t ask_for_a_vacuum(size_t count)
{
    char id[OPS_ULID_SIZE];
    struct crew crew;
    assert_int_equal(set_up(NULL), 0);
    crew_init(&crew, count);
    start_vacuum(id);
    size_t before = store_calls();
    while (ops_memory_record_count(world.real.catalogue, OPS_TABLE, "t0", NULL) > 0 ||
           world.ports.removed_count < TABLES * ROWS) {
        crew_round(&crew);
        crew_rest(&crew);
    }
    size_t calls = store_calls() - before;
    crew_finish(&crew, id);
    crew_release(&crew);
    assert_int_equal(tear_down(NULL), 0);
    return calls;
}

static void what_is_deleted_costs_the_store_the_same_with_any_number_of_workers(void **state)
{
    (void)state;
    size_t few = ask_for_a_vacuum(2);
    for (size_t count = TABLES; count <= CREW_MAX; count *= 2)
        assert_in_range(ask_for_a_vacuum(count), 0, few + few / 10);
}

/* ---- All at once ---- */

enum { OTHERS = 16, ANY_STORE_CALL = PORT_CALL_COUNT };

static struct crew others;
static size_t asked_by_others;
static int stepped_at;

static bool is_store_call(enum port_call call)
{
    return call == CALL_STORE_GET || call == CALL_STORE_QUERY || call == CALL_STORE_TRANSACT;
}

/* While one worker waits for a port, all others look for something to do. */
static struct port_fault step_others(void *context, enum port_call call)
{
    (void)context;
    if (call != (enum port_call)stepped_at && !(stepped_at == ANY_STORE_CALL && is_store_call(call)))
        return NO_PORT_FAULT;
    world.ports.on_call = NULL;
    size_t before = store_calls();
    for (size_t i = 0; i < others.count; i++)
        crew_step(&others, i);
    asked_by_others += store_calls() - before;
    world.ports.on_call = step_others;
    return NO_PORT_FAULT;
}

/* One step of the first worker, with steps of all others in between; how often those asked the store. */
static size_t asked_during_a_step(int at)
{
    int64_t wait_ms;
    stepped_at = at;
    asked_by_others = 0;
    world.ports.on_call = step_others;
    assert_int_equal(ops_worker_step(world.workers[0], &wait_ms, NULL), OPS_OK);
    world.ports.on_call = NULL;
    assert_int_equal(wait_ms, 0);
    return asked_by_others;
}

static void while_one_looks_or_plans_the_others_wait(void **state)
{
    (void)state;
    char id[OPS_ULID_SIZE];
    static const int moments[] = {CALL_STORE_QUERY, CALL_STORE_GET, CALL_CATALOGUE_LIST, ANY_STORE_CALL};
    for (size_t i = 0; i < sizeof moments / sizeof moments[0]; i++) {
        assert_int_equal(set_up(NULL), 0);
        crew_init(&others, OTHERS);
        start_vacuum(id);
        assert_int_equal(asked_during_a_step(moments[i]), 0);
        crew_finish(&others, id);
        crew_release(&others);
        assert_int_equal(tear_down(NULL), 0);
    }
}

static size_t done_count(const char *id)
{
    char pk[OPS_STORE_KEY_SIZE];
    (void)snprintf(pk, sizeof pk, OPS_PK_TASKS_FORMAT, id);
    json_t *tasks = world_partition(&world, pk), *task;
    size_t i, done = 0;
    json_array_foreach(tasks, i, task)
        done += ops_json_flag(task, "done", false);
    json_decref(tasks);
    return done;
}

static void one_worker_ends_a_pass_while_the_others_wait(void **state)
{
    (void)state;
    char id[OPS_ULID_SIZE];
    int64_t wait_ms;
    assert_int_equal(set_up(NULL), 0);
    crew_init(&others, OTHERS);
    start_vacuum(id);
    while (done_count(id) < TABLES)
        assert_int_equal(ops_worker_step(world.workers[0], &wait_ms, NULL), OPS_OK);
    assert_int_equal(asked_during_a_step(ANY_STORE_CALL), 0);
    crew_finish(&others, id);
    crew_release(&others);
    assert_int_equal(tear_down(NULL), 0);
}

static void count_call(void *context)
{
    ++*(size_t *)context;
}

/* Those that sleep are called once for each pass that more than one can work on. */
static void the_others_are_called_when_tasks_become_free(void **state)
{
    (void)state;
    char id[OPS_ULID_SIZE];
    int64_t wait_ms;
    size_t called = 0;
    assert_int_equal(set_up(NULL), 0);
    ops_app_on_free(world.app, count_call, &called);
    assert_int_equal(ops_worker_step(world.workers[0], &wait_ms, NULL), OPS_OK);
    assert_int_equal(called, 0);
    start_vacuum(id);
    world_settle(&world, OPS_HOUR_MS);
    assert_int_equal(called, 2);
    assert_int_equal(tear_down(NULL), 0);
}

/* ---- Another process ---- */

static struct ops_app *second_app(void)
{
    static const struct ops_build build = {0, 1, "Tue-1763955000"};
    struct ops_app *app = NULL;
    assert_int_equal(ops_app_new(&world.ports.outer, &world.manifest, &build, &app), OPS_OK);
    return app;
}

/* Boards of two processes show the same tasks as free, and each is worked on once. */
static void two_processes_share_a_vacuum(void **state)
{
    (void)state;
    char id[OPS_ULID_SIZE];
    struct crew ours, theirs;
    assert_int_equal(set_up(NULL), 0);
    struct ops_app *app = second_app(), *first = world.app;
    crew_init(&ours, TABLES);
    world.app = app;
    crew_init(&theirs, TABLES);
    world.app = first;
    start_vacuum(id);
    while (is_open(id)) {
        crew_round(&ours);
        crew_round(&theirs);
        crew_rest(ours.due_ms[0] < theirs.due_ms[0] ? &ours : &theirs);
    }
    crew_finish(&ours, id);
    crew_release(&ours);
    crew_release(&theirs);
    ops_app_free(app);
    assert_int_equal(tear_down(NULL), 0);
}

static struct port_fault dead(void *context, enum port_call call)
{
    (void)context;
    (void)call;
    return (struct port_fault){OPS_STORE_UNAVAILABLE, false};
}

/* A process that has had nothing to do for long finds out within seconds that the leases of another ran out. */
static void what_a_dead_process_held_is_taken_over_soon_after_its_leases(void **state)
{
    (void)state;
    char id[OPS_ULID_SIZE];
    struct crew ours, theirs;
    assert_int_equal(set_up(NULL), 0);
    struct ops_app *app = second_app(), *first = world.app;
    crew_init(&ours, 2);
    world.app = app;
    crew_init(&theirs, TABLES);
    world.app = first;
    ops_app_limit_rate(app, 1);
    start_vacuum(id);
    crew_run(&theirs, 5 * OPS_SECOND_MS);
    for (int seconds = 0; seconds < 100; seconds++) {
        crew_run(&theirs, OPS_SECOND_MS);
        crew_run(&ours, OPS_SECOND_MS);
    }
    world.ports.on_call = dead;
    crew_release(&theirs);
    ops_app_free(app);
    world.ports.on_call = NULL;
    crew_run(&ours, OPS_LEASE_MS + 10 * OPS_SECOND_MS);
    assert_false(is_open(id));
    crew_finish(&ours, id);
    crew_release(&ours);
    assert_int_equal(tear_down(NULL), 0);
}

/* ---- The board itself ---- */

#define BOARD_VACUUM "01BX5ZZKBKACTAV9WEVGEMMVRZ"

static struct ops_board board;

/* Shows a vacuum of two tasks, and what the board needs to know of it. */
static enum ops_board_need show(int64_t now_ms)
{
    enum ops_board_need need;
    struct ops_shared *held = NULL;
    json_t *vacuum = json_pack("{s:s, s:{s:s, s:i, s:i}}", "vacuum_id", BOARD_VACUUM, "work", "phase", "tasks", "first_task",
                               7, "task_count", 2);
    assert_int_equal(ops_board_show(&board, vacuum, INT64_MAX, now_ms, &held, &need), OPS_OK);
    ops_shared_let_go(held);
    return need;
}

/* The record of a task whose lease ends then; -1: it is done. */
static json_t *task_doc(int number, int lease_until_ms)
{
    return json_pack("{s:i, s:b, s:i}", "number", number, "done", lease_until_ms < 0, "lease_until_ms", lease_until_ms);
}

/* takes tasks. */
static enum ops_board_need show_tasks(json_t *tasks, int64_t now_ms)
{
    enum ops_board_need need = ops_board_show_tasks(&board, BOARD_VACUUM, tasks, now_ms, now_ms);
    json_decref(tasks);
    return need;
}

static json_int_t take(int64_t now_ms, uint32_t draw)
{
    struct ops_free_task task;
    if (!ops_board_take(&board, now_ms, draw, &task))
        return -1;
    ops_shared_let_go(task.vacuum);
    return task.number;
}

static int board_begin(void **state)
{
    (void)state;
    ops_board_init(&board);
    assert_true(ops_board_begin_look(&board, 1000));
    assert_int_equal(show(1000), OPS_BOARD_NEEDS_TASKS);
    assert_int_equal(show_tasks(json_array(), 1000), OPS_BOARD_NEEDS_NOTHING);
    ops_board_end_look(&board);
    assert_int_equal(take(1000, 1), 8);
    assert_int_equal(take(1000, 0), 7);
    assert_int_equal(take(1000, 0), -1);
    return 0;
}

static int board_end(void **state)
{
    (void)state;
    ops_board_release(&board);
    return 0;
}

static void what_is_free_is_forgotten_when_nobody_looks_any_more(void **state)
{
    (void)state;
    ops_board_end_task(&board, BOARD_VACUUM, 7, OPS_BOARD_LOST);
    assert_true(ops_board_begin_look(&board, 1000));
    assert_int_equal(show(1000), OPS_BOARD_NEEDS_TASKS);
    assert_int_equal(show_tasks(json_pack("[o]", task_doc(7, 0)), 1000), OPS_BOARD_NEEDS_NOTHING);
    ops_board_end_look(&board);
    assert_int_equal(take(4000, 0), -1);
    assert_true(ops_board_begin_look(&board, 4000));
    assert_int_equal(show(4000), OPS_BOARD_NEEDS_NOTHING);
    ops_board_end_look(&board);
    assert_int_equal(take(4000, 0), 7);
}

static void what_is_told_while_the_tasks_are_read_is_newer_than_what_was_read(void **state)
{
    (void)state;
    ops_board_end_task(&board, BOARD_VACUUM, 7, OPS_BOARD_LOST);
    assert_true(ops_board_begin_look(&board, 1000));
    assert_int_equal(show(1000), OPS_BOARD_NEEDS_TASKS);
    ops_board_end_task(&board, BOARD_VACUUM, 8, OPS_BOARD_DONE);
    json_t *read_before = json_pack("[o, o]", task_doc(7, 0), task_doc(8, 60000));
    assert_int_equal(show_tasks(read_before, 1000), OPS_BOARD_NEEDS_NOTHING);
    ops_board_end_look(&board);
    assert_int_equal(take(1000, 0), 7);
    assert_int_equal(take(1000, 0), -1);
    ops_board_end_task(&board, BOARD_VACUUM, 7, OPS_BOARD_DONE);
    assert_true(ops_board_begin_look(&board, 1000));
    assert_int_equal(show(1000), OPS_BOARD_NEEDS_END);
    ops_board_end_look(&board);
}

static void a_claim_that_fails_while_the_tasks_are_read_has_them_read_again(void **state)
{
    (void)state;
    ops_board_end_task(&board, BOARD_VACUUM, 7, OPS_BOARD_LOST);
    assert_true(ops_board_begin_look(&board, 1000));
    assert_int_equal(show(1000), OPS_BOARD_NEEDS_TASKS);
    ops_board_end_task(&board, BOARD_VACUUM, 8, OPS_BOARD_LOST);
    json_t *read_before = json_pack("[o, o]", task_doc(7, 0), task_doc(8, 60000));
    assert_int_equal(show_tasks(read_before, 1000), OPS_BOARD_NEEDS_NOTHING);
    ops_board_end_look(&board);
    assert_int_equal(take(1000, 0), -1);
    assert_true(ops_board_begin_look(&board, 1000));
    assert_int_equal(show(1000), OPS_BOARD_NEEDS_TASKS);
    json_t *read_now = json_pack("[o, o]", task_doc(7, 0), task_doc(8, 0));
    assert_int_equal(show_tasks(read_now, 1000), OPS_BOARD_NEEDS_NOTHING);
    ops_board_end_look(&board);
    assert_int_equal(take(1000, 1), 8);
    assert_int_equal(take(1000, 0), 7);
}

/* A worker of ours that hangs keeps its task no longer than one of another process would. */
static void a_task_of_ours_whose_lease_ran_out_is_free(void **state)
{
    (void)state;
    assert_true(ops_board_begin_look(&board, 2000));
    assert_int_equal(show(2000), OPS_BOARD_NEEDS_TASKS);
    json_t *both_held = json_pack("[o, o]", task_doc(7, 61000), task_doc(8, 100000));
    assert_int_equal(show_tasks(both_held, 2000), OPS_BOARD_NEEDS_NOTHING);
    ops_board_end_look(&board);
    assert_int_equal(take(2000, 0), -1);
    assert_true(ops_board_begin_look(&board, 61000));
    assert_int_equal(show(61000), OPS_BOARD_NEEDS_TASKS);
    json_t *one_lapsed = json_pack("[o, o]", task_doc(7, 61000), task_doc(8, 100000));
    assert_int_equal(show_tasks(one_lapsed, 61000), OPS_BOARD_NEEDS_NOTHING);
    ops_board_end_look(&board);
    assert_int_equal(take(61000, 0), 7);
    assert_int_equal(take(61000, 0), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(those_who_find_nothing_to_do_ask_the_store_once_for_all),
        cmocka_unit_test(what_is_deleted_costs_the_store_the_same_with_any_number_of_workers),
        cmocka_unit_test(while_one_looks_or_plans_the_others_wait),
        cmocka_unit_test(one_worker_ends_a_pass_while_the_others_wait),
        cmocka_unit_test(the_others_are_called_when_tasks_become_free),
        cmocka_unit_test(two_processes_share_a_vacuum),
        cmocka_unit_test(what_a_dead_process_held_is_taken_over_soon_after_its_leases),
        cmocka_unit_test_setup_teardown(what_is_free_is_forgotten_when_nobody_looks_any_more, board_begin, board_end),
        cmocka_unit_test_setup_teardown(what_is_told_while_the_tasks_are_read_is_newer_than_what_was_read, board_begin,
                                        board_end),
        cmocka_unit_test_setup_teardown(a_claim_that_fails_while_the_tasks_are_read_has_them_read_again, board_begin,
                                        board_end),
        cmocka_unit_test_setup_teardown(a_task_of_ours_whose_lease_ran_out_is_free, board_begin, board_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
