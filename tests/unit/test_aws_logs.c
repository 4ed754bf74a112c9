/* Log groups and the audit trail's sink, with a client that answers what no emulator says. What an emulator can say is in
 * contract/test_logs_cloudwatch.c. */
#include "adapters/aws/log_sink.h"
#include "adapters/aws/stack.h"
#include "adapters/memory/clock.h"
#include "base/json.h"
#include "support/alloc_fault.h"
#include "support/aws_rig.h"
#include "support/aws_script.h"
#include "support/cmocka_all.h"

#define NOON_MS INT64_C(1795521600000) /* 2026-11-24T12:00:00Z */
#define BODY(text) {200, text, OPS_OK}
#define GROUP BODY("{\"logGroups\": [{\"logGroupName\": \"/pvm/api\"}]}")
#define STREAMS BODY("{\"logStreams\": [{\"logStreamName\": \"a\"}, {\"logStreamName\": \"b\"}]}")
#define NO_EVENTS BODY("{\"events\": []}")

static struct aws_script script;
static struct aws_rig rig;
static struct ops_clock *wall;
static struct ops_aws_stack stack;
static struct ops_target *target;
static struct ops_log_sink *sink;
static struct ops_key_page page;

typedef const struct aws_script_answer script_answers[AWS_SCRIPT_ANSWERS_MAX];

static void open_client(script_answers answers)
{
    aws_script_init(&script, answers);
    assert_int_equal(ops_memory_clock_new(NOON_MS, &wall), OPS_OK);
    const struct aws_rig_options options = {.http = &script.client, .clock = wall};
    assert_true(aws_rig_open_with(&rig, &options));
}

static void close_client(void)
{
    aws_rig_close(&rig);
    ops_memory_clock_free(wall);
}

static enum ops_status open_group(script_answers answers, struct ops_error *error)
{
    const struct ops_target_spec spec = {.kind = OPS_LOG_GROUP, .name = "/pvm/api"};
    const struct ops_scope all = {.by = OPS_SCOPE_ALL};
    open_client(answers);
    stack.client = rig.client;
    ops_aws_pacer_init(&stack.pacers[OPS_AWS_LOGS], wall, 5);
    ops_key_page_init(&page, 64 * 1024);
    return ops_aws_log_group_open(&stack, &spec, &all, &target, error);
}

static void close_group(void)
{
    ops_target_close(target);
    target = NULL;
    ops_key_page_release(&page);
    ops_aws_pacer_release(&stack.pacers[OPS_AWS_LOGS]);
    close_client();
}

static enum ops_status read_page(void)
{
    return ops_target_page(target, 0, "", 50, &page, NULL);
}

struct remove_case {
    struct aws_script_answer answer;
    enum ops_removal outcome;
};

