/* A store that has parted from its delivered audit log: found, held, and accepted. */
#include "support/world.h"

#include "adapters/memory/log.h"
#include "adapters/memory/log_sink.h"
#include "adapters/memory/store.h"
#include "app/audit.h"
#include "app/delivered.h"
#include "app/keys.h"
#include "app/torn.h"
#include "app/trail.h"
#include "base/json.h"
#include "base/mem.h"
#include "support/alloc_fault.h"
#include "support/cmocka_all.h"

#include <stdio.h>

static struct world world;
static struct ops_store *original;
static struct ops_store *older; /* a copy that was put back */
static struct ops_log_sink *other_log;
static struct ops_log *told;

static int set_up(void **state)
{
    (void)state;
    world_init(&world, NULL);
    original = world.real.store;
    assert_int_equal(ops_memory_log_new(&told), OPS_OK);
    ops_app_log_to(world.app, told);
    older = NULL;
    other_log = NULL;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world.real.store = original;
    world_release(&world);
    ops_store_release(older);
    ops_log_sink_release(other_log);
    ops_memory_log_free(told);
    return 0;
}

static void make_records(int count)
{
    char id[OPS_ULID_SIZE];
    for (int i = 0; i < count; i++)
        world_schedule(&world, 3600, id);
}

static void deliver_all(void)
{
    size_t count = 1;
    while (count > 0)
        assert_int_equal(ops_audit_deliver(world.app, &count, NULL), OPS_OK);
}

static size_t log_size(void)
{
    return ops_memory_log_sink_count(world.ports.inner.log_sink);
}

/* ---- a copy of the store ---- */

static void copy_partition(struct ops_store *from, struct ops_store *to, const char *pk)
{
    char after[OPS_STORE_KEY_SIZE] = "";
    for (bool more = true; more;) {
        struct ops_store_page page = {0};
        const struct ops_query query = {.pk = pk, .after_sk = after[0] ? after : NULL, .limit = 1};
        assert_int_equal(ops_store_query(from, &query, &page, NULL), OPS_OK);
        if (json_array_size(page.docs) > 0) {
            struct ops_txn txn;
            char token[OPS_ULID_SIZE];
            ops_random_ulid(world.real.random, world_now_ms(&world), token);
            ops_txn_init(&txn, token);
            ops_txn_put(&txn, pk, page.last_sk, ops_json_copy(json_array_get(page.docs, 0)));
            assert_int_equal(ops_store_transact(to, &txn, NULL), OPS_OK);
            ops_txn_release(&txn);
            memcpy(after, page.last_sk, sizeof after);
        }
        more = page.more;
        ops_store_page_release(&page);
    }
}

static struct ops_store *copy_of_store(void)
{
    static const char *const pks[] = {OPS_PK_SINGLETON,         OPS_PK_MAINTENANCE, OPS_PK_MAINTENANCE_OPEN,
                                      OPS_PK_MAINTENANCE_ENDED, OPS_PK_VACUUM,      OPS_PK_VACUUM_OPEN,
                                      OPS_PK_VACUUM_ORDER,      OPS_PK_AUDIT};
    struct ops_store *copy = NULL;
    assert_int_equal(ops_memory_store_new(&copy), OPS_OK);
    for (size_t i = 0; i < sizeof pks / sizeof pks[0]; i++)
        copy_partition(world.ports.inner.store, copy, pks[i]);
    return copy;
}

/* As when serve is started on it. */
static void put_back(struct ops_store *store)
{
    world.real.store = world.ports.inner.store = store;
    assert_int_equal(ops_app_check_trail(world.app, NULL), OPS_OK);
}

/* 5 records, of which the older store has 3 (the secret code and two windows). */
static void roll_back(void)
{
    make_records(2);
    deliver_all();
    older = copy_of_store();
    make_records(2);
    deliver_all();
    put_back(older);
}

/* ---- what is found ---- */

static void expect_state(size_t last, enum ops_delivered_state state, json_int_t first_seq, json_int_t store_seq,
                         json_int_t log_seq, size_t count)
{
    struct ops_delivered delivered;
    assert_int_equal(ops_delivered_compare(world.app, last, &delivered, NULL), OPS_OK);
    if (delivered.state != state || delivered.foreign.first_seq != first_seq || delivered.store_seq != store_seq ||
        delivered.foreign.last_seq != log_seq || delivered.foreign.count != count)
        fail_msg("%s: %zu from %d to %d, the store ends with %d", ops_delivered_state_name(delivered.state),
                 delivered.foreign.count, (int)delivered.foreign.first_seq, (int)delivered.foreign.last_seq,
                 (int)delivered.store_seq);
    ops_delivered_release(&delivered);
}

static void expect_words(const char *words)
{
    struct ops_delivered delivered;
    char text[OPS_ERROR_TEXT_SIZE];
    assert_int_equal(ops_delivered_compare(world.app, 0, &delivered, NULL), OPS_OK);
    ops_delivered_words(&delivered, text);
    if (words[0] ? !strstr(text, words) : text[0])
        fail_msg("'%s' is not in '%s'", words, text);
    ops_delivered_release(&delivered);
}

