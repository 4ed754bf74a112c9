/*
 * The invariants, looked at from outside: from what the store, the stack and the log group hold, never from what the app
 * says. The chain is recomputed with nothing but jansson and SHA-256.
 *
 * Looked at after every transaction that happened (what changed, and which audit records came with it), before every removal
 * (who asks, for what, by which right), and after every step (the log group, the gates).
 */
#include "sim/sim.h"

#include "adapters/memory/hasher.h"
#include "adapters/memory/log_sink.h"
#include "core/task.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXPECTED_MAX = 8 };

/* For how long what may pass is waited for, less what it takes to notice: while a plan is made, and before a page is told as
 * unknown. */
#define PLANNING_PATIENCE_MS (5 * OPS_MINUTE_MS)
#define PAGE_PATIENCE_MS (15 * OPS_MINUTE_MS)
#define PAGE_FOR_GOOD_MS (15 * OPS_SECOND_MS) /* where the target says what does not pass by itself */

/* The audit records that a transaction should have brought: "type subject". */
struct expected {
    char what[EXPECTED_MAX][64];
    size_t count;
};

static void expect(struct expected *expected, const char *type, const char *subject)
{
    if (expected->count < EXPECTED_MAX)
        (void)snprintf(expected->what[expected->count++], sizeof expected->what[0], "%s %s", type, subject);
}

json_t *sim_peek(struct sim_world *world, const char *pk, const char *sk)
{
    json_t *doc = NULL;
    return ops_store_get(world->store, pk, sk, &doc, NULL) == OPS_OK ? doc : NULL;
}

static const char *text_of(const json_t *doc, const char *name)
{
    const char *text = json_string_value(json_object_get(doc, name));
    return text ? text : "";
}

static json_int_t integer_of(const json_t *doc, const char *name)
{
    return json_integer_value(json_object_get(doc, name));
}

/* 0 when there is none. */
static int64_t instant_of(const json_t *doc, const char *name)
{
    int64_t at_ms = 0;
    return ops_instant_parse(ops_view_of(text_of(doc, name)), &at_ms) == OPS_OK ? at_ms : 0;
}

