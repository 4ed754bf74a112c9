#include "surfaces/http/server.h"

#include "base/buf.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static enum ops_status read_all(int fd, struct ops_buf *buf)
{
    char chunk[4096];
    for (;;) {
        ssize_t count = read(fd, chunk, sizeof chunk);
        if (count == 0)
            return ops_buf_status(buf);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return OPS_IO_ERROR;
        ops_buf_append(buf, chunk, (size_t)count);
        if (ops_buf_status(buf) != OPS_OK)
            return ops_buf_status(buf);
    }
}

enum ops_status ops_http_read_pem(const char *path, char **ret_text, struct ops_error *error)
{
    struct ops_buf buf;
    ops_buf_init(&buf, OPS_HTTP_PEM_MAX_BYTES);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    enum ops_status status = fd < 0 ? OPS_IO_ERROR : read_all(fd, &buf);
    if (status == OPS_IO_ERROR)
        status = ops_fail(error, status, "The file '%s' can't be read: %s.", path, strerror(errno));
    else if (status == OPS_LIMIT)
        status = ops_fail(error, OPS_IO_ERROR, "The file '%s' is larger than %d bytes; it is no certificate or key.", path,
                          (int)OPS_HTTP_PEM_MAX_BYTES);
    else if (status == OPS_OK && !strstr(ops_buf_text(&buf), "-----BEGIN "))
        status = ops_fail(error, OPS_IO_ERROR, "The file '%s' is not a PEM text.", path);
    if (status == OPS_OK)
        *ret_text = ops_buf_take(&buf);
    ops_buf_release(&buf);
    if (fd >= 0)
        (void)close(fd); /* read only */
    return status;
}
