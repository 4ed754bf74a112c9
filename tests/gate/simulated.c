#include "gate/simulated.h"

#include "support/cmocka_all.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

/* Of real time: between two looks at the simulated clock, and until a thread that does not settle fails the test. */
#define LOOK_NS 100000
#define DEADLINE_NS (60 * OPS_GATE_SECOND)

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static struct { /* under mutex */
    struct stage stage;
    struct sim_rng rng; /* the source's own */
    struct simulated_manner manner;
    struct simulated_answer answers[2];
    uint64_t moved;   /* counts what the test did to the world */
    uint64_t settled; /* the gate's thread waits, and has seen as many of those */
    int64_t waits_until_ns;
    int64_t tick_ns; /* 0: the coarse clocks are not late */
    bool asking;
    bool hurry; /* the source takes no more time */
} world;

/* The test's; what a test that failed left behind is closed before the next one begins. */
static opsgate *open_gate;

/* Under the gate's own mutex. A signal that comes while a real wait times out is told by nothing else. */
static uint64_t signal_count;

static _Thread_local bool is_test;    /* else: the gate's thread */
static _Thread_local bool is_waiting; /* the test, in a check */

int __real_clock_gettime(clockid_t id, struct timespec *ret_now);
int __wrap_clock_gettime(clockid_t id, struct timespec *ret_now);
int __real_pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *held, const struct timespec *until);
int __wrap_pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *held, const struct timespec *until);
int __real_pthread_cond_signal(pthread_cond_t *condition);
int __wrap_pthread_cond_signal(pthread_cond_t *condition);

/* ---- The system's calls ---- */

static struct timespec timespec_of(int64_t ns)
{
    return (struct timespec){.tv_sec = ns / OPS_GATE_SECOND, .tv_nsec = ns % OPS_GATE_SECOND};
}

static int64_t real_ns(void)
{
    struct timespec now;
    (void)__real_clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * OPS_GATE_SECOND + now.tv_nsec;
}

int __wrap_clock_gettime(clockid_t id, struct timespec *ret_now)
{
    if (id != CLOCK_MONOTONIC_COARSE && id != CLOCK_REALTIME_COARSE)
        return __real_clock_gettime(id, ret_now);
    pthread_mutex_lock(&mutex);
    const struct clockwork *clocks = &world.stage.clocks;
    int64_t late_ns = world.tick_ns ? clocks->monotonic_ns % world.tick_ns : 0;
    *ret_now = timespec_of((id == CLOCK_REALTIME_COARSE ? clocks->wall_ns : clocks->monotonic_ns) - late_ns);
    pthread_mutex_unlock(&mutex);
    return 0;
}

/* Whether that instant has come. If not, the gate's thread has nothing to do as the world is now. */
static bool has_come(int64_t until_ns)
{
    pthread_mutex_lock(&mutex);
    bool come = world.stage.clocks.monotonic_ns >= until_ns;
    if (!come) {
        world.settled = world.moved;
        world.waits_until_ns = until_ns;
    }
    pthread_mutex_unlock(&mutex);
    return come;
}

static int wait_really(pthread_cond_t *condition, pthread_mutex_t *held)
{
    const struct timespec soon = timespec_of(real_ns() + LOOK_NS);
    return __real_pthread_cond_timedwait(condition, held, &soon);
}

/* Waits as the system does, which lets go of the mutex: a wait that only said that it was over would keep it from a test
 * that closes the gate. Where a signal came between two looks, it returns as if it had been woken for nothing. */
static int wait_as_gate(pthread_cond_t *condition, pthread_mutex_t *held, int64_t until_ns)
{
    uint64_t signals_before = signal_count;
    while (!has_come(until_ns))
        if (wait_really(condition, held) == 0 || signal_count != signals_before)
            return 0;
    return ETIMEDOUT;
}

static void count_move(void)
{
    pthread_mutex_lock(&mutex);
    world.moved++;
    pthread_mutex_unlock(&mutex);
}

