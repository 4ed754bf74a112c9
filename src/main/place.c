#include "main/commands.h"

static const char engine_default[] = "local";

static const char *engine_of(struct ops_cli *cli)
{
    const char *engine = ops_cli_text(cli, "--engine");
    return engine ? engine : engine_default;
}

enum ops_status ops_command_place(struct ops_cli *cli, struct ops_place *ret_place, struct ops_error *error)
{
    struct ops_place place = {
        .aws = strcmp(engine_of(cli), "aws") == 0,
        .region = ops_cli_text(cli, "--region"),
        .profile = ops_cli_text(cli, "--profile"),
    };
    if (!place.aws && (place.region || place.profile))
        return ops_fail(error, OPS_USAGE, "%s goes with --engine aws.", place.region ? "--region" : "--profile");
    enum ops_status status = ops_cli_data_dir(cli, &place.data_dir, error);
    if (status == OPS_OK)
        *ret_place = place;
    return status;
}

enum ops_status ops_command_needs_engine(struct ops_cli *cli, const char *engine, struct ops_error *error)
{
    if (strcmp(engine_of(cli), engine) == 0)
        return OPS_OK;
    return ops_fail(error, OPS_USAGE, "This command works with --engine %s, not with --engine %s.", engine, engine_of(cli));
}
