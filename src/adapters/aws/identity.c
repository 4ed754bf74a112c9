/*
 * A table and a log group are known by account, region and name, a bucket by its name alone, which all accounts share. None
 * of it has to be asked for but the account: whatever names are given, they are looked up in the caller's own.
 *
 * Sources: AWS General Reference, "Amazon Resource Names (ARNs)", "Service endpoints and quotas"; Amazon S3 User Guide,
 * "General purpose bucket naming rules" (endings that are reserved for aliases of access points, for directory buckets and
 * the like); Amazon DynamoDB API Reference, "DescribeTable" (it takes an ARN for a name).
 */
#include "adapters/aws/identity.h"

#include "adapters/aws/json_ask.h"
#include "adapters/aws/url.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/url.h"

#include <stdio.h>
#include <strings.h>

#define UNKNOWN "unknown"

/* A question that found nobody takes two seconds, and there are as many targets as an account has tables. */
enum { ASK_AGAIN_AFTER_MS = 5000 };

static const enum ops_aws_service services[OPS_TARGET_KIND_COUNT] = {
    [OPS_TABLE] = OPS_AWS_DYNAMODB,
    [OPS_BUCKET] = OPS_AWS_S3,
    [OPS_LOG_GROUP] = OPS_AWS_LOGS,
};

void ops_aws_identities_init(struct ops_aws_identities *identities, struct ops_aws_client *client, struct ops_clock *clock,
                             const struct ops_aws_own *own)
{
    *identities = (struct ops_aws_identities){.client = client, .clock = clock, .own = *own};
    (void)pthread_mutex_init(&identities->mutex, NULL); /* a default mutex needs no resources on Linux */
}

void ops_aws_identities_release(struct ops_aws_identities *identities)
{
    (void)pthread_mutex_destroy(&identities->mutex);
}

/* ---- Names ---- */

static bool ends_with(const char *text, const char *ending)
{
    size_t length = strlen(text), ending_length = strlen(ending);
    return length > ending_length && strcasecmp(text + length - ending_length, ending) == 0;
}

static enum ops_status check_bucket(const char *name, struct ops_error *error)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
    static const struct {
        const char *ending;
        const char *what;
    } reserved[] = {
        {"-s3alias", "an access point's alias"},   {"--ol-s3", "an Object Lambda access point's alias"},
        {"--op-s3", "an alias on S3 on Outposts"}, {".mrap", "a multi-region access point"},
        {"--x-s3", "a directory bucket"},          {"--table-s3", "a table bucket"},
    };
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++)
        if (ends_with(name, reserved[i].ending))
            return ops_fail(error, OPS_TARGET_ERROR, "%s is the name of %s, which is not emptied; name the bucket itself.",
                            name, reserved[i].what);
    /* In a request's path anything else may mean another name. */
    if (strspn(name, letters) != strlen(name))
        return ops_fail(error, OPS_TARGET_ERROR, "%s is not the name of a bucket.", name);
    return OPS_OK;
}

enum ops_status ops_aws_check_name(enum ops_target_kind kind, const char *name, struct ops_error *error)
{
    if (strncasecmp(name, "arn:", strlen("arn:")) == 0)
        return ops_fail(error, OPS_TARGET_ERROR, "%s is an ARN; give the name alone.", name);
    return kind == OPS_BUCKET ? check_bucket(name, error) : OPS_OK;
}

/* ---- The account ---- */

/* From "arn:aws:dynamodb:eu-central-1:123456789012:table/ops_main". */
static bool read_account(const char *arn, char ret_account[static OPS_AWS_ACCOUNT_SIZE])
{
    for (int colons = 0; *arn && colons < 4; arn++)
        colons += *arn == ':';
    size_t length = strcspn(arn, ":");
    if (length == 0 || length >= OPS_AWS_ACCOUNT_SIZE || arn[length] != ':')
        return false;
    (void)snprintf(ret_account, OPS_AWS_ACCOUNT_SIZE, "%.*s", (int)length, arn);
    return true;
}

/* Where STS can't say whose the keys are, DynamoDB may say whose the table is that they reach. */
static enum ops_status ask_table(const struct ops_aws_identities *identities, char ret_account[static OPS_AWS_ACCOUNT_SIZE])
{
    json_t *answer = NULL;
    enum ops_status status = ops_aws_json_ask(identities->client, OPS_AWS_DYNAMODB, "DynamoDB_20120810.DescribeTable",
                                              json_pack("{s:s}", "TableName", identities->own.table), &answer, NULL);
    const char *arn = ops_json_text(json_object_get(answer, "Table"), "TableArn", "");
    if (status == OPS_OK && !read_account(arn, ret_account))
        ret_account[0] = '\0';
    json_decref(answer);
    bool lasts = status == OPS_TARGET_MISSING || status == OPS_TARGET_ERROR || status == OPS_LIMIT;
    return lasts ? OPS_OK : status == OPS_OK || status == OPS_NO_MEMORY ? status : OPS_STORE_UNAVAILABLE;
}

