#include "adapters/sys/random.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* Each thread keeps a pool, so that an id costs no system call. What has been given out is wiped from the pool, so that a
 * later look at the memory does not tell it. A forked child would give out the same bytes as its parent; it therefore
 * finds another generation than its pool's, and fills the pool anew. */
enum { POOL_BYTES = 256 }; /* getrandom is never cut short up to this size */

struct pool {
    uint8_t bytes[POOL_BYTES];
    size_t left; /* the last left bytes are unused */
    unsigned generation;
};

static _Thread_local struct pool pool;
static atomic_uint fork_generation;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

static void count_fork(void)
{
    atomic_fetch_add(&fork_generation, 1);
}

static void watch_forks(void)
{
    (void)pthread_atfork(NULL, NULL, count_fork); /* without memory a child repeats at most one pool of its parent's ids */
}

/* There is nothing sensible to go on with when the kernel has no randomness: ids and salts would repeat. */
static void read_kernel(uint8_t *bytes, size_t count)
{
    while (count > 0) {
        ssize_t got = getrandom(bytes, count, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            abort();
        bytes += got;
        count -= (size_t)got;
    }
}

static void system_fill(struct ops_random *self, uint8_t *bytes, size_t count)
{
    (void)self;
    if (count > POOL_BYTES / 2) {
        read_kernel(bytes, count);
        return;
    }
    (void)pthread_once(&fork_once, watch_forks);
    unsigned generation = atomic_load(&fork_generation);
    if (pool.left < count || pool.generation != generation) {
        read_kernel(pool.bytes, POOL_BYTES);
        pool.left = POOL_BYTES;
        pool.generation = generation;
    }
    uint8_t *unused = pool.bytes + POOL_BYTES - pool.left;
    memcpy(bytes, unused, count);
    OPENSSL_cleanse(unused, count);
    pool.left -= count;
}

static const struct ops_random_ops system_ops = {
    .fill = system_fill,
};

struct ops_random *ops_system_random(void)
{
    static struct ops_random random = {&system_ops};
    return &random;
}
