#include "main/engine.h"

#include "adapters/curl/http_client.h"
#include "adapters/usm/usm.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/trust.h"
#include "main/current_sessions.h"
#include "main/embedded.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MANIFEST_MAX_BYTES = 4 * 1024 * 1024, PROBLEMS_MAX_BYTES = 16 * 1024, PATH_TEXT_MAX = 4096 };

static const char sample_name[] = "(the sample stack's)";

static enum ops_status make_directories(const char *path, struct ops_error *error)
{
    char partial[PATH_TEXT_MAX];
    if (snprintf(partial, sizeof partial, "%s", path) >= (int)sizeof partial)
        return ops_fail(error, OPS_USAGE, "The path of the data directory is too long.");
    for (char *slash = partial; slash; slash = strchr(slash + 1, '/')) {
        char *next = strchr(slash + 1, '/');
        if (next)
            *next = '\0';
        if (partial[0] && mkdir(partial, 0700) != 0 && errno != EEXIST)
            return ops_fail(error, OPS_IO_ERROR, "The data directory %s can't be made: %s.", partial, strerror(errno));
        if (next)
            *next = '/';
    }
    return OPS_OK;
}

enum ops_status ops_engine_data_dir(const char *path, char **ret_path, struct ops_error *error)
{
    enum ops_status status = make_directories(path, error);
    if (status != OPS_OK)
        return status;
    struct stat info;
    char absolute[PATH_MAX];
    if (!realpath(path, absolute) || stat(absolute, &info) != 0)
        return ops_fail(error, OPS_IO_ERROR, "The data directory %s can't be used: %s.", path, strerror(errno));
    if (!S_ISDIR(info.st_mode))
        return ops_fail(error, OPS_IO_ERROR, "The data directory %s is not a directory.", path);
    *ret_path = ops_mem_strdup(absolute);
    return *ret_path ? OPS_OK : OPS_NO_MEMORY;
}

static enum ops_status read_file(const char *path, struct ops_buf *text, struct ops_error *error)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return ops_fail(error, OPS_IO_ERROR, "The manifest %s can't be read: %s.", path, strerror(errno));
    char chunk[8192];
    size_t count;
    while ((count = fread(chunk, 1, sizeof chunk, file)) > 0)
        ops_buf_append(text, chunk, count);
    bool failed = ferror(file);
    int reason = errno;
    (void)fclose(file);
    if (failed)
        return ops_fail(error, OPS_IO_ERROR, "The manifest %s can't be read: %s.", path, strerror(reason));
    if (ops_buf_status(text) == OPS_LIMIT)
        return ops_fail(error, OPS_INVALID_FIELD, "The manifest %s is larger than %d bytes.", path, MANIFEST_MAX_BYTES);
    return ops_buf_status(text);
}

/* One sentence for the terminal, and all problems in the details. */
static enum ops_status report_problems(const char *name, const struct ops_buf *problems, struct ops_error *error)
{
    struct ops_view all = ops_buf_view(problems);
    json_t *lines = json_array();
    const char *at = all.data ? all.data : "";
    int first = (int)strcspn(at, "\n");
    (void)ops_fail(error, OPS_INVALID_FIELD, "The manifest %s has errors: %.*s", name, first, at);
    while (lines && *at) {
        size_t length = strcspn(at, "\n");
        if (length && json_array_append_new(lines, ops_json_any_text(ops_view(at, length))) != 0)
            break; /* what does not fit is left out */
        at += length + (at[length] == '\n');
    }
    if (lines)
        ops_error_detail_json(error, "problems", lines);
    return OPS_INVALID_FIELD;
}

/* Editors of another system begin a UTF-8 file with one; it says nothing. */
static struct ops_view without_bom(struct ops_view text)
{
    static const char bom[] = "\xef\xbb\xbf";
    size_t length = sizeof bom - 1;
    return ops_view_starts_with(text, ops_view_of(bom)) ? ops_view(text.data + length, text.length - length) : text;
}

static bool is_utf16(struct ops_view text)
{
    return text.length >= 2 && (memcmp(text.data, "\xff\xfe", 2) == 0 || memcmp(text.data, "\xfe\xff", 2) == 0);
}

static enum ops_status parse_manifest(const char *name, struct ops_view text, struct ops_manifest *ret_manifest,
                                      struct ops_error *error)
{
    json_t *document = NULL;
    if (is_utf16(text))
        return ops_fail(error, OPS_INVALID_JSON, "The manifest %s is UTF-16 text; it must be UTF-8.", name);
    enum ops_status status = ops_json_parse_object(text, &document, error);
    if (status == OPS_INVALID_JSON) {
        struct ops_error inner = *error;
        ops_error_init(error);
        (void)ops_fail(error, OPS_INVALID_JSON, "The manifest %s: %.300s", name, inner.text);
        ops_error_release(&inner);
    }
    if (status != OPS_OK)
        return status;
    struct ops_buf problems;
    ops_buf_init(&problems, PROBLEMS_MAX_BYTES);
    status = ops_manifest_init(ret_manifest, document, &problems);
    if (status == OPS_INVALID_FIELD)
        status = report_problems(name, &problems, error);
    ops_buf_release(&problems);
    json_decref(document);
    return status;
}

