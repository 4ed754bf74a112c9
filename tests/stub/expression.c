#include "stub/expression.h"

/* ---- Placeholders ---- */

static void note_unused(json_t *unused, json_t *given)
{
    const char *name;
    json_t *value;
    json_object_foreach(given, name, value) {
        if (json_object_set_new(unused, name, json_true()) != 0)
            stub_give_up("out of memory");
    }
}

void stub_placeholders_init(struct stub_placeholders *placeholders, const json_t *input)
{
    placeholders->names = json_object_get(input, "ExpressionAttributeNames");
    placeholders->values = json_object_get(input, "ExpressionAttributeValues");
    placeholders->unused = stub_json(json_object());
    note_unused(placeholders->unused, placeholders->names);
    note_unused(placeholders->unused, placeholders->values);
}

void stub_placeholders_release(struct stub_placeholders *placeholders)
{
    json_decref(placeholders->unused);
}

bool stub_placeholders_all_used(const struct stub_placeholders *placeholders, struct ops_buf *ret_problem)
{
    const char *name = json_object_iter_key(json_object_iter(placeholders->unused));
    if (!name)
        return true;
    ops_buf_append_format(ret_problem, "Value provided in ExpressionAttribute%s unused in expressions: keys: {%s}",
                          name[0] == '#' ? "Names" : "Values", name);
    return false;
}

static json_t *placeholder(struct stub_placeholders *placeholders, json_t *from, struct ops_view name)
{
    json_t *found = json_object_getn(from, name.data, name.length);
    if (found)
        (void)json_object_deln(placeholders->unused, name.data, name.length); /* used already: fine */
    return found;
}

/* ---- Words ---- */

struct reader {
    struct ops_view left;
    struct stub_placeholders *placeholders;
    struct ops_buf *problem;
};

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("_#:.-", c);
}

static void skip(struct reader *reader, size_t count)
{
    reader->left = ops_view(reader->left.data + count, reader->left.length - count);
}

/* The next word, operator or sign; empty at the end. */
static struct ops_view next_token(struct reader *reader)
{
    while (reader->left.length && strchr(" \t\n", reader->left.data[0]))
        skip(reader, 1);
    struct ops_view rest = reader->left;
    size_t length = 0;
    while (length < rest.length && is_word(rest.data[length]))
        length++;
    while (!length && length < rest.length && strchr("<>=", rest.data[length]))
        length = rest.length > 1 && rest.data[0] != '=' && strchr(">=", rest.data[1]) ? 2 : 1;
    if (!length && rest.length)
        length = 1;
    skip(reader, length);
    return ops_view(rest.data, length);
}

static bool fail(struct reader *reader, const char *what, struct ops_view token)
{
    ops_buf_append_format(reader->problem, "Invalid expression: %s; token: \"%.*s\"", what, (int)token.length,
                          token.data ? token.data : "");
    return false;
}

static bool expect(struct reader *reader, const char *sign)
{
    struct ops_view token = next_token(reader);
    return ops_view_is(token, sign) || fail(reader, "Syntax error", token);
}

static bool read_name(struct reader *reader, struct ops_view token, struct ops_view *ret_name)
{
    if (!token.length || !is_word(token.data[0]) || token.data[0] == ':')
        return fail(reader, "Syntax error", token);
    *ret_name = token;
    if (token.data[0] != '#')
        return true;
    const json_t *name = placeholder(reader->placeholders, reader->placeholders->names, token);
    *ret_name = stub_json_view(name);
    return json_is_string(name) ||
           fail(reader, "An expression attribute name used in the document path is not defined", token);
}

static bool read_value(struct reader *reader, struct stub_value *ret_value)
{
    struct ops_view token = next_token(reader);
    if (!token.length || token.data[0] != ':')
        return fail(reader, "Syntax error", token);
    const json_t *value = placeholder(reader->placeholders, reader->placeholders->values, token);
    if (!value)
        return fail(reader, "An expression attribute value used in expression is not defined", token);
    *ret_value = stub_value_of(value);
    return true;
}

/* ---- Terms ---- */

static const struct {
    const char *word;
    enum stub_test test;
    bool is_function;
} tests[] = {
    {"attribute_not_exists", STUB_ABSENT, true},
    {"attribute_exists", STUB_EXISTS, true},
    {"attribute_type", STUB_OF_TYPE, true},
    {"begins_with", STUB_BEGINS_WITH, true},
    {"=", STUB_EQUAL, false},
    {"<>", STUB_UNEQUAL, false},
    {"<", STUB_LESS, false},
    {"<=", STUB_AT_MOST, false},
    {">", STUB_GREATER, false},
    {">=", STUB_AT_LEAST, false},
};

static bool find_test(struct ops_view word, bool is_function, enum stub_test *ret_test)
{
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++)
        if (tests[i].is_function == is_function && ops_view_is(word, tests[i].word)) {
            *ret_test = tests[i].test;
            return true;
        }
    return false;
}

