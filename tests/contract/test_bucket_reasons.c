/* What a bucket as a vacuum target has to say: beforehand, of what S3 would refuse or this server does not do; and then, of
 * each record that stays, why.
 */
#include "adapters/aws/bucket.h"
#include "adapters/aws/catalogue.h"
#include "adapters/sys/clock.h"
#include "support/alloc_fault.h"
#include "support/aws_rig.h"
#include "support/cmocka_all.h"
#include "support/fake_s3.h"

#include <stdio.h>
#include <stdlib.h>

enum { STORAGE_LIMIT_BYTES = 4 * 1024 * 1024, REFUSALS_MAX = 4 };

static struct fake_s3 s3;
static struct aws_rig rig;
static struct ops_catalogue *stack;
static struct ops_target *target;
static struct ops_key_page page;
static struct ops_remarks remarks;
static struct ops_findings findings;
static struct ops_error error;
static enum ops_removal outcomes[OPS_S3_PAGE_MAX];

static const struct ops_scope everything = {.by = OPS_SCOPE_ALL};
static const struct ops_scope acme = {OPS_SCOPE_KEY_PREFIX, NULL, NULL, "acme/"};

/* ---- A server that refuses operations ---- */

static struct refusal {
    enum fake_s3_operation operation;
    int http_status;
    const char *code;
    size_t skip; /* so many requests are answered before */
} refusals[REFUSALS_MAX];
static size_t refusal_count;

static bool refuse(struct fake_s3 *self, enum fake_s3_operation operation, const struct ops_http_request *request,
                   struct ops_http_response *response, enum ops_status *ret_status)
{
    char body[256];
    (void)self, (void)request;
    for (size_t i = 0; i < refusal_count; i++) {
        if (refusals[i].operation != operation || (refusals[i].skip > 0 && refusals[i].skip-- > 0))
            continue;
        (void)snprintf(body, sizeof body, "<Error><Code>%s</Code><Message>you may not perform: s3:This</Message></Error>",
                       refusals[i].code);
        return fake_s3_answer(response, refusals[i].http_status, body, ret_status);
    }
    return false;
}

static void refuse_always(enum fake_s3_operation operation, int http_status, const char *code)
{
    s3.hook = refuse;
    refusals[refusal_count++] = (struct refusal){operation, http_status, code, 0};
}

static const char *delete_answer;

static bool answer_delete(struct fake_s3 *self, enum fake_s3_operation operation, const struct ops_http_request *request,
                          struct ops_http_response *response, enum ops_status *ret_status)
{
    (void)self, (void)request;
    return operation == FAKE_S3_DELETE_MANY && fake_s3_answer(response, 200, delete_answer, ret_status);
}

/* ---- A bucket ---- */

static bool open_stack(void)
{
    const struct aws_rig_options options = {.http = &s3.base};
    return aws_rig_open_with(&rig, &options) && ops_aws_catalogue_new(rig.client, ops_system_clock(), &stack) == OPS_OK;
}

static void close_stack(void)
{
    ops_target_close(target);
    target = NULL;
    ops_catalogue_release(stack);
    stack = NULL;
    aws_rig_close(&rig);
}

static void begin(enum fake_s3_versioning versioning)
{
    fake_s3_init(&s3, "things", versioning);
    refusal_count = 0;
    ops_key_page_init(&page, STORAGE_LIMIT_BYTES);
    ops_error_init(&error);
}

static int setup(void **state)
{
    (void)state;
    begin(FAKE_S3_UNVERSIONED);
    assert_true(open_stack());
    return 0;
}

static int setup_versioned(void **state)
{
    (void)state;
    begin(FAKE_S3_ENABLED);
    assert_true(open_stack());
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ops_key_page_release(&page);
    ops_error_release(&error);
    close_stack();
    fake_s3_release(&s3);
    return 0;
}

static enum ops_status try_open(struct ops_scope scope, const char *split)
{
    const struct ops_target_spec spec = {.kind = OPS_BUCKET, .name = "things", .split = split};
    ops_target_close(target);
    target = NULL;
    ops_remarks_clear(&remarks);
    enum ops_status status = ops_catalogue_open(stack, &spec, &scope, &target, &error);
    if (target)
        target->remarks = &remarks;
    return status;
}

static void open_scope(struct ops_scope scope)
{
    enum ops_status status = try_open(scope, NULL);
    if (status != OPS_OK)
        fail_msg("%s", ops_error_text(&error, status));
}

