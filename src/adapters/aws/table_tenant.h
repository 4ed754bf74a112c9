/* Whose record an item is, by the scope's attribute. Private to this folder. */
#ifndef OPS_ADAPTERS_AWS_TABLE_TENANT_H
#define OPS_ADAPTERS_AWS_TABLE_TENANT_H

#include "adapters/aws/table_values.h"

struct ops_aws_tenant {
    const char *attribute; /* NULL: the scope has none */
    const char *value;     /* the tenant's name */
    bool may_be_number;    /* the name is a number's canonical text, and DynamoDB has such a number */
    size_t place;          /* in a row: the attribute's own column, or that of the extra */
    char type;             /* of its own column; '\0': it is the extra, and of any type */
    char index_type;       /* that it has in the scope's index, 'S' or 'N'; '\0': there is none */
};

enum ops_aws_owner {
    OPS_AWS_TENANTS,      /* the tenant's: an equal string, or an equal number */
    OPS_AWS_NOT_TENANTS,  /* another's, nobody's (NULL, BOOL), or without the attribute */
    OPS_AWS_INCOMPARABLE, /* of a type that can't be a tenant's name: a binary, a set, a list, a map */
};

/* schema is complete; attribute and value stay the caller's. */
void ops_aws_tenant_init(struct ops_aws_tenant *tenant, const char *attribute, const char *value,
                         const struct ops_aws_table_schema *schema);

/* row has what ops_aws_rows says. OPS_CORRUPT: its value is none of its type; OPS_NO_MEMORY. */
enum ops_status ops_aws_tenant_owns(const struct ops_aws_tenant *tenant, const struct ops_view *row,
                                    enum ops_aws_owner *ret_owner) OPS_MUST_USE;

/* Of a row that is incomparable: "the attribute org is a list". */
enum { OPS_AWS_TENANT_REASON_SIZE = 192 };
void ops_aws_tenant_reason(const struct ops_aws_tenant *tenant, const struct ops_view *row,
                           char ret_reason[static OPS_AWS_TENANT_REASON_SIZE]);

/* Whether no item can be the tenant's, or be told as incomparable, for the types of keys. */
bool ops_aws_tenant_has_none(const struct ops_aws_tenant *tenant);

/* Appends the members FilterExpression and ExpressionAttributeValues, a condition on #a that holds for the tenant's items
 * and for those that can't be compared. Not for one that has none. OPS_TARGET_ERROR: the name is not UTF-8. */
enum ops_status ops_aws_tenant_filter(const struct ops_aws_tenant *tenant, struct ops_buf *buf) OPS_MUST_USE;

/* Likewise KeyConditionExpression, where #a is the partition key of an index. */
enum ops_status ops_aws_tenant_key_condition(const struct ops_aws_tenant *tenant, struct ops_buf *buf) OPS_MUST_USE;

#endif
