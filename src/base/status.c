#include "base/status.h"

#include <string.h>

struct status_row {
    const char *tag;
    const char *sentence;
    enum ops_category category;
    int http;
};

static const struct status_row status_rows[OPS_STATUS_COUNT] = {
#define X(symbol, tag, category, http, sentence) [OPS_##symbol] = {tag, sentence, OPS_CATEGORY_##category, http},
    OPS_STATUS_TABLE(X)
#undef X
};

struct category_row {
    const char *tag;
    const char *sentence;
    int exit_code;
};

static const struct category_row category_rows[OPS_CATEGORY_COUNT] = {
#define X(symbol, tag, exit_code, sentence) [OPS_CATEGORY_##symbol] = {tag, sentence, exit_code},
    OPS_CATEGORY_TABLE(X)
#undef X
};

static const struct status_row *status_row(enum ops_status status)
{
    if ((unsigned)status >= OPS_STATUS_COUNT)
        status = OPS_INTERNAL_ERROR;
    return &status_rows[status];
}

static const struct category_row *category_row(enum ops_category category)
{
    if ((unsigned)category >= OPS_CATEGORY_COUNT)
        category = OPS_CATEGORY_INTERNAL;
    return &category_rows[category];
}

const char *ops_status_tag(enum ops_status status)
{
    return status_row(status)->tag;
}

const char *ops_status_sentence(enum ops_status status)
{
    return status_row(status)->sentence;
}

int ops_status_http(enum ops_status status)
{
    return status_row(status)->http;
}

enum ops_category ops_status_category(enum ops_status status)
{
    return status_row(status)->category;
}

int ops_status_exit_code(enum ops_status status)
{
    return category_row(ops_status_category(status))->exit_code;
}

const char *ops_category_tag(enum ops_category category)
{
    return category_row(category)->tag;
}

const char *ops_category_sentence(enum ops_category category)
{
    return category_row(category)->sentence;
}

enum ops_status ops_status_from_tag(const char *tag)
{
    for (int status = 0; status < OPS_STATUS_COUNT; status++)
        if (strcmp(status_rows[status].tag, tag) == 0)
            return (enum ops_status)status;
    return OPS_STATUS_COUNT;
}
