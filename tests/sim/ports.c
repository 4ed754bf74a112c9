/*
 * The ports as a process sees them.
 *
 * Every call goes the same way: enter (time passes, other processes may act, this one may die or be frozen), a fault or the
 * call itself, leave (likewise). A dead process's calls do nothing and fail at once, until its step has unwound.
 *
 * A removal is the exception in that nothing passes between the caller's last look at the clock and the check of what it
 * asks for, and that it is over within SIM_REMOVAL_MAX_MS: a lease leaves that much room, and no store could give more.
 */
#include "sim/sim.h"

#include "adapters/memory/clock.h"
#include "adapters/memory/hasher.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

int64_t sim_now_ms(const struct sim_world *world)
{
    return ops_clock_now_ms(world->clock);
}

int64_t sim_monotonic_ms(const struct sim_world *world)
{
    return ops_clock_monotonic_ms(world->clock);
}

int64_t sim_process_now_ms(const struct sim_process *process)
{
    return sim_now_ms(process->world) + process->clock.ahead_ms;
}

void sim_pass_time(struct sim_world *world, int64_t duration_ms)
{
    int64_t left_ms = world->removal_end_ms - sim_monotonic_ms(world);
    if (world->removals && duration_ms > left_ms)
        duration_ms = left_ms > 0 ? left_ms : 0;
    ops_memory_clock_advance(world->clock, duration_ms);
}

static void others_act(struct sim_world *world, uint32_t steps)
{
    if (world->depth >= SIM_DEPTH_MAX)
        return;
    world->depth++;
    for (uint32_t i = 0; i < steps && !world->violated; i++)
        sim_step(world);
    world->depth--;
}

static void be_frozen(struct sim_process *process)
{
    struct sim_world *world = process->world;
    if (world->depth >= SIM_DEPTH_MAX || world->removals)
        return;
    sim_trace(world, "process %d is frozen", process->number);
    world->numbers->freezes++;
    int64_t until_ms = sim_monotonic_ms(world) + sim_between(&world->rng, 1000, 15 * OPS_MINUTE_MS);
    for (int i = 0; i < 12 && sim_monotonic_ms(world) < until_ms && !world->violated; i++) {
        others_act(world, 1 + sim_below(&world->rng, 4));
        sim_pass_time(world, sim_between(&world->rng, 0, 90000));
    }
    sim_trace(world, "process %d goes on", process->number);
}

/* What may come between a process and its port, either way. */
static void be_delayed(struct sim_process *process)
{
    struct sim_world *world = process->world;
    const struct sim_rates *rates = &world->rates;
    sim_pass_time(world,
                  sim_chance(&world->rng, rates->slow) ? sim_between(&world->rng, 100, 4000) : sim_below(&world->rng, 3));
    sim_late_apply(world);
    if (sim_chance(&world->rng, rates->interrupted))
        others_act(world, 1 + sim_below(&world->rng, 3));
    if (sim_chance(&world->rng, rates->frozen))
        be_frozen(process);
    if (process->at_work && process->at_work->has_page && sim_chance(&world->rng, rates->expire))
        sim_mutex_runs_out(world);
}

/* Somebody has read the tasks of a vacuum whose time is over, to end it or to show it. Then it is not over, and they are
 * frozen. */
static void lose_the_time(struct sim_process *process, const char *pk)
{
    struct sim_world *world = process->world;
    if (!process->at_work && strncmp(pk, "VACUUM#", strlen("VACUUM#")) == 0 && sim_until_mutex_expires(world) <= 0 &&
        sim_chance(&world->rng, world->rates.come_back) && sim_time_comes_back(world))
        be_frozen(process);
}

static bool enter(struct sim_process *process, enum sim_site site)
{
    if (process->dead || process->world->violated)
        return false;
    be_delayed(process);
    if (sim_chance(&process->world->rng, process->world->rates.crash_before))
        sim_process_kill(process, site);
    return !process->dead;
}

/* False: the answer does not arrive, since nobody is there any more. */
static bool leave(struct sim_process *process, enum sim_site site)
{
    if (process->dead)
        return false;
    if (sim_chance(&process->world->rng, process->world->rates.crash_after))
        sim_process_kill(process, site);
    if (!process->dead)
        be_delayed(process);
    return !process->dead;
}

