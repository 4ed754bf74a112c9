#include "app/audit.h"

#include "app/commit.h"
#include "app/keys.h"
#include "app/paging.h"
#include "app/tell.h"
#include "app/trail.h"
#include "app/use_cases.h"
#include "base/json.h"

#include <stdio.h>

/* No record is larger than a description, a reason and a few names, so a full batch always fits. */
enum {
    DELIVERY_LEASE_MS = 30000,
    /* More than a lease lasts, since the clocks of two hosts are never quite the same. */
    DELIVERY_LEASE_LONGEST_MS = 2 * DELIVERY_LEASE_MS,
    DELIVERY_MAX_BYTES = 4 * 1024 * 1024,
};

enum ops_status ops_run_audit_list(struct ops_call_context *context, json_t **ret_data)
{
    const struct ops_listing listing = {.pk = OPS_PK_AUDIT, .scope = "audit", .id_name = "seq"};
    return ops_listing_page(context, &listing, ret_data);
}

static enum ops_status follow_page(struct ops_audit_head *head, const json_t *records, struct ops_error *error)
{
    size_t i;
    json_t *record;
    json_array_foreach(records, i, record) {
        enum ops_status status = ops_audit_follow(head, record, error);
        if (status != OPS_OK)
            return status;
    }
    return OPS_OK;
}

/* A record that was moved to another key is whole, but the next one to be written would find its place taken. */
static enum ops_status check_place(const struct ops_audit_head *head, const struct ops_store_page *page,
                                   struct ops_error *error)
{
    char sk[OPS_STORE_KEY_SIZE];
    (void)snprintf(sk, sizeof sk, OPS_SK_AUDIT_FORMAT, head->seq);
    if (json_array_size(page->docs) == 0 || strcmp(page->last_sk, sk) == 0)
        return OPS_OK;
    return ops_fail(error, OPS_CORRUPT, "Audit record %" JSON_INTEGER_FORMAT " is not at its place but at '%s'.", head->seq,
                    page->last_sk);
}

static enum ops_status ask_after(struct ops_app *app, json_int_t seq, size_t limit, bool as_written,
                                 struct ops_store_page *ret_page, struct ops_error *error)
{
    char after_sk[OPS_STORE_KEY_SIZE];
    (void)snprintf(after_sk, sizeof after_sk, OPS_SK_AUDIT_FORMAT, seq);
    const struct ops_query query = {
        .pk = OPS_PK_AUDIT, .after_sk = seq ? after_sk : NULL, .limit = limit, .as_written = as_written};
    return ops_store_query(app->ports.store, &query, ret_page, error);
}

static enum ops_status query_after(struct ops_app *app, json_int_t seq, size_t limit, struct ops_store_page *ret_page,
                                   struct ops_error *error)
{
    return ask_after(app, seq, limit, false, ret_page, error);
}

/* The chain may grow while it is read; what must hold is that it reaches the head that was read before, and is that. */
static enum ops_status compare_head(const struct ops_audit_head *known, const struct ops_audit_head *followed,
                                    const char *sha256_at_known, struct ops_error *error)
{
    if (followed->seq < known->seq)
        return ops_fail(error, OPS_CORRUPT,
                        "Audit record %" JSON_INTEGER_FORMAT
                        " is missing: the trail ends early, AUDIT_HEAD says %" JSON_INTEGER_FORMAT ".",
                        followed->seq + 1, known->seq);
    if (strcmp(sha256_at_known, known->sha256) != 0)
        return ops_fail(error, OPS_CORRUPT, "Audit record %" JSON_INTEGER_FORMAT " is not the one that AUDIT_HEAD knows.",
                        known->seq);
    return OPS_OK;
}

/* A record and the head that tells of it are written together: a head that was read after the records can't be behind them.
 */
static enum ops_status check_head_moved(struct ops_app *app, json_int_t followed_seq, struct ops_error *error)
{
    struct ops_audit_head now;
    enum ops_status status = ops_audit_head_load(app, &now, error);
    if (status == OPS_OK && now.seq < followed_seq)
        return ops_fail(error, OPS_CORRUPT,
                        "AUDIT_HEAD says that the trail ends with record %" JSON_INTEGER_FORMAT
                        ", but it goes on to %" JSON_INTEGER_FORMAT ".",
                        now.seq, followed_seq);
    return status;
}

