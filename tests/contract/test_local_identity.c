/* What a thing is goes by what it leads to, never by the text that names it. */
#include "support/alloc_fault.h"
#include "support/cmocka_all.h"
#include "support/table_rig.h"

#include "adapters/local/catalogue.h"
#include "adapters/local/mounts.h"
#include "base/mem.h"

#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define AUDIT_DIRECTORY "stack/log_groups/g3nretailstack/ops/maintenance-audit"

enum { NOBODY = 65534 };

static struct ops_identity identity;

static enum ops_status try_identify(enum ops_target_kind kind, const char *name, const char *file, const char *sql_table)
{
    json_t *location = file ? json_pack("{s:s, s:s}", "file", file, "table", sql_table) : NULL;
    const struct ops_target_spec spec = {.kind = kind, .name = name, .location = location};
    enum ops_status status = ops_catalogue_identify(table.catalogue, &spec, &identity, &table.error);
    json_decref(location);
    return status;
}

static const struct ops_identity *identify(enum ops_target_kind kind, const char *name, const char *file,
                                           const char *sql_table)
{
    enum ops_status status = try_identify(kind, name, file, sql_table);
    if (status != OPS_OK)
        fail_msg("%s %s: %s", name, file ? file : "", ops_error_text(&table.error, status));
    return &identity;
}

static void keep_text(char text[static OPS_IDENTITY_SIZE], const struct ops_identity *of)
{
    memcpy(text, of->text, OPS_IDENTITY_SIZE);
}

static bool has_alias(enum ops_target_kind kind, const char *name, const char *key)
{
    for (size_t i = 0; i < identity.alias_count; i++)
        if (identity.aliases[i].kind == kind && strcmp(identity.aliases[i].name, name) == 0 &&
            strcmp(identity.aliases[i].key, key) == 0)
            return true;
    return false;
}

static void expect_alias(enum ops_target_kind kind, const char *name, const char *key)
{
    if (has_alias(kind, name, key))
        return;
    for (size_t i = 0; i < identity.alias_count; i++)
        print_message("alias: %s %s, key %s\n", ops_target_kind_name(identity.aliases[i].kind), identity.aliases[i].name,
                      identity.aliases[i].key);
    fail_msg("no alias %s %s, key '%s' of %s", ops_target_kind_name(kind), name, key, identity.location);
}

static void make_directories(const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_int_equal(mkdir(TABLE_PATH(names[i]), 0700), 0);
}

static int stack_set_up(void **state)
{
    static const char *const directories[] = {
        "stack",
        "stack/tables",
        "stack/buckets",
        "stack/buckets/pvm-data",
        "stack/buckets/pvm-data/sub",
        "stack/buckets/doc.g3nretailstack.com",
        "stack/log_groups",
        "stack/log_groups/s",
        "stack/log_groups/s/api",
        "stack/log_groups/g3nretailstack",
        "stack/log_groups/g3nretailstack/ops",
        AUDIT_DIRECTORY,
        "d",
    };
    table_set_up(state);
    make_directories(directories, COUNT_OF(directories));
    scratch_write(TABLE_PATH("ops.sqlite"), "");
    scratch_write(TABLE_PATH("d/shop.db"), "");
    return 0;
}

/* What list_beside tells. */
struct told {
    size_t count;
    char text[2000];
};

static enum ops_status note_resource(void *context, const struct ops_resource *resource)
{
    struct told *told = context;
    size_t length = strlen(told->text);
    told->count++;
    assert_int_equal(resource->kind, OPS_TABLE);
    assert_true(strchr(resource->identity, ':') != NULL);
    (void)snprintf(told->text + length, sizeof told->text - length, "%s | %s | %s\n", resource->name, resource->guarded,
                   resource->note);
    return OPS_OK;
}

static enum ops_status list_beside(const char *file, struct told *told)
{
    json_t *location = json_pack("{s:s, s:s}", "file", file, "table", "orders");
    const struct ops_target_spec spec = {.kind = OPS_TABLE, .name = "x", .location = location};
    *told = (struct told){.count = 0};
    enum ops_status status = ops_catalogue_list_beside(table.catalogue, &spec, note_resource, told, &table.error);
    json_decref(location);
    return status;
}

/* ---- Texts and locations ---- */

static void a_thing_has_one_text_however_it_is_written(void **state)
{
    (void)state;
    char first[OPS_IDENTITY_SIZE], location[OPS_LOCATION_SIZE], real[PATH_MAX], expected[PATH_MAX + 20], absolute[PATH_MAX];
    assert_int_equal(symlink("d", TABLE_PATH("e")), 0);
    assert_int_equal(link(TABLE_PATH("d/shop.db"), TABLE_PATH("d/copy.db")), 0);
    assert_int_equal(symlink("shop.db", TABLE_PATH("d/soft.db")), 0);
    keep_text(first, identify(OPS_TABLE, "orders", "d/shop.db", "orders"));
    memcpy(location, identity.location, sizeof location);
    assert_non_null(realpath(TABLE_PATH("d/shop.db"), real));
    (void)snprintf(expected, sizeof expected, "%s: orders", real);
    assert_string_equal(location, expected);
    (void)snprintf(absolute, sizeof absolute, "%s/d/shop.db", table.data);
    const char *const same[] = {"d/./shop.db", "d//shop.db",     "./d/shop.db", "d/../d/shop.db",
                                "e/shop.db",   "e/../d/shop.db", "d/soft.db",   absolute};
    for (size_t i = 0; i < COUNT_OF(same); i++) {
        assert_string_equal(identify(OPS_TABLE, "other", same[i], "ORDERS")->text, first);
        assert_string_equal(identity.location, location);
    }
    assert_string_equal(identify(OPS_TABLE, "other", "d/copy.db", "Orders")->text, first);
    assert_string_not_equal(identify(OPS_TABLE, "other", "d/shop.db", "orders2")->text, first);
    assert_string_not_equal(identify(OPS_TABLE, "other", "app.db", "orders")->text, first);
}

