/* The secret code in front of every mutation. */
#include "support/world.h"

#include "adapters/memory/clock.h"
#include "adapters/memory/log.h"
#include "app/keys.h"
#include "app/secret.h"
#include "base/json.h"
#include "base/mem.h"
#include "core/secret.h"
#include "support/cmocka_all.h"
#include "support/manifest_text.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define ORDER "'description': 'd', 'estimated_duration_seconds': 60, 'scheduled_start_utc': '2026-12-25T00:00:00Z'"

static struct world world;
static char vacuum_id[OPS_ULID_SIZE]; /* that callers cancel */

static int set_up(void **state)
{
    (void)state;
    world_init(&world, NULL);
    (void)snprintf(vacuum_id, sizeof vacuum_id, "01ARZ3NDEKTSV4RRFFQ69G5FAV");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_check(&world);
    world_release(&world);
    return 0;
}

static json_t *with_code(const char *code)
{
    char payload[2048];
    (void)snprintf(payload, sizeof payload, "{" ORDER ", 'secret_code': '%s'}", code);
    return world_invoke(&world, "ops_maintenanceschedule", payload);
}

static void expect_code(const char *code, const char *tag)
{
    json_t *answer = with_code(code);
    if (strcmp(world_tag(answer), tag) != 0)
        fail_msg("%s: %s, not %s", code, world_tag(answer), tag);
    json_decref(answer);
}

static atomic_int guesses;

static void every_mutation_needs_the_code_and_no_read_does(void **state)
{
    (void)state;
    size_t count, gated = 0;
    const struct ops_operation *operations = ops_operations(&count);
    for (size_t i = 0; i < count; i++) {
        if (operations[i].access != OPS_ACCESS_SECRET)
            continue;
        gated++;
        json_t *answer = world_invoke(&world, operations[i].function,
                                      strcmp(operations[i].function, "ops_maintenanceschedule") == 0 ? "{" ORDER "}"
                                      : strcmp(operations[i].function, "ops_vacuumorg") == 0         ? "{'orgcode': 'a'}"
                                      : strcmp(operations[i].function, "ops_vacuumcancel") == 0
                                          ? "{'vacuum_id': '01ARZ3NDEKTSV4RRFFQ69G5FAV'}"
                                      : strcmp(operations[i].function, "ops_vacuumall") == 0 ||
                                              strcmp(operations[i].function, "ops_maintenanceupdate") == 0 ||
                                              strcmp(operations[i].function, "ops_maintenanceend") == 0 ||
                                              strcmp(operations[i].function, "ops_auditacceptrollback") == 0
                                          ? "{}"
                                          : "{'maintenance_id': '01ARZ3NDEKTSV4RRFFQ69G5FAV'}");
        assert_string_equal(world_tag(answer), "secret-code-required");
        json_decref(answer);
    }
    assert_int_equal(gated, 9);
    assert_int_equal(world_audit_count(&world, NULL), 1); /* the code that was set, and no mismatch */
}

struct code_case {
    const char *name;
    const char *payload;
    const char *tag;
};

static const struct code_case code_cases[] = {
    {"empty", "{" ORDER ", 'secret_code': ''}", "secret-code-required"},
    {"null", "{" ORDER ", 'secret_code': null}", "invalid-field"},
    {"a number", "{" ORDER ", 'secret_code': 123456789012}", "invalid-field"},
    {"short", "{" ORDER ", 'secret_code': 'x'}", "secret-code-mismatch"},
    {"another case", "{" ORDER ", 'secret_code': 'Correct horse battery'}", "secret-code-mismatch"},
    {"with a space behind", "{" ORDER ", 'secret_code': 'correct horse battery '}", "secret-code-mismatch"},
    {"the beginning", "{" ORDER ", 'secret_code': 'correct horse batter'}", "secret-code-mismatch"},
    {"right", "{" ORDER ", 'secret_code': 'correct horse battery'}", "ok"},
    {"odd characters", "{" ORDER ", 'secret_code': '\\u0001\\u20ac\\ud83d\\ude00'}", "secret-code-mismatch"},
};

static void only_the_exact_code_passes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(code_cases); i++) {
        json_t *answer = world_invoke(&world, "ops_maintenanceschedule", code_cases[i].payload);
        if (strcmp(world_tag(answer), code_cases[i].tag) != 0)
            fail_msg("%s: %s", code_cases[i].name, world_tag(answer));
        json_decref(answer);
    }
}

static void a_code_that_is_far_too_long_is_refused_without_being_repeated(void **state)
{
    (void)state;
    char code[1026];
    memset(code, 'q', 1025);
    code[1025] = '\0';
    json_t *answer = with_code(code);
    char *text = json_dumps(answer, 0);
    assert_string_equal(world_tag(answer), "invalid-field");
    assert_null(strstr(text, "qqqqqqqq"));
    ops_mem_free(text);
    json_decref(answer);
}

static void before_a_code_is_set_every_code_is_refused(void **state)
{
    (void)state;
    struct ops_txn txn;
    char token[OPS_ULID_SIZE];
    ops_random_ulid(world.real.random, world_now_ms(&world), token);
    ops_txn_init(&txn, token);
    ops_txn_delete(&txn, OPS_PK_SINGLETON, OPS_SK_SECRET_CODE);
    assert_int_equal(ops_store_transact(world.real.store, &txn, NULL), OPS_OK);
    ops_txn_release(&txn);
    expect_code(WORLD_SECRET, "secret-code-not-set");
}

/* A wrong code that nobody has sent before. */
static void guess(const char *tag)
{
    char code[32];
    (void)snprintf(code, sizeof code, "guess number %d", atomic_fetch_add(&guesses, 1));
    expect_code(code, tag);
}

static void lock_for_seconds(int seconds)
{
    for (int i = 0; i < 4; i++)
        guess("secret-code-mismatch");
    for (int lasts = 1; lasts <= seconds; lasts *= 2) {
        guess("secret-code-mismatch");
        if (lasts * 2 <= seconds)
            world_pass(&world, lasts * OPS_SECOND_MS);
    }
}

