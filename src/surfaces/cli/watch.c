/* The record is read about once a second. A terminal on standard error gets one line that is written over and over; without
 * one a plain line comes every few seconds and at each change of status. Standard output gets the record at the end only.
 */
#include "surfaces/cli/watch.h"

#include "base/json.h"
#include "surfaces/cli/card.h"
#include "surfaces/cli/progress.h"
#include "surfaces/cli/text.h"

#include <string.h>

enum {
    LOOK_EVERY_MS = 1000,
    PLAIN_LINE_EVERY_MS = 5000,
    LOOK_TIMEOUT_MS = 10 * 1000,
    GIVE_UP_AFTER_MS = 60 * 1000,
    LINE_COLUMNS = 79, /* of a terminal that does not say how wide it is */
    LINE_MAX_BYTES = 64 * 1024,
};

struct watch {
    struct ops_cli *cli;
    struct ops_cli_reply reply; /* the last that came */
    struct ops_progress progress;
    bool live;               /* one line, written over */
    bool cancel_told;        /* how to cancel was written, on a line that stays */
    size_t line_width;       /* live: of the line that is to be cleared; 0: there is none */
    bool standing_told;      /* why it stands still was written, on a line that stays */
    char last_status[16];    /* plain: of the last line */
    int64_t last_line_ms;    /* plain: when it was written */
    int64_t last_contact_ms; /* when the service last answered */
    bool note_shown;         /* that it can't be reached */
};

static const json_t *vacuum_of(const struct watch *watch)
{
    return json_object_get(watch->reply.envelope, "data");
}

static bool has_status(const struct watch *watch, const char *status)
{
    return strcmp(ops_json_text(vacuum_of(watch), "status", ""), status) == 0;
}

/* Whatever is not over yet, held ones too. */
static bool is_open(const struct watch *watch)
{
    static const char *const open[] = {"pending", "running", "pausing", "paused", "stopping"};
    for (size_t i = 0; i < sizeof open / sizeof open[0]; i++)
        if (has_status(watch, open[i]))
            return true;
    return false;
}

/* The columns that the line may have: those asked for, but never more than there are, since it is written over. The last one
 * stays free: some terminals go on to the next line when it is written. */
static size_t line_columns(struct watch *watch)
{
    struct ops_terminal *terminal = watch->cli->host->terminal;
    int own = terminal->ops->columns(terminal, OPS_STREAM_ERR);
    size_t columns = ops_cli_style(watch->cli, OPS_STREAM_ERR).columns;
    if (own > 0 && (columns == 0 || columns > (size_t)own))
        columns = (size_t)own;
    return columns > 1 ? columns - 1 : LINE_COLUMNS;
}

/* A line that the terminal has become too narrow for may be on two rows by now, or cut off: nobody can tell how a terminal
 * does it. It is left alone, and what comes next begins a new one. */
static void clear_line(struct watch *watch)
{
    if (watch->line_width > 0)
        (void)fputs(watch->line_width > line_columns(watch) ? "\n" : "\r\033[K", watch->cli->host->err);
    watch->line_width = 0;
}

static void show_live(struct watch *watch, const struct ops_buf *line)
{
    struct ops_buf cut;
    ops_buf_init(&cut, LINE_MAX_BYTES);
    ops_text_append_cut(&cut, ops_buf_view(line), line_columns(watch));
    clear_line(watch);
    (void)fputs(ops_buf_text(&cut), watch->cli->host->err);
    watch->line_width = ops_text_width(ops_buf_view(&cut));
    ops_buf_release(&cut);
}

static void show_plain(struct watch *watch, const struct ops_buf *line, int64_t monotonic_ms)
{
    const char *status = ops_json_text(vacuum_of(watch), "status", "");
    bool changed = strncmp(watch->last_status, status, sizeof watch->last_status - 1) != 0;
    if (!changed && monotonic_ms - watch->last_line_ms < PLAIN_LINE_EVERY_MS)
        return;
    (void)snprintf(watch->last_status, sizeof watch->last_status, "%s", status);
    watch->last_line_ms = monotonic_ms;
    (void)fprintf(watch->cli->host->err, "%s\n", ops_buf_text(line));
}

