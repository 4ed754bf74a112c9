/* The record store over DynamoDB, with a client that answers what no emulator says. What an emulator can say is in
 * contract/test_store_dynamodb.c. */
#include "adapters/aws/store.h"
#include "adapters/gate/store_source.h"
#include "base/json.h"
#include "support/alloc_fault.h"
#include "support/aws_rig.h"
#include "support/aws_script.h"
#include "support/cmocka_all.h"

#include <stdio.h>

static const char token[OPS_ULID_SIZE] = "01JDEXAMPLE000000000000000";

#define CANCELLED(reasons)                                                                                                  \
    {                                                                                                                       \
        400, "{\"__type\": \"com.amazonaws.test#TransactionCanceledException\", \"CancellationReasons\": [" reasons "]}",   \
            OPS_OK                                                                                                          \
    }
#define NO_REASON "{\"Code\": \"None\"}"
#define REASON(code) "{\"Code\": \"" code "\", \"Message\": \"Reason " code ".\"}"
#define DONE                                                                                                                \
    {                                                                                                                       \
        200, "{}", OPS_OK                                                                                                   \
    }
#define HTTP(status)                                                                                                        \
    {                                                                                                                       \
        status, "", OPS_OK                                                                                                  \
    }
#define BODY(text)                                                                                                          \
    {                                                                                                                       \
        200, text, OPS_OK                                                                                                   \
    }

static struct aws_script script;
static struct aws_rig rig;

static struct ops_store *open_store(const struct aws_script_answer answers[static AWS_SCRIPT_ANSWERS_MAX])
{
    struct ops_store *store = NULL;
    aws_script_init(&script, answers);
    const struct aws_rig_options options = {.http = &script.client};
    if (!aws_rig_open_with(&rig, &options))
        return NULL;
    if (ops_aws_store_new(rig.client, "ops_main", &store) == OPS_OK)
        return store;
    aws_rig_close(&rig);
    return NULL;
}

static void close_store(struct ops_store *store)
{
    ops_store_release(store);
    aws_rig_close(&rig);
}

/* A transaction of one put that wants its key free. */
static enum ops_status put_new(struct ops_store *store, struct ops_error *error)
{
    struct ops_txn txn;
    ops_txn_init(&txn, token);
    ops_txn_put(&txn, "P", "1", json_pack("{s:i}", "n", 1));
    ops_txn_if_absent(&txn);
    enum ops_status status = ops_store_transact(store, &txn, error);
    ops_txn_release(&txn);
    return status;
}

static enum ops_status get(struct ops_store *store, struct ops_error *error)
{
    json_t *doc = NULL;
    enum ops_status status = ops_store_get(store, "P", "1", &doc, error);
    json_decref(doc);
    return status;
}

static enum ops_status query(struct ops_store *store, struct ops_error *error)
{
    const struct ops_query first = {"P", NULL, false, 10};
    struct ops_store_page page = {.docs = NULL};
    enum ops_status status = ops_store_query(store, &first, &page, error);
    ops_store_page_release(&page);
    return status;
}

struct answer_case {
    struct aws_script_answer answers[AWS_SCRIPT_ANSWERS_MAX];
    enum ops_status expected;
    size_t asked;     /* requests in all */
    const char *word; /* of the error */
};

typedef enum ops_status (*ask_fn)(struct ops_store *store, struct ops_error *error);

static void check_cases(const struct answer_case *cases, size_t count, ask_fn ask)
{
    for (size_t i = 0; i < count; i++) {
        struct ops_error error = OPS_ERROR_INIT;
        struct ops_store *store = open_store(cases[i].answers);
        assert_non_null(store);
        (void)aws_rig_take_waits();
        enum ops_status status = ask(store, &error);
        if (status != cases[i].expected || script.asked != cases[i].asked || !strstr(error.text, cases[i].word))
            fail_msg("case %zu: %s after %zu requests: %s", i, ops_status_tag(status), script.asked, error.text);
        assert_int_equal(aws_rig_take_waits(), script.asked - 1);
        ops_error_release(&error);
        close_store(store);
    }
}

