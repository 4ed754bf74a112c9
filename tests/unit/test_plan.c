#include "core/plan.h"

#include "base/json.h"

#include "support/alloc_fault.h"
#include "support/cmocka_all.h"
#include "support/manifest_text.h"

#include <stdio.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static enum ops_status note_existing(const struct ops_manifest *manifest, json_t *targets, enum ops_target_kind kind,
                                     const char *name)
{
    const struct ops_resource resource = {.kind = kind, .name = name, .identity = ""};
    return ops_plan_note_existing(manifest, targets, &resource);
}

static const char stack_text[] =
    "{'stack': 's', 'protected': ['kept'], 'sessions': {'sessions_table': 'usm_sessions', 'users_table': 'uas_users'},"
    " 'services': ["
    "  {'code': 'pvm',"
    "   'tables': [{'name': 'attribute', 'org': {'by': 'attribute', 'name': 'orgcode'}},"
    "              {'name': 'index', 'org': {'by': 'index', 'index': 'by-org', 'name': 'orgcode'}},"
    "              {'name': 'prefix', 'org': {'by': 'key_prefix', 'pattern': 'ORG#{orgcode}#'}},"
    "              {'name': 'key', 'org': {'by': 'key', 'pattern': 'ORG#{orgcode}'}},"
    "              {'name': 'loose', 'incomparable': 'ignore', 'reason': 'old rows',"
    "               'org': {'by': 'attribute', 'name': 'orgcode'}},"
    "              {'name': 'skip', 'org': {'by': 'skip', 'reason': 'no tenants here'}},"
    "              {'name': 'kept', 'org': {'by': 'attribute', 'name': 'orgcode'}},"
    "              {'name': 'sqlite', 'org': {'by': 'attribute', 'name': 'orgcode'},"
    "               'sqlite': {'file': '/srv/a.db', 'table': 'items', 'key': ['id']}},"
    "              {'name': 'disguised', 'org': {'by': 'attribute', 'name': 'orgcode'},"
    "               'sqlite': {'file': '/srv/b.db', 'table': 'g3nmhsadmin_items', 'key': ['id']}}],"
    "   'buckets': [{'name': 'bucket', 'org': {'by': 'key_prefix', 'pattern': '{orgcode}/'}},"
    "               {'name': 'doc.g3nretailstack.com'}],"
    "   'log_groups': [{'name': '/s/pvm/api'}]},"
    "  {'code': 'uas', 'tables': [{'name': 'uas_users'}]}, {'code': 'usm', 'tables': [{'name': 'usm_sessions'}]},"
    "  {'code': 'ops', 'tables': [{'name': 'ops_main'}], 'buckets': [{'name': 'ops-data'}]}]}";

static int manifest_set_up(void **state)
{
    static struct ops_manifest manifest;
    manifest_text_init(&manifest, stack_text);
    *state = &manifest;
    return 0;
}

static int manifest_tear_down(void **state)
{
    ops_manifest_release(*state);
    return 0;
}

static json_t *plan_of(const struct ops_manifest *manifest, enum ops_vacuum_type type, const char *orgcode)
{
    json_t *targets = NULL;
    assert_int_equal(ops_plan_make(manifest, type, orgcode, &targets), OPS_OK);
    return targets;
}

static json_t *target_named(const json_t *targets, const char *name)
{
    for (size_t i = 0; i < json_array_size(targets); i++)
        if (strcmp(ops_json_text(json_array_get(targets, i), "name", ""), name) == 0)
            return json_array_get(targets, i);
    fail_msg("no target %s", name);
    return NULL;
}

static void expect_scope(const json_t *targets, const char *name, const char *scope_text)
{
    const json_t *target = target_named(targets, name);
    json_t *expected = manifest_text_json(scope_text);
    assert_string_equal(ops_json_text(target, "status", ""), "pending");
    assert_null(json_object_get(target, "skipped_reason"));
    if (!json_equal(json_object_get(target, "scope"), expected))
        fail_msg("%s does not have the scope %s", name, scope_text);
    json_decref(expected);
}

