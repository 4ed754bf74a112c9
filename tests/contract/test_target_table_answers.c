/* What a DynamoDB table as a vacuum target makes of answers that an emulator can't be made to give: throttled, partial,
 * late, lost, of another mind, or garbage. An HTTP client in this program plays the service. */
#include "adapters/aws/stack.h"
#include "adapters/memory/clock.h"
#include "base/json.h"
#include "support/alloc_fault.h"
#include "support/aws_rig.h"
#include "support/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { SCRIPT_MAX = 64, REQUESTS_MAX = 512, PACE_MOST = 16, BODY_MAX = 8 * 1024 * 1024 };

/* ---- The service ---- */

/* What it says to the next request of an operation. */
struct reply {
    const char *operation;
    int http_status;
    const char *body;
    size_t length;           /* 0: up to the NUL */
    enum ops_status outcome; /* of the exchange; OPS_OK: the answer comes */
};

struct request {
    char operation[32];
    char *body;
};

static struct {
    struct ops_http_client base;
    struct reply script[SCRIPT_MAX];
    size_t script_count;
    struct request requests[REQUESTS_MAX];
    size_t request_count;
    const char *(*otherwise)(const char *operation, const char *body); /* when the script has nothing to say */
} service;

static const char *operation_of(const struct ops_http_request *request)
{
    for (size_t i = 0; i < request->header_count; i++)
        if (strcasecmp(request->headers[i].name, "x-amz-target") == 0)
            return strchr(request->headers[i].value, '.') + 1;
    fail_msg("a request without an operation");
    return "";
}

static const char *note_request(const struct ops_http_request *request)
{
    struct request *noted = &service.requests[service.request_count++];
    assert_true(service.request_count <= REQUESTS_MAX);
    snprintf(noted->operation, sizeof noted->operation, "%s", operation_of(request));
    noted->body = strndup(request->body.data, request->body.length);
    return noted->body;
}

static bool next_reply(const char *operation, struct reply *ret_reply)
{
    for (size_t i = 0; i < service.script_count; i++) {
        if (strcmp(service.script[i].operation, operation) != 0)
            continue;
        *ret_reply = service.script[i];
        memmove(&service.script[i], &service.script[i + 1], (service.script_count - i - 1) * sizeof service.script[0]);
        service.script_count--;
        return true;
    }
    return false;
}

static enum ops_status fake_exchange(struct ops_http_client *self, const struct ops_http_request *request,
                                     struct ops_http_response *ret_response, struct ops_error *error)
{
    (void)self;
    (void)error;
    const char *operation = operation_of(request);
    const char *body = note_request(request);
    struct reply reply = {.http_status = 200};
    if (!next_reply(operation, &reply))
        reply.body = service.otherwise ? service.otherwise(operation, body) : NULL;
    if (!reply.body && reply.outcome == OPS_OK)
        fail_msg("nobody expected this %s: %s", operation, body);
    if (reply.outcome != OPS_OK)
        return reply.outcome;
    ret_response->status = reply.http_status;
    ops_buf_append(&ret_response->body, reply.body, reply.length ? reply.length : strlen(reply.body));
    return ops_buf_status(&ret_response->body);
}

static const struct ops_http_client_ops fake_ops = {.exchange = fake_exchange};

static void script(const char *operation, int http_status, const char *body)
{
    service.script[service.script_count++] = (struct reply){operation, http_status, body, 0, OPS_OK};
}

static void script_outcome(const char *operation, enum ops_status outcome)
{
    service.script[service.script_count++] = (struct reply){operation, 0, "", 0, outcome};
}

static void forget_requests(void)
{
    for (size_t i = 0; i < service.request_count; i++)
        free(service.requests[i].body);
    service.request_count = 0;
}

/* The number-th request of an operation since the last forget_requests. */
static const char *request_of(const char *operation, size_t number)
{
    for (size_t i = 0; i < service.request_count; i++)
        if (strcmp(service.requests[i].operation, operation) == 0 && number-- == 0)
            return service.requests[i].body;
    return "";
}

static size_t count_requests(const char *operation)
{
    size_t count = 0;
    for (size_t i = 0; i < service.request_count; i++)
        count += strcmp(service.requests[i].operation, operation) == 0;
    return count;
}

#define THROTTLED_BODY "{\"__type\":\"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException\"}"
#define DENIED_BODY "{\"__type\":\"com.amazon.coral.service#AccessDeniedException\",\"Message\":\"not you\"}"
#define GONE_BODY "{\"__type\":\"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException\"}"
#define ALL_DONE "{\"UnprocessedItems\":{}}"

#define DESCRIBED(more)                                                                                                     \
    "{\"Table\":{\"TableName\":\"things\",\"TableStatus\":\"ACTIVE\",\"AttributeDefinitions\":[{\"AttributeName\":\"pk\","  \
    "\"AttributeType\":\"S\"},{\"AttributeName\":\"sk\",\"AttributeType\":\"S\"},{\"AttributeName\":\"org\","               \
    "\"AttributeType\":\"S\"}],\"KeySchema\":[{\"AttributeName\":\"pk\",\"KeyType\":\"HASH\"},{\"AttributeName\":\"sk\","   \
    "\"KeyType\":\"RANGE\"}]" more "}}"
#define WITH_INDEX(more)                                                                                                    \
    ",\"GlobalSecondaryIndexes\":[{\"IndexName\":\"by-org\",\"KeySchema\":[{\"AttributeName\":\"org\",\"KeyType\":"         \
    "\"HASH\"}"                                                                                                             \
    "]" more "}]"

/* ---- A table of that service ---- */

static struct aws_rig rig;
static struct ops_aws_stack stack;
static struct ops_clock *the_clock;
static struct ops_target *target;
static struct ops_key_page page;
static struct ops_error error;
static enum ops_removal outcomes[1000];

static const struct ops_scope all = {.by = OPS_SCOPE_ALL};
static const struct ops_scope by_attribute = {OPS_SCOPE_ATTRIBUTE, "org", NULL, "acme"};
static const struct ops_scope by_index = {OPS_SCOPE_INDEX, "org", "by-org", "acme"};

static void open_stack(void)
{
    memset(&service, 0, sizeof service);
    service.base.ops = &fake_ops;
    assert_int_equal(ops_memory_clock_new(0, &the_clock), OPS_OK);
    const struct aws_rig_options options = {.http = &service.base, .clock = the_clock};
    assert_true(aws_rig_open_with(&rig, &options));
    stack.client = rig.client;
    ops_aws_pacer_init(&stack.pacers[OPS_AWS_DYNAMODB], the_clock, PACE_MOST);
    ops_error_init(&error);
    ops_key_page_init(&page, BODY_MAX);
    (void)aws_rig_take_waits();
}

static void close_stack(void)
{
    ops_key_page_release(&page);
    ops_target_close(target);
    target = NULL;
    ops_error_release(&error);
    ops_aws_pacer_release(&stack.pacers[OPS_AWS_DYNAMODB]);
    aws_rig_close(&rig);
    ops_memory_clock_free(the_clock);
    forget_requests();
}

static int setup(void **state)
{
    (void)state;
    open_stack();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    size_t left = service.script_count;
    close_stack();
    return left == 0 ? 0 : -1; /* the service was not asked for all that it had to say */
}

static enum ops_status try_open(const struct ops_scope *scope, const char *split)
{
    const struct ops_target_spec spec = {.kind = OPS_TABLE, .name = "things", .split = split};
    ops_target_close(target);
    target = NULL;
    return ops_aws_table_open(&stack, &spec, scope, &target, &error);
}

