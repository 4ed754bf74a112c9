/* What the client makes of answers, over an HTTP client that answers as the test says. */
#include "adapters/aws/answer.h"
#include "adapters/aws/endpoint.h"
#include "adapters/memory/clock.h"
#include "base/mem.h"
#include "support/aws_rig.h"
#include "support/cmocka_all.h"

#include <stdio.h>

enum { ANSWERS_MAX = 8, TEXT_SIZE = 512, BODY_MAX_BYTES = 64 * 1024 };

#define NOON_MS INT64_C(1795521600000) /* 2026-11-24T12:00:00Z */

/* One answer of the service; the last one is given again and again. */
struct scripted {
    enum ops_status exchanged; /* OPS_OK: it came */
    int status;
    const char *body;
    const char *date; /* NULL: noon */
    int64_t takes_ms;
};

static struct {
    struct ops_http_client base;
    struct scripted answers[ANSWERS_MAX];
    size_t count;
    size_t asked;
    char url[TEXT_SIZE];
    char date[TEXT_SIZE];
    char authorization[TEXT_SIZE];
    char target[TEXT_SIZE];
    bool had_payload_hash;
} service;

static void keep(char *to, const char *value)
{
    (void)snprintf(to, TEXT_SIZE, "%s", value);
}

static void keep_headers(const struct ops_http_request *request)
{
    service.had_payload_hash = false;
    service.authorization[0] = '\0';
    for (size_t i = 0; i < request->header_count; i++) {
        const struct ops_http_header *header = &request->headers[i];
        if (strcmp(header->name, "x-amz-date") == 0)
            keep(service.date, header->value);
        else if (strcmp(header->name, "authorization") == 0)
            keep(service.authorization, header->value);
        else if (strcmp(header->name, "x-amz-target") == 0)
            keep(service.target, header->value);
        service.had_payload_hash = service.had_payload_hash || strcmp(header->name, "x-amz-content-sha256") == 0;
    }
}

static struct ops_clock *wall;

static enum ops_status scripted_exchange(struct ops_http_client *self, const struct ops_http_request *request,
                                         struct ops_http_response *ret_response, struct ops_error *error)
{
    (void)self;
    const struct scripted *answer = &service.answers[service.asked < service.count ? service.asked : service.count - 1];
    service.asked++;
    keep(service.url, request->url);
    keep_headers(request);
    ops_memory_clock_advance(wall, answer->takes_ms);
    if (answer->exchanged != OPS_OK)
        return ops_fail(error, answer->exchanged, "The wire was cut.");
    ret_response->status = answer->status;
    ops_buf_append_text(&ret_response->body, answer->body);
    for (size_t i = 0; i < OPS_HTTP_WANTED_MAX; i++)
        if (ret_response->wanted[i].name && strcmp(ret_response->wanted[i].name, "date") == 0)
            (void)snprintf(ret_response->wanted[i].value, OPS_HTTP_VALUE_SIZE, "%s",
                           answer->date ? answer->date : "Tue, 24 Nov 2026 12:00:00 GMT");
    return OPS_OK;
}

static void no_release(struct ops_http_client *self)
{
    (void)self;
}

static const struct ops_http_client_ops scripted_ops = {.exchange = scripted_exchange, .release = no_release};

static struct aws_rig rig;
static struct ops_aws_call call;

static int set_up(void **state)
{
    (void)state;
    memset(&service, 0, sizeof service);
    service.base.ops = &scripted_ops;
    if (ops_memory_clock_new(NOON_MS, &wall) != OPS_OK)
        return -1;
    const struct aws_rig_options options = {.http = &service.base, .clock = wall};
    (void)aws_rig_take_waits();
    return aws_rig_open_with(&rig, &options) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    aws_rig_close(&rig);
    ops_memory_clock_free(wall);
    return 0;
}

static void answer(int status, const char *body)
{
    service.answers[service.count++] = (struct scripted){.status = status, .body = body};
}

static void send_get_item(void)
{
    ops_aws_call_init(&call, OPS_AWS_DYNAMODB, BODY_MAX_BYTES);
    ops_aws_call_json(&call, "DynamoDB_20120810.GetItem", ops_view_of("{}"));
    ops_aws_call_send(rig.client, &call);
}

