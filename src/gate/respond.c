/*
 * What a caller gets that is turned away: the contract's 503, in JSON, or as a page for people.
 */
#include "gate/accept.h"
#include "gate/gate.h"

#include "base/api_version.h"
#include "base/instant.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/ulid.h"
#include "base/unicode.h"

#include <stdio.h>

enum {
    RETRY_LEAST_S = 20,
    RETRY_TEXT_SIZE = 24,
    RETRY_MOST_S = 7 * 24 * 3600,                              /* no window is estimated to be longer */
    BODY_MAX_BYTES = 5 * OPSGATE_WINDOW_MAX_BYTES + 64 * 1024, /* "&amp;" for each byte, and the page around them */
};

/* One caller's, with the memory that its parts are in. */
struct reply {
    opsgate_response response; /* first: it is what the caller frees */
    char retry_after[RETRY_TEXT_SIZE];
    struct ops_buf body;
    json_t *window; /* a copy, so that it outlives the gate's own; NULL: none any more */
};

/* What is looked up under the mutex. */
struct facts {
    int64_t now_ms;
    int64_t end_ms;      /* 0: not known */
    int64_t estimate_ms; /* likewise */
    bool overdue;
    char request_id[OPS_ULID_SIZE];
    int64_t retry_s;
};

/* ---- Facts ---- */

static void make_request_id(struct opsgate *gate, struct facts *facts)
{
    uint8_t random[OPS_ULID_RANDOM_BYTES];
    for (size_t i = 0; i < sizeof random; i++)
        random[i] = (uint8_t)ops_gate_roll(gate, 256);
    ops_ulid_format(facts->now_ms, random, facts->request_id);
}

static int64_t whole_seconds(int64_t duration_ms)
{
    return (duration_ms + OPS_SECOND_MS - 1) / OPS_SECOND_MS;
}

/* The time that is left, which of a window that is overdue nobody knows, and up to a quarter more. Nobody has longer to wait
 * than the window is to last: where it looks like that our clock is behind the one that the window was begun by. */
static int64_t roll_retry_s(struct opsgate *gate, const struct facts *facts)
{
    int64_t most_s = facts->estimate_ms ? whole_seconds(facts->estimate_ms) : RETRY_MOST_S;
    int64_t least_s = facts->end_ms && !facts->overdue ? whole_seconds(facts->end_ms - facts->now_ms) : 0;
    least_s = least_s < most_s ? least_s : most_s;
    least_s = least_s < RETRY_MOST_S ? least_s : RETRY_MOST_S;
    least_s = least_s > RETRY_LEAST_S ? least_s : RETRY_LEAST_S;
    return least_s + (int64_t)ops_gate_roll(gate, (uint64_t)least_s / 4 + 1);
}

static enum ops_status look_up(struct opsgate *gate, struct reply *reply, struct facts *facts)
{
    facts->now_ms = ops_gate_wall_ns(NULL) / OPS_GATE_MS;
    pthread_mutex_lock(&gate->mutex);
    const struct ops_gate_notice *notice = &gate->synced.notice;
    facts->end_ms = notice->end_ms;
    facts->estimate_ms = notice->estimate_ms;
    facts->overdue = ops_gate_notice_overdue(notice, facts->now_ms);
    make_request_id(gate, facts);
    facts->retry_s = roll_retry_s(gate, facts);
    bool had_window = notice->window;
    reply->window = had_window ? ops_json_copy(notice->window) : NULL;
    pthread_mutex_unlock(&gate->mutex);
    if (had_window && !reply->window)
        return OPS_NO_MEMORY;
    return reply->window && facts->overdue ? ops_json_set(reply->window, "overdue", json_true()) : OPS_OK;
}

/* ---- JSON ---- */

static json_t *message(const char *tag, const char *sentence)
{
    return json_pack("{s:s, s:{s:s}}", "tag", tag, "message", "en_US", sentence);
}

