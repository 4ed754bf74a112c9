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

void ops_text_append_cut(struct ops_buf *buf, struct ops_view text, size_t width)
{
    size_t columns;
    if (fitting(text, width, &columns) == text.length) {
        ops_buf_append_view(buf, text);
        return;
    }
    if (width == 0)
        return;
    ops_buf_append(buf, text.data, fitting(text, width - 1, &columns));
    ops_buf_append_text(buf, "…");
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
        if (!at_start && column + 1 + word_width > width) {
            append_line_end(buf, indent);
            column = indent;
        } else if (!at_start) {
            ops_buf_append_char(buf, ' ');
            column++;
        }
        ops_buf_append_view(buf, word);
        column += word_width;
        at_start = false;
        text += word.length;
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
