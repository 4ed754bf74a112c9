#include "surfaces/cli/resolve.h"

#include "base/json.h"
#include "base/ulid.h"
#include "surfaces/cli/lookup.h"
#include "surfaces/cli/text.h"

#include <ctype.h>
#include <string.h>

enum { BEGINNING_MIN = 6, CANDIDATES_MAX = 8 };

struct record_kind {
    const char *what, *plural;
    const char *id_name;
    const char *list; /* function */
    enum ops_status not_found;
};

static const struct record_kind vacuum_kind = {"vacuum", "vacuums", "vacuum_id", "ops_vacuumlist", OPS_VACUUM_NOT_FOUND};
static const struct record_kind window_kind = {"maintenance window", "maintenance windows", "maintenance_id",
                                               "ops_maintenancelist", OPS_MAINTENANCE_NOT_FOUND};

struct search {
    const struct record_kind *kind;
    char beginning[OPS_ULID_SIZE]; /* in capitals, as ids are */
    json_t *ids;                   /* that begin so */
};

static enum ops_status note_candidate(void *context, const json_t *record, bool *ret_enough)
{
    struct search *search = context;
    const char *id = ops_json_text(record, search->kind->id_name, "");
    if (strncmp(id, search->beginning, strlen(search->beginning)) != 0)
        return OPS_OK;
    *ret_enough = json_array_size(search->ids) + 1 == CANDIDATES_MAX;
    return json_array_append_new(search->ids, json_string(id)) == 0 ? OPS_OK : OPS_NO_MEMORY;
}

static enum ops_status refuse_several(const struct ops_cli_flag *flag, const struct search *search, struct ops_error *error)
{
    struct ops_buf names;
    ops_buf_init(&names, OPS_ERROR_TEXT_SIZE);
    size_t i;
    json_t *id;
    json_array_foreach(search->ids, i, id)
        ops_buf_append_format(&names, "%s%.26s", i ? ", " : "", json_string_value(id));
    enum ops_status status = ops_fail(error, OPS_USAGE, "%s %s is the beginning of several %s: %s.", flag->name,
                                      search->beginning, search->kind->plural, ops_buf_text(&names));
    ops_buf_release(&names);
    return status;
}

/* The one id that begins so. */
static enum ops_status find_beginning(struct ops_cli *cli, const struct ops_cli_flag *flag, struct search *search,
                                      struct ops_error *error)
{
    enum ops_status status = ops_cli_look_through(cli, search->kind->list, "all", note_candidate, search, error);
    if (status != OPS_OK)
        return status;
    if (json_array_size(search->ids) > 1)
        return refuse_several(flag, search, error);
    if (json_array_size(search->ids) == 0)
        return ops_fail(error, search->kind->not_found, "There is no %s whose id begins with %s.", search->kind->what,
                        search->beginning);
    return OPS_OK;
}

/* The newest record of a page. Open vacuums come first in their list, so the first is not always the latest one: their
 * sequence tells. */
struct latest {
    const struct record_kind *kind;
    json_int_t sequence;
    json_t *ids; /* one or none */
    size_t seen;
};

static enum ops_status note_latest(void *context, const json_t *record, bool *ret_enough)
{
    enum { OPEN_FIRST_MAX = 256 };
    struct latest *latest = context;
    json_int_t sequence = ops_json_integer(record, "sequence", 0);
    *ret_enough = latest->kind == &window_kind || ++latest->seen == OPEN_FIRST_MAX;
    if (json_array_size(latest->ids) > 0 && sequence <= latest->sequence)
        return OPS_OK;
    latest->sequence = sequence;
    json_t *id = json_string(ops_json_text(record, latest->kind->id_name, ""));
    return json_array_clear(latest->ids) == 0 && json_array_append_new(latest->ids, id) == 0 ? OPS_OK : OPS_NO_MEMORY;
}

static enum ops_status find_latest(struct ops_cli *cli, const struct record_kind *kind, json_t *ids, struct ops_error *error)
{
    struct latest latest = {.kind = kind, .ids = ids};
    enum ops_status status = ops_cli_look_through(cli, kind->list, "all", note_latest, &latest, error);
    if (status == OPS_OK && json_array_size(ids) == 0)
        return ops_fail(error, kind->not_found, "There is no %s yet.", kind->what);
    return status;
}

