/* What a person sees of the service's records. Each appends whole lines; nothing that came from the service reaches the
 * buffer before it is safe for a terminal. Records of a shape that is not expected are shown as far as they are understood.
 */
#ifndef OPS_SURFACES_CLI_RENDER_H
#define OPS_SURFACES_CLI_RENDER_H

#include "surfaces/cli/style.h"

#include <jansson.h>

enum ops_status ops_render_ping(const json_t *data, const struct ops_style *style, struct ops_buf *buf) OPS_MUST_USE;
enum ops_status ops_render_stat(const json_t *data, const struct ops_style *style, struct ops_buf *buf) OPS_MUST_USE;
enum ops_status ops_render_sweep(const json_t *data, const struct ops_style *style, struct ops_buf *buf) OPS_MUST_USE;
enum ops_status ops_render_acceptance(const json_t *data, const struct ops_style *style, struct ops_buf *buf) OPS_MUST_USE;
enum ops_status ops_render_window(const json_t *data, const struct ops_style *style, struct ops_buf *buf) OPS_MUST_USE;
/* Of a window that was ended: and which one is next. */
enum ops_status ops_render_window_end(const json_t *data, const struct ops_style *style, struct ops_buf *buf) OPS_MUST_USE;
enum ops_status ops_render_window_list(const json_t *data, const struct ops_style *style, struct ops_buf *buf) OPS_MUST_USE;
enum ops_status ops_render_vacuum(const json_t *data, const struct ops_style *style, struct ops_buf *buf) OPS_MUST_USE;
enum ops_status ops_render_vacuum_list(const json_t *data, const struct ops_style *style, struct ops_buf *buf) OPS_MUST_USE;
enum ops_status ops_render_audit_list(const json_t *data, const struct ops_style *style, struct ops_buf *buf) OPS_MUST_USE;

#endif
