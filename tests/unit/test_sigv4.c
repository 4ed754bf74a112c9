#include "adapters/aws/sigv4.h"

#include "base/instant.h"

#include "support/alloc_fault.h"
#include "support/cmocka_all.h"

#include <stdio.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* The keys that AWS uses in its examples. */
#define SUITE_KEY_ID "AKIDEXAMPLE"
#define SUITE_SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define SUITE_DATE "20150830T123600Z"
#define SUITE_AT_MS INT64_C(1440938160000)
#define S3_KEY_ID "AKIAIOSFODNN7EXAMPLE"
#define S3_SECRET "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
#define S3_DATE "20130524T000000Z"
#define S3_HOST "examplebucket.s3.amazonaws.com"
#define S3_AT_MS INT64_C(1369353600000)
#define EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define WELCOME_SHA256 "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"

#define HEADERS(...) \
    .headers = (const struct ops_http_header[]){__VA_ARGS__}, \
    .header_count = COUNT_OF(((const struct ops_http_header[]){__VA_ARGS__}))

/* ---- What AWS has published ----------------------------------------------------------------------------------------- */

struct published {
    const char *name;
    struct ops_sigv4_request request;
    const char *signed_headers;
    const char *signature;
};

static void check_published(const struct published *example, const struct ops_sigv4_key *key, const char *key_id)
{
    char value[OPS_SIGV4_AUTHORIZATION_SIZE], expected[OPS_SIGV4_AUTHORIZATION_SIZE];
    (void)snprintf(expected, sizeof expected,
                   "AWS4-HMAC-SHA256 Credential=%s/%s/%s/%s/aws4_request, SignedHeaders=%s, Signature=%s", key_id, key->day,
                   key->region, key->service, example->signed_headers, example->signature);
    assert_int_equal(ops_sigv4_authorization(&example->request, key, key_id, value), OPS_OK);
    if (strcmp(value, expected) != 0)
        fail_msg("%s: %s instead of %s", example->name, value, expected);
}

/* IAM User Guide, "Create a signed AWS API request". */
static void the_list_users_example_of_the_iam_guide_comes_to_the_published_signature(void **state)
{
    (void)state;
    struct ops_sigv4_key key;
    char key_hex[2 * OPS_SHA256_BYTES + 1];
    const struct published example = {
        "ListUsers",
        {.method = "GET",
         .path = "/",
         .query = "Action=ListUsers&Version=2010-05-08",
         HEADERS({"Host", "iam.amazonaws.com"}, {"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"},
                 {"X-Amz-Date", SUITE_DATE}),
         .payload_sha256 = EMPTY_SHA256},
        "content-type;host;x-amz-date",
        "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
    };
    assert_int_equal(ops_sigv4_key_derive(SUITE_SECRET, "us-east-1", "iam", SUITE_AT_MS, &key), OPS_OK);
    ops_hex(key.bytes, sizeof key.bytes, key_hex);
    assert_string_equal(key_hex, "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9");
    check_published(&example, &key, SUITE_KEY_ID);
}

