/* make_windows DATA_DIR COUNT: writes COUNT ended maintenance windows into a data directory, through the app but without the
 * secret code's tenth of a second each, for measuring lists. */
#include "adapters/sys/clock.h"
#include "adapters/sys/random.h"
#include "adapters/sys/scrypt.h"
#include "app/windows.h"
#include "base/mem.h"
#include "main/engine.h"

#include <stdio.h>
#include <stdlib.h>

static void check(enum ops_status status, const struct ops_error *error)
{
    if (status == OPS_OK)
        return;
    (void)fprintf(stderr, "make_windows: %s\n", ops_error_text(error, status));
    exit(1);
}

static void make_one(struct ops_app *app, int64_t now_ms, struct ops_error *error)
{
    char id[OPS_ULID_SIZE];
    json_t *scheduled = NULL, *cancelled = NULL;
    struct ops_audit_event schedule = {.type = OPS_AUDIT_MAINTENANCE_SCHEDULED};
    struct ops_audit_event cancel = {.type = OPS_AUDIT_MAINTENANCE_CANCELLED};
    ops_random_ulid(ops_system_random(), now_ms, id);
    check(ops_window_schedule(id, "Move to new disks, one more time", 3600, now_ms + OPS_HOUR_MS, now_ms, &scheduled, error),
          error);
    check(ops_windows_write(app, NULL, scheduled, &schedule, now_ms, error), error);
    check(ops_window_cancel(scheduled, now_ms, &cancelled, error), error);
    check(ops_windows_write(app, scheduled, cancelled, &cancel, now_ms, error), error);
    json_decref(scheduled);
    json_decref(cancelled);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        (void)fprintf(stderr, "usage: make_windows DATA_DIR COUNT\n");
        return 2;
    }
    struct ops_engine engine;
    struct ops_error error = OPS_ERROR_INIT;
    ops_mem_use(NULL);
    const struct ops_engine_config config = {.data_dir = argv[1],
                                             .clock = ops_system_clock(),
                                             .random = ops_system_random(),
                                             .hasher = ops_scrypt_hasher()};
    check(ops_engine_open(&config, &engine, &error), &error);
    int64_t now_ms = ops_clock_now_ms(ops_system_clock());
    for (long i = 0; i < atol(argv[2]); i++)
        make_one(engine.app, now_ms + i, &error);
    ops_engine_close(&engine);
    return 0;
}
