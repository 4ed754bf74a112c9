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
    char *data_dir;      /* absolute */
    char *manifest_name; /* where the manifest came from, for people */
    struct ops_manifest manifest;
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

/* Makes the directory and its parents, for its owner only, when they are missing. *ret_path is absolute, the caller's. */
enum ops_status ops_engine_data_dir(const char *path, char **ret_path, struct ops_error *error) OPS_MUST_USE;

/* The manifest alone. *ret_name is the caller's. */
enum ops_status ops_engine_load_manifest(const char *data_dir, const char *manifest_path, struct ops_manifest *ret_manifest,
                                         char **ret_name, struct ops_error *error) OPS_MUST_USE;

#endif