static void a_standard_table_and_its_file_by_name_are_one_thing(void **state)
{
    (void)state;
    char first[OPS_IDENTITY_SIZE];
    scratch_write(TABLE_PATH("stack/tables/pvm_main.sqlite"), "");
    keep_text(first, identify(OPS_TABLE, "pvm_main", NULL, NULL));
    assert_int_equal(identity.alias_count, 0);
    assert_string_equal(identify(OPS_TABLE, "x", "stack/tables/pvm_main.sqlite", "items")->text, first);
    expect_alias(OPS_TABLE, "pvm_main", "");
}

static void what_does_not_exist_has_no_text_and_the_place_where_it_would_be(void **state)
{
    (void)state;
    char real[PATH_MAX], expected[PATH_MAX + 64];
    assert_non_null(realpath(table.data, real));
    assert_int_equal(symlink("d", TABLE_PATH("e")), 0);
    assert_string_equal(identify(OPS_TABLE, "x", "e/none/./more//new.db", "T")->text, "");
    (void)snprintf(expected, sizeof expected, "%s/d/none/more/new.db: t", real);
    assert_string_equal(identity.location, expected);
    assert_false(identity.own);
    assert_false(identity.empty);
    assert_string_equal(identify(OPS_TABLE, "x", "e/none/../../new.db", "t")->text, "");
    (void)snprintf(expected, sizeof expected, "%s/new.db: t", real);
    assert_string_equal(identity.location, expected);
    assert_string_equal(identify(OPS_TABLE, "x", "ops.sqlite/new.db", "t")->text, "");
    assert_string_equal(identify(OPS_BUCKET, "none", NULL, NULL)->text, "");
    (void)snprintf(expected, sizeof expected, "%s/stack/buckets/none", real);
    assert_string_equal(identity.location, expected);
    assert_string_equal(identify(OPS_LOG_GROUP, "/s/none/deep", NULL, NULL)->text, "");
    (void)snprintf(expected, sizeof expected, "%s/stack/log_groups/s/none/deep", real);
    assert_string_equal(identity.location, expected);
    assert_string_equal(identify(OPS_TABLE, "x", "stack/tables/new.sqlite", "t")->text, "");
    expect_alias(OPS_TABLE, "new", "");
    assert_string_equal(identify(OPS_TABLE, "x", "stack/buckets/pvm-data/acme/new.db", "t")->text, "");
    expect_alias(OPS_BUCKET, "pvm-data", "acme/new.db");
    assert_string_equal(identify(OPS_TABLE, "x", "ops.sqlite-journal", "t")->text, "");
    assert_true(identity.own);
}

static void a_data_directory_that_is_a_link_or_does_not_exist_is_fine(void **state)
{
    (void)state;
    char linked[SCRATCH_SIZE + 8], first[OPS_IDENTITY_SIZE];
    keep_text(first, identify(OPS_BUCKET, "pvm-data", NULL, NULL));
    (void)snprintf(linked, sizeof linked, "%s/link", table.data);
    assert_int_equal(symlink(".", linked), 0);
    ops_catalogue_release(table.catalogue);
    assert_int_equal(ops_local_catalogue_new(linked, &table.catalogue, NULL), OPS_OK);
    assert_string_equal(identify(OPS_BUCKET, "pvm-data", NULL, NULL)->text, first);
    assert_int_equal(identity.alias_count, 0);
    identify(OPS_TABLE, "x", "ops.sqlite", "t");
    assert_true(identity.own);
    ops_catalogue_release(table.catalogue);
    assert_int_equal(ops_local_catalogue_new("/nowhere/at/all", &table.catalogue, NULL), OPS_OK);
    assert_string_equal(identify(OPS_TABLE, "x", NULL, NULL)->location, "/nowhere/at/all/stack/tables/x.sqlite: items");
    assert_string_equal(identity.text, "");
}

static void a_relative_data_directory_is_taken_from_where_the_process_stands(void **state)
{
    (void)state;
    char first[OPS_IDENTITY_SIZE], here[PATH_MAX];
    keep_text(first, identify(OPS_BUCKET, "pvm-data", NULL, NULL));
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(table.data), 0);
    ops_catalogue_release(table.catalogue);
    assert_int_equal(ops_local_catalogue_new(".", &table.catalogue, NULL), OPS_OK);
    assert_string_equal(identify(OPS_BUCKET, "pvm-data", NULL, NULL)->text, first);
    ops_catalogue_release(table.catalogue);
    assert_int_equal(ops_local_catalogue_new("new", &table.catalogue, NULL), OPS_OK);
    identify(OPS_BUCKET, "pvm-data", NULL, NULL);
    assert_non_null(strstr(identity.location, "/new/stack/buckets/pvm-data"));
    assert_int_equal(identity.location[0], '/');
    assert_int_equal(chdir(here), 0);
}

/* ---- Aliases ---- */

