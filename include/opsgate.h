/* opsgate: may this service answer, or is a maintenance window active?
 *
 * An operator opens a maintenance window in OPS. While it is active every other service of the stack turns requests away
 * with 503. This library is what those services call. It compiles as C99 and as C++, and links as
 *
 *     cc service.c $(pkg-config --cflags --libs opsgate)
 *
 * The promise. A check costs nanoseconds: no lock, no system call, no allocation, no waiting for a network. What it goes by
 * is at most 20 seconds old; a gate that has heard nothing for longer is OPEN, so that trouble in OPS never takes a service
 * down. Within 20 seconds of a window's start a gate that can reach its source is closed, within 20 seconds of its end every
 * gate is open again.
 *
 * The whole of it, from top to bottom:
 *
 *     opsgate_config config = OPSGATE_CONFIG_INIT;
 *     config.source = "http://ops.internal:8080";
 *     opsgate *gate;
 *     char why[OPSGATE_ERROR_SIZE];
 *     if (opsgate_open(&config, &gate, why) != OPSGATE_OK)
 *         die(why);
 *
 *     for each request:
 *         if (opsgate_check_request(gate, method, path)) {
 *             opsgate_response *response = opsgate_respond(gate, accept_header);
 *             send status, headers and body of response
 *             opsgate_response_free(response);
 *         } else {
 *             serve it
 *         }
 *
 *     opsgate_close(gate);
 *
 * Threads: everything here may be called from any thread at any time, but opsgate_close, which must be the last.
 *
 * Processes: after fork() the child knows nothing; its first check starts a thread of its own and is then like the first
 * check of any process. What the parent had open is left alone. fork() and exit() wait until the thread that asks is in none
 * of the libraries that it asks with: mostly not at all, milliseconds where it is, a second at most. vfork() and exec need
 * nothing; _Fork() and a bare clone() give a child that may not use the gate.
 *
 * Descriptors: the thread that asks over HTTP or asks DynamoDB has a table of its own, with nothing of the process's in it.
 * So a file that the service closes is closed, the thread's connections are in nobody's way and no child's, and a process with
 * a single thread does not pay for a second one: while two share a table, Linux counts the users of a file at each system call
 * on it, which takes some tens of nanoseconds. /proc/PID/fd does not show these connections, /proc/PID/task/TID/fd does. While
 * it asks it has the process's standard error; a handler that the service has for faults finds nothing else of the service's
 * there. A thread that asks a store or a function of your own shares the process's table, and so does any while SSLKEYLOGFILE
 * is set, or where the system refuses (close_range(2); Linux 5.9).
 *
 * Memory: a gate takes about 100 KiB and one thread, which sleeps. Nothing here ever aborts the process, prints, changes a
 * signal's handling or reads anything but what its source needs.
 */
#ifndef OPSGATE_H
#define OPSGATE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define OPSGATE_API __attribute__((visibility("default")))

/* ---- 1. Where the truth is -----------------------------------------------------------------------------------------------

   config.source says whom to ask:

     "http://HOST[:PORT]", "https://HOST[:PORT]"   OPS itself, by GET /ops/ping. TLS is always verified. A path is put before
                                                   /ops/ping: "https://api.example.com/prod"; one that ends in /ops is
                                                   that path's beginning. http_proxy and no_proxy count.
     "dynamodb:TABLE"                              the record in OPS's own table, normally "dynamodb:ops_main", by one
                                                   GetItem. Region, profile and credentials as every AWS tool takes them;
                                                   the role needs dynamodb:GetItem on that table and nothing else.
     "store:DIRECTORY"                             the embedded engine's data directory on this machine; as the user that
                                                   owns it, since SQLite's readers write into the files beside the store;
                                                   from the root, where the process changes directory as daemon() does

   or config.ask is a function of your own, and config.source is NULL. */

enum { OPSGATE_WINDOW_MAX_BYTES = 256 * 1024, OPSGATE_ERROR_SIZE = 256 };

/* What your own function finds out. It is called by one thread at a time, every few seconds, and may take timeout_ms.
   Returns 0: no window is active; 1: one is, and window holds the JSON object that OPS has at data.maintenance of its ping,
   as far as you know it ("{}" will do; one with a "status" other than "active" is no window); -1: that could not be found out
   now. Writing window: at most size bytes with the NUL at its end. */
typedef int (*opsgate_ask_fn)(void *context, unsigned timeout_ms, char *window, size_t size);

typedef struct opsgate_config {
    size_t size;                    /* of this struct; set by OPSGATE_CONFIG_INIT */
    const char *source;             /* see above; NULL: ask is used */
    opsgate_ask_fn ask;             /* NULL: source is used */
    void *ask_context;
    unsigned refresh_ms;            /* 1000 to 15000: ask so often, with jitter; default 5000 */
    unsigned timeout_ms;            /* 100 to 9000: for one question; default 2000. With refresh_ms at most 19000: what is
                                       known must not run out between two answers */
    unsigned first_wait_ms;         /* 0 to 10000: how long a check may wait for the very first answer; default 250 */
    const char *const *health_paths; /* paths that are never turned away, as "/healthz", NULL behind the last; default
                                       none. Each begins with a slash and has no query; one that ends in "*" is a
                                       prefix, for paths of less than 1000 bytes without "..", "//", "/./", ';',
                                       '#', '\\', control characters, and escapes of these, '%' and '?'. Copied. */
    const char *service;            /* this service's code, for the envelope of a 503: printable ASCII; default "gate".
                                       Copied. */
} opsgate_config;

