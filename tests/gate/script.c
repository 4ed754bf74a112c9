#include "gate/script.h"

#include "support/cmocka_all.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { LOOK_MS = 2 };

void script_pause_ms(long wait_ms)
{
    const struct timespec wait = {wait_ms / 1000, wait_ms % 1000 * 1000000};
    (void)nanosleep(&wait, NULL);
}

int64_t script_now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int script_ask(void *context, unsigned timeout_ms, char *window, size_t size)
{
    struct script *script = context;
    (void)timeout_ms;
    atomic_fetch_add(&script->begun_count, 1);
    while (atomic_load(&script->hangs))
        script_pause_ms(LOOK_MS);
    const char *text = atomic_load(&script->window);
    if (text)
        (void)snprintf(window, size, "%s", text);
    int answer = atomic_load(&script->answer);
    atomic_fetch_add(&script->ended_count, 1);
    return answer;
}

opsgate *script_open(struct script *script, const opsgate_config *config)
{
    opsgate_config used = OPSGATE_CONFIG_INIT;
    char why[OPSGATE_ERROR_SIZE];
    opsgate *gate = NULL;
    if (config)
        used = *config;
    used.ask = script_ask;
    used.ask_context = script;
    if (opsgate_open(&used, &gate, why) != OPSGATE_OK)
        fail_msg("%s", why);
    assert_string_equal(why, "");
    return gate;
}

bool script_wait_ended(struct script *script, unsigned count)
{
    int64_t until_ms = script_now_ms() + SCRIPT_DEADLINE_MS;
    while (atomic_load(&script->ended_count) < count && script_now_ms() < until_ms)
        script_pause_ms(LOOK_MS);
    return atomic_load(&script->ended_count) >= count;
}

bool script_wait_check(opsgate *gate, int wanted)
{
    int64_t until_ms = script_now_ms() + SCRIPT_DEADLINE_MS;
    while (opsgate_check(gate) != wanted) {
        if (script_now_ms() >= until_ms)
            return false;
        script_pause_ms(LOOK_MS);
    }
    return true;
}

const char *script_header(const opsgate_response *response, const char *name)
{
    for (size_t i = 0; i < response->header_count; i++)
        if (strcmp(response->headers[i].name, name) == 0)
            return response->headers[i].value;
    return NULL;
}
