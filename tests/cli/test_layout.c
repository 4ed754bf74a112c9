/* Tables, cards and errors on terminals of every width: no line is wider, no two names look alike, nothing is lost. */
#include "cli/fake.h"

#include "surfaces/cli/card.h"
#include "surfaces/cli/table.h"
#include "surfaces/cli/text.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>

enum { NARROWEST = 20, WIDEST = 200, NAMES_MAX = 64, NAME_SIZE = 512, BUF_MAX = 1024 * 1024 };

static void assert_fits(const char *text, size_t columns)
{
    while (*text) {
        size_t length = strcspn(text, "\n");
        size_t width = ops_text_width(ops_view(text, length));
        if (width > columns)
            fail_msg("%zu columns where there are %zu: %.*s", width, columns, (int)length, text);
        text += length + (text[length] == '\n');
    }
}

/* ---- Text ---- */

static const char *cut(const char *text, size_t width, size_t head)
{
    static char copy[NAME_SIZE];
    struct ops_buf buf;
    ops_buf_init(&buf, BUF_MAX);
    ops_text_append_middle_cut(&buf, ops_view_of(text), width, head);
    snprintf(copy, sizeof copy, "%s", ops_buf_text(&buf));
    ops_buf_release(&buf);
    return copy;
}

static void a_cut_in_the_middle_counts_columns_and_parts_no_character_from_its_marks(void **state)
{
    (void)state;
    assert_string_equal(cut("abcdefghij", 10, 3), "abcdefghij");
    assert_string_equal(cut("abcdefghij", 7, 3), "abc…hij");
    assert_string_equal(cut("abcdefghij", 1, 0), "…");
    assert_string_equal(cut("abcdefghij", 0, 0), "");
    /* Wide characters take two columns: one that would stick out is left off. */
    assert_string_equal(cut("日本語の名前", 7, 3), "日…前");
    assert_string_equal(cut("日本語の名前", 8, 4), "日本…前");
    /* e with an acute accent of its own: the accent stays with its letter, on both sides. */
    assert_string_equal(cut("e\xcc\x81x\xcc\x81y\xcc\x81z\xcc\x81", 3, 1), "e\xcc\x81…z\xcc\x81");
}

static const char *wrapped(const char *text, size_t column, size_t indent, size_t width)
{
    static char copy[NAME_SIZE];
    struct ops_buf buf;
    ops_buf_init(&buf, BUF_MAX);
    ops_text_append_wrapped(&buf, text, column, indent, width);
    snprintf(copy, sizeof copy, "%s", ops_buf_text(&buf));
    ops_buf_release(&buf);
    return copy;
}

static void words_are_wrapped_and_what_no_line_has_room_for_is_broken(void **state)
{
    (void)state;
    assert_string_equal(wrapped("one two three", 0, 2, 9), "one two\n  three");
    assert_string_equal(wrapped("one two three", 0, 2, 0), "one two three");
    assert_string_equal(wrapped("abcdefghij k", 0, 2, 6), "abcdef\n  ghij\n  k");
    assert_string_equal(wrapped("abcdef", 5, 2, 8), "\n  abcdef");
    assert_string_equal(wrapped("日本語の名前", 0, 1, 5), "日本\n 語の\n 名前");
}

