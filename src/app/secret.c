/*
 * One code is checked at a time in a process, under secret.lock, also while it is hashed: guesses in parallel don't save a
 * count. The record in the store is what all processes share, and its revision decides between them. What else is under
 * secret.lock is this process's own: the codes that it knows to be wrong, and the line of those whose code is looked at in
 * spite of a lock.
 */
#include "app/secret.h"

#include "app/commit.h"
#include "app/keys.h"
#include "app/tell.h"
#include "base/json.h"
#include "base/unicode.h"
#include "core/secret.h"
#include "core/secret_form.h"

#include <openssl/crypto.h>
#include <stdio.h>

enum { CONFLICT_RETRIES_MAX = 8, ALARM_SIZE = 256 + OPS_PEER_WORDS_SIZE };

/* One check, over all its tries. */
struct attempt {
    const struct ops_secret_check *check;
    bool while_locked; /* as the record said that was read last */
    bool has_look;     /* it had its turn: a lost race does not cost another */
    int64_t wait_ms;
    int64_t lock_seconds;      /* above 0: it began a lock, */
    json_int_t wrong_in_a_row; /* after so many */
};

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

static int64_t monotonic_ms(struct ops_app *app)
{
    return ops_clock_monotonic_ms(app->ports.clock);
}

/* ---- Codes that are known to be wrong ---- */

/* The hash under which this process knows the code. The stored hash is part of its key, so it changes with the code that is
 * right, whichever process set that. */
static enum ops_status find_digest(struct ops_app *app, const json_t *record, const char *code,
                                   uint8_t ret_digest[static OPS_SHA256_BYTES])
{
    uint8_t key[OPS_SHA256_BYTES];
    if (!app->secret.synced.has_key)
        ops_random_fill(app->ports.random, app->secret.synced.key, sizeof app->secret.synced.key);
    app->secret.synced.has_key = true;
    struct ops_view own = ops_view((const char *)app->secret.synced.key, sizeof app->secret.synced.key);
    enum ops_status status = ops_hmac_sha256(own, ops_view_of(ops_json_text(record, "phc", "")), key);
    if (status == OPS_OK)
        status = ops_hmac_sha256(ops_view((const char *)key, sizeof key), ops_view_of(code), ret_digest);
    OPENSSL_cleanse(key, sizeof key);
    return status;
}

/* If there is no memory for it, the code is not known the next time, and looked at again. */
static void remember_wrong(struct ops_app *app, const json_t *record, const char *code)
{
    uint8_t digest[OPS_SHA256_BYTES];
    if (find_digest(app, record, code, digest) == OPS_OK)
        ops_wrong_codes_add(&app->secret.synced.wrong, digest, monotonic_ms(app));
}

static enum ops_status find_known(struct ops_app *app, const json_t *record, const struct ops_secret_check *check,
                                  bool *ret_known)
{
    uint8_t digest[OPS_SHA256_BYTES];
    *ret_known = false;
    if (app->secret.synced.wrong.count == 0)
        return OPS_OK;
    enum ops_status status = find_digest(app, record, check->code, digest);
    if (status == OPS_OK)
        *ret_known =
            ops_wrong_codes_again(&app->secret.synced.wrong, digest, check->operation, &check->peer, monotonic_ms(app));
    return status;
}

/* ---- What is written of a code ---- */

/* {"operation", name: count, "peer"?} */
static enum ops_status mismatch_data(const char *operation, const char *name, json_int_t count, const struct ops_peer *peer,
                                     json_t **ret_data)
{
    json_t *peer_json = ops_peer_json(peer);
    if (!peer_json && peer->kind != OPS_PEER_UNKNOWN)
        return OPS_NO_MEMORY;
    *ret_data = ops_json_pack("{s:s, s:I, s:O*}", "operation", operation, name, count, "peer", peer_json);
    json_decref(peer_json);
    return *ret_data ? OPS_OK : OPS_NO_MEMORY;
}

static const char *known(const char *peer)
{
    return peer[0] ? peer : NULL;
}

