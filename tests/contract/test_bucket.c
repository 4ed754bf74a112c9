/* Buckets as vacuum targets, over an S3 in memory that does what the real one does and no emulator can: versions by the
 * thousand, errors for single keys, answers that are wrong, broken or from another region.
 */
#include "adapters/aws/bucket.h"
#include "adapters/aws/catalogue.h"
#include "adapters/sys/clock.h"
#include "contract/target_suite.h"
#include "support/alloc_fault.h"
#include "support/aws_rig.h"
#include "support/cmocka_all.h"
#include "support/fake_s3.h"

#include <stdio.h>
#include <stdlib.h>

enum { STORAGE_LIMIT_BYTES = 8 * 1024 * 1024 };

static enum fake_s3_versioning versioning;
static struct fake_s3 s3;
static struct aws_rig rig;
static struct ops_catalogue *stack;
static const struct ops_aws_own own = {.table = "ops_main", .log_group = "/ops/audit"};
static struct ops_target *target;
static struct ops_key_page page;
static struct ops_error error;
static enum ops_removal outcomes[OPS_S3_PAGE_MAX];

static const struct ops_target_spec things = {.kind = OPS_BUCKET, .name = "things"};
static const struct ops_scope everything = {.by = OPS_SCOPE_ALL};

/* The system's clock, and ahead of it where a test needs it. */
static int64_t ahead_ms;

static int64_t test_now_ms(struct ops_clock *self)
{
    (void)self;
    return ops_clock_now_ms(ops_system_clock()) + ahead_ms;
}

static int64_t test_monotonic_ms(struct ops_clock *self)
{
    (void)self;
    return ops_clock_monotonic_ms(ops_system_clock()) + ahead_ms;
}

static const struct ops_clock_ops test_clock_ops = {
    .now_ms = test_now_ms, .monotonic_ms = test_monotonic_ms, .boot_ms = test_monotonic_ms};
static struct ops_clock test_clock = {&test_clock_ops};

static bool open_stack(void)
{
    const struct aws_rig_options options = {.http = &s3.base};
    if (!aws_rig_open_with(&rig, &options))
        return false;
    return ops_aws_catalogue_new(rig.client, &test_clock, &own, &stack) == OPS_OK;
}

static void close_stack(void)
{
    ops_target_close(target);
    target = NULL;
    ops_catalogue_release(stack);
    stack = NULL;
    aws_rig_close(&rig);
}

static void begin(void)
{
    fake_s3_init(&s3, "things", versioning);
    assert_true(open_stack());
}

static void end(void)
{
    assert_int_equal(s3.ownerless_count, 0);
    close_stack();
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

static int setup_versioned(void **state)
{
    versioning = FAKE_S3_ENABLED;
    setup(state);
    versioning = FAKE_S3_UNVERSIONED;
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

/* ---- The suite ---- */

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

static int run_suite(const char *name, enum fake_s3_versioning how)
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
    versioning = how;
    int failed = target_suite_run(name, &suite);
    versioning = FAKE_S3_UNVERSIONED;
    return failed;
}

/* ---- Helpers ---- */

static enum ops_status try_open(const struct ops_target_spec *spec, struct ops_scope scope)
{
    ops_target_close(target);
    target = NULL;
    return ops_catalogue_open(stack, spec, &scope, &target, &error);
}

static void open_scope(struct ops_scope scope)
{
    enum ops_status status = try_open(&things, scope);
    if (status != OPS_OK)
        fail_msg("%s", ops_error_text(&error, status));
}

static void open_all(void)
{
    open_scope(everything);
}

static enum ops_status read_page(uint32_t segment, const char *cursor, size_t limit)
{
    char *kept = strdup(cursor);
    enum ops_status status = ops_target_page(target, segment, kept, limit, &page, &error);
    free(kept);
    return status;
}

static enum ops_status remove_page(void)
{
    return ops_target_remove(target, page.keys, page.count, outcomes, &error);
}

static struct ops_recount recount(void)
{
    struct ops_recount there = {0};
    assert_int_equal(ops_target_recount(target, 0, ops_buf_text(&page.receipt), &there, &error), OPS_OK);
    return there;
}

/* Reads one segment in pages of limit, and removes what it finds where asked to. */
static size_t walk_segment(uint32_t segment, size_t limit, bool with_removal)
{
    size_t total = 0;
    const char *cursor = "";
    do {
        assert_int_equal(read_page(segment, cursor, limit), OPS_OK);
        assert_true(page.count <= limit);
        assert_true(page.receipt.length <= OPS_RECEIPT_MAX_BYTES && page.cursor.length <= OPS_CURSOR_MAX_BYTES);
        total += page.count;
        if (with_removal && page.count > 0) {
            assert_int_equal(remove_page(), OPS_OK);
            for (size_t i = 0; i < page.count; i++)
                assert_int_equal(outcomes[i], OPS_REMOVED);
        }
        cursor = ops_buf_text(&page.cursor);
    } while (!page.last);
    return total;
}

static size_t walk(size_t limit, bool with_removal)
{
    size_t total = 0;
    for (uint32_t i = 0; i < target->segment_count; i++)
        total += walk_segment(i, limit, with_removal);
    return total;
}

static void put_numbered(const char *format, int count)
{
    char key[128];
    for (int i = 0; i < count; i++) {
        (void)snprintf(key, sizeof key, format, i);
        fake_s3_put(&s3, key);
    }
}

/* ---- What is found and what goes ---- */

static void versions_markers_and_uploads_all_go(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++)
        put_numbered("k%02d", 30);
    fake_s3_delete(&s3, "k07");
    fake_s3_delete(&s3, "never was");
    fake_s3_begin_upload(&s3, "k07");
    fake_s3_begin_upload(&s3, "k07");
    fake_s3_begin_upload(&s3, "only an upload");
    open_all();
    assert_int_equal(walk(20, true), 5 * 30 + 2 + 3);
    assert_int_equal(s3.count, 0);
}

static void a_key_with_more_versions_than_a_page_is_read_once(void **state)
{
    (void)state;
    static const size_t limits[] = {1, 2, 7, 49, 50, 51, 1000};
    put_numbered("a%d", 3);
    for (int i = 0; i < 50; i++)
        fake_s3_put(&s3, "many");
    put_numbered("z%d", 3);
    for (int i = 0; i < 20; i++)
        fake_s3_begin_upload(&s3, "many");
    open_all();
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
        assert_int_equal(walk(limits[i], false), 76);
    assert_int_equal(walk(7, true), 76);
    assert_int_equal(s3.count, 0);
}

