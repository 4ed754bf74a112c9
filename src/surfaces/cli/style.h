/* How text is written for one stream: in which colours, and how wide. */
#ifndef OPS_SURFACES_CLI_STYLE_H
#define OPS_SURFACES_CLI_STYLE_H

#include "base/buf.h"

enum ops_paint {
    OPS_PAINT_NONE,
    OPS_PAINT_GOOD,
    OPS_PAINT_BUSY,
    OPS_PAINT_BAD,
    OPS_PAINT_DIM,
    OPS_PAINT_BOLD,
    OPS_PAINT_COUNT
};

/* How to write for one stream. */
struct ops_style {
    bool color;
    size_t columns; /* 0: as wide as it takes */
    int64_t now_ms;
    const char *zone; /* in which the operator wrote a time, a name or an offset; borrowed. NULL: in none */
};

/* Appends text as it is, in colour when the style has it. */
void ops_paint_append(struct ops_buf *buf, const struct ops_style *style, enum ops_paint paint, const char *text);

/* The words of text in its colour, wrapped at the style's width: the first line goes on at column, the others are indented.
 * No line end after the last one. */
void ops_paint_append_wrapped(struct ops_buf *buf, const struct ops_style *style, enum ops_paint paint, const char *text,
                              size_t column, size_t indent);

#endif
