/* The dialect of INI that the shared AWS files are written in, read as botocore and the AWS CLI read it.
 *
 * Source: AWS SDKs and Tools Reference Guide, "Using shared config and credentials files", "Format of the config file", and
 * botocore where the guide says nothing: names of settings in any case, "=" or ":" between name and value, comment lines
 * that begin with # or ; (a # later in a line belongs to the value), quotes that stay part of a value, values that go on in
 * indented lines, and one level of settings nested in such lines. A section or setting that comes twice is refused.
 */
#ifndef OPS_ADAPTERS_AWS_INI_H
#define OPS_ADAPTERS_AWS_INI_H

#include "base/buf.h"
#include "base/error.h"

enum {
    OPS_INI_FILE_MAX_BYTES = 1024 * 1024,
    OPS_INI_LINE_MAX_BYTES = 8 * 1024,
    OPS_INI_SECTIONS_MAX = 10000,
    OPS_INI_SETTINGS_MAX = 1000, /* in a section, nested ones included */
};

struct ops_ini_setting {
    char *name;  /* in lower case */
    char *child; /* name of a nested setting, in its own case; NULL: not nested */
    char *text;
};

struct ops_ini_section {
    char *header; /* what stands between the brackets, as it is */
    struct ops_ini_setting *settings;
    size_t setting_count;
    size_t setting_capacity;
};

/* Zeroed: no section. */
struct ops_ini {
    struct ops_ini_section *sections; /* in the order of the file */
    size_t section_count;
    size_t section_capacity;
};

/* Reads a file's text; path is for the error, which names file and line and never quotes the line. OPS_INVALID_FIELD: it is
 * not in this dialect, or over a limit. OPS_NO_MEMORY. */
enum ops_status ops_ini_parse(const char *path, struct ops_view text, struct ops_ini *ret_ini,
                              struct ops_error *error) OPS_MUST_USE;
void ops_ini_release(struct ops_ini *ini); /* and wipes; also a zeroed one */

/* A setting of a section, or NULL. section NULL: NULL. child NULL: one that is not nested. */
const char *ops_ini_get(const struct ops_ini_section *section, const char *name, const char *child);

/* Whether a header is the word, white space, and a name, which may be quoted as in a shell: [profile "a b"]. */
bool ops_ini_header_is(const char *header, const char *word, const char *name);

#endif
