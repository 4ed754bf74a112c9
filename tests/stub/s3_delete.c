/* DeleteObjects and DeleteObject. */
#include "stub/s3.h"

#include <openssl/evp.h>
#include <stdlib.h>

enum { KEYS_MAX = 1000 };

/* ---- What happened to one object ---- */

static void append_deleted(struct ops_buf *body, const struct stub_bucket *bucket, enum stub_deletion deletion,
                           struct ops_view key, struct ops_view version_id)
{
    ops_buf_append_text(body, "<Deleted>");
    stub_append_element(body, "Key", key);
    if (version_id.length)
        stub_append_element(body, "VersionId", version_id);
    if (deletion == STUB_DELETED_MARKER || deletion == STUB_MADE_MARKER)
        ops_buf_append_text(body, "<DeleteMarker>true</DeleteMarker>");
    size_t number;
    char id[STUB_VERSION_SIZE];
    if (deletion == STUB_DELETED_MARKER)
        stub_append_element(body, "DeleteMarkerVersionId", version_id);
    else if (deletion == STUB_MADE_MARKER && stub_keys_find(&bucket->keys, key, &number)) {
        stub_bucket_version_id(bucket, number, STUB_MARKER, id);
        stub_append_element(body, "DeleteMarkerVersionId", ops_view_of(id));
    }
    ops_buf_append_text(body, "</Deleted>");
}

static void append_error(struct ops_buf *body, struct ops_view key, struct ops_view version_id, const char *code,
                         const char *message)
{
    ops_buf_append_text(body, "<Error>");
    stub_append_element(body, "Key", key);
    if (version_id.length)
        stub_append_element(body, "VersionId", version_id);
    stub_append_element(body, "Code", ops_view_of(code));
    stub_append_element(body, "Message", ops_view_of(message));
    ops_buf_append_text(body, "</Error>");
}

/* ---- The list in the body ---- */

struct object {
    struct ops_view key;        /* as in the body, with entities */
    struct ops_view version_id; /* likewise; empty: none */
};

struct list {
    const char *at;
    const char *end;
    struct object objects[KEYS_MAX];
    size_t count;
    bool quiet;
};

/* The next tag, without its brackets, and the text before it. Declarations and comments are passed over. */
static bool next_tag(struct list *list, struct ops_view *ret_text, struct ops_view *ret_tag)
{
    do {
        const char *open = memchr(list->at, '<', (size_t)(list->end - list->at));
        const char *close = open ? memchr(open, '>', (size_t)(list->end - open)) : NULL;
        if (!close)
            return false;
        *ret_text = ops_view(list->at, (size_t)(open - list->at));
        *ret_tag = ops_view(open + 1, (size_t)(close - open - 1));
        list->at = close + 1;
    } while (ret_tag->length && (ret_tag->data[0] == '?' || ret_tag->data[0] == '!'));
    return ret_tag->length > 0;
}

/* The text of the element that was opened with tag. */
static bool element_text(struct list *list, struct ops_view tag, struct ops_view *ret_text)
{
    struct ops_view close;
    return next_tag(list, ret_text, &close) && close.length == tag.length + 1 && close.data[0] == '/' &&
           memcmp(close.data + 1, tag.data, tag.length) == 0;
}

static bool read_object(struct list *list)
{
    if (list->count == KEYS_MAX)
        return false;
    struct object *object = &list->objects[list->count++];
    *object = (struct object){.key = {NULL, 0}};
    struct ops_view text, tag;
    while (next_tag(list, &text, &tag)) {
        if (ops_view_is(tag, "/Object"))
            return object->key.length > 0;
        if (!element_text(list, tag, &text))
            return false;
        if (ops_view_is(tag, "Key"))
            object->key = text;
        else if (ops_view_is(tag, "VersionId"))
            object->version_id = text;
    }
    return false;
}

