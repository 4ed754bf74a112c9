#include "adapters/local/store.h"

#include "adapters/local/connection.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/trust.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    READERS_KEPT_MAX = 8,         /* idle connections; more are opened when needed, and closed after use */
    PAGE_BYTES_MAX = 1024 * 1024, /* of documents in a page, as in DynamoDB */
};

/* All writes of this process go through one connection under its lock: they would wait for each other in SQLite anyway, and
 * less fairly. Each read has a connection of its own while it lasts. */
struct local_store {
    struct ops_store base;
    char *path; /* absolute, its directory without links */
    pthread_mutex_t writer_mutex;
    struct {
        struct local_connection connection; /* closed after a failure that it can't recover from; opened again on demand */
        struct ops_buf text;                /* a document's, while it is bound */
    } writer;
    pthread_mutex_t readers_mutex;
    struct {
        struct local_connection *idle;
        size_t idle_count;
    } readers;
};

static struct local_store *local_store(struct ops_store *self)
{
    return (struct local_store *)self;
}

static enum ops_status reader_take(struct local_store *store, struct local_connection **ret_reader, struct ops_error *error)
{
    pthread_mutex_lock(&store->readers_mutex);
    struct local_connection *reader = store->readers.idle;
    if (reader) {
        store->readers.idle = reader->next;
        store->readers.idle_count--;
    }
    pthread_mutex_unlock(&store->readers_mutex);
    if (!reader) {
        reader = ops_mem_alloc(sizeof *reader);
        if (!reader)
            return OPS_NO_MEMORY;
        enum ops_status status = local_connection_open(reader, store->path, false, error);
        if (status != OPS_OK) {
            ops_mem_free(reader);
            return status;
        }
    }
    *ret_reader = reader;
    return OPS_OK;
}

static void reader_free(struct local_connection *reader)
{
    local_connection_close(reader);
    ops_mem_free(reader);
}

/* A connection that failed is not kept: the next read starts afresh, also when the file has been put right meanwhile. */
static void reader_give_back(struct local_store *store, struct local_connection *reader, enum ops_status status)
{
    bool keep = status == OPS_OK || status == OPS_NOT_FOUND;
    pthread_mutex_lock(&store->readers_mutex);
    keep = keep && store->readers.idle_count < READERS_KEPT_MAX;
    if (keep) {
        reader->next = store->readers.idle;
        store->readers.idle = reader;
        store->readers.idle_count++;
    }
    pthread_mutex_unlock(&store->readers_mutex);
    if (!keep)
        reader_free(reader);
}

static int bind_text(sqlite3_stmt *statement, int index, const char *text)
{
    return sqlite3_bind_text(statement, index, text, -1, SQLITE_STATIC);
}

/* A document where it is stored. */
struct place {
    const struct local_connection *connection;
    const char *pk;
    const char *sk;
};

/* Reads the document in a column. NUL characters are allowed in strings since whatever was put must come back; a member that
 * is there twice was never put, and readers disagree about it. */
static enum ops_status read_doc(const struct place *place, sqlite3_stmt *statement, int column, json_t **ret_doc,
                                struct ops_error *error)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);
    if (!text)
        return OPS_NO_MEMORY;
    json_t *doc = NULL;
    struct ops_view view = ops_view(text, (size_t)sqlite3_column_bytes(statement, column));
    if (ops_json_load(view, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &doc, NULL) == OPS_NO_MEMORY)
        return OPS_NO_MEMORY;
    if (!json_is_object(doc)) {
        json_decref(doc);
        return ops_fail(error, OPS_CORRUPT, "The record %s/%s in %s is not a JSON object with each member once.", place->pk,
                        place->sk, place->connection->path);
    }
    *ret_doc = doc;
    return OPS_OK;
}

/* Members come out in the order in which they were read: what was written is written so again. */
static enum ops_status check_as_written(const struct place *place, sqlite3_stmt *statement, int column, const json_t *doc,
                                        struct ops_error *error)
{
    struct ops_buf again;
    ops_buf_init(&again, OPS_STORE_DOC_MAX_BYTES);
    enum ops_status status = ops_json_append(doc, &again);
    const void *text = sqlite3_column_text(statement, column);
    size_t length = (size_t)sqlite3_column_bytes(statement, column);
    bool same = status == OPS_OK && again.length == length && memcmp(ops_buf_text(&again), text, length) == 0;
    ops_buf_release(&again);
    if (status == OPS_NO_MEMORY || same)
        return status;
    return ops_fail(error, OPS_CORRUPT, "The record %s/%s in %s was altered: its text is not as g3nops writes it.",
                    place->pk, place->sk, place->connection->path);
}

