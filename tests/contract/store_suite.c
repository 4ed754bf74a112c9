#include "contract/store_suite.h"

#include "base/json.h"
#include "base/mem.h"
#include "support/alloc_fault.h"
#include "support/cmocka_all.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/random.h>

static const struct store_suite_source *suite_source;

static int set_up(void **state)
{
    *state = suite_source->open();
    return *state ? 0 : -1;
}

static int tear_down(void **state)
{
    suite_source->close(*state);
    return 0;
}

/* Begins a transaction whose token nobody has used, in this run or another: a store may keep tokens for a while. */
static void begin(struct ops_txn *txn)
{
    uint8_t random[OPS_ULID_RANDOM_BYTES];
    char token[OPS_ULID_SIZE];
    assert_int_equal(getrandom(random, sizeof random, 0), sizeof random);
    ops_ulid_format(0, random, token);
    ops_txn_init(txn, token);
}

static json_t *doc_of(const char *text)
{
    json_t *doc = json_loads(text, 0, NULL);
    assert_non_null(doc);
    return doc;
}

/* Sends the transaction and releases it. */
static enum ops_status send(struct ops_store *store, struct ops_txn *txn)
{
    struct ops_error error = OPS_ERROR_INIT;
    enum ops_status status = ops_store_transact(store, txn, &error);
    ops_error_release(&error);
    ops_txn_release(txn);
    return status;
}

static void put(struct ops_store *store, const char *pk, const char *sk, const char *text)
{
    struct ops_txn txn;
    begin(&txn);
    ops_txn_put(&txn, pk, sk, doc_of(text));
    assert_int_equal(send(store, &txn), OPS_OK);
}

static void drop(struct ops_store *store, const char *pk, const char *sk)
{
    struct ops_txn txn;
    begin(&txn);
    ops_txn_delete(&txn, pk, sk);
    assert_int_equal(send(store, &txn), OPS_OK);
}

static void expect_doc(struct ops_store *store, const char *pk, const char *sk, const char *text)
{
    json_t *expected = doc_of(text);
    json_t *found = NULL;
    assert_int_equal(ops_store_get(store, pk, sk, &found, NULL), OPS_OK);
    assert_true(json_equal(found, expected));
    json_decref(found);
    json_decref(expected);
}

static void expect_none(struct ops_store *store, const char *pk, const char *sk)
{
    json_t *found = NULL;
    assert_int_equal(ops_store_get(store, pk, sk, &found, NULL), OPS_NOT_FOUND);
    assert_null(found);
}

static void a_document_that_was_put_comes_back(void **state)
{
    put(*state, "P", "1", "{\"a\": \"x\", \"b\": {\"c\": [1, 2, {}]}}");
    expect_doc(*state, "P", "1", "{\"a\": \"x\", \"b\": {\"c\": [1, 2, {}]}}");
}

static void a_key_without_a_document_is_not_found(void **state)
{
    put(*state, "P", "1", "{}");
    expect_none(*state, "P", "2");
    expect_none(*state, "Q", "1");
    expect_none(*state, "p", "1");
}

static void a_second_put_replaces_the_whole_document(void **state)
{
    put(*state, "P", "1", "{\"a\": 1, \"b\": 2}");
    put(*state, "P", "1", "{\"b\": 3}");
    expect_doc(*state, "P", "1", "{\"b\": 3}");
}

static void a_deleted_document_is_gone_and_deleting_nothing_is_fine(void **state)
{
    put(*state, "P", "1", "{}");
    put(*state, "P", "2", "{}");
    drop(*state, "P", "1");
    drop(*state, "P", "1");
    expect_none(*state, "P", "1");
    expect_doc(*state, "P", "2", "{}");
}

