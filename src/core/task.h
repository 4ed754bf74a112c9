/* A task: one segment of one target in one pass of a vacuum, the unit that a worker holds by lease.
 *
 * Stored as VACUUM#<ulid> / TASK#<number>. A task that nobody has claimed yet has no record. The record carries everything
 * that another worker needs to go on: cursor is where the page in hand began, receipt names that page once its removal may
 * have begun, and the counters cover what was before it.
 */
#ifndef OPS_CORE_TASK_H
#define OPS_CORE_TASK_H

#include "base/buf.h"
#include "base/instant.h"
#include "base/ulid.h"
#include "ports/target.h"

#include <jansson.h>

#define OPS_LEASE_MS (60 * OPS_SECOND_MS)
/* A lease that seems to last longer than this was given before the wall clock went back. It is more than a lease lasts,
 * since the clocks of two hosts are never quite the same. */
#define OPS_LEASE_LONGEST_MS (2 * OPS_LEASE_MS)
/* So far apart the clocks of two hosts may be. */
#define OPS_CLOCKS_APART_MS (10 * OPS_SECOND_MS)
/* Whatever entitles a worker to delete must last so long when a removal begins: then the removal is over before it ends, on
 * every host's clock. */
#define OPS_REMOVAL_NEEDS_MS (OPS_REMOVE_MAX_MS + OPS_CLOCKS_APART_MS)
/* A worker that last renewed its lease longer ago than this renews it before it removes anything, so that a removal which
 * begins within its lease also ends within it. */
#define OPS_LEASE_FRESH_MS (OPS_LEASE_MS - OPS_REMOVAL_NEEDS_MS)

enum { OPS_WORKER_NAME_SIZE = 64, OPS_TASK_ERROR_SIZE = 256 };

struct ops_counters {
    json_int_t matched;      /* records in scope, without the protected ones */
    json_int_t deleted;      /* of those, gone */
    json_int_t failed;       /* of those, still there after every try */
    json_int_t protected;    /* records that the guard kept */
    json_int_t bytes;        /* of matched objects and streams */
    json_int_t failed_bytes; /* of the failed ones among them */
    json_int_t unreadable;   /* places in scope that can't be looked into */
    json_int_t incomparable; /* records that can't be compared with the tenant */
    json_int_t ignored;      /* likewise, where the manifest says that such records stay */
    json_int_t undeletable;  /* dry run: of matched, those whose removal would be refused as far as can be told */
    json_int_t absent; /* records that were gone when they were to be removed: not of matched, and perhaps back later */
};

/* The order of the members in a record and in an answer; failed_bytes and absent are internal. */
enum { OPS_COUNTER_COUNT = 11 };

struct ops_counter_member {
    const char *name;
    size_t offset;     /* in struct ops_counters, of a json_int_t */
    bool shown;        /* a target in an answer has it */
    bool rare;         /* and only where it is not 0 */
    bool of_last_pass; /* what a pass found is found again by the next one: not summed */
};

extern const struct ops_counter_member ops_counter_members[OPS_COUNTER_COUNT];

void ops_counters_add(struct ops_counters *sum, const struct ops_counters *more);

static inline json_int_t *ops_counter(struct ops_counters *counters, const struct ops_counter_member *member)
{
    return (json_int_t *)(void *)((char *)counters + member->offset);
}

static inline json_int_t ops_counter_value(const struct ops_counters *counters, const struct ops_counter_member *member)
{
    return *(const json_int_t *)(const void *)((const char *)counters + member->offset);
}

struct ops_task {
    json_int_t number;
    json_int_t pass;
    json_int_t target; /* index in the vacuum's targets */
    json_int_t segment;
    bool done;
    char owner[OPS_WORKER_NAME_SIZE]; /* for people */
    char lease[OPS_ULID_SIZE];        /* new at every claim; "" when nobody has it */
    int64_t lease_until_ms;
    json_int_t revision; /* 0: no record yet */
    struct ops_counters counters;
    struct ops_buf cursor;
    struct ops_buf receipt;     /* "" when no removal can be under way */
    json_int_t receipt_matched; /* of the receipt's records, how many are to be removed */
    json_int_t receipt_protected;
    json_int_t receipt_bytes;        /* of all the receipt's records */
    char error[OPS_TASK_ERROR_SIZE]; /* why the target could not be finished, or "" */
    struct ops_remarks remarks;      /* of the pages that the counters cover; their counts are in the counters */
};

void ops_task_init(struct ops_task *task);
void ops_task_release(struct ops_task *task);

/* "TASK#000042". */
enum { OPS_TASK_KEY_SIZE = 24 };
void ops_task_key(json_int_t number, char ret_key[static OPS_TASK_KEY_SIZE]);

enum ops_status ops_task_read(const json_t *doc, struct ops_task *ret_task) OPS_MUST_USE; /* OPS_CORRUPT */
json_t *ops_task_doc(const struct ops_task *task, const char *txn);                       /* NULL: no memory */

/* Whether a lease until then counts at now_ms, by the wall clock, for whoever wants the task. */
bool ops_task_lease_holds(int64_t lease_until_ms, int64_t now_ms);

/* Whether its owner, who wrote it age_ms ago by the monotonic clock, may begin a removal on the strength of it without
 * looking into the store again: it will hold until the removal is over, and it has held all the time since. A wall clock
 * that was set makes a lease look over, or too long to be true, and somebody may have taken the task then: the lease must
 * not count again when it looks right again. (A clock that is set far ahead and back within OPS_LEASE_FRESH_MS goes
 * unnoticed.) */
bool ops_task_lease_fresh(int64_t lease_until_ms, int64_t age_ms, int64_t now_ms);

/* Not done, and nobody holds it. */
bool ops_task_claimable(const json_t *doc, int64_t now_ms);

/* Settles a removal that was lost with its worker: of the receipt's records, there are still there. What is gone is counted
 * as matched and deleted; the rest will be read again from the cursor. */
void ops_task_settle_lost(struct ops_task *task, const struct ops_recount *there);

/* Likewise for a task that is over with its receipt still open, so that nothing is read again: of what is still there, what
 * was to be removed counts as matched and failed, and the protected records as protected. */
void ops_task_settle_ended(struct ops_task *task, const struct ops_recount *there);

/* Nobody can say any more what became of the receipt's records: they are counted as matched and failed, and a remark says
 * that some may be gone. */
void ops_task_settle_unknown(struct ops_task *task, const char *reason);

#endif
