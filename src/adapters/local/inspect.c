#include "adapters/local/inspect.h"

#include "adapters/local/place.h"
#include "adapters/local/rights.h"
#include "adapters/local/streams.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <unistd.h>

enum { NAMES_MAX = 2000, DIRECTORIES_MAX = 200, STREAMS_ASKED_MAX = 200, SHOWN_MAX = 100 };

/* Level by level: what is wrong higher up stands for more than what is wrong below. */
struct survey {
    const struct local_inspection *inspection;
    struct ops_findings *findings;
    struct ops_error *error;
    char *directories[DIRECTORIES_MAX]; /* paths with a final '/', "" for the root */
    size_t count;
    size_t names; /* looked at so far */
    size_t asked, written, unknown;
    char first_written[OPS_REMARK_NAME_SIZE], first_unknown[OPS_REMARK_NAME_SIZE];
};

/* The directory that is being looked at. */
struct place {
    const char *path;
    DIR *directory;
    struct local_rights rights;
    bool told; /* that nothing can be removed from it */
};

/* A finding is one sentence, and the name is not all of it. */
static const char *shown(struct ops_view key, char ret_text[static OPS_REMARK_NAME_SIZE])
{
    (void)local_printable(key, ret_text);
    if (strlen(ret_text) <= SHOWN_MAX)
        return ret_text;
    size_t length = SHOWN_MAX - 3;
    while (length > 0 && ((unsigned char)ret_text[length] & 0xC0) == 0x80) /* not in the middle of a character */
        length--;
    memcpy(ret_text + length, "...", sizeof "...");
    return ret_text;
}

static bool is_full(const struct survey *survey)
{
    return survey->findings->count == OPS_FINDINGS_MAX || survey->names >= NAMES_MAX;
}

static enum ops_status queue(struct survey *survey, const char *path, size_t length)
{
    if (survey->count == DIRECTORIES_MAX)
        return OPS_OK;
    survey->directories[survey->count] = ops_mem_strndup(path, length);
    return survey->directories[survey->count] ? survey->count++, OPS_OK : OPS_NO_MEMORY;
}

static bool in_scope(const struct survey *survey, struct ops_view key)
{
    struct ops_view prefix = survey->inspection->prefix;
    return survey->inspection->exact ? ops_view_equal(key, prefix) : ops_view_starts_with(key, prefix);
}

/* path ends in '/'. */
static bool may_hold_keys(const struct survey *survey, struct ops_view path)
{
    struct ops_view prefix = survey->inspection->prefix;
    return prefix.length > path.length ? ops_view_starts_with(prefix, path)
                                       : !survey->inspection->exact && in_scope(survey, path);
}

static void note_use(struct survey *survey, int fd, const char *name)
{
    if (survey->asked++ >= STREAMS_ASKED_MAX)
        return;
    enum local_stream_use use = local_stream_use(fd, name);
    if (use == LOCAL_STREAM_WRITTEN && survey->written++ == 0)
        (void)shown(ops_view_of(name), survey->first_written);
    if (use == LOCAL_STREAM_UNKNOWN && survey->unknown++ == 0)
        (void)shown(ops_view_of(name), survey->first_unknown);
}

static void note_refusal(struct survey *survey, struct place *at, struct ops_view key, const char *refusal)
{
    char name[OPS_REMARK_NAME_SIZE];
    bool whole = at->rights.refusal == refusal;
    if (!whole || !at->told)
        ops_findings_add(survey->findings, true, "%s%s can't be removed: %s.", shown(key, name),
                         whole ? ", and what else is beside it," : "", refusal);
    at->told = at->told || whole;
}

/* One that could not go would be left behind empty. */
static enum ops_status look_at_directory(struct survey *survey, struct place *at, struct ops_view key,
                                         const struct statx *place)
{
    const char *refusal = local_rights_refusal(&at->rights, place);
    if (refusal && in_scope(survey, key))
        note_refusal(survey, at, key, refusal);
    return queue(survey, key.data, key.length);
}

static void look_at_file(struct survey *survey, struct place *at, const char *key, const char *name,
                         const struct statx *place)
{
    int fd = dirfd(at->directory);
    if (local_kept_as(survey->inspection->kept, fd, name, place, NULL) != LOCAL_NOT_KEPT)
        return;
    const char *refusal = local_rights_refusal(&at->rights, place);
    if (survey->inspection->flat && S_ISREG(place->stx_mode)) {
        note_use(survey, fd, name);
        refusal = local_stream_refusal(fd, name, place, refusal);
    }
    if (refusal)
        note_refusal(survey, at, ops_view_of(key), refusal);
}

