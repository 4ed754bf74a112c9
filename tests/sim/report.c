#include "sim/sim.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const sentences[SIM_INVARIANT_COUNT] = {
    [SIM_PROTECTED] = "A protected resource, key or partition is never passed to a delete call.",
    [SIM_DRY_RUN] = "A dry run never calls a delete.",
    [SIM_TOO_EARLY] = "A vacuum that was cancelled never deleted anything; a vacuum deletes nothing before it was started at execute_at.",
    [SIM_ONE_VACUUM] = "At most one vacuum that deletes is open; a worker whose mutex fence is stale deletes nothing more.",
    [SIM_ONE_WINDOW] = "At most one window is active, and ACTIVE_MAINTENANCE exists exactly while one is.",
    [SIM_AUDIT] = "Every change of state has exactly one audit record; the chain verifies; the log group has its order.",
    [SIM_TENANT] = "Vacuum org deletes no record of another tenant.",
    [SIM_COUNTS] = "A vacuum goes on after a crash and ends, and its counts are the true ones.",
    [SIM_DRY_COUNTS] = "With no writer in between, dry-run counts are the counts of the real vacuum.",
    [SIM_GATE] = "The gate never blocks on stale knowledge.",
    [SIM_LIVENESS] =
        "Once nothing fails any more, everything that was begun comes to its end, and what is begun then succeeds.",
    [SIM_IDENTITY] = "What a thing is goes by its identity, never by what it is called.",
    [SIM_WHOLE] = "Completed means that every record in scope could be seen, compared and read; what could not is told.",
    [SIM_TROUBLE] = "One target in trouble never holds up another.",
    [SIM_SAFE_DIRECTION] = "The safe direction is open to a right code at all times.",
};

void sim_trace(struct sim_world *world, const char *format, ...)
{
    char *line = world->lines[world->line_count++ % SIM_TRACE_LINES];
    int length = snprintf(line, SIM_TRACE_LINE_SIZE, "%5" PRIu64 " %9.3f %*s", world->step,
                          (double)sim_monotonic_ms(world) / 1000.0, 2 * world->depth, "");
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line + length, SIM_TRACE_LINE_SIZE - (size_t)length, format, arguments);
    va_end(arguments);
    if (world->trace)
        (void)puts(line);
}

void sim_violate(struct sim_world *world, enum sim_invariant invariant, const char *format, ...)
{
    if (world->violated)
        return;
    world->violated = (int)invariant;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(world->violation, sizeof world->violation, format, arguments);
    va_end(arguments);
    sim_trace(world, "VIOLATED %d: %s", world->violated, world->violation);
}

void sim_report_violation(const struct sim_world *world, uint64_t steps)
{
    printf("seed %" PRIu64 ", step %" PRIu64 ": invariant %d is violated: %s\n  %s\n", world->seed, world->step,
           world->violated, sentences[world->violated], world->violation);
    size_t first = world->line_count > SIM_TRACE_LINES ? world->line_count - SIM_TRACE_LINES : 0;
    for (size_t i = first; i < world->line_count && !world->trace; i++)
        printf("  %s\n", world->lines[i % SIM_TRACE_LINES]);
    printf("replay: sim --seed %" PRIu64 " --steps %" PRIu64 " --trace\n", world->seed, steps);
}

void sim_numbers_add(struct sim_numbers *sum, const struct sim_numbers *more)
{
    /* The struct is nothing but counters. */
    uint64_t *to = (uint64_t *)sum;
    const uint64_t *from = (const uint64_t *)more;
    for (size_t i = 0; i < sizeof *sum / sizeof *to; i++)
        to[i] += from[i];
}

static const char *const site_names[SIM_SITE_COUNT] = {
#define X(symbol, name) [SIM_SITE_##symbol] = name,
    SIM_SITE_TABLE(X)
#undef X
};

static const char *const cloud_names[SIM_CLOUD_COUNT] = {
#define X(symbol, name) [SIM_CLOUD_##symbol] = name,
    SIM_CLOUD_TABLE(X)
#undef X
};

static void print_cloud(const struct sim_numbers *n)
{
    for (size_t i = 0; i < SIM_CLOUD_COUNT; i++)
        printf("%s%" PRIu64 " %s", i ? ", " : "sim: ", n->cloud[i], cloud_names[i]);
    (void)puts("");
}

