/* The app's inside: what its files share, and nobody else sees. */
#ifndef OPS_APP_CONTEXT_H
#define OPS_APP_CONTEXT_H

#include "app/app.h"
#include "app/board.h"
#include "app/call.h"
#include "app/clock_watch.h"
#include "app/delivered.h"
#include "app/progress.h"
#include "app/write_watch.h"
#include "base/pace.h"
#include "base/patience.h"
#include "base/rate.h"
#include "core/audit.h"
#include "core/clock_step.h"
#include "core/looks.h"
#include "core/wrong_codes.h"

#include <pthread.h>
#include <stdatomic.h>

enum { OPS_WORKERS_MAX = 64 };

/* The ping answer's "maintenance" part, kept so that a ping costs no read. See ping.c. */
struct ops_notice_cache {
    pthread_mutex_t lock;
    pthread_cond_t over; /* a reading is */
    struct {
        char *text;                  /* JSON; NULL: none, or the window may have changed since */
        int64_t good_until_ms;       /* monotonic */
        int64_t read_at_ms;          /* by the wall clock */
        uint64_t change_count;       /* how often the window may have changed */
        bool reading;                /* somebody is at the store */
        int64_t reading_since_ms;    /* monotonic */
        uint64_t reading_count;      /* that are over */
        enum ops_status last_status; /* of the last of them */
    } synced;
};

/* What this process knows of secret codes besides their record. See secret.c. */
struct ops_secret_memory {
    pthread_mutex_t lock; /* one secret code is checked at a time, so that a lock holds for those who wait */
    struct {
        bool has_key;
        uint8_t key[OPS_SHA256_BYTES]; /* of the keyed hashes in wrong */
        struct ops_wrong_codes wrong;
        struct ops_looks looks;
        int64_t lock_until_ms; /* the lock that was met last, by its record's wall clock, */
        int64_t lock_met_ms;   /* and when that was first; monotonic */
    } synced;
};

/* See clock_watch.c. */
struct ops_clock_watch {
    pthread_mutex_t look_lock; /* one look at a time, with what it writes */
    int64_t written_count;     /* steps that are in the records; under look_lock */
    pthread_mutex_t lock;
    struct {
        struct ops_clock_reference reference;
        struct ops_clock_step steps[OPS_CLOCK_STEPS_KEPT]; /* the latest, by their numbers in a ring */
        int64_t step_count;
        int64_t stepped_ms;
        int64_t last_boot_ms; /* when the latest was noticed */
    } synced;
};

/* See trail.c. */
struct ops_trail {
    pthread_mutex_t look_lock; /* one look at a time */
    pthread_mutex_t lock;
    struct {
        bool is_tried; /* somebody has looked, whatever came of it */
        bool is_known;
        enum ops_delivered_state state; /* AGREES until something else is known */
        json_int_t first_seq, store_seq, log_seq;
        char words[OPS_ERROR_TEXT_SIZE];
        int64_t looked_ms; /* monotonic */
        int64_t parted_ms; /* monotonic; since when state is another than AGREES, or the log could not be read at first */
        char unread[OPS_ERROR_TEXT_SIZE];  /* why it could not, before it is known */
        json_int_t position_seq, head_seq; /* as they were seen last; they only grow, unless the store was put back */
    } synced;
};

/* See veto.h. */
enum { OPS_VETOES_MAX = 4, OPS_VETO_TEXT_SIZE = 2048 /* a longer reason is cut */ };

struct ops_veto {
    char vacuum_id[OPS_ULID_SIZE];                                                        /* "": none */
    char actor[OPS_VETO_TEXT_SIZE], peer[OPS_VETO_TEXT_SIZE], reason[OPS_VETO_TEXT_SIZE]; /* "": not said */
    int64_t asked_ms;
};

struct ops_vetoes {
    pthread_mutex_t lock;
    struct {
        struct ops_veto list[OPS_VETOES_MAX];
        size_t next; /* the place that is written to next */
    } synced;
};

