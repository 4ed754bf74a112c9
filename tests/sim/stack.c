/* The stack of a seed, drawn from these forms, and the truth about what is in it: who owns each record, and whether it is
 * still there. Nothing here asks the code under test. */
#include "sim/sim.h"

#include <stdio.h>
#include <string.h>

static const struct sim_target_form forms[] = {
    {OPS_TABLE, "uas_users", "uas", SIM_RULE_NONE, NULL, false, false},
    {OPS_TABLE, "usm_sessions", "usm", SIM_RULE_NONE, NULL, false, false},
    {OPS_TABLE, "pvm_main", "pvm", SIM_RULE_ATTRIBUTE, NULL, false, false},
    {OPS_TABLE, "pvm_keys", "pvm", SIM_RULE_PREFIX, "ORG#{orgcode}#", false, false},
    {OPS_TABLE, "pvm_one", "pvm", SIM_RULE_KEY, "ORG#{orgcode}", false, false},
    {OPS_TABLE, "pvm_idx", "pvm", SIM_RULE_INDEX, NULL, false, false},
    {OPS_TABLE, "pvm_ref", "pvm", SIM_RULE_SKIP, NULL, false, false},
    {OPS_TABLE, "pvm_gone", "pvm", SIM_RULE_ATTRIBUTE, NULL, false, true},
    {OPS_TABLE, "pvm_kept", "pvm", SIM_RULE_ATTRIBUTE, NULL, true, false},
    {OPS_TABLE, "ops_main", "ops", SIM_RULE_NONE, NULL, true, false},
    {OPS_TABLE, "g3nmhsadmin_keys", "crm", SIM_RULE_ATTRIBUTE, NULL, true, false},
    {OPS_TABLE, "crm_main", "crm", SIM_RULE_ATTRIBUTE, NULL, false, false},
    {OPS_TABLE, "stray_table", NULL, SIM_RULE_NONE, NULL, true, false},
    {OPS_BUCKET, "pvm-data", "pvm", SIM_RULE_PREFIX, "{orgcode}/", false, false},
    {OPS_BUCKET, "pvm-events", "pvm", SIM_RULE_PREFIX, "events/{orgcode}/", false, false},
    {OPS_BUCKET, "crm-usage", "crm", SIM_RULE_KEY, "usage/{orgcode}", false, false},
    {OPS_BUCKET, "doc.g3nretailstack.com", "crm", SIM_RULE_SKIP, NULL, true, false},
    {OPS_BUCKET, "stray-bucket", NULL, SIM_RULE_NONE, NULL, true, false},
    {OPS_LOG_GROUP, "/g3nretailstack/pvm/api", "pvm", SIM_RULE_NONE, NULL, false, false},
    {OPS_LOG_GROUP, "/g3nretailstack/crm/api", "crm", SIM_RULE_NONE, NULL, false, false},
    {OPS_LOG_GROUP, "/g3nretailstack/g3nmhsadmin/api", "crm", SIM_RULE_NONE, NULL, true, false},
    {OPS_LOG_GROUP, "/g3nretailstack/ops/maintenance-audit", "ops", SIM_RULE_NONE, NULL, true, false},
    {OPS_LOG_GROUP, "/g3nretailstack/stray/api", NULL, SIM_RULE_NONE, NULL, true, false},
};

enum { FORM_COUNT = sizeof forms / sizeof forms[0], SEGMENTS_MAX = 4, REFILL_MAX = 8 };

/* Some begin like others, one differs in nothing but case, and two are one number but not one text. */
static const char *const tenants[] = {"acme", "acme2", "acme-x", "ACME", "zeta", "1001", "01001"};

const char *sim_stack_tenant(struct sim_rng *rng)
{
    return tenants[sim_below(rng, sizeof tenants / sizeof tenants[0])];
}

bool sim_key_kept(struct ops_view key)
{
    static const char prefix[] = "g3nmhsadmin";
    return key.length >= sizeof prefix - 1 && memcmp(key.data, prefix, sizeof prefix - 1) == 0;
}

size_t sim_stack_find(const struct sim_world *world, enum ops_target_kind kind, const char *name)
{
    for (size_t i = 0; i < world->target_count; i++)
        if (world->targets[i]->kind == kind && strcmp(world->targets[i]->name, name) == 0)
            return i;
    return world->target_count;
}

/* ---- The manifest ---- */