static void open_table(const struct ops_scope *scope, const char *split)
{
    script("DescribeTable", 200, DESCRIBED(WITH_INDEX("")));
    enum ops_status status = try_open(scope, split);
    if (status != OPS_OK)
        fail_msg("%s", ops_error_text(&error, status));
    forget_requests();
}

static enum ops_status read_page(const char *cursor, size_t limit)
{
    return ops_target_page(target, 0, cursor, limit, &page, &error);
}

static uint32_t pace_limit(void)
{
    return stack.pacers[OPS_AWS_DYNAMODB].synced.pace.limit;
}

/* What each item has beside its key. */
static const char *beside_key = "";

/* "{"Items":[...]" with the keys key-<first> ... and, if more, the last of them as LastEvaluatedKey. */
static const char *items(int first, int count, bool more)
{
    static char texts[8][BODY_MAX / 8];
    static size_t turn;
    char *text = texts[turn++ % 8];
    size_t at = (size_t)sprintf(text, "{\"Count\":%d,\"Items\":[", count);
    for (int i = first; i < first + count; i++)
        at += (size_t)sprintf(text + at, "%s{\"sk\":{\"S\":\"s\"}%s,\"pk\":{\"S\":\"key-%04d\"}}", i > first ? "," : "",
                              beside_key, i);
    at += (size_t)sprintf(text + at, "],\"ScannedCount\":%d", count);
    if (more)
        at += (size_t)sprintf(text + at, ",\"LastEvaluatedKey\":{\"pk\":{\"S\":\"key-%04d\"},\"sk\":{\"S\":\"s\"}}",
                              count ? first + count - 1 : first);
    sprintf(text + at, "}");
    return text;
}

/* One page with the keys key-0 ... of a table with one lane. */
static void read_keys(int count)
{
    open_table(&all, "1x1");
    script("Scan", 200, items(0, count, false));
    assert_int_equal(read_page("", 1000), OPS_OK);
    assert_int_equal(page.count, count);
    forget_requests();
}

static void assert_error_says(const char *words)
{
    if (!strstr(error.text, words))
        fail_msg("'%s' does not say '%s'", error.text, words);
}

/* ---- Remove ---- */

static void keys_of_a_page_are_spread_over_requests_of_25(void **state)
{
    (void)state;
    read_keys(60);
    for (int i = 0; i < 3; i++)
        script("BatchWriteItem", 200, ALL_DONE);
    assert_int_equal(ops_target_remove(target, page.keys, 60, outcomes, &error), OPS_OK);
    assert_int_equal(count_requests("BatchWriteItem"), 3);
    for (size_t number = 0; number < 3; number++) {
        json_t *body = json_loads(request_of("BatchWriteItem", number), JSON_REJECT_DUPLICATES, NULL);
        const json_t *requests = json_object_get(json_object_get(body, "RequestItems"), "things");
        assert_int_equal(json_array_size(requests), 20);
        for (size_t i = 0; i < 20; i++) {
            char key[16];
            const json_t *id = json_object_get(json_object_get(json_array_get(requests, i), "DeleteRequest"), "Key");
            snprintf(key, sizeof key, "key-%04zu", number + 3 * i);
            assert_int_equal(json_object_size(id), 2);
            assert_string_equal(ops_json_text(json_object_get(id, "pk"), "S", ""), key);
            assert_string_equal(ops_json_text(json_object_get(id, "sk"), "S", ""), "s");
        }
        json_decref(body);
    }
    for (size_t i = 0; i < 60; i++)
        assert_int_equal(outcomes[i], OPS_REMOVED);
    assert_int_equal(pace_limit(), PACE_MOST);
}

/* The outcomes of 50 keys, of which those with an odd number went by the second request. */
static void expect_outcomes(enum ops_removal even, enum ops_removal odd)
{
    for (size_t i = 0; i < 50; i++)
        assert_int_equal(outcomes[i], i % 2 ? odd : even);
}

static void what_is_left_unprocessed_is_to_be_tried_again_at_a_slower_pace(void **state)
{
    (void)state;
    read_keys(50);
    script("BatchWriteItem", 200,
           "{ \"UnprocessedItems\": {\"things\": [{\"DeleteRequest\": {\"Key\": {\"sk\": {\"S\": \"s\"}, \"pk\": {\"S\": "
           "\"key-0004\"}}}}, {\"DeleteRequest\":{\"Key\":{\"pk\":{\"S\":\"key-\\u0030048\"},\"sk\":{\"S\":\"s\"}}}}]}}");
    script("BatchWriteItem", 200, "{\"UnprocessedItems\": {}}");
    assert_int_equal(ops_target_remove(target, page.keys, 50, outcomes, &error), OPS_OK);
    for (size_t i = 0; i < 50; i++)
        assert_int_equal(outcomes[i], i == 4 || i == 48 ? OPS_RETRY : OPS_REMOVED);
    assert_int_equal(pace_limit(), PACE_MOST / 2);
}

static void answers_that_can_not_be_read_leave_their_keys_to_be_tried_again(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "",
        "{}",
        "[]",
        "null",
        "{\"UnprocessedItems\":[]}",
        "{\"UnprocessedItems\":{}",
        "{\"UnprocessedItems\":{}} ?",
        "{\"UnprocessedItems\":{\"things\":{}}}",
        "{\"UnprocessedItems\":{\"others\":[]}}",
        "{\"UnprocessedItems\":{\"things\":[{}]}}",
        "{\"UnprocessedItems\":{\"things\":[{\"PutRequest\":{\"Item\":{\"pk\":{\"S\":\"key-0000\"}}}}]}}",
        "{\"UnprocessedItems\":{\"things\":[{\"DeleteRequest\":{\"Key\":{\"pk\":{\"S\":\"key-0001\"},\"sk\":{\"S\":\"s\"}}}}"
        "]}}",
    };
    read_keys(50);
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        script("BatchWriteItem", 200, bodies[i]);
        script("BatchWriteItem", 200, ALL_DONE);
        assert_int_equal(ops_target_remove(target, page.keys, 50, outcomes, &error), OPS_OK);
        expect_outcomes(OPS_RETRY, OPS_REMOVED);
    }
}

static void a_lost_answer_leaves_its_keys_to_be_tried_again(void **state)
{
    (void)state;
    read_keys(50);
    static const enum ops_status lost[] = {OPS_UNKNOWN, OPS_UNREACHABLE, OPS_LIMIT, OPS_NO_MEMORY};
    for (size_t i = 0; i < sizeof lost / sizeof lost[0]; i++) {
        script("BatchWriteItem", 200, ALL_DONE);
        script_outcome("BatchWriteItem", lost[i]);
        assert_int_equal(ops_target_remove(target, page.keys, 50, outcomes, &error), OPS_OK);
        expect_outcomes(OPS_REMOVED, OPS_RETRY);
    }
    script("BatchWriteItem", 200, ALL_DONE);
    script("BatchWriteItem", 500, "oh");
    assert_int_equal(ops_target_remove(target, page.keys, 50, outcomes, &error), OPS_OK);
    expect_outcomes(OPS_REMOVED, OPS_RETRY);
    assert_int_equal(pace_limit(), PACE_MOST);
}

static void a_throttled_request_halves_the_pace_once(void **state)
{
    (void)state;
    read_keys(50);
    script("BatchWriteItem", 400, THROTTLED_BODY);
    script("BatchWriteItem", 400, THROTTLED_BODY);
    assert_int_equal(ops_target_remove(target, page.keys, 50, outcomes, &error), OPS_OK);
    expect_outcomes(OPS_RETRY, OPS_RETRY);
    assert_int_equal(pace_limit(), PACE_MOST / 2);
    assert_int_equal(stack.pacers[OPS_AWS_DYNAMODB].synced.pace.busy, 0);
}

