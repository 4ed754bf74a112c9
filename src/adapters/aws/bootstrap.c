/*
 * Whoever makes the same thing at the same time is no trouble: what can't be made because it exists is looked at as if it
 * had been there before.
 *
 * Sources: Amazon DynamoDB API Reference, CreateTable, DescribeTable, UpdateContinuousBackups; Amazon CloudWatch Logs API
 * Reference, CreateLogGroup, CreateLogStream, DescribeLogGroups.
 */
#include "adapters/aws/bootstrap.h"

#include "adapters/aws/json_ask.h"
#include "base/json.h"

enum {
    POLLS_MAX = 60,      /* of a table that is being made: two minutes or so, and it takes about ten seconds */
    PITR_TRIES_MAX = 20, /* point-in-time recovery can't be had at once after a table was made */
    GROUPS_MAX = 50,     /* in one answer of DescribeLogGroups */
    WARNINGS_MAX_BYTES = 2048,
};

struct bootstrap {
    struct ops_aws_client *client;
    json_t *report; /* borrowed */
    struct ops_error *error;
};

/* A refusal's words name the service's code. */
static bool says(const struct ops_error *error, const char *code)
{
    return strstr(error->text, code);
}

/* Takes request. answer may be NULL: what it says doesn't matter. */
static enum ops_status ask(const struct bootstrap *bootstrap, enum ops_aws_service service, const char *target,
                           json_t *request, json_t **answer, struct ops_error *error)
{
    json_t *ignored = NULL;
    enum ops_status status =
        ops_aws_json_ask(bootstrap->client, service, target, request, answer ? answer : &ignored, error);
    json_decref(ignored);
    return status;
}

/* warning "": none. */
static enum ops_status report(const struct bootstrap *bootstrap, const char *kind, const char *name, bool created,
                              const struct ops_buf *warning)
{
    if (ops_buf_status(warning) == OPS_NO_MEMORY)
        return OPS_NO_MEMORY;
    json_t *entry = json_pack("{s:s, s:s, s:s}", "kind", kind, "name", name, "action", created ? "created" : "exists");
    enum ops_status status = entry ? OPS_OK : OPS_NO_MEMORY;
    if (status == OPS_OK && warning->length > 0)
        status = ops_json_set_text(entry, "warning", ops_buf_text(warning));
    if (status == OPS_OK && json_array_append(bootstrap->report, entry) != 0)
        status = OPS_NO_MEMORY;
    json_decref(entry);
    return status;
}

static void warn(struct ops_buf *warning, const char *sentence)
{
    if (warning->length > 0)
        ops_buf_append_char(warning, ' ');
    ops_buf_append_text(warning, sentence);
}

/* A failure that only leaves something undone. */
static enum ops_status warn_of_failure(struct ops_buf *warning, const char *sentence, enum ops_status status,
                                       const struct ops_error *reason)
{
    if (status == OPS_NO_MEMORY)
        return status;
    warn(warning, sentence);
    warn(warning, ops_error_text(reason, status));
    return OPS_OK;
}

/* The table. */

static enum ops_status describe_table(const struct bootstrap *bootstrap, const char *table, json_t **ret_answer,
                                      struct ops_error *error)
{
    return ask(bootstrap, OPS_AWS_DYNAMODB, "DynamoDB_20120810.DescribeTable", json_pack("{s:s}", "TableName", table),
               ret_answer, error);
}

static json_t *attribute(const char *name, const char *what, const char *value)
{
    return json_pack("{s:s, s:s}", "AttributeName", name, what, value);
}

static json_t *table_request(const char *table)
{
    return json_pack("{s:s, s:s, s:b, s:[o, o], s:[o, o]}", "TableName", table, "BillingMode", "PAY_PER_REQUEST",
                     "DeletionProtectionEnabled", 1, "AttributeDefinitions", attribute("pk", "AttributeType", "S"),
                     attribute("sk", "AttributeType", "S"), "KeySchema", attribute("pk", "KeyType", "HASH"),
                     attribute("sk", "KeyType", "RANGE"));
}

static enum ops_status create_table(const struct bootstrap *bootstrap, const char *table, bool *ret_created)
{
    struct ops_error reason = OPS_ERROR_INIT;
    enum ops_status status =
        ask(bootstrap, OPS_AWS_DYNAMODB, "DynamoDB_20120810.CreateTable", table_request(table), NULL, &reason);
    *ret_created = status == OPS_OK;
    if (status == OPS_TARGET_ERROR && says(&reason, "ResourceInUseException"))
        status = OPS_OK;
    else if (status != OPS_OK && status != OPS_NO_MEMORY)
        status = ops_fail(bootstrap->error, status, "%s", ops_error_text(&reason, status));
    ops_error_release(&reason);
    return status;
}

static bool is_usable(const json_t *answer)
{
    const char *state = ops_json_text(json_object_get(answer, "Table"), "TableStatus", "");
    return strcmp(state, "ACTIVE") == 0 || strcmp(state, "UPDATING") == 0;
}

