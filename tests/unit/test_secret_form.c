#include "core/secret_form.h"

#include "support/cmocka_all.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define CODE "correct horse battery"

static void one_line_end_at_the_end_is_no_part_of_it(void **state)
{
    (void)state;
    static const char *const same[] = {CODE, CODE "\n", CODE "\r\n", CODE "\r"};
    for (size_t i = 0; i < COUNT_OF(same); i++)
        assert_true(ops_view_is(ops_secret_trimmed(ops_view_of(same[i])), CODE));
    assert_true(ops_view_is(ops_secret_trimmed(ops_view_of(CODE "\n\n")), CODE "\n"));
    assert_true(ops_view_is(ops_secret_trimmed(ops_view_of(CODE " ")), CODE " "));
    assert_int_equal(ops_secret_trimmed(ops_view_of("\r\n")).length, 0);
    assert_int_equal(ops_secret_trimmed(ops_view_of("")).length, 0);
}

static void what_is_text_in_one_line_can_be_one(void **state)
{
    (void)state;
    static const char *const good[] = {CODE, " " CODE " ", "p\xc3\xa4ssword", "tab\tin it",
                                       "\xe2\x80\x8b"
                                       "x"};
    for (size_t i = 0; i < COUNT_OF(good); i++)
        assert_null(ops_secret_objection(ops_view_of(good[i])));
}

static void what_can_be_none_is_told_by_its_form(void **state)
{
    (void)state;
    static const struct {
        struct ops_view code;
        const char *words;
    } cases[] = {
        {{"", 0}, "is empty"},
        {{"            ", 12}, "is of blanks only"},
        {{"\t\xc2\xa0\xe3\x80\x80\xe2\x80\x8b", 9}, "is of blanks only"},
        {{"\xef\xbb\xbf" CODE, 3 + sizeof CODE - 1}, "byte order mark"},
        {{"\xff\xfe"
          "c\0o\0",
          6},
         "UTF-16"},
        {{"\xfe\xff\0c\0o", 6}, "UTF-16"},
        {{"nul\0inside", 10}, "is not UTF-8 text"},
        {{"p\xe4ssword", 8}, "is not UTF-8 text"},
        {{CODE "\nmore", sizeof CODE + 4}, "has more than one line"},
        {{CODE "\r", sizeof CODE}, "has more than one line"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *objection = ops_secret_objection(cases[i].code);
        assert_non_null(objection);
        assert_non_null(strstr(objection, cases[i].words));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_line_end_at_the_end_is_no_part_of_it),
        cmocka_unit_test(what_is_text_in_one_line_can_be_one),
        cmocka_unit_test(what_can_be_none_is_told_by_its_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
