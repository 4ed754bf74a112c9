/* The source that reads the record itself, over a store in memory and over a real one. */
#include "adapters/gate/store_source.h"
#include "adapters/local/store.h"
#include "adapters/memory/store.h"
#include "main/gate_sources.h"
#include "opsgate.h"
#include "opsgate/states.h"
#include "support/alloc_fault.h"
#include "support/cmocka_all.h"
#include "support/scratch.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { TIMEOUT_MS = 2000, WINDOW_MAX = 256 * 1024, SWEEP_MAX = 1000 };

#define WINDOW "{\"maintenance_id\":\"01ARZ3NDEKTSV4RRFFQ69G5FAV\",\"status\":\"active\",\"revision\":3}"

static const char token[OPS_ULID_SIZE] = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
static char directory[SCRATCH_SIZE];

static int set_up(void **state)
{
    (void)state;
    scratch_make(directory);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    scratch_remove(directory);
    return 0;
}

/* ---- a question ---- */

struct question {
    struct ops_buf window;
    struct ops_error error;
    enum ops_status status;
};

static void ask(struct question *question, struct ops_gate_source *source)
{
    *question = (struct question){.error = OPS_ERROR_INIT};
    ops_buf_init(&question->window, WINDOW_MAX);
    question->status = source->ops->ask(source, TIMEOUT_MS, &question->window, &question->error);
}

static void forget(struct question *question)
{
    ops_buf_release(&question->window);
    ops_error_release(&question->error);
}

static void expect_window(struct ops_gate_source *source, const char *window)
{
    struct question question;
    ask(&question, source);
    if (question.status != OPS_OK)
        fail_msg("%s: %s", ops_status_tag(question.status), question.error.text);
    assert_string_equal(ops_buf_text(&question.window), window);
    forget(&question);
}

static void expect_failure(struct ops_gate_source *source, enum ops_status status, const char *part)
{
    struct question question;
    ask(&question, source);
    assert_int_equal(question.status, status);
    assert_int_equal(question.window.length, 0);
    if (!strstr(question.error.text, part))
        fail_msg("\"%s\" does not say \"%s\"", question.error.text, part);
    forget(&question);
}

static struct ops_gate_source *source_over(struct ops_store *store)
{
    struct ops_gate_source *source = NULL;
    assert_int_equal(ops_gate_store_source_new(store, &source), OPS_OK);
    return source;
}

/* ---- in memory ---- */

static struct ops_store *memory_store(void)
{
    struct ops_store *store = NULL;
    assert_int_equal(ops_memory_store_new(&store), OPS_OK);
    return store;
}

static void put_window(struct ops_store *store)
{
    struct ops_txn txn;
    ops_txn_init(&txn, token);
    ops_txn_put(&txn, "SINGLETON", "ACTIVE_MAINTENANCE",
                json_pack("{s:s, s:s, s:i}", "maintenance_id", token, "status", "active", "revision", 3));
    assert_int_equal(ops_store_transact(store, &txn, NULL), OPS_OK);
    ops_txn_release(&txn);
}

static void remove_window(struct ops_store *store)
{
    struct ops_txn txn;
    ops_txn_init(&txn, token);
    ops_txn_delete(&txn, "SINGLETON", "ACTIVE_MAINTENANCE");
    assert_int_equal(ops_store_transact(store, &txn, NULL), OPS_OK);
    ops_txn_release(&txn);
}

static void a_window_is_there_exactly_while_its_record_is(void **state)
{
    (void)state;
    struct ops_store *store = memory_store();
    struct ops_gate_source *source = source_over(store);
    assert_int_equal(source->answer_age_ns, 0);
    expect_window(source, "");
    put_window(store);
    expect_window(source, WINDOW);
    remove_window(store);
    expect_window(source, "");
    ops_gate_source_close(source);
}

