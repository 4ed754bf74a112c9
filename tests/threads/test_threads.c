/* The threads of a serve, all at once, over the embedded engine: callers, the sweep and the workers. What it finds beyond
 * its own checks, TSan finds. */
#include "adapters/memory/clock.h"
#include "adapters/memory/hasher.h"
#include "adapters/sys/random.h"
#include "app/audit.h"
#include "app/call.h"
#include "app/secret.h"
#include "base/json.h"
#include "base/mem.h"
#include "core/vacuum.h"
#include "main/engine.h"
#include "main/sample.h"
#include "main/threads.h"
#include "support/cmocka_all.h"
#include "support/scratch.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

enum { CALLERS = 4, ROUNDS = 40, WORKERS = 3, PATIENCE_MS = 60000 };

static const char code[] = "correct horse battery";

struct service {
    char directory[SCRATCH_SIZE];
    struct ops_clock *clock;
    struct ops_engine_config config;
    struct ops_engine engine;
    struct ops_threads *threads;
};

static atomic_int troubles;

static bool takes(const struct ops_log *self, enum ops_log_level level)
{
    (void)self;
    (void)level;
    return true;
}

static void on_line(struct ops_log *self, const struct ops_log_line *line)
{
    (void)self;
    (void)fprintf(stderr, "%s: %s\n", line->event, line->words);
    /* The clock leaps over five minutes: to a dry run under way they are five in which nobody got on with it. */
    if (!strstr(line->words, " still"))
        atomic_fetch_add(&troubles, 1);
}

static const struct ops_log_ops log_ops = {.takes = takes, .write = on_line};
static struct ops_log log_of_troubles = {&log_ops};

/* The envelope of a call. takes input. */
static json_t *call(struct service *service, const struct ops_operation *operation, json_t *input)
{
    struct ops_answer answer;
    json_t *envelope = NULL;
    ops_answer_init(&answer);
    const struct ops_call request = {.operation = operation, .input = input};
    ops_app_answer(service->engine.app, &request, &answer);
    assert_int_equal(ops_json_parse_object(ops_buf_view(&answer.body), &envelope, NULL), OPS_OK);
    ops_answer_release(&answer);
    json_decref(input);
    return envelope;
}

static json_t *invoke(struct service *service, const char *function, json_t *input)
{
    return call(service, ops_operation_by_function(ops_view_of(function)), input);
}

static json_t *with_code(json_t *input)
{
    assert_int_equal(ops_json_set_text(input, "secret_code", code), OPS_OK);
    return input;
}

static int start_service(void **state)
{
    struct service *service = test_calloc(1, sizeof *service);
    const struct ops_sample_size size = {3, 3000, 120};
    struct ops_sample_counts counts;
    bool rotated;
    atomic_store(&troubles, 0);
    scratch_make(service->directory);
    assert_int_equal(ops_memory_clock_new(INT64_C(1795491600000), &service->clock), OPS_OK);
    service->config = (struct ops_engine_config){.data_dir = service->directory,
                                                 .clock = service->clock,
                                                 .random = ops_system_random(),
                                                 .hasher = ops_memory_hasher()};
    assert_int_equal(ops_engine_open(&service->config, &service->engine, NULL), OPS_OK);
    assert_int_equal(ops_sample_fill(service->directory, &service->engine.manifest, &size, &counts, NULL), OPS_OK);
    assert_int_equal(ops_secret_set(service->engine.app, NULL, code, "test", &rotated, NULL), OPS_OK);
    assert_int_equal(ops_threads_start(service->engine.app, WORKERS, &log_of_troubles, &service->threads, NULL), OPS_OK);
    *state = service;
    return 0;
}

static int stop_service(void **state)
{
    struct service *service = *state;
    ops_threads_stop(service->threads);
    ops_engine_close(&service->engine);
    ops_memory_clock_free(service->clock);
    scratch_remove(service->directory);
    test_free(service);
    return 0;
}

