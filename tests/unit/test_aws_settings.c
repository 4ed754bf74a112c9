#include "adapters/aws/ini.h"
#include "adapters/aws/settings.h"
#include "adapters/aws/url.h"
#include "base/mem.h"
#include "support/alloc_fault.h"
#include "support/cmocka_all.h"
#include "support/env_list.h"
#include "support/scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static char directory[SCRATCH_SIZE];

static int set_up(void **state)
{
    (void)state;
    scratch_make(directory);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    scratch_remove(directory);
    return 0;
}

/* The dialect. */

static enum ops_status parse(const char *text, struct ops_ini *ini, struct ops_error *error)
{
    *ini = (struct ops_ini){.sections = NULL};
    return ops_ini_parse("the file", ops_view_of(text), ini, error);
}

struct value_case {
    const char *text;
    const char *name;
    const char *child;
    const char *expected; /* NULL: there is no such setting */
};

static const struct value_case value_cases[] = {
    {"[a]\nregion=x", "region", NULL, "x"},
    {"[a]\nregion = x \t\n", "region", NULL, "x"},
    {"[a]\r\nregion = x\r\n", "region", NULL, "x"},
    {"[a]\rregion = x\r", "region", NULL, "x"},
    {"[a] and more\nregion: x", "region", NULL, "x"},
    {"[a]\nRegion=X", "region", NULL, "X"},
    {"[a]\nregion=", "region", NULL, ""},
    {"[a]\nregion=\n\n\n", "region", NULL, ""},
    {"[a]\nregion=\"x\"", "region", NULL, "\"x\""},
    {"[a]\nregion=x # no comment", "region", NULL, "x # no comment"},
    {"[a]\nregion=x=y:z", "region", NULL, "x=y:z"},
    {"[a]\n# region=y\n ; region=z\nregion=x", "region", NULL, "x"},
    {"[a]\n  region=x\n  output=json", "output", NULL, "json"},
    {"[a]\nregion=x\n  more\n\n # none of it\n  yet more\n", "region", NULL, "x\nmore\n\nyet more"},
    {"[a]\nregion=x\n\toutput=json\n", "output", NULL, NULL},
    {"[a]\ns3 =\n  style = path\n  Size=1\n", "s3", "style", "path"},
    {"[a]\ns3 =\n  style = path\n  Size=1\n", "s3", "Size", "1"},
    {"[a]\ns3 =\n  style = path\n  Size=1\n", "s3", "size", NULL},
    {"[a]\ns3 =\n  style = path\n", "s3", NULL, NULL},
    {"[a]\ns3 =\n  style = path\n  style = virtual\n", "s3", "style", "virtual"},
    {"[a]\ns3 =\n  url = http://h:1/?a=b\n", "s3", "url", "http://h:1/?a=b"},
    {"[a]\ns3 =\n\n  style = path\nregion=x", "region", NULL, "x"},
};

static void a_value_is_read_as_botocore_reads_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(value_cases); i++) {
        const struct value_case *row = &value_cases[i];
        struct ops_ini ini;
        assert_int_equal(parse(row->text, &ini, NULL), OPS_OK);
        assert_int_equal(ini.section_count, 1);
        assert_string_equal(ini.sections[0].header, "a");
        const char *value = ops_ini_get(&ini.sections[0], row->name, row->child);
        if (row->expected && (!value || strcmp(value, row->expected) != 0))
            print_error("%s: %s\n", row->text, value ? value : "none");
        if (row->expected)
            assert_string_equal(value, row->expected);
        else
            assert_null(value);
        ops_ini_release(&ini);
    }
}

struct refusal_case {
    const char *text;
    const char *place;
};

static const struct refusal_case refusal_cases[] = {
    {"region = hush\n", "line 1"},
    {"\n\n# hush\n[]\n", "line 4"},
    {"[a]\nhush\n", "line 2"},
    {"[a]\n= hush\n", "line 2"},
    {"[a]\nhush = 1\nHush = 2\n", "line 3"},
    {"[a]\n[b]\n[a]\n", "line 3"},
    {"[a]\ns3 =\n  hush\n[b]\n", "line 4"},
    {"\xEF\xBB\xBF[a]\n", "line 1"},
};

