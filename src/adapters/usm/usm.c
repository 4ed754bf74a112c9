#include "adapters/usm/usm.h"

#include "base/json.h"
#include "base/mem.h"

#include <stdio.h>

enum {
    CONNECT_TIMEOUT_MS = 2000,
    TIMEOUT_MS = 5000,
    URL_MAX_BYTES = 2048,
    QUESTION_MAX_BYTES = 1024,
    ANSWER_MAX_BYTES = 64 * 1024,
};

struct usm_sessions {
    struct ops_session_source base;
    struct ops_http_client *client;
    char *url;                      /* with the route */
    char shown[OPS_URL_SHOWN_SIZE]; /* the same for errors, which strangers may get to read */
};

static struct usm_sessions *usm_sessions(struct ops_session_source *self)
{
    return (struct usm_sessions *)self;
}

static enum ops_status write_question(struct ops_view guid, struct ops_buf *buf)
{
    json_t *question = json_object();
    enum ops_status status = question ? OPS_OK : OPS_NO_MEMORY;
    if (status == OPS_OK)
        status = ops_json_set(question, "session_guid", json_stringn(guid.data, guid.length));
    if (status == OPS_OK)
        status = ops_json_append(question, buf);
    json_decref(question);
    return status;
}

/* Copies the first of two members that is a string, cut to what fits; "" when neither is. */
static void copy_name(const json_t *data, const char *first, const char *second, char ret_name[static OPS_SESSION_NAME_SIZE])
{
    (void)snprintf(ret_name, OPS_SESSION_NAME_SIZE, "%s", ops_json_text(data, first, ops_json_text(data, second, "")));
}

static enum ops_status read_data(const json_t *data, struct ops_session *ret_session)
{
    const json_t *valid = json_object_get(data, "valid"), *state = json_object_get(data, "status");
    if ((valid && !json_is_boolean(valid)) || (state && !json_is_string(state)))
        return OPS_SESSION_STORE_UNAVAILABLE;
    if (json_is_false(valid) || strcmp(ops_json_text(data, "status", "active"), "active") != 0)
        return OPS_SESSION_INVALID;
    copy_name(data, "user", "user_id", ret_session->user);
    copy_name(data, "orgcode", "orgcode", ret_session->orgcode);
    copy_name(data, "cccode", "cccode", ret_session->cccode);
    return OPS_OK;
}

static bool has_tag(const json_t *refusal, const char *kind, const char *tag)
{
    return strcmp(ops_json_text(json_object_get(refusal, kind), "tag", ""), tag) == 0;
}

/* Sessions that USM knows and that are over, whatever HTTP status it finds right for them: doomed by an end that is under
 * way, or not used for too long. */
static enum ops_status read_refusal(const struct ops_http_response *response, enum ops_status otherwise)
{
    static const char *const over[] = {"session-doomed", "ttl-expired"};
    json_t *answer = NULL;
    if (ops_json_parse_object(ops_buf_view(&response->body), &answer, NULL) == OPS_NO_MEMORY)
        return OPS_NO_MEMORY;
    const json_t *refusal = json_object_get(answer, "error");
    for (size_t i = 0; i < sizeof over / sizeof over[0]; i++)
        if (has_tag(refusal, "minor", over[i]) || has_tag(refusal, "major", over[i]))
            otherwise = OPS_SESSION_INVALID;
    json_decref(answer);
    return otherwise;
}

