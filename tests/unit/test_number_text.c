/* The one text of a number: by it a tenant that is kept as a number is compared. */
#include "support/cmocka_all.h"

#include "base/number_text.h"

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void a_number_has_one_text_however_it_is_written(void **state)
{
    (void)state;
    static const struct {
        const char *written, *text;
    } cases[] = {
        {"1001", "1001"},
        {"1001.0", "1001"},
        {"1001.", "1001"},
        {"+1001", "1001"},
        {"01001", "1001"},
        {"1.001e3", "1001"},
        {"1.001E+3", "1001"},
        {"1.001E+0003", "1001"},
        {"100100e-2", "1001"},
        {"0.00001001e8", "1001"},
        {"1e3", "1000"},
        {"10", "10"},
        {"10.0", "10"},
        {"100.50", "100.5"},
        {"1000000", "1000000"},
        {"0.5", "0.5"},
        {".5", "0.5"},
        {"0.50", "0.5"},
        {"5e-1", "0.5"},
        {"5E-3", "0.005"},
        {"-5", "-5"},
        {"-0.25", "-0.25"},
        {"0", "0"},
        {"-0", "0"},
        {"-0.0", "0"},
        {"0e5", "0"},
        {"0e-999999999999999999999999", "0"},
        {"0.000e99999999999999999999999999", "0"},
        {"00000", "0"},
        {"9007199254740993", "9007199254740993"},
        {"18446744073709551617", "18446744073709551617"},
        {"123456789012345678901234567890.12345678", "123456789012345678901234567890.12345678"},
        {"1e38", "100000000000000000000000000000000000000"},
        {"12.34e1", "123.4"},
        {"12.34e2", "1234"},
        {"12.34e3", "12340"},
        {"12.34e-2", "0.1234"},
        {"12.34e-3", "0.01234"},
        {"102.304e1", "1023.04"},
        {"1.20034e2", "120.034"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[OPS_NUMBER_TEXT_SIZE];
        assert_int_equal(ops_number_text(ops_view_of(cases[i].written), text), OPS_OK);
        assert_string_equal(text, cases[i].text);
    }
}

static void what_is_no_number_has_none(void **state)
{
    (void)state;
    static const char *const cases[] = {"",    "-",    "+",   ".",    "-.",   "e5",  "1e",    "1e+",  "1e-", "1.2.3", "1,5", " 1",
                                        "1 ",  "0x10", "inf", "-inf", "nan",  "NaN", "1e5.0", "--1",  "+-1", "1_000", "acme",
                                        "12a", "1ee2", "٣",   "1e5 ", "1\n", ".e1"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[OPS_NUMBER_TEXT_SIZE] = "as before";
        if (ops_number_text(ops_view_of(cases[i]), text) != OPS_INVALID_FIELD)
            fail_msg("'%s' is taken for the number %s", cases[i], text);
        assert_string_equal(text, "as before");
    }
    char text[OPS_NUMBER_TEXT_SIZE];
    assert_int_equal(ops_number_text(ops_view("1\0", 2), text), OPS_INVALID_FIELD);
    assert_int_equal(ops_number_text(ops_view(NULL, 0), text), OPS_INVALID_FIELD);
}

static void only_the_bytes_of_the_view_count(void **state)
{
    (void)state;
    char text[OPS_NUMBER_TEXT_SIZE];
    assert_int_equal(ops_number_text(ops_view("1001", 3), text), OPS_OK);
    assert_string_equal(text, "100");
    assert_int_equal(ops_number_text(ops_view("1e5", 1), text), OPS_OK);
    assert_string_equal(text, "1");
    assert_int_equal(ops_number_text(ops_view("1.55", 2), text), OPS_OK);
    assert_string_equal(text, "1");
}

static void a_number_whose_text_is_too_long_is_one_all_the_same(void **state)
{
    (void)state;
    char text[OPS_NUMBER_TEXT_SIZE] = "as before", written[OPS_NUMBER_TEXT_SIZE + 8];
    static const char *const cases[] = {"1e399", "1e1000000000000", "-1e398", "1e-398", "1e-99999999999999999999"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(ops_number_text(ops_view_of(cases[i]), text), OPS_LIMIT);
        assert_string_equal(text, "as before");
    }
    assert_int_equal(ops_number_text(ops_view_of("1e398"), text), OPS_OK);
    assert_int_equal(strlen(text), OPS_NUMBER_TEXT_SIZE - 1);
    assert_int_equal(ops_number_text(ops_view_of("1e-397"), text), OPS_OK);
    assert_int_equal(strlen(text), OPS_NUMBER_TEXT_SIZE - 1);
    memset(written, '7', sizeof written);
    assert_int_equal(ops_number_text(ops_view(written, OPS_NUMBER_TEXT_SIZE - 1), text), OPS_OK);
    assert_int_equal(ops_number_text(ops_view(written, OPS_NUMBER_TEXT_SIZE), text), OPS_LIMIT);
    memset(written, '0', sizeof written);
    written[sizeof written - 1] = '7';
    assert_int_equal(ops_number_text(ops_view(written, sizeof written), text), OPS_OK);
    assert_string_equal(text, "7");
}

static void a_double_has_the_shortest_text_that_reads_back(void **state)
{
    (void)state;
    static const struct {
        double number;
        const char *text;
    } cases[] = {
        {1001.0, "1001"},
        {0.0, "0"},
        {-0.0, "0"},
        {0.5, "0.5"},
        {0.1, "0.1"},
        {0.1 + 0.2, "0.30000000000000004"},
        {-5.25, "-5.25"},
        {1e15, "1000000000000000"},
        {1e23, "100000000000000000000000"},
        {9007199254740992.0, "9007199254740992"},
        {9007199254740994.0, "9007199254740994"},
        {1180591620717411303424.0, "1180591620717411300000"},
        {1.5e-5, "0.000015"},
    };
    char text[OPS_NUMBER_TEXT_SIZE] = "as before";
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(ops_number_text_of_double(cases[i].number, text), OPS_OK);
        assert_string_equal(text, cases[i].text);
    }
    assert_int_equal(ops_number_text_of_double((double)INFINITY, text), OPS_INVALID_FIELD);
    assert_int_equal(ops_number_text_of_double(-(double)INFINITY, text), OPS_INVALID_FIELD);
    assert_int_equal(ops_number_text_of_double((double)NAN, text), OPS_INVALID_FIELD);
    assert_string_equal(text, "0.000015");
}