/* What a shell makes of a command line that was broken for a narrow terminal. */
static void a_command_that_is_broken_is_the_same_to_a_shell(void **state)
{
    static const char command[] = "printf %s| one --plan-sha256 "
                                  "ea4c15c4f3037a017df0d0e79390b8c1a293ff3cd195c68d1cfa9322fb0beb01 two";
    static const char wanted[] = "one|--plan-sha256|ea4c15c4f3037a017df0d0e79390b8c1a293ff3cd195c68d1cfa9322fb0beb01|two|";
    (void)state;
    for (size_t width = 12; width <= 130; width++) {
        char line[NAME_SIZE] = "", seen[NAME_SIZE] = "";
        struct ops_buf buf, quoted;
        ops_buf_init(&buf, BUF_MAX);
        ops_buf_init(&quoted, BUF_MAX);
        ops_text_append_command(&buf, command, 4, 4, width);
        assert_fits(ops_buf_text(&buf), width);
        snprintf(line, sizeof line, "%s", ops_buf_text(&buf));
        char *bar = strchr(line, '|'); /* a bar is a pipe to the shell */
        assert_non_null(bar);
        ops_buf_append_format(&quoted, "%.*s\\%s", (int)(bar - line), line, bar);
        FILE *shell = popen(ops_buf_text(&quoted), "r");
        assert_non_null(shell);
        assert_non_null(fgets(seen, sizeof seen, shell));
        assert_int_equal(pclose(shell), 0);
        if (strcmp(seen, wanted) != 0)
            fail_msg("at %zu columns the shell reads %s", width, seen);
        ops_buf_release(&buf);
        ops_buf_release(&quoted);
    }
}

/* ---- Tables ---- */

static const struct ops_table_column columns[] = {
    {.title = "SERVICE"},
    {.title = "NAME", .kind = OPS_COLUMN_NAME},
    {.title = "STATUS"},
    {.title = "MATCHED", .right = true},
    {.title = "FAILED", .right = true, .quiet = true},
    {.title = "WHY", .kind = OPS_COLUMN_WORDS, .quiet = true},
};

enum { COLUMN_COUNT = sizeof columns / sizeof columns[0] };

static void add_row(struct ops_table *table, const char *service, const char *name, const char *why)
{
    ops_table_add(table, service);
    ops_table_add(table, name);
    ops_table_add_painted(table, "completed", OPS_PAINT_GOOD);
    ops_table_add_number(table, 1234567);
    ops_table_add_number(table, 0);
    ops_table_add(table, why);
}

static char *write_table(const struct ops_table *table, size_t width)
{
    struct ops_style style = {.columns = width};
    struct ops_buf buf;
    ops_buf_init(&buf, BUF_MAX);
    assert_int_equal(ops_table_write(table, &style, &buf), OPS_OK);
    char *text = strdup(ops_buf_text(&buf));
    assert_non_null(text);
    ops_buf_release(&buf);
    return text;
}

/* Awkward names, in groups that differ at the end, at the beginning, in the middle, or hardly. */
static size_t make_names(char (*names)[NAME_SIZE])
{
    size_t count = 0;
    for (int i = 0; i < 8; i++)
        snprintf(names[count++], NAME_SIZE, "g3nretailstack-influencer-eu-central-1-prod-data-%02d", i);
    for (int i = 0; i < 8; i++)
        snprintf(names[count++], NAME_SIZE, "%02d-g3nretailstack-influencer-eu-central-1-prod-data", i);
    for (int i = 0; i < 4; i++) { /* 200 characters that differ in the hundredth */
        memset(names[count], 'x', 200);
        names[count][100] = (char)('a' + i);
        names[count++][200] = '\0';
    }
    for (int i = 0; i < 4; i++)
        snprintf(names[count++], NAME_SIZE, "日本語の名前の長いもの日本語の名前の長い%sもの日本語の名前",
                 i == 0   ? "赤"
                 : i == 1 ? "青"
                 : i == 2 ? "黒"
                          : "白");
    for (int i = 0; i < 4; i++) { /* combining marks that tell them apart, without a column of their own */
        names[count][0] = '\0';
        for (int k = 0; k < 40; k++)
            strcat(names[count], k == 20 + i ? "e\xcc\x81" : "e");
        count++;
    }
    snprintf(names[count++], NAME_SIZE, "x");
    snprintf(names[count++], NAME_SIZE, "a name with spaces, and  with two of them, and more");
    snprintf(names[count++], NAME_SIZE, "a name with spaces, and with two of them, and more ");
    assert_true(count <= NAMES_MAX);
    return count;
}

