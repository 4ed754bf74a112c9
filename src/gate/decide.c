#include "gate/decide.h"

struct ops_gate_knowledge ops_gate_learn(int64_t asked_ns, int64_t answer_age_ns, bool active)
{
    return (struct ops_gate_knowledge){.learned_ns = asked_ns - answer_age_ns, .known = true, .active = active};
}

bool ops_gate_blocks(const struct ops_gate_knowledge *knowledge, int64_t now_ns)
{
    return knowledge->known && knowledge->active && ops_gate_counts(now_ns - knowledge->learned_ns);
}
