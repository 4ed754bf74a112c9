/* A table on paper: each row in as many lines as its cells need, and beneath it what had no room and what is noted of it. */
#include "surfaces/cli/layout.h"

#include "surfaces/cli/text.h"

#include <ctype.h>
#include <string.h>

enum { CELL_LINES_MAX_BYTES = 1024 * 1024, NOTE_HANG = 2 };

struct page {
    const struct ops_table *table;
    const struct ops_style *style;
    const struct ops_layout *layout;
    struct ops_buf *buf;
    size_t next_note;
};

static void end_line(struct ops_buf *buf)
{
    while (buf->length > 0 && buf->data[buf->length - 1] == ' ')
        buf->data[--buf->length] = '\0';
    ops_buf_append_char(buf, '\n');
}

/* One line of a cell, and the gap to the next. */
static void write_piece(struct page *page, size_t c, const char *text, enum ops_paint paint, bool is_first)
{
    size_t width = page->layout->columns[c].width, taken = ops_text_width(ops_view_of(text));
    size_t padding = width > taken ? width - taken : 0;
    bool right = page->table->columns[c].right;
    ops_text_append_spaces(page->buf, (is_first ? OPS_LAYOUT_INDENT : OPS_LAYOUT_GAP) + (right ? padding : 0));
    if (*text)
        ops_paint_append(page->buf, page->style, paint, text);
    ops_text_append_spaces(page->buf, right ? 0 : padding);
}

static bool is_beside(const struct page *page, size_t c)
{
    return page->layout->columns[c].place == OPS_LAYOUT_BESIDE;
}

static void write_titles(struct page *page)
{
    bool is_first = true;
    for (size_t c = 0; c < page->table->column_count; c++) {
        if (!is_beside(page, c))
            continue;
        write_piece(page, c, page->table->columns[c].title, OPS_PAINT_DIM, is_first);
        is_first = false;
    }
    end_line(page->buf);
}

/* ---- A row ---- */

/* The lines that a cell takes, with line ends between them. */
static void make_lines(const struct page *page, size_t row, size_t c, struct ops_buf *lines)
{
    const struct ops_layout_column *column = &page->layout->columns[c];
    enum ops_column_kind kind = page->table->columns[c].kind;
    struct ops_view text = ops_view_of(page->table->cells[row * page->table->column_count + c].text);
    if (ops_text_width(text) <= column->width)
        ops_buf_append_view(lines, text);
    else if (kind == OPS_COLUMN_WORDS)
        ops_text_append_wrapped(lines, text.data, 0, 0, column->width);
    else if (kind == OPS_COLUMN_NAME && !(column->alike && column->alike[row]))
        ops_text_append_middle_cut(lines, text, column->width, column->head);
    else
        (void)ops_text_append_broken(lines, text, 0, 0, column->width);
}

/* Takes the next line off the front of *rest and ends it with a NUL; "" when there is none left. */
static const char *next_line(char **rest)
{
    char *line = *rest, *end = line + strcspn(line, "\n");
    *rest = *end ? end + 1 : end;
    *end = '\0';
    return line;
}

static bool has_more(const struct page *page, char *const *rests)
{
    bool more = false;
    for (size_t c = 0; c < page->table->column_count; c++)
        more = more || *rests[c];
    return more;
}

static void write_lines(struct page *page, size_t row, char **rests)
{
    const struct ops_table_cell *cells = page->table->cells + row * page->table->column_count;
    do {
        bool is_first = true;
        for (size_t c = 0; c < page->table->column_count; c++) {
            if (!is_beside(page, c))
                continue;
            write_piece(page, c, next_line(&rests[c]), cells[c].paint, is_first);
            is_first = false;
        }
        end_line(page->buf);
    } while (has_more(page, rests));
}

static enum ops_status write_row(struct page *page, size_t row)
{
    static char nothing[1];
    struct ops_buf lines[OPS_TABLE_COLUMNS_MAX];
    char *rests[OPS_TABLE_COLUMNS_MAX];
    enum ops_status status = OPS_OK;
    for (size_t c = 0; c < page->table->column_count; c++) {
        ops_buf_init(&lines[c], CELL_LINES_MAX_BYTES);
        if (is_beside(page, c))
            make_lines(page, row, c, &lines[c]);
        status = status == OPS_OK ? ops_buf_status(&lines[c]) : status;
        rests[c] = lines[c].data ? lines[c].data : nothing;
    }
    if (status == OPS_OK)
        write_lines(page, row, rests);
    for (size_t c = 0; c < page->table->column_count; c++)
        ops_buf_release(&lines[c]);
    return status;
}

