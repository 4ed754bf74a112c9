/* The sidecar as an external extension of AWS Lambda: a process beside the function, in the same sandbox, so that functions
 * in any language ask it on localhost. Source: AWS Lambda Developer Guide, "Using the Lambda Extensions API to create
 * extensions".
 */
#ifndef OPS_MAIN_GATE_EXTENSION_H
#define OPS_MAIN_GATE_EXTENSION_H

#include "base/error.h"

typedef void (*ops_gate_on_event_fn)(void *context);

/* Registers, and then waits from one event to the next until the sandbox shuts down: OPS_OK. Calls on_event at each. Between
 * events the sandbox may be frozen, and the gate with it. OPS_USAGE: this is no sandbox of Lambda's (AWS_LAMBDA_RUNTIME_API
 * is not set). OPS_UNREACHABLE: the Extensions API does not answer as it should. OPS_NO_MEMORY. */
enum ops_status ops_gate_extension_run(ops_gate_on_event_fn on_event, void *context,
                                       struct ops_error *error) OPS_MUST_USE;

#endif
