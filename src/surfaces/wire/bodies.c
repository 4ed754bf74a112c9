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

/* Whether the body's share may become so large. One for which there is no room takes none from the others meanwhile. */
static bool take_share(struct ops_bodies *bodies, struct ops_body_bytes *body, size_t bytes)
{
    size_t taken = atomic_load_explicit(&bodies->taken_bytes, memory_order_relaxed), wanted;
    do {
        wanted = taken - body->taken_bytes + bytes;
        if (wanted > bodies->limit_bytes)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&bodies->taken_bytes, &taken, wanted, memory_order_relaxed,
                                                    memory_order_relaxed));
    body->taken_bytes = bytes;
    return true;
}

/* With the memory that it has come to take, which is more than what is in it. */
static bool has_room(struct ops_bodies *bodies, struct ops_body_bytes *body)
{
    size_t capacity = body->buf.capacity;
    return capacity <= OPS_BODY_FREE_BYTES || take_share(bodies, body, capacity - OPS_BODY_FREE_BYTES);
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
    atomic_fetch_sub_explicit(&bodies->taken_bytes, body->taken_bytes, memory_order_relaxed);
    body->taken_bytes = 0;
}
