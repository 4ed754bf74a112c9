/* What 'aws-bootstrap' asks for and makes of the answers. On emulators: contract/test_bootstrap_aws.c. */
#include "adapters/aws/bootstrap.h"
#include "base/json.h"
#include "support/alloc_fault.h"
#include "support/aws_rig.h"
#include "support/aws_script.h"
#include "support/cmocka_all.h"

#define GROUP "/g3nretailstack/ops/maintenance-audit"

#define DONE                                                                                                                \
    {                                                                                                                       \
        200, "{}", OPS_OK                                                                                                   \
    }
#define NOTHING                                                                                                             \
    {                                                                                                                       \
        200, "", OPS_OK                                                                                                     \
    }
#define MISSING AWS_REFUSAL("ResourceNotFoundException")
#define TABLE(state, key, type, more)                                                                                       \
    {                                                                                                                       \
        200,                                                                                                                \
            "{\"Table\": {\"TableStatus\": \"" state "\", \"BillingModeSummary\": {\"BillingMode\": \"PAY_PER_REQUEST\"},"  \
            " \"KeySchema\": [{\"AttributeName\": \"pk\", \"KeyType\": \"HASH\"}, {\"AttributeName\": \"" key               \
            "\", \"KeyType\": \"RANGE\"}], \"AttributeDefinitions\": [{\"AttributeName\": \"pk\", \"AttributeType\": "      \
            "\"S\"},"                                                                                                       \
            " {\"AttributeName\": \"" key "\", \"AttributeType\": \"" type "\"}]" more "}}",                                \
            OPS_OK                                                                                                          \
    }
#define PROTECTED ", \"DeletionProtectionEnabled\": true"
#define ACTIVE_TABLE TABLE("ACTIVE", "sk", "S", PROTECTED)
#define RECOVERY(state)                                                                                                     \
    {                                                                                                                       \
        200,                                                                                                                \
            "{\"ContinuousBackupsDescription\": {\"PointInTimeRecoveryDescription\": {\"PointInTimeRecoveryStatus\": "      \
            "\"" state "\"}}}",                                                                                             \
            OPS_OK                                                                                                          \
    }
#define GROUP_WITH(more)                                                                                                    \
    {                                                                                                                       \
        200, "{\"logGroups\": [{\"logGroupName\": \"" GROUP "\"" more "}]}", OPS_OK                                         \
    }

static struct aws_script script;
static struct aws_rig rig;

struct outcome {
    enum ops_status status;
    json_t *report;
    struct ops_error error;
};

static struct outcome run(const struct aws_script_answer answers[static AWS_SCRIPT_ANSWERS_MAX])
{
    struct outcome outcome = {.report = json_array()};
    ops_error_init(&outcome.error);
    aws_script_init(&script, answers);
    const struct aws_rig_options options = {.http = &script.client};
    assert_non_null(outcome.report);
    assert_true(aws_rig_open_with(&rig, &options));
    outcome.status = ops_aws_bootstrap(rig.client, "ops_main", GROUP, "audit", &outcome.report, &outcome.error);
    return outcome;
}

static void release(struct outcome *outcome)
{
    json_decref(outcome->report);
    ops_error_release(&outcome->error);
    aws_rig_close(&rig);
}

/* An entry of the report; warning NULL: none, else a part of it. */
static void expect_entry(const struct outcome *outcome, size_t i, const char *kind, const char *name, const char *action,
                         const char *warning)
{
    const json_t *entry = json_array_get(outcome->report, i);
    assert_string_equal(ops_json_text(entry, "kind", ""), kind);
    assert_string_equal(ops_json_text(entry, "name", ""), name);
    assert_string_equal(ops_json_text(entry, "action", ""), action);
    const char *found = ops_json_text(entry, "warning", "");
    if (warning ? !strstr(found, warning) : found[0])
        fail_msg("%s: the warning is '%s'", kind, found);
}

static void what_is_missing_is_made(void **state)
{
    (void)state;
    static const struct aws_script_answer answers[AWS_SCRIPT_ANSWERS_MAX] = {MISSING, DONE,    ACTIVE_TABLE,
                                                                             DONE,    NOTHING, NOTHING};
    struct outcome outcome = run(answers);
    assert_int_equal(outcome.status, OPS_OK);
    assert_int_equal(script.asked, 6);
    assert_int_equal(json_array_size(outcome.report), 3);
    expect_entry(&outcome, 0, "table", "ops_main", "created", NULL);
    expect_entry(&outcome, 1, "log_group", GROUP, "created", NULL);
    expect_entry(&outcome, 2, "log_stream", "audit", "created", NULL);
    release(&outcome);
}

static void a_table_is_waited_for_until_it_is_active(void **state)
{
    (void)state;
    static const struct aws_script_answer answers[AWS_SCRIPT_ANSWERS_MAX] = {
        MISSING, DONE, MISSING, TABLE("CREATING", "sk", "S", ""), ACTIVE_TABLE, DONE, NOTHING, NOTHING};
    (void)aws_rig_take_waits();
    struct outcome outcome = run(answers);
    assert_int_equal(outcome.status, OPS_OK);
    assert_int_equal(script.asked, 8);
    assert_int_equal(aws_rig_take_waits(), 2);
    release(&outcome);
}

