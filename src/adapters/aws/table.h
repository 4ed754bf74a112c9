/* A DynamoDB table as a vacuum target: what its files share. Private to this folder. */
#ifndef OPS_ADAPTERS_AWS_TABLE_H
#define OPS_ADAPTERS_AWS_TABLE_H

#include "adapters/aws/stack.h"
#include "adapters/aws/table_keys.h"
#include "adapters/aws/table_receipt.h"
#include "adapters/aws/table_tenant.h"

enum {
    OPS_AWS_TABLE_PAGE_MAX = 2000,  /* items: one receipt, which is in memory a few times over */
    OPS_AWS_TABLE_BATCH_MAX = 1000, /* of them, removed at once: so many surely get their turn in time */
    OPS_AWS_TABLE_LANES_MAX = 4,
    OPS_AWS_TABLE_SPLIT_SIZE = 16,
    OPS_AWS_TABLE_REQUEST_MAX_BYTES = 4 * 1024 * 1024, /* 100 keys of 3 KB with every byte escaped take half of it */
};

/* One of the DynamoDB segments that a segment of ours reads side by side; a query has one lane. */
struct ops_aws_lane {
    bool finished;
    struct ops_buf position; /* the key after which it goes on; empty at its start */

    /* Of the page in hand. */
    struct ops_aws_call *call; /* NULL: this lane is not asked for this page */
    size_t asked;              /* the Limit of its request */
    bool answered;
    struct ops_aws_rows items;
    size_t taken; /* items that go into the page */
};

struct ops_aws_removal;

struct ops_aws_table {
    struct ops_target target;
    struct ops_aws_stack *stack;
    char *name;
    enum ops_scope_by by;
    char *attribute; /* NULL: the scope has none */
    char *value;     /* NULL likewise */
    struct ops_aws_table_schema schema;
    struct ops_aws_tenant tenant;
    const char *extra; /* the scope's attribute when it is not one of the key's, else NULL */
    bool ignores_incomparable;
    bool has_none; /* no record can be in scope */
    uint32_t lane_count;
    char split[OPS_AWS_TABLE_SPLIT_SIZE];

    /* The texts that requests begin with (table_request.c). */
    const char *page_operation;
    struct ops_buf page_head;
    struct ops_buf count_head;
    struct ops_buf verify_head; /* asks for the extra too */
    struct ops_buf remove_head;

    struct ops_aws_lane lanes[OPS_AWS_TABLE_LANES_MAX];
    struct ops_aws_call calls[OPS_AWS_TABLE_LANES_MAX];
    struct ops_buf bodies[OPS_AWS_TABLE_LANES_MAX];
    size_t evaluate; /* how many items a lane is asked to look at */
    struct ops_aws_reader reader;
    struct ops_aws_removal *removal; /* made by the first remove */
};

/* Writes the heads; the schema is complete. OPS_TARGET_ERROR: a name or value that is not UTF-8. */
enum ops_status ops_aws_table_write_heads(struct ops_aws_table *table, const char *index) OPS_MUST_USE;

/* What follows a head: the members of one page's request, and its end. position may be empty. */
void ops_aws_table_write_page(const struct ops_aws_table *table, uint32_t dynamodb_segment, size_t limit,
                              struct ops_view position, struct ops_buf *body);

/* Whether the scope's condition is a filter, which DynamoDB applies after it has counted what it looked at. */
bool ops_aws_table_filters(const struct ops_aws_table *table);

/* An answer or an outcome that this table can't make sense of. */
enum ops_status ops_aws_table_unreadable(const struct ops_aws_table *table, struct ops_error *error);

/* The status of a call that only reads, with its sentence. */
enum ops_status ops_aws_table_read_failed(const struct ops_aws_call *call, struct ops_error *error);

/* Sends count calls that only read, as many side by side as the pace allows. */
void ops_aws_table_send_reads(struct ops_aws_table *table, struct ops_aws_call *calls, size_t count);

/* Appends a record's id to the page, in its place in storage and receipt. finish sets the views of all. */
enum ops_status ops_aws_table_page_add(const struct ops_aws_table *table, const struct ops_view *values,
                                       struct ops_key_page *page) OPS_MUST_USE;
void ops_aws_table_page_finish(const struct ops_aws_table *table, struct ops_key_page *page);

/* Leaves in the page what the table itself has in scope: a global index may name records that have gone or moved. */
enum ops_status ops_aws_table_verify_page(struct ops_aws_table *table, struct ops_key_page *page,
                                          struct ops_error *error) OPS_MUST_USE;

void ops_aws_table_removal_free(struct ops_aws_removal *removal); /* NULL is fine */

/* The slots of the port. */
enum ops_status ops_aws_table_page(struct ops_target *self, uint32_t segment, const char *cursor, size_t limit,
                                   struct ops_key_page *ret_page, struct ops_error *error);
enum ops_status ops_aws_table_remove(struct ops_target *self, const struct ops_key *keys, size_t count,
                                     enum ops_removal *ret_outcomes, struct ops_error *error);
enum ops_status ops_aws_table_recount(struct ops_target *self, uint32_t segment, const char *receipt,
                                      struct ops_recount *ret_there, struct ops_error *error);

#endif
