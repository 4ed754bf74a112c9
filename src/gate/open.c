#include "gate/gate.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/wait.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- What a configuration may say ---- */

struct limit_row {
    const char *name;
    size_t offset;
    unsigned least;
    unsigned most;
};

static const struct limit_row limit_rows[] = {
    {"refresh_ms", offsetof(opsgate_config, refresh_ms), 1000, 15000},
    {"timeout_ms", offsetof(opsgate_config, timeout_ms), 100, 9000},
    {"first_wait_ms", offsetof(opsgate_config, first_wait_ms), 0, 10000},
};

static opsgate_status refuse(char *why, opsgate_status status, const char *sentence)
{
    (void)snprintf(why, OPSGATE_ERROR_SIZE, "%s", sentence);
    return status;
}

static opsgate_status check_limits(const opsgate_config *config, char *why)
{
    for (size_t i = 0; i < sizeof limit_rows / sizeof limit_rows[0]; i++) {
        const struct limit_row *row = &limit_rows[i];
        unsigned value = *(const unsigned *)(const void *)((const char *)config + row->offset);
        if (value >= row->least && value <= row->most)
            continue;
        (void)snprintf(why, OPSGATE_ERROR_SIZE, "%s is %u; it must be %u to %u.", row->name, value, row->least, row->most);
        return OPSGATE_BAD_CONFIG;
    }
    return OPSGATE_OK;
}

/* An answer is overdue when the next one should be there: it is asked for a refresh after the question before, or when that
 * is over, and takes a timeout at most. */
static int64_t overdue_ms(const opsgate_config *config)
{
    unsigned pause_ms = config->refresh_ms > config->timeout_ms ? config->refresh_ms : config->timeout_ms;
    return (int64_t)pause_ms + config->timeout_ms + OPS_GATE_ANSWER_AGE_MAX_NS / OPS_GATE_MS;
}

/* What is overdue must still count: else a source that answers each question would leave the gate without knowledge between
 * them, and a window unseen for longer than 20 s. */
static opsgate_status check_promise(const opsgate_config *config, char *why)
{
    if (overdue_ms(config) <= OPS_GATE_KNOWLEDGE_MAX_NS / OPS_GATE_MS)
        return OPSGATE_OK;
    (void)snprintf(why, OPSGATE_ERROR_SIZE, "refresh_ms and timeout_ms are %u and %u; together they may be %d.",
                   config->refresh_ms, config->timeout_ms,
                   (int)((OPS_GATE_KNOWLEDGE_MAX_NS - OPS_GATE_ANSWER_AGE_MAX_NS) / OPS_GATE_MS));
    return OPSGATE_BAD_CONFIG;
}

/* Another would never let a request pass. */
static opsgate_status check_health_paths(const opsgate_config *config, char *why)
{
    for (const char *const *path = config->health_paths; path && *path; path++) {
        if ((*path)[0] == '/' && !strpbrk(*path, "?#"))
            continue;
        (void)snprintf(why, OPSGATE_ERROR_SIZE, "health_paths: \"%.100s\" must begin with a slash and have no query.",
                       *path);
        return OPSGATE_BAD_CONFIG;
    }
    return OPSGATE_OK;
}

static opsgate_status check_members(const opsgate_config *config, char *why)
{
    if (!config || config->size != sizeof *config)
        return refuse(why, OPSGATE_BAD_CONFIG, "size is not this version's; begin with OPSGATE_CONFIG_INIT.");
    if (!config->source == !config->ask)
        return refuse(why, OPSGATE_BAD_CONFIG, "One of source and ask must be given, and not both.");
    if (config->service && !ops_json_is_plain(ops_view_of(config->service)))
        return refuse(why, OPSGATE_BAD_CONFIG, "service must be printable ASCII, without quotes and backslashes.");
    return check_health_paths(config, why);
}

/* A source that is named wrongly is told now. Opening it may take time, or may work only later: that is the thread's. */
static opsgate_status check_source(const opsgate_config *config, const struct ops_gate_sources *sources, char *why)
{
    struct ops_error error = OPS_ERROR_INIT;
    enum ops_status status = config->ask ? OPS_OK : sources->open(config->source, NULL, &error);
    if (status != OPS_OK)
        (void)snprintf(why, OPSGATE_ERROR_SIZE, "%s", ops_error_text(&error, status));
    ops_error_release(&error);
    return status == OPS_OK ? OPSGATE_OK : OPSGATE_BAD_CONFIG;
}

opsgate_status ops_gate_config_check(const opsgate_config *config, const struct ops_gate_sources *sources,
                                     char why[OPSGATE_ERROR_SIZE])
{
    char unused[OPSGATE_ERROR_SIZE];
    why = why ? why : unused;
    why[0] = '\0';
    opsgate_status status = check_members(config, why);
    if (status == OPSGATE_OK)
        status = check_limits(config, why);
    if (status == OPSGATE_OK)
        status = check_promise(config, why);
    return status == OPSGATE_OK ? check_source(config, sources, why) : status;
}

