#include "core/window.h"

#include "base/json.h"

static const char *const status_names[OPS_WINDOW_STATUS_COUNT] = {
    [OPS_WINDOW_SCHEDULED] = "scheduled",
    [OPS_WINDOW_ACTIVE] = "active",
    [OPS_WINDOW_ENDED] = "ended",
    [OPS_WINDOW_CANCELLED] = "cancelled",
};

const char *ops_window_status_name(enum ops_window_status status)
{
    return status_names[status];
}

enum ops_status ops_window_status(const json_t *window, enum ops_window_status *ret_status)
{
    const char *name = ops_json_text(window, "status", "");
    for (int status = 0; status < OPS_WINDOW_STATUS_COUNT; status++) {
        if (strcmp(status_names[status], name) == 0) {
            *ret_status = (enum ops_window_status)status;
            return OPS_OK;
        }
    }
    return OPS_CORRUPT;
}

static enum ops_status check_start(int64_t start_ms, int64_t now_ms, struct ops_error *error)
{
    if (start_ms <= now_ms) {
        char now[OPS_INSTANT_TEXT_SIZE];
        ops_instant_format(now_ms, now);
        (void)ops_fail(error, OPS_START_NOT_IN_FUTURE, "scheduled_start_utc is not in the future; it is now %s.", now);
        ops_error_detail(error, "field", "scheduled_start_utc");
        ops_error_detail(error, "now_utc", now);
        return OPS_START_NOT_IN_FUTURE;
    }
    if (start_ms - now_ms > OPS_SCHEDULE_AHEAD_MAX_DAYS * OPS_DAY_MS) {
        (void)ops_fail(error, OPS_INVALID_FIELD, "scheduled_start_utc is more than %d days ahead.",
                       OPS_SCHEDULE_AHEAD_MAX_DAYS);
        ops_error_detail(error, "field", "scheduled_start_utc");
        ops_error_detail_integer(error, "max_days_ahead", OPS_SCHEDULE_AHEAD_MAX_DAYS);
        return OPS_INVALID_FIELD;
    }
    return OPS_OK;
}

enum ops_status ops_window_schedule(const char *id, const char *description, int64_t duration_seconds, int64_t start_ms,
                                    int64_t now_ms, json_t **ret_window, struct ops_error *error)
{
    enum ops_status status = check_start(start_ms, now_ms, error);
    if (status != OPS_OK)
        return status;
    char start[OPS_INSTANT_TEXT_SIZE], now[OPS_INSTANT_TEXT_SIZE];
    /* Rounded up, so that the text never names an instant before the one that was asked for. */
    ops_instant_format(ops_instant_ceil_second(start_ms), start);
    ops_instant_format(now_ms, now);
    json_t *window = json_pack("{s:s, s:s, s:s, s:I, s:s, s:[], s:i, s:s, s:s}", "maintenance_id", id, "status",
                               status_names[OPS_WINDOW_SCHEDULED], "description", description, "estimated_duration_seconds",
                               (json_int_t)duration_seconds, "scheduled_start_utc", start, "updates", "revision", 1,
                               "created_at", now, "updated_at", now);
    if (!window)
        return OPS_NO_MEMORY;
    *ret_window = window;
    return OPS_OK;
}

/* The refusal of a transition that the window's status does not allow. */
static enum ops_status refuse(const json_t *window, enum ops_status refusal, struct ops_error *error)
{
    const char *id = ops_json_text(window, "maintenance_id", "");
    const char *status = ops_json_text(window, "status", "");
    (void)ops_fail(error, refusal, "The maintenance window %s is %s.", id, status);
    ops_error_detail(error, "maintenance_id", id);
    ops_error_detail(error, "status", status);
    return refusal;
}

static enum ops_status require(const json_t *window, enum ops_window_status wanted, enum ops_status refusal,
                               struct ops_error *error)
{
    enum ops_window_status actual;
    enum ops_status status = ops_window_status(window, &actual);
    if (status != OPS_OK)
        return status;
    return actual == wanted ? OPS_OK : refuse(window, refusal, error);
}

/* A copy with the next revision, changed at now_ms. */
static json_t *next_revision(const json_t *window, int64_t now_ms)
{
    json_t *next = ops_json_copy(window);
    if (!next)
        return NULL;
    if (ops_json_set_integer(next, "revision", ops_json_integer(window, "revision", 0) + 1) != OPS_OK ||
        ops_json_set_instant(next, "updated_at", now_ms) != OPS_OK) {
        json_decref(next);
        return NULL;
    }
    return next;
}

