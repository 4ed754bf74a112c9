#include "app/envelope.h"

#include "base/json.h"

/* What JSON writes otherwise than it stands: RFC 8259 section 7. */
static bool needs_escape(unsigned char c)
{
    return c < 0x20 || c == '"' || c == '\\';
}

void ops_envelope_text(struct ops_buf *body, const char *text)
{
    ops_buf_append_char(body, '"');
    for (const char *at = text; *at;) {
        size_t plain = 0;
        while (at[plain] && !needs_escape((unsigned char)at[plain]))
            plain++;
        ops_buf_append(body, at, plain);
        at += plain;
        if (*at)
            ops_buf_append_format(body, "\\u%04x", (unsigned char)*at++);
    }
    ops_buf_append_char(body, '"');
}

static void member(struct ops_buf *body, const char *name, const char *text)
{
    ops_buf_append_char(body, '"');
    ops_buf_append_text(body, name);
    ops_buf_append_text(body, "\":");
    ops_envelope_text(body, text);
}

static void optional_member(struct ops_buf *body, const char *name, const char *text)
{
    if (!text || !text[0])
        return;
    ops_buf_append_char(body, ',');
    member(body, name, text);
}

static void append_build(struct ops_buf *body, const struct ops_build *build)
{
    ops_buf_append_text(body, "\"build\":{\"build_major\":");
    ops_buf_append_integer(body, build->major);
    ops_buf_append_text(body, ",\"build_minor\":");
    ops_buf_append_integer(body, build->minor);
    ops_buf_append_char(body, ',');
    member(body, "build_id", build->id);
    ops_buf_append_char(body, '}');
}

static void append_tail(struct ops_buf *body, const struct ops_build *build, const struct ops_envelope *envelope)
{
    char now[OPS_INSTANT_TEXT_SIZE];
    ops_instant_format(envelope->now_ms, now);
    if (envelope->revision) {
        ops_buf_append_text(body, ",\"revision\":");
        ops_buf_append_integer(body, envelope->revision);
    }
    ops_buf_append_char(body, ',');
    append_build(body, build);
    ops_buf_append_text(body, ",\"stats\":{");
    member(body, "call", envelope->call_name);
    ops_buf_append_text(body, ",\"service\":\"ops\",");
    member(body, "request_id", envelope->request_id);
    ops_buf_append_char(body, ',');
    member(body, "timestamp_utc", now);
    ops_buf_append_text(body, ",\"latency_ms\":");
    ops_buf_append_integer(body, envelope->latency_ms);
    ops_buf_append_char(body, ',');
    append_build(body, build);
    optional_member(body, "session_fingerprint", envelope->session_fingerprint);
    optional_member(body, "actor", envelope->actor);
    optional_member(body, "orgcode", envelope->orgcode);
    optional_member(body, "cccode", envelope->cccode);
    ops_buf_append_text(body, "}}");
}

void ops_envelope_begin(struct ops_buf *body)
{
    ops_buf_append_text(body, "{\"success\":true,\"data\":");
}

void ops_envelope_end(struct ops_buf *body, const struct ops_build *build, const struct ops_envelope *envelope)
{
    append_tail(body, build, envelope);
}

enum ops_status ops_envelope_status(enum ops_status status)
{
    if (status <= OPS_MAINTENANCE_MODE)
        return status;
    switch (ops_status_category(status)) {
    case OPS_CATEGORY_CONFLICT:
        return OPS_REVISION_CONFLICT;
    case OPS_CATEGORY_UNAVAILABLE:
        return OPS_STORE_UNAVAILABLE;
    default:
        return OPS_INTERNAL_ERROR;
    }
}

static void append_words(struct ops_buf *body, const char *name, const char *tag, const char *sentence)
{
    ops_buf_append_format(body, "\"%s\":{", name);
    member(body, "tag", tag);
    ops_buf_append_text(body, ",\"message\":{");
    member(body, "en_US", sentence);
    ops_buf_append_text(body, "}}");
}

static void append_minor(struct ops_buf *body, enum ops_status status, const struct ops_error *error)
{
    const char *text = ops_error_text(error, status);
    json_t *valid = ops_json_any_text(ops_view_of(text));
    append_words(body, "minor", ops_status_tag(ops_envelope_status(status)),
                 valid ? json_string_value(valid) : ops_status_sentence(status));
    json_decref(valid);
}

void ops_envelope_error(struct ops_buf *body, const struct ops_build *build, const struct ops_envelope *envelope,
                        enum ops_status status, const struct ops_error *error)
{
    enum ops_category category = ops_status_category(ops_envelope_status(status));
    ops_buf_append_text(body, "{\"success\":false,\"error\":{");
    append_words(body, "major", ops_category_tag(category), ops_category_sentence(category));
    ops_buf_append_char(body, ',');
    append_minor(body, status, error);
    if (error && error->details) {
        ops_buf_append_text(body, ",\"details\":");
        if (ops_json_append(error->details, body) != OPS_OK)
            return; /* the buffer's own status says so */
    }
    ops_buf_append_char(body, '}');
    append_tail(body, build, envelope);
}
