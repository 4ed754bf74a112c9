/* What the requests for a table are made of, and the proof that it may be vacuumed at all. Private to this folder. */
#ifndef OPS_ADAPTERS_AWS_TABLE_SCHEMA_H
#define OPS_ADAPTERS_AWS_TABLE_SCHEMA_H

#include "base/buf.h"
#include "base/error.h"
#include "ports/target.h"

#include <jansson.h>

/* The table's two, and those of an index: one partition key attribute and up to four sort key attributes. */
enum { OPS_AWS_COLUMNS_MAX = 8, OPS_AWS_TABLE_KEYS_MAX = 2, OPS_AWS_TABLE_TEXT_MAX_BYTES = 64 * 1024 };

/* An attribute of a key. In the text of a key its value stands between this opening and the next column's, or the end. */
struct ops_aws_column {
    char *name;
    char type;              /* 'S', 'N' or 'B' */
    struct ops_buf opening; /* {"pk":{"S":"  or  "},"sk":{"N":"  */
};

/* The table's key first, partition key before sort key; then, for a scope by index, what else the index's key has. */
struct ops_aws_columns {
    struct ops_aws_column list[OPS_AWS_COLUMNS_MAX];
    size_t key_count; /* of the table */
    size_t count;
};

struct ops_aws_table_schema {
    struct ops_aws_columns columns;
    bool index_is_global; /* the scope's index: eventually consistent */
    char index_type;      /* of its partition key: 'S' or 'N'; '\0': the scope has no index */
    json_int_t item_count;
    json_int_t size_bytes;
};

/* Reads DescribeTable's answer and refuses a table that this scope can't be vacuumed in. Starts from a zeroed schema; on
 * failure it may be half filled. OPS_TARGET_ERROR, also for an answer that can't be read; OPS_NO_MEMORY. */
enum ops_status ops_aws_table_schema_read(const json_t *answer, const struct ops_target_spec *spec,
                                          const struct ops_scope *scope, struct ops_aws_table_schema *schema,
                                          struct ops_error *error) OPS_MUST_USE;
void ops_aws_table_schema_release(struct ops_aws_table_schema *schema); /* also a zeroed one */

/* Appends text as a JSON string. OPS_TARGET_ERROR when it is not UTF-8. */
enum ops_status ops_aws_append_quoted(struct ops_buf *buf, const char *text) OPS_MUST_USE;

/* Adds one more column. OPS_LIMIT: there are too many. */
enum ops_status ops_aws_columns_add(struct ops_aws_columns *columns, const char *name, char type) OPS_MUST_USE;
void ops_aws_columns_release(struct ops_aws_columns *columns);

#endif
