/* Keys in DynamoDB's answers and in our cursors and receipts. The first byte chooses the shape of the table, the second what
 * is read. What is taken for a key must be one by jansson's judgement too, with the same values, and come out the same when
 * it is written and read again. */
#include "fuzz/fuzz.h"

#include "adapters/aws/table_keys.h"
#include "adapters/aws/table_receipt.h"

enum { LANES = 3 };

struct shape_row {
    const char *names[4];
    const char *types;
    size_t key_count;
};

static const struct shape_row shape_rows[] = {
    {{"pk"}, "S", 1},
    {{"pk", "sk"}, "SN", 2},
    {{"id", "b"}, "BB", 2},
    {{"p\"k", "é", "org"}, "SSS", 2},
};
enum { SHAPES = sizeof shape_rows / sizeof shape_rows[0] };

static json_t *parse(struct ops_view text)
{
    return json_loadb(text.data, text.length, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL);
}

static void write_key(const struct ops_aws_columns *columns, size_t count, const struct ops_view *values,
                      struct ops_buf *buf)
{
    ops_buf_init(buf, 16 * 1024 * 1024);
    ops_aws_key_append(columns, count, values, buf);
    FUZZ_MUST(ops_buf_status(buf) == OPS_OK && buf->length == ops_aws_key_length(columns, count, values));
}

/* The value of a column in a key that jansson has read. */
static const json_t *value_in(const json_t *key, const struct ops_aws_column *column)
{
    const char type[] = {column->type, '\0'};
    const json_t *value = json_object_get(key, column->name);
    FUZZ_MUST(json_object_size(value) == 1 && json_is_string(json_object_get(value, type)));
    return json_object_get(value, type);
}

static void check_meaning(const struct ops_aws_column *column, struct ops_view value, const json_t *expected)
{
    struct ops_buf meaning;
    ops_buf_init(&meaning, 16 * 1024 * 1024);
    enum ops_status status = ops_aws_value_decode(column->type, value, &meaning);
    FUZZ_MUST(status == OPS_OK || (status == OPS_CORRUPT && column->type == 'B'));
    FUZZ_MUST(meaning.length <= value.length);
    struct ops_view text = ops_view(json_string_value(expected), json_string_length(expected));
    if (column->type != 'B')
        FUZZ_MUST(ops_view_equal(ops_buf_view(&meaning), text));
    if (ops_aws_value_is_plain(column->type, value))
        FUZZ_MUST(ops_view_equal(value, text));
    ops_buf_release(&meaning);
}

/* A row is the key that it seems to be; the key as jansson reads it. */
static json_t *check_row(const struct ops_aws_shape *shape, const struct ops_view *values)
{
    struct ops_buf text;
    write_key(shape->columns, shape->count, values, &text);
    json_t *key = parse(ops_buf_view(&text));
    FUZZ_MUST(json_object_size(key) == shape->count);
    for (size_t i = 0; i < shape->count; i++)
        check_meaning(&shape->columns->list[i], values[i], value_in(key, &shape->columns->list[i]));
    ops_buf_release(&text);
    return key;
}

/* Gives the length that was promised. */
static size_t write_receipt(const struct ops_aws_columns *columns, const struct ops_aws_rows *rows, struct ops_buf *buf)
{
    size_t length = ops_aws_receipt_begin_length(columns);
    ops_aws_receipt_begin(columns, buf);
    for (size_t i = 0; i < rows->count; i++) {
        ops_aws_receipt_add(columns, ops_aws_row(rows, i), buf);
        length += ops_aws_receipt_add_length(columns, ops_aws_row(rows, i));
    }
    return length;
}

static void check_same_meaning(struct ops_view a, struct ops_view b)
{
    struct ops_buf meanings[2];
    ops_buf_init(&meanings[0], 16 * 1024 * 1024);
    ops_buf_init(&meanings[1], 16 * 1024 * 1024);
    FUZZ_MUST(ops_aws_value_decode('S', a, &meanings[0]) == OPS_OK && ops_aws_value_decode('S', b, &meanings[1]) == OPS_OK);
    FUZZ_MUST(ops_view_equal(ops_buf_view(&meanings[0]), ops_buf_view(&meanings[1])));
    ops_buf_release(&meanings[0]);
    ops_buf_release(&meanings[1]);
}

/* Rows written as a receipt are read again with the same meaning; what is read is the same when it is written once more. */
static void check_again(const struct ops_aws_columns *columns, const struct ops_aws_rows *rows)
{
    struct ops_buf text, once_more;
    struct ops_aws_rows again = {.values = NULL};
    ops_buf_init(&text, 64 * 1024 * 1024);
    ops_buf_init(&once_more, 64 * 1024 * 1024);
    size_t length = write_receipt(columns, rows, &text);
    FUZZ_MUST(ops_buf_status(&text) == OPS_OK && text.length == length);
    FUZZ_MUST(ops_aws_receipt_read(columns, ops_buf_view(&text), &again) == OPS_OK && again.count == rows->count);
    for (size_t i = 0; i < rows->count; i++)
        for (size_t k = 0; k < columns->key_count; k++)
            check_same_meaning(ops_aws_row(rows, i)[k], ops_aws_row(&again, i)[k]);
    (void)write_receipt(columns, &again, &once_more);
    FUZZ_MUST(ops_view_equal(ops_buf_view(&text), ops_buf_view(&once_more)));
    ops_aws_rows_release(&again);
    ops_buf_release(&text);
    ops_buf_release(&once_more);
}