static void expect_skipped(const json_t *targets, const char *name, const char *reason_part)
{
    const json_t *target = target_named(targets, name);
    const char *reason = ops_json_text(target, "skipped_reason", "");
    assert_string_equal(ops_json_text(target, "status", ""), "skipped");
    assert_null(json_object_get(target, "scope"));
    if (!strstr(reason, reason_part))
        fail_msg("%s is skipped because \"%s\", not \"%s\"", name, reason, reason_part);
}

static void each_org_rule_becomes_its_scope(void **state)
{
    json_t *targets = plan_of(*state, OPS_VACUUM_ORG, "acme");
    expect_scope(targets, "attribute", "{'by': 'attribute', 'attribute': 'orgcode', 'value': 'acme'}");
    expect_scope(targets, "index", "{'by': 'index', 'index': 'by-org', 'attribute': 'orgcode', 'value': 'acme'}");
    expect_scope(targets, "prefix", "{'by': 'key_prefix', 'value': 'ORG#acme#'}");
    expect_scope(targets, "key", "{'by': 'key', 'value': 'ORG#acme'}");
    expect_scope(targets, "bucket", "{'by': 'key_prefix', 'value': 'acme/'}");
    expect_scope(targets, "loose", "{'by': 'attribute', 'attribute': 'orgcode', 'value': 'acme', 'incomparable': 'ignore'}");
    assert_string_equal(ops_json_text(target_named(targets, "loose"), "ignored_reason", ""), "old rows");
    assert_null(json_object_get(target_named(targets, "attribute"), "ignored_reason"));
    json_decref(targets);
}

static void vacuum_all_takes_whole_tables_buckets_and_log_groups_also_those_that_org_skips(void **state)
{
    static const char *const names[] = {"attribute", "index",  "prefix",     "key",       "skip",
                                        "loose",     "sqlite",    "bucket", "/s/pvm/api", "uas_users", "usm_sessions"};
    json_t *targets = plan_of(*state, OPS_VACUUM_ALL, NULL);
    for (size_t i = 0; i < COUNT_OF(names); i++)
        expect_scope(targets, names[i], "{'by': 'all'}");
    json_decref(targets);
}

static void vacuum_org_keeps_users_sessions_log_groups_and_what_the_manifest_skips(void **state)
{
    json_t *targets = plan_of(*state, OPS_VACUUM_ORG, "acme");
    expect_skipped(targets, "uas_users", "users");
    expect_skipped(targets, "usm_sessions", "sessions");
    expect_skipped(targets, "/s/pvm/api", "log groups");
    expect_skipped(targets, "skip", "no tenants here");
    json_decref(targets);
}

static void what_is_protected_and_what_belongs_to_ops_is_skipped_by_either_vacuum(void **state)
{
    for (int type = OPS_VACUUM_ALL; type <= OPS_VACUUM_ORG; type++) {
        json_t *targets = plan_of(*state, (enum ops_vacuum_type)type, type == OPS_VACUUM_ORG ? "acme" : NULL);
        expect_skipped(targets, "kept", "the manifest lists it as protected");
        expect_skipped(targets, "ops_main", "ops_main");
        expect_skipped(targets, "ops-data", "belongs to OPS itself");
        expect_skipped(targets, "doc.g3nretailstack.com", "never deleted");
        expect_skipped(targets, "disguised", "g3nmhsadmin");
        json_decref(targets);
    }
}

static void every_target_of_the_manifest_is_there_in_its_order_with_zero_counters(void **state)
{
    const struct ops_manifest *manifest = *state;
    static const char *const counters[] = {"matched", "deleted", "failed", "protected"};
    json_t *targets = plan_of(manifest, OPS_VACUUM_ORG, "acme");
    assert_int_equal(json_array_size(targets), manifest->target_count);
    for (size_t i = 0; i < manifest->target_count; i++) {
        const json_t *target = json_array_get(targets, i);
        assert_string_equal(ops_json_text(target, "name", ""), manifest->targets[i].name);
        assert_string_equal(ops_json_text(target, "service", ""), manifest->targets[i].service);
        assert_string_equal(ops_json_text(target, "kind", ""), ops_target_kind_name(manifest->targets[i].kind));
        for (size_t k = 0; k < COUNT_OF(counters); k++)
            assert_int_equal(ops_json_integer(target, counters[k], -1), 0);
    }
    json_decref(targets);
}

