/* Servers of S3's protocol that list in other ways than S3: each record is still seen once, a page is recounted truly, and
 * a listing from which that can't be had is refused.
 */
#include "adapters/aws/bucket.h"
#include "adapters/aws/catalogue.h"
#include "adapters/sys/clock.h"
#include "contract/target_suite.h"
#include "support/aws_rig.h"
#include "support/cmocka_all.h"
#include "support/fake_s3.h"

#include <stdio.h>
#include <stdlib.h>

enum { STORAGE_LIMIT_BYTES = 1024 * 1024, SEEN_MAX = 4096, ID_SIZE = 128, SHAPES = 150 };

/* ---- The servers ---- */

struct server {
    const char *name;
    bool markers_last;
    bool adds_to_keys;
    bool begins_again;
    bool begins_with_it;
};

static const struct server servers[] = {
    {"delete markers behind the versions of a listing", true, false, false, false},
    {"markers that are no keys, and a place that is lost with its version", false, true, true, false},
    {"the key itself behind a key", false, false, false, true},
    {"all of that", true, true, true, true},
};
enum { SERVER_COUNT = sizeof servers / sizeof servers[0] };

static const struct server *server = &servers[0];
static enum fake_s3_versioning versioning = FAKE_S3_ENABLED;
static struct fake_s3 s3;
static struct aws_rig rig;
static struct ops_catalogue *stack;
static struct ops_target *target;
static struct ops_key_page page;
static struct ops_error error;

static const struct ops_target_spec things = {.kind = OPS_BUCKET, .name = "things"};
static const struct ops_scope everything = {.by = OPS_SCOPE_ALL};

static void begin(void)
{
    const struct aws_rig_options options = {.http = &s3.base};
    fake_s3_init(&s3, "things", versioning);
    s3.markers_last = server->markers_last;
    s3.adds_to_keys = server->adds_to_keys;
    s3.begins_again = server->begins_again;
    s3.begins_with_it = server->begins_with_it;
    assert_true(aws_rig_open_with(&rig, &options));
    assert_int_equal(ops_aws_catalogue_new(rig.client, ops_system_clock(), &stack), OPS_OK);
}

static void end(void)
{
    ops_target_close(target);
    target = NULL;
    ops_catalogue_release(stack);
    aws_rig_close(&rig);
    fake_s3_release(&s3);
}

static int setup(void **state)
{
    (void)state;
    begin();
    ops_key_page_init(&page, STORAGE_LIMIT_BYTES);
    ops_error_init(&error);
    return 0;
}

static int setup_unversioned(void **state)
{
    versioning = FAKE_S3_UNVERSIONED;
    setup(state);
    versioning = FAKE_S3_ENABLED;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ops_key_page_release(&page);
    ops_error_release(&error);
    end();
    return 0;
}

static struct ops_catalogue *catalogue(void)
{
    return stack;
}

static void put(const char *key, const char *orgcode)
{
    (void)orgcode;
    fake_s3_put(&s3, key);
}

static bool exists(const char *key)
{
    return fake_s3_has(&s3, key);
}

static void open_split(struct ops_scope scope, const char *split)
{
    const struct ops_target_spec spec = {.kind = OPS_BUCKET, .name = things.name, .split = split};
    ops_target_close(target);
    target = NULL;
    enum ops_status status = ops_catalogue_open(stack, &spec, &scope, &target, &error);
    if (status != OPS_OK)
        fail_msg("%s", ops_error_text(&error, status));
}

static void open_scope(struct ops_scope scope)
{
    open_split(scope, NULL);
}

/* Another process goes on with the same plan. */
static void open_again(void)
{
    char *split = strdup(target->split);
    open_split(everything, split);
    free(split);
}

/* ---- What was seen ---- */

static struct {
    char ids[SEEN_MAX][ID_SIZE];
    size_t count;
} seen;

static void note(const struct ops_key *key)
{
    assert_true(seen.count < SEEN_MAX && key->id.length < ID_SIZE);
    char *id = seen.ids[seen.count++];
    memset(id, 0, ID_SIZE);
    memcpy(id, key->id.data, key->id.length);
    for (size_t i = 0; i < key->id.length; i++)
        id[i] = id[i] ? id[i] : '|'; /* between key and version */
}

static int compare_ids(const void *a, const void *b)
{
    return memcmp(a, b, ID_SIZE);
}

