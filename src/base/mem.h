/* The one allocator. Everything in g3nops, jansson included, allocates through it, so that a test can make the
 * n-th allocation fail and see that out of memory is a status like another.
 */
#ifndef OPS_BASE_MEM_H
#define OPS_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>

/* A replacement for the C library's allocator. Must be thread-safe if the program has threads. */
struct ops_mem_functions {
    void *(*alloc)(size_t size_bytes);
    void *(*resize)(void *block, size_t size_bytes);
    void (*release)(void *block);
};

/* Switches allocator, for us and for jansson; NULL goes back to the C library's. Call it while no block of the
 * previous allocator is alive: at program start, or between test cases. functions must stay valid. */
void ops_mem_use(const struct ops_mem_functions *functions);

/* NULL when there is no memory, never for a size of zero. Blocks are not cleared, but for ops_mem_zeroed. */
void *ops_mem_alloc(size_t size_bytes);
void *ops_mem_zeroed(size_t count, size_t size_bytes);
void *ops_mem_resize(void *block, size_t size_bytes);

/* A list of count items with room for at least one more: items itself, or moved to a block of twice the *capacity, which is
 * set. items may be NULL, with a *capacity of zero. NULL: no memory, and items is as it was. */
void *ops_mem_room(void *items, size_t count, size_t *capacity, size_t item_bytes);
char *ops_mem_strdup(const char *text);
char *ops_mem_strndup(const char *text, size_t length);

/* NULL is fine. */
void ops_mem_free(void *block);

/* How many allocations have failed in this thread, jansson's included once ops_mem_use was called. For code that must know
 * what a library does not tell: it compares before and after. */
size_t ops_mem_failure_count(void);

/* From begin to end, once an allocation of this thread has failed all of them fail: for a library that goes on after the
 * first as though it had not been. Does not nest. end says whether none has failed. */
void ops_mem_attempt_begin(void);
bool ops_mem_attempt_end(void);

#endif
