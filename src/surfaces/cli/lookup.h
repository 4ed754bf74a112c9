/* Reading the service's lists on the way to another request. */
#ifndef OPS_SURFACES_CLI_LOOKUP_H
#define OPS_SURFACES_CLI_LOOKUP_H

#include "surfaces/cli/client.h"

/* One record of a list. *enough: no more are wanted. */
typedef enum ops_status (*ops_on_record_fn)(void *context, const json_t *record, bool *ret_enough);

/* Gives every record of a list function to on_record, from page to page, until it has enough. status is the list's filter. A
 * refusal is its status, with the service's words. OPS_LIMIT, with a sentence: there are more records than are looked at. */
enum ops_status ops_cli_look_through(struct ops_cli *cli, const char *function, const char *status,
                                     ops_on_record_fn on_record, void *context, struct ops_error *error) OPS_MUST_USE;

/* The refusal in a reply as a status with its words and details; OPS_OK for a success. */
enum ops_status ops_cli_refusal(const struct ops_cli_reply *reply, struct ops_error *error) OPS_MUST_USE;

#endif
