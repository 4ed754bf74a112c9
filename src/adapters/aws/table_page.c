/*
 * A page of keys.
 *
 * The lanes that are not finished are asked side by side, and the page takes one item of each in turn, so that neighbours in
 * it lie in different partitions. It ends when it is full: of keys, of storage, or of receipt. A lane whose items were all
 * taken goes on where its answer ended; of one that had more, the last taken key is where it goes on, since any key of a
 * segment can be an ExclusiveStartKey.
 *
 * How many items a lane is asked to look at follows what came of the page before. Behind a filter most of them may be
 * nobody's business: then more are looked at for one request, up to what fits DynamoDB's pages of 1 MB. Where more came than
 * the page took, fewer are, as what was not taken is read and paid for again. Source: Amazon DynamoDB API Reference, "Scan",
 * "Limit".
 */
#include "adapters/aws/table.h"

enum {
    EVALUATE_MAX = 64 * 1000, /* items of 16 bytes fill a page of 1 MB then */
    READ_BEGIN_WITHIN_MS = 10000,
    CURSOR_OVERHEAD_BYTES = 32, /* brackets and commas */
    KEY_SHOWN_MAX = 200,
};

enum ops_status ops_aws_table_unreadable(const struct ops_aws_table *table, struct ops_error *error)
{
    return ops_fail(error, OPS_STORE_UNAVAILABLE, "DynamoDB gave an answer about the table %s that can't be read.",
                    table->name);
}

enum ops_status ops_aws_table_read_failed(const struct ops_aws_call *call, struct ops_error *error)
{
    if (call->status == OPS_NO_MEMORY)
        return OPS_NO_MEMORY;
    enum ops_status status = call->status == OPS_UNKNOWN ? OPS_STORE_UNAVAILABLE : call->status;
    return ops_fail(error, status, "%s", ops_error_text(&call->error, call->status));
}

void ops_aws_table_send_reads(struct ops_aws_table *table, struct ops_aws_call *calls, size_t count)
{
    struct ops_aws_pacer *pacer = &table->stack->pacers[OPS_AWS_DYNAMODB];
    size_t width = ops_aws_pacer_enter(pacer, count);
    bool throttled = false;
    ops_aws_call_send_all(table->stack->client, calls, count, width, READ_BEGIN_WITHIN_MS);
    for (size_t i = 0; i < count; i++)
        throttled = throttled || calls[i].status == OPS_THROTTLED;
    ops_aws_pacer_leave(pacer, width, throttled);
}

/* ---- Keys in a page ---- */

/* A key whose guarded text follows its id, and is not a part of it, has this in place of the view until finish. */
static const char decoded[] = "";

enum ops_status ops_aws_table_page_add(const struct ops_aws_table *table, const struct ops_view *values,
                                       struct ops_key_page *page)
{
    const struct ops_aws_columns *columns = &table->schema.columns;
    struct ops_key *key = ops_key_page_add(page);
    if (!key)
        return OPS_NO_MEMORY;
    size_t start = page->storage.length;
    ops_aws_key_append(columns, columns->key_count, values, &page->storage);
    key->id.length = page->storage.length - start;
    key->guarded.length = values[0].length;
    if (ops_buf_status(&page->storage) != OPS_OK)
        return ops_buf_status(&page->storage);
    if (page->count == 1)
        ops_aws_receipt_begin(columns, &page->receipt);
    ops_aws_receipt_add(columns, values, &page->receipt);
    if (!ops_aws_value_is_plain(columns->list[0].type, values[0])) {
        start = page->storage.length;
        enum ops_status status = ops_aws_value_decode(columns->list[0].type, values[0], &page->storage);
        if (status != OPS_OK)
            return status;
        key->guarded = ops_view(decoded, page->storage.length - start);
    }
    return ops_buf_status(&page->receipt);
}

void ops_aws_table_page_finish(const struct ops_aws_table *table, struct ops_key_page *page)
{
    const char *at = page->storage.data;
    size_t plain = table->schema.columns.list[0].opening.length;
    for (size_t i = 0; i < page->count; i++) {
        struct ops_key *key = &page->keys[i];
        bool follows = key->guarded.data == decoded;
        key->id.data = at;
        at += key->id.length;
        key->guarded.data = follows ? at : key->id.data + plain;
        at += follows ? key->guarded.length : 0;
    }
}