static int told_times(const char *event)
{
    char *text = NULL;
    int count = 0;
    assert_int_equal(ops_memory_log_read(told, &text), OPS_OK);
    for (const char *at = text; (at = strstr(at, event)); at++)
        count++;
    ops_mem_free(text);
    return count;
}

static void what_was_delivered_and_nothing_else_agrees(void **state)
{
    (void)state;
    expect_words("");
    make_records(3);
    expect_words("");
    deliver_all();
    make_records(2); /* that wait */
    expect_words("");
    expect_state(OPS_TRAIL_TAIL, OPS_DELIVERED_AGREES, 0, 6, 0, 0);
    assert_false(ops_trail_held(world.app));
}

static void an_older_store_is_behind_and_one_that_went_on_differs(void **state)
{
    (void)state;
    roll_back();
    expect_state(0, OPS_DELIVERED_BEHIND, 4, 3, 5, 2);
    expect_state(OPS_TRAIL_TAIL, OPS_DELIVERED_BEHIND, 4, 3, 5, 2);
    expect_state(1, OPS_DELIVERED_BEHIND, 5, 3, 5, 1);
    expect_words("Audit record 4 was delivered to the log and is missing from the store, which ends with record 3; the log "
                 "goes on to record 5. The first that is missing is event 4 of memory.");
    make_records(1);
    expect_state(0, OPS_DELIVERED_DIFFERS, 4, 4, 5, 2);
    expect_words("Audit record 4 in the store is not the one that was delivered to the log");
}

static void a_store_that_was_begun_anew_is_no_end_of_the_old_one(void **state)
{
    (void)state;
    make_records(2);
    deliver_all();
    assert_int_equal(ops_memory_store_new(&older), OPS_OK);
    put_back(older);
    expect_state(0, OPS_DELIVERED_BEHIND, 1, 0, 3, 3);
    assert_true(ops_trail_held(world.app));
}

/* ---- logs that are not what they were ---- */

/* The delivered events with one left out, another one's text in its place, or all of them twice. */
static void log_without(size_t left_out, const char *instead, int times)
{
    assert_int_equal(ops_memory_log_sink_new(&other_log), OPS_OK);
    for (int time = 0; time < times; time++)
        for (size_t i = 0; i < ops_memory_log_sink_count(world.real.log_sink); i++) {
            struct ops_log_event event = ops_memory_log_sink_event(world.real.log_sink, i);
            if (i == left_out && !instead)
                continue;
            if (i == left_out)
                event.text = ops_view_of(instead);
            assert_int_equal(ops_log_sink_append(other_log, &event, 1, NULL), OPS_OK);
        }
    world.ports.inner.log_sink = other_log;
}

static void a_record_that_is_missing_from_the_log_is_named(void **state)
{
    for (size_t i = 0; i < 5; i++) {
        char words[80];
        make_records(4);
        deliver_all();
        log_without(i, NULL, 1);
        (void)snprintf(words, sizeof words, "Audit record %zu is missing from the delivered log", i + 1);
        expect_words(words);
        assert_false(ops_trail_held(world.app)); /* nothing would be told a second time */
        assert_int_equal(tear_down(state), 0);
        assert_int_equal(set_up(state), 0);
    }
    make_records(4);
    deliver_all();
    assert_int_equal(ops_memory_log_sink_new(&other_log), OPS_OK);
    world.ports.inner.log_sink = other_log;
    expect_words("Audit record 1 is missing from the delivered log, which ends with record 0,");
}

static void a_record_that_was_altered_in_the_log_is_named(void **state)
{
    (void)state;
    make_records(4);
    deliver_all();
    log_without(2, "{\"seq\":3,\"sha256\":\"x\",\"type\":\"maintenance.scheduled\"}", 1);
    expect_words("Audit record 3 in the store is not the one that was delivered to the log");
}

static struct ops_view text_of(size_t index)
{
    return ops_memory_log_sink_event(world.real.log_sink, index).text;
}

static void put(struct ops_view text)
{
    const struct ops_log_event event = {0, text};
    assert_int_equal(ops_log_sink_append(other_log, &event, 1, NULL), OPS_OK);
}

/* What is appended from now on stands for the delivered log. */
static void other_log_begin(void)
{
    ops_log_sink_release(other_log);
    other_log = NULL;
    assert_int_equal(ops_memory_log_sink_new(&other_log), OPS_OK);
    world.ports.inner.log_sink = other_log;
}

static void put_from(size_t first, size_t end)
{
    for (size_t i = first; i < end; i++)
        put(text_of(i));
}

static void put_torn(size_t index, size_t length)
{
    put(ops_view(text_of(index).data, length));
}

