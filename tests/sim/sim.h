/* The simulated world: one store, one stack, one log group, several processes that crash, and everything that can go wrong
 * between them, all on one thread and out of one seed.
 *
 *   stack.c      the manifest and the records of a seed, and the truth about them
 *   things.c     what each target is, whatever names it; where it has gone, what of it is hidden, which one is in trouble
 *   seen.c       what was there at the last completed vacuum or dry run, and what has gone since
 *   clocks.c     wall clocks that are set: everybody's, or one host's
 *   ports.c      the ports as a process sees them: slow, faulty, interrupted
 *   cloud.c      what the services of a cloud do beside: throttle, take a part, lose answers, give pages that are not full
 *   process.c    processes: started, crashed, started again
 *   operators.c  what operators ask for
 *   steps.c      what happens next
 *   rest.c       what happens until everything has come to rest, once nothing fails any more
 *   check.c      the invariants, looked at from outside
 *   counts.c     what a vacuum says that it did against what happened
 *   report.c     the trace of a run and the numbers over all runs
 *
 * Time passes only in ports.c and in steps. While a process waits for a port, other processes may take whole steps: that is
 * how calls interleave without threads. A process can be frozen for minutes between any two port calls, with one exception:
 * a removal that has begun ends within SIM_REMOVAL_MAX_MS, for that much is what leases allow for.
 *
 * Processes are hosts of their own on one store: their clocks are a little apart, none of them adopts what another has
 * leased, and only time takes a lease away. Somebody may set all their wall clocks at once, by up to a year either way,
 * between any two port calls but not during a removal, and not there and back within OPS_LEASE_FRESH_MS: for so long a worker
 * trusts the proof of its lease and mutex, and a clock that is right again does not tell it that others acted by a wrong one.
 */
#ifndef OPS_TESTS_SIM_SIM_H
#define OPS_TESTS_SIM_SIM_H

#include "app/app.h"
#include "app/call.h"
#include "app/work.h"
#include "gate/decide.h"
#include "adapters/memory/catalogue.h"
#include "sim/rng.h"

#include <jansson.h>

enum {
    SIM_PROCESSES = 3,
    SIM_WORKERS_MAX = 3,
    SIM_TARGETS_MAX = 32,
    SIM_RECORDS_MAX = 900,
    SIM_VACUUMS_MAX = 256,
    SIM_TASKS_MAX = 160,
    SIM_WINDOWS_MAX = 256,
    SIM_GATES = 2,
    SIM_LATE_MAX = 8,
    SIM_CODES_MAX = 32,
    SIM_CODE_SIZE = 32,
    SIM_DEPTH_MAX = 3,
    SIM_ID_SIZE = OPS_ULID_SIZE,
    SIM_REMOVAL_MAX_MS = 30000,
    /* A removal that begins as late as it may is over 50 s after its lease was renewed, and the lease lasts 60 s: two clocks
     * may be 10 s apart. */
    SIM_AHEAD_MAX_MS = 4500,
    SIM_PLACES = SIM_TARGETS_MAX + 1, /* where storms rage: a target, or the store */
    SIM_PLACE_STORE = SIM_TARGETS_MAX,
    SIM_TOKENS_MAX = 256,
    SIM_TRACE_LINES = 40,
    SIM_TRACE_LINE_SIZE = 240,
};

/* ---- What is to be kept ---- */

enum sim_invariant {
    SIM_PROTECTED = 1,
    SIM_DRY_RUN,
    SIM_TOO_EARLY,
    SIM_ONE_VACUUM,
    SIM_ONE_WINDOW,
    SIM_AUDIT,
    SIM_TENANT,
    SIM_COUNTS,
    SIM_DRY_COUNTS,
    SIM_GATE,
    SIM_LIVENESS,
    SIM_IDENTITY = 16,
    SIM_WHOLE,
    SIM_TROUBLE,
    SIM_SAFE_DIRECTION,
    SIM_INVARIANT_COUNT
};

/* ---- Where faults strike ---- */

