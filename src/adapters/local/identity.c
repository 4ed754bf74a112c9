#include "adapters/local/identity.h"

#include "adapters/local/identity_empty.h"
#include "adapters/local/identity_links.h"
#include "adapters/local/mounts.h"
#include "base/hash.h"
#include "base/json.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define PROTECTED_PREFIX "g3nmhsadmin"
#define TABLE_SUFFIX ".sqlite"
#define RECORDS_FILE "ops_main.sqlite"
#define RECORDS_TABLE "ops_main"

enum { TABLE_PART_MAX = 100 /* of a text; a longer SQL table's name is hashed */ };

/* The places of the data directory that decide what a path means. */
enum place { DATA, TABLES, BUCKETS, LOG_GROUPS, STACK, AUDIT, PLACE_COUNT };

static const char *const place_paths[PLACE_COUNT] = {
    [DATA] = "",
    [TABLES] = "/stack/tables",
    [BUCKETS] = "/stack/buckets",
    [LOG_GROUPS] = "/stack/log_groups",
    [STACK] = "/stack",
    [AUDIT] = "/" LOCAL_AUDIT_DIRECTORY,
};

const char *const local_own_files[] = {
    "ops.sqlite",         "ops.sqlite-wal", "ops.sqlite-shm",
    "ops.sqlite-journal", "serve.lock",     "serve.json",
    "serve.json.new",     "invoke.sock",    NULL,
};

/* A path as far as it exists, resolved, and what follows of it. */
struct resolved {
    char path[PATH_MAX];  /* absolute, without links, dots and final slash; "" is the root directory */
    size_t exists_length; /* how much of it exists */
    bool exists;          /* all of it */
    struct stat info;     /* of what exists */
};

struct subject {
    const char *data_dir;
    const struct ops_target_spec *spec;
    const char *table; /* the SQL table, or NULL */
    struct resolved at;
    struct resolved data;
    struct stat places[PLACE_COUNT]; /* st_ino 0: it does not exist */
    struct local_mounts mounts;
    struct ops_identity *identity;
    struct ops_error *error;
};

static bool same_thing(const struct stat *a, const struct stat *b)
{
    return a->st_ino != 0 && a->st_ino == b->st_ino && a->st_dev == b->st_dev;
}

static void lower(char *text)
{
    for (; *text; text++)
        if (*text >= 'A' && *text <= 'Z')
            *text = (char)(*text - 'A' + 'a');
}

static enum ops_status too_long(const struct subject *subject, const char *what)
{
    return ops_fail(subject->error, OPS_TARGET_ERROR, "The %s of %s %s is too long.", what,
                    ops_target_kind_name(subject->spec->kind), subject->spec->name);
}

/* ---- Paths ---- */

/* Resolves the first length bytes of path. OPS_OK also when they lead to nothing: then resolved is "". */
static enum ops_status resolve_part(const struct subject *subject, const char *path, size_t length,
                                    char resolved[static PATH_MAX])
{
    char part[PATH_MAX] = ".";
    if (length > 0) {
        memcpy(part, path, length);
        part[length] = '\0';
    }
    if (realpath(part, resolved))
        return OPS_OK;
    resolved[0] = '\0';
    if (errno == ENOENT || errno == ENOTDIR)
        return OPS_OK;
    return ops_fail(subject->error, errno == ENOMEM ? OPS_STORE_UNAVAILABLE : OPS_TARGET_ERROR,
                    "What %s is can't be told: %s.", path, strerror(errno));
}

