/* Vacuum targets on real tables of DynamoDB Local. What an emulator can't be made to say is in test_target_table_answers.c.
 */
#include "adapters/aws/stack.h"
#include "adapters/sys/clock.h"
#include "base/json.h"
#include "contract/target_suite.h"
#include "support/aws_rig.h"
#include "support/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { BODY_MAX = 16 * 1024, PACE_MOST = 16, STORAGE_LIMIT_BYTES = 8 * 1024 * 1024 };

#define HASH(name) "{\"AttributeName\":\"" name "\",\"KeyType\":\"HASH\"}"
#define RANGE(name) "{\"AttributeName\":\"" name "\",\"KeyType\":\"RANGE\"}"
#define TYPE(name, type) "{\"AttributeName\":\"" name "\",\"AttributeType\":\"" type "\"}"
#define INDEX(name, keys)                                                                                                   \
    "{\"IndexName\":\"" name "\",\"KeySchema\":[" keys "],\"Projection\":{\"ProjectionType\":\"KEYS_ONLY\"}}"

/* How a rig's table is made, and how a record's key is written, around its partition key. */
struct shape {
    const char *definitions;
    const char *keys;
    const char *before;
    const char *after;
};

static const struct shape with_sort_key = {TYPE("pk", "S") "," TYPE("sk", "S"), HASH("pk") "," RANGE("sk"),
                                           "\"pk\":{\"S\":\"", "\"},\"sk\":{\"S\":\"s\"}"};
static const struct shape without_sort_key = {TYPE("pk", "S"), HASH("pk"), "\"pk\":{\"S\":\"", "\"}"};
static const struct shape with_number = {TYPE("pk", "S") "," TYPE("n", "N"), HASH("pk") "," RANGE("n"), "\"pk\":{\"S\":\"",
                                         "\"},\"n\":{\"N\":\"-7.5\"}"};
/* Names that are reserved words, sort in the other order, and must be escaped. */
static const struct shape with_odd_names = {TYPE("name \\\"é\\\\", "S") "," TYPE("date", "S"),
                                            HASH("name \\\"é\\\\") "," RANGE("date"), "\"name \\\"é\\\\\":{\"S\":\"",
                                            "\"},\"date\":{\"S\":\"s\"}"};

static struct aws_rig rig;
static struct ops_aws_stack stack;
static struct ops_catalogue wrapper;
static const char *url;
static char table_name[64];
static const struct shape *shape;
static struct ops_error error;

/* ---- Round the port ---- */

static json_t *ask(const char *operation, const char *body)
{
    char target[64];
    json_t *answer = NULL;
    snprintf(target, sizeof target, "DynamoDB_20120810.%s", operation);
    if (aws_rig_ask(&rig, OPS_AWS_DYNAMODB, target, body, &answer) != OPS_OK)
        fail_msg("%s", body);
    return answer;
}

static void tell(const char *operation, const char *body)
{
    json_decref(ask(operation, body));
}

static void create(const char *definitions, const char *keys, const char *more)
{
    char body[BODY_MAX];
    snprintf(body, sizeof body,
             "{\"TableName\":\"%s\",\"BillingMode\":\"PAY_PER_REQUEST\",\"AttributeDefinitions\":[%s],\"KeySchema\":[%s]%s}",
             table_name, definitions, keys, more);
    tell("CreateTable", body);
}

static void put_item(const char *attributes)
{
    char body[BODY_MAX];
    snprintf(body, sizeof body, "{\"TableName\":\"%s\",\"Item\":{%s}}", table_name, attributes);
    tell("PutItem", body);
}

static bool has_item(const char *key)
{
    char body[BODY_MAX];
    snprintf(body, sizeof body, "{\"TableName\":\"%s\",\"ConsistentRead\":true,\"Key\":{%s}}", table_name, key);
    json_t *answer = ask("GetItem", body);
    bool found = json_object_get(answer, "Item");
    json_decref(answer);
    return found;
}

static size_t count_items(void)
{
    char body[BODY_MAX];
    snprintf(body, sizeof body, "{\"TableName\":\"%s\",\"ConsistentRead\":true,\"Select\":\"COUNT\"}", table_name);
    json_t *answer = ask("Scan", body);
    size_t count = (size_t)ops_json_integer(answer, "Count", -1);
    json_decref(answer);
    return count;
}

/* ---- The suite's rig ---- */

static enum ops_status wrapper_list(struct ops_catalogue *self, enum ops_target_kind kind, ops_on_resource_fn on_resource,
                                    void *context, struct ops_error *ret_error)
{
    (void)self;
    (void)kind;
    return ops_aws_tables_list(&stack, on_resource, context, ret_error);
}

static enum ops_status wrapper_open(struct ops_catalogue *self, const struct ops_target_spec *spec,
                                    const struct ops_scope *scope, struct ops_target **ret_target,
                                    struct ops_error *ret_error)
{
    (void)self;
    return ops_aws_table_open(&stack, spec, scope, ret_target, ret_error);
}

static const struct ops_catalogue_ops wrapper_ops = {.list = wrapper_list, .open = wrapper_open};

