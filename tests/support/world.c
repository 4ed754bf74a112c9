#include "support/world.h"

#include "adapters/memory/catalogue.h"
#include "adapters/memory/clock.h"
#include "adapters/memory/hasher.h"
#include "adapters/memory/log_sink.h"
#include "adapters/memory/random.h"
#include "adapters/memory/sessions.h"
#include "adapters/memory/store.h"
#include "app/audit.h"
#include "app/context.h"
#include "app/keys.h"
#include "app/secret.h"
#include "base/json.h"
#include "base/mem.h"
#include "core/vacuum.h"
#include "support/cmocka_all.h"
#include "support/manifest_text.h"

#include <stdio.h>

static const int64_t start_ms = INT64_C(1795489200000); /* 2026-11-24T03:00:00Z */

static const struct ops_build build = {.major = 1, .minor = 2, .id = "Tue-1795489200"};

static const char stack_text[] =
    "{'stack': 'g3nretailstack', 'protected': ['kept'],"
    " 'sessions': {'sessions_table': 'usm_sessions', 'users_table': 'uas_users'}, 'services': ["
    "  {'code': 'pvm',"
    "   'tables': [{'name': 'pvm_main', 'org': {'by': 'attribute', 'name': 'orgcode'}},"
    "              {'name': 'pvm_keys', 'org': {'by': 'key_prefix', 'pattern': 'ORG#{orgcode}#'}},"
    "              {'name': 'pvm_one', 'org': {'by': 'key', 'pattern': 'ORG#{orgcode}'}},"
    "              {'name': 'pvm_ref', 'org': {'by': 'skip', 'reason': 'holds no tenant data'}},"
    "              {'name': 'pvm_gone', 'org': {'by': 'attribute', 'name': 'orgcode'}},"
    "              {'name': 'kept', 'org': {'by': 'attribute', 'name': 'orgcode'}}],"
    "   'buckets': [{'name': 'pvm-data', 'org': {'by': 'key_prefix', 'pattern': '{orgcode}/'}},"
    "               {'name': 'doc.g3nretailstack.com'}],"
    "   'log_groups': [{'name': '/g3nretailstack/pvm/api'}, {'name': '/g3nretailstack/g3nmhsadmin/api'}]},"
    "  {'code': 'uas', 'tables': [{'name': 'uas_users'}]}, {'code': 'usm', 'tables': [{'name': 'usm_sessions'}]},"
    "  {'code': 'ops', 'tables': [{'name': 'ops_main'}],"
    "   'log_groups': [{'name': '/g3nretailstack/ops/maintenance-audit'}]}]}";

int64_t world_now_ms(struct world *world)
{
    return ops_clock_now_ms(world->real.clock);
}

void world_pass(struct world *world, int64_t duration_ms)
{
    ops_memory_clock_advance(world->real.clock, duration_ms);
}

/* The last line of defence of every test: what must never go is never removed. */
static void on_removed(void *context, enum ops_target_kind kind, const char *name, const struct ops_memory_record *record)
{
    (void)context;
    const struct ops_guard guard = {NULL, 0};
    if (ops_guard_resource(&guard, kind, name) || ops_guard_key(&guard, kind, ops_view_of(record->partition)) ||
        strcmp(name, "kept") == 0 || strcmp(name, "stray") == 0)
        fail_msg("%s was removed from %s", record->partition, name);
}

static enum ops_status make_ports(struct world *world)
{
    enum ops_status status = ops_memory_clock_new(start_ms, &world->real.clock);
    if (status == OPS_OK)
        status = ops_memory_random_new(1, &world->real.random);
    if (status == OPS_OK)
        status = ops_memory_store_new(&world->real.store);
    if (status == OPS_OK)
        status = ops_memory_catalogue_new(&world->real.catalogue);
    if (status == OPS_OK)
        status = ops_memory_log_sink_new(&world->real.log_sink);
    if (status == OPS_OK)
        status = ops_memory_sessions_new(&world->real.sessions);
    world->real.hasher = ops_memory_hasher();
    if (status != OPS_OK)
        return status;
    ops_memory_clock_advance(world->real.clock, 0);
    ops_memory_catalogue_on_removed(world->real.catalogue, on_removed, world);
    const struct ops_session session = {.user = "ann", .orgcode = "acme", .cccode = "cc-7"};
    return ops_memory_sessions_add(world->real.sessions, WORLD_GUID, &session, start_ms + 100 * OPS_DAY_MS);
}