/* ---- Cursors ---- */

static void lane_begin(struct ops_aws_lane *lane)
{
    lane->finished = lane->answered = false;
    lane->call = NULL;
    lane->taken = 0;
    ops_buf_clear(&lane->position);
}

static struct ops_aws_shape position_shape(const struct ops_aws_table *table)
{
    const struct ops_aws_columns *columns = &table->schema.columns;
    return (struct ops_aws_shape){.columns = columns, .count = columns->count};
}

/* Of what an answer has the scope's attribute is seen too, where a filter has let through more than the tenant's. */
static struct ops_aws_shape item_shape(const struct ops_aws_table *table)
{
    struct ops_aws_shape shape = position_shape(table);
    shape.extra = table->by == OPS_SCOPE_ATTRIBUTE ? table->extra : NULL;
    return shape;
}

static enum ops_status read_cursor(struct ops_aws_table *table, const char *cursor, struct ops_error *error)
{
    const struct ops_aws_shape shape = position_shape(table);
    struct ops_aws_rows *places = &table->lanes[0].items;
    bool finished[OPS_AWS_TABLE_LANES_MAX];
    for (uint32_t i = 0; i < table->lane_count; i++)
        lane_begin(&table->lanes[i]);
    if (!cursor[0])
        return OPS_OK;
    enum ops_status status =
        ops_aws_read_cursor(&table->reader, ops_view_of(cursor), &shape, table->lane_count, places, finished);
    if (status == OPS_CORRUPT || status == OPS_LIMIT)
        return ops_fail(error, OPS_TARGET_ERROR, "The cursor does not belong to the table %s.", table->name);
    for (uint32_t i = 0; i < table->lane_count && status == OPS_OK; i++) {
        struct ops_aws_lane *lane = &table->lanes[i];
        lane->finished = finished[i];
        if (ops_aws_row(places, i)[0].data)
            ops_aws_key_append(shape.columns, shape.count, ops_aws_row(places, i), &lane->position);
        status = ops_buf_status(&lane->position);
    }
    return status;
}

static enum ops_status write_cursor(const struct ops_aws_table *table, struct ops_key_page *page)
{
    page->last = true;
    for (uint32_t i = 0; i < table->lane_count; i++)
        page->last = page->last && table->lanes[i].finished;
    if (page->last)
        return OPS_OK;
    for (uint32_t i = 0; i < table->lane_count; i++) {
        const struct ops_aws_lane *lane = &table->lanes[i];
        ops_buf_append_char(&page->cursor, i ? ',' : '[');
        if (lane->finished || lane->position.length == 0)
            ops_buf_append_text(&page->cursor, lane->finished ? "false" : "null");
        else
            ops_buf_append_view(&page->cursor, ops_buf_view(&lane->position));
    }
    ops_buf_append_char(&page->cursor, ']');
    return ops_buf_status(&page->cursor);
}

/* ---- Asking ---- */

static size_t choose_lanes(struct ops_aws_table *table, size_t limit)
{
    size_t count = 0;
    for (uint32_t i = 0; i < table->lane_count && count < limit; i++)
        if (!table->lanes[i].finished)
            table->lanes[i].call = &table->calls[count++];
    return count;
}

/* The Limit for one of count lanes, when all of them may give the page limit keys. */
static size_t lane_limit(const struct ops_aws_table *table, size_t limit, size_t count, size_t number)
{
    if (ops_aws_table_filters(table))
        return table->evaluate;
    size_t share = limit / count + (number < limit % count);
    return share < table->evaluate ? share : table->evaluate;
}

static enum ops_status write_requests(struct ops_aws_table *table, uint32_t segment, size_t limit, size_t count)
{
    enum ops_status status = OPS_OK;
    for (uint32_t i = 0; i < table->lane_count && status == OPS_OK; i++) {
        struct ops_aws_lane *lane = &table->lanes[i];
        if (!lane->call)
            continue;
        size_t number = (size_t)(lane->call - table->calls);
        struct ops_buf *body = &table->bodies[number];
        lane->asked = lane_limit(table, limit, count, number);
        ops_aws_table_write_page(table, segment * table->lane_count + i, lane->asked, ops_buf_view(&lane->position), body);
        lane->call->body = ops_buf_view(body);
        status = ops_buf_status(body);
    }
    return status;
}