static void open_stack(void)
{
    assert_true(aws_rig_open(&rig, url));
    stack.client = rig.client;
    ops_aws_pacer_init(&stack.pacers[OPS_AWS_DYNAMODB], ops_system_clock(), PACE_MOST);
    wrapper.ops = &wrapper_ops;
    ops_error_init(&error);
}

static void drop_table(void)
{
    char body[BODY_MAX];
    snprintf(body, sizeof body, "{\"TableName\":\"%s\"}", table_name);
    tell("DeleteTable", body);
}

static void close_stack(void)
{
    drop_table();
    ops_error_release(&error);
    ops_aws_pacer_release(&stack.pacers[OPS_AWS_DYNAMODB]);
    aws_rig_close(&rig);
}

static void begin(void)
{
    char definitions[1024];
    open_stack();
    snprintf(definitions, sizeof definitions, "%s,%s", shape->definitions, TYPE("orgcode", "S"));
    create(definitions, shape->keys, ",\"GlobalSecondaryIndexes\":[" INDEX("by-org", HASH("orgcode")) "]");
}

static struct ops_catalogue *catalogue(void)
{
    return &wrapper;
}

static void put(const char *key, const char *orgcode)
{
    char item[1024];
    snprintf(item, sizeof item, "%s%s%s,\"orgcode\":{\"S\":\"%s\"},\"body\":{\"N\":\"1\"}", shape->before, key, shape->after,
             orgcode);
    put_item(item);
}

static bool exists(const char *key)
{
    char text[1024];
    snprintf(text, sizeof text, "%s%s%s", shape->before, key, shape->after);
    return has_item(text);
}

static int run(const char *title, const struct shape *the_shape, const char *split)
{
    const struct target_rig suite_rig = {
        .spec = {.kind = OPS_TABLE, .name = table_name, .split = split},
        .missing = {.kind = OPS_TABLE, .name = "nothings"},
        .has_attributes = !split,
        .has_keys = !split,
        .begin = begin,
        .end = close_stack,
        .catalogue = catalogue,
        .put = put,
        .exists = exists,
        .lists_itself = true,
    };
    shape = the_shape;
    return target_suite_run(title, &suite_rig);
}

/* ---- What only a DynamoDB table has ---- */

static struct ops_key_page page;
static const struct ops_scope all = {.by = OPS_SCOPE_ALL};

static int setup(void **state)
{
    (void)state;
    open_stack();
    ops_key_page_init(&page, STORAGE_LIMIT_BYTES);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ops_key_page_release(&page);
    close_stack();
    return 0;
}

static enum ops_status try_open(struct ops_scope scope, const char *split, struct ops_target **ret_target)
{
    const struct ops_target_spec spec = {.kind = OPS_TABLE, .name = table_name, .split = split};
    *ret_target = NULL;
    return ops_catalogue_open(&wrapper, &spec, &scope, ret_target, &error);
}

static struct ops_target *open_ok(struct ops_scope scope, const char *split)
{
    struct ops_target *target;
    enum ops_status status = try_open(scope, split, &target);
    if (status != OPS_OK)
        fail_msg("%s", ops_error_text(&error, status));
    return target;
}

static void assert_refused(struct ops_scope scope, const char *split, const char *reason)
{
    struct ops_target *target;
    assert_int_equal(try_open(scope, split, &target), OPS_TARGET_ERROR);
    if (!strstr(error.text, reason))
        fail_msg("'%s' does not say '%s'", error.text, reason);
}

typedef void (*on_page_fn)(struct ops_target *target);

static void remove_page(struct ops_target *target)
{
    enum ops_removal outcomes[1000];
    assert_true(target->batch_max <= 1000);
    for (size_t at = 0, count; at < page.count; at += count) {
        count = page.count - at < target->batch_max ? page.count - at : target->batch_max;
        assert_int_equal(ops_target_remove(target, page.keys + at, count, outcomes, &error), OPS_OK);
        for (size_t i = 0; i < count; i++)
            assert_int_equal(outcomes[i], OPS_REMOVED);
    }
}

/* Reads a target to its end; the number of keys. Closes it. */
static size_t walk(struct ops_target *target, size_t limit, on_page_fn on_page)
{
    size_t total = 0;
    for (uint32_t segment = 0; segment < target->segment_count; segment++) {
        char *cursor = strdup("");
        for (bool last = false; !last; last = page.last) {
            enum ops_status status = ops_target_page(target, segment, cursor, limit, &page, &error);
            if (status != OPS_OK)
                fail_msg("%s", ops_error_text(&error, status));
            total += page.count;
            free(cursor);
            cursor = strdup(ops_buf_text(&page.cursor));
            if (on_page)
                on_page(target);
        }
        free(cursor);
    }
    ops_target_close(target);
    return total;
}

static void put_numbered(int count, const char *format)
{
    for (int i = 0; i < count; i++) {
        char item[4096];
        snprintf(item, sizeof item, format, i);
        put_item(item);
    }
}

static void create_plain(void)
{
    create(with_sort_key.definitions, with_sort_key.keys, "");
}