static void a_request_that_is_refused_for_good_fails_its_keys_with_the_reason(void **state)
{
    (void)state;
    read_keys(50);
    script("BatchWriteItem", 400, DENIED_BODY);
    script("BatchWriteItem", 200, ALL_DONE);
    assert_int_equal(ops_target_remove(target, page.keys, 50, outcomes, &error), OPS_OK);
    expect_outcomes(OPS_FAILED, OPS_REMOVED);
    assert_error_says("not you");
}

static void a_table_that_is_gone_is_missing(void **state)
{
    (void)state;
    read_keys(50);
    script("BatchWriteItem", 200, ALL_DONE);
    script("BatchWriteItem", 400, GONE_BODY);
    assert_int_equal(ops_target_remove(target, page.keys, 50, outcomes, &error), OPS_TARGET_MISSING);
    assert_error_says("things");
    assert_int_equal(stack.pacers[OPS_AWS_DYNAMODB].synced.pace.busy, 0);
}

static void keys_with_nul_characters_are_told_apart_when_left(void **state)
{
    (void)state;
    open_table(&all, "1x1");
    script("Scan", 200,
           "{\"Items\":[{\"pk\":{\"S\":\"a\\u0000b\"},\"sk\":{\"S\":\"\\\"\"}},{\"pk\":{\"S\":\"a\\u0000c\"},\"sk\":{\"S\":"
           "\"\\\"\"}}]}");
    assert_int_equal(read_page("", 10), OPS_OK);
    assert_int_equal(page.count, 2);
    assert_true(ops_view_equal(page.keys[0].guarded, ops_view("a\0b", 3)));
    assert_true(ops_view_equal(page.keys[1].guarded, ops_view("a\0c", 3)));
    script("BatchWriteItem", 200,
           "{\"UnprocessedItems\":{\"things\":[{\"DeleteRequest\":{\"Key\":{\"pk\":{\"S\":\"a\\u0000c\"},\"sk\":{\"S\":"
           "\"\\u0022\"}}}}]}}");
    assert_int_equal(ops_target_remove(target, page.keys, 2, outcomes, &error), OPS_OK);
    assert_int_equal(outcomes[0], OPS_REMOVED);
    assert_int_equal(outcomes[1], OPS_RETRY);
}

/* ---- Page ---- */

static void garbage_is_no_key_of_the_table(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "",
        "x",
        "{",
        "[]",
        "{}",
        "null",
        "{\"Items\":{}}",
        "{\"Items\":null}",
        "{\"Items\":[],\"Items\":[]}",
        "{\"Items\":[]",
        "{\"Items\":[]}{\"Items\":[]}",
        "{\"Items\":[]} x",
        "{\"Items\" []}",
        "{\"Items\",[]}",
        "{\"Items\":[null]}",
        "{\"Items\":[[]]}",
        "{\"Items\":[{}]}",
        "{\"Items\":[\"pk\"]}",
        "{\"Items\":[{\"pk\":{\"S\":\"a\"}}]}",
        "{\"Items\":[{\"pk\":{\"S\":\"a\"},\"sk\":{\"S\":\"b\"},\"more\":{\"S\":\"c\"}}]}",
        "{\"Items\":[{\"pk\":{\"S\":\"a\"},\"pk\":{\"S\":\"b\"}}]}",
        "{\"Items\":[{\"pk\":{\"S\":\"a\"},\"sk\":{\"S\":\"b\"},\"sk\":{\"S\":\"b\"}}]}",
        "{\"Items\":[{\"pk\":{\"S\":\"a\"},\"SK\":{\"S\":\"b\"}}]}",
        "{\"Items\":[{\"pk\":{\"S\":\"a\"},\"sk\":{\"N\":\"1\"}}]}",
        "{\"Items\":[{\"pk\":{\"S\":\"a\"},\"sk\":{\"S\":1}}]}",
        "{\"Items\":[{\"pk\":{\"S\":\"a\"},\"sk\":{\"S\":null}}]}",
        "{\"Items\":[{\"pk\":{\"S\":\"a\"},\"sk\":{\"S\":[\"b\"]}}]}",
        "{\"Items\":[{\"pk\":{\"S\":\"a\"},\"sk\":{\"S\":\"b\",\"S\":\"c\"}}]}",
        "{\"Items\":[{\"pk\":{\"S\":\"a\"},\"sk\":{\"S\":\"b\" \"c\"}}]}",
        "{\"Items\":[{\"pk\":{\"S\":\"a\"},\"sk\":{\"S\":\"b\":\"c\"}}]}",
        "{\"Items\":[{\"pk\":{\"S\":\"a\"},\"sk\":{}}]}",
        "{\"Items\":[{\"pk\":{\"S\":\"a\"},\"sk\":\"b\"}]}",
        "{\"Items\":[{\"pk\":{\"S\":\"a\"} \"sk\":{\"S\":\"b\"}}]}",
        "{\"Items\":[{\"pk\":{\"S\":\"a\nb\"},\"sk\":{\"S\":\"b\"}}]}",
        "{\"Items\":[{\"pk\":{\"S\":\"a\xff\"},\"sk\":{\"S\":\"b\"}}]}",
        "{\"Items\":[{\"pk\":{\"S\":\"a\"},\"sk\":{\"S\":\"\xc3\"}}]}",
        "{\"Items\":[{\"pk\":{\"S\":\"\\ud800\"},\"sk\":{\"S\":\"b\"}}]}",
        "{\"Items\":[{\"pk\":{\"S\":\"\\x\"},\"sk\":{\"S\":\"b\"}}]}",
        "{\"Items\":[],\"LastEvaluatedKey\":{}}",
        "{\"Items\":[],\"LastEvaluatedKey\":null}",
        "{\"Items\":[],\"LastEvaluatedKey\":{\"pk\":{\"S\":\"a\"}}}",
        "{\"Items\":[],\"LastEvaluatedKey\":[{\"pk\":{\"S\":\"a\"},\"sk\":{\"S\":\"b\"}}]}",
    };
    open_table(&all, "1x1");
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        script("Scan", 200, bodies[i]);
        enum ops_status status = read_page("", 10);
        if (status != OPS_STORE_UNAVAILABLE || page.count != 0)
            fail_msg("%s was taken", bodies[i]);
    }
    assert_error_says("can't be read");
    /* A NUL does not hide what follows it. */
    static const char with_nul[] = "{\"Items\":[]}\0x";
    script("Scan", 200, with_nul);
    service.script[0].length = sizeof with_nul - 1;
    assert_int_equal(read_page("", 10), OPS_STORE_UNAVAILABLE);
    script("Scan", 200, "{\"Items\":[{\"pk\":{\"S\":\"a\"},\"sk\":{\"S\":\"b\"}}]}");
    assert_int_equal(read_page("", 10), OPS_OK);
    assert_int_equal(page.count, 1);
}