/* A command for the vacuum, on lines that stay: an id that is cut to the terminal's width would be of no use. */
static void print_command(struct watch *watch, const char *words, const char *command)
{
    struct ops_style style = ops_cli_style(watch->cli, OPS_STREAM_ERR);
    struct ops_buf line, buf;
    ops_buf_init(&line, LINE_MAX_BYTES);
    ops_buf_init(&buf, LINE_MAX_BYTES);
    ops_buf_append_format(&line, "%s --vacuum-id ", command);
    ops_text_append_safe(&line, ops_view_of(ops_json_text(vacuum_of(watch), "vacuum_id", "ID")));
    ops_card_command(&buf, &style, words, ops_buf_text(&line));
    (void)fputs(ops_buf_text(&buf), watch->cli->host->err);
    ops_buf_release(&line);
    ops_buf_release(&buf);
}

static void tell_how_to_cancel(struct watch *watch)
{
    if (watch->cancel_told || !has_status(watch, "pending"))
        return;
    watch->cancel_told = true;
    print_command(watch, "Cancel it with: ", "g3nops vacuum-cancel");
}

/* Once for each time that it does. */
static void tell_why_it_stands(struct watch *watch)
{
    const json_t *standing = json_object_get(vacuum_of(watch), "standing_still");
    if (json_is_object(standing) && !watch->standing_told) {
        clear_line(watch);
        ops_cli_warn(watch->cli, "it stands still: %s", ops_json_text(standing, "reason", ""));
    }
    watch->standing_told = json_is_object(standing);
}

static void show(struct watch *watch)
{
    struct ops_cli *cli = watch->cli;
    int64_t monotonic_ms = ops_clock_monotonic_ms(cli->host->clock);
    struct ops_progress_look look = ops_progress_look_at(vacuum_of(watch), monotonic_ms);
    struct ops_progress_view view = ops_progress_note(&watch->progress, &look);
    if (cli->json)
        return;
    tell_how_to_cancel(watch);
    tell_why_it_stands(watch);
    struct ops_buf line;
    ops_buf_init(&line, LINE_MAX_BYTES);
    ops_progress_append_line(&line, vacuum_of(watch), &view, ops_clock_now_ms(cli->host->clock),
                             watch->live ? line_columns(watch) : 0);
    if (watch->live)
        show_live(watch, &line);
    else
        show_plain(watch, &line, monotonic_ms);
    (void)fflush(cli->host->err);
    ops_buf_release(&line);
}

/* A refusal that says "not now", as the status that it is; OPS_OK for every other answer. */
static enum ops_status passing_refusal(const struct ops_cli_reply *reply, struct ops_error *error)
{
    const json_t *minor = json_object_get(json_object_get(reply->envelope, "error"), "minor");
    enum ops_status status = ops_status_from_tag(ops_json_text(minor, "tag", ""));
    if (ops_cli_reply_success(reply) || ops_status_category(status) != OPS_CATEGORY_UNAVAILABLE)
        return OPS_OK;
    return ops_fail(error, status, "%s",
                    ops_json_text(json_object_get(minor, "message"), "en_US", ops_status_sentence(status)));
}

static bool may_pass(enum ops_status status)
{
    enum ops_category category = ops_status_category(status);
    return category == OPS_CATEGORY_UNREACHABLE || category == OPS_CATEGORY_UNAVAILABLE;
}

/* The vacuum itself and nothing newer: without its id the latest would be shown, which may be another by then. */
static enum ops_status look(struct watch *watch, struct ops_error *error)
{
    json_t *input = json_pack("{s:s}", "vacuum_id", ops_json_text(vacuum_of(watch), "vacuum_id", ""));
    if (!input)
        return OPS_NO_MEMORY;
    struct ops_cli_request request = {
        .via = OPS_VIA_INVOKE, .target = "ops_vacuumstatus", .input = input, .timeout_ms = LOOK_TIMEOUT_MS};
    struct ops_cli_reply reply;
    ops_cli_reply_init(&reply);
    enum ops_status status = ops_cli_exchange(watch->cli, &request, &reply, error);
    json_decref(input);
    if (status == OPS_OK)
        status = passing_refusal(&reply, error);
    if (status == OPS_OK) {
        ops_cli_reply_release(&watch->reply);
        watch->reply = reply;
    } else {
        ops_cli_reply_release(&reply);
    }
    return status;
}

