/* What is made for people: help, completion, the manual page, tables, records. */
#include "cli/fake.h"

#include "base/instant.h"
#include "surfaces/cli/card.h"
#include "surfaces/cli/generate.h"
#include "surfaces/cli/human.h"
#include "surfaces/cli/render.h"
#include "surfaces/cli/text.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SOME_ID "01JDE9Q3F0V8M4T6XK2R7W5N1B"

static const struct ops_style plain = {.color = false, .columns = 0, .now_ms = FAKE_NOW_MS};

/* Compares with a file in golden/; OPS_UPDATE_GOLDEN=1 writes it instead. */
static void assert_golden(const char *name, const char *text)
{
    char path[512], *wanted = NULL;
    size_t size = 0;
    snprintf(path, sizeof path, "%s/%s", OPS_GOLDEN_DIR, name);
    if (getenv("OPS_UPDATE_GOLDEN")) {
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        fputs(text, file);
        fclose(file);
    }
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    ssize_t length = getdelim(&wanted, &size, '\0', file);
    fclose(file);
    assert_true(length >= 0);
    assert_string_equal(text, wanted);
    free(wanted);
}

static void assert_fits(const char *text, size_t columns)
{
    while (*text) {
        size_t length = strcspn(text, "\n");
        size_t width = ops_text_width(ops_view(text, length));
        if (width > columns)
            fail_msg("%zu columns: %.*s", width, (int)length, text);
        text += length + (text[length] == '\n');
    }
}

static void help_of_every_command_fits_80_columns_and_has_every_flag(void **state)
{
    (void)state;
    size_t count;
    const struct ops_cli_command *commands = ops_cli_commands(&count);
    for (size_t i = 0; i < count; i++) {
        struct fake fake;
        char line[64];
        const struct ops_cli_flag *flag;
        fake_init(&fake);
        snprintf(line, sizeof line, "%s --help", commands[i].name);
        assert_int_equal(fake_run(&fake, line), OPS_EXIT_DONE);
        assert_fits(fake.out, 80);
        for (size_t k = 0; (flag = ops_cli_flag_at(&commands[i], k)) != NULL; k++)
            assert_has(fake.out, flag->name);
        assert_true(ops_cli_flag_at(&commands[i], OPS_COMMAND_FLAGS_MAX) == NULL);
        fake_release(&fake);
    }
}

static void the_overview_names_every_command_variable_and_exit_code(void **state)
{
    (void)state;
    size_t count;
    const struct ops_cli_command *commands = ops_cli_commands(&count);
    struct fake fake;
    fake_init(&fake);
    assert_int_equal(fake_run(&fake, "--help"), OPS_EXIT_DONE);
    assert_fits(fake.out, 80);
    for (size_t i = 0; i < count; i++)
        assert_has(fake.out, commands[i].name);
    assert_golden("overview.txt", fake.out);
    assert_int_equal(fake_run(&fake, "help vacuum-all"), OPS_EXIT_DONE);
    assert_golden("vacuum-all.txt", fake.out);
    fake_release(&fake);
}

/* Feeds text to a program and returns its exit status. */
static int feed(const char *command, const char *text)
{
    FILE *pipe = popen(command, "w");
    assert_non_null(pipe);
    fputs(text, pipe);
    return pclose(pipe);
}

static void the_completion_script_is_bash(void **state)
{
    (void)state;
    struct fake fake;
    fake_init(&fake);
    assert_int_equal(fake_run(&fake, "completion bash"), OPS_EXIT_DONE);
    assert_int_equal(feed("bash -n", fake.out), 0);
    char script[64 * 1024];
    snprintf(script, sizeof script,
             "%s\ncheck() { COMP_WORDS=(\"${@:2}\") COMP_CWORD=$(($# - 2)); _g3nops; [[ \"${COMPREPLY[*]}\" == \"$1\" ]] || "
             "{ echo \"${COMPREPLY[*]}\" >&2; exit 1; }; }\n"
             "check 'vacuum-org vacuum-all vacuum-cancel vacuum-status vacuum-list' g3nops vacuum-\n"
             "check '--dry-run' g3nops vacuum-all --dr\n"
             "check 'active all' g3nops maintenance-list --status a\n"
             "check 'bash' g3nops completion b\n"
             "check '' g3nops vacuum-org --orgcode x\n"
             "check 'org all cancel status list' g3nops vacuum ''\n"
             "check '--dry-run' g3nops vacuum org --dr\n"
             "check 'active all' g3nops --json maintenance list --status a\n"
             "check 'vacuum-org vacuum-all vacuum-cancel vacuum-status vacuum-list vacuum' g3nops vac\n"
             "check '--rows' g3nops demo data --ro\n",
             fake.out);
    assert_int_equal(feed("bash", script), 0);
    fake_release(&fake);
}