static void a_lane_that_fails_is_asked_again_while_others_get_on(void **state)
{
    (void)state;
    static const int http_statuses[] = {400, 500};
    open_table(&all, "1x2");
    for (size_t i = 0; i < 2; i++) {
        char cursor[1000];
        script("Scan", http_statuses[i], THROTTLED_BODY);
        script("Scan", 200, items(0, 3, true));
        assert_int_equal(read_page("", 10), OPS_OK);
        assert_int_equal(page.count, 3);
        assert_false(page.last);
        assert_string_equal(error.text, "");
        assert_string_equal(ops_buf_text(&page.cursor), "[null,{\"pk\":{\"S\":\"key-0002\"},\"sk\":{\"S\":\"s\"}}]");
        snprintf(cursor, sizeof cursor, "%s", ops_buf_text(&page.cursor));
        script("Scan", 200, items(10, 2, false));
        script("Scan", 200, items(3, 0, false));
        assert_int_equal(read_page(cursor, 10), OPS_OK);
        assert_int_equal(page.count, 2);
        assert_true(page.last);
    }
}

static void when_no_lane_answers_the_page_fails_as_they_do(void **state)
{
    (void)state;
    open_table(&all, "1x2");
    script("Scan", 400, THROTTLED_BODY);
    script("Scan", 400, THROTTLED_BODY);
    assert_int_equal(read_page("", 10), OPS_THROTTLED);
    assert_int_equal(pace_limit(), PACE_MOST / 2);
    script_outcome("Scan", OPS_UNKNOWN);
    script_outcome("Scan", OPS_UNREACHABLE);
    assert_int_equal(read_page("", 10), OPS_STORE_UNAVAILABLE);
    script("Scan", 200, items(0, 3, false));
    script("Scan", 400, GONE_BODY);
    assert_int_equal(read_page("", 10), OPS_TARGET_MISSING);
    script("Scan", 200, items(0, 3, false));
    script("Scan", 400, DENIED_BODY);
    assert_int_equal(read_page("", 10), OPS_TARGET_ERROR);
    assert_error_says("not you");
    assert_int_equal(page.count, 0);
    assert_int_equal(aws_rig_take_waits(), 0); /* trying again is the worker's */
}

static void lanes_are_interleaved_and_go_on_after_the_last_taken_key(void **state)
{
    (void)state;
    char cursor[1000];
    open_table(&all, "1x3");
    script("Scan", 200, items(100, 4, true));
    script("Scan", 200, items(200, 1, false));
    script("Scan", 200, items(300, 4, true));
    assert_int_equal(read_page("", 6), OPS_OK);
    static const char *const expected[] = {"key-0100", "key-0200", "key-0300", "key-0101", "key-0301", "key-0102"};
    assert_int_equal(page.count, 6);
    for (size_t i = 0; i < 6; i++)
        assert_true(ops_view_is(page.keys[i].guarded, expected[i]));
    for (size_t i = 0; i < 3; i++)
        assert_non_null(strstr(request_of("Scan", i), "\"Limit\":2,"));
    assert_non_null(strstr(request_of("Scan", 2), "\"Segment\":2,\"TotalSegments\":3}"));
    snprintf(cursor, sizeof cursor, "%s", ops_buf_text(&page.cursor));
    assert_string_equal(cursor,
                        "[{\"pk\":{\"S\":\"key-0102\"},\"sk\":{\"S\":\"s\"}},false,{\"pk\":{\"S\":\"key-0301\"},\"sk\":{"
                        "\"S\":\"s\"}}]");
    forget_requests();
    script("Scan", 200, items(103, 1, false));
    script("Scan", 200, items(302, 2, false));
    assert_int_equal(read_page(cursor, 6), OPS_OK);
    assert_true(page.last);
    assert_int_equal(page.count, 3);
    assert_non_null(strstr(request_of("Scan", 0),
                           "\"Segment\":0,\"TotalSegments\":3,\"ExclusiveStartKey\":{\"pk\":{\"S\":\"key-0102\"}"));
    assert_non_null(strstr(request_of("Scan", 1), "\"Segment\":2,\"TotalSegments\":3,\"ExclusiveStartKey\":{\"pk\":{\"S\":"
                                                  "\"key-0301\"}"));
}

/* The Limit of the first request since the last look. */
static int evaluated(void)
{
    const char *limit = strstr(request_of("Scan", 0), "\"Limit\":");
    assert_non_null(limit);
    int value = atoi(limit + 8);
    forget_requests();
    return value;
}

static void a_filter_looks_further_where_little_is_found_and_less_far_where_much_is(void **state)
{
    (void)state;
    static const int further[] = {1000, 4000, 16000, 64000, 64000};
    open_table(&by_attribute, "1x1");
    beside_key = ",\"org\":{\"S\":\"acme\"}";
    for (size_t i = 0; i < sizeof further / sizeof further[0]; i++) {
        script("Scan", 200, items(5, i % 2 ? 0 : 3, true));
        assert_int_equal(read_page("", 1000), OPS_OK);
        assert_int_equal(page.count, i % 2 ? 0 : 3);
        assert_false(page.last);
        assert_int_equal(evaluated(), further[i]);
    }
    script("Scan", 200, items(0, 4000, true));
    assert_int_equal(read_page("", 1000), OPS_OK);
    assert_int_equal(page.count, 1000);
    assert_string_equal(ops_buf_text(&page.cursor), "[{\"pk\":{\"S\":\"key-0999\"},\"sk\":{\"S\":\"s\"}}]");
    assert_int_equal(evaluated(), 64000);
    script("Scan", 200, items(1000, 1000, true));
    assert_int_equal(read_page("", 1000), OPS_OK);
    assert_int_equal(evaluated(), 16000);
    script("Scan", 200, items(1000, 400, true));
    assert_int_equal(read_page("", 1000), OPS_OK);
    assert_int_equal(evaluated(), 16000);
    beside_key = "";
}

/* Whatever a server makes of the filter: what is not the tenant's does not go into a page, and garbage is no attribute. */
static void what_a_filter_lets_through_is_looked_at_once_more(void **state)
{
    (void)state;
    static const char *const others[] = {"",
                                         ",\"org\":{\"S\":\"acme2\"}",
                                         ",\"org\":{\"N\":\"7\"}",
                                         ",\"org\":{\"BOOL\":true}",
                                         ",\"org\":{\"NULL\":true}",
                                         ",\"org\":{\"SS\":[\"acme\"]}",
                                         ",\"org\":{\"M\":{\"S\":{\"S\":\"acme\"}}}",
                                         ",\"org\":{\"?\":{}}"};
    static const char *const garbage[] = {",\"org\":\"acme\"",
                                          ",\"org\":{}",
                                          ",\"org\":{\"S\":7}",
                                          ",\"org\":{\"S\":\"acme\",\"N\":\"7\"}",
                                          ",\"org\":{\"N\":\"seven\"}",
                                          ",\"org\":{\"N\":[]}",
                                          ",\"org\":{\"S\":\"acme\"},\"org\":{\"S\":\"acme\"}",
                                          ",\"org\":{\"SS\":[]},\"org\":{\"S\":\"acme\"}"};
    static struct ops_remarks remarks;
    open_table(&by_attribute, "1x1");
    ops_remarks_clear(&remarks);
    target->remarks = &remarks;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        beside_key = others[i];
        script("Scan", 200, items(0, 2, false));
        assert_int_equal(read_page("", 1000), OPS_OK);
        assert_int_equal(page.count, 0);
    }
    assert_int_equal(remarks.counts[OPS_REMARK_INCOMPARABLE], 4);
    for (size_t i = 0; i < sizeof garbage / sizeof garbage[0]; i++) {
        beside_key = garbage[i];
        script("Scan", 200, items(0, 2, false));
        if (read_page("", 1000) != OPS_STORE_UNAVAILABLE)
            fail_msg("%s", garbage[i]);
    }
    beside_key = "";
}