static void an_unversioned_bucket_loses_objects_and_uploads_and_gets_no_markers(void **state)
{
    (void)state;
    put_numbered("k%04d", 2500);
    fake_s3_begin_upload(&s3, "k0000");
    open_all();
    assert_int_equal(target->segment_count, 1);
    assert_int_equal(walk(4000, true), 2501);
    assert_int_equal(s3.count, 0);
    assert_int_equal(s3.calls[FAKE_S3_LIST_VERSIONS], 0);
    assert_int_equal(s3.calls[FAKE_S3_DELETE_MANY], 3);
}

static void a_suspended_bucket_is_read_by_versions(void **state)
{
    (void)state;
    put_numbered("k%02d", 10);
    s3.versioning = FAKE_S3_SUSPENDED;
    fake_s3_put(&s3, "k05");
    fake_s3_delete(&s3, "k06");
    open_all();
    assert_int_equal(walk(1000, true), 12);
    assert_int_equal(s3.count, 0);
}

static void a_cursor_survives_that_versioning_is_switched_on(void **state)
{
    (void)state;
    put_numbered("k%02d", 10);
    open_all();
    assert_int_equal(read_page(0, "", 4), OPS_OK);
    assert_int_equal(page.count, 4);
    char *cursor = strdup(ops_buf_text(&page.cursor));
    struct ops_recount before = recount();
    char *receipt = strdup(ops_buf_text(&page.receipt));
    s3.versioning = FAKE_S3_ENABLED;
    fake_s3_put(&s3, "k08");
    open_all();
    assert_int_equal(read_page(0, cursor, 100), OPS_OK);
    assert_int_equal(page.count, 7);
    struct ops_recount there;
    assert_int_equal(ops_target_recount(target, 0, receipt, &there, NULL), OPS_OK);
    assert_int_equal(there.count, before.count);
    assert_int_equal(there.size_bytes, 28);
    free(cursor);
    free(receipt);
}

static void odd_keys_are_found_and_removed_byte_by_byte(void **state)
{
    (void)state;
    static const char *const keys[] = {" ",
                                       " a ",
                                       "a b+c%20d",
                                       "\"q'<t>&amp;",
                                       "nl\nx",
                                       "cr\rx",
                                       "tab\tx",
                                       "ctl\x01x",
                                       "\x1f",
                                       "del\x7f",
                                       "/lead",
                                       "a//b",
                                       "a/../b",
                                       "./a",
                                       "..",
                                       "caf\xc3\xa9",
                                       "caf\x65\xcc\x81",
                                       "\xe6\x97\xa5\xe6\x9c\xac",
                                       "\xf0\x9f\x98\x80",
                                       "nonchar\xef\xbf\xbf",
                                       "\xff\xfe not UTF-8",
                                       "]]>",
                                       "<!--",
                                       "%",
                                       "%zz",
                                       "+",
                                       "?x=1&y",
                                       "#",
                                       "~",
                                       "\\",
                                       "trailing/"};
    enum { COUNT = sizeof keys / sizeof keys[0] };
    for (size_t i = 0; i < COUNT; i++) {
        fake_s3_put(&s3, keys[i]);
        fake_s3_begin_upload(&s3, keys[i]);
    }
    fake_s3_put(&s3, "stays");
    open_all();
    assert_int_equal(read_page(0, "", 1000), OPS_OK);
    assert_int_equal(page.count, COUNT + 1);
    size_t kept = 0;
    for (size_t i = 0; i < page.count; i++)
        if (!ops_view_is(page.keys[i].guarded, "stays"))
            page.keys[kept++] = page.keys[i];
    page.count = kept;
    assert_int_equal(remove_page(), OPS_OK);
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(outcomes[i], OPS_REMOVED);
    assert_int_equal(recount().count, 1);
    assert_int_equal(walk(3, true), COUNT + 1);
    assert_int_equal(s3.count, 0);
}

static void a_prefix_that_begins_anothers_takes_its_own_only(void **state)
{
    (void)state;
    static const char *const keys[] = {"acme", "acme/1", "acme/2", "acme2/1", "ACME/1", "acm/1", "acme/"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        fake_s3_put(&s3, keys[i]);
    fake_s3_begin_upload(&s3, "acme/3");
    fake_s3_begin_upload(&s3, "acme2/3");
    open_scope((struct ops_scope){OPS_SCOPE_KEY_PREFIX, NULL, NULL, "acme/"});
    assert_int_equal(walk(1000, true), 4);
    assert_int_equal(s3.count, 5);
    assert_true(fake_s3_has(&s3, "acme") && fake_s3_has(&s3, "acme2/1") && fake_s3_has(&s3, "acme2/3"));
}

static void a_key_is_one_key_with_all_its_versions_and_uploads(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        fake_s3_put(&s3, "one");
        fake_s3_put(&s3, "one/more");
        fake_s3_begin_upload(&s3, "one");
        fake_s3_begin_upload(&s3, "one more");
    }
    size_t half = s3.versioning == FAKE_S3_ENABLED ? 6 : 4;
    open_scope((struct ops_scope){OPS_SCOPE_KEY, NULL, NULL, "one"});
    assert_string_equal(target->split, "{\"bounds\":[]}");
    assert_int_equal(walk(2, true), half);
    assert_int_equal(s3.count, half);
    assert_false(fake_s3_has(&s3, "one"));
}

static void scopes_by_attribute_are_refused(void **state)
{
    (void)state;
    assert_int_equal(try_open(&things, (struct ops_scope){OPS_SCOPE_ATTRIBUTE, "orgcode", NULL, "acme"}), OPS_TARGET_ERROR);
    assert_int_equal(try_open(&things, (struct ops_scope){OPS_SCOPE_INDEX, "orgcode", "by-org", "acme"}), OPS_TARGET_ERROR);
}

static void sizes_are_those_of_versions(void **state)
{
    (void)state;
    fake_s3_put(&s3, "k");
    fake_s3_delete(&s3, "k");
    open_all();
    assert_int_equal(read_page(0, "", 10), OPS_OK);
    assert_int_equal(page.count, 2);
    assert_int_equal(page.keys[0].size_bytes, 0);
    assert_int_equal(page.keys[1].size_bytes, 7);
    assert_int_equal(recount().size_bytes, 7);
}

static void a_recount_does_not_count_what_came_meanwhile(void **state)
{
    (void)state;
    put_numbered("k%02d", 20);
    open_all();
    assert_int_equal(read_page(0, "", 20), OPS_OK);
    page.count = 15;
    assert_int_equal(remove_page(), OPS_OK);
    put_numbered("k%02d-new", 20);
    fake_s3_put(&s3, "k19"); /* another version of what is still there */
    struct ops_recount there = recount();
    assert_int_equal(there.count, 5);
    assert_int_equal(there.size_bytes, 35);
}

