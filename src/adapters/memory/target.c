#include "adapters/memory/stack.h"

#include "base/hash.h"
#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { ID_LIMIT_BYTES = 8 * 1024, SPLIT_SIZE = 12 };

/* A target finds its resource by name at each call, so that one that is dropped meanwhile is missing, not a dangling
 * pointer. A record's id is its two keys, each with its NUL; cursors and receipts are ids in base 64. */
struct memory_target {
    struct ops_target target;
    struct memory_stack *stack;
    enum ops_target_kind kind;
    char *name;
    struct ops_scope scope; /* its texts are owned */
    char split[SPLIT_SIZE];
    char **tables; /* that keep was told of */
    size_t table_count;
};

static enum ops_status missing(const struct memory_target *target, struct ops_error *error)
{
    return ops_fail(error, OPS_TARGET_MISSING, "The %s %s does not exist.", ops_target_kind_name(target->kind),
                    target->name);
}

/* Locks the stack; the resource, or NULL. */
static struct memory_resource *enter(struct memory_target *target)
{
    (void)pthread_mutex_lock(&target->stack->mutex); /* a plain mutex that we do not hold: can't fail */
    return memory_resource_find_locked(target->stack, target->kind, target->name);
}

static void leave(struct memory_target *target)
{
    (void)pthread_mutex_unlock(&target->stack->mutex);
}

static const char *id_sort(const char *id)
{
    return id + strlen(id) + 1;
}

/* Decodes a cursor or one id of a receipt into buf, which then holds both keys. */
static enum ops_status read_id(const struct memory_target *target, struct ops_view text, struct ops_buf *buf,
                               struct ops_error *error)
{
    ops_buf_clear(buf);
    enum ops_status status = ops_base64url_decode(text, buf);
    if (status == OPS_NO_MEMORY)
        return status;
    const char *bytes = ops_buf_text(buf);
    size_t partition = strlen(bytes);
    if (status != OPS_OK || partition + 2 > buf->length || partition + 1 + strlen(id_sort(bytes)) + 1 != buf->length)
        return ops_fail(error, OPS_TARGET_ERROR, "The cursor or receipt does not belong to %s.", target->name);
    return OPS_OK;
}

/* Whether a record is the file of a table: one of the table's names says so. */
static bool is_kept_locked(const struct memory_target *target, const struct memory_record *record)
{
    for (size_t i = 0; i < target->table_count; i++) {
        const struct memory_resource *table = memory_resource_find_locked(target->stack, OPS_TABLE, target->tables[i]);
        const struct ops_identity *identity = table ? table->identity : NULL;
        for (size_t k = 0; identity && k < identity->alias_count; k++)
            if (identity->aliases[k].kind == target->kind && strcmp(identity->aliases[k].name, target->name) == 0 &&
                strcmp(identity->aliases[k].key, record->public.partition) == 0)
                return true;
    }
    return false;
}

static bool takes(const struct memory_target *target, uint32_t segment, const struct memory_record *record)
{
    return record->hash % target->target.segment_count == segment && memory_record_in_scope(record, &target->scope);
}

/* Adds a record's id to the page and to its receipt. */
static enum ops_status add(struct ops_key_page *page, const struct memory_record *record)
{
    size_t start = page->storage.length;
    struct ops_key *key = ops_key_page_add(page);
    if (!key)
        return OPS_NO_MEMORY;
    key->guarded.length = strlen(record->public.partition);
    key->id.length = key->guarded.length + 1 + strlen(record->public.sort) + 1;
    key->size_bytes = record->public.size_bytes;
    ops_buf_append(&page->storage, record->public.partition, key->guarded.length + 1);
    ops_buf_append(&page->storage, record->public.sort, key->id.length - key->guarded.length - 1);
    if (ops_buf_status(&page->storage) != OPS_OK)
        return ops_buf_status(&page->storage);
    ops_buf_append_text(&page->receipt, page->count > 1 ? " " : "");
    ops_base64url_append(&page->receipt, ops_view(page->storage.data + start, key->id.length));
    return ops_buf_status(&page->receipt);
}

static bool fits(const struct ops_key_page *page, const struct memory_record *record)
{
    size_t bytes = strlen(record->public.partition) + strlen(record->public.sort) + 2;
    return page->count == 0 || (page->storage.length + bytes <= page->storage.limit_bytes &&
                                page->receipt.length + 2 + 4 * (bytes / 3 + 1) <= page->receipt.limit_bytes);
}