/* takes after */
static enum ops_status commit_wrong(struct ops_app *app, const json_t *record, json_t *after, struct attempt *attempt,
                                    int64_t lock_seconds, struct ops_error *error)
{
    const struct ops_secret_check *check = attempt->check;
    const char *count = attempt->while_locked ? "wrong_while_locked" : "wrong_in_a_row";
    int64_t now_ms = ops_clock_now_ms(app->ports.clock);
    json_t *data = NULL, *lock_data = NULL;
    char peer[OPS_PEER_WORDS_SIZE];
    struct ops_txn txn;
    ops_peer_text(&check->peer, peer);
    ops_change_begin(app, &txn, now_ms);
    enum ops_status status = mismatch_data(check->operation, count, ops_json_integer(after, count, 0), &check->peer, &data);
    if (status == OPS_OK)
        status = mismatch_data(check->operation, "lock_seconds", lock_seconds, &check->peer, &lock_data);
    const struct ops_audit_event events[] = {
        {.type = OPS_AUDIT_SECRET_MISMATCH, .actor = check->actor, .peer = known(peer), .data = data},
        {.type = OPS_AUDIT_SECRET_LOCKED, .actor = check->actor, .peer = known(peer), .data = lock_data},
    };
    attempt->wrong_in_a_row = ops_json_integer(after, "wrong_in_a_row", 0);
    put_record(&txn, record, after);
    if (status == OPS_OK)
        status = ops_change_commit(app, &txn, events, lock_seconds ? 2 : 1, now_ms, error);
    ops_txn_release(&txn);
    json_decref(data);
    json_decref(lock_data);
    return status;
}

static enum ops_status write_wrong(struct ops_app *app, const json_t *record, struct attempt *attempt,
                                   struct ops_error *error)
{
    int64_t lock_seconds = 0;
    json_t *after = NULL;
    enum ops_status status = attempt->while_locked
                                 ? ops_secret_count_wrong_while_locked(record, &after)
                                 : ops_secret_count_wrong(record, ops_clock_now_ms(app->ports.clock), &after, &lock_seconds);
    if (status == OPS_OK)
        status = commit_wrong(app, record, after, attempt, lock_seconds, error);
    if (status != OPS_OK)
        return status;
    attempt->lock_seconds = lock_seconds;
    remember_wrong(app, record, attempt->check->code);
    return OPS_OK;
}

/* Forgets earlier wrong codes, and so ends the lock. If it can't be written now, the next right code does it. */
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

/* ---- Whether a code is looked at ---- */

/* By the wall clock, which may be set back again and again; so a lock that this process has known for as long as the longest
 * one lasts is over, however often. */
static int64_t lock_left_ms(struct ops_app *app, const json_t *record)
{
    int64_t left_ms = ops_secret_lock_left_ms(record, ops_clock_now_ms(app->ports.clock));
    int64_t until_ms = ops_json_integer(record, "locked_until_ms", 0);
    if (left_ms == 0)
        return 0;
    if (until_ms != app->secret.synced.lock_until_ms) {
        app->secret.synced.lock_until_ms = until_ms;
        app->secret.synced.lock_met_ms = monotonic_ms(app);
    }
    int64_t known_ms = monotonic_ms(app) - app->secret.synced.lock_met_ms;
    return known_ms < OPS_SECRET_LOCK_MAX_SECONDS * OPS_SECOND_MS ? left_ms : 0;
}

static enum ops_status take_turn(struct ops_app *app, struct attempt *attempt, struct ops_error *error)
{
    const struct ops_secret_check *check = attempt->check;
    uint64_t *ticket = check->turn ? &check->turn->ticket : NULL;
    switch (ops_looks_ask(&app->secret.synced.looks, &check->peer, monotonic_ms(app), ticket, &attempt->wait_ms)) {
    case OPS_LOOK_NOW:
        attempt->has_look = true;
        return OPS_OK;
    case OPS_LOOK_LATER:
        return OPS_SECRET_CODE_LOCKED;
    case OPS_LOOK_NEVER:
        break;
    }
    (void)ops_fail(
        error, OPS_SECRET_CODE_LOCKED,
        "Too many wrong secret codes in a row. For this a code is looked at all the same, one a second, and others "
        "wait for that already; try again in 1 s.");
    ops_error_detail_integer(error, "retry_after_seconds", 1);
    return OPS_SECRET_CODE_LOCKED;
}

/* A code that was found wrong already, and whose caller is not told yet; or OPS_OK. */
static enum ops_status tell_wrong(struct ops_app *app, struct attempt *attempt)
{
    struct ops_turn *turn = attempt->check->turn;
    if (!turn || !turn->is_wrong)
        return OPS_OK;
    int64_t left_ms = turn->tell_ms - monotonic_ms(app);
    attempt->wait_ms = left_ms > 0 ? left_ms : 0;
    return left_ms > 0 ? OPS_SECRET_CODE_LOCKED : OPS_SECRET_CODE_MISMATCH;
}