/* X(symbol, name) */
#define SIM_SITE_TABLE(X)                                                                                                   \
    X(GET, "store get")                                                                                                     \
    X(QUERY, "store query")                                                                                                 \
    X(TRANSACT, "store transact")                                                                                           \
    X(LIST, "catalogue list")                                                                                               \
    X(OPEN, "catalogue open")                                                                                               \
    X(PAGE, "target page")                                                                                                  \
    X(REMOVE, "target remove")                                                                                              \
    X(RECOUNT, "target recount")                                                                                            \
    X(LOG, "log sink append")                                                                                               \
    X(HASHER, "hasher")                                                                                                     \
    X(SESSION, "session check")

enum sim_site {
#define X(symbol, name) SIM_SITE_##symbol,
    SIM_SITE_TABLE(X)
#undef X
        SIM_SITE_COUNT
};

/* Per mille of port calls. All zero: nothing ever fails. */
struct sim_rates {
    uint32_t fail[SIM_SITE_COUNT]; /* unavailable, throttled or the like: nothing happened */
    uint32_t crash_before;
    uint32_t crash_after;
    uint32_t unknown;  /* a transaction's answer is lost: it was done, was not, or is done late */
    uint32_t conflict; /* a transaction meets another one that nobody sees */
    uint32_t storm;    /* of steps: a place begins to throttle */
    uint32_t partial;  /* a removal takes a part of its keys */
    uint32_t key_busy; /* of the keys in a removal: it is not taken for a while */
    uint32_t key_failed;
    uint32_t remove_lost; /* a removal is done in part, in whole or not at all, and its answer is lost */
    uint32_t lost_crash;  /* of those: its process dies then */
    uint32_t page_short;  /* a page of keys is shorter than it could be, */
    uint32_t page_empty;  /* or empty and not the last; */
    uint32_t query_short; /* likewise a page of documents, */
    uint32_t query_empty;
    uint32_t query_vain;  /* or it says that more follows, and nothing does */
    uint32_t recut;       /* of steps: a table grows or shrinks and is cut into other segments from now on */
    uint32_t log_lost;    /* a prefix is written, and the answer is lost */
    uint32_t interrupted; /* other processes take steps meanwhile */
    uint32_t frozen;      /* likewise, for minutes */
    uint32_t slow;        /* seconds instead of milliseconds */
    uint32_t swap;        /* of steps: another thing takes a target's place, or one gets another name; */
    uint32_t vanish;      /* a target goes, or comes back; */
    uint32_t hide;        /* a place in a target can't be looked into any more, or can again; */
    uint32_t trouble;     /* a target begins to answer nothing, for a minute or for ever */
    uint32_t expire;      /* of port calls with a page in hand: the mutex has run out when it is over */
    uint32_t come_back;   /* of readings of the tasks of a vacuum whose time is over: then it is not */
};

/* ---- What clouds do, counted one by one ---- */

