/* The source that asks OPS itself: what it takes for an answer, and what not. */
#include "adapters/curl/http_client.h"
#include "adapters/gate/ping_source.h"
#include "gate/decide.h"
#include "opsgate/answerer.h"
#include "opsgate/states.h"
#include "support/alloc_fault.h"
#include "support/cmocka_all.h"
#include "support/http_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { TIMEOUT_MS = 5000, SHORT_TIMEOUT_MS = 150, WINDOW_MAX = 256 * 1024, SWEEP_MAX = 1000 };

#define OK_HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
#define PING(maintenance)                                                                                                   \
    OK_HEAD "{\"success\":true,\"data\":{\"status\":\"ok\",\"service\":\"ops\",\"maintenance\":" maintenance "},"           \
            "\"build\":{},\"stats\":{}}"
#define WINDOW                                                                                                              \
    "{\"maintenance_id\":\"01ARZ3NDEKTSV4RRFFQ69G5FAV\",\"status\":\"active\",\"description\":\"Disks\",\"updates\":[]}"

static struct answerer answerer;
static struct http_server server;

static int set_up(void **state)
{
    (void)state;
    answerer_start(&answerer);
    http_server_start(&server);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    http_server_stop(&server);
    answerer_stop(&answerer);
    return 0;
}

/* ---- a question ---- */

struct question {
    struct ops_gate_source *source;
    struct ops_buf window;
    struct ops_error error;
    enum ops_status status;
};

static struct ops_gate_source *source_at(const char *url)
{
    struct ops_http_client *client = NULL;
    struct ops_gate_source *source = NULL;
    assert_int_equal(ops_curl_http_client_new(&client), OPS_OK);
    assert_int_equal(ops_gate_ping_source_new(url, client, &source), OPS_OK);
    return source;
}

static void ask(struct question *question, int port, const char *before, int64_t timeout_ms)
{
    char url[256];
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d%s", port, before);
    *question = (struct question){.source = source_at(url), .error = OPS_ERROR_INIT};
    ops_buf_init(&question->window, WINDOW_MAX);
    question->status = question->source->ops->ask(question->source, timeout_ms, &question->window, &question->error);
}

static void ask_again(struct question *question, const char *answer)
{
    atomic_store(&answerer.answer, answer);
    ops_error_release(&question->error);
    question->status = question->source->ops->ask(question->source, TIMEOUT_MS, &question->window, &question->error);
}

static void forget(struct question *question)
{
    ops_gate_source_close(question->source);
    ops_buf_release(&question->window);
    ops_error_release(&question->error);
}

/* ---- answers ---- */

static void without_a_window_the_answer_is_empty(void **state)
{
    struct question question;
    (void)state;
    atomic_store(&answerer.answer, PING("null"));
    ask(&question, answerer.port, "", TIMEOUT_MS);
    assert_int_equal(question.status, OPS_OK);
    assert_string_equal(ops_buf_text(&question.window), "");
    assert_string_equal(question.error.text, "");
    assert_int_equal(question.source->answer_age_ns, OPS_GATE_ANSWER_AGE_MAX_NS);
    forget(&question);
}

static void with_a_window_the_answer_is_that(void **state)
{
    struct question question;
    (void)state;
    atomic_store(&answerer.answer, PING(WINDOW));
    ask(&question, answerer.port, "", TIMEOUT_MS);
    assert_int_equal(question.status, OPS_OK);
    assert_string_equal(ops_buf_text(&question.window), WINDOW);
    forget(&question);
}

static void only_a_window_that_is_active_is_one(void **state)
{
    (void)state;
    for (size_t i = 0; i < WINDOW_STATE_COUNT; i++) {
        char answer[1024];
        struct question question;
        const char *window = window_states[i].window;
        (void)snprintf(answer, sizeof answer, PING("%s"), window);
        atomic_store(&answerer.answer, answer);
        ask(&question, answerer.port, "", TIMEOUT_MS);
        if (question.status != OPS_OK || strcmp(ops_buf_text(&question.window), window_states[i].closes ? window : "") != 0)
            fail_msg("%s: %s, \"%s\"", window, ops_status_tag(question.status), ops_buf_text(&question.window));
        forget(&question);
        answerer_stop(&answerer); /* it has the text */
        answerer_start(&answerer);
    }
}