static void a_condition_names_attribute_and_value_as_the_scope_says(void **state)
{
    (void)state;
    const struct ops_scope odd = {OPS_SCOPE_ATTRIBUTE, "or\"g", NULL, "a\\c\"me\n"};
    open_table(&odd, "1x1");
    script("Scan", 200, items(0, 0, false));
    assert_int_equal(read_page("", 1000), OPS_OK);
    json_t *body = json_loads(request_of("Scan", 0), JSON_REJECT_DUPLICATES, NULL);
    assert_string_equal(ops_json_text(body, "FilterExpression", ""),
                        "#a=:v OR attribute_type(#a,:B) OR attribute_type(#a,:BS) OR attribute_type(#a,:L) OR "
                        "attribute_type(#a,:M) OR attribute_type(#a,:NS) OR attribute_type(#a,:SS)");
    assert_string_equal(ops_json_text(json_object_get(body, "ExpressionAttributeNames"), "#a", ""), "or\"g");
    assert_string_equal(ops_json_text(json_object_get(json_object_get(body, "ExpressionAttributeValues"), ":v"), "S", ""),
                        "a\\c\"me\n");
    assert_true(ops_json_flag(body, "ConsistentRead", false));
    json_decref(body);
    static const struct ops_scope no_text = {OPS_SCOPE_ATTRIBUTE, "org", NULL, "ac\xffme"};
    script("DescribeTable", 200, DESCRIBED(""));
    assert_int_equal(try_open(&no_text, NULL), OPS_TARGET_ERROR);
}

static const char *one_of_unending_size(const char *operation, const char *body)
{
    static char text[5 * 1024 * 1024];
    (void)operation;
    (void)body;
    memset(text, ' ', sizeof text - 1);
    return text;
}

static void a_scan_that_goes_on_where_it_began_is_refused_by_name(void **state)
{
    (void)state;
    static const char *const again[] = {
        "{\"Items\":[],\"LastEvaluatedKey\":{\"pk\":{\"S\":\"key-0001\"},\"sk\":{\"S\":\"s\"}}}",
        "{\"Items\":[{\"pk\":{\"S\":\"key-0001\"},\"sk\":{\"S\":\"s\"}}],\"LastEvaluatedKey\":{\"pk\":{\"S\":"
        "\"key-0001\"},\"sk\":{\"S\":\"s\"}}}",
    };
    for (size_t i = 0; i < sizeof again / sizeof again[0]; i++) {
        open_table(&all, "1x1");
        script("Scan", 200, items(0, 2, true));
        assert_int_equal(read_page("", 10), OPS_OK);
        char *cursor = strdup(ops_buf_text(&page.cursor));
        script("Scan", 200, again[i]);
        assert_int_equal(read_page(cursor, 10), OPS_TARGET_ERROR);
        assert_error_says("goes on in the table things where it began, at the key {\"pk\":{\"S\":\"key-0001\"}");
        assert_int_equal(page.count, 0);
        free(cursor);
    }
}

static void an_answer_that_is_too_large_is_asked_for_in_smaller_parts(void **state)
{
    (void)state;
    open_table(&all, "1x1");
    service.otherwise = one_of_unending_size;
    static const int limits[] = {1000, 250, 62, 15, 3};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        assert_int_equal(read_page("", 1000), OPS_OK);
        assert_int_equal(page.count, 0);
        assert_string_equal(ops_buf_text(&page.cursor), "[null]");
        assert_int_equal(evaluated(), limits[i]);
    }
    assert_int_equal(read_page("", 1000), OPS_LIMIT);
    assert_error_says("too large");
}

static void a_key_that_fits_no_cursor_is_never_where_a_page_ends(void **state)
{
    (void)state;
    enum { LONG = 6000 };
    static char body[2 * LONG + 500], long_key[LONG + 1];
    memset(long_key, 'x', LONG);
    open_table(&all, "1x4");
    for (int i = 0; i < 3; i++)
        script("Scan", 200, items(0, 0, false));
    snprintf(body, sizeof body,
             "{\"Items\":[{\"pk\":{\"S\":\"a\"},\"sk\":{\"S\":\"b\"}},{\"pk\":{\"S\":\"%s\"},\"sk\":{\"S\":\"b\"}}],"
             "\"LastEvaluatedKey\":{\"pk\":{\"S\":\"%s\"},\"sk\":{\"S\":\"b\"}}}",
             long_key, long_key);
    script("Scan", 200, body);
    assert_int_equal(read_page("", 1000), OPS_OK);
    assert_int_equal(page.count, 1);
    assert_string_equal(ops_buf_text(&page.cursor), "[false,false,false,{\"pk\":{\"S\":\"a\"},\"sk\":{\"S\":\"b\"}}]");
    snprintf(body, sizeof body,
             "{\"Items\":[{\"pk\":{\"S\":\"%s\"},\"sk\":{\"S\":\"b\"}}],\"LastEvaluatedKey\":{\"pk\":{\"S\":\"%s\"},\"sk\":{"
             "\"S\":\"b\"}}}",
             long_key, long_key);
    script("Scan", 200, body);
    assert_int_equal(read_page("[false,false,false,{\"pk\":{\"S\":\"a\"},\"sk\":{\"S\":\"b\"}}]", 1000), OPS_LIMIT);
    assert_error_says("too large");
}

static void a_key_that_fits_no_page_is_said_to_be_too_large(void **state)
{
    (void)state;
    open_table(&all, "1x1");
    ops_key_page_release(&page);
    ops_key_page_init(&page, 30);
    script("Scan", 200, items(0, 2, false));
    assert_int_equal(read_page("", 1000), OPS_LIMIT);
    assert_error_says("too large");
}

/* ---- Index ---- */

#define KEY(key) "{\"pk\":{\"S\":\"" key "\"},\"sk\":{\"S\":\"s\"}}"
#define NAMED(key) "{\"pk\":{\"S\":\"" key "\"},\"sk\":{\"S\":\"s\"},\"org\":{\"S\":\"acme\"}}"
#define FOUND(key, value) "{\"pk\":{\"S\":\"" key "\"},\"org\":" value ",\"sk\":{\"S\":\"s\"}}"

#define INDEXED                                                                                                             \
    "{\"Items\":[" NAMED("stays") "," NAMED("moved") "," NAMED("gone") "," NAMED("number") "," NAMED("bare") "," NAMED(     \
        "escaped") "," NAMED("stays") "]}"
#define IN_THE_TABLE                                                                                                        \
    "{\"Responses\":{\"things\":[" FOUND("moved", "{\"S\":\"acme2\"}") "," FOUND("stays", "{\"S\":\"acme\"}") "," FOUND(    \
        "number", "{\"N\":\"7\"}") "," KEY("bare") "," FOUND("escaped",                                                     \
                                                             "{\"S\":\"\\u0061cme\"}") "]},\"UnprocessedKeys\":{}}"

static void a_record_that_an_index_names_is_taken_only_if_the_table_agrees(void **state)
{
    (void)state;
    open_table(&by_index, NULL);
    script("Query", 200, INDEXED);
    script("BatchGetItem", 200, IN_THE_TABLE);
    assert_int_equal(read_page("", 1000), OPS_OK);
    assert_int_equal(page.count, 2);
    assert_true(page.last);
    assert_true(ops_view_is(page.keys[0].guarded, "stays"));
    assert_true(ops_view_is(page.keys[1].guarded, "escaped"));
    assert_true(ops_view_is(page.keys[0].id, "{\"pk\":{\"S\":\"stays\"},\"sk\":{\"S\":\"s\"}}"));
    assert_string_equal(ops_buf_text(&page.receipt), "Spk,Ssk;stays,s;escaped,s;");
    assert_null(strstr(request_of("Query", 0), "ConsistentRead"));
    json_t *body = json_loads(request_of("BatchGetItem", 0), JSON_REJECT_DUPLICATES, NULL);
    const json_t *asked = json_object_get(json_object_get(body, "RequestItems"), "things");
    assert_true(ops_json_flag(asked, "ConsistentRead", false));
    assert_int_equal(json_array_size(json_object_get(asked, "Keys")), 6); /* each once */
    json_decref(body);
}

