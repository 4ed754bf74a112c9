#include "app/delivered.h"

#include "app/audit.h"
#include "app/commit.h"
#include "app/keys.h"
#include "base/json.h"

#include <stdio.h>

enum { LOOKUP_PAGE = 200 };

const char *ops_delivered_state_name(enum ops_delivered_state state)
{
    static const char *const names[] = {[OPS_DELIVERED_AGREES] = "agrees",
                                        [OPS_DELIVERED_BEHIND] = "behind",
                                        [OPS_DELIVERED_DIFFERS] = "differs",
                                        [OPS_DELIVERED_LOST] = "lost"};
    return names[state];
}

void ops_delivered_release(struct ops_delivered *delivered)
{
    json_decref(delivered->accepted);
    delivered->accepted = NULL;
}

/* ---- the store's records ---- */

/* Those that were read last, since events come in the order of their numbers mostly. */
struct lookup {
    struct ops_app *app;
    json_t *records;
};

static json_t *find_in(const json_t *records, json_int_t seq)
{
    json_int_t first = ops_json_integer(json_array_get(records, 0), "seq", 0);
    if (first == 0 || seq < first)
        return NULL;
    json_t *record = json_array_get(records, (size_t)(seq - first)); /* there are no gaps; else it is another */
    return ops_json_integer(record, "seq", 0) == seq ? record : NULL;
}

/* *ret_record is borrowed until the next call; NULL: there is none of this number. */
static enum ops_status find(struct lookup *lookup, json_int_t seq, json_t **ret_record, struct ops_error *error)
{
    *ret_record = find_in(lookup->records, seq);
    if (*ret_record)
        return OPS_OK;
    json_decref(lookup->records);
    lookup->records = NULL;
    enum ops_status status = ops_audit_read_from(lookup->app, seq, LOOKUP_PAGE, &lookup->records, error);
    if (status == OPS_OK)
        *ret_record = find_in(lookup->records, seq);
    return status;
}

/* ---- the walk over the log ---- */

struct walk {
    struct lookup lookup;
    struct ops_delivered *delivered;
    struct ops_error *error;
    size_t last; /* 0: all of the log */
    size_t event_count;
    json_int_t next_seq;   /* the store's record that is to come next; 0: any */
    bool loss_is_accepted; /* by a record that is not in the log yet */
};

static bool is_whole(const struct walk *walk)
{
    return walk->last == 0;
}

static enum ops_status add_foreign(struct ops_foreign *foreign, const json_t *event, json_int_t seq, struct ops_view text)
{
    struct ops_buf both;
    ops_buf_init(&both, sizeof foreign->digest + text.length);
    ops_buf_append(&both, foreign->digest, sizeof foreign->digest);
    ops_buf_append_view(&both, text);
    enum ops_status status = ops_buf_status(&both);
    if (status == OPS_OK)
        status = ops_sha256(ops_buf_view(&both), foreign->digest);
    ops_buf_release(&both);
    foreign->first_seq = foreign->count == 0 || seq < foreign->first_seq ? seq : foreign->first_seq;
    foreign->last_seq = seq;
    (void)snprintf(foreign->last_sha256, sizeof foreign->last_sha256, "%s", ops_json_text(event, "sha256", ""));
    foreign->count++;
    return status;
}

static json_t *lost_data(const struct ops_delivered *delivered)
{
    return json_pack("{s:s, s:I, s:s, s:I, s:I}", "state", ops_delivered_state_name(delivered->state), "store_seq",
                     delivered->store_seq, "store_sha256", delivered->store_sha256, "first_seq", delivered->end_seq + 1,
                     "log_seq", delivered->delivered_seq);
}

json_t *ops_foreign_data(const struct ops_delivered *delivered)
{
    const struct ops_foreign *foreign = &delivered->foreign;
    char digest[OPS_SHA256_HEX_SIZE];
    if (delivered->state == OPS_DELIVERED_LOST)
        return lost_data(delivered);
    ops_hex(foreign->digest, sizeof foreign->digest, digest);
    return json_pack("{s:s, s:I, s:s, s:I, s:I, s:s, s:I, s:s}", "state", ops_delivered_state_name(delivered->state),
                     "store_seq", delivered->store_seq, "store_sha256", delivered->store_sha256, "first_seq",
                     foreign->first_seq, "log_seq", foreign->last_seq, "log_sha256", foreign->last_sha256, "log_records",
                     (json_int_t)foreign->count, "log_records_sha256", digest);
}

/* Whether the record is an acceptance of just these. Where only the log's end is read, some of them may lie before it. */
static bool accepts(const struct walk *walk, const json_t *record)
{
    const struct ops_foreign *foreign = &walk->delivered->foreign;
    const json_t *data = json_object_get(record, "data");
    char digest[OPS_SHA256_HEX_SIZE];
    ops_hex(foreign->digest, sizeof foreign->digest, digest);
    json_int_t count = ops_json_integer(data, "log_records", 0);
    if (strcmp(ops_json_text(data, "log_sha256", ""), foreign->last_sha256) != 0)
        return false;
    if ((json_int_t)foreign->count == count)
        return strcmp(ops_json_text(data, "log_records_sha256", ""), digest) == 0;
    return !is_whole(walk) && walk->event_count >= walk->last && (json_int_t)foreign->count < count;
}

