/* A bucket or log group that is a directory, and a vacuum of it: pages, receipts, removals, recounts and passes as the
 * workers do them, with a crash at any removal. What the system would not let root do is tried as another user, and what is
 * mounted is mounted in a namespace of the test program's own.
 */
#ifndef OPS_TESTS_LOCAL_RIG_H
#define OPS_TESTS_LOCAL_RIG_H

#include "ports/catalogue.h"

/* Of a dry run, or of a vacuum with all its passes. */
struct local_tally {
    size_t matched, deleted, failed, protected_count;
    int64_t bytes;
    struct ops_remarks remarks; /* of the last pass */
    struct ops_error error;     /* what stopped it, or what was said first of a key that was not removed; owned */
    enum ops_status status;
    char keys[8192]; /* those of the first pass, each with a ';' */
};

extern const struct ops_target_spec local_things; /* bucket "things" */
extern const struct ops_target_spec local_group;  /* log group "/stack/api" */
extern const struct ops_scope local_all;

/* The tables that every target is told of when it is opened; none at the setup. Borrowed. */
extern const struct ops_target_spec *local_tables;
extern size_t local_table_count;

/* Makes a data directory with an empty bucket and an empty log group. Use as cmocka's setup and teardown. */
int local_rig_setup(void **state);
int local_rig_teardown(void **state);
struct ops_catalogue *local_rig_catalogue(void);

/* Paths; valid for a few calls. */
const char *local_in_data(const char *path);
const char *local_in_bucket(const char *key);
const char *local_in_group(const char *key);

void local_mkdir(const char *path); /* with what is above it */
void local_put(const char *path);   /* a file of 7 bytes, likewise */
bool local_exists(const char *path);

/* A scope of the keys that begin with prefix, or of the one key. */
struct ops_scope local_prefix(const char *prefix);
struct ops_scope local_exact(const char *key);

struct ops_target *local_open(const struct ops_target_spec *spec, struct ops_scope scope);

/* Without removing anything. Released by the next of the two, and at teardown. */
const struct local_tally *local_dry(const struct ops_target_spec *spec, struct ops_scope scope, size_t page_limit);
/* crash_at: the number of the removal (unlinkat, ftruncate; from 1) before which the worker dies; 0: never. A second one
 * goes on. */
const struct local_tally *local_vacuum(const struct ops_target_spec *spec, struct ops_scope scope, size_t page_limit,
                                       size_t crash_at);
size_t local_removals(void); /* how many removals the last vacuum had made */

/* The names of what exists, each with a ';', in byte order, until the next call. */
const char *local_listed(enum ops_target_kind kind, enum ops_status *ret_status, struct ops_error *error);

/* What inspect finds, until the next call; and whether a finding says so. */
const struct ops_findings *local_inspected(const struct ops_target_spec *spec, struct ops_scope scope);
bool local_found_out(const struct ops_findings *findings, bool blocks, const char *text);

/* Whether a remark of this kind says so of the name. A reason that begins so is enough. */
bool local_remarked(const struct ops_remarks *remarks, enum ops_remark_kind kind, const char *name, const char *reason);

/* From now on without rights, as nobody; and as before. Where the tests are not run by root they have none anyway. */
void local_drop_rights(void);
void local_regain_rights(void);
bool local_is_root(void);

/* Skip the case, and say why, where it can't be tried here. */
void local_needs_root(void);
void local_needs_mounts(void);

/* Once, at the program's start. Whether things can be mounted where nobody else sees it. */
bool local_may_mount(void);
void local_bind(const char *what, const char *where);
void local_unmount(const char *where);

/* Whether openat was asked for the name since the setup. */
bool local_was_opened(const char *name);

/* Called whenever a lease has been given, while it is held; NULL: nothing is. Reset by the teardown. */
extern void (*local_on_lease)(void);

/* What openat answers for a name instead of opening it; number 0: it works. */
struct local_fault {
    const char *name;
    int number;
    bool at_listing; /* it can be opened, and not be listed */
    bool everywhere; /* nothing can be opened */
};
extern struct local_fault local_fault;

#endif
