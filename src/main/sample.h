/* A sample stack in a data directory: tables, buckets and log groups with records of several tenants, some protected, some
 * that the manifest does not name. For demo, demo-data and whoever wants to try things where nothing can be lost.
 */
#ifndef OPS_MAIN_SAMPLE_H
#define OPS_MAIN_SAMPLE_H

#include "core/manifest.h"

enum { OPS_SAMPLE_ORGS_MAX = 1000 };

struct ops_sample_size {
    int64_t orgs;    /* tenants, 1..OPS_SAMPLE_ORGS_MAX; the first two are "acme" and "acme2" */
    int64_t rows;    /* in all tables together */
    int64_t objects; /* in all buckets together */
};

struct ops_sample_counts {
    int64_t tables, rows, buckets, objects, log_groups, streams;
};

/* Fills <data>/stack with what the manifest names and a little more. What is there already under the same keys is
 * overwritten, so a stack that was not made here is refused: <data>/stack/.sample tells. OPS_IO_ERROR says so, or names what
 * could not be written. */
enum ops_status ops_sample_fill(const char *data_dir, const struct ops_manifest *manifest,
                                const struct ops_sample_size *size, struct ops_sample_counts *ret_counts,
                                struct ops_error *error) OPS_MUST_USE;

/* The name of a tenant: 0 is "acme". */
enum { OPS_SAMPLE_ORG_SIZE = 32 };
void ops_sample_org(int64_t index, char ret_org[static OPS_SAMPLE_ORG_SIZE]);

#endif
