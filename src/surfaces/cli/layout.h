/* Where the columns of a table go when it is written for a terminal of some width. Pure arithmetic over a table. */
#ifndef OPS_SURFACES_CLI_LAYOUT_H
#define OPS_SURFACES_CLI_LAYOUT_H

#include "surfaces/cli/table.h"

enum {
    OPS_LAYOUT_INDENT = 2,         /* of a row */
    OPS_LAYOUT_GAP = 2,            /* between two columns */
    OPS_LAYOUT_BENEATH_INDENT = 4, /* of what is beneath a row */
};

enum ops_layout_place { OPS_LAYOUT_BESIDE, OPS_LAYOUT_BENEATH, OPS_LAYOUT_LEFT_OUT };

struct ops_layout_column {
    enum ops_layout_place place;
    size_t width; /* beside */
    size_t head;  /* of a name that is cut: the columns before the "…" */
    bool *alike;  /* by row: cut, the name would look like another one. NULL: none would */
};

struct ops_layout {
    struct ops_layout_column columns[OPS_TABLE_COLUMNS_MAX];
    size_t column_count;
};

/* columns: of the terminal; 0: there is room for everything. OPS_NO_MEMORY leaves nothing to release. */
enum ops_status ops_layout_make(const struct ops_table *table, size_t columns, struct ops_layout *ret_layout) OPS_MUST_USE;
void ops_layout_release(struct ops_layout *layout);

/* The cell says nothing that its column's title and the rest of the row don't. */
bool ops_layout_says_nothing(const struct ops_table_column *column, const struct ops_table_cell *cell);

#endif
