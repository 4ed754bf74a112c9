/* A vacuum record: a card, the targets, what was left alone and why, and what it all came to. */
#include "surfaces/cli/render.h"

#include "base/instant.h"
#include "base/json.h"
#include "surfaces/cli/card.h"
#include "surfaces/cli/human.h"
#include "surfaces/cli/table.h"
#include "surfaces/cli/text.h"

#include <stdio.h>
#include <string.h>

enum {
    NOTES_SHOWN = 3, /* of each list of a target, on a terminal */
    NOTE_MAX_BYTES = 64 * 1024,
    LEFT_ALONE_SHOWN = 50, /* likewise: a whole account may be unclassified */
    TROUBLES_NAMED = 5,
    HANG = 2, /* of lines that go on */
};

static bool has_status(const json_t *target, const char *status)
{
    return strcmp(ops_json_text(target, "status", ""), status) == 0;
}

static bool is_touched(const json_t *target)
{
    return !has_status(target, "skipped") && !has_status(target, "unclassified");
}

static void append_safe_member(struct ops_buf *buf, const char *before, const json_t *data, const char *member)
{
    ops_buf_append_text(buf, before);
    ops_text_append_safe(buf, ops_view_of(ops_json_text(data, member, "")));
}

static void append_scope(const json_t *data, const struct ops_style *style, struct ops_buf *buf)
{
    const char *orgcode = ops_json_text(data, "orgcode", NULL);
    struct ops_buf scope;
    ops_buf_init(&scope, 4096);
    ops_buf_append_text(&scope, orgcode ? "organisation " : "all data of all services");
    ops_text_append_safe(&scope, ops_view_of(orgcode));
    ops_buf_append_text(&scope, ops_json_flag(data, "dry_run", false) ? ", dry run: nothing is deleted" : "");
    ops_card_value(buf, style, "scope", OPS_PAINT_NONE, ops_buf_text(&scope));
    ops_buf_release(&scope);
}

static void append_took(const json_t *data, const struct ops_style *style, struct ops_buf *buf)
{
    int64_t started_ms, finished_ms;
    char text[OPS_HUMAN_SIZE];
    if (ops_json_instant(data, "started_at", &started_ms) != OPS_OK ||
        ops_json_instant(data, "finished_at", &finished_ms) != OPS_OK)
        return;
    ops_card_value(buf, style, "took", OPS_PAINT_NONE, ops_human_duration((finished_ms - started_ms) / OPS_SECOND_MS, text));
}

static void append_error(const json_t *data, const struct ops_style *style, struct ops_buf *buf)
{
    const json_t *error = json_object_get(data, "error");
    if (!json_is_object(error))
        return;
    struct ops_buf words;
    ops_buf_init(&words, buf->limit_bytes);
    ops_text_append_safe(&words, ops_view_of(ops_json_text(error, "tag", "error")));
    ops_buf_append_text(&words, ": ");
    ops_text_append_safe(&words, ops_view_of(ops_json_text(error, "message", "")));
    ops_card_value(buf, style, "error", OPS_PAINT_BAD, ops_buf_text(&words));
    ops_buf_release(&words);
    /* of plan-drifted */
    const json_t *details = json_object_get(error, "details");
    ops_card_text(buf, style, "asked for", details, "expected_plan_sha256");
    ops_card_text(buf, style, "plan now", details, "plan_sha256");
}

/* Where it deletes, or would. */
static void append_place(const json_t *data, const struct ops_style *style, struct ops_buf *buf)
{
    static const char *const members[] = {"path", "account", "region", "endpoint"};
    const json_t *place = json_object_get(data, "place");
    if (!json_is_object(place))
        return;
    struct ops_buf words;
    ops_buf_init(&words, buf->limit_bytes);
    append_safe_member(&words, "", place, "engine");
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
        if (ops_json_text(place, members[i], NULL))
            append_safe_member(&words, " ", place, members[i]);
    append_safe_member(&words, ", store ", place, "store_id");
    ops_card_value(buf, style, "place", OPS_PAINT_NONE, ops_buf_text(&words));
    ops_buf_release(&words);
}

