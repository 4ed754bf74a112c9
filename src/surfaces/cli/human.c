#include "surfaces/cli/human.h"

#include "base/instant.h"
#include "surfaces/cli/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

const char *ops_human_number(int64_t number, char ret_text[static OPS_HUMAN_SIZE])
{
    char digits[OPS_HUMAN_SIZE];
    int count = snprintf(digits, sizeof digits, "%" PRIu64, number < 0 ? 0 - (uint64_t)number : (uint64_t)number);
    char *out = ret_text;
    if (number < 0)
        *out++ = '-';
    for (int i = 0; i < count; i++) {
        *out++ = digits[i];
        if ((count - i) % 3 == 1 && i + 1 < count)
            *out++ = ',';
    }
    *out = '\0';
    return ret_text;
}

const char *ops_human_count(int64_t count, const char *one, const char *many, char ret_text[static OPS_HUMAN_COUNT_SIZE])
{
    char number[OPS_HUMAN_SIZE];
    (void)snprintf(ret_text, OPS_HUMAN_COUNT_SIZE, "%s %.40s", ops_human_number(count, number), count == 1 ? one : many);
    return ret_text;
}

const char *ops_human_bytes(int64_t bytes, char ret_text[static OPS_HUMAN_SIZE])
{
    static const char *const units[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
    if (bytes < 1000) {
        (void)snprintf(ret_text, OPS_HUMAN_SIZE, "%" PRId64 " B", bytes);
        return ret_text;
    }
    double size = (double)bytes / 1000;
    size_t unit = 0;
    for (; size >= 999.95 && unit + 1 < sizeof units / sizeof units[0]; unit++)
        size /= 1000;
    (void)snprintf(ret_text, OPS_HUMAN_SIZE, "%.1f %s", size, units[unit]);
    return ret_text;
}

/* The two largest parts: nobody needs the seconds of three days. */
const char *ops_human_duration(int64_t seconds, char ret_text[static OPS_HUMAN_SIZE])
{
    static const struct {
        int64_t large, small;
        char large_unit, small_unit;
    } scales[] = {{86400, 3600, 'd', 'h'}, {3600, 60, 'h', 'm'}, {60, 1, 'm', 's'}};
    if (seconds < 0)
        seconds = 0;
    for (size_t i = 0; i < sizeof scales / sizeof scales[0]; i++) {
        if (seconds < scales[i].large)
            continue;
        int64_t large = seconds / scales[i].large, small = seconds % scales[i].large / scales[i].small;
        if (small)
            (void)snprintf(ret_text, OPS_HUMAN_SIZE, "%" PRId64 "%c %" PRId64 "%c", large, scales[i].large_unit, small,
                           scales[i].small_unit);
        else
            (void)snprintf(ret_text, OPS_HUMAN_SIZE, "%" PRId64 "%c", large, scales[i].large_unit);
        return ret_text;
    }
    (void)snprintf(ret_text, OPS_HUMAN_SIZE, "%" PRId64 "s", seconds);
    return ret_text;
}

const char *ops_human_countdown(int64_t seconds, char ret_text[static OPS_HUMAN_SIZE])
{
    if (seconds < 0)
        seconds = 0;
    (void)snprintf(ret_text, OPS_HUMAN_SIZE, "%" PRId64 ":%02d", seconds / 60, (int)(seconds % 60));
    return ret_text;
}

static void write_utc(int64_t at_ms, char ret_text[static OPS_INSTANT_TEXT_SIZE])
{
    ops_instant_format(at_ms, ret_text);
    ret_text[sizeof "2026-11-24" - 1] = ' ';
}

/* The C library reads the zone as 'date' does, from the same files: what is printed agrees with the operator's other tools.
 */
static bool local_time(int64_t at_ms, struct tm *ret_local)
{
    time_t seconds = (time_t)(at_ms / OPS_SECOND_MS);
    tzset(); /* localtime_r need not */
    if (!localtime_r(&seconds, ret_local))
        return false;
    return ret_local->tm_gmtoff != 0 || strcmp(ret_local->tm_zone, "UTC") != 0;
}

const char *ops_human_local_time(int64_t at_ms, char ret_text[static OPS_HUMAN_TIME_SIZE])
{
    struct tm tm;
    if (!local_time(at_ms, &tm) || strftime(ret_text, OPS_HUMAN_TIME_SIZE, "%Y-%m-%d %H:%M:%S %Z", &tm) == 0)
        ret_text[0] = '\0';
    return ret_text;
}

const char *ops_human_time(int64_t at_ms, char ret_text[static OPS_HUMAN_TIME_SIZE])
{
    char utc[OPS_INSTANT_TEXT_SIZE], local[OPS_HUMAN_TIME_SIZE];
    write_utc(at_ms, utc);
    const char *between = *ops_human_local_time(at_ms, local) ? " = " : "";
    (void)snprintf(ret_text, OPS_HUMAN_TIME_SIZE, "%s%s%.48s", utc, between, local);
    return ret_text;
}

void ops_human_append_plain_instant(struct ops_buf *buf, const char *instant)
{
    int64_t at_ms;
    if (ops_instant_parse(ops_view_of(instant), &at_ms) != OPS_OK) {
        ops_text_append_safe(buf, ops_view_of(instant));
        return;
    }
    char text[OPS_INSTANT_TEXT_SIZE];
    write_utc(at_ms, text);
    ops_buf_append_text(buf, text);
}

void ops_human_append_instant(struct ops_buf *buf, const char *instant, int64_t now_ms)
{
    int64_t at_ms;
    char text[OPS_HUMAN_TIME_SIZE], away[OPS_HUMAN_SIZE];
    if (ops_instant_parse(ops_view_of(instant), &at_ms) != OPS_OK) {
        ops_text_append_safe(buf, ops_view_of(instant));
        return;
    }
    ops_text_append_safe(buf, ops_view_of(ops_human_time(at_ms, text)));
    int64_t ahead_seconds = (at_ms - now_ms) / OPS_SECOND_MS;
    if (at_ms > now_ms)
        ops_buf_append_format(buf, " (in %s)", ops_human_duration(ahead_seconds, away));
    else
        ops_buf_append_format(buf, " (%s ago)", ops_human_duration(-ahead_seconds, away));
}
