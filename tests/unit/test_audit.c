#include "core/audit.h"

#include "base/json.h"

#include "support/alloc_fault.h"
#include "support/cmocka_all.h"
#include "support/manifest_text.h"

#include <stdio.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define TXN "01ARZ3NDEKTSV4RRFFQ69G5FAV"

enum { CHAIN_LENGTH = 5 };

static const int64_t now_ms = INT64_C(1795489200000);
static const struct ops_audit_head empty_head = OPS_AUDIT_HEAD_EMPTY;

static json_t *append(struct ops_audit_head *head, enum ops_audit_type type)
{
    json_t *data = json_pack("{s:s, s:i}", "b", "text", "a", 1), *record = NULL;
    const struct ops_audit_event event = {type, "ann", "because", "maintenance_id", "m-1", data};
    assert_int_equal(ops_audit_append(head, &event, TXN, now_ms, &record), OPS_OK);
    json_decref(data);
    return record;
}

static json_t *chain_new(void)
{
    struct ops_audit_head head = empty_head;
    json_t *chain = json_array();
    for (int i = 0; i < CHAIN_LENGTH; i++)
        assert_int_equal(json_array_append_new(chain, append(&head, OPS_AUDIT_MAINTENANCE_SCHEDULED)), 0);
    return chain;
}

static enum ops_status follow(const json_t *chain, struct ops_audit_head *head, struct ops_error *error)
{
    *head = empty_head;
    enum ops_status status = OPS_OK;
    for (size_t i = 0; status == OPS_OK && i < json_array_size(chain); i++)
        status = ops_audit_follow(head, json_array_get(chain, i), error);
    return status;
}

static void a_record_has_its_members_and_hangs_on_the_one_before(void **state)
{
    (void)state;
    struct ops_audit_head head = empty_head;
    json_t *first = append(&head, OPS_AUDIT_VACUUM_FAILED), *second = append(&head, OPS_AUDIT_SECRET_SET);
    assert_int_equal(ops_json_integer(first, "seq", 0), 1);
    assert_string_equal(ops_json_text(first, "type", ""), "vacuum.failed");
    assert_string_equal(ops_json_text(first, "at", ""), "2026-11-24T03:00:00Z");
    assert_string_equal(ops_json_text(first, "actor", ""), "ann");
    assert_string_equal(ops_json_text(first, "reason", ""), "because");
    assert_string_equal(ops_json_text(first, "maintenance_id", ""), "m-1");
    assert_string_equal(ops_json_text(first, "txn", ""), TXN);
    assert_string_equal(ops_json_text(first, "prev_sha256", ""), empty_head.sha256);
    assert_string_equal(ops_json_text(second, "prev_sha256", ""), ops_json_text(first, "sha256", "x"));
    assert_int_equal(head.seq, 2);
    assert_string_equal(head.sha256, ops_json_text(second, "sha256", ""));
    json_decref(first);
    json_decref(second);
}

static void what_is_not_said_is_not_in_the_record(void **state)
{
    (void)state;
    struct ops_audit_head head = empty_head;
    const struct ops_audit_event event = {.type = OPS_AUDIT_SECRET_SET};
    json_t *record = NULL;
    assert_int_equal(ops_audit_append(&head, &event, TXN, now_ms, &record), OPS_OK);
    assert_int_equal(json_object_size(record), 6); /* seq, txn, type, at, prev_sha256, sha256 */
    json_decref(record);
}

static void every_type_has_the_name_of_the_contract(void **state)
{
    (void)state;
    static const char *const names[OPS_AUDIT_TYPE_COUNT] = {
        "maintenance.scheduled", "maintenance.started", "maintenance.updated", "maintenance.ended",
        "maintenance.cancelled", "vacuum.requested",    "vacuum.started",      "vacuum.completed",
        "vacuum.failed",         "vacuum.cancelled",    "vacuum.dry_run",      "secret.set",
        "secret.rotated",        "secret.mismatch",     "secret.locked",       "audit.rollback_accepted"};
    for (int type = 0; type < OPS_AUDIT_TYPE_COUNT; type++)
        assert_string_equal(ops_audit_type_name((enum ops_audit_type)type), names[type]);
}

