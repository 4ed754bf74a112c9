/* Numbers and times as people read them. */
#ifndef OPS_SURFACES_CLI_HUMAN_H
#define OPS_SURFACES_CLI_HUMAN_H

#include "base/buf.h"

enum { OPS_HUMAN_SIZE = 48 };

/* Each writes into ret_text and returns it. */
const char *ops_human_number(int64_t number, char ret_text[static OPS_HUMAN_SIZE]);     /* 1,234,567 */
const char *ops_human_bytes(int64_t bytes, char ret_text[static OPS_HUMAN_SIZE]);       /* 1.2 MB */
const char *ops_human_duration(int64_t seconds, char ret_text[static OPS_HUMAN_SIZE]);  /* 4m 12s */
const char *ops_human_countdown(int64_t seconds, char ret_text[static OPS_HUMAN_SIZE]); /* 4:12 */

/* "2026-11-24 03:42:53Z (in 4m 12s)" for the text of an instant; what is not an instant is appended as safe text. */
void ops_human_append_instant(struct ops_buf *buf, const char *instant, int64_t now_ms);
void ops_human_append_plain_instant(struct ops_buf *buf, const char *instant); /* without the words in brackets */

#endif
