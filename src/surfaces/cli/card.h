/* A record as a card: a title line, then lines of a name and a value. */
#ifndef OPS_SURFACES_CLI_CARD_H
#define OPS_SURFACES_CLI_CARD_H

#include "surfaces/cli/table.h"

#include <jansson.h>

/* "Vacuum 01JD... completed", the status in its colour. */
void ops_card_title(struct ops_buf *buf, const struct ops_style *style, const char *what, const char *id,
                    const char *status);

void ops_card_name(struct ops_buf *buf, const struct ops_style *style, const char *name); /* the value and '\n' follow */

/* The members of record; nothing when it is not there. */
void ops_card_text(struct ops_buf *buf, const struct ops_style *style, const char *name, const json_t *record,
                   const char *member);
void ops_card_instant(struct ops_buf *buf, const struct ops_style *style, const char *name, const json_t *record,
                      const char *member);
void ops_card_number(struct ops_buf *buf, const struct ops_style *style, const char *name, const json_t *record,
                     const char *member);
void ops_card_duration(struct ops_buf *buf, const struct ops_style *style, const char *name, const json_t *record,
                       const char *member);

/* That a clock was set by so many seconds (below zero: back), and what it said right after. */
void ops_card_clock_step(struct ops_buf *buf, const struct ops_style *style, json_int_t seconds, const char *at);

enum ops_paint ops_card_paint(const char *status);

#endif
