/* The inputs that a query string holds. */
#ifndef OPS_SURFACES_HTTP_QUERY_H
#define OPS_SURFACES_HTTP_QUERY_H

#include "base/error.h"
#include "surfaces/wire/server.h"

struct ops_query_inputs {
    json_t *values;         /* object of texts, or NULL when the query is empty; owned */
    bool has_credential;    /* a session guid or secret code is in it */
    enum ops_status status; /* the first failure: OPS_INVALID_FIELD (its field in error), OPS_NO_MEMORY */
    struct ops_error error; /* goes with status; owned */
};

/* Reads the query of request, whatever its method and route. */
void ops_query_inputs_init(struct ops_query_inputs *inputs, const struct ops_wire_request *request);
void ops_query_inputs_release(struct ops_query_inputs *inputs);

#endif
