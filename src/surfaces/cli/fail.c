/* How a run ends: with data, or with an error and a hint of what to do. */
#include "surfaces/cli/run.h"

#include "base/json.h"
#include "base/mem.h"
#include "surfaces/cli/generate.h"
#include "surfaces/cli/human.h"
#include "surfaces/cli/text.h"

#include <stdarg.h>
#include <string.h>

enum { HANG = 2, TEXTS_SHOWN = 8, HINT_MAX_BYTES = 4096, SENTENCE_SIZE = 8192 };

struct hint {
    const char *tag;
    const char *text;   /* {a|b} stands for detail a, or b; a hint whose details are not there is passed over */
    const char *status; /* of the record, in details; NULL: any */
};

/* docs/guide.md, "The wrong vacuum is running" */
#define STOP_IT                                                                                                             \
    " If it must not go on, stop every 'g3nops serve' at once (systemctl stop g3nops), and see the guide, \"The wrong "     \
    "vacuum is running\"; else follow it with 'g3nops vacuum-status --vacuum-id {vacuum_id} --watch'"

/* The first hint of a tag that can be filled in is shown. */
static const struct hint hints[] = {
    {"vacuum-in-progress",
     "see it with 'g3nops vacuum-status --vacuum-id {vacuum_id|holder}'; while it is pending, cancel it with "
     "'g3nops vacuum-cancel --vacuum-id {vacuum_id|holder}'"},
    {"vacuum-in-progress", "see it with 'g3nops vacuum-status'"},
    {"vacuum-not-pending", "it is running: unless it is a dry run, what is gone is gone." STOP_IT, "running"},
    {"vacuum-not-pending", "it starts now." STOP_IT, "pending"},
    {"vacuum-not-pending", "it is over; see how it ended with 'g3nops vacuum-status --vacuum-id {vacuum_id}'", "completed"},
    {"vacuum-not-pending", "it is over; see how it ended with 'g3nops vacuum-status --vacuum-id {vacuum_id}'", "failed"},
    {"vacuum-not-pending", "it was cancelled before: it has deleted nothing, and will not", "cancelled"},
    {"vacuum-not-pending", "see what it does with 'g3nops vacuum-status --vacuum-id {vacuum_id} --watch'"},
    {"vacuum-not-found", "the latest one is shown by 'g3nops vacuum-status'"},
    {"plan-drifted", "make a new dry run and use its plan_sha256"},
    {"confirmation-phrase-mismatch", "what had to be typed is the orgcode, {orgcode}"},
    {"confirmation-phrase-mismatch", "the phrase is exactly: VACUUM ALL DATA PERMANENTLY"},
    {"secret-code-not-set", "set it with 'g3nops secret-set --new-secret-code-file F' on the machine of the store"},
    {"secret-code-mismatch", "five wrong codes in a row lock for a time that doubles"},
    {"secret-code-required", "give it with --secret-code-file F, $G3NOPS_SECRET_CODE or on a terminal"},
    {"secret-code-locked", "wait {retry_after_seconds} s, then try once more; each further wrong code doubles the wait"},
    {"maintenance-already-active", "end it with 'g3nops maintenance-end --maintenance-id {maintenance_id}'"},
    {"maintenance-already-active", "end it with 'g3nops maintenance-end'"},
    {"maintenance-not-found", "list windows with 'g3nops maintenance-list --status all'"},
    {"maintenance-not-scheduled", "look at it with 'g3nops maintenance-get --maintenance-id {maintenance_id}'"},
    {"maintenance-not-active",
     "only an active window can be ended or posted to; see 'g3nops maintenance-list --status all'"},
    {"no-active-maintenance", "list windows with 'g3nops maintenance-list', start one with 'g3nops maintenance-start'"},
    {"revision-conflict", "look at the record again, then repeat with --expected-revision {revision}"},
    {"start-not-in-future", "give --start a later time, or one from now such as +45m; --now starts the window at once"},
    {"session-required", "give --session-guid G; on the embedded engine 'g3nops session-create --user U' makes one"},
    {"session-invalid", "on the embedded engine 'g3nops session-create --user U' makes a new session"},
    {"store-unavailable", "'g3nops audit-verify' tells where the store and its delivered audit log part ({audit}); put the "
                          "right store back, or accept "
                          "this one with 'g3nops audit-accept-rollback'"},
    {"store-unavailable", "nothing was changed; see 'g3nops stat', then try again"},
    {"session-store-unavailable", "nothing was read; try again when sessions can be checked"},
    {"outcome-unknown", "look whether it was done before you try again"},
    {"write-conflict", "nothing was changed; try again"},
    {"payload-too-large", "shorten the longest text"},
};

