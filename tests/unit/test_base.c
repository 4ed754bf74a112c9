#include "base/buf.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/instant.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/ulid.h"
#include "base/url.h"

#include "support/alloc_fault.h"
#include "support/cmocka_all.h"

#include <stdio.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static void every_status_has_a_tag_of_its_own_and_words(void **state)
{
    (void)state;
    for (int i = 0; i < OPS_STATUS_COUNT; i++) {
        enum ops_status status = (enum ops_status)i;
        assert_true(strlen(ops_status_tag(status)) > 0);
        assert_true(strlen(ops_status_sentence(status)) > 0);
        assert_in_range(ops_status_http(status), 200, 599);
        assert_in_range(ops_status_exit_code(status), 0, 4);
        assert_in_range(ops_status_category(status), 0, OPS_CATEGORY_COUNT - 1);
        assert_int_equal(ops_status_from_tag(ops_status_tag(status)), status);
    }
}

static void every_category_has_a_tag_of_its_own_and_words(void **state)
{
    (void)state;
    for (int i = 0; i < OPS_CATEGORY_COUNT; i++) {
        assert_true(strlen(ops_category_sentence((enum ops_category)i)) > 0);
        for (int k = 0; k < i; k++)
            assert_string_not_equal(ops_category_tag((enum ops_category)i), ops_category_tag((enum ops_category)k));
    }
}

static void a_status_that_is_none_answers_as_an_internal_error(void **state)
{
    (void)state;
    assert_string_equal(ops_status_tag((enum ops_status)9999), "internal-error");
    assert_int_equal(ops_status_http(OPS_STATUS_COUNT), 500);
    assert_int_equal(ops_status_from_tag("no-such-tag"), OPS_STATUS_COUNT);
}

static void a_buffer_takes_its_limit_and_not_one_byte_more(void **state)
{
    (void)state;
    struct ops_buf buf;
    ops_buf_init(&buf, 4);
    ops_buf_append_text(&buf, "abcd");
    assert_int_equal(ops_buf_status(&buf), OPS_OK);
    ops_buf_append_char(&buf, 'e');
    assert_int_equal(ops_buf_status(&buf), OPS_LIMIT);
    assert_string_equal(ops_buf_text(&buf), "abcd");
    ops_buf_release(&buf);
}

static void a_failure_of_a_buffer_sticks_until_it_is_cleared(void **state)
{
    (void)state;
    struct ops_buf buf;
    ops_buf_init(&buf, 4);
    ops_buf_append_text(&buf, "too long");
    ops_buf_append_char(&buf, 'a');
    ops_buf_append_format(&buf, "%d", 1);
    assert_int_equal(ops_buf_status(&buf), OPS_LIMIT);
    assert_int_equal(ops_buf_view(&buf).length, 0);
    ops_buf_clear(&buf);
    ops_buf_append_format(&buf, "%d-%s", 1, "x");
    assert_int_equal(ops_buf_status(&buf), OPS_OK);
    assert_string_equal(ops_buf_text(&buf), "1-x");
    ops_buf_release(&buf);
}

static void taking_from_a_buffer_gives_its_text_or_nothing_when_it_failed(void **state)
{
    (void)state;
    struct ops_buf buf;
    ops_buf_init(&buf, 100);
    char *empty = ops_buf_take(&buf);
    assert_string_equal(empty, "");
    ops_buf_append(&buf, "a\0b", 3);
    char *text = ops_buf_take(&buf);
    assert_memory_equal(text, "a\0b", 4);
    ops_buf_append_text(&buf, "kept");
    buf.limit_bytes = 5;
    ops_buf_append_text(&buf, "too much");
    assert_null(ops_buf_take(&buf));
    assert_int_equal(ops_buf_status(&buf), OPS_OK);
    ops_mem_free(text);
    ops_mem_free(empty);
}

struct instant_case {
    const char *text;
    int64_t at_ms; /* -1: refused */
};