/* Amazon S3 API Reference, "Signature Calculations for the Authorization Header: Transferring Payload in a Single Chunk". */
static void the_examples_of_the_s3_reference_come_to_the_published_signatures(void **state)
{
    (void)state;
    const struct published examples[] = {
        {"GET Object",
         {.method = "GET",
          .path = "/test.txt",
          .query = "",
          HEADERS({"Host", S3_HOST}, {"Range", "bytes=0-9"}, {"x-amz-content-sha256", EMPTY_SHA256},
                  {"x-amz-date", S3_DATE}),
          .payload_sha256 = EMPTY_SHA256,
          .single_encoding = true},
         "host;range;x-amz-content-sha256;x-amz-date",
         "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
        {"PUT Object",
         {.method = "PUT",
          .path = "/test%24file.text",
          .query = "",
          HEADERS({"Host", S3_HOST}, {"Date", "Fri, 24 May 2013 00:00:00 GMT"}, {"x-amz-date", S3_DATE},
                  {"x-amz-storage-class", "REDUCED_REDUNDANCY"}, {"x-amz-content-sha256", WELCOME_SHA256}),
          .payload_sha256 = WELCOME_SHA256,
          .single_encoding = true},
         "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
         "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
        {"GET Bucket Lifecycle, whose parameter has no value",
         {.method = "GET",
          .path = "/",
          .query = "lifecycle",
          HEADERS({"Host", S3_HOST}, {"x-amz-date", S3_DATE}, {"x-amz-content-sha256", EMPTY_SHA256}),
          .payload_sha256 = EMPTY_SHA256,
          .single_encoding = true},
         "host;x-amz-content-sha256;x-amz-date",
         "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
        {"GET Bucket, its parameters in another order",
         {.method = "GET",
          .path = "/",
          .query = "prefix=J&max-keys=2",
          HEADERS({"Host", S3_HOST}, {"x-amz-date", S3_DATE}, {"x-amz-content-sha256", EMPTY_SHA256}),
          .payload_sha256 = EMPTY_SHA256,
          .single_encoding = true},
         "host;x-amz-content-sha256;x-amz-date",
         "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
    };
    struct ops_sigv4_key key;
    assert_int_equal(ops_sigv4_key_derive(S3_SECRET, "us-east-1", "s3", S3_AT_MS, &key), OPS_OK);
    for (size_t i = 0; i < COUNT_OF(examples); i++)
        check_published(&examples[i], &key, S3_KEY_ID);
}

#define SUITE_GET(path_, query_, ...) \
    { \
        .method = "GET", .path = path_, .query = query_, HEADERS(__VA_ARGS__), .payload_sha256 = EMPTY_SHA256 \
    }
#define SUITE_HOST \
    {"Host", "example.amazonaws.com"}, \
    { \
        "X-Amz-Date", SUITE_DATE \
    }
#define VANILLA "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"

/* AWS General Reference, "Signature Version 4 test suite". */
static void the_requests_of_the_signature_test_suite_come_to_its_signatures(void **state)
{
    (void)state;
    const struct published examples[] = {
        {"get-vanilla", SUITE_GET("/", "", SUITE_HOST), "host;x-amz-date", VANILLA},
        {"get-slash", SUITE_GET("//", "", SUITE_HOST), "host;x-amz-date", VANILLA},
        {"get-slash-dot-slash", SUITE_GET("/./", "", SUITE_HOST), "host;x-amz-date", VANILLA},
        {"get-relative", SUITE_GET("/example/..", "", SUITE_HOST), "host;x-amz-date", VANILLA},
        {"get-relative-relative", SUITE_GET("/example1/example2/../..", "", SUITE_HOST), "host;x-amz-date", VANILLA},
        {"get-vanilla-query-order-key-case", SUITE_GET("/", "Param2=value2&Param1=value1", SUITE_HOST), "host;x-amz-date",
         "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
        {"get-utf8, whose path is sent as it is", SUITE_GET("/\xe1\x88\xb4", "", SUITE_HOST), "host;x-amz-date",
         "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
        {"get-space, whose path is sent as it is", SUITE_GET("/example space/", "", SUITE_HOST), "host;x-amz-date",
         "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"},
        {"get-header-key-duplicate",
         SUITE_GET("/", "", SUITE_HOST, {"My-Header1", "value2"}, {"My-Header1", "value2"}, {"My-Header1", "value1"}),
         "host;my-header1;x-amz-date", "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"},
        {"get-header-value-trim",
         SUITE_GET("/", "", SUITE_HOST, {"My-Header1", " value1"}, {"My-Header2", " \"a   b   c\""}),
         "host;my-header1;my-header2;x-amz-date", "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
    };
    struct ops_sigv4_key key;
    assert_int_equal(ops_sigv4_key_derive(SUITE_SECRET, "us-east-1", "service", SUITE_AT_MS, &key), OPS_OK);
    for (size_t i = 0; i < COUNT_OF(examples); i++)
        check_published(&examples[i], &key, SUITE_KEY_ID);
}

/* ---- The canonical request ------------------------------------------------------------------------------------------ */

static void assert_canonical(const struct ops_sigv4_request *request, const char *expected)
{
    struct ops_buf buf;
    ops_buf_init(&buf, 8192);
    ops_sigv4_canonical(request, &buf);
    assert_int_equal(ops_buf_status(&buf), OPS_OK);
    assert_string_equal(ops_buf_text(&buf), expected);
    ops_buf_release(&buf);
}

static void assert_line(const struct ops_sigv4_request *request, int number, const char *expected)
{
    struct ops_buf buf;
    ops_buf_init(&buf, 8192);
    ops_sigv4_canonical(request, &buf);
    assert_int_equal(ops_buf_status(&buf), OPS_OK);
    const char *line = ops_buf_text(&buf);
    for (; number > 1; number--)
        line = strchr(line, '\n') + 1;
    struct ops_view found = ops_view(line, strcspn(line, "\n"));
    if (!ops_view_is(found, expected))
        fail_msg("'%.*s' instead of '%s'", (int)found.length, found.data, expected);
    ops_buf_release(&buf);
}

static void a_canonical_request_has_its_parts_in_their_lines(void **state)
{
    (void)state;
    const struct ops_sigv4_request request = {
        .method = "POST",
        .path = "/",
        .query = "b=2&a",
        HEADERS({"X-Amz-Date", SUITE_DATE}, {"Host", "h"}),
        .payload_sha256 = EMPTY_SHA256,
    };
    assert_canonical(&request, "POST\n/\na=&b=2\nhost:h\nx-amz-date:" SUITE_DATE "\n\nhost;x-amz-date\n" EMPTY_SHA256);
}

static void a_path_is_normalised_and_encoded_once_more(void **state)
{
    (void)state;
    static const struct {
        const char *path, *canonical;
    } cases[] = {
        {"/", "/"},
        {"/a/b", "/a/b"},
        {"/a/b/", "/a/b/"},
        {"//a///b//", "/a/b/"},
        {"/./a/./b/.", "/a/b"},
        {"/a/../b", "/b"},
        {"/a/b/../../c/", "/c/"},
        {"/a/b/../c/../../d", "/d"},
        {"/../../a", "/a"},
        {"/a/..", "/"},
        {"/a/../", "/"},
        {"/a/b/..", "/a"},
        {"/...", "/..."},
        {"/a%20b", "/a%2520b"},
        {"/%2e%2E/x", "/%252e%252E/x"},
        {"/-._~AZaz09", "/-._~AZaz09"},
        {"/*'()+$,:;@=!&", "/%2A%27%28%29%2B%24%2C%3A%3B%40%3D%21%26"},
        {"/2015-03-31/functions/arn%3Aaws%3Alambda", "/2015-03-31/functions/arn%253Aaws%253Alambda"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct ops_sigv4_request request = {.method = "GET", .path = cases[i].path, .query = "", .payload_sha256 = ""};
        assert_line(&request, 2, cases[i].canonical);
    }
}

static void a_path_of_s3_stays_as_it_is_sent(void **state)
{
    (void)state;
    static const char *const paths[] = {"/", "//a//b/", "/a/../b/./c", "/a%20b%2F%2A", "/a+b*c"};
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        const struct ops_sigv4_request request = {
            .method = "GET", .path = paths[i], .query = "", .payload_sha256 = "", .single_encoding = true};
        assert_line(&request, 2, paths[i]);
    }
}

static void parameters_are_sorted_by_name_and_then_by_value(void **state)
{
    (void)state;
    static const struct {
        const char *query, *canonical;
    } cases[] = {
        {"", ""},
        {"delete", "delete="},
        {"delete=", "delete="},
        {"b=1&a=2", "a=2&b=1"},
        {"a=2&a=1&a", "a=&a=1&a=2"},
        {"a=1&B=1", "B=1&a=1"},
        /* By name: "a" comes before "a-b", though "a-b=" comes before "a=". */
        {"a-b=1&a=2", "a=2&a-b=1"},
        {"ab=1&a=2", "a=2&ab=1"},
        {"a=b=c", "a=b=c"},
        {"x=%2B%20&%41=1", "%41=1&x=%2B%20"},
        {"a&", "=&a="},
        {"&&", "=&=&="},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct ops_sigv4_request request = {
            .method = "GET", .path = "/", .query = cases[i].query, .payload_sha256 = ""};
        assert_line(&request, 3, cases[i].canonical);
    }
}

static void headers_are_lower_cased_sorted_joined_and_folded(void **state)
{
    (void)state;
    const struct ops_sigv4_request request = {
        .method = "GET",
        .path = "/",
        .query = "",
        HEADERS({"X-B", "  2  3\t 4 "}, {"x-a", ""}, {"X-AB", "ab"}, {"x-b", "1"}, {"Host", "h"}, {"X_A", "   "},
                {"X-b", "\"a   b\""}),
        .payload_sha256 = "",
    };
    assert_canonical(&request, "GET\n/\n\n"
                               "host:h\nx-a:\nx-ab:ab\nx-b:2 3 4,1,\"a b\"\nx_a:\n\n"
                               "host;x-a;x-ab;x-b;x_a\n");
}

/* ---- Limits, failures, secrets -------------------------------------------------------------------------------------- */

static const struct ops_sigv4_request plain = SUITE_GET("/", "", SUITE_HOST);

static void plain_key(struct ops_sigv4_key *ret_key)
{
    assert_int_equal(ops_sigv4_key_derive(SUITE_SECRET, "us-east-1", "service", SUITE_AT_MS, ret_key), OPS_OK);
}

static void fill(char *text, size_t length)
{
    memset(text, 'x', length);
    text[length] = '\0';
}

static void a_name_or_a_secret_that_is_too_long_is_a_limit_and_leaves_the_key_alone(void **state)
{
    (void)state;
    struct ops_sigv4_key key, before;
    char name[OPS_SIGV4_NAME_MAX + 2], secret[OPS_SIGV4_SECRET_MAX + 2];
    memset(&key, 0x5a, sizeof key);
    before = key;
    fill(name, OPS_SIGV4_NAME_MAX + 1);
    fill(secret, OPS_SIGV4_SECRET_MAX + 1);
    assert_int_equal(ops_sigv4_key_derive("s", name, "s3", 0, &key), OPS_LIMIT);
    assert_int_equal(ops_sigv4_key_derive("s", "us-east-1", name, 0, &key), OPS_LIMIT);
    assert_int_equal(ops_sigv4_key_derive(secret, "us-east-1", "s3", 0, &key), OPS_LIMIT);
    assert_memory_equal(&key, &before, sizeof key);

    fill(name, OPS_SIGV4_NAME_MAX);
    fill(secret, OPS_SIGV4_SECRET_MAX);
    assert_int_equal(ops_sigv4_key_derive(secret, name, name, 0, &key), OPS_OK);
    assert_string_equal(key.region, name);
    assert_string_equal(key.day, "19700101");
}

static void an_authorization_takes_its_limit_and_not_one_byte_more(void **state)
{
    (void)state;
    struct ops_sigv4_key key;
    char value[OPS_SIGV4_AUTHORIZATION_SIZE], id[OPS_SIGV4_AUTHORIZATION_SIZE];
    plain_key(&key);
    assert_int_equal(ops_sigv4_authorization(&plain, &key, "", value), OPS_OK);
    size_t room = OPS_SIGV4_AUTHORIZATION_SIZE - 1 - strlen(value);
    fill(id, room);
    assert_int_equal(ops_sigv4_authorization(&plain, &key, id, value), OPS_OK);
    assert_int_equal(strlen(value), OPS_SIGV4_AUTHORIZATION_SIZE - 1);
    fill(id, room + 1);
    strcpy(value, "as before");
    assert_int_equal(ops_sigv4_authorization(&plain, &key, id, value), OPS_LIMIT);
    assert_string_equal(value, "as before");
}

static enum ops_status sign_with_parameters(size_t count)
{
    struct ops_sigv4_key key;
    struct ops_sigv4_request request = plain;
    char value[OPS_SIGV4_AUTHORIZATION_SIZE], query[2 * (OPS_SIGV4_PARAMETERS_MAX + 1) + 1] = "";
    for (size_t i = 0; i < count; i++)
        strcat(query, i ? "&a" : "a");
    plain_key(&key);
    request.query = query;
    return ops_sigv4_authorization(&request, &key, SUITE_KEY_ID, value);
}

static enum ops_status sign_with_headers(size_t count)
{
    struct ops_sigv4_key key;
    struct ops_sigv4_request request = plain;
    struct ops_http_header headers[OPS_HTTP_HEADERS_MAX + 1] = {SUITE_HOST};
    char value[OPS_SIGV4_AUTHORIZATION_SIZE];
    for (size_t i = 2; i < count; i++)
        headers[i] = (struct ops_http_header){"x-more", "1"};
    plain_key(&key);
    request.headers = headers;
    request.header_count = count;
    return ops_sigv4_authorization(&request, &key, SUITE_KEY_ID, value);
}

static void too_many_parameters_or_headers_are_a_limit(void **state)
{
    (void)state;
    assert_int_equal(sign_with_parameters(OPS_SIGV4_PARAMETERS_MAX), OPS_OK);
    assert_int_equal(sign_with_parameters(OPS_SIGV4_PARAMETERS_MAX + 1), OPS_LIMIT);
    assert_int_equal(sign_with_headers(OPS_HTTP_HEADERS_MAX), OPS_OK);
    assert_int_equal(sign_with_headers(OPS_HTTP_HEADERS_MAX + 1), OPS_LIMIT);
}

static void a_request_larger_than_any_service_takes_is_a_limit(void **state)
{
    (void)state;
    static char path[70 * 1024];
    struct ops_sigv4_key key;
    struct ops_sigv4_request request = plain;
    char value[OPS_SIGV4_AUTHORIZATION_SIZE];
    plain_key(&key);
    fill(path, sizeof path - 1);
    path[0] = '/';
    request.path = path;
    assert_int_equal(ops_sigv4_authorization(&request, &key, SUITE_KEY_ID, value), OPS_LIMIT);
}

static void without_memory_there_is_no_authorization_and_nothing_is_lost(void **state)
{
    (void)state;
    struct ops_sigv4_key key;
    char value[OPS_SIGV4_AUTHORIZATION_SIZE];
    plain_key(&key);
    size_t n = 1;
    for (bool hit = true; hit; n++) {
        alloc_fault_install(n);
        strcpy(value, "as before");
        enum ops_status status = ops_sigv4_authorization(&plain, &key, SUITE_KEY_ID, value);
        hit = alloc_fault_hit();
        assert_int_equal(status, hit ? OPS_NO_MEMORY : OPS_OK);
        assert_int_equal(strcmp(value, "as before") == 0, hit);
        assert_int_equal(alloc_fault_live_count(), 0);
        alloc_fault_remove();
    }
    assert_true(n > 2);
}

static void a_wiped_key_has_nothing_left_of_it(void **state)
{
    (void)state;
    static const struct ops_sigv4_key nothing;
    struct ops_sigv4_key key;
    plain_key(&key);
    assert_memory_not_equal(&key, &nothing, sizeof key);
    ops_sigv4_key_wipe(&key);
    assert_memory_equal(&key, &nothing, sizeof key);
}

static void a_key_is_of_the_utc_day_and_its_date_has_its_seconds(void **state)
{
    (void)state;
    struct ops_sigv4_key key;
    char date[OPS_SIGV4_DATE_SIZE];
    ops_sigv4_date(INT64_C(1767323045678), date);
    assert_string_equal(date, "20260102T030405Z");
    ops_sigv4_date(OPS_INSTANT_MAX_MS, date);
    assert_string_equal(date, "99991231T235959Z");
    assert_int_equal(ops_sigv4_key_derive("s", "r", "s3", INT64_C(1767398399999), &key), OPS_OK);
    assert_string_equal(key.day, "20260102");
    assert_int_equal(ops_sigv4_key_derive("s", "r", "s3", INT64_C(1767398400000), &key), OPS_OK);
    assert_string_equal(key.day, "20260103");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_list_users_example_of_the_iam_guide_comes_to_the_published_signature),
        cmocka_unit_test(the_examples_of_the_s3_reference_come_to_the_published_signatures),
        cmocka_unit_test(the_requests_of_the_signature_test_suite_come_to_its_signatures),
        cmocka_unit_test(a_canonical_request_has_its_parts_in_their_lines),
        cmocka_unit_test(a_path_is_normalised_and_encoded_once_more),
        cmocka_unit_test(a_path_of_s3_stays_as_it_is_sent),
        cmocka_unit_test(parameters_are_sorted_by_name_and_then_by_value),
        cmocka_unit_test(headers_are_lower_cased_sorted_joined_and_folded),
        cmocka_unit_test(a_name_or_a_secret_that_is_too_long_is_a_limit_and_leaves_the_key_alone),
        cmocka_unit_test(an_authorization_takes_its_limit_and_not_one_byte_more),
        cmocka_unit_test(too_many_parameters_or_headers_are_a_limit),
        cmocka_unit_test(a_request_larger_than_any_service_takes_is_a_limit),
        cmocka_unit_test(without_memory_there_is_no_authorization_and_nothing_is_lost),
        cmocka_unit_test(a_wiped_key_has_nothing_left_of_it),
        cmocka_unit_test(a_key_is_of_the_utc_day_and_its_date_has_its_seconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
