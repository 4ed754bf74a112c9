#include "surfaces/cli/render.h"

#include "base/instant.h"
#include "base/json.h"
#include "surfaces/cli/card.h"
#include "surfaces/cli/human.h"
#include "surfaces/cli/table.h"
#include "surfaces/cli/text.h"
#include "surfaces/cli/zone.h"

#include <stdio.h>
#include <string.h>

enum { GAP = 2, LINE_INDENT = 4, TEXT_LEAST = 20, ESTIMATE_MAX_SECONDS = 7 * 24 * 3600 /* OPS's own limit */ };

/* An indented line as it is, gaps and all; wrapped at words where it is too long. */
static void append_line(struct ops_buf *buf, const struct ops_style *style, const struct ops_buf *line)
{
    ops_text_append_spaces(buf, GAP);
    if (style->columns > 0 && GAP + ops_text_width(ops_buf_view(line)) > style->columns)
        ops_paint_append_wrapped(buf, style, OPS_PAINT_NONE, ops_buf_text(line), GAP, LINE_INDENT);
    else
        ops_buf_append_view(buf, ops_buf_view(line));
    ops_buf_append_char(buf, '\n');
}

/* "2026-11-24 03:40:00Z  half done", the words in a column of their own if that leaves them room. */
static void append_update(struct ops_buf *buf, const struct ops_style *style, const json_t *update)
{
    struct ops_buf line;
    ops_buf_init(&line, buf->limit_bytes);
    ops_human_append_plain_instant(&line, ops_json_text(update, "at", ""));
    size_t column = LINE_INDENT + ops_text_width(ops_buf_view(&line)) + GAP;
    bool aside = style->columns == 0 || style->columns >= column + TEXT_LEAST;
    ops_text_append_spaces(buf, LINE_INDENT);
    if (aside) {
        ops_buf_append_view(buf, ops_buf_view(&line));
        ops_text_append_spaces(buf, GAP);
        ops_buf_clear(&line);
    } else {
        ops_buf_append_char(&line, ' ');
    }
    ops_text_append_safe(&line, ops_view_of(ops_json_text(update, "text", "")));
    ops_paint_append_wrapped(buf, style, OPS_PAINT_NONE, ops_buf_text(&line), aside ? column : LINE_INDENT,
                             aside ? column : LINE_INDENT + GAP);
    ops_buf_append_char(buf, '\n');
    ops_buf_release(&line);
}

static void append_updates(struct ops_buf *buf, const struct ops_style *style, const json_t *updates)
{
    size_t i;
    json_t *update;
    if (json_array_size(updates) > 0)
        ops_buf_append_text(buf, "  updates\n");
    json_array_foreach(updates, i, update)
        append_update(buf, style, update);
}

/* Of a record that is active the end that was estimated, as ping says it; OPS_NOT_FOUND: it has none. */
static enum ops_status estimated_end(const json_t *window, int64_t *ret_end_ms)
{
    int64_t started_ms;
    json_int_t seconds = ops_json_integer(window, "estimated_duration_seconds", 0);
    if (ops_json_instant(window, "estimated_end_utc", ret_end_ms) == OPS_OK)
        return OPS_OK;
    if (strcmp(ops_json_text(window, "status", ""), "active") != 0 || seconds <= 0 || seconds > ESTIMATE_MAX_SECONDS ||
        ops_json_instant(window, "started_at", &started_ms) != OPS_OK)
        return OPS_NOT_FOUND;
    *ret_end_ms = started_ms + seconds * OPS_SECOND_MS;
    return OPS_OK;
}

/* The service's word, where it gives one; in a list or a record it is the clock here that says. */
static bool is_overdue(const json_t *window, const struct ops_style *style)
{
    int64_t end_ms;
    const json_t *told = json_object_get(window, "overdue");
    if (json_is_boolean(told))
        return json_is_true(told);
    return estimated_end(window, &end_ms) == OPS_OK && style->now_ms > end_ms;
}

static void append_expected_end(struct ops_buf *buf, const struct ops_style *style, const json_t *window)
{
    char end[OPS_INSTANT_TEXT_SIZE];
    int64_t end_ms;
    if (estimated_end(window, &end_ms) != OPS_OK)
        return;
    ops_instant_format(end_ms, end);
    ops_card_expected_end(buf, style, end, is_overdue(window, style));
}

