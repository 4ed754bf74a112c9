/* Lengths of time and points in time, as a person writes them. The zones are those of the machine: the cases are of rules
 * that have stood for decades. */
#include "cli/fake.h"

#include "base/instant.h"
#include "surfaces/cli/moment.h"
#include "surfaces/cli/zone.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static void a_duration_is_seconds_or_words(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t seconds; /* -1: it is none */
    } cases[] = {
        {"0", 0},
        {"3600", 3600},
        {"90s", 90},
        {"45m", 2700},
        {"2h", 7200},
        {"1d12h", 129600},
        {"1d2h3m4s", 93784},
        {"1h30m", 5400},
        {"9223372036854775807", INT64_MAX},
        {"", -1},
        {"h", -1},
        {"-1h", -1},
        {"+1h", -1},
        {"1.5h", -1},
        {"1h 30m", -1},
        {"30m1h", -1},
        {"1h1h", -1},
        {"1h30", -1},
        {"1w", -1},
        {"1H", -1},
        {"1hour", -1},
        {"1000s1", -1},
        {"9223372036854775808", -1},
        {"106751991167301d", -1},
        {"106751991167300d9223372036854775807s", -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t seconds = -1;
        enum ops_status status = ops_moment_duration(cases[i].text, &seconds);
        if (status != (cases[i].seconds < 0 ? OPS_INVALID_FIELD : OPS_OK) || seconds != cases[i].seconds)
            fail_msg("'%s': %lld", cases[i].text, (long long)seconds);
    }
}

static void a_time_is_read_in_the_zone_that_it_names(void **state)
{
    (void)state;
    static const struct {
        const char *text, *instant;
    } cases[] = {
        {"2026-12-01T02:00:00Z", "2026-12-01T02:00:00Z"},
        {"2026-12-01T02:00:00.5+01:00", "2026-12-01T01:00:01Z"},
        {"2026-12-01T02:00Z", "2026-12-01T02:00:00Z"},
        {"2026-12-01T02:00+01:00", "2026-12-01T01:00:00Z"},
        {"2026-12-01T03:00 Europe/Vienna", "2026-12-01T02:00:00Z"},
        {"2026-12-01 03:00 Europe/Vienna", "2026-12-01T02:00:00Z"},
        {"2026-12-01T03:00:07  Europe/Vienna", "2026-12-01T02:00:07Z"},
        {"2027-07-01T03:00 Europe/Vienna", "2027-07-01T01:00:00Z"},
        {"2027-03-28T01:59 Europe/Vienna", "2027-03-28T00:59:00Z"},
        {"2027-03-28T03:00 Europe/Vienna", "2027-03-28T01:00:00Z"},
        {"2027-10-31T01:59 Europe/Vienna", "2027-10-30T23:59:00Z"},
        {"2027-10-31T03:00 Europe/Vienna", "2027-10-31T02:00:00Z"},
        {"2026-12-01T03:00 America/New_York", "2026-12-01T08:00:00Z"},
        {"2026-12-01T03:00 Asia/Kathmandu", "2026-11-30T21:15:00Z"},
        {"2027-01-15T03:00 Australia/Lord_Howe", "2027-01-14T16:00:00Z"},
        {"2011-12-31T12:00 Pacific/Apia", "2011-12-30T22:00:00Z"},
        {"2026-12-01T03:00 UTC", "2026-12-01T03:00:00Z"},
        {"+45m", "2025-11-24T04:27:53Z"},
        {"+1d", "2025-11-25T03:42:53Z"},
        {"+90", "2025-11-24T03:44:23Z"},
    };
    static const char *const own[] = {NULL, "UTC", "Asia/Tokyo"};
    for (size_t k = 0; k < sizeof own / sizeof own[0]; k++) {
        (void)(own[k] ? setenv("TZ", own[k], 1) : unsetenv("TZ"));
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
            char instant[OPS_INSTANT_TEXT_SIZE] = "";
            struct ops_error error = OPS_ERROR_INIT;
            enum ops_status status = ops_moment_time("--start", cases[i].text, FAKE_NOW_MS, instant, &error);
            if (status != OPS_OK || strcmp(instant, cases[i].instant) != 0)
                fail_msg("%s: %s %s", cases[i].text, instant, error.text);
            ops_error_release(&error);
        }
        const char *now = getenv("TZ");
        assert_true(own[k] ? now && strcmp(now, own[k]) == 0 : !now);
    }
}