static void the_fifth_wrong_code_locks_and_a_locked_code_is_not_looked_at(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++)
        guess("secret-code-mismatch");
    size_t looked_at = world.ports.calls[CALL_HASHER_VERIFY];
    json_t *answer = with_code(WORLD_SECRET);
    assert_string_equal(world_tag(answer), "secret-code-locked");
    assert_int_equal(ops_json_integer(world_details(answer), "retry_after_seconds", 0), 1);
    assert_int_equal(world.ports.calls[CALL_HASHER_VERIFY], looked_at);
    json_decref(answer);
    assert_int_equal(world_audit_count(&world, "secret.mismatch"), 5);
    assert_int_equal(world_audit_count(&world, "secret.locked"), 1);
    world_pass(&world, 1000);
    expect_code(WORLD_SECRET, "ok");
    for (int i = 0; i < 4; i++)
        guess("secret-code-mismatch");
    expect_code(WORLD_SECRET, "ok");
}

static void each_further_wrong_code_locks_for_twice_as_long_up_to_fifteen_minutes(void **state)
{
    (void)state;
    static const int64_t seconds[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900};
    for (int i = 0; i < 4; i++)
        guess("secret-code-mismatch");
    for (size_t i = 0; i < COUNT_OF(seconds); i++) {
        guess("secret-code-mismatch");
        world_pass(&world, seconds[i] * 1000 - 1);
        guess("secret-code-locked");
        world_pass(&world, 1);
    }
    expect_code(WORLD_SECRET, "ok");
}

static void the_answer_to_a_lock_has_a_retry_after(void **state)
{
    (void)state;
    lock_for_seconds(1);
    struct ops_answer answer;
    json_t *input = json_pack("{s:s, s:s}", "secret_code", WORLD_SECRET, "orgcode", "acme");
    const struct ops_call call = {.operation = ops_operation_by_function(ops_view_of("ops_vacuumorg")), .input = input};
    ops_answer_init(&answer);
    json_decref(world_call(&world, &call, &answer));
    assert_int_equal(answer.retry_after_seconds, 1);
    assert_int_equal(answer.http_status, 429);
    json_decref(input);
    ops_answer_release(&answer);
}

static void a_wrong_code_says_nothing_about_the_order_it_came_with(void **state)
{
    (void)state;
    json_decref(world_do(&world, "ops_maintenancestart",
                         "{'maintenance_id': '01ARZ3NDEKTSV4RRFFQ69G5FAV', 'secret_code': 'wrong'}",
                         "secret-code-mismatch"));
    json_decref(world_do(&world, "ops_vacuumall", "{'secret_code': 'wrong'}", "secret-code-mismatch"));
}

static atomic_int passed, refused, locked;

static void *try_wrong(void *unused)
{
    (void)unused;
    for (int i = 0; i < 20; i++) {
        int64_t wait_ms;
        char code[32];
        (void)snprintf(code, sizeof code, "wrong %d", atomic_fetch_add(&guesses, 1));
        const struct ops_secret_check check = {.code = code, .actor = "eve", .operation = "test"};
        enum ops_status status = ops_secret_authorise(world.app, &check, &wait_ms, NULL);
        passed += status == OPS_OK;
        refused += status == OPS_SECRET_CODE_MISMATCH;
        locked += status == OPS_SECRET_CODE_LOCKED;
    }
    return NULL;
}

static void a_lock_holds_for_those_who_asked_at_the_same_time(void **state)
{
    (void)state;
    pthread_t threads[4];
    passed = refused = locked = 0;
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, try_wrong, NULL), 0);
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(passed, 0);
    assert_int_equal(refused, 5);
    assert_int_equal(locked, 75);
}

static enum ops_status set_code(const char *old_code, const char *new_code)
{
    bool rotated;
    struct ops_error error = OPS_ERROR_INIT;
    enum ops_status status = ops_secret_set(world.app, old_code, new_code, "ann", &rotated, &error);
    assert_null(strstr(error.text, new_code));
    assert_true(status != OPS_OK || rotated);
    ops_error_release(&error);
    return status;
}

static void rotating_needs_the_old_code_and_a_new_one_of_12_to_256_bytes(void **state)
{
    (void)state;
    char longest[258];
    memset(longest, 'x', 257);
    longest[257] = '\0';
    assert_int_equal(set_code(NULL, "another code entirely"), OPS_SECRET_CODE_REQUIRED);
    assert_int_equal(set_code("wrong", "another code entirely"), OPS_SECRET_CODE_MISMATCH);
    assert_int_equal(set_code(WORLD_SECRET, "elevenbytes"), OPS_INVALID_FIELD);
    assert_int_equal(set_code(WORLD_SECRET, longest), OPS_INVALID_FIELD);
    longest[256] = '\0';
    assert_int_equal(set_code(WORLD_SECRET, longest), OPS_OK);
    expect_code(WORLD_SECRET, "secret-code-mismatch");
    assert_int_equal(set_code(longest, "twelve bytes"), OPS_OK);
    expect_code("twelve bytes", "ok");
    assert_int_equal(world_audit_count(&world, "secret.set"), 1);
    assert_int_equal(world_audit_count(&world, "secret.rotated"), 2);
}

/* ---- The same wrong code again ---- */

static const char stale[] = "the code of last month";

static void the_same_wrong_code_is_looked_at_and_counted_once_however_often_it_comes(void **state)
{
    (void)state;
    size_t looked_at = world.ports.calls[CALL_HASHER_VERIFY];
    for (int i = 0; i < 200; i++) {
        expect_code(stale, "secret-code-mismatch");
        world_pass(&world, 10);
    }
    assert_int_equal(world.ports.calls[CALL_HASHER_VERIFY], looked_at + 1);
    assert_int_equal(world_audit_count(&world, "secret.mismatch"), 1);
    assert_int_equal(world_audit_count(&world, "secret.locked"), 0);
    expect_code(WORLD_SECRET, "ok");
}

static json_t *secret_record(void)
{
    json_t *record = NULL;
    assert_int_equal(ops_store_get(world.real.store, OPS_PK_SINGLETON, OPS_SK_SECRET_CODE, &record, NULL), OPS_OK);
    return record;
}

