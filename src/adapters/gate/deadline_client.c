#include "adapters/gate/deadline_client.h"

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static enum ops_status deadline_exchange(struct ops_http_client *self, const struct ops_http_request *request,
                                         struct ops_http_response *ret_response, struct ops_error *error)
{
    const struct ops_gate_deadline_client *client = (const struct ops_gate_deadline_client *)self;
    char shown[OPS_URL_SHOWN_SIZE];
    int64_t left_ms = client->until_ms - ops_clock_monotonic_ms(client->clock);
    if (left_ms <= 0)
        return ops_fail(error, OPS_UNREACHABLE, "%s did not answer in time.", ops_http_request_shown(request, shown));
    struct ops_http_request hurried = *request;
    hurried.timeout_ms = least(request->timeout_ms, left_ms);
    hurried.connect_timeout_ms = least(request->connect_timeout_ms, left_ms);
    return ops_http_exchange(client->inner, &hurried, ret_response, error);
}

static void deadline_release(struct ops_http_client *self)
{
    (void)self; /* its memory is its owner's */
}

static const struct ops_http_client_ops deadline_ops = {.exchange = deadline_exchange, .release = deadline_release};

void ops_gate_deadline_client_init(struct ops_gate_deadline_client *client, struct ops_http_client *inner,
                                   struct ops_clock *clock)
{
    *client = (struct ops_gate_deadline_client){.base = {.ops = &deadline_ops}, .inner = inner, .clock = clock};
    client->until_ms = INT64_MIN / 2;
}

void ops_gate_deadline_client_begin(struct ops_gate_deadline_client *client, int64_t timeout_ms)
{
    client->until_ms = ops_clock_monotonic_ms(client->clock) + timeout_ms;
}