void sim_count_fault(struct sim_world *world, enum sim_site site)
{
    world->numbers->faults++;
    world->numbers->fault_at[site]++;
}

/* OPS_OK, or a failure in which nothing happened. */
static enum ops_status draw_failure(struct sim_process *process, enum sim_site site)
{
    static const enum ops_status failures[] = {OPS_STORE_UNAVAILABLE, OPS_STORE_UNAVAILABLE, OPS_THROTTLED};
    struct sim_world *world = process->world;
    if (!sim_chance(&world->rng, world->rates.fail[site]))
        return OPS_OK;
    sim_count_fault(world, site);
    return failures[sim_below(&world->rng, sizeof failures / sizeof failures[0])];
}

/* Likewise where a storm may rage, or trouble be. */
static enum ops_status draw_failure_at(struct sim_process *process, enum sim_site site, size_t place)
{
    if (sim_trouble_strikes(process->world, place)) {
        sim_count_fault(process->world, site);
        return sim_chance(&process->world->rng, 500) ? OPS_STORE_UNAVAILABLE : OPS_THROTTLED;
    }
    if (!sim_storm_throttles(process->world, place))
        return draw_failure(process, site);
    sim_count_fault(process->world, site);
    return OPS_THROTTLED;
}

/* ---- The clock of a process's host ---- */

static int64_t clock_now_ms(struct ops_clock *self)
{
    return sim_process_now_ms(((struct sim_clock *)self)->process);
}

static int64_t clock_monotonic_ms(struct ops_clock *self)
{
    const struct sim_clock *clock = (struct sim_clock *)self;
    return sim_monotonic_ms(clock->process->world) + clock->running_ms;
}

/* No host of the simulation sleeps. */
static const struct ops_clock_ops clock_ops = {
    .now_ms = clock_now_ms, .monotonic_ms = clock_monotonic_ms, .boot_ms = clock_monotonic_ms};

/* ---- The record store ---- */

static struct sim_process *store_process(struct ops_store *self)
{
    return ((struct sim_store *)self)->process;
}

static enum ops_status sim_get(struct ops_store *self, const char *pk, const char *sk, json_t **ret_doc,
                               struct ops_error *error)
{
    struct sim_process *process = store_process(self);
    json_t *doc = NULL;
    if (!enter(process, SIM_SITE_GET))
        return OPS_STORE_UNAVAILABLE;
    enum ops_status status = draw_failure_at(process, SIM_SITE_GET, SIM_PLACE_STORE);
    if (status == OPS_OK)
        status = ops_store_get(process->world->store, pk, sk, &doc, error);
    if (!leave(process, SIM_SITE_GET)) {
        json_decref(doc);
        return OPS_STORE_UNAVAILABLE;
    }
    if (status == OPS_OK)
        *ret_doc = doc;
    return status;
}

/* A page of the query, which need not be full. */
static enum ops_status query_part(struct sim_world *world, const struct ops_query *query, struct ops_store_page *ret_page,
                                  struct ops_error *error)
{
    struct ops_query asked = *query;
    if (!sim_query_narrow(world, &asked)) {
        *ret_page = (struct ops_store_page){.docs = json_array(), .more = true};
        return ret_page->docs ? OPS_OK : OPS_NO_MEMORY;
    }
    enum ops_status status = ops_store_query(world->store, &asked, ret_page, error);
    if (status == OPS_OK)
        sim_query_widen(world, ret_page);
    return status;
}

static enum ops_status sim_query(struct ops_store *self, const struct ops_query *query, struct ops_store_page *ret_page,
                                 struct ops_error *error)
{
    struct sim_process *process = store_process(self);
    struct ops_store_page page = {0};
    if (!enter(process, SIM_SITE_QUERY))
        return OPS_STORE_UNAVAILABLE;
    enum ops_status status = draw_failure_at(process, SIM_SITE_QUERY, SIM_PLACE_STORE);
    if (status == OPS_OK)
        status = query_part(process->world, query, &page, error);
    lose_the_time(process, query->pk);
    if (!leave(process, SIM_SITE_QUERY)) {
        ops_store_page_release(&page);
        return OPS_STORE_UNAVAILABLE;
    }
    if (status == OPS_OK)
        *ret_page = page;
    return status;
}

