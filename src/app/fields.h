/* What a caller sent, checked against the operation's fields and turned into values of their types. */
#ifndef OPS_APP_FIELDS_H
#define OPS_APP_FIELDS_H

#include "app/call.h"

/* input may be NULL: nothing was sent, and *ret_input is NULL too. *ret_input has only fields that the operation knows, each
 * of its type. null counts as absent, but not for an operation that needs the secret code: there it is OPS_INVALID_FIELD.
 * OPS_UNKNOWN_FIELD, OPS_MISSING_FIELD or OPS_INVALID_FIELD, with the field's name (and the limit) in the details; a
 * secret's value is never repeated. */
enum ops_status ops_fields_read(const struct ops_operation *operation, const json_t *input, bool from_query,
                                json_t **ret_input, struct ops_error *error) OPS_MUST_USE;

#endif
