#include "fuzz/fuzz.h"

#include "base/json_member.h"

static enum ops_json_kind kind_of(const json_t *value)
{
    static const enum ops_json_kind kinds[] = {
        [JSON_OBJECT] = OPS_JSON_OBJECT,  [JSON_ARRAY] = OPS_JSON_ARRAY,   [JSON_STRING] = OPS_JSON_STRING,
        [JSON_INTEGER] = OPS_JSON_NUMBER, [JSON_REAL] = OPS_JSON_NUMBER,   [JSON_TRUE] = OPS_JSON_BOOLEAN,
        [JSON_FALSE] = OPS_JSON_BOOLEAN,  [JSON_NULL] = OPS_JSON_NULL,
    };
    return value ? kinds[json_typeof(value)] : OPS_JSON_ABSENT;
}

/* What the careful parser takes must be taken here, and seen alike. It refuses more: numbers out of range, bytes that are no
 * UTF-8, members that are there twice. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    struct ops_view text = fuzz_view(bytes, count);
    struct ops_json_member member = ops_json_find_member(text, ops_view_of("org"));
    FUZZ_MUST(member.text.length <= text.length);
    if (member.text.length > 0)
        FUZZ_MUST(member.text.data >= text.data && member.text.data + member.text.length <= text.data + text.length);
    json_t *value = NULL;
    /* The other parser takes a NUL for the end of the text. */
    if (count == 0 || memchr(bytes, '\0', count))
        return 0;
    if (ops_json_load(text, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &value, NULL) != OPS_OK)
        return 0;
    const json_t *org = json_object_get(value, "org");
    FUZZ_MUST(member.kind == kind_of(org));
    if (org && json_is_string(org))
        FUZZ_MUST(ops_json_string_means(member.text, ops_view(json_string_value(org), json_string_length(org))));
    json_decref(value);
    return 0;
}
