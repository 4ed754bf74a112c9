#include "adapters/local/sessions.h"
#include "adapters/memory/sessions.h"
#include "adapters/usm/usm.h"
#include "base/instant.h"
#include "base/json.h"
#include "contract/session_suite.h"
#include "support/cmocka_all.h"
#include "support/scratch.h"

#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define BEFORE_MS (SESSION_SUITE_EXPIRES_MS - OPS_HOUR_MS)

static char directory[SCRATCH_SIZE];

/* In memory. */

static struct ops_session_source *memory_open(void)
{
    const struct ops_session session = {.user = "ann", .orgcode = "ACME", .cccode = "CC1"};
    struct ops_session_source *source = NULL;
    if (ops_memory_sessions_new(&source) != OPS_OK)
        return NULL;
    if (ops_memory_sessions_add(source, SESSION_SUITE_GUID, &session, SESSION_SUITE_EXPIRES_MS) == OPS_OK)
        return source;
    ops_session_source_release(source);
    return NULL;
}

static void a_session_that_was_removed_from_memory_is_invalid(void **state)
{
    (void)state;
    struct ops_session session;
    struct ops_session_source *source = memory_open();
    assert_non_null(source);
    ops_memory_sessions_remove(source, SESSION_SUITE_GUID);
    assert_int_equal(ops_session_check(source, ops_view_of(SESSION_SUITE_GUID), BEFORE_MS, &session, NULL),
                     OPS_SESSION_INVALID);
    ops_session_source_release(source);
}

/* In the embedded engine's tables. */

static void local_close(struct ops_session_source *source)
{
    if (source)
        ops_session_source_release(source);
    scratch_remove(directory);
}

static const char *table(const char *name)
{
    static _Thread_local char path[SCRATCH_SIZE * 2];
    (void)snprintf(path, sizeof path, "%s/stack/tables/%s.sqlite", directory, name);
    return path;
}

static bool run_sql(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    bool done = sqlite3_open(path, &db) == SQLITE_OK && sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK;
    if (!done)
        print_error("%s\n", sqlite3_errmsg(db));
    sqlite3_close(db);
    return done;
}

static struct ops_session_source *local_open(void)
{
    struct ops_session_source *source = NULL;
    scratch_make(directory);
    if (ops_local_session_create(directory, "usm_sessions", "uas_users", "ann", SESSION_SUITE_GUID, SESSION_SUITE_EXPIRES_MS,
                                 NULL) == OPS_OK &&
        run_sql(table("usm_sessions"),
                "UPDATE items SET body = json_set(body, '$.orgcode', 'ACME', '$.cccode', 'CC1') WHERE sk = 'SESSION'") &&
        ops_local_sessions_new(directory, "usm_sessions", "uas_users", &source, NULL) == OPS_OK)
        return source;
    local_close(NULL);
    return NULL;
}

static int set_up(void **state)
{
    *state = local_open();
    return *state ? 0 : -1;
}

static int tear_down(void **state)
{
    local_close(*state);
    return 0;
}

static enum ops_status check(struct ops_session_source *source)
{
    struct ops_session session;
    struct ops_error error = OPS_ERROR_INIT;
    enum ops_status status = ops_session_check(source, ops_view_of(SESSION_SUITE_GUID), BEFORE_MS, &session, &error);
    assert_null(strstr(error.text, SESSION_SUITE_GUID));
    if (status == OPS_SESSION_STORE_UNAVAILABLE)
        assert_true(error.text[0]);
    ops_error_release(&error);
    return status;
}

struct change_case {
    const char *table;
    const char *sql;
    enum ops_status expected;
};