/* How many of them are not the same as another. */
static size_t distinct(void)
{
    size_t count = 0;
    qsort(seen.ids, seen.count, ID_SIZE, compare_ids);
    for (size_t i = 0; i < seen.count; i++)
        count += i == 0 || memcmp(seen.ids[i - 1], seen.ids[i], ID_SIZE) != 0;
    return count;
}

static size_t recount(const char *receipt)
{
    struct ops_recount there = {0};
    enum ops_status status = ops_target_recount(target, 0, receipt, &there, &error);
    if (status != OPS_OK)
        fail_msg("%s", ops_error_text(&error, status));
    return there.count;
}

typedef void (*on_page_fn)(void *context);

static void walk_segment(uint32_t segment, size_t limit, on_page_fn on_page, void *context)
{
    char *cursor = strdup("");
    do {
        enum ops_status status = ops_target_page(target, segment, cursor, limit, &page, &error);
        if (status != OPS_OK)
            fail_msg("%s", ops_error_text(&error, status));
        assert_true(page.count <= limit);
        for (size_t i = 0; i < page.count; i++)
            note(&page.keys[i]);
        free(cursor);
        cursor = strdup(ops_buf_text(&page.cursor));
        if (on_page)
            on_page(context);
    } while (!page.last);
    free(cursor);
}

/* Reads the bucket in pages of limit and notes all that they have. */
static void walk(size_t limit, on_page_fn on_page, void *context)
{
    seen.count = 0;
    for (uint32_t i = 0; i < target->segment_count; i++)
        walk_segment(i, limit, on_page, context);
}

static void expect_all_once(size_t limit)
{
    walk(limit, NULL, NULL);
    assert_int_equal(seen.count, s3.count);
    assert_int_equal(distinct(), s3.count);
}

/* ---- The case that was found ---- */

static void a_key_of_1300_versions_and_a_marker_is_1301_things(void **state)
{
    (void)state;
    for (int i = 0; i < 1300; i++)
        fake_s3_put(&s3, "ACME/many");
    fake_s3_delete(&s3, "ACME/many");
    fake_s3_put(&s3, "BETA/z");
    for (size_t i = 0; i < SERVER_COUNT; i++) {
        s3.markers_last = servers[i].markers_last;
        s3.adds_to_keys = servers[i].adds_to_keys;
        s3.begins_with_it = servers[i].begins_with_it;
        open_scope((struct ops_scope){OPS_SCOPE_KEY_PREFIX, NULL, NULL, "ACME/"});
        walk(4000, NULL, NULL);
        assert_int_equal(seen.count, 1301);
        assert_int_equal(distinct(), 1301);
    }
}

static void only_one_key_is_read_to_its_end_among_those_that_begin_with_it(void **state)
{
    (void)state;
    for (int i = 0; i < 1300; i++)
        fake_s3_put(&s3, "a/b");
    for (int i = 0; i < 1300; i++)
        fake_s3_put(&s3, "a/bc");
    fake_s3_delete(&s3, "a/b");
    open_scope((struct ops_scope){OPS_SCOPE_KEY, NULL, NULL, "a/b"});
    walk(4000, NULL, NULL);
    assert_int_equal(distinct(), 1301);
    assert_int_equal(seen.count, 1301);
}

/* ---- Buckets of any shape ---- */

static unsigned random_state;

static unsigned below(unsigned bound)
{
    random_state = random_state * 1103515245u + 12345u;
    return (random_state >> 16) % bound;
}

/* Keys of which some begin others, with versions and delete markers in any order, and uploads. */
static void fill(unsigned seed)
{
    static const char *const keys[] = {"a", "a/", "a/b", "a/b/c", "ab", "b", "c ", "c+", "d"};
    random_state = seed;
    s3.listing_max = 1 + below(9);
    unsigned count = below(60);
    for (unsigned i = 0; i < count; i++) {
        const char *key = keys[below(sizeof keys / sizeof keys[0])];
        unsigned what = below(10);
        if (what < 6)
            fake_s3_put(&s3, key);
        else if (what < 9)
            fake_s3_delete(&s3, key);
        else
            fake_s3_begin_upload(&s3, key);
    }
}

static void fill_anew(unsigned seed)
{
    end();
    begin();
    fill(seed);
    open_scope(everything);
}

static void what_is_counted_is_each_record_once(void **state)
{
    (void)state;
    static const size_t limits[] = {1, 2, 5, 1000};
    for (unsigned seed = 0; seed < SHAPES; seed++) {
        server = &servers[seed % SERVER_COUNT];
        fill_anew(seed);
        for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
            expect_all_once(limits[i]);
    }
}

