#include "adapters/memory/clock.h"
#include "adapters/memory/random.h"
#include "adapters/sys/clock.h"
#include "adapters/sys/random.h"
#include "support/cmocka_all.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void the_system_clock_tells_the_time_and_never_goes_back(void **state)
{
    (void)state;
    struct ops_clock *clock = ops_system_clock();
    int64_t before_ms = (int64_t)time(NULL) * OPS_SECOND_MS;
    int64_t now_ms = ops_clock_now_ms(clock);
    assert_in_range(now_ms, before_ms - OPS_SECOND_MS, before_ms + 10 * OPS_SECOND_MS);
    int64_t last_ms = ops_clock_monotonic_ms(clock), last_boot_ms = ops_clock_boot_ms(clock);
    for (int i = 0; i < 1000; i++) {
        int64_t next_ms = ops_clock_monotonic_ms(clock), next_boot_ms = ops_clock_boot_ms(clock);
        assert_true(next_ms >= last_ms);
        /* The one that goes on while the machine sleeps is never behind the other. */
        assert_true(next_boot_ms >= last_boot_ms && next_boot_ms >= next_ms);
        last_ms = next_ms;
        last_boot_ms = next_boot_ms;
    }
}

static void the_memory_clock_moves_only_when_told(void **state)
{
    (void)state;
    struct ops_clock *clock = NULL;
    assert_int_equal(ops_memory_clock_new(1000, &clock), OPS_OK);
    assert_int_equal(ops_clock_now_ms(clock), 1000);
    ops_memory_clock_advance(clock, 500);
    assert_int_equal(ops_clock_now_ms(clock), 1500);
    int64_t monotonic_ms = ops_clock_monotonic_ms(clock);
    assert_int_equal(ops_clock_boot_ms(clock), monotonic_ms);
    ops_memory_clock_set(clock, 7);
    assert_int_equal(ops_clock_now_ms(clock), 7);
    assert_int_equal(ops_clock_monotonic_ms(clock), monotonic_ms);
    assert_int_equal(ops_clock_boot_ms(clock), monotonic_ms);
    ops_memory_clock_sleep(clock, 100);
    assert_int_equal(ops_clock_now_ms(clock), 107);
    assert_int_equal(ops_clock_monotonic_ms(clock), monotonic_ms);
    assert_int_equal(ops_clock_boot_ms(clock), monotonic_ms + 100);
    ops_memory_clock_advance(clock, 1);
    assert_int_equal(ops_clock_monotonic_ms(clock), monotonic_ms + 1);
    ops_memory_clock_free(clock);
}

static void the_same_seed_gives_the_same_bytes(void **state)
{
    (void)state;
    uint8_t bytes[3][37];
    for (int i = 0; i < 3; i++) {
        struct ops_random *random = NULL;
        assert_int_equal(ops_memory_random_new(i == 2 ? 8 : 7, &random), OPS_OK);
        ops_random_fill(random, bytes[i], sizeof bytes[i]);
        ops_memory_random_free(random);
    }
    assert_memory_equal(bytes[0], bytes[1], sizeof bytes[0]);
    assert_memory_not_equal(bytes[0], bytes[2], sizeof bytes[0]);
}

/* Vector of the reference implementation, seed 0. */
static void the_memory_generator_is_splitmix64(void **state)
{
    (void)state;
    struct ops_random *random = NULL;
    assert_int_equal(ops_memory_random_new(0, &random), OPS_OK);
    assert_true(ops_memory_random_next(random) == UINT64_C(0xE220A8397B1DCDAF));
    assert_true(ops_memory_random_next(random) == UINT64_C(0x6E789E6AA1B965F4));
    ops_memory_random_free(random);
}

enum { ID_COUNT = 2000 };

static int compare_ids(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void system_ids_are_all_different(void **state)
{
    (void)state;
    static char ids[ID_COUNT][OPS_ULID_SIZE];
    for (int i = 0; i < ID_COUNT; i++)
        ops_random_ulid(ops_system_random(), 0, ids[i]);
    qsort(ids, ID_COUNT, sizeof ids[0], compare_ids);
    for (int i = 1; i < ID_COUNT; i++)
        assert_string_not_equal(ids[i - 1], ids[i]);
}

static void requests_of_every_size_are_filled(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 10, 127, 128, 129, 256, 257, 5000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint8_t bytes[5002];
        memset(bytes, 0, sizeof bytes);
        ops_random_fill(ops_system_random(), bytes + 1, sizes[i]);
        size_t zeros = 0;
        for (size_t k = 1; k <= sizes[i]; k++)
            zeros += bytes[k] == 0;
        assert_true(zeros <= sizes[i] / 16 + 1);
        assert_int_equal(bytes[0], 0);
        assert_int_equal(bytes[sizes[i] + 1], 0);
    }
}

static void a_forked_child_gets_other_bytes_than_its_parent(void **state)
{
    (void)state;
    uint8_t ours[16], theirs[16];
    int ends[2];
    ops_random_fill(ops_system_random(), ours, sizeof ours);
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        ops_random_fill(ops_system_random(), theirs, sizeof theirs);
        _exit(write(ends[1], theirs, sizeof theirs) == sizeof theirs ? 0 : 1);
    }
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(read(ends[0], theirs, sizeof theirs), sizeof theirs);
    ops_random_fill(ops_system_random(), ours, sizeof ours);
    assert_memory_not_equal(ours, theirs, sizeof ours);
    assert_int_equal(close(ends[0]) + close(ends[1]), 0);
}

static void *fill_often(void *random)
{
    uint8_t bytes[10];
    for (int i = 0; i < 1000; i++)
        ops_random_fill(random, bytes, sizeof bytes);
    return NULL;
}

static void several_threads_may_fill_at_once(void **state)
{
    (void)state;
    struct ops_random *seeded = NULL;
    pthread_t threads[4];
    assert_int_equal(ops_memory_random_new(1, &seeded), OPS_OK);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, fill_often, i % 2 ? seeded : ops_system_random()), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    ops_memory_random_free(seeded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_system_clock_tells_the_time_and_never_goes_back),
        cmocka_unit_test(the_memory_clock_moves_only_when_told),
        cmocka_unit_test(the_same_seed_gives_the_same_bytes),
        cmocka_unit_test(the_memory_generator_is_splitmix64),
        cmocka_unit_test(system_ids_are_all_different),
        cmocka_unit_test(requests_of_every_size_are_filled),
        cmocka_unit_test(a_forked_child_gets_other_bytes_than_its_parent),
        cmocka_unit_test(several_threads_may_fill_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