static enum ops_status make_app(struct world *world)
{
    bool rotated;
    fault_ports_init(&world->ports, &world->real);
    enum ops_status status = ops_app_new(&world->ports.outer, &world->manifest, &build, &world->app);
    if (status == OPS_OK)
        status = ops_worker_new(world->app, "worker-1", &world->workers[0]);
    world->worker_count = status == OPS_OK;
    return status == OPS_OK ? ops_secret_set(world->app, NULL, WORLD_SECRET, "setup", &rotated, NULL) : status;
}

static void release(struct world *world)
{
    for (size_t i = 0; i < world->worker_count; i++)
        ops_worker_free(world->workers[i]);
    ops_app_free(world->app);
    ops_manifest_release(&world->manifest);
    ops_session_source_release(world->real.sessions);
    ops_log_sink_release(world->real.log_sink);
    ops_catalogue_release(world->real.catalogue);
    ops_store_release(world->real.store);
    ops_memory_random_free(world->real.random);
    ops_memory_clock_free(world->real.clock);
}

void world_init(struct world *world, const char *manifest_text)
{
    *world = (struct world){.app = NULL};
    manifest_text_init(&world->manifest, manifest_text ? manifest_text : stack_text);
    assert_int_equal(make_ports(world), OPS_OK);
    assert_int_equal(make_app(world), OPS_OK);
    if (!manifest_text)
        world_fill(world);
}

static void expect_nothing_secret(const char *text, const char *where)
{
    if (strstr(text, WORLD_GUID) || strstr(text, WORLD_SECRET))
        fail_msg("%s gives a secret away: %s", where, text);
}

static void check_log(struct world *world)
{
    json_int_t last = 0;
    for (size_t i = 0; i < ops_memory_log_sink_count(world->real.log_sink); i++) {
        struct ops_log_event event = ops_memory_log_sink_event(world->real.log_sink, i);
        json_t *record = json_loadb(event.text.data, event.text.length, 0, NULL);
        char *text = json_dumps(record, 0);
        json_int_t seq = ops_json_integer(record, "seq", 0);
        expect_nothing_secret(text, "a log event");
        if (seq > last + 1)
            fail_msg("log event %d comes right after %d", (int)seq, (int)last);
        last = seq > last ? seq : last;
        json_decref(record);
        ops_mem_free(text);
    }
}

void world_release(struct world *world)
{
    check_log(world);
    release(world);
}

static void add_resource(struct world *world, enum ops_target_kind kind, const char *name, uint32_t segments,
    size_t page_max,
                         size_t batch_max)
{
    const struct ops_memory_limits limits = {segments, page_max, batch_max};
    assert_int_equal(ops_memory_resource_add(world->real.catalogue, kind, name, &limits), OPS_OK);
}

static void put(struct world *world, enum ops_target_kind kind, const char *name, const char *key, const char *orgcode,
                int64_t size_bytes)
{
    const struct ops_memory_record record = {.partition = key, .orgcode = orgcode, .size_bytes = size_bytes};
    assert_int_equal(ops_memory_record_put(world->real.catalogue, kind, name, &record), OPS_OK);
}

void world_add_rows(struct world *world, const char *table, const char *orgcode, int first, int count)
{
    char key[64];
    for (int i = first; i < first + count; i++) {
        (void)snprintf(key, sizeof key, "row-%s-%05d", orgcode, i);
        put(world, OPS_TABLE, table, key, orgcode, 0);
    }
}

static void add_keys(struct world *world, enum ops_target_kind kind, const char *name, const char *prefix, int count,
                     int64_t size_bytes)
{
    char key[64];
    for (int i = 0; i < count; i++) {
        (void)snprintf(key, sizeof key, "%s%03d", prefix, i);
        put(world, kind, name, key, NULL, size_bytes);
    }
}

