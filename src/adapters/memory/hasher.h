/* A quick stand-in for scrypt, for simulations that check thousands of codes: $sha256$<salt>$<hash>.
 *
 *     ports.hasher = ops_memory_hasher();
 *
 * Never for a real store: SHA-256 is far too fast to keep a secret code.
 */
#ifndef OPS_ADAPTERS_MEMORY_HASHER_H
#define OPS_ADAPTERS_MEMORY_HASHER_H

#include "ports/hasher.h"

struct ops_hasher *ops_memory_hasher(void); /* static; never freed */

#endif
