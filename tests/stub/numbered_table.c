/* A table of millions of items that takes a bit for each.
 *
 * Item n is row n % rows_per_key of partition n / rows_per_key, and partition p belongs to tenant p % org_count. Its
 * partition key is "ORG#acme00042#record-0001234567" with the partition's number, and its sort key, if there is one,
 * "row-00003". Where the tenant is the key, they are "ORG#acme00042" and "record-0001234567" with the item's number. A sort
 * key of type N is the number alone.
 */
#include "stub/numbers.h"
#include "stub/table.h"

struct numbered_table {
    struct stub_table base;
    struct stub_numbers numbers;
    struct stub_bits gone;
    char *body;
    size_t row_size_bytes;
};

static const struct numbered_table *numbered_of(const struct stub_table *table)
{
    return (const struct numbered_table *)table;
}

static size_t partition_of(const struct numbered_table *table, size_t position)
{
    return position / table->numbers.rows_per_key;
}

static uint32_t org_of(const struct numbered_table *table, size_t position)
{
    return (uint32_t)(partition_of(table, position) % table->numbers.org_count);
}

static size_t numbered_length(const struct stub_table *table)
{
    return numbered_of(table)->numbers.item_count;
}

/* ---- Texts of an item, and the way back ---- */

static char *write_org(char *at, uint32_t org)
{
    return stub_write_digits(stub_write_text(at, STUB_ORG_STEM), org, STUB_ORG_DIGITS);
}

static char *write_partition_key(const struct numbered_table *table, size_t position, char *at)
{
    at = write_org(stub_write_text(at, "ORG#"), org_of(table, position));
    if (table->numbers.org_is_key)
        return at;
    return stub_write_digits(stub_write_text(at, "#record-"), partition_of(table, position), STUB_NUMBER_DIGITS);
}

static char *write_plain(char *at, uint64_t number)
{
    unsigned width = 1;
    for (uint64_t left = number / 10; left; left /= 10)
        width++;
    return stub_write_digits(at, number, width);
}

static char *write_sort_key(const struct numbered_table *table, size_t position, char *at)
{
    size_t row = table->numbers.org_is_key ? position : position % table->numbers.rows_per_key;
    if (table->base.key_types[1] == 'N')
        return write_plain(at, row);
    if (table->numbers.org_is_key)
        return stub_write_digits(stub_write_text(at, "record-"), row, STUB_NUMBER_DIGITS);
    return stub_write_digits(stub_write_text(at, "row-"), row, STUB_ORG_DIGITS);
}

static bool take_org(const struct numbered_table *table, struct ops_view *text, uint32_t *ret_org)
{
    uint64_t org;
    if (!stub_take_text(text, STUB_ORG_STEM) || !stub_take_digits(text, STUB_ORG_DIGITS, &org) ||
        org >= table->numbers.org_count)
        return false;
    *ret_org = (uint32_t)org;
    return true;
}

/* ret_first: the first position with this partition key. */
static bool read_partition_key(const struct numbered_table *table, struct ops_view text, uint32_t *ret_org,
                               size_t *ret_first)
{
    uint64_t partition;
    if (!stub_take_text(&text, "ORG#") || !take_org(table, &text, ret_org))
        return false;
    if (table->numbers.org_is_key) {
        *ret_first = (size_t)*ret_org * table->numbers.rows_per_key;
        return text.length == 0;
    }
    if (!stub_take_text(&text, "#record-") || !stub_take_digits(&text, STUB_NUMBER_DIGITS, &partition) || text.length)
        return false;
    *ret_first = (size_t)partition * table->numbers.rows_per_key;
    return partition % table->numbers.org_count == *ret_org && *ret_first < table->numbers.item_count;
}

