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

/* "1 record", "1,234 records". one and many are of the same word, no longer than 40 bytes. */
enum { OPS_HUMAN_COUNT_SIZE = 80 };
const char *ops_human_count(int64_t count, const char *one, const char *many, char ret_text[static OPS_HUMAN_COUNT_SIZE]);

enum { OPS_HUMAN_TIME_SIZE = 80 };

/* "2026-12-01 02:00:00Z = 2026-12-01 03:00:00 CET": in UTC and in the operator's zone (TZ, else /etc/localtime), so that one
 * who meant the other sees it; in UTC alone where that is the operator's zone. */
const char *ops_human_time(int64_t at_ms, char ret_text[static OPS_HUMAN_TIME_SIZE]);

/* "2026-12-01 03:00:00 CET": in the operator's zone; "" where that is UTC. */
const char *ops_human_local_time(int64_t at_ms, char ret_text[static OPS_HUMAN_TIME_SIZE]);

/* "2026-12-01 02:00:00Z = 2026-12-01 03:00:00 CET (in 4m 12s)" for the text of an instant; what is not an instant is
 * appended as safe text. */
void ops_human_append_instant(struct ops_buf *buf, const char *instant, int64_t now_ms);
/* In UTC alone, for the columns of a list and where a line has no room: "2026-12-01 02:00:00Z". */
void ops_human_append_plain_instant(struct ops_buf *buf, const char *instant);

#endif