/*              all  acme  protected
 * pvm_main      60   30    1 (acme's)
 * pvm_keys       9    5
 * pvm_one        2    1
 * pvm_ref        4    -
 * pvm-data      11    6    1          100 bytes each
 * .../pvm/api    3    -    1          50 bytes each
 * uas_users      5    -
 * usm_sessions   5    -
 */
void world_fill(struct world *world)
{
    add_resource(world, OPS_TABLE, "pvm_main", 2, 8, 3);
    add_resource(world, OPS_TABLE, "pvm_keys", 1, 4, 25);
    add_resource(world, OPS_TABLE, "pvm_one", 1, 0, 0);
    add_resource(world, OPS_TABLE, "pvm_ref", 1, 0, 0);
    add_resource(world, OPS_TABLE, "kept", 1, 0, 0);
    add_resource(world, OPS_TABLE, "uas_users", 1, 0, 0);
    add_resource(world, OPS_TABLE, "usm_sessions", 1, 0, 0);
    add_resource(world, OPS_TABLE, "ops_main", 1, 0, 0);
    add_resource(world, OPS_BUCKET, "pvm-data", 1, 5, 0);
    add_resource(world, OPS_BUCKET, "doc.g3nretailstack.com", 1, 0, 0);
    add_resource(world, OPS_BUCKET, "mcp.g3nretailstack.com", 1, 0, 0);
    add_resource(world, OPS_BUCKET, "stray", 1, 0, 0);
    add_resource(world, OPS_LOG_GROUP, "/g3nretailstack/pvm/api", 1, 0, 0);
    add_resource(world, OPS_LOG_GROUP, "/g3nretailstack/g3nmhsadmin/api", 1, 0, 0);
    add_resource(world, OPS_LOG_GROUP, OPS_AUDIT_LOG_GROUP, 1, 0, 0);
    world_add_rows(world, "pvm_main", "acme", 0, 30);
    world_add_rows(world, "pvm_main", "acme2", 0, 20);
    world_add_rows(world, "pvm_main", "other", 0, 10);
    put(world, OPS_TABLE, "pvm_main", "g3nmhsadmin#1", "acme", 0);
    add_keys(world, OPS_TABLE, "pvm_keys", "ORG#acme#", 5, 0);
    add_keys(world, OPS_TABLE, "pvm_keys", "ORG#acme2#", 4, 0);
    put(world, OPS_TABLE, "pvm_one", "ORG#acme", NULL, 0);
    put(world, OPS_TABLE, "pvm_one", "ORG#acme2", NULL, 0);
    add_keys(world, OPS_TABLE, "pvm_ref", "ref-", 4, 0);
    add_keys(world, OPS_TABLE, "kept", "kept-", 3, 0);
    add_keys(world, OPS_TABLE, "uas_users", "user-", 5, 0);
    add_keys(world, OPS_TABLE, "usm_sessions", "session-", 5, 0);
    add_keys(world, OPS_BUCKET, "pvm-data", "acme/", 6, 100);
    add_keys(world, OPS_BUCKET, "pvm-data", "acme2/", 5, 100);
    put(world, OPS_BUCKET, "pvm-data", "g3nmhsadmin/key", NULL, 100);
    put(world, OPS_BUCKET, "doc.g3nretailstack.com", "index.html", NULL, 1);
    put(world, OPS_BUCKET, "stray", "who-knows", NULL, 1);
    add_keys(world, OPS_LOG_GROUP, "/g3nretailstack/pvm/api", "stream-", 3, 50);
    put(world, OPS_LOG_GROUP, "/g3nretailstack/pvm/api", "g3nmhsadmin-stream", NULL, 50);
    put(world, OPS_LOG_GROUP, "/g3nretailstack/g3nmhsadmin/api", "stream", NULL, 50);
    put(world, OPS_LOG_GROUP, OPS_AUDIT_LOG_GROUP, "trail", NULL, 50);
}

size_t world_count(struct world *world, enum ops_target_kind kind, const char *name)
{
    return ops_memory_record_count(world->real.catalogue, kind, name, NULL);
}

/* ---- Answers ---- */

