/* Instants and their text.
 *
 * An instant is int64_t milliseconds since 1970-01-01T00:00:00Z, named ..._ms. Its text, on every surface and in every
 * record, is RFC 3339 in UTC to the second, "2026-11-24T03:42:53Z": all such texts have one width, so the order of the
 * texts is the order of the instants, and a store can compare them.
 */
#ifndef OPS_BASE_INSTANT_H
#define OPS_BASE_INSTANT_H

#include "base/status.h"
#include "base/view.h"

#include <stdint.h>

enum { OPS_INSTANT_TEXT_SIZE = sizeof "2026-11-24T03:42:53Z" };

#define OPS_SECOND_MS INT64_C(1000)
#define OPS_MINUTE_MS (60 * OPS_SECOND_MS)
#define OPS_HOUR_MS (60 * OPS_MINUTE_MS)
#define OPS_DAY_MS (24 * OPS_HOUR_MS)

/* The last instant with a four-digit year. */
#define OPS_INSTANT_MAX_MS INT64_C(253402300799999)

/* Writes the text; the part of a second is dropped. Instants outside 0..OPS_INSTANT_MAX_MS are clamped. */
void ops_instant_format(int64_t at_ms, char ret_text[static OPS_INSTANT_TEXT_SIZE]);

/* Reads an RFC 3339 date-time with "Z" or an offset, as a stranger may write it: a fraction of any length (kept to the
 * millisecond), lower-case t and z. OPS_INVALID_FIELD for anything else, also for a leap second, a year before 1970 and
 * a date that does not exist. */
enum ops_status ops_instant_parse(struct ops_view text, int64_t *ret_at_ms) OPS_MUST_USE;

/* The first whole second that is not before at_ms. */
int64_t ops_instant_ceil_second(int64_t at_ms);

#endif