/* *ret_again: it was done already, so that nothing happens now. */
static enum ops_status apply(struct sim_world *world, struct sim_process *process, const struct ops_txn *txn,
                             bool *ret_again, struct ops_error *error)
{
    *ret_again = sim_token_known(world, txn);
    enum ops_status status = *ret_again ? OPS_OK : ops_store_transact(world->store, txn, error);
    if (status != OPS_OK || *ret_again)
        return status;
    sim_token_keep(world, txn);
    sim_check_transaction(world, process, txn);
    return status;
}

static void copy_conditions(struct ops_op *copy, const struct ops_op *op)
{
    copy->doc = op->doc ? json_deep_copy(op->doc) : NULL;
    for (size_t i = 0; i < op->cond_count; i++)
        copy->conds[i].value = json_incref(op->conds[i].value);
}

/* Keeps the transaction for later. It is on its way, and nothing that the caller does can stop it. */
static void delay(struct sim_world *world, const struct ops_txn *txn)
{
    if (world->late_count == SIM_LATE_MAX)
        return;
    struct sim_late *late = &world->late[world->late_count++];
    late->txn = *txn;
    late->due_ms = sim_monotonic_ms(world) + sim_between(&world->rng, 0, 8000);
    for (size_t i = 0; i < txn->count; i++)
        copy_conditions(&late->txn.ops[i], &txn->ops[i]);
}

void sim_late_apply(struct sim_world *world)
{
    for (size_t i = 0; i < world->late_count;) {
        if (world->late[i].due_ms > sim_monotonic_ms(world)) {
            i++;
            continue;
        }
        struct sim_late late = world->late[i];
        world->late[i] = world->late[--world->late_count];
        bool again;
        enum ops_status status = apply(world, NULL, &late.txn, &again, NULL);
        world->numbers->late += status == OPS_OK && !again;
        if (status == OPS_OK)
            sim_trace(world, again ? "a transaction arrives late and is known" : "a transaction happens late");
        ops_txn_release(&late.txn);
    }
}

static enum ops_status lose_answer(struct sim_process *process, const struct ops_txn *txn)
{
    static const enum sim_cloud fates[] = {SIM_CLOUD_TXN_DONE, SIM_CLOUD_TXN_DELAYED, SIM_CLOUD_TXN_NOT_DONE};
    struct sim_world *world = process->world;
    sim_count_fault(world, SIM_SITE_TRANSACT);
    enum sim_cloud fate = fates[sim_below(&world->rng, sizeof fates / sizeof fates[0])];
    bool again;
    enum ops_status ignored = fate == SIM_CLOUD_TXN_DONE ? apply(world, process, txn, &again, NULL) : OPS_OK;
    (void)ignored; /* nobody hears of it */
    if (fate == SIM_CLOUD_TXN_DELAYED)
        delay(world, txn);
    sim_cloud_count(world, fate);
    return OPS_UNKNOWN;
}

static enum ops_status sim_transact(struct ops_store *self, const struct ops_txn *txn, struct ops_error *error)
{
    struct sim_process *process = store_process(self);
    struct sim_world *world = process->world;
    if (!enter(process, SIM_SITE_TRANSACT))
        return OPS_STORE_UNAVAILABLE;
    enum ops_status status = draw_failure_at(process, SIM_SITE_TRANSACT, SIM_PLACE_STORE);
    if (status == OPS_OK && sim_chance(&world->rng, world->rates.conflict)) {
        sim_count_fault(world, SIM_SITE_TRANSACT);
        status = OPS_CONFLICT;
    } else if (status == OPS_OK && sim_chance(&world->rng, world->rates.unknown)) {
        status = lose_answer(process, txn);
    } else if (status == OPS_OK) {
        bool again;
        status = apply(world, process, txn, &again, error);
    }
    return leave(process, SIM_SITE_TRANSACT) ? status : OPS_STORE_UNAVAILABLE;
}

static void sim_store_release(struct ops_store *self)
{
    (void)self; /* the world's own store outlives every process */
}