static void note_unseen(struct survey *survey, const char *key, const char *reason)
{
    char name[OPS_REMARK_NAME_SIZE];
    ops_findings_add(survey->findings, true, "%s can't be looked into: %s.", shown(ops_view_of(key), name), reason);
}

/* key has room for one character more. */
static enum ops_status look_at(struct survey *survey, struct place *at, char *key, const char *name)
{
    struct statx place;
    size_t length = strlen(key);
    if (!local_look(dirfd(at->directory), name, &place)) {
        if (errno == EACCES && in_scope(survey, ops_view(key, length)))
            note_refusal(survey, at, ops_view(key, length), at->rights.refusal ? at->rights.refusal : LOCAL_NO_RIGHT);
        return OPS_OK;
    }
    bool is_directory = S_ISDIR(place.stx_mode), elsewhere = place.stx_mnt_id != survey->inspection->mount_id;
    if (is_directory && survey->inspection->flat)
        return OPS_OK;
    if (is_directory)
        memcpy(key + length++, "/", 2);
    if (is_directory ? !may_hold_keys(survey, ops_view(key, length)) : !in_scope(survey, ops_view(key, length)))
        return OPS_OK;
    if (elsewhere)
        note_unseen(survey, key, LOCAL_MOUNTED_HERE);
    else if (is_directory)
        return look_at_directory(survey, at, ops_view(key, length), &place);
    else
        look_at_file(survey, at, key, name, &place);
    return OPS_OK;
}

static enum ops_status look_through(struct survey *survey, struct place *at)
{
    char key[2 * PATH_MAX];
    size_t above = strlen(at->path);
    enum ops_status status = OPS_OK;
    const struct dirent *entry;
    memcpy(key, at->path, above);
    while (status == OPS_OK && !is_full(survey) && (entry = readdir(at->directory)) != NULL) {
        size_t length = strlen(entry->d_name);
        if (!local_component_valid(entry->d_name, length) || above + length + 2 > PATH_MAX)
            continue;
        memcpy(key + above, entry->d_name, length + 1);
        survey->names++;
        status = look_at(survey, at, key, entry->d_name);
    }
    return status;
}

static enum ops_status look_into(struct survey *survey, const char *path)
{
    const struct local_inspection *inspection = survey->inspection;
    struct place at = {.path = path};
    struct statx place;
    size_t length = strlen(path);
    int fd = local_open_inside(inspection->root_fd, inspection->mount_id, path, length > 0 ? length - 1 : 0);
    bool seen = fd >= 0 && local_look(fd, "", &place) && (at.directory = fdopendir(fd));
    int number = errno;
    if (!seen) {
        if (fd >= 0)
            close(fd);
        if (number == ENOMEM)
            return OPS_NO_MEMORY;
        if (number == EMFILE || number == ENFILE)
            return ops_fail(survey->error, OPS_STORE_UNAVAILABLE, "%s.", strerror(number));
        bool is_nothing = number == ENOENT || number == ENOTDIR || number == ELOOP || number == EINVAL;
        if (!is_nothing)
            note_unseen(survey, *path ? path : "its directory", number == EXDEV ? LOCAL_MOUNTED_HERE : strerror(number));
        return OPS_OK;
    }
    rewinddir(at.directory);
    local_rights_read(fd, &place, &at.rights);
    enum ops_status status = look_through(survey, &at);
    (void)closedir(at.directory); /* it was only read */
    return status;
}

static void tell_use(struct survey *survey)
{
    if (survey->written > 0)
        ops_findings_add(survey->findings, false,
                         "Somebody is writing to %zu of its streams, first to %s: they are emptied, and their files stay.",
                         survey->written, survey->first_written);
    if (survey->unknown > 0)
        ops_findings_add(survey->findings, false,
                         "Whether somebody is writing to %zu of its streams, first to %s, can't be told: they are removed, "
                         "and what is written to them afterwards is lost.",
                         survey->unknown, survey->first_unknown);
}

enum ops_status local_inspect(const struct local_inspection *inspection, struct ops_findings *ret_findings,
                              struct ops_error *error)
{
    struct survey survey = {.inspection = inspection, .findings = ret_findings, .error = error};
    size_t start = inspection->prefix.length; /* the directory in which all keys in scope are */
    while (start > 0 && inspection->prefix.data[start - 1] != '/')
        start--;
    enum ops_status status = queue(&survey, inspection->prefix.data ? inspection->prefix.data : "", start);
    for (size_t i = 0; i < survey.count && status == OPS_OK && !is_full(&survey); i++)
        status = look_into(&survey, survey.directories[i]);
    if (status == OPS_OK)
        tell_use(&survey);
    for (size_t i = 0; i < survey.count; i++)
        ops_mem_free(survey.directories[i]);
    return status;
}
