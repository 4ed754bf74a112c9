#include "app/trail.h"

#include "app/audit.h"
#include "app/commit.h"
#include "app/delivered.h"
#include "app/keys.h"
#include "app/tell.h"
#include "app/use_cases.h"
#include "app/work.h"
#include "base/json.h"

#include <stdio.h>

void ops_trail_init(struct ops_trail *trail)
{
    (void)pthread_mutex_init(&trail->look_lock, NULL); /* default mutexes need nothing that could fail */
    (void)pthread_mutex_init(&trail->lock, NULL);
}

void ops_trail_release(struct ops_trail *trail)
{
    (void)pthread_mutex_destroy(&trail->look_lock);
    (void)pthread_mutex_destroy(&trail->lock);
}

/* ---- what is known ---- */

static const char *event_of(enum ops_delivered_state state)
{
    static const char *const events[] = {[OPS_DELIVERED_AGREES] = "audit.agrees",
                                         [OPS_DELIVERED_BEHIND] = "audit.behind",
                                         [OPS_DELIVERED_DIFFERS] = "audit.differs",
                                         [OPS_DELIVERED_LOST] = "audit.lost"};
    return events[state];
}

static void tell(struct ops_app *app, const struct ops_delivered *delivered)
{
    char words[OPS_ERROR_TEXT_SIZE], sentence[OPS_ERROR_TEXT_SIZE + 256];
    struct ops_log_line line;
    ops_delivered_words(delivered, words);
    if (delivered->state == OPS_DELIVERED_AGREES) {
        ops_log_line_init(&line, OPS_LOG_INFO, "audit.agrees", "The store agrees with its delivered audit log again.");
    } else {
        (void)snprintf(sentence, sizeof sentence,
                       "%s Nothing is delivered and no vacuum starts or goes on until that is put right or, by 'g3nops "
                       "audit-accept-rollback', accepted.",
                       words);
        ops_log_line_init(&line, OPS_LOG_ERROR, event_of(delivered->state), sentence);
        ops_log_line_number(&line, "first_seq", delivered->foreign.first_seq);
        ops_log_line_number(&line, "store_seq", delivered->store_seq);
        ops_log_line_text(&line, "store_sha256", delivered->store_sha256);
        ops_log_line_number(&line, "log_seq", delivered->foreign.last_seq);
        ops_log_line_text(&line, "log_sha256", delivered->foreign.last_sha256);
    }
    ops_tell(app, &line);
}

static void learn(struct ops_app *app, const struct ops_delivered *delivered)
{
    struct ops_trail *trail = &app->trail;
    bool is_lost = delivered->state == OPS_DELIVERED_LOST;
    json_int_t first_seq = is_lost ? delivered->end_seq + 1 : delivered->foreign.first_seq;
    pthread_mutex_lock(&trail->lock);
    if (!trail->synced.is_known || trail->synced.state == OPS_DELIVERED_AGREES)
        trail->synced.parted_ms = ops_clock_monotonic_ms(app->ports.clock);
    bool is_news = trail->synced.state != delivered->state ||
                   (delivered->state != OPS_DELIVERED_AGREES && trail->synced.first_seq != first_seq);
    trail->synced.is_known = true;
    trail->synced.state = delivered->state;
    trail->synced.first_seq = first_seq;
    trail->synced.store_seq = delivered->store_seq;
    trail->synced.log_seq = is_lost ? delivered->end_seq : delivered->foreign.last_seq;
    trail->synced.looked_ms = ops_clock_monotonic_ms(app->ports.clock);
    trail->synced.position_seq = delivered->delivered_seq;
    trail->synced.head_seq = delivered->store_seq;
    ops_delivered_words(delivered, trail->synced.words);
    pthread_mutex_unlock(&trail->lock);
    if (is_news)
        tell(app, delivered);
}

bool ops_trail_held(struct ops_app *app)
{
    pthread_mutex_lock(&app->trail.lock);
    bool held = app->trail.synced.state != OPS_DELIVERED_AGREES;
    pthread_mutex_unlock(&app->trail.lock);
    return held;
}

int64_t ops_trail_keeps_seconds(struct ops_app *app, char ret_words[static OPS_TRAIL_WORDS_SIZE])
{
    struct ops_trail *trail = &app->trail;
    pthread_mutex_lock(&trail->lock);
    bool parted = trail->synced.state != OPS_DELIVERED_AGREES, unread = trail->synced.is_tried && !trail->synced.is_known;
    int64_t kept_ms = ops_clock_monotonic_ms(app->ports.clock) - trail->synced.parted_ms;
    ret_words[0] = '\0';
    if (parted)
        (void)snprintf(
            ret_words, OPS_TRAIL_WORDS_SIZE,
            "The store has parted from its delivered audit log: 'g3nops audit-verify' tells where, and it waits until "
            "that is put right or, by 'g3nops audit-accept-rollback', accepted.");
    else if (unread)
        (void)snprintf(ret_words, OPS_TRAIL_WORDS_SIZE,
                       "Whether the store agrees with its delivered audit log can't be seen: %.180s", trail->synced.unread);
    pthread_mutex_unlock(&trail->lock);
    if (!parted && !unread)
        return 0;
    return kept_ms < OPS_SECOND_MS ? 1 : kept_ms / OPS_SECOND_MS;
}

