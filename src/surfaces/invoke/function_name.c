#include "surfaces/invoke/function_name.h"

#include "surfaces/wire/percent.h"

enum {
    PARTS_MAX = 8,          /* of the longest form */
    ARN_PARTS_BEFORE = 4,   /* arn, partition, lambda, region */
    NAMED_PARTS_BEFORE = 2, /* account, "function" */
    ACCOUNT_DIGITS = 12,
};

static bool made_of(struct ops_view text, const char *others, size_t max)
{
    if (text.length == 0 || text.length > max)
        return false;
    for (size_t i = 0; i < text.length; i++) {
        char c = text.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && (c == '\0' || !strchr(others, c)))
            return false;
    }
    return true;
}

static bool is_account(struct ops_view text)
{
    if (text.length != ACCOUNT_DIGITS)
        return false;
    for (size_t i = 0; i < text.length; i++)
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    return true;
}

/* Splits at colons; 0 when there are more parts than any form has. */
static size_t split(struct ops_view text, struct ops_view parts[static PARTS_MAX])
{
    size_t count = 0;
    for (size_t begin = 0, end; begin <= text.length; begin = end + 1) {
        for (end = begin; end < text.length && text.data[end] != ':'; end++)
            ;
        if (count == PARTS_MAX)
            return 0;
        parts[count++] = ops_view(text.data + begin, end - begin);
    }
    return count;
}

/* How many parts come before the name, or -1 when they are not what they should be. */
static int parts_before_name(const struct ops_view *parts, size_t count)
{
    int before = 0;
    if (count > ARN_PARTS_BEFORE && ops_view_is(parts[0], "arn")) {
        if (!made_of(parts[1], "-", OPS_FUNCTION_ARN_MAX) || !ops_view_is(parts[2], "lambda") ||
            !made_of(parts[3], "-", OPS_FUNCTION_ARN_MAX))
            return -1;
        before = ARN_PARTS_BEFORE;
    }
    if (before || count > NAMED_PARTS_BEFORE) {
        if (count < (size_t)before + NAMED_PARTS_BEFORE + 1 || !is_account(parts[before]) ||
            !ops_view_is(parts[before + 1], "function"))
            return -1;
        before += NAMED_PARTS_BEFORE;
    }
    return before;
}

static void copy(struct ops_view text, char *ret_text)
{
    if (text.length)
        memcpy(ret_text, text.data, text.length);
    ret_text[text.length] = '\0';
}

static bool is_qualifier(struct ops_view text)
{
    return text.length == 0 || made_of(text, "$_-", OPS_FUNCTION_QUALIFIER_MAX);
}

static enum ops_status read_parts(struct ops_view text, struct ops_view query_qualifier, struct ops_function_name *ret_name)
{
    struct ops_view parts[PARTS_MAX];
    size_t count = split(text, parts);
    int before = count ? parts_before_name(parts, count) : -1;
    if (before < 0)
        return OPS_INVALID_FIELD;
    size_t after = count - (size_t)before;
    struct ops_view name = parts[before];
    struct ops_view qualifier = after == 2 ? parts[before + 1] : query_qualifier;
    if (after > 2 || (after == 2 && qualifier.length == 0) || !made_of(name, "_-", OPS_FUNCTION_NAME_MAX) ||
        !is_qualifier(qualifier))
        return OPS_INVALID_FIELD;
    if (query_qualifier.length && !ops_view_equal(query_qualifier, qualifier))
        return OPS_INVALID_FIELD;
    copy(name, ret_name->name);
    copy(qualifier, ret_name->qualifier);
    return OPS_OK;
}

enum ops_status ops_function_name_parse(struct ops_view encoded, struct ops_view query_qualifier,
                                        struct ops_function_name *ret_name)
{
    struct ops_buf text;
    ops_buf_init(&text, OPS_FUNCTION_ARN_MAX);
    enum ops_status status = ops_percent_decode(encoded, &text);
    if (status == OPS_OK)
        status = read_parts(ops_buf_view(&text), query_qualifier, ret_name);
    ops_buf_release(&text);
    return status == OPS_LIMIT ? OPS_INVALID_FIELD : status;
}
