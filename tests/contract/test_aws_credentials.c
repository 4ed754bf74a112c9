/* Each source of credentials against a scripted world: an environment, two files, and an HTTP client that expects certain
 * questions and has the answers ready. Everything secret in here contains the word "hush", which no error may say.
 */
#include "adapters/aws/credentials.h"
#include "adapters/aws/process.h"
#include "adapters/aws/secret_text.h"
#include "adapters/memory/clock.h"
#include "base/mem.h"
#include "support/alloc_fault.h"
#include "support/cmocka_all.h"
#include "support/env_list.h"
#include "support/scratch.h"

#include <malloc.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

#define NOW_MS INT64_C(1795491600000) /* 2026-11-24T03:40:00Z */
#define NINE_MS (NOW_MS + 320 * OPS_MINUTE_MS)

enum { STEPS_MAX = 7, ENV_MAX = 17, TEXT_SIZE = 4096, SENT_SIZE = 128 * 1024 };

/* The HTTP client. */

struct step {
    const char *asked;   /* "GET http://..." */
    const char *sent[3]; /* parts of headers and body: "name: value\n" */
    const char *unsent;
    enum ops_status result;
    int status;
    const char *body;
};

struct fake_http {
    struct ops_http_client base;
    const struct step *steps;
    size_t next;
};

static void serialize(const struct ops_http_request *request, char *ret_text)
{
    int length = snprintf(ret_text, SENT_SIZE, "%s %s\n", request->method, request->url);
    for (size_t i = 0; i < request->header_count; i++)
        length += snprintf(ret_text + length, SENT_SIZE - (size_t)length, "%s: %s\n", request->headers[i].name,
                           request->headers[i].value);
    (void)snprintf(ret_text + length, SENT_SIZE - (size_t)length, "\n%.*s", (int)request->body.length,
                   request->body.data ? request->body.data : "");
}

static void expect_part(const char *text, const char *part)
{
    if (!strstr(text, part))
        print_error("%s\nis not in\n%s\n", part, text);
    assert_non_null(strstr(text, part));
}

static enum ops_status fake_exchange(struct ops_http_client *self, const struct ops_http_request *request,
                                     struct ops_http_response *ret_response, struct ops_error *error)
{
    static char text[SENT_SIZE];
    struct fake_http *fake = (struct fake_http *)self;
    const struct step *step = &fake->steps[fake->next];
    serialize(request, text);
    if (!step->asked)
        print_error("Nobody expects %s\n", text);
    assert_non_null(step->asked);
    assert_true(request->timeout_ms > 0 && request->connect_timeout_ms > 0);
    fake->next++;
    expect_part(text, step->asked);
    assert_int_equal(text[strlen(step->asked)], '\n');
    for (size_t i = 0; i < COUNT(step->sent) && step->sent[i]; i++)
        expect_part(text, step->sent[i]);
    if (step->unsent)
        assert_null(strstr(text, step->unsent));
    if (step->result != OPS_OK)
        return ops_fail(error, step->result, "The fake does not answer.");
    ret_response->status = step->status;
    ops_buf_append_text(&ret_response->body, step->body ? step->body : "");
    return ops_buf_status(&ret_response->body);
}

static const struct ops_http_client_ops fake_ops = {.exchange = fake_exchange};

/* A trial: one world, one source, one fetch. In texts, ^ stands for the test's directory. */

typedef enum ops_status (*make_fn)(const struct ops_aws_credentials_context *context,
                                   struct ops_aws_credentials **ret_credentials);

struct trial {
    make_fn make;
    const char *env[ENV_MAX];
    const char *config;
    const char *credentials;
    const char *profile; /* by flag */
    const char *file;    /* what is in ^/file */
    struct step steps[STEPS_MAX];
    enum ops_status expected;
    const char *word; /* of the error */
    const char *id;
    const char *secret;
    const char *token;
    int64_t expires_ms; /* 0: never */
};

static char directory[SCRATCH_SIZE];

static int set_up(void **state)
{
    (void)state;
    scratch_make(directory);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    scratch_remove(directory);
    return 0;
}

struct world {
    char texts[ENV_MAX + 2][TEXT_SIZE];
    const char *pairs[ENV_MAX + 5];
    struct ops_env env;
    struct fake_http http;
    struct ops_aws_credentials_context context;
    struct ops_aws_settings *settings;
};

static const char *expand(const char *text, char *ret_text)
{
    size_t length = 0;
    for (; *text; text++)
        length += (size_t)snprintf(ret_text + length, TEXT_SIZE - length, *text == '^' ? "%s" : "%.1s",
                                   *text == '^' ? directory : text);
    ret_text[length] = '\0';
    return ret_text;
}

static void write_file(const char *name, const char *text)
{
    char expanded[TEXT_SIZE];
    (void)unlink(scratch_path(directory, name));
    if (text && strlen(text) < TEXT_SIZE / 2)
        scratch_write(scratch_path(directory, name), expand(text, expanded));
    else if (text)
        scratch_write(scratch_path(directory, name), text);
}

static void world_init(struct world *world, const struct trial *trial)
{
    static const char *const usual[] = {"HOME", NULL, "AWS_REGION", "eu-central-1"};
    (void)mkdir(scratch_path(directory, ".aws"), 0700);
    write_file(".aws/config", trial->config);
    write_file(".aws/credentials", trial->credentials);
    write_file("file", trial->file);
    size_t count = 0;
    for (; trial->env[count]; count++)
        world->pairs[count] = expand(trial->env[count], world->texts[count]);
    memcpy(&world->pairs[count], usual, sizeof usual);
    world->pairs[count + 1] = directory;
    world->pairs[count + 4] = NULL;
    world->env = env_list(world->pairs);
    world->http = (struct fake_http){.base.ops = &fake_ops, .steps = trial->steps};
    world->context = (struct ops_aws_credentials_context){.env = &world->env, .http = &world->http.base};
    const struct ops_aws_settings_flags flags = {.profile = trial->profile};
    assert_int_equal(ops_memory_clock_new(NOW_MS, &world->context.clock), OPS_OK);
    assert_int_equal(ops_aws_settings_new(&world->env, &flags, &world->settings, NULL), OPS_OK);
    world->context.settings = world->settings;
}

static void world_release(struct world *world)
{
    ops_aws_settings_free(world->settings);
    ops_memory_clock_free(world->context.clock);
}

/* An error may name what is wrong, and nothing secret. */
static void check_error(enum ops_status status, const struct ops_error *error, const char *word)
{
    assert_null(strstr(error->text, "hush"));
    if (status != OPS_OK && status != OPS_NO_MEMORY)
        assert_true(error->text[0]);
    if (word && !strstr(error->text, word))
        print_error("'%s' is not in: %s\n", word, error->text);
    if (word)
        assert_non_null(strstr(error->text, word));
}

static void check_keys(const struct trial *trial, const struct ops_aws_keys *keys)
{
    assert_string_equal(keys->access_key_id, trial->id);
    assert_string_equal(keys->secret_access_key, trial->secret ? trial->secret : "hush-secret");
    assert_string_equal(keys->session_token, trial->token ? trial->token : "");
    assert_true(keys->expires_ms == (trial->expires_ms ? trial->expires_ms : OPS_AWS_NEVER_EXPIRES));
}

/* Carries out a trial in which the n-th allocation from its making on fails; 0: none does. Whether one has failed. */
static bool run_without(const struct trial *trial, size_t n)
{
    static struct world world;
    struct ops_aws_credentials *source = NULL;
    struct ops_aws_keys keys;
    struct ops_error error = OPS_ERROR_INIT;
    memset(&keys, 0x5a, sizeof keys);
    alloc_fault_install(0);
    world_init(&world, trial);
    alloc_fault_arm(n);
    enum ops_status status = trial->make(&world.context, &source);
    if (status == OPS_OK)
        status = ops_aws_credentials_fetch(source, &keys, &error);
    bool hit = alloc_fault_hit();
    alloc_fault_arm(0);
    if (status != (hit ? OPS_NO_MEMORY : trial->expected))
        print_error("%s: %s\n", ops_status_tag(status), ops_error_text(&error, status));
    assert_int_equal(status, hit ? OPS_NO_MEMORY : trial->expected);
    check_error(status, &error, hit ? NULL : trial->word);
    if (status == OPS_OK)
        check_keys(trial, &keys);
    else
        assert_int_equal(keys.access_key_id[0] + keys.session_token[0], 0x5a + 0x5a);
    if (!hit && trial->steps[world.http.next].asked)
        print_error("Nobody has asked %s\n", trial->steps[world.http.next].asked);
    if (!hit)
        assert_null(trial->steps[world.http.next].asked);
    ops_aws_keys_wipe(&keys);
    ops_error_release(&error);
    ops_aws_credentials_release(source);
    world_release(&world);
    assert_int_equal(alloc_fault_live_count(), 0);
    alloc_fault_remove();
    return hit;
}

static void run(const struct trial *trial)
{
    (void)run_without(trial, 0);
}

