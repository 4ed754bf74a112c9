#include "surfaces/invoke/function_name.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#define ARN "arn:aws:lambda:us-east-1:123456789012:function:"
#define NAME_64 "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"

static const struct {
    const char *encoded;
    const char *query;
    const char *name; /* NULL: refused */
    const char *qualifier;
} cases[] = {
    {"ops_sweep", NULL, "ops_sweep", ""},
    {"ops_sweep:$LATEST", NULL, "ops_sweep", "$LATEST"},
    {"ops_sweep%3A%24LATEST", NULL, "ops_sweep", "$LATEST"},
    {"ops_sweep", "live", "ops_sweep", "live"},
    {"ops_sweep:live", "live", "ops_sweep", "live"},
    {"ops_sweep:live", "other", NULL, NULL},
    {"ops_sweep:", NULL, NULL, NULL},
    {"ops_sweep", "not good", NULL, NULL},
    {"123456789012:function:ops_sweep", NULL, "ops_sweep", ""},
    {"123456789012:function:ops_sweep:7", NULL, "ops_sweep", "7"},
    {"12345678901:function:ops_sweep", NULL, NULL, NULL},
    {"12345678901x:function:ops_sweep", NULL, NULL, NULL},
    {"123456789012:functions:ops_sweep", NULL, NULL, NULL},
    {"123456789012:function:", NULL, NULL, NULL},
    {ARN "ops_sweep", NULL, "ops_sweep", ""},
    {ARN "ops_sweep:$LATEST", NULL, "ops_sweep", "$LATEST"},
    {ARN "ops_sweep:$LATEST:more", NULL, NULL, NULL},
    {ARN, NULL, NULL, NULL},
    {"arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Aops_sweep", NULL, "ops_sweep", ""},
    {"arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:ops_sweep", NULL, "ops_sweep", ""},
    {"arn:aws:s3:us-east-1:123456789012:function:ops_sweep", NULL, NULL, NULL},
    {"arn:aws:lambda:us-east-1:123456789012:layer:ops_sweep", NULL, NULL, NULL},
    {"arn:aws:lambda::123456789012:function:ops_sweep", NULL, NULL, NULL},
    {"arn:aws:lambda:us-east-1", NULL, NULL, NULL},
    {"arn", NULL, "arn", ""},
    {"arn:aws", NULL, "arn", "aws"},
    {"a:b:c", NULL, NULL, NULL},
    {"a:b:c:d:e:f:g:h:i", NULL, NULL, NULL},
    {":::::::", NULL, NULL, NULL},
    {"", NULL, NULL, NULL},
    {":", NULL, NULL, NULL},
    {"ops sweep", NULL, NULL, NULL},
    {"ops%2Fsweep", NULL, NULL, NULL},
    {"ops%00sweep", NULL, NULL, NULL},
    {"ops%", NULL, NULL, NULL},
    {NAME_64 NAME_64, NULL, NAME_64 NAME_64, ""},
    {NAME_64 NAME_64 NAME_64, NULL, NULL, NULL},
};

static void each_form_of_a_name_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ops_function_name got = {.name = "before"};
        enum ops_status status = ops_function_name_parse(ops_view_of(cases[i].encoded), ops_view_of(cases[i].query), &got);
        if (status != (cases[i].name ? OPS_OK : OPS_INVALID_FIELD))
            fail_msg("'%s' gave %s", cases[i].encoded, ops_status_tag(status));
        assert_string_equal(got.name, cases[i].name ? cases[i].name : "before");
        if (cases[i].name)
            assert_string_equal(got.qualifier, cases[i].qualifier);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_form_of_a_name_is_read)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
