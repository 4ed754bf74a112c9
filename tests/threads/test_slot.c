/* What is in a slot is replaced while others use it. What it finds beyond its own checks, TSan and ASan find. */
#include "base/slot.h"

#include "base/mem.h"
#include "support/cmocka_all.h"

#include <stdatomic.h>

enum { READERS = 3, REPLACEMENTS = 3000 };

struct thing {
    int number; /* not atomic: nobody changes it once it is shared */
    int half;   /* number once more */
};

static atomic_int alive;

static void free_thing(void *context)
{
    struct thing *thing = context;
    assert_int_equal(thing->number, thing->half);
    thing->number = -1;
    ops_mem_free(thing);
    atomic_fetch_sub(&alive, 1);
}

static struct ops_shared *make(int number)
{
    struct thing *thing = ops_mem_alloc(sizeof *thing);
    struct ops_shared *shared = NULL;
    assert_non_null(thing);
    *thing = (struct thing){number, number};
    assert_int_equal(ops_shared_new(thing, free_thing, &shared), OPS_OK);
    atomic_fetch_add(&alive, 1);
    return shared;
}

static int number_of(const struct ops_shared *shared)
{
    return ((const struct thing *)ops_shared_thing(shared))->number;
}

static void who_holds_it_keeps_it_after_it_was_replaced(void **state)
{
    (void)state;
    struct ops_slot slot;
    ops_slot_init(&slot, make(1));
    struct ops_shared *first = ops_slot_hold(&slot);
    ops_slot_replace(&slot, make(2));
    struct ops_shared *second = ops_slot_hold(&slot);
    assert_int_equal(number_of(first), 1);
    assert_int_equal(number_of(second), 2);
    assert_int_equal(atomic_load(&alive), 2);
    ops_shared_let_go(first);
    assert_int_equal(atomic_load(&alive), 1);
    ops_slot_release(&slot);
    assert_int_equal(number_of(second), 2);
    ops_shared_let_go(second);
    assert_int_equal(atomic_load(&alive), 0);
}

static void what_is_not_ours_is_not_freed(void **state)
{
    (void)state;
    struct thing mine = {7, 7};
    struct ops_shared *shared = NULL;
    struct ops_slot slot;
    assert_int_equal(ops_shared_new(&mine, NULL, &shared), OPS_OK);
    ops_slot_init(&slot, shared);
    ops_slot_replace(&slot, make(8));
    assert_int_equal(mine.number, 7);
    ops_slot_release(&slot);
    ops_shared_let_go(NULL);
    assert_int_equal(atomic_load(&alive), 0);
}

struct readers {
    struct ops_slot slot;
    atomic_bool over;
};

static void *read_on(void *context)
{
    struct readers *readers = context;
    int last = 0;
    while (!atomic_load(&readers->over)) {
        struct ops_shared *shared = ops_slot_hold(&readers->slot);
        struct ops_shared *again = ops_slot_hold(&readers->slot);
        assert_true(number_of(shared) >= last && number_of(again) >= number_of(shared));
        last = number_of(again);
        ops_shared_let_go(shared);
        ops_shared_let_go(again);
    }
    return NULL;
}

static void nobody_sees_one_that_was_freed_and_none_is_left_over(void **state)
{
    (void)state;
    struct readers readers;
    pthread_t threads[READERS];
    ops_slot_init(&readers.slot, make(0));
    atomic_init(&readers.over, false);
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_on, &readers), 0);
    for (int i = 1; i <= REPLACEMENTS; i++)
        ops_slot_replace(&readers.slot, make(i));
    atomic_store(&readers.over, true);
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(atomic_load(&alive), 1);
    ops_slot_release(&readers.slot);
    assert_int_equal(atomic_load(&alive), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_holds_it_keeps_it_after_it_was_replaced),
        cmocka_unit_test(what_is_not_ours_is_not_freed),
        cmocka_unit_test(nobody_sees_one_that_was_freed_and_none_is_left_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
