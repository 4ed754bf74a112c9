/* The stack manifest (CONTRACT section 5): every service's tables, buckets and log groups, and how a tenant's records are
 * found in each.
 */
#ifndef OPS_CORE_MANIFEST_H
#define OPS_CORE_MANIFEST_H

#include "core/guard.h"
#include "ports/target.h"

#include <jansson.h>

enum {
    OPS_MANIFEST_TARGETS_MAX = 500, /* so that a vacuum's record, with all its targets, fits the store */
    OPS_MANIFEST_NAME_MAX = 255,    /* bytes in a resource's name or a column's */
    OPS_MANIFEST_PROBLEMS_MAX = 50, /* reported; the rest is counted */
};

#define OPS_ORGCODE_MAX 64
#define OPS_ORG_PLACEHOLDER "{orgcode}"

/* How vacuum org treats a target. */
struct ops_org_rule {
    bool skip;
    enum ops_scope_by by;      /* when not skip: ATTRIBUTE, INDEX, KEY_PREFIX or KEY */
    const char *attribute;     /* ATTRIBUTE, INDEX */
    const char *index;         /* INDEX */
    const char *pattern;       /* KEY_PREFIX, KEY; has OPS_ORG_PLACEHOLDER exactly once */
    const char *skip_reason;   /* when skip */
    bool ignore_incomparable;  /* ATTRIBUTE, INDEX */
    const char *ignore_reason; /* with it */
};

/* All text is owned by the manifest. */
struct ops_manifest_target {
    const char *service;
    enum ops_target_kind kind;
    const char *name;
    struct ops_org_rule org;
    const json_t *location; /* the "sqlite" object, with the entry's "fts"; or NULL */
    json_t *made_location;  /* location, where it had to be made: the manifest's; else NULL */
};

struct ops_manifest {
    json_t *document; /* owns every string below */
    const char *stack;
    const char *sessions_table; /* NULL when the manifest has no "sessions" */
    const char *users_table;
    const char **protected_names; /* the array behind guard */
    struct ops_guard guard;       /* the compiled-in list and "protected" */
    struct ops_manifest_target *targets;
    size_t target_count;
};

/* Reads a manifest. takes nothing: document is shared by reference. OPS_INVALID_FIELD: it has errors, and problems (when
 * not NULL) gets one line for each, with its place: "services[3].tables[0].org.by: ...". OPS_NO_MEMORY. */
enum ops_status ops_manifest_init(struct ops_manifest *manifest, json_t *document, struct ops_buf *problems) OPS_MUST_USE;
void ops_manifest_release(struct ops_manifest *manifest);

/* 1..64 of letters, digits, '.', '_', '-' (ASCII). */
bool ops_orgcode_valid(struct ops_view orgcode);

/* The pattern with the orgcode put in, into buf. */
enum ops_status ops_pattern_expand(const char *pattern, struct ops_view orgcode, struct ops_buf *buf) OPS_MUST_USE;

#endif
