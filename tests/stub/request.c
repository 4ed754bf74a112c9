#include "stub/http.h"

#include <strings.h>

struct ops_view stub_request_header(const struct stub_request *request, const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; i < request->header_count; i++) {
        struct ops_view found = request->headers[i].name;
        if (found.length == length && strncasecmp(found.data, name, length) == 0)
            return request->headers[i].value;
    }
    return ops_view(NULL, 0);
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

void stub_percent_decode(struct ops_view text, struct ops_buf *buf)
{
    for (size_t i = 0; i < text.length; i++) {
        int high = text.data[i] == '%' && i + 2 < text.length ? hex_value(text.data[i + 1]) : -1;
        int low = high >= 0 ? hex_value(text.data[i + 2]) : -1;
        if (low < 0) {
            ops_buf_append_char(buf, text.data[i]);
            continue;
        }
        ops_buf_append_char(buf, (char)(high * 16 + low));
        i += 2;
    }
}

bool stub_request_parameter(const struct stub_request *request, const char *name, struct ops_buf *ret_value)
{
    struct ops_view left = request->query;
    while (left.length) {
        const char *end = memchr(left.data, '&', left.length);
        size_t length = end ? (size_t)(end - left.data) : left.length;
        const char *equals = memchr(left.data, '=', length);
        size_t name_length = equals ? (size_t)(equals - left.data) : length;
        if (ops_view_is(ops_view(left.data, name_length), name)) {
            if (ret_value && equals)
                stub_percent_decode(ops_view(equals + 1, length - name_length - 1), ret_value);
            return true;
        }
        size_t step = length + (end != NULL);
        left = ops_view(left.data + step, left.length - step);
    }
    return false;
}
