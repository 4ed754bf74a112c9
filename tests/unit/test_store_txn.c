#include "ports/store.h"

#include "base/json.h"
#include "support/cmocka_all.h"

#include <stdio.h>

static const char token[OPS_ULID_SIZE] = "01JDEXAMPLE000000000000000";

static json_t *doc_of(const char *text)
{
    json_t *doc = json_loads(text, 0, NULL);
    assert_non_null(doc);
    return doc;
}

/* A store that only counts how often it was reached. */
struct counting_store {
    struct ops_store store;
    size_t transact_count;
};

static enum ops_status counting_transact(struct ops_store *self, const struct ops_txn *txn, struct ops_error *error)
{
    (void)txn;
    (void)error;
    ((struct counting_store *)self)->transact_count++;
    return OPS_OK;
}

static const struct ops_store_ops counting_ops = {.transact = counting_transact};

static void expect_transact(struct ops_txn *txn, enum ops_status expected, size_t expected_count)
{
    struct counting_store counting = {.store = {&counting_ops}};
    assert_int_equal(ops_store_transact(&counting.store, txn, NULL), expected);
    assert_int_equal(counting.transact_count, expected_count);
    ops_txn_release(txn);
}

static void a_transaction_keeps_its_operations_in_order_with_their_conditions(void **state)
{
    (void)state;
    struct ops_txn txn;
    ops_txn_init(&txn, token);
    ops_txn_put(&txn, "MAINTENANCE", "1", doc_of("{\"revision\": 2}"));
    ops_txn_if_integer(&txn, "revision", 1);
    ops_txn_if_text(&txn, "status", "scheduled");
    ops_txn_delete(&txn, "SINGLETON", "ACTIVE");
    ops_txn_check(&txn, "SINGLETON", "MUTEX");
    ops_txn_if_exists(&txn);
    assert_int_equal(txn.status, OPS_OK);
    assert_int_equal(txn.count, 3);
    assert_string_equal(txn.token, token);
    assert_int_equal(txn.ops[0].kind, OPS_OP_PUT);
    assert_int_equal(txn.ops[0].cond_count, 2);
    assert_int_equal(txn.ops[1].kind, OPS_OP_DELETE);
    assert_null(txn.ops[1].doc);
    assert_string_equal(txn.ops[2].sk, "MUTEX");
    assert_int_equal(txn.ops[2].conds[0].kind, OPS_COND_EXISTS);
    expect_transact(&txn, OPS_OK, 1);
}

static void more_operations_than_a_transaction_takes_reach_no_store(void **state)
{
    (void)state;
    struct ops_txn txn;
    ops_txn_init(&txn, token);
    for (int i = 0; i <= OPS_TXN_OPS_MAX; i++) {
        char sk[16];
        (void)snprintf(sk, sizeof sk, "%d", i);
        ops_txn_put(&txn, "P", sk, json_object());
        ops_txn_if_absent(&txn);
        assert_int_equal(txn.status, i < OPS_TXN_OPS_MAX ? OPS_OK : OPS_LIMIT);
    }
    /* The condition of an operation that was not taken must not fall on the one before it. */
    assert_int_equal(txn.ops[OPS_TXN_OPS_MAX - 1].cond_count, 1);
    expect_transact(&txn, OPS_LIMIT, 0);
}

static void a_document_that_could_not_be_made_is_no_memory_and_reaches_no_store(void **state)
{
    (void)state;
    struct ops_txn txn;
    ops_txn_init(&txn, token);
    ops_txn_put(&txn, "P", "S", NULL);
    ops_txn_if_absent(&txn);
    assert_int_equal(txn.count, 0);
    expect_transact(&txn, OPS_NO_MEMORY, 0);
}

static void the_first_failure_of_a_builder_is_the_one_that_stays(void **state)
{
    (void)state;
    struct ops_txn txn;
    ops_txn_init(&txn, token);
    ops_txn_put(&txn, "P", "S", NULL);
    ops_txn_delete(&txn, "", "S");
    expect_transact(&txn, OPS_NO_MEMORY, 0);
}

