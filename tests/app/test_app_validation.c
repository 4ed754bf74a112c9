/* What each operation takes and refuses, and the envelope around every answer. */
#include "support/world.h"

#include "app/write_watch.h"
#include "base/json.h"
#include "base/mem.h"
#include "support/cmocka_all.h"
#include "support/manifest_text.h"

#include <stdio.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define ID "01ARZ3NDEKTSV4RRFFQ69G5FAV"
#define GOOD_SCHEDULE "'description': 'd', 'estimated_duration_seconds': 60, 'scheduled_start_utc': '2026-11-25T00:00:00Z'"
#define HASH_63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static struct world world;

static int set_up(void **state)
{
    (void)state;
    world_init(&world, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_check(&world);
    world_release(&world);
    return 0;
}

struct field_case {
    const char *name;
    const char *function;
    const char *payload; /* the secret code and an actor are added */
    const char *tag;
    const char *field; /* in the details; NULL: not looked at */
};

static const struct field_case field_cases[] = {
    {"all that is needed", "ops_maintenanceschedule", "{" GOOD_SCHEDULE "}", "ok", NULL},
    {"nothing", "ops_maintenanceschedule", "{}", "missing-field", "description"},
    {"no duration", "ops_maintenanceschedule", "{'description': 'd', 'scheduled_start_utc': '2026-11-25T00:00:00Z'}",
     "missing-field", "estimated_duration_seconds"},
    {"null where a value must be", "ops_maintenanceschedule",
     "{'description': null, 'estimated_duration_seconds': 60, 'scheduled_start_utc': '2026-11-25T00:00:00Z'}",
     "invalid-field", "description"},
    {"null where nothing need be", "ops_maintenanceschedule", "{" GOOD_SCHEDULE ", 'reason': null}", "invalid-field",
     "reason"},
    {"a dry run that is null", "ops_vacuumorg", "{'orgcode': 'a', 'dry_run': null}", "invalid-field", "dry_run"},
    {"null counts as absent in a read", "ops_vacuumstatus", "{'vacuum_id': null}", "vacuum-not-found", NULL},
    {"a misspelled field", "ops_vacuumall", "{'dryrun': true}", "unknown-field", "dryrun"},
    {"an unknown field that is null", "ops_vacuumall", "{'dryrun': null}", "unknown-field", "dryrun"},
    {"another operation's field", "ops_maintenancestart", "{'maintenance_id': '" ID "', 'end_message': 'x'}",
     "unknown-field", "end_message"},
    {"a session is no invoke field", "ops_maintenancestart", "{'maintenance_id': '" ID "', 'session_guid': 'x'}",
     "unknown-field", "session_guid"},
    {"the secret is no field of an open operation", "ops_sweep", "{'secret_code': 'x'}", "unknown-field", "secret_code"},
    {"an empty description", "ops_maintenanceschedule",
     "{'description': '', 'estimated_duration_seconds': 60, 'scheduled_start_utc': '2026-11-25T00:00:00Z'}", "invalid-field",
     "description"},
    {"a description that is a number", "ops_maintenanceschedule",
     "{'description': 7, 'estimated_duration_seconds': 60, 'scheduled_start_utc': '2026-11-25T00:00:00Z'}", "invalid-field",
     "description"},
    {"a duration of 59", "ops_maintenanceschedule",
     "{'description': 'd', 'estimated_duration_seconds': 59, 'scheduled_start_utc': '2026-11-25T00:00:00Z'}",
     "invalid-field", "estimated_duration_seconds"},
    {"a duration of 604800", "ops_maintenanceschedule",
     "{'description': 'd', 'estimated_duration_seconds': 604800, 'scheduled_start_utc': '2026-11-25T00:00:00Z'}", "ok",
     NULL},
    {"a duration of 604801", "ops_maintenanceschedule",
     "{'description': 'd', 'estimated_duration_seconds': 604801, 'scheduled_start_utc': '2026-11-25T00:00:00Z'}",
     "invalid-field", "estimated_duration_seconds"},
    {"a duration with a fraction", "ops_maintenanceschedule",
     "{'description': 'd', 'estimated_duration_seconds': 60.0, 'scheduled_start_utc': '2026-11-25T00:00:00Z'}",
     "invalid-field", "estimated_duration_seconds"},
    {"a duration as a text", "ops_maintenanceschedule",
     "{'description': 'd', 'estimated_duration_seconds': '60', 'scheduled_start_utc': '2026-11-25T00:00:00Z'}",
     "invalid-field", "estimated_duration_seconds"},
    {"a start without a zone", "ops_maintenanceschedule",
     "{'description': 'd', 'estimated_duration_seconds': 60, 'scheduled_start_utc': '2026-11-25T00:00:00'}", "invalid-field",
     "scheduled_start_utc"},
    {"a start on a day that does not exist", "ops_maintenanceschedule",
     "{'description': 'd', 'estimated_duration_seconds': 60, 'scheduled_start_utc': '2026-02-30T00:00:00Z'}",
     "invalid-field", "scheduled_start_utc"},
    {"a start with an offset", "ops_maintenanceschedule",
     "{'description': 'd', 'estimated_duration_seconds': 60, 'scheduled_start_utc': '2026-11-25T02:00:00+02:00'}", "ok",
     NULL},
    {"a start in the past", "ops_maintenanceschedule",
     "{'description': 'd', 'estimated_duration_seconds': 60, 'scheduled_start_utc': '2026-11-24T03:00:00Z'}",
     "start-not-in-future", "scheduled_start_utc"},
    {"a start 367 days ahead", "ops_maintenanceschedule",
     "{'description': 'd', 'estimated_duration_seconds': 60, 'scheduled_start_utc': '2027-11-26T03:00:00Z'}",
     "invalid-field", "scheduled_start_utc"},
    {"an id in lower case", "ops_maintenancestart", "{'maintenance_id': '01arz3ndektsv4rrffq69g5fav'}", "invalid-field",
     "maintenance_id"},
    {"an id that is too short", "ops_maintenancestart", "{'maintenance_id': '01ARZ3NDEKTSV4RRFFQ69G5FA'}", "invalid-field",
     "maintenance_id"},
    {"an id of nobody", "ops_maintenancestart", "{'maintenance_id': '" ID "'}", "maintenance-not-found", NULL},
    {"an expected revision of 0", "ops_maintenancestart", "{'maintenance_id': '" ID "', 'expected_revision': 0}",
     "invalid-field", "expected_revision"},
    {"an expected revision that is true", "ops_maintenancestart", "{'maintenance_id': '" ID "', 'expected_revision': true}",
     "invalid-field", "expected_revision"},
    {"an update of nothing", "ops_maintenanceupdate", "{}", "missing-field", NULL},
    {"an update without an active window", "ops_maintenanceupdate", "{'text': 'x'}", "no-active-maintenance", NULL},
    {"an end without an active window", "ops_maintenanceend", "{}", "no-active-maintenance", NULL},
    {"a dry run that is a text", "ops_vacuumall", "{'dry_run': 'true'}", "invalid-field", "dry_run"},
    {"a dry run that is 1", "ops_vacuumall", "{'dry_run': 1}", "invalid-field", "dry_run"},
    {"no phrase", "ops_vacuumall", "{}", "confirmation-phrase-mismatch", "confirmation_phrase"},
    {"a phrase in lower case", "ops_vacuumall", "{'confirmation_phrase': 'vacuum all data permanently'}",
     "confirmation-phrase-mismatch", "confirmation_phrase"},
    {"a phrase with a space behind", "ops_vacuumall", "{'confirmation_phrase': 'VACUUM ALL DATA PERMANENTLY '}",
     "confirmation-phrase-mismatch", "confirmation_phrase"},
    {"an empty phrase", "ops_vacuumall", "{'confirmation_phrase': ''}", "confirmation-phrase-mismatch",
     "confirmation_phrase"},
    {"a dry run that is false needs the phrase", "ops_vacuumall", "{'dry_run': false}", "confirmation-phrase-mismatch",
     NULL},
    {"no tenant", "ops_vacuumorg", "{}", "missing-field", "orgcode"},
    {"an empty tenant", "ops_vacuumorg", "{'orgcode': ''}", "invalid-field", "orgcode"},
    {"a tenant with a slash", "ops_vacuumorg", "{'orgcode': 'a/b'}", "invalid-field", "orgcode"},
    {"a tenant of 64", "ops_vacuumorg",
     "{'dry_run': true, 'orgcode': 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'}", "ok", NULL},
    {"a tenant of 65", "ops_vacuumorg",
     "{'dry_run': true, 'orgcode': 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'}", "invalid-field",
     "orgcode"},
    {"a hash of 63 digits", "ops_vacuumorg", "{'orgcode': 'a', 'plan_sha256': '" HASH_63 "'}", "invalid-field",
     "plan_sha256"},
    {"a hash in upper case", "ops_vacuumorg", "{'orgcode': 'a', 'plan_sha256': '" HASH_63 "A'}", "invalid-field",
     "plan_sha256"},
    {"a vacuum of nobody", "ops_vacuumcancel", "{'vacuum_id': '" ID "'}", "vacuum-not-found", NULL},
    {"a vacuum of nobody, asked for", "ops_vacuumstatus", "{'vacuum_id': '" ID "'}", "vacuum-not-found", NULL},
    {"an actor of nothing", "ops_vacuumorg", "{'orgcode': 'a', 'actor': ''}", "invalid-field", "actor"},
    {"a limit below all", "ops_auditlist", "{'limit': -5}", "ok", NULL},
    {"a limit above all", "ops_auditlist", "{'limit': 100000}", "ok", NULL},
    {"a limit that is a text", "ops_auditlist", "{'limit': '5'}", "invalid-field", "limit"},
    {"a token of nothing", "ops_auditlist", "{'next_token': ''}", "invalid-field", "next_token"},
    {"a token that nobody gave", "ops_auditlist", "{'next_token': 'YXVkaXQ6Lg'}", "invalid-field", "next_token"},
    {"a token that is no base 64", "ops_auditlist", "{'next_token': '!!!'}", "invalid-field", "next_token"},
};

static void every_operation_takes_what_is_right_and_names_what_is_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(field_cases); i++) {
        const struct field_case *test = &field_cases[i];
        json_t *answer = world_operate(&world, test->function, test->payload);
        if (strcmp(world_tag(answer), test->tag) != 0)
            fail_msg("%s: %s, not %s", test->name, world_tag(answer), test->tag);
        const char *field = ops_json_text(world_details(answer), "field", "");
        if (test->field && strcmp(field, test->field) != 0)
            fail_msg("%s: the details name '%s', not %s", test->name, field, test->field);
        json_decref(answer);
    }
}

