#include "surfaces/cli/layout.h"

#include "base/mem.h"
#include "surfaces/cli/text.h"

#include <stdlib.h>
#include <string.h>

enum {
    NAME_LEAST = 12,              /* a name's column is not cut narrower */
    NAME_LEAST_BESIDE_WORDS = 40, /* before it is, words go beneath the row: the names of what is kept are to be whole */
    WORDS_LEAST = 24,             /* with less they are better off there as well */
    HEADS_TRIED = 24,
};

static const struct ops_table_cell *cell_at(const struct ops_table *table, size_t row, size_t column)
{
    return &table->cells[row * table->column_count + column];
}

static size_t width_of(const struct ops_table_cell *cell)
{
    return ops_text_width(ops_view_of(cell->text));
}

bool ops_layout_says_nothing(const struct ops_table_column *column, const struct ops_table_cell *cell)
{
    return !*cell->text || (column->quiet && strcmp(cell->text, "0") == 0);
}

/* ---- Names that stay apart ---- */

/* A name as it looks when it is cut. */
struct look {
    struct ops_view whole, head, tail;
    size_t row;
};

static int compare_views(struct ops_view a, struct ops_view b)
{
    size_t shorter = a.length < b.length ? a.length : b.length;
    int order = shorter ? memcmp(a.data, b.data, shorter) : 0;
    return order ? order : (a.length > b.length) - (a.length < b.length);
}

static int compare_appearance(const struct look *a, const struct look *b)
{
    int order = compare_views(a->head, b->head);
    return order ? order : compare_views(a->tail, b->tail);
}

static int compare_looks(const void *left, const void *right)
{
    const struct look *a = left, *b = right;
    int order = compare_appearance(a, b);
    return order ? order : compare_views(a->whole, b->whole);
}

static void cut_looks(struct look *looks, size_t count, size_t width, size_t head)
{
    for (size_t i = 0; i < count; i++) {
        bool fits = ops_text_width(looks[i].whole) <= width;
        looks[i].head = fits ? looks[i].whole : ops_text_front(looks[i].whole, head);
        looks[i].tail = fits ? ops_view("", 0) : ops_text_back(looks[i].whole, width - 1 - head);
    }
}

/* How many names look like another one that is not the same, and, in ret_alike unless it is NULL, which. */
static size_t count_alike(struct look *looks, size_t count, bool *ret_alike)
{
    size_t alike = 0, next;
    qsort(looks, count, sizeof *looks, compare_looks);
    for (size_t first = 0; first < count; first = next) {
        for (next = first + 1; next < count && compare_appearance(&looks[first], &looks[next]) == 0;)
            next++;
        if (compare_views(looks[first].whole, looks[next - 1].whole) == 0)
            continue;
        alike += next - first;
        for (size_t i = first; ret_alike && i < next; i++)
            ret_alike[looks[i].row] = true;
    }
    return alike;
}

/* The head to begin with: a third of what there is, since names of one stack begin alike and differ towards their ends. */
static size_t first_head(size_t width)
{
    return width > 3 ? (width - 1) / 3 : 1;
}

/* The n-th head to try: the first, then less and more of it in turn. */
static size_t head_to_try(size_t width, size_t step, size_t n)
{
    size_t first = first_head(width), away = (n + 1) / 2 * step;
    if (n % 2 == 1)
        return away < first ? first - away : 1;
    return first + away + 2 < width ? first + away : width - 2;
}

static bool is_between_words(char c)
{
    return strchr("/-_.:#", c) != NULL;
}

/* How many of the names that are cut begin anew with a whole word. */
static size_t count_clean(const struct look *looks, size_t count)
{
    size_t clean = 0;
    for (size_t i = 0; i < count; i++) {
        const struct ops_view *tail = &looks[i].tail;
        clean += tail->length > 0 && (is_between_words(tail->data[0]) || is_between_words(tail->data[-1]));
    }
    return clean;
}

/* The same cut for the whole column, so that the eye can run down it: of those with the fewest names that look alike the one
 * that leaves the most words whole. */