/* Adds the segments of rest to the path, without dots. *ret_kept is how much of the path is still what it was. */
static bool append_rest(char path[static PATH_MAX], const char *rest, size_t *ret_kept)
{
    *ret_kept = strlen(path);
    for (const char *at = rest; *at;) {
        size_t length = strcspn(at, "/"), end = strlen(path);
        if (length == 2 && memcmp(at, "..", 2) == 0) {
            char *slash = strrchr(path, '/');
            if (slash)
                *slash = '\0';
            if (strlen(path) < *ret_kept)
                *ret_kept = strlen(path);
        } else if (length > 0 && !(length == 1 && *at == '.')) {
            if (end + 1 + length >= PATH_MAX)
                return false;
            path[end] = '/';
            memcpy(path + end + 1, at, length);
            path[end + 1 + length] = '\0';
        }
        at += length + (at[length] == '/');
    }
    return true;
}

/* Of what does not exist: its nearest parent that does, and the rest as it is written. path is shorter than PATH_MAX. */
static enum ops_status resolve(const struct subject *subject, const char *path, struct resolved *ret)
{
    size_t length = strlen(path);
    enum ops_status status = resolve_part(subject, path, length, ret->path);
    ret->exists = ret->path[0] != '\0';
    while (status == OPS_OK && !ret->path[0] && length > 0) {
        while (length > 0 && path[length - 1] == '/')
            length--;
        while (length > 0 && path[length - 1] != '/')
            length--;
        status = resolve_part(subject, path, length, ret->path);
    }
    if (status != OPS_OK)
        return status;
    if (!ret->path[0] || stat(ret->path, &ret->info) != 0)
        return ops_fail(subject->error, OPS_TARGET_ERROR, "What %s is can't be told: %s.", path, strerror(errno));
    if (strcmp(ret->path, "/") == 0)
        ret->path[0] = '\0';
    if (!append_rest(ret->path, path + length, &ret->exists_length))
        return too_long(subject, "path");
    return OPS_OK;
}

/* The path as spec has it, from wherever the process stands. */
static enum ops_status write_path(const struct subject *subject, char path[static PATH_MAX])
{
    static const char *const below[OPS_TARGET_KIND_COUNT] = {
        [OPS_TABLE] = "stack/tables/", [OPS_BUCKET] = "stack/buckets/", [OPS_LOG_GROUP] = "stack/log_groups/"};
    const struct ops_target_spec *spec = subject->spec;
    const char *file = ops_json_text(spec->location, "file", NULL), *name = spec->name;
    int length;
    if (spec->kind == OPS_TABLE && spec->location && (!file || !*file))
        return ops_fail(subject->error, OPS_TARGET_ERROR, "The location of table %s names no file.", name);
    name += spec->kind == OPS_LOG_GROUP && name[0] == '/';
    if (spec->kind == OPS_TABLE && spec->location)
        length =
            snprintf(path, PATH_MAX, "%s%s%s", file[0] == '/' ? "" : subject->data_dir, file[0] == '/' ? "" : "/", file);
    else if (!*name || (spec->kind != OPS_LOG_GROUP && (strchr(name, '/') || strlen(name) > NAME_MAX)))
        return ops_fail(subject->error, OPS_TARGET_ERROR, "The %s name '%s' can't be a file's name.",
                        ops_target_kind_name(spec->kind), spec->name);
    else
        length = snprintf(path, PATH_MAX, "%s/%s%s%s", subject->data_dir, below[spec->kind], name,
                          spec->kind == OPS_TABLE ? TABLE_SUFFIX : "");
    return length < 0 || length >= PATH_MAX ? too_long(subject, "path") : OPS_OK;
}

static enum ops_status resolve_all(struct subject *subject)
{
    char path[PATH_MAX];
    enum ops_status status = write_path(subject, path);
    if (status == OPS_OK)
        status = resolve(subject, path, &subject->at);
    if (status == OPS_OK && snprintf(path, sizeof path, "%s", subject->data_dir) >= (int)sizeof path)
        status = too_long(subject, "data directory's path");
    if (status == OPS_OK)
        status = resolve(subject, path, &subject->data);
    for (size_t i = 0; i < PLACE_COUNT && status == OPS_OK; i++) {
        int length = snprintf(path, sizeof path, "%s%s", subject->data.path, place_paths[i]);
        if (length < 0 || length >= (int)sizeof path || stat(length ? path : "/", &subject->places[i]) != 0)
            subject->places[i] = (struct stat){.st_ino = 0};
    }
    return status;
}

