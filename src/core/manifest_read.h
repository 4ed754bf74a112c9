/* How the manifest's text is looked at: every complaint is one line with its place, and none stops the reading, so that
 * whoever wrote the manifest sees all problems at once. Internal to core.
 */
#ifndef OPS_CORE_MANIFEST_READ_H
#define OPS_CORE_MANIFEST_READ_H

#include "core/manifest.h"

/* Where in the document we are: a chain on the stack, from the value up to the document, whose parent is NULL. */
struct ops_place {
    const struct ops_place *parent;
    const char *member; /* NULL: index says which element of an array */
    size_t index;
};

struct ops_reader {
    struct ops_buf *problems; /* NULL: problems are only counted */
    size_t problem_count;
    bool no_memory;
};

/* Writes "place: message" or, with about, "place: message "about"". about may be any text: it is cut and made printable. */
void ops_reader_problem(struct ops_reader *reader, const struct ops_place *place, const char *message, const char *about);

/* The last line, when there were more problems than are reported. */
void ops_reader_finish(struct ops_reader *reader);

/* Says what is wrong with a text, or NULL. Static text. */
typedef const char *(*ops_text_check_fn)(const char *text);

const char *ops_check_text(const char *text);          /* 1..OPS_MANIFEST_NAME_MAX bytes, all printable */
const char *ops_check_path(const char *text);          /* likewise, but as long as paths are */
const char *ops_check_plain_name(const char *text);    /* a table's or bucket's name: one path component */
const char *ops_check_log_group_name(const char *text);
const char *ops_check_service_code(const char *text);
const char *ops_check_pattern(const char *text);        /* has the placeholder exactly once */
const char *ops_check_prefix_pattern(const char *text); /* and after it something that ends every orgcode */

/* Each reports what is wrong and returns NULL (or false) then. value may be NULL: it is missing. */
const char *ops_reader_text(struct ops_reader *reader, const struct ops_place *place, const json_t *value,
                            ops_text_check_fn check);
const char *ops_reader_member(struct ops_reader *reader, const struct ops_place *place, const json_t *object,
                              const char *member, ops_text_check_fn check);
/* An array of at most max elements; NULL without a word when it is absent. */
json_t *ops_reader_array(struct ops_reader *reader, const struct ops_place *place, const json_t *object, const char *member,
                         size_t max);
/* Whether value is an object; members that are not in the NULL-terminated list are reported. */
bool ops_reader_object(struct ops_reader *reader, const struct ops_place *place, json_t *value,
                       const char *const *members);

/* Reads one table, bucket or log group into target, whose service and kind are set; manifest has its guard and session
 * tables already. */
void ops_reader_target(struct ops_reader *reader, const struct ops_place *place, json_t *value,
                       const struct ops_manifest *manifest, struct ops_manifest_target *target);

#endif
