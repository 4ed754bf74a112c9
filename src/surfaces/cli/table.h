/* A table of text, aligned by the columns that a terminal gives its characters, and laid out so that no line is wider than
 * the terminal.
 *
 * With room enough a row is a line. With less, names are cut in the middle as long as that leaves them apart, words are
 * wrapped, and the columns for which that is not enough go beneath their row, from the last on. Without a terminal every
 * column is there and nothing is cut or wrapped: whatever reads it gets it whole.
 */
#ifndef OPS_SURFACES_CLI_TABLE_H
#define OPS_SURFACES_CLI_TABLE_H

#include "surfaces/cli/style.h"

/* What may be done with a column for which there is no room. */
enum ops_column_kind {
    OPS_COLUMN_WHOLE, /* nothing: an id, a time, a number, a status */
    OPS_COLUMN_NAME,  /* cut in the middle; a name that would look like another is broken over lines instead */
    OPS_COLUMN_WORDS, /* wrapped at words; the first to go beneath its row, where it needs no title */
};

struct ops_table_column {
    const char *title;
    enum ops_column_kind kind;
    bool right; /* aligned to the right, as numbers are */
    bool quiet; /* left out on a terminal where there is nothing but "" and "0" in it */
    bool spare; /* left out where there is nothing in it, and on a terminal where the others leave no room for it */
};

struct ops_table_cell {
    char *text;
    enum ops_paint paint;
};

/* A line beneath a row. */
struct ops_table_note {
    size_t row;
    struct ops_table_cell cell;
};

struct ops_table {
    const struct ops_table_column *columns;
    size_t column_count;
    struct ops_table_cell *cells; /* row after row */
    size_t cell_count;
    size_t cell_capacity;
    struct ops_table_note *notes; /* by row */
    size_t note_count;
    size_t note_capacity;
    enum ops_status status; /* the first failure of an add; it sticks */
};

enum { OPS_TABLE_COLUMNS_MAX = 16 };

/* columns is borrowed. */
void ops_table_init(struct ops_table *table, const struct ops_table_column *columns, size_t column_count);
void ops_table_release(struct ops_table *table);

/* The next cell, row after row; text is copied and made safe. NULL gives an empty cell. */
void ops_table_add(struct ops_table *table, const char *text);
void ops_table_add_painted(struct ops_table *table, const char *text, enum ops_paint paint);
void ops_table_add_number(struct ops_table *table, int64_t number);

/* Words for beneath the row that the latest cell belongs to, wrapped on a terminal. */
void ops_table_note(struct ops_table *table, const char *text, enum ops_paint paint);

size_t ops_table_rows(const struct ops_table *table);

/* Titles and rows, each line indented by two. */
enum ops_status ops_table_write(const struct ops_table *table, const struct ops_style *style,
                                struct ops_buf *buf) OPS_MUST_USE;

#endif
