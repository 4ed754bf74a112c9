#include "surfaces/wire/access.h"

enum { METHOD_MAX_BYTES = 32, NANOSECONDS_IN_A_MICROSECOND = 1000 };

/* A target that is no path, as a stranger may send one, may name an authority, and a password in it. */
static struct ops_view path_of(const struct ops_wire_request *request)
{
    return request->path.length > 0 && request->path.data[0] == '/' ? request->path : ops_view_of("-");
}

void ops_access_tell(struct ops_log *log, enum ops_surface surface, const struct ops_wire_request *request,
                     const struct ops_wire_reply *reply, int64_t duration_ns)
{
    char who[OPS_PEER_WORDS_SIZE];
    struct ops_peer peer;
    struct ops_log_line line;
    if (reply->is_probe || !ops_log_takes(log, OPS_LOG_INFO))
        return;
    ops_wire_request_peer(request, &peer);
    ops_peer_words(&peer, who);
    ops_log_line_init(&line, OPS_LOG_INFO, "request.answered", NULL);
    ops_log_line_text(&line, "surface", ops_surface_name(surface));
    ops_log_line_view(&line, "method", ops_view(request->method, strnlen(request->method, METHOD_MAX_BYTES)));
    ops_log_line_view(&line, "path", path_of(request));
    ops_log_line_number(&line, "status", reply->http_status);
    ops_log_line_number(&line, "duration_us", duration_ns / NANOSECONDS_IN_A_MICROSECOND);
    if (reply->answer.request_id[0]) {
        ops_log_line_text(&line, "result", ops_status_tag(reply->answer.status));
        ops_log_line_text(&line, "request_id", reply->answer.request_id);
    }
    ops_log_line_text(&line, "peer", who);
    ops_log_write(log, &line);
}