/* ---- Aliases ---- */

static enum ops_status add_alias(struct subject *subject, enum ops_target_kind kind, struct ops_view name,
                                 struct ops_view key)
{
    struct ops_identity *identity = subject->identity;
    struct ops_alias alias = {.kind = kind};
    if (name.length >= sizeof alias.name)
        return too_long(subject, "name");
    size_t key_length = key.length < sizeof alias.key ? key.length : sizeof alias.key - 1;
    memcpy(alias.name, name.data, name.length);
    memcpy(alias.key, key.data ? key.data : "", key_length);
    if (kind == subject->spec->kind && !alias.key[0] && strcmp(alias.name, subject->spec->name) == 0)
        return OPS_OK;
    for (size_t i = 0; i < identity->alias_count; i++)
        if (identity->aliases[i].kind == kind && strcmp(identity->aliases[i].name, alias.name) == 0 &&
            strcmp(identity->aliases[i].key, alias.key) == 0)
            return OPS_OK;
    if (identity->alias_count == OPS_ALIASES_MAX)
        return ops_fail(subject->error, OPS_TARGET_ERROR, "The %s %s can be reached by too many names.",
                        ops_target_kind_name(subject->spec->kind), subject->spec->name);
    identity->aliases[identity->alias_count++] = alias;
    return OPS_OK;
}

/* As it is and in lower case: a name is protected in whatever case it is written. */
static enum ops_status add_both(struct subject *subject, enum ops_target_kind kind, struct ops_view name,
                                struct ops_view key)
{
    char small_name[OPS_RESOURCE_NAME_MAX + 1] = "", small_key[OPS_RESOURCE_NAME_MAX + 1] = "";
    enum ops_status status = add_alias(subject, kind, name, key);
    if (status != OPS_OK)
        return status;
    memcpy(small_name, name.data, name.length);
    memcpy(small_key, key.data ? key.data : "", key.length < sizeof small_key ? key.length : sizeof small_key - 1);
    lower(small_name);
    lower(small_key);
    return add_alias(subject, kind, ops_view_of(small_name), ops_view_of(small_key));
}

static const struct ops_view no_key = {.data = NULL, .length = 0};

static bool ends_with(struct ops_view text, const char *end)
{
    size_t length = strlen(end);
    return text.length > length && strncasecmp(text.data + text.length - length, end, length) == 0;
}

/* rest is what follows the place in a path, after its slash; directory: it is one. */
static enum ops_status in_tables(struct subject *subject, const char *rest)
{
    struct ops_view name = ops_view_of(rest);
    if (strchr(rest, '/') || !ends_with(name, TABLE_SUFFIX))
        return OPS_OK;
    name.length -= strlen(TABLE_SUFFIX);
    return add_both(subject, OPS_TABLE, name, no_key);
}

static enum ops_status in_buckets(struct subject *subject, const char *rest, bool directory)
{
    const char *slash = strchr(rest, '/');
    if (!slash)
        return directory ? add_both(subject, OPS_BUCKET, ops_view_of(rest), no_key) : OPS_OK;
    char key[OPS_RESOURCE_NAME_MAX + 1];
    (void)snprintf(key, sizeof key, "%s%s", slash + 1, directory ? "/" : ""); /* a longer one is cut */
    return add_both(subject, OPS_BUCKET, ops_view(rest, (size_t)(slash - rest)), ops_view_of(key));
}

/* rest begins with a slash here, as the name does. */
static enum ops_status in_log_groups(struct subject *subject, const char *rest, bool directory)
{
    const char *slash = strrchr(rest, '/');
    if (directory)
        return add_both(subject, OPS_LOG_GROUP, ops_view_of(rest), no_key);
    return slash > rest ? add_both(subject, OPS_LOG_GROUP, ops_view(rest, (size_t)(slash - rest)), ops_view_of(slash + 1))
                        : OPS_OK;
}

