#include "core/audit.h"

#include "base/json.h"

#include <string.h>

enum { AUDIT_RECORD_MAX_BYTES = 384 * 1024 };

static const char *const type_names[OPS_AUDIT_TYPE_COUNT] = {
#define X(symbol, text) [OPS_AUDIT_##symbol] = text,
    OPS_AUDIT_TYPE_TABLE(X)
#undef X
};

const char *ops_audit_type_name(enum ops_audit_type type)
{
    return type_names[type];
}

json_t *ops_audit_head_doc(const struct ops_audit_head *head)
{
    return json_pack("{s:I, s:s}", "seq", head->seq, "sha256", head->sha256);
}

enum ops_status ops_audit_head_read(const json_t *doc, struct ops_audit_head *ret_head)
{
    static const struct ops_audit_head empty = OPS_AUDIT_HEAD_EMPTY;
    if (!doc) {
        *ret_head = empty;
        return OPS_OK;
    }
    const char *sha256 = ops_json_text(doc, "sha256", "");
    json_int_t seq = ops_json_integer(doc, "seq", 0);
    if (seq < 1 || strlen(sha256) != OPS_SHA256_HEX_SIZE - 1)
        return OPS_CORRUPT;
    ret_head->seq = seq;
    memcpy(ret_head->sha256, sha256, OPS_SHA256_HEX_SIZE);
    return OPS_OK;
}

static enum ops_status hash_record(const json_t *record, char ret_hex[static OPS_SHA256_HEX_SIZE])
{
    struct ops_buf text;
    ops_buf_init(&text, AUDIT_RECORD_MAX_BYTES);
    enum ops_status status = ops_json_canonical(record, &text);
    if (status == OPS_OK)
        status = ops_sha256_hex(ops_buf_view(&text), ret_hex);
    ops_buf_release(&text);
    return status;
}

static json_t *record_new(const struct ops_audit_head *head, const struct ops_audit_event *event, const char *txn,
                          int64_t now_ms)
{
    char at[OPS_INSTANT_TEXT_SIZE];
    ops_instant_format(now_ms, at);
    json_t *record = ops_json_pack("{s:I, s:s, s:s, s:s, s:s*, s:s*, s:s*, s:O*, s:s}", "seq", head->seq + 1, "txn", txn,
                                   "type", type_names[event->type], "at", at, "actor", event->actor, "peer", event->peer,
                                   "reason", event->reason, "data", event->data, "prev_sha256", head->sha256);
    if (record && event->subject_name && ops_json_set_text(record, event->subject_name, event->subject_id) != OPS_OK) {
        json_decref(record);
        return NULL;
    }
    return record;
}

enum ops_status ops_audit_append(struct ops_audit_head *head, const struct ops_audit_event *event, const char *txn,
                                 int64_t now_ms, json_t **ret_record)
{
    json_t *record = record_new(head, event, txn, now_ms);
    if (!record)
        return OPS_NO_MEMORY;
    char sha256[OPS_SHA256_HEX_SIZE];
    enum ops_status status = hash_record(record, sha256);
    if (status == OPS_OK)
        status = ops_json_set_text(record, "sha256", sha256);
    if (status != OPS_OK) {
        json_decref(record);
        return status;
    }
    head->seq++;
    memcpy(head->sha256, sha256, sizeof sha256);
    *ret_record = record;
    return OPS_OK;
}

/* The hash that the record should carry. */
static enum ops_status expected_hash(const json_t *record, char ret_hex[static OPS_SHA256_HEX_SIZE])
{
    json_t *copy = ops_json_copy(record);
    if (!copy)
        return OPS_NO_MEMORY;
    (void)json_object_del(copy, "sha256"); /* when it is missing, the comparison says so */
    enum ops_status status = hash_record(copy, ret_hex);
    json_decref(copy);
    return status;
}

enum ops_status ops_audit_follow(struct ops_audit_head *head, const json_t *record, struct ops_error *error)
{
    json_int_t wanted = head->seq + 1;
    json_int_t seq = ops_json_integer(record, "seq", 0);
    if (seq != wanted)
        return ops_fail(error, OPS_CORRUPT,
                        "Audit record %" JSON_INTEGER_FORMAT " is missing (found %" JSON_INTEGER_FORMAT " in its place).",
                        wanted, seq);
    if (strcmp(ops_json_text(record, "prev_sha256", ""), head->sha256) != 0)
        return ops_fail(error, OPS_CORRUPT,
                        "Audit record %" JSON_INTEGER_FORMAT " does not follow record %" JSON_INTEGER_FORMAT
                        ": its prev_sha256 is another.",
                        seq, head->seq);
    char sha256[OPS_SHA256_HEX_SIZE];
    enum ops_status status = expected_hash(record, sha256);
    if (status != OPS_OK)
        return status;
    if (strcmp(ops_json_text(record, "sha256", ""), sha256) != 0)
        return ops_fail(error, OPS_CORRUPT,
                        "Audit record %" JSON_INTEGER_FORMAT " was altered: its content does not give its sha256.", seq);
    head->seq = seq;
    memcpy(head->sha256, sha256, sizeof sha256);
    return OPS_OK;
}
