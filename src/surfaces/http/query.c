#include "surfaces/http/query.h"

#include "surfaces/wire/percent.h"

#include <strings.h>

enum { SHOWN_NAME_MAX = 64 };

/* What must not be in a query, where it would land in every log on the way. */
static const char *const credentials[] = {"session_guid", "x-session-guid", "secret_code", "new_secret_code"};

struct reading {
    struct ops_query_inputs *inputs;
    struct ops_buf name; /* decoded */
    struct ops_buf value;
};

static bool is_credential(const char *name)
{
    for (size_t i = 0; i < sizeof credentials / sizeof credentials[0]; i++)
        if (strcasecmp(name, credentials[i]) == 0)
            return true;
    return false;
}

/* The name as it can be shown: printable ASCII, and not too much of it. */
static const char *shown(struct ops_view name, char text[static SHOWN_NAME_MAX + 1])
{
    size_t length = name.length < SHOWN_NAME_MAX ? name.length : SHOWN_NAME_MAX;
    for (size_t i = 0; i < length; i++)
        text[i] = name.data[i] < ' ' || name.data[i] > '~' ? '?' : name.data[i];
    text[length] = '\0';
    return text;
}

static enum ops_status refuse(struct ops_query_inputs *inputs, struct ops_view name, enum ops_status status,
                              const char *problem)
{
    if (status != OPS_INVALID_FIELD)
        return status;
    char text[SHOWN_NAME_MAX + 1];
    (void)ops_fail(&inputs->error, status, "The query parameter '%s' %s.", shown(name, text), problem);
    ops_error_detail(&inputs->error, "field", text);
    return status;
}

static enum ops_status add(struct reading *reading, struct ops_view name, struct ops_view value)
{
    struct ops_query_inputs *inputs = reading->inputs;
    enum ops_status status = ops_percent_decode(name, &reading->name);
    if (status != OPS_OK)
        return refuse(inputs, name, status, "has a name that is not percent-encoded UTF-8 text");
    name = ops_buf_view(&reading->name);
    if (is_credential(ops_buf_text(&reading->name)))
        inputs->has_credential = true;
    status = ops_percent_decode(value, &reading->value);
    if (status != OPS_OK)
        return refuse(inputs, name, status, "has a value that is not percent-encoded UTF-8 text");
    if (!inputs->values)
        inputs->values = json_object();
    if (json_object_get(inputs->values, ops_buf_text(&reading->name)))
        return refuse(inputs, name, OPS_INVALID_FIELD, "is there more than once");
    value = ops_buf_view(&reading->value);
    json_t *text = json_stringn(value.data ? value.data : "", value.length);
    return text && json_object_set_new(inputs->values, ops_buf_text(&reading->name), text) == 0 ? OPS_OK : OPS_NO_MEMORY;
}

/* Goes on after a failure: a credential further back must still be seen. */
static void on_argument(void *context, struct ops_view name, struct ops_view value)
{
    struct reading *reading = context;
    enum ops_status status = add(reading, name, value);
    if (reading->inputs->status == OPS_OK)
        reading->inputs->status = status;
}

void ops_query_inputs_init(struct ops_query_inputs *inputs, const struct ops_wire_request *request)
{
    *inputs = (struct ops_query_inputs){.status = OPS_OK, .error = OPS_ERROR_INIT};
    struct reading reading = {.inputs = inputs};
    ops_buf_init(&reading.name, OPS_WIRE_CONNECTION_MEMORY_BYTES);
    ops_buf_init(&reading.value, OPS_WIRE_CONNECTION_MEMORY_BYTES);
    ops_wire_query(request, on_argument, &reading);
    ops_buf_release(&reading.name);
    ops_buf_release(&reading.value);
}

void ops_query_inputs_release(struct ops_query_inputs *inputs)
{
    json_decref(inputs->values);
    ops_error_release(&inputs->error);
}