static void what_came_twice_and_empty_lines_are_as_they_should_be(void **state)
{
    (void)state;
    make_records(4);
    deliver_all();
    log_without(SIZE_MAX, NULL, 2);
    expect_words("");
    put(ops_view_of(""));
    expect_words("");
    expect_state(OPS_TRAIL_TAIL, OPS_DELIVERED_AGREES, 0, 5, 0, 0);
}

/* Wherever a crash cuts a batch off, also twice and at its first record, and also while the log ends there. */
static void what_a_crash_has_torn_and_came_again_is_as_it_should_be(void **state)
{
    (void)state;
    make_records(4);
    deliver_all();
    for (size_t length = 1; length < text_of(3).length; length += 7) {
        other_log_begin();
        put_from(0, 3);
        put_torn(3, length);
        put_from(1, 2); /* the batch begins at record 2 again, */
        put_torn(2, length < text_of(2).length ? length : 1);
        put_torn(1, 9);
        put_from(1, 5);
        expect_words("");
        expect_state(OPS_TRAIL_TAIL, OPS_DELIVERED_AGREES, 0, 5, 0, 0);
        put_torn(4, 20); /* it is known to be there already */
        expect_words("In the delivered log event 12 of memory is no audit record: it is not one JSON object");
    }
}

static void a_record_that_is_being_written_is_as_it_should_be(void **state)
{
    (void)state;
    make_records(4);
    deliver_all();
    make_records(2); /* that wait: 6 and 7 */
    json_t *records = world_partition(&world, OPS_PK_AUDIT);
    for (size_t i = 5; i < 7; i++) {
        struct ops_buf text;
        ops_buf_init(&text, OPS_STORE_DOC_MAX_BYTES);
        assert_int_equal(ops_json_canonical(json_array_get(records, i), &text), OPS_OK);
        for (size_t length = 1; length <= text.length; length += 11) {
            other_log_begin();
            put_from(0, 5);
            put(ops_view(text.data, length));
            expect_words("");
        }
        ops_buf_release(&text);
    }
    json_decref(records);
}

/* What a reader of JSON, or a person, might take for a record, or for anything. */
static void whatever_else_is_in_the_log_is_named_with_its_place_and_the_reason(void **state)
{
    static const struct {
        const char *find, *instead; /* in record 4's text, or all of it */
        const char *reason;
    } cases[] = {
        {"\"seq\":4", "\"seq\":\"4\"", "is no audit record: it has no record's number"},
        {"\"seq\":4", "\"seq\":4.5", "is no audit record: it has no record's number"},
        {"\"seq\":4", "\"seq\":4.0", "is no audit record: it has no record's number"},
        {"\"seq\":4", "\"seq\":0", "is no audit record: it has no record's number"},
        {"\"seq\":4", "\"seq\":-1", "is no audit record: it has no record's number"},
        {"\"seq\":4", "\"Seq\":4", "is no audit record: it has no record's number"},
        {"\"seq\":4", "\"seq\":4,\"seq\":4", "is no audit record: it is not one JSON object"},
        {"\"seq\":4", "\"seq\":9223372036854775808", "is no audit record: it is not one JSON object"},
        {"\"actor\":\"ann\"", "\"actor\":\"eve\",\"actor\":\"ann\"", "is no audit record: it is not one JSON object"},
        {"\"actor\":\"ann\"", "\"actor\":\"ann\",\"actor\":\"eve\"", "is no audit record: it is not one JSON object"},
        {"\"actor\":\"ann\"", "\"actor\": \"ann\"", "is no audit record as g3nops writes it"},
        {"\"actor\":\"ann\"", "\"\\u0061ctor\":\"ann\"", "is no audit record as g3nops writes it"},
        {"\"actor\":\"ann\"", "\"zz\":\"ann\"", "is no audit record as g3nops writes it"},
        {"\"actor\":\"ann\"", "\"actor\":\"ann\\u0000\"", "is no audit record: it is not one JSON object"},
        {"{", "[{", "is no audit record: it is not one JSON object"},
        {"{", "x{", "is no audit record: it is not one JSON object"},
        {"{", " {", "is no audit record as g3nops writes it"},
        {"{", "{}{", "is no audit record: it is not one JSON object"},
        {NULL, "hello", "is no audit record: it is not one JSON object"},
        {NULL, "{}", "is no audit record: it has no record's number"},
        {NULL, "[1]", "is no audit record: it is not one JSON object"},
        {NULL, "null", "is no audit record: it is not one JSON object"},
        {NULL, " ", "is no audit record: it is not one JSON object"},
        {NULL, "\r", "is no audit record: it is not one JSON object"},
        {NULL, "{\"actor\":\"eve", "is no audit record: it is not one JSON object"},
    };
    (void)state;
    make_records(5);
    deliver_all();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ops_buf forged;
        struct ops_view real = text_of(3);
        char words[160];
        ops_buf_init(&forged, OPS_STORE_DOC_MAX_BYTES);
        const char *at = cases[i].find ? strstr(real.data, cases[i].find) : NULL;
        if (at)
            ops_buf_append(&forged, real.data, (size_t)(at - real.data));
        ops_buf_append_text(&forged, cases[i].instead);
        if (at)
            ops_buf_append_text(&forged, at + strlen(cases[i].find));
        (void)snprintf(words, sizeof words,
                       "In the delivered log event 5 of memory %s. Lines of it that are not the store's records: 1.",
                       cases[i].reason);
        other_log_begin();
        put_from(0, 4);
        put(ops_buf_view(&forged));
        put_from(4, 6);
        expect_words(words);
        expect_state(OPS_TRAIL_TAIL, OPS_DELIVERED_DIFFERS, 0, 6, 0, 1);
        ops_buf_release(&forged);
    }
}

