#include "gate/notice.h"

#include "base/instant.h"
#include "base/json.h"

enum { DURATION_MAX_S = 7 * 24 * 3600 }; /* OPS's own limit */

static const char *const text_members[] = {"maintenance_id", "description", "started_at", "estimated_end_utc"};

void ops_gate_notice_release(struct ops_gate_notice *notice)
{
    json_decref(notice->window);
    *notice = (struct ops_gate_notice){.window = NULL};
}

static enum ops_status copy_member(const json_t *from, const char *name, json_t *to)
{
    json_t *value = json_object_get(from, name);
    return ops_json_set(to, name, json_is_string(value) ? json_incref(value) : json_null());
}

/* A window says when it ends, or when it began and how long it lasts; from two of these comes the third. */
static enum ops_status find_end(const json_t *from, json_t *to, struct ops_gate_notice *notice)
{
    int64_t started_ms, end_ms;
    json_int_t seconds = ops_json_integer(from, "estimated_duration_seconds", 0);
    bool has_start = ops_json_instant(from, "started_at", &started_ms) == OPS_OK;
    if (seconds > 0 && seconds <= DURATION_MAX_S)
        notice->estimate_ms = seconds * OPS_SECOND_MS;
    if (ops_json_instant(from, "estimated_end_utc", &end_ms) == OPS_OK) {
        notice->end_ms = end_ms;
        if (!notice->estimate_ms && has_start && end_ms > started_ms)
            notice->estimate_ms = end_ms - started_ms;
        return OPS_OK;
    }
    if (!has_start || !notice->estimate_ms)
        return ops_json_set(to, "estimated_end_utc", json_null());
    notice->end_ms = started_ms + notice->estimate_ms;
    return ops_json_set_instant(to, "estimated_end_utc", notice->end_ms);
}

static enum ops_status fill(const json_t *from, struct ops_gate_notice *notice)
{
    enum ops_status status = OPS_OK;
    for (size_t i = 0; i < sizeof text_members / sizeof text_members[0] && status == OPS_OK; i++)
        status = copy_member(from, text_members[i], notice->window);
    if (status == OPS_OK)
        status = find_end(from, notice->window, notice);
    notice->told_overdue = ops_json_flag(from, "overdue", false);
    json_t *updates = json_object_get(from, "updates");
    if (status == OPS_OK)
        status = ops_json_set(notice->window, "updates", json_is_array(updates) ? json_incref(updates) : json_array());
    return status;
}

/* A source of g3nops's own gives active windows only. A function of the service's own may pass on what it was told. */
static bool is_of_another_state(const json_t *from)
{
    const json_t *status = json_object_get(from, "status");
    return status && !(json_is_string(status) && strcmp(json_string_value(status), "active") == 0);
}

enum ops_status ops_gate_notice_read(struct ops_view text, struct ops_gate_notice *ret_notice)
{
    json_t *from = NULL;
    *ret_notice = (struct ops_gate_notice){.window = NULL};
    if (text.length == 0)
        return OPS_OK;
    enum ops_status status = ops_json_parse_object(text, &from, NULL);
    if (status != OPS_OK)
        return status == OPS_NO_MEMORY ? status : OPS_CORRUPT;
    if (is_of_another_state(from)) {
        json_decref(from);
        return OPS_OK;
    }
    ret_notice->window = json_object();
    status = ret_notice->window ? fill(from, ret_notice) : OPS_NO_MEMORY;
    json_decref(from);
    if (status != OPS_OK)
        ops_gate_notice_release(ret_notice);
    return status;
}

bool ops_gate_notice_overdue(const struct ops_gate_notice *notice, int64_t now_ms)
{
    return notice->told_overdue || (notice->end_ms && now_ms > notice->end_ms);
}