/* Windows come and go, pings and lists are read; refusals are fine, since others do the same. */
static void *make_calls(void *context)
{
    struct service *service = context;
    for (int round = 0; round < ROUNDS; round++) {
        json_t *scheduled = invoke(service, "ops_maintenanceschedule",
                                   with_code(json_pack("{s:s, s:i, s:s}", "description", "d", "estimated_duration_seconds",
                                                       60, "scheduled_start_utc", "2026-11-25T03:00:00Z")));
        json_t *id = json_object_get(json_object_get(scheduled, "data"), "maintenance_id");
        json_decref(invoke(service, "ops_maintenancestart", with_code(json_pack("{s:O}", "maintenance_id", id))));
        json_decref(call(service, ops_operation_by_route(ops_view_of("/ops/ping")), NULL));
        json_decref(invoke(service, "ops_maintenanceend", with_code(json_pack("{s:O}", "maintenance_id", id))));
        json_decref(invoke(service, "ops_auditlist", json_pack("{s:i}", "limit", 5)));
        json_decref(invoke(service, "ops_sweep", json_object()));
        json_decref(scheduled);
    }
    return NULL;
}

static void *make_dry_runs(void *context)
{
    struct service *service = context;
    for (int round = 0; round < 3; round++)
        json_decref(invoke(service, "ops_vacuumorg", with_code(json_pack("{s:s, s:b}", "orgcode", "acme", "dry_run", 1))));
    return NULL;
}

static void pause_ms(long wait_ms)
{
    const struct timespec wait = {wait_ms / 1000, wait_ms % 1000 * 1000000};
    (void)nanosleep(&wait, NULL);
}

/* The vacuum as soon as it is over. */
static json_t *wait_for_end(struct service *service, json_t *id)
{
    for (int waited_ms = 0; waited_ms < PATIENCE_MS; waited_ms += 20) {
        json_t *envelope = invoke(service, "ops_vacuumstatus", json_pack("{s:O}", "vacuum_id", id));
        json_t *vacuum = json_incref(json_object_get(envelope, "data"));
        json_decref(envelope);
        if (vacuum && !ops_vacuum_open(vacuum))
            return vacuum;
        json_decref(vacuum);
        pause_ms(20);
    }
    fail_msg("the vacuum did not end");
    return NULL;
}

static void *read_the_manifest_anew(void *context)
{
    struct service *service = context;
    for (int round = 0; round < ROUNDS; round++) {
        struct ops_manifest_news news;
        if (ops_engine_reload_manifest(&service->engine, &service->config, &news, NULL) != OPS_OK || news.changed)
            ops_log_say(&log_of_troubles, OPS_LOG_ERROR, "test", "%s", "the manifest is not what it was");
    }
    return NULL;
}

static void a_vacuum_ends_with_true_counts_while_everybody_calls_and_the_manifest_is_read_anew(void **state)
{
    struct service *service = *state;
    pthread_t callers[CALLERS], reader;
    assert_int_equal(pthread_create(&reader, NULL, read_the_manifest_anew, service), 0);
    for (int i = 0; i < CALLERS; i++)
        assert_int_equal(pthread_create(&callers[i], NULL, i ? make_calls : make_dry_runs, service), 0);
    json_t *asked =
        invoke(service, "ops_vacuumall", with_code(json_pack("{s:s}", "confirmation_phrase", OPS_VACUUM_PHRASE)));
    json_t *id = json_object_get(json_object_get(asked, "data"), "vacuum_id");
    assert_non_null(id);
    ops_memory_clock_advance(service->clock, OPS_VACUUM_PENDING_MS + OPS_SECOND_MS);
    json_t *vacuum = wait_for_end(service, id);
    for (int i = 0; i < CALLERS; i++)
        assert_int_equal(pthread_join(callers[i], NULL), 0);
    assert_int_equal(pthread_join(reader, NULL), 0);
    const json_t *totals = json_object_get(vacuum, "totals");
    assert_string_equal(ops_json_text(vacuum, "status", ""), "completed");
    /* Rows, objects, log streams, and nothing else: the sample's own numbers. */
    assert_int_equal(ops_json_integer(totals, "deleted", 0), 3000 + 120 + 18 * 3);
    assert_int_equal(ops_json_integer(totals, "matched", 0), ops_json_integer(totals, "deleted", -1));
    json_int_t records;
    assert_int_equal(ops_audit_verify(service->engine.app, &records, NULL), OPS_OK);
    assert_int_equal(atomic_load(&troubles), 0);
    json_decref(vacuum);
    json_decref(asked);
}

