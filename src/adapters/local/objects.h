/* A directory tree as a vacuum's target: the objects of a bucket, or the streams of a log group. Private to this folder. */
#ifndef OPS_ADAPTERS_LOCAL_OBJECTS_H
#define OPS_ADAPTERS_LOCAL_OBJECTS_H

#include "ports/target.h"

struct local_objects_options {
    const char *name;       /* for error texts: "bucket pvm-data" */
    const char *relative;   /* the directory, from the data directory */
    struct ops_view prefix; /* only keys that begin with it */
    bool exact;             /* only the key that is the prefix */
    bool flat;              /* only what lies directly in the directory */
};

/* Copies what it needs. */
enum ops_status local_objects_open(const char *data_dir, const struct local_objects_options *options,
                                   struct ops_target **ret_target, struct ops_error *error) OPS_MUST_USE;

enum ops_status local_bucket_open(const char *data_dir, const struct ops_target_spec *spec, const struct ops_scope *scope,
                                  struct ops_target **ret_target, struct ops_error *error) OPS_MUST_USE;
enum ops_status local_log_group_open(const char *data_dir, const struct ops_target_spec *spec, const struct ops_scope *scope,
                                     struct ops_target **ret_target, struct ops_error *error) OPS_MUST_USE;

#endif
