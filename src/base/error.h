/* The words that go with a status: one sentence for a person, and details that let a caller act.
 *
 * A function that can fail returns enum ops_status and, where there is something to say, fills a struct ops_error
 * that the caller owns. On success the error is left alone. NULL in place of the error is always fine.
 */
#ifndef OPS_BASE_ERROR_H
#define OPS_BASE_ERROR_H

#include "base/status.h"

#include <jansson.h>

enum { OPS_ERROR_TEXT_SIZE = 512 };

struct ops_error {
    char text[OPS_ERROR_TEXT_SIZE]; /* "" means: the status's own sentence says it all */
    json_t *details;                /* object or NULL; owned */
};

#define OPS_ERROR_INIT {.text = ""}

void ops_error_init(struct ops_error *error);
void ops_error_release(struct ops_error *error); /* leaves it as after init; NULL is fine */

/* Replaces text and details, and returns status, so that a refusal is one line. */
enum ops_status ops_fail(struct ops_error *error, enum ops_status status, const char *format, ...) OPS_PRINTF(3, 4);

/* Puts what it is about before the text, "what: text", and returns status. Nothing where status is OPS_OK. */
enum ops_status ops_error_about(struct ops_error *error, enum ops_status status, const char *what);

/* Adds one detail. Without memory the detail is left out: the status is what counts. */
void ops_error_detail(struct ops_error *error, const char *name, const char *value);
void ops_error_detail_integer(struct ops_error *error, const char *name, json_int_t value);
void ops_error_detail_json(struct ops_error *error, const char *name, json_t *value); /* takes value */

/* The sentence for a person: the error's own text, or the status's. error may be NULL. */
const char *ops_error_text(const struct ops_error *error, enum ops_status status);

#endif