static void what_a_caller_does_to_a_document_afterwards_is_not_seen(void **state)
{
    json_t *doc = doc_of("{\"a\": {\"b\": 1}}");
    struct ops_txn txn;
    begin(&txn);
    ops_txn_put(&txn, "P", "1", json_incref(doc));
    assert_int_equal(send(*state, &txn), OPS_OK);
    assert_int_equal(ops_json_set_integer(json_object_get(doc, "a"), "b", 2), OPS_OK);
    json_decref(doc);
    expect_doc(*state, "P", "1", "{\"a\": {\"b\": 1}}");

    json_t *found = NULL;
    assert_int_equal(ops_store_get(*state, "P", "1", &found, NULL), OPS_OK);
    assert_int_equal(ops_json_set_integer(json_object_get(found, "a"), "b", 3), OPS_OK);
    json_decref(found);
    expect_doc(*state, "P", "1", "{\"a\": {\"b\": 1}}");
}

static void values_of_every_type_come_back_as_they_were(void **state)
{
    static const char *const texts[] = {
        "{\"least\": -9223372036854775808, \"greatest\": 9223372036854775807, \"zero\": 0}",
        "{\"yes\": true, \"no\": false, \"nothing\": null}",
        "{\"empty\": \"\", \"array\": [], \"object\": {}}",
        "{\"gr\\u00fc\\u00df\": \"\\u65e5\\u672c\\u8a9e \\ud83d\\ude80 \\u0001 \\\" \\\\ \\n\"}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        put(*state, "P", "1", texts[i]);
        expect_doc(*state, "P", "1", texts[i]);
    }
}

static void keys_of_any_characters_are_told_apart_by_their_bytes(void **state)
{
    static const char *const keys[] = {"a", "A", "a ", "a\xc3\xa9", "a'", "a\"", "a%", "a_", "a;--", "\xf0\x9f\x9a\x80"};
    enum { KEY_COUNT = sizeof keys / sizeof keys[0] };
    char text[32];
    for (int i = 0; i < KEY_COUNT; i++) {
        (void)snprintf(text, sizeof text, "{\"i\": %d}", i);
        put(*state, "P", keys[i], text);
    }
    for (int i = 0; i < KEY_COUNT; i++) {
        (void)snprintf(text, sizeof text, "{\"i\": %d}", i);
        expect_doc(*state, "P", keys[i], text);
    }
}

static void the_longest_keys_and_the_largest_document_are_stored(void **state)
{
    enum { TEXT_LENGTH = OPS_STORE_DOC_MAX_BYTES - sizeof "{\"t\":\"\"}" + 1 };
    char key[OPS_STORE_KEY_SIZE];
    memset(key, 'k', sizeof key - 1);
    key[sizeof key - 1] = '\0';
    char *text = ops_mem_alloc(TEXT_LENGTH + 1);
    assert_non_null(text);
    memset(text, 'x', TEXT_LENGTH);
    text[TEXT_LENGTH] = '\0';

    struct ops_txn txn;
    begin(&txn);
    ops_txn_put(&txn, key, key, json_pack("{s:s}", "t", text));
    assert_int_equal(send(*state, &txn), OPS_OK);
    json_t *found = NULL;
    assert_int_equal(ops_store_get(*state, key, key, &found, NULL), OPS_OK);
    assert_string_equal(ops_json_text(found, "t", ""), text);
    json_decref(found);

    text[TEXT_LENGTH - 1] = '\0';
    begin(&txn);
    ops_txn_put(&txn, key, key, json_pack("{s:s+}", "t", text, "yy"));
    assert_int_equal(send(*state, &txn), OPS_LIMIT);
    ops_mem_free(text);
}

/* One condition, and whether it holds for the document {"s": "m", "n": 5, "b": true} and for no document. */
struct condition_case {
    enum ops_cond_kind kind;
    const char *name;
    const char *text; /* NULL: number counts */
    json_int_t number;
    bool holds_for_doc;
    bool holds_for_none;
};