static void tenant_whose_name_begins_anothers_is_not_matched_by_a_pattern(void **state)
{
    json_t *acme = plan_of(*state, OPS_VACUUM_ORG, "acme");
    static const char *const other_tenants[] = {"acme2", "acme-x", "acme.x", "acme_", "acmeacme", "ACME", "acm"};
    const char *value = ops_json_text(json_object_get(target_named(acme, "prefix"), "scope"), "value", "");
    for (size_t i = 0; i < COUNT_OF(other_tenants); i++) {
        char key[OPS_ORGCODE_MAX + 16];
        (void)snprintf(key, sizeof key, "ORG#%s#1", other_tenants[i]);
        assert_false(ops_view_starts_with(ops_view_of(key), ops_view_of(value)));
    }
    assert_true(ops_view_starts_with(ops_view_of("ORG#acme#1"), ops_view_of(value)));
    json_decref(acme);
}

static void a_plan_for_no_tenant_or_an_impossible_one_is_refused(void **state)
{
    json_t *targets = NULL;
    assert_int_equal(ops_plan_make(*state, OPS_VACUUM_ORG, NULL, &targets), OPS_INVALID_FIELD);
    assert_int_equal(ops_plan_make(*state, OPS_VACUUM_ORG, "", &targets), OPS_INVALID_FIELD);
    assert_int_equal(ops_plan_make(*state, OPS_VACUUM_ORG, "a#", &targets), OPS_INVALID_FIELD);
    assert_int_equal(ops_plan_make(*state, OPS_VACUUM_ALL, "acme", &targets), OPS_INVALID_FIELD);
    assert_null(targets);
}

static void a_target_that_is_skipped_later_loses_its_scope(void **state)
{
    json_t *targets = plan_of(*state, OPS_VACUUM_ALL, NULL);
    json_t *target = target_named(targets, "sqlite");
    assert_int_equal(ops_json_set_integer(target, "segments", 4), OPS_OK);
    assert_int_equal(ops_plan_skip(target, "it does not exist"), OPS_OK);
    expect_skipped(targets, "sqlite", "it does not exist");
    assert_null(json_object_get(target, "location"));
    assert_null(json_object_get(target, "segments"));
    json_decref(targets);
}

static void what_exists_beside_the_manifest_is_unclassified_and_noted_once(void **state)
{
    const struct ops_manifest *manifest = *state;
    json_t *targets = plan_of(manifest, OPS_VACUUM_ALL, NULL);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(note_existing(manifest, targets, OPS_TABLE, "attribute"), OPS_OK);
        assert_int_equal(note_existing(manifest, targets, OPS_BUCKET, "attribute"), OPS_OK);
        assert_int_equal(note_existing(manifest, targets, OPS_TABLE, "g3nmhsadmin_x"), OPS_OK);
        assert_int_equal(note_existing(manifest, targets, OPS_TABLE, "a\xFFz"), OPS_OK);
    }
    assert_int_equal(json_array_size(targets), manifest->target_count + 3);
    const json_t *noted = json_array_get(targets, manifest->target_count);
    assert_string_equal(ops_json_text(noted, "status", ""), "unclassified");
    assert_string_equal(ops_json_text(noted, "kind", ""), "bucket");
    assert_true(json_is_null(json_object_get(noted, "service")));
    assert_int_equal(ops_json_integer(noted, "matched", -1), 0);
    assert_null(json_object_get(noted, "scope"));
    expect_skipped(targets, "g3nmhsadmin_x", "protected");
    assert_string_equal(ops_json_text(target_named(targets, "a?z"), "status", ""), "unclassified");
    json_decref(targets);
}

static void no_more_unclassified_resources_are_noted_than_fit(void **state)
{
    const struct ops_manifest *manifest = *state;
    json_t *targets = plan_of(manifest, OPS_VACUUM_ALL, NULL);
    for (int i = 0; i < OPS_PLAN_UNCLASSIFIED_MAX + 5; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "x%d", i);
        assert_int_equal(note_existing(manifest, targets, OPS_TABLE, name), OPS_OK);
    }
    assert_int_equal(json_array_size(targets), manifest->target_count + OPS_PLAN_UNCLASSIFIED_MAX);
    json_decref(targets);
}