/* OPS_LIMIT is not final here: fewer items may be asked for. */
static enum ops_status read_answer(struct ops_aws_table *table, struct ops_aws_lane *lane)
{
    const struct ops_aws_shape shape = item_shape(table);
    if (lane->call->status != OPS_OK)
        return ops_aws_table_read_failed(lane->call, NULL);
    struct ops_view answer = ops_buf_view(&lane->call->response.body);
    enum ops_status status = ops_aws_read_page(&table->reader, answer, &shape, &lane->items);
    lane->answered = status == OPS_OK;
    return status == OPS_CORRUPT ? OPS_STORE_UNAVAILABLE : status;
}

static enum ops_status explain(const struct ops_aws_table *table, const struct ops_aws_lane *lane, enum ops_status status,
                               struct ops_error *error)
{
    if (status == OPS_NO_MEMORY)
        return status;
    return lane->call->status == OPS_OK ? ops_aws_table_unreadable(table, error)
                                        : ops_aws_table_read_failed(lane->call, error);
}

/* An answer was larger than we take: fewer items next time. */
static enum ops_status ask_for_less(struct ops_aws_table *table, const struct ops_aws_lane *lane, struct ops_error *error)
{
    if (lane->asked <= 1)
        return ops_fail(error, OPS_LIMIT, "A key of the table %s is too large to handle.", table->name);
    table->evaluate = lane->asked / 4 > 0 ? lane->asked / 4 : 1;
    return OPS_OK;
}

/* Lanes that could not answer this time are asked again for the next page, as long as others got on. */
static enum ops_status read_answers(struct ops_aws_table *table, struct ops_error *error)
{
    const struct ops_aws_lane *failed = NULL;
    enum ops_status failure = OPS_OK;
    bool any = false;
    for (uint32_t i = 0; i < table->lane_count; i++) {
        struct ops_aws_lane *lane = &table->lanes[i];
        if (!lane->call)
            continue;
        enum ops_status status = read_answer(table, lane);
        if (status == OPS_LIMIT)
            status = ask_for_less(table, lane, error);
        if (status == OPS_LIMIT)
            return status;
        if (status != OPS_OK && status != OPS_THROTTLED && status != OPS_STORE_UNAVAILABLE)
            return explain(table, lane, status, error);
        any = any || status == OPS_OK;
        failed = status == OPS_OK ? failed : lane;
        failure = status == OPS_OK ? failure : status;
    }
    return any ? OPS_OK : explain(table, failed, failure, error);
}

static enum ops_status ask(struct ops_aws_table *table, uint32_t segment, size_t limit, struct ops_error *error)
{
    size_t count = choose_lanes(table, limit);
    if (count == 0)
        return OPS_OK; /* only a cursor that we did not write says that every lane is finished */
    enum ops_status status = write_requests(table, segment, limit, count);
    if (status != OPS_OK)
        return status;
    ops_aws_table_send_reads(table, table->calls, count);
    return read_answers(table, error);
}

/* ---- Taking ---- */

/* What is left of the page's room. */
struct room {
    size_t keys;
    size_t storage_bytes;
    size_t receipt_bytes;
};

/* Takes room for one more key. What is guarded may need as much again as it has in the id. */
static bool take_room(struct room *room, const struct ops_aws_table *table, const struct ops_view *values)
{
    const struct ops_aws_columns *columns = &table->schema.columns;
    size_t storage_bytes = ops_aws_key_length(columns, columns->key_count, values) + values[0].length;
    size_t receipt_bytes = ops_aws_receipt_add_length(columns, values);
    if (room->keys == 0 || room->storage_bytes < storage_bytes || room->receipt_bytes < receipt_bytes)
        return false;
    room->keys--;
    room->storage_bytes -= storage_bytes;
    room->receipt_bytes -= receipt_bytes;
    return true;
}

static bool offers(const struct ops_aws_lane *lane, size_t round)
{
    return lane->answered && round < lane->items.count;
}

