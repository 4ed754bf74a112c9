/* Whether the store and the log that its audit trail was delivered to tell the same story.
 *
 * A chain that verifies says that nobody has changed the store's trail, and not that it is the trail which the store once
 * had: an older copy of the store is whole, too. The log knows. So what was delivered is compared with what is in the store,
 * event by event. An event that is the store's record of its number, byte by byte, is its own, and what a crash has torn of
 * a record that came again is passed over (app/torn.h), as an empty line is. Any other is foreign: the store has lost it, or
 * has it otherwise, or somebody else has put it there. Foreign events stay in the log for good, and a record of type
 * audit.rollback_accepted, which says how many there are and what their hash is, is what makes them known ones.
 */
#ifndef OPS_APP_DELIVERED_H
#define OPS_APP_DELIVERED_H

#include "app/app.h"
#include "app/delivered_line.h"
#include "base/hash.h"

#include <jansson.h>

enum ops_delivered_state {
    OPS_DELIVERED_AGREES,
    OPS_DELIVERED_BEHIND,  /* the log goes on where the store ends: an older store was put back */
    OPS_DELIVERED_DIFFERS, /* the two have other records of the same number, or the log has what is no record at all */
    OPS_DELIVERED_LOST,    /* the log ends before what was delivered to it: so it can't tell whether this is the store */
};

const char *ops_delivered_state_name(enum ops_delivered_state state); /* "agrees", "behind", "differs", "lost" */

/* Which line, and why it is foreign: words to go on after it. "" and NULL: there is none. */
struct ops_foreign_place {
    char where[OPS_LINE_WHERE_SIZE];
    char stream[OPS_LINE_STREAM_SIZE];
    uint64_t number; /* of the line in the stream; 0: not known */
    const char *reason;
};

/* Foreign events that no record in the store accounts for. */
struct ops_foreign {
    size_t count;
    json_int_t first_seq; /* the least of their numbers: the first record at which store and log part; 0: none has one */
    json_int_t last_seq;  /* of the last record among them in the log; 0: none is one */
    char last_sha256[OPS_SHA256_HEX_SIZE]; /* of the last of them: a record's own hash, or that of the text */
    uint8_t digest[OPS_SHA256_BYTES];      /* over all of them, in the order of the log */
    size_t strange_count;                  /* of them: no records at all */
    struct ops_foreign_place first;        /* the first of them in the log, */
    struct ops_foreign_place strange;      /* and the first one that is no record */
};

struct ops_delivered {
    enum ops_delivered_state state;
    struct ops_foreign foreign; /* with BEHIND and DIFFERS */
    json_int_t store_seq;       /* the end of the store's trail, */
    char store_sha256[OPS_SHA256_HEX_SIZE];
    json_int_t delivered_seq; /* how far the store says that it has reached the log */
    json_int_t accepted_seq;  /* an acceptance that is not in the log yet; 0: none */
    json_int_t end_seq;       /* the last of the store's records that is in the log; 0: none is */
    int64_t keeps_ms;         /* the log forgets what is older; 0: it forgets nothing, or was not asked */
    /* The rest only where the whole log was read. */
    json_int_t begins_seq;  /* the first of the store's records that is in the log; 0: none is */
    json_int_t missing_seq; /* the first one that was delivered and is not in the log; 0: none */
    json_int_t empty_seq;   /* an acceptance of events that are not in the log as they were; 0: none */
    json_t *accepted;       /* array of {"seq", "first_seq", "last_seq", "count"}: breaks that were accepted */
};

void ops_delivered_release(struct ops_delivered *delivered);

/* Reads the last `last` events of the log, or all with 0, and compares each with the store. A record that is being delivered
 * meanwhile does no harm: it was in the store before. */
enum ops_status ops_delivered_compare(struct ops_app *app, size_t last, struct ops_delivered *ret_delivered,
                                      struct ops_error *error) OPS_MUST_USE;

/* What a record that accepts them says of them. NULL when there is no memory. */
json_t *ops_foreign_data(const struct ops_delivered *delivered);

/* The details "stream", "line" and "reason" of the line that the words are about. */
void ops_delivered_details(const struct ops_delivered *delivered, struct ops_error *error);

/* The sentence of what is wrong: text of at least OPS_ERROR_TEXT_SIZE. "": nothing. */
void ops_delivered_words(const struct ops_delivered *delivered, char ret_words[static OPS_ERROR_TEXT_SIZE]);

#endif
