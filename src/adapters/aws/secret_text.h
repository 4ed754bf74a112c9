/* Text that may hold secrets: it never moves while it grows, so that wiping it leaves no copy behind. */
#ifndef OPS_ADAPTERS_AWS_SECRET_TEXT_H
#define OPS_ADAPTERS_AWS_SECRET_TEXT_H

#include "base/buf.h"
#include "base/error.h"

/* A buffer that has all the memory that it may ever need. End it with ops_buf_wipe, which is fine after a failure too. */
enum ops_status ops_secret_buf_init(struct ops_buf *buf, size_t limit_bytes) OPS_MUST_USE;

/* Appends what is left of an open file; does not close it. OPS_LIMIT: it is larger than the buffer takes. OPS_IO_ERROR:
 * errno says why. */
enum ops_status ops_secret_read(int fd, struct ops_buf *buf) OPS_MUST_USE;

/* Appends a file. Beyond the above, OPS_NOT_FOUND: there is none of that name. */
enum ops_status ops_secret_file_read(const char *path, struct ops_buf *buf) OPS_MUST_USE;

/* The whole of a small file that holds one token, without the white space around it. buf is initialised here, and to be
 * wiped in any case. OPS_INVALID_FIELD: there is no such file, it can't be read, is larger than limit_bytes or empty; error
 * names the file. */
enum ops_status ops_secret_token_read(const char *path, size_t limit_bytes, struct ops_buf *buf,
                                      struct ops_error *error) OPS_MUST_USE;

#endif
