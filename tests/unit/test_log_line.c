/* One event, one line, in each format, whatever the texts hold. */
#include "base/log_line.h"
#include "base/json.h"
#include "support/cmocka_all.h"

#include <stdio.h>

#define AT_MS INT64_C(1795521600042) /* 2026-11-24T12:00:00.042Z */
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const char *written(const struct ops_log_line *line, enum ops_log_format format)
{
    static char text[64 * 1024];
    struct ops_buf buf;
    ops_buf_init(&buf, sizeof text - 1);
    ops_log_line_append(line, AT_MS, format, &buf);
    assert_int_equal(ops_buf_status(&buf), OPS_OK);
    (void)snprintf(text, sizeof text, "%s", ops_buf_text(&buf));
    ops_buf_release(&buf);
    return text;
}

static void a_line_reads_so_in_each_format(void **state)
{
    struct ops_log_line line;
    (void)state;
    ops_log_line_init(&line, OPS_LOG_WARN, "clock.stepped", "It was \"set\".");
    ops_log_line_text(&line, "vacuum_id", "01X");
    ops_log_line_text(&line, "nobody", NULL);
    ops_log_line_number(&line, "seconds", -7);
    ops_log_line_text(&line, "actor", "two words");
    ops_log_line_text(&line, "empty", "");
    assert_string_equal(written(&line, OPS_LOG_LOGFMT),
                        "time=2026-11-24T12:00:00.042Z level=warn event=clock.stepped vacuum_id=01X seconds=-7 "
                        "actor=\"two words\" empty=\"\" msg=\"It was \\\"set\\\".\"\n");
    assert_string_equal(written(&line, OPS_LOG_TEXT),
                        "2026-11-24T12:00:00.042Z warn  clock.stepped: It was \"set\". vacuum_id=01X seconds=-7 "
                        "actor=\"two words\" empty=\"\"\n");
    assert_string_equal(written(&line, OPS_LOG_JSON),
                        "{\"time\":\"2026-11-24T12:00:00.042Z\",\"level\":\"warn\",\"event\":\"clock.stepped\","
                        "\"vacuum_id\":\"01X\",\"seconds\":-7,\"actor\":\"two words\",\"empty\":\"\","
                        "\"msg\":\"It was \\\"set\\\".\"}\n");
}

static const struct {
    const char *text, *logfmt;
} hostile[] = {
    {"plain", "plain"},
    {"gr\xc3\xbc\xc3\x9f", "\"gr\xc3\xbc\xc3\x9f\""},
    {"\xe2\xa0\x80", "\"\xe2\xa0\x80\""}, /* looks like a blank */
    {"a\xc2\xa0x=1", "\"a\xc2\xa0x=1\""},
    {"!~[]{}<>", "!~[]{}<>"},
    {"a b", "\"a b\""},
    {"a=b", "\"a=b\""},
    {"a\"b", "\"a\\\"b\""},
    {"a\\b", "\"a\\\\b\""},
    {"a\nlevel=error", "\"a\\nlevel=error\""},
    {"\r\n\t", "\"\\r\\n\\t\""},
    {"\x1b[31m", "\"\\u001b[31m\""},
    {"\x7f", "\"\\u007f\""},
    {"\xc2\x85", "\"\\u0085\""},                   /* next line */
    {"\xe2\x80\xa8", "\"\\u2028\""},               /* line separator */
    {"\xe2\x80\xae", "\"\\u202e\""},               /* right-to-left override */
    {"\xe2\x81\xa6", "\"\\u2066\""},               /* isolate */
    {"\xe2\x80\x8b", "\"\\u200b\""},               /* zero width space */
    {"\xef\xbb\xbf", "\"\\ufeff\""},               /* byte order mark */
    {"\xf3\xa0\x81\x81", "\"\\udb40\\udc41\""},    /* a tag */
    {"\xf0\x9f\x98\x80", "\"\xf0\x9f\x98\x80\""},  /* a face is seen */
    {"\xff", "\"\\ufffd\""},                       /* no UTF-8 */
    {"\xc3", "\"\\ufffd\""},                       /* half a character */
    {"\xc0\x80", "\"\\ufffd\\ufffd\""},            /* overlong NUL */
    {"\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\""}, /* a surrogate */
    {"\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\""},
};

static void whatever_a_text_holds_it_stays_in_its_line_and_its_field(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(hostile); i++) {
        struct ops_log_line line;
        char expected[256];
        ops_log_line_init(&line, OPS_LOG_INFO, "e", NULL);
        ops_log_line_text(&line, "x", hostile[i].text);
        (void)snprintf(expected, sizeof expected, "time=2026-11-24T12:00:00.042Z level=info event=e x=%s\n",
                       hostile[i].logfmt);
        assert_string_equal(written(&line, OPS_LOG_LOGFMT), expected);
    }
}

