/* What a vacuum deletes from: a table, a bucket or a log group, opened for one scope.
 *
 * The port is shaped by what SQLite, directories, DynamoDB, S3 and CloudWatch Logs can all do: read a page of keys from a
 * cursor, remove some of those keys with an outcome for each, and say after a crash how much of a page is still there.
 */
#ifndef OPS_PORTS_TARGET_H
#define OPS_PORTS_TARGET_H

#include "base/buf.h"
#include "base/error.h"
#include "ports/remarks.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum ops_target_kind { OPS_TABLE, OPS_BUCKET, OPS_LOG_GROUP, OPS_TARGET_KIND_COUNT };

/* "table", "bucket", "log_group". */
const char *ops_target_kind_name(enum ops_target_kind kind);

/* How a tenant's records are found. The text of each on the wire is the manifest's "by". */
enum ops_scope_by {
    OPS_SCOPE_ALL,        /* "all": every record */
    OPS_SCOPE_ATTRIBUTE,  /* "attribute": attribute == value */
    OPS_SCOPE_INDEX,      /* "index": attribute == value, found through the index */
    OPS_SCOPE_KEY_PREFIX, /* "key_prefix": partition key (object key) starts with value */
    OPS_SCOPE_KEY,        /* "key": partition key == value */
    OPS_SCOPE_BY_COUNT
};

const char *ops_scope_by_name(enum ops_scope_by by);

/* All text borrowed for the call. Comparison is by bytes, whatever a column's collation says: "acme" is not "ACME", and a
 * tenant whose name begins another's is another tenant. An attribute that is a number is compared by its canonical text
 * (base/number_text.h). */
struct ops_scope {
    enum ops_scope_by by;
    const char *attribute;    /* ATTRIBUTE, INDEX; else NULL */
    const char *index;        /* INDEX; else NULL */
    const char *value;        /* the orgcode, or the pattern with the orgcode put in; NULL for ALL */
    bool ignore_incomparable; /* ATTRIBUTE, INDEX: a record whose attribute can't be compared is no trouble, but counted */
};

struct ops_target_spec {
    enum ops_target_kind kind;
    const char *name;
    const json_t *location; /* the manifest's "sqlite" object, or NULL: where the engine keeps its own */
    const char *split;      /* how the plan says it is cut into segments; NULL: not planned yet, the adapter chooses */
};

enum {
    OPS_RESOURCE_NAME_MAX = 255,
    OPS_IDENTITY_SIZE = 256,
    OPS_LOCATION_SIZE = 1024,
    OPS_ALIASES_MAX = 8,
    OPS_IDENTITY_MARK_SIZE = 32
};

/* Another name under which the guard and the manifest's rules are asked about a thing: a file that lies in a bucket is a key
 * of it, and a table's file may be the file of another table. */
struct ops_alias {
    enum ops_target_kind kind;
    char name[OPS_RESOURCE_NAME_MAX + 1]; /* of a table, bucket or log group */
    char key[OPS_RESOURCE_NAME_MAX + 1];  /* what in it, or ""; a longer one is cut at its end */
};

/* What a thing is, whatever names it. */
struct ops_identity {
    char text[OPS_IDENTITY_SIZE];     /* equal texts are one thing (device, inode and SQL table; region, account and name);
                                       * "": it does not exist, or the engine can't tell */
    char location[OPS_LOCATION_SIZE]; /* where it is, without links and dots: a path, an ARN; "" likewise. It may be there
                                       * for what does not exist */
    struct ops_alias aliases[OPS_ALIASES_MAX];
    size_t alias_count;
    char mark[OPS_IDENTITY_MARK_SIZE]; /* what of text stays the same over a restart of the machine (the inode): another
                                        * one says that another thing is in its place; "" where the engine has none */
    bool any_case; /* its names are the same in whatever case their ASCII letters are: SQL's, and those of a file system that
                    * does not tell them apart */
    bool own;                          /* it belongs to g3nops itself: records, sockets, audit trail */
    bool empty; /* there is nothing in it at all, in whatever scope; false where the engine can't tell at once */
};

