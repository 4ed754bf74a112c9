/* Makes tables, buckets and log groups from a description in JSON. */
#ifndef STUB_FILL_H
#define STUB_FILL_H

#include "stub/world.h"

/* {"tables": {name: {...}}, "buckets": {...}, "log_groups": {...}}; what has the name of an old one replaces it. What can't
 * be understood: false, a sentence, and what stood before it has been made. */
bool stub_fill(struct stub_world *world, const json_t *description, struct ops_buf *ret_problem);

#endif
