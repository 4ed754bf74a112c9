#include "surfaces/cli/moment.h"

#include "surfaces/cli/zone.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Digits off the front of *text. */
static bool take_number(const char **text, int64_t *ret_number)
{
    int64_t number = 0;
    if (!is_digit(**text))
        return false;
    for (; is_digit(**text); (*text)++)
        if (__builtin_mul_overflow(number, 10, &number) || __builtin_add_overflow(number, **text - '0', &number))
            return false;
    *ret_number = number;
    return true;
}

enum ops_status ops_moment_duration(const char *text, int64_t *ret_seconds)
{
    static const struct {
        char unit;
        int64_t seconds;
    } units[] = {{'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};
    enum { UNIT_COUNT = sizeof units / sizeof units[0] };
    int64_t sum = 0, number;
    size_t next = 0; /* the largest unit that may come */
    do {
        if (!take_number(&text, &number))
            return OPS_INVALID_FIELD;
        if (!*text && next == 0) { /* seconds, without a unit */
            *ret_seconds = number;
            return OPS_OK;
        }
        while (next < UNIT_COUNT && units[next].unit != *text)
            next++;
        if (next == UNIT_COUNT || __builtin_mul_overflow(number, units[next].seconds, &number) ||
            __builtin_add_overflow(sum, number, &sum))
            return OPS_INVALID_FIELD;
        next++;
        text++;
    } while (*text);
    *ret_seconds = sum;
    return OPS_OK;
}

static enum ops_status from_now(const char *flag, const char *text, int64_t now_ms,
                                char ret_instant[static OPS_INSTANT_TEXT_SIZE], struct ops_error *error)
{
    int64_t seconds;
    if (ops_moment_duration(text + 1, &seconds) != OPS_OK || seconds > (OPS_INSTANT_MAX_MS - now_ms) / OPS_SECOND_MS)
        return ops_fail(error, OPS_USAGE, "%s takes a time from now such as +90s, +45m, +2h or +1d12h, not '%.100s'.", flag,
                        text);
    ops_instant_format(ops_instant_ceil_second(now_ms + seconds * OPS_SECOND_MS), ret_instant);
    return OPS_OK;
}

/* A date and a time of day to the minute or the second, off the front of *text, with a T or a space between: as if it were
 * UTC. */
static bool take_local(const char **text, int64_t *ret_local_ms)
{
    enum { TO_MINUTE = sizeof "2026-12-01T03:00" - 1, TO_SECOND = sizeof "2026-12-01T03:00:00" - 1 };
    char instant[OPS_INSTANT_TEXT_SIZE];
    size_t length = strlen(*text);
    if (length < TO_MINUTE)
        return false;
    length = length >= TO_SECOND && (*text)[TO_MINUTE] == ':' ? TO_SECOND : TO_MINUTE;
    (void)snprintf(instant, sizeof instant, "%.*s%sZ", (int)length, *text, length == TO_MINUTE ? ":00" : "");
    if (instant[sizeof "2026-12-01" - 1] == ' ')
        instant[sizeof "2026-12-01" - 1] = 'T';
    if (ops_instant_parse(ops_view_of(instant), ret_local_ms) != OPS_OK)
        return false;
    *text += length;
    return true;
}

static const char *show(int64_t at_ms, char ret_text[static OPS_INSTANT_TEXT_SIZE])
{
    ops_instant_format(at_ms, ret_text);
    return ret_text;
}

/* Neither reading is guessed: an hour is too much for a window that was agreed on. */
static enum ops_status refuse_fit(const char *flag, const char *text, const struct ops_zone_answer *answer,
                                  struct ops_error *error)
{
    char first[OPS_INSTANT_TEXT_SIZE], second[OPS_INSTANT_TEXT_SIZE];
    const struct ops_zone_reading *readings = answer->readings;
    return ops_fail(error, OPS_USAGE, "%s %.100s %s: it may mean %s (%s) or %s (%s); give one of these.", flag, text,
                    answer->fit == OPS_ZONE_TWICE ? "comes twice, since the clocks are set back then"
                                                  : "never comes, since the clocks are set forward then",
                    show(readings[0].at_ms, first), readings[0].local, show(readings[1].at_ms, second), readings[1].local);
}

static enum ops_status from_local(const char *flag, const char *text, const char *zone, int64_t local_ms,
                                  char ret_instant[static OPS_INSTANT_TEXT_SIZE], struct ops_error *error)
{
    struct ops_zone_answer answer;
    enum ops_status status = ops_zone_read(zone, local_ms, &answer, error);
    if (status == OPS_OK && answer.fit != OPS_ZONE_ONCE)
        return refuse_fit(flag, text, &answer, error);
    if (status == OPS_OK && (answer.readings[0].at_ms < 0 || answer.readings[0].at_ms > OPS_INSTANT_MAX_MS))
        return ops_fail(error, OPS_USAGE, "%s %.100s is before 1970 or after 9999 in UTC.", flag, text);
    if (status == OPS_OK)
        ops_instant_format(answer.readings[0].at_ms, ret_instant);
    return status;
}

static bool from_instant(const char *text, char ret_instant[static OPS_INSTANT_TEXT_SIZE])
{
    int64_t at_ms;
    if (ops_instant_parse(ops_view_of(text), &at_ms) != OPS_OK)
        return false;
    ops_instant_format(ops_instant_ceil_second(at_ms), ret_instant);
    return true;
}

/* The same to the minute, which RFC 3339 does not know: "2026-12-01T03:00Z". */
static bool from_minute(const char *text, char ret_instant[static OPS_INSTANT_TEXT_SIZE])
{
    enum { TO_MINUTE = sizeof "2026-12-01T03:00" - 1, LONGEST = sizeof "2026-12-01T03:00:00+01:00" };
    char instant[LONGEST];
    if (strlen(text) <= TO_MINUTE)
        return false;
    int length = snprintf(instant, sizeof instant, "%.*s:00%s", (int)TO_MINUTE, text, text + TO_MINUTE);
    return length < (int)sizeof instant && from_instant(instant, ret_instant);
}

enum ops_status ops_moment_time(const char *flag, const char *text, int64_t now_ms,
                                char ret_instant[static OPS_INSTANT_TEXT_SIZE], struct ops_error *error)
{
    const char *rest = text;
    int64_t local_ms;
    if (text[0] == '+')
        return from_now(flag, text, now_ms, ret_instant, error);
    if (from_instant(text, ret_instant) || from_minute(text, ret_instant))
        return OPS_OK;
    if (!take_local(&rest, &local_ms))
        return ops_fail(
            error, OPS_USAGE,
            "%s takes a time in UTC such as 2026-12-01T02:00:00Z, one with an offset, a local time with its zone "
            "such as '2026-12-01T03:00 Europe/Vienna', or one from now such as +45m, not '%.100s'.",
            flag, text);
    rest += strspn(rest, " ");
    if (!*rest)
        return ops_fail(
            error, OPS_USAGE,
            "%s %.100s has no zone; add Z for UTC, an offset such as +01:00, or a zone such as ' Europe/Vienna'.", flag,
            text);
    return from_local(flag, text, rest, local_ms, ret_instant, error);
}

const char *ops_moment_zone(const char *text)
{
    enum { DATE = sizeof "2026-12-01" };
    static const char of_time[] = "0123456789:.";
    if (text[0] == '+' || strlen(text) < DATE)
        return NULL;
    const char *rest = text + DATE;
    rest += strspn(rest, of_time);
    rest += strspn(rest, " ");
    return *rest && strcasecmp(rest, "Z") != 0 ? rest : NULL;
}
