/* Lines of the delivered log that a crash has torn.
 *
 * A delivery that was cut off may leave the beginning of a record behind, with the next delivery's lines after it. That
 * batch begins at the same record or before it, so the record itself comes again soon. A line that is the beginning of no
 * record that comes again is no torn one. So nothing but the log itself says what is torn, and says the same at every
 * reading. No beginning of a record is JSON: no reader takes it for one.
 */
#ifndef OPS_APP_TORN_H
#define OPS_APP_TORN_H

#include "app/delivered_line.h"

enum {
    OPS_TORN_WINDOW = 2 * OPS_LOG_BATCH_MAX, /* so many lines later at most it comes again */
    OPS_TORN_MAX_BYTES = 8 * 1024 * 1024,    /* of lines that wait for that; what comes later comes too late */
};

enum ops_line_fate {
    OPS_LINE_WHOLE, /* nothing has torn it, whatever it may be */
    OPS_LINE_TORN,  /* it came again */
    OPS_LINE_OPEN,  /* it begins like a record, and the log ends before it could come again */
};

/* Sees each line once, in the log's order. line is borrowed. */
typedef enum ops_status (*ops_on_line_fn)(void *context, const struct ops_delivered_line *line, enum ops_line_fate fate);

struct ops_torn {
    ops_on_line_fn on_line;
    void *context;
    struct ops_delivered_line *waiting; /* the first of them is broken, and may be torn */
    size_t count;
    size_t bytes;
};

/* Takes line, also when it fails. What on_line comes to, or OPS_NO_MEMORY. */
enum ops_status ops_torn_add(struct ops_torn *torn, struct ops_delivered_line *line) OPS_MUST_USE;

/* There are no more. */
enum ops_status ops_torn_end(struct ops_torn *torn) OPS_MUST_USE;

void ops_torn_release(struct ops_torn *torn);

#endif
