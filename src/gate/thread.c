/*
 * The thread that asks. It looks at the clocks every second: after a freeze they say so, and it asks at once.
 */
#include "gate/gate.h"

#include "base/foreign.h"
#include "base/mem.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LOOK_NS OPS_GATE_SECOND
#define RETRY_NS OPS_GATE_SECOND /* after a question without an answer, or sooner where more is asked */

uint64_t ops_gate_roll(struct opsgate *gate, uint64_t limit)
{
    /* xorshift64 (G. Marsaglia, "Xorshift RNGs"): it only keeps gates from asking in step. */
    uint64_t dice = gate->synced.dice;
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^= dice << 17;
    gate->synced.dice = dice;
    return limit ? dice % limit : 0;
}

/* ---- One question ---- */

static enum ops_status ask_own(struct opsgate *gate, struct ops_buf *window, struct ops_error *error)
{
    char *text = ops_mem_alloc(OPSGATE_WINDOW_MAX_BYTES);
    if (!text)
        return OPS_NO_MEMORY;
    text[0] = text[OPSGATE_WINDOW_MAX_BYTES - 1] = '\0';
    int answer = gate->ask(gate->ask_context, (unsigned)gate->timeout_ms, text, OPSGATE_WINDOW_MAX_BYTES);
    if (answer > 0)
        ops_buf_append(window, text[0] ? text : "{}", text[0] ? strnlen(text, OPSGATE_WINDOW_MAX_BYTES) : 2);
    ops_mem_free(text);
    if (answer < 0)
        return ops_fail(error, OPS_UNREACHABLE, "The service's own function could not find it out.");
    return ops_buf_status(window);
}

static enum ops_status ask_source(struct opsgate *gate, struct ops_buf *window, struct ops_error *error)
{
    enum ops_status status = OPS_OK;
    if (!gate->source)
        status = gate->sources->open(gate->source_name, &gate->source, error);
    return status == OPS_OK ? gate->source->ops->ask(gate->source, gate->timeout_ms, window, error) : status;
}

/* A function of the service's own may wait, and fork, as it likes. */
static enum ops_status ask(struct opsgate *gate, struct ops_buf *window, struct ops_gate_notice *notice,
                           struct ops_error *error)
{
    enum ops_status status = gate->ask ? ask_own(gate, window, error) : OPS_OK;
    if (!ops_foreign_enter())
        return ops_fail(error, OPS_UNREACHABLE, "The process is ending.");
    if (!gate->ask)
        status = ask_source(gate, window, error);
    if (status == OPS_OK)
        status = ops_gate_notice_read(ops_buf_view(window), notice);
    ops_foreign_leave();
    return status;
}

/* Takes notice. The details first: whoever finds the gate closed finds them there. */
static void learn(struct opsgate *gate, int64_t asked_ns, int64_t ahead_ns, const struct ops_gate_notice *notice)
{
    int64_t age_ns = (gate->source ? gate->source->answer_age_ns : 0) + OPS_GATE_CLOCK_ERROR_NS;
    ops_gate_notice_release(&gate->synced.notice);
    gate->synced.notice = *notice;
    ops_gate_cell_set(&gate->cell, ops_gate_learn(asked_ns, age_ns, notice->window), ahead_ns);
}

static void note_failure(struct opsgate *gate, enum ops_status status, const struct ops_error *error)
{
    gate->synced.failed++;
    (void)snprintf(gate->synced.last_failure, OPSGATE_ERROR_SIZE, "%s", ops_error_text(error, status));
}

static void ask_once(struct opsgate *gate)
{
    struct ops_buf window;
    struct ops_error error = OPS_ERROR_INIT;
    struct ops_gate_notice notice = {.window = NULL};
    int64_t asked_ns = ops_gate_monotonic_ns(NULL), ahead_ns = ops_gate_wall_ns(NULL) - asked_ns;
    ops_buf_init(&window, OPSGATE_WINDOW_MAX_BYTES);
    enum ops_status status = ask(gate, &window, &notice, &error);
    if (status == OPS_CORRUPT)
        status = ops_fail(&error, OPS_UNREACHABLE, "What the source gave is no maintenance window.");
    pthread_mutex_lock(&gate->mutex);
    gate->synced.poked = false; /* whoever waited has an answer now, or knows that there is none */
    gate->synced.asked++;
    if (status == OPS_OK)
        learn(gate, asked_ns, ahead_ns, &notice);
    else
        note_failure(gate, status, &error);
    /* As the clocks were when it began: a freeze in its middle makes another one due. */
    atomic_store(&gate->tried_ahead_ns, ahead_ns);
    atomic_store(&gate->tried_ns, asked_ns);
    atomic_store(&gate->patience_until_ns, 0);
    pthread_cond_broadcast(&gate->tried);
    pthread_mutex_unlock(&gate->mutex);
    ops_buf_release(&window);
    ops_error_release(&error);
}

