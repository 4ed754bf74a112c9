/* Text for a terminal: made safe, measured, cut and wrapped. */
#ifndef OPS_SURFACES_CLI_TEXT_H
#define OPS_SURFACES_CLI_TEXT_H

#include "base/buf.h"

/* What came from elsewhere must not steer the terminal, nor hide anything from who reads it: control characters,
 * invalid UTF-8, characters that turn the direction of writing and those that nobody sees are appended as \n, \t, \x1b,
 * \u202e or \U000e0041 (base/unicode.h); all else as it is. */
void ops_text_append_safe(struct ops_buf *buf, struct ops_view text);

/* Columns that a safe text takes. */
size_t ops_text_width(struct ops_view text);

/* The text, or as much of it as leaves room for "…" in width columns. */
void ops_text_append_cut(struct ops_buf *buf, struct ops_view text, size_t width);

void ops_text_append_spaces(struct ops_buf *buf, size_t count);

/* The words of text, in lines no longer than width. The first line starts at column; the others are indented. A line end
 * in the text starts a new line. No line end after the last one. */
void ops_text_append_wrapped(struct ops_buf *buf, const char *text, size_t column, size_t indent, size_t width);

/* How alike two words are: the number of letters to insert, drop, change or swap. */
size_t ops_text_distance(struct ops_view a, struct ops_view b);

#endif
