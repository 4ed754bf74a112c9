/* A log group is the directory <data>/stack/log_groups/<name without the leading slash>/, a stream a file directly in it.
 * The directories in it are log groups of their own, and the group's directory stays. */
#include "adapters/local/objects.h"

#include <limits.h>
#include <stdio.h>

enum ops_status local_log_group_open(const char *data_dir, const struct ops_target_spec *spec, const struct ops_scope *scope,
                                     struct ops_target **ret_target, struct ops_error *error)
{
    char name[PATH_MAX], relative[PATH_MAX];
    const char *path = spec->name[0] == '/' ? spec->name + 1 : spec->name;
    if (!*path || strlen(path) > PATH_MAX / 2)
        return ops_fail(error, OPS_TARGET_ERROR, "The log group name '%s' can't be a directory's path.", spec->name);
    if (scope->by != OPS_SCOPE_ALL)
        return ops_fail(error, OPS_TARGET_ERROR, "The streams of log group %s can't be told apart by tenant.", spec->name);
    snprintf(name, sizeof name, "log group %s", spec->name);
    snprintf(relative, sizeof relative, "stack/log_groups/%s", path);
    const struct local_objects_options options = {.name = name, .relative = relative, .flat = true};
    return local_objects_open(data_dir, &options, ret_target, error);
}
