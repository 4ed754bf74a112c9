/* The fault sweep: the n-th allocation fails, for n = 1, 2, 3, ... until none does. */
#include "cli/fake.h"

#include "base/mem.h"

static long left;

static void *failing_alloc(size_t size)
{
    return left-- == 1 ? NULL : malloc(size);
}

static void *failing_resize(void *block, size_t size)
{
    return left-- == 1 ? NULL : realloc(block, size);
}

static const struct ops_mem_functions failing = {failing_alloc, failing_resize, free};

#define SECRET " --secret-code correct~horse~battery"
#define RECORD(status)                                                                                                      \
    "{\"success\":true,\"data\":{\"vacuum_id\":\"x\",\"type\":\"all\",\"status\":\"" status "\",\"execute_at\":"            \
    "\"2025-11-24T03:47:53Z\",\"targets\":[{\"name\":\"a\",\"status\":\"running\"},{\"name\":\"b\",\"status\":\"skipped\"}" \
    "],"                                                                                                                    \
    "\"totals\":{\"deleted\":3},\"error\":{\"tag\":\"t\",\"message\":\"m\"}}}"
/* Two names that no cut tells apart at forty columns, with all that there may be of a target. */
#define NAMES "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define TROUBLE(name)                                                                                                       \
    "{\"service\":\"pvm\",\"kind\":\"table\",\"name\":\"" NAMES name NAMES                                                  \
    "\",\"status\":\"failed\",\"matched\":12,\"error\":"                                                                    \
    "\"It is "                                                                                                              \
    "locked.\",\"unreadable\":2,\"remarks\":[{\"what\":\"a\",\"name\":\"b\",\"reason\":\"c\"}],\"warnings\":[\"w\"]}"
#define TROUBLES                                                                                                            \
    "{\"success\":true,\"data\":{\"vacuum_id\":\"x\",\"type\":\"all\",\"status\":\"completed\",\"dry_run\":true,\"plan_"    \
    "sha256\":"                                                                                                             \
    "\"5c\",\"requested_at\":\"2025-11-24T03:47:53Z\",\"place\":{\"engine\":\"local\"},\"standing_still\":{\"seconds\":1}," \
    "\"targets\":[" TROUBLE("a") "," TROUBLE(                                                                               \
        "b") ",{\"name\":\"z\",\"status\":\"unclassified\"}],\"totals\":{\"matched\":3}}}"
#define LIST                                                                                                                \
    "{\"success\":true,\"data\":{\"items\":[{\"status\":\"active\",\"seq\":1,\"at\":\"2025-11-24T03:47:53Z\"}],\"next_"     \
    "token\":\"t\"}}"
#define NONE "{\"success\":true,\"data\":{\"items\":[],\"next_token\":null}}"
#define REFUSAL                                                                                                             \
    "{\"success\":false,\"error\":{\"minor\":{\"tag\":\"vacuum-in-progress\",\"message\":{\"en_US\":\"No.\"}},\"details\":" \
    "{\"vacuum_id\":\"x\",\"retry_after_seconds\":3,\"list\":[1]}}}"

#define ACCEPTED "{\"success\":true,\"data\":{\"accepted\":true,\"seq\":6}}"
#define DRIFTED                                                                                                             \
    "{\"success\":true,\"data\":{\"vacuum_id\":\"x\",\"status\":\"failed\",\"orgcode\":\"a\",\"error\":{\"tag\":\"plan-"    \
    "drifted\",\"message\":\"m\",\"details\":{\"expected_plan_sha256\":\"a\",\"plan_sha256\":\"b\"}}}}"
#define DRIFTED_LIST                                                                                                        \
    "{\"success\":true,\"data\":{\"items\":[{\"vacuum_id\":\"x\",\"status\":\"running\"}],\"next_token\":null}}"

#define DRY_RUNS                                                                                                            \
    "{\"success\":true,\"data\":{\"items\":[{\"vacuum_id\":\"01JDE9Q3F0V8M4T6XK2R7W5N1B\",\"sequence\":1,\"dry_run\":true," \
    "\"orgcode\":\"acme\",\"finished_at\":\"2025-11-24T03:47:53Z\",\"totals\":{\"matched\":0}}],\"next_token\":null}}"