static void append_standing(const json_t *data, const struct ops_style *style, struct ops_buf *buf)
{
    const json_t *standing = json_object_get(data, "standing_still");
    char duration[OPS_HUMAN_SIZE];
    if (!json_is_object(standing))
        return;
    struct ops_buf words;
    ops_buf_init(&words, buf->limit_bytes);
    ops_buf_append_text(&words, ops_human_duration(ops_json_integer(standing, "seconds", 0), duration));
    append_safe_member(&words, ": ", standing, "reason");
    ops_card_value(buf, style, "stands still", OPS_PAINT_BAD, ops_buf_text(&words));
    ops_buf_release(&words);
}

static void append_clock_steps(const json_t *data, const struct ops_style *style, struct ops_buf *buf)
{
    size_t i;
    json_t *step;
    json_array_foreach(json_object_get(data, "clock_steps"), i, step)
        ops_card_clock_step(buf, style, ops_json_integer(step, "seconds", 0), ops_json_text(step, "at", ""));
}

static void append_card(const json_t *data, const struct ops_style *style, struct ops_buf *buf)
{
    ops_card_title(buf, style, "Vacuum", ops_json_text(data, "vacuum_id", ""), ops_json_text(data, "status", ""));
    append_scope(data, style, buf);
    ops_card_instant(buf, style, "requested", data, "requested_at");
    ops_card_text(buf, style, "by", data, "actor");
    ops_card_text(buf, style, "reason", data, "reason");
    if (has_status(data, "pending"))
        ops_card_instant(buf, style, json_is_object(json_object_get(data, "standing_still")) ? "not before" : "starts", data,
                         "execute_at");
    append_clock_steps(data, style, buf);
    ops_card_instant(buf, style, "started", data, "started_at");
    ops_card_instant(buf, style, "finished", data, "finished_at");
    append_took(data, style, buf);
    append_place(data, style, buf);
    ops_card_text(buf, style, "plan_sha256", data, "plan_sha256");
    append_error(data, style, buf);
    append_standing(data, style, buf);
}

/* ---- what needs a look ---- */

struct rare_counter {
    const char *name;
    const char *one;
    const char *many;
};

static const struct rare_counter rare_counters[] = {
    {"unreadable", "place could not be looked into", "places could not be looked into"},
    {"incomparable", "record could not be compared with the tenant's name",
     "records could not be compared with the tenant's name"},
    {"undeletable", "record could not be deleted as things are", "records could not be deleted as things are"},
};

static bool needs_a_look(const json_t *target)
{
    bool needs =
        json_object_get(target, "warnings") || json_object_get(target, "remarks") || json_object_get(target, "error");
    for (size_t i = 0; i < sizeof rare_counters / sizeof rare_counters[0]; i++)
        needs = needs || ops_json_integer(target, rare_counters[i].name, 0) > 0;
    return needs && !has_status(target, "unclassified");
}

static void note_counts(struct ops_table *table, const json_t *target)
{
    char text[OPS_HUMAN_SIZE + 96], number[OPS_HUMAN_SIZE];
    for (size_t i = 0; i < sizeof rare_counters / sizeof rare_counters[0]; i++) {
        int64_t count = ops_json_integer(target, rare_counters[i].name, 0);
        if (count == 0)
            continue;
        (void)snprintf(text, sizeof text, "%s %s", ops_human_number(count, number),
                       count == 1 ? rare_counters[i].one : rare_counters[i].many);
        ops_table_note(table, text, OPS_PAINT_BUSY);
    }
}

