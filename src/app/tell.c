#include "app/tell.h"

#include "app/vacuums.h"
#include "base/json.h"

#include <stdio.h>

static _Thread_local const char *current_request;

const char *ops_tell_for(const char *request_id)
{
    const char *before = current_request;
    current_request = request_id;
    return before;
}

void ops_tell(struct ops_app *app, struct ops_log_line *line)
{
    ops_log_line_text(line, "request_id", current_request);
    ops_log_write(app->log, line);
}

/* ---- audit records ---- */

enum { NAME_SIZE = 48 };

/* Names that are put together live as long as the line. */
struct record_line {
    struct ops_log_line line;
    char names[OPS_LOG_FIELDS_MAX][NAME_SIZE];
};

static enum ops_log_level level_of(const char *type)
{
    static const struct {
        enum ops_audit_type type;
        enum ops_log_level level;
    } graver[] = {{OPS_AUDIT_VACUUM_FAILED, OPS_LOG_ERROR},
                  {OPS_AUDIT_SECRET_MISMATCH, OPS_LOG_WARN},
                  {OPS_AUDIT_SECRET_LOCKED, OPS_LOG_WARN},
                  {OPS_AUDIT_ROLLBACK_ACCEPTED, OPS_LOG_WARN}};
    for (size_t i = 0; i < sizeof graver / sizeof graver[0]; i++)
        if (strcmp(type, ops_audit_type_name(graver[i].type)) == 0)
            return graver[i].level;
    return OPS_LOG_INFO;
}

static void add_value(struct record_line *record, const char *prefix, const char *name, const json_t *value)
{
    struct ops_log_line *line = &record->line;
    if (line->field_count == OPS_LOG_FIELDS_MAX)
        return;
    char *whole = record->names[line->field_count];
    (void)snprintf(whole, NAME_SIZE, "%s%s%s", prefix, prefix[0] ? "_" : "", name);
    if (json_is_integer(value))
        ops_log_line_number(line, whole, json_integer_value(value));
    else if (json_is_string(value))
        ops_log_line_view(line, whole, ops_view(json_string_value(value), json_string_length(value)));
    else if (json_is_boolean(value))
        ops_log_line_text(line, whole, json_is_true(value) ? "true" : "false");
}

/* One level down; what lies deeper is in the record. */
static void add_data(struct record_line *record, json_t *data)
{
    const char *name, *inner_name;
    json_t *value, *inner;
    json_object_foreach(data, name, value) {
        add_value(record, "", name, value);
        json_object_foreach(value, inner_name, inner)
            add_value(record, name, inner_name, inner);
    }
}

void ops_tell_record(struct ops_app *app, const json_t *json)
{
    static const char *const members[] = {"seq", "maintenance_id", "vacuum_id", "actor", "reason"};
    struct record_line record;
    const char *type = ops_json_text(json, "type", "");
    enum ops_log_level level = level_of(type);
    if (!ops_log_takes(app->log, level))
        return;
    ops_log_line_init(&record.line, level, type, NULL);
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        const json_t *value = json_object_get(json, members[i]);
        if (value)
            add_value(&record, "", members[i], value);
    }
    if (current_request)
        ops_log_line_text(&record.line, "request_id", current_request);
    /* Whoever keeps the log elsewhere has the trail's heads there. */
    ops_log_line_text(&record.line, "sha256", ops_json_text(json, "sha256", NULL));
    add_data(&record, json_object_get(json, "data"));
    ops_log_write(app->log, &record.line);
}

/* ---- progress ---- */

static void add_counts(struct ops_log_line *line, const json_t *targets)
{
    static const char *const names[] = {"matched", "deleted", "failed", "protected"};
    size_t i;
    json_t *target;
    json_int_t done = 0;
    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
        json_int_t sum = 0;
        json_array_foreach(targets, i, target)
            sum += ops_json_integer(target, names[k], 0);
        ops_log_line_number(line, names[k], sum);
    }
    json_array_foreach(targets, i, target) {
        const char *state = ops_json_text(target, "status", "");
        done += strcmp(state, "pending") != 0 && strcmp(state, "running") != 0;
    }
    ops_log_line_number(line, "targets", (int64_t)json_array_size(targets));
    ops_log_line_number(line, "targets_done", done);
}

void ops_tell_progress(struct ops_app *app, const json_t *vacuum)
{
    const char *id = ops_json_text(vacuum, "vacuum_id", "");
    struct ops_log_line line;
    json_t *targets = NULL;
    if (!ops_log_takes(app->log, OPS_LOG_INFO) || !ops_progress_tell_is_due(app, id, OPS_TELL_PROGRESS_MS))
        return;
    /* A store that does not answer is told of elsewhere. */
    if (ops_vacuums_tally(app, vacuum, &targets, NULL) == OPS_OK) {
        ops_log_line_init(&line, OPS_LOG_INFO, "vacuum.progress", NULL);
        ops_log_line_text(&line, "vacuum_id", id);
        ops_log_line_text(&line, "type", ops_json_text(vacuum, "type", NULL));
        ops_log_line_text(&line, "orgcode", ops_json_text(vacuum, "orgcode", NULL));
        ops_log_line_text(&line, "dry_run", ops_vacuum_dry_run(vacuum) ? "true" : "false");
        add_counts(&line, targets);
        ops_tell(app, &line);
    }
    json_decref(targets);
}