/* How many items of each lane fit, one of each in turn. False: the very first does not. */
static bool choose_items(struct ops_aws_table *table, struct room *room)
{
    size_t limit = room->keys;
    bool more = true;
    for (size_t round = 0; more; round++) {
        more = false;
        for (uint32_t i = 0; i < table->lane_count; i++) {
            struct ops_aws_lane *lane = &table->lanes[i];
            if (!offers(lane, round))
                continue;
            if (!take_room(room, table, ops_aws_row(&lane->items, round)))
                return room->keys < limit;
            lane->taken++;
            more = true;
        }
    }
    return true;
}

static bool fits_cursor(const struct ops_aws_table *table, const struct ops_view *values)
{
    const struct ops_aws_columns *columns = &table->schema.columns;
    size_t most = (OPS_CURSOR_MAX_BYTES - CURSOR_OVERHEAD_BYTES) / table->lane_count;
    return ops_aws_key_length(columns, columns->count, values) <= most;
}

/* The key that a lane would go on after: what stands behind the last item is where the answer ended. NULL: it is finished.
 */
static const struct ops_view *place_after(const struct ops_aws_lane *lane, size_t taken)
{
    if (taken == lane->items.count)
        return lane->items.more ? ops_aws_row(&lane->items, taken) : NULL;
    return ops_aws_row(&lane->items, taken - 1);
}

static enum ops_status leads_nowhere(const struct ops_aws_table *table, const struct ops_aws_lane *lane,
                                     struct ops_error *error)
{
    return ops_fail(error, OPS_TARGET_ERROR, "DynamoDB goes on in the table %s where it began, at the key %.*s.",
                    table->name, lane->position.length < KEY_SHOWN_MAX ? (int)lane->position.length : KEY_SHOWN_MAX,
                    lane->position.data);
}

static enum ops_status set_position(const struct ops_aws_table *table, struct ops_aws_lane *lane,
                                    const struct ops_view *place, struct ops_error *error)
{
    const struct ops_aws_columns *columns = &table->schema.columns;
    struct ops_buf position;
    ops_buf_init(&position, lane->position.limit_bytes);
    if (place)
        ops_aws_key_append(columns, columns->count, place, &position);
    enum ops_status status = ops_buf_status(&position);
    if (status == OPS_OK && place && ops_view_equal(ops_buf_view(&position), ops_buf_view(&lane->position)))
        status = leads_nowhere(table, lane, error);
    if (status != OPS_OK) {
        ops_buf_release(&position);
        return status;
    }
    ops_buf_release(&lane->position);
    lane->position = position;
    return OPS_OK;
}

/* Moves a lane behind what is taken of it. A key that has no room in a cursor can't be a place to go on from, so the lane
 * gives back what it must to end at one that can. */
static enum ops_status move_lane(struct ops_aws_table *table, struct ops_aws_lane *lane, struct ops_error *error)
{
    bool all = lane->taken == lane->items.count;
    if (!lane->answered || (lane->taken == 0 && !all))
        return OPS_OK;
    const struct ops_view *place = place_after(lane, lane->taken);
    if (place && all && lane->taken > 0 && !fits_cursor(table, place))
        place = ops_aws_row(&lane->items, lane->taken - 1);
    while (place && !fits_cursor(table, place)) {
        lane->taken -= lane->taken > 0;
        if (lane->taken == 0)
            return ops_fail(error, OPS_LIMIT, "A key of the table %s is too large to handle.", table->name);
        place = ops_aws_row(&lane->items, lane->taken - 1);
    }
    lane->finished = !place;
    return set_position(table, lane, place, error);
}

static enum ops_status remark_incomparable(const struct ops_aws_table *table, const struct ops_view *row)
{
    const struct ops_aws_columns *columns = &table->schema.columns;
    char reason[OPS_AWS_TENANT_REASON_SIZE];
    struct ops_buf key;
    ops_buf_init(&key, OPS_AWS_TABLE_TEXT_MAX_BYTES);
    ops_aws_key_append(columns, columns->key_count, row, &key);
    ops_aws_tenant_reason(&table->tenant, row, reason);
    enum ops_status status = ops_buf_status(&key);
    if (status == OPS_OK)
        ops_remarks_add(table->target.remarks, table->ignores_incomparable ? OPS_REMARK_IGNORED : OPS_REMARK_INCOMPARABLE,
                        ops_buf_view(&key), reason);
    ops_buf_release(&key);
    return status;
}

