#include "core/plan.h"

#include "base/json.h"
#include "base/mem.h"

#include <stdlib.h>

enum { HASHED_TEXT_MAX = 16 * 1024 * 1024 };

/* What of a target counts for the hash, as one text. */
static enum ops_status hashed_text(const json_t *target, char **ret_text)
{
    static const char *const members[] = {"service", "kind", "name", "scope", "location", "where", "gone"};
    json_t *hashed = json_object();
    enum ops_status status = hashed ? OPS_OK : OPS_NO_MEMORY;
    for (size_t i = 0; status == OPS_OK && i < sizeof members / sizeof members[0]; i++) {
        json_t *value = json_object_get(target, members[i]);
        if (value)
            status = ops_json_set(hashed, members[i], json_incref(value));
    }
    struct ops_buf text;
    ops_buf_init(&text, HASHED_TEXT_MAX);
    if (status == OPS_OK)
        status = ops_json_canonical(hashed, &text);
    char *taken = status == OPS_OK ? ops_buf_take(&text) : NULL;
    ops_buf_release(&text);
    json_decref(hashed);
    if (status != OPS_OK)
        return status;
    *ret_text = taken;
    return taken ? OPS_OK : OPS_NO_MEMORY;
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* texts has room for every target; *ret_count of them are the caller's to free, also on failure. */
static enum ops_status hashed_texts(const json_t *targets, char **texts, size_t *ret_count)
{
    enum ops_status status = OPS_OK;
    *ret_count = 0;
    for (size_t i = 0; status == OPS_OK && i < json_array_size(targets); i++) {
        const json_t *target = json_array_get(targets, i);
        if (strcmp(ops_json_text(target, "status", ""), "pending") != 0 && !json_object_get(target, "gone"))
            continue;
        status = hashed_text(target, &texts[*ret_count]);
        *ret_count += status == OPS_OK;
    }
    qsort(texts, *ret_count, sizeof *texts, compare_texts);
    return status;
}

/* Written so that it is canonical JSON itself: {"orgcode":...,"place":...,"targets":[...],"type":...}. An orgcode needs no
 * escapes. */
static enum ops_status hash_texts(enum ops_vacuum_type type, const char *orgcode, const json_t *place, char *const *texts,
                                  size_t count, char ret_hex[static OPS_SHA256_HEX_SIZE])
{
    struct ops_buf whole;
    ops_buf_init(&whole, HASHED_TEXT_MAX);
    ops_buf_append_format(&whole, orgcode ? "{\"orgcode\":\"%s\"" : "{\"orgcode\":null", orgcode);
    enum ops_status status = OPS_OK;
    ops_buf_append_text(&whole, ",\"place\":");
    if (place)
        status = ops_json_canonical(place, &whole);
    else
        ops_buf_append_text(&whole, "null");
    ops_buf_append_text(&whole, ",\"targets\":[");
    for (size_t i = 0; i < count; i++) {
        ops_buf_append_text(&whole, i ? "," : "");
        ops_buf_append_text(&whole, texts[i]);
    }
    ops_buf_append_format(&whole, "],\"type\":\"%s\"}", ops_vacuum_type_name(type));
    if (status == OPS_OK)
        status = ops_buf_status(&whole);
    if (status == OPS_OK)
        status = ops_sha256_hex(ops_buf_view(&whole), ret_hex);
    ops_buf_release(&whole);
    return status;
}

enum ops_status ops_plan_sha256(enum ops_vacuum_type type, const char *orgcode, const json_t *place, const json_t *targets,
                                char ret_hex[static OPS_SHA256_HEX_SIZE])
{
    if (orgcode && !ops_orgcode_valid(ops_view_of(orgcode)))
        return OPS_INVALID_FIELD;
    size_t count = 0;
    char **texts = ops_mem_zeroed(json_array_size(targets), sizeof *texts);
    if (!texts)
        return OPS_NO_MEMORY;
    enum ops_status status = hashed_texts(targets, texts, &count);
    if (status == OPS_OK)
        status = hash_texts(type, orgcode, place, texts, count, ret_hex);
    for (size_t i = 0; i < count; i++)
        ops_mem_free(texts[i]);
    ops_mem_free(texts);
    return status;
}
