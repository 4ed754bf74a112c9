#include "cli/fake.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void replace(char **place, const char *text)
{
    free(*place);
    *place = text ? strdup(text) : NULL;
}

static enum ops_status fake_exchange(struct ops_http_client *self, const struct ops_http_request *request,
                                     struct ops_http_response *ret_response, struct ops_error *error)
{
    struct fake *fake = (struct fake *)((char *)self - offsetof(struct fake, http));
    char headers[1024] = "";
    for (size_t i = 0; i < request->header_count; i++)
        snprintf(headers + strlen(headers), sizeof headers - strlen(headers), "%s: %s\n", request->headers[i].name,
                 request->headers[i].value);
    free(fake->body);
    fake->body = request->body.data ? strndup(request->body.data, request->body.length) : NULL;
    replace(&fake->method, request->method);
    replace(&fake->url, request->url);
    replace(&fake->socket_path, request->socket_path);
    replace(&fake->headers, headers);
    assert_true(fake->answer_count > 0);
    size_t index = fake->exchange_count < fake->answer_count ? fake->exchange_count : fake->answer_count - 1;
    fake->exchange_count++;
    const struct fake_answer *answer = &fake->answers[index];
    if (answer->status != OPS_OK)
        return ops_fail(error, answer->status, "Connection refused.");
    ret_response->status = answer->http_status;
    ops_buf_append_text(&ret_response->body, answer->body);
    return ops_buf_status(&ret_response->body);
}

static const struct ops_http_client_ops http_ops = {.exchange = fake_exchange};

static void fake_fill(struct ops_random *self, uint8_t *bytes, size_t count)
{
    (void)self;
    memset(bytes, 0x5a, count);
}

static const struct ops_random_ops random_ops = {.fill = fake_fill};

/* A serve on whatever data directory, which has nothing to prove. */
static enum ops_status fake_find(const char *data_dir, struct ops_instance *ret_instance, struct ops_error *error)
{
    (void)error;
    *ret_instance = (struct ops_instance){.http = "http://127.0.0.1:8080", .engine = "local", .pid = 4711};
    snprintf(ret_instance->invoke, sizeof ret_instance->invoke, "unix:%s/invoke.sock", data_dir);
    return OPS_OK;
}

static struct fake *of_terminal(struct ops_terminal *self)
{
    return (struct fake *)((char *)self - offsetof(struct fake, terminal));
}

static bool fake_is_terminal(struct ops_terminal *self, enum ops_stream stream)
{
    struct fake *fake = of_terminal(self);
    return stream == OPS_STREAM_IN ? fake->in_terminal : stream == OPS_STREAM_OUT ? fake->out_terminal : fake->err_terminal;
}

static int fake_columns(struct ops_terminal *self, enum ops_stream stream)
{
    (void)stream;
    return of_terminal(self)->columns;
}

static enum ops_status fake_ask(struct ops_terminal *self, const char *prompt, bool echo, char *answer, size_t size,
                                struct ops_error *error)
{
    struct fake *fake = of_terminal(self);
    if (!fake->typed[0])
        return ops_fail(error, OPS_UNREACHABLE, "no terminal");
    snprintf(fake->prompts + strlen(fake->prompts), sizeof fake->prompts - strlen(fake->prompts), "%s%s\n", prompt,
             echo ? "" : "(no echo)");
    const char *typed = fake->typed[fake->asked_count++];
    if (!typed)
        return OPS_IO_ERROR;
    snprintf(answer, size, "%s", typed);
    return OPS_OK;
}

static void fake_hold(struct ops_terminal *self, bool hold)
{
    of_terminal(self)->held = hold;
}

static bool fake_pause(struct ops_terminal *self, int64_t wait_ms)
{
    struct fake *fake = of_terminal(self);
    assert_true(fake->held);
    fake->passed_ms += wait_ms;
    if (fake->pauses_until_narrow > 0 && --fake->pauses_until_narrow == 0)
        fake->columns = fake->narrow_columns;
    return fake->pauses_until_interrupt == 0 || --fake->pauses_until_interrupt > 0;
}