static bool same(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

struct sim_vacuum *sim_vacuum_find(struct sim_world *world, const char *id)
{
    for (size_t i = world->vacuum_count; i-- > 0;)
        if (same(world->vacuums[i].id, id))
            return &world->vacuums[i];
    return NULL;
}

static bool is_open(const struct sim_vacuum *vacuum)
{
    return same(vacuum->status, "pending") || same(vacuum->status, "running");
}

/* ---- What a transaction changed ---- */

static struct sim_vacuum *new_vacuum(struct sim_world *world, const json_t *doc)
{
    static struct sim_vacuum nowhere;
    struct sim_vacuum *vacuum = &nowhere;
    if (world->vacuum_count < SIM_VACUUMS_MAX)
        vacuum = &world->vacuums[world->vacuum_count++];
    *vacuum = (struct sim_vacuum){.dry_run = json_is_true(json_object_get(doc, "dry_run"))};
    (void)snprintf(vacuum->id, sizeof vacuum->id, "%s", text_of(doc, "vacuum_id"));
    vacuum->scope.all = same(text_of(doc, "type"), "all");
    (void)snprintf(vacuum->scope.orgcode, sizeof vacuum->scope.orgcode, "%s", text_of(doc, "orgcode"));
    vacuum->execute_ms = instant_of(doc, "execute_at"); /* a dry run has none */
    vacuum->reviewed = text_of(json_object_get(doc, "work"), "expected_plan_sha256")[0] != '\0';
    world->numbers->vacuums += !vacuum->dry_run;
    world->numbers->dry_runs += vacuum->dry_run;
    return vacuum;
}

/* What may pass may end a vacuum that has no plan yet, but only after it was waited for. */
static void check_patience(struct sim_world *world, const struct sim_vacuum *vacuum, enum ops_status end)
{
    int64_t ran_ms = sim_monotonic_ms(world) - vacuum->running_since_ms;
    bool may_pass = end == OPS_STORE_UNAVAILABLE || end == OPS_THROTTLED || end == OPS_UNKNOWN;
    if (may_pass && (vacuum->planned || ran_ms < PLANNING_PATIENCE_MS))
        sim_violate(world, SIM_LIVENESS, "vacuum %s is given up as %s after %lld ms", vacuum->id, ops_status_tag(end),
                    (long long)ran_ms);
}

/* What was there and has gone stops a vacuum whose operator could not know of it. */
static void check_nothing_gone(struct sim_world *world, const struct sim_vacuum *vacuum)
{
    for (size_t i = 0; i < world->target_count; i++)
        if (vacuum->plan[i].gone && !vacuum->dry_run && !vacuum->reviewed &&
            world->things[i].changed <= vacuum->things_at_start)
            sim_violate(world, SIM_WHOLE, "vacuum %s is completed, and nobody was told that %s has gone", vacuum->id,
                        world->targets[i]->name);
}

static void vacuum_ends(struct sim_world *world, struct sim_vacuum *vacuum, const json_t *doc)
{
    const json_t *error = json_object_get(doc, "error");
    enum ops_status end = error ? ops_status_from_tag(text_of(error, "tag")) : OPS_OK;
    check_patience(world, vacuum, end);
    if (json_object_get(json_object_get(error, "details"), "gone"))
        sim_cloud_count(world, SIM_CLOUD_DRIFTED);
    if (end < OPS_STATUS_COUNT && !same(vacuum->status, "cancelled"))
        world->numbers->ended_with[end]++;
    if (same(vacuum->status, "cancelled") && vacuum->removed_total > 0)
        sim_violate(world, SIM_TOO_EARLY, "vacuum %s is cancelled and deleted %lld records", vacuum->id,
                    (long long)vacuum->removed_total);
    if (same(vacuum->status, "completed"))
        check_nothing_gone(world, vacuum);
    if (same(vacuum->status, "completed") || same(vacuum->status, "failed"))
        sim_counts_end(world, vacuum, doc);
    if (same(vacuum->status, "completed") || same(vacuum->status, "failed"))
        sim_seen_end(world, vacuum);
}

static void see_vacuum(struct sim_world *world, const char *id, struct expected *expected)
{
    json_t *doc = sim_peek(world, "VACUUM", id);
    const char *status = text_of(doc, "status");
    struct sim_vacuum *vacuum = sim_vacuum_find(world, id);
    bool is_new = !vacuum;
    if (is_new)
        vacuum = new_vacuum(world, doc);
    if (is_new || !same(vacuum->status, status)) {
        char type[32];
        const char *verb = same(status, "running") ? "started" : status;
        (void)snprintf(type, sizeof type, "vacuum.%s", is_new ? (vacuum->dry_run ? "dry_run" : "requested") : verb);
        /* A dry run has no record of its start: the request is its start. */
        expect(expected, type, id);
        (void)snprintf(vacuum->status, sizeof vacuum->status, "%s", status);
        sim_trace(world, "vacuum %s: %s", id, status);
        if (same(status, "running"))
            sim_counts_begin(world, vacuum);
        /* By the clock of the process that started it: it has no other. */
        int64_t early_ms = vacuum->execute_ms - instant_of(doc, "started_at");
        if (same(status, "running") && early_ms >= OPS_SECOND_MS)
            sim_violate(world, SIM_TOO_EARLY, "vacuum %s is started %lld ms before execute_at", id, (long long)early_ms);
        if (!is_open(vacuum))
            vacuum_ends(world, vacuum, doc);
    }
    if (!vacuum->planned && same(text_of(json_object_get(doc, "work"), "phase"), "tasks"))
        sim_seen_plan(world, vacuum);
    json_decref(doc);
}

static struct sim_window *find_window(struct sim_world *world, const char *id)
{
    static struct sim_window nowhere;
    for (size_t i = world->window_count; i-- > 0;)
        if (same(world->windows[i].id, id))
            return &world->windows[i];
    struct sim_window *window = world->window_count < SIM_WINDOWS_MAX ? &world->windows[world->window_count++] : &nowhere;
    *window = (struct sim_window){.revision = 0};
    (void)snprintf(window->id, sizeof window->id, "%s", id);
    world->numbers->windows++;
    return window;
}

static const char *window_verb(const struct sim_window *before, const char *status)
{
    if (before->revision == 0)
        return "scheduled";
    if (same(before->status, status))
        return "updated";
    return same(status, "active") ? "started" : status;
}

static void see_window(struct sim_world *world, const char *id, struct expected *expected)
{
    json_t *doc = sim_peek(world, "MAINTENANCE", id);
    struct sim_window *window = find_window(world, id);
    if (integer_of(doc, "revision") != window->revision) {
        char type[32];
        (void)snprintf(type, sizeof type, "maintenance.%s", window_verb(window, text_of(doc, "status")));
        expect(expected, type, id);
        sim_trace(world, "%s %s", type, id);
        window->revision = integer_of(doc, "revision");
        window->start_ms = instant_of(doc, "scheduled_start_utc");
        (void)snprintf(window->status, sizeof window->status, "%s", text_of(doc, "status"));
    }
    json_decref(doc);
}

/* Which code it is that the store has now: also one whose setting nobody knows to have happened. */
static void find_code(struct sim_world *world)
{
    for (size_t i = 0; i < SIM_CODES_MAX; i++)
        if (world->codes[i][0] &&
            ops_hasher_verify(ops_memory_hasher(), ops_view_of(world->codes[i]), ops_view_of(world->secret_phc)) == OPS_OK)
            memcpy(world->secret_code, world->codes[i], SIM_CODE_SIZE);
}

/* A right code and a new one leave no wrong ones behind, so whatever leaves some was wrong itself. A lock that is there
 * afterwards and was not before is one that began. */
static void see_secret(struct sim_world *world, struct expected *expected)
{
    json_t *doc = sim_peek(world, "SINGLETON", "SECRET_CODE");
    json_int_t until_ms = integer_of(doc, "locked_until_ms");
    if (!same(text_of(doc, "phc"), world->secret_phc))
        expect(expected, world->secret_phc[0] ? "secret.rotated" : "secret.set", "");
    else if (integer_of(doc, "wrong_in_a_row") > 0 || integer_of(doc, "wrong_while_locked") > 0)
        expect(expected, "secret.mismatch", "");
    if (until_ms && until_ms != world->secret_locked_until_ms)
        expect(expected, "secret.locked", "");
    (void)snprintf(world->secret_phc, sizeof world->secret_phc, "%s", text_of(doc, "phc"));
    find_code(world);
    world->secret_locked_until_ms = until_ms;
    json_decref(doc);
}

/* That it is not known what became of a page is said only of a target that has not told for a quarter of an hour, or for a quarter
 * of a minute where it says that it is missing or no good, or has another thing in its place. process: the one that says so, or NULL where that has died meanwhile. */
static void check_unknown_page(struct sim_world *world, const struct sim_process *process, struct sim_vacuum *vacuum,
                               size_t target, json_int_t records)
{
    int64_t since_ms = process ? process->silent_since_ms[target] : 0;
    int64_t silent_ms = since_ms < 0 ? 0 : sim_monotonic_ms(world) - since_ms;
    bool same_thing = sim_thing_same(&world->things[target], &vacuum->plan[target].thing);
    bool for_good = process && process->says_for_good[target];
    if (same_thing && silent_ms < (for_good ? PAGE_FOR_GOOD_MS : PAGE_PATIENCE_MS))
        sim_violate(world, SIM_COUNTS, "a page of %lld records of %s is told as unknown, and it was silent for %lld ms",
                    (long long)records, world->targets[target]->name, (long long)silent_ms);
    vacuum->unknown[target] += records;
    sim_cloud_count(world, SIM_CLOUD_UNKNOWN_PAGE);
}

/* A page that is settled by whoever ends the vacuum: the task has a new lease, which nobody has. */
static void see_settled(struct sim_world *world, struct sim_process *process, struct sim_vacuum *vacuum, const json_t *task,
                        const struct sim_page *page)
{
    size_t target = sim_counts_target_at(world, vacuum, integer_of(task, "target"));
    if (target >= world->target_count)
        return;
    if (integer_of(task, "unreadable") > page->unreadable)
        check_unknown_page(world, process, vacuum, target, page->records);
    else if (process)
        process->silent_since_ms[target] = -1;
}

/* Remembers the page that a task has in hand. */
static void see_page(struct sim_world *world, struct sim_process *process, const struct ops_txn *txn,
                     const struct ops_op *op)
{
    struct sim_vacuum *vacuum = sim_vacuum_find(world, op->pk + strlen("VACUUM#"));
    json_int_t number = integer_of(op->doc, "number");
    if (!vacuum || number < 0 || number >= SIM_TASKS_MAX)
        return;
    struct sim_page *page = &vacuum->pages[number];
    if (page->records > 0 && same(text_of(op->doc, "lease"), txn->token) && integer_of(op->doc, "lease_until_ms") == 0)
        see_settled(world, process, vacuum, op->doc, page);
    page->records = integer_of(op->doc, "receipt_matched");
    page->unreadable = integer_of(op->doc, "unreadable");
}

/* A task says which vacuum its worker works for, and the condition on the mutex by which right. */
static void see_task(struct sim_process *process, const struct ops_txn *txn, const struct ops_op *op)
{
    struct sim_worker *worker = process ? process->at_work : NULL;
    if (!worker || !same(text_of(op->doc, "owner"), worker->name))
        return;
    (void)snprintf(worker->vacuum_id, sizeof worker->vacuum_id, "%s", op->pk + strlen("VACUUM#"));
    (void)snprintf(worker->task_sk, sizeof worker->task_sk, "%s", op->sk);
    (void)snprintf(worker->lease, sizeof worker->lease, "%s", text_of(op->doc, "lease"));
    worker->has_page = text_of(op->doc, "receipt")[0] != '\0';
    worker->fence = 0;
    for (size_t i = 0; i < txn->count; i++)
        for (size_t k = 0; same(txn->ops[i].sk, "VACUUM_MUTEX") && k < txn->ops[i].cond_count; k++)
            if (same(txn->ops[i].conds[k].name, "fence"))
                worker->fence = json_integer_value(txn->ops[i].conds[k].value);
    sim_trace(process->world, "  %s writes %.4s %s: target %lld, segment %lld, deleted %lld%s%s", worker->name,
              op->pk + strlen(op->pk) - 4, op->sk, (long long)integer_of(op->doc, "target"),
              (long long)integer_of(op->doc, "segment"), (long long)integer_of(op->doc, "deleted"),
              text_of(op->doc, "receipt")[0] ? ", receipt" : "",
              json_is_true(json_object_get(op->doc, "done")) ? ", done" : "");
    if (same(text_of(op->doc, "lease"), txn->token) && text_of(op->doc, "receipt")[0])
        process->world->numbers->takeovers++;
}

/* That it has run out of its time is told by a fence that its vacuum does not have. */
static void see_mutex(struct sim_world *world, const json_t *mutex)
{
    json_t *doc = text_of(mutex, "holder")[0] ? sim_peek(world, "VACUUM", text_of(mutex, "holder")) : NULL;
    if (doc && integer_of(json_object_get(doc, "work"), "fence") != integer_of(mutex, "fence"))
        world->closed_ms = sim_monotonic_ms(world);
    json_decref(doc);
}

static void see_operation(struct sim_world *world, struct sim_process *process, const struct ops_txn *txn,
                          const struct ops_op *op, struct expected *expected)
{
    if (same(op->pk, "VACUUM"))
        see_vacuum(world, op->sk, expected);
    else if (same(op->pk, "MAINTENANCE"))
        see_window(world, op->sk, expected);
    else if (same(op->pk, "SINGLETON") && same(op->sk, "SECRET_CODE") && op->kind == OPS_OP_PUT)
        see_secret(world, expected);
    else if (same(op->pk, "SINGLETON") && same(op->sk, "VACUUM_MUTEX") && op->kind == OPS_OP_PUT)
        see_mutex(world, op->doc);
    else if (strncmp(op->pk, "VACUUM#", strlen("VACUUM#")) == 0 && op->kind == OPS_OP_PUT) {
        see_page(world, process, txn, op);
        see_task(process, txn, op);
    }
}

/* ---- The audit trail ---- */

static void sha256_hex(const char *text, char ret_hex[static 65])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    (void)EVP_Digest(text, strlen(text), digest, &length, EVP_sha256(), NULL); /* a wrong digest fails the check */
    for (unsigned i = 0; i < 32; i++)
        (void)snprintf(ret_hex + 2 * i, 3, "%02x", digest[i]);
}

