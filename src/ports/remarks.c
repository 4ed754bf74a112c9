#include "ports/remarks.h"

#include <stdio.h>
#include <string.h>

static const char *const kind_names[OPS_REMARK_KIND_COUNT] = {
    [OPS_REMARK_UNREADABLE] = "unreadable",   [OPS_REMARK_INCOMPARABLE] = "incomparable", [OPS_REMARK_IGNORED] = "ignored",
    [OPS_REMARK_UNDELETABLE] = "undeletable", [OPS_REMARK_REFUSED] = "refused",
};

const char *ops_remark_kind_name(enum ops_remark_kind kind)
{
    return kind_names[kind];
}

/* The length of the well-formed UTF-8 sequence (RFC 3629) that begins here and may be printed, or 0. */
static size_t printable_length(const unsigned char *at, size_t left)
{
    static const struct {
        unsigned char first_low, first_high, second_low, second_high;
        size_t length;
    } forms[] = {
        {0x20, 0x7e, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (at[0] < forms[i].first_low || at[0] > forms[i].first_high || left < forms[i].length)
            continue;
        bool good = forms[i].length == 1 || (at[1] >= forms[i].second_low && at[1] <= forms[i].second_high);
        for (size_t k = 2; k < forms[i].length; k++)
            good = good && (at[k] & 0xc0) == 0x80;
        bool control = at[0] == 0xc2 && at[1] < 0xa0; /* C1 */
        return good && !control ? forms[i].length : 0;
    }
    return 0;
}

/* Writes bytes as printable text; what does not fit is left out at the end. */
static size_t write_printable(struct ops_view bytes, char *text, size_t size)
{
    size_t written = 0;
    for (size_t at = 0; at < bytes.length;) {
        size_t length = printable_length((const unsigned char *)bytes.data + at, bytes.length - at);
        size_t wanted = length ? length : 1;
        if (written + wanted >= size)
            break;
        memcpy(text + written, length ? bytes.data + at : "?", wanted);
        written += wanted;
        at += wanted;
    }
    text[written] = '\0';
    return written;
}

static bool continues(char byte)
{
    return ((unsigned char)byte & 0xc0) == 0x80;
}

/* A name that is too long loses its middle: what tells two long keys apart is mostly at their ends. */
static void write_name(struct ops_view name, char text[static OPS_REMARK_NAME_SIZE])
{
    static const char gap[] = "...";
    if (name.length < OPS_REMARK_NAME_SIZE) {
        (void)write_printable(name, text, OPS_REMARK_NAME_SIZE);
        return;
    }
    size_t half = (OPS_REMARK_NAME_SIZE - sizeof gap) / 2;
    size_t head = half, tail = name.length - half;
    while (head > 0 && continues(name.data[head]))
        head--;
    while (tail < name.length && continues(name.data[tail]))
        tail++;
    size_t written = write_printable(ops_view(name.data, head), text, OPS_REMARK_NAME_SIZE);
    memcpy(text + written, gap, sizeof gap);
    written += sizeof gap - 1;
    (void)write_printable(ops_view(name.data + tail, name.length - tail), text + written, OPS_REMARK_NAME_SIZE - written);
}

void ops_remarks_add(struct ops_remarks *remarks, enum ops_remark_kind kind, struct ops_view name, const char *reason)
{
    if (!remarks)
        return;
    remarks->counts[kind]++;
    if (remarks->count == OPS_REMARKS_MAX || kind == OPS_REMARK_IGNORED)
        return;
    struct ops_remark *remark = &remarks->first[remarks->count++];
    remark->kind = kind;
    write_name(name, remark->name);
    (void)write_printable(ops_view_of(reason), remark->reason, sizeof remark->reason);
}

void ops_remarks_merge(struct ops_remarks *remarks, const struct ops_remarks *more)
{
    for (int kind = 0; kind < OPS_REMARK_KIND_COUNT; kind++)
        remarks->counts[kind] += more->counts[kind];
    for (size_t i = 0; i < more->count && remarks->count < OPS_REMARKS_MAX; i++)
        remarks->first[remarks->count++] = more->first[i];
}

void ops_remarks_drop(struct ops_remarks *remarks, enum ops_remark_kind kind)
{
    size_t kept = 0;
    for (size_t i = 0; i < remarks->count; i++)
        if (remarks->first[i].kind != kind)
            remarks->first[kept++] = remarks->first[i];
    remarks->count = kept;
    remarks->counts[kind] = 0;
}

void ops_remarks_clear(struct ops_remarks *remarks)
{
    remarks->count = 0;
    memset(remarks->counts, 0, sizeof remarks->counts);
}