static void a_receipt_of_a_full_page_fits(void **state)
{
    (void)state;
    put_numbered("tenants/acme/%04d-of-many", OPS_S3_PAGE_MAX - OPS_S3_LISTINGS_PER_PAGE);
    open_all();
    assert_int_equal(read_page(0, "", target->page_max), OPS_OK);
    assert_in_range(page.count, OPS_S3_PAGE_MAX - OPS_S3_LISTINGS_PER_PAGE, OPS_S3_PAGE_MAX);
    assert_in_range(page.receipt.length, page.count * 8, page.count * 8 + 1024);
    assert_int_equal(recount().count, page.count);
    assert_int_equal(remove_page(), OPS_OK);
    assert_int_equal(recount().count, 0);
}

static void strangers_texts_are_refused(void **state)
{
    (void)state;
    static const char *const cursors[] = {"x",
                                          "{}",
                                          "[]",
                                          "{\"list\":\"objects\"}",
                                          "{\"list\":\"things\",\"key\":\"\",\"id\":\"\"}",
                                          "{\"list\":\"objects\",\"key\":\"%\",\"id\":\"\"}",
                                          "{\"list\":\"objects\",\"key\":\"%2\",\"id\":\"\"}",
                                          "{\"list\":\"objects\",\"key\":1,\"id\":\"\"}",
                                          "{\"list\":\"objects\",\"key\":\"\",\"id\":null}"};
    static const char *const receipts[] = {
        "x",
        "{}",
        "{\"list\":\"objects\",\"key\":\"\",\"id\":\"\",\"last\":\"a\"}",
        "{\"list\":\"objects\",\"key\":\"\",\"id\":\"\",\"records\":\"\",\"last\":\"a\"}",
        "{\"list\":\"objects\",\"key\":\"\",\"id\":\"\",\"records\":\"AAAAAAA\",\"last\":\"a\"}",
        "{\"list\":\"objects\",\"key\":\"\",\"id\":\"\",\"records\":\"AAAA AAA\",\"last\":\"a\"}",
        "{\"list\":\"objects\",\"key\":\"\",\"id\":\"\",\"records\":\"AAAAAAAA\",\"last\":\"%a\"}"};
    static const char *const bounds[] = {"",
                                         "x",
                                         "{}",
                                         "[\"\"]",
                                         "[\"b\",\"a\"]",
                                         "[\"a\",\"a\"]",
                                         "[1]",
                                         "[\"%\"]",
                                         "[\"a%00b\"]",
                                         "[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\",\"j\",\"k\",\"l\",\"m\","
                                         "\"n\",\"o\",\"p\"]"};
    struct ops_recount there;
    open_all();
    for (size_t i = 0; i < sizeof cursors / sizeof cursors[0]; i++)
        assert_int_equal(read_page(0, cursors[i], 10), OPS_TARGET_ERROR);
    for (size_t i = 0; i < sizeof receipts / sizeof receipts[0]; i++)
        assert_int_equal(ops_target_recount(target, 0, receipts[i], &there, &error), OPS_TARGET_ERROR);
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        char split[256];
        (void)snprintf(split, sizeof split, "{\"bounds\":%s}", bounds[i]);
        const struct ops_target_spec spec = {.kind = OPS_BUCKET, .name = "things", .split = split};
        assert_int_equal(try_open(&spec, everything), OPS_TARGET_ERROR);
    }
}

/* ---- Segments ---- */

/* Each segment by itself, and what the largest of them has. */
static size_t largest_segment(size_t expected_total)
{
    size_t total = 0, largest = 0;
    for (uint32_t i = 0; i < target->segment_count; i++) {
        size_t count = walk_segment(i, 4000, false);
        total += count;
        largest = count > largest ? count : largest;
    }
    assert_int_equal(total, expected_total);
    return largest;
}

static void expect_even_segments(size_t count, uint32_t segments, size_t most)
{
    open_all();
    assert_true(strlen(target->split) <= OPS_SPLIT_MAX_BYTES);
    assert_in_range(target->segment_count, segments, OPS_S3_SEGMENTS_MAX);
    assert_in_range(largest_segment(count), 1, most);
    assert_true(s3.calls[FAKE_S3_LIST_OBJECTS] < 300);
}

static void four_thousand_objects_are_one_segment_and_more_are_several(void **state)
{
    (void)state;
    put_numbered("k%05d", 4000);
    open_all();
    assert_int_equal(target->segment_count, 1);
    assert_string_equal(target->split, "{\"bounds\":[]}");
    put_numbered("k%05d", 10000);
    put_numbered("l%05d", 10000);
    expect_even_segments(20000, 10, 4000);
}

static void hexadecimal_keys_are_cut_into_sixteen(void **state)
{
    (void)state;
    char key[64];
    for (uint32_t i = 0; i < 16000; i++) {
        (void)snprintf(key, sizeof key, "data/%08x/object", i * 2654435761u);
        fake_s3_put(&s3, key);
    }
    expect_even_segments(16000, 16, 1100);
    assert_int_equal(target->segment_count, 16);
}

static void tenants_with_a_long_common_prefix_are_cut_below_it(void **state)
{
    (void)state;
    char key[128];
    for (int i = 0; i < 12000; i++) {
        (void)snprintf(key, sizeof key, "service/production/caf\xc3\xa9/exports/%c/%05d", "ab\xc3"[i % 2], i);
        fake_s3_put(&s3, key);
    }
    expect_even_segments(12000, 4, 6000);
}

static void keys_beyond_ascii_are_cut_between_characters(void **state)
{
    (void)state;
    char key[128];
    for (int i = 0; i < 16000; i++) {
        (void)snprintf(key, sizeof key, "\xe6\x97%c/%05d", 0x80 + i % 0x20, i);
        fake_s3_put(&s3, key);
    }
    expect_even_segments(16000, 8, 4000);
}

static void a_key_at_a_bound_is_in_one_segment(void **state)
{
    (void)state;
    char key[64];
    for (int i = 0; i < 26; i++) {
        (void)snprintf(key, sizeof key, "%c", 'a' + i);
        fake_s3_put(&s3, key);
        fake_s3_begin_upload(&s3, key);
        (void)snprintf(key, sizeof key, "%c/%%05d", 'a' + i);
        put_numbered(key, 450);
    }
    expect_even_segments(26 * 452, 8, 4000);
    assert_int_equal(walk(1000, true), 26 * 452);
    assert_int_equal(s3.count, 0);
}

