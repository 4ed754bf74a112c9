/* Sessions from tables on DynamoDB Local, in both shapes that a table may have. What no emulator says is in
 * unit/test_aws_sessions.c. */
#include "adapters/aws/sessions.h"
#include "adapters/sys/random.h"
#include "base/instant.h"
#include "contract/session_suite.h"
#include "support/aws_rig.h"
#include "support/cmocka_all.h"

#include <stdio.h>

enum { TABLE_SIZE = 64, BODY_SIZE = 2048 };

#define DYNAMODB "DynamoDB_20120810."
#define BEFORE_MS (SESSION_SUITE_EXPIRES_MS - OPS_HOUR_MS)

static const char *endpoint;
static struct aws_rig rig;
static char sessions_table[TABLE_SIZE], users_table[TABLE_SIZE];

/* How a pair of tables names its keys. */
struct shape {
    const char *session_key; /* the name of the one key attribute; NULL: pk and sk */
    const char *user_key;
};

/* The key of the users' table is called as an attribute that is read from the other. */
static const struct shape one_key = {"session_guid", "user_id"}, two_keys = {NULL, NULL};

static bool tell(const char *operation, const char *body)
{
    char target[128];
    (void)snprintf(target, sizeof target, DYNAMODB "%s", operation);
    return aws_rig_ask(&rig, OPS_AWS_DYNAMODB, target, body, NULL) == OPS_OK;
}

static bool create_table(const char *table, const char *key)
{
    char body[BODY_SIZE];
    (void)snprintf(body, sizeof body,
                   "{\"TableName\": \"%s\", \"BillingMode\": \"PAY_PER_REQUEST\", \"AttributeDefinitions\": ["
                   "{\"AttributeName\": \"%s\", \"AttributeType\": \"S\"}%s],"
                   " \"KeySchema\": [{\"AttributeName\": \"%s\", \"KeyType\": \"HASH\"}%s]}",
                   table, key ? key : "pk", key ? "" : ", {\"AttributeName\": \"sk\", \"AttributeType\": \"S\"}",
                   key ? key : "pk", key ? "" : ", {\"AttributeName\": \"sk\", \"KeyType\": \"RANGE\"}");
    return tell("CreateTable", body);
}

/* Puts an item whose attributes, beside its key, are text. */
static bool put_item(const char *table, const char *key, const char *prefix, const char *name, const char *sk,
                     const char *attributes)
{
    char body[BODY_SIZE];
    if (key)
        (void)snprintf(body, sizeof body, "{\"TableName\": \"%s\", \"Item\": {\"%s\": {\"S\": \"%s\"}, %s}}", table, key,
                       name, attributes);
    else
        (void)snprintf(body, sizeof body,
                       "{\"TableName\": \"%s\", \"Item\": {\"pk\": {\"S\": \"%s%s\"}, \"sk\": {\"S\": \"%s\"}, %s}}", table,
                       prefix, name, sk, attributes);
    return tell("PutItem", body);
}

#define ANN "\"user_id\": {\"S\": \"ann\"}"
#define ACTIVE "\"status\": {\"S\": \"active\"}"
#define UNTIL "\"expires_at\": {\"S\": \"2026-11-24T12:00:00Z\"}"
#define ORG "\"orgcode\": {\"S\": \"ACME\"}, \"cccode\": {\"S\": \"CC1\"}"
#define SESSION ACTIVE ", " UNTIL ", " ORG ", " ANN
#define MORE "\"blob\": {\"B\": \"YQ==\"}, \"tags\": {\"SS\": [\"a\"]}"

static bool put_session(const struct shape *shape, const char *attributes)
{
    return put_item(sessions_table, shape->session_key, "SESSION#", SESSION_SUITE_GUID, "SESSION", attributes);
}

static bool put_user(const struct shape *shape, const char *attributes)
{
    return put_item(users_table, shape->user_key, "USER#", "ann", "USER", attributes);
}