/* A copy with the next revision, in status to, with the instant of the change under at_name. */
static enum ops_status move_to(const json_t *window, enum ops_window_status to, const char *at_name, int64_t now_ms,
                               json_t **ret_window)
{
    json_t *next = next_revision(window, now_ms);
    if (!next)
        return OPS_NO_MEMORY;
    if (ops_json_set_text(next, "status", status_names[to]) != OPS_OK ||
        ops_json_set_instant(next, at_name, now_ms) != OPS_OK) {
        json_decref(next);
        return OPS_NO_MEMORY;
    }
    *ret_window = next;
    return OPS_OK;
}

/* Sets one more text on a window that move_to made; gives the window up on failure. */
static enum ops_status add_text(json_t *next, const char *name, const char *value, json_t **ret_window)
{
    if (value && ops_json_set_text(next, name, value) != OPS_OK) {
        json_decref(next);
        return OPS_NO_MEMORY;
    }
    *ret_window = next;
    return OPS_OK;
}

enum ops_status ops_window_start(const json_t *window, const char *started_by, int64_t now_ms, json_t **ret_window,
                                 struct ops_error *error)
{
    json_t *next = NULL;
    enum ops_status status = require(window, OPS_WINDOW_SCHEDULED, OPS_MAINTENANCE_NOT_SCHEDULED, error);
    if (status == OPS_OK)
        status = move_to(window, OPS_WINDOW_ACTIVE, "started_at", now_ms, &next);
    return status == OPS_OK ? add_text(next, "started_by", started_by, ret_window) : status;
}

enum ops_status ops_window_end(const json_t *window, const char *end_message, int64_t now_ms, json_t **ret_window,
                               struct ops_error *error)
{
    json_t *next = NULL;
    enum ops_status status = require(window, OPS_WINDOW_ACTIVE, OPS_MAINTENANCE_NOT_ACTIVE, error);
    if (status == OPS_OK)
        status = move_to(window, OPS_WINDOW_ENDED, "ended_at", now_ms, &next);
    return status == OPS_OK ? add_text(next, "end_message", end_message, ret_window) : status;
}

enum ops_status ops_window_cancel(const json_t *window, int64_t now_ms, json_t **ret_window, struct ops_error *error)
{
    enum ops_status status = require(window, OPS_WINDOW_SCHEDULED, OPS_MAINTENANCE_NOT_SCHEDULED, error);
    return status == OPS_OK ? move_to(window, OPS_WINDOW_CANCELLED, "cancelled_at", now_ms, ret_window) : status;
}

/* What a text takes in the record, where JSON writes a control character as six. */
static size_t text_bytes(const char *text)
{
    size_t bytes = 0;
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        bytes += *c < 0x20 ? sizeof "\\u0000" - 1 : *c == '"' || *c == '\\' ? 2 : 1;
    return bytes;
}

static size_t updates_bytes(const json_t *updates)
{
    size_t bytes = 0, i;
    json_t *update;
    json_array_foreach(updates, i, update)
        bytes += text_bytes(ops_json_text(update, "text", "")) + sizeof "{'at':'2026-11-24T03:42:53Z','text':''},";
    return bytes;
}

static enum ops_status post_update(json_t *window, const char *text, int64_t now_ms)
{
    char now[OPS_INSTANT_TEXT_SIZE];
    ops_instant_format(now_ms, now);
    json_t *updates = json_object_get(window, "updates");
    if (!json_is_array(updates))
        return OPS_CORRUPT;
    json_t *update = json_pack("{s:s, s:s}", "at", now, "text", text);
    if (!update || json_array_append_new(updates, update) != 0)
        return OPS_NO_MEMORY;
    while (json_array_size(updates) > OPS_UPDATES_MAX || updates_bytes(updates) > OPS_UPDATES_MAX_BYTES)
        (void)json_array_remove(updates, 0);
    return OPS_OK;
}

static enum ops_status apply_change(json_t *next, const struct ops_window_change *change, int64_t now_ms)
{
    enum ops_status status = OPS_OK;
    if (change->description)
        status = ops_json_set_text(next, "description", change->description);
    if (status == OPS_OK && change->duration_seconds)
        status = ops_json_set_integer(next, "estimated_duration_seconds", change->duration_seconds);
    if (status == OPS_OK && change->text)
        status = post_update(next, change->text, now_ms);
    return status;
}

