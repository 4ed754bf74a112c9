/* sign_lines: signs requests that come on standard input as JSON, one a line, and says for each, on a line of standard
 * output, its Authorization header, or "! <status tag>". tests/e2e/test_sigv4.py holds the answers against botocore's.
 *
 *     {"method": "GET", "path": "/a%20b", "query": "x=1", "headers": [["Host", "..."], ["X-Amz-Date", "..."]],
 *      "payload_sha256": "...", "single_encoding": true, "at_ms": 1440938160000,
 *      "access_key_id": "...", "secret_access_key": "...", "region": "...", "service": "s3"}
 */
#include "adapters/aws/sigv4.h"
#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>

static const char *text(const json_t *line, const char *name)
{
    return ops_json_text(line, name, "");
}

/* The headers point into line. */
static enum ops_status sign(const json_t *line, char ret_value[static OPS_SIGV4_AUTHORIZATION_SIZE])
{
    struct ops_http_header headers[OPS_HTTP_HEADERS_MAX];
    const json_t *list = json_object_get(line, "headers");
    struct ops_sigv4_key key;
    if (json_array_size(list) > OPS_HTTP_HEADERS_MAX)
        return OPS_LIMIT;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *header = json_array_get(list, i);
        headers[i] = (struct ops_http_header){json_string_value(json_array_get(header, 0)),
                                              json_string_value(json_array_get(header, 1))};
        if (!headers[i].name || !headers[i].value)
            return OPS_INVALID_FIELD;
    }
    const struct ops_sigv4_request request = {
        .method = text(line, "method"),
        .path = text(line, "path"),
        .query = text(line, "query"),
        .headers = headers,
        .header_count = json_array_size(list),
        .payload_sha256 = text(line, "payload_sha256"),
        .single_encoding = ops_json_flag(line, "single_encoding", false),
    };
    enum ops_status status = ops_sigv4_key_derive(text(line, "secret_access_key"), text(line, "region"),
                                                  text(line, "service"), ops_json_integer(line, "at_ms", 0), &key);
    if (status == OPS_OK)
        status = ops_sigv4_authorization(&request, &key, text(line, "access_key_id"), ret_value);
    ops_sigv4_key_wipe(&key);
    return status;
}

static void answer(struct ops_view bytes)
{
    char value[OPS_SIGV4_AUTHORIZATION_SIZE];
    json_t *line = NULL;
    enum ops_status status = ops_json_parse_object(bytes, &line, NULL);
    if (status == OPS_OK)
        status = sign(line, value);
    if (status == OPS_OK)
        (void)puts(value);
    else
        (void)printf("! %s\n", ops_status_tag(status));
    json_decref(line);
}

int main(void)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t length;
    while ((length = getline(&line, &size, stdin)) > 0)
        answer(ops_view(line, (size_t)length));
    free(line);
    return ferror(stdin) || fflush(stdout) ? 1 : 0;
}
