#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void ops_error_init(struct ops_error *error)
{
    error->text[0] = '\0';
    error->details = NULL;
}

void ops_error_release(struct ops_error *error)
{
    if (!error)
        return;
    json_decref(error->details);
    ops_error_init(error);
}

/* A multi-byte character that was cut at the end would make the whole answer invalid UTF-8. */
static void drop_cut_character(char *text)
{
    size_t length = strlen(text);
    while (length > 0 && ((unsigned char)text[length - 1] & 0xC0) == 0x80)
        length--;
    if (length > 0 && (unsigned char)text[length - 1] >= 0xC0)
        length--;
    text[length] = '\0';
}

enum ops_status ops_fail(struct ops_error *error, enum ops_status status, const char *format, ...)
{
    if (!error)
        return status;
    ops_error_release(error);
    va_list args;
    va_start(args, format);
    int length = vsnprintf(error->text, sizeof error->text, format, args);
    va_end(args);
    if (length >= (int)sizeof error->text)
        drop_cut_character(error->text);
    return status;
}

enum ops_status ops_error_about(struct ops_error *error, enum ops_status status, const char *what)
{
    char text[OPS_ERROR_TEXT_SIZE];
    if (!error || status == OPS_OK)
        return status;
    (void)snprintf(text, sizeof text, "%s", ops_error_text(error, status));
    if (snprintf(error->text, sizeof error->text, "%s: %s", what, text) >= (int)sizeof error->text)
        drop_cut_character(error->text);
    return status;
}

void ops_error_detail_json(struct ops_error *error, const char *name, json_t *value)
{
    if (error && !error->details)
        error->details = json_object();
    if (error && error->details)
        (void)json_object_set_new(error->details, name, value); /* left out when there is no memory */
    else
        json_decref(value);
}

void ops_error_detail(struct ops_error *error, const char *name, const char *value)
{
    ops_error_detail_json(error, name, json_string(value));
}

void ops_error_detail_integer(struct ops_error *error, const char *name, json_int_t value)
{
    ops_error_detail_json(error, name, json_integer(value));
}

const char *ops_error_text(const struct ops_error *error, enum ops_status status)
{
    return error && error->text[0] ? error->text : ops_status_sentence(status);
}