static json_int_t secret_integer(const char *name)
{
    json_t *record = secret_record();
    json_int_t number = ops_json_integer(record, name, 0);
    json_decref(record);
    return number;
}

static void a_job_with_an_old_code_and_four_guesses_do_not_lock(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        guess("secret-code-mismatch");
    for (int i = 0; i < 50; i++)
        expect_code(stale, "secret-code-mismatch");
    assert_int_equal(secret_integer("wrong_in_a_row"), 4);
    guess("secret-code-mismatch");
    expect_code(stale, "secret-code-locked");
    expect_code(WORLD_SECRET, "secret-code-locked");
}

static struct ops_app *another_process(void)
{
    static const struct ops_build build = {.major = 1, .id = "other"};
    struct ops_app *app = NULL;
    assert_int_equal(ops_app_new(&world.ports.outer, &world.manifest, &build, &app), OPS_OK);
    return app;
}

static void a_code_that_was_wrong_is_looked_at_again_once_another_process_has_set_it(void **state)
{
    (void)state;
    bool rotated;
    struct ops_app *other = another_process();
    expect_code("another code entirely", "secret-code-mismatch");
    expect_code("another code entirely", "secret-code-mismatch");
    assert_int_equal(ops_secret_set(other, WORLD_SECRET, "another code entirely", "ann", &rotated, NULL), OPS_OK);
    expect_code("another code entirely", "ok");
    expect_code(WORLD_SECRET, "secret-code-mismatch");
    assert_int_equal(ops_secret_set(other, "another code entirely", WORLD_SECRET, "ann", &rotated, NULL), OPS_OK);
    expect_code(WORLD_SECRET, "ok");
    ops_app_free(other);
}

static const json_t *last_audit(json_t **trail, const char *type)
{
    *trail = world_partition(&world, OPS_PK_AUDIT);
    for (size_t i = json_array_size(*trail); i-- > 0;)
        if (strcmp(ops_json_text(json_array_get(*trail, i), "type", ""), type) == 0)
            return json_object_get(json_array_get(*trail, i), "data");
    return NULL;
}

static void sweep(const char *tag)
{
    json_decref(world_do(&world, "ops_sweep", "{}", tag));
}

static struct port_fault fail_transactions(void *context, enum port_call call)
{
    (void)context;
    return call == CALL_STORE_TRANSACT ? (struct port_fault){OPS_STORE_UNAVAILABLE, false} : NO_PORT_FAULT;
}

static void the_trail_is_told_once_an_hour_how_often_it_came_again(void **state)
{
    (void)state;
    json_t *trail = NULL;
    for (int i = 0; i < 7; i++)
        expect_code(stale, "secret-code-mismatch");
    sweep("ok");
    world_pass(&world, OPS_HOUR_MS - 1);
    sweep("ok");
    assert_int_equal(world_audit_count(&world, "secret.mismatch"), 1);
    world_pass(&world, 1);
    world.ports.on_call = fail_transactions;
    sweep("store-unavailable");
    world.ports.on_call = NULL;
    assert_int_equal(world_audit_count(&world, "secret.mismatch"), 1);
    sweep("ok");
    sweep("ok");
    assert_int_equal(world_audit_count(&world, "secret.mismatch"), 2);
    const json_t *data = last_audit(&trail, "secret.mismatch");
    assert_int_equal(ops_json_integer(data, "repeated", 0), 6);
    assert_string_equal(ops_json_text(data, "operation", ""), "ops_maintenanceschedule");
    assert_null(json_object_get(data, "wrong_in_a_row"));
    json_decref(trail);
    world_pass(&world, OPS_DAY_MS);
    sweep("ok");
    assert_int_equal(world_audit_count(&world, "secret.mismatch"), 2);
}

/* ---- What is old does not count, and the clock is set ---- */

static void one_wrong_code_a_day_never_locks(void **state)
{
    (void)state;
    for (int day = 0; day < 20; day++) {
        guess("secret-code-mismatch");
        world_pass(&world, OPS_DAY_MS);
    }
    expect_code(WORLD_SECRET, "ok");
    assert_int_equal(world_audit_count(&world, "secret.mismatch"), 20);
    assert_int_equal(world_audit_count(&world, "secret.locked"), 0);
}

static void a_clock_that_was_ahead_while_it_locked_locks_nobody_out(void **state)
{
    (void)state;
    int64_t right_ms = world_now_ms(&world);
    ops_memory_clock_set(world.real.clock, right_ms + 10 * OPS_DAY_MS);
    lock_for_seconds(512);
    expect_code(WORLD_SECRET, "secret-code-locked");
    ops_memory_clock_set(world.real.clock, right_ms);
    expect_code(WORLD_SECRET, "ok");
}

static void a_clock_that_is_set_back_again_and_again_makes_no_lock_longer_than_the_longest(void **state)
{
    (void)state;
    lock_for_seconds(512);
    int64_t locked_ms = world_now_ms(&world);
    for (int minute = 0; minute < 15; minute++) {
        expect_code(WORLD_SECRET, "secret-code-locked");
        ops_memory_clock_advance(world.real.clock, OPS_MINUTE_MS);
        ops_memory_clock_set(world.real.clock, locked_ms + minute);
    }
    expect_code(WORLD_SECRET, "ok");
}

/* ---- In the safe direction ---- */

static const struct ops_peer ann = {.kind = OPS_PEER_PROCESS, .uid = 1000, .pid = 41};
static const struct ops_peer eve = {.kind = OPS_PEER_PROCESS, .uid = 1000, .pid = 66};
static const struct ops_peer root = {.kind = OPS_PEER_PROCESS, .uid = 0, .pid = 42};

/* A call that is made again and again until it is answered. */
struct caller {
    struct ops_peer peer;
    const char *function;
    char code[64]; /* "": a guess, another each time */
    struct ops_turn turn;
    int64_t next_ms; /* monotonic */
    int guess;       /* the number of its next one */
    int answers;
    const char *tag; /* of its last answer; static */
    int64_t retry_after_seconds;
};