static json_t *org_of(const struct sim_target_form *form)
{
    switch (form->rule) {
    case SIM_RULE_ATTRIBUTE:
        return json_pack("{s:s, s:s}", "by", "attribute", "name", "orgcode");
    case SIM_RULE_INDEX:
        return json_pack("{s:s, s:s, s:s}", "by", "index", "index", "by-org", "name", "orgcode");
    case SIM_RULE_PREFIX:
        return json_pack("{s:s, s:s}", "by", "key_prefix", "pattern", form->pattern);
    case SIM_RULE_KEY:
        return json_pack("{s:s, s:s}", "by", "key", "pattern", form->pattern);
    case SIM_RULE_SKIP:
        return json_pack("{s:s, s:s}", "by", "skip", "reason", "holds no tenant's data");
    case SIM_RULE_NONE:
        break;
    }
    return NULL;
}

static json_t *service_of(json_t *services, const char *code)
{
    size_t i;
    json_t *service;
    json_array_foreach(services, i, service)
        if (strcmp(json_string_value(json_object_get(service, "code")), code) == 0)
            return service;
    service = json_pack("{s:s, s:[], s:[], s:[]}", "code", code, "tables", "buckets", "log_groups");
    json_array_append_new(services, service);
    return service;
}

static void add_to_manifest(json_t *services, const struct sim_target_form *form)
{
    static const char *const arrays[] = {"tables", "buckets", "log_groups"};
    json_t *resources = json_object_get(service_of(services, form->service), arrays[form->kind]);
    json_array_append_new(resources, json_pack("{s:s, s:o*}", "name", form->name, "org", org_of(form)));
}

static enum ops_status make_manifest(struct sim_world *world)
{
    json_t *services = json_array();
    for (size_t i = 0; i < world->target_count; i++)
        if (world->targets[i]->service)
            add_to_manifest(services, world->targets[i]);
    json_t *document =
        json_pack("{s:s, s:[s], s:{s:s, s:s}, s:o}", "stack", "g3nretailstack", "protected", "pvm_kept", "sessions",
                  "sessions_table", "usm_sessions", "users_table", "uas_users", "services", services);
    struct ops_buf problems;
    ops_buf_init(&problems, 4096);
    enum ops_status status = ops_manifest_init(&world->manifest, document, &problems);
    if (status != OPS_OK)
        printf("the generated manifest is refused:\n%s\n", ops_buf_text(&problems));
    ops_buf_release(&problems);
    json_decref(document);
    return status;
}

/* ---- Records ---- */

static void expand(char *text, size_t size, const char *pattern, const char *tenant)
{
    const char *at = strstr(pattern, "{orgcode}");
    (void)snprintf(text, size, "%.*s%s%s", (int)(at - pattern), pattern, tenant, at + strlen("{orgcode}"));
}

/* The key says whose the record is where the target's rule goes by keys; elsewhere the attribute does. */
static void name_record(struct sim_record *record, const struct sim_target_form *form, unsigned number)
{
    char prefix[48] = "SYS#";
    bool by_key = form->rule == SIM_RULE_PREFIX || form->rule == SIM_RULE_KEY;
    if (record->kept)
        (void)snprintf(prefix, sizeof prefix, "g3nmhsadmin#");
    else if (by_key && record->tenant[0])
        expand(prefix, sizeof prefix, form->pattern, record->tenant);
    else if (!by_key)
        (void)snprintf(prefix, sizeof prefix, "K#");
    if (form->rule == SIM_RULE_KEY && form->kind == OPS_TABLE)
        (void)snprintf(record->sort, sizeof record->sort, "%05u", number);
    if (form->rule == SIM_RULE_KEY && (record->tenant[0] || form->kind == OPS_TABLE))
        (void)snprintf(record->partition, sizeof record->partition, "%s", prefix);
    else
        (void)snprintf(record->partition, sizeof record->partition, "%s%05u", prefix, number);
}

/* A key that comes back after its removal could not be told from one that was never removed. */
static bool was_ever_there(const struct sim_world *world, const struct sim_record *record)
{
    for (size_t i = 0; i < world->record_count; i++)
        if (world->records[i].target == record->target && strcmp(world->records[i].partition, record->partition) == 0 &&
            strcmp(world->records[i].sort, record->sort) == 0)
            return true;
    return false;
}

static bool by_attribute(const struct sim_target_form *form)
{
    return form->rule == SIM_RULE_ATTRIBUTE || form->rule == SIM_RULE_INDEX;
}

