/* Which file, table and columns a table target means, and the proof that a record can be deleted there by its key without
 * touching anything else. Private to this folder.
 */
#ifndef OPS_ADAPTERS_LOCAL_TABLE_SCHEMA_H
#define OPS_ADAPTERS_LOCAL_TABLE_SCHEMA_H

#include "adapters/local/sql.h"
#include "ports/target.h"

enum { LOCAL_KEY_COLUMNS_MAX = 8 };

struct local_table_schema {
    char *file;                        /* absolute */
    char *table;                       /* quoted, with its schema: main."items" */
    char *keys[LOCAL_KEY_COLUMNS_MAX]; /* quoted; the first is the partition key */
    size_t key_count;
    const char *rowid;    /* the name that reaches the rowid; NULL when the table has none */
    char *scope_column;   /* quoted; what the scope compares; NULL for all */
    bool scope_in_body;   /* the scope's attribute is a member of the JSON in column body */
    bool scope_has_index; /* an index begins with scope_column */
    bool scope_is_text;   /* scope_column keeps texts as they are: comparing it with a text never makes numbers of both */
};

/* Where the file of spec is; the file need not exist. OPS_TARGET_ERROR: a location that can't be one. */
enum ops_status local_table_file(const char *data_dir, const struct ops_target_spec *spec, char **ret_file,
                                 struct ops_error *error) OPS_MUST_USE;

/* OPS_TARGET_MISSING; OPS_TARGET_ERROR for a link, for what is no regular file, and for a file that is OPS's own. */
enum ops_status local_table_file_check(const char *data_dir, const char *file, struct ops_error *error) OPS_MUST_USE;

/* Reads the schema of the table and refuses whatever could make a delete by key take more than that record. schema->file is
 * set already; on failure the rest may be half filled. */
enum ops_status local_table_schema_read(struct local_table_schema *schema, sqlite3 *db, const struct ops_target_spec *spec,
                                        const struct ops_scope *scope, struct ops_error *error) OPS_MUST_USE;
void local_table_schema_release(struct local_table_schema *schema); /* also a zeroed one */

#endif