static enum ops_status tell_wrong_later(struct ops_app *app, struct attempt *attempt)
{
    struct ops_turn *turn = attempt->check->turn;
    if (!turn || !attempt->has_look || !ops_looks_wanted(&app->secret.synced.looks, &attempt->check->peer))
        return OPS_SECRET_CODE_MISMATCH;
    turn->is_wrong = true;
    turn->tell_ms = monotonic_ms(app) + OPS_LOOK_TELL_WRONG_MS;
    return tell_wrong(app, attempt);
}

/* OPS_OK: it is to be looked at. */
static enum ops_status may_look(struct ops_app *app, const json_t *record, struct attempt *attempt, struct ops_error *error)
{
    const struct ops_secret_check *check = attempt->check;
    bool known_wrong;
    enum ops_status status = find_known(app, record, check, &known_wrong);
    if (status != OPS_OK)
        return status;
    int64_t left_ms = lock_left_ms(app, record);
    attempt->while_locked = left_ms > 0;
    if (attempt->while_locked && !check->is_safe)
        return ops_secret_refuse_locked(left_ms, error);
    if (known_wrong)
        return OPS_SECRET_CODE_MISMATCH;
    return attempt->while_locked && !attempt->has_look ? take_turn(app, attempt, error) : OPS_OK;
}

/* One look at the record and at the code. OPS_CONFLICT: the record changed meanwhile, look again. */
static enum ops_status check_once(struct ops_app *app, const json_t *record, struct attempt *attempt,
                                  struct ops_error *error)
{
    enum ops_status status = may_look(app, record, attempt, error);
    if (status != OPS_OK)
        return status;
    status = ops_hasher_verify(app->ports.hasher, ops_view_of(attempt->check->code),
                               ops_view_of(ops_json_text(record, "phc", "")));
    if (status == OPS_OK)
        write_right(app, record);
    if (status != OPS_SECRET_CODE_MISMATCH)
        return status;
    status = write_wrong(app, record, attempt, error);
    return status == OPS_OK ? tell_wrong_later(app, attempt) : status;
}

static enum ops_status authorise_locked(struct ops_app *app, struct attempt *attempt, struct ops_error *error)
{
    enum ops_status status = tell_wrong(app, attempt);
    if (status != OPS_OK)
        return status;
    status = OPS_CONFLICT;
    for (int i = 0; i < CONFLICT_RETRIES_MAX && status == OPS_CONFLICT; i++) {
        json_t *record = NULL;
        status = load_record(app, &record, error);
        if (status == OPS_OK)
            status = record ? check_once(app, record, attempt, error) : OPS_SECRET_CODE_NOT_SET;
        json_decref(record);
    }
    return status;
}

static void raise_alarm(struct ops_app *app, const struct attempt *attempt)
{
    char who[OPS_PEER_WORDS_SIZE], line[ALARM_SIZE];
    struct ops_log_line log_line;
    if (attempt->lock_seconds == 0)
        return;
    ops_peer_words(&attempt->check->peer, who);
    (void)snprintf(line, sizeof line,
                   "secret codes are locked for %lld s: %lld wrong ones in a row, the last from %s, for %s",
                   (long long)attempt->lock_seconds, (long long)attempt->wrong_in_a_row, who, attempt->check->operation);
    ops_log_line_init(&log_line, OPS_LOG_WARN, "alarm.secret_codes_locked", line);
    ops_log_line_text(&log_line, "peer", who);
    ops_log_line_text(&log_line, "operation", attempt->check->operation);
    ops_tell(app, &log_line);
}

/* Who has a place in the line does not stand about here, with a thread in hand, while somebody's code is hashed. */
static bool enter(struct ops_app *app, const struct ops_secret_check *check)
{
    if (check->turn && check->turn->ticket)
        return pthread_mutex_trylock(&app->secret.lock) == 0;
    pthread_mutex_lock(&app->secret.lock);
    return true;
}

