#include "surfaces/wire/percent.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

static void escapes_become_bytes_and_broken_ones_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *encoded;
        const char *decoded; /* NULL: refused */
    } cases[] = {
        {"", ""},      {"plain", "plain"}, {"a%20b", "a b"}, {"%c3%A9", "\xC3\xA9"}, {"a+b", "a+b"},
        {"%", NULL},   {"%4", NULL},       {"%zz", NULL},    {"a%00b", NULL},        {"%ff", NULL},
        {"%c3", NULL}, {"\xC3", NULL},     {"%2525", "%25"}, {"%ed%a0%80", NULL},    {"%c0%80", NULL},
    };
    struct ops_buf buf;
    ops_buf_init(&buf, 100);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        enum ops_status status = ops_percent_decode(ops_view_of(cases[i].encoded), &buf);
        assert_int_equal(status, cases[i].decoded ? OPS_OK : OPS_INVALID_FIELD);
        if (cases[i].decoded)
            assert_string_equal(ops_buf_text(&buf), cases[i].decoded);
    }
    ops_buf_release(&buf);
}

static void what_does_not_fit_is_said(void **state)
{
    (void)state;
    struct ops_buf buf;
    ops_buf_init(&buf, 3);
    assert_int_equal(ops_percent_decode(ops_view_of("%61bc"), &buf), OPS_OK);
    assert_int_equal(ops_percent_decode(ops_view_of("%61bcd"), &buf), OPS_LIMIT);
    ops_buf_release(&buf);
}

static void only_shortest_utf8_is_text(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool valid;
    } cases[] = {
        {"", true},
        {"\x7F", true},
        {"\xC2\x80", true},
        {"\xE0\xA0\x80", true},
        {"\xED\x9F\xBF", true},
        {"\xEF\xBF\xBF", true},
        {"\xF0\x90\x80\x80", true},
        {"\xF4\x8F\xBF\xBF", true},
        {"\x80", false},
        {"\xC1\x80", false},
        {"\xC2", false},
        {"\xC2\x7F", false},
        {"\xE0\x9F\x80", false},
        {"\xED\xA0\x80", false},
        {"\xE1\x80", false},
        {"\xF0\x8F\x80\x80", false},
        {"\xF4\x90\x80\x80", false},
        {"\xF1\x80\x80\x41", false},
        {"\xF5\x80\x80\x80", false},
        {"\xFF", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (ops_utf8_valid(ops_view_of(cases[i].text)) != cases[i].valid)
            fail_msg("case %zu", i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(escapes_become_bytes_and_broken_ones_are_refused),
        cmocka_unit_test(what_does_not_fit_is_said),
        cmocka_unit_test(only_shortest_utf8_is_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
