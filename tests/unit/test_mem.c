#include "base/mem.h"

#include "support/cmocka_all.h"

#include <stdint.h>
#include <stdlib.h>

static void a_list_keeps_its_items_however_long_it_gets(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    int *items = NULL;
    size_t capacity = 0, moves = 0;
    for (size_t count = 0; count < COUNT; count++) {
        size_t before = capacity;
        items = ops_mem_room(items, count, &capacity, sizeof *items);
        assert_non_null(items);
        assert_true(count < capacity);
        moves += capacity != before;
        items[count] = (int)count;
    }
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(items[i], (int)i);
    assert_true(moves < 10); /* doubled, and not one by one */
    ops_mem_free(items);
}

static void *no_block(void *block, size_t size_bytes)
{
    (void)block;
    (void)size_bytes;
    return NULL;
}

static void without_memory_the_list_is_as_it_was(void **state)
{
    (void)state;
    const struct ops_mem_functions none = {malloc, no_block, free};
    char item = 'a';
    size_t capacity = 1;
    ops_mem_use(&none);
    assert_null(ops_mem_room(&item, 1, &capacity, 1));
    ops_mem_use(NULL);
    assert_int_equal(capacity, 1);
    assert_ptr_equal(ops_mem_room(&item, 0, &capacity, 1), &item);
}

static void a_list_of_more_bytes_than_there_can_be_is_no_list(void **state)
{
    (void)state;
    size_t capacity = SIZE_MAX / 8;
    assert_null(ops_mem_room(NULL, capacity, &capacity, 16));
    assert_int_equal(capacity, SIZE_MAX / 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_keeps_its_items_however_long_it_gets),
        cmocka_unit_test(without_memory_the_list_is_as_it_was),
        cmocka_unit_test(a_list_of_more_bytes_than_there_can_be_is_no_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