static bool fill(const struct shape *shape)
{
    char id[OPS_ULID_SIZE];
    ops_random_ulid(ops_system_random(), 0, id);
    (void)snprintf(sessions_table, sizeof sessions_table, "usm_sessions_%s", id);
    (void)snprintf(users_table, sizeof users_table, "uas_users_%s", id);
    return create_table(sessions_table, shape->session_key) && create_table(users_table, shape->user_key) &&
           put_session(shape, SESSION) && put_user(shape, ACTIVE);
}

static struct ops_session_source *open_shape(const struct shape *shape)
{
    struct ops_session_source *source = NULL;
    if (!aws_rig_open(&rig, endpoint))
        return NULL;
    if (fill(shape) && ops_aws_sessions_new(rig.client, sessions_table, users_table, &source) == OPS_OK)
        return source;
    aws_rig_close(&rig);
    return NULL;
}

static struct ops_session_source *open_one_key(void)
{
    return open_shape(&one_key);
}

static struct ops_session_source *open_two_keys(void)
{
    return open_shape(&two_keys);
}

static bool delete_table(const char *table)
{
    char body[BODY_SIZE];
    (void)snprintf(body, sizeof body, "{\"TableName\": \"%s\"}", table);
    return tell("DeleteTable", body);
}

static void dynamodb_close(struct ops_session_source *source)
{
    (void)delete_table(sessions_table); /* one that is left behind, for want of memory, is in nobody's way */
    (void)delete_table(users_table);
    ops_session_source_release(source);
    aws_rig_close(&rig);
}

static enum ops_status check(struct ops_session_source *source)
{
    struct ops_session session;
    struct ops_error error = OPS_ERROR_INIT;
    enum ops_status status = ops_session_check(source, ops_view_of(SESSION_SUITE_GUID), BEFORE_MS, &session, &error);
    assert_null(strstr(error.text, SESSION_SUITE_GUID));
    if (status == OPS_SESSION_STORE_UNAVAILABLE)
        assert_true(error.text[0]);
    ops_error_release(&error);
    return status;
}

struct change_case {
    bool (*put)(const struct shape *shape, const char *attributes);
    const char *attributes;
    enum ops_status expected;
};

static const struct change_case change_cases[] = {
    {put_session, SESSION, OPS_OK},
    {put_session, SESSION ", " MORE, OPS_OK},
    {put_user, ACTIVE ", " MORE, OPS_OK},
    {put_session, ACTIVE ", " UNTIL ", " ANN, OPS_OK},
    {put_session, ACTIVE ", " UNTIL ", " ANN ", \"orgcode\": {\"NULL\": true}", OPS_OK},
    {put_session, "\"status\": {\"S\": \"ended\"}, " UNTIL ", " ANN, OPS_SESSION_INVALID},
    {put_session, "\"status\": {\"S\": \"Active\"}, " UNTIL ", " ANN, OPS_SESSION_INVALID},
    {put_session, "\"status\": {\"BOOL\": true}, " UNTIL ", " ANN, OPS_SESSION_INVALID},
    {put_session, UNTIL ", " ANN, OPS_SESSION_INVALID},
    {put_session, ACTIVE ", " ANN ", \"expires_at\": {\"S\": \"2020-01-01T00:00:00Z\"}", OPS_SESSION_INVALID},
    {put_session, ACTIVE ", " ANN ", \"expires_at\": {\"S\": \"soon\"}", OPS_SESSION_STORE_UNAVAILABLE},
    {put_session, ACTIVE ", " ANN ", \"expires_at\": {\"N\": \"1795521600\"}", OPS_SESSION_STORE_UNAVAILABLE},
    {put_session, ACTIVE ", " ANN, OPS_SESSION_STORE_UNAVAILABLE},
    {put_session, ACTIVE ", " UNTIL, OPS_SESSION_STORE_UNAVAILABLE},
    {put_session, ACTIVE ", " UNTIL ", \"user_id\": {\"N\": \"7\"}", OPS_SESSION_STORE_UNAVAILABLE},
    {put_session, ACTIVE ", " UNTIL ", \"user_id\": {\"S\": \"\"}", OPS_SESSION_STORE_UNAVAILABLE},
    {put_session, ACTIVE ", " UNTIL ", \"user_id\": {\"S\": \"ann\\u0000\"}", OPS_SESSION_STORE_UNAVAILABLE},
    {put_session, ACTIVE ", " UNTIL ", \"user_id\": {\"SS\": [\"ann\"]}", OPS_SESSION_STORE_UNAVAILABLE},
    {put_session, ACTIVE ", " UNTIL ", " ANN ", \"orgcode\": {\"N\": \"7\"}", OPS_SESSION_STORE_UNAVAILABLE},
    {put_session, ACTIVE ", " UNTIL ", \"user_id\": {\"S\": \"bob\"}", OPS_SESSION_INVALID},
    {put_user, "\"status\": {\"S\": \"locked\"}", OPS_SESSION_INVALID},
    {put_user, "\"name\": {\"S\": \"Ann\"}", OPS_SESSION_INVALID},
    {put_user, "\"status\": {\"B\": \"YQ==\"}", OPS_SESSION_STORE_UNAVAILABLE},
};