enum ops_status ops_trail_check(struct ops_app *app, struct ops_error *error)
{
    struct ops_trail *trail = &app->trail;
    pthread_mutex_lock(&trail->lock);
    enum ops_status status = OPS_OK;
    if (trail->synced.state != OPS_DELIVERED_AGREES) {
        status = ops_fail(error, OPS_STORE_UNAVAILABLE,
                          "%.300s Nothing is deleted until an operator has looked and accepted that: 'g3nops "
                          "audit-accept-rollback'.",
                          trail->synced.words);
        ops_error_detail(error, "audit", ops_delivered_state_name(trail->synced.state));
        ops_error_detail_integer(error, "first_seq", trail->synced.first_seq);
        ops_error_detail_integer(error, "store_seq", trail->synced.store_seq);
        ops_error_detail_integer(error, "log_seq", trail->synced.log_seq);
    }
    pthread_mutex_unlock(&trail->lock);
    return status;
}

enum ops_status ops_trail_show(struct ops_app *app, json_t *data, bool *ret_well)
{
    struct ops_trail *trail = &app->trail;
    json_t *shown = NULL;
    pthread_mutex_lock(&trail->lock);
    *ret_well = trail->synced.state == OPS_DELIVERED_AGREES;
    bool unread = *ret_well && trail->synced.is_tried && !trail->synced.is_known;
    if (unread)
        shown =
            ops_json_pack("{s:s, s:o}", "status", "unknown", "reason", ops_json_any_text(ops_view_of(trail->synced.unread)));
    else if (!*ret_well)
        shown = json_pack("{s:s, s:I, s:I, s:I}", "status", ops_delivered_state_name(trail->synced.state), "first_seq",
                          trail->synced.first_seq, "store_seq", trail->synced.store_seq, "log_seq", trail->synced.log_seq);
    *ret_well = *ret_well && !unread;
    pthread_mutex_unlock(&trail->lock);
    return *ret_well ? OPS_OK : ops_json_set(data, "audit", shown);
}

/* ---- looking ---- */

/* A trail that has gone back was put back. */
static bool look_is_due(struct ops_app *app, json_int_t position_seq, json_int_t head_seq)
{
    struct ops_trail *trail = &app->trail;
    int64_t now_ms = ops_clock_monotonic_ms(app->ports.clock);
    pthread_mutex_lock(&trail->lock);
    bool went_back = position_seq < trail->synced.position_seq || head_seq < trail->synced.head_seq;
    bool is_held = trail->synced.state != OPS_DELIVERED_AGREES;
    bool is_due = !trail->synced.is_known || (went_back && !is_held) ||
                  (is_held && now_ms - trail->synced.looked_ms >= OPS_TRAIL_LOOK_AGAIN_MS);
    if (!is_due) {
        trail->synced.position_seq = position_seq;
        trail->synced.head_seq = head_seq;
    }
    pthread_mutex_unlock(&trail->lock);
    return is_due;
}

static void note_try(struct ops_app *app, enum ops_status status, const struct ops_error *why)
{
    struct ops_trail *trail = &app->trail;
    pthread_mutex_lock(&trail->lock);
    if (!trail->synced.is_tried)
        trail->synced.parted_ms = ops_clock_monotonic_ms(app->ports.clock);
    trail->synced.is_tried = true;
    if (status != OPS_OK)
        (void)snprintf(trail->synced.unread, sizeof trail->synced.unread, "%s", ops_error_text(why, status));
    pthread_mutex_unlock(&trail->lock);
}

static enum ops_status look(struct ops_app *app, struct ops_error *error)
{
    struct ops_delivered delivered;
    struct ops_error why = OPS_ERROR_INIT;
    enum ops_status status = ops_delivered_compare(app, OPS_TRAIL_TAIL, &delivered, &why);
    note_try(app, status, &why);
    if (status != OPS_OK)
        (void)ops_fail(error, status, "%s", ops_error_text(&why, status));
    ops_error_release(&why);
    if (status != OPS_OK)
        return status;
    learn(app, &delivered);
    ops_delivered_release(&delivered);
    return OPS_OK;
}

