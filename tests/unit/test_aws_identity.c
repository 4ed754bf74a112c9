/* What things are on AWS, and where the stack is, with a client that answers what no emulator says. */
#include "adapters/aws/catalogue.h"
#include "adapters/memory/clock.h"
#include "base/json.h"
#include "support/alloc_fault.h"
#include "support/aws_rig.h"
#include "support/aws_script.h"
#include "support/cmocka_all.h"

#include <stdlib.h>

#define CALLER                                                                                                              \
    {                                                                                                                       \
        200, "<R><GetCallerIdentityResult><Account>123456789012</Account></GetCallerIdentityResult></R>", OPS_OK            \
    }
#define STS_REFUSES                                                                                                         \
    {                                                                                                                       \
        403, "<E><Error><Code>AccessDenied</Code></Error></E>", OPS_OK                                                      \
    }
#define BODY(text)                                                                                                          \
    {                                                                                                                       \
        200, text, OPS_OK                                                                                                   \
    }

typedef const struct aws_script_answer script_answers[AWS_SCRIPT_ANSWERS_MAX];

static const struct ops_aws_own own = {.table = "ops_main", .log_group = "/ops/audit"};
static script_answers caller = {CALLER};

static struct aws_script script;
static struct aws_rig rig;
static struct ops_clock *wall;
static struct ops_catalogue *stack;
static struct ops_identity identity;
static struct ops_error error;

/* endpoint NULL: AWS's own. */
static void open_at(script_answers answers, const char *region, const char *endpoint)
{
    aws_script_init(&script, answers);
    ops_error_init(&error);
    assert_int_equal(ops_memory_clock_new(0, &wall), OPS_OK);
    assert_int_equal(setenv("AWS_REGION", region, 1), 0);
    const struct aws_rig_options options = {
        .http = &script.client,
        .clock = wall,
        .endpoint_url = endpoint ? endpoint : "https://vpce-1.dynamodb.eu-central-1.vpce.amazonaws.com"};
    assert_true(aws_rig_open_with(&rig, &options));
    assert_int_equal(ops_aws_catalogue_new(rig.client, wall, &own, &stack), OPS_OK);
}

static void open_stack(script_answers answers)
{
    open_at(answers, "eu-central-1", NULL);
}

static void close_stack(void)
{
    ops_catalogue_release(stack);
    aws_rig_close(&rig);
    ops_memory_clock_free(wall);
    ops_error_release(&error);
    (void)unsetenv("AWS_REGION");
}

static enum ops_status identify(enum ops_target_kind kind, const char *name)
{
    const struct ops_target_spec spec = {.kind = kind, .name = name};
    return ops_catalogue_identify(stack, &spec, &identity, &error);
}

static void expect(enum ops_target_kind kind, const char *name, const char *text, const char *location)
{
    assert_int_equal(identify(kind, name), OPS_OK);
    assert_string_equal(identity.text, text);
    assert_string_equal(identity.location, location);
    assert_int_equal(identity.alias_count, 0);
    assert_false(identity.empty);
}

static void expect_place(const char *text)
{
    json_t *place = NULL, *expected = json_loads(text, 0, NULL);
    enum ops_status status = ops_catalogue_where(stack, &place, &error);
    if (status != OPS_OK)
        fail_msg("%s", ops_error_text(&error, status));
    char *said = json_dumps(place, JSON_SORT_KEYS);
    if (!json_equal(place, expected))
        fail_msg("%s", said);
    free(said);
    json_decref(place);
    json_decref(expected);
}

/* ---- What a thing is ---- */

static void a_thing_is_known_by_account_region_and_name(void **state)
{
    (void)state;
    open_stack(caller);
    expect(OPS_TABLE, "pvm_main", "table 123456789012 eu-central-1 pvm_main",
           "arn:aws:dynamodb:eu-central-1:123456789012:table/pvm_main");
    expect(OPS_LOG_GROUP, "/pvm/api", "log_group 123456789012 eu-central-1 /pvm/api",
           "arn:aws:logs:eu-central-1:123456789012:log-group:/pvm/api");
    expect(OPS_BUCKET, "pvm-data", "bucket pvm-data", "arn:aws:s3:::pvm-data");
    for (int i = 0; i < 50; i++)
        assert_int_equal(identify(OPS_TABLE, "pvm_main"), OPS_OK);
    assert_int_equal(script.asked, 1);
    close_stack();
}

