#include "adapters/memory/sessions.h"

#include "base/mem.h"

#include <pthread.h>
#include <stdio.h>

struct entry {
    char guid[OPS_SESSION_GUID_MAX + 1];
    struct ops_session session;
    int64_t expires_at_ms;
};

struct memory_sessions {
    struct ops_session_source base;
    pthread_mutex_t mutex;
    struct {
        struct entry *entries;
        size_t count;
    } synced;
};

static struct memory_sessions *memory_sessions(struct ops_session_source *self)
{
    return (struct memory_sessions *)self;
}

static struct entry *find_locked(struct memory_sessions *sessions, struct ops_view guid)
{
    for (size_t i = 0; i < sessions->synced.count; i++)
        if (ops_view_is(guid, sessions->synced.entries[i].guid))
            return &sessions->synced.entries[i];
    return NULL;
}

static enum ops_status memory_check(struct ops_session_source *self, struct ops_view guid, int64_t now_ms,
                                    struct ops_session *ret_session, struct ops_error *error)
{
    (void)error;
    struct memory_sessions *sessions = memory_sessions(self);
    pthread_mutex_lock(&sessions->mutex);
    const struct entry *entry = find_locked(sessions, guid);
    bool counts = entry && entry->expires_at_ms > now_ms;
    if (counts)
        *ret_session = entry->session;
    pthread_mutex_unlock(&sessions->mutex);
    return counts ? OPS_OK : OPS_SESSION_INVALID;
}

static void memory_release(struct ops_session_source *self)
{
    struct memory_sessions *sessions = memory_sessions(self);
    ops_mem_free(sessions->synced.entries);
    pthread_mutex_destroy(&sessions->mutex);
    ops_mem_free(sessions);
}

static const struct ops_session_source_ops memory_ops = {
    .check = memory_check,
    .release = memory_release,
};

enum ops_status ops_memory_sessions_new(struct ops_session_source **ret_source)
{
    struct memory_sessions *sessions = ops_mem_zeroed(1, sizeof *sessions);
    if (!sessions)
        return OPS_NO_MEMORY;
    sessions->base.ops = &memory_ops;
    (void)pthread_mutex_init(&sessions->mutex, NULL); /* a default mutex needs no resources on Linux */
    *ret_source = &sessions->base;
    return OPS_OK;
}

static enum ops_status add_locked(struct memory_sessions *sessions, const struct entry *entry)
{
    struct entry *existing = find_locked(sessions, ops_view_of(entry->guid));
    if (existing) {
        *existing = *entry;
        return OPS_OK;
    }
    struct entry *entries = ops_mem_resize(sessions->synced.entries, (sessions->synced.count + 1) * sizeof *entries);
    if (!entries)
        return OPS_NO_MEMORY;
    sessions->synced.entries = entries;
    entries[sessions->synced.count++] = *entry;
    return OPS_OK;
}

enum ops_status ops_memory_sessions_add(struct ops_session_source *source, const char *guid,
                                        const struct ops_session *session, int64_t expires_at_ms)
{
    struct memory_sessions *sessions = memory_sessions(source);
    struct entry entry = {.session = *session, .expires_at_ms = expires_at_ms};
    if (snprintf(entry.guid, sizeof entry.guid, "%s", guid) >= (int)sizeof entry.guid)
        return OPS_LIMIT;
    pthread_mutex_lock(&sessions->mutex);
    enum ops_status status = add_locked(sessions, &entry);
    pthread_mutex_unlock(&sessions->mutex);
    return status;
}

void ops_memory_sessions_remove(struct ops_session_source *source, const char *guid)
{
    struct memory_sessions *sessions = memory_sessions(source);
    pthread_mutex_lock(&sessions->mutex);
    struct entry *entry = find_locked(sessions, ops_view_of(guid));
    if (entry)
        *entry = sessions->synced.entries[--sessions->synced.count];
    pthread_mutex_unlock(&sessions->mutex);
}
