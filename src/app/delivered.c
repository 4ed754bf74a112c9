#include "app/delivered.h"

#include "app/audit.h"
#include "app/commit.h"
#include "app/keys.h"
#include "app/torn.h"
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
    struct ops_torn torn;
    struct ops_foreign with_torn; /* the foreign events, and what was torn between them: see accept_by */
    json_int_t next_seq;          /* the store's record that is to come next; 0: any */
    bool loss_is_accepted;        /* by a record that is not in the log yet */
};

static bool is_whole(const struct walk *walk)
{
    return walk->last == 0;
}

static void mark(struct ops_foreign_place *place, const struct ops_delivered_line *line, const char *reason)
{
    if (place->reason)
        return;
    ops_delivered_line_where(line, place->where);
    memcpy(place->stream, line->stream, sizeof place->stream);
    place->number = line->number;
    place->reason = reason;
}

static void mark_record(struct ops_foreign *foreign, const struct ops_delivered_line *line)
{
    foreign->first_seq = foreign->first_seq == 0 || line->seq < foreign->first_seq ? line->seq : foreign->first_seq;
    foreign->last_seq = line->seq;
    (void)snprintf(foreign->last_sha256, sizeof foreign->last_sha256, "%s", ops_json_text(line->record, "sha256", ""));
    mark(&foreign->first, line, "is not the store's record of its number");
}

static enum ops_status mark_strange(struct ops_foreign *foreign, const struct ops_delivered_line *line)
{
    foreign->strange_count++;
    mark(&foreign->first, line, line->reason);
    mark(&foreign->strange, line, line->reason);
    return ops_sha256_hex(line->text, foreign->last_sha256);
}

static enum ops_status add_foreign(struct ops_foreign *foreign, const struct ops_delivered_line *line)
{
    struct ops_buf both;
    ops_buf_init(&both, sizeof foreign->digest + line->text.length);
    ops_buf_append(&both, foreign->digest, sizeof foreign->digest);
    ops_buf_append_view(&both, line->text);
    enum ops_status status = ops_buf_status(&both);
    if (status == OPS_OK)
        status = ops_sha256(ops_buf_view(&both), foreign->digest);
    ops_buf_release(&both);
    foreign->count++;
    if (status == OPS_OK && !line->record)
        status = mark_strange(foreign, line);
    else if (status == OPS_OK)
        mark_record(foreign, line);
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
static bool accepts(const struct walk *walk, const struct ops_foreign *foreign, const json_t *record)
{
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
static enum ops_status accept(struct walk *walk, const struct ops_foreign *foreign, json_int_t seq)
{
    struct ops_delivered *delivered = walk->delivered;
    json_t *accepted = json_pack("{s:I, s:I, s:I, s:I}", "seq", seq, "first_seq", foreign->first_seq, "last_seq",
                                 foreign->last_seq, "count", (json_int_t)foreign->count);
    delivered->foreign = walk->with_torn = (struct ops_foreign){.count = 0};
    return json_array_append_new(delivered->accepted, accepted) == 0 ? OPS_OK : OPS_NO_MEMORY;
}

/* A torn line that was the log's last one when it was accepted may, by what came behind it since, look like one that came
 * again. */
static enum ops_status accept_by(struct walk *walk, const json_t *record, json_int_t seq, bool *ret_accepted)
{
    const struct ops_foreign *choices[] = {&walk->delivered->foreign, &walk->with_torn};
    *ret_accepted = false;
    for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++) {
        if (choices[i]->count == 0 || !accepts(walk, choices[i], record))
            continue;
        *ret_accepted = true;
        return accept(walk, choices[i], seq);
    }
    return OPS_OK;
}

static enum ops_status take_acceptance(struct walk *walk, const json_t *record, json_int_t seq)
{
    bool accepted = false;
    enum ops_status status = accept_by(walk, record, seq, &accepted);
    if (!accepted && is_whole(walk) && walk->delivered->empty_seq == 0)
        walk->delivered->empty_seq = seq;
    return status;
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
    enum ops_status status =
        is_acceptance(record) && !is_of_loss(record) && is_new ? take_acceptance(walk, record, seq) : OPS_OK;
    if (delivered->foreign.count == 0)
        walk->with_torn = (struct ops_foreign){.count = 0};
    return status;
}

static enum ops_status take_foreign(struct walk *walk, const struct ops_delivered_line *line)
{
    enum ops_status status = add_foreign(&walk->delivered->foreign, line);
    return status == OPS_OK ? add_foreign(&walk->with_torn, line) : status;
}

/* Whether the line is the beginning of a record that waits to be delivered: somebody writes it just now, or has begun to. */
static enum ops_status begins_waiting(struct walk *walk, const struct ops_delivered_line *line, bool *ret_begins)
{
    json_int_t last = walk->delivered->delivered_seq + OPS_LOG_BATCH_MAX;
    enum ops_status status = OPS_OK;
    *ret_begins = false;
    for (json_int_t seq = walk->delivered->delivered_seq + 1; status == OPS_OK && !*ret_begins && seq <= last; seq++) {
        struct ops_buf text;
        json_t *record = NULL;
        ops_buf_init(&text, OPS_STORE_DOC_MAX_BYTES);
        status = find(&walk->lookup, seq, &record, walk->error);
        if (status == OPS_OK && !record)
            return OPS_OK;
        if (status == OPS_OK)
            status = ops_json_canonical(record, &text);
        *ret_begins = status == OPS_OK && ops_view_starts_with(ops_buf_view(&text), line->text);
        ops_buf_release(&text);
    }
    return status;
}

/* A line of which a record was made is written as any record is: equal values are equal texts. */
static enum ops_status on_line(void *context, const struct ops_delivered_line *line, enum ops_line_fate fate)
{
    struct walk *walk = context;
    json_t *record = NULL;
    bool begins = false;
    enum ops_status status = OPS_OK;
    if (fate == OPS_LINE_TORN)
        return add_foreign(&walk->with_torn, line);
    if (line->record)
        status = find(&walk->lookup, line->seq, &record, walk->error);
    else if (fate == OPS_LINE_OPEN)
        status = begins_waiting(walk, line, &begins);
    if (status == OPS_OK && record && json_equal(record, line->record))
        return take_own(walk, record, line->seq);
    return status == OPS_OK && !begins ? take_foreign(walk, line) : status;
}

/* An empty line says nothing to anybody. */
static enum ops_status on_event(void *context, const struct ops_log_place *place, struct ops_view text)
{
    struct walk *walk = context;
    struct ops_delivered_line line;
    walk->event_count++;
    if (text.length == 0)
        return OPS_OK;
    enum ops_status status = ops_delivered_line_read(place, text, &line);
    return status == OPS_OK ? ops_torn_add(&walk->torn, &line) : status;
}

/* ---- what it comes to ---- */

/* An acceptance is in the store before it is in the log. */
static enum ops_status look_for_acceptance(struct walk *walk)
{
    struct ops_delivered *delivered = walk->delivered;
    json_t *record = NULL;
    bool ignored;
    if (delivered->accepted_seq == 0)
        return OPS_OK;
    enum ops_status status = find(&walk->lookup, delivered->accepted_seq, &record, walk->error);
    if (status != OPS_OK || !record || !is_acceptance(record))
        return status;
    walk->loss_is_accepted = is_of_loss(record);
    if (!walk->loss_is_accepted && delivered->foreign.count > 0)
        return accept_by(walk, record, delivered->accepted_seq, &ignored);
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
        delivered->state = foreign->strange_count == 0 && foreign->first_seq > delivered->store_seq ? OPS_DELIVERED_BEHIND
                                                                                                    : OPS_DELIVERED_DIFFERS;
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
        status = ops_torn_end(&walk->torn);
    }
    if (status == OPS_OK)
        status = look_for_acceptance(walk);
    return status == OPS_OK ? look_for_loss(walk) : status;
}