static size_t best_head(struct look *looks, size_t count, size_t width)
{
    size_t best = first_head(width), fewest = SIZE_MAX, cleanest = 0;
    size_t step = width / HEADS_TRIED + 1;
    for (size_t n = 0; n < HEADS_TRIED; n++) {
        size_t head = head_to_try(width, step, n);
        cut_looks(looks, count, width, head);
        size_t alike = count_alike(looks, count, NULL), clean = count_clean(looks, count);
        if (alike < fewest || (alike == fewest && clean > cleanest)) {
            best = head;
            fewest = alike;
            cleanest = clean;
        }
    }
    return best;
}

static enum ops_status keep_apart(const struct ops_table *table, size_t c, struct ops_layout_column *column)
{
    size_t rows = ops_table_rows(table);
    struct look *looks = ops_mem_zeroed(rows, sizeof *looks);
    if (!looks)
        return OPS_NO_MEMORY;
    for (size_t row = 0; row < rows; row++)
        looks[row] = (struct look){.whole = ops_view_of(cell_at(table, row, c)->text), .row = row};
    column->head = best_head(looks, rows, column->width);
    cut_looks(looks, rows, column->width, column->head);
    enum ops_status status = OPS_OK;
    if (count_alike(looks, rows, NULL) > 0) {
        column->alike = ops_mem_zeroed(rows, sizeof *column->alike);
        if (column->alike)
            (void)count_alike(looks, rows, column->alike);
        else
            status = OPS_NO_MEMORY;
    }
    ops_mem_free(looks);
    return status;
}

/* ---- Places and widths ---- */

static size_t natural_width(const struct ops_table *table, size_t c)
{
    size_t widest = ops_text_width(ops_view_of(table->columns[c].title));
    for (size_t row = 0; row < ops_table_rows(table); row++) {
        size_t width = width_of(cell_at(table, row, c));
        widest = width > widest ? width : widest;
    }
    return widest;
}

static bool is_silent(const struct ops_table *table, size_t c)
{
    bool silent = table->columns[c].quiet || table->columns[c].spare;
    for (size_t row = 0; silent && row < ops_table_rows(table); row++)
        silent = ops_layout_says_nothing(&table->columns[c], cell_at(table, row, c));
    return silent;
}

static bool has_words_beside(const struct ops_table *table, const struct ops_layout *layout)
{
    bool has = false;
    for (size_t c = 0; c < layout->column_count; c++)
        has = has || (table->columns[c].kind == OPS_COLUMN_WORDS && layout->columns[c].place == OPS_LAYOUT_BESIDE);
    return has;
}

static size_t least_width(const struct ops_table *table, const struct ops_layout *layout, size_t c)
{
    const size_t least[] = {
        [OPS_COLUMN_WHOLE] = SIZE_MAX,
        [OPS_COLUMN_NAME] = has_words_beside(table, layout) ? NAME_LEAST_BESIDE_WORDS : NAME_LEAST,
        [OPS_COLUMN_WORDS] = WORDS_LEAST,
    };
    size_t natural = layout->columns[c].width, limit = least[table->columns[c].kind];
    return natural < limit ? natural : limit;
}

static size_t total_width(const struct ops_table *table, const struct ops_layout *layout, bool least)
{
    size_t total = OPS_LAYOUT_INDENT, shown = 0;
    for (size_t c = 0; c < layout->column_count; c++) {
        if (layout->columns[c].place != OPS_LAYOUT_BESIDE)
            continue;
        total += (shown++ ? OPS_LAYOUT_GAP : 0) + (least ? least_width(table, layout, c) : layout->columns[c].width);
    }
    return total;
}

/* The last column beside that is of words, else the last of any kind but for the first; column_count: there is none. */
static size_t next_beneath(const struct ops_table *table, const struct ops_layout *layout)
{
    size_t first = layout->column_count, last = layout->column_count;
    for (size_t c = layout->column_count; c-- > 0;) {
        if (layout->columns[c].place != OPS_LAYOUT_BESIDE)
            continue;
        if (table->columns[c].kind == OPS_COLUMN_WORDS)
            return c;
        last = last == layout->column_count ? c : last;
        first = c;
    }
    return last == first ? layout->column_count : last;
}