static enum ops_status read_record(struct local_connection *connection, const char *pk, const char *sk, json_t **ret_doc,
                                   struct ops_error *error)
{
    sqlite3_stmt *statement = local_statement(connection, LOCAL_GET);
    if (!statement || bind_text(statement, 1, pk) != SQLITE_OK || bind_text(statement, 2, sk) != SQLITE_OK)
        return local_fail(connection, sqlite3_extended_errcode(connection->db), error);
    int code = sqlite3_step(statement);
    const struct place place = {connection, pk, sk};
    enum ops_status status = code == SQLITE_ROW    ? read_doc(&place, statement, 0, ret_doc, error)
                             : code == SQLITE_DONE ? OPS_NOT_FOUND
                                                   : local_fail(connection, code, error);
    (void)sqlite3_reset(statement); /* ends the read; a failure has been told */
    return status;
}

static enum ops_status local_get(struct ops_store *self, const char *pk, const char *sk, json_t **ret_doc,
                                 struct ops_error *error)
{
    struct local_store *store = local_store(self);
    struct local_connection *reader = NULL;
    enum ops_status status = reader_take(store, &reader, error);
    if (status != OPS_OK)
        return status;
    status = read_record(reader, pk, sk, ret_doc, error);
    reader_give_back(store, reader, status);
    return status;
}

static sqlite3_stmt *query_statement(struct local_connection *connection, const struct ops_query *query)
{
    int which = LOCAL_QUERY_UP + (query->after_sk ? 1 : 0) + (query->descending ? 2 : 0);
    sqlite3_stmt *statement = local_statement(connection, (enum local_statement)which);
    if (!statement || bind_text(statement, 1, query->pk) != SQLITE_OK ||
        (query->after_sk && bind_text(statement, 2, query->after_sk) != SQLITE_OK) ||
        sqlite3_bind_int64(statement, 3, (sqlite3_int64)query->limit + 1) != SQLITE_OK)
        return NULL;
    return statement;
}

static enum ops_status add_to_page(const struct local_connection *connection, const struct ops_query *query,
                                   sqlite3_stmt *statement, struct ops_store_page *page, struct ops_error *error)
{
    json_t *doc = NULL;
    const char *sk = (const char *)sqlite3_column_text(statement, 0);
    if (!sk)
        return OPS_NO_MEMORY;
    const struct place place = {connection, query->pk, sk};
    enum ops_status status = read_doc(&place, statement, 1, &doc, error);
    if (status == OPS_OK && query->as_written)
        status = check_as_written(&place, statement, 1, doc, error);
    if (status != OPS_OK) {
        json_decref(doc);
        return status;
    }
    if (json_array_append_new(page->docs, doc) != 0)
        return OPS_NO_MEMORY;
    if (snprintf(page->last_sk, sizeof page->last_sk, "%s", sk) >= (int)sizeof page->last_sk)
        return ops_fail(error, OPS_CORRUPT, "A record in %s has a key that is too long.", connection->path);
    return OPS_OK;
}

/* One row more than the limit is asked for: that there is one says that there is more. */
static enum ops_status read_page(struct local_connection *connection, const struct ops_query *query,
                                 struct ops_store_page *page, struct ops_error *error)
{
    sqlite3_stmt *statement = query_statement(connection, query);
    if (!statement)
        return local_fail(connection, sqlite3_extended_errcode(connection->db), error);
    enum ops_status status = OPS_OK;
    size_t page_bytes = 0;
    int code;
    while (status == OPS_OK && (code = sqlite3_step(statement)) != SQLITE_DONE) {
        if (code != SQLITE_ROW) {
            status = local_fail(connection, code, error);
            break;
        }
        page->more = json_array_size(page->docs) == query->limit || page_bytes > PAGE_BYTES_MAX;
        if (page->more)
            break;
        status = add_to_page(connection, query, statement, page, error);
        page_bytes += (size_t)sqlite3_column_bytes(statement, 1);
    }
    (void)sqlite3_reset(statement); /* ends the read; a failure has been told */
    return status;
}