static void a_partition_has_arns_of_its_own(void **state)
{
    (void)state;
    static const struct {
        const char *region, *arn;
    } cases[] = {{"cn-north-1", "arn:aws-cn:s3:::b"},       {"us-gov-west-1", "arn:aws-us-gov:s3:::b"},
                 {"us-iso-east-1", "arn:aws-iso:s3:::b"},   {"us-isob-east-1", "arn:aws-iso-b:s3:::b"},
                 {"eusc-de-east-1", "arn:aws-eusc:s3:::b"}, {"us-east-1", "arn:aws:s3:::b"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        open_at(caller, cases[i].region, NULL);
        expect(OPS_BUCKET, "b", "bucket b", cases[i].arn);
        close_stack();
    }
}

static void what_is_g3nops_own_is_said_to_be(void **state)
{
    (void)state;
    static const struct {
        enum ops_target_kind kind;
        const char *name;
        bool is_own;
    } cases[] = {{OPS_TABLE, "ops_main", true},          {OPS_TABLE, "ops_main2", false},
                 {OPS_TABLE, "OPS_MAIN", false},         {OPS_BUCKET, "ops_main", false},
                 {OPS_LOG_GROUP, "ops_main", false},     {OPS_LOG_GROUP, "/ops/audit", true},
                 {OPS_LOG_GROUP, "/ops/audit/x", false}, {OPS_TABLE, "/ops/audit", false}};
    open_stack(caller);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(identify(cases[i].kind, cases[i].name), OPS_OK);
        assert_int_equal(identity.own, cases[i].is_own);
    }
    close_stack();
}

/* What the service may take for a name and the guard does not know. */
static void another_way_to_say_a_name_is_refused_and_nothing_is_asked(void **state)
{
    (void)state;
    static const struct {
        enum ops_target_kind kind;
        const char *name;
    } cases[] = {
        {OPS_TABLE, "arn:aws:dynamodb:eu-central-1:123456789012:table/ops_main"},
        {OPS_TABLE, "ARN:aws:dynamodb:eu-central-1:123456789012:table/ops_main"},
        {OPS_BUCKET, "arn:aws:s3:::doc.g3nretailstack.com"},
        {OPS_BUCKET, "arn:aws:s3:eu-central-1:123456789012:accesspoint:doc"},
        {OPS_LOG_GROUP, "arn:aws:logs:eu-central-1:123456789012:log-group:/ops/audit"},
        {OPS_BUCKET, "doc-metadata-uep5xyzabcdefgh-s3alias"},
        {OPS_BUCKET, "doc-metadata-uep5xyzabcdefgh-S3Alias"},
        {OPS_BUCKET, "doc-abcdefgh--ol-s3"},
        {OPS_BUCKET, "mfzwi23gnjvgw.mrap"},
        {OPS_BUCKET, "data--euc1-az1--x-s3"},
        {OPS_BUCKET, "doc%2Eg3nretailstack.com"},
        {OPS_BUCKET, "doc.g3nretailstack.com?x"},
        {OPS_BUCKET, "doc.g3nretailstack.com#x"},
        {OPS_BUCKET, "doc.g3nretailstack.com/"},
        {OPS_BUCKET, "doc.g3nretailstack.com "},
        {OPS_BUCKET, "x;doc"},
    };
    const struct ops_scope all = {.by = OPS_SCOPE_ALL};
    open_stack(caller);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct ops_target_spec spec = {.kind = cases[i].kind, .name = cases[i].name};
        struct ops_target *target = NULL;
        if (identify(cases[i].kind, cases[i].name) != OPS_TARGET_ERROR || !strstr(error.text, cases[i].name))
            fail_msg("%s: %s", cases[i].name, error.text);
        assert_int_equal(ops_catalogue_open(stack, &spec, &all, &target, &error), OPS_TARGET_ERROR);
        assert_null(target);
    }
    assert_int_equal(script.asked, 0);
    close_stack();
}

static void long_names_are_told_apart(void **state)
{
    (void)state;
    char name[256], other[256], text[OPS_IDENTITY_SIZE];
    memset(name, 'n', sizeof name);
    name[0] = '/';
    name[255] = '\0';
    memcpy(other, name, sizeof name);
    other[254] = 'm';
    open_stack(caller);
    assert_int_equal(identify(OPS_LOG_GROUP, name), OPS_OK);
    memcpy(text, identity.text, sizeof text);
    assert_int_equal(strncmp(text, "log_group sha256:", strlen("log_group sha256:")), 0);
    assert_int_equal(identify(OPS_LOG_GROUP, other), OPS_OK);
    assert_string_not_equal(identity.text, text);
    close_stack();
}

