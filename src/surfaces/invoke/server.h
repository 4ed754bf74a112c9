/* The invoke surface: the Lambda Invoke API, so that whatever speaks to Lambda speaks to us.
 *
 * POST /2015-03-31/functions/{FunctionName}/invocations runs the operation of that function name (see app/call.h). What an
 * operation refuses is HTTP 200 with an error envelope, as Lambda answers; other statuses mean that nothing ran:
 *   400 InvalidParameterValueException, InvalidRequestContentException · 403 AccessDeniedException (guard.h) · 404
 *   ResourceNotFoundException, UnknownOperationException · 405 · 413 RequestTooLargeException
 * each with x-amzn-ErrorType, and a body with Lambda's Type and Message before the envelope's own members. Signatures are
 * not looked at: the file's mode, or loopback, says who may call. There is one version of each function, $LATEST, and any
 * qualifier means it.
 *
 * A call may have to wait for its turn (app/call.h, struct ops_turn). It holds no thread meanwhile.
 */
#ifndef OPS_SURFACES_INVOKE_SERVER_H
#define OPS_SURFACES_INVOKE_SERVER_H

#include "app/call.h"
#include "surfaces/wire/limits.h"
#include "surfaces/wire/traffic.h"

/* Where config says nothing. Of a user's, or of loopback's, are not all: somebody else finds a place whatever they do. */
enum {
    OPS_INVOKE_BODY_MAX = 1024 * 1024,
    OPS_INVOKE_CONNECTIONS_MAX = 1024,
    OPS_INVOKE_CONNECTIONS_PER_PARTY = 768,
    OPS_INVOKE_BODIES_MAX_BYTES = 28 * 1024 * 1024, /* 64 MiB with the HTTP surface's and with what small ones have free */
};

struct ops_invoke_config {
    const char *listen; /* "unix:PATH" or "HOST:PORT"; port 0: the kernel picks one */
    unsigned threads;   /* 0: as many as the wire thinks fit */
    struct ops_wire_limits limits;
    struct ops_traffic *traffic; /* where answers are counted; outlives the server; NULL: nowhere */
    const char *proof_token;       /* see base/proof.h; outlives the server; NULL: it proves nothing */
    struct ops_log *access_log;    /* a line for each answer; NULL: none */
};

struct ops_invoke_server;

/* Listens and answers from its own threads until it is stopped. app outlives it. OPS_USAGE: listen can't be read, is not
 * loopback, or its path is too long. OPS_IO_ERROR: it can't be listened on; the sentence says why. OPS_NO_MEMORY. */
enum ops_status ops_invoke_server_start(struct ops_app *app, const struct ops_invoke_config *config,
                                        struct ops_invoke_server **ret_server, struct ops_error *error) OPS_MUST_USE;

/* "unix:/path" or "127.0.0.1:1234", with the port that was picked; valid until stop. */
const char *ops_invoke_server_address(const struct ops_invoke_server *server);

/* The same as it turned out: with the address that a host's name stands for. */
const char *ops_invoke_server_bound(const struct ops_invoke_server *server);

/* Lets requests under way finish, for a few seconds at most; removes the unix socket's file. NULL is fine. */
void ops_invoke_server_stop(struct ops_invoke_server *server);

#endif
