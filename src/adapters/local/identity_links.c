#include "adapters/local/identity_links.h"

#include "adapters/local/tree.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

struct search {
    const char *path;
    local_on_link_fn on_link;
    void *context;
    struct ops_error *error;
    enum ops_target_kind kind;
};

static const char table_suffix[] = ".sqlite";

/* Calls on_link where the link at this place leads to the thing, or to what it lies in. One that leads nowhere is no name. */
static enum ops_status look_at_link(const struct search *search, const char *link, const char *name)
{
    char leads_to[PATH_MAX];
    size_t length = strlen(name), suffix = sizeof table_suffix - 1;
    if (!realpath(link, leads_to))
        return OPS_OK;
    size_t whole = strlen(leads_to);
    bool same = strcmp(leads_to, search->path) == 0;
    bool within = strncmp(leads_to, search->path, whole) == 0 && search->path[whole] == '/';
    if (search->kind == OPS_TABLE) {
        bool is_table = length > suffix && strcmp(name + length - suffix, table_suffix) == 0;
        return same && is_table ? search->on_link(search->context, OPS_TABLE, ops_view(name, length - suffix), ops_view("", 0))
                                : OPS_OK;
    }
    if (!same && !within)
        return OPS_OK;
    return search->on_link(search->context, search->kind, ops_view(name, length),
                           within ? ops_view_of(search->path + whole + 1) : ops_view("", 0));
}

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static enum ops_status look_in(const struct search *search, const char *place, const char *names_begin, size_t depth);

/* A log group's name has the directories on its way in it. */
static enum ops_status look_at_entry(const struct search *search, const char *place, const char *names_begin, size_t depth,
                                     const struct dirent *entry)
{
    char path[PATH_MAX], name[PATH_MAX];
    int length = snprintf(path, sizeof path, "%s/%s", place, entry->d_name);
    bool groups = search->kind == OPS_LOG_GROUP;
    int name_length = snprintf(name, sizeof name, groups ? "%s/%s" : "%s%s", names_begin, entry->d_name);
    if (length >= (int)sizeof path || name_length >= (int)sizeof name)
        return ops_fail(search->error, OPS_TARGET_ERROR, "A path in %s is too long.", place);
    if (entry->d_type == DT_LNK || entry->d_type == DT_UNKNOWN)
        return look_at_link(search, path, name);
    return groups && entry->d_type == DT_DIR ? look_in(search, path, name, depth + 1) : OPS_OK;
}

static enum ops_status look_in(const struct search *search, const char *place, const char *names_begin, size_t depth)
{
    if (depth > LOCAL_TREE_DEPTH_MAX)
        return OPS_OK; /* no group is there */
    DIR *directory = opendir(place);
    if (!directory && (errno == ENOENT || errno == ENOTDIR || (errno == EACCES && depth > 0)))
        return OPS_OK; /* what is behind a closed door below is not listed either, and is told there */
    if (!directory)
        return errno == ENOMEM ? OPS_NO_MEMORY
                               : ops_fail(search->error, OPS_TARGET_ERROR, "The names in %s can't be told: %s.", place,
                                          strerror(errno));
    enum ops_status status = OPS_OK;
    const struct dirent *entry;
    while (status == OPS_OK && (entry = readdir(directory)) != NULL)
        if (!is_dots(entry->d_name))
            status = look_at_entry(search, place, names_begin, depth, entry);
    (void)closedir(directory); /* it was only read */
    return status;
}

enum ops_status local_identity_links(const char *data_path, enum ops_target_kind kind, const char *path,
                                     local_on_link_fn on_link, void *context, struct ops_error *error)
{
    static const char *const places[OPS_TARGET_KIND_COUNT] = {
        [OPS_TABLE] = "stack/tables",
        [OPS_BUCKET] = "stack/buckets",
        [OPS_LOG_GROUP] = "stack/log_groups",
    };
    struct search search = {.path = path, .on_link = on_link, .context = context, .error = error};
    enum ops_status status = OPS_OK;
    for (int at = 0; at < OPS_TARGET_KIND_COUNT && status == OPS_OK; at++) {
        char place[PATH_MAX];
        search.kind = (enum ops_target_kind)at;
        if (at == OPS_LOG_GROUP && kind != OPS_LOG_GROUP)
            continue;
        if (snprintf(place, sizeof place, "%s/%s", data_path, places[at]) >= (int)sizeof place)
            return ops_fail(error, OPS_TARGET_ERROR, "The data directory's path is too long.");
        status = look_in(&search, place, "", 0);
    }
    return status;
}