static void what_can_not_be_read_is_told_by_line_and_not_quoted(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(refusal_cases); i++) {
        struct ops_ini ini;
        struct ops_error error = OPS_ERROR_INIT;
        assert_int_equal(parse(refusal_cases[i].text, &ini, &error), OPS_INVALID_FIELD);
        assert_non_null(strstr(error.text, "the file"));
        assert_non_null(strstr(error.text, refusal_cases[i].place));
        assert_null(strstr(error.text, "hush"));
        assert_null(ini.sections);
        ops_error_release(&error);
    }
}

static void a_nul_byte_is_refused(void **state)
{
    (void)state;
    struct ops_ini ini = {.sections = NULL};
    assert_int_equal(ops_ini_parse("f", ops_view("[a]\nb=\0c\n", 9), &ini, NULL), OPS_INVALID_FIELD);
}

/* head, and format count times, with the number of the time wherever it wants one. */
static char *repeated(const char *head, const char *format, int count)
{
    struct ops_buf text;
    ops_buf_init(&text, 4 * OPS_INI_FILE_MAX_BYTES);
    ops_buf_append_text(&text, head);
    for (int i = 0; i < count; i++)
        ops_buf_append_format(&text, format, i);
    char *taken = ops_buf_take(&text);
    assert_non_null(taken);
    return taken;
}

static void expect_limit(const char *head, const char *format, int most)
{
    for (int over = 0; over < 2; over++) {
        struct ops_ini ini;
        char *text = repeated(head, format, most + over);
        assert_int_equal(parse(text, &ini, NULL), over ? OPS_INVALID_FIELD : OPS_OK);
        ops_ini_release(&ini);
        ops_mem_free(text);
    }
}

static void every_limit_holds_and_is_no_smaller_than_it_says(void **state)
{
    (void)state;
    expect_limit("[a]\nb=", "x", OPS_INI_LINE_MAX_BYTES - 2);
    expect_limit("", "[%d]\n", OPS_INI_SECTIONS_MAX);
    expect_limit("[a]\n", "n%d=1\n", OPS_INI_SETTINGS_MAX);
    expect_limit("[a]\nb=\n", " n%d=1\n", OPS_INI_SETTINGS_MAX);
    expect_limit("", "#\n", OPS_INI_FILE_MAX_BYTES / 2);
}

struct header_case {
    const char *header;
    const char *name;
    bool expected;
};

static const struct header_case header_cases[] = {
    {"profile a", "a", true},
    {"profile\t a ", "a", true},
    {"profile \"a b\"", "a b", true},
    {"profile 'a b'", "a b", true},
    {"profile 'a'\"b\"c", "abc", true},
    {"profile a\\ b", "a b", true},
    {"profile \"a\\\"b\\c\"", "a\"b\\c", true},
    {"profile 'a\\'", "a\\", true},
    {"profile a b", "a", false},
    {"profile a b", "a b", false},
    {"profile \"a", "a", false},
    {"profile a\\", "a", false},
    {"profile", "", false},
    {"profile ", "", false},
    {"profile ''", "", true},
    {"profilea", "a", false},
    {" profile a", "a", false},
    {"Profile a", "a", false},
    {"profile A", "a", false},
};

static void a_header_names_a_profile_as_a_shell_would_split_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(header_cases); i++)
        assert_int_equal(ops_ini_header_is(header_cases[i].header, "profile", header_cases[i].name),
                         header_cases[i].expected);
}

/* URLs. */

static void a_url_is_taken_apart(void **state)
{
    (void)state;
    struct ops_aws_url url;
    assert_true(ops_aws_url_parse("HTTP://h-1.example:8000/a?b=c", &url));
    assert_false(url.https);
    assert_true(ops_view_is(url.host, "h-1.example"));
    assert_string_equal(url.rest, "/a?b=c");
    assert_true(ops_aws_url_parse("https://[fd00:ec2::254]:1", &url));
    assert_true(url.https);
    assert_true(ops_view_is(url.host, "fd00:ec2::254"));
    assert_string_equal(url.rest, "");
}

