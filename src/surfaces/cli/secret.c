#include "core/secret_form.h"
#include "surfaces/cli/run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void ops_cli_secret_cleanse(struct ops_cli_secret *secret)
{
    explicit_bzero(secret, sizeof *secret);
}

/* One form, wherever it comes from; told here, where its source is known. */
static enum ops_status finish_secret(struct ops_cli_secret *secret, const char *source, struct ops_error *error)
{
    struct ops_view code = ops_secret_trimmed(ops_view(secret->bytes, secret->length));
    secret->length = code.length;
    if (code.length > OPS_CLI_SECRET_MAX)
        return ops_fail(error, OPS_USAGE, "The secret code in %s is longer than %d bytes.", source, OPS_CLI_SECRET_MAX);
    explicit_bzero(secret->bytes + code.length, sizeof secret->bytes - code.length);
    const char *objection = ops_secret_objection(code);
    return objection ? ops_fail(error, OPS_USAGE, "The secret code in %s %s.", source, objection) : OPS_OK;
}

static enum ops_status take_text(const char *text, const char *source, struct ops_cli_secret *ret_secret,
                                 struct ops_error *error)
{
    size_t length = strlen(text);
    ret_secret->length = length < sizeof ret_secret->bytes ? length : sizeof ret_secret->bytes;
    memcpy(ret_secret->bytes, text, ret_secret->length);
    return finish_secret(ret_secret, source, error);
}

/* Straight from the file descriptor: stdio would keep a copy in its buffer. The room beyond what may be used tells a code
 * that is too long from one with a line end. */
static enum ops_status read_secret(int fd, const char *path, struct ops_cli_secret *ret_secret, struct ops_error *error)
{
    size_t length = 0;
    ssize_t count;
    do {
        count = read(fd, ret_secret->bytes + length, sizeof ret_secret->bytes - length);
        if (count > 0)
            length += (size_t)count;
    } while ((count > 0 && length < sizeof ret_secret->bytes) || (count < 0 && errno == EINTR));
    if (count < 0)
        return ops_fail(error, OPS_IO_ERROR, "The secret code can't be read from %s: %s.", path, strerror(errno));
    ret_secret->length = length;
    return finish_secret(ret_secret, path, error);
}

static void warn_when_open_to_others(struct ops_cli *cli, int fd, const char *path)
{
    struct stat info;
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_mode & (S_IRGRP | S_IROTH))
        ops_cli_warn(cli, "%s can be read by other users; 'chmod 600 %s' keeps the secret code yours", path, path);
}

enum ops_status ops_cli_secret_file(struct ops_cli *cli, const char *path, struct ops_cli_secret *ret_secret,
                                    struct ops_error *error)
{
    enum ops_status status;
    if (strcmp(path, "-") == 0) {
        status = read_secret(fileno(cli->host->in), "standard input", ret_secret, error);
    } else {
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (fd < 0)
            return ops_fail(error, OPS_IO_ERROR, "The secret code can't be read from %s: %s.", path, strerror(errno));
        warn_when_open_to_others(cli, fd, path);
        status = read_secret(fd, path, ret_secret, error);
        (void)close(fd);
    }
    if (status != OPS_OK)
        ops_cli_secret_cleanse(ret_secret);
    return status;
}

static enum ops_status ask_secret(struct ops_cli *cli, struct ops_cli_secret *ret_secret, struct ops_error *error)
{
    struct ops_terminal *terminal = cli->host->terminal;
    enum ops_status status =
        terminal->ops->ask(terminal, "Secret code: ", false, ret_secret->bytes, sizeof ret_secret->bytes, error);
    if (status == OPS_UNREACHABLE)
        return ops_fail(error, OPS_USAGE,
                        "The secret code is needed and there is no terminal to ask on; give "
                        "--secret-code-file F or set G3NOPS_SECRET_CODE.");
    if (status == OPS_IO_ERROR)
        return ops_fail(error, OPS_USAGE, "No secret code was typed.");
    if (status == OPS_LIMIT)
        return ops_fail(error, OPS_USAGE, "The secret code is longer than %d bytes.", OPS_CLI_SECRET_MAX);
    ret_secret->length = strnlen(ret_secret->bytes, sizeof ret_secret->bytes);
    return status == OPS_OK ? finish_secret(ret_secret, "what was typed", error) : status;
}

bool ops_cli_has_secret(const struct ops_cli *cli)
{
    return ops_cli_text_if(cli, "--secret-code") || ops_cli_text_if(cli, "--secret-code-file") ||
           ops_cli_env("G3NOPS_SECRET_CODE");
}

enum ops_status ops_cli_secret(struct ops_cli *cli, struct ops_cli_secret *ret_secret, struct ops_error *error)
{
    const char *text = ops_cli_text_if(cli, "--secret-code"), *path = ops_cli_text_if(cli, "--secret-code-file");
    if (text && path)
        return ops_fail(error, OPS_USAGE, "--secret-code and --secret-code-file are both given; one is enough.");
    if (path)
        return ops_cli_secret_file(cli, path, ret_secret, error);
    const char *source = text ? "--secret-code" : "G3NOPS_SECRET_CODE";
    if (!text)
        text = ops_cli_env("G3NOPS_SECRET_CODE");
    enum ops_status status = text ? take_text(text, source, ret_secret, error) : ask_secret(cli, ret_secret, error);
    if (status != OPS_OK)
        ops_cli_secret_cleanse(ret_secret);
    return status;
}

static void wipe(char *text)
{
    if (text)
        explicit_bzero(text, strlen(text));
}

void ops_cli_forget_secret_code(struct ops_cli *cli)
{
    int index = ops_cli_flag_index(cli->args.command, "--secret-code", strlen("--secret-code"));
    if (index >= 0)
        wipe(cli->args.values[index].text);
    wipe(getenv("G3NOPS_SECRET_CODE"));
}
