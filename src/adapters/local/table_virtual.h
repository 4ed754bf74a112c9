/* What a virtual table is, by the text that made it. SQLite's own catalogue does not tell. Private to this folder. */
#ifndef OPS_ADAPTERS_LOCAL_TABLE_VIRTUAL_H
#define OPS_ADAPTERS_LOCAL_TABLE_VIRTUAL_H

#include "base/status.h"

#include <stdbool.h>

enum local_full_text { LOCAL_NO_FULL_TEXT, LOCAL_FTS3, LOCAL_FTS4, LOCAL_FTS5 };

/* A zeroed one is released. */
struct local_virtual {
    char *module;
    enum local_full_text full_text;
    char *content; /* of a full-text table: the table or view whose records it is an index of; "": it keeps none of what it
                    * is given but the index; NULL: it keeps everything itself */
};

/* sql is what sqlite_schema has: "CREATE VIRTUAL TABLE ... USING module(...)". OPS_NO_MEMORY; OPS_INVALID_FIELD: it is not
 * that. */
enum ops_status local_virtual_read(const char *sql, struct local_virtual *ret_virtual) OPS_MUST_USE;
void local_virtual_release(struct local_virtual *table);

#endif
