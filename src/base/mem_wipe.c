/* Whoever frees a block rarely knows whether a secret went through it: a scanner's buffer, half of a buffer that has grown.
 * So all of them are wiped. */
#include "base/mem_wipe.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

void ops_mem_wipe_free(void *block)
{
    if (block)
        explicit_bzero(block, malloc_usable_size(block));
    free(block);
}

/* Never in place and then somewhere else: what realloc leaves behind can't be wiped. */
void *ops_mem_wipe_resize(void *block, size_t size_bytes)
{
    size_t room = block ? malloc_usable_size(block) : 0;
    if (block && size_bytes <= room && size_bytes >= room / 2)
        return block;
    void *moved = malloc(size_bytes);
    if (!moved)
        return NULL;
    if (block)
        memcpy(moved, block, room < size_bytes ? room : size_bytes);
    ops_mem_wipe_free(block);
    return moved;
}

const struct ops_mem_functions *ops_mem_wiping(void)
{
    static const struct ops_mem_functions functions = {malloc, ops_mem_wipe_resize, ops_mem_wipe_free};
    return &functions;
}
