#include "main/commands.h"

#include "main/embedded.h"

int ops_command_version(struct ops_cli *cli, void *context)
{
    (void)context;
    const struct ops_build *build = ops_embedded_build();
    json_t *data = json_pack("{s:s, s:i, s:i, s:s}", "name", "g3nops", "build_major", build->major, "build_minor",
                             build->minor, "build_id", build->id);
    return ops_cli_done(cli, data, "g3nops %d.%d (%s)", build->major, build->minor, build->id);
}
