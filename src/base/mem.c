#include "base/mem.h"

#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const struct ops_mem_functions libc_functions = {malloc, realloc, free};
static const struct ops_mem_functions *current = &libc_functions;
static _Thread_local size_t failure_count;
static _Thread_local struct {
    bool is_on;
    size_t failures_before;
} attempt;

static void *counted(void *block)
{
    failure_count += !block;
    return block;
}

void ops_mem_use(const struct ops_mem_functions *functions)
{
    current = functions ? functions : &libc_functions;
    json_set_alloc_funcs(ops_mem_alloc, current->release);
}

static bool is_lost(void)
{
    return attempt.is_on && failure_count != attempt.failures_before;
}

void *ops_mem_alloc(size_t size_bytes)
{
    return counted(is_lost() ? NULL : current->alloc(size_bytes ? size_bytes : 1));
}

void *ops_mem_zeroed(size_t count, size_t size_bytes)
{
    if (size_bytes && count > SIZE_MAX / size_bytes)
        return NULL;
    void *block = ops_mem_alloc(count * size_bytes);
    if (block)
        memset(block, 0, count * size_bytes);
    return block;
}

void *ops_mem_resize(void *block, size_t size_bytes)
{
    return counted(is_lost() ? NULL : current->resize(block, size_bytes ? size_bytes : 1));
}

void *ops_mem_room(void *items, size_t count, size_t *capacity, size_t item_bytes)
{
    enum { FIRST_CAPACITY = 16 };
    if (count < *capacity)
        return items;
    if (*capacity > SIZE_MAX / 2 / item_bytes)
        return NULL;
    size_t larger = *capacity ? 2 * *capacity : FIRST_CAPACITY;
    void *moved = ops_mem_resize(items, larger * item_bytes);
    if (moved)
        *capacity = larger;
    return moved;
}

char *ops_mem_strndup(const char *text, size_t length)
{
    if (length == SIZE_MAX)
        return NULL;
    char *copy = ops_mem_alloc(length + 1);
    if (!copy)
        return NULL;
    memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

char *ops_mem_strdup(const char *text)
{
    return ops_mem_strndup(text, strlen(text));
}

void ops_mem_free(void *block)
{
    if (block)
        current->release(block);
}

size_t ops_mem_failure_count(void)
{
    return failure_count;
}

void ops_mem_attempt_begin(void)
{
    attempt.failures_before = failure_count;
    attempt.is_on = true;
}

bool ops_mem_attempt_end(void)
{
    bool is_won = !is_lost();
    attempt.is_on = false;
    return is_won;
}
