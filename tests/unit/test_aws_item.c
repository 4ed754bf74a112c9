#include "adapters/aws/item.h"
#include "base/json.h"
#include "support/alloc_fault.h"
#include "support/cmocka_all.h"

#include <stdio.h>

static json_t *value_of(const char *text)
{
    json_t *value = json_loads(text, JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL);
    assert_non_null(value);
    return value;
}

static void expect_json(const json_t *value, const char *text)
{
    json_t *expected = value_of(text);
    assert_true(json_equal(value, expected));
    json_decref(expected);
}

struct value_case {
    const char *value;
    const char *attribute;
};

static const struct value_case value_cases[] = {
    {"\"\"", "{\"S\": \"\"}"},
    {"\"gr\\u00fc\\u00df \\u0000 \\u0001\"", "{\"S\": \"gr\\u00fc\\u00df \\u0000 \\u0001\"}"},
    {"0", "{\"N\": \"0\"}"},
    {"-7", "{\"N\": \"-7\"}"},
    {"9223372036854775807", "{\"N\": \"9223372036854775807\"}"},
    {"-9223372036854775808", "{\"N\": \"-9223372036854775808\"}"},
    {"true", "{\"BOOL\": true}"},
    {"false", "{\"BOOL\": false}"},
    {"null", "{\"NULL\": true}"},
    {"[]", "{\"L\": []}"},
    {"{}", "{\"M\": {}}"},
    {"[1, [\"a\", null]]", "{\"L\": [{\"N\": \"1\"}, {\"L\": [{\"S\": \"a\"}, {\"NULL\": true}]}]}"},
    {"{\"S\": {\"N\": \"1\"}}", "{\"M\": {\"S\": {\"M\": {\"N\": {\"S\": \"1\"}}}}}"},
};

static void every_value_has_an_attribute_and_comes_back_from_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof value_cases / sizeof value_cases[0]; i++) {
        json_t *value = value_of(value_cases[i].value), *attribute = NULL, *again = NULL;
        assert_int_equal(ops_aws_item_write_value(value, &attribute), OPS_OK);
        expect_json(attribute, value_cases[i].attribute);
        assert_int_equal(ops_aws_item_read_value(attribute, &again), OPS_OK);
        assert_true(json_equal(value, again));
        json_decref(value);
        json_decref(attribute);
        json_decref(again);
    }
}

static void what_is_no_value_of_ours_is_corrupt(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{}",
        "[]",
        "\"S\"",
        "null",
        "{\"X\": 1}",
        "{\"S\": \"a\", \"N\": \"1\"}",
        "{\"S\": 1}",
        "{\"S\": null}",
        "{\"N\": 1}",
        "{\"N\": \"\"}",
        "{\"N\": \"-\"}",
        "{\"N\": \"01\"}",
        "{\"N\": \"+1\"}",
        "{\"N\": \" 1\"}",
        "{\"N\": \"1 \"}",
        "{\"N\": \"1.5\"}",
        "{\"N\": \"1e3\"}",
        "{\"N\": \"0x1\"}",
        "{\"N\": \"1\\u0000\"}",
        "{\"N\": \"9223372036854775808\"}",
        "{\"N\": \"-9223372036854775809\"}",
        "{\"BOOL\": \"true\"}",
        "{\"BOOL\": 1}",
        "{\"NULL\": false}",
        "{\"NULL\": null}",
        "{\"L\": {}}",
        "{\"L\": [1]}",
        "{\"L\": [{\"S\": \"a\"}, {}]}",
        "{\"M\": []}",
        "{\"M\": {\"a\": 1}}",
        "{\"M\": {\"a\": {\"B\": \"YQ==\"}}}",
        "{\"B\": \"YQ==\"}",
        "{\"SS\": [\"a\"]}",
        "{\"NS\": [\"1\"]}",
        "{\"BS\": [\"YQ==\"]}",
        "{\"s\": \"a\"}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        json_t *attribute = value_of(texts[i]), *value = NULL;
        if (ops_aws_item_read_value(attribute, &value) != OPS_CORRUPT)
            fail_msg("%s passes for a value", texts[i]);
        assert_null(value);
        json_decref(attribute);
    }
}

/* depth arrays, one in the other. */
static json_t *nested(int depth)
{
    json_t *value = json_array();
    for (int i = 1; i < depth; i++) {
        json_t *outer = json_array();
        assert_int_equal(json_array_append_new(outer, value), 0);
        value = outer;
    }
    return value;
}

