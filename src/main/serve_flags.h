/* How serve is asked to listen, read whole before anything is made: a start that is refused leaves nothing behind. */
#ifndef OPS_MAIN_SERVE_FLAGS_H
#define OPS_MAIN_SERVE_FLAGS_H

#include "surfaces/cli/cli.h"
#include "surfaces/wire/listen.h"
#include "surfaces/wire/tls.h"

enum { OPS_SERVE_HOSTS_MAX = 32 };

struct ops_serve_flags {
    struct ops_host_port http;
    const char *invoke;   /* "unix:PATH" or "HOST:PORT"; NULL: a socket in the data directory */
    const char *tls_cert; /* paths; NULL: no TLS */
    const char *tls_key;
    struct ops_shared *tls; /* of ops_tls_read; NULL: none, or a server has taken it */
    char *hosts_text;       /* --http-host, cut up; NULL: any host may be meant */
    const char *hosts[OPS_SERVE_HOSTS_MAX + 1];
};

/* *flags zeroed; to be released whatever comes of it. OPS_USAGE, naming the flag; OPS_IO_ERROR and OPS_INVALID_FIELD as
 * ops_tls_read. */
enum ops_status ops_serve_flags_read(const struct ops_cli *cli, struct ops_serve_flags *flags,
                                     struct ops_error *error) OPS_MUST_USE;
void ops_serve_flags_release(struct ops_serve_flags *flags);

#endif
