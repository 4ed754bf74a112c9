#include "surfaces/cli/card.h"

#include "base/json.h"
#include "surfaces/cli/human.h"
#include "surfaces/cli/text.h"

#include <stdio.h>
#include <string.h>

enum {
    INDENT = 2,
    NAME_WIDTH = 13,
    VALUE_COLUMN = INDENT + NAME_WIDTH,
    VALUE_LEAST = 20, /* columns for a value beside its name */
    BENEATH_INDENT = 4,
    TITLE_INDENT = 2,
    TITLE_GAP = 2,
};

enum ops_paint ops_card_paint(const char *status)
{
    static const struct {
        const char *status;
        enum ops_paint paint;
    } paints[] = {
        {"ok", OPS_PAINT_GOOD},           {"completed", OPS_PAINT_GOOD}, {"done", OPS_PAINT_GOOD},
        {"ended", OPS_PAINT_GOOD},        {"active", OPS_PAINT_BUSY},    {"running", OPS_PAINT_BUSY},
        {"pending", OPS_PAINT_BUSY},      {"scheduled", OPS_PAINT_BUSY}, {"degraded", OPS_PAINT_BAD},
        {"failed", OPS_PAINT_BAD},        {"cancelled", OPS_PAINT_DIM},  {"skipped", OPS_PAINT_DIM},
        {"unclassified", OPS_PAINT_BUSY},
    };
    for (size_t i = 0; i < sizeof paints / sizeof paints[0]; i++)
        if (strcmp(paints[i].status, status) == 0)
            return paints[i].paint;
    return OPS_PAINT_NONE;
}

void ops_card_title(struct ops_buf *buf, const struct ops_style *style, const char *what, const char *id, const char *status)
{
    struct ops_buf title, safe;
    ops_buf_init(&title, 4096);
    ops_buf_init(&safe, 4096);
    ops_text_append_safe(&safe, ops_view_of(status));
    ops_buf_append_format(&title, "%s%s", what, *id ? " " : "");
    ops_text_append_safe(&title, ops_view_of(id));
    size_t width = ops_text_append_broken(buf, ops_buf_view(&title), 0, TITLE_INDENT, style->columns);
    size_t gap = *id ? TITLE_GAP : 1, status_width = ops_text_width(ops_buf_view(&safe));
    bool fits = style->columns == 0 || width + gap + status_width <= style->columns;
    ops_buf_append_text(buf, fits ? "" : "\n");
    ops_text_append_spaces(buf, fits ? gap : TITLE_INDENT);
    ops_paint_append_wrapped(buf, style, ops_card_paint(status), ops_buf_text(&safe), fits ? width + gap : TITLE_INDENT,
                             TITLE_INDENT);
    ops_buf_append_char(buf, '\n');
    ops_buf_release(&title);
    ops_buf_release(&safe);
}

static size_t widest_word(const char *text)
{
    size_t widest = 0;
    while (*text) {
        size_t length = strcspn(text, " "), width = ops_text_width(ops_view(text, length));
        widest = width > widest ? width : widest;
        text += length + strspn(text + length, " ");
    }
    return widest;
}

/* An id that has no room beside the name may have some beneath it. */
static bool has_room_beside(const struct ops_style *style, size_t column, const char *value)
{
    return style->columns == 0 || (style->columns >= column + VALUE_LEAST && style->columns >= column + widest_word(value));
}

void ops_card_value(struct ops_buf *buf, const struct ops_style *style, const char *name, enum ops_paint paint,
                    const char *value)
{
    size_t width = ops_text_width(ops_view_of(name)), padding = width < NAME_WIDTH ? NAME_WIDTH - width : 1;
    size_t column = INDENT + width + padding, indent = VALUE_COLUMN;
    ops_text_append_spaces(buf, INDENT);
    ops_paint_append(buf, style, OPS_PAINT_DIM, name);
    if (has_room_beside(style, column, value)) {
        ops_text_append_spaces(buf, padding);
    } else {
        column = indent = BENEATH_INDENT;
        ops_buf_append_char(buf, '\n');
        ops_text_append_spaces(buf, column);
    }
    ops_paint_append_wrapped(buf, style, paint, value, column, indent);
    ops_buf_append_char(buf, '\n');
}