/* Answers that pass: the service restarts, its store is busy. The record that was read last is kept meanwhile. */
static bool note_silence(struct watch *watch)
{
    int64_t silent_ms = ops_clock_monotonic_ms(watch->cli->host->clock) - watch->last_contact_ms;
    if (silent_ms >= GIVE_UP_AFTER_MS)
        return false;
    if (!watch->note_shown && !watch->cli->json) {
        clear_line(watch);
        ops_cli_warn(watch->cli,
                     "the service does not answer; trying for a minute (the vacuum is the service's and goes on)");
    }
    watch->note_shown = true;
    return true;
}

static int interrupted(struct watch *watch)
{
    clear_line(watch);
    if (watch->cli->json) {
        (void)ops_cli_print_reply(watch->cli, &watch->reply);
        return OPS_EXIT_INTERRUPTED;
    }
    (void)fprintf(watch->cli->host->err, "Not watching any more; the vacuum goes on.\n");
    print_command(watch, "See it:    ", "g3nops vacuum-status");
    if (has_status(watch, "pending"))
        print_command(watch, "Cancel it: ", "g3nops vacuum-cancel");
    return OPS_EXIT_INTERRUPTED;
}

/* The next answer, however long it takes within a minute. OPS_OK; or what went wrong. *ret_interrupted: Ctrl-C came first.
 */
static enum ops_status wait_for_look(struct watch *watch, bool *ret_interrupted, struct ops_error *error)
{
    struct ops_terminal *terminal = watch->cli->host->terminal;
    enum ops_status status;
    do {
        *ret_interrupted = !terminal->ops->pause(terminal, LOOK_EVERY_MS);
        if (*ret_interrupted)
            return OPS_OK;
        status = look(watch, error);
    } while (may_pass(status) && note_silence(watch));
    return status;
}

/* Looks until the vacuum is over. Returns -1 then, or the exit code of another end. */
static int follow(struct watch *watch, struct ops_error *error)
{
    while (ops_cli_reply_success(&watch->reply) && is_open(watch)) {
        bool stop = false;
        show(watch);
        enum ops_status status = wait_for_look(watch, &stop, error);
        if (stop)
            return interrupted(watch);
        if (status != OPS_OK) {
            clear_line(watch);
            return ops_cli_fail(watch->cli, status, error);
        }
        watch->last_contact_ms = ops_clock_monotonic_ms(watch->cli->host->clock);
        watch->note_shown = false;
    }
    return -1;
}

int ops_cli_watch(struct ops_cli *cli, struct ops_cli_reply *first)
{
    struct ops_terminal *terminal = cli->host->terminal;
    struct watch watch = {.cli = cli,
                          .reply = *first,
                          .live = terminal->ops->is_terminal(terminal, OPS_STREAM_ERR),
                          .last_contact_ms = ops_clock_monotonic_ms(cli->host->clock)};
    ops_cli_reply_init(first);
    struct ops_error error = OPS_ERROR_INIT;
    terminal->ops->hold_interrupts(terminal, true);
    int code = follow(&watch, &error);
    terminal->ops->hold_interrupts(terminal, false);
    if (code < 0) {
        clear_line(&watch);
        code = ops_cli_print_reply(cli, &watch.reply);
        if (code == OPS_EXIT_DONE && (has_status(&watch, "failed") || has_status(&watch, "cancelled")))
            code = OPS_EXIT_VACUUM_FAILED;
    }
    ops_cli_reply_release(&watch.reply);
    ops_error_release(&error);
    return code;
}