static void what_is_no_time_is_refused_in_words(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"soon", "--start takes a time in UTC such as 2026-12-01T02:00:00Z"},
        {"", "--start takes a time in UTC"},
        {"03:00 Europe/Vienna", "--start takes a time in UTC"},
        {"2026-02-30T03:00 Europe/Vienna", "--start takes a time in UTC"},
        {"2026-12-01T24:00 Europe/Vienna", "--start takes a time in UTC"},
        {"2026-12-01T03:00", "--start 2026-12-01T03:00 has no zone; add Z for UTC"},
        {"2026-12-01T03:00:00", "has no zone"},
        {"2026-12-01T03:00 Europe/Wien", "There is no time zone 'Europe/Wien' in /usr/share/zoneinfo"},
        {"2026-12-01T03:00 /etc/localtime", "There is no time zone '/etc/localtime'"},
        {"2026-12-01T03:00 ../zoneinfo/UTC", "There is no time zone"},
        {"2026-12-01T03:00 Europe", "There is no time zone 'Europe'"},
        {"2026-12-01T03:00 right/Europe/Vienna", "There is no time zone 'right/Europe/Vienna'"},
        {"2026-12-01T03:00 tzdata.zi", "There is no time zone 'tzdata.zi'"},
        {"2026-12-01T03:00 CET-1CEST", "There is no time zone 'CET-1CEST'"},
        {"1970-01-01T00:00 Asia/Tokyo", "is before 1970 or after 9999 in UTC."},
        {"9999-12-31T23:59 America/New_York", "is before 1970 or after 9999 in UTC."},
        {"+", "--start takes a time from now such as"},
        {"+soon", "--start takes a time from now such as"},
        {"+9223372036854775807", "--start takes a time from now such as"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char instant[OPS_INSTANT_TEXT_SIZE];
        struct ops_error error = OPS_ERROR_INIT;
        assert_int_equal(ops_moment_time("--start", cases[i].text, FAKE_NOW_MS, instant, &error), OPS_USAGE);
        assert_has(error.text, cases[i].words);
        ops_error_release(&error);
    }
}

static void a_time_that_a_zone_skips_or_has_twice_is_refused_with_both_readings(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"2027-03-28T02:30 Europe/Vienna",
         "--start 2027-03-28T02:30 Europe/Vienna never comes, since the clocks are set forward then: it may mean "
         "2027-03-28T00:30:00Z (2027-03-28 01:30 CET) or 2027-03-28T01:30:00Z (2027-03-28 03:30 CEST); give one of these."},
        {"2027-03-28T02:00 Europe/Vienna", "never comes"},
        {"2027-10-31T02:30 Europe/Vienna",
         "comes twice, since the clocks are set back then: it may mean 2027-10-31T00:30:00Z (2027-10-31 02:30 CEST) or "
         "2027-10-31T01:30:00Z (2027-10-31 02:30 CET); give one of these."},
        {"2027-10-31T02:00 Europe/Vienna", "comes twice"},
        {"2027-03-14T02:30 America/New_York", "never comes"},
        {"2027-11-07T01:30 America/New_York", "2027-11-07T05:30:00Z (2027-11-07 01:30 EDT)"},
        {"2027-04-04T01:45 Australia/Lord_Howe", "comes twice"},
        {"2011-12-30T12:00 Pacific/Apia", "never comes"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char instant[OPS_INSTANT_TEXT_SIZE] = "as before";
        struct ops_error error = OPS_ERROR_INIT;
        assert_int_equal(ops_moment_time("--start", cases[i].text, FAKE_NOW_MS, instant, &error), OPS_USAGE);
        assert_has(error.text, cases[i].words);
        assert_string_equal(instant, "as before");
        ops_error_release(&error);
    }
}

