/* Where records live in ops_main (DESIGN section 2). */
#ifndef OPS_APP_KEYS_H
#define OPS_APP_KEYS_H

#include "ports/store.h"

#define OPS_PK_SINGLETON "SINGLETON"
#define OPS_SK_ACTIVE_MAINTENANCE "ACTIVE_MAINTENANCE" /* a copy of the active window; exists exactly while one is */
#define OPS_SK_SECRET_CODE "SECRET_CODE"
#define OPS_SK_VACUUM_MUTEX "VACUUM_MUTEX"
#define OPS_SK_AUDIT_HEAD "AUDIT_HEAD"
#define OPS_SK_STORE "STORE"               /* the id that this store got when it was first planned in */
#define OPS_SK_TARGETS_SEEN "TARGETS_SEEN" /* what the completed vacuums and dry runs found, to tell what has gone since */
#define OPS_SK_VACUUM_RESULTS                                                                                               \
    "VACUUM_RESULTS"                           /* how many vacuums and dry runs have ended how, since the store was begun   \
                                                */
#define OPS_SK_AUDIT_DELIVERY "AUDIT_DELIVERY" /* how far the trail has reached the log group, and who is at it */

#define OPS_PK_MAINTENANCE "MAINTENANCE" /* every window, by id */
/* A second copy of every window, so that each list reads only what it shows; a window is in just one of the three. */
#define OPS_PK_MAINTENANCE_OPEN "MAINTENANCE#open" /* scheduled and active */
#define OPS_PK_MAINTENANCE_ENDED "MAINTENANCE#ended"
#define OPS_PK_MAINTENANCE_CANCELLED "MAINTENANCE#cancelled"

#define OPS_PK_VACUUM "VACUUM"           /* every vacuum, by id */
#define OPS_PK_VACUUM_OPEN "VACUUM_OPEN" /* the ids of those that are pending or running */
/* A second copy of every vacuum without its targets, in the order in which the store took them: clocks differ and go back.
 */
#define OPS_PK_VACUUM_ORDER "VACUUM_ORDER"
#define OPS_SK_VACUUM_ORDER_FORMAT "%012" JSON_INTEGER_FORMAT
#define OPS_SK_VACUUM_COUNT "VACUUM_COUNT" /* SINGLETON; the number of the last of them */
#define OPS_PK_TASKS_FORMAT "VACUUM#%s"    /* the tasks of one vacuum */

#define OPS_PK_AUDIT "AUDIT"
#define OPS_SK_AUDIT_FORMAT "%012" JSON_INTEGER_FORMAT

#endif