/* Checks the next link; the record's text is kept for the log group. */
static void follow(struct sim_world *world, const json_t *record)
{
    char sha256[65], before[65];
    json_t *bare = json_copy((json_t *)(uintptr_t)record);
    json_object_del(bare, "sha256");
    char *text = json_dumps(bare, JSON_COMPACT | JSON_SORT_KEYS);
    sha256_hex(text, sha256);
    (void)snprintf(before, sizeof before, "%s", world->audit_seq ? world->audit_sha256 : "");
    if (!before[0])
        memset(before, '0', 64), before[64] = '\0';
    if (integer_of(record, "seq") != world->audit_seq + 1)
        sim_violate(world, SIM_AUDIT, "audit record %lld follows %lld", (long long)integer_of(record, "seq"),
                    (long long)world->audit_seq);
    if (!same(text_of(record, "prev_sha256"), before) || !same(text_of(record, "sha256"), sha256))
        sim_violate(world, SIM_AUDIT, "the chain breaks at audit record %lld", (long long)integer_of(record, "seq"));
    char *whole = json_dumps(record, JSON_COMPACT | JSON_SORT_KEYS);
    json_array_append_new(world->audit_texts, json_string(whole));
    world->audit_seq = integer_of(record, "seq");
    memcpy(world->audit_sha256, sha256, sizeof sha256);
    json_decref(bare);
    free(text);
    free(whole);
}