static void bounds_too_long_to_write_down_are_fewer(void **state)
{
    (void)state;
    char key[1024], prefix[500];
    memset(prefix, 'p', sizeof prefix - 1);
    prefix[sizeof prefix - 1] = '\0';
    for (uint32_t i = 0; i < 11000; i++) {
        (void)snprintf(key, sizeof key, "%s/%08x", prefix, i * 2654435761u);
        fake_s3_put(&s3, key);
    }
    expect_even_segments(11000, 2, 6000);
}

static void a_planned_split_is_cut_alike_whatever_has_come_since(void **state)
{
    (void)state;
    put_numbered("k%05d", 12000);
    open_all();
    char *split = strdup(target->split);
    uint32_t segments = target->segment_count;
    const struct ops_target_spec spec = {.kind = OPS_BUCKET, .name = "things", .split = split};
    assert_true(segments > 1);
    put_numbered("a%05d", 12000);
    size_t lists = s3.calls[FAKE_S3_LIST_OBJECTS];
    assert_int_equal(try_open(&spec, everything), OPS_OK);
    assert_int_equal(s3.calls[FAKE_S3_LIST_OBJECTS], lists);
    assert_int_equal(target->segment_count, segments);
    assert_string_equal(target->split, split);
    assert_int_equal(walk(4000, true), 24000);
    assert_int_equal(s3.count, 0);
    assert_int_equal(try_open(&spec, everything), OPS_OK);
    assert_int_equal(target->segment_count, segments);
    free(split);
}

static void a_cursor_of_another_segment_is_refused(void **state)
{
    (void)state;
    const struct ops_target_spec spec = {.kind = OPS_BUCKET, .name = "things", .split = "{\"bounds\":[\"k05\"]}"};
    put_numbered("k%02d", 10);
    assert_int_equal(try_open(&spec, everything), OPS_OK);
    assert_int_equal(read_page(0, "", 3), OPS_OK);
    char *cursor = strdup(ops_buf_text(&page.cursor));
    assert_int_equal(read_page(1, cursor, 3), OPS_TARGET_ERROR);
    assert_int_equal(walk_segment(0, 3, false), 6);
    assert_int_equal(walk_segment(1, 3, false), 4);
    free(cursor);
}

/* ---- When S3 says no ---- */

/* The answer to one operation. */
static struct {
    enum fake_s3_operation operation;
    int http_status;
    const char *body;
    enum ops_status status; /* OPS_OK: as above; else there is no answer */
    const char *region;     /* x-amz-bucket-region */
    size_t times;           /* so often; then the fake answers itself */
    bool carried_out;       /* the answer is lost on the way */
} script;

static bool play_script(struct fake_s3 *self, enum fake_s3_operation operation, const struct ops_http_request *request,
                        struct ops_http_response *response, enum ops_status *ret_status)
{
    if (operation != script.operation || script.times == 0)
        return false;
    script.times--;
    if (script.carried_out) {
        self->hook = NULL;
        struct ops_http_response lost;
        ops_http_response_init(&lost, 1 << 20);
        (void)self->base.ops->exchange(&self->base, request, &lost, NULL);
        ops_buf_release(&lost.body);
        self->hook = play_script;
    }
    for (size_t i = 0; script.region && i < OPS_HTTP_WANTED_MAX; i++)
        if (response->wanted[i].name && strcmp(response->wanted[i].name, "x-amz-bucket-region") == 0)
            (void)snprintf(response->wanted[i].value, sizeof response->wanted[i].value, "%s", script.region);
    if (script.status == OPS_OK)
        return fake_s3_answer(response, script.http_status, script.body, ret_status);
    *ret_status = script.status;
    return true;
}

static void script_error(enum fake_s3_operation operation, int http_status, const char *code)
{
    static char body[256];
    (void)snprintf(body, sizeof body, "<Error><Code>%s</Code><Message>says the script</Message></Error>", code);
    s3.hook = play_script;
    script.operation = operation;
    script.http_status = http_status;
    script.body = body;
    script.status = OPS_OK;
    script.region = NULL;
    script.carried_out = false;
    script.times = 1000;
}

static void script_body(enum fake_s3_operation operation, const char *body)
{
    script_error(operation, 200, "");
    script.body = body;
}

static void what_keeps_a_bucket_from_being_opened_is_said(void **state)
{
    (void)state;
    static const struct {
        int http_status;
        const char *code;
        const char *region;
        enum ops_status expected;
        const char *word;
    } cases[] = {
        {301, "PermanentRedirect", "us-west-2", OPS_TARGET_ERROR, "is in region us-west-2"},
        {400, "AuthorizationHeaderMalformed", "us-west-2", OPS_TARGET_ERROR, "is in region us-west-2"},
        {400, "AuthorizationHeaderMalformed", NULL, OPS_TARGET_ERROR, "says the script"},
        {400, "IllegalLocationConstraintException", "eu-west-1", OPS_TARGET_ERROR, "eu-west-1"},
        {403, "AccessDenied", NULL, OPS_TARGET_ERROR, FAKE_S3_ACCOUNT},
        {403, "AccessDenied", "eu-central-1", OPS_TARGET_ERROR, FAKE_S3_ACCOUNT},
        {404, "NoSuchBucket", NULL, OPS_TARGET_MISSING, "does not exist"},
        {404, "SomethingElse", NULL, OPS_TARGET_ERROR, "SomethingElse"},
        {403, "InvalidAccessKeyId", NULL, OPS_STORE_UNAVAILABLE, "InvalidAccessKeyId"},
        {503, "SlowDown", NULL, OPS_THROTTLED, "SlowDown"},
        {500, "InternalError", NULL, OPS_STORE_UNAVAILABLE, "InternalError"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        script_error(FAKE_S3_GET_VERSIONING, cases[i].http_status, cases[i].code);
        script.region = cases[i].region;
        enum ops_status status = try_open(&things, everything);
        if (status != cases[i].expected || !strstr(error.text, cases[i].word))
            fail_msg("%s: %s: %s", cases[i].code, ops_status_tag(status), error.text);
    }
}

static void an_answer_about_versioning_that_is_none_is_not_believed(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "",
        "<html/>",
        "<VersioningConfiguration>",
        "<VersioningConfiguration><Status>Perhaps</Status></VersioningConfiguration>",
        "<X><VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration></X>",
        "{}"};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        size_t asked = s3.calls[FAKE_S3_GET_VERSIONING];
        script_body(FAKE_S3_GET_VERSIONING, bodies[i]);
        assert_int_equal(try_open(&things, everything), OPS_TARGET_ERROR);
        assert_non_null(strstr(error.text, "GetBucketVersioning"));
        assert_int_equal(s3.calls[FAKE_S3_GET_VERSIONING] - asked, OPS_AWS_TRIES_MAX);
    }
}