static bool is_own_file(const char *name)
{
    for (size_t i = 0; local_own_files[i]; i++)
        if (strcasecmp(name, local_own_files[i]) == 0)
            return true;
    return false;
}

/* What a path says that is rest below a place; rest begins with a slash, or is "". */
static enum ops_status in_place(struct subject *subject, enum place place, const char *rest, bool directory)
{
    if (place == AUDIT)
        subject->identity->own = true;
    if (!*rest)
        return OPS_OK;
    switch (place) {
    case DATA:
        subject->identity->own = subject->identity->own || is_own_file(rest + 1);
        return OPS_OK;
    case TABLES:
        return in_tables(subject, rest + 1);
    case BUCKETS:
        return in_buckets(subject, rest + 1, directory);
    case LOG_GROUPS:
        return in_log_groups(subject, rest, directory);
    case STACK:
    case AUDIT:
    case PLACE_COUNT:
        break;
    }
    return OPS_OK;
}

/* Each segment that begins so is told as a table's name, which any guard refuses. */
static enum ops_status note_protected_segments(struct subject *subject, const char *path)
{
    for (const char *at = path; at; at = strchr(at, '/')) {
        at += *at == '/';
        if (strncasecmp(at, PROTECTED_PREFIX, strlen(PROTECTED_PREFIX)) != 0)
            continue;
        char segment[OPS_RESOURCE_NAME_MAX + 1];
        size_t length = strcspn(at, "/");
        length = length < sizeof segment ? length : sizeof segment - 1;
        memcpy(segment, at, length);
        segment[length] = '\0';
        lower(segment);
        return add_alias(subject, OPS_TABLE, ops_view_of(segment), no_key);
    }
    return OPS_OK;
}

/* The first length bytes of path are one of the places, perhaps. */
static enum ops_status look_at_part(struct subject *subject, const char *path, size_t length, bool directory)
{
    char part[PATH_MAX] = "/";
    struct stat info;
    enum ops_status status = OPS_OK;
    if (length > 0) {
        memcpy(part, path, length);
        part[length] = '\0';
    }
    if (stat(part, &info) != 0)
        return OPS_OK; /* it is not there yet */
    for (size_t i = 0; i < PLACE_COUNT && status == OPS_OK; i++)
        if (same_thing(&info, &subject->places[i]))
            status = in_place(subject, (enum place)i, path + length, directory);
    return status;
}

/* One path of the subject, shorter than PATH_MAX. Directories on the way are compared by what they are, not by their names.
 */
static enum ops_status look_at_path(struct subject *subject, const char *path, bool directory)
{
    const char *slash = path + strlen(path), *name = strrchr(path, '/');
    enum ops_status status = look_at_part(subject, path, strlen(path), directory);
    while (status == OPS_OK && slash > path) {
        do
            slash--;
        while (*slash != '/');
        status = look_at_part(subject, path, (size_t)(slash - path), directory);
    }
    const char *told = local_path_is_below(path, subject->data.path) ? path + strlen(subject->data.path) : path;
    if (status == OPS_OK)
        status = note_protected_segments(subject, told);
    if (status == OPS_OK && name && strcasecmp(name + 1, RECORDS_FILE) == 0)
        status = add_alias(subject, OPS_TABLE, ops_view_of(RECORDS_TABLE), no_key);
    return status;
}

/* ---- File systems ---- */

/* A path that exists, as it is within its file system. */
struct in_file_system {
    const char *device; /* NULL: it can't be told */
    char path[PATH_MAX];
};

static bool join(char path[static PATH_MAX], const char *start, const char *rest)
{
    int length = snprintf(path, PATH_MAX, "%s%s", start, rest);
    return length >= 0 && length < PATH_MAX;
}

