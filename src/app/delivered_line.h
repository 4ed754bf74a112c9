/* A line of the delivered log, or an event, as it stands there.
 *
 * What is delivered is the canonical JSON of a record and nothing else. So a line is either exactly that, or nothing that
 * g3nops has written, however much a reader of JSON may make of it: a second member of the same name, a number that is
 * written otherwise, another value behind the first. Whether a record is the store's is another question (app/delivered.h).
 */
#ifndef OPS_APP_DELIVERED_LINE_H
#define OPS_APP_DELIVERED_LINE_H

#include "base/error.h"
#include "ports/log_sink.h"

#include <jansson.h>

enum { OPS_LINE_STREAM_SIZE = 64 /* longer names are cut */, OPS_LINE_WHERE_SIZE = 128 };

struct ops_delivered_line {
    char stream[OPS_LINE_STREAM_SIZE];
    const char *noun; /* "line", "event" */
    uint64_t number;  /* 0: not known */
    struct ops_view text;
    char *copy;         /* of text, once it is kept; owned */
    json_t *record;     /* NULL: it is none; owned */
    json_int_t seq;     /* the record's number, 1 or more; 0: it is none */
    const char *reason; /* why it is none, to go on after its place */
    bool is_broken;     /* it begins like a record and does not end as one: it may have been torn */
};

/* text must last until the line is kept or released. OPS_NO_MEMORY. */
enum ops_status ops_delivered_line_read(const struct ops_log_place *place, struct ops_view text,
                                        struct ops_delivered_line *ret_line) OPS_MUST_USE;

/* From now on the text is its own. OPS_NO_MEMORY. */
enum ops_status ops_delivered_line_keep(struct ops_delivered_line *line) OPS_MUST_USE;

void ops_delivered_line_release(struct ops_delivered_line *line);

/* "line 5 of audit-2026-11-30.jsonl" */
void ops_delivered_line_where(const struct ops_delivered_line *line, char ret_where[static OPS_LINE_WHERE_SIZE]);

#endif