static enum ops_status note_identity(void *context, const struct ops_resource *resource)
{
    ops_buf_append_format(context, "%s=%s;", resource->name, resource->identity);
    return ops_buf_status(context);
}

static void what_is_listed_has_its_identity(void **state)
{
    (void)state;
    struct ops_buf noted;
    script_answers answers = {BODY("{\"TableNames\":[\"a\",\"b\"]}"), CALLER};
    ops_buf_init(&noted, 1000);
    open_stack(answers);
    assert_int_equal(ops_catalogue_list(stack, OPS_TABLE, note_identity, &noted, &error), OPS_OK);
    assert_string_equal(ops_buf_text(&noted), "a=table 123456789012 eu-central-1 a;b=table 123456789012 eu-central-1 b;");
    assert_int_equal(script.asked, 2);
    ops_buf_release(&noted);
    close_stack();
}

/* ---- Where ---- */

static void an_endpoint_is_named_where_it_is_not_aws_own(void **state)
{
    (void)state;
    static const struct {
        const char *endpoint, *place;
    } cases[] = {
        {NULL, "{\"engine\":\"aws\",\"account\":\"123456789012\",\"region\":\"eu-central-1\"}"},
        {"https://dynamodb.eu-central-1.api.aws",
         "{\"engine\":\"aws\",\"account\":\"123456789012\",\"region\":\"eu-central-1\"}"},
        {"https://s3.cn-north-1.amazonaws.com.cn",
         "{\"engine\":\"aws\",\"account\":\"123456789012\",\"region\":\"eu-central-1\"}"},
        {"http://127.0.0.1:5000", "{\"engine\":\"aws\",\"account\":\"123456789012\",\"region\":\"eu-central-1\","
                                  "\"endpoint\":\"http://127.0.0.1:5000\"}"},
        {"https://amazonaws.com.example.org", "{\"engine\":\"aws\",\"account\":\"123456789012\",\"region\":\"eu-central-1\","
                                              "\"endpoint\":\"https://amazonaws.com.example.org\"}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        open_at(caller, "eu-central-1", cases[i].endpoint);
        expect_place(cases[i].place);
        close_stack();
    }
    open_at(caller, "eu-central-1", "http://127.0.0.1:5000");
    expect(OPS_BUCKET, "b", "bucket b http://127.0.0.1:5000", "arn:aws:s3:::b");
    expect(OPS_TABLE, "t", "table 123456789012 eu-central-1 t http://127.0.0.1:5000",
           "arn:aws:dynamodb:eu-central-1:123456789012:table/t");
    close_stack();
}

static void endpoints_that_differ_are_named_with_their_services(void **state)
{
    (void)state;
    const struct aws_rig_options options = {
        .http = &script.client,
        .endpoint_url = "https://vpce.amazonaws.com",
        .endpoints = {[OPS_AWS_S3] = "http://minio:9000", [OPS_AWS_LOGS] = "http://logs:1"}};
    aws_script_init(&script, caller);
    assert_int_equal(ops_memory_clock_new(0, &wall), OPS_OK);
    ops_error_init(&error);
    assert_true(aws_rig_open_with(&rig, &options));
    assert_int_equal(ops_aws_catalogue_new(rig.client, wall, &own, &stack), OPS_OK);
    json_t *place = NULL;
    assert_int_equal(ops_catalogue_where(stack, &place, &error), OPS_OK);
    assert_string_equal(ops_json_text(place, "endpoint", ""), "s3=http://minio:9000 logs=http://logs:1");
    json_decref(place);
    close_stack();
}

/* ---- When it can't be told ---- */

static void without_sts_the_account_is_that_of_the_table_of_records(void **state)
{
    (void)state;
    script_answers answers = {
        STS_REFUSES, BODY("{\"Table\":{\"TableArn\":\"arn:aws:dynamodb:eu-central-1:210987654321:table/ops_main\"}}")};
    open_stack(answers);
    expect_place("{\"engine\":\"aws\",\"account\":\"210987654321\",\"region\":\"eu-central-1\"}");
    assert_non_null(strstr(script.request, "ops_main"));
    expect(OPS_TABLE, "t", "table 210987654321 eu-central-1 t", "arn:aws:dynamodb:eu-central-1:210987654321:table/t");
    assert_int_equal(script.asked, 2);
    close_stack();
}

/* An account is never guessed, and who can't be asked is not asked for each target. */
static void an_account_that_nobody_can_tell_is_unknown(void **state)
{
    (void)state;
    static const struct aws_script_answer second[] = {
        AWS_REFUSAL("AccessDeniedException"),
        AWS_REFUSAL("ResourceNotFoundException"),
        BODY("{}"),
        BODY("{\"Table\":{}}"),
        BODY("{\"Table\":{\"TableArn\":\"ops_main\"}}"),
        BODY("{\"Table\":{\"TableArn\":\"arn:aws:dynamodb:eu-central-1\"}}"),
        BODY("{\"Table\":{\"TableArn\":\"arn:aws:dynamodb:eu-central-1::table/ops_main\"}}"),
        BODY("{\"Table\":{\"TableArn\":\"arn:aws:dynamodb:eu-central-1:123456789012\"}}"),
    };
    for (size_t i = 0; i < sizeof second / sizeof second[0]; i++) {
        script_answers answers = {STS_REFUSES, second[i]};
        open_stack(answers);
        expect_place("{\"engine\":\"aws\",\"account\":\"unknown\",\"region\":\"eu-central-1\"}");
        size_t asked = script.asked;
        expect(OPS_TABLE, "t", "", "");
        expect(OPS_LOG_GROUP, "/l", "", "");
        expect(OPS_BUCKET, "b", "bucket b", "arn:aws:s3:::b");
        assert_int_equal(identify(OPS_TABLE, "ops_main"), OPS_OK);
        assert_true(identity.own);
        assert_int_equal(script.asked, asked);
        close_stack();
    }
}

static void an_account_that_can_not_be_told_now_is_asked_for_again_after_a_while(void **state)
{
    (void)state;
    json_t *place = NULL;
    script_answers answers = {AWS_LOST};
    open_stack(answers);
    assert_int_equal(ops_catalogue_where(stack, &place, &error), OPS_STORE_UNAVAILABLE);
    assert_null(place);
    size_t asked = script.asked;
    expect(OPS_TABLE, "t", "", "");
    expect(OPS_TABLE, "u", "", "");
    assert_int_equal(ops_catalogue_where(stack, &place, &error), OPS_STORE_UNAVAILABLE);
    assert_int_equal(script.asked, asked);
    ops_memory_clock_advance(wall, 5000);
    aws_script_init(&script, caller);
    expect_place("{\"engine\":\"aws\",\"account\":\"123456789012\",\"region\":\"eu-central-1\"}");
    expect(OPS_TABLE, "t", "table 123456789012 eu-central-1 t", "arn:aws:dynamodb:eu-central-1:123456789012:table/t");
    close_stack();
}

static void without_memory_nothing_is_told_wrongly_and_nothing_leaks(void **state)
{
    (void)state;
    bool hit = true;
    for (size_t n = 1; hit; n++) {
        json_t *place = NULL;
        alloc_fault_install(0);
        open_at(caller, "eu-central-1", "http://127.0.0.1:5000");
        alloc_fault_arm(n);
        enum ops_status status = identify(OPS_TABLE, "t");
        if (status == OPS_OK)
            status = ops_catalogue_where(stack, &place, &error);
        hit = alloc_fault_hit();
        if (status != (hit ? OPS_NO_MEMORY : OPS_OK))
            fail_msg("allocation %zu: %s: %s", n, ops_status_tag(status), error.text);
        json_decref(place);
        close_stack();
        assert_int_equal(alloc_fault_live_count(), 0);
        alloc_fault_remove();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thing_is_known_by_account_region_and_name),
        cmocka_unit_test(a_partition_has_arns_of_its_own),
        cmocka_unit_test(what_is_g3nops_own_is_said_to_be),
        cmocka_unit_test(another_way_to_say_a_name_is_refused_and_nothing_is_asked),
        cmocka_unit_test(long_names_are_told_apart),
        cmocka_unit_test(what_is_listed_has_its_identity),
        cmocka_unit_test(an_endpoint_is_named_where_it_is_not_aws_own),
        cmocka_unit_test(endpoints_that_differ_are_named_with_their_services),
        cmocka_unit_test(without_sts_the_account_is_that_of_the_table_of_records),
        cmocka_unit_test(an_account_that_nobody_can_tell_is_unknown),
        cmocka_unit_test(an_account_that_can_not_be_told_now_is_asked_for_again_after_a_while),
        cmocka_unit_test(without_memory_nothing_is_told_wrongly_and_nothing_leaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