static const struct answer_case transact_cases[] = {
    {{DONE}, OPS_OK, 1, ""},
    {{BODY(" {\"ConsumedCapacity\": []}")}, OPS_OK, 1, ""},

    /* Refused. */
    {{CANCELLED(REASON("ConditionalCheckFailed"))}, OPS_CONFLICT, 1, ""},
    {{CANCELLED(NO_REASON ", " REASON("TransactionConflict"))}, OPS_THROTTLED, OPS_AWS_TRIES_MAX, ""},
    {{CANCELLED(NO_REASON ", " REASON("TransactionConflict")), DONE}, OPS_OK, 2, ""},
    {{CANCELLED(REASON("TransactionConflict") ", " REASON("ConditionalCheckFailed"))}, OPS_CONFLICT, 1, ""},
    {{CANCELLED(REASON("ThrottlingError") ", " REASON("ConditionalCheckFailed"))}, OPS_CONFLICT, 1, ""},
    {{CANCELLED(NO_REASON ", " REASON("ValidationError"))}, OPS_LIMIT, 1, "Reason ValidationError."},
    {{CANCELLED(REASON("ItemCollectionSizeLimitExceeded"))}, OPS_LIMIT, 1, "ItemCollectionSizeLimitExceeded"},
    {{CANCELLED(REASON("Novelty"))}, OPS_STORE_UNAVAILABLE, 1, "TransactionCanceledException"},
    {{CANCELLED(NO_REASON)}, OPS_STORE_UNAVAILABLE, 1, "ops_main"},
    {{AWS_REFUSAL("TransactionCanceledException")}, OPS_STORE_UNAVAILABLE, 1, "ops_main"},
    {{AWS_REFUSAL("ValidationException")}, OPS_LIMIT, 1, "ValidationException"},
    {{AWS_REFUSAL("IdempotentParameterMismatchException")}, OPS_INTERNAL_ERROR, 1, "IdempotentParameterMismatchException"},
    {{AWS_REFUSAL("ResourceNotFoundException")}, OPS_STORE_UNAVAILABLE, 1, "run 'g3nops aws-bootstrap'"},
    {{AWS_REFUSAL("AccessDeniedException")}, OPS_STORE_UNAVAILABLE, 1, "AccessDeniedException: So says the test."},
    {{HTTP(403)}, OPS_STORE_UNAVAILABLE, 1, "403"},

    /* Not taken in: nothing happened, and it is tried again. */
    {{AWS_NOT_REACHED}, OPS_STORE_UNAVAILABLE, 4, "The test says so."},
    {{AWS_NOT_REACHED, DONE}, OPS_OK, 2, ""},
    {{AWS_REFUSAL("ThrottlingException")}, OPS_THROTTLED, 4, "ThrottlingException"},
    {{AWS_REFUSAL("ProvisionedThroughputExceededException"), DONE}, OPS_OK, 2, ""},
    {{CANCELLED(REASON("ThrottlingError"))}, OPS_THROTTLED, 4, "ThrottlingError"},
    {{CANCELLED(REASON("ProvisionedThroughputExceeded")), DONE}, OPS_OK, 2, ""},
    {{CANCELLED(REASON("ThrottlingError")), CANCELLED(REASON("ConditionalCheckFailed"))}, OPS_CONFLICT, 2, ""},

    /* Lost: only success says what happened. */
    {{AWS_LOST}, OPS_UNKNOWN, 4, "did not say"},
    {{AWS_LOST, DONE}, OPS_OK, 2, ""},
    {{AWS_LOST, AWS_LOST, AWS_LOST, DONE}, OPS_OK, 4, ""},
    {{HTTP(500), DONE}, OPS_OK, 2, ""},
    {{HTTP(503), DONE}, OPS_OK, 2, ""},
    {{BODY(""), DONE}, OPS_OK, 2, ""},
    {{BODY("<html>"), DONE}, OPS_OK, 2, ""},
    {{BODY("[]")}, OPS_UNKNOWN, 4, "can't be read"},
    {{{-1, "", OPS_LIMIT}, DONE}, OPS_OK, 2, ""},
    {{AWS_REFUSAL("TransactionInProgressException"), DONE}, OPS_OK, 2, ""},
    {{AWS_REFUSAL("TransactionInProgressException")}, OPS_UNKNOWN, 4, "TransactionInProgressException"},
    {{AWS_LOST, CANCELLED(REASON("ConditionalCheckFailed"))}, OPS_UNKNOWN, 2, "did not say"},
    {{AWS_LOST, CANCELLED(REASON("TransactionConflict"))}, OPS_UNKNOWN, OPS_AWS_TRIES_MAX, "did not say"},
    {{AWS_LOST, AWS_NOT_REACHED}, OPS_UNKNOWN, 4, "did not say"},
    {{AWS_LOST, AWS_REFUSAL("ThrottlingException")}, OPS_UNKNOWN, 4, "did not say"},
    {{AWS_LOST, AWS_REFUSAL("AccessDeniedException")}, OPS_UNKNOWN, 2, "did not say"},
    {{AWS_NOT_REACHED, AWS_LOST, CANCELLED(REASON("ConditionalCheckFailed"))}, OPS_UNKNOWN, 3, "did not say"},
};