/* How often codes came again that a process knew to be wrong; that changes nothing. */
static bool tells_of_repeats(const json_t *record)
{
    return same(text_of(record, "type"), "secret.mismatch") && integer_of(json_object_get(record, "data"), "repeated") > 0;
}

/* Strikes the record from what was expected. */
static void account_for(struct sim_world *world, const json_t *record, struct expected *expected)
{
    char what[64];
    if (tells_of_repeats(record))
        return;
    const char *subject = text_of(record, "vacuum_id")[0] ? text_of(record, "vacuum_id") : text_of(record, "maintenance_id");
    (void)snprintf(what, sizeof what, "%s %s", text_of(record, "type"), subject);
    for (size_t i = 0; i < expected->count; i++)
        if (same(expected->what[i], what)) {
            memcpy(expected->what[i], expected->what[--expected->count], sizeof what);
            return;
        }
    sim_violate(world, SIM_AUDIT, "audit record '%s' tells of nothing that changed", what);
}

static void check_audit(struct sim_world *world, struct expected *expected)
{
    char after_sk[32];
    (void)snprintf(after_sk, sizeof after_sk, "%012lld", (long long)world->audit_seq);
    const struct ops_query query = {.pk = "AUDIT", .after_sk = world->audit_seq ? after_sk : NULL, .limit = 100};
    struct ops_store_page page = {0};
    if (ops_store_query(world->store, &query, &page, NULL) != OPS_OK)
        sim_violate(world, SIM_AUDIT, "the audit trail can't be read");
    size_t i;
    json_t *record;
    json_array_foreach(page.docs, i, record) {
        follow(world, record);
        account_for(world, record, expected);
    }
    if (expected->count > 0)
        sim_violate(world, SIM_AUDIT, "'%s' has no audit record", expected->what[0]);
    ops_store_page_release(&page);
    json_t *head = sim_peek(world, "SINGLETON", "AUDIT_HEAD");
    if (integer_of(head, "seq") != world->audit_seq ||
        (world->audit_seq && !same(text_of(head, "sha256"), world->audit_sha256)))
        sim_violate(world, SIM_AUDIT, "AUDIT_HEAD is not the end of the chain");
    json_decref(head);
}

