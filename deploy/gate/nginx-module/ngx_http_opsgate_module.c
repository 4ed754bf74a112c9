/*
 * The gate inside nginx: `opsgate on;` in a location costs a request one check of libopsgate, and no subrequest; README.md
 * has the directives.
 *
 * Each worker has a gate of its own, opened when the worker starts, after the fork and with the worker's rights, since the
 * thread that asks would not survive a fork. The master and nginx's helpers have none. A gate that can't be opened, like one
 * that can't reach its source, is open: nginx serves as if the module were not there, its log says so, and it tries again.
 *
 * The check comes before access control, so that a window's answer does not depend on who asks, and behind the choice of the
 * location, since that is where `opsgate on;` stands. The answer is sent from here: nginx knows nothing of an error that
 * error_page could replace.
 */
#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <opsgate.h>

#if !(NGX_HTTP_HEADERS)
#error "nginx must be configured --with-compat, as Debian's is: the Accept header is read from what it parsed."
#endif

#define WATCH_MS 10000

extern ngx_module_t ngx_http_opsgate_module;

struct main_conf {
    ngx_str_t source; /* as all strings of a configuration: NUL behind it */
    ngx_msec_t refresh_ms;
    ngx_str_t service;
    ngx_array_t health_paths; /* of const char *, NULL behind the last */
    ngx_uint_t is_used;       /* a location has opsgate on */
    ngx_int_t verdict_index;  /* of $opsgate among a request's variables */
};

struct location_conf {
    ngx_flag_t is_on;
};

/* This worker's. */
static opsgate *gate; /* NULL: not used, or it can't be opened */
static const struct main_conf *gate_conf;
static ngx_event_t watch_event;

/* ---- What is kept of a request ---- */

/* The verdict is the value of $opsgate. It takes no memory of its own, and a redirect inside nginx leaves it alone, where it
 * clears the contexts of modules. */
static const ngx_str_t verdict_off = ngx_string("off"), verdict_open = ngx_string("open"),
                       verdict_blocked = ngx_string("blocked");

static ngx_http_variable_value_t *verdict_of(ngx_http_request_t *r)
{
    struct main_conf *conf = ngx_http_get_module_main_conf(r, ngx_http_opsgate_module);
    return &r->variables[conf->verdict_index];
}

static void set_verdict(ngx_http_variable_value_t *value, const ngx_str_t *verdict, unsigned cacheable)
{
    *value = (ngx_http_variable_value_t){.len = (unsigned)verdict->len, .data = verdict->data};
    value->valid = 1;
    value->no_cacheable = !cacheable;
}

static ngx_uint_t is_verdict(const ngx_http_variable_value_t *value, const ngx_str_t *verdict)
{
    return value->valid && value->data == verdict->data;
}

static ngx_uint_t is_final(const ngx_http_variable_value_t *value)
{
    return is_verdict(value, &verdict_open) || is_verdict(value, &verdict_blocked);
}

/* Asked for only as long as there is none. Some modules give a subrequest variables of its own; its verdict is the request's
 * all the same. */
static ngx_int_t get_verdict(ngx_http_request_t *r, ngx_http_variable_value_t *value, uintptr_t data)
{
    const ngx_http_variable_value_t *known = verdict_of(r->main);
    (void)data;
    if (is_final(known))
        *value = *known;
    else
        set_verdict(value, &verdict_off, 0);
    return NGX_OK;
}

/* What else there may be to keep, in the request's pool, from its arrival to its end. */
struct note {
    ngx_str_t path;             /* what was asked for, before any rewrite or redirect inside nginx */
    opsgate_response *response; /* which its header lines and its body are sent from */
};

static void release_note(void *data)
{
    struct note *note = data;
    opsgate_response_free(note->response); /* NULL is fine */
}

static struct note *find_note(ngx_http_request_t *r)
{
    struct note *note = ngx_http_get_module_ctx(r, ngx_http_opsgate_module);
    for (ngx_pool_cleanup_t *cleanup = r->pool->cleanup; !note && cleanup; cleanup = cleanup->next)
        if (cleanup->handler == release_note)
            note = cleanup->data;
    return note;
}