static enum ops_status find_in_file_system(struct subject *subject, const char *path, struct in_file_system *ret)
{
    const struct local_mount *mount = local_mounts_of(&subject->mounts, path);
    ret->device = mount ? mount->device : NULL;
    if (mount && join(ret->path, mount->root, path + strlen(mount->point)))
        return OPS_OK;
    return ops_fail(subject->error, OPS_TARGET_ERROR, "What %s is can't be told: nothing says where it is mounted.", path);
}

/* path is a name of something only if it leads there: what is mounted over it hides it. */
static bool leads_to(const char *path, const struct stat *thing)
{
    struct stat info;
    return stat(*path ? path : "/", &info) == 0 && same_thing(&info, thing);
}

/* The other paths that lead to where the subject is, or will be. */
static enum ops_status look_at_other_paths(struct subject *subject, const char *existing, const struct in_file_system *where)
{
    bool directory = subject->spec->kind != OPS_TABLE;
    enum ops_status status = OPS_OK;
    for (size_t i = 0; i < subject->mounts.count && status == OPS_OK; i++) {
        const struct local_mount *mount = &subject->mounts.list[i];
        char path[PATH_MAX], whole[PATH_MAX];
        if (strcmp(mount->device, where->device) != 0 || !local_path_is_below(where->path, mount->root))
            continue;
        if (!join(path, mount->point, where->path + strlen(mount->root)) ||
            !join(whole, path, subject->at.path + strlen(existing)))
            return too_long(subject, "path");
        if (strcmp(path, existing) != 0 && leads_to(path, &subject->at.info))
            status = look_at_path(subject, whole, directory);
    }
    return status;
}

/* What lies in a directory and is mounted elsewhere too is reached through the directory. */
static enum ops_status look_at_paths_within(struct subject *subject, const struct in_file_system *where)
{
    enum ops_status status = OPS_OK;
    for (size_t i = 0; i < subject->mounts.count && status == OPS_OK; i++) {
        const struct local_mount *mount = &subject->mounts.list[i];
        char path[PATH_MAX];
        struct stat info;
        if (strcmp(mount->device, where->device) != 0 || !local_path_is_below(mount->root, where->path) ||
            strcmp(mount->root, where->path) == 0)
            continue;
        if (!join(path, subject->at.path, mount->root + strlen(where->path)))
            return too_long(subject, "path");
        if (stat(path, &info) == 0 && leads_to(mount->point, &info))
            status = look_at_path(subject, mount->point, S_ISDIR(info.st_mode));
    }
    return status;
}

/* A directory with all the stack in it, or OPS's own things, is no bucket. */
static enum ops_status look_at_places_within(struct subject *subject, const struct in_file_system *where)
{
    for (size_t i = 0; i < PLACE_COUNT; i++) {
        char path[PATH_MAX];
        struct in_file_system place;
        if (subject->places[i].st_ino == 0)
            continue;
        if (!join(path, subject->data.path, place_paths[i]))
            return too_long(subject, "data directory's path");
        enum ops_status status = find_in_file_system(subject, path, &place);
        if (status != OPS_OK)
            return status;
        if (strcmp(place.device, where->device) != 0 || !local_path_is_below(place.path, where->path))
            continue;
        if (i != DATA && i != AUDIT)
            return ops_fail(subject->error, OPS_TARGET_ERROR,
                            "The directory of %s %s has the stack's own directory %s in it.",
                            ops_target_kind_name(subject->spec->kind), subject->spec->name, place_paths[i] + 1);
        subject->identity->own = true;
        if (i == DATA)
            return OPS_OK; /* the rest of them is in it */
    }
    return OPS_OK;
}

