#include "core/mutex.h"

#include "base/json.h"

#include <stdio.h>

enum ops_status ops_mutex_read(const json_t *doc, struct ops_mutex *ret_mutex)
{
    *ret_mutex = (struct ops_mutex){.fence = 0};
    if (!doc)
        return OPS_OK;
    const char *holder = ops_json_text(doc, "holder", NULL);
    json_int_t fence = ops_json_integer(doc, "fence", 0);
    if (!holder || strlen(holder) >= OPS_ULID_SIZE || fence < 1)
        return OPS_CORRUPT;
    (void)snprintf(ret_mutex->holder, sizeof ret_mutex->holder, "%s", holder);
    ret_mutex->fence = fence;
    return ops_json_instant(doc, "expires_at", &ret_mutex->expires_ms);
}

json_t *ops_mutex_doc(const struct ops_mutex *mutex)
{
    char expires[OPS_INSTANT_TEXT_SIZE];
    ops_instant_format(mutex->expires_ms, expires);
    return json_pack("{s:s, s:I, s:s}", "holder", mutex->holder, "fence", mutex->fence, "expires_at", expires);
}

bool ops_mutex_held(const struct ops_mutex *mutex)
{
    return mutex->holder[0] != '\0';
}

bool ops_mutex_expired(const struct ops_mutex *mutex, int64_t now_ms)
{
    return ops_mutex_held(mutex) && now_ms >= mutex->expires_ms;
}

struct ops_mutex ops_mutex_take(const struct ops_mutex *mutex, const char *vacuum_id, int64_t now_ms)
{
    struct ops_mutex taken = {.fence = mutex->fence + 1,
                              .expires_ms = ops_instant_ceil_second(now_ms) + OPS_MUTEX_LIFETIME_MS};
    (void)snprintf(taken.holder, sizeof taken.holder, "%s", vacuum_id);
    return taken;
}

struct ops_mutex ops_mutex_give_back(const struct ops_mutex *mutex)
{
    return (struct ops_mutex){.fence = mutex->fence, .expires_ms = mutex->expires_ms};
}

struct ops_mutex ops_mutex_close(const struct ops_mutex *mutex)
{
    struct ops_mutex closed = *mutex;
    closed.fence++;
    return closed;
}

bool ops_mutex_closed(const struct ops_mutex *mutex, const char *vacuum_id, json_int_t taken_fence)
{
    return ops_mutex_held(mutex) && strcmp(mutex->holder, vacuum_id) == 0 && mutex->fence != taken_fence;
}
