/* Who signs: access keys from where AWS users keep them, fetched anew before they expire.
 *
 * Source: AWS SDKs and Tools Reference Guide, "Standardized credential providers". The chain asks, in this order, the
 * environment, a web identity token (assume role), the shared files' profile, the container endpoint, the instance metadata
 * service (IMDSv2 only). The first that is configured decides: if it fails, the chain fails, since signing as somebody else
 * than was meant is worse than not signing.
 */
#ifndef OPS_ADAPTERS_AWS_CREDENTIALS_H
#define OPS_ADAPTERS_AWS_CREDENTIALS_H

#include "adapters/aws/settings.h"
#include "ports/clock.h"
#include "ports/http_client.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    OPS_AWS_KEY_ID_SIZE = 129,
    OPS_AWS_SECRET_SIZE = 129,
    OPS_AWS_TOKEN_SIZE = 4096, /* STS gives no maximum; session tokens seen in practice are under 2 KB */
};

#define OPS_AWS_NEVER_EXPIRES INT64_MAX

struct ops_aws_keys {
    char access_key_id[OPS_AWS_KEY_ID_SIZE];
    char secret_access_key[OPS_AWS_SECRET_SIZE];
    char session_token[OPS_AWS_TOKEN_SIZE]; /* "" for long-lived keys */
    int64_t expires_ms;                     /* wall clock, or OPS_AWS_NEVER_EXPIRES */
};

void ops_aws_keys_wipe(struct ops_aws_keys *keys);

struct ops_aws_credentials;

struct ops_aws_credentials_ops {
    /* Fetches keys, over the network if need be. OPS_NOT_FOUND: not configured, the next source may be asked.
     * OPS_INVALID_FIELD: configured wrongly. OPS_STORE_UNAVAILABLE: the source can't be reached or refuses. error names the
     * source and what is wrong, never a secret. */
    enum ops_status (*fetch)(struct ops_aws_credentials *self, struct ops_aws_keys *ret_keys, struct ops_error *error);
    void (*release)(struct ops_aws_credentials *self);
};

/* Embed as the first member. */
struct ops_aws_credentials {
    const struct ops_aws_credentials_ops *ops;
};

static inline enum ops_status OPS_MUST_USE ops_aws_credentials_fetch(struct ops_aws_credentials *credentials,
                                                                     struct ops_aws_keys *ret_keys, struct ops_error *error)
{
    return credentials->ops->fetch(credentials, ret_keys, error);
}

static inline void ops_aws_credentials_release(struct ops_aws_credentials *credentials)
{
    if (credentials)
        credentials->ops->release(credentials);
}

/* What sources are made with; all outlive the source. */
struct ops_aws_credentials_context {
    const struct ops_env *env;
    const struct ops_aws_settings *settings;
    struct ops_http_client *http;
    struct ops_clock *clock;
};

/* Each source by itself. */
enum ops_status ops_aws_env_credentials_new(const struct ops_aws_credentials_context *context,
                                            struct ops_aws_credentials **ret_credentials) OPS_MUST_USE;
enum ops_status ops_aws_web_identity_credentials_new(const struct ops_aws_credentials_context *context,
                                                     struct ops_aws_credentials **ret_credentials) OPS_MUST_USE;
enum ops_status ops_aws_profile_credentials_new(const struct ops_aws_credentials_context *context,
                                                struct ops_aws_credentials **ret_credentials) OPS_MUST_USE;
enum ops_status ops_aws_container_credentials_new(const struct ops_aws_credentials_context *context,
                                                  struct ops_aws_credentials **ret_credentials) OPS_MUST_USE;
enum ops_status ops_aws_imds_credentials_new(const struct ops_aws_credentials_context *context,
                                             struct ops_aws_credentials **ret_credentials) OPS_MUST_USE;

/* All of them in their order. A profile that was asked for by flag goes before the environment. */
enum ops_status ops_aws_chain_credentials_new(const struct ops_aws_credentials_context *context,
                                              struct ops_aws_credentials **ret_credentials) OPS_MUST_USE;

/* Keeps what inner (taken) gave; thread-safe. Fetches anew when less than five minutes are left, and goes on with what it
 * has while a fetch fails and the keys still count; one thread fetches, the others use the old keys as long as they count.
 */
enum ops_status ops_aws_cached_credentials_new(struct ops_aws_credentials *inner, struct ops_clock *clock,
                                               struct ops_aws_credentials **ret_credentials) OPS_MUST_USE;

/* The service says that these keys don't count (any more): the next fetch goes to the source, unless it has already given
 * others since. On a cached source only. */
void ops_aws_cached_credentials_reject(struct ops_aws_credentials *cached, const struct ops_aws_keys *keys);

/* The instance's region, for who has configured none. OPS_NOT_FOUND: this is no instance. ret_region needs
 * OPS_AWS_REGION_SIZE bytes. */
enum { OPS_AWS_REGION_SIZE = 65 };
enum ops_status ops_aws_imds_region(const struct ops_aws_credentials_context *context,
                                    char ret_region[static OPS_AWS_REGION_SIZE], struct ops_error *error) OPS_MUST_USE;

#endif
