/* The environment as AWS tools take it: an empty variable is as if it were not set. */
#ifndef OPS_ADAPTERS_AWS_ENV_H
#define OPS_ADAPTERS_AWS_ENV_H

#include "adapters/aws/settings.h"

#include <strings.h>

static inline const char *ops_env_text(const struct ops_env *env, const char *name)
{
    const char *value = ops_env_get(env, name);
    return value && value[0] ? value : NULL;
}

/* "true" in any case; anything else is false, as every AWS tool has it. NULL is fine. */
static inline bool ops_env_is_true(const char *value)
{
    return value && strcasecmp(value, "true") == 0;
}

#endif
