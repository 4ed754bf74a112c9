/* Who watches a loop tells one that stands still from one that waits for somebody, and from a process that was asleep. */
#include "base/pulse.h"

#include "ports/log_sink.h"
#include "ports/store.h"
#include "support/cmocka_all.h"

#include <pthread.h>

enum { SECOND_MS = 1000, PATIENCE_MS = 60 * SECOND_MS };

static struct ops_pulse pulse;
static struct ops_watch watch;
static int64_t now_ms;

static int begin(void **state)
{
    (void)state;
    atomic_store(&pulse.beat_count, 0);
    atomic_store(&pulse.away, false);
    now_ms = 5000;
    ops_watch_init(&watch, PATIENCE_MS, now_ms);
    ops_pulse_of_thread(&pulse);
    return 0;
}

static int end(void **state)
{
    (void)state;
    ops_pulse_of_thread(NULL);
    return 0;
}

/* Looks every second, for so long; what the last look saw. */
static bool look_for(int64_t duration_ms)
{
    bool goes_round = false;
    for (int64_t until_ms = now_ms + duration_ms; now_ms < until_ms;) {
        now_ms += SECOND_MS;
        goes_round = ops_watch_look(&watch, &pulse, now_ms);
    }
    return goes_round;
}

static void a_loop_that_gives_no_sign_stands_still_when_patience_is_over_and_not_before(void **state)
{
    (void)state;
    ops_pulse_beat();
    assert_true(look_for(SECOND_MS));
    assert_true(look_for(PATIENCE_MS));
    assert_false(look_for(SECOND_MS));
    assert_false(look_for(10 * PATIENCE_MS));
    ops_pulse_beat();
    assert_true(look_for(SECOND_MS));
}

static void a_loop_that_beats_goes_round(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        ops_pulse_beat();
        assert_true(look_for(PATIENCE_MS / 2));
    }
}

static void a_loop_that_never_began_stands_still(void **state)
{
    (void)state;
    assert_true(look_for(PATIENCE_MS));
    assert_false(look_for(SECOND_MS));
}

static void a_loop_that_is_away_may_take_any_time(void **state)
{
    (void)state;
    ops_pulse_away();
    assert_true(look_for(100 * PATIENCE_MS));
    ops_pulse_back();
    assert_true(look_for(PATIENCE_MS));
    assert_false(look_for(2 * SECOND_MS));
}

static void a_process_that_was_asleep_gives_the_loop_its_time_anew(void **state)
{
    (void)state;
    ops_pulse_beat();
    assert_true(look_for(SECOND_MS));
    now_ms += 100 * PATIENCE_MS;
    assert_true(look_for(SECOND_MS));
    assert_true(look_for(PATIENCE_MS - SECOND_MS));
    assert_false(look_for(2 * SECOND_MS));
}

static void *beat_elsewhere(void *context)
{
    (void)context;
    ops_pulse_beat();
    ops_pulse_away();
    return NULL;
}

static void what_other_threads_do_is_not_its_sign_of_life(void **state)
{
    (void)state;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, beat_elsewhere, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(atomic_load(&pulse.beat_count), 0);
    assert_false(atomic_load(&pulse.away));
}

/* ---- at the ports ---- */

static int calls;

static enum ops_status note_call(void)
{
    calls++;
    assert_true(atomic_load(&pulse.away));
    return OPS_STORE_UNAVAILABLE;
}

static enum ops_status get(struct ops_store *self, const char *pk, const char *sk, json_t **ret_doc, struct ops_error *error)
{
    (void)self, (void)pk, (void)sk, (void)ret_doc, (void)error;
    return note_call();
}

static enum ops_status query(struct ops_store *self, const struct ops_query *asked, struct ops_store_page *ret_page,
                             struct ops_error *error)
{
    (void)self, (void)asked, (void)ret_page, (void)error;
    return note_call();
}

static enum ops_status transact(struct ops_store *self, const struct ops_txn *txn, struct ops_error *error)
{
    (void)self, (void)txn, (void)error;
    return note_call();
}

static enum ops_status append(struct ops_log_sink *self, const struct ops_log_event *events, size_t count,
                              struct ops_error *error)
{
    (void)self, (void)events, (void)count, (void)error;
    return note_call();
}

static void who_waits_for_the_store_or_the_log_group_is_away_and_comes_back(void **state)
{
    (void)state;
    static const struct ops_store_ops store_ops = {.get = get, .query = query, .transact = transact};
    static const struct ops_log_sink_ops sink_ops = {.append = append};
    struct ops_store store = {&store_ops};
    struct ops_log_sink sink = {&sink_ops};
    struct ops_store_page page;
    struct ops_txn txn;
    json_t *doc;
    const struct ops_query asked = {.pk = "p", .limit = 1};
    calls = 0;
    ops_txn_init(&txn, "01ARZ3NDEKTSV4RRFFQ69G5FAV");
    assert_int_equal(ops_store_get(&store, "p", "s", &doc, NULL), OPS_STORE_UNAVAILABLE);
    assert_false(atomic_load(&pulse.away));
    assert_int_equal(ops_store_query(&store, &asked, &page, NULL), OPS_STORE_UNAVAILABLE);
    assert_false(atomic_load(&pulse.away));
    assert_int_equal(ops_store_transact(&store, &txn, NULL), OPS_STORE_UNAVAILABLE);
    assert_false(atomic_load(&pulse.away));
    assert_int_equal(ops_log_sink_append(&sink, NULL, 1, NULL), OPS_STORE_UNAVAILABLE);
    assert_false(atomic_load(&pulse.away));
    assert_int_equal(calls, 4);
    assert_true(atomic_load(&pulse.beat_count) >= 4);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_loop_that_gives_no_sign_stands_still_when_patience_is_over_and_not_before),
        CASE(a_loop_that_beats_goes_round),
        CASE(a_loop_that_never_began_stands_still),
        CASE(a_loop_that_is_away_may_take_any_time),
        CASE(a_process_that_was_asleep_gives_the_loop_its_time_anew),
        CASE(what_other_threads_do_is_not_its_sign_of_life),
        CASE(who_waits_for_the_store_or_the_log_group_is_away_and_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