/* X(symbol, name) */
#define SIM_CLOUD_TABLE(X)                                                                                                  \
    X(STORM, "throttling storms")                                                                                           \
    X(STORM_CALL, "calls throttled in a storm")                                                                             \
    X(PARTIAL, "removals taken in part")                                                                                    \
    X(UNTAKEN, "keys not taken")                                                                                            \
    X(BUSY, "keys busy for a while")                                                                                        \
    X(EXHAUSTED, "keys not taken seven times in a row")                                                                     \
    X(REMAINDER, "records failed that were not taken")                                                                      \
    X(REFUSED, "keys refused")                                                                                              \
    X(LOST_NONE, "lost removals of which nothing was done")                                                                 \
    X(LOST_PART, "lost removals of which a part was done")                                                                  \
    X(LOST_ALL, "lost removals that were done")                                                                             \
    X(LOST_CRASH, "crashes after a lost removal")                                                                           \
    X(TXN_DONE, "lost transactions that were done")                                                                         \
    X(TXN_NOT_DONE, "lost transactions that were not")                                                                      \
    X(TXN_DELAYED, "lost transactions that were on their way")                                                              \
    X(TOKEN_KNOWN, "transactions known by their token")                                                                     \
    X(TOKEN_FORGOTTEN, "transactions whose token was forgotten")                                                            \
    X(QUERY_SHORT, "short query pages")                                                                                     \
    X(QUERY_EMPTY, "empty query pages")                                                                                     \
    X(QUERY_VAIN, "query pages after which nothing followed")                                                               \
    X(PAGE_SHORT, "short key pages")                                                                                        \
    X(PAGE_EMPTY, "empty key pages")                                                                                        \
    X(RECUT, "tables cut anew")                                                                                             \
    X(AS_PLANNED, "targets opened as planned, though cut anew")                                                             \
    X(APART, "processes with a clock apart")                                                                                \
    X(TWIN, "targets that are one thing")                                                                                   \
    X(ALIAS, "targets with another name that is protected or skipped")                                                      \
    X(SWAP, "things that took another's place")                                                                             \
    X(STALE, "calls to a thing that has left its place")                                                                    \
    X(AWAY, "targets that went away")                                                                                       \
    X(EMPTIED, "targets in whose place an empty one was left")                                                              \
    X(BACK, "targets that came back")                                                                                       \
    X(DRIFTED, "vacuums that stopped since a target had gone")                                                              \
    X(HIDDEN, "places hidden")                                                                                              \
    X(UNREADABLE, "vacuums that told of a hidden place")                                                                    \
    X(INTEGER, "records deleted whose tenant is an integer")                                                                \
    X(INCOMPARABLE, "records told to be incomparable")                                                                      \
    X(TROUBLE, "targets in trouble")                                                                                        \
    X(TROUBLE_CALL, "calls that one in trouble did not answer")                                                             \
    X(HELD_UP_NOBODY, "vacuums that one in trouble did not hold up")                                                        \
    X(CLOCK_AHEAD, "clocks set ahead by days under a running vacuum")                                                       \
    X(CLOCK_BACK, "clocks set back by days under a running vacuum")                                                         \
    X(WENT_ON, "vacuums that went on after the clock went back")                                                            \
    X(RUN_OUT, "mutexes that ran out with a page in hand")                                                                  \
    X(NOT_OVER, "clocks set back while somebody ended a vacuum whose time was over")                                        \
    X(UNKNOWN_PAGE, "pages told as unknown")                                                                                 \
    X(AWAY_MIDDLE, "targets that went away in the middle of a page")                                                        \
    X(LEFT_BEHIND, "vacuums that told of a target that went away with records")

enum sim_cloud {
#define X(symbol, name) SIM_CLOUD_##symbol,
    SIM_CLOUD_TABLE(X)
#undef X
        SIM_CLOUD_COUNT
};

struct sim_storm {
    uint64_t until_tick;
    uint32_t per_mille; /* of the calls are throttled */
};

/* A transaction that was done, as DynamoDB remembers it. */
struct sim_token {
    char token[OPS_ULID_SIZE];
    int64_t done_ms; /* monotonic */
};

/* ---- The stack ---- */

enum sim_rule { SIM_RULE_NONE, SIM_RULE_ATTRIBUTE, SIM_RULE_INDEX, SIM_RULE_PREFIX, SIM_RULE_KEY, SIM_RULE_SKIP };

struct sim_target_form {
    enum ops_target_kind kind;
    const char *name;
    const char *service; /* NULL: the manifest does not know it */
    enum sim_rule rule;
    const char *pattern;
    bool never_touched; /* protected, or OPS's own */
    bool missing;       /* the manifest names it, but it does not exist */
};

/* How a record says whose it is, where a target goes by an attribute. */
enum sim_tenant_form { SIM_TENANT_TEXT, SIM_TENANT_INTEGER, SIM_TENANT_LIST, SIM_TENANT_MAP };