/* Reads to the end; the number of records. */
static size_t walk(void)
{
    size_t total = 0;
    char *cursor = strdup("");
    do {
        enum ops_status status = ops_target_page(target, 0, cursor, 1000, &page, &error);
        if (status != OPS_OK)
            fail_msg("%s", ops_error_text(&error, status));
        total += page.count;
        free(cursor);
        cursor = strdup(ops_buf_text(&page.cursor));
    } while (!page.last);
    free(cursor);
    return total;
}

static void inspect(void)
{
    findings = (struct ops_findings){.count = 0};
    assert_int_equal(ops_target_inspect(target, &findings, &error), OPS_OK);
}

static void expect_finding(size_t number, bool blocks, const char *says)
{
    if (number >= findings.count)
        fail_msg("there are only %zu findings", findings.count);
    const struct ops_finding *finding = &findings.list[number];
    if (finding->blocks != blocks || !strstr(finding->text, says) || !strstr(finding->text, "things"))
        fail_msg("%s: %s", finding->blocks ? "blocks" : "does not block", finding->text);
}

static void expect_remark(size_t number, enum ops_remark_kind kind, const char *name, const char *says)
{
    if (number >= remarks.count)
        fail_msg("there are only %zu remarks", remarks.count);
    const struct ops_remark *remark = &remarks.first[number];
    if (remark->kind != kind || strcmp(remark->name, name) != 0 || !strstr(remark->reason, says))
        fail_msg("%s %s: %s", ops_remark_kind_name(remark->kind), remark->name, remark->reason);
}

/* ---- What a server does not do ---- */

static void a_server_that_does_not_know_versioning_is_asked_for_versions(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        fake_s3_put(&s3, "k");
    fake_s3_delete(&s3, "k");
    refuse_always(FAKE_S3_GET_VERSIONING, 501, "NotImplemented");
    open_scope(everything);
    assert_int_equal(s3.calls[FAKE_S3_GET_VERSIONING], 1);
    assert_int_equal(walk(), 4);
    inspect();
    assert_int_equal(findings.count, 1);
    expect_finding(0, false, "does not implement GetBucketVersioning, but lists versions");
}

static void a_server_that_knows_no_versions_has_none_and_that_is_said(void **state)
{
    (void)state;
    fake_s3_put(&s3, "k");
    refuse_always(FAKE_S3_GET_VERSIONING, 501, "NotImplemented");
    refuse_always(FAKE_S3_LIST_VERSIONS, 501, "NotImplemented");
    open_scope(everything);
    assert_int_equal(walk(), 1);
    inspect();
    assert_int_equal(findings.count, 1);
    expect_finding(0, false, "neither GetBucketVersioning nor ListObjectVersions");
}