static void run_all(const struct trial *trials, size_t count)
{
    for (size_t i = 0; i < count; i++)
        run(&trials[i]);
}

static void sweep(const struct trial *trial)
{
    run(trial);
    bool hit = true;
    for (size_t n = 1; hit; n++) {
        assert_true(n < 500);
        hit = run_without(trial, n);
    }
}

/* The environment. */

static const struct trial env_keys = {
    .make = ops_aws_env_credentials_new,
    .env = {"AWS_ACCESS_KEY_ID", "AKIAENV", "AWS_SECRET_ACCESS_KEY", "hush-secret", "AWS_SESSION_TOKEN", "hush-token"},
    .id = "AKIAENV",
    .token = "hush-token",
};

static void keys_of_the_environment_are_taken_together(void **state)
{
    (void)state;
    const struct trial trials[] = {
        env_keys,
        {.make = ops_aws_env_credentials_new,
         .env = {"AWS_ACCESS_KEY_ID", "AKIAENV", "AWS_SECRET_ACCESS_KEY", "hush-secret", "AWS_SESSION_TOKEN", ""},
         .id = "AKIAENV"},
        {.make = ops_aws_env_credentials_new, .expected = OPS_NOT_FOUND, .word = "AWS_ACCESS_KEY_ID"},
        {.make = ops_aws_env_credentials_new,
         .env = {"AWS_ACCESS_KEY_ID", "", "AWS_SECRET_ACCESS_KEY", "", "AWS_SESSION_TOKEN", "hush-token"},
         .expected = OPS_NOT_FOUND},
    };
    run_all(trials, COUNT(trials));
}

static void half_a_key_or_one_that_was_copied_badly_is_told_by_its_variable(void **state)
{
    (void)state;
    static char long_id[200];
    memset(long_id, 'A', sizeof long_id - 1);
    const struct trial trials[] = {
        {.make = ops_aws_env_credentials_new,
         .env = {"AWS_ACCESS_KEY_ID", "AKIAENV"},
         .expected = OPS_INVALID_FIELD,
         .word = "lacks AWS_SECRET_ACCESS_KEY, which goes with AWS_ACCESS_KEY_ID"},
        {.make = ops_aws_env_credentials_new,
         .env = {"AWS_SECRET_ACCESS_KEY", "hush-secret"},
         .expected = OPS_INVALID_FIELD,
         .word = "lacks AWS_ACCESS_KEY_ID, which goes with AWS_SECRET_ACCESS_KEY"},
        {.make = ops_aws_env_credentials_new,
         .env = {"AWS_ACCESS_KEY_ID", "AKIAENV", "AWS_SECRET_ACCESS_KEY", "hush-secret\n"},
         .expected = OPS_INVALID_FIELD,
         .word = "AWS_SECRET_ACCESS_KEY"},
        {.make = ops_aws_env_credentials_new,
         .env = {"AWS_ACCESS_KEY_ID", "AKIAENV", "AWS_SECRET_ACCESS_KEY", "hush-secret", "AWS_SESSION_TOKEN",
                 "hush\r\nX: y"},
         .expected = OPS_INVALID_FIELD,
         .word = "AWS_SESSION_TOKEN"},
        {.make = ops_aws_env_credentials_new,
         .env = {"AWS_ACCESS_KEY_ID", long_id, "AWS_SECRET_ACCESS_KEY", "hush-secret"},
         .expected = OPS_INVALID_FIELD,
         .word = "AWS_ACCESS_KEY_ID"},
    };
    run_all(trials, COUNT(trials));
}

/* STS. */

#define STS_ASKED "POST https://sts.eu-central-1.amazonaws.com/"
#define ROLE_ARN "arn:aws:iam::1:role/r"
#define ROLE_ARN_SENT "RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2F"
#define STS_KEYS(id, secret, token)                                                                                         \
    "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n<AssumeRoleResult>"                          \
    "<AssumedRoleUser><Arn>a</Arn></AssumedRoleUser><Credentials><AccessKeyId>" id "</AccessKeyId>\n"                       \
    "<SecretAccessKey>" secret "</SecretAccessKey><SessionToken>" token "</SessionToken>"                                   \
    "<Expiration>2026-11-24T09:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
#define STS_GOOD STS_KEYS("ASIASTS", "hush-secret", "hush-token")
#define STS_ERROR(code)                                                                                                     \
    "<ErrorResponse><Error><Type>Sender</Type><Code>" code "</Code><Message>hush-jwt hush-secret</Message></Error>"         \
    "<RequestId>r</RequestId></ErrorResponse>"
#define WEB_ENV "AWS_WEB_IDENTITY_TOKEN_FILE", "^/file", "AWS_ROLE_ARN", ROLE_ARN

static const struct trial web_keys = {
    .make = ops_aws_web_identity_credentials_new,
    .env = {WEB_ENV},
    .file = "\nhush-jwt.a_b+/=\n",
    .steps = {{.asked = STS_ASKED,
               .sent = {"content-type: application/x-www-form-urlencoded", "host: sts.eu-central-1.amazonaws.com\n",
                        "\nAction=AssumeRoleWithWebIdentity&Version=2011-06-15&" ROLE_ARN_SENT
                        "r&RoleSessionName=g3nops-1795491600&WebIdentityToken=hush-jwt.a_b%2B%2F%3D"},
               .unsent = "uthorization",
               .status = 200,
               .body = STS_GOOD}},
    .id = "ASIASTS",
    .token = "hush-token",
    .expires_ms = NINE_MS,
};

static void a_web_identity_token_is_changed_for_keys_without_a_signature(void **state)
{
    (void)state;
    const struct step good = {.asked = STS_ASKED, .status = 200, .body = STS_GOOD};
    struct trial trials[] = {web_keys, web_keys, web_keys, web_keys};
    const char *const china[] = {WEB_ENV, "AWS_REGION", "cn-north-1", "AWS_ROLE_SESSION_NAME", "me"};
    const char *const local[] = {WEB_ENV, "AWS_ENDPOINT_URL_STS", "http://127.0.0.1:4566/sts/"};
    memcpy(trials[1].env, china, sizeof china);
    trials[1].steps[0] = good;
    trials[1].steps[0].asked = "POST https://sts.cn-north-1.amazonaws.com.cn/";
    trials[1].steps[0].sent[0] = "&RoleSessionName=me&";
    memcpy(trials[2].env, local, sizeof local);
    trials[2].steps[0] = good;
    trials[2].steps[0].asked = "POST http://127.0.0.1:4566/sts/";
    memset(trials[3].env, 0, sizeof trials[3].env);
    trials[3].config =
        "[default]\nweb_identity_token_file = ^/file\nrole_arn = " ROLE_ARN "\nrole_session_name = profiles\n";
    trials[3].steps[0] = good;
    trials[3].steps[0].sent[0] = "&RoleSessionName=profiles&";
    run_all(trials, COUNT(trials));
}

static void a_web_identity_that_is_configured_by_half_is_told(void **state)
{
    (void)state;
    static char large[20002];
    memset(large, 'h', sizeof large - 1);
    const struct trial trials[] = {
        {.make = ops_aws_web_identity_credentials_new, .expected = OPS_NOT_FOUND},
        {.make = ops_aws_web_identity_credentials_new, .env = {"AWS_ROLE_ARN", ROLE_ARN}, .expected = OPS_NOT_FOUND},
        {.make = ops_aws_web_identity_credentials_new,
         .env = {"AWS_WEB_IDENTITY_TOKEN_FILE", "^/file"},
         .file = "hush",
         .expected = OPS_INVALID_FIELD,
         .word = "AWS_ROLE_ARN"},
        {.make = ops_aws_web_identity_credentials_new,
         .env = {WEB_ENV, "AWS_REGION", ""},
         .file = "hush",
         .expected = OPS_INVALID_FIELD,
         .word = "AWS_REGION"},
        {.make = ops_aws_web_identity_credentials_new, .env = {WEB_ENV}, .expected = OPS_INVALID_FIELD, .word = "/file"},
        {.make = ops_aws_web_identity_credentials_new,
         .env = {WEB_ENV},
         .file = " \n",
         .expected = OPS_INVALID_FIELD,
         .word = "empty"},
        {.make = ops_aws_web_identity_credentials_new,
         .env = {WEB_ENV},
         .file = large,
         .expected = OPS_INVALID_FIELD,
         .word = "larger"},
    };
    run_all(trials, COUNT(trials));
}

static void the_token_file_is_read_anew_at_every_fetch(void **state)
{
    (void)state;
    struct trial trial = web_keys;
    struct world *world = test_calloc(1, sizeof *world);
    struct ops_aws_credentials *source = NULL;
    struct ops_aws_keys keys;
    trial.steps[1] = trial.steps[0];
    trial.steps[1].sent[2] = "&WebIdentityToken=hush-second";
    alloc_fault_install(0);
    world_init(world, &trial);
    assert_int_equal(trial.make(&world->context, &source), OPS_OK);
    assert_int_equal(ops_aws_credentials_fetch(source, &keys, NULL), OPS_OK);
    write_file("file", "hush-second");
    assert_int_equal(ops_aws_credentials_fetch(source, &keys, NULL), OPS_OK);
    assert_int_equal(world->http.next, 2);
    ops_aws_credentials_release(source);
    world_release(world);
    alloc_fault_remove();
    test_free(world);
}

