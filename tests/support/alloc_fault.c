#include "support/alloc_fault.h"

#include "base/mem.h"

#include <stdatomic.h>
#include <stdlib.h>

static atomic_size_t asked_count;
static atomic_size_t live_count;
static size_t failing;

static bool fails_now(void)
{
    return atomic_fetch_add(&asked_count, 1) + 1 == failing;
}

static void *fault_alloc(size_t size_bytes)
{
    void *block = fails_now() ? NULL : malloc(size_bytes);
    if (block)
        atomic_fetch_add(&live_count, 1);
    return block;
}

static void *fault_resize(void *block, size_t size_bytes)
{
    void *resized = fails_now() ? NULL : realloc(block, size_bytes);
    if (resized && !block)
        atomic_fetch_add(&live_count, 1);
    return resized;
}

static void fault_release(void *block)
{
    if (block)
        atomic_fetch_sub(&live_count, 1);
    free(block);
}

static const struct ops_mem_functions fault_functions = {fault_alloc, fault_resize, fault_release};

void alloc_fault_install(size_t n)
{
    failing = n;
    atomic_store(&asked_count, 0);
    atomic_store(&live_count, 0);
    ops_mem_use(&fault_functions);
}

void alloc_fault_arm(size_t n)
{
    failing = n;
    atomic_store(&asked_count, 0);
}

bool alloc_fault_hit(void)
{
    return failing > 0 && atomic_load(&asked_count) >= failing;
}

size_t alloc_fault_live_count(void)
{
    return atomic_load(&live_count);
}

void alloc_fault_remove(void)
{
    ops_mem_use(NULL);
}
