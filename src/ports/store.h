/* The record store, ops_main: documents under a partition key and a sort key.
 *
 * The port is exactly what SQLite with BEGIN IMMEDIATE and DynamoDB with GetItem (ConsistentRead), Query and
 * TransactWriteItems both give, and no more.
 *
 * A document is a JSON object. Its top-level members are strings, integers, booleans, nulls, arrays and objects (no
 * reals: they do not survive DynamoDB unchanged), and conditions look at top-level strings and integers only. pk and sk
 * are UTF-8 and not members of the document. A member that is null is kept.
 */
#ifndef OPS_PORTS_STORE_H
#define OPS_PORTS_STORE_H

#include "base/error.h"
#include "base/ulid.h"

#include <jansson.h>
#include <stdbool.h>

enum {
    OPS_STORE_KEY_SIZE = 128,             /* of pk and of sk, with the NUL */
    OPS_STORE_DOC_MAX_BYTES = 384 * 1024, /* of a document's compact text; DynamoDB's item limit is 400 KB */
    OPS_TXN_OPS_MAX = 25,                 /* operations in one transaction; DynamoDB takes 100 */
    OPS_TXN_CONDS_MAX = 3,                /* conditions on one operation, all of which must hold */
    OPS_STORE_PAGE_MAX = 1000,            /* documents in one page of a query */
};

enum ops_cond_kind {
    OPS_COND_ABSENT,  /* no document under the key */
    OPS_COND_EXISTS,  /* a document under the key */
    OPS_COND_EQUALS,  /* the document has member name, of value's type and equal to it */
    OPS_COND_AT_MOST, /* likewise, and not greater: integers as numbers, strings by their bytes */
};

struct ops_cond {
    enum ops_cond_kind kind;
    const char *name; /* EQUALS, AT_MOST; a literal, or one that outlives the transaction */
    json_t *value;    /* EQUALS, AT_MOST: string or integer; owned by the transaction */
};

enum ops_op_kind { OPS_OP_PUT, OPS_OP_DELETE, OPS_OP_CHECK };

struct ops_op {
    enum ops_op_kind kind;
    char pk[OPS_STORE_KEY_SIZE];
    char sk[OPS_STORE_KEY_SIZE];
    json_t *doc; /* PUT; owned by the transaction */
    struct ops_cond conds[OPS_TXN_CONDS_MAX];
    size_t cond_count;
};

/* A transaction under construction. Build failures (no memory, too many operations, a key or document too large) stick in
 * status and come back from ops_store_transact, so that a builder reads as a list. No two operations may name one key. */
struct ops_txn {
    char token[OPS_ULID_SIZE]; /* names this transaction; the same at every retry of it (DynamoDB's ClientRequestToken) */
    struct ops_op ops[OPS_TXN_OPS_MAX];
    size_t count;
    enum ops_status status;
};

void ops_txn_init(struct ops_txn *txn, const char token[static OPS_ULID_SIZE]);
void ops_txn_release(struct ops_txn *txn);

void ops_txn_put(struct ops_txn *txn, const char *pk, const char *sk, json_t *doc); /* takes doc; NULL is no memory */
void ops_txn_delete(struct ops_txn *txn, const char *pk, const char *sk);           /* fine when there is nothing */
void ops_txn_check(struct ops_txn *txn, const char *pk, const char *sk);            /* needs a condition */

/* Each adds a condition to the operation that was added last. */
void ops_txn_if_absent(struct ops_txn *txn);
void ops_txn_if_exists(struct ops_txn *txn);
void ops_txn_if_text(struct ops_txn *txn, const char *name, const char *value);
void ops_txn_if_integer(struct ops_txn *txn, const char *name, json_int_t value);
void ops_txn_if_text_at_most(struct ops_txn *txn, const char *name, const char *value);
void ops_txn_if_integer_at_most(struct ops_txn *txn, const char *name, json_int_t value);

/* Whether all conditions of op hold for the document now under its key (NULL: none). For adapters. */
bool ops_op_holds(const struct ops_op *op, const json_t *doc);

struct ops_query {
    const char *pk;
    const char *after_sk; /* NULL: from the end where the order begins; else strictly past it, also when it is gone */
    bool descending;      /* by the bytes of sk */
    size_t limit;         /* 1..OPS_STORE_PAGE_MAX documents */
    /* OPS_CORRUPT also for a document of which the stored text means the same, but is not the one that was written, byte by
     * byte: other readers may see something else in it. Nothing to an engine that keeps values and no texts. */
    bool as_written;
};

struct ops_store_page {
    json_t *docs;                     /* array, in order; owned; fewer than limit, or none, may come also when more follow */
    char last_sk[OPS_STORE_KEY_SIZE]; /* sk of the last one; "" when docs is empty */
    bool more;                        /* ask again after last_sk, or the same if docs is empty; false: nothing follows */
};

void ops_store_page_release(struct ops_store_page *page); /* also a zeroed one */

struct ops_store;

/* Statuses, beside OPS_NO_MEMORY: OPS_STORE_UNAVAILABLE and OPS_THROTTLED, surely nothing happened; OPS_CORRUPT, what is
 * stored can't be read. */
struct ops_store_ops {
    /* Strongly consistent. *ret_doc is the caller's. OPS_NOT_FOUND. */
    enum ops_status (*get)(struct ops_store *self, const char *pk, const char *sk, json_t **ret_doc,
                           struct ops_error *error);
    /* Strongly consistent within a page. */
    enum ops_status (*query)(struct ops_store *self, const struct ops_query *query, struct ops_store_page *ret_page,
                             struct ops_error *error);
    /* All or nothing, isolated. OPS_CONFLICT: a condition did not hold; nothing
     * happened. OPS_UNKNOWN: the answer was lost, it may have happened. Sent again with the same token within ten
     * minutes, it may answer OPS_OK without doing it twice, or OPS_CONFLICT: who cares asks with app's ops_commit. */
    enum ops_status (*transact)(struct ops_store *self, const struct ops_txn *txn, struct ops_error *error);
    /* Whether a transaction would be written, found out by one that changes nothing; may be left out where that costs.
     * OPS_OK, or why not: then the error's detail "reason" is a clause without names. */
    enum ops_status (*check_write)(struct ops_store *self, struct ops_error *error);
    void (*release)(struct ops_store *self); /* frees the store; no call may be under way */
};

/* Embed as the first member. Every call but release is thread-safe. */
struct ops_store {
    const struct ops_store_ops *ops;
};

enum ops_status ops_store_get(struct ops_store *store, const char *pk, const char *sk, json_t **ret_doc,
                              struct ops_error *error) OPS_MUST_USE;
enum ops_status ops_store_query(struct ops_store *store, const struct ops_query *query, struct ops_store_page *ret_page,
                                struct ops_error *error) OPS_MUST_USE;
enum ops_status ops_store_transact(struct ops_store *store, const struct ops_txn *txn, struct ops_error *error) OPS_MUST_USE;
enum ops_status ops_store_check_write(struct ops_store *store,
                                      struct ops_error *error) OPS_MUST_USE; /* OPS_OK where it is left out */
void ops_store_release(struct ops_store *store);                             /* NULL is fine */

#endif
