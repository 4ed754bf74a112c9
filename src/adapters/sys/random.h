/* The kernel's randomness, fit for secrets. */
#ifndef OPS_ADAPTERS_SYS_RANDOM_H
#define OPS_ADAPTERS_SYS_RANDOM_H

#include "ports/random.h"

struct ops_random *ops_system_random(void); /* static; never freed */

#endif