static void what_comes_before_the_path_is_kept_and_slashes_at_its_end_are_not(void **state)
{
    static const char *const befores[][2] = {
        {"", "GET /ops/ping HTTP/1.1\r\n"},
        {"/", "GET /ops/ping HTTP/1.1\r\n"},
        {"/prod", "GET /prod/ops/ping HTTP/1.1\r\n"},
        {"/a/b///", "GET /a/b/ops/ping HTTP/1.1\r\n"},
    };
    (void)state;
    atomic_store(&answerer.answer, PING("null"));
    for (size_t i = 0; i < sizeof befores / sizeof befores[0]; i++) {
        struct question question;
        ask(&question, answerer.port, befores[i][0], TIMEOUT_MS);
        assert_int_equal(question.status, OPS_OK);
        assert_ptr_equal(strstr(answerer.request, befores[i][1]), answerer.request);
        forget(&question);
    }
}

/* ---- what is no answer ---- */

static const struct {
    const char *name;
    const char *answer;
    const char *part; /* of the sentence */
} strangers[] = {
    {"nothing", OK_HEAD, "is not OPS"},
    {"a page", OK_HEAD "<html>hello</html>", "is not OPS"},
    {"half an object", OK_HEAD "{\"success\":true,\"data\":{", "is not OPS"},
    {"an array", OK_HEAD "[]", "is not OPS"},
    {"an empty object", OK_HEAD "{}", "is not OPS"},
    {"a refusal", OK_HEAD "{\"success\":false,\"data\":{\"service\":\"ops\",\"maintenance\":null}}", "is not OPS"},
    {"another service", OK_HEAD "{\"success\":true,\"data\":{\"service\":\"usm\",\"maintenance\":null}}", "is not OPS"},
    {"no service", OK_HEAD "{\"success\":true,\"data\":{\"maintenance\":null}}", "is not OPS"},
    {"no data", OK_HEAD "{\"success\":true,\"service\":\"ops\",\"maintenance\":null}", "is not OPS"},
    {"no maintenance", OK_HEAD "{\"success\":true,\"data\":{\"service\":\"ops\"}}", "is not OPS"},
    {"maintenance that is true", PING("true"), "is not OPS"},
    {"maintenance that is a text", PING("\"yes\""), "is not OPS"},
    {"maintenance that is a list", PING("[{}]"), "is not OPS"},
    {"more behind it", PING("null") " {}", "is not OPS"},
    {"a name twice", OK_HEAD "{\"success\":true,\"success\":true,\"data\":{\"service\":\"ops\",\"maintenance\":null}}",
     "is not OPS"},
    {"no HTTP", "OPS says hello\r\n\r\n", "/ops/ping"},
    {"a window under another status", "HTTP/1.1 503 X\r\nContent-Length: 2\r\n\r\n{}", "HTTP status 503"},
    {"an envelope under another status",
     "HTTP/1.1 201 X\r\nConnection: close\r\n\r\n{\"success\":true,\"data\":{\"service\":\"ops\",\"maintenance\":{}}}",
     "HTTP status 201"},
};

static void what_is_not_ops_says_so_and_is_no_window(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++) {
        struct question question;
        atomic_store(&answerer.answer, strangers[i].answer);
        ask(&question, answerer.port, "", TIMEOUT_MS);
        if (question.status == OPS_OK || question.window.length > 0 || !strstr(question.error.text, strangers[i].part))
            fail_msg("%s: %s, \"%s\"", strangers[i].name, ops_status_tag(question.status), question.error.text);
        assert_non_null(strstr(question.error.text, "http://127.0.0.1:"));
        forget(&question);
    }
}

static void an_answer_that_is_too_large_is_none(void **state)
{
    enum { TOO_LARGE = 1200 * 1024 };
    struct question question;
    (void)state;
    char *large = malloc(TOO_LARGE + 1);
    assert_non_null(large);
    memset(large, ' ', TOO_LARGE);
    large[TOO_LARGE] = '\0';
    memcpy(large, OK_HEAD, strlen(OK_HEAD));
    atomic_store(&answerer.answer, large);
    ask(&question, answerer.port, "", TIMEOUT_MS);
    assert_int_equal(question.status, OPS_LIMIT);
    assert_int_equal(question.window.length, 0);
    forget(&question);
    answerer_stop(&answerer); /* it may still be sending */
    free(large);
    answerer_start(&answerer);
}

static void what_breaks_off_is_no_answer(void **state)
{
    static const char *const befores[] = {"/close", "/cut", "/cut-chunked", "/reset", "/204", "/301", "/404", "/500"};
    (void)state;
    for (size_t i = 0; i < sizeof befores / sizeof befores[0]; i++) {
        struct question question;
        ask(&question, server.port, befores[i], TIMEOUT_MS);
        if (question.status == OPS_OK || question.window.length > 0 || !strstr(question.error.text, befores[i]))
            fail_msg("%s: %s, \"%s\"", befores[i], ops_status_tag(question.status), question.error.text);
        forget(&question);
    }
}

