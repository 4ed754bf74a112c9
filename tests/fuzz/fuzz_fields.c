/* Requests: the first byte chooses the operation, the rest is the body. */
#include "fuzz/fuzz.h"

#include "app/fields.h"

static void check(const struct ops_operation *operation, const json_t *input, bool from_query)
{
    json_t *read = NULL, *again = NULL;
    struct ops_error error = OPS_ERROR_INIT;
    if (ops_fields_read(operation, input, from_query, &read, &error) == OPS_OK)
        /* What was read is valid by the same rules, and says the same. */
        FUZZ_MUST(ops_fields_read(operation, read, false, &again, NULL) == OPS_OK && json_equal(read, again));
    ops_error_release(&error);
    json_decref(read);
    json_decref(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    size_t operation_count;
    const struct ops_operation *operations = ops_operations(&operation_count);
    json_t *input = NULL;
    if (count == 0 || ops_json_parse_object(fuzz_view(bytes + 1, count - 1), &input, NULL) != OPS_OK)
        return 0;
    const struct ops_operation *operation = &operations[bytes[0] % operation_count];
    check(operation, input, false);
    check(operation, input, true);
    json_decref(input);
    return 0;
}
