/* JSON without memory, with a page after each block that nobody may touch: jansson's scanner drops a character that it has
 * no memory for, and when that is the quote at the end of a string it would read on behind its buffer. */
#include "base/json.h"
#include "base/mem.h"

/* cmocka.h needs these four before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <sys/mman.h>

enum { PAGE = 4096, ALIGNMENT = 16, STRING_MAX = 300 };

static size_t asked, failing, live;

/* A block's own size, at the start of its mapping. */
struct fence {
    size_t mapped_bytes;
    size_t block_bytes;
};

static size_t aligned(size_t size_bytes)
{
    return (size_bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static struct fence *fence_of(void *block)
{
    uintptr_t page = ((uintptr_t)block - sizeof(struct fence)) / PAGE * PAGE;
    return (struct fence *)page;
}

static void *fenced_alloc(size_t size_bytes)
{
    if (++asked == failing)
        return NULL;
    size_t block_bytes = aligned(size_bytes);
    size_t usable_bytes = (sizeof(struct fence) + block_bytes + PAGE - 1) / PAGE * PAGE;
    char *map = mmap(NULL, usable_bytes + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(map, MAP_FAILED);
    assert_int_equal(mprotect(map + usable_bytes, PAGE, PROT_NONE), 0);
    char *block = map + usable_bytes - block_bytes;
    assert_ptr_equal(fence_of(block), map); /* blocks of less than a page */
    *fence_of(block) = (struct fence){usable_bytes + PAGE, block_bytes};
    live++;
    return block;
}

static void fenced_release(void *block)
{
    if (!block)
        return;
    live--;
    assert_int_equal(munmap(fence_of(block), fence_of(block)->mapped_bytes), 0);
}

static void *fenced_resize(void *block, size_t size_bytes)
{
    void *resized = fenced_alloc(size_bytes);
    if (!resized || !block)
        return resized;
    size_t kept = fence_of(block)->block_bytes;
    memcpy(resized, block, kept < size_bytes ? kept : size_bytes);
    fenced_release(block);
    return resized;
}

static const struct ops_mem_functions fenced = {fenced_alloc, fenced_resize, fenced_release};

/* Reads {"k":"xx...x"} with the n-th allocation failing; whether it was asked for. */
static bool read_string(size_t length, size_t n)
{
    char text[STRING_MAX + 16];
    size_t at = (size_t)sprintf(text, "{\"k\":\"");
    memset(text + at, 'x', length);
    memcpy(text + at + length, "\"}", 3);
    asked = 0;
    failing = n;
    json_t *object = NULL;
    enum ops_status status = ops_json_parse_object(ops_view_of(text), &object, NULL);
    bool hit = asked >= n;
    assert_int_equal(status, hit ? OPS_NO_MEMORY : OPS_OK);
    if (!hit)
        assert_int_equal(strlen(ops_json_text(object, "k", "")), length);
    json_decref(object);
    assert_int_equal(live, 0);
    return hit;
}

static void a_string_of_any_length_is_read_whole_or_not_at_all(void **state)
{
    (void)state;
    ops_mem_use(&fenced);
    for (size_t length = 0; length <= STRING_MAX; length++)
        for (size_t n = 1; read_string(length, n); n++)
            continue;
    ops_mem_use(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_string_of_any_length_is_read_whole_or_not_at_all)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