/* The detail that names stand for, as text in scratch; NULL when there is none. */
static const char *detail_text(const json_t *details, struct ops_view names, char scratch[static OPS_HUMAN_SIZE])
{
    while (names.length > 0) {
        const char *bar = memchr(names.data, '|', names.length);
        size_t length = bar ? (size_t)(bar - names.data) : names.length;
        char name[64];
        (void)snprintf(name, sizeof name, "%.*s", (int)length, names.data);
        const json_t *value = json_object_get(details, name);
        if (json_is_string(value))
            return json_string_value(value);
        if (json_is_integer(value)) {
            (void)snprintf(scratch, OPS_HUMAN_SIZE, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
            return scratch;
        }
        length += bar != NULL;
        names = ops_view(names.data + length, names.length - length);
    }
    return NULL;
}

static bool fill_hint(struct ops_buf *buf, const char *text, const json_t *details)
{
    while (*text) {
        size_t plain = strcspn(text, "{");
        ops_buf_append(buf, text, plain);
        text += plain;
        if (!*text)
            break;
        size_t length = strcspn(text, "}");
        char scratch[OPS_HUMAN_SIZE];
        const char *value = detail_text(details, ops_view(text + 1, length - 1), scratch);
        if (!value)
            return false;
        ops_text_append_safe(buf, ops_view_of(value));
        text += length + 1;
    }
    return true;
}

/* A line of words, wrapped on a terminal; words goes on where before ended. */
static void append_line(struct ops_buf *buf, const struct ops_style *style, enum ops_paint paint, const char *before,
                        const char *words)
{
    ops_paint_append(buf, style, paint, before);
    ops_buf_append_char(buf, ' ');
    ops_paint_append_wrapped(buf, style, OPS_PAINT_NONE, words, strlen(before) + 1, HANG);
    ops_buf_append_char(buf, '\n');
}

static bool is_of_status(const struct hint *hint, const json_t *details)
{
    return !hint->status || strcmp(hint->status, ops_json_text(details, "status", "")) == 0;
}

static void append_hint(struct ops_buf *buf, const struct ops_style *style, const char *tag, const json_t *details)
{
    struct ops_buf filled;
    ops_buf_init(&filled, HINT_MAX_BYTES);
    for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++) {
        ops_buf_clear(&filled);
        if (strcmp(hints[i].tag, tag) == 0 && is_of_status(&hints[i], details) &&
            fill_hint(&filled, hints[i].text, details)) {
            append_line(buf, style, OPS_PAINT_NONE, "hint:", ops_buf_text(&filled));
            break;
        }
    }
    ops_buf_release(&filled);
}

/* Compact, and safe: DEL and the C1 characters need no escape in JSON, but a terminal obeys them. */
static void append_json(struct ops_buf *buf, const json_t *value)
{
    struct ops_buf plain;
    ops_buf_init(&plain, buf->limit_bytes);
    if (ops_json_append(value, &plain) == OPS_OK)
        ops_text_append_safe(buf, ops_buf_view(&plain));
    ops_buf_release(&plain);
}

static bool is_texts(const json_t *value)
{
    size_t i;
    json_t *item;
    json_array_foreach(value, i, item)
        if (!json_is_string(item))
            return false;
    return json_array_size(value) > 0;
}

