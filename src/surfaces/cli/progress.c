#include "surfaces/cli/progress.h"

#include "base/instant.h"
#include "base/json.h"
#include "surfaces/cli/human.h"
#include "surfaces/cli/text.h"

#include <stdio.h>
#include <string.h>

/* ---- The pace ---- */

static const struct ops_progress_advance *advance_at(const struct ops_progress *progress, size_t n)
{
    return &progress->advances[(progress->first + n) % OPS_PROGRESS_ADVANCES];
}

static void drop_first(struct ops_progress *progress)
{
    progress->first = (progress->first + 1) % OPS_PROGRESS_ADVANCES;
    progress->count--;
}

static void add_advance(struct ops_progress *progress, const struct ops_progress_look *look)
{
    if (progress->count == OPS_PROGRESS_ADVANCES)
        drop_first(progress);
    progress->count++;
    progress->advances[(progress->first + progress->count - 1) % OPS_PROGRESS_ADVANCES] =
        (struct ops_progress_advance){look->at_ms, look->handled};
}

static bool stands_still(const struct ops_progress *progress, const struct ops_progress_look *look)
{
    return look->at_ms - progress->since_ms >= OPS_PROGRESS_STANDING_STILL_MS;
}

static void take_in(struct ops_progress *progress, const struct ops_progress_look *look)
{
    bool anew = !progress->begun || !look->running || !progress->last.running || look->handled < progress->last.handled;
    if (anew) {
        progress->count = 0;
        progress->since_ms = look->at_ms;
    } else if (look->handled > progress->last.handled) {
        if (stands_still(progress, look))
            progress->count = 0;
        progress->since_ms = look->at_ms;
        add_advance(progress, look);
    }
    while (progress->count > OPS_PROGRESS_EVIDENCE_ADVANCES &&
           look->at_ms - advance_at(progress, 0)->at_ms > OPS_PROGRESS_WINDOW_MS)
        drop_first(progress);
    progress->last = *look;
    progress->begun = true;
}

/* Below 0: not known. */
static double rate_of(const struct ops_progress *progress, const struct ops_progress_look *look)
{
    if (progress->count < OPS_PROGRESS_EVIDENCE_ADVANCES)
        return -1;
    const struct ops_progress_advance *first = advance_at(progress, 0);
    int64_t passed_ms = look->at_ms - first->at_ms;
    if (passed_ms < OPS_PROGRESS_EVIDENCE_MS)
        return -1;
    return (double)(look->handled - first->handled) * (double)OPS_SECOND_MS / (double)passed_ms;
}

struct ops_progress_view ops_progress_note(struct ops_progress *progress, const struct ops_progress_look *look)
{
    struct ops_progress_view view = {.rate_per_second = -1, .percent = -1, .left_seconds = -1, .still_seconds = -1};
    take_in(progress, look);
    bool has_total = look->total > 0 && look->total >= look->handled;
    if (has_total)
        view.percent = (int64_t)((double)look->handled * 100 / (double)look->total);
    if (!look->running)
        return view;
    /* Before anything was handled it plans, which takes its time. */
    if (look->handled > 0 && stands_still(progress, look)) {
        view.still_seconds = (look->at_ms - progress->since_ms) / OPS_SECOND_MS;
        return view;
    }
    view.rate_per_second = rate_of(progress, look);
    /* Of the last look over everything, with nothing left to count, nobody knows how long it takes. */
    if (!has_total || look->handled == look->total)
        return view;
    view.estimating = view.rate_per_second <= 0;
    if (!view.estimating)
        view.left_seconds = (int64_t)((double)(look->total - look->handled) / view.rate_per_second + 0.5);
    return view;
}

struct ops_progress_look ops_progress_look_at(const json_t *vacuum, int64_t monotonic_ms)
{
    const json_t *totals = json_object_get(vacuum, "totals");
    json_int_t gone = ops_json_integer(totals, "deleted", 0) + ops_json_integer(totals, "failed", 0);
    bool dry_run = ops_json_flag(vacuum, "dry_run", false);
    return (struct ops_progress_look){
        .at_ms = monotonic_ms,
        .handled = dry_run ? ops_json_integer(totals, "matched", 0) : gone,
        .total = ops_json_integer(vacuum, "expected_records", -1),
        .running = strcmp(ops_json_text(vacuum, "status", ""), "running") == 0,
    };
}

void ops_progress_targets(const json_t *vacuum, size_t *ret_done, size_t *ret_all)
{
    size_t i;
    json_t *target;
    *ret_done = *ret_all = 0;
    json_array_foreach(json_object_get(vacuum, "targets"), i, target) {
        const char *status = ops_json_text(target, "status", "");
        if (strcmp(status, "skipped") == 0 || strcmp(status, "unclassified") == 0)
            continue;
        ++*ret_all;
        *ret_done += strcmp(status, "pending") != 0 && strcmp(status, "running") != 0;
    }
}

/* ---- The line ---- */

/* The parts of the line in reading order, and in the order in which they get the room that there is. */
enum part { TARGETS, COUNT, FAILED, PROTECTED, RATE, PERCENT, LEFT, PART_COUNT };

