#include "stub/numbers.h"

char *stub_write_text(char *at, const char *text)
{
    size_t length = strlen(text);
    memcpy(at, text, length);
    return at + length;
}

char *stub_write_digits(char *at, uint64_t number, unsigned width)
{
    for (unsigned i = width; i > 0; i--, number /= 10)
        at[i - 1] = (char)('0' + number % 10);
    return at + width;
}

bool stub_take_text(struct ops_view *text, const char *expected)
{
    struct ops_view view = ops_view_of(expected);
    if (!ops_view_starts_with(*text, view))
        return false;
    *text = ops_view(text->data + view.length, text->length - view.length);
    return true;
}

bool stub_take_digits(struct ops_view *text, unsigned width, uint64_t *ret_number)
{
    uint64_t number = 0;
    if (text->length < width)
        return false;
    for (unsigned i = 0; i < width; i++) {
        if (text->data[i] < '0' || text->data[i] > '9')
            return false;
        number = number * 10 + (uint64_t)(text->data[i] - '0');
    }
    *text = ops_view(text->data + width, text->length - width);
    *ret_number = number;
    return true;
}
