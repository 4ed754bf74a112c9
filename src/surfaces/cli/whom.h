/* Whom a command talks to: what --endpoint says, else, with the flag --engine aws, a mutation to the functions in the
 * account, else the serve of the data directory once it has proved itself. Nobody is asked because he happens to listen
 * where a serve might. G3NOPS_ENGINE=aws is no flag: it means the functions only where no serve runs. */
#ifndef OPS_SURFACES_CLI_WHOM_H
#define OPS_SURFACES_CLI_WHOM_H

#include "surfaces/cli/run.h"

enum { OPS_CLI_ENDPOINT_SIZE = 4096 };

struct ops_cli_whom {
    char endpoint[OPS_CLI_ENDPOINT_SIZE]; /* "": the function in the account */
    const char *surface;                  /* "http" or "invoke": as what it has to prove itself */
    const char *data_dir;                 /* whose serve it is; NULL: --endpoint said it */
    struct ops_instance instance;         /* where data_dir is not NULL */
};

/* OPS_UNREACHABLE: there is nobody to ask. OPS_USAGE: flags that do not go together, or another engine or region than the
 * serve's. */
enum ops_status ops_cli_whom(struct ops_cli *cli, enum ops_command_via via, struct ops_cli_whom *ret_whom,
                             struct ops_error *error) OPS_MUST_USE;

/* Has it prove that it is the serve whose serve.json was read; base_url is where its surface begins, and connection what is
 * needed to get there, as the request will that comes next. OPS_UNREACHABLE: it could not, or nobody answered. */
enum ops_status ops_cli_prove(struct ops_cli *cli, const struct ops_cli_whom *whom, const char *base_url,
                              const char *socket_path, struct ops_error *error) OPS_MUST_USE;

/* Remembers who answers, for ops_cli_tell_answered and --json's member answered_by. */
void ops_cli_note_whom(struct ops_cli *cli, const struct ops_cli_whom *whom, const char *function);

#endif
