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

/* The first or the last characters of a safe text, as many as width columns have room for. A character is not parted from
 * the marks that combine with it. */
struct ops_view ops_text_front(struct ops_view text, size_t width);
struct ops_view ops_text_back(struct ops_view text, size_t width);

/* The text, or as much of it as leaves room for "…" in width columns: of its beginning; or head columns of its beginning,
 * less than width, and the rest of its end. */
void ops_text_append_cut(struct ops_buf *buf, struct ops_view text, size_t width);
void ops_text_append_middle_cut(struct ops_buf *buf, struct ops_view text, size_t width, size_t head);

void ops_text_append_spaces(struct ops_buf *buf, size_t count);

/* The three that follow write lines no longer than width; 0: as long as they get. The first line starts at column; the
 * others are indented. No line end after the last one. */

/* The words of text. A line end in the text starts a new line. A word that no line has room for is broken. */
void ops_text_append_wrapped(struct ops_buf *buf, const char *text, size_t column, size_t indent, size_t width);

/* The text with every character of it, broken where a line is full. Returns the column behind its end. */
size_t ops_text_append_broken(struct ops_buf *buf, struct ops_view text, size_t column, size_t indent, size_t width);

/* A command line, in lines that a shell takes for one when they are copied: they end in a backslash. Runs of spaces count as
 * one, so a word that needs quotes has no place here. */
void ops_text_append_command(struct ops_buf *buf, const char *command, size_t column, size_t indent, size_t width);

/* How alike two words are: the number of letters to insert, drop, change or swap. */
size_t ops_text_distance(struct ops_view a, struct ops_view b);

#endif
