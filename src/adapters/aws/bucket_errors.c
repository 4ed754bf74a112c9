#include "adapters/aws/bucket_errors.h"

#include "adapters/aws/xml.h"

enum { ERROR_DEPTH = 2, FIELD_DEPTH = 3, FIELD_COUNT = 4, FIELD_MAX_BYTES = OPS_XML_TEXT_MAX_BYTES };

/* ---- Text that fits ---- */

/* The character that begins at *at, and at behind it; -1 when it is no UTF-8 (RFC 3629 section 4). */
static int32_t next_character(const uint8_t **at, const uint8_t *end)
{
    static const int32_t least[] = {0, 0x80, 0x800, 0x10000};
    const uint8_t first = *(*at)++;
    if (first < 0x80)
        return first;
    size_t more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
    if (first < 0xc2 || first > 0xf4 || (size_t)(end - *at) < more)
        return -1;
    int32_t character = first & (0x3f >> more);
    for (size_t i = 0; i < more; i++, (*at)++) {
        if ((**at & 0xc0) != 0x80)
            return -1;
        character = character << 6 | (**at & 0x3f);
    }
    return character < least[more] ? -1 : character;
}

static bool is_xml_character(int32_t c)
{
    return c == '\t' || c == '\n' || c == '\r' || (c >= ' ' && c <= 0xd7ff) || (c >= 0xe000 && c <= 0xfffd) ||
           (c >= 0x10000 && c <= 0x10ffff);
}

bool ops_s3_fits_xml(struct ops_view text)
{
    const uint8_t *at = (const uint8_t *)text.data, *end = at + text.length;
    while (at < end)
        if (*at >= ' ' && *at < 0x80)
            at++;
        else if (!is_xml_character(next_character(&at, end)))
            return false;
    return true;
}

/* ---- The request ---- */

void ops_s3_delete_begin(struct ops_buf *buf)
{
    ops_buf_append_text(buf, "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Quiet>true</Quiet>");
}

void ops_s3_delete_add(struct ops_buf *buf, struct ops_view key, struct ops_view version_id)
{
    ops_buf_append_text(buf, "<Object><Key>");
    ops_xml_append(buf, key);
    if (version_id.length > 0) {
        ops_buf_append_text(buf, "</Key><VersionId>");
        ops_xml_append(buf, version_id);
        ops_buf_append_text(buf, "</VersionId></Object>");
    } else {
        ops_buf_append_text(buf, "</Key></Object>");
    }
}

void ops_s3_delete_end(struct ops_buf *buf)
{
    ops_buf_append_text(buf, "</Delete>");
}

/* ---- The answer ---- */

struct reading {
    ops_s3_on_error_fn on_error;
    void *context;
    int depth;
    bool in_root;
    bool in_error;
    struct ops_buf fields[FIELD_COUNT];
};

static const char *const field_names[FIELD_COUNT] = {"Key", "VersionId", "Code", "Message"};

/* FIELD_COUNT: none of them. */
static size_t field_of(const struct reading *reading, const char *name)
{
    size_t field = 0;
    while (field < FIELD_COUNT &&
           !(reading->in_error && reading->depth == FIELD_DEPTH && strcmp(name, field_names[field]) == 0))
        field++;
    return field;
}

static bool on_begin(void *context, const char *name)
{
    struct reading *reading = context;
    reading->depth++;
    if (reading->depth == 1)
        reading->in_root = strcmp(name, "DeleteResult") == 0;
    if (reading->depth == ERROR_DEPTH) {
        reading->in_error = strcmp(name, "Error") == 0;
        for (size_t i = 0; i < FIELD_COUNT; i++)
            ops_buf_clear(&reading->fields[i]);
    }
    return field_of(reading, name) < FIELD_COUNT;
}

static void tell(const struct reading *reading)
{
    const struct ops_s3_error error = {
        .key = ops_buf_view(&reading->fields[0]),
        .version_id = ops_buf_view(&reading->fields[1]),
        .code = ops_buf_view(&reading->fields[2]),
        .message = ops_buf_view(&reading->fields[3]),
    };
    reading->on_error(reading->context, &error);
}

static enum ops_status on_end(void *context, const char *name, struct ops_view text)
{
    struct reading *reading = context;
    enum ops_status status = reading->in_root ? OPS_OK : OPS_CORRUPT;
    size_t field = field_of(reading, name);
    if (status == OPS_OK && field < FIELD_COUNT) {
        ops_buf_append_view(&reading->fields[field], text);
        status = ops_buf_status(&reading->fields[field]);
    }
    if (status == OPS_OK && reading->depth == ERROR_DEPTH && reading->in_error)
        tell(reading);
    reading->depth--;
    return status;
}

enum ops_status ops_s3_errors_read(struct ops_view document, ops_s3_on_error_fn on_error, void *context)
{
    struct reading reading = {.on_error = on_error, .context = context};
    const struct ops_xml_handler handler = {.context = &reading, .begin = on_begin, .end = on_end};
    for (size_t i = 0; i < FIELD_COUNT; i++)
        ops_buf_init(&reading.fields[i], FIELD_MAX_BYTES);
    enum ops_status status = ops_xml_read(document, &handler);
    for (size_t i = 0; i < FIELD_COUNT; i++)
        ops_buf_release(&reading.fields[i]);
    return status;
}