enum ops_status ops_secret_authorise(struct ops_app *app, const struct ops_secret_check *check, int64_t *ret_wait_ms,
                                     struct ops_error *error)
{
    struct attempt attempt = {.check = check};
    *ret_wait_ms = 0;
    if (!check->code || !check->code[0])
        return OPS_SECRET_CODE_REQUIRED;
    if (!enter(app, check)) {
        *ret_wait_ms = OPS_LOOK_ASK_SOONEST_MS;
        return OPS_SECRET_CODE_LOCKED;
    }
    enum ops_status status = authorise_locked(app, &attempt, error);
    if (check->turn && attempt.wait_ms == 0)
        ops_looks_leave(&app->secret.synced.looks, monotonic_ms(app), &check->turn->ticket);
    pthread_mutex_unlock(&app->secret.lock);
    raise_alarm(app, &attempt);
    if (status == OPS_SECRET_CODE_MISMATCH)
        atomic_fetch_add(&app->mismatch_count, 1);
    *ret_wait_ms = attempt.wait_ms;
    return status;
}

void ops_turn_leave(struct ops_app *app, struct ops_turn *turn)
{
    if (!turn->ticket)
        return;
    pthread_mutex_lock(&app->secret.lock);
    ops_looks_leave(&app->secret.synced.looks, monotonic_ms(app), &turn->ticket);
    pthread_mutex_unlock(&app->secret.lock);
}

/* ---- Codes that come again ---- */

static enum ops_status tell(struct ops_app *app, const struct ops_wrong_repeats *repeats, struct ops_error *error)
{
    int64_t now_ms = ops_clock_now_ms(app->ports.clock);
    struct ops_audit_event event = {.type = OPS_AUDIT_SECRET_MISMATCH};
    enum ops_status status = mismatch_data(repeats->operation, "repeated", repeats->count, &repeats->peer, &event.data);
    if (status != OPS_OK)
        return status;
    struct ops_txn txn;
    ops_change_begin(app, &txn, now_ms);
    status = ops_change_commit(app, &txn, &event, 1, now_ms, error);
    ops_txn_release(&txn);
    json_decref(event.data);
    return status;
}

/* Where a code is being looked at, or another change came first, the next sweep does it. */
enum ops_status ops_secret_tell_repeats(struct ops_app *app, struct ops_error *error)
{
    enum ops_status status = OPS_OK;
    if (pthread_mutex_trylock(&app->secret.lock) != 0)
        return OPS_OK;
    int64_t now_ms = monotonic_ms(app);
    const struct ops_wrong_repeats *due = ops_wrong_codes_due(&app->secret.synced.wrong, now_ms);
    if (due)
        status = tell(app, due, error);
    if (due && status == OPS_OK)
        ops_wrong_codes_told(&app->secret.synced.wrong, due, now_ms);
    pthread_mutex_unlock(&app->secret.lock);
    return status == OPS_CONFLICT ? OPS_OK : status;
}

/* ---- A new code ---- */

static enum ops_status check_new_code(const char *code, struct ops_error *error)
{
    size_t length = strlen(code);
    const char *objection = ops_secret_objection_to_new(ops_view_of(code));
    if (length < OPS_SECRET_MIN_BYTES || length > OPS_SECRET_MAX_BYTES)
        (void)ops_fail(error, OPS_INVALID_FIELD, "A secret code has %d to %d bytes; this one has %zu.", OPS_SECRET_MIN_BYTES,
                       OPS_SECRET_MAX_BYTES, length);
    else if (objection)
        (void)ops_fail(error, OPS_INVALID_FIELD, "The new secret code %s.", objection);
    else
        return OPS_OK;
    ops_error_detail(error, "field", "new_secret_code");
    return OPS_INVALID_FIELD;
}

static enum ops_status check_actor(const char *actor, struct ops_error *error)
{
    if (!actor)
        return OPS_OK;
    if (!ops_unicode_all_visible(ops_view_of(actor)))
        (void)ops_fail(error, OPS_INVALID_FIELD, "actor " OPS_HIDDEN_WORDS ".");
    else if (!ops_unicode_any_visible(ops_view_of(actor)))
        (void)ops_fail(error, OPS_INVALID_FIELD, "actor " OPS_BLANK_WORDS ".");
    else
        return OPS_OK;
    ops_error_detail(error, "field", "actor");
    return OPS_INVALID_FIELD;
}

/* What is to be set, and what was found out on the way. */
struct setting {
    const struct ops_secret_change *change;
    char new_phc[OPS_PHC_SIZE];   /* "" until it is hashed */
    char right_phc[OPS_PHC_SIZE]; /* the stored hash that the old code gave; "" until then */
};

