#include "core/manifest_read.h"

enum {
    ABOUT_MAX = 80, /* bytes of a stranger's text in a complaint */
    PATH_LENGTH_MAX = 1023,
};

/* A character that was cut in the middle would make the line invalid UTF-8. */
static size_t cut_at_character(const char *text, size_t length)
{
    while (length > 0 && ((unsigned char)text[length] & 0xC0) == 0x80)
        length--;
    return length;
}

static void append_foreign(struct ops_buf *buf, const char *text)
{
    size_t length = strlen(text);
    bool cut = length > ABOUT_MAX;
    if (cut)
        length = cut_at_character(text, ABOUT_MAX);
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        ops_buf_append_char(buf, c < 0x20 || c == 0x7F ? '?' : text[i]);
    }
    if (cut)
        ops_buf_append_text(buf, "...");
}

static void append_place(struct ops_buf *buf, const struct ops_place *place)
{
    if (!place->parent) {
        ops_buf_append_text(buf, place->member);
        return;
    }
    bool top = !place->parent->parent;
    if (!top)
        append_place(buf, place->parent);
    if (!place->member) {
        ops_buf_append_format(buf, "[%zu]", place->index);
        return;
    }
    if (!top)
        ops_buf_append_char(buf, '.');
    append_foreign(buf, place->member);
}

void ops_reader_problem(struct ops_reader *reader, const struct ops_place *place, const char *message, const char *about)
{
    if (reader->problem_count++ >= OPS_MANIFEST_PROBLEMS_MAX || !reader->problems)
        return;
    append_place(reader->problems, place);
    ops_buf_append_format(reader->problems, ": %s", message);
    if (about) {
        ops_buf_append_text(reader->problems, " \"");
        append_foreign(reader->problems, about);
        ops_buf_append_char(reader->problems, '"');
    }
    ops_buf_append_char(reader->problems, '\n');
}

void ops_reader_finish(struct ops_reader *reader)
{
    if (reader->problems && reader->problem_count > OPS_MANIFEST_PROBLEMS_MAX)
        ops_buf_append_format(reader->problems, "and %zu more\n", reader->problem_count - OPS_MANIFEST_PROBLEMS_MAX);
}

/* Control characters are those below the space, DEL, and U+0080 to U+009F. */
static bool printable(const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        if (*c < 0x20 || *c == 0x7F || (c[0] == 0xC2 && c[1] < 0xA0))
            return false;
    return true;
}

static const char *check_printable(const char *text, size_t max, const char *too_long)
{
    if (!*text)
        return "must not be empty";
    if (strlen(text) > max)
        return too_long;
    return printable(text) ? NULL : "must not have control characters";
}

const char *ops_check_text(const char *text)
{
    return check_printable(text, OPS_MANIFEST_NAME_MAX, "must not be longer than 255 bytes");
}

const char *ops_check_path(const char *text)
{
    return check_printable(text, PATH_LENGTH_MAX, "must not be longer than 1023 bytes");
}

static bool is_dots(struct ops_view segment)
{
    return ops_view_is(segment, ".") || ops_view_is(segment, "..");
}

const char *ops_check_plain_name(const char *text)
{
    const char *complaint = ops_check_text(text);
    if (complaint)
        return complaint;
    bool plain = !strchr(text, '/') && !is_dots(ops_view_of(text));
    return plain ? NULL : "must be one plain name, without '/', and not '.' or '..'";
}

const char *ops_check_log_group_name(const char *text)
{
    const char *complaint = ops_check_text(text);
    if (complaint)
        return complaint;
    if (text[0] != '/')
        return "must start with '/'";
    for (const char *at = text; at;) {
        const char *end = strchr(at + 1, '/');
        struct ops_view segment = end ? ops_view(at + 1, (size_t)(end - at - 1)) : ops_view_of(at + 1);
        if (segment.length == 0 || is_dots(segment))
            return "must not have an empty segment, '.' or '..', nor end with '/'";
        at = end;
    }
    return NULL;
}

const char *ops_check_service_code(const char *text)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    size_t length = strlen(text);
    return length >= 1 && length <= 32 && strspn(text, allowed) == length ? NULL
                                                                          : "must be 1 to 32 of a-z, 0-9 and '-'";
}

const char *ops_check_pattern(const char *text)
{
    const char *complaint = ops_check_text(text);
    if (complaint)
        return complaint;
    const char *found = strstr(text, OPS_ORG_PLACEHOLDER);
    return found && !strstr(found + 1, OPS_ORG_PLACEHOLDER) ? NULL : "must have " OPS_ORG_PLACEHOLDER " exactly once, not";
}

const char *ops_check_prefix_pattern(const char *text)
{
    const char *complaint = ops_check_pattern(text);
    if (complaint)
        return complaint;
    const char *after = strstr(text, OPS_ORG_PLACEHOLDER) + sizeof OPS_ORG_PLACEHOLDER - 1;
    return *after && !ops_orgcode_valid(ops_view(after, 1))
               ? NULL
               : "must go on after " OPS_ORG_PLACEHOLDER " with a character that no orgcode has (such as '/' or '#'), else "
                 "tenant acme would match acme2:";
}

const char *ops_reader_text(struct ops_reader *reader, const struct ops_place *place, const json_t *value,
                            ops_text_check_fn check)
{
    const char *text = json_string_value(value);
    const char *complaint = !value                                      ? "is required"
                            : !text                                     ? "must be a string"
                            : strlen(text) != json_string_length(value) ? "must not have a NUL"
                                                                        : check(text);
    if (!complaint)
        return text;
    ops_reader_problem(reader, place, complaint, text);
    return NULL;
}

const char *ops_reader_member(struct ops_reader *reader, const struct ops_place *place, const json_t *object,
                              const char *member, ops_text_check_fn check)
{
    const struct ops_place here = {.parent = place, .member = member};
    return ops_reader_text(reader, &here, json_object_get(object, member), check);
}

json_t *ops_reader_array(struct ops_reader *reader, const struct ops_place *place, const json_t *object, const char *member,
                         size_t max)
{
    const struct ops_place here = {.parent = place, .member = member};
    json_t *value = json_object_get(object, member);
    if (!value)
        return NULL;
    const char *complaint = !json_is_array(value) ? "must be an array" : json_array_size(value) > max ? "is too long" : NULL;
    if (!complaint)
        return value;
    ops_reader_problem(reader, &here, complaint, NULL);
    return NULL;
}

static bool listed(const char *name, const char *const *names)
{
    for (; *names; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

bool ops_reader_object(struct ops_reader *reader, const struct ops_place *place, json_t *value,
                       const char *const *members)
{
    if (!json_is_object(value)) {
        ops_reader_problem(reader, place, "must be an object", NULL);
        return false;
    }
    const char *name;
    json_t *member;
    json_object_foreach(value, name, member) {
        const struct ops_place here = {.parent = place, .member = name};
        if (!listed(name, members))
            ops_reader_problem(reader, &here, "is not a member that belongs here", NULL);
    }
    return true;
}
