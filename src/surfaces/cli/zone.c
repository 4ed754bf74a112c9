/*
 * By the C library, which reads the machine's own database, the one that 'date' goes by. ICU is made for this and brings a
 * database of its own: Debian 12's was of 2022 when the machine's was of 2025, and a window would start an hour off in each
 * country that changed its rules in between. The price of the C library is that it knows one zone at a time, TZ; so it is
 * set, asked and put back, by a program that has one thread at this point.
 *
 * All that is asked is how far a zone is from UTC at an instant. A local time means an instant where the zone's distance is
 * the one that it was computed with. Within a day on either side of it lie the only distances that can be (no zone changes
 * twice in two days), so both are tried: one fits, or the time is there twice and both do, or it is skipped and none does.
 */
#include "surfaces/cli/zone.h"

#include "base/instant.h"
#include "base/mem.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ZONE_NAME_MAX = 64, PATH_SIZE = 4096 };

static const char *database(void)
{
    const char *given = getenv("TZDIR");
    return given && *given ? given : "/usr/share/zoneinfo";
}

/* "right/" has names too: of clocks that count leap seconds, which ours do not. */
static bool is_name(const char *zone)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/";
    size_t length = strlen(zone);
    return length > 0 && length <= ZONE_NAME_MAX && strspn(zone, allowed) == length && zone[0] != '/' &&
           strncmp(zone, "right/", 6) != 0;
}

/* The C library takes a zone that it can't read for UTC, and says nothing. RFC 8536 has the first four bytes. */
static bool is_zone_file(const char *path)
{
    char magic[4];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return false;
    bool read_it = read(fd, magic, sizeof magic) == (ssize_t)sizeof magic;
    (void)close(fd);
    return read_it && memcmp(magic, "TZif", sizeof magic) == 0;
}

static bool is_in_database(const char *zone)
{
    char path[PATH_SIZE];
    int length = snprintf(path, sizeof path, "%s/%s", database(), zone);
    return length < PATH_SIZE && is_zone_file(path);
}

static bool is_zone(const char *zone)
{
    return is_name(zone) && is_in_database(zone);
}

static int64_t distance_ms(int64_t at_ms)
{
    time_t seconds = (time_t)(at_ms / OPS_SECOND_MS);
    struct tm local;
    return localtime_r(&seconds, &local) ? local.tm_gmtoff * OPS_SECOND_MS : 0;
}

static void fill_reading(int64_t at_ms, struct ops_zone_reading *ret_reading)
{
    time_t seconds = (time_t)(at_ms / OPS_SECOND_MS);
    struct tm local;
    ret_reading->at_ms = at_ms;
    if (!localtime_r(&seconds, &local) ||
        strftime(ret_reading->local, sizeof ret_reading->local, "%Y-%m-%d %H:%M %Z", &local) == 0)
        ret_reading->local[0] = '\0';
}

static void read_local(int64_t local_ms, struct ops_zone_answer *ret_answer)
{
    int64_t by_old = local_ms - distance_ms(local_ms - OPS_DAY_MS), by_new = local_ms - distance_ms(local_ms + OPS_DAY_MS);
    bool old_fits = by_old + distance_ms(by_old) == local_ms, new_fits = by_new + distance_ms(by_new) == local_ms;
    bool once = by_old == by_new || old_fits != new_fits;
    ret_answer->fit = once ? OPS_ZONE_ONCE : old_fits ? OPS_ZONE_TWICE : OPS_ZONE_SKIPPED;
    if (once) {
        fill_reading(old_fits ? by_old : by_new, &ret_answer->readings[0]);
        return;
    }
    fill_reading(by_old < by_new ? by_old : by_new, &ret_answer->readings[0]);
    fill_reading(by_old < by_new ? by_new : by_old, &ret_answer->readings[1]);
}

/* takes before, what TZ was. */
static void put_back(char *before)
{
    if (before)
        (void)setenv("TZ", before, 1);
    else
        (void)unsetenv("TZ");
    tzset();
    ops_mem_free(before);
}

/* ret_before is for put_back. */
static enum ops_status put_on(const char *zone, char **ret_before)
{
    char name[ZONE_NAME_MAX + 2];
    (void)snprintf(name, sizeof name, ":%s", zone);
    const char *now = getenv("TZ");
    char *before = now ? ops_mem_strdup(now) : NULL;
    if ((now && !before) || setenv("TZ", name, 1) != 0) {
        ops_mem_free(before);
        return OPS_NO_MEMORY;
    }
    tzset();
    *ret_before = before;
    return OPS_OK;
}

enum ops_status ops_zone_read(const char *zone, int64_t local_ms, struct ops_zone_answer *ret_answer,
                              struct ops_error *error)
{
    if (!is_zone(zone))
        return ops_fail(error, OPS_USAGE, "There is no time zone '%.64s' in %.200s; the names are such as Europe/Vienna.",
                        zone, database());
    char *before;
    enum ops_status status = put_on(zone, &before);
    if (status != OPS_OK)
        return status;
    read_local(local_ms, ret_answer);
    put_back(before);
    return OPS_OK;
}

