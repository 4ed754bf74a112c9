/* What a local time means in a time zone of the IANA database, of which the machine has its own (the package tzdata). */
#ifndef OPS_SURFACES_CLI_ZONE_H
#define OPS_SURFACES_CLI_ZONE_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

enum ops_zone_fit {
    OPS_ZONE_ONCE,
    OPS_ZONE_SKIPPED, /* the clocks go forward past it */
    OPS_ZONE_TWICE,   /* the clocks go back to before it */
};

enum { OPS_ZONE_TEXT_SIZE = 64 };

/* What a local time may mean: an instant, and what the clocks of the zone show then, "2027-03-28 03:30 CEST". */
struct ops_zone_reading {
    int64_t at_ms;
    char local[OPS_ZONE_TEXT_SIZE];
};

struct ops_zone_answer {
    enum ops_zone_fit fit;
    struct ops_zone_reading readings[2]; /* ONCE: the first; else both, the earlier one first */
};

/* local_ms is the local date and time, counted as if it were UTC. OPS_USAGE: the machine has no such zone.
 *
 * One thread at a time, and none beside it that looks at the time zone: the C library has one for the whole process. */
enum ops_status ops_zone_read(const char *zone, int64_t local_ms, struct ops_zone_answer *ret_answer,
                              struct ops_error *error) OPS_MUST_USE;

/* An instant as the clocks of a zone show it, "2026-12-01 03:00:00 CET". zone is a name that ops_zone_read takes, or an
 * offset,
 * "+01:00"; "" when it is neither, or without memory. Threads: as ops_zone_read. */
const char *ops_zone_show(const char *zone, int64_t at_ms, char ret_text[static OPS_ZONE_TEXT_SIZE]);

/* Whether the C library understands what the variable TZ may hold: a name of the machine's database, with or without ':'
 * before it; the path of a zone's file; or a zone in POSIX's own words, "CET-1CEST,M3.5.0,M10.5.0/3". What it does not
 * understand it takes for UTC, under a name that looks like another zone's. NULL and "" are understood. */
bool ops_zone_is_understood(const char *zone);

#endif
