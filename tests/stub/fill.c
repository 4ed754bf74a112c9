#include "stub/fill.h"

#include "stub/bucket.h"
#include "stub/log_group.h"
#include "stub/numbers.h"
#include "stub/table.h"

#include <stdio.h>

static bool fail(struct ops_buf *problem, const char *name, const char *what)
{
    ops_buf_append_format(problem, "%s: %s", name, what);
    return false;
}

static size_t count_of(const json_t *description, const char *name, size_t fallback)
{
    json_int_t count = json_integer_value(json_object_get(description, name));
    return json_object_get(description, name) && count >= 0 ? (size_t)count : fallback;
}

/* Whether all members are among those words, which are separated by blanks. */
static bool knows_all(const json_t *description, const char *words, const char *name, struct ops_buf *problem)
{
    const char *member;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)description, member, value) { /* the macro takes no const */
        char wanted[64];
        (void)snprintf(wanted, sizeof wanted, " %s ", member);
        if (!strstr(words, wanted))
            return fail(problem, name, member);
    }
    return json_is_object(description) || fail(problem, name, "is no object");
}

/* ---- Tables ---- */

static bool read_shape(const char *name, const json_t *description, struct stub_table_shape *ret_shape)
{
    const json_t *key = json_object_get(description, "key"), *types = json_object_get(description, "key_types");
    *ret_shape = (struct stub_table_shape){ops_view_of(name), 2, {ops_view_of("pk"), ops_view_of("sk")}, {'S', 'S'}};
    if (key)
        ret_shape->key_count = json_array_size(key);
    if (ret_shape->key_count < 1 || ret_shape->key_count > 2)
        return false;
    for (size_t i = 0; i < ret_shape->key_count; i++) {
        const char *type = json_string_value(json_array_get(types, i));
        if (key)
            ret_shape->key_names[i] = stub_json_view(json_array_get(key, i));
        if (type)
            ret_shape->key_types[i] = type[0];
        if (!ret_shape->key_names[i].length)
            return false;
    }
    return true;
}

static bool read_numbers(const json_t *description, const struct stub_table_shape *shape, struct stub_numbers *ret_numbers)
{
    bool org_is_key = json_is_true(json_object_get(description, "org_is_key"));
    size_t orgs = count_of(description, "orgs", 1), rows = count_of(description, "rows_per_key", 1);
    *ret_numbers = (struct stub_numbers){
        .item_count = count_of(description, "items", 0),
        .org_count = (uint32_t)orgs,
        .rows_per_key = (uint32_t)rows,
        .org_is_key = org_is_key,
        .body_bytes = count_of(description, "body_bytes", 100),
    };
    if (orgs < 1 || orgs > STUB_ORGS_MAX || rows < 1 || rows > STUB_ORGS_MAX || shape->key_types[0] != 'S')
        return false;
    return shape->key_count == 2 ? !org_is_key || rows == 1 : !org_is_key && rows == 1;
}

static bool add_rows(struct stub_table *table, const json_t *rows)
{
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) {
        struct stub_key key;
        if (!stub_table_key_of(table, row, &key))
            return false;
        table->ops->put(table, &key, json_incref(row));
    }
    return true;
}

static void add_indexes(struct stub_table *table, json_t *indexes)
{
    const char *name;
    json_t *attribute;
    json_object_foreach(indexes, name, attribute) {
        if (table->index_count < STUB_INDEXES_MAX)
            table->indexes[table->index_count++] =
                (struct stub_index){stub_copy(ops_view_of(name)), stub_copy(stub_json_view(attribute))};
    }
}

static bool fill_table(struct stub_world *world, const char *name, const json_t *description, struct ops_buf *problem)
{
    const json_t *rows = json_object_get(description, "rows");
    struct stub_table_shape shape;
    struct stub_numbers numbers;
    if (!knows_all(description, " items rows key key_types orgs rows_per_key org_is_key body_bytes indexes ", name, problem))
        return false;
    if (!read_shape(name, description, &shape) || (!rows && !read_numbers(description, &shape, &numbers)))
        return fail(problem, name, "no table can be like that");
    struct stub_table *table = rows ? stub_real_table_new(&shape) : stub_numbered_table_new(&shape, &numbers);
    add_indexes(table, json_object_get(description, "indexes"));
    struct stub_table *old = stub_map_get(&world->tables, shape.name);
    if (old)
        stub_table_release(old);
    stub_map_set(&world->tables, shape.name, table);
    return add_rows(table, rows) || fail(problem, name, "a row has not the key");
}

