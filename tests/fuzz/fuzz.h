/* What every fuzz target shares. A target is one decoder: it takes bytes as a stranger may send them, and what it accepts it
 * writes again and reads again, which must come to the same.
 *
 * Built by clang with libFuzzer each is a fuzzer; built otherwise it replays the corpus in the tree as an ordinary test.
 */
#ifndef OPS_TESTS_FUZZ_H
#define OPS_TESTS_FUZZ_H

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

/* A property that must hold; otherwise the input is a finding. */
#define FUZZ_MUST(holds) \
    do { \
        if (!(holds)) \
            abort(); \
    } while (0)

static inline struct ops_view fuzz_view(const uint8_t *bytes, size_t count)
{
    return ops_view((const char *)bytes, count);
}

/* The canonical text of a value. */
static inline void fuzz_text(const json_t *value, struct ops_buf *buf)
{
    ops_buf_init(buf, 16 * 1024 * 1024);
    FUZZ_MUST(ops_json_canonical(value, buf) == OPS_OK);
}

#endif
