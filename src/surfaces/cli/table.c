#include "surfaces/cli/table.h"

#include "base/mem.h"
#include "surfaces/cli/human.h"
#include "surfaces/cli/text.h"

enum { CELL_MAX_BYTES = 64 * 1024 };

void ops_table_init(struct ops_table *table, const struct ops_table_column *columns, size_t column_count)
{
    *table = (struct ops_table){.columns = columns, .column_count = column_count, .status = OPS_OK};
    if (column_count > OPS_TABLE_COLUMNS_MAX)
        table->status = OPS_LIMIT;
}

void ops_table_release(struct ops_table *table)
{
    for (size_t i = 0; i < table->cell_count; i++)
        ops_mem_free(table->cells[i].text);
    for (size_t i = 0; i < table->note_count; i++)
        ops_mem_free(table->notes[i].cell.text);
    ops_mem_free(table->cells);
    ops_mem_free(table->notes);
    ops_table_init(table, table->columns, table->column_count);
}

/* The text made safe, on the heap; NULL and the table's failure without memory. */
static char *safe_copy(struct ops_table *table, const char *text)
{
    struct ops_buf safe;
    ops_buf_init(&safe, CELL_MAX_BYTES);
    ops_text_append_safe(&safe, ops_view_of(text));
    char *copy = ops_buf_take(&safe);
    if (!copy)
        table->status = OPS_NO_MEMORY;
    return copy;
}

void ops_table_add_painted(struct ops_table *table, const char *text, enum ops_paint paint)
{
    char *copy = table->status == OPS_OK ? safe_copy(table, text) : NULL;
    if (!copy)
        return;
    void *cells = ops_mem_room(table->cells, table->cell_count, &table->cell_capacity, sizeof *table->cells);
    if (!cells) {
        ops_mem_free(copy);
        table->status = OPS_NO_MEMORY;
        return;
    }
    table->cells = cells;
    table->cells[table->cell_count++] = (struct ops_table_cell){copy, paint};
}

void ops_table_note(struct ops_table *table, const char *text, enum ops_paint paint)
{
    char *copy = table->status == OPS_OK ? safe_copy(table, text) : NULL;
    if (!copy)
        return;
    void *notes = ops_mem_room(table->notes, table->note_count, &table->note_capacity, sizeof *table->notes);
    if (!notes) {
        ops_mem_free(copy);
        table->status = OPS_NO_MEMORY;
        return;
    }
    size_t row = table->cell_count ? (table->cell_count - 1) / table->column_count : 0;
    table->notes = notes;
    table->notes[table->note_count++] = (struct ops_table_note){row, {copy, paint}};
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
