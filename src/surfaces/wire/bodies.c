#include "surfaces/wire/bodies.h"

void ops_bodies_init(struct ops_bodies *bodies, size_t limit_bytes)
{
    bodies->limit_bytes = limit_bytes;
    atomic_init(&bodies->taken_bytes, 0);
}

void ops_body_bytes_init(struct ops_body_bytes *body, size_t max_bytes)
{
    ops_buf_init(&body->buf, max_bytes);
    body->taken_bytes = 0;
}

/* A share may become smaller; unsigned numbers wrap around and come out right. */
static size_t share(struct ops_bodies *bodies, struct ops_body_bytes *body, size_t bytes)
{
    size_t more = bytes - body->taken_bytes;
    body->taken_bytes = bytes;
    return atomic_fetch_add_explicit(&bodies->taken_bytes, more, memory_order_relaxed) + more;
}

/* With the memory that it has come to take, which is more than what is in it. */
static bool has_room(struct ops_bodies *bodies, struct ops_body_bytes *body)
{
    size_t capacity = body->buf.capacity;
    if (capacity <= OPS_BODY_FREE_BYTES)
        return true;
    return share(bodies, body, capacity - OPS_BODY_FREE_BYTES) <= bodies->limit_bytes;
}

enum ops_status ops_bodies_append(struct ops_bodies *bodies, struct ops_body_bytes *body, const char *bytes, size_t length)
{
    ops_buf_append(&body->buf, bytes, length);
    enum ops_status status = ops_buf_status(&body->buf);
    if (status == OPS_LIMIT)
        status = OPS_PAYLOAD_TOO_LARGE;
    else if (status == OPS_OK && !has_room(bodies, body))
        status = OPS_THROTTLED;
    if (status != OPS_OK)
        ops_bodies_forget(bodies, body);
    return status;
}

void ops_bodies_forget(struct ops_bodies *bodies, struct ops_body_bytes *body)
{
    ops_buf_wipe(&body->buf);
    (void)share(bodies, body, 0); /* what the others take does not matter */
}
