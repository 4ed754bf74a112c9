/* Characters, as far as we have to know them: UTF-8, blanks, and those that nobody sees.
 *
 * Source: Unicode 15.0, UnicodeData.txt (general categories Cc, Cf, Zl, Zp) and DerivedCoreProperties.txt
 * (Default_Ignorable_Code_Point). That U+2800, U+16FE4, U+13441, U+13442 and U+1D159 look like blanks, though they are none
 * by their category, NamesList.txt and the code charts say.
 */
#ifndef OPS_BASE_UNICODE_H
#define OPS_BASE_UNICODE_H

#include "base/buf.h"

#include <stdint.h>

/* One character off the front of text, which is not empty: its length in bytes, or 0 when it is not UTF-8 (RFC 3629). */
size_t ops_unicode_decode(struct ops_view text, uint32_t *ret_point);

bool ops_unicode_is_utf8(struct ops_view text);

/* Blanks of any kind, line ends and tabs too. */
bool ops_unicode_is_blank(uint32_t point);

/* Control characters, those that turn the direction of writing, and those that take no room at all: two texts may differ in
 * them and look the same, and what is hidden in them is read by machines alone. Variation selectors, which choose between
 * pictures, are let be but for those of plane 14, which can carry any text. */
bool ops_unicode_is_hidden(uint32_t point);

/* Whether text is UTF-8 without any of those. */
bool ops_unicode_all_visible(struct ops_view text);

/* Whether there is anything in it to be seen: a character that is no blank, does not look like one, and is no variation
 * selector, which shows only together with the character before it. Bytes that are no UTF-8 are not. */
bool ops_unicode_any_visible(struct ops_view text);

/* What is wrong with a field that has none, to go on after its name. */
#define OPS_BLANK_WORDS "has nothing but blanks in it"

/* What is wrong with a field that is not, to go on after its name. */
#define OPS_HIDDEN_WORDS "has a character in it that nobody sees (a control or format character)"

/* text as a person may see it: what is hidden, and bytes that are no UTF-8, as escapes (\n, \x1b, \u200b, \U000e0041). */
void ops_unicode_append_visible(struct ops_buf *buf, struct ops_view text);

#endif