/* If jansson takes the whole text as well, it must see the same keys in it. expected may be NULL: it does not. */
static void check_rows(const struct ops_aws_shape *shape, const struct ops_aws_rows *rows, const json_t *expected)
{
    for (size_t i = 0; i < rows->count; i++) {
        json_t *key = check_row(shape, ops_aws_row(rows, i));
        if (expected && !shape->extra)
            FUZZ_MUST(json_equal(key, json_array_get(expected, i)));
        json_decref(key);
    }
    FUZZ_MUST(!expected || json_array_size(expected) == rows->count);
    check_again(shape->columns, rows);
}

static void read_page(struct ops_aws_reader *reader, struct ops_view text, const struct ops_aws_shape *shape,
                      struct ops_aws_rows *rows)
{
    if (ops_aws_read_page(reader, text, shape, rows) != OPS_OK)
        return;
    json_t *whole = parse(text);
    check_rows(shape, rows, json_object_get(whole, "Items"));
    FUZZ_MUST(!whole || rows->more == (json_object_get(whole, "LastEvaluatedKey") != NULL));
    if (rows->more)
        json_decref(check_row(shape, ops_aws_row(rows, rows->count)));
    json_decref(whole);
}

static void read_found(struct ops_aws_reader *reader, struct ops_view text, const struct ops_aws_shape *shape,
                       struct ops_aws_rows *rows)
{
    struct ops_view unprocessed;
    struct ops_aws_shape with_extra = *shape;
    with_extra.extra = "extra";
    if (ops_aws_read_found(reader, text, "things", &with_extra, rows, &unprocessed) != OPS_OK)
        return;
    json_t *whole = parse(text);
    check_rows(&with_extra, rows, json_object_get(json_object_get(whole, "Responses"), "things"));
    for (size_t i = 0; i < rows->count && whole; i++) {
        const json_t *item = json_array_get(json_object_get(json_object_get(whole, "Responses"), "things"), i);
        const json_t *extra = json_object_get(json_object_get(item, "extra"), "S");
        struct ops_view value = ops_aws_row(rows, i)[shape->count];
        bool equal = false;
        FUZZ_MUST(json_is_string(extra) == (value.data != NULL));
        if (extra)
            FUZZ_MUST(ops_aws_value_equals(value, json_string_value(extra), &equal) == OPS_OK &&
                      equal == (strlen(json_string_value(extra)) == json_string_length(extra)));
    }
    json_decref(whole);
}

static void read_receipt(struct ops_aws_reader *reader, struct ops_view text, const struct ops_aws_shape *shape,
                         struct ops_aws_rows *rows)
{
    (void)reader;
    const struct ops_aws_shape key = {shape->columns, shape->columns->key_count, NULL};
    struct ops_buf receipt;
    ops_buf_init(&receipt, 16 * 1024 * 1024);
    ops_aws_receipt_begin(shape->columns, &receipt); /* so that what follows is looked at */
    ops_buf_append_view(&receipt, text);
    if (ops_aws_receipt_read(shape->columns, ops_buf_view(&receipt), rows) == OPS_OK)
        check_rows(&key, rows, NULL);
    ops_buf_release(&receipt);
}

static void read_cursor(struct ops_aws_reader *reader, struct ops_view text, const struct ops_aws_shape *shape,
                        struct ops_aws_rows *rows)
{
    bool finished[LANES];
    if (ops_aws_read_cursor(reader, text, shape, LANES, rows, finished) != OPS_OK)
        return;
    FUZZ_MUST(rows->count == LANES);
    for (size_t i = 0; i < LANES; i++)
        if (ops_aws_row(rows, i)[0].data)
            json_decref(check_row(shape, ops_aws_row(rows, i)));
}

static void (*const readers[])(struct ops_aws_reader *, struct ops_view, const struct ops_aws_shape *,
                               struct ops_aws_rows *) = {read_page, read_found, read_receipt, read_cursor};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    if (count < 2)
        return 0;
    const struct shape_row *row = &shape_rows[bytes[0] % SHAPES];
    struct ops_aws_columns columns = {.count = 0};
    struct ops_aws_reader reader = {.tokens = NULL};
    struct ops_aws_rows rows = {.values = NULL};
    for (size_t i = 0; row->types[i]; i++)
        FUZZ_MUST(ops_aws_columns_add(&columns, row->names[i], row->types[i]) == OPS_OK);
    columns.key_count = row->key_count;
    const struct ops_aws_shape shape = {&columns, columns.count, NULL};
    readers[bytes[1] % (sizeof readers / sizeof readers[0])](&reader, fuzz_view(bytes + 2, count - 2), &shape, &rows);
    ops_aws_rows_release(&rows);
    ops_aws_reader_release(&reader);
    ops_aws_columns_release(&columns);
    return 0;
}