/* "a, b, c", on a terminal no more than some. */
static void append_texts(struct ops_buf *buf, const struct ops_style *style, const json_t *list)
{
    size_t i, count = json_array_size(list);
    json_t *item;
    json_array_foreach(list, i, item) {
        if (style->columns > 0 && i == TEXTS_SHOWN && count > TEXTS_SHOWN + 1) {
            ops_buf_append_format(buf, " and %zu more: --json shows all", count - i);
            return;
        }
        ops_buf_append_text(buf, i ? ", " : "");
        ops_text_append_safe(buf, ops_view(json_string_value(item), json_string_length(item)));
    }
}

/* The name of a request's field as the flag that fills it; NULL where the command has none. */
static const struct ops_cli_flag *flag_of(const struct ops_cli *cli, const char *field, size_t length)
{
    return cli->args.command ? ops_cli_flag_of_field(cli->args.command, field, length) : NULL;
}

static bool is_field_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

/* A sentence of the service, which speaks of fields, in the words of the person, who knows flags. A field's name that is an
 * English word too is one only where the sentence begins with it, or where it stands in a list behind other fields. */
static void append_in_flags(struct ops_buf *buf, const struct ops_cli *cli, const char *sentence)
{
    struct ops_buf words;
    ops_buf_init(&words, OPS_CLI_OUTPUT_MAX_BYTES);
    bool in_list = true; /* at the beginning, and as long as fields follow on fields */
    while (*sentence) {
        size_t length = 0;
        while (is_field_char(sentence[length]))
            length++;
        const struct ops_cli_flag *flag = length ? flag_of(cli, sentence, length) : NULL;
        bool is_field = flag && (in_list || memchr(sentence, '_', length));
        if (is_field)
            ops_buf_append_text(&words, flag->name);
        else
            ops_buf_append(&words, sentence, length ? length : 1);
        bool joins = length == 0 ? strchr(" ,", *sentence) != NULL : ops_view_is(ops_view(sentence, length), "and");
        in_list = is_field || (in_list && joins) || ops_view_is(ops_view(sentence, length), "of");
        sentence += length ? length : 1;
    }
    ops_text_append_safe(buf, ops_buf_view(&words));
    ops_buf_release(&words);
}

static void append_detail(struct ops_buf *buf, const struct ops_style *style, const char *name, const json_t *value)
{
    static const char unit[] = " seconds";
    char human[OPS_HUMAN_SIZE];
    struct ops_buf text;
    ops_buf_init(&text, OPS_CLI_OUTPUT_MAX_BYTES);
    ops_text_append_safe(&text, ops_view_of(name));
    for (size_t i = 0; i < text.length; i++)
        text.data[i] = text.data[i] == '_' ? ' ' : text.data[i];
    bool seconds = text.length >= sizeof unit && json_is_integer(value) &&
                   strcmp(text.data + text.length - (sizeof unit - 1), unit) == 0;
    if (seconds)
        text.data[text.length -= sizeof unit - 1] = '\0';
    ops_buf_append_text(&text, ": ");
    if (seconds)
        ops_buf_append_text(&text, ops_human_duration(json_integer_value(value), human));
    else if (json_is_string(value))
        ops_text_append_safe(&text, ops_view(json_string_value(value), json_string_length(value)));
    else if (is_texts(value))
        append_texts(&text, style, value);
    else
        append_json(&text, value);
    ops_text_append_spaces(buf, HANG);
    ops_paint_append_wrapped(buf, style, OPS_PAINT_NONE, ops_buf_text(&text), HANG, 2 * HANG);
    ops_buf_append_char(buf, '\n');
    ops_buf_release(&text);
}

/* The detail that names the field that is wrong, as a flag. False: it is another detail, or of a field that no flag fills.
 */
