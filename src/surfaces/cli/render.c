#include "surfaces/cli/render.h"

#include "base/json.h"
#include "surfaces/cli/card.h"
#include "surfaces/cli/human.h"
#include "surfaces/cli/text.h"

#include <stdio.h>

static void append_updates(struct ops_buf *buf, const json_t *updates)
{
    size_t i;
    json_t *update;
    if (json_array_size(updates) > 0)
        ops_buf_append_text(buf, "  updates\n");
    json_array_foreach(updates, i, update) {
        ops_buf_append_text(buf, "    ");
        ops_human_append_plain_instant(buf, ops_json_text(update, "at", ""));
        ops_buf_append_text(buf, "  ");
        ops_text_append_safe(buf, ops_view_of(ops_json_text(update, "text", "")));
        ops_buf_append_char(buf, '\n');
    }
}

enum ops_status ops_render_window(const json_t *data, const struct ops_style *style, struct ops_buf *buf)
{
    ops_card_title(buf, style, "Maintenance", ops_json_text(data, "maintenance_id", ""), ops_json_text(data, "status", ""));
    ops_card_text(buf, style, "description", data, "description");
    ops_card_instant(buf, style, "scheduled", data, "scheduled_start_utc");
    ops_card_duration(buf, style, "estimate", data, "estimated_duration_seconds");
    ops_card_instant(buf, style, "started", data, "started_at");
    ops_card_text(buf, style, "started by", data, "started_by");
    ops_card_instant(buf, style, ops_json_flag(data, "overdue", false) ? "overdue" : "expected end", data,
                     "estimated_end_utc");
    ops_card_instant(buf, style, "ended", data, "ended_at");
    ops_card_text(buf, style, "end message", data, "end_message");
    ops_card_instant(buf, style, "cancelled", data, "cancelled_at");
    ops_card_number(buf, style, "revision", data, "revision");
    append_updates(buf, json_object_get(data, "updates"));
    return ops_buf_status(buf);
}

/* "01JD...  2026-11-24 06:50:02Z (2s ago)  Move to new disks" */
static void append_window_line(struct ops_buf *buf, const struct ops_style *style, const json_t *window)
{
    ops_buf_append_text(buf, "  ");
    ops_text_append_safe(buf, ops_view_of(ops_json_text(window, "maintenance_id", "")));
    ops_buf_append_text(buf, "  ");
    ops_human_append_instant(buf, ops_json_text(window, "scheduled_start_utc", ""), style->now_ms);
    ops_buf_append_text(buf, "  ");
    ops_text_append_safe(buf, ops_view_of(ops_json_text(window, "description", "")));
    ops_buf_append_char(buf, '\n');
}

static void append_due(struct ops_buf *buf, const struct ops_style *style, const json_t *next)
{
    ops_buf_append_char(buf, '\n');
    ops_paint_append(buf, style, OPS_PAINT_BUSY, "warning: another window is due, and starts now, with the next sweep:");
    ops_buf_append_char(buf, '\n');
    append_window_line(buf, style, next);
    ops_buf_append_text(buf, "\nEnd it as well: g3nops maintenance-end --maintenance-id ");
    ops_text_append_safe(buf, ops_view_of(ops_json_text(next, "maintenance_id", "")));
    ops_buf_append_char(buf, '\n');
}

enum ops_status ops_render_window_end(const json_t *data, const struct ops_style *style, struct ops_buf *buf)
{
    const json_t *next = json_object_get(data, "next");
    enum ops_status status = ops_render_window(data, style, buf);
    if (ops_json_flag(next, "due", false)) {
        append_due(buf, style, next);
    } else if (json_is_object(next)) {
        ops_buf_append_text(buf, "\nNext:\n");
        append_window_line(buf, style, next);
    } else if (json_is_null(next)) {
        ops_buf_append_text(buf, "\nNo other window is scheduled.\n");
    } else {
        ops_buf_append_text(buf, "\nWhich window is next could not be read: see 'g3nops maintenance-list'.\n");
    }
    return status == OPS_OK ? ops_buf_status(buf) : status;
}

enum ops_status ops_render_ping(const json_t *data, const struct ops_style *style, struct ops_buf *buf)
{
    const json_t *window = json_object_get(data, "maintenance");
    ops_card_title(buf, style, "ops", "", ops_json_text(data, "status", ""));
    if (json_is_object(window))
        return ops_render_window(window, style, buf);
    ops_buf_append_text(buf, "No maintenance window is active.\n");
    return ops_buf_status(buf);
}

