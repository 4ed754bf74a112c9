/* What the calls of the record store over DynamoDB share. Private to this folder. */
#ifndef OPS_ADAPTERS_AWS_STORE_CALL_H
#define OPS_ADAPTERS_AWS_STORE_CALL_H

#include "adapters/aws/store.h"

struct aws_store {
    struct ops_store base;
    struct ops_aws_client *client;
    char *table;
};

static inline const struct aws_store *aws_store(const struct ops_store *self)
{
    return (const struct aws_store *)self;
}

/* What a call that came to status, with code and words of its own, means to whoever uses the store: what the caller can't
 * mend is OPS_STORE_UNAVAILABLE. */
enum ops_status ops_aws_store_fail(const struct aws_store *store, const struct ops_aws_call *call, enum ops_status status,
                                   struct ops_error *error) OPS_MUST_USE;

/* Appends a request as JSON. takes request, NULL is no memory. */
enum ops_status ops_aws_store_write(json_t *request, struct ops_buf *buf) OPS_MUST_USE;

/* The transact of the store's table. */
enum ops_status ops_aws_store_transact(struct ops_store *self, const struct ops_txn *txn,
                                       struct ops_error *error) OPS_MUST_USE;

#endif