static void the_completion_script_is_fish(void **state)
{
    (void)state;
    if (system("command -v fish >/dev/null") != 0)
        skip();
    struct fake fake;
    fake_init(&fake);
    assert_int_equal(fake_run(&fake, "completion fish"), OPS_EXIT_DONE);
    assert_int_equal(feed("fish --no-execute", fake.out), 0);
    static char script[256 * 1024];
    snprintf(script, sizeof script,
             "%s\n"
             "function check\n"
             "    set -l found (complete -C \"$argv[2]\" | string replace -r '\\t.*' '' | sort | string join ' ')\n"
             "    test \"$found\" = \"$argv[1]\"; or begin; echo \"$argv[2]: $found\" >&2; exit 1; end\n"
             "end\n"
             "check 'vacuum-all vacuum-cancel vacuum-list vacuum-org vacuum-status' 'g3nops vacuum-'\n"
             "check '--dry-run' 'g3nops vacuum-all --dr'\n"
             "check 'active all' 'g3nops maintenance-list --status a'\n"
             "check 'active all' 'g3nops --json maintenance list --status a'\n"
             "check 'bash' 'g3nops completion b'\n"
             "check 'all cancel list org status' 'g3nops vacuum '\n"
             "check '--dry-run' 'g3nops vacuum org --dr'\n"
             "check '' 'g3nops vacuum-org --orgcode '\n"
             "check 'local' 'g3nops ping --engine l'\n"
             "check '--rows' 'g3nops demo data --ro'\n"
             "check '/etc/hostname' 'g3nops vacuum-org --secret-code-file /etc/hostna'\n",
             fake.out);
    assert_int_equal(feed("fish --no-config", script), 0);
    fake_release(&fake);
}

static void the_manual_page_lints(void **state)
{
    (void)state;
    struct fake fake;
    fake_init(&fake);
    assert_int_equal(fake_run(&fake, "man"), OPS_EXIT_DONE);
    assert_has(fake.out, ".TH G3NOPS 1 \"2025-11-24\"");
    if (system("command -v mandoc >/dev/null") == 0)
        assert_int_equal(feed("mandoc -Tlint -W style >&2", fake.out), 0);
    fake_release(&fake);
}

static const char *safe(const char *text)
{
    static char copy[256];
    struct ops_buf buf;
    ops_buf_init(&buf, 4096);
    ops_text_append_safe(&buf, ops_view_of(text));
    snprintf(copy, sizeof copy, "%s", ops_buf_text(&buf));
    ops_buf_release(&buf);
    return copy;
}

static void control_characters_are_escaped(void **state)
{
    (void)state;
    assert_string_equal(safe("a\033[31mb\n\t\x7f"), "a\\x1b[31mb\\n\\t\\x7f");
    assert_string_equal(safe("\xc2\x9b"
                             "2J"),
                        "\\x9b2J");
    assert_string_equal(safe("\xe2\x80\xae"
                             "cod"),
                        "\\u202ecod");
    assert_string_equal(safe("caf\xc3\xa9 \xe6\x97\xa5"), "café 日");
    assert_string_equal(safe("\xff\xc3"), "\\xff\\xc3");
    assert_string_equal(safe("\xc0\xaf \xed\xa0\x80"), "\\xc0\\xaf \\xed\\xa0\\x80");
}

static void what_the_service_says_does_not_steer_the_terminal(void **state)
{
    (void)state;
    static const char *const lines[] = {"ping",
                                        "stat",
                                        "sweep",
                                        "vacuum-status",
                                        "audit-list",
                                        "maintenance-list",
                                        "maintenance-get --maintenance-id " SOME_ID};
    static const char *const answers[] = {
        "{\"success\":true,\"data\":{\"status\":\"\\u001b]0;\",\"vacuum_id\":\"\\u001b[2J\",\"maintenance_id\":\"\\u009b\","
        "\"description\":\"\\u001b\",\"orgcode\":\"\\u001b\",\"actor\":\"\\u001b\",\"next_token\":\"\\u001b\",\"\\u001b\":["
        "\"\\u009b\"],"
        "\"execute_at\":\"\\u001b\",\"error\":{\"tag\":\"\\u001b\",\"message\":\"\\u001b\"},\"items\":[{\"status\":"
        "\"\\u001b\","
        "\"type\":\"\\u001b\",\"at\":\"\\u001b\"}],\"targets\":[{\"name\":\"\\u001b\",\"status\":\"skipped\",\"skipped_"
        "reason\":"
        "\"\\u001b\"},{\"name\":\"\\u001b\",\"kind\":\"\\u001b\"}],\"updates\":[{\"at\":\"\\u001b\",\"text\":\"\\u001b\"}],"
        "\"maintenance\":{\"status\":\"\\u001b\"}}}",
        "{\"success\":false,\"error\":{\"minor\":{\"tag\":\"\\u001b\",\"message\":{\"en_US\":\"\\u001b\"}},\"details\":{"
        "\"\\u001b\":"
        "[\"\\u009b\"],\"b\":\"\\u001b\"}}}",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        for (size_t k = 0; k < 2; k++) {
            struct fake fake;
            fake_init(&fake);
            fake_answer(&fake, OPS_OK, 200, answers[k]);
            fake_run(&fake, lines[i]);
            assert_lacks(fake.out, "\033");
            assert_lacks(fake.err, "\033");
            assert_lacks(fake.out, "\xc2\x9b");
            assert_lacks(fake.err, "\xc2\x9b");
            fake_release(&fake);
        }
    }
}