/* What the manifest says may stay is no trouble, but nothing to pass over in silence either. */
static void note_ignored(struct ops_table *table, const json_t *target)
{
    const char *reason = ops_json_text(target, "ignored_reason", NULL);
    int64_t count = ops_json_integer(target, "ignored", 0);
    char text[OPS_HUMAN_COUNT_SIZE];
    struct ops_buf line;
    if (count == 0)
        return;
    ops_buf_init(&line, NOTE_MAX_BYTES);
    ops_buf_append_format(&line, "%s that can't be compared with the tenant's name, left as the manifest says%s%s",
                          ops_human_count(count, "record", "records", text), reason ? ": " : "", reason ? reason : "");
    ops_table_note(table, ops_buf_text(&line), OPS_PAINT_DIM);
    ops_buf_release(&line);
}

/* A remark's reason often is the target's error as well: once is enough. */
static bool is_reason_of_a_remark(const json_t *target, const char *error)
{
    size_t i;
    json_t *remark;
    json_array_foreach(json_object_get(target, "remarks"), i, remark)
        if (i < NOTES_SHOWN && strcmp(ops_json_text(remark, "reason", ""), error) == 0)
            return true;
    return false;
}

typedef void (*append_item_fn)(struct ops_buf *line, const json_t *item);

static void append_remark(struct ops_buf *line, const json_t *remark)
{
    ops_buf_append_format(line, "%s: %s: %s", ops_json_text(remark, "what", ""), ops_json_text(remark, "name", ""),
                          ops_json_text(remark, "reason", ""));
}

static void append_warning(struct ops_buf *line, const json_t *warning)
{
    ops_buf_append_format(line, "warning: %s", json_is_string(warning) ? json_string_value(warning) : "");
}

/* The first of a list on a terminal; all of it for whatever else reads. */
static void note_list(struct ops_table *table, const struct ops_style *style, const json_t *list, append_item_fn append)
{
    size_t i;
    json_t *item;
    struct ops_buf line;
    ops_buf_init(&line, NOTE_MAX_BYTES);
    json_array_foreach(list, i, item) {
        ops_buf_clear(&line);
        if (style->columns > 0 && i == NOTES_SHOWN && json_array_size(list) > NOTES_SHOWN + 1) {
            ops_buf_append_format(&line, "and %zu more: --json shows all", json_array_size(list) - NOTES_SHOWN);
            ops_table_note(table, ops_buf_text(&line), OPS_PAINT_DIM);
            break;
        }
        append(&line, item);
        ops_table_note(table, ops_buf_text(&line), OPS_PAINT_BUSY);
    }
    ops_buf_release(&line);
}

/* Beneath the row of a target that is not as it should be: why, and what by name. */
static void note_trouble(struct ops_table *table, const struct ops_style *style, const json_t *target)
{
    const char *error = ops_json_text(target, "error", NULL);
    note_ignored(table, target);
    if (!needs_a_look(target))
        return;
    if (error && !is_reason_of_a_remark(target, error))
        ops_table_note(table, error, OPS_PAINT_BAD);
    note_counts(table, target);
    note_list(table, style, json_object_get(target, "remarks"), append_remark);
    note_list(table, style, json_object_get(target, "warnings"), append_warning);
}

/* Where to look in a long table. */
static void append_troubles(const json_t *data, const struct ops_style *style, struct ops_buf *buf)
{
    size_t i, count = 0;
    json_t *target;
    struct ops_buf words;
    char lists[OPS_HUMAN_COUNT_SIZE];
    ops_buf_init(&words, buf->limit_bytes);
    json_array_foreach(json_object_get(data, "targets"), i, target) {
        if (!needs_a_look(target))
            continue;
        if (count++ < TROUBLES_NAMED) {
            append_safe_member(&words, count > 1 ? ", " : "Needs a look: ", target, "kind");
            append_safe_member(&words, " ", target, "name");
        }
    }
    if (count > TROUBLES_NAMED)
        ops_buf_append_format(&words, " and %zu more", count - TROUBLES_NAMED);
    json_int_t left_out = ops_json_integer(data, "left_out", 0);
    if (left_out)
        ops_buf_append_format(&words, "%sFor %s of names there was no room in the record.", count ? ". " : "",
                              ops_human_count(left_out, "list", "lists", lists));
    if (words.length > 0) {
        ops_buf_append_char(buf, '\n');
        ops_paint_append_wrapped(buf, style, OPS_PAINT_BUSY, ops_buf_text(&words), 0, HANG);
        ops_buf_append_char(buf, '\n');
    }
    ops_buf_release(&words);
}

