#include "support/manifest_text.h"

#include "base/json.h"
#include "base/mem.h"

#include "support/cmocka_all.h"

json_t *manifest_text_json(const char *text)
{
    char *quoted = ops_mem_strdup(text);
    assert_non_null(quoted);
    for (char *c = quoted; *c; c++)
        if (*c == '\'')
            *c = '"';
    json_t *object = NULL;
    struct ops_error error = OPS_ERROR_INIT;
    enum ops_status status = ops_json_parse_object(ops_view_of(quoted), &object, &error);
    ops_mem_free(quoted);
    if (status != OPS_OK)
        fail_msg("%s: %s", text, ops_error_text(&error, status));
    return object;
}

void manifest_text_init(struct ops_manifest *manifest, const char *text)
{
    struct ops_buf problems;
    json_t *document = manifest_text_json(text);
    ops_buf_init(&problems, 64 * 1024);
    if (ops_manifest_init(manifest, document, &problems) != OPS_OK)
        fail_msg("%s", ops_buf_text(&problems));
    json_decref(document);
    ops_buf_release(&problems);
}
