/* The sources that a gate's configuration can name. */
#ifndef OPS_MAIN_GATE_SOURCES_H
#define OPS_MAIN_GATE_SOURCES_H

#include "ports/gate_source.h"

/* An ops_gate_source_open_fn: include/opsgate.h says what names there are. */
enum ops_status ops_gate_source_open(const char *name, struct ops_gate_source **ret_source, struct ops_error *error);

#endif