struct answer_case {
    struct step steps[2];
    enum ops_status expected;
    const char *word;
};

static const struct answer_case sts_cases[] = {
    {{{.asked = STS_ASKED, .status = 400, .body = STS_ERROR("InvalidIdentityToken")}},
     OPS_STORE_UNAVAILABLE,
     "for the role " ROLE_ARN ": InvalidIdentityToken."},
    {{{.asked = STS_ASKED, .status = 403, .body = STS_ERROR("hush code")}}, OPS_STORE_UNAVAILABLE, "HTTP status 403"},
    {{{.asked = STS_ASKED, .status = 404, .body = "hush"}}, OPS_STORE_UNAVAILABLE, "HTTP status 404"},
    {{{.asked = STS_ASKED, .status = 503}, {.asked = STS_ASKED, .status = 500}}, OPS_STORE_UNAVAILABLE, "HTTP status 500"},
    {{{.asked = STS_ASKED, .status = 429, .body = STS_ERROR("Throttling")},
      {.asked = STS_ASKED, .status = 200, .body = STS_GOOD}},
     OPS_OK,
     NULL},
    {{{.asked = STS_ASKED, .result = OPS_UNKNOWN}, {.asked = STS_ASKED, .status = 200, .body = STS_GOOD}}, OPS_OK, NULL},
    {{{.asked = STS_ASKED, .result = OPS_UNREACHABLE}, {.asked = STS_ASKED, .result = OPS_UNREACHABLE}},
     OPS_STORE_UNAVAILABLE,
     "The fake does not answer."},
    {{{.asked = STS_ASKED, .result = OPS_LIMIT}}, OPS_STORE_UNAVAILABLE, "STS"},
    {{{.asked = STS_ASKED, .status = 200, .body = "<a><AccessKeyId>hush</AccessKeyId>"}}, OPS_STORE_UNAVAILABLE, "read"},
    {{{.asked = STS_ASKED, .status = 200, .body = "{\"hush\": 1}"}}, OPS_STORE_UNAVAILABLE, "read"},
    {{{.asked = STS_ASKED, .status = 200, .body = "<!DOCTYPE a [<!ENTITY b \"hush\">]>" STS_GOOD}},
     OPS_STORE_UNAVAILABLE,
     "read"},
    {{{.asked = STS_ASKED, .status = 200, .body = "<a><AccessKeyId>hush</AccessKeyId></a>"}},
     OPS_STORE_UNAVAILABLE,
     "lacks SecretAccessKey"},
    {{{.asked = STS_ASKED, .status = 200, .body = "<a/>"}}, OPS_STORE_UNAVAILABLE, "lacks AccessKeyId"},
    {{{.asked = STS_ASKED, .status = 200, .body = STS_KEYS("hush id", "hush", "hush")}},
     OPS_STORE_UNAVAILABLE,
     "AccessKeyId"},
};

static void what_sts_answers_is_keys_or_a_reason_without_what_was_sent(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(sts_cases); i++) {
        struct trial trial = web_keys;
        memset(trial.steps, 0, sizeof trial.steps);
        memcpy(trial.steps, sts_cases[i].steps, sizeof sts_cases[i].steps);
        trial.expected = sts_cases[i].expected;
        trial.word = sts_cases[i].word;
        run(&trial);
    }
}

/* Profiles. */

#define STATIC_KEYS(id) "aws_access_key_id = " id "\naws_secret_access_key = hush-source\n"
#define SIGNED_BY_SOURCE                                                                                                    \
    "authorization: AWS4-HMAC-SHA256 Credential=AKIASOURCE/20261124/eu-central-1/sts/aws4_request, "                        \
    "SignedHeaders=content-type;host;x-amz-date, "                                                                          \
    "Signature=3876881187e3fa31771b520b71576d5fe47513a52efbac9ef6e8acc6b189b011\n" /* by botocore */

static const struct trial role_keys = {
    .make = ops_aws_profile_credentials_new,
    .config = "[profile ops]\nrole_arn = " ROLE_ARN "\nsource_profile = source\n",
    .credentials = "[source]\n" STATIC_KEYS("AKIASOURCE"),
    .profile = "ops",
    .steps = {{.asked = STS_ASKED,
               .sent = {"x-amz-date: 20261124T034000Z\n", SIGNED_BY_SOURCE,
                        "\nAction=AssumeRole&Version=2011-06-15&" ROLE_ARN_SENT "r&RoleSessionName=g3nops-1795491600"},
               .unsent = "x-amz-security-token",
               .status = 200,
               .body = STS_GOOD}},
    .id = "ASIASTS",
    .token = "hush-token",
    .expires_ms = NINE_MS,
};

static void keys_of_a_profile_come_from_one_file(void **state)
{
    (void)state;
    const struct trial trials[] = {
        {.make = ops_aws_profile_credentials_new,
         .credentials = "[default]\n" STATIC_KEYS("AKIAFILE") "aws_session_token = hush-token\n",
         .id = "AKIAFILE",
         .secret = "hush-source",
         .token = "hush-token"},
        {.make = ops_aws_profile_credentials_new,
         .config = "[default]\n" STATIC_KEYS("AKIACONFIG"),
         .id = "AKIACONFIG",
         .secret = "hush-source"},
        /* A stale token beside the other keys is not theirs. */
        {.make = ops_aws_profile_credentials_new,
         .config = "[default]\n" STATIC_KEYS("AKIACONFIG") "aws_session_token = hush-stale\n",
         .credentials = "[default]\n" STATIC_KEYS("AKIAFILE"),
         .id = "AKIAFILE",
         .secret = "hush-source"},
        {.make = ops_aws_profile_credentials_new,
         .config = "[default]\naws_secret_access_key = hush\n",
         .credentials = "[default]\naws_access_key_id = AKIAFILE\n",
         .expected = OPS_INVALID_FIELD,
         .word = "credentials file lacks aws_secret_access_key"},
        {.make = ops_aws_profile_credentials_new, .expected = OPS_NOT_FOUND, .word = "'default'"},
        {.make = ops_aws_profile_credentials_new,
         .config = "[profile ops]\nregion = x\n[default]\n" STATIC_KEYS("AKIACONFIG"),
         .profile = "ops",
         .expected = OPS_NOT_FOUND,
         .word = "'ops'"},
    };
    run_all(trials, COUNT(trials));
}

static void a_role_is_assumed_with_the_keys_of_its_source_profile(void **state)
{
    (void)state;
    struct trial trial = role_keys;
    run(&trial);
    trial.config = "[profile ops]\nrole_arn = " ROLE_ARN "\nsource_profile = ops\n";
    trial.credentials = "[ops]\n" STATIC_KEYS("AKIASOURCE");
    run(&trial);
    trial = role_keys;
    trial.config = "[profile ops]\nrole_arn = " ROLE_ARN "\nsource_profile = source\nexternal_id = a/b\n"
                   "duration_seconds = 900\nrole_session_name = me\n[profile source]\nrole_arn = not-asked-for\n";
    trial.steps[0].sent[1] = NULL;
    trial.steps[0].sent[0] = "r&RoleSessionName=me&ExternalId=a%2Fb&DurationSeconds=900";
    run(&trial);
    trial.steps[0] = (struct step){.asked = STS_ASKED, .status = 403, .body = STS_ERROR("AccessDenied")};
    trial.expected = OPS_STORE_UNAVAILABLE;
    trial.word = "AccessDenied";
    run(&trial);
}

static void roles_may_lead_to_roles(void **state)
{
    (void)state;
    const struct trial trial = {
        .make = ops_aws_profile_credentials_new,
        .config = "[default]\nrole_arn = " ROLE_ARN "\nsource_profile = middle\n"
                  "[profile middle]\nrole_arn = arn:aws:iam::1:role/outer\nsource_profile = inner\n"
                  "[profile inner]\nrole_arn = arn:aws:iam::1:role/inner\ncredential_source = Environment\n",
        .env = {"AWS_ACCESS_KEY_ID", "AKIAENV", "AWS_SECRET_ACCESS_KEY", "hush-env"},
        .steps =
            {{.asked = STS_ASKED,
              .sent = {ROLE_ARN_SENT "inner", "Credential=AKIAENV/"},
              .status = 200,
              .body = STS_KEYS("ASIAINNER", "hush-inner", "hush-inner-token")},
             {.asked = STS_ASKED,
              .sent = {ROLE_ARN_SENT "outer", "x-amz-security-token: hush-inner-token\n",
                       "Credential=ASIAINNER/20261124/eu-central-1/sts/aws4_request, SignedHeaders=content-type;host;"
                       "x-amz-date;x-amz-security-token, "
                       "Signature=19da7638114393343f8614c8ea285c8d71755c8093ddc994527a9551a60fea4d\n"}, /* by botocore */
              .status = 200,
              .body = STS_KEYS("ASIAMIDDLE", "hush-middle", "hush-middle-token")},
             {.asked = STS_ASKED, .sent = {ROLE_ARN_SENT "r", "Credential=ASIAMIDDLE/"}, .status = 200, .body = STS_GOOD}},
        .id = "ASIASTS",
        .token = "hush-token",
        .expires_ms = NINE_MS,
    };
    sweep(&trial);
}