static void the_answer_shows_a_start_in_utc_and_in_the_operators_zone(void **state)
{
    (void)state;
    struct fake fake;
    fake_init(&fake);
    fake_answer(&fake, OPS_OK, 200,
                "{\"success\":true,\"data\":{\"maintenance_id\":\"x\",\"status\":\"scheduled\",\"scheduled_start_utc\":"
                "\"2026-12-01T08:00:00Z\"}}");
    setenv("TZ", "Europe/Vienna", 1);
    assert_int_equal(fake_run(&fake,
                              "maintenance schedule --description d --duration 2h --secret-code correct~horse~battery "
                              "--start 2026-12-01T03:00~America/New_York"),
                     OPS_EXIT_DONE);
    assert_has(fake.body, "\"scheduled_start_utc\":\"2026-12-01T08:00:00Z\"");
    assert_has(fake.out, "  scheduled    2026-12-01 08:00:00Z = 2026-12-01 09:00:00 CET (in ");
    fake_release(&fake);
}

static void the_answer_shows_a_start_in_the_zone_that_it_was_written_in(void **state)
{
    (void)state;
    static const struct {
        const char *own, *start, *instant, *shown; /* NULL: nothing more is shown */
    } cases[] = {
        {"UTC", "2026-12-01T03:00~America/New_York", "2026-12-01T08:00:00Z",
         "  as given     2026-12-01 03:00:00 EST (America/New_York)\n"},
        {"Europe/Vienna", "2026-12-01~03:00~America/New_York", "2026-12-01T08:00:00Z",
         "  as given     2026-12-01 03:00:00 EST (America/New_York)\n"},
        {"UTC", "2026-12-01T03:00+05:30", "2026-11-30T21:30:00Z", "  as given     2026-12-01 03:00:00 +05:30\n"},
        {"UTC", "2026-12-01T03:00:00-08:00", "2026-12-01T11:00:00Z", "  as given     2026-12-01 03:00:00 -08:00\n"},
        {"Europe/Vienna", "2026-12-01T09:00~Europe/Vienna", "2026-12-01T08:00:00Z", NULL},
        {"UTC", "2026-12-01T08:00:00Z", "2026-12-01T08:00:00Z", NULL},
        {"UTC", "2026-12-01T08:00Z", "2026-12-01T08:00:00Z", NULL},
        {"UTC", "+45m", "2025-11-24T04:27:53Z", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char answer[256], line[256];
        struct fake fake;
        fake_init(&fake);
        setenv("TZ", cases[i].own, 1);
        snprintf(
            answer, sizeof answer,
            "{\"success\":true,\"data\":{\"maintenance_id\":\"x\",\"status\":\"scheduled\",\"scheduled_start_utc\":\"%s\"}}",
            cases[i].instant);
        snprintf(line, sizeof line,
                 "maintenance schedule --description d --duration 2h --secret-code correct~horse~battery --start %s",
                 cases[i].start);
        fake_answer(&fake, OPS_OK, 200, answer);
        assert_int_equal(fake_run(&fake, line), OPS_EXIT_DONE);
        assert_has(fake.body, cases[i].instant);
        if (cases[i].shown)
            assert_has(fake.out, cases[i].shown);
        else
            assert_lacks(fake.out, "as given");
        fake_release(&fake);
    }
    setenv("TZ", "UTC", 1);
}

static void a_list_says_that_it_is_in_utc_and_has_the_operators_time_where_there_is_room(void **state)
{
    (void)state;
    static const struct {
        const char *command, *answer, *title;
        int narrow; /* columns that leave no room */
    } cases[] = {
        {"maintenance-list",
         "{\"success\":true,\"data\":{\"items\":[{\"maintenance_id\":\"01JDE9Q3F0V8M4T6XK2R7W5N1B\",\"status\":"
         "\"scheduled\","
         "\"scheduled_start_utc\":\"2026-12-01T08:00:00Z\",\"description\":\"d\"}]}}",
         "START (UTC)", 80},
        {"vacuum-list",
         "{\"success\":true,\"data\":{\"items\":[{\"vacuum_id\":\"01JDE9Q3F0V8M4T6XK2R7W5N1B\",\"status\":\"pending\","
         "\"requested_at\":\"2026-12-01T08:00:00Z\",\"orgcode\":\"acme\"}]}}",
         "REQUESTED (UTC)", 80},
        {"audit-list",
         "{\"success\":true,\"data\":{\"items\":[{\"seq\":1,\"at\":\"2026-12-01T08:00:00Z\",\"type\":\"secret.set\","
         "\"actor\":"
         "\"a\"}]}}",
         "AT (UTC)", 60},
    };
    static const struct {
        const char *own;
        int columns; /* 0: no terminal; -1: the narrow ones */
        bool local;
    } ways[] = {{"UTC", 0, false},
                {"UTC", 200, false},
                {"Europe/Vienna", 0, true},
                {"Europe/Vienna", 200, true},
                {"Europe/Vienna", -1, false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t k = 0; k < sizeof ways / sizeof ways[0]; k++) {
            struct fake fake;
            fake_init(&fake);
            setenv("TZ", ways[k].own, 1);
            fake.out_terminal = ways[k].columns != 0;
            fake.columns = ways[k].columns < 0 ? cases[i].narrow : ways[k].columns;
            fake_answer(&fake, OPS_OK, 200, cases[i].answer);
            assert_int_equal(fake_run(&fake, cases[i].command), OPS_EXIT_DONE);
            assert_has(fake.out, cases[i].title);
            assert_has(fake.out, "2026-12-01 08:00:00Z");
            if (ways[k].local) {
                assert_has(fake.out, "LOCAL");
                assert_has(fake.out, "2026-12-01 09:00:00 CET");
            } else {
                assert_lacks(fake.out, "LOCAL");
                assert_lacks(fake.out, "CET");
            }
            fake_release(&fake);
        }
    }
    setenv("TZ", "UTC", 1);
}

/* What the C library makes of it is asked too, so that the rules here can't drift from its own. */
static void a_zone_that_the_c_library_does_not_know_is_told_apart(void **state)
{
    (void)state;
    static const struct {
        const char *zone;
        bool good;
        const char *local; /* what it shows at 2026-07-01T00:00Z, where that tells something; or NULL */
    } cases[] = {
        {"", true, "00:00"},
        {"UTC", true, "00:00"},
        {"UTC0", true, "00:00"},
        {"Etc/UTC", true, "00:00"},
        {"Europe/Vienna", true, "02:00"},
        {":Europe/Vienna", true, "02:00"},
        {"/usr/share/zoneinfo/Europe/Vienna", true, "02:00"},
        {":/usr/share/zoneinfo/Europe/Vienna", true, "02:00"},
        {"right/Europe/Vienna", true, NULL},
        {"EST5EDT", true, "20:00"},
        {"CET-1CEST,M3.5.0,M10.5.0/3", true, "02:00"},
        {"CET-1CEST", true, "02:00"},
        {"CET-1CEST-2,M3.5.0/02:00:00,M10.5.0/03:00:00", true, "02:00"},
        {"AEST-10AEDT,M10.1.0,M4.1.0/3", true, "10:00"},
        {"<+0530>-5:30", true, "05:30"},
        {"<-03>3<-02>,M3.5.0/-2,M10.5.0/-1", true, "22:00"},
        {"IST-5:30", true, "05:30"},
        {"XYZ-1XYD,J60/0,300", true, "02:00"},
        {"Europe/Viena", false, NULL},
        {"Foo/Bar", false, "00:00"},
        {":Foo/Bar", false, "00:00"},
        {"CET-", false, NULL},
        {"Vienna", false, "00:00"},
        {"CEST", false, "00:00"},
        {"Europe", false, NULL},
        {"/etc/passwd", false, "00:00"},
        {"/no/such/zone", false, "00:00"},
        {"+02:00", false, "00:00"},
        {"-1", false, "00:00"},
        {"AB-1", false, "00:00"},
        {"CET-25", false, NULL},
        {"CET-1CEST,soon", false, NULL},
        {"CET-1CEST,M3.5.0", false, NULL},
        {"<>-1", false, NULL},
    };
    unsetenv("TZDIR");
    assert_true(ops_zone_is_understood(NULL));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        time_t at = 1782864000; /* 2026-07-01T00:00:00Z */
        struct tm local;
        char shown[8];
        if (ops_zone_is_understood(cases[i].zone) != cases[i].good)
            fail_msg("'%s'", cases[i].zone);
        setenv("TZ", cases[i].zone, 1);
        tzset();
        strftime(shown, sizeof shown, "%H:%M", localtime_r(&at, &local));
        if (cases[i].local && strcmp(shown, cases[i].local) != 0)
            fail_msg("'%s' shows %s", cases[i].zone, shown);
    }
}

