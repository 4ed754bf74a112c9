#include "surfaces/cli/whom.h"

#include "base/json.h"
#include "base/proof.h"
#include "base/trust.h"
#include "surfaces/cli/text.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PROOF_TIMEOUT_MS = 5000, PROOF_ANSWER_MAX_BYTES = 1024, INSTANCE_WORDS_SIZE = 160, HANG = 2 };

static const char *given_endpoint(const struct ops_cli *cli)
{
    const char *given = ops_cli_text_if(cli, "--endpoint");
    return given ? given : ops_cli_env("G3NOPS_ENDPOINT");
}

enum ops_status ops_cli_engine(const struct ops_cli *cli, const char **ret_engine, struct ops_error *error)
{
    const char *given = ops_cli_text_if(cli, "--engine"), *set = ops_cli_env("G3NOPS_ENGINE");
    *ret_engine = given ? given : set;
    if (given || !set || strcmp(set, "local") == 0 || strcmp(set, "aws") == 0)
        return OPS_OK;
    return ops_fail(error, OPS_USAGE, "G3NOPS_ENGINE must be local or aws, not '%.100s'.", set);
}

static bool is_aws(const char *engine)
{
    return engine && strcmp(engine, "aws") == 0;
}

/* Without the engine they would be passed over, and whoever gives them means the account. */
static enum ops_status check_account_flags(const struct ops_cli *cli, const char *engine, struct ops_error *error)
{
    static const char *const flags[] = {"--region", "--profile"};
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
        if (!is_aws(engine) && ops_cli_text_if(cli, flags[i]))
            return ops_fail(error, OPS_USAGE, "%s goes with --engine aws.", flags[i]);
    return OPS_OK;
}

static void describe_engine(const struct ops_instance *instance, char *text, size_t size)
{
    (void)snprintf(text, size, "--engine %s%s%s%s%s", instance->engine, instance->account[0] ? ", account " : "",
                   instance->account, instance->region[0] ? ", region " : "", instance->region);
}

static enum ops_status check_engine(const struct ops_cli *cli, const char *data_dir, const struct ops_instance *instance,
                                    struct ops_error *error)
{
    const char *engine;
    char its[INSTANCE_WORDS_SIZE];
    enum ops_status status = ops_cli_engine(cli, &engine, error);
    if (status != OPS_OK || !engine || strcmp(engine, instance->engine) == 0)
        return status;
    describe_engine(instance, its, sizeof its);
    return ops_fail(
        error, OPS_USAGE,
        "The 'g3nops serve' of the data directory %.200s works with %s, and this asks for %s%s: leave that away, "
        "or give another --data.",
        data_dir, its, ops_cli_text_if(cli, "--engine") ? "--engine " : "G3NOPS_ENGINE=", engine);
}

enum ops_status ops_cli_check_instance(const struct ops_cli *cli, const char *data_dir, const struct ops_instance *instance,
                                       struct ops_error *error)
{
    const char *region = ops_cli_text_if(cli, "--region");
    char its[INSTANCE_WORDS_SIZE];
    enum ops_status status = check_engine(cli, data_dir, instance, error);
    if (status != OPS_OK)
        return status;
    describe_engine(instance, its, sizeof its);
    if (region && instance->region[0] && strcmp(region, instance->region) != 0)
        return ops_fail(error, OPS_USAGE,
                        "The 'g3nops serve' of the data directory %.200s works with %s, and this asks for --region %.60s: "
                        "leave that away, or give another --data.",
                        data_dir, its, region);
    return check_account_flags(cli, instance->engine, error);
}

enum ops_status ops_cli_instance(struct ops_cli *cli, const struct ops_instance **ret_instance, struct ops_error *error)
{
    const char *data_dir;
    enum ops_status status = ops_cli_data_dir(cli, &data_dir, error);
    if (status == OPS_OK)
        status = cli->host->find_instance(data_dir, &cli->instance, error);
    *ret_instance = &cli->instance;
    return status;
}

static enum ops_status copy_endpoint(struct ops_cli_whom *whom, const char *endpoint, struct ops_error *error)
{
    if (snprintf(whom->endpoint, sizeof whom->endpoint, "%s", endpoint) < (int)sizeof whom->endpoint)
        return OPS_OK;
    return ops_fail(error, OPS_USAGE, "The endpoint is longer than %d bytes.", OPS_CLI_ENDPOINT_SIZE - 1);
}

/* Nobody runs on the data directory. */
static enum ops_status ask_the_account(const struct ops_cli *cli, enum ops_command_via via, enum ops_status status,
                                       struct ops_error *error)
{
    const char *engine = NULL;
    if (ops_cli_engine(cli, &engine, NULL) != OPS_OK || !is_aws(engine))
        return status;
    if (via == OPS_VIA_INVOKE && cli->host->invoke)
        return OPS_OK;
    return ops_fail(error, OPS_USAGE, "With --engine aws this command reads from the API; give its address by --endpoint.");
}