struct query_case {
    const char *name;
    const char *route;
    const char *query;
    const char *tag;
};

static const struct query_case query_cases[] = {
    {"nothing", "/ops/maintenance/list", "{}", "ok"},
    {"every status", "/ops/maintenance/list", "{'status': 'all'}", "ok"},
    {"a status that is none", "/ops/maintenance/list", "{'status': 'done'}", "invalid-field"},
    {"a status that is empty", "/ops/maintenance/list", "{'status': ''}", "invalid-field"},
    {"the beginning of a status", "/ops/maintenance/list", "{'status': 'sched'}", "invalid-field"},
    {"two statuses as they stand in the table", "/ops/maintenance/list", "{'status': 'current|scheduled'}", "invalid-field"},
    {"digits are a number", "/ops/maintenance/list", "{'limit': '3'}", "ok"},
    {"a number below zero is clamped", "/ops/maintenance/list", "{'limit': '-3'}", "ok"},
    {"a sign alone", "/ops/maintenance/list", "{'limit': '-'}", "invalid-field"},
    {"a plus", "/ops/maintenance/list", "{'limit': '+3'}", "invalid-field"},
    {"a space before", "/ops/maintenance/list", "{'limit': ' 3'}", "invalid-field"},
    {"letters behind", "/ops/maintenance/list", "{'limit': '3x'}", "invalid-field"},
    {"a number that is too long", "/ops/maintenance/list", "{'limit': '99999999999999999999'}", "invalid-field"},
    {"nothing where a number is", "/ops/maintenance/list", "{'limit': ''}", "invalid-field"},
    {"an unknown name", "/ops/maintenance/list", "{'x': '1'}", "unknown-field"},
    {"a session in the query", "/ops/maintenance/list", "{'session_guid': 'abc'}", "credential-in-query"},
    {"a secret in the query", "/ops/maintenance/list", "{'secret_code': 'abc'}", "unknown-field"},
    {"no id", "/ops/maintenance/get", "{}", "missing-field"},
    {"an id of nobody", "/ops/maintenance/get", "{'maintenance_id': '" ID "'}", "maintenance-not-found"},
    {"an unknown name for ping", "/ops/ping", "{'x': '1'}", "unknown-field"},
    {"ping", "/ops/ping", "{}", "ok"},
    {"stat", "/ops/stat", "{}", "ok"},
};

