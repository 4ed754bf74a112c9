/* The program behind every surface: it owns nothing outside itself, and reaches the world through ports only. */
#ifndef OPS_APP_APP_H
#define OPS_APP_APP_H

#include "base/slot.h"
#include "core/manifest.h"
#include "ports/catalogue.h"
#include "ports/clock.h"
#include "ports/hasher.h"
#include "ports/log.h"
#include "ports/log_sink.h"
#include "ports/random.h"
#include "ports/session.h"
#include "ports/store.h"

/* What a running g3nops needs. All borrowed; all outlive the app. */
struct ops_app_ports {
    struct ops_store *store;
    struct ops_catalogue *catalogue;
    struct ops_log_sink *log_sink;
    struct ops_session_source *sessions; /* NULL: session-gated routes answer session-store-unavailable */
    struct ops_clock *clock;
    struct ops_other_clock *other_clock; /* NULL: there is none to compare with */
    struct ops_random *random;
    struct ops_hasher *hasher;
};

struct ops_build {
    int major;
    int minor;
    const char *id; /* "Tue-1763955000"; static */
};

struct ops_app;

/* manifest is borrowed and outlives the app, also when another takes its place. OPS_NO_MEMORY. */
enum ops_status ops_app_new(const struct ops_app_ports *ports, const struct ops_manifest *manifest,
                            const struct ops_build *build, struct ops_app **ret_app) OPS_MUST_USE;
/* From now on all workers of this app together remove at most so many records a second; 0 (as after new): no limit. */
void ops_app_limit_rate(struct ops_app *app, int64_t records_per_second);

/* From its return on this manifest counts in place of the one before: in every plan that is made, and for every removal. A
 * removal under way goes by the old one and is over before; it is waited for, while no other begins, for as long as a
 * removal takes. A vacuum that is planned keeps its plan. manifest's thing is a const struct ops_manifest; the caller's hold is
 * taken. Can't fail. One call at a time. */
void ops_app_replace_manifest(struct ops_app *app, struct ops_shared *manifest);

/* Where it says what it does: each audit record that it writes, how far a vacuum is, and what somebody should see at once.
 * Before the first call; borrowed. */
void ops_app_log_to(struct ops_app *app, struct ops_log *log);

void ops_app_free(struct ops_app *app); /* no call may be under way; NULL is fine */

#endif
