#include "adapters/aws/xml_plain.h"

enum { NAME_SIZE = 64 };

struct walk {
    const char *at;
    const char *end;
    const struct ops_xml_handler *handler;
    struct ops_buf *text;
    struct ops_view names[OPS_XML_DEPTH_MAX];
    size_t depth;
    struct ops_view run; /* the text behind the latest tag */
    bool has_entities;   /* in it */
    bool wanted;         /* the element that began latest is not over, and its text is wanted */
    enum ops_status status;
};

#define EACH_BYTE UINT64_C(0x0101010101010101)

static bool are_simple(const char *at, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        unsigned char c = (unsigned char)at[i];
        if ((c < 0x20 && c != '\n' && c != '\t') || c >= 0x7F)
            return false;
    }
    return true;
}

/* Printable ASCII, tabs and line feeds: no byte for which expat would do more than hand it on. */
static bool is_simple_text(struct ops_view document)
{
    size_t i = 0;
    /* Eight bytes at a time: with the top bits clear, c + 1 sets a top bit for 0x7F, and c - 0x20 borrows from it for what
     * is less than a blank (S. E. Anderson, "Bit Twiddling Hacks", "Determine if a word has a byte less than n"). */
    for (; i + sizeof(uint64_t) <= document.length; i += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, document.data + i, sizeof word);
        bool simple = ((word | (word + EACH_BYTE) | (word - 0x20 * EACH_BYTE)) & 0x80 * EACH_BYTE) == 0;
        if (!simple && !are_simple(document.data + i, sizeof word))
            return false;
    }
    return are_simple(document.data + i, document.length - i);
}

static bool is_name_character(char c)
{
    return (unsigned char)((c | 0x20) - 'a') < 26 || (unsigned char)(c - '0') < 10;
}

static bool take(struct walk *walk, const char *word)
{
    size_t length = strlen(word);
    if ((size_t)(walk->end - walk->at) < length || memcmp(walk->at, word, length) != 0)
        return false;
    walk->at += length;
    return true;
}

static void skip_space(struct walk *walk)
{
    while (walk->at < walk->end && (*walk->at == ' ' || *walk->at == '\n' || *walk->at == '\t'))
        walk->at++;
}

/* The declarations that are seen in practice; with another one the document is expat's. */
static bool take_declaration(struct walk *walk)
{
    static const char *const declarations[] = {
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>",
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>",
        "<?xml version=\"1.0\"?>",
    };
    for (size_t i = 0; i < sizeof declarations / sizeof declarations[0]; i++)
        if (take(walk, declarations[i]))
            return true;
    return walk->at < walk->end && *walk->at == '<' && walk->end - walk->at > 1 && is_name_character(walk->at[1]);
}

static bool take_name(struct walk *walk, struct ops_view *ret_name)
{
    const char *start = walk->at;
    bool begins_well = walk->at < walk->end && is_name_character(*walk->at) && (*walk->at > '9');
    while (walk->at < walk->end && is_name_character(*walk->at))
        walk->at++;
    *ret_name = ops_view(start, (size_t)(walk->at - start));
    return begins_well && ret_name->length < NAME_SIZE;
}

/* xmlns="http://s3.amazonaws.com/doc/2006-03-01/", on the root only. */
static bool take_namespace(struct walk *walk)
{
    if (walk->depth > 0 || !take(walk, " xmlns=\""))
        return true;
    while (walk->at < walk->end && *walk->at != '"' && *walk->at != '<' && *walk->at != '&')
        walk->at++;
    return take(walk, "\"");
}

struct entity {
    const char *word;
    char c;
};

static const struct entity entities[] = {{"&quot;", '"'}, {"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&apos;", '\''}};

static const struct entity *entity_at(const char *at, const char *end)
{
    for (size_t i = 0; i < sizeof entities / sizeof entities[0]; i++) {
        size_t length = strlen(entities[i].word);
        if ((size_t)(end - at) >= length && memcmp(at, entities[i].word, length) == 0)
            return &entities[i];
    }
    return NULL;
}

/* Whether each ampersand begins an entity that we know. */
static bool are_entities_known(struct ops_view run)
{
    const char *at = run.data, *end = run.data + run.length;
    while ((at = memchr(at, '&', (size_t)(end - at))) != NULL) {
        const struct entity *entity = entity_at(at, end);
        if (!entity)
            return false;
        at += strlen(entity->word);
    }
    return true;
}