static void what_is_no_url_of_a_service_is_refused(void **state)
{
    (void)state;
    static const char *const urls[] = {
        "",
        "h",
        "ftp://h",
        "http:/h",
        "http://",
        "http:///p",
        "http://u:p@h",
        "http://h:",
        "http://h:x",
        "http://h:123456",
        "http://h#f",
        "http://h?q",
        "http://h/a b",
        "http://h\\@g/",
        "http://[::1",
        "http://[]/",
        "http://[h]/",
        "http://h\n",
        "http://\xC3\xA9/",
        "http://h:80@g/",
    };
    for (size_t i = 0; i < COUNT(urls); i++) {
        struct ops_aws_url url;
        assert_false(ops_aws_url_parse(urls[i], &url));
    }
}

/* Settings. */

static const struct ops_aws_settings_flags no_flags = {NULL, NULL};

/* New settings of files that stand where HOME says; each text may be NULL. */
static enum ops_status settings_of(const char *config, const char *credentials, const char **pairs,
                                   const struct ops_aws_settings_flags *flags, struct ops_aws_settings **ret_settings,
                                   struct ops_error *error)
{
    const char *all[32] = {"HOME", directory};
    for (size_t i = 0; pairs && pairs[i]; i++)
        all[i + 2] = pairs[i];
    const struct ops_env env = env_list(all);
    (void)mkdir(scratch_path(directory, ".aws"), 0700);
    (void)unlink(scratch_path(directory, ".aws/config"));
    (void)unlink(scratch_path(directory, ".aws/credentials"));
    if (config)
        scratch_write(scratch_path(directory, ".aws/config"), config);
    if (credentials)
        scratch_write(scratch_path(directory, ".aws/credentials"), credentials);
    return ops_aws_settings_new(&env, flags, ret_settings, error);
}

static struct ops_aws_settings *good_settings(const char *config, const char *credentials, const char **pairs,
                                              const struct ops_aws_settings_flags *flags)
{
    struct ops_aws_settings *settings = NULL;
    struct ops_error error = OPS_ERROR_INIT;
    enum ops_status status = settings_of(config, credentials, pairs, flags, &settings, &error);
    if (status != OPS_OK)
        print_error("%s\n", ops_error_text(&error, status));
    assert_int_equal(status, OPS_OK);
    return settings;
}

static void expect_refused(const char *config, const char **pairs, const struct ops_aws_settings_flags *flags,
                           enum ops_status expected, const char *word)
{
    struct ops_aws_settings *settings = NULL;
    struct ops_error error = OPS_ERROR_INIT;
    assert_int_equal(settings_of(config, NULL, pairs, flags, &settings, &error), expected);
    assert_null(settings);
    assert_non_null(strstr(error.text, word));
    assert_null(strstr(error.text, "hush"));
    ops_error_release(&error);
}

static void with_nothing_configured_nothing_is_said(void **state)
{
    (void)state;
    const char *nothing[] = {NULL};
    const struct ops_env env = env_list(nothing);
    struct ops_aws_settings *settings = NULL;
    assert_int_equal(ops_aws_settings_new(&env, &no_flags, &settings, NULL), OPS_OK);
    assert_null(ops_aws_settings_region(settings));
    assert_null(ops_aws_settings_ca_bundle(settings));
    assert_string_equal(ops_aws_settings_profile(settings), "default");
    assert_false(ops_aws_settings_has_profile(settings, "default"));
    for (int service = 0; service < OPS_AWS_SERVICE_COUNT; service++)
        assert_null(ops_aws_settings_endpoint(settings, (enum ops_aws_service)service));
    ops_aws_settings_free(settings);
    ops_aws_settings_free(NULL);
}

static void expect_region(const char *expected, const char **pairs, const struct ops_aws_settings_flags *flags)
{
    struct ops_aws_settings *settings =
        good_settings("[default]\nregion=in-file\n[profile p]\nregion=in-p", NULL, pairs, flags);
    assert_string_equal(ops_aws_settings_region(settings), expected);
    ops_aws_settings_free(settings);
}

