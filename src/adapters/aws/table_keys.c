/*
 * jsmn finds the tokens; it is a tokenizer and lets some through that is no JSON, such as a member without a value or with
 * two. So nothing here goes by the order of tokens alone: a member's name must have exactly one child, which must name it as
 * its parent, and whatever follows must belong to the same object.
 */
#include "adapters/aws/table_keys.h"

#include "base/mem.h"

#define JSMN_STATIC
#define JSMN_STRICT
#define JSMN_PARENT_LINKS
#include <jsmn.h>

enum {
    TOKENS_FIRST = 4096,
    TOKENS_MAX = 1024 * 1024, /* 20 MiB; keys have about nine each */
};

#define KEY_END "\"}}"

/* A text and its tokens. */
struct tree {
    const char *text;
    const jsmntok_t *tokens;
    int count;
};

void ops_aws_reader_release(struct ops_aws_reader *reader)
{
    ops_mem_free(reader->tokens);
    *reader = (struct ops_aws_reader){.tokens = NULL};
}

/* ---- Tokens ---- */

static enum ops_status grow_tokens(struct ops_aws_reader *reader)
{
    unsigned capacity = reader->capacity ? 2 * reader->capacity : TOKENS_FIRST;
    if (capacity > TOKENS_MAX)
        return OPS_LIMIT;
    jsmntok_t *tokens = ops_mem_resize(reader->tokens, capacity * sizeof *tokens);
    if (!tokens)
        return OPS_NO_MEMORY;
    reader->tokens = tokens;
    reader->capacity = capacity;
    return OPS_OK;
}

/* The token after a value and all that is in it. */
static int after(const struct tree *tree, int token)
{
    int next = token + 1;
    while (next < tree->count && tree->tokens[next].start < tree->tokens[token].end)
        next++;
    return next;
}

/* One value and nothing else. jsmn stops at a NUL as if the text ended there, and goes on where it was after it got more
 * tokens. */
static enum ops_status parse(struct ops_aws_reader *reader, struct ops_view text, struct tree *ret_tree)
{
    jsmn_parser parser;
    jsmn_init(&parser);
    enum ops_status status = reader->capacity ? OPS_OK : grow_tokens(reader);
    int result = JSMN_ERROR_NOMEM;
    while (status == OPS_OK && result == JSMN_ERROR_NOMEM) {
        result = jsmn_parse(&parser, text.data, text.length, reader->tokens, reader->capacity);
        if (result == JSMN_ERROR_NOMEM)
            status = grow_tokens(reader);
    }
    if (status != OPS_OK)
        return status;
    *ret_tree = (struct tree){text.data, reader->tokens, (int)parser.toknext};
    bool whole = result > 0 && parser.pos == text.length && after(ret_tree, 0) == ret_tree->count;
    return whole ? OPS_OK : OPS_CORRUPT;
}

static struct ops_view token_text(const struct tree *tree, int token)
{
    const jsmntok_t *found = &tree->tokens[token];
    return ops_view(tree->text + found->start, (size_t)(found->end - found->start));
}

static bool is_type(const struct tree *tree, int token, jsmntype_t type)
{
    return tree->tokens[token].type == type;
}

/* The value of the member of object whose name is at token, or -1 when it is no member. */
static int member_value(const struct tree *tree, int object, int token)
{
    if (token + 1 >= tree->count)
        return -1;
    const jsmntok_t *name = &tree->tokens[token];
    bool whole = name->type == JSMN_STRING && name->size == 1 && name->parent == object;
    return whole && tree->tokens[token + 1].parent == token ? token + 1 : -1;
}

/* ---- Values ---- */

/* {"S": "..."} of that type. OPS_NOT_FOUND: a value of another type. */
static enum ops_status read_value(const struct tree *tree, int token, char type, struct ops_view *ret_value)
{
    if (!is_type(tree, token, JSMN_OBJECT) || tree->tokens[token].size != 1)
        return OPS_CORRUPT;
    int value = member_value(tree, token, token + 1);
    if (value < 0)
        return OPS_CORRUPT;
    if (!ops_view_equal(token_text(tree, token + 1), ops_view(&type, 1)))
        return OPS_NOT_FOUND;
    if (!is_type(tree, value, JSMN_STRING) || tree->tokens[value].size != 0)
        return OPS_CORRUPT;
    *ret_value = token_text(tree, value);
    return ops_aws_value_check(*ret_value);
}

/* ---- Items ---- */

/* The place of a member in the row: the column of that name. Answers mostly keep one order, so the column of its own number
 * is looked at first. */
