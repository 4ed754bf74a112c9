#include "base/log_line.h"

#include "base/instant.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int priority;
} levels[OPS_LOG_LEVEL_COUNT] = {
#define X(symbol, name, priority) [OPS_LOG_##symbol] = {name, priority},
    OPS_LOG_LEVEL_TABLE(X)
#undef X
};

const char *ops_log_level_name(enum ops_log_level level)
{
    return levels[level].name;
}

int ops_log_level_priority(enum ops_log_level level)
{
    return levels[level].priority;
}

enum ops_log_level ops_log_level_of(const char *name)
{
    int level = 0;
    while (level < OPS_LOG_LEVEL_COUNT && strcmp(levels[level].name, name) != 0)
        level++;
    return (enum ops_log_level)level;
}

enum ops_log_format ops_log_format_of(const char *name)
{
    static const char *const names[OPS_LOG_FORMAT_COUNT] = {
        [OPS_LOG_TEXT] = "text", [OPS_LOG_LOGFMT] = "logfmt", [OPS_LOG_JSON] = "json"};
    int format = 0;
    while (format < OPS_LOG_FORMAT_COUNT && strcmp(names[format], name) != 0)
        format++;
    return (enum ops_log_format)format;
}

void ops_log_line_init(struct ops_log_line *line, enum ops_log_level level, const char *event, const char *words)
{
    line->level = level;
    line->event = event;
    line->words = words;
    line->field_count = 0;
}

static struct ops_log_field *add(struct ops_log_line *line, const char *name)
{
    if (line->field_count == OPS_LOG_FIELDS_MAX)
        return NULL;
    struct ops_log_field *field = &line->fields[line->field_count++];
    *field = (struct ops_log_field){.name = name};
    return field;
}

void ops_log_line_view(struct ops_log_line *line, const char *name, struct ops_view text)
{
    struct ops_log_field *field = add(line, name);
    if (field)
        field->text = text;
}

void ops_log_line_text(struct ops_log_line *line, const char *name, const char *text)
{
    if (text)
        ops_log_line_view(line, name, ops_view_of(text));
}

void ops_log_line_number(struct ops_log_line *line, const char *name, int64_t number)
{
    struct ops_log_field *field = add(line, name);
    if (!field)
        return;
    field->is_number = true;
    field->number = number;
}

/* ---- characters ---- */

enum { NO_CHARACTER = 0xFFFD, BEYOND_THE_FIRST_PLANE = 0x10000 };

/* The character at the beginning of the text, which is not empty, and how many bytes it takes; NO_CHARACTER and one byte
 * where there is none (RFC 3629: overlong forms, surrogates and what lies beyond U+10FFFF are none). */