static const struct ops_store_ops store_ops = {
    .get = sim_get, .query = sim_query, .transact = sim_transact, .release = sim_store_release};

/* ---- Targets ---- */

struct sim_target {
    struct ops_target base;
    struct sim_process *process;
    struct ops_target *inner;
    size_t number;
    uint32_t generation; /* of the thing that it was opened on */
};

static void trace_target(const struct sim_target *target, const char *what, enum ops_status status, size_t count)
{
    const struct sim_process *process = target->process;
    sim_trace(process->world, "  %s: %s of %s: %s, %zu keys", process->at_work ? process->at_work->name : "somebody", what,
              process->world->targets[target->number]->name, ops_status_tag(status), count);
}

/* OPS_OK, or a failure in which nothing happened. Also that the thing is not in its place any more. */
static enum ops_status draw_failure_of(struct sim_target *target, enum sim_site site, struct ops_error *error)
{
    struct sim_world *world = target->process->world;
    const struct sim_thing *thing = &world->things[target->number];
    enum ops_status status = draw_failure_at(target->process, site, target->number);
    if (status != OPS_OK || target->generation == thing->generation)
        return status;
    sim_cloud_count(world, SIM_CLOUD_STALE);
    return thing->where == SIM_AWAY ? OPS_TARGET_MISSING
                                    : ops_fail(error, OPS_TARGET_ERROR, "Another thing has taken its place.");
}

/* A page of keys, which need not be full. */
static enum ops_status page_part(struct sim_target *target, uint32_t segment, const char *cursor, size_t limit,
                                 struct ops_key_page *ret_page, struct ops_error *error)
{
    if (sim_page_narrow(target->process->world, &limit))
        return ops_target_page(target->inner, segment, cursor, limit, ret_page, error);
    ops_key_page_clear(ret_page);
    ops_buf_append_text(&ret_page->cursor, cursor);
    return ops_buf_status(&ret_page->cursor);
}

static enum ops_status sim_page(struct ops_target *self, uint32_t segment, const char *cursor, size_t limit,
                                struct ops_key_page *ret_page, struct ops_error *error)
{
    struct sim_target *target = (struct sim_target *)self;
    if (!enter(target->process, SIM_SITE_PAGE))
        return OPS_STORE_UNAVAILABLE;
    enum ops_status status = draw_failure_of(target, SIM_SITE_PAGE, error);
    target->inner->remarks = self->remarks;
    if (status == OPS_OK)
        status = page_part(target, segment, cursor, limit, ret_page, error);
    sim_note_answer(target->process, target->number, status);
    trace_target(target, "page", status, status == OPS_OK ? ret_page->count : 0);
    return leave(target->process, SIM_SITE_PAGE) ? status : OPS_STORE_UNAVAILABLE;
}

/* Removes the keys at from..to that are to be removed, one by one: whoever looks meanwhile sees any part done. */
static enum ops_status remove_some(struct sim_target *target, const struct ops_key *keys, size_t from, size_t to,
                                   enum ops_removal *outcomes, struct ops_error *error)
{
    enum ops_status status = OPS_OK;
    struct sim_world *world = target->process->world;
    struct sim_vacuum *whose = sim_vacuum_find(world, target->process->at_work ? target->process->at_work->vacuum_id : "");
    for (size_t i = from; i < to && status == OPS_OK; i++) {
        if (outcomes[i] != OPS_REMOVED)
            continue;
        sim_check_under_way(target->process);
        world->removing = whose;
        status = ops_target_remove(target->inner, &keys[i], 1, &outcomes[i], error);
        world->removing = NULL;
    }
    return status;
}

static void begin_removal(struct sim_world *world)
{
    if (world->removals++ == 0)
        world->removal_end_ms = sim_monotonic_ms(world) + SIM_REMOVAL_MAX_MS;
}

