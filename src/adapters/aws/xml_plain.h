/* A reader for the plain XML that S3 lists in, several times as fast as expat: ASCII, elements without attributes but a
 * namespace on the root, text with the five predefined entities. A million objects are a third of a gigabyte of it, and
 * reading over it would cost more than all else that a vacuum does.
 *
 * It knows when it does not know: whatever is not plain is left to expat, which decides what it is worth.
 */
#ifndef OPS_ADAPTERS_AWS_XML_PLAIN_H
#define OPS_ADAPTERS_AWS_XML_PLAIN_H

#include "adapters/aws/xml.h"

/* Whether the whole document is plain and well formed; then ops_xml_plain_read may read it. */
bool ops_xml_is_plain(struct ops_view document);

/* Reads a plain document as ops_xml_read does. text is working space. */
enum ops_status ops_xml_plain_read(struct ops_view document, const struct ops_xml_handler *handler,
                                   struct ops_buf *text) OPS_MUST_USE;

#endif
