#include "surfaces/wire/framing.h"

#include "base/proof.h"
#include "surfaces/wire/host.h"

#include <microhttpd.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

static const struct ops_wire_fault head_fault = {
    "head", "The request's head has a byte or a line end in it that HTTP does not allow there."};
static const struct ops_wire_fault name_fault = {"head", "A header's name is not one that HTTP allows."};
static const struct ops_wire_fault other_host = {
    "Host", "The header Host and the request's target name two hosts; it can be read in two ways."};
static const struct ops_wire_fault no_host = {"Host", "An HTTP/1.1 request needs the header Host."};
static const struct ops_wire_fault two_hosts = {"Host", "The header Host is there more than once."};
static const struct ops_wire_fault bad_host = {"Host", "The header Host does not name a host."};
static const struct ops_wire_fault two_lengths = {"Content-Length", "The header Content-Length is there more than once."};
static const struct ops_wire_fault both_lengths = {
    "Transfer-Encoding", "The headers Transfer-Encoding and Content-Length are both there; only one can be true."};
const struct ops_wire_fault ops_framing_too_long = {"head", "The request's head is longer than what is taken here.",
                                                    MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE};
static const struct ops_wire_fault long_target = {"head", "The request's target is longer than what is taken here.",
                                                  MHD_HTTP_URI_TOO_LONG};
static const struct ops_wire_fault bad_version = {"head", "The request's version of HTTP is not one that is spoken here.",
                                                  MHD_HTTP_HTTP_VERSION_NOT_SUPPORTED};
static const struct ops_wire_fault bad_length = {"Content-Length", "The header Content-Length is not one number."};
static const struct ops_wire_fault large_length = {"Content-Length", "The body is larger than what is taken here.",
                                                   MHD_HTTP_CONTENT_TOO_LARGE};
static const struct ops_wire_fault bad_chunks = {"Transfer-Encoding", "The body's chunks are not framed as HTTP wants it."};
static const struct ops_wire_fault bad_coding = {"Transfer-Encoding",
                                                 "The only transfer coding that is taken is 'chunked', once, in HTTP/1.1."};

/* What surfaces decide by, and whoever is before us may have read another of the two. None of them is a list. */
#define ONCE(name)                                                                                                          \
    {                                                                                                                       \
        name, "The header " name " is there more than once; it can be read in two ways."                                    \
    }
static const struct ops_wire_fault once[] = {
    ONCE("Content-Type"),
    ONCE("Expect"),
    ONCE("Origin"),
    ONCE("Sec-Fetch-Site"),
    ONCE("x-session-guid"),
    ONCE("X-Amz-Invocation-Type"),
    ONCE("X-Original-Method"),
    ONCE("X-Original-URI"),
    ONCE("X-Forwarded-Method"),
    ONCE("X-Forwarded-Uri"),
    ONCE("x-ops-gate-knows"),
    ONCE("x-ops-gate-service"),
    ONCE("x-ops-gate-instance"),
    ONCE(OPS_PROOF_NONCE_HEADER),
};
enum { ONCE_COUNT = sizeof once / sizeof once[0] };

struct scan {
    const char *at; /* where the last line ended; NULL: that can't be told */
    bool has_bad_line, has_bad_name;
    const char *host, *coding; /* the first of each */
    unsigned hosts, codings, lengths;
    unsigned named[ONCE_COUNT];
    const struct ops_wire_fault *twice; /* the first of those that are there again; NULL: none */
};

/* ---- bytes ---- */

/* RFC 9110, section 5.6.2. */
static bool is_token(const char *text, size_t length)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_word && (c == '\0' || !strchr(others, c)))
            return false;
    }
    return length > 0;
}

/* A lone CR above all, which some take for the end of the line. */
static bool has_control(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (((unsigned char)text[i] < ' ' && text[i] != '\t') || text[i] == 0x7f)
            return true;
    return false;
}

