/* The canonical request of Signature Version 4: one text for all ways in which a request may be written.
 *
 * Source: AWS Identity and Access Management User Guide, "Create a signed AWS API request", step 1. Where it leaves
 * something open we do as botocore does, since the services have met its requests more often than anybody else's.
 */
#include "adapters/aws/sigv4.h"

/* ---- Sorting -------------------------------------------------------------------------------------------------------- */

/* A header or a query parameter. */
struct pair {
    struct ops_view name, value;
};

typedef int (*pair_order_fn)(const struct pair *a, const struct pair *b);

static int order_views(struct ops_view a, struct ops_view b)
{
    size_t common = a.length < b.length ? a.length : b.length;
    int order = common ? memcmp(a.data, b.data, common) : 0;
    return order ? order : (a.length > b.length) - (a.length < b.length);
}

static int order_parameters(const struct pair *a, const struct pair *b)
{
    int order = order_views(a->name, b->name);
    return order ? order : order_views(a->value, b->value);
}

/* By insertion: there are few, most are in order already, and headers of one name must keep theirs. */
static void sort_pairs(struct pair *pairs, size_t count, pair_order_fn order)
{
    for (size_t i = 1; i < count; i++) {
        struct pair moving = pairs[i];
        size_t k = i;
        for (; k > 0 && order(&pairs[k - 1], &moving) > 0; k--)
            pairs[k] = pairs[k - 1];
        pairs[k] = moving;
    }
}

/* Failure of the buffer sticks, and the first one counts. */
static void fail_with_limit(struct ops_buf *buf)
{
    if (buf->status == OPS_OK)
        buf->status = OPS_LIMIT;
}

/* ---- Path and query ------------------------------------------------------------------------------------------------- */

/* RFC 3986 section 2.3. */
static bool is_unreserved(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
           c == '~';
}

static void append_encoded(struct ops_view text, struct ops_buf *buf)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.length; i++) {
        uint8_t byte = (uint8_t)text.data[i];
        const char encoded[] = {'%', digits[byte >> 4], digits[byte & 15]};
        if (is_unreserved(text.data[i]))
            ops_buf_append_char(buf, text.data[i]);
        else
            ops_buf_append(buf, encoded, sizeof encoded);
    }
}

/* The next segment that is more than nothing or ".", and at behind it; false when there is none. */
static bool next_segment(const char **at, struct ops_view *ret_segment)
{
    while (**at) {
        *at += strspn(*at, "/");
        struct ops_view segment = ops_view(*at, strcspn(*at, "/"));
        *at += segment.length;
        if (segment.length > 0 && !ops_view_is(segment, ".")) {
            *ret_segment = segment;
            return true;
        }
    }
    return false;
}

/* Whether a ".." in rest takes back the segment before it. */
static bool is_taken_back(const char *rest)
{
    struct ops_view segment;
    size_t depth = 1;
    while (depth > 0 && next_segment(&rest, &segment))
        depth = ops_view_is(segment, "..") ? depth - 1 : depth + 1;
    return depth == 0;
}

/* Without dot segments and empty segments, and each segment encoded once more. AWS names RFC 3986 section 5.2.4 for this, by
 * which "/a/b/.." is "/a/"; botocore says "/a", and so do we. */
static void append_normalised_path(const char *path, struct ops_buf *buf)
{
    struct ops_view segment;
    size_t kept_count = 0;
    for (const char *at = path; next_segment(&at, &segment);) {
        if (ops_view_is(segment, "..") || is_taken_back(at))
            continue;
        ops_buf_append_char(buf, '/');
        append_encoded(segment, buf);
        kept_count++;
    }
    size_t length = strlen(path);
    if (kept_count == 0 || path[length - 1] == '/')
        ops_buf_append_char(buf, '/');
}

/* "name=value", or "name" alone, which has no value. */
static struct pair parse_parameter(struct ops_view text)
{
    const char *equals = memchr(text.data, '=', text.length);
    if (!equals)
        return (struct pair){text, ops_view(NULL, 0)};
    size_t name_length = (size_t)(equals - text.data);
    return (struct pair){ops_view(text.data, name_length), ops_view(equals + 1, text.length - name_length - 1)};
}

/* How many there are; too many fail the buffer. */
static size_t sorted_parameters(const char *query, struct pair ret_pairs[static OPS_SIGV4_PARAMETERS_MAX],
                                struct ops_buf *buf)
{
    size_t count = 0;
    bool more = *query;
    for (const char *at = query; more; at++) {
        if (count == OPS_SIGV4_PARAMETERS_MAX) {
            fail_with_limit(buf);
            return 0;
        }
        struct ops_view text = ops_view(at, strcspn(at, "&"));
        ret_pairs[count++] = parse_parameter(text);
        at += text.length;
        more = *at == '&'; /* what follows it is a parameter even when it is empty */
    }
    sort_pairs(ret_pairs, count, order_parameters);
    return count;
}