/* The name's cell out of the lines of a row: from its column, and from what goes on in it on the lines that follow. Each row
 * begins with its service "r00", "r01", ... */
static void read_name(const char *text, size_t row, size_t name_column, size_t name_width, char *ret_name)
{
    char wanted[32];
    snprintf(wanted, sizeof wanted, "\n  r%02zu", row);
    const char *line = strstr(text, wanted);
    assert_non_null(line);
    line++;
    ret_name[0] = '\0';
    for (bool first = true; *line; first = false) {
        size_t length = strcspn(line, "\n");
        bool is_next_row = !first && length > 3 && strncmp(line, "  r", 3) == 0;
        bool is_beneath = !first && strspn(line, " ") != name_column;
        if (is_next_row || is_beneath)
            break;
        struct ops_view rest = ops_view(line, length);
        size_t skipped = ops_text_front(rest, name_column).length;
        struct ops_view cell = ops_text_front(ops_view(line + skipped, length - skipped), name_width);
        strncat(ret_name, cell.data, cell.length);
        strcat(ret_name, "|");
        line += length + 1;
    }
}

static void no_line_is_wider_and_no_name_looks_like_another(void **state)
{
    static char names[NAMES_MAX][NAME_SIZE], seen[NAMES_MAX][4 * NAME_SIZE];
    struct ops_table table;
    (void)state;
    size_t count = make_names(names);
    ops_table_init(&table, columns, COLUMN_COUNT);
    for (size_t i = 0; i < count; i++) {
        char service[32];
        snprintf(service, sizeof service, "r%02zu", i);
        add_row(&table, service, names[i], i == 3 ? "holds no tenant data, and never did, for all that anybody knows" : "");
        if (i == 5)
            ops_table_note(&table,
                           "The-bucket-cannot-be-looked-into-because-access-to-it-was-denied-by-a-policy of "
                           "somebody",
                           OPS_PAINT_BAD);
    }
    for (size_t width = NARROWEST + 4; width <= WIDEST; width++) { /* with less, names are beneath */
        char *text = write_table(&table, width);
        assert_fits(text, width);
        const char *title = strstr(text, "NAME");
        assert_non_null(title);
        size_t name_column = (size_t)(title - text), name_width = width - name_column;
        const char *status = strstr(text, "STATUS");
        if (status && status < strchr(text, '\n'))
            name_width = (size_t)(status - title);
        for (size_t i = 0; i < count; i++) {
            read_name(text, i, name_column, name_width, seen[i]);
            for (size_t k = 0; k < i; k++)
                if (strcmp(seen[i], seen[k]) == 0)
                    fail_msg("at %zu columns '%s' and '%s' both look like '%s'", width, names[i], names[k], seen[i]);
        }
        free(text);
    }
    ops_table_release(&table);
}

static void names_that_differ_at_the_end_keep_it(void **state)
{
    struct ops_table table;
    (void)state;
    ops_table_init(&table, columns, COLUMN_COUNT);
    add_row(&table, "pvm", "g3nretailstack-pvm-changelog", "");
    add_row(&table, "scm", "g3nretailstack-scm-changelog", "");
    char *text = write_table(&table, 52);
    assert_string_equal(text, "  SERVICE  NAME                 STATUS       MATCHED\n"
                              "  pvm      g3nre…pvm-changelog  completed  1,234,567\n"
                              "  scm      g3nre…scm-changelog  completed  1,234,567\n");
    free(text);
    ops_table_release(&table);
}

static void columns_that_say_nothing_are_left_out_on_a_terminal_only(void **state)
{
    struct ops_table table;
    (void)state;
    ops_table_init(&table, columns, COLUMN_COUNT);
    add_row(&table, "pvm", "pvm_main", "");
    char *narrow = write_table(&table, 80), *whole = write_table(&table, 0);
    assert_string_equal(narrow, "  SERVICE  NAME      STATUS       MATCHED\n"
                                "  pvm      pvm_main  completed  1,234,567\n");
    assert_string_equal(whole, "  SERVICE  NAME      STATUS       MATCHED  FAILED  WHY\n"
                               "  pvm      pvm_main  completed  1,234,567       0\n");
    free(narrow);
    free(whole);
    ops_table_release(&table);
}