static void a_table_that_never_becomes_active_is_given_up(void **state)
{
    (void)state;
    static const struct aws_script_answer answers[AWS_SCRIPT_ANSWERS_MAX] = {MISSING, DONE,
                                                                             TABLE("CREATING", "sk", "S", "")};
    struct outcome outcome = run(answers);
    assert_int_equal(outcome.status, OPS_TARGET_ERROR);
    assert_non_null(strstr(outcome.error.text, "ops_main"));
    assert_int_equal(json_array_size(outcome.report), 0);
    release(&outcome);
}

static void what_exists_as_it_should_be_is_reported_and_left_alone(void **state)
{
    (void)state;
    static const struct aws_script_answer answers[AWS_SCRIPT_ANSWERS_MAX] = {
        ACTIVE_TABLE,        ACTIVE_TABLE,
        RECOVERY("ENABLED"), AWS_REFUSAL("ResourceAlreadyExistsException"),
        GROUP_WITH(""),      AWS_REFUSAL("ResourceAlreadyExistsException")};
    struct outcome outcome = run(answers);
    assert_int_equal(outcome.status, OPS_OK);
    expect_entry(&outcome, 0, "table", "ops_main", "exists", NULL);
    expect_entry(&outcome, 1, "log_group", GROUP, "exists", NULL);
    expect_entry(&outcome, 2, "log_stream", "audit", "exists", NULL);
    release(&outcome);
}

static void what_exists_in_another_shape_gets_a_warning(void **state)
{
    (void)state;
    static const struct aws_script_answer answers[AWS_SCRIPT_ANSWERS_MAX] = {ACTIVE_TABLE,
                                                                             TABLE("UPDATING", "sk", "S", ""),
                                                                             RECOVERY("DISABLED"),
                                                                             AWS_REFUSAL("ResourceAlreadyExistsException"),
                                                                             GROUP_WITH(", \"retentionInDays\": 30"),
                                                                             NOTHING};
    struct outcome outcome = run(answers);
    assert_int_equal(outcome.status, OPS_OK);
    expect_entry(&outcome, 0, "table", "ops_main", "exists", "Deletion protection is off.");
    expect_entry(&outcome, 0, "table", "ops_main", "exists", "Point-in-time recovery is off.");
    expect_entry(&outcome, 1, "log_group", GROUP, "exists", "after 30 days");
    expect_entry(&outcome, 2, "log_stream", "audit", "created", NULL);
    release(&outcome);
}

static void a_table_that_another_made_meanwhile_gets_its_recovery_all_the_same(void **state)
{
    (void)state;
    static const struct aws_script_answer answers[AWS_SCRIPT_ANSWERS_MAX] = {
        MISSING,      AWS_REFUSAL("ResourceInUseException"),
        ACTIVE_TABLE, AWS_REFUSAL("ContinuousBackupsUnavailableException"),
        DONE,         NOTHING,
        NOTHING};
    struct outcome outcome = run(answers);
    assert_int_equal(outcome.status, OPS_OK);
    assert_int_equal(script.asked, 7);
    expect_entry(&outcome, 0, "table", "ops_main", "exists", NULL);
    release(&outcome);
}

static void recovery_that_can_not_be_had_is_a_warning(void **state)
{
    (void)state;
    static const struct aws_script_answer answers[AWS_SCRIPT_ANSWERS_MAX] = {
        MISSING, DONE, ACTIVE_TABLE, AWS_REFUSAL("UnknownOperationException"), NOTHING, NOTHING};
    struct outcome outcome = run(answers);
    assert_int_equal(outcome.status, OPS_OK);
    expect_entry(&outcome, 0, "table", "ops_main", "created", "could not be switched on. DynamoDB refused");
    release(&outcome);
}

static void a_table_with_other_keys_is_refused(void **state)
{
    (void)state;
    static const struct aws_script_answer answers[][AWS_SCRIPT_ANSWERS_MAX] = {
        {TABLE("ACTIVE", "other", "S", "")},
        {TABLE("ACTIVE", "sk", "N", "")},
        {{200, "{\"Table\": {\"TableStatus\": \"ACTIVE\"}}", OPS_OK}}};
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        struct outcome outcome = run(answers[i]);
        assert_int_equal(outcome.status, OPS_TARGET_ERROR);
        assert_non_null(strstr(outcome.error.text, "ops_main"));
        assert_int_equal(script.asked, 2);
        release(&outcome);
    }
}

static void a_failure_says_what_and_keeps_what_was_done_in_the_report(void **state)
{
    (void)state;
    static const struct aws_script_answer answers[AWS_SCRIPT_ANSWERS_MAX] = {MISSING, DONE, ACTIVE_TABLE, DONE,
                                                                             AWS_REFUSAL("AccessDeniedException")};
    struct outcome outcome = run(answers);
    assert_int_equal(outcome.status, OPS_TARGET_ERROR);
    assert_non_null(strstr(outcome.error.text, "CreateLogGroup"));
    assert_non_null(strstr(outcome.error.text, "AccessDeniedException"));
    assert_int_equal(json_array_size(outcome.report), 1);
    release(&outcome);
}

