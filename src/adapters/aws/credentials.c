#include "adapters/aws/credentials_source.h"

#include "adapters/aws/secret_text.h"
#include "base/json.h"
#include "base/mem.h"

void ops_aws_keys_wipe(struct ops_aws_keys *keys)
{
    explicit_bzero(keys, sizeof *keys);
}

enum ops_status ops_aws_source_new(const struct ops_aws_credentials_ops *ops,
                                   const struct ops_aws_credentials_context *context,
                                   struct ops_aws_credentials **ret_credentials)
{
    struct ops_aws_source *source = ops_mem_zeroed(1, sizeof *source);
    if (!source)
        return OPS_NO_MEMORY;
    source->base.ops = ops;
    source->context = *context;
    *ret_credentials = &source->base;
    return OPS_OK;
}

void ops_aws_source_release(struct ops_aws_credentials *self)
{
    ops_mem_free(self);
}

static bool is_missing(const struct ops_aws_key_text *text)
{
    return !text->text || !text->text[0];
}

static enum ops_status say_missing(const struct ops_aws_key_texts *texts, const struct ops_aws_key_text *missing,
                                   const struct ops_aws_key_text *partner, struct ops_error *error)
{
    if (is_missing(partner))
        return ops_fail(error, texts->wrong, "%s lacks %s.", texts->source, missing->name);
    return ops_fail(error, texts->wrong, "%s lacks %s, which goes with %s.", texts->source, missing->name, partner->name);
}

/* Keys are parts of headers and hash inputs: printable, and without white space, which is always a slip in copying. */
static bool is_sound(const char *text, size_t size)
{
    size_t length = strnlen(text, size);
    for (size_t i = 0; i < length; i++)
        if (text[i] <= ' ' || text[i] > '~')
            return false;
    return length < size;
}

static enum ops_status copy_text(const struct ops_aws_key_texts *texts, const struct ops_aws_key_text *text, char *ret_text,
                                 size_t size, struct ops_error *error)
{
    const char *value = text->text ? text->text : "";
    if (!is_sound(value, size))
        return ops_fail(error, texts->wrong, "%s has a value for %s that is over %zu bytes long or has white space in it.",
                        texts->source, text->name, size - 1);
    memcpy(ret_text, value, strlen(value) + 1);
    return OPS_OK;
}

static enum ops_status fill_keys(const struct ops_aws_key_texts *texts, struct ops_aws_keys *keys, struct ops_error *error)
{
    enum ops_status status = copy_text(texts, &texts->access_key_id, keys->access_key_id, sizeof keys->access_key_id, error);
    if (status == OPS_OK)
        status = copy_text(texts, &texts->secret_access_key, keys->secret_access_key, sizeof keys->secret_access_key, error);
    if (status == OPS_OK)
        status = copy_text(texts, &texts->session_token, keys->session_token, sizeof keys->session_token, error);
    keys->expires_ms = OPS_AWS_NEVER_EXPIRES;
    if (status == OPS_OK && texts->expiration && texts->expiration[0] &&
        ops_instant_parse(ops_view_of(texts->expiration), &keys->expires_ms) != OPS_OK)
        status =
            ops_fail(error, texts->wrong, "%s says until when the keys count in a form that can't be read.", texts->source);
    return status;
}

enum ops_status ops_aws_keys_make(const struct ops_aws_key_texts *texts, struct ops_aws_keys *ret_keys,
                                  struct ops_error *error)
{
    if (is_missing(&texts->access_key_id))
        return say_missing(texts, &texts->access_key_id, &texts->secret_access_key, error);
    if (is_missing(&texts->secret_access_key))
        return say_missing(texts, &texts->secret_access_key, &texts->access_key_id, error);
    struct ops_aws_keys keys;
    enum ops_status status = fill_keys(texts, &keys, error);
    if (status == OPS_OK)
        *ret_keys = keys;
    ops_aws_keys_wipe(&keys);
    return status;
}

/* jansson's copies, before they are freed. What its lexer keeps while it reads is out of reach. */
static void wipe_members(json_t *object)
{
    const char *name;
    json_t *member;
    json_object_foreach(object, name, member) {
        if (json_is_string(member))
            explicit_bzero((void *)(uintptr_t)json_string_value(member), json_string_length(member));
    }
}

static enum ops_status read_object(const json_t *object, const char *source, const struct ops_aws_key_format *format,
                                   struct ops_aws_keys *ret_keys, struct ops_error *error)
{
    const struct ops_aws_key_texts texts = {
        .source = source,
        .wrong = OPS_STORE_UNAVAILABLE,
        .access_key_id = {"AccessKeyId", ops_json_text(object, "AccessKeyId", NULL)},
        .secret_access_key = {"SecretAccessKey", ops_json_text(object, "SecretAccessKey", NULL)},
        .session_token = {format->token_name, ops_json_text(object, format->token_name, NULL)},
        .expiration = ops_json_text(object, "Expiration", NULL),
    };
    if (format->has_version && ops_json_integer(object, "Version", 0) != 1)
        return ops_fail(error, OPS_STORE_UNAVAILABLE, "%s gives an object whose Version is not 1.", source);
    /* The instance metadata service says with HTTP status 200 that it has no keys to give. */
    if (strcmp(ops_json_text(object, "Code", "Success"), "Success") != 0)
        return ops_fail(error, OPS_STORE_UNAVAILABLE, "%s gives an object whose Code is not Success.", source);
    return ops_aws_keys_make(&texts, ret_keys, error);
}

enum ops_status ops_aws_keys_read(struct ops_view answer, const char *source, const struct ops_aws_key_format *format,
                                  struct ops_aws_keys *ret_keys, struct ops_error *error)
{
    json_t *object = NULL;
    /* The parser's own words may quote the answer. */
    enum ops_status status = ops_json_parse_object(answer, &object, NULL);
    if (status == OPS_OK)
        status = read_object(object, source, format, ret_keys, error);
    else if (status != OPS_NO_MEMORY)
        status = ops_fail(error, OPS_STORE_UNAVAILABLE, "%s gives an answer that is no JSON object.", source);
    wipe_members(object);
    json_decref(object);
    return status;
}

enum ops_status ops_aws_secret_answer_init(struct ops_http_response *response)
{
    ops_http_response_init(response, OPS_AWS_ANSWER_MAX_BYTES);
    return ops_secret_buf_init(&response->body, OPS_AWS_ANSWER_MAX_BYTES);
}

enum ops_status ops_aws_ask(struct ops_http_client *http, const struct ops_http_request *request,
                            struct ops_http_response *response, struct ops_error *error)
{
    enum ops_status status = OPS_UNREACHABLE;
    bool again = true;
    for (int i = 0; i < OPS_AWS_ASK_TRIES && again; i++) {
        ops_error_release(error);
        ops_buf_clear(&response->body);
        status = ops_http_exchange(http, request, response, error);
        again =
            status == OPS_UNREACHABLE || status == OPS_UNKNOWN || (status == OPS_OK && ops_aws_is_passing(response->status));
    }
    return status;
}

const char *ops_aws_exchange_words(enum ops_status status)
{
    switch (status) {
    case OPS_UNREACHABLE:
        return "can't be reached";
    case OPS_LIMIT:
        return "gives an answer that is too large";
    default:
        return "does not answer in time";
    }
}