/* Some time into the removal the process may be gone: a request that has left goes on without it, or does not. */
static enum ops_status remove_in_time(struct sim_target *target, const struct ops_key *keys, size_t count,
                                      enum ops_removal *outcomes, struct ops_error *error)
{
    struct sim_process *process = target->process;
    struct sim_world *world = process->world;
    size_t half = sim_below(&world->rng, (uint32_t)count + 1);
    enum ops_status status = remove_some(target, keys, 0, half, outcomes, error);
    be_delayed(process);
    if (status == OPS_OK && (!process->dead || sim_chance(&world->rng, 500)))
        status = remove_some(target, keys, half, count, outcomes, error);
    return status;
}

static enum ops_status carry_out(struct sim_target *target, const struct ops_key *keys, size_t count,
                                 enum ops_removal *outcomes, struct ops_error *error)
{
    struct sim_process *process = target->process;
    struct sim_world *world = process->world;
    bool lost = sim_trouble_takes_answer(world, target->number) || sim_chance(&world->rng, world->rates.remove_lost);
    sim_removal_draw(world, target->number, keys, count, outcomes);
    if (lost)
        sim_removal_lose(world, count, outcomes);
    enum ops_status status = remove_in_time(target, keys, count, outcomes, error);
    if (status != OPS_OK || !lost)
        return status;
    if (!process->dead && sim_chance(&world->rng, world->rates.lost_crash)) {
        sim_cloud_count(world, SIM_CLOUD_LOST_CRASH);
        sim_process_kill(process, SIM_SITE_REMOVE);
    }
    return OPS_UNKNOWN;
}

static enum ops_status sim_remove(struct ops_target *self, const struct ops_key *keys, size_t count,
                                  enum ops_removal *ret_outcomes, struct ops_error *error)
{
    struct sim_target *target = (struct sim_target *)self;
    struct sim_process *process = target->process;
    if (process->dead || process->world->violated)
        return OPS_STORE_UNAVAILABLE;
    sim_check_removal(process, target->number, target->generation, keys, count);
    begin_removal(process->world);
    bool entered = enter(process, SIM_SITE_REMOVE);
    enum ops_status status = entered ? draw_failure_of(target, SIM_SITE_REMOVE, error) : OPS_STORE_UNAVAILABLE;
    if (status == OPS_OK)
        status = carry_out(target, keys, count, ret_outcomes, error);
    if (entered)
        sim_note_answer(process, target->number, status);
    trace_target(target, "removal", status, count);
    process->world->removals--;
    sim_thing_may_go(process, target->number);
    return leave(process, SIM_SITE_REMOVE) ? status : OPS_STORE_UNAVAILABLE;
}

static enum ops_status sim_recount(struct ops_target *self, uint32_t segment, const char *receipt,
                                   struct ops_recount *ret_there, struct ops_error *error)
{
    struct sim_target *target = (struct sim_target *)self;
    if (!enter(target->process, SIM_SITE_RECOUNT))
        return OPS_STORE_UNAVAILABLE;
    enum ops_status status = draw_failure_of(target, SIM_SITE_RECOUNT, error);
    if (status == OPS_OK)
        status = ops_target_recount(target->inner, segment, receipt, ret_there, error);
    sim_note_answer(target->process, target->number, status);
    trace_target(target, "recount", status, status == OPS_OK ? ret_there->count : 0);
    target->process->world->numbers->settled += status == OPS_OK;
    return leave(target->process, SIM_SITE_RECOUNT) ? status : OPS_STORE_UNAVAILABLE;
}

static void sim_close(struct ops_target *self)
{
    struct sim_target *target = (struct sim_target *)self;
    ops_target_close(target->inner);
    ops_mem_free(target);
}

static enum ops_status sim_keep(struct ops_target *self, const struct ops_target_spec *tables, size_t count,
                                struct ops_error *error)
{
    return ops_target_keep(((struct sim_target *)self)->inner, tables, count, error);
}

static const struct ops_target_ops target_ops = {
    .page = sim_page, .remove = sim_remove, .recount = sim_recount, .close = sim_close, .keep = sim_keep};

/* Whether the plan cuts the target otherwise than it would be cut now. */
static bool was_recut(const struct sim_world *world, size_t target, const struct ops_target_spec *spec)
{
    return spec->split && strtoul(spec->split, NULL, 10) != world->limits[target].segment_count;
}

