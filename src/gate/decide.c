#include "gate/decide.h"

struct ops_gate_knowledge ops_gate_learn(int64_t asked_ms, bool active)
{
    return (struct ops_gate_knowledge){.learned_ms = asked_ms - OPS_GATE_ANSWER_AGE_MAX_MS, .known = true, .active = active};
}

bool ops_gate_blocks(const struct ops_gate_knowledge *knowledge, int64_t now_ms)
{
    int64_t age_ms = now_ms - knowledge->learned_ms;
    return knowledge->known && knowledge->active && age_ms >= 0 && age_ms <= OPS_GATE_KNOWLEDGE_MAX_MS;
}