static void a_query_is_read_as_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(query_cases); i++) {
        const struct query_case *test = &query_cases[i];
        json_t *answer = world_get(&world, test->route, test->query);
        if (strcmp(world_tag(answer), test->tag) != 0)
            fail_msg("%s: %s, not %s", test->name, world_tag(answer), test->tag);
        json_decref(answer);
    }
}

/* A description is counted in characters, not in bytes. */
static void a_text_is_as_long_as_it_has_characters(void **state)
{
    (void)state;
    static const struct {
        const char *character;
        int count;
        const char *tag;
    } cases[] = {{"x", 2000, "ok"},
                 {"x", 2001, "invalid-field"},
                 {"\xC3\xA4", 2000, "ok"},
                 {"\xF0\x9F\x98\x80", 2000, "ok"},
                 {"\xF0\x9F\x98\x80", 2001, "invalid-field"}};
    static char payload[16384];
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        (void)snprintf(payload, sizeof payload,
                       "{'estimated_duration_seconds': 60,"
                       " 'scheduled_start_utc': '2026-11-25T00:00:00Z', 'description': '");
        for (int k = 0; k < cases[i].count; k++)
            strcat(payload, cases[i].character);
        strcat(payload, "'}");
        json_t *data = world_do(&world, "ops_maintenanceschedule", payload, cases[i].tag);
        json_decref(data);
    }
}

