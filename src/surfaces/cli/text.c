#include "surfaces/cli/text.h"

#include "base/unicode.h"

#include <wchar.h>

void ops_text_append_safe(struct ops_buf *buf, struct ops_view text)
{
    ops_unicode_append_visible(buf, text);
}

static size_t point_width(uint32_t point)
{
    int width = wcwidth((wchar_t)point);
    return width < 0 ? 1 : (size_t)width;
}

/* The bytes at the front of text that fit into width columns, and how many columns they take. */
static size_t fitting(struct ops_view text, size_t width, size_t *ret_taken)
{
    size_t bytes = 0, columns = 0;
    while (bytes < text.length) {
        uint32_t point = '?';
        size_t length = ops_unicode_decode(ops_view(text.data + bytes, text.length - bytes), &point);
        size_t more = point_width(point);
        if (more > width - columns)
            break;
        columns += more;
        bytes += length ? length : 1;
    }
    *ret_taken = columns;
    return bytes;
}

size_t ops_text_width(struct ops_view text)
{
    size_t columns;
    (void)fitting(text, SIZE_MAX, &columns);
    return columns;
}

/* The byte at which the last characters begin that fit into width columns, never with one that belongs to the one before. */
static size_t last_fitting(struct ops_view text, size_t width)
{
    size_t before = 0, total = ops_text_width(text);
    for (size_t at = 0; at < text.length;) {
        uint32_t point = '?';
        size_t length = ops_unicode_decode(ops_view(text.data + at, text.length - at), &point);
        size_t columns = point_width(point);
        if (columns > 0 && total - before <= width)
            return at;
        before += columns;
        at += length ? length : 1;
    }
    return text.length;
}

struct ops_view ops_text_front(struct ops_view text, size_t width)
{
    size_t columns;
    return ops_view(text.data, fitting(text, width, &columns));
}

struct ops_view ops_text_back(struct ops_view text, size_t width)
{
    size_t at = last_fitting(text, width);
    return ops_view(text.data + at, text.length - at);
}

void ops_text_append_cut(struct ops_buf *buf, struct ops_view text, size_t width)
{
    ops_text_append_middle_cut(buf, text, width, width > 0 ? width - 1 : 0);
}

void ops_text_append_middle_cut(struct ops_buf *buf, struct ops_view text, size_t width, size_t head)
{
    if (ops_text_width(text) <= width) {
        ops_buf_append_view(buf, text);
        return;
    }
    if (width == 0)
        return;
    ops_buf_append_view(buf, ops_text_front(text, head));
    ops_buf_append_text(buf, "…");
    ops_buf_append_view(buf, ops_text_back(text, width - 1 - head));
}

void ops_text_append_spaces(struct ops_buf *buf, size_t count)
{
    for (; count > 0; count--)
        ops_buf_append_char(buf, ' ');
}

static void append_line_end(struct ops_buf *buf, size_t indent)
{
    ops_buf_append_char(buf, '\n');
    ops_text_append_spaces(buf, indent);
}

/* As much of text as fits into width columns, but one character at least: a line that is too narrow for it gets it all the
 * same. */
static struct ops_view piece_of(struct ops_view text, size_t width)
{
    struct ops_view piece = ops_text_front(text, width);
    for (size_t wider = width + 1; piece.length == 0 && text.length > 0; wider++)
        piece = ops_text_front(text, wider);
    return piece;
}

static struct ops_view rest_of(struct ops_view text, struct ops_view piece)
{
    return ops_view(text.data + piece.length, text.length - piece.length);
}

size_t ops_text_append_broken(struct ops_buf *buf, struct ops_view text, size_t column, size_t indent, size_t width)
{
    while (width > 0 && column + ops_text_width(text) > width) {
        struct ops_view piece = piece_of(text, width > column ? width - column : 1);
        ops_buf_append_view(buf, piece);
        text = rest_of(text, piece);
        if (text.length == 0)
            return column + ops_text_width(piece);
        append_line_end(buf, indent);
        column = indent;
    }
    ops_buf_append_view(buf, text);
    return column + ops_text_width(text);
}

/* A word that is wider than a line is broken where the line ends. */
void ops_text_append_wrapped(struct ops_buf *buf, const char *text, size_t column, size_t indent, size_t width)
{
    bool at_start = true;
    while (*text) {
        if (*text == '\n') {
            append_line_end(buf, text[1] == '\n' ? 0 : indent);
            column = indent;
            at_start = true;
            text++;
            continue;
        }
        if (*text == ' ') {
            text++;
            continue;
        }
        struct ops_view word = ops_view(text, strcspn(text, " \n"));
        size_t word_width = ops_text_width(word);
        bool fits = width == 0 || column + !at_start + word_width <= width;
        if (!fits && (!at_start || (column > indent && indent + word_width <= width))) {
            append_line_end(buf, indent);
            column = indent;
        } else if (!at_start) {
            ops_buf_append_char(buf, ' ');
            column++;
        }
        column = ops_text_append_broken(buf, word, column, indent, width);
        at_start = false;
        text += word.length;
    }
}

enum { COMMAND_END = 2 }; /* columns for the backslash, and the space before it */

/* A shell joins what a backslash at a line's end takes apart: between words, where the next line may be indented, and within
 * one, where it may not. */
static size_t append_command_word(struct ops_buf *buf, struct ops_view word, size_t column, size_t width)
{
    size_t left = ops_text_width(word);
    while (width > 0 && column + left + COMMAND_END > width && left > 1) {
        size_t room = column + 1 < width ? width - column - 1 : 1;
        struct ops_view piece = piece_of(word, room < left ? room : left - 1);
        ops_buf_append_view(buf, piece);
        ops_buf_append_text(buf, "\\\n");
        word = rest_of(word, piece);
        left = ops_text_width(word);
        column = 0;
    }
    ops_buf_append_view(buf, word);
    return column + left;
}

void ops_text_append_command(struct ops_buf *buf, const char *command, size_t column, size_t indent, size_t width)
{
    for (bool at_start = true; *command; at_start = false) {
        struct ops_view word = ops_view(command, strcspn(command, " "));
        if (!at_start && width > 0 && column + 1 + ops_text_width(word) + COMMAND_END > width) {
            ops_buf_append_text(buf, " \\");
            append_line_end(buf, indent);
            column = indent;
        } else if (!at_start) {
            ops_buf_append_char(buf, ' ');
            column++;
        }
        column = append_command_word(buf, word, column, width);
        command += word.length;
        command += strspn(command, " ");
    }
}

enum { DISTANCE_MAX = 40 };

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Three rows of the usual matrix; a swap of neighbours looks two rows back. */
size_t ops_text_distance(struct ops_view a, struct ops_view b)
{
    if (a.length > DISTANCE_MAX || b.length > DISTANCE_MAX)
        return SIZE_MAX;
    size_t rows[3][DISTANCE_MAX + 1];
    size_t *before = rows[0], *above = rows[1], *row = rows[2];
    for (size_t k = 0; k <= b.length; k++)
        above[k] = before[k] = k;
    for (size_t i = 1; i <= a.length; i++) {
        row[0] = i;
        for (size_t k = 1; k <= b.length; k++) {
            row[k] = smaller(smaller(above[k], row[k - 1]) + 1, above[k - 1] + (a.data[i - 1] != b.data[k - 1]));
            if (i > 1 && k > 1 && a.data[i - 1] == b.data[k - 2] && a.data[i - 2] == b.data[k - 1])
                row[k] = smaller(row[k], before[k - 2] + 1);
        }
        size_t *spare = before;
        before = above;
        above = row;
        row = spare;
    }
    return above[b.length];
}
