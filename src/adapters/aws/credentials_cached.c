/* Keys that are kept for as long as they count.
 *
 * At most one thread is at the source at any time. While it is there the others use the keys that there are; when there are
 * none they wait, and what comes of the fetch, keys or an error, is the answer for all who have waited. After a fetch the
 * source is left in peace for a while as long as the keys count: it may be out of order, or give keys that end soon.
 */
#include "adapters/aws/credentials.h"

#include "base/mem.h"

#include <pthread.h>

#define EARLY_MS (5 * OPS_MINUTE_MS)
#define PEACE_MS (10 * OPS_SECOND_MS)

struct cached {
    struct ops_aws_credentials base;
    struct ops_aws_credentials *inner;
    struct ops_clock *clock;
    pthread_mutex_t mutex;
    pthread_cond_t fetched; /* a fetch is over */
    struct {
        struct ops_aws_keys keys;
        bool has_keys;
        bool fetching;
        uint64_t fetch_count;        /* that are over */
        int64_t peace_until_ms;      /* monotonic */
        enum ops_status last_status; /* of the last fetch */
        struct ops_error last_error;
    } synced;
};

static struct cached *cached(struct ops_aws_credentials *self)
{
    return (struct cached *)self;
}

static bool count_for_locked(const struct cached *cached, int64_t duration_ms)
{
    return cached->synced.has_keys && cached->synced.keys.expires_ms - duration_ms > ops_clock_now_ms(cached->clock);
}

/* Whether the keys are to be used as they are, and the source not asked. */
static bool keys_will_do_locked(const struct cached *cached)
{
    if (count_for_locked(cached, EARLY_MS))
        return true;
    bool in_peace = ops_clock_monotonic_ms(cached->clock) < cached->synced.peace_until_ms;
    return (cached->synced.fetching || in_peace) && count_for_locked(cached, 0);
}

static void forget_keys_locked(struct cached *cached)
{
    ops_aws_keys_wipe(&cached->synced.keys);
    cached->synced.has_keys = false;
}

static enum ops_status check_expiry(const struct cached *cached, const struct ops_aws_keys *keys, struct ops_error *error)
{
    char text[OPS_INSTANT_TEXT_SIZE];
    if (keys->expires_ms > ops_clock_now_ms(cached->clock))
        return OPS_OK;
    ops_instant_format(keys->expires_ms, text);
    return ops_fail(error, OPS_STORE_UNAVAILABLE, "The source of the AWS credentials gives keys that ended at %s.", text);
}

/* Goes to the source without the lock, and comes back with it. */
static void fetch_locked(struct cached *cached)
{
    struct ops_aws_keys keys;
    struct ops_error error = OPS_ERROR_INIT;
    cached->synced.fetching = true;
    pthread_mutex_unlock(&cached->mutex);
    enum ops_status status = ops_aws_credentials_fetch(cached->inner, &keys, &error);
    if (status == OPS_OK)
        status = check_expiry(cached, &keys, &error);
    pthread_mutex_lock(&cached->mutex);
    cached->synced.fetching = false;
    cached->synced.fetch_count++;
    cached->synced.peace_until_ms = ops_clock_monotonic_ms(cached->clock) + PEACE_MS;
    cached->synced.last_status = status;
    ops_error_release(&cached->synced.last_error);
    cached->synced.last_error = error;
    if (status == OPS_OK) {
        cached->synced.keys = keys;
        cached->synced.has_keys = true;
    }
    ops_aws_keys_wipe(&keys);
    pthread_cond_broadcast(&cached->fetched);
}

static void wait_locked(struct cached *cached)
{
    uint64_t before = cached->synced.fetch_count;
    while (cached->synced.fetch_count == before)
        pthread_cond_wait(&cached->fetched, &cached->mutex);
}

/* Goes round once more only when keys were rejected, or ended, before we had a look at them. */
static enum ops_status fetch_keys_locked(struct cached *cached, struct ops_aws_keys *ret_keys, struct ops_error *error)
{
    bool will_do = keys_will_do_locked(cached);
    while (!will_do) {
        if (cached->synced.fetching)
            wait_locked(cached);
        else
            fetch_locked(cached);
        will_do = count_for_locked(cached, 0);
        if (!will_do && cached->synced.last_status != OPS_OK)
            return ops_fail(error, cached->synced.last_status, "%s",
                            ops_error_text(&cached->synced.last_error, cached->synced.last_status));
    }
    *ret_keys = cached->synced.keys;
    return OPS_OK;
}

static enum ops_status cached_fetch(struct ops_aws_credentials *self, struct ops_aws_keys *ret_keys, struct ops_error *error)
{
    struct cached *kept = cached(self);
    pthread_mutex_lock(&kept->mutex);
    enum ops_status status = fetch_keys_locked(kept, ret_keys, error);
    pthread_mutex_unlock(&kept->mutex);
    return status;
}

static void cached_release(struct ops_aws_credentials *self)
{
    struct cached *kept = cached(self);
    ops_aws_credentials_release(kept->inner);
    ops_error_release(&kept->synced.last_error);
    ops_aws_keys_wipe(&kept->synced.keys);
    (void)pthread_cond_destroy(&kept->fetched);
    (void)pthread_mutex_destroy(&kept->mutex);
    ops_mem_free(kept);
}

static const struct ops_aws_credentials_ops cached_ops = {
    .fetch = cached_fetch,
    .release = cached_release,
};

enum ops_status ops_aws_cached_credentials_new(struct ops_aws_credentials *inner, struct ops_clock *clock,
                                               struct ops_aws_credentials **ret_credentials)
{
    struct cached *made = ops_mem_zeroed(1, sizeof *made);
    if (!made) {
        ops_aws_credentials_release(inner);
        return OPS_NO_MEMORY;
    }
    made->base.ops = &cached_ops;
    made->inner = inner;
    made->clock = clock;
    (void)pthread_mutex_init(&made->mutex, NULL); /* neither needs resources on Linux */
    (void)pthread_cond_init(&made->fetched, NULL);
    *ret_credentials = &made->base;
    return OPS_OK;
}

void ops_aws_cached_credentials_reject(struct ops_aws_credentials *credentials, const struct ops_aws_keys *keys)
{
    struct cached *kept = cached(credentials);
    pthread_mutex_lock(&kept->mutex);
    const struct ops_aws_keys *own = &kept->synced.keys;
    if (kept->synced.has_keys && strcmp(own->access_key_id, keys->access_key_id) == 0 &&
        strcmp(own->secret_access_key, keys->secret_access_key) == 0 && strcmp(own->session_token, keys->session_token) == 0)
        forget_keys_locked(kept);
    pthread_mutex_unlock(&kept->mutex);
}
