#include "app/fields.h"

#include "base/instant.h"
#include "base/json.h"
#include "base/unicode.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    UNKNOWN_NAME_SHOWN_MAX = 40, /* characters; no field's name is half as long */
    UNKNOWN_NAME_MAX_BYTES = UNKNOWN_NAME_SHOWN_MAX * (sizeof "\\U000e0041" - 1) + sizeof "\xe2\x80\xa6",
};

static const struct ops_field session_field = {"session_guid",
                                               OPS_FIELD_TEXT,
                                               1,
                                               OPS_SESSION_GUID_MAX,
                                               false,
                                               NULL,
                                               "the session, when the header x-session-guid is not sent"};

static const struct ops_field *find_in(const struct ops_field *fields, const char *name)
{
    for (; fields->name; fields++)
        if (strcmp(fields->name, name) == 0)
            return fields;
    return NULL;
}

static const struct ops_field *find_field(const struct ops_operation *operation, const char *name)
{
    const struct ops_field *field = find_in(operation->fields, name);
    if (!field && operation->access == OPS_ACCESS_SECRET)
        field = find_in(ops_operator_fields(), name);
    if (!field && operation->access == OPS_ACCESS_SESSION && strcmp(name, session_field.name) == 0)
        field = &session_field;
    return field;
}

static enum ops_status refuse(const struct ops_field *field, struct ops_error *error, const char *what)
{
    (void)ops_fail(error, OPS_INVALID_FIELD, "%s %s.", field->name, what);
    ops_error_detail(error, "field", field->name);
    return OPS_INVALID_FIELD;
}

static enum ops_status refuse_range(const struct ops_field *field, struct ops_error *error, const char *of)
{
    (void)ops_fail(error, OPS_INVALID_FIELD, "%s must have %lld to %lld %s.", field->name, (long long)field->min,
                   (long long)field->max, of);
    ops_error_detail(error, "field", field->name);
    ops_error_detail_integer(error, "min", field->min);
    ops_error_detail_integer(error, "max", field->max);
    return OPS_INVALID_FIELD;
}

static int64_t count_characters(struct ops_view text)
{
    int64_t count = 0;
    for (size_t i = 0; i < text.length; i++)
        count += ((unsigned char)text.data[i] & 0xC0) != 0x80;
    return count;
}

static bool all_of(struct ops_view text, const char *set)
{
    for (size_t i = 0; i < text.length; i++)
        if (!text.data[i] || !strchr(set, text.data[i]))
            return false;
    return true;
}

static bool one_of(const char *choices, const char *text)
{
    size_t length = strlen(text);
    if (length == 0 || strchr(text, '|'))
        return false;
    for (const char *at = choices; at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL)
        if (strncmp(at, text, length) == 0 && (at[length] == '|' || at[length] == '\0'))
            return true;
    return false;
}

static enum ops_status check_choice(const struct ops_field *field, const char *text, struct ops_error *error)
{
    if (one_of(field->choices, text))
        return OPS_OK;
    (void)ops_fail(error, OPS_INVALID_FIELD, "%s must be one of %s.", field->name, field->choices);
    ops_error_detail(error, "field", field->name);
    ops_error_detail(error, "allowed", field->choices);
    return OPS_INVALID_FIELD;
}

static enum ops_status check_text(const struct ops_field *field, struct ops_view text, struct ops_error *error)
{
    int64_t at_ms;
    int64_t characters;
    switch (field->type) {
    case OPS_FIELD_TEXT:
    case OPS_FIELD_NAME:
        if (field->type == OPS_FIELD_NAME && !ops_unicode_all_visible(text))
            return refuse(field, error, OPS_HIDDEN_WORDS);
        if (field->min > 0 && text.length > 0 && !ops_unicode_any_visible(text)) /* as good as nothing */
            return refuse(field, error, OPS_BLANK_WORDS);
        characters = count_characters(text);
        return characters >= field->min && characters <= field->max ? OPS_OK : refuse_range(field, error, "characters");
    case OPS_FIELD_SECRET:
        return (int64_t)text.length <= field->max ? OPS_OK : refuse(field, error, "is too long");
    case OPS_FIELD_INSTANT:
        return ops_instant_parse(text, &at_ms) == OPS_OK
                   ? OPS_OK
                   : refuse(field, error,
                            "must be an RFC 3339 date and time with Z or an offset, like 2026-11-24T03:00:00Z");
    case OPS_FIELD_ULID:
        return ops_ulid_valid(text) ? OPS_OK : refuse(field, error, "must be an id of 26 characters, as g3nops gives them");
    case OPS_FIELD_ORGCODE:
        return ops_orgcode_valid(text) ? OPS_OK
                                       : refuse(field, error, "must be 1 to 64 of letters, digits, '.', '_' and '-'");
    case OPS_FIELD_SHA256:
        return text.length == 64 && all_of(text, "0123456789abcdef")
                   ? OPS_OK
                   : refuse(field, error, "must be 64 lower-case hexadecimal digits");
    case OPS_FIELD_CHOICE:
        return check_choice(field, text.data, error);
    case OPS_FIELD_INTEGER:
    case OPS_FIELD_FLAG:
        break;
    }
    return OPS_INTERNAL_ERROR;
}

static enum ops_status check_integer(const struct ops_field *field, json_int_t number, struct ops_error *error)
{
    if (number >= field->min && number <= field->max)
        return OPS_OK;
    (void)ops_fail(error, OPS_INVALID_FIELD, "%s must be from %lld to %lld.", field->name, (long long)field->min,
                   (long long)field->max);
    ops_error_detail(error, "field", field->name);
    ops_error_detail_integer(error, "min", field->min);
    ops_error_detail_integer(error, "max", field->max);
    return OPS_INVALID_FIELD;
}