static const char *static_tag(const json_t *envelope)
{
    const char *tag = world_tag(envelope);
    return strcmp(tag, "ok") == 0 ? "ok" : ops_status_tag(ops_status_from_tag(tag));
}

/* False: it has to wait. */
static bool call_once(struct caller *caller, bool can_wait)
{
    char code[64];
    (void)snprintf(code, sizeof code, "%s", caller->code);
    if (!code[0])
        (void)snprintf(code, sizeof code, "guess number %d", caller->guess);
    json_t *input = json_pack("{s:s}", "secret_code", code);
    if (strcmp(caller->function, "ops_vacuumcancel") == 0)
        assert_int_equal(ops_json_set_text(input, "vacuum_id", vacuum_id), OPS_OK);
    if (strcmp(caller->function, "ops_vacuumorg") == 0)
        assert_int_equal(ops_json_set_text(input, "orgcode", "acme"), OPS_OK);
    const struct ops_call call = {.operation = ops_operation_by_function(ops_view_of(caller->function)),
                                  .input = input,
                                  .peer = caller->peer,
                                  .turn = can_wait ? &caller->turn : NULL};
    struct ops_answer answer;
    ops_answer_init(&answer);
    ops_app_answer(world.app, &call, &answer);
    int64_t now_ms = ops_clock_monotonic_ms(world.real.clock);
    bool waits = answer.wait_ms > 0;
    caller->next_ms = now_ms + (waits ? answer.wait_ms : 10);
    if (!waits) {
        assert_int_equal(caller->turn.ticket, 0);
        caller->turn = (struct ops_turn){.ticket = 0};
        caller->guess = atomic_fetch_add(&guesses, 1);
        json_t *envelope = json_loads(ops_buf_text(&answer.body), 0, NULL);
        caller->tag = static_tag(envelope);
        caller->retry_after_seconds = answer.retry_after_seconds;
        caller->answers++;
        json_decref(envelope);
    } else {
        assert_int_equal(answer.body.length, 0);
        assert_true(can_wait && (caller->turn.ticket || caller->turn.is_wrong));
    }
    json_decref(input);
    ops_answer_release(&answer);
    return !waits;
}

static void expect_answer(struct caller caller, const char *tag)
{
    if (!call_once(&caller, true))
        fail_msg("%s waits", caller.function);
    assert_string_equal(caller.tag, tag);
}

static struct caller cancels(struct ops_peer peer)
{
    return (struct caller){.peer = peer, .function = "ops_vacuumcancel", .code = WORLD_SECRET};
}

static struct caller guesses_at(const char *function, struct ops_peer peer)
{
    return (struct caller){.peer = peer, .function = function, .guess = atomic_fetch_add(&guesses, 1)};
}

static void what_leads_in_the_safe_direction_is_a_flag_of_its_operation(void **state)
{
    (void)state;
    static const char *const safe[] = {"ops_maintenanceend", "ops_vacuumcancel"};
    size_t count, found = 0;
    const struct ops_operation *operations = ops_operations(&count);
    for (size_t i = 0; i < count; i++) {
        if (!operations[i].is_safe)
            continue;
        assert_int_equal(operations[i].access, OPS_ACCESS_SECRET);
        assert_true(found < COUNT_OF(safe));
        assert_string_equal(operations[i].name, safe[found++]);
    }
    assert_int_equal(found, COUNT_OF(safe));
}

static void a_right_code_cancels_a_vacuum_and_ends_a_window_while_locked(void **state)
{
    (void)state;
    world_vacuum_all(&world, vacuum_id);
    lock_for_seconds(64);
    expect_answer((struct caller){.peer = ann, .function = "ops_vacuumorg", .code = WORLD_SECRET}, "secret-code-locked");
    expect_answer(cancels(ann), "ok");
    expect_code(WORLD_SECRET, "ok"); /* a right code starts the count anew */
    lock_for_seconds(16);
    expect_answer((struct caller){.peer = root, .function = "ops_maintenanceend", .code = WORLD_SECRET},
                  "no-active-maintenance");
}

static void a_wrong_code_at_such_a_look_is_counted_apart_and_leaves_the_lock_as_it_is(void **state)
{
    (void)state;
    json_t *trail = NULL;
    lock_for_seconds(16);
    json_int_t until_ms = secret_integer("locked_until_ms");
    size_t mismatches = world_audit_count(&world, "secret.mismatch"), locks = world_audit_count(&world, "secret.locked");
    for (int i = 1; i <= 3; i++) {
        expect_answer(guesses_at("ops_vacuumcancel", eve), "secret-code-mismatch");
        assert_int_equal(secret_integer("wrong_while_locked"), i);
        world_pass(&world, OPS_SECOND_MS);
    }
    assert_int_equal(secret_integer("locked_until_ms"), until_ms);
    assert_int_equal(secret_integer("wrong_in_a_row"), 9);
    assert_int_equal(world_audit_count(&world, "secret.mismatch"), mismatches + 3);
    assert_int_equal(world_audit_count(&world, "secret.locked"), locks);
    const json_t *data = last_audit(&trail, "secret.mismatch");
    json_t *expected =
        manifest_text_json("{'operation': 'ops_vacuumcancel', 'wrong_while_locked': 3, 'peer': {'uid': 1000, 'pid': 66}}");
    assert_true(json_equal(data, expected));
    json_decref(expected);
    json_decref(trail);
    world_pass(&world, 13 * OPS_SECOND_MS);
    guess("secret-code-mismatch");
    assert_int_equal(secret_integer("locked_until_ms") - world_now_ms(&world), 32000);
}

static void while_not_locked_a_wrong_code_for_it_counts_like_any_other(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++)
        expect_answer(guesses_at("ops_vacuumcancel", eve), "secret-code-mismatch");
    expect_code(WORLD_SECRET, "secret-code-locked");
    assert_int_equal(secret_integer("wrong_in_a_row"), 5);
    assert_int_equal(secret_integer("wrong_while_locked"), 0);
}

