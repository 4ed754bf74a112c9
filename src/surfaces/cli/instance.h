/* The serve that runs on a data directory, as the commands know it. */
#ifndef OPS_SURFACES_CLI_INSTANCE_H
#define OPS_SURFACES_CLI_INSTANCE_H

#include "base/error.h"
#include "base/proof.h"

enum {
    OPS_INSTANCE_ADDRESS_SIZE = 512,
    OPS_INSTANCE_ENGINE_SIZE = 8,
    OPS_INSTANCE_ACCOUNT_SIZE = 16,
    OPS_INSTANCE_REGION_SIZE = 72,
};

/* Where a text is "", it is not known. */
struct ops_instance {
    char http[OPS_INSTANCE_ADDRESS_SIZE]; /* as --endpoint takes them */
    char invoke[OPS_INSTANCE_ADDRESS_SIZE];
    char engine[OPS_INSTANCE_ENGINE_SIZE];   /* "local" or "aws" */
    char account[OPS_INSTANCE_ACCOUNT_SIZE]; /* aws */
    char region[OPS_INSTANCE_REGION_SIZE];   /* aws */
    int64_t pid;
    char token[OPS_PROOF_TEXT_SIZE]; /* what each surface proves itself by; "": nothing has to be proved, as in tests */
};

/* OPS_OK: a serve runs on the data directory, as far as the machine can vouch for it. OPS_UNREACHABLE: none does, or what is
 * there is not believed; error says which, and what to do. ret_instance may have an engine then: that of a serve that ended
 * without a word. */
typedef enum ops_status (*ops_instance_find_fn)(const char *data_dir, struct ops_instance *ret_instance,
                                                struct ops_error *error);

#endif
