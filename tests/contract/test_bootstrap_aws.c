/* What 'aws-bootstrap' makes, on emulators: all of it on moto, and the table on DynamoDB Local, which knows no point-in-time
 * recovery. */
#include "adapters/aws/bootstrap.h"
#include "adapters/aws/store.h"
#include "adapters/sys/random.h"
#include "base/json.h"
#include "support/aws_rig.h"
#include "support/cmocka_all.h"

#include <stdio.h>

enum { NAME_SIZE = 64, BODY_SIZE = 256 };

static const char *moto, *dynamodb;

struct names {
    char table[NAME_SIZE];
    char group[NAME_SIZE];
};

static struct names new_names(void)
{
    struct names names;
    char id[OPS_ULID_SIZE];
    ops_random_ulid(ops_system_random(), 0, id);
    (void)snprintf(names.table, sizeof names.table, "ops_main_%s", id);
    (void)snprintf(names.group, sizeof names.group, "/ops/audit-%s", id);
    return names;
}

static json_t *bootstrap(struct aws_rig *rig, const struct names *names)
{
    json_t *report = json_array();
    struct ops_error error = OPS_ERROR_INIT;
    assert_non_null(report);
    enum ops_status status = ops_aws_bootstrap(rig->client, names->table, names->group, "audit", &report, &error);
    if (status != OPS_OK)
        fail_msg("%s", ops_error_text(&error, status));
    assert_int_equal(json_array_size(report), 3);
    ops_error_release(&error);
    return report;
}

static void expect_action(const json_t *report, size_t i, const char *action)
{
    assert_string_equal(ops_json_text(json_array_get(report, i), "action", ""), action);
}

static const char *warning_of(const json_t *report, size_t i)
{
    return ops_json_text(json_array_get(report, i), "warning", "");
}

/* Twice, and the second time there is nothing to do. table_warning: a part of both reports about the table. */
static void bootstrap_twice(struct aws_rig *rig, const char *table_warning)
{
    static const char *const actions[] = {"created", "exists"};
    struct names names = new_names();
    for (size_t round = 0; round < 2; round++) {
        json_t *report = bootstrap(rig, &names);
        for (size_t i = 0; i < 3; i++)
            expect_action(report, i, actions[round]);
        if (table_warning ? !strstr(warning_of(report, 0), table_warning) : warning_of(report, 0)[0])
            fail_msg("The warning is '%s'.", warning_of(report, 0));
        assert_string_equal(warning_of(report, 1), "");
        assert_string_equal(warning_of(report, 2), "");
        json_decref(report);
    }
}

static void all_of_it_is_made_once(void **state)
{
    (void)state;
    static struct aws_rig rig;
    assert_true(aws_rig_open(&rig, moto));
    bootstrap_twice(&rig, NULL);
    aws_rig_close(&rig);
}

static void an_emulator_without_point_in_time_recovery_gets_a_warning(void **state)
{
    (void)state;
    static struct aws_rig rig;
    const struct aws_rig_options options = {.endpoint_url = moto, .endpoints = {[OPS_AWS_DYNAMODB] = dynamodb}};
    assert_true(aws_rig_open_with(&rig, &options));
    bootstrap_twice(&rig, "UnknownOperationException");
    aws_rig_close(&rig);
}

static void the_table_that_it_makes_takes_records_and_can_not_be_deleted(void **state)
{
    (void)state;
    static struct aws_rig rig;
    struct names names = new_names();
    char token[OPS_ULID_SIZE], body[BODY_SIZE];
    struct ops_store *store = NULL;
    struct ops_txn txn;
    json_t *doc = NULL;
    const struct aws_rig_options options = {.endpoint_url = moto, .endpoints = {[OPS_AWS_DYNAMODB] = dynamodb}};
    assert_true(aws_rig_open_with(&rig, &options));
    json_decref(bootstrap(&rig, &names));
    assert_int_equal(ops_aws_store_new(rig.client, names.table, &store), OPS_OK);
    ops_random_ulid(ops_system_random(), 0, token);
    ops_txn_init(&txn, token);
    ops_txn_put(&txn, "P", "1", json_pack("{s:i}", "n", 1));
    assert_int_equal(ops_store_transact(store, &txn, NULL), OPS_OK);
    ops_txn_release(&txn);
    assert_int_equal(ops_store_get(store, "P", "1", &doc, NULL), OPS_OK);
    json_decref(doc);
    ops_store_release(store);
    (void)snprintf(body, sizeof body, "{\"TableName\": \"%s\"}", names.table);
    assert_int_equal(aws_rig_ask(&rig, OPS_AWS_DYNAMODB, "DynamoDB_20120810.DeleteTable", body, NULL), OPS_TARGET_ERROR);
    aws_rig_close(&rig);
}

static void a_group_with_a_retention_keeps_it_and_gets_a_warning(void **state)
{
    (void)state;
    static struct aws_rig rig;
    struct names names = new_names();
    char body[BODY_SIZE];
    assert_true(aws_rig_open(&rig, moto));
    (void)snprintf(body, sizeof body, "{\"logGroupName\": \"%s\"}", names.group);
    assert_int_equal(aws_rig_ask(&rig, OPS_AWS_LOGS, "Logs_20140328.CreateLogGroup", body, NULL), OPS_OK);
    (void)snprintf(body, sizeof body, "{\"logGroupName\": \"%s\", \"retentionInDays\": 30}", names.group);
    assert_int_equal(aws_rig_ask(&rig, OPS_AWS_LOGS, "Logs_20140328.PutRetentionPolicy", body, NULL), OPS_OK);
    json_t *report = bootstrap(&rig, &names);
    expect_action(report, 1, "exists");
    assert_non_null(strstr(warning_of(report, 1), "30 days"));
    json_decref(report);
    aws_rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_of_it_is_made_once),
        cmocka_unit_test(an_emulator_without_point_in_time_recovery_gets_a_warning),
        cmocka_unit_test(the_table_that_it_makes_takes_records_and_can_not_be_deleted),
        cmocka_unit_test(a_group_with_a_retention_keeps_it_and_gets_a_warning),
    };
    moto = aws_rig_endpoint("OPS_TEST_MOTO_URL", "moto");
    dynamodb = aws_rig_endpoint("OPS_TEST_DYNAMODB_URL", "DynamoDB Local");
    return moto && dynamodb ? cmocka_run_group_tests(tests, NULL, NULL) : AWS_RIG_SKIPPED;
}
