/* JSON as strangers send it, and as we write it: jansson with our limits. */
#ifndef OPS_BASE_JSON_H
#define OPS_BASE_JSON_H

#include "base/buf.h"
#include "base/error.h"
#include "base/view.h"

#include <jansson.h>

enum {
    OPS_JSON_DEPTH_MAX = 32, /* nested arrays and objects */
};

/* jansson's json_loadb, with its flags, for texts of ours and of services that are trusted to be sane. OPS_INVALID_JSON is
 * the text's fault, and ret_reason, which may be NULL, says where; OPS_NO_MEMORY is not: jansson itself blames the text
 * then, or leaves a character out and goes on. */
enum ops_status ops_json_load(struct ops_view text, size_t flags, json_t **ret_value,
                              json_error_t *ret_reason) OPS_MUST_USE;

/* Reads one JSON object. OPS_INVALID_JSON, with a sentence that names line and column, and quotes nothing of the text, since
 * that may hold a secret, for anything that is not one: truncated or trailing text, invalid UTF-8, a duplicate key, a NUL in
 * a string, a number out of range, nesting deeper than OPS_JSON_DEPTH_MAX. */
enum ops_status ops_json_parse_object(struct ops_view text, json_t **ret_object, struct ops_error *error) OPS_MUST_USE;

/* Appends the compact text with keys in byte order: equal values have equal texts, so it can be hashed. */
enum ops_status ops_json_canonical(const json_t *value, struct ops_buf *buf) OPS_MUST_USE;

/* Appends the compact text with keys in the order in which they were set. */
enum ops_status ops_json_append(const json_t *value, struct ops_buf *buf) OPS_MUST_USE;

/* The length of what ops_json_append would append. */
size_t ops_json_length(const json_t *value);

/* Whether text stands in a JSON string as it is: ASCII, and nothing that must be escaped. */
bool ops_json_is_plain(struct ops_view text);

/* A member of an object, or the fallback when it is absent, null or of another type. Borrowed. */
const char *ops_json_text(const json_t *object, const char *name, const char *fallback);
json_int_t ops_json_integer(const json_t *object, const char *name, json_int_t fallback);
bool ops_json_flag(const json_t *object, const char *name, bool fallback);

/* Sets a member. OPS_NO_MEMORY is the only failure, so steps may be chained with a status that sticks. */
enum ops_status ops_json_set(json_t *object, const char *name,
                             json_t *value) OPS_MUST_USE; /* takes value; NULL is OPS_NO_MEMORY */
enum ops_status ops_json_set_text(json_t *object, const char *name, const char *value) OPS_MUST_USE;
enum ops_status ops_json_set_integer(json_t *object, const char *name, json_int_t value) OPS_MUST_USE;
enum ops_status ops_json_set_instant(json_t *object, const char *name, int64_t at_ms) OPS_MUST_USE;

/* The instant that a member holds, or OPS_CORRUPT. */
enum ops_status ops_json_instant(const json_t *object, const char *name, int64_t *ret_at_ms) OPS_MUST_USE;

/* json_pack, but for a member that may be left out ("s*", "O*"): jansson also leaves it out when there is no memory for it,
 * which this tells from a value that is not there. NULL when there is no memory. */
json_t *ops_json_pack(const char *format, ...);

/* A deep copy; NULL when there is no memory. jansson's own may leave members out then. */
json_t *ops_json_copy(const json_t *value);

/* A JSON string of any bytes: what is not UTF-8 becomes '?'. NULL when there is no memory. */
json_t *ops_json_any_text(struct ops_view bytes);

#endif
