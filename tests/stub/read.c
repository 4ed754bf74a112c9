/* GetItem, BatchGetItem, Scan and Query. */
#include "stub/dynamodb.h"

enum { PAGE_MAX_BYTES = 1024 * 1024, SEGMENTS_MAX = 1000000, BATCH_GET_MAX = 100 };

/* ---- One item ---- */

/* Reads the projection of input (a call's or a batch's part); false: refused. */
static bool read_projection(struct stub_call *call, const json_t *input, json_t **ret_names)
{
    struct stub_placeholders placeholders;
    struct ops_buf problem;
    stub_buf_init(&problem);
    stub_placeholders_init(&placeholders, input);
    const char *text = json_string_value(json_object_get(input, "ProjectionExpression"));
    bool fine = stub_projection_read(text, &placeholders, ret_names, &problem);
    if (fine && !stub_placeholders_all_used(&placeholders, &problem)) {
        json_decref(*ret_names);
        fine = false;
    }
    if (!fine)
        stub_refuse_invalid(call, "%s", ops_buf_text(&problem));
    stub_placeholders_release(&placeholders);
    ops_buf_release(&problem);
    return fine;
}

void stub_get_item(struct stub_call *call)
{
    struct stub_table *table = stub_table_of_input(call);
    struct stub_key key;
    json_t *names;
    size_t position;
    if (!table || !stub_read_key(call, table, json_object_get(call->input, "Key"), &key) ||
        !read_projection(call, call->input, &names))
        return;
    struct ops_buf *body = &call->answer->body;
    ops_buf_append_char(body, '{');
    if (table->ops->find(table, &key, &position)) {
        ops_buf_append_text(body, "\"Item\":");
        stub_table_append(table, position, names, body);
    }
    ops_buf_append_char(body, '}');
    json_decref(names);
}

/* ---- BatchGetItem ---- */

struct batch_get {
    struct stub_call *call;
    struct stub_hit hit;
    size_t index;
    struct ops_buf unprocessed;
};

/* What is to be asked for again: the same part with these keys only. */
static void append_unprocessed(struct batch_get *batch, const char *name, const json_t *part, json_t *keys)
{
    json_t *again = stub_json(json_copy((json_t *)(uintptr_t)part)); /* it only reads */
    if (json_object_set(again, "Keys", keys) != 0)
        stub_give_up("out of memory");
    ops_buf_append_format(&batch->unprocessed, "%s\"%s\":", batch->unprocessed.length ? "," : "", name);
    stub_append_json(&batch->unprocessed, again);
    json_decref(again);
}

/* Appends the items of these keys that are there, and to ret_left the keys that are passed over; false: refused. */
static bool append_items(struct batch_get *batch, const struct stub_table *table, const json_t *keys, const json_t *names,
                         json_t *ret_left)
{
    struct ops_buf *body = &batch->call->answer->body;
    size_t i, position, found = 0;
    json_t *key_json;
    json_array_foreach(keys, i, key_json) {
        struct stub_key key;
        if (!stub_read_key(batch->call, table, key_json, &key))
            return false;
        if (stub_hit_is(&batch->hit, batch->index++)) {
            if (json_array_append(ret_left, key_json) != 0)
                stub_give_up("out of memory");
        } else if (table->ops->find(table, &key, &position)) {
            if (found++)
                ops_buf_append_char(body, ',');
            stub_table_append(table, position, names, body);
        }
    }
    return true;
}

static bool get_from(struct batch_get *batch, const char *name, const json_t *part)
{
    struct stub_table *table = stub_table_named(batch->call, ops_view_of(name));
    struct ops_buf *body = &batch->call->answer->body;
    json_t *names;
    if (!table || !read_projection(batch->call, part, &names))
        return false;
    json_t *left = stub_json(json_array());
    ops_buf_append_format(body, "\"%s\":[", name);
    bool fine = append_items(batch, table, json_object_get(part, "Keys"), names, left);
    if (fine) {
        ops_buf_append_char(body, ']');
        if (json_array_size(left))
            append_unprocessed(batch, name, part, left);
    }
    json_decref(names);
    json_decref(left);
    return fine;
}