static void what_becomes_of_a_stream_is_told_by_the_answer(void **state)
{
    (void)state;
    static const struct remove_case cases[] = {
        {BODY(""), OPS_REMOVED},
        {AWS_REFUSAL("ResourceNotFoundException"), OPS_REMOVED},
        {AWS_REFUSAL("ThrottlingException"), OPS_RETRY},
        {AWS_REFUSAL("OperationAbortedException"), OPS_RETRY},
        {AWS_LOST, OPS_RETRY},
        {AWS_NOT_REACHED, OPS_RETRY},
        {{503, "", OPS_OK}, OPS_RETRY},
        {AWS_REFUSAL("AccessDeniedException"), OPS_FAILED},
        {AWS_REFUSAL("InvalidParameterException"), OPS_FAILED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        enum ops_removal outcomes[2];
        struct ops_error error = OPS_ERROR_INIT;
        script_answers answers = {GROUP, STREAMS, cases[i].answer, cases[i].answer, STREAMS};
        assert_int_equal(open_group(answers, NULL), OPS_OK);
        assert_int_equal(read_page(), OPS_OK);
        assert_int_equal(page.count, 2);
        assert_int_equal(ops_target_remove(target, page.keys, 2, outcomes, &error), OPS_OK);
        assert_int_equal(outcomes[0], cases[i].outcome);
        assert_int_equal(outcomes[1], cases[i].outcome);
        assert_int_equal(error.text[0] != '\0', cases[i].outcome != OPS_REMOVED);
        ops_error_release(&error);
        close_group();
    }
}

static void a_group_that_is_gone_is_no_stream_that_is_removed(void **state)
{
    (void)state;
    static const struct aws_script_answer gone = {
        400, "{\"__type\":\"ResourceNotFoundException\",\"message\":\"It does not exist.\"}", OPS_OK};
    enum ops_removal outcomes[2];
    struct ops_error error = OPS_ERROR_INIT;
    script_answers answers = {GROUP, STREAMS, gone};
    assert_int_equal(open_group(answers, NULL), OPS_OK);
    assert_int_equal(read_page(), OPS_OK);
    assert_int_equal(ops_target_remove(target, page.keys, 2, outcomes, &error), OPS_TARGET_MISSING);
    assert_non_null(strstr(error.text, "does not exist any more"));
    ops_error_release(&error);
    close_group();
}

static void throttling_halves_what_goes_side_by_side(void **state)
{
    (void)state;
    enum ops_removal outcomes[2];
    script_answers answers = {GROUP, STREAMS, AWS_REFUSAL("ThrottlingException")};
    assert_int_equal(open_group(answers, NULL), OPS_OK);
    assert_int_equal(read_page(), OPS_OK);
    assert_int_equal(ops_target_remove(target, page.keys, 2, outcomes, NULL), OPS_OK);
    assert_int_equal(ops_aws_pacer_enter(&stack.pacers[OPS_AWS_LOGS], 5), 2);
    close_group();
}

static void a_page_that_can_not_be_read_is_an_error_and_not_the_end(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "", "garbage", "[]", "{}", "{\"logStreams\": 7}", "{\"logStreams\": [{}]}", "{\"logStreams\": [{\"logStreamName\": 7}]}",
        "{\"logStreams\": [{\"logStreamName\": \"\"}]}",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        script_answers answers = {GROUP, BODY(bodies[i])};
        assert_int_equal(open_group(answers, NULL), OPS_OK);
        assert_int_equal(read_page(), OPS_STORE_UNAVAILABLE);
        assert_int_equal(page.count, 0);
        close_group();
    }
}

static void a_protected_group_is_an_error_and_another_name_is_no_group(void **state)
{
    (void)state;
    struct ops_error error = OPS_ERROR_INIT;
    script_answers protected = {BODY("{\"logGroups\": [{\"logGroupName\": \"/pvm/api\", \"deletionProtectionEnabled\": true}]}")};
    assert_int_equal(open_group(protected, &error), OPS_TARGET_ERROR);
    assert_non_null(strstr(error.text, "deletion protection"));
    close_group();
    script_answers longer = {BODY("{\"logGroups\": [{\"logGroupName\": \"/pvm/api2\"}]}")};
    assert_int_equal(open_group(longer, NULL), OPS_TARGET_MISSING);
    close_group();
    ops_error_release(&error);
}

static void after_a_removal_the_streams_are_read_from_the_first_one_again(void **state)
{
    (void)state;
    enum ops_removal outcomes[2];
    script_answers answers = {GROUP,
                              BODY("{\"logStreams\": [{\"logStreamName\": \"a\"}, {\"logStreamName\": \"b\"}], \"nextToken\": \"T\"}"),
                              BODY(""), BODY(""), BODY("{\"logStreams\": [{\"logStreamName\": \"b\"}, {\"logStreamName\": \"c\"}]}")};
    assert_int_equal(open_group(answers, NULL), OPS_OK);
    assert_int_equal(read_page(), OPS_OK);
    assert_int_equal(ops_target_remove(target, page.keys, 2, outcomes, NULL), OPS_OK);
    char *cursor = strdup(ops_buf_text(&page.cursor));
    assert_int_equal(ops_target_page(target, 0, cursor, 50, &page, NULL), OPS_OK);
    assert_null(strstr(script.request, "nextToken"));
    assert_int_equal(page.count, 1); /* b stays, and was given already */
    assert_memory_equal(page.keys[0].guarded.data, "c", 1);
    assert_true(page.last);
    free(cursor);
    close_group();
}