static void every_answer_to_a_transaction_means_one_thing(void **state)
{
    (void)state;
    check_cases(transact_cases, sizeof transact_cases / sizeof transact_cases[0], put_new);
}

static const struct answer_case get_cases[] = {
    {{BODY("{\"Item\": {\"pk\": {\"S\": \"P\"}, \"sk\": {\"S\": \"1\"}}}")}, OPS_OK, 1, ""},
    {{DONE}, OPS_NOT_FOUND, 1, ""},
    {{BODY("{\"Item\": {}}")}, OPS_CORRUPT, 1, "ops_main"},
    {{BODY("{\"Item\": 7}")}, OPS_CORRUPT, 1, "ops_main"},
    {{BODY("{\"Item\": {\"pk\": {\"S\": \"P\"}, \"sk\": {\"S\": \"1\"}, \"a\": {\"B\": \"YQ==\"}}}")}, OPS_CORRUPT, 1, ""},
    {{BODY("{\"Item\": {\"pk\": {\"S\": \"P\"}, \"sk\": {\"S\": \"1\"}, \"a\": {\"N\": \"1.5\"}}}")}, OPS_CORRUPT, 1, ""},
    {{BODY("<html>")}, OPS_STORE_UNAVAILABLE, 4, "can't be read"},
    {{BODY("")}, OPS_STORE_UNAVAILABLE, 4, "can't be read"},
    {{BODY("[]")}, OPS_STORE_UNAVAILABLE, 4, "can't be read"},
    {{AWS_LOST}, OPS_STORE_UNAVAILABLE, 4, "The test says so."},
    {{AWS_LOST, DONE}, OPS_NOT_FOUND, 2, ""},
    {{AWS_NOT_REACHED}, OPS_STORE_UNAVAILABLE, 4, "The test says so."},
    {{HTTP(500)}, OPS_STORE_UNAVAILABLE, 4, "500"},
    {{{-1, "", OPS_LIMIT}}, OPS_STORE_UNAVAILABLE, 1, "The test says so."},
    {{AWS_REFUSAL("ThrottlingException")}, OPS_THROTTLED, 4, "ThrottlingException"},
    {{AWS_REFUSAL("ThrottlingException"), DONE}, OPS_NOT_FOUND, 2, ""},
    {{AWS_REFUSAL("ResourceNotFoundException")}, OPS_STORE_UNAVAILABLE, 1, "run 'g3nops aws-bootstrap'"},
    {{AWS_REFUSAL("AccessDeniedException")}, OPS_STORE_UNAVAILABLE, 1, "AccessDeniedException: So says the test."},
    {{AWS_REFUSAL("ValidationException")}, OPS_STORE_UNAVAILABLE, 1, "ValidationException"},
};

