#include "adapters/local/catalogue.h"

#include "adapters/local/identity.h"
#include "adapters/local/listing.h"
#include "adapters/local/objects.h"
#include "adapters/local/table.h"
#include "adapters/local/table_beside.h"
#include "adapters/local/tree.h"
#include "base/json.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TABLE_SUFFIX ".sqlite"

struct local_catalogue {
    struct ops_catalogue catalogue;
    char data_dir[]; /* NUL-terminated */
};

static mode_t entry_type(DIR *directory, const struct dirent *entry)
{
    struct stat info;
    if (entry->d_type != DT_UNKNOWN)
        return (mode_t)DTTOIF(entry->d_type);
    return fstatat(dirfd(directory), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 ? info.st_mode & S_IFMT : 0;
}

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static enum ops_status list_table(struct local_listing *listing, DIR *directory, const char *file)
{
    struct stat info;
    char identity[OPS_IDENTITY_SIZE] = "";
    char name[NAME_MAX + 1];
    size_t length = strlen(file), suffix = strlen(TABLE_SUFFIX);
    if (length <= suffix || length > NAME_MAX || strcmp(file + length - suffix, TABLE_SUFFIX) != 0)
        return OPS_OK;
    memcpy(name, file, length - suffix);
    name[length - suffix] = '\0';
    if (fstatat(dirfd(directory), file, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
        local_identity_text(&info, "items", identity) != OPS_OK)
        return OPS_NO_MEMORY;
    const struct ops_resource resource = {.kind = OPS_TABLE, .name = name, .identity = identity};
    return listing->on_resource(listing->context, &resource);
}

/* Tables are files, buckets are directories; anything else there is not ours, a link least of all. */
static enum ops_status list_entry(struct local_listing *listing, DIR *directory, const struct dirent *entry)
{
    mode_t type = entry_type(directory, entry);
    if (is_dots(entry->d_name))
        return OPS_OK;
    if (listing->kind == OPS_TABLE)
        return S_ISREG(type) ? list_table(listing, directory, entry->d_name) : OPS_OK;
    return S_ISDIR(type) ? ops_resource_found(listing->on_resource, listing->context, OPS_BUCKET, entry->d_name) : OPS_OK;
}

/* Takes fd. */
static enum ops_status list_flat(struct local_listing *listing, int fd)
{
    DIR *directory = fdopendir(fd);
    if (!directory) {
        int number = errno;
        close(fd);
        return local_listing_miss_errno(listing, ops_view(NULL, 0), number);
    }
    enum ops_status status = OPS_OK;
    const struct dirent *entry;
    while (errno = 0, status == OPS_OK && (entry = readdir(directory)) != NULL)
        status = list_entry(listing, directory, entry);
    if (status == OPS_OK && errno != 0)
        status = local_listing_miss_errno(listing, ops_view(NULL, 0), errno);
    (void)closedir(directory); /* it was only read */
    return status;
}

static enum ops_status list_kind(const struct local_catalogue *catalogue, struct local_listing *listing,
                                 enum ops_target_kind kind)
{
    static const char *const places[OPS_TARGET_KIND_COUNT] = {
        [OPS_TABLE] = "stack/tables",
        [OPS_BUCKET] = "stack/buckets",
        [OPS_LOG_GROUP] = "stack/log_groups",
    };
    int fd = -1;
    listing->kind = kind;
    listing->what = places[kind];
    struct ops_error missing = OPS_ERROR_INIT;
    enum ops_status status = local_tree_open(catalogue->data_dir, places[kind], &fd, &missing);
    if (status != OPS_OK && status != OPS_TARGET_MISSING)
        status = ops_fail(listing->error, status, "%s", ops_error_text(&missing, status));
    ops_error_release(&missing);
    if (status != OPS_OK)
        return status == OPS_TARGET_MISSING ? OPS_OK : status;
    status = kind == OPS_LOG_GROUP ? local_log_groups_list(listing, fd) : list_flat(listing, fd);
    return local_listing_end(listing, status);
}

static enum ops_status local_catalogue_list(struct ops_catalogue *self, enum ops_target_kind kind,
                                            ops_on_resource_fn on_resource, void *context, struct ops_error *error)
{
    const struct local_catalogue *catalogue = (const struct local_catalogue *)self;
    struct local_listing listing = {.on_resource = on_resource, .context = context, .error = error};
    return list_kind(catalogue, &listing, kind);
}

static enum ops_status local_catalogue_list_beside(struct ops_catalogue *self, const struct ops_target_spec *spec,
                                                   ops_on_resource_fn on_resource, void *context, struct ops_error *error)
{
    const struct local_catalogue *catalogue = (const struct local_catalogue *)self;
    return spec->kind == OPS_TABLE ? local_table_list_beside(catalogue->data_dir, spec, on_resource, context, error)
                                   : OPS_OK;
}

static enum ops_status local_catalogue_identify(struct ops_catalogue *self, const struct ops_target_spec *spec,
                                                struct ops_identity *ret_identity, struct ops_error *error)
{
    const struct local_catalogue *catalogue = (const struct local_catalogue *)self;
    return local_identify(catalogue->data_dir, spec, ret_identity, error);
}

/* A data directory that can't be resolved is one that can't be used: whoever works in it says so. */
static enum ops_status local_catalogue_where(struct ops_catalogue *self, json_t **ret_place, struct ops_error *error)
{
    (void)error;
    const struct local_catalogue *catalogue = (const struct local_catalogue *)self;
    char resolved[PATH_MAX];
    const char *path = realpath(catalogue->data_dir, resolved);
    *ret_place = json_pack("{s:s, s:o}", "engine", "local", "path",
                           ops_json_any_text(ops_view_of(path ? path : catalogue->data_dir)));
    return *ret_place ? OPS_OK : OPS_NO_MEMORY;
}

static enum ops_status local_catalogue_open(struct ops_catalogue *self, const struct ops_target_spec *spec,
                                            const struct ops_scope *scope, struct ops_target **ret_target,
                                            struct ops_error *error)
{
    static enum ops_status (*const openers[OPS_TARGET_KIND_COUNT])(
        const char *, const struct ops_target_spec *, const struct ops_scope *, struct ops_target **, struct ops_error *) = {
        [OPS_BUCKET] = local_bucket_open,
        [OPS_LOG_GROUP] = local_log_group_open,
    };
    const struct local_catalogue *catalogue = (const struct local_catalogue *)self;
    const struct local_table_home home = {catalogue->data_dir, &catalogue->catalogue.ending};
    if (spec->kind == OPS_TABLE)
        return local_table_open(&home, spec, scope, ret_target, error);
    return openers[spec->kind](catalogue->data_dir, spec, scope, ret_target, error);
}

static void local_catalogue_release(struct ops_catalogue *self)
{
    ops_mem_free(self);
}

static const struct ops_catalogue_ops local_catalogue_ops = {
    .list = local_catalogue_list,
    .list_beside = local_catalogue_list_beside,
    .identify = local_catalogue_identify,
    .where = local_catalogue_where,
    .open = local_catalogue_open,
    .release = local_catalogue_release,
};

enum ops_status ops_local_catalogue_new(const char *data_dir, struct ops_catalogue **ret_catalogue, struct ops_error *error)
{
    (void)error;
    size_t size = strlen(data_dir) + 1;
    struct local_catalogue *catalogue = ops_mem_alloc(sizeof *catalogue + size);
    if (!catalogue)
        return OPS_NO_MEMORY;
    catalogue->catalogue.ops = &local_catalogue_ops;
    atomic_init(&catalogue->catalogue.ending, false);
    memcpy(catalogue->data_dir, data_dir, size);
    *ret_catalogue = &catalogue->catalogue;
    return OPS_OK;
}
