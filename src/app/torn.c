#include "app/torn.h"

#include "base/mem.h"

#include <string.h>

/* Whether it is the first of them that comes again as the other. */
static bool comes_again_as(const struct ops_torn *torn, const struct ops_delivered_line *other)
{
    struct ops_view text = torn->waiting[0].text;
    return other->record && other->text.length > text.length && ops_view_starts_with(other->text, text);
}

static bool comes_again(const struct ops_torn *torn)
{
    for (size_t i = 1; i < torn->count; i++)
        if (comes_again_as(torn, &torn->waiting[i]))
            return true;
    return false;
}

static enum ops_status give_first(struct ops_torn *torn, enum ops_line_fate fate)
{
    struct ops_delivered_line first = torn->waiting[0];
    torn->count--;
    torn->bytes -= first.text.length;
    memmove(torn->waiting, torn->waiting + 1, torn->count * sizeof torn->waiting[0]);
    enum ops_status status = torn->on_line(torn->context, &first, fate);
    ops_delivered_line_release(&first);
    return status;
}

/* Gives all about which there is no doubt any more. */
static enum ops_status settle(struct ops_torn *torn, bool is_end)
{
    enum ops_status status = OPS_OK;
    while (torn->count > 0 && status == OPS_OK) {
        bool too_late = torn->count > OPS_TORN_WINDOW || torn->bytes > OPS_TORN_MAX_BYTES;
        if (!torn->waiting[0].is_broken)
            status = give_first(torn, OPS_LINE_WHOLE);
        else if (comes_again(torn))
            status = give_first(torn, OPS_LINE_TORN);
        else if (too_late)
            status = give_first(torn, OPS_LINE_WHOLE);
        else if (is_end)
            status = give_first(torn, OPS_LINE_OPEN);
        else
            break;
    }
    return status;
}

static enum ops_status wait_for_more(struct ops_torn *torn, struct ops_delivered_line *line)
{
    if (!torn->waiting)
        torn->waiting = ops_mem_zeroed(OPS_TORN_WINDOW + 1, sizeof torn->waiting[0]);
    enum ops_status status = torn->waiting ? ops_delivered_line_keep(line) : OPS_NO_MEMORY;
    if (status != OPS_OK) {
        ops_delivered_line_release(line);
        return status;
    }
    torn->bytes += line->text.length;
    torn->waiting[torn->count++] = *line;
    return settle(torn, false);
}

enum ops_status ops_torn_add(struct ops_torn *torn, struct ops_delivered_line *line)
{
    if (torn->count > 0 || line->is_broken)
        return wait_for_more(torn, line);
    enum ops_status status = torn->on_line(torn->context, line, OPS_LINE_WHOLE);
    ops_delivered_line_release(line);
    return status;
}

enum ops_status ops_torn_end(struct ops_torn *torn)
{
    return settle(torn, true);
}

void ops_torn_release(struct ops_torn *torn)
{
    for (size_t i = 0; i < torn->count; i++)
        ops_delivered_line_release(&torn->waiting[i]);
    ops_mem_free(torn->waiting);
    *torn = (struct ops_torn){.count = 0};
}