static void an_untouched_chain_is_followed_to_its_head(void **state)
{
    (void)state;
    struct ops_audit_head head;
    json_t *chain = chain_new();
    assert_int_equal(follow(chain, &head, NULL), OPS_OK);
    assert_int_equal(head.seq, CHAIN_LENGTH);
    assert_string_equal(head.sha256, ops_json_text(json_array_get(chain, CHAIN_LENGTH - 1), "sha256", ""));
    json_decref(chain);
}

static void tamper_actor(json_t *chain)
{
    assert_int_equal(ops_json_set_text(json_array_get(chain, 2), "actor", "eve"), OPS_OK);
}

static void tamper_data(json_t *chain)
{
    assert_int_equal(ops_json_set_integer(json_object_get(json_array_get(chain, 2), "data"), "a", 2), OPS_OK);
}

static void tamper_extra(json_t *chain)
{
    assert_int_equal(ops_json_set_text(json_array_get(chain, 2), "more", ""), OPS_OK);
}

static void tamper_member_gone(json_t *chain)
{
    assert_int_equal(json_object_del(json_array_get(chain, 2), "reason"), 0);
}

static void tamper_hash(json_t *chain)
{
    assert_int_equal(ops_json_set_text(json_array_get(chain, 2), "sha256", empty_head.sha256), OPS_OK);
}

static void tamper_hash_gone(json_t *chain)
{
    assert_int_equal(json_object_del(json_array_get(chain, 2), "sha256"), 0);
}

static void tamper_previous(json_t *chain)
{
    assert_int_equal(ops_json_set_text(json_array_get(chain, 2), "prev_sha256", empty_head.sha256), OPS_OK);
}

static void tamper_seq(json_t *chain)
{
    assert_int_equal(ops_json_set_integer(json_array_get(chain, 2), "seq", 4), OPS_OK);
}

static void tamper_record_gone(json_t *chain)
{
    assert_int_equal(json_array_remove(chain, 2), 0);
}

static void tamper_order(json_t *chain)
{
    json_t *third = json_incref(json_array_get(chain, 2));
    assert_int_equal(json_array_remove(chain, 2), 0);
    assert_int_equal(json_array_insert_new(chain, 3, third), 0);
}

static void tamper_twice(json_t *chain)
{
    assert_int_equal(json_array_insert(chain, 2, json_array_get(chain, 1)), 0);
}

/* Someone who rewrites a record together with its hash is given away by the next one. */
static void tamper_rewritten(json_t *chain)
{
    json_t *data = json_object(), *record = NULL;
    struct ops_audit_head head = {.seq = 1};
    memcpy(head.sha256, ops_json_text(json_array_get(chain, 0), "sha256", ""), sizeof head.sha256);
    const struct ops_audit_event event = {.type = OPS_AUDIT_MAINTENANCE_SCHEDULED, .data = data};
    assert_int_equal(ops_audit_append(&head, &event, TXN, now_ms, &record), OPS_OK);
    assert_int_equal(json_array_set_new(chain, 1, record), 0);
    json_decref(data);
}

static void tamper_no_object(json_t *chain)
{
    assert_int_equal(json_array_set_new(chain, 2, json_integer(3)), 0);
}

static const struct {
    const char *name;
    void (*tamper)(json_t *chain);
} tamperings[] = {
    {"another actor", tamper_actor},
    {"other data, deep inside", tamper_data},
    {"a member more", tamper_extra},
    {"a member less", tamper_member_gone},
    {"another hash", tamper_hash},
    {"no hash", tamper_hash_gone},
    {"another previous hash", tamper_previous},
    {"another number", tamper_seq},
    {"a record taken out", tamper_record_gone},
    {"two records in the other order", tamper_order},
    {"a record twice", tamper_twice},
    {"a record rewritten with its hash", tamper_rewritten},
    {"no record at all", tamper_no_object},
};