static enum ops_status read_answer(const struct usm_sessions *sessions, const struct ops_http_response *response,
                                   struct ops_session *ret_session, struct ops_error *error)
{
    int http = response->status;
    if (http == 401 || http == 403 || http == 404)
        return OPS_SESSION_INVALID;
    enum ops_status status = OPS_OK;
    if (http < 200 || http > 299)
        status = read_refusal(response, OPS_SESSION_STORE_UNAVAILABLE);
    if (status == OPS_SESSION_STORE_UNAVAILABLE)
        return ops_fail(error, status, "%s answered with HTTP status %d.", sessions->shown, http);
    if (status != OPS_OK)
        return status;
    json_t *answer = NULL;
    status = ops_json_parse_object(ops_buf_view(&response->body), &answer, NULL);
    if (status == OPS_NO_MEMORY)
        return status;
    const json_t *success = json_object_get(answer, "success");
    if (json_is_true(success))
        status = read_data(json_object_get(answer, "data"), ret_session);
    else if (json_is_false(success))
        status = OPS_SESSION_INVALID;
    else
        status = OPS_SESSION_STORE_UNAVAILABLE;
    if (status == OPS_SESSION_STORE_UNAVAILABLE)
        (void)ops_fail(error, status, "%s gave an answer that can't be read.", sessions->shown);
    json_decref(answer);
    return status;
}

static enum ops_status ask(const struct usm_sessions *sessions, struct ops_view question, struct ops_http_response *response,
                           struct ops_error *error)
{
    const struct ops_http_request request = {
        .method = "POST",
        .url = sessions->url,
        .headers = {{"Content-Type", "application/json"}, {"Accept", "application/json"}},
        .header_count = 2,
        .body = question,
        .connect_timeout_ms = CONNECT_TIMEOUT_MS,
        .timeout_ms = TIMEOUT_MS,
    };
    struct ops_error reason = OPS_ERROR_INIT;
    enum ops_status status = ops_http_exchange(sessions->client, &request, response, &reason);
    if (status != OPS_OK && status != OPS_NO_MEMORY)
        status = ops_fail(error, OPS_SESSION_STORE_UNAVAILABLE, "%s", ops_error_text(&reason, status));
    ops_error_release(&reason);
    return status;
}

static enum ops_status usm_check(struct ops_session_source *self, struct ops_view guid, int64_t now_ms,
                                 struct ops_session *ret_session, struct ops_error *error)
{
    (void)now_ms; /* USM looks at its own clock */
    const struct usm_sessions *sessions = usm_sessions(self);
    struct ops_session session = {.user = ""};
    struct ops_http_response response;
    struct ops_buf question;
    ops_buf_init(&question, QUESTION_MAX_BYTES);
    ops_http_response_init(&response, ANSWER_MAX_BYTES);
    enum ops_status status = write_question(guid, &question);
    if (status == OPS_OK)
        status = ask(sessions, ops_buf_view(&question), &response, error);
    if (status == OPS_OK)
        status = read_answer(sessions, &response, &session, error);
    if (status == OPS_OK)
        *ret_session = session;
    ops_buf_release(&response.body);
    ops_buf_release(&question);
    return status;
}

static void usm_release(struct ops_session_source *self)
{
    struct usm_sessions *sessions = usm_sessions(self);
    ops_mem_free(sessions->url);
    ops_mem_free(sessions);
}

static const struct ops_session_source_ops usm_ops = {
    .check = usm_check,
    .release = usm_release,
};

enum ops_status ops_usm_sessions_new(struct ops_http_client *client, const char *url, struct ops_session_source **ret_source)
{
    struct usm_sessions *sessions = ops_mem_zeroed(1, sizeof *sessions);
    if (!sessions)
        return OPS_NO_MEMORY;
    sessions->base.ops = &usm_ops;
    sessions->client = client;
    size_t length = strlen(url);
    while (length > 0 && url[length - 1] == '/')
        length--;
    struct ops_buf route;
    ops_buf_init(&route, URL_MAX_BYTES);
    ops_buf_append(&route, url, length);
    ops_buf_append_text(&route, "/session/validate");
    sessions->url = ops_buf_take(&route);
    if (!sessions->url) {
        usm_release(&sessions->base);
        return OPS_NO_MEMORY;
    }
    (void)ops_url_show(sessions->url, sessions->shown);
    *ret_source = &sessions->base;
    return OPS_OK;
}