/* What leaves open whether there are versions is no answer. */
static void a_bucket_whose_versions_can_not_be_told_is_refused(void **state)
{
    (void)state;
    static const struct {
        int http_status;
        const char *code;
    } cases[] = {{403, "AccessDenied"}, {405, "MethodNotAllowed"}, {400, "InvalidRequest"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        refusal_count = 0;
        refuse_always(FAKE_S3_GET_VERSIONING, cases[i].http_status, cases[i].code);
        assert_int_equal(try_open(everything, NULL), OPS_TARGET_ERROR);
        assert_non_null(strstr(error.text, cases[i].code));
        assert_non_null(strstr(error.text, "GetBucketVersioning"));
        refusal_count = 0;
        refuse_always(FAKE_S3_GET_VERSIONING, 501, "NotImplemented");
        refuse_always(FAKE_S3_LIST_VERSIONS, cases[i].http_status, cases[i].code);
        assert_int_equal(try_open(everything, NULL), OPS_TARGET_ERROR);
        assert_non_null(strstr(error.text, cases[i].code));
        assert_non_null(strstr(error.text, "ListObjectVersions"));
    }
}

static void a_server_without_uploads_has_none_and_that_is_said(void **state)
{
    (void)state;
    fake_s3_put(&s3, "k");
    refuse_always(FAKE_S3_LIST_UPLOADS, 501, "NotImplemented");
    open_scope(everything);
    assert_int_equal(walk(), 1);
    assert_int_equal(remarks.count, 0);
    inspect();
    assert_int_equal(findings.count, 1);
    expect_finding(0, false, "does not implement ListMultipartUploads");
}

/* ---- What S3 would refuse ---- */

static void a_bucket_like_any_other_has_no_findings(void **state)
{
    (void)state;
    fake_s3_put(&s3, "k");
    fake_s3_begin_upload(&s3, "k");
    open_scope(everything);
    size_t asked = s3.calls[FAKE_S3_GET_LOCK] + s3.calls[FAKE_S3_LIST_UPLOADS];
    inspect();
    assert_int_equal(findings.count, 0);
    assert_int_equal(s3.calls[FAKE_S3_GET_LOCK] + s3.calls[FAKE_S3_LIST_UPLOADS] - asked, 2);
    assert_int_equal(s3.calls[FAKE_S3_DELETE_MANY] + s3.calls[FAKE_S3_DELETE_ONE], 0);
}

static void mfa_delete_is_told_beforehand_and_of_each_version(void **state)
{
    (void)state;
    s3.mfa_delete = true;
    for (int i = 0; i < 12; i++)
        fake_s3_put(&s3, "k");
    fake_s3_begin_upload(&s3, "k");
    open_scope(everything);
    inspect();
    assert_int_equal(findings.count, 1);
    expect_finding(0, true, "MFA delete");
    assert_int_equal(walk(), 13);
    assert_int_equal(remarks.counts[OPS_REMARK_UNDELETABLE], 12);
    expect_remark(0, OPS_REMARK_UNDELETABLE, "k", "MFA delete");
}

static void object_lock_is_told_as_far_as_it_can_be(void **state)
{
    (void)state;
    static const struct {
        const char *lock;
        const char *says; /* of the default retention; NULL: there is none */
    } cases[] = {
        {"<ObjectLockEnabled>Enabled</ObjectLockEnabled>", NULL},
        {"<ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention><Mode>COMPLIANCE</Mode><Days>30</Days>"
         "</DefaultRetention></Rule>",
         "default retention of 30 days (COMPLIANCE)"},
        {"<ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention><Mode>GOVERNANCE</Mode><Years>7</Years>"
         "</DefaultRetention></Rule>",
         "default retention of 7 years (GOVERNANCE)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        s3.object_lock = cases[i].lock;
        open_scope(everything);
        inspect();
        assert_int_equal(findings.count, cases[i].says ? 2 : 1);
        if (cases[i].says)
            expect_finding(0, true, cases[i].says);
        expect_finding(findings.count - 1, false, "no listing says which have one");
    }
}

/* An optional question that may not be asked is a finding, and nothing more. */
static void what_may_not_be_asked_is_told_with_its_right(void **state)
{
    (void)state;
    static const struct {
        int http_status;
        const char *code;
        const char *says; /* NULL: nothing needs to be said */
    } cases[] = {
        {403, "AccessDenied",
         "needs s3:GetBucketObjectLockConfiguration: GetObjectLockConfiguration: AccessDenied: you may"},
        {501, "NotImplemented", NULL},
        {405, "MethodNotAllowed", "MethodNotAllowed"},
        {500, "InternalError", "InternalError"},
        {503, "SlowDown", "SlowDown"},
    };
    fake_s3_put(&s3, "k");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        refusal_count = 0;
        refuse_always(FAKE_S3_GET_LOCK, cases[i].http_status, cases[i].code);
        open_scope(everything);
        inspect();
        assert_int_equal(findings.count, cases[i].says != NULL);
        if (cases[i].says)
            expect_finding(0, false, cases[i].says);
    }
    refusal_count = 0;
    refuse_always(FAKE_S3_LIST_UPLOADS, 403, "AccessDenied");
    open_scope(everything);
    inspect();
    assert_int_equal(findings.count, 1);
    expect_finding(0, true, "needs s3:ListBucketMultipartUploads: ListMultipartUploads: AccessDenied: you may not perform");
}

/* ---- What may not be listed ---- */

static void a_bucket_that_may_not_be_listed_is_refused_by_the_services_words(void **state)
{
    (void)state;
    fake_s3_put(&s3, "k");
    refuse_always(FAKE_S3_LIST_OBJECTS, 403, "AccessDenied");
    assert_int_equal(try_open(everything, NULL), OPS_TARGET_ERROR);
    assert_non_null(strstr(error.text,
                           "S3 refused ListObjectsV2 on bucket things with HTTP status 403, AccessDenied: you may "
                           "not perform: s3:This"));
    assert_non_null(strstr(error.text, "s3:ListBucket"));
}

static void a_place_that_may_not_be_listed_is_a_remark_and_the_rest_goes_on(void **state)
{
    (void)state;
    fake_s3_put(&s3, "acme/k");
    fake_s3_begin_upload(&s3, "acme/u");
    assert_int_equal(try_open(acme, "{\"bounds\":[]}"), OPS_OK);
    refuse_always(FAKE_S3_LIST_OBJECTS, 403, "AccessDenied");
    assert_int_equal(walk(), 1);
    assert_int_equal(remarks.counts[OPS_REMARK_UNREADABLE], 1);
    expect_remark(0, OPS_REMARK_UNREADABLE, "things/acme/", "ListObjectsV2: AccessDenied: you may not perform: s3:This");
    refusal_count = 0;
    ops_remarks_clear(&remarks);
    refuse_always(FAKE_S3_LIST_UPLOADS, 403, "AccessDenied");
    assert_int_equal(walk(), 1);
    expect_remark(0, OPS_REMARK_UNREADABLE, "unfinished uploads in things/acme/", "ListMultipartUploads: AccessDenied");
}

static void what_is_behind_a_listing_that_was_denied_is_named_by_its_place(void **state)
{
    (void)state;
    char key[16];
    for (int i = 0; i < 1500; i++) {
        (void)snprintf(key, sizeof key, "acme/%04d", i);
        fake_s3_put(&s3, key);
    }
    assert_int_equal(try_open(acme, "{\"bounds\":[]}"), OPS_OK);
    refuse_always(FAKE_S3_LIST_OBJECTS, 403, "AccessDenied");
    refusals[0].skip = 1;
    assert_int_equal(walk(), 1000);
    expect_remark(0, OPS_REMARK_UNREADABLE, "things/acme/ behind acme/0999", "AccessDenied");
}

static void where_nobody_hears_of_remarks_a_denied_listing_is_an_error(void **state)
{
    (void)state;
    fake_s3_put(&s3, "k");
    assert_int_equal(try_open(everything, "{\"bounds\":[]}"), OPS_OK);
    target->remarks = NULL;
    refuse_always(FAKE_S3_LIST_OBJECTS, 403, "AccessDenied");
    assert_int_equal(ops_target_page(target, 0, "", 10, &page, &error), OPS_TARGET_ERROR);
    assert_non_null(strstr(error.text, "AccessDenied"));
}

/* ---- What was to go and stays ---- */

static void read_page(void)
{
    assert_int_equal(ops_target_page(target, 0, "", 1000, &page, &error), OPS_OK);
}

static void remove_page(void)
{
    assert_int_equal(ops_target_remove(target, page.keys, page.count, outcomes, &error), OPS_OK);
}

static void each_key_that_s3_refuses_is_named_with_its_reason(void **state)
{
    (void)state;
    char key[16];
    for (int i = 0; i < 15; i++) {
        (void)snprintf(key, sizeof key, "k%02d", i);
        fake_s3_put(&s3, key);
    }
    open_scope(everything);
    read_page();
    delete_answer = "<DeleteResult><Error><Key>k03</Key><Code>AccessDenied</Code><Message>locked by hold</Message></Error>"
                    "<Error><Key>k04</Key><Code>SlowDown</Code><Message>slower</Message></Error>"
                    "<Error><Key>k05</Key><Code>NoSuchKey</Code></Error>"
                    "<Error><Key>k07</Key><Code>MethodNotAllowed</Code></Error></DeleteResult>";
    s3.hook = answer_delete;
    remove_page();
    assert_int_equal(remarks.counts[OPS_REMARK_REFUSED], 2);
    expect_remark(0, OPS_REMARK_REFUSED, "k03", "AccessDenied: locked by hold");
    expect_remark(1, OPS_REMARK_REFUSED, "k07", "MethodNotAllowed");
}

static void a_version_that_s3_refuses_is_named_with_its_id(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++)
        fake_s3_put(&s3, "k");
    open_scope(everything);
    read_page();
    delete_answer = "<DeleteResult><Error><Key>k</Key><VersionId>version/000001+=</VersionId><Code>AccessDenied</Code>"
                    "<Message>because of Object Lock</Message></Error></DeleteResult>";
    s3.hook = answer_delete;
    remove_page();
    assert_int_equal(remarks.counts[OPS_REMARK_REFUSED], 1);
    expect_remark(0, OPS_REMARK_REFUSED, "k (version version/000001+=)", "AccessDenied: because of Object Lock");
}