/* Any bit pattern, by a generator with a fixed seed; the ends of the range besides. */
static void every_double_fits_and_reads_back(void **state)
{
    (void)state;
    static const double ends[] = {DBL_MIN, DBL_MAX, -DBL_MAX, DBL_TRUE_MIN, -DBL_TRUE_MIN, DBL_EPSILON, -2.2250738585072011e-308};
    char text[OPS_NUMBER_TEXT_SIZE], again[OPS_NUMBER_TEXT_SIZE];
    uint64_t bits = 20261129;
    for (size_t i = 0; i < 20000; i++) {
        double number;
        bits = bits * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        uint64_t mixed = bits ^ (bits >> 29);
        memcpy(&number, &mixed, sizeof number);
        if (i < sizeof ends / sizeof ends[0])
            number = ends[i];
        if (!isfinite(number))
            continue;
        assert_int_equal(ops_number_text_of_double(number, text), OPS_OK);
        if (strtod(text, NULL) != number)
            fail_msg("%.17g became %s", number, text);
        assert_null(strpbrk(text, "eE+"));
        assert_int_equal(ops_number_text(ops_view_of(text), again), OPS_OK);
        assert_string_equal(again, text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_has_one_text_however_it_is_written),
        cmocka_unit_test(what_is_no_number_has_none),
        cmocka_unit_test(only_the_bytes_of_the_view_count),
        cmocka_unit_test(a_number_whose_text_is_too_long_is_one_all_the_same),
        cmocka_unit_test(a_double_has_the_shortest_text_that_reads_back),
        cmocka_unit_test(every_double_fits_and_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