struct profile_case {
    const char *config;
    const char *word;
};

#define ROLE "role_arn = " ROLE_ARN "\n"

static const struct profile_case wrong_profiles[] = {
    {"[default]\n" ROLE "source_profile = a\n[profile a]\n" ROLE "source_profile = default\n", "leads back to 'default'"},
    {"[default]\n" ROLE "source_profile = default\n", "leads back to 'default'"},
    {"[default]\n" ROLE "source_profile = a\n[profile a]\n" ROLE "source_profile = a\n", "leads back to 'a'"},
    {"[default]\n" ROLE "source_profile = nobody\n", "source_profile = nobody"},
    {"[default]\n" ROLE "source_profile = a\n[profile a]\nregion = x\n", "'a' is a source_profile and has no credentials"},
    {"[default]\n" ROLE, "needs either source_profile or credential_source."},
    {"[default]\n" ROLE "source_profile = a\ncredential_source = Environment\n[profile a]\n" STATIC_KEYS("A"), "not both"},
    {"[default]\n" ROLE "credential_source = environment\n", "EcsContainer"},
    {"[default]\n" ROLE "credential_source = Environment\n", "there are no keys"},
    {"[default]\n" ROLE "credential_source = EcsContainer\n", "there are no keys"},
    {"[default]\n" ROLE "source_profile = 1\n[profile 1]\n" ROLE "source_profile = 2\n[profile 2]\n" ROLE
     "source_profile = 3\n[profile 3]\n" ROLE "source_profile = 4\n[profile 4]\n" ROLE
     "source_profile = 5\n[profile 5]\n" STATIC_KEYS("A"),
     "more than 5 profiles"},
    {"[default]\n" ROLE "duration_seconds = 899\nsource_profile = default\n" STATIC_KEYS("A"), "from 900 to 43200"},
    {"[default]\n" ROLE "duration_seconds = 43201\nsource_profile = default\n" STATIC_KEYS("A"), "from 900 to 43200"},
    {"[default]\n" ROLE "duration_seconds = 1h\nsource_profile = default\n" STATIC_KEYS("A"), "from 900 to 43200"},
    {"[default]\n" ROLE "mfa_serial = m\nsource_profile = default\n" STATIC_KEYS("A"),
     "mfa_serial), which g3nops can't do; use a profile with credential_process = aws configure export-credentials "
     "--profile "
     "default --format process"},
    {"[default]\nsso_session = s\nsso_account_id = 1\n[sso-session s]\nsso_region = x\n", "export-credentials"},
    {"[default]\nsso_start_url = s\n" STATIC_KEYS("A"), "sso_start_url"},
    {"[default]\nlogin_session = s\n", "export-credentials"},
    {"[default]\nweb_identity_token_file = /nonexistent\n" ROLE, "/nonexistent"},
};

static void a_profile_that_leads_nowhere_is_told_by_its_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(wrong_profiles); i++)
        run(&(struct trial){.make = ops_aws_profile_credentials_new,
                            .config = wrong_profiles[i].config,
                            .expected = OPS_INVALID_FIELD,
                            .word = wrong_profiles[i].word});
}

static void a_chain_of_five_profiles_is_not_too_long(void **state)
{
    (void)state;
    const struct step step = {.asked = STS_ASKED, .status = 200, .body = STS_GOOD};
    run(&(struct trial){.make = ops_aws_profile_credentials_new,
                        .config = "[default]\n" ROLE "source_profile = 1\n[profile 1]\n" ROLE
                                  "source_profile = 2\n[profile 2]\n" ROLE "source_profile = 3\n[profile 3]\n" ROLE
                                  "source_profile = 4\n[profile 4]\n" STATIC_KEYS("A"),
                        .steps = {step, step, step, step},
                        .id = "ASIASTS",
                        .token = "hush-token",
                        .expires_ms = NINE_MS});
}

/* Processes. */

#define JSON_KEYS(token_name)                                                                                               \
    "\"AccessKeyId\": \"ASIAJSON\", \"SecretAccessKey\": \"hush-secret\", \"" token_name "\": \"hush-token\", "             \
    "\"Expiration\": \"2026-11-24T09:00:00Z\"}"
#define PROCESS_KEYS "{\"Version\": 1, " JSON_KEYS("SessionToken")

static const struct trial process_keys = {
    .make = ops_aws_profile_credentials_new,
    .config = "[default]\ncredential_process = cat \"^/file\" | cat\n",
    .file = PROCESS_KEYS,
    .id = "ASIAJSON",
    .token = "hush-token",
    .expires_ms = NINE_MS,
};

static void a_process_gives_keys_that_may_last(void **state)
{
    (void)state;
    struct trial trial = process_keys;
    run(&trial);
    trial.file = "{\"Version\": 1, \"AccessKeyId\": \"AKIALONG\", \"SecretAccessKey\": \"hush-secret\"}\n";
    trial.id = "AKIALONG";
    trial.token = NULL;
    trial.expires_ms = 0;
    run(&trial);
    trial.config = "[default]\ncredential_process = cat ^/file\n" STATIC_KEYS("AKIACONFIG");
    run(&trial);
    /* Our standard input is not its. */
    trial.config = "[default]\ncredential_process = cat && cat ^/file\n";
    run(&trial);
}

struct process_case {
    const char *command;
    const char *output;
    const char *word;
};

static const struct process_case wrong_processes[] = {
    {"exit 3; hush", NULL, "'default' ends with exit status 3"},
    {"cat ^/file; exit 1", PROCESS_KEYS, "exit status 1"},
    {"kill -9 $$; hush", NULL, "by a signal"},
    {"true", NULL, "no JSON object"},
    {"cat ^/file", "hush " PROCESS_KEYS, "no JSON object"},
    {"cat ^/file", "{\"Version\": 2, " JSON_KEYS("SessionToken"), "Version"},
    {"cat ^/file", "{" JSON_KEYS("SessionToken"), "Version"},
    {"cat ^/file", "{\"Version\": \"1\", " JSON_KEYS("SessionToken"), "Version"},
    {"cat ^/file", "{\"Version\": 1, \"AccessKeyId\": \"hush\"}", "lacks SecretAccessKey"},
    {"cat ^/file", "{\"Version\": 1, \"AccessKeyId\": 7, \"SecretAccessKey\": \"hush\"}", "lacks AccessKeyId"},
    {"cat ^/file", "{\"Version\": 1, \"AccessKeyId\": \"A\", \"SecretAccessKey\": \"hush\", \"Expiration\": \"hush\"}",
     "until when"},
    {"head -c 65537 /dev/zero", NULL, "writes more than 65536 bytes"},
};

static void a_process_that_gives_no_keys_is_not_quoted(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(wrong_processes); i++) {
        char config[TEXT_SIZE];
        (void)snprintf(config, sizeof config, "[default]\ncredential_process = %s\n", wrong_processes[i].command);
        run(&(struct trial){.make = ops_aws_profile_credentials_new,
                            .config = config,
                            .file = wrong_processes[i].output,
                            .expected = OPS_STORE_UNAVAILABLE,
                            .word = wrong_processes[i].word});
    }
}

static size_t runs(void)
{
    char text[256] = "";
    FILE *file = fopen(scratch_path(directory, "runs"), "r");
    size_t length = file ? fread(text, 1, sizeof text, file) : 0;
    if (file)
        (void)fclose(file);
    return length;
}

/* Ten seconds of peace, then twice as many each time, up to a minute; and none once it has given keys. */
static void a_process_that_fails_is_run_once_and_then_left_in_peace(void **state)
{
    (void)state;
    static struct world world;
    static const int64_t peace_s[] = {10, 20, 40, 60, 60};
    struct ops_aws_credentials *source = NULL;
    struct ops_aws_keys keys;
    const struct trial trial = {.config =
                                    "[default]\ncredential_process = printf x >> ^/runs; test -e ^/good && cat ^/file\n",
                                .file = PROCESS_KEYS};
    (void)unlink(scratch_path(directory, "runs"));
    (void)unlink(scratch_path(directory, "good"));
    world_init(&world, &trial);
    assert_int_equal(ops_aws_profile_credentials_new(&world.context, &source), OPS_OK);
    for (size_t i = 0; i < COUNT(peace_s); i++) {
        for (int k = 0; k < 20; k++) {
            struct ops_error error = OPS_ERROR_INIT;
            assert_int_equal(ops_aws_credentials_fetch(source, &keys, &error), OPS_STORE_UNAVAILABLE);
            check_error(OPS_STORE_UNAVAILABLE, &error, "'default' ends with exit status 1");
            ops_error_release(&error);
            assert_int_equal(runs(), i + 1);
            ops_memory_clock_advance(world.context.clock, k == 0 ? peace_s[i] * 1000 - 1 : 0);
        }
        ops_memory_clock_advance(world.context.clock, 1);
    }
    write_file("good", "");
    assert_int_equal(ops_aws_credentials_fetch(source, &keys, NULL), OPS_OK);
    (void)unlink(scratch_path(directory, "good"));
    assert_int_equal(ops_aws_credentials_fetch(source, &keys, NULL), OPS_STORE_UNAVAILABLE);
    assert_int_equal(runs(), COUNT(peace_s) + 2);
    ops_aws_keys_wipe(&keys);
    ops_aws_credentials_release(source);
    world_release(&world);
}