static void tables_align_by_width_not_by_bytes(void **state)
{
    (void)state;
    static const struct ops_table_column columns[] = {
        {.title = "NAME", .kind = OPS_COLUMN_NAME}, {.title = "N", .right = true}, {.title = "LAST"}};
    struct ops_table table;
    struct ops_buf buf;
    struct ops_style narrow = {.columns = 26};
    ops_table_init(&table, columns, 3);
    ops_buf_init(&buf, 4096);
    ops_table_add(&table, "café");
    ops_table_add_number(&table, 1234567);
    ops_table_add(&table, "a");
    ops_table_add(&table, "日本語の名前");
    ops_table_add_number(&table, -5);
    ops_table_add(&table, NULL);
    assert_int_equal(ops_table_write(&table, &plain, &buf), OPS_OK);
    assert_string_equal(ops_buf_text(&buf), "  NAME                  N  LAST\n"
                                            "  café          1,234,567  a\n"
                                            "  日本語の名前         -5\n");
    ops_buf_clear(&buf);
    assert_int_equal(ops_table_write(&table, &narrow, &buf), OPS_OK);
    assert_string_equal(ops_buf_text(&buf), "  NAME                  N\n"
                                            "  café          1,234,567\n"
                                            "    last a\n"
                                            "  日本語の名前         -5\n");
    ops_buf_release(&buf);
    ops_table_release(&table);
}

static void numbers_and_times_read_well(void **state)
{
    (void)state;
    char text[OPS_HUMAN_SIZE];
    assert_string_equal(ops_human_number(0, text), "0");
    assert_string_equal(ops_human_number(999, text), "999");
    assert_string_equal(ops_human_number(-1000, text), "-1,000");
    assert_string_equal(ops_human_number(INT64_MIN, text), "-9,223,372,036,854,775,808");
    assert_string_equal(ops_human_bytes(999, text), "999 B");
    assert_string_equal(ops_human_bytes(999999, text), "1.0 MB");
    assert_string_equal(ops_human_bytes(INT64_MAX, text), "9.2 EB");
    assert_string_equal(ops_human_duration(59, text), "59s");
    assert_string_equal(ops_human_duration(252, text), "4m 12s");
    assert_string_equal(ops_human_duration(3600, text), "1h");
    assert_string_equal(ops_human_duration(90061, text), "1d 1h");
    assert_string_equal(ops_human_countdown(252, text), "4:12");
    struct ops_buf buf;
    ops_buf_init(&buf, 4096);
    setenv("TZ", "UTC", 1);
    ops_human_append_instant(&buf, "2025-11-24T03:47:05Z", FAKE_NOW_MS);
    assert_string_equal(ops_buf_text(&buf), "2025-11-24 03:47:05Z (in 4m 12s)");
    ops_buf_release(&buf);
}

