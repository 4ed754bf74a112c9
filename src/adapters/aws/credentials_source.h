/* What the sources of credentials share: how one is made, how it asks, how an answer becomes keys. */
#ifndef OPS_ADAPTERS_AWS_CREDENTIALS_SOURCE_H
#define OPS_ADAPTERS_AWS_CREDENTIALS_SOURCE_H

#include "adapters/aws/credentials.h"
#include "adapters/aws/env.h"

enum { OPS_AWS_ASK_TRIES = 2, OPS_AWS_ANSWER_MAX_BYTES = 64 * 1024 };

/* A source that has nothing but its context. */
struct ops_aws_source {
    struct ops_aws_credentials base;
    struct ops_aws_credentials_context context;
};

enum ops_status ops_aws_source_new(const struct ops_aws_credentials_ops *ops,
                                   const struct ops_aws_credentials_context *context,
                                   struct ops_aws_credentials **ret_credentials) OPS_MUST_USE;
void ops_aws_source_release(struct ops_aws_credentials *self);

static inline const struct ops_aws_credentials_context *ops_aws_source_context(const struct ops_aws_credentials *self)
{
    return &((const struct ops_aws_source *)self)->context;
}

/* A value of the context's environment that is set and not empty, or NULL. */
static inline const char *ops_aws_context_env(const struct ops_aws_credentials_context *context, const char *name)
{
    return ops_env_text(context->env, name);
}

/* Text that is about to become keys, and what each piece is called where it comes from. */
struct ops_aws_key_text {
    const char *name;
    const char *text; /* NULL and "" are the same */
};

struct ops_aws_key_texts {
    const char *source;    /* "The environment": begins the sentence of an error */
    enum ops_status wrong; /* the status of keys that can't be used */
    struct ops_aws_key_text access_key_id;
    struct ops_aws_key_text secret_access_key;
    struct ops_aws_key_text session_token; /* may be missing */
    const char *expiration;                /* RFC 3339; NULL or "": never */
};

enum ops_status ops_aws_keys_make(const struct ops_aws_key_texts *texts, struct ops_aws_keys *ret_keys,
                                  struct ops_error *error) OPS_MUST_USE;

/* The JSON objects in which keys are given. */
struct ops_aws_key_format {
    const char *token_name; /* of the session token */
    bool has_version;       /* there must be a Version, and it must be 1 */
};

/* OPS_STORE_UNAVAILABLE: answer holds no keys that can be used. */
enum ops_status ops_aws_keys_read(struct ops_view answer, const char *source, const struct ops_aws_key_format *format,
                                  struct ops_aws_keys *ret_keys, struct ops_error *error) OPS_MUST_USE;

/* An empty answer whose body is to be wiped in any case. */
enum ops_status ops_aws_secret_answer_init(struct ops_http_response *response) OPS_MUST_USE;

/* Asks, and once more when there was no answer or one that promises better luck (429, 5xx): the questions of this room may
 * all be repeated. Statuses as of ops_http_exchange. */
enum ops_status ops_aws_ask(struct ops_http_client *http, const struct ops_http_request *request,
                            struct ops_http_response *response, struct ops_error *error) OPS_MUST_USE;

/* Whether an answer with that HTTP status promises better luck another time. */
static inline bool ops_aws_is_passing(int http_status)
{
    return http_status == 429 || http_status >= 500;
}

/* What happened to an exchange, without the URL, which may be a secret: "can't be reached". */
const char *ops_aws_exchange_words(enum ops_status status);

#endif