struct ops_app {
    struct ops_app_ports ports;
    struct ops_slot manifest;  /* a const struct ops_manifest; see ops_app_hold_manifest */
    pthread_rwlock_t removing; /* read: a removal is under way, by the manifest in the slot; write: another goes in */
    atomic_int_fast64_t manifest_number; /* of the manifest in the slot, from 0; changes with it under removing */
    struct ops_build build;
    int64_t started_ms;        /* monotonic */
    int64_t inline_dry_run_ms; /* how long a request may itself advance the dry run that it asked for */
    struct ops_secret_memory secret;
    struct ops_log *log;                /* NULL: nobody is told */
    atomic_int_fast64_t mismatch_count; /* wrong secret codes that were told so */
    atomic_int_fast64_t swept_ms;       /* by the wall clock; when a sweep last started all that was due; 0: not yet */
    struct ops_notice_cache notice;
    struct ops_progress progress;
    struct ops_clock_watch clock_watch;
    struct ops_write_watch write_watch;
    struct ops_trail trail;
    struct ops_vetoes vetoes;
    struct ops_board board; /* of all workers but those that a request has for itself */
    pthread_mutex_t pace_lock;
    struct ops_pace pace; /* this and rate under pace_lock */
    struct ops_rate rate;
    struct ops_patience patience;    /* with what does not answer; likewise */
    int64_t survey_not_before_ms;    /* monotonic; when targets that were deferred are looked at again; likewise */
    char planned_now[OPS_ULID_SIZE]; /* the vacuum that one of our workers is planning, or ""; under pace_lock too */
};

/* One call, from its validated input to its data. */
struct ops_call_context {
    struct ops_app *app;
    const struct ops_operation *operation;
    json_t *input;                  /* validated: known fields only, of their types */
    char peer[OPS_PEER_WORDS_SIZE]; /* of ops_peer_text */
    int64_t now_ms;
    char request_id[OPS_ULID_SIZE];
    int64_t began_ms; /* monotonic */
    struct ops_session session;
    bool has_session;
    char session_fingerprint[17];
    json_int_t revision; /* for the envelope; 0: none */
    int64_t wait_ms;     /* above 0: the secret code's turn is yet to come */
    struct ops_error error;
};

/* The manifest that counts now. It stays as it is until the caller lets the result go, whatever takes its place. */
struct ops_shared *ops_app_hold_manifest(struct ops_app *app, const struct ops_manifest **ret_manifest);

/* For how long this process has been waiting for what is named, which has not come now either; and that it has come. */
int64_t ops_app_waits(struct ops_app *app, const char *name);
void ops_app_waited(struct ops_app *app, const char *name);

/* Members of the validated input. */
const char *ops_input_text(const struct ops_call_context *context, const char *name); /* NULL: absent */
json_int_t ops_input_integer(const struct ops_call_context *context, const char *name, json_int_t fallback);
bool ops_input_flag(const struct ops_call_context *context, const char *name);
int64_t ops_input_instant(const struct ops_call_context *context, const char *name); /* -1: absent */

/* Who calls. Borrowed from the context. */
struct ops_who ops_call_who(const struct ops_call_context *context);

void ops_notice_init(struct ops_notice_cache *notice);
void ops_notice_release(struct ops_notice_cache *notice);

void ops_clock_watch_init(struct ops_clock_watch *watch, struct ops_clock *clock);
void ops_clock_watch_release(struct ops_clock_watch *watch);

/* Looks whether the wall clock was set since the last look, and writes it into the record of each vacuum that is pending.
 * Before anything is started by that clock. A failure of the store is no reason not to go on: what is not written is tried
 * again. */
enum ops_status ops_clock_watch_look(struct ops_app *app, struct ops_error *error) OPS_MUST_USE;

/* The notice cache forgets what it knows: the active window may have changed. */
void ops_notice_forget(struct ops_app *app);

#endif
