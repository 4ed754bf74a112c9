/* What the workers of one app know together of the vacuums that have work: which tasks are free, which are theirs, which are
 * done. One of them looks into the store for all and shows what it saw; the others take from that.
 *
 * A look at the tasks of a vacuum is dear: each that somebody is at carries the receipt of its page, up to 128 KiB. If every
 * worker looked for itself, those that have no task would read the receipts of all that have one, over and over.
 *
 * The board is only a hint. What is taken from it is claimed in the store, under the conditions that it is still as it was
 * seen and that the mutex is still held; where it is not, the next look is due at once. Times are monotonic, but for those
 * that are said to be the wall clock's. Every call is thread-safe.
 */
#ifndef OPS_APP_BOARD_H
#define OPS_APP_BOARD_H

#include "base/slot.h"
#include "core/task.h"

#include <pthread.h>

struct ops_board_entry;

struct ops_board {
    void (*on_free)(void *context); /* see ops_app_on_free */
    void *on_free_context;
    pthread_mutex_t lock;
    struct {
        bool looking; /* one worker is at the store for all */
        int64_t look_not_before_ms;
        struct ops_board_entry *first; /* in the order of the last look */
    } synced;
};

void ops_board_init(struct ops_board *board);
void ops_board_release(struct ops_board *board);

/* ---- Taking ---- */

/* A free task as it was seen. Nobody else of this app gets it now. */
struct ops_free_task {
    struct ops_shared *vacuum; /* a json_t; held by the caller */
    int64_t mutex_expires_ms;  /* by the wall clock; INT64_MAX for a dry run */
    json_int_t number;
    bool has_record; /* somebody has claimed it before */
};

/* Draws one of the free tasks by lot, so that workers of other processes seldom want the same one. False: there is none that
 * was seen lately enough. */
bool ops_board_take(struct ops_board *board, int64_t now_ms, uint32_t draw, struct ops_free_task *ret_task);

/* What became of a task that was taken. */
enum ops_board_end {
    OPS_BOARD_DONE, /* its record says so */
    OPS_BOARD_LOST, /* it was not claimed, or the claim was lost or given back: a look must tell who has it */
};
void ops_board_end_task(struct ops_board *board, const char *vacuum_id, json_int_t number, enum ops_board_end end);

/* How long a worker that found nothing may sleep: until the next look is due. */
int64_t ops_board_wait_ms(struct ops_board *board, int64_t now_ms);

/* ---- Looking ---- */

/* Whether the caller is to look, now, and alone. Then it calls ops_board_end_look in any case; the functions of this part
 * are for the time in between. */
bool ops_board_begin_look(struct ops_board *board, int64_t now_ms);
void ops_board_end_look(struct ops_board *board);

/* Forgets every vacuum but those with these ids, an array of texts. */
void ops_board_keep(struct ops_board *board, const json_t *ids);
void ops_board_forget(struct ops_board *board, const char *vacuum_id);

/* Whether one of us plans the vacuum or ends its pass: then it need not be looked at. */
bool ops_board_is_at_work(struct ops_board *board, const char *vacuum_id);

enum ops_board_need {
    OPS_BOARD_NEEDS_NOTHING, /* for now: tasks are free, or it is not yet time to look who has them */
    OPS_BOARD_NEEDS_TASKS,   /* its pass's tasks are to be read, and shown with ops_board_show_tasks */
    /* These two are the caller's alone, and end with ops_board_end_work. */
    OPS_BOARD_NEEDS_PLAN,
    OPS_BOARD_NEEDS_END, /* every task of its pass is done */
};

/* Shows a vacuum that may be worked on. takes vacuum, in any case; *ret_vacuum is it, held by the caller. OPS_NO_MEMORY. */
enum ops_status ops_board_show(struct ops_board *board, json_t *vacuum, int64_t mutex_expires_ms, int64_t now_ms,
                               struct ops_shared **ret_vacuum, enum ops_board_need *ret_need) OPS_MUST_USE;

/* Shows the tasks of a vacuum that was shown in this look: an array of documents, in the order of their numbers. NULL: they
 * could not be read. Gives NOTHING or END. */
enum ops_board_need ops_board_show_tasks(struct ops_board *board, const char *vacuum_id, const json_t *tasks, int64_t now_ms,
                                         int64_t wall_ms);

/* ---- Planning, and the end of a pass ---- */

/* What the vacuum needed is done, or was tried; it is looked at again in wait_ms. */
void ops_board_end_work(struct ops_board *board, const char *vacuum_id, int64_t now_ms, int64_t wait_ms);

#endif
