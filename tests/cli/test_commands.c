/* Command lines in, requests and exit codes out. */
#include "cli/fake.h"

#include "base/json.h"
#include "surfaces/cli/generate.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ID "01JDE9Q3F0V8M4T6XK2R7W5N1B"
#define SECRET " --secret-code correct~horse~battery"
#define WITH_SECRET(members) "{\"secret_code\":\"correct horse battery\"," members "}"
#define WINDOW                                                                                                              \
    "{\"success\":true,\"data\":{\"maintenance_id\":\"" ID "\",\"status\":\"scheduled\",\"description\":\"d\","             \
    "\"estimated_duration_seconds\":3600,\"scheduled_start_utc\":\"2025-11-24T03:47:05Z\",\"updates\":[],\"revision\":1}}"
#define VACUUM(status)                                                                                                      \
    "{\"success\":true,\"data\":{\"vacuum_id\":\"" ID                                                                       \
    "\",\"type\":\"org\",\"orgcode\":\"acme\",\"dry_run\":false,\"status\":\"" status                                       \
    "\",\"execute_at\":\"2025-11-24T03:47:53Z\",\"targets\":[],\"totals\":{},\"revision\":1}}"
#define REFUSAL(tag, details)                                                                                               \
    "{\"success\":false,\"error\":{\"major\":{\"tag\":\"conflict\",\"message\":{\"en_US\":\"x\"}},\"minor\":{\"tag\":"      \
    "\"" tag "\",\"message\":{\"en_US\":\"No.\"}},\"details\":" details "}}"

struct request_case {
    const char *line;
    const char *answer;
    const char *url; /* a path, or a whole URL */
    const char *body;
};

static const struct request_case request_cases[] = {
    {"maintenance-schedule --description Move~it --duration 3600 --start 2026-01-01T00:00:00Z" SECRET, WINDOW,
     "ops_maintenanceschedule",
     WITH_SECRET("\"description\":\"Move it\",\"estimated_duration_seconds\":3600,\"scheduled_start_utc\":"
                 "\"2026-01-01T00:00:00Z\",\"actor\":\"ops-user\"")},
    {"maintenance-start --maintenance-id " ID " --expected-revision 3 --actor bob" SECRET, WINDOW, "ops_maintenancestart",
     WITH_SECRET("\"maintenance_id\":\"" ID "\",\"expected_revision\":3,\"actor\":\"bob\"")},
    {"maintenance-update --text half --reason slow" SECRET, WINDOW, "ops_maintenanceupdate",
     WITH_SECRET("\"text\":\"half\",\"reason\":\"slow\",\"actor\":\"ops-user\"")},
    {"maintenance-update --description=--new --duration=60" SECRET, WINDOW, "ops_maintenanceupdate",
     WITH_SECRET("\"description\":\"--new\",\"estimated_duration_seconds\":60,\"actor\":\"ops-user\"")},
    {"maintenance-end --end-message done" SECRET, WINDOW, "ops_maintenanceend",
     WITH_SECRET("\"end_message\":\"done\",\"actor\":\"ops-user\"")},
    {"maintenance-cancel --maintenance-id " ID SECRET, WINDOW, "ops_maintenancecancel",
     WITH_SECRET("\"maintenance_id\":\"" ID "\",\"actor\":\"ops-user\"")},
    {"maintenance schedule --description Move~it --duration 1h30m --start +45m" SECRET, WINDOW, "ops_maintenanceschedule",
     WITH_SECRET("\"description\":\"Move it\",\"estimated_duration_seconds\":5400,\"scheduled_start_utc\":"
                 "\"2025-11-24T04:27:53Z\",\"actor\":\"ops-user\"")},
    {"vacuum-all --confirmation-phrase VACUUM~ALL~DATA~PERMANENTLY --yes" SECRET, VACUUM("pending"), "ops_vacuumall",
     WITH_SECRET("\"confirmation_phrase\":\"VACUUM ALL DATA PERMANENTLY\",\"actor\":\"ops-user\"")},
    {"vacuum all --confirmation-phrase VACUUM~ALL~DATA~PERMANENTLY --plan-sha256 abc" SECRET, VACUUM("pending"),
     "ops_vacuumall",
     WITH_SECRET("\"confirmation_phrase\":\"VACUUM ALL DATA PERMANENTLY\",\"plan_sha256\":\"abc\",\"actor\":\"ops-user\"")},
    {"vacuum-org --orgcode acme --dry-run" SECRET, VACUUM("completed"), "ops_vacuumorg",
     WITH_SECRET("\"orgcode\":\"acme\",\"dry_run\":true,\"actor\":\"ops-user\"")},
    {"vacuum-cancel --vacuum-id " ID SECRET, VACUUM("cancelled"), "ops_vacuumcancel",
     WITH_SECRET("\"vacuum_id\":\"" ID "\",\"actor\":\"ops-user\"")},
    {"vacuum-status", VACUUM("running"), "ops_vacuumstatus", "{}"},
    {"vacuum-status --vacuum-id " ID " --actor bob", VACUUM("failed"), "ops_vacuumstatus", "{\"vacuum_id\":\"" ID "\"}"},
    {"sweep", "{\"success\":true,\"data\":{\"maintenance_started\":0}}", "ops_sweep", "{}"},
    {"audit-list --limit 5 --next-token t", "{\"success\":true,\"data\":{\"items\":[],\"next_token\":null}}",
     "ops_auditlist", "{\"limit\":5,\"next_token\":\"t\"}"},
};

static void each_mutating_command_sends_just_the_fields_of_its_function(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof request_cases / sizeof request_cases[0]; i++) {
        const struct request_case *expected = &request_cases[i];
        struct fake fake;
        fake_init(&fake);
        fake_answer(&fake, OPS_OK, 200, expected->answer);
        char line[512], url[256];
        snprintf(line, sizeof line, "%s --data /srv/ops", expected->line);
        snprintf(url, sizeof url, "http://localhost/2015-03-31/functions/%s/invocations", expected->url);
        int code = fake_run(&fake, line);
        if (code != OPS_EXIT_DONE)
            fail_msg("%s: %d %s", line, code, fake.err);
        assert_int_equal(fake.exchange_count, 1);
        assert_string_equal(fake.method, "POST");
        assert_string_equal(fake.url, url);
        assert_string_equal(fake.socket_path, "/srv/ops/invoke.sock");
        assert_string_equal(fake.body, expected->body);
        assert_has(fake.headers, "content-type: application/json");
        fake_release(&fake);
    }
}