static void expect_members(const json_t *object, const char *const *required, const char *const *optional, const char *where)
{
    const char *name;
    json_t *value;
    size_t i;
    for (i = 0; required[i]; i++)
        if (!json_object_get(object, required[i]))
            fail_msg("%s has no %s", where, required[i]);
    json_object_foreach((json_t *)(uintptr_t)object, name, value) {
        bool known = false;
        for (i = 0; required[i]; i++)
            known = known || strcmp(required[i], name) == 0;
        for (i = 0; optional && optional[i]; i++)
            known = known || strcmp(optional[i], name) == 0;
        if (!known)
            fail_msg("%s has a member %s", where, name);
    }
}

static void check_build(const json_t *found)
{
    static const char *const members[] = {"build_major", "build_minor", "build_id", NULL};
    expect_members(found, members, NULL, "build");
    assert_int_equal(ops_json_integer(found, "build_major", -1), build.major);
    assert_int_equal(ops_json_integer(found, "build_minor", -1), build.minor);
    assert_string_equal(ops_json_text(found, "build_id", ""), build.id);
}

static void check_stats(struct world *world, const json_t *stats, const char *call_name)
{
    static const char *const members[] = {"call", "service", "request_id", "timestamp_utc", "latency_ms", "build", NULL};
    static const char *const optional[] = {"session_fingerprint", "actor", "orgcode", "cccode", NULL};
    int64_t at_ms;
    expect_members(stats, members, optional, "stats");
    assert_string_equal(ops_json_text(stats, "call", ""), call_name);
    assert_string_equal(ops_json_text(stats, "service", ""), "ops");
    assert_true(ops_ulid_valid(ops_view_of(ops_json_text(stats, "request_id", ""))));
    assert_int_equal(ops_json_instant(stats, "timestamp_utc", &at_ms), OPS_OK);
    assert_true(at_ms <= world_now_ms(world) && at_ms > world_now_ms(world) - OPS_MINUTE_MS);
    assert_int_equal(strlen(ops_json_text(stats, "timestamp_utc", "")), 20);
    assert_true(ops_json_integer(stats, "latency_ms", -1) >= 0);
    const char *fingerprint = ops_json_text(stats, "session_fingerprint", NULL);
    if (fingerprint)
        assert_true(strlen(fingerprint) == 16 && strspn(fingerprint, "0123456789abcdef") == 16);
    check_build(json_object_get(stats, "build"));
}

static void check_words(const json_t *words, const char *where)
{
    static const char *const members[] = {"tag", "message", NULL}, *const languages[] = {"en_US", NULL};
    expect_members(words, members, NULL, where);
    expect_members(json_object_get(words, "message"), languages, NULL, where);
    assert_string_not_equal(ops_json_text(words, "tag", ""), "");
    assert_string_not_equal(ops_json_text(json_object_get(words, "message"), "en_US", ""), "");
}

static void check_error(const json_t *envelope, const struct ops_answer *answer)
{
    static const char *const members[] = {"major", "minor", NULL}, *const optional[] = {"details", NULL};
    const json_t *error = json_object_get(envelope, "error");
    expect_members(error, members, optional, "error");
    check_words(json_object_get(error, "major"), "major");
    check_words(json_object_get(error, "minor"), "minor");
    enum ops_status named = ops_status_from_tag(ops_json_text(json_object_get(error, "minor"), "tag", ""));
    assert_true(named > OPS_OK && named <= OPS_MAINTENANCE_MODE); /* a tag of the contract */
    assert_int_equal(answer->http_status, ops_status_http(named));
    assert_string_equal(ops_json_text(json_object_get(error, "major"), "tag", ""),
                        ops_category_tag(ops_status_category(named)));
}

static void check_envelope(struct world *world, const json_t *envelope, const struct ops_answer *answer,
                           const char *call_name)
{
    static const char *const good[] = {"success", "data", "build", "stats", NULL};
    static const char *const bad[] = {"success", "error", "build", "stats", NULL};
    static const char *const optional[] = {"revision", NULL};
    bool success = ops_json_flag(envelope, "success", false);
    assert_int_equal(success, answer->status == OPS_OK);
    expect_members(envelope, success ? good : bad, optional, "the envelope");
    check_build(json_object_get(envelope, "build"));
    check_stats(world, json_object_get(envelope, "stats"), call_name);
    if (!success)
        check_error(envelope, answer);
    else
        assert_int_equal(answer->http_status, 200);
}