static const struct ops_terminal_ops terminal_ops = {
    .is_terminal = fake_is_terminal,
    .columns = fake_columns,
    .ask = fake_ask,
    .hold_interrupts = fake_hold,
    .pause = fake_pause,
};

static int64_t fake_now(struct ops_clock *self)
{
    return FAKE_NOW_MS + ((struct fake *)((char *)self - offsetof(struct fake, clock)))->passed_ms;
}

static int64_t fake_monotonic(struct ops_clock *self)
{
    return 1000 + ((struct fake *)((char *)self - offsetof(struct fake, clock)))->passed_ms;
}

static const struct ops_clock_ops clock_ops = {
    .now_ms = fake_now, .monotonic_ms = fake_monotonic, .boot_ms = fake_monotonic};

void fake_init(struct fake *fake)
{
    static const struct ops_build build = {.major = 0, .minor = 1, .id = "Mon-1763955000"};
    static struct ops_random random = {&random_ops};
    static const char *const variables[] = {"G3NOPS_SECRET_CODE", "G3NOPS_SESSION_GUID", "G3NOPS_DATA", "G3NOPS_MANIFEST",
                                            "G3NOPS_ENDPOINT",    "G3NOPS_ENGINE",       "NO_COLOR",    "COLUMNS"};
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++)
        unsetenv(variables[i]);
    setenv("TERM", "xterm", 1);
    setenv("TZ", "UTC", 1);
    *fake = (struct fake){.http = {&http_ops}, .terminal = {&terminal_ops}, .clock = {&clock_ops}, .columns = 80};
    fake->host = (struct ops_cli_host){.http = &fake->http,
                                       .find_instance = fake_find,
                                       .random = &random,
                                       .clock = &fake->clock,
                                       .terminal = &fake->terminal,
                                       .build = &build,
                                       .login_name = "ops-user",
                                       .in = stdin};
}

void fake_release(struct fake *fake)
{
    free(fake->method);
    free(fake->url);
    free(fake->socket_path);
    free(fake->body);
    free(fake->headers);
    free(fake->out);
    free(fake->err);
}

void fake_answer(struct fake *fake, enum ops_status status, int http_status, const char *body)
{
    assert_true(fake->answer_count < FAKE_ANSWERS_MAX);
    fake->answers[fake->answer_count++] = (struct fake_answer){status, http_status, body};
}

int fake_run(struct fake *fake, const char *line)
{
    char *argv[FAKE_WORDS_MAX + 1] = {strdup("g3nops")};
    int argc = 1;
    char *copy = strdup(line), *rest = copy, *word;
    while ((word = strsep(&rest, " ")) != NULL) {
        for (char *c = word; *c; c++)
            *c = *c == '~' ? ' ' : *c;
        if (*word)
            argv[argc++] = strdup(word);
    }
    free(copy);
    free(fake->out);
    free(fake->err);
    size_t size;
    fake->host.out = open_memstream(&fake->out, &size);
    fake->host.err = open_memstream(&fake->err, &size);
    int code = ops_cli_run(&fake->host, argc, argv);
    fclose(fake->host.out);
    fclose(fake->host.err);
    fake->words[0] = '\0';
    for (int i = 0; i < argc; i++) {
        snprintf(fake->words + strlen(fake->words), sizeof fake->words - strlen(fake->words), "%s ", argv[i]);
        free(argv[i]);
    }
    assert_lacks(fake->out, FAKE_SECRET);
    assert_lacks(fake->err, FAKE_SECRET);
    assert_lacks(fake->words, FAKE_SECRET);
    assert_false(fake->held);
    return code;
}

void assert_has(const char *text, const char *wanted)
{
    if (!strstr(text, wanted))
        fail_msg("'%s' is not in:\n%s", wanted, text);
}

void assert_lacks(const char *text, const char *unwanted)
{
    if (strstr(text, unwanted))
        fail_msg("'%s' should not be in:\n%s", unwanted, text);
}