static void values_are_nested_as_deep_as_dynamodb_takes_them_and_no_deeper(void **state)
{
    (void)state;
    json_t *deepest = nested(OPS_AWS_ITEM_DEPTH_MAX + 1), *deeper = nested(OPS_AWS_ITEM_DEPTH_MAX + 2);
    json_t *attribute = NULL, *again = NULL;
    assert_int_equal(ops_aws_item_write_value(deeper, &attribute), OPS_LIMIT);
    assert_int_equal(ops_aws_item_write_value(deepest, &attribute), OPS_OK);
    assert_int_equal(ops_aws_item_read_value(attribute, &again), OPS_OK);
    assert_true(json_equal(deepest, again));
    json_decref(again);
    again = NULL;
    json_t *list = json_pack("{s:[o]}", "L", attribute);
    assert_int_equal(ops_aws_item_read_value(list, &again), OPS_CORRUPT);
    json_decref(list);
    json_decref(deepest);
    json_decref(deeper);
}

static void a_document_lies_beside_its_key_and_comes_back_without_it(void **state)
{
    (void)state;
    json_t *doc = value_of("{\"status\": \"active\", \"revision\": 3, \"updates\": [{\"text\": \"a\"}]}");
    json_t *item = NULL, *again = NULL;
    const char *sk = NULL;
    assert_int_equal(ops_aws_item_write("SINGLETON", "ACTIVE_MAINTENANCE", doc, &item), OPS_OK);
    expect_json(item,
                "{\"pk\": {\"S\": \"SINGLETON\"}, \"sk\": {\"S\": \"ACTIVE_MAINTENANCE\"}, \"status\": {\"S\": \"active\"},"
                " \"revision\": {\"N\": \"3\"}, \"updates\": {\"L\": [{\"M\": {\"text\": {\"S\": \"a\"}}}]}}");
    assert_int_equal(ops_aws_item_read(item, &again, &sk), OPS_OK);
    assert_string_equal(sk, "ACTIVE_MAINTENANCE");
    assert_true(json_equal(doc, again));
    json_decref(doc);
    json_decref(item);
    json_decref(again);
}

static void an_item_without_a_key_of_two_texts_is_corrupt(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{}",
        "[]",
        "{\"pk\": {\"S\": \"a\"}}",
        "{\"sk\": {\"S\": \"a\"}}",
        "{\"pk\": {\"N\": \"1\"}, \"sk\": {\"S\": \"a\"}}",
        "{\"pk\": {\"S\": \"a\"}, \"sk\": {\"N\": \"1\"}}",
        "{\"pk\": \"a\", \"sk\": \"b\"}",
        "{\"pk\": {\"S\": \"a\"}, \"sk\": {\"S\": \"b\"}, \"c\": {\"SS\": [\"d\"]}}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        json_t *item = value_of(texts[i]), *doc = NULL;
        const char *sk = NULL;
        assert_int_equal(ops_aws_item_read(item, &doc, &sk), OPS_CORRUPT);
        assert_null(doc);
        assert_null(sk);
        json_decref(item);
    }
}

static void what_dynamodb_can_not_hold_is_not_written(void **state)
{
    (void)state;
    static const char *const texts[] = {"{\"a\": 1.5}", "{\"a\": [{\"b\": 0.0}]}", "{\"pk\": \"a\"}", "{\"sk\": 1}"};
    json_t *item = NULL;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        json_t *doc = value_of(texts[i]);
        assert_int_equal(ops_aws_item_write("a", "b", doc, &item), OPS_INTERNAL_ERROR);
        json_decref(doc);
    }
    assert_int_equal(ops_aws_item_key("a", "\xff", &item), OPS_INTERNAL_ERROR);
    assert_int_equal(ops_aws_item_key("\xc3", "b", &item), OPS_INTERNAL_ERROR);
    assert_null(item);
}

static void an_answer_is_one_whole_object(void **state)
{
    (void)state;
    static const char *const texts[] = {"",    "[]", "{", "{} {}", "{\"a\": 1, \"a\": 2}", "<html>", "{\"a\": \"\xff\"}",
                                        "null"};
    json_t *object = NULL;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_int_equal(ops_aws_item_parse(ops_view_of(texts[i]), &object), OPS_CORRUPT);
    assert_null(object);
    assert_int_equal(ops_aws_item_parse(ops_view_of("{\"a\": \"\\u0000\"} \n"), &object), OPS_OK);
    json_decref(object);
}

/* Values by a small generator with a fixed seed: whatever it makes comes back. */