json_t *world_call(struct world *world, const struct ops_call *call, struct ops_answer *answer)
{
    if (world->before_answer)
        world->before_answer(world->around_context);
    ops_app_answer(world->app, call, answer);
    if (world->after_answer)
        world->after_answer(world->around_context);
    const char *text = ops_buf_text(&answer->body);
    expect_nothing_secret(text, "an answer");
    assert_null(strchr(text, '\n'));
    json_error_t reason;
    json_t *envelope = json_loads(text, JSON_REJECT_DUPLICATES, &reason);
    if (!envelope)
        fail_msg("%s: %s", reason.text, text);
    if (strcmp(world_tag(envelope), "static") != 0)
        check_envelope(world, envelope, answer, call->operation->name);
    return envelope;
}

static json_t *call_with(struct world *world, const struct ops_operation *operation, json_t *input, bool is_get)
{
    struct ops_answer answer;
    ops_answer_init(&answer);
    const struct ops_call call = {.operation = operation,
                                  .input = input,
                                  .from_query = is_get,
                                  .session_guid = ops_view_of(is_get ? WORLD_GUID : NULL)};
    json_t *envelope = world_call(world, &call, &answer);
    ops_answer_release(&answer);
    json_decref(input);
    return envelope;
}

json_t *world_invoke(struct world *world, const char *function, const char *payload)
{
    const struct ops_operation *operation = ops_operation_by_function(ops_view_of(function));
    assert_non_null(operation);
    return call_with(world, operation, manifest_text_json(payload), false);
}

json_t *world_operate(struct world *world, const char *function, const char *payload)
{
    const struct ops_operation *operation = ops_operation_by_function(ops_view_of(function));
    assert_non_null(operation);
    json_t *input = manifest_text_json(payload);
    if (operation->access == OPS_ACCESS_SECRET && !json_object_get(input, "secret_code"))
        assert_int_equal(ops_json_set_text(input, "secret_code", WORLD_SECRET), OPS_OK);
    if (operation->access == OPS_ACCESS_SECRET && !json_object_get(input, "actor"))
        assert_int_equal(ops_json_set_text(input, "actor", "ann"), OPS_OK);
    return call_with(world, operation, input, false);
}

json_t *world_get(struct world *world, const char *route, const char *query)
{
    const struct ops_operation *operation = ops_operation_by_route(ops_view_of(route));
    assert_non_null(operation);
    return call_with(world, operation, manifest_text_json(query), true);
}

const char *world_tag(const json_t *answer)
{
    if (ops_json_flag(answer, "success", false))
        return "ok";
    if (!json_object_get(answer, "stats"))
        return "static";
    return ops_json_text(json_object_get(json_object_get(answer, "error"), "minor"), "tag", "");
}

const json_t *world_data(const json_t *answer)
{
    return json_object_get(answer, "data");
}

const json_t *world_details(const json_t *answer)
{
    return json_object_get(json_object_get(answer, "error"), "details");
}

static json_t *expect_tag(json_t *answer, const char *what, const char *payload, const char *tag)
{
    if (strcmp(world_tag(answer), tag) != 0) {
        char *text = json_dumps(answer, 0);
        fail_msg("%s %s: %s, not %s", what, payload, text, tag);
    }
    json_t *data = json_incref(json_object_get(answer, "data"));
    json_decref(answer);
    return data;
}

json_t *world_do(struct world *world, const char *function, const char *payload, const char *tag)
{
    return expect_tag(world_operate(world, function, payload), function, payload, tag);
}

json_t *world_read(struct world *world, const char *route, const char *query, const char *tag)
{
    return expect_tag(world_get(world, route, query), route, query, tag);
}

