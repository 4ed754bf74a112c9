/* DynamoDB's condition, filter, key condition and projection expressions, as far as they are terms joined by AND and OR, of
 * which AND binds more closely. */
#ifndef STUB_EXPRESSION_H
#define STUB_EXPRESSION_H

#include "stub/table.h"

enum { STUB_TERMS_MAX = 16 };

/* What "#name" and ":value" stand for. Names and values that are given and not used are an error, as in DynamoDB. */
struct stub_placeholders {
    json_t *names;  /* borrowed; NULL: none */
    json_t *values; /* borrowed; NULL: none */
    json_t *unused; /* object with the placeholders that no expression has used yet */
};

/* input: an object with ExpressionAttributeNames and ExpressionAttributeValues. */
void stub_placeholders_init(struct stub_placeholders *placeholders, const json_t *input);
void stub_placeholders_release(struct stub_placeholders *placeholders);
bool stub_placeholders_all_used(const struct stub_placeholders *placeholders, struct ops_buf *ret_problem);

enum stub_test {
    STUB_ABSENT,
    STUB_EXISTS,
    STUB_BEGINS_WITH,
    STUB_OF_TYPE,
    STUB_EQUAL,
    STUB_UNEQUAL,
    STUB_LESS,
    STUB_AT_MOST,
    STUB_GREATER,
    STUB_AT_LEAST,
};

struct stub_term {
    enum stub_test test;
    struct ops_view attribute;
    struct stub_value value;
    bool is_alternative; /* to what stands before it */
};

struct stub_expression {
    struct stub_term terms[STUB_TERMS_MAX];
    size_t count;
};

/* text NULL: an expression that everything satisfies. What can't be read: false, and a sentence. The expression borrows from
 * text and placeholders. */
bool stub_expression_read(const char *text, struct stub_placeholders *placeholders, struct stub_expression *ret_expression,
                          struct ops_buf *ret_problem);

/* position SIZE_MAX: there is no item. */
bool stub_expression_holds(const struct stub_expression *expression, const struct stub_table *table, size_t position);

/* The names of a projection, as an object; NULL for text NULL. The caller owns it. */
bool stub_projection_read(const char *text, struct stub_placeholders *placeholders, json_t **ret_names,
                          struct ops_buf *ret_problem);

#endif