/* The smallest of random numbers will do. */
static uint32_t next_of(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

/* Any byte of any line changed, left out or put in: it is told. */
static void a_change_of_any_byte_of_the_log_is_found(void **state)
{
    enum { ROUNDS = 3000 };
    uint32_t seed = 20261130;
    (void)state;
    make_records(4);
    deliver_all();
    for (int round = 0; round < ROUNDS; round++) {
        struct ops_delivered delivered;
        struct ops_buf changed;
        size_t index = next_of(&seed) % 5;
        struct ops_view text = text_of(index);
        size_t at = next_of(&seed) % text.length;
        unsigned kind = next_of(&seed) % 3; /* changed, left out, put in */
        char byte = (char)(next_of(&seed) % 256);
        if (byte == '\n' || (kind == 0 && byte == text.data[at]))
            continue;
        ops_buf_init(&changed, OPS_STORE_DOC_MAX_BYTES);
        ops_buf_append(&changed, text.data, at);
        if (kind != 1)
            ops_buf_append_char(&changed, byte);
        ops_buf_append(&changed, text.data + at + (kind != 2), text.length - at - (kind != 2));
        other_log_begin();
        put_from(0, index);
        put(ops_buf_view(&changed));
        put_from(index + 1, 5);
        assert_int_equal(ops_delivered_compare(world.app, OPS_TRAIL_TAIL, &delivered, NULL), OPS_OK);
        if (delivered.state != OPS_DELIVERED_DIFFERS && delivered.state != OPS_DELIVERED_BEHIND)
            fail_msg("round %d: '%.*s' passes", round, (int)changed.length, changed.data);
        ops_delivered_release(&delivered);
        ops_buf_release(&changed);
    }
}

static void accept_strange(const char *const *lines, size_t count)
{
    other_log_begin();
    put_from(0, ops_memory_log_sink_count(world.real.log_sink));
    for (size_t i = 0; i < count; i++)
        put(ops_view_of(lines[i]));
    assert_int_equal(ops_app_check_trail(world.app, NULL), OPS_OK);
    assert_true(ops_trail_held(world.app));
    json_t *data = world_do(&world, "ops_auditacceptrollback", "{'reason': 'a note of ours'}", "ok");
    assert_int_equal(ops_json_integer(data, "log_records", 0), count);
    assert_int_equal(ops_json_integer(data, "first_seq", -1), 0);
    json_decref(data);
    assert_false(ops_trail_held(world.app));
    expect_words("");
    for (int i = 0; i < 3; i++) {
        deliver_all();
        expect_words("");
        make_records(2);
    }
}

struct fates {
    size_t count;
    enum ops_line_fate of[8];
};

static enum ops_status note_fate(void *context, const struct ops_delivered_line *line, enum ops_line_fate fate)
{
    struct fates *fates = context;
    assert_true(line->text.length > 0 && fates->count < sizeof fates->of / sizeof fates->of[0]);
    fates->of[fates->count++] = fate;
    return OPS_OK;
}

static enum ops_status read_torn(struct fates *fates)
{
    static const char *const lines[] = {"{\"seq\":1}", "{\"se", "x", "{\"seq\":2}", "{\"s", "{\"seq\":\"3"};
    static const struct ops_log_place place = {.stream = "s", .noun = "line", .number = 1};
    struct ops_torn torn = {.on_line = note_fate, .context = fates};
    enum ops_status status = OPS_OK;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0] && status == OPS_OK; i++) {
        struct ops_delivered_line line;
        status = ops_delivered_line_read(&place, ops_view_of(lines[i]), &line);
        if (status == OPS_OK)
            status = ops_torn_add(&torn, &line);
    }
    if (status == OPS_OK)
        status = ops_torn_end(&torn);
    ops_torn_release(&torn);
    return status;
}

