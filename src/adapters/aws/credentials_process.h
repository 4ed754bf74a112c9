/* Keys that a command of the user's prints. */
#ifndef OPS_ADAPTERS_AWS_CREDENTIALS_PROCESS_H
#define OPS_ADAPTERS_AWS_CREDENTIALS_PROCESS_H

#include "adapters/aws/credentials.h"

/* What a command did last. A command may ask a person something, or count failures against somebody; so one that has failed
 * is left in peace for ten seconds, then for twice as long each time, up to a minute, and its failure is the answer
 * meanwhile. Begins as zero; one fetch at a time. */
struct ops_aws_process_memory {
    const char *command; /* that has failed; NULL: none */
    enum ops_status status;
    int64_t until_ms; /* monotonic */
    int64_t peace_ms;
    char text[OPS_ERROR_TEXT_SIZE];
};

enum { OPS_AWS_PROCESS_PEACE_FIRST_MS = 10 * 1000, OPS_AWS_PROCESS_PEACE_MAX_MS = 60 * 1000 };

/* profile is for the sentences of errors. command stays where it is for as long as memory does. */
enum ops_status ops_aws_process_fetch(const struct ops_aws_credentials_context *context, const char *profile,
                                      const char *command, struct ops_aws_process_memory *memory,
                                      struct ops_aws_keys *ret_keys, struct ops_error *error) OPS_MUST_USE;

#endif
