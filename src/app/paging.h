/* Pages of records for a caller, newest first: a limit, an opaque token, no record twice and none left out. */
#ifndef OPS_APP_PAGING_H
#define OPS_APP_PAGING_H

#include "app/context.h"

enum { OPS_LIST_LIMIT_DEFAULT = 8, OPS_LIST_LIMIT_MAX = 256 };

struct ops_listing {
    const char *pk;
    const char *scope;   /* bound into the token: a token of one list is refused by another */
    const char *id_name; /* the member that is the sort key */
    bool (*keep)(const json_t *doc, const void *context);
    const void *keep_context;
};

/* {"items": [...], "next_token": text or null} for the call's limit and next_token. OPS_INVALID_FIELD for a token that is
 * not one of this list's. */
enum ops_status ops_listing_page(struct ops_call_context *context, const struct ops_listing *listing,
                                 json_t **ret_data) OPS_MUST_USE;

/* The pieces, for a list of another make: the call's limit, clamped; the sort key of its next_token, "" without one. */
size_t ops_listing_limit(const struct ops_call_context *context);
enum ops_status ops_listing_token(struct ops_call_context *context, const char *scope, char *ret_sk) OPS_MUST_USE;
json_t *ops_token_make(const char *scope, const char *sk); /* NULL: no memory */

/* A token is base64url("<scope>:<sort key>"). Exposed for the fuzz target. sk has OPS_STORE_KEY_SIZE bytes. */
enum ops_status ops_token_read(struct ops_view token, const char *scope, char *ret_sk) OPS_MUST_USE;

#endif
