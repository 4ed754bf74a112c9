/* What lies in what: where one directory can be reached through another, or a table's file lies in a bucket or log group.
 *
 * A bucket or log group that is, or lies in, or has in it another one would be emptied by two rules, or by the rule of one
 * that nobody named; and what is in both would be counted twice. Nothing of it is touched, and it is told.
 */
#ifndef OPS_APP_WITHIN_H
#define OPS_APP_WITHIN_H

#include "app/survey.h"

/* A name by which a target is reached that the manifest does not have. It matters only if something listed is called so. */
struct ops_suspect {
    size_t index; /* of the target */
    struct ops_alias alias;
    bool found;
};

/* Zeroed: none. */
struct ops_within {
    struct ops_suspect *suspects;
    size_t count, capacity;
};

/* By what identity says of the target at this index, which is the plan's too. Gives the target up where it is one with
 * another one of the manifest, and warns a bucket or log group in which a table's file is. */
enum ops_status ops_within_note(struct ops_within *within, const struct ops_survey *survey, json_t *targets, size_t index,
                                const struct ops_identity *identity) OPS_MUST_USE;

/* When all have been noted: gives those up that can be reached as something that exists and that the manifest does not name.
 */
enum ops_status ops_within_settle(struct ops_within *within, const struct ops_survey *survey, json_t *targets,
                                  struct ops_error *error) OPS_MUST_USE;

void ops_within_release(struct ops_within *within);

#endif
