#include "core/manifest.h"

#include "base/json.h"
#include "base/mem.h"

#include "support/alloc_fault.h"
#include "support/cmocka_all.h"
#include "support/manifest_text.h"

#include <stdio.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#define SERVICES(list) "{'stack': 's', 'services': [" list "]}"
#define TABLES(list) SERVICES("{'code': 'pvm', 'tables': [" list "]}")
#define BUCKETS(list) SERVICES("{'code': 'pvm', 'buckets': [" list "]}")
#define LOG_GROUPS(list) SERVICES("{'code': 'pvm', 'log_groups': [" list "]}")
#define TABLE_NAMED(name) TABLES("{'name': " name ", 'org': {'by': 'skip', 'reason': 'r'}}")
#define TABLE_ORG(org) TABLES("{'name': 't', 'org': " org "}")
#define BUCKET_ORG(org) BUCKETS("{'name': 'b', 'org': " org "}")
#define LOG_GROUP_NAMED(name) LOG_GROUPS("{'name': " name "}")
#define SQLITE_TABLE(name, sqlite) "{'name': '" name "', 'org': {'by': 'attribute', 'name': 'org'}, 'sqlite': " sqlite "}"
#define SQLITE(sqlite) TABLES(SQLITE_TABLE("t", sqlite))
#define TABLE_WITH(members) TABLES("{'name': 't', 'org': {'by': 'attribute', 'name': 'org'}, " members "}")
#define SKIPPED(name) "{'name': '" name "', 'org': {'by': 'skip', 'reason': 'r'}}"

static const char full_manifest[] =
    "{'stack': 's', 'protected': ['kept'], 'sessions': {'sessions_table': 'usm_sessions', 'users_table': 'uas_users'},"
    " 'services': ["
    "  {'code': 'pvm',"
    "   'tables': [{'name': 'a', 'org': {'by': 'attribute', 'name': 'orgcode'}, 'fts': 'rebuild',"
    "               'sqlite': {'file': '/srv/a.db', 'table': 'Items', 'key': ['id', 'x'], 'columns': {'orgcode': 'org'}}},"
    "              {'name': 'b', 'org': {'by': 'index', 'index': 'by-org', 'name': 'orgcode'}},"
    "              {'name': 'c', 'org': {'by': 'key_prefix', 'pattern': 'ORG#{orgcode}#'}},"
    "              {'name': 'd', 'org': {'by': 'key', 'pattern': 'ORG#{orgcode}'}},"
    "              {'name': 'e', 'org': {'by': 'skip', 'reason': 'no tenants'}},"
    "              {'name': 'kept'}, {'name': 'g3nmhsadmin_x'}],"
    "   'buckets': [{'name': 'a', 'org': {'by': 'key_prefix', 'pattern': '{orgcode}/'}}],"
    "   'log_groups': [{'name': '/s/pvm/api'}, {'name': '/s/pvm', 'org': {'by': 'skip'}}]},"
    "  {'code': 'uas', 'tables': [{'name': 'uas_users'}]}, {'code': 'usm', 'tables': [{'name': 'usm_sessions'}]},"
    "  {'code': 'ops', 'tables': [{'name': 'ops_main'}], 'buckets': [{'name': 'ops-data'}]}, {'code': 'empty'}]}";

static void a_good_manifest_is_read_whole(void **state)
{
    (void)state;
    struct ops_manifest manifest;
    manifest_text_init(&manifest, full_manifest);
    assert_string_equal(manifest.stack, "s");
    assert_string_equal(manifest.sessions_table, "usm_sessions");
    assert_string_equal(manifest.users_table, "uas_users");
    assert_int_equal(manifest.guard.more_count, 1);
    assert_int_equal(manifest.target_count, 14);
    const struct ops_manifest_target *targets = manifest.targets;
    assert_string_equal(targets[0].service, "pvm");
    assert_int_equal(targets[0].org.by, OPS_SCOPE_ATTRIBUTE);
    assert_string_equal(targets[0].org.attribute, "orgcode");
    assert_string_equal(ops_json_text(targets[0].location, "file", ""), "/srv/a.db");
    assert_int_equal(targets[1].org.by, OPS_SCOPE_INDEX);
    assert_string_equal(targets[1].org.index, "by-org");
    assert_null(targets[1].location);
    assert_int_equal(targets[2].org.by, OPS_SCOPE_KEY_PREFIX);
    assert_int_equal(targets[3].org.by, OPS_SCOPE_KEY);
    assert_string_equal(targets[3].org.pattern, "ORG#{orgcode}");
    assert_true(targets[4].org.skip);
    assert_string_equal(targets[4].org.skip_reason, "no tenants");
    assert_int_equal(targets[7].kind, OPS_BUCKET);
    assert_false(targets[7].org.skip);
    for (size_t i = 8; i < manifest.target_count; i++)
        assert_true(targets[i].org.skip);
    ops_manifest_release(&manifest);
    ops_manifest_release(&manifest);
}