static void no_bucket_is_opened_while_the_account_is_unknown(void **state)
{
    (void)state;
    script_error(FAKE_S3_STS, 500, "InternalError");
    assert_int_equal(try_open(&things, everything), OPS_STORE_UNAVAILABLE);
    script_error(FAKE_S3_STS, 403, "AccessDenied");
    assert_int_equal(try_open(&things, everything), OPS_TARGET_ERROR);
    assert_non_null(strstr(error.text, "account"));
    assert_int_equal(s3.calls[FAKE_S3_GET_VERSIONING], 0);
}

static void opening_is_patient(void **state)
{
    (void)state;
    script_error(FAKE_S3_GET_VERSIONING, 503, "SlowDown");
    script.times = 3;
    assert_int_equal(try_open(&things, everything), OPS_OK);
}

static void a_listing_that_can_not_be_read_is_not_the_end(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "",
        "<html><body>proxy</body></html>",
        "not XML",
        "<ListBucketResult/>",
        "<ListBucketResult><IsTruncated>false</IsTruncated>",
        "<ListBucketResult><IsTruncated>perhaps</IsTruncated></ListBucketResult>",
        "<ListVersionsResult><IsTruncated>false</IsTruncated></ListVersionsResult>",
        "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Size>7</Size></Contents></ListBucketResult>",
        "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>k</Key><Size>x</Size></Contents></"
        "ListBucketResult>",
        "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>k</Key><Size>99999999999999999999</Size></"
        "Contents>"
        "</ListBucketResult>",
        "<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated><Contents><Key>%4</Key>"
        "<Size>7</Size></Contents></ListBucketResult>",
        "<!DOCTYPE x [<!ENTITY a \"b\">]><ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>",
    };
    fake_s3_put(&s3, "k");
    open_all();
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        script_body(FAKE_S3_LIST_OBJECTS, bodies[i]);
        enum ops_status status = read_page(0, "", 2);
        if (status != OPS_STORE_UNAVAILABLE)
            fail_msg("%s: %s", bodies[i], ops_status_tag(status));
        assert_int_equal(page.count, 0);
        assert_false(page.last);
    }
}

static void a_server_without_encoding_gives_keys_as_they_are(void **state)
{
    (void)state;
    open_all();
    script_body(
        FAKE_S3_LIST_OBJECTS,
        "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>a+b%20&amp;&#13;</Key><Size>1</Size></Contents>"
        "<EncodingType></EncodingType></ListBucketResult>");
    assert_int_equal(read_page(0, "", 10), OPS_OK);
    assert_int_equal(page.count, 1);
    assert_true(ops_view_is(page.keys[0].guarded, "a+b%20&\r"));
}

static void a_listing_out_of_order_misses_nothing_it_gives(void **state)
{
    (void)state;
    open_all();
    script_body(FAKE_S3_LIST_UPLOADS,
                "<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>"
                "<Upload><Key>z</Key><UploadId>1</UploadId></Upload><Upload><Key>a</Key><UploadId>2</UploadId></Upload>"
                "<Upload><Key>m</Key><UploadId>3</UploadId></Upload></ListMultipartUploadsResult>");
    assert_int_equal(read_page(0, "", 10), OPS_OK);
    assert_int_equal(page.count, 3);
    assert_true(page.last);
    assert_int_equal(recount().count, 3);
}

static void reading_tells_what_may_pass_from_what_lasts(void **state)
{
    (void)state;
    static const struct {
        int http_status;
        const char *code;
        enum ops_status expected;
    } cases[] = {
        {503, "SlowDown", OPS_THROTTLED},
        {503, "ServiceUnavailable", OPS_STORE_UNAVAILABLE},
        {500, "InternalError", OPS_STORE_UNAVAILABLE},
        {403, "AccessDenied", OPS_TARGET_ERROR},
        {404, "NoSuchBucket", OPS_TARGET_MISSING},
        {400, "ExpiredToken", OPS_STORE_UNAVAILABLE},
        {200, "InternalError", OPS_STORE_UNAVAILABLE},
        {501, "NotImplemented", OPS_TARGET_ERROR},
        {501, "", OPS_TARGET_ERROR},
        {200, "NotImplemented", OPS_TARGET_ERROR},
        {505, "", OPS_TARGET_ERROR},
        {502, "", OPS_STORE_UNAVAILABLE},
        {405, "MethodNotAllowed", OPS_TARGET_ERROR},
        {400, "InvalidRequest", OPS_TARGET_ERROR},
    };
    struct ops_recount there;
    fake_s3_put(&s3, "k");
    open_all();
    assert_int_equal(read_page(0, "", 10), OPS_OK);
    char *receipt = strdup(ops_buf_text(&page.receipt));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        script_error(FAKE_S3_LIST_OBJECTS, cases[i].http_status, cases[i].code);
        assert_int_equal(read_page(0, "", 10), cases[i].expected);
        assert_int_equal(ops_target_recount(target, 0, receipt, &there, &error), cases[i].expected);
    }
    script.status = OPS_UNKNOWN;
    assert_int_equal(read_page(0, "", 10), OPS_STORE_UNAVAILABLE);
    script.status = OPS_UNREACHABLE;
    assert_int_equal(read_page(0, "", 10), OPS_STORE_UNAVAILABLE);
    free(receipt);
}

/* ---- When S3 does not remove ---- */

static void read_three(void)
{
    put_numbered("k%d", 3);
    open_all();
    assert_int_equal(read_page(0, "", 10), OPS_OK);
    assert_int_equal(page.count, 3);
}

static void expect_outcomes(enum ops_removal first, enum ops_removal second, enum ops_removal third)
{
    assert_int_equal(outcomes[0], first);
    assert_int_equal(outcomes[1], second);
    assert_int_equal(outcomes[2], third);
}

static const char *key_error(const char *key, const char *code)
{
    static char body[512];
    (void)snprintf(
        body, sizeof body,
        "<DeleteResult><Error><Key>%s</Key><Code>%s</Code><Message>says the script</Message></Error></DeleteResult>", key,
        code);
    return body;
}