static void the_region_is_the_flags_then_the_environments_then_the_profiles(void **state)
{
    (void)state;
    const char *both[] = {"AWS_REGION", "first", "AWS_DEFAULT_REGION", "second", NULL};
    const char *second[] = {"AWS_REGION", "", "AWS_DEFAULT_REGION", "second", NULL};
    const char *empty[] = {"AWS_REGION", "", "AWS_DEFAULT_REGION", "", "AWS_PROFILE", "", NULL};
    const char *profile[] = {"AWS_PROFILE", "p", "AWS_DEFAULT_PROFILE", "default", NULL};
    const char *default_profile[] = {"AWS_DEFAULT_PROFILE", "p", NULL};
    expect_region("by-flag", both, &(struct ops_aws_settings_flags){.region = "by-flag"});
    expect_region("first", both, &no_flags);
    expect_region("second", second, &no_flags);
    expect_region("in-file", empty, &no_flags);
    expect_region("in-p", profile, &no_flags);
    expect_region("in-p", default_profile, &no_flags);
    expect_region("in-file", profile, &(struct ops_aws_settings_flags){.profile = "default"});
    expect_refused("[default]\nregion=evil.example/\n", NULL, &no_flags, OPS_INVALID_FIELD, "region");
}

static void a_profile_that_was_asked_for_must_exist(void **state)
{
    (void)state;
    const char *asked[] = {"AWS_PROFILE", "nobody", NULL};
    expect_refused("[nobody]\nregion=x\n", asked, &no_flags, OPS_INVALID_FIELD, "'nobody'");
    expect_refused(NULL, NULL, &(struct ops_aws_settings_flags){.profile = "default"}, OPS_INVALID_FIELD, "'default'");
    struct ops_aws_settings *settings = good_settings(NULL, "[nobody]\nregion=x\n", asked, &no_flags);
    assert_string_equal(ops_aws_settings_region(settings), "x");
    assert_false(ops_aws_settings_profile_by_flag(settings));
    ops_aws_settings_free(settings);
}

static void the_credentials_file_goes_before_the_config_file(void **state)
{
    (void)state;
    struct ops_aws_settings *settings = good_settings(
        "[profile p]\nregion=config\nrole_arn=r\noutput=\nexternal_id=x\n[default]\nrole_arn=d\n[profile q]\nx=1",
        "[p]\nregion=credentials\nexternal_id=\n[profile q]\nx=2\n", NULL, &(struct ops_aws_settings_flags){.profile = "p"});
    assert_true(ops_aws_settings_profile_by_flag(settings));
    assert_string_equal(ops_aws_settings_region(settings), "credentials");
    assert_string_equal(ops_aws_settings_profile_value(settings, NULL, "role_arn"), "r");
    assert_string_equal(ops_aws_settings_profile_value(settings, "default", "role_arn"), "d");
    assert_null(ops_aws_settings_profile_value(settings, "p", "output"));
    assert_null(ops_aws_settings_profile_value(settings, "p", "external_id"));
    assert_null(ops_aws_settings_profile_value(settings, "nobody", "region"));
    assert_string_equal(ops_aws_settings_profile_value(settings, "q", "x"), "1");
    assert_string_equal(ops_aws_settings_file_value(settings, OPS_AWS_CONFIG_FILE, "p", "region"), "config");
    assert_null(ops_aws_settings_file_value(settings, OPS_AWS_CREDENTIALS_FILE, "p", "role_arn"));
    ops_aws_settings_free(settings);
}

struct endpoint_case {
    const char *pairs[7];
    const char *expected; /* of CloudWatch Logs */
};

static const char endpoint_config[] = "[default]\nservices = local\nendpoint_url = http://profile/\n"
                                      "[services local]\ndynamodb =\n  endpoint_url = http://dynamodb-section:1\n"
                                      "cloudwatch_logs =\n  endpoint_url = http://section:1//\n";