static const struct condition_case condition_cases[] = {
    {OPS_COND_ABSENT, NULL, NULL, 0, false, true},  {OPS_COND_EXISTS, NULL, NULL, 0, true, false},
    {OPS_COND_EQUALS, "s", "m", 0, true, false},    {OPS_COND_EQUALS, "s", "M", 0, false, false},
    {OPS_COND_EQUALS, "n", NULL, 5, true, false},   {OPS_COND_EQUALS, "n", NULL, 4, false, false},
    {OPS_COND_EQUALS, "n", "5", 0, false, false},   {OPS_COND_EQUALS, "s", NULL, 5, false, false},
    {OPS_COND_EQUALS, "x", "m", 0, false, false},   {OPS_COND_EQUALS, "b", NULL, 1, false, false},
    {OPS_COND_AT_MOST, "n", NULL, 5, true, false},  {OPS_COND_AT_MOST, "n", NULL, 4, false, false},
    {OPS_COND_AT_MOST, "n", NULL, 10, true, false}, {OPS_COND_AT_MOST, "s", "m", 0, true, false},
    {OPS_COND_AT_MOST, "s", "mm", 0, true, false},  {OPS_COND_AT_MOST, "s", "l", 0, false, false},
    {OPS_COND_AT_MOST, "s", NULL, 9, false, false}, {OPS_COND_AT_MOST, "n", "9", 0, false, false},
    {OPS_COND_AT_MOST, "x", NULL, 9, false, false},
};

static void add_condition(struct ops_txn *txn, const struct condition_case *row)
{
    if (row->kind == OPS_COND_ABSENT)
        ops_txn_if_absent(txn);
    else if (row->kind == OPS_COND_EXISTS)
        ops_txn_if_exists(txn);
    else if (row->kind == OPS_COND_EQUALS && row->text)
        ops_txn_if_text(txn, row->name, row->text);
    else if (row->kind == OPS_COND_EQUALS)
        ops_txn_if_integer(txn, row->name, row->number);
    else if (row->text)
        ops_txn_if_text_at_most(txn, row->name, row->text);
    else
        ops_txn_if_integer_at_most(txn, row->name, row->number);
}

static enum ops_status send_with_condition(struct ops_store *store, enum ops_op_kind kind, const char *sk,
                                           const struct condition_case *row)
{
    struct ops_txn txn;
    begin(&txn);
    if (kind == OPS_OP_PUT)
        ops_txn_put(&txn, "P", sk, doc_of("{\"new\": 1}"));
    else if (kind == OPS_OP_DELETE)
        ops_txn_delete(&txn, "P", sk);
    else
        ops_txn_check(&txn, "P", sk);
    add_condition(&txn, row);
    return send(store, &txn);
}

static void every_condition_decides_every_kind_of_operation(void **state)
{
    static const char before[] = "{\"s\": \"m\", \"n\": 5, \"b\": true}";
    for (size_t i = 0; i < sizeof condition_cases / sizeof condition_cases[0]; i++) {
        const struct condition_case *row = &condition_cases[i];
        for (int kind = OPS_OP_PUT; kind <= OPS_OP_CHECK; kind++) {
            put(*state, "P", "there", before);
            drop(*state, "P", "none");
            assert_int_equal(send_with_condition(*state, (enum ops_op_kind)kind, "there", row),
                             row->holds_for_doc ? OPS_OK : OPS_CONFLICT);
            assert_int_equal(send_with_condition(*state, (enum ops_op_kind)kind, "none", row),
                             row->holds_for_none ? OPS_OK : OPS_CONFLICT);
            if (!row->holds_for_doc)
                expect_doc(*state, "P", "there", before);
            if (!row->holds_for_none)
                expect_none(*state, "P", "none");
        }
    }
}

static void several_conditions_must_all_hold(void **state)
{
    put(*state, "P", "1", "{\"a\": 1, \"b\": 2}");
    for (json_int_t b = 1; b <= 2; b++) {
        struct ops_txn txn;
        begin(&txn);
        ops_txn_check(&txn, "P", "1");
        ops_txn_if_exists(&txn);
        ops_txn_if_integer(&txn, "a", 1);
        ops_txn_if_integer(&txn, "b", b);
        assert_int_equal(send(*state, &txn), b == 2 ? OPS_OK : OPS_CONFLICT);
    }
}

