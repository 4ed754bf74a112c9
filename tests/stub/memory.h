/* Memory for a test tool: what can't be had ends the program, so nobody has to ask. */
#ifndef STUB_MEMORY_H
#define STUB_MEMORY_H

#include "base/buf.h"
#include "base/mem.h"

#include <jansson.h>

_Noreturn void stub_give_up(const char *why);

void *stub_zeroed(size_t count, size_t size_bytes);
void *stub_resize(void *block, size_t size_bytes);
char *stub_copy(struct ops_view text); /* NUL-terminated */

/* A buffer without a limit. */
void stub_buf_init(struct ops_buf *buf);

/* json, which must not be NULL: that would mean no memory. */
json_t *stub_json(json_t *json);

struct ops_view stub_json_view(const json_t *string); /* empty when it is no string */

/* Appends compact text. */
void stub_append_json(struct ops_buf *buf, const json_t *value);

/* Appends a JSON string, with its quotes. text is UTF-8. */
void stub_append_json_string(struct ops_buf *buf, struct ops_view text);

/* Things by name, in the order of their names. The map owns the names, not the things. */
struct stub_map {
    struct stub_entry {
        char *name;
        void *thing;
    } * entries;
    size_t count;
    size_t capacity;
};

/* The first entry whose name is not before name: where it is, or where it would be. */
size_t stub_map_seek(const struct stub_map *map, struct ops_view name);
void *stub_map_get(const struct stub_map *map, struct ops_view name); /* NULL: there is none */
void stub_map_set(struct stub_map *map, struct ops_view name, void *thing);
void *stub_map_remove(struct stub_map *map, struct ops_view name); /* the thing, or NULL */
void stub_map_release(struct stub_map *map, void (*release)(void *thing));

/* Byte order, the shorter first. */
int stub_compare(struct ops_view a, struct ops_view b);

/* One bit a thing. */
struct stub_bits {
    uint64_t *words;
    size_t count;
    size_t set_count;
};

void stub_bits_init(struct stub_bits *bits, size_t count);
void stub_bits_release(struct stub_bits *bits);

static inline bool stub_bits_get(const struct stub_bits *bits, size_t at)
{
    return bits->words[at / 64] >> (at % 64) & 1;
}

/* Whether it was not set before. */
static inline bool stub_bits_set(struct stub_bits *bits, size_t at)
{
    if (stub_bits_get(bits, at))
        return false;
    bits->words[at / 64] |= UINT64_C(1) << (at % 64);
    bits->set_count++;
    return true;
}

static inline bool stub_bits_clear(struct stub_bits *bits, size_t at)
{
    if (!stub_bits_get(bits, at))
        return false;
    bits->words[at / 64] &= ~(UINT64_C(1) << (at % 64));
    bits->set_count--;
    return true;
}

/* The first bit from at on, and before end, that is not set; end when there is none. */
size_t stub_bits_next_clear(const struct stub_bits *bits, size_t at, size_t end);

#endif
