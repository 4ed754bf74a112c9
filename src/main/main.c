/* g3nops: joins the parts up and runs one command. */
#include "adapters/curl/http_client.h"
#include "adapters/sys/clock.h"
#include "adapters/sys/random.h"
#include "base/mem_wipe.h"
#include "main/commands.h"
#include "main/embedded.h"
#include "main/lambda.h"
#include "main/open_files.h"
#include "main/serve_file.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>

static const struct ops_cli_handler handlers[] = {
    {"audit-verify", ops_command_audit_verify},     {"aws-bootstrap", ops_command_aws_bootstrap},
    {"demo", ops_command_demo},                     {"demo-data", ops_command_demo_data},
    {"gate", ops_command_gate},
    {"manifest-check", ops_command_manifest_check}, {"secret-set", ops_command_secret_set},
    {"serve", ops_command_serve},                   {"session-create", ops_command_session_create},
    {"version", ops_command_version},
};

int main(int argc, char **argv)
{
    ops_fill_standard_files();
    /* What we make is for its owner, whatever umask we were started with; what is for others too is given its mode. */
    (void)umask(S_IRWXG | S_IRWXO);
    ops_mem_use(ops_mem_wiping());
    ops_curl_wipe_what_is_freed();
    /* Nobody reads our memory, attaches a debugger, or finds a core file with a secret in it; root may, and asks nobody. */
    (void)prctl(PR_SET_DUMPABLE, 0);
    /* A reader that went away is an error to report, not a reason to die. */
    (void)signal(SIGPIPE, SIG_IGN);
    struct ops_http_client *http = NULL;
    if (ops_curl_http_client_new(&http) != OPS_OK)
        http = NULL; /* commands that need it say so */
    struct ops_lambda lambda = {.opened = false};
    const struct ops_cli_host host = {
        .handlers = handlers,
        .handler_count = sizeof handlers / sizeof handlers[0],
        .context = &lambda,
        .invoke = ops_lambda_invoke,
        .http = http,
        .find_instance = ops_serve_file_find,
        .clock = ops_system_clock(),
        .random = ops_system_random(),
        .terminal = ops_terminal_system(),
        .build = ops_embedded_build(),
        .in = stdin,
        .out = stdout,
        .err = stderr,
    };
    int code = ops_cli_run(&host, argc, argv);
    ops_lambda_close(&lambda);
    ops_http_client_release(http);
    return code;
}