/* A number is the tenant of its text. What can't be compared is nobody's. */
static void draw_tenant_form(struct sim_world *world, struct sim_record *record)
{
    static const enum sim_tenant_form others[] = {SIM_TENANT_LIST, SIM_TENANT_MAP};
    if (strcmp(record->tenant, "1001") == 0 && sim_chance(&world->rng, 600))
        record->form = SIM_TENANT_INTEGER;
    if (!world->odd_tenants || !sim_chance(&world->rng, 80))
        return;
    record->form = others[sim_below(&world->rng, 2)];
    record->tenant[0] = '\0';
}

/* Its further attributes, or NULL. */
static json_t *attributes_of(const struct sim_record *record)
{
    switch (record->form) {
    case SIM_TENANT_INTEGER:
        return json_pack("{s:i}", "orgcode", 1001);
    case SIM_TENANT_LIST:
        return json_pack("{s:[s]}", "orgcode", "acme");
    case SIM_TENANT_MAP:
        return json_pack("{s:{s:s}}", "orgcode", "is", "acme");
    case SIM_TENANT_TEXT:
        break;
    }
    return NULL;
}

static bool put_record(struct sim_world *world, const struct sim_record *record)
{
    const struct sim_target_form *form = world->targets[record->target];
    json_t *attributes = attributes_of(record);
    const struct ops_memory_record put = {.partition = record->partition,
                                          .sort = record->sort,
                                          .orgcode = record->tenant[0] && !attributes ? record->tenant : NULL,
                                          .attributes = attributes,
                                          .size_bytes = record->size_bytes};
    enum ops_status status = ops_memory_record_put(world->catalogue, form->kind, form->name, &put);
    json_decref(attributes);
    return status == OPS_OK;
}

static void add_record(struct sim_world *world, size_t target, uint32_t stuck_per_mille)
{
    const struct sim_target_form *form = world->targets[target];
    if (world->record_count == SIM_RECORDS_MAX || world->things[target].where != SIM_THERE)
        return;
    struct sim_record *record = &world->records[world->record_count];
    *record = (struct sim_record){.target = target, .there = true, .added = world->additions};
    bool by_key = form->rule == SIM_RULE_PREFIX || form->rule == SIM_RULE_KEY;
    record->kept = sim_chance(&world->rng, 100);
    record->stuck = sim_chance(&world->rng, stuck_per_mille);
    if (!sim_chance(&world->rng, 100) && !(record->kept && by_key))
        (void)snprintf(record->tenant, sizeof record->tenant, "%s", sim_stack_tenant(&world->rng));
    if (by_attribute(form))
        draw_tenant_form(world, record);
    record->size_bytes = form->kind == OPS_TABLE ? 0 : sim_between(&world->rng, 1, 5000);
    name_record(record, form, (unsigned)world->record_count);
    if (was_ever_there(world, record) || !put_record(world, record))
        return;
    world->record_count++;
    world->changes++;
}

void sim_stack_restore(struct sim_world *world, size_t target)
{
    const struct sim_target_form *form = world->targets[target];
    if (ops_memory_resource_add(world->catalogue, form->kind, form->name, &world->limits[target]) != OPS_OK)
        sim_violate(world, SIM_LIVENESS, "%s can't be put back", form->name);
    for (size_t i = 0; i < world->record_count; i++)
        if (world->records[i].target == target && world->records[i].there && !put_record(world, &world->records[i]))
            sim_violate(world, SIM_LIVENESS, "a record of %s can't be put back", form->name);
}

static enum ops_status fill_target(struct sim_world *world, size_t target, uint32_t most, uint32_t stuck_per_mille)
{
    const struct sim_target_form *form = world->targets[target];
    if (form->missing)
        return OPS_OK;
    struct ops_memory_limits *limits = &world->limits[target];
    *limits = (struct ops_memory_limits){
        .segment_count = form->kind == OPS_TABLE ? 1 + sim_below(&world->rng, 3) : 1,
        .page_max = 1 + sim_below(&world->rng, 8),
        .batch_max = form->kind == OPS_LOG_GROUP ? 1 : 1 + sim_below(&world->rng, 6),
    };
    enum ops_status status = ops_memory_resource_add(world->catalogue, form->kind, form->name, limits);
    uint32_t count = sim_below(&world->rng, most + 1);
    for (uint32_t i = 0; status == OPS_OK && i < count; i++)
        add_record(world, target, stuck_per_mille);
    return status;
}

