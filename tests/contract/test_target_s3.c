/* Buckets as vacuum targets, over emulators of S3: what they think of our requests, and whether it all goes in the end. */
#include "adapters/aws/bucket.h"
#include "adapters/aws/catalogue.h"
#include "adapters/aws/percent.h"
#include "adapters/curl/http_client.h"
#include "adapters/sys/clock.h"
#include "contract/target_suite.h"
#include "support/aws_rig.h"
#include "support/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { NAME_SIZE = 64, STORAGE_LIMIT_BYTES = 8 * 1024 * 1024, ANSWER_MAX_BYTES = 1024 * 1024 };

/* ---- An emulator ---- */

/* versitygw has no STS, and takes its root's access key for the account that owns the buckets. This client answers the
 * question for the account, and hands everything else on. */
struct front {
    struct ops_http_client base;
    struct ops_http_client *inner;
};

static enum ops_status front_exchange(struct ops_http_client *self, const struct ops_http_request *request,
                                      struct ops_http_response *response, struct ops_error *error)
{
    if (strncmp(request->url, "http://sts.test", strlen("http://sts.test")) != 0)
        return ops_http_exchange(((struct front *)self)->inner, request, response, error);
    response->status = 200;
    ops_buf_append_format(&response->body, "<GetCallerIdentityResponse><Account>%s</Account></GetCallerIdentityResponse>",
                          getenv("AWS_ACCESS_KEY_ID"));
    return ops_buf_status(&response->body);
}

static void front_release(struct ops_http_client *self)
{
    (void)self;
}

static const struct ops_http_client_ops front_ops = {.exchange = front_exchange, .release = front_release};

static struct front front = {.base = {&front_ops}};
static struct aws_rig rig;
static struct ops_aws_stack stack;
static bool is_versioned;
static bool takes_any_key; /* also those that are no path, or that XML can't hold */
static size_t page_limit;
static char bucket[NAME_SIZE];
static char missing[NAME_SIZE];

/* The account's buckets, and neither its tables nor its log groups, which not every emulator has. */
static enum ops_status list_buckets(struct ops_catalogue *self, enum ops_target_kind kind, ops_on_resource_fn on_resource,
                                    void *context, struct ops_error *error)
{
    (void)self;
    (void)kind;
    return ops_aws_buckets_list(&stack, on_resource, context, error);
}

static enum ops_status open_bucket(struct ops_catalogue *self, const struct ops_target_spec *spec,
                                   const struct ops_scope *scope, struct ops_target **ret_target, struct ops_error *error)
{
    (void)self;
    return ops_aws_bucket_open(&stack, spec, scope, ret_target, error);
}

static const struct ops_catalogue_ops buckets_ops = {.list = list_buckets, .open = open_bucket};
static struct ops_catalogue buckets = {&buckets_ops};

static struct ops_catalogue *catalogue(void)
{
    return &buckets;
}

/* ---- What a test does besides ---- */

struct outside {
    struct ops_aws_call call;
    struct ops_buf path;
};

/* A call about an object, or the bucket itself where key is "". True: it went well. The call is to be released. */
static bool call_s3(struct outside *outside, const char *method, const char *key, const char *query, const char *body)
{
    struct ops_aws_call *call = &outside->call;
    ops_aws_call_init(call, OPS_AWS_S3, ANSWER_MAX_BYTES);
    ops_buf_init(&outside->path, ANSWER_MAX_BYTES);
    ops_buf_append_char(&outside->path, '/');
    ops_aws_percent_append(&outside->path, ops_view_of(key), true);
    call->method = method;
    call->bucket = bucket;
    call->path = key[0] ? ops_buf_text(&outside->path) : "";
    call->query = query;
    call->body = ops_view_of(body);
    ops_aws_call_send(rig.client, call);
    return call->status == OPS_OK;
}

static void release_call(struct outside *outside)
{
    ops_aws_call_release(&outside->call);
    ops_buf_release(&outside->path);
}

static bool do_s3(const char *method, const char *key, const char *query, const char *body)
{
    struct outside outside;
    bool went_well = call_s3(&outside, method, key, query, body);
    release_call(&outside);
    return went_well;
}

static void must_s3(const char *method, const char *key, const char *query, const char *body)
{
    struct outside outside;
    if (!call_s3(&outside, method, key, query, body))
        fail_msg("%s", ops_error_text(&outside.call.error, outside.call.status));
    release_call(&outside);
}

static void put(const char *key, const char *orgcode)
{
    (void)orgcode;
    must_s3("PUT", key, "", "7 bytes");
}

static bool exists(const char *key)
{
    return do_s3("GET", key, "", NULL);
}