static void what_has_no_room_beside_goes_beneath_its_row(void **state)
{
    struct ops_table table;
    (void)state;
    ops_table_init(&table, columns, COLUMN_COUNT);
    add_row(&table, "influencer", "influencer_main", "It is not there any more, and nobody knows since when.");
    ops_table_note(&table, "Access denied.", OPS_PAINT_BAD);
    add_row(&table, "pvm", "pvm_main", "");
    char *text = write_table(&table, 40);
    assert_string_equal(text, "  SERVICE     NAME             STATUS\n"
                              "  influencer  influencer_main  completed\n"
                              "    matched 1,234,567\n"
                              "    It is not there any more, and nobody\n"
                              "    knows since when.\n"
                              "    Access denied.\n"
                              "  pvm         pvm_main         completed\n"
                              "    matched 1,234,567\n");
    free(text);
    text = write_table(&table, 0);
    assert_has(text, "  It is not there any more, and nobody knows since when.\n    Access denied.\n  pvm ");
    free(text);
    ops_table_release(&table);
}

static void a_terminal_of_twenty_columns_has_room_for_everything(void **state)
{
    struct ops_table table;
    (void)state;
    ops_table_init(&table, columns, COLUMN_COUNT);
    add_row(&table, "01JDE9Q3F0V8M4T6XK2R7W5N1B", "g3nretailstack-pvm-changelog", "Gone.");
    char *text = write_table(&table, 20);
    assert_string_equal(text, "  SERVICE\n"
                              "  01JDE9Q3F0V8M4T6XK\n"
                              "  2R7W5N1B\n"
                              "    name g3nretailst\n"
                              "    ack-pvm-changelo\n"
                              "    g\n"
                              "    status completed\n"
                              "    matched\n"
                              "    1,234,567\n"
                              "    Gone.\n");
    free(text);
    ops_table_release(&table);
}

static void a_table_without_rows_is_its_titles(void **state)
{
    struct ops_table table;
    (void)state;
    ops_table_init(&table, columns, COLUMN_COUNT);
    char *text = write_table(&table, 80);
    assert_string_equal(text, "  SERVICE  NAME  STATUS  MATCHED\n");
    free(text);
    ops_table_release(&table);
}

/* ---- Cards ---- */

static void a_cards_values_are_wrapped_and_an_id_stays_whole_where_it_can(void **state)
{
    struct ops_style style = {.columns = 40};
    struct ops_buf buf;
    (void)state;
    ops_buf_init(&buf, BUF_MAX);
    ops_card_title(&buf, &style, "Vacuum", "01JDE9Q3F0V8M4T6XK2R7W5N1B", "completed");
    ops_card_value(&buf, &style, "scope", OPS_PAINT_NONE, "all data of all services, dry run");
    ops_card_value(&buf, &style, "store", OPS_PAINT_NONE, "01JDE9Q3F0V8M4T6XK2R7W5N1B");
    assert_string_equal(ops_buf_text(&buf), "Vacuum 01JDE9Q3F0V8M4T6XK2R7W5N1B\n"
                                            "  completed\n"
                                            "  scope        all data of all services,\n"
                                            "               dry run\n"
                                            "  store\n"
                                            "    01JDE9Q3F0V8M4T6XK2R7W5N1B\n");
    ops_buf_release(&buf);
}

/* ---- Whole answers ---- */

