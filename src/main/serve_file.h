/* <data>/serve.json: where the serve that runs on a data directory listens, on which engine it works, and the token by which
 * it proves itself.
 *
 * {"http", "invoke", "pid", "engine", "account"?, "region"?, "token"}, mode 0600.
 */
#ifndef OPS_MAIN_SERVE_FILE_H
#define OPS_MAIN_SERVE_FILE_H

#include "surfaces/cli/instance.h"

/* Puts it in the place of the one before, whole or not at all. OPS_IO_ERROR: why it can't be written. */
enum ops_status ops_serve_file_write(const char *data_dir, const struct ops_instance *instance,
                                     struct ops_error *error) OPS_MUST_USE;
void ops_serve_file_remove(const char *data_dir); /* one that is not there is fine */

/* An ops_instance_find_fn. The file is believed when it is a file of ours (base/trust.h) that nobody else may read, and the
 * process that it names holds the lock. */
enum ops_status ops_serve_file_find(const char *data_dir, struct ops_instance *ret_instance, struct ops_error *error);

#endif