#define FIELD_REFUSAL                                                                                                       \
    "{\"success\":false,\"error\":{\"minor\":{\"tag\":\"invalid-field\",\"message\":{\"en_US\":"                            \
    "\"estimated_duration_seconds is no.\"}},\"details\":{\"field\":\"estimated_duration_seconds\"}}}"

struct sweep_case {
    const char *line;
    const char *answers[4];
    int code;            /* when nothing fails */
    const char *columns; /* NULL: as wide as it takes */
};

static const struct sweep_case cases[] = {
    {"vacuum-org --orgcode acme --yes --watch" SECRET, {DRY_RUNS, RECORD("running"), RECORD("completed")}, 0},
    {"vacuum-org --orgcode acme --yes --json" SECRET, {DRY_RUNS, RECORD("pending")}, 0},
    {"vacuum-org --orgcode acme --plan-sha256 a" SECRET, {DRY_RUNS, REFUSAL}, 1},
    {"vacuum-org --orgcode acme --yes" SECRET, {REFUSAL}, 1},
    {"vacuum cancel" SECRET, {DRY_RUNS, RECORD("cancelled")}, 0},
    {"vacuum-status --vacuum-id 01JDE9", {DRY_RUNS, RECORD("failed")}, 0},
    {"vacuum-status --vacuum-id 01JDEA", {DRY_RUNS}, 1},
    {"vacuum-status --vacuum-id latest", {DRY_RUNS, RECORD("failed")}, 0},
    {"maintenance-schedule --description d --duration 1h --start 2026-12-01T03:00~Europe/Vienna" SECRET, {LIST}, 0},
    {"maintenance-schedule --description d --duration 1h --start 2027-03-28T02:30~Europe/Vienna" SECRET, {LIST}, 2},
    {"maintenance-schedule --description d --duration 1h --now" SECRET, {NONE, LIST, LIST}, 0},
    {"maintenance-schedule --description d --duration 1h --now" SECRET, {NONE, LIST, REFUSAL, LIST}, 1},
    {"maintenance-schedule --description d --duration 1h --now" SECRET, {LIST}, 1},
    {"maintenance-update --text x" SECRET, {FIELD_REFUSAL}, 1},
    {"vacuum ogr", {LIST}, 2},
    {"vacuum --help", {LIST}, 0},
    {"help vacuum org", {LIST}, 0},
    {"vacuum-status --watch", {RECORD("failed")}, 4},
    {"maintenance-list --status all --next-token a --session-guid g", {LIST}, 0},
    {"audit-list", {LIST}, 0},
    {"sweep", {LIST}, 0},
    {"vacuum-status", {TROUBLES}, 0, .columns = "40"},
    {"vacuum-status", {TROUBLES}, 0},
    {"vacuum-og", {LIST}, 2},
    {"vacuum-org --json", {LIST}, 2},
    {"vacuum-org", {LIST}, 2},
    {"help", {LIST}, 0},
    {"help vacuum-org", {LIST}, 0},
    {"completion bash", {LIST}, 0},
    {"completion fish", {LIST}, 0},
    {"audit-accept-rollback --reason r" SECRET, {ACCEPTED}, 0},
    {"vacuum-cancel" SECRET, {NONE, DRIFTED_LIST}, 1},
    {"vacuum-status", {DRIFTED}, 0},
    {"man", {LIST}, 0},
};

/* True when no allocation was left to fail. */
static bool run_with_failure_at(const struct sweep_case *one, long n)
{
    struct fake fake;
    fake_init(&fake);
    for (size_t i = 0; i < 4 && one->answers[i]; i++)
        fake_answer(&fake, OPS_OK, 200, one->answers[i]);
    if (one->columns)
        setenv("COLUMNS", one->columns, 1);
    left = n;
    ops_mem_use(&failing);
    int code = fake_run(&fake, one->line);
    ops_mem_use(NULL);
    bool reached_end = left > 0;
    if (reached_end)
        assert_int_equal(code, one->code);
    else if (one->code == OPS_EXIT_DONE)
        assert_int_not_equal(code, OPS_EXIT_DONE);
    assert_true(code >= 0 && code <= 4);
    fake_release(&fake);
    return reached_end;
}

static void running_out_of_memory_is_an_exit_code_not_a_crash(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        long n = 1;
        while (!run_with_failure_at(&cases[i], n))
            n++;
        assert_true(n > 2);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(running_out_of_memory_is_an_exit_code_not_a_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