struct sim_record {
    size_t target;
    char partition[48];
    char sort[16];
    char tenant[16]; /* "" for nobody's */
    enum sim_tenant_form form;
    int64_t size_bytes;
    uint64_t added; /* world->additions when it was */
    bool kept;      /* its key is protected */
    bool stuck;     /* the target always refuses to remove it */
    bool there;
    int64_t busy_until_ms; /* monotonic; until then no removal takes it */
    uint32_t untaken;      /* times in a row that it was asked to go and not taken */
};

struct sim_scope {
    bool all;
    char orgcode[16];
};

struct sim_count {
    json_int_t matched;
    json_int_t kept;
    json_int_t bytes;
    json_int_t incomparable;
};

/* ---- What the targets are ---- */

struct sim_alias; /* another name of a thing */

enum sim_whereabouts { SIM_THERE, SIM_AWAY, SIM_EMPTIED };

struct sim_thing {
    const struct sim_alias *alias; /* NULL: it has no other name that matters */
    size_t twin;                   /* the target whose thing it is too; its own number: none */
    uint32_t number;               /* of the thing that is in this place: 0 is the first one */
    enum sim_whereabouts where;
    bool hidden;           /* a place in it */
    uint32_t generation;   /* grows with each change but of what is hidden: an older handle is of another thing */
    uint64_t changed;      /* world->thing_changes at the latest change */
    int64_t failed_ms;     /* monotonic; when it last did not answer */
    bool seen;             /* it was there at the last completed vacuum or dry run, */
    char seen_mark[32];    /* and was this one; */
    bool seen_unsure;      /* neither is certain */
    uint64_t seen_changed; /* world->seen_changes at the latest change */
};

/* One target does not answer. */
struct sim_trouble {
    size_t target;
    int64_t until_ms; /* monotonic; 0: nobody is in trouble */
    bool at_removal;  /* it begins with the next removal, whose answer is lost already */
};

/* One target goes away when so many more removals from it are over; 0: none does. */
struct sim_leave {
    size_t target;
    uint32_t removals;
    bool with_process; /* the one that removed dies too */
};

/* A target when a vacuum's plan was fixed. */
struct sim_planned {
    struct sim_thing thing;   /* as it was */
    bool kept;                /* nothing of it may be deleted, and so it was all the time that planning took */
    bool sure;                /* whether it has gone, it can be told from outside */
    bool gone;                /* it had been seen and was not there, or was another one and empty; likewise */
    bool gone_could_be_known; /* by its answers */
};

/* ---- What the checker remembers of what the store held ---- */

/* The page that a task has in hand. */
struct sim_page {
    json_int_t records;    /* that are to be removed; 0: there is none */
    json_int_t unreadable; /* so many has the task counted so far */
};

struct sim_vacuum {
    char id[SIM_ID_SIZE];
    bool dry_run;
    struct sim_scope scope;
    char status[16];
    int64_t execute_ms;
    uint64_t changes_at_start; /* of the stack, when it began to run */
    uint64_t additions_at_start;
    uint64_t changes_at_end;
    int64_t running_since_ms; /* monotonic */
    uint64_t things_at_start;
    uint64_t seen_at_start;
    bool planned;
    bool reviewed; /* it was asked for with a plan's hash */
    struct sim_planned plan[SIM_TARGETS_MAX];
    struct sim_count at_start[SIM_TARGETS_MAX];
    json_int_t left_behind[SIM_TARGETS_MAX]; /* records in scope that went with their target since it was planned */
    struct sim_page pages[SIM_TASKS_MAX]; /* by the task's number */
    json_int_t unknown[SIM_TARGETS_MAX];  /* records of pages of which it says that it does not know */
    json_int_t removed[SIM_TARGETS_MAX];
    json_int_t removed_bytes[SIM_TARGETS_MAX];
    json_int_t removed_total;
};

struct sim_window {
    char id[SIM_ID_SIZE];
    char status[16];
    json_int_t revision;
    int64_t start_ms; /* when it is scheduled for */
};

/* ---- Processes ---- */

struct sim_world;
struct sim_process;

