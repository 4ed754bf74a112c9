/* One exchange with the running service. */
#ifndef OPS_SURFACES_CLI_CLIENT_H
#define OPS_SURFACES_CLI_CLIENT_H

#include "surfaces/cli/run.h"

/* All borrowed. */
struct ops_cli_request {
    enum ops_command_via via;            /* OPS_VIA_HTTP or OPS_VIA_INVOKE */
    const char *target;                  /* route or function */
    const json_t *input;                 /* object: the query, or the payload */
    const struct ops_cli_secret *secret; /* NULL: none is sent */
    const char *session_guid;            /* NULL: none is sent */
    int64_t timeout_ms;
};

struct ops_cli_reply {
    struct ops_buf body; /* as it came */
    json_t *envelope;    /* body, read */
};

void ops_cli_reply_init(struct ops_cli_reply *reply);
void ops_cli_reply_release(struct ops_cli_reply *reply);
bool ops_cli_reply_success(const struct ops_cli_reply *reply);

/* OPS_OK: an envelope came, of success or refusal. OPS_UNREACHABLE: no service was reached, or what answered is none, or the
 * answer was lost. OPS_USAGE: the endpoint is not one. */
enum ops_status ops_cli_exchange(struct ops_cli *cli, const struct ops_cli_request *request, struct ops_cli_reply *reply,
                                 struct ops_error *error) OPS_MUST_USE;

/* The same, by the way that the request's session leaves open. route: the command whose HTTP route gives what the request is
 * for, with a session; without one the function that an operator has in its place is asked, and where that is not known,
 * since what answers is the HTTP surface alone, the route after all, to say that it wants a session. route NULL: there is
 * none, and such an answer is OPS_ROUTE_NOT_FOUND with what to ask instead. Leaves in request how it was asked. */
enum ops_status ops_cli_ask(struct ops_cli *cli, struct ops_cli_request *request, const struct ops_cli_command *route,
                            struct ops_cli_reply *reply, struct ops_error *error) OPS_MUST_USE;

/* --session-guid, else the variable, for a command that reads with a session; else NULL. */
const char *ops_cli_session(const struct ops_cli *cli);

/* Prints a reply as it is (--json) or its data for a person; or its error. Returns the exit code. */
int ops_cli_print_reply(struct ops_cli *cli, const struct ops_cli_reply *reply);

#endif
