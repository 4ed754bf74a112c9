/* A gate's source: the record of the active window in OPS's DynamoDB table. */
#ifndef OPS_MAIN_GATE_DYNAMODB_H
#define OPS_MAIN_GATE_DYNAMODB_H

#include "ports/gate_source.h"

/* OPS_USAGE: the account's configuration is wrong, or names no region. OPS_NO_MEMORY. */
enum ops_status ops_gate_dynamodb_open(const char *table, struct ops_gate_source **ret_source,
                                       struct ops_error *error) OPS_MUST_USE;

#endif
