#include "surfaces/cli/progress.h"

#include "base/instant.h"
#include "base/json.h"
#include "surfaces/cli/human.h"
#include "surfaces/cli/text.h"

struct ops_progress_view ops_progress_note(struct ops_progress *progress, const struct ops_progress_look *look)
{
    if (progress->count > 0 && look->handled < progress->looks[(progress->count - 1) % OPS_PROGRESS_LOOKS].handled)
        progress->count = 0;
    progress->looks[progress->count++ % OPS_PROGRESS_LOOKS] = *look;
    size_t first = progress->count > OPS_PROGRESS_LOOKS ? progress->count : 0;
    const struct ops_progress_look *oldest = &progress->looks[first % OPS_PROGRESS_LOOKS];
    struct ops_progress_view view = {.rate_per_second = -1, .percent = -1, .left_seconds = -1};
    double passed_seconds = (double)(look->at_ms - oldest->at_ms) / (double)OPS_SECOND_MS;
    double rate = passed_seconds > 0 ? (double)(look->handled - oldest->handled) / passed_seconds : -1;
    if (rate >= 0)
        view.rate_per_second = (int64_t)(rate + 0.5);
    if (look->total < look->handled || look->total <= 0)
        return view;
    view.percent = (int64_t)((double)look->handled * 100 / (double)look->total);
    if (rate > 0)
        view.left_seconds = (int64_t)((double)(look->total - look->handled) / rate + 0.5);
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

static void append_pending(struct ops_buf *buf, const json_t *vacuum, int64_t now_ms)
{
    int64_t execute_ms;
    char text[OPS_HUMAN_SIZE];
    if (ops_json_instant(vacuum, "execute_at", &execute_ms) != OPS_OK)
        execute_ms = now_ms;
    int64_t left_seconds = (execute_ms - now_ms + OPS_SECOND_MS - 1) / OPS_SECOND_MS;
    if (execute_ms > now_ms)
        ops_buf_append_format(buf, "pending: starts in %s", ops_human_countdown(left_seconds, text));
    else
        ops_buf_append_text(buf, "pending: starts now");
}

static void append_count(struct ops_buf *buf, const json_t *totals, const char *name, bool always)
{
    char text[OPS_HUMAN_SIZE];
    json_int_t count = ops_json_integer(totals, name, 0);
    if (count || always)
        ops_buf_append_format(buf, ", %s %s", ops_human_number(count, text), name);
}

void ops_progress_append_line(struct ops_buf *buf, const json_t *vacuum, const struct ops_progress_view *view,
                              int64_t now_ms)
{
    const char *status = ops_json_text(vacuum, "status", "");
    const json_t *totals = json_object_get(vacuum, "totals");
    size_t done, all;
    char text[OPS_HUMAN_SIZE];
    if (strcmp(status, "pending") == 0) {
        append_pending(buf, vacuum, now_ms);
        return;
    }
    ops_progress_targets(vacuum, &done, &all);
    ops_text_append_safe(buf, ops_view_of(status));
    ops_buf_append_format(buf, ": %zu of %zu targets", done, all);
    append_count(buf, totals, ops_json_flag(vacuum, "dry_run", false) ? "matched" : "deleted", true);
    append_count(buf, totals, "failed", false);
    append_count(buf, totals, "protected", false);
    if (view->rate_per_second >= 0)
        ops_buf_append_format(buf, ", %s/s", ops_human_number(view->rate_per_second, text));
    if (view->percent >= 0)
        ops_buf_append_format(buf, ", %d%%", (int)view->percent);
    if (view->left_seconds >= 0)
        ops_buf_append_format(buf, ", %s left", ops_human_duration(view->left_seconds, text));
}
