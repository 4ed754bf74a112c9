#include "adapters/memory/catalogue.h"

#include "adapters/memory/stack.h"
#include "base/json.h"
#include "base/mem.h"

#include <stdio.h>

static struct memory_stack *stack_of(struct ops_catalogue *catalogue)
{
    return (struct memory_stack *)catalogue;
}

static void lock(struct memory_stack *stack)
{
    (void)pthread_mutex_lock(&stack->mutex); /* a plain mutex that we do not hold: can't fail */
}

static void unlock(struct memory_stack *stack)
{
    (void)pthread_mutex_unlock(&stack->mutex);
}

/* ---- Records ---- */

static void record_free(struct memory_record *record)
{
    if (!record)
        return;
    json_decref((json_t *)(uintptr_t)record->public.attributes);
    ops_mem_free(record);
}

static uint32_t hash_of(const char *text)
{
    uint32_t hash = 2166136261u;
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 16777619u;
    return hash;
}

static enum ops_status record_new(const struct ops_memory_record *source, struct memory_record **ret_record)
{
    const char *sort = source->sort ? source->sort : "", *orgcode = source->orgcode ? source->orgcode : "";
    size_t partition_size = strlen(source->partition) + 1, sort_size = strlen(sort) + 1, orgcode_size = strlen(orgcode) + 1;
    struct memory_record *record = ops_mem_alloc(sizeof *record + partition_size + sort_size + orgcode_size);
    json_t *attributes = source->attributes ? json_deep_copy(source->attributes) : NULL;
    if (!record || (source->attributes && !attributes)) {
        json_decref(attributes);
        ops_mem_free(record);
        return OPS_NO_MEMORY;
    }
    char *sort_at = record->text + partition_size, *orgcode_at = sort_at + sort_size;
    memcpy(record->text, source->partition, partition_size);
    memcpy(sort_at, sort, sort_size);
    memcpy(orgcode_at, orgcode, orgcode_size);
    record->hash = hash_of(source->partition);
    record->public = (struct ops_memory_record){record->text, sort_at, source->orgcode ? orgcode_at : NULL, attributes,
                                                source->size_bytes};
    *ret_record = record;
    return OPS_OK;
}

static int compare(const struct memory_record *record, const char *partition, const char *sort)
{
    int order = strcmp(record->public.partition, partition);
    return order ? order : strcmp(record->public.sort, sort);
}