static void memory_that_runs_out_is_told_and_leaks_nothing(void **state)
{
    static const enum ops_line_fate expected[] = {OPS_LINE_WHOLE, OPS_LINE_TORN, OPS_LINE_WHOLE,
                                                  OPS_LINE_WHOLE, OPS_LINE_OPEN, OPS_LINE_OPEN};
    (void)state;
    bool hit = true;
    for (size_t n = 1; hit; n++) {
        struct fates fates = {.count = 0};
        alloc_fault_install(n);
        enum ops_status status = read_torn(&fates);
        hit = alloc_fault_hit();
        assert_int_equal(alloc_fault_live_count(), 0);
        alloc_fault_remove();
        assert_int_equal(status, hit ? OPS_NO_MEMORY : OPS_OK);
        for (size_t i = 0; i < fates.count; i++)
            assert_int_equal(fates.of[i], expected[i]);
        assert_true(hit || fates.count == sizeof expected / sizeof expected[0]);
    }
}

static void what_is_no_record_is_held_and_can_be_accepted(void **state)
{
    static const char *const strange[] = {"hello", "{\"seq\":\"4\"}"};
    (void)state;
    make_records(3);
    deliver_all();
    accept_strange(strange, 2);
    assert_int_equal(told_times("event=audit.differs "), 1);
    struct ops_log_sink *accepted = other_log;
    size_t count = ops_memory_log_sink_count(accepted);
    other_log = NULL;
    other_log_begin();
    for (size_t i = 0; i < count; i++)
        put(i == 5 ? ops_view_of("{\"seq\":\"5\"}") : ops_memory_log_sink_event(accepted, i).text);
    expect_words("Lines of it that are not the store's records: 2."); /* it is not what was accepted */
    ops_log_sink_release(accepted);
}

/* A torn line of a record that was lost, once it is accepted, looks like the beginning of whatever came behind it. */
static void a_torn_line_of_a_lost_record_is_accepted_for_good(void **state)
{
    static const char *const torn[] = {"{\"actor\":"};
    (void)state;
    make_records(3);
    deliver_all();
    accept_strange(torn, 1);
}

/* ---- what is held ---- */

static void nothing_is_delivered_over_what_differs(void **state)
{
    (void)state;
    roll_back();
    size_t before = log_size();
    make_records(3);
    world_run(&world, OPS_MINUTE_MS);
    assert_int_equal(log_size(), before);
    assert_int_equal(told_times("event=audit.behind "), 1);
}

static json_t *accept_it(void)
{
    return world_do(&world, "ops_auditacceptrollback", "{'reason': 'Restored last night'}", "ok");
}

static json_t *stat_of(void)
{
    return world_read(&world, "/ops/stat", "{}", "ok");
}

static void stat_says_where_they_part(void **state)
{
    (void)state;
    json_t *data = stat_of();
    assert_string_equal(ops_json_text(data, "status", ""), "ok");
    assert_null(json_object_get(data, "audit"));
    json_decref(data);
    roll_back();
    data = stat_of();
    json_t *expected = json_pack("{s:s, s:i, s:i, s:i}", "status", "behind", "first_seq", 4, "store_seq", 3, "log_seq", 5);
    assert_string_equal(ops_json_text(data, "status", ""), "degraded");
    assert_true(json_equal(json_object_get(data, "audit"), expected));
    json_decref(expected);
    json_decref(data);
}

static void a_vacuum_is_refused_with_what_is_the_matter_and_all_else_goes_on(void **state)
{
    char window[OPS_ULID_SIZE], payload[80];
    (void)state;
    roll_back();
    json_t *answer = world_operate(&world, "ops_vacuumall", "{'confirmation_phrase': 'VACUUM ALL DATA PERMANENTLY'}");
    assert_string_equal(world_tag(answer), "store-unavailable");
    assert_string_equal(ops_json_text(world_details(answer), "audit", ""), "behind");
    assert_int_equal(ops_json_integer(world_details(answer), "first_seq", 0), 4);
    assert_int_equal(ops_json_integer(world_details(answer), "log_seq", 0), 5);
    json_decref(answer);
    json_decref(world_do(&world, "ops_vacuumorg", "{'orgcode': 'acme'}", "store-unavailable"));
    json_decref(world_do(&world, "ops_vacuumorg", "{'orgcode': 'acme', 'dry_run': true}", "ok"));
    world_schedule(&world, 3600, window);
    (void)snprintf(payload, sizeof payload, "{'maintenance_id': '%s'}", window);
    json_decref(world_do(&world, "ops_maintenancestart", payload, "ok"));
    json_decref(world_do(&world, "ops_maintenanceend", "{}", "ok"));
    json_decref(world_do(&world, "ops_auditlist", "{}", "ok"));
}

/* The store knows the vacuum as pending; that it was cancelled, only the log knows. */
static void a_vacuum_that_the_older_store_knows_as_pending_does_not_start_and_can_be_cancelled(void **state)
{
    char id[OPS_ULID_SIZE], payload[80];
    (void)state;
    world_vacuum_all(&world, id);
    deliver_all();
    older = copy_of_store();
    (void)snprintf(payload, sizeof payload, "{'vacuum_id': '%s'}", id);
    json_decref(world_do(&world, "ops_vacuumcancel", payload, "ok"));
    deliver_all();
    put_back(older);
    world_run(&world, 20 * OPS_MINUTE_MS);
    json_t *vacuum = world_vacuum(&world, id);
    assert_string_equal(ops_json_text(vacuum, "status", ""), "pending");
    json_decref(vacuum);
    json_decref(world_do(&world, "ops_vacuumcancel", payload, "ok")); /* its five minutes are long over */
    json_decref(accept_it());
    world_run(&world, 20 * OPS_MINUTE_MS);
    assert_int_equal(world.ports.removed_count, 0);
}

