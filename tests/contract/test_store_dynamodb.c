/* The record store on DynamoDB Local, each case with a table of its own. What no emulator says is in
 * unit/test_aws_store.c. */
#include "adapters/aws/store.h"
#include "adapters/curl/http_client.h"
#include "adapters/sys/random.h"
#include "base/json.h"
#include "base/mem.h"
#include "contract/store_suite.h"
#include "support/aws_rig.h"
#include "support/cmocka_all.h"

#include <stdatomic.h>
#include <stdio.h>

enum { TABLE_SIZE = 64, BODY_SIZE = 1024 };

#define DYNAMODB "DynamoDB_20120810."

static const char *endpoint;
static struct aws_rig rig;
static char table[TABLE_SIZE];

/* An HTTP client in front of another that loses some answers: what was sent is done all the same. */
struct lossy_client {
    struct ops_http_client base;
    struct ops_http_client *inner;
    atomic_int to_lose; /* answers */
};

static struct lossy_client lossy;

static enum ops_status lossy_exchange(struct ops_http_client *self, const struct ops_http_request *request,
                                      struct ops_http_response *ret_response, struct ops_error *error)
{
    struct lossy_client *client = (struct lossy_client *)self;
    enum ops_status status = ops_http_exchange(client->inner, request, ret_response, error);
    if (atomic_load(&client->to_lose) == 0)
        return status;
    atomic_fetch_sub(&client->to_lose, 1);
    return ops_fail(error, OPS_UNKNOWN, "The test loses this answer.");
}

static const struct ops_http_client_ops lossy_ops = {.exchange = lossy_exchange};

static void new_token(char ret_token[static OPS_ULID_SIZE])
{
    ops_random_ulid(ops_system_random(), 0, ret_token);
}

static bool create_table(void)
{
    char body[BODY_SIZE], id[OPS_ULID_SIZE];
    new_token(id);
    (void)snprintf(table, sizeof table, "ops_test_%s", id);
    (void)snprintf(body, sizeof body,
                   "{\"TableName\": \"%s\", \"BillingMode\": \"PAY_PER_REQUEST\","
                   " \"AttributeDefinitions\": [{\"AttributeName\": \"pk\", \"AttributeType\": \"S\"},"
                   " {\"AttributeName\": \"sk\", \"AttributeType\": \"S\"}],"
                   " \"KeySchema\": [{\"AttributeName\": \"pk\", \"KeyType\": \"HASH\"},"
                   " {\"AttributeName\": \"sk\", \"KeyType\": \"RANGE\"}]}",
                   table);
    return aws_rig_ask(&rig, OPS_AWS_DYNAMODB, DYNAMODB "CreateTable", body, NULL) == OPS_OK;
}

static struct ops_store *open_with(const struct aws_rig_options *options)
{
    struct ops_store *store = NULL;
    if (!aws_rig_open_with(&rig, options))
        return NULL;
    if (create_table() && ops_aws_store_new(rig.client, table, &store) == OPS_OK)
        return store;
    aws_rig_close(&rig);
    return NULL;
}

static struct ops_store *dynamodb_open(void)
{
    const struct aws_rig_options options = {.endpoint_url = endpoint};
    return open_with(&options);
}

static void dynamodb_close(struct ops_store *store)
{
    char body[BODY_SIZE];
    (void)snprintf(body, sizeof body, "{\"TableName\": \"%s\"}", table);
    /* A table that is left behind, for want of memory, is in nobody's way. */
    if (aws_rig_ask(&rig, OPS_AWS_DYNAMODB, DYNAMODB "DeleteTable", body, NULL) != OPS_OK)
        table[0] = '\0';
    ops_store_release(store);
    aws_rig_close(&rig);
}

static int set_up(void **state)
{
    *state = NULL;
    lossy = (struct lossy_client){.base = {&lossy_ops}};
    if (ops_curl_http_client_new(&lossy.inner) != OPS_OK)
        return -1;
    const struct aws_rig_options options = {.endpoint_url = endpoint, .http = &lossy.base};
    *state = open_with(&options);
    return *state ? 0 : -1;
}

static int tear_down(void **state)
{
    atomic_store(&lossy.to_lose, 0);
    dynamodb_close(*state);
    ops_http_client_release(lossy.inner);
    return 0;
}

/* A transaction that raises the counter n from before to before + 1, or makes it. */
static void build_raise(struct ops_txn *txn, const char *token, int before)
{
    ops_txn_init(txn, token);
    ops_txn_put(txn, "P", "counter", json_pack("{s:i}", "n", before + 1));
    if (before > 0)
        ops_txn_if_integer(txn, "n", before);
    else
        ops_txn_if_absent(txn);
}

static enum ops_status raise_from(struct ops_store *store, const char *token, int before)
{
    struct ops_txn txn;
    build_raise(&txn, token, before);
    enum ops_status status = ops_store_transact(store, &txn, NULL);
    ops_txn_release(&txn);
    return status;
}