struct sim_worker {
    struct ops_worker *worker;
    char name[48];
    char vacuum_id[SIM_ID_SIZE]; /* of the last task that it wrote */
    json_int_t fence;            /* that it proved with it; 0: none */
    char task_sk[24];            /* of that task, */
    char lease[SIM_ID_SIZE];     /* and the lease that it had on it */
    bool has_page;               /* and it had written down a receipt with it */
    int64_t sleeps_until_ms;     /* monotonic */
};

struct sim_clock {
    struct ops_clock base;
    struct sim_process *process;
    int64_t ahead_ms;   /* of everybody's wall clock; below zero: behind it */
    int64_t running_ms; /* its host had been up so long when the world began */
};

struct sim_store {
    struct ops_store base;
    struct sim_process *process;
};

struct sim_catalogue {
    struct ops_catalogue base;
    struct sim_process *process;
};

struct sim_log_sink {
    struct ops_log_sink base;
    struct sim_process *process;
};

struct sim_hasher {
    struct ops_hasher base;
    struct sim_process *process;
};

struct sim_sessions {
    struct ops_session_source base;
    struct sim_process *process;
};

struct sim_process {
    struct sim_world *world;
    int number;
    bool up;
    bool dead; /* every port fails from now on; taken away once nothing runs in it any more */
    bool busy; /* a step of it is under way */
    struct ops_app *app;
    struct ops_random *random;
    struct sim_clock clock;
    struct sim_store store;
    struct sim_catalogue catalogue;
    struct sim_log_sink log_sink;
    struct sim_hasher hasher;
    struct sim_sessions sessions;
    struct sim_worker workers[SIM_WORKERS_MAX];
    size_t worker_count;
    struct sim_worker request;  /* the worker inside a request for a dry run */
    bool was_asked_safe;        /* since it started, an operator asked for what leads in the safe direction, */
    int64_t safe_asked_ms;      /* and the last such request ended then; monotonic */
    struct sim_worker *at_work; /* whose step is under way */
    /* Monotonic; since when a target has not told this process what became of its pages. Below zero: it has. */
    int64_t silent_since_ms[SIM_TARGETS_MAX];
    bool says_for_good[SIM_TARGETS_MAX]; /* the last failure that a target told it of is one that does not pass */
};

/* A transaction whose answer was lost and that happens later. */
struct sim_late {
    struct ops_txn txn;
    int64_t due_ms; /* monotonic */
};

struct sim_gate {
    struct ops_gate_knowledge knowledge;
    int64_t asked_ms; /* our own note of when the question was sent; monotonic */
};

struct sim_numbers;