static const struct change_case change_cases[] = {
    {"usm_sessions", "UPDATE items SET body = json_set(body, '$.status', 'ended')", OPS_SESSION_INVALID},
    {"usm_sessions", "UPDATE items SET body = json_set(body, '$.status', 'Active')", OPS_SESSION_INVALID},
    {"usm_sessions", "UPDATE items SET body = json_remove(body, '$.status')", OPS_SESSION_INVALID},
    {"usm_sessions", "UPDATE items SET body = json_set(body, '$.expires_at', '2020-01-01T00:00:00Z')", OPS_SESSION_INVALID},
    {"usm_sessions", "UPDATE items SET body = json_set(body, '$.expires_at', 'soon')", OPS_SESSION_STORE_UNAVAILABLE},
    {"usm_sessions", "UPDATE items SET body = json_remove(body, '$.expires_at')", OPS_SESSION_STORE_UNAVAILABLE},
    {"usm_sessions", "UPDATE items SET body = json_remove(body, '$.user_id')", OPS_SESSION_STORE_UNAVAILABLE},
    {"usm_sessions", "UPDATE items SET body = json_set(body, '$.user_id', 7)", OPS_SESSION_STORE_UNAVAILABLE},
    {"usm_sessions", "UPDATE items SET body = json_set(body, '$.user_id', 'bob')", OPS_SESSION_INVALID},
    {"usm_sessions", "UPDATE items SET body = 'not json'", OPS_SESSION_STORE_UNAVAILABLE},
    {"usm_sessions", "UPDATE items SET body = NULL", OPS_SESSION_STORE_UNAVAILABLE},
    {"usm_sessions", "UPDATE items SET sk = 'session'", OPS_SESSION_INVALID},
    {"usm_sessions", "DELETE FROM items", OPS_SESSION_INVALID},
    {"usm_sessions", "DROP TABLE items", OPS_SESSION_STORE_UNAVAILABLE},
    {"uas_users", "UPDATE items SET body = json_set(body, '$.status', 'locked')", OPS_SESSION_INVALID},
    {"uas_users", "UPDATE items SET body = '[]'", OPS_SESSION_STORE_UNAVAILABLE},
    {"uas_users", "DELETE FROM items", OPS_SESSION_INVALID},
    {"uas_users", "DROP TABLE items", OPS_SESSION_STORE_UNAVAILABLE},
};

static void every_change_of_a_row_is_seen_at_the_next_check(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof change_cases / sizeof change_cases[0]; i++) {
        struct ops_session_source *source = local_open();
        assert_non_null(source);
        assert_int_equal(check(source), OPS_OK);
        assert_true(run_sql(table(change_cases[i].table), change_cases[i].sql));
        enum ops_status status = check(source);
        if (status != change_cases[i].expected)
            print_error("%s: %s\n", change_cases[i].sql, ops_status_tag(status));
        assert_int_equal(status, change_cases[i].expected);
        local_close(source);
    }
}

static void a_table_that_is_missing_or_no_table_can_not_tell_and_is_not_made(void **state)
{
    assert_int_equal(unlink(table("uas_users")), 0);
    assert_int_equal(check(*state), OPS_SESSION_STORE_UNAVAILABLE);
    assert_int_not_equal(access(table("uas_users"), F_OK), 0);
    assert_int_equal(unlink(table("usm_sessions")), 0);
    assert_int_equal(check(*state), OPS_SESSION_STORE_UNAVAILABLE);
    assert_int_not_equal(access(table("usm_sessions"), F_OK), 0);
    scratch_write(table("usm_sessions"), "a text that is long enough to be no database at all, as every reader can see\n");
    assert_int_equal(check(*state), OPS_SESSION_STORE_UNAVAILABLE);
    scratch_write(table("usm_sessions"), "");
    assert_int_equal(check(*state), OPS_SESSION_STORE_UNAVAILABLE);
}

static void a_replaced_table_is_seen(void **state)
{
    static char moved[SCRATCH_SIZE * 2];
    (void)snprintf(moved, sizeof moved, "%s/moved", directory);
    assert_int_equal(rename(table("usm_sessions"), moved), 0);
    assert_true(run_sql(table("usm_sessions"), "CREATE TABLE items (pk TEXT, sk TEXT, orgcode TEXT, body TEXT)"));
    assert_int_equal(check(*state), OPS_SESSION_INVALID);
    assert_int_equal(rename(moved, table("usm_sessions")), 0);
    assert_int_equal(check(*state), OPS_OK);
}

