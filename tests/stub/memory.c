#include "stub/memory.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void stub_give_up(const char *why)
{
    (void)fprintf(stderr, "stub: %s\n", why);
    exit(1);
}

static void *given(void *block)
{
    if (!block)
        stub_give_up("out of memory");
    return block;
}

void *stub_zeroed(size_t count, size_t size_bytes)
{
    return given(ops_mem_zeroed(count, size_bytes));
}

void *stub_resize(void *block, size_t size_bytes)
{
    return given(ops_mem_resize(block, size_bytes));
}

char *stub_copy(struct ops_view text)
{
    return given(ops_mem_strndup(text.data ? text.data : "", text.length));
}

void stub_buf_init(struct ops_buf *buf)
{
    ops_buf_init(buf, SIZE_MAX / 4);
}

json_t *stub_json(json_t *json)
{
    return given(json);
}

struct ops_view stub_json_view(const json_t *string)
{
    return json_is_string(string) ? ops_view(json_string_value(string), json_string_length(string)) : ops_view("", 0);
}

static int append_chunk(const char *bytes, size_t length, void *buf)
{
    ops_buf_append(buf, bytes, length);
    return 0;
}

void stub_append_json(struct ops_buf *buf, const json_t *value)
{
    if (json_dump_callback(value, append_chunk, buf, JSON_COMPACT | JSON_ENCODE_ANY) != 0)
        stub_give_up("out of memory");
}

void stub_append_json_string(struct ops_buf *buf, struct ops_view text)
{
    json_t *string = stub_json(json_stringn_nocheck(text.data ? text.data : "", text.length));
    stub_append_json(buf, string);
    json_decref(string);
}

/* ---- Things by name ---- */

int stub_compare(struct ops_view a, struct ops_view b)
{
    size_t common = a.length < b.length ? a.length : b.length;
    int order = common ? memcmp(a.data, b.data, common) : 0;
    if (order != 0)
        return order;
    return (a.length > b.length) - (a.length < b.length);
}

size_t stub_map_seek(const struct stub_map *map, struct ops_view name)
{
    size_t low = 0, high = map->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (stub_compare(ops_view_of(map->entries[middle].name), name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_at(const struct stub_map *map, size_t at, struct ops_view name)
{
    return at < map->count && ops_view_is(name, map->entries[at].name);
}

void *stub_map_get(const struct stub_map *map, struct ops_view name)
{
    size_t at = stub_map_seek(map, name);
    return is_at(map, at, name) ? map->entries[at].thing : NULL;
}

void stub_map_set(struct stub_map *map, struct ops_view name, void *thing)
{
    size_t at = stub_map_seek(map, name);
    if (is_at(map, at, name)) {
        map->entries[at].thing = thing;
        return;
    }
    if (map->count == map->capacity) {
        map->capacity = map->capacity ? 2 * map->capacity : 8;
        map->entries = stub_resize(map->entries, map->capacity * sizeof *map->entries);
    }
    memmove(map->entries + at + 1, map->entries + at, (map->count - at) * sizeof *map->entries);
    map->entries[at] = (struct stub_entry){stub_copy(name), thing};
    map->count++;
}

void *stub_map_remove(struct stub_map *map, struct ops_view name)
{
    size_t at = stub_map_seek(map, name);
    if (!is_at(map, at, name))
        return NULL;
    void *thing = map->entries[at].thing;
    ops_mem_free(map->entries[at].name);
    map->count--;
    memmove(map->entries + at, map->entries + at + 1, (map->count - at) * sizeof *map->entries);
    return thing;
}

void stub_map_release(struct stub_map *map, void (*release)(void *thing))
{
    for (size_t i = 0; i < map->count; i++) {
        ops_mem_free(map->entries[i].name);
        release(map->entries[i].thing);
    }
    ops_mem_free(map->entries);
    *map = (struct stub_map){.entries = NULL};
}

/* ---- Bits ---- */

void stub_bits_init(struct stub_bits *bits, size_t count)
{
    *bits = (struct stub_bits){.words = stub_zeroed(count / 64 + 1, sizeof *bits->words), .count = count};
}

void stub_bits_release(struct stub_bits *bits)
{
    ops_mem_free(bits->words);
    *bits = (struct stub_bits){.words = NULL};
}

size_t stub_bits_next_clear(const struct stub_bits *bits, size_t at, size_t end)
{
    while (at < end && stub_bits_get(bits, at))
        at += at % 64 == 0 && bits->words[at / 64] == UINT64_MAX ? 64 : 1;
    return at < end ? at : end;
}