/* One at a time looks; who comes meanwhile delivers nothing, and comes again. */
enum ops_status ops_trail_may_deliver(struct ops_app *app, json_int_t position_seq, json_int_t head_seq, bool *ret_held,
                                      struct ops_error *error)
{
    *ret_held = true;
    if (pthread_mutex_trylock(&app->trail.look_lock) != 0)
        return OPS_OK;
    enum ops_status status = look_is_due(app, position_seq, head_seq) ? look(app, error) : OPS_OK;
    pthread_mutex_unlock(&app->trail.look_lock);
    if (status == OPS_OK)
        *ret_held = ops_trail_held(app);
    return status;
}

static bool is_tried(struct ops_app *app)
{
    pthread_mutex_lock(&app->trail.lock);
    bool tried = app->trail.synced.is_tried;
    pthread_mutex_unlock(&app->trail.lock);
    return tried;
}

static bool may_vacuum(struct ops_app *app)
{
    pthread_mutex_lock(&app->trail.lock);
    bool may = app->trail.synced.is_known && app->trail.synced.state == OPS_DELIVERED_AGREES;
    pthread_mutex_unlock(&app->trail.lock);
    return may;
}

/* A first try; the delivery, which reads the log too, goes on trying and tells what keeps it from being read. */
bool ops_trail_may_vacuum(struct ops_app *app)
{
    if (!is_tried(app)) {
        if (pthread_mutex_trylock(&app->trail.look_lock) != 0)
            return false;
        enum ops_status ignored = is_tried(app) ? OPS_OK : look(app, NULL);
        (void)ignored;
        pthread_mutex_unlock(&app->trail.look_lock);
    }
    return may_vacuum(app);
}

enum ops_status ops_app_check_trail(struct ops_app *app, struct ops_error *error)
{
    pthread_mutex_lock(&app->trail.look_lock);
    enum ops_status status = look(app, error);
    pthread_mutex_unlock(&app->trail.look_lock);
    return status;
}

/* ---- accepting it ---- */

static enum ops_status require_reason(struct ops_call_context *context)
{
    if (ops_input_text(context, "reason"))
        return OPS_OK;
    (void)ops_fail(&context->error, OPS_MISSING_FIELD, "The field 'reason' is missing: why is the store to go on as it is?");
    ops_error_detail(&context->error, "field", "reason");
    return OPS_MISSING_FIELD;
}

/* One transaction: the record, and the place where delivery finds it before it is in the log. */
static enum ops_status write_acceptance(struct ops_call_context *context, const struct ops_delivered *delivered,
                                        json_t *data)
{
    struct ops_app *app = context->app;
    const struct ops_audit_event event = {.type = OPS_AUDIT_ROLLBACK_ACCEPTED,
                                          .actor = ops_input_text(context, "actor"),
                                          .reason = ops_input_text(context, "reason"),
                                          .data = data};
    struct ops_txn txn;
    ops_change_begin(app, &txn, context->now_ms);
    enum ops_status status = ops_audit_put_acceptance(app, &txn, delivered->store_seq + 1, &context->error);
    if (status == OPS_OK)
        status = ops_change_commit_after(app, &txn, delivered->store_seq, &event, 1, context->now_ms, &context->error);
    ops_txn_release(&txn);
    return status;
}

static json_t *answer_of(bool accepted, json_int_t seq, json_t *data)
{
    json_t *answer = accepted ? ops_json_copy(data) : json_object();
    enum ops_status status = answer ? ops_json_set(answer, "accepted", json_boolean(accepted)) : OPS_NO_MEMORY;
    if (status == OPS_OK && accepted)
        status = ops_json_set_integer(answer, "seq", seq);
    if (status == OPS_OK)
        return answer;
    json_decref(answer);
    return NULL;
}

/* Of the whole log, so that it is known to the record what is accepted. */
enum ops_status ops_run_audit_accept_rollback(struct ops_call_context *context, json_t **ret_data)
{
    struct ops_app *app = context->app;
    struct ops_delivered delivered;
    enum ops_status status = require_reason(context);
    if (status != OPS_OK)
        return status;
    pthread_mutex_lock(&app->trail.look_lock);
    status = ops_delivered_compare(app, 0, &delivered, &context->error);
    if (status == OPS_OK) {
        bool parted = delivered.state != OPS_DELIVERED_AGREES;
        json_t *data = parted ? ops_foreign_data(&delivered) : json_object();
        status = data ? OPS_OK : OPS_NO_MEMORY;
        if (status == OPS_OK && parted)
            status = write_acceptance(context, &delivered, data);
        if (status == OPS_OK)
            *ret_data = answer_of(parted, delivered.store_seq + 1, data);
        delivered.state = OPS_DELIVERED_AGREES; /* from now on, by what was just written */
        if (status == OPS_OK)
            learn(app, &delivered);
        ops_delivered_release(&delivered);
        json_decref(data);
    }
    pthread_mutex_unlock(&app->trail.look_lock);
    return status == OPS_OK && !*ret_data ? OPS_NO_MEMORY : status;
}