struct failure_case {
    struct aws_script_answer answers[AWS_SCRIPT_ANSWERS_MAX];
    enum ops_status expected;
};

static const struct failure_case failure_cases[] = {
    {{AWS_NOT_REACHED}, OPS_STORE_UNAVAILABLE},
    {{AWS_REFUSAL("AccessDeniedException")}, OPS_TARGET_ERROR},
    {{AWS_REFUSAL("ThrottlingException")}, OPS_THROTTLED},
    {{{200, "<html>", OPS_OK}}, OPS_TARGET_ERROR}, /* another try would be answered likewise */
    {{MISSING, AWS_REFUSAL("AccessDeniedException")}, OPS_TARGET_ERROR},
    {{MISSING, AWS_LOST}, OPS_UNKNOWN},
    {{MISSING, DONE, AWS_REFUSAL("AccessDeniedException")}, OPS_TARGET_ERROR},
};

static void every_failure_has_its_status_and_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof failure_cases / sizeof failure_cases[0]; i++) {
        struct outcome outcome = run(failure_cases[i].answers);
        if (outcome.status != failure_cases[i].expected || !outcome.error.text[0])
            fail_msg("case %zu: %s %s", i, ops_status_tag(outcome.status), outcome.error.text);
        release(&outcome);
    }
}

static void the_template_has_the_same_things_under_the_names_that_are_given(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "\n      TableName: 'ops_main'\n",           "\n      BillingMode: PAY_PER_REQUEST\n",
        "\n      DeletionProtectionEnabled: true\n", "\n        PointInTimeRecoveryEnabled: true\n",
        "\n      LogGroupName: '" GROUP "'\n",       "\n      LogStreamName: 'it''s'\n",
    };
    struct ops_buf buf;
    size_t retained = 0;
    ops_buf_init(&buf, 16 * 1024);
    ops_aws_bootstrap_template("ops_main", GROUP, "it's", &buf);
    assert_int_equal(ops_buf_status(&buf), OPS_OK);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        assert_non_null(strstr(ops_buf_text(&buf), lines[i]));
    for (const char *at = ops_buf_text(&buf); (at = strstr(at, ": Retain\n")); at++)
        retained++;
    assert_int_equal(retained, 6);
    assert_null(strstr(ops_buf_text(&buf), "Retention"));
    ops_buf_release(&buf);
}

/* Runs while the n-th allocation fails; whether it came to that. */
static bool run_without_memory(const struct aws_script_answer answers[static AWS_SCRIPT_ANSWERS_MAX], size_t n)
{
    struct outcome outcome = {.status = OPS_OK};
    alloc_fault_install(0);
    ops_error_init(&outcome.error);
    outcome.report = json_array();
    aws_script_init(&script, answers);
    const struct aws_rig_options options = {.http = &script.client};
    assert_true(aws_rig_open_with(&rig, &options));
    alloc_fault_arm(n);
    outcome.status = ops_aws_bootstrap(rig.client, "ops_main", GROUP, "audit", &outcome.report, &outcome.error);
    bool hit = alloc_fault_hit();
    assert_int_equal(outcome.status, hit ? OPS_NO_MEMORY : OPS_OK);
    release(&outcome);
    assert_int_equal(alloc_fault_live_count(), 0);
    alloc_fault_remove();
    return hit;
}

static void without_memory_it_says_so_and_nothing_leaks(void **state)
{
    (void)state;
    static const struct aws_script_answer answers[][AWS_SCRIPT_ANSWERS_MAX] = {
        {MISSING, DONE, ACTIVE_TABLE, AWS_REFUSAL("UnknownOperationException"), NOTHING, NOTHING},
        {ACTIVE_TABLE, ACTIVE_TABLE, DONE, AWS_REFUSAL("ResourceAlreadyExistsException"),
         GROUP_WITH(", \"retentionInDays\": 30"), AWS_REFUSAL("ResourceAlreadyExistsException")}};
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        size_t n = 1;
        while (run_without_memory(answers[i], n))
            n++;
        assert_true(n > 50);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_missing_is_made),
        cmocka_unit_test(a_table_is_waited_for_until_it_is_active),
        cmocka_unit_test(a_table_that_never_becomes_active_is_given_up),
        cmocka_unit_test(what_exists_as_it_should_be_is_reported_and_left_alone),
        cmocka_unit_test(what_exists_in_another_shape_gets_a_warning),
        cmocka_unit_test(a_table_that_another_made_meanwhile_gets_its_recovery_all_the_same),
        cmocka_unit_test(recovery_that_can_not_be_had_is_a_warning),
        cmocka_unit_test(a_table_with_other_keys_is_refused),
        cmocka_unit_test(a_failure_says_what_and_keeps_what_was_done_in_the_report),
        cmocka_unit_test(every_failure_has_its_status_and_words),
        cmocka_unit_test(the_template_has_the_same_things_under_the_names_that_are_given),
        cmocka_unit_test(without_memory_it_says_so_and_nothing_leaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