static void a_manifest_without_sessions_or_protected_names_is_fine(void **state)
{
    (void)state;
    struct ops_manifest manifest;
    manifest_text_init(&manifest, "{'stack': 's', 'services': []}");
    assert_null(manifest.sessions_table);
    assert_int_equal(manifest.target_count, 0);
    ops_manifest_release(&manifest);
}

static void what_can_not_be_compared_is_ignored_where_the_entry_or_its_org_says_so(void **state)
{
    (void)state;
    struct ops_manifest manifest;
    manifest_text_init(&manifest, TABLES("{'name': 'a', 'org': {'by': 'attribute', 'name': 'o'}},"
                                         "{'name': 'b', 'org': {'by': 'attribute', 'name': 'o'}, 'incomparable': 'ignore',"
                                         " 'reason': 'old rows'},"
                                         "{'name': 'c', 'org': {'by': 'attribute', 'name': 'o', 'incomparable': 'ignore',"
                                         " 'reason': 'old rows'}},"
                                         "{'name': 'd', 'org': {'by': 'index', 'index': 'i', 'name': 'o', 'incomparable':"
                                         " 'ignore', 'reason': 'old rows'}}"));
    assert_false(manifest.targets[0].org.ignore_incomparable);
    for (size_t i = 1; i < 4; i++)
        assert_true(manifest.targets[i].org.ignore_incomparable);
    ops_manifest_release(&manifest);
}

static void a_full_text_index_is_made_anew_where_the_entry_or_its_sqlite_says_so(void **state)
{
    (void)state;
    struct ops_manifest manifest;
    manifest_text_init(&manifest,
                       TABLES("{'name': 'a', 'org': {'by': 'skip', 'reason': 'r'}, 'sqlite': {'file': 'f', 'table': 'a'}},"
                              "{'name': 'b', 'org': {'by': 'skip', 'reason': 'r'}, 'sqlite': {'file': 'f', 'table': 'b',"
                              " 'fts': 'rebuild'}},"
                              "{'name': 'c', 'org': {'by': 'skip', 'reason': 'r'}, 'sqlite': {'file': 'f', 'table': 'c'},"
                              " 'fts': 'rebuild'},"
                              "{'name': 'd', 'org': {'by': 'skip', 'reason': 'r'}, 'fts': 'rebuild',"
                              " 'sqlite': {'file': 'f', 'table': 'd', 'fts': 'rebuild'}}"));
    assert_null(json_object_get(manifest.targets[0].location, "fts"));
    for (size_t i = 1; i < 4; i++) {
        assert_string_equal(ops_json_text(manifest.targets[i].location, "fts", ""), "rebuild");
        assert_string_equal(ops_json_text(manifest.targets[i].location, "file", ""), "f");
    }
    ops_manifest_release(&manifest);
}

struct bad_case {
    const char *place; /* the one problem line begins with this and a colon */
    const char *text;
};