/* RFC 3339's offset. */
static bool read_offset(const char *text, int64_t *ret_offset_ms)
{
    unsigned hours, minutes;
    char sign, end;
    if (sscanf(text, "%c%2u:%2u%c", &sign, &hours, &minutes, &end) != 3 || !strchr("+-", sign))
        return false;
    int64_t offset_ms = (int64_t)(hours * 60 + minutes) * 60 * OPS_SECOND_MS;
    *ret_offset_ms = sign == '-' ? -offset_ms : offset_ms;
    return true;
}

static void write_local(const struct tm *local, const char *name, char ret_text[static OPS_ZONE_TEXT_SIZE])
{
    char text[OPS_ZONE_TEXT_SIZE];
    if (strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", local) > 0)
        (void)snprintf(ret_text, OPS_ZONE_TEXT_SIZE, "%.40s %.20s", text, name);
}

const char *ops_zone_show(const char *zone, int64_t at_ms, char ret_text[static OPS_ZONE_TEXT_SIZE])
{
    int64_t offset_ms;
    struct tm local;
    char *before;
    ret_text[0] = '\0';
    if (read_offset(zone, &offset_ms)) {
        time_t seconds = (time_t)((at_ms + offset_ms) / OPS_SECOND_MS);
        if (gmtime_r(&seconds, &local))
            write_local(&local, zone, ret_text);
        return ret_text;
    }
    if (!is_zone(zone) || put_on(zone, &before) != OPS_OK)
        return ret_text;
    time_t seconds = (time_t)(at_ms / OPS_SECOND_MS);
    if (localtime_r(&seconds, &local))
        write_local(&local, local.tm_zone, ret_text);
    put_back(before);
    return ret_text;
}

/* ---- What TZ may hold ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Each of the following takes what it is named for off the front of *text, and says whether it was there. */

static bool take_char(const char **text, char c)
{
    bool there = **text == c;
    *text += there;
    return there;
}

static bool take_number(const char **text, int max)
{
    int number = 0;
    if (!is_digit(**text))
        return false;
    for (; is_digit(**text) && number <= max; (*text)++)
        number = 10 * number + **text - '0';
    return number <= max;
}

/* "CET", "<+0530>" */
static bool take_abbreviation(const char **text)
{
    enum { ABBREVIATION_LEAST = 3 };
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", quoted[] = "0123456789+-";
    const char *start = *text;
    if (!take_char(text, '<')) {
        *text += strspn(*text, letters);
        return *text - start >= ABBREVIATION_LEAST;
    }
    while (**text && (strchr(letters, **text) || strchr(quoted, **text)))
        (*text)++;
    return *text - start > ABBREVIATION_LEAST && take_char(text, '>');
}

/* "-1", "+5:30", "3:00:00" */
static bool take_clock(const char **text, int hours_max)
{
    enum { SIXTIETHS_MAX = 59 };
    (void)(take_char(text, '-') || take_char(text, '+'));
    bool good = take_number(text, hours_max);
    for (int part = 0; part < 2 && good && take_char(text, ':'); part++)
        good = take_number(text, SIXTIETHS_MAX);
    return good;
}

/* ",M3.5.0/2", ",J60", ",59" */
static bool take_rule(const char **text)
{
    enum { MONTHS = 12, WEEKS = 5, DAYS = 6, DAYS_OF_YEAR = 365, HOURS_MAX = 167 };
    bool good = take_char(text, ',');
    if (good && take_char(text, 'M'))
        good = take_number(text, MONTHS) && take_char(text, '.') && take_number(text, WEEKS) && take_char(text, '.') &&
               take_number(text, DAYS);
    else if (good)
        good = ((void)take_char(text, 'J'), take_number(text, DAYS_OF_YEAR));
    return good && (!take_char(text, '/') || take_clock(text, HOURS_MAX));
}

static bool is_posix_zone(const char *text)
{
    enum { HOURS_MAX = 24 };
    if (!take_abbreviation(&text) || !take_clock(&text, HOURS_MAX))
        return false;
    if (!*text)
        return true;
    if (!take_abbreviation(&text) || (*text && *text != ',' && !take_clock(&text, HOURS_MAX)))
        return false;
    return !*text || (take_rule(&text) && take_rule(&text) && !*text);
}

/* Without a database these are what the C library makes of any name. */
static bool is_utc(const char *name)
{
    static const char *const names[] = {"UTC", "UCT", "Etc/UTC", "Universal", "Zulu"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

bool ops_zone_is_understood(const char *zone)
{
    if (!zone)
        return true;
    zone += *zone == ':';
    if (!*zone || is_utc(zone))
        return true;
    return (*zone == '/' ? is_zone_file(zone) : is_in_database(zone)) || is_posix_zone(zone);
}