/* Texts as they stand in JSON, and what they mean. */
static const struct {
    const char *json;
    const char *text;
} odd_keys[] = {
    {"plain", "plain"},
    {"\\\"quoted\\\"", "\"quoted\""},
    {"back\\\\slash", "back\\slash"},
    {"sl/ash", "sl/ash"},
    {"línea ü 漢字 😀", "línea ü 漢字 😀"},
    {"a\\nb\\tc\\u0001", "a\nb\tc\x01"},
    {"g3nmhs\\u0061dmin", "g3nmhsadmin"},
    {"\\ud83d\\ude00\\\\", "😀\\"},
    {"{\\\"S\\\":\\\"x\\\"}", "{\"S\":\"x\"}"},
};
enum { ODD_COUNT = sizeof odd_keys / sizeof odd_keys[0] };

static void expect_odd_guards(struct ops_target *target)
{
    for (size_t i = 0; i < page.count; i++) {
        bool known = false;
        for (size_t k = 0; k < ODD_COUNT; k++)
            known = known || ops_view_is(page.keys[i].guarded, odd_keys[k].text);
        if (!known)
            fail_msg("%.*s is not known", (int)page.keys[i].guarded.length, page.keys[i].guarded.data);
    }
    struct ops_recount there = {0, 0};
    char *receipt = strdup(ops_buf_text(&page.receipt));
    assert_int_equal(ops_target_recount(target, 0, receipt, &there, &error), OPS_OK);
    assert_int_equal(there.count, page.count);
    remove_page(target);
    assert_int_equal(ops_target_recount(target, 0, receipt, &there, &error), OPS_OK);
    assert_int_equal(there.count, 0);
    free(receipt);
}

static void odd_characters_in_keys_are_guarded_by_their_meaning_and_removed(void **state)
{
    (void)state;
    create_plain();
    for (size_t i = 0; i < ODD_COUNT; i++)
        for (size_t k = 0; k < ODD_COUNT; k++) {
            char item[1024];
            snprintf(item, sizeof item, "\"pk\":{\"S\":\"%s\"},\"sk\":{\"S\":\"%s\"}", odd_keys[i].json, odd_keys[k].json);
            put_item(item);
        }
    assert_int_equal(walk(open_ok(all, NULL), 7, expect_odd_guards), ODD_COUNT * ODD_COUNT);
    assert_int_equal(count_items(), 0);
}

static void expect_binary_guards(struct ops_target *target)
{
    for (size_t i = 0; i < page.count; i++) {
        struct ops_view guarded = page.keys[i].guarded;
        bool known = ops_view_is(guarded, "g3nmhs-secret") || ops_view_equal(guarded, ops_view("\xff\0\xfe\0", 4)) ||
                     ops_view_is(guarded, "abc") || ops_view_is(guarded, "a");
        assert_true(known);
    }
    remove_page(target);
}

static void binary_keys_are_guarded_by_their_bytes(void **state)
{
    (void)state;
    create(TYPE("id", "B") "," TYPE("part", "B"), HASH("id") "," RANGE("part"), "");
    put_item("\"id\":{\"B\":\"ZzNubWhzLXNlY3JldA==\"},\"part\":{\"B\":\"/+8=\"}");
    put_item("\"id\":{\"B\":\"/wD+AA==\"},\"part\":{\"B\":\"AA==\"}");
    put_item("\"id\":{\"B\":\"YWJj\"},\"part\":{\"B\":\"AAAA\"}");
    put_item("\"id\":{\"B\":\"YQ==\"},\"part\":{\"B\":\"AAAA\"}");
    assert_refused((struct ops_scope){OPS_SCOPE_KEY, NULL, NULL, "abc"}, NULL, "is not a string");
    assert_refused((struct ops_scope){OPS_SCOPE_KEY_PREFIX, NULL, NULL, "abc"}, NULL, "is not a string");
    assert_int_equal(walk(open_ok(all, NULL), 3, expect_binary_guards), 4);
    assert_int_equal(count_items(), 0);
}

static void number_keys_are_guarded_by_their_digits(void **state)
{
    (void)state;
    create(TYPE("id", "N"), HASH("id"), "");
    put_item("\"id\":{\"N\":\"12345678901234567890.5\"}");
    struct ops_target *target = open_ok(all, "1x1");
    assert_int_equal(ops_target_page(target, 0, "", 10, &page, &error), OPS_OK);
    assert_int_equal(page.count, 1);
    assert_true(ops_view_is(page.keys[0].guarded, "12345678901234567890.5"));
    remove_page(target);
    ops_target_close(target);
    assert_int_equal(count_items(), 0);
}