static void requests_that_are_refused_as_a_whole_name_each_of_their_keys(void **state)
{
    (void)state;
    fake_s3_put(&s3, "k\x01");
    fake_s3_put(&s3, "stays");
    open_scope(everything);
    read_page();
    refuse_always(FAKE_S3_DELETE_ONE, 403, "AccessDenied");
    remove_page();
    assert_int_equal(remarks.counts[OPS_REMARK_REFUSED], 1);
    expect_remark(0, OPS_REMARK_REFUSED, "k?", "DeleteObject: AccessDenied: you may not perform: s3:This");
    ops_remarks_clear(&remarks);
    fake_s3_begin_upload(&s3, "u");
    assert_int_equal(ops_target_page(target, 0, "{\"list\":\"uploads\",\"key\":\"\",\"id\":\"\"}", 10, &page, &error),
                     OPS_OK);
    refuse_always(FAKE_S3_ABORT_UPLOAD, 403, "AccessDenied");
    remove_page();
    assert_int_equal(remarks.counts[OPS_REMARK_REFUSED], 1);
    expect_remark(0, OPS_REMARK_REFUSED, "u (upload upload~000000)", "AbortMultipartUpload: AccessDenied");
}

/* ---- Memory ---- */

static enum ops_status use_everything(void)
{
    enum ops_status status = open_stack() ? OPS_OK : OPS_NO_MEMORY;
    findings = (struct ops_findings){.count = 0};
    if (status == OPS_OK)
        status = try_open(everything, NULL);
    if (status == OPS_OK)
        status = ops_target_inspect(target, &findings, &error);
    if (status == OPS_OK)
        status = ops_target_page(target, 0, "", 10, &page, &error);
    return status;
}