/* Only where something is wrong with it. */
static void append_clock(struct ops_buf *buf, const struct ops_style *style, const json_t *clock)
{
    char duration[OPS_HUMAN_SIZE];
    json_int_t step = ops_json_integer(clock, "step_seconds", 0), ahead = ops_json_integer(clock, "ahead_seconds", 0);
    if (step)
        ops_card_clock_step(buf, style, step, ops_json_text(clock, "at", ""));
    if (!ahead)
        return;
    ops_card_name(buf, style, "clock");
    ops_paint_append(buf, style, OPS_PAINT_BAD, ahead < 0 ? "behind AWS's" : "ahead of AWS's");
    ops_buf_append_format(buf, " by %s\n", ops_human_duration(ahead < 0 ? -ahead : ahead, duration));
}

/* Only where the store has parted from it. */
static void append_audit(struct ops_buf *buf, const struct ops_style *style, const json_t *audit)
{
    if (!audit)
        return;
    bool behind = strcmp(ops_json_text(audit, "status", ""), "behind") == 0;
    ops_card_name(buf, style, "audit log");
    ops_paint_append(buf, style, OPS_PAINT_BAD, behind ? "the store is behind it" : "the store differs from it");
    ops_buf_append_format(buf, ", from record %" JSON_INTEGER_FORMAT " on; see 'g3nops audit-verify'\n",
                          ops_json_integer(audit, "first_seq", 0));
}

enum ops_status ops_render_stat(const json_t *data, const struct ops_style *style, struct ops_buf *buf)
{
    const json_t *store = json_object_get(data, "store");
    bool reachable = ops_json_flag(store, "reachable", false);
    ops_card_title(buf, style, "ops", "", ops_json_text(data, "status", ""));
    ops_card_duration(buf, style, "up for", data, "uptime_seconds");
    ops_card_name(buf, style, "store");
    ops_paint_append(buf, style, reachable ? OPS_PAINT_GOOD : OPS_PAINT_BAD, reachable ? "reachable" : "not reachable");
    json_t *latency = json_object_get(store, "latency_ms");
    if (json_is_number(latency))
        ops_buf_append_format(buf, " in %.3g ms", json_number_value(latency));
    ops_buf_append_char(buf, '\n');
    append_clock(buf, style, json_object_get(data, "clock"));
    append_audit(buf, style, json_object_get(data, "audit"));
    return ops_buf_status(buf);
}

static enum ops_status append_member(struct ops_buf *buf, const char *name, const json_t *value)
{
    struct ops_buf text;
    ops_buf_init(&text, buf->limit_bytes);
    enum ops_status status = OPS_OK;
    if (json_is_string(value))
        ops_buf_append(&text, json_string_value(value), json_string_length(value));
    else
        status = ops_json_append(value, &text);
    ops_buf_append_text(buf, "  ");
    ops_text_append_safe(buf, ops_view_of(name));
    ops_buf_append_text(buf, ": ");
    ops_text_append_safe(buf, ops_buf_view(&text));
    ops_buf_append_char(buf, '\n');
    if (status == OPS_OK)
        status = ops_buf_status(&text);
    ops_buf_release(&text);
    return status;
}

/* Whatever it is: a line for each member. */
enum ops_status ops_render_object(const json_t *data, const struct ops_style *style, struct ops_buf *buf)
{
    const char *name;
    json_t *value;
    enum ops_status status = OPS_OK;
    (void)style; /* nothing here has a colour */
    json_object_foreach((json_t *)(uintptr_t)data, name, value)
        if (status == OPS_OK)
            status = append_member(buf, name, value);
    return status == OPS_OK ? ops_buf_status(buf) : status;
}

static void add_instant(struct ops_table *table, const char *instant)
{
    struct ops_buf text;
    ops_buf_init(&text, 4096);
    ops_human_append_plain_instant(&text, instant);
    ops_table_add(table, ops_buf_text(&text));
    ops_buf_release(&text);
}

/* The table, or in its place words for an empty one; then how to see more. */
static enum ops_status finish_list(struct ops_table *table, const json_t *data, const struct ops_style *style,
                                   const char *nothing, struct ops_buf *buf)
{
    enum ops_status status = table->status;
    if (status == OPS_OK && ops_table_rows(table) == 0)
        ops_buf_append_format(buf, "%s\n", nothing);
    else if (status == OPS_OK)
        status = ops_table_write(table, style, buf);
    ops_table_release(table);
    const char *token = ops_json_text(data, "next_token", NULL);
    if (token) {
        ops_buf_append_text(buf, "There are more: --next-token ");
        ops_text_append_safe(buf, ops_view_of(token));
        ops_buf_append_char(buf, '\n');
    }
    return status == OPS_OK ? ops_buf_status(buf) : status;
}