static void a_call_is_signed_and_its_answer_handed_over(void **state)
{
    (void)state;
    answer(200, "{\"Item\":{}}");
    send_get_item();
    assert_int_equal(call.status, OPS_OK);
    assert_string_equal(ops_buf_text(&call.response.body), "{\"Item\":{}}");
    assert_string_equal(service.date, "20261124T120000Z");
    assert_non_null(strstr(service.authorization, "/20261124/eu-central-1/dynamodb/aws4_request"));
    assert_non_null(strstr(service.authorization, "SignedHeaders=content-type;host;x-amz-date;x-amz-target"));
    assert_false(service.had_payload_hash);
    ops_aws_call_release(&call);
}

struct code_case {
    enum ops_aws_service service;
    int http;
    const char *body;
    const char *code;
    enum ops_status status;
};

static void what_a_service_says_becomes_a_status(void **state)
{
    (void)state;
    static const struct code_case cases[] = {
        {OPS_AWS_DYNAMODB, 400, "{\"__type\":\"com.amazonaws.dynamodb.v20120810#ThrottlingException\",\"message\":\"slow\"}",
         "ThrottlingException", OPS_THROTTLED},
        {OPS_AWS_DYNAMODB, 400, "{\"__type\":\"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException\"}",
         "ProvisionedThroughputExceededException", OPS_THROTTLED},
        {OPS_AWS_DYNAMODB, 400, "{\"__type\":\"com.amazon.coral.service#AccessDeniedException\",\"Message\":\"no\"}",
         "AccessDeniedException", OPS_TARGET_ERROR},
        {OPS_AWS_DYNAMODB, 400, "{\"__type\":\"x#ResourceNotFoundException\",\"message\":\"Requested resource not found\"}",
         "ResourceNotFoundException", OPS_TARGET_MISSING},
        {OPS_AWS_DYNAMODB, 500, "{\"__type\":\"x#InternalServerError\"}", "InternalServerError", OPS_UNKNOWN},
        {OPS_AWS_DYNAMODB, 400, "garbage", "", OPS_TARGET_ERROR},
        {OPS_AWS_DYNAMODB, 503, "", "", OPS_UNKNOWN},
        {OPS_AWS_DYNAMODB, 404, "<html>There is nothing here.</html>", "", OPS_TARGET_ERROR},
        {OPS_AWS_LOGS, 404, "", "", OPS_TARGET_ERROR},
        {OPS_AWS_S3, 404, "<html>There is nothing here.</html>", "", OPS_TARGET_ERROR},
        {OPS_AWS_LOGS, 429, "", "", OPS_THROTTLED},
        {OPS_AWS_S3, 503, "<?xml version=\"1.0\"?><Error><Code>SlowDown</Code><Message>Please reduce</Message></Error>",
         "SlowDown", OPS_THROTTLED},
        {OPS_AWS_S3, 404, "<Error><Code>NoSuchBucket</Code></Error>", "NoSuchBucket", OPS_TARGET_MISSING},
        {OPS_AWS_S3, 403, "", "AccessDenied", OPS_TARGET_ERROR},
        {OPS_AWS_S3, 301, "", "PermanentRedirect", OPS_TARGET_ERROR},
        {OPS_AWS_S3, 200, "<?xml version=\"1.0\"?>\n<Error><Code>InternalError</Code></Error>", "InternalError",
         OPS_UNKNOWN},
        {OPS_AWS_S3, 200, "<Error><Code>SlowDown</Code></Error>", "SlowDown", OPS_THROTTLED},
        {OPS_AWS_S3, 200, "<ErrorFree/>", "", OPS_OK},
        {OPS_AWS_S3, 404, "<!DOCTYPE a [<!ENTITY b \"c\">]><Error><Code>NoSuchBucket</Code></Error>", "", OPS_TARGET_ERROR},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        service.count = service.asked = 0;
        answer(cases[i].http, cases[i].body);
        ops_aws_call_init(&call, cases[i].service, BODY_MAX_BYTES);
        ops_aws_call_send(rig.client, &call);
        assert_string_equal(call.code, cases[i].code);
        assert_int_equal(call.status, cases[i].status);
        assert_int_equal(call.status == OPS_OK, call.error.text[0] == '\0');
        ops_aws_call_release(&call);
    }
}

