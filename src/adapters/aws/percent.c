#include "adapters/aws/percent.h"

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.' || c == '_' ||
           c == '~';
}

void ops_aws_percent_append(struct ops_buf *buf, struct ops_view text, bool keep_slashes)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t plain = 0;
    for (size_t i = 0; i < text.length; i++) {
        uint8_t byte = (uint8_t)text.data[i];
        if (is_unreserved(text.data[i]) || (keep_slashes && byte == '/'))
            continue;
        const char encoded[] = {'%', digits[byte >> 4], digits[byte & 15]};
        ops_buf_append(buf, text.data + plain, i - plain);
        ops_buf_append(buf, encoded, sizeof encoded);
        plain = i + 1;
    }
    if (text.length > plain)
        ops_buf_append(buf, text.data + plain, text.length - plain);
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool ops_aws_percent_decode(char *text, size_t length, bool blank_for_plus, size_t *ret_length)
{
    size_t out = 0;
    /* Most text has nothing to decode. */
    if (!memchr(text, '%', length) && !(blank_for_plus && memchr(text, '+', length))) {
        *ret_length = length;
        return true;
    }
    for (size_t in = 0; in < length; in++, out++) {
        text[out] = text[in] == '+' && blank_for_plus ? ' ' : text[in];
        if (text[in] != '%')
            continue;
        int high = length - in > 2 ? digit_of(text[in + 1]) : -1;
        int low = high >= 0 ? digit_of(text[in + 2]) : -1;
        if (low < 0)
            return false;
        text[out] = (char)(high << 4 | low);
        in += 2;
    }
    *ret_length = out;
    return true;
}