static void a_split_is_taken_as_the_plan_says(void **state)
{
    (void)state;
    static const char *const bad[] = {"",     "3",     "x",     "0x1",  "1x0",     "1x5",    "-1x1",        "3x2 ",
                                      " 3x2", "3x2x1", "03x02", "3 x2", "99999x1", "1025x1", "4294967297x1"};
    create_plain();
    put_numbered(60, "\"pk\":{\"S\":\"key-%d\"},\"sk\":{\"S\":\"s\"}");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_refused(all, bad[i], "cuts");
    struct ops_target *target = open_ok(all, "3x2");
    assert_int_equal(target->segment_count, 3);
    assert_string_equal(target->split, "3x2");
    assert_int_equal(walk(target, 9, remove_page), 60);
    assert_int_equal(count_items(), 0);
    target = open_ok(all, NULL);
    assert_string_equal(target->split, "1x4");
    ops_target_close(target);
    assert_refused((struct ops_scope){OPS_SCOPE_KEY, NULL, NULL, "a"}, "3x2", "cuts");
    target = open_ok((struct ops_scope){OPS_SCOPE_KEY, NULL, NULL, "a"}, NULL);
    assert_string_equal(target->split, "1x1");
    ops_target_close(target);
}

static void a_table_with_deletion_protection_is_refused(void **state)
{
    (void)state;
    char body[256];
    create(with_sort_key.definitions, with_sort_key.keys, ",\"DeletionProtectionEnabled\":true");
    assert_refused(all, NULL, "deletion protection");
    snprintf(body, sizeof body, "{\"TableName\":\"%s\",\"DeletionProtectionEnabled\":false}", table_name);
    tell("UpdateTable", body);
    ops_target_close(open_ok(all, NULL));
}

static void an_index_must_exist_and_be_by_the_attribute(void **state)
{
    (void)state;
    create(TYPE("pk", "S") "," TYPE("sk", "S") "," TYPE("org", "S") "," TYPE("number", "N"), HASH("pk") "," RANGE("sk"),
           ",\"GlobalSecondaryIndexes\":[" INDEX("by-org", HASH("org") "," RANGE("number")) "," INDEX(
               "by-number", HASH("number") "," RANGE("org")) "]");
    assert_refused((struct ops_scope){OPS_SCOPE_INDEX, "org", "by-nothing", "acme"}, NULL, "has no index by-nothing");
    assert_refused((struct ops_scope){OPS_SCOPE_INDEX, "number", "by-org", "acme"}, NULL, "is not number");
    assert_refused((struct ops_scope){OPS_SCOPE_INDEX, "org", "by-number", "acme"}, NULL, "is not org");
    ops_target_close(open_ok((struct ops_scope){OPS_SCOPE_INDEX, "number", "by-number", "7"}, NULL));
    ops_target_close(open_ok((struct ops_scope){OPS_SCOPE_INDEX, "org", "by-org", "acme"}, NULL));
}

static void an_index_with_a_sort_key_is_paged_by_both_keys(void **state)
{
    (void)state;
    create(TYPE("pk", "S") "," TYPE("sk", "S") "," TYPE("org", "S") "," TYPE("number", "N"), HASH("pk") "," RANGE("sk"),
           ",\"GlobalSecondaryIndexes\":[" INDEX("by-org", HASH("org") "," RANGE("number")) "]");
    put_numbered(150,
                 "\"pk\":{\"S\":\"key-%d\"},\"sk\":{\"S\":\"s\"},\"org\":{\"S\":\"ac\\\"me\"},\"number\":{\"N\":\"3\"}");
    put_numbered(30, "\"pk\":{\"S\":\"other-%d\"},\"sk\":{\"S\":\"s\"},\"org\":{\"S\":\"acme\"},\"number\":{\"N\":\"3\"}");
    const struct ops_scope scope = {OPS_SCOPE_INDEX, "org", "by-org", "ac\"me"};
    assert_int_equal(walk(open_ok(scope, NULL), 7, NULL), 150);
    assert_int_equal(walk(open_ok(scope, NULL), 1000, NULL), 150);
    assert_int_equal(walk(open_ok(scope, NULL), 120, remove_page), 150);
    assert_int_equal(count_items(), 30);
}

static void an_index_by_a_key_of_the_table_is_verified_by_that_key(void **state)
{
    (void)state;
    create(with_sort_key.definitions, with_sort_key.keys,
           ",\"GlobalSecondaryIndexes\":[" INDEX("turned", HASH("sk") "," RANGE("pk")) "]");
    put_numbered(10, "\"pk\":{\"S\":\"key-%d\"},\"sk\":{\"S\":\"acme\"}");
    put_numbered(10, "\"pk\":{\"S\":\"key-%d\"},\"sk\":{\"S\":\"acme2\"}");
    const struct ops_scope scope = {OPS_SCOPE_INDEX, "sk", "turned", "acme"};
    assert_int_equal(walk(open_ok(scope, NULL), 3, remove_page), 10);
    assert_int_equal(count_items(), 10);
}

static void a_local_index_is_read_too(void **state)
{
    (void)state;
    create(TYPE("pk", "S") "," TYPE("sk", "S") "," TYPE("at", "S"), HASH("pk") "," RANGE("sk"),
           ",\"LocalSecondaryIndexes\":[" INDEX("by-time", HASH("pk") "," RANGE("at")) "]");
    put_numbered(20, "\"pk\":{\"S\":\"acme\"},\"sk\":{\"S\":\"s%d\"},\"at\":{\"S\":\"2026\"}");
    put_item("\"pk\":{\"S\":\"acme2\"},\"sk\":{\"S\":\"s\"},\"at\":{\"S\":\"2026\"}");
    const struct ops_scope scope = {OPS_SCOPE_INDEX, "pk", "by-time", "acme"};
    assert_int_equal(walk(open_ok(scope, NULL), 6, remove_page), 20);
    assert_int_equal(count_items(), 1);
}