static void an_error_names_the_operation_and_what_the_service_says(void **state)
{
    (void)state;
    answer(400, "{\"__type\":\"x#ValidationException\",\"message\":\"One or more parameter values were invalid\"}");
    send_get_item();
    assert_string_equal(call.error.text, "DynamoDB refused GetItem with HTTP status 400, ValidationException: One or more "
                                         "parameter values were invalid");
    ops_aws_call_release(&call);
}

/* A service that refuses a signature repeats the request, its session token included. */
static void of_a_message_only_the_first_line_is_shown(void **state)
{
    (void)state;
    answer(403,
           "{\"__type\":\"x#InvalidSignatureException\",\"message\":\"It does not match.\\n\\nThe Canonical String was\\n"
           "'POST\\nx-amz-security-token:TOPSECRET'\"}");
    send_get_item();
    assert_null(strstr(call.error.text, "TOPSECRET"));
    assert_non_null(strstr(call.error.text, "It does not match."));
    ops_aws_call_release(&call);
}

static void what_did_not_reach_the_service_surely_did_not_happen(void **state)
{
    (void)state;
    service.answers[service.count++] = (struct scripted){.exchanged = OPS_UNREACHABLE};
    send_get_item();
    assert_int_equal(call.status, OPS_STORE_UNAVAILABLE);
    ops_aws_call_release(&call);
    service.answers[0].exchanged = OPS_UNKNOWN;
    send_get_item();
    assert_int_equal(call.status, OPS_UNKNOWN);
    ops_aws_call_release(&call);
}

#define SKEWED_BODY "{\"__type\":\"x#InvalidSignatureException\",\"message\":\"Signature expired: now is later\"}"

static void a_wrong_clock_is_put_right_and_stays_right(void **state)
{
    (void)state;
    service.answers[0] = (struct scripted){.status = 400, .body = SKEWED_BODY, .date = "Tue, 24 Nov 2026 13:30:00 GMT"};
    service.answers[1] = (struct scripted){.status = 200, .body = "{}", .date = "Tue, 24 Nov 2026 13:30:00 GMT"};
    service.count = 2;
    send_get_item();
    assert_int_equal(call.status, OPS_OK);
    assert_int_equal(service.asked, 2);
    assert_string_equal(service.date, "20261124T133000Z");
    ops_aws_call_release(&call);
    send_get_item();
    assert_int_equal(service.asked, 3);
    assert_string_equal(service.date, "20261124T133000Z");
    ops_aws_call_release(&call);
}

static void the_services_clock_is_known_by_what_they_have_answered(void **state)
{
    (void)state;
    static const struct {
        int64_t our_ms; /* when we ask */
        struct scripted answer;
        int64_t ahead_ms;
    } cases[] = {
        {NOON_MS, {.status = 200, .body = "{}"}, 0},
        {NOON_MS, {.status = 200, .body = "{}", .date = "Tue, 24 Nov 2026 12:00:43 GMT"}, -43000},
        {NOON_MS, {.exchanged = OPS_UNKNOWN}, -43000}, /* what is known stays so */
        {NOON_MS, {.status = 200, .body = "{}", .date = "noon"}, -43000},
        {NOON_MS, {.status = 200, .body = "{}", .date = "Tue, 24 Nov 2026 11:59:18 GMT"}, 42000},
        {NOON_MS, {.status = 400, .body = "{\"__type\":\"x#ValidationException\"}"}, 0}, /* a refusal tells as well */
        {NOON_MS + 999, {.status = 200, .body = "{}"}, 0}, /* a second is what it tells */
        {NOON_MS - 8000, {.status = 200, .body = "{}", .takes_ms = 9000}, 0}, /* asked before, answered after */
        {NOON_MS - 9000, {.status = 200, .body = "{}", .takes_ms = 2000}, -7000},
        {NOON_MS + INT64_C(86400000), {.status = 200, .body = "{}"}, 86400000},
    };
    struct ops_other_clock *services = ops_aws_client_clock(rig.client);
    int64_t ahead_ms = 77;
    assert_false(ops_other_clock_ahead_ms(services, &ahead_ms));
    assert_int_equal(ahead_ms, 77);
    service.count = 1;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        service.answers[0] = cases[i].answer;
        ops_memory_clock_set(wall, cases[i].our_ms);
        send_get_item();
        ops_aws_call_release(&call);
        assert_true(ops_other_clock_ahead_ms(services, &ahead_ms));
        if (ahead_ms != cases[i].ahead_ms)
            fail_msg("case %zu: %lld", i, (long long)ahead_ms);
    }
}