/* Of one that was started before its time this is no start: the next row is. */
static void append_scheduled(struct ops_buf *buf, const struct ops_style *style, const json_t *window)
{
    int64_t scheduled_ms, started_ms;
    char text[OPS_HUMAN_TIME_SIZE + 64], time[OPS_HUMAN_TIME_SIZE];
    if (ops_json_instant(window, "scheduled_start_utc", &scheduled_ms) != OPS_OK ||
        ops_json_instant(window, "started_at", &started_ms) != OPS_OK || started_ms >= scheduled_ms) {
        ops_card_instant(buf, style, "scheduled", window, "scheduled_start_utc");
        return;
    }
    (void)snprintf(text, sizeof text, "%s, but it was started before that", ops_human_time(scheduled_ms, time));
    ops_card_value(buf, style, "scheduled", OPS_PAINT_NONE, text);
}

/* The start in the zone that it was written in, so that a misread shows, unless it is shown in that already. */
static void append_as_given(struct ops_buf *buf, const struct ops_style *style, const json_t *window)
{
    char reading[OPS_ZONE_TEXT_SIZE], shown[OPS_HUMAN_TIME_SIZE];
    int64_t start_ms;
    if (!style->zone || ops_json_instant(window, "scheduled_start_utc", &start_ms) != OPS_OK ||
        !*ops_zone_show(style->zone, start_ms, reading) || strstr(ops_human_time(start_ms, shown), reading))
        return;
    struct ops_buf words;
    ops_buf_init(&words, buf->limit_bytes);
    ops_buf_append_text(&words, reading);
    if (!strstr(reading, style->zone))
        ops_buf_append_format(&words, " (%s)", style->zone);
    ops_card_value(buf, style, "as given", OPS_PAINT_NONE, ops_buf_text(&words));
    ops_buf_release(&words);
}

enum ops_status ops_render_window(const json_t *data, const struct ops_style *style, struct ops_buf *buf)
{
    ops_card_title(buf, style, "Maintenance", ops_json_text(data, "maintenance_id", ""), ops_json_text(data, "status", ""));
    ops_card_text(buf, style, "description", data, "description");
    append_scheduled(buf, style, data);
    append_as_given(buf, style, data);
    ops_card_duration(buf, style, "estimate", data, "estimated_duration_seconds");
    ops_card_instant(buf, style, "started", data, "started_at");
    ops_card_text(buf, style, "started by", data, "started_by");
    append_expected_end(buf, style, data);
    ops_card_instant(buf, style, "ended", data, "ended_at");
    ops_card_text(buf, style, "end message", data, "end_message");
    ops_card_instant(buf, style, "cancelled", data, "cancelled_at");
    ops_card_number(buf, style, "revision", data, "revision");
    append_updates(buf, style, json_object_get(data, "updates"));
    return ops_buf_status(buf);
}

/* "01JD...  2026-11-24 06:50:02Z (2s ago)  Move to new disks" */
static void append_window_line(struct ops_buf *buf, const struct ops_style *style, const json_t *window)
{
    struct ops_buf line;
    ops_buf_init(&line, buf->limit_bytes);
    ops_text_append_safe(&line, ops_view_of(ops_json_text(window, "maintenance_id", "")));
    ops_buf_append_text(&line, "  ");
    ops_human_append_instant(&line, ops_json_text(window, "scheduled_start_utc", ""), style->now_ms);
    ops_buf_append_text(&line, "  ");
    ops_text_append_safe(&line, ops_view_of(ops_json_text(window, "description", "")));
    append_line(buf, style, &line);
    ops_buf_release(&line);
}

static void append_due(struct ops_buf *buf, const struct ops_style *style, const json_t *next)
{
    struct ops_buf command;
    ops_buf_init(&command, buf->limit_bytes);
    ops_buf_append_char(buf, '\n');
    ops_paint_append_wrapped(buf, style, OPS_PAINT_BUSY,
                             "warning: another window is due, and starts now, with the next sweep:", 0, GAP);
    ops_buf_append_char(buf, '\n');
    append_window_line(buf, style, next);
    ops_buf_append_text(&command, "g3nops maintenance-end --maintenance-id ");
    ops_text_append_safe(&command, ops_view_of(ops_json_text(next, "maintenance_id", "")));
    ops_buf_append_char(buf, '\n');
    ops_card_command(buf, style, "End it as well: ", ops_buf_text(&command));
    ops_buf_release(&command);
}

static void append_sentence(struct ops_buf *buf, const struct ops_style *style, const char *text)
{
    ops_paint_append_wrapped(buf, style, OPS_PAINT_NONE, text, 0, GAP);
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
        ops_buf_append_char(buf, '\n');
        append_sentence(buf, style, "No other window is scheduled.");
    } else {
        ops_buf_append_char(buf, '\n');
        append_sentence(buf, style, "Which window is next could not be read: see 'g3nops maintenance-list'.");
    }
    return status == OPS_OK ? ops_buf_status(buf) : status;
}

