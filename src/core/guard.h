/* What is never deleted, whoever asks.
 *
 * The list is compiled in (CONTRACT section 5); a manifest can add exact resource names to it, never take one away. The
 * guard is asked twice: when a vacuum is planned, and again for every key in the one place that deletions go through.
 */
#ifndef OPS_CORE_GUARD_H
#define OPS_CORE_GUARD_H

#include "ports/target.h"

/* Anything whose name starts with this is protected: a resource, a path segment of a log group, an object key, a stream,
 * a partition key. */
#define OPS_PROTECTED_PREFIX "g3nmhsadmin"
#define OPS_PROTECTED_TABLE "ops_main"
#define OPS_AUDIT_LOG_GROUP "/g3nretailstack/ops/maintenance-audit"

/* Further protected names, by the manifest. Borrowed: they must outlive the guard. */
struct ops_guard {
    const char *const *more_names;
    size_t more_count;
};

/* Why this table, bucket or log group is protected ("ops_main is where OPS keeps its own records", static), or NULL. */
const char *ops_guard_resource(const struct ops_guard *guard, enum ops_target_kind kind, const char *name);

/* The same of a table in an SQLite file, or an entry for one: SQL's names are the same in whatever case their ASCII letters
 * are, the protected ones too. */
const char *ops_guard_sql_name(const struct ops_guard *guard, const char *name);

/* The same of what the manifest names. A table with a location, its "sqlite" object, has two names, that of the SQL table
 * too; location is NULL for what has none. */
const char *ops_guard_named(const struct ops_guard *guard, enum ops_target_kind kind, const char *name,
                            const json_t *location);

/* Why this thing is protected, whatever names it: by name, by any other name that it has, or as g3nops's own. Or NULL. */
const char *ops_guard_thing(const struct ops_guard *guard, enum ops_target_kind kind, const char *name,
                            const struct ops_identity *identity);

/* Why this partition key, object key or stream is protected, or NULL. */
const char *ops_guard_key(const struct ops_guard *guard, enum ops_target_kind kind, struct ops_view key);

/* Why this record is protected, or NULL: by what ops_guard_key says of any of its guarded values, or since it is none but
 * the file of a table. */
const char *ops_guard_record(const struct ops_guard *guard, enum ops_target_kind kind, const struct ops_key *key);

#endif