size_t memory_record_index(const struct memory_resource *resource, const char *partition, const char *sort, bool after)
{
    size_t low = 0, high = resource->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare(resource->records[middle], partition, sort);
        if (order < 0 || (after && order == 0))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool memory_record_is_at(const struct memory_resource *resource, size_t index, const char *partition, const char *sort)
{
    return index < resource->count && compare(resource->records[index], partition, sort) == 0;
}

void memory_record_remove_at(struct memory_resource *resource, size_t index)
{
    record_free(resource->records[index]);
    resource->count--;
    memmove(resource->records + index, resource->records + index + 1,
            (resource->count - index) * sizeof(resource->records[0]));
}

/* The text that a tenant's name is compared with, in buffer where it is a number's; NULL: it is none. */
static const char *attribute_of(const struct ops_memory_record *record, const char *name, char buffer[static 24])
{
    if (strcmp(name, "orgcode") == 0 && record->orgcode)
        return record->orgcode;
    if (strcmp(name, "pk") == 0)
        return record->partition;
    if (strcmp(name, "sk") == 0)
        return record->sort;
    const json_t *value = json_object_get(record->attributes, name);
    if (!json_is_integer(value))
        return json_string_value(value);
    (void)snprintf(buffer, 24, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    return buffer;
}

bool memory_record_incomparable(const struct memory_record *record, const struct ops_scope *scope)
{
    bool by_attribute = scope->by == OPS_SCOPE_ATTRIBUTE || scope->by == OPS_SCOPE_INDEX;
    const json_t *value = by_attribute ? json_object_get(record->public.attributes, scope->attribute) : NULL;
    return json_is_array(value) || json_is_object(value);
}

bool memory_record_in_scope(const struct memory_record *record, const struct ops_scope *scope)
{
    const char *partition = record->public.partition, *found;
    char number[24];
    switch (scope->by) {
    case OPS_SCOPE_ATTRIBUTE:
    case OPS_SCOPE_INDEX:
        found = attribute_of(&record->public, scope->attribute, number);
        return found && strcmp(found, scope->value) == 0;
    case OPS_SCOPE_KEY_PREFIX:
        return strncmp(partition, scope->value, strlen(scope->value)) == 0;
    case OPS_SCOPE_KEY:
        return strcmp(partition, scope->value) == 0;
    default:
        return true;
    }
}

/* ---- Resources ---- */

static void resource_free(struct memory_resource *resource)
{
    if (!resource)
        return;
    for (size_t i = 0; i < resource->count; i++)
        record_free(resource->records[i]);
    ops_mem_free(resource->records);
    ops_mem_free(resource->identity);
    ops_mem_free(resource->hidden);
    ops_mem_free(resource->name);
    ops_mem_free(resource);
}

struct memory_resource *memory_resource_find_locked(struct memory_stack *stack, enum ops_target_kind kind, const char *name)
{
    for (size_t i = 0; i < stack->synced.count; i++)
        if (stack->synced.resources[i]->kind == kind && strcmp(stack->synced.resources[i]->name, name) == 0)
            return stack->synced.resources[i];
    return NULL;
}

static enum ops_status resource_new_locked(struct memory_stack *stack, enum ops_target_kind kind, const char *name,
                                           struct memory_resource **ret_resource)
{
    struct memory_resource **resources =
        ops_mem_resize(stack->synced.resources, (stack->synced.count + 1) * sizeof(resources[0]));
    if (!resources)
        return OPS_NO_MEMORY;
    stack->synced.resources = resources;
    struct memory_resource *resource = ops_mem_zeroed(1, sizeof *resource);
    if (!resource || !(resource->name = ops_mem_strdup(name))) {
        resource_free(resource);
        return OPS_NO_MEMORY;
    }
    resource->kind = kind;
    resources[stack->synced.count++] = resource;
    *ret_resource = resource;
    return OPS_OK;
}

static struct ops_memory_limits with_defaults(enum ops_target_kind kind, const struct ops_memory_limits *limits)
{
    static const size_t batches[OPS_TARGET_KIND_COUNT] = {[OPS_TABLE] = 25, [OPS_BUCKET] = 1000, [OPS_LOG_GROUP] = 1};
    struct ops_memory_limits result = limits ? *limits : (struct ops_memory_limits){.page_max = 0};
    result.segment_count = result.segment_count ? result.segment_count : 1;
    result.page_max = result.page_max ? result.page_max : 1000;
    result.batch_max = result.batch_max ? result.batch_max : batches[kind];
    return result;
}

enum ops_status ops_memory_resource_add(struct ops_catalogue *catalogue, enum ops_target_kind kind, const char *name,
                                        const struct ops_memory_limits *limits)
{
    struct memory_stack *stack = stack_of(catalogue);
    lock(stack);
    enum ops_status status = OPS_OK;
    struct memory_resource *resource = memory_resource_find_locked(stack, kind, name);
    if (!resource)
        status = resource_new_locked(stack, kind, name, &resource);
    if (status == OPS_OK)
        resource->limits = with_defaults(kind, limits);
    unlock(stack);
    return status;
}

void ops_memory_resource_drop(struct ops_catalogue *catalogue, enum ops_target_kind kind, const char *name)
{
    struct memory_stack *stack = stack_of(catalogue);
    lock(stack);
    struct memory_resource *resource = memory_resource_find_locked(stack, kind, name);
    for (size_t i = 0, kept = 0; resource && i < stack->synced.count; i++)
        if (stack->synced.resources[i] != resource)
            stack->synced.resources[kept++] = stack->synced.resources[i];
    stack->synced.count -= resource ? 1 : 0;
    resource_free(resource);
    unlock(stack);
}

enum ops_status ops_memory_resource_identify(struct ops_catalogue *catalogue, enum ops_target_kind kind, const char *name,
                                             const struct ops_identity *identity)
{
    struct memory_stack *stack = stack_of(catalogue);
    struct ops_identity *copy = ops_mem_alloc(sizeof *copy);
    if (!copy)
        return OPS_NO_MEMORY;
    *copy = *identity;
    lock(stack);
    struct memory_resource *resource = memory_resource_find_locked(stack, kind, name);
    if (resource) {
        ops_mem_free(resource->identity);
        resource->identity = copy;
    }
    unlock(stack);
    if (!resource)
        ops_mem_free(copy);
    return resource ? OPS_OK : OPS_TARGET_MISSING;
}

enum ops_status ops_memory_resource_hide(struct ops_catalogue *catalogue, enum ops_target_kind kind, const char *name,
                                         const char *place)
{
    struct memory_stack *stack = stack_of(catalogue);
    char *copy = place ? ops_mem_strdup(place) : NULL;
    if (place && !copy)
        return OPS_NO_MEMORY;
    lock(stack);
    struct memory_resource *resource = memory_resource_find_locked(stack, kind, name);
    if (resource) {
        ops_mem_free(resource->hidden);
        resource->hidden = copy;
    }
    unlock(stack);
    if (!resource)
        ops_mem_free(copy);
    return resource ? OPS_OK : OPS_TARGET_MISSING;
}

static enum ops_status record_insert(struct memory_resource *resource, size_t index, struct memory_record *record)
{
    struct memory_record **records =
        ops_mem_room(resource->records, resource->count, &resource->capacity, sizeof(records[0]));
    if (!records)
        return OPS_NO_MEMORY;
    resource->records = records;
    memmove(resource->records + index + 1, resource->records + index,
            (resource->count - index) * sizeof(resource->records[0]));
    resource->records[index] = record;
    resource->count++;
    return OPS_OK;
}

enum ops_status ops_memory_record_put(struct ops_catalogue *catalogue, enum ops_target_kind kind, const char *name,
                                      const struct ops_memory_record *source)
{
    struct memory_stack *stack = stack_of(catalogue);
    struct memory_record *record = NULL;
    enum ops_status status = record_new(source, &record);
    if (status != OPS_OK)
        return status;
    lock(stack);
    struct memory_resource *resource = memory_resource_find_locked(stack, kind, name);
    size_t index = resource ? memory_record_index(resource, record->public.partition, record->public.sort, false) : 0;
    if (!resource) {
        status = OPS_TARGET_MISSING;
    } else if (memory_record_is_at(resource, index, record->public.partition, record->public.sort)) {
        record_free(resource->records[index]);
        resource->records[index] = record;
    } else {
        status = record_insert(resource, index, record);
    }
    unlock(stack);
    if (status != OPS_OK)
        record_free(record);
    return status;
}

bool ops_memory_record_delete(struct ops_catalogue *catalogue, enum ops_target_kind kind, const char *name,
                              const char *partition, const char *sort)
{
    struct memory_stack *stack = stack_of(catalogue);
    lock(stack);
    struct memory_resource *resource = memory_resource_find_locked(stack, kind, name);
    size_t index = resource ? memory_record_index(resource, partition, sort ? sort : "", false) : 0;
    bool found = resource && memory_record_is_at(resource, index, partition, sort ? sort : "");
    if (found)
        memory_record_remove_at(resource, index);
    unlock(stack);
    return found;
}

bool ops_memory_record_exists(struct ops_catalogue *catalogue, enum ops_target_kind kind, const char *name,
                              const char *partition, const char *sort)
{
    struct memory_stack *stack = stack_of(catalogue);
    lock(stack);
    struct memory_resource *resource = memory_resource_find_locked(stack, kind, name);
    size_t index = resource ? memory_record_index(resource, partition, sort ? sort : "", false) : 0;
    bool found = resource && memory_record_is_at(resource, index, partition, sort ? sort : "");
    unlock(stack);
    return found;
}

size_t ops_memory_record_count(struct ops_catalogue *catalogue, enum ops_target_kind kind, const char *name,
                               const struct ops_scope *scope)
{
    struct memory_stack *stack = stack_of(catalogue);
    size_t count = 0;
    lock(stack);
    const struct memory_resource *resource = memory_resource_find_locked(stack, kind, name);
    for (size_t i = 0; resource && i < resource->count; i++)
        count += !scope || memory_record_in_scope(resource->records[i], scope);
    unlock(stack);
    return count;
}

void ops_memory_record_each(struct ops_catalogue *catalogue, enum ops_target_kind kind, const char *name,
                            ops_memory_on_record_fn on_record, void *context)
{
    struct memory_stack *stack = stack_of(catalogue);
    lock(stack);
    const struct memory_resource *resource = memory_resource_find_locked(stack, kind, name);
    for (size_t i = 0; resource && i < resource->count; i++)
        on_record(context, &resource->records[i]->public);
    unlock(stack);
}

/* ---- The catalogue ---- */

/* The lock is not held over the callback, so that it may do what it likes; the list may grow or shrink meanwhile. */
static enum ops_status memory_catalogue_list(struct ops_catalogue *self, enum ops_target_kind kind,
                                             ops_on_resource_fn on_resource, void *context, struct ops_error *error)
{
    (void)error;
    struct memory_stack *stack = stack_of(self);
    enum ops_status status = OPS_OK;
    for (size_t i = 0; status == OPS_OK; i++) {
        lock(stack);
        const struct memory_resource *resource = i < stack->synced.count ? stack->synced.resources[i] : NULL;
        bool is_wanted = resource && resource->kind == kind;
        char *name = is_wanted ? ops_mem_strdup(resource->name) : NULL;
        unlock(stack);
        if (!resource)
            break;
        if (is_wanted)
            status = name ? ops_resource_found(on_resource, context, kind, name) : OPS_NO_MEMORY;
        ops_mem_free(name);
    }
    return status;
}

static enum ops_status memory_catalogue_identify(struct ops_catalogue *self, const struct ops_target_spec *spec,
                                                 struct ops_identity *ret_identity, struct ops_error *error)
{
    (void)error;
    struct memory_stack *stack = stack_of(self);
    lock(stack);
    const struct memory_resource *resource = memory_resource_find_locked(stack, spec->kind, spec->name);
    if (resource && resource->identity)
        *ret_identity = *resource->identity;
    (void)snprintf(ret_identity->location, sizeof ret_identity->location, "%s %s", ops_target_kind_name(spec->kind),
                   spec->name);
    if (resource && !ret_identity->text[0])
        (void)snprintf(ret_identity->text, sizeof ret_identity->text, "%s %s", ops_target_kind_name(spec->kind), spec->name);
    ret_identity->empty = resource && resource->count == 0;
    unlock(stack);
    return OPS_OK;
}

static enum ops_status memory_catalogue_where(struct ops_catalogue *self, json_t **ret_place, struct ops_error *error)
{
    (void)self;
    (void)error;
    *ret_place = json_pack("{s:s}", "engine", "memory");
    return *ret_place ? OPS_OK : OPS_NO_MEMORY;
}

static enum ops_status memory_catalogue_open(struct ops_catalogue *self, const struct ops_target_spec *spec,
                                             const struct ops_scope *scope, struct ops_target **ret_target,
                                             struct ops_error *error)
{
    return memory_target_open(stack_of(self), spec, scope, ret_target, error);
}

static void memory_catalogue_release(struct ops_catalogue *self)
{
    struct memory_stack *stack = stack_of(self);
    for (size_t i = 0; i < stack->synced.count; i++)
        resource_free(stack->synced.resources[i]);
    ops_mem_free(stack->synced.resources);
    (void)pthread_mutex_destroy(&stack->mutex); /* nobody holds it */
    ops_mem_free(stack);
}

static const struct ops_catalogue_ops memory_catalogue_ops = {
    .list = memory_catalogue_list,
    .identify = memory_catalogue_identify,
    .where = memory_catalogue_where,
    .open = memory_catalogue_open,
    .release = memory_catalogue_release,
};

void ops_memory_catalogue_on_removed(struct ops_catalogue *catalogue, ops_memory_on_removed_fn on_removed, void *context)
{
    struct memory_stack *stack = stack_of(catalogue);
    lock(stack);
    stack->synced.on_removed = on_removed;
    stack->synced.context = context;
    unlock(stack);
}

enum ops_status ops_memory_catalogue_new(struct ops_catalogue **ret_catalogue)
{
    struct memory_stack *stack = ops_mem_zeroed(1, sizeof *stack);
    if (!stack)
        return OPS_NO_MEMORY;
    if (pthread_mutex_init(&stack->mutex, NULL) != 0) {
        ops_mem_free(stack);
        return OPS_NO_MEMORY;
    }
    stack->catalogue.ops = &memory_catalogue_ops;
    *ret_catalogue = &stack->catalogue;
    return OPS_OK;
}
