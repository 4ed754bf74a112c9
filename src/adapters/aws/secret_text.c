#include "adapters/aws/secret_text.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { READ_SIZE = 4096 };

enum ops_status ops_secret_buf_init(struct ops_buf *buf, size_t limit_bytes)
{
    ops_buf_init(buf, limit_bytes);
    buf->data = ops_mem_alloc(limit_bytes + 1);
    if (!buf->data)
        return OPS_NO_MEMORY;
    buf->data[0] = '\0';
    buf->capacity = limit_bytes + 1;
    return OPS_OK;
}

enum ops_status ops_secret_read(int fd, struct ops_buf *buf)
{
    char bytes[READ_SIZE];
    enum ops_status status = OPS_OK;
    for (ssize_t got = 1; got != 0 && status == OPS_OK;) {
        got = read(fd, bytes, sizeof bytes);
        if (got > 0)
            ops_buf_append(buf, bytes, (size_t)got);
        status = got < 0 && errno != EINTR ? OPS_IO_ERROR : ops_buf_status(buf);
    }
    explicit_bzero(bytes, sizeof bytes);
    return status;
}

enum ops_status ops_secret_file_read(const char *path, struct ops_buf *buf)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? OPS_NOT_FOUND : OPS_IO_ERROR;
    enum ops_status status = ops_secret_read(fd, buf);
    int reason = errno;
    (void)close(fd); /* only read from */
    errno = reason;
    return status;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static void trim(struct ops_buf *buf)
{
    size_t begin = 0, end = buf->length;
    while (end > begin && is_space(buf->data[end - 1]))
        end--;
    while (begin < end && is_space(buf->data[begin]))
        begin++;
    memmove(buf->data, buf->data + begin, end - begin);
    buf->length = end - begin;
    buf->data[buf->length] = '\0';
}

enum ops_status ops_secret_token_read(const char *path, size_t limit_bytes, struct ops_buf *buf, struct ops_error *error)
{
    enum ops_status status = ops_secret_buf_init(buf, limit_bytes);
    if (status != OPS_OK)
        return status;
    status = ops_secret_file_read(path, buf);
    if (status == OPS_LIMIT)
        return ops_fail(error, OPS_INVALID_FIELD, "The token file %s is larger than %zu bytes.", path, limit_bytes);
    if (status != OPS_OK)
        return ops_fail(error, OPS_INVALID_FIELD, "The token file %s can't be read: %s.", path, strerror(errno));
    trim(buf);
    if (buf->length == 0)
        return ops_fail(error, OPS_INVALID_FIELD, "The token file %s is empty.", path);
    return OPS_OK;
}
