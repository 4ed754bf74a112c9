/* ULIDs (github.com/ulid/spec): 48 bits of time in milliseconds and 80 random bits in Crockford's base 32. Their text order
 * is the order of their times. */
#ifndef OPS_BASE_ULID_H
#define OPS_BASE_ULID_H

#include "base/view.h"

#include <stdint.h>

enum { OPS_ULID_LENGTH = 26, OPS_ULID_SIZE = OPS_ULID_LENGTH + 1, OPS_ULID_RANDOM_BYTES = 10 };

void ops_ulid_format(int64_t at_ms, const uint8_t random[static OPS_ULID_RANDOM_BYTES], char ret_text[static OPS_ULID_SIZE]);

/* Canonical form only: 26 upper-case characters of the alphabet, no overflow (first character 0..7). */
bool ops_ulid_valid(struct ops_view text);

#endif