static void without_memory_nothing_is_found_wrongly_and_nothing_leaks(void **state)
{
    (void)state;
    bool hit = true;
    for (size_t n = 1; hit; n++) {
        alloc_fault_install(0);
        begin(FAKE_S3_UNVERSIONED);
        fake_s3_put(&s3, "k");
        s3.object_lock = "<ObjectLockEnabled>Enabled</ObjectLockEnabled>";
        refuse_always(FAKE_S3_GET_VERSIONING, 501, "NotImplemented");
        refuse_always(FAKE_S3_LIST_UPLOADS, 403, "AccessDenied");
        alloc_fault_arm(n);
        enum ops_status status = use_everything();
        hit = alloc_fault_hit();
        if (status != (hit ? OPS_NO_MEMORY : OPS_OK))
            fail_msg("allocation %zu: %s: %s", n, ops_status_tag(status), error.text);
        if (!hit)
            assert_int_equal(findings.count, 3);
        ops_key_page_release(&page);
        ops_error_release(&error);
        close_stack();
        assert_int_equal(alloc_fault_live_count(), 0);
        alloc_fault_remove();
        fake_s3_release(&s3);
    }
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define VERSIONED(test) cmocka_unit_test_setup_teardown(test, setup_versioned, teardown)
    const struct CMUnitTest tests[] = {
        VERSIONED(a_server_that_does_not_know_versioning_is_asked_for_versions),
        CASE(a_server_that_knows_no_versions_has_none_and_that_is_said),
        CASE(a_bucket_whose_versions_can_not_be_told_is_refused),
        CASE(a_server_without_uploads_has_none_and_that_is_said),
        CASE(a_bucket_like_any_other_has_no_findings),
        VERSIONED(mfa_delete_is_told_beforehand_and_of_each_version),
        VERSIONED(object_lock_is_told_as_far_as_it_can_be),
        CASE(what_may_not_be_asked_is_told_with_its_right),
        CASE(a_bucket_that_may_not_be_listed_is_refused_by_the_services_words),
        CASE(a_place_that_may_not_be_listed_is_a_remark_and_the_rest_goes_on),
        CASE(what_is_behind_a_listing_that_was_denied_is_named_by_its_place),
        CASE(where_nobody_hears_of_remarks_a_denied_listing_is_an_error),
        CASE(each_key_that_s3_refuses_is_named_with_its_reason),
        VERSIONED(a_version_that_s3_refuses_is_named_with_its_id),
        CASE(requests_that_are_refused_as_a_whole_name_each_of_their_keys),
        cmocka_unit_test(without_memory_nothing_is_found_wrongly_and_nothing_leaks),
    };
#undef CASE
#undef VERSIONED
    return cmocka_run_group_tests_name("why", tests, NULL, NULL);
}