static const struct instant_case instant_cases[] = {
    {"1970-01-01T00:00:00Z", 0},
    {"2026-11-24T03:42:53Z", INT64_C(1795491773000)},
    {"2024-02-29T00:00:00Z", INT64_C(1709164800000)},
    {"2000-02-29T12:00:00Z", INT64_C(951825600000)},
    {"2026-11-24T03:42:53.5Z", INT64_C(1795491773500)},
    {"2026-11-24T03:42:53.0009999999999Z", INT64_C(1795491773000)},
    {"2026-11-24t03:42:53z", INT64_C(1795491773000)},
    {"2026-11-24T05:42:53+02:00", INT64_C(1795491773000)},
    {"2026-11-23T22:12:53-05:30", INT64_C(1795491773000)},
    {"2026-11-24T03:42:53-00:00", INT64_C(1795491773000)},
    {"9999-12-31T23:59:59.999Z", OPS_INSTANT_MAX_MS},
    {"2023-02-29T00:00:00Z", -1},
    {"2100-02-29T00:00:00Z", -1},
    {"2026-04-31T00:00:00Z", -1},
    {"2026-13-01T00:00:00Z", -1},
    {"2026-00-01T00:00:00Z", -1},
    {"2026-01-00T00:00:00Z", -1},
    {"2026-01-01T24:00:00Z", -1},
    {"2026-01-01T00:60:00Z", -1},
    {"2016-12-31T23:59:60Z", -1},
    {"1969-12-31T23:59:59Z", -1},
    {"9999-12-31T23:59:59-00:01", -1},
    {"2026-11-24T03:42:53", -1},
    {"2026-11-24T03:42:53.Z", -1},
    {"2026-11-24T03:42:53+2:00", -1},
    {"2026-11-24T03:42:53+24:00", -1},
    {"2026-11-24T03:42:53+0200", -1},
    {"2026-11-24 03:42:53Z", -1},
    {"2026-11-24T03:42:53Z ", -1},
    {" 2026-11-24T03:42:53Z", -1},
    {"2026-11-24T03:42Z", -1},
    {"2026-1-24T03:42:53Z", -1},
    {"+026-11-24T03:42:53Z", -1},
    {"", -1},
};

static void an_instant_is_read_exactly_when_it_is_rfc_3339(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(instant_cases); i++) {
        int64_t at_ms = -1;
        enum ops_status status = ops_instant_parse(ops_view_of(instant_cases[i].text), &at_ms);
        if (at_ms != instant_cases[i].at_ms || status != (at_ms < 0 ? OPS_INVALID_FIELD : OPS_OK))
            fail_msg("\"%s\" gives %lld", instant_cases[i].text, (long long)at_ms);
    }
    int64_t at_ms;
    assert_int_equal(ops_instant_parse(ops_view("2026-11-24T03:42:53\0", 20), &at_ms), OPS_INVALID_FIELD);
}

static void an_instant_survives_being_written_and_read(void **state)
{
    (void)state;
    char before[OPS_INSTANT_TEXT_SIZE] = "", text[OPS_INSTANT_TEXT_SIZE];
    for (int64_t at_ms = 0; at_ms <= OPS_INSTANT_MAX_MS; at_ms += 9973 * OPS_HOUR_MS + 61 * OPS_SECOND_MS) {
        int64_t read_ms = -1;
        ops_instant_format(at_ms, text);
        assert_int_equal(ops_instant_parse(ops_view_of(text), &read_ms), OPS_OK);
        assert_int_equal(read_ms, at_ms);
        assert_true(strcmp(before, text) < 0);
        memcpy(before, text, sizeof before);
    }
}

static void an_instant_out_of_range_is_clamped_and_the_part_of_a_second_dropped(void **state)
{
    (void)state;
    char text[OPS_INSTANT_TEXT_SIZE];
    ops_instant_format(-1, text);
    assert_string_equal(text, "1970-01-01T00:00:00Z");
    ops_instant_format(INT64_MAX, text);
    assert_string_equal(text, "9999-12-31T23:59:59Z");
    ops_instant_format(1999, text);
    assert_string_equal(text, "1970-01-01T00:00:01Z");
    assert_int_equal(ops_instant_ceil_second(1001), 2000);
    assert_int_equal(ops_instant_ceil_second(1000), 1000);
}