static bool read_list(struct list *list)
{
    struct ops_view text, tag;
    if (!next_tag(list, &text, &tag) || !ops_view_starts_with(tag, ops_view_of("Delete")))
        return false;
    while (next_tag(list, &text, &tag)) {
        if (ops_view_is(tag, "/Delete"))
            return list->count > 0;
        if (ops_view_is(tag, "Object")) {
            if (!read_object(list))
                return false;
        } else if (ops_view_is(tag, "Quiet") && element_text(list, tag, &text)) {
            list->quiet = ops_view_is(text, "true");
        } else {
            return false;
        }
    }
    return false;
}

static void append_code_point(struct ops_buf *buf, unsigned long c)
{
    if (c < 0x80) {
        ops_buf_append_char(buf, (char)c);
    } else if (c < 0x800) {
        ops_buf_append_char(buf, (char)(0xc0 | c >> 6));
        ops_buf_append_char(buf, (char)(0x80 | (c & 0x3f)));
    } else {
        if (c < 0x10000) {
            ops_buf_append_char(buf, (char)(0xe0 | c >> 12));
        } else {
            ops_buf_append_char(buf, (char)(0xf0 | (c >> 18 & 7)));
            ops_buf_append_char(buf, (char)(0x80 | (c >> 12 & 0x3f)));
        }
        ops_buf_append_char(buf, (char)(0x80 | (c >> 6 & 0x3f)));
        ops_buf_append_char(buf, (char)(0x80 | (c & 0x3f)));
    }
}

static bool append_entity(struct ops_buf *buf, struct ops_view name)
{
    static const struct {
        const char *name;
        char character;
    } entities[] = {{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}};
    if (name.length > 1 && name.data[0] == '#') {
        bool is_hex = name.data[1] == 'x';
        append_code_point(buf, strtoul(name.data + (is_hex ? 2 : 1), NULL, is_hex ? 16 : 10)); /* ends at the semicolon */
        return true;
    }
    for (size_t i = 0; i < sizeof entities / sizeof entities[0]; i++)
        if (ops_view_is(name, entities[i].name)) {
            ops_buf_append_char(buf, entities[i].character);
            return true;
        }
    return false;
}

/* What a text with entities means; in room when it has any. */
static bool plain_text(struct ops_view text, struct ops_buf *room, struct ops_view *ret_plain)
{
    *ret_plain = text;
    if (!text.length || !memchr(text.data, '&', text.length))
        return true;
    ops_buf_clear(room);
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] != '&') {
            ops_buf_append_char(room, text.data[i]);
            continue;
        }
        const char *end = memchr(text.data + i, ';', text.length - i);
        size_t length = end ? (size_t)(end - text.data) - i : 0;
        if (!end || !append_entity(room, ops_view(text.data + i + 1, length - 1)))
            return false;
        i += length;
    }
    *ret_plain = ops_buf_view(room);
    return true;
}

/* ---- Checksums ---- */

/* Whether a header, when it is there, holds the body's digest in base 64. */
static bool digest_fits(const struct stub_call *call, const char *header, const EVP_MD *algorithm, bool *found)
{
    struct ops_view expected = stub_request_header(call->request, header);
    unsigned char digest[EVP_MAX_MD_SIZE], text[2 * EVP_MAX_MD_SIZE];
    unsigned length = 0;
    if (!expected.length)
        return true;
    *found = true;
    if (EVP_Digest(call->request->body.data, call->request->body.length, digest, &length, algorithm, NULL) != 1)
        stub_give_up("no digest");
    (void)EVP_EncodeBlock(text, digest, (int)length);
    return ops_view_is(expected, (const char *)text);
}

/* DeleteObjects must come with a digest (API Reference, "DeleteObjects", Content-MD5). Those that the stub can't compute, it
 * believes. */
