#include "fuzz/fuzz.h"

#include "base/number_text.h"

#include <math.h>

static bool is_canonical(const char *text)
{
    const char *digits = text + (*text == '-');
    size_t length = strlen(digits), whole = strspn(digits, "0123456789");
    bool fraction = digits[whole] == '.';
    if (whole == 0 || (digits[0] == '0' && whole > 1) || strcmp(text, "-0") == 0)
        return false;
    if (!fraction)
        return whole == length;
    return whole + 1 < length && strspn(digits + whole + 1, "0123456789") == length - whole - 1 && digits[length - 1] != '0';
}

/* What a double says of the number and of its text must be the same: the text lost or added no digit that matters. */
static void check_value(struct ops_view written, const char *text)
{
    char copy[512];
    if (written.length >= sizeof copy)
        return;
    memcpy(copy, written.data, written.length);
    copy[written.length] = '\0';
    FUZZ_MUST(strtod(copy, NULL) == strtod(text, NULL));
}

static void check_double(const uint8_t *bytes, size_t count)
{
    char text[OPS_NUMBER_TEXT_SIZE];
    double number;
    if (count != sizeof number)
        return;
    memcpy(&number, bytes, sizeof number);
    if (ops_number_text_of_double(number, text) == OPS_OK)
        FUZZ_MUST(is_canonical(text) && strtod(text, NULL) == number);
    else
        FUZZ_MUST(!isfinite(number));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    char text[OPS_NUMBER_TEXT_SIZE], again[OPS_NUMBER_TEXT_SIZE];
    struct ops_view written = fuzz_view(bytes, count);
    check_double(bytes, count);
    if (ops_number_text(written, text) != OPS_OK)
        return 0;
    FUZZ_MUST(is_canonical(text));
    FUZZ_MUST(ops_number_text(ops_view_of(text), again) == OPS_OK && strcmp(again, text) == 0);
    check_value(written, text);
    return 0;
}