/* Every string of two bytes, and each within words and values: one line in each format, and JSON that is read back. */
static void no_two_bytes_make_a_second_line_or_broken_json(void **state)
{
    (void)state;
    for (int pair = 0; pair < 256 * 256; pair++) {
        const char bytes[] = {'a', (char)(pair >> 8), (char)(pair & 255), 'b', '\0'};
        struct ops_log_line line;
        char text[2 * sizeof bytes + 2];
        (void)snprintf(text, sizeof text, "%s", bytes); /* as far as a NUL in it */
        ops_log_line_init(&line, OPS_LOG_INFO, "e", text);
        ops_log_line_view(&line, "x", ops_view(bytes, sizeof bytes - 1));
        for (int format = 0; format < OPS_LOG_FORMAT_COUNT; format++) {
            const char *all = written(&line, format);
            size_t length = strlen(all);
            for (size_t i = 0; i + 1 < length; i++)
                if ((unsigned char)all[i] < ' ' || all[i] == 0x7f)
                    fail_msg("%04x, format %d: %s", (unsigned)pair, format, all);
            assert_int_equal(all[length - 1], '\n');
            if (format != OPS_LOG_JSON)
                continue;
            json_t *object = NULL;
            if (ops_json_parse_object(ops_view(all, length - 1), &object, NULL) != OPS_OK && pair >> 8 && pair & 255)
                fail_msg("%04x: %s", (unsigned)pair, all);
            json_decref(object);
        }
    }
}

static void what_is_too_long_is_cut_between_two_characters(void **state)
{
    static char text[3 * OPS_LOG_WORDS_MAX_BYTES];
    struct ops_log_line line;
    (void)state;
    for (size_t i = 0; i + 2 < sizeof text; i += 2)
        memcpy(text + i, "\xc3\xbc", 2);
    ops_log_line_init(&line, OPS_LOG_INFO, "e", text);
    ops_log_line_text(&line, "x", text);
    const char *all = written(&line, OPS_LOG_LOGFMT);
    assert_true(strlen(all) < OPS_LOG_WORDS_MAX_BYTES + OPS_LOG_VALUE_MAX_BYTES + 100);
    const char *cut = strstr(all, "\xe2\x80\xa6");
    assert_non_null(cut);
    assert_int_equal(cut - strstr(all, "x=\""), (int)strlen("x=\"") + OPS_LOG_VALUE_MAX_BYTES);
    assert_non_null(strstr(cut + 1, "\xe2\x80\xa6\"\n"));
}

static void more_fields_than_there_is_room_for_are_left_out(void **state)
{
    struct ops_log_line line;
    (void)state;
    ops_log_line_init(&line, OPS_LOG_INFO, "e", NULL);
    for (int i = 0; i < OPS_LOG_FIELDS_MAX + 5; i++)
        ops_log_line_number(&line, "n", i);
    assert_int_equal(line.field_count, OPS_LOG_FIELDS_MAX);
    assert_non_null(strstr(written(&line, OPS_LOG_LOGFMT), "n=31\n"));
}

static void levels_and_formats_go_by_their_names(void **state)
{
    (void)state;
    for (int level = 0; level < OPS_LOG_LEVEL_COUNT; level++)
        assert_int_equal(ops_log_level_of(ops_log_level_name(level)), level);
    assert_int_equal(ops_log_level_of("fatal"), OPS_LOG_LEVEL_COUNT);
    assert_int_equal(ops_log_format_of("text"), OPS_LOG_TEXT);
    assert_int_equal(ops_log_format_of("logfmt"), OPS_LOG_LOGFMT);
    assert_int_equal(ops_log_format_of("json"), OPS_LOG_JSON);
    assert_int_equal(ops_log_format_of("xml"), OPS_LOG_FORMAT_COUNT);
    assert_int_equal(ops_log_level_priority(OPS_LOG_ERROR), 3);
    assert_int_equal(ops_log_level_priority(OPS_LOG_WARN), 4);
    assert_int_equal(ops_log_level_priority(OPS_LOG_INFO), 6);
    assert_int_equal(ops_log_level_priority(OPS_LOG_DEBUG), 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_reads_so_in_each_format),
        cmocka_unit_test(whatever_a_text_holds_it_stays_in_its_line_and_its_field),
        cmocka_unit_test(no_two_bytes_make_a_second_line_or_broken_json),
        cmocka_unit_test(what_is_too_long_is_cut_between_two_characters),
        cmocka_unit_test(more_fields_than_there_is_room_for_are_left_out),
        cmocka_unit_test(levels_and_formats_go_by_their_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