struct misleading_case {
    const char *first;
    const char *second;
    const char *says;
};

/* What a list of streams leaves out in silence must not pass for the end. */
static void a_list_of_streams_that_does_not_lead_on_is_refused_by_name(void **state)
{
    (void)state;
    static const struct misleading_case cases[] = {
        {"{\"logStreams\": [{\"logStreamName\": \"a\"}], \"nextToken\": \"T\"}",
         "{\"logStreams\": [{\"logStreamName\": \"b\"}], \"nextToken\": \"T\"}", "goes on where it began, at T"},
        {"{\"logStreams\": [{\"logStreamName\": \"b\"}], \"nextToken\": \"T\"}",
         "{\"logStreams\": [{\"logStreamName\": \"a\"}]}", "goes back to a"},
        {"{\"logStreams\": [{\"logStreamName\": \"a\"}], \"nextToken\": \"T\"}",
         "{\"logStreams\": [{\"logStreamName\": \"c\"}, {\"logStreamName\": \"b\"}]}", "goes back to b"},
        {"{\"logStreams\": [{\"logStreamName\": \"a\"}], \"nextToken\": \"T\"}",
         "{\"logStreams\": [{\"logStreamName\": \"b\"}, {\"logStreamName\": \"c\"}, {\"logStreamName\": \"d\"}]}",
         "longer than it was asked for, by d"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ops_error error = OPS_ERROR_INIT;
        script_answers answers = {GROUP, BODY(cases[i].first), BODY(cases[i].second)};
        assert_int_equal(open_group(answers, NULL), OPS_OK);
        assert_int_equal(read_page(), OPS_OK);
        char *cursor = strdup(ops_buf_text(&page.cursor));
        assert_int_equal(ops_target_page(target, 0, cursor, 2, &page, &error), OPS_TARGET_ERROR);
        if (!strstr(error.text, cases[i].says) || !strstr(error.text, "/pvm/api"))
            fail_msg("%s", error.text);
        assert_int_equal(page.count, 0);
        ops_error_release(&error);
        free(cursor);
        close_group();
    }
}

static enum ops_status take_group(void *context, const struct ops_resource *resource)
{
    (void)resource;
    ++*(int *)context;
    return OPS_OK;
}

static void a_list_of_groups_that_goes_on_where_it_began_is_refused_by_name(void **state)
{
    (void)state;
    int count = 0;
    struct ops_error error = OPS_ERROR_INIT;
    script_answers answers = {BODY("{\"logGroups\": [{\"logGroupName\": \"/a\"}], \"nextToken\": \"T\"}")};
    open_client(answers);
    stack.client = rig.client;
    assert_int_equal(ops_aws_log_groups_list(&stack, take_group, &count, &error), OPS_TARGET_ERROR);
    assert_non_null(strstr(error.text, "where it began, at T"));
    assert_int_equal(script.asked, 2);
    ops_error_release(&error);
    close_client();
}

static void a_group_whose_streams_may_not_be_listed_is_told_beforehand(void **state)
{
    (void)state;
    struct ops_findings findings = {.count = 0};
    script_answers denied = {GROUP, AWS_REFUSAL("AccessDeniedException")};
    assert_int_equal(open_group(denied, NULL), OPS_OK);
    assert_int_equal(ops_target_inspect(target, &findings, NULL), OPS_OK);
    assert_int_equal(findings.count, 1);
    assert_true(findings.list[0].blocks);
    assert_non_null(strstr(findings.list[0].text, "/pvm/api"));
    assert_non_null(strstr(findings.list[0].text, "DescribeLogStreams"));
    assert_non_null(strstr(findings.list[0].text, "AccessDeniedException: So says the test."));
    assert_int_equal(script.asked, 2);
    close_group();
    script_answers others[] = {{GROUP, STREAMS}, {GROUP, AWS_REFUSAL("ThrottlingException")}, {GROUP, AWS_LOST}};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        findings.count = 0;
        assert_int_equal(open_group(others[i], NULL), OPS_OK);
        assert_int_equal(ops_target_inspect(target, &findings, NULL), OPS_OK);
        assert_int_equal(findings.count, 0);
        close_group();
    }
}