/* ---- Whose a record is ---- */

/* An attribute's value, and the tenant that it names; "" is nobody, and NULL can't be told. */
static const struct {
    const char *json;
    const char *tenant;
} tenants[] = {
    {"{\"S\":\"1001\"}", "1001"},
    {"{\"S\":\"01001\"}", "01001"},
    {"{\"S\":\"1001.0\"}", "1001.0"},
    {"{\"S\":\"1.001E3\"}", "1.001E3"},
    {"{\"S\":\"acme\"}", "acme"},
    {"{\"S\":\"true\"}", "true"},
    {"{\"S\":\"-0\"}", "-0"},
    {"{\"N\":\"1001\"}", "1001"},
    {"{\"N\":\"1001.0\"}", "1001"},
    {"{\"N\":\"1.001E3\"}", "1001"},
    {"{\"N\":\"+1001\"}", "1001"},
    {"{\"N\":\"01001\"}", "1001"},
    {"{\"N\":\"-1001\"}", "-1001"},
    {"{\"N\":\"1001.5\"}", "1001.5"},
    {"{\"N\":\"0\"}", "0"},
    {"{\"N\":\"0.0500\"}", "0.05"},
    {"{\"N\":\"1E40\"}", "10000000000000000000000000000000000000000"},
    {"{\"N\":\"12345678901234567890123456789012345678\"}", "12345678901234567890123456789012345678"},
    {"{\"BOOL\":true}", ""},
    {"{\"NULL\":true}", ""},
    {"{\"B\":\"MTAwMQ==\"}", NULL},
    {"{\"SS\":[\"1001\"]}", NULL},
    {"{\"NS\":[\"1001\"]}", NULL},
    {"{\"BS\":[\"MTAwMQ==\"]}", NULL},
    {"{\"L\":[{\"N\":\"1001\"}]}", NULL},
    {"{\"L\":[]}", NULL},
    {"{\"M\":{\"N\":{\"S\":\"1001\"}}}", NULL},
};
enum { TENANT_COUNT = sizeof tenants / sizeof tenants[0] };

static const char *const orgcodes[] = {
    "1001",
    "01001",
    "1001.0",
    "1.001E3",
    "1.001e3",
    "-1001",
    "1001.5",
    "0",
    "-0",
    "00",
    "0.05",
    ".05",
    "acme",
    "true",
    "nobody",
    "1",
    "10000000000000000000000000000000000000000",
    "12345678901234567890123456789012345678",
    /* 39 digits: no number of DynamoDB's. */
    "123456789012345678901234567890123456789",
    "1234567890123456789012345678901234567890123456789012345678901234",
    "-",
    ".",
    "1.",
    "--1",
    "1-1",
};
enum { ORGCODE_COUNT = sizeof orgcodes / sizeof orgcodes[0] };

static void put_tenants(void)
{
    char item[1024];
    for (size_t i = 0; i < TENANT_COUNT; i++) {
        snprintf(item, sizeof item, "\"pk\":{\"S\":\"key-%zu\"},\"sk\":{\"S\":\"s\"},\"org\":%s", i, tenants[i].json);
        put_item(item);
    }
    put_item("\"pk\":{\"S\":\"key-bare\"},\"sk\":{\"S\":\"s\"}");
}

static size_t expected_of(const char *orgcode)
{
    size_t count = 0;
    for (size_t i = 0; i < TENANT_COUNT; i++)
        count += tenants[i].tenant && strcmp(tenants[i].tenant, orgcode) == 0;
    return count;
}

static size_t count_incomparable(void)
{
    size_t count = 0;
    for (size_t i = 0; i < TENANT_COUNT; i++)
        count += !tenants[i].tenant;
    return count;
}

static void expect_this_tenant(const char *orgcode)
{
    for (size_t i = 0; i < page.count; i++) {
        size_t number = TENANT_COUNT;
        assert_int_equal(sscanf(page.keys[i].guarded.data, "key-%zu", &number), 1);
        assert_string_equal(tenants[number].tenant, orgcode);
    }
}

static const char *orgcode_in_hand;

static void expect_tenant_in_hand(struct ops_target *target)
{
    (void)target;
    expect_this_tenant(orgcode_in_hand);
}