struct sim_world {
    uint64_t seed;
    struct sim_rng rng;
    struct sim_rates rates;
    struct sim_rates stormy; /* what rates are while faults are on */
    bool writers;
    bool odd_tenants;      /* some tables have records whose tenant is a list or a map */
    bool knows_tokens;     /* the store knows a transaction by its token, as DynamoDB does */
    int64_t ahead_most_ms; /* how far a process's clock may be off */
    bool far_clocks;       /* they may be set by a year */
    int64_t clocks_set_ms; /* monotonic; when they were last set by more than hosts are apart */
    int64_t closed_ms;     /* monotonic; when a mutex was last closed while its vacuum was open */
    int64_t begin_ms;      /* the true time when the monotonic clock was at 0 */
    struct ops_clock *clock;
    struct ops_store *store;
    struct ops_catalogue *catalogue;
    struct ops_log_sink *log_sink;
    struct ops_session_source *sessions;
    struct ops_manifest manifest;
    const struct sim_target_form *targets[SIM_TARGETS_MAX];
    size_t target_count;
    struct ops_memory_limits limits[SIM_TARGETS_MAX];
    struct sim_thing things[SIM_TARGETS_MAX];
    uint64_t thing_changes;
    uint64_t seen_changes;
    struct sim_trouble trouble;
    struct sim_leave leave;
    struct sim_record records[SIM_RECORDS_MAX];
    size_t record_count;
    uint64_t changes;   /* of the stack */
    uint64_t additions; /* by writers */
    struct sim_process processes[SIM_PROCESSES];
    struct sim_gate gates[SIM_GATES];
    struct sim_late late[SIM_LATE_MAX];
    size_t late_count;
    struct sim_token tokens[SIM_TOKENS_MAX]; /* the latest, in a ring */
    size_t token_count;
    struct sim_storm storms[SIM_PLACES];
    uint64_t tick;                            /* steps so far, also those within others */
    char codes[SIM_CODES_MAX][SIM_CODE_SIZE]; /* the latest secret codes that somebody tried to set */
    size_t code_count;
    char secret_code[SIM_CODE_SIZE]; /* the one that the store has; "" until one is set */
    char old_plan_sha256[65];
    int depth;
    int removals;           /* under way; nothing may freeze then */
    int64_t removal_end_ms; /* monotonic; when the first of them must be over */
    /* the checker's memory */
    struct sim_vacuum vacuums[SIM_VACUUMS_MAX];
    size_t vacuum_count;
    struct sim_window windows[SIM_WINDOWS_MAX];
    size_t window_count;
    char secret_phc[OPS_PHC_SIZE];
    json_int_t secret_locked_until_ms;
    json_int_t audit_seq;
    char audit_sha256[65];
    json_t *audit_texts; /* canonical text of each record, in order */
    size_t log_index;
    json_int_t log_seq; /* first occurrences so far */
    bool window_active;
    int64_t window_ended_ms;     /* monotonic */
    struct sim_vacuum *removing; /* for whom the stack is being emptied right now */
    /* the report */
    bool trace;
    uint64_t step;
    char lines[SIM_TRACE_LINES][SIM_TRACE_LINE_SIZE];
    size_t line_count;
    int violated; /* 0, or the invariant */
    char violation[600];
    struct sim_numbers *numbers;
};

/* ---- Numbers over all seeds ---- */

enum { SIM_OPERATIONS_MAX = 32 };

struct sim_numbers {
    uint64_t seeds, steps, vacuums, dry_runs, removals, crashes, faults, windows, gate_blocks, freezes, late, takeovers;
    uint64_t settled;    /* removals that were lost and counted by whoever came next */
    uint64_t agreements; /* real vacuums that were compared with a dry run */
    uint64_t resumed;    /* vacuums that ended after a process died while they ran */
    uint64_t calm;       /* seeds in which nothing fails */
    uint64_t cloud[SIM_CLOUD_COUNT];
    uint64_t crash_at[SIM_SITE_COUNT];
    uint64_t fault_at[SIM_SITE_COUNT];
    uint64_t succeeded[SIM_OPERATIONS_MAX];
    uint64_t refused[OPS_STATUS_COUNT];
    uint64_t ended_with[OPS_STATUS_COUNT]; /* vacuums, by their error; 0: completed */
};

/* ---- report.c ---- */
void sim_trace(struct sim_world *world, const char *format, ...) OPS_PRINTF(2, 3);
/* The first one is kept and ends the run. */
void sim_violate(struct sim_world *world, enum sim_invariant invariant, const char *format, ...) OPS_PRINTF(3, 4);
void sim_report_violation(const struct sim_world *world, uint64_t steps);
void sim_numbers_add(struct sim_numbers *sum, const struct sim_numbers *more);
void sim_numbers_print(const struct sim_numbers *numbers);
bool sim_numbers_cover(const struct sim_numbers *numbers); /* says what was never seen */

