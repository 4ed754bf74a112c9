/* An engine, joined up: the ports of a backend, the manifest, and the app over them. */
#ifndef OPS_MAIN_ENGINE_H
#define OPS_MAIN_ENGINE_H

#include "app/app.h"
#include "main/backend.h"
#include "ports/http_client.h"

struct ops_engine_config {
    const char *data_dir;      /* made when it is missing */
    bool aws;                  /* records and stack are in an AWS account; the data directory holds sockets and the like */
    const char *region;        /* aws; NULL: as configured */
    const char *profile;       /* aws; NULL: as configured */
    const char *manifest_path; /* NULL: <data>/manifest.json when there is one, else the sample stack's */
    const char *usm_url;       /* NULL: sessions from the manifest's tables */
    struct ops_clock *clock;
    struct ops_random *random;
    struct ops_hasher *hasher;
};

struct ops_engine {
    char *data_dir;               /* absolute */
    char *manifest_name;          /* where the manifest came from, for people */
    struct ops_manifest manifest; /* as the engine was opened; another may be in force since */
    json_t *manifest_document;    /* of the one in force; read only */
    struct ops_backend *backend;
    struct ops_store *store;
    struct ops_catalogue *catalogue;
    struct ops_log_sink *log_sink;
    struct ops_session_source *sessions;
    struct ops_http_client *http;
    struct ops_app *app;
};

/* On failure nothing is left open. OPS_INVALID_FIELD and OPS_INVALID_JSON: the manifest, with every problem and its place.
 */
enum ops_status ops_engine_open(const struct ops_engine_config *config, struct ops_engine *ret_engine,
                                struct ops_error *error) OPS_MUST_USE;
void ops_engine_close(struct ops_engine *engine);

/* What came of reading the manifest anew. */
struct ops_manifest_news {
    bool changed; /* it says another thing than before */
    size_t target_count;
};

/* Reads the manifest anew from where it is, and lets it take the place of the one in force, with the sessions tables that it
 * names; config is the one that the engine was opened with. A manifest that came from a file must still be one: its absence
 * does not bring the sample stack's back. Waits for removals under way (ops_app_replace_manifest). One call at a time, from any
 * thread. On failure all is as before; the statuses are ops_engine_open's. */
enum ops_status ops_engine_reload_manifest(struct ops_engine *engine, const struct ops_engine_config *config,
                                           struct ops_manifest_news *ret_news, struct ops_error *error) OPS_MUST_USE;

/* Makes the directory and its parents, for its owner only, when they are missing. *ret_path is absolute, the caller's. */
enum ops_status ops_engine_data_dir(const char *path, char **ret_path, struct ops_error *error) OPS_MUST_USE;

/* The manifest alone. *ret_name is the caller's. */
enum ops_status ops_engine_load_manifest(const char *data_dir, const char *manifest_path, struct ops_manifest *ret_manifest,
                                         char **ret_name, struct ops_error *error) OPS_MUST_USE;

#endif