enum ops_status ops_delivered_compare(struct ops_app *app, size_t last, struct ops_delivered *ret_delivered,
                                      struct ops_error *error)
{
    struct ops_delivered delivered = {.state = OPS_DELIVERED_AGREES, .accepted = json_array()};
    struct walk walk = {.lookup = {.app = app}, .delivered = &delivered, .error = error, .last = last};
    walk.torn = (struct ops_torn){.on_line = on_line, .context = &walk};
    enum ops_status status = delivered.accepted ? walk_all(&walk) : OPS_NO_MEMORY;
    ops_torn_release(&walk.torn);
    json_decref(walk.lookup.records);
    if (status != OPS_OK) {
        ops_delivered_release(&delivered);
        return status;
    }
    judge(&walk);
    *ret_delivered = delivered;
    return OPS_OK;
}

void ops_delivered_details(const struct ops_delivered *delivered, struct ops_error *error)
{
    const struct ops_foreign *foreign = &delivered->foreign;
    const struct ops_foreign_place *place = foreign->strange_count > 0 ? &foreign->strange : &foreign->first;
    if (!place->reason)
        return;
    ops_error_detail(error, "stream", place->stream);
    if (place->number > 0)
        ops_error_detail_integer(error, "line", (json_int_t)place->number);
    ops_error_detail(error, "reason", place->reason);
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
            "; the log goes on to record %" JSON_INTEGER_FORMAT ". The first that is missing is %s.",
            foreign->first_seq, delivered->store_seq, foreign->last_seq, foreign->first.where);
    else if (delivered->state == OPS_DELIVERED_DIFFERS && foreign->strange_count > 0)
        (void)snprintf(ret_words, OPS_ERROR_TEXT_SIZE,
                       "In the delivered log %s %s. Lines of it that are not the store's records: %zu.",
                       foreign->strange.where, foreign->strange.reason, foreign->count);
    else if (delivered->state == OPS_DELIVERED_DIFFERS)
        (void)snprintf(ret_words, OPS_ERROR_TEXT_SIZE,
                       "Audit record %" JSON_INTEGER_FORMAT
                       " in the store is not the one that was delivered to the log; the log has %zu records that are not "
                       "in the store, of which the first is %s.",
                       foreign->first_seq, foreign->count, foreign->first.where);
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