/* ---- the targets ---- */

static const char *const counters[] = {"matched", "deleted", "failed", "protected"};

static void add_target(struct ops_table *table, const struct ops_style *style, const json_t *target)
{
    const char *status = ops_json_text(target, "status", "");
    char bytes[OPS_HUMAN_SIZE];
    ops_table_add(table, ops_json_text(target, "service", ""));
    ops_table_add(table, ops_json_text(target, "kind", ""));
    ops_table_add(table, ops_json_text(target, "name", ""));
    ops_table_add_painted(table, status, ops_card_paint(status));
    for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++)
        ops_table_add_number(table, ops_json_integer(target, counters[i], 0));
    bool sized = json_is_integer(json_object_get(target, "bytes"));
    ops_table_add(table, sized ? ops_human_bytes(ops_json_integer(target, "bytes", 0), bytes) : "");
    note_trouble(table, style, target);
}

/* A table that is not empty, with words before it; releases it. */
static enum ops_status finish_table(struct ops_table *table, const struct ops_style *style, enum ops_paint paint,
                                    const char *heading, struct ops_buf *buf)
{
    enum ops_status status = table->status;
    if (status == OPS_OK && ops_table_rows(table) > 0) {
        ops_buf_append_char(buf, '\n');
        if (*heading) {
            ops_paint_append_wrapped(buf, style, paint, heading, 0, HANG);
            ops_buf_append_char(buf, '\n');
        }
        status = ops_table_write(table, style, buf);
    }
    ops_table_release(table);
    return status;
}

static enum ops_status append_targets(const json_t *targets, const struct ops_style *style, struct ops_buf *buf)
{
    static const struct ops_table_column columns[] = {
        {.title = "SERVICE"},
        {.title = "KIND"},
        {.title = "NAME", .kind = OPS_COLUMN_NAME},
        {.title = "STATUS"},
        {.title = "MATCHED", .right = true},
        {.title = "DELETED", .right = true, .quiet = true},
        {.title = "FAILED", .right = true, .quiet = true},
        {.title = "PROTECTED", .right = true, .quiet = true},
        {.title = "BYTES", .right = true, .quiet = true},
    };
    struct ops_table table;
    ops_table_init(&table, columns, sizeof columns / sizeof columns[0]);
    size_t i;
    json_t *target;
    json_array_foreach(targets, i, target)
        if (is_touched(target))
            add_target(&table, style, target);
    return finish_table(&table, style, OPS_PAINT_NONE, "", buf);
}

/* Targets that were left alone, with a heading. */
static enum ops_status append_left_alone(const json_t *targets, const char *wanted, const char *heading,
                                         enum ops_paint paint, const struct ops_style *style, struct ops_buf *buf)
{
    static const struct ops_table_column columns[] = {
        {.title = "SERVICE", .quiet = true},
        {.title = "KIND"},
        {.title = "NAME", .kind = OPS_COLUMN_NAME},
        {.title = "WHY", .kind = OPS_COLUMN_WORDS},
    };
    struct ops_table table;
    ops_table_init(&table, columns, sizeof columns / sizeof columns[0]);
    size_t i, count = 0, shown = style->columns > 0 ? LEFT_ALONE_SHOWN : SIZE_MAX;
    json_t *target;
    json_array_foreach(targets, i, target) {
        if (!has_status(target, wanted) || count++ >= shown)
            continue;
        ops_table_add(&table, ops_json_text(target, "service", ""));
        ops_table_add(&table, ops_json_text(target, "kind", ""));
        ops_table_add(&table, ops_json_text(target, "name", ""));
        ops_table_add(&table, ops_json_text(target, "skipped_reason", "not in the manifest"));
        note_trouble(&table, style, target);
    }
    if (count > shown) {
        char more[2 * OPS_HUMAN_SIZE], number[OPS_HUMAN_SIZE];
        (void)snprintf(more, sizeof more, "and %s more: --json shows all",
                       ops_human_number((int64_t)(count - shown), number));
        ops_table_note(&table, more, OPS_PAINT_DIM);
    }
    return finish_table(&table, style, paint, heading, buf);
}