static void recount_page(void *context)
{
    (void)context;
    assert_int_equal(recount(ops_buf_text(&page.receipt)), page.count);
}

static void a_page_that_nobody_touched_is_recounted_in_full(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < SHAPES; seed++) {
        server = &servers[seed % SERVER_COUNT];
        fill_anew(seed);
        walk(1 + seed % 6, recount_page, NULL);
    }
}

/* Removes some of the page, as if a crash had cut it short, and asks a new target what is left. */
static void remove_some(void *context)
{
    size_t *removed = context, chosen = 0;
    struct ops_key keys[STORAGE_LIMIT_BYTES / 1024];
    enum ops_removal outcomes[STORAGE_LIMIT_BYTES / 1024];
    assert_true(page.count <= sizeof keys / sizeof keys[0]);
    for (size_t i = 0; i < page.count; i++)
        if (below(4) > 0)
            keys[chosen++] = page.keys[i];
    if (chosen > 0)
        assert_int_equal(ops_target_remove(target, keys, chosen, outcomes, &error), OPS_OK);
    for (size_t i = 0; i < chosen; i++)
        assert_int_equal(outcomes[i], OPS_REMOVED);
    *removed += chosen;
    open_again();
    assert_int_equal(recount(ops_buf_text(&page.receipt)), page.count - chosen);
}

static void a_page_that_was_cut_short_by_a_crash_is_recounted_truly(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < SHAPES; seed++) {
        size_t removed = 0;
        server = &servers[seed % SERVER_COUNT];
        fill_anew(seed);
        size_t before = s3.count;
        walk(1 + seed % 6, remove_some, &removed);
        assert_int_equal(before - s3.count, removed);
        assert_int_equal(distinct(), before);
        if (!server->begins_again)
            assert_int_equal(seen.count, before);
    }
}

/* ---- Listings from which it can't be had ---- */

static const char *versions_body;

static bool answer_versions(struct fake_s3 *self, enum fake_s3_operation operation, const struct ops_http_request *request,
                            struct ops_http_response *response, enum ops_status *ret_status)
{
    (void)self, (void)request;
    if (operation != FAKE_S3_LIST_VERSIONS && operation != FAKE_S3_LIST_OBJECTS)
        return false;
    return fake_s3_answer(response, 200, versions_body, ret_status);
}

/* The first status that is not OPS_OK, within so many pages. */
static enum ops_status read_until_refused(size_t pages)
{
    enum ops_status status = OPS_OK;
    char *cursor = strdup("");
    for (size_t i = 0; i < pages && status == OPS_OK; i++) {
        status = ops_target_page(target, 0, cursor, 1000, &page, &error);
        free(cursor);
        cursor = strdup(ops_buf_text(&page.cursor));
        if (status == OPS_OK && page.last)
            break;
    }
    free(cursor);
    return status;
}

struct misleading {
    const char *body;
    const char *says;
};

static void expect_refused(const struct misleading *cases, size_t count)
{
    open_scope(everything);
    s3.hook = answer_versions;
    for (size_t i = 0; i < count; i++) {
        versions_body = cases[i].body;
        enum ops_status status = read_until_refused(4);
        if (status != OPS_TARGET_ERROR || !strstr(error.text, cases[i].says) || !strstr(error.text, "things"))
            fail_msg("%s: %s: %s", cases[i].body, ops_status_tag(status), error.text);
        assert_int_equal(page.count, 0);
    }
}

#define VERSION(key, id) "<Version><Key>" key "</Key><VersionId>" id "</VersionId><Size>7</Size></Version>"
#define NEXT(key, id) "<NextKeyMarker>" key "</NextKeyMarker><NextVersionIdMarker>" id "</NextVersionIdMarker>"
#define VERSIONS(more) "<ListVersionsResult><IsTruncated>true</IsTruncated>" more "</ListVersionsResult>"

static void a_listing_of_versions_that_does_not_lead_on_is_refused_by_name(void **state)
{
    (void)state;
    static const struct misleading cases[] = {
        {VERSIONS(VERSION("k", "1") NEXT("k", "1")), "goes on where it began, at k"},
        {VERSIONS(NEXT("k", "1")), "goes on where it began, at k"},
        {VERSIONS(VERSION("k", "1")), "does not say where it goes on"},
        {VERSIONS(""), "does not say where it goes on"},
        {VERSIONS(VERSION("k", "1") NEXT("k", "")), "does not say where it goes on within k"},
        {VERSIONS(VERSION("k", "1") NEXT("j", "1")), "goes back to j"},
        {VERSIONS(VERSION("k", "1") VERSION("l", "1") NEXT("l", "1")), "goes back to k"},
    };
    expect_refused(cases, sizeof cases / sizeof cases[0]);
}

