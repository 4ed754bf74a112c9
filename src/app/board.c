#include "app/board.h"

#include "base/json.h"
#include "base/mem.h"
#include "core/pass.h"

#include <stdio.h>

enum {
    LOOK_EVERY_MS = 1000,
    FRESH_MS = 2 * LOOK_EVERY_MS, /* so long a task counts as free; meanwhile somebody looks again */
    /* Another process's tasks are looked at so seldom in the end: it ends its passes itself, and when it dies its leases
     * last for a minute. */
    TASKS_EVERY_MAX_MS = 8 * LOOK_EVERY_MS,
    WAIT_MIN_MS = 50,
};

/* What is known of a task of the pass under way. */
enum task_state {
    TASK_UNKNOWN, /* or somebody else's */
    TASK_NEW,     /* free; nobody has claimed it yet */
    TASK_LAPSED,  /* free; it was claimed before */
    TASK_OURS,
    TASK_OURS_BEFORE, /* before the look that is under way began */
    TASK_DONE,
    TASK_STATE_COUNT
};

struct ops_board_entry {
    struct ops_board_entry *next;
    char id[OPS_ULID_SIZE];
    struct ops_slot vacuum; /* of a json_t */
    int64_t mutex_expires_ms;
    int64_t seen_ms;
    bool at_work;          /* one of us plans it or ends its pass */
    bool known;            /* the states below were seen, and no claim of ours has failed since */
    int64_t not_before_ms; /* when it is of use to read the tasks, to plan or to end the pass */
    int64_t tasks_every_ms;
    json_int_t first_task; /* of the pass */
    json_int_t task_count;
    unsigned char *states;
    json_int_t counts[TASK_STATE_COUNT]; /* how many are in which state */
};

void ops_board_init(struct ops_board *board)
{
    *board = (struct ops_board){.on_free = NULL};
    (void)pthread_mutex_init(&board->lock, NULL); /* a default mutex needs nothing that could fail */
}

static void entry_free(struct ops_board_entry *entry)
{
    ops_slot_release(&entry->vacuum);
    ops_mem_free(entry->states);
    ops_mem_free(entry);
}

void ops_board_release(struct ops_board *board)
{
    while (board->synced.first) {
        struct ops_board_entry *entry = board->synced.first;
        board->synced.first = entry->next;
        entry_free(entry);
    }
    (void)pthread_mutex_destroy(&board->lock);
}

/* ---- Entries ---- */

static struct ops_board_entry **find_locked(struct ops_board *board, const char *id)
{
    struct ops_board_entry **link = &board->synced.first;
    while (*link && strcmp((*link)->id, id) != 0)
        link = &(*link)->next;
    return link;
}

static void set_state(struct ops_board_entry *entry, json_int_t at, enum task_state state)
{
    entry->counts[entry->states[at]]--;
    entry->states[at] = (unsigned char)state;
    entry->counts[state]++;
}

static json_int_t free_count(const struct ops_board_entry *entry)
{
    return entry->known ? entry->counts[TASK_NEW] + entry->counts[TASK_LAPSED] : 0;
}

static bool all_done(const struct ops_board_entry *entry)
{
    return entry->known && entry->counts[TASK_DONE] == entry->task_count;
}

/* Begins with a pass of which nothing is known. */
static enum ops_status begin_pass(struct ops_board_entry *entry, json_int_t first_task, json_int_t task_count)
{
    unsigned char *states = ops_mem_zeroed((size_t)task_count + 1, 1);
    entry->known = false;
    if (!states)
        return OPS_NO_MEMORY;
    ops_mem_free(entry->states);
    entry->states = states;
    entry->first_task = first_task;
    entry->task_count = task_count;
    entry->not_before_ms = 0;
    entry->tasks_every_ms = LOOK_EVERY_MS;
    memset(entry->counts, 0, sizeof entry->counts);
    entry->counts[TASK_UNKNOWN] = task_count;
    return OPS_OK;
}

static void free_json(void *json)
{
    json_decref(json);
}

/* takes vacuum when it succeeds. */
static enum ops_status entry_new(const char *id, struct ops_shared *vacuum, struct ops_board_entry **ret_entry)
{
    struct ops_board_entry *entry = ops_mem_zeroed(1, sizeof *entry);
    if (!entry)
        return OPS_NO_MEMORY;
    (void)snprintf(entry->id, sizeof entry->id, "%s", id);
    if (begin_pass(entry, 0, 0) != OPS_OK) {
        ops_mem_free(entry);
        return OPS_NO_MEMORY;
    }
    ops_slot_init(&entry->vacuum, vacuum);
    *ret_entry = entry;
    return OPS_OK;
}

/* ---- Taking ---- */

static void take_from(struct ops_board_entry *entry, uint32_t draw, struct ops_free_task *task)
{
    json_int_t left = (json_int_t)(draw % (uint64_t)free_count(entry)), at = 0;
    while (true) {
        bool is_free = entry->states[at] == TASK_NEW || entry->states[at] == TASK_LAPSED;
        if (is_free && left-- == 0)
            break;
        at++;
    }
    task->vacuum = ops_slot_hold(&entry->vacuum);
    task->mutex_expires_ms = entry->mutex_expires_ms;
    task->number = entry->first_task + at;
    task->has_record = entry->states[at] == TASK_LAPSED;
    set_state(entry, at, TASK_OURS);
}

