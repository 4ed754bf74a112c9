#include "adapters/local/table_parts.h"

static enum ops_status key_too_large(const struct local_table *table, struct ops_error *error)
{
    return ops_fail(error, OPS_LIMIT, "A key in table file %s is too large to handle.", table->schema.file);
}

/* The page goes on behind a record that can't be compared; where it ends there, the cursor needs its id. */
static enum ops_status tell_incomparable(struct local_table *table, sqlite3_stmt *row, int standing, struct ops_error *error)
{
    char reason[OPS_REMARK_REASON_SIZE];
    (void)local_id_append(table, row, 0, &table->last_id);
    if (ops_buf_status(&table->last_id) != OPS_OK)
        return ops_buf_status(&table->last_id) == OPS_LIMIT ? key_too_large(table, error) : OPS_NO_MEMORY;
    local_scope_reason(table, standing, reason);
    local_id_remark(table, table->scope.ignore_incomparable ? OPS_REMARK_IGNORED : OPS_REMARK_INCOMPARABLE,
                    ops_buf_view(&table->last_id), reason);
    return OPS_OK;
}

static enum ops_status add_key(struct local_table *table, sqlite3_stmt *row, struct ops_key_page *page)
{
    struct ops_key *key = ops_key_page_add(page);
    if (!key || !local_id_append_key(table, row, page, key))
        return key ? ops_buf_status(&page->storage) : OPS_NO_MEMORY;
    return OPS_OK;
}

/* A walk over the records, from where the page begins. */
struct walk {
    size_t limit;
    size_t taken; /* what goes into the page, and what is told */
    size_t given;
    bool is_over; /* the time for one page is */
};

/* A read of the clock costs about as much as a record. */
static bool time_is_up(const struct local_table *table, const struct walk *walk)
{
    enum { RECORDS_BETWEEN = 256 };
    if (!table->costly && walk->given % RECORDS_BETWEEN != 0)
        return false;
    return local_watch_is_ending(&table->watch) || local_watch_now_ms() > table->watch.page_until_ms;
}

static enum ops_status disorder(const struct local_table *table, struct ops_error *error)
{
    return ops_fail(error, OPS_TARGET_ERROR,
                    "The file %s is damaged: the records of table %s are not in the order of its key, so some could not be "
                    "found (PRAGMA integrity_check tells more).",
                    table->schema.file, table->schema.name);
}

/* The next page finds its place by the order, so a damaged one could hide records. */
static enum ops_status check_order(struct local_table *table, sqlite3_stmt *row, const struct walk *walk,
                                   struct ops_error *error)
{
    struct ops_buf *here = &table->order[walk->given % 2], *before = &table->order[(walk->given + 1) % 2];
    if (table->schema.rowid)
        return table->visit.disordered ? disorder(table, error) : OPS_OK;
    ops_buf_clear(here);
    (void)local_id_append(table, row, 0, here);
    if (ops_buf_status(here) != OPS_OK)
        return ops_buf_status(here) == OPS_LIMIT ? key_too_large(table, error) : OPS_NO_MEMORY;
    bool well = walk->given == 0 || local_id_may_precede(table, ops_buf_view(before), ops_buf_view(here));
    return well ? OPS_OK : disorder(table, error);
}

/* Where the page ends behind a record that is not in scope, it goes on from there. */
static enum ops_status pass_by(struct local_table *table, sqlite3_stmt *row, const struct walk *walk,
                               struct ops_error *error)
{
    if (!walk->is_over)
        return OPS_OK;
    ops_buf_clear(&table->last_id);
    (void)local_id_append(table, row, 0, &table->last_id);
    enum ops_status status = ops_buf_status(&table->last_id);
    return status == OPS_LIMIT ? key_too_large(table, error) : status;
}

static bool is_told(const struct local_table *table, int standing)
{
    return standing >= LOCAL_INCOMPARABLE && local_scope_tells(&table->scope);
}

/* SQLite was stopped on its way to the next record that it would have given. Behind what the page has, it has passed by
 * others; where the last one that it came to is the page's, the page says itself where it ends. */
static enum ops_status end_on_the_way(struct local_table *table, size_t taken, struct ops_error *error)
{
    const struct local_visit *visit = &table->visit;
    struct local_id_head head = {.rowid = visit->rowid};
    if (visit->disordered)
        return disorder(table, error);
    if (visit->standing == LOCAL_INSIDE || is_told(table, visit->standing)) {
        if (taken > 0 || head.rowid == INT64_MIN)
            return OPS_OK;
        head.rowid--; /* it was not given yet */
    }
    ops_buf_clear(&table->last_id);
    ops_buf_append(&table->last_id, &head, sizeof head);
    return ops_buf_status(&table->last_id);
}

static enum ops_status take_row(struct local_table *table, sqlite3_stmt *row, struct walk *walk, struct ops_key_page *page,
                                struct ops_error *error)
{
    int standing_column = 1 + (int)(table->schema.key_count + table->schema.guard_count);
    int standing = table->visits ? table->visit.standing : sqlite3_column_int(row, standing_column);
    bool tells = is_told(table, standing);
    if (standing != LOCAL_INSIDE && !tells)
        return pass_by(table, row, walk, error);
    if (!tells && !local_id_fits(table, row, page)) {
        walk->limit = walk->taken;
        return walk->taken > 0 ? OPS_OK : key_too_large(table, error);
    }
    walk->taken++;
    ops_buf_clear(&table->last_id);
    return tells ? tell_incomparable(table, row, standing, error) : add_key(table, row, page);
}