static struct note *add_note(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t *cleanup = ngx_pool_cleanup_add(r->pool, sizeof(struct note));
    if (!cleanup)
        return NULL;
    struct note *note = cleanup->data;
    *note = (struct note){.path = r->uri};
    cleanup->handler = release_note;
    ngx_http_set_ctx(r, note, ngx_http_opsgate_module);
    return note;
}

/* At the request's arrival: a balancer asks for /healthz, and knows nothing of the index.php that answers. */
static ngx_int_t note_path(ngx_http_request_t *r)
{
    if (gate)
        (void)add_note(r); /* without memory for it the path that the check finds counts */
    return NGX_DECLINED;
}

/* ---- One request ---- */

/* What nginx has cut off, resolved or decoded goes on to the service as it came (proxy_pass without a path), and that may make
 * something else of it. */
static ngx_flag_t came_odd(const ngx_str_t *raw)
{
    static const char *const odd[] = {"#", ";", "\\", "//", "..", "/./", "%2e", "%2f", "%5c", "%23", "%3b", "%25", "%00"};
    u_char *end = raw->data + raw->len, *query = ngx_strlchr(raw->data, end, '?');
    size_t length = (size_t)((query ? query : end) - raw->data);
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        size_t least = ngx_strlen(odd[i]);
        for (size_t at = 0; at + least <= length; at++)
            if (ngx_strncasecmp(raw->data + at, (u_char *)odd[i], least) == 0)
                return 1;
    }
    return 0;
}

/* The library takes what stands behind a '?' for a query. nginx has taken that away already and has decoded what is left: a
 * '?' is a part of the name now, and no health path has one. NULL: this can't be a health path. */
static const char *health_candidate(ngx_http_request_t *r)
{
    struct main_conf *conf = ngx_http_get_module_main_conf(r, ngx_http_opsgate_module);
    if (conf->health_paths.nelts == 0)
        return NULL;
    const struct note *note = find_note(r);
    const ngx_str_t *path = note ? &note->path : &r->uri;
    u_char *end = path->data + path->len;
    if (came_odd(&r->main->unparsed_uri) || ngx_strlchr(path->data, end, '?'))
        return NULL;
    u_char *text = ngx_pnalloc(r->pool, path->len + 1);
    if (!text)
        return NULL;
    *ngx_cpymem(text, path->data, path->len) = '\0';
    return (const char *)text;
}

static ngx_str_t borrow(const char *text)
{
    return (ngx_str_t){.len = ngx_strlen(text), .data = (u_char *)text};
}

static ngx_int_t add_header(ngx_http_request_t *r, const opsgate_header *header)
{
    ngx_table_elt_t *line = ngx_list_push(&r->headers_out.headers);
    if (!line)
        return NGX_ERROR;
    *line = (ngx_table_elt_t){.hash = 1, .key = borrow(header->name), .value = borrow(header->value)};
    return NGX_OK;
}

/* nginx keeps the charset apart, so that its `charset` directive does not add another; it comes back in the header line. */
static ngx_str_t split_charset(ngx_http_request_t *r, const char *type)
{
    static const char separator[] = "; charset=";
    const char *at = strstr(type, separator);
    if (!at)
        return borrow(type);
    r->headers_out.charset = borrow(at + sizeof separator - 1);
    return (ngx_str_t){.len = (size_t)(at - type), .data = (u_char *)type};
}

static ngx_int_t set_headers(ngx_http_request_t *r, const opsgate_response *response, ngx_str_t *ret_type)
{
    for (size_t i = 0; i < response->header_count; i++) {
        const opsgate_header *header = &response->headers[i];
        if (ngx_strcasecmp((u_char *)header->name, (u_char *)"Content-Type") == 0)
            *ret_type = split_charset(r, header->value);
        else if (add_header(r, header) != NGX_OK)
            return NGX_ERROR;
    }
    return NGX_OK;
}

/* NULL: no memory. */
static opsgate_response *respond(ngx_http_request_t *r)
{
    const char *accept = r->headers_in.accept ? (const char *)r->headers_in.accept->value.data : NULL;
    struct note *note = find_note(r);
    if (!note && !(note = add_note(r)))
        return NULL;
    if (!note->response)
        note->response = opsgate_respond(gate, accept);
    return note->response;
}