static void a_tenant_is_a_string_or_a_number_of_that_text_and_nothing_else(void **state)
{
    (void)state;
    static struct ops_remarks remarks;
    create_plain();
    put_tenants();
    for (size_t i = 0; i < 2 * ORGCODE_COUNT; i++) {
        orgcode_in_hand = orgcodes[i % ORGCODE_COUNT];
        bool ignores = i >= ORGCODE_COUNT;
        const struct ops_scope scope = {
            .by = OPS_SCOPE_ATTRIBUTE, .attribute = "org", .value = orgcode_in_hand, .ignore_incomparable = ignores};
        struct ops_target *target = open_ok(scope, i % 3 ? NULL : "1x1");
        ops_remarks_clear(&remarks);
        target->remarks = &remarks;
        size_t found = walk(target, 1 + i % 7, expect_tenant_in_hand);
        if (found != expected_of(orgcode_in_hand))
            fail_msg("%s: %zu", orgcode_in_hand, found);
        assert_int_equal(remarks.counts[OPS_REMARK_INCOMPARABLE], ignores ? 0 : count_incomparable());
        assert_int_equal(remarks.counts[OPS_REMARK_IGNORED], ignores ? count_incomparable() : 0);
    }
    assert_int_equal(walk(open_ok((struct ops_scope){.by = OPS_SCOPE_ATTRIBUTE, .attribute = "org", .value = "1001"}, NULL),
                          4, remove_page),
                     expected_of("1001"));
    assert_int_equal(count_items(), TENANT_COUNT + 1 - expected_of("1001"));
}

static void what_can_not_be_compared_is_named_by_its_key_and_its_type(void **state)
{
    (void)state;
    static struct ops_remarks remarks;
    create(with_number.definitions, with_number.keys, "");
    put_item("\"pk\":{\"S\":\"a\\\"b\"},\"n\":{\"N\":\"7\"},\"org\":{\"SS\":[\"acme\",\"beta\"]}");
    struct ops_target *target = open_ok((struct ops_scope){OPS_SCOPE_ATTRIBUTE, "org", NULL, "acme", false}, NULL);
    ops_remarks_clear(&remarks);
    target->remarks = &remarks;
    assert_int_equal(walk(target, 10, NULL), 0);
    assert_int_equal(remarks.count, 1);
    assert_string_equal(remarks.first[0].name, "{\"pk\":{\"S\":\"a\\\"b\"},\"n\":{\"N\":\"7\"}}");
    assert_string_equal(remarks.first[0].reason, "the attribute org is a set of strings");
}

/* An index has only what is of its key's type; DynamoDB refuses to write anything else. */
static void an_index_by_a_number_finds_the_tenant_of_that_text(void **state)
{
    (void)state;
    create(TYPE("pk", "S") "," TYPE("sk", "S") "," TYPE("org", "N"), HASH("pk") "," RANGE("sk"),
           ",\"GlobalSecondaryIndexes\":[" INDEX("by-org", HASH("org")) "]");
    size_t numbers = 0;
    for (size_t i = 0; i < TENANT_COUNT; i++) {
        char item[1024];
        snprintf(item, sizeof item, "\"pk\":{\"S\":\"key-%zu\"},\"sk\":{\"S\":\"s\"},\"org\":%s", i, tenants[i].json);
        if (strncmp(tenants[i].json, "{\"N\"", 4) != 0)
            continue;
        put_item(item);
        numbers++;
    }
    for (size_t i = 0; i < ORGCODE_COUNT; i++) {
        size_t expected = 0;
        orgcode_in_hand = orgcodes[i];
        for (size_t k = 0; k < TENANT_COUNT; k++)
            expected += strncmp(tenants[k].json, "{\"N\"", 4) == 0 && strcmp(tenants[k].tenant, orgcode_in_hand) == 0;
        const struct ops_scope scope = {OPS_SCOPE_INDEX, "org", "by-org", orgcode_in_hand, false};
        if (walk(open_ok(scope, NULL), 3, expect_tenant_in_hand) != expected)
            fail_msg("%s", orgcode_in_hand);
    }
    assert_int_equal(
        walk(open_ok((struct ops_scope){OPS_SCOPE_INDEX, "org", "by-org", "1001", false}, NULL), 2, remove_page), 5);
    assert_int_equal(count_items(), numbers - 5);
}

/* An attribute of the table's own key has one type in all records. */
static void a_tenant_in_the_key_is_compared_by_the_keys_type(void **state)
{
    (void)state;
    static struct ops_remarks remarks;
    create(TYPE("org", "N") "," TYPE("sk", "B"), HASH("org") "," RANGE("sk"), "");
    put_item("\"org\":{\"N\":\"1001.0\"},\"sk\":{\"B\":\"YQ==\"}");
    put_item("\"org\":{\"N\":\"1001\"},\"sk\":{\"B\":\"Yg==\"}");
    put_item("\"org\":{\"N\":\"-7\"},\"sk\":{\"B\":\"Yg==\"}");
    static const struct {
        const char *attribute, *value;
        size_t found, incomparable;
    } cases[] = {
        {"org", "1001", 2, 0}, {"org", "01001", 0, 0}, {"org", "-7", 1, 0}, {"org", "acme", 0, 0}, {"sk", "a", 0, 3}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ops_target *target =
            open_ok((struct ops_scope){OPS_SCOPE_ATTRIBUTE, cases[i].attribute, NULL, cases[i].value, false}, NULL);
        ops_remarks_clear(&remarks);
        target->remarks = &remarks;
        assert_int_equal(walk(target, 2, NULL), cases[i].found);
        assert_int_equal(remarks.counts[OPS_REMARK_INCOMPARABLE], cases[i].incomparable);
    }
    const struct ops_scope ignoring = {OPS_SCOPE_ATTRIBUTE, "sk", NULL, "a", true};
    assert_int_equal(walk(open_ok(ignoring, NULL), 2, NULL), 0);
}