static void a_planned_target_reads_back_as_what_to_open(void **state)
{
    struct ops_target_spec spec;
    struct ops_scope scope;
    json_t *targets = plan_of(*state, OPS_VACUUM_ORG, "acme");
    assert_int_equal(ops_plan_target_read(target_named(targets, "index"), &spec, &scope), OPS_OK);
    assert_int_equal(spec.kind, OPS_TABLE);
    assert_string_equal(spec.name, "index");
    assert_null(spec.location);
    assert_int_equal(scope.by, OPS_SCOPE_INDEX);
    assert_string_equal(scope.attribute, "orgcode");
    assert_string_equal(scope.index, "by-org");
    assert_string_equal(scope.value, "acme");
    assert_int_equal(ops_plan_target_read(target_named(targets, "sqlite"), &spec, &scope), OPS_OK);
    assert_string_equal(ops_json_text(spec.location, "file", ""), "/srv/a.db");
    assert_null(scope.index);
    assert_false(scope.ignore_incomparable);
    assert_int_equal(ops_plan_target_read(target_named(targets, "loose"), &spec, &scope), OPS_OK);
    assert_true(scope.ignore_incomparable);
    json_decref(targets);
}

static const char *const damaged_targets[] = {
    "{}",
    "{'kind': 'table', 'name': 't'}",
    "{'kind': 'file', 'name': 't', 'scope': {'by': 'all'}}",
    "{'kind': 'table', 'scope': {'by': 'all'}}",
    "{'kind': 'table', 'name': 't', 'scope': {}}",
    "{'kind': 'table', 'name': 't', 'scope': {'by': 'skip'}}",
    "{'kind': 'table', 'name': 't', 'scope': {'by': 'attribute', 'value': 'acme'}}",
    "{'kind': 'table', 'name': 't', 'scope': {'by': 'attribute', 'attribute': 'o'}}",
    "{'kind': 'table', 'name': 't', 'scope': {'by': 'index', 'attribute': 'o', 'value': 'acme'}}",
    "{'kind': 'table', 'name': 't', 'scope': {'by': 'key_prefix'}}",
    "{'kind': 'table', 'name': 't', 'scope': {'by': 'key_prefix', 'value': ''}}",
    "{'kind': 'table', 'name': 't', 'scope': {'by': 'all', 'value': 'acme'}}",
    "{'kind': 'table', 'name': 't', 'scope': {'by': 'all'}, 'location': 'f'}",
    "{'kind': 'table', 'name': 't', 'scope': {'by': 'all', 'incomparable': 'ignore'}}",
    "{'kind': 'table', 'name': 't', 'scope': {'by': 'key', 'value': 'acme', 'incomparable': 'ignore'}}",
    "{'kind': 'table', 'name': 't', 'scope': {'by': 'attribute', 'attribute': 'o', 'value': 'v', 'incomparable': 'no'}}",
    "{'kind': 'table', 'name': 't', 'scope': {'by': 'attribute', 'attribute': 'o', 'value': 'v', 'incomparable': true}}",
};

static void a_damaged_target_is_corrupt_and_never_becomes_a_wider_scope(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(damaged_targets); i++) {
        struct ops_target_spec spec = {.name = "as before"};
        struct ops_scope scope = {.value = "as before"};
        json_t *target = manifest_text_json(damaged_targets[i]);
        if (ops_plan_target_read(target, &spec, &scope) != OPS_CORRUPT)
            fail_msg("not refused: %s", damaged_targets[i]);
        assert_string_equal(spec.name, "as before");
        assert_string_equal(scope.value, "as before");
        json_decref(target);
    }
}

struct hash {
    char hex[OPS_SHA256_HEX_SIZE];
};

static struct hash hash_of(const json_t *targets, enum ops_vacuum_type type, const char *orgcode)
{
    struct hash hash = {.hex = ""};
    assert_int_equal(ops_plan_sha256(type, orgcode, NULL, targets, hash.hex), OPS_OK);
    assert_int_equal(strlen(hash.hex), 64);
    return hash;
}

