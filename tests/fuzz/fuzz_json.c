#include "fuzz/fuzz.h"

/* What is written is what jansson would write, byte for byte, and as long as was said. */
static void check_text(json_t *value)
{
    struct ops_buf text;
    char *expected = json_dumps(value, JSON_COMPACT);
    ops_buf_init(&text, 64 * 1024 * 1024);
    FUZZ_MUST(expected && ops_json_append(value, &text) == OPS_OK && ops_view_is(ops_buf_view(&text), expected));
    FUZZ_MUST(ops_json_length(value) == text.length);
    ops_buf_release(&text);
    free(expected);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    json_t *value = NULL, *again = NULL;
    struct ops_error error = OPS_ERROR_INIT;
    if (ops_json_parse_object(fuzz_view(bytes, count), &value, &error) == OPS_OK) {
        struct ops_buf text;
        check_text(value);
        fuzz_text(value, &text);
        FUZZ_MUST(ops_json_parse_object(ops_buf_view(&text), &again, NULL) == OPS_OK && json_equal(value, again));
        ops_buf_release(&text);
    }
    ops_error_release(&error);
    json_decref(value);
    json_decref(again);
    return 0;
}
