/* What operators ask for: every operation of the table, with plausible arguments and with wrong ones. */
#include "sim/sim.h"

#include "app/secret.h"

#include <stdio.h>
#include <string.h>

static const char wrong_code[] = "not the secret code";

static bool chance(struct sim_world *world, uint32_t per_mille)
{
    return sim_chance(&world->rng, per_mille);
}

/* ---- Arguments ---- */

static json_t *some_window_id(struct sim_world *world)
{
    if (world->window_count == 0 || chance(world, 60))
        return json_string(chance(world, 500) ? "01JDXYZ0000000000000000000" : "no id");
    uint32_t newest = world->window_count > 6 ? 6 : (uint32_t)world->window_count;
    return json_string(world->windows[world->window_count - 1 - sim_below(&world->rng, newest)].id);
}

static json_t *some_vacuum_id(struct sim_world *world)
{
    if (world->vacuum_count == 0 || chance(world, 60))
        return json_string("01JDXYZ0000000000000000000");
    uint32_t newest = world->vacuum_count > 3 ? 3 : (uint32_t)world->vacuum_count;
    return json_string(world->vacuums[world->vacuum_count - 1 - sim_below(&world->rng, newest)].id);
}

static json_t *instant_text(int64_t at_ms)
{
    char text[OPS_INSTANT_TEXT_SIZE];
    ops_instant_format(at_ms, text);
    return json_string(text);
}

static void maybe_revision(struct sim_world *world, json_t *input)
{
    if (chance(world, 150))
        json_object_set_new(input, "expected_revision", json_integer(sim_between(&world->rng, 1, 3)));
}

static void fill_schedule(struct sim_world *world, json_t *input)
{
    int64_t ahead_ms = chance(world, 100) ? -OPS_HOUR_MS : sim_between(&world->rng, 1, 20 * OPS_MINUTE_MS);
    json_object_set_new(input, "description", json_string(chance(world, 50) ? "" : "a release"));
    json_object_set_new(input, "estimated_duration_seconds", json_integer(sim_between(&world->rng, 50, 1000)));
    json_object_set_new(input, "scheduled_start_utc", instant_text(sim_now_ms(world) + ahead_ms));
}

static void fill_window(struct sim_world *world, json_t *input)
{
    json_object_set_new(input, "maintenance_id", some_window_id(world));
    maybe_revision(world, input);
}

static void fill_open_window(struct sim_world *world, json_t *input)
{
    if (chance(world, 400))
        json_object_set_new(input, "maintenance_id", some_window_id(world));
    maybe_revision(world, input);
}

static void fill_update(struct sim_world *world, json_t *input)
{
    fill_open_window(world, input);
    if (chance(world, 500))
        json_object_set_new(input, "text", json_string("half of it is done"));
    if (chance(world, 300))
        json_object_set_new(input, "description", json_string("a longer release"));
    if (chance(world, 300))
        json_object_set_new(input, "estimated_duration_seconds", json_integer(sim_between(&world->rng, 60, 1000)));
}

static void fill_dry_run(struct sim_world *world, json_t *input)
{
    if (chance(world, 500))
        json_object_set_new(input, "dry_run", json_boolean(!chance(world, 100)));
    if (chance(world, 100))
        json_object_set_new(input, "plan_sha256", json_string(world->old_plan_sha256));
}

static void fill_vacuum_all(struct sim_world *world, json_t *input)
{
    if (!chance(world, 150))
        json_object_set_new(input, "confirmation_phrase", json_string("VACUUM ALL DATA PERMANENTLY"));
    fill_dry_run(world, input);
}

static void fill_vacuum_org(struct sim_world *world, json_t *input)
{
    json_object_set_new(input, "orgcode", json_string(chance(world, 30) ? "no#org" : sim_stack_tenant(&world->rng)));
    fill_dry_run(world, input);
}

static void fill_vacuum_cancel(struct sim_world *world, json_t *input)
{
    json_object_set_new(input, "vacuum_id", some_vacuum_id(world));
}

static void fill_vacuum_status(struct sim_world *world, json_t *input)
{
    if (chance(world, 600))
        json_object_set_new(input, "vacuum_id", some_vacuum_id(world));
}

static void fill_vacuum_list(struct sim_world *world, json_t *input)
{
    static const char *const statuses[] = {"open", "pending", "completed", "failed", "vanished"};
    if (chance(world, 300))
        json_object_set_new(input, "status", json_string(statuses[sim_below(&world->rng, 5)]));
    if (chance(world, 500))
        json_object_set_new(input, "limit", json_integer(sim_between(&world->rng, -1, 300)));
}

static void fill_list(struct sim_world *world, json_t *input)
{
    if (chance(world, 500))
        json_object_set_new(input, "limit", json_integer(sim_between(&world->rng, -1, 300)));
    if (chance(world, 100))
        json_object_set_new(input, "next_token", json_string("bm90aGluZw"));
}