static bool check_digest(struct stub_call *call)
{
    static const char *const believed[] = {"x-amz-checksum-crc32", "x-amz-checksum-crc32c", "x-amz-checksum-crc64nvme"};
    bool found = false;
    if (!digest_fits(call, "content-md5", EVP_md5(), &found) ||
        !digest_fits(call, "x-amz-checksum-sha256", EVP_sha256(), &found) ||
        !digest_fits(call, "x-amz-checksum-sha1", EVP_sha1(), &found)) {
        stub_refuse(call, 400, "BadDigest", "The digest you specified did not match what we received.");
        return false;
    }
    for (size_t i = 0; i < sizeof believed / sizeof believed[0]; i++)
        found = found || stub_request_header(call->request, believed[i]).length;
    if (!found)
        stub_refuse(call, 400, "InvalidRequest",
                    "Missing required header for this request: Content-MD5 OR x-amz-checksum-*");
    return found;
}

/* ---- The operations ---- */

static void delete_one(struct stub_call *call, struct stub_bucket *bucket, const struct list *list, struct ops_view key,
                       struct ops_view version_id)
{
    struct ops_buf *body = &call->answer->body;
    enum stub_deletion deletion = stub_bucket_delete(bucket, key, version_id);
    if (deletion == STUB_NO_SUCH_VERSION)
        append_error(body, key, version_id, "NoSuchVersion", "The specified version does not exist.");
    else if (!list->quiet)
        append_deleted(body, bucket, deletion, key, version_id);
}

static bool carry_out(struct stub_call *call, struct stub_bucket *bucket, const struct list *list)
{
    struct stub_hit hit = stub_rule_hit(call->rule, STUB_FAULT_KEY_ERRORS, list->count);
    struct ops_buf key_room, id_room;
    stub_buf_init(&key_room);
    stub_buf_init(&id_room);
    bool fine = true;
    for (size_t i = 0; fine && i < list->count; i++) {
        struct ops_view key, version_id;
        fine = plain_text(list->objects[i].key, &key_room, &key) &&
               plain_text(list->objects[i].version_id, &id_room, &version_id);
        if (fine && stub_hit_is(&hit, i))
            append_error(&call->answer->body, key, version_id, call->rule->code[0] ? call->rule->code : "InternalError",
                         "We encountered an internal error. Please try again.");
        else if (fine)
            delete_one(call, bucket, list, key, version_id);
    }
    ops_buf_release(&key_room);
    ops_buf_release(&id_room);
    return fine;
}

void stub_s3_delete_objects(struct stub_call *call)
{
    struct stub_bucket *bucket = stub_bucket_of_call(call);
    struct ops_view body = call->request->body;
    struct list list;
    list.at = body.data;
    list.end = body.data + body.length;
    list.count = 0;
    list.quiet = false;
    if (!bucket || !check_digest(call))
        return;
    bool fine = read_list(&list);
    if (fine) {
        stub_s3_begin(call, "DeleteResult");
        fine = carry_out(call, bucket, &list);
        ops_buf_append_text(&call->answer->body, "</DeleteResult>");
    }
    if (!fine)
        stub_refuse(call, 400, "MalformedXML",
                    "The XML you provided was not well-formed or did not validate against our published schema");
}

void stub_s3_delete_object(struct stub_call *call)
{
    struct stub_bucket *bucket = stub_bucket_of_call(call);
    struct ops_buf id;
    if (!bucket)
        return;
    stub_buf_init(&id);
    (void)stub_request_parameter(call->request, "versionId", &id); /* empty when it is not there */
    enum stub_deletion deletion = stub_bucket_delete(bucket, ops_buf_view(&call->key), ops_buf_view(&id));
    call->answer->status = 204;
    if (deletion == STUB_NO_SUCH_VERSION)
        stub_refuse(call, 400, "InvalidArgument", "Invalid version id specified");
    else if (deletion != STUB_DELETED)
        ops_buf_append_text(&call->answer->headers, "x-amz-delete-marker: true\r\n");
    ops_buf_release(&id);
}
