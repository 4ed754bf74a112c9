#include "surfaces/cli/style.h"

#include "surfaces/cli/text.h"

static bool begin(struct ops_buf *buf, const struct ops_style *style, enum ops_paint paint)
{
    static const char *const codes[OPS_PAINT_COUNT] = {
        [OPS_PAINT_GOOD] = "32", [OPS_PAINT_BUSY] = "33", [OPS_PAINT_BAD] = "31",
        [OPS_PAINT_DIM] = "2",   [OPS_PAINT_BOLD] = "1",
    };
    if (!style->color || !codes[paint])
        return false;
    ops_buf_append_format(buf, "\033[%sm", codes[paint]);
    return true;
}

static void end(struct ops_buf *buf, bool begun)
{
    ops_buf_append_text(buf, begun ? "\033[0m" : "");
}

void ops_paint_append(struct ops_buf *buf, const struct ops_style *style, enum ops_paint paint, const char *text)
{
    bool begun = begin(buf, style, paint);
    ops_buf_append_text(buf, text);
    end(buf, begun);
}

void ops_paint_append_wrapped(struct ops_buf *buf, const struct ops_style *style, enum ops_paint paint, const char *text,
                              size_t column, size_t indent)
{
    bool begun = begin(buf, style, paint);
    ops_text_append_wrapped(buf, text, column, indent, style->columns);
    end(buf, begun);
}