#define OPSGATE_CONFIG_INIT {sizeof(opsgate_config), NULL, NULL, NULL, 5000, 2000, 250, NULL, NULL}

/* ---- 2. Open -------------------------------------------------------------------------------------------------------------

   Starts the thread that asks, and returns at once: whether the source can be reached shows later, in the counters. */

typedef enum opsgate_status {
    OPSGATE_OK = 0,
    OPSGATE_BAD_CONFIG, /* the reason names the member */
    OPSGATE_NO_MEMORY,
    OPSGATE_NO_THREAD   /* the system refuses another thread */
} opsgate_status;

typedef struct opsgate opsgate;

/* why: what is wrong, in a sentence; "" after OPSGATE_OK. May be NULL. */
OPSGATE_API opsgate_status opsgate_open(const opsgate_config *config, opsgate **ret_gate, char why[OPSGATE_ERROR_SIZE]);

/* Whether opsgate_open would take it: OPSGATE_OK, or OPSGATE_BAD_CONFIG and why, as opsgate_open says it. Starts, opens and
   asks nothing, so that a configuration can be checked where no gate is wanted: by a program's --check, or in the parent of
   the processes that serve. */
OPSGATE_API opsgate_status opsgate_config_check(const opsgate_config *config, char why[OPSGATE_ERROR_SIZE]);

/* Waits for a question that is under way: up to timeout_ms. NULL is fine. */
OPSGATE_API void opsgate_close(opsgate *gate);

/* ---- 3. Check, on the request path ---------------------------------------------------------------------------------------

   0: go on. 1: a window is active; answer with 503.

   A check waits only when the gate has never had the chance to ask: before the first answer of the process, or after it was
   frozen for longer than 20 seconds (AWS Lambda, SIGSTOP, suspend). All such checks together wait until first_wait_ms after
   the first of them began; then the gate is open. Checks that find the source down never wait. Where the monotonic clock
   stood still, as in a suspend, a gate that was open stays so until its thread has looked at both clocks: a second. */
OPSGATE_API int opsgate_check(opsgate *gate);

/* Likewise, but OPTIONS (browsers ask before they ask) and the health paths pass without being checked or counted. path may
   have a query behind a '?', and is as it came: not percent-decoded. Either may be NULL. */
OPSGATE_API int opsgate_check_request(opsgate *gate, const char *method, const char *path);

/* ---- 4. The ready 503 ------------------------------------------------------------------------------------------------- */

typedef struct opsgate_header {
    const char *name;
    const char *value;
} opsgate_header;

enum { OPSGATE_HEADERS_MAX = 8 };

typedef struct opsgate_response {
    int status;                                  /* 503 */
    size_t header_count;
    opsgate_header headers[OPSGATE_HEADERS_MAX]; /* Content-Type, Retry-After, Cache-Control, X-API-Version,
                                                    x-ops-maintenance */
    const char *body;                            /* the envelope in JSON, or a page in HTML; NUL behind it */
    size_t body_length;
} opsgate_response;

/* accept: the request's Accept header; NULL: none. HTML goes to those who prefer text/html, which browsers do. Retry-After
   is the time to the window's estimated end, at least 20 s, and up to a quarter more, by chance, so that callers do not all
   come back at once. Past that end the response says that it takes longer than expected, and details has "overdue": true.
   NULL: no memory; then send a bare 503. When the window has just ended the response is still one. */
OPSGATE_API opsgate_response *opsgate_respond(opsgate *gate, const char *accept);
OPSGATE_API void opsgate_response_free(opsgate_response *response); /* NULL is fine */

/* ---- 5. The window's details, for a page or a log --------------------------------------------------------------------- */

typedef struct opsgate_window {
    int active;                    /* 0: none that counts now, and all else is empty */
    int64_t age_ms;                /* of what is known; -1: nothing is known */
    const char *maintenance_id;    /* a ULID */
    const char *description;       /* UTF-8 */
    const char *started_at;        /* RFC 3339 in UTC with a Z */
    const char *estimated_end_utc; /* likewise; past when overdue is 1 */
    const char *updates_json;      /* [{"at": ..., "text": ...}, ...], oldest first */
    int overdue;                   /* 1: it takes longer than was estimated, and nobody knows until when */
} opsgate_window;

/* NULL: no memory. */
OPSGATE_API opsgate_window *opsgate_window_copy(opsgate *gate);
OPSGATE_API void opsgate_window_free(opsgate_window *window); /* NULL is fine */

/* ---- 6. What has happened ------------------------------------------------------------------------------------------------

   Each check is counted once, under what it was answered by. The sums are exact once the checks have returned. After fork
   the child's go on from the parent's. */

typedef struct opsgate_counters {
    uint64_t fresh;         /* open, by an answer that is not overdue */
    uint64_t stale;         /* open, by an answer that is overdue, but younger than 20 s */
    uint64_t unknown;       /* open, since nothing is known that is younger than 20 s */
    uint64_t blocked;       /* closed */
    uint64_t asked;         /* questions to the source */
    uint64_t failed;        /* of those, without an answer */
    int64_t age_ms;         /* of what is known; -1: nothing is known */
    char last_failure[OPSGATE_ERROR_SIZE]; /* why the latest of them failed; "" when none has */
} opsgate_counters;

OPSGATE_API void opsgate_count(opsgate *gate, opsgate_counters *ret_counters);

#ifdef __cplusplus
}
#endif

#endif
