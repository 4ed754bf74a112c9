#include "adapters/local/log_sink.h"
#include "adapters/memory/log_sink.h"
#include "base/instant.h"
#include "contract/log_sink_suite.h"
#include "support/cmocka_all.h"
#include "support/scratch.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOON_MS INT64_C(1795521600000) /* 2026-11-24T12:00:00Z */
#define GROUP "stack/log_groups/g3nretailstack/ops/maintenance-audit"

static char directory[SCRATCH_SIZE];

static struct ops_log_sink *memory_open(void)
{
    struct ops_log_sink *sink = NULL;
    return ops_memory_log_sink_new(&sink) == OPS_OK ? sink : NULL;
}

static void memory_read(struct ops_log_sink *sink, struct ops_buf *buf)
{
    for (size_t i = 0; i < ops_memory_log_sink_count(sink); i++) {
        ops_buf_append_view(buf, ops_memory_log_sink_event(sink, i).text);
        ops_buf_append_char(buf, '\n');
    }
}

static struct ops_log_sink *local_open(void)
{
    struct ops_log_sink *sink = NULL;
    scratch_make(directory);
    if (ops_local_log_sink_new(directory, &sink) == OPS_OK)
        return sink;
    scratch_remove(directory);
    return NULL;
}

static void append_file(const char *path, struct ops_buf *buf)
{
    char chunk[4096];
    size_t got;
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while ((got = fread(chunk, 1, sizeof chunk, file)) > 0)
        ops_buf_append(buf, chunk, got);
    assert_int_equal(fclose(file), 0);
}

