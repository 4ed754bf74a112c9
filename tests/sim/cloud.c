/*
 * What the services of a cloud do that a database on a local disk doesn't. They throttle for a while, take a part of a
 * batch, lose answers, know a transaction by its token, and give pages that are not full, though more follows.
 *
 * Sources: Amazon DynamoDB API Reference, "BatchWriteItem" (UnprocessedItems), "TransactWriteItems" (ClientRequestToken),
 * "Query" and "Scan" (LastEvaluatedKey); Amazon S3 API Reference, "DeleteObjects" (an error for each key), "ListObjectsV2"
 * (IsTruncated); Amazon S3 User Guide, "Optimizing Amazon S3 performance" (503 Slow Down).
 */
#include "sim/sim.h"

#include "base/retry.h"

#include <string.h>

#define TOKEN_LIFETIME_MS (10 * OPS_MINUTE_MS)

enum { STORM_STEPS_MAX = 150, STORM_LEAST_PER_MILLE = 600, BUSY_LEAST_MS = 500, BUSY_MOST_MS = 240000 };

void sim_cloud_count(struct sim_world *world, enum sim_cloud what)
{
    world->numbers->cloud[what]++;
}

static bool chance(struct sim_world *world, uint32_t per_mille)
{
    return sim_chance(&world->rng, per_mille);
}

/* ---- Storms ---- */

static const char *place_name(const struct sim_world *world, size_t place)
{
    return place == SIM_PLACE_STORE ? "the store" : world->targets[place]->name;
}

void sim_storm_gathers(struct sim_world *world)
{
    world->tick++;
    if (!chance(world, world->rates.storm))
        return;
    size_t place = sim_below(&world->rng, (uint32_t)world->target_count + 1);
    if (place == world->target_count)
        place = SIM_PLACE_STORE;
    world->storms[place] = (struct sim_storm){
        .until_tick = world->tick + (uint64_t)sim_between(&world->rng, 5, STORM_STEPS_MAX),
        .per_mille = (uint32_t)sim_between(&world->rng, STORM_LEAST_PER_MILLE, 1000),
    };
    sim_cloud_count(world, SIM_CLOUD_STORM);
    sim_trace(world, "a storm gathers over %s: %u of 1000 calls are throttled", place_name(world, place),
              world->storms[place].per_mille);
}

bool sim_storm_throttles(struct sim_world *world, size_t place)
{
    const struct sim_storm *storm = &world->storms[place];
    if (storm->until_tick <= world->tick || !chance(world, storm->per_mille))
        return false;
    sim_cloud_count(world, SIM_CLOUD_STORM_CALL);
    return true;
}

/* ---- Removals ---- */

/* A partition that has more to do than it can is not done with it at once. */
static bool is_busy(struct sim_world *world, struct sim_record *record)
{
    int64_t now_ms = sim_monotonic_ms(world);
    if (record->busy_until_ms <= now_ms && chance(world, world->rates.key_busy)) {
        record->busy_until_ms = now_ms + sim_between(&world->rng, BUSY_LEAST_MS, BUSY_MOST_MS);
        sim_cloud_count(world, SIM_CLOUD_BUSY);
    }
    return world->rates.key_busy && record->busy_until_ms > now_ms;
}

/* untaken_per_mille: of the keys that this removal leaves. */
static enum ops_removal draw_outcome(struct sim_world *world, struct sim_record *record, uint32_t untaken_per_mille)
{
    if ((record && record->stuck) || chance(world, world->rates.key_failed))
        return OPS_FAILED;
    if ((record && is_busy(world, record)) || chance(world, untaken_per_mille))
        return OPS_RETRY;
    return OPS_REMOVED;
}

static void note_outcome(struct sim_world *world, struct sim_record *record, enum ops_removal outcome)
{
    if (outcome != OPS_REMOVED)
        sim_count_fault(world, SIM_SITE_REMOVE);
    if (outcome == OPS_FAILED)
        sim_cloud_count(world, SIM_CLOUD_REFUSED);
    if (outcome == OPS_RETRY)
        sim_cloud_count(world, SIM_CLOUD_UNTAKEN);
    if (!record)
        return;
    record->untaken = outcome == OPS_RETRY ? record->untaken + 1 : 0;
    if (record->untaken == OPS_RETRY_ATTEMPTS_MAX)
        sim_cloud_count(world, SIM_CLOUD_EXHAUSTED);
}