enum ops_status ops_audit_verify(struct ops_app *app, json_int_t *ret_count, struct ops_error *error)
{
    struct ops_audit_head known, followed = OPS_AUDIT_HEAD_EMPTY;
    char sha256_at_known[OPS_SHA256_HEX_SIZE];
    json_int_t limit_max = OPS_STORE_PAGE_MAX;
    *ret_count = 0;
    enum ops_status status = ops_audit_head_load(app, &known, error);
    memcpy(sha256_at_known, followed.sha256, sizeof sha256_at_known);
    bool more = true;
    while (status == OPS_OK && more) {
        struct ops_store_page page = {0};
        json_int_t left = known.seq - followed.seq;
        size_t limit = left > 0 && left < limit_max ? (size_t)left : (size_t)limit_max;
        status = ask_after(app, followed.seq, limit, true, &page, error);
        if (status == OPS_CORRUPT && limit > 1) {
            limit_max = 1; /* one that can't be read spoils its page: how many before it are well? */
            status = OPS_OK;
            continue;
        }
        if (status == OPS_OK)
            status = follow_page(&followed, page.docs, error);
        if (status == OPS_OK)
            status = check_place(&followed, &page, error);
        more = page.more;
        ops_store_page_release(&page);
        if (followed.seq == known.seq)
            memcpy(sha256_at_known, followed.sha256, sizeof sha256_at_known);
    }
    *ret_count = followed.seq;
    if (status == OPS_OK)
        status = compare_head(&known, &followed, sha256_at_known, error);
    return status == OPS_OK && followed.seq > known.seq ? check_head_moved(app, followed.seq, error) : status;
}

enum ops_status ops_audit_read_from(struct ops_app *app, json_int_t seq, size_t limit, json_t **ret_records,
                                    struct ops_error *error)
{
    struct ops_store_page page = {0};
    enum ops_status status = query_after(app, seq - 1, limit, &page, error);
    if (status == OPS_OK)
        *ret_records = json_incref(page.docs);
    ops_store_page_release(&page);
    return status;
}

/* AUDIT_DELIVERY: {"seq", "lease", "lease_until_ms", "accepted_seq"?, "txn"}. The lease keeps two processes from delivering
 * side by side. accepted_seq is the record that accepts what the log has besides: it is found there before it is in the log.
 */
struct delivery {
    json_int_t seq;
    json_int_t accepted_seq; /* 0: none */
    char lease[OPS_ULID_SIZE];
    json_int_t lease_until_ms;
    bool exists;
};

static enum ops_status load_delivery(struct ops_app *app, struct delivery *ret_delivery, struct ops_error *error)
{
    json_t *doc = NULL;
    enum ops_status status = ops_store_get(app->ports.store, OPS_PK_SINGLETON, OPS_SK_AUDIT_DELIVERY, &doc, error);
    *ret_delivery = (struct delivery){.exists = status == OPS_OK,
                                      .seq = ops_json_integer(doc, "seq", 0),
                                      .accepted_seq = ops_json_integer(doc, "accepted_seq", 0),
                                      .lease_until_ms = ops_json_integer(doc, "lease_until_ms", 0)};
    (void)snprintf(ret_delivery->lease, sizeof ret_delivery->lease, "%s", ops_json_text(doc, "lease", ""));
    json_decref(doc);
    return status == OPS_NOT_FOUND ? OPS_OK : status;
}

static void put_delivery(struct ops_txn *txn, const struct delivery *before, const struct delivery *after)
{
    json_t *doc = json_pack("{s:I, s:s, s:I, s:s}", "seq", after->seq, "lease", after->lease, "lease_until_ms",
                            after->lease_until_ms, "txn", txn->token);
    if (doc && after->accepted_seq > 0 && ops_json_set_integer(doc, "accepted_seq", after->accepted_seq) != OPS_OK) {
        json_decref(doc);
        doc = NULL;
    }
    ops_txn_put(txn, OPS_PK_SINGLETON, OPS_SK_AUDIT_DELIVERY, doc);
    if (before->exists) {
        ops_txn_if_integer(txn, "seq", before->seq);
        ops_txn_if_text(txn, "lease", before->lease);
    } else {
        ops_txn_if_absent(txn);
    }
}

/* Moves AUDIT_DELIVERY from before to {seq, lease until}; OPS_CONFLICT when someone else has moved it. */
static enum ops_status write_delivery(struct ops_app *app, const struct delivery *before, json_int_t seq, bool keep_lease,
                                      int64_t now_ms, struct delivery *ret_after, struct ops_error *error)
{
    struct ops_txn txn;
    ops_change_begin(app, &txn, now_ms);
    struct delivery after = {.exists = true,
                             .seq = seq,
                             .accepted_seq = before->accepted_seq,
                             .lease_until_ms = keep_lease ? now_ms + DELIVERY_LEASE_MS : 0};
    if (keep_lease)
        memcpy(after.lease, txn.token, sizeof after.lease);
    put_delivery(&txn, before, &after);
    enum ops_status status = ops_txn_commit(app, &txn, OPS_PK_SINGLETON, OPS_SK_AUDIT_DELIVERY, error);
    ops_txn_release(&txn);
    if (status == OPS_OK)
        *ret_after = after;
    return status;
}

