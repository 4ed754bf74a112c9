#include "app/secret.h"

#include "app/commit.h"
#include "app/keys.h"
#include "base/json.h"
#include "core/secret.h"

#include <openssl/crypto.h>

enum { CONFLICT_RETRIES_MAX = 8 };

/* *ret_record is NULL when no code was ever set. */
static enum ops_status load_record(struct ops_app *app, json_t **ret_record, struct ops_error *error)
{
    *ret_record = NULL;
    enum ops_status status = ops_store_get(app->ports.store, OPS_PK_SINGLETON, OPS_SK_SECRET_CODE, ret_record, error);
    return status == OPS_NOT_FOUND ? OPS_OK : status;
}

static void put_record(struct ops_txn *txn, const json_t *before, json_t *after)
{
    ops_txn_put(txn, OPS_PK_SINGLETON, OPS_SK_SECRET_CODE, after);
    if (before)
        ops_txn_if_integer(txn, "revision", ops_json_integer(before, "revision", 0));
    else
        ops_txn_if_absent(txn);
}

static enum ops_status write_wrong(struct ops_app *app, const json_t *record, const char *actor, const char *operation,
                                   struct ops_error *error)
{
    int64_t now_ms = ops_clock_now_ms(app->ports.clock);
    int64_t lock_seconds = 0;
    json_t *after = NULL;
    enum ops_status status = ops_secret_count_wrong(record, now_ms, &after, &lock_seconds);
    if (status != OPS_OK)
        return status;
    json_t *data =
        json_pack("{s:s, s:O}", "operation", operation, "wrong_in_a_row", json_object_get(after, "wrong_in_a_row"));
    json_t *lock_data = json_pack("{s:I}", "lock_seconds", (json_int_t)lock_seconds);
    const struct ops_audit_event events[] = {
        {.type = OPS_AUDIT_SECRET_MISMATCH, .actor = actor, .data = data},
        {.type = OPS_AUDIT_SECRET_LOCKED, .actor = actor, .data = lock_data},
    };
    struct ops_txn txn;
    ops_change_begin(app, &txn, now_ms);
    put_record(&txn, record, after);
    status = data && lock_data ? ops_change_commit(app, &txn, events, lock_seconds ? 2 : 1, now_ms, error) : OPS_NO_MEMORY;
    ops_txn_release(&txn);
    json_decref(data);
    json_decref(lock_data);
    return status;
}

/* Forgets earlier wrong codes. If it can't be written now, the next right code does it. */
static void write_right(struct ops_app *app, const json_t *record)
{
    json_t *after = NULL;
    if (!ops_secret_has_wrong(record) || ops_secret_count_right(record, &after) != OPS_OK)
        return;
    struct ops_txn txn;
    ops_change_begin(app, &txn, ops_clock_now_ms(app->ports.clock));
    put_record(&txn, record, after);
    enum ops_status ignored = ops_store_transact(app->ports.store, &txn, NULL);
    (void)ignored;
    ops_txn_release(&txn);
}

/* One look at the record and at the code. OPS_CONFLICT: the record changed meanwhile, look again. */
static enum ops_status check_once(struct ops_app *app, const json_t *record, const char *code, const char *actor,
                                  const char *operation, struct ops_error *error)
{
    enum ops_status status = ops_secret_check_lock(record, ops_clock_now_ms(app->ports.clock), error);
    if (status != OPS_OK)
        return status;
    status = ops_hasher_verify(app->ports.hasher, ops_view_of(code), ops_view_of(ops_json_text(record, "phc", "")));
    if (status == OPS_OK)
        write_right(app, record);
    if (status != OPS_SECRET_CODE_MISMATCH)
        return status;
    status = write_wrong(app, record, actor, operation, error);
    return status == OPS_OK ? OPS_SECRET_CODE_MISMATCH : status;
}

static enum ops_status authorise_locked(struct ops_app *app, const char *code, const char *actor, const char *operation,
                                        struct ops_error *error)
{
    enum ops_status status = OPS_CONFLICT;
    for (int attempt = 0; attempt < CONFLICT_RETRIES_MAX && status == OPS_CONFLICT; attempt++) {
        json_t *record = NULL;
        status = load_record(app, &record, error);
        if (status == OPS_OK)
            status = record ? check_once(app, record, code, actor, operation, error) : OPS_SECRET_CODE_NOT_SET;
        json_decref(record);
    }
    return status;
}

enum ops_status ops_secret_authorise(struct ops_app *app, const char *code, const char *actor, const char *operation,
                                     struct ops_error *error)
{
    if (!code || !code[0])
        return OPS_SECRET_CODE_REQUIRED;
    pthread_mutex_lock(&app->secret_lock);
    enum ops_status status = authorise_locked(app, code, actor, operation, error);
    pthread_mutex_unlock(&app->secret_lock);
    return status;
}

static enum ops_status check_new_code(const char *code, struct ops_error *error)
{
    size_t length = strlen(code);
    if (length >= OPS_SECRET_MIN_BYTES && length <= OPS_SECRET_MAX_BYTES)
        return OPS_OK;
    (void)ops_fail(error, OPS_INVALID_FIELD, "A secret code has %d to %d bytes; this one has %zu.", OPS_SECRET_MIN_BYTES,
                   OPS_SECRET_MAX_BYTES, length);
    ops_error_detail(error, "field", "new_secret_code");
    return OPS_INVALID_FIELD;
}

static enum ops_status replace_record(struct ops_app *app, const json_t *record, const char *new_code, const char *actor,
                                      struct ops_error *error)
{
    uint8_t salt[OPS_SALT_BYTES];
    char phc[OPS_PHC_SIZE];
    ops_random_fill(app->ports.random, salt, sizeof salt);
    enum ops_status status = ops_hasher_hash(app->ports.hasher, ops_view_of(new_code), salt, phc);
    if (status != OPS_OK)
        return status;
    json_t *after = NULL;
    status = ops_secret_replace(record, phc, &after);
    if (status != OPS_OK)
        return status;
    int64_t now_ms = ops_clock_now_ms(app->ports.clock);
    const struct ops_audit_event event = {.type = record ? OPS_AUDIT_SECRET_ROTATED : OPS_AUDIT_SECRET_SET, .actor = actor};
    struct ops_txn txn;
    ops_change_begin(app, &txn, now_ms);
    put_record(&txn, record, after);
    status = ops_change_commit(app, &txn, &event, 1, now_ms, error);
    ops_txn_release(&txn);
    OPENSSL_cleanse(phc, sizeof phc);
    return status;
}

enum ops_status ops_secret_set(struct ops_app *app, const char *old_code, const char *new_code, const char *actor,
                               bool *ret_rotated, struct ops_error *error)
{
    enum ops_status status = check_new_code(new_code, error);
    if (status != OPS_OK)
        return status;
    for (int attempt = 0; attempt < CONFLICT_RETRIES_MAX; attempt++) {
        json_t *record = NULL;
        status = load_record(app, &record, error);
        *ret_rotated = record != NULL;
        if (status == OPS_OK && record)
            status = ops_secret_authorise(app, old_code, actor, "secret-set", error);
        json_decref(record);
        record = NULL;
        /* The check may have written the record; what is replaced is the record as it is now. */
        if (status == OPS_OK)
            status = load_record(app, &record, error);
        if (status == OPS_OK)
            status = *ret_rotated == (record != NULL) ? replace_record(app, record, new_code, actor, error) : OPS_CONFLICT;
        json_decref(record);
        if (status != OPS_CONFLICT)
            break;
    }
    return status;
}