static enum ops_status local_query(struct ops_store *self, const struct ops_query *query, struct ops_store_page *ret_page,
                                   struct ops_error *error)
{
    struct local_store *store = local_store(self);
    struct local_connection *reader = NULL;
    struct ops_store_page page = {.docs = json_array()};
    if (!page.docs)
        return OPS_NO_MEMORY;
    enum ops_status status = reader_take(store, &reader, error);
    if (status != OPS_OK)
        goto out;
    status = read_page(reader, query, &page, error);
    reader_give_back(store, reader, status);
    if (status == OPS_OK) {
        *ret_page = page;
        page.docs = NULL;
    }
out:
    json_decref(page.docs);
    return status;
}

static enum ops_status check_locked(struct local_store *store, const struct ops_op *op, struct ops_error *error)
{
    if (op->cond_count == 0)
        return OPS_OK;
    json_t *doc = NULL;
    enum ops_status status = read_record(&store->writer.connection, op->pk, op->sk, &doc, error);
    if (status == OPS_OK || status == OPS_NOT_FOUND)
        status = ops_op_holds(op, doc) ? OPS_OK : OPS_CONFLICT;
    json_decref(doc);
    return status;
}

static enum ops_status write_locked(struct local_store *store, const struct ops_op *op, struct ops_error *error)
{
    struct local_connection *connection = &store->writer.connection;
    struct ops_buf *text = &store->writer.text;
    sqlite3_stmt *statement = local_statement(connection, op->kind == OPS_OP_PUT ? LOCAL_PUT : LOCAL_DELETE);
    if (!statement || bind_text(statement, 1, op->pk) != SQLITE_OK || bind_text(statement, 2, op->sk) != SQLITE_OK)
        return local_fail(connection, sqlite3_extended_errcode(connection->db), error);
    if (op->kind == OPS_OP_PUT) {
        ops_buf_clear(text);
        enum ops_status status = ops_json_append(op->doc, text);
        if (status != OPS_OK)
            return status;
        if (sqlite3_bind_text(statement, 3, ops_buf_text(text), (int)text->length, SQLITE_STATIC) != SQLITE_OK)
            return local_fail(connection, sqlite3_extended_errcode(connection->db), error);
    }
    int code = sqlite3_step(statement);
    enum ops_status status = code == SQLITE_DONE ? OPS_OK : local_fail(connection, code, error);
    (void)sqlite3_reset(statement); /* a failure has been told */
    return status;
}

/* A commit that found no room wrote no commit mark, so it surely did not happen. After any other failure the mark may be in
 * the log on the disk, and count after a power cut, although this process does not see it. */
static enum ops_status commit_locked(struct local_store *store, struct ops_error *error)
{
    struct local_connection *connection = &store->writer.connection;
    int code = local_run(connection, LOCAL_COMMIT);
    if (code == SQLITE_DONE)
        return OPS_OK;
    enum ops_status status = local_fail(connection, code, error);
    int primary = code & 0xff;
    return primary == SQLITE_FULL || primary == SQLITE_BUSY ? status : OPS_UNKNOWN;
}

/* A connection that met a failure of the file is closed, which rolls back too: the next transaction starts afresh, also when
 * the file has been put right meanwhile. */
static void roll_back_locked(struct local_store *store, enum ops_status status)
{
    struct local_connection *connection = &store->writer.connection;
    bool file_is_fine = status == OPS_CONFLICT || status == OPS_NO_MEMORY || status == OPS_LIMIT;
    bool rolled_back =
        file_is_fine && (sqlite3_get_autocommit(connection->db) || local_run(connection, LOCAL_ROLLBACK) == SQLITE_DONE);
    if (!rolled_back)
        local_connection_close(connection);
}

static enum ops_status transact_locked(struct local_store *store, const struct ops_txn *txn, struct ops_error *error)
{
    struct local_connection *connection = &store->writer.connection;
    enum ops_status status = OPS_OK;
    if (!connection->db)
        status = local_connection_open(connection, store->path, true, error);
    if (status != OPS_OK)
        return status;
    int code = local_run(connection, LOCAL_BEGIN);
    if (code != SQLITE_DONE)
        status = local_fail(connection, code, error);
    for (size_t i = 0; i < txn->count && status == OPS_OK; i++)
        status = check_locked(store, &txn->ops[i], error);
    for (size_t i = 0; i < txn->count && status == OPS_OK; i++)
        if (txn->ops[i].kind != OPS_OP_CHECK)
            status = write_locked(store, &txn->ops[i], error);
    if (status == OPS_OK)
        status = commit_locked(store, error);
    if (status != OPS_OK)
        roll_back_locked(store, status);
    return status;
}

static enum ops_status local_transact(struct ops_store *self, const struct ops_txn *txn, struct ops_error *error)
{
    struct local_store *store = local_store(self);
    pthread_mutex_lock(&store->writer_mutex);
    enum ops_status status = transact_locked(store, txn, error);
    pthread_mutex_unlock(&store->writer_mutex);
    return status;
}

