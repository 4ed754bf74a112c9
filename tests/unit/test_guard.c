#include "core/guard.h"

#include "support/cmocka_all.h"

static const struct ops_guard compiled_in = {NULL, 0};

struct resource_case {
    const char *sentence;
    enum ops_target_kind kind;
    const char *name;
    bool is_protected;
};

static const struct resource_case resource_cases[] = {
    {"the table of OPS is protected", OPS_TABLE, "ops_main", true},
    {"a bucket that is called like the table of OPS is not", OPS_BUCKET, "ops_main", false},
    {"a table whose name begins like that of OPS is not", OPS_TABLE, "ops_main2", false},
    {"the guard knows case", OPS_TABLE, "OPS_MAIN", false},
    {"the audit log group is protected", OPS_LOG_GROUP, "/g3nretailstack/ops/maintenance-audit", true},
    {"another log group of OPS is not, by the guard", OPS_LOG_GROUP, "/g3nretailstack/ops/api", false},
    {"the documentation bucket is protected", OPS_BUCKET, "doc.g3nretailstack.com", true},
    {"the MCP bucket is protected", OPS_BUCKET, "mcp.g3nretailstack.com", true},
    {"a table called like the MCP bucket is not", OPS_TABLE, "mcp.g3nretailstack.com", false},
    {"a table with the prefix is protected", OPS_TABLE, "g3nmhsadmin_users", true},
    {"the prefix alone is protected", OPS_BUCKET, "g3nmhsadmin", true},
    {"half the prefix is not", OPS_BUCKET, "g3nmhsadmi", false},
    {"the prefix inside a name is not", OPS_TABLE, "my_g3nmhsadmin", false},
    {"the prefix in capitals is not", OPS_TABLE, "G3NMHSADMIN", false},
    {"a log group's first segment counts", OPS_LOG_GROUP, "/g3nmhsadmin/api", true},
    {"a log group's last segment counts", OPS_LOG_GROUP, "/g3nretailstack/g3nmhsadmin-x", true},
    {"a log group's segment must begin with it", OPS_LOG_GROUP, "/g3nretailstack/x-g3nmhsadmin", false},
    {"an ordinary table is not protected", OPS_TABLE, "pvm_main", false},
};

static void what_is_compiled_in_is_protected_and_nothing_else(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof resource_cases / sizeof resource_cases[0]; i++) {
        const struct resource_case *row = &resource_cases[i];
        const char *reason = ops_guard_resource(&compiled_in, row->kind, row->name);
        if ((reason != NULL) != row->is_protected)
            fail_msg("%s: got %s", row->sentence, reason ? reason : "no reason");
    }
}

static void the_manifest_adds_exact_names_and_takes_none_away(void **state)
{
    (void)state;
    static const char *const names[] = {"pvm_main", "/g3nretailstack/pvm/api"};
    const struct ops_guard guard = {names, 2};
    assert_non_null(ops_guard_resource(&guard, OPS_TABLE, "pvm_main"));
    assert_non_null(ops_guard_resource(&guard, OPS_BUCKET, "pvm_main"));
    assert_non_null(ops_guard_resource(&guard, OPS_LOG_GROUP, "/g3nretailstack/pvm/api"));
    assert_null(ops_guard_resource(&guard, OPS_TABLE, "pvm_main2"));
    assert_non_null(ops_guard_resource(&guard, OPS_TABLE, "ops_main"));
}

static void sql_names_know_no_case_neither_the_guards_nor_the_tables(void **state)
{
    (void)state;
    static const char *const names[] = {"ORDERS", "lines"};
    const struct ops_guard guard = {names, 2};
    static const char *const kept[] = {"orders", "Orders", "ORDERS", "LINES", "OPS_MAIN", "G3nmhsAdmin_x"};
    static const char *const others[] = {"orders2", "order", "\xc3\x96rders", "x_g3nmhsadmin"};
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
        assert_non_null(ops_guard_sql_name(&guard, kept[i]));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_null(ops_guard_sql_name(&guard, others[i]));
}

