/* One member of a JSON object, read from its text without building a value: for whoever looks at one member of very many
 * texts that others wrote, and must see a number as it is written.
 */
#ifndef OPS_BASE_JSON_MEMBER_H
#define OPS_BASE_JSON_MEMBER_H

#include "base/view.h"

enum { OPS_JSON_MEMBER_DEPTH_MAX = 2048 }; /* arrays and objects in one another; what is deeper counts as invalid */

enum ops_json_kind {
    OPS_JSON_INVALID, /* the text is no JSON (RFC 8259); bytes above 127 are not looked at */
    OPS_JSON_ABSENT,  /* it is, but has no such member, or is no object */
    OPS_JSON_TWICE,   /* the member is there more than once, so that readers disagree about its value */
    OPS_JSON_NULL,
    OPS_JSON_BOOLEAN,
    OPS_JSON_NUMBER,
    OPS_JSON_STRING,
    OPS_JSON_ARRAY,
    OPS_JSON_OBJECT,
};

/* text is the value as it is written, into the JSON text; a string's is what stands between the quotes. Empty where there is
 * no value. */
struct ops_json_member {
    enum ops_json_kind kind;
    struct ops_view text;
};

/* name is compared with the members' names as they are meant, whatever escapes they are written with. */
struct ops_json_member ops_json_find_member(struct ops_view json, struct ops_view name);

/* Whether a string that is written so, between its quotes, means text. */
bool ops_json_string_means(struct ops_view written, struct ops_view text);

#endif
