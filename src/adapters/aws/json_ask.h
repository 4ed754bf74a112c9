/* One question in the JSON protocol that may be repeated without harm, asked patiently, and its answer as a tree: for what
 * is rare or small. Pages of keys go another way.
 */
#ifndef OPS_ADAPTERS_AWS_JSON_ASK_H
#define OPS_ADAPTERS_AWS_JSON_ASK_H

#include "adapters/aws/client.h"

#include <jansson.h>

/* takes request (NULL: no memory). *ret_answer is the caller's. Statuses as of a call; an answer that is no JSON object, as
 * often as was asked, is OPS_TARGET_ERROR. */
enum ops_status ops_aws_json_ask(struct ops_aws_client *client, enum ops_aws_service service, const char *target,
                                 json_t *request, json_t **ret_answer, struct ops_error *error) OPS_MUST_USE;

/* As ops_aws_json_ask, once and no more: for what must not be repeated unasked. An answer that can't be read is OPS_UNKNOWN.
 */
enum ops_status ops_aws_json_ask_once(struct ops_aws_client *client, enum ops_aws_service service, const char *target,
                                 json_t *request, json_t **ret_answer, struct ops_error *error) OPS_MUST_USE;

#endif