/* Whoever can put a manifest into our place says what is emptied. One that was asked for by its path is the asker's choice;
 * ours may be a link, as a Kubernetes volume has it, of which both ends count. */
static enum ops_status check_manifest_owner(const char *path, struct ops_error *error)
{
    struct stat link, file;
    char why[OPS_TRUST_WHY_SIZE];
    uid_t place_owner = ops_trust_place_owner(path);
    if (lstat(path, &link) != 0 || stat(path, &file) != 0)
        return OPS_OK; /* reading it will tell */
    if (ops_trust_owner(link.st_uid, place_owner) && ops_trust(&file, place_owner, why))
        return OPS_OK;
    if (!ops_trust_owner(link.st_uid, place_owner))
        (void)snprintf(why, sizeof why, "it belongs to another user (uid %lld)", (long long)link.st_uid);
    return ops_fail(error, OPS_IO_ERROR, "The manifest %s is not believed: %s.", path, why);
}

static bool is_in_place(const char *data_dir, const char *path)
{
    size_t length = strlen(data_dir);
    return strncmp(path, data_dir, length) == 0 && strcmp(path + length, "/manifest.json") == 0;
}

/* Where the manifest is: as asked for, in the data directory, or compiled in (path is ""). One that can't be looked at, or a
 * link to where nothing is (a volume that is not mounted), is there all the same: reading it will tell. */
static void find_manifest(const char *data_dir, const char *manifest_path, char path[static PATH_TEXT_MAX])
{
    if (manifest_path) {
        (void)snprintf(path, PATH_TEXT_MAX, "%s", manifest_path);
        return;
    }
    struct stat info;
    (void)snprintf(path, PATH_TEXT_MAX, "%s/manifest.json", data_dir);
    if (lstat(path, &info) != 0 && errno == ENOENT)
        path[0] = '\0';
}

enum ops_status ops_engine_load_manifest(const char *data_dir, const char *manifest_path, struct ops_manifest *ret_manifest,
                                         char **ret_name, struct ops_error *error)
{
    char path[PATH_TEXT_MAX];
    find_manifest(data_dir, manifest_path, path);
    struct ops_buf text;
    ops_buf_init(&text, MANIFEST_MAX_BYTES);
    enum ops_status status = OPS_OK;
    if (is_in_place(data_dir, path))
        status = check_manifest_owner(path, error);
    if (path[0] && status == OPS_OK)
        status = read_file(path, &text, error);
    else if (!path[0])
        ops_buf_append_view(&text, ops_embedded_manifest());
    const char *name = path[0] ? path : sample_name;
    if (status == OPS_OK)
        status = parse_manifest(name, without_bom(ops_buf_view(&text)), ret_manifest, error);
    ops_buf_release(&text);
    if (status != OPS_OK)
        return status;
    *ret_name = ops_mem_strdup(name);
    if (*ret_name)
        return OPS_OK;
    ops_manifest_release(ret_manifest);
    return OPS_NO_MEMORY;
}

/* Where this manifest keeps sessions. */
static enum ops_status choose_sessions(struct ops_engine *engine, const struct ops_manifest *manifest,
                                       struct ops_shared **ret_choice, struct ops_error *error)
{
    struct ops_session_source *source = NULL;
    enum ops_status status = OPS_OK;
    /* Without the tables session-gated routes say that sessions can't be checked. */
    if (manifest->sessions_table)
        status = engine->backend->ops->sessions(engine->backend, manifest, &source, error);
    if (status == OPS_OK)
        status = ops_session_choice_new(source, ret_choice);
    if (status != OPS_OK)
        ops_session_source_release(source);
    return status;
}

static enum ops_status open_sessions(const struct ops_engine_config *config, struct ops_engine *engine,
                                     struct ops_error *error)
{
    if (config->usm_url) {
        enum ops_status status = ops_curl_http_client_new(&engine->http);
        return status == OPS_OK ? ops_usm_sessions_new(engine->http, config->usm_url, &engine->sessions) : status;
    }
    struct ops_shared *choice = NULL;
    enum ops_status status = choose_sessions(engine, &engine->manifest, &choice, error);
    if (status == OPS_OK)
        status = ops_current_sessions_new(choice, &engine->sessions);
    if (status != OPS_OK)
        ops_shared_let_go(choice);
    return status;
}

static enum ops_status open_app(const struct ops_engine_config *config, struct ops_engine *engine)
{
    const struct ops_app_ports ports = {
        .store = engine->store,
        .catalogue = engine->catalogue,
        .log_sink = engine->log_sink,
        .sessions = engine->sessions,
        .clock = config->clock,
        .other_clock = engine->backend->ops->other_clock ? engine->backend->ops->other_clock(engine->backend) : NULL,
        .random = config->random,
        .hasher = config->hasher,
    };
    return ops_app_new(&ports, &engine->manifest, ops_embedded_build(), &engine->app);
}

