/* What truly happens in a simulation of gates: a window starts and ends, the source is up or down. */
#ifndef OPS_TESTS_GATE_STAGE_H
#define OPS_TESTS_GATE_STAGE_H

#include "gate/clockwork.h"

#include <stddef.h>

struct stage {
    struct clockwork clocks;
    bool active;
    int64_t changed_ns; /* true time; the other way round before */
    bool down;
    int64_t down_ns; /* since when */
};

#define STAGE_INIT                                                                                                          \
    {                                                                                                                       \
        .clocks = CLOCKWORK_INIT, .changed_ns = -100 * OPS_GATE_SECOND                                                      \
    }

/* What a source said, and of when that is true. */
struct stage_truth {
    bool active;
    int64_t at_ns; /* true time */
};

static inline void stage_step(struct stage *stage, struct sim_rng *rng)
{
    /* A state lasts longer than an answer's age, so that one change is all that an answer may have missed. */
    bool may_change = stage->clocks.true_ns - stage->changed_ns > 2 * OPS_GATE_SECOND;
    if (may_change && sim_chance(rng, 60)) {
        stage->active = !stage->active;
        stage->changed_ns = stage->clocks.true_ns;
    }
    if (sim_chance(rng, stage->down ? 60 : 30)) {
        stage->down = !stage->down;
        stage->down_ns = stage->clocks.true_ns;
    }
}

/* What the source says now, from a snapshot that is age_ns old. */
static inline struct stage_truth stage_tell(const struct stage *stage, int64_t age_ns)
{
    int64_t at_ns = stage->clocks.true_ns - age_ns;
    return (struct stage_truth){.active = at_ns >= stage->changed_ns ? stage->active : !stage->active, .at_ns = at_ns};
}

/* The safety rules, for a gate that is closed now. NULL, or the rule that it breaks. */
static inline const char *stage_wrongly_closed(const struct stage *stage)
{
    int64_t now_ns = stage->clocks.true_ns;
    if (!stage->active && now_ns - stage->changed_ns > OPS_GATE_KNOWLEDGE_MAX_NS)
        return "closed for longer than 20 s after the window's end";
    if (stage->down && now_ns - stage->down_ns > OPS_GATE_KNOWLEDGE_MAX_NS)
        return "closed though the source has been down for longer than 20 s";
    return NULL;
}

#endif