static void only_a_table_with_a_location_has_sql_names(void **state)
{
    (void)state;
    static const char *const names[] = {"ORDERS"};
    const struct ops_guard guard = {names, 1};
    json_t *location = json_pack("{s:s, s:s}", "file", "shop.db", "table", "orders");
    assert_non_null(ops_guard_named(&guard, OPS_TABLE, "x", location));
    assert_null(ops_guard_named(&guard, OPS_TABLE, "orders", NULL));
    assert_null(ops_guard_named(&guard, OPS_BUCKET, "orders", NULL));
    assert_non_null(ops_guard_named(&guard, OPS_BUCKET, "ORDERS", NULL));
    json_object_set_new(location, "table", json_string("lines"));
    assert_null(ops_guard_named(&guard, OPS_TABLE, "x", location));
    assert_non_null(ops_guard_named(&guard, OPS_TABLE, "orders", location));
    json_decref(location);
}

static void a_thing_whose_names_know_no_case_is_protected_in_any(void **state)
{
    (void)state;
    static const char *const names[] = {"Photos"};
    const struct ops_guard guard = {names, 1};
    struct ops_identity identity = {.alias_count = 1, .aliases = {{OPS_BUCKET, "PHOTOS", ""}}};
    assert_null(ops_guard_thing(&guard, OPS_BUCKET, "photos", &identity));
    identity.any_case = true;
    assert_non_null(ops_guard_thing(&guard, OPS_BUCKET, "photos", &identity));
    assert_non_null(ops_guard_thing(&guard, OPS_BUCKET, "other", &identity));
}

/* Each value is a byte, its length and its bytes. */
static void every_value_that_may_be_the_partition_key_counts(void **state)
{
    (void)state;
    char more[64];
    size_t length = 0;
    static const char *const values[] = {"x", "", "g3nmhsadmin#1"};
    for (size_t i = 0; i < 3; i++) {
        uint32_t bytes = (uint32_t)strlen(values[i]);
        more[length++] = 't';
        memcpy(more + length, &bytes, sizeof bytes);
        memcpy(more + length + sizeof bytes, values[i], bytes);
        length += sizeof bytes + bytes;
    }
    struct ops_key key = {.guarded = ops_view_of("a"), .more = ops_view(more, length)};
    assert_non_null(ops_guard_record(&compiled_in, OPS_TABLE, &key));
    key.more.length -= 5 + strlen(values[2]);
    assert_null(ops_guard_record(&compiled_in, OPS_TABLE, &key));
    key.kept = true;
    assert_non_null(ops_guard_record(&compiled_in, OPS_BUCKET, &key));
}

static void a_key_that_begins_with_the_prefix_is_protected_everywhere(void **state)
{
    (void)state;
    for (int kind = 0; kind < OPS_TARGET_KIND_COUNT; kind++) {
        assert_non_null(ops_guard_key(&compiled_in, (enum ops_target_kind)kind, ops_view_of("g3nmhsadmin/a")));
        assert_null(ops_guard_key(&compiled_in, (enum ops_target_kind)kind, ops_view_of("ORG#g3nmhsadmin")));
        assert_null(ops_guard_key(&compiled_in, (enum ops_target_kind)kind, ops_view(NULL, 0)));
    }
}

static void a_key_with_a_nul_after_the_prefix_is_protected(void **state)
{
    (void)state;
    assert_non_null(ops_guard_key(&compiled_in, OPS_TABLE, ops_view("g3nmhsadmin\0x", 13)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_compiled_in_is_protected_and_nothing_else),
        cmocka_unit_test(the_manifest_adds_exact_names_and_takes_none_away),
        cmocka_unit_test(sql_names_know_no_case_neither_the_guards_nor_the_tables),
        cmocka_unit_test(only_a_table_with_a_location_has_sql_names),
        cmocka_unit_test(a_thing_whose_names_know_no_case_is_protected_in_any),
        cmocka_unit_test(every_value_that_may_be_the_partition_key_counts),
        cmocka_unit_test(a_key_that_begins_with_the_prefix_is_protected_everywhere),
        cmocka_unit_test(a_key_with_a_nul_after_the_prefix_is_protected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