/* Takes the text up to the next tag. Most runs are short. */
static bool take_text(struct walk *walk)
{
    const char *start = walk->at, *at = start, *end = walk->end;
    bool has_entities = false;
    for (; at < end && *at != '<'; at++) {
        has_entities = has_entities || *at == '&';
        if (*at == '>') /* "]]>" is not allowed in text */
            return false;
    }
    walk->at = at;
    walk->run = ops_view(start, (size_t)(at - start));
    walk->has_entities = has_entities;
    return at < end && (!has_entities || are_entities_known(walk->run));
}

static struct ops_view decode(struct walk *walk)
{
    struct ops_view run = walk->run;
    if (!walk->has_entities)
        return run;
    const char *at = run.data, *end = run.data + run.length, *ampersand;
    ops_buf_clear(walk->text);
    while ((ampersand = memchr(at, '&', (size_t)(end - at))) != NULL) {
        const struct entity *entity = entity_at(ampersand, end);
        ops_buf_append(walk->text, at, (size_t)(ampersand - at));
        ops_buf_append_char(walk->text, entity->c);
        at = ampersand + strlen(entity->word);
    }
    ops_buf_append(walk->text, at, (size_t)(end - at));
    walk->status = ops_buf_status(walk->text);
    return ops_buf_view(walk->text);
}

static void copy_name(struct ops_view name, char text[static NAME_SIZE])
{
    memcpy(text, name.data, name.length);
    text[name.length] = '\0';
}

static void tell_begin(struct walk *walk, struct ops_view name)
{
    char text[NAME_SIZE];
    copy_name(name, text);
    walk->wanted = walk->handler->begin(walk->handler->context, text);
}

static void tell_end(struct walk *walk, struct ops_view name)
{
    char text[NAME_SIZE];
    struct ops_view value = walk->wanted ? decode(walk) : ops_view(NULL, 0);
    if (value.length > OPS_XML_TEXT_MAX_BYTES)
        walk->status = OPS_LIMIT;
    walk->wanted = false;
    if (walk->status != OPS_OK)
        return;
    copy_name(name, text);
    walk->status = walk->handler->end(walk->handler->context, text, value);
}

static bool take_begin(struct walk *walk)
{
    struct ops_view name;
    if (!take_name(walk, &name) || !take_namespace(walk) || walk->depth == OPS_XML_DEPTH_MAX)
        return false;
    bool empty = take(walk, "/");
    if (!take(walk, ">"))
        return false;
    walk->names[walk->depth++] = name;
    tell_begin(walk, name);
    walk->run = ops_view(NULL, 0);
    walk->has_entities = false;
    if (empty) {
        tell_end(walk, name);
        walk->depth--;
    }
    return true;
}

static bool take_end(struct walk *walk)
{
    if (walk->depth == 0)
        return false;
    struct ops_view name = walk->names[walk->depth - 1];
    if ((size_t)(walk->end - walk->at) <= name.length || memcmp(walk->at, name.data, name.length) != 0)
        return false;
    walk->at += name.length;
    if (!take(walk, ">"))
        return false;
    tell_end(walk, name);
    walk->depth--;
    return true;
}

/* Whether it went well to the document's end, or to where the handler stopped it. */
static bool walk_all(struct walk *walk)
{
    if (!take_declaration(walk))
        return false;
    skip_space(walk);
    do {
        if (!take(walk, "<") || !(take(walk, "/") ? take_end(walk) : take_begin(walk)))
            return false;
        if (walk->status == OPS_OK && walk->depth > 0 && !take_text(walk))
            return false;
    } while (walk->depth > 0 && walk->status == OPS_OK);
    if (walk->status != OPS_OK)
        return true;
    skip_space(walk);
    return walk->at == walk->end;
}

bool ops_xml_plain_read(struct ops_view document, const struct ops_xml_handler *handler, struct ops_buf *text,
                        enum ops_status *ret_status)
{
    struct walk walk = {
        .at = document.data, .end = document.data + document.length, .handler = handler, .text = text, .status = OPS_OK};
    bool plain = document.length > 0 && is_simple_text(document) && walk_all(&walk);
    *ret_status = walk.status;
    return plain;
}