/* The status that is returned ends the request. A body that the caller sends is read and thrown away, so that the connection
 * can be used again; to HEAD nginx sends the headers alone. */
static ngx_int_t turn_away(ngx_http_request_t *r)
{
    ngx_str_t type = ngx_string("application/json");
    ngx_http_complex_value_t body;
    opsgate_response *response = respond(r);
    if (!response) { /* nginx's own, and no error_page, which might let the request in after all */
        r->error_page = 1;
        return NGX_HTTP_SERVICE_UNAVAILABLE;
    }
    /* What another location meant to send before it handed the request over, or the error whose page was to be here. */
    ngx_http_clean_header(r);
    r->err_status = 0;
    if (set_headers(r, response, &type) != NGX_OK)
        return NGX_ERROR;
    ngx_memzero(&body, sizeof body);
    body.value = (ngx_str_t){.len = response->body_length, .data = (u_char *)response->body};
    return ngx_http_send_response(r, (ngx_uint_t)response->status, &type, &body);
}

static const ngx_str_t *judge(ngx_http_request_t *r)
{
    const char *method = r->method == NGX_HTTP_OPTIONS ? "OPTIONS" : NULL; /* the only one that makes a difference */
    return opsgate_check_request(gate, method, health_candidate(r)) ? &verdict_blocked : &verdict_open;
}

/* A request is asked about once: what has been let in may have done its work already when it comes to its next location.
 * Subrequests belong to a request that was asked about. */
static ngx_int_t check(ngx_http_request_t *r)
{
    struct location_conf *conf = ngx_http_get_module_loc_conf(r, ngx_http_opsgate_module);
    if (!conf->is_on || !gate || r != r->main)
        return NGX_DECLINED;
    ngx_http_variable_value_t *verdict = verdict_of(r);
    if (!is_final(verdict))
        set_verdict(verdict, judge(r), 1);
    if (is_verdict(verdict, &verdict_open))
        return NGX_DECLINED;
    /* From this phase nginx would take NGX_OK for "go on", so the request is ended here. */
    ngx_http_finalize_request(r, turn_away(r));
    return NGX_DONE;
}

/* ---- A worker's gate ---- */

/* What is wrong with the configuration was told when it was read; here it is memory or a thread that the system lacks, and
 * may have later. */
static void open_gate(const struct main_conf *conf, ngx_log_t *log)
{
    static ngx_uint_t has_failed;
    opsgate_config config = OPSGATE_CONFIG_INIT;
    char why[OPSGATE_ERROR_SIZE];
    config.source = (const char *)conf->source.data;
    config.refresh_ms = (unsigned)conf->refresh_ms;
    config.service = (const char *)conf->service.data;
    config.health_paths = conf->health_paths.nelts ? conf->health_paths.elts : NULL;
    opsgate_status status = opsgate_open(&config, &gate, why);
    if (status != OPSGATE_OK && !has_failed)
        ngx_log_error(NGX_LOG_ERR, log, 0, "opsgate: nothing is turned away, since the gate can't be opened: %s", why);
    if (status == OPSGATE_OK && has_failed)
        ngx_log_error(NGX_LOG_NOTICE, log, 0, "opsgate: the gate could be opened");
    has_failed = status != OPSGATE_OK;
}

/* The log tells when the gate begins to be open for want of knowledge, and when that is over. */
static void tell_news(ngx_log_t *log)
{
    static ngx_uint_t is_unheard;
    opsgate_counters counters;
    opsgate_count(gate, &counters);
    ngx_uint_t was_unheard = is_unheard;
    is_unheard = counters.failed > 0 && (counters.age_ms < 0 || counters.age_ms > 20000);
    if (is_unheard && !was_unheard)
        ngx_log_error(NGX_LOG_WARN, log, 0, "opsgate: nothing is turned away, since OPS can't be asked: %s",
                      counters.last_failure);
    if (!is_unheard && was_unheard)
        ngx_log_error(NGX_LOG_NOTICE, log, 0, "opsgate: OPS can be asked again");
}

static void watch(ngx_event_t *event)
{
    event->log = ngx_cycle->log;
    if (gate)
        tell_news(event->log);
    else if (ngx_process == NGX_PROCESS_WORKER) /* without a master the process outlives its configuration */
        open_gate(gate_conf, event->log);
    ngx_add_timer(event, WATCH_MS);
}

