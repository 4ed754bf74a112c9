#include "app/use_cases.h"

#include "app/keys.h"
#include "app/paging.h"
#include "base/json.h"

/* What each value of "status" reads, and which records of it to keep. */
struct list_row {
    const char *name;
    const char *pk;
    const char *only_status; /* NULL: all of them */
};

static const struct list_row list_rows[] = {
    {"current", OPS_PK_MAINTENANCE_OPEN, NULL},
    {"scheduled", OPS_PK_MAINTENANCE_OPEN, "scheduled"},
    {"active", OPS_PK_MAINTENANCE_OPEN, "active"},
    {"ended", OPS_PK_MAINTENANCE_ENDED, NULL},
    {"cancelled", OPS_PK_MAINTENANCE_CANCELLED, NULL},
    {"all", OPS_PK_MAINTENANCE, NULL},
};

static const struct list_row *find_row(const char *name)
{
    for (size_t i = 1; name && i < sizeof list_rows / sizeof list_rows[0]; i++)
        if (strcmp(list_rows[i].name, name) == 0)
            return &list_rows[i];
    return &list_rows[0];
}

static bool keep_status(const json_t *doc, const void *only_status)
{
    return !only_status || strcmp(ops_json_text(doc, "status", ""), only_status) == 0;
}

enum ops_status ops_run_maintenance_list(struct ops_call_context *context, json_t **ret_data)
{
    const struct list_row *row = find_row(ops_input_text(context, "status"));
    const struct ops_listing listing = {
        .pk = row->pk,
        .scope = row->name,
        .id_name = "maintenance_id",
        .keep = keep_status,
        .keep_context = row->only_status,
    };
    return ops_listing_page(context, &listing, ret_data);
}