static void append_unlisted(const json_t *data, const struct ops_style *style, struct ops_buf *buf)
{
    size_t i;
    json_t *unlisted;
    json_array_foreach(json_object_get(data, "unlisted"), i, unlisted) {
        struct ops_buf words;
        ops_buf_init(&words, buf->limit_bytes);
        append_safe_member(&words, "warning: what else exists can't be told (", unlisted, "kind");
        append_safe_member(&words, "): ", unlisted, "reason");
        ops_buf_append_char(buf, '\n');
        ops_paint_append_wrapped(buf, style, OPS_PAINT_BUSY, ops_buf_text(&words), 0, HANG);
        ops_buf_append_char(buf, '\n');
        ops_buf_release(&words);
    }
}

/* Zeros would look as if there were nothing to delete. */
static void append_unplanned(const json_t *data, const struct ops_style *style, struct ops_buf *buf)
{
    bool ended = json_object_get(data, "finished_at") != NULL, pending = has_status(data, "pending");
    ops_buf_append_char(buf, '\n');
    ops_paint_append_wrapped(buf, style, OPS_PAINT_NONE,
                             has_status(data, "cancelled") ? "Nothing was deleted: it was cancelled before it began."
                             : ended                       ? "Nothing was deleted: it ended before it was planned."
                             : pending ? "Not planned yet: what it will delete is looked up when it starts."
                                       : "Not planned yet: what there is to delete is being looked up.",
                             0, HANG);
    ops_buf_append_char(buf, '\n');
}

static bool is_unplanned(const json_t *data)
{
    return !json_object_get(data, "plan_sha256") && json_array_size(json_object_get(data, "targets")) == 0;
}

static void append_totals(const json_t *data, const struct ops_style *style, struct ops_buf *buf)
{
    if (is_unplanned(data)) {
        append_unplanned(data, style, buf);
        return;
    }
    const json_t *totals = json_object_get(data, "totals");
    char text[OPS_HUMAN_SIZE];
    struct ops_buf words;
    if (json_object_size(totals) == 0)
        return;
    ops_buf_init(&words, buf->limit_bytes);
    ops_buf_append_text(&words, "Total: ");
    for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++)
        ops_buf_append_format(&words, "%s %s, ", ops_human_number(ops_json_integer(totals, counters[i], 0), text),
                              counters[i]);
    for (size_t i = 0; i < sizeof rare_counters / sizeof rare_counters[0]; i++)
        if (ops_json_integer(totals, rare_counters[i].name, 0) > 0)
            ops_buf_append_format(&words, "%s %s, ",
                                  ops_human_number(ops_json_integer(totals, rare_counters[i].name, 0), text),
                                  rare_counters[i].name);
    if (ops_json_integer(totals, "ignored", 0) > 0)
        ops_buf_append_format(&words, "%s ignored, ", ops_human_number(ops_json_integer(totals, "ignored", 0), text));
    ops_buf_append_text(&words, ops_human_bytes(ops_json_integer(totals, "bytes", 0), text));
    ops_buf_append_char(buf, '\n');
    ops_paint_append_wrapped(buf, style, OPS_PAINT_NONE, ops_buf_text(&words), 0, HANG);
    ops_buf_append_char(buf, '\n');
    ops_buf_release(&words);
}

/* "Follow it: g3nops ... --vacuum-id ID". */
static void append_command(const json_t *data, const struct ops_style *style, const char *words, const char *command,
                           const char *member, struct ops_buf *buf)
{
    struct ops_buf line;
    ops_buf_init(&line, buf->limit_bytes);
    append_safe_member(&line, command, data, member);
    ops_card_command(buf, style, words, ops_buf_text(&line));
    ops_buf_release(&line);
}