/* A receipt is built before a page of an index is sifted, and again after it. */
static void what_separates_keys_in_a_receipt_may_stand_in_them(void **state)
{
    (void)state;
    open_table(&by_index, NULL);
    script("Query", 200, "{\"Items\":[" NAMED(",a;") "," NAMED("\\\\,") "," NAMED("é\\n") "]}");
    script("BatchGetItem", 200,
           "{\"Responses\":{\"things\":[" FOUND(",a;", "{\"S\":\"acme\"}") "," FOUND("\\\\,", "{\"S\":\"acme\"}") "," FOUND(
               "é\\n", "{\"S\":\"acme\"}") "]}}");
    assert_int_equal(read_page("", 1000), OPS_OK);
    assert_true(ops_view_is(page.keys[0].guarded, ",a;") && ops_view_is(page.keys[1].guarded, "\\,"));
    assert_true(ops_view_is(page.keys[0].id, KEY(",a;")) && ops_view_is(page.keys[1].id, KEY("\\\\,")));
    assert_string_equal(ops_buf_text(&page.receipt), "Spk,Ssk;\\u002ca\\u003b,s;\\\\\\u002c,s;é\\n,s;");
    struct ops_recount there;
    char *receipt = strdup(ops_buf_text(&page.receipt));
    script("BatchGetItem", 200, "{\"Responses\":{\"things\":[" KEY(",a;") "," KEY("\\\\,") "]}}");
    assert_int_equal(ops_target_recount(target, 0, receipt, &there, &error), OPS_OK);
    assert_int_equal(there.count, 2);
    assert_non_null(strstr(request_of("BatchGetItem", 1), KEY("\\u002ca\\u003b") "," KEY("\\\\\\u002c") "," KEY("é\\n")));
    free(receipt);
}

static void an_index_page_whose_lookup_fails_fails(void **state)
{
    (void)state;
    open_table(&by_index, NULL);
    script("Query", 200, "{\"Items\":[" NAMED("a") "]}");
    script("BatchGetItem", 200, "{\"Responses\":{\"things\":[" FOUND("a", "{\"S\":\"acme\"},\"pk\":{\"S\":\"a\"}") "]}}");
    assert_int_equal(read_page("", 1000), OPS_STORE_UNAVAILABLE);
    assert_int_equal(page.count, 0);
    script("Query", 200, "{\"Items\":[" NAMED("a") "]}");
    script("BatchGetItem", 400, DENIED_BODY);
    assert_int_equal(read_page("", 1000), OPS_TARGET_ERROR);
    script("Query", 200, "{\"Items\":[]}");
    assert_int_equal(read_page("", 1000), OPS_OK);
    assert_true(page.last && page.count == 0);
}

/* ---- Recount ---- */

static enum ops_status recount(const char *receipt, size_t *ret_count)
{
    struct ops_recount there = {77, 77};
    enum ops_status status = ops_target_recount(target, 0, receipt, &there, &error);
    *ret_count = there.count;
    return status;
}

static void unprocessed_keys_are_asked_for_again(void **state)
{
    (void)state;
    size_t count = 0;
    open_table(&all, NULL);
    script("BatchGetItem", 200,
           "{\"Responses\":{\"things\":[" KEY("a") "]},\"UnprocessedKeys\":{\"things\":{\"Keys\":[" KEY("b") "," KEY(
               "c") "],\"ConsistentRead\":true}}}");
    script("BatchGetItem", 500, "");
    script("BatchGetItem", 200, "{\"Responses\":{},\"UnprocessedKeys\":{\"things\":{\"Keys\":[" KEY("c") "]}}}");
    script("BatchGetItem", 200, "{\"Responses\":{\"things\":[" KEY("c") "]},\"UnprocessedKeys\":{}}");
    assert_int_equal(recount("Spk,Ssk;a,s;b,s;c,s;", &count), OPS_OK);
    assert_int_equal(count, 2);
    assert_string_equal(request_of("BatchGetItem", 1),
                        "{\"RequestItems\":{\"things\":{\"Keys\":[" KEY("b") "," KEY("c") "],\"ConsistentRead\":true}}}");
    assert_string_equal(request_of("BatchGetItem", 3), "{\"RequestItems\":{\"things\":{\"Keys\":[" KEY("c") "]}}}");
}

static const char *never_processed(const char *operation, const char *body)
{
    (void)operation;
    (void)body;
    return "{\"Responses\":{\"things\":[]},\"UnprocessedKeys\":{\"things\":{\"Keys\":[" KEY("a") "]}}}";
}

static void keys_that_stay_unprocessed_are_given_up_in_the_end(void **state)
{
    (void)state;
    size_t count = 0;
    open_table(&all, NULL);
    service.otherwise = never_processed;
    assert_int_equal(recount("Spk,Ssk;a,s;", &count), OPS_THROTTLED);
    assert_in_range(count_requests("BatchGetItem"), 2, 20);
    assert_int_equal(count, 77);
}

static void a_recount_that_fails_says_why(void **state)
{
    (void)state;
    size_t count = 0;
    open_table(&all, NULL);
    for (int i = 0; i < 1 + OPS_AWS_TRIES_MAX; i++)
        script("BatchGetItem", 400, THROTTLED_BODY);
    assert_int_equal(recount("Spk,Ssk;a,s;", &count), OPS_THROTTLED);
    for (int i = 0; i < 1 + OPS_AWS_TRIES_MAX; i++)
        script_outcome("BatchGetItem", OPS_UNKNOWN);
    assert_int_equal(recount("Spk,Ssk;a,s;", &count), OPS_STORE_UNAVAILABLE);
    script("BatchGetItem", 400, GONE_BODY);
    assert_int_equal(recount("Spk,Ssk;a,s;", &count), OPS_TARGET_MISSING);
    static const char *const garbage[] = {"",
                                          "{}",
                                          "{\"Responses\":[]}",
                                          "{\"Responses\":{\"things\":{}}}",
                                          "{\"Responses\":{\"things\":[{\"pk\":{\"S\":\"a\"}}]}}",
                                          "{\"Responses\":{\"things\":[" KEY("a") "]"};
    for (size_t i = 0; i < sizeof garbage / sizeof garbage[0]; i++) {
        script("BatchGetItem", 200, garbage[i]);
        assert_int_equal(recount("Spk,Ssk;a,s;", &count), OPS_STORE_UNAVAILABLE);
    }
    assert_int_equal(count, 77);
}

static const char *a_hundred_there(const char *operation, const char *body)
{
    (void)operation;
    json_t *request = json_loads(body, 0, NULL);
    const json_t *keys = json_object_get(json_object_get(json_object_get(request, "RequestItems"), "things"), "Keys");
    assert_in_range(json_array_size(keys), 1, 100);
    int count = (int)json_array_size(keys);
    json_decref(request);
    static char text[64 * 1024];
    size_t at = (size_t)sprintf(text, "{\"UnprocessedKeys\":{},\"Responses\":{\"things\":[");
    for (int i = 0; i < count; i++)
        at += (size_t)sprintf(text + at, "%s" KEY("k"), i ? "," : "");
    sprintf(text + at, "]}}");
    return text;
}

