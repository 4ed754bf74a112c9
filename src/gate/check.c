#include "gate/gate.h"

#include <string.h>
#include <strings.h>
#include <time.h>

/* Proxies are told to say this much of a path, deploy/gate. */
enum { OPS_GATE_PATH_CUT_BYTES = 1000 };

static int64_t read_clock(clockid_t id)
{
    struct timespec now;
    (void)clock_gettime(id, &now); /* fails only for a clock that does not exist */
    return (int64_t)now.tv_sec * OPS_GATE_SECOND + now.tv_nsec;
}

int64_t ops_gate_monotonic_ns(void *unused)
{
    (void)unused;
    return read_clock(CLOCK_MONOTONIC_COARSE);
}

int64_t ops_gate_wall_ns(void *unused)
{
    (void)unused;
    return read_clock(CLOCK_REALTIME_COARSE);
}

/* Out of the way of checks that find the gate open, which would save registers for it. */
static __attribute__((noinline, cold)) int check_closely(opsgate *gate)
{
    enum ops_gate_verdict verdict = ops_gate_cell_judge(&gate->cell, ops_gate_monotonic_ns, ops_gate_wall_ns, NULL);
    if (verdict == OPS_GATE_UNKNOWN)
        verdict = ops_gate_wait(gate);
    ops_gate_tally_add(&gate->tally, verdict);
    return verdict == OPS_GATE_BLOCKED;
}

int opsgate_check(opsgate *gate)
{
    if (__builtin_expect(!ops_gate_cell_is_fresh(&gate->cell, ops_gate_monotonic_ns, NULL), 0))
        return check_closely(gate);
    ops_gate_tally_add(&gate->tally, OPS_GATE_FRESH);
    return 0;
}

/* Whether everybody reads a path as the text that it is. What proxies and frameworks make something else of (another
 * segment, an end, another letter) may come out at another place than it begins at. A path that is as long as proxies are
 * told to cut it has an end that nobody has seen. */
static bool is_plain(const char *path, size_t length)
{
    static const char *const escapes[] = {"%00", "%23", "%25", "%2e", "%2f", "%3b", "%3f", "%5c"};
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)path[i];
        if (c < ' ' || c == 0x7f || strchr("#;\\", c))
            return false;
        if (i + 1 < length && (c == '/' || c == '.') && path[i + 1] == (char)c)
            return false;
        if (c == '/' && i + 1 < length && path[i + 1] == '.' && (i + 2 == length || path[i + 2] == '/'))
            return false;
        for (size_t k = 0; c == '%' && k < sizeof escapes / sizeof escapes[0]; k++)
            if (length - i >= 3 && strncasecmp(path + i, escapes[k], 3) == 0)
                return false;
    }
    return length < OPS_GATE_PATH_CUT_BYTES;
}

/* One that is named is it letter by letter, whatever it has in it. */
static bool is_path(const char *pattern, const char *path, size_t length)
{
    size_t count = strlen(pattern);
    if (count > 0 && pattern[count - 1] == '*')
        return length >= count - 1 && memcmp(pattern, path, count - 1) == 0 && is_plain(path, length);
    return length == count && memcmp(pattern, path, count) == 0;
}

static bool is_health_path(const struct opsgate *gate, const char *path)
{
    if (!path || !gate->health_paths)
        return false;
    size_t length = strcspn(path, "?");
    for (char **pattern = gate->health_paths; *pattern; pattern++)
        if (is_path(*pattern, path, length))
            return true;
    return false;
}

int opsgate_check_request(opsgate *gate, const char *method, const char *path)
{
    if ((method && strcmp(method, "OPTIONS") == 0) || is_health_path(gate, path))
        return 0;
    return opsgate_check(gate);
}

void opsgate_count(opsgate *gate, opsgate_counters *ret_counters)
{
    struct ops_gate_knowledge knowledge = ops_gate_cell_get(&gate->cell);
    *ret_counters = (opsgate_counters){
        .fresh = ops_gate_tally_sum(&gate->tally, OPS_GATE_FRESH),
        .stale = ops_gate_tally_sum(&gate->tally, OPS_GATE_STALE),
        .unknown = ops_gate_tally_sum(&gate->tally, OPS_GATE_UNKNOWN),
        .blocked = ops_gate_tally_sum(&gate->tally, OPS_GATE_BLOCKED),
        .age_ms = knowledge.known ? (ops_gate_monotonic_ns(NULL) - knowledge.learned_ns) / OPS_GATE_MS : -1,
    };
    pthread_mutex_lock(&gate->mutex);
    ret_counters->asked = gate->synced.asked;
    ret_counters->failed = gate->synced.failed;
    memcpy(ret_counters->last_failure, gate->synced.last_failure, OPSGATE_ERROR_SIZE);
    pthread_mutex_unlock(&gate->mutex);
}