static void whatever_is_changed_is_found_and_the_first_broken_record_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(tamperings); i++) {
        struct ops_audit_head head;
        struct ops_error error = OPS_ERROR_INIT;
        json_t *chain = chain_new();
        tamperings[i].tamper(chain);
        enum ops_status status = follow(chain, &head, &error);
        if (status != OPS_CORRUPT || head.seq != 2 || !strstr(error.text, "record 3 "))
            fail_msg("%s: %s after %d: %s", tamperings[i].name, ops_status_tag(status), (int)head.seq, error.text);
        json_decref(chain);
        ops_error_release(&error);
    }
}

static void the_head_reads_back_from_its_document(void **state)
{
    (void)state;
    struct ops_audit_head head = empty_head, read;
    json_decref(append(&head, OPS_AUDIT_SECRET_SET));
    json_t *doc = ops_audit_head_doc(&head);
    assert_int_equal(ops_audit_head_read(doc, &read), OPS_OK);
    assert_int_equal(read.seq, 1);
    assert_string_equal(read.sha256, head.sha256);
    assert_int_equal(ops_audit_head_read(NULL, &read), OPS_OK);
    assert_int_equal(read.seq, 0);
    assert_string_equal(read.sha256, empty_head.sha256);
    json_decref(doc);
}

static void a_damaged_head_is_corrupt(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{}",
        "{'seq': 0, 'sha256': '0000000000000000000000000000000000000000000000000000000000000000'}",
        "{'seq': -1, 'sha256': '0000000000000000000000000000000000000000000000000000000000000000'}",
        "{'seq': '1', 'sha256': '0000000000000000000000000000000000000000000000000000000000000000'}",
        "{'seq': 1, 'sha256': '00'}",
        "{'seq': 1}"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct ops_audit_head head;
        json_t *doc = manifest_text_json(texts[i]);
        if (ops_audit_head_read(doc, &head) != OPS_CORRUPT)
            fail_msg("%s passes for a head", texts[i]);
        json_decref(doc);
    }
}

/* An auditor who is told that a record was altered, when there was only no memory to look at it, stops believing. */
static void without_memory_no_record_is_called_altered(void **state)
{
    (void)state;
    bool hit = true;
    for (size_t n = 1; hit; n++) {
        struct ops_audit_head head = empty_head, followed = empty_head;
        alloc_fault_remove();
        json_t *record = append(&head, OPS_AUDIT_SECRET_SET);
        char *text = json_dumps(record, 0);
        json_decref(record);
        alloc_fault_install(0);
        json_t *copy = json_loads(text, 0, NULL);
        alloc_fault_arm(n);
        enum ops_status status = ops_audit_follow(&followed, copy, NULL);
        hit = alloc_fault_hit();
        if (status != (hit ? OPS_NO_MEMORY : OPS_OK))
            fail_msg("allocation %zu failed: %s", n, ops_status_tag(status));
        json_decref(copy);
        assert_int_equal(alloc_fault_live_count(), 0);
        alloc_fault_remove();
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_has_its_members_and_hangs_on_the_one_before),
        cmocka_unit_test(what_is_not_said_is_not_in_the_record),
        cmocka_unit_test(every_type_has_the_name_of_the_contract),
        cmocka_unit_test(an_untouched_chain_is_followed_to_its_head),
        cmocka_unit_test(whatever_is_changed_is_found_and_the_first_broken_record_named),
        cmocka_unit_test(the_head_reads_back_from_its_document),
        cmocka_unit_test(a_damaged_head_is_corrupt),
        cmocka_unit_test(without_memory_no_record_is_called_altered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
