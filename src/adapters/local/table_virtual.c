#include "adapters/local/table_virtual.h"

#include "base/mem.h"
#include "base/view.h"

#include <string.h>
#include <strings.h>

static bool is_space(char c)
{
    return c != '\0' && strchr(" \t\n\r\f", c) != NULL;
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$' ||
           (unsigned char)c >= 0x80;
}

static char closing_quote(char c)
{
    return c == '[' ? ']' : c == '\'' || c == '"' || c == '`' ? c : '\0';
}

/* Behind the quoted text that begins at at, where a quote in it is written twice. */
static const char *quoted_end(const char *at)
{
    char close = closing_quote(*at);
    for (at++; *at; at++) {
        if (*at != close)
            continue;
        if (close == ']' || at[1] != close)
            return at + 1;
        at++;
    }
    return at;
}

/* Behind SQLite's token that begins at at, which is not the end. Spaces and comments are tokens too. */
static const char *token_end(const char *at)
{
    const char *start = at;
    if (closing_quote(*at))
        return quoted_end(at);
    if (at[0] == '-' && at[1] == '-')
        return at + strcspn(at, "\n");
    if (at[0] == '/' && at[1] == '*') {
        const char *end = strstr(at + 2, "*/");
        return end ? end + 2 : at + strlen(at);
    }
    while (is_word(*at) || (at > start && is_space(*start) && is_space(*at)))
        at++;
    return at > start ? at : at + 1;
}

static bool is_blank(const char *token)
{
    return is_space(token[0]) || (token[0] == '-' && token[1] == '-') || (token[0] == '/' && token[1] == '*');
}

static const char *skip_blanks(const char *at)
{
    while (*at && is_blank(at))
        at = token_end(at);
    return at;
}

static bool word_is(const char *at, const char *end, const char *word)
{
    return (size_t)(end - at) == strlen(word) && strncasecmp(at, word, strlen(word)) == 0;
}

/* A copy of a word, or of what a quoted one means. */
static char *unquoted(const char *at, const char *end)
{
    char *copy = ops_mem_strndup(at, (size_t)(end - at));
    char close = closing_quote(*at);
    if (!copy || !close)
        return copy;
    size_t length = 0;
    for (const char *c = copy + 1; *c; c++) {
        if (*c == close && (c[1] != close || close == ']'))
            break;
        c += *c == close;
        copy[length++] = *c;
    }
    copy[length] = '\0';
    return copy;
}

/* FTS5 also takes the beginning of an option's name, and no other option of it begins with a 'c' before "content" does. */
static bool is_content(const struct local_virtual *table, const char *name, size_t length)
{
    bool whole = length == strlen("content");
    return length > 0 && (whole || (table->full_text == LOCAL_FTS5 && length < strlen("content"))) &&
           strncasecmp(name, "content", length) == 0;
}

/* One argument of the module: a column, or an option "name = value". */
static enum ops_status read_argument(struct local_virtual *table, const char *at, const char *end)
{
    at = skip_blanks(at);
    const char *name = at;
    while (at < end && is_word(*at))
        at++;
    size_t length = (size_t)(at - name);
    at = skip_blanks(at);
    if (at >= end || *at != '=' || !is_content(table, name, length))
        return OPS_OK;
    at = skip_blanks(at + 1);
    while (end > at && is_space(end[-1]))
        end--;
    if (at < end && closing_quote(*at))
        end = quoted_end(at);
    ops_mem_free(table->content); /* an option that is there twice: the last one */
    table->content = at < end ? unquoted(at, end) : ops_mem_strdup("");
    return table->content ? OPS_OK : OPS_NO_MEMORY;
}

/* at is behind the parenthesis that opens the arguments. */
static enum ops_status read_arguments(struct local_virtual *table, const char *at)
{
    enum ops_status status = OPS_OK;
    const char *start = at;
    for (int depth = 1; *at && depth > 0 && status == OPS_OK; at = token_end(at)) {
        depth += (*at == '(') - (*at == ')');
        if (depth == 0 || (depth == 1 && *at == ',')) {
            status = read_argument(table, start, at);
            start = at + 1;
        }
    }
    return status;
}

static enum local_full_text full_text_of(const char *module)
{
    static const char *const names[] = {[LOCAL_FTS3] = "fts3", [LOCAL_FTS4] = "fts4", [LOCAL_FTS5] = "fts5"};
    for (size_t i = LOCAL_FTS3; i < sizeof names / sizeof names[0]; i++)
        if (strcasecmp(module, names[i]) == 0)
            return (enum local_full_text)i;
    return LOCAL_NO_FULL_TEXT;
}

enum ops_status local_virtual_read(const char *sql, struct local_virtual *ret_virtual)
{
    struct local_virtual table = {.module = NULL};
    const char *at = sql;
    while (*at && !word_is(at, token_end(at), "USING"))
        at = token_end(at);
    if (*at)
        at = skip_blanks(token_end(at));
    if (!*at)
        return OPS_INVALID_FIELD;
    table.module = unquoted(at, token_end(at));
    if (!table.module)
        return OPS_NO_MEMORY;
    table.full_text = full_text_of(table.module);
    at = skip_blanks(token_end(at));
    enum ops_status status = *at == '(' ? read_arguments(&table, at + 1) : OPS_OK;
    if (status == OPS_OK)
        *ret_virtual = table;
    else
        local_virtual_release(&table);
    return status;
}

void local_virtual_release(struct local_virtual *table)
{
    ops_mem_free(table->module);
    ops_mem_free(table->content);
    *table = (struct local_virtual){.module = NULL};
}