static enum ops_status end_of_rows(struct local_table *table, int result, size_t taken, struct ops_key_page *page,
                                   struct ops_error *error)
{
    page->last = result == SQLITE_DONE;
    if (page->last)
        return table->visit.disordered ? disorder(table, error) : OPS_OK;
    return result == SQLITE_INTERRUPT && table->watch.page_is_over ? end_on_the_way(table, taken, error)
                                                                   : local_table_fail(table, result, error);
}

static enum ops_status read_rows(struct local_table *table, sqlite3_stmt *rows, size_t limit, struct ops_key_page *page,
                                 struct ops_error *error)
{
    struct walk walk = {.limit = limit};
    table->visit = (struct local_visit){.any = false};
    table->watch.page_until_ms =
        local_watch_now_ms() + (table->schema.rowid ? LOCAL_PAGE_MAX_MS : LOCAL_ORDERED_PAGE_MAX_MS);
    while (walk.taken < walk.limit && !walk.is_over) {
        int result = sqlite3_step(rows);
        if (result != SQLITE_ROW)
            return end_of_rows(table, result, walk.taken, page, error);
        enum ops_status status = check_order(table, rows, &walk, error);
        walk.given++;
        walk.is_over = time_is_up(table, &walk);
        if (status == OPS_OK)
            status = take_row(table, rows, &walk, page, error);
        if (status != OPS_OK)
            return status;
    }
    return OPS_OK;
}

/* The rows and the data_version come from one read transaction, so that the version is the rows' own. */
static enum ops_status read_page(struct local_table *table, sqlite3_stmt *rows, size_t limit, struct ops_key_page *page,
                                 struct ops_error *error)
{
    enum ops_status status = local_table_run(table, LOCAL_TABLE_BEGIN, NULL, error);
    if (status == OPS_OK)
        status = local_table_run(table, LOCAL_TABLE_VERSION, &table->page_version, error);
    if (status == OPS_OK)
        status = local_table_run(table, LOCAL_TABLE_SCHEMA, &table->page_schema, error);
    if (status == OPS_OK)
        status = read_rows(table, rows, limit, page, error);
    (void)sqlite3_reset(rows); /* repeats the failure of the step */
    table->watch.rests = true;
    if (status == OPS_OK)
        status = local_table_run(table, LOCAL_TABLE_COMMIT, NULL, error);
    local_table_roll_back(table);
    return status;
}

enum ops_status local_table_sample(struct local_table *table, struct ops_error *error)
{
    enum { RECORDS_MAX = 1000, SAMPLE_MAX_MS = 500 };
    sqlite3_stmt *rows = NULL;
    int64_t until_ms = local_watch_now_ms() + SAMPLE_MAX_MS;
    local_watch_begin(table);
    enum ops_status status = local_cursor_bind(table, "", &rows, error);
    int result = status == OPS_OK ? SQLITE_ROW : SQLITE_DONE;
    for (int i = 0; i < RECORDS_MAX && result == SQLITE_ROW && local_watch_now_ms() <= until_ms; i++)
        result = sqlite3_step(rows);
    if (result != SQLITE_ROW && result != SQLITE_DONE)
        status = local_table_fail(table, result, error);
    (void)sqlite3_reset(rows); /* repeats the failure of the step */
    return status;
}

/* The same words for every record: what keeps one from being deleted keeps them all. */
static void tell_undeletable(const struct local_table *table, const struct ops_key_page *page)
{
    char trouble[LOCAL_TROUBLE_SIZE];
    if (page->count == 0 || !local_table_trouble(table, trouble))
        return;
    for (size_t i = 0; i < page->count; i++)
        local_id_remark(table, OPS_REMARK_UNDELETABLE, page->keys[i].id, trouble);
}

enum ops_status local_table_page(struct ops_target *self, uint32_t segment, const char *cursor, size_t limit,
                                 struct ops_key_page *ret_page, struct ops_error *error)
{
    (void)segment;
    struct local_table *table = (struct local_table *)self;
    sqlite3_stmt *rows = NULL;
    limit = limit < LOCAL_TABLE_PAGE_MAX ? limit : LOCAL_TABLE_PAGE_MAX;
    table->page_serial++;
    local_watch_begin(table);
    ops_buf_clear(&table->last_id);
    enum ops_status status = local_cursor_bind(table, cursor, &rows, error);
    if (status == OPS_OK)
        status = read_page(table, rows, limit, ret_page, error);
    if (status == OPS_OK) {
        local_id_set_views(ret_page);
        status = local_cursor_write(table, ret_page, error);
    }
    if (status == OPS_OK)
        status = local_receipt_write(table, cursor, ret_page, error);
    if (status == OPS_OK && ret_page->last)
        status = local_index_settle(table, error);
    if (status == OPS_OK)
        tell_undeletable(table, ret_page);
    if (status != OPS_OK)
        ops_key_page_clear(ret_page);
    return status;
}