#define OBJECT(key) "<Contents><Key>" key "</Key><Size>7</Size></Contents>"
#define OBJECTS(more) "<ListBucketResult><IsTruncated>true</IsTruncated>" more "</ListBucketResult>"

static void a_listing_of_objects_that_does_not_lead_on_is_refused_by_name(void **state)
{
    (void)state;
    static const struct misleading cases[] = {
        {OBJECTS(OBJECT("k")), "leads nowhere"},
        {OBJECTS(""), "leads nowhere"},
        {OBJECTS("<NextContinuationToken>t</NextContinuationToken>"), "goes on where it began, at t"},
        {OBJECTS(OBJECT("k") OBJECT("l")), "goes back to k"},
        {OBJECTS(OBJECT("l") OBJECT("k")), "not in the order of its keys"},
    };
    expect_refused(cases, sizeof cases / sizeof cases[0]);
}

static void more_of_a_key_than_was_asked_for_is_refused(void **state)
{
    (void)state;
    open_scope(everything);
    s3.hook = answer_versions;
    versions_body = VERSIONS(VERSION("k", "1") VERSION("k", "2") VERSION("k", "3") NEXT("k", "3"));
    assert_int_equal(ops_target_page(target, 0, "", 2, &page, &error), OPS_TARGET_ERROR);
    assert_non_null(strstr(error.text, "more records than it was asked for"));
}

/* A bucket of nothing but what is not listed any more may give empty listings on the way. */
static bool answer_emptily_at_first(struct fake_s3 *self, enum fake_s3_operation operation,
                                    const struct ops_http_request *request, struct ops_http_response *response,
                                    enum ops_status *ret_status)
{
    (void)self;
    if (operation != FAKE_S3_LIST_OBJECTS)
        return false;
    const char *token = strstr(request->url, "continuation-token=step");
    int step = token ? token[strlen("continuation-token=step")] - '0' : 0;
    char body[256];
    (void)snprintf(body, sizeof body, OBJECTS("<NextContinuationToken>step%d</NextContinuationToken>"), step + 1);
    return fake_s3_answer(response, 200,
                          step < 7 ? body
                                   : "<ListBucketResult><IsTruncated>false</IsTruncated>" OBJECT("k") "</ListBucketResult>",
                          ret_status);
}

static void empty_listings_on_the_way_are_passed_over(void **state)
{
    (void)state;
    open_scope(everything);
    s3.hook = answer_emptily_at_first;
    walk(1000, NULL, NULL);
    assert_int_equal(seen.count, 1);
}

static int run_suite(const struct server *the_server)
{
    const struct target_rig suite = {
        .spec = things,
        .missing = {.kind = OPS_BUCKET, .name = "nothings"},
        .has_keys = true,
        .begin = begin,
        .end = end,
        .catalogue = catalogue,
        .put = put,
        .exists = exists,
        .lists_itself = true,
    };
    server = the_server;
    return target_suite_run(the_server->name, &suite);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(a_key_of_1300_versions_and_a_marker_is_1301_things),
        CASE(only_one_key_is_read_to_its_end_among_those_that_begin_with_it),
        CASE(what_is_counted_is_each_record_once),
        CASE(a_page_that_nobody_touched_is_recounted_in_full),
        CASE(a_page_that_was_cut_short_by_a_crash_is_recounted_truly),
        CASE(a_listing_of_versions_that_does_not_lead_on_is_refused_by_name),
        cmocka_unit_test_setup_teardown(a_listing_of_objects_that_does_not_lead_on_is_refused_by_name, setup_unversioned,
                                        teardown),
        CASE(more_of_a_key_than_was_asked_for_is_refused),
        cmocka_unit_test_setup_teardown(empty_listings_on_the_way_are_passed_over, setup_unversioned, teardown),
    };
#undef CASE
    int failed = 0;
    for (size_t i = 0; i < SERVER_COUNT; i++)
        failed += run_suite(&servers[i]);
    return failed + cmocka_run_group_tests_name("servers that list otherwise", tests, NULL, NULL);
}