static bool read_function(struct reader *reader, struct stub_term *term)
{
    if (!expect(reader, "(") || !read_name(reader, next_token(reader), &term->attribute))
        return false;
    bool has_value = term->test == STUB_BEGINS_WITH || term->test == STUB_OF_TYPE;
    if (has_value && (!expect(reader, ",") || !read_value(reader, &term->value)))
        return false;
    return expect(reader, ")");
}

static bool read_comparison(struct reader *reader, struct ops_view name, struct stub_term *term)
{
    if (!read_name(reader, name, &term->attribute))
        return false;
    struct ops_view sign = next_token(reader);
    return find_test(sign, false, &term->test) ? read_value(reader, &term->value) : fail(reader, "Syntax error", sign);
}

bool stub_expression_read(const char *text, struct stub_placeholders *placeholders, struct stub_expression *ret_expression,
                          struct ops_buf *ret_problem)
{
    struct reader reader = {ops_view_of(text), placeholders, ret_problem};
    struct stub_expression expression = {.count = 0};
    struct ops_view joint = text ? ops_view_of("AND") : ops_view("", 0);
    while (joint.length) {
        bool is_or = ops_view_is(joint, "OR");
        if ((!is_or && !ops_view_is(joint, "AND")) || expression.count == STUB_TERMS_MAX)
            return fail(&reader, "The stub knows only AND and OR", joint);
        struct stub_term *term = &expression.terms[expression.count++];
        term->is_alternative = is_or;
        struct ops_view token = next_token(&reader);
        if (!(find_test(token, true, &term->test) ? read_function(&reader, term) : read_comparison(&reader, token, term)))
            return false;
        joint = next_token(&reader);
    }
    *ret_expression = expression;
    return true;
}

bool stub_projection_read(const char *text, struct stub_placeholders *placeholders, json_t **ret_names,
                          struct ops_buf *ret_problem)
{
    struct reader reader = {ops_view_of(text), placeholders, ret_problem};
    json_t *names = text ? stub_json(json_object()) : NULL;
    struct ops_view comma = text ? ops_view_of(",") : ops_view("", 0), name;
    while (comma.length) {
        if (!ops_view_is(comma, ",") || !read_name(&reader, next_token(&reader), &name)) {
            json_decref(names);
            return comma.length && ret_problem->length ? false : fail(&reader, "Syntax error", comma);
        }
        (void)json_object_setn_new(names, name.data, name.length, json_true()); /* a name less is seen by the test */
        comma = next_token(&reader);
    }
    *ret_names = names;
    return true;
}

/* ---- Truth ---- */

static bool compares(enum stub_test test, const struct stub_value *found, const struct stub_value *wanted)
{
    if (found->type != wanted->type || found->type == '?')
        return test == STUB_UNEQUAL;
    int order = stub_value_compare(found, wanted);
    switch (test) {
    case STUB_BEGINS_WITH:
        return ops_view_starts_with(found->text, wanted->text);
    case STUB_EQUAL:
        return order == 0;
    case STUB_UNEQUAL:
        return order != 0;
    case STUB_LESS:
        return order < 0;
    case STUB_AT_MOST:
        return order <= 0;
    case STUB_GREATER:
        return order > 0;
    case STUB_AT_LEAST:
        return order >= 0;
    case STUB_ABSENT:
    case STUB_EXISTS:
    case STUB_OF_TYPE:
        break;
    }
    return false;
}

/* An attribute that was found; asked for once where several terms are about it. */
struct finding {
    struct ops_view attribute;
    bool exists;
    struct stub_value value;
    char room[STUB_ATTRIBUTE_SIZE];
};

static void find(struct finding *finding, const struct stub_table *table, size_t position, struct ops_view attribute)
{
    if (finding->attribute.data == attribute.data && finding->attribute.length == attribute.length)
        return;
    finding->attribute = attribute;
    finding->exists =
        position != SIZE_MAX && table->ops->attribute(table, position, attribute, finding->room, &finding->value);
}

static bool term_holds(const struct stub_term *term, const struct finding *finding)
{
    if (!finding->exists)
        return term->test == STUB_ABSENT || term->test == STUB_UNEQUAL;
    if (term->test == STUB_ABSENT || term->test == STUB_EXISTS)
        return term->test == STUB_EXISTS;
    if (term->test == STUB_OF_TYPE)
        return stub_value_is_of(&finding->value, term->value.text);
    return compares(term->test, &finding->value, &term->value);
}

bool stub_expression_holds(const struct stub_expression *expression, const struct stub_table *table, size_t position)
{
    struct finding finding = {.attribute = {NULL, 0}};
    bool holds = true;
    for (size_t i = 0; i < expression->count; i++) {
        const struct stub_term *term = &expression->terms[i];
        if (term->is_alternative && holds)
            return true;
        holds = holds || term->is_alternative;
        if (!holds)
            continue;
        find(&finding, table, position, term->attribute);
        holds = term_holds(term, &finding);
    }
    return holds;
}