static size_t count_outcomes(const enum ops_removal *outcomes, size_t count, enum ops_removal outcome)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        found += outcomes[i] == outcome;
    return found;
}

void sim_removal_draw(struct sim_world *world, size_t target, const struct ops_key *keys, size_t count,
                      enum ops_removal *outcomes)
{
    uint32_t untaken_per_mille = chance(world, world->rates.partial) ? 1 + sim_below(&world->rng, 1000) : 0;
    for (size_t i = 0; i < count; i++) {
        struct sim_record *record = sim_stack_key(world, target, &keys[i]);
        outcomes[i] = draw_outcome(world, record, untaken_per_mille);
        note_outcome(world, record, outcomes[i]);
    }
    size_t untaken = count_outcomes(outcomes, count, OPS_RETRY);
    if (untaken > 0 && untaken < count)
        sim_cloud_count(world, SIM_CLOUD_PARTIAL);
}

void sim_removal_lose(struct sim_world *world, size_t count, enum ops_removal *outcomes)
{
    static const uint32_t done_per_mille[] = {0, 500, 1000};
    uint32_t fate = sim_below(&world->rng, sizeof done_per_mille / sizeof done_per_mille[0]);
    for (size_t i = 0; i < count; i++)
        if (!chance(world, done_per_mille[fate]))
            outcomes[i] = OPS_RETRY;
    size_t done = count_outcomes(outcomes, count, OPS_REMOVED);
    sim_count_fault(world, SIM_SITE_REMOVE);
    sim_cloud_count(world, done == 0 ? SIM_CLOUD_LOST_NONE : done < count ? SIM_CLOUD_LOST_PART : SIM_CLOUD_LOST_ALL);
}

/* ---- Pages ---- */

bool sim_query_narrow(struct sim_world *world, struct ops_query *query)
{
    if (chance(world, world->rates.query_empty)) {
        sim_cloud_count(world, SIM_CLOUD_QUERY_EMPTY);
        return false;
    }
    if (query->limit > 1 && chance(world, world->rates.query_short)) {
        query->limit = 1 + sim_below(&world->rng, query->limit < 8 ? (uint32_t)query->limit - 1 : 8);
        sim_cloud_count(world, SIM_CLOUD_QUERY_SHORT);
    }
    return true;
}

void sim_query_widen(struct sim_world *world, struct ops_store_page *page)
{
    if (page->more || !page->last_sk[0] || !chance(world, world->rates.query_vain))
        return;
    page->more = true;
    sim_cloud_count(world, SIM_CLOUD_QUERY_VAIN);
}

bool sim_page_narrow(struct sim_world *world, size_t *limit)
{
    if (chance(world, world->rates.page_empty)) {
        sim_cloud_count(world, SIM_CLOUD_PAGE_EMPTY);
        return false;
    }
    if (*limit > 1 && chance(world, world->rates.page_short)) {
        *limit = 1 + sim_below(&world->rng, (uint32_t)*limit - 1);
        sim_cloud_count(world, SIM_CLOUD_PAGE_SHORT);
    }
    return true;
}

/* ---- Tokens ---- */

void sim_token_keep(struct sim_world *world, const struct ops_txn *txn)
{
    struct sim_token *token = &world->tokens[world->token_count++ % SIM_TOKENS_MAX];
    memcpy(token->token, txn->token, sizeof token->token);
    token->done_ms = sim_monotonic_ms(world);
}

/* Whether the transaction was done before, and within the time that the store remembers it. */
bool sim_token_known(struct sim_world *world, const struct ops_txn *txn)
{
    size_t oldest = world->token_count < SIM_TOKENS_MAX ? 0 : world->token_count - SIM_TOKENS_MAX;
    for (size_t i = world->token_count; i-- > oldest;) {
        const struct sim_token *token = &world->tokens[i % SIM_TOKENS_MAX];
        if (memcmp(token->token, txn->token, sizeof token->token) != 0)
            continue;
        bool known = world->knows_tokens && sim_monotonic_ms(world) - token->done_ms < TOKEN_LIFETIME_MS;
        if (world->knows_tokens)
            sim_cloud_count(world, known ? SIM_CLOUD_TOKEN_KNOWN : SIM_CLOUD_TOKEN_FORGOTTEN);
        return known;
    }
    return false;
}