static enum ops_status find_place(const struct ops_aws_shape *shape, struct ops_view name, size_t number, size_t *ret_place)
{
    bool found = false;
    enum ops_status status = OPS_OK;
    for (size_t i = 0; i < shape->count && status == OPS_OK && !found; i++) {
        *ret_place = (number + i) % shape->count;
        status = ops_aws_value_equals(name, shape->columns->list[*ret_place].name, &found);
    }
    if (!found && shape->extra && status == OPS_OK) {
        *ret_place = shape->count;
        status = ops_aws_value_equals(name, shape->extra, &found);
    }
    return status == OPS_OK && !found ? OPS_CORRUPT : status;
}

/* An attribute of any type: what it is called, and the text of one that has a text. */
static enum ops_status read_extra(const struct tree *tree, int token, struct ops_view *ret_value, struct ops_view *ret_type)
{
    if (!is_type(tree, token, JSMN_OBJECT) || tree->tokens[token].size != 1 || member_value(tree, token, token + 1) < 0)
        return OPS_CORRUPT;
    struct ops_view type = token_text(tree, token + 1);
    *ret_type = type;
    return type.length == 1 && strchr("SN", type.data[0]) ? read_value(tree, token, type.data[0], ret_value) : OPS_OK;
}

static enum ops_status read_member(const struct tree *tree, int value, size_t place, const struct ops_aws_shape *shape,
                                   struct ops_view *row)
{
    if (place == shape->count)
        return row[place + 1].data ? OPS_CORRUPT : read_extra(tree, value, &row[place], &row[place + 1]);
    if (row[place].data)
        return OPS_CORRUPT;
    enum ops_status status = read_value(tree, value, shape->columns->list[place].type, &row[place]);
    return status == OPS_NOT_FOUND ? OPS_CORRUPT : status;
}

static enum ops_status read_row(const struct tree *tree, int object, const struct ops_aws_shape *shape, struct ops_view *row)
{
    if (!is_type(tree, object, JSMN_OBJECT))
        return OPS_CORRUPT;
    int name = object + 1;
    for (int number = 0; number < tree->tokens[object].size; number++) {
        size_t place = 0;
        int value = member_value(tree, object, name);
        if (value < 0)
            return OPS_CORRUPT;
        enum ops_status status = find_place(shape, token_text(tree, name), (size_t)number, &place);
        if (status == OPS_OK)
            status = read_member(tree, value, place, shape, row);
        if (status != OPS_OK)
            return status;
        name = after(tree, value);
    }
    for (size_t i = 0; i < shape->count; i++)
        if (!row[i].data)
            return OPS_CORRUPT;
    return OPS_OK;
}

static enum ops_status read_items(const struct tree *tree, int array, const struct ops_aws_shape *shape,
                                  struct ops_aws_rows *items)
{
    if (!is_type(tree, array, JSMN_ARRAY))
        return OPS_CORRUPT;
    int token = array + 1;
    for (int i = 0; i < tree->tokens[array].size; i++) {
        if (token >= tree->count || tree->tokens[token].parent != array)
            return OPS_CORRUPT;
        struct ops_view *row = ops_aws_rows_next(items);
        enum ops_status status = row ? read_row(tree, token, shape, row) : OPS_NO_MEMORY;
        if (status != OPS_OK)
            return status;
        items->count++;
        token = after(tree, token);
    }
    return OPS_OK;
}

/* Notes a member's value when it has one of two names; a second one of that name is too many. */
static enum ops_status note_member(struct ops_view name, const char *const names[static 2], int value, int values[static 2])
{
    for (int i = 0; i < 2; i++) {
        bool equal = false;
        enum ops_status status = ops_aws_value_equals(name, names[i], &equal);
        if (status != OPS_OK || (equal && values[i] >= 0))
            return status == OPS_OK ? OPS_CORRUPT : status;
        values[i] = equal ? value : values[i];
    }
    return OPS_OK;
}

/* The values of two members of an object, -1 where there is none. */
static enum ops_status find_members(const struct tree *tree, int object, const char *const names[static 2],
                                    int ret_values[static 2])
{
    ret_values[0] = ret_values[1] = -1;
    if (!is_type(tree, object, JSMN_OBJECT))
        return OPS_CORRUPT;
    int name = object + 1;
    for (int i = 0; i < tree->tokens[object].size; i++) {
        int value = member_value(tree, object, name);
        enum ops_status status = value < 0 ? OPS_CORRUPT : note_member(token_text(tree, name), names, value, ret_values);
        if (status != OPS_OK)
            return status;
        name = after(tree, value);
    }
    return OPS_OK;
}