static const struct endpoint_case endpoint_cases[] = {
    {{"AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", "https://own/", "AWS_ENDPOINT_URL", "http://all"}, "https://own"},
    {{"AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", "", "AWS_ENDPOINT_URL", "http://all/p/"}, "http://all/p"},
    {{"AWS_ENDPOINT_URL_LOGS", "http://wrong", "AWS_ENDPOINT_URL_S3", "http://wrong"}, "http://section:1"},
    {{"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "TRUE", "AWS_ENDPOINT_URL", "http://all"}, NULL},
    {{"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "false", "AWS_ENDPOINT_URL", "http://all"}, "http://all"},
    {{"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true", "AWS_ENDPOINT_URL", "no url"}, NULL},
};

static void an_endpoint_is_the_services_own_before_everybodys_and_the_environments_before_the_profiles(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(endpoint_cases); i++) {
        const char *pairs[7];
        memcpy(pairs, endpoint_cases[i].pairs, sizeof pairs);
        struct ops_aws_settings *settings = good_settings(endpoint_config, NULL, pairs, &no_flags);
        const char *endpoint = ops_aws_settings_endpoint(settings, OPS_AWS_LOGS);
        if (endpoint_cases[i].expected)
            assert_string_equal(endpoint, endpoint_cases[i].expected);
        else
            assert_null(endpoint);
        ops_aws_settings_free(settings);
    }
}

static void each_service_has_its_own_endpoint(void **state)
{
    (void)state;
    const char *pairs[] = {"AWS_ENDPOINT_URL_S3",
                           "http://s3",
                           "AWS_ENDPOINT_URL_LAMBDA",
                           "http://lambda",
                           "AWS_ENDPOINT_URL_STS",
                           "http://sts",
                           "AWS_ENDPOINT_URL_DYNAMODB",
                           "",
                           NULL};
    static const char *const expected[OPS_AWS_SERVICE_COUNT] = {
        [OPS_AWS_DYNAMODB] = "http://dynamodb-section:1",
        [OPS_AWS_S3] = "http://s3",
        [OPS_AWS_LOGS] = "http://section:1",
        [OPS_AWS_LAMBDA] = "http://lambda",
        [OPS_AWS_STS] = "http://sts",
    };
    struct ops_aws_settings *settings = good_settings(endpoint_config, NULL, pairs, &no_flags);
    for (int service = 0; service < OPS_AWS_SERVICE_COUNT; service++)
        assert_string_equal(ops_aws_settings_endpoint(settings, (enum ops_aws_service)service), expected[service]);
    ops_aws_settings_free(settings);
    settings = good_settings("[default]\nendpoint_url = http://profile/\nignore_configured_endpoint_urls = true\n", NULL,
                             NULL, &no_flags);
    assert_null(ops_aws_settings_endpoint(settings, OPS_AWS_S3));
    ops_aws_settings_free(settings);
}

static void an_endpoint_that_is_none_is_refused_by_where_it_stands(void **state)
{
    (void)state;
    const char *pairs[] = {"AWS_ENDPOINT_URL_S3", "http://user:hush@host", NULL};
    expect_refused(NULL, pairs, &no_flags, OPS_INVALID_FIELD, "AWS_ENDPOINT_URL_S3");
    expect_refused("[default]\nendpoint_url=ftp://hush\n", NULL, &no_flags, OPS_INVALID_FIELD, "endpoint_url");
    expect_refused("[default]\nservices=there\n[services there]\n", NULL, &no_flags, OPS_INVALID_FIELD, "there");
    expect_refused("[default]\nservices=there\n[services here]\ns3=\n  endpoint_url=http://h\n", NULL, &no_flags,
                   OPS_INVALID_FIELD, "there");
}

static void the_ca_bundle_is_the_environments_then_the_profiles(void **state)
{
    (void)state;
    const char *pairs[] = {"AWS_CA_BUNDLE", "/env.pem", NULL};
    struct ops_aws_settings *settings = good_settings("[default]\nca_bundle = /file.pem\n", NULL, pairs, &no_flags);
    assert_string_equal(ops_aws_settings_ca_bundle(settings), "/env.pem");
    ops_aws_settings_free(settings);
    settings = good_settings("[default]\nca_bundle = /file.pem\n", NULL, NULL, &no_flags);
    assert_string_equal(ops_aws_settings_ca_bundle(settings), "/file.pem");
    ops_aws_settings_free(settings);
}

static void the_environment_names_other_files_and_a_tilde_is_home(void **state)
{
    (void)state;
    char credentials[SCRATCH_SIZE + 16];
    (void)snprintf(credentials, sizeof credentials, "%s/creds", directory);
    scratch_write(scratch_path(directory, "conf"), "[default]\nregion=tilde\n");
    scratch_write(credentials, "[default]\noutput=own\n");
    const char *pairs[] = {"AWS_CONFIG_FILE", "~/conf", "AWS_SHARED_CREDENTIALS_FILE", credentials, NULL};
    struct ops_aws_settings *settings = good_settings("[default]\nregion=usual\n", NULL, pairs, &no_flags);
    assert_string_equal(ops_aws_settings_region(settings), "tilde");
    assert_string_equal(ops_aws_settings_profile_value(settings, NULL, "output"), "own");
    ops_aws_settings_free(settings);
    pairs[1] = "/nonexistent/conf";
    settings = good_settings("[default]\nregion=usual\n", NULL, pairs, &no_flags);
    assert_null(ops_aws_settings_region(settings));
    ops_aws_settings_free(settings);
}

static void a_file_that_is_there_and_can_not_be_read_is_told(void **state)
{
    (void)state;
    const char *pairs[] = {"AWS_CONFIG_FILE", directory, NULL}; /* a directory */
    expect_refused(NULL, pairs, &no_flags, OPS_IO_ERROR, directory);
    expect_refused("[default]\nx\n", NULL, &no_flags, OPS_INVALID_FIELD, ".aws/config, line 2");
    char *large = repeated("", "#\n", OPS_INI_FILE_MAX_BYTES / 2 + 1);
    expect_refused(large, NULL, &no_flags, OPS_INVALID_FIELD, "larger than");
    ops_mem_free(large);
}

static void without_memory_no_settings_are_half_read(void **state)
{
    (void)state;
    const char *pairs[] = {"AWS_CA_BUNDLE", "/env.pem", "AWS_ENDPOINT_URL_STS", "http://sts", NULL};
    bool hit = true;
    for (size_t n = 1; hit; n++) {
        struct ops_aws_settings *settings = NULL;
        assert_true(n < 1000);
        alloc_fault_install(n);
        enum ops_status status = settings_of(endpoint_config, "[default]\nregion=x\naws_secret_access_key=hush\n", pairs,
                                             &no_flags, &settings, NULL);
        hit = alloc_fault_hit();
        assert_int_equal(status, hit ? OPS_NO_MEMORY : OPS_OK);
        assert_true(hit == !settings);
        ops_aws_settings_free(settings);
        assert_int_equal(alloc_fault_live_count(), 0);
        alloc_fault_remove();
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_is_read_as_botocore_reads_it),
        cmocka_unit_test(what_can_not_be_read_is_told_by_line_and_not_quoted),
        cmocka_unit_test(a_nul_byte_is_refused),
        cmocka_unit_test(every_limit_holds_and_is_no_smaller_than_it_says),
        cmocka_unit_test(a_header_names_a_profile_as_a_shell_would_split_it),
        cmocka_unit_test(a_url_is_taken_apart),
        cmocka_unit_test(what_is_no_url_of_a_service_is_refused),
        CASE(with_nothing_configured_nothing_is_said),
        CASE(the_region_is_the_flags_then_the_environments_then_the_profiles),
        CASE(a_profile_that_was_asked_for_must_exist),
        CASE(the_credentials_file_goes_before_the_config_file),
        CASE(an_endpoint_is_the_services_own_before_everybodys_and_the_environments_before_the_profiles),
        CASE(each_service_has_its_own_endpoint),
        CASE(an_endpoint_that_is_none_is_refused_by_where_it_stands),
        CASE(the_ca_bundle_is_the_environments_then_the_profiles),
        CASE(the_environment_names_other_files_and_a_tilde_is_home),
        CASE(a_file_that_is_there_and_can_not_be_read_is_told),
        CASE(without_memory_no_settings_are_half_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