struct alias_case {
    const char *file, *table; /* of an entry called "entry" */
    enum ops_target_kind kind;
    const char *name, *key;
};

static const struct alias_case alias_cases[] = {
    {"d/shop.db", "orders", OPS_TABLE, "orders", ""},
    {"d/shop.db", "ORDERS", OPS_TABLE, "orders", ""},
    {"d/shop.db", "ORDERS", OPS_TABLE, "ORDERS", ""},
    {"d/shop.db", "G3NMHSADMIN_X", OPS_TABLE, "g3nmhsadmin_x", ""},
    {"stack/tables/uas_users.sqlite", "items", OPS_TABLE, "uas_users", ""},
    {"stack/tables/UAS_Users.SQLITE", "items", OPS_TABLE, "uas_users", ""},
    {"d/../stack/tables/../tables/uas_users.sqlite", "items", OPS_TABLE, "uas_users", ""},
    {"tables_link/uas_users.sqlite", "items", OPS_TABLE, "uas_users", ""},
    {"d/ops_main.sqlite", "records", OPS_TABLE, "ops_main", ""},
    {"d/OPS_MAIN.sqlite", "records", OPS_TABLE, "ops_main", ""},
    {"stack/buckets/pvm-data/acme/shop.db", "t", OPS_BUCKET, "pvm-data", "acme/shop.db"},
    {"stack/buckets/pvm-data/shop.db", "t", OPS_BUCKET, "pvm-data", "shop.db"},
    {"stack/buckets/Doc.G3nRetailStack.com/Shop.db", "t", OPS_BUCKET, "doc.g3nretailstack.com", "shop.db"},
    {"bucket_link/shop.db", "t", OPS_BUCKET, "doc.g3nretailstack.com", "shop.db"},
    {"stack/log_groups/s/api/shop.db", "t", OPS_LOG_GROUP, "/s/api", "shop.db"},
    {"stack/log_groups/S/API/shop.db", "t", OPS_LOG_GROUP, "/s/api", "shop.db"},
    {"d/g3nmhsadmin/shop.db", "t", OPS_TABLE, "g3nmhsadmin", ""},
    {"d/G3nMhsAdmin_2/x/shop.db", "t", OPS_TABLE, "g3nmhsadmin_2", ""},
    {"d/g3nmhsadmin.db", "t", OPS_TABLE, "g3nmhsadmin.db", ""},
    {"g3nmhsadmin_link/shop.db", "t", OPS_TABLE, "g3nmhsadmin_link", ""},
    {"/nowhere/g3nmhsadmin-x/shop.db", "t", OPS_TABLE, "g3nmhsadmin-x", ""},
};

static void each_way_to_see_a_file_is_an_alias(void **state)
{
    (void)state;
    assert_int_equal(symlink("stack/tables", TABLE_PATH("tables_link")), 0);
    assert_int_equal(symlink("stack/buckets/doc.g3nretailstack.com", TABLE_PATH("bucket_link")), 0);
    assert_int_equal(symlink("d", TABLE_PATH("g3nmhsadmin_link")), 0);
    for (size_t i = 0; i < COUNT_OF(alias_cases); i++) {
        const struct alias_case *row = &alias_cases[i];
        identify(OPS_TABLE, "entry", row->file, row->table);
        expect_alias(row->kind, row->name, row->key);
    }
}

static void a_name_is_told_in_lower_case_too(void **state)
{
    (void)state;
    identify(OPS_TABLE, "G3NMHSADMIN_x", NULL, NULL);
    expect_alias(OPS_TABLE, "g3nmhsadmin_x", "");
    identify(OPS_BUCKET, "DOC.g3nretailstack.com", NULL, NULL);
    expect_alias(OPS_BUCKET, "doc.g3nretailstack.com", "");
    identify(OPS_LOG_GROUP, "/S/Api", NULL, NULL);
    expect_alias(OPS_LOG_GROUP, "/s/api", "");
    identify(OPS_BUCKET, "pvm-data", NULL, NULL);
    assert_int_equal(identity.alias_count, 0);
    identify(OPS_LOG_GROUP, "/s/api", NULL, NULL);
    assert_int_equal(identity.alias_count, 0);
}

/* An administrator's home, where the data directory lies, is no name of anything in it. */
static void names_above_the_data_directory_do_not_count(void **state)
{
    (void)state;
    static const char *const directories[] = {"g3nmhsadmin", "g3nmhsadmin/data", "g3nmhsadmin/data/stack",
                                              "g3nmhsadmin/data/stack/buckets", "g3nmhsadmin/data/stack/buckets/b"};
    char data[SCRATCH_SIZE + 32];
    make_directories(directories, COUNT_OF(directories));
    (void)snprintf(data, sizeof data, "%s/g3nmhsadmin/data", table.data);
    ops_catalogue_release(table.catalogue);
    assert_int_equal(ops_local_catalogue_new(data, &table.catalogue, NULL), OPS_OK);
    identify(OPS_BUCKET, "b", NULL, NULL);
    assert_int_equal(identity.alias_count, 0);
    identify(OPS_TABLE, "x", "shop.db", "x");
    assert_int_equal(identity.alias_count, 0);
    identify(OPS_TABLE, "x", "../shop.db", "x");
    expect_alias(OPS_TABLE, "g3nmhsadmin", "");
}

/* ---- What is OPS's own ---- */

