/* An allocator that leaves nothing behind: what is freed, or moved, is overwritten. For a process that handles secrets. */
#ifndef OPS_BASE_MEM_WIPE_H
#define OPS_BASE_MEM_WIPE_H

#include "base/mem.h"

/* For ops_mem_use, at the start of the program. Static. */
const struct ops_mem_functions *ops_mem_wiping(void);

/* The same as functions, for libraries that take an allocator; as free(3) and realloc(3). */
void ops_mem_wipe_free(void *block);
void *ops_mem_wipe_resize(void *block, size_t size_bytes);

#endif