static void only_a_record_that_is_active_is_a_window(void **state)
{
    (void)state;
    for (size_t i = 0; i < WINDOW_STATE_COUNT; i++) {
        struct ops_store *store = memory_store();
        struct ops_gate_source *source = source_over(store);
        struct ops_txn txn;
        ops_txn_init(&txn, token);
        ops_txn_put(&txn, "SINGLETON", "ACTIVE_MAINTENANCE", json_loads(window_states[i].window, 0, NULL));
        assert_int_equal(ops_store_transact(store, &txn, NULL), OPS_OK);
        ops_txn_release(&txn);
        expect_window(source, window_states[i].closes ? window_states[i].window : "");
        ops_gate_source_close(source);
    }
}

/* ---- a store in trouble ---- */

struct sick_store {
    struct ops_store base;
    enum ops_status status;
    int released_count;
};

static enum ops_status sick_get(struct ops_store *self, const char *pk, const char *sk, json_t **ret_doc,
                                struct ops_error *error)
{
    const struct sick_store *store = (const struct sick_store *)self;
    (void)ret_doc;
    return ops_fail(error, store->status, "%s/%s can't be read.", pk, sk);
}

static void sick_release(struct ops_store *self)
{
    ((struct sick_store *)self)->released_count++;
}

static const struct ops_store_ops sick_ops = {.get = sick_get, .release = sick_release};

static void a_store_in_trouble_is_no_open_gate_but_a_failure(void **state)
{
    static const enum ops_status statuses[] = {OPS_STORE_UNAVAILABLE, OPS_THROTTLED, OPS_CORRUPT, OPS_NO_MEMORY,
                                               OPS_UNKNOWN};
    (void)state;
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        struct sick_store store = {.base = {.ops = &sick_ops}, .status = statuses[i]};
        struct ops_gate_source *source = source_over(&store.base);
        expect_failure(source, statuses[i], "SINGLETON/ACTIVE_MAINTENANCE can't be read");
        ops_gate_source_close(source);
        assert_int_equal(store.released_count, 1);
    }
}

/* ---- what belongs to it ---- */

static void its_store_is_released_once(void **state)
{
    struct sick_store store = {.base = {.ops = &sick_ops}};
    (void)state;
    struct ops_gate_source *source = source_over(&store.base);
    assert_int_equal(store.released_count, 0);
    ops_gate_source_close(source);
    assert_int_equal(store.released_count, 1);
}

static void without_memory_for_it_its_store_is_released_too(void **state)
{
    struct sick_store store = {.base = {.ops = &sick_ops}};
    struct ops_gate_source *source = NULL;
    (void)state;
    alloc_fault_install(1);
    enum ops_status status = ops_gate_store_source_new(&store.base, &source);
    alloc_fault_remove();
    assert_int_equal(status, OPS_NO_MEMORY);
    assert_null(source);
    assert_int_equal(store.released_count, 1);
}

static void without_memory_no_answer_pretends(void **state)
{
    bool hit = true;
    size_t n = 0;
    (void)state;
    alloc_fault_install(0);
    struct ops_store *store = memory_store();
    put_window(store);
    struct ops_gate_source *source = source_over(store);
    while (hit) {
        struct question question;
        size_t live_before = alloc_fault_live_count();
        assert_true(++n < SWEEP_MAX);
        alloc_fault_arm(n);
        ask(&question, source);
        hit = alloc_fault_hit();
        alloc_fault_arm(0);
        if (question.status != (hit ? OPS_NO_MEMORY : OPS_OK))
            fail_msg("allocation %zu: %s", n, ops_status_tag(question.status));
        forget(&question);
        assert_int_equal(alloc_fault_live_count(), live_before);
    }
    ops_gate_source_close(source);
    assert_int_equal(alloc_fault_live_count(), 0);
    alloc_fault_remove();
    assert_true(n > 5); /* there was something to fail */
}

/* ---- by name ---- */

static struct ops_gate_source *open_named(const char *scheme, const char *rest, enum ops_status wanted, const char *part)
{
    char name[8192];
    struct ops_gate_source *source = NULL;
    struct ops_error error = OPS_ERROR_INIT;
    (void)snprintf(name, sizeof name, "%s%s", scheme, rest);
    enum ops_status status = ops_gate_sources.open(name, &source, &error);
    if (status != wanted || !strstr(error.text, part))
        fail_msg("%.100s: %s, \"%s\"", name, ops_status_tag(status), error.text);
    ops_error_release(&error);
    return source;
}