static enum ops_status read_page(struct memory_target *target, const struct memory_resource *resource, uint32_t segment,
                                 size_t index, size_t limit, struct ops_key_page *page)
{
    enum ops_status status = OPS_OK;
    if (index == 0 && segment == 0 && resource->hidden)
        ops_remarks_add(target->target.remarks, OPS_REMARK_UNREADABLE, ops_view_of(resource->hidden), "it is hidden");
    for (; index < resource->count && page->count < limit && status == OPS_OK; index++) {
        const struct memory_record *record = resource->records[index];
        if (record->hash % target->target.segment_count == segment && memory_record_incomparable(record, &target->scope))
            ops_remarks_add(target->target.remarks,
                            target->scope.ignore_incomparable ? OPS_REMARK_IGNORED : OPS_REMARK_INCOMPARABLE,
                            ops_view_of(record->public.partition), "its attribute is a list or a map");
        if (!takes(target, segment, record))
            continue;
        if (!fits(page, record))
            break;
        status = add(page, record);
        if (status == OPS_OK)
            page->keys[page->count - 1].kept = is_kept_locked(target, record);
    }
    page->last = index == resource->count;
    return status;
}

static enum ops_status finish_page(struct ops_key_page *page)
{
    const char *at = page->storage.data;
    for (size_t i = 0; i < page->count; i++) {
        struct ops_key *key = &page->keys[i];
        key->id.data = key->guarded.data = at;
        at += key->id.length;
    }
    if (!page->last)
        ops_base64url_append(&page->cursor, page->keys[page->count - 1].id);
    return ops_buf_status(&page->cursor);
}

static enum ops_status memory_page(struct ops_target *self, uint32_t segment, const char *cursor, size_t limit,
                                   struct ops_key_page *ret_page, struct ops_error *error)
{
    struct memory_target *target = (struct memory_target *)self;
    struct ops_buf id;
    ops_buf_init(&id, ID_LIMIT_BYTES);
    enum ops_status status = *cursor ? read_id(target, ops_view_of(cursor), &id, error) : OPS_OK;
    if (status == OPS_OK) {
        const struct memory_resource *resource = enter(target);
        size_t most = limit < self->page_max ? limit : self->page_max;
        if (resource) {
            const char *after = ops_buf_text(&id);
            size_t index = *cursor ? memory_record_index(resource, after, id_sort(after), true) : 0;
            status = read_page(target, resource, segment, index, most, ret_page);
        } else {
            status = missing(target, error);
        }
        leave(target);
    }
    if (status == OPS_OK)
        status = finish_page(ret_page);
    if (status != OPS_OK)
        ops_key_page_clear(ret_page);
    ops_buf_release(&id);
    return status;
}

static enum ops_removal remove_one_locked(struct memory_target *target, struct memory_resource *resource, const char *id)
{
    struct memory_stack *stack = target->stack;
    size_t index = memory_record_index(resource, id, id_sort(id), false);
    if (!memory_record_is_at(resource, index, id, id_sort(id)))
        return OPS_ABSENT;
    if (is_kept_locked(target, resource->records[index]))
        return OPS_FAILED;
    if (stack->synced.on_removed)
        stack->synced.on_removed(stack->synced.context, target->kind, target->name, &resource->records[index]->public);
    memory_record_remove_at(resource, index);
    return OPS_REMOVED;
}

static enum ops_status memory_remove(struct ops_target *self, const struct ops_key *keys, size_t count,
                                     enum ops_removal *ret_outcomes, struct ops_error *error)
{
    struct memory_target *target = (struct memory_target *)self;
    struct memory_resource *resource = enter(target);
    for (size_t i = 0; i < count && resource; i++)
        ret_outcomes[i] = remove_one_locked(target, resource, keys[i].id.data);
    leave(target);
    return resource ? OPS_OK : missing(target, error);
}