static void a_ulid_has_26_characters_and_sorts_by_time(void **state)
{
    (void)state;
    uint8_t zeros[OPS_ULID_RANDOM_BYTES] = {0}, ones[OPS_ULID_RANDOM_BYTES];
    char earlier[OPS_ULID_SIZE], later[OPS_ULID_SIZE];
    memset(ones, 255, sizeof ones);
    ops_ulid_format(0, zeros, earlier);
    assert_string_equal(earlier, "00000000000000000000000000");
    ops_ulid_format(INT64_C(1469918176385), ones, earlier);
    assert_string_equal(earlier, "01ARYZ6S41ZZZZZZZZZZZZZZZZ");
    ops_ulid_format(INT64_C(1469918176386), zeros, later);
    assert_true(strcmp(earlier, later) < 0);
    assert_true(ops_ulid_valid(ops_view_of(later)));
}

static void a_ulid_that_is_not_canonical_is_not_one(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "01ARYZ6S41ZZZZZZZZZZZZZZZ",
        "01ARYZ6S41ZZZZZZZZZZZZZZZZZ",
        "81ARYZ6S41ZZZZZZZZZZZZZZZZ",
        "01aryz6s41zzzzzzzzzzzzzzzz",
        "01ARYZ6S41ZZZZZZZZZZZZZZZU",
        "01ARYZ6S41ZZZZZZZZ-ZZZZZZZ",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        assert_false(ops_ulid_valid(ops_view_of(texts[i])));
    assert_false(ops_ulid_valid(ops_view("01ARYZ6S41ZZZZZZZZZZZZZZZ\0", 26)));
}

/* RFC 4231, test cases 1, 2 and 6. */
static void hmac_is_the_known_one(void **state)
{
    (void)state;
    char first[20], long_key[131], hex[OPS_SHA256_HEX_SIZE];
    memset(first, 0x0b, sizeof first);
    memset(long_key, (char)0xaa, sizeof long_key);
    const struct {
        struct ops_view key;
        const char *text;
        const char *expected;
    } cases[] = {
        {ops_view(first, sizeof first), "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {ops_view_of("Jefe"), "what do ya want for nothing?",
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {ops_view(long_key, sizeof long_key), "Test Using Larger Than Block-Size Key - Hash Key First",
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
        {ops_view(NULL, 0), NULL, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t mac[OPS_SHA256_BYTES];
        assert_int_equal(ops_hmac_sha256(cases[i].key, ops_view_of(cases[i].text), mac), OPS_OK);
        ops_hex(mac, sizeof mac, hex);
        assert_string_equal(hex, cases[i].expected);
    }
}

static void sha256_and_hexadecimal_are_the_known_ones(void **state)
{
    (void)state;
    char hex[OPS_SHA256_HEX_SIZE];
    assert_int_equal(ops_sha256_hex(ops_view_of("abc"), hex), OPS_OK);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_int_equal(ops_sha256_hex(ops_view(NULL, 0), hex), OPS_OK);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void base64url_gives_back_every_byte_sequence(void **state)
{
    (void)state;
    char bytes[64];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 37 + 200);
    for (size_t length = 0; length <= sizeof bytes; length++) {
        struct ops_buf text, back;
        ops_buf_init(&text, 1000);
        ops_buf_init(&back, 1000);
        ops_base64url_append(&text, ops_view(bytes, length));
        assert_int_equal(ops_buf_view(&text).length, (length * 4 + 2) / 3);
        assert_int_equal(ops_base64url_decode(ops_buf_view(&text), &back), OPS_OK);
        assert_true(ops_view_equal(ops_buf_view(&back), ops_view(bytes, length)));
        ops_buf_release(&text);
        ops_buf_release(&back);
    }
}

static void base64url_of_any_other_form_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"A", "AAAAA", "AB", "AAB", "AA==", "A+AA", "A/AA", "AA A", "\xC3\xA4/"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct ops_buf back;
        ops_buf_init(&back, 1000);
        assert_int_equal(ops_base64url_decode(ops_view_of(texts[i]), &back), OPS_INVALID_FIELD);
        ops_buf_release(&back);
    }
    assert_true(ops_equal_constant_time(ops_view_of("ab"), ops_view_of("ab")));
    assert_false(ops_equal_constant_time(ops_view_of("ab"), ops_view_of("abc")));
    assert_true(ops_equal_constant_time(ops_view(NULL, 0), ops_view_of("")));
}

struct json_case {
    const char *sentence;
    const char *text;
    size_t length; /* 0: up to the NUL */
};

static const struct json_case bad_json[] = {
    {"nothing at all", "", 0},
    {"truncated text", "{\"a\": 1", 0},
    {"trailing text", "{} {}", 0},
    {"a trailing comma", "{\"a\": 1,}", 0},
    {"invalid UTF-8", "{\"a\": \"\xC3\x28\"}", 0},
    {"an overlong character", "{\"a\": \"\xC0\xAF\"}", 0},
    {"a duplicate key", "{\"a\": 1, \"a\": 2}", 0},
    {"a duplicate key further in", "{\"o\": {\"a\": 1, \"a\": 1}}", 0},
    {"a NUL in a string, escaped", "{\"a\": \"x\\u0000y\"}", 0},
    {"a NUL after the end", "{}\0", 3},
    {"half a surrogate pair", "{\"a\": \"\\ud800\"}", 0},
    {"an integer out of range", "{\"a\": 99999999999999999999}", 0},
    {"a real out of range", "{\"a\": 1e999}", 0},
    {"an array", "[1]", 0},
    {"a bare string", "\"a\"", 0},
    {"not a number", "{\"a\": NaN}", 0},
};

static void json_that_is_not_exactly_one_object_is_refused_with_a_sentence(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad_json); i++) {
        const struct json_case *row = &bad_json[i];
        struct ops_error error = OPS_ERROR_INIT;
        json_t *object = NULL;
        struct ops_view text = row->length ? ops_view(row->text, row->length) : ops_view_of(row->text);
        if (ops_json_parse_object(text, &object, &error) != OPS_INVALID_JSON || object || !error.text[0])
            fail_msg("not refused: %s", row->sentence);
        ops_error_release(&error);
    }
}