static void who_comes_within_a_second_waits_and_who_cannot_wait_is_refused(void **state)
{
    (void)state;
    lock_for_seconds(16);
    struct caller waiting = cancels(ann), hasty = guesses_at("ops_vacuumcancel", ann);
    expect_answer(guesses_at("ops_maintenanceend", eve), "secret-code-mismatch");
    assert_false(call_once(&waiting, true));
    assert_true(call_once(&hasty, false));
    assert_string_equal(hasty.tag, "secret-code-locked");
    assert_int_equal(hasty.retry_after_seconds, 1);
    expect_answer(guesses_at("ops_vacuumcancel", root), "secret-code-mismatch"); /* another user has his own second */
    size_t looked_at = world.ports.calls[CALL_HASHER_VERIFY];
    world_pass(&world, 999);
    assert_false(call_once(&waiting, true));
    assert_int_equal(world.ports.calls[CALL_HASHER_VERIFY], looked_at);
    world_pass(&world, 1);
    assert_true(call_once(&waiting, true));
    assert_string_equal(waiting.tag, "vacuum-not-found");
}

static void who_was_wrong_while_others_wait_is_told_ten_seconds_later(void **state)
{
    (void)state;
    lock_for_seconds(64);
    struct caller wrong = guesses_at("ops_vacuumcancel", eve), right = cancels(ann);
    expect_answer(guesses_at("ops_vacuumcancel", ann), "secret-code-mismatch"); /* nobody waits, so at once */
    assert_false(call_once(&wrong, true));
    assert_false(call_once(&right, true));
    world_pass(&world, OPS_SECOND_MS);
    assert_false(call_once(&wrong, true));
    assert_int_equal(secret_integer("wrong_while_locked"), 2); /* it was looked at */
    size_t looked_at = world.ports.calls[CALL_HASHER_VERIFY];
    world_pass(&world, 9999);
    assert_false(call_once(&wrong, true));
    assert_int_equal(wrong.next_ms, ops_clock_monotonic_ms(world.real.clock) + 1);
    world_pass(&world, 1);
    assert_true(call_once(&wrong, true));
    assert_string_equal(wrong.tag, "secret-code-mismatch");
    assert_int_equal(world.ports.calls[CALL_HASHER_VERIFY], looked_at);
}

static void who_is_not_told_yet_and_can_no_longer_wait_is_told_at_once(void **state)
{
    (void)state;
    lock_for_seconds(64);
    struct caller wrong = guesses_at("ops_vacuumcancel", eve), right = cancels(ann);
    expect_answer(guesses_at("ops_vacuumcancel", ann), "secret-code-mismatch");
    assert_false(call_once(&wrong, true));
    assert_false(call_once(&right, true));
    world_pass(&world, OPS_SECOND_MS);
    assert_false(call_once(&wrong, true));
    ops_turn_leave(world.app, &wrong.turn);
    assert_true(call_once(&wrong, false));
    assert_string_equal(wrong.tag, "secret-code-mismatch");
    assert_int_equal(secret_integer("wrong_while_locked"), 2);
}

static void a_stale_code_costs_no_look_and_does_not_wait(void **state)
{
    (void)state;
    struct caller job = {.peer = ann, .function = "ops_vacuumcancel", .code = "the code of last month"};
    lock_for_seconds(16);
    expect_answer(job, "secret-code-mismatch");
    world_pass(&world, OPS_SECOND_MS);
    size_t looked_at = world.ports.calls[CALL_HASHER_VERIFY];
    for (int i = 0; i < 20; i++)
        expect_answer(job, "secret-code-mismatch");
    assert_int_equal(world.ports.calls[CALL_HASHER_VERIFY], looked_at);
    expect_answer(cancels(ann), "vacuum-not-found");
}

static void who_waits_with_a_code_that_is_found_wrong_meanwhile_waits_no_longer(void **state)
{
    (void)state;
    lock_for_seconds(16);
    struct caller first = {.peer = ann, .function = "ops_vacuumcancel", .code = "one and the same code"}, second = first;
    expect_answer(guesses_at("ops_vacuumcancel", ann), "secret-code-mismatch");
    assert_false(call_once(&first, true));
    assert_false(call_once(&second, true));
    world_pass(&world, OPS_SECOND_MS);
    assert_false(call_once(&first, true)); /* it is told so later, since another waits */
    assert_true(call_once(&second, true));
    assert_string_equal(second.tag, "secret-code-mismatch");
    assert_int_equal(secret_integer("wrong_while_locked"), 2);
}

static void who_still_waits_when_the_lock_ends_is_looked_at_at_once(void **state)
{
    (void)state;
    lock_for_seconds(1);
    struct caller waiting = cancels(ann);
    world_pass(&world, 500);
    expect_answer(guesses_at("ops_vacuumcancel", ann), "secret-code-mismatch");
    assert_false(call_once(&waiting, true));
    world_pass(&world, 500);
    assert_true(call_once(&waiting, true));
    assert_string_equal(waiting.tag, "vacuum-not-found");
}

static void who_has_gone_holds_nobody_up(void **state)
{
    (void)state;
    lock_for_seconds(16);
    struct caller gone = cancels(ann), waiting = guesses_at("ops_vacuumcancel", root);
    waiting.peer.uid = ann.uid;
    expect_answer(guesses_at("ops_vacuumcancel", ann), "secret-code-mismatch");
    assert_false(call_once(&gone, true));
    assert_false(call_once(&waiting, true));
    ops_turn_leave(world.app, &gone.turn);
    ops_turn_leave(world.app, &gone.turn);
    world_pass(&world, OPS_SECOND_MS);
    assert_true(call_once(&waiting, true));
}

static void the_answer_tells_how_long_it_took_with_the_waiting(void **state)
{
    (void)state;
    lock_for_seconds(16);
    struct caller waiting = cancels(ann);
    expect_answer(guesses_at("ops_vacuumcancel", ann), "secret-code-mismatch");
    assert_false(call_once(&waiting, true));
    world_pass(&world, OPS_SECOND_MS);
    json_t *input = json_pack("{s:s, s:s}", "secret_code", WORLD_SECRET, "vacuum_id", vacuum_id);
    const struct ops_call call = {.operation = ops_operation_by_function(ops_view_of("ops_vacuumcancel")),
                                  .input = input,
                                  .peer = ann,
                                  .turn = &waiting.turn};
    struct ops_answer answer;
    ops_answer_init(&answer);
    json_t *envelope = world_call(&world, &call, &answer);
    assert_int_equal(ops_json_integer(json_object_get(envelope, "stats"), "latency_ms", 0), 1000);
    assert_null(strstr(json_string_value(json_object_get(input, "secret_code")), "horse")); /* and it is forgotten */
    json_decref(envelope);
    json_decref(input);
    ops_answer_release(&answer);
}