static void each_key_has_the_outcome_that_s3_names(void **state)
{
    (void)state;
    static const struct {
        const char *code;
        enum ops_removal expected;
    } cases[] = {
        {"SlowDown", OPS_RETRY},         {"InternalError", OPS_RETRY},     {"ServiceUnavailable", OPS_RETRY},
        {"OperationAborted", OPS_RETRY}, {"NoSuchKey", OPS_REMOVED},       {"NoSuchVersion", OPS_REMOVED},
        {"AccessDenied", OPS_FAILED},    {"MethodNotAllowed", OPS_FAILED}, {"", OPS_FAILED},
    };
    read_three();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        script_body(FAKE_S3_DELETE_MANY, key_error("k1", cases[i].code));
        ops_error_release(&error);
        assert_int_equal(remove_page(), OPS_OK);
        expect_outcomes(OPS_REMOVED, cases[i].expected, OPS_REMOVED);
        assert_int_equal(error.text[0] != '\0', cases[i].expected != OPS_REMOVED);
    }
}

static void one_version_of_a_key_can_fail(void **state)
{
    (void)state;
    char body[512];
    for (int i = 0; i < 3; i++)
        fake_s3_put(&s3, "k");
    open_all();
    assert_int_equal(read_page(0, "", 10), OPS_OK);
    /* Behind kind, key and NUL. */
    struct ops_view id = ops_view(page.keys[1].id.data + 3, page.keys[1].id.length - 3);
    (void)snprintf(
        body, sizeof body,
        "<DeleteResult><Error><Key>k</Key><VersionId>%.*s</VersionId><Code>AccessDenied</Code></Error></DeleteResult>",
        (int)id.length, id.data);
    script_body(FAKE_S3_DELETE_MANY, body);
    assert_int_equal(remove_page(), OPS_OK);
    expect_outcomes(OPS_REMOVED, OPS_FAILED, OPS_REMOVED);
    script_body(FAKE_S3_DELETE_MANY, key_error("k", "AccessDenied"));
    assert_int_equal(remove_page(), OPS_OK);
    expect_outcomes(OPS_FAILED, OPS_FAILED, OPS_FAILED);
}

static void an_answer_that_can_not_be_read_leaves_everything_to_another_try(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "",
        "<html/>",
        "<DeleteResult>",
        "garbage",
        "<DeleteResult><Error><Key>k1</Key><Code>AccessDenied</Code></Error>",
        "<DeleteResult><Error><Key>somebody else's</Key><Code>AccessDenied</Code></Error></DeleteResult>",
        "<DeleteResult><Error></Error></DeleteResult>",
        "<Error><Code>InternalError</Code></Error>",
    };
    read_three();
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        script_body(FAKE_S3_DELETE_MANY, bodies[i]);
        assert_int_equal(remove_page(), OPS_OK);
        expect_outcomes(OPS_RETRY, OPS_RETRY, OPS_RETRY);
    }
}

static void what_deleted_entries_say_does_not_count(void **state)
{
    (void)state;
    read_three();
    script_body(FAKE_S3_DELETE_MANY,
                "<DeleteResult><Deleted><Key>k0</Key></Deleted><Deleted><Key>x</Key></Deleted></DeleteResult>");
    assert_int_equal(remove_page(), OPS_OK);
    expect_outcomes(OPS_REMOVED, OPS_REMOVED, OPS_REMOVED);
}

static void a_request_that_may_pass_leaves_its_keys_to_another_try(void **state)
{
    (void)state;
    static const struct {
        int http_status;
        const char *code;
    } cases[] = {{503, "SlowDown"},     {503, "ServiceUnavailable"},   {500, "InternalError"},
                 {400, "ExpiredToken"}, {403, "RequestTimeTooSkewed"}, {409, "OperationAborted"}};
    read_three();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        script_error(FAKE_S3_DELETE_MANY, cases[i].http_status, cases[i].code);
        assert_int_equal(remove_page(), OPS_OK);
        expect_outcomes(OPS_RETRY, OPS_RETRY, OPS_RETRY);
    }
    static const enum ops_status lost[] = {OPS_UNKNOWN, OPS_UNREACHABLE, OPS_LIMIT};
    for (size_t i = 0; i < sizeof lost / sizeof lost[0]; i++) {
        script.status = lost[i];
        assert_int_equal(remove_page(), OPS_OK);
        expect_outcomes(OPS_RETRY, OPS_RETRY, OPS_RETRY);
    }
}

static void a_removal_whose_answer_was_lost_is_counted_truly(void **state)
{
    (void)state;
    read_three();
    page.count = 2;
    script_error(FAKE_S3_DELETE_MANY, 500, "InternalError");
    script.carried_out = true;
    assert_int_equal(remove_page(), OPS_OK);
    assert_int_equal(outcomes[0], OPS_RETRY);
    s3.hook = NULL;
    assert_int_equal(recount().count, 1);
    assert_int_equal(remove_page(), OPS_OK);
    assert_int_equal(outcomes[0], OPS_REMOVED);
}

static void a_bucket_that_refuses_is_said_to(void **state)
{
    (void)state;
    read_three();
    script_error(FAKE_S3_DELETE_MANY, 403, "AccessDenied");
    assert_int_equal(remove_page(), OPS_TARGET_ERROR);
    assert_non_null(strstr(error.text, FAKE_S3_ACCOUNT));
    script_error(FAKE_S3_DELETE_MANY, 404, "NoSuchBucket");
    assert_int_equal(remove_page(), OPS_TARGET_MISSING);
    script_error(FAKE_S3_DELETE_MANY, 400, "MalformedXML");
    assert_int_equal(remove_page(), OPS_OK);
    expect_outcomes(OPS_FAILED, OPS_FAILED, OPS_FAILED);
}

static void throttling_halves_the_pace(void **state)
{
    (void)state;
    struct ops_aws_pacer *pacer;
    read_three();
    pacer = &((struct ops_s3_bucket *)target)->stack->pacers[OPS_AWS_S3];
    uint32_t before = pacer->synced.pace.limit;
    script_body(FAKE_S3_DELETE_MANY, key_error("k1", "SlowDown"));
    assert_int_equal(remove_page(), OPS_OK);
    assert_int_equal(pacer->synced.pace.limit, before / 2);
    script_error(FAKE_S3_DELETE_MANY, 503, "SlowDown");
    assert_int_equal(remove_page(), OPS_OK);
    assert_int_equal(pacer->synced.pace.limit, before / 4);
    assert_int_equal(pacer->synced.pace.busy, 0);
}