static void a_process_that_gives_keys_that_have_ended_has_failed(void **state)
{
    (void)state;
    run(&(struct trial){.make = ops_aws_profile_credentials_new,
                        .config = "[default]\ncredential_process = cat ^/file\n",
                        .file = "{\"Version\": 1, \"AccessKeyId\": \"A\", \"SecretAccessKey\": \"hush\", \"Expiration\": "
                                "\"2001-01-01T00:00:00Z\"}",
                        .expected = OPS_STORE_UNAVAILABLE,
                        .word = "gives keys that have ended"});
}

static void a_process_that_never_ends_is_ended(void **state)
{
    (void)state;
    struct ops_clock *clock = NULL;
    struct ops_buf output;
    struct ops_error error = OPS_ERROR_INIT;
    assert_int_equal(ops_memory_clock_new(NOW_MS, &clock), OPS_OK);
    assert_int_equal(ops_secret_buf_init(&output, 100), OPS_OK);
    assert_int_equal(ops_process_read("exec sleep 86400", "It", 10, clock, &output, &error), OPS_STORE_UNAVAILABLE);
    assert_string_equal(error.text, "It has not ended after 10 ms.");
    /* Also one that has closed its output, and so has nothing more to say. */
    assert_int_equal(ops_process_read("exec sleep 86400 >&-", "It", 10, clock, &output, &error), OPS_STORE_UNAVAILABLE);
    assert_string_equal(error.text, "It has not ended after 10 ms.");
    ops_error_release(&error);
    ops_buf_wipe(&output);
    ops_memory_clock_free(clock);
}

/* The container endpoint. */

#define CONTAINER_KEYS "{\"RoleArn\": \"r\", " JSON_KEYS("Token")
#define RELATIVE_ENV "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/hush-id"
#define RELATIVE_ASKED "GET http://169.254.170.2/v2/hush-id"

static const struct trial container_keys = {
    .make = ops_aws_container_credentials_new,
    .env = {RELATIVE_ENV, "AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://localhost/not-asked"},
    .steps = {{.asked = RELATIVE_ASKED, .unsent = "Authorization", .status = 200, .body = CONTAINER_KEYS}},
    .id = "ASIAJSON",
    .token = "hush-token",
    .expires_ms = NINE_MS,
};

static void a_container_has_keys_at_its_endpoint(void **state)
{
    (void)state;
    static const char *const urls[] = {
        "https://anywhere.example/hush",
        "http://localhost:1/a?b=c",
        "http://127.0.0.1/",
        "http://127.9.9.9:80",
        "http://[::1]/a",
        "http://169.254.170.2/a",
        "http://169.254.170.23/v1/credentials",
        "http://[fd00:ec2::23]/a",
    };
    run(&container_keys);
    for (size_t i = 0; i < COUNT(urls); i++) {
        char asked[128];
        struct trial trial = container_keys;
        const char *const env[ENV_MAX] = {"AWS_CONTAINER_CREDENTIALS_FULL_URI", urls[i], "AWS_CONTAINER_AUTHORIZATION_TOKEN",
                                          "Basic hush"};
        (void)snprintf(asked, sizeof asked, "GET %s", urls[i]);
        memcpy(trial.env, env, sizeof env);
        trial.steps[0] =
            (struct step){.asked = asked, .sent = {"Authorization: Basic hush\n"}, .status = 200, .body = CONTAINER_KEYS};
        run(&trial);
    }
}

