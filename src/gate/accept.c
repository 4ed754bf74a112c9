#include "gate/accept.h"

#include "base/view.h"

#include <strings.h>

enum { QUALITY_ONE = 1000 };

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct ops_view trim(struct ops_view text)
{
    while (text.length > 0 && is_blank(text.data[0]))
        text = ops_view(text.data + 1, text.length - 1);
    while (text.length > 0 && is_blank(text.data[text.length - 1]))
        text.length--;
    return text;
}

/* Takes what stands before the next separator, and it. */
static struct ops_view take(struct ops_view *rest, char separator)
{
    const char *end = rest->length ? memchr(rest->data, separator, rest->length) : NULL;
    size_t length = end ? (size_t)(end - rest->data) : rest->length;
    struct ops_view part = ops_view(rest->data, length);
    size_t taken = length + (end ? 1 : 0);
    *rest = ops_view(rest->data + taken, rest->length - taken);
    return trim(part);
}

static bool is_word(struct ops_view text, const char *word)
{
    return text.length == strlen(word) && strncasecmp(text.data, word, text.length) == 0;
}

/* "0", "0.5", "1.000" in thousandths; what is no weight counts as none. */
static int read_quality(struct ops_view text)
{
    int quality = 0, unit = QUALITY_ONE;
    for (size_t i = 0; i < text.length; i++) {
        if (i == 1 && text.data[i] == '.')
            continue;
        if (text.data[i] < '0' || text.data[i] > '9' || unit == 0)
            return 0;
        quality += (text.data[i] - '0') * unit;
        unit /= 10;
    }
    return text.length == 0 || quality > QUALITY_ONE ? 0 : quality;
}

static int quality_of(struct ops_view parameters)
{
    int quality = QUALITY_ONE;
    while (parameters.length > 0) {
        struct ops_view parameter = take(&parameters, ';');
        if (parameter.length >= 2 && (parameter.data[0] == 'q' || parameter.data[0] == 'Q') && parameter.data[1] == '=')
            quality = read_quality(ops_view(parameter.data + 2, parameter.length - 2));
    }
    return quality;
}

bool ops_gate_prefers_html(const char *accept)
{
    struct ops_view rest = ops_view_of(accept);
    int html = 0, json = 0;
    while (rest.length > 0) {
        struct ops_view range = take(&rest, ',');
        struct ops_view type = take(&range, ';');
        int *quality = is_word(type, "text/html") ? &html : is_word(type, "application/json") ? &json : NULL;
        if (quality)
            *quality = quality_of(range);
    }
    return html > 0 && html >= json;
}