static const struct bad_case bad_cases[] = {
    {"stack", "{'services': []}"},
    {"stack", "{'stack': '', 'services': []}"},
    {"stack", "{'stack': 1, 'services': []}"},
    {"services", "{'stack': 's'}"},
    {"services", "{'stack': 's', 'services': {}}"},
    {"service", "{'stack': 's', 'services': [], 'service': []}"},
    {"protected", "{'stack': 's', 'services': [], 'protected': 'x'}"},
    {"protected[1]", "{'stack': 's', 'services': [], 'protected': ['x', 1]}"},
    {"protected[0]", "{'stack': 's', 'services': [], 'protected': ['']}"},
    {"sessions", "{'stack': 's', 'services': [], 'sessions': []}"},
    {"services[0]", SERVICES("1")},
    {"services[0].code", SERVICES("{}")},
    {"services[0].code", SERVICES("{'code': 'PVM'}")},
    {"services[0].code", SERVICES("{'code': 'abcdefghijklmnopqrstuvwxyz0123456'}")},
    {"services[1].code", SERVICES("{'code': 'pvm'}, {'code': 'pvm'}")},
    {"services[0].table", SERVICES("{'code': 'pvm', 'table': []}")},
    {"services[0].tables", SERVICES("{'code': 'pvm', 'tables': {}}")},
    {"services[0].buckets", SERVICES("{'code': 'pvm', 'buckets': null}")},
    {"services[0].tables[0]", TABLES("'pvm_main'")},
    {"services[0].tables[0].name", TABLES("{'org': {'by': 'skip', 'reason': 'r'}}")},
    {"services[0].tables[0].name", TABLE_NAMED("''")},
    {"services[0].tables[0].name", TABLE_NAMED("null")},
    {"services[0].tables[0].name", TABLE_NAMED("'a/b'")},
    {"services[0].tables[0].name", TABLE_NAMED("'..'")},
    {"services[0].tables[0].name", TABLE_NAMED("'.'")},
    {"services[0].tables[0].name", TABLE_NAMED("'a\\nb'")},
    {"services[0].tables[0].name", TABLE_NAMED("'a\\u007f'")},
    {"services[0].tables[0].name", TABLE_NAMED("'a\\u0085'")},
    {"services[0].tables[1].name", TABLES(SKIPPED("t") ", " SKIPPED("t"))},
    {"services[1].buckets[0].name",
     SERVICES("{'code': 'a', 'buckets': [" SKIPPED("b") "]}, {'code': 'b', 'buckets': [" SKIPPED("b") "]}")},
    {"services[0].tables[0].orgs", TABLES("{'name': 't', 'org': {'by': 'skip', 'reason': 'r'}, 'orgs': 1}")},
    {"services[0].buckets[0].sqlite", BUCKETS("{'name': 'b', 'org': {'by': 'skip', 'reason': 'r'}, 'sqlite': {}}")},
    {"services[0].tables[0].org", TABLES("{'name': 't'}")},
    {"services[0].buckets[0].org", BUCKETS("{'name': 'b'}")},
    {"services[0].tables[0].org", TABLE_ORG("'skip'")},
    {"services[0].tables[0].org", TABLE_ORG("null")},
    {"services[0].tables[0].org.by", TABLE_ORG("{}")},
    {"services[0].tables[0].org.by", TABLE_ORG("{'by': 'all'}")},
    {"services[0].tables[0].org.by", TABLE_ORG("{'by': 'Key', 'pattern': '{orgcode}'}")},
    {"services[0].tables[0].org.by", TABLE_ORG("{'by': 7}")},
    {"services[0].tables[0].org.name", TABLE_ORG("{'by': 'attribute'}")},
    {"services[0].tables[0].org.pattern", TABLE_ORG("{'by': 'attribute', 'name': 'o', 'pattern': '{orgcode}'}")},
    {"services[0].tables[0].org.index", TABLE_ORG("{'by': 'index', 'name': 'o'}")},
    {"services[0].tables[0].org.name", TABLE_ORG("{'by': 'index', 'index': 'o'}")},
    {"services[0].tables[0].org.pattern", TABLE_ORG("{'by': 'key'}")},
    {"services[0].tables[0].org.pattern", TABLE_ORG("{'by': 'key', 'pattern': 'ORG#{org}'}")},
    {"services[0].tables[0].org.pattern", TABLE_ORG("{'by': 'key', 'pattern': '{orgcode}{orgcode}'}")},
    {"services[0].tables[0].org.pattern", TABLE_ORG("{'by': 'key_prefix', 'pattern': 'ORG#{orgcode}'}")},
    {"services[0].tables[0].org.pattern", TABLE_ORG("{'by': 'key_prefix', 'pattern': 'ORG#{orgcode}-'}")},
    {"services[0].tables[0].org.pattern", TABLE_ORG("{'by': 'key_prefix', 'pattern': 'ORG#{orgcode}_x#'}")},
    {"services[0].tables[0].org.pattern", TABLE_ORG("{'by': 'key_prefix', 'pattern': '{orgcode}.'}")},
    {"services[0].tables[0].org.pattern", TABLE_ORG("{'by': 'key_prefix', 'pattern': '{orgcode}Z/'}")},
    {"services[0].tables[0].org.reason", TABLE_ORG("{'by': 'skip'}")},
    {"services[0].tables[0].org.reason", TABLE_ORG("{'by': 'skip', 'reason': ''}")},
    {"services[0].tables[0].org.resaon", TABLE_ORG("{'by': 'skip', 'reason': 'r', 'resaon': 'r'}")},
    {"services[0].tables[0].org.incomparable",
     TABLE_ORG("{'by': 'attribute', 'name': 'o', 'incomparable': 'keep', 'reason': 'r'}")},
    {"services[0].tables[0].org.incomparable",
     TABLE_ORG("{'by': 'attribute', 'name': 'o', 'incomparable': true, 'reason': 'r'}")},
    {"services[0].tables[0].org.reason", TABLE_ORG("{'by': 'attribute', 'name': 'o', 'incomparable': 'ignore'}")},
    {"services[0].tables[0].org.reason", TABLE_ORG("{'by': 'attribute', 'name': 'o', 'incomparable': 'ignore', 'reason': ''}")},
    {"services[0].tables[0].org.reason", TABLE_ORG("{'by': 'attribute', 'name': 'o', 'reason': 'r'}")},
    {"services[0].tables[0].org.incomparable",
     TABLE_ORG("{'by': 'key', 'pattern': '{orgcode}', 'incomparable': 'ignore'}")},
    {"services[0].tables[0].incomparable", TABLE_WITH("'incomparable': 1, 'reason': 'r'")},
    {"services[0].tables[0].incomparable", TABLE_WITH("'incomparable': 'IGNORE', 'reason': 'r'")},
    {"services[0].tables[0].reason", TABLE_WITH("'incomparable': 'ignore'")},
    {"services[0].tables[0].reason", TABLE_WITH("'reason': 'r'")},
    {"services[0].tables[0].incomparable",
     TABLES("{'name': 't', 'org': {'by': 'skip', 'reason': 'r'}, 'incomparable': 'ignore', 'reason': 'r'}")},
    {"services[0].tables[0].incomparable",
     TABLES("{'name': 't', 'org': {'by': 'index', 'index': 'i', 'name': 'o', 'incomparable': 'ignore', 'reason': 'r'},"
            " 'incomparable': 'ignore', 'reason': 'r'}")},
    {"services[0].buckets[0].incomparable",
     BUCKETS("{'name': 'b', 'org': {'by': 'key', 'pattern': '{orgcode}'}, 'incomparable': 'ignore'}")},
    {"services[0].buckets[0].org.by", BUCKET_ORG("{'by': 'attribute', 'name': 'o'}")},
    {"services[0].buckets[0].org.by", BUCKET_ORG("{'by': 'index', 'index': 'i', 'name': 'o'}")},
    {"services[0].log_groups[0].org.by", LOG_GROUPS("{'name': '/a', 'org': {'by': 'key', 'pattern': '{orgcode}'}}")},
    {"services[0].log_groups[0].name", LOG_GROUP_NAMED("'a/b'")},
    {"services[0].log_groups[0].name", LOG_GROUP_NAMED("'/'")},
    {"services[0].log_groups[0].name", LOG_GROUP_NAMED("'/a/'")},
    {"services[0].log_groups[0].name", LOG_GROUP_NAMED("'/a//b'")},
    {"services[0].log_groups[0].name", LOG_GROUP_NAMED("'/a/../b'")},
    {"services[0].log_groups[0].name", LOG_GROUP_NAMED("'/.'")},
    {"services[0].tables[0].sqlite", SQLITE("'file'")},
    {"services[0].tables[0].sqlite.file", SQLITE("{'table': 't', 'key': ['id']}")},
    {"services[0].tables[0].sqlite.table", SQLITE("{'file': 'f', 'key': ['id']}")},
    {"services[0].tables[0].sqlite.key", SQLITE("{'file': 'f', 'table': 't', 'key': null}")},
    {"services[0].tables[0].sqlite.fts", SQLITE("{'file': 'f', 'table': 't', 'fts': 'trigger'}")},
    {"services[0].tables[0].sqlite.fts", SQLITE("{'file': 'f', 'table': 't', 'fts': true}")},
    {"services[0].tables[0].fts", TABLE_WITH("'sqlite': {'file': 'f', 'table': 't'}, 'fts': 'Rebuild'")},
    {"services[0].tables[0].fts", TABLE_WITH("'fts': 'rebuild'")},
    {"services[0].buckets[0].fts",
     BUCKETS("{'name': 'b', 'org': {'by': 'key', 'pattern': '{orgcode}'}, 'fts': 'rebuild'}")},
    {"services[0].tables[0].sqlite.key", SQLITE("{'file': 'f', 'table': 't', 'key': 'id'}")},
    {"services[0].tables[0].sqlite.key", SQLITE("{'file': 'f', 'table': 't', 'key': []}")},
    {"services[0].tables[0].sqlite.key", SQLITE("{'file': 'f', 'table': 't', 'key': ['a', 'b', 'c', 'd', 'e']}")},
    {"services[0].tables[0].sqlite.key[1]", SQLITE("{'file': 'f', 'table': 't', 'key': ['a', 1]}")},
    {"services[0].tables[0].sqlite.key[1]", SQLITE("{'file': 'f', 'table': 't', 'key': ['a', 'a']}")},
    {"services[0].tables[0].sqlite.columns", SQLITE("{'file': 'f', 'table': 't', 'key': ['a'], 'columns': {}}")},
    {"services[0].tables[0].sqlite.columns", SQLITE("{'file': 'f', 'table': 't', 'key': ['a'], 'columns': {'b': 'c'}}")},
    {"services[0].tables[0].sqlite.columns.org", SQLITE("{'file': 'f', 'table': 't', 'key': ['a'], 'columns': {'org': 1}}")},
    {"services[0].tables[0].sqlite.colums", SQLITE("{'file': 'f', 'table': 't', 'key': ['a'], 'colums': {}}")},
    {"services[0].tables[1].sqlite", TABLES(SQLITE_TABLE("a", "{'file': '/d/f', 'table': 't', 'key': ['a']}") ","
                                            SQLITE_TABLE("b", "{'file': '/d//./f', 'table': 'T', 'key': ['b']}"))},
    {"sessions.users_table",
     "{'stack': 's', 'sessions': {'sessions_table': 't', 'users_table': 'u'}, 'services': [{'code': 'a', 'tables': "
     "[{'name': 't'}], 'buckets': [" SKIPPED("u") "]}]}"},
    {"sessions.users_table",
     "{'stack': 's', 'sessions': {'sessions_table': 't'}, 'services': [{'code': 'a', 'tables': [{'name': 't'}]}]}"},
    {"sessions.table", "{'stack': 's', 'sessions': {'sessions_table': 't', 'users_table': 't', 'table': 't'},"
                       " 'services': [{'code': 'a', 'tables': [{'name': 't'}]}]}"},
};

