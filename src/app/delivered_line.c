#include "app/delivered_line.h"

#include "base/json.h"
#include "base/mem.h"
#include "ports/store.h"

#include <inttypes.h>
#include <stdio.h>

#define NO_RECORD "is no audit record"

static bool view_equal(struct ops_view a, struct ops_view b)
{
    return a.length == b.length && ops_view_starts_with(a, b);
}

/* Whether text is what g3nops writes of the value. No record is longer than a document of the store. */
static enum ops_status is_canonical(const json_t *value, struct ops_view text, bool *ret_is)
{
    struct ops_buf canonical;
    ops_buf_init(&canonical, OPS_STORE_DOC_MAX_BYTES);
    enum ops_status status = ops_json_canonical(value, &canonical);
    *ret_is = status == OPS_OK && view_equal(ops_buf_view(&canonical), text);
    ops_buf_release(&canonical);
    return status == OPS_LIMIT ? OPS_OK : status;
}

static enum ops_status read_object(struct ops_delivered_line *line)
{
    bool is_ours = false;
    json_int_t seq = ops_json_integer(line->record, "seq", 0);
    enum ops_status status = is_canonical(line->record, line->text, &is_ours);
    if (status != OPS_OK)
        return status;
    if (seq < 1)
        line->reason = NO_RECORD ": it has no record's number";
    else if (!is_ours)
        line->reason = NO_RECORD " as g3nops writes it";
    else
        line->seq = seq;
    return OPS_OK;
}

enum ops_status ops_delivered_line_read(const struct ops_log_place *place, struct ops_view text,
                                        struct ops_delivered_line *ret_line)
{
    struct ops_delivered_line line = {.noun = place->noun, .number = place->number, .text = text};
    (void)snprintf(line.stream, sizeof line.stream, "%s", place->stream);
    enum ops_status status = place->is_cut ? OPS_INVALID_JSON : ops_json_parse_object(text, &line.record, NULL);
    if (status == OPS_OK)
        status = read_object(&line);
    if (status == OPS_INVALID_JSON) {
        status = OPS_OK;
        line.reason = place->is_cut ? NO_RECORD ": it is longer than any" : NO_RECORD ": it is not one JSON object";
        line.is_broken = !place->is_cut && text.length > 0 && text.data[0] == '{';
    }
    if (status != OPS_OK || line.seq == 0) {
        json_decref(line.record);
        line.record = NULL;
    }
    if (status == OPS_OK)
        *ret_line = line;
    return status;
}

enum ops_status ops_delivered_line_keep(struct ops_delivered_line *line)
{
    line->copy = ops_mem_strndup(line->text.data, line->text.length);
    if (!line->copy)
        return OPS_NO_MEMORY;
    line->text.data = line->copy;
    return OPS_OK;
}

void ops_delivered_line_release(struct ops_delivered_line *line)
{
    json_decref(line->record);
    ops_mem_free(line->copy);
    *line = (struct ops_delivered_line){.seq = 0};
}

void ops_delivered_line_where(const struct ops_delivered_line *line, char ret_where[static OPS_LINE_WHERE_SIZE])
{
    if (line->number > 0)
        (void)snprintf(ret_where, OPS_LINE_WHERE_SIZE, "%s %" PRIu64 " of %s", line->noun, line->number, line->stream);
    else
        (void)snprintf(ret_where, OPS_LINE_WHERE_SIZE, "%s near the end of %s", line->noun, line->stream);
}