static void start_watch(ngx_cycle_t *cycle)
{
    static ngx_connection_t nobody = {.fd = (ngx_socket_t)-1}; /* that is where nginx's debug log looks for a number */
    watch_event = (ngx_event_t){.handler = watch, .log = cycle->log, .data = &nobody, .cancelable = 1};
    ngx_add_timer(&watch_event, WATCH_MS);
}

static ngx_int_t start(ngx_cycle_t *cycle)
{
    struct main_conf *conf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_opsgate_module);
    ngx_uint_t serves = ngx_process == NGX_PROCESS_WORKER || ngx_process == NGX_PROCESS_SINGLE; /* not a cache's helper */
    if (!conf || !conf->is_used || !serves)
        return NGX_OK;
    gate_conf = conf;
    open_gate(conf, cycle->log);
    start_watch(cycle);
    return NGX_OK;
}

static void stop(ngx_cycle_t *cycle)
{
    (void)cycle;
    opsgate_close(gate); /* NULL is fine */
    gate = NULL;
}

/* ---- Directives ---- */

/* Asks the library, whose refusal would come only when a worker starts, and the gate would then be open. */
static char *check_config(ngx_conf_t *cf, const opsgate_config *config)
{
    const ngx_str_t *directive = cf->args->elts;
    char why[OPSGATE_ERROR_SIZE];
    if (opsgate_config_check(config, why) == OPSGATE_OK)
        return NGX_CONF_OK;
    /* nginx puts the place behind it, so its full stop goes. */
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\": %*s", directive, strlen(why) - 1, why);
    return NGX_CONF_ERROR;
}

/* All as it comes, and a source that there could be. */
static opsgate_config sound_config(void)
{
    opsgate_config config = OPSGATE_CONFIG_INIT;
    config.source = "http://localhost";
    return config;
}

static char *check_source(ngx_conf_t *cf, void *post, void *data)
{
    opsgate_config config = sound_config();
    (void)post;
    config.source = (const char *)((ngx_str_t *)data)->data;
    return check_config(cf, &config);
}

static unsigned clip(ngx_msec_t ms)
{
    return ms < UINT_MAX ? (unsigned)ms : UINT_MAX;
}

static char *check_refresh(ngx_conf_t *cf, void *post, void *data)
{
    opsgate_config config = sound_config();
    (void)post;
    config.refresh_ms = clip(*(ngx_msec_t *)data);
    return check_config(cf, &config);
}

static char *check_service(ngx_conf_t *cf, void *post, void *data)
{
    opsgate_config config = sound_config();
    (void)post;
    config.service = (const char *)((ngx_str_t *)data)->data;
    return check_config(cf, &config);
}

static char *add_health_path(ngx_conf_t *cf, ngx_command_t *command, void *data)
{
    struct main_conf *conf = data;
    const char *const path[] = {(const char *)((ngx_str_t *)cf->args->elts)[1].data, NULL};
    opsgate_config config = sound_config();
    (void)command;
    config.health_paths = path;
    if (check_config(cf, &config) != NGX_CONF_OK)
        return NGX_CONF_ERROR;
    const char **added = ngx_array_push(&conf->health_paths);
    if (!added)
        return NGX_CONF_ERROR;
    *added = path[0];
    return NGX_CONF_OK;
}

static ngx_conf_post_t source_post = {check_source}, refresh_post = {check_refresh}, service_post = {check_service};