static enum ops_status wrap(struct sim_process *process, struct ops_target *inner, const struct ops_target_spec *spec,
                            size_t number, struct ops_target **ret_target)
{
    struct sim_target *target = ops_mem_zeroed(1, sizeof *target);
    if (!target) {
        ops_target_close(inner);
        return OPS_NO_MEMORY;
    }
    target->base = *inner;
    target->base.ops = &target_ops;
    target->process = process;
    target->inner = inner;
    target->number = number;
    target->generation = process->world->things[number].generation;
    if (was_recut(process->world, number, spec))
        sim_cloud_count(process->world, SIM_CLOUD_AS_PLANNED);
    *ret_target = &target->base;
    return OPS_OK;
}

static enum ops_status sim_open(struct ops_catalogue *self, const struct ops_target_spec *spec,
                                const struct ops_scope *scope, struct ops_target **ret_target, struct ops_error *error)
{
    struct sim_process *process = ((struct sim_catalogue *)self)->process;
    struct ops_target *inner = NULL;
    size_t number = sim_stack_find(process->world, spec->kind, spec->name);
    if (!enter(process, SIM_SITE_OPEN))
        return OPS_STORE_UNAVAILABLE;
    sim_thing_may_change(process->world, number);
    enum ops_status status = draw_failure_at(process, SIM_SITE_OPEN, number);
    if (status == OPS_THROTTLED && !sim_trouble_lasts(process->world, number) && sim_chance(&process->world->rng, 100))
        status = ops_fail(error, OPS_TARGET_ERROR, "The target is not what it should be.");
    if (status == OPS_OK)
        status = ops_catalogue_open(process->world->catalogue, spec, scope, &inner, error);
    sim_note_answer(process, number, status);
    struct ops_target *target = NULL;
    if (status == OPS_OK)
        status = wrap(process, inner, spec, number, &target);
    if (!leave(process, SIM_SITE_OPEN)) {
        ops_target_close(target);
        return OPS_STORE_UNAVAILABLE;
    }
    if (status == OPS_OK)
        *ret_target = target;
    return status;
}

static enum ops_status sim_list(struct ops_catalogue *self, enum ops_target_kind kind, ops_on_resource_fn on_resource,
                                void *context, struct ops_error *error)
{
    struct sim_process *process = ((struct sim_catalogue *)self)->process;
    if (!enter(process, SIM_SITE_LIST))
        return OPS_STORE_UNAVAILABLE;
    enum ops_status status = draw_failure(process, SIM_SITE_LIST);
    if (status == OPS_OK)
        status = ops_catalogue_list(process->world->catalogue, kind, on_resource, context, error);
    return leave(process, SIM_SITE_LIST) ? status : OPS_STORE_UNAVAILABLE;
}

static enum ops_status sim_identify(struct ops_catalogue *self, const struct ops_target_spec *spec,
                                    struct ops_identity *ret_identity, struct ops_error *error)
{
    struct sim_process *process = ((struct sim_catalogue *)self)->process;
    return ops_catalogue_identify(process->world->catalogue, spec, ret_identity, error);
}

static enum ops_status sim_where(struct ops_catalogue *self, json_t **ret_place, struct ops_error *error)
{
    struct sim_process *process = ((struct sim_catalogue *)self)->process;
    return ops_catalogue_where(process->world->catalogue, ret_place, error);
}

static void sim_catalogue_release(struct ops_catalogue *self)
{
    (void)self; /* the world's own outlives every process; likewise below */
}

static const struct ops_catalogue_ops catalogue_ops = {.list = sim_list,
                                                       .identify = sim_identify,
                                                       .where = sim_where,
                                                       .open = sim_open,
                                                       .release = sim_catalogue_release};

/* ---- Log sink, hasher, sessions ---- */