enum ops_status sim_stack_make(struct sim_world *world)
{
    for (size_t i = 0; i < FORM_COUNT; i++)
        if (i < 2 || !sim_chance(&world->rng, 250)) /* the manifest names the first two elsewhere too */
            world->targets[world->target_count++] = &forms[i];
    uint32_t most = (uint32_t)sim_between(&world->rng, 2, 28);
    uint32_t stuck_per_mille = sim_chance(&world->rng, 200) ? 40 : 0;
    world->odd_tenants = sim_chance(&world->rng, 250);
    enum ops_status status = make_manifest(world);
    for (size_t i = 0; status == OPS_OK && i < world->target_count; i++)
        status = fill_target(world, i, most, stuck_per_mille);
    if (status == OPS_OK)
        sim_things_make(world);
    return status;
}

void sim_stack_write(struct sim_world *world)
{
    size_t target = sim_below(&world->rng, (uint32_t)world->target_count);
    if (world->targets[target]->missing)
        return;
    world->additions++;
    add_record(world, target, 0);
    sim_trace(world, "a writer adds a record to %s", world->targets[target]->name);
}

void sim_stack_refill(struct sim_world *world)
{
    world->additions++;
    for (size_t i = 0; i < world->target_count; i++) {
        uint32_t count = world->targets[i]->missing ? 0 : sim_below(&world->rng, REFILL_MAX + 1);
        for (uint32_t k = 0; k < count; k++)
            add_record(world, i, 0);
    }
}

void sim_stack_recut(struct sim_world *world)
{
    size_t target = sim_below(&world->rng, (uint32_t)world->target_count);
    const struct sim_target_form *form = world->targets[target];
    struct ops_memory_limits limits = world->limits[target];
    limits.segment_count = 1 + sim_below(&world->rng, SEGMENTS_MAX);
    if (form->kind != OPS_TABLE || form->missing || world->things[target].where != SIM_THERE ||
        limits.segment_count == world->limits[target].segment_count)
        return;
    if (ops_memory_resource_add(world->catalogue, form->kind, form->name, &limits) != OPS_OK)
        return;
    world->limits[target] = limits;
    sim_cloud_count(world, SIM_CLOUD_RECUT);
    sim_trace(world, "%s is cut into %u segments from now on", form->name, limits.segment_count);
}

/* ---- The truth ---- */

struct sim_record *sim_stack_record(struct sim_world *world, size_t target, struct ops_view partition)
{
    for (size_t i = 0; i < world->record_count; i++)
        if (world->records[i].target == target && ops_view_is(partition, world->records[i].partition))
            return &world->records[i];
    return NULL;
}

/* The id of a key in the memory adapter is both its keys, each with its NUL. */
struct sim_record *sim_stack_key(struct sim_world *world, size_t target, const struct ops_key *key)
{
    const char *sort = key->id.data + key->guarded.length + 1;
    for (size_t i = 0; i < world->record_count; i++) {
        struct sim_record *record = &world->records[i];
        if (record->target == target && ops_view_is(key->guarded, record->partition) && strcmp(record->sort, sort) == 0)
            return record;
    }
    return NULL;
}

bool sim_stack_applies(const struct sim_world *world, size_t target, const struct sim_scope *scope)
{
    const struct sim_target_form *form = world->targets[target];
    if (!form->service || form->never_touched || form->missing)
        return false;
    return scope->all || (form->rule != SIM_RULE_NONE && form->rule != SIM_RULE_SKIP);
}

/* Whether the record can be reached now. */
static bool is_there(const struct sim_world *world, size_t target, const struct sim_record *record)
{
    return record->target == target && record->there && world->things[target].where == SIM_THERE;
}

bool sim_stack_empty(const struct sim_world *world, size_t target)
{
    for (size_t i = 0; i < world->record_count; i++)
        if (is_there(world, target, &world->records[i]))
            return false;
    return true;
}

static bool is_incomparable(const struct sim_record *record, const struct sim_target_form *form,
                            const struct sim_scope *scope)
{
    return !scope->all && by_attribute(form) && (record->form == SIM_TENANT_LIST || record->form == SIM_TENANT_MAP);
}

struct sim_count sim_stack_count(const struct sim_world *world, size_t target, const struct sim_scope *scope)
{
    struct sim_count count = {0};
    if (!sim_stack_applies(world, target, scope))
        return count;
    for (size_t i = 0; i < world->record_count; i++) {
        const struct sim_record *record = &world->records[i];
        if (!is_there(world, target, record))
            continue;
        count.incomparable += is_incomparable(record, world->targets[target], scope);
        if (!(scope->all || strcmp(record->tenant, scope->orgcode) == 0))
            continue;
        if (record->kept) {
            count.kept++;
            continue;
        }
        count.matched++;
        count.bytes += record->size_bytes;
    }
    return count;
}
