/*
 * The whole of OPS in under a minute: a sample stack in a directory of its own, on a clock that is moved by hand, through
 * the same app, adapters and steps as serve. What it claims it counts itself, in the tables and directories, not by the
 * app's word.
 */
#include "main/commands.h"

#include "adapters/local/sessions.h"
#include "adapters/memory/clock.h"
#include "adapters/sys/clock.h"
#include "adapters/sys/random.h"
#include "adapters/sys/scrypt.h"
#include "app/audit.h"
#include "app/secret.h"
#include "base/hash.h"
#include "base/json.h"
#include "main/demo/stage.h"
#include "main/sample.h"

#include <errno.h>
#include <ftw.h>
#include <stdlib.h>
#include <unistd.h>

enum { ORGS = 5, ROWS = 200000, OBJECTS = 5000, AUDIT_SHOWN = 30 };

static enum ops_status make_stack(struct demo *demo)
{
    const struct ops_sample_size size = {ORGS, ROWS, OBJECTS};
    struct ops_sample_counts counts;
    bool rotated;
    demo_chapter(demo, "A stack to practise on");
    demo_say(demo, "   18 services, %d tenants, in %s", ORGS, demo->data_dir);
    enum ops_status status = ops_sample_fill(demo->data_dir, &demo->engine.manifest, &size, &counts, &demo->error);
    if (status != OPS_OK)
        return status;
    demo_say(demo, "   %lld tables with %lld rows, %lld buckets with %lld objects,", (long long)counts.tables,
             (long long)counts.rows, (long long)counts.buckets, (long long)counts.objects);
    demo_say(demo, "   %lld log groups with %lld streams", (long long)counts.log_groups, (long long)counts.streams);
    demo_say(demo, "   $ g3nops secret-set --new-secret-code-file code");
    status = ops_secret_set(demo->engine.app, NULL, demo->secret, "demo", &rotated, &demo->error);
    demo_say(demo, "   $ g3nops session-create --user demo");
    if (status == OPS_OK)
        status = ops_local_session_create(demo->data_dir, demo->engine.manifest.sessions_table,
                                          demo->engine.manifest.users_table, "demo", demo->guid,
                                          ops_clock_now_ms(demo->clock) + OPS_DAY_MS, &demo->error);
    return status;
}

static void show_trail(const struct demo *demo, const json_t *items)
{
    for (size_t i = json_array_size(items); i-- > 0;) {
        const json_t *record = json_array_get(items, i);
        demo_say(demo, "   %3lld  %s  %-22s %s%s", (long long)ops_json_integer(record, "seq", 0),
                 ops_json_text(record, "at", ""), ops_json_text(record, "type", ""),
                 ops_json_text(record, "maintenance_id", ""), ops_json_text(record, "vacuum_id", ""));
    }
}

enum ops_status demo_audit(struct demo *demo)
{
    json_t *list = NULL;
    json_int_t verified = 0;
    size_t delivered = 0;
    demo_chapter(demo, "What is on record");
    demo_say(demo, "   $ g3nops audit-list --limit %d", AUDIT_SHOWN);
    enum ops_status status = demo_ask(demo, "ops_auditlist", json_pack("{s:i}", "limit", AUDIT_SHOWN), &list);
    if (status == OPS_OK)
        show_trail(demo, json_object_get(list, "items"));
    demo_say(demo, "   $ g3nops audit-verify");
    if (status == OPS_OK)
        status = ops_audit_verify(demo->engine.app, &verified, &demo->error);
    if (status == OPS_OK)
        status = demo_require(demo, verified == (json_int_t)json_array_size(json_object_get(list, "items")),
                              "every record follows the one before, none is missing");
    if (status == OPS_OK)
        status = ops_audit_deliver(demo->engine.app, &delivered, &demo->error);
    if (status == OPS_OK)
        demo_say(demo, "   They are in the log group /g3nretailstack/ops/maintenance-audit too.");
    json_decref(list);
    return status;
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info;
    (void)type;
    (void)where;
    return remove(path);
}

/* A code that is new at every run; nobody needs to know it. */
static void make_code(char ret_code[static DEMO_CODE_SIZE])
{
    uint8_t bytes[(DEMO_CODE_SIZE - 1) / 2];
    ops_random_fill(ops_system_random(), bytes, sizeof bytes);
    ops_hex(bytes, sizeof bytes, ret_code);
}

static enum ops_status make_directory(struct demo *demo)
{
    const char *parent = getenv("TMPDIR");
    (void)snprintf(demo->data_dir, sizeof demo->data_dir, "%s/g3nops-demo-XXXXXX", parent && parent[0] ? parent : "/tmp");
    if (mkdtemp(demo->data_dir))
        return OPS_OK;
    enum ops_status status =
        ops_fail(&demo->error, OPS_IO_ERROR, "A directory %s can't be made: %s.", demo->data_dir, strerror(errno));
    demo->data_dir[0] = '\0';
    return status;
}

static enum ops_status set_up(struct demo *demo)
{
    enum ops_status status = make_directory(demo);
    if (status == OPS_OK)
        status = ops_memory_clock_new(ops_clock_now_ms(ops_system_clock()), &demo->clock);
    const struct ops_engine_config config = {
        .data_dir = demo->data_dir,
        .clock = demo->clock,
        .random = ops_system_random(),
        .hasher = ops_scrypt_hasher(),
    };
    if (status == OPS_OK)
        status = ops_engine_open(&config, &demo->engine, &demo->error);
    make_code(demo->secret);
    make_code(demo->guid);
    return status;
}

static void take_down(struct demo *demo)
{
    json_decref(demo->notice);
    ops_engine_close(&demo->engine);
    ops_memory_clock_free(demo->clock);
    if (demo->data_dir[0] && nftw(demo->data_dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS) != 0)
        (void)fprintf(stderr, "g3nops: %s could not be removed: %s\n", demo->data_dir, strerror(errno));
}

typedef enum ops_status (*chapter_fn)(struct demo *demo);

int ops_command_demo(struct ops_cli *cli, void *context)
{
    (void)context;
    static const chapter_fn chapters[] = {make_stack, demo_window, demo_vacuum_org, demo_vacuum_all, demo_audit};
    struct demo demo = {.out = ops_cli_json(cli) ? NULL : ops_cli_out(cli)};
    int64_t began_ms = ops_clock_monotonic_ms(ops_system_clock());
    enum ops_status status = set_up(&demo);
    demo_say(&demo, "g3nops demo: on a simulated clock, in a directory that is removed at the end.");
    for (size_t i = 0; status == OPS_OK && i < sizeof chapters / sizeof chapters[0]; i++) {
        status = chapters[i](&demo);
        if (demo.out)
            (void)fflush(demo.out);
    }
    int64_t took_ms = ops_clock_monotonic_ms(ops_system_clock()) - began_ms;
    int code = status == OPS_OK ? ops_cli_done(cli, json_pack("{s:i, s:i}", "chapters", demo.chapter, "checks", demo.checks),
                                               "\nAll of it held: %d checks in %lld.%lld s.", demo.checks,
                                               (long long)took_ms / 1000, (long long)took_ms % 1000 / 100)
                                : ops_cli_fail(cli, status, &demo.error);
    take_down(&demo);
    ops_error_release(&demo.error);
    return code;
}
