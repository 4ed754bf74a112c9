#include "adapters/gate/active.h"

#include "base/json.h"

enum ops_status ops_gate_append_active(const json_t *window, struct ops_buf *buf)
{
    bool is_active = strcmp(ops_json_text(window, "status", ""), "active") == 0;
    return is_active ? ops_json_append(window, buf) : OPS_OK;
}