/* The columns beside as wide as they are, but for words, which lose nothing where they are wrapped. */
static size_t uncut_width(const struct ops_table *table, const struct ops_layout *layout)
{
    size_t total = total_width(table, layout, false);
    for (size_t c = 0; c < layout->column_count; c++)
        if (layout->columns[c].place == OPS_LAYOUT_BESIDE && table->columns[c].kind == OPS_COLUMN_WORDS)
            total -= layout->columns[c].width - least_width(table, layout, c);
    return total;
}

static void leave_out_spare(const struct ops_table *table, size_t columns, struct ops_layout *layout)
{
    for (size_t c = layout->column_count; c-- > 0 && uncut_width(table, layout) > columns;)
        if (table->columns[c].spare)
            layout->columns[c].place = OPS_LAYOUT_LEFT_OUT;
}

static void place_columns(const struct ops_table *table, size_t columns, struct ops_layout *layout)
{
    while (total_width(table, layout, true) > columns) {
        size_t c = next_beneath(table, layout);
        if (c == layout->column_count)
            return;
        layout->columns[c].place = OPS_LAYOUT_BENEATH;
    }
}

/* The widest column of a kind that can still give, or column_count. */
static size_t widest(const struct ops_table *table, const struct ops_layout *layout, enum ops_column_kind kind)
{
    size_t found = layout->column_count;
    for (size_t c = 0; c < layout->column_count; c++) {
        const struct ops_layout_column *column = &layout->columns[c];
        if (column->place == OPS_LAYOUT_BESIDE && table->columns[c].kind == kind &&
            column->width > least_width(table, layout, c) &&
            (found == layout->column_count || column->width > layout->columns[found].width))
            found = c;
    }
    return found;
}

/* Words first: they lose nothing by it. A column that is left alone and still too wide gets what there is. */
static void narrow(const struct ops_table *table, size_t columns, struct ops_layout *layout)
{
    for (size_t total = total_width(table, layout, false); total > columns; total--) {
        size_t c = widest(table, layout, OPS_COLUMN_WORDS);
        if (c == layout->column_count)
            c = widest(table, layout, OPS_COLUMN_NAME);
        if (c == layout->column_count)
            break;
        layout->columns[c].width--;
    }
    if (total_width(table, layout, false) <= columns)
        return;
    for (size_t c = 0; c < layout->column_count; c++)
        if (layout->columns[c].place == OPS_LAYOUT_BESIDE)
            layout->columns[c].width = columns - OPS_LAYOUT_INDENT;
}

enum ops_status ops_layout_make(const struct ops_table *table, size_t columns, struct ops_layout *ret_layout)
{
    struct ops_layout layout = {.column_count = table->column_count};
    for (size_t c = 0; c < layout.column_count; c++)
        layout.columns[c] = (struct ops_layout_column){
            .place =
                (columns > 0 || table->columns[c].spare) && is_silent(table, c) ? OPS_LAYOUT_LEFT_OUT : OPS_LAYOUT_BESIDE,
            .width = natural_width(table, c),
        };
    enum ops_status status = OPS_OK;
    if (columns > 0) {
        leave_out_spare(table, columns, &layout);
        place_columns(table, columns, &layout);
        narrow(table, columns, &layout);
    }
    for (size_t c = 0; c < layout.column_count && status == OPS_OK; c++)
        if (layout.columns[c].place == OPS_LAYOUT_BESIDE && table->columns[c].kind == OPS_COLUMN_NAME &&
            layout.columns[c].width < natural_width(table, c))
            status = keep_apart(table, c, &layout.columns[c]);
    if (status == OPS_OK)
        *ret_layout = layout;
    else
        ops_layout_release(&layout);
    return status;
}

void ops_layout_release(struct ops_layout *layout)
{
    for (size_t c = 0; c < layout->column_count; c++)
        ops_mem_free(layout->columns[c].alike);
    layout->column_count = 0;
}