static void a_bucket_that_asks_for_a_device_is_not_tried(void **state)
{
    (void)state;
    s3.mfa_delete = true;
    read_three();
    assert_int_equal(remove_page(), OPS_TARGET_ERROR);
    assert_non_null(strstr(error.text, "MFA"));
    assert_int_equal(s3.calls[FAKE_S3_DELETE_MANY], 0);
}

static void uploads_are_aborted_one_by_one(void **state)
{
    (void)state;
    static const struct {
        int http_status;
        const char *code;
        enum ops_removal expected;
    } cases[] = {{404, "NoSuchUpload", OPS_REMOVED},
                 {403, "AccessDenied", OPS_FAILED},
                 {503, "SlowDown", OPS_RETRY},
                 {500, "InternalError", OPS_RETRY}};
    for (int i = 0; i < 40; i++)
        fake_s3_begin_upload(&s3, "big");
    open_all();
    assert_int_equal(read_page(0, "", 100), OPS_OK);
    assert_int_equal(page.count, 40);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        script_error(FAKE_S3_ABORT_UPLOAD, cases[i].http_status, cases[i].code);
        assert_int_equal(remove_page(), OPS_OK);
        assert_int_equal(outcomes[0], cases[i].expected);
        assert_int_equal(outcomes[39], cases[i].expected);
    }
    s3.hook = NULL;
    assert_int_equal(remove_page(), OPS_OK);
    assert_int_equal(s3.count, 0);
}

static bool take_five_seconds(struct fake_s3 *self, enum fake_s3_operation operation, const struct ops_http_request *request,
                              struct ops_http_response *response, enum ops_status *ret_status)
{
    (void)self, (void)request, (void)response, (void)ret_status;
    if (operation == FAKE_S3_ABORT_UPLOAD && s3.calls[operation] % 16 == 0)
        ahead_ms += 5000;
    return false;
}

static void a_removal_that_takes_long_leaves_the_rest_to_another_try(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++)
        fake_s3_begin_upload(&s3, "big");
    open_all();
    assert_int_equal(read_page(0, "", 1000), OPS_OK);
    s3.hook = take_five_seconds;
    assert_int_equal(remove_page(), OPS_OK);
    size_t removed = 0;
    for (size_t i = 0; i < page.count; i++)
        removed += outcomes[i] == OPS_REMOVED;
    assert_int_equal(removed, 32); /* two waves of 16 within eight seconds */
    assert_int_equal(s3.count, 200 - removed);
    assert_int_equal(recount().count, 200 - removed);
}

static void many_long_keys_go_in_requests_of_a_megabyte(void **state)
{
    (void)state;
    char key[1024];
    memset(key, '&', sizeof key);
    for (int i = 0; i < 900; i++) {
        (void)snprintf(key + 1000, sizeof key - 1000, "%03d", i);
        fake_s3_put(&s3, key);
    }
    open_all();
    assert_int_equal(walk(1000, true), 900);
    assert_int_equal(s3.count, 0);
    assert_in_range(s3.calls[FAKE_S3_DELETE_MANY], 4, 6); /* 4.5 MB, for an ampersand takes five characters */
}

/* ---- Buckets that exist ---- */

static enum ops_status count_bucket(void *context, const struct ops_resource *resource)
{
    assert_int_equal(resource->kind, OPS_BUCKET);
    assert_string_not_equal(resource->name, "Owner");
    ++*(int *)context;
    return OPS_OK;
}

static enum ops_status list_buckets(int *count)
{
    struct ops_aws_stack buckets = {.client = rig.client};
    *count = 0;
    return ops_aws_buckets_list(&buckets, count_bucket, count, &error);
}

static bool page_buckets(struct fake_s3 *self, enum fake_s3_operation operation, const struct ops_http_request *request,
                         struct ops_http_response *response, enum ops_status *ret_status)
{
    (void)self;
    if (operation != FAKE_S3_LIST_BUCKETS)
        return false;
    bool second = strstr(request->url, "continuation-token=a%2Bb%2F%3D") != NULL;
    return fake_s3_answer(response, 200,
                          second
                              ? "<ListAllMyBucketsResult><Owner><ID>x</ID></Owner><Buckets><Bucket><Name>c</Name></Bucket>"
                                "</Buckets></ListAllMyBucketsResult>"
                              : "<ListAllMyBucketsResult><Buckets><Bucket><Name>a</Name></Bucket><Bucket><Name>b</Name>"
                                "</Bucket></Buckets><ContinuationToken>a+b/=</ContinuationToken></ListAllMyBucketsResult>",
                          ret_status);
}

static void buckets_are_listed_page_by_page(void **state)
{
    (void)state;
    int count;
    s3.hook = page_buckets;
    assert_int_equal(list_buckets(&count), OPS_OK);
    assert_int_equal(count, 3);
    assert_int_equal(s3.calls[FAKE_S3_LIST_BUCKETS], 2);
}

static void buckets_that_can_not_be_listed_are_an_error(void **state)
{
    (void)state;
    static const char *const bodies[] = {"", "<html/>", "<ListAllMyBucketsResult>"};
    int count;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        script_body(FAKE_S3_LIST_BUCKETS, bodies[i]);
        assert_int_equal(list_buckets(&count), OPS_TARGET_ERROR);
        assert_int_equal(count, 0);
        script.times = OPS_AWS_TRIES_MAX - 1;
        assert_int_equal(list_buckets(&count), OPS_OK);
        assert_int_equal(count, 1);
    }
    script_body(FAKE_S3_LIST_BUCKETS, "<ListAllMyBucketsResult><Buckets><Bucket><Name>a</Name></Bucket></Buckets>"
                                      "<ContinuationToken>t</ContinuationToken></ListAllMyBucketsResult>");
    assert_int_equal(list_buckets(&count), OPS_TARGET_ERROR);
    assert_non_null(strstr(error.text, "does not end: it goes on at t"));
    script_body(FAKE_S3_LIST_BUCKETS, "<ListAllMyBucketsResult><Buckets><Bucket><Name>a</Name></Bucket>");
    assert_int_equal(list_buckets(&count), OPS_TARGET_ERROR);
    assert_int_equal(count, 0);
    script_error(FAKE_S3_LIST_BUCKETS, 403, "AccessDenied");
    assert_int_equal(list_buckets(&count), OPS_TARGET_ERROR);
    script_error(FAKE_S3_LIST_BUCKETS, 503, "SlowDown");
    assert_int_equal(list_buckets(&count), OPS_THROTTLED);
    script_error(FAKE_S3_LIST_BUCKETS, 500, "InternalError");
    assert_int_equal(list_buckets(&count), OPS_STORE_UNAVAILABLE);
}