/* ---- Again and again ---- */

/* A refresh after the latest question began, since its answer is as old as that. After one in vain, soon. Earlier by what
 * knowledge counts as older. */
static int64_t next_due_ns(struct opsgate *gate, int64_t asked_ns, uint64_t failed_before)
{
    bool failed = gate->synced.failed != failed_before;
    int64_t wait_ns = failed && gate->refresh_ns > RETRY_NS ? RETRY_NS : gate->refresh_ns;
    int64_t from_ns = failed ? ops_gate_monotonic_ns(NULL) : asked_ns;
    return from_ns + wait_ns - OPS_GATE_CLOCK_ERROR_NS - (int64_t)ops_gate_roll(gate, (uint64_t)wait_ns / 5);
}

static bool was_frozen(struct opsgate *gate)
{
    int64_t ahead_ns = ops_gate_wall_ns(NULL) - ops_gate_monotonic_ns(NULL);
    return !ops_gate_clocks_agree(atomic_load(&gate->tried_ahead_ns), ahead_ns);
}

/* With the mutex held, as long as nothing is due. A tick longer than it seems: else the wait would be over while the coarse
 * clock says that it is not, and nothing would pass the time until it does. */
static void wait_until_due(struct opsgate *gate, int64_t due_ns)
{
    int64_t now_ns;
    while (!gate->synced.closing && !gate->synced.poked && !was_frozen(gate) &&
           (now_ns = ops_gate_monotonic_ns(NULL)) < due_ns) {
        int64_t until_ns = (due_ns - now_ns > LOOK_NS ? now_ns + LOOK_NS : due_ns) + OPS_GATE_TICK_NS;
        const struct timespec until = {.tv_sec = until_ns / OPS_GATE_SECOND, .tv_nsec = until_ns % OPS_GATE_SECOND};
        (void)pthread_cond_timedwait(&gate->wake, &gate->mutex, &until);
    }
    gate->synced.poked = false;
}

/* At exit the source is left, since what it needs to be closed may be gone. */
static void close_source(struct opsgate *gate)
{
    if (!gate->source || !ops_foreign_enter())
        return;
    ops_gate_source_close(gate->source);
    gate->source = NULL;
    ops_foreign_leave();
}

/* A function of the service's own may need what the service has open. */
static bool may_part(const struct opsgate *gate)
{
    return gate->source_name && !gate->sources->shares_descriptors(gate->source_name);
}

static void *ask_on(void *context)
{
    struct opsgate *gate = context;
    bool has_parted = may_part(gate) && ops_gate_descriptors_part();
    pthread_mutex_lock(&gate->mutex);
    while (!gate->synced.closing) {
        uint64_t failed_before = gate->synced.failed;
        pthread_mutex_unlock(&gate->mutex);
        int64_t asked_ns = ops_gate_monotonic_ns(NULL);
        if (has_parted)
            ops_gate_descriptors_borrow_stderr();
        ask_once(gate);
        if (has_parted)
            ops_gate_descriptors_return_stderr();
        pthread_mutex_lock(&gate->mutex);
        wait_until_due(gate, next_due_ns(gate, asked_ns, failed_before));
    }
    pthread_mutex_unlock(&gate->mutex);
    close_source(gate);
    return NULL;
}

/* The service's signals are its own threads' business. What a thread's own fault raises is not sent to any other: blocked,
 * it would end the process without the handler that a crash reporter or a sandbox has for it. */
static void fill_others_signals(sigset_t *set)
{
    static const int own[] = {SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP};
    (void)sigfillset(set); /* these fail only for what is no signal */
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        (void)sigdelset(set, own[i]);
}

opsgate_status ops_gate_thread_start(struct opsgate *gate)
{
    sigset_t others, before;
    fill_others_signals(&others);
    (void)pthread_sigmask(SIG_BLOCK, &others, &before);
    int result = pthread_create(&gate->thread, NULL, ask_on, gate);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    gate->synced.has_thread = result == 0;
    return result == 0 ? OPSGATE_OK : OPSGATE_NO_THREAD;
}

/* A thread that waited in a library when the process began to end does not come back, and its source is not closed either:
 * what that needs may be gone. */
bool ops_gate_thread_stop(struct opsgate *gate)
{
    pthread_mutex_lock(&gate->mutex);
    gate->synced.closing = true;
    bool has_thread = gate->synced.has_thread;
    pthread_cond_signal(&gate->wake);
    pthread_mutex_unlock(&gate->mutex);
    if (has_thread && !gate->ask && ops_foreign_is_over())
        return false;
    if (has_thread)
        (void)pthread_join(gate->thread, NULL);
    return true;
}