static json_int_t counter(struct ops_store *store)
{
    json_t *doc = NULL;
    enum ops_status status = ops_store_get(store, "P", "counter", &doc, NULL);
    json_int_t n = status == OPS_OK ? ops_json_integer(doc, "n", -1) : status == OPS_NOT_FOUND ? 0 : -1;
    json_decref(doc);
    return n;
}

static void a_repeated_token_succeeds_and_does_it_once(void **state)
{
    char token[OPS_ULID_SIZE], other[OPS_ULID_SIZE];
    new_token(token);
    new_token(other);
    assert_int_equal(raise_from(*state, token, 0), OPS_OK);
    assert_int_equal(raise_from(*state, token, 0), OPS_OK);
    assert_int_equal(counter(*state), 1);
    assert_int_equal(raise_from(*state, other, 1), OPS_OK);
    assert_int_equal(raise_from(*state, token, 0), OPS_OK);
    assert_int_equal(counter(*state), 2);
}

static void a_token_that_was_used_for_something_else_is_our_mistake(void **state)
{
    char token[OPS_ULID_SIZE];
    new_token(token);
    assert_int_equal(raise_from(*state, token, 0), OPS_OK);
    assert_int_equal(raise_from(*state, token, 1), OPS_INTERNAL_ERROR);
    assert_int_equal(counter(*state), 1);
}

static void a_lost_answer_ends_as_the_truth(void **state)
{
    char token[OPS_ULID_SIZE];
    for (int lost = 1; lost < OPS_AWS_TRIES_MAX; lost++) {
        new_token(token);
        atomic_store(&lossy.to_lose, lost);
        assert_int_equal(raise_from(*state, token, lost - 1), OPS_OK);
        assert_int_equal(counter(*state), lost);
    }
}

static void a_lost_refusal_is_unknown_and_nothing_happened(void **state)
{
    char token[OPS_ULID_SIZE];
    new_token(token);
    atomic_store(&lossy.to_lose, 1);
    assert_int_equal(raise_from(*state, token, 7), OPS_UNKNOWN);
    assert_int_equal(counter(*state), 0);
}

static void when_every_answer_is_lost_the_outcome_is_unknown_and_a_later_repeat_tells(void **state)
{
    char token[OPS_ULID_SIZE];
    new_token(token);
    atomic_store(&lossy.to_lose, OPS_AWS_TRIES_MAX);
    assert_int_equal(raise_from(*state, token, 0), OPS_UNKNOWN);
    assert_int_equal(counter(*state), 1);
    assert_int_equal(raise_from(*state, token, 0), OPS_OK);
    assert_int_equal(counter(*state), 1);
}

static void a_read_whose_answer_is_lost_is_made_again(void **state)
{
    struct ops_store_page page = {.docs = NULL};
    const struct ops_query query = {"P", NULL, false, 10};
    char token[OPS_ULID_SIZE];
    new_token(token);
    assert_int_equal(raise_from(*state, token, 0), OPS_OK);
    atomic_store(&lossy.to_lose, 1);
    assert_int_equal(counter(*state), 1);
    atomic_store(&lossy.to_lose, 1);
    assert_int_equal(ops_store_query(*state, &query, &page, NULL), OPS_OK);
    assert_int_equal(json_array_size(page.docs), 1);
    ops_store_page_release(&page);
}

static void members_are_attributes_that_others_read_by_their_names(void **state)
{
    char token[OPS_ULID_SIZE], body[BODY_SIZE];
    struct ops_txn txn;
    json_t *answer = NULL, *expected;
    new_token(token);
    ops_txn_init(&txn, token);
    ops_txn_put(&txn, "SINGLETON", "ACTIVE_MAINTENANCE",
                json_pack("{s:s, s:i, s:n}", "status", "active", "revision", 3, "x"));
    assert_int_equal(ops_store_transact(*state, &txn, NULL), OPS_OK);
    ops_txn_release(&txn);
    (void)snprintf(
        body, sizeof body,
        "{\"TableName\": \"%s\", \"Key\": {\"pk\": {\"S\": \"SINGLETON\"}, \"sk\": {\"S\": \"ACTIVE_MAINTENANCE\"}}}",
        table);
    assert_int_equal(aws_rig_ask(&rig, OPS_AWS_DYNAMODB, DYNAMODB "GetItem", body, &answer), OPS_OK);
    expected = json_pack("{s:{s:s}, s:{s:s}, s:{s:s}, s:{s:s}, s:{s:b}}", "pk", "S", "SINGLETON", "sk", "S",
                         "ACTIVE_MAINTENANCE", "status", "S", "active", "revision", "N", "3", "x", "NULL", 1);
    assert_true(json_equal(json_object_get(answer, "Item"), expected));
    json_decref(expected);
    json_decref(answer);
}