static uint32_t generator;

static uint32_t below(uint32_t bound)
{
    generator = generator * 1664525u + 1013904223u;
    return (generator >> 8) % bound;
}

static json_t *generated_text(void)
{
    static const char *const pieces[] = {"a", "", "\xc3\xa9", "\xf0\x9f\x9a\x80", "\"", "\\", "\n", "S", "pk", "0"};
    char text[64] = "";
    for (uint32_t i = below(6); i > 0; i--)
        (void)strcat(text, pieces[below(sizeof pieces / sizeof pieces[0])]);
    return json_string(text);
}

static json_t *generated(int depth);

static json_t *generated_object(int depth)
{
    char name[16];
    json_t *object = json_object();
    for (uint32_t i = below(5); i > 0; i--) {
        (void)snprintf(name, sizeof name, "m%u", below(100));
        assert_int_equal(json_object_set_new(object, name, generated(depth + 1)), 0);
    }
    return object;
}

static json_t *generated_array(int depth)
{
    json_t *array = json_array();
    for (uint32_t i = below(5); i > 0; i--)
        assert_int_equal(json_array_append_new(array, generated(depth + 1)), 0);
    return array;
}

static json_t *generated(int depth)
{
    switch (below(depth < 6 ? 7 : 5)) {
    case 0:
        return json_true();
    case 1:
        return json_false();
    case 2:
        return json_null();
    case 3:
        return json_integer((json_int_t)((uint64_t)below(1u << 24) << 40 | (uint64_t)below(1u << 24) << 16));
    case 4:
        return generated_text();
    case 5:
        return generated_array(depth);
    default:
        return generated_object(depth);
    }
}

static void generated_documents_come_back_through_the_text_of_an_answer(void **state)
{
    (void)state;
    generator = 20261124;
    for (int i = 0; i < 2000; i++) {
        json_t *doc = generated_object(0), *item = NULL, *answer = NULL, *again = NULL;
        const char *sk = NULL;
        struct ops_buf text;
        ops_buf_init(&text, 1024 * 1024);
        assert_int_equal(ops_aws_item_write("P", "S", doc, &item), OPS_OK);
        assert_int_equal(ops_json_append(item, &text), OPS_OK);
        assert_int_equal(ops_aws_item_parse(ops_buf_view(&text), &answer), OPS_OK);
        assert_int_equal(ops_aws_item_read(answer, &again, &sk), OPS_OK);
        assert_true(json_equal(doc, again));
        json_decref(doc);
        json_decref(item);
        json_decref(answer);
        json_decref(again);
        ops_buf_release(&text);
    }
}

/* There and back while the n-th allocation fails; whether it came to that. */
static bool round_trip_without_memory(size_t n)
{
    static const char text[] = "{\"a\": [1, \"x\", null, {\"b\": true}], \"c\": {\"d\": []}}";
    json_t *doc = NULL, *item = NULL, *again = NULL;
    const char *sk = NULL;
    alloc_fault_install(0);
    doc = value_of(text);
    alloc_fault_arm(n);
    enum ops_status status = ops_aws_item_write("P", "S", doc, &item);
    if (status == OPS_OK)
        status = ops_aws_item_read(item, &again, &sk);
    bool hit = alloc_fault_hit();
    assert_int_equal(status, hit ? OPS_NO_MEMORY : OPS_OK);
    assert_true(hit || json_equal(doc, again));
    json_decref(doc);
    json_decref(item);
    json_decref(again);
    assert_int_equal(alloc_fault_live_count(), 0);
    alloc_fault_remove();
    return hit;
}

static void without_memory_nothing_passes_and_nothing_leaks(void **state)
{
    (void)state;
    size_t n = 1;
    while (round_trip_without_memory(n))
        n++;
    assert_true(n > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_has_an_attribute_and_comes_back_from_it),
        cmocka_unit_test(what_is_no_value_of_ours_is_corrupt),
        cmocka_unit_test(values_are_nested_as_deep_as_dynamodb_takes_them_and_no_deeper),
        cmocka_unit_test(a_document_lies_beside_its_key_and_comes_back_without_it),
        cmocka_unit_test(an_item_without_a_key_of_two_texts_is_corrupt),
        cmocka_unit_test(what_dynamodb_can_not_hold_is_not_written),
        cmocka_unit_test(an_answer_is_one_whole_object),
        cmocka_unit_test(generated_documents_come_back_through_the_text_of_an_answer),
        cmocka_unit_test(without_memory_nothing_passes_and_nothing_leaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