/* To the next instant at which something happens, if the gate's thread has nothing to do before. */
static bool let_time_pass(int64_t until_ns)
{
    pthread_mutex_lock(&mutex);
    int64_t now_ns = world.stage.clocks.monotonic_ns;
    int64_t next_ns = world.waits_until_ns < until_ns ? world.waits_until_ns : until_ns;
    bool come = now_ns >= until_ns;
    if (!come && world.settled == world.moved) {
        world.moved++;
        clockwork_pass(&world.stage.clocks, next_ns > now_ns ? next_ns - now_ns : 0);
    }
    pthread_mutex_unlock(&mutex);
    return come;
}

/* A check of the test's that waits: it has signalled. First the gate's thread does what that asks for, then time passes. It
 * is woken for nothing now and then. */
static int wait_as_test(pthread_cond_t *condition, pthread_mutex_t *held, int64_t until_ns)
{
    if (!is_waiting)
        count_move();
    is_waiting = true;
    if (let_time_pass(until_ns))
        return ETIMEDOUT;
    (void)wait_really(condition, held);
    return 0;
}

int __wrap_pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *held, const struct timespec *until)
{
    int64_t until_ns = (int64_t)until->tv_sec * OPS_GATE_SECOND + until->tv_nsec;
    return (is_test ? wait_as_test : wait_as_gate)(condition, held, until_ns);
}

int __wrap_pthread_cond_signal(pthread_cond_t *condition)
{
    signal_count++;
    return __real_pthread_cond_signal(condition);
}

/* ---- The source ---- */

static bool in_hurry(void)
{
    pthread_mutex_lock(&mutex);
    bool hurry = world.hurry;
    pthread_mutex_unlock(&mutex);
    return hurry;
}

/* Under mutex, which is free meanwhile. */
static void take_time(void)
{
    const struct timespec look = timespec_of(LOOK_NS / 2);
    int64_t until_ns =
        world.stage.clocks.monotonic_ns + sim_between(&world.rng, world.manner.least_ns, world.manner.most_ns);
    pthread_mutex_unlock(&mutex);
    while (!in_hurry() && !has_come(until_ns))
        (void)nanosleep(&look, NULL);
    pthread_mutex_lock(&mutex);
}

static int ask(void *context, unsigned timeout_ms, char *window, size_t size)
{
    (void)context;
    (void)timeout_ms;
    (void)window;
    (void)size;
    pthread_mutex_lock(&mutex);
    struct simulated_answer answer = {.asked = world.stage.clocks};
    world.asking = true;
    take_time();
    answer.given = !world.stage.down;
    answer.truth = stage_tell(&world.stage, 0);
    take_time();
    world.asking = false;
    if (answer.given) {
        world.answers[1] = world.answers[0];
        world.answers[0] = answer;
    }
    pthread_mutex_unlock(&mutex);
    return !answer.given ? -1 : answer.truth.active;
}

/* ---- Settling ---- */

static void settle(void)
{
    const struct timespec look = timespec_of(LOOK_NS / 2);
    int64_t until_ns = real_ns() + DEADLINE_NS;
    for (bool settled = !open_gate; !settled;) {
        pthread_mutex_lock(&mutex);
        settled = world.settled == world.moved;
        pthread_mutex_unlock(&mutex);
        if (!settled && real_ns() > until_ns)
            fail_msg("the gate's thread does not come to rest");
        if (!settled)
            (void)nanosleep(&look, NULL);
    }
}

static struct stage *begin_move(void)
{
    pthread_mutex_lock(&mutex);
    world.moved++;
    return &world.stage;
}

static void end_move(void)
{
    pthread_mutex_unlock(&mutex);
    settle();
}

/* ---- What tests call ---- */

void simulated_reset(uint64_t seed)
{
    is_test = true;
    if (open_gate)
        simulated_close(open_gate);
    pthread_mutex_lock(&mutex);
    world.stage = (struct stage)STAGE_INIT;
    world.rng = (struct sim_rng){.state = ~seed};
    world.manner = (struct simulated_manner){.least_ns = 0};
    world.answers[0] = world.answers[1] = (struct simulated_answer){.given = false};
    world.hurry = false;
    world.tick_ns = 0;
    pthread_mutex_unlock(&mutex);
}