/* ---- stack.c ---- */
enum ops_status sim_stack_make(struct sim_world *world) OPS_MUST_USE;
void sim_stack_write(struct sim_world *world); /* somebody adds a record */
void sim_stack_refill(struct sim_world *world);
void sim_stack_recut(struct sim_world *world); /* some table is cut into another number of segments from now on */
void sim_stack_restore(struct sim_world *world, size_t target); /* its resource, with the records that are there */
size_t sim_stack_find(const struct sim_world *world, enum ops_target_kind kind, const char *name); /* target_count: none */
const char *sim_stack_tenant(struct sim_rng *rng);
struct sim_record *sim_stack_record(struct sim_world *world, size_t target, struct ops_view partition);
struct sim_record *sim_stack_key(struct sim_world *world, size_t target, const struct ops_key *key); /* that very one */
struct sim_count sim_stack_count(const struct sim_world *world, size_t target, const struct sim_scope *scope);
bool sim_key_kept(struct ops_view key);
/* Whether a vacuum of this scope goes over the target, if it is what its name says. */
bool sim_stack_applies(const struct sim_world *world, size_t target, const struct sim_scope *scope);
bool sim_stack_empty(const struct sim_world *world, size_t target); /* there is nothing in it at all */

/* ---- things.c ---- */
void sim_things_make(struct sim_world *world);   /* once the stack is there */
void sim_things_change(struct sim_world *world); /* at every step */
void sim_thing_goes(struct sim_world *world, size_t target);
void sim_thing_comes_back(struct sim_world *world, size_t target);
void sim_thing_may_go(struct sim_process *process, size_t target); /* a removal from it is over */
void sim_thing_may_change(struct sim_world *world, size_t target);
void sim_things_settle(struct sim_world *world); /* all are back, and nobody is in trouble */
void sim_thing_text(const struct sim_world *world, size_t target, char text[static 32]); /* equal ones are one thing */
const char *sim_thing_mark(const struct sim_world *world, size_t target, char mark[static 32]);
bool sim_thing_hides(const struct sim_world *world, size_t target);              /* a place in it can't be looked into */
bool sim_thing_same(const struct sim_thing *one, const struct sim_thing *other); /* of one target, at two times */
bool sim_thing_has_twin(const struct sim_world *world, size_t target);
/* Whether a vacuum of this scope must leave the target alone for what it is: skip it, or (kept) refuse it for its two names.
 */
bool sim_thing_skipped(const struct sim_world *world, size_t target, const struct sim_scope *scope);
bool sim_thing_kept(const struct sim_world *world, size_t target, const struct sim_scope *scope);
bool sim_trouble_lasts(const struct sim_world *world, size_t target);
bool sim_trouble_strikes(struct sim_world *world, size_t target); /* this call of it; whether it is not answered */
void sim_trouble_begin(struct sim_world *world, size_t target, int64_t until_ms, bool at_removal);
bool sim_trouble_takes_answer(struct sim_world *world, size_t target); /* a removal's that has come so far */
void sim_note_answer(struct sim_process *process, size_t target, enum ops_status status);

/* ---- seen.c ---- */
void sim_seen_plan(struct sim_world *world, struct sim_vacuum *vacuum);      /* its plan was fixed just now */
void sim_seen_end(struct sim_world *world, const struct sim_vacuum *vacuum); /* it is completed or failed */
bool sim_seen_gone(const struct sim_world *world, size_t target);
enum sim_gone { SIM_GONE_NO, SIM_GONE_MAYBE, SIM_GONE_YES };
enum sim_gone sim_seen_any_gone(const struct sim_world *world, const struct sim_scope *scope);

/* ---- clocks.c ---- */
void sim_clock_step(struct sim_world *world);
void sim_clocks_right(struct sim_world *world);
void sim_clock_set(struct sim_world *world, int64_t ahead_ms); /* everybody's, ahead of the true time */
void sim_mutex_runs_out(struct sim_world *world);
bool sim_time_comes_back(struct sim_world *world); /* false: it was not over, or the clock can't be set now */

/* ---- ports.c ---- */
void sim_ports_init(struct sim_process *process);
void sim_late_apply(struct sim_world *world);
void sim_pass_time(struct sim_world *world, int64_t duration_ms);
int64_t sim_now_ms(const struct sim_world *world);
int64_t sim_process_now_ms(const struct sim_process *process);
int64_t sim_monotonic_ms(const struct sim_world *world);
void sim_count_fault(struct sim_world *world, enum sim_site site);

