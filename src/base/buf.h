/* A growing byte buffer that knows its maximum at birth.
 *
 * Failure sticks: after one append that did not fit (or found no memory) every later one does nothing, so that a
 * writer may append a whole message and ask once, at the end, with ops_buf_status().
 */
#ifndef OPS_BASE_BUF_H
#define OPS_BASE_BUF_H

#include "base/status.h"
#include "base/view.h"

#include <stdint.h>

/* Invariant: data is NULL or a NUL-terminated block of capacity bytes, length < capacity, length <= limit_bytes. */
struct ops_buf {
    char *data;
    size_t length;
    size_t capacity;
    size_t limit_bytes;
    enum ops_status status;
};

/* Allocates nothing. limit_bytes is the largest length that the buffer may ever have. */
void ops_buf_init(struct ops_buf *buf, size_t limit_bytes);
void ops_buf_release(struct ops_buf *buf); /* leaves it as after init */
void ops_buf_wipe(struct ops_buf *buf);    /* likewise, and overwrites what was in it: for secrets */
void ops_buf_clear(struct ops_buf *buf);   /* length 0, failure forgotten, memory kept */

void ops_buf_append(struct ops_buf *buf, const void *bytes, size_t length);
void ops_buf_append_text(struct ops_buf *buf, const char *text);
void ops_buf_append_view(struct ops_buf *buf, struct ops_view view);
void ops_buf_append_char(struct ops_buf *buf, char c);
void ops_buf_append_integer(struct ops_buf *buf, int64_t number);
void ops_buf_append_format(struct ops_buf *buf, const char *format, ...) OPS_PRINTF(2, 3);

/* OPS_OK, OPS_LIMIT or OPS_NO_MEMORY: the first failure since init or clear. */
enum ops_status ops_buf_status(const struct ops_buf *buf) OPS_MUST_USE;

/* The text so far, "" for an empty buffer, never NULL; valid until the next append. */
const char *ops_buf_text(const struct ops_buf *buf);
struct ops_view ops_buf_view(const struct ops_buf *buf);

/* Hands the block over to the caller, who frees it with ops_mem_free; NULL when the buffer failed or has no memory.
 * An empty buffer gives "". The buffer is as after init. */
char *ops_buf_take(struct ops_buf *buf);

#endif