void world_schedule(struct world *world, int64_t in_seconds, char ret_id[static OPS_ULID_SIZE])
{
    char start[OPS_INSTANT_TEXT_SIZE], payload[256];
    ops_instant_format(world_now_ms(world) + in_seconds * OPS_SECOND_MS, start);
    (void)snprintf(payload, sizeof payload,
                   "{'description': 'work', 'estimated_duration_seconds': 600, 'scheduled_start_utc': '%s'}", start);
    json_t *window = world_do(world, "ops_maintenanceschedule", payload, "ok");
    (void)snprintf(ret_id, OPS_ULID_SIZE, "%s", ops_json_text(window, "maintenance_id", ""));
    json_decref(window);
}

void world_vacuum_all(struct world *world, char ret_id[static OPS_ULID_SIZE])
{
    json_t *vacuum = world_do(world, "ops_vacuumall", "{'confirmation_phrase': 'VACUUM ALL DATA PERMANENTLY'}", "ok");
    (void)snprintf(ret_id, OPS_ULID_SIZE, "%s", ops_json_text(vacuum, "vacuum_id", ""));
    json_decref(vacuum);
}

/* ---- Time and work ---- */

enum { STEPS_AT_ONCE_MAX = 100000 };

/* All that the workers can do now; gives the time until they can do more. */
static int64_t step_workers(struct world *world)
{
    int64_t wait_ms = 0;
    for (int steps = 0; wait_ms == 0; steps++) {
        wait_ms = 1000;
        for (size_t i = 0; i < world->worker_count; i++) {
            int64_t own_wait_ms = 0;
            struct ops_error error = OPS_ERROR_INIT;
            enum ops_status status = ops_worker_step(world->workers[i], &own_wait_ms, &error);
            ops_error_release(&error);
            assert_true(status == OPS_OK || own_wait_ms > 0);
            wait_ms = own_wait_ms < wait_ms ? own_wait_ms : wait_ms;
            world->step_count++;
        }
        assert_true(steps < STEPS_AT_ONCE_MAX);
    }
    return wait_ms;
}

static bool any_open(struct world *world)
{
    const struct ops_query query = {.pk = OPS_PK_VACUUM_OPEN, .limit = 1};
    struct ops_store_page page = {0};
    /* Without memory it can't be told, and the next look tells. */
    bool open = ops_store_query(world->real.store, &query, &page, NULL) != OPS_OK || json_array_size(page.docs) > 0;
    ops_store_page_release(&page);
    return open;
}

static void run(struct world *world, int64_t duration_ms, bool until_idle)
{
    int64_t until_ms = ops_clock_monotonic_ms(world->real.clock) + duration_ms;
    struct ops_sweep_result result;
    bool open = true;
    while (ops_clock_monotonic_ms(world->real.clock) < until_ms && (open || !until_idle)) {
        enum ops_status status = ops_app_sweep(world->app, &result, NULL);
        (void)status; /* a fault may be what is tested */
        int64_t wait_ms = step_workers(world);
        open = any_open(world);
        if (open || !until_idle)
            world_pass(world, wait_ms);
    }
}

void world_settle(struct world *world, int64_t limit_ms)
{
    run(world, limit_ms, true);
}

void world_run(struct world *world, int64_t duration_ms)
{
    run(world, duration_ms, false);
}

static struct port_fault dead(void *context, enum port_call call)
{
    (void)context;
    (void)call;
    return (struct port_fault){OPS_STORE_UNAVAILABLE, false};
}

void world_crash(struct world *world, size_t worker)
{
    on_port_call_fn on_call = world->ports.on_call;
    world->ports.on_call = dead;
    ops_worker_free(world->workers[worker]);
    world->ports.on_call = on_call;
    assert_int_equal(ops_worker_new(world->app, "worker-again", &world->workers[worker]), OPS_OK);
}

json_t *world_vacuum(struct world *world, const char *id)
{
    char payload[64];
    (void)snprintf(payload, sizeof payload, "{'vacuum_id': '%s'}", id);
    return world_do(world, "ops_vacuumstatus", payload, "ok");
}

const json_t *world_target(const json_t *vacuum, const char *name)
{
    size_t i;
    json_t *target;
    json_array_foreach(json_object_get(vacuum, "targets"), i, target)
        if (strcmp(ops_json_text(target, "name", ""), name) == 0)
            return target;
    fail_msg("the vacuum has no target %s", name);
    return NULL;
}