static void fill_nothing(struct sim_world *world, json_t *input)
{
    (void)world;
    (void)input;
}

struct request_form {
    const char *operation;
    uint32_t weight;
    void (*fill)(struct sim_world *world, json_t *input);
};

static const struct request_form forms[] = {
    {"ops_maintenanceschedule", 10, fill_schedule},
    {"ops_maintenancestart", 6, fill_window},
    {"ops_maintenanceend", 8, fill_open_window},
    {"ops_maintenancecancel", 3, fill_window},
    {"ops_maintenanceupdate", 6, fill_update},
    {"ops_vacuumall", 8, fill_vacuum_all},
    {"ops_vacuumorg", 14, fill_vacuum_org},
    {"ops_vacuumcancel", 4, fill_vacuum_cancel},
    {"ops_vacuumstatus", 6, fill_vacuum_status},
    {"ops_vacuumlist", 2, fill_vacuum_list},
    {"ops_sweep", 6, fill_nothing},
    {"ops_auditlist", 3, fill_list},
    {"ops_maintenancelist", 2, fill_list},
    {"ops_maintenanceget", 2, fill_window},
    {"maintenance/list", 3, fill_list},
    {"maintenance/get", 3, fill_window},
    {"ping", 2, fill_nothing},
    {"stat", 2, fill_nothing},
};

enum { FORM_COUNT = sizeof forms / sizeof forms[0] };

static const struct request_form *draw_form(struct sim_rng *rng)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < FORM_COUNT; i++)
        sum += forms[i].weight;
    uint32_t draw = sim_below(rng, sum);
    const struct request_form *form = forms;
    while (draw >= form->weight)
        draw -= form++->weight;
    return form;
}

/* ---- Asking ---- */

static const struct ops_operation *find_operation(const char *name, size_t *ret_index)
{
    size_t count;
    const struct ops_operation *operations = ops_operations(&count);
    for (*ret_index = 0; *ret_index + 1 < count && strcmp(operations[*ret_index].name, name) != 0; ++*ret_index)
        ;
    return &operations[*ret_index];
}

static void remember_plan(struct sim_world *world, const json_t *data)
{
    const char *plan = json_string_value(json_object_get(data, "plan_sha256"));
    if (plan)
        (void)snprintf(world->old_plan_sha256, sizeof world->old_plan_sha256, "%s", plan);
}

/* The answer's data, or NULL after a refusal. Every answer must be an envelope. */
static json_t *read_answer(struct sim_world *world, size_t operation, const struct ops_answer *answer)
{
    const char *tag = NULL;
    json_t *envelope = json_loadb(ops_buf_text(&answer->body), answer->body.length, 0, NULL);
    json_t *data = json_incref(json_object_get(envelope, "data"));
    bool success = json_is_true(json_object_get(envelope, "success"));
    if (success && operation < SIM_OPERATIONS_MAX)
        world->numbers->succeeded[operation]++;
    if (!success && json_unpack(envelope, "{s:{s:{s:s}}}", "error", "minor", "tag", &tag) == 0)
        world->numbers->refused[ops_status_from_tag(tag) % OPS_STATUS_COUNT]++;
    if (!envelope || (!success && !tag) || (success && answer->http_status != 200))
        sim_violate(world, SIM_LIVENESS, "an answer is no envelope: %.200s", ops_buf_text(&answer->body));
    sim_trace(world, "  %s", success ? "done" : tag ? tag : "?");
    remember_plan(world, data);
    json_decref(envelope);
    return data;
}

static const struct ops_peer operators_peer = {.kind = OPS_PEER_PROCESS, .uid = 1000, .pid = 1};
static const struct ops_peer strangers_peer = {.kind = OPS_PEER_PROCESS, .uid = 1001, .pid = 2};

/* While codes are locked a process looks at one a second for each peer. So an operator who asked it for nothing of the kind
 * within a second is not sent away. */
static void check_safe_direction(struct sim_process *process, const struct ops_operation *operation, int64_t began_ms,
                                 enum ops_status status)
{
    if (!operation->is_safe)
        return;
    bool is_due = !process->was_asked_safe || began_ms - process->safe_asked_ms >= OPS_SECOND_MS;
    if (is_due && status == OPS_SECRET_CODE_LOCKED)
        sim_violate(process->world, SIM_SAFE_DIRECTION, "%s is refused while codes are locked", operation->name);
    process->was_asked_safe = true;
    process->safe_asked_ms = sim_monotonic_ms(process->world);
}

/* takes input */
static json_t *ask_as(struct sim_process *process, const struct ops_peer *peer, const char *name, json_t *input,
                      const char *session)
{
    size_t index;
    const struct ops_operation *operation = find_operation(name, &index);
    const struct ops_call call = {
        .operation = operation, .input = input, .session_guid = ops_view_of(session), .peer = *peer};
    struct ops_answer answer;
    int64_t began_ms = sim_monotonic_ms(process->world);
    ops_answer_init(&answer);
    process->at_work = &process->request;
    ops_app_answer(process->app, &call, &answer);
    process->at_work = NULL;
    json_t *data = read_answer(process->world, index, &answer);
    if (peer == &operators_peer)
        check_safe_direction(process, operation, began_ms, answer.status);
    ops_answer_release(&answer);
    json_decref(input);
    return data;
}