static void a_time_is_shown_in_utc_and_in_the_operators_zone(void **state)
{
    (void)state;
    static const struct {
        const char *zone, *instant, *text;
    } cases[] = {
        {"UTC", "2026-12-01T02:00:00Z", "2026-12-01 02:00:00Z"},
        {"", "2026-12-01T02:00:00Z", "2026-12-01 02:00:00Z"},
        {"Europe/Vienna", "2026-12-01T02:00:00Z", "2026-12-01 02:00:00Z = 2026-12-01 03:00:00 CET"},
        {"Europe/Vienna", "2026-07-01T23:30:00Z", "2026-07-01 23:30:00Z = 2026-07-02 01:30:00 CEST"},
        {"Europe/London", "2026-12-01T02:00:00Z", "2026-12-01 02:00:00Z = 2026-12-01 02:00:00 GMT"},
        {"America/Sao_Paulo", "2026-12-01T02:00:00Z", "2026-12-01 02:00:00Z = 2026-11-30 23:00:00 -03"},
        {"<x-long-name-of-one-zone-that-goes-on-and-on>-1", "2026-12-01T02:00:00Z",
         "2026-12-01 02:00:00Z = 2026-12-01 03:00:00 x-long-name-of-one-zone-that"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t at_ms;
        char text[OPS_HUMAN_TIME_SIZE];
        setenv("TZ", cases[i].zone, 1);
        assert_int_equal(ops_instant_parse(ops_view_of(cases[i].instant), &at_ms), OPS_OK);
        assert_string_equal(ops_human_time(at_ms, text), cases[i].text);
    }
    struct ops_buf buf;
    ops_buf_init(&buf, 4096);
    setenv("TZ", "Europe/Vienna", 1);
    ops_human_append_instant(&buf, "2025-11-24T03:47:05Z", FAKE_NOW_MS);
    ops_buf_append_text(&buf, "\n");
    ops_human_append_plain_instant(&buf, "2025-11-24T03:47:05Z");
    assert_string_equal(ops_buf_text(&buf),
                        "2025-11-24 03:47:05Z = 2025-11-24 04:47:05 CET (in 4m 12s)\n2025-11-24 03:47:05Z");
    ops_buf_release(&buf);
    setenv("TZ", "UTC", 1);
}

#define VACUUM_DONE                                                                                                         \
    "{\"success\":true,\"data\":{\"vacuum_id\":\"01JDE9Q3F0V8M4T6XK2R7W5N1B\",\"type\":\"org\",\"orgcode\":\"acme\",\"dry_" \
    "run\":false,"                                                                                                          \
    "\"status\":\"failed\",\"requested_at\":\"2025-11-24T03:30:00Z\",\"execute_at\":\"2025-11-24T03:35:00Z\",\"started_"    \
    "at\":"                                                                                                                 \
    "\"2025-11-24T03:35:00Z\",\"finished_at\":\"2025-11-24T03:39:12Z\",\"actor\":\"alice\",\"reason\":\"left "              \
    "us\",\"targets\":["                                                                                                    \
    "{\"service\":\"pvm\",\"kind\":\"table\",\"name\":\"pvm_main\",\"status\":\"completed\",\"matched\":1234567,"           \
    "\"deleted\":1234567,"                                                                                                  \
    "\"failed\":0,\"protected\":0},"                                                                                        \
    "{\"service\":\"pvm\",\"kind\":\"bucket\",\"name\":\"pvm-data\",\"status\":\"failed\",\"matched\":12,\"deleted\":9,"    \
    "\"failed\":1,"                                                                                                         \
    "\"protected\":2,\"bytes\":1234567},"                                                                                   \
    "{\"service\":\"uas\",\"kind\":\"table\",\"name\":\"uas_users\",\"status\":\"skipped\",\"skipped_reason\":\"users are " \
    "kept\"},"                                                                                                              \
    "{\"service\":\"\",\"kind\":\"table\",\"name\":\"old_stuff\",\"status\":\"unclassified\"}],"                            \
    "\"totals\":{\"targets\":2,\"matched\":1234579,\"deleted\":1234576,\"failed\":1,\"protected\":2,\"bytes\":1234567},"    \
    "\"error\":{\"tag\":\"records-remain\",\"message\":\"1 record is still there.\"},\"revision\":9}}"

static void a_vacuum_record_is_shown_whole(void **state)
{
    (void)state;
    struct fake fake;
    fake_init(&fake);
    fake_answer(&fake, OPS_OK, 200, VACUUM_DONE);
    assert_int_equal(fake_run(&fake, "vacuum-status"), OPS_EXIT_DONE);
    assert_golden("vacuum.txt", fake.out);
    fake_release(&fake);
}

static void a_record_says_what_to_do_next(void **state)
{
    (void)state;
    static const struct {
        const char *answer, *words;
    } cases[] = {
        {"{\"success\":true,\"data\":{\"vacuum_id\":\"V\",\"status\":\"pending\"}}",
         "\nFollow it: g3nops vacuum-status --watch --vacuum-id V\nCancel it: g3nops vacuum-cancel --vacuum-id V\n"},
        {"{\"success\":true,\"data\":{\"vacuum_id\":\"V\",\"status\":\"running\"}}",
         "\nFollow it: g3nops vacuum-status --watch --vacuum-id V\n"},
        {"{\"success\":true,\"data\":{\"status\":\"failed\",\"orgcode\":\"acme\",\"error\":{\"tag\":\"plan-drifted\","
         "\"message\":"
         "\"No.\",\"details\":{\"expected_plan_sha256\":\"aa\",\"plan_sha256\":\"bb\"}}}}",
         "  error        plan-drifted: No.\n  asked for    aa\n  plan now     bb\n"},
        {"{\"success\":true,\"data\":{\"status\":\"failed\",\"orgcode\":\"acme\",\"error\":{\"tag\":\"plan-drifted\"}}}",
         "\nMake a new dry run, and see what has changed: g3nops vacuum-org --dry-run --orgcode acme\n"},
        {"{\"success\":true,\"data\":{\"status\":\"failed\",\"error\":{\"tag\":\"plan-drifted\"}}}",
         "\nMake a new dry run, and see what has changed: g3nops vacuum-all --dry-run\n"},
        {"{\"success\":true,\"data\":{\"status\":\"completed\",\"dry_run\":true,\"orgcode\":\"acme\",\"plan_sha256\":\"5c\"}"
         "}",
         "  g3nops vacuum-org --orgcode acme --plan-sha256 5c\n"},
        {"{\"success\":true,\"data\":{\"status\":\"completed\",\"dry_run\":true,\"plan_sha256\":\"5c\"}}",
         "  g3nops vacuum-all --plan-sha256 5c\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fake fake;
        fake_init(&fake);
        fake_answer(&fake, OPS_OK, 200, cases[i].answer);
        assert_int_equal(fake_run(&fake, "vacuum-status"), OPS_EXIT_DONE);
        assert_has(fake.out, cases[i].words);
        fake_release(&fake);
    }
}

static void what_was_done_is_told_in_a_sentence(void **state)
{
    (void)state;
    static const struct {
        const char *line, *data, *words;
    } cases[] = {
        {"sweep", "{\"maintenance_started\":0,\"vacuums_started\":0,\"vacuums_failed\":0,\"audit_delivered\":0}",
         "Nothing was due.\n"},
        {"sweep", "{\"maintenance_started\":1,\"vacuums_started\":0,\"vacuums_failed\":0,\"audit_delivered\":1}",
         "Done: started 1 window, delivered 1 audit record.\n"},
        {"sweep", "{\"maintenance_started\":2,\"vacuums_started\":1,\"vacuums_failed\":1,\"audit_delivered\":1234}",
         "Done: started 2 windows, started 1 vacuum, ended as failed 1 vacuum, delivered 1,234 audit records.\n"},
        {"audit-accept-rollback --reason r --secret-code correct~horse~battery", "{\"accepted\":false}",
         "There is nothing to accept: the store has all that its delivered audit log has.\n"},
        {"audit-accept-rollback --reason r --secret-code correct~horse~battery",
         "{\"accepted\":true,\"state\":\"behind\",\"first_seq\":5,\"log_seq\":5,\"log_records\":1,\"seq\":6}",
         "Accepted, by audit record 6: the store goes on, and has lost 1 record that its delivered audit log has, from 5 to "
         "5.\n"},
        {"audit-accept-rollback --reason r --secret-code correct~horse~battery",
         "{\"accepted\":true,\"state\":\"differs\",\"first_seq\":5,\"log_seq\":7,\"log_records\":3,\"seq\":8}",
         "Accepted, by audit record 8: the store goes on, and has others in place of 3 records that its delivered audit log "
         "has, "
         "from 5 to 7.\n"},
        {"audit-accept-rollback --reason r --secret-code correct~horse~battery",
         "{\"accepted\":true,\"state\":\"lost\",\"first_seq\":5,\"log_seq\":7,\"seq\":8}",
         "Accepted, by audit record 8: the store goes on, and its delivered audit log has lost 3 records, from 5 to 7.\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char answer[512];
        struct fake fake;
        fake_init(&fake);
        snprintf(answer, sizeof answer, "{\"success\":true,\"data\":%s}", cases[i].data);
        fake_answer(&fake, OPS_OK, 200, answer);
        assert_int_equal(fake_run(&fake, cases[i].line), OPS_EXIT_DONE);
        assert_string_equal(fake.out, cases[i].words);
        fake_release(&fake);
    }
}

static void a_vacuum_without_a_plan_shows_no_zeros(void **state)
{
    (void)state;
    static const struct {
        const char *members, *words;
    } cases[] = {
        {"\"status\":\"pending\"", "\nNot planned yet: what it will delete is looked up when it starts.\n"},
        {"\"status\":\"running\"", "\nNot planned yet: what there is to delete is being looked up.\n"},
        {"\"status\":\"cancelled\",\"finished_at\":\"2025-11-24T03:40:00Z\"",
         "\nNothing was deleted: it was cancelled before it began.\n"},
        {"\"status\":\"failed\",\"finished_at\":\"2025-11-24T03:40:00Z\"",
         "\nNothing was deleted: it ended before it was planned.\n"},
        {"\"status\":\"completed\",\"finished_at\":\"2025-11-24T03:40:00Z\",\"plan_sha256\":\"5c\"",
         "\nTotal: 0 matched, 0 deleted, 0 failed, 0 protected, 0 B\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char answer[512];
        struct fake fake;
        fake_init(&fake);
        snprintf(
            answer, sizeof answer,
            "{\"success\":true,\"data\":{\"vacuum_id\":\"V\",%s,\"targets\":[],\"totals\":{\"targets\":0,\"matched\":0}}}",
            cases[i].members);
        fake_answer(&fake, OPS_OK, 200, answer);
        assert_int_equal(fake_run(&fake, "vacuum-status"), OPS_EXIT_DONE);
        assert_has(fake.out, cases[i].words);
        if (!strstr(cases[i].words, "Total"))
            assert_lacks(fake.out, "Total:");
        fake_release(&fake);
    }
}

static void windows_are_shown_as_a_card_and_as_a_list(void **state)
{
    (void)state;
#define MEMBERS                                                                                                             \
    "{\"maintenance_id\":\"01JDE9Q3F0V8M4T6XK2R7W5N1B\",\"status\":\"active\",\"description\":\"Move to new disks\","       \
    "\"estimated_duration_seconds\":5400,\"scheduled_start_utc\":\"2025-11-24T03:30:00Z\",\"started_at\":\"2025-11-24T03:"  \
    "30:02Z\","                                                                                                             \
    "\"started_by\":\"sweep\",\"updates\":[{\"at\":\"2025-11-24T03:40:00Z\",\"text\":\"half\\ndone\"}],\"revision\":3}"
    struct fake fake;
    fake_init(&fake);
    fake_answer(&fake, OPS_OK, 200, "{\"success\":true,\"data\":" MEMBERS "}");
    fake_answer(&fake, OPS_OK, 200, "{\"success\":true,\"data\":{\"items\":[" MEMBERS "],\"next_token\":\"abc\"}}");
    assert_int_equal(fake_run(&fake, "maintenance-get --maintenance-id " SOME_ID), OPS_EXIT_DONE);
    assert_golden("window.txt", fake.out);
    assert_int_equal(fake_run(&fake, "maintenance-list"), OPS_EXIT_DONE);
    assert_golden("windows.txt", fake.out);
    fake_release(&fake);
}

static void a_vacuum_shows_how_the_clock_was_set_while_it_waited(void **state)
{
    (void)state;
    struct fake fake;
    fake_init(&fake);
    fake_answer(&fake, OPS_OK, 200,
                "{\"success\":true,\"data\":{\"vacuum_id\":\"a\",\"status\":\"pending\",\"targets\":[],\"clock_steps\":["
                "{\"at\":\"2025-11-24T03:30:00Z\",\"seconds\":301},{\"at\":\"2025-11-24T02:30:00Z\",\"seconds\":-3600}]}}");
    assert_int_equal(fake_run(&fake, "vacuum-status"), OPS_EXIT_DONE);
    assert_has(fake.out, "  clock        set forward by 5m 1s, 2025-11-24 03:30:00Z (12m 53s ago)\n"
                         "  clock        set back by 1h, 2025-11-24 02:30:00Z (1h 12m ago)\n");
    fake_release(&fake);
}

static void stat_shows_what_is_wrong_with_the_clock_and_else_nothing_of_it(void **state)
{
    (void)state;
#define STAT(clock)                                                                                                         \
    "{\"success\":true,\"data\":{\"status\":\"degraded\",\"uptime_seconds\":5,\"store\":{\"reachable\":true,\"latency_"     \
    "ms\":1}" clock "}}"
    static const struct {
        const char *answer;
        const char *lines; /* of the clock; NULL: none */
    } cases[] = {
        {STAT(""), NULL},
        {STAT(",\"clock\":{\"step_seconds\":301,\"at\":\"2025-11-24T03:30:00Z\"}"),
         "  clock        set forward by 5m 1s, 2025-11-24 03:30:00Z (12m 53s ago)\n"},
        {STAT(",\"clock\":{\"step_seconds\":-86400,\"at\":\"2025-11-24T03:30:00Z\",\"ahead_seconds\":-42}"),
         "  clock        set back by 1d, 2025-11-24 03:30:00Z (12m 53s ago)\n  clock        behind AWS's by 42s\n"},
        {STAT(",\"clock\":{\"ahead_seconds\":42}"), "  clock        ahead of AWS's by 42s\n"},
        {STAT(",\"clock\":{}"), NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fake fake;
        fake_init(&fake);
        fake_answer(&fake, OPS_OK, 200, cases[i].answer);
        assert_int_equal(fake_run(&fake, "stat"), OPS_EXIT_DONE);
        if (cases[i].lines)
            assert_has(fake.out, cases[i].lines);
        else
            assert_lacks(fake.out, "clock");
        fake_release(&fake);
    }
}

static void the_end_of_a_window_shows_which_is_next_and_warns_of_one_that_is_due(void **state)
{
    (void)state;
#define ENDED "{\"success\":true,\"data\":{\"maintenance_id\":\"a\",\"status\":\"ended\"%s}}"
#define NEXT(due)                                                                                                           \
    ",\"next\":{\"maintenance_id\":\"01JDE9Q3F0V8M4T6XK2R7W5N1C\",\"scheduled_start_utc\":\"2025-11-24T03:30:00Z\","        \
    "\"description\":\"Night\\nwork\",\"due\":" due "}"
#define NEXT_LINE "  01JDE9Q3F0V8M4T6XK2R7W5N1C  2025-11-24 03:30:00Z (12m 53s ago)  Night\\nwork\n"
    static const struct {
        const char *member;
        const char *words;
    } cases[] = {
        {NEXT("true"), "\nwarning: another window is due, and starts now, with the next sweep:\n" NEXT_LINE
                       "\nEnd it as well: g3nops maintenance-end --maintenance-id 01JDE9Q3F0V8M4T6XK2R7W5N1C\n"},
        {NEXT("false"), "\nNext:\n" NEXT_LINE},
        {",\"next\":null", "\nNo other window is scheduled.\n"},
        {"", "\nWhich window is next could not be read: see 'g3nops maintenance-list'.\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fake fake;
        char answer[1024];
        fake_init(&fake);
        snprintf(answer, sizeof answer, ENDED, cases[i].member);
        fake_answer(&fake, OPS_OK, 200, answer);
        assert_int_equal(fake_run(&fake, "maintenance-end --secret-code c"), OPS_EXIT_DONE);
        assert_has(fake.out, "Maintenance a  ended\n");
        size_t length = strlen(fake.out), words = strlen(cases[i].words);
        assert_true(length > words);
        assert_string_equal(fake.out + length - words, cases[i].words);
        fake_release(&fake);
    }
}

static void past_its_estimate_a_window_is_said_to_take_longer(void **state)
{
    (void)state;
#define PING(members) "{\"success\":true,\"data\":{\"status\":\"ok\",\"maintenance\":{\"status\":\"active\"," members "}}}"
#define RECORD(members) "{\"success\":true,\"data\":{\"maintenance_id\":\"a\"," members "}}"
#define LATE "  overdue      was expected until 2025-11-24 03:40:00Z (2m 53s ago); it takes longer than expected\n"
    static const struct {
        const char *line, *answer;
        const char *shown; /* NULL: neither word is there */
    } cases[] = {
        {"ping", PING("\"overdue\":true,\"estimated_end_utc\":\"2025-11-24T03:40:00Z\""), LATE},
        /* The service's clock counts, where it gives its word. */
        {"ping", PING("\"overdue\":false,\"estimated_end_utc\":\"2025-11-24T03:40:00Z\""),
         "  expected end 2025-11-24 03:40:00Z (2m 53s ago)\n"},
        {"ping", PING("\"overdue\":false,\"estimated_end_utc\":\"2025-11-24T03:47:05Z\""),
         "  expected end 2025-11-24 03:47:05Z (in 4m 12s)\n"},
        {"maintenance-get --maintenance-id 01JDE9Q3F0V8M4T6XK2R7W5N1B",
         RECORD("\"status\":\"active\",\"started_at\":\"2025-11-24T03:30:00Z\",\"estimated_duration_seconds\":600"), LATE},
        {"maintenance-get --maintenance-id 01JDE9Q3F0V8M4T6XK2R7W5N1B",
         RECORD("\"status\":\"active\",\"started_at\":\"2025-11-24T03:30:00Z\",\"estimated_duration_seconds\":1025"),
         "  expected end 2025-11-24 03:47:05Z (in 4m 12s)\n"},
        {"maintenance-get --maintenance-id 01JDE9Q3F0V8M4T6XK2R7W5N1B",
         RECORD("\"status\":\"ended\",\"started_at\":\"2025-11-24T03:30:00Z\",\"estimated_duration_seconds\":600"), NULL},
        {"maintenance-get --maintenance-id 01JDE9Q3F0V8M4T6XK2R7W5N1B",
         RECORD("\"status\":\"scheduled\",\"estimated_duration_seconds\":600"), NULL},
        {"maintenance-get --maintenance-id 01JDE9Q3F0V8M4T6XK2R7W5N1B",
         RECORD("\"status\":\"active\",\"started_at\":\"soon\",\"estimated_duration_seconds\":9000000000000000000"), NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fake fake;
        fake_init(&fake);
        fake_answer(&fake, OPS_OK, 200, cases[i].answer);
        assert_int_equal(fake_run(&fake, cases[i].line), OPS_EXIT_DONE);
        if (cases[i].shown) {
            assert_has(fake.out, cases[i].shown);
        } else {
            assert_lacks(fake.out, "overdue");
            assert_lacks(fake.out, "expected");
        }
        fake_release(&fake);
    }
}

static void a_list_says_which_window_is_overdue(void **state)
{
    (void)state;
    struct fake fake;
    fake_init(&fake);
    fake_answer(&fake, OPS_OK, 200,
                "{\"success\":true,\"data\":{\"items\":[{\"maintenance_id\":\"a\",\"status\":\"active\",\"started_at\":"
                "\"2025-11-24T03:30:00Z\",\"estimated_duration_seconds\":600,\"description\":\"d\"}]}}");
    assert_int_equal(fake_run(&fake, "maintenance-list"), OPS_EXIT_DONE);
    assert_has(fake.out, "  a   active, overdue  2025-11-24 03:30:00Z       10m  d\n");
    fake_release(&fake);
}

/* ---- Beneath the row of a target ---- */

#define TROUBLED(status, more)                                                                                              \
    "{\"success\":true,\"data\":{\"vacuum_id\":\"V\",\"status\":\"failed\",\"targets\":[{\"service\":\"pvm\",\"kind\":"     \
    "\"table\","                                                                                                            \
    "\"name\":\"pvm_main\",\"status\":\"" status "\"" more                                                                  \
    "},{\"service\":\"pvm\",\"kind\":\"table\",\"name\":\"pvm_keys\","                                                      \
    "\"status\":\"completed\"}]}}"
#define REMARK(what, name, reason) "{\"what\":\"" what "\",\"name\":\"" name "\",\"reason\":\"" reason "\"}"

static void what_is_wrong_with_a_target_is_beneath_its_row(void **state)
{
    (void)state;
    static const struct {
        const char *answer;
        const char *notes; /* between the two rows */
    } cases[] = {
        {TROUBLED("completed", ""), ""},
        {TROUBLED("failed", ",\"error\":\"It is locked.\""), "    It is locked.\n"},
        /* An error that is the reason of a remark is told with the remark; another one by itself. */
        {TROUBLED("failed", ",\"error\":\"denied\",\"unreadable\":1,\"remarks\":[" REMARK("unreadable", "x", "denied") "]"),
         "    1 place could not be looked into\n    unreadable: x: denied\n"},
        {TROUBLED("failed", ",\"error\":\"It is locked.\",\"remarks\":[" REMARK("refused", "x", "denied") "]"),
         "    It is locked.\n    refused: x: denied\n"},
        {TROUBLED("completed", ",\"undeletable\":2000,\"warnings\":[\"it has a trigger\"]"),
         "    2,000 records could not be deleted as things are\n    warning: it has a trigger\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fake fake;
        fake_init(&fake);
        fake_answer(&fake, OPS_OK, 200, cases[i].answer);
        assert_int_equal(fake_run(&fake, "vacuum-status"), OPS_EXIT_DONE);
        const char *row = strstr(fake.out, "  pvm      table  pvm_main  "),
                   *next = strstr(fake.out, "  pvm      table  pvm_keys");
        assert_true(row && next && row < next);
        const char *notes = strchr(row, '\n') + 1;
        assert_int_equal(next - notes, strlen(cases[i].notes));
        assert_memory_equal(notes, cases[i].notes, strlen(cases[i].notes));
        if (*cases[i].notes)
            assert_has(fake.out, "\nNeeds a look: table pvm_main\n");
        else
            assert_lacks(fake.out, "Needs a look");
        fake_release(&fake);
    }
}

static void what_the_manifest_ignores_is_counted_with_its_reason(void **state)
{
    (void)state;
    struct fake fake;
    fake_init(&fake);
    fake_answer(
        &fake, OPS_OK, 200,
        "{\"success\":true,\"data\":{\"vacuum_id\":\"V\",\"status\":\"completed\",\"plan_sha256\":\"5c\",\"targets\":[{"
        "\"service\":\"pvm\",\"kind\":\"table\",\"name\":\"t\",\"status\":\"completed\",\"matched\":2,\"ignored\":3,"
        "\"ignored_reason\":\"old \\u001b rows\"}],\"totals\":{\"matched\":2,\"ignored\":3}}}");
    assert_int_equal(fake_run(&fake, "vacuum-status"), OPS_EXIT_DONE);
    assert_has(fake.out,
               "    3 records that can't be compared with the tenant's name, left as the manifest says: old \\x1b rows\n");
    assert_has(fake.out, "\nTotal: 2 matched, 0 deleted, 0 failed, 0 protected, 3 ignored, 0 B\n");
    assert_lacks(fake.out, "Needs a look");
    fake_release(&fake);
}

static void of_a_long_list_a_terminal_gets_the_first_and_how_many_more(void **state)
{
    (void)state;
#define SIX                                                                                                                 \
    REMARK("refused", "a", "r")                                                                                             \
    "," REMARK("refused", "b", "r") "," REMARK("refused", "c", "r") "," REMARK("refused", "d", "r") "," REMARK(             \
        "refused", "e", "r") "," REMARK("refused", "f", "r")
#define FOUR                                                                                                                \
    REMARK("refused", "a", "r")                                                                                             \
    "," REMARK("refused", "b", "r") "," REMARK("refused", "c", "r") "," REMARK("refused", "d", "r")
    struct fake fake;
    fake_init(&fake);
    fake_answer(&fake, OPS_OK, 200, TROUBLED("failed", ",\"remarks\":[" SIX "]"));
    fake_answer(&fake, OPS_OK, 200, TROUBLED("failed", ",\"remarks\":[" SIX "]"));
    fake_answer(&fake, OPS_OK, 200, TROUBLED("failed", ",\"remarks\":[" FOUR "]"));
    assert_int_equal(fake_run(&fake, "vacuum-status"), OPS_EXIT_DONE);
    assert_has(fake.out, "    refused: f: r\n");
    assert_lacks(fake.out, "more:");
    fake.out_terminal = true;
    assert_int_equal(fake_run(&fake, "vacuum-status --no-color"), OPS_EXIT_DONE);
    assert_has(fake.out, "    refused: c: r\n    and 3 more: --json shows all\n");
    assert_lacks(fake.out, "refused: d");
    /* One more takes no more room than saying so. */
    assert_int_equal(fake_run(&fake, "vacuum-status --no-color"), OPS_EXIT_DONE);
    assert_has(fake.out, "    refused: d: r\n");
    assert_lacks(fake.out, "more:");
    fake_release(&fake);
}

static void colours_are_for_terminals_that_want_them(void **state)
{
    (void)state;
    struct fake fake;
    fake_init(&fake);
    fake_answer(&fake, OPS_OK, 200, "{\"success\":true,\"data\":{\"status\":\"ok\",\"maintenance\":null}}");
    fake.out_terminal = true;
    assert_int_equal(fake_run(&fake, "ping"), OPS_EXIT_DONE);
    assert_has(fake.out, "\033[32mok\033[0m");
    assert_int_equal(fake_run(&fake, "ping --no-color"), OPS_EXIT_DONE);
    assert_lacks(fake.out, "\033");
    setenv("NO_COLOR", "1", 1);
    assert_int_equal(fake_run(&fake, "ping"), OPS_EXIT_DONE);
    assert_lacks(fake.out, "\033");
    unsetenv("NO_COLOR");
    fake.out_terminal = false;
    assert_int_equal(fake_run(&fake, "ping"), OPS_EXIT_DONE);
    assert_lacks(fake.out, "\033");
    fake_release(&fake);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(help_of_every_command_fits_80_columns_and_has_every_flag),
        cmocka_unit_test(the_overview_names_every_command_variable_and_exit_code),
        cmocka_unit_test(the_completion_script_is_bash),
        cmocka_unit_test(the_completion_script_is_fish),
        cmocka_unit_test(the_manual_page_lints),
        cmocka_unit_test(control_characters_are_escaped),
        cmocka_unit_test(what_the_service_says_does_not_steer_the_terminal),
        cmocka_unit_test(tables_align_by_width_not_by_bytes),
        cmocka_unit_test(numbers_and_times_read_well),
        cmocka_unit_test(a_time_is_shown_in_utc_and_in_the_operators_zone),
        cmocka_unit_test(a_vacuum_record_is_shown_whole),
        cmocka_unit_test(a_record_says_what_to_do_next),
        cmocka_unit_test(what_was_done_is_told_in_a_sentence),
        cmocka_unit_test(a_vacuum_without_a_plan_shows_no_zeros),
        cmocka_unit_test(windows_are_shown_as_a_card_and_as_a_list),
        cmocka_unit_test(a_vacuum_shows_how_the_clock_was_set_while_it_waited),
        cmocka_unit_test(stat_shows_what_is_wrong_with_the_clock_and_else_nothing_of_it),
        cmocka_unit_test(the_end_of_a_window_shows_which_is_next_and_warns_of_one_that_is_due),
        cmocka_unit_test(past_its_estimate_a_window_is_said_to_take_longer),
        cmocka_unit_test(a_list_says_which_window_is_overdue),
        cmocka_unit_test(what_is_wrong_with_a_target_is_beneath_its_row),
        cmocka_unit_test(what_the_manifest_ignores_is_counted_with_its_reason),
        cmocka_unit_test(of_a_long_list_a_terminal_gets_the_first_and_how_many_more),
        cmocka_unit_test(colours_are_for_terminals_that_want_them),
    };
    setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
