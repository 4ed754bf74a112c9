/* Sessions from DynamoDB, with a client that answers what no emulator says. What an emulator can say is in
 * contract/test_session_dynamodb.c. */
#include "adapters/aws/sessions.h"
#include "base/instant.h"
#include "support/alloc_fault.h"
#include "support/aws_rig.h"
#include "support/aws_script.h"
#include "support/cmocka_all.h"

#define GUID "5f0c1a52-3b7e-4a55-9d0c-0a9be6f2c001"
#define NOW_MS INT64_C(1795518000000)
#define SESSION                                                                                                             \
    "\"status\": {\"S\": \"active\"}, \"expires_at\": {\"S\": \"2026-11-24T12:00:00Z\"}, \"user_id\": {\"S\": \"ann\"}"

static struct aws_script script;
static struct aws_rig rig;

static struct ops_session_source *open_source(const struct aws_script_answer answers[static AWS_SCRIPT_ANSWERS_MAX])
{
    struct ops_session_source *source = NULL;
    aws_script_init(&script, answers);
    const struct aws_rig_options options = {.http = &script.client};
    assert_true(aws_rig_open_with(&rig, &options));
    assert_int_equal(ops_aws_sessions_new(rig.client, "usm_sessions", "uas_users", &source), OPS_OK);
    return source;
}

static void close_source(struct ops_session_source *source)
{
    ops_session_source_release(source);
    aws_rig_close(&rig);
}

static enum ops_status check(struct ops_session_source *source)
{
    struct ops_session session;
    struct ops_error error = OPS_ERROR_INIT;
    enum ops_status status = ops_session_check(source, ops_view_of(GUID), NOW_MS, &session, &error);
    assert_null(strstr(error.text, GUID));
    if (status == OPS_SESSION_STORE_UNAVAILABLE)
        assert_non_null(strstr(error.text, "usm_sessions"));
    ops_error_release(&error);
    return status;
}

#define KEY_OF(type)                                                                                                        \
    "{\"Table\": {\"KeySchema\": [{\"AttributeName\": \"g\", \"KeyType\": \"HASH\"}],"                                      \
    " \"AttributeDefinitions\": [{\"AttributeName\": \"g\", \"AttributeType\": \"" type "\"}]}}"
#define BODY(text)                                                                                                          \
    {                                                                                                                       \
        200, text, OPS_OK                                                                                                   \
    }
#define DESCRIBED BODY(KEY_OF("S"))
#define LEFT_USER BODY("{\"Item\": {\"status\": {\"S\": \"left\"}}}")
#define USER BODY("{\"Item\": {\"status\": {\"S\": \"active\"}}}")

struct answer_case {
    struct aws_script_answer answers[AWS_SCRIPT_ANSWERS_MAX];
    enum ops_status expected;
};

static const struct answer_case answer_cases[] = {
    {{DESCRIBED, BODY("{\"Item\": {" SESSION "}}"), DESCRIBED, USER}, OPS_OK},
    {{DESCRIBED, BODY("{\"Item\": {" SESSION "}}"), DESCRIBED, BODY("{}")}, OPS_SESSION_INVALID},
    {{DESCRIBED, BODY("{\"Item\": {" SESSION "}}"), DESCRIBED, LEFT_USER}, OPS_SESSION_INVALID},
    {{DESCRIBED, BODY("{}")}, OPS_SESSION_INVALID},
    {{DESCRIBED, BODY("{\"Item\": {}}")}, OPS_SESSION_INVALID},
    {{DESCRIBED, AWS_LOST, BODY("{\"Item\": {" SESSION "}}"), DESCRIBED, USER}, OPS_OK},
    {{DESCRIBED, BODY("{\"Item\": 7}")}, OPS_SESSION_STORE_UNAVAILABLE},
    {{DESCRIBED, BODY("[]")}, OPS_SESSION_STORE_UNAVAILABLE},
    {{DESCRIBED, BODY("")}, OPS_SESSION_STORE_UNAVAILABLE},
    {{DESCRIBED, AWS_LOST}, OPS_SESSION_STORE_UNAVAILABLE},
    {{DESCRIBED, AWS_NOT_REACHED}, OPS_SESSION_STORE_UNAVAILABLE},
    {{DESCRIBED, {500, "", OPS_OK}}, OPS_SESSION_STORE_UNAVAILABLE},
    {{DESCRIBED, {-1, "", OPS_LIMIT}}, OPS_SESSION_STORE_UNAVAILABLE},
    {{DESCRIBED, AWS_REFUSAL("AccessDeniedException")}, OPS_SESSION_STORE_UNAVAILABLE},
    {{DESCRIBED, AWS_REFUSAL("ThrottlingException")}, OPS_SESSION_STORE_UNAVAILABLE},
    {{DESCRIBED, {400, "{\"__type\": \"x#ValidationException\", \"message\": \"Who is " GUID "?\"}", OPS_OK}},
     OPS_SESSION_STORE_UNAVAILABLE},
    {{BODY(KEY_OF("N"))}, OPS_SESSION_STORE_UNAVAILABLE},
    {{BODY("{}")}, OPS_SESSION_STORE_UNAVAILABLE},
    {{BODY("<html>")}, OPS_SESSION_STORE_UNAVAILABLE},
    {{AWS_LOST}, OPS_SESSION_STORE_UNAVAILABLE},
    {{AWS_NOT_REACHED}, OPS_SESSION_STORE_UNAVAILABLE},
    {{AWS_REFUSAL("ResourceNotFoundException")}, OPS_SESSION_STORE_UNAVAILABLE},
};