#define SECRET "correct-horse battery"

/* Whether four characters of it in a row are there. */
static bool gives_away(const char *text, const char *secret)
{
    for (size_t i = 0; i + 4 <= strlen(secret); i++) {
        char part[5] = "";
        memcpy(part, secret + i, 4);
        if (strstr(text, part))
            return true;
    }
    return false;
}

static void json_that_is_refused_is_not_quoted(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"{\"a\": \"" SECRET "\\q\"}", "line 1, column 30: a backslash begins no escape."},
        {"{\"a\": \"" SECRET "\\u12\"}", "a backslash begins no escape."},
        {"{\"a\": \"" SECRET "\\ud800\"}", "a \\u escape stands for no character."},
        {"{\"a\":\n\"" SECRET "\001\"}", "line 2, column 22: a text has a control character in it that is not escaped."},
        {"{\"a\": \"" SECRET "\n\"}", "a text has no end on its line."},
        {"{\"a\": \"" SECRET, "it ends too early."},
        {"{\"a\": " SECRET "}", "a value is expected."},
        {"{" SECRET "}", "a member's name or '}' is expected."},
        {"{\"" SECRET "\"}", "':' is expected."},
        {"{\"a\": \"" SECRET "\" \"\"}", "',' or '}' is expected."},
        {"{\"a\": [\"" SECRET "\" 1]}", "',' or ']' is expected."},
        {"\"" SECRET "\"", "an object is expected."},
        {"{\"" SECRET "\": 1, \"" SECRET "\": 1}", "a member is there twice."},
        {"{\"a\": \"" SECRET "\\u0000\"}", "a text has a NUL character in it."},
        {"{\"" SECRET "\\u0000\": 1}", "a member's name has a NUL character in it."},
        {"{\"a\": \"" SECRET "\xff\"}", "it is not UTF-8."},
        {"{\"a\": \"" SECRET "\"} x", "there is more behind its end."},
        {"{\"a\": 99999999999999999999}", "a number is too large."},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct ops_error error = OPS_ERROR_INIT;
        json_t *object = NULL;
        assert_int_equal(ops_json_parse_object(ops_view_of(cases[i].text), &object, &error), OPS_INVALID_JSON);
        if (!strstr(error.text, cases[i].words) || gives_away(error.text, SECRET))
            fail_msg("case %zu: %s", i, error.text);
        ops_error_release(&error);
    }
}

