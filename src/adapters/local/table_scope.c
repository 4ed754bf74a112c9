/* A scope's value is compared outside of SQL, where no collation, affinity or JSON function has a say: a text by its bytes,
 * a number by its canonical text (base/number_text.h). */
#include "adapters/local/table_parts.h"
#include "base/json_member.h"
#include "base/mem.h"
#include "base/number_text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Values of LOCAL_STANDING beyond enum local_standing. */
enum {
    STANDING_BLOB = LOCAL_INCOMPARABLE,
    STANDING_ARRAY,
    STANDING_OBJECT,
    STANDING_TWICE,
    STANDING_NO_JSON,
    STANDING_COUNT
};

static const char *const reasons[STANDING_COUNT] = {
    [STANDING_BLOB] = "%s is a BLOB",
    [STANDING_ARRAY] = "%s is an array",
    [STANDING_OBJECT] = "%s is an object",
    [STANDING_TWICE] = "%s is in the body more than once",
    [STANDING_NO_JSON] = "the body is no valid JSON, so %s can't be read",
};

static void read_numbers(struct local_scope *scope)
{
    char text[OPS_NUMBER_TEXT_SIZE];
    scope->is_number = ops_number_text(ops_view_of(scope->value), text) == OPS_OK && strcmp(text, scope->value) == 0;
    if (!scope->is_number)
        return;
    errno = 0;
    scope->integer = strtoll(scope->value, NULL, 10);
    scope->has_integer = errno == 0 && !strchr(scope->value, '.');
    scope->real = strtod(scope->value, NULL);
    scope->has_real = ops_number_text_of_double(scope->real, text) == OPS_OK && strcmp(text, scope->value) == 0;
}

enum ops_status local_scope_copy(struct local_scope *ret_scope, const struct ops_scope *scope)
{
    *ret_scope = (struct local_scope){.by = scope->by, .ignore_incomparable = scope->ignore_incomparable};
    if (scope->by == OPS_SCOPE_ALL)
        return OPS_OK;
    ret_scope->value = ops_mem_strdup(scope->value);
    ret_scope->attribute = scope->attribute ? ops_mem_strdup(scope->attribute) : NULL;
    if (!ret_scope->value || (scope->attribute && !ret_scope->attribute))
        return OPS_NO_MEMORY;
    ret_scope->value_length = strlen(scope->value);
    read_numbers(ret_scope);
    return OPS_OK;
}

void local_scope_release(struct local_scope *scope)
{
    ops_mem_free(scope->attribute);
    ops_mem_free(scope->value);
    *scope = (struct local_scope){.value = NULL};
}

bool local_scope_tells(const struct local_scope *scope)
{
    return scope->by == OPS_SCOPE_ATTRIBUTE || scope->by == OPS_SCOPE_INDEX;
}

/* Valid until the value is asked for in another form. A blob is what it is. */
static struct ops_view text_of(sqlite3_value *value)
{
    const void *bytes = sqlite3_value_type(value) == SQLITE_BLOB ? sqlite3_value_blob(value) : sqlite3_value_text(value);
    return ops_view(bytes, (size_t)sqlite3_value_bytes(value));
}

static bool equals_number(const struct local_scope *scope, sqlite3_value *value)
{
    if (sqlite3_value_type(value) == SQLITE_INTEGER)
        return scope->has_integer && sqlite3_value_int64(value) == scope->integer;
    return scope->has_real && sqlite3_value_double(value) == scope->real;
}

static int standing_of_column(const struct local_scope *scope, sqlite3_value *value)
{
    switch (sqlite3_value_type(value)) {
    case SQLITE_INTEGER:
    case SQLITE_FLOAT:
        return equals_number(scope, value);
    case SQLITE_BLOB:
        if (scope->by != OPS_SCOPE_KEY)
            return STANDING_BLOB;
        return ops_view_equal(text_of(value), ops_view(scope->value, scope->value_length));
    case SQLITE_TEXT:
        return ops_view_equal(text_of(value), ops_view(scope->value, scope->value_length));
    default:
        return LOCAL_OUTSIDE;
    }
}

