/* A record as a card: a title line, then lines of a name and a value. */
#ifndef OPS_SURFACES_CLI_CARD_H
#define OPS_SURFACES_CLI_CARD_H

#include "surfaces/cli/style.h"

#include <jansson.h>

/* "Vacuum 01JD...  completed", the status in its colour; on a line of its own where that is too long. */
void ops_card_title(struct ops_buf *buf, const struct ops_style *style, const char *what, const char *id,
                    const char *status);

/* A line of a name and a value that is safe text; on a terminal wrapped at words, and where there is next to no room beside
 * the name, beneath it. */
void ops_card_value(struct ops_buf *buf, const struct ops_style *style, const char *name, enum ops_paint paint,
                    const char *value);

/* "Follow it: g3nops ...": words, and a command line that a shell takes as it is when it is copied. words "": on a
 * line of its own, indented. */
void ops_card_command(struct ops_buf *buf, const struct ops_style *style, const char *words, const char *command);

/* The members of record; nothing when it is not there. */
void ops_card_text(struct ops_buf *buf, const struct ops_style *style, const char *name, const json_t *record,
                   const char *member);
void ops_card_instant(struct ops_buf *buf, const struct ops_style *style, const char *name, const json_t *record,
                      const char *member);
void ops_card_number(struct ops_buf *buf, const struct ops_style *style, const char *name, const json_t *record,
                     const char *member);
void ops_card_duration(struct ops_buf *buf, const struct ops_style *style, const char *name, const json_t *record,
                       const char *member);

/* When a window was to end, in words that promise nothing once that is over. */
void ops_card_expected_end(struct ops_buf *buf, const struct ops_style *style, const char *instant, bool overdue);

/* That a clock was set by so many seconds (below zero: back), and what it said right after. */
void ops_card_clock_step(struct ops_buf *buf, const struct ops_style *style, json_int_t seconds, const char *at);

enum ops_paint ops_card_paint(const char *status);

#endif
