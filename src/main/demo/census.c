#include "main/demo/census.h"

#include "base/buf.h"
#include "base/hash.h"

#include <dirent.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { PATH_TEXT_MAX = 4096, EVIDENCE_MAX_BYTES = 8 * 1024 * 1024, DEPTH_MAX = 16 };

struct counting {
    const char *data_dir;
    const char *tenant, *neighbour;
    struct demo_census *census;
    struct ops_buf evidence; /* what the fingerprint is over */
    struct ops_error *error;
};

static const char *const kept_names[] = {"legacy_import.sqlite", "doc.g3nretailstack.com", "mcp.g3nretailstack.com",
                                         "tmp-exports"};

static bool is_kept(const char *name)
{
    for (size_t i = 0; i < sizeof kept_names / sizeof kept_names[0]; i++)
        if (strcmp(name, kept_names[i]) == 0)
            return true;
    return strncmp(name, "g3nmhsadmin", strlen("g3nmhsadmin")) == 0;
}

static enum ops_status fail(struct counting *counting, const char *path, const char *reason)
{
    return ops_fail(counting->error, OPS_IO_ERROR, "%s can't be counted: %s.", path, reason);
}

static void count_row(struct counting *counting, const char *name, sqlite3_stmt *row)
{
    const char *pk = (const char *)sqlite3_column_text(row, 0);
    const char *orgcode = (const char *)sqlite3_column_text(row, 1);
    if (is_kept(name) || is_kept(pk ? pk : "")) {
        counting->census->protected++;
        ops_buf_append_format(&counting->evidence, "%s %s %s\n", name, pk, (const char *)sqlite3_column_text(row, 2));
        return;
    }
    counting->census->records++;
    counting->census->tenant += orgcode && strcmp(orgcode, counting->tenant) == 0;
    counting->census->neighbour += orgcode && strcmp(orgcode, counting->neighbour) == 0;
}

static enum ops_status count_table(struct counting *counting, const char *path, const char *name)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *rows = NULL;
    int result = sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL);
    if (result == SQLITE_OK)
        result = sqlite3_prepare_v2(db, "SELECT pk, orgcode, body FROM items ORDER BY pk, sk", -1, &rows, NULL);
    while (result == SQLITE_OK && (result = sqlite3_step(rows)) == SQLITE_ROW) {
        count_row(counting, name, rows);
        result = SQLITE_OK;
    }
    enum ops_status status = result == SQLITE_DONE ? OPS_OK : fail(counting, path, sqlite3_errmsg(db));
    (void)sqlite3_finalize(rows);
    (void)sqlite3_close(db);
    return status;
}

/* Whether a path has the tenant as one of its segments. */
static bool has_segment(const char *path, const char *segment)
{
    size_t length = strlen(segment);
    for (const char *at = strstr(path, segment); at; at = strstr(at + 1, segment))
        if (at > path && at[-1] == '/' && at[length] == '/')
            return true;
    return false;
}

static void count_file(struct counting *counting, const char *path, bool kept, const struct stat *info)
{
    if (kept) {
        counting->census->protected++;
        ops_buf_append_format(&counting->evidence, "%s %lld %lld\n", path, (long long)info->st_size,
                              (long long)info->st_mtime);
        return;
    }
    counting->census->records++;
    counting->census->tenant += has_segment(path, counting->tenant);
    counting->census->neighbour += has_segment(path, counting->neighbour);
}

static enum ops_status walk(struct counting *counting, const char *path, bool kept, int depth);

static enum ops_status visit(struct counting *counting, const char *directory, const char *name, bool kept, int depth)
{
    char path[PATH_TEXT_MAX];
    struct stat info;
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    if (lstat(path, &info) != 0)
        return fail(counting, path, strerror(errno));
    kept = kept || is_kept(name) || strstr(path, "/ops/maintenance-audit");
    if (S_ISDIR(info.st_mode))
        return walk(counting, path, kept, depth + 1);
    /* The audit stream grows while the demo goes on; all else that is kept must stay as it is. */
    if (!strstr(path, "/ops/maintenance-audit"))
        count_file(counting, path, kept, &info);
    return OPS_OK;
}

static enum ops_status walk(struct counting *counting, const char *path, bool kept, int depth)
{
    DIR *directory = depth < DEPTH_MAX ? opendir(path) : NULL;
    if (!directory)
        return fail(counting, path, strerror(errno));
    enum ops_status status = OPS_OK;
    for (struct dirent *entry; status == OPS_OK && (entry = readdir(directory));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            status = visit(counting, path, entry->d_name, kept, depth);
    (void)closedir(directory);
    return status;
}

static bool is_database(const char *name)
{
    size_t length = strlen(name), suffix = strlen(".sqlite");
    return length > suffix && strcmp(name + length - suffix, ".sqlite") == 0;
}

static enum ops_status count_tables(struct counting *counting)
{
    char path[PATH_TEXT_MAX];
    (void)snprintf(path, sizeof path, "%s/stack/tables", counting->data_dir);
    DIR *directory = opendir(path);
    if (!directory)
        return fail(counting, path, strerror(errno));
    enum ops_status status = OPS_OK;
    for (struct dirent *entry; status == OPS_OK && (entry = readdir(directory));) {
        (void)snprintf(path, sizeof path, "%s/stack/tables/%s", counting->data_dir, entry->d_name);
        if (is_database(entry->d_name))
            status = count_table(counting, path, entry->d_name);
    }
    (void)closedir(directory);
    return status;
}

/* Directories come in no order that could be relied on, so the lines are hashed one by one and joined in any order. */
static enum ops_status fingerprint(struct counting *counting)
{
    uint8_t sum[OPS_SHA256_BYTES] = {0};
    enum ops_status status = ops_buf_status(&counting->evidence);
    const char *at = ops_buf_text(&counting->evidence);
    while (status == OPS_OK && *at) {
        uint8_t digest[OPS_SHA256_BYTES];
        size_t length = strcspn(at, "\n");
        status = ops_sha256(ops_view(at, length), digest);
        for (size_t i = 0; i < sizeof sum; i++)
            sum[i] ^= digest[i];
        at += length + 1;
    }
    ops_hex(sum, sizeof sum, counting->census->fingerprint);
    return status;
}

enum ops_status demo_census(const char *data_dir, const char *tenant, const char *neighbour, struct demo_census *ret_census,
                            struct ops_error *error)
{
    *ret_census = (struct demo_census){0};
    struct counting counting = {
        .data_dir = data_dir, .tenant = tenant, .neighbour = neighbour, .census = ret_census, .error = error};
    char path[PATH_TEXT_MAX];
    ops_buf_init(&counting.evidence, EVIDENCE_MAX_BYTES);
    enum ops_status status = count_tables(&counting);
    (void)snprintf(path, sizeof path, "%s/stack/buckets", data_dir);
    if (status == OPS_OK)
        status = walk(&counting, path, false, 0);
    (void)snprintf(path, sizeof path, "%s/stack/log_groups", data_dir);
    if (status == OPS_OK)
        status = walk(&counting, path, false, 0);
    if (status == OPS_OK)
        status = fingerprint(&counting);
    ops_buf_release(&counting.evidence);
    return status;
}
