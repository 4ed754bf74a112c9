/* What it costs to read and to remove a record. A schema may compute: generated columns, indexes of expressions, conditions
 * of partial indexes. Some of SQLite's functions take time by the product of their arguments' lengths (instr, replace, trim
 * with two arguments), or make much of little (zeroblob, printf), and nobody can stop SQLite within a call. So the largest
 * value that a connection takes is the smaller, the more of them there are. SQLite itself says which ones it would call:
 * they are in the code of our statements.
 */
#include "adapters/local/limits.h"
#include "adapters/local/table_parts.h"

#include <stdio.h>

enum {
    COMPUTED_MAX_BYTES = 256 * 1024, /* instr takes less than a second for two texts that share so much */
    SLOW_MAX_BYTES = 32 * 1024,      /* and these, which go by single characters or members, about as long */
    CALLS_MAX = 64,
};

/* As EXPLAIN writes them: the name and how many arguments, -1 being any number. Time and result of these are in proportion
 * to their arguments. */
static const char *const quick[] = {LOCAL_STANDING "(1)",
                                    LOCAL_STANDING "(2)",
                                    "->(2)",
                                    "->>(2)",
                                    "json_extract(-1)",
                                    "json_type(1)",
                                    "json_type(2)",
                                    "json_valid(1)",
                                    "json_array_length(1)",
                                    "json_array_length(2)",
                                    "json(1)",
                                    "lower(1)",
                                    "upper(1)",
                                    "substr(2)",
                                    "substr(3)",
                                    "substring(2)",
                                    "substring(3)",
                                    "length(1)",
                                    "typeof(1)",
                                    "coalesce(-1)",
                                    "ifnull(2)",
                                    "nullif(2)",
                                    "iif(3)",
                                    "abs(1)",
                                    "round(1)",
                                    "sign(1)",
                                    "unicode(1)",
                                    "trim(1)",
                                    "ltrim(1)",
                                    "rtrim(1)",
                                    "min(-1)",
                                    "max(-1)",
                                    "date(-1)",
                                    "time(-1)",
                                    "datetime(-1)",
                                    "julianday(-1)",
                                    "unixepoch(-1)"};
static const char *const slow[] = {"trim(2)", "ltrim(2)", "rtrim(2)", "json_patch(2)"};
static const char *const prints[] = {"printf(-1)", "format(-1)"};

/* The largest so far over the statements. */
struct costs {
    int call_count;
    bool slow;
    bool prints; /* calls printf */
};

static bool is_among(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static void note_call(struct costs *costs, const char *name)
{
    if (is_among(quick, sizeof quick / sizeof quick[0], name))
        return;
    costs->call_count++;
    costs->slow = costs->slow || is_among(slow, sizeof slow / sizeof slow[0], name);
    costs->prints = costs->prints || is_among(prints, sizeof prints / sizeof prints[0], name);
}

static enum ops_status read_code(struct local_table *table, const struct ops_buf *sql, struct costs *costs,
                                 struct ops_error *error)
{
    sqlite3_stmt *code = NULL;
    struct costs own = {.slow = costs->slow, .prints = costs->prints};
    int result = SQLITE_DONE;
    enum ops_status status = local_sql_prepare(table->db, sql, table->schema.file, &code, error);
    while (status == OPS_OK && (result = sqlite3_step(code)) == SQLITE_ROW) {
        const char *opcode = (const char *)sqlite3_column_text(code, 1), *name = (const char *)sqlite3_column_text(code, 5);
        if (opcode && name && (strcmp(opcode, "Function") == 0 || strcmp(opcode, "PureFunc") == 0))
            note_call(&own, name);
    }
    if (status == OPS_OK && result != SQLITE_DONE)
        status = local_table_fail(table, result, error);
    (void)sqlite3_finalize(code); /* its failure was told by the step */
    costs->slow = own.slow;
    costs->prints = own.prints;
    costs->call_count = own.call_count > costs->call_count ? own.call_count : costs->call_count;
    return status;
}

static enum ops_status read_statement(struct local_table *table, const char *statement, struct costs *costs,
                                      struct ops_error *error)
{
    struct ops_buf sql;
    ops_buf_init(&sql, LOCAL_TABLE_SQL_MAX_BYTES);
    ops_buf_append_format(&sql, "EXPLAIN %s", statement);
    enum ops_status status = read_code(table, &sql, costs, error);
    ops_buf_release(&sql);
    return status;
}

/* What a full-text table reads for itself: where it keeps its own records, its table of contents. */
static enum ops_status read_source(struct local_table *table, const char *name, const char *suffix, struct costs *costs,
                                   struct ops_error *error)
{
    struct ops_buf sql, source;
    ops_buf_init(&source, LOCAL_TABLE_SQL_MAX_BYTES);
    ops_buf_init(&sql, LOCAL_TABLE_SQL_MAX_BYTES);
    ops_buf_append_format(&source, "%s%s", name, suffix);
    ops_buf_append_text(&sql, "EXPLAIN SELECT * FROM main.");
    local_sql_append_identifier(&sql, ops_buf_text(&source));
    enum ops_status status = ops_buf_status(&source);
    if (status == OPS_OK)
        status = read_code(table, &sql, costs, error);
    ops_buf_release(&sql);
    ops_buf_release(&source);
    return status;
}

static enum ops_status read_all(struct local_table *table, struct costs *costs, struct ops_error *error)
{
    enum ops_status status = OPS_OK;
    for (int which = LOCAL_TABLE_PAGE; which < LOCAL_TABLE_STATEMENTS && status == OPS_OK; which++)
        status = read_statement(table, sqlite3_sql(table->statements[which]), costs, error);
    for (size_t i = 0; i < table->schema.index_count && status == OPS_OK; i++)
        status = read_source(table, table->schema.indexes[i].content, "", costs, error);
    if (status == OPS_OK && table->schema.is_virtual)
        status = read_source(table, table->schema.name, "_content", costs, error);
    return status;
}

enum ops_status local_costs_limit(struct local_table *table, struct ops_error *error)
{
    struct costs costs = {.call_count = 0};
    enum ops_status status = read_all(table, &costs, error);
    if (status != OPS_OK || costs.call_count == 0)
        return status;
    if (costs.call_count > CALLS_MAX)
        return ops_fail(error, OPS_TARGET_ERROR,
                        "In file %s, a record of table %s takes %d calls of functions that may take long, and %d is the "
                        "limit: its generated columns and indexes compute too much.",
                        table->schema.file, table->schema.name, costs.call_count, CALLS_MAX);
    int most = (costs.slow ? SLOW_MAX_BYTES : COMPUTED_MAX_BYTES) / costs.call_count;
    table->costly = true;
    (void)sqlite3_limit(table->db, SQLITE_LIMIT_LENGTH, most > LOCAL_VALUE_MIN_BYTES ? most : LOCAL_VALUE_MIN_BYTES);
    int result = costs.prints ? local_printf_register(table) : SQLITE_OK;
    return result == SQLITE_OK ? OPS_OK : local_table_fail(table, result, error);
}
