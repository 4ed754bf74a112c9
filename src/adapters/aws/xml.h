/* XML answers, read with expat: leaf elements and their text, nothing else of XML. */
#ifndef OPS_ADAPTERS_AWS_XML_H
#define OPS_ADAPTERS_AWS_XML_H

#include "base/buf.h"

enum { OPS_XML_TEXT_MAX_BYTES = 16 * 1024, OPS_XML_DEPTH_MAX = 16 };

struct ops_xml_handler {
    void *context;
    /* An element begins. Whether its text is wanted. */
    bool (*begin)(void *context, const char *name);
    /* An element ends. text is what stood in it since its last child, or since it began; empty when it was not wanted.
     * Anything but OPS_OK stops the reading. */
    enum ops_status (*end)(void *context, const char *name, struct ops_view text);
    /* What was told is void, and all is told again from the beginning. Who can start again may be told a plain document
     * without expat, in a fraction of the time; NULL: it is never asked to. */
    void (*restart)(void *context);
};

/* Reads a whole document. OPS_CORRUPT: it is not well formed, has a DTD, or nests deeper than OPS_XML_DEPTH_MAX. OPS_LIMIT:
 * a wanted text is longer than OPS_XML_TEXT_MAX_BYTES. OPS_NO_MEMORY. Else the first status of end. */
enum ops_status ops_xml_read(struct ops_view document, const struct ops_xml_handler *handler) OPS_MUST_USE;

/* The text of the first element of that name, wherever it is. OPS_NOT_FOUND: there is none. OPS_LIMIT: longer than size. */
enum ops_status ops_xml_text(struct ops_view document, const char *name, char *ret_text, size_t size) OPS_MUST_USE;

/* Appends text with what XML can't hold as it is (&, <, >, quotes, CR) written as references. */
void ops_xml_append(struct ops_buf *buf, struct ops_view text);

#endif
