#include "main/sample.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_TEXT_MAX = 4096, KEY_TEXT_MAX = 512, BODY_TEXT_MAX = 256, STREAMS_IN_GROUP = 3, LINES_IN_STREAM = 20 };

struct filler {
    const char *data_dir;
    const struct ops_manifest *manifest;
    struct ops_sample_size size;
    int64_t table_count, bucket_count; /* over which rows and objects are spread */
    struct ops_sample_counts *counts;
    struct ops_error *error;
};

void ops_sample_org(int64_t index, char ret_org[static OPS_SAMPLE_ORG_SIZE])
{
    /* A tenant whose name begins another's is the mistake that vacuum org must not make. */
    static const char *const names[] = {"acme", "acme2", "globex", "initech", "umbrella"};
    if (index < (int64_t)(sizeof names / sizeof names[0]))
        (void)snprintf(ret_org, OPS_SAMPLE_ORG_SIZE, "%s", names[index]);
    else
        (void)snprintf(ret_org, OPS_SAMPLE_ORG_SIZE, "org%04lld", (long long)index);
}

static enum ops_status fail(const struct filler *filler, const char *path, const char *reason)
{
    return ops_fail(filler->error, OPS_IO_ERROR, "The sample stack can't be written: %s: %s.", path, reason);
}

/* Makes every directory that path (a file's) goes through. */
static enum ops_status make_parents(const struct filler *filler, const char *path)
{
    char partial[PATH_TEXT_MAX];
    (void)snprintf(partial, sizeof partial, "%s", path);
    for (char *slash = strchr(partial + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(partial, 0700) != 0 && errno != EEXIST)
            return fail(filler, partial, strerror(errno));
        *slash = '/';
    }
    return OPS_OK;
}

static enum ops_status write_file(const struct filler *filler, const char *path, const char *text)
{
    enum ops_status status = make_parents(filler, path);
    if (status != OPS_OK)
        return status;
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0)
        return fail(filler, path, strerror(errno));
    size_t length = strlen(text);
    bool written = write(file, text, length) == (ssize_t)length;
    int reason = errno;
    if (close(file) != 0 || !written)
        return fail(filler, path, strerror(reason));
    return OPS_OK;
}

/* Rows among an application's own can't be told apart any more, and objects have taken the place of its own: so only what is
 * not there yet is filled, or what has the mark of having been filled before. */
static enum ops_status take_stack(const struct filler *filler)
{
    char stack[PATH_TEXT_MAX], mark[PATH_TEXT_MAX];
    struct stat info;
    (void)snprintf(stack, sizeof stack, "%.4000s/stack", filler->data_dir);
    (void)snprintf(mark, sizeof mark, "%.4000s/stack/.sample", filler->data_dir);
    if (mkdir(stack, 0700) == 0)
        return write_file(filler, mark, "demo-data made this stack, and fills it again when it is asked to.\n");
    if (errno != EEXIST)
        return fail(filler, stack, strerror(errno));
    if (lstat(mark, &info) == 0 && S_ISREG(info.st_mode))
        return OPS_OK;
    return ops_fail(
        filler->error, OPS_IO_ERROR,
        "The stack in %s was not made by demo-data, so nothing is written into it: take another data directory, or, "
        "if everything in it may be overwritten, 'touch %s'.",
        stack, mark);
}

/* How many of total fall to the one at index among count. */
static int64_t share(int64_t total, int64_t count, int64_t index)
{
    return total / count + (index < total % count);
}

/* A key that the tenant's rule finds, unlike every other row's. */
static void expand(const char *pattern, const char *org, char *ret_text, size_t size)
{
    const char *at = strstr(pattern, OPS_ORG_PLACEHOLDER);
    int before = at ? (int)(at - pattern) : (int)strlen(pattern);
    (void)snprintf(ret_text, size, "%.*s%s%s", before, pattern, at ? org : "", at ? at + strlen(OPS_ORG_PLACEHOLDER) : "");
}

struct row {
    char pk[KEY_TEXT_MAX];
    char sk[KEY_TEXT_MAX];
    char org[OPS_SAMPLE_ORG_SIZE];
    char body[BODY_TEXT_MAX];
};

