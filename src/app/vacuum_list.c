/*
 * The list of vacuums: those that are open first, then all others, each by the store's order, newest first. The order is not
 * that of the ids, which go by the clock of whoever asked.
 *
 * A token says where the page before ended: "O<number>" among the open ones, "<number>" among the others. Those that are
 * open are left out of the second part, so that none comes twice; one that ends between two pages may.
 */
#include "app/use_cases.h"

#include "app/keys.h"
#include "app/paging.h"
#include "app/vacuums.h"
#include "base/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Bound into the token, so that one of another list, or of this one with another filter, is refused. */
enum { SCOPE_SIZE = 32 };

struct page {
    struct ops_call_context *context;
    const char *status; /* that is asked for; "all", "open" or one of a vacuum's */
    size_t limit;
    json_t *items; /* up to limit + 1 */
};

static bool is_wanted(const struct page *page, const json_t *summary)
{
    if (strcmp(page->status, "all") == 0)
        return true;
    if (strcmp(page->status, "open") == 0)
        return ops_vacuum_open(summary);
    return strcmp(ops_json_text(summary, "status", ""), page->status) == 0;
}

static bool is_full(const struct page *page)
{
    return json_array_size(page->items) > page->limit;
}

static enum ops_status take(struct page *page, json_t *summary)
{
    if (is_full(page) || !is_wanted(page, summary))
        return OPS_OK;
    return json_array_append(page->items, summary) == 0 ? OPS_OK : OPS_NO_MEMORY;
}

/* Of the open ones, those that come after the one with this number (0: all of them). */
static enum ops_status take_open(struct page *page, json_int_t after)
{
    json_t *open = NULL, *summary;
    enum ops_status status = ops_vacuums_open(page->context->app, &open, &page->context->error);
    bool behind = after == 0;
    size_t i;
    /* One that was the last of its page and has ended since is not among them: then those with smaller numbers follow. */
    bool there = false;
    json_array_foreach(open, i, summary)
        there = there || ops_vacuum_sequence(summary) == after;
    json_array_foreach(open, i, summary) {
        if (status == OPS_OK && (behind || (!there && ops_vacuum_sequence(summary) < after)))
            status = take(page, summary);
        behind = behind || ops_vacuum_sequence(summary) == after;
    }
    json_decref(open);
    return status;
}

/* The others, from the number before this one on. */
static enum ops_status take_others(struct page *page, const char *after_sk)
{
    char after[OPS_STORE_KEY_SIZE];
    (void)snprintf(after, sizeof after, "%s", after_sk);
    bool more = true;
    enum ops_status status = OPS_OK;
    while (status == OPS_OK && more && !is_full(page)) {
        const struct ops_query query = {
            .pk = OPS_PK_VACUUM_ORDER, .after_sk = after[0] ? after : NULL, .descending = true, .limit = OPS_LIST_LIMIT_MAX};
        struct ops_store_page docs = {0};
        status = ops_store_query(page->context->app->ports.store, &query, &docs, &page->context->error);
        size_t i;
        json_t *summary;
        json_array_foreach(docs.docs, i, summary)
            if (status == OPS_OK && !ops_vacuum_open(summary))
                status = take(page, summary);
        more = docs.more;
        if (docs.last_sk[0])
            memcpy(after, docs.last_sk, sizeof after);
        ops_store_page_release(&docs);
    }
    return status;
}

static enum ops_status finish(struct page *page, const char *scope, json_t **ret_data)
{
    json_t *token = json_null();
    if (is_full(page)) {
        (void)json_array_remove(page->items, page->limit); /* it is there */
        const json_t *last = json_array_get(page->items, page->limit - 1);
        char sk[OPS_STORE_KEY_SIZE];
        (void)snprintf(sk, sizeof sk, "%s" OPS_SK_VACUUM_ORDER_FORMAT, ops_vacuum_open(last) ? "O" : "",
                       ops_vacuum_sequence(last));
        token = ops_token_make(scope, sk);
    }
    *ret_data = json_pack("{s:O, s:o}", "items", page->items, "next_token", token);
    return *ret_data ? OPS_OK : OPS_NO_MEMORY;
}

enum ops_status ops_run_vacuum_list(struct ops_call_context *context, json_t **ret_data)
{
    const char *wanted = ops_input_text(context, "status");
    struct page page = {.context = context, .status = wanted ? wanted : "all", .items = json_array()};
    char scope[SCOPE_SIZE], sk[OPS_STORE_KEY_SIZE] = "";
    (void)snprintf(scope, sizeof scope, "vacuum-%s", page.status);
    page.limit = ops_listing_limit(context);
    enum ops_status status = page.items ? ops_listing_token(context, scope, sk) : OPS_NO_MEMORY;
    bool among_open = !sk[0] || sk[0] == 'O';
    if (status == OPS_OK && among_open)
        status = take_open(&page, sk[0] ? (json_int_t)strtoimax(sk + 1, NULL, 10) : 0);
    if (status == OPS_OK)
        status = take_others(&page, among_open ? "" : sk);
    if (status == OPS_OK)
        status = finish(&page, scope, ret_data);
    json_decref(page.items);
    return status;
}
