/* One member of a JSON text: found as a careful reader would find it, and a text that is no JSON is told from one without it. */
#include "support/cmocka_all.h"

#include "base/json_member.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct member_case {
    const char *json;
    enum ops_json_kind kind;
    const char *text; /* as written */
};

static void check(const struct member_case *row)
{
    /* Copied to its exact length, so that the sanitizer sees a read beyond it. */
    size_t length = strlen(row->json);
    char *json = malloc(length + 1);
    assert_non_null(json);
    memcpy(json, row->json, length);
    struct ops_json_member member = ops_json_find_member(ops_view(json, length), ops_view_of("org"));
    if (member.kind != row->kind || !ops_view_is(member.text, row->text))
        fail_msg("%s: kind %d, '%.*s'", row->json, member.kind, (int)member.text.length, member.text.data);
    free(json);
}

static void a_member_is_found_with_its_kind_and_its_text_as_written(void **state)
{
    (void)state;
    static const struct member_case cases[] = {
        {"{\"org\":\"acme\"}", OPS_JSON_STRING, "acme"},
        {" {\t\"a\" : 1 ,\n\"org\" : \"acme\" , \"z\":[1,2,{\"org\":5}] } \r\n", OPS_JSON_STRING, "acme"},
        {"{\"org\":\"\"}", OPS_JSON_STRING, ""},
        {"{\"org\":\"a\\\"b\\\\\"}", OPS_JSON_STRING, "a\\\"b\\\\"},
        {"{\"\\u006frg\":\"acme\"}", OPS_JSON_STRING, "acme"},
        {"{\"org\":1001}", OPS_JSON_NUMBER, "1001"},
        {"{\"org\":-1.001e+3}", OPS_JSON_NUMBER, "-1.001e+3"},
        {"{\"org\":123456789012345678901234567890.5E-2 }", OPS_JSON_NUMBER, "123456789012345678901234567890.5E-2"},
        {"{\"org\":0}", OPS_JSON_NUMBER, "0"},
        {"{\"org\":null}", OPS_JSON_NULL, "null"},
        {"{\"org\":true}", OPS_JSON_BOOLEAN, "true"},
        {"{\"org\":false}", OPS_JSON_BOOLEAN, "false"},
        {"{\"org\":[\"acme\"]}", OPS_JSON_ARRAY, "[\"acme\"]"},
        {"{\"org\":[]}", OPS_JSON_ARRAY, "[]"},
        {"{\"org\":{\"org\":\"acme\"}}", OPS_JSON_OBJECT, "{\"org\":\"acme\"}"},
        {"{\"org\":{ }, \"b\":[ ]}", OPS_JSON_OBJECT, "{ }"},
        {"{\"org\":\"a\",\"org\":\"a\"}", OPS_JSON_TWICE, ""},
        {"{\"org\":1,\"\\u006Frg\":2,\"org\":3}", OPS_JSON_TWICE, ""},
        {"{\"org\":\"caf\xc3\xa9\xff\"}", OPS_JSON_STRING, "caf\xc3\xa9\xff"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check(&cases[i]);
}

static void what_has_no_such_member_is_told_from_what_is_no_json(void **state)
{
    (void)state;
    static const char *const absent[] = {
        "{}", " { } ", "{\"ORG\":1}", "{\"org \":1}", "{\"or\":1}", "{\"a\":{\"org\":1}}", "{\"a\":[{\"org\":1}]}",
        "[]", "[{\"org\":1}]", "\"org\"", "5", "null", "[[[[]]],{}]", "{\"\":\"org\"}", "-0.5e3", "{\"o\\u0000rg\":1}",
    };
    static const char *const invalid[] = {
        "", " ", "{", "}", "{\"org\"", "{\"org\":", "{\"org\":1", "{\"org\":1,", "{\"org\":1,}", "{\"org\" 1}", "{org:1}",
        "{'org':1}", "{\"org\":1}x", "{\"org\":1}{}", "{\"org\":acme}", "{\"org\":01}", "{\"org\":+1}", "{\"org\":1.}",
        "{\"org\":.5}", "{\"org\":1e}", "{\"org\":1e+}", "{\"org\":-}", "{\"org\":NaN}", "{\"org\":tru}", "{\"org\":nul",
        "{\"org\":\"a}", "{\"org\":\"a\\\"}", "{\"org\":\"a\\x\"}", "{\"org\":\"\\u12\"}", "{\"org\":\"\\u12g4\"}",
        "{\"org\":\"a\nb\"}", "{\"org\":[1,]}", "{\"org\":[1 2]}", "{\"org\":[1}", "{\"org\":{1:2}}", "[1,2", "[1]]",
        "no json", "\xef\xbb\xbf{}", "{\"org\":1/* */}", "{,}", "[,]", "{\"a\":1,\"b\"}", "{\"a\":[}", "nulll", "1 2",
        "{\"org\":1,\"b\":tru}", "\"\\",
    };
    for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++)
        check(&(struct member_case){absent[i], OPS_JSON_ABSENT, ""});
    for (size_t i = 0; i < sizeof invalid / sizeof invalid[0]; i++)
        check(&(struct member_case){invalid[i], OPS_JSON_INVALID, ""});
    struct ops_json_member member = ops_json_find_member(ops_view("{\"org\":1}\0", 10), ops_view_of("org"));
    assert_int_equal(member.kind, OPS_JSON_INVALID);
    member = ops_json_find_member(ops_view("{\"o\\", 4), ops_view_of("o"));
    assert_int_equal(member.kind, OPS_JSON_INVALID);
    member = ops_json_find_member(ops_view("\"\\\0\"", 4), ops_view_of("o"));
    assert_int_equal(member.kind, OPS_JSON_INVALID);
}

static void nesting_is_followed_up_to_its_limit(void **state)
{
    (void)state;
    static char json[2 * OPS_JSON_MEMBER_DEPTH_MAX + 64];
    for (int extra = 0; extra < 2; extra++) {
        size_t depth = (size_t)OPS_JSON_MEMBER_DEPTH_MAX + (size_t)extra, at = 0;
        at += (size_t)snprintf(json, sizeof json, "{\"a\":");
        memset(json + at, '[', depth);
        json[at + depth] = '1';
        memset(json + at + depth + 1, ']', depth);
        (void)snprintf(json + at + 2 * depth + 1, 32, ",\"org\":\"x\"}");
        struct ops_json_member member = ops_json_find_member(ops_view_of(json), ops_view_of("org"));
        assert_int_equal(member.kind, extra ? OPS_JSON_INVALID : OPS_JSON_STRING);
    }
}

static void a_string_means_the_same_with_and_without_escapes(void **state)
{
    (void)state;
    static const struct {
        const char *written, *text;
        bool equal;
    } cases[] = {
        {"acme", "acme", true},
        {"acme", "acm", false},
        {"acm", "acme", false},
        {"\\u0061cme", "acme", true},
        {"acm\\u0065", "acme", true},
        {"\\u0041cme", "acme", false},
        {"a\\/b\\n\\t\\\"\\\\", "a/b\n\t\"\\", true},
        {"\\b\\f\\r", "\b\f\r", true},
        {"caf\\u00e9", "caf\xc3\xa9", true},
        {"\\u20AC", "\xe2\x82\xac", true},
        {"\\ud83d\\ude00", "\xf0\x9f\x98\x80", true},
        {"\\ud83d", "\xed\xa0\xbd", false},
        {"\\ude00\\ud83d", "x", false},
        {"\\ud83dx", "x", false},
        {"\\ud83d\\u0041", "A", false},
        {"\\u0061", "", false},
        {"", "", true},
        {"", "a", false},
        {"acme\\u0000", "acme", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (ops_json_string_means(ops_view_of(cases[i].written), ops_view_of(cases[i].text)) != cases[i].equal)
            fail_msg("\"%s\" and %s", cases[i].written, cases[i].text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_member_is_found_with_its_kind_and_its_text_as_written),
        cmocka_unit_test(what_has_no_such_member_is_told_from_what_is_no_json),
        cmocka_unit_test(nesting_is_followed_up_to_its_limit),
        cmocka_unit_test(a_string_means_the_same_with_and_without_escapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
