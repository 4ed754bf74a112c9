#include "adapters/aws/xml.h"

#include "adapters/aws/secret_text.h"
#include "adapters/aws/xml_plain.h"

#include <expat.h>
#include <limits.h>

struct reading {
    XML_Parser parser;
    const struct ops_xml_handler *handler;
    struct ops_buf text;
    int depth;
    enum ops_status status;
};

static void stop(struct reading *reading, enum ops_status status)
{
    reading->status = status;
    (void)XML_StopParser(reading->parser, XML_FALSE); /* fails only when it has stopped already */
}

static void on_text(void *context, const XML_Char *text, int length)
{
    struct reading *reading = context;
    ops_buf_append(&reading->text, text, (size_t)length);
    if (ops_buf_status(&reading->text) != OPS_OK)
        stop(reading, ops_buf_status(&reading->text));
}

static void on_begin(void *context, const XML_Char *name, const XML_Char **attributes)
{
    struct reading *reading = context;
    (void)attributes;
    if (++reading->depth > OPS_XML_DEPTH_MAX) {
        stop(reading, OPS_CORRUPT);
        return;
    }
    ops_buf_clear(&reading->text);
    bool wanted = reading->handler->begin(reading->handler->context, name);
    /* Most text is not wanted, and calls for it cost more than reading over it. */
    XML_SetCharacterDataHandler(reading->parser, wanted ? on_text : NULL);
}

static void on_end(void *context, const XML_Char *name)
{
    struct reading *reading = context;
    reading->depth--;
    XML_SetCharacterDataHandler(reading->parser, NULL);
    enum ops_status status = reading->handler->end(reading->handler->context, name, ops_buf_view(&reading->text));
    ops_buf_clear(&reading->text);
    if (status != OPS_OK)
        stop(reading, status);
}

/* No service of AWS sends one, and entities are how a small document becomes a large one. */
static void on_doctype(void *context, const XML_Char *name, const XML_Char *system_id, const XML_Char *public_id,
                       int has_internal_subset)
{
    (void)name, (void)system_id, (void)public_id, (void)has_internal_subset;
    stop(context, OPS_CORRUPT);
}

static void read_with_expat(struct ops_view document, struct reading *reading)
{
    reading->parser = XML_ParserCreate(NULL);
    if (!reading->parser) {
        reading->status = OPS_NO_MEMORY;
        return;
    }
    XML_SetUserData(reading->parser, reading);
    XML_SetElementHandler(reading->parser, on_begin, on_end);
    XML_SetStartDoctypeDeclHandler(reading->parser, on_doctype);
    if (XML_Parse(reading->parser, document.data, (int)document.length, XML_TRUE) != XML_STATUS_OK &&
        reading->status == OPS_OK)
        reading->status = XML_GetErrorCode(reading->parser) == XML_ERROR_NO_MEMORY ? OPS_NO_MEMORY : OPS_CORRUPT;
    XML_ParserFree(reading->parser);
}

static bool read_quickly(struct ops_view document, struct reading *reading)
{
    if (ops_xml_plain_read(document, reading->handler, &reading->text, &reading->status))
        return true;
    reading->status = OPS_OK;
    ops_buf_clear(&reading->text);
    reading->handler->restart(reading->handler->context);
    return false;
}

enum ops_status ops_xml_read(struct ops_view document, const struct ops_xml_handler *handler)
{
    struct reading reading = {.handler = handler, .status = OPS_OK};
    if (document.length > INT_MAX)
        return OPS_LIMIT;
    /* The keys that STS gives pass through here. */
    if (ops_secret_buf_init(&reading.text, OPS_XML_TEXT_MAX_BYTES) != OPS_OK)
        return OPS_NO_MEMORY;
    if (!handler->restart || !read_quickly(document, &reading))
        read_with_expat(document, &reading);
    ops_buf_wipe(&reading.text);
    return reading.status;
}

struct search {
    const char *name;
    char *text;
    size_t size;
    enum ops_status status;
};

static bool search_begin(void *context, const char *name)
{
    const struct search *search = context;
    return search->status == OPS_NOT_FOUND && strcmp(name, search->name) == 0;
}

static enum ops_status search_end(void *context, const char *name, struct ops_view text)
{
    struct search *search = context;
    if (search->status != OPS_NOT_FOUND || strcmp(name, search->name) != 0)
        return OPS_OK;
    search->status = text.length < search->size ? OPS_OK : OPS_LIMIT;
    if (search->status == OPS_OK) {
        memcpy(search->text, text.length ? text.data : "", text.length);
        search->text[text.length] = '\0';
    }
    return OPS_OK;
}

enum ops_status ops_xml_text(struct ops_view document, const char *name, char *ret_text, size_t size)
{
    struct search search = {.name = name, .text = ret_text, .size = size, .status = OPS_NOT_FOUND};
    const struct ops_xml_handler handler = {.context = &search, .begin = search_begin, .end = search_end};
    enum ops_status status = ops_xml_read(document, &handler);
    return status == OPS_OK ? search.status : status;
}

static const char *reference_of(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&apos;";
    case '\r':
        return "&#13;";
    default:
        return NULL;
    }
}

void ops_xml_append(struct ops_buf *buf, struct ops_view text)
{
    size_t plain = 0;
    for (size_t i = 0; i < text.length; i++) {
        const char *reference = reference_of(text.data[i]);
        if (!reference)
            continue;
        ops_buf_append(buf, text.data + plain, i - plain);
        ops_buf_append_text(buf, reference);
        plain = i + 1;
    }
    if (text.length > plain)
        ops_buf_append(buf, text.data + plain, text.length - plain);
}