static void a_data_directory_is_read_where_it_is(void **state)
{
    struct ops_store *store = NULL;
    (void)state;
    assert_int_equal(ops_local_store_open(scratch_path(directory, "ops.sqlite"), &store, NULL), OPS_OK);
    struct ops_gate_source *source = open_named("store:", directory, OPS_OK, "");
    expect_window(source, "");
    put_window(store);
    expect_window(source, WINDOW);
    remove_window(store);
    expect_window(source, "");
    ops_gate_source_close(source);
    ops_store_release(store);
}

static void run_sql(const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(scratch_path(directory, "ops.sqlite"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void a_damaged_record_is_a_failure_until_it_is_put_right(void **state)
{
    struct ops_store *store = NULL;
    (void)state;
    assert_int_equal(ops_local_store_open(scratch_path(directory, "ops.sqlite"), &store, NULL), OPS_OK);
    ops_store_release(store);
    struct ops_gate_source *source = open_named("store:", directory, OPS_OK, "");
    run_sql("INSERT INTO records VALUES ('SINGLETON', 'ACTIVE_MAINTENANCE', '{\"maintenance_id\":')");
    expect_failure(source, OPS_CORRUPT, directory);
    run_sql("UPDATE records SET doc = '[1]' WHERE sk = 'ACTIVE_MAINTENANCE'");
    expect_failure(source, OPS_CORRUPT, directory);
    run_sql("UPDATE records SET doc = '{\"status\":\"active\"}' WHERE sk = 'ACTIVE_MAINTENANCE'");
    expect_window(source, "{\"status\":\"active\"}");
    ops_gate_source_close(source);
}

/* As they stand in the file, whoever wrote them there. */
static void in_a_file_too_only_a_record_that_is_active_is_a_window(void **state)
{
    struct ops_store *store = NULL;
    (void)state;
    assert_int_equal(ops_local_store_open(scratch_path(directory, "ops.sqlite"), &store, NULL), OPS_OK);
    ops_store_release(store);
    struct ops_gate_source *source = open_named("store:", directory, OPS_OK, "");
    run_sql("INSERT INTO records VALUES ('SINGLETON', 'ACTIVE_MAINTENANCE', '{}')");
    for (size_t i = 0; i < WINDOW_STATE_COUNT; i++) {
        char sql[512];
        (void)snprintf(sql, sizeof sql, "UPDATE records SET doc = '%s' WHERE sk = 'ACTIVE_MAINTENANCE'",
                       window_states[i].window);
        run_sql(sql);
        expect_window(source, window_states[i].closes ? window_states[i].window : "");
    }
    ops_gate_source_close(source);
}

static void where_no_store_is_none_is_made(void **state)
{
    (void)state;
    const char *const places[] = {directory, scratch_path(directory, "nowhere")};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct ops_gate_source *source = open_named("store:", places[i], OPS_OK, "");
        expect_failure(source, OPS_STORE_UNAVAILABLE, places[i]);
        ops_gate_source_close(source);
    }
    assert_int_not_equal(access(scratch_path(directory, "ops.sqlite"), F_OK), 0);
    assert_int_not_equal(access(scratch_path(directory, "nowhere"), F_OK), 0);
}

static void a_file_that_is_no_store_is_left_alone(void **state)
{
    static const char text[] = "this is no database, and long enough to be looked at as if it were one ...";
    char found[sizeof text] = "";
    (void)state;
    scratch_write(scratch_path(directory, "ops.sqlite"), text);
    struct ops_gate_source *source = open_named("store:", directory, OPS_OK, "");
    expect_failure(source, OPS_CORRUPT, "not an SQLite database");
    ops_gate_source_close(source);
    FILE *file = fopen(scratch_path(directory, "ops.sqlite"), "r");
    assert_non_null(file);
    assert_int_equal(fread(found, 1, sizeof found, file), sizeof text - 1);
    (void)fclose(file);
    assert_string_equal(found, text);
}

static struct ops_store *make_store(void)
{
    struct ops_store *store = NULL;
    assert_int_equal(ops_local_store_open(scratch_path(directory, "ops.sqlite"), &store, NULL), OPS_OK);
    return store;
}

static void remove_store(void)
{
    (void)unlink(scratch_path(directory, "ops.sqlite"));
    (void)unlink(scratch_path(directory, "ops.sqlite-wal"));
    (void)unlink(scratch_path(directory, "ops.sqlite-shm"));
}

static void a_store_that_comes_later_is_found(void **state)
{
    (void)state;
    struct ops_gate_source *source = open_named("store:", directory, OPS_OK, "");
    expect_failure(source, OPS_STORE_UNAVAILABLE, directory);
    ops_store_release(make_store());
    expect_window(source, "");
    ops_gate_source_close(source);
}

/* As when a backup is restored: what the old file says is not the truth any more. */
static void a_store_in_place_of_another_is_read_instead(void **state)
{
    (void)state;
    struct ops_store *store = make_store();
    put_window(store);
    ops_store_release(store);
    struct ops_gate_source *source = open_named("store:", directory, OPS_OK, "");
    expect_window(source, WINDOW);
    remove_store();
    expect_failure(source, OPS_STORE_UNAVAILABLE, directory);
    store = make_store();
    expect_window(source, "");
    put_window(store);
    expect_window(source, WINDOW);
    remove_store();
    ops_store_release(make_store()); /* without a question in between */
    expect_window(source, "");
    ops_gate_source_close(source);
    ops_store_release(store);
}

/* From opening to closing. */
static enum ops_status whole_life(const char *name)
{
    struct ops_gate_source *source = NULL;
    struct ops_buf window;
    enum ops_status status = ops_gate_sources.open(name, &source, NULL);
    if (status != OPS_OK)
        return status;
    ops_buf_init(&window, WINDOW_MAX);
    status = source->ops->ask(source, TIMEOUT_MS, &window, NULL);
    assert_int_equal(window.length, 0);
    ops_buf_release(&window);
    ops_gate_source_close(source);
    return status;
}

static enum ops_status open_and_close(const char *name)
{
    struct ops_gate_source *source = NULL;
    enum ops_status status = ops_gate_sources.open(name, &source, NULL);
    ops_gate_source_close(source);
    return status;
}

static void assert_needs_memory(enum ops_status (*life)(const char *name), const char *name)
{
    size_t n = 0;
    bool hit = true;
    while (hit) {
        assert_true(++n < SWEEP_MAX);
        alloc_fault_install(n);
        enum ops_status status = life(name);
        hit = alloc_fault_hit();
        if (status != (hit ? OPS_NO_MEMORY : OPS_OK))
            fail_msg("allocation %zu: %s", n, ops_status_tag(status));
        assert_int_equal(alloc_fault_live_count(), 0);
        alloc_fault_remove();
    }
    assert_true(n > 4); /* there was something to fail */
}

static void without_memory_no_file_pretends(void **state)
{
    char name[SCRATCH_SIZE + 8];
    (void)state;
    ops_store_release(make_store());
    (void)snprintf(name, sizeof name, "store:%s", directory);
    assert_needs_memory(whole_life, name);
}

static void without_memory_no_table_is_opened_and_nothing_is_left_of_it(void **state)
{
    (void)state;
    assert_int_equal(setenv("AWS_REGION", "eu-central-1", 1), 0);
    assert_needs_memory(open_and_close, "dynamodb:ops_main");
}

/* ---- names ---- */

static char long_name[8192]; /* letters */

static const struct {
    const char *scheme;
    const char *rest;
    const char *part; /* of the sentence */
} bad_names[] = {
    {"", "", "is none of"},
    {"ftp://", "x", "source ftp://x is none of http://, https://, dynamodb: and store:"},
    {"ftp://", "user:word@x", "source ftp://x is none of"},
    {"http://", "user:word@x?y", "source http://x?y names no host"},
    {"HTTP://", "x", "is none of"}, /* schemes are written small */
    {"ops.internal:8080", "", "is none of"},
    {"http:", "x", "is none of"},
    {" http://", "x", "is none of"},
    {"http://", "", "source http:// names no host"},
    {"https://", "", "source https:// names no host"},
    {"dynamodb:", "", "source dynamodb: names no table"},
    {"store:", "", "source store: names no directory"},
    {"http://", "/ops", "source http:///ops names no host"},
    {"http://", ":8080", "source http://:8080 names no host"},
    {"http://", "a b", "source http://a b names no host"},
    {"http://", "a\nHost: b", "names no host"},
    {"http://", "a?b=c", "names no host"},
    {"https://", "a#b", "names no host"},
    {"http://", "\xc3\xa4.example", "names no host"},
    {"dynamodb:", "ops main", "source dynamodb:ops main names no table"},
    {"dynamodb:", "ops'main", "names no table"},
    {"http://", long_name, "... is too long: its host may have 2000 characters"},
    {"https://", long_name, "is too long"},
    {"dynamodb:", long_name, "... is too long: its table may have 1024 characters"},
    {"store:", long_name, "is too long"},
};

static void a_bad_name_is_told_with_its_field_and_what_is_wrong(void **state)
{
    (void)state;
    memset(long_name, 'a', sizeof long_name - 16);
    for (size_t i = 0; i < sizeof bad_names / sizeof bad_names[0]; i++) {
        char name[8192 + 16], why[OPSGATE_ERROR_SIZE];
        struct ops_error error = OPS_ERROR_INIT;
        opsgate_config config = OPSGATE_CONFIG_INIT;
        opsgate *gate = NULL;
        assert_null(open_named(bad_names[i].scheme, bad_names[i].rest, OPS_USAGE, bad_names[i].part));
        (void)snprintf(name, sizeof name, "%s%s", bad_names[i].scheme, bad_names[i].rest);
        assert_int_equal(ops_gate_sources.open(name, NULL, &error), OPS_USAGE); /* also when it only looks */
        ops_error_release(&error);
        config.source = name;
        assert_int_equal(opsgate_open(&config, &gate, why), OPSGATE_BAD_CONFIG);
        assert_null(gate);
        assert_ptr_equal(strstr(why, "source "), why);
        assert_non_null(strstr(why, bad_names[i].part));
    }
}

static void a_good_name_is_taken_without_asking_anybody(void **state)
{
    static const char *const names[] = {
        "http://ops.internal",
        "http://ops.internal:8080",
        "http://127.0.0.1:1/",
        "http://[::1]:8080",
        "https://api.example.com/prod",
        "https://user:word@api.example.com/prod/",
        "dynamodb:ops_main",
        "dynamodb:arn:aws:dynamodb:eu-central-1:123456789012:table/ops_main",
        "store:/var/lib/g3nops",
        "store:relative",
        "store:with blanks and \xc3\xa4",
    };
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct ops_error error = OPS_ERROR_INIT;
        enum ops_status status = ops_gate_sources.open(names[i], NULL, &error);
        if (status != OPS_OK)
            fail_msg("%s: %s", names[i], error.text);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_window_is_there_exactly_while_its_record_is),
        CASE(only_a_record_that_is_active_is_a_window),
        CASE(a_store_in_trouble_is_no_open_gate_but_a_failure),
        CASE(its_store_is_released_once),
        CASE(without_memory_for_it_its_store_is_released_too),
        CASE(without_memory_no_answer_pretends),
        CASE(a_data_directory_is_read_where_it_is),
        CASE(a_damaged_record_is_a_failure_until_it_is_put_right),
        CASE(in_a_file_too_only_a_record_that_is_active_is_a_window),
        CASE(where_no_store_is_none_is_made),
        CASE(a_file_that_is_no_store_is_left_alone),
        CASE(a_store_that_comes_later_is_found),
        CASE(a_store_in_place_of_another_is_read_instead),
        CASE(without_memory_no_file_pretends),
        CASE(without_memory_no_table_is_opened_and_nothing_is_left_of_it),
        CASE(a_bad_name_is_told_with_its_field_and_what_is_wrong),
        CASE(a_good_name_is_taken_without_asking_anybody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