static void a_refusal_of_a_length_tells_the_limits(void **state)
{
    (void)state;
    json_t *answer = world_operate(&world, "ops_maintenanceupdate", "{'text': ''}");
    assert_string_equal(ops_json_text(world_details(answer), "field", ""), "text");
    assert_int_equal(ops_json_integer(world_details(answer), "min", -1), 1);
    assert_int_equal(ops_json_integer(world_details(answer), "max", -1), 2000);
    json_decref(answer);
    answer = world_operate(&world, "ops_maintenanceupdate", "{'estimated_duration_seconds': 5}");
    assert_int_equal(ops_json_integer(world_details(answer), "min", -1), 60);
    assert_int_equal(ops_json_integer(world_details(answer), "max", -1), 604800);
    json_decref(answer);
    answer = world_get(&world, "/ops/maintenance/list", "{'status': 'x'}");
    assert_string_equal(ops_json_text(world_details(answer), "allowed", ""), "current|scheduled|active|ended|cancelled|all");
    json_decref(answer);
}

/* ---- Sessions ---- */

struct session_case {
    const char *name;
    const char *header;
    const char *body; /* session_guid of a POST body */
    const char *tag;
    const char *actor; /* stats.actor of an answer to a session that counts */
};

static const struct session_case session_cases[] = {
    {"none", NULL, NULL, "session-required", NULL},
    {"the header's", WORLD_GUID, NULL, "ok", "ann"},
    {"the body's", NULL, WORLD_GUID, "ok", "ann"},
    {"both: the header wins", "unknown", WORLD_GUID, "session-invalid", NULL},
    {"both, the other way", WORLD_GUID, "unknown", "ok", "ann"},
    {"an unknown one", "unknown", NULL, "session-invalid", NULL},
    {"one with a space", "a b", NULL, "session-invalid", NULL},
    {"one with a letter beyond ASCII", "\xC3\xA4", NULL, "session-invalid", NULL},
    {"one with a line end", "a\r\nb", NULL, "session-invalid", NULL},
};