/* First occurrences in the log group are the chain, in its order; what comes again is the same. */
static void check_log(struct sim_world *world)
{
    for (; world->log_index < ops_memory_log_sink_count(world->log_sink) && !world->violated; world->log_index++) {
        struct ops_log_event event = ops_memory_log_sink_event(world->log_sink, world->log_index);
        json_t *record = json_loadb(event.text.data, event.text.length, 0, NULL);
        json_int_t seq = integer_of(record, "seq");
        json_decref(record);
        if (seq < 1 || seq > world->log_seq + 1)
            sim_violate(world, SIM_AUDIT, "the log group has record %lld after %lld", (long long)seq,
                        (long long)world->log_seq);
        else if (!ops_view_is(event.text, json_string_value(json_array_get(world->audit_texts, (size_t)seq - 1))))
            sim_violate(world, SIM_AUDIT, "record %lld in the log group is not the one in the chain", (long long)seq);
        if (seq == world->log_seq + 1)
            world->log_seq = seq;
    }
}

/* ---- One vacuum, one window ---- */

static void check_one_vacuum(struct sim_world *world)
{
    const struct sim_vacuum *open = NULL;
    for (size_t i = 0; i < world->vacuum_count; i++) {
        const struct sim_vacuum *vacuum = &world->vacuums[i];
        if (vacuum->dry_run || !is_open(vacuum))
            continue;
        if (open)
            sim_violate(world, SIM_ONE_VACUUM, "vacuums %s and %s are both open", open->id, vacuum->id);
        open = vacuum;
    }
    json_t *mutex = sim_peek(world, "SINGLETON", "VACUUM_MUTEX");
    if (!same(text_of(mutex, "holder"), open ? open->id : ""))
        sim_violate(world, SIM_ONE_VACUUM, "the mutex is held by '%s', the open vacuum is '%s'", text_of(mutex, "holder"),
                    open ? open->id : "");
    json_decref(mutex);
}