static void make_row(const struct filler *filler, const struct ops_org_rule *rule, int64_t number, struct row *ret_row)
{
    struct row *row = ret_row;
    char expanded[KEY_TEXT_MAX / 2];
    long long n = (long long)number;
    ops_sample_org(number % filler->size.orgs, row->org);
    (void)snprintf(row->sk, sizeof row->sk, "V#%06lld", n);
    if (rule->skip) {
        (void)snprintf(row->pk, sizeof row->pk, "REF#%06lld", n);
        row->org[0] = '\0';
    } else if (rule->pattern) {
        expand(rule->pattern, row->org, expanded, sizeof expanded);
        /* Under one key there are many rows; under a prefix, many keys. */
        if (rule->by == OPS_SCOPE_KEY)
            (void)snprintf(row->pk, sizeof row->pk, "%s", expanded);
        else
            (void)snprintf(row->pk, sizeof row->pk, "%s%06lld", expanded, n);
    } else {
        (void)snprintf(row->pk, sizeof row->pk, "ITEM#%s#%06lld", row->org, n);
    }
    (void)snprintf(
        row->body, sizeof row->body,
        "{\"orgcode\":\"%s\",\"sku\":\"SKU-%06lld\",\"title\":\"A thing to sell, number %lld\",\"price\":%lld.%02lld,"
        "\"stock\":%lld,\"state\":\"active\"}",
        row->org, n, n, n % 90 + 10, n % 100, n * 7 % 500);
}