/* The command that deletes just what a dry run has found. */
static void append_real_run(const json_t *data, const struct ops_style *style, struct ops_buf *buf)
{
    struct ops_buf command;
    ops_buf_init(&command, buf->limit_bytes);
    if (ops_json_text(data, "orgcode", NULL))
        append_safe_member(&command, "g3nops vacuum-org --orgcode ", data, "orgcode");
    else
        ops_buf_append_text(&command, "g3nops vacuum-all");
    append_safe_member(&command, " --plan-sha256 ", data, "plan_sha256");
    ops_buf_append_text(buf, "\nTo delete just this:\n");
    ops_card_command(buf, style, "", ops_buf_text(&command));
    ops_buf_release(&command);
}

/* That a vacuum of this plan would not end as the dry run did. */
static void append_foretold(const json_t *data, const struct ops_style *style, struct ops_buf *buf)
{
    bool fails = ops_json_integer(json_object_get(data, "totals"), "undeletable", 0) > 0;
    size_t i;
    json_t *target;
    json_array_foreach(json_object_get(data, "targets"), i, target)
        fails = fails || ops_json_flag(target, "would_fail", false);
    if (!fails)
        return;
    ops_buf_append_char(buf, '\n');
    ops_paint_append_wrapped(
        buf, style, OPS_PAINT_NONE,
        "warning: as things are, a vacuum of this would end as failed and leave records behind; see above.", 0, HANG);
    ops_buf_append_char(buf, '\n');
}

/* The plan that was asked for is no longer: what there is now has to be looked at first. */
static void append_new_dry_run(const json_t *data, const struct ops_style *style, struct ops_buf *buf)
{
    ops_buf_append_char(buf, '\n');
    if (ops_json_text(data, "orgcode", NULL))
        append_command(data, style,
                       "Make a new dry run, and see what has changed: ", "g3nops vacuum-org --dry-run --orgcode ", "orgcode",
                       buf);
    else
        ops_card_command(buf, style, "Make a new dry run, and see what has changed: ", "g3nops vacuum-all --dry-run");
}

/* What the reader may want to do next. */
static void append_next(const json_t *data, const struct ops_style *style, struct ops_buf *buf)
{
    bool pending = has_status(data, "pending"), open = pending || has_status(data, "running");
    ops_buf_append_text(buf, open ? "\n" : "");
    if (open)
        append_command(data, style, "Follow it: ", "g3nops vacuum-status --watch --vacuum-id ", "vacuum_id", buf);
    if (pending)
        append_command(data, style, "Cancel it: ", "g3nops vacuum-cancel --vacuum-id ", "vacuum_id", buf);
    if (strcmp(ops_json_text(json_object_get(data, "error"), "tag", ""), "plan-drifted") == 0)
        append_new_dry_run(data, style, buf);
    if (has_status(data, "completed") && ops_json_flag(data, "dry_run", false) && ops_json_text(data, "plan_sha256", NULL)) {
        append_foretold(data, style, buf);
        append_real_run(data, style, buf);
    }
}

enum ops_status ops_render_vacuum(const json_t *data, const struct ops_style *style, struct ops_buf *buf)
{
    const json_t *targets = json_object_get(data, "targets");
    append_card(data, style, buf);
    enum ops_status status = append_targets(targets, style, buf);
    if (status == OPS_OK)
        status = append_left_alone(targets, "skipped", "Left alone:", OPS_PAINT_NONE, style, buf);
    if (status == OPS_OK)
        status = append_left_alone(targets, "unclassified",
                                   "warning: these exist but are not in the manifest, and are not touched:", OPS_PAINT_BUSY,
                                   style, buf);
    append_troubles(data, style, buf);
    append_unlisted(data, style, buf);
    append_totals(data, style, buf);
    append_next(data, style, buf);
    return status == OPS_OK ? ops_buf_status(buf) : status;
}