void ops_card_command(struct ops_buf *buf, const struct ops_style *style, const char *words, const char *command)
{
    size_t width = ops_text_width(ops_view_of(words));
    bool fits = style->columns == 0 || width + ops_text_width(ops_view_of(command)) <= style->columns;
    if (*words && fits) {
        ops_buf_append_text(buf, words);
    } else {
        ops_paint_append_wrapped(buf, style, OPS_PAINT_NONE, words, 0, 0);
        ops_buf_append_text(buf, *words ? "\n" : "");
        ops_text_append_spaces(buf, INDENT);
        width = INDENT;
    }
    ops_text_append_command(buf, command, width, BENEATH_INDENT, style->columns);
    ops_buf_append_char(buf, '\n');
}

void ops_card_text(struct ops_buf *buf, const struct ops_style *style, const char *name, const json_t *record,
                   const char *member)
{
    const json_t *value = json_object_get(record, member);
    if (!json_is_string(value))
        return;
    struct ops_buf safe;
    ops_buf_init(&safe, buf->limit_bytes);
    ops_text_append_safe(&safe, ops_view(json_string_value(value), json_string_length(value)));
    ops_card_value(buf, style, name, OPS_PAINT_NONE, ops_buf_text(&safe));
    ops_buf_release(&safe);
}

static void append_instant(struct ops_buf *buf, const struct ops_style *style, const char *name, enum ops_paint paint,
                           const char *before, const char *instant, const char *after)
{
    struct ops_buf text;
    ops_buf_init(&text, 4096);
    ops_buf_append_text(&text, before);
    ops_human_append_instant(&text, instant, style->now_ms);
    ops_buf_append_text(&text, after);
    ops_card_value(buf, style, name, paint, ops_buf_text(&text));
    ops_buf_release(&text);
}

void ops_card_instant(struct ops_buf *buf, const struct ops_style *style, const char *name, const json_t *record,
                      const char *member)
{
    const char *instant = ops_json_text(record, member, NULL);
    if (instant)
        append_instant(buf, style, name, OPS_PAINT_NONE, "", instant, "");
}

void ops_card_number(struct ops_buf *buf, const struct ops_style *style, const char *name, const json_t *record,
                     const char *member)
{
    char text[OPS_HUMAN_SIZE];
    if (json_is_integer(json_object_get(record, member)))
        ops_card_value(buf, style, name, OPS_PAINT_NONE, ops_human_number(ops_json_integer(record, member, 0), text));
}

void ops_card_duration(struct ops_buf *buf, const struct ops_style *style, const char *name, const json_t *record,
                       const char *member)
{
    char text[OPS_HUMAN_SIZE];
    if (json_is_integer(json_object_get(record, member)))
        ops_card_value(buf, style, name, OPS_PAINT_NONE, ops_human_duration(ops_json_integer(record, member, 0), text));
}

void ops_card_expected_end(struct ops_buf *buf, const struct ops_style *style, const char *instant, bool overdue)
{
    if (overdue)
        append_instant(buf, style, "overdue", OPS_PAINT_BAD, "was expected until ", instant,
                       "; it takes longer than expected");
    else
        append_instant(buf, style, "expected end", OPS_PAINT_NONE, "", instant, "");
}

void ops_card_clock_step(struct ops_buf *buf, const struct ops_style *style, json_int_t seconds, const char *at)
{
    char duration[OPS_HUMAN_SIZE], before[2 * OPS_HUMAN_SIZE];
    (void)snprintf(before, sizeof before, "set %s by %s, ", seconds < 0 ? "back" : "forward",
                   ops_human_duration(seconds < 0 ? -seconds : seconds, duration));
    append_instant(buf, style, "clock", OPS_PAINT_BAD, before, at, "");
}
