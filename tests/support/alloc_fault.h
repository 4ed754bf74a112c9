/* Makes the n-th allocation fail, and counts what is alive, so that a test can sweep n = 1, 2, 3, ... until nothing fails
 * and ask each time for a clean status and no leak.
 */
#ifndef OPS_TESTS_ALLOC_FAULT_H
#define OPS_TESTS_ALLOC_FAULT_H

#include <stdbool.h>
#include <stddef.h>

/* Switches to an allocator whose n-th allocation or resize from now on, and only that one, fails; 0: none does. Every block
 * that was allocated before must be gone, and alloc_fault_live_count starts at 0. Thread-safe once installed. */
void alloc_fault_install(size_t n);

/* Counts to n anew from now on, with the same allocator; blocks that are alive stay counted. 0: no allocation fails. */
void alloc_fault_arm(size_t n);

/* Whether the n-th allocation was asked for, and so failed. */
bool alloc_fault_hit(void);

/* Blocks that were allocated since install and not freed. */
size_t alloc_fault_live_count(void);

/* Back to the C library's allocator. Every block must be gone. */
void alloc_fault_remove(void);

#endif
