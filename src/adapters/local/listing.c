#include "adapters/local/listing.h"

#include "adapters/local/place.h"

#include <errno.h>
#include <stdio.h>

void local_listing_miss(struct local_listing *listing, struct ops_view place, const char *reason)
{
    if (listing->missed++ > 0)
        return;
    (void)local_printable(place, listing->first_missed);
    (void)snprintf(listing->first_reason, sizeof listing->first_reason, "%s", reason); /* none is so long */
}

enum ops_status local_listing_miss_errno(struct local_listing *listing, struct ops_view place, int number)
{
    if (number == ENOMEM)
        return OPS_NO_MEMORY;
    if (number == EMFILE || number == ENFILE)
        return ops_fail(listing->error, OPS_STORE_UNAVAILABLE, "The directory %s can't be listed: %s.", listing->what,
                        strerror(number));
    local_listing_miss(listing, place, strerror(number));
    return OPS_OK;
}

enum ops_status local_listing_end(const struct local_listing *listing, enum ops_status status)
{
    if (status != OPS_OK || listing->missed == 0)
        return status;
    const char *name = listing->first_missed[0] ? listing->first_missed : "the directory itself";
    if (listing->missed == 1)
        return ops_fail(listing->error, OPS_TARGET_ERROR, "In %s, %s can't be listed: %s.", listing->what, name,
                        listing->first_reason);
    return ops_fail(listing->error, OPS_TARGET_ERROR, "In %s, %zu places can't be listed, first %s: %s.", listing->what,
                    listing->missed, name, listing->first_reason);
}