static enum ops_status look_at_all_paths(struct subject *subject)
{
    char existing[PATH_MAX];
    struct in_file_system where;
    bool directory = subject->spec->kind != OPS_TABLE;
    memcpy(existing, subject->at.path, subject->at.exists_length);
    existing[subject->at.exists_length] = '\0';
    enum ops_status status = look_at_path(subject, subject->at.path, directory);
    if (status == OPS_OK)
        status = find_in_file_system(subject, existing, &where);
    if (status == OPS_OK)
        status = look_at_other_paths(subject, existing, &where);
    if (status == OPS_OK && directory && subject->at.exists)
        status = look_at_paths_within(subject, &where);
    if (status == OPS_OK && directory && subject->at.exists)
        status = look_at_places_within(subject, &where);
    return status;
}

/* ---- The whole ---- */

enum ops_status local_identity_text(const struct stat *info, const char *table, char ret_text[static OPS_IDENTITY_SIZE])
{
    char part[OPS_SHA256_HEX_SIZE + TABLE_PART_MAX] = "";
    enum ops_status status = OPS_OK;
    if (table && strlen(table) > TABLE_PART_MAX) {
        part[0] = '#';
        status = ops_sha256_hex(ops_view_of(table), part + 1);
    } else if (table) {
        (void)snprintf(part, sizeof part, "%s", table); /* it fits */
    }
    (void)snprintf(ret_text, OPS_IDENTITY_SIZE, "%llu:%llu%s%s", (unsigned long long)info->st_dev,
                   (unsigned long long)info->st_ino, table ? ":" : "", part); /* likewise */
    return status;
}

/* SQLite's names of tables ignore the case of ASCII letters. */
static enum ops_status write_texts(struct subject *subject)
{
    struct ops_identity *identity = subject->identity;
    char table[OPS_RESOURCE_NAME_MAX + 1] = "";
    enum ops_status status = OPS_OK;
    if (subject->table && snprintf(table, sizeof table, "%s", subject->table) >= (int)sizeof table)
        return too_long(subject, "SQL table's name");
    lower(table);
    int length = snprintf(identity->location, sizeof identity->location, "%s%s%s",
                          subject->at.path[0] ? subject->at.path : "/", subject->table ? ": " : "", table);
    if (length < 0 || length >= (int)sizeof identity->location)
        return too_long(subject, "path");
    if (subject->at.exists)
        status = local_identity_text(&subject->at.info, subject->table ? table : NULL, identity->text);
    /* A device's number may be another one after the machine was started anew; an inode's is not. */
    if (status == OPS_OK && identity->text[0])
        (void)snprintf(identity->mark, sizeof identity->mark, "%" PRIuMAX, (uintmax_t)subject->at.info.st_ino);
    return status;
}

static enum ops_status note_given_names(struct subject *subject)
{
    const struct ops_target_spec *spec = subject->spec;
    const char *file = ops_json_text(spec->location, "file", NULL);
    enum ops_status status = add_both(subject, spec->kind, ops_view_of(spec->name), no_key);
    if (status == OPS_OK && spec->location)
        status = add_both(subject, OPS_TABLE, ops_view_of(subject->table), no_key);
    /* A link on the way may have such a name, and what it leads to none. */
    if (status == OPS_OK && file && file[0] != '/')
        status = note_protected_segments(subject, file);
    return status;
}

static void note_own(struct subject *subject)
{
    const struct resolved *at = &subject->at;
    for (size_t i = 0; local_own_files[i] && at->exists; i++) {
        char path[PATH_MAX];
        int length = snprintf(path, sizeof path, "%s/%s", subject->data.path, local_own_files[i]);
        if (length > 0 && length < (int)sizeof path && leads_to(path, &at->info))
            subject->identity->own = true;
    }
    if (at->exists && S_ISSOCK(at->info.st_mode))
        subject->identity->own = true;
}