static void the_hash_does_not_depend_on_order_counts_or_what_is_skipped(void **state)
{
    const struct ops_manifest *manifest = *state;
    json_t *targets = plan_of(manifest, OPS_VACUUM_ORG, "acme");
    struct hash before = hash_of(targets, OPS_VACUUM_ORG, "acme");
    json_t *reversed = json_array();
    for (size_t i = json_array_size(targets); i > 0; i--)
        assert_int_equal(json_array_append(reversed, json_array_get(targets, i - 1)), 0);
    assert_string_equal(hash_of(reversed, OPS_VACUUM_ORG, "acme").hex, before.hex);
    assert_int_equal(ops_json_set_integer(target_named(targets, "attribute"), "matched", 12), OPS_OK);
    assert_int_equal(ops_json_set_integer(target_named(targets, "attribute"), "segments", 4), OPS_OK);
    assert_int_equal(note_existing(manifest, targets, OPS_TABLE, "unknown"), OPS_OK);
    assert_int_equal(json_array_remove(targets, json_array_size(targets) - 2), 0); /* a skipped one */
    assert_string_equal(hash_of(targets, OPS_VACUUM_ORG, "acme").hex, before.hex);
    json_decref(reversed);
    json_decref(targets);
}

typedef void (*change_fn)(json_t *targets);

static void change_scope_value(json_t *targets)
{
    assert_int_equal(ops_json_set_text(json_object_get(target_named(targets, "prefix"), "scope"), "value", "x"), OPS_OK);
}

static void change_name(json_t *targets)
{
    assert_int_equal(ops_json_set_text(target_named(targets, "prefix"), "name", "x"), OPS_OK);
}

static void change_service(json_t *targets)
{
    assert_int_equal(ops_json_set_text(target_named(targets, "prefix"), "service", "x"), OPS_OK);
}

static void change_kind(json_t *targets)
{
    assert_int_equal(ops_json_set_text(target_named(targets, "prefix"), "kind", "bucket"), OPS_OK);
}

static void change_location(json_t *targets)
{
    json_t *location = json_object_get(target_named(targets, "sqlite"), "location");
    assert_int_equal(ops_json_set_text(location, "file", "/srv/other.db"), OPS_OK);
}

static void ignore_incomparable(json_t *targets)
{
    json_t *scope = json_object_get(target_named(targets, "attribute"), "scope");
    assert_int_equal(ops_json_set_text(scope, "incomparable", "ignore"), OPS_OK);
}

static void skip_one(json_t *targets)
{
    assert_int_equal(ops_plan_skip(target_named(targets, "prefix"), "gone"), OPS_OK);
}

static void the_hash_changes_with_every_target_scope_and_location(void **state)
{
    static const change_fn changes[] = {change_scope_value, change_name,     change_service,
                                        change_kind,        change_location, ignore_incomparable,
                                        skip_one};
    json_t *targets = plan_of(*state, OPS_VACUUM_ORG, "acme");
    struct hash before = hash_of(targets, OPS_VACUUM_ORG, "acme");
    for (size_t i = 0; i < COUNT_OF(changes); i++) {
        json_t *changed = json_deep_copy(targets);
        changes[i](changed);
        assert_string_not_equal(hash_of(changed, OPS_VACUUM_ORG, "acme").hex, before.hex);
        json_decref(changed);
    }
    json_decref(targets);
}

static void the_hash_changes_with_the_type_and_the_tenant(void **state)
{
    (void)state;
    json_t *none = json_array();
    struct hash all = hash_of(none, OPS_VACUUM_ALL, NULL);
    struct hash acme = hash_of(none, OPS_VACUUM_ORG, "acme");
    assert_string_not_equal(all.hex, acme.hex);
    assert_string_not_equal(acme.hex, hash_of(none, OPS_VACUUM_ORG, "acme2").hex);
    json_decref(none);
}

