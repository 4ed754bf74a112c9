#include "main/gate_dynamodb.h"

#include "adapters/aws/store.h"
#include "adapters/gate/deadline_client.h"
#include "adapters/gate/store_source.h"
#include "adapters/sys/clock.h"
#include "adapters/sys/random.h"
#include "base/mem.h"
#include "main/account.h"

#include <time.h>

/* Between two tries of one question. The client's own waits are for calls that may take their time; whoever throttles us
 * for longer is asked again with the next question. */
enum { WAIT_MAX_MS = 100 };

/* Of a question's time, so that it can still be asked with the old keys. */
enum { RENEW_MAX_MS = 1000 };

/* The store's calls go through the deadline; those for keys have limits of their own, and are few. */
struct dynamodb_source {
    struct ops_gate_source base;
    struct ops_account account;
    struct ops_gate_deadline_client http;
    struct ops_aws_client *client;
    struct ops_gate_source *inner;
};

static void wait_briefly(int64_t wait_ms)
{
    int64_t brief_ms = wait_ms < WAIT_MAX_MS ? wait_ms : WAIT_MAX_MS;
    (void)nanosleep(&(struct timespec){.tv_nsec = brief_ms * 1000000L}, NULL); /* a shorter nap is fine too */
}

static enum ops_status dynamodb_ask(struct ops_gate_source *self, int64_t timeout_ms, struct ops_buf *window,
                                    struct ops_error *error)
{
    struct dynamodb_source *source = (struct dynamodb_source *)self;
    ops_gate_deadline_client_begin(&source->http, timeout_ms);
    return source->inner->ops->ask(source->inner, timeout_ms, window, error);
}

static void dynamodb_close(struct ops_gate_source *self)
{
    struct dynamodb_source *source = (struct dynamodb_source *)self;
    ops_gate_source_close(source->inner);
    ops_aws_client_free(source->client);
    ops_account_close(&source->account);
    ops_mem_free(source);
}

static const struct ops_gate_source_ops dynamodb_ops = {.ask = dynamodb_ask, .close = dynamodb_close};

static enum ops_status open_client(struct dynamodb_source *source, struct ops_error *error)
{
    const struct ops_aws_client_config config = {
        .settings = source->account.settings,
        .region = ops_aws_client_region(source->account.client),
        .credentials = source->account.credentials,
        .http = &source->http.base,
        .clock = ops_system_clock(),
        .random = ops_system_random(),
        .wait = wait_briefly,
    };
    ops_gate_deadline_client_init(&source->http, source->account.http, ops_system_clock());
    return ops_aws_client_new(&config, &source->client, error);
}

static enum ops_status open_inner(struct dynamodb_source *source, const char *table, struct ops_error *error)
{
    const struct ops_place place = {.region = NULL, .renew_max_ms = RENEW_MAX_MS};
    struct ops_store *store = NULL;
    enum ops_status status = ops_account_open(&place, &source->account, error);
    if (status == OPS_OK)
        status = open_client(source, error);
    if (status == OPS_OK)
        status = ops_aws_store_new(source->client, table, &store);
    return status == OPS_OK ? ops_gate_store_source_new(store, &source->inner) : status;
}

enum ops_status ops_gate_dynamodb_open(const char *table, struct ops_gate_source **ret_source, struct ops_error *error)
{
    struct dynamodb_source *source = ops_mem_zeroed(1, sizeof *source);
    if (!source)
        return OPS_NO_MEMORY;
    source->base.ops = &dynamodb_ops;
    enum ops_status status = open_inner(source, table, error);
    if (status == OPS_OK)
        *ret_source = &source->base;
    else
        dynamodb_close(&source->base);
    return status == OPS_INVALID_FIELD ? OPS_USAGE : status;
}
