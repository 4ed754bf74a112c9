/* A bucket is the directory <data>/stack/buckets/<name>/, an object a file below it. */
#include "adapters/local/objects.h"

#include <limits.h>
#include <stdio.h>

enum ops_status local_bucket_open(const char *data_dir, const struct ops_target_spec *spec, const struct ops_scope *scope,
                                  struct ops_target **ret_target, struct ops_error *error)
{
    char name[NAME_MAX + sizeof "bucket "], relative[NAME_MAX + sizeof "stack/buckets/"];
    if (!*spec->name || strlen(spec->name) > NAME_MAX || strchr(spec->name, '/'))
        return ops_fail(error, OPS_TARGET_ERROR, "The bucket name '%s' can't be a directory's name.", spec->name);
    if (scope->by == OPS_SCOPE_ATTRIBUTE || scope->by == OPS_SCOPE_INDEX)
        return ops_fail(error, OPS_TARGET_ERROR, "The objects of bucket %s have keys only, no attributes.", spec->name);
    snprintf(name, sizeof name, "bucket %s", spec->name);
    snprintf(relative, sizeof relative, "stack/buckets/%s", spec->name);
    const struct local_objects_options options = {
        .name = name,
        .relative = relative,
        .prefix = scope->by == OPS_SCOPE_ALL ? ops_view(NULL, 0) : ops_view_of(scope->value),
        .exact = scope->by == OPS_SCOPE_KEY,
    };
    return local_objects_open(data_dir, &options, ret_target, error);
}
