/* The real library, its thread included, in simulated time. The linker puts this in the place of clock_gettime, for the two
 * clocks that a gate reads, and of pthread_cond_timedwait (--wrap). Time moves only when a test moves it, or while the
 * source takes its time; after each move the gate's thread has done all that there was to do.
 */
#ifndef OPS_TESTS_GATE_SIMULATED_H
#define OPS_TESTS_GATE_SIMULATED_H

#include "gate/stage.h"
#include "opsgate.h"

#include <stdbool.h>

/* What was answered: what a gate may know. */
struct simulated_answer {
    bool given;
    struct stage_truth truth;
    struct clockwork asked; /* the clocks when the question was asked */
};

/* How long the source takes, in simulated time, before it looks and once more after. */
struct simulated_manner {
    int64_t least_ns;
    int64_t most_ns;
};

/* The world anew: nothing happens, the source is up and quick. */
void simulated_reset(uint64_t seed);

void simulated_manner(struct simulated_manner manner);

/* The coarse clocks move only so often; after a reset always. */
void simulated_tick(int64_t tick_ns);

/* A gate in it, whose thread has asked, or is about it. refresh_ms and so on as config says; its ask is the stage's. */
opsgate *simulated_open(const opsgate_config *config);

/* A question under way ends at once. */
void simulated_close(opsgate *gate);

/* opsgate_check. If it waits, time passes until it need not. */
int simulated_check(opsgate *gate);

/* A copy of what truly is, now. */
struct stage simulated_stage(void);

/* Whether a question is under way. */
bool simulated_asking(void);

/* The latest answer and the one before. */
void simulated_answers(struct simulated_answer ret_answers[2]);

/* Moves. Time that passes is met by the gate's thread at each instant that it waits for; what is stopped or suspended is
 * not. */
void simulated_pass(int64_t ns);
void simulated_stop(int64_t ns);
void simulated_suspend(int64_t ns);
void simulated_set_wall(int64_t by_ns);
void simulated_window(bool active);

/* Stops or suspends; meanwhile a window starts or ends. */
void simulated_freeze(bool suspended, int64_t ns, bool active);
void simulated_down(bool down);

/* One step of chance: a move, or several. */
enum clockwork_event simulated_step(struct sim_rng *rng);

#endif