static void a_signature_that_is_wrong_at_the_right_time_is_not_tried_again(void **state)
{
    (void)state;
    answer(400, SKEWED_BODY);
    send_get_item();
    assert_int_equal(call.status, OPS_TARGET_ERROR);
    assert_int_equal(service.asked, 1);
    ops_aws_call_release(&call);
}

static void keys_that_the_service_does_not_take_are_fetched_anew_once(void **state)
{
    (void)state;
    answer(400, "{\"__type\":\"x#ExpiredTokenException\",\"message\":\"The security token is expired\"}");
    send_get_item();
    assert_int_equal(call.status, OPS_TARGET_ERROR);
    assert_int_equal(service.asked, 2);
    ops_aws_call_release(&call);
    service.count = service.asked = 0;
    answer(400, "{\"__type\":\"x#ExpiredTokenException\"}");
    answer(200, "{}");
    send_get_item();
    assert_int_equal(call.status, OPS_OK);
    ops_aws_call_release(&call);
}

static void a_patient_call_goes_on_until_it_succeeds_or_its_tries_are_used_up(void **state)
{
    (void)state;
    answer(400, "{\"__type\":\"x#ThrottlingException\"}");
    answer(500, "");
    answer(200, "{}");
    ops_aws_call_init(&call, OPS_AWS_DYNAMODB, BODY_MAX_BYTES);
    ops_aws_call_send_patiently(rig.client, &call);
    assert_int_equal(call.status, OPS_OK);
    assert_int_equal(aws_rig_take_waits(), 2);
    ops_aws_call_release(&call);

    service.count = service.asked = 0;
    answer(503, "");
    ops_aws_call_init(&call, OPS_AWS_DYNAMODB, BODY_MAX_BYTES);
    ops_aws_call_send_patiently(rig.client, &call);
    assert_int_equal(call.status, OPS_UNKNOWN);
    assert_int_equal(service.asked, OPS_AWS_TRIES_MAX);
    ops_aws_call_release(&call);
}

static void many_calls_go_side_by_side_and_only_those_that_can_be_put_right_go_twice(void **state)
{
    (void)state;
    enum { COUNT = 4 };
    struct ops_aws_call calls[COUNT];
    answer(200, "{\"n\":0}");
    answer(400, "{\"__type\":\"x#ExpiredTokenException\"}");
    answer(400, "{\"__type\":\"x#ValidationException\"}");
    answer(200, "{\"n\":3}");
    answer(200, "{\"n\":1}");
    for (size_t i = 0; i < COUNT; i++)
        ops_aws_call_init(&calls[i], OPS_AWS_DYNAMODB, BODY_MAX_BYTES);
    ops_aws_call_send_all(rig.client, calls, COUNT, 2, 1000);
    assert_int_equal(service.asked, 5);
    assert_string_equal(ops_buf_text(&calls[0].response.body), "{\"n\":0}");
    assert_string_equal(ops_buf_text(&calls[1].response.body), "{\"n\":1}");
    assert_int_equal(calls[2].status, OPS_TARGET_ERROR);
    assert_string_equal(ops_buf_text(&calls[3].response.body), "{\"n\":3}");
    for (size_t i = 0; i < COUNT; i++)
        ops_aws_call_release(&calls[i]);
}

static void the_account_is_asked_for_once(void **state)
{
    (void)state;
    char account[OPS_AWS_ACCOUNT_SIZE];
    answer(200, "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>"
                "<Arn>arn:aws:iam::123456789012:user/ann</Arn><UserId>AIDA</UserId><Account>123456789012</Account>"
                "</GetCallerIdentityResult></GetCallerIdentityResponse>");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(ops_aws_client_account(rig.client, account, NULL), OPS_OK);
        assert_string_equal(account, "123456789012");
    }
    assert_int_equal(service.asked, 1);
}