/* ---- Making ---- */

static size_t count_paths(const char *const *paths)
{
    size_t count = 0;
    while (paths && paths[count])
        count++;
    return count;
}

/* An empty list stays NULL. */
static bool copy_paths(struct opsgate *gate, const char *const *paths)
{
    size_t count = count_paths(paths);
    if (count == 0)
        return true;
    gate->health_paths = ops_mem_zeroed(count + 1, sizeof *gate->health_paths);
    for (size_t i = 0; gate->health_paths && i < count; i++)
        if (!(gate->health_paths[i] = ops_mem_strdup(paths[i])))
            return false;
    return gate->health_paths;
}

static void free_paths(struct opsgate *gate)
{
    for (size_t i = 0; gate->health_paths && gate->health_paths[i]; i++)
        ops_mem_free(gate->health_paths[i]);
    ops_mem_free(gate->health_paths);
}

void ops_gate_conditions_init(struct opsgate *gate)
{
    ops_wait_init(&gate->wake);
    ops_wait_init(&gate->tried);
}

static void gate_free(struct opsgate *gate)
{
    ops_gate_notice_release(&gate->synced.notice);
    (void)pthread_cond_destroy(&gate->wake);
    (void)pthread_cond_destroy(&gate->tried);
    (void)pthread_mutex_destroy(&gate->mutex);
    free_paths(gate);
    ops_mem_free(gate->source_name);
    ops_mem_free(gate->service);
    free(gate);
}

/* On a cache line's boundary, which base/mem.h does not promise. */
static struct opsgate *gate_alloc(void)
{
    struct opsgate *gate = aligned_alloc(_Alignof(struct opsgate), sizeof *gate);
    if (gate)
        memset(gate, 0, sizeof *gate);
    return gate;
}

static uint64_t first_dice(const struct opsgate *gate)
{
    uint64_t dice = (uint64_t)ops_gate_wall_ns(NULL) ^ (uint64_t)getpid() << 32 ^ (uint64_t)(uintptr_t)gate;
    return dice ? dice : 1;
}

static opsgate_status make(const opsgate_config *config, const struct ops_gate_sources *sources, opsgate **ret_gate)
{
    struct opsgate *gate = gate_alloc();
    if (!gate)
        return OPSGATE_NO_MEMORY;
    gate->sources = sources;
    gate->ask = config->ask;
    gate->ask_context = config->ask_context;
    gate->refresh_ns = config->refresh_ms * OPS_GATE_MS;
    gate->timeout_ms = config->timeout_ms;
    gate->first_wait_ns = config->first_wait_ms * OPS_GATE_MS;
    gate->cell.fresh_ns = overdue_ms(config) * OPS_GATE_MS;
    gate->synced.dice = first_dice(gate);
    (void)pthread_mutex_init(&gate->mutex, NULL);
    ops_gate_conditions_init(gate);
    gate->service = ops_mem_strdup(config->service && config->service[0] ? config->service : "gate");
    gate->source_name = config->source ? ops_mem_strdup(config->source) : NULL;
    if (!gate->service || (config->source && !gate->source_name) || !copy_paths(gate, config->health_paths)) {
        gate_free(gate);
        return OPSGATE_NO_MEMORY;
    }
    *ret_gate = gate;
    return OPSGATE_OK;
}

/* The watch first: a fork in the middle of the first question is like any other. */
static opsgate_status start(struct opsgate *gate, char *why)
{
    ops_gate_fork_watch(gate);
    pthread_mutex_lock(&gate->mutex);
    opsgate_status status = ops_gate_thread_start(gate);
    pthread_mutex_unlock(&gate->mutex);
    if (status == OPSGATE_OK)
        return status;
    ops_gate_fork_forget(gate);
    return refuse(why, status, "The system refuses another thread.");
}

opsgate_status ops_gate_open(const opsgate_config *config, const struct ops_gate_sources *sources, opsgate **ret_gate,
                             char why[OPSGATE_ERROR_SIZE])
{
    char unused[OPSGATE_ERROR_SIZE];
    struct opsgate *gate = NULL;
    why = why ? why : unused;
    opsgate_status status = ops_gate_config_check(config, sources, why);
    if (status == OPSGATE_OK)
        status = make(config, sources, &gate);
    if (status == OPSGATE_NO_MEMORY)
        return refuse(why, status, "There is no memory for a gate.");
    if (status == OPSGATE_OK)
        status = start(gate, why);
    if (status == OPSGATE_OK)
        *ret_gate = gate;
    else if (gate)
        gate_free(gate);
    return status;
}

void opsgate_close(opsgate *gate)
{
    if (!gate)
        return;
    ops_gate_fork_forget(gate);
    if (ops_gate_thread_stop(gate))
        gate_free(gate);
}
