/* The vacuum plan: what would be touched, and why the rest would not. Pure; app asks the catalogue and hands the answers in.
 *
 * A plan is the "targets" array of a vacuum record. Each element is an object with the members that CONTRACT section 4
 * names (service, kind, name, status, matched, deleted, failed, protected, bytes?, skipped_reason?), and
 *   scope     {"by", "attribute"?, "index"?, "value"?, "incomparable"?} for what is touched; the last is "ignore"
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

/* Turns a pending target into a skipped one. */
enum ops_status ops_plan_skip(json_t *target, const char *reason) OPS_MUST_USE;

/* Told of a resource that exists: appends it as "unclassified" when the manifest does not name it, or as skipped when it
 * is protected. Resources that the manifest names change nothing. At most OPS_PLAN_UNCLASSIFIED_MAX are appended. */
enum { OPS_PLAN_UNCLASSIFIED_MAX = 200 };
enum ops_status ops_plan_note_existing(const struct ops_manifest *manifest, json_t *targets, enum ops_target_kind kind,
                                       const char *name) OPS_MUST_USE;

/* Reads a target back for the catalogue; all text borrowed from it. OPS_CORRUPT when it is not one. */
enum ops_status ops_plan_target_read(const json_t *target, struct ops_target_spec *ret_spec, struct ops_scope *ret_scope)
    OPS_MUST_USE;

/* SHA-256 over the canonical JSON of type, tenant and every pending target's service, kind, name, scope and location,
 * sorted, so neither the manifest's order nor counts nor what is skipped matter. */
enum ops_status ops_plan_sha256(enum ops_vacuum_type type, const char *orgcode, const json_t *targets,
                                char ret_hex[static OPS_SHA256_HEX_SIZE]) OPS_MUST_USE;

#endif