enum ops_status ops_cli_resolve_id(struct ops_cli *cli, const struct ops_cli_flag *flag, json_t *input,
                                   struct ops_error *error)
{
    const char *given = ops_json_text(input, flag->field, "");
    size_t length = strlen(given);
    bool latest = strcmp(given, "latest") == 0;
    if (length >= OPS_ULID_LENGTH) /* whole; or too long, as the service says */
        return OPS_OK;
    if (!latest && length < BEGINNING_MIN)
        return ops_fail(error, OPS_USAGE, "%s takes an id, at least %d characters of its beginning, or latest, not '%s'.",
                        flag->name, BEGINNING_MIN, given);
    struct search search = {.kind = flag->kind == OPS_FLAG_VACUUM_ID ? &vacuum_kind : &window_kind, .ids = json_array()};
    for (size_t i = 0; i < length; i++)
        search.beginning[i] = (char)toupper((unsigned char)given[i]);
    enum ops_status status = !search.ids ? OPS_NO_MEMORY
                             : latest    ? find_latest(cli, search.kind, search.ids, error)
                                         : find_beginning(cli, flag, &search, error);
    if (status == OPS_OK)
        status = ops_json_set(input, flag->field, json_incref(json_array_get(search.ids, 0)));
    json_decref(search.ids);
    return status;
}

static enum ops_status keep_first(void *context, const json_t *record, bool *ret_enough)
{
    json_t **ret_record = context;
    *ret_enough = true;
    *ret_record = ops_json_copy(record);
    return *ret_record ? OPS_OK : OPS_NO_MEMORY;
}

static void tell_pending(struct ops_cli *cli, const json_t *vacuum)
{
    struct ops_buf words;
    ops_buf_init(&words, 4096);
    const char *orgcode = ops_json_text(vacuum, "orgcode", NULL);
    ops_buf_append_text(&words, "The pending vacuum is ");
    ops_text_append_safe(&words, ops_view_of(ops_json_text(vacuum, "vacuum_id", "")));
    ops_buf_append_text(&words, orgcode ? ", of organisation " : ", of all data");
    ops_text_append_safe(&words, ops_view_of(orgcode ? orgcode : ""));
    (void)fprintf(cli->host->err, "%s.\n", ops_buf_text(&words));
    ops_buf_release(&words);
}

/* The first that deletes, or will. */
static enum ops_status keep_real(void *context, const json_t *record, bool *ret_enough)
{
    return ops_json_flag(record, "dry_run", false) ? OPS_OK : keep_first(context, record, ret_enough);
}

/* Mostly because it is too late. */
static enum ops_status refuse_none_pending(struct ops_cli *cli, struct ops_error *error)
{
    json_t *open = NULL;
    if (ops_cli_look_through(cli, vacuum_kind.list, "open", keep_real, &open, NULL) != OPS_OK || !open)
        return ops_fail(error, OPS_VACUUM_NOT_PENDING, "No vacuum is pending: there is nothing to cancel.");
    const char *id = ops_json_text(open, "vacuum_id", ""), *state = ops_json_text(open, "status", "");
    (void)ops_fail(error, OPS_VACUUM_NOT_PENDING, "No vacuum is pending: it is too late to cancel %.26s, which is %.20s.",
                   id, state);
    ops_error_detail(error, "vacuum_id", id);
    ops_error_detail(error, "status", state);
    json_decref(open);
    return OPS_VACUUM_NOT_PENDING;
}

enum ops_status ops_cli_pick_pending(struct ops_cli *cli, json_t *input, struct ops_error *error)
{
    if (json_object_get(input, "vacuum_id"))
        return OPS_OK;
    json_t *pending = NULL;
    enum ops_status status = ops_cli_look_through(cli, vacuum_kind.list, "pending", keep_first, &pending, error);
    if (status == OPS_OK && !pending)
        status = refuse_none_pending(cli, error);
    if (status == OPS_OK)
        status = ops_json_set_text(input, "vacuum_id", ops_json_text(pending, "vacuum_id", ""));
    if (status == OPS_OK && !cli->json)
        tell_pending(cli, pending);
    json_decref(pending);
    return status;
}
