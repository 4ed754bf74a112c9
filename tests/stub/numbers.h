/* Texts that are made from numbers and read back: "acme00042", "record-0001234567". */
#ifndef STUB_NUMBERS_H
#define STUB_NUMBERS_H

#include "base/view.h"

#include <stdint.h>

enum { STUB_ORG_DIGITS = 5, STUB_NUMBER_DIGITS = 10, STUB_ORGS_MAX = 100000 };

#define STUB_ORG_STEM "acme"

/* Both write no NUL and return where they stopped. */
char *stub_write_text(char *at, const char *text);
char *stub_write_digits(char *at, uint64_t number, unsigned width);

/* Both take what they expect from the front of text; false when it is not there. */
bool stub_take_text(struct ops_view *text, const char *expected);
bool stub_take_digits(struct ops_view *text, unsigned width, uint64_t *ret_number);

#endif
