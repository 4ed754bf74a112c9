/* What every chapter of the demo needs: the app over a data directory on a clock that is moved by hand, and a voice. */
#ifndef OPS_MAIN_DEMO_STAGE_H
#define OPS_MAIN_DEMO_STAGE_H

#include "gate/decide.h"
#include "main/engine.h"

#include <jansson.h>
#include <stdio.h>

enum { DEMO_PATH_SIZE = 1024, DEMO_CODE_SIZE = 33 };

struct demo {
    FILE *out; /* NULL: nothing is told */
    struct ops_clock *clock;
    struct ops_engine engine;
    char data_dir[DEMO_PATH_SIZE];
    char secret[DEMO_CODE_SIZE];
    char guid[DEMO_CODE_SIZE];
    int chapter;
    int checks;
    struct ops_error error;
    struct ops_gate_knowledge gate; /* what another service knows of us */
    json_t *notice;                 /* the window that it was told of, or NULL */
};

void demo_say(const struct demo *demo, const char *format, ...) OPS_PRINTF(2, 3);
void demo_chapter(struct demo *demo, const char *title);

/* Says that claim holds, or ends the demo with OPS_INTERNAL_ERROR. */
enum ops_status demo_require(struct demo *demo, bool holds, const char *claim) OPS_MUST_USE;

/* Each gives the call's data, the caller's to release. takes input. A refusal is OPS_INTERNAL_ERROR, but for demo_refused.
 */
enum ops_status demo_read(struct demo *demo, const char *route, json_t *input, json_t **ret_data) OPS_MUST_USE;
enum ops_status demo_ask(struct demo *demo, const char *function, json_t *input, json_t **ret_data) OPS_MUST_USE;
/* With the secret code and an actor. */
enum ops_status demo_invoke(struct demo *demo, const char *function, json_t *input, json_t **ret_data) OPS_MUST_USE;
/* Invokes what must be refused with this tag. */
enum ops_status demo_refused(struct demo *demo, const char *function, json_t *input, const char *tag) OPS_MUST_USE;

/* Moves the clock, and sweeps as serve would have done. */
enum ops_status demo_pass_time(struct demo *demo, int64_t duration_ms, const char *words) OPS_MUST_USE;

/* Steps a worker, as a thread of serve would, until nothing is left to do. */
enum ops_status demo_work(struct demo *demo) OPS_MUST_USE;

/* The chapters. */
enum ops_status demo_window(struct demo *demo) OPS_MUST_USE;
enum ops_status demo_vacuum_org(struct demo *demo) OPS_MUST_USE;
enum ops_status demo_vacuum_all(struct demo *demo) OPS_MUST_USE;
enum ops_status demo_audit(struct demo *demo) OPS_MUST_USE;

#endif
