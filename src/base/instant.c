#include "base/instant.h"

#include <stdio.h>

/* Days since 1970-01-01 of a proleptic Gregorian date; Howard Hinnant's "days_from_civil". */
static int64_t days_of_date(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = year / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

/* The reverse: "civil_from_days". */
static void date_of_days(int64_t days, int *ret_year, int *ret_month, int *ret_day)
{
    days += 719468;
    int64_t era = days / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted_month = (5 * day_of_year + 2) / 153;
    *ret_day = (int)(day_of_year - (153 * shifted_month + 2) / 5 + 1);
    *ret_month = (int)(shifted_month + (shifted_month < 10 ? 3 : -9));
    *ret_year = (int)(year_of_era + era * 400 + (*ret_month <= 2));
}

void ops_instant_format(int64_t at_ms, char ret_text[static OPS_INSTANT_TEXT_SIZE])
{
    if (at_ms < 0)
        at_ms = 0;
    if (at_ms > OPS_INSTANT_MAX_MS)
        at_ms = OPS_INSTANT_MAX_MS;
    int year, month, day;
    date_of_days(at_ms / OPS_DAY_MS, &year, &month, &day);
    int second = (int)(at_ms % OPS_DAY_MS / OPS_SECOND_MS);
    const int parts[] = {year / 100, year % 100, month, day, second / 3600, second / 60 % 60, second % 60};
    const char *separators = "\0--T::Z";
    char *out = ret_text;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        *out++ = (char)('0' + parts[i] / 10);
        *out++ = (char)('0' + parts[i] % 10);
        if (separators[i])
            *out++ = separators[i];
    }
    *out = '\0';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Takes exactly count digits off the front of *text. */
static bool take_number(struct ops_view *text, size_t count, int *ret_number)
{
    if (text->length < count)
        return false;
    int number = 0;
    for (size_t i = 0; i < count; i++) {
        if (!is_digit(text->data[i]))
            return false;
        number = number * 10 + (text->data[i] - '0');
    }
    *ret_number = number;
    *text = ops_view(text->data + count, text->length - count);
    return true;
}

static bool take_one_of(struct ops_view *text, const char *allowed, char *ret_found)
{
    if (text->length == 0 || !text->data[0] || !strchr(allowed, text->data[0]))
        return false;
    *ret_found = text->data[0];
    *text = ops_view(text->data + 1, text->length - 1);
    return true;
}

static bool take_fraction(struct ops_view *text, int *ret_milliseconds)
{
    char found;
    *ret_milliseconds = 0;
    if (!take_one_of(text, ".", &found))
        return true;
    int weight = 100;
    size_t digits = 0;
    for (; digits < text->length && is_digit(text->data[digits]); digits++, weight /= 10)
        *ret_milliseconds += weight * (text->data[digits] - '0');
    *text = ops_view(text->data + digits, text->length - digits);
    return digits > 0;
}

static bool take_offset(struct ops_view *text, int *ret_minutes)
{
    char sign;
    int hours = 0, minutes = 0;
    *ret_minutes = 0;
    if (!take_one_of(text, "Zz+-", &sign))
        return false;
    if (sign == 'Z' || sign == 'z')
        return true;
    char colon;
    if (!take_number(text, 2, &hours) || !take_one_of(text, ":", &colon) || !take_number(text, 2, &minutes))
        return false;
    *ret_minutes = (sign == '-' ? -1 : 1) * (hours * 60 + minutes);
    return hours <= 23 && minutes <= 59;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

enum ops_status ops_instant_parse(struct ops_view text, int64_t *ret_at_ms)
{
    int year, month, day, hour, minute, second, milliseconds, offset_minutes;
    char c;
    bool read = take_number(&text, 4, &year) && take_one_of(&text, "-", &c) && take_number(&text, 2, &month) &&
                take_one_of(&text, "-", &c) && take_number(&text, 2, &day) && take_one_of(&text, "Tt", &c) &&
                take_number(&text, 2, &hour) && take_one_of(&text, ":", &c) && take_number(&text, 2, &minute) &&
                take_one_of(&text, ":", &c) && take_number(&text, 2, &second) && take_fraction(&text, &milliseconds) &&
                take_offset(&text, &offset_minutes) && text.length == 0;
    if (!read || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month) || hour > 23 || minute > 59 ||
        second > 59)
        return OPS_INVALID_FIELD;
    int64_t at_ms = days_of_date(year, month, day) * OPS_DAY_MS + hour * OPS_HOUR_MS + minute * OPS_MINUTE_MS +
                    second * OPS_SECOND_MS + milliseconds - offset_minutes * OPS_MINUTE_MS;
    if (at_ms < 0 || at_ms > OPS_INSTANT_MAX_MS)
        return OPS_INVALID_FIELD;
    *ret_at_ms = at_ms;
    return OPS_OK;
}

int64_t ops_instant_ceil_second(int64_t at_ms)
{
    return (at_ms + OPS_SECOND_MS - 1) / OPS_SECOND_MS * OPS_SECOND_MS;
}