#define ID "01JDE9Q3F0V8M4T6XK2R7W5N1B"
#define LONG "g3nretailstack-influencer-eu-central-1-production-changelog"
#define SENTENCE "a sentence that goes on for longer than any terminal of eighty columns has room for, and then some"
#define WINDOW                                                                                                              \
    "{\"maintenance_id\":\"" ID "\",\"status\":\"active\",\"description\":\"" SENTENCE "\",\"started_by\":\"operator\","    \
    "\"estimated_duration_seconds\":5400,\"scheduled_start_utc\":\"2025-11-24T01:30:00Z\",\"started_at\":\"2025-11-24T01:"  \
    "30:02Z\",\"overdue\":true,\"estimated_end_utc\":\"2025-11-24T03:00:02Z\",\"revision\":3,\"due\":true,"                 \
    "\"updates\":[{\"at\":\"2025-11-24T03:40:00Z\",\"text\":\"" SENTENCE "\"}]}"
#define TARGET(name, status, more)                                                                                          \
    "{\"service\":\"influencer\",\"kind\":\"log_group\",\"name\":\"" name "\",\"status\":\"" status "\",\"matched\":"       \
    "123456789,\"deleted\":123456780,\"failed\":9,\"protected\":2,\"bytes\":1234567" more "}"
#define REMARK(name) "{\"what\":\"refused\",\"name\":\"" name "\",\"reason\":\"" SENTENCE "\"}"

/* Every member that is shown, each as long as it gets. */
static const char everything[] =
    "{\"success\":true,\"data\":{\"status\":\"completed\",\"service\":\"ops\",\"vacuum_id\":\"" ID
    "\",\"maintenance_id\":\"" ID "\",\"orgcode\":\"an-orgcode.of-64-characters_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\","
    "\"dry_run\":true,\"actor\":\"" SENTENCE "\",\"reason\":\"" SENTENCE
    "\",\"plan_sha256\":\"ea4c15c4f3037a017df0d0e79390b8c1a293ff3cd195c68d1cfa9322fb0beb01\","
    "\"requested_at\":\"2025-11-24T03:30:00Z\",\"started_at\":\"2025-11-24T03:35:00Z\",\"finished_at\":\"2025-11-24T03:39:"
    "12Z\","
    "\"place\":{\"engine\":\"local\",\"path\":\"/srv/a/very/long/path/to/the/data/directory/of/g3nops/that/does/not/end\","
    "\"store_id\":\"" ID "\"},\"error\":{\"tag\":\"records-remain\",\"message\":\"" SENTENCE "\"},"
    "\"standing_still\":{\"seconds\":301,\"reason\":\"" SENTENCE "\"},"
    "\"clock_steps\":[{\"at\":\"2025-11-24T03:30:00Z\",\"seconds\":301}],"
    "\"unlisted\":[{\"kind\":\"bucket\",\"reason\":\"" SENTENCE "\"}],\"left_out\":3,"
    "\"targets\":[" TARGET(LONG, "completed", "") "," TARGET(LONG "-1", "failed", ",\"error\":\"" SENTENCE "\"") "," TARGET(
        LONG "-2", "failed",
        ",\"unreadable\":12,\"remarks\":[" REMARK(
            LONG) "],\"warnings\":[\"" SENTENCE
                  "\"]") "," TARGET("x", "skipped",
                                    ",\"skipped_reason\":\"" SENTENCE
                                    "\"") "," TARGET(LONG "-3", "unclassified",
                                                     "") "],"
                                                         "\"totals\":{\"matched\":1234567890,\"deleted\":1234567890,"
                                                         "\"failed\":123456789,\"protected\":12345,\"undeletable\":1,"
                                                         "\"bytes\":1234567890},\"uptime_seconds\":90061,\"store\":{"
                                                         "\"reachable\":true,\"latency_ms\":0.25},\"clock\":{"
                                                         "\"step_seconds\":301,\"at\":\"2025-11-24T03:30:00Z\",\"ahead_"
                                                         "seconds\":42},\"maintenance\":" WINDOW ",\"next\":" WINDOW
                                                         ",\"items\":[{\"vacuum_id\":\"" ID
                                                         "\",\"status\":\"completed\",\"requested_at\":\"2025-11-24T03:30:"
                                                         "00Z\",\"orgcode\":"
                                                         "\"an-orgcode.of-64-characters_"
                                                         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\",\"totals\":{\"deleted\":"
                                                         "123456789,\"failed\":1},"
                                                         "\"reason\":\"" SENTENCE
                                                         "\",\"seq\":123456,\"at\":\"2025-11-24T03:30:00Z\",\"type\":"
                                                         "\"maintenance.scheduled\","
                                                         "\"actor\":\"" SENTENCE "\"}," WINDOW
                                                         "],\"next_token\":\"" LONG LONG "\"}}";