static void what_is_opss_own_is_told_by_any_name(void **state)
{
    (void)state;
    static const char *const own[] = {"ops.sqlite",
                                      "d/../ops.sqlite",
                                      "ops.sqlite-wal",
                                      "ops.sqlite-shm",
                                      "ops.sqlite-journal",
                                      "serve.json",
                                      "serve.lock",
                                      "invoke.sock",
                                      "d/hard.db",
                                      "d/soft.db",
                                      "d/listening",
                                      AUDIT_DIRECTORY "/audit.jsonl",
                                      AUDIT_DIRECTORY "/new/x.db"};
    static const char *const others[] = {"d/shop.db", "d/ops.sqlite", "stack/ops.sqlite", "d/serve.json",
                                         "stack/log_groups/g3nretailstack/ops/shop.db"};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int listening = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(link(TABLE_PATH("ops.sqlite"), TABLE_PATH("d/hard.db")), 0);
    assert_int_equal(symlink("../ops.sqlite", TABLE_PATH("d/soft.db")), 0);
    assert_true(snprintf(address.sun_path, sizeof address.sun_path, "%s", TABLE_PATH("d/listening")) <
                (int)sizeof address.sun_path);
    assert_int_equal(bind(listening, (const struct sockaddr *)&address, sizeof address), 0);
    scratch_write(TABLE_PATH(AUDIT_DIRECTORY "/audit.jsonl"), "");
    for (size_t i = 0; i < COUNT_OF(own); i++)
        if (!identify(OPS_TABLE, "x", own[i], "t")->own)
            fail_msg("%s is not told as OPS's own", own[i]);
    for (size_t i = 0; i < COUNT_OF(others); i++)
        if (identify(OPS_TABLE, "x", others[i], "t")->own)
            fail_msg("%s is told as OPS's own", others[i]);
    assert_true(identify(OPS_LOG_GROUP, "/g3nretailstack/ops/maintenance-audit", NULL, NULL)->own);
    assert_true(identify(OPS_LOG_GROUP, "/g3nretailstack/ops/maintenance-audit/below", NULL, NULL)->own);
    assert_false(identify(OPS_LOG_GROUP, "/s/api", NULL, NULL)->own);
    assert_false(identify(OPS_BUCKET, "pvm-data", NULL, NULL)->own);
    close(listening);
}

/* ---- Limits ---- */