static void without_the_account_it_is_not_guessed(void **state)
{
    (void)state;
    char account[OPS_AWS_ACCOUNT_SIZE] = "untouched";
    static const char *const bodies[] = {"", "garbage",
                                         "<A><Account>1234567890123456789012345678901234567890</Account></A>"};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        service.count = 0;
        answer(200, bodies[i]);
        assert_int_equal(ops_aws_client_account(rig.client, account, NULL), OPS_TARGET_ERROR);
        assert_string_equal(account, "untouched");
    }
    static const struct {
        int http_status;
        const char *body;
        enum ops_status expected;
    } refusals[] = {
        {403, "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>", OPS_TARGET_ERROR},
        {404, "", OPS_TARGET_ERROR},
        {501, "", OPS_TARGET_ERROR},
        {500, "", OPS_STORE_UNAVAILABLE},
        {400, "<ErrorResponse><Error><Code>Throttling</Code></Error></ErrorResponse>", OPS_STORE_UNAVAILABLE},
        {403, "<ErrorResponse><Error><Code>ExpiredToken</Code></Error></ErrorResponse>", OPS_STORE_UNAVAILABLE},
    };
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        service.count = 0;
        for (int k = 0; k < 2 * OPS_AWS_TRIES_MAX; k++)
            answer(refusals[i].http_status, refusals[i].body);
        if (ops_aws_client_account(rig.client, account, NULL) != refusals[i].expected)
            fail_msg("%d %s", refusals[i].http_status, refusals[i].body);
    }
}

static void s3_calls_carry_the_hash_of_their_payload(void **state)
{
    (void)state;
    answer(200, "");
    ops_aws_call_init(&call, OPS_AWS_S3, BODY_MAX_BYTES);
    call.bucket = "pvm-data";
    call.query = "versioning=";
    ops_aws_call_send(rig.client, &call);
    assert_true(service.had_payload_hash);
    assert_string_equal(service.url, "http://aws.test/pvm-data/?versioning=");
    ops_aws_call_release(&call);
}

/* Keys that take their time: five seconds. */
static enum ops_status slow_fetch(struct ops_aws_credentials *self, struct ops_aws_keys *ret_keys, struct ops_error *error)
{
    (void)self;
    (void)error;
    ops_memory_clock_advance(wall, 5000);
    *ret_keys = (struct ops_aws_keys){
        .access_key_id = "AKID", .secret_access_key = "secret", .expires_ms = OPS_AWS_NEVER_EXPIRES};
    return OPS_OK;
}

static void the_time_that_keys_take_counts_as_time_in_which_to_begin(void **state)
{
    (void)state;
    static const struct ops_aws_credentials_ops slow_ops = {.fetch = slow_fetch};
    struct ops_aws_credentials slow = {&slow_ops};
    struct ops_aws_client *client = NULL;
    const struct ops_aws_client_config config = {.settings = rig.settings,
                                                 .region = "eu-central-1",
                                                 .credentials = &slow,
                                                 .http = &service.base,
                                                 .clock = wall};
    assert_int_equal(ops_aws_client_new(&config, &client, NULL), OPS_OK);
    answer(200, "{}");
    for (int64_t within_ms = 4000; within_ms <= 6000; within_ms += 2000) {
        bool in_time = within_ms > 5000;
        ops_aws_call_init(&call, OPS_AWS_DYNAMODB, BODY_MAX_BYTES);
        ops_aws_call_send_all(client, &call, 1, 1, within_ms);
        assert_int_equal(call.status, in_time ? OPS_OK : OPS_STORE_UNAVAILABLE);
        assert_int_equal(service.asked, in_time ? 1 : 0);
        ops_aws_call_release(&call);
    }
    ops_aws_call_init(&call, OPS_AWS_DYNAMODB, BODY_MAX_BYTES);
    ops_aws_call_send(client, &call); /* nobody is in a hurry */
    assert_int_equal(call.status, OPS_OK);
    ops_aws_call_release(&call);
    ops_aws_client_free(client);
}

static const char *variable(void *context, const char *name)
{
    const char *const *pair = context;
    return pair && strcmp(name, pair[0]) == 0 ? pair[1] : NULL;
}

struct place_case {
    enum ops_aws_service service;
    const char *configured; /* AWS_ENDPOINT_URL, or NULL */
    const char *region;
    const char *bucket;
    const char *scheme;
    const char *host;
    const char *path;
};