json_t *world_partition(struct world *world, const char *pk)
{
    const struct ops_query query = {.pk = pk, .limit = OPS_STORE_PAGE_MAX};
    struct ops_store_page page = {0};
    assert_int_equal(ops_store_query(world->real.store, &query, &page, NULL), OPS_OK);
    assert_false(page.more);
    return page.docs;
}

size_t world_audit_count(struct world *world, const char *type)
{
    json_t *records = world_partition(world, OPS_PK_AUDIT), *record;
    size_t count = 0, i;
    json_array_foreach(records, i, record)
        count += !type || strcmp(ops_json_text(record, "type", ""), type) == 0;
    json_decref(records);
    return count;
}

uint32_t world_pace_limit(struct world *world)
{
    return world->app->pace.limit;
}

/* ---- What must always hold ---- */

static json_t *get(struct world *world, const char *pk, const char *sk)
{
    json_t *doc = NULL;
    enum ops_status status = ops_store_get(world->real.store, pk, sk, &doc, NULL);
    assert_true(status == OPS_OK || status == OPS_NOT_FOUND);
    return doc;
}

static void check_windows(struct world *world)
{
    json_t *windows = world_partition(world, OPS_PK_MAINTENANCE), *window;
    json_t *singleton = get(world, OPS_PK_SINGLETON, OPS_SK_ACTIVE_MAINTENANCE);
    size_t active = 0, i;
    json_array_foreach(windows, i, window) {
        const char *status = ops_json_text(window, "status", ""), *id = ops_json_text(window, "maintenance_id", "");
        const char *pk = strcmp(status, "ended") == 0       ? OPS_PK_MAINTENANCE_ENDED
                         : strcmp(status, "cancelled") == 0 ? OPS_PK_MAINTENANCE_CANCELLED
                                                            : OPS_PK_MAINTENANCE_OPEN;
        json_t *listed = get(world, pk, id);
        assert_true(json_equal(listed, window));
        json_decref(listed);
        if (strcmp(status, "active") == 0) {
            active++;
            assert_true(json_equal(singleton, window));
        }
    }
    assert_true(active <= 1);
    assert_int_equal(singleton != NULL, active == 1);
    json_decref(singleton);
    json_decref(windows);
}

static void check_vacuums(struct world *world)
{
    json_t *vacuums = world_partition(world, OPS_PK_VACUUM), *vacuum;
    json_t *mutex = get(world, OPS_PK_SINGLETON, OPS_SK_VACUUM_MUTEX);
    const char *holder = "";
    size_t i;
    json_array_foreach(vacuums, i, vacuum) {
        const char *id = ops_json_text(vacuum, "vacuum_id", "");
        json_t *open = get(world, OPS_PK_VACUUM_OPEN, id);
        assert_int_equal(open != NULL, ops_vacuum_open(vacuum));
        json_decref(open);
        if (ops_vacuum_open(vacuum) && !ops_vacuum_dry_run(vacuum)) {
            assert_string_equal(holder, "");
            holder = id;
        }
    }
    assert_string_equal(ops_json_text(mutex, "holder", ""), holder);
    json_decref(mutex);
    json_decref(vacuums);
}

static void check_trail(struct world *world)
{
    struct ops_error error = OPS_ERROR_INIT;
    json_int_t count = 0;
    enum ops_status status = ops_audit_verify(world->app, &count, &error);
    if (status != OPS_OK)
        fail_msg("the audit trail: %s", ops_error_text(&error, status));
    json_t *records = world_partition(world, OPS_PK_AUDIT);
    assert_int_equal(count, json_array_size(records));
    char *text = json_dumps(records, 0);
    expect_nothing_secret(text, "the audit trail");
    ops_mem_free(text);
    json_decref(records);
}

void world_check(struct world *world)
{
    on_port_call_fn on_call = world->ports.on_call;
    world->ports.on_call = NULL;
    check_windows(world);
    check_vacuums(world);
    check_trail(world);
    check_log(world);
    world->ports.on_call = on_call;
}