static const char refusal[] =
    "{\"success\":false,\"error\":{\"minor\":{\"tag\":\"vacuum-in-progress\",\"message\":{\"en_US\":\"" SENTENCE
    "\"}},\"details\":{\"vacuum_id\":\"" ID "\",\"retry_after_seconds\":5400,\"names\":[\"" LONG "\",\"" LONG "\"],"
    "\"object\":{\"a\":\"" LONG LONG "\"}}}}";

static const char *const commands[] = {
    "ping",
    "stat",
    "sweep",
    "vacuum-status",
    "vacuum-list",
    "audit-list",
    "maintenance-list",
    "maintenance-get --maintenance-id 01JDE9Q3F0V8M4T6XK2R7W5N1B",
    "maintenance-end --secret-code c",
};

static void no_answer_has_a_line_that_is_wider_than_the_terminal(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        for (size_t width = NARROWEST; width <= 140; width += 5) {
            struct fake fake;
            char text[16];
            fake_init(&fake);
            fake_answer(&fake, OPS_OK, 200, everything);
            fake_answer(&fake, OPS_OK, 200, refusal);
            snprintf(text, sizeof text, "%zu", width);
            setenv("COLUMNS", text, 1);
            assert_int_equal(fake_run(&fake, commands[i]), OPS_EXIT_DONE);
            assert_true(strlen(fake.out) > 0);
            assert_fits(fake.out, width);
            assert_int_equal(fake_run(&fake, commands[i]), OPS_EXIT_REFUSED);
            assert_has(fake.err, "error: ");
            assert_fits(fake.err, width);
            fake_release(&fake);
        }
    }
    unsetenv("COLUMNS");
}

static void without_a_terminal_every_name_is_whole(void **state)
{
    (void)state;
    struct fake fake;
    fake_init(&fake);
    fake_answer(&fake, OPS_OK, 200, everything);
    assert_int_equal(fake_run(&fake, "vacuum-status"), OPS_EXIT_DONE);
    assert_has(fake.out, "  " LONG "  ");
    assert_has(fake.out, "  " LONG "-1  ");
    assert_has(fake.out, "\n    " SENTENCE "\n");
    assert_has(fake.out, "\n    refused: " LONG ": " SENTENCE "\n");
    assert_lacks(fake.out, "…");
    fake_release(&fake);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cut_in_the_middle_counts_columns_and_parts_no_character_from_its_marks),
        cmocka_unit_test(words_are_wrapped_and_what_no_line_has_room_for_is_broken),
        cmocka_unit_test(a_command_that_is_broken_is_the_same_to_a_shell),
        cmocka_unit_test(no_line_is_wider_and_no_name_looks_like_another),
        cmocka_unit_test(names_that_differ_at_the_end_keep_it),
        cmocka_unit_test(columns_that_say_nothing_are_left_out_on_a_terminal_only),
        cmocka_unit_test(what_has_no_room_beside_goes_beneath_its_row),
        cmocka_unit_test(a_terminal_of_twenty_columns_has_room_for_everything),
        cmocka_unit_test(a_table_without_rows_is_its_titles),
        cmocka_unit_test(a_cards_values_are_wrapped_and_an_id_stays_whole_where_it_can),
        cmocka_unit_test(no_answer_has_a_line_that_is_wider_than_the_terminal),
        cmocka_unit_test(without_a_terminal_every_name_is_whole),
    };
    setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