static bool append_field(struct ops_buf *buf, const struct ops_cli *cli, const char *name, const json_t *value)
{
    const char *field = strcmp(name, "field") == 0 && json_is_string(value) ? json_string_value(value) : NULL;
    const struct ops_cli_flag *flag = field ? flag_of(cli, field, strlen(field)) : NULL;
    if (flag)
        ops_buf_append_format(buf, "  flag: %s\n", flag->name);
    return flag != NULL;
}

void ops_cli_print_error(struct ops_cli *cli, const json_t *error)
{
    struct ops_style style = ops_cli_style(cli, OPS_STREAM_ERR);
    const json_t *minor = json_object_get(error, "minor");
    json_t *details = json_object_get(error, "details");
    const char *tag = ops_json_text(minor, "tag", "error");
    struct ops_buf buf, words;
    ops_buf_init(&buf, OPS_CLI_OUTPUT_MAX_BYTES);
    ops_buf_init(&words, OPS_CLI_OUTPUT_MAX_BYTES);
    if (strcmp(tag, ops_status_tag(OPS_USAGE)) != 0) {
        ops_text_append_safe(&words, ops_view_of(tag));
        ops_buf_append_text(&words, ": ");
    }
    append_in_flags(&words, cli, ops_json_text(json_object_get(minor, "message"), "en_US", "no words came with it"));
    append_line(&buf, &style, OPS_PAINT_BAD, "error:", ops_buf_text(&words));
    const char *name;
    json_t *value;
    json_object_foreach(details, name, value)
        if (!append_field(&buf, cli, name, value))
            append_detail(&buf, &style, name, value);
    append_hint(&buf, &style, tag, details);
    (void)fwrite(ops_buf_text(&buf), 1, buf.length, cli->host->err); /* there is no place left to complain at */
    ops_buf_release(&buf);
    ops_buf_release(&words);
}

static json_t *words_json(const char *tag, json_t *sentence)
{
    return json_pack("{s:s, s:{s:o}}", "tag", tag, "message", "en_US", sentence);
}

static json_t *error_json(enum ops_status status, const struct ops_error *error)
{
    enum ops_category category = ops_status_category(status);
    json_t *major = words_json(ops_category_tag(category), json_string(ops_category_sentence(category)));
    json_t *minor = words_json(ops_status_tag(status), ops_json_any_text(ops_view_of(ops_error_text(error, status))));
    return json_pack("{s:o, s:o, s:O*}", "major", major, "minor", minor, "details", error ? error->details : NULL);
}

/* The envelope of what we say ourselves: the same form as the service's. takes body. NULL without memory. */
static json_t *envelope_json(const struct ops_cli *cli, bool success, const char *name, json_t *body)
{
    char now[OPS_INSTANT_TEXT_SIZE];
    ops_instant_format(ops_clock_now_ms(cli->host->clock), now);
    const struct ops_build *build = cli->host->build;
    const char *call = cli->args.command ? cli->args.command->name : "g3nops";
    return json_pack("{s:b, s:o, s:{s:i, s:i, s:s}, s:{s:s, s:s, s:s}, s:O*}", "success", success, name, body, "build",
                     "build_major", build->major, "build_minor", build->minor, "build_id", build->id, "stats", "call", call,
                     "service", "ops", "timestamp_utc", now, "answered_by", cli->answered_by);
}

static int print_envelope(struct ops_cli *cli, json_t *envelope, int code)
{
    struct ops_buf buf;
    ops_buf_init(&buf, OPS_CLI_OUTPUT_MAX_BYTES);
    if (!envelope || ops_json_append(envelope, &buf) != OPS_OK) {
        ops_buf_clear(&buf);
        ops_buf_append_text(&buf, "{\"success\":false,\"error\":{\"major\":{\"tag\":\"internal\"},\"minor\":{\"tag\":"
                                  "\"out-of-memory\"}}}");
        code = code == OPS_EXIT_DONE ? OPS_EXIT_REFUSED : code;
    }
    (void)fprintf(cli->host->out, "%s\n", ops_buf_text(&buf));
    json_decref(envelope);
    ops_buf_release(&buf);
    return fflush(cli->host->out) == 0 || code != OPS_EXIT_DONE ? code : OPS_EXIT_REFUSED;
}

