#include "ports/target.h"

#include "base/mem.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const kind_names[OPS_TARGET_KIND_COUNT] = {
    [OPS_TABLE] = "table",
    [OPS_BUCKET] = "bucket",
    [OPS_LOG_GROUP] = "log_group",
};

static const char *const by_names[OPS_SCOPE_BY_COUNT] = {
    [OPS_SCOPE_ALL] = "all",     [OPS_SCOPE_ATTRIBUTE] = "attribute",
    [OPS_SCOPE_INDEX] = "index", [OPS_SCOPE_KEY_PREFIX] = "key_prefix",
    [OPS_SCOPE_KEY] = "key",
};

const char *ops_target_kind_name(enum ops_target_kind kind)
{
    return kind_names[kind];
}

const char *ops_scope_by_name(enum ops_scope_by by)
{
    return by_names[by];
}

void ops_findings_add(struct ops_findings *findings, bool blocks, const char *format, ...)
{
    if (findings->count == OPS_FINDINGS_MAX)
        return;
    struct ops_finding *finding = &findings->list[findings->count++];
    finding->blocks = blocks;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(finding->text, sizeof finding->text, format, arguments); /* cut where it is too long */
    va_end(arguments);
}

bool ops_key_next_guarded(const struct ops_key *key, size_t *offset, struct ops_view *ret_value)
{
    uint32_t length;
    const size_t head = 1 + sizeof length;
    if (*offset >= key->more.length)
        return false;
    memcpy(&length, key->more.data + *offset + 1, sizeof length);
    assert(*offset + head + length <= key->more.length);
    *ret_value = ops_view(key->more.data + *offset + head, length);
    *offset += head + length;
    return true;
}

void ops_key_page_init(struct ops_key_page *page, size_t storage_limit_bytes)
{
    *page = (struct ops_key_page){.last = false};
    ops_buf_init(&page->storage, storage_limit_bytes);
    ops_buf_init(&page->cursor, OPS_CURSOR_MAX_BYTES);
    ops_buf_init(&page->receipt, OPS_RECEIPT_MAX_BYTES);
}

void ops_key_page_clear(struct ops_key_page *page)
{
    page->count = 0;
    page->last = false;
    ops_buf_clear(&page->storage);
    ops_buf_clear(&page->cursor);
    ops_buf_clear(&page->receipt);
}

void ops_key_page_release(struct ops_key_page *page)
{
    ops_mem_free(page->keys);
    ops_buf_release(&page->storage);
    ops_buf_release(&page->cursor);
    ops_buf_release(&page->receipt);
    page->keys = NULL;
    page->count = page->capacity = 0;
}

struct ops_key *ops_key_page_add(struct ops_key_page *page)
{
    struct ops_key *keys = ops_mem_room(page->keys, page->count, &page->capacity, sizeof *keys);
    if (!keys)
        return NULL;
    page->keys = keys;
    struct ops_key *key = &page->keys[page->count++];
    *key = (struct ops_key){.size_bytes = 0};
    return key;
}

enum ops_status ops_target_page(struct ops_target *target, uint32_t segment, const char *cursor, size_t limit,
                                struct ops_key_page *ret_page, struct ops_error *error)
{
    assert(segment < target->segment_count && limit >= 1);
    ops_key_page_clear(ret_page);
    return target->ops->page(target, segment, cursor, limit, ret_page, error);
}

enum ops_status ops_target_remove(struct ops_target *target, const struct ops_key *keys, size_t count,
                                  enum ops_removal *ret_outcomes, struct ops_error *error)
{
    assert(count >= 1 && count <= target->batch_max);
    return target->ops->remove(target, keys, count, ret_outcomes, error);
}

enum ops_status ops_target_recount(struct ops_target *target, uint32_t segment, const char *receipt,
                                   struct ops_recount *ret_there, struct ops_error *error)
{
    assert(segment < target->segment_count);
    return target->ops->recount(target, segment, receipt, ret_there, error);
}

enum ops_status ops_target_inspect(struct ops_target *target, struct ops_findings *ret_findings, struct ops_error *error)
{
    return target->ops->inspect ? target->ops->inspect(target, ret_findings, error) : OPS_OK;
}

enum ops_status ops_target_keep(struct ops_target *target, const struct ops_target_spec *tables, size_t count,
                                struct ops_error *error)
{
    return target->ops->keep ? target->ops->keep(target, tables, count, error) : OPS_OK;
}

void ops_target_close(struct ops_target *target)
{
    if (target)
        target->ops->close(target);
}