static bool is_acceptance(const json_t *record)
{
    return strcmp(ops_json_text(record, "type", ""), ops_audit_type_name(OPS_AUDIT_ROLLBACK_ACCEPTED)) == 0;
}

/* Whether it accepts that the log has lost records, and not that it has others. */
static bool is_of_loss(const json_t *record)
{
    return strcmp(ops_json_text(json_object_get(record, "data"), "state", ""),
                  ops_delivered_state_name(OPS_DELIVERED_LOST)) == 0;
}

/* They are known from now on. */
static enum ops_status accept(struct ops_delivered *delivered, json_int_t seq)
{
    const struct ops_foreign *foreign = &delivered->foreign;
    json_t *accepted = json_pack("{s:I, s:I, s:I, s:I}", "seq", seq, "first_seq", foreign->first_seq, "last_seq",
                                 foreign->last_seq, "count", (json_int_t)foreign->count);
    delivered->foreign = (struct ops_foreign){.count = 0};
    return json_array_append_new(delivered->accepted, accepted) == 0 ? OPS_OK : OPS_NO_MEMORY;
}

static enum ops_status take_own(struct walk *walk, const json_t *record, json_int_t seq)
{
    struct ops_delivered *delivered = walk->delivered;
    bool is_new = walk->next_seq == 0 || seq >= walk->next_seq;
    if (delivered->begins_seq == 0)
        delivered->begins_seq = seq;
    else if (seq > walk->next_seq && delivered->missing_seq == 0)
        delivered->missing_seq = walk->next_seq;
    if (is_new) {
        walk->next_seq = seq + 1;
        delivered->end_seq = seq;
    }
    if (!is_acceptance(record) || is_of_loss(record) || !is_new)
        return OPS_OK;
    if (delivered->foreign.count > 0 && accepts(walk, record))
        return accept(delivered, seq);
    if (is_whole(walk) && delivered->empty_seq == 0)
        delivered->empty_seq = seq;
    return OPS_OK;
}

/* What is no record at all is a line that a crash has torn: its record came again. */
static enum ops_status on_event(void *context, struct ops_view text)
{
    struct walk *walk = context;
    json_t *event = NULL, *record = NULL;
    walk->event_count++;
    enum ops_status status = ops_json_parse_object(text, &event, NULL);
    json_int_t seq = ops_json_integer(event, "seq", 0);
    if (status == OPS_INVALID_JSON || (status == OPS_OK && seq < 1)) {
        json_decref(event);
        return OPS_OK;
    }
    if (status == OPS_OK)
        status = find(&walk->lookup, seq, &record, walk->error);
    if (status == OPS_OK && record && json_equal(record, event))
        status = take_own(walk, record, seq);
    else if (status == OPS_OK)
        status = add_foreign(&walk->delivered->foreign, event, seq, text);
    json_decref(event);
    return status;
}

/* ---- what it comes to ---- */

/* An acceptance is in the store before it is in the log. */
static enum ops_status look_for_acceptance(struct walk *walk)
{
    struct ops_delivered *delivered = walk->delivered;
    json_t *record = NULL;
    if (delivered->accepted_seq == 0)
        return OPS_OK;
    enum ops_status status = find(&walk->lookup, delivered->accepted_seq, &record, walk->error);
    if (status != OPS_OK || !record || !is_acceptance(record))
        return status;
    if (is_of_loss(record))
        walk->loss_is_accepted = true;
    else if (delivered->foreign.count > 0 && accepts(walk, record))
        return accept(delivered, delivered->accepted_seq);
    return OPS_OK;
}

/* Whether the log is over before what was delivered to it. What it may have forgotten by its age is no loss. */
static enum ops_status look_for_loss(struct walk *walk)
{
    struct ops_delivered *delivered = walk->delivered;
    struct ops_app *app = walk->lookup.app;
    json_t *record = NULL;
    int64_t at_ms;
    if (delivered->foreign.count > 0 || delivered->end_seq >= delivered->delivered_seq || walk->loss_is_accepted)
        return OPS_OK;
    enum ops_status status = OPS_OK;
    if (!is_whole(walk))
        status = ops_log_sink_keeps(app->ports.log_sink, &delivered->keeps_ms, walk->error);
    if (status == OPS_OK && delivered->keeps_ms > 0)
        status = find(&walk->lookup, delivered->delivered_seq, &record, walk->error);
    if (status != OPS_OK)
        return status;
    bool may_be_forgotten = record && ops_json_instant(record, "at", &at_ms) == OPS_OK &&
                            ops_clock_now_ms(app->ports.clock) - at_ms > delivered->keeps_ms;
    if (!may_be_forgotten)
        delivered->state = OPS_DELIVERED_LOST;
    return OPS_OK;
}

