/* The canonical request. The input is a request as the canonical form writes one, in any shape: the first byte says whether
 * it is one of S3, then come the lines: method, path, query, and "name:value" for each header.
 */
#include "fuzz/fuzz.h"

#include "adapters/aws/sigv4.h"

#include <string.h>

enum {
    INPUT_MAX_BYTES = 4096,
    CANONICAL_MAX_BYTES = 8 * INPUT_MAX_BYTES, /* the path threefold, and the headers' names once more */
};

struct parsed {
    char text[CANONICAL_MAX_BYTES + 1];
    struct ops_http_header headers[OPS_HTTP_HEADERS_MAX + 1]; /* one too many is a case, too */
    struct ops_sigv4_request request;
};

/* Cuts the next line off; "" when there is none. */
static char *next_line(char **rest)
{
    char *line = *rest;
    *rest += strcspn(line, "\n");
    if (**rest)
        *(*rest)++ = '\0';
    return line;
}

static void parse(struct ops_view text, bool single_encoding, struct parsed *ret_parsed)
{
    FUZZ_MUST(text.length <= CANONICAL_MAX_BYTES);
    memcpy(ret_parsed->text, text.data, text.length);
    ret_parsed->text[text.length] = '\0';
    char *rest = ret_parsed->text;
    struct ops_sigv4_request *request = &ret_parsed->request;
    *request = (struct ops_sigv4_request){.headers = ret_parsed->headers, .single_encoding = single_encoding};
    request->payload_sha256 = "payload";
    request->method = next_line(&rest);
    request->path = next_line(&rest);
    request->query = next_line(&rest);
    while (*rest && *rest != '\n' && request->header_count <= OPS_HTTP_HEADERS_MAX) {
        char *name = next_line(&rest);
        char *value = name + strcspn(name, ":");
        if (*value)
            *value++ = '\0';
        ret_parsed->headers[request->header_count++] = (struct ops_http_header){name, value};
    }
}

static enum ops_status canonical(const struct ops_sigv4_request *request, struct ops_buf *buf)
{
    ops_buf_init(buf, CANONICAL_MAX_BYTES);
    ops_sigv4_canonical(request, buf);
    FUZZ_MUST(ops_buf_status(buf) == OPS_OK || ops_buf_status(buf) == OPS_LIMIT);
    return ops_buf_status(buf);
}

static void must_come_to(const struct ops_sigv4_request *request, const struct ops_buf *expected)
{
    struct ops_buf buf;
    FUZZ_MUST(canonical(request, &buf) == OPS_OK);
    FUZZ_MUST(ops_view_equal(ops_buf_view(&buf), ops_buf_view(expected)));
    ops_buf_release(&buf);
}

/* A canonical request is its own canonical form, but for the path, which is encoded once more when it is not S3's. */
static void canonical_again(const struct ops_buf *expected)
{
    static struct parsed again;
    parse(ops_buf_view(expected), true, &again);
    must_come_to(&again.request, expected);
}

static void parameters_in_reverse(struct ops_sigv4_request request, const struct ops_buf *expected)
{
    static char reversed[CANONICAL_MAX_BYTES + 1];
    size_t left = strlen(request.query);
    reversed[left] = '\0';
    for (const char *at = request.query; left > 0; at++) {
        size_t length = strcspn(at, "&");
        left -= length;
        memcpy(reversed + left, at, length);
        at += length;
        if (*at)
            reversed[--left] = '&';
    }
    request.query = reversed;
    must_come_to(&request, expected);
}

/* Headers of one name have one length, so they keep their order, which counts. */
static void headers_by_odd_and_even_length(struct ops_sigv4_request request, const struct ops_buf *expected)
{
    struct ops_http_header headers[OPS_HTTP_HEADERS_MAX];
    size_t count = 0;
    for (size_t parity = 0; parity < 2; parity++)
        for (size_t i = 0; i < request.header_count; i++)
            if (strlen(request.headers[i].name) % 2 == parity)
                headers[count++] = request.headers[i];
    request.headers = headers;
    must_come_to(&request, expected);
}

static void path_is_normal(const struct ops_buf *text)
{
    const char *path = strchr(ops_buf_text(text), '\n') + 1;
    struct ops_view line = ops_view(path, strcspn(path, "\n"));
    FUZZ_MUST(line.length > 0 && path[0] == '/');
    for (size_t i = 0; i < line.length; i++)
        FUZZ_MUST(path[i] > ' ' && path[i] < 0x7f && (path[i] != '/' || i == 0 || path[i - 1] != '/'));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    static struct parsed parsed;
    struct ops_buf text;
    if (count == 0 || count > INPUT_MAX_BYTES)
        return 0;
    parse(fuzz_view(bytes + 1, count - 1), bytes[0] % 2, &parsed);
    if (canonical(&parsed.request, &text) == OPS_OK) {
        must_come_to(&parsed.request, &text);
        canonical_again(&text);
        parameters_in_reverse(parsed.request, &text);
        headers_by_odd_and_even_length(parsed.request, &text);
        if (!parsed.request.single_encoding)
            path_is_normal(&text);
    }
    ops_buf_release(&text);
    return 0;
}