static bool is_right(const struct setting *setting, const json_t *record)
{
    return strcmp(setting->right_phc, ops_json_text(record, "phc", "")) == 0;
}

/* Once is enough for one stored hash: whoever guesses meanwhile changes the record's counts, but not that. */
static enum ops_status check_old_code(struct ops_app *app, struct setting *setting, const json_t *record,
                                      struct ops_error *error)
{
    const struct ops_secret_check check = {.code = setting->change->old_code,
                                           .actor = setting->change->actor,
                                           .operation = "secret-set",
                                           .is_safe = true,
                                           .peer = setting->change->peer};
    int64_t wait_ms;
    if (setting->right_phc[0] && is_right(setting, record))
        return OPS_OK;
    enum ops_status status = ops_secret_authorise(app, &check, &wait_ms, error);
    if (status == OPS_OK)
        (void)snprintf(setting->right_phc, sizeof setting->right_phc, "%s", ops_json_text(record, "phc", ""));
    return status;
}

static enum ops_status hash_new_code(struct ops_app *app, struct setting *setting)
{
    uint8_t salt[OPS_SALT_BYTES];
    if (setting->new_phc[0])
        return OPS_OK;
    ops_random_fill(app->ports.random, salt, sizeof salt);
    return ops_hasher_hash(app->ports.hasher, ops_view_of(setting->change->new_code), salt, setting->new_phc);
}

static enum ops_status replace_record(struct ops_app *app, const struct setting *setting, const json_t *record,
                                      struct ops_error *error)
{
    json_t *after = NULL;
    enum ops_status status = ops_secret_replace(record, setting->new_phc, &after);
    if (status != OPS_OK)
        return status;
    int64_t now_ms = ops_clock_now_ms(app->ports.clock);
    char peer[OPS_PEER_WORDS_SIZE];
    ops_peer_text(&setting->change->peer, peer);
    const struct ops_audit_event event = {.type = record ? OPS_AUDIT_SECRET_ROTATED : OPS_AUDIT_SECRET_SET,
                                          .actor = setting->change->actor,
                                          .peer = known(peer)};
    struct ops_txn txn;
    ops_change_begin(app, &txn, now_ms);
    put_record(&txn, record, after);
    status = ops_change_commit(app, &txn, &event, 1, now_ms, error);
    ops_txn_release(&txn);
    return status;
}

static enum ops_status set_once(struct ops_app *app, struct setting *setting, bool *ret_rotated, struct ops_error *error)
{
    json_t *record = NULL;
    enum ops_status status = load_record(app, &record, error);
    *ret_rotated = record != NULL;
    if (status == OPS_OK && record)
        status = check_old_code(app, setting, record, error);
    if (status == OPS_OK)
        status = hash_new_code(app, setting);
    json_decref(record);
    record = NULL;
    /* The check may have written the record; what is replaced is the record as it is now. */
    if (status == OPS_OK)
        status = load_record(app, &record, error);
    if (status == OPS_OK && *ret_rotated != (record != NULL))
        status = OPS_CONFLICT;
    if (status == OPS_OK && record && !is_right(setting, record))
        status = OPS_CONFLICT;
    if (status == OPS_OK)
        status = replace_record(app, setting, record, error);
    json_decref(record);
    return status;
}

enum ops_status ops_secret_change(struct ops_app *app, const struct ops_secret_change *change, bool *ret_rotated,
                                  struct ops_error *error)
{
    struct setting setting = {.change = change};
    enum ops_status status = check_new_code(change->new_code, error);
    if (status == OPS_OK)
        status = check_actor(change->actor, error);
    if (status != OPS_OK)
        return status;
    status = OPS_CONFLICT;
    for (int attempt = 0; attempt < CONFLICT_RETRIES_MAX && status == OPS_CONFLICT; attempt++)
        status = set_once(app, &setting, ret_rotated, error);
    OPENSSL_cleanse(&setting, sizeof setting);
    return status;
}

enum ops_status ops_secret_set(struct ops_app *app, const char *old_code, const char *new_code, const char *actor,
                               bool *ret_rotated, struct ops_error *error)
{
    const struct ops_secret_change change = {.old_code = old_code, .new_code = new_code, .actor = actor};
    return ops_secret_change(app, &change, ret_rotated, error);
}