static int only_streams(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void local_read(struct ops_log_sink *sink, struct ops_buf *buf)
{
    (void)sink;
    struct dirent **entries = NULL;
    int count = scandir(scratch_path(directory, GROUP), &entries, only_streams, alphasort);
    for (int i = 0; i < count; i++) {
        append_file(scratch_path(scratch_path(directory, GROUP), entries[i]->d_name), buf);
        free(entries[i]);
    }
    free(entries);
}

static void local_close(struct ops_log_sink *sink)
{
    ops_log_sink_release(sink);
    scratch_remove(directory);
}

static int set_up(void **state)
{
    *state = local_open();
    return *state ? 0 : -1;
}

static int tear_down(void **state)
{
    local_close(*state);
    return 0;
}

static enum ops_status append_one(struct ops_log_sink *sink, int64_t at_ms, const char *text, struct ops_error *error)
{
    struct ops_log_event event = {at_ms, ops_view_of(text)};
    return ops_log_sink_append(sink, &event, 1, error);
}

static const char *stream(const char *name)
{
    return scratch_path(scratch_path(directory, GROUP), name);
}

static void expect_stream(const char *name, const char *expected)
{
    struct ops_buf buf;
    ops_buf_init(&buf, 4096);
    append_file(stream(name), &buf);
    assert_string_equal(ops_buf_text(&buf), expected);
    ops_buf_release(&buf);
}

static void a_stream_is_a_day_and_no_older_one_is_used_again(void **state)
{
    assert_int_equal(append_one(*state, NOON_MS, "1", NULL), OPS_OK);
    assert_int_equal(append_one(*state, NOON_MS + OPS_DAY_MS, "2", NULL), OPS_OK);
    assert_int_equal(append_one(*state, NOON_MS, "3", NULL), OPS_OK);
    scratch_write(stream("audit-2027-xx-01.jsonl"), "no stream\n");
    scratch_write(stream("zzz.jsonl"), "no stream\n");
    assert_int_equal(append_one(*state, NOON_MS, "4", NULL), OPS_OK);
    expect_stream("audit-2026-11-24.jsonl", "1\n");
    expect_stream("audit-2026-11-25.jsonl", "2\n3\n4\n");
    expect_stream("zzz.jsonl", "no stream\n");
}

static void a_line_that_a_crash_left_torn_is_ended_first(void **state)
{
    assert_int_equal(append_one(*state, NOON_MS, "{\"seq\":1}", NULL), OPS_OK);
    scratch_write(stream("audit-2026-11-24.jsonl"), "{\"seq\":1}\n{\"se");
    assert_int_equal(append_one(*state, NOON_MS, "{\"seq\":2}", NULL), OPS_OK);
    expect_stream("audit-2026-11-24.jsonl", "{\"seq\":1}\n{\"se\n{\"seq\":2}\n");
}

static enum ops_status append_line(void *context, const struct ops_log_place *place, struct ops_view text)
{
    (void)place;
    ops_buf_append_view(context, text);
    ops_buf_append_char(context, '|');
    return OPS_OK;
}

static void expect_read(struct ops_log_sink *sink, size_t last, const char *expected)
{
    struct ops_buf buf;
    ops_buf_init(&buf, 16 * 1024 * 1024);
    assert_int_equal(ops_log_sink_read(sink, last, append_line, &buf, NULL), OPS_OK);
    assert_string_equal(ops_buf_text(&buf), expected);
    ops_buf_release(&buf);
}

/* A torn line is given, whether it was ended or not: whoever reads the file sees it, too. */
static void lines_are_read_as_they_stand_in_whatever_files(void **state)
{
    assert_int_equal(append_one(*state, NOON_MS, "1", NULL), OPS_OK);
    scratch_write(stream("audit-2026-11-24.jsonl"), "1\n{\"se\n\n2\n3");
    scratch_write(stream("audit-2026-11-25.jsonl"), "");
    scratch_write(stream("audit-2026-11-26.jsonl"), "4\n5");
    scratch_write(stream("notes.txt"), "6\n");
    expect_read(*state, 0, "1|{\"se||2|3|4|5|");
    expect_read(*state, 1, "5|");
    expect_read(*state, 2, "4|5|");
    expect_read(*state, 3, "3|4|5|");
    expect_read(*state, 4, "2|3|4|5|");
    expect_read(*state, 6, "{\"se||2|3|4|5|");
}

/* The end of a stream is looked for from behind, a piece at a time. */
static void the_end_of_a_long_stream_is_found_wherever_its_lines_end(void **state)
{
    enum { LINES = 3000 };
    char text[64];
    struct ops_buf all;
    assert_int_equal(append_one(*state, NOON_MS, "x", NULL), OPS_OK);
    for (int pad = 0; pad < 3; pad++) {
        ops_buf_init(&all, 16 * 1024 * 1024);
        for (int i = 0; i < LINES; i++)
            ops_buf_append_format(&all, "{\"seq\":%0*d}\n", 40 + pad + i % 7, i);
        scratch_write(stream("audit-2026-11-24.jsonl"), ops_buf_text(&all));
        for (size_t last = 1; last <= LINES; last += 97) {
            struct ops_buf read;
            ops_buf_init(&read, 16 * 1024 * 1024);
            assert_int_equal(ops_log_sink_read(*state, last, append_line, &read, NULL), OPS_OK);
            size_t ends = 0;
            for (size_t i = 0; i < read.length; i++)
                ends += read.data[i] == '|';
            assert_int_equal(ends, last);
            (void)snprintf(text, sizeof text, "{\"seq\":%0*d}|", 40 + pad + (int)(LINES - last) % 7, (int)(LINES - last));
            assert_ptr_equal(strstr(ops_buf_text(&read), text), read.data);
            ops_buf_release(&read);
        }
        ops_buf_release(&all);
    }
}

struct seen {
    size_t count;
    struct {
        char stream[32];
        uint64_t number;
        bool is_cut;
        size_t length;
    } events[8];
};

static enum ops_status see(void *context, const struct ops_log_place *place, struct ops_view text)
{
    struct seen *seen = context;
    assert_true(seen->count < sizeof seen->events / sizeof seen->events[0]);
    assert_string_equal(place->noun, "line");
    (void)snprintf(seen->events[seen->count].stream, sizeof seen->events[0].stream, "%s", place->stream);
    seen->events[seen->count].number = place->number;
    seen->events[seen->count].is_cut = place->is_cut;
    seen->events[seen->count++].length = text.length;
    return OPS_OK;
}

static void a_line_is_told_with_its_stream_and_its_number(void **state)
{
    struct seen all = {.count = 0}, end = {.count = 0};
    assert_int_equal(append_one(*state, NOON_MS, "1", NULL), OPS_OK);
    scratch_write(stream("audit-2026-11-24.jsonl"), "1\n\n22\n");
    scratch_write(stream("audit-2026-11-25.jsonl"), "333\n4444");
    assert_int_equal(ops_log_sink_read(*state, 0, see, &all, NULL), OPS_OK);
    assert_int_equal(all.count, 5);
    for (size_t i = 0; i < all.count; i++) {
        assert_string_equal(all.events[i].stream, i < 3 ? "audit-2026-11-24.jsonl" : "audit-2026-11-25.jsonl");
        assert_int_equal(all.events[i].number, i < 3 ? i + 1 : i - 2);
        assert_false(all.events[i].is_cut);
    }
    assert_int_equal(ops_log_sink_read(*state, 3, see, &end, NULL), OPS_OK);
    assert_int_equal(end.count, 3);
    assert_int_equal(end.events[0].number, 0); /* what comes before it is not read */
    assert_int_equal(end.events[1].number, 1);
}

static void of_a_line_longer_than_any_of_ours_the_beginning_is_given(void **state)
{
    enum { LONG = 3 * 1024 * 1024, KEPT = 1024 * 1024 };
    struct seen seen = {.count = 0};
    char *text = malloc(LONG + 16);
    assert_non_null(text);
    assert_int_equal(append_one(*state, NOON_MS, "x", NULL), OPS_OK);
    memset(text, 'y', LONG);
    (void)snprintf(text + LONG, 16, "\n2\n");
    memcpy(text, "1\n", 2);
    scratch_write(stream("audit-2026-11-24.jsonl"), text);
    for (size_t last = 0; last <= 3; last += 3) {
        seen.count = 0;
        assert_int_equal(ops_log_sink_read(*state, last, see, &seen, NULL), OPS_OK);
        assert_int_equal(seen.count, 3);
        for (size_t i = 0; i < seen.count; i++) {
            assert_int_equal(seen.events[i].is_cut, i == 1);
            assert_int_equal(seen.events[i].length, i == 1 ? KEPT : 1);
        }
    }
    free(text);
}

static void what_is_in_the_way_of_reading_gets_one_clear_sentence(void **state)
{
    struct ops_error error = OPS_ERROR_INIT;
    struct ops_buf buf;
    ops_buf_init(&buf, 1024);
    assert_int_equal(append_one(*state, NOON_MS, "1", NULL), OPS_OK);
    assert_int_equal(unlink(stream("audit-2026-11-24.jsonl")), 0);
    assert_int_equal(mkfifo(stream("audit-2026-11-24.jsonl"), 0600), 0);
    for (size_t last = 0; last < 2; last++) {
        assert_int_equal(ops_log_sink_read(*state, last, append_line, &buf, &error), OPS_STORE_UNAVAILABLE);
        assert_non_null(strstr(error.text, "audit-2026-11-24.jsonl can't be read"));
        ops_error_release(&error);
    }
    assert_int_equal(unlink(stream("audit-2026-11-24.jsonl")), 0);
    assert_int_equal(symlink("/etc/hostname", stream("audit-2026-11-24.jsonl")), 0);
    assert_int_equal(ops_log_sink_read(*state, 0, append_line, &buf, &error), OPS_STORE_UNAVAILABLE);
    assert_non_null(strstr(error.text, "symbolic links"));
    ops_error_release(&error);
    ops_buf_release(&buf);
}

static void expect_unavailable(struct ops_log_sink *sink, const char *word)
{
    struct ops_error error = OPS_ERROR_INIT;
    assert_int_equal(append_one(sink, NOON_MS, "1", &error), OPS_STORE_UNAVAILABLE);
    if (!strstr(error.text, word))
        print_error("%s\n", error.text);
    assert_non_null(strstr(error.text, directory));
    assert_non_null(strstr(error.text, word));
    ops_error_release(&error);
}

static void what_is_in_the_way_of_the_stream_gets_one_clear_sentence(void **state)
{
    scratch_write(scratch_path(directory, "stack"), "a file\n");
    expect_unavailable(*state, "Not a directory");
    assert_int_equal(unlink(scratch_path(directory, "stack")), 0);
    assert_int_equal(append_one(*state, NOON_MS, "1", NULL), OPS_OK);
    assert_int_equal(unlink(stream("audit-2026-11-24.jsonl")), 0);
    assert_int_equal(symlink("elsewhere", stream("audit-2026-11-24.jsonl")), 0);
    expect_unavailable(*state, "symbolic links");
    assert_int_equal(unlink(stream("audit-2026-11-24.jsonl")), 0);
    assert_int_equal(mkfifo(stream("audit-2026-11-24.jsonl"), 0600), 0);
    expect_unavailable(*state, "not a regular file");
    assert_int_equal(unlink(stream("audit-2026-11-24.jsonl")), 0);
}

static void a_data_directory_that_is_missing_is_not_made(void **state)
{
    struct ops_log_sink *sink = NULL;
    (void)state;
    assert_int_equal(ops_local_log_sink_new(scratch_path(directory, "none"), &sink), OPS_OK);
    expect_unavailable(sink, "No such file");
    ops_log_sink_release(sink);
    assert_int_not_equal(access(scratch_path(directory, "none"), F_OK), 0);
}

static void a_group_that_another_process_keeps_locked_is_unavailable(void **state)
{
    assert_int_equal(append_one(*state, NOON_MS, "1", NULL), OPS_OK);
    int fd = open(scratch_path(directory, GROUP), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    expect_unavailable(*state, "locked");
    assert_int_equal(close(fd), 0);
    assert_int_equal(append_one(*state, NOON_MS, "2", NULL), OPS_OK);
    expect_stream("audit-2026-11-24.jsonl", "1\n2\n");
}

/* A limit on file sizes stands in for a full disk: the write comes back short. */
static int append_without_room(struct ops_log_sink *sink)
{
    struct rlimit limit = {10, 10};
    struct ops_error error = OPS_ERROR_INIT;
    if (signal(SIGXFSZ, SIG_IGN) == SIG_ERR || setrlimit(RLIMIT_FSIZE, &limit) != 0)
        return 1;
    if (append_one(sink, NOON_MS, "{\"seq\":2}", &error) != OPS_UNKNOWN || !strstr(error.text, "audit-2026-11-24.jsonl"))
        return 2;
    ops_error_release(&error);
    return 0;
}

static void a_batch_that_found_no_room_is_taken_back(void **state)
{
    int result = 0;
    assert_int_equal(append_one(*state, NOON_MS, "{}", NULL), OPS_OK);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(append_without_room(*state));
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFEXITED(result));
    assert_int_equal(WEXITSTATUS(result), 0);
    expect_stream("audit-2026-11-24.jsonl", "{}\n");
}

enum { PROCESS_COUNT = 4, APPENDS = 20 };

static void processes_that_append_at_once_do_not_mix_their_lines(void **state)
{
    pid_t children[PROCESS_COUNT];
    for (int i = 0; i < PROCESS_COUNT; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        for (int k = 0; children[i] == 0; k++) {
            if (k == APPENDS || append_one(*state, NOON_MS, "{\"line\":\"whole\"}", NULL) != OPS_OK)
                _exit(k == APPENDS ? 0 : 1);
        }
    }
    for (int i = 0; i < PROCESS_COUNT; i++) {
        int result = 0;
        assert_int_equal(waitpid(children[i], &result, 0), children[i]);
        assert_true(WIFEXITED(result) && WEXITSTATUS(result) == 0);
    }
    struct ops_buf buf;
    ops_buf_init(&buf, 1024 * 1024);
    append_file(stream("audit-2026-11-24.jsonl"), &buf);
    assert_int_equal(buf.length, PROCESS_COUNT * APPENDS * strlen("{\"line\":\"whole\"}\n"));
    ops_buf_release(&buf);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    static const struct log_sink_suite_source memory = {
        .open = memory_open, .read = memory_read, .close = ops_log_sink_release};
    static const struct log_sink_suite_source local = {.open = local_open, .read = local_read, .close = local_close};
    const struct CMUnitTest tests[] = {
        CASE(a_stream_is_a_day_and_no_older_one_is_used_again),
        CASE(a_line_that_a_crash_left_torn_is_ended_first),
        CASE(what_is_in_the_way_of_the_stream_gets_one_clear_sentence),
        CASE(a_data_directory_that_is_missing_is_not_made),
        CASE(a_group_that_another_process_keeps_locked_is_unavailable),
        CASE(a_batch_that_found_no_room_is_taken_back),
        CASE(processes_that_append_at_once_do_not_mix_their_lines),
        CASE(lines_are_read_as_they_stand_in_whatever_files),
        CASE(the_end_of_a_long_stream_is_found_wherever_its_lines_end),
        CASE(a_line_is_told_with_its_stream_and_its_number),
        CASE(of_a_line_longer_than_any_of_ours_the_beginning_is_given),
        CASE(what_is_in_the_way_of_reading_gets_one_clear_sentence),
    };
    return log_sink_suite_run("log_sink_memory", &memory) + log_sink_suite_run("log_sink_local", &local) +
           cmocka_run_group_tests(tests, NULL, NULL);
}