static int64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void silence_ends_when_the_time_is_up(void **state)
{
    struct question question;
    (void)state;
    int64_t began_ms = now_ms();
    ask(&question, server.port, "/silent", SHORT_TIMEOUT_MS);
    assert_int_equal(question.status, OPS_UNKNOWN);
    assert_int_equal(question.window.length, 0);
    assert_true(now_ms() - began_ms >= SHORT_TIMEOUT_MS);
    forget(&question);
}

static void where_nobody_listens_is_unreachable(void **state)
{
    struct question question;
    int port = answerer.port;
    (void)state;
    answerer_stop(&answerer);
    ask(&question, port, "", TIMEOUT_MS);
    assert_int_equal(question.status, OPS_UNREACHABLE);
    forget(&question);
    answerer_start(&answerer);
}

static void the_next_question_is_answered_after_a_failure(void **state)
{
    struct question question;
    (void)state;
    atomic_store(&answerer.answer, "");
    ask(&question, answerer.port, "", TIMEOUT_MS);
    assert_int_not_equal(question.status, OPS_OK);
    ask_again(&question, PING(WINDOW));
    assert_int_equal(question.status, OPS_OK);
    assert_string_equal(ops_buf_text(&question.window), WINDOW);
    forget(&question);
}

/* ---- credentials ---- */

static void a_password_in_the_url_is_for_the_server_and_not_for_errors(void **state)
{
    static const char *const answers[] = {"", OK_HEAD "hello", "HTTP/1.1 401 X\r\nContent-Length: 0\r\n\r\n"};
    char url[64];
    struct question question = {.error = OPS_ERROR_INIT};
    (void)state;
    (void)snprintf(url, sizeof url, "http://user:word@127.0.0.1:%d", answerer.port);
    question.source = source_at(url);
    ops_buf_init(&question.window, WINDOW_MAX);
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        ask_again(&question, answers[i]);
        assert_int_not_equal(question.status, OPS_OK);
        if (strstr(question.error.text, "user") || strstr(question.error.text, "word") ||
            !strstr(question.error.text, "http://127.0.0.1:"))
            fail_msg("\"%s\"", question.error.text);
    }
    assert_non_null(strstr(answerer.request, "\r\nAuthorization: Basic dXNlcjp3b3Jk\r\n"));
    forget(&question);
}

/* ---- caches in between ---- */

static struct question ask_cached(const char *answer)
{
    struct question question;
    atomic_store(&answerer.answer, answer);
    ask(&question, answerer.port, "", TIMEOUT_MS);
    return question;
}

#define CACHED(age)                                                                                                         \
    "HTTP/1.1 200 OK\r\nConnection: close\r\nAge: " age "\r\n\r\n"                                                        \
    "{\"success\":true,\"data\":{\"service\":\"ops\",\"maintenance\":null}}"

static void a_cache_is_asked_not_to_answer_itself(void **state)
{
    (void)state;
    struct question question = ask_cached(PING("null"));
    assert_non_null(strstr(answerer.request, "\r\nCache-Control: no-cache\r\n"));
    forget(&question);
}

static void an_answer_is_as_old_as_a_cache_says(void **state)
{
    (void)state;
    struct question question = ask_cached(CACHED("7"));
    assert_int_equal(question.status, OPS_OK);
    assert_int_equal(question.source->answer_age_ns, OPS_GATE_ANSWER_AGE_MAX_NS + 7 * OPS_GATE_SECOND);
    ask_again(&question, CACHED("0"));
    assert_int_equal(question.source->answer_age_ns, OPS_GATE_ANSWER_AGE_MAX_NS);
    ask_again(&question, CACHED("10"));
    assert_int_equal(question.source->answer_age_ns, OPS_GATE_ANSWER_AGE_MAX_NS + 10 * OPS_GATE_SECOND);
    ask_again(&question, PING("null"));
    assert_int_equal(question.source->answer_age_ns, OPS_GATE_ANSWER_AGE_MAX_NS);
    forget(&question);
}

static void an_answer_that_a_cache_has_kept_for_long_is_none(void **state)
{
    static const char *const answers[] = {CACHED("11"), CACHED("3600"), CACHED("99999999999999999999"), CACHED("-1"),
                                          CACHED("soon"), CACHED("1.5")};
    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        struct question question = ask_cached(answers[i]);
        if (question.status != OPS_UNREACHABLE || !strstr(question.error.text, "out of a cache"))
            fail_msg("%s: %s, \"%s\"", answers[i], ops_status_tag(question.status), question.error.text);
        forget(&question);
    }
}