/* ---- What is beneath it ---- */

static void append_lower(struct ops_buf *buf, const char *title)
{
    for (; *title; title++)
        ops_buf_append_char(buf, (char)tolower((unsigned char)*title));
}

/* "status failed", on the line that is begun, or on the next one when that is full, or on two; returns the column behind
 * it. */
static size_t write_pair(struct page *page, const char *title, const struct ops_table_cell *cell, size_t column)
{
    enum { INDENT = OPS_LAYOUT_BENEATH_INDENT };
    size_t name = ops_text_width(ops_view_of(title)), value = ops_text_width(ops_view_of(cell->text));
    if (column > 0 && column + OPS_LAYOUT_GAP + name + 1 + value > page->style->columns) {
        end_line(page->buf);
        column = 0;
    }
    size_t before = column ? OPS_LAYOUT_GAP : INDENT;
    struct ops_buf lower;
    ops_buf_init(&lower, CELL_LINES_MAX_BYTES);
    append_lower(&lower, title);
    ops_text_append_spaces(page->buf, before);
    ops_paint_append(page->buf, page->style, OPS_PAINT_DIM, ops_buf_text(&lower));
    ops_buf_append_char(page->buf, ' ');
    ops_buf_release(&lower);
    column += before + name + 1;
    bool full = column >= page->style->columns;
    if (full || (column + value > page->style->columns && INDENT + value <= page->style->columns)) {
        end_line(page->buf);
        ops_text_append_spaces(page->buf, INDENT);
        column = INDENT;
    }
    if (column + value > page->style->columns)
        return ops_text_append_broken(page->buf, ops_view_of(cell->text), column, INDENT, page->style->columns);
    ops_paint_append(page->buf, page->style, cell->paint, cell->text);
    return column + value;
}

static void write_words(struct page *page, const struct ops_table_cell *cell, size_t hang)
{
    ops_text_append_spaces(page->buf, OPS_LAYOUT_BENEATH_INDENT);
    ops_paint_append_wrapped(page->buf, page->style, cell->paint, cell->text, OPS_LAYOUT_BENEATH_INDENT,
                             OPS_LAYOUT_BENEATH_INDENT + hang);
    end_line(page->buf);
}

static void write_beneath(struct page *page, size_t row)
{
    const struct ops_table *table = page->table;
    const struct ops_table_cell *cells = table->cells + row * table->column_count;
    size_t column = 0;
    for (size_t c = 0; c < table->column_count; c++)
        if (page->layout->columns[c].place == OPS_LAYOUT_BENEATH && table->columns[c].kind != OPS_COLUMN_WORDS &&
            !ops_layout_says_nothing(&table->columns[c], &cells[c]))
            column = write_pair(page, table->columns[c].title, &cells[c], column);
    if (column > 0)
        end_line(page->buf);
    for (size_t c = 0; c < table->column_count; c++)
        if (page->layout->columns[c].place == OPS_LAYOUT_BENEATH && table->columns[c].kind == OPS_COLUMN_WORDS &&
            *cells[c].text)
            write_words(page, &cells[c], 0);
}

static void write_notes(struct page *page, size_t row)
{
    for (; page->next_note < page->table->note_count && page->table->notes[page->next_note].row <= row; page->next_note++)
        write_words(page, &page->table->notes[page->next_note].cell, NOTE_HANG);
}

enum ops_status ops_table_write(const struct ops_table *table, const struct ops_style *style, struct ops_buf *buf)
{
    struct ops_layout layout;
    enum ops_status status = table->status;
    if (status == OPS_OK)
        status = ops_layout_make(table, style->columns, &layout);
    if (status != OPS_OK)
        return status;
    struct page page = {.table = table, .style = style, .layout = &layout, .buf = buf};
    write_titles(&page);
    for (size_t row = 0; status == OPS_OK && row < ops_table_rows(table); row++) {
        status = write_row(&page, row);
        write_beneath(&page, row);
        write_notes(&page, row);
    }
    ops_layout_release(&layout);
    return status == OPS_OK ? ops_buf_status(buf) : status;
}
