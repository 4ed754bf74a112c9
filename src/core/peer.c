#include "core/peer.h"

#include "base/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool is_loopback(const char *address)
{
    return starts_with(address, "127.") || starts_with(address, "::ffff:127.") || strcmp(address, "::1") == 0;
}

bool ops_peer_same(const struct ops_peer *a, const struct ops_peer *b)
{
    if (a->kind != b->kind)
        return false;
    switch (a->kind) {
    case OPS_PEER_UNKNOWN:
        return true;
    case OPS_PEER_PROCESS:
        return a->uid == b->uid;
    case OPS_PEER_ADDRESS:
        return (is_loopback(a->text) && is_loopback(b->text)) || strcmp(a->text, b->text) == 0;
    case OPS_PEER_SOURCE:
        return strcmp(a->text, b->text) == 0;
    }
    return false;
}

bool ops_peer_same_caller(const struct ops_peer *a, const struct ops_peer *b)
{
    return ops_peer_same(a, b) && a->pid == b->pid && a->port == b->port && strcmp(a->text, b->text) == 0;
}

json_t *ops_peer_json(const struct ops_peer *peer)
{
    switch (peer->kind) {
    case OPS_PEER_UNKNOWN:
        return NULL;
    case OPS_PEER_PROCESS:
        return peer->pid > 0 ? json_pack("{s:I, s:I}", "uid", (json_int_t)peer->uid, "pid", (json_int_t)peer->pid)
                             : json_pack("{s:I}", "uid", (json_int_t)peer->uid);
    case OPS_PEER_ADDRESS:
        return json_pack("{s:s}", "address", peer->text);
    case OPS_PEER_SOURCE:
        return ops_json_pack("{s:o}", "source", ops_json_any_text(ops_view_of(peer->text)));
    }
    return NULL;
}

void ops_peer_text(const struct ops_peer *peer, char ret_text[static OPS_PEER_WORDS_SIZE])
{
    ret_text[0] = '\0';
    if (peer->kind == OPS_PEER_PROCESS)
        (void)snprintf(ret_text, OPS_PEER_WORDS_SIZE, "uid:%" PRId64, peer->uid);
    else if (peer->kind != OPS_PEER_UNKNOWN)
        (void)snprintf(ret_text, OPS_PEER_WORDS_SIZE, "%s:%s", peer->kind == OPS_PEER_ADDRESS ? "address" : "source",
                       peer->text);
    for (char *c = ret_text; *c; c++)
        *c = *c < ' ' || *c > '~' ? '?' : *c;
}

void ops_peer_words(const struct ops_peer *peer, char ret_words[static OPS_PEER_WORDS_SIZE])
{
    if (peer->kind == OPS_PEER_PROCESS && peer->pid > 0)
        (void)snprintf(ret_words, OPS_PEER_WORDS_SIZE, "uid %" PRId64 ", pid %" PRId64, peer->uid, peer->pid);
    else if (peer->kind == OPS_PEER_PROCESS)
        (void)snprintf(ret_words, OPS_PEER_WORDS_SIZE, "uid %" PRId64, peer->uid);
    else if (peer->kind == OPS_PEER_UNKNOWN)
        (void)snprintf(ret_words, OPS_PEER_WORDS_SIZE, "an unknown caller");
    else
        (void)snprintf(ret_words, OPS_PEER_WORDS_SIZE, "%s", peer->text);
}
