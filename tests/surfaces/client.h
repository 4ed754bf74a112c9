/* A client that sends exactly the bytes it is given. Failures fail the test case. */
#ifndef OPS_TESTS_SURFACES_CLIENT_H
#define OPS_TESTS_SURFACES_CLIENT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

enum { CLIENT_BUFFER_BYTES = 512 * 1024, CLIENT_TIMEOUT_MS = 10000 };

struct client {
    int fd;
    size_t length; /* bytes read and not yet taken */
    char *bytes;
};

struct response {
    int status;    /* 0: the connection ended without one */
    char *head;    /* status line and headers; owned */
    char *body;    /* NUL-terminated; owned */
    size_t length; /* of body */
};

struct client client_tcp(uint16_t port);
struct client client_tcp6(uint16_t port);
struct client client_unix(const char *path);
void client_close(struct client *client);

void client_send(struct client *client, const char *text);
/* Likewise, with "localhost:PORT" of the server in the place of the first "Host: x". */
void client_send_to(struct client *client, uint16_t port, const char *text);
void client_send_bytes(struct client *client, const char *bytes, size_t length);
/* Sends what fits and says whether all did: for a peer that may hang up. */
bool client_try_send(struct client *client, const char *bytes, size_t length);
struct response client_receive(struct client *client);      /* one response, body by its Content-Length */
struct response client_receive_head(struct client *client); /* likewise, but without a body, as for HEAD */
bool client_at_end(struct client *client, int timeout_ms);  /* the peer has closed */
void response_release(struct response *response);

/* One request on its own connection: method, target, further header lines (each ended by \r\n) and body, NULL for none. */
struct response ask(uint16_t port, const char *method, const char *target, const char *headers, const char *body);

#endif
