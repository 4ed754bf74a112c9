#include "base/mem_wipe.h"

#include "support/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

static void a_block_keeps_what_is_in_it_however_it_is_resized(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 16, 17, 100, 5000, 300000, 299999, 80, 8};
    char *block = NULL;
    size_t kept = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        block = ops_mem_wipe_resize(block, sizes[i]);
        assert_non_null(block);
        kept = kept < sizes[i] ? kept : sizes[i];
        for (size_t k = 0; k < kept; k++)
            assert_int_equal(block[k], (char)('a' + k % 23));
        for (size_t k = kept; k < sizes[i]; k++)
            block[k] = (char)('a' + k % 23);
        kept = sizes[i];
    }
    ops_mem_wipe_free(block);
    ops_mem_wipe_free(NULL);
}

static void json_and_buffers_live_on_it(void **state)
{
    (void)state;
    ops_mem_use(ops_mem_wiping());
    char *text = ops_mem_strdup("a secret");
    text = ops_mem_resize(text, 4096);
    assert_string_equal(text, "a secret");
    ops_mem_free(text);
    ops_mem_use(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_keeps_what_is_in_it_however_it_is_resized),
        cmocka_unit_test(json_and_buffers_live_on_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
