/* A DynamoDB table: a function table with two implementations.
 *
 * A real table holds the items that were put. A numbered table is a number of items and a bit for each that was deleted: the
 * items are computed when they are asked for. Either way an item has a position; positions are in the order in which Scan
 * and Query give the items.
 */
#ifndef STUB_TABLE_H
#define STUB_TABLE_H

#include "stub/memory.h"

enum { STUB_INDEXES_MAX = 4, STUB_ATTRIBUTE_SIZE = 128, STUB_ORG_NONE = UINT32_MAX };

/* An attribute's value as expressions see it: type 'S', 'N', 'B', or '?' for what has no order (text is empty then). */
struct stub_value {
    char type;
    struct ops_view text;
    struct ops_view type_name; /* where type is '?': "L", "BOOL", ... */
};

/* Those of the table's key attributes, in their order. */
struct stub_key {
    struct stub_value part[2];
};

struct stub_table;

/* Positions from first up to but without end, and of those the ones that the table's implementation knows to choose. */
struct stub_span {
    size_t first;
    size_t end;
    uint32_t org;     /* numbered: only this tenant's, unless STUB_ORG_NONE */
    uint32_t segment; /* real: only partition keys whose hash falls in this of segment_count segments */
    uint32_t segment_count;
};

struct stub_table_ops {
    /* How many positions there are. */
    size_t (*length)(const struct stub_table *table);
    /* The position of a key; where none is, the position that it would go before. */
    bool (*find)(const struct stub_table *table, const struct stub_key *key, size_t *ret_position);
    /* Moves *position to the first one from there on, upwards or downwards, that is in the span and has an item. */
    bool (*step)(const struct stub_table *table, const struct stub_span *span, bool forward, size_t *position);
    /* Narrows a span to the items whose attribute (a key attribute or an index's) equals value, as far as that saves work.
     */
    void (*narrow)(const struct stub_table *table, struct ops_view attribute, const struct stub_value *value,
                   struct stub_span *span);
    void (*split)(const struct stub_table *table, uint32_t segment, uint32_t segment_count, struct stub_span *span);
    /* An attribute; false when the item has none of that name. The text may be in the caller's room. */
    bool (*attribute)(const struct stub_table *table, size_t position, struct ops_view name,
                      char room[static STUB_ATTRIBUTE_SIZE], struct stub_value *ret_value);
    /* Appends "name":{"S":"..."} of an attribute; the names are walked with an index from 0 until false. */
    bool (*append_attribute)(const struct stub_table *table, size_t position, size_t index, struct ops_view *ret_name,
                             struct ops_buf *buf);
    size_t (*size_bytes)(const struct stub_table *table, size_t position);
    void (*remove)(struct stub_table *table, size_t position);
    /* Takes the item, whose key is that. May be NULL: the table takes none. */
    void (*put)(struct stub_table *table, const struct stub_key *key, json_t *item);
    void (*release)(struct stub_table *table);
};

struct stub_index {
    char *name;
    char *attribute;
};

/* First member of both. */
struct stub_table {
    const struct stub_table_ops *ops;
    char *name;
    size_t key_count; /* 1 or 2 */
    char *key_names[2];
    char key_types[2];
    size_t index_count;
    struct stub_index indexes[STUB_INDEXES_MAX];
    size_t item_count;
    uint64_t deleted_count;       /* items that were there */
    uint64_t deleted_again_count; /* deletes of what was not there */
};

struct stub_table_shape {
    struct ops_view name;
    size_t key_count;
    struct ops_view key_names[2];
    char key_types[2];
};

/* Used by both implementations. */
void stub_table_init(struct stub_table *table, const struct stub_table_shape *shape);
void stub_table_release(void *table); /* frees it */

struct stub_table *stub_real_table_new(const struct stub_table_shape *shape);

struct stub_numbers {
    size_t item_count;
    uint32_t org_count;    /* tenants acme00000, acme00001, ..., by turns */
    uint32_t rows_per_key; /* items that share a partition key */
    bool org_is_key;       /* the partition key is "ORG#acme00042", and all of a tenant's items share it */
    size_t body_bytes;     /* of the attribute "body" */
};
struct stub_table *stub_numbered_table_new(const struct stub_table_shape *shape, const struct stub_numbers *numbers);

/* An item's attribute by its JSON: {"S": "..."}. */
struct stub_value stub_value_of(const json_t *attribute);

bool stub_value_is_of(const struct stub_value *value, struct ops_view type_name);

/* Less, equal, greater as below, at, above 0. Numbers by their value. */
int stub_value_compare(const struct stub_value *a, const struct stub_value *b);

/* The key in an item or a key object; false when a part is missing, of the wrong type or empty. */
bool stub_table_key_of(const struct stub_table *table, const json_t *item, struct stub_key *ret_key);

/* Deletes, and counts. */
void stub_table_delete(struct stub_table *table, const struct stub_key *key);

/* Appends the item, or of it the attributes that are in names (a JSON object with the names; NULL: all). */
void stub_table_append(const struct stub_table *table, size_t position, const json_t *names, struct ops_buf *buf);

/* Appends "pk":{...},"sk":{...} without braces. */
void stub_table_append_key(const struct stub_table *table, size_t position, struct ops_buf *buf);

#endif
