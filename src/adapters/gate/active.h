/* What a gate closes for: a window whose status is the text "active", and nothing else. A source may one day tell of windows
 * in other states, or be another's that happens to look alike: whatever is not known to be active leaves the gate open.
 * Members that are not known are no reason either way. */
#ifndef OPS_ADAPTERS_GATE_ACTIVE_H
#define OPS_ADAPTERS_GATE_ACTIVE_H

#include "base/buf.h"

#include <jansson.h>

/* Appends the window's JSON when it is active, else nothing. OPS_NO_MEMORY, OPS_LIMIT. */
enum ops_status ops_gate_append_active(const json_t *window, struct ops_buf *buf) OPS_MUST_USE;

#endif
