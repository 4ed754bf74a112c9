#include "base/unicode.h"

struct range {
    uint32_t first, last;
};

static bool is_in(const struct range *ranges, size_t count, uint32_t point)
{
    for (size_t i = 0; i < count && ranges[i].first <= point; i++)
        if (point <= ranges[i].last)
            return true;
    return false;
}

size_t ops_unicode_decode(struct ops_view text, uint32_t *ret_point)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *bytes = (const unsigned char *)text.data;
    unsigned char first = bytes[0];
    size_t length = first < 0x80 ? 1 : first < 0xC0 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF8 ? 4 : 0;
    if (length == 0 || length > text.length)
        return 0;
    uint32_t point = length == 1 ? first : first & (0xFFu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if ((bytes[i] & 0xC0) != 0x80)
            return 0;
        point = point << 6 | (bytes[i] & 0x3Fu);
    }
    if (point < smallest[length] || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF))
        return 0;
    *ret_point = point;
    return length;
}

bool ops_unicode_is_utf8(struct ops_view text)
{
    size_t length = 1;
    uint32_t point;
    for (; text.length > 0 && length > 0; text = ops_view(text.data + length, text.length - length))
        length = ops_unicode_decode(text, &point);
    return length > 0;
}

bool ops_unicode_is_blank(uint32_t point)
{
    static const struct range blanks[] = {{0x09, 0x0D},     {0x20, 0x20},     {0x85, 0x85},     {0xA0, 0xA0},
                                          {0x1680, 0x1680}, {0x2000, 0x200A}, {0x2028, 0x2029}, {0x202F, 0x202F},
                                          {0x205F, 0x205F}, {0x3000, 0x3000}};
    return is_in(blanks, sizeof blanks / sizeof blanks[0], point) || ops_unicode_is_hidden(point);
}

bool ops_unicode_is_hidden(uint32_t point)
{
    static const struct range hidden[] = {
        {0x00, 0x1F},       {0x7F, 0x9F},       {0xAD, 0xAD},       {0x34F, 0x34F},     {0x600, 0x605},
        {0x61C, 0x61C},     {0x6DD, 0x6DD},     {0x70F, 0x70F},     {0x890, 0x891},     {0x8E2, 0x8E2},
        {0x115F, 0x1160},   {0x17B4, 0x17B5},   {0x180B, 0x180F},   {0x200B, 0x200F},   {0x2028, 0x202E},
        {0x2060, 0x206F},   {0x3164, 0x3164},   {0xFEFF, 0xFEFF},   {0xFFA0, 0xFFA0},   {0xFFF0, 0xFFFB},
        {0x110BD, 0x110BD}, {0x110CD, 0x110CD}, {0x13430, 0x1343F}, {0x1BCA0, 0x1BCA3}, {0x1D173, 0x1D17A},
        {0xE0000, 0xE0FFF},
    };
    return is_in(hidden, sizeof hidden / sizeof hidden[0], point);
}

/* What is neither a blank nor hidden, and yet leaves the paper white where it stands alone. */
static bool is_white(uint32_t point)
{
    static const struct range whites[] = {
        {0x2800, 0x2800}, {0xFE00, 0xFE0F}, {0x13441, 0x13442}, {0x16FE4, 0x16FE4}, {0x1D159, 0x1D159},
    };
    return is_in(whites, sizeof whites / sizeof whites[0], point);
}

bool ops_unicode_any_visible(struct ops_view text)
{
    while (text.length > 0) {
        uint32_t point = 0;
        size_t length = ops_unicode_decode(text, &point);
        if (length > 0 && !ops_unicode_is_blank(point) && !is_white(point))
            return true;
        size_t taken = length ? length : 1;
        text = ops_view(text.data + taken, text.length - taken);
    }
    return false;
}

bool ops_unicode_all_visible(struct ops_view text)
{
    while (text.length > 0) {
        uint32_t point;
        size_t length = ops_unicode_decode(text, &point);
        if (length == 0 || ops_unicode_is_hidden(point))
            return false;
        text = ops_view(text.data + length, text.length - length);
    }
    return true;
}

static void append_escaped(struct ops_buf *buf, uint32_t point)
{
    if (point == '\n')
        ops_buf_append_text(buf, "\\n");
    else if (point == '\t')
        ops_buf_append_text(buf, "\\t");
    else
        ops_buf_append_format(buf, point <= 0xFF ? "\\x%02x" : point <= 0xFFFF ? "\\u%04x" : "\\U%08x", point);
}

void ops_unicode_append_visible(struct ops_buf *buf, struct ops_view text)
{
    while (text.length > 0) {
        uint32_t point = (unsigned char)text.data[0];
        size_t length = ops_unicode_decode(text, &point);
        if (length == 0 || ops_unicode_is_hidden(point))
            append_escaped(buf, point);
        else
            ops_buf_append(buf, text.data, length);
        size_t taken = length ? length : 1;
        text = ops_view(text.data + taken, text.length - taken);
    }
}