enum ops_status ops_render_ping(const json_t *data, const struct ops_style *style, struct ops_buf *buf)
{
    const json_t *window = json_object_get(data, "maintenance");
    ops_card_title(buf, style, "ops", "", ops_json_text(data, "status", ""));
    if (json_is_object(window))
        return ops_render_window(window, style, buf);
    append_sentence(buf, style, "No maintenance window is active.");
    return ops_buf_status(buf);
}

/* Only where something is wrong with it. */
static void append_clock(struct ops_buf *buf, const struct ops_style *style, const json_t *clock)
{
    char duration[OPS_HUMAN_SIZE], text[2 * OPS_HUMAN_SIZE];
    json_int_t step = ops_json_integer(clock, "step_seconds", 0), ahead = ops_json_integer(clock, "ahead_seconds", 0);
    if (step)
        ops_card_clock_step(buf, style, step, ops_json_text(clock, "at", ""));
    if (!ahead)
        return;
    (void)snprintf(text, sizeof text, "%s AWS's by %s", ahead < 0 ? "behind" : "ahead of",
                   ops_human_duration(ahead < 0 ? -ahead : ahead, duration));
    ops_card_value(buf, style, "clock", OPS_PAINT_BAD, text);
}

/* Only where the store has parted from it. */
static void append_audit(struct ops_buf *buf, const struct ops_style *style, const json_t *audit)
{
    if (!audit)
        return;
    bool behind = strcmp(ops_json_text(audit, "status", ""), "behind") == 0;
    json_int_t first_seq = ops_json_integer(audit, "first_seq", 0);
    char text[128];
    if (first_seq > 0)
        (void)snprintf(text, sizeof text, "%s, from record %" JSON_INTEGER_FORMAT " on; see 'g3nops audit-verify'",
                       behind ? "the store is behind it" : "the store differs from it", first_seq);
    else
        (void)snprintf(text, sizeof text, "it has lines that are no records; see 'g3nops audit-verify'");
    ops_card_value(buf, style, "audit log", OPS_PAINT_BAD, text);
}

enum ops_status ops_render_stat(const json_t *data, const struct ops_style *style, struct ops_buf *buf)
{
    const json_t *store = json_object_get(data, "store"), *latency = json_object_get(store, "latency_ms");
    bool reachable = ops_json_flag(store, "reachable", false), writable = ops_json_flag(store, "writable", true);
    struct ops_buf words;
    ops_buf_init(&words, buf->limit_bytes);
    ops_card_title(buf, style, "ops", "", ops_json_text(data, "status", ""));
    ops_card_duration(buf, style, "up for", data, "uptime_seconds");
    ops_buf_append_text(&words, reachable ? "reachable" : "not reachable");
    if (json_is_number(latency))
        ops_buf_append_format(&words, " in %.3g ms", json_number_value(latency));
    if (reachable && !writable)
        ops_buf_append_format(&words, ", and can't be written: %s", ops_json_text(store, "reason", ""));
    ops_card_value(buf, style, "store", reachable && writable ? OPS_PAINT_GOOD : OPS_PAINT_BAD, ops_buf_text(&words));
    ops_buf_release(&words);
    append_clock(buf, style, json_object_get(data, "clock"));
    append_audit(buf, style, json_object_get(data, "audit"));
    return ops_buf_status(buf);
}

static void append_safe_line(struct ops_buf *buf, const struct ops_style *style, const struct ops_buf *words)
{
    struct ops_buf safe;
    ops_buf_init(&safe, buf->limit_bytes);
    ops_text_append_safe(&safe, ops_buf_view(words));
    append_sentence(buf, style, ops_buf_text(&safe));
    ops_buf_release(&safe);
}

enum ops_status ops_render_sweep(const json_t *data, const struct ops_style *style, struct ops_buf *buf)
{
    static const struct {
        const char *member, *before, *one, *many;
    } parts[] = {
        {"maintenance_started", "started ", "window", "windows"},
        {"vacuums_started", "started ", "vacuum", "vacuums"},
        {"vacuums_failed", "ended as failed ", "vacuum", "vacuums"},
        {"audit_delivered", "delivered ", "audit record", "audit records"},
    };
    struct ops_buf words;
    ops_buf_init(&words, buf->limit_bytes);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        char text[OPS_HUMAN_COUNT_SIZE];
        json_int_t count = ops_json_integer(data, parts[i].member, 0);
        if (count > 0)
            ops_buf_append_format(&words, "%s%s%s", words.length ? ", " : "Done: ", parts[i].before,
                                  ops_human_count(count, parts[i].one, parts[i].many, text));
    }
    ops_buf_append_text(&words, words.length ? "." : "Nothing was due.");
    append_safe_line(buf, style, &words);
    ops_buf_release(&words);
    return ops_buf_status(buf);
}

