/* The system's clocks: CLOCK_REALTIME, CLOCK_MONOTONIC and CLOCK_BOOTTIME. */
#ifndef OPS_ADAPTERS_SYS_CLOCK_H
#define OPS_ADAPTERS_SYS_CLOCK_H

#include "ports/clock.h"

struct ops_clock *ops_system_clock(void); /* static; never freed */

#endif