void stub_batch_get(struct stub_call *call)
{
    json_t *tables = json_object_get(call->input, "RequestItems"), *part;
    size_t count = 0, done = 0;
    const char *name;
    json_object_foreach(tables, name, part) {
        count += json_array_size(json_object_get(part, "Keys"));
    }
    if (count < 1 || count > BATCH_GET_MAX) {
        stub_refuse_invalid(call, "Too many items requested for the BatchGetItem call");
        return;
    }
    struct batch_get batch = {.call = call, .hit = stub_rule_hit(call->rule, STUB_FAULT_UNPROCESSED, count)};
    stub_buf_init(&batch.unprocessed);
    ops_buf_append_text(&call->answer->body, "{\"Responses\":{");
    bool fine = true;
    json_object_foreach(tables, name, part) {
        if (done++)
            ops_buf_append_char(&call->answer->body, ',');
        fine = get_from(&batch, name, part);
        if (!fine)
            break;
    }
    if (fine)
        ops_buf_append_format(&call->answer->body, "},\"UnprocessedKeys\":{%s}}", ops_buf_text(&batch.unprocessed));
    ops_buf_release(&batch.unprocessed);
}

/* ---- Scan and Query ---- */

struct reading {
    struct stub_call *call;
    const struct stub_table *table;
    const struct stub_index *index; /* or NULL */
    struct stub_span span;
    struct stub_placeholders placeholders;
    struct stub_expression condition; /* what is passed over unseen */
    struct stub_expression filter;    /* what is read and not given */
    json_t *names;
    bool forward;
    bool count_only;
    size_t limit;
    size_t position;

    size_t count;
    size_t scanned_count;
    size_t bytes;
    size_t last;
    bool more;
};

static bool refuse_reading(struct reading *reading, const char *problem)
{
    stub_refuse_invalid(reading->call, "%s", problem);
    return false;
}

static bool find_index(struct reading *reading)
{
    const json_t *name = json_object_get(reading->call->input, "IndexName");
    for (size_t i = 0; name && i < reading->table->index_count; i++)
        if (ops_view_is(stub_json_view(name), reading->table->indexes[i].name))
            reading->index = &reading->table->indexes[i];
    if (name && !reading->index)
        return refuse_reading(reading, "The table does not have the specified index");
    if (name && json_is_true(json_object_get(reading->call->input, "ConsistentRead")))
        return refuse_reading(reading, "Consistent reads are not supported on global secondary indexes");
    return true;
}

static bool read_segments(struct reading *reading)
{
    const json_t *segment = json_object_get(reading->call->input, "Segment");
    const json_t *count = json_object_get(reading->call->input, "TotalSegments");
    if (!segment && !count)
        return true;
    json_int_t which = json_integer_value(segment), of = json_integer_value(count);
    if (!segment || !count || of < 1 || of > SEGMENTS_MAX || which < 0 || which >= of)
        return refuse_reading(reading, "The Segment parameter is zero-based and must be less than parameter TotalSegments");
    reading->table->ops->split(reading->table, (uint32_t)which, (uint32_t)of, &reading->span);
    return true;
}

/* The key condition of a Query must name the partition key (the table's or the index's) with "=". */
static bool narrow_to_condition(struct reading *reading)
{
    const char *attribute = reading->index ? reading->index->attribute : reading->table->key_names[0];
    for (size_t i = 0; i < reading->condition.count; i++) {
        const struct stub_term *term = &reading->condition.terms[i];
        if (term->test == STUB_EQUAL && ops_view_is(term->attribute, attribute)) {
            reading->table->ops->narrow(reading->table, term->attribute, &term->value, &reading->span);
            return true;
        }
    }
    return refuse_reading(reading, "Query condition missed key schema element");
}

static bool read_expressions(struct reading *reading, bool is_query)
{
    const json_t *input = reading->call->input;
    struct ops_buf problem;
    stub_buf_init(&problem);
    bool fine = stub_expression_read(is_query ? json_string_value(json_object_get(input, "KeyConditionExpression")) : NULL,
                                     &reading->placeholders, &reading->condition, &problem) &&
                stub_expression_read(json_string_value(json_object_get(input, "FilterExpression")), &reading->placeholders,
                                     &reading->filter, &problem) &&
                stub_projection_read(json_string_value(json_object_get(input, "ProjectionExpression")),
                                     &reading->placeholders, &reading->names, &problem) &&
                stub_placeholders_all_used(&reading->placeholders, &problem);
    if (!fine)
        stub_refuse_invalid(reading->call, "%s", ops_buf_text(&problem));
    ops_buf_release(&problem);
    return fine;
}