/* Whatever the service has let through, only what is the tenant's goes into the page. */
static enum ops_status add_item(const struct ops_aws_table *table, const struct ops_view *row, struct ops_key_page *page)
{
    enum ops_aws_owner owner = OPS_AWS_TENANTS;
    enum ops_status status = OPS_OK;
    if (table->by == OPS_SCOPE_ATTRIBUTE)
        status = ops_aws_tenant_owns(&table->tenant, row, &owner);
    if (status == OPS_OK && owner == OPS_AWS_TENANTS)
        return ops_aws_table_page_add(table, row, page);
    bool is_remark = status == OPS_OK && owner == OPS_AWS_INCOMPARABLE;
    return is_remark ? remark_incomparable(table, row) : status;
}

static enum ops_status add_items(const struct ops_aws_table *table, struct ops_key_page *page, struct ops_error *error)
{
    enum ops_status status = OPS_OK;
    bool more = true;
    for (size_t round = 0; more && status == OPS_OK; round++) {
        more = false;
        for (uint32_t i = 0; i < table->lane_count && status == OPS_OK; i++) {
            const struct ops_aws_lane *lane = &table->lanes[i];
            if (round >= lane->taken)
                continue;
            status = add_item(table, ops_aws_row(&lane->items, round), page);
            more = true;
        }
    }
    return status == OPS_CORRUPT ? ops_aws_table_unreadable(table, error) : status;
}

/* Looks further or less far next time. */
static void adapt(struct ops_aws_table *table, const struct ops_key_page *page, size_t limit)
{
    size_t came = 0, taken = 0, asked = 0;
    for (uint32_t i = 0; i < table->lane_count; i++) {
        const struct ops_aws_lane *lane = &table->lanes[i];
        if (!lane->answered)
            continue;
        came += lane->items.count;
        taken += lane->taken;
        asked = lane->asked > asked ? lane->asked : asked;
    }
    bool sparse = page->count * 4 < limit && page->receipt.length < OPS_RECEIPT_MAX_BYTES / 4 &&
                  page->storage.length < page->storage.limit_bytes / 4;
    if (taken < came)
        table->evaluate = asked * taken / came > 0 ? asked * taken / came : 1;
    else if (asked > 0 && sparse)
        table->evaluate = table->evaluate < EVALUATE_MAX / 4 ? table->evaluate * 4 : EVALUATE_MAX;
}

static enum ops_status take(struct ops_aws_table *table, size_t limit, struct ops_key_page *page, struct ops_error *error)
{
    size_t receipt_bytes = page->receipt.limit_bytes - ops_aws_receipt_begin_length(&table->schema.columns);
    struct room room = {limit, page->storage.limit_bytes, receipt_bytes};
    if (!choose_items(table, &room))
        return ops_fail(error, OPS_LIMIT, "A key of the table %s is too large to handle.", table->name);
    enum ops_status status = OPS_OK;
    for (uint32_t i = 0; i < table->lane_count && status == OPS_OK; i++)
        status = move_lane(table, &table->lanes[i], error);
    if (status == OPS_OK)
        status = add_items(table, page, error);
    if (status == OPS_OK)
        adapt(table, page, limit);
    return status;
}

enum ops_status ops_aws_table_page(struct ops_target *self, uint32_t segment, const char *cursor, size_t limit,
                                   struct ops_key_page *ret_page, struct ops_error *error)
{
    struct ops_aws_table *table = (struct ops_aws_table *)self;
    limit = limit < self->page_max ? limit : self->page_max;
    if (table->has_none) {
        ret_page->last = true;
        return OPS_OK;
    }
    enum ops_status status = read_cursor(table, cursor, error);
    if (status == OPS_OK)
        status = ask(table, segment, limit, error);
    if (status == OPS_OK)
        status = take(table, limit, ret_page, error);
    if (status == OPS_OK && table->schema.index_is_global)
        status = ops_aws_table_verify_page(table, ret_page, error);
    if (status == OPS_OK)
        status = write_cursor(table, ret_page);
    if (status != OPS_OK) {
        ops_key_page_clear(ret_page);
        return status;
    }
    ops_aws_table_page_finish(table, ret_page);
    return ops_buf_status(&ret_page->receipt);
}