struct stream {
    const char *name;
    const char *functions[4];
    bool other_user;
};

static const struct stream streams[] = {
    {"for something else", {"ops_vacuumorg"}, false},
    {"for the same", {"ops_vacuumcancel"}, false},
    {"for the same, by many connections",
     {"ops_vacuumcancel", "ops_vacuumcancel", "ops_vacuumcancel", "ops_vacuumcancel"},
     false},
    {"for everything", {"ops_vacuumcancel", "ops_maintenanceend", "ops_vacuumorg", "ops_vacuumcancel"}, false},
    {"by another user", {"ops_vacuumcancel", "ops_maintenanceend"}, true},
};

static void run_callers(struct caller *callers, size_t count)
{
    int64_t now_ms = ops_clock_monotonic_ms(world.real.clock);
    for (size_t i = 0; i < count; i++)
        if (callers[i].next_ms <= now_ms)
            (void)call_once(&callers[i], true);
    world_pass(&world, 10);
}

static void expect_not_kept_out(const struct stream *stream)
{
    enum { STREAMS_MAX = 4 };
    struct caller callers[STREAMS_MAX + 2];
    size_t count = 0;
    for (; count < STREAMS_MAX && stream->functions[count]; count++)
        callers[count] = guesses_at(stream->functions[count], stream->other_user ? root : eve);
    callers[count++] = guesses_at("ops_vacuumorg", root); /* so that it stays locked */
    size_t looked_at = world.ports.calls[CALL_HASHER_VERIFY];
    for (int i = 0; i < 6000; i++)
        run_callers(callers, count);
    assert_in_range(world.ports.calls[CALL_HASHER_VERIFY] - looked_at, 5, 75); /* a minute's, and those before a lock */
    for (int round = 0; round < 5; round++) {
        struct caller *right = &callers[count];
        *right = cancels(ann);
        int64_t began_ms = ops_clock_monotonic_ms(world.real.clock);
        while (right->answers == 0)
            run_callers(callers, count + 1);
        int64_t took_ms = ops_clock_monotonic_ms(world.real.clock) - began_ms;
        if (strcmp(right->tag, "vacuum-not-found") != 0 || took_ms > 2 * OPS_SECOND_MS)
            fail_msg("%s: %s after %d ms", stream->name, right->tag, (int)took_ms);
    }
}

/* Even where nothing tells them apart, since all come from one process. */
static void those_who_wait_for_each_answer_are_mostly_not_in_line(void **state)
{
    (void)state;
    enum { CROWD = 12 };
    struct caller callers[CROWD + 1];
    lock_for_seconds(512);
    for (int i = 0; i < CROWD; i++)
        callers[i] = guesses_at("ops_vacuumcancel", ann);
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 2000; i++)
            run_callers(callers, CROWD);
        struct caller *right = &callers[CROWD];
        *right = cancels(ann);
        int64_t began_ms = ops_clock_monotonic_ms(world.real.clock);
        while (right->answers == 0)
            run_callers(callers, CROWD + 1);
        assert_string_equal(right->tag, "vacuum-not-found");
        assert_in_range(ops_clock_monotonic_ms(world.real.clock) - began_ms, 0, 5 * OPS_SECOND_MS);
        lock_for_seconds(512);
    }
}

static void no_stream_of_wrong_codes_keeps_a_right_one_out_for_more_than_a_few_seconds(void **state)
{
    for (size_t i = 0; i < COUNT_OF(streams); i++) {
        expect_not_kept_out(&streams[i]);
        assert_int_equal(tear_down(state), 0);
        assert_int_equal(set_up(state), 0);
    }
}

/* ---- Who it was ---- */

static struct ops_log *told;

/* How many lines of the log begin so; the words of the last of them are to be these. */
static int alarms(const char *words)
{
    static const char begin[] = "level=warn event=alarm.secret_codes_locked ";
    char *text = NULL, *last = NULL;
    int count = 0;
    assert_int_equal(ops_memory_log_read(told, &text), OPS_OK);
    for (char *at = text; (at = strstr(at, begin)); at++) {
        last = at;
        count++;
    }
    if (words && (!last || !strstr(last, words)))
        fail_msg("'%s' is not in: %s", words, text);
    ops_mem_free(text);
    return count;
}

static void the_alarm_and_the_trail_name_the_peer_and_the_function(void **state)
{
    (void)state;
    json_t *trail = NULL;
    struct ops_peer tcp = {.kind = OPS_PEER_ADDRESS, .port = 4711, .text = "127.0.0.1"};
    assert_int_equal(ops_memory_log_new(&told), OPS_OK);
    ops_app_log_to(world.app, told);
    for (int i = 0; i < 4; i++)
        expect_answer(guesses_at("ops_vacuumcancel", eve), "secret-code-mismatch");
    assert_int_equal(alarms(NULL), 0);
    expect_answer(guesses_at("ops_vacuumorg", eve), "secret-code-mismatch");
    assert_int_equal(alarms(" msg=\"secret codes are locked for 1 s: 5 wrong ones in a row, the last from uid 1000, "
                            "pid 66, for ops_vacuumorg\"\n"),
                     1);
    expect_answer(guesses_at("ops_vacuumorg", eve), "secret-code-locked");
    expect_answer(guesses_at("ops_vacuumcancel", eve), "secret-code-mismatch");
    assert_int_equal(alarms(NULL), 1);
    json_t *expected =
        manifest_text_json("{'operation': 'ops_vacuumorg', 'lock_seconds': 1, 'peer': {'uid': 1000, 'pid': 66}}");
    assert_true(json_equal(last_audit(&trail, "secret.locked"), expected));
    json_decref(expected);
    json_decref(trail);
    world_pass(&world, OPS_SECOND_MS);
    expect_answer(guesses_at("ops_maintenanceend", tcp), "secret-code-mismatch");
    assert_int_equal(alarms(" msg=\"secret codes are locked for 2 s: 6 wrong ones in a row, the last from 127.0.0.1, for "
                            "ops_maintenanceend\"\n"),
                     2);
    expected =
        manifest_text_json("{'operation': 'ops_maintenanceend', 'wrong_in_a_row': 6, 'peer': {'address': '127.0.0.1'}}");
    assert_true(json_equal(last_audit(&trail, "secret.mismatch"), expected));
    json_decref(expected);
    json_decref(trail);
    world_pass(&world, 2 * OPS_SECOND_MS);
    guess("secret-code-mismatch");
    assert_null(json_object_get(last_audit(&trail, "secret.mismatch"), "peer")); /* nobody is made up */
    json_decref(trail);
    ops_app_log_to(world.app, NULL);
    ops_memory_log_free(told);
}