/* The smallest of random numbers will do. */
static uint32_t next_of(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

static void whatever_damages_json_nothing_of_it_is_quoted(void **state)
{
    enum { ROUNDS = 50000, CHANGES_MAX = 4 };
    static const char bytes[] = "{}[]:,\"\\u/0129eE+-. \n\t\001\177\303\377abntf";
    uint32_t seed = 20261130;
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        char text[] = "{\"secret_code\": \"" SECRET "\", \"data\": {\"x\": [1, \"" SECRET "\"]}}";
        struct ops_error error = OPS_ERROR_INIT;
        json_t *object = NULL;
        for (uint32_t i = next_of(&seed) % CHANGES_MAX; i < CHANGES_MAX; i++)
            text[next_of(&seed) % (sizeof text - 1)] = bytes[next_of(&seed) % (sizeof bytes - 1)];
        size_t length = sizeof text - 1 - next_of(&seed) % 3;
        enum ops_status status = ops_json_parse_object(ops_view(text, length), &object, &error);
        if (status != OPS_OK && gives_away(error.text, SECRET))
            fail_msg("round %d: %s", round, error.text);
        json_decref(object);
        ops_error_release(&error);
    }
}

static enum ops_status parse_nested(int depth)
{
    struct ops_buf text;
    ops_buf_init(&text, 1000);
    ops_buf_append_text(&text, "{\"[[{\\\"[\":");
    for (int i = 1; i < depth; i++)
        ops_buf_append_char(&text, '[');
    for (int i = 1; i < depth; i++)
        ops_buf_append_char(&text, ']');
    ops_buf_append_text(&text, depth > 1 ? "}" : "1}");
    json_t *object = NULL;
    enum ops_status status = ops_json_parse_object(ops_buf_view(&text), &object, NULL);
    json_decref(object);
    ops_buf_release(&text);
    return status;
}

static void json_may_be_nested_32_levels_and_no_deeper(void **state)
{
    (void)state;
    assert_int_equal(parse_nested(1), OPS_OK);
    assert_int_equal(parse_nested(OPS_JSON_DEPTH_MAX), OPS_OK);
    assert_int_equal(parse_nested(OPS_JSON_DEPTH_MAX + 1), OPS_INVALID_JSON);
}

static json_t *parsed(const char *text)
{
    json_t *object = NULL;
    assert_int_equal(ops_json_parse_object(ops_view_of(text), &object, NULL), OPS_OK);
    return object;
}

static void equal_values_have_one_canonical_text(void **state)
{
    (void)state;
    static const char *const texts[] = {"{\"b\": [1, {\"z\": null, \"a\": true}], \"a\": \"\xC3\xA4/\\u0041\"}",
                                        " {\"a\":\"\\u00e4\\/A\",\"b\":[1,{\"a\":true,\"z\":null}]}"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct ops_buf buf;
        json_t *object = parsed(texts[i]);
        ops_buf_init(&buf, 1000);
        assert_int_equal(ops_json_canonical(object, &buf), OPS_OK);
        assert_string_equal(ops_buf_text(&buf), "{\"a\":\"\xC3\xA4/A\",\"b\":[1,{\"a\":true,\"z\":null}]}");
        json_decref(object);
        ops_buf_release(&buf);
    }
}

/* At every place of a word, every byte that a C string can have. */
static void json_is_written_as_jansson_writes_it(void **state)
{
    (void)state;
    for (size_t place = 0; place < 17; place++)
        for (int c = 1; c < 0x80; c++) {
            char text[] = "abcdefghijklmnopq";
            struct ops_buf buf;
            text[place] = (char)c;
            json_t *value = json_pack("{s:s, s:[s, i, f, b, n, {}, []], s:s}", text, "\xC3\xA4", "as a member", text, -7,
                                      1.5, 1, "last", "");
            char *expected = json_dumps(value, JSON_COMPACT);
            ops_buf_init(&buf, 1000);
            assert_int_equal(ops_json_append(value, &buf), OPS_OK);
            assert_string_equal(ops_buf_text(&buf), expected);
            assert_int_equal(ops_json_length(value), strlen(expected));
            assert_int_equal(ops_json_is_plain(ops_view_of(text)), c >= 0x20 && c != '"' && c != '\\');
            free(expected);
            json_decref(value);
            ops_buf_release(&buf);
        }
}

