/* Counts what is really there, by other code than the vacuum's: SQL over every table, a walk over every directory. */
#ifndef OPS_MAIN_DEMO_CENSUS_H
#define OPS_MAIN_DEMO_CENSUS_H

#include "base/error.h"

#include <stdint.h>

struct demo_census {
    int64_t records;      /* rows, objects and streams, without the protected ones */
    int64_t tenant;       /* of these, rows and objects of one tenant */
    int64_t neighbour;    /* and of another */
    int64_t protected;    /* protected rows, objects and streams */
    char fingerprint[65]; /* of all that is protected: rows with their content, files with size and time */
};

/* Tables and buckets that are in nobody's manifest count as protected: no vacuum may touch them. */
enum ops_status demo_census(const char *data_dir, const char *tenant, const char *neighbour, struct demo_census *ret_census,
                            struct ops_error *error) OPS_MUST_USE;

#endif