static void a_tenant_among_many_is_found_whole_whatever_the_page_size(void **state)
{
    (void)state;
    static const size_t limits[] = {1, 5, 40, 1000};
    create_plain();
    put_numbered(400, "\"pk\":{\"S\":\"key-%d\"},\"sk\":{\"S\":\"s\"},\"org\":{\"S\":\"other\"}");
    put_numbered(90, "\"pk\":{\"S\":\"mine-%d\"},\"sk\":{\"S\":\"s\"},\"org\":{\"S\":\"acme\"}");
    const struct ops_scope scope = {OPS_SCOPE_ATTRIBUTE, "org", NULL, "acme"};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
        assert_int_equal(walk(open_ok(scope, i % 2 ? "2x3" : NULL), limits[i], NULL), 90);
    assert_int_equal(walk(open_ok(scope, NULL), 33, remove_page), 90);
    assert_int_equal(count_items(), 400);
}

static void long_keys_end_a_page_before_its_receipt_is_full(void **state)
{
    (void)state;
    char format[2048];
    create_plain();
    snprintf(format, sizeof format, "\"pk\":{\"S\":\"%0900d-%%d\"},\"sk\":{\"S\":\"%0700d\"}", 0, 0);
    put_numbered(200, format);
    assert_int_equal(walk(open_ok(all, NULL), 1000, NULL), 200);
    struct ops_target *target = open_ok(all, NULL);
    assert_int_equal(ops_target_page(target, 0, "", 1000, &page, &error), OPS_OK);
    assert_in_range(page.count, 70, 81);
    assert_in_range(page.receipt.length, 1, OPS_RECEIPT_MAX_BYTES);
    struct ops_recount there = {0, 0};
    assert_int_equal(ops_target_recount(target, 0, ops_buf_text(&page.receipt), &there, &error), OPS_OK);
    assert_int_equal(there.count, page.count);
    assert_int_equal(walk(target, 1000, remove_page), 200);
    assert_int_equal(count_items(), 0);
}

static void the_longest_keys_of_four_lanes_fit_a_cursor(void **state)
{
    (void)state;
    char format[4096];
    create_plain();
    snprintf(format, sizeof format, "\"pk\":{\"S\":\"%02040d-%%d\"},\"sk\":{\"S\":\"%01024d\"}", 0, 0);
    put_numbered(60, format);
    assert_int_equal(walk(open_ok(all, NULL), 1000, NULL), 60);
    assert_int_equal(walk(open_ok(all, NULL), 9, remove_page), 60);
    assert_int_equal(count_items(), 0);
}

static void a_page_ends_before_its_storage_is_full(void **state)
{
    (void)state;
    create_plain();
    put_numbered(50, "\"pk\":{\"S\":\"key-%d\"},\"sk\":{\"S\":\"s\"}");
    ops_key_page_release(&page);
    ops_key_page_init(&page, 500);
    assert_int_equal(walk(open_ok(all, NULL), 1000, remove_page), 50);
    assert_int_equal(count_items(), 0);
}

static void a_full_page_is_removed_in_two_calls(void **state)
{
    (void)state;
    create_plain();
    put_numbered(2100, "\"pk\":{\"S\":\"partition\"},\"sk\":{\"S\":\"sort-%d\"}");
    struct ops_target *target = open_ok((struct ops_scope){OPS_SCOPE_KEY, NULL, NULL, "partition"}, NULL);
    assert_int_equal(target->page_max, 2000);
    assert_int_equal(target->batch_max, 1000);
    assert_int_equal(ops_target_page(target, 0, "", 5000, &page, &error), OPS_OK);
    assert_int_equal(page.count, 2000);
    remove_page(target);
    assert_int_equal(count_items(), 100);
    ops_target_close(target);
}

static void a_table_that_goes_away_is_missing(void **state)
{
    (void)state;
    enum ops_removal outcomes[3];
    struct ops_recount there;
    create_plain();
    put_numbered(3, "\"pk\":{\"S\":\"key-%d\"},\"sk\":{\"S\":\"s\"}");
    struct ops_target *target = open_ok(all, NULL);
    assert_int_equal(ops_target_page(target, 0, "", 10, &page, &error), OPS_OK);
    assert_int_equal(page.count, 3);
    drop_table();
    assert_int_equal(ops_target_remove(target, page.keys, 3, outcomes, &error), OPS_TARGET_MISSING);
    assert_int_equal(ops_target_recount(target, 0, ops_buf_text(&page.receipt), &there, &error), OPS_TARGET_MISSING);
    assert_int_equal(ops_target_page(target, 0, "", 10, &page, &error), OPS_TARGET_MISSING);
    ops_target_close(target);
    create_plain();
}