/* "" when nobody can tell, now or later. */
static enum ops_status ask_account(const struct ops_aws_identities *identities,
                                   char ret_account[static OPS_AWS_ACCOUNT_SIZE], struct ops_error *error)
{
    ret_account[0] = '\0';
    enum ops_status status = ops_aws_client_account(identities->client, ret_account, error);
    return status == OPS_TARGET_ERROR ? ask_table(identities, ret_account) : status;
}

static void keep_account(struct ops_aws_identities *identities, enum ops_status status,
                         const char account[static OPS_AWS_ACCOUNT_SIZE])
{
    pthread_mutex_lock(&identities->mutex);
    identities->synced.is_told = status == OPS_OK;
    if (status == OPS_OK)
        memcpy(identities->synced.account, account, OPS_AWS_ACCOUNT_SIZE);
    else if (status != OPS_NO_MEMORY)
        identities->synced.not_before_ms = ops_clock_monotonic_ms(identities->clock) + ASK_AGAIN_AFTER_MS;
    pthread_mutex_unlock(&identities->mutex);
}

static enum ops_status account_of(struct ops_aws_identities *identities, char ret_account[static OPS_AWS_ACCOUNT_SIZE],
                                  struct ops_error *error)
{
    pthread_mutex_lock(&identities->mutex);
    bool is_told = identities->synced.is_told;
    bool must_wait = ops_clock_monotonic_ms(identities->clock) < identities->synced.not_before_ms;
    memcpy(ret_account, identities->synced.account, OPS_AWS_ACCOUNT_SIZE);
    pthread_mutex_unlock(&identities->mutex);
    if (is_told)
        return OPS_OK;
    if (must_wait)
        return ops_fail(error, OPS_STORE_UNAVAILABLE, "The account is not known yet; STS has just not answered.");
    enum ops_status status = ask_account(identities, ret_account, error);
    keep_account(identities, status, ret_account);
    return status;
}

/* ---- Endpoints ---- */

/* Whether a host is AWS's own, also where it was configured, as that of a VPC endpoint is. */
static bool is_of_aws(struct ops_view host)
{
    static const char *const domains[] = {".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu", ".api.aws"};
    for (size_t i = 0; i < sizeof domains / sizeof domains[0]; i++) {
        size_t length = strlen(domains[i]);
        if (host.length > length && strncasecmp(host.data + host.length - length, domains[i], length) == 0)
            return true;
    }
    return false;
}

/* The endpoint of a service that is not AWS's, or NULL. */
static const char *foreign_endpoint(const struct ops_aws_identities *identities, enum ops_aws_service service)
{
    struct ops_aws_url url;
    const char *endpoint = ops_aws_client_endpoint(identities->client, service);
    return endpoint && ops_aws_url_parse(endpoint, &url) && is_of_aws(url.host) ? NULL : endpoint;
}

/* ---- What a thing is ---- */

static const char *partition_of(const char *region)
{
    static const struct {
        const char *prefix;
        const char *partition;
    } partitions[] = {
        {"cn-", "aws-cn"},         {"us-gov-", "aws-us-gov"}, {"us-isob-", "aws-iso-b"}, {"us-isof-", "aws-iso-f"},
        {"eu-isoe-", "aws-iso-e"}, {"us-iso-", "aws-iso"},    {"eusc-", "aws-eusc"},
    };
    for (size_t i = 0; i < sizeof partitions / sizeof partitions[0]; i++)
        if (strncmp(region, partitions[i].prefix, strlen(partitions[i].prefix)) == 0)
            return partitions[i].partition;
    return "aws";
}

static void write_location(const struct ops_aws_identities *identities, enum ops_target_kind kind, const char *name,
                           const char *account, struct ops_identity *identity)
{
    const char *region = ops_aws_client_region(identities->client);
    const char *partition = partition_of(region);
    char *location = identity->location;
    if (kind == OPS_BUCKET)
        (void)snprintf(location, OPS_LOCATION_SIZE, "arn:%s:s3:::%s", partition, name);
    else if (account[0])
        (void)snprintf(location, OPS_LOCATION_SIZE, "arn:%s:%s:%s:%s:%s%s", partition, ops_aws_service_name(services[kind]),
                       region, account, kind == OPS_TABLE ? "table/" : "log-group:", name);
}

