#include "main/reload.h"

#include "base/json.h"
#include "surfaces/wire/tls.h"

enum { LINE_MAX_BYTES = 4000, PROBLEMS_SHOWN = 10 };

/* A line that has become too long is cut; what it is about comes first. */
static void tell(struct ops_buf *words, const char *event, bool is_well, struct ops_log *log)
{
    ops_log_say(log, is_well ? OPS_LOG_INFO : OPS_LOG_ERROR, event, "%s", ops_buf_text(words));
    ops_buf_release(words);
}

static void append_problems(const json_t *problems, struct ops_buf *line)
{
    size_t count = json_array_size(problems);
    /* The first one is in the error's text. */
    for (size_t i = 1; i < count && i < PROBLEMS_SHOWN; i++) {
        ops_buf_append_text(line, "; ");
        ops_buf_append_text(line, json_string_value(json_array_get(problems, i)));
    }
    if (count > PROBLEMS_SHOWN)
        ops_buf_append_format(line, "; and %zu more", count - PROBLEMS_SHOWN);
}

static bool reload_manifest(const struct ops_reload *reload, struct ops_log *log)
{
    struct ops_manifest_news news;
    struct ops_error error = OPS_ERROR_INIT;
    struct ops_buf line;
    ops_buf_init(&line, LINE_MAX_BYTES);
    enum ops_status status = ops_engine_reload_manifest(reload->engine, reload->config, &news, &error);
    if (status == OPS_OK) {
        ops_buf_append_format(&line, "The manifest %s is in force, with %zu target%s%s", reload->engine->manifest_name,
                              news.target_count, news.target_count == 1 ? "" : "s",
                              news.changed ? "" : "; it says what it said before");
    } else {
        ops_buf_append_format(&line, "The manifest in force stays: %s", ops_error_text(&error, status));
        append_problems(json_object_get(error.details, "problems"), &line);
    }
    tell(&line, "reload.manifest", status == OPS_OK, log);
    ops_error_release(&error);
    return status == OPS_OK;
}

static bool reload_tls(const struct ops_reload *reload, struct ops_log *log)
{
    struct ops_shared *tls = NULL;
    struct ops_error error = OPS_ERROR_INIT;
    struct ops_buf line;
    char until[OPS_INSTANT_TEXT_SIZE];
    ops_buf_init(&line, LINE_MAX_BYTES);
    enum ops_status status = ops_tls_read(reload->tls_cert, reload->tls_key, &tls, &error);
    if (status == OPS_OK) {
        int64_t until_ms = ops_tls_expires_ms(tls);
        ops_instant_format(until_ms, until);
        ops_buf_append_format(&line, "The certificate in %s is in force, until %s%s", reload->tls_cert, until,
                              until_ms <= ops_clock_now_ms(reload->config->clock) ? ", which is past" : "");
        ops_http_server_replace_tls(reload->http, tls);
    } else {
        ops_buf_append_format(&line, "The certificate in force stays: %s", ops_error_text(&error, status));
    }
    tell(&line, "reload.certificate", status == OPS_OK, log);
    ops_error_release(&error);
    return status == OPS_OK;
}

bool ops_reload(const struct ops_reload *reload, struct ops_log *log)
{
    bool well = reload_manifest(reload, log);
    return (!reload->tls_cert || reload_tls(reload, log)) && well;
}