/* ---- Turns ---- */

enum { GUESSERS = 6, RIGHT_ROUNDS = 5 };

struct guesser {
    struct service *service;
    struct ops_peer peer;
    pthread_t thread;
    int number;
    int answers;
};

static atomic_bool over, time_over; /* for those who guess, and then for time */

/* Made again and again until it is answered. True: it was not refused for the lock's sake. */
static bool end_window(struct service *service, const struct ops_peer *peer, const char *with)
{
    struct ops_turn turn = {.ticket = 0};
    struct ops_answer answer;
    ops_answer_init(&answer);
    do {
        json_t *input = json_pack("{s:s}", "secret_code", with);
        const struct ops_call request = {.operation = ops_operation_by_function(ops_view_of("ops_maintenanceend")),
                                         .input = input,
                                         .peer = *peer,
                                         .turn = &turn};
        ops_app_answer(service->engine.app, &request, &answer);
        json_decref(input);
        if (answer.wait_ms > 0 && turn.ticket % 7 == 3)
            break; /* some hang up */
        if (answer.wait_ms > 0)
            pause_ms(1);
    } while (answer.wait_ms > 0);
    ops_turn_leave(service->engine.app, &turn);
    bool locked = answer.status == OPS_SECRET_CODE_LOCKED;
    ops_answer_release(&answer);
    return !locked;
}

static void *guess_on(void *context)
{
    struct guesser *guesser = context;
    for (int i = 0; !atomic_load(&over); i++) {
        char with[64];
        (void)snprintf(with, sizeof with, "guess %d of %d", i, guesser->number);
        guesser->answers += end_window(guesser->service, &guesser->peer, with);
    }
    return NULL;
}

/* Much faster than ours. */
static void *let_time_pass(void *context)
{
    struct service *service = context;
    while (!atomic_load(&time_over)) {
        ops_memory_clock_advance(service->clock, 50);
        pause_ms(1);
    }
    return NULL;
}

static void a_right_code_gets_its_turn_while_many_send_wrong_ones(void **state)
{
    struct service *service = *state;
    struct guesser guessers[GUESSERS];
    const struct ops_peer own = {.kind = OPS_PEER_PROCESS, .uid = 1000, .pid = 1};
    pthread_t time;
    atomic_store(&over, false);
    atomic_store(&time_over, false);
    assert_int_equal(pthread_create(&time, NULL, let_time_pass, service), 0);
    for (int i = 0; i < GUESSERS; i++) {
        guessers[i] = (struct guesser){
            .service = service, .number = i, .peer = {.kind = OPS_PEER_PROCESS, .uid = 1000 + i % 2, .pid = 10 + i % 3}};
        assert_int_equal(pthread_create(&guessers[i].thread, NULL, guess_on, &guessers[i]), 0);
    }
    int answered = 0;
    for (int tries = 0; answered < RIGHT_ROUNDS && tries < 1000; tries++) {
        pause_ms(20);
        answered += end_window(service, &own, code);
    }
    assert_int_equal(answered, RIGHT_ROUNDS);
    atomic_store(&over, true);
    for (int i = 0; i < GUESSERS; i++)
        assert_int_equal(pthread_join(guessers[i].thread, NULL), 0);
    atomic_store(&time_over, true);
    assert_int_equal(pthread_join(time, NULL), 0);
    json_int_t records;
    assert_int_equal(ops_audit_verify(service->engine.app, &records, NULL), OPS_OK);
    assert_true(records > RIGHT_ROUNDS);
    assert_int_equal(atomic_load(&troubles), 0);
}

int main(void)
{
    ops_mem_use(NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_vacuum_ends_with_true_counts_while_everybody_calls_and_the_manifest_is_read_anew,
                                        start_service, stop_service),
        cmocka_unit_test_setup_teardown(a_right_code_gets_its_turn_while_many_send_wrong_ones, start_service, stop_service),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