static json_t *build(void)
{
    return json_pack("{s:i, s:i, s:s}", "build_major", OPS_GATE_MAJOR, "build_minor", OPS_GATE_MINOR, "build_id",
                     OPS_GATE_BUILD_ID);
}

static json_t *failure(const struct reply *reply, const struct facts *facts)
{
    enum ops_category category = ops_status_category(OPS_MAINTENANCE_MODE);
    const char *sentence = facts->overdue ? "The service is closed for maintenance, and it takes longer than expected."
                                          : ops_status_sentence(OPS_MAINTENANCE_MODE);
    return ops_json_pack("{s:o, s:o, s:O*}", "major", message(ops_category_tag(category), ops_category_sentence(category)),
                         "minor", message(ops_status_tag(OPS_MAINTENANCE_MODE), sentence), "details", reply->window);
}

static json_t *statistics(const struct opsgate *gate, const struct facts *facts)
{
    char now[OPS_INSTANT_TEXT_SIZE];
    ops_instant_format(facts->now_ms, now);
    return json_pack("{s:s, s:s, s:s, s:s, s:i, s:o}", "call", "gate", "service", gate->service, "request_id",
                     facts->request_id, "timestamp_utc", now, "latency_ms", 0, "build", build());
}

static enum ops_status write_json(const struct opsgate *gate, struct reply *reply, const struct facts *facts)
{
    json_t *envelope = json_pack("{s:b, s:o, s:o, s:o}", "success", 0, "error", failure(reply, facts), "build", build(),
                                 "stats", statistics(gate, facts));
    enum ops_status status = envelope ? ops_json_append(envelope, &reply->body) : OPS_NO_MEMORY;
    json_decref(envelope);
    return status;
}

/* ---- HTML ---- */

static const char page_begin[] =
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Closed for maintenance</title>\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta name=\"robots\" content=\"noindex\">\n"
    "<style>body{font:1.1rem/1.5 system-ui,sans-serif;max-width:36rem;margin:15vh auto;padding:0 1rem;color:#222;"
    "background:#fff}h1{font-size:1.6rem}li{margin:.4rem 0}time{color:#666}"
    "@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}time{color:#999}}</style></head>\n"
    "<body><main><h1>Closed for maintenance</h1>\n";
static const char page_end[] = "</main></body></html>\n";

static void append_markup(struct ops_buf *buf, const char *text)
{
    for (; *text; text++) {
        const char *reference = *text == '&'   ? "&amp;"
                                : *text == '<' ? "&lt;"
                                : *text == '>' ? "&gt;"
                                : *text == '"' ? "&quot;"
                                               : NULL;
        if (reference)
            ops_buf_append_text(buf, reference);
        else
            ops_buf_append_char(buf, *text);
    }
}

/* What nobody sees is shown as an escape: it could turn round what stands beside it, or speak to the terminal of whoever
 * asks with curl. Where there is no memory for that the page fails with it. */
static void append_html(struct ops_buf *buf, const char *text)
{
    struct ops_buf visible;
    ops_buf_init(&visible, BODY_MAX_BYTES);
    ops_unicode_append_visible(&visible, ops_view_of(text));
    if (ops_buf_status(&visible) == OPS_OK)
        append_markup(buf, ops_buf_text(&visible));
    else
        buf->status = ops_buf_status(&visible);
    ops_buf_release(&visible);
}

static void append_paragraph(struct ops_buf *buf, const char *before, const char *text, const char *after)
{
    if (!text[0])
        return;
    ops_buf_append_text(buf, before);
    append_html(buf, text);
    ops_buf_append_text(buf, after);
}

/* For people, to the minute: nobody can say when a window ends to the second. What is no instant is shown as it is. */
static void append_time(struct ops_buf *buf, const char *text)
{
    char instant[OPS_INSTANT_TEXT_SIZE];
    int64_t at_ms;
    if (ops_instant_parse(ops_view_of(text), &at_ms) != OPS_OK) {
        append_html(buf, text);
        return;
    }
    ops_instant_format(at_ms, instant);
    ops_buf_append_format(buf, "<time datetime=\"%s\">%.10s %.5s UTC</time>", instant, instant,
                          instant + strlen("YYYY-MM-DDT"));
}

