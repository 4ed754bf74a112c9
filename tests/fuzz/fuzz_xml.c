/* XML that the plain reader takes must be well formed for expat, and both must tell the same of it. */
#include "fuzz/fuzz.h"

#include "adapters/aws/xml_plain.h"

#include <expat.h>

enum { TOLD_MAX_BYTES = 1024 * 1024 };

/* What was told, as text. */
struct told {
    struct ops_buf story;
    struct ops_buf text; /* expat's, of the element that is open and has no child yet */
    bool leaf;
};

static void told_init(struct told *told)
{
    ops_buf_init(&told->story, TOLD_MAX_BYTES);
    ops_buf_init(&told->text, TOLD_MAX_BYTES);
    told->leaf = false;
}

static void told_release(struct told *told)
{
    ops_buf_release(&told->story);
    ops_buf_release(&told->text);
}

static bool plain_begin(void *context, const char *name)
{
    struct told *told = context;
    ops_buf_append_format(&told->story, "(%s", name);
    return true;
}

static enum ops_status plain_end(void *context, const char *name, struct ops_view text)
{
    struct told *told = context;
    ops_buf_append_format(&told->story, "=%.*s)%s", (int)text.length, text.length ? text.data : "", name);
    return OPS_OK;
}

static void expat_begin(void *context, const XML_Char *name, const XML_Char **attributes)
{
    struct told *told = context;
    (void)attributes;
    ops_buf_append_format(&told->story, "(%s", name);
    ops_buf_clear(&told->text);
    told->leaf = true;
}

static void expat_text(void *context, const XML_Char *text, int length)
{
    struct told *told = context;
    if (told->leaf)
        ops_buf_append(&told->text, text, (size_t)length);
}

static void expat_end(void *context, const XML_Char *name)
{
    struct told *told = context;
    ops_buf_append_format(&told->story, "=%s)%s", ops_buf_text(&told->text), name);
    ops_buf_clear(&told->text);
    told->leaf = false;
}

static void read_with_expat(struct ops_view document, struct told *told)
{
    XML_Parser parser = XML_ParserCreate(NULL);
    FUZZ_MUST(parser != NULL);
    XML_SetUserData(parser, told);
    XML_SetElementHandler(parser, expat_begin, expat_end);
    XML_SetCharacterDataHandler(parser, expat_text);
    FUZZ_MUST(XML_Parse(parser, document.data, (int)document.length, XML_TRUE) == XML_STATUS_OK);
    XML_ParserFree(parser);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    struct ops_view document = fuzz_view(bytes, count);
    struct told plain, expat;
    struct ops_buf space;
    enum ops_status status;
    told_init(&plain);
    told_init(&expat);
    ops_buf_init(&space, TOLD_MAX_BYTES);
    const struct ops_xml_handler handler = {.context = &plain, .begin = plain_begin, .end = plain_end};
    if (ops_xml_plain_read(document, &handler, &space, &status)) {
        FUZZ_MUST(status == OPS_OK);
        read_with_expat(document, &expat);
        FUZZ_MUST(ops_view_equal(ops_buf_view(&plain.story), ops_buf_view(&expat.story)));
    }
    ops_buf_release(&space);
    told_release(&plain);
    told_release(&expat);
    return 0;
}
