#include "main/current_sessions.h"

#include "base/mem.h"

struct current_sessions {
    struct ops_session_source base;
    struct ops_slot slot; /* a struct ops_session_source, or NULL in it */
};

static void free_source(void *source)
{
    ops_session_source_release(source);
}

static enum ops_status current_check(struct ops_session_source *self, struct ops_view guid, int64_t now_ms,
                                     struct ops_session *ret_session, struct ops_error *error)
{
    struct ops_shared *held = ops_slot_hold(&((struct current_sessions *)self)->slot);
    struct ops_session_source *source = ops_shared_thing(held);
    enum ops_status status =
        source ? ops_session_check(source, guid, now_ms, ret_session, error) : OPS_SESSION_STORE_UNAVAILABLE;
    ops_shared_let_go(held);
    return status;
}

static void current_release(struct ops_session_source *self)
{
    ops_slot_release(&((struct current_sessions *)self)->slot);
    ops_mem_free(self);
}

static const struct ops_session_source_ops current_ops = {
    .check = current_check,
    .release = current_release,
};

enum ops_status ops_session_choice_new(struct ops_session_source *source, struct ops_shared **ret_choice)
{
    return ops_shared_new(source, free_source, ret_choice);
}

enum ops_status ops_current_sessions_new(struct ops_shared *first, struct ops_session_source **ret_source)
{
    struct current_sessions *sessions = ops_mem_zeroed(1, sizeof *sessions);
    if (!sessions)
        return OPS_NO_MEMORY;
    sessions->base.ops = &current_ops;
    ops_slot_init(&sessions->slot, first);
    *ret_source = &sessions->base;
    return OPS_OK;
}

void ops_current_sessions_replace(struct ops_session_source *source, struct ops_shared *choice)
{
    ops_slot_replace(&((struct current_sessions *)source)->slot, choice);
}