/* Puts a document of which each element is longer for DynamoDB than for us. */
static enum ops_status put_ones(struct ops_store *store, size_t count, size_t puts, struct ops_error *error)
{
    char token[OPS_ULID_SIZE], sk[8];
    struct ops_txn txn;
    new_token(token);
    ops_txn_init(&txn, token);
    for (size_t i = 0; i < puts; i++) {
        json_t *ones = json_array();
        for (size_t k = 0; k < count; k++)
            assert_int_equal(json_array_append_new(ones, json_integer(1)), 0);
        (void)snprintf(sk, sizeof sk, "%zu", i);
        ops_txn_put(&txn, "P", sk, json_pack("{s:o}", "ones", ones));
    }
    enum ops_status status = ops_store_transact(store, &txn, error);
    ops_txn_release(&txn);
    return status;
}

static void what_is_too_large_for_dynamodb_is_refused_with_words(void **state)
{
    struct ops_error error = OPS_ERROR_INIT;
    assert_int_equal(put_ones(*state, OPS_STORE_DOC_MAX_BYTES / 2 - 10, 1, &error), OPS_LIMIT);
    assert_non_null(strstr(error.text, "DynamoDB"));
    assert_int_equal(put_ones(*state, 100000, 20, &error), OPS_LIMIT);
    assert_non_null(strstr(error.text, "DynamoDB"));
    ops_error_release(&error);
}

static void a_table_that_does_not_exist_says_how_to_make_it(void **state)
{
    (void)state;
    char token[OPS_ULID_SIZE];
    struct ops_error error = OPS_ERROR_INIT;
    struct ops_store *store = NULL;
    json_t *doc = NULL;
    struct ops_store_page page = {.docs = NULL};
    const struct ops_query query = {"P", NULL, false, 10};
    new_token(token);
    assert_int_equal(ops_aws_store_new(rig.client, "ops_test_none", &store), OPS_OK);
    assert_int_equal(ops_store_get(store, "P", "1", &doc, &error), OPS_STORE_UNAVAILABLE);
    assert_non_null(strstr(error.text, "ops_test_none"));
    assert_non_null(strstr(error.text, "run 'g3nops aws-bootstrap'"));
    assert_int_equal(ops_store_query(store, &query, &page, &error), OPS_STORE_UNAVAILABLE);
    assert_int_equal(raise_from(store, token, 0), OPS_STORE_UNAVAILABLE);
    ops_error_release(&error);
    ops_store_release(store);
}

static void a_record_that_somebody_else_has_put_there_is_corrupt(void **state)
{
    char body[BODY_SIZE];
    json_t *doc = NULL;
    struct ops_error error = OPS_ERROR_INIT;
    (void)snprintf(
        body, sizeof body,
        "{\"TableName\": \"%s\", \"Item\": {\"pk\": {\"S\": \"P\"}, \"sk\": {\"S\": \"1\"}, \"a\": {\"SS\": [\"x\"]}}}",
        table);
    assert_int_equal(aws_rig_ask(&rig, OPS_AWS_DYNAMODB, DYNAMODB "PutItem", body, NULL), OPS_OK);
    assert_int_equal(ops_store_get(*state, "P", "1", &doc, &error), OPS_CORRUPT);
    assert_non_null(strstr(error.text, table));
    ops_error_release(&error);
}

static void strings_with_nul_characters_come_back(void **state)
{
    char token[OPS_ULID_SIZE];
    struct ops_txn txn;
    json_t *doc = json_pack("{s:s#}", "t", "a\0b", 3), *found = NULL;
    new_token(token);
    ops_txn_init(&txn, token);
    ops_txn_put(&txn, "P", "1", json_incref(doc));
    assert_int_equal(ops_store_transact(*state, &txn, NULL), OPS_OK);
    ops_txn_release(&txn);
    assert_int_equal(ops_store_get(*state, "P", "1", &found, NULL), OPS_OK);
    assert_true(json_equal(doc, found));
    json_decref(doc);
    json_decref(found);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    static const struct store_suite_source source = {dynamodb_open, dynamodb_close};
    const struct CMUnitTest tests[] = {
        CASE(a_repeated_token_succeeds_and_does_it_once),
        CASE(a_token_that_was_used_for_something_else_is_our_mistake),
        CASE(a_lost_answer_ends_as_the_truth),
        CASE(a_lost_refusal_is_unknown_and_nothing_happened),
        CASE(when_every_answer_is_lost_the_outcome_is_unknown_and_a_later_repeat_tells),
        CASE(a_read_whose_answer_is_lost_is_made_again),
        CASE(members_are_attributes_that_others_read_by_their_names),
        CASE(what_is_too_large_for_dynamodb_is_refused_with_words),
        CASE(a_table_that_does_not_exist_says_how_to_make_it),
        CASE(a_record_that_somebody_else_has_put_there_is_corrupt),
        CASE(strings_with_nul_characters_come_back),
    };
    endpoint = aws_rig_endpoint("OPS_TEST_DYNAMODB_URL", "DynamoDB Local");
    if (!endpoint)
        return AWS_RIG_SKIPPED;
    return store_suite_run("store_dynamodb", &source) + cmocka_run_group_tests(tests, NULL, NULL);
}
