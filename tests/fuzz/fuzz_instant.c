#include "fuzz/fuzz.h"

#include "base/instant.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    int64_t at_ms, again_ms;
    char text[OPS_INSTANT_TEXT_SIZE];
    if (ops_instant_parse(fuzz_view(bytes, count), &at_ms) != OPS_OK)
        return 0;
    FUZZ_MUST(at_ms >= 0 && at_ms <= OPS_INSTANT_MAX_MS);
    ops_instant_format(at_ms, text);
    FUZZ_MUST(ops_instant_parse(ops_view_of(text), &again_ms) == OPS_OK && again_ms == at_ms - at_ms % OPS_SECOND_MS);
    return 0;
}