enum ops_status ops_audit_position(struct ops_app *app, json_int_t *ret_seq, json_int_t *ret_accepted_seq,
                                   struct ops_error *error)
{
    struct delivery delivery;
    enum ops_status status = load_delivery(app, &delivery, error);
    *ret_seq = delivery.seq;
    *ret_accepted_seq = delivery.accepted_seq;
    return status;
}

/* The lease's own condition would let it pass that another process took the lease meanwhile and gave it back; seq and lease
 * together do not. A lease that is held stays with whoever holds it. */
enum ops_status ops_audit_put_acceptance(struct ops_app *app, struct ops_txn *txn, json_int_t seq, struct ops_error *error)
{
    struct delivery before;
    enum ops_status status = load_delivery(app, &before, error);
    if (status != OPS_OK)
        return status;
    struct delivery after = before;
    after.accepted_seq = seq;
    put_delivery(txn, &before, &after);
    return OPS_OK;
}

static enum ops_status render_events(const json_t *records, struct ops_buf *text, struct ops_log_event *events)
{
    size_t starts[OPS_LOG_BATCH_MAX + 1] = {0};
    size_t i;
    json_t *record;
    json_array_foreach(records, i, record) {
        starts[i] = text->length;
        enum ops_status status = ops_json_canonical(record, text);
        if (status == OPS_OK)
            status = ops_json_instant(record, "at", &events[i].at_ms);
        if (status != OPS_OK)
            return status;
        starts[i + 1] = text->length;
    }
    for (i = 0; i < json_array_size(records); i++)
        events[i].text = ops_view(text->data + starts[i], starts[i + 1] - starts[i]);
    return OPS_OK;
}

static enum ops_status append_records(struct ops_app *app, const json_t *records, struct ops_error *error)
{
    struct ops_log_event events[OPS_LOG_BATCH_MAX];
    struct ops_buf text;
    ops_buf_init(&text, DELIVERY_MAX_BYTES);
    enum ops_status status = render_events(records, &text, events);
    if (status == OPS_OK)
        status = ops_log_sink_append(app->ports.log_sink, events, json_array_size(records), error);
    ops_buf_release(&text);
    return status;
}

static bool leased(const struct delivery *delivery, int64_t now_ms)
{
    /* A lease that seems to last longer than any does was given before the wall clock went back. */
    return delivery->lease_until_ms > now_ms && delivery->lease_until_ms - now_ms <= DELIVERY_LEASE_LONGEST_MS;
}

static void tell_delivered(struct ops_app *app, size_t count, json_int_t seq)
{
    struct ops_log_line line;
    ops_log_line_init(&line, OPS_LOG_DEBUG, "audit.delivered", NULL);
    ops_log_line_number(&line, "records", (int64_t)count);
    ops_log_line_number(&line, "seq", seq);
    ops_tell(app, &line);
}

enum ops_status ops_audit_deliver(struct ops_app *app, size_t *ret_count, struct ops_error *error)
{
    *ret_count = 0;
    int64_t now_ms = ops_clock_now_ms(app->ports.clock);
    struct delivery delivery;
    struct ops_audit_head head;
    bool is_held = true;
    enum ops_status status = load_delivery(app, &delivery, error);
    if (status == OPS_OK)
        status = ops_audit_head_load(app, &head, error);
    if (status == OPS_OK)
        status = ops_trail_may_deliver(app, delivery.seq, head.seq, &is_held, error);
    if (status != OPS_OK || is_held || head.seq <= delivery.seq || leased(&delivery, now_ms))
        return status;
    status = write_delivery(app, &delivery, delivery.seq, true, now_ms, &delivery, error);
    if (status != OPS_OK)
        return status == OPS_CONFLICT ? OPS_OK : status;
    struct ops_store_page page = {0};
    status = query_after(app, delivery.seq, OPS_LOG_BATCH_MAX, &page, error);
    json_int_t seq = delivery.seq;
    if (status == OPS_OK && json_array_size(page.docs) > 0)
        status = append_records(app, page.docs, error);
    if (status == OPS_OK) {
        *ret_count = json_array_size(page.docs);
        seq += (json_int_t)*ret_count;
        tell_delivered(app, *ret_count, seq);
    }
    ops_store_page_release(&page);
    /* The lease is given back also when nothing was delivered, so that the next sweep may try at once. */
    enum ops_status given_back = write_delivery(app, &delivery, seq, false, now_ms, &delivery, error);
    return status == OPS_OK && given_back != OPS_CONFLICT ? given_back : status;
}
