/* Keys that a command of the user's prints. */
#ifndef OPS_ADAPTERS_AWS_CREDENTIALS_PROCESS_H
#define OPS_ADAPTERS_AWS_CREDENTIALS_PROCESS_H

#include "adapters/aws/credentials.h"

/* profile is for the sentences of errors. */
enum ops_status ops_aws_process_fetch(const struct ops_aws_credentials_context *context, const char *profile,
                                      const char *command, struct ops_aws_keys *ret_keys,
                                      struct ops_error *error) OPS_MUST_USE;

#endif