static void json_that_goes_over_the_buffers_limit_says_so(void **state)
{
    (void)state;
    struct ops_buf buf;
    json_t *object = parsed("{\"b\":1,\"a\":2}");
    ops_buf_init(&buf, 13);
    assert_int_equal(ops_json_append(object, &buf), OPS_OK);
    assert_string_equal(ops_buf_text(&buf), "{\"b\":1,\"a\":2}");
    assert_int_equal(ops_json_append(object, &buf), OPS_LIMIT);
    json_decref(object);
    ops_buf_release(&buf);
}

static void a_member_of_another_type_reads_as_the_fallback(void **state)
{
    (void)state;
    json_t *object = parsed("{\"t\": \"x\", \"n\": 7, \"f\": true, \"z\": null, \"at\": \"2026-11-24T03:42:53Z\"}");
    int64_t at_ms = 0;
    assert_string_equal(ops_json_text(object, "t", "?"), "x");
    assert_string_equal(ops_json_text(object, "n", "?"), "?");
    assert_string_equal(ops_json_text(object, "z", "?"), "?");
    assert_string_equal(ops_json_text(NULL, "t", "?"), "?");
    assert_int_equal(ops_json_integer(object, "n", 1), 7);
    assert_int_equal(ops_json_integer(object, "t", 1), 1);
    assert_true(ops_json_flag(object, "f", false));
    assert_true(ops_json_flag(object, "missing", true));
    assert_int_equal(ops_json_instant(object, "at", &at_ms), OPS_OK);
    assert_int_equal(at_ms, INT64_C(1795491773000));
    assert_int_equal(ops_json_instant(object, "t", &at_ms), OPS_CORRUPT);
    assert_int_equal(ops_json_set_instant(object, "at", 0), OPS_OK);
    assert_string_equal(ops_json_text(object, "at", ""), "1970-01-01T00:00:00Z");
    assert_int_equal(ops_json_set(object, "at", NULL), OPS_NO_MEMORY);
    json_decref(object);
}

static void bytes_that_are_not_utf_8_become_question_marks(void **state)
{
    (void)state;
    json_t *value = ops_json_any_text(ops_view("a\xFF"
                                               "b",
                                               3));
    assert_string_equal(json_string_value(value), "a?b");
    json_decref(value);
    value = ops_json_any_text(ops_view_of("\xC3\xA4"));
    assert_string_equal(json_string_value(value), "\xC3\xA4");
    json_decref(value);
}

static void a_long_error_text_is_cut_between_characters(void **state)
{
    (void)state;
    for (int shift = 0; shift < 4; shift++) {
        struct ops_error error = OPS_ERROR_INIT;
        char text[OPS_ERROR_TEXT_SIZE * 2] = "";
        memset(text, 'a', (size_t)shift);
        for (size_t i = (size_t)shift; i + 3 < sizeof text - 1; i += 3)
            memcpy(text + i, "\xE2\x82\xAC", 4);
        assert_int_equal(ops_fail(&error, OPS_IO_ERROR, "%s", text), OPS_IO_ERROR);
        json_t *value = json_string(error.text);
        assert_non_null(value);
        assert_true(strlen(error.text) >= OPS_ERROR_TEXT_SIZE - 5);
        json_decref(value);
        ops_error_release(&error);
    }
}