static void expect_problem(const struct bad_case *row)
{
    struct ops_manifest manifest = {.target_count = 77};
    struct ops_buf problems;
    ops_buf_init(&problems, 64 * 1024);
    json_t *document = manifest_text_json(row->text);
    enum ops_status status = ops_manifest_init(&manifest, document, &problems);
    const char *text = ops_buf_text(&problems);
    size_t length = strlen(row->place);
    const char *line_end = strchr(text, '\n');
    if (status != OPS_INVALID_FIELD || strncmp(text, row->place, length) != 0 || strncmp(text + length, ": ", 2) != 0 ||
        !line_end || line_end[1])
        fail_msg("expected one problem at %s of %s, got %s: %s", row->place, row->text, ops_status_tag(status), text);
    assert_int_equal(manifest.target_count, 77);
    assert_int_equal(ops_manifest_init(&manifest, document, NULL), OPS_INVALID_FIELD);
    ops_buf_release(&problems);
    json_decref(document);
}

static void each_mistake_is_reported_at_its_place_and_nowhere_else(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad_cases); i++)
        expect_problem(&bad_cases[i]);
}

static void a_manifest_that_is_no_object_is_refused(void **state)
{
    (void)state;
    struct ops_manifest manifest;
    json_t *array = json_array();
    assert_int_equal(ops_manifest_init(&manifest, array, NULL), OPS_INVALID_FIELD);
    json_decref(array);
}

