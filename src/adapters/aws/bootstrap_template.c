/* Source: AWS CloudFormation Template Reference, AWS::DynamoDB::Table, AWS::Logs::LogGroup, AWS::Logs::LogStream,
 * "DeletionPolicy attribute". */
#include "adapters/aws/bootstrap.h"

/* A line of the template, or its first part when a name follows. */
enum name { NO_NAME, TABLE, LOG_GROUP, LOG_STREAM, NAME_COUNT };

struct line {
    const char *text;
    enum name name;
};

/* Nothing here may go when the stack does: the records are what a vacuum is answerable by. */
#define RETAINED "    DeletionPolicy: Retain\n    UpdateReplacePolicy: Retain"

static const struct line lines[] = {
    {"AWSTemplateFormatVersion: '2010-09-09'", NO_NAME},
    {"Description: The record table and the audit log group of g3nops", NO_NAME},
    {"Resources:", NO_NAME},
    {"  OpsMain:", NO_NAME},
    {"    Type: AWS::DynamoDB::Table", NO_NAME},
    {RETAINED, NO_NAME},
    {"    Properties:", NO_NAME},
    {"      TableName: ", TABLE},
    {"      BillingMode: PAY_PER_REQUEST", NO_NAME},
    {"      AttributeDefinitions:", NO_NAME},
    {"        - AttributeName: pk", NO_NAME},
    {"          AttributeType: S", NO_NAME},
    {"        - AttributeName: sk", NO_NAME},
    {"          AttributeType: S", NO_NAME},
    {"      KeySchema:", NO_NAME},
    {"        - AttributeName: pk", NO_NAME},
    {"          KeyType: HASH", NO_NAME},
    {"        - AttributeName: sk", NO_NAME},
    {"          KeyType: RANGE", NO_NAME},
    {"      DeletionProtectionEnabled: true", NO_NAME},
    {"      PointInTimeRecoverySpecification:", NO_NAME},
    {"        PointInTimeRecoveryEnabled: true", NO_NAME},
    {"  AuditLogGroup:", NO_NAME},
    {"    Type: AWS::Logs::LogGroup", NO_NAME},
    {RETAINED, NO_NAME},
    {"    Properties:", NO_NAME},
    {"      LogGroupName: ", LOG_GROUP},
    {"  AuditLogStream:", NO_NAME},
    {"    Type: AWS::Logs::LogStream", NO_NAME},
    {RETAINED, NO_NAME},
    {"    Properties:", NO_NAME},
    {"      LogGroupName: !Ref AuditLogGroup", NO_NAME},
    {"      LogStreamName: ", LOG_STREAM},
};

/* In single quotes, where nothing but a quote has a meaning (YAML 1.2, section 7.3.2). */
static void append_quoted(struct ops_buf *buf, const char *text)
{
    ops_buf_append_char(buf, '\'');
    for (const char *at = text; *at; at++) {
        if (*at == '\'')
            ops_buf_append_char(buf, '\'');
        ops_buf_append_char(buf, *at);
    }
    ops_buf_append_char(buf, '\'');
}

void ops_aws_bootstrap_template(const char *table, const char *log_group, const char *log_stream, struct ops_buf *buf)
{
    const char *const names[NAME_COUNT] = {[TABLE] = table, [LOG_GROUP] = log_group, [LOG_STREAM] = log_stream};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        ops_buf_append_text(buf, lines[i].text);
        if (lines[i].name != NO_NAME)
            append_quoted(buf, names[lines[i].name]);
        ops_buf_append_char(buf, '\n');
    }
}
