#include "stub/json_reader.h"

char stub_json_peek(struct stub_json_reader *reader)
{
    while (reader->at < reader->end && (unsigned char)*reader->at <= ' ')
        reader->at++;
    return reader->at < reader->end && !reader->failed ? *reader->at : '\0';
}

bool stub_json_take(struct stub_json_reader *reader, char sign)
{
    if (stub_json_peek(reader) != sign)
        return false;
    reader->at++;
    return true;
}

static bool expect(struct stub_json_reader *reader, char sign)
{
    if (!stub_json_take(reader, sign))
        reader->failed = true;
    return !reader->failed;
}

/* Whether the sign at that place is preceded by an odd number of backslashes. */
static bool is_escaped(const char *start, const char *at)
{
    size_t count = 0;
    for (; at > start && at[-1] == '\\'; at--)
        count++;
    return count % 2 == 1;
}

struct ops_view stub_json_string(struct stub_json_reader *reader)
{
    if (!expect(reader, '"'))
        return ops_view("", 0);
    const char *start = reader->at;
    for (const char *at = start; (at = memchr(at, '"', (size_t)(reader->end - at))); at++)
        if (!is_escaped(start, at)) {
            reader->at = at + 1;
            return ops_view(start, (size_t)(at - start));
        }
    reader->failed = true;
    return ops_view("", 0);
}

/* A number, true, false or null. */
static void skip_word(struct stub_json_reader *reader)
{
    const char *start = reader->at;
    while (reader->at < reader->end && !strchr(",]} \r\n\t", *reader->at))
        reader->at++;
    reader->failed = reader->failed || reader->at == start;
}

struct ops_view stub_json_skip(struct stub_json_reader *reader)
{
    (void)stub_json_peek(reader);
    const char *start = reader->at;
    size_t depth = 0;
    do {
        char sign = stub_json_peek(reader);
        if (sign == '"') {
            (void)stub_json_string(reader);
        } else if (sign == '{' || sign == '[') {
            depth++;
            reader->at++;
        } else if (depth && (sign == '}' || sign == ']')) {
            depth--;
            reader->at++;
        } else if (depth && (sign == ',' || sign == ':')) {
            reader->at++;
        } else {
            skip_word(reader);
        }
    } while (depth && !reader->failed);
    return ops_view(start, (size_t)(reader->at - start));
}

bool stub_json_next(struct stub_json_reader *reader, const char brackets[static 2], bool *first)
{
    bool is_first = *first;
    *first = false;
    if (is_first && !expect(reader, brackets[0]))
        return false;
    if (stub_json_take(reader, brackets[1]))
        return false;
    return is_first ? !reader->failed : expect(reader, ',');
}

bool stub_json_member(struct stub_json_reader *reader, bool *first, struct ops_view *ret_name)
{
    if (!stub_json_next(reader, "{}", first))
        return false;
    *ret_name = stub_json_string(reader);
    return expect(reader, ':');
}
