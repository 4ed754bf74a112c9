#include "adapters/memory/log_sink.h"

#include "base/mem.h"

#include <assert.h>
#include <pthread.h>

struct memory_log_sink {
    struct ops_log_sink base;
    pthread_mutex_t mutex;
    struct {
        struct ops_log_event *events; /* each text is our own */
        size_t count;
        size_t capacity;
    } synced;
};

static struct memory_log_sink *memory_log_sink(struct ops_log_sink *self)
{
    return (struct memory_log_sink *)self;
}

static bool reserve_locked(struct memory_log_sink *sink, size_t count)
{
    if (sink->synced.count + count <= sink->synced.capacity)
        return true;
    size_t capacity = 2 * (sink->synced.count + count);
    struct ops_log_event *events = ops_mem_resize(sink->synced.events, capacity * sizeof *events);
    if (!events)
        return false;
    sink->synced.events = events;
    sink->synced.capacity = capacity;
    return true;
}

static void free_text(struct ops_log_event *event)
{
    ops_mem_free((void *)(uintptr_t)event->text.data);
}

/* Copies all events behind the last one, or none. */
static enum ops_status append_locked(struct memory_log_sink *sink, const struct ops_log_event *events, size_t count)
{
    if (!reserve_locked(sink, count))
        return OPS_NO_MEMORY;
    struct ops_log_event *copies = sink->synced.events + sink->synced.count;
    for (size_t i = 0; i < count; i++) {
        char *text = ops_mem_strndup(events[i].text.data ? events[i].text.data : "", events[i].text.length);
        if (!text) {
            while (i > 0)
                free_text(&copies[--i]);
            return OPS_NO_MEMORY;
        }
        copies[i] = (struct ops_log_event){events[i].at_ms, ops_view(text, events[i].text.length)};
    }
    sink->synced.count += count;
    return OPS_OK;
}

static enum ops_status memory_append(struct ops_log_sink *self, const struct ops_log_event *events, size_t count,
                                     struct ops_error *error)
{
    (void)error;
    struct memory_log_sink *sink = memory_log_sink(self);
    pthread_mutex_lock(&sink->mutex);
    enum ops_status status = append_locked(sink, events, count);
    pthread_mutex_unlock(&sink->mutex);
    return status;
}

/* Copies nothing: events stay where they are for the sink's life, and the array of them is looked at under the lock. */
static enum ops_status memory_read(struct ops_log_sink *self, size_t last, ops_on_log_event_fn on_event, void *context,
                                   struct ops_error *error)
{
    (void)error;
    size_t count = ops_memory_log_sink_count(self);
    enum ops_status status = OPS_OK;
    for (size_t i = last > 0 && last < count ? count - last : 0; i < count && status == OPS_OK; i++)
        status = on_event(context, &(struct ops_log_place){.stream = "memory", .noun = "event", .number = i + 1},
                          ops_memory_log_sink_event(self, i).text);
    return status;
}

static void memory_release(struct ops_log_sink *self)
{
    struct memory_log_sink *sink = memory_log_sink(self);
    for (size_t i = 0; i < sink->synced.count; i++)
        free_text(&sink->synced.events[i]);
    ops_mem_free(sink->synced.events);
    pthread_mutex_destroy(&sink->mutex);
    ops_mem_free(sink);
}

static const struct ops_log_sink_ops memory_ops = {
    .append = memory_append,
    .read = memory_read,
    .release = memory_release,
};

enum ops_status ops_memory_log_sink_new(struct ops_log_sink **ret_sink)
{
    struct memory_log_sink *sink = ops_mem_zeroed(1, sizeof *sink);
    if (!sink)
        return OPS_NO_MEMORY;
    sink->base.ops = &memory_ops;
    (void)pthread_mutex_init(&sink->mutex, NULL); /* a default mutex needs no resources on Linux */
    *ret_sink = &sink->base;
    return OPS_OK;
}

size_t ops_memory_log_sink_count(struct ops_log_sink *self)
{
    struct memory_log_sink *sink = memory_log_sink(self);
    pthread_mutex_lock(&sink->mutex);
    size_t count = sink->synced.count;
    pthread_mutex_unlock(&sink->mutex);
    return count;
}

struct ops_log_event ops_memory_log_sink_event(struct ops_log_sink *self, size_t index)
{
    struct memory_log_sink *sink = memory_log_sink(self);
    pthread_mutex_lock(&sink->mutex);
    assert(index < sink->synced.count);
    struct ops_log_event event = sink->synced.events[index];
    pthread_mutex_unlock(&sink->mutex);
    return event;
}