static void each_stream_that_is_refused_is_named_with_the_reason(void **state)
{
    (void)state;
    static struct ops_remarks remarks;
    enum ops_removal outcomes[2];
    script_answers answers = {GROUP, STREAMS, AWS_REFUSAL("AccessDeniedException")};
    assert_int_equal(open_group(answers, NULL), OPS_OK);
    assert_int_equal(read_page(), OPS_OK);
    target->remarks = &remarks;
    assert_int_equal(ops_target_remove(target, page.keys, 2, outcomes, NULL), OPS_OK);
    assert_int_equal(remarks.counts[OPS_REMARK_REFUSED], 2);
    assert_string_equal(remarks.first[1].name, "b");
    assert_string_equal(remarks.first[1].reason, "DeleteLogStream: AccessDeniedException: So says the test.");
    close_group();
}

static bool use_group_without_memory(size_t n)
{
    enum ops_removal outcomes[2];
    struct ops_recount there;
    script_answers answers = {GROUP, STREAMS, BODY("{\"logStreams\": []}")};
    alloc_fault_install(0);
    assert_int_equal(open_group(answers, NULL), OPS_OK);
    alloc_fault_arm(n);
    struct ops_findings findings = {.count = 0};
    enum ops_status status = read_page();
    if (status == OPS_OK)
        status = ops_target_inspect(target, &findings, NULL);
    if (status == OPS_OK)
        status = ops_target_remove(target, page.keys, 2, outcomes, NULL);
    if (status == OPS_OK && (outcomes[0] == OPS_RETRY || outcomes[1] == OPS_RETRY))
        status = OPS_NO_MEMORY; /* a call that found no memory is one to repeat */
    if (status == OPS_OK)
        status = ops_target_recount(target, 0, ops_buf_text(&page.receipt), &there, NULL);
    bool hit = alloc_fault_hit();
    if (status != OPS_OK && !(hit && status == OPS_NO_MEMORY))
        fail_msg("allocation %zu: %s", n, ops_status_tag(status));
    close_group();
    assert_int_equal(alloc_fault_live_count(), 0);
    alloc_fault_remove();
    return hit;
}

static void without_memory_nothing_is_told_wrongly_and_nothing_leaks(void **state)
{
    (void)state;
    size_t n = 1;
    while (use_group_without_memory(n))
        n++;
    assert_true(n > 50);
}

static enum ops_status append(script_answers answers, size_t count, struct ops_error *error)
{
    static const struct ops_log_event events[] = {{NOON_MS, {"{\"seq\":1}", 9}}, {NOON_MS, {"{\"seq\":2}", 9}}};
    open_client(answers);
    assert_int_equal(ops_aws_log_sink_new(rig.client, wall, "/ops/audit", "g3nops", &sink), OPS_OK);
    enum ops_status status = ops_log_sink_append(sink, events, count, error);
    ops_log_sink_release(sink);
    close_client();
    return status;
}

struct append_case {
    struct aws_script_answer answers[AWS_SCRIPT_ANSWERS_MAX];
    enum ops_status expected;
};