/* A transaction of everything, whose last check fails or not. */
static enum ops_status send_mixed(struct ops_store *store, bool last_holds)
{
    struct ops_txn txn;
    begin(&txn);
    ops_txn_put(&txn, "P", "new", doc_of("{\"v\": 2}"));
    ops_txn_if_absent(&txn);
    ops_txn_put(&txn, "P", "old", doc_of("{\"v\": 2}"));
    ops_txn_delete(&txn, "P", "gone");
    ops_txn_check(&txn, "Q", "guard");
    ops_txn_if_integer(&txn, "v", last_holds ? 1 : 2);
    return send(store, &txn);
}

static void a_conflict_leaves_nothing_of_the_transaction(void **state)
{
    put(*state, "P", "old", "{\"v\": 1}");
    put(*state, "P", "gone", "{\"v\": 1}");
    put(*state, "Q", "guard", "{\"v\": 1}");
    assert_int_equal(send_mixed(*state, false), OPS_CONFLICT);
    expect_none(*state, "P", "new");
    expect_doc(*state, "P", "old", "{\"v\": 1}");
    expect_doc(*state, "P", "gone", "{\"v\": 1}");

    assert_int_equal(send_mixed(*state, true), OPS_OK);
    expect_doc(*state, "P", "new", "{\"v\": 2}");
    expect_doc(*state, "P", "old", "{\"v\": 2}");
    expect_none(*state, "P", "gone");
    expect_doc(*state, "Q", "guard", "{\"v\": 1}");
}

static void a_transaction_of_the_largest_size_is_all_done(void **state)
{
    struct ops_txn txn;
    char sk[8];
    begin(&txn);
    for (int i = 0; i < OPS_TXN_OPS_MAX; i++) {
        (void)snprintf(sk, sizeof sk, "%02d", i);
        ops_txn_put(&txn, "P", sk, json_pack("{s:i}", "i", i));
        ops_txn_if_absent(&txn);
    }
    assert_int_equal(send(*state, &txn), OPS_OK);
    expect_doc(*state, "P", "00", "{\"i\": 0}");
    expect_doc(*state, "P", "24", "{\"i\": 24}");
}

static void an_empty_transaction_is_done(void **state)
{
    struct ops_txn txn;
    begin(&txn);
    assert_int_equal(send(*state, &txn), OPS_OK);
}

static void an_audit_record_is_neither_replaced_nor_deleted(void **state)
{
    put(*state, "AUDIT", "0001", "{\"seq\": 1}");
    struct ops_txn txn;
    begin(&txn);
    ops_txn_put(&txn, "P", "1", doc_of("{}"));
    ops_txn_put(&txn, "AUDIT", "0001", doc_of("{\"seq\": 2}"));
    assert_int_equal(send(*state, &txn), OPS_CONFLICT);
    begin(&txn);
    ops_txn_delete(&txn, "AUDIT", "0001");
    assert_int_equal(send(*state, &txn), OPS_CONFLICT);
    expect_doc(*state, "AUDIT", "0001", "{\"seq\": 1}");
    expect_none(*state, "P", "1");
    put(*state, "AUDIT", "0002", "{\"seq\": 2}");
}