static void the_containers_token_file_goes_before_its_variable(void **state)
{
    (void)state;
    struct trial trial = container_keys;
    const char *const env[ENV_MAX] = {RELATIVE_ENV, "AWS_CONTAINER_AUTHORIZATION_TOKEN", "hush-not-sent",
                                      "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "^/file"};
    memcpy(trial.env, env, sizeof env);
    trial.file = "hush-of-file\n";
    trial.steps[0].sent[0] = "Authorization: hush-of-file\n";
    trial.steps[0].unsent = "not-sent";
    run(&trial);
    trial.steps[0] = (struct step){.asked = NULL};
    trial.expected = OPS_INVALID_FIELD;
    trial.word = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";
    trial.file = "hush\nX-Evil: y";
    run(&trial);
    trial.word = "/file";
    trial.file = NULL;
    run(&trial);
}

static void keys_are_not_fetched_in_clear_from_anywhere(void **state)
{
    (void)state;
    static const char *const urls[] = {
        "http://example.com/hush",
        "http://169.254.170.3/",
        "http://169.254.169.254/",
        "http://128.0.0.1/",
        "http://127.1/",
        "http://[::2]/",
        "http://[fd00:ec2::24]/",
        "http://localhost.evil/",
        "ftp://localhost/",
        "localhost",
        "http://evil@localhost/",
        "http://localhost@evil/",
        "http://localhost:80@evil/",
        "http://0x7f000001/",
    };
    for (size_t i = 0; i < COUNT(urls); i++)
        run(&(struct trial){.make = ops_aws_container_credentials_new,
                            .env = {"AWS_CONTAINER_CREDENTIALS_FULL_URI", urls[i]},
                            .expected = OPS_INVALID_FIELD,
                            .word = "AWS_CONTAINER_CREDENTIALS_FULL_URI"});
    /* The relative URI can't change the host. */
    static const char *const paths[] = {"hush", "@evil/", ".evil/", ":80@evil/", ":8080/hush"};
    for (size_t i = 0; i < COUNT(paths); i++)
        run(&(struct trial){.make = ops_aws_container_credentials_new,
                            .env = {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", paths[i]},
                            .expected = OPS_INVALID_FIELD,
                            .word = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"});
}

static const struct answer_case container_cases[] = {
    {{{.asked = RELATIVE_ASKED, .status = 403, .body = "hush"}}, OPS_STORE_UNAVAILABLE, "HTTP status 403"},
    {{{.asked = RELATIVE_ASKED, .status = 500}, {.asked = RELATIVE_ASKED, .status = 200, .body = CONTAINER_KEYS}},
     OPS_OK,
     NULL},
    {{{.asked = RELATIVE_ASKED, .result = OPS_UNREACHABLE}, {.asked = RELATIVE_ASKED, .result = OPS_UNREACHABLE}},
     OPS_STORE_UNAVAILABLE,
     "can't be reached"},
    {{{.asked = RELATIVE_ASKED, .result = OPS_UNREACHABLE}, {.asked = RELATIVE_ASKED, .result = OPS_UNKNOWN}},
     OPS_STORE_UNAVAILABLE,
     "does not answer in time"},
    {{{.asked = RELATIVE_ASKED, .result = OPS_LIMIT}}, OPS_STORE_UNAVAILABLE, "too large"},
    {{{.asked = RELATIVE_ASKED, .status = 200, .body = "hush"}}, OPS_STORE_UNAVAILABLE, "no JSON object"},
    {{{.asked = RELATIVE_ASKED, .status = 200, .body = "{\"hush\": \"hush\"}"}}, OPS_STORE_UNAVAILABLE, "lacks AccessKeyId"},
};

static void what_the_container_endpoint_answers_is_keys_or_a_reason(void **state)
{
    (void)state;
    run(&(struct trial){.make = ops_aws_container_credentials_new,
                        .env = {"AWS_CONTAINER_AUTHORIZATION_TOKEN", "hush"},
                        .expected = OPS_NOT_FOUND});
    for (size_t i = 0; i < COUNT(container_cases); i++) {
        struct trial trial = container_keys;
        memset(trial.steps, 0, sizeof trial.steps);
        memcpy(trial.steps, container_cases[i].steps, sizeof container_cases[i].steps);
        trial.expected = container_cases[i].expected;
        trial.word = container_cases[i].word;
        run(&trial);
    }
}

/* The instance metadata service. */

#define IMDS "http://169.254.169.254/latest/"
#define IMDS_TOKEN                                                                                                          \
    {                                                                                                                       \
        .asked = "PUT " IMDS "api/token", .sent = {"X-aws-ec2-metadata-token-ttl-seconds: 21600\n"}, .status = 200,         \
        .body = "hush-session"                                                                                              \
    }
#define IMDS_ASKED(path) .asked = "GET " IMDS path, .sent = {"X-aws-ec2-metadata-token: hush-session\n"}
#define IMDS_ROLES "meta-data/iam/security-credentials/"
#define IMDS_ROLE                                                                                                           \
    {                                                                                                                       \
        IMDS_ASKED(IMDS_ROLES), .status = 200, .body = "my-role_1\n"                                                        \
    }
#define IMDS_KEYS "{\"Code\": \"Success\", \"Type\": \"AWS-HMAC\", " JSON_KEYS("Token")

static const struct trial imds_keys = {
    .make = ops_aws_imds_credentials_new,
    .steps = {IMDS_TOKEN, IMDS_ROLE, {IMDS_ASKED(IMDS_ROLES "my-role_1"), .status = 200, .body = IMDS_KEYS}},
    .id = "ASIAJSON",
    .token = "hush-token",
    .expires_ms = NINE_MS,
};

static void an_instance_has_the_keys_of_its_role(void **state)
{
    (void)state;
    const struct trial other = {
        .make = ops_aws_imds_credentials_new,
        .env = {"AWS_EC2_METADATA_DISABLED", "false", "AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1338/"},
        .steps = {{.asked = "PUT http://127.0.0.1:1338/latest/api/token", .status = 404}},
        .expected = OPS_NOT_FOUND,
    };
    const struct trial six = {
        .make = ops_aws_imds_credentials_new,
        .config = "[default]\nec2_metadata_service_endpoint_mode = IPv6\n",
        .steps = {{.asked = "PUT http://[fd00:ec2::254]/latest/api/token", .status = 404}},
        .expected = OPS_NOT_FOUND,
    };
    run(&imds_keys);
    run(&other);
    run(&six);
}

struct imds_case {
    struct step steps[4];
    enum ops_status expected;
    const char *word;
};

static const struct imds_case imds_cases[] = {
    {{{.asked = "PUT " IMDS "api/token", .result = OPS_UNREACHABLE},
      {.asked = "PUT " IMDS "api/token", .result = OPS_UNKNOWN}},
     OPS_NOT_FOUND,
     "does not answer"},
    {{{.asked = "PUT " IMDS "api/token", .status = 405}}, OPS_NOT_FOUND, "405"},
    {{{.asked = "PUT " IMDS "api/token", .status = 200, .body = "a hush page"}}, OPS_NOT_FOUND, "no session"},
    {{{.asked = "PUT " IMDS "api/token", .status = 503}, {.asked = "PUT " IMDS "api/token", .status = 503}},
     OPS_STORE_UNAVAILABLE,
     "503"},
    {{IMDS_TOKEN, {IMDS_ASKED(IMDS_ROLES), .status = 404}}, OPS_NOT_FOUND, "no role"},
    {{IMDS_TOKEN, {IMDS_ASKED(IMDS_ROLES), .status = 401}}, OPS_STORE_UNAVAILABLE, "401"},
    {{IMDS_TOKEN, {IMDS_ASKED(IMDS_ROLES), .status = 200, .body = "../evil?"}}, OPS_STORE_UNAVAILABLE, "can't be read"},
    {{IMDS_TOKEN, {IMDS_ASKED(IMDS_ROLES), .status = 200}}, OPS_STORE_UNAVAILABLE, "can't be read"},
    {{IMDS_TOKEN, {IMDS_ASKED(IMDS_ROLES), .result = OPS_UNKNOWN}, {IMDS_ASKED(IMDS_ROLES), .result = OPS_UNKNOWN}},
     OPS_STORE_UNAVAILABLE,
     "in time"},
    {{IMDS_TOKEN, IMDS_ROLE, {IMDS_ASKED(IMDS_ROLES "my-role_1"), .status = 404}}, OPS_STORE_UNAVAILABLE, "404"},
    {{IMDS_TOKEN, IMDS_ROLE, {IMDS_ASKED(IMDS_ROLES "my-role_1"), .status = 200, .body = "{\"Code\": \"hush\"}"}},
     OPS_STORE_UNAVAILABLE,
     "not Success"},
};

static void what_is_no_instance_or_has_no_role_is_not_found(void **state)
{
    (void)state;
    run(&(struct trial){.make = ops_aws_imds_credentials_new,
                        .env = {"AWS_EC2_METADATA_DISABLED", "True"},
                        .expected = OPS_NOT_FOUND,
                        .word = "AWS_EC2_METADATA_DISABLED"});
    run(&(struct trial){.make = ops_aws_imds_credentials_new,
                        .env = {"AWS_EC2_METADATA_SERVICE_ENDPOINT", "hush"},
                        .expected = OPS_INVALID_FIELD,
                        .word = "AWS_EC2_METADATA_SERVICE_ENDPOINT"});
    for (size_t i = 0; i < COUNT(imds_cases); i++) {
        struct trial trial = {
            .make = ops_aws_imds_credentials_new, .expected = imds_cases[i].expected, .word = imds_cases[i].word};
        memcpy(trial.steps, imds_cases[i].steps, sizeof imds_cases[i].steps);
        run(&trial);
    }
}

static void expect_region(const struct trial *trial, enum ops_status expected, const char *region)
{
    struct world *world = test_calloc(1, sizeof *world);
    struct ops_error error = OPS_ERROR_INIT;
    char found[OPS_AWS_REGION_SIZE] = "untouched";
    world_init(world, trial);
    assert_int_equal(ops_aws_imds_region(&world->context, found, &error), expected);
    assert_string_equal(found, region);
    check_error(expected, &error, NULL);
    ops_error_release(&error);
    world_release(world);
    test_free(world);
}

static void an_instance_knows_its_region(void **state)
{
    (void)state;
    const struct trial good = {
        .steps = {IMDS_TOKEN, {IMDS_ASKED("meta-data/placement/region"), .status = 200, .body = "eu-north-1"}}};
    const struct trial odd = {
        .steps = {IMDS_TOKEN, {IMDS_ASKED("meta-data/placement/region"), .status = 200, .body = "evil.example/"}}};
    const struct trial old = {.steps = {IMDS_TOKEN, {IMDS_ASKED("meta-data/placement/region"), .status = 404}}};
    const struct trial none = {.env = {"AWS_EC2_METADATA_DISABLED", "true"}};
    expect_region(&good, OPS_OK, "eu-north-1");
    expect_region(&odd, OPS_STORE_UNAVAILABLE, "untouched");
    expect_region(&old, OPS_NOT_FOUND, "untouched");
    expect_region(&none, OPS_NOT_FOUND, "untouched");
}

/* The chain. */

#define ENV_KEYS "AWS_ACCESS_KEY_ID", "AKIAENV", "AWS_SECRET_ACCESS_KEY", "hush-secret"
#define NO_IMDS "AWS_EC2_METADATA_DISABLED", "true"

static void the_first_source_that_is_configured_decides(void **state)
{
    (void)state;
    const struct step sts = {.asked = STS_ASKED, .status = 200, .body = STS_GOOD};
    const struct step container = {.asked = RELATIVE_ASKED, .status = 200, .body = CONTAINER_KEYS};
    static const char profile[] = "[default]\n" STATIC_KEYS("AKIAFILE");
    const struct trial trials[] = {
        {.env = {ENV_KEYS, WEB_ENV, RELATIVE_ENV}, .credentials = profile, .id = "AKIAENV"},
        {.env = {WEB_ENV, RELATIVE_ENV},
         .file = "hush",
         .credentials = profile,
         .steps = {sts},
         .id = "ASIASTS",
         .token = "hush-token",
         .expires_ms = NINE_MS},
        {.env = {RELATIVE_ENV}, .credentials = profile, .id = "AKIAFILE", .secret = "hush-source"},
        {.env = {RELATIVE_ENV}, .steps = {container}, .id = "ASIAJSON", .token = "hush-token", .expires_ms = NINE_MS},
        /* A profile by flag goes before the environment, one by variable does not. */
        {.env = {ENV_KEYS}, .profile = "default", .credentials = profile, .id = "AKIAFILE", .secret = "hush-source"},
        {.env = {ENV_KEYS, "AWS_PROFILE", "default"}, .credentials = profile, .id = "AKIAENV"},
        {.env = {ENV_KEYS}, .profile = "default", .config = "[default]\nregion = x\n", .id = "AKIAENV"},
        /* What is configured wrongly, or fails, is not passed over. */
        {.env = {"AWS_ACCESS_KEY_ID", "AKIAENV", RELATIVE_ENV},
         .credentials = profile,
         .expected = OPS_INVALID_FIELD,
         .word = "AWS_SECRET_ACCESS_KEY"},
        {.env = {RELATIVE_ENV},
         .steps = {{.asked = RELATIVE_ASKED, .status = 403}},
         .expected = OPS_STORE_UNAVAILABLE,
         .word = "403"},
    };
    for (size_t i = 0; i < COUNT(trials); i++) {
        struct trial trial = trials[i];
        trial.make = ops_aws_chain_credentials_new;
        run(&trial);
    }
    struct trial instance = imds_keys;
    instance.make = ops_aws_chain_credentials_new;
    run(&instance);
}

static void with_nothing_configured_the_sentence_says_what_to_do(void **state)
{
    (void)state;
    static const char *const words[] = {"environment",
                                        "web identity",
                                        "profile 'default'",
                                        "container",
                                        "instance role",
                                        "AWS_EC2_METADATA_DISABLED is true.",
                                        "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"};
    for (size_t i = 0; i < COUNT(words); i++)
        run(&(struct trial){
            .make = ops_aws_chain_credentials_new, .env = {NO_IMDS}, .expected = OPS_NOT_FOUND, .word = words[i]});
}

static void without_memory_no_source_gives_half_a_key(void **state)
{
    (void)state;
    const struct trial *const trials[] = {&env_keys, &web_keys, &role_keys, &process_keys, &container_keys, &imds_keys};
    for (size_t i = 0; i < COUNT(trials); i++) {
        struct trial trial = *trials[i];
        sweep(&trial);
        trial.make = ops_aws_chain_credentials_new;
        sweep(&trial);
    }
    struct trial token = container_keys;
    const char *const env[ENV_MAX] = {RELATIVE_ENV, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "^/file"};
    memcpy(token.env, env, sizeof env);
    token.file = "hush";
    token.steps[0].unsent = NULL;
    sweep(&token);
}

/* An allocator that looks for secrets in what is given back. */

static atomic_size_t unwiped_count;

static void *scan_alloc(size_t size_bytes)
{
    return calloc(1, size_bytes);
}

static void scan_release(void *block)
{
    if (block && memmem(block, malloc_usable_size(block), "hush", 4))
        (void)atomic_fetch_add(&unwiped_count, 1);
    free(block);
}

static void *scan_resize(void *block, size_t size_bytes)
{
    void *resized = scan_alloc(size_bytes);
    if (resized && block) {
        size_t old_bytes = malloc_usable_size(block);
        memcpy(resized, block, old_bytes < size_bytes ? old_bytes : size_bytes);
        scan_release(block);
    }
    return resized;
}

static const struct ops_mem_functions scan_functions = {scan_alloc, scan_resize, scan_release};

static size_t unwiped_after(const struct trial *trial)
{
    static struct world world;
    struct ops_aws_credentials *inner = NULL, *cached = NULL;
    struct ops_aws_keys keys;
    ops_mem_use(&scan_functions);
    atomic_store(&unwiped_count, 0);
    world_init(&world, trial);
    assert_int_equal(ops_aws_chain_credentials_new(&world.context, &inner), OPS_OK);
    assert_int_equal(ops_aws_cached_credentials_new(inner, world.context.clock, &cached), OPS_OK);
    assert_int_equal(ops_aws_credentials_fetch(cached, &keys, NULL), trial->expected);
    ops_aws_credentials_release(cached);
    world_release(&world);
    ops_mem_use(NULL);
    return atomic_load(&unwiped_count);
}

/* But for what libraries keep for themselves: jansson's lexer, which reads the answers of processes and metadata services,
 * and expat, which has memory of its own. */
static void no_secret_is_left_in_memory_that_was_given_back(void **state)
{
    (void)state;
    struct trial refused_role = role_keys, refused_token = web_keys, refused_container = container_keys;
    refused_role.steps[0] = (struct step){.asked = STS_ASKED, .status = 403, .body = STS_ERROR("AccessDenied")};
    refused_token.steps[0] = refused_role.steps[0];
    refused_container.steps[0] = (struct step){.asked = RELATIVE_ASKED, .status = 403, .body = "hush"};
    refused_role.expected = refused_token.expected = refused_container.expected = OPS_STORE_UNAVAILABLE;
    const struct trial file = {.credentials = "[default]\n" STATIC_KEYS("AKIAFILE") "nested =\n  a = hush\n  b = hush\n"};
    const struct trial broken = {.env = {ENV_KEYS},
                                 .credentials = "[other]\n" STATIC_KEYS("AKIAFILE") "more = hush\n hush\n"};
    const struct trial *const trials[] = {&env_keys,  &file,         &broken,        &web_keys,
                                          &role_keys, &refused_role, &refused_token, &refused_container};
    for (size_t i = 0; i < COUNT(trials); i++)
        assert_int_equal(unwiped_after(trials[i]), 0);
}

static void a_secret_that_is_left_would_be_found(void **state)
{
    (void)state;
    ops_mem_use(&scan_functions);
    atomic_store(&unwiped_count, 0);
    ops_mem_free(ops_mem_strdup("hush"));
    ops_mem_use(NULL);
    assert_int_equal(atomic_load(&unwiped_count), 1);
}

/* Kept keys. */

struct fake_source {
    struct ops_aws_credentials base;
    enum ops_status status;
    struct ops_aws_keys keys;
    atomic_int fetch_count;
    bool holds; /* a fetch says that it has begun, and waits until it may go on */
    sem_t begun;
    sem_t go_on;
    bool released;
};

static enum ops_status fake_fetch(struct ops_aws_credentials *self, struct ops_aws_keys *ret_keys, struct ops_error *error)
{
    struct fake_source *fake = (struct fake_source *)self;
    (void)atomic_fetch_add(&fake->fetch_count, 1);
    if (fake->holds) {
        (void)sem_post(&fake->begun);
        (void)sem_wait(&fake->go_on);
    }
    if (fake->status != OPS_OK)
        return ops_fail(error, fake->status, "The fake source is out of order.");
    *ret_keys = fake->keys;
    return OPS_OK;
}

static void fake_release(struct ops_aws_credentials *self)
{
    ((struct fake_source *)self)->released = true;
}

static const struct ops_aws_credentials_ops fake_source_ops = {.fetch = fake_fetch, .release = fake_release};

struct kept {
    struct fake_source source;
    struct ops_clock *clock;
    struct ops_aws_credentials *cached;
};

static struct kept kept;

static void give(const char *id, int64_t lifetime_ms)
{
    memset(&kept.source.keys, 0, sizeof kept.source.keys);
    (void)snprintf(kept.source.keys.access_key_id, OPS_AWS_KEY_ID_SIZE, "%s", id);
    (void)snprintf(kept.source.keys.secret_access_key, OPS_AWS_SECRET_SIZE, "hush-%s", id);
    kept.source.keys.expires_ms = lifetime_ms ? ops_clock_now_ms(kept.clock) + lifetime_ms : OPS_AWS_NEVER_EXPIRES;
    kept.source.status = OPS_OK;
}

static int keep(void **state)
{
    (void)state;
    memset(&kept, 0, sizeof kept);
    kept.source.base.ops = &fake_source_ops;
    (void)sem_init(&kept.source.begun, 0, 0);
    (void)sem_init(&kept.source.go_on, 0, 0);
    if (ops_memory_clock_new(NOW_MS, &kept.clock) != OPS_OK)
        return -1;
    give("FIRST", OPS_HOUR_MS);
    return ops_aws_cached_credentials_new(&kept.source.base, kept.clock, &kept.cached) == OPS_OK ? 0 : -1;
}

static int forget(void **state)
{
    (void)state;
    ops_aws_credentials_release(kept.cached);
    assert_true(kept.source.released);
    ops_memory_clock_free(kept.clock);
    (void)sem_destroy(&kept.source.begun);
    (void)sem_destroy(&kept.source.go_on);
    return 0;
}

/* A fetch gives this key, and the source has been asked so often by now. */
static void expect_key(const char *id, int fetch_count)
{
    struct ops_aws_keys keys;
    struct ops_error error = OPS_ERROR_INIT;
    assert_int_equal(ops_aws_credentials_fetch(kept.cached, &keys, &error), OPS_OK);
    assert_string_equal(keys.access_key_id, id);
    assert_string_equal(error.text, "");
    assert_int_equal(atomic_load(&kept.source.fetch_count), fetch_count);
}

static void expect_no_key(enum ops_status expected, const char *word, int fetch_count)
{
    struct ops_aws_keys keys = {.access_key_id = "untouched"};
    struct ops_error error = OPS_ERROR_INIT;
    assert_int_equal(ops_aws_credentials_fetch(kept.cached, &keys, &error), expected);
    assert_string_equal(keys.access_key_id, "untouched");
    check_error(expected, &error, word);
    ops_error_release(&error);
    assert_int_equal(atomic_load(&kept.source.fetch_count), fetch_count);
}

static void keys_are_kept_until_five_minutes_are_left(void **state)
{
    (void)state;
    expect_key("FIRST", 1);
    ops_memory_clock_advance(kept.clock, 55 * OPS_MINUTE_MS - 1);
    give("SECOND", OPS_HOUR_MS);
    expect_key("FIRST", 1);
    ops_memory_clock_advance(kept.clock, 1);
    expect_key("SECOND", 2);
    expect_key("SECOND", 2);
}

static void keys_that_never_end_are_fetched_once(void **state)
{
    (void)state;
    give("FOREVER", 0);
    expect_key("FOREVER", 1);
    ops_memory_clock_advance(kept.clock, 10000 * OPS_DAY_MS);
    expect_key("FOREVER", 1);
}

static void old_keys_are_used_while_the_source_is_out_of_order_and_they_count(void **state)
{
    (void)state;
    expect_key("FIRST", 1);
    ops_memory_clock_advance(kept.clock, 56 * OPS_MINUTE_MS);
    kept.source.status = OPS_STORE_UNAVAILABLE;
    expect_key("FIRST", 2);
    expect_key("FIRST", 2); /* it is left in peace for a while */
    ops_memory_clock_advance(kept.clock, 10 * OPS_SECOND_MS);
    expect_key("FIRST", 3);
    ops_memory_clock_advance(kept.clock, 4 * OPS_MINUTE_MS);
    expect_no_key(OPS_STORE_UNAVAILABLE, "out of order", 4);
    expect_no_key(OPS_STORE_UNAVAILABLE, "out of order", 5);
    give("SECOND", OPS_HOUR_MS);
    expect_key("SECOND", 6);
}

static void keys_with_a_short_life_do_not_wear_out_the_source(void **state)
{
    (void)state;
    give("SHORT", OPS_MINUTE_MS);
    expect_key("SHORT", 1);
    expect_key("SHORT", 1);
    ops_memory_clock_advance(kept.clock, 10 * OPS_SECOND_MS);
    expect_key("SHORT", 2);
}

static void keys_that_have_ended_already_are_none(void **state)
{
    (void)state;
    give("OLD", OPS_MINUTE_MS);
    ops_memory_clock_advance(kept.clock, OPS_MINUTE_MS);
    expect_no_key(OPS_STORE_UNAVAILABLE, "ended at 2026-11-24T03:41:00Z", 1);
}

static void rejected_keys_are_fetched_anew_unless_there_are_others_already(void **state)
{
    (void)state;
    struct ops_aws_keys first, second;
    assert_int_equal(ops_aws_credentials_fetch(kept.cached, &first, NULL), OPS_OK);
    ops_aws_cached_credentials_reject(kept.cached, &first);
    give("SECOND", OPS_HOUR_MS);
    assert_int_equal(ops_aws_credentials_fetch(kept.cached, &second, NULL), OPS_OK);
    assert_string_equal(second.access_key_id, "SECOND");
    ops_aws_cached_credentials_reject(kept.cached, &first);
    expect_key("SECOND", 2);
    ops_aws_cached_credentials_reject(kept.cached, &second);
    kept.source.status = OPS_NOT_FOUND;
    expect_no_key(OPS_NOT_FOUND, "out of order", 3);
}

static void without_memory_the_inner_source_is_released_too(void **state)
{
    (void)state;
    struct fake_source source = {.base.ops = &fake_source_ops};
    struct ops_aws_credentials *cached = NULL;
    alloc_fault_install(1);
    assert_int_equal(ops_aws_cached_credentials_new(&source.base, NULL, &cached), OPS_NO_MEMORY);
    assert_null(cached);
    assert_true(source.released);
    alloc_fault_remove();
}

static void *fetch_id(void *context)
{
    struct ops_aws_keys keys;
    (void)context;
    if (ops_aws_credentials_fetch(kept.cached, &keys, NULL) != OPS_OK)
        return NULL;
    return strdup(keys.access_key_id);
}

static void expect_fetched(pthread_t thread, const char *id)
{
    void *fetched = NULL;
    assert_int_equal(pthread_join(thread, &fetched), 0);
    if (id)
        assert_string_equal(fetched, id);
    else
        assert_null(fetched);
    free(fetched);
}

static void others_use_the_old_keys_while_one_thread_fetches(void **state)
{
    (void)state;
    pthread_t thread;
    expect_key("FIRST", 1);
    ops_memory_clock_advance(kept.clock, 56 * OPS_MINUTE_MS);
    give("SECOND", OPS_HOUR_MS);
    kept.source.holds = true;
    assert_int_equal(pthread_create(&thread, NULL, fetch_id, NULL), 0);
    (void)sem_wait(&kept.source.begun);
    expect_key("FIRST", 2); /* does not wait: nobody has let the fetch go on yet */
    (void)sem_post(&kept.source.go_on);
    expect_fetched(thread, "SECOND");
    expect_key("SECOND", 2);
}

enum { THREADS = 4, ROUNDS = 200 };

static void without_keys_all_wait_for_the_one_that_fetches(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    kept.source.holds = true;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, fetch_id, NULL), 0);
    (void)sem_wait(&kept.source.begun);
    (void)sem_post(&kept.source.go_on);
    for (int i = 0; i < THREADS; i++)
        expect_fetched(threads[i], "FIRST");
    assert_int_equal(atomic_load(&kept.source.fetch_count), 1);
}

static void a_fetch_that_fails_ends_the_waiting_of_all(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    kept.source.status = OPS_STORE_UNAVAILABLE;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, fetch_id, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        expect_fetched(threads[i], NULL);
    assert_in_range(atomic_load(&kept.source.fetch_count), 1, THREADS);
}

static void *use_and_reject(void *context)
{
    uintptr_t wrong = 0;
    (void)context;
    for (int i = 0; i < ROUNDS; i++) {
        struct ops_aws_keys keys;
        wrong += ops_aws_credentials_fetch(kept.cached, &keys, NULL) != OPS_OK || strcmp(keys.access_key_id, "FIRST") != 0;
        if (i % 3 == 0)
            ops_aws_cached_credentials_reject(kept.cached, &keys);
        ops_memory_clock_advance(kept.clock, OPS_SECOND_MS);
    }
    return (void *)wrong;
}

static void keys_are_fetched_and_rejected_by_many_threads(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    give("FIRST", OPS_DAY_MS);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use_and_reject, NULL), 0);
    for (int i = 0; i < THREADS; i++) {
        void *wrong = NULL;
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
}

static void wiped_keys_are_gone(void **state)
{
    (void)state;
    struct ops_aws_keys keys, zero;
    memset(&keys, 'x', sizeof keys);
    memset(&zero, 0, sizeof zero);
    ops_aws_keys_wipe(&keys);
    assert_memory_equal(&keys, &zero, sizeof keys);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define KEPT_CASE(name) cmocka_unit_test_setup_teardown(name, keep, forget)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(keys_of_the_environment_are_taken_together),
        CASE(half_a_key_or_one_that_was_copied_badly_is_told_by_its_variable),
        CASE(a_web_identity_token_is_changed_for_keys_without_a_signature),
        CASE(a_web_identity_that_is_configured_by_half_is_told),
        CASE(the_token_file_is_read_anew_at_every_fetch),
        CASE(what_sts_answers_is_keys_or_a_reason_without_what_was_sent),
        CASE(keys_of_a_profile_come_from_one_file),
        CASE(a_role_is_assumed_with_the_keys_of_its_source_profile),
        CASE(roles_may_lead_to_roles),
        CASE(a_profile_that_leads_nowhere_is_told_by_its_name),
        CASE(a_chain_of_five_profiles_is_not_too_long),
        CASE(a_process_gives_keys_that_may_last),
        CASE(a_process_that_gives_no_keys_is_not_quoted),
        CASE(a_process_that_fails_is_run_once_and_then_left_in_peace),
        CASE(a_process_that_gives_keys_that_have_ended_has_failed),
        CASE(a_process_that_never_ends_is_ended),
        CASE(a_container_has_keys_at_its_endpoint),
        CASE(the_containers_token_file_goes_before_its_variable),
        CASE(keys_are_not_fetched_in_clear_from_anywhere),
        CASE(what_the_container_endpoint_answers_is_keys_or_a_reason),
        CASE(an_instance_has_the_keys_of_its_role),
        CASE(what_is_no_instance_or_has_no_role_is_not_found),
        CASE(an_instance_knows_its_region),
        CASE(the_first_source_that_is_configured_decides),
        CASE(with_nothing_configured_the_sentence_says_what_to_do),
        CASE(without_memory_no_source_gives_half_a_key),
        CASE(no_secret_is_left_in_memory_that_was_given_back),
        CASE(a_secret_that_is_left_would_be_found),
        KEPT_CASE(keys_are_kept_until_five_minutes_are_left),
        KEPT_CASE(keys_that_never_end_are_fetched_once),
        KEPT_CASE(old_keys_are_used_while_the_source_is_out_of_order_and_they_count),
        KEPT_CASE(keys_with_a_short_life_do_not_wear_out_the_source),
        KEPT_CASE(keys_that_have_ended_already_are_none),
        KEPT_CASE(rejected_keys_are_fetched_anew_unless_there_are_others_already),
        cmocka_unit_test(without_memory_the_inner_source_is_released_too),
        KEPT_CASE(others_use_the_old_keys_while_one_thread_fetches),
        KEPT_CASE(without_keys_all_wait_for_the_one_that_fetches),
        KEPT_CASE(a_fetch_that_fails_ends_the_waiting_of_all),
        KEPT_CASE(keys_are_fetched_and_rejected_by_many_threads),
        cmocka_unit_test(wiped_keys_are_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