/* ---- Memory ---- */

static enum ops_status use_everything(void)
{
    static const struct ops_target_spec planned = {.kind = OPS_BUCKET, .name = "things", .split = "{\"bounds\":[\"k05\"]}"};
    struct ops_recount there;
    int count;
    enum ops_status status = open_stack() ? OPS_OK : OPS_NO_MEMORY;
    if (status == OPS_OK)
        status = list_buckets(&count);
    if (status == OPS_OK)
        status = try_open(&planned, everything);
    if (status == OPS_OK)
        status = read_page(0, "", 4);
    if (status == OPS_OK)
        status = read_page(0, ops_buf_text(&page.cursor), 100);
    if (status == OPS_OK)
        status = ops_target_recount(target, 0, ops_buf_text(&page.receipt), &there, &error);
    if (status == OPS_OK)
        status = remove_page();
    if (status == OPS_OK)
        status = read_page(1, "", 100);
    return status;
}

static void fill_for_sweep(void)
{
    fake_s3_init(&s3, "things", FAKE_S3_ENABLED);
    for (int i = 0; i < 2; i++)
        put_numbered("k%02d", 8);
    fake_s3_put(&s3, "k02\x01");
    fake_s3_begin_upload(&s3, "k03");
}

static enum ops_status plan_segments(void)
{
    return open_stack() ? try_open(&things, everything) : OPS_NO_MEMORY;
}

static void fill_for_planning(void)
{
    fake_s3_init(&s3, "things", FAKE_S3_UNVERSIONED);
    put_numbered("k%05d", 10500);
}

/* Each step-th allocation. */
static void sweep(enum ops_status (*use)(void), void (*fill)(void), size_t step)
{
    bool hit = true;
    for (size_t n = 1; hit; n += step) {
        fill();
        alloc_fault_install(n);
        ops_key_page_init(&page, STORAGE_LIMIT_BYTES);
        ops_error_init(&error);
        enum ops_status status = use();
        hit = alloc_fault_hit();
        if (status != (hit ? OPS_NO_MEMORY : OPS_OK))
            fail_msg("allocation %zu: %s: %s", n, ops_status_tag(status), error.text);
        ops_key_page_release(&page);
        ops_error_release(&error);
        close_stack();
        assert_int_equal(alloc_fault_live_count(), 0);
        alloc_fault_remove();
        fake_s3_release(&s3);
    }
}

static void running_out_of_memory_is_a_status_and_leaks_nothing(void **state)
{
    (void)state;
    sweep(use_everything, fill_for_sweep, 1);
}

static void planning_without_memory_is_a_status_and_leaks_nothing(void **state)
{
    (void)state;
    sweep(plan_segments, fill_for_planning, 61);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define VERSIONED(test) cmocka_unit_test_setup_teardown(test, setup_versioned, teardown)
    const struct CMUnitTest tests[] = {
        VERSIONED(versions_markers_and_uploads_all_go),
        VERSIONED(a_key_with_more_versions_than_a_page_is_read_once),
        CASE(an_unversioned_bucket_loses_objects_and_uploads_and_gets_no_markers),
        VERSIONED(a_suspended_bucket_is_read_by_versions),
        CASE(a_cursor_survives_that_versioning_is_switched_on),
        CASE(odd_keys_are_found_and_removed_byte_by_byte),
        VERSIONED(odd_keys_are_found_and_removed_byte_by_byte),
        CASE(a_prefix_that_begins_anothers_takes_its_own_only),
        CASE(a_key_is_one_key_with_all_its_versions_and_uploads),
        VERSIONED(a_key_is_one_key_with_all_its_versions_and_uploads),
        CASE(scopes_by_attribute_are_refused),
        VERSIONED(sizes_are_those_of_versions),
        VERSIONED(a_recount_does_not_count_what_came_meanwhile),
        CASE(a_receipt_of_a_full_page_fits),
        VERSIONED(a_receipt_of_a_full_page_fits),
        CASE(strangers_texts_are_refused),
        CASE(four_thousand_objects_are_one_segment_and_more_are_several),
        CASE(hexadecimal_keys_are_cut_into_sixteen),
        CASE(tenants_with_a_long_common_prefix_are_cut_below_it),
        CASE(keys_beyond_ascii_are_cut_between_characters),
        CASE(a_key_at_a_bound_is_in_one_segment),
        VERSIONED(a_key_at_a_bound_is_in_one_segment),
        CASE(bounds_too_long_to_write_down_are_fewer),
        CASE(a_planned_split_is_cut_alike_whatever_has_come_since),
        CASE(a_cursor_of_another_segment_is_refused),
        CASE(what_keeps_a_bucket_from_being_opened_is_said),
        CASE(an_answer_about_versioning_that_is_none_is_not_believed),
        CASE(no_bucket_is_opened_while_the_account_is_unknown),
        CASE(opening_is_patient),
        CASE(a_listing_that_can_not_be_read_is_not_the_end),
        CASE(a_server_without_encoding_gives_keys_as_they_are),
        CASE(a_listing_out_of_order_misses_nothing_it_gives),
        CASE(reading_tells_what_may_pass_from_what_lasts),
        CASE(each_key_has_the_outcome_that_s3_names),
        VERSIONED(one_version_of_a_key_can_fail),
        CASE(an_answer_that_can_not_be_read_leaves_everything_to_another_try),
        CASE(what_deleted_entries_say_does_not_count),
        CASE(a_request_that_may_pass_leaves_its_keys_to_another_try),
        CASE(a_removal_whose_answer_was_lost_is_counted_truly),
        CASE(a_bucket_that_refuses_is_said_to),
        CASE(throttling_halves_the_pace),
        CASE(a_bucket_that_asks_for_a_device_is_not_tried),
        CASE(uploads_are_aborted_one_by_one),
        CASE(a_removal_that_takes_long_leaves_the_rest_to_another_try),
        CASE(many_long_keys_go_in_requests_of_a_megabyte),
        CASE(buckets_are_listed_page_by_page),
        CASE(buckets_that_can_not_be_listed_are_an_error),
        cmocka_unit_test(running_out_of_memory_is_a_status_and_leaks_nothing),
        cmocka_unit_test(planning_without_memory_is_a_status_and_leaks_nothing),
    };
#undef CASE
#undef VERSIONED
    int failed = run_suite("a bucket without versions", FAKE_S3_UNVERSIONED);
    failed += run_suite("a bucket with versions", FAKE_S3_ENABLED);
    return failed + cmocka_run_group_tests_name("only in S3", tests, NULL, NULL);
}