static uint32_t character(struct ops_view text, size_t *ret_bytes)
{
    static const struct {
        unsigned char mask, lead;
        uint32_t least;
    } forms[] = {{0x80, 0x00, 0}, {0xE0, 0xC0, 0x80}, {0xF0, 0xE0, 0x800}, {0xF8, 0xF0, BEYOND_THE_FIRST_PLANE}};
    const unsigned char *bytes = (const unsigned char *)text.data;
    *ret_bytes = 1;
    for (size_t more = 0; more < sizeof forms / sizeof forms[0]; more++) {
        if ((bytes[0] & forms[more].mask) != forms[more].lead)
            continue;
        uint32_t code = bytes[0] & (unsigned char)~forms[more].mask;
        for (size_t i = 1; i <= more; i++) {
            if (i >= text.length || (bytes[i] & 0xC0) != 0x80)
                return NO_CHARACTER;
            code = code << 6 | (bytes[i] & 0x3F);
        }
        if (code < forms[more].least || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
            return NO_CHARACTER;
        *ret_bytes = more + 1;
        return code;
    }
    return NO_CHARACTER;
}

/* Unicode's categories Cc, Cf, Zl and Zp, and the noncharacters: what moves the cursor, ends a line, hides or turns text. */
static bool is_unseen(uint32_t code)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {
        {0x00, 0x1F},       {0x7F, 0x9F},       {0xAD, 0xAD},       {0x600, 0x605},     {0x61C, 0x61C},
        {0x6DD, 0x6DD},     {0x70F, 0x70F},     {0x890, 0x891},     {0x8E2, 0x8E2},     {0x180E, 0x180E},
        {0x200B, 0x200F},   {0x2028, 0x202E},   {0x2060, 0x206F},   {0xFDD0, 0xFDEF},   {0xFEFF, 0xFEFF},
        {0xFFF9, 0xFFFB},   {0xFFFE, 0xFFFF},   {0x110BD, 0x110BD}, {0x110CD, 0x110CD}, {0x13430, 0x1343F},
        {0x1BCA0, 0x1BCA3}, {0x1D173, 0x1D17A}, {0xE0000, 0xE007F},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
        if (code >= ranges[i].first && code <= ranges[i].last)
            return true;
    return false;
}

/* As JSON has it (RFC 8259, section 7), which readers of logfmt take too. */
static void append_escape(struct ops_buf *buf, uint32_t code)
{
    const char *brief = code == '\n' ? "\\n" : code == '\r' ? "\\r" : code == '\t' ? "\\t" : NULL;
    if (brief)
        ops_buf_append_text(buf, brief);
    else if (code < BEYOND_THE_FIRST_PLANE)
        ops_buf_append_format(buf, "\\u%04" PRIx32, code);
    else
        ops_buf_append_format(buf, "\\u%04" PRIx32 "\\u%04" PRIx32, 0xD800 + ((code - BEYOND_THE_FIRST_PLANE) >> 10),
                              0xDC00 + ((code - BEYOND_THE_FIRST_PLANE) & 0x3FF));
}

static bool needs_escape(uint32_t code, bool is_quoted)
{
    return code == NO_CHARACTER || is_unseen(code) || (is_quoted && (code == '"' || code == '\\'));
}

/* As much of the text as max_bytes of it allow. */
static void append_escaped(struct ops_buf *buf, struct ops_view text, size_t max_bytes, bool is_quoted)
{
    size_t bytes;
    for (size_t at = 0; at < text.length; at += bytes) {
        uint32_t code = character(ops_view(text.data + at, text.length - at), &bytes);
        if (at + bytes > max_bytes) {
            ops_buf_append_text(buf, "\xe2\x80\xa6");
            return;
        }
        if (is_quoted && (code == '"' || code == '\\'))
            ops_buf_append_char(buf, '\\');
        else if (needs_escape(code, is_quoted)) {
            append_escape(buf, code);
            continue;
        }
        ops_buf_append(buf, text.data + at, bytes);
    }
}

static void append_quoted(struct ops_buf *buf, struct ops_view text, size_t max_bytes)
{
    ops_buf_append_char(buf, '"');
    append_escaped(buf, text, max_bytes, true);
    ops_buf_append_char(buf, '"');
}

/* ---- logfmt ---- */

/* Whether a value stands without quotes: it is of plain ASCII that can be seen, without the signs that mean something. Of
 * all other writing some looks like a blank. */
static bool is_bare(struct ops_view text)
{
    for (size_t at = 0; at < text.length; at++)
        if (text.data[at] <= ' ' || text.data[at] > '~' || strchr("=\"\\", text.data[at]))
            return false;
    return text.length > 0 && text.length <= OPS_LOG_VALUE_MAX_BYTES;
}

static void append_logfmt_field(struct ops_buf *buf, const struct ops_log_field *field)
{
    ops_buf_append_format(buf, " %s=", field->name);
    if (field->is_number)
        ops_buf_append_integer(buf, field->number);
    else if (is_bare(field->text))
        ops_buf_append_view(buf, field->text);
    else
        append_quoted(buf, field->text, OPS_LOG_VALUE_MAX_BYTES);
}

static void append_logfmt_fields(struct ops_buf *buf, const struct ops_log_line *line)
{
    for (size_t i = 0; i < line->field_count; i++)
        append_logfmt_field(buf, &line->fields[i]);
}

static void append_logfmt(struct ops_buf *buf, const struct ops_log_line *line, const char *at)
{
    ops_buf_append_format(buf, "time=%s level=%s event=%s", at, levels[line->level].name, line->event);
    append_logfmt_fields(buf, line);
    if (!line->words)
        return;
    ops_buf_append_text(buf, " msg=");
    append_quoted(buf, ops_view_of(line->words), OPS_LOG_WORDS_MAX_BYTES);
}

/* ---- text, for people ---- */

static void append_text(struct ops_buf *buf, const struct ops_log_line *line, const char *at)
{
    ops_buf_append_format(buf, "%s %-5s %s", at, levels[line->level].name, line->event);
    if (line->words) {
        ops_buf_append_text(buf, ": ");
        append_escaped(buf, ops_view_of(line->words), OPS_LOG_WORDS_MAX_BYTES, false);
    }
    append_logfmt_fields(buf, line);
}

/* ---- JSON ---- */

static void append_json(struct ops_buf *buf, const struct ops_log_line *line, const char *at)
{
    ops_buf_append_format(buf, "{\"time\":\"%s\",\"level\":\"%s\",\"event\":\"%s\"", at, levels[line->level].name,
                          line->event);
    for (size_t i = 0; i < line->field_count; i++) {
        const struct ops_log_field *field = &line->fields[i];
        ops_buf_append_format(buf, ",\"%s\":", field->name);
        if (field->is_number)
            ops_buf_append_integer(buf, field->number);
        else
            append_quoted(buf, field->text, OPS_LOG_VALUE_MAX_BYTES);
    }
    if (line->words) {
        ops_buf_append_text(buf, ",\"msg\":");
        append_quoted(buf, ops_view_of(line->words), OPS_LOG_WORDS_MAX_BYTES);
    }
    ops_buf_append_char(buf, '}');
}

/* ---- the whole ---- */

void ops_log_line_append(const struct ops_log_line *line, int64_t at_ms, enum ops_log_format format, struct ops_buf *buf)
{
    static void (*const appends[OPS_LOG_FORMAT_COUNT])(struct ops_buf *, const struct ops_log_line *, const char *) = {
        [OPS_LOG_TEXT] = append_text, [OPS_LOG_LOGFMT] = append_logfmt, [OPS_LOG_JSON] = append_json};
    char seconds[OPS_INSTANT_TEXT_SIZE], at[OPS_INSTANT_TEXT_SIZE + sizeof ".000"];
    ops_instant_format(at_ms, seconds);
    (void)snprintf(at, sizeof at, "%.*s.%03dZ", OPS_INSTANT_TEXT_SIZE - 2, seconds, at_ms > 0 ? (int)(at_ms % 1000) : 0);
    appends[format](buf, line, at);
    ops_buf_append_char(buf, '\n');
}
