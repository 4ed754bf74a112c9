/* The one text of a number.
 *
 * A tenant's name is text, and some stacks keep it as a number. Every engine compares by one rule: two values are equal when
 * their canonical texts are. A string's canonical text is the string itself; a number's is its decimal text without an
 * exponent, a '+', a zero too many on either side, or a point that nothing follows: 1001, 1001.0 and 1.001e3 are "1001",
 * 0.50 is "0.5", -0 is "0". So the number 1001 is the tenant "1001", and the string "01001" is neither.
 */
#ifndef OPS_BASE_NUMBER_TEXT_H
#define OPS_BASE_NUMBER_TEXT_H

#include "base/status.h"
#include "base/view.h"

/* Holds the text of every double (the longest is "-0." with 323 zeros and 17 digits) and of every number of DynamoDB (38
 * digits, exponents from -130 to 125), with the NUL. */
enum { OPS_NUMBER_TEXT_SIZE = 400 };

/* The canonical text of a number's decimal text, digit by digit, whatever precision a double has. Takes what JSON and
 * DynamoDB write, and also "+5", "05", "5." and ".5". OPS_INVALID_FIELD: it is not a number. OPS_LIMIT: it is one, and its
 * canonical text does not fit, so that it is no tenant's name either. On failure ret_text is as before. */
enum ops_status ops_number_text(struct ops_view decimal, char ret_text[static OPS_NUMBER_TEXT_SIZE]) OPS_MUST_USE;

/* Likewise of a double: of the decimal text with the fewest digits that reads back as this double. OPS_INVALID_FIELD: it is
 * infinite or not a number. */
enum ops_status ops_number_text_of_double(double number, char ret_text[static OPS_NUMBER_TEXT_SIZE]) OPS_MUST_USE;

#endif
