/* BatchWriteItem. The one request that is read without jansson: benchmarks send hundreds of thousands of them. */
#include "stub/dynamodb.h"
#include "stub/json_reader.h"

enum { BATCH_MAX = 25 };

struct write {
    struct stub_table *table;
    struct ops_view request; /* the element as it was sent */
    struct ops_view object;  /* its key or item */
    struct stub_key key;
    json_t *json; /* real tables: object */
    bool is_put;
    bool is_key;     /* numbered tables: key has been read */
    uint64_t digest; /* of the key: equal keys have equal ones */
};

struct batch {
    struct stub_call *call;
    struct stub_json_reader reader;
    struct write writes[BATCH_MAX];
    size_t count;
    struct ops_view capacity;
    bool refused;
};

static bool refuse(struct batch *batch, const char *problem)
{
    if (!batch->refused)
        stub_refuse_invalid(batch->call, "%s", problem);
    batch->refused = true;
    return false;
}

/* Reads {"pk":{"S":"..."},"sk":{"S":"..."}} of a numbered table, whose keys need no escapes. */
static void read_numbered_key(struct stub_json_reader *reader, struct write *write)
{
    const struct stub_table *table = write->table;
    struct ops_view name, type;
    size_t found = 0, members = 0;
    for (bool first = true; stub_json_member(reader, &first, &name); members++)
        for (bool inner = true; stub_json_member(reader, &inner, &type);) {
            struct stub_value value = {type.length == 1 ? type.data[0] : '?', stub_json_string(reader)};
            for (size_t i = 0; i < table->key_count; i++)
                if (value.type == table->key_types[i] && ops_view_is(name, table->key_names[i])) {
                    write->key.part[i] = value;
                    found++;
                }
        }
    write->is_key = found == table->key_count && found == members;
}

static bool read_real(struct batch *batch, struct write *write)
{
    write->json = json_loadb(write->object.data, write->object.length, JSON_REJECT_DUPLICATES, NULL);
    bool fine = write->is_put ? stub_read_item(batch->call, write->table, write->json, &write->key)
                              : stub_read_key(batch->call, write->table, write->json, &write->key);
    batch->refused = batch->refused || !fine;
    return fine;
}

/* The key or the item. */
static void read_object(struct stub_json_reader *reader, struct write *write)
{
    (void)stub_json_peek(reader); /* past white space */
    const char *start = reader->at;
    if (write->table->ops->put || write->is_put)
        (void)stub_json_skip(reader);
    else
        read_numbered_key(reader, write);
    write->object = ops_view(start, (size_t)(reader->at - start));
}

/* {"DeleteRequest":{"Key":{...}}} or {"PutRequest":{"Item":{...}}} */
static bool read_write(struct batch *batch, struct stub_table *table)
{
    if (batch->count == BATCH_MAX)
        return refuse(batch, "Too many items requested for the BatchWriteItem call");
    struct write *write = &batch->writes[batch->count++];
    struct stub_json_reader *reader = &batch->reader;
    struct ops_view kind, name;
    *write = (struct write){.table = table};
    const char *start = reader->at;
    for (bool first = true; stub_json_member(reader, &first, &kind);) {
        write->is_put = ops_view_is(kind, "PutRequest");
        for (bool inner = true; stub_json_member(reader, &inner, &name);)
            read_object(reader, write);
    }
    write->request = ops_view(start, (size_t)(reader->at - start));
    if (reader->failed || !write->object.data)
        return refuse(batch, "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes");
    if (table->ops->put || write->is_put)
        return read_real(batch, write);
    return write->is_key || refuse(batch, "The provided key element does not match the schema");
}

static void read_tables(struct batch *batch)
{
    struct ops_view name;
    for (bool first = true; !batch->refused && stub_json_member(&batch->reader, &first, &name);) {
        struct stub_table *table = stub_table_named(batch->call, name);
        batch->refused = !table;
        for (bool inner = true; !batch->refused && stub_json_next(&batch->reader, "[]", &inner);)
            (void)read_write(batch, table); /* a refusal ends the loop */
    }
}