static void a_key_that_is_empty_or_too_long_is_refused(void **state)
{
    (void)state;
    char longest[OPS_STORE_KEY_SIZE], too_long[OPS_STORE_KEY_SIZE + 1];
    memset(longest, 'k', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    memset(too_long, 'k', sizeof too_long - 1);
    too_long[sizeof too_long - 1] = '\0';
    const struct {
        const char *pk, *sk;
        enum ops_status expected;
    } rows[] = {{longest, longest, OPS_OK},
                {too_long, "s", OPS_LIMIT},
                {"p", too_long, OPS_LIMIT},
                {"", "s", OPS_LIMIT},
                {"p", "", OPS_LIMIT}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ops_txn txn;
        ops_txn_init(&txn, token);
        ops_txn_delete(&txn, rows[i].pk, rows[i].sk);
        expect_transact(&txn, rows[i].expected, rows[i].expected == OPS_OK);
    }
}

static json_t *doc_of_size(size_t size_bytes)
{
    static const char around[] = "{\"t\":\"\"}";
    char *text = test_malloc(size_bytes);
    memset(text, 'x', size_bytes);
    json_t *doc = json_object();
    assert_int_equal(json_object_set_new(doc, "t", json_stringn(text, size_bytes - (sizeof around - 1))), 0);
    test_free(text);
    return doc;
}

/* With a part of any kind in it, whose text jansson writes in its own way. */
static void a_document_is_as_long_as_its_text(void **state)
{
    (void)state;
    static const char *const parts[] = {"\"\"",
                                        "\"a\\\"b\\\\c/d\"",
                                        "\"\\b\\f\\n\\r\\t\\u0001\\u001f\\u007f\"",
                                        "\"é\u20ac\"",
                                        "[]",
                                        "[1,-20,[],{}]",
                                        "{\"a\\\"\":1,\"\\n\":[null],\"c\":{}}",
                                        "true",
                                        "false",
                                        "null",
                                        "9223372036854775807",
                                        "-9223372036854775808",
                                        "1.5",
                                        "1e300"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        for (size_t over = 0; over <= 1; over++) {
            json_error_t reason;
            json_t *part = json_loads(parts[i], JSON_DECODE_ANY, &reason);
            size_t length = json_dumpb(part, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY);
            json_t *doc = doc_of_size(OPS_STORE_DOC_MAX_BYTES + over - length - sizeof ",\"part\":" + 1);
            assert_non_null(part);
            assert_int_equal(json_object_set_new(doc, "part", part), 0);
            assert_int_equal(json_dumpb(doc, NULL, 0, JSON_COMPACT), OPS_STORE_DOC_MAX_BYTES + over);
            struct ops_txn txn;
            ops_txn_init(&txn, token);
            ops_txn_put(&txn, "P", "S", doc);
            expect_transact(&txn, over ? OPS_LIMIT : OPS_OK, over ? 0 : 1);
        }
}

static void a_document_of_the_limit_fits_and_one_byte_more_does_not(void **state)
{
    (void)state;
    struct ops_txn txn;
    ops_txn_init(&txn, token);
    ops_txn_put(&txn, "P", "S", doc_of_size(OPS_STORE_DOC_MAX_BYTES));
    expect_transact(&txn, OPS_OK, 1);
    ops_txn_init(&txn, token);
    ops_txn_put(&txn, "P", "S", doc_of_size(OPS_STORE_DOC_MAX_BYTES + 1));
    expect_transact(&txn, OPS_LIMIT, 0);
}

typedef void (*add_condition_fn)(struct ops_txn *txn);

static void revision_is_3(struct ops_txn *txn)
{
    ops_txn_if_integer(txn, "n", 3);
}

static void text_is_b(struct ops_txn *txn)
{
    ops_txn_if_text(txn, "t", "b");
}

static void number_is_at_most_3(struct ops_txn *txn)
{
    ops_txn_if_integer_at_most(txn, "n", 3);
}

static void text_is_at_most_b(struct ops_txn *txn)
{
    ops_txn_if_text_at_most(txn, "t", "b");
}

static void number_is_3_and_text_is_b(struct ops_txn *txn)
{
    revision_is_3(txn);
    text_is_b(txn);
}

struct condition_case {
    const char *sentence;
    add_condition_fn add;
    const char *doc; /* NULL: none is there */
    bool holds;
};

static const struct condition_case condition_cases[] = {
    {"absent holds when there is nothing", ops_txn_if_absent, NULL, true},
    {"absent fails when there is something", ops_txn_if_absent, "{}", false},
    {"exists holds for an empty document", ops_txn_if_exists, "{}", true},
    {"exists fails when there is nothing", ops_txn_if_exists, NULL, false},
    {"an equal integer holds", revision_is_3, "{\"n\": 3}", true},
    {"another integer does not", revision_is_3, "{\"n\": 4}", false},
    {"a text of the same digits does not", revision_is_3, "{\"n\": \"3\"}", false},
    {"a real of the same value does not", revision_is_3, "{\"n\": 3.0}", false},
    {"a missing member equals nothing", revision_is_3, "{}", false},
    {"a missing document equals nothing", revision_is_3, NULL, false},
    {"an equal text holds", text_is_b, "{\"t\": \"b\"}", true},
    {"a longer text does not", text_is_b, "{\"t\": \"bb\"}", false},
    {"a null equals no text", text_is_b, "{\"t\": null}", false},
    {"at most holds for less", number_is_at_most_3, "{\"n\": -5}", true},
    {"at most holds for equal", number_is_at_most_3, "{\"n\": 3}", true},
    {"at most fails for more", number_is_at_most_3, "{\"n\": 4}", false},
    {"at most fails for another type", number_is_at_most_3, "{\"n\": \"1\"}", false},
    {"at most fails for a missing member", number_is_at_most_3, "{}", false},
    {"at most fails for a missing document", number_is_at_most_3, NULL, false},
    {"at most compares texts by their bytes", text_is_at_most_b, "{\"t\": \"B\"}", true},
    {"a text that goes on is more", text_is_at_most_b, "{\"t\": \"b!\"}", false},
    {"bytes count without a sign", text_is_at_most_b, "{\"t\": \"\\u00e4\"}", false},
    {"all of several must hold", number_is_3_and_text_is_b, "{\"n\": 3, \"t\": \"b\"}", true},
    {"one of several is not enough", number_is_3_and_text_is_b, "{\"n\": 3, \"t\": \"c\"}", false},
};

static void a_condition_holds_exactly_when_its_sentence_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof condition_cases / sizeof condition_cases[0]; i++) {
        const struct condition_case *row = &condition_cases[i];
        json_t *doc = row->doc ? doc_of(row->doc) : NULL;
        struct ops_txn txn;
        ops_txn_init(&txn, token);
        ops_txn_check(&txn, "P", "S");
        row->add(&txn);
        if (ops_op_holds(&txn.ops[0], doc) != row->holds)
            fail_msg("not so: %s", row->sentence);
        ops_txn_release(&txn);
        json_decref(doc);
    }
}

