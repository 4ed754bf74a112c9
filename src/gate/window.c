#include "gate/gate.h"

#include "base/json.h"
#include "base/mem.h"

enum { UPDATES_MAX_BYTES = 512 * 1024 };

/* A window with the memory that its texts are in. */
struct copy {
    opsgate_window window; /* first: it is what the caller frees */
    json_t *texts;
    struct ops_buf updates;
};

static enum ops_status fill(struct copy *copy, const struct ops_gate_notice *notice)
{
    copy->texts = ops_json_copy(notice->window);
    if (!copy->texts)
        return OPS_NO_MEMORY;
    copy->window.active = 1;
    copy->window.overdue = ops_gate_notice_overdue(notice, ops_gate_wall_ns(NULL) / OPS_GATE_MS);
    copy->window.maintenance_id = ops_json_text(copy->texts, "maintenance_id", "");
    copy->window.description = ops_json_text(copy->texts, "description", "");
    copy->window.started_at = ops_json_text(copy->texts, "started_at", "");
    copy->window.estimated_end_utc = ops_json_text(copy->texts, "estimated_end_utc", "");
    enum ops_status status = ops_json_append(json_object_get(copy->texts, "updates"), &copy->updates);
    copy->window.updates_json = ops_buf_text(&copy->updates);
    return status;
}

static struct copy *copy_new(void)
{
    struct copy *copy = ops_mem_zeroed(1, sizeof *copy);
    if (!copy)
        return NULL;
    ops_buf_init(&copy->updates, UPDATES_MAX_BYTES);
    copy->window = (opsgate_window){.age_ms = -1,
                                    .maintenance_id = "",
                                    .description = "",
                                    .started_at = "",
                                    .estimated_end_utc = "",
                                    .updates_json = "[]"};
    return copy;
}

opsgate_window *opsgate_window_copy(opsgate *gate)
{
    struct copy *copy = copy_new();
    if (!copy)
        return NULL;
    pthread_mutex_lock(&gate->mutex);
    struct ops_gate_knowledge knowledge = ops_gate_cell_get(&gate->cell);
    bool blocks = ops_gate_cell_judge(&gate->cell, ops_gate_monotonic_ns, ops_gate_wall_ns, NULL) == OPS_GATE_BLOCKED;
    if (knowledge.known)
        copy->window.age_ms = (ops_gate_monotonic_ns(NULL) - knowledge.learned_ns) / OPS_GATE_MS;
    enum ops_status status = blocks ? fill(copy, &gate->synced.notice) : OPS_OK;
    pthread_mutex_unlock(&gate->mutex);
    if (status == OPS_OK)
        return &copy->window;
    opsgate_window_free(&copy->window);
    return NULL;
}

void opsgate_window_free(opsgate_window *window)
{
    struct copy *copy = (struct copy *)(void *)window;
    if (!copy)
        return;
    json_decref(copy->texts);
    ops_buf_release(&copy->updates);
    ops_mem_free(copy);
}
