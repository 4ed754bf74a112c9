/* Repeatable randomness: the same seed gives the same bytes, so that a simulation that failed can be run again.
 *
 *     ops_memory_random_new(seed, &random);
 *
 * Not fit for secrets. With several threads the bytes are the same, but who gets which is not.
 */
#ifndef OPS_ADAPTERS_MEMORY_RANDOM_H
#define OPS_ADAPTERS_MEMORY_RANDOM_H

#include "ports/random.h"

#include "base/status.h"

enum ops_status ops_memory_random_new(uint64_t seed, struct ops_random **ret_random) OPS_MUST_USE; /* OPS_NO_MEMORY */
void ops_memory_random_free(struct ops_random *random);                                            /* NULL is fine */

/* The next 64 bits, for a simulation's own choices. Thread-safe. */
uint64_t ops_memory_random_next(struct ops_random *random);

#endif
