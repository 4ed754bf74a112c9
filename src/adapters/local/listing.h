/* A listing of what exists, as the catalogue gives it. Private to this folder.
 *
 * One place that can't be listed does not hide the others: it is noted, and said when all the rest has been given.
 */
#ifndef OPS_ADAPTERS_LOCAL_LISTING_H
#define OPS_ADAPTERS_LOCAL_LISTING_H

#include "ports/catalogue.h"

struct local_listing {
    const char *what; /* the directory, for error texts: "stack/log_groups" */
    enum ops_target_kind kind;
    ops_on_resource_fn on_resource;
    void *context;
    struct ops_error *error;
    size_t missed; /* places that could not be listed */
    char first_missed[OPS_REMARK_NAME_SIZE];
    char first_reason[OPS_REMARK_REASON_SIZE];
};

/* Notes a place. OPS_OK: go on. */
void local_listing_miss(struct local_listing *listing, struct ops_view place, const char *reason);

/* Likewise, with errno, and where it says nothing of the place: OPS_NO_MEMORY, OPS_STORE_UNAVAILABLE. */
enum ops_status local_listing_miss_errno(struct local_listing *listing, struct ops_view place, int number) OPS_MUST_USE;

/* What the whole has come to: status, or OPS_TARGET_ERROR where something was missed. */
enum ops_status local_listing_end(const struct local_listing *listing, enum ops_status status) OPS_MUST_USE;

/* Gives the log groups of a directory: those in which a file is, or nothing that could be one. Takes the descriptor. */
enum ops_status local_log_groups_list(struct local_listing *listing, int fd) OPS_MUST_USE;

#endif
