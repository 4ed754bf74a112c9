/*
 * A tenant's name is text. An attribute that is a number is compared by its canonical text, so that 1001 and 1001.0 are the
 * tenant "1001" and never "01001". DynamoDB compares numbers by their value, which is the same for a name that is such a
 * text itself; a number of more than 38 digits it does not have (Amazon DynamoDB Developer Guide, "Supported data types and
 * naming rules"), and refuses a request with one.
 *
 * BOOL and NULL name nobody. A binary, a set, a list or a map might name somebody, but nobody knows whom: the condition lets
 * them through, so that they can be told.
 */
#include "adapters/aws/table_tenant.h"

#include "base/number_text.h"

#include <stdio.h>

enum { NUMBER_DIGITS_MAX = 38 };

static const struct {
    const char *type;
    const char *title;
    const char *condition;
    const char *name;
} incomparable[] = {
    {"B", "a binary", "attribute_type(#a,:B)", ":B"},
    {"BS", "a set of binaries", "attribute_type(#a,:BS)", ":BS"},
    {"L", "a list", "attribute_type(#a,:L)", ":L"},
    {"M", "a map", "attribute_type(#a,:M)", ":M"},
    {"NS", "a set of numbers", "attribute_type(#a,:NS)", ":NS"},
    {"SS", "a set of strings", "attribute_type(#a,:SS)", ":SS"},
};
enum { INCOMPARABLE_COUNT = sizeof incomparable / sizeof incomparable[0], TERMS_MAX = INCOMPARABLE_COUNT + 2 };

/* Digits from the first that is not zero to the last that is not. */
static size_t significant_digits(const char *number)
{
    size_t digits = 0, zeros = 0;
    for (; *number; number++) {
        if (*number < '0' || *number > '9' || (digits == 0 && *number == '0'))
            continue;
        zeros = *number == '0' ? zeros + 1 : 0;
        digits++;
    }
    return digits - zeros;
}

static bool is_number(const char *value)
{
    char number[OPS_NUMBER_TEXT_SIZE];
    return ops_number_text(ops_view_of(value), number) == OPS_OK && strcmp(number, value) == 0 &&
           significant_digits(value) <= NUMBER_DIGITS_MAX;
}

void ops_aws_tenant_init(struct ops_aws_tenant *tenant, const char *attribute, const char *value,
                         const struct ops_aws_table_schema *schema)
{
    const struct ops_aws_columns *columns = &schema->columns;
    *tenant = (struct ops_aws_tenant){.attribute = attribute, .value = value, .index_type = schema->index_type};
    if (!attribute)
        return;
    tenant->may_be_number = is_number(value);
    while (tenant->place < columns->key_count && strcmp(columns->list[tenant->place].name, attribute) != 0)
        tenant->place++;
    tenant->type = tenant->place < columns->key_count ? columns->list[tenant->place].type : '\0';
}

static struct ops_view type_of(const struct ops_aws_tenant *tenant, const struct ops_view *row)
{
    return tenant->type ? ops_view(&tenant->type, 1) : row[tenant->place + 1];
}

/* INCOMPARABLE_COUNT: it can be compared, or is none. */
static size_t find_incomparable(struct ops_view type)
{
    size_t i = 0;
    while (i < INCOMPARABLE_COUNT && !ops_view_is(type, incomparable[i].type))
        i++;
    return i;
}

enum ops_status ops_aws_tenant_owns(const struct ops_aws_tenant *tenant, const struct ops_view *row,
                                    enum ops_aws_owner *ret_owner)
{
    struct ops_view type = type_of(tenant, row);
    enum ops_status status = OPS_OK;
    bool equal = false;
    if (ops_view_is(type, "S"))
        status = ops_aws_value_equals(row[tenant->place], tenant->value, &equal);
    else if (ops_view_is(type, "N"))
        status = ops_aws_number_equals(row[tenant->place], tenant->value, &equal);
    *ret_owner = equal ? OPS_AWS_TENANTS : OPS_AWS_NOT_TENANTS;
    if (find_incomparable(type) < INCOMPARABLE_COUNT)
        *ret_owner = OPS_AWS_INCOMPARABLE;
    return status;
}

void ops_aws_tenant_reason(const struct ops_aws_tenant *tenant, const struct ops_view *row,
                           char ret_reason[static OPS_AWS_TENANT_REASON_SIZE])
{
    size_t found = find_incomparable(type_of(tenant, row));
    (void)snprintf(ret_reason, OPS_AWS_TENANT_REASON_SIZE, "the attribute %.*s is %s", OPS_AWS_TENANT_REASON_SIZE / 2,
                   tenant->attribute, found < INCOMPARABLE_COUNT ? incomparable[found].title : "of another type");
}

/* ---- Conditions ---- */

/* One of the alternatives of a condition, and the value that it names. */
struct term {
    const char *condition;
    const char *name;
    const char *type;
    const char *value;
};

/* An attribute of the table's key has a type of its own; any other may have any. */
static size_t collect_terms(const struct ops_aws_tenant *tenant, struct term ret_terms[static TERMS_MAX])
{
    size_t count = 0;
    if (!tenant->type || tenant->type == 'S')
        ret_terms[count++] = (struct term){"#a=:v", ":v", "S", tenant->value};
    if (tenant->may_be_number && (!tenant->type || tenant->type == 'N'))
        ret_terms[count++] = (struct term){"#a=:n", ":n", "N", tenant->value};
    for (size_t i = 0; i < INCOMPARABLE_COUNT; i++)
        if (!tenant->type || ops_view_is(ops_view(&tenant->type, 1), incomparable[i].type))
            ret_terms[count++] = (struct term){incomparable[i].condition, incomparable[i].name, "S", incomparable[i].type};
    return count;
}

bool ops_aws_tenant_has_none(const struct ops_aws_tenant *tenant)
{
    struct term terms[TERMS_MAX];
    if (tenant->index_type)
        return tenant->index_type == 'N' && !tenant->may_be_number;
    return collect_terms(tenant, terms) == 0;
}

static enum ops_status append_terms(const char *member, const struct term *terms, size_t count, struct ops_buf *buf)
{
    enum ops_status status = OPS_OK;
    ops_buf_append_format(buf, ",\"%s\":\"", member);
    for (size_t i = 0; i < count; i++)
        ops_buf_append_format(buf, "%s%s", i ? " OR " : "", terms[i].condition);
    ops_buf_append_text(buf, "\",\"ExpressionAttributeValues\":{");
    for (size_t i = 0; i < count && status == OPS_OK; i++) {
        ops_buf_append_format(buf, "%s\"%s\":{\"%s\":", i ? "," : "", terms[i].name, terms[i].type);
        status = ops_aws_append_quoted(buf, terms[i].value);
        ops_buf_append_char(buf, '}');
    }
    ops_buf_append_char(buf, '}');
    return status;
}

enum ops_status ops_aws_tenant_filter(const struct ops_aws_tenant *tenant, struct ops_buf *buf)
{
    struct term terms[TERMS_MAX];
    size_t count = collect_terms(tenant, terms);
    return append_terms("FilterExpression", terms, count, buf);
}

enum ops_status ops_aws_tenant_key_condition(const struct ops_aws_tenant *tenant, struct ops_buf *buf)
{
    const struct term term = {"#a=:v", ":v", tenant->index_type == 'N' ? "N" : "S", tenant->value};
    return append_terms("KeyConditionExpression", &term, 1, buf);
}
