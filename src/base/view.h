/* A run of bytes that somebody else owns: pointer and length travel together. Not NUL-terminated. */
#ifndef OPS_BASE_VIEW_H
#define OPS_BASE_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct ops_view {
    const char *data; /* may be NULL when length is 0 */
    size_t length;
};

static inline struct ops_view ops_view(const char *data, size_t length)
{
    return (struct ops_view){data, length};
}

/* NULL gives the empty view. */
static inline struct ops_view ops_view_of(const char *text)
{
    return text ? (struct ops_view){text, strlen(text)} : (struct ops_view){NULL, 0};
}

static inline bool ops_view_equal(struct ops_view a, struct ops_view b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

static inline bool ops_view_is(struct ops_view view, const char *text)
{
    return ops_view_equal(view, ops_view_of(text));
}

static inline bool ops_view_starts_with(struct ops_view view, struct ops_view prefix)
{
    return view.length >= prefix.length && (prefix.length == 0 || memcmp(view.data, prefix.data, prefix.length) == 0);
}

#endif