enum ops_status ops_render_acceptance(const json_t *data, const struct ops_style *style, struct ops_buf *buf)
{
    if (!ops_json_flag(data, "accepted", false)) {
        append_sentence(buf, style, "There is nothing to accept: the store has all that its delivered audit log has.");
        return ops_buf_status(buf);
    }
    const char *state = ops_json_text(data, "state", "");
    bool lost = strcmp(state, "lost") == 0, behind = strcmp(state, "behind") == 0;
    json_int_t first = ops_json_integer(data, "first_seq", 0), last = ops_json_integer(data, "log_seq", first);
    json_int_t count = lost ? last - first + 1 : ops_json_integer(data, "log_records", 0);
    char records[OPS_HUMAN_COUNT_SIZE];
    struct ops_buf words;
    ops_buf_init(&words, buf->limit_bytes);
    ops_buf_append_format(&words, "Accepted, by audit record %" JSON_INTEGER_FORMAT ": the store goes on, and ",
                          ops_json_integer(data, "seq", 0));
    ops_buf_append_format(&words,
                          lost     ? "its delivered audit log has lost %s"
                          : behind ? "has lost %s that its delivered audit log has"
                                   : "has others in place of %s that its delivered audit log has",
                          ops_human_count(count, "record", "records", records));
    ops_buf_append_format(&words, ", from %" JSON_INTEGER_FORMAT " to %" JSON_INTEGER_FORMAT ".", first, last);
    append_safe_line(buf, style, &words);
    ops_buf_release(&words);
    return ops_buf_status(buf);
}

/* Two columns: in UTC, and in the operator's zone where that is another one. */
static void add_instant(struct ops_table *table, const char *instant)
{
    struct ops_buf text;
    char local[OPS_HUMAN_TIME_SIZE];
    int64_t at_ms;
    ops_buf_init(&text, 4096);
    ops_human_append_plain_instant(&text, instant);
    ops_table_add(table, ops_buf_text(&text));
    ops_buf_release(&text);
    bool read_it = ops_instant_parse(ops_view_of(instant), &at_ms) == OPS_OK;
    ops_table_add(table, read_it ? ops_human_local_time(at_ms, local) : "");
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
        struct ops_buf flag;
        ops_buf_init(&flag, buf->limit_bytes);
        ops_buf_append_text(&flag, "--next-token ");
        ops_text_append_safe(&flag, ops_view_of(token));
        ops_card_command(buf, style, "There are more: ", ops_buf_text(&flag));
        ops_buf_release(&flag);
    }
    return status == OPS_OK ? ops_buf_status(buf) : status;
}

enum ops_status ops_render_window_list(const json_t *data, const struct ops_style *style, struct ops_buf *buf)
{
    static const struct ops_table_column columns[] = {
        {.title = "ID"},
        {.title = "STATUS"},
        {.title = "START (UTC)"},
        {.title = "LOCAL", .spare = true},
        {.title = "ESTIMATE", .right = true},
        {.title = "DESCRIPTION", .kind = OPS_COLUMN_WORDS, .quiet = true},
    };
    struct ops_table table;
    ops_table_init(&table, columns, sizeof columns / sizeof columns[0]);
    size_t i;
    json_t *window;
    json_array_foreach(json_object_get(data, "items"), i, window) {
        char duration[OPS_HUMAN_SIZE];
        const char *status = ops_json_text(window, "status", "");
        ops_table_add(&table, ops_json_text(window, "maintenance_id", ""));
        bool overdue = is_overdue(window, style);
        ops_table_add_painted(&table, overdue ? "active, overdue" : status,
                              overdue ? OPS_PAINT_BAD : ops_card_paint(status));
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
        {.title = "REQUESTED (UTC)"},
        {.title = "LOCAL", .spare = true},
        {.title = "SCOPE", .kind = OPS_COLUMN_NAME},
        {.title = "DELETED", .right = true, .quiet = true},
        {.title = "FAILED", .right = true, .quiet = true},
        {.title = "REASON", .kind = OPS_COLUMN_WORDS, .quiet = true},
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
        {.title = "SEQ", .right = true},
        {.title = "AT (UTC)"},
        {.title = "LOCAL", .spare = true},
        {.title = "TYPE"},
        {.title = "ACTOR", .kind = OPS_COLUMN_NAME},
        {.title = "SUBJECT", .quiet = true},
        {.title = "REASON", .kind = OPS_COLUMN_WORDS, .quiet = true},
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