static void every_answer_to_a_read_means_one_thing(void **state)
{
    (void)state;
    check_cases(get_cases, sizeof get_cases / sizeof get_cases[0], get);
}

#define ITEM "{\"pk\": {\"S\": \"P\"}, \"sk\": {\"S\": \"1\"}, \"n\": {\"N\": \"1\"}}"
#define END(sk) "\"LastEvaluatedKey\": {\"pk\": {\"S\": \"P\"}, \"sk\": {\"S\": \"" sk "\"}}"

static const struct answer_case query_cases[] = {
    {{BODY("{\"Items\": []}")}, OPS_OK, 1, ""},
    {{BODY("{\"Items\": [" ITEM "]}")}, OPS_OK, 1, ""},
    {{BODY("{\"Items\": [" ITEM "], " END("1") "}")}, OPS_OK, 1, ""},
    {{BODY("{\"Items\": [" ITEM ", {}]}")}, OPS_CORRUPT, 1, "ops_main"},
    {{BODY("{\"Items\": [7]}")}, OPS_CORRUPT, 1, "ops_main"},
    {{BODY("{\"Items\": {}}")}, OPS_STORE_UNAVAILABLE, 1, "can't be read"},
    {{BODY("{\"Items\": [], \"LastEvaluatedKey\": {}}")}, OPS_CORRUPT, 1, "ops_main"},
    {{DONE}, OPS_STORE_UNAVAILABLE, 1, "can't be read"},
    {{BODY("<html>")}, OPS_STORE_UNAVAILABLE, 4, "can't be read"},
    {{AWS_LOST}, OPS_STORE_UNAVAILABLE, 4, "The test says so."},
    {{AWS_REFUSAL("ResourceNotFoundException")}, OPS_STORE_UNAVAILABLE, 1, "run 'g3nops aws-bootstrap'"},
};

static void every_answer_to_a_query_means_one_thing(void **state)
{
    (void)state;
    check_cases(query_cases, sizeof query_cases / sizeof query_cases[0], query);
}

static void expect_request(const char *target, const char *text)
{
    json_t *sent = json_loads(script.request, 0, NULL), *expected = json_loads(text, 0, NULL);
    assert_non_null(expected);
    assert_string_equal(script.target, target);
    if (!json_equal(sent, expected))
        fail_msg("sent: %s", script.request);
    json_decref(sent);
    json_decref(expected);
}

static void a_query_goes_on_by_itself_where_a_page_without_documents_has_ended(void **state)
{
    (void)state;
    static const struct aws_script_answer answers[AWS_SCRIPT_ANSWERS_MAX] = {BODY("{\"Items\": [], " END("0") "}"),
                                                                             BODY("{\"Items\": [" ITEM "], " END("1") "}")};
    const struct ops_query all = {"P", NULL, true, 10};
    struct ops_store_page page = {.docs = NULL};
    struct ops_store *store = open_store(answers);
    assert_non_null(store);
    assert_int_equal(ops_store_query(store, &all, &page, NULL), OPS_OK);
    assert_int_equal(json_array_size(page.docs), 1);
    assert_string_equal(page.last_sk, "1");
    assert_true(page.more);
    expect_request(
        "DynamoDB_20120810.Query",
        "{\"TableName\": \"ops_main\", \"ConsistentRead\": true, \"KeyConditionExpression\": \"#pk = :pk\","
        " \"ExpressionAttributeNames\": {\"#pk\": \"pk\"}, \"ExpressionAttributeValues\": {\":pk\": {\"S\": \"P\"}},"
        " \"ScanIndexForward\": false, \"Limit\": 11,"
        " \"ExclusiveStartKey\": {\"pk\": {\"S\": \"P\"}, \"sk\": {\"S\": \"0\"}}}");
    ops_store_page_release(&page);
    close_store(store);
}