static void append_updates(struct ops_buf *buf, const json_t *updates)
{
    ops_buf_append_text(buf, json_array_size(updates) ? "<ul>\n" : "");
    for (size_t i = json_array_size(updates); i-- > 0;) {
        const json_t *update = json_array_get(updates, i);
        ops_buf_append_text(buf, "<li>");
        append_time(buf, ops_json_text(update, "at", ""));
        ops_buf_append_char(buf, ' ');
        append_html(buf, ops_json_text(update, "text", ""));
        ops_buf_append_text(buf, "</li>\n");
    }
    ops_buf_append_text(buf, json_array_size(updates) ? "</ul>\n" : "");
}

static void append_end(struct ops_buf *buf, const char *end, bool overdue)
{
    if (end[0]) {
        ops_buf_append_text(buf, overdue ? "<p>We expected to be back at " : "<p>We expect to be back at ");
        append_time(buf, end);
        ops_buf_append_text(buf, overdue ? ". It takes longer than expected.</p>\n" : ".</p>\n");
    } else if (overdue) {
        ops_buf_append_text(buf, "<p>It takes longer than expected.</p>\n");
    }
}

static enum ops_status write_html(struct reply *reply, const struct facts *facts)
{
    struct ops_buf *buf = &reply->body;
    ops_buf_append_text(buf, page_begin);
    append_paragraph(buf, "<p>", ops_json_text(reply->window, "description", ""), "</p>\n");
    append_end(buf, ops_json_text(reply->window, "estimated_end_utc", ""), facts->overdue);
    append_updates(buf, json_object_get(reply->window, "updates"));
    ops_buf_append_text(buf, page_end);
    return ops_buf_status(buf);
}

/* ---- The whole ---- */

static void add_header(opsgate_response *response, const char *name, const char *value)
{
    response->headers[response->header_count++] = (opsgate_header){name, value};
}

/* An id goes into a header line only if it looks like one. */
static const char *header_id(const struct reply *reply)
{
    const char *id = ops_json_text(reply->window, "maintenance_id", "");
    return ops_ulid_valid(ops_view_of(id)) ? id : NULL;
}

static void finish(struct reply *reply, bool html, const struct facts *facts)
{
    opsgate_response *response = &reply->response;
    (void)snprintf(reply->retry_after, sizeof reply->retry_after, "%lld", (long long)facts->retry_s);
    response->status = ops_status_http(OPS_MAINTENANCE_MODE);
    response->body = ops_buf_text(&reply->body);
    response->body_length = reply->body.length;
    add_header(response, "Content-Type", html ? "text/html; charset=utf-8" : "application/json");
    add_header(response, "Retry-After", reply->retry_after);
    add_header(response, "Cache-Control", "no-store");
    add_header(response, OPS_API_VERSION_HEADER, OPS_API_VERSION);
    if (header_id(reply))
        add_header(response, "x-ops-maintenance", header_id(reply));
}

opsgate_response *opsgate_respond(opsgate *gate, const char *accept)
{
    struct facts facts;
    struct reply *reply = ops_mem_zeroed(1, sizeof *reply);
    if (!reply)
        return NULL;
    bool html = ops_gate_prefers_html(accept);
    ops_buf_init(&reply->body, BODY_MAX_BYTES);
    enum ops_status status = look_up(gate, reply, &facts);
    if (status == OPS_OK)
        status = html ? write_html(reply, &facts) : write_json(gate, reply, &facts);
    if (status == OPS_OK) {
        finish(reply, html, &facts);
        return &reply->response;
    }
    opsgate_response_free(&reply->response);
    return NULL;
}

void opsgate_response_free(opsgate_response *response)
{
    struct reply *reply = (struct reply *)(void *)response;
    if (!reply)
        return;
    json_decref(reply->window);
    ops_buf_release(&reply->body);
    ops_mem_free(reply);
}