static void the_hash_is_over_canonical_json(void **state)
{
    (void)state;
    static const char text[] = "{\"orgcode\":null,\"place\":null,\"targets\":[{\"kind\":\"table\",\"name\":\"t\","
                               "\"scope\":{\"by\":\"all\"},\"service\":\"a\"}],\"type\":\"all\"}";
    char expected[OPS_SHA256_HEX_SIZE];
    json_t *plan = manifest_text_json(
        "{'t': [{'service': 'a', 'status': 'pending', 'name': 't', 'kind': 'table', 'scope': {'by': 'all'}}]}");
    assert_int_equal(ops_sha256_hex(ops_view_of(text), expected), OPS_OK);
    assert_string_equal(hash_of(json_object_get(plan, "t"), OPS_VACUUM_ALL, NULL).hex, expected);
    json_decref(plan);
}

/* Every step of planning, with the n-th allocation failing. */
static enum ops_status plan_all_the_way(const struct ops_manifest *manifest, json_t **ret_targets)
{
    json_t *targets = NULL;
    char hex[OPS_SHA256_HEX_SIZE];
    enum ops_status status = ops_plan_make(manifest, OPS_VACUUM_ORG, "acme", &targets);
    if (status == OPS_OK)
        status = note_existing(manifest, targets, OPS_TABLE, "unknown");
    if (status == OPS_OK)
        status = note_existing(manifest, targets, OPS_TABLE, "g3nmhsadmin");
    if (status == OPS_OK)
        status = ops_plan_sha256(OPS_VACUUM_ORG, "acme", NULL, targets, hex);
    if (status == OPS_OK) {
        json_t *target = json_array_get(targets, 0);
        status = ops_plan_skip(target, "gone");
        assert_string_equal(ops_json_text(target, "status", ""), status == OPS_OK ? "skipped" : "pending");
        assert_int_equal(json_object_get(target, "scope") != NULL, status != OPS_OK);
        assert_int_equal(json_object_get(target, "skipped_reason") != NULL, status == OPS_OK);
    }
    *ret_targets = targets;
    return status;
}

static void planning_with_any_allocation_failing_is_out_of_memory_and_leaks_nothing(void **state)
{
    const struct ops_manifest *manifest = *state;
    bool hit = true;
    for (size_t n = 1; hit; n++) {
        json_t *targets = NULL;
        alloc_fault_install(n);
        enum ops_status status = plan_all_the_way(manifest, &targets);
        hit = alloc_fault_hit();
        assert_int_equal(status, hit ? OPS_NO_MEMORY : OPS_OK);
        json_decref(targets);
        assert_int_equal(alloc_fault_live_count(), 0);
        alloc_fault_remove();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_org_rule_becomes_its_scope),
        cmocka_unit_test(vacuum_all_takes_whole_tables_buckets_and_log_groups_also_those_that_org_skips),
        cmocka_unit_test(vacuum_org_keeps_users_sessions_log_groups_and_what_the_manifest_skips),
        cmocka_unit_test(what_is_protected_and_what_belongs_to_ops_is_skipped_by_either_vacuum),
        cmocka_unit_test(every_target_of_the_manifest_is_there_in_its_order_with_zero_counters),
        cmocka_unit_test(tenant_whose_name_begins_anothers_is_not_matched_by_a_pattern),
        cmocka_unit_test(a_plan_for_no_tenant_or_an_impossible_one_is_refused),
        cmocka_unit_test(a_target_that_is_skipped_later_loses_its_scope),
        cmocka_unit_test(what_exists_beside_the_manifest_is_unclassified_and_noted_once),
        cmocka_unit_test(no_more_unclassified_resources_are_noted_than_fit),
        cmocka_unit_test(a_planned_target_reads_back_as_what_to_open),
        cmocka_unit_test(a_damaged_target_is_corrupt_and_never_becomes_a_wider_scope),
        cmocka_unit_test(the_hash_does_not_depend_on_order_counts_or_what_is_skipped),
        cmocka_unit_test(the_hash_changes_with_every_target_scope_and_location),
        cmocka_unit_test(the_hash_changes_with_the_type_and_the_tenant),
        cmocka_unit_test(the_hash_is_over_canonical_json),
        cmocka_unit_test(planning_with_any_allocation_failing_is_out_of_memory_and_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, manifest_set_up, manifest_tear_down);
}
