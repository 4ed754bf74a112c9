#include "main/commands.h"

#include "main/embedded.h"

enum ops_status ops_command_check_engine(struct ops_cli *cli, struct ops_error *error)
{
    const char *engine = ops_cli_text(cli, "--engine");
    if (!engine || strcmp(engine, "local") == 0)
        return OPS_OK;
    return ops_fail(error, OPS_USAGE, "The engine '%s' is not in this program; it has 'local'.", engine);
}

int ops_command_version(struct ops_cli *cli, void *context)
{
    (void)context;
    const struct ops_build *build = ops_embedded_build();
    json_t *data = json_pack("{s:s, s:i, s:i, s:s}", "name", "g3nops", "build_major", build->major, "build_minor",
                             build->minor, "build_id", build->id);
    return ops_cli_done(cli, data, "g3nops %d.%d (%s)", build->major, build->minor, build->id);
}

int ops_command_aws_bootstrap(struct ops_cli *cli, void *context)
{
    (void)context;
    struct ops_error error = OPS_ERROR_INIT;
    (void)ops_fail(&error, OPS_USAGE, "The engine 'aws' is not in this program; it has 'local', which needs no bootstrap.");
    int code = ops_cli_fail(cli, OPS_USAGE, &error);
    ops_error_release(&error);
    return code;
}