/* Reads a whole partition page by page and compares the "v" of each document with expected, a text of one-letter values. */
static void expect_order(struct ops_store *store, const char *pk, const char *after_sk, bool descending, size_t limit,
                         const char *expected)
{
    char after[OPS_STORE_KEY_SIZE] = "";
    char seen[64] = "";
    size_t count = 0;
    struct ops_query query = {pk, after_sk, descending, limit};
    struct ops_store_page page = {.more = true};
    while (page.more) {
        assert_int_equal(ops_store_query(store, &query, &page, NULL), OPS_OK);
        size_t size = json_array_size(page.docs);
        assert_in_range(size, 0, limit);
        for (size_t i = 0; i < size; i++)
            seen[count++] = ops_json_text(json_array_get(page.docs, i), "v", "?")[0];
        if (size == 0)
            assert_string_equal(page.last_sk, "");
        if (page.more)
            assert_true(size > 0);
        memcpy(after, page.last_sk, sizeof after);
        query.after_sk = after;
        bool more = page.more;
        ops_store_page_release(&page);
        page.more = more;
    }
    seen[count] = '\0';
    assert_string_equal(seen, expected);
}

/* A key behind all others: the greatest character that UTF-8 can write. */
#define LAST_KEY "\xf4\x8f\xbf\xbf"

