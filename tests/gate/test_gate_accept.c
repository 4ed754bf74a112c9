/* Who gets a page, and who JSON. */
#include "gate/accept.h"

#include "support/cmocka_all.h"

#include <stdbool.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

struct accept_row {
    const char *accept;
    bool html;
};

static const struct accept_row accept_rows[] = {
    /* What browsers send. */
    {"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8", true},
    {"text/html", true},
    /* What programs send. */
    {NULL, false},
    {"", false},
    {"*/*", false},
    {"application/json", false},
    {"application/json, text/plain, */*", false},
    {"text/*", false},
    {"text/plain", false},
    /* Weights. */
    {"text/html;q=0.5, application/json;q=0.5", true},
    {"text/html;q=0.4, application/json;q=0.5", false},
    {"text/html;q=0.5, application/json;q=0.4", true},
    {"application/json, text/html", true},
    {"application/json, text/html;q=0.999", false},
    {"application/json;q=0.999, text/html;q=1.000", true},
    {"text/html;q=0", false},
    {"text/html;q=0.000", false},
    {"text/html;q=0.001", true},
    {"application/json;q=0, text/html;q=0.1", true},
    /* Shapes. */
    {"TEXT/HTML", true},
    {" text/html\t;\tQ=0.5 , application/json ; q=0.4", true},
    {"text/html;charset=utf-8", true},
    {"text/html;level=1;q=0", false},
    {"text/html ; q=1.", true},
    {",,text/html,,", true},
    {";text/html", false},
    /* Garbage. */
    {"text/htm", false},
    {"text/html5", false},
    {"text/html;q=", false},
    {"text/html;q=1.001", false},
    {"text/html;q=2", false},
    {"text/html;q=0.1234567890", false},
    {"text/html;q=yes", false},
    {"text/html;q=-1", false},
    {"text/html;q=0.5x", false},
    {",;,;q=1;,", false},
    {"\xff\xfe", false},
};

static void html_goes_to_those_who_prefer_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(accept_rows); i++)
        if (ops_gate_prefers_html(accept_rows[i].accept) != accept_rows[i].html)
            fail_msg("Accept: %s", accept_rows[i].accept ? accept_rows[i].accept : "(none)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(html_goes_to_those_who_prefer_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