/* Eight bytes at a time: all pairs of a batch are compared, and the texts of keys differ only near their ends. */
static uint64_t digest_of(const struct stub_table *table, const struct stub_key *key)
{
    uint64_t digest = 0;
    for (size_t i = 0; i < table->key_count; i++) {
        struct ops_view text = key->part[i].text;
        for (size_t at = 0; at < text.length; at += sizeof digest) {
            uint64_t word = 0;
            size_t left = text.length - at;
            memcpy(&word, text.data + at, left < sizeof word ? left : sizeof word);
            digest = (digest ^ word) * UINT64_C(0x9e3779b97f4a7c15);
            digest ^= digest >> 32;
        }
    }
    return digest;
}

static bool is_same(const struct write *a, const struct write *b)
{
    bool same = a->digest == b->digest && a->table == b->table;
    for (size_t i = 0; same && i < a->table->key_count; i++)
        same = ops_view_equal(a->key.part[i].text, b->key.part[i].text);
    return same;
}

static void check(struct batch *batch)
{
    if (batch->refused)
        return;
    if (batch->reader.failed || !batch->count)
        (void)refuse(batch, "The batch write request list for a table cannot be null or empty");
    for (size_t i = 0; i < batch->count && !batch->refused; i++) {
        struct write *write = &batch->writes[i];
        write->digest = digest_of(write->table, &write->key);
        for (size_t j = 0; j < i; j++)
            if (is_same(write, &batch->writes[j]))
                (void)refuse(batch, "Provided list of item keys contains duplicates");
    }
}

static void apply(struct write *write)
{
    if (write->is_put)
        write->table->ops->put(write->table, &write->key, json_incref(write->json));
    else
        stub_table_delete(write->table, &write->key);
}

static void append_unprocessed(struct batch *batch, const struct stub_hit *hit)
{
    struct ops_buf *body = &batch->call->answer->body;
    const struct stub_table *open = NULL; /* requests of one table stand together */
    ops_buf_append_text(body, "{\"UnprocessedItems\":{");
    for (size_t i = 0; i < batch->count; i++) {
        if (!stub_hit_is(hit, i))
            continue;
        const struct write *write = &batch->writes[i];
        if (write->table != open)
            ops_buf_append_format(body, "%s\"%s\":[", open ? "]," : "", write->table->name);
        else
            ops_buf_append_char(body, ',');
        ops_buf_append_view(body, write->request);
        open = write->table;
    }
    ops_buf_append_text(body, open ? "]}" : "}");
}

static void append_capacity(struct batch *batch, const struct stub_hit *hit)
{
    if (!batch->capacity.length || ops_view_is(batch->capacity, "NONE"))
        return;
    struct ops_buf *body = &batch->call->answer->body;
    ops_buf_append_text(body, ",\"ConsumedCapacity\":[");
    for (size_t i = 0, end; i < batch->count; i = end) {
        size_t done = 0;
        for (end = i; end < batch->count && batch->writes[end].table == batch->writes[i].table; end++)
            done += !stub_hit_is(hit, end);
        ops_buf_append_format(body, "%s{\"TableName\":\"%s\",\"CapacityUnits\":%zu.0}", i ? "," : "",
                              batch->writes[i].table->name, done);
    }
    ops_buf_append_char(body, ']');
}

static void carry_out(struct batch *batch)
{
    struct stub_hit hit = stub_rule_hit(batch->call->rule, STUB_FAULT_UNPROCESSED, batch->count);
    for (size_t i = 0; i < batch->count; i++)
        if (!stub_hit_is(&hit, i))
            apply(&batch->writes[i]);
    append_unprocessed(batch, &hit);
    append_capacity(batch, &hit);
    ops_buf_append_char(&batch->call->answer->body, '}');
}

void stub_batch_write(struct stub_call *call)
{
    struct ops_view body = call->request->body, name;
    struct batch batch;
    batch.call = call;
    batch.reader = (struct stub_json_reader){body.data, body.data + body.length, false};
    batch.count = 0;
    batch.capacity = ops_view("", 0);
    batch.refused = false;
    for (bool first = true; !batch.refused && stub_json_member(&batch.reader, &first, &name);) {
        if (ops_view_is(name, "RequestItems"))
            read_tables(&batch);
        else if (ops_view_is(name, "ReturnConsumedCapacity"))
            batch.capacity = stub_json_string(&batch.reader);
        else
            (void)stub_json_skip(&batch.reader); /* not asked for by anybody here */
    }
    check(&batch);
    if (!batch.refused)
        carry_out(&batch);
    for (size_t i = 0; i < batch.count; i++)
        json_decref(batch.writes[i].json);
}