static void put_letters(struct ops_store *store)
{
    static const char *const rows[][2] = {{"30", "c"}, {"10", "a"}, {"20", "b"}, {"40", "d"}, {"4", "D"}, {"\xc3\xa9", "e"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[32];
        (void)snprintf(text, sizeof text, "{\"v\": \"%s\"}", rows[i][1]);
        put(store, "P", rows[i][0], text);
    }
    put(store, "O", "10", "{\"v\": \"x\"}");
    put(store, "P2", "10", "{\"v\": \"y\"}");
    put(store, "Q", "10", "{\"v\": \"z\"}");
}

static void a_query_gives_one_partition_in_the_order_of_its_keys(void **state)
{
    put_letters(*state);
    for (size_t limit = 1; limit <= 8; limit++) {
        expect_order(*state, "P", NULL, false, limit, "abcDde");
        expect_order(*state, "P", NULL, true, limit, "edDcba");
    }
    expect_order(*state, "NONE", NULL, false, 5, "");
    expect_order(*state, "NONE", NULL, true, 5, "");
}

static void a_query_goes_on_strictly_past_its_cursor_also_when_that_is_gone(void **state)
{
    put_letters(*state);
    expect_order(*state, "P", "20", false, 2, "cDde");
    expect_order(*state, "P", "20", true, 2, "a");
    drop(*state, "P", "20");
    expect_order(*state, "P", "20", false, 2, "cDde");
    expect_order(*state, "P", "20", true, 2, "a");
    expect_order(*state, "P", LAST_KEY, false, 2, "");
    expect_order(*state, "P", "0", true, 2, "");
    expect_order(*state, "P", "0", false, 9, "acDde");
    expect_order(*state, "P", LAST_KEY, true, 9, "edDca");
}

static void a_full_last_page_says_that_nothing_follows(void **state)
{
    put_letters(*state);
    struct ops_query query = {"P", NULL, false, 6};
    struct ops_store_page page = {0};
    assert_int_equal(ops_store_query(*state, &query, &page, NULL), OPS_OK);
    assert_int_equal(json_array_size(page.docs), 6);
    assert_false(page.more);
    assert_string_equal(page.last_sk, "\xc3\xa9");
    ops_store_page_release(&page);
}

static void pages_of_large_documents_miss_none(void **state)
{
    enum { LARGE = 200 * 1024 };
    char expected[13] = "";
    char *text = ops_mem_alloc(LARGE + 1);
    assert_non_null(text);
    memset(text, 'x', LARGE);
    text[LARGE] = '\0';
    for (int i = 0; i < 12; i++) {
        char sk[8];
        char value[2] = {(char)('a' + i), '\0'};
        struct ops_txn txn;
        (void)snprintf(sk, sizeof sk, "%02d", i);
        begin(&txn);
        ops_txn_put(&txn, "P", sk, json_pack("{s:s, s:s}", "v", value, "x", text));
        assert_int_equal(send(*state, &txn), OPS_OK);
        expected[i] = value[0];
    }
    ops_mem_free(text);
    expect_order(*state, "P", NULL, false, 1000, expected);
}

enum { THREAD_COUNT = 4, INCREMENTS = 25 };

struct incrementer {
    struct ops_store *store;
    pthread_t thread;
    int failures;
    int conflicts;
};

/* One increment that lost no race, or not. Also leaves a record of its own, so that half a transaction would show. */
static enum ops_status increment_once(struct ops_store *store)
{
    json_t *doc = NULL;
    enum ops_status status = ops_store_get(store, "P", "counter", &doc, NULL);
    if (status != OPS_OK)
        return status;
    json_int_t value = ops_json_integer(doc, "n", -1);
    json_decref(doc);
    char sk[32];
    (void)snprintf(sk, sizeof sk, "%06lld", (long long)value + 1);
    struct ops_txn txn;
    begin(&txn);
    ops_txn_put(&txn, "P", "counter", json_pack("{s:I}", "n", value + 1));
    ops_txn_if_integer(&txn, "n", value);
    ops_txn_put(&txn, "LOG", sk, json_pack("{s:I}", "n", value + 1));
    ops_txn_if_absent(&txn);
    status = ops_store_transact(store, &txn, NULL);
    ops_txn_release(&txn);
    return status;
}

static void *increment(void *context)
{
    struct incrementer *incrementer = context;
    for (int done = 0; done < INCREMENTS && incrementer->failures == 0;) {
        enum ops_status status = increment_once(incrementer->store);
        if (status == OPS_OK)
            done++;
        else if (status == OPS_CONFLICT)
            incrementer->conflicts++;
        else
            incrementer->failures++;
    }
    return NULL;
}

static void increments_by_four_threads_lose_nothing(void **state)
{
    struct incrementer incrementers[THREAD_COUNT] = {{.store = NULL}};
    char expected[32];
    put(*state, "P", "counter", "{\"n\": 0}");
    for (int i = 0; i < THREAD_COUNT; i++) {
        incrementers[i].store = *state;
        assert_int_equal(pthread_create(&incrementers[i].thread, NULL, increment, &incrementers[i]), 0);
    }
    for (int i = 0; i < THREAD_COUNT; i++) {
        assert_int_equal(pthread_join(incrementers[i].thread, NULL), 0);
        assert_int_equal(incrementers[i].failures, 0);
    }
    (void)snprintf(expected, sizeof expected, "{\"n\": %d}", THREAD_COUNT * INCREMENTS);
    expect_doc(*state, "P", "counter", expected);
    struct ops_query query = {"LOG", NULL, false, OPS_STORE_PAGE_MAX};
    struct ops_store_page page = {0};
    assert_int_equal(ops_store_query(*state, &query, &page, NULL), OPS_OK);
    assert_int_equal(json_array_size(page.docs), THREAD_COUNT * INCREMENTS);
    ops_store_page_release(&page);
}

/* One of each call; the first status that is not OPS_OK. */
static enum ops_status try_everything(struct ops_store *store)
{
    struct ops_txn txn;
    json_t *doc = NULL;
    struct ops_store_page page = {0};
    const struct ops_query query = {"P", "0", false, 10};
    begin(&txn);
    ops_txn_put(&txn, "P", "1", json_pack("{s:i, s:{s:[s, n]}}", "n", 2, "o", "a", "x"));
    ops_txn_if_integer_at_most(&txn, "n", 2);
    ops_txn_put(&txn, "P", "3", json_pack("{s:i}", "n", 3));
    ops_txn_delete(&txn, "P", "2");
    enum ops_status status = ops_store_transact(store, &txn, NULL);
    ops_txn_release(&txn);
    if (status == OPS_OK)
        status = ops_store_get(store, "P", "1", &doc, NULL);
    if (status == OPS_OK)
        status = ops_store_query(store, &query, &page, NULL);
    json_decref(doc);
    ops_store_page_release(&page);
    return status;
}

/* Whether what the store holds is all of try_everything or nothing of it. */
static void expect_before_or_after(struct ops_store *store)
{
    json_t *third = NULL;
    enum ops_status status = ops_store_get(store, "P", "3", &third, NULL);
    json_decref(third);
    if (status == OPS_OK) {
        expect_doc(store, "P", "1", "{\"n\": 2, \"o\": {\"a\": [\"x\", null]}}");
        expect_none(store, "P", "2");
    } else {
        assert_int_equal(status, OPS_NOT_FOUND);
        expect_doc(store, "P", "1", "{\"n\": 1, \"o\": {}}");
        expect_doc(store, "P", "2", "{\"n\": 1}");
    }
}

static enum ops_status try_seed(struct ops_store *store)
{
    struct ops_txn txn;
    begin(&txn);
    ops_txn_put(&txn, "P", "1", json_pack("{s:i, s:{}}", "n", 1, "o"));
    ops_txn_put(&txn, "P", "2", json_pack("{s:i}", "n", 1));
    enum ops_status status = ops_store_transact(store, &txn, NULL);
    ops_txn_release(&txn);
    return status;
}

/* Opens, fills and uses a store while the n-th allocation fails; whether it came to that. Only one allocation fails, so what
 * failed once succeeds the second time. */
static bool use_without_memory(size_t n)
{
    alloc_fault_install(n);
    struct ops_store *store = suite_source->open();
    if (!store) {
        assert_true(alloc_fault_hit());
        store = suite_source->open();
    }
    assert_non_null(store);
    enum ops_status seeded = try_seed(store);
    if (seeded != OPS_OK) {
        assert_true(alloc_fault_hit());
        assert_int_equal(seeded, OPS_NO_MEMORY);
        assert_int_equal(try_seed(store), OPS_OK);
    }
    bool hit_before = alloc_fault_hit();
    enum ops_status status = try_everything(store);
    bool hit = alloc_fault_hit();
    assert_int_equal(status, hit && !hit_before ? OPS_NO_MEMORY : OPS_OK);
    if (hit)
        expect_before_or_after(store);
    suite_source->close(store);
    assert_int_equal(alloc_fault_live_count(), 0);
    alloc_fault_remove();
    return hit;
}

/* Without a set-up: the allocator can only be changed while no store is open. */
static void without_memory_every_call_says_so_and_leaves_no_trace(void **state)
{
    (void)state;
    size_t n = 1;
    while (use_without_memory(n)) {
        n++;
        assert_true(n < 5000);
    }
    assert_true(n > 10);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int store_suite_run(const char *name, const struct store_suite_source *source)
{
    const struct CMUnitTest tests[] = {
        CASE(a_document_that_was_put_comes_back),
        CASE(a_key_without_a_document_is_not_found),
        CASE(a_second_put_replaces_the_whole_document),
        CASE(a_deleted_document_is_gone_and_deleting_nothing_is_fine),
        CASE(what_a_caller_does_to_a_document_afterwards_is_not_seen),
        CASE(values_of_every_type_come_back_as_they_were),
        CASE(keys_of_any_characters_are_told_apart_by_their_bytes),
        CASE(the_longest_keys_and_the_largest_document_are_stored),
        CASE(every_condition_decides_every_kind_of_operation),
        CASE(several_conditions_must_all_hold),
        CASE(a_conflict_leaves_nothing_of_the_transaction),
        CASE(a_transaction_of_the_largest_size_is_all_done),
        CASE(an_empty_transaction_is_done),
        CASE(an_audit_record_is_neither_replaced_nor_deleted),
        CASE(a_query_gives_one_partition_in_the_order_of_its_keys),
        CASE(a_query_goes_on_strictly_past_its_cursor_also_when_that_is_gone),
        CASE(a_full_last_page_says_that_nothing_follows),
        CASE(pages_of_large_documents_miss_none),
        CASE(increments_by_four_threads_lose_nothing),
        cmocka_unit_test(without_memory_every_call_says_so_and_leaves_no_trace),
    };
    suite_source = source;
    return _cmocka_run_group_tests(name, tests, sizeof tests / sizeof tests[0], NULL, NULL);
}