static void a_query_that_never_meets_a_document_is_given_up(void **state)
{
    (void)state;
    static const struct aws_script_answer answers[AWS_SCRIPT_ANSWERS_MAX] = {BODY("{\"Items\": [], " END("0") "}")};
    struct ops_error error = OPS_ERROR_INIT;
    struct ops_store *store = open_store(answers);
    assert_non_null(store);
    assert_int_equal(query(store, &error), OPS_STORE_UNAVAILABLE);
    assert_non_null(strstr(error.text, "without a record"));
    ops_error_release(&error);
    close_store(store);
}

static void a_transaction_is_one_request_with_its_token_and_all_conditions(void **state)
{
    (void)state;
    static const struct aws_script_answer answers[AWS_SCRIPT_ANSWERS_MAX] = {DONE};
    struct ops_store *store = open_store(answers);
    struct ops_txn txn;
    assert_non_null(store);
    ops_txn_init(&txn, token);
    ops_txn_put(&txn, "P", "1", json_pack("{s:i}", "n", 1));
    ops_txn_if_exists(&txn);
    ops_txn_if_integer(&txn, "n", 7);
    ops_txn_if_text_at_most(&txn, "at", "2026");
    ops_txn_delete(&txn, "P", "2");
    ops_txn_check(&txn, "P", "3");
    ops_txn_if_absent(&txn);
    assert_int_equal(ops_store_transact(store, &txn, NULL), OPS_OK);
    ops_txn_release(&txn);
    expect_request(
        "DynamoDB_20120810.TransactWriteItems",
        "{\"ClientRequestToken\": \"01JDEXAMPLE000000000000000\", \"TransactItems\": ["
        "{\"Put\": {\"TableName\": \"ops_main\","
        " \"Item\": {\"pk\": {\"S\": \"P\"}, \"sk\": {\"S\": \"1\"}, \"n\": {\"N\": \"1\"}},"
        " \"ConditionExpression\": \"attribute_exists(#pk) AND #n1 = :v1 AND #n2 <= :v2\","
        " \"ExpressionAttributeNames\": {\"#pk\": \"pk\", \"#n1\": \"n\", \"#n2\": \"at\"},"
        " \"ExpressionAttributeValues\": {\":v1\": {\"N\": \"7\"}, \":v2\": {\"S\": \"2026\"}}}},"
        "{\"Delete\": {\"TableName\": \"ops_main\", \"Key\": {\"pk\": {\"S\": \"P\"}, \"sk\": {\"S\": \"2\"}}}},"
        "{\"ConditionCheck\": {\"TableName\": \"ops_main\", \"Key\": {\"pk\": {\"S\": \"P\"}, \"sk\": {\"S\": \"3\"}},"
        " \"ConditionExpression\": \"attribute_not_exists(#pk)\", \"ExpressionAttributeNames\": {\"#pk\": \"pk\"}}}]}");
    close_store(store);
}

static void a_put_into_the_audit_trail_keeps_what_is_there_whether_asked_to_or_not(void **state)
{
    (void)state;
    static const struct aws_script_answer answers[AWS_SCRIPT_ANSWERS_MAX] = {DONE};
    struct ops_store *store = open_store(answers);
    assert_non_null(store);
    for (int asked_to = 0; asked_to <= 1; asked_to++) {
        struct ops_txn txn;
        ops_txn_init(&txn, token);
        ops_txn_put(&txn, "AUDIT", "1", json_object());
        if (asked_to)
            ops_txn_if_absent(&txn);
        assert_int_equal(ops_store_transact(store, &txn, NULL), OPS_OK);
        ops_txn_release(&txn);
        expect_request(
            "DynamoDB_20120810.TransactWriteItems",
            "{\"ClientRequestToken\": \"01JDEXAMPLE000000000000000\", \"TransactItems\": ["
            "{\"Put\": {\"TableName\": \"ops_main\", \"Item\": {\"pk\": {\"S\": \"AUDIT\"}, \"sk\": {\"S\": \"1\"}},"
            " \"ConditionExpression\": \"attribute_not_exists(#pk)\","
            " \"ExpressionAttributeNames\": {\"#pk\": \"pk\"}}}]}");
    }
    close_store(store);
}