static enum ops_status read_spec(struct subject *subject)
{
    const struct ops_target_spec *spec = subject->spec;
    if (strlen(spec->name) > OPS_RESOURCE_NAME_MAX)
        return ops_fail(subject->error, OPS_TARGET_ERROR, "The name of a %s is too long: %.64s...",
                        ops_target_kind_name(spec->kind), spec->name);
    if (spec->kind != OPS_TABLE)
        return OPS_OK;
    subject->table = spec->location ? ops_json_text(spec->location, "table", NULL) : "items";
    return subject->table
               ? OPS_OK
               : ops_fail(subject->error, OPS_TARGET_ERROR, "The location of table %s names no table.", spec->name);
}

static enum ops_status note_link(void *context, enum ops_target_kind kind, struct ops_view name, struct ops_view key)
{
    struct subject *subject = context;
    return add_both(subject, kind, name, key);
}

/* Whether the file system finds the same thing when a small letter of its name is a capital. */
static bool knows_no_case(const char *path, const struct stat *info)
{
    char other[PATH_MAX];
    const char *name = strrchr(path, '/');
    if (!name || !join(other, path, ""))
        return false;
    for (char *at = other + (name - path); *at; at++)
        if ((*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z'))
            *at = (char)(*at ^ ('a' - 'A'));
    return strcmp(other, path) != 0 && leads_to(other, info);
}

/* What is changed on an overlay is changed in the directory that lies uppermost in it: that is the thing, and what is seen is
 * another name of it. What is only in the layers below is never changed. */
static enum ops_status see_through_overlays(struct subject *subject)
{
    enum { OVERLAYS_MAX = 8 };
    for (int i = 0; i < OVERLAYS_MAX && subject->at.exists; i++) {
        char path[PATH_MAX];
        struct resolved upper;
        const struct local_mount *mount = local_mounts_of(&subject->mounts, subject->at.path);
        if (!mount || !mount->upper)
            return OPS_OK;
        if (mount->upper[0] != '/')
            return ops_fail(subject->error, OPS_TARGET_ERROR,
                            "The %s %s is on an overlay, and the system does not say where its upper directory is.",
                            ops_target_kind_name(subject->spec->kind), subject->spec->name);
        int length = snprintf(path, sizeof path, "%s%s%s", mount->upper, mount->root, subject->at.path + strlen(mount->point));
        if (length < 0 || length >= (int)sizeof path)
            return too_long(subject, "path");
        enum ops_status status = look_at_path(subject, subject->at.path, subject->spec->kind != OPS_TABLE);
        if (status == OPS_OK)
            status = resolve(subject, path, &upper);
        if (status != OPS_OK || !upper.exists)
            return status;
        subject->at = upper;
    }
    return OPS_OK;
}

enum ops_status local_identify(const char *data_dir, const struct ops_target_spec *spec, struct ops_identity *ret_identity,
                               struct ops_error *error)
{
    struct ops_identity identity = {.text = ""};
    struct subject subject = {.data_dir = data_dir, .spec = spec, .identity = &identity, .error = error};
    enum ops_status status = read_spec(&subject);
    if (status == OPS_OK)
        status = resolve_all(&subject);
    struct resolved seen = subject.at;
    if (status == OPS_OK)
        status = local_mounts_read(&subject.mounts, error);
    if (status == OPS_OK)
        status = see_through_overlays(&subject);
    if (status == OPS_OK)
        status = write_texts(&subject);
    if (status == OPS_OK)
        status = note_given_names(&subject);
    if (status == OPS_OK)
        status = look_at_all_paths(&subject);
    if (status == OPS_OK && subject.at.exists)
        status = local_identity_links(subject.data.path, spec->kind, subject.at.path, note_link, &subject, error);
    local_mounts_release(&subject.mounts);
    if (status != OPS_OK)
        return status;
    note_own(&subject);
    identity.any_case = spec->location || (seen.exists && knows_no_case(seen.path, &seen.info));
    if (seen.exists && !identity.own)
        identity.empty = local_is_empty(spec->kind, seen.path, subject.table, &seen.info);
    *ret_identity = identity;
    return OPS_OK;
}