static void an_endpoint_is_the_service_s_own_or_the_one_that_was_configured(void **state)
{
    (void)state;
    static const struct place_case cases[] = {
        {OPS_AWS_DYNAMODB, NULL, "eu-central-1", NULL, "https", "dynamodb.eu-central-1.amazonaws.com", "/p"},
        {OPS_AWS_LOGS, NULL, "cn-north-1", NULL, "https", "logs.cn-north-1.amazonaws.com.cn", "/p"},
        {OPS_AWS_S3, NULL, "eu-west-1", "pvm-data", "https", "pvm-data.s3.eu-west-1.amazonaws.com", "/p"},
        {OPS_AWS_S3, NULL, "eu-west-1", "pvm.data", "https", "s3.eu-west-1.amazonaws.com", "/pvm.data/p"},
        {OPS_AWS_S3, NULL, "eu-west-1", "Old_Name", "https", "s3.eu-west-1.amazonaws.com", "/Old_Name/p"},
        {OPS_AWS_S3, "http://127.0.0.1:9000", "eu-west-1", "pvm-data", "http", "127.0.0.1:9000", "/pvm-data/p"},
        {OPS_AWS_DYNAMODB, "https://proxy.internal/aws", "eu-west-1", NULL, "https", "proxy.internal", "/aws/p"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *pair[] = {"AWS_ENDPOINT_URL", cases[i].configured};
        const struct ops_env env = {variable, pair};
        const struct ops_aws_settings_flags flags = {.region = cases[i].region};
        struct ops_aws_settings *settings = NULL;
        struct ops_aws_endpoint endpoint;
        struct ops_buf host, path;
        assert_int_equal(ops_aws_settings_new(&env, &flags, &settings, NULL), OPS_OK);
        assert_int_equal(ops_aws_endpoint_init(settings, cases[i].service, cases[i].region, &endpoint), OPS_OK);
        ops_buf_init(&host, TEXT_SIZE);
        ops_buf_init(&path, TEXT_SIZE);
        ops_aws_endpoint_place(&endpoint, cases[i].bucket, "/p", &host, &path);
        assert_string_equal(endpoint.scheme, cases[i].scheme);
        assert_string_equal(ops_buf_text(&host), cases[i].host);
        assert_string_equal(ops_buf_text(&path), cases[i].path);
        ops_buf_release(&host);
        ops_buf_release(&path);
        ops_aws_endpoint_release(&endpoint);
        ops_aws_settings_free(settings);
    }
}

static void without_a_region_there_is_no_client(void **state)
{
    (void)state;
    struct ops_aws_client *client = NULL;
    struct ops_error error = OPS_ERROR_INIT;
    const struct ops_aws_client_config config = {.settings = rig.settings, .credentials = rig.credentials, .clock = wall};
    assert_int_equal(ops_aws_client_new(&config, &client, &error), OPS_INVALID_FIELD);
    assert_non_null(strstr(error.text, "AWS_REGION"));
    ops_error_release(&error);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(a_call_is_signed_and_its_answer_handed_over),
        CASE(what_a_service_says_becomes_a_status),
        CASE(an_error_names_the_operation_and_what_the_service_says),
        CASE(of_a_message_only_the_first_line_is_shown),
        CASE(what_did_not_reach_the_service_surely_did_not_happen),
        CASE(a_wrong_clock_is_put_right_and_stays_right),
        CASE(the_services_clock_is_known_by_what_they_have_answered),
        CASE(a_signature_that_is_wrong_at_the_right_time_is_not_tried_again),
        CASE(keys_that_the_service_does_not_take_are_fetched_anew_once),
        CASE(a_patient_call_goes_on_until_it_succeeds_or_its_tries_are_used_up),
        CASE(many_calls_go_side_by_side_and_only_those_that_can_be_put_right_go_twice),
        CASE(the_time_that_keys_take_counts_as_time_in_which_to_begin),
        CASE(the_account_is_asked_for_once),
        CASE(without_the_account_it_is_not_guessed),
        CASE(s3_calls_carry_the_hash_of_their_payload),
        CASE(an_endpoint_is_the_service_s_own_or_the_one_that_was_configured),
        CASE(without_a_region_there_is_no_client),
    };
#undef CASE
    return cmocka_run_group_tests(tests, NULL, NULL);
}
