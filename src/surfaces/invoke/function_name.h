/* The FunctionName of a Lambda Invoke request, in each form that AWS takes: a name, a partial ARN, a full ARN, each with or
 * without a qualifier. Pure. */
#ifndef OPS_SURFACES_INVOKE_FUNCTION_NAME_H
#define OPS_SURFACES_INVOKE_FUNCTION_NAME_H

#include "base/status.h"
#include "base/view.h"

/* AWS's own limits. */
enum { OPS_FUNCTION_ARN_MAX = 170, OPS_FUNCTION_NAME_MAX = 140, OPS_FUNCTION_QUALIFIER_MAX = 128 };

struct ops_function_name {
    char name[OPS_FUNCTION_NAME_MAX + 1];
    char qualifier[OPS_FUNCTION_QUALIFIER_MAX + 1]; /* "" when there is none */
};

/* Reads the path segment as it was sent, percent-encoded or not:
 *   name[:qualifier]
 *   123456789012:function:name[:qualifier]
 *   arn:aws:lambda:region:123456789012:function:name[:qualifier]
 * query_qualifier is ?Qualifier=, decoded; empty for none. OPS_INVALID_FIELD: not one of these forms, or two qualifiers
 * that differ; ret_name is as before. OPS_NO_MEMORY. */
enum ops_status ops_function_name_parse(struct ops_view encoded, struct ops_view query_qualifier,
                                        struct ops_function_name *ret_name) OPS_MUST_USE;

#endif
