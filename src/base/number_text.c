#include "base/number_text.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    DOUBLE_DIGITS_MAX = 17, /* with so many every double reads back */
    SCIENTIFIC_SIZE = 32,   /* "-1.2345678901234567e-308" */
    EXPONENT_MAX = 1000000, /* beyond it a text is too long, or a number too small, in any case */
};

/* A number taken apart: its digits, without zeros at either end, are 0.DIGITS * 10^point. */
struct decimal {
    bool negative;
    struct ops_view digits; /* from the first significant digit to the last; there may be a point between them */
    size_t count;           /* of the digits in it */
    int64_t point;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t count_digits(const char *at, const char *end)
{
    size_t count = 0;
    while (at + count < end && is_digit(at[count]))
        count++;
    return count;
}

static const char *skip_sign(const char *at, const char *end, bool *ret_negative)
{
    *ret_negative = at < end && *at == '-';
    return at < end && (*at == '-' || *at == '+') ? at + 1 : at;
}

/* The exponent that begins at at, or 0 where nothing does; false when it is none. */
static bool read_exponent(const char *at, const char *end, int64_t *ret_exponent)
{
    bool negative;
    *ret_exponent = 0;
    if (at == end)
        return true;
    if (*at != 'e' && *at != 'E')
        return false;
    at = skip_sign(at + 1, end, &negative);
    if (at == end || count_digits(at, end) != (size_t)(end - at))
        return false;
    for (; at < end; at++)
        if (*ret_exponent < EXPONENT_MAX)
            *ret_exponent = *ret_exponent * 10 + (*at - '0');
    if (negative)
        *ret_exponent = -*ret_exponent;
    return true;
}

static bool is_zero_or_point(char c)
{
    return c == '0' || c == '.';
}

/* whole digits stand at digits' start, before its point, if it has one. */
static void trim(struct decimal *decimal, size_t whole)
{
    const char *at = decimal->digits.data, *end = at + decimal->digits.length;
    size_t leading = 0;
    while (at < end && is_zero_or_point(*at))
        leading += *at++ == '0';
    while (end > at && is_zero_or_point(end[-1]))
        end--;
    decimal->digits = ops_view(at, (size_t)(end - at));
    decimal->count = decimal->digits.length - (at < end && memchr(at, '.', (size_t)(end - at)) != NULL);
    decimal->point += (int64_t)whole - (int64_t)leading;
}

static bool take_apart(struct ops_view text, struct decimal *ret)
{
    const char *end = text.data + text.length;
    const char *start = skip_sign(text.data, end, &ret->negative);
    size_t whole = count_digits(start, end), fraction = 0;
    const char *at = start + whole;
    if (at < end && *at == '.') {
        fraction = count_digits(at + 1, end);
        at += 1 + fraction;
    }
    if (whole + fraction == 0 || !read_exponent(at, end, &ret->point))
        return false;
    ret->digits = ops_view(start, (size_t)(at - start));
    trim(ret, whole);
    return true;
}

static char *put_zeros(char *to, int64_t count)
{
    for (; count > 0; count--)
        *to++ = '0';
    return to;
}

/* The whole text's length, which may be absurd. */
static int64_t text_length(const struct decimal *decimal)
{
    int64_t count = (int64_t)decimal->count, sign = decimal->negative ? 1 : 0;
    if (decimal->point <= 0)
        return sign + 2 - decimal->point + count;
    return sign + (decimal->point >= count ? decimal->point : count + 1);
}

static void put_together(const struct decimal *decimal, char *to)
{
    int64_t point = decimal->point;
    if (decimal->negative)
        *to++ = '-';
    if (point <= 0) {
        *to++ = '0';
        *to++ = '.';
        to = put_zeros(to, -point);
    }
    for (size_t i = 0; i < decimal->digits.length; i++) {
        if (decimal->digits.data[i] == '.')
            continue;
        if (point-- == 0 && decimal->point > 0)
            *to++ = '.';
        *to++ = decimal->digits.data[i];
    }
    to = put_zeros(to, point);
    *to = '\0';
}

enum ops_status ops_number_text(struct ops_view text, char ret_text[static OPS_NUMBER_TEXT_SIZE])
{
    struct decimal decimal = {.point = 0};
    if (text.length == 0 || !take_apart(text, &decimal))
        return OPS_INVALID_FIELD;
    if (decimal.count == 0)
        decimal = (struct decimal){.digits = ops_view("0", 1), .count = 1, .point = 1};
    if (text_length(&decimal) >= OPS_NUMBER_TEXT_SIZE)
        return OPS_LIMIT;
    put_together(&decimal, ret_text);
    return OPS_OK;
}

enum ops_status ops_number_text_of_double(double number, char ret_text[static OPS_NUMBER_TEXT_SIZE])
{
    char scientific[SCIENTIFIC_SIZE];
    if (!isfinite(number))
        return OPS_INVALID_FIELD;
    for (int digits = 1; digits <= DOUBLE_DIGITS_MAX; digits++) {
        (void)snprintf(scientific, sizeof scientific, "%.*e", digits - 1, number); /* it fits */
        if (digits == DOUBLE_DIGITS_MAX || strtod(scientific, NULL) == number)
            break;
    }
    return ops_number_text(ops_view_of(scientific), ret_text);
}
