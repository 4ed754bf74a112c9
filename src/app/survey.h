/* What the targets of a plan are, and whether they can be opened: asked once for each, so that one in trouble does not hold
 * up the others.
 */
#ifndef OPS_APP_SURVEY_H
#define OPS_APP_SURVEY_H

#include "ports/catalogue.h"
#include "core/plan.h"

/* All borrowed. */
struct ops_survey {
    struct ops_catalogue *catalogue;
    const struct ops_manifest *manifest;
};

/* targets is a plan as of ops_plan_make. Each gets its identity, is skipped where the guard or a rule of the manifest keeps
 * it under another of its names, given up where two of them are one thing, and cut into segments or deferred. */
enum ops_status ops_survey_targets(const struct ops_survey *survey, enum ops_vacuum_type type, json_t *targets,
                                   struct ops_error *error) OPS_MUST_USE;

/* Another try at those that were deferred. *ret_tries: the most tries that one of them has had, 0 when none is left. */
enum ops_status ops_survey_deferred(const struct ops_survey *survey, json_t *targets, json_int_t *ret_tries,
                                    struct ops_error *error) OPS_MUST_USE;

/* What exists besides, appended to targets as ops_plan_note_existing does. What can't be listed is told in *ret_unlisted, an
 * array of {"kind", "reason"}, which the caller releases; NULL: all could be. */
enum ops_status ops_survey_existing(const struct ops_survey *survey, json_t *targets, json_t **ret_unlisted) OPS_MUST_USE;

#endif