/* A query has texts only: digits stand for an integer, the words for a flag. *ret_value is NULL when the text stands for
 * neither. */
static enum ops_status from_text(const struct ops_field *field, const char *text, json_t **ret_value)
{
    *ret_value = NULL;
    if (field->type == OPS_FIELD_FLAG) {
        *ret_value = strcmp(text, "true") == 0 ? json_true() : strcmp(text, "false") == 0 ? json_false() : NULL;
        return OPS_OK;
    }
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    bool digits = *text && all_of(ops_view_of(*text == '-' ? text + 1 : text), "0123456789");
    if (!digits || *end != '\0' || errno != 0)
        return OPS_OK;
    *ret_value = json_integer(number);
    return *ret_value ? OPS_OK : OPS_NO_MEMORY;
}

static enum ops_status check_typed(const struct ops_field *field, const json_t *value, struct ops_error *error)
{
    if (field->type == OPS_FIELD_FLAG)
        return json_is_boolean(value) ? OPS_OK : refuse(field, error, "must be true or false");
    if (!json_is_integer(value))
        return refuse(field, error, "must be a whole number");
    return check_integer(field, json_integer_value(value), error);
}

static enum ops_status read_value(const struct ops_field *field, json_t *value, bool from_query, json_t *input,
                                  struct ops_error *error)
{
    bool texted = field->type != OPS_FIELD_INTEGER && field->type != OPS_FIELD_FLAG;
    if (texted && !json_is_string(value))
        return refuse(field, error, "must be a text");
    if (texted) {
        enum ops_status status = check_text(field, ops_view(json_string_value(value), json_string_length(value)), error);
        return status == OPS_OK ? ops_json_set(input, field->name, json_incref(value)) : status;
    }
    json_t *typed = NULL;
    enum ops_status status = OPS_OK;
    if (from_query && json_is_string(value))
        status = from_text(field, json_string_value(value), &typed);
    else
        typed = json_incref(value);
    if (status == OPS_OK)
        status = check_typed(field, typed, error);
    if (status == OPS_OK)
        return ops_json_set(input, field->name, typed);
    json_decref(typed);
    return status;
}

/* In a mutation null is no way to leave a field out: a dry_run, plan_sha256 or maintenance_id that a script failed to fill
 * in would change what is done, and nobody would notice. */
static enum ops_status read_null(const struct ops_operation *operation, const struct ops_field *field,
                                 struct ops_error *error)
{
    return operation->access == OPS_ACCESS_SECRET ? refuse(field, error, "must not be null; leave it out instead") : OPS_OK;
}

/* A name that somebody made up may be anything: it is shown in so many characters, and so that nothing in it is hidden. */
static enum ops_status show_name(const char *name, struct ops_buf *buf)
{
    struct ops_view rest = ops_view_of(name);
    size_t shown = 0;
    for (; rest.length > 0 && shown < UNKNOWN_NAME_SHOWN_MAX; shown++) {
        uint32_t ignored;
        size_t length = ops_unicode_decode(rest, &ignored);
        length += length == 0;
        ops_unicode_append_visible(buf, ops_view(rest.data, length));
        rest = ops_view(rest.data + length, rest.length - length);
    }
    if (rest.length > 0)
        ops_buf_append_text(buf, "\xe2\x80\xa6");
    return ops_buf_status(buf);
}

static enum ops_status refuse_unknown(const struct ops_operation *operation, const char *name, struct ops_error *error)
{
    struct ops_buf shown;
    ops_buf_init(&shown, UNKNOWN_NAME_MAX_BYTES);
    enum ops_status status = show_name(name, &shown);
    if (status == OPS_OK) {
        status = ops_fail(error, OPS_UNKNOWN_FIELD, "%s has no field '%s'.", operation->name, ops_buf_text(&shown));
        ops_error_detail(error, "field", ops_buf_text(&shown));
    }
    ops_buf_release(&shown);
    return status;
}

static enum ops_status check_required(const struct ops_operation *operation, const json_t *input, struct ops_error *error)
{
    for (const struct ops_field *field = operation->fields; field->name; field++) {
        if (!field->required || json_object_get(input, field->name))
            continue;
        (void)ops_fail(error, OPS_MISSING_FIELD, "%s is missing.", field->name);
        ops_error_detail(error, "field", field->name);
        return OPS_MISSING_FIELD;
    }
    return OPS_OK;
}

enum ops_status ops_fields_read(const struct ops_operation *operation, const json_t *input, bool from_query,
                                json_t **ret_input, struct ops_error *error)
{
    json_t *read = input ? json_object() : NULL;
    enum ops_status status = input && !read ? OPS_NO_MEMORY : OPS_OK;
    const char *name;
    json_t *value;
    /* jansson's iterator takes a plain pointer, and changes nothing. */
    json_object_foreach((json_t *)(uintptr_t)input, name, value) {
        const struct ops_field *field = find_field(operation, name);
        if (status == OPS_OK && !field)
            status = refuse_unknown(operation, name, error);
        else if (status == OPS_OK && from_query && field == &session_field)
            status = OPS_CREDENTIAL_IN_QUERY;
        else if (status == OPS_OK && json_is_null(value))
            status = read_null(operation, field, error);
        else if (status == OPS_OK)
            status = read_value(field, value, from_query, read, error);
    }
    if (status == OPS_OK)
        status = check_required(operation, read, error);
    if (status == OPS_OK)
        *ret_input = read;
    else
        json_decref(read);
    return status;
}