bool ops_board_take(struct ops_board *board, int64_t now_ms, uint32_t draw, struct ops_free_task *ret_task)
{
    bool taken = false;
    pthread_mutex_lock(&board->lock);
    for (struct ops_board_entry *entry = board->synced.first; entry && !taken; entry = entry->next) {
        taken = free_count(entry) > 0 && now_ms - entry->seen_ms < FRESH_MS;
        if (taken)
            take_from(entry, draw, ret_task);
    }
    pthread_mutex_unlock(&board->lock);
    return taken;
}

void ops_board_end_task(struct ops_board *board, const char *vacuum_id, json_int_t number, enum ops_board_end end)
{
    pthread_mutex_lock(&board->lock);
    struct ops_board_entry *entry = *find_locked(board, vacuum_id);
    json_int_t at = entry ? number - entry->first_task : -1;
    if (at >= 0 && at < entry->task_count) {
        set_state(entry, at, end == OPS_BOARD_DONE ? TASK_DONE : TASK_UNKNOWN);
        entry->known = entry->known && end == OPS_BOARD_DONE;
        /* Only others can have what is left, and may be done with it: nobody here would tell. */
        bool idle = free_count(entry) == 0 && entry->counts[TASK_OURS] + entry->counts[TASK_OURS_BEFORE] == 0;
        if (!entry->known || idle) {
            entry->not_before_ms = 0;
            board->synced.look_not_before_ms = 0;
        }
    }
    pthread_mutex_unlock(&board->lock);
}

int64_t ops_board_wait_ms(struct ops_board *board, int64_t now_ms)
{
    pthread_mutex_lock(&board->lock);
    int64_t wait_ms = board->synced.look_not_before_ms - now_ms;
    pthread_mutex_unlock(&board->lock);
    return wait_ms > WAIT_MIN_MS ? wait_ms : WAIT_MIN_MS; /* less is left only while somebody is looking */
}

/* ---- Looking ---- */

bool ops_board_begin_look(struct ops_board *board, int64_t now_ms)
{
    pthread_mutex_lock(&board->lock);
    bool may = !board->synced.looking && board->synced.look_not_before_ms <= now_ms;
    if (may) {
        board->synced.looking = true;
        board->synced.look_not_before_ms = now_ms + LOOK_EVERY_MS; /* sooner, if something happens meanwhile */
    }
    pthread_mutex_unlock(&board->lock);
    return may;
}

void ops_board_end_look(struct ops_board *board)
{
    pthread_mutex_lock(&board->lock);
    board->synced.looking = false;
    pthread_mutex_unlock(&board->lock);
}

static bool is_among(const json_t *ids, const char *id)
{
    size_t i;
    json_t *other;
    json_array_foreach(ids, i, other)
        if (strcmp(json_string_value(other), id) == 0)
            return true;
    return false;
}

void ops_board_keep(struct ops_board *board, const json_t *ids)
{
    pthread_mutex_lock(&board->lock);
    for (struct ops_board_entry **link = &board->synced.first; *link;) {
        struct ops_board_entry *entry = *link;
        if (entry->at_work || is_among(ids, entry->id)) {
            link = &entry->next;
            continue;
        }
        *link = entry->next;
        entry_free(entry);
    }
    pthread_mutex_unlock(&board->lock);
}

void ops_board_forget(struct ops_board *board, const char *vacuum_id)
{
    pthread_mutex_lock(&board->lock);
    struct ops_board_entry **link = find_locked(board, vacuum_id), *entry = *link;
    if (entry) {
        *link = entry->next;
        entry_free(entry);
    }
    pthread_mutex_unlock(&board->lock);
}

bool ops_board_is_at_work(struct ops_board *board, const char *vacuum_id)
{
    pthread_mutex_lock(&board->lock);
    const struct ops_board_entry *entry = *find_locked(board, vacuum_id);
    bool at_work = entry && entry->at_work;
    pthread_mutex_unlock(&board->lock);
    return at_work;
}

/* The tasks are about to be read. What our own workers tell from now on is newer than what will have been read. */
static void begin_reading(struct ops_board_entry *entry)
{
    for (json_int_t at = 0; at < entry->task_count; at++) {
        bool ours = entry->states[at] == TASK_OURS || entry->states[at] == TASK_OURS_BEFORE;
        set_state(entry, at, ours ? TASK_OURS_BEFORE : TASK_UNKNOWN);
    }
    entry->known = true;
}

static enum ops_board_need need_of(struct ops_board_entry *entry, const json_t *vacuum, int64_t now_ms)
{
    if (now_ms < entry->not_before_ms || free_count(entry) > 0)
        return OPS_BOARD_NEEDS_NOTHING;
    if (!ops_vacuum_planned(vacuum) || all_done(entry)) {
        entry->at_work = true;
        return ops_vacuum_planned(vacuum) ? OPS_BOARD_NEEDS_END : OPS_BOARD_NEEDS_PLAN;
    }
    begin_reading(entry);
    return OPS_BOARD_NEEDS_TASKS;
}

