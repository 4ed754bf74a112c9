#include "base/unicode.h"

#include "support/cmocka_all.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static void assert_visible(const char *text, const char *expected)
{
    struct ops_buf buf;
    ops_buf_init(&buf, 4096);
    ops_unicode_append_visible(&buf, ops_view_of(text));
    assert_string_equal(ops_buf_text(&buf), expected);
    ops_buf_release(&buf);
}

static void what_people_write_stays_as_it_is(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "plain", "ünïcödé", "日本語", "e\xcc\x81", "\xe2\x9a\xa0\xef\xb8\x8f", "\xf0\x9f\x98\x80", ""};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        assert_visible(texts[i], texts[i]);
        assert_true(ops_unicode_all_visible(ops_view_of(texts[i])));
    }
}

static void what_nobody_sees_is_escaped(void **state)
{
    (void)state;
    static const struct {
        const char *text, *shown;
    } cases[] = {
        {"a\nb\tc", "a\\nb\\tc"},
        {"\x1b[2J", "\\x1b[2J"},
        {"\x7f", "\\x7f"},
        {"\xc2\x9b"
         "0m",
         "\\x9b0m"},
        {"a\xc2\xad"
         "b",
         "a\\xadb"},
        {"a\xe2\x80\x8b"
         "b",
         "a\\u200bb"},
        {"a\xe2\x80\xae"
         "b",
         "a\\u202eb"},
        {"a\xe2\x81\xa0"
         "b",
         "a\\u2060b"},
        {"\xef\xbb\xbf"
         "a",
         "\\ufeffa"},
        {"a\xf3\xa0\x81\x81"
         "b",
         "a\\U000e0041b"},
        {"a\xf3\xa0\xbf\xbf"
         "b",
         "a\\U000e0fffb"},
        {"\xe3\x85\xa4", "\\u3164"},
        {"\xc3(", "\\xc3("},
        {"\xe2\x80", "\\xe2\\x80"},
        {"\xed\xa0\x80", "\\xed\\xa0\\x80"},
        {"\xc0\x80", "\\xc0\\x80"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_visible(cases[i].text, cases[i].shown);
        assert_false(ops_unicode_all_visible(ops_view_of(cases[i].text)));
    }
}

/* A picture's variation selector is let be; those of plane 14 carry text. */
static void blanks_are_seen_and_are_no_text(void **state)
{
    (void)state;
    static const uint32_t blanks[] = {' ', '\t', '\n', '\r', 0xA0, 0x1680, 0x2003, 0x202F, 0x3000, 0x200B, 0xFEFF};
    for (size_t i = 0; i < COUNT_OF(blanks); i++)
        assert_true(ops_unicode_is_blank(blanks[i]));
    assert_false(ops_unicode_is_blank('a'));
    assert_false(ops_unicode_is_blank(0xE4));
    assert_false(ops_unicode_is_hidden(' '));
    assert_false(ops_unicode_is_hidden(0xFE0F));
    assert_true(ops_unicode_is_hidden(0xE0100));
    assert_false(ops_unicode_is_hidden(0xE1000));
}

static void what_leaves_the_paper_white_is_not_seen(void **state)
{
    (void)state;
    static const char *const white[] = {"",
                                        " \t\r\n",
                                        "\xc2\xa0",                  /* no-break space */
                                        "\xe2\xa0\x80",              /* Braille blank */
                                        "\xef\xb8\x8f",              /* variation selector */
                                        " \xe2\xa0\x80\xe2\x80\x8b", /* and a zero width space */
                                        "\xe3\x80\x80\xe3\x85\xa4",  /* ideographic space, filler */
                                        "\xf0\x9d\x85\x99",          /* musical null notehead */
                                        "\xff\xc3"};
    static const char *const seen[] = {"a", " a ", "\xe2\xa0\x81", "\xe2\x9d\xa4\xef\xb8\x8f", "\xe2\xa0\x80.", "\xff-"};
    for (size_t i = 0; i < COUNT_OF(white); i++)
        assert_false(ops_unicode_any_visible(ops_view_of(white[i])));
    for (size_t i = 0; i < COUNT_OF(seen); i++)
        assert_true(ops_unicode_any_visible(ops_view_of(seen[i])));
}

static void utf8_is_told_from_what_is_not(void **state)
{
    (void)state;
    assert_true(ops_unicode_is_utf8(ops_view_of("")));
    assert_true(ops_unicode_is_utf8(ops_view_of("a\nb\xe2\x80\x8b")));
    assert_false(ops_unicode_is_utf8(ops_view_of("lat\xe9n")));
    assert_false(ops_unicode_is_utf8(ops_view_of("cut\xe2\x80")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_people_write_stays_as_it_is), cmocka_unit_test(what_nobody_sees_is_escaped),
        cmocka_unit_test(blanks_are_seen_and_are_no_text),  cmocka_unit_test(what_leaves_the_paper_white_is_not_seen),
        cmocka_unit_test(utf8_is_told_from_what_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
