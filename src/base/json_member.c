#include "base/json_member.h"

#include <stdint.h>

/* A reader that stands somewhere in a text. Every take moves it on when what it wants is there, and says whether it was. */
struct reader {
    const char *at;
    const char *end;
};

static void skip_space(struct reader *reader)
{
    while (reader->at < reader->end && memchr(" \t\n\r", *reader->at, 4))
        reader->at++;
}

static bool take(struct reader *reader, char c)
{
    bool there = reader->at < reader->end && *reader->at == c;
    reader->at += there;
    return there;
}

static bool take_after_space(struct reader *reader, char c)
{
    skip_space(reader);
    return take(reader, c);
}

static bool take_word(struct reader *reader, const char *word)
{
    size_t length = strlen(word);
    if ((size_t)(reader->end - reader->at) < length || memcmp(reader->at, word, length) != 0)
        return false;
    reader->at += length;
    return true;
}

static bool take_digits(struct reader *reader)
{
    const char *start = reader->at;
    while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9')
        reader->at++;
    return reader->at > start;
}

static bool take_number(struct reader *reader)
{
    (void)take(reader, '-'); /* it may be there */
    if (!take(reader, '0') && !take_digits(reader))
        return false;
    if (take(reader, '.') && !take_digits(reader))
        return false;
    if (!take(reader, 'e') && !take(reader, 'E'))
        return true;
    if (!take(reader, '-'))
        (void)take(reader, '+'); /* likewise */
    return take_digits(reader);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The four digits behind "\u"; -1 when they are none. */
static int32_t take_code_unit(struct reader *reader)
{
    int32_t unit = 0;
    if (reader->end - reader->at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(*reader->at++);
        if (digit < 0)
            return -1;
        unit = unit * 16 + digit;
    }
    return unit;
}

static bool take_escape(struct reader *reader)
{
    if (reader->at == reader->end)
        return false;
    char c = *reader->at++;
    return c == 'u' ? take_code_unit(reader) >= 0 : c != '\0' && strchr("\"\\/bfnrt", c) != NULL;
}

/* The string that begins here, with its quotes; *ret_written is between them. */
static bool take_string(struct reader *reader, struct ops_view *ret_written)
{
    if (!take(reader, '"'))
        return false;
    const char *start = reader->at;
    while (reader->at < reader->end) {
        unsigned char c = (unsigned char)*reader->at++;
        if (c == '"') {
            *ret_written = ops_view(start, (size_t)(reader->at - 1 - start));
            return true;
        }
        if (c < 0x20 || (c == '\\' && !take_escape(reader)))
            return false;
    }
    return false;
}

static bool take_name(struct reader *reader, struct ops_view *ret_written)
{
    skip_space(reader);
    return take_string(reader, ret_written) && take_after_space(reader, ':');
}

static bool take_scalar(struct reader *reader)
{
    struct ops_view written;
    if (reader->at == reader->end)
        return false;
    switch (*reader->at) {
    case '"':
        return take_string(reader, &written);
    case 't':
        return take_word(reader, "true");
    case 'f':
        return take_word(reader, "false");
    case 'n':
        return take_word(reader, "null");
    default:
        return take_number(reader);
    }
}

/* The arrays and objects that are open around a value, one bit for each. */
struct nesting {
    uint8_t is_object[OPS_JSON_MEMBER_DEPTH_MAX / 8];
    size_t depth;
};

static bool in_object(const struct nesting *nesting)
{
    size_t innermost = nesting->depth - 1;
    return nesting->is_object[innermost / 8] >> innermost % 8 & 1;
}

static bool open_one(struct nesting *nesting, bool is_object)
{
    if (nesting->depth == OPS_JSON_MEMBER_DEPTH_MAX)
        return false;
    uint8_t bit = (uint8_t)(1u << nesting->depth % 8), *byte = &nesting->is_object[nesting->depth / 8];
    *byte = (uint8_t)(is_object ? *byte | bit : *byte & ~bit);
    nesting->depth++;
    return true;
}

/* Behind a value: closes what ends here, up to the next value that must follow. *ret_follows false: nothing is open. */
static bool close_all(struct reader *reader, struct nesting *nesting, bool *ret_follows)
{
    struct ops_view written;
    while (nesting->depth > 0) {
        bool object = in_object(nesting);
        if (take_after_space(reader, ',')) {
            *ret_follows = true;
            return !object || take_name(reader, &written);
        }
        if (!take(reader, object ? '}' : ']'))
            return false;
        nesting->depth--;
    }
    *ret_follows = false;
    return true;
}

/* A value of any kind, in a loop rather than in calls of itself: the nesting is a stranger's. */
static bool take_value(struct reader *reader)
{
    struct nesting nesting = {.depth = 0};
    struct ops_view written;
    bool follows = true;
    while (follows) {
        bool opened = false, empty = false;
        skip_space(reader);
        if (take(reader, '{')) {
            opened = true;
            empty = take_after_space(reader, '}');
            if (!empty && (!open_one(&nesting, true) || !take_name(reader, &written)))
                return false;
        } else if (take(reader, '[')) {
            opened = true;
            empty = take_after_space(reader, ']');
            if (!empty && !open_one(&nesting, false))
                return false;
        } else if (!take_scalar(reader)) {
            return false;
        }
        if ((!opened || empty) && !close_all(reader, &nesting, &follows))
            return false;
    }
    return true;
}

static enum ops_json_kind kind_of(char first)
{
    switch (first) {
    case '"':
        return OPS_JSON_STRING;
    case '{':
        return OPS_JSON_OBJECT;
    case '[':
        return OPS_JSON_ARRAY;
    case 't':
    case 'f':
        return OPS_JSON_BOOLEAN;
    case 'n':
        return OPS_JSON_NULL;
    default:
        return OPS_JSON_NUMBER;
    }
}

static void note_value(struct ops_json_member *member, const char *start, const char *end)
{
    if (member->kind != OPS_JSON_ABSENT) {
        *member = (struct ops_json_member){.kind = OPS_JSON_TWICE};
        return;
    }
    bool string = *start == '"';
    *member = (struct ops_json_member){kind_of(*start), ops_view(start + string, (size_t)(end - start) - 2 * string)};
}

/* The members of the object whose brace has been taken. */
static bool take_members(struct reader *reader, struct ops_view name, struct ops_json_member *member)
{
    if (take_after_space(reader, '}'))
        return true;
    do {
        struct ops_view written;
        if (!take_name(reader, &written))
            return false;
        skip_space(reader);
        const char *start = reader->at;
        if (!take_value(reader))
            return false;
        if (ops_json_string_means(written, name))
            note_value(member, start, reader->at);
    } while (take_after_space(reader, ','));
    return take(reader, '}');
}

struct ops_json_member ops_json_find_member(struct ops_view json, struct ops_view name)
{
    static const struct ops_json_member invalid = {.kind = OPS_JSON_INVALID};
    struct ops_json_member member = {.kind = OPS_JSON_ABSENT};
    if (json.length == 0)
        return invalid;
    struct reader reader = {json.data, json.data + json.length};
    skip_space(&reader);
    bool taken = take(&reader, '{') ? take_members(&reader, name, &member) : take_value(&reader);
    skip_space(&reader);
    return taken && reader.at == reader.end ? member : invalid;
}

/* ---- What an escaped string means ---- */

static bool is_surrogate(int32_t unit, int32_t first)
{
    return unit >= first && unit < first + 0x400;
}

/* A character beyond the first plane is two escapes. Half of one has no bytes: -1. */
static int32_t take_code_point(struct reader *reader)
{
    int32_t high = take_code_unit(reader);
    if (!is_surrogate(high, 0xd800))
        return is_surrogate(high, 0xdc00) ? -1 : high;
    if (!take_word(reader, "\\u"))
        return -1;
    int32_t low = take_code_unit(reader);
    return is_surrogate(low, 0xdc00) ? 0x10000 + (high - 0xd800) * 0x400 + (low - 0xdc00) : -1;
}

static size_t put_utf8(int32_t point, char bytes[static 4])
{
    if (point < 0x80) {
        bytes[0] = (char)point;
        return 1;
    }
    size_t count = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    static const int32_t leads[] = {[2] = 0xc0, [3] = 0xe0, [4] = 0xf0};
    for (size_t i = count - 1; i > 0; i--, point >>= 6)
        bytes[i] = (char)(0x80 | (point & 0x3f));
    bytes[0] = (char)(leads[count] | point);
    return count;
}

/* The bytes of the escape whose backslash has been taken; 0: it has none. */
static size_t take_escaped(struct reader *reader, char bytes[static 4])
{
    static const char letters[] = "bfnrt", meant[] = "\b\f\n\r\t";
    char c = *reader->at++;
    if (c == 'u') {
        int32_t point = take_code_point(reader);
        return point < 0 ? 0 : put_utf8(point, bytes);
    }
    const char *letter = strchr(letters, c);
    bytes[0] = letter ? meant[letter - letters] : c;
    return 1;
}

bool ops_json_string_means(struct ops_view written, struct ops_view text)
{
    if (written.length == 0 || !memchr(written.data, '\\', written.length))
        return ops_view_equal(written, text);
    struct reader reader = {written.data, written.data + written.length};
    while (reader.at < reader.end) {
        char bytes[4] = {*reader.at++};
        size_t count = bytes[0] == '\\' ? take_escaped(&reader, bytes) : 1;
        if (count == 0 || count > text.length || memcmp(text.data, bytes, count) != 0)
            return false;
        text = ops_view(text.data + count, text.length - count);
    }
    return text.length == 0;
}