/* A new bucket for each case: none has to be emptied in a way that is not under test. */
static void begin(void)
{
    static unsigned turn;
    turn++;
    (void)snprintf(bucket, sizeof bucket, "things-%d-%u", (int)getpid(), turn);
    (void)snprintf(missing, sizeof missing, "nothings-%d-%u", (int)getpid(), turn);
    must_s3("PUT", "", "",
            "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
            "<LocationConstraint>eu-central-1</LocationConstraint></CreateBucketConfiguration>");
    if (is_versioned)
        must_s3("PUT", "", "versioning=",
                "<VersioningConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Status>Enabled</Status>"
                "</VersioningConfiguration>");
}

static void end(void)
{
}

/* ---- Cases of S3's own ---- */

static struct ops_target *target;
static struct ops_key_page page;
static enum ops_removal outcomes[OPS_S3_PAGE_MAX];

static int setup(void **state)
{
    (void)state;
    begin();
    ops_key_page_init(&page, STORAGE_LIMIT_BYTES);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ops_key_page_release(&page);
    ops_target_close(target);
    target = NULL;
    return 0;
}

static void open_all(void)
{
    const struct ops_target_spec spec = {.kind = OPS_BUCKET, .name = bucket};
    const struct ops_scope all = {.by = OPS_SCOPE_ALL};
    struct ops_error error = OPS_ERROR_INIT;
    ops_target_close(target);
    target = NULL;
    enum ops_status status = open_bucket(NULL, &spec, &all, &target, &error);
    if (status != OPS_OK)
        fail_msg("%s", ops_error_text(&error, status));
}

static size_t walk(size_t limit, bool with_removal)
{
    size_t total = 0;
    struct ops_error error = OPS_ERROR_INIT;
    char *cursor = strdup("");
    do {
        enum ops_status status = ops_target_page(target, 0, cursor, limit, &page, &error);
        if (status == OPS_OK && with_removal && page.count > 0)
            status = ops_target_remove(target, page.keys, page.count, outcomes, &error);
        if (status != OPS_OK)
            fail_msg("%s", ops_error_text(&error, status));
        for (size_t i = 0; with_removal && i < page.count; i++)
            assert_int_equal(outcomes[i], OPS_REMOVED);
        total += page.count;
        free(cursor);
        cursor = strdup(ops_buf_text(&page.cursor));
    } while (!page.last);
    free(cursor);
    return total;
}

static void odd_keys_are_found_and_removed(void **state)
{
    (void)state;
    static const char *const keys[] = {
        "a b+c%20d", "\"q'<t>&amp;", "caf\xc3\xa9", "\xe6\x97\xa5\xe6\x9c\xac", "+", "%", "#", "\xf0\x9f\x98\x80", "?x=1&y",
        "a",         "]]>"};
    static const char *const odder_keys[] = {"/lead",  "b//c",     "b/../c", "./d",  "nl\nx",
                                             "tab\tx", "ctl\x01x", "\x1f",   "~\x7f"};
    size_t count = sizeof keys / sizeof keys[0];
    for (size_t i = 0; i < count; i++)
        put(keys[i], "");
    for (size_t i = 0; takes_any_key && i < sizeof odder_keys / sizeof odder_keys[0]; i++)
        count += do_s3("PUT", odder_keys[i], "", "7 bytes");
    open_all();
    assert_int_equal(walk(page_limit, false), count);
    assert_int_equal(walk(page_limit, true), count);
    assert_int_equal(walk(1000, false), 0);
}

static void versions_markers_and_uploads_all_go(void **state)
{
    (void)state;
    char key[32];
    for (int i = 0; i < 30; i++) {
        (void)snprintf(key, sizeof key, "k%d", i % 10);
        put(key, "");
    }
    must_s3("DELETE", "k3", "", NULL);
    must_s3("POST", "big file", "uploads=", "");
    must_s3("POST", "big file", "uploads=", "");
    must_s3("POST", "other", "uploads=", "");
    open_all();
    size_t expected = (is_versioned ? 31 : 9) + 3;
    assert_int_equal(walk(page_limit, false), expected);
    assert_int_equal(walk(page_limit, true), expected);
    assert_int_equal(walk(1000, false), 0);
}