static void what_is_never_done_is_never_sent(void **state)
{
    (void)state;
    static const struct aws_script_answer answers[AWS_SCRIPT_ANSWERS_MAX] = {DONE};
    struct ops_error error = OPS_ERROR_INIT;
    struct ops_store *store = open_store(answers);
    struct ops_txn txn;
    assert_non_null(store);
    ops_txn_init(&txn, token);
    ops_txn_put(&txn, "P", "1", json_object());
    ops_txn_delete(&txn, "AUDIT", "1");
    assert_int_equal(ops_store_transact(store, &txn, &error), OPS_CONFLICT);
    assert_non_null(strstr(error.text, "audit trail"));
    ops_txn_release(&txn);
    ops_txn_init(&txn, token);
    ops_txn_put(&txn, "P", "1", json_pack("{s:f}", "real", 1.5));
    assert_int_equal(ops_store_transact(store, &txn, &error), OPS_INTERNAL_ERROR);
    assert_non_null(strstr(error.text, "can't hold"));
    ops_txn_release(&txn);
    ops_txn_init(&txn, token);
    ops_txn_check(&txn, "P", "\xff");
    ops_txn_if_exists(&txn);
    assert_int_equal(ops_store_transact(store, &txn, &error), OPS_INTERNAL_ERROR);
    ops_txn_release(&txn);
    assert_int_equal(script.asked, 0);
    ops_error_release(&error);
    close_store(store);
}

/* One thing to ask for, and the answers that lead through all of the code for it. */
struct sweep_case {
    struct aws_script_answer answers[AWS_SCRIPT_ANSWERS_MAX];
    ask_fn ask;
    enum ops_status expected;
};

static const struct sweep_case sweep_cases[] = {
    {{DONE}, put_new, OPS_OK},
    {{CANCELLED(REASON("ConditionalCheckFailed"))}, put_new, OPS_CONFLICT},
    {{AWS_REFUSAL("ValidationException")}, put_new, OPS_LIMIT},
    {{AWS_REFUSAL("ThrottlingException"), DONE}, put_new, OPS_OK},
    {{BODY("{\"Item\": " ITEM "}")}, get, OPS_OK},
    {{AWS_REFUSAL("ResourceNotFoundException")}, get, OPS_STORE_UNAVAILABLE},
    {{BODY("{\"Items\": [], " END("0") "}"), BODY("{\"Items\": [" ITEM "], " END("1") "}")}, query, OPS_OK},
};

/* Asks while the n-th allocation fails; whether it came to that. */
static bool ask_without_memory(const struct sweep_case *row, size_t n)
{
    struct ops_error error = OPS_ERROR_INIT;
    alloc_fault_install(0);
    struct ops_store *store = open_store(row->answers);
    assert_non_null(store);
    alloc_fault_arm(n);
    enum ops_status status = row->ask(store, &error);
    bool hit = alloc_fault_hit();
    assert_int_equal(status, hit ? OPS_NO_MEMORY : row->expected);
    ops_error_release(&error);
    close_store(store);
    assert_int_equal(alloc_fault_live_count(), 0);
    alloc_fault_remove();
    return hit;
}

static void without_memory_every_call_says_so_and_nothing_leaks(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof sweep_cases / sizeof sweep_cases[0]; i++) {
        size_t n = 1;
        while (ask_without_memory(&sweep_cases[i], n))
            n++;
        assert_true(n > 10);
    }
}

