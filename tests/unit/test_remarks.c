/* Remarks: how many, the first few by name, and nothing in them that a terminal would take for a command. */
#include "support/cmocka_all.h"

#include "ports/remarks.h"

#include <stdio.h>
#include <string.h>

static void add(struct ops_remarks *remarks, const char *name, const char *reason)
{
    ops_remarks_add(remarks, OPS_REMARK_REFUSED, ops_view_of(name), reason);
}

static void all_are_counted_and_the_first_ten_are_named(void **state)
{
    (void)state;
    static struct ops_remarks remarks;
    char name[16];
    for (int i = 0; i < 25; i++) {
        (void)snprintf(name, sizeof name, "k%d", i);
        ops_remarks_add(&remarks, i % 2 ? OPS_REMARK_REFUSED : OPS_REMARK_UNREADABLE, ops_view_of(name), "no right");
    }
    assert_int_equal(remarks.counts[OPS_REMARK_UNREADABLE], 13);
    assert_int_equal(remarks.counts[OPS_REMARK_REFUSED], 12);
    assert_int_equal(remarks.count, OPS_REMARKS_MAX);
    assert_string_equal(remarks.first[0].name, "k0");
    assert_string_equal(remarks.first[9].name, "k9");
    assert_string_equal(remarks.first[9].reason, "no right");
    ops_remarks_clear(&remarks);
    assert_int_equal(remarks.count, 0);
    assert_int_equal(remarks.counts[OPS_REMARK_REFUSED], 0);
}

static void nobody_who_asks_is_fine(void **state)
{
    (void)state;
    add(NULL, "k", "r");
}

static void names_are_made_printable(void **state)
{
    (void)state;
    static const struct {
        const char *name, *shown;
    } cases[] = {
        {"plain", "plain"},
        {"caf\xe9", "caf?"},
        {"caf\xc3\xa9", "caf\xc3\xa9"},
        {"m\x1b[31mred\n\x07", "m?[31mred??"},
        {"\xc2\x9b" "31m", "??31m"}, /* CSI as a C1 control */
        {"\xed\xa0\x80", "???"},     /* a surrogate */
        {"\xf4\x90\x80\x80", "????"},
        {"\xe2\x82", "??"}, /* cut */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ops_remarks remarks = {.count = 0};
        add(&remarks, cases[i].name, cases[i].name);
        assert_string_equal(remarks.first[0].name, cases[i].shown);
        assert_string_equal(remarks.first[0].reason, cases[i].shown);
    }
}

static void a_long_name_loses_its_middle_and_no_character_is_cut(void **state)
{
    (void)state;
    char name[1001], reason[1001];
    struct ops_remarks remarks = {.count = 0};
    for (size_t i = 0; i < 500; i++)
        memcpy(name + 2 * i, "\xc3\xa9", 2);
    name[1000] = '\0';
    memcpy(name, "begin", 5);
    name[5] = 'x'; /* where half of a character would be left */
    memcpy(name + 997, "end", 3);
    name[996] = 'x';
    memset(reason, 'r', 1000);
    reason[1000] = '\0';
    add(&remarks, name, reason);
    const char *shown = remarks.first[0].name;
    assert_true(strlen(shown) < OPS_REMARK_NAME_SIZE);
    assert_true(strlen(shown) > OPS_REMARK_NAME_SIZE - 12);
    assert_memory_equal(shown, "beginx\xc3\xa9", 8);
    assert_non_null(strstr(shown, "\xc3\xa9...\xc3\xa9"));
    assert_string_equal(shown + strlen(shown) - 4, "xend");
    assert_null(strchr(shown, '?'));
    assert_int_equal(strlen(remarks.first[0].reason), OPS_REMARK_REASON_SIZE - 1);
}

static void merging_adds_the_counts_and_fills_up_the_names(void **state)
{
    (void)state;
    static struct ops_remarks sum, more;
    for (int i = 0; i < 7; i++) {
        add(&sum, "a", "first");
        add(&more, "b", "second");
    }
    ops_remarks_merge(&sum, &more);
    assert_int_equal(sum.counts[OPS_REMARK_REFUSED], 14);
    assert_int_equal(sum.count, OPS_REMARKS_MAX);
    assert_string_equal(sum.first[6].name, "a");
    assert_string_equal(sum.first[7].name, "b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_are_counted_and_the_first_ten_are_named),
        cmocka_unit_test(nobody_who_asks_is_fine),
        cmocka_unit_test(names_are_made_printable),
        cmocka_unit_test(a_long_name_loses_its_middle_and_no_character_is_cut),
        cmocka_unit_test(merging_adds_the_counts_and_fills_up_the_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
