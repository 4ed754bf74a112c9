/* Which file, table and columns a table target means, and the proof that a record can be deleted there by its key without
 * touching anything else. Private to this folder.
 */
#ifndef OPS_ADAPTERS_LOCAL_TABLE_SCHEMA_H
#define OPS_ADAPTERS_LOCAL_TABLE_SCHEMA_H

#include "adapters/local/sql.h"
#include "adapters/local/table_virtual.h"
#include "ports/target.h"

#include <sys/types.h>

enum { LOCAL_KEY_COLUMNS_MAX = 8, LOCAL_GUARDS_MAX = 64, LOCAL_INDEXES_MAX = 16 };

/* A full-text table that is an index of the table's records. */
struct local_index {
    char *name;
    char *content; /* what it is an index of: the table, or a view of it */
    enum local_full_text full_text;
    sqlite3_stmt *check;
    sqlite3_stmt *rebuild;
};

struct local_table_schema {
    char *file;                        /* absolute */
    char *name;                        /* as the manifest has it */
    char *table;                       /* quoted, with its schema: main."items" */
    char *keys[LOCAL_KEY_COLUMNS_MAX]; /* quoted; the first is the partition key */
    size_t key_count;
    bool guards_all;                /* any of the keys may be what the guard has to look at, not only the first */
    char *guards[LOCAL_GUARDS_MAX]; /* quoted; what it has to look at besides */
    size_t guard_count;
    char *partition_key;   /* the first one, not quoted; NULL where the key is the rowid */
    bool is_virtual;       /* a full-text table that keeps its own records */
    char *rowid;           /* the name that reaches the rowid, quoted; NULL when the table has none */
    bool rowid_moves;      /* SQLite's VACUUM may give a record another rowid */
    bool key_is_rowid;     /* there is no other */
    char *primary_index;   /* quoted; the index that a table without rowids is; else NULL */
    char *scope_collation; /* of scope_column, where it is not BINARY; else NULL */
    char *scope_column;    /* quoted; what the scope compares; NULL for all */
    bool scope_in_body;    /* the scope's attribute is a member of the JSON in column body */
    struct local_index indexes[LOCAL_INDEXES_MAX];
    size_t index_count;
    char *contentless; /* the first full-text table of the file that has words without their records, or NULL */
    size_t contentless_count;
};

/* What a file is, whatever it is called. */
struct local_file_id {
    dev_t device;
    ino_t inode;
};

/* Where the file of spec is; the file need not exist. OPS_TARGET_ERROR: a location that can't be one. */
enum ops_status local_table_file(const char *data_dir, const struct ops_target_spec *spec, char **ret_file,
                                 struct ops_error *error) OPS_MUST_USE;

/* OPS_TARGET_MISSING; OPS_TARGET_ERROR for a link, for what is no regular file, for one with several names, and for a file
 * that is OPS's own. */
enum ops_status local_table_file_check(const char *data_dir, const char *file, struct local_file_id *ret_id,
                                       struct ops_error *error) OPS_MUST_USE;

/* OPS_TARGET_ERROR when file is not the one that the connection has open, whose id was that, or has another name by now. */
enum ops_status local_table_file_recheck(sqlite3 *db, const char *file, const struct local_file_id *id,
                                         struct ops_error *error) OPS_MUST_USE;

/* Reads the schema of the table and refuses whatever could make a delete by key take more than that record, or leave some of
 * it behind. schema->file is set already; on failure the rest may be half filled. */
enum ops_status local_table_schema_read(struct local_table_schema *schema, sqlite3 *db, const struct ops_target_spec *spec,
                                        const struct ops_scope *scope, struct ops_error *error) OPS_MUST_USE;
void local_table_schema_release(struct local_table_schema *schema); /* also a zeroed one */

/* Whatever else a delete from the table is about: the full-text tables that are indexes of its records, into
 * schema->indexes, and triggers. OPS_TARGET_ERROR: one that would be left wrong, unless rebuild; or a trigger that does
 * anything but keep such an index. */
enum ops_status local_dependents_read(struct local_table_schema *schema, sqlite3 *db, bool rebuild,
                                      struct ops_error *error) OPS_MUST_USE;

#endif
