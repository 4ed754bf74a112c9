/* The secret code in front of every mutation. */
#include "support/world.h"

#include "app/keys.h"
#include "app/secret.h"
#include "base/json.h"
#include "base/mem.h"
#include "support/cmocka_all.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define ORDER "'description': 'd', 'estimated_duration_seconds': 60, 'scheduled_start_utc': '2026-12-25T00:00:00Z'"

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
                                              strcmp(operations[i].function, "ops_maintenanceend") == 0
                                          ? "{}"
                                          : "{'maintenance_id': '01ARZ3NDEKTSV4RRFFQ69G5FAV'}");
        assert_string_equal(world_tag(answer), "secret-code-required");
        json_decref(answer);
    }
    assert_int_equal(gated, 8);
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

static void the_fifth_wrong_code_locks_and_a_locked_code_is_not_looked_at(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++)
        expect_code("wrong", "secret-code-mismatch");
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
        expect_code("wrong", "secret-code-mismatch");
    expect_code(WORLD_SECRET, "ok");
}

static void each_further_wrong_code_locks_for_twice_as_long_up_to_fifteen_minutes(void **state)
{
    (void)state;
    static const int64_t seconds[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900};
    for (int i = 0; i < 4; i++)
        expect_code("wrong", "secret-code-mismatch");
    for (size_t i = 0; i < COUNT_OF(seconds); i++) {
        expect_code("wrong", "secret-code-mismatch");
        world_pass(&world, seconds[i] * 1000 - 1);
        expect_code("wrong", "secret-code-locked");
        world_pass(&world, 1);
    }
    expect_code(WORLD_SECRET, "ok");
}

static void the_answer_to_a_lock_has_a_retry_after(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++)
        expect_code("wrong", "secret-code-mismatch");
    struct ops_answer answer;
    json_t *input = json_pack("{s:s}", "secret_code", "wrong");
    const struct ops_call call = {.operation = ops_operation_by_function(ops_view_of("ops_maintenanceend")), .input = input};
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
        enum ops_status status = ops_secret_authorise(world.app, "wrong", "eve", "test", NULL);
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

static void rotating_while_locked_is_refused(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++)
        expect_code("wrong", "secret-code-mismatch");
    assert_int_equal(set_code(WORLD_SECRET, "another code entirely"), OPS_SECRET_CODE_LOCKED);
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
        CASE(rotating_while_locked_is_refused),
        CASE(a_code_that_cannot_be_checked_or_counted_never_passes),
        CASE(a_damaged_hash_lets_nobody_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
