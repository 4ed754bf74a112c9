#include "adapters/aws/sessions.h"

#include "adapters/aws/item.h"
#include "base/instant.h"
#include "base/json.h"
#include "base/mem.h"

#include <pthread.h>
#include <stdio.h>

enum {
    TIMEOUT_MS = 2000,   /* whoever waits for a check waits with a request in hand */
    KEY_NAME_SIZE = 256, /* DynamoDB allows 255 characters */
    KEY_VALUE_SIZE = 160,
    REQUEST_MAX_BYTES = 16 * 1024,
    ANSWER_MAX_BYTES = 1024 * 1024,
};

/* One kind of item: how its key is made in a table that has a sort key. */
struct item_kind {
    const char *pk_prefix;
    const char *sk;
};

static const struct item_kind session_item = {"SESSION#", "SESSION"};
static const struct item_kind user_item = {"USER#", "USER"};

/* What the key attributes of a table are called. */
struct table_key {
    char pk[KEY_NAME_SIZE]; /* "": not known */
    char sk[KEY_NAME_SIZE]; /* "": there is none */
};

struct session_table {
    char *name;
    const struct item_kind *kind;
    struct {
        struct table_key key; /* as DescribeTable said */
    } synced;
};

struct aws_sessions {
    struct ops_session_source base;
    struct ops_aws_client *client;
    pthread_mutex_t mutex;
    struct session_table sessions;
    struct session_table users; /* name NULL: not asked */
};

static struct aws_sessions *aws_sessions(struct ops_session_source *self)
{
    return (struct aws_sessions *)self;
}

/* Sentences name the table, never a key: the key of a session is a credential. */
static enum ops_status fail(struct ops_error *error, const struct session_table *table, const char *reason)
{
    return ops_fail(error, OPS_SESSION_STORE_UNAVAILABLE, "The table %s can't be used: %s", table->name, reason);
}

/* The words of the service are passed on, unless they repeat whom was asked for. */
static enum ops_status fail_call(struct ops_error *error, const struct session_table *table, const struct ops_aws_call *call,
                                 const char *asked)
{
    if (call->status == OPS_NO_MEMORY)
        return OPS_NO_MEMORY;
    const char *words = ops_error_text(&call->error, call->status);
    if (asked && strstr(words, asked))
        words = call->code[0] ? call->code : ops_status_sentence(call->status);
    return fail(error, table, words);
}

/* Asks about a table; takes request. asked: what no error may repeat, or NULL. */
static enum ops_status ask(struct aws_sessions *sessions, const struct session_table *table, const char *target,
                           json_t *request, const char *asked, json_t **ret_answer, struct ops_error *error)
{
    struct ops_aws_call call;
    struct ops_buf text;
    ops_buf_init(&text, REQUEST_MAX_BYTES);
    ops_aws_call_init(&call, OPS_AWS_DYNAMODB, ANSWER_MAX_BYTES);
    enum ops_status status = request ? ops_json_append(request, &text) : OPS_NO_MEMORY;
    if (status == OPS_OK) {
        ops_aws_call_json(&call, target, ops_buf_view(&text));
        call.timeout_ms = TIMEOUT_MS;
        ops_aws_call_send_patiently(sessions->client, &call);
        status = call.status == OPS_OK ? ops_json_parse_object(ops_buf_view(&call.response.body), ret_answer, NULL)
                                       : fail_call(error, table, &call, asked);
        if (status == OPS_INVALID_JSON)
            status = fail(error, table, "DynamoDB gave an answer that can't be read.");
    }
    ops_aws_call_release(&call);
    ops_buf_wipe(&text);
    json_decref(request);
    return status;
}

static bool is_text_key(const json_t *description, const char *name)
{
    size_t i;
    json_t *attribute;
    json_array_foreach(json_object_get(description, "AttributeDefinitions"), i, attribute)
        if (strcmp(ops_json_text(attribute, "AttributeName", ""), name) == 0)
            return strcmp(ops_json_text(attribute, "AttributeType", ""), "S") == 0;
    return false;
}

/* Reads the names of the key attributes, which must be texts. */
static bool read_key(const json_t *description, struct table_key *ret_key)
{
    struct table_key key = {.pk = ""};
    size_t i;
    json_t *element;
    json_array_foreach(json_object_get(description, "KeySchema"), i, element) {
        const char *name = ops_json_text(element, "AttributeName", "");
        bool is_pk = strcmp(ops_json_text(element, "KeyType", ""), "HASH") == 0;
        if (!is_text_key(description, name) || snprintf(is_pk ? key.pk : key.sk, KEY_NAME_SIZE, "%s", name) >= KEY_NAME_SIZE)
            return false;
    }
    *ret_key = key;
    return key.pk[0];
}

static enum ops_status describe(struct aws_sessions *sessions, const struct session_table *table, struct table_key *ret_key,
                                struct ops_error *error)
{
    json_t *answer = NULL;
    enum ops_status status = ask(sessions, table, "DynamoDB_20120810.DescribeTable",
                                 json_pack("{s:s}", "TableName", table->name), NULL, &answer, error);
    if (status == OPS_OK && !read_key(json_object_get(answer, "Table"), ret_key))
        status = fail(error, table, "its key is not made of texts.");
    json_decref(answer);
    return status;
}

static void keep_key(struct aws_sessions *sessions, struct session_table *table, const struct table_key *key)
{
    pthread_mutex_lock(&sessions->mutex);
    table->synced.key = *key;
    pthread_mutex_unlock(&sessions->mutex);
}

