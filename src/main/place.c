#include "main/commands.h"

static const char engine_default[] = "local";

static bool is_aws(const char *engine)
{
    return strcmp(engine, "aws") == 0;
}

static enum ops_status make_place(struct ops_cli *cli, const char *engine, struct ops_place *ret_place,
                                  struct ops_error *error)
{
    struct ops_place place = {
        .aws = is_aws(engine),
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

enum ops_status ops_command_own_place(struct ops_cli *cli, struct ops_place *ret_place, struct ops_error *error)
{
    const char *engine;
    enum ops_status status = ops_cli_engine(cli, &engine, error);
    return status == OPS_OK ? make_place(cli, engine ? engine : engine_default, ret_place, error) : status;
}

/* What the serve that ended last worked with is no more than a hint, and reason enough to ask. */
static enum ops_status check_leftover(const struct ops_cli *cli, const char *data_dir, const struct ops_instance *left,
                                      struct ops_error *error)
{
    (void)cli;
    if (!left->engine[0] || !is_aws(left->engine))
        return OPS_OK;
    return ops_fail(error, OPS_USAGE,
                    "The 'g3nops serve' that ended last on the data directory %.200s worked with --engine aws: say --engine "
                    "aws or --engine local.",
                    data_dir);
}

/* *ret_serve: the serve that runs, or NULL. */
static enum ops_status find_engine(struct ops_cli *cli, const char **ret_engine, const struct ops_instance **ret_serve,
                                   struct ops_error *error)
{
    const struct ops_instance *instance;
    const char *engine, *data_dir;
    *ret_serve = NULL;
    enum ops_status status = ops_cli_engine(cli, &engine, error);
    if (status == OPS_OK)
        status = ops_cli_data_dir(cli, &data_dir, error);
    if (status != OPS_OK)
        return status;
    enum ops_status found = ops_cli_instance(cli, &instance, NULL);
    if (found == OPS_OK) {
        *ret_serve = instance;
        *ret_engine = instance->engine;
        return ops_cli_check_instance(cli, data_dir, instance, error);
    }
    *ret_engine = engine ? engine : engine_default;
    return engine ? OPS_OK : check_leftover(cli, data_dir, instance, error);
}

enum ops_status ops_command_place(struct ops_cli *cli, struct ops_place *ret_place, struct ops_error *error)
{
    const char *engine;
    const struct ops_instance *serve;
    enum ops_status status = find_engine(cli, &engine, &serve, error);
    if (status == OPS_OK)
        status = make_place(cli, engine, ret_place, error);
    if (status != OPS_OK)
        return status;
    if (serve && ret_place->aws) {
        ret_place->region = serve->region[0] ? serve->region : ret_place->region;
        ret_place->account = serve->account[0] ? serve->account : NULL;
    }
    ops_cli_note_store(cli, ret_place->aws ? NULL : ret_place->data_dir, ret_place->region, ret_place->account);
    return OPS_OK;
}

enum ops_status ops_command_needs_engine(struct ops_cli *cli, const char *engine, struct ops_error *error)
{
    const char *found;
    const struct ops_instance *serve;
    enum ops_status status = find_engine(cli, &found, &serve, error);
    if (status != OPS_OK || strcmp(found, engine) == 0)
        return status;
    return ops_fail(error, OPS_USAGE, "This command works with --engine %s, not with --engine %s%s.", engine, found,
                    serve ? ", which the 'g3nops serve' of this data directory works with" : "");
}