static ngx_command_t commands[] = {
    {ngx_string("opsgate_source"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE1, ngx_conf_set_str_slot, NGX_HTTP_MAIN_CONF_OFFSET,
     offsetof(struct main_conf, source), &source_post},
    {ngx_string("opsgate_refresh"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE1, ngx_conf_set_msec_slot, NGX_HTTP_MAIN_CONF_OFFSET,
     offsetof(struct main_conf, refresh_ms), &refresh_post},
    {ngx_string("opsgate_service"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE1, ngx_conf_set_str_slot, NGX_HTTP_MAIN_CONF_OFFSET,
     offsetof(struct main_conf, service), &service_post},
    {ngx_string("opsgate_health_path"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE1, add_health_path, NGX_HTTP_MAIN_CONF_OFFSET, 0,
     NULL},
    {ngx_string("opsgate"), NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF | NGX_CONF_FLAG,
     ngx_conf_set_flag_slot, NGX_HTTP_LOC_CONF_OFFSET, offsetof(struct location_conf, is_on), NULL},
    ngx_null_command,
};

/* ---- A configuration's making ---- */

static void *create_main(ngx_conf_t *cf)
{
    struct main_conf *conf = ngx_pcalloc(cf->pool, sizeof *conf);
    if (!conf || ngx_array_init(&conf->health_paths, cf->pool, 4, sizeof(const char *)) != NGX_OK)
        return NULL;
    conf->refresh_ms = NGX_CONF_UNSET_MSEC;
    return conf;
}

static char *init_main(ngx_conf_t *cf, void *data)
{
    struct main_conf *conf = data;
    (void)cf;
    ngx_conf_init_msec_value(conf->refresh_ms, 5000);
    if (conf->health_paths.nelts == 0)
        return NGX_CONF_OK;
    const char **last = ngx_array_push(&conf->health_paths);
    if (!last)
        return NGX_CONF_ERROR;
    *last = NULL;
    return NGX_CONF_OK;
}

static void *create_location(ngx_conf_t *cf)
{
    struct location_conf *conf = ngx_pcalloc(cf->pool, sizeof *conf);
    if (conf)
        conf->is_on = NGX_CONF_UNSET;
    return conf;
}

static char *merge_location(ngx_conf_t *cf, void *parent, void *child)
{
    struct main_conf *shared = ngx_http_conf_get_module_main_conf(cf, ngx_http_opsgate_module);
    struct location_conf *from = parent, *conf = child;
    ngx_conf_merge_value(conf->is_on, from->is_on, 0);
    if (!conf->is_on)
        return NGX_CONF_OK;
    shared->is_used = 1;
    if (shared->source.len > 0)
        return NGX_CONF_OK;
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"opsgate\" is on, but there is no \"opsgate_source\"");
    return NGX_CONF_ERROR;
}

static ngx_int_t add_handler(ngx_conf_t *cf, ngx_http_phases phase, ngx_http_handler_pt handler)
{
    ngx_http_core_main_conf_t *core = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);
    ngx_http_handler_pt *added = ngx_array_push(&core->phases[phase].handlers);
    if (!added)
        return NGX_ERROR;
    *added = handler;
    return NGX_OK;
}

/* Where the gate is not used, or no path passes, no request pays for a handler. */
static ngx_int_t add_handlers(ngx_conf_t *cf)
{
    const struct main_conf *conf = ngx_http_conf_get_module_main_conf(cf, ngx_http_opsgate_module);
    if (!conf->is_used)
        return NGX_OK;
    if (conf->health_paths.nelts > 0 && add_handler(cf, NGX_HTTP_POST_READ_PHASE, note_path) != NGX_OK)
        return NGX_ERROR;
    return add_handler(cf, NGX_HTTP_PREACCESS_PHASE, check);
}

static ngx_int_t add_variable(ngx_conf_t *cf)
{
    static ngx_str_t name = ngx_string("opsgate");
    struct main_conf *conf = ngx_http_conf_get_module_main_conf(cf, ngx_http_opsgate_module);
    ngx_http_variable_t *variable = ngx_http_add_variable(cf, &name, 0);
    if (!variable)
        return NGX_ERROR;
    variable->get_handler = get_verdict;
    conf->verdict_index = ngx_http_get_variable_index(cf, &name);
    return conf->verdict_index == NGX_ERROR ? NGX_ERROR : NGX_OK;
}

static ngx_http_module_t context = {
    .preconfiguration = add_variable,
    .postconfiguration = add_handlers,
    .create_main_conf = create_main,
    .init_main_conf = init_main,
    .create_loc_conf = create_location,
    .merge_loc_conf = merge_location,
};

ngx_module_t ngx_http_opsgate_module = {
    NGX_MODULE_V1,           .ctx = &context,           .commands = commands,
    .type = NGX_HTTP_MODULE, .init_process = start, .exit_process = stop,
};
