/* Where a vacuum would delete: what keeps a plan that was reviewed in one place from authorising a vacuum in another. */
#ifndef OPS_APP_PLACE_H
#define OPS_APP_PLACE_H

#include "app/context.h"

/* {"store_id", "engine", ...}: the id that the record store got when it was first planned in, and where the catalogue's
 * things are. *ret_place is the caller's. */
enum ops_status ops_place_load(struct ops_app *app, json_t **ret_place, struct ops_error *error) OPS_MUST_USE;

#endif