/* Something that exists. All borrowed for the call. */
struct ops_resource {
    enum ops_target_kind kind;
    const char *name;     /* as the manifest would call it; any bytes */
    const char *guarded;  /* an SQL table's name, which the guard is asked about in place of name; else NULL */
    const char *identity; /* as in struct ops_identity; "" where the engine can't tell */
    const char *note;     /* what people should know ("a full-text table of shop.db"), or NULL */
};

/* One record in a page. Views into the page's storage. */
struct ops_key {
    struct ops_view guarded; /* what the guard looks at: the partition key's text, the object key, the stream's name */
    struct ops_view more;    /* what else it looks at, where nobody can tell which of several values that is; or "". For
                              * ops_key_next_guarded, which says what is in it */
    struct ops_view id;      /* what the adapter needs to remove just this record; opaque */
    int64_t size_bytes;      /* of an object or stream; 0 where the engine does not tell */
    bool kept;               /* it is one that keep was told of: protected, whatever its name */
};

enum {
    OPS_CURSOR_MAX_BYTES = 16 * 1024,
    OPS_RECEIPT_MAX_BYTES = 128 * 1024,
    OPS_SPLIT_MAX_BYTES = 1024,
    OPS_REMOVE_MAX_MS = 30 * 1000,
};

/* A page of keys. Keep one and hand it in again: its memory is used again. */
struct ops_key_page {
    struct ops_key *keys;
    size_t count;
    size_t capacity;
    struct ops_buf storage; /* the bytes behind keys; the adapter sets the views when it is complete */
    struct ops_buf cursor;  /* where the next page starts: UTF-8 text, opaque, fits a document */
    struct ops_buf receipt; /* names the records of this page, for recount: UTF-8 text, opaque */
    bool last;              /* nothing follows; cursor is "" */
};

/* The values in key->more, from *offset 0 on; false: there are no more. Each is a byte of the adapter's own, its length as a
 * uint32_t of the machine, and its bytes. */
bool ops_key_next_guarded(const struct ops_key *key, size_t *offset, struct ops_view *ret_value);

void ops_key_page_init(struct ops_key_page *page, size_t storage_limit_bytes);
void ops_key_page_clear(struct ops_key_page *page);
void ops_key_page_release(struct ops_key_page *page);
/* Room for one more key at the end of keys, zeroed; NULL without memory. For adapters. */
struct ops_key *ops_key_page_add(struct ops_key_page *page);

enum ops_removal {
    OPS_REMOVED, /* it is gone: we removed it, or somebody else, where the engine can't tell (DynamoDB, S3, CloudWatch Logs)
                  */
    OPS_ABSENT,  /* it was not there any more, and nothing was removed */
    OPS_RETRY,   /* not taken this time (UnprocessedItems, SlowDown, busy); may be tried again */
    OPS_FAILED,  /* refused; trying again is no use */
};

/* What can be told beforehand of a target as a whole: rights that are missing, a protection against deletion, an index that
 * does not hold every record, and what a vacuum would do then. */
enum { OPS_FINDINGS_MAX = 8, OPS_FINDING_SIZE = 320 };

struct ops_finding {
    bool blocks;                 /* a vacuum would leave records behind, or end as failed */
    char text[OPS_FINDING_SIZE]; /* a sentence, printable UTF-8 */
};

/* Zeroed: none. */
struct ops_findings {
    struct ops_finding list[OPS_FINDINGS_MAX];
    size_t count;
};

/* One more, unless the list is full: the first are the ones that matter most. */
void ops_findings_add(struct ops_findings *findings, bool blocks, const char *format, ...) OPS_PRINTF(3, 4);

/* What is still there of the records that a receipt names. */
struct ops_recount {
    size_t count;
    int64_t size_bytes;
};

struct ops_target;

/* Statuses: OPS_THROTTLED and OPS_STORE_UNAVAILABLE may be tried again; OPS_TARGET_MISSING, it does not exist (any more);
 * OPS_TARGET_ERROR, it can't be used, with the reason in error; OPS_NO_MEMORY; OPS_LIMIT, a key is too large to handle. */
