#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    json_t *value = NULL, *again = NULL;
    struct ops_error error = OPS_ERROR_INIT;
    if (ops_json_parse_object(fuzz_view(bytes, count), &value, &error) == OPS_OK) {
        struct ops_buf text;
        fuzz_text(value, &text);
        FUZZ_MUST(ops_json_parse_object(ops_buf_view(&text), &again, NULL) == OPS_OK && json_equal(value, again));
        ops_buf_release(&text);
    }
    ops_error_release(&error);
    json_decref(value);
    json_decref(again);
    return 0;
}