void simulated_manner(struct simulated_manner manner)
{
    pthread_mutex_lock(&mutex);
    world.manner = manner;
    pthread_mutex_unlock(&mutex);
}

void simulated_tick(int64_t tick_ns)
{
    pthread_mutex_lock(&mutex);
    world.tick_ns = tick_ns;
    pthread_mutex_unlock(&mutex);
}

opsgate *simulated_open(const opsgate_config *config)
{
    opsgate_config used = *config;
    char why[OPSGATE_ERROR_SIZE];
    opsgate *gate = NULL;
    used.ask = ask;
    count_move();
    if (opsgate_open(&used, &gate, why) != OPSGATE_OK)
        fail_msg("%s", why);
    open_gate = gate;
    settle();
    return gate;
}

void simulated_close(opsgate *gate)
{
    begin_move();
    world.hurry = true;
    pthread_mutex_unlock(&mutex);
    opsgate_close(gate);
    open_gate = NULL;
}

int simulated_check(opsgate *gate)
{
    is_waiting = false;
    int blocked = opsgate_check(gate);
    begin_move();
    end_move();
    return blocked;
}

struct stage simulated_stage(void)
{
    pthread_mutex_lock(&mutex);
    struct stage stage = world.stage;
    pthread_mutex_unlock(&mutex);
    return stage;
}

bool simulated_asking(void)
{
    pthread_mutex_lock(&mutex);
    bool asking = world.asking;
    pthread_mutex_unlock(&mutex);
    return asking;
}

void simulated_answers(struct simulated_answer ret_answers[2])
{
    pthread_mutex_lock(&mutex);
    ret_answers[0] = world.answers[0];
    ret_answers[1] = world.answers[1];
    pthread_mutex_unlock(&mutex);
}

/* To the thread's next instant, at most. */
static int64_t hop(int64_t left_ns)
{
    struct stage *stage = begin_move();
    int64_t hop_ns = world.waits_until_ns - stage->clocks.monotonic_ns;
    hop_ns = hop_ns > 0 && hop_ns < left_ns ? hop_ns : left_ns;
    clockwork_pass(&stage->clocks, hop_ns);
    end_move();
    return hop_ns;
}

void simulated_pass(int64_t ns)
{
    while (ns > 0)
        ns -= hop(ns);
}

void simulated_freeze(bool suspended, int64_t ns, bool active)
{
    struct stage *stage = begin_move();
    (suspended ? clockwork_suspend : clockwork_pass)(&stage->clocks, ns / 2);
    if (stage->active != active)
        stage->changed_ns = stage->clocks.true_ns;
    stage->active = active;
    (suspended ? clockwork_suspend : clockwork_pass)(&stage->clocks, ns - ns / 2);
    end_move();
}

void simulated_stop(int64_t ns)
{
    clockwork_pass(&begin_move()->clocks, ns);
    end_move();
}

void simulated_suspend(int64_t ns)
{
    clockwork_suspend(&begin_move()->clocks, ns);
    end_move();
}

void simulated_set_wall(int64_t by_ns)
{
    clockwork_set_wall(&begin_move()->clocks, by_ns);
    end_move();
}

void simulated_window(bool active)
{
    struct stage *stage = begin_move();
    stage->active = active;
    stage->changed_ns = stage->clocks.true_ns;
    end_move();
}

void simulated_down(bool down)
{
    struct stage *stage = begin_move();
    stage->down = down;
    stage->down_ns = stage->clocks.true_ns;
    end_move();
}

enum clockwork_event simulated_step(struct sim_rng *rng)
{
    struct clockwork moved = simulated_stage().clocks;
    int64_t before_ns = moved.true_ns;
    enum clockwork_event event = clockwork_step(&moved, rng);
    if (event == CLOCKWORK_PASS) {
        simulated_pass(moved.true_ns - before_ns);
    } else {
        begin_move()->clocks = moved;
        end_move();
    }
    stage_step(begin_move(), rng);
    end_move();
    return event;
}
