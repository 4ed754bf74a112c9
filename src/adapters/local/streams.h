/* The streams of a log group that somebody still writes to. Private to this folder.
 *
 * Who removes a file that is open gives neither its space back nor its name to the lines that are written to it afterwards.
 * So such a stream is emptied, and its place kept, as log rotation does it with copytruncate. The kernel tells whether
 * anybody has a file open for writing to whoever asks for a read lease on it (fcntl(2), F_SETLEASE): the file's owner, or
 * who has CAP_LEASE, on a local file system. Where it does not tell, a stream is removed as any file.
 */
#ifndef OPS_ADAPTERS_LOCAL_STREAMS_H
#define OPS_ADAPTERS_LOCAL_STREAMS_H

#include "adapters/local/remover.h"
#include "ports/target.h"

#include <sys/stat.h>

enum local_stream_use { LOCAL_STREAM_FREE, LOCAL_STREAM_WRITTEN, LOCAL_STREAM_UNKNOWN };

/* Whether anybody has a regular file open for writing. */
enum local_stream_use local_stream_use(int group_fd, const char *name);

/* Whether what is at place is no record: an empty stream that is held open for writing. There is nothing in it, and when it
 * is closed it is a record like another. */
bool local_stream_is_idle(int group_fd, const char *name, const struct statx *place);

/* Why what is at place could not be removed or emptied, where refusal is why it could not be removed, or NULL. */
const char *local_stream_refusal(int group_fd, const char *name, const struct statx *place, const char *refusal);

/* As local_remover_remove, which has the group's directory as its root. */
enum ops_removal local_stream_remove(struct local_remover *remover, struct ops_view key, const char **ret_why);

#endif