static enum ops_status sim_append(struct ops_log_sink *self, const struct ops_log_event *events, size_t count,
                                  struct ops_error *error)
{
    struct sim_process *process = ((struct sim_log_sink *)self)->process;
    struct sim_world *world = process->world;
    if (!enter(process, SIM_SITE_LOG))
        return OPS_STORE_UNAVAILABLE;
    enum ops_status status = draw_failure(process, SIM_SITE_LOG);
    bool lost = status == OPS_OK && sim_chance(&world->rng, world->rates.log_lost);
    size_t written = lost ? sim_below(&world->rng, (uint32_t)count + 1) : count;
    if (status == OPS_OK && written > 0)
        status = ops_log_sink_append(world->log_sink, events, written, error);
    if (status == OPS_OK && lost) {
        sim_count_fault(world, SIM_SITE_LOG);
        status = OPS_UNKNOWN;
    }
    return leave(process, SIM_SITE_LOG) ? status : OPS_STORE_UNAVAILABLE;
}

static enum ops_status sim_log_read(struct ops_log_sink *self, size_t last, ops_on_log_event_fn on_event, void *context,
                                    struct ops_error *error)
{
    struct sim_process *process = ((struct sim_log_sink *)self)->process;
    if (!enter(process, SIM_SITE_LOG))
        return OPS_STORE_UNAVAILABLE;
    enum ops_status status = draw_failure(process, SIM_SITE_LOG);
    if (status == OPS_OK)
        status = ops_log_sink_read(process->world->log_sink, last, on_event, context, error);
    return leave(process, SIM_SITE_LOG) ? status : OPS_STORE_UNAVAILABLE;
}

static void sim_log_sink_release(struct ops_log_sink *self)
{
    (void)self;
}

static const struct ops_log_sink_ops log_sink_ops = {
    .append = sim_append, .read = sim_log_read, .release = sim_log_sink_release};

static enum ops_status sim_hash(struct ops_hasher *self, struct ops_view secret, const uint8_t salt[static OPS_SALT_BYTES],
                                char ret_phc[static OPS_PHC_SIZE])
{
    struct sim_process *process = ((struct sim_hasher *)self)->process;
    if (!enter(process, SIM_SITE_HASHER) || draw_failure(process, SIM_SITE_HASHER) != OPS_OK)
        return OPS_NO_MEMORY;
    return ops_hasher_hash(ops_memory_hasher(), secret, salt, ret_phc);
}

static enum ops_status sim_verify(struct ops_hasher *self, struct ops_view secret, struct ops_view phc)
{
    struct sim_process *process = ((struct sim_hasher *)self)->process;
    if (!enter(process, SIM_SITE_HASHER) || draw_failure(process, SIM_SITE_HASHER) != OPS_OK)
        return OPS_NO_MEMORY;
    return ops_hasher_verify(ops_memory_hasher(), secret, phc);
}

static const struct ops_hasher_ops hasher_ops = {.hash = sim_hash, .verify = sim_verify};

static enum ops_status sim_session(struct ops_session_source *self, struct ops_view guid, int64_t now_ms,
                                   struct ops_session *ret_session, struct ops_error *error)
{
    struct sim_process *process = ((struct sim_sessions *)self)->process;
    if (!enter(process, SIM_SITE_SESSION) || draw_failure(process, SIM_SITE_SESSION) != OPS_OK)
        return OPS_SESSION_STORE_UNAVAILABLE;
    return ops_session_check(process->world->sessions, guid, now_ms, ret_session, error);
}

static void sim_sessions_release(struct ops_session_source *self)
{
    (void)self;
}

static const struct ops_session_source_ops session_ops = {.check = sim_session, .release = sim_sessions_release};

void sim_ports_init(struct sim_process *process)
{
    struct sim_world *world = process->world;
    process->clock = (struct sim_clock){{&clock_ops}, process, 0, sim_between(&world->rng, 0, OPS_DAY_MS)};
    if (world->ahead_most_ms) {
        process->clock.ahead_ms = sim_between(&world->rng, -world->ahead_most_ms, world->ahead_most_ms);
        sim_cloud_count(world, SIM_CLOUD_APART);
    }
    for (size_t i = 0; i < SIM_TARGETS_MAX; i++)
        process->silent_since_ms[i] = -1;
    process->store = (struct sim_store){{&store_ops}, process};
    process->catalogue = (struct sim_catalogue){{&catalogue_ops}, process};
    process->log_sink = (struct sim_log_sink){{&log_sink_ops}, process};
    process->hasher = (struct sim_hasher){{&hasher_ops}, process};
    process->sessions = (struct sim_sessions){{&session_ops}, process};
}
