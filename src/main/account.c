#include "main/account.h"

#include "adapters/curl/http_client.h"
#include "adapters/sys/clock.h"
#include "adapters/sys/random.h"
#include "main/hurried_keys.h"

#include <stdlib.h>

static const char *get_variable(void *context, const char *name)
{
    (void)context;
    return getenv(name);
}

static enum ops_status open_http(struct ops_account *account)
{
    const struct ops_curl_options options = {.ca_bundle = ops_aws_settings_ca_bundle(account->settings)};
    return ops_curl_http_client_new_with(&options, &account->http);
}

static enum ops_status open_hurried(struct ops_account *account, struct ops_aws_credentials_context context,
                                    int64_t renew_max_ms, struct ops_aws_credentials **ret_keys)
{
    struct ops_aws_credentials *chain = NULL;
    ops_gate_deadline_client_init(&account->key_http, account->http, context.clock);
    context.http = &account->key_http.base;
    enum ops_status status = ops_aws_chain_credentials_new(&context, &chain);
    if (status != OPS_OK)
        return status;
    return ops_hurried_keys_new(chain, &account->key_http, context.clock, renew_max_ms, ret_keys);
}

static enum ops_status open_credentials(struct ops_account *account, const struct ops_aws_credentials_context *context,
                                        int64_t renew_max_ms)
{
    struct ops_aws_credentials *keys = NULL;
    enum ops_status status =
        renew_max_ms ? open_hurried(account, *context, renew_max_ms, &keys) : ops_aws_chain_credentials_new(context, &keys);
    return status == OPS_OK ? ops_aws_cached_credentials_new(keys, context->clock, &account->credentials) : status;
}

/* What is configured, else what the instance that we run on says. */
static const char *find_region(const struct ops_account *account, const struct ops_aws_credentials_context *context,
                               char buffer[static OPS_AWS_REGION_SIZE])
{
    const char *region = ops_aws_settings_region(account->settings);
    if (region)
        return region;
    return ops_aws_imds_region(context, buffer, NULL) == OPS_OK ? buffer : NULL;
}

/* The keys at hand may be another account's than those of the serve beside us, whose store is meant. */
static enum ops_status check_account(const struct ops_account *account, const char *wanted, struct ops_error *error)
{
    char found[OPS_AWS_ACCOUNT_SIZE];
    enum ops_status status = ops_aws_client_account(account->client, found, error);
    if (status == OPS_OK && strcmp(found, wanted) != 0)
        return ops_fail(error, OPS_USAGE,
                        "The 'g3nops serve' of this data directory works in the account %s, and the keys at hand are of the "
                        "account %s: use that account's keys (--profile), or give another --data.",
                        wanted, found);
    return status;
}

enum ops_status ops_account_open(const struct ops_place *place, struct ops_account *ret_account, struct ops_error *error)
{
    struct ops_account *account = ret_account;
    const struct ops_aws_settings_flags flags = {.region = place->region, .profile = place->profile};
    char buffer[OPS_AWS_REGION_SIZE];
    *account = (struct ops_account){.env = {.get = get_variable}};
    enum ops_status status = ops_aws_settings_new(&account->env, &flags, &account->settings, error);
    if (status == OPS_OK)
        status = open_http(account);
    const struct ops_aws_credentials_context context = {
        .env = &account->env, .settings = account->settings, .http = account->http, .clock = ops_system_clock()};
    if (status == OPS_OK)
        status = open_credentials(account, &context, place->renew_max_ms);
    if (status == OPS_OK) {
        const struct ops_aws_client_config config = {
            .settings = account->settings,
            .region = find_region(account, &context, buffer),
            .credentials = account->credentials,
            .http = account->http,
            .clock = ops_system_clock(),
            .random = ops_system_random(),
        };
        status = ops_aws_client_new(&config, &account->client, error);
    }
    if (status == OPS_OK && place->account)
        status = check_account(account, place->account, error);
    if (status != OPS_OK)
        ops_account_close(account);
    return status;
}

void ops_account_close(struct ops_account *account)
{
    ops_aws_client_free(account->client);
    ops_aws_credentials_release(account->credentials);
    ops_http_client_release(account->http);
    ops_aws_settings_free(account->settings);
    *account = (struct ops_account){.client = NULL};
}
