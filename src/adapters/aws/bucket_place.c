#include "adapters/aws/bucket_place.h"

#include "adapters/aws/percent.h"
#include "base/json.h"

static const char *const list_names[OPS_S3_LIST_COUNT] = {
    [OPS_S3_OBJECTS] = "objects",
    [OPS_S3_VERSIONS] = "versions",
    [OPS_S3_UPLOADS] = "uploads",
};

void ops_s3_place_init(struct ops_s3_place *place)
{
    place->list = OPS_S3_OBJECTS;
    place->is_within = false;
    ops_buf_init(&place->key, OPS_S3_KEY_MAX_BYTES);
    ops_buf_init(&place->id, OPS_S3_ID_MAX_BYTES);
    ops_buf_init(&place->marker, OPS_S3_MARKER_MAX_BYTES);
}

void ops_s3_place_release(struct ops_s3_place *place)
{
    ops_buf_release(&place->key);
    ops_buf_release(&place->id);
    ops_buf_release(&place->marker);
}

static enum ops_status place_status(const struct ops_s3_place *place)
{
    enum ops_status status = ops_buf_status(&place->key);
    if (status == OPS_OK)
        status = ops_buf_status(&place->id);
    return status == OPS_OK ? ops_buf_status(&place->marker) : status;
}

static enum ops_status set_text(struct ops_buf *buf, struct ops_view text)
{
    ops_buf_clear(buf);
    ops_buf_append_view(buf, text);
    return ops_buf_status(buf);
}

enum ops_status ops_s3_place_behind(struct ops_s3_place *place, enum ops_s3_list list, struct ops_view key)
{
    place->list = list;
    place->is_within = false;
    ops_buf_clear(&place->id);
    ops_buf_clear(&place->marker);
    return set_text(&place->key, key);
}

enum ops_status ops_s3_place_go_on(struct ops_s3_place *place, struct ops_view marker, struct ops_view id)
{
    bool is_key = ops_view_equal(marker, ops_buf_view(&place->key));
    enum ops_status status = set_text(&place->marker, is_key ? ops_view("", 0) : marker);
    return status == OPS_OK ? set_text(&place->id, id) : status;
}

enum ops_status ops_s3_place_named(struct ops_s3_place *place, enum ops_s3_list list, struct ops_view key, bool is_within,
                                   struct ops_view marker, struct ops_view id)
{
    enum ops_status status = ops_s3_place_behind(place, list, key);
    place->is_within = is_within;
    return status == OPS_OK ? ops_s3_place_go_on(place, marker, id) : status;
}

enum ops_status ops_s3_place_copy(struct ops_s3_place *place, const struct ops_s3_place *from)
{
    struct ops_view marker = from->marker.length > 0 ? ops_buf_view(&from->marker) : ops_buf_view(&from->key);
    return ops_s3_place_named(place, from->list, ops_buf_view(&from->key), from->is_within, marker, ops_buf_view(&from->id));
}

static void append_member(struct ops_buf *buf, const char *name, const struct ops_buf *bytes)
{
    ops_buf_append_format(buf, ",\"%s\":\"", name);
    ops_aws_percent_append(buf, ops_buf_view(bytes), true);
    ops_buf_append_char(buf, '"');
}

void ops_s3_place_append(struct ops_buf *buf, const struct ops_s3_place *place)
{
    bool is_named = place->id.length > 0 || place->marker.length > 0;
    ops_buf_append_format(buf, "\"list\":\"%s\"", list_names[place->list]);
    append_member(buf, "key", &place->key);
    append_member(buf, "id", &place->id);
    if (place->marker.length > 0)
        append_member(buf, "marker", &place->marker);
    if (is_named && !place->is_within)
        ops_buf_append_text(buf, ",\"behind\":true");
}

enum ops_status ops_s3_bytes_read(struct ops_buf *buf, const json_t *text)
{
    size_t length = 0;
    if (!json_is_string(text))
        return OPS_CORRUPT;
    ops_buf_clear(buf);
    ops_buf_append_text(buf, json_string_value(text));
    if (ops_buf_status(buf) != OPS_OK)
        return ops_buf_status(buf);
    if (!ops_aws_percent_decode(buf->data, buf->length, false, &length))
        return OPS_CORRUPT;
    buf->length = length;
    buf->data[length] = '\0';
    return OPS_OK;
}

/* One member's bytes into buf, by way of text. */
static enum ops_status read_member(const json_t *object, const char *name, struct ops_buf *text, struct ops_buf *buf)
{
    enum ops_status status = ops_s3_bytes_read(text, json_object_get(object, name));
    return status == OPS_OK ? set_text(buf, ops_buf_view(text)) : status;
}

enum ops_status ops_s3_place_read(struct ops_s3_place *place, const json_t *object)
{
    const char *name = ops_json_text(object, "list", "");
    int list = 0;
    while (list < OPS_S3_LIST_COUNT && strcmp(name, list_names[list]) != 0)
        list++;
    if (list == OPS_S3_LIST_COUNT)
        return OPS_CORRUPT;
    struct ops_buf text;
    ops_buf_init(&text, 3 * OPS_S3_MARKER_MAX_BYTES);
    ops_buf_clear(&place->marker);
    enum ops_status status = read_member(object, "key", &text, &place->key);
    if (status == OPS_OK)
        status = read_member(object, "id", &text, &place->id);
    if (status == OPS_OK && json_object_get(object, "marker"))
        status = read_member(object, "marker", &text, &place->marker);
    place->list = (enum ops_s3_list)list;
    place->is_within = (place->id.length > 0 || place->marker.length > 0) && !ops_json_flag(object, "behind", false);
    ops_buf_release(&text);
    if (status == OPS_OK)
        status = place_status(place);
    return status == OPS_LIMIT ? OPS_CORRUPT : status;
}
