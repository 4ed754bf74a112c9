/* Whether a caller is better served with HTML, by its Accept header (RFC 9110, section 12.5.1). */
#ifndef OPS_GATE_ACCEPT_H
#define OPS_GATE_ACCEPT_H

#include <stdbool.h>

/* True for one that names text/html and does not like application/json better: browsers do, programs don't. NULL: no
 * header. */
bool ops_gate_prefers_html(const char *accept);

#endif
