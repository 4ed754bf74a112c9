/* A reader for the plain XML that S3 lists in, several times as fast as expat: ASCII, elements without attributes but a
 * namespace on the root, text with the five predefined entities. A million objects are a third of a gigabyte of it, and
 * reading over it would cost more than all else that a vacuum does.
 *
 * It knows when it does not know: whatever is not plain is left to expat, which decides what it is worth. That may turn out
 * in the middle of the document.
 */
#ifndef OPS_ADAPTERS_AWS_XML_PLAIN_H
#define OPS_ADAPTERS_AWS_XML_PLAIN_H

#include "adapters/aws/xml.h"

/* Reads a document as ops_xml_read does, if it is plain. False: it is not, and what was told of it up to there is void. text
 * is working space. */
bool ops_xml_plain_read(struct ops_view document, const struct ops_xml_handler *handler, struct ops_buf *text,
                        enum ops_status *ret_status) OPS_MUST_USE;

#endif