static void only_a_clear_yes_is_a_pass(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof answer_cases / sizeof answer_cases[0]; i++) {
        struct ops_session_source *source = open_source(answer_cases[i].answers);
        enum ops_status status = check(source);
        if (status != answer_cases[i].expected)
            fail_msg("case %zu: %s", i, ops_status_tag(status));
        close_source(source);
    }
}

static void the_keys_of_a_table_are_asked_for_once(void **state)
{
    (void)state;
    static const struct aws_script_answer answers[AWS_SCRIPT_ANSWERS_MAX] = {DESCRIBED, BODY("{}")};
    struct ops_session_source *source = open_source(answers);
    for (int i = 0; i < 3; i++)
        assert_int_equal(check(source), OPS_SESSION_INVALID);
    assert_int_equal(script.asked, 4);
    close_source(source);
}

static void the_keys_of_a_table_are_asked_for_anew_when_it_can_not_be_read(void **state)
{
    (void)state;
    static const struct aws_script_answer answers[AWS_SCRIPT_ANSWERS_MAX] = {DESCRIBED, AWS_REFUSAL("ValidationException"),
                                                                             DESCRIBED, BODY("{}")};
    struct ops_session_source *source = open_source(answers);
    assert_int_equal(check(source), OPS_SESSION_STORE_UNAVAILABLE);
    assert_int_equal(check(source), OPS_SESSION_INVALID);
    assert_int_equal(script.asked, 4);
    close_source(source);
}

/* Checks while the n-th allocation fails; whether it came to that. */
static bool check_without_memory(size_t n)
{
    static const struct aws_script_answer answers[AWS_SCRIPT_ANSWERS_MAX] = {
        DESCRIBED, BODY("{\"Item\": {" SESSION "}}"), DESCRIBED, BODY("{\"Item\": {\"status\": {\"S\": \"active\"}}}")};
    alloc_fault_install(0);
    struct ops_session_source *source = open_source(answers);
    alloc_fault_arm(n);
    enum ops_status status = check(source);
    bool hit = alloc_fault_hit();
    assert_int_equal(status, hit ? OPS_NO_MEMORY : OPS_OK);
    close_source(source);
    assert_int_equal(alloc_fault_live_count(), 0);
    alloc_fault_remove();
    return hit;
}

static void without_memory_a_check_is_never_a_pass_and_nothing_leaks(void **state)
{
    (void)state;
    size_t n = 1;
    while (check_without_memory(n))
        n++;
    assert_true(n > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_a_clear_yes_is_a_pass),
        cmocka_unit_test(the_keys_of_a_table_are_asked_for_once),
        cmocka_unit_test(the_keys_of_a_table_are_asked_for_anew_when_it_can_not_be_read),
        cmocka_unit_test(without_memory_a_check_is_never_a_pass_and_nothing_leaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