static void an_operation_without_conditions_always_holds(void **state)
{
    (void)state;
    struct ops_txn txn;
    ops_txn_init(&txn, token);
    ops_txn_delete(&txn, "P", "S");
    assert_true(ops_op_holds(&txn.ops[0], NULL));
    ops_txn_release(&txn);
}

static void a_released_transaction_is_empty_and_may_be_released_again(void **state)
{
    (void)state;
    struct ops_txn txn;
    ops_txn_init(&txn, token);
    ops_txn_put(&txn, "P", "S", json_object());
    ops_txn_release(&txn);
    ops_txn_release(&txn);
    assert_int_equal(txn.count, 0);
}

static void a_zeroed_page_may_be_released(void **state)
{
    (void)state;
    struct ops_store_page page = {.docs = NULL};
    ops_store_page_release(&page);
    assert_null(page.docs);
    ops_store_release(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_transaction_keeps_its_operations_in_order_with_their_conditions),
        cmocka_unit_test(more_operations_than_a_transaction_takes_reach_no_store),
        cmocka_unit_test(a_document_that_could_not_be_made_is_no_memory_and_reaches_no_store),
        cmocka_unit_test(the_first_failure_of_a_builder_is_the_one_that_stays),
        cmocka_unit_test(a_key_that_is_empty_or_too_long_is_refused),
        cmocka_unit_test(a_document_is_as_long_as_its_text),
        cmocka_unit_test(a_document_of_the_limit_fits_and_one_byte_more_does_not),
        cmocka_unit_test(a_condition_holds_exactly_when_its_sentence_says),
        cmocka_unit_test(an_operation_without_conditions_always_holds),
        cmocka_unit_test(a_released_transaction_is_empty_and_may_be_released_again),
        cmocka_unit_test(a_zeroed_page_may_be_released),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