static void creating_a_session_leaves_an_existing_user_alone(void **state)
{
    struct ops_session session;
    assert_true(run_sql(table("uas_users"), "UPDATE items SET body = json_set(body, '$.status', 'locked')"));
    assert_int_equal(
        ops_local_session_create(directory, "usm_sessions", "uas_users", "ann", "second", SESSION_SUITE_EXPIRES_MS, NULL),
        OPS_OK);
    assert_int_equal(ops_session_check(*state, ops_view_of("second"), BEFORE_MS, &session, NULL), OPS_SESSION_INVALID);
    assert_int_equal(
        ops_local_session_create(directory, "usm_sessions", "uas_users", "bob", "third", SESSION_SUITE_EXPIRES_MS, NULL),
        OPS_OK);
    assert_int_equal(ops_session_check(*state, ops_view_of("third"), BEFORE_MS, &session, NULL), OPS_OK);
    assert_string_equal(session.user, "bob");
    assert_string_equal(session.orgcode, "");
}

static void creating_a_session_refuses_what_it_can_not_write(void **state)
{
    (void)state;
    struct ops_error error = OPS_ERROR_INIT;
    assert_int_equal(ops_local_session_create(directory, "usm_sessions", "uas_users", "ann", SESSION_SUITE_GUID,
                                              SESSION_SUITE_EXPIRES_MS, &error),
                     OPS_CONFLICT);
    assert_null(strstr(error.text, SESSION_SUITE_GUID));
    assert_int_equal(ops_local_session_create(directory, "../x", "uas_users", "ann", "g", 0, &error), OPS_INVALID_FIELD);
    assert_int_equal(ops_local_session_create(directory, "s", "u", "", "g", 0, &error), OPS_INVALID_FIELD);
    assert_int_equal(ops_local_session_create(directory, "s", "u", "ann", "", 0, &error), OPS_INVALID_FIELD);
    scratch_write(scratch_path(directory, "file"), "");
    assert_int_equal(ops_local_session_create(scratch_path(directory, "file"), "s", "u", "ann", "g", 0, &error),
                     OPS_SESSION_STORE_UNAVAILABLE);
    assert_non_null(strstr(error.text, "Not a directory"));
    ops_error_release(&error);
}

static void creating_a_session_makes_a_whole_data_directory(void **state)
{
    (void)state;
    struct stat found;
    assert_int_equal(
        ops_local_session_create(scratch_path(directory, "new"), "s", "u", "ann", "g", SESSION_SUITE_EXPIRES_MS, NULL),
        OPS_OK);
    assert_int_equal(stat(scratch_path(directory, "new/stack/tables/s.sqlite"), &found), 0);
    assert_int_equal(found.st_mode & 0777, 0600);
}

/* Through USM, with a client that answers like it. */

struct usm_answer {
    enum ops_status status;
    int http;
    const char *body;
};

static struct usm_answer next_answer; /* status OPS_STATUS_COUNT: answer as USM would */

static enum ops_status scripted_answer(const struct ops_http_request *request, struct ops_http_response *ret_response)
{
    static const char known[] =
        "{\"success\": true, \"data\": {\"valid\": true, \"status\": \"active\", \"user_id\": \"ann\","
        " \"orgcode\": \"ACME\", \"cccode\": \"CC1\"}}";
    json_t *question = NULL;
    enum ops_status status = ops_json_parse_object(request->body, &question, NULL);
    if (status != OPS_OK)
        return status;
    bool is_known = strcmp(ops_json_text(question, "session_guid", ""), SESSION_SUITE_GUID) == 0;
    json_decref(question);
    ret_response->status = is_known ? 200 : 401;
    ops_buf_append_text(&ret_response->body, is_known ? known : "{\"success\": false}");
    return ops_buf_status(&ret_response->body);
}