static json_t *list_with(const char *header, const char *body)
{
    struct ops_answer answer;
    json_t *input = json_pack("{s:s*}", "session_guid", body);
    const struct ops_call call = {.operation = ops_operation_by_route(ops_view_of("/ops/maintenance/list")),
                                  .input = input,
                                  .session_guid = ops_view_of(header)};
    ops_answer_init(&answer);
    json_t *envelope = world_call(&world, &call, &answer);
    ops_answer_release(&answer);
    json_decref(input);
    return envelope;
}

static void a_session_is_taken_from_the_header_before_the_body(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(session_cases); i++) {
        const struct session_case *test = &session_cases[i];
        json_t *answer = list_with(test->header, test->body);
        const json_t *stats = json_object_get(answer, "stats");
        if (strcmp(world_tag(answer), test->tag) != 0)
            fail_msg("%s: %s", test->name, world_tag(answer));
        if (test->actor) {
            assert_string_equal(ops_json_text(stats, "actor", ""), test->actor);
            assert_string_equal(ops_json_text(stats, "orgcode", ""), "acme");
            assert_string_equal(ops_json_text(stats, "cccode", ""), "cc-7");
            assert_non_null(json_object_get(stats, "session_fingerprint"));
        }
        json_decref(answer);
    }
}

static void a_guid_of_129_characters_is_no_session(void **state)
{
    (void)state;
    char guid[130];
    memset(guid, 'x', 129);
    guid[129] = '\0';
    json_t *answer = list_with(guid, NULL);
    assert_string_equal(world_tag(answer), "session-invalid");
    json_decref(answer);
}

static void a_session_that_has_run_out_does_not_count(void **state)
{
    (void)state;
    world_pass(&world, 100 * OPS_DAY_MS);
    json_decref(world_read(&world, "/ops/maintenance/list", "{}", "session-invalid"));
}

static struct port_fault sessions_down(void *context, enum port_call call)
{
    (void)context;
    return call == CALL_SESSION_CHECK ? (struct port_fault){OPS_SESSION_STORE_UNAVAILABLE, false} : NO_PORT_FAULT;
}

static void sessions_that_cannot_be_checked_never_pass(void **state)
{
    (void)state;
    world.ports.on_call = sessions_down;
    json_decref(world_read(&world, "/ops/maintenance/list", "{}", "session-store-unavailable"));
    world.ports.on_call = NULL;
}

/* ---- The envelope ---- */

static void a_window_brings_its_revision_and_a_list_does_not(void **state)
{
    (void)state;
    char id[OPS_ULID_SIZE], query[64];
    world_schedule(&world, 60, id);
    (void)snprintf(query, sizeof query, "{'maintenance_id': '%s'}", id);
    json_t *one = world_get(&world, "/ops/maintenance/get", query);
    json_t *list = world_get(&world, "/ops/maintenance/list", "{}");
    assert_int_equal(ops_json_integer(one, "revision", 0), 1);
    assert_null(json_object_get(list, "revision"));
    json_decref(one);
    json_decref(list);
}

static void the_actor_of_an_operator_is_in_stats_and_in_the_trail(void **state)
{
    (void)state;
    json_t *answer =
        world_operate(&world, "ops_maintenanceschedule", "{" GOOD_SCHEDULE ", 'actor': 'bob', 'reason': 'disks'}");
    assert_string_equal(ops_json_text(json_object_get(answer, "stats"), "actor", ""), "bob");
    assert_null(json_object_get(json_object_get(answer, "stats"), "session_fingerprint"));
    json_decref(answer);
    json_t *trail = world_do(&world, "ops_auditlist", "{'limit': 1}", "ok");
    const json_t *record = json_array_get(json_object_get(trail, "items"), 0);
    assert_string_equal(ops_json_text(record, "type", ""), "maintenance.scheduled");
    assert_string_equal(ops_json_text(record, "actor", ""), "bob");
    assert_string_equal(ops_json_text(record, "reason", ""), "disks");
    json_decref(trail);
}