static enum ops_status open_backend(const struct ops_engine_config *config, struct ops_engine *engine,
                                    struct ops_error *error)
{
    const struct ops_place place = {
        .aws = config->aws, .data_dir = engine->data_dir, .region = config->region, .profile = config->profile};
    enum ops_status status = ops_backend_open(&place, &engine->backend, error);
    if (status == OPS_OK)
        status = engine->backend->ops->store(engine->backend, true, &engine->store, error);
    if (status == OPS_OK)
        status = engine->backend->ops->catalogue(engine->backend, &engine->catalogue, error);
    if (status == OPS_OK)
        status = engine->backend->ops->log_sink(engine->backend, &engine->log_sink, error);
    return status;
}

enum ops_status ops_engine_open(const struct ops_engine_config *config, struct ops_engine *ret_engine,
                                struct ops_error *error)
{
    struct ops_engine engine = {.data_dir = NULL};
    enum ops_status status = ops_engine_data_dir(config->data_dir, &engine.data_dir, error);
    if (status == OPS_OK)
        status =
            ops_engine_load_manifest(engine.data_dir, config->manifest_path, &engine.manifest, &engine.manifest_name, error);
    if (status == OPS_OK)
        engine.manifest_document = json_incref(engine.manifest.document);
    if (status == OPS_OK)
        status = open_backend(config, &engine, error);
    if (status == OPS_OK)
        status = open_sessions(config, &engine, error);
    *ret_engine = engine;
    /* The app keeps a pointer to the manifest, so it is made when the engine is where it stays. */
    if (status == OPS_OK)
        status = open_app(config, ret_engine);
    if (status != OPS_OK)
        ops_engine_close(ret_engine);
    return status;
}

/* ---- another manifest ---- */

struct loaded {
    char *name;
    struct ops_shared *manifest; /* a struct ops_manifest */
    struct ops_shared *sessions; /* NULL: they do not come from a manifest */
};

static void free_manifest(void *manifest)
{
    ops_manifest_release(manifest);
    ops_mem_free(manifest);
}

static void loaded_release(struct loaded *loaded)
{
    ops_mem_free(loaded->name);
    ops_shared_let_go(loaded->manifest);
    ops_shared_let_go(loaded->sessions);
}

/* All that can fail. */
static enum ops_status load_again(struct ops_engine *engine, const struct ops_engine_config *config, struct loaded *loaded,
                                  struct ops_error *error)
{
    bool was_file = strcmp(engine->manifest_name, sample_name) != 0;
    const char *path = config->manifest_path || !was_file ? config->manifest_path : engine->manifest_name;
    struct ops_manifest *manifest = ops_mem_zeroed(1, sizeof *manifest);
    if (!manifest)
        return OPS_NO_MEMORY;
    enum ops_status status = ops_engine_load_manifest(engine->data_dir, path, manifest, &loaded->name, error);
    if (status == OPS_OK) {
        status = ops_shared_new(manifest, free_manifest, &loaded->manifest);
        if (status != OPS_OK)
            ops_manifest_release(manifest);
    }
    if (status != OPS_OK) {
        ops_mem_free(manifest);
        return status;
    }
    return config->usm_url ? OPS_OK : choose_sessions(engine, manifest, &loaded->sessions, error);
}

enum ops_status ops_engine_reload_manifest(struct ops_engine *engine, const struct ops_engine_config *config,
                                           struct ops_manifest_news *ret_news, struct ops_error *error)
{
    struct loaded loaded = {.name = NULL};
    enum ops_status status = load_again(engine, config, &loaded, error);
    if (status != OPS_OK) {
        loaded_release(&loaded);
        return status;
    }
    const struct ops_manifest *manifest = ops_shared_thing(loaded.manifest);
    json_t *before = engine->manifest_document;
    engine->manifest_document = json_incref(manifest->document);
    *ret_news = (struct ops_manifest_news){!json_equal(before, manifest->document), manifest->target_count};
    json_decref(before);
    ops_mem_free(engine->manifest_name);
    engine->manifest_name = loaded.name;
    if (loaded.sessions)
        ops_current_sessions_replace(engine->sessions, loaded.sessions);
    ops_app_replace_manifest(engine->app, loaded.manifest);
    return OPS_OK;
}

void ops_engine_close(struct ops_engine *engine)
{
    ops_app_free(engine->app);
    ops_session_source_release(engine->sessions);
    ops_http_client_release(engine->http);
    ops_log_sink_release(engine->log_sink);
    ops_catalogue_release(engine->catalogue);
    ops_store_release(engine->store);
    ops_backend_release(engine->backend);
    json_decref(engine->manifest_document);
    ops_manifest_release(&engine->manifest);
    ops_mem_free(engine->manifest_name);
    ops_mem_free(engine->data_dir);
    *engine = (struct ops_engine){.data_dir = NULL};
}