static int compare_ids(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* Puts the versions into pages of limit, and expects count of them, no two alike. */
static void expect_distinct(size_t limit, size_t count)
{
    enum { IDS_MAX = 64, ID_SIZE = 256 };
    static char ids[IDS_MAX][ID_SIZE];
    size_t seen = 0;
    char *cursor = strdup("");
    struct ops_error error = OPS_ERROR_INIT;
    do {
        enum ops_status status = ops_target_page(target, 0, cursor, limit, &page, &error);
        if (status != OPS_OK)
            fail_msg("%s", ops_error_text(&error, status));
        for (size_t i = 0; i < page.count && seen < IDS_MAX; i++, seen++) {
            const struct ops_key *key = &page.keys[i];
            (void)snprintf(ids[seen], ID_SIZE, "%.*s", (int)(key->id.length - key->guarded.length - 2),
                           key->id.data + key->guarded.length + 2);
        }
        free(cursor);
        cursor = strdup(ops_buf_text(&page.cursor));
    } while (!page.last);
    free(cursor);
    assert_int_equal(seen, count);
    qsort(ids, seen, ID_SIZE, compare_ids);
    for (size_t i = 1; i < seen; i++)
        assert_string_not_equal(ids[i - 1], ids[i]);
}

static void a_key_with_more_versions_than_a_page_is_read_once(void **state)
{
    (void)state;
    static const size_t limits[] = {7, 40, 1000}; /* with 1 versitygw goes on where it began, within a key */
    if (!is_versioned)
        return;
    for (int i = 0; i < 40; i++)
        put("many", "");
    must_s3("DELETE", "many", "", NULL);
    put("next", "");
    open_all();
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
        expect_distinct(limits[i], 42);
}

static void a_bucket_of_another_owner_is_refused(void **state)
{
    (void)state;
    const struct ops_key key = {.id = {"ok\0", 3}, .guarded = {"k", 1}};
    struct ops_error error = OPS_ERROR_INIT;
    put("k", "");
    open_all();
    (void)snprintf(((struct ops_s3_bucket *)target)->account, OPS_AWS_ACCOUNT_SIZE, "999999999999");
    assert_int_equal(ops_target_page(target, 0, "", 10, &page, &error), OPS_TARGET_ERROR);
    assert_non_null(strstr(error.text, "999999999999"));
    assert_int_equal(ops_target_remove(target, &key, 1, outcomes, &error), OPS_TARGET_ERROR);
    assert_true(exists("k"));
}

/* ---- Emulators ---- */

struct emulator {
    const char *title;
    struct aws_rig_options options;
    bool checks_owner;  /* refuses a bucket of another */
    bool keeps_any_key; /* objects are no files */
    /* With versions, a listing that goes on behind a key that has gone since leaves out the first record, one behind a
     * version that has gone gives nothing, and keys are not encoded. */
    bool loses_versions;
};

static int run(const struct emulator *emulator)
{
    bool loses = is_versioned && emulator->loses_versions;
    const struct target_rig suite = {
        .spec = {.kind = OPS_BUCKET, .name = bucket},
        .missing = {.kind = OPS_BUCKET, .name = missing},
        .has_keys = true,
        .loses_its_place = loses,
        .begin = begin,
        .end = end,
        .catalogue = catalogue,
        .put = put,
        .exists = exists,
        .lists_itself = true,
    };
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(odd_keys_are_found_and_removed),
        CASE(versions_markers_and_uploads_all_go),
        CASE(a_key_with_more_versions_than_a_page_is_read_once),
        CASE(a_bucket_of_another_owner_is_refused),
    };
#undef CASE
    char name[NAME_SIZE];
    takes_any_key = emulator->keeps_any_key && !loses;
    page_limit = loses ? OPS_S3_LIST_MAX : 7;
    (void)snprintf(name, sizeof name, "%s %s versions", emulator->title, is_versioned ? "with" : "without");
    int failed = target_suite_run(name, &suite);
    return failed +
           _cmocka_run_group_tests(name, tests, sizeof tests / sizeof tests[0] - !emulator->checks_owner, NULL, NULL);
}

static int run_on(const struct emulator *emulator)
{
    if (!aws_rig_open_with(&rig, &emulator->options))
        return 1;
    stack.client = rig.client;
    ops_aws_pacer_init(&stack.pacers[OPS_AWS_S3], ops_system_clock(), 16);
    is_versioned = false;
    int failed = run(emulator);
    is_versioned = true;
    failed += run(emulator);
    ops_aws_pacer_release(&stack.pacers[OPS_AWS_S3]);
    aws_rig_close(&rig);
    return failed;
}

int main(void)
{
    const char *moto = aws_rig_endpoint("OPS_TEST_MOTO_URL", "moto");
    const char *versitygw = aws_rig_endpoint("OPS_TEST_VERSITYGW_URL", "versitygw");
    const struct emulator on_moto = {
        .title = "moto", .options = {.endpoint_url = moto}, .keeps_any_key = true, .loses_versions = true};
    const struct emulator on_versitygw = {
        .title = "versitygw",
        .options = {.endpoints = {[OPS_AWS_S3] = versitygw, [OPS_AWS_STS] = "http://sts.test"}, .http = &front.base},
        .checks_owner = true};
    if (ops_curl_http_client_new(&front.inner) != OPS_OK)
        return 1;
    int failed = moto ? run_on(&on_moto) : 0;
    failed += versitygw ? run_on(&on_versitygw) : 0;
    ops_http_client_release(front.inner);
    return moto || versitygw ? failed : AWS_RIG_SKIPPED;
}