static void judge(struct walk *walk)
{
    struct ops_delivered *delivered = walk->delivered;
    const struct ops_foreign *foreign = &delivered->foreign;
    if (foreign->count > 0)
        delivered->state = foreign->first_seq > delivered->store_seq ? OPS_DELIVERED_BEHIND : OPS_DELIVERED_DIFFERS;
    bool may_begin_late = delivered->keeps_ms > 0;
    if (may_begin_late)
        delivered->empty_seq = 0; /* what it was about may be forgotten */
    if (!is_whole(walk) || delivered->missing_seq > 0)
        return;
    if (delivered->begins_seq > 1 && !may_begin_late)
        delivered->missing_seq = 1;
    else if (delivered->begins_seq == 0 && delivered->delivered_seq > 0 && !may_begin_late)
        delivered->missing_seq = 1;
    else if (delivered->begins_seq > 0 && walk->next_seq <= delivered->delivered_seq)
        delivered->missing_seq = walk->next_seq;
}

/* The position is read before the log, and the end of the trail after it: each is then never further than what it is
 * compared with. */
static enum ops_status walk_all(struct walk *walk)
{
    struct ops_delivered *delivered = walk->delivered;
    struct ops_app *app = walk->lookup.app;
    struct ops_audit_head head;
    enum ops_status status = ops_audit_position(app, &delivered->delivered_seq, &delivered->accepted_seq, walk->error);
    if (status == OPS_OK)
        status = ops_log_sink_read(app->ports.log_sink, walk->last, on_event, walk, walk->error);
    if (status == OPS_OK && is_whole(walk))
        status = ops_log_sink_keeps(app->ports.log_sink, &delivered->keeps_ms, walk->error);
    if (status == OPS_OK)
        status = ops_audit_head_load(app, &head, walk->error);
    if (status == OPS_OK) {
        delivered->store_seq = head.seq;
        memcpy(delivered->store_sha256, head.sha256, sizeof delivered->store_sha256);
        status = look_for_acceptance(walk);
    }
    return status == OPS_OK ? look_for_loss(walk) : status;
}

enum ops_status ops_delivered_compare(struct ops_app *app, size_t last, struct ops_delivered *ret_delivered,
                                      struct ops_error *error)
{
    struct ops_delivered delivered = {.state = OPS_DELIVERED_AGREES, .accepted = json_array()};
    struct walk walk = {.lookup = {.app = app}, .delivered = &delivered, .error = error, .last = last};
    enum ops_status status = delivered.accepted ? walk_all(&walk) : OPS_NO_MEMORY;
    json_decref(walk.lookup.records);
    if (status != OPS_OK) {
        ops_delivered_release(&delivered);
        return status;
    }
    judge(&walk);
    *ret_delivered = delivered;
    return OPS_OK;
}

void ops_delivered_words(const struct ops_delivered *delivered, char ret_words[static OPS_ERROR_TEXT_SIZE])
{
    const struct ops_foreign *foreign = &delivered->foreign;
    ret_words[0] = '\0';
    if (delivered->state == OPS_DELIVERED_BEHIND)
        (void)snprintf(
            ret_words, OPS_ERROR_TEXT_SIZE,
            "Audit record %" JSON_INTEGER_FORMAT
            " was delivered to the log and is missing from the store, which ends with record %" JSON_INTEGER_FORMAT
            "; the log goes on to record %" JSON_INTEGER_FORMAT ".",
            foreign->first_seq, delivered->store_seq, foreign->last_seq);
    else if (delivered->state == OPS_DELIVERED_DIFFERS)
        (void)snprintf(ret_words, OPS_ERROR_TEXT_SIZE,
                       "Audit record %" JSON_INTEGER_FORMAT
                       " in the store is not the one that was delivered to the log; the log has %zu records that are not "
                       "in the store.",
                       foreign->first_seq, foreign->count);
    else if (delivered->state == OPS_DELIVERED_LOST)
        (void)snprintf(ret_words, OPS_ERROR_TEXT_SIZE,
                       "Audit record %" JSON_INTEGER_FORMAT
                       " is missing from the delivered log, which ends with record %" JSON_INTEGER_FORMAT
                       ", though the store says that all up to record %" JSON_INTEGER_FORMAT
                       " were delivered: whether an older store was put back can't be told.",
                       delivered->end_seq + 1, delivered->end_seq, delivered->delivered_seq);
    else if (delivered->empty_seq > 0)
        (void)snprintf(ret_words, OPS_ERROR_TEXT_SIZE,
                       "Audit record %" JSON_INTEGER_FORMAT
                       " accepts records of the delivered log that are not there as they were.",
                       delivered->empty_seq);
    else if (delivered->missing_seq > 0)
        (void)snprintf(ret_words, OPS_ERROR_TEXT_SIZE,
                       "Audit record %" JSON_INTEGER_FORMAT " is missing from the delivered log.", delivered->missing_seq);
}