static bool read_start(struct reading *reading)
{
    const json_t *start = json_object_get(reading->call->input, "ExclusiveStartKey");
    struct stub_key key;
    reading->position = reading->forward ? reading->span.first : reading->span.end - 1;
    if (!start || json_is_null(start))
        return true;
    if (!stub_table_key_of(reading->table, start, &key) ||
        json_object_size(start) < reading->table->key_count + (reading->index ? 1 : 0))
        return refuse_reading(reading, "The provided starting key is invalid");
    bool exact = reading->table->ops->find(reading->table, &key, &reading->position);
    reading->position += reading->forward ? (exact ? 1 : 0) : SIZE_MAX;
    return true;
}

static bool read_input(struct reading *reading, bool is_query)
{
    const json_t *input = reading->call->input;
    json_int_t limit = json_integer_value(json_object_get(input, "Limit"));
    if (json_object_get(input, "Limit") && limit < 1)
        return refuse_reading(reading, "Limit must be greater than or equal to 1");
    reading->limit = limit ? (size_t)limit : SIZE_MAX;
    reading->count_only = ops_view_is(stub_json_view(json_object_get(input, "Select")), "COUNT");
    reading->forward = !is_query || !json_is_false(json_object_get(input, "ScanIndexForward"));
    return find_index(reading) && (is_query || read_segments(reading)) && read_expressions(reading, is_query) &&
           (!is_query || narrow_to_condition(reading)) && read_start(reading);
}

/* A page ends at the limit or past a megabyte; then there is a last key, even where nothing comes behind it. */
static void read_page(struct reading *reading)
{
    const struct stub_table *table = reading->table;
    struct ops_buf *body = &reading->call->answer->body;
    while (table->ops->step(table, &reading->span, reading->forward, &reading->position)) {
        size_t at = reading->position;
        reading->position += reading->forward ? 1 : SIZE_MAX;
        if (!stub_expression_holds(&reading->condition, table, at))
            continue;
        reading->last = at;
        reading->scanned_count++;
        reading->bytes += table->ops->size_bytes(table, at);
        if (stub_expression_holds(&reading->filter, table, at)) {
            if (reading->count++ && !reading->count_only)
                ops_buf_append_char(body, ',');
            if (!reading->count_only)
                stub_table_append(table, at, reading->names, body);
        }
        if (reading->scanned_count == reading->limit || reading->bytes >= PAGE_MAX_BYTES) {
            reading->more = true;
            return;
        }
    }
}

static void append_last_key(struct reading *reading)
{
    struct ops_buf *body = &reading->call->answer->body;
    ops_buf_append_text(body, ",\"LastEvaluatedKey\":{");
    stub_table_append_key(reading->table, reading->last, body);
    char room[STUB_ATTRIBUTE_SIZE];
    struct stub_value value;
    if (reading->index && reading->table->ops->attribute(reading->table, reading->last,
                                                         ops_view_of(reading->index->attribute), room, &value)) {
        ops_buf_append_format(body, ",\"%s\":{\"%c\":", reading->index->attribute, value.type);
        stub_append_json_string(body, value.text);
        ops_buf_append_char(body, '}');
    }
    ops_buf_append_char(body, '}');
}

static void read_items(struct stub_call *call, bool is_query)
{
    struct reading reading = {.call = call, .table = stub_table_of_input(call)};
    if (!reading.table)
        return;
    reading.span = (struct stub_span){.end = reading.table->ops->length(reading.table), .org = STUB_ORG_NONE};
    stub_placeholders_init(&reading.placeholders, call->input);
    if (read_input(&reading, is_query)) {
        struct ops_buf *body = &call->answer->body;
        ops_buf_append_text(body, reading.count_only ? "{" : "{\"Items\":[");
        read_page(&reading);
        ops_buf_append_format(body, "%s\"Count\":%zu,\"ScannedCount\":%zu", reading.count_only ? "" : "],", reading.count,
                              reading.scanned_count);
        if (reading.more)
            append_last_key(&reading);
        stub_append_capacity(call, call->input, reading.table, (double)((reading.bytes + 4095) / 4096) / 2);
        ops_buf_append_char(body, '}');
    }
    json_decref(reading.names);
    stub_placeholders_release(&reading.placeholders);
}

void stub_scan(struct stub_call *call)
{
    read_items(call, false);
}

void stub_query(struct stub_call *call)
{
    read_items(call, true);
}