static char *problems_of(json_t *document)
{
    struct ops_manifest manifest;
    struct ops_buf problems;
    ops_buf_init(&problems, 64 * 1024);
    assert_int_equal(ops_manifest_init(&manifest, document, &problems), OPS_INVALID_FIELD);
    json_decref(document);
    return ops_buf_take(&problems);
}

static void a_pattern_that_would_match_another_tenant_is_refused_in_so_many_words(void **state)
{
    (void)state;
    char *problems = problems_of(manifest_text_json(TABLE_ORG("{'by': 'key_prefix', 'pattern': 'ORG#{orgcode}'}")));
    assert_non_null(strstr(problems, "tenant acme would match acme2"));
    ops_mem_free(problems);
}

static void a_hostile_name_is_cut_and_made_printable_in_its_problem(void **state)
{
    (void)state;
    char name[300];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    memcpy(name, "\n\r\x1b", 3);
    json_t *document = manifest_text_json("{'stack': 's', 'services': []}");
    assert_int_equal(json_object_set_new(document, name, json_true()), 0);
    char *problems = problems_of(document);
    assert_true(strlen(problems) < 200);
    assert_memory_equal(problems, "???xxx", 6);
    ops_mem_free(problems);
}

static json_t *manifest_of_tables(int count, bool with_org)
{
    json_t *tables = json_array();
    for (int i = 0; i < count; i++) {
        json_t *table = json_pack("{s:o}", "name", json_sprintf("t%d", i));
        if (with_org)
            assert_int_equal(json_object_set_new(table, "org", json_pack("{s:s,s:s}", "by", "skip", "reason", "r")), 0);
        assert_int_equal(json_array_append_new(tables, table), 0);
    }
    return json_pack("{s:s,s:[{s:s,s:o}]}", "stack", "s", "services", "code", "a", "tables", tables);
}

