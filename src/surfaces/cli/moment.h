/* Lengths of time and points in time, as a person writes them. */
#ifndef OPS_SURFACES_CLI_MOMENT_H
#define OPS_SURFACES_CLI_MOMENT_H

#include "base/error.h"
#include "base/instant.h"

/* "5400", in seconds, or of days, hours, minutes and seconds what there is, in this order: "90s", "45m", "2h", "1d12h".
 * OPS_INVALID_FIELD: it is neither, or more than an int64_t holds. */
enum ops_status ops_moment_duration(const char *text, int64_t *ret_seconds) OPS_MUST_USE;

/* RFC 3339 with Z or an offset; from now, "+45m"; or local with its zone, "2026-12-01T03:00 Europe/Vienna". OPS_USAGE: none
 * of these, or a local time that the zone skips or has twice, with the two readings in words. flag is what the sentence
 * begins with. ret_instant is for the service. */
enum ops_status ops_moment_time(const char *flag, const char *text, int64_t now_ms,
                                char ret_instant[static OPS_INSTANT_TEXT_SIZE], struct ops_error *error) OPS_MUST_USE;

/* Of a text that ops_moment_time has read the zone that is written in it, a name or an offset, "+01:00"; within text. NULL:
 * UTC, or from now. */
const char *ops_moment_zone(const char *text);

#endif