static void check_one_window(struct sim_world *world)
{
    json_t *copy = sim_peek(world, "SINGLETON", "ACTIVE_MAINTENANCE");
    const struct sim_window *active = NULL;
    for (size_t i = 0; i < world->window_count; i++) {
        if (!same(world->windows[i].status, "active"))
            continue;
        if (active)
            sim_violate(world, SIM_ONE_WINDOW, "windows %s and %s are both active", active->id, world->windows[i].id);
        active = &world->windows[i];
    }
    json_t *window = active ? sim_peek(world, "MAINTENANCE", active->id) : NULL;
    if ((copy != NULL) != (active != NULL) || (copy && !json_equal(copy, window)))
        sim_violate(world, SIM_ONE_WINDOW, "ACTIVE_MAINTENANCE is %s, the active window is %s",
                    text_of(copy, "maintenance_id"), active ? active->id : "none");
    if (world->window_active && !active)
        world->window_ended_ms = sim_monotonic_ms(world);
    world->window_active = active != NULL;
    json_decref(window);
    json_decref(copy);
}

int64_t sim_until_mutex_expires(struct sim_world *world)
{
    json_t *mutex = sim_peek(world, "SINGLETON", "VACUUM_MUTEX");
    int64_t expires_ms = text_of(mutex, "holder")[0] ? instant_of(mutex, "expires_at") : 0;
    json_decref(mutex);
    return expires_ms - sim_now_ms(world);
}

void sim_check_transaction(struct sim_world *world, struct sim_process *process, const struct ops_txn *txn)
{
    struct expected expected = {.count = 0};
    for (size_t i = 0; i < txn->count && !world->violated; i++)
        see_operation(world, process, txn, &txn->ops[i], &expected);
    if (!world->violated)
        check_one_vacuum(world);
    if (!world->violated)
        check_one_window(world);
    if (!world->violated)
        check_audit(world, &expected);
}

/* ---- Removals ---- */

/* What was proved before the mutex was closed may begin for a while, and is waited for. */
static bool was_proved_before(const struct sim_world *world, const struct sim_worker *worker, json_int_t fence)
{
    return fence == worker->fence + 1 && sim_monotonic_ms(world) - world->closed_ms <= OPS_LEASE_FRESH_MS;
}

static void check_right(struct sim_process *process, const struct sim_worker *worker, const struct sim_vacuum *vacuum)
{
    struct sim_world *world = process->world;
    json_t *mutex = sim_peek(world, "SINGLETON", "VACUUM_MUTEX");
    int64_t expires_ms = instant_of(mutex, "expires_at");
    if (!same(text_of(mutex, "holder"), vacuum->id) || !same(vacuum->status, "running"))
        sim_violate(world, SIM_ONE_VACUUM, "%s deletes for %s (%s), the mutex is held by '%s'", worker->name, vacuum->id,
                    vacuum->status, text_of(mutex, "holder"));
    else if (integer_of(mutex, "fence") != worker->fence &&
             !was_proved_before(world, worker, integer_of(mutex, "fence")))
        sim_violate(world, SIM_ONE_VACUUM, "%s deletes with fence %lld, the mutex is at %lld", worker->name,
                    (long long)worker->fence, (long long)integer_of(mutex, "fence"));
    else if (sim_process_now_ms(process) >= expires_ms)
        sim_violate(world, SIM_ONE_VACUUM, "%s deletes though the mutex has expired", worker->name);
    json_decref(mutex);
}

