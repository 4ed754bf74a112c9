/* Loading and writing vacuum records, their tasks and the mutex. */
#ifndef OPS_APP_VACUUMS_H
#define OPS_APP_VACUUMS_H

#include "app/commit.h"
#include "core/mutex.h"
#include "core/vacuum.h"

enum ops_status ops_vacuums_load(struct ops_app *app, const char *id, json_t **ret_vacuum,
                                 struct ops_error *error) OPS_MUST_USE; /* OPS_VACUUM_NOT_FOUND */

/* Summaries (core/vacuum.h) of the vacuums that the store took last, count of them or as many as there are, the latest
 * first.
 */
enum ops_status ops_vacuums_latest(struct ops_app *app, size_t count, json_t **ret_vacuums,
                                   struct ops_error *error) OPS_MUST_USE;

/* Summaries of those that are pending or running: the one that deletes before the dry runs, the latest first. */
enum ops_status ops_vacuums_open(struct ops_app *app, json_t **ret_open, struct ops_error *error) OPS_MUST_USE;

/* The ids of the vacuums that are pending or running: an array of texts. */
enum ops_status ops_vacuums_open_ids(struct ops_app *app, json_t **ret_ids, struct ops_error *error) OPS_MUST_USE;

enum ops_status ops_vacuums_mutex(struct ops_app *app, struct ops_mutex *ret_mutex, struct ops_error *error) OPS_MUST_USE;

/* All task records of a vacuum from number first on, in the order of their numbers. */
enum ops_status ops_vacuums_tasks(struct ops_app *app, const char *id, json_int_t first, json_t **ret_tasks,
                                  struct ops_error *error) OPS_MUST_USE;

/* The pieces of a transaction. before is the record as it was read. */
void ops_vacuums_put(struct ops_txn *txn, const json_t *before, json_t *after); /* takes after */
/* The number of the next vacuum; the transaction that writes it takes the number, or meets OPS_CONFLICT. */
enum ops_status ops_vacuums_next_sequence(struct ops_app *app, json_int_t *ret_sequence,
                                          struct ops_error *error) OPS_MUST_USE;
void ops_vacuums_put_sequence(struct ops_txn *txn, json_int_t sequence);
void ops_vacuums_put_mutex(struct ops_txn *txn, const struct ops_mutex *before, const struct ops_mutex *after);
void ops_vacuums_check_mutex(struct ops_txn *txn, const json_t *vacuum); /* still held by it; nothing for a dry run */
void ops_vacuums_check_fence(struct ops_txn *txn, const json_t *vacuum, json_int_t fence); /* likewise, with this fence */

/* Writes a terminal state: the record, its end among the open ones, the mutex given back, the audit record. takes after. */
enum ops_status ops_vacuums_end(struct ops_app *app, const json_t *before, json_t *after, const struct ops_who *who,
                                int64_t now_ms, struct ops_error *error) OPS_MUST_USE;

/* The vacuum's targets with the counters of its tasks; *ret_targets is NULL while nothing is planned. */
enum ops_status ops_vacuums_tally(struct ops_app *app, const json_t *vacuum, json_t **ret_targets,
                                  struct ops_error *error) OPS_MUST_USE;

/* The terminal record of a vacuum: completed when failure is OPS_OK, else failed for why. */
enum ops_status ops_vacuums_finished(struct ops_app *app, const json_t *vacuum, enum ops_status failure,
                                     const struct ops_error *why, int64_t now_ms, json_t **ret_vacuum,
                                     struct ops_error *error) OPS_MUST_USE;

/* Likewise, and written. */
enum ops_status ops_vacuums_finish(struct ops_app *app, const json_t *vacuum, enum ops_status failure,
                                   const struct ops_error *why, int64_t now_ms, struct ops_error *error) OPS_MUST_USE;

/* The event for a vacuum's change. *ret_event borrows from vacuum and who; its data is the caller's to release. */
enum ops_status ops_vacuums_event(const json_t *vacuum, enum ops_audit_type type, const struct ops_who *who,
                                  struct ops_audit_event *ret_event) OPS_MUST_USE;

/* The failed record of a vacuum whose mutex has expired. */
enum ops_status ops_vacuums_expired(struct ops_app *app, const json_t *vacuum, const struct ops_mutex *mutex, int64_t now_ms,
                                    json_t **ret_vacuum, struct ops_error *error) OPS_MUST_USE;

#endif
