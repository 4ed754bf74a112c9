/* The vacuum plan: what would be touched, and why the rest would not. Pure; app asks the catalogue and hands the answers in.
 *
 * A plan is the "targets" array of a vacuum record. Each element is an object with the members that CONTRACT section 4
 * names (service, kind, name, status, matched, deleted, failed, protected, bytes?, skipped_reason?), and
 *   identity, mark, where, empty  what it is (ports/target.h) when it was planned (internal, but for where)
 *   gone      "missing" or "emptied": a vacuum or dry run has found it, and it is not there now
 *   warnings  what is to be known of it
 *   would_fail  true: by one of the warnings a vacuum would leave records behind, or end as failed
 *   scope     {"by", "attribute"?, "index"?, "value"?, "incomparable"?} for what is touched; the last is "ignore"
 *   ignored_reason  of a scope that ignores what can't be compared: why, as the manifest says
 *   location  the manifest's "sqlite" object, when there is one (internal: not shown)
 *   segments  how many parts the target is read in (internal; set by app)
 *   split     how it is cut into them, where that is not always alike (internal; set by app)
 * status is "pending" (would be touched), "skipped" (skipped_reason says why) or "unclassified".
 */
#ifndef OPS_CORE_PLAN_H
#define OPS_CORE_PLAN_H

#include "core/manifest.h"
#include "base/hash.h"

enum ops_vacuum_type { OPS_VACUUM_ALL, OPS_VACUUM_ORG };

const char *ops_vacuum_type_name(enum ops_vacuum_type type); /* "all", "org" */

/* Every target of the manifest in its order: pending, or skipped because it is protected, belongs to service "ops", or
 * (vacuum org) holds users, sessions or logs, or the manifest says so. orgcode is NULL for OPS_VACUUM_ALL. */
enum ops_status ops_plan_make(const struct ops_manifest *manifest, enum ops_vacuum_type type, const char *orgcode,
                              json_t **ret_targets) OPS_MUST_USE;

/* Why the target at this index, being what identity says, is left alone: as in ops_plan_make, and protected under any of its
 * names, or in a bucket or log group that is left alone. NULL: it is not. */
const char *ops_plan_keep_reason(const struct ops_manifest *manifest, enum ops_vacuum_type type, size_t index,
                                 const struct ops_identity *identity);

/* skipped_reason of a target that does not exist. */
#define OPS_PLAN_MISSING "does not exist"

/* Adds to the target's "warnings", an array of sentences; once: unless it is among them. */
enum ops_status ops_plan_warn(json_t *target, const char *text) OPS_MUST_USE;
enum ops_status ops_plan_warn_once(json_t *target, const char *text) OPS_MUST_USE;

/* Turns a pending target into a skipped one. */
enum ops_status ops_plan_skip(json_t *target, const char *reason) OPS_MUST_USE;

/* A target whose place can't be looked at now: it stays in the plan without segments, so that the others go on, and is tried
 * again after each pass, OPS_PLAN_TRIES_MAX times in all. Then it has failed, for the last reason. */
enum { OPS_PLAN_TRIES_MAX = 7 };
enum ops_status ops_plan_defer(json_t *target, const char *reason) OPS_MUST_USE;
/* For good: no further try would end otherwise. */
enum ops_status ops_plan_give_up(json_t *target, const char *reason) OPS_MUST_USE;
bool ops_plan_deferred(const json_t *target);            /* also when it was given up */
bool ops_plan_may_be_tried(const json_t *target);        /* deferred, and not given up */
const char *ops_plan_defer_reason(const json_t *target); /* NULL: it is not deferred */
json_int_t ops_plan_tries(const json_t *target);

/* How long to wait before the next look at targets that have been tried so often: 1 s, and twice as long each time, so that
 * a minute's trouble of all of them is lived through. */
int64_t ops_plan_retry_wait_ms(json_int_t tries);

/* How it is cut; ends its being deferred. split may be NULL. */
enum ops_status ops_plan_cut(json_t *target, json_int_t segments, const char *split) OPS_MUST_USE;

/* Told of a resource that exists: appends it as "unclassified" when the manifest does not name it, or as skipped when it
 * is protected. Resources that the manifest names change nothing. At most OPS_PLAN_UNCLASSIFIED_MAX are appended. */
enum { OPS_PLAN_UNCLASSIFIED_MAX = 200 };
enum ops_status ops_plan_note_existing(const struct ops_manifest *manifest, json_t *targets,
                                       const struct ops_resource *resource) OPS_MUST_USE;

/* Reads a target back for the catalogue; all text borrowed from it. OPS_CORRUPT when it is not one. */
enum ops_status ops_plan_target_read(const json_t *target, struct ops_target_spec *ret_spec,
                                     struct ops_scope *ret_scope) OPS_MUST_USE;

/* Of a target that ops_plan_target_read can read. */
enum ops_target_kind ops_plan_target_kind(const json_t *target);

/* SHA-256 over the canonical JSON of type, tenant, place (as of app; may be NULL) and every pending target's service, kind,
 * name, scope and location, sorted, so neither the manifest's order nor counts nor what is skipped matter; but a target that
 * has gone does ("gone"), also when it is skipped for that. */
enum ops_status ops_plan_sha256(enum ops_vacuum_type type, const char *orgcode, const json_t *place, const json_t *targets,
                                char ret_hex[static OPS_SHA256_HEX_SIZE]) OPS_MUST_USE;

#endif
