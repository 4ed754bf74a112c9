#include "app/keep.h"

#include "base/mem.h"

enum ops_status ops_keep_tables(const struct ops_manifest *manifest, struct ops_target *target, struct ops_error *error)
{
    struct ops_target_spec *tables = ops_mem_zeroed(manifest->target_count, sizeof *tables);
    size_t count = 0;
    if (!tables)
        return OPS_NO_MEMORY;
    for (size_t i = 0; i < manifest->target_count; i++) {
        const struct ops_manifest_target *table = &manifest->targets[i];
        if (table->kind == OPS_TABLE)
            tables[count++] =
                (struct ops_target_spec){.kind = table->kind, .name = table->name, .location = table->location};
    }
    enum ops_status status = ops_target_keep(target, tables, count, error);
    ops_mem_free(tables);
    return status;
}