static enum ops_status check_write_locked(struct local_store *store, struct ops_error *error)
{
    struct local_connection *connection = &store->writer.connection;
    enum ops_status status = OPS_OK;
    if (!connection->db)
        status = local_connection_open(connection, store->path, true, error);
    if (status != OPS_OK)
        return status;
    int code = local_write_nothing(connection);
    if (code == SQLITE_DONE)
        return OPS_OK;
    status = local_fail(connection, code, error);
    ops_error_detail(error, "reason", local_failure_words(code));
    roll_back_locked(store, status);
    return status;
}

static enum ops_status local_check_write(struct ops_store *self, struct ops_error *error)
{
    struct local_store *store = local_store(self);
    pthread_mutex_lock(&store->writer_mutex);
    enum ops_status status = check_write_locked(store, error);
    pthread_mutex_unlock(&store->writer_mutex);
    return status;
}

static void local_release(struct ops_store *self)
{
    struct local_store *store = local_store(self);
    while (store->readers.idle) {
        struct local_connection *reader = store->readers.idle;
        store->readers.idle = reader->next;
        reader_free(reader);
    }
    local_connection_close(&store->writer.connection);
    ops_buf_release(&store->writer.text);
    pthread_mutex_destroy(&store->readers_mutex);
    pthread_mutex_destroy(&store->writer_mutex);
    ops_mem_free(store->path);
    ops_mem_free(store);
}

static const struct ops_store_ops local_ops = {
    .get = local_get,
    .query = local_query,
    .transact = local_transact,
    .check_write = local_check_write,
    .release = local_release,
};

/* The path with its directory's links resolved: SQLITE_OPEN_NOFOLLOW refuses a link anywhere in a path, and only the file
 * itself must not be one. */
static enum ops_status resolve(const char *path, char **ret_path, struct ops_error *error)
{
    char resolved[PATH_MAX];
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    char *directory = slash ? ops_mem_strndup(path, (size_t)(slash - path) + 1) : ops_mem_strdup("./");
    if (!directory)
        return OPS_NO_MEMORY;
    bool found = realpath(directory, resolved);
    int reason = errno;
    ops_mem_free(directory);
    if (!found)
        return ops_fail(error, OPS_STORE_UNAVAILABLE,
                        "The record store %s can't be used: its directory can't be reached (%s).", path, strerror(reason));
    struct ops_buf whole;
    ops_buf_init(&whole, PATH_MAX + strlen(name));
    ops_buf_append_format(&whole, "%s/%s", resolved, name);
    *ret_path = ops_buf_take(&whole);
    return *ret_path ? OPS_OK : OPS_NO_MEMORY;
}

/* Nothing of the store is opened that somebody else may have put there: SQLite believes a write-ahead log, whoever wrote it.
 */
static enum ops_status check_owners(const char *path, struct ops_error *error)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
    char file[PATH_MAX], why[OPS_TRUST_WHY_SIZE];
    struct stat found;
    uid_t place_owner = ops_trust_place_owner(path);
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++)
        if (snprintf(file, sizeof file, "%s%s", path, suffixes[i]) < (int)sizeof file && lstat(file, &found) == 0 &&
            !ops_trust(&found, place_owner, why))
            return ops_fail(error, OPS_STORE_UNAVAILABLE, "The file %s can't be used: %s.", file, why);
    return OPS_OK;
}

enum ops_status ops_local_store_open(const char *path, struct ops_store **ret_store, struct ops_error *error)
{
    struct local_store *store = ops_mem_zeroed(1, sizeof *store);
    if (!store)
        return OPS_NO_MEMORY;
    store->base.ops = &local_ops;
    (void)pthread_mutex_init(&store->writer_mutex, NULL); /* a default mutex needs no resources on Linux */
    (void)pthread_mutex_init(&store->readers_mutex, NULL);
    ops_buf_init(&store->writer.text, OPS_STORE_DOC_MAX_BYTES);
    enum ops_status status = resolve(path, &store->path, error);
    if (status == OPS_OK)
        status = check_owners(store->path, error);
    if (status == OPS_OK)
        status = local_file_ensure(store->path, error);
    if (status == OPS_OK)
        status = local_connection_open(&store->writer.connection, store->path, true, error);
    if (status == OPS_OK)
        *ret_store = &store->base;
    else
        local_release(&store->base);
    return status;
}