enum ops_status ops_window_update(const json_t *window, const struct ops_window_change *change, int64_t now_ms,
                                  json_t **ret_window, struct ops_error *error)
{
    enum ops_window_status actual;
    enum ops_status status = ops_window_status(window, &actual);
    if (status != OPS_OK)
        return status;
    bool over = actual == OPS_WINDOW_ENDED || actual == OPS_WINDOW_CANCELLED;
    if (over || (change->text && actual != OPS_WINDOW_ACTIVE))
        return refuse(window, OPS_MAINTENANCE_NOT_ACTIVE, error);
    json_t *next = next_revision(window, now_ms);
    if (!next)
        return OPS_NO_MEMORY;
    status = apply_change(next, change, now_ms);
    if (status != OPS_OK) {
        json_decref(next);
        return status;
    }
    *ret_window = next;
    return OPS_OK;
}

enum ops_status ops_window_expect(const json_t *window, json_int_t expected_revision, struct ops_error *error)
{
    json_int_t revision = ops_json_integer(window, "revision", 0);
    if (expected_revision == 0 || expected_revision == revision)
        return OPS_OK;
    (void)ops_fail(error, OPS_REVISION_CONFLICT,
                   "The window is at revision %" JSON_INTEGER_FORMAT ", not %" JSON_INTEGER_FORMAT ".", revision,
                   expected_revision);
    ops_error_detail_integer(error, "expected_revision", expected_revision);
    ops_error_detail_integer(error, "revision", revision);
    return OPS_REVISION_CONFLICT;
}

bool ops_window_is(const json_t *window, enum ops_window_status status)
{
    enum ops_window_status actual;
    return ops_window_status(window, &actual) == OPS_OK && actual == status;
}

bool ops_window_due(const json_t *window, int64_t now_ms)
{
    int64_t start_ms;
    return ops_window_is(window, OPS_WINDOW_SCHEDULED) &&
           ops_json_instant(window, "scheduled_start_utc", &start_ms) == OPS_OK && start_ms <= now_ms;
}

bool ops_window_before(const json_t *a, const json_t *b)
{
    int order = strcmp(ops_json_text(a, "scheduled_start_utc", ""), ops_json_text(b, "scheduled_start_utc", ""));
    if (order == 0)
        order = strcmp(ops_json_text(a, "maintenance_id", ""), ops_json_text(b, "maintenance_id", ""));
    return order < 0;
}

/* OPS_CORRUPT where it can't be said. */
static enum ops_status estimated_end(const json_t *window, int64_t *ret_end_ms)
{
    int64_t started_ms;
    json_int_t duration = ops_json_integer(window, "estimated_duration_seconds", 0);
    if (ops_json_instant(window, "started_at", &started_ms) != OPS_OK || duration < OPS_DURATION_MIN_SECONDS ||
        duration > OPS_DURATION_MAX_SECONDS)
        return OPS_CORRUPT;
    *ret_end_ms = started_ms + duration * OPS_SECOND_MS;
    return OPS_OK;
}

bool ops_window_overdue(const json_t *window, int64_t now_ms)
{
    int64_t end_ms;
    return ops_window_is(window, OPS_WINDOW_ACTIVE) && estimated_end(window, &end_ms) == OPS_OK && now_ms > end_ms;
}

enum ops_status ops_window_notice(const json_t *window, int64_t now_ms, json_t **ret_notice)
{
    static const char *const shown[] = {"maintenance_id", "status", "description", "updates"};
    int64_t end_ms;
    bool damaged = estimated_end(window, &end_ms) != OPS_OK;
    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++)
        damaged = damaged || !json_object_get(window, shown[i]);
    if (damaged)
        return OPS_CORRUPT;
    char end[OPS_INSTANT_TEXT_SIZE];
    ops_instant_format(end_ms, end);
    json_t *notice =
        json_pack("{s:O, s:O, s:O, s:O, s:I, s:s, s:b, s:O}", "maintenance_id", json_object_get(window, "maintenance_id"),
                  "status", json_object_get(window, "status"), "description", json_object_get(window, "description"),
                  "started_at", json_object_get(window, "started_at"), "estimated_duration_seconds",
                  ops_json_integer(window, "estimated_duration_seconds", 0), "estimated_end_utc", end, "overdue",
                  now_ms > end_ms, "updates", json_object_get(window, "updates"));
    if (!notice)
        return OPS_NO_MEMORY;
    *ret_notice = notice;
    return OPS_OK;
}