static int standing_of_prefix(const struct local_scope *scope, sqlite3_value *value)
{
    char number[OPS_NUMBER_TEXT_SIZE] = "";
    struct ops_view prefix = ops_view(scope->value, scope->value_length);
    if (sqlite3_value_type(value) == SQLITE_NULL)
        return LOCAL_OUTSIDE;
    if (sqlite3_value_type(value) != SQLITE_FLOAT)
        return ops_view_starts_with(text_of(value), prefix);
    return ops_number_text_of_double(sqlite3_value_double(value), number) == OPS_OK &&
           ops_view_starts_with(ops_view_of(number), prefix);
}

/* A number whose text is too long for any is no tenant's. */
static bool is_written_number(const struct local_scope *scope, struct ops_view written)
{
    char text[OPS_NUMBER_TEXT_SIZE];
    return scope->is_number && ops_number_text(written, text) == OPS_OK && strcmp(text, scope->value) == 0;
}

static int standing_of_body(const struct local_scope *scope, sqlite3_value *value)
{
    if (sqlite3_value_type(value) == SQLITE_NULL)
        return LOCAL_OUTSIDE;
    if (sqlite3_value_type(value) == SQLITE_BLOB)
        return STANDING_NO_JSON;
    struct ops_json_member member = ops_json_find_member(text_of(value), ops_view_of(scope->attribute));
    switch (member.kind) {
    case OPS_JSON_STRING:
        return ops_json_string_means(member.text, ops_view(scope->value, scope->value_length));
    case OPS_JSON_NUMBER:
        return is_written_number(scope, member.text);
    case OPS_JSON_ARRAY:
        return STANDING_ARRAY;
    case OPS_JSON_OBJECT:
        return STANDING_OBJECT;
    case OPS_JSON_TWICE:
        return STANDING_TWICE;
    case OPS_JSON_INVALID:
        return STANDING_NO_JSON;
    case OPS_JSON_ABSENT:
    case OPS_JSON_NULL:
    case OPS_JSON_BOOLEAN:
        break;
    }
    return LOCAL_OUTSIDE;
}

static int standing_of(const struct local_table *table, sqlite3_value *value)
{
    if (table->schema.scope_in_body)
        return standing_of_body(&table->scope, value);
    return table->scope.by == OPS_SCOPE_KEY_PREFIX ? standing_of_prefix(&table->scope, value)
                                                   : standing_of_column(&table->scope, value);
}

static void standing(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count;
    sqlite3_result_int(context, standing_of(sqlite3_user_data(context), values[0]));
}

static void standing_at(sqlite3_context *context, int count, sqlite3_value **values)
{
    struct local_table *table = sqlite3_user_data(context);
    struct local_visit *visit = &table->visit;
    sqlite3_int64 rowid = sqlite3_value_int64(values[1]);
    (void)count;
    visit->disordered = visit->disordered || (visit->any && rowid < visit->rowid);
    visit->any = true;
    visit->rowid = rowid;
    visit->standing = standing_of(table, values[0]);
    sqlite3_result_int(context, visit->standing);
}

int local_scope_register(struct local_table *table)
{
    int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY;
    int result = sqlite3_create_function_v2(table->db, LOCAL_STANDING, 1, flags, table, standing, NULL, NULL, NULL);
    return result == SQLITE_OK
               ? sqlite3_create_function_v2(table->db, LOCAL_STANDING, 2, flags, table, standing_at, NULL, NULL, NULL)
               : result;
}

void local_scope_reason(const struct local_table *table, int standing, char reason[static OPS_REMARK_REASON_SIZE])
{
    const char *attribute = table->scope.attribute ? table->scope.attribute : "";
    bool known = standing >= LOCAL_INCOMPARABLE && standing < STANDING_COUNT;
    (void)snprintf(reason, OPS_REMARK_REASON_SIZE, known ? reasons[standing] : "%s can't be compared", attribute);
}