static void all_problems_are_reported_up_to_fifty_and_the_rest_is_counted(void **state)
{
    (void)state;
    char *problems = problems_of(manifest_of_tables(53, false));
    size_t lines = 0;
    for (const char *c = problems; *c; c++)
        lines += *c == '\n';
    assert_int_equal(lines, OPS_MANIFEST_PROBLEMS_MAX + 1);
    assert_string_equal(problems + strlen(problems) - strlen("and 3 more\n"), "and 3 more\n");
    ops_mem_free(problems);
}

static void five_hundred_targets_are_taken_and_one_more_is_not(void **state)
{
    (void)state;
    struct ops_manifest manifest;
    json_t *document = manifest_of_tables(OPS_MANIFEST_TARGETS_MAX, true);
    assert_int_equal(ops_manifest_init(&manifest, document, NULL), OPS_OK);
    json_decref(document);
    assert_int_equal(manifest.target_count, OPS_MANIFEST_TARGETS_MAX);
    ops_manifest_release(&manifest);
    char *problems = problems_of(manifest_of_tables(OPS_MANIFEST_TARGETS_MAX + 1, true));
    assert_non_null(strstr(problems, "services"));
    ops_mem_free(problems);
}

static void problems_that_do_not_fit_their_buffer_still_refuse_the_manifest(void **state)
{
    (void)state;
    struct ops_manifest manifest;
    struct ops_buf problems;
    ops_buf_init(&problems, 20);
    json_t *document = manifest_of_tables(3, false);
    assert_int_equal(ops_manifest_init(&manifest, document, &problems), OPS_INVALID_FIELD);
    json_decref(document);
    ops_buf_release(&problems);
}