static void append_query(const char *query, struct ops_buf *buf)
{
    struct pair pairs[OPS_SIGV4_PARAMETERS_MAX];
    size_t count = sorted_parameters(query, pairs, buf);
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            ops_buf_append_char(buf, '&');
        ops_buf_append_view(buf, pairs[i].name);
        ops_buf_append_char(buf, '=');
        ops_buf_append_view(buf, pairs[i].value);
    }
}

/* ---- Headers -------------------------------------------------------------------------------------------------------- */

/* By ASCII, whatever the locale. */
static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static int order_headers(const struct pair *a, const struct pair *b)
{
    size_t common = a->name.length < b->name.length ? a->name.length : b->name.length;
    for (size_t i = 0; i < common; i++) {
        int order = (uint8_t)lower(a->name.data[i]) - (uint8_t)lower(b->name.data[i]);
        if (order)
            return order;
    }
    return (a->name.length > b->name.length) - (a->name.length < b->name.length);
}

/* How many there are; too many fail the buffer. */
static size_t sorted_headers(const struct ops_sigv4_request *request, struct pair ret_pairs[static OPS_HTTP_HEADERS_MAX],
                             struct ops_buf *buf)
{
    if (request->header_count > OPS_HTTP_HEADERS_MAX) {
        fail_with_limit(buf);
        return 0;
    }
    for (size_t i = 0; i < request->header_count; i++) {
        const struct ops_http_header *header = &request->headers[i];
        ret_pairs[i] = (struct pair){ops_view_of(header->name), ops_view_of(header->value)};
    }
    sort_pairs(ret_pairs, request->header_count, order_headers);
    return request->header_count;
}

static void append_lower(struct ops_view name, struct ops_buf *buf)
{
    char lowered[64]; /* most names fit at once */
    while (name.length > 0) {
        size_t length = name.length < sizeof lowered ? name.length : sizeof lowered;
        for (size_t i = 0; i < length; i++)
            lowered[i] = lower(name.data[i]);
        ops_buf_append(buf, lowered, length);
        name = ops_view(name.data + length, name.length - length);
    }
}

/* Trimmed, and every run of white space inside is one space. AWS speaks of spaces; botocore takes all white space, of which
 * we take what ASCII has. */
static void append_folded(struct ops_view value, struct ops_buf *buf)
{
    static const char white[] = " \t\n\v\f\r";
    const char *at = value.data + strspn(value.data, white);
    while (*at) {
        size_t length = strcspn(at, white);
        ops_buf_append(buf, at, length);
        at += length;
        at += strspn(at, white);
        if (*at)
            ops_buf_append_char(buf, ' ');
    }
}

/* A line for each name; the values of headers of one name are joined in the order in which they are sent. */
static void append_headers(const struct ops_sigv4_request *request, struct ops_buf *buf)
{
    struct pair pairs[OPS_HTTP_HEADERS_MAX];
    size_t count = sorted_headers(request, pairs, buf);
    for (size_t i = 0; i < count; i++) {
        append_lower(pairs[i].name, buf);
        ops_buf_append_char(buf, ':');
        append_folded(pairs[i].value, buf);
        for (; i + 1 < count && order_headers(&pairs[i], &pairs[i + 1]) == 0; i++) {
            ops_buf_append_char(buf, ',');
            append_folded(pairs[i + 1].value, buf);
        }
        ops_buf_append_char(buf, '\n');
    }
}

void ops_sigv4_signed_headers(const struct ops_sigv4_request *request, struct ops_buf *buf)
{
    struct pair pairs[OPS_HTTP_HEADERS_MAX];
    size_t count = sorted_headers(request, pairs, buf);
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && order_headers(&pairs[i - 1], &pairs[i]) == 0)
            continue;
        if (i > 0)
            ops_buf_append_char(buf, ';');
        append_lower(pairs[i].name, buf);
    }
}

/* ---- All of it ------------------------------------------------------------------------------------------------------ */

static void append_path(const struct ops_sigv4_request *request, struct ops_buf *buf)
{
    if (request->single_encoding)
        ops_buf_append_text(buf, request->path);
    else
        append_normalised_path(request->path, buf);
}

void ops_sigv4_canonical(const struct ops_sigv4_request *request, struct ops_buf *buf)
{
    ops_buf_append_text(buf, request->method);
    ops_buf_append_char(buf, '\n');
    append_path(request, buf);
    ops_buf_append_char(buf, '\n');
    append_query(request->query, buf);
    ops_buf_append_char(buf, '\n');
    append_headers(request, buf);
    ops_buf_append_char(buf, '\n');
    ops_sigv4_signed_headers(request, buf);
    ops_buf_append_char(buf, '\n');
    ops_buf_append_text(buf, request->payload_sha256);
}
