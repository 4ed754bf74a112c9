#include "core/secret_form.h"

#include "base/unicode.h"

#include <stdbool.h>

struct ops_view ops_secret_trimmed(struct ops_view text)
{
    if (text.length > 0 && text.data[text.length - 1] == '\n')
        text.length--;
    if (text.length > 0 && text.data[text.length - 1] == '\r')
        text.length--;
    return text;
}

static bool begins_with(struct ops_view text, const char *bytes)
{
    return ops_view_starts_with(text, ops_view_of(bytes));
}

static const char *judge_characters(struct ops_view code)
{
    bool is_blank = true;
    while (code.length > 0) {
        uint32_t point;
        size_t length = ops_unicode_decode(code, &point);
        if (length == 0 || point == 0)
            return "is not UTF-8 text";
        if (point == '\n' || point == '\r')
            return "has more than one line";
        is_blank = is_blank && ops_unicode_is_blank(point);
        code = ops_view(code.data + length, code.length - length);
    }
    return is_blank ? "is of blanks only" : NULL;
}

const char *ops_secret_objection(struct ops_view code)
{
    if (code.length == 0)
        return "is empty";
    if (begins_with(code, "\xef\xbb\xbf"))
        return "begins with a byte order mark (BOM), which is no part of it; save it as UTF-8 without one";
    if (begins_with(code, "\xff\xfe") || begins_with(code, "\xfe\xff"))
        return "is UTF-16 text; save it as UTF-8";
    return judge_characters(code);
}

static bool ends_with_blank(struct ops_view code)
{
    uint32_t first, point = 0;
    size_t length = ops_unicode_decode(code, &first);
    for (struct ops_view rest = code; length > 0 && rest.length > 0;
         rest = ops_view(rest.data + length, rest.length - length))
        length = ops_unicode_decode(rest, &point);
    return ops_unicode_is_blank(first) || ops_unicode_is_blank(point);
}

const char *ops_secret_objection_to_new(struct ops_view code)
{
    const char *objection = ops_secret_objection(code);
    return !objection && ends_with_blank(code) ? "begins or ends with a blank, which is easily lost" : objection;
}