static void a_vacuum_that_the_older_store_knows_as_running_removes_nothing_more(void **state)
{
    char id[OPS_ULID_SIZE];
    (void)state;
    world_vacuum_all(&world, id);
    world_pass(&world, 5 * OPS_MINUTE_MS);
    struct ops_sweep_result result;
    assert_int_equal(ops_app_sweep(world.app, &result, NULL), OPS_OK);
    assert_int_equal(result.vacuums_started, 1);
    older = copy_of_store();
    make_records(1);
    deliver_all();
    put_back(older);
    size_t before = world.ports.removed_count;
    world_run(&world, 10 * OPS_MINUTE_MS);
    assert_int_equal(world.ports.removed_count, before);
    json_decref(world_do(&world, "ops_auditacceptrollback", "{'reason': 'looked at it'}", "ok"));
    world_settle(&world, OPS_HOUR_MS);
    json_t *vacuum = world_vacuum(&world, id);
    assert_string_equal(ops_json_text(vacuum, "status", ""), "completed");
    json_decref(vacuum);
    assert_true(world.ports.removed_count > before);
}

/* Nobody has looked yet: whoever is first to start something looks. */
static void a_new_process_looks_before_its_first_vacuum(void **state)
{
    char id[OPS_ULID_SIZE], payload[80];
    const struct ops_build build = {0, 1, "x"};
    struct ops_app *other = NULL;
    struct ops_sweep_result result;
    (void)state;
    world_vacuum_all(&world, id);
    deliver_all();
    older = copy_of_store();
    (void)snprintf(payload, sizeof payload, "{'vacuum_id': '%s'}", id);
    json_decref(world_do(&world, "ops_vacuumcancel", payload, "ok"));
    deliver_all();
    world.real.store = world.ports.inner.store = older;
    world_pass(&world, OPS_HOUR_MS);
    assert_int_equal(ops_app_new(&world.ports.outer, &world.manifest, &build, &other), OPS_OK);
    assert_int_equal(ops_app_sweep(other, &result, NULL), OPS_OK);
    assert_int_equal(result.vacuums_started, 0);
    assert_true(ops_trail_held(other));
    ops_app_free(other);
}

static struct port_fault unreadable(void *context, enum port_call call)
{
    (void)context;
    return (struct port_fault){call == CALL_SINK_READ ? OPS_STORE_UNAVAILABLE : OPS_OK, false};
}

static void before_the_log_was_read_once_nothing_is_delivered_and_no_vacuum_may_start(void **state)
{
    char id[OPS_ULID_SIZE], why[OPS_TRAIL_WORDS_SIZE];
    (void)state;
    size_t count;
    world.ports.on_call = unreadable;
    make_records(1);
    assert_int_equal(ops_audit_deliver(world.app, &count, NULL), OPS_STORE_UNAVAILABLE);
    assert_int_equal(log_size(), 0);
    world_vacuum_all(&world, id);
    assert_false(ops_trail_may_vacuum(world.app));
    assert_false(ops_trail_held(world.app)); /* it can be asked for */
    assert_true(ops_trail_keeps_seconds(world.app, why) > 0);
    world.ports.on_call = NULL;
    deliver_all();
    assert_true(ops_trail_may_vacuum(world.app));
    assert_int_equal(ops_trail_keeps_seconds(world.app, why), 0);
    world.ports.on_call = unreadable; /* later it delays delivery and no more */
    assert_true(ops_trail_may_vacuum(world.app));
    assert_int_equal(log_size(), 3);
}

/* Nobody has told the app. */
static void a_store_that_is_put_back_under_a_running_app_is_found_before_the_next_delivery(void **state)
{
    (void)state;
    make_records(2);
    deliver_all();
    older = copy_of_store();
    make_records(2);
    deliver_all();
    world.ports.inner.store = older;
    make_records(1);
    size_t before = log_size();
    deliver_all();
    assert_int_equal(log_size(), before);
    assert_true(ops_trail_held(world.app));
    assert_int_equal(told_times("event=audit.differs "), 1);
}

/* ---- accepting it ---- */

static json_t *whole_of(void)
{
    struct ops_delivered delivered;
    assert_int_equal(ops_delivered_compare(world.app, 0, &delivered, NULL), OPS_OK);
    char words[OPS_ERROR_TEXT_SIZE];
    ops_delivered_words(&delivered, words);
    assert_string_equal(words, "");
    json_t *accepted = json_incref(delivered.accepted);
    ops_delivered_release(&delivered);
    return accepted;
}