/* After a mistake on the command line: how it should look. */
static void print_usage_line(struct ops_cli *cli)
{
    const struct ops_cli_command *command = cli->args.command;
    if (!command) {
        (void)fprintf(cli->host->err, "hint: g3nops help\n");
        return;
    }
    struct ops_buf buf;
    struct ops_style style = ops_cli_style(cli, OPS_STREAM_ERR);
    ops_buf_init(&buf, OPS_CLI_OUTPUT_MAX_BYTES);
    ops_help_append_usage(&buf, command, style.columns ? style.columns : OPS_CLI_HELP_COLUMNS);
    (void)fprintf(cli->host->err, "%shint: g3nops help %s\n", ops_buf_text(&buf), command->name);
    ops_buf_release(&buf);
}

int ops_cli_fail(struct ops_cli *cli, enum ops_status status, const struct ops_error *error)
{
    int code = ops_status_exit_code(status);
    json_t *object = error_json(status, error);
    if (cli->json)
        return print_envelope(cli, object ? envelope_json(cli, false, "error", object) : NULL, code);
    if (object)
        ops_cli_print_error(cli, object);
    else
        (void)fprintf(cli->host->err, "error: %s: %s\n", ops_status_tag(status), ops_status_sentence(status));
    json_decref(object);
    if (status == OPS_USAGE)
        print_usage_line(cli);
    return code;
}

/* One line, wrapped on a terminal; a text of several lines has a form of its own and is left as it is. */
static OPS_PRINTF(2, 0) int print_sentence(struct ops_cli *cli, const char *format, va_list args)
{
    struct ops_style style = ops_cli_style(cli, OPS_STREAM_OUT);
    FILE *out = cli->host->out;
    char text[SENTENCE_SIZE];
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(text, sizeof text, format, args);
    bool written = length >= 0;
    if (style.columns > 0 && length > 0 && (size_t)length < sizeof text && !strchr(text, '\n')) {
        struct ops_buf buf;
        ops_buf_init(&buf, OPS_CLI_OUTPUT_MAX_BYTES);
        ops_text_append_wrapped(&buf, text, 0, HANG, style.columns);
        written = ops_buf_status(&buf) == OPS_OK && fputs(ops_buf_text(&buf), out) != EOF;
        ops_buf_release(&buf);
    } else if (written) {
        written = vfprintf(out, format, again) >= 0;
    }
    va_end(again);
    written = written && fputc('\n', out) != EOF;
    return fflush(out) == 0 && written ? OPS_EXIT_DONE : OPS_EXIT_REFUSED;
}

int ops_cli_done(struct ops_cli *cli, json_t *data, const char *format, ...)
{
    if (cli->json)
        return print_envelope(cli, data ? envelope_json(cli, true, "data", data) : NULL, OPS_EXIT_DONE);
    json_decref(data);
    ops_cli_tell_answered(cli);
    va_list args;
    va_start(args, format);
    int code = print_sentence(cli, format, args);
    va_end(args);
    return code;
}

void ops_cli_warn(struct ops_cli *cli, const char *format, ...)
{
    char text[OPS_ERROR_TEXT_SIZE];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args); /* a cut warning is still one */
    va_end(args);
    struct ops_style style = ops_cli_style(cli, OPS_STREAM_ERR);
    struct ops_buf buf, safe;
    ops_buf_init(&buf, OPS_CLI_OUTPUT_MAX_BYTES);
    ops_buf_init(&safe, 4 * sizeof text);
    ops_text_append_safe(&safe, ops_view_of(text));
    append_line(&buf, &style, OPS_PAINT_BUSY, "warning:", ops_buf_text(&safe));
    (void)fputs(ops_buf_text(&buf), cli->host->err);
    ops_buf_release(&safe);
    ops_buf_release(&buf);
}