/* The key of a table, asked for once. */
static enum ops_status know_key(struct aws_sessions *sessions, struct session_table *table, struct table_key *ret_key,
                                struct ops_error *error)
{
    pthread_mutex_lock(&sessions->mutex);
    struct table_key key = table->synced.key;
    pthread_mutex_unlock(&sessions->mutex);
    enum ops_status status = OPS_OK;
    if (!key.pk[0]) {
        status = describe(sessions, table, &key, error);
        if (status == OPS_OK)
            keep_key(sessions, table, &key);
    }
    if (status == OPS_OK)
        *ret_key = key;
    return status;
}

static json_t *text_attribute(const char *text)
{
    return json_pack("{s:s}", "S", text);
}

/* A request for the attributes that count, under names that no reserved word is in the way of. NULL: no memory. */
static json_t *item_request(const struct session_table *table, const struct table_key *key, const char *name)
{
    char pk[KEY_VALUE_SIZE];
    (void)snprintf(pk, sizeof pk, "%s%s", key->sk[0] ? table->kind->pk_prefix : "", name);
    json_t *request = json_pack("{s:s, s:b, s:{s:o}, s:s, s:{s:s, s:s, s:s, s:s, s:s}}", "TableName", table->name,
                                "ConsistentRead", 1, "Key", key->pk, text_attribute(pk), "ProjectionExpression",
                                "#a, #b, #c, #d, #e", "ExpressionAttributeNames", "#a", "status", "#b", "expires_at", "#c",
                                "user_id", "#d", "orgcode", "#e", "cccode");
    explicit_bzero(pk, sizeof pk);
    if (request && key->sk[0] &&
        json_object_set_new(json_object_get(request, "Key"), key->sk, text_attribute(table->kind->sk)) != 0) {
        json_decref(request);
        request = NULL;
    }
    return request;
}

/* Reads the attributes of one item. OPS_SESSION_INVALID when there is surely no such item. */
static enum ops_status read_item(struct aws_sessions *sessions, struct session_table *table, const char *name,
                                 json_t **ret_body, struct ops_error *error)
{
    static const struct table_key not_known = {.pk = ""};
    struct table_key key;
    json_t *answer = NULL;
    enum ops_status status = know_key(sessions, table, &key, error);
    if (status != OPS_OK)
        return status;
    status = ask(sessions, table, "DynamoDB_20120810.GetItem", item_request(table, &key, name), name, &answer, error);
    if (status == OPS_SESSION_STORE_UNAVAILABLE) /* perhaps another table goes by this name now */
        keep_key(sessions, table, &not_known);
    if (status != OPS_OK)
        return status;
    json_t *item = json_object_get(answer, "Item");
    status = item ? ops_aws_item_read_members(item, ret_body) : OPS_SESSION_INVALID;
    if (status == OPS_CORRUPT)
        status = fail(error, table, "an item's attributes are not what they should be.");
    json_decref(answer);
    return status;
}

static enum ops_status check_user(struct aws_sessions *sessions, const char *user, struct ops_error *error)
{
    json_t *body = NULL;
    enum ops_status status = read_item(sessions, &sessions->users, user, &body, error);
    if (status == OPS_OK && !ops_session_record_active(body))
        status = OPS_SESSION_INVALID;
    json_decref(body);
    return status;
}

static enum ops_status aws_check(struct ops_session_source *self, struct ops_view guid, int64_t now_ms,
                                 struct ops_session *ret_session, struct ops_error *error)
{
    struct aws_sessions *sessions = aws_sessions(self);
    struct ops_session session = {.user = ""};
    char name[OPS_SESSION_GUID_MAX + 1];
    const char *problem = "";
    json_t *body = NULL;
    if (guid.length == 0 || guid.length > OPS_SESSION_GUID_MAX)
        return OPS_SESSION_INVALID;
    memcpy(name, guid.data, guid.length);
    name[guid.length] = '\0';
    enum ops_status status = read_item(sessions, &sessions->sessions, name, &body, error);
    explicit_bzero(name, sizeof name);
    if (status == OPS_OK)
        status = ops_session_read(body, now_ms, &session, &problem);
    if (status == OPS_CORRUPT)
        status = ops_fail(error, OPS_SESSION_STORE_UNAVAILABLE, "The table %s can't be used: %s.", sessions->sessions.name,
                          problem);
    if (status == OPS_OK)
        status = check_user(sessions, session.user, error);
    if (status == OPS_OK)
        *ret_session = session;
    json_decref(body);
    return status;
}

static void aws_release(struct ops_session_source *self)
{
    struct aws_sessions *sessions = aws_sessions(self);
    (void)pthread_mutex_destroy(&sessions->mutex);
    ops_mem_free(sessions->sessions.name);
    ops_mem_free(sessions->users.name);
    ops_mem_free(sessions);
}

static const struct ops_session_source_ops aws_ops = {
    .check = aws_check,
    .release = aws_release,
};

enum ops_status ops_aws_sessions_new(struct ops_aws_client *client, const char *sessions_table, const char *users_table,
                                     struct ops_session_source **ret_source)
{
    struct aws_sessions *sessions = ops_mem_zeroed(1, sizeof *sessions);
    if (!sessions)
        return OPS_NO_MEMORY;
    sessions->base.ops = &aws_ops;
    sessions->client = client;
    (void)pthread_mutex_init(&sessions->mutex, NULL); /* a default mutex needs no resources on Linux */
    sessions->sessions = (struct session_table){.name = ops_mem_strdup(sessions_table), .kind = &session_item};
    sessions->users = (struct session_table){.name = ops_mem_strdup(users_table), .kind = &user_item};
    if (!sessions->sessions.name || !sessions->users.name) {
        aws_release(&sessions->base);
        return OPS_NO_MEMORY;
    }
    *ret_source = &sessions->base;
    return OPS_OK;
}