/* Opening while the n-th allocation fails; whether it came to that. */
static bool open_without_memory(size_t n)
{
    static const struct aws_script_answer answers[AWS_SCRIPT_ANSWERS_MAX] = {DONE};
    alloc_fault_install(n);
    struct ops_store *store = open_store(answers);
    bool hit = alloc_fault_hit();
    assert_int_equal(store == NULL, hit);
    if (store)
        close_store(store);
    assert_int_equal(alloc_fault_live_count(), 0);
    alloc_fault_remove();
    return hit;
}

static void without_memory_no_store_is_opened_and_nothing_leaks(void **state)
{
    (void)state;
    size_t n = 1;
    while (open_without_memory(n))
        n++;
    assert_true(n > 2);
}

/* ---- the gate's question ---- */

static const struct {
    const char *status; /* the item's attribute */
    bool closes;
} states[] = {
    {"\"status\": {\"S\": \"active\"}", true},
    {"\"status\": {\"S\": \"active\"}, \"later\": {\"L\": [{\"N\": \"7\"}, {\"NULL\": true}]}", true},
    {"\"revision\": {\"N\": \"3\"}", false},
    {"\"status\": {\"S\": \"scheduled\"}", false},
    {"\"status\": {\"S\": \"ended\"}", false},
    {"\"status\": {\"S\": \"Active\"}", false},
    {"\"status\": {\"S\": \"active \"}", false},
    {"\"status\": {\"S\": \"\"}", false},
    {"\"status\": {\"NULL\": true}", false},
    {"\"status\": {\"BOOL\": true}", false},
    {"\"status\": {\"N\": \"1\"}", false},
    {"\"status\": {\"L\": [{\"S\": \"active\"}]}", false},
    {"\"status\": {\"M\": {\"active\": {\"BOOL\": true}}}", false},
};

static void a_gate_takes_only_an_item_that_is_active_for_a_window(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        char body[512];
        struct ops_gate_source *source = NULL;
        struct ops_buf window;
        (void)snprintf(body, sizeof body,
                       "{\"Item\": {\"pk\": {\"S\": \"SINGLETON\"}, \"sk\": {\"S\": \"ACTIVE_MAINTENANCE\"}, %s}}",
                       states[i].status);
        const struct aws_script_answer answers[AWS_SCRIPT_ANSWERS_MAX] = {BODY(body)};
        struct ops_store *store = open_store(answers);
        assert_int_equal(ops_gate_store_source_new(store, &source), OPS_OK);
        ops_buf_init(&window, 4096);
        assert_int_equal(source->ops->ask(source, 1000, &window, NULL), OPS_OK);
        if ((window.length > 0) != states[i].closes)
            fail_msg("%s: '%s'", states[i].status, ops_buf_text(&window));
        ops_buf_release(&window);
        ops_gate_source_close(source);
        aws_rig_close(&rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_answer_to_a_transaction_means_one_thing),
        cmocka_unit_test(every_answer_to_a_read_means_one_thing),
        cmocka_unit_test(every_answer_to_a_query_means_one_thing),
        cmocka_unit_test(a_query_goes_on_by_itself_where_a_page_without_documents_has_ended),
        cmocka_unit_test(a_query_that_never_meets_a_document_is_given_up),
        cmocka_unit_test(a_transaction_is_one_request_with_its_token_and_all_conditions),
        cmocka_unit_test(a_put_into_the_audit_trail_keeps_what_is_there_whether_asked_to_or_not),
        cmocka_unit_test(what_is_never_done_is_never_sent),
        cmocka_unit_test(a_gate_takes_only_an_item_that_is_active_for_a_window),
        cmocka_unit_test(without_memory_every_call_says_so_and_nothing_leaks),
        cmocka_unit_test(without_memory_no_store_is_opened_and_nothing_leaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