static void see_changes(const struct shape *shape)
{
    struct ops_session_source *source = open_shape(shape);
    assert_non_null(source);
    for (size_t i = 0; i < sizeof change_cases / sizeof change_cases[0]; i++) {
        const struct change_case *row = &change_cases[i];
        assert_true(put_session(shape, SESSION) && put_user(shape, ACTIVE));
        assert_int_equal(check(source), OPS_OK);
        assert_true(row->put(shape, row->attributes));
        enum ops_status status = check(source);
        if (status != row->expected)
            fail_msg("%s: %s", row->attributes, ops_status_tag(status));
    }
    dynamodb_close(source);
}

static void every_change_of_an_item_is_seen_at_the_next_check(void **state)
{
    (void)state;
    see_changes(&one_key);
    see_changes(&two_keys);
}

static void a_table_that_is_missing_can_not_tell_and_one_with_other_keys_is_learned_anew(void **state)
{
    (void)state;
    struct ops_session_source *source = open_two_keys();
    assert_non_null(source);
    assert_int_equal(check(source), OPS_OK);
    assert_true(delete_table(sessions_table));
    assert_int_equal(check(source), OPS_SESSION_STORE_UNAVAILABLE);
    assert_true(create_table(sessions_table, "guid"));
    assert_int_equal(check(source), OPS_SESSION_INVALID);
    assert_true(put_item(sessions_table, "guid", "", SESSION_SUITE_GUID, "", SESSION));
    assert_int_equal(check(source), OPS_OK);
    assert_true(delete_table(users_table));
    assert_int_equal(check(source), OPS_SESSION_STORE_UNAVAILABLE);
    assert_true(create_table(users_table, NULL)); /* for closing */
    dynamodb_close(source);
}

int main(void)
{
    static const struct session_suite_source one = {open_one_key, dynamodb_close, true};
    static const struct session_suite_source two = {open_two_keys, dynamodb_close, true};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_change_of_an_item_is_seen_at_the_next_check),
        cmocka_unit_test(a_table_that_is_missing_can_not_tell_and_one_with_other_keys_is_learned_anew),
    };
    endpoint = aws_rig_endpoint("OPS_TEST_DYNAMODB_URL", "DynamoDB Local");
    if (!endpoint)
        return AWS_RIG_SKIPPED;
    return session_suite_run("session_dynamodb_one_key", &one) + session_suite_run("session_dynamodb_two_keys", &two) +
           cmocka_run_group_tests(tests, NULL, NULL);
}