static bool read_sort_key(const struct numbered_table *table, struct ops_view text, uint64_t *ret_row)
{
    bool is_number = table->base.key_types[1] == 'N';
    unsigned width = table->numbers.org_is_key ? STUB_NUMBER_DIGITS : STUB_ORG_DIGITS;
    if (is_number)
        width = (unsigned)(text.length <= STUB_NUMBER_DIGITS ? text.length : STUB_NUMBER_DIGITS + 1);
    else if (!stub_take_text(&text, table->numbers.org_is_key ? "record-" : "row-"))
        return false;
    return width > 0 && stub_take_digits(&text, width, ret_row) && text.length == 0;
}

static bool numbered_find(const struct stub_table *base, const struct stub_key *key, size_t *ret_position)
{
    const struct numbered_table *table = numbered_of(base);
    uint32_t org;
    size_t first;
    uint64_t row = 0;
    *ret_position = table->numbers.item_count;
    if (!read_partition_key(table, key->part[0].text, &org, &first))
        return false;
    if (base->key_count == 2 && !read_sort_key(table, key->part[1].text, &row))
        return false;
    size_t position = table->numbers.org_is_key ? (size_t)row : first + (size_t)row;
    bool fits = table->numbers.org_is_key ? row < table->numbers.item_count && org_of(table, position) == org
                                          : row < table->numbers.rows_per_key && position < table->numbers.item_count;
    if (!fits)
        return false;
    *ret_position = position;
    return !stub_bits_get(&table->gone, position);
}

/* ---- Going through ---- */

/* The first position from there on that belongs to the tenant. */
static size_t in_org(const struct numbered_table *table, size_t position, uint32_t org)
{
    size_t partition = partition_of(table, position), orgs = table->numbers.org_count;
    if (org == STUB_ORG_NONE || partition % orgs == org)
        return position;
    return (partition + (org + orgs - partition % orgs) % orgs) * table->numbers.rows_per_key;
}

static bool step_up(const struct numbered_table *table, const struct stub_span *span, size_t *position)
{
    size_t at = *position > span->first ? *position : span->first;
    for (;;) {
        size_t next = stub_bits_next_clear(&table->gone, in_org(table, at, span->org), span->end);
        if (next >= span->end)
            return false;
        at = in_org(table, next, span->org);
        if (at == next)
            break;
    }
    *position = at;
    return true;
}

/* From SIZE_MAX, which is below 0, there is no way down. */
static bool step_down(const struct numbered_table *table, const struct stub_span *span, size_t *position)
{
    for (size_t at = *position; at != SIZE_MAX && at >= span->first; at--) {
        bool ours = span->org == STUB_ORG_NONE || org_of(table, at) == span->org;
        if (at >= span->end || !ours || stub_bits_get(&table->gone, at))
            continue;
        *position = at;
        return true;
    }
    return false;
}

static bool numbered_step(const struct stub_table *base, const struct stub_span *span, bool forward, size_t *position)
{
    const struct numbered_table *table = numbered_of(base);
    return forward ? step_up(table, span, position) : step_down(table, span, position);
}

static void numbered_narrow(const struct stub_table *base, struct ops_view attribute, const struct stub_value *value,
                            struct stub_span *span)
{
    const struct numbered_table *table = numbered_of(base);
    struct ops_view text = value->text;
    size_t first;
    if (ops_view_is(attribute, base->key_names[0])) {
        if (!read_partition_key(table, text, &span->org, &first))
            span->end = span->first;
        else if (!table->numbers.org_is_key) {
            span->first = first;
            span->end = first + table->numbers.rows_per_key;
        }
    } else if (ops_view_is(attribute, "orgcode") && (!take_org(table, &text, &span->org) || text.length)) {
        span->end = span->first;
    }
    if (span->end > table->numbers.item_count)
        span->end = table->numbers.item_count;
}

static void numbered_split(const struct stub_table *base, uint32_t segment, uint32_t segment_count, struct stub_span *span)
{
    size_t count = numbered_length(base);
    span->first = count * segment / segment_count;
    span->end = count * (segment + 1) / segment_count;
}

