#include "surfaces/cli/table.h"

#include "base/mem.h"
#include "surfaces/cli/human.h"
#include "surfaces/cli/text.h"

enum {
    GAP = 2,
    INDENT = 2,
    FLEXIBLE_MIN = 8, /* a column is not cut narrower than this */
    COLUMNS_MAX = 16,
    CELL_MAX_BYTES = 64 * 1024,
};

void ops_paint_append(struct ops_buf *buf, const struct ops_style *style, enum ops_paint paint, const char *text)
{
    static const char *const codes[OPS_PAINT_COUNT] = {
        [OPS_PAINT_GOOD] = "32", [OPS_PAINT_BUSY] = "33", [OPS_PAINT_BAD] = "31",
        [OPS_PAINT_DIM] = "2",   [OPS_PAINT_BOLD] = "1",
    };
    if (style->color && codes[paint])
        ops_buf_append_format(buf, "\033[%sm%s\033[0m", codes[paint], text);
    else
        ops_buf_append_text(buf, text);
}

void ops_table_init(struct ops_table *table, const struct ops_table_column *columns, size_t column_count)
{
    *table = (struct ops_table){.columns = columns, .column_count = column_count, .status = OPS_OK};
    if (column_count > COLUMNS_MAX)
        table->status = OPS_LIMIT;
}

void ops_table_release(struct ops_table *table)
{
    for (size_t i = 0; i < table->cell_count; i++)
        ops_mem_free(table->cells[i].text);
    ops_mem_free(table->cells);
    ops_table_init(table, table->columns, table->column_count);
}

static bool table_reserve(struct ops_table *table)
{
    if (table->cell_count < table->capacity)
        return true;
    size_t capacity = table->capacity ? table->capacity * 2 : 64;
    struct ops_table_cell *cells = ops_mem_resize(table->cells, capacity * sizeof *cells);
    if (!cells)
        return false;
    table->cells = cells;
    table->capacity = capacity;
    return true;
}

void ops_table_add_painted(struct ops_table *table, const char *text, enum ops_paint paint)
{
    if (table->status != OPS_OK)
        return;
    struct ops_buf safe;
    ops_buf_init(&safe, CELL_MAX_BYTES);
    ops_text_append_safe(&safe, ops_view_of(text));
    char *copy = ops_buf_take(&safe);
    if (!copy || !table_reserve(table)) {
        ops_mem_free(copy);
        table->status = OPS_NO_MEMORY;
        return;
    }
    table->cells[table->cell_count++] = (struct ops_table_cell){copy, paint};
}

void ops_table_add(struct ops_table *table, const char *text)
{
    ops_table_add_painted(table, text, OPS_PAINT_NONE);
}

void ops_table_add_number(struct ops_table *table, int64_t number)
{
    char text[OPS_HUMAN_SIZE];
    ops_table_add(table, ops_human_number(number, text));
}

size_t ops_table_rows(const struct ops_table *table)
{
    return table->column_count ? table->cell_count / table->column_count : 0;
}

static size_t total_width(const struct ops_table *table, const size_t *widths)
{
    size_t total = INDENT + GAP * (table->column_count - 1);
    for (size_t c = 0; c < table->column_count; c++)
        total += widths[c];
    return total;
}

/* The widest flexible column that can still give, or column_count. */
static size_t widest_flexible(const struct ops_table *table, const size_t *widths)
{
    size_t widest = table->column_count;
    for (size_t c = 0; c < table->column_count; c++)
        if (table->columns[c].flexible && widths[c] > FLEXIBLE_MIN &&
            (widest == table->column_count || widths[c] > widths[widest]))
            widest = c;
    return widest;
}

static void measure(const struct ops_table *table, const struct ops_style *style, size_t *widths)
{
    for (size_t c = 0; c < table->column_count; c++)
        widths[c] = ops_text_width(ops_view_of(table->columns[c].title));
    for (size_t i = 0; i < table->cell_count; i++) {
        size_t width = ops_text_width(ops_view_of(table->cells[i].text));
        if (width > widths[i % table->column_count])
            widths[i % table->column_count] = width;
    }
    if (style->columns == 0)
        return;
    for (size_t total = total_width(table, widths); total > style->columns; total--) {
        size_t widest = widest_flexible(table, widths);
        if (widest == table->column_count)
            return;
        widths[widest]--;
    }
}

static enum ops_status write_cell(const struct ops_style *style, const struct ops_table_cell *cell, size_t width, bool right,
                                  bool last, struct ops_buf *buf)
{
    struct ops_buf cut;
    ops_buf_init(&cut, CELL_MAX_BYTES + 8);
    ops_text_append_cut(&cut, ops_view_of(cell->text), width);
    size_t padding = width - ops_text_width(ops_buf_view(&cut));
    if (right)
        ops_text_append_spaces(buf, padding);
    ops_paint_append(buf, style, cell->paint, ops_buf_text(&cut));
    if (!right && !last)
        ops_text_append_spaces(buf, padding);
    enum ops_status status = ops_buf_status(&cut);
    ops_buf_release(&cut);
    return status;
}

static void end_row(struct ops_buf *buf)
{
    while (buf->length > 0 && buf->data[buf->length - 1] == ' ')
        buf->data[--buf->length] = '\0';
    ops_buf_append_char(buf, '\n');
}

static void write_titles(const struct ops_table *table, const struct ops_style *style, const size_t *widths,
                         struct ops_buf *buf)
{
    ops_text_append_spaces(buf, INDENT);
    for (size_t c = 0; c < table->column_count; c++) {
        bool last = c + 1 == table->column_count;
        size_t padding = widths[c] - ops_text_width(ops_view_of(table->columns[c].title));
        ops_text_append_spaces(buf, table->columns[c].right ? padding : 0);
        ops_paint_append(buf, style, OPS_PAINT_DIM, table->columns[c].title);
        ops_text_append_spaces(buf, last ? 0 : GAP + (table->columns[c].right ? 0 : padding));
    }
    end_row(buf);
}

static enum ops_status write_row(const struct ops_table *table, const struct ops_style *style,
                                 const struct ops_table_cell *cells, const size_t *widths, struct ops_buf *buf)
{
    enum ops_status status = OPS_OK;
    ops_text_append_spaces(buf, INDENT);
    for (size_t c = 0; status == OPS_OK && c < table->column_count; c++) {
        bool last = c + 1 == table->column_count;
        status = write_cell(style, &cells[c], widths[c], table->columns[c].right, last, buf);
        if (!last)
            ops_text_append_spaces(buf, GAP);
    }
    end_row(buf);
    return status;
}

enum ops_status ops_table_write(const struct ops_table *table, const struct ops_style *style, struct ops_buf *buf)
{
    if (table->status != OPS_OK)
        return table->status;
    size_t widths[COLUMNS_MAX];
    measure(table, style, widths);
    write_titles(table, style, widths, buf);
    enum ops_status status = OPS_OK;
    for (size_t r = 0; status == OPS_OK && r < ops_table_rows(table); r++)
        status = write_row(table, style, table->cells + r * table->column_count, widths, buf);
    return status == OPS_OK ? ops_buf_status(buf) : status;
}