static enum ops_status scripted_exchange(struct ops_http_client *self, const struct ops_http_request *request,
                                         struct ops_http_response *ret_response, struct ops_error *error)
{
    (void)self;
    if (strcmp(request->method, "POST") != 0 ||
        strcmp(request->url, "http://user:word@usm.test/base/session/validate") != 0 || request->timeout_ms <= 0 ||
        request->connect_timeout_ms <= 0)
        return ops_fail(error, OPS_UNREACHABLE, "The request is not the one that USM knows.");
    if (next_answer.status == OPS_STATUS_COUNT)
        return scripted_answer(request, ret_response);
    if (next_answer.status != OPS_OK)
        return ops_fail(error, next_answer.status, "The test says so.");
    ret_response->status = next_answer.http;
    ops_buf_append_text(&ret_response->body, next_answer.body);
    return ops_buf_status(&ret_response->body);
}

static const struct ops_http_client_ops scripted_ops = {.exchange = scripted_exchange};
static struct ops_http_client scripted_client = {&scripted_ops};

static struct ops_session_source *usm_open(void)
{
    struct ops_session_source *source = NULL;
    next_answer = (struct usm_answer){.status = OPS_STATUS_COUNT};
    return ops_usm_sessions_new(&scripted_client, "http://user:word@usm.test/base/", &source) == OPS_OK ? source : NULL;
}

struct answer_case {
    struct usm_answer answer;
    enum ops_status expected;
    const char *user;
};

#define USM_REFUSAL(tag)                                                                                                    \
    "{\"success\": false, \"error\": {\"major\": {\"tag\": \"session\"}, \"minor\": {\"tag\": \"" tag "\"}}}"

static const struct answer_case answer_cases[] = {
    {{OPS_OK, 200, "{\"success\": true}"}, OPS_OK, ""},
    {{OPS_OK, 200, "{\"success\": true, \"data\": {\"user\": \"bob\", \"user_id\": \"7\"}}"}, OPS_OK, "bob"},
    {{OPS_OK, 204, "{\"success\": true, \"data\": {\"user_id\": \"7\"}}"}, OPS_OK, "7"},
    {{OPS_OK, 200, "{\"success\": true, \"data\": {\"valid\": false}}"}, OPS_SESSION_INVALID, NULL},
    {{OPS_OK, 200, "{\"success\": true, \"data\": {\"status\": \"ended\"}}"}, OPS_SESSION_INVALID, NULL},
    {{OPS_OK, 200, "{\"success\": false}"}, OPS_SESSION_INVALID, NULL},
    {{OPS_OK, 401, ""}, OPS_SESSION_INVALID, NULL},
    {{OPS_OK, 403, "<html>"}, OPS_SESSION_INVALID, NULL},
    {{OPS_OK, 404, "{\"success\": true}"}, OPS_SESSION_INVALID, NULL},
    {{OPS_OK, 409, USM_REFUSAL("session-doomed")}, OPS_SESSION_INVALID, NULL},
    {{OPS_OK, 410, USM_REFUSAL("ttl-expired")}, OPS_SESSION_INVALID, NULL},
    {{OPS_OK, 400, USM_REFUSAL("ttl-expired")}, OPS_SESSION_INVALID, NULL},
    {{OPS_OK, 200, USM_REFUSAL("session-doomed")}, OPS_SESSION_INVALID, NULL},
    {{OPS_OK, 400, USM_REFUSAL("invalid-field")}, OPS_SESSION_STORE_UNAVAILABLE, NULL},
    {{OPS_OK, 400, "{\"success\": false, \"error\": {\"minor\": \"ttl-expired\"}}"}, OPS_SESSION_STORE_UNAVAILABLE, NULL},
    {{OPS_OK, 200, ""}, OPS_SESSION_STORE_UNAVAILABLE, NULL},
    {{OPS_OK, 200, "{}"}, OPS_SESSION_STORE_UNAVAILABLE, NULL},
    {{OPS_OK, 200, "{\"success\": \"true\"}"}, OPS_SESSION_STORE_UNAVAILABLE, NULL},
    {{OPS_OK, 200, "{\"success\": 1}"}, OPS_SESSION_STORE_UNAVAILABLE, NULL},
    {{OPS_OK, 200, "[true]"}, OPS_SESSION_STORE_UNAVAILABLE, NULL},
    {{OPS_OK, 200, "{\"success\": true"}, OPS_SESSION_STORE_UNAVAILABLE, NULL},
    {{OPS_OK, 302, "{\"success\": true}"}, OPS_SESSION_STORE_UNAVAILABLE, NULL},
    {{OPS_OK, 400, "{\"success\": false}"}, OPS_SESSION_STORE_UNAVAILABLE, NULL},
    {{OPS_OK, 429, "{\"success\": false}"}, OPS_SESSION_STORE_UNAVAILABLE, NULL},
    {{OPS_OK, 500, "{\"success\": true}"}, OPS_SESSION_STORE_UNAVAILABLE, NULL},
    {{OPS_OK, 503, "{\"success\": false}"}, OPS_SESSION_STORE_UNAVAILABLE, NULL},
    {{OPS_UNREACHABLE, 0, ""}, OPS_SESSION_STORE_UNAVAILABLE, NULL},
    {{OPS_UNKNOWN, 0, ""}, OPS_SESSION_STORE_UNAVAILABLE, NULL},
    {{OPS_LIMIT, 0, ""}, OPS_SESSION_STORE_UNAVAILABLE, NULL},
    {{OPS_NO_MEMORY, 0, ""}, OPS_NO_MEMORY, NULL},
};

