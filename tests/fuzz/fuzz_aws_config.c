/* The shared files of AWS users. What was read is written again in the plainest form, which must read as the same. */
#include "fuzz/fuzz.h"

#include "adapters/aws/ini.h"
#include "adapters/aws/url.h"

#include <string.h>

enum { TEXT_MAX_BYTES = 1024 * 1024 };

/* A value of several lines goes on in indented ones. A line in it that is blank stays so. */
static void write_value(struct ops_buf *buf, const char *indent, const char *text)
{
    for (; *text; text++) {
        ops_buf_append_char(buf, *text);
        if (*text == '\n')
            ops_buf_append_text(buf, indent);
    }
    ops_buf_append_char(buf, '\n');
}

static void write_setting(struct ops_buf *buf, const struct ops_ini_setting *setting, bool first_child)
{
    if (!setting->child || first_child)
        ops_buf_append_format(buf, "%s=", setting->name);
    if (first_child)
        ops_buf_append_char(buf, '\n');
    if (setting->child)
        ops_buf_append_format(buf, " %s=", setting->child);
    write_value(buf, " ", setting->text);
}

static void write_section(struct ops_buf *buf, const struct ops_ini_section *section)
{
    ops_buf_append_format(buf, "[%s]\n", section->header);
    for (size_t i = 0; i < section->setting_count; i++) {
        const struct ops_ini_setting *setting = &section->settings[i], *before = i > 0 ? setting - 1 : NULL;
        bool goes_on = before && before->child && strcmp(before->name, setting->name) == 0;
        write_setting(buf, setting, setting->child && !goes_on);
    }
}

static void expect_same_setting(const struct ops_ini_setting *a, const struct ops_ini_setting *b)
{
    FUZZ_MUST(strcmp(a->name, b->name) == 0 && strcmp(a->text, b->text) == 0);
    FUZZ_MUST(!a->child == !b->child && (!a->child || strcmp(a->child, b->child) == 0));
}

static void expect_same(const struct ops_ini *a, const struct ops_ini *b)
{
    FUZZ_MUST(a->section_count == b->section_count);
    for (size_t i = 0; i < a->section_count; i++) {
        const struct ops_ini_section *one = &a->sections[i], *other = &b->sections[i];
        FUZZ_MUST(strcmp(one->header, other->header) == 0 && one->setting_count == other->setting_count);
        for (size_t k = 0; k < one->setting_count; k++)
            expect_same_setting(&one->settings[k], &other->settings[k]);
    }
}

/* Every setting is found, and no text makes the header or the URL reader go astray. */
static void use(const struct ops_ini *ini)
{
    for (size_t i = 0; i < ini->section_count; i++) {
        const struct ops_ini_section *section = &ini->sections[i];
        (void)ops_ini_header_is(section->header, "profile", "a b");
        for (size_t k = 0; k < section->setting_count; k++) {
            const struct ops_ini_setting *setting = &section->settings[k];
            struct ops_aws_url url;
            FUZZ_MUST(ops_ini_get(section, setting->name, setting->child));
            if (ops_aws_url_parse(setting->text, &url))
                FUZZ_MUST(url.host.length > 0 && (!url.rest[0] || url.rest[0] == '/'));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    struct ops_ini ini = {.sections = NULL}, again = {.sections = NULL};
    struct ops_buf text;
    struct ops_error error = OPS_ERROR_INIT;
    ops_buf_init(&text, TEXT_MAX_BYTES);
    if (ops_ini_parse("input", fuzz_view(bytes, count), &ini, &error) == OPS_OK) {
        use(&ini);
        for (size_t i = 0; i < ini.section_count; i++)
            write_section(&text, &ini.sections[i]);
        FUZZ_MUST(ops_buf_status(&text) == OPS_OK);
        FUZZ_MUST(ops_ini_parse("again", ops_buf_view(&text), &again, NULL) == OPS_OK);
        expect_same(&ini, &again);
    } else {
        FUZZ_MUST(strncmp(error.text, "input, line ", 12) == 0 || strncmp(error.text, "input is", 8) == 0);
    }
    ops_ini_release(&ini);
    ops_ini_release(&again);
    ops_buf_release(&text);
    ops_error_release(&error);
    return 0;
}