static void accepting_needs_the_code_and_a_reason(void **state)
{
    (void)state;
    roll_back();
    json_t *answer = world_invoke(&world, "ops_auditacceptrollback", "{'reason': 'x'}");
    assert_string_equal(world_tag(answer), "secret-code-required");
    json_decref(answer);
    answer = world_operate(&world, "ops_auditacceptrollback", "{}");
    assert_string_equal(world_tag(answer), "missing-field");
    assert_string_equal(ops_json_text(world_details(answer), "field", ""), "reason");
    json_decref(answer);
    assert_true(ops_trail_held(world.app));
}

static void where_nothing_has_parted_nothing_is_accepted(void **state)
{
    (void)state;
    make_records(2);
    deliver_all();
    json_t *data = accept_it();
    assert_true(json_is_false(json_object_get(data, "accepted")));
    assert_int_equal(world_audit_count(&world, "audit.rollback_accepted"), 0);
    json_decref(data);
}

static void what_was_accepted_is_in_the_trail_and_in_the_log_and_is_no_clean_one(void **state)
{
    char id[OPS_ULID_SIZE];
    (void)state;
    roll_back();
    make_records(1); /* 4, another one than the log's */
    json_t *data = accept_it();
    assert_true(json_is_true(json_object_get(data, "accepted")));
    assert_int_equal(ops_json_integer(data, "seq", 0), 5);
    json_decref(data);
    assert_false(ops_trail_held(world.app));
    json_t *breaks = whole_of(); /* before it is delivered */
    assert_int_equal(json_array_size(breaks), 1);
    json_decref(breaks);
    expect_state(OPS_TRAIL_TAIL, OPS_DELIVERED_AGREES, 0, 5, 0, 0);
    deliver_all();
    assert_int_equal(log_size(), 5 + 2);
    breaks = whole_of();
    json_t *expected = json_pack("[{s:i, s:i, s:i, s:i}]", "seq", 5, "first_seq", 4, "last_seq", 5, "count", 2);
    assert_true(json_equal(breaks, expected));
    json_decref(expected);
    json_decref(breaks);
    expect_state(OPS_TRAIL_TAIL, OPS_DELIVERED_AGREES, 0, 5, 0, 0);
    expect_state(2, OPS_DELIVERED_AGREES, 0, 5, 0, 0);
    expect_state(3, OPS_DELIVERED_AGREES, 0, 5, 0, 0); /* one of the two lost ones is cut off */
    world_vacuum_all(&world, id);
    json_t *records = world_partition(&world, OPS_PK_AUDIT);
    const json_t *record = json_array_get(records, 4), *lost = json_object_get(record, "data");
    assert_string_equal(ops_json_text(record, "type", ""), "audit.rollback_accepted");
    assert_string_equal(ops_json_text(record, "reason", ""), "Restored last night");
    assert_string_equal(ops_json_text(record, "actor", ""), "ann");
    assert_string_equal(ops_json_text(lost, "state", ""), "differs");
    assert_int_equal(ops_json_integer(lost, "first_seq", 0), 4);
    assert_int_equal(ops_json_integer(lost, "store_seq", 0), 4);
    assert_int_equal(ops_json_integer(lost, "log_seq", 0), 5);
    assert_int_equal(ops_json_integer(lost, "log_records", 0), 2);
    assert_string_equal(ops_json_text(lost, "store_sha256", ""), ops_json_text(json_array_get(records, 3), "sha256", "-"));
    assert_int_equal(strlen(ops_json_text(lost, "log_sha256", "")), 64);
    json_decref(records);
    json_int_t count;
    assert_int_equal(ops_audit_verify(world.app, &count, NULL), OPS_OK);
    assert_int_equal(told_times("event=audit.agrees "), 1);
    assert_int_equal(told_times("event=audit.rollback_accepted "), 1);
}

static void the_lost_records_must_stay_in_the_log_as_they_were(void **state)
{
    (void)state;
    roll_back();
    json_decref(accept_it());
    deliver_all();
    log_without(4, "{\"seq\":5,\"sha256\":\"x\"}", 1);
    expect_words(
        "Audit record 4 in the store is not the one that was delivered to the log; the log has 2 records that are not "
        "in the store, of which the first is event 4 of memory."); /* 4 accepts what is not there any more */
    ops_log_sink_release(other_log);
    other_log = NULL;
    world.ports.inner.log_sink = world.real.log_sink;
    expect_words("");
    assert_int_equal(ops_memory_log_sink_new(&other_log), OPS_OK);
    for (size_t i = 0; i < log_size(); i++) {
        struct ops_log_event event = ops_memory_log_sink_event(world.real.log_sink, i);
        if (i != 3 && i != 4)
            assert_int_equal(ops_log_sink_append(other_log, &event, 1, NULL), OPS_OK);
    }
    world.ports.inner.log_sink = other_log;
    expect_words("Audit record 4 accepts records of the delivered log that are not there as they were.");
}