static void an_error_has_its_own_words_or_those_of_the_status(void **state)
{
    (void)state;
    struct ops_error error = OPS_ERROR_INIT;
    assert_string_equal(ops_error_text(NULL, OPS_IO_ERROR), ops_status_sentence(OPS_IO_ERROR));
    assert_string_equal(ops_error_text(&error, OPS_IO_ERROR), ops_status_sentence(OPS_IO_ERROR));
    (void)ops_fail(&error, OPS_IO_ERROR, "first"); /* the status is known */
    ops_error_detail(&error, "field", "a");
    (void)ops_fail(&error, OPS_IO_ERROR, "second %d", 2);
    assert_null(error.details);
    ops_error_detail_integer(&error, "limit", 8);
    ops_error_detail(&error, "bad", "\xFF");
    assert_int_equal(json_object_size(error.details), 1);
    assert_string_equal(ops_error_text(&error, OPS_IO_ERROR), "second 2");
    ops_error_release(&error);
    ops_error_detail_json(NULL, "x", json_object());
    assert_int_equal(ops_fail(NULL, OPS_LIMIT, "x"), OPS_LIMIT);
}

static const char swept_json[] =
    "{\"a member with a name that is longer than a first buffer\": [1, -2.5, true, null, \"text \\u00e4 \xC3\xA4\"],"
    " \"o\": {\"p\": {\"q\": \"another text, long enough to make every buffer inside grow once more than it likes\"}}}";

static void reading_json_with_any_allocation_failing_is_out_of_memory_and_leaks_nothing(void **state)
{
    (void)state;
    json_t *wanted = NULL;
    struct ops_buf wanted_text;
    ops_buf_init(&wanted_text, 1000);
    wanted = parsed(swept_json);
    assert_int_equal(ops_json_canonical(wanted, &wanted_text), OPS_OK);
    json_decref(wanted);
    char expected[1000];
    (void)snprintf(expected, sizeof expected, "%s", ops_buf_text(&wanted_text));
    ops_buf_release(&wanted_text);
    for (size_t n = 1;; n++) {
        json_t *object = NULL;
        struct ops_buf text;
        ops_buf_init(&text, 1000);
        alloc_fault_install(n);
        enum ops_status status = ops_json_parse_object(ops_view_of(swept_json), &object, NULL);
        if (status == OPS_OK)
            status = ops_json_canonical(object, &text);
        bool hit = alloc_fault_hit();
        if (status != OPS_OK && status != OPS_NO_MEMORY)
            fail_msg("allocation %zu failed and gave %s", n, ops_status_tag(status));
        if (status == OPS_OK)
            assert_string_equal(ops_buf_text(&text), expected);
        json_decref(object);
        ops_buf_release(&text);
        assert_int_equal(alloc_fault_live_count(), 0);
        alloc_fault_remove();
        if (!hit) {
            assert_int_equal(status, OPS_OK);
            return;
        }
    }
}

static void the_sweep_notices_a_leak(void **state)
{
    (void)state;
    alloc_fault_install(2);
    void *leaked = ops_mem_alloc(1);
    assert_non_null(leaked);
    assert_false(alloc_fault_hit());
    assert_null(ops_mem_alloc(1));
    assert_true(alloc_fault_hit());
    assert_int_equal(alloc_fault_live_count(), 1);
    ops_mem_free(leaked);
    assert_int_equal(alloc_fault_live_count(), 0);
    alloc_fault_remove();
}

static bool pack_without_memory(size_t n)
{
    alloc_fault_install(n);
    json_t *packed = ops_json_pack("{s:s, s:s*, s:s*, s:s*}", "a", "1", "b", "a text that is there", "c", NULL, "d", "2");
    bool hit = alloc_fault_hit();
    assert_int_equal(packed == NULL, hit);
    if (packed)
        assert_int_equal(json_object_size(packed), 3);
    json_decref(packed);
    assert_int_equal(alloc_fault_live_count(), 0);
    alloc_fault_remove();
    return hit;
}

static void a_member_that_may_be_left_out_is_not_left_out_for_want_of_memory(void **state)
{
    (void)state;
    size_t n = 1;
    while (pack_without_memory(n))
        n++;
    assert_true(n > 5);
}