/* Waits until a table can be used. DescribeTable may not know for a while of one that was just made. */
static enum ops_status await_table(const struct bootstrap *bootstrap, const char *table, json_t **ret_answer)
{
    for (int poll = 1; poll <= POLLS_MAX; poll++) {
        json_t *answer = NULL;
        enum ops_status status = describe_table(bootstrap, table, &answer, bootstrap->error);
        if (status != OPS_OK && status != OPS_TARGET_MISSING)
            return status;
        if (is_usable(answer)) {
            *ret_answer = answer;
            return OPS_OK;
        }
        json_decref(answer);
        ops_aws_client_back_off(bootstrap->client, poll);
    }
    return ops_fail(bootstrap->error, OPS_TARGET_ERROR,
                    "The table %s does not become active; run 'g3nops aws-bootstrap' again when it is.", table);
}

/* What name is called in a list of the table's attributes, or "". */
static const char *listed(const json_t *table, const char *list, const char *name, const char *what)
{
    size_t i;
    json_t *entry;
    json_array_foreach(json_object_get(table, list), i, entry)
        if (strcmp(ops_json_text(entry, "AttributeName", ""), name) == 0)
            return ops_json_text(entry, what, "");
    return "";
}

static enum ops_status check_keys(const struct bootstrap *bootstrap, const char *name, const json_t *table)
{
    if (strcmp(listed(table, "KeySchema", "pk", "KeyType"), "HASH") == 0 &&
        strcmp(listed(table, "KeySchema", "sk", "KeyType"), "RANGE") == 0 &&
        strcmp(listed(table, "AttributeDefinitions", "pk", "AttributeType"), "S") == 0 &&
        strcmp(listed(table, "AttributeDefinitions", "sk", "AttributeType"), "S") == 0)
        return OPS_OK;
    return ops_fail(bootstrap->error, OPS_TARGET_ERROR,
                    "The table %s exists, and its keys are not the strings pk and sk: it can't be the table of g3nops.",
                    name);
}

static enum ops_status switch_recovery_on(const struct bootstrap *bootstrap, const char *table, struct ops_error *error)
{
    for (int attempt = 1;; attempt++) {
        enum ops_status status = ask(bootstrap, OPS_AWS_DYNAMODB, "DynamoDB_20120810.UpdateContinuousBackups",
                                     json_pack("{s:s, s:{s:b}}", "TableName", table, "PointInTimeRecoverySpecification",
                                               "PointInTimeRecoveryEnabled", 1),
                                     NULL, error);
        bool not_yet = status == OPS_TARGET_ERROR && says(error, "ContinuousBackupsUnavailableException");
        if (!not_yet || attempt == PITR_TRIES_MAX)
            return status;
        ops_aws_client_back_off(bootstrap->client, attempt);
    }
}

static enum ops_status recovery_is_on(const struct bootstrap *bootstrap, const char *table, bool *ret_on,
                                      struct ops_error *error)
{
    json_t *answer = NULL;
    enum ops_status status = ask(bootstrap, OPS_AWS_DYNAMODB, "DynamoDB_20120810.DescribeContinuousBackups",
                                 json_pack("{s:s}", "TableName", table), &answer, error);
    const json_t *backups = json_object_get(answer, "ContinuousBackupsDescription");
    const json_t *recovery = json_object_get(backups, "PointInTimeRecoveryDescription");
    *ret_on = strcmp(ops_json_text(recovery, "PointInTimeRecoveryStatus", ""), "ENABLED") == 0;
    json_decref(answer);
    return status;
}

/* A new table gets point-in-time recovery; of another it is told whether it has it. */
static enum ops_status see_to_recovery(const struct bootstrap *bootstrap, const char *table, bool is_new,
                                       struct ops_buf *warning)
{
    struct ops_error reason = OPS_ERROR_INIT;
    bool on = true;
    enum ops_status status =
        is_new ? switch_recovery_on(bootstrap, table, &reason) : recovery_is_on(bootstrap, table, &on, &reason);
    if (status != OPS_OK)
        status = warn_of_failure(warning,
                                 is_new ? "Point-in-time recovery could not be switched on."
                                        : "Whether point-in-time recovery is on can't be told.",
                                 status, &reason);
    else if (!on)
        warn(warning, "Point-in-time recovery is off.");
    ops_error_release(&reason);
    return status;
}

static void compare_table(const json_t *table, struct ops_buf *warning)
{
    const json_t *billing = json_object_get(table, "BillingModeSummary");
    if (!ops_json_flag(table, "DeletionProtectionEnabled", false))
        warn(warning, "Deletion protection is off.");
    if (strcmp(ops_json_text(billing, "BillingMode", ""), "PAY_PER_REQUEST") != 0)
        warn(warning, "Its capacity is provisioned, not on demand.");
}