/* Two workers at one page would make what is counted a matter of luck. */
static void check_lease(struct sim_world *world, const struct sim_worker *worker)
{
    char pk[OPS_STORE_KEY_SIZE];
    (void)snprintf(pk, sizeof pk, "VACUUM#%s", worker->vacuum_id);
    json_t *task = sim_peek(world, pk, worker->task_sk);
    if (!same(text_of(task, "lease"), worker->lease))
        sim_violate(world, SIM_COUNTS, "%s deletes for %s, which %s has the lease of", worker->name, worker->task_sk,
                    text_of(task, "owner"));
    json_decref(task);
}

/* What the target is decides, not what it is called. A handle that is older than what took its place removes nothing. */
static void check_thing(struct sim_world *world, const struct sim_vacuum *vacuum, size_t target, uint32_t generation)
{
    const struct sim_planned *planned = &vacuum->plan[target];
    const char *name = world->targets[target]->name;
    if (generation != world->things[target].generation)
        return;
    if (planned->kept || !vacuum->planned)
        sim_violate(world, SIM_IDENTITY,
                    "a delete call reaches %s, which is a protected or skipped thing, or one with two names", name);
    else if (!sim_thing_same(&planned->thing, &world->things[target]))
        sim_violate(world, SIM_IDENTITY, "a delete call reaches %s, where another thing is since the plan was made", name);
}

static void check_reviewed(struct sim_world *world, const struct sim_vacuum *vacuum)
{
    for (size_t i = 0; i < world->target_count; i++)
        if (vacuum->plan[i].gone_could_be_known && !vacuum->reviewed)
            sim_violate(world, SIM_WHOLE, "vacuum %s deletes, and nobody was told that %s has gone", vacuum->id,
                        world->targets[i]->name);
}

static void check_keys(struct sim_world *world, const struct sim_vacuum *vacuum, size_t target, const struct ops_key *keys,
                       size_t count)
{
    const struct sim_target_form *form = world->targets[target];
    if (form->never_touched)
        sim_violate(world, SIM_PROTECTED, "a delete call reaches %s", form->name);
    for (size_t i = 0; i < count; i++) {
        const struct sim_record *record = sim_stack_record(world, target, keys[i].guarded);
        if (sim_key_kept(keys[i].guarded))
            sim_violate(world, SIM_PROTECTED, "the key %.*s in %s is passed to a delete call", (int)keys[i].guarded.length,
                        keys[i].guarded.data, form->name);
        else if (!vacuum->scope.all && (!record || !same(record->tenant, vacuum->scope.orgcode)))
            sim_violate(world, SIM_TENANT, "vacuum org %s deletes %.*s in %s, which is of '%s'", vacuum->scope.orgcode,
                        (int)keys[i].guarded.length, keys[i].guarded.data, form->name, record ? record->tenant : "nobody");
    }
}

void sim_check_removal(struct sim_process *process, size_t target, uint32_t generation, const struct ops_key *keys,
                       size_t count)
{
    struct sim_world *world = process->world;
    const struct sim_worker *worker = process->at_work;
    const struct sim_vacuum *vacuum = worker ? sim_vacuum_find(world, worker->vacuum_id) : NULL;
    if (!vacuum || target >= world->target_count) {
        sim_violate(world, SIM_ONE_VACUUM, "somebody deletes outside of every vacuum");
        return;
    }
    if (vacuum->dry_run)
        sim_violate(world, SIM_DRY_RUN, "%s deletes for the dry run %s", worker->name, vacuum->id);
    check_keys(world, vacuum, target, keys, count);
    check_thing(world, vacuum, target, generation);
    check_reviewed(world, vacuum);
    if (same(vacuum->status, "cancelled") || same(vacuum->status, "pending"))
        sim_violate(world, SIM_TOO_EARLY, "%s deletes for %s, which is %s", worker->name, vacuum->id, vacuum->status);
    check_right(process, worker, vacuum);
    check_lease(world, worker);
}

