#include "base/buf.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>

enum { FIRST_CAPACITY_BYTES = 64 };

void ops_buf_init(struct ops_buf *buf, size_t limit_bytes)
{
    *buf = (struct ops_buf){.limit_bytes = limit_bytes, .status = OPS_OK};
}

void ops_buf_release(struct ops_buf *buf)
{
    ops_mem_free(buf->data);
    ops_buf_init(buf, buf->limit_bytes);
}

void ops_buf_wipe(struct ops_buf *buf)
{
    if (buf->data)
        explicit_bzero(buf->data, buf->capacity);
    ops_buf_release(buf);
}

void ops_buf_clear(struct ops_buf *buf)
{
    buf->length = 0;
    buf->status = OPS_OK;
    if (buf->data)
        buf->data[0] = '\0';
}

/* Makes room for extra more bytes and the NUL. */
static bool buf_reserve(struct ops_buf *buf, size_t extra)
{
    if (buf->status != OPS_OK)
        return false;
    if (extra > buf->limit_bytes - buf->length) {
        buf->status = OPS_LIMIT;
        return false;
    }
    size_t needed = buf->length + extra + 1;
    if (needed <= buf->capacity)
        return true;
    size_t capacity = buf->capacity ? buf->capacity : FIRST_CAPACITY_BYTES;
    while (capacity < needed)
        capacity = capacity > SIZE_MAX / 2 ? needed : capacity * 2;
    char *data = ops_mem_resize(buf->data, capacity);
    if (!data) {
        buf->status = OPS_NO_MEMORY;
        return false;
    }
    buf->data = data;
    buf->capacity = capacity;
    return true;
}

void ops_buf_append(struct ops_buf *buf, const void *bytes, size_t length)
{
    if (!buf_reserve(buf, length))
        return;
    if (length)
        memcpy(buf->data + buf->length, bytes, length);
    buf->length += length;
    buf->data[buf->length] = '\0';
}

void ops_buf_append_text(struct ops_buf *buf, const char *text)
{
    ops_buf_append(buf, text, strlen(text));
}

void ops_buf_append_view(struct ops_buf *buf, struct ops_view view)
{
    ops_buf_append(buf, view.data, view.length);
}

void ops_buf_append_char(struct ops_buf *buf, char c)
{
    ops_buf_append(buf, &c, 1);
}

/* Most texts fit the room that is there, and then are written once. */
void ops_buf_append_format(struct ops_buf *buf, const char *format, ...)
{
    if (!buf_reserve(buf, 0))
        return;
    size_t room = buf->capacity - buf->length;
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int length = vsnprintf(buf->data + buf->length, room, format, args);
    va_end(args);
    if (length < 0)
        buf->status = OPS_LIMIT;
    else if (buf_reserve(buf, (size_t)length) && (size_t)length >= room)
        (void)vsnprintf(buf->data + buf->length, (size_t)length + 1, format, again);
    va_end(again);
    if (buf->status == OPS_OK)
        buf->length += (size_t)length;
    else
        buf->data[buf->length] = '\0';
}

void ops_buf_append_integer(struct ops_buf *buf, int64_t number)
{
    char digits[20]; /* INT64_MIN has 19, and its sign */
    char *at = digits + sizeof digits;
    uint64_t left = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    do
        *--at = (char)('0' + left % 10);
    while (left /= 10);
    if (number < 0)
        *--at = '-';
    ops_buf_append(buf, at, (size_t)(digits + sizeof digits - at));
}

enum ops_status ops_buf_status(const struct ops_buf *buf)
{
    return buf->status;
}

const char *ops_buf_text(const struct ops_buf *buf)
{
    return buf->data ? buf->data : "";
}

struct ops_view ops_buf_view(const struct ops_buf *buf)
{
    return ops_view(ops_buf_text(buf), buf->length);
}

char *ops_buf_take(struct ops_buf *buf)
{
    ops_buf_append(buf, "", 0);
    char *data = buf->status == OPS_OK ? buf->data : NULL;
    if (!data)
        ops_mem_free(buf->data);
    ops_buf_init(buf, buf->limit_bytes);
    return data;
}