/* A text that is too long is known by its hash. */
static enum ops_status write_text(const struct ops_aws_identities *identities, enum ops_target_kind kind, const char *name,
                                  const char *account, struct ops_identity *identity)
{
    const char *endpoint = foreign_endpoint(identities, services[kind]);
    struct ops_buf text;
    char hash[OPS_SHA256_HEX_SIZE];
    ops_buf_init(&text, 2 * OPS_LOCATION_SIZE + OPS_URL_SHOWN_SIZE);
    ops_buf_append_text(&text, ops_target_kind_name(kind));
    if (kind != OPS_BUCKET)
        ops_buf_append_format(&text, " %s %s", account, ops_aws_client_region(identities->client));
    ops_buf_append_format(&text, " %s%s%s", name, endpoint ? " " : "", endpoint ? endpoint : "");
    enum ops_status status = ops_buf_status(&text);
    if (status == OPS_OK && text.length < OPS_IDENTITY_SIZE) {
        memcpy(identity->text, ops_buf_text(&text), text.length + 1);
    } else if (status == OPS_OK) {
        status = ops_sha256_hex(ops_buf_view(&text), hash);
        if (status == OPS_OK)
            (void)snprintf(identity->text, OPS_IDENTITY_SIZE, "%s sha256:%s", ops_target_kind_name(kind), hash);
    }
    ops_buf_release(&text);
    return status == OPS_LIMIT ? OPS_OK : status; /* a name that long is none */
}

static bool is_own(const struct ops_aws_identities *identities, enum ops_target_kind kind, const char *name)
{
    const char *own = kind == OPS_TABLE ? identities->own.table : kind == OPS_LOG_GROUP ? identities->own.log_group : NULL;
    return own && strcmp(own, name) == 0;
}

/* While nobody can tell the account, now or ever, what else there is to tell is told. */
enum ops_status ops_aws_identify(struct ops_aws_identities *identities, enum ops_target_kind kind, const char *name,
                                 struct ops_identity *ret_identity, struct ops_error *error)
{
    char account[OPS_AWS_ACCOUNT_SIZE] = "";
    enum ops_status status = ops_aws_check_name(kind, name, error);
    if (status == OPS_OK && kind != OPS_BUCKET && account_of(identities, account, NULL) == OPS_NO_MEMORY)
        status = OPS_NO_MEMORY;
    if (status != OPS_OK)
        return status;
    ret_identity->own = is_own(identities, kind, name);
    write_location(identities, kind, name, account, ret_identity);
    return account[0] || kind == OPS_BUCKET ? write_text(identities, kind, name, account, ret_identity) : OPS_OK;
}

/* ---- Where the stack is ---- */

/* One URL where all three services are behind it, else each with its service. */
static enum ops_status append_endpoints(const struct ops_aws_identities *identities, struct ops_buf *text)
{
    const char *endpoints[OPS_TARGET_KIND_COUNT];
    char shown[OPS_URL_SHOWN_SIZE];
    bool all_alike = true;
    for (int kind = 0; kind < OPS_TARGET_KIND_COUNT; kind++) {
        endpoints[kind] = foreign_endpoint(identities, services[kind]);
        all_alike = all_alike && endpoints[kind] && strcmp(endpoints[kind], endpoints[0]) == 0;
    }
    if (all_alike)
        ops_buf_append_text(text, ops_url_show(endpoints[0], shown));
    for (int kind = 0; kind < OPS_TARGET_KIND_COUNT && !all_alike; kind++)
        if (endpoints[kind])
            ops_buf_append_format(text, "%s%s=%s", text->length > 0 ? " " : "", ops_aws_service_name(services[kind]),
                                  ops_url_show(endpoints[kind], shown));
    return ops_buf_status(text);
}

enum ops_status ops_aws_where(struct ops_aws_identities *identities, json_t **ret_place, struct ops_error *error)
{
    char account[OPS_AWS_ACCOUNT_SIZE];
    struct ops_buf endpoints;
    enum ops_status status = account_of(identities, account, error);
    if (status != OPS_OK)
        return status;
    ops_buf_init(&endpoints, OPS_TARGET_KIND_COUNT * (OPS_URL_SHOWN_SIZE + 16));
    status = append_endpoints(identities, &endpoints);
    json_t *place = json_pack("{s:s, s:s, s:s}", "engine", "aws", "account", account[0] ? account : UNKNOWN, "region",
                              ops_aws_client_region(identities->client));
    if (!place)
        status = OPS_NO_MEMORY;
    if (status == OPS_OK && endpoints.length > 0)
        status = ops_json_set_text(place, "endpoint", ops_buf_text(&endpoints));
    ops_buf_release(&endpoints);
    if (status == OPS_OK)
        *ret_place = place;
    else
        json_decref(place);
    return status;
}
