/* vacuum_app all|org TABLE_FILE: a whole vacuum of one table through the app, the embedded engine and one worker, with the
 * secret code's scrypt, the plan, every checkpoint and the last look, on a clock that is moved past the five minutes.
 *
 * The table becomes bench_rows in a data directory of its own, and is deleted from in place. Prints what vacuum_peer prints:
 * rows, seconds, rows a second, peak memory.
 */
#include "adapters/memory/clock.h"
#include "adapters/sys/clock.h"
#include "adapters/sys/random.h"
#include "adapters/sys/scrypt.h"
#include "app/call.h"
#include "app/secret.h"
#include "app/work.h"
#include "base/json.h"
#include "base/mem.h"
#include "core/vacuum.h"
#include "main/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char code[] = "a-code-for-measuring";

static const char manifest[] =
    "{\"stack\":\"bench\",\"services\":[{\"code\":\"pvm\",\"tables\":[{\"name\":\"bench_rows\",\"org\":{\"by\":\"attribute\","
    "\"name\":\"orgcode\"}}]}]}";

static double seconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void die(const char *what)
{
    (void)fprintf(stderr, "vacuum_app: %s\n", what);
    exit(1);
}

/* The data of a call that must succeed. */
static json_t *invoke(struct ops_app *app, const char *function, json_t *input)
{
    struct ops_answer answer;
    json_t *envelope = NULL;
    ops_answer_init(&answer);
    const struct ops_call call = {.operation = ops_operation_by_function(ops_view_of(function)), .input = input};
    ops_app_answer(app, &call, &answer);
    if (answer.status != OPS_OK || ops_json_parse_object(ops_buf_view(&answer.body), &envelope, NULL) != OPS_OK)
        die(ops_buf_text(&answer.body));
    json_t *data = json_incref(json_object_get(envelope, "data"));
    json_decref(envelope);
    json_decref(input);
    ops_answer_release(&answer);
    return data;
}

static void prepare(const char *directory, const char *table_file)
{
    char path[8192], absolute[4096];
    (void)snprintf(path, sizeof path, "%s/stack", directory);
    (void)mkdir(path, 0700);
    (void)snprintf(path, sizeof path, "%s/stack/tables", directory);
    (void)mkdir(path, 0700);
    (void)snprintf(path, sizeof path, "%s/stack/tables/bench_rows.sqlite", directory);
    if (!realpath(table_file, absolute) || rename(absolute, path) != 0)
        die("the table can't be moved into the data directory; are both on one file system?");
    (void)snprintf(path, sizeof path, "%s/manifest.json", directory);
    FILE *file = fopen(path, "w");
    if (!file || fputs(manifest, file) < 0 || fclose(file) != 0)
        die("the manifest can't be written");
}

static void work(struct ops_app *app)
{
    struct ops_worker *worker = NULL;
    struct ops_error error = OPS_ERROR_INIT;
    int64_t wait_ms = 0;
    if (ops_worker_new(app, "bench", &worker) != OPS_OK)
        die("no memory");
    while (wait_ms == 0)
        if (ops_worker_step(worker, &wait_ms, &error) != OPS_OK)
            die(error.text);
    ops_worker_free(worker);
}

int main(int argc, char **argv)
{
    if (argc != 3)
        die("usage: vacuum_app all|org TABLE_FILE");
    bool org = strcmp(argv[1], "org") == 0;
    ops_mem_use(NULL);
    char directory[4096];
    (void)snprintf(directory, sizeof directory, "%s.data.XXXXXX", argv[2]);
    if (!mkdtemp(directory))
        die("no directory can be made beside the table");
    prepare(directory, argv[2]);
    struct ops_clock *clock = NULL;
    struct ops_engine engine;
    struct ops_error error = OPS_ERROR_INIT;
    bool rotated;
    if (ops_memory_clock_new(ops_clock_now_ms(ops_system_clock()), &clock) != OPS_OK)
        die("no memory");
    const struct ops_engine_config config = {
        .data_dir = directory, .clock = clock, .random = ops_system_random(), .hasher = ops_scrypt_hasher()};
    if (ops_engine_open(&config, &engine, &error) != OPS_OK ||
        ops_secret_set(engine.app, NULL, code, "bench", &rotated, &error) != OPS_OK)
        die(error.text);
    json_decref(invoke(engine.app, org ? "ops_vacuumorg" : "ops_vacuumall",
                       org ? json_pack("{s:s, s:s}", "secret_code", code, "orgcode", "acme")
                           : json_pack("{s:s, s:s}", "secret_code", code, "confirmation_phrase", OPS_VACUUM_PHRASE)));
    ops_memory_clock_advance(clock, OPS_VACUUM_PENDING_MS + OPS_SECOND_MS);
    double began = seconds();
    json_decref(invoke(engine.app, "ops_sweep", json_object()));
    work(engine.app);
    double took = seconds() - began;
    json_t *vacuum = invoke(engine.app, "ops_vacuumstatus", json_object());
    if (!ops_vacuum_is(vacuum, OPS_VACUUM_COMPLETED))
        die("the vacuum did not complete");
    long long deleted = ops_json_integer(json_object_get(vacuum, "totals"), "deleted", 0);
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    (void)printf("rows=%lld seconds=%.3f rows_per_second=%.0f peak_kib=%ld\n", deleted, took, (double)deleted / took,
                 usage.ru_maxrss);
    json_decref(vacuum);
    ops_engine_close(&engine);
    ops_memory_clock_free(clock);
    return 0;
}
