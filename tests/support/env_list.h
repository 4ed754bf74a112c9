/* An environment made of a list: name, value, name, value, ..., NULL. */
#ifndef OPS_TESTS_ENV_LIST_H
#define OPS_TESTS_ENV_LIST_H

#include "adapters/aws/settings.h"

static inline const char *env_list_get(void *context, const char *name)
{
    for (const char *const *pair = context; *pair; pair += 2)
        if (strcmp(pair[0], name) == 0)
            return pair[1];
    return NULL;
}

static inline struct ops_env env_list(const char **pairs)
{
    return (struct ops_env){env_list_get, pairs};
}

#endif
