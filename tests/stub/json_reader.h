/* Reads JSON from front to back without building anything: for the one operation whose speed counts. Strings are given as
 * they stand, escapes and all. */
#ifndef STUB_JSON_READER_H
#define STUB_JSON_READER_H

#include "base/view.h"

struct stub_json_reader {
    const char *at;
    const char *end;
    bool failed; /* once something was not as expected; then nothing is found any more */
};

/* The next sign that is no white space; NUL at the end, and after a failure. */
char stub_json_peek(struct stub_json_reader *reader);

/* Takes this sign if it comes next. */
bool stub_json_take(struct stub_json_reader *reader, char sign);

/* A string, or failure. */
struct ops_view stub_json_string(struct stub_json_reader *reader);

/* Any value, passed over; its text. */
struct ops_view stub_json_skip(struct stub_json_reader *reader);

/* Goes through an object or an array: call it with *first true, then until false. open and close are its brackets. */
bool stub_json_next(struct stub_json_reader *reader, const char brackets[static 2], bool *first);

/* Likewise through an object, with each member's name; its value must then be read. */
bool stub_json_member(struct stub_json_reader *reader, bool *first, struct ops_view *ret_name);

#endif
