/* Proves that a finding is found: this target has one, a few bytes deep. */
#include "fuzz/fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    FUZZ_MUST(!(count >= 4 && memcmp(bytes, "OPS!", 4) == 0));
    return 0;
}
