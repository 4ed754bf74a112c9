#include "main/commands.h"

#include "base/mem.h"
#include "main/embedded.h"
#include "main/engine.h"
#include "main/sample.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { ORGS_DEFAULT = 5, ROWS_DEFAULT = 200000, OBJECTS_DEFAULT = 5000, PATH_TEXT_MAX = 4096 };

/* One that is there is somebody's, and names what they work with. */
static enum ops_status check_manifest(const char *path, struct ops_view ours, struct ops_error *error)
{
    char *theirs = ops_mem_zeroed(1, ours.length + 1); /* one more byte tells that theirs is longer */
    if (!theirs)
        return OPS_NO_MEMORY;
    FILE *file = fopen(path, "re");
    int reason = errno;
    bool same =
        file && fread(theirs, 1, ours.length + 1, file) == ours.length && memcmp(theirs, ours.data, ours.length) == 0;
    if (file)
        (void)fclose(file);
    ops_mem_free(theirs);
    if (!file)
        return ops_fail(error, OPS_IO_ERROR, "%s can't be read: %s.", path, strerror(reason));
    return same ? OPS_OK
                : ops_fail(
                      error, OPS_IO_ERROR,
                      "%s is not the sample stack's manifest, so nothing is written here: take another data directory, or "
                      "say by --manifest that a sample of that stack is meant.",
                      path);
}

/* Leaves the manifest beside the data, so that it can be read and changed. */
static enum ops_status leave_manifest(const char *data_dir, struct ops_error *error)
{
    char path[PATH_TEXT_MAX];
    (void)snprintf(path, sizeof path, "%.4000s/manifest.json", data_dir);
    struct ops_view manifest = ops_embedded_manifest();
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
    if (fd < 0 && errno == EEXIST)
        return check_manifest(path, manifest, error);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    bool written = file && fwrite(manifest.data, 1, manifest.length, file) == manifest.length;
    if (file && fclose(file) != 0)
        written = false;
    return written ? OPS_OK : ops_fail(error, OPS_IO_ERROR, "%s can't be written: %s.", path, strerror(errno));
}

static enum ops_status fill(struct ops_cli *cli, const char *data_dir, struct ops_sample_counts *ret_counts,
                            struct ops_error *error)
{
    struct ops_manifest manifest;
    char *manifest_name = NULL;
    const struct ops_sample_size size = {
        .orgs = ops_cli_integer(cli, "--orgs", ORGS_DEFAULT),
        .rows = ops_cli_integer(cli, "--rows", ROWS_DEFAULT),
        .objects = ops_cli_integer(cli, "--objects", OBJECTS_DEFAULT),
    };
    enum ops_status status = OPS_OK;
    if (!ops_cli_manifest(cli))
        status = leave_manifest(data_dir, error);
    if (status == OPS_OK)
        status = ops_engine_load_manifest(data_dir, ops_cli_manifest(cli), &manifest, &manifest_name, error);
    if (status != OPS_OK)
        return status;
    status = ops_sample_fill(data_dir, &manifest, &size, ret_counts, error);
    ops_manifest_release(&manifest);
    ops_mem_free(manifest_name);
    return status;
}

int ops_command_demo_data(struct ops_cli *cli, void *context)
{
    (void)context;
    struct ops_error error = OPS_ERROR_INIT;
    struct ops_sample_counts counts = {0};
    const char *asked_dir;
    char *data_dir = NULL;
    enum ops_status status = ops_command_needs_engine(cli, "local", &error);
    if (status == OPS_OK)
        status = ops_cli_data_dir(cli, &asked_dir, &error);
    if (status == OPS_OK)
        status = ops_engine_data_dir(asked_dir, &data_dir, &error);
    if (status == OPS_OK)
        status = fill(cli, data_dir, &counts, &error);
    int code =
        status == OPS_OK
            ? ops_cli_done(
                  cli,
                  json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "data", data_dir, "tables", (json_int_t)counts.tables,
                            "rows", (json_int_t)counts.rows, "buckets", (json_int_t)counts.buckets, "objects",
                            (json_int_t)counts.objects, "log_groups", (json_int_t)counts.log_groups, "streams",
                            (json_int_t)counts.streams),
                  "A sample stack is in %s: %lld tables with %lld rows, %lld buckets with %lld objects, %lld log groups.",
                  data_dir, (long long)counts.tables, (long long)counts.rows, (long long)counts.buckets,
                  (long long)counts.objects, (long long)counts.log_groups)
            : ops_cli_fail(cli, status, &error);
    ops_mem_free(data_dir);
    ops_error_release(&error);
    return code;
}
