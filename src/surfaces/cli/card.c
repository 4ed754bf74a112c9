#include "surfaces/cli/card.h"

#include "base/json.h"
#include "surfaces/cli/human.h"
#include "surfaces/cli/text.h"

enum { NAME_WIDTH = 13, TEXT_COLUMN = 2 + NAME_WIDTH };

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
    struct ops_buf safe;
    ops_buf_init(&safe, 4096);
    ops_text_append_safe(&safe, ops_view_of(status));
    ops_buf_append_text(buf, what);
    ops_buf_append_char(buf, ' ');
    ops_text_append_safe(buf, ops_view_of(id));
    ops_buf_append_text(buf, *id ? "  " : "");
    ops_paint_append(buf, style, ops_card_paint(status), ops_buf_text(&safe));
    ops_buf_append_char(buf, '\n');
    ops_buf_release(&safe);
}

void ops_card_name(struct ops_buf *buf, const struct ops_style *style, const char *name)
{
    ops_buf_append_text(buf, "  ");
    ops_paint_append(buf, style, OPS_PAINT_DIM, name);
    size_t width = ops_text_width(ops_view_of(name));
    ops_text_append_spaces(buf, width < NAME_WIDTH ? NAME_WIDTH - width : 1);
}

/* Long texts are wrapped on a terminal, and left whole for whatever reads a pipe. */
void ops_card_text(struct ops_buf *buf, const struct ops_style *style, const char *name, const json_t *record,
                   const char *member)
{
    const json_t *value = json_object_get(record, member);
    if (!json_is_string(value))
        return;
    struct ops_buf safe;
    ops_buf_init(&safe, buf->limit_bytes);
    ops_text_append_safe(&safe, ops_view(json_string_value(value), json_string_length(value)));
    ops_card_name(buf, style, name);
    if (style->columns > TEXT_COLUMN + 20)
        ops_text_append_wrapped(buf, ops_buf_text(&safe), TEXT_COLUMN, TEXT_COLUMN, style->columns);
    else
        ops_buf_append_view(buf, ops_buf_view(&safe));
    ops_buf_append_char(buf, '\n');
    ops_buf_release(&safe);
}

void ops_card_instant(struct ops_buf *buf, const struct ops_style *style, const char *name, const json_t *record,
                      const char *member)
{
    const char *instant = ops_json_text(record, member, NULL);
    if (!instant)
        return;
    ops_card_name(buf, style, name);
    ops_human_append_instant(buf, instant, style->now_ms);
    ops_buf_append_char(buf, '\n');
}

void ops_card_number(struct ops_buf *buf, const struct ops_style *style, const char *name, const json_t *record,
                     const char *member)
{
    char text[OPS_HUMAN_SIZE];
    if (!json_is_integer(json_object_get(record, member)))
        return;
    ops_card_name(buf, style, name);
    ops_buf_append_format(buf, "%s\n", ops_human_number(ops_json_integer(record, member, 0), text));
}

void ops_card_duration(struct ops_buf *buf, const struct ops_style *style, const char *name, const json_t *record,
                       const char *member)
{
    char text[OPS_HUMAN_SIZE];
    if (!json_is_integer(json_object_get(record, member)))
        return;
    ops_card_name(buf, style, name);
    ops_buf_append_format(buf, "%s\n", ops_human_duration(ops_json_integer(record, member, 0), text));
}

void ops_card_clock_step(struct ops_buf *buf, const struct ops_style *style, json_int_t seconds, const char *at)
{
    char duration[OPS_HUMAN_SIZE];
    ops_card_name(buf, style, "clock");
    ops_paint_append(buf, style, OPS_PAINT_BAD, seconds < 0 ? "set back" : "set forward");
    ops_buf_append_format(buf, " by %s, ", ops_human_duration(seconds < 0 ? -seconds : seconds, duration));
    ops_human_append_instant(buf, at, style->now_ms);
    ops_buf_append_char(buf, '\n');
}