struct ops_target_ops {
    /* The next keys in scope: at most limit of them, from cursor ("" = start) in the adapter's own order, within segment
     * (0..segment_count-1). A page may be empty and not the last. Records added behind the cursor meanwhile may be missed;
     * what was there before and stays is never missed and never given twice. What of the scope can't be looked at, or not be
     * compared, is a remark, and the page goes on behind it; it is said once for each reading of the page. */
    enum ops_status (*page)(struct ops_target *self, uint32_t segment, const char *cursor, size_t limit,
                            struct ops_key_page *ret_page, struct ops_error *error);
    /* Removes these keys, which all come from one page, in that page's order, and fills an outcome for each. OPS_OK: see
     * the outcomes; where one is OPS_FAILED, a remark may name it, and error may say why, as it may where one
     * is OPS_RETRY. OPS_THROTTLED,
     * OPS_STORE_UNAVAILABLE: nothing was removed. OPS_UNKNOWN: any part may have been. Removing again is harmless. Within
     * OPS_REMOVE_MAX_MS it is over, and nothing of it happens afterwards: the lease under which it was begun still holds
     * then. */
    enum ops_status (*remove)(struct ops_target *self, const struct ops_key *keys, size_t count,
                              enum ops_removal *ret_outcomes, struct ops_error *error);
    /* How many of the records that receipt names, those of a page that was read in the same scope and segment, are still
     * there, and their size. After a crash between remove and its checkpoint this tells what the lost remove had done. */
    enum ops_status (*recount)(struct ops_target *self, uint32_t segment, const char *receipt, struct ops_recount *ret_there,
                               struct ops_error *error);
    void (*close)(struct ops_target *self);
    /* What can be told of the target without removing anything; bounded, a few requests at most. NULL: nothing ever. */
    enum ops_status (*inspect)(struct ops_target *self, struct ops_findings *ret_findings, struct ops_error *error);
    /* Tells which tables there are: the file of one may lie in a bucket or log group, under whatever name, and is no record
     * of it. page marks such a key as kept, recount counts it like any other, and remove looks again and fails it. What the
     * table's database makes beside its file and removes again (a journal) is neither given nor counted nor removed. Takes
     * the place of what was told before; copies what it needs. NULL: no table has a file there. */
    enum ops_status (*keep)(struct ops_target *self, const struct ops_target_spec *tables, size_t count,
                            struct ops_error *error);
};

/* Embed as the first member. One thread at a time. */
struct ops_target {
    const struct ops_target_ops *ops;
    uint32_t segment_count; /* 1 or more parts that can be paged side by side */
    /* What the spec must say at a later open so that it is cut into the same segments, whatever the target has grown or
     * shrunk to: UTF-8, at most OPS_SPLIT_MAX_BYTES, the target's own. NULL: it is always cut alike. */
    const char *split;
    size_t page_max;             /* the largest useful limit for page */
    size_t batch_max;            /* the most keys that remove takes at once */
    struct ops_remarks *remarks; /* where page and remove add their remarks: the caller's, who sets it; NULL: nobody asks */
    bool removes; /* the caller's, who sets it: this is no dry run, so page may put in order what removals leave
                   * in disorder, such as a full-text index */
};

enum ops_status ops_target_page(struct ops_target *target, uint32_t segment, const char *cursor, size_t limit,
                                struct ops_key_page *ret_page, struct ops_error *error) OPS_MUST_USE;
enum ops_status ops_target_remove(struct ops_target *target, const struct ops_key *keys, size_t count,
                                  enum ops_removal *ret_outcomes, struct ops_error *error) OPS_MUST_USE;
enum ops_status ops_target_recount(struct ops_target *target, uint32_t segment, const char *receipt,
                                   struct ops_recount *ret_there, struct ops_error *error) OPS_MUST_USE;
/* Adds to ret_findings. */
enum ops_status ops_target_inspect(struct ops_target *target, struct ops_findings *ret_findings,
                                   struct ops_error *error) OPS_MUST_USE;
/* Before the first page, or between two removals. */
enum ops_status ops_target_keep(struct ops_target *target, const struct ops_target_spec *tables, size_t count,
                                struct ops_error *error) OPS_MUST_USE;
void ops_target_close(struct ops_target *target); /* NULL is fine */

#endif
