/*
 * What jansson writes, written by jansson wherever there is a choice to be made: fractions, and strings in which something
 * must be escaped. It takes seventy instructions for each byte, though, and most strings are what they are: those, and what
 * holds them together, are copied here.
 */
#include "base/json.h"

#include <stdio.h>

#define EACH_BYTE UINT64_C(0x0101010101010101)
#define TOP_BITS (0x80 * EACH_BYTE)

/* ---- Strings that stand in JSON as they are ---- */

static bool are_plain(const char *at, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        unsigned char c = (unsigned char)at[i];
        if (c < 0x20 || c >= 0x80 || c == '"' || c == '\\')
            return false;
    }
    return true;
}

/* Top bits where a byte of the word is less than n, and perhaps above such a one; the word has none itself (S. E. Anderson,
 * "Bit Twiddling Hacks", "Determine if a word has a byte less than n"). */
static uint64_t less_than(uint64_t word, unsigned n)
{
    return word - n * EACH_BYTE;
}

bool ops_json_is_plain(struct ops_view text)
{
    size_t i = 0;
    for (; i + sizeof(uint64_t) <= text.length; i += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, text.data + i, sizeof word);
        uint64_t special =
            word | less_than(word, ' ') | less_than(word ^ '"' * EACH_BYTE, 1) | less_than(word ^ '\\' * EACH_BYTE, 1);
        if ((special & TOP_BITS) && !are_plain(text.data + i, sizeof word))
            return false;
    }
    return are_plain(text.data + i, text.length - i);
}

/* jansson goes through an object only by a pointer with which it could change it. */
static json_t *iterable(const json_t *object)
{
    union {
        const json_t *given;
        json_t *taken;
    } pointer = {.given = object};
    return pointer.taken;
}

/* ---- Writing ---- */

static int append_chunk(const char *bytes, size_t length, void *buf)
{
    ops_buf_append(buf, bytes, length);
    return ops_buf_status(buf) == OPS_OK ? 0 : -1;
}

static void dump(const json_t *value, struct ops_buf *buf, size_t flags)
{
    int result = json_dump_callback(value, append_chunk, buf, JSON_COMPACT | JSON_ENCODE_ANY | flags);
    /* What was written of it is half a text: the buffer must not pass for good. */
    if (result != 0 && buf->status == OPS_OK)
        buf->status = OPS_NO_MEMORY;
}

enum ops_status ops_json_canonical(const json_t *value, struct ops_buf *buf)
{
    dump(value, buf, JSON_SORT_KEYS);
    return ops_buf_status(buf);
}

static void append_plain(struct ops_buf *buf, struct ops_view text)
{
    ops_buf_append_char(buf, '"');
    ops_buf_append_view(buf, text);
    ops_buf_append_char(buf, '"');
}

static void append_value(struct ops_buf *buf, const json_t *value);

static void append_name(struct ops_buf *buf, const char *name)
{
    if (ops_json_is_plain(ops_view_of(name))) {
        append_plain(buf, ops_view_of(name));
        return;
    }
    json_t *string = json_string(name);
    if (string)
        dump(string, buf, 0);
    else
        buf->status = OPS_NO_MEMORY;
    json_decref(string);
}

static void append_object(struct ops_buf *buf, const json_t *object)
{
    const char *name;
    json_t *value;
    char before = '{';
    json_object_foreach(iterable(object), name, value) {
        ops_buf_append_char(buf, before);
        append_name(buf, name);
        ops_buf_append_char(buf, ':');
        append_value(buf, value);
        before = ',';
    }
    ops_buf_append_text(buf, before == '{' ? "{}" : "}");
}

static void append_array(struct ops_buf *buf, const json_t *array)
{
    size_t i;
    json_t *element;
    json_array_foreach(array, i, element) {
        ops_buf_append_char(buf, i ? ',' : '[');
        append_value(buf, element);
    }
    ops_buf_append_text(buf, json_array_size(array) ? "]" : "[]");
}

static struct ops_view string_view(const json_t *string)
{
    return ops_view(json_string_value(string), json_string_length(string));
}

/* NULL: none of these. */
static const char *word_of(const json_t *value)
{
    return json_is_true(value) ? "true" : json_is_false(value) ? "false" : json_is_null(value) ? "null" : NULL;
}

static void append_value(struct ops_buf *buf, const json_t *value)
{
    if (json_is_object(value))
        append_object(buf, value);
    else if (json_is_array(value))
        append_array(buf, value);
    else if (json_is_integer(value))
        ops_buf_append_integer(buf, json_integer_value(value));
    else if (json_is_string(value) && ops_json_is_plain(string_view(value)))
        append_plain(buf, string_view(value));
    else if (word_of(value))
        ops_buf_append_text(buf, word_of(value));
    else
        dump(value, buf, 0);
}

enum ops_status ops_json_append(const json_t *value, struct ops_buf *buf)
{
    append_value(buf, value);
    return ops_buf_status(buf);
}

/* ---- The length of what would be written ---- */

static size_t escaped_length(unsigned char c)
{
    static const char short_escapes[] = "\"\\\b\f\n\r\t";
    if (c >= 0x20)
        return c == '"' || c == '\\' ? 2 : 1;
    return c && strchr(short_escapes, c) ? 2 : sizeof "\\u001f" - 1;
}

static size_t string_length(struct ops_view text)
{
    size_t length = 2; /* quotes */
    if (ops_json_is_plain(text))
        return length + text.length;
    for (size_t i = 0; i < text.length; i++)
        length += escaped_length((unsigned char)text.data[i]);
    return length;
}

static size_t array_length(const json_t *array)
{
    size_t i, length = 2; /* brackets, and a comma before all but the first */
    json_t *element;
    json_array_foreach(array, i, element)
        length += ops_json_length(element) + (i > 0);
    return length;
}

static size_t object_length(const json_t *object)
{
    size_t length = 2;
    const char *name;
    json_t *value;
    json_object_foreach(iterable(object), name, value)
        length += string_length(ops_view_of(name)) + 1 + ops_json_length(value) + (length > 2);
    return length;
}

size_t ops_json_length(const json_t *value)
{
    if (json_is_object(value))
        return object_length(value);
    if (json_is_array(value))
        return array_length(value);
    if (json_is_string(value))
        return string_length(string_view(value));
    if (json_is_integer(value))
        return (size_t)snprintf(NULL, 0, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    const char *word = word_of(value);
    return word ? strlen(word) : json_dumpb(value, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY);
}