static void names_and_paths_that_are_too_long_are_refused(void **state)
{
    (void)state;
    char name[OPS_RESOURCE_NAME_MAX + 2], path[PATH_MAX + 100], file[1200];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_int_equal(try_identify(OPS_TABLE, name, NULL, NULL), OPS_TARGET_ERROR);
    assert_int_equal(try_identify(OPS_BUCKET, name, NULL, NULL), OPS_TARGET_ERROR);
    assert_int_equal(try_identify(OPS_TABLE, "t", "d/shop.db", name), OPS_TARGET_ERROR);
    name[OPS_RESOURCE_NAME_MAX] = '\0';
    assert_int_equal(try_identify(OPS_BUCKET, name, NULL, NULL), OPS_OK);
    assert_int_equal(try_identify(OPS_TABLE, "t", "d/shop.db", name), OPS_OK);
    char first[OPS_IDENTITY_SIZE];
    keep_text(first, &identity);
    name[OPS_RESOURCE_NAME_MAX - 1] = 'y'; /* only its end differs */
    assert_string_not_equal(identify(OPS_TABLE, "t", "d/shop.db", name)->text, first);
    for (size_t i = 0; i < sizeof file - 1; i++)
        file[i] = i % 100 ? 'x' : '/';
    file[sizeof file - 1] = '\0';
    assert_int_equal(try_identify(OPS_TABLE, "t", file, "t"), OPS_TARGET_ERROR); /* its location does not fit */
    memset(path, '/', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    assert_int_equal(try_identify(OPS_TABLE, "t", path, "t"), OPS_TARGET_ERROR);
    memset(name, 'z', OPS_RESOURCE_NAME_MAX);
    (void)snprintf(file, sizeof file, "stack/buckets/pvm-data/%.200s/%.200s", name, name);
    identify(OPS_TABLE, "t", file, "t");
    (void)snprintf(path, sizeof path, "%.200s/%.54s", name, name);
    expect_alias(OPS_BUCKET, "pvm-data", path); /* a key is cut, and its beginning is what counts */
}

static void what_can_not_be_told_is_an_error(void **state)
{
    (void)state;
    assert_int_equal(symlink("loop", TABLE_PATH("loop")), 0);
    assert_int_equal(try_identify(OPS_TABLE, "t", "loop", "t"), OPS_TARGET_ERROR);
    assert_int_equal(try_identify(OPS_TABLE, "t", "loop/x", "t"), OPS_TARGET_ERROR);
    assert_int_equal(try_identify(OPS_BUCKET, "a/b", NULL, NULL), OPS_TARGET_ERROR);
    assert_int_equal(try_identify(OPS_BUCKET, "", NULL, NULL), OPS_TARGET_ERROR);
    assert_int_equal(try_identify(OPS_TABLE, "", NULL, NULL), OPS_TARGET_ERROR);
    assert_int_equal(try_identify(OPS_LOG_GROUP, "/", NULL, NULL), OPS_TARGET_ERROR);
    json_t *nothing = json_object(), *no_table = json_pack("{s:s}", "file", "d/shop.db");
    const struct ops_target_spec no_file = {.kind = OPS_TABLE, .name = "t", .location = nothing};
    const struct ops_target_spec no_name = {.kind = OPS_TABLE, .name = "t", .location = no_table};
    assert_int_equal(ops_catalogue_identify(table.catalogue, &no_file, &identity, &table.error), OPS_TARGET_ERROR);
    assert_int_equal(ops_catalogue_identify(table.catalogue, &no_name, &identity, &table.error), OPS_TARGET_ERROR);
    json_decref(nothing);
    json_decref(no_table);
    assert_int_equal(chmod(TABLE_PATH("d"), 0), 0);
    if (geteuid() == 0)
        assert_int_equal(chmod(table.data, 0755) | seteuid(NOBODY), 0);
    assert_int_equal(try_identify(OPS_TABLE, "t", "d/shop.db", "t"), OPS_TARGET_ERROR);
    assert_non_null(strstr(table.error.text, "Permission denied"));
    if (getuid() == 0)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(chmod(TABLE_PATH("d"), 0700), 0);
}

/* ---- Emptiness ---- */

static void what_has_nothing_in_it_is_told_where_that_can_be_told_at_once(void **state)
{
    (void)state;
    assert_true(identify(OPS_BUCKET, "doc.g3nretailstack.com", NULL, NULL)->empty);
    assert_false(identify(OPS_BUCKET, "pvm-data", NULL, NULL)->empty);
    assert_true(identify(OPS_LOG_GROUP, "/s/api", NULL, NULL)->empty);
    assert_false(identify(OPS_LOG_GROUP, "/s", NULL, NULL)->empty);
    scratch_write(TABLE_PATH("stack/log_groups/s/api/.hidden"), "");
    assert_false(identify(OPS_LOG_GROUP, "/s/api", NULL, NULL)->empty);
    table_sql("CREATE TABLE t(a); CREATE TABLE \"odd \"\"name\"(a); CREATE VIRTUAL TABLE f USING fts5(a)");
    assert_true(identify(OPS_TABLE, "x", "app.db", "t")->empty);
    assert_true(identify(OPS_TABLE, "x", "app.db", "Odd \"name")->empty);
    assert_true(identify(OPS_TABLE, "x", "app.db", "f")->empty);
    assert_false(identify(OPS_TABLE, "x", "app.db", "nothing")->empty);
    assert_false(identify(OPS_TABLE, "x", "stack", "t")->empty);
    assert_false(identify(OPS_TABLE, "x", "ops.sqlite", "t")->empty);
    table_sql("BEGIN EXCLUSIVE");
    assert_false(identify(OPS_TABLE, "x", "app.db", "t")->empty);
    table_sql("COMMIT; INSERT INTO t VALUES (1)");
    assert_false(identify(OPS_TABLE, "x", "app.db", "t")->empty);
    table_sql("DELETE FROM t");
    assert_int_equal(link(TABLE_PATH("app.db"), TABLE_PATH("two.db")), 0);
    assert_false(identify(OPS_TABLE, "x", "app.db", "t")->empty);
}

/* Closing any descriptor of a database drops the locks that this process has on it. */
static void looking_takes_no_lock_away(void **state)
{
    (void)state;
    table_sql("CREATE TABLE t(a); BEGIN IMMEDIATE; INSERT INTO t VALUES (1)");
    identify(OPS_TABLE, "x", "app.db", "t");
    char command[SCRATCH_SIZE + 100];
    (void)snprintf(command, sizeof command, "sqlite3 %s 'BEGIN IMMEDIATE' 2>&1 | grep -q locked", TABLE_PATH("app.db"));
    assert_int_equal(system(command), 0);
    table_sql("COMMIT");
}

static void looking_leaves_no_file_behind(void **state)
{
    (void)state;
    struct told told;
    table_sql("PRAGMA journal_mode = WAL; CREATE TABLE t(a)");
    assert_int_equal(sqlite3_close(table.db), SQLITE_OK);
    table.db = NULL;
    assert_int_not_equal(access(TABLE_PATH("app.db-wal"), F_OK), 0);
    assert_true(identify(OPS_TABLE, "x", "app.db", "t")->empty);
    assert_int_equal(list_beside("app.db", &told), OPS_OK);
    assert_int_equal(told.count, 1);
    assert_int_not_equal(access(TABLE_PATH("app.db-wal"), F_OK), 0);
    assert_int_not_equal(access(TABLE_PATH("app.db-shm"), F_OK), 0);
}

/* ---- Mounts ---- */

static void the_kernels_list_of_mounts_is_read(void **state)
{
    (void)state;
    static const char text[] = "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
                               "40 22 8:1 /srv/a\\040b /mnt/odd\\134name rw - ext4 /dev/sda1 rw\n"
                               "41 22 0:50 / /mnt rw - tmpfs tmpfs rw\n"
                               "42 22 0:51 / /mnt rw - tmpfs tmpfs rw\n";
    struct local_mounts mounts = {.text = NULL};
    assert_int_equal(local_mounts_parse(ops_mem_strdup(text), &mounts, NULL), OPS_OK);
    assert_int_equal(mounts.count, 4);
    assert_string_equal(mounts.list[0].root, "");
    assert_string_equal(mounts.list[0].point, "");
    assert_int_equal(mounts.list[1].id, 40);
    assert_string_equal(mounts.list[1].device, "8:1");
    assert_string_equal(mounts.list[1].root, "/srv/a b");
    assert_string_equal(mounts.list[1].point, "/mnt/odd\\name");
    local_mounts_release(&mounts);
    static const char *const bad[] = {"x 1 8:1 / / rw\n", "22 1 8:1 /\n", "22\n", "\n"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(local_mounts_parse(ops_mem_strdup(bad[i]), &mounts, NULL), OPS_TARGET_ERROR);
    assert_true(local_path_is_below("/a/b", "/a") && local_path_is_below("/a", "/a") && local_path_is_below("/a", ""));
    assert_false(local_path_is_below("/ab", "/a") || local_path_is_below("/a", "/a/b"));
}

/* A mount namespace of the test's own, where it may mount; what needs one is left out elsewhere. */
static bool may_mount(void)
{
    static int may = -1;
    if (may < 0)
        may = unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
    if (!may)
        print_message("not root: nothing can be mounted\n");
    return may;
}

static void bind_to(const char *from, const char *to)
{
    char source[SCRATCH_SIZE + 100];
    (void)snprintf(source, sizeof source, "%s", TABLE_PATH(from));
    if (mount(source, TABLE_PATH(to), NULL, MS_BIND, NULL) != 0)
        fail_msg("%s can't be mounted on %s", from, to);
}

static void unbind(const char *to)
{
    assert_int_equal(umount2(TABLE_PATH(to), MNT_DETACH), 0);
}

static void a_bucket_that_is_mounted_as_another_is_that_one(void **state)
{
    (void)state;
    char first[OPS_IDENTITY_SIZE];
    if (!may_mount())
        skip();
    assert_int_equal(mkdir(TABLE_PATH("stack/buckets/again"), 0700), 0);
    bind_to("stack/buckets/doc.g3nretailstack.com", "stack/buckets/again");
    keep_text(first, identify(OPS_BUCKET, "doc.g3nretailstack.com", NULL, NULL));
    expect_alias(OPS_BUCKET, "again", "");
    assert_string_equal(identify(OPS_BUCKET, "again", NULL, NULL)->text, first);
    expect_alias(OPS_BUCKET, "doc.g3nretailstack.com", "");
    unbind("stack/buckets/again");
    identify(OPS_BUCKET, "again", NULL, NULL);
    assert_int_equal(identity.alias_count, 0);
}

static void a_directory_of_a_bucket_that_is_mounted_elsewhere_is_a_part_of_it(void **state)
{
    (void)state;
    if (!may_mount())
        skip();
    assert_int_equal(mkdir(TABLE_PATH("stack/buckets/part"), 0700), 0);
    bind_to("stack/buckets/pvm-data/sub", "stack/buckets/part");
    bind_to("stack/buckets/pvm-data", "d");
    identify(OPS_BUCKET, "part", NULL, NULL);
    expect_alias(OPS_BUCKET, "pvm-data", "sub/");
    identify(OPS_BUCKET, "pvm-data", NULL, NULL); /* who deletes in it deletes in the other */
    expect_alias(OPS_BUCKET, "part", "");
    identify(OPS_TABLE, "x", "d/sub/shop.db", "t");
    expect_alias(OPS_BUCKET, "pvm-data", "sub/shop.db");
    expect_alias(OPS_BUCKET, "part", "shop.db");
    scratch_write(TABLE_PATH("d/sub/shop.db"), "");
    identify(OPS_TABLE, "x", "d/sub/shop.db", "t");
    expect_alias(OPS_BUCKET, "pvm-data", "sub/shop.db");
    expect_alias(OPS_BUCKET, "part", "shop.db");
    unbind("d");
    unbind("stack/buckets/part");
}

static void a_protected_bucket_that_lies_in_another_one_protects_it(void **state)
{
    (void)state;
    if (!may_mount())
        skip();
    bind_to("stack/buckets/pvm-data/sub", "stack/buckets/doc.g3nretailstack.com");
    identify(OPS_BUCKET, "pvm-data", NULL, NULL);
    expect_alias(OPS_BUCKET, "doc.g3nretailstack.com", "");
    unbind("stack/buckets/doc.g3nretailstack.com");
}

static void a_file_that_is_mounted_on_another_is_that_one(void **state)
{
    (void)state;
    char first[OPS_IDENTITY_SIZE];
    if (!may_mount())
        skip();
    scratch_write(TABLE_PATH("stack/tables/uas_users.sqlite"), "");
    scratch_write(TABLE_PATH("d/people.db"), "");
    bind_to("stack/tables/uas_users.sqlite", "d/people.db");
    keep_text(first, identify(OPS_TABLE, "uas_users", NULL, NULL));
    assert_string_equal(identify(OPS_TABLE, "people", "d/people.db", "items")->text, first);
    expect_alias(OPS_TABLE, "uas_users", "");
    unbind("d/people.db");
    bind_to("ops.sqlite", "d/people.db");
    assert_true(identify(OPS_TABLE, "people", "d/people.db", "records")->own);
    unbind("d/people.db");
}

static void a_bucket_with_opss_own_directory_in_it_is_opss_own(void **state)
{
    (void)state;
    if (!may_mount())
        skip();
    bind_to(".", "stack/buckets/pvm-data");
    assert_true(identify(OPS_BUCKET, "pvm-data", NULL, NULL)->own);
    unbind("stack/buckets/pvm-data");
    bind_to("stack/log_groups/g3nretailstack", "stack/buckets/pvm-data");
    assert_true(identify(OPS_BUCKET, "pvm-data", NULL, NULL)->own);
    unbind("stack/buckets/pvm-data");
    bind_to(AUDIT_DIRECTORY, "stack/log_groups/s/api");
    assert_true(identify(OPS_LOG_GROUP, "/s/api", NULL, NULL)->own);
    unbind("stack/log_groups/s/api");
    bind_to("stack/tables", "stack/buckets/pvm-data");
    assert_int_equal(try_identify(OPS_BUCKET, "pvm-data", NULL, NULL), OPS_TARGET_ERROR);
    assert_non_null(strstr(table.error.text, "stack/tables"));
    unbind("stack/buckets/pvm-data");
}

static void a_data_directory_that_is_mounted_is_seen_by_both_its_names(void **state)
{
    (void)state;
    char mounted[SCRATCH_SIZE + 16], first[OPS_IDENTITY_SIZE], file[SCRATCH_SIZE + 64];
    if (!may_mount())
        skip();
    assert_int_equal(mkdir(TABLE_PATH("d/data"), 0700), 0);
    scratch_write(TABLE_PATH("stack/tables/uas_users.sqlite"), "");
    keep_text(first, identify(OPS_BUCKET, "pvm-data", NULL, NULL));
    bind_to(".", "d/data");
    (void)snprintf(mounted, sizeof mounted, "%s/d/data", table.data);
    ops_catalogue_release(table.catalogue);
    assert_int_equal(ops_local_catalogue_new(mounted, &table.catalogue, NULL), OPS_OK);
    assert_string_equal(identify(OPS_BUCKET, "pvm-data", NULL, NULL)->text, first);
    assert_int_equal(identity.alias_count, 0);
    assert_false(identity.own);
    (void)snprintf(file, sizeof file, "%s/stack/tables/uas_users.sqlite", table.data);
    identify(OPS_TABLE, "people", file, "people");
    expect_alias(OPS_TABLE, "uas_users", "");
    (void)snprintf(file, sizeof file, "%s/ops.sqlite", table.data);
    assert_true(identify(OPS_TABLE, "people", file, "people")->own);
    unbind("d/data");
}

static void what_is_mounted_over_a_path_hides_it(void **state)
{
    (void)state;
    if (!may_mount())
        skip();
    assert_int_equal(mkdir(TABLE_PATH("stack/buckets/part"), 0700), 0);
    bind_to("stack/buckets/pvm-data/sub", "stack/buckets/part");
    assert_int_equal(mount("none", TABLE_PATH("stack/buckets/part"), "tmpfs", 0, NULL), 0);
    identify(OPS_BUCKET, "part", NULL, NULL);
    assert_int_equal(identity.alias_count, 0);
    identify(OPS_BUCKET, "pvm-data", NULL, NULL);
    assert_int_equal(identity.alias_count, 0);
    unbind("stack/buckets/part");
    unbind("stack/buckets/part");
}

static void a_place_with_too_many_names_is_refused(void **state)
{
    (void)state;
    char names[OPS_ALIASES_MAX + 1][64];
    if (!may_mount())
        skip();
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        (void)snprintf(names[i], sizeof names[i], "stack/buckets/again%zu", i);
        assert_int_equal(mkdir(TABLE_PATH(names[i]), 0700), 0);
        bind_to("stack/buckets/pvm-data", names[i]);
    }
    assert_int_equal(try_identify(OPS_BUCKET, "pvm-data", NULL, NULL), OPS_TARGET_ERROR);
    assert_non_null(strstr(table.error.text, "too many names"));
    for (size_t i = 0; i < COUNT_OF(names); i++)
        unbind(names[i]);
}

/* ---- Beside ---- */

static void every_table_of_a_file_is_told_but_no_part_of_a_virtual_one(void **state)
{
    (void)state;
    struct told told;
    table_sql(
        "CREATE TABLE orders(id INTEGER PRIMARY KEY AUTOINCREMENT, body); CREATE TABLE Payments(a, UNIQUE (a));"
        "CREATE TABLE G3NMHSADMIN_State(a); CREATE VIEW v AS SELECT 1; CREATE INDEX i ON orders(id);"
        "CREATE VIRTUAL TABLE notes USING fts5(org, body); CREATE VIRTUAL TABLE words USING fts5(body, content='orders');"
        "CREATE VIRTUAL TABLE bare USING fts4(body, content=\"\"); CREATE VIRTUAL TABLE area USING rtree(id, a, b); "
        "ANALYZE");
    assert_int_equal(list_beside("./app.db", &told), OPS_OK);
    assert_string_equal(told.text, "./app.db: G3NMHSADMIN_State | G3NMHSADMIN_State | a table of ./app.db\n"
                                   "./app.db: Payments | Payments | a table of ./app.db\n"
                                   "./app.db: area | area | a virtual table (rtree) of ./app.db\n"
                                   "./app.db: bare | bare | a full-text table without content of ./app.db\n"
                                   "./app.db: notes | notes | a full-text table of ./app.db\n"
                                   "./app.db: orders | orders | a table of ./app.db\n"
                                   "./app.db: words | words | a full-text index of orders in ./app.db\n");
}

static enum ops_status compare_identity(void *context, const struct ops_resource *resource)
{
    size_t *same = context;
    *same += strcmp(resource->identity, identity.text) == 0;
    return OPS_OK;
}

static void the_target_itself_is_among_them_by_its_identity(void **state)
{
    (void)state;
    size_t same = 0;
    table_sql("CREATE TABLE Orders(a); CREATE TABLE orders2(a)");
    identify(OPS_TABLE, "x", "app.db", "ORDERS");
    json_t *location = json_pack("{s:s, s:s}", "file", "app.db", "table", "orders");
    const struct ops_target_spec spec = {.kind = OPS_TABLE, .name = "x", .location = location};
    assert_int_equal(ops_catalogue_list_beside(table.catalogue, &spec, compare_identity, &same, NULL), OPS_OK);
    assert_int_equal(same, 1);
    json_decref(location);
    same = 0;
    scratch_write(TABLE_PATH("stack/tables/pvm_main.sqlite"), "");
    identify(OPS_TABLE, "pvm_main", NULL, NULL);
    assert_int_equal(ops_catalogue_list(table.catalogue, OPS_TABLE, compare_identity, &same, NULL), OPS_OK);
    assert_int_equal(same, 1);
}

static void a_file_that_is_missing_has_nothing_and_one_that_can_not_be_used_says_so(void **state)
{
    (void)state;
    struct told told;
    assert_int_equal(list_beside("nothing.db", &told), OPS_OK);
    assert_int_equal(list_beside("none/nothing.db", &told), OPS_OK);
    assert_int_equal(told.count, 0);
    scratch_write(TABLE_PATH("d/shop.db"), "This is no database, but a text that is long enough to be looked at for one.");
    assert_int_equal(list_beside("d/shop.db", &told), OPS_TARGET_ERROR);
    assert_int_equal(list_beside("d", &told), OPS_TARGET_ERROR);
    table_sql("CREATE TABLE t(a)");
    assert_int_equal(link(TABLE_PATH("app.db"), TABLE_PATH("two.db")), 0);
    assert_int_equal(list_beside("app.db", &told), OPS_TARGET_ERROR);
    const struct ops_target_spec bucket = {.kind = OPS_BUCKET, .name = "pvm-data"};
    assert_int_equal(ops_catalogue_list_beside(table.catalogue, &bucket, note_resource, &told, NULL), OPS_OK);
}

/* ---- Memory ---- */

static void running_out_of_memory_is_a_status_and_leaks_nothing(void **state)
{
    (void)state;
    table_sql("CREATE TABLE t(a); CREATE VIRTUAL TABLE f USING fts5(a, content='t')");
    json_t *location = json_pack("{s:s, s:s}", "file", "app.db", "table", "t");
    const struct ops_target_spec spec = {.kind = OPS_TABLE, .name = "x", .location = location};
    bool hit = true;
    ops_catalogue_release(table.catalogue);
    table.catalogue = NULL;
    for (size_t n = 1; hit; n++) {
        struct ops_catalogue *local = NULL;
        size_t same = 0;
        alloc_fault_install(n);
        enum ops_status status = ops_local_catalogue_new(table.data, &local, NULL);
        if (status == OPS_OK)
            status = ops_catalogue_identify(local, &spec, &identity, NULL);
        if (status == OPS_OK)
            status = ops_catalogue_list_beside(local, &spec, compare_identity, &same, NULL);
        hit = alloc_fault_hit();
        if (status == OPS_OK && !hit)
            assert_int_equal(same, 1);
        /* Whether there is anything in it can't be told without memory, and that is an answer. */
        assert_true(status == (hit ? OPS_NO_MEMORY : OPS_OK) || (hit && status == OPS_OK && !identity.empty));
        ops_catalogue_release(local);
        assert_int_equal(alloc_fault_live_count(), 0);
        alloc_fault_remove();
    }
    json_decref(location);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, stack_set_up, table_tear_down)
    const struct CMUnitTest tests[] = {
        CASE(a_thing_has_one_text_however_it_is_written),
        CASE(a_standard_table_and_its_file_by_name_are_one_thing),
        CASE(what_does_not_exist_has_no_text_and_the_place_where_it_would_be),
        CASE(a_data_directory_that_is_a_link_or_does_not_exist_is_fine),
        CASE(a_relative_data_directory_is_taken_from_where_the_process_stands),
        CASE(each_way_to_see_a_file_is_an_alias),
        CASE(a_name_is_told_in_lower_case_too),
        CASE(names_above_the_data_directory_do_not_count),
        CASE(what_is_opss_own_is_told_by_any_name),
        CASE(names_and_paths_that_are_too_long_are_refused),
        CASE(what_can_not_be_told_is_an_error),
        CASE(what_has_nothing_in_it_is_told_where_that_can_be_told_at_once),
        CASE(looking_takes_no_lock_away),
        CASE(looking_leaves_no_file_behind),
        CASE(the_kernels_list_of_mounts_is_read),
        CASE(a_bucket_that_is_mounted_as_another_is_that_one),
        CASE(a_directory_of_a_bucket_that_is_mounted_elsewhere_is_a_part_of_it),
        CASE(a_protected_bucket_that_lies_in_another_one_protects_it),
        CASE(a_file_that_is_mounted_on_another_is_that_one),
        CASE(a_bucket_with_opss_own_directory_in_it_is_opss_own),
        CASE(a_data_directory_that_is_mounted_is_seen_by_both_its_names),
        CASE(what_is_mounted_over_a_path_hides_it),
        CASE(a_place_with_too_many_names_is_refused),
        CASE(every_table_of_a_file_is_told_but_no_part_of_a_virtual_one),
        CASE(the_target_itself_is_among_them_by_its_identity),
        CASE(a_file_that_is_missing_has_nothing_and_one_that_can_not_be_used_says_so),
        CASE(running_out_of_memory_is_a_status_and_leaks_nothing),
    };
#undef CASE
    return cmocka_run_group_tests(tests, NULL, NULL);
}
