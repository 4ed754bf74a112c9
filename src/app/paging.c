#include "app/paging.h"

#include "base/hash.h"
#include "base/json.h"

#include <stdio.h>

enum { TOKEN_MAX_BYTES = 256, FETCH_MIN = 32 };

json_t *ops_token_make(const char *scope, const char *sk)
{
    char plain[TOKEN_MAX_BYTES];
    int length = snprintf(plain, sizeof plain, "%s:%s", scope, sk);
    struct ops_buf token;
    ops_buf_init(&token, 2 * TOKEN_MAX_BYTES);
    ops_base64url_append(&token, ops_view(plain, (size_t)length));
    json_t *value = ops_buf_status(&token) == OPS_OK ? json_string(ops_buf_text(&token)) : NULL;
    ops_buf_release(&token);
    return value;
}

static bool sort_key_valid(struct ops_view sk)
{
    for (size_t i = 0; i < sk.length; i++)
        if (!((sk.data[i] >= '0' && sk.data[i] <= '9') || (sk.data[i] >= 'A' && sk.data[i] <= 'Z')))
            return false;
    return sk.length > 0 && sk.length <= OPS_ULID_LENGTH;
}

enum ops_status ops_token_read(struct ops_view token, const char *scope, char *ret_sk)
{
    struct ops_buf plain;
    ops_buf_init(&plain, TOKEN_MAX_BYTES);
    enum ops_status status = ops_base64url_decode(token, &plain);
    struct ops_view text = ops_buf_view(&plain);
    size_t prefix = strlen(scope) + 1;
    if (status == OPS_LIMIT)
        status = OPS_INVALID_FIELD;
    if (status == OPS_OK &&
        !(text.length > prefix && ops_view_starts_with(text, ops_view_of(scope)) && text.data[prefix - 1] == ':' &&
          sort_key_valid(ops_view(text.data + prefix, text.length - prefix))))
        status = OPS_INVALID_FIELD;
    if (status == OPS_OK)
        (void)snprintf(ret_sk, OPS_STORE_KEY_SIZE, "%s", text.data + prefix);
    ops_buf_release(&plain);
    return status;
}

enum ops_status ops_listing_token(struct ops_call_context *context, const char *scope, char *ret_sk)
{
    ret_sk[0] = '\0';
    const char *token = ops_input_text(context, "next_token");
    if (!token)
        return OPS_OK;
    enum ops_status status = ops_token_read(ops_view_of(token), scope, ret_sk);
    if (status == OPS_INVALID_FIELD) {
        (void)ops_fail(&context->error, status, "next_token is not one that this list gave.");
        ops_error_detail(&context->error, "field", "next_token");
    }
    return status;
}

/* Appends what is kept of a page to items until there is one more than limit. */
static enum ops_status take_kept(const struct ops_listing *listing, const json_t *docs, size_t limit, json_t *items)
{
    size_t i;
    json_t *doc;
    json_array_foreach(docs, i, doc)
        if (json_array_size(items) <= limit && (!listing->keep || listing->keep(doc, listing->keep_context)) &&
            json_array_append(items, doc) != 0)
            return OPS_NO_MEMORY;
    return OPS_OK;
}

/* limit + 1 records, so that a token is given only when there is something behind it. */
static enum ops_status collect(struct ops_call_context *context, const struct ops_listing *listing, char *after_sk,
                               size_t limit, json_t *items)
{
    bool more = true;
    while (more && json_array_size(items) <= limit) {
        struct ops_query query = {.pk = listing->pk,
                                  .after_sk = after_sk[0] ? after_sk : NULL,
                                  .descending = true,
                                  .limit = listing->keep_context && limit < FETCH_MIN ? FETCH_MIN : limit + 1};
        struct ops_store_page page = {0};
        enum ops_status status = ops_store_query(context->app->ports.store, &query, &page, &context->error);
        if (status == OPS_OK)
            status = take_kept(listing, page.docs, limit, items);
        more = page.more;
        if (page.last_sk[0])
            memcpy(after_sk, page.last_sk, OPS_STORE_KEY_SIZE);
        ops_store_page_release(&page);
        if (status != OPS_OK)
            return status;
    }
    return OPS_OK;
}

static size_t clamp_limit(json_int_t limit)
{
    if (limit < 1)
        return 1;
    return limit > OPS_LIST_LIMIT_MAX ? OPS_LIST_LIMIT_MAX : (size_t)limit;
}

/* Cuts items to limit and says where the next page begins. */
static enum ops_status finish_page(const struct ops_listing *listing, json_t *items, size_t limit, json_t **ret_data)
{
    json_t *token = json_null();
    if (json_array_size(items) > limit) {
        (void)json_array_remove(items, limit);
        const json_t *id = json_object_get(json_array_get(items, limit - 1), listing->id_name);
        char sk[OPS_STORE_KEY_SIZE];
        if (json_is_integer(id))
            (void)snprintf(sk, sizeof sk, "%012" JSON_INTEGER_FORMAT, json_integer_value(id));
        else
            (void)snprintf(sk, sizeof sk, "%s", json_string_value(id) ? json_string_value(id) : "");
        token = ops_token_make(listing->scope, sk);
    }
    *ret_data = json_pack("{s:O, s:o}", "items", items, "next_token", token);
    return *ret_data ? OPS_OK : OPS_NO_MEMORY;
}

size_t ops_listing_limit(const struct ops_call_context *context)
{
    return clamp_limit(ops_input_integer(context, "limit", OPS_LIST_LIMIT_DEFAULT));
}

enum ops_status ops_listing_page(struct ops_call_context *context, const struct ops_listing *listing, json_t **ret_data)
{
    char after_sk[OPS_STORE_KEY_SIZE];
    size_t limit = ops_listing_limit(context);
    json_t *items = json_array();
    enum ops_status status = items ? ops_listing_token(context, listing->scope, after_sk) : OPS_NO_MEMORY;
    if (status == OPS_OK)
        status = collect(context, listing, after_sk, limit, items);
    if (status == OPS_OK)
        status = finish_page(listing, items, limit, ret_data);
    json_decref(items);
    return status;
}