/* How vacuums must have ended. */
static const enum ops_status ends[] = {OPS_OK, OPS_PLAN_DRIFTED, OPS_MUTEX_EXPIRED, OPS_RECORDS_REMAIN, OPS_TARGET_ERROR};

static void print_ends(const struct sim_numbers *n)
{
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        printf("%s%" PRIu64 " %s", i ? ", " : "sim: ends: ", n->ended_with[ends[i]],
               ends[i] == OPS_OK ? "completed" : ops_status_tag(ends[i]));
    (void)puts("");
}

void sim_numbers_print(const struct sim_numbers *n)
{
    printf("sim: %" PRIu64 " seeds, %" PRIu64 " of them calm, %" PRIu64 " steps, %" PRIu64 " windows, %" PRIu64
           " vacuums, %" PRIu64 " dry runs, %" PRIu64 " records deleted, %" PRIu64 " crashes, %" PRIu64 " faults, %" PRIu64
           " freezes, %" PRIu64 " late transactions, %" PRIu64 " takeovers, %" PRIu64 " lost removals settled, %" PRIu64
           " vacuums resumed, %" PRIu64 " compared with a dry run, %" PRIu64 " gate checks that blocked\n",
           n->seeds, n->calm, n->steps, n->windows, n->vacuums, n->dry_runs, n->removals, n->crashes, n->faults, n->freezes,
           n->late, n->takeovers, n->settled, n->resumed, n->agreements, n->gate_blocks);
    print_ends(n);
    print_cloud(n);
}

/* What operators must have been told at least once, over many seeds. */
static const enum ops_status refusals[] = {
    OPS_MISSING_FIELD,          OPS_INVALID_FIELD,
    OPS_UNKNOWN_FIELD,          OPS_CONFIRMATION_PHRASE_MISMATCH,
    OPS_START_NOT_IN_FUTURE,    OPS_SESSION_REQUIRED,
    OPS_SESSION_INVALID,        OPS_SECRET_CODE_MISMATCH,
    OPS_SECRET_CODE_REQUIRED,   OPS_SECRET_CODE_NOT_SET,
    OPS_SECRET_CODE_LOCKED,     OPS_MAINTENANCE_NOT_FOUND,
    OPS_NO_ACTIVE_MAINTENANCE,  OPS_MAINTENANCE_ALREADY_ACTIVE,
    OPS_MAINTENANCE_NOT_ACTIVE, OPS_MAINTENANCE_NOT_SCHEDULED,
    OPS_REVISION_CONFLICT,      OPS_VACUUM_NOT_FOUND,
    OPS_VACUUM_IN_PROGRESS,     OPS_VACUUM_NOT_PENDING,
    OPS_STORE_UNAVAILABLE,      OPS_SESSION_STORE_UNAVAILABLE,
    OPS_INTERNAL_ERROR,
};

static bool seen(uint64_t count, const char *what, const char *name)
{
    if (!count)
        printf("never seen: %s %s\n", what, name);
    return count > 0;
}

/* What operators have no occasion for: nobody puts an older store back in this world (tests/app/test_app_delivered.c does). */
static bool has_occasion(const struct ops_operation *operation)
{
    return strcmp(operation->name, "ops_auditacceptrollback") != 0;
}

bool sim_numbers_cover(const struct sim_numbers *n)
{
    size_t operation_count;
    const struct ops_operation *operations = ops_operations(&operation_count);
    bool all = seen(n->settled, "a lost removal", "settled") && seen(n->agreements, "a dry run", "compared") &&
               seen(n->gate_blocks, "a gate", "closed") && seen(n->takeovers, "a task", "taken over") &&
               seen(n->resumed, "a vacuum", "resumed") && seen(n->late, "a transaction", "done late");
    for (size_t i = 0; i < operation_count; i++)
        all = (!has_occasion(&operations[i]) || seen(n->succeeded[i], "success of", operations[i].name)) && all;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++)
        all = seen(n->refused[refusals[i]], "refusal", ops_status_tag(refusals[i])) && all;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        all = seen(n->ended_with[ends[i]], "a vacuum that ended with", ops_status_tag(ends[i])) && all;
    for (size_t i = 0; i < SIM_CLOUD_COUNT; i++)
        all = seen(n->cloud[i], "any", cloud_names[i]) && all;
    for (size_t i = 0; i < SIM_SITE_COUNT; i++) {
        all = seen(n->crash_at[i], "a crash at", site_names[i]) && all;
        all = seen(n->fault_at[i], "a fault at", site_names[i]) && all;
    }
    return all;
}