static void an_append_is_told_as_done_only_when_all_of_it_was_taken(void **state)
{
    (void)state;
    static const struct append_case cases[] = {
        {{NO_EVENTS, BODY("{\"nextSequenceToken\": \"1\"}")}, OPS_OK},
        {{NO_EVENTS, BODY("{\"rejectedLogEventsInfo\": {\"tooOldLogEventEndIndex\": 1}}")}, OPS_STORE_UNAVAILABLE},
        {{NO_EVENTS, BODY("garbage")}, OPS_UNKNOWN},
        {{NO_EVENTS, AWS_LOST}, OPS_UNKNOWN},
        {{NO_EVENTS, {500, "", OPS_OK}}, OPS_UNKNOWN},
        {{NO_EVENTS, AWS_NOT_REACHED}, OPS_STORE_UNAVAILABLE},
        {{NO_EVENTS, AWS_REFUSAL("ThrottlingException")}, OPS_THROTTLED},
        {{NO_EVENTS, AWS_REFUSAL("AccessDeniedException")}, OPS_STORE_UNAVAILABLE},
        {{AWS_REFUSAL("ResourceNotFoundException"), BODY(""), BODY("{}")}, OPS_OK},
        {{AWS_REFUSAL("ResourceNotFoundException"), AWS_REFUSAL("ResourceAlreadyExistsException"), BODY("{}")}, OPS_OK},
        {{AWS_REFUSAL("ResourceNotFoundException"), AWS_REFUSAL("ResourceNotFoundException")}, OPS_STORE_UNAVAILABLE},
        {{BODY("garbage")}, OPS_STORE_UNAVAILABLE},
        {{AWS_LOST}, OPS_STORE_UNAVAILABLE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ops_error error = OPS_ERROR_INIT;
        enum ops_status status = append(cases[i].answers, 2, &error);
        if (status != cases[i].expected)
            fail_msg("case %zu: %s", i, ops_status_tag(status));
        ops_error_release(&error);
    }
}

/* ---- reading it ---- */

#define EVENT(text) "{\"timestamp\": 1, \"message\": \"" text "\"}"
#define FORWARD(events, token) BODY("{\"events\": [" events "], \"nextForwardToken\": \"" token "\"}")
#define BACKWARD(events, token) BODY("{\"events\": [" events "], \"nextBackwardToken\": \"" token "\"}")

static enum ops_status append_event(void *context, const struct ops_log_place *place, struct ops_view text)
{
    (void)place;
    ops_buf_append_view(context, text);
    ops_buf_append_char(context, '|');
    return OPS_OK;
}

struct read_case {
    struct aws_script_answer answers[AWS_SCRIPT_ANSWERS_MAX];
    size_t last;
    enum ops_status expected;
    size_t asked;
    const char *text;
};

static void a_page_may_be_short_or_empty_and_the_end_is_where_a_token_comes_again(void **state)
{
    static const struct read_case cases[] = {
        {{FORWARD("", "f/0"), FORWARD("", "f/0")}, 0, OPS_OK, 2, ""},
        {{FORWARD(EVENT("1") "," EVENT("2"), "a"), FORWARD("", "b"), FORWARD(EVENT("3"), "c"), FORWARD("", "c")}, 0, OPS_OK, 4,
         "1|2|3|"},
        {{FORWARD(EVENT("1"), "a"), AWS_REFUSAL("AccessDeniedException")}, 0, OPS_STORE_UNAVAILABLE, 2, "1|"},
        {{AWS_REFUSAL("ResourceNotFoundException")}, 0, OPS_OK, 1, ""},
        {{BACKWARD(EVENT("8") "," EVENT("9"), "a")}, 2, OPS_OK, 1, "8|9|"},
        {{BACKWARD(EVENT("9"), "a"), BACKWARD("", "b"), BACKWARD(EVENT("7") "," EVENT("8"), "c")}, 3, OPS_OK, 3, "7|8|9|"},
        {{BACKWARD(EVENT("9"), "a"), BACKWARD("", "a")}, 5, OPS_OK, 2, "9|"},
        {{AWS_REFUSAL("ResourceNotFoundException")}, 5, OPS_OK, 1, ""},
        {{BODY("{\"events\": []}")}, 5, OPS_OK, 1, ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ops_buf text;
        ops_buf_init(&text, 4096);
        open_client(cases[i].answers);
        assert_int_equal(ops_aws_log_sink_new(rig.client, wall, "/ops/audit", "g3nops", &sink), OPS_OK);
        enum ops_status status = ops_log_sink_read(sink, cases[i].last, append_event, &text, NULL);
        if (status != cases[i].expected || script.asked != cases[i].asked || strcmp(ops_buf_text(&text), cases[i].text) != 0)
            fail_msg("case %zu: %s after %zu requests: %s", i, ops_status_tag(status), script.asked, ops_buf_text(&text));
        ops_log_sink_release(sink);
        close_client();
        ops_buf_release(&text);
    }
}

static void how_long_the_group_keeps_events_is_asked_for(void **state)
{
    static const struct {
        struct aws_script_answer answers[AWS_SCRIPT_ANSWERS_MAX];
        int64_t keeps_ms;
    } cases[] = {
        {{BODY("{\"logGroups\": [{\"logGroupName\": \"/ops/audit\", \"retentionInDays\": 30}]}")}, 30 * OPS_DAY_MS},
        {{BODY("{\"logGroups\": [{\"logGroupName\": \"/ops/audit\"}]}")}, 0},
        {{BODY("{\"logGroups\": [{\"logGroupName\": \"/ops/audit2\", \"retentionInDays\": 30}]}")}, 0},
        {{BODY("{\"logGroups\": []}")}, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t keeps_ms = -1;
        open_client(cases[i].answers);
        assert_int_equal(ops_aws_log_sink_new(rig.client, wall, "/ops/audit", "g3nops", &sink), OPS_OK);
        assert_int_equal(ops_log_sink_keeps(sink, &keeps_ms, NULL), OPS_OK);
        assert_int_equal(keeps_ms, cases[i].keeps_ms);
        ops_log_sink_release(sink);
        close_client();
    }
}

static bool append_without_memory(size_t n)
{
    script_answers answers = {NO_EVENTS, BODY("{}")};
    static const struct ops_log_event event = {NOON_MS, {"{\"seq\":1}", 9}};
    alloc_fault_install(0);
    open_client(answers);
    assert_int_equal(ops_aws_log_sink_new(rig.client, wall, "/ops/audit", "g3nops", &sink), OPS_OK);
    alloc_fault_arm(n);
    enum ops_status status = ops_log_sink_append(sink, &event, 1, NULL);
    bool hit = alloc_fault_hit();
    assert_int_equal(status, hit ? OPS_NO_MEMORY : OPS_OK);
    ops_log_sink_release(sink);
    close_client();
    assert_int_equal(alloc_fault_live_count(), 0);
    alloc_fault_remove();
    return hit;
}

static void without_memory_an_append_says_so(void **state)
{
    (void)state;
    size_t n = 1;
    while (append_without_memory(n))
        n++;
    assert_true(n > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_becomes_of_a_stream_is_told_by_the_answer),
        cmocka_unit_test(a_group_that_is_gone_is_no_stream_that_is_removed),
        cmocka_unit_test(throttling_halves_what_goes_side_by_side),
        cmocka_unit_test(a_page_that_can_not_be_read_is_an_error_and_not_the_end),
        cmocka_unit_test(a_protected_group_is_an_error_and_another_name_is_no_group),
        cmocka_unit_test(after_a_removal_the_streams_are_read_from_the_first_one_again),
        cmocka_unit_test(a_list_of_streams_that_does_not_lead_on_is_refused_by_name),
        cmocka_unit_test(a_list_of_groups_that_goes_on_where_it_began_is_refused_by_name),
        cmocka_unit_test(a_group_whose_streams_may_not_be_listed_is_told_beforehand),
        cmocka_unit_test(each_stream_that_is_refused_is_named_with_the_reason),
        cmocka_unit_test(without_memory_nothing_is_told_wrongly_and_nothing_leaks),
        cmocka_unit_test(a_page_may_be_short_or_empty_and_the_end_is_where_a_token_comes_again),
        cmocka_unit_test(how_long_the_group_keeps_events_is_asked_for),
        cmocka_unit_test(an_append_is_told_as_done_only_when_all_of_it_was_taken),
        cmocka_unit_test(without_memory_an_append_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
