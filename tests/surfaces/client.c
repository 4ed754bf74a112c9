#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct client connected(int fd, const struct sockaddr *address, socklen_t length)
{
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, address, length), 0);
    char *bytes = malloc(CLIENT_BUFFER_BYTES);
    assert_non_null(bytes);
    return (struct client){.fd = fd, .bytes = bytes};
}

struct client client_tcp(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return connected(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&address, sizeof address);
}

struct client client_tcp6(uint16_t port)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    return connected(socket(AF_INET6, SOCK_STREAM, 0), (struct sockaddr *)&address, sizeof address);
}

struct client client_unix(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    return connected(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&address, sizeof address);
}

void client_close(struct client *client)
{
    (void)close(client->fd);
    free(client->bytes);
}

bool client_try_send(struct client *client, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(client->fd, bytes, length, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        bytes += sent;
        length -= (size_t)sent;
    }
    return true;
}

void client_send_bytes(struct client *client, const char *bytes, size_t length)
{
    assert_true(client_try_send(client, bytes, length));
}

void client_send(struct client *client, const char *text)
{
    client_send_bytes(client, text, strlen(text));
}

void client_send_to(struct client *client, uint16_t port, const char *text)
{
    static const char before[] = "Host: x";
    char host[32];
    const char *at = strstr(text, before);
    assert_non_null(at);
    (void)snprintf(host, sizeof host, "Host: localhost:%u", port);
    client_send_bytes(client, text, (size_t)(at - text));
    client_send(client, host);
    client_send(client, at + strlen(before));
}

/* More bytes; false at the end of the connection. */
static bool fill(struct client *client, int timeout_ms)
{
    struct pollfd ready = {.fd = client->fd, .events = POLLIN};
    assert_true(client->length < CLIENT_BUFFER_BYTES);
    if (poll(&ready, 1, timeout_ms) != 1)
        fail_msg("no answer within %d ms", timeout_ms);
    ssize_t count = recv(client->fd, client->bytes + client->length, CLIENT_BUFFER_BYTES - client->length, 0);
    if (count <= 0)
        return false;
    client->length += (size_t)count;
    return true;
}

bool client_at_end(struct client *client, int timeout_ms)
{
    struct pollfd ready = {.fd = client->fd, .events = POLLIN};
    char byte;
    return poll(&ready, 1, timeout_ms) == 1 && recv(client->fd, &byte, 1, 0) <= 0;
}

static char *take(struct client *client, size_t length)
{
    char *text = malloc(length + 1);
    assert_non_null(text);
    memcpy(text, client->bytes, length);
    text[length] = '\0';
    client->length -= length;
    memmove(client->bytes, client->bytes + length, client->length);
    return text;
}

struct response client_receive_head(struct client *client)
{
    struct response response = {.status = 0};
    char *end;
    while (!(end = memmem(client->bytes, client->length, "\r\n\r\n", 4)))
        if (!fill(client, CLIENT_TIMEOUT_MS))
            return response;
    response.head = take(client, (size_t)(end - client->bytes) + 4);
    assert_int_equal(sscanf(response.head, "HTTP/1.1 %d", &response.status), 1);
    return response;
}

struct response client_receive(struct client *client)
{
    struct response response = client_receive_head(client);
    const char *length = response.head ? strcasestr(response.head, "\r\nContent-Length: ") : NULL;
    if (!length)
        return response;
    response.length = strtoul(length + strlen("\r\nContent-Length: "), NULL, 10);
    while (client->length < response.length)
        assert_true(fill(client, CLIENT_TIMEOUT_MS));
    response.body = take(client, response.length);
    return response;
}

void response_release(struct response *response)
{
    free(response->head);
    free(response->body);
}

struct response ask(uint16_t port, const char *method, const char *target, const char *headers, const char *body)
{
    char *request = NULL;
    char length[48] = "";
    if (body)
        (void)snprintf(length, sizeof length, "Content-Length: %zu\r\n", strlen(body));
    assert_true(asprintf(&request, "%s %s HTTP/1.1\r\nHost: localhost:%u\r\n%s%s\r\n%s", method, target, port,
                         headers ? headers : "", length, body ? body : "") > 0);
    struct client client = client_tcp(port);
    client_send(&client, request);
    struct response response = strcmp(method, "HEAD") == 0 ? client_receive_head(&client) : client_receive(&client);
    client_close(&client);
    free(request);
    return response;
}