static void every_answer_of_usm_means_one_thing_and_only_a_clear_yes_is_a_pass(void **state)
{
    (void)state;
    struct ops_session_source *source = usm_open();
    assert_non_null(source);
    for (size_t i = 0; i < sizeof answer_cases / sizeof answer_cases[0]; i++) {
        const struct answer_case *row = &answer_cases[i];
        struct ops_session session = {.user = "untouched"};
        next_answer = row->answer;
        assert_int_equal(ops_session_check(source, ops_view_of(SESSION_SUITE_GUID), BEFORE_MS, &session, NULL),
                         row->expected);
        assert_string_equal(session.user, row->user ? row->user : "untouched");
    }
    ops_session_source_release(source);
}

/* It reaches whoever asked for a page with a session. */
static void what_is_wrong_with_usm_is_told_without_the_password_in_its_url(void **state)
{
    static const struct usm_answer answers[] = {{OPS_OK, 500, ""}, {OPS_OK, 200, "{}"}};
    struct ops_session_source *source = usm_open();
    (void)state;
    assert_non_null(source);
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        struct ops_session session;
        struct ops_error error = OPS_ERROR_INIT;
        next_answer = answers[i];
        assert_int_equal(ops_session_check(source, ops_view_of(SESSION_SUITE_GUID), BEFORE_MS, &session, &error),
                         OPS_SESSION_STORE_UNAVAILABLE);
        if (!strstr(error.text, "http://usm.test"))
            fail_msg("\"%s\"", error.text);
        assert_null(strstr(error.text, "word"));
        ops_error_release(&error);
    }
    ops_session_source_release(source);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    static const struct session_suite_source memory = {memory_open, ops_session_source_release, true};
    static const struct session_suite_source local = {local_open, local_close, true};
    static const struct session_suite_source usm = {usm_open, ops_session_source_release, false};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_that_was_removed_from_memory_is_invalid),
        cmocka_unit_test(every_change_of_a_row_is_seen_at_the_next_check),
        CASE(a_table_that_is_missing_or_no_table_can_not_tell_and_is_not_made),
        CASE(a_replaced_table_is_seen),
        CASE(creating_a_session_leaves_an_existing_user_alone),
        CASE(creating_a_session_refuses_what_it_can_not_write),
        CASE(creating_a_session_makes_a_whole_data_directory),
        cmocka_unit_test(every_answer_of_usm_means_one_thing_and_only_a_clear_yes_is_a_pass),
        cmocka_unit_test(what_is_wrong_with_usm_is_told_without_the_password_in_its_url),
    };
    return session_suite_run("session_memory", &memory) + session_suite_run("session_local", &local) +
           session_suite_run("session_usm", &usm) + cmocka_run_group_tests(tests, NULL, NULL);
}
