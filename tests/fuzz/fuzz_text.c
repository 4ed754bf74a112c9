/* The small texts: ids, base 64, tokens, percent-encoding, function names. The first byte says which. */
#include "fuzz/fuzz.h"

#include "app/paging.h"
#include "base/hash.h"
#include "base/ulid.h"
#include "core/manifest.h"
#include "surfaces/invoke/function_name.h"
#include "surfaces/wire/percent.h"

#include <string.h>

static void base64url(struct ops_view text)
{
    struct ops_buf decoded, encoded;
    ops_buf_init(&decoded, 4096);
    ops_buf_init(&encoded, 8192);
    if (ops_base64url_decode(text, &decoded) == OPS_OK) {
        ops_base64url_append(&encoded, ops_buf_view(&decoded));
        FUZZ_MUST(ops_view_equal(ops_buf_view(&encoded), text));
    }
    ops_buf_release(&decoded);
    ops_buf_release(&encoded);
}

static void token(struct ops_view text)
{
    char sk[OPS_STORE_KEY_SIZE];
    if (ops_token_read(text, "all", sk) == OPS_OK)
        FUZZ_MUST(sk[0] && strlen(sk) <= OPS_ULID_LENGTH);
}

static void percent(struct ops_view text)
{
    struct ops_buf decoded;
    ops_buf_init(&decoded, 4096);
    if (ops_percent_decode(text, &decoded) == OPS_OK)
        FUZZ_MUST(ops_utf8_valid(ops_buf_view(&decoded)) && decoded.length <= text.length &&
                  !memchr(ops_buf_text(&decoded), '\0', decoded.length));
    ops_buf_release(&decoded);
}

static void function_name(struct ops_view text)
{
    struct ops_function_name name;
    if (ops_function_name_parse(text, ops_view_of(""), &name) == OPS_OK)
        FUZZ_MUST(name.name[0] && strlen(name.name) <= OPS_FUNCTION_NAME_MAX);
}

static void pattern(struct ops_view text)
{
    struct ops_buf expanded;
    ops_buf_init(&expanded, 4096);
    char zero_ended[1024];
    size_t length = text.length < sizeof zero_ended - 1 ? text.length : sizeof zero_ended - 1;
    if (length)
        memcpy(zero_ended, text.data, length);
    zero_ended[length] = '\0';
    if (ops_pattern_expand(zero_ended, ops_view_of("acme"), &expanded) == OPS_OK)
        FUZZ_MUST(strstr(ops_buf_text(&expanded), "acme"));
    ops_buf_release(&expanded);
}

static void words(struct ops_view text)
{
    if (ops_ulid_valid(text))
        FUZZ_MUST(text.length == OPS_ULID_LENGTH);
    if (ops_orgcode_valid(text))
        FUZZ_MUST(text.length >= 1 && text.length <= OPS_ORGCODE_MAX && !memchr(text.data, '/', text.length));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    static void (*const decoders[])(struct ops_view) = {base64url, token, percent, function_name, pattern, words};
    enum { DECODER_COUNT = sizeof decoders / sizeof decoders[0] };
    if (count > 0)
        decoders[bytes[0] % DECODER_COUNT](fuzz_view(bytes + 1, count - 1));
    return 0;
}
