/* A gate's source that is a file: opened when it is first asked, and opened anew when another file has taken its place, as
 * after a backup was restored. Whoever kept on reading the one that is gone would take what it said for the truth for ever.
 */
#ifndef OPS_ADAPTERS_GATE_FILE_SOURCE_H
#define OPS_ADAPTERS_GATE_FILE_SOURCE_H

#include "ports/gate_source.h"

typedef enum ops_status (*ops_gate_file_open_fn)(const char *path, struct ops_gate_source **ret_source,
                                                 struct ops_error *error);

/* path is copied. A question is answered OPS_STORE_UNAVAILABLE while there is no such file: open, which might make one, is
 * not called then. OPS_NO_MEMORY. */
enum ops_status ops_gate_file_source_new(const char *path, ops_gate_file_open_fn open,
                                         struct ops_gate_source **ret_source) OPS_MUST_USE;

#endif