static void cursors_and_receipts_of_others_are_refused(void **state)
{
    (void)state;
    static const char *const cursors[] = {
        "{}",
        "[]",
        "[null,null,null]",
        "[null,null,null,null,null]",
        "[null,null,null,true]",
        "[null,null,null,0]",
        "[null,null,null,\"x\"]",
        "[null,null,null,[]]",
        "[null,null,null,{\"pk\":{\"S\":\"a\"}}]",
        "[null,null,null,{\"pk\":{\"S\":\"a\"},\"sk\":{\"N\":\"1\"}}]",
        "[null,null,null,{\"pk\":{\"S\":\"a\"},\"sk\":{\"S\":\"b\"},\"x\":{\"S\":\"b\"}}]",
        "[null,null,null,null]x",
    };
    static const char *const receipts[] = {
        "{}",
        "Spk;a;",
        "Spk,Nsk;a,1;",
        "Ssk,Spk;a,b;",
        "Spk,Ssk;a;",
        "Spk,Ssk;a,b",
        "Spk,Ssk;a,b,",
        "Spk,Ssk;a,b,c;",
        "Spk,Ssk;a,b;c;",
        "Spk,Ssk;a,b;;",
        "Spk,Ssk;a\",b;",
        "Spk,Ssk;a,b\\;",
        "Spk,Ssk;a,\x01;",
        "Spk,Ssk;a,\\u12;",
        "Spk,Ssk;a,\xff;",
        "Spk,Ssk;a\\u002,b;",
        "spk,ssk;a,b;",
        "Spk,Ssk",
    };
    struct ops_recount there = {5, 5};
    create_plain();
    struct ops_target *target = open_ok(all, NULL);
    for (size_t i = 0; i < sizeof cursors / sizeof cursors[0]; i++)
        if (ops_target_page(target, 0, cursors[i], 10, &page, &error) != OPS_TARGET_ERROR)
            fail_msg("%s was taken", cursors[i]);
    for (size_t i = 0; i < sizeof receipts / sizeof receipts[0]; i++)
        if (ops_target_recount(target, 0, receipts[i], &there, &error) != OPS_TARGET_ERROR)
            fail_msg("%s was taken", receipts[i]);
    assert_int_equal(there.count, 5);
    assert_int_equal(ops_target_page(target, 0, "[false,false,false,false]", 10, &page, &error), OPS_OK);
    assert_true(page.last && page.count == 0);
    ops_target_close(target);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

/* What two emulators should agree on. */
static int run_tenants(const char *title)
{
    const struct CMUnitTest tests[] = {
        CASE(a_tenant_is_a_string_or_a_number_of_that_text_and_nothing_else),
        CASE(what_can_not_be_compared_is_named_by_its_key_and_its_type),
        CASE(an_index_by_a_number_finds_the_tenant_of_that_text),
        CASE(a_tenant_in_the_key_is_compared_by_the_keys_type),
    };
    return cmocka_run_group_tests_name(title, tests, NULL, NULL);
}

static int run_on_dynamodb_local(void)
{
    const struct CMUnitTest tests[] = {
        CASE(odd_characters_in_keys_are_guarded_by_their_meaning_and_removed),
        CASE(binary_keys_are_guarded_by_their_bytes),
        CASE(number_keys_are_guarded_by_their_digits),
        CASE(a_split_is_taken_as_the_plan_says),
        CASE(a_table_with_deletion_protection_is_refused),
        CASE(an_index_must_exist_and_be_by_the_attribute),
        CASE(an_index_with_a_sort_key_is_paged_by_both_keys),
        CASE(an_index_by_a_key_of_the_table_is_verified_by_that_key),
        CASE(a_local_index_is_read_too),
        CASE(a_tenant_among_many_is_found_whole_whatever_the_page_size),
        CASE(long_keys_end_a_page_before_its_receipt_is_full),
        CASE(the_longest_keys_of_four_lanes_fit_a_cursor),
        CASE(a_page_ends_before_its_storage_is_full),
        CASE(a_full_page_is_removed_in_two_calls),
        CASE(a_table_that_goes_away_is_missing),
        CASE(cursors_and_receipts_of_others_are_refused),
    };
    int failed = run("a table with partition key and sort key", &with_sort_key, NULL);
    failed += run("a table with a partition key only", &without_sort_key, NULL);
    failed += run("a table with a number for a sort key", &with_number, NULL);
    failed += run("a table with odd names", &with_odd_names, NULL);
    failed += run("a table cut as the plan says", &with_sort_key, "2x3");
    failed += run_tenants("tenants in DynamoDB Local");
    return failed + cmocka_run_group_tests_name("only in DynamoDB", tests, NULL, NULL);
}

#undef CASE

int main(void)
{
    const char *moto = aws_rig_endpoint("OPS_TEST_MOTO_URL", "moto");
    const char *local = aws_rig_endpoint("OPS_TEST_DYNAMODB_URL", "DynamoDB Local");
    int failed = 0;
    snprintf(table_name, sizeof table_name, "things-%ld", (long)getpid());
    url = local;
    failed += local ? run_on_dynamodb_local() : 0;
    url = moto;
    failed += moto ? run("a table of moto", &with_sort_key, NULL) + run_tenants("tenants in moto") : 0;
    return moto || local ? failed : AWS_RIG_SKIPPED;
}
