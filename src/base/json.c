#include "base/json.h"

#include "base/instant.h"
#include "base/mem.h"

#include <stdarg.h>

enum { SCANNER_BYTES_FACTOR = 4 }; /* its buffer doubles, with the old half still there, and the string is copied out */

/* jansson's own limit of 2048 levels is compiled in; ours is checked before it sees the text. */
static bool too_deep(struct ops_view text)
{
    size_t depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.length; i++) {
        char c = text.data[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > OPS_JSON_DEPTH_MAX)
                return true;
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return false;
}

/* jansson's scanner drops a character that it finds no memory for. Were that the quote at the end of a string, it would read
 * and write on behind its buffers; so the next allocation, which it makes before it copies, must fail too. Where jansson has
 * another allocator than ours, as in somebody's program that links libopsgate, its failures can't be seen; the memory that
 * it will want is asked for first, and then they are as good as impossible. */
static bool has_memory_for(struct ops_view text)
{
    void *reserve = ops_mem_alloc(SCANNER_BYTES_FACTOR * text.length);
    ops_mem_free(reserve);
    return reserve;
}

enum ops_status ops_json_load(struct ops_view text, size_t flags, json_t **ret_value, json_error_t *ret_reason)
{
    if (!has_memory_for(text))
        return OPS_NO_MEMORY;
    ops_mem_attempt_begin();
    json_t *value = json_loadb(text.data ? text.data : "", text.length, flags, ret_reason);
    if (!ops_mem_attempt_end()) {
        json_decref(value);
        return OPS_NO_MEMORY;
    }
    *ret_value = value;
    return value ? OPS_OK : OPS_INVALID_JSON;
}

/* What is wrong, in words of our own: jansson's quote the text, and that may hold a secret. How its messages begin is what
 * tells apart what has one code. */
static const char *words_of(const json_error_t *reason)
{
    static const struct {
        enum json_error_code code;
        const char *begins;
        const char *words;
    } rows[] = {
        {json_error_invalid_utf8, "", "it is not UTF-8"},
        {json_error_premature_end_of_input, "", "it ends too early"},
        {json_error_end_of_input_expected, "", "there is more behind its end"},
        {json_error_duplicate_key, "", "a member is there twice"},
        {json_error_numeric_overflow, "", "a number is too large"},
        {json_error_null_character, "", "a text has a NUL character in it"},
        {json_error_null_byte_in_key, "", "a member's name has a NUL character in it"},
        {json_error_stack_overflow, "", "it is nested too deep"},
        {json_error_invalid_syntax, "invalid escape", "a backslash begins no escape"},
        {json_error_invalid_syntax, "invalid Unicode", "a \\u escape stands for no character"},
        {json_error_invalid_syntax, "control character", "a text has a control character in it that is not escaped"},
        {json_error_invalid_syntax, "unexpected newline", "a text has no end on its line"},
        {json_error_invalid_syntax, "string or '}' expected", "a member's name or '}' is expected"},
        {json_error_invalid_syntax, "':' expected", "':' is expected"},
        {json_error_invalid_syntax, "'}' expected", "',' or '}' is expected"},
        {json_error_invalid_syntax, "']' expected", "',' or ']' is expected"},
        {json_error_invalid_syntax, "'[' or '{' expected", "an object is expected"},
        {json_error_invalid_syntax, "", "a value is expected"},
    };
    enum json_error_code code = json_error_code(reason);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].code == code && strncmp(reason->text, rows[i].begins, strlen(rows[i].begins)) == 0)
            return rows[i].words;
    return "it is not JSON";
}

enum ops_status ops_json_parse_object(struct ops_view text, json_t **ret_object, struct ops_error *error)
{
    if (too_deep(text))
        return ops_fail(error, OPS_INVALID_JSON, "The JSON is nested deeper than %d levels.", OPS_JSON_DEPTH_MAX);
    json_error_t reason;
    json_t *value = NULL;
    enum ops_status status = ops_json_load(text, JSON_REJECT_DUPLICATES, &value, &reason);
    if (status == OPS_NO_MEMORY)
        return status;
    if (status != OPS_OK)
        return ops_fail(error, OPS_INVALID_JSON, "The JSON can't be read at line %d, column %d: %s.", reason.line,
                        reason.column, words_of(&reason));
    if (!json_is_object(value)) {
        json_decref(value);
        return ops_fail(error, OPS_INVALID_JSON, "The JSON must be an object.");
    }
    *ret_object = value;
    return OPS_OK;
}

const char *ops_json_text(const json_t *object, const char *name, const char *fallback)
{
    const char *value = json_string_value(json_object_get(object, name));
    return value ? value : fallback;
}

json_int_t ops_json_integer(const json_t *object, const char *name, json_int_t fallback)
{
    const json_t *value = json_object_get(object, name);
    return json_is_integer(value) ? json_integer_value(value) : fallback;
}

bool ops_json_flag(const json_t *object, const char *name, bool fallback)
{
    const json_t *value = json_object_get(object, name);
    return json_is_boolean(value) ? json_is_true(value) : fallback;
}

enum ops_status ops_json_set(json_t *object, const char *name, json_t *value)
{
    return value && json_object_set_new(object, name, value) == 0 ? OPS_OK : OPS_NO_MEMORY;
}

enum ops_status ops_json_set_text(json_t *object, const char *name, const char *value)
{
    return ops_json_set(object, name, json_string(value));
}

enum ops_status ops_json_set_integer(json_t *object, const char *name, json_int_t value)
{
    return ops_json_set(object, name, json_integer(value));
}

enum ops_status ops_json_set_instant(json_t *object, const char *name, int64_t at_ms)
{
    char text[OPS_INSTANT_TEXT_SIZE];
    ops_instant_format(at_ms, text);
    return ops_json_set_text(object, name, text);
}

enum ops_status ops_json_instant(const json_t *object, const char *name, int64_t *ret_at_ms)
{
    const char *text = ops_json_text(object, name, NULL);
    return text && ops_instant_parse(ops_view_of(text), ret_at_ms) == OPS_OK ? OPS_OK : OPS_CORRUPT;
}

json_t *ops_json_pack(const char *format, ...)
{
    size_t failures_before = ops_mem_failure_count();
    va_list arguments;
    va_start(arguments, format);
    json_t *value = json_vpack_ex(NULL, 0, format, arguments);
    va_end(arguments);
    if (ops_mem_failure_count() == failures_before)
        return value;
    json_decref(value);
    return NULL;
}

json_t *ops_json_copy(const json_t *value)
{
    size_t failures_before = ops_mem_failure_count();
    json_t *copy = json_deep_copy(value);
    if (ops_mem_failure_count() == failures_before)
        return copy;
    json_decref(copy);
    return NULL;
}

json_t *ops_json_any_text(struct ops_view bytes)
{
    size_t failures_before = ops_mem_failure_count();
    json_t *value = json_stringn(bytes.data ? bytes.data : "", bytes.length);
    if (value || ops_mem_failure_count() != failures_before)
        return value;
    char *plain = ops_mem_strndup(bytes.data ? bytes.data : "", bytes.length);
    if (!plain)
        return NULL;
    for (size_t i = 0; i < bytes.length; i++)
        if ((unsigned char)plain[i] >= 0x80)
            plain[i] = '?';
    value = json_stringn(plain, bytes.length);
    ops_mem_free(plain);
    return value;
}