/* ---- Attributes ---- */

static bool numbered_attribute(const struct stub_table *base, size_t position, struct ops_view name,
                               char room[static STUB_ATTRIBUTE_SIZE], struct stub_value *ret_value)
{
    const struct numbered_table *table = numbered_of(base);
    char *end = NULL;
    ret_value->type = 'S';
    if (ops_view_is(name, base->key_names[0]))
        end = write_partition_key(table, position, room);
    else if (base->key_count == 2 && ops_view_is(name, base->key_names[1])) {
        ret_value->type = base->key_types[1];
        end = write_sort_key(table, position, room);
    } else if (ops_view_is(name, "orgcode"))
        end = write_org(room, org_of(table, position));
    if (end)
        ret_value->text = ops_view(room, (size_t)(end - room));
    else if (ops_view_is(name, "body"))
        ret_value->text = ops_view(table->body, table->numbers.body_bytes);
    else
        return false;
    return true;
}

static bool numbered_append_attribute(const struct stub_table *base, size_t position, size_t index,
                                      struct ops_view *ret_name, struct ops_buf *buf)
{
    const char *names[4] = {base->key_names[0], base->key_count == 2 ? base->key_names[1] : "orgcode",
                            base->key_count == 2 ? "orgcode" : "body", base->key_count == 2 ? "body" : NULL};
    if (index >= 4 || !names[index])
        return false;
    char room[STUB_ATTRIBUTE_SIZE];
    struct stub_value value;
    *ret_name = ops_view_of(names[index]);
    (void)numbered_attribute(base, position, *ret_name, room, &value); /* every item has all four */
    ops_buf_append_char(buf, '"');
    ops_buf_append_view(buf, *ret_name);
    ops_buf_append(buf, "\":{\"", 4);
    ops_buf_append_char(buf, value.type);
    ops_buf_append(buf, "\":\"", 3);
    ops_buf_append_view(buf, value.text);
    ops_buf_append(buf, "\"}", 2);
    return true;
}

static size_t numbered_size_bytes(const struct stub_table *base, size_t position)
{
    (void)position;
    return numbered_of(base)->row_size_bytes;
}

static void numbered_remove(struct stub_table *base, size_t position)
{
    (void)stub_bits_set(&((struct numbered_table *)base)->gone, position); /* it was there: find has said so */
}

static void numbered_release(struct stub_table *base)
{
    struct numbered_table *table = (struct numbered_table *)base;
    stub_bits_release(&table->gone);
    ops_mem_free(table->body);
}

static const struct stub_table_ops numbered_ops = {
    .length = numbered_length,
    .find = numbered_find,
    .step = numbered_step,
    .narrow = numbered_narrow,
    .split = numbered_split,
    .attribute = numbered_attribute,
    .append_attribute = numbered_append_attribute,
    .size_bytes = numbered_size_bytes,
    .remove = numbered_remove,
    .release = numbered_release,
};

struct stub_table *stub_numbered_table_new(const struct stub_table_shape *shape, const struct stub_numbers *numbers)
{
    struct numbered_table *table = stub_zeroed(1, sizeof *table);
    table->base.ops = &numbered_ops;
    stub_table_init(&table->base, shape);
    table->base.item_count = numbers->item_count;
    table->numbers = *numbers;
    stub_bits_init(&table->gone, numbers->item_count);
    table->body = stub_zeroed(1, numbers->body_bytes + 1);
    memset(table->body, 'x', numbers->body_bytes);
    /* DynamoDB Developer Guide, "Item sizes and formats": the names and the values, in bytes. */
    table->row_size_bytes = 60 + numbers->body_bytes + strlen("orgcode") + strlen("body");
    for (size_t i = 0; i < shape->key_count; i++)
        table->row_size_bytes += shape->key_names[i].length;
    return &table->base;
}
