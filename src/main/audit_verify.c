#include "main/commands.h"

#include "adapters/sys/clock.h"
#include "adapters/sys/random.h"
#include "app/audit.h"
#include "app/delivered.h"
#include "base/json.h"
#include "main/embedded.h"
#include "main/engine.h"

#include <stdio.h>
#include <time.h>

/* What CloudWatch Logs has taken it shows a little later. */
enum { LOOKS_MAX = 5, LOOK_AGAIN_MS = 1000 };

struct verdict {
    json_int_t count; /* records that are as they should be */
    struct ops_delivered delivered;
};

static void pause_ms(int64_t wait_ms)
{
    const struct timespec time = {.tv_sec = (time_t)(wait_ms / 1000), .tv_nsec = (long)(wait_ms % 1000) * 1000000};
    (void)nanosleep(&time, NULL); /* a shorter pause is fine too */
}

/* Only the log's end may be on its way still. */
static bool may_come_yet(const struct ops_delivered *delivered)
{
    bool parted = delivered->state == OPS_DELIVERED_BEHIND || delivered->state == OPS_DELIVERED_DIFFERS;
    return !parted && delivered->missing_seq > 0 && delivered->empty_seq == 0;
}

static enum ops_status compare(struct ops_app *app, struct verdict *verdict, struct ops_error *error)
{
    struct ops_delivered *delivered = &verdict->delivered;
    enum ops_status status = ops_delivered_compare(app, 0, delivered, error);
    for (int look = 1; status == OPS_OK && may_come_yet(delivered) && look < LOOKS_MAX; look++) {
        ops_delivered_release(delivered);
        pause_ms(LOOK_AGAIN_MS);
        status = ops_delivered_compare(app, 0, delivered, error);
    }
    if (status != OPS_OK)
        return ops_error_about(error, status,
                               "The trail in the store is whole, but what was delivered of it can't be compared");
    char words[OPS_ERROR_TEXT_SIZE];
    ops_delivered_words(delivered, words);
    if (!words[0])
        return OPS_OK;
    (void)ops_fail(error, OPS_CORRUPT, "%s", words);
    ops_error_detail(error, "delivered_log", ops_delivered_state_name(delivered->state));
    ops_delivered_details(delivered, error);
    return OPS_CORRUPT;
}

static enum ops_status verify(struct ops_cli *cli, struct verdict *verdict, struct ops_error *error)
{
    struct ops_place place;
    struct ops_backend *backend = NULL;
    struct ops_store *store = NULL;
    struct ops_log_sink *log_sink = NULL;
    struct ops_app *app = NULL;
    enum ops_status status = ops_command_place(cli, &place, error);
    if (status == OPS_OK)
        status = ops_backend_open(&place, &backend, error);
    if (status == OPS_OK)
        status = backend->ops->store(backend, false, &store, error);
    if (status == OPS_OK)
        status = backend->ops->log_sink(backend, &log_sink, error);
    if (status == OPS_OK) {
        const struct ops_app_ports ports = {
            .store = store, .log_sink = log_sink, .clock = ops_system_clock(), .random = ops_system_random()};
        status = ops_app_new(&ports, NULL, ops_embedded_build(), &app);
    }
    if (status == OPS_OK)
        status = ops_audit_verify(app, &verdict->count, error);
    if (status == OPS_OK)
        status = compare(app, verdict, error);
    ops_app_free(app);
    ops_log_sink_release(log_sink);
    ops_store_release(store);
    ops_backend_release(backend);
    return status;
}

/* What there is to say besides, or nothing. */
static void write_more(const struct verdict *verdict, char *text, size_t size)
{
    json_int_t waiting = verdict->count - verdict->delivered.delivered_seq;
    text[0] = '\0';
    if (waiting > 0)
        (void)snprintf(text, size, " %lld wait to be delivered.", (long long)waiting);
    if (verdict->delivered.begins_seq > 1)
        (void)snprintf(text + strlen(text), size - strlen(text), " The delivered log begins with record %lld.",
                       (long long)verdict->delivered.begins_seq);
}

/* Members that say what is out of the ordinary are there only where it is. */
static json_t *data_of(const struct verdict *verdict)
{
    const struct ops_delivered *delivered = &verdict->delivered;
    json_t *data = json_pack("{s:b, s:I}", "verified", 1, "records", verdict->count);
    enum ops_status status = data ? OPS_OK : OPS_NO_MEMORY;
    if (status == OPS_OK && delivered->begins_seq > 1)
        status = ops_json_set_integer(data, "log_begins_seq", delivered->begins_seq);
    if (status == OPS_OK && json_array_size(delivered->accepted) > 0)
        status = ops_json_set(data, "accepted_breaks", json_incref(delivered->accepted));
    if (status == OPS_OK)
        return data;
    json_decref(data);
    return NULL;
}

static int report(struct ops_cli *cli, const struct verdict *verdict)
{
    const json_t *breaks = verdict->delivered.accepted;
    char more[160];
    write_more(verdict, more, sizeof more);
    if (json_array_size(breaks) == 0)
        return ops_cli_done(
            cli, data_of(verdict),
            "The audit trail is whole: %lld record%s, each follows the one before. The delivered log agrees.%s",
            (long long)verdict->count, verdict->count == 1 ? "" : "s", more);
    const json_t *latest = json_array_get(breaks, json_array_size(breaks) - 1);
    if (ops_json_integer(latest, "first_seq", 0) == 0)
        return ops_cli_done(
            cli, data_of(verdict),
            "The audit trail follows: %lld record%s. The delivered log has %s: the latest is of %lld lines that are no "
            "record of "
            "the store, which record %lld accepted.%s",
            (long long)verdict->count, verdict->count == 1 ? "" : "s",
            json_array_size(breaks) == 1 ? "an accepted break" : "accepted breaks",
            (long long)ops_json_integer(latest, "count", 0), (long long)ops_json_integer(latest, "seq", 0), more);
    json_int_t lost = json_integer_value(json_object_get(latest, "count"));
    return ops_cli_done(
        cli, data_of(verdict),
        "The audit trail follows: %lld record%s; but not all that it once had. The delivered log has %s: the latest is %lld "
        "record%s, from %lld to %lld, that the store has lost, which record %lld accepted.%s",
        (long long)verdict->count, verdict->count == 1 ? "" : "s",
        json_array_size(breaks) == 1 ? "an accepted break" : "accepted breaks", (long long)lost, lost == 1 ? "" : "s",
        (long long)json_integer_value(json_object_get(latest, "first_seq")),
        (long long)json_integer_value(json_object_get(latest, "last_seq")),
        (long long)json_integer_value(json_object_get(latest, "seq")), more);
}

int ops_command_audit_verify(struct ops_cli *cli, void *context)
{
    (void)context;
    struct ops_error error = OPS_ERROR_INIT;
    struct verdict verdict = {.count = 0};
    enum ops_status status = verify(cli, &verdict, &error);
    int code;
    if (status == OPS_OK) {
        code = report(cli, &verdict);
    } else {
        if (status == OPS_CORRUPT)
            ops_error_detail_integer(&error, "records_verified", verdict.count);
        code = ops_cli_fail(cli, status, &error);
    }
    ops_delivered_release(&verdict.delivered);
    ops_error_release(&error);
    return code;
}
