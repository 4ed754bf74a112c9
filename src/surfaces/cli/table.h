/* A table of text, aligned by the columns that a terminal gives its characters. */
#ifndef OPS_SURFACES_CLI_TABLE_H
#define OPS_SURFACES_CLI_TABLE_H

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
};

/* Appends text as it is, in colour when the style has it. */
void ops_paint_append(struct ops_buf *buf, const struct ops_style *style, enum ops_paint paint, const char *text);

struct ops_table_column {
    const char *title;
    bool right;    /* aligned to the right, as numbers are */
    bool flexible; /* may be cut when the table is too wide */
};

struct ops_table_cell {
    char *text;
    enum ops_paint paint;
};

struct ops_table {
    const struct ops_table_column *columns;
    size_t column_count;
    struct ops_table_cell *cells; /* row after row */
    size_t cell_count;
    size_t capacity;
    enum ops_status status; /* the first failure of an add; it sticks */
};

/* columns is borrowed. */
void ops_table_init(struct ops_table *table, const struct ops_table_column *columns, size_t column_count);
void ops_table_release(struct ops_table *table);

/* The next cell, row after row; text is copied and made safe. NULL gives an empty cell. */
void ops_table_add(struct ops_table *table, const char *text);
void ops_table_add_painted(struct ops_table *table, const char *text, enum ops_paint paint);
void ops_table_add_number(struct ops_table *table, int64_t number);

size_t ops_table_rows(const struct ops_table *table);

/* Titles and rows, each line indented by two. */
enum ops_status ops_table_write(const struct ops_table *table, const struct ops_style *style,
                                struct ops_buf *buf) OPS_MUST_USE;

#endif
