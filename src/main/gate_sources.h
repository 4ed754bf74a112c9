/* The sources that a gate's configuration can name. */
#ifndef OPS_MAIN_GATE_SOURCES_H
#define OPS_MAIN_GATE_SOURCES_H

#include "ports/gate_source.h"

extern const struct ops_gate_sources ops_gate_sources; /* include/opsgate.h says what names there are */

#endif