static void an_unknown_zone_is_warned_about_and_utc_alone_is_shown(void **state)
{
    (void)state;
    static const char *const unknown[] = {"Europe/Viena", "Foo/Bar", "/no/such/zone"};
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        char warning[256];
        struct fake fake;
        fake_init(&fake);
        fake_answer(&fake, OPS_OK, 200,
                    "{\"success\":true,\"data\":{\"maintenance_id\":\"x\",\"status\":\"scheduled\",\"scheduled_start_utc\":"
                    "\"2026-12-01T08:00:00Z\"}}");
        setenv("TZ", unknown[i], 1);
        assert_int_equal(fake_run(&fake, "maintenance-get --maintenance-id 01JDE9Q3F0V8M4T6XK2R7W5N1B"), OPS_EXIT_DONE);
        snprintf(warning, sizeof warning,
                 "warning: there is no time zone '%s', which TZ names: times are shown in UTC only\n", unknown[i]);
        assert_string_equal(fake.err, warning);
        assert_has(fake.out, "  scheduled    2026-12-01 08:00:00Z (in ");
        setenv("TZ", unknown[i], 1);
        assert_int_equal(fake_run(&fake, "maintenance-get --maintenance-id 01JDE9Q3F0V8M4T6XK2R7W5N1B --json"),
                         OPS_EXIT_DONE);
        assert_string_equal(fake.err, "");
        setenv("TZ", unknown[i], 1);
        assert_int_equal(fake_run(&fake, "help"), OPS_EXIT_DONE);
        assert_string_equal(fake.err, "");
        fake_release(&fake);
    }
    setenv("TZ", "UTC", 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_duration_is_seconds_or_words),
        cmocka_unit_test(a_time_is_read_in_the_zone_that_it_names),
        cmocka_unit_test(what_is_no_time_is_refused_in_words),
        cmocka_unit_test(a_time_that_a_zone_skips_or_has_twice_is_refused_with_both_readings),
        cmocka_unit_test(a_zone_that_the_c_library_does_not_know_is_told_apart),
        cmocka_unit_test(an_unknown_zone_is_warned_about_and_utc_alone_is_shown),
        cmocka_unit_test(the_answer_shows_a_start_in_utc_and_in_the_operators_zone),
        cmocka_unit_test(the_answer_shows_a_start_in_the_zone_that_it_was_written_in),
        cmocka_unit_test(a_list_says_that_it_is_in_utc_and_has_the_operators_time_where_there_is_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