static json_t *ask(struct sim_process *process, const char *name, json_t *input, const char *session)
{
    return ask_as(process, &operators_peer, name, input, session);
}

static void add_secret(struct sim_world *world, json_t *input)
{
    uint32_t draw = sim_below(&world->rng, 100);
    if (draw < 94)
        json_object_set_new(input, "secret_code", json_string(world->secret_code));
    else if (draw < 98)
        json_object_set_new(input, "secret_code", json_string(wrong_code));
    if (chance(world, 500))
        json_object_set_new(input, "actor", json_string("ann"));
    if (chance(world, 300))
        json_object_set_new(input, "reason", json_string("because"));
}

void sim_operator_acts(struct sim_process *process)
{
    struct sim_world *world = process->world;
    const struct request_form *form = draw_form(&world->rng);
    size_t index;
    const struct ops_operation *operation = find_operation(form->operation, &index);
    const char *session = NULL;
    json_t *input = json_object();
    form->fill(world, input);
    if (operation->access == OPS_ACCESS_SECRET)
        add_secret(world, input);
    if (operation->access == OPS_ACCESS_SESSION && !chance(world, 100))
        session = chance(world, 100) ? "guid-of-nobody" : "guid-of-ann";
    if (chance(world, 20))
        json_object_set_new(input, "dry-run", json_true());
    sim_trace(world, "an operator asks process %d for %s", process->number, form->operation);
    json_decref(ask(process, form->operation, input, session));
}

json_t *sim_operator_asks(struct sim_process *process, const char *function, json_t *input)
{
    json_object_set_new(input, "secret_code", json_string(process->world->secret_code));
    sim_trace(process->world, "an operator asks process %d for %s", process->number, function);
    return ask(process, function, input, NULL);
}

void sim_operator_cancels(struct sim_process *process, const char *function, const char *id_name, const char *id)
{
    json_t *data = sim_operator_asks(process, function, json_pack("{s:s}", id_name, id));
    if (!data)
        sim_violate(process->world, SIM_LIVENESS, "%s of %s is refused", function, id);
    json_decref(data);
}

void sim_operator_sets_secret(struct sim_process *process)
{
    struct sim_world *world = process->world;
    char old_code[SIM_CODE_SIZE], before[OPS_PHC_SIZE];
    bool rotated;
    memcpy(old_code, world->secret_code, sizeof old_code);
    memcpy(before, world->secret_phc, sizeof before);
    char *code = world->codes[world->code_count++ % SIM_CODES_MAX];
    (void)snprintf(code, SIM_CODE_SIZE, "secret code %08x", sim_below(&world->rng, UINT32_MAX));
    sim_trace(world, "an operator sets the secret code through process %d", process->number);
    enum ops_status status = ops_secret_set(process->app, old_code, code, "ann", &rotated, NULL);
    sim_trace(world, "  %s", ops_status_tag(status));
    if (status == OPS_OK && strcmp(before, world->secret_phc) == 0)
        sim_violate(world, SIM_AUDIT, "the secret code was said to be set and was not");
}

/* Some for what leads in the safe direction, which is looked at also while codes are locked, some for what is not. */
void sim_stranger_guesses(struct sim_process *process)
{
    struct sim_world *world = process->world;
    const char *function = chance(world, 500) ? "ops_maintenanceend" : "ops_maintenancestart";
    uint32_t guesses = 1 + sim_below(&world->rng, 9);
    sim_trace(world, "a stranger asks process %d for %s", process->number, function);
    for (uint32_t i = 0; i < guesses && !process->dead; i++) {
        char code[SIM_CODE_SIZE];
        (void)snprintf(code, sizeof code, "guess %08x", sim_below(&world->rng, UINT32_MAX));
        json_t *input = json_pack("{s:s}", "secret_code", chance(world, 100) ? wrong_code : code);
        fill_window(world, input);
        json_decref(ask_as(process, &strangers_peer, function, input, NULL));
    }
}

void sim_gate_asks(struct sim_process *process, struct sim_gate *gate)
{
    struct sim_world *world = process->world;
    int64_t asked_ms = sim_monotonic_ms(world);
    sim_trace(world, "a gate asks process %d", process->number);
    json_t *data = ask(process, "ping", json_object(), NULL);
    if (data) {
        gate->knowledge = ops_gate_learn(asked_ms * OPS_GATE_MS, OPS_GATE_ANSWER_AGE_MAX_NS,
                                         json_is_object(json_object_get(data, "maintenance")));
        gate->asked_ms = asked_ms;
    }
    json_decref(data);
}