static enum ops_status memory_recount(struct ops_target *self, uint32_t segment, const char *receipt,
                                      struct ops_recount *ret_there, struct ops_error *error)
{
    (void)segment;
    struct memory_target *target = (struct memory_target *)self;
    struct ops_recount there = {0, 0};
    struct ops_buf id;
    ops_buf_init(&id, ID_LIMIT_BYTES);
    const struct memory_resource *resource = enter(target);
    enum ops_status status = resource ? OPS_OK : missing(target, error);
    for (const char *at = receipt; *at && status == OPS_OK;) {
        size_t length = strcspn(at, " ");
        status = read_id(target, ops_view(at, length), &id, error);
        if (status != OPS_OK)
            break;
        const char *bytes = ops_buf_text(&id);
        size_t index = memory_record_index(resource, bytes, id_sort(bytes), false);
        if (memory_record_is_at(resource, index, bytes, id_sort(bytes))) {
            there.count++;
            there.size_bytes += resource->records[index]->public.size_bytes;
        }
        at += length + (at[length] ? 1 : 0);
    }
    leave(target);
    ops_buf_release(&id);
    if (status == OPS_OK)
        *ret_there = there;
    return status;
}

static void free_text(const char *text)
{
    ops_mem_free((void *)(uintptr_t)text);
}

static void free_tables(char **tables, size_t count)
{
    for (size_t i = 0; i < count; i++)
        ops_mem_free(tables[i]);
    ops_mem_free(tables);
}

static enum ops_status memory_keep(struct ops_target *self, const struct ops_target_spec *tables, size_t count,
                                   struct ops_error *error)
{
    (void)error;
    struct memory_target *target = (struct memory_target *)self;
    char **names = ops_mem_zeroed(count, sizeof *names);
    size_t copied = 0;
    while (names && copied < count && (names[copied] = ops_mem_strdup(tables[copied].name)))
        copied++;
    if (!names || copied < count) {
        free_tables(names, copied);
        return OPS_NO_MEMORY;
    }
    free_tables(target->tables, target->table_count);
    target->tables = names;
    target->table_count = count;
    return OPS_OK;
}

static void memory_close(struct ops_target *self)
{
    struct memory_target *target = (struct memory_target *)self;
    free_text(target->scope.attribute);
    free_text(target->scope.index);
    free_text(target->scope.value);
    free_tables(target->tables, target->table_count);
    ops_mem_free(target->name);
    ops_mem_free(target);
}

static const struct ops_target_ops memory_target_ops = {
    .page = memory_page,
    .remove = memory_remove,
    .recount = memory_recount,
    .close = memory_close,
    .keep = memory_keep,
};

/* NULL stays NULL. */
static bool copy_text(const char **ret_copy, const char *text)
{
    *ret_copy = text ? ops_mem_strdup(text) : NULL;
    return !text || *ret_copy;
}

/* The number of segments: the plan's, or the one of now, which the plan keeps. */
static uint32_t cut(struct memory_target *target, const struct ops_target_spec *spec, const struct memory_resource *resource)
{
    unsigned long planned = spec->split ? strtoul(spec->split, NULL, 10) : 0;
    uint32_t count = planned > 0 && planned < UINT32_MAX ? (uint32_t)planned : resource->limits.segment_count;
    (void)snprintf(target->split, sizeof target->split, "%" PRIu32, count);
    return count;
}

enum ops_status memory_target_open(struct memory_stack *stack, const struct ops_target_spec *spec,
                                   const struct ops_scope *scope, struct ops_target **ret_target, struct ops_error *error)
{
    struct memory_target *target = ops_mem_zeroed(1, sizeof *target);
    if (!target)
        return OPS_NO_MEMORY;
    *target = (struct memory_target){.stack = stack, .kind = spec->kind, .scope = {.by = scope->by}};
    enum ops_status status = OPS_OK;
    target->name = ops_mem_strdup(spec->name);
    if (!target->name || !copy_text(&target->scope.attribute, scope->attribute) ||
        !copy_text(&target->scope.index, scope->index) || !copy_text(&target->scope.value, scope->value))
        status = OPS_NO_MEMORY;
    if (status == OPS_OK) {
        const struct memory_resource *resource = enter(target);
        if (resource)
            target->target = (struct ops_target){
                .ops = &memory_target_ops,
                .segment_count = cut(target, spec, resource),
                .split = target->split,
                .page_max = resource->limits.page_max,
                .batch_max = resource->limits.batch_max,
            };
        else
            status = missing(target, error);
        leave(target);
    }
    if (status == OPS_OK)
        *ret_target = &target->target;
    else
        memory_close(&target->target);
    return status;
}