/* ---- A new code while codes are locked ---- */

static void a_right_old_code_rotates_while_locked_and_ends_the_lock(void **state)
{
    (void)state;
    lock_for_seconds(512);
    assert_int_equal(set_code(WORLD_SECRET, "another code entirely"), OPS_OK);
    expect_code("another code entirely", "ok");
}

static void a_wrong_old_code_does_not_rotate_and_is_counted_apart_while_locked(void **state)
{
    (void)state;
    json_t *trail = NULL;
    bool rotated;
    lock_for_seconds(512);
    const struct ops_secret_change change = {
        .old_code = "not the old code", .new_code = "another code entirely", .actor = "eve", .peer = eve};
    assert_int_equal(ops_secret_change(world.app, &change, &rotated, NULL), OPS_SECRET_CODE_MISMATCH);
    json_t *expected =
        manifest_text_json("{'operation': 'secret-set', 'wrong_while_locked': 1, 'peer': {'uid': 1000, 'pid': 66}}");
    assert_true(json_equal(last_audit(&trail, "secret.mismatch"), expected));
    json_decref(expected);
    json_decref(trail);
    assert_int_equal(secret_integer("wrong_in_a_row"), 14);
    assert_int_equal(ops_secret_change(world.app, &change, &rotated, NULL), OPS_SECRET_CODE_MISMATCH);
    assert_int_equal(secret_integer("wrong_while_locked"), 1);
}

static struct ops_app *guesser;
static int guesses_left;

/* Another process counts a wrong code while a code is hashed or looked at. */
static struct port_fault guess_meanwhile(void *context, enum port_call call)
{
    (void)context;
    if ((call != CALL_HASHER_HASH && call != CALL_HASHER_VERIFY) || guesses_left == 0)
        return NO_PORT_FAULT;
    guesses_left--;
    char code[32];
    int64_t wait_ms;
    (void)snprintf(code, sizeof code, "guess number %d", atomic_fetch_add(&guesses, 1));
    const struct ops_secret_check check = {
        .code = code, .operation = "ops_vacuumcancel", .is_safe = true, .peer = {.kind = OPS_PEER_PROCESS, .uid = guesses}};
    world.ports.on_call = NULL;
    (void)!ops_secret_authorise(guesser, &check, &wait_ms, NULL);
    world.ports.on_call = guess_meanwhile;
    return NO_PORT_FAULT;
}

static void one_who_guesses_meanwhile_in_another_process_does_not_keep_it_from_being_set(void **state)
{
    (void)state;
    lock_for_seconds(512);
    guesser = another_process();
    guesses_left = 100;
    world.ports.on_call = guess_meanwhile;
    size_t looked_at = world.ports.calls[CALL_HASHER_VERIFY];
    assert_int_equal(set_code(WORLD_SECRET, "another code entirely"), OPS_OK);
    world.ports.on_call = NULL;
    assert_int_equal(world.ports.calls[CALL_HASHER_VERIFY] - looked_at, 1 + 2); /* ours, and two guesses */
    ops_app_free(guesser);
    expect_code("another code entirely", "ok");
}

/* ---- Several processes ---- */

static enum ops_status ask(struct ops_app *app, const char *code, bool is_safe)
{
    int64_t wait_ms;
    const struct ops_secret_check check = {.code = code, .operation = "test", .is_safe = is_safe, .peer = eve};
    return ops_secret_authorise(app, &check, &wait_ms, NULL);
}

static void all_processes_share_the_lock_and_each_has_its_own_memory_and_looks(void **state)
{
    (void)state;
    struct ops_app *other = another_process();
    for (int i = 0; i < 2; i++) {
        assert_int_equal(ask(world.app, stale, false), OPS_SECRET_CODE_MISMATCH);
        assert_int_equal(ask(other, stale, false), OPS_SECRET_CODE_MISMATCH); /* it counts once in each */
    }
    assert_int_equal(secret_integer("wrong_in_a_row"), 2);
    for (int i = 0; i < 3; i++)
        guess("secret-code-mismatch");
    assert_int_equal(ask(other, WORLD_SECRET, false), OPS_SECRET_CODE_LOCKED);
    assert_int_equal(ask(world.app, "guessed here", true), OPS_SECRET_CODE_MISMATCH);
    assert_int_equal(ask(world.app, "and here", true), OPS_SECRET_CODE_LOCKED);
    assert_int_equal(ask(other, WORLD_SECRET, true), OPS_OK);
    assert_int_equal(ask(world.app, WORLD_SECRET, false), OPS_OK); /* the lock is over for all */
    ops_app_free(other);
}

static void a_lost_race_at_a_look_costs_no_second_one(void **state)
{
    (void)state;
    lock_for_seconds(16);
    guesser = another_process();
    guesses_left = 3;
    world.ports.on_call = guess_meanwhile;
    assert_int_equal(ask(world.app, "guessed here", true), OPS_SECRET_CODE_MISMATCH);
    world.ports.on_call = NULL;
    assert_int_equal(guesses_left, 0);
    assert_int_equal(secret_integer("wrong_while_locked"), 4);
    ops_app_free(guesser);
}

