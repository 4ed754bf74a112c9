#include "surfaces/wire/proof.h"

#include "base/proof.h"

#include <microhttpd.h>

bool ops_wire_prove(const char *token, enum ops_surface surface, const struct ops_wire_request *request,
                    struct ops_wire_reply *reply)
{
    char proof[OPS_PROOF_TEXT_SIZE];
    if (!token || !ops_view_is(request->path, OPS_PROOF_PATH) || strcmp(request->method, "GET") != 0 || request->has_body)
        return false;
    struct ops_view nonce = ops_wire_request_header(request, OPS_PROOF_NONCE_HEADER);
    if (!ops_proof_well_formed(nonce) || ops_proof_make(token, ops_surface_name(surface), nonce, proof) != OPS_OK)
        return false;
    ops_buf_clear(&reply->scratch);
    ops_buf_append_format(&reply->scratch, "{\"proof\":\"%s\"}\n", proof);
    if (ops_buf_status(&reply->scratch) != OPS_OK)
        return false;
    reply->http_status = MHD_HTTP_OK;
    reply->content_type = ops_wire_json_type;
    reply->body = ops_buf_view(&reply->scratch);
    return true;
}
