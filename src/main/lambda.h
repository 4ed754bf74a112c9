/* The functions of an AWS account, invoked directly: what the command line does with --engine aws. */
#ifndef OPS_MAIN_LAMBDA_H
#define OPS_MAIN_LAMBDA_H

#include "main/account.h"
#include "surfaces/cli/cli.h"

/* Zero before the first use. The account is opened when it is first needed, and kept for a watch's many calls. */
struct ops_lambda {
    struct ops_account account;
    bool opened;
};

/* An ops_cli_invoke_fn whose context is a struct ops_lambda. */
enum ops_status ops_lambda_invoke(struct ops_cli *cli, void *context, const struct ops_cli_invocation *invocation,
                                  struct ops_http_response *response, struct ops_error *error) OPS_MUST_USE;
void ops_lambda_close(struct ops_lambda *lambda);

#endif