static bool insert(sqlite3_stmt *statement, const char *pk, const char *sk, const char *org, const char *body)
{
    (void)sqlite3_bind_text(statement, 1, pk, -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(statement, 2, sk, -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(statement, 3, org, -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(statement, 4, body, -1, SQLITE_STATIC);
    bool done = sqlite3_step(statement) == SQLITE_DONE;
    (void)sqlite3_reset(statement);
    return done;
}

static bool fill_open_table(struct filler *filler, sqlite3 *db, const struct ops_org_rule *rule, int64_t rows)
{
    sqlite3_stmt *statement = NULL;
    bool good =
        sqlite3_exec(db,
                     "PRAGMA synchronous = OFF;"
                     "CREATE TABLE IF NOT EXISTS items(pk TEXT, sk TEXT, orgcode TEXT, body TEXT, PRIMARY KEY (pk, sk));"
                     "BEGIN",
                     NULL, NULL, NULL) == SQLITE_OK &&
        sqlite3_prepare_v2(db, "INSERT OR REPLACE INTO items VALUES (?1, ?2, ?3, ?4)", -1, &statement, NULL) == SQLITE_OK;
    struct row row;
    for (int64_t number = 0; good && number < rows; number++) {
        make_row(filler, rule, number, &row);
        good = insert(statement, row.pk, row.sk, row.org, row.body);
    }
    /* One record in each table that no vacuum may touch. */
    if (good)
        good = insert(statement, OPS_PROTECTED_PREFIX "#keep", "V#0", "acme", "{\"note\":\"never deleted\"}");
    (void)sqlite3_finalize(statement);
    good = good && sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK;
    filler->counts->rows += good ? rows + 1 : 0;
    return good;
}

static enum ops_status fill_table(struct filler *filler, const char *name, const struct ops_org_rule *rule, int64_t rows)
{
    char path[PATH_TEXT_MAX];
    (void)snprintf(path, sizeof path, "%s/stack/tables/%s.sqlite", filler->data_dir, name);
    enum ops_status status = make_parents(filler, path);
    if (status != OPS_OK)
        return status;
    sqlite3 *db = NULL;
    bool good =
        sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOFOLLOW, NULL) == SQLITE_OK &&
        fill_open_table(filler, db, rule, rows);
    if (!good)
        status = fail(filler, path, db ? sqlite3_errmsg(db) : "no memory");
    (void)sqlite3_close(db);
    filler->counts->tables += good;
    return status;
}

static enum ops_status put_object(struct filler *filler, const char *bucket, const char *key, const char *text)
{
    char path[PATH_TEXT_MAX];
    (void)snprintf(path, sizeof path, "%s/stack/buckets/%s/%s", filler->data_dir, bucket, key);
    filler->counts->objects++;
    return write_file(filler, path, text);
}

static enum ops_status fill_bucket(struct filler *filler, const char *name, const struct ops_org_rule *rule, int64_t objects)
{
    filler->counts->buckets++;
    enum ops_status status = put_object(filler, name, OPS_PROTECTED_PREFIX "/keep.txt", "never deleted\n");
    for (int64_t number = 0; status == OPS_OK && number < objects; number++) {
        char org[OPS_SAMPLE_ORG_SIZE], prefix[KEY_TEXT_MAX / 2], key[KEY_TEXT_MAX], text[BODY_TEXT_MAX];
        ops_sample_org(number % filler->size.orgs, org);
        expand(rule->pattern && !rule->skip ? rule->pattern : "shared/", org, prefix, sizeof prefix);
        (void)snprintf(key, sizeof key, "%s2026/%02lld/object-%06lld.json", prefix, (long long)(number % 12 + 1),
                       (long long)number);
        (void)snprintf(text, sizeof text, "{\"object\":%lld,\"of\":\"%s\"}\n", (long long)number, org);
        status = put_object(filler, name, key, text);
    }
    return status;
}

static enum ops_status fill_log_group(struct filler *filler, const char *name)
{
    filler->counts->log_groups++;
    enum ops_status status = OPS_OK;
    for (int stream = 0; status == OPS_OK && stream < STREAMS_IN_GROUP; stream++) {
        char path[PATH_TEXT_MAX], text[LINES_IN_STREAM * 64];
        size_t length = 0;
        (void)snprintf(path, sizeof path, "%s/stack/log_groups%s/2026-11-%02d-stream", filler->data_dir, name, stream + 1);
        for (int line = 0; line < LINES_IN_STREAM; line++)
            length += (size_t)snprintf(text + length, sizeof text - length, "2026-11-%02dT10:00:%02dZ GET /things 200\n",
                                       stream + 1, line);
        status = write_file(filler, path, text);
        filler->counts->streams++;
    }
    return status;
}

static bool is_filled(const struct ops_manifest_target *target, enum ops_target_kind kind)
{
    /* A table that lives in somebody's own file is theirs, and what OPS keeps is its own. */
    return target->kind == kind && !target->location && strcmp(target->service, "ops") != 0;
}

static bool is_table(const struct ops_manifest_target *target, const char *name)
{
    return name && strcmp(target->name, name) == 0;
}

static bool has_own_rows(const struct filler *filler, const struct ops_manifest_target *target)
{
    return !is_table(target, filler->manifest->users_table) && !is_table(target, filler->manifest->sessions_table);
}

static void count_spread(struct filler *filler)
{
    for (size_t i = 0; i < filler->manifest->target_count; i++) {
        const struct ops_manifest_target *target = &filler->manifest->targets[i];
        filler->table_count += is_filled(target, OPS_TABLE) && has_own_rows(filler, target);
        filler->bucket_count += is_filled(target, OPS_BUCKET);
    }
}

static enum ops_status fill_named(struct filler *filler)
{
    int64_t table = 0, bucket = 0;
    enum ops_status status = OPS_OK;
    for (size_t i = 0; status == OPS_OK && i < filler->manifest->target_count; i++) {
        const struct ops_manifest_target *target = &filler->manifest->targets[i];
        if (is_filled(target, OPS_TABLE) && has_own_rows(filler, target))
            status = fill_table(filler, target->name, &target->org, share(filler->size.rows, filler->table_count, table++));
        else if (is_filled(target, OPS_TABLE))
            status = fill_table(filler, target->name, &target->org, 0);
        else if (is_filled(target, OPS_BUCKET))
            status =
                fill_bucket(filler, target->name, &target->org, share(filler->size.objects, filler->bucket_count, bucket++));
        else if (is_filled(target, OPS_LOG_GROUP))
            status = fill_log_group(filler, target->name);
    }
    return status;
}

/* What every stack has besides: sites that are never deleted, and things that nobody told the manifest of. */
static enum ops_status fill_unnamed(struct filler *filler)
{
    static const struct ops_org_rule no_rule = {.skip = true};
    enum ops_status status = put_object(filler, "doc.g3nretailstack.com", "index.html", "<h1>Documentation</h1>\n");
    if (status == OPS_OK)
        status = put_object(filler, "mcp.g3nretailstack.com", "index.html", "<h1>MCP</h1>\n");
    if (status == OPS_OK)
        status = put_object(filler, "tmp-exports", "export-1.csv", "a,b,c\n");
    filler->counts->buckets += 3;
    return status == OPS_OK ? fill_table(filler, "legacy_import", &no_rule, 10) : status;
}

enum ops_status ops_sample_fill(const char *data_dir, const struct ops_manifest *manifest,
                                const struct ops_sample_size *size, struct ops_sample_counts *ret_counts,
                                struct ops_error *error)
{
    *ret_counts = (struct ops_sample_counts){0};
    struct filler filler = {.data_dir = data_dir, .manifest = manifest, .size = *size, .counts = ret_counts, .error = error};
    count_spread(&filler);
    enum ops_status status = take_stack(&filler);
    if (status == OPS_OK)
        status = fill_named(&filler);
    return status == OPS_OK ? fill_unnamed(&filler) : status;
}