static void a_whole_page_is_recounted_a_hundred_keys_at_a_time(void **state)
{
    (void)state;
    size_t count = 0;
    read_keys(950);
    service.otherwise = a_hundred_there;
    char *receipt = strdup(ops_buf_text(&page.receipt));
    assert_int_equal(recount(receipt, &count), OPS_OK);
    assert_int_equal(count, 950);
    assert_int_equal(count_requests("BatchGetItem"), 10);
    free(receipt);
}

/* ---- Open and list ---- */

static void tables_that_can_not_be_vacuumed_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *answer;
        const char *reason;
        enum ops_status status;
    } cases[] = {
        {"{}", "can't be read", OPS_TARGET_ERROR},
        {"{\"Table\":{\"TableName\":\"things\",\"TableStatus\":\"ACTIVE\"}}", "can't be read", OPS_TARGET_ERROR},
        {"{\"Table\":{\"TableName\":\"things\",\"TableStatus\":\"ACTIVE\",\"KeySchema\":[{\"AttributeName\":\"pk\","
         "\"KeyType\":\"HASH\"}]}}",
         "can't be read", OPS_TARGET_ERROR},
        {"{\"Table\":{\"TableName\":\"things\",\"TableStatus\":\"ACTIVE\",\"AttributeDefinitions\":[{\"AttributeName\":"
         "\"pk\","
         "\"AttributeType\":\"SS\"}],\"KeySchema\":[{\"AttributeName\":\"pk\",\"KeyType\":\"HASH\"}]}}",
         "can't be read", OPS_TARGET_ERROR},
        {"{\"Table\":{\"TableName\":\"ops_main\",\"TableStatus\":\"ACTIVE\"}}", "another way to say ops_main",
         OPS_TARGET_ERROR},
        {"{\"Table\":{\"TableName\":\"things\",\"TableStatus\":\"DELETING\"}}", "DELETING", OPS_TARGET_ERROR},
        {DESCRIBED(",\"DeletionProtectionEnabled\":true"), "deletion protection", OPS_TARGET_ERROR},
        {DESCRIBED(""), "no index by-org", OPS_TARGET_ERROR},
        {DESCRIBED(WITH_INDEX(",\"IndexStatus\":\"CREATING\"")), "not complete", OPS_TARGET_ERROR},
        {DESCRIBED(WITH_INDEX(",\"IndexStatus\":\"ACTIVE\",\"Backfilling\":true")), "not complete", OPS_TARGET_ERROR},
        {DESCRIBED(",\"GlobalSecondaryIndexes\":[{\"IndexName\":\"by-org\",\"KeySchema\":[{\"AttributeName\":\"org\","
                   "\"KeyType\":\"HASH\"},{\"AttributeName\":\"sk\",\"KeyType\":\"HASH\"}]}]"),
         "is not org", OPS_TARGET_ERROR},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        script("DescribeTable", 200, cases[i].answer);
        assert_int_equal(try_open(&by_index, NULL), cases[i].status);
        assert_null(target);
        assert_error_says(cases[i].reason);
    }
    script("DescribeTable", 400, GONE_BODY);
    assert_int_equal(try_open(&all, NULL), OPS_TARGET_MISSING);
    assert_error_says("The table things does not exist");
    script("DescribeTable", 400, DENIED_BODY);
    assert_int_equal(try_open(&all, NULL), OPS_TARGET_ERROR);
    assert_error_says("not you");
}

static void a_table_is_described_patiently(void **state)
{
    (void)state;
    script("DescribeTable", 400, THROTTLED_BODY);
    script_outcome("DescribeTable", OPS_UNKNOWN);
    script("DescribeTable", 200, DESCRIBED(""));
    assert_int_equal(try_open(&all, NULL), OPS_OK);
    assert_int_equal(aws_rig_take_waits(), 2);
    for (int i = 0; i < OPS_AWS_TRIES_MAX; i++)
        script_outcome("DescribeTable", OPS_UNKNOWN);
    assert_int_equal(try_open(&all, NULL), OPS_STORE_UNAVAILABLE);
}

static void a_description_that_is_no_json_is_asked_for_again_and_then_given_up(void **state)
{
    (void)state;
    script("DescribeTable", 200, "<html>");
    script("DescribeTable", 200, "{\"Table\":");
    script("DescribeTable", 200, DESCRIBED(""));
    assert_int_equal(try_open(&all, NULL), OPS_OK);
    for (int i = 0; i < OPS_AWS_TRIES_MAX; i++)
        script("DescribeTable", 200, "<html>");
    assert_int_equal(try_open(&all, NULL), OPS_TARGET_ERROR);
    assert_error_says("DescribeTable");
    script("DescribeTable", 501, "");
    assert_int_equal(try_open(&all, NULL), OPS_TARGET_ERROR);
}

