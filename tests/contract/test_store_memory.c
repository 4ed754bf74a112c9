#include "adapters/memory/store.h"
#include "contract/store_suite.h"

static struct ops_store *memory_open(void)
{
    struct ops_store *store = NULL;
    return ops_memory_store_new(&store) == OPS_OK ? store : NULL;
}

int main(void)
{
    static const struct store_suite_source source = {memory_open, ops_store_release};
    return store_suite_run("store_memory", &source);
}