static void a_second_rollback_is_found_after_the_first_was_accepted(void **state)
{
    (void)state;
    roll_back();
    json_decref(accept_it());
    deliver_all();
    struct ops_store *second = copy_of_store();
    make_records(2);
    deliver_all();
    put_back(second);
    expect_state(0, OPS_DELIVERED_BEHIND, 5, 4, 6, 2);
    json_decref(accept_it());
    deliver_all();
    json_t *breaks = whole_of();
    assert_int_equal(json_array_size(breaks), 2);
    json_decref(breaks);
    put_back(older); /* and the first copy once more: what accepted it is lost, too */
    assert_true(ops_trail_held(world.app));
    ops_store_release(second);
}

static void a_rollback_by_more_than_the_end_that_is_looked_at_is_found_and_accepted_whole(void **state)
{
    enum { LOST = OPS_TRAIL_TAIL + 60 };
    (void)state;
    make_records(2);
    deliver_all();
    older = copy_of_store();
    make_records(LOST);
    deliver_all();
    put_back(older);
    assert_true(ops_trail_held(world.app));
    expect_state(0, OPS_DELIVERED_BEHIND, 4, 3, 3 + LOST, LOST);
    json_decref(accept_it());
    deliver_all();
    json_t *breaks = whole_of();
    assert_int_equal(ops_json_integer(json_array_get(breaks, 0), "count", 0), LOST);
    json_decref(breaks);
    make_records(5);
    deliver_all();
    put_back(older); /* the same store still: as at the next start */
    assert_false(ops_trail_held(world.app));
}

/* Of two processes one accepts it; the other has it from the store. */
static void what_another_process_accepted_is_known_soon(void **state)
{
    struct ops_app *other = NULL;
    const struct ops_build build = {0, 1, "x"};
    size_t count;
    (void)state;
    roll_back();
    assert_int_equal(ops_app_new(&world.ports.outer, &world.manifest, &build, &other), OPS_OK);
    assert_int_equal(ops_app_check_trail(other, NULL), OPS_OK);
    assert_true(ops_trail_held(other));
    json_decref(accept_it());
    assert_int_equal(ops_audit_deliver(other, &count, NULL), OPS_OK);
    assert_int_equal(count, 0);
    world_pass(&world, OPS_TRAIL_LOOK_AGAIN_MS);
    assert_int_equal(ops_audit_deliver(other, &count, NULL), OPS_OK);
    assert_int_equal(count, 1);
    assert_false(ops_trail_held(other));
    ops_app_free(other);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    ops_mem_use(NULL);
    const struct CMUnitTest tests[] = {
        CASE(what_was_delivered_and_nothing_else_agrees),
        CASE(an_older_store_is_behind_and_one_that_went_on_differs),
        CASE(a_store_that_was_begun_anew_is_no_end_of_the_old_one),
        CASE(a_record_that_is_missing_from_the_log_is_named),
        CASE(a_record_that_was_altered_in_the_log_is_named),
        CASE(what_came_twice_and_empty_lines_are_as_they_should_be),
        CASE(what_a_crash_has_torn_and_came_again_is_as_it_should_be),
        CASE(a_record_that_is_being_written_is_as_it_should_be),
        CASE(whatever_else_is_in_the_log_is_named_with_its_place_and_the_reason),
        CASE(a_change_of_any_byte_of_the_log_is_found),
        cmocka_unit_test(memory_that_runs_out_is_told_and_leaks_nothing),
        CASE(what_is_no_record_is_held_and_can_be_accepted),
        CASE(a_torn_line_of_a_lost_record_is_accepted_for_good),
        CASE(nothing_is_delivered_over_what_differs),
        CASE(stat_says_where_they_part),
        CASE(a_vacuum_is_refused_with_what_is_the_matter_and_all_else_goes_on),
        CASE(a_vacuum_that_the_older_store_knows_as_pending_does_not_start_and_can_be_cancelled),
        CASE(a_vacuum_that_the_older_store_knows_as_running_removes_nothing_more),
        CASE(a_new_process_looks_before_its_first_vacuum),
        CASE(before_the_log_was_read_once_nothing_is_delivered_and_no_vacuum_may_start),
        CASE(a_store_that_is_put_back_under_a_running_app_is_found_before_the_next_delivery),
        CASE(accepting_needs_the_code_and_a_reason),
        CASE(where_nothing_has_parted_nothing_is_accepted),
        CASE(what_was_accepted_is_in_the_trail_and_in_the_log_and_is_no_clean_one),
        CASE(the_lost_records_must_stay_in_the_log_as_they_were),
        CASE(a_second_rollback_is_found_after_the_first_was_accepted),
        CASE(a_rollback_by_more_than_the_end_that_is_looked_at_is_found_and_accepted_whole),
        CASE(what_another_process_accepted_is_known_soon),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