/* ---- Buckets ---- */

static bool read_versioning(const json_t *description, enum stub_versioning *ret_versioning)
{
    static const char *const words[] = {"", "Enabled", "Suspended"};
    struct ops_view word = stub_json_view(json_object_get(description, "versioning"));
    for (int i = 0; i < 3; i++)
        if (ops_view_equal(word, ops_view_of(words[i]))) {
            *ret_versioning = (enum stub_versioning)i;
            return true;
        }
    return false;
}

static bool fill_bucket(struct stub_world *world, const char *name, const json_t *description, struct ops_buf *problem)
{
    size_t versions = count_of(description, "versions", 1), orgs = count_of(description, "orgs", 1);
    const json_t *keys = json_object_get(description, "keys");
    enum stub_versioning versioning;
    if (!knows_all(
            description,
            " objects keys versions versioning orgs uploads delete_marker_every delete_markers_last object_lock_days ", name,
            problem))
        return false;
    if (!read_versioning(description, &versioning) || versions < 1 || versions > STUB_ORGS_MAX || orgs < 1 ||
        orgs > STUB_ORGS_MAX)
        return fail(problem, name, "no bucket can be like that");
    struct stub_bucket *bucket = stub_bucket_new(ops_view_of(name), versioning, versions);
    if (keys)
        stub_keys_init_list(&bucket->keys, keys);
    else
        stub_keys_init(&bucket->keys, count_of(description, "objects", 0), orgs, "object-");
    stub_keys_init(&bucket->uploads, count_of(description, "uploads", 0), orgs, "upload-");
    stub_bucket_ready(bucket, count_of(description, "delete_marker_every", 0));
    bucket->lock_days = count_of(description, "object_lock_days", 0);
    bucket->markers_last = json_is_true(json_object_get(description, "delete_markers_last"));
    struct stub_bucket *old = stub_map_get(&world->buckets, ops_view_of(name));
    if (old)
        stub_bucket_release(old);
    stub_map_set(&world->buckets, ops_view_of(name), bucket);
    return true;
}

/* ---- Log groups ---- */

static bool fill_log_group(struct stub_world *world, const char *name, const json_t *description, struct ops_buf *problem)
{
    if (!knows_all(description, " streams retention_days ", name, problem))
        return false;
    struct stub_log_group *group = stub_log_group_new(ops_view_of(name), stub_now_ms());
    group->retention_days = json_integer_value(json_object_get(description, "retention_days"));
    size_t count = count_of(description, "streams", 0);
    for (size_t i = 0; i < count; i++) {
        char stream[32];
        int length = snprintf(stream, sizeof stream, "stream-%010zu", i);
        stub_log_group_add(group, ops_view(stream, (size_t)length));
    }
    struct stub_log_group *old = stub_map_get(&world->log_groups, ops_view_of(name));
    if (old)
        stub_log_group_release(old);
    stub_map_set(&world->log_groups, ops_view_of(name), group);
    return true;
}

bool stub_fill(struct stub_world *world, const json_t *description, struct ops_buf *ret_problem)
{
    static const struct {
        const char *name;
        bool (*fill)(struct stub_world *world, const char *name, const json_t *description, struct ops_buf *problem);
    } kinds[] = {{"tables", fill_table}, {"buckets", fill_bucket}, {"log_groups", fill_log_group}};
    const char *name;
    json_t *one;
    if (!knows_all(description, " tables buckets log_groups ", "fill", ret_problem))
        return false;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        json_object_foreach(json_object_get(description, kinds[i].name), name, one) {
            if (!kinds[i].fill(world, name, one, ret_problem))
                return false;
        }
    }
    return true;
}
