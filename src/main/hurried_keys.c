#include "main/hurried_keys.h"

#include "base/mem.h"

#define UNHURRIED_MS (INT64_C(3600) * 1000)

struct hurried_keys {
    struct ops_aws_credentials base;
    struct ops_aws_credentials *inner;
    struct ops_gate_deadline_client *http;
    struct ops_clock *clock;
    int64_t renew_max_ms;
    int64_t expires_ms; /* of the keys that were fetched last; wall clock */
};

static enum ops_status hurried_fetch(struct ops_aws_credentials *self, struct ops_aws_keys *ret_keys,
                                     struct ops_error *error)
{
    struct hurried_keys *keys = (struct hurried_keys *)self;
    bool old_ones_count = keys->expires_ms > ops_clock_now_ms(keys->clock);
    ops_gate_deadline_client_begin(keys->http, old_ones_count ? keys->renew_max_ms : UNHURRIED_MS);
    enum ops_status status = ops_aws_credentials_fetch(keys->inner, ret_keys, error);
    if (status == OPS_OK)
        keys->expires_ms = ret_keys->expires_ms;
    return status;
}

static void hurried_release(struct ops_aws_credentials *self)
{
    struct hurried_keys *keys = (struct hurried_keys *)self;
    ops_aws_credentials_release(keys->inner);
    ops_mem_free(keys);
}

static const struct ops_aws_credentials_ops hurried_ops = {.fetch = hurried_fetch, .release = hurried_release};

enum ops_status ops_hurried_keys_new(struct ops_aws_credentials *inner, struct ops_gate_deadline_client *http,
                                     struct ops_clock *clock, int64_t renew_max_ms,
                                     struct ops_aws_credentials **ret_credentials)
{
    struct hurried_keys *keys = ops_mem_zeroed(1, sizeof *keys);
    if (!keys) {
        ops_aws_credentials_release(inner);
        return OPS_NO_MEMORY;
    }
    *keys = (struct hurried_keys){
        .base.ops = &hurried_ops, .inner = inner, .http = http, .clock = clock, .renew_max_ms = renew_max_ms};
    *ret_credentials = &keys->base;
    return OPS_OK;
}