/* Whatever it is that leaves the paper white. */
static void a_text_of_blanks_alone_is_none(void **state)
{
    static const char *const blanks[] = {" \\t\\n ", "\\u00a0", "\\u2800", "\\ufe0f", " \\u2003\\u2800\\ufe0e"};
    static const struct {
        const char *function, *field, *rest;
    } fields[] = {
        {"ops_maintenanceschedule", "description",
         ", 'estimated_duration_seconds': 60, 'scheduled_start_utc': '2026-11-25T00:00:00Z'"},
        {"ops_maintenanceschedule", "reason", ", " GOOD_SCHEDULE},
        {"ops_maintenanceschedule", "actor", ", " GOOD_SCHEDULE},
        {"ops_maintenanceupdate", "text", ""},
        {"ops_maintenanceend", "end_message", ""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(fields) * COUNT_OF(blanks); i++) {
        char payload[256];
        const char *field = fields[i / COUNT_OF(blanks)].field;
        (void)snprintf(payload, sizeof payload, "{'%s': '%s'%s}", field, blanks[i % COUNT_OF(blanks)],
                       fields[i / COUNT_OF(blanks)].rest);
        json_t *answer = world_operate(&world, fields[i / COUNT_OF(blanks)].function, payload);
        if (strcmp(world_tag(answer), "invalid-field") != 0 ||
            strcmp(ops_json_text(world_details(answer), "field", ""), field) != 0)
            fail_msg("%s gives %s", payload, world_tag(answer));
        json_decref(answer);
    }
}

static void a_name_that_is_no_field_is_shown_short_and_escaped(void **state)
{
    (void)state;
    static const struct {
        const char *payload, *shown;
    } cases[] = {
        {"{'a\\u001b[2J\\u202eb': 1}", "a\\x1b[2J\\u202eb"},
        {"{'1234567890123456789012345678901234567890': 1}", "1234567890123456789012345678901234567890"},
        {"{'12345678901234567890123456789012345678901': 1}", "1234567890123456789012345678901234567890\xe2\x80\xa6"},
        {"{'123456789012345678901234567890123456789\\u20ac1': 1}",
         "123456789012345678901234567890123456789\xe2\x82\xac\xe2\x80\xa6"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        json_t *answer = world_operate(&world, "ops_maintenanceend", cases[i].payload);
        const json_t *minor = json_object_get(json_object_get(answer, "error"), "minor");
        assert_string_equal(world_tag(answer), "unknown-field");
        assert_string_equal(ops_json_text(world_details(answer), "field", ""), cases[i].shown);
        assert_non_null(strstr(ops_json_text(json_object_get(minor, "message"), "en_US", ""), cases[i].shown));
        json_decref(answer);
    }
}

static void texts_with_quotes_control_and_high_characters_come_back_as_they_were(void **state)
{
    (void)state;
    json_t *input = json_pack("{s:s, s:s, s:s, s:i, s:s}", "secret_code", WORLD_SECRET, "actor", "a\"\\\xE2\x82\xAC",
                              "description", "d\"\\\t\n\x01\xF0\x9F\x98\x80", "estimated_duration_seconds", 60,
                              "scheduled_start_utc", "2026-11-25T00:00:00Z");
    struct ops_answer answer;
    const struct ops_call call = {.operation = ops_operation_by_function(ops_view_of("ops_maintenanceschedule")),
                                  .input = input};
    ops_answer_init(&answer);
    json_t *envelope = world_call(&world, &call, &answer);
    assert_string_equal(ops_json_text(json_object_get(envelope, "stats"), "actor", ""), "a\"\\\xE2\x82\xAC");
    assert_string_equal(ops_json_text(world_data(envelope), "description", ""), "d\"\\\t\n\x01\xF0\x9F\x98\x80");
    json_decref(envelope);
    json_decref(input);
    ops_answer_release(&answer);
}

static void a_surface_s_own_refusal_has_the_same_envelope(void **state)
{
    (void)state;
    static const enum ops_status refusals[] = {OPS_ROUTE_NOT_FOUND,        OPS_METHOD_NOT_ALLOWED, OPS_PAYLOAD_TOO_LARGE,
                                               OPS_UNSUPPORTED_MEDIA_TYPE, OPS_INVALID_JSON,       OPS_BODY_NOT_ALLOWED};
    for (size_t i = 0; i < COUNT_OF(refusals); i++) {
        struct ops_answer answer;
        ops_answer_init(&answer);
        ops_app_refuse(world.app, "somewhere", refusals[i], NULL, &answer);
        json_t *envelope = json_loads(ops_buf_text(&answer.body), 0, NULL);
        assert_string_equal(world_tag(envelope), ops_status_tag(refusals[i]));
        assert_int_equal(answer.http_status, ops_status_http(refusals[i]));
        assert_string_equal(ops_json_text(json_object_get(envelope, "stats"), "call", ""), "somewhere");
        json_decref(envelope);
        ops_answer_release(&answer);
    }
}

static void statuses_between_rooms_go_out_under_tags_of_the_contract(void **state)
{
    (void)state;
    static const struct {
        enum ops_status status;
        const char *tag;
    } cases[] = {
        {OPS_CONFLICT, "revision-conflict"},  {OPS_UNKNOWN, "store-unavailable"}, {OPS_THROTTLED, "store-unavailable"},
        {OPS_NO_MEMORY, "internal-error"},    {OPS_LIMIT, "internal-error"},      {OPS_CORRUPT, "internal-error"},
        {OPS_TARGET_ERROR, "internal-error"}, {OPS_NOT_FOUND, "internal-error"},  {OPS_PROTECTED, "internal-error"}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct ops_answer answer;
        ops_answer_init(&answer);
        ops_app_refuse(world.app, "somewhere", cases[i].status, NULL, &answer);
        json_t *envelope = json_loads(ops_buf_text(&answer.body), 0, NULL);
        assert_string_equal(world_tag(envelope), cases[i].tag);
        json_decref(envelope);
        ops_answer_release(&answer);
    }
}

static void an_answer_may_be_used_again_and_forgets_the_one_before(void **state)
{
    (void)state;
    struct ops_answer answer;
    ops_answer_init(&answer);
    const struct ops_call bad = {.operation = ops_operation_by_route(ops_view_of("/ops/maintenance/list"))};
    const struct ops_call good = {.operation = ops_operation_by_route(ops_view_of("/ops/ping"))};
    json_t *first = world_call(&world, &bad, &answer), *second = world_call(&world, &good, &answer);
    assert_string_equal(world_tag(first), "session-required");
    assert_string_equal(world_tag(second), "ok");
    assert_int_equal(answer.retry_after_seconds, 0);
    json_decref(first);
    json_decref(second);
    ops_answer_release(&answer);
}

static struct port_fault store_down(void *context, enum port_call call)
{
    (void)context;
    bool store = call == CALL_STORE_GET || call == CALL_STORE_QUERY || call == CALL_STORE_TRANSACT;
    return store ? (struct port_fault){OPS_STORE_UNAVAILABLE, false} : NO_PORT_FAULT;
}

static void while_the_store_is_down_every_call_says_so_and_stat_is_degraded(void **state)
{
    (void)state;
    world.ports.on_call = store_down;
    json_decref(world_read(&world, "/ops/ping", "{}", "store-unavailable"));
    json_decref(world_read(&world, "/ops/maintenance/list", "{}", "store-unavailable"));
    json_decref(world_do(&world, "ops_maintenanceschedule", "{" GOOD_SCHEDULE "}", "store-unavailable"));
    json_decref(world_do(&world, "ops_vacuumstatus", "{}", "store-unavailable"));
    json_decref(world_do(&world, "ops_sweep", "{}", "store-unavailable"));
    json_t *stat = world_read(&world, "/ops/stat", "{}", "ok");
    assert_string_equal(ops_json_text(stat, "status", ""), "degraded");
    assert_false(ops_json_flag(json_object_get(stat, "store"), "reachable", true));
    json_decref(stat);
    world.ports.on_call = NULL;
    stat = world_read(&world, "/ops/stat", "{}", "ok");
    assert_string_equal(ops_json_text(stat, "status", ""), "ok");
    json_decref(stat);
}

static struct port_fault store_full(void *context, enum port_call call)
{
    (void)context;
    return call == CALL_STORE_TRANSACT ? (struct port_fault){OPS_STORE_UNAVAILABLE, false} : NO_PORT_FAULT;
}

static json_t *stat_store(const char *status)
{
    json_t *stat = world_read(&world, "/ops/stat", "{}", "ok");
    assert_string_equal(ops_json_text(stat, "status", ""), status);
    json_t *store = json_incref(json_object_get(stat, "store"));
    json_decref(stat);
    return store;
}

/* What was found is good for five seconds, however many ask. */
static void a_store_that_is_only_read_is_degraded_with_the_reason(void **state)
{
    (void)state;
    json_decref(stat_store("ok"));
    world.ports.on_call = store_full;
    json_decref(stat_store("ok"));
    world_pass(&world, OPS_WRITE_LOOK_EVERY_MS);
    for (int i = 0; i < 3; i++) {
        json_t *store = stat_store("degraded");
        assert_true(ops_json_flag(store, "reachable", false));
        assert_false(ops_json_flag(store, "writable", true));
        assert_string_equal(ops_json_text(store, "reason", ""), "it can't be written");
        json_decref(store);
    }
    world.ports.on_call = NULL;
    json_decref(stat_store("degraded"));
    world_pass(&world, OPS_WRITE_LOOK_EVERY_MS);
    json_decref(stat_store("ok"));
}

static void an_actor_that_can_not_be_read_is_refused_by_name(void **state)
{
    (void)state;
    static const char *const names[] = {"a\nb",
                                        "a\xe2\x80\x8b"
                                        "b",
                                        "a\xf3\xa0\x81\x81"
                                        "b",
                                        "a\xe2\x80\xae"
                                        "b"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        json_t *input = json_pack("{s:s, s:s}", "secret_code", WORLD_SECRET, "actor", names[i]);
        struct ops_answer answer;
        const struct ops_call call = {.operation = ops_operation_by_function(ops_view_of("ops_maintenanceend")),
                                      .input = input};
        ops_answer_init(&answer);
        json_decref(world_call(&world, &call, &answer));
        assert_int_equal(answer.status, OPS_INVALID_FIELD);
        ops_answer_release(&answer);
        json_decref(input);
    }
}

static void the_table_finds_every_operation_by_its_one_name(void **state)
{
    (void)state;
    size_t count;
    const struct ops_operation *operations = ops_operations(&count);
    assert_int_equal(count, 19);
    for (size_t i = 0; i < count; i++) {
        const struct ops_operation *operation = &operations[i];
        assert_int_not_equal(operation->route != NULL, operation->function != NULL);
        assert_ptr_equal(operation->route ? ops_operation_by_route(ops_view_of(operation->route))
                                          : ops_operation_by_function(ops_view_of(operation->function)),
                         operation);
        assert_true(operation->function || !operation->access || operation->access != OPS_ACCESS_SECRET);
    }
    assert_null(ops_operation_by_route(ops_view_of("/ops/ping/")));
    assert_null(ops_operation_by_function(ops_view_of("ops_vacuum")));
    assert_null(ops_operation_by_function(ops_view_of("ping")));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    ops_mem_use(NULL);
    const struct CMUnitTest tests[] = {
        CASE(every_operation_takes_what_is_right_and_names_what_is_wrong),
        CASE(a_query_is_read_as_texts),
        CASE(a_text_is_as_long_as_it_has_characters),
        CASE(a_refusal_of_a_length_tells_the_limits),
        CASE(a_session_is_taken_from_the_header_before_the_body),
        CASE(a_guid_of_129_characters_is_no_session),
        CASE(a_session_that_has_run_out_does_not_count),
        CASE(sessions_that_cannot_be_checked_never_pass),
        CASE(a_window_brings_its_revision_and_a_list_does_not),
        CASE(the_actor_of_an_operator_is_in_stats_and_in_the_trail),
        CASE(a_text_of_blanks_alone_is_none),
        CASE(a_name_that_is_no_field_is_shown_short_and_escaped),
        CASE(texts_with_quotes_control_and_high_characters_come_back_as_they_were),
        CASE(a_surface_s_own_refusal_has_the_same_envelope),
        CASE(statuses_between_rooms_go_out_under_tags_of_the_contract),
        CASE(an_answer_may_be_used_again_and_forgets_the_one_before),
        CASE(while_the_store_is_down_every_call_says_so_and_stat_is_degraded),
        CASE(a_store_that_is_only_read_is_degraded_with_the_reason),
        CASE(an_actor_that_can_not_be_read_is_refused_by_name),
        CASE(the_table_finds_every_operation_by_its_one_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