/* takes shared when it succeeds. */
static enum ops_status show_locked(struct ops_board *board, const json_t *vacuum, struct ops_shared *shared,
                                   struct ops_board_entry **ret_entry)
{
    const char *id = ops_json_text(vacuum, "vacuum_id", "");
    struct ops_board_entry **link = find_locked(board, id);
    enum ops_status status = OPS_OK;
    if (*link)
        ops_slot_replace(&(*link)->vacuum, shared);
    else
        status = entry_new(id, shared, link);
    *ret_entry = *link;
    return status;
}

enum ops_status ops_board_show(struct ops_board *board, json_t *vacuum, int64_t mutex_expires_ms, int64_t now_ms,
                               struct ops_shared **ret_vacuum, enum ops_board_need *ret_need)
{
    struct ops_shared *shared = NULL;
    if (ops_shared_new(vacuum, free_json, &shared) != OPS_OK) {
        json_decref(vacuum);
        return OPS_NO_MEMORY;
    }
    struct ops_board_entry *entry = NULL;
    json_int_t first_task = ops_pass_first_task(vacuum), task_count = ops_pass_task_count(vacuum);
    pthread_mutex_lock(&board->lock);
    enum ops_status status = show_locked(board, vacuum, shared, &entry);
    if (status != OPS_OK)
        ops_shared_let_go(shared);
    else if (entry->first_task != first_task || entry->task_count != task_count)
        status = begin_pass(entry, first_task, task_count);
    if (status == OPS_OK) {
        entry->mutex_expires_ms = mutex_expires_ms;
        entry->seen_ms = now_ms;
        *ret_need = need_of(entry, vacuum, now_ms);
        *ret_vacuum = ops_slot_hold(&entry->vacuum);
    }
    pthread_mutex_unlock(&board->lock);
    return status;
}

/* The state of a task by its document, which is NULL when nobody has claimed it yet. */
static enum task_state seen_state(enum task_state before, const json_t *doc, int64_t wall_ms)
{
    if (before == TASK_DONE || before == TASK_OURS)
        return before;
    if (!doc)
        return TASK_NEW;
    if (ops_json_flag(doc, "done", false))
        return TASK_DONE;
    if (ops_task_claimable(doc, wall_ms))
        return TASK_LAPSED;
    return before == TASK_OURS_BEFORE ? TASK_OURS : TASK_UNKNOWN;
}

static void show_states(struct ops_board_entry *entry, const json_t *tasks, int64_t wall_ms)
{
    size_t i = 0;
    for (json_int_t at = 0; at < entry->task_count; at++) {
        json_int_t number = entry->first_task + at;
        while (ops_json_integer(json_array_get(tasks, i), "number", INT64_MAX) < number)
            i++;
        const json_t *doc = json_array_get(tasks, i);
        if (ops_json_integer(doc, "number", -1) != number)
            doc = NULL;
        set_state(entry, at, seen_state(entry->states[at], doc, wall_ms));
    }
}

/* Less and less often, while nothing becomes free. */
static void put_off(struct ops_board_entry *entry, int64_t now_ms)
{
    entry->not_before_ms = now_ms + entry->tasks_every_ms;
    entry->tasks_every_ms *= entry->tasks_every_ms < TASKS_EVERY_MAX_MS ? 2 : 1;
}

enum ops_board_need ops_board_show_tasks(struct ops_board *board, const char *vacuum_id, const json_t *tasks, int64_t now_ms,
                                         int64_t wall_ms)
{
    enum ops_board_need need = OPS_BOARD_NEEDS_NOTHING;
    json_int_t free_tasks = 0;
    pthread_mutex_lock(&board->lock);
    struct ops_board_entry *entry = *find_locked(board, vacuum_id);
    if (!tasks) {
        entry->known = false;
    } else if (entry->known) { /* else a claim has failed since, and they are read again */
        show_states(entry, tasks, wall_ms);
        free_tasks = free_count(entry);
        if (free_tasks > 0)
            entry->tasks_every_ms = LOOK_EVERY_MS;
        else if (all_done(entry))
            need = OPS_BOARD_NEEDS_END;
        else
            put_off(entry, now_ms);
        entry->at_work = need == OPS_BOARD_NEEDS_END;
    }
    pthread_mutex_unlock(&board->lock);
    if (free_tasks > 1 && board->on_free)
        board->on_free(board->on_free_context);
    return need;
}

/* ---- Planning, and the end of a pass ---- */

void ops_board_end_work(struct ops_board *board, const char *vacuum_id, int64_t now_ms, int64_t wait_ms)
{
    pthread_mutex_lock(&board->lock);
    struct ops_board_entry *entry = *find_locked(board, vacuum_id);
    if (entry) {
        entry->at_work = false;
        entry->known = false;
        entry->not_before_ms = now_ms + wait_ms;
    }
    if (wait_ms == 0)
        board->synced.look_not_before_ms = 0;
    pthread_mutex_unlock(&board->lock);
}