static void large_tables_are_cut_into_more_segments(void **state)
{
    (void)state;
    static const struct {
        const char *answer;
        const char *split;
    } cases[] = {
        {DESCRIBED(""), "1x4"},
        {DESCRIBED(",\"ItemCount\":99999,\"TableSizeBytes\":67108863"), "1x4"},
        {DESCRIBED(",\"ItemCount\":100000,\"TableSizeBytes\":1"), "2x4"},
        {DESCRIBED(",\"ItemCount\":1,\"TableSizeBytes\":67108864"), "2x4"},
        {DESCRIBED(",\"ItemCount\":1000000,\"TableSizeBytes\":100000000"), "11x4"},
        {DESCRIBED(",\"ItemCount\":1000000000,\"TableSizeBytes\":9223372036854775807"), "64x4"},
        {DESCRIBED(",\"ItemCount\":-5,\"TableSizeBytes\":-900000000"), "1x4"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        script("DescribeTable", 200, cases[i].answer);
        assert_int_equal(try_open(&all, NULL), OPS_OK);
        assert_string_equal(target->split, cases[i].split);
        assert_int_equal(target->segment_count, atoi(cases[i].split));
        script("DescribeTable", 200, cases[i].answer);
        assert_int_equal(try_open(&all, "5x2"), OPS_OK);
        assert_int_equal(target->segment_count, 5);
    }
    script("Scan", 200, items(0, 0, false));
    script("Scan", 200, items(0, 0, false));
    forget_requests();
    assert_int_equal(ops_target_page(target, 3, "", 10, &page, &error), OPS_OK);
    assert_non_null(strstr(request_of("Scan", 0), "\"Segment\":6,\"TotalSegments\":10}"));
    assert_non_null(strstr(request_of("Scan", 1), "\"Segment\":7,\"TotalSegments\":10}"));
}

static enum ops_status note_name(void *context, const struct ops_resource *resource)
{
    assert_int_equal(resource->kind, OPS_TABLE);
    ops_buf_append_text(context, resource->name);
    ops_buf_append_char(context, ' ');
    return strcmp(resource->name, "stop") == 0 ? OPS_CONFLICT : OPS_OK;
}

static void tables_are_listed_page_by_page(void **state)
{
    (void)state;
    struct ops_buf names;
    ops_buf_init(&names, 1000);
    script("ListTables", 200, "{\"TableNames\":[\"a\",\"b\"],\"LastEvaluatedTableName\":\"b\"}");
    script("ListTables", 400, THROTTLED_BODY);
    script("ListTables", 200, "{\"TableNames\":[],\"LastEvaluatedTableName\":\"c\"}");
    script("ListTables", 200, "{\"TableNames\":[\"d\"]}");
    assert_int_equal(ops_aws_tables_list(&stack, note_name, &names, &error), OPS_OK);
    assert_string_equal(ops_buf_text(&names), "a b d ");
    assert_null(strstr(request_of("ListTables", 0), "ExclusiveStartTableName"));
    assert_non_null(strstr(request_of("ListTables", 3), "\"ExclusiveStartTableName\":\"c\""));
    ops_buf_clear(&names);
    script("ListTables", 200, "{\"TableNames\":[\"a\",\"stop\",\"b\"],\"LastEvaluatedTableName\":\"b\"}");
    assert_int_equal(ops_aws_tables_list(&stack, note_name, &names, &error), OPS_CONFLICT);
    assert_string_equal(ops_buf_text(&names), "a stop ");
    script("ListTables", 200, "{}");
    assert_int_equal(ops_aws_tables_list(&stack, note_name, &names, &error), OPS_TARGET_ERROR);
    script("ListTables", 200, "{\"TableNames\":[\"a\"],\"LastEvaluatedTableName\":\"a\"}");
    script("ListTables", 200, "{\"TableNames\":[\"a\"],\"LastEvaluatedTableName\":\"a\"}");
    assert_int_equal(ops_aws_tables_list(&stack, note_name, &names, &error), OPS_TARGET_ERROR);
    assert_error_says("goes on with its list of tables where it began, at a");
    script("ListTables", 400, DENIED_BODY);
    assert_int_equal(ops_aws_tables_list(&stack, note_name, &names, &error), OPS_TARGET_ERROR);
    assert_error_says("ListTables");
    ops_buf_release(&names);
}

/* ---- Memory ---- */

static const char *anything(const char *operation, const char *body)
{
    static const struct {
        const char *operation;
        const char *answer;
    } answers[] = {
        {"DescribeTable", DESCRIBED(WITH_INDEX(""))},
        {"ListTables", "{\"TableNames\":[\"things\"]}"},
        {"Scan", "{\"Items\":[{\"pk\":{\"S\":\"a\\n\"},\"sk\":{\"S\":\"é\"}}],\"LastEvaluatedKey\":" KEY("z") "}"},
        {"Query", "{\"Items\":[" NAMED("é") "," NAMED("b") "],\"LastEvaluatedKey\":" NAMED("z") "}"},
        {"BatchGetItem", "{\"Responses\":{\"things\":[" FOUND("é", "{\"S\":\"a\\u0063me\"}") "]}}"},
        {"BatchWriteItem", "{\"UnprocessedItems\":{\"things\":[{\"DeleteRequest\":{\"Key\":" KEY("é") "}}]}}"},
    };
    if (strcmp(operation, "Scan") == 0 && strstr(body, "ExclusiveStartKey"))
        return "{\"Items\":[],\"LastEvaluatedKey\":" KEY("zz") "}";
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++)
        if (strcmp(answers[i].operation, operation) == 0)
            return answers[i].answer;
    return NULL;
}

static enum ops_status use_everything(const struct ops_scope *scope)
{
    const struct ops_target_spec spec = {.kind = OPS_TABLE, .name = "things"};
    struct ops_recount there;
    struct ops_buf names;
    ops_buf_init(&names, 1000);
    enum ops_status status = ops_aws_tables_list(&stack, note_name, &names, &error);
    if (status == OPS_OK)
        status = ops_buf_status(&names);
    ops_buf_release(&names);
    if (status == OPS_OK)
        status = ops_aws_table_open(&stack, &spec, scope, &target, &error);
    if (status == OPS_OK)
        status = read_page("", 10);
    if (status == OPS_OK)
        status = ops_target_remove(target, page.keys, page.count, outcomes, &error);
    if (status == OPS_OK)
        assert_true(outcomes[0] == OPS_RETRY);
    if (status == OPS_OK && scope->by == OPS_SCOPE_ALL) {
        char *receipt = strdup(ops_buf_text(&page.receipt)), *cursor = strdup(ops_buf_text(&page.cursor));
        status = ops_target_recount(target, 0, "Spk,Ssk;", &there, &error);
        if (status == OPS_OK)
            status = read_page(cursor, 10);
        free(receipt);
        free(cursor);
    }
    return status;
}

/* A request that found no memory counts as one that was lost, which is to be tried again: so the whole may be OPS_OK. */
static void sweep(const struct ops_scope *scope)
{
    bool hit = true;
    for (size_t n = 1; hit; n++) {
        alloc_fault_install(0);
        open_stack();
        service.otherwise = anything;
        alloc_fault_arm(n);
        enum ops_status status = use_everything(scope);
        hit = alloc_fault_hit();
        alloc_fault_arm(0);
        if (status != OPS_OK && status != OPS_NO_MEMORY)
            fail_msg("allocation %zu: %s", n, ops_error_text(&error, status));
        if (!hit)
            assert_int_equal(status, OPS_OK);
        close_stack();
        assert_int_equal(alloc_fault_live_count(), 0);
        alloc_fault_remove();
    }
}

static void running_out_of_memory_is_a_status_and_leaks_nothing(void **state)
{
    (void)state;
    sweep(&all);
    sweep(&by_index);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(keys_of_a_page_are_spread_over_requests_of_25),
        CASE(what_is_left_unprocessed_is_to_be_tried_again_at_a_slower_pace),
        CASE(answers_that_can_not_be_read_leave_their_keys_to_be_tried_again),
        CASE(a_lost_answer_leaves_its_keys_to_be_tried_again),
        CASE(a_throttled_request_halves_the_pace_once),
        CASE(a_request_that_is_refused_for_good_fails_its_keys_with_the_reason),
        CASE(a_table_that_is_gone_is_missing),
        CASE(keys_with_nul_characters_are_told_apart_when_left),
        CASE(garbage_is_no_key_of_the_table),
        CASE(a_lane_that_fails_is_asked_again_while_others_get_on),
        CASE(when_no_lane_answers_the_page_fails_as_they_do),
        CASE(lanes_are_interleaved_and_go_on_after_the_last_taken_key),
        CASE(a_filter_looks_further_where_little_is_found_and_less_far_where_much_is),
        CASE(what_a_filter_lets_through_is_looked_at_once_more),
        CASE(a_condition_names_attribute_and_value_as_the_scope_says),
        CASE(a_scan_that_goes_on_where_it_began_is_refused_by_name),
        CASE(an_answer_that_is_too_large_is_asked_for_in_smaller_parts),
        CASE(a_key_that_fits_no_cursor_is_never_where_a_page_ends),
        CASE(a_key_that_fits_no_page_is_said_to_be_too_large),
        CASE(a_record_that_an_index_names_is_taken_only_if_the_table_agrees),
        CASE(what_separates_keys_in_a_receipt_may_stand_in_them),
        CASE(an_index_page_whose_lookup_fails_fails),
        CASE(unprocessed_keys_are_asked_for_again),
        CASE(keys_that_stay_unprocessed_are_given_up_in_the_end),
        CASE(a_recount_that_fails_says_why),
        CASE(a_whole_page_is_recounted_a_hundred_keys_at_a_time),
        CASE(tables_that_can_not_be_vacuumed_are_refused),
        CASE(a_table_is_described_patiently),
        CASE(a_description_that_is_no_json_is_asked_for_again_and_then_given_up),
        CASE(large_tables_are_cut_into_more_segments),
        CASE(tables_are_listed_page_by_page),
        cmocka_unit_test(running_out_of_memory_is_a_status_and_leaks_nothing),
    };
#undef CASE
    return cmocka_run_group_tests_name("a DynamoDB table's answers", tests, NULL, NULL);
}