static enum ops_status find_serve(struct ops_cli *cli, enum ops_command_via via, struct ops_cli_whom *whom,
                                  struct ops_error *error)
{
    const char *data_dir, *engine;
    struct ops_error reason = OPS_ERROR_INIT;
    enum ops_status status = ops_cli_engine(cli, &engine, error);
    if (status == OPS_OK)
        status = ops_cli_data_dir(cli, &data_dir, error);
    if (status != OPS_OK)
        return status;
    status = cli->host->find_instance(data_dir, &whom->instance, &reason);
    if (status == OPS_OK && via == OPS_VIA_INVOKE && cli->host->invoke && is_aws(ops_cli_text_if(cli, "--engine"))) {
        status =
            check_engine(cli, data_dir, &whom->instance, error); /* the account's functions are meant, wherever we are */
    } else if (status == OPS_OK) {
        status = ops_cli_check_instance(cli, data_dir, &whom->instance, error);
        whom->data_dir = data_dir;
        if (status == OPS_OK)
            status = copy_endpoint(whom, via == OPS_VIA_HTTP ? whom->instance.http : whom->instance.invoke, error);
    } else if (status == OPS_UNREACHABLE) {
        status = check_account_flags(cli, engine, error);
        if (status == OPS_OK)
            status = ask_the_account(cli, via, ops_fail(error, OPS_UNREACHABLE, "%s", reason.text), error);
    } else {
        (void)ops_fail(error, status, "%s", ops_error_text(&reason, status));
    }
    ops_error_release(&reason);
    return status;
}

/* A socket that was named is asked without a proof: whoever made it would get the secret code. */
static enum ops_status check_socket(struct ops_cli *cli, const char *endpoint, struct ops_error *error)
{
    static const char begin[] = "unix:";
    const char *data_dir;
    struct stat socket, place;
    uid_t place_owner = geteuid();
    if (strncmp(endpoint, begin, sizeof begin - 1) != 0 || stat(endpoint + sizeof begin - 1, &socket) != 0)
        return OPS_OK; /* connecting to it will tell */
    if (ops_cli_data_dir(cli, &data_dir, NULL) == OPS_OK && stat(data_dir, &place) == 0)
        place_owner = place.st_uid;
    if (ops_trust_owner(socket.st_uid, place_owner))
        return OPS_OK;
    return ops_fail(
        error, OPS_UNREACHABLE,
        "The socket %.200s belongs to another user (uid %lld), who would get all that is sent to it. Give --data, the data "
        "directory of the 'g3nops serve' that is meant, or run this as its user.",
        endpoint + sizeof begin - 1, (long long)socket.st_uid);
}

enum ops_status ops_cli_whom(struct ops_cli *cli, enum ops_command_via via, struct ops_cli_whom *ret_whom,
                             struct ops_error *error)
{
    const char *given = given_endpoint(cli), *engine;
    *ret_whom = (struct ops_cli_whom){.surface = via == OPS_VIA_HTTP ? "http" : "invoke"};
    if (!given)
        return find_serve(cli, via, ret_whom, error);
    enum ops_status status = ops_cli_engine(cli, &engine, error);
    if (status == OPS_OK)
        status = check_account_flags(cli, engine, error);
    if (status == OPS_OK)
        status = check_socket(cli, given, error);
    return status == OPS_OK ? copy_endpoint(ret_whom, given, error) : status;
}

/* ---- the proof ---- */

static enum ops_status ask(struct ops_cli *cli, const char *url, const char *socket_path, const char *nonce,
                           struct ops_http_response *response, struct ops_error *error)
{
    const struct ops_http_request request = {.method = "GET",
                                             .url = url,
                                             .socket_path = socket_path,
                                             .headers = {{OPS_PROOF_NONCE_HEADER, nonce}},
                                             .header_count = 1,
                                             .connect_timeout_ms = PROOF_TIMEOUT_MS,
                                             .timeout_ms = PROOF_TIMEOUT_MS};
    return ops_http_exchange(cli->host->http, &request, response, error);
}

static bool is_right(const struct ops_http_response *response, const char *expected)
{
    json_t *answer = NULL;
    bool right = ops_json_parse_object(ops_buf_view(&response->body), &answer, NULL) == OPS_OK &&
                 ops_equal_constant_time(ops_view_of(ops_json_text(answer, "proof", "")), ops_view_of(expected));
    json_decref(answer);
    return right;
}

