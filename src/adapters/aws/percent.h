/* Percent-encoding (RFC 3986 section 2.1), as S3 wants it in requests and gives it in listings. */
#ifndef OPS_ADAPTERS_AWS_PERCENT_H
#define OPS_ADAPTERS_AWS_PERCENT_H

#include "base/buf.h"

/* Appends text with everything but the unreserved characters encoded, and but slashes too where they are kept. */
void ops_aws_percent_append(struct ops_buf *buf, struct ops_view text, bool keep_slashes);

/* Decodes text where it stands, and gives its new length, which is never larger. blank_for_plus: a plus is a blank, as in
 * forms. False: a percent sign is not followed by two hexadecimal digits; what text holds then is of no use. */
bool ops_aws_percent_decode(char *text, size_t length, bool blank_for_plus, size_t *ret_length);

#endif