static void each_reading_command_asks_the_http_surface(void **state)
{
    (void)state;
    static const struct request_case cases[] = {
        {"ping", "{\"success\":true,\"data\":{\"status\":\"ok\",\"maintenance\":null}}", "http://127.0.0.1:8080/ops/ping",
         NULL},
        {"stat", "{\"success\":true,\"data\":{\"status\":\"ok\",\"uptime_seconds\":61}}", "http://127.0.0.1:8080/ops/stat",
         NULL},
        {"maintenance-list --session-guid g --status all --limit 3 --next-token a/b=",
         "{\"success\":true,\"data\":{\"items\":[]}}",
         "http://127.0.0.1:8080/ops/maintenance/list?status=all&limit=3&next_token=a%2Fb%3D", NULL},
        {"maintenance get --maintenance-id " ID " --session-guid g --endpoint https://ops.example/", WINDOW,
         "https://ops.example/ops/maintenance/get?maintenance_id=" ID, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fake fake;
        fake_init(&fake);
        fake_answer(&fake, OPS_OK, 200, cases[i].answer);
        assert_int_equal(fake_run(&fake, cases[i].line), OPS_EXIT_DONE);
        assert_string_equal(fake.method, "GET");
        assert_string_equal(fake.url, cases[i].url);
        assert_null(fake.socket_path);
        assert_null(fake.body);
        fake_release(&fake);
    }
}

static void without_a_session_windows_are_read_where_operators_are(void **state)
{
    (void)state;
    static const struct request_case cases[] = {
        {"maintenance-list --status all --limit 3", "{\"success\":true,\"data\":{\"items\":[]}}", "ops_maintenancelist",
         "{\"status\":\"all\",\"limit\":3}"},
        {"maintenance-get --maintenance-id " ID, WINDOW, "ops_maintenanceget", "{\"maintenance_id\":\"" ID "\"}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fake fake;
        char url[256];
        fake_init(&fake);
        fake_answer(&fake, OPS_OK, 200, cases[i].answer);
        snprintf(url, sizeof url, "http://localhost/2015-03-31/functions/%s/invocations", cases[i].url);
        assert_int_equal(fake_run(&fake, cases[i].line), OPS_EXIT_DONE);
        assert_string_equal(fake.url, url);
        assert_string_equal(fake.body, cases[i].body);
        fake_release(&fake);
    }
}

static void an_endpoint_that_knows_routes_only_is_asked_by_its_route(void **state)
{
    (void)state;
    struct fake fake;
    fake_init(&fake);
    fake_answer(&fake, OPS_OK, 404, REFUSAL("route-not-found", "{}"));
    fake_answer(&fake, OPS_OK, 401, REFUSAL("session-required", "{}"));
    assert_int_equal(fake_run(&fake, "maintenance-list --endpoint https://ops.example"), OPS_EXIT_REFUSED);
    assert_string_equal(fake.url, "https://ops.example/ops/maintenance/list");
    assert_has(fake.err, "error: session-required");
    assert_has(fake.err, "give --session-guid G");
    fake_release(&fake);
}

static void a_session_guid_travels_in_the_header_only(void **state)
{
    (void)state;
    struct fake fake;
    fake_init(&fake);
    fake_answer(&fake, OPS_OK, 200, "{\"success\":true,\"data\":{\"items\":[],\"next_token\":null}}");
    assert_int_equal(fake_run(&fake, "maintenance-list --session-guid guid-1234"), OPS_EXIT_DONE);
    assert_has(fake.headers, "x-session-guid: guid-1234");
    assert_lacks(fake.url, "guid");
    assert_lacks(fake.words, "guid-1234");
    fake_release(&fake);
}

static const struct ops_instance proving = {.http = "http://127.0.0.1:4711",
                                            .invoke = "http://127.0.0.1:4712",
                                            .engine = "aws",
                                            .account = "111122223333",
                                            .region = "eu-west-1",
                                            .pid = 99,
                                            .token = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"};

static enum ops_status find_proving(const char *data_dir, struct ops_instance *ret_instance, struct ops_error *error)
{
    (void)data_dir;
    (void)error;
    *ret_instance = proving;
    return OPS_OK;
}

static enum ops_status find_nobody(const char *data_dir, struct ops_instance *ret_instance, struct ops_error *error)
{
    *ret_instance = (struct ops_instance){.pid = 0};
    return ops_fail(error, OPS_UNREACHABLE, "No serve on %s.", data_dir);
}

static void the_service_tells_where_it_listens(void **state)
{
    (void)state;
    struct fake fake;
    fake_init(&fake);
    setenv("G3NOPS_DATA", "/srv/ops", 1);
    fake_answer(&fake, OPS_OK, 200, "{\"success\":true,\"data\":{}}");
    assert_int_equal(fake_run(&fake, "ping"), OPS_EXIT_DONE);
    assert_string_equal(fake.url, "http://127.0.0.1:8080/ops/ping");
    assert_int_equal(fake_run(&fake, "sweep"), OPS_EXIT_DONE);
    assert_string_equal(fake.socket_path, "/srv/ops/invoke.sock");
    assert_int_equal(fake_run(&fake, "sweep --endpoint unix:/x/y.sock"), OPS_EXIT_DONE);
    assert_string_equal(fake.socket_path, "/x/y.sock");
    fake_release(&fake);
}

static void without_a_serve_nobody_is_asked(void **state)
{
    (void)state;
    static const char *const lines[] = {"ping --data /srv/ops", "sweep --data /srv/ops",
                                        "maintenance-end --data /srv/ops" SECRET,
                                        "maintenance-list --session-guid guid-1234 --data /srv/ops"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct fake fake;
        fake_init(&fake);
        fake.host.find_instance = find_nobody;
        assert_int_equal(fake_run(&fake, lines[i]), OPS_EXIT_UNREACHABLE);
        assert_has(fake.err, "No serve on /srv/ops.");
        assert_int_equal(fake.exchange_count, 0);
        fake_release(&fake);
    }
}

static void what_can_not_prove_itself_is_sent_nothing(void **state)
{
    (void)state;
    static const char *const answers[] = {
        "{\"success\":true,\"data\":{}}", "{\"proof\":\"\"}", "<html>",
        "{\"proof\":\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"}"};
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        struct fake fake;
        fake_init(&fake);
        fake.host.find_instance = find_proving;
        fake_answer(&fake, OPS_OK, 200, answers[i]);
        assert_int_equal(fake_run(&fake, "maintenance-end" SECRET), OPS_EXIT_UNREACHABLE);
        assert_has(fake.err, "can't prove what that one knows. Nothing was sent to it.");
        assert_int_equal(fake.exchange_count, 1);
        assert_string_equal(fake.url, "http://127.0.0.1:4712/.well-known/g3nops-serve");
        assert_has(fake.headers, "x-ops-nonce: ");
        assert_lacks(fake.headers, proving.token);
        assert_null(fake.body);
        fake_release(&fake);
    }
}

static void another_engine_or_region_than_the_serves_is_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *line, *variable, *words;
    } cases[] = {
        {"ping --engine local", NULL,
         "works with --engine aws, account 111122223333, region eu-west-1, and this asks for "
         "--engine local"},
        {"sweep", "local", "and this asks for G3NOPS_ENGINE=local"},
        {"sweep", "azure", "G3NOPS_ENGINE must be local or aws, not 'azure'."},
        {"ping --region us-east-1", NULL, "and this asks for --region us-east-1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fake fake;
        fake_init(&fake);
        fake.host.find_instance = find_proving;
        if (cases[i].variable)
            setenv("G3NOPS_ENGINE", cases[i].variable, 1);
        assert_int_equal(fake_run(&fake, cases[i].line), OPS_EXIT_USAGE);
        assert_has(fake.err, cases[i].words);
        assert_int_equal(fake.exchange_count, 0);
        fake_release(&fake);
    }
}

static void a_secret_code_goes_over_no_way_that_others_can_read(void **state)
{
    (void)state;
    static const struct {
        const char *endpoint;
        bool goes;
    } cases[] = {{"http://127.0.0.1:9001", true},
                 {"http://localhost:9001/", true},
                 {"http://[::1]:9001", true},
                 {"unix:/srv/ops/invoke.sock", true},
                 {"https://ops.example.com", true},
                 {"http://ops.example.com:9001", false},
                 {"http://192.0.2.2:9001", false},
                 {"http://localhost.example.com", false},
                 {"http://127.0.0.1.example.com", false},
                 {"http://127.example.com:80", false},
                 {"http://[::1].example.com", false},
                 {"http://[2001:db8::1]:80", false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fake fake;
        char line[256];
        fake_init(&fake);
        fake_answer(&fake, OPS_OK, 200, "{\"success\":true,\"data\":{}}");
        (void)snprintf(line, sizeof line, "maintenance-end --secret-code c --endpoint %s", cases[i].endpoint);
        int code = fake_run(&fake, line);
        if (code != (cases[i].goes ? OPS_EXIT_DONE : OPS_EXIT_USAGE) || (fake.exchange_count > 0) != cases[i].goes)
            fail_msg("%s: exit code %d after %d requests", cases[i].endpoint, code, (int)fake.exchange_count);
        fake_release(&fake);
    }
}

static void who_answered_is_told_on_a_terminal_alone(void **state)
{
    (void)state;
    struct fake fake;
    fake_init(&fake);
    fake_answer(&fake, OPS_OK, 200, "{\"success\":true,\"data\":{}}");
    assert_int_equal(fake_run(&fake, "sweep --data /srv/ops"), OPS_EXIT_DONE);
    assert_string_equal(fake.err, "");
    fake.err_terminal = true;
    assert_int_equal(fake_run(&fake, "sweep --data /srv/ops --no-color"), OPS_EXIT_DONE);
    assert_string_equal(fake.err,
                        "answered by: endpoint unix:/srv/ops/invoke.sock, engine local, data /srv/ops,\n  process 4711\n");
    assert_int_equal(fake_run(&fake, "sweep --data /srv/ops --json"), OPS_EXIT_DONE);
    assert_string_equal(fake.err, "");
    fake_release(&fake);
}

static void a_refusal_is_exit_1_with_tag_details_and_a_hint(void **state)
{
    (void)state;
    static const struct {
        const char *answer, *line, *hint;
    } cases[] = {
        {REFUSAL("vacuum-in-progress", "{\"vacuum_id\":\"" ID "\"}"), "  vacuum id: " ID, "vacuum-cancel --vacuum-id " ID},
        {REFUSAL("secret-code-not-set", "{}"), "error: secret-code-not-set: No.", "g3nops secret-set"},
        {REFUSAL("secret-code-locked", "{\"retry_after_seconds\":64}"), "  retry after: 1m 4s", "wait 64 s"},
        {REFUSAL("maintenance-already-active", "{\"maintenance_id\":\"" ID "\"}"), "error: maintenance-already-active",
         "maintenance-end --maintenance-id " ID},
        {REFUSAL("maintenance-already-active", "{}"), "error: maintenance-already-active", "'g3nops maintenance-end'"},
        {REFUSAL("vacuum-not-pending", "{\"vacuum_id\":\"" ID "\",\"status\":\"running\"}"), "error: vacuum-not-pending",
         "hint: it is running: unless it is a dry run, what is gone is gone. If it must not go on, stop every 'g3nops "
         "serve' at "
         "once"},
        {REFUSAL("vacuum-not-pending", "{\"vacuum_id\":\"" ID "\",\"status\":\"pending\"}"), "  status: pending\n",
         "hint: it starts now. If it must not go on, stop every 'g3nops serve' at once"},
        {REFUSAL("vacuum-not-pending", "{\"vacuum_id\":\"" ID "\",\"status\":\"completed\"}"), "error: vacuum-not-pending",
         "hint: it is over; see how it ended with 'g3nops vacuum-status --vacuum-id " ID "'"},
        {REFUSAL("vacuum-not-pending", "{\"vacuum_id\":\"" ID "\",\"status\":\"failed\"}"), "  status: failed\n",
         "hint: it is over; see how it ended"},
        {REFUSAL("vacuum-not-pending", "{\"vacuum_id\":\"" ID "\",\"status\":\"cancelled\"}"), "  status: cancelled\n",
         "hint: it was cancelled before: it has deleted nothing"},
        {REFUSAL("vacuum-not-pending", "{\"vacuum_id\":\"" ID "\",\"status\":\"paused\"}"), "  status: paused\n",
         "hint: see what it does with 'g3nops vacuum-status --vacuum-id " ID " --watch'"},
        {REFUSAL("invalid-field", "{\"field\":\"orgcode\",\"max\":64}"), "  field: orgcode\n  max: 64\n", ""},
        {REFUSAL("invalid-field", "{\"field\":\"plan_sha256\",\"max\":64}"), "  flag: --plan-sha256\n  max: 64\n", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fake fake;
        fake_init(&fake);
        fake_answer(&fake, OPS_OK, 200, cases[i].answer);
        assert_int_equal(fake_run(&fake, "vacuum-all --dry-run" SECRET), OPS_EXIT_REFUSED);
        assert_has(fake.err, cases[i].line);
        assert_has(fake.err, cases[i].hint);
        assert_string_equal(fake.out, "");
        fake_release(&fake);
    }
}

static void a_service_that_is_not_there_is_exit_3_with_what_to_do(void **state)
{
    (void)state;
    struct fake fake;
    fake_init(&fake);
    fake_answer(&fake, OPS_UNREACHABLE, 0, NULL);
    assert_int_equal(fake_run(&fake, "ping --data /srv/ops"), OPS_EXIT_UNREACHABLE);
    assert_has(fake.err, "is 'g3nops serve' running with --data /srv/ops?");
    assert_int_equal(fake_run(&fake, "ping --json"), OPS_EXIT_UNREACHABLE);
    assert_has(fake.out, "\"tag\":\"unreachable\"");
    fake_release(&fake);
}

static void an_answer_that_was_lost_is_exit_3_and_says_so(void **state)
{
    (void)state;
    struct fake fake;
    fake_init(&fake);
    fake_answer(&fake, OPS_UNKNOWN, 0, NULL);
    assert_int_equal(fake_run(&fake, "maintenance-end" SECRET), OPS_EXIT_UNREACHABLE);
    assert_has(fake.err, "may or may not have been carried out");
    fake_release(&fake);
}

static void a_stranger_at_the_address_is_exit_3(void **state)
{
    (void)state;
    struct fake fake;
    fake_init(&fake);
    fake_answer(&fake, OPS_OK, 404, "<html>Apache</html>");
    assert_int_equal(fake_run(&fake, "ping"), OPS_EXIT_UNREACHABLE);
    assert_has(fake.err, "HTTP status 404) is not g3nops");
    fake_release(&fake);
}

static void json_output_is_the_services_envelope_and_who_answered(void **state)
{
    (void)state;
    static const struct {
        const char *answer;
        int code;
    } cases[] = {{WINDOW, OPS_EXIT_DONE}, {REFUSAL("no-active-maintenance", "{}"), OPS_EXIT_REFUSED}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fake fake;
        char expected[1024];
        fake_init(&fake);
        fake_answer(&fake, OPS_OK, 200, cases[i].answer);
        assert_int_equal(fake_run(&fake, "--json maintenance-end --endpoint unix:/x/y.sock" SECRET), cases[i].code);
        snprintf(expected, sizeof expected, "%.*s,\"answered_by\":{\"endpoint\":\"unix:/x/y.sock\"}}\n",
                 (int)strlen(cases[i].answer) - 1, cases[i].answer);
        assert_string_equal(fake.out, expected);
        assert_string_equal(fake.err, "");
        fake_release(&fake);
    }
}

static void wrong_usage_with_json_is_an_envelope_too(void **state)
{
    (void)state;
    struct fake fake;
    json_t *envelope = NULL;
    fake_init(&fake);
    assert_int_equal(fake_run(&fake, "vacuum-org --json"), OPS_EXIT_USAGE);
    assert_int_equal(ops_json_parse_object(ops_view_of(fake.out), &envelope, NULL), OPS_OK);
    assert_false(ops_json_flag(envelope, "success", true));
    const json_t *minor = json_object_get(json_object_get(envelope, "error"), "minor");
    assert_string_equal(ops_json_text(minor, "tag", ""), "usage");
    assert_string_equal(fake.err, "");
    json_decref(envelope);
    fake_release(&fake);
}

static void wrong_usage_is_exit_2_with_a_sentence(void **state)
{
    (void)state;
    static const struct {
        const char *line, *sentence;
    } cases[] = {
        {"", "No command is given"},
        {"vacum-org", "There is no command 'vacum-org'; did you mean 'vacuum-org'?"},
        {"frobnicate", "There is no command 'frobnicate'; 'g3nops help' lists them."},
        {"help vacuum-al", "did you mean 'vacuum-all'?"},
        {"vacuum-org --orgcode a --dryrun", "did you mean '--dry-run'?"},
        {"vacuum-org --orgcode a --dry", "did you mean '--dry-run'?"},
        {"vacuum-org --orgcode a --secret-coed=" FAKE_SECRET,
         "There is no flag '--secret-coed'; did you mean '--secret-code'?"},
        {"vacuum-org", "--orgcode ORG is required."},
        {"vacuum-org", "usage: g3nops vacuum-org --orgcode ORG"},
        {"vacuum-org --orgcode a --orgcode b", "--orgcode is given twice."},
        {"vacuum-org --orgcode --dry-run", "--orgcode needs a value"},
        {"vacuum-org --orgcode=", "--orgcode has an empty value."},
        {"vacuum-org --orgcode a --dry-run=yes", "--dry-run takes no value."},
        {"vacuum-org --orgcode a b", "'b' is a word too many"},
        {"maintenance-update --duration soon", "--duration takes seconds, or days, hours, minutes and seconds, each"},
        {"maintenance-update --duration 2h1d", "not '2h1d'."},
        {"maintenance-update --duration 1h30",
         "a whole number with d, h, m or s behind it, in this order and without spaces, such "
         "as 90s, 45m, 1h30m or 1d12h, not '1h30'."},
        {"maintenance-update --duration 1.5h", "each a whole number"},
        {"maintenance-update --duration 1h~30m", "without spaces"},
        {"maintenance-update" SECRET, "At least one of --description, --duration and --text is required."},
        {"maintenance-update --expected-revision 2" SECRET, "(--description TEXT | --duration DURATION"},
        {"audit-accept-rollback" SECRET, "--reason TEXT is required."},
        {"maintenance-update --duration 99999999999999999999", "--duration takes seconds, or days"},
        {"maintenance-update --duration 1000000001", "--duration must be between 0 and 1000000000 seconds, not 1000000001."},
        {"session-create --user u --ttl 0m", "--ttl must be between 1 and 1000000000 seconds, not 0m."},
        {"maintenance-schedule --description d --duration 1h" SECRET, "--start TIME or --now is required."},
        {"maintenance-schedule --description d --duration 1h --now --start +1h" SECRET, "--start and --now are both given"},
        {"maintenance-schedule --description d --duration 1h" SECRET, "(--start TIME | --now)"},
        {"maintenance-schedule --description d --duration 1h --start +0m" SECRET,
         "--start +0m is now, and it must be in the future: give one such as +45m, or --now."},
        {"maintenance-schedule --description d --duration 1h --start +0" SECRET, "--start +0 is now"},
        {"maintenance-schedule --description d --duration 1h --start soon" SECRET, "--start takes a time in UTC"},
        {"maintenance-schedule --description d --duration 1h --start 2026-12-01T03:00" SECRET,
         "--start 2026-12-01T03:00 has no zone; add Z"},
        {"maintenance-end --maintenance-id 01JDE" SECRET,
         "--maintenance-id takes an id, at least 6 characters of its beginning"},
        {"limit --limit ten", "There is no command 'limit'"},
        {"vacuum-list --limit ten", "--limit takes a whole number, not 'ten'."},
        {"vacuum", "'vacuum' goes on with one of: org, all, cancel, status, list."},
        {"vacuum --json-not", "'vacuum' goes on with one of: org, all, cancel, status, list."},
        {"vacuum ogr", "There is no command 'vacuum ogr'; did you mean 'vacuum-org'?"},
        {"help maintenance frobnicate", "There is no command 'maintenance-frobnicate'"},
        {"maintenance-list --status gone", "--status must be one of current|scheduled|active|ended|cancelled|all"},
        {"serve --workers 0", "--workers must be between 1 and 64, not 0."},
        {"completion zsh", "SHELL must be one of bash|fish, not 'zsh'."},
        {"ping --endpoint ftp://x", "An endpoint is http://..., https://... or unix:PATH, not 'ftp://x'."},
        {"maintenance-end", "there is no terminal to ask on; give --secret-code-file F"},
        {"vacuum-all --yes" SECRET, "--confirmation-phrase PHRASE is required without a terminal."},
        {"vacuum-all --confirmation-phrase VACUUM~ALL~DATA~PERMANENTLY" SECRET,
         "Without a terminal nobody can be asked: give --plan-sha256 of a dry run, or --yes, if this is meant."},
        {"vacuum-org --orgcode acme" SECRET, "Without a terminal nobody can be asked: give --plan-sha256"},
        {"vacuum-all --dry-run --secret-code-file x" SECRET, "one is enough"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fake fake;
        fake_init(&fake);
        assert_int_equal(fake_run(&fake, cases[i].line), OPS_EXIT_USAGE);
        assert_has(fake.err, cases[i].sentence);
        assert_string_equal(fake.out, "");
        assert_int_equal(fake.exchange_count, 0);
        fake_release(&fake);
    }
}

/* A value that the flag takes. */
static const char *value_for(const struct ops_cli_flag *flag)
{
    static const char *const values[] = {
        [OPS_FLAG_TEXT] = "x",      [OPS_FLAG_INTEGER] = "1",
        [OPS_FLAG_DURATION] = "1h", [OPS_FLAG_TIME] = "+1h",
        [OPS_FLAG_VACUUM_ID] = ID,  [OPS_FLAG_WINDOW_ID] = ID,
        [OPS_FLAG_CHOICE] = "?",    [OPS_FLAG_FILE] = "/dev/null",
        [OPS_FLAG_DIRECTORY] = "/", [OPS_FLAG_SECRET] = "Seven~times.",
    };
    return values[flag->kind];
}

/* The command with every flag that it requires, but for one; and its positional word unless that is left out. */
static void write_line(const struct ops_cli_command *command, const struct ops_cli_flag *without, bool positional,
                       char *line, size_t size)
{
    snprintf(line, size, "%s", command->name);
    if (positional && command->positional_required)
        snprintf(line + strlen(line), size - strlen(line), " %.4s", command->positional_choices);
    for (const struct ops_cli_flag *flag = command->flags; flag->name; flag++)
        if (flag->required && flag != without)
            snprintf(line + strlen(line), size - strlen(line), " %s %s", flag->name, value_for(flag));
    if (command->one_of)
        snprintf(line + strlen(line), size - strlen(line), " %.*s 7200", (int)strcspn(command->one_of, "|"),
                 command->one_of);
    if (command->shared & 1u << OPS_FLAGS_SECRET)
        snprintf(line + strlen(line), size - strlen(line), SECRET);
}

static void run_line(const char *line, bool refused, const char *sentence)
{
    struct fake fake;
    fake_init(&fake);
    fake_answer(&fake, OPS_OK, 200, "{\"success\":true,\"data\":{\"items\":[]}}");
    int code = fake_run(&fake, line);
    if (refused) {
        assert_int_equal(code, OPS_EXIT_USAGE);
        assert_int_equal(fake.exchange_count, 0);
        assert_has(fake.err, sentence);
    } else {
        assert_lacks(fake.err, sentence);
    }
    fake_release(&fake);
}

/* The usage line of a command, in one line. */
static void read_usage(const struct ops_cli_command *command, char *ret_usage, size_t size)
{
    struct ops_buf usage;
    ops_buf_init(&usage, 4096);
    ops_help_append_usage(&usage, command, 4000);
    snprintf(ret_usage, size, "%s", ops_buf_text(&usage));
    ops_buf_release(&usage);
}

static bool demands_first(const struct ops_cli_command *command, const struct ops_cli_flag *flag)
{
    return strncmp(command->one_of, flag->name, strlen(flag->name)) == 0;
}

static void what_a_command_demands_is_what_its_usage_shows(void **state)
{
    (void)state;
    size_t count, demands = 0;
    const struct ops_cli_command *commands = ops_cli_commands(&count);
    for (size_t i = 0; i < count; i++) {
        char usage[4096], line[512], wanted[128], instead[128];
        read_usage(&commands[i], usage, sizeof usage);
        write_line(&commands[i], NULL, true, line, sizeof line);
        run_line(line, false, " is required.");
        for (const struct ops_cli_flag *flag = commands[i].flags; flag->name; flag++) {
            snprintf(wanted, sizeof wanted, " [%s%s%s]", flag->name, flag->placeholder ? " " : "",
                     flag->placeholder ? flag->placeholder : "");
            if (!flag->required) {
                snprintf(instead, sizeof instead, "| %s", flag->name);
                if (!strstr(usage, wanted) && !strstr(usage, instead) &&
                    !(commands[i].one_of && demands_first(&commands[i], flag)))
                    fail_msg("%s: %s", wanted, usage);
                continue;
            }
            demands++;
            assert_lacks(usage, wanted);
            snprintf(wanted, sizeof wanted, "%s%s %s", flag->unless ? "(" : " ", flag->name, flag->placeholder);
            assert_has(usage, wanted);
            write_line(&commands[i], flag, true, line, sizeof line);
            snprintf(wanted, sizeof wanted, "%s %s%s%s is required.", flag->name, flag->placeholder,
                     flag->unless ? " or " : "", flag->unless ? flag->unless : "");
            run_line(line, true, wanted);
        }
        if (commands[i].positional_required) {
            snprintf(wanted, sizeof wanted, " %s ", commands[i].positional);
            assert_has(usage, wanted);
            write_line(&commands[i], NULL, false, line, sizeof line);
            snprintf(wanted, sizeof wanted, "%s is required.", commands[i].positional);
            run_line(line, true, wanted);
        }
    }
    assert_true(demands > 5);
}

static void a_secret_in_argv_is_wiped_even_when_the_rest_is_wrong(void **state)
{
    (void)state;
    struct fake fake;
    fake_init(&fake);
    assert_int_equal(fake_run(&fake, "vacuum-org --secret-code=correct~horse~battery"), OPS_EXIT_USAGE);
    assert_has(fake.words, "--secret-code=xxxxxxxxxxxxxxxxxxxxx ");
    assert_int_equal(fake_run(&fake, "ping" SECRET), OPS_EXIT_USAGE);
    assert_has(fake.words, "--secret-code xxxxxxxxxxxxxxxxxxxxx ");
    assert_int_equal(fake_run(&fake, "vacuum-org --orgcode a --secret-code hush my-secret-tail"), OPS_EXIT_USAGE);
    assert_lacks(fake.err, "my-secret-tail");
    fake_release(&fake);
}

static void a_secret_comes_from_a_file_the_environment_or_a_prompt(void **state)
{
    (void)state;
    char path[] = "/tmp/g3nops-cli-XXXXXX", line[128];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, FAKE_SECRET "\n", sizeof FAKE_SECRET), sizeof FAKE_SECRET);
    struct fake fake;
    fake_init(&fake);
    fake_answer(&fake, OPS_OK, 200, WINDOW);
    snprintf(line, sizeof line, "maintenance-end --secret-code-file %s", path);
    assert_int_equal(fake_run(&fake, line), OPS_EXIT_DONE);
    assert_has(fake.body, "\"secret_code\":\"" FAKE_SECRET "\"");
    assert_string_equal(fake.err, "");
    fchmod(fd, 0644);
    assert_int_equal(fake_run(&fake, line), OPS_EXIT_DONE);
    assert_has(fake.err, "can be read by other users");
    lseek(fd, 0, SEEK_SET);
    fake.host.in = fdopen(fd, "r");
    assert_int_equal(fake_run(&fake, "maintenance-end --secret-code-file -"), OPS_EXIT_DONE);
    assert_has(fake.body, "\"secret_code\":\"" FAKE_SECRET "\"");
    fclose(fake.host.in);
    unlink(path);
    setenv("G3NOPS_SECRET_CODE", "quote\" back\\ tab\t", 1);
    assert_int_equal(fake_run(&fake, "maintenance-end"), OPS_EXIT_DONE);
    assert_has(fake.body, "{\"secret_code\":\"quote\\\" back\\\\ tab\\u0009\",");
    unsetenv("G3NOPS_SECRET_CODE");
    fake.typed[0] = FAKE_SECRET;
    assert_int_equal(fake_run(&fake, "maintenance-end"), OPS_EXIT_DONE);
    assert_string_equal(fake.prompts, "Secret code: (no echo)\n");
    assert_has(fake.body, "\"secret_code\":\"" FAKE_SECRET "\"");
    fake_release(&fake);
}

static void a_file_that_is_not_there_is_named(void **state)
{
    (void)state;
    struct fake fake;
    fake_init(&fake);
    assert_int_equal(fake_run(&fake, "maintenance-end --secret-code-file /nonexistent/code"), OPS_EXIT_REFUSED);
    assert_has(fake.err, "/nonexistent/code: No such file or directory");
    fake_release(&fake);
}

#define LIST(items, token) "{\"success\":true,\"data\":{\"items\":[" items "],\"next_token\":" token "}}"
#define DRY_RUN(orgcode, matched)                                                                                           \
    "{\"vacuum_id\":\"" ID "\",\"orgcode\":\"" orgcode "\",\"dry_run\":true,\"status\":\"completed\",\"finished_at\":"      \
    "\"2025-11-23T03:00:00Z\",\"plan_sha256\":\"5c\",\"totals\":{\"matched\":" matched "}}"
#define NO_DRY_RUN                                                                                                          \
    "{\"orgcode\":\"acme\",\"dry_run\":false,\"finished_at\":\"2025-11-23T03:00:00Z\",\"totals\":{\"matched\":1}},"         \
    "{\"dry_run\":true,\"finished_at\":\"2025-11-23T03:00:00Z\",\"totals\":{\"matched\":1}},"                               \
    "{\"orgcode\":\"acme\",\"dry_run\":true,\"status\":\"running\",\"totals\":{\"matched\":1}}," DRY_RUN("acme2", "7")

struct confirm_case {
    const char *line, *typed;
    int code;
};

static void a_real_vacuum_is_confirmed_on_a_terminal(void **state)
{
    (void)state;
    static const struct confirm_case cases[] = {
        {"vacuum-org --orgcode acme" SECRET, "acme", OPS_EXIT_DONE},
        {"vacuum-org --orgcode acme" SECRET, "acm", OPS_EXIT_REFUSED},
        {"vacuum-org --orgcode acme" SECRET, "yes", OPS_EXIT_REFUSED},
        {"vacuum-org --orgcode acme --yes --plan-sha256 abc" SECRET, "yes", OPS_EXIT_REFUSED},
        {"vacuum-all" SECRET, "VACUUM ALL DATA PERMANENTLY", OPS_EXIT_DONE},
        {"vacuum-all" SECRET, "vacuum all data permanently", OPS_EXIT_REFUSED},
        {"vacuum-all --yes" SECRET, "y", OPS_EXIT_REFUSED},
        {"vacuum-all --confirmation-phrase VACUUM~ALL~DATA~PERMANENTLY" SECRET, "vacuum all", OPS_EXIT_DONE},
        {"vacuum-all --confirmation-phrase VACUUM~ALL~DATA~PERMANENTLY" SECRET, "y", OPS_EXIT_REFUSED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fake fake;
        bool of_all = strncmp(cases[i].line, "vacuum-all", 10) == 0;
        fake_init(&fake);
        fake.in_terminal = true;
        fake.typed[0] = cases[i].typed;
        if (!of_all)
            fake_answer(&fake, OPS_OK, 200, LIST(DRY_RUN("acme", "7"), "null"));
        fake_answer(&fake, OPS_OK, 200, VACUUM("pending"));
        assert_int_equal(fake_run(&fake, cases[i].line), cases[i].code);
        assert_has(fake.err, "Nothing is deleted for 5 minutes");
        assert_int_equal(fake.asked_count, 1);
        assert_int_equal(fake.exchange_count, (cases[i].code == OPS_EXIT_DONE) + !of_all);
        if (cases[i].code == OPS_EXIT_DONE && of_all)
            assert_has(fake.body, "\"confirmation_phrase\":\"VACUUM ALL DATA PERMANENTLY\"");
        if (cases[i].code == OPS_EXIT_REFUSED && !of_all)
            assert_lacks(fake.err, "VACUUM ALL");
        fake_release(&fake);
    }
}

static void a_mistyped_orgcode_is_told_which_one_was_meant(void **state)
{
    (void)state;
    struct fake fake;
    fake_init(&fake);
    fake.in_terminal = true;
    fake.typed[0] = "acem";
    fake_answer(&fake, OPS_OK, 200, LIST(DRY_RUN("acme", "7"), "null"));
    assert_int_equal(fake_run(&fake, "vacuum-org --orgcode acme" SECRET), OPS_EXIT_REFUSED);
    assert_has(fake.err, "hint: what had to be typed is the orgcode, acme\n");
    fake_release(&fake);
}

static void a_dry_run_and_a_script_are_not_asked(void **state)
{
    (void)state;
    static const char *const lines[] = {"vacuum-all --dry-run" SECRET, "vacuum-org --orgcode acme --yes --json" SECRET};
    for (size_t i = 0; i < 2; i++) {
        struct fake fake;
        fake_init(&fake);
        fake.in_terminal = true;
        fake.typed[0] = "nothing";
        if (i == 1)
            fake_answer(&fake, OPS_OK, 200, LIST(DRY_RUN("acme", "7"), "null"));
        fake_answer(&fake, OPS_OK, 200, VACUUM("completed"));
        assert_int_equal(fake_run(&fake, lines[i]), OPS_EXIT_DONE);
        assert_int_equal(fake.asked_count, 0);
        assert_string_equal(fake.err, "");
        fake_release(&fake);
    }
}

static void with_json_a_vacuum_must_be_meant_as_without_a_terminal(void **state)
{
    (void)state;
    struct fake fake;
    fake_init(&fake);
    fake.in_terminal = true;
    assert_int_equal(fake_run(&fake, "vacuum-org --orgcode acme --json" SECRET), OPS_EXIT_USAGE);
    assert_has(fake.out, "With --json nobody can be asked: give --plan-sha256 of a dry run, or --yes");
    assert_int_equal(fake.exchange_count, 0);
    fake_release(&fake);
}

struct known_case {
    const char *flags;
    const char *lists[2]; /* what the service has, in pages */
    bool terminal;
    int code;
    const char *words; /* on standard error; NULL: nothing is warned of */
};

static void an_organisation_that_nobody_looked_for_is_not_asked_for_by_mistake(void **state)
{
    (void)state;
    static const struct known_case cases[] = {
        {"", {LIST(NO_DRY_RUN, "null")}, true, OPS_EXIT_USAGE, "There was no dry run of organisation acme"},
        {"", {LIST("", "null")}, true, OPS_EXIT_USAGE, "Make one first, by --dry-run, or give --yes."},
        {" --yes", {LIST(NO_DRY_RUN, "null")}, true, OPS_EXIT_DONE, NULL},
        {" --yes", {LIST(NO_DRY_RUN, "null")}, false, OPS_EXIT_DONE, NULL},
        {" --plan-sha256 abc",
         {LIST(NO_DRY_RUN, "null")},
         false,
         OPS_EXIT_DONE,
         "warning: the plan is not that of the last dry run of organisation acme, of which there is none; if"},
        {" --plan-sha256 abc",
         {LIST(DRY_RUN("acme", "7"), "null")},
         false,
         OPS_EXIT_DONE,
         "organisation acme, at 2025-11-23T03:00:00Z; if it is not the plan in five minutes, the vacuum ends as "
         "plan-drifted"},
        {" --plan-sha256 5c", {LIST(DRY_RUN("acme", "7"), "null")}, false, OPS_EXIT_DONE, NULL},
        {"", {LIST(NO_DRY_RUN, "\"t\""), LIST(DRY_RUN("acme", "7"), "null")}, true, OPS_EXIT_DONE, NULL},
        {"",
         {LIST(DRY_RUN("acme", "0") "," DRY_RUN("acme", "7"), "null")},
         true,
         OPS_EXIT_DONE,
         "warning: the last dry run of organisation acme, at 2025-11-23T03:00:00Z, matched nothing: is the orgcode right?"},
        {" --yes", {LIST(DRY_RUN("acme", "0"), "null")}, false, OPS_EXIT_DONE, "matched nothing: is the orgcode right?"},
        {" --yes", {REFUSAL("store-unavailable", "{}")}, false, OPS_EXIT_REFUSED, "error: store-unavailable: No."},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fake fake;
        char line[256];
        fake_init(&fake);
        fake.in_terminal = cases[i].terminal;
        fake.typed[0] = cases[i].terminal ? "acme" : NULL;
        for (size_t k = 0; k < 2 && cases[i].lists[k]; k++)
            fake_answer(&fake, OPS_OK, 200, cases[i].lists[k]);
        fake_answer(&fake, OPS_OK, 200, VACUUM("pending"));
        snprintf(line, sizeof line, "vacuum-org --orgcode acme%s" SECRET, cases[i].flags);
        if (fake_run(&fake, line) != cases[i].code)
            fail_msg("case %zu: %s", i, fake.err);
        assert_true((strstr(fake.body, "\"orgcode\":\"acme\"") != NULL) == (cases[i].code == OPS_EXIT_DONE));
        if (cases[i].words)
            assert_has(fake.err, cases[i].words);
        else
            assert_lacks(fake.err, "warning");
        fake_release(&fake);
    }
}

static void a_field_of_the_service_is_named_as_the_flag_that_fills_it(void **state)
{
    (void)state;
    static const struct {
        const char *sentence, *shown;
    } cases[] = {
        {"estimated_duration_seconds must be from 60 to 604800.", "--duration must be from 60 to 604800."},
        {"description must have 1 to 2000 characters.", "--description must have 1 to 2000 characters."},
        {"An update needs at least one of description, estimated_duration_seconds and text.",
         "An update needs at least one of --description, --duration and --text."},
        {"reason must be a text.", "--reason must be a text."},
        {"The text of a description is text.", "The text of a description is text."},
        {"a text and description", "a text and description"},
        {"secret_code and nothing_else", "secret_code and nothing_else"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fake fake;
        char answer[512], shown[512];
        snprintf(answer, sizeof answer,
                 "{\"success\":false,\"error\":{\"minor\":{\"tag\":\"invalid-field\",\"message\":{\"en_US\":\"%s\"}},"
                 "\"details\":{\"field\":\"estimated_duration_seconds\"}}}",
                 cases[i].sentence);
        snprintf(shown, sizeof shown, "error: invalid-field: %s\n  flag: --duration\n", cases[i].shown);
        fake_init(&fake);
        fake_answer(&fake, OPS_OK, 200, answer);
        assert_int_equal(fake_run(&fake, "maintenance-update --text x" SECRET), OPS_EXIT_REFUSED);
        assert_string_equal(fake.err, shown);
        assert_int_equal(fake_run(&fake, "maintenance-update --text x --json" SECRET), OPS_EXIT_REFUSED);
        assert_has(fake.out, cases[i].sentence);
        fake_release(&fake);
    }
}

static int note_handler(struct ops_cli *cli, void *context)
{
    struct ops_error error = OPS_ERROR_INIT;
    const char *dir = NULL;
    assert_string_equal(ops_cli_text(cli, "--user"), "alice");
    assert_int_equal(ops_cli_integer(cli, "--ttl", 900), 900);
    assert_int_equal(ops_cli_data_dir(cli, &dir, &error), OPS_OK);
    assert_string_equal(dir, "/srv/ops");
    assert_string_equal(ops_cli_manifest(cli), "/etc/stack.json");
    if (*(bool *)context)
        return ops_cli_done(cli, json_pack("{s:s}", "session_guid", "g"), "%s", "g");
    (void)ops_fail(&error, OPS_STORE_UNAVAILABLE, "The disk is full.");
    int code = ops_cli_fail(cli, OPS_STORE_UNAVAILABLE, &error);
    ops_error_release(&error);
    return code;
}

static void mains_handlers_get_their_flags_and_say_how_it_ends(void **state)
{
    (void)state;
    static const struct ops_cli_handler handlers[] = {{"session-create", note_handler}};
    bool well = true;
    struct fake fake;
    fake_init(&fake);
    fake.host.handlers = handlers;
    fake.host.handler_count = 1;
    fake.host.context = &well;
    setenv("G3NOPS_MANIFEST", "/etc/stack.json", 1);
    assert_int_equal(fake_run(&fake, "session-create --user alice --data /srv/ops"), OPS_EXIT_DONE);
    assert_string_equal(fake.out, "g\n");
    assert_int_equal(fake_run(&fake, "session-create --user alice --data /srv/ops --json"), OPS_EXIT_DONE);
    assert_has(fake.out, "{\"success\":true,\"data\":{\"session_guid\":\"g\"},\"build\":{\"build_major\":0,");
    well = false;
    assert_int_equal(fake_run(&fake, "session-create --user alice --data /srv/ops"), OPS_EXIT_REFUSED);
    assert_has(fake.err, "error: store-unavailable: The disk is full.\n");
    fake_release(&fake);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_mutating_command_sends_just_the_fields_of_its_function),
        cmocka_unit_test(each_reading_command_asks_the_http_surface),
        cmocka_unit_test(without_a_session_windows_are_read_where_operators_are),
        cmocka_unit_test(an_endpoint_that_knows_routes_only_is_asked_by_its_route),
        cmocka_unit_test(a_session_guid_travels_in_the_header_only),
        cmocka_unit_test(the_service_tells_where_it_listens),
        cmocka_unit_test(without_a_serve_nobody_is_asked),
        cmocka_unit_test(what_can_not_prove_itself_is_sent_nothing),
        cmocka_unit_test(another_engine_or_region_than_the_serves_is_refused_by_name),
        cmocka_unit_test(a_secret_code_goes_over_no_way_that_others_can_read),
        cmocka_unit_test(who_answered_is_told_on_a_terminal_alone),
        cmocka_unit_test(a_refusal_is_exit_1_with_tag_details_and_a_hint),
        cmocka_unit_test(a_service_that_is_not_there_is_exit_3_with_what_to_do),
        cmocka_unit_test(an_answer_that_was_lost_is_exit_3_and_says_so),
        cmocka_unit_test(a_stranger_at_the_address_is_exit_3),
        cmocka_unit_test(json_output_is_the_services_envelope_and_who_answered),
        cmocka_unit_test(wrong_usage_with_json_is_an_envelope_too),
        cmocka_unit_test(wrong_usage_is_exit_2_with_a_sentence),
        cmocka_unit_test(what_a_command_demands_is_what_its_usage_shows),
        cmocka_unit_test(a_secret_in_argv_is_wiped_even_when_the_rest_is_wrong),
        cmocka_unit_test(a_secret_comes_from_a_file_the_environment_or_a_prompt),
        cmocka_unit_test(a_file_that_is_not_there_is_named),
        cmocka_unit_test(a_real_vacuum_is_confirmed_on_a_terminal),
        cmocka_unit_test(a_mistyped_orgcode_is_told_which_one_was_meant),
        cmocka_unit_test(a_dry_run_and_a_script_are_not_asked),
        cmocka_unit_test(with_json_a_vacuum_must_be_meant_as_without_a_terminal),
        cmocka_unit_test(an_organisation_that_nobody_looked_for_is_not_asked_for_by_mistake),
        cmocka_unit_test(a_field_of_the_service_is_named_as_the_flag_that_fills_it),
        cmocka_unit_test(mains_handlers_get_their_flags_and_say_how_it_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