enum ops_status ops_render_window_list(const json_t *data, const struct ops_style *style, struct ops_buf *buf)
{
    static const struct ops_table_column columns[] = {
        {.title = "ID"},
        {.title = "STATUS"},
        {.title = "START"},
        {.title = "ESTIMATE", .right = true},
        {.title = "DESCRIPTION", .flexible = true},
    };
    struct ops_table table;
    ops_table_init(&table, columns, sizeof columns / sizeof columns[0]);
    size_t i;
    json_t *window;
    json_array_foreach(json_object_get(data, "items"), i, window) {
        char duration[OPS_HUMAN_SIZE];
        const char *status = ops_json_text(window, "status", "");
        ops_table_add(&table, ops_json_text(window, "maintenance_id", ""));
        ops_table_add_painted(&table, status, ops_card_paint(status));
        add_instant(&table, ops_json_text(window, "started_at", ops_json_text(window, "scheduled_start_utc", "")));
        ops_table_add(&table, ops_human_duration(ops_json_integer(window, "estimated_duration_seconds", 0), duration));
        ops_table_add(&table, ops_json_text(window, "description", ""));
    }
    return finish_list(&table, data, style, "No maintenance windows.", buf);
}

enum ops_status ops_render_vacuum_list(const json_t *data, const struct ops_style *style, struct ops_buf *buf)
{
    static const struct ops_table_column columns[] = {
        {.title = "ID"},
        {.title = "STATUS"},
        {.title = "REQUESTED"},
        {.title = "SCOPE"},
        {.title = "DELETED", .right = true},
        {.title = "FAILED", .right = true},
        {.title = "REASON", .flexible = true},
    };
    struct ops_table table;
    ops_table_init(&table, columns, sizeof columns / sizeof columns[0]);
    size_t i;
    json_t *vacuum;
    json_array_foreach(json_object_get(data, "items"), i, vacuum) {
        const char *status = ops_json_text(vacuum, "status", "");
        const json_t *totals = json_object_get(vacuum, "totals");
        char scope[OPS_HUMAN_SIZE + 64];
        (void)snprintf(scope, sizeof scope, "%.64s%s", ops_json_text(vacuum, "orgcode", "all"),
                       ops_json_flag(vacuum, "dry_run", false) ? ", dry run" : "");
        ops_table_add(&table, ops_json_text(vacuum, "vacuum_id", ""));
        ops_table_add_painted(&table, status, ops_card_paint(status));
        add_instant(&table, ops_json_text(vacuum, "requested_at", ""));
        ops_table_add(&table, scope);
        ops_table_add_number(&table, ops_json_integer(totals, "deleted", 0));
        ops_table_add_number(&table, ops_json_integer(totals, "failed", 0));
        ops_table_add(&table, ops_json_text(vacuum, "reason", ""));
    }
    return finish_list(&table, data, style, "No vacuums.", buf);
}

enum ops_status ops_render_audit_list(const json_t *data, const struct ops_style *style, struct ops_buf *buf)
{
    static const struct ops_table_column columns[] = {
        {.title = "SEQ", .right = true},      {.title = "AT"},      {.title = "TYPE"},
        {.title = "ACTOR", .flexible = true}, {.title = "SUBJECT"}, {.title = "REASON", .flexible = true},
    };
    struct ops_table table;
    ops_table_init(&table, columns, sizeof columns / sizeof columns[0]);
    size_t i;
    json_t *record;
    json_array_foreach(json_object_get(data, "items"), i, record) {
        ops_table_add_number(&table, ops_json_integer(record, "seq", 0));
        add_instant(&table, ops_json_text(record, "at", ""));
        ops_table_add(&table, ops_json_text(record, "type", ""));
        ops_table_add(&table, ops_json_text(record, "actor", ""));
        ops_table_add(&table, ops_json_text(record, "vacuum_id", ops_json_text(record, "maintenance_id", "")));
        ops_table_add(&table, ops_json_text(record, "reason", ""));
    }
    return finish_list(&table, data, style, "No audit records.", buf);
}
