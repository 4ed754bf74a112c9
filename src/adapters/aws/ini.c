#include "adapters/aws/ini.h"

#include "adapters/aws/secret_text.h"
#include "base/mem.h"

/* One pass, line by line. A value is not stored before it is known to have ended, since a later line may go on with it. */
struct reader {
    const char *path;
    size_t line_number;
    struct ops_ini ini;
    size_t indent;        /* of the line that began the current section or setting; a deeper line goes on with the value */
    struct ops_view name; /* of the setting whose value is being read; no data: there is none */
    struct ops_buf value;
    struct ops_error *error;
};

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r') || (c >= '\x1c' && c <= '\x1f');
}

static struct ops_view trimmed(struct ops_view text)
{
    while (text.length > 0 && is_space(text.data[text.length - 1]))
        text.length--;
    while (text.length > 0 && is_space(text.data[0])) {
        text.data++;
        text.length--;
    }
    return text;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static enum ops_status refuse(struct reader *reader, const char *why)
{
    return ops_fail(reader->error, OPS_INVALID_FIELD, "%s, line %zu: %s.", reader->path, reader->line_number, why);
}

static void wipe_text(char *text)
{
    if (text)
        explicit_bzero(text, strlen(text));
    ops_mem_free(text);
}

static void setting_release(struct ops_ini_setting *setting)
{
    wipe_text(setting->name);
    wipe_text(setting->child);
    wipe_text(setting->text);
}

static void section_release(struct ops_ini_section *section)
{
    for (size_t i = 0; i < section->setting_count; i++)
        setting_release(&section->settings[i]);
    ops_mem_free(section->settings);
    ops_mem_free(section->header);
}

void ops_ini_release(struct ops_ini *ini)
{
    for (size_t i = 0; i < ini->section_count; i++)
        section_release(&ini->sections[i]);
    ops_mem_free(ini->sections);
    *ini = (struct ops_ini){.sections = NULL};
}

static struct ops_ini_section *current_section(struct reader *reader)
{
    return reader->ini.section_count ? &reader->ini.sections[reader->ini.section_count - 1] : NULL;
}

/* A lower-case copy. */
static char *copy_name(struct ops_view name)
{
    char *copy = ops_mem_strndup(name.data, name.length);
    for (char *at = copy; at && *at; at++)
        *at = lower(*at);
    return copy;
}

static enum ops_status add_setting(struct reader *reader, struct ops_view name, const struct ops_view *child,
                                   struct ops_view text)
{
    struct ops_ini_section *section = current_section(reader);
    if (section->setting_count == OPS_INI_SETTINGS_MAX)
        return refuse(reader, "the section has too many settings");
    struct ops_ini_setting *settings =
        ops_mem_room(section->settings, section->setting_count, &section->setting_capacity, sizeof *settings);
    if (!settings)
        return OPS_NO_MEMORY;
    section->settings = settings;
    struct ops_ini_setting setting = {
        .name = copy_name(name),
        .child = child ? ops_mem_strndup(child->data, child->length) : NULL,
        .text = ops_mem_strndup(text.length ? text.data : "", text.length),
    };
    if (!setting.name || !setting.text || (child && !setting.child)) {
        setting_release(&setting);
        return OPS_NO_MEMORY;
    }
    settings[section->setting_count++] = setting;
    return OPS_OK;
}

/* A value whose own line is empty holds settings, one in each of the lines that follow. */
static enum ops_status add_nested(struct reader *reader, struct ops_view lines)
{
    enum ops_status status = OPS_OK;
    while (lines.length > 0 && status == OPS_OK) {
        const char *end = memchr(lines.data, '\n', lines.length);
        size_t length = end ? (size_t)(end - lines.data) : lines.length;
        struct ops_view line = trimmed(ops_view(lines.data, length));
        const char *equals = line.length ? memchr(line.data, '=', line.length) : NULL;
        if (line.length && !equals)
            return refuse(reader, "a nested setting above this line has no \"=\"");
        if (equals) {
            const char *after = equals + 1;
            struct ops_view child = trimmed(ops_view(line.data, (size_t)(equals - line.data)));
            status = add_setting(reader, reader->name, &child,
                                 trimmed(ops_view(after, (size_t)(line.data + line.length - after))));
        }
        lines = ops_view(lines.data + length + (end ? 1 : 0), lines.length - length - (end ? 1 : 0));
    }
    return status;
}

static enum ops_status end_value(struct reader *reader)
{
    if (!reader->name.data)
        return OPS_OK;
    struct ops_view value = ops_buf_view(&reader->value);
    while (value.length > 0 && is_space(value.data[value.length - 1]))
        value.length--;
    enum ops_status status = value.length > 0 && value.data[0] == '\n' ? add_nested(reader, value)
                                                                       : add_setting(reader, reader->name, NULL, value);
    reader->name = ops_view(NULL, 0);
    return status;
}

static bool same_name(const char *known, struct ops_view name)
{
    size_t i = 0;
    while (i < name.length && known[i] && known[i] == lower(name.data[i]))
        i++;
    return i == name.length && !known[i];
}

static bool has_setting(const struct ops_ini_section *section, struct ops_view name)
{
    for (size_t i = 0; i < section->setting_count; i++)
        if (same_name(section->settings[i].name, name))
            return true;
    return false;
}

static enum ops_status begin_section(struct reader *reader, struct ops_view header)
{
    struct ops_ini *ini = &reader->ini;
    for (size_t i = 0; i < ini->section_count; i++)
        if (ops_view_is(header, ini->sections[i].header))
            return refuse(reader, "this section has been there before");
    if (ini->section_count == OPS_INI_SECTIONS_MAX)
        return refuse(reader, "the file has too many sections");
    struct ops_ini_section *sections =
        ops_mem_room(ini->sections, ini->section_count, &ini->section_capacity, sizeof *sections);
    if (!sections)
        return OPS_NO_MEMORY;
    ini->sections = sections;
    char *copy = ops_mem_strndup(header.data, header.length);
    if (!copy)
        return OPS_NO_MEMORY;
    sections[ini->section_count++] = (struct ops_ini_section){.header = copy};
    return OPS_OK;
}

static enum ops_status begin_setting(struct reader *reader, struct ops_view line)
{
    size_t before = 0;
    while (before < line.length && line.data[before] != '=' && line.data[before] != ':')
        before++;
    struct ops_view name = trimmed(ops_view(line.data, before));
    if (before == line.length || name.length == 0)
        return refuse(reader, "this is neither a section nor a setting");
    if (has_setting(current_section(reader), name))
        return refuse(reader, "the section has this setting already");
    reader->name = name;
    ops_buf_clear(&reader->value);
    ops_buf_append_view(&reader->value, trimmed(ops_view(line.data + before + 1, line.length - before - 1)));
    return OPS_OK;
}

/* What is in the brackets, up to the last one of the line; no data: this is no header. */
static struct ops_view header_of(struct ops_view line)
{
    const char *end = line.data[0] == '[' ? memrchr(line.data, ']', line.length) : NULL;
    return end && end > line.data + 1 ? ops_view(line.data + 1, (size_t)(end - line.data - 1)) : ops_view(NULL, 0);
}

static enum ops_status read_entry(struct reader *reader, struct ops_view line)
{
    enum ops_status status = end_value(reader);
    struct ops_view header = header_of(line);
    if (status != OPS_OK)
        return status;
    if (header.data)
        return begin_section(reader, header);
    if (!current_section(reader))
        return refuse(reader, "a setting comes before the first section");
    return begin_setting(reader, line);
}

static enum ops_status read_line(struct reader *reader, struct ops_view whole)
{
    reader->line_number++;
    if (whole.length > OPS_INI_LINE_MAX_BYTES)
        return refuse(reader, "the line is too long");
    if (whole.length && memchr(whole.data, '\0', whole.length))
        return refuse(reader, "the line has a NUL byte");
    struct ops_view line = trimmed(whole);
    size_t indent = line.length ? (size_t)(line.data - whole.data) : 0;
    if (line.length && (line.data[0] == '#' || line.data[0] == ';'))
        return OPS_OK;
    if (reader->name.data && (line.length == 0 || indent > reader->indent)) {
        ops_buf_append_char(&reader->value, '\n');
        ops_buf_append_view(&reader->value, line);
        return OPS_OK;
    }
    if (line.length == 0)
        return OPS_OK;
    reader->indent = indent;
    return read_entry(reader, line);
}

/* Lines end with LF, CR LF or CR. */
static enum ops_status read_lines(struct reader *reader, struct ops_view text)
{
    enum ops_status status = OPS_OK;
    for (size_t at = 0; at < text.length && status == OPS_OK;) {
        size_t end = at;
        while (end < text.length && text.data[end] != '\n' && text.data[end] != '\r')
            end++;
        status = read_line(reader, ops_view(text.data + at, end - at));
        at = end + 1;
        if (at < text.length && text.data[end] == '\r' && text.data[at] == '\n')
            at++;
    }
    return status == OPS_OK ? end_value(reader) : status;
}

enum ops_status ops_ini_parse(const char *path, struct ops_view text, struct ops_ini *ret_ini, struct ops_error *error)
{
    struct reader reader = {.path = path, .error = error};
    if (text.length > OPS_INI_FILE_MAX_BYTES)
        return ops_fail(error, OPS_INVALID_FIELD, "%s is larger than %d bytes.", path, OPS_INI_FILE_MAX_BYTES);
    /* A value with its joints is never longer than the lines that it was made from. */
    enum ops_status status = ops_secret_buf_init(&reader.value, text.length);
    if (status == OPS_OK)
        status = read_lines(&reader, text);
    ops_buf_wipe(&reader.value);
    if (status == OPS_OK)
        *ret_ini = reader.ini;
    else
        ops_ini_release(&reader.ini);
    return status;
}

/* From the end: of nested settings of one name the last one counts. */
const char *ops_ini_get(const struct ops_ini_section *section, const char *name, const char *child)
{
    for (size_t i = section ? section->setting_count : 0; i-- > 0;) {
        const struct ops_ini_setting *setting = &section->settings[i];
        bool same_child = child ? setting->child && strcmp(setting->child, child) == 0 : !setting->child;
        if (same_child && strcmp(setting->name, name) == 0)
            return setting->text;
    }
    return NULL;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Copies one word as a POSIX shell would split it off, and returns what follows; NULL when a quote is not closed. */
static const char *split_word(const char *at, char *ret_word)
{
    char quote = '\0';
    for (; *at && (quote || !is_blank(*at)); at++) {
        if (!quote && (*at == '"' || *at == '\'')) {
            quote = *at;
        } else if (quote && *at == quote) {
            quote = '\0';
        } else if (*at == '\\' && quote != '\'') {
            bool escapes = !quote || at[1] == '"' || at[1] == '\\';
            if (escapes && !*++at)
                return NULL;
            *ret_word++ = *at;
        } else {
            *ret_word++ = *at;
        }
    }
    *ret_word = '\0';
    return quote ? NULL : at;
}

bool ops_ini_header_is(const char *header, const char *word, const char *name)
{
    char second[OPS_INI_LINE_MAX_BYTES + 1];
    size_t length = strlen(word);
    if (strncmp(header, word, length) != 0 || !is_blank(header[length]) || strlen(header) > OPS_INI_LINE_MAX_BYTES)
        return false;
    const char *at = header + length;
    while (is_blank(*at))
        at++;
    if (!*at || !(at = split_word(at, second)))
        return false;
    while (is_blank(*at))
        at++;
    return !*at && strcmp(second, name) == 0;
}
