/* A table of items that were put: an array in the order of their keys. */
#include "stub/table.h"

struct row {
    struct stub_key key; /* in item */
    json_t *item;
    size_t size_bytes;
};

struct real_table {
    struct stub_table base;
    struct row *rows;
    size_t capacity;
};

static struct real_table *real_of(const struct stub_table *table)
{
    return (struct real_table *)(uintptr_t)table;
}

static size_t real_length(const struct stub_table *table)
{
    return table->item_count;
}

static int compare_keys(const struct stub_table *table, const struct stub_key *a, const struct stub_key *b)
{
    int order = 0;
    for (size_t i = 0; i < table->key_count && order == 0; i++)
        order = stub_value_compare(&a->part[i], &b->part[i]);
    return order;
}

static bool real_find(const struct stub_table *base, const struct stub_key *key, size_t *ret_position)
{
    const struct real_table *table = real_of(base);
    size_t low = 0, high = base->item_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_keys(base, &table->rows[middle].key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_position = low;
    return low < base->item_count && compare_keys(base, &table->rows[low].key, key) == 0;
}

/* FNV-1a, as the hash that spreads partition keys over the segments of a parallel scan: positions move, hashes do not. */
static uint32_t hash(struct ops_view text)
{
    uint32_t value = 2166136261u;
    for (size_t i = 0; i < text.length; i++)
        value = (value ^ (unsigned char)text.data[i]) * 16777619u;
    return value;
}

static bool is_in(const struct real_table *table, const struct stub_span *span, size_t position)
{
    if (position < span->first || position >= span->end)
        return false;
    return span->segment_count <= 1 || hash(table->rows[position].key.part[0].text) % span->segment_count == span->segment;
}

static bool real_step(const struct stub_table *base, const struct stub_span *span, bool forward, size_t *position)
{
    const struct real_table *table = real_of(base);
    /* Downwards from 0 wraps round to a position that is not below the count. */
    for (size_t at = *position; at < base->item_count; at += forward ? (size_t)1 : SIZE_MAX)
        if (is_in(table, span, at)) {
            *position = at;
            return true;
        }
    return false;
}

static void real_narrow(const struct stub_table *base, struct ops_view attribute, const struct stub_value *value,
                        struct stub_span *span)
{
    const struct real_table *table = real_of(base);
    if (!ops_view_is(attribute, base->key_names[0]))
        return;
    size_t at = 0;
    while (at < base->item_count && stub_value_compare(&table->rows[at].key.part[0], value) != 0)
        at++;
    span->first = at;
    while (at < base->item_count && stub_value_compare(&table->rows[at].key.part[0], value) == 0)
        at++;
    span->end = at;
}

static void real_split(const struct stub_table *base, uint32_t segment, uint32_t segment_count, struct stub_span *span)
{
    (void)base;
    span->segment = segment;
    span->segment_count = segment_count;
}

static bool real_attribute(const struct stub_table *base, size_t position, struct ops_view name,
                           char room[static STUB_ATTRIBUTE_SIZE], struct stub_value *ret_value)
{
    (void)room;
    const json_t *attribute = json_object_getn(real_of(base)->rows[position].item, name.data, name.length);
    if (!attribute)
        return false;
    *ret_value = stub_value_of(attribute);
    return true;
}

static bool real_append_attribute(const struct stub_table *base, size_t position, size_t index, struct ops_view *ret_name,
                                  struct ops_buf *buf)
{
    json_t *item = real_of(base)->rows[position].item;
    void *member = json_object_iter(item);
    for (size_t i = 0; i < index && member; i++)
        member = json_object_iter_next(item, member);
    if (!member)
        return false;
    *ret_name = ops_view_of(json_object_iter_key(member));
    stub_append_json_string(buf, *ret_name);
    ops_buf_append_char(buf, ':');
    stub_append_json(buf, json_object_iter_value(member));
    return true;
}

static size_t real_size_bytes(const struct stub_table *base, size_t position)
{
    return real_of(base)->rows[position].size_bytes;
}

static void real_remove(struct stub_table *base, size_t position)
{
    struct real_table *table = real_of(base);
    json_decref(table->rows[position].item);
    memmove(table->rows + position, table->rows + position + 1, (base->item_count - position - 1) * sizeof *table->rows);
}

/* Makes a hole at position. */
static void open_row(struct real_table *table, size_t position)
{
    size_t count = table->base.item_count;
    if (count == table->capacity) {
        table->capacity = count ? 2 * count : 16;
        table->rows = stub_resize(table->rows, table->capacity * sizeof *table->rows);
    }
    memmove(table->rows + position + 1, table->rows + position, (count - position) * sizeof *table->rows);
    table->base.item_count++;
}

static void real_put(struct stub_table *base, const struct stub_key *key, json_t *item)
{
    struct real_table *table = real_of(base);
    size_t position;
    if (real_find(base, key, &position))
        json_decref(table->rows[position].item);
    else
        open_row(table, position);
    struct row row = {.item = item, .size_bytes = json_dumpb(item, NULL, 0, JSON_COMPACT)};
    (void)stub_table_key_of(base, item, &row.key); /* the caller has found it there */
    table->rows[position] = row;
}

static void real_release(struct stub_table *base)
{
    struct real_table *table = real_of(base);
    for (size_t i = 0; i < base->item_count; i++)
        json_decref(table->rows[i].item);
    ops_mem_free(table->rows);
}

static const struct stub_table_ops real_ops = {
    .length = real_length,
    .find = real_find,
    .step = real_step,
    .narrow = real_narrow,
    .split = real_split,
    .attribute = real_attribute,
    .append_attribute = real_append_attribute,
    .size_bytes = real_size_bytes,
    .remove = real_remove,
    .put = real_put,
    .release = real_release,
};

struct stub_table *stub_real_table_new(const struct stub_table_shape *shape)
{
    struct real_table *table = stub_zeroed(1, sizeof *table);
    table->base.ops = &real_ops;
    stub_table_init(&table->base, shape);
    return &table->base;
}
