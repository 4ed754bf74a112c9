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
    ops_buf_init(&place->key, OPS_S3_KEY_MAX_BYTES);
    ops_buf_init(&place->id, OPS_S3_ID_MAX_BYTES);
}

void ops_s3_place_release(struct ops_s3_place *place)
{
    ops_buf_release(&place->key);
    ops_buf_release(&place->id);
}

static enum ops_status place_status(const struct ops_s3_place *place)
{
    enum ops_status status = ops_buf_status(&place->key);
    return status == OPS_OK ? ops_buf_status(&place->id) : status;
}

enum ops_status ops_s3_place_set(struct ops_s3_place *place, enum ops_s3_list list, struct ops_view key, struct ops_view id)
{
    place->list = list;
    ops_buf_clear(&place->key);
    ops_buf_clear(&place->id);
    ops_buf_append_view(&place->key, key);
    ops_buf_append_view(&place->id, id);
    return place_status(place);
}

void ops_s3_place_append(struct ops_buf *buf, const struct ops_s3_place *place)
{
    ops_buf_append_format(buf, "\"list\":\"%s\",\"key\":\"", list_names[place->list]);
    ops_aws_percent_append(buf, ops_buf_view(&place->key), true);
    ops_buf_append_text(buf, "\",\"id\":\"");
    ops_aws_percent_append(buf, ops_buf_view(&place->id), true);
    ops_buf_append_char(buf, '"');
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

enum ops_status ops_s3_place_read(struct ops_s3_place *place, const json_t *object)
{
    const char *name = ops_json_text(object, "list", "");
    int list = 0;
    while (list < OPS_S3_LIST_COUNT && strcmp(name, list_names[list]) != 0)
        list++;
    if (list == OPS_S3_LIST_COUNT)
        return OPS_CORRUPT;
    struct ops_buf text;
    ops_buf_init(&text, 3 * OPS_S3_KEY_MAX_BYTES);
    enum ops_status status = ops_s3_bytes_read(&text, json_object_get(object, "key"));
    ops_buf_clear(&place->key);
    ops_buf_append_view(&place->key, ops_buf_view(&text));
    if (status == OPS_OK)
        status = ops_s3_bytes_read(&text, json_object_get(object, "id"));
    ops_buf_clear(&place->id);
    ops_buf_append_view(&place->id, ops_buf_view(&text));
    place->list = (enum ops_s3_list)list;
    ops_buf_release(&text);
    if (status == OPS_OK)
        status = place_status(place);
    return status == OPS_LIMIT ? OPS_CORRUPT : status;
}