enum ops_status ops_aws_read_page(struct ops_aws_reader *reader, struct ops_view answer, const struct ops_aws_shape *shape,
                                  struct ops_aws_rows *ret_items)
{
    static const char *const names[2] = {"Items", "LastEvaluatedKey"};
    struct tree tree;
    int values[2] = {-1, -1};
    ops_aws_rows_begin(ret_items, shape);
    enum ops_status status = parse(reader, answer, &tree);
    if (status == OPS_OK)
        status = find_members(&tree, 0, names, values);
    if (status == OPS_OK)
        status = values[0] < 0 ? OPS_CORRUPT : read_items(&tree, values[0], shape, ret_items);
    if (status != OPS_OK || values[1] < 0)
        return status;
    struct ops_view *row = ops_aws_rows_next(ret_items);
    status = row ? read_row(&tree, values[1], shape, row) : OPS_NO_MEMORY;
    ret_items->more = status == OPS_OK;
    return status;
}

enum ops_status ops_aws_read_found(struct ops_aws_reader *reader, struct ops_view answer, const char *table,
                                   const struct ops_aws_shape *shape, struct ops_aws_rows *ret_items,
                                   struct ops_view *ret_unprocessed)
{
    static const char *const names[2] = {"Responses", "UnprocessedKeys"};
    const char *const tables[2] = {table, ""};
    struct tree tree;
    int values[2] = {-1, -1}, found[2] = {-1, -1};
    struct ops_view unprocessed = {NULL, 0};
    ops_aws_rows_begin(ret_items, shape);
    enum ops_status status = parse(reader, answer, &tree);
    if (status == OPS_OK)
        status = find_members(&tree, 0, names, values);
    if (status == OPS_OK && values[0] < 0)
        status = OPS_CORRUPT;
    if (status == OPS_OK && values[1] >= 0 && tree.tokens[values[1]].size > 0)
        unprocessed = token_text(&tree, values[1]);
    if (status == OPS_OK)
        status = find_members(&tree, values[0], tables, found);
    if (status == OPS_OK && found[0] >= 0)
        status = read_items(&tree, found[0], shape, ret_items);
    if (status == OPS_OK)
        *ret_unprocessed = unprocessed;
    return status;
}

static enum ops_status read_place(const struct tree *tree, int token, const struct ops_aws_shape *shape,
                                  struct ops_view *row, bool *ret_finished)
{
    *ret_finished = is_type(tree, token, JSMN_PRIMITIVE) && ops_view_is(token_text(tree, token), "false");
    if (*ret_finished || (is_type(tree, token, JSMN_PRIMITIVE) && ops_view_is(token_text(tree, token), "null")))
        return OPS_OK;
    return read_row(tree, token, shape, row);
}

enum ops_status ops_aws_read_cursor(struct ops_aws_reader *reader, struct ops_view cursor, const struct ops_aws_shape *shape,
                                    size_t count, struct ops_aws_rows *ret_items, bool *ret_finished)
{
    struct tree tree;
    ops_aws_rows_begin(ret_items, shape);
    enum ops_status status = parse(reader, cursor, &tree);
    if (status == OPS_OK && (!is_type(&tree, 0, JSMN_ARRAY) || (size_t)tree.tokens[0].size != count))
        status = OPS_CORRUPT;
    int token = 1;
    while (status == OPS_OK && ret_items->count < count) {
        if (token >= tree.count || tree.tokens[token].parent != 0)
            return OPS_CORRUPT;
        struct ops_view *row = ops_aws_rows_next(ret_items);
        if (!row)
            return OPS_NO_MEMORY;
        status = read_place(&tree, token, shape, row, &ret_finished[ret_items->count]);
        ret_items->count++;
        token = after(&tree, token);
    }
    return status;
}

/* ---- Keys as text ---- */

size_t ops_aws_key_length(const struct ops_aws_columns *columns, size_t count, const struct ops_view *values)
{
    size_t length = sizeof KEY_END - 1;
    for (size_t i = 0; i < count; i++)
        length += columns->list[i].opening.length + values[i].length;
    return length;
}

void ops_aws_key_append(const struct ops_aws_columns *columns, size_t count, const struct ops_view *values,
                        struct ops_buf *buf)
{
    for (size_t i = 0; i < count; i++) {
        ops_buf_append_view(buf, ops_buf_view(&columns->list[i].opening));
        ops_buf_append_view(buf, values[i]);
    }
    ops_buf_append(buf, KEY_END, sizeof KEY_END - 1);
}