static void the_sample_manifest_is_good_and_uses_every_rule(void **state)
{
    (void)state;
    json_t *document = json_load_file(OPS_SAMPLE_MANIFEST, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(document);
    struct ops_manifest manifest;
    struct ops_buf problems;
    ops_buf_init(&problems, 64 * 1024);
    if (ops_manifest_init(&manifest, document, &problems) != OPS_OK)
        fail_msg("%s", ops_buf_text(&problems));
    bool used[OPS_SCOPE_BY_COUNT] = {false};
    for (size_t i = 0; i < manifest.target_count; i++)
        used[manifest.targets[i].org.skip ? OPS_SCOPE_ALL : manifest.targets[i].org.by] = true;
    for (int by = 0; by < OPS_SCOPE_BY_COUNT; by++)
        assert_true(used[by]);
    assert_int_equal(json_array_size(json_object_get(document, "services")), 19);
    ops_manifest_release(&manifest);
    ops_buf_release(&problems);
    json_decref(document);
}

struct orgcode_case {
    const char *orgcode;
    bool valid;
};

static const struct orgcode_case orgcode_cases[] = {
    {"a", true}, {"Acme-2_x.y", true}, {"", false}, {"a b", false}, {"a/b", false}, {"a#", false}, {"\xC3\xA4", false},
    {"{orgcode}", false}, {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", true},
    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
};

static void an_orgcode_is_1_to_64_of_its_alphabet(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(orgcode_cases); i++)
        assert_int_equal(ops_orgcode_valid(ops_view_of(orgcode_cases[i].orgcode)), orgcode_cases[i].valid);
    assert_false(ops_orgcode_valid(ops_view("a\0b", 3)));
}

static void a_pattern_expands_around_the_orgcode(void **state)
{
    (void)state;
    struct ops_buf buf;
    ops_buf_init(&buf, 12);
    assert_int_equal(ops_pattern_expand("ORG#{orgcode}#", ops_view_of("acme"), &buf), OPS_OK);
    assert_string_equal(ops_buf_text(&buf), "ORG#acme#");
    ops_buf_clear(&buf);
    assert_int_equal(ops_pattern_expand("no place", ops_view_of("acme"), &buf), OPS_INVALID_FIELD);
    assert_int_equal(ops_pattern_expand("{orgcode}", ops_view_of("a/b"), &buf), OPS_INVALID_FIELD);
    assert_int_equal(ops_pattern_expand("{orgcode}", ops_view_of("thirteenchars"), &buf), OPS_LIMIT);
    ops_buf_release(&buf);
}

static bool sweep_init(json_t *document, enum ops_status expected, size_t n)
{
    struct ops_manifest manifest = {.target_count = 77};
    struct ops_buf problems;
    ops_buf_init(&problems, 64 * 1024);
    alloc_fault_install(n);
    enum ops_status status = ops_manifest_init(&manifest, document, &problems);
    bool hit = alloc_fault_hit();
    assert_int_equal(status, hit ? OPS_NO_MEMORY : expected);
    if (status == OPS_OK)
        ops_manifest_release(&manifest);
    else
        assert_int_equal(manifest.target_count, 77);
    ops_buf_release(&problems);
    assert_int_equal(alloc_fault_live_count(), 0);
    alloc_fault_remove();
    return hit;
}

static void reading_with_any_allocation_failing_is_out_of_memory_and_leaks_nothing(void **state)
{
    (void)state;
    json_t *good = manifest_text_json(full_manifest);
    json_t *bad = manifest_of_tables(60, false);
    for (size_t n = 1; sweep_init(good, OPS_OK, n); n++)
        continue;
    for (size_t n = 1; sweep_init(bad, OPS_INVALID_FIELD, n); n++)
        continue;
    json_decref(good);
    json_decref(bad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_manifest_is_read_whole),
        cmocka_unit_test(a_manifest_without_sessions_or_protected_names_is_fine),
        cmocka_unit_test(what_can_not_be_compared_is_ignored_where_the_entry_or_its_org_says_so),
        cmocka_unit_test(a_full_text_index_is_made_anew_where_the_entry_or_its_sqlite_says_so),
        cmocka_unit_test(each_mistake_is_reported_at_its_place_and_nowhere_else),
        cmocka_unit_test(a_manifest_that_is_no_object_is_refused),
        cmocka_unit_test(a_pattern_that_would_match_another_tenant_is_refused_in_so_many_words),
        cmocka_unit_test(a_hostile_name_is_cut_and_made_printable_in_its_problem),
        cmocka_unit_test(all_problems_are_reported_up_to_fifty_and_the_rest_is_counted),
        cmocka_unit_test(five_hundred_targets_are_taken_and_one_more_is_not),
        cmocka_unit_test(problems_that_do_not_fit_their_buffer_still_refuse_the_manifest),
        cmocka_unit_test(the_sample_manifest_is_good_and_uses_every_rule),
        cmocka_unit_test(an_orgcode_is_1_to_64_of_its_alphabet),
        cmocka_unit_test(a_pattern_expands_around_the_orgcode),
        cmocka_unit_test(reading_with_any_allocation_failing_is_out_of_memory_and_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
