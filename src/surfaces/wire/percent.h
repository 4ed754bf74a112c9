/* Percent-encoding (RFC 3986) of what comes in a request target, and the check that it is text. */
#ifndef OPS_SURFACES_WIRE_PERCENT_H
#define OPS_SURFACES_WIRE_PERCENT_H

#include "base/buf.h"
#include "base/view.h"

/* Replaces buf's content with the decoded text. OPS_INVALID_FIELD: a '%' without two hexadecimal digits, a NUL, or bytes
 * that are not UTF-8. OPS_LIMIT, OPS_NO_MEMORY: buf's. '+' stands for itself: the HTTP library has made blanks of those
 * in a query. */
enum ops_status ops_percent_decode(struct ops_view encoded, struct ops_buf *buf) OPS_MUST_USE;

/* Shortest form only, no surrogates, at most U+10FFFF. */
bool ops_utf8_valid(struct ops_view text);

#endif
