/* Both surfaces over the fake app, until a signal comes. */
#include "fake_app.h"
#include "surfaces/http/server.h"
#include "surfaces/invoke/server.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    static struct ops_app app;
    struct ops_error error = OPS_ERROR_INIT;
    struct ops_http_server *http = NULL;
    struct ops_invoke_server *invoke = NULL;
    sigset_t signals;
    int number;
    if (argc < 3)
        return 2;
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &signals, NULL);
    struct ops_http_config http_config = {
        .host = "127.0.0.1", .port = (uint16_t)atoi(argv[1]), .openapi = ops_view_of("openapi: 3.1.0\n")};
    struct ops_invoke_config invoke_config = {.listen = argv[2]};
    enum ops_status status = ops_http_server_start(&app, &http_config, &http, &error);
    if (status == OPS_OK)
        status = ops_invoke_server_start(&app, &invoke_config, &invoke, &error);
    if (status == OPS_OK) {
        (void)fprintf(stderr, "pid %d http 127.0.0.1:%u invoke %s\n", (int)getpid(), ops_http_server_port(http),
                      ops_invoke_server_address(invoke));
        (void)sigwait(&signals, &number);
    } else {
        (void)fprintf(stderr, "%s\n", ops_error_text(&error, status));
    }
    ops_invoke_server_stop(invoke);
    ops_http_server_stop(http);
    ops_error_release(&error);
    return status == OPS_OK ? 0 : ops_status_exit_code(status);
}