#define SAID(id)                                                                                                            \
    OK_HEAD "{\"success\":true,\"data\":{\"service\":\"ops\",\"maintenance\":{}},"                                          \
            "\"stats\":{\"request_id\":\"" id "\"}}"

static void an_answer_that_was_given_before_is_none(void **state)
{
    (void)state;
    struct question question = ask_cached(SAID("01ARZ3NDEKTSV4RRFFQ69G5FAV"));
    assert_int_equal(question.status, OPS_OK);
    ops_buf_clear(&question.window);
    for (int i = 0; i < 2; i++) {
        ask_again(&question, SAID("01ARZ3NDEKTSV4RRFFQ69G5FAV"));
        assert_int_equal(question.status, OPS_UNREACHABLE);
        assert_non_null(strstr(question.error.text, "out of a cache"));
        assert_int_equal(question.window.length, 0);
    }
    ask_again(&question, SAID("01ARZ3NDEKTSV4RRFFQ69G5FAW"));
    assert_int_equal(question.status, OPS_OK);
    forget(&question);
}

/* ---- limits and memory ---- */

static void a_url_that_is_too_long_is_a_limit(void **state)
{
    char url[4096];
    struct ops_http_client *client = NULL;
    struct ops_gate_source *source = NULL;
    (void)state;
    memset(url, 'a', sizeof url);
    memcpy(url, "http://", strlen("http://"));
    url[sizeof url - 1] = '\0';
    assert_int_equal(ops_curl_http_client_new(&client), OPS_OK);
    assert_int_equal(ops_gate_ping_source_new(url, client, &source), OPS_LIMIT);
    assert_null(source);
}

/* Its texts are such that jansson, which reads on behind a text whose closing quote it had no memory for, has some. */
#define SWEPT "{\"status\":\"active\",\"description\":\"Move to new disks, all\",\"updates\":[]}"

/* From opening to closing. A failure leaves no window and no block behind. */
static enum ops_status whole_life(const char *url)
{
    struct ops_http_client *client = NULL;
    struct ops_gate_source *source = NULL;
    struct ops_buf window;
    enum ops_status status = ops_curl_http_client_new(&client);
    if (status == OPS_OK)
        status = ops_gate_ping_source_new(url, client, &source);
    if (status != OPS_OK)
        return status;
    ops_buf_init(&window, WINDOW_MAX);
    status = source->ops->ask(source, TIMEOUT_MS, &window, NULL);
    if (status == OPS_OK)
        assert_string_equal(ops_buf_text(&window), SWEPT);
    ops_buf_release(&window);
    ops_gate_source_close(source);
    return status;
}

static void without_memory_no_answer_pretends(void **state)
{
    char url[64];
    size_t n = 0;
    bool hit = true;
    (void)state;
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d", answerer.port);
    atomic_store(&answerer.answer, PING(SWEPT));
    while (hit) {
        assert_true(++n < SWEEP_MAX);
        alloc_fault_install(n);
        enum ops_status status = whole_life(url);
        hit = alloc_fault_hit();
        if (status != (hit ? OPS_NO_MEMORY : OPS_OK))
            fail_msg("allocation %zu: %s", n, ops_status_tag(status));
        assert_int_equal(alloc_fault_live_count(), 0);
        alloc_fault_remove();
    }
    assert_true(n > 10); /* there was something to fail */
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(without_a_window_the_answer_is_empty),
        CASE(with_a_window_the_answer_is_that),
        CASE(only_a_window_that_is_active_is_one),
        CASE(what_comes_before_the_path_is_kept_and_slashes_at_its_end_are_not),
        CASE(what_is_not_ops_says_so_and_is_no_window),
        CASE(an_answer_that_is_too_large_is_none),
        CASE(what_breaks_off_is_no_answer),
        CASE(silence_ends_when_the_time_is_up),
        CASE(where_nobody_listens_is_unreachable),
        CASE(the_next_question_is_answered_after_a_failure),
        CASE(a_password_in_the_url_is_for_the_server_and_not_for_errors),
        CASE(a_cache_is_asked_not_to_answer_itself),
        CASE(an_answer_is_as_old_as_a_cache_says),
        CASE(an_answer_that_a_cache_has_kept_for_long_is_none),
        CASE(an_answer_that_was_given_before_is_none),
        CASE(a_url_that_is_too_long_is_a_limit),
        CASE(without_memory_no_answer_pretends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