static enum ops_status finish_table(const struct bootstrap *bootstrap, const char *name, bool is_new, bool created)
{
    struct ops_buf warning;
    json_t *answer = NULL;
    ops_buf_init(&warning, WARNINGS_MAX_BYTES);
    enum ops_status status = await_table(bootstrap, name, &answer);
    const json_t *table = json_object_get(answer, "Table");
    if (status == OPS_OK)
        status = check_keys(bootstrap, name, table);
    if (status == OPS_OK) {
        compare_table(table, &warning);
        status = see_to_recovery(bootstrap, name, is_new, &warning);
    }
    if (status == OPS_OK)
        status = report(bootstrap, "table", name, created, &warning);
    json_decref(answer);
    ops_buf_release(&warning);
    return status;
}

/* A table that was not there when this began is new, whoever made it: its creation may have been ours, though the answer to
 * that was lost, or another bootstrap's, which wants the same. */
static enum ops_status ensure_table(const struct bootstrap *bootstrap, const char *name)
{
    json_t *answer = NULL;
    bool created = false;
    struct ops_error reason = OPS_ERROR_INIT;
    enum ops_status status = describe_table(bootstrap, name, &answer, &reason);
    bool is_new = status == OPS_TARGET_MISSING;
    if (is_new)
        status = create_table(bootstrap, name, &created);
    else if (status != OPS_OK && status != OPS_NO_MEMORY)
        status = ops_fail(bootstrap->error, status, "%s", ops_error_text(&reason, status));
    ops_error_release(&reason);
    json_decref(answer);
    return status == OPS_OK ? finish_table(bootstrap, name, is_new, created) : status;
}

/* The log group and its stream. */

/* CreateLogGroup and CreateLogStream; takes request. */
static enum ops_status create_log(const struct bootstrap *bootstrap, const char *target, json_t *request, bool *ret_created)
{
    struct ops_error reason = OPS_ERROR_INIT;
    enum ops_status status = ask(bootstrap, OPS_AWS_LOGS, target, request, NULL, &reason);
    *ret_created = status == OPS_OK;
    if (status == OPS_TARGET_ERROR && says(&reason, "ResourceAlreadyExistsException"))
        status = OPS_OK;
    else if (status != OPS_OK && status != OPS_NO_MEMORY)
        status = ops_fail(bootstrap->error, status, "%s", ops_error_text(&reason, status));
    ops_error_release(&reason);
    return status;
}

/* A group that is asked for by its whole name comes first of those whose names begin with it. */
static void compare_group(const json_t *answer, const char *name, struct ops_buf *warning)
{
    const json_t *group = json_array_get(json_object_get(answer, "logGroups"), 0);
    json_int_t days = ops_json_integer(group, "retentionInDays", 0);
    if (strcmp(ops_json_text(group, "logGroupName", ""), name) != 0)
        warn(warning, "What retention it has can't be told.");
    else if (days > 0)
        ops_buf_append_format(warning, "It has a retention: audit records are deleted from it after %d days.", (int)days);
}

static enum ops_status look_at_group(const struct bootstrap *bootstrap, const char *name, struct ops_buf *warning)
{
    struct ops_error reason = OPS_ERROR_INIT;
    json_t *answer = NULL;
    enum ops_status status =
        ask(bootstrap, OPS_AWS_LOGS, "Logs_20140328.DescribeLogGroups",
            json_pack("{s:s, s:i}", "logGroupNamePrefix", name, "limit", (int)GROUPS_MAX), &answer, &reason);
    if (status == OPS_OK)
        compare_group(answer, name, warning);
    else
        status = warn_of_failure(warning, "What retention it has can't be told.", status, &reason);
    ops_error_release(&reason);
    json_decref(answer);
    return status;
}

static enum ops_status ensure_log_group(const struct bootstrap *bootstrap, const char *name)
{
    struct ops_buf warning;
    bool created = false;
    ops_buf_init(&warning, WARNINGS_MAX_BYTES);
    enum ops_status status =
        create_log(bootstrap, "Logs_20140328.CreateLogGroup", json_pack("{s:s}", "logGroupName", name), &created);
    if (status == OPS_OK && !created)
        status = look_at_group(bootstrap, name, &warning);
    if (status == OPS_OK)
        status = report(bootstrap, "log_group", name, created, &warning);
    ops_buf_release(&warning);
    return status;
}

static enum ops_status ensure_log_stream(const struct bootstrap *bootstrap, const char *group, const char *name)
{
    struct ops_buf no_warning;
    bool created = false;
    ops_buf_init(&no_warning, 0);
    enum ops_status status = create_log(bootstrap, "Logs_20140328.CreateLogStream",
                                        json_pack("{s:s, s:s}", "logGroupName", group, "logStreamName", name), &created);
    return status == OPS_OK ? report(bootstrap, "log_stream", name, created, &no_warning) : status;
}

enum ops_status ops_aws_bootstrap(struct ops_aws_client *client, const char *table, const char *log_group,
                                  const char *log_stream, json_t **ret_report, struct ops_error *error)
{
    const struct bootstrap bootstrap = {client, *ret_report, error};
    enum ops_status status = ensure_table(&bootstrap, table);
    if (status == OPS_OK)
        status = ensure_log_group(&bootstrap, log_group);
    if (status == OPS_OK)
        status = ensure_log_stream(&bootstrap, log_group, log_stream);
    return status;
}