static const struct {
    const char *url;
    const char *shown;
} url_rows[] = {
    {"", ""},
    {"http://host:80/a", "http://host:80/a"},
    {"https://user:word@host/a", "https://host/a"},
    {"https://user@host", "https://host"},
    {"https://:word@[::1]:80/a@b", "https://[::1]:80/a@b"},
    {"https://us@er:wo@rd@host", "https://host"},
    {"http://host/a@b", "http://host/a@b"},
    {"http://host?a@b", "http://host?a@b"},
    {"http://host#a@b", "http://host#a@b"},
    {"ftp://user:word@", "ftp://"},
    {"unix:/run/a@b", "unix:/run/a@b"},
    {"user@host", "user@host"},
};

static void a_url_is_shown_without_user_and_password(void **state)
{
    char shown[OPS_URL_SHOWN_SIZE];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(url_rows); i++)
        assert_string_equal(ops_url_show(url_rows[i].url, shown), url_rows[i].shown);
}

/* What is cut is cut at its end, not in the middle of what must not be shown. */
static void however_long_a_password_is_none_of_it_is_shown(void **state)
{
    char url[4 * OPS_URL_SHOWN_SIZE], shown[OPS_URL_SHOWN_SIZE];
    (void)state;
    (void)snprintf(url, sizeof url, "https://%0900d@host/%080d", 7, 0);
    ops_url_show(url, shown);
    assert_null(strchr(shown, '7'));
    assert_int_equal(strncmp(shown, "https://host/000", 16), 0);
    (void)snprintf(url, sizeof url, "%0400d://user:word@host", 7);
    assert_null(strstr(ops_url_show(url, shown), "word"));
    (void)snprintf(url, sizeof url, "https://host/%0400d", 7);
    assert_int_equal(strlen(ops_url_show(url, shown)), OPS_URL_SHOWN_SIZE - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_url_is_shown_without_user_and_password),
        cmocka_unit_test(however_long_a_password_is_none_of_it_is_shown),
        cmocka_unit_test(a_member_that_may_be_left_out_is_not_left_out_for_want_of_memory),
        cmocka_unit_test(every_status_has_a_tag_of_its_own_and_words),
        cmocka_unit_test(every_category_has_a_tag_of_its_own_and_words),
        cmocka_unit_test(a_status_that_is_none_answers_as_an_internal_error),
        cmocka_unit_test(a_buffer_takes_its_limit_and_not_one_byte_more),
        cmocka_unit_test(a_failure_of_a_buffer_sticks_until_it_is_cleared),
        cmocka_unit_test(taking_from_a_buffer_gives_its_text_or_nothing_when_it_failed),
        cmocka_unit_test(an_instant_is_read_exactly_when_it_is_rfc_3339),
        cmocka_unit_test(an_instant_survives_being_written_and_read),
        cmocka_unit_test(an_instant_out_of_range_is_clamped_and_the_part_of_a_second_dropped),
        cmocka_unit_test(a_ulid_has_26_characters_and_sorts_by_time),
        cmocka_unit_test(a_ulid_that_is_not_canonical_is_not_one),
        cmocka_unit_test(sha256_and_hexadecimal_are_the_known_ones),
        cmocka_unit_test(hmac_is_the_known_one),
        cmocka_unit_test(base64url_gives_back_every_byte_sequence),
        cmocka_unit_test(base64url_of_any_other_form_is_refused),
        cmocka_unit_test(json_that_is_not_exactly_one_object_is_refused_with_a_sentence),
        cmocka_unit_test(json_that_is_refused_is_not_quoted),
        cmocka_unit_test(whatever_damages_json_nothing_of_it_is_quoted),
        cmocka_unit_test(json_may_be_nested_32_levels_and_no_deeper),
        cmocka_unit_test(equal_values_have_one_canonical_text),
        cmocka_unit_test(json_is_written_as_jansson_writes_it),
        cmocka_unit_test(json_that_goes_over_the_buffers_limit_says_so),
        cmocka_unit_test(a_member_of_another_type_reads_as_the_fallback),
        cmocka_unit_test(bytes_that_are_not_utf_8_become_question_marks),
        cmocka_unit_test(a_long_error_text_is_cut_between_characters),
        cmocka_unit_test(an_error_has_its_own_words_or_those_of_the_status),
        cmocka_unit_test(reading_json_with_any_allocation_failing_is_out_of_memory_and_leaks_nothing),
        cmocka_unit_test(the_sweep_notices_a_leak),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