/* What entitled the worker to the removal must outlast it, also when its process is gone by now. */
void sim_check_under_way(struct sim_process *process)
{
    struct sim_world *world = process->world;
    const struct sim_worker *worker = process->at_work;
    const struct sim_vacuum *vacuum = sim_vacuum_find(world, worker->vacuum_id);
    if (!same(vacuum->status, "running"))
        sim_violate(world, SIM_ONE_VACUUM, "a removal of %s goes on for %s, which is %s", worker->name, vacuum->id,
                    vacuum->status);
    check_lease(world, worker);
}

void sim_on_removed(void *context, enum ops_target_kind kind, const char *name, const struct ops_memory_record *removed)
{
    struct sim_world *world = context;
    size_t target = sim_stack_find(world, kind, name);
    world->changes++;
    world->numbers->removals++;
    for (size_t i = 0; i < world->record_count; i++) {
        struct sim_record *record = &world->records[i];
        if (record->target != target || !same(record->partition, removed->partition) || !same(record->sort, removed->sort))
            continue;
        record->there = false;
        if (record->kept || world->targets[target]->never_touched)
            sim_violate(world, SIM_PROTECTED, "%s in %s is gone", record->partition, name);
        if (!world->removing)
            return;
        world->removing->removed[target]++;
        world->removing->removed_bytes[target] += record->size_bytes;
        world->removing->removed_total++;
        if (record->form == SIM_TENANT_INTEGER && !world->removing->scope.all)
            sim_cloud_count(world, SIM_CLOUD_INTEGER);
        return;
    }
}

/* ---- After a step ---- */

static void check_gates(struct sim_world *world)
{
    int64_t now_ms = sim_monotonic_ms(world);
    for (size_t i = 0; i < SIM_GATES; i++) {
        const struct sim_gate *gate = &world->gates[i];
        if (!ops_gate_blocks(&gate->knowledge, now_ms * OPS_GATE_MS))
            continue;
        world->numbers->gate_blocks++;
        if (now_ms - gate->asked_ms > 20000)
            sim_violate(world, SIM_GATE, "a gate blocks on what it asked %lld ms ago", (long long)(now_ms - gate->asked_ms));
        else if (!world->window_active && now_ms - world->window_ended_ms > 20000)
            sim_violate(world, SIM_GATE, "a gate blocks %lld ms after the window's end",
                        (long long)(now_ms - world->window_ended_ms));
    }
}

void sim_check_step(struct sim_world *world)
{
    if (world->violated)
        return;
    check_log(world);
    check_gates(world);
}

/* ---- At rest ---- */

static size_t count_docs(struct sim_world *world, const char *pk)
{
    const struct ops_query query = {.pk = pk, .limit = OPS_STORE_PAGE_MAX};
    struct ops_store_page page = {0};
    if (ops_store_query(world->store, &query, &page, NULL) != OPS_OK)
        return 0;
    size_t count = json_array_size(page.docs);
    ops_store_page_release(&page);
    return count;
}

void sim_check_rest(struct sim_world *world)
{
    if (world->violated)
        return;
    for (size_t i = 0; i < world->vacuum_count; i++)
        if (is_open(&world->vacuums[i]))
            sim_violate(world, SIM_LIVENESS, "vacuum %s is still %s", world->vacuums[i].id, world->vacuums[i].status);
    if (count_docs(world, "VACUUM_OPEN") > 0)
        sim_violate(world, SIM_LIVENESS, "a vacuum that has ended is still listed as open");
    if (world->log_seq != world->audit_seq)
        sim_violate(world, SIM_LIVENESS, "audit records %lld to %lld were not delivered", (long long)world->log_seq + 1,
                    (long long)world->audit_seq);
    if (count_docs(world, "AUDIT") != (size_t)world->audit_seq)
        sim_violate(world, SIM_AUDIT, "the trail does not have the records that were seen");
    if (count_docs(world, "VACUUM") != world->vacuum_count || count_docs(world, "MAINTENANCE") != world->window_count)
        sim_violate(world, SIM_AUDIT, "records are there that no transaction wrote");
}