/* RFC 3986, section 3.2.2, and a port; empty for who means no host in particular. */
static bool is_host(const char *text)
{
    static const char others[] = "-._~%!$&'()*+,;=:[]";
    for (; *text; text++) {
        bool is_word = (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z') || (*text >= '0' && *text <= '9');
        if (!is_word && !strchr(others, *text))
            return false;
    }
    return true;
}

/* ---- lines ---- */

/*
 * The library (0.9.75 to 0.9.77; Debian 12 has the first) reads lines where they are, and puts NULs in the place of what ends
 * each part. So of a head without tricks nothing is missing between its parts: a part that holds a NUL of its own ends before
 * its line does, a line that ends in a LF alone ends in one NUL, and one that is continued on the next (obsolete, RFC 9112,
 * section 5.2) has been moved. Later ones can be told to be strict, and need not leave things there. Which one it is shows
 * when the program runs: they share a name.
 */
bool ops_framing_needs_strict_library(void)
{
    return strcmp(MHD_get_version(), "0.9.78") >= 0;
}

enum { VERSION_LENGTH = sizeof "HTTP/1.1" - 1, LINE_END = 2 };

static bool ends_line(const char *at)
{
    return at[0] == '\0' && at[1] == '\0';
}

const char *ops_target_end(const char *target)
{
    size_t length = strlen(target);
    bool is_bad = has_control(target, length) || memchr(target, ' ', length) || memchr(target, '\t', length);
    return is_bad ? NULL : target + length;
}

static void begin_lines(const struct ops_request_line *line, struct scan *scan)
{
    size_t method_length = strlen(line->method);
    scan->has_bad_line = !is_token(line->method, method_length) || !line->target_end;
    if (ops_framing_needs_strict_library())
        return;
    scan->at = line->version + VERSION_LENGTH;
    scan->has_bad_line = scan->has_bad_line || line->target != line->method + method_length + 1 ||
                         line->version != line->target_end + 1 || !ends_line(scan->at);
}

static void follow_lines(struct scan *scan, const char *name, size_t name_length, const char *value, size_t value_length)
{
    if (!scan->at)
        return;
    const char *blank = name + name_length + 1;
    while (blank < value && (*blank == ' ' || *blank == '\t'))
        blank++;
    scan->has_bad_line =
        scan->has_bad_line || name != scan->at + LINE_END || blank != value || !ends_line(value + value_length);
    scan->at = value + value_length;
}

/* What comes behind the empty line is memory that nobody has written, so a LF alone does not show there; but the library says
 * how long the head was. */
static bool has_bad_end(struct MHD_Connection *connection, const struct ops_request_line *line, const struct scan *scan)
{
    if (!scan->at)
        return false;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    return !info || line->method + info->header_size != scan->at + LINE_END + LINE_END;
}

/* ---- headers ---- */

static bool is_named(const char *name, size_t length, const char *wanted)
{
    return strlen(wanted) == length && strncasecmp(name, wanted, length) == 0;
}

static void count_once(struct scan *scan, const char *name, size_t length)
{
    for (size_t i = 0; i < ONCE_COUNT; i++)
        if (is_named(name, length, once[i].field) && scan->named[i]++ > 0 && !scan->twice)
            scan->twice = &once[i];
}

static enum MHD_Result visit(void *cls, enum MHD_ValueKind kind, const char *name, size_t name_length, const char *value,
                             size_t value_length)
{
    (void)kind; /* the only kind that was asked for */
    struct scan *scan = cls;
    follow_lines(scan, name, name_length, value, value_length);
    if (scan->has_bad_line)
        return MHD_NO; /* what comes next is nobody's line */
    scan->has_bad_line = has_control(value, value_length);
    scan->has_bad_name = scan->has_bad_name || !is_token(name, name_length);
    if (is_named(name, name_length, MHD_HTTP_HEADER_HOST) && scan->hosts++ == 0)
        scan->host = value;
    if (is_named(name, name_length, MHD_HTTP_HEADER_TRANSFER_ENCODING) && scan->codings++ == 0)
        scan->coding = value;
    count_once(scan, name, name_length);
    scan->lengths += is_named(name, name_length, MHD_HTTP_HEADER_CONTENT_LENGTH);
    return scan->has_bad_line ? MHD_NO : MHD_YES;
}

static uint16_t port_of(const struct ops_host *host, bool is_tls)
{
    enum { HTTP_PORT = 80, HTTPS_PORT = 443 };
    return host->port ? host->port : is_tls ? HTTPS_PORT : HTTP_PORT;
}

/* RFC 9112, section 3.2.2: who sends a target in absolute form says its host in Host as well. There are servers that go by
 * the one and such that go by the other. */
static bool names_other_host(const struct ops_request_line *line, const char *host_text)
{
    struct ops_host target, host;
    bool is_tls = strncasecmp(line->target, "https", strlen("https")) == 0;
    if (!line->authority.data || !host_text)
        return false;
    return !ops_host_read(line->authority, &target) || !ops_host_read(ops_view_of(host_text), &host) ||
           target.name.length != host.name.length || strncasecmp(target.name.data, host.name.data, host.name.length) != 0 ||
           port_of(&target, is_tls) != port_of(&host, is_tls);
}

const struct ops_wire_fault *ops_framing_fault(struct MHD_Connection *connection, const struct ops_request_line *line)
{
    struct scan scan = {.at = NULL};
    bool is_old = strcmp(line->version, "HTTP/1.0") == 0;
    begin_lines(line, &scan);
    if (!scan.has_bad_line)
        (void)MHD_get_connection_values_n(connection, MHD_HEADER_KIND, visit, &scan); /* the count */
    const struct {
        bool is_so;
        const struct ops_wire_fault *fault;
    } faults[] = {
        {scan.has_bad_line || has_bad_end(connection, line, &scan), &head_fault},
        {scan.has_bad_name, &name_fault},
        {scan.hosts == 0 && !is_old, &no_host},
        {scan.hosts > 1, &two_hosts},
        {scan.host && !is_host(scan.host), &bad_host},
        {names_other_host(line, scan.host), &other_host},
        {scan.lengths > 1, &two_lengths},
        {scan.codings > 0 && scan.lengths > 0, &both_lengths},
        {scan.codings > 1 || (scan.coding && (is_old || strcasecmp(scan.coding, "chunked") != 0)), &bad_coding},
    };
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        if (faults[i].is_so)
            return faults[i].fault;
    return scan.twice;
}

static bool has_header(struct MHD_Connection *connection, const char *name)
{
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name) != NULL;
}

const struct ops_wire_fault *ops_framing_refused(struct MHD_Connection *connection, unsigned http_status)
{
    const struct {
        unsigned http_status;
        const struct ops_wire_fault *fault;
    } faults[] = {
        {MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE, &ops_framing_too_long},
        {MHD_HTTP_URI_TOO_LONG, &long_target},
        {MHD_HTTP_CONTENT_TOO_LARGE, &large_length},
        {MHD_HTTP_HTTP_VERSION_NOT_SUPPORTED, &bad_version},
    };
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        if (http_status == faults[i].http_status)
            return faults[i].fault;
    if (has_header(connection, MHD_HTTP_HEADER_TRANSFER_ENCODING))
        return &bad_chunks;
    return has_header(connection, MHD_HTTP_HEADER_CONTENT_LENGTH) ? &bad_length : &head_fault;
}