/* ---- cloud.c ---- */
void sim_cloud_count(struct sim_world *world, enum sim_cloud what);
void sim_storm_gathers(struct sim_world *world); /* at every step */
bool sim_storm_throttles(struct sim_world *world, size_t place);
/* Says for each key of a removal whether it is removed at all. */
void sim_removal_draw(struct sim_world *world, size_t target, const struct ops_key *keys, size_t count,
                      enum ops_removal *outcomes);
/* The answer to a removal will be lost: none, some or all of what it would have removed is. */
void sim_removal_lose(struct sim_world *world, size_t count, enum ops_removal *outcomes);
/* What is asked of the store in place of query; false: the page is empty, and more follows. */
bool sim_query_narrow(struct sim_world *world, struct ops_query *query);
void sim_query_widen(struct sim_world *world, struct ops_store_page *page);
/* Likewise of a target. */
bool sim_page_narrow(struct sim_world *world, size_t *limit);
void sim_token_keep(struct sim_world *world, const struct ops_txn *txn);
bool sim_token_known(struct sim_world *world, const struct ops_txn *txn);

/* ---- process.c ---- */
enum ops_status sim_process_start(struct sim_process *process) OPS_MUST_USE;
void sim_process_kill(struct sim_process *process, enum sim_site site);
void sim_process_bury(struct sim_process *process);           /* when it is dead and idle */
struct sim_process *sim_process_any(struct sim_world *world); /* up and idle; NULL: none */

/* ---- operators.c ---- */
void sim_operator_acts(struct sim_process *process);
void sim_operator_sets_secret(struct sim_process *process);
/* takes input, adds the right secret code; the answer's data (owned) or NULL */
json_t *sim_operator_asks(struct sim_process *process, const char *function, json_t *input);
void sim_operator_cancels(struct sim_process *process, const char *function, const char *id_name, const char *id);
void sim_stranger_guesses(struct sim_process *process);
void sim_gate_asks(struct sim_process *process, struct sim_gate *gate);

/* ---- steps.c ---- */
void sim_step(struct sim_world *world); /* anything at all, by a process that is idle */
void sim_worker_step(struct sim_process *process);
void sim_sweep_step(struct sim_process *process);
void sim_process_does(struct sim_process *process, void (*act)(struct sim_process *process));
void sim_bury_the_dead(struct sim_world *world);

/* ---- rest.c ---- */
void sim_vacuum_in_the_storm(struct sim_world *world);
void sim_come_to_rest(struct sim_world *world);

/* ---- check.c ---- */
void sim_check_transaction(struct sim_world *world, struct sim_process *process, const struct ops_txn *txn);
/* generation: of the thing that the target was opened on */
void sim_check_removal(struct sim_process *process, size_t target, uint32_t generation, const struct ops_key *keys,
                       size_t count);
void sim_check_under_way(struct sim_process *process); /* before each record that a removal removes */
void sim_check_step(struct sim_world *world);
void sim_check_rest(struct sim_world *world);
json_t *sim_peek(struct sim_world *world, const char *pk, const char *sk); /* owned, or NULL */
struct sim_vacuum *sim_vacuum_find(struct sim_world *world, const char *id);
int64_t sim_until_mutex_expires(struct sim_world *world); /* by the world's clock; below zero: it is free, or has expired */
void sim_on_removed(void *world, enum ops_target_kind kind, const char *name, const struct ops_memory_record *record);

/* ---- counts.c ---- */
void sim_counts_begin(struct sim_world *world, struct sim_vacuum *vacuum);
void sim_counts_end(struct sim_world *world, struct sim_vacuum *vacuum, const json_t *doc);
/* The target at an index of a vacuum's plan; target_count: none of ours. */
size_t sim_counts_target_at(struct sim_world *world, const struct sim_vacuum *vacuum, json_int_t index);
/* Whether the vacuum's plan has the target to be emptied, and it could be looked at. */
bool sim_counts_in_plan(struct sim_world *world, const struct sim_vacuum *vacuum, size_t number);

#endif
