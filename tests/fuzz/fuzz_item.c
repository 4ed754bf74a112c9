/* An item of DynamoDB, as an answer has it: what can be read as a document is written as an item that reads the same. */
#include "fuzz/fuzz.h"

#include "adapters/aws/item.h"

static const char *text_of(json_t *item, const char *name)
{
    return json_string_value(json_object_get(json_object_get(item, name), "S"));
}

static void again(json_t *item, json_t *doc, const char *sk)
{
    json_t *written = NULL, *parsed = NULL, *doc_again = NULL;
    const char *sk_again = NULL;
    struct ops_buf text;
    FUZZ_MUST(ops_aws_item_write(text_of(item, "pk"), sk, doc, &written) == OPS_OK);
    fuzz_text(written, &text);
    FUZZ_MUST(ops_aws_item_parse(ops_buf_view(&text), &parsed) == OPS_OK);
    FUZZ_MUST(ops_aws_item_read(parsed, &doc_again, &sk_again) == OPS_OK);
    FUZZ_MUST(json_equal(doc, doc_again) && strcmp(sk, sk_again) == 0);
    ops_buf_release(&text);
    json_decref(written);
    json_decref(parsed);
    json_decref(doc_again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    json_t *item = NULL, *doc = NULL;
    const char *sk = NULL;
    if (ops_aws_item_parse(fuzz_view(bytes, count), &item) == OPS_OK && ops_aws_item_read(item, &doc, &sk) == OPS_OK)
        again(item, doc, sk);
    json_decref(doc);
    json_decref(item);
    return 0;
}