static void put_secret_record(json_t *record)
{
    struct ops_txn txn;
    char token[OPS_ULID_SIZE];
    ops_random_ulid(world.real.random, world_now_ms(&world), token);
    ops_txn_init(&txn, token);
    ops_txn_put(&txn, OPS_PK_SINGLETON, OPS_SK_SECRET_CODE, record);
    assert_int_equal(ops_store_transact(world.real.store, &txn, NULL), OPS_OK);
    ops_txn_release(&txn);
}

static void a_record_of_before_locks_and_unlocks_as_it_did(void **state)
{
    (void)state;
    json_t *record = secret_record();
    assert_int_equal(ops_json_set_integer(record, "wrong_in_a_row", 6), OPS_OK);
    assert_int_equal(ops_json_set_integer(record, "locked_until_ms", world_now_ms(&world) + 2000), OPS_OK);
    put_secret_record(record);
    expect_code(WORLD_SECRET, "secret-code-locked");
    expect_answer(guesses_at("ops_vacuumcancel", eve), "secret-code-mismatch");
    world_pass(&world, 2000);
    guess("secret-code-mismatch");
    assert_int_equal(secret_integer("locked_until_ms"), world_now_ms(&world) + 4000);
    world_pass(&world, 4000);
    expect_code(WORLD_SECRET, "ok");
    assert_int_equal(secret_integer("wrong_in_a_row"), 0);
}

static enum port_call failing_call;

static struct port_fault fail_one(void *context, enum port_call call)
{
    (void)context;
    return call == failing_call ? (struct port_fault){OPS_STORE_UNAVAILABLE, false} : NO_PORT_FAULT;
}

static void a_code_that_cannot_be_checked_or_counted_never_passes(void **state)
{
    (void)state;
    world.ports.on_call = fail_one;
    failing_call = CALL_STORE_GET;
    expect_code(WORLD_SECRET, "store-unavailable");
    failing_call = CALL_STORE_TRANSACT;
    expect_code("wrong", "store-unavailable");
    failing_call = CALL_HASHER_VERIFY;
    expect_code(WORLD_SECRET, "store-unavailable");
    world.ports.on_call = NULL;
}

static void damage_phc(void *context, const char *pk, json_t *doc)
{
    (void)context;
    if (strcmp(pk, OPS_PK_SINGLETON) == 0 && json_object_get(doc, "phc"))
        assert_int_equal(ops_json_set_text(doc, "phc", "$scrypt$?"), OPS_OK);
}

static void a_damaged_hash_lets_nobody_in(void **state)
{
    (void)state;
    world.ports.on_document = damage_phc;
    expect_code(WORLD_SECRET, "internal-error");
    world.ports.on_document = NULL;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    ops_mem_use(NULL);
    const struct CMUnitTest tests[] = {
        CASE(every_mutation_needs_the_code_and_no_read_does),
        CASE(only_the_exact_code_passes),
        CASE(a_code_that_is_far_too_long_is_refused_without_being_repeated),
        CASE(before_a_code_is_set_every_code_is_refused),
        CASE(the_fifth_wrong_code_locks_and_a_locked_code_is_not_looked_at),
        CASE(each_further_wrong_code_locks_for_twice_as_long_up_to_fifteen_minutes),
        CASE(the_answer_to_a_lock_has_a_retry_after),
        CASE(a_wrong_code_says_nothing_about_the_order_it_came_with),
        CASE(a_lock_holds_for_those_who_asked_at_the_same_time),
        CASE(rotating_needs_the_old_code_and_a_new_one_of_12_to_256_bytes),
        CASE(the_same_wrong_code_is_looked_at_and_counted_once_however_often_it_comes),
        CASE(a_job_with_an_old_code_and_four_guesses_do_not_lock),
        CASE(a_code_that_was_wrong_is_looked_at_again_once_another_process_has_set_it),
        CASE(the_trail_is_told_once_an_hour_how_often_it_came_again),
        CASE(one_wrong_code_a_day_never_locks),
        CASE(a_clock_that_was_ahead_while_it_locked_locks_nobody_out),
        CASE(a_clock_that_is_set_back_again_and_again_makes_no_lock_longer_than_the_longest),
        CASE(what_leads_in_the_safe_direction_is_a_flag_of_its_operation),
        CASE(a_right_code_cancels_a_vacuum_and_ends_a_window_while_locked),
        CASE(a_wrong_code_at_such_a_look_is_counted_apart_and_leaves_the_lock_as_it_is),
        CASE(while_not_locked_a_wrong_code_for_it_counts_like_any_other),
        CASE(who_comes_within_a_second_waits_and_who_cannot_wait_is_refused),
        CASE(who_was_wrong_while_others_wait_is_told_ten_seconds_later),
        CASE(who_is_not_told_yet_and_can_no_longer_wait_is_told_at_once),
        CASE(a_stale_code_costs_no_look_and_does_not_wait),
        CASE(who_waits_with_a_code_that_is_found_wrong_meanwhile_waits_no_longer),
        CASE(who_still_waits_when_the_lock_ends_is_looked_at_at_once),
        CASE(who_has_gone_holds_nobody_up),
        CASE(the_answer_tells_how_long_it_took_with_the_waiting),
        CASE(those_who_wait_for_each_answer_are_mostly_not_in_line),
        CASE(no_stream_of_wrong_codes_keeps_a_right_one_out_for_more_than_a_few_seconds),
        CASE(the_alarm_and_the_trail_name_the_peer_and_the_function),
        CASE(a_right_old_code_rotates_while_locked_and_ends_the_lock),
        CASE(a_wrong_old_code_does_not_rotate_and_is_counted_apart_while_locked),
        CASE(one_who_guesses_meanwhile_in_another_process_does_not_keep_it_from_being_set),
        CASE(all_processes_share_the_lock_and_each_has_its_own_memory_and_looks),
        CASE(a_lost_race_at_a_look_costs_no_second_one),
        CASE(a_record_of_before_locks_and_unlocks_as_it_did),
        CASE(a_code_that_cannot_be_checked_or_counted_never_passes),
        CASE(a_damaged_hash_lets_nobody_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