enum ops_status ops_cli_prove(struct ops_cli *cli, const struct ops_cli_whom *whom, const char *base_url,
                              const char *socket_path, struct ops_error *error)
{
    uint8_t random[OPS_SHA256_BYTES];
    char nonce[OPS_PROOF_TEXT_SIZE], expected[OPS_PROOF_TEXT_SIZE], url[OPS_CLI_ENDPOINT_SIZE + sizeof OPS_PROOF_PATH];
    struct ops_http_response response;
    ops_random_fill(cli->host->random, random, sizeof random);
    ops_hex(random, sizeof random, nonce);
    (void)snprintf(url, sizeof url, "%s" OPS_PROOF_PATH, base_url);
    ops_http_response_init(&response, PROOF_ANSWER_MAX_BYTES);
    enum ops_status status = ops_proof_make(whom->instance.token, whom->surface, ops_view_of(nonce), expected);
    if (status == OPS_OK)
        status = ask(cli, url, socket_path, nonce, &response, error);
    bool strange = status == OPS_LIMIT || (status == OPS_OK && !is_right(&response, expected));
    if (status == OPS_UNKNOWN)
        status = OPS_UNREACHABLE; /* nothing was asked for but a proof */
    if (strange)
        status =
            ops_fail(error, OPS_UNREACHABLE,
                     "What answers at %.200s is not the 'g3nops serve' of the data directory %.200s: it can't prove what "
                     "that one knows. Nothing was sent to it.",
                     whom->endpoint, whom->data_dir);
    ops_buf_release(&response.body);
    return status;
}

/* ---- who answered ---- */

/* takes who; without memory nothing is told, and the answer counts all the same */
static void note(struct ops_cli *cli, json_t *who)
{
    json_decref(cli->answered_by);
    cli->answered_by = who;
}

static json_t *instance_json(const char *data_dir, const struct ops_instance *instance)
{
    return ops_json_pack("{s:o, s:s, s:s*, s:s*, s:I}", "data", ops_json_any_text(ops_view_of(data_dir)), "engine",
                         instance->engine, "account", instance->account[0] ? instance->account : NULL, "region",
                         instance->region[0] ? instance->region : NULL, "pid", (json_int_t)instance->pid);
}

void ops_cli_note_whom(struct ops_cli *cli, const struct ops_cli_whom *whom, const char *function)
{
    json_t *who = whom->data_dir      ? instance_json(whom->data_dir, &whom->instance)
                  : whom->endpoint[0] ? json_object()
                                      : json_pack("{s:s, s:s, s:s*}", "engine", "aws", "function", function, "region",
                                                  ops_cli_text_if(cli, "--region"));
    char shown[OPS_URL_SHOWN_SIZE];
    if (who && whom->endpoint[0])
        (void)json_object_set_new(who, "endpoint",
                                  ops_json_any_text(ops_view_of(ops_url_show(whom->endpoint, shown)))); /* for people */
    note(cli, who);
}

void ops_cli_note_store(struct ops_cli *cli, const char *data_dir, const char *region, const char *account)
{
    note(cli, data_dir ? ops_json_pack("{s:s, s:o}", "engine", "local", "data", ops_json_any_text(ops_view_of(data_dir)))
                       : ops_json_pack("{s:s, s:s*, s:s*}", "engine", "aws", "account", account, "region", region));
}

static void append_member(struct ops_buf *words, const json_t *who, const char *name)
{
    const char *text = ops_json_text(who, name, NULL);
    if (!text)
        return;
    ops_buf_append_format(words, "%s%s ", words->length ? ", " : "", name);
    ops_text_append_safe(words, ops_view_of(text));
}

void ops_cli_tell_answered(struct ops_cli *cli)
{
    struct ops_terminal *terminal = cli->host->terminal;
    const json_t *who = cli->answered_by;
    if (!who || cli->json || cli->answered_told || !terminal->ops->is_terminal(terminal, OPS_STREAM_ERR))
        return;
    cli->answered_told = true;
    static const char title[] = "answered by:";
    static const char *const names[] = {"endpoint", "function", "engine", "account", "region", "data"};
    struct ops_buf line, words;
    struct ops_style style = ops_cli_style(cli, OPS_STREAM_ERR);
    ops_buf_init(&line, 8 * OPS_CLI_ENDPOINT_SIZE);
    ops_buf_init(&words, 4 * OPS_CLI_ENDPOINT_SIZE);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        append_member(&words, who, names[i]);
    json_int_t pid = ops_json_integer(who, "pid", 0);
    if (pid > 0)
        ops_buf_append_format(&words, "%sprocess %" JSON_INTEGER_FORMAT, words.length ? ", " : "", pid);
    ops_paint_append(&line, &style, OPS_PAINT_DIM, title);
    ops_buf_append_char(&line, ' ');
    ops_paint_append_wrapped(&line, &style, OPS_PAINT_NONE, ops_buf_text(&words), sizeof title, HANG);
    (void)fprintf(cli->host->err, "%s\n", ops_buf_text(&line));
    ops_buf_release(&line);
    ops_buf_release(&words);
}