static const enum part by_worth[PART_COUNT] = {LEFT, COUNT, FAILED, PERCENT, RATE, PROTECTED, TARGETS};

enum { PART_SIZE = 2 * OPS_HUMAN_SIZE };

struct line {
    struct ops_buf status;
    char parts[PART_COUNT][PART_SIZE]; /* "": not there */
};

static void set_count(struct line *line, enum part part, const json_t *totals, const char *name, bool always)
{
    char text[OPS_HUMAN_SIZE];
    json_int_t count = ops_json_integer(totals, name, 0);
    if (count || always)
        (void)snprintf(line->parts[part], PART_SIZE, "%s %s", ops_human_number(count, text), name);
}

static void set_rate(struct line *line, double rate)
{
    enum { SECONDS_A_MINUTE = 60 };
    char text[OPS_HUMAN_SIZE];
    bool slow = rate < 1;
    int64_t count = (int64_t)(rate * (slow ? SECONDS_A_MINUTE : 1) + 0.5);
    if (rate >= 0)
        (void)snprintf(line->parts[RATE], PART_SIZE, "%s/%s", ops_human_number(count, text), slow ? "min" : "s");
}

static void set_left(struct line *line, const struct ops_progress_view *view)
{
    char text[OPS_HUMAN_SIZE];
    if (view->still_seconds >= 0)
        (void)snprintf(line->parts[LEFT], PART_SIZE, "no progress for %s", ops_human_duration(view->still_seconds, text));
    else if (view->left_seconds >= 0)
        (void)snprintf(line->parts[LEFT], PART_SIZE, "%s left", ops_human_duration(view->left_seconds, text));
    else if (view->estimating)
        (void)snprintf(line->parts[LEFT], PART_SIZE, "estimating the time left");
}

static void fill_line(struct line *line, const json_t *vacuum, const struct ops_progress_view *view)
{
    const json_t *totals = json_object_get(vacuum, "totals");
    size_t done, all;
    ops_progress_targets(vacuum, &done, &all);
    ops_text_append_safe(&line->status, ops_view_of(ops_json_text(vacuum, "status", "")));
    if (all == 0 && json_object_size(totals) == 0 && !json_object_get(vacuum, "plan_sha256")) {
        (void)snprintf(line->parts[TARGETS], PART_SIZE, "not planned yet");
        return;
    }
    (void)snprintf(line->parts[TARGETS], PART_SIZE, "%zu of %zu target%s", done, all, all == 1 ? "" : "s");
    set_count(line, COUNT, totals, ops_json_flag(vacuum, "dry_run", false) ? "matched" : "deleted", true);
    set_count(line, FAILED, totals, "failed", false);
    set_count(line, PROTECTED, totals, "protected", false);
    set_rate(line, view->rate_per_second);
    if (view->percent >= 0)
        (void)snprintf(line->parts[PERCENT], PART_SIZE, "%d%%", (int)view->percent);
    set_left(line, view);
}

/* Takes out what has no room in width columns. */
static void fit_line(struct line *line, size_t width)
{
    size_t taken = ops_text_width(ops_buf_view(&line->status));
    for (size_t i = 0; i < PART_COUNT; i++) {
        char *text = line->parts[by_worth[i]];
        size_t needed = *text ? 2 + strlen(text) : 0; /* with the ", " before it */
        if (taken + needed <= width)
            taken += needed;
        else
            *text = '\0';
    }
}

static void append_pending(struct ops_buf *buf, const json_t *vacuum, int64_t now_ms, size_t width)
{
    int64_t execute_ms;
    char text[OPS_HUMAN_SIZE], line[PART_SIZE] = "pending: starts now";
    if (ops_json_instant(vacuum, "execute_at", &execute_ms) != OPS_OK)
        execute_ms = now_ms;
    int64_t left_seconds = (execute_ms - now_ms + OPS_SECOND_MS - 1) / OPS_SECOND_MS;
    (void)ops_human_countdown(left_seconds, text);
    if (execute_ms > now_ms)
        (void)snprintf(line, sizeof line, "pending: starts in %s", text);
    if (width > 0 && strlen(line) > width)
        (void)snprintf(line, sizeof line, "pending: %s", text);
    ops_buf_append_text(buf, line);
}

void ops_progress_append_line(struct ops_buf *buf, const json_t *vacuum, const struct ops_progress_view *view,
                              int64_t now_ms, size_t width)
{
    enum { STATUS_MAX_BYTES = 256 };
    struct line line = {.parts = {""}};
    if (strcmp(ops_json_text(vacuum, "status", ""), "pending") == 0) {
        append_pending(buf, vacuum, now_ms, width);
        return;
    }
    ops_buf_init(&line.status, STATUS_MAX_BYTES);
    fill_line(&line, vacuum, view);
    if (width > 0)
        fit_line(&line, width);
    ops_buf_append_view(buf, ops_buf_view(&line.status));
    const char *before = ": ";
    for (size_t i = 0; i < PART_COUNT; i++) {
        if (!line.parts[i][0])
            continue;
        ops_buf_append_text(buf, before);
        ops_buf_append_text(buf, line.parts[i]);
        before = ", ";
    }
    ops_buf_release(&line.status);
}
