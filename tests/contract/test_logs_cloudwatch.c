#include "adapters/aws/catalogue.h"
#include "adapters/aws/log_sink.h"
#include "adapters/sys/clock.h"
#include "base/json.h"
#include "contract/log_sink_suite.h"
#include "contract/target_suite.h"
#include "support/aws_rig.h"
#include "support/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { NAME_SIZE = 96, EVENTS_MAX = 1000 };

static struct aws_rig rig;
static struct ops_catalogue *stack;
static const struct ops_aws_own own = {.table = "ops_main", .log_group = "/ops/audit"};
static char group[NAME_SIZE];

static void ask(const char *target, json_t *request, json_t **ret_answer)
{
    char *text = json_dumps(request, JSON_COMPACT);
    assert_int_equal(aws_rig_ask(&rig, OPS_AWS_LOGS, target, text, ret_answer), OPS_OK);
    free(text);
    json_decref(request);
}

static void name_group(void)
{
    static unsigned count;
    (void)snprintf(group, sizeof group, "/stack/%ld-%u", (long)getpid(), ++count);
}

static void make_group(void)
{
    name_group();
    ask("Logs_20140328.CreateLogGroup", json_pack("{s:s}", "logGroupName", group), NULL);
}

static void begin_target(void)
{
    make_group();
    assert_int_equal(ops_aws_catalogue_new(rig.client, ops_system_clock(), &own, &stack), OPS_OK);
}

static void end_target(void)
{
    ops_catalogue_release(stack);
    ask("Logs_20140328.DeleteLogGroup", json_pack("{s:s}", "logGroupName", group), NULL);
}

static struct ops_catalogue *catalogue(void)
{
    return stack;
}

static void put_stream(const char *key, const char *orgcode)
{
    (void)orgcode;
    ask("Logs_20140328.CreateLogStream", json_pack("{s:s, s:s}", "logGroupName", group, "logStreamName", key), NULL);
}

static bool stream_exists(const char *key)
{
    json_t *answer = NULL;
    ask("Logs_20140328.DescribeLogStreams", json_pack("{s:s, s:s}", "logGroupName", group, "logStreamNamePrefix", key),
        &answer);
    bool there =
        strcmp(ops_json_text(json_array_get(json_object_get(answer, "logStreams"), 0), "logStreamName", ""), key) == 0;
    json_decref(answer);
    return there;
}

/* A sink of its own for each case, at a fixed instant: what it does with old events depends on when now is. */
static struct ops_log_sink *open_sink(void)
{
    struct ops_log_sink *sink = NULL;
    make_group();
    if (ops_aws_log_sink_new(rig.client, ops_system_clock(), group, "audit", &sink) != OPS_OK)
        return NULL;
    return sink;
}

static void close_sink(struct ops_log_sink *sink)
{
    ops_log_sink_release(sink);
}

static void read_sink(struct ops_log_sink *sink, struct ops_buf *buf)
{
    (void)sink;
    json_t *answer = NULL;
    ask("Logs_20140328.GetLogEvents",
        json_pack("{s:s, s:s, s:b, s:i}", "logGroupName", group, "logStreamName", "audit", "startFromHead", 1, "limit",
                  EVENTS_MAX),
        &answer);
    size_t i;
    json_t *event;
    json_array_foreach(json_object_get(answer, "events"), i, event) {
        ops_buf_append_text(buf, ops_json_text(event, "message", ""));
        ops_buf_append_char(buf, '\n');
    }
    json_decref(answer);
}

static struct ops_log_event event_at(int64_t at_ms, const char *text)
{
    return (struct ops_log_event){at_ms, ops_view_of(text)};
}

static int64_t timestamp_at(size_t index)
{
    json_t *answer = NULL;
    ask("Logs_20140328.GetLogEvents",
        json_pack("{s:s, s:s, s:b}", "logGroupName", group, "logStreamName", "audit", "startFromHead", 1), &answer);
    int64_t at_ms = ops_json_integer(json_array_get(json_object_get(answer, "events"), index), "timestamp", -1);
    json_decref(answer);
    return at_ms;
}

static void an_event_that_waited_for_a_month_is_delivered_and_keeps_its_place(void **state)
{
    (void)state;
    struct ops_log_sink *sink = open_sink();
    int64_t now_ms = ops_clock_now_ms(ops_system_clock());
    const struct ops_log_event events[] = {event_at(now_ms - 30 * OPS_DAY_MS, "old"), event_at(now_ms - OPS_DAY_MS, "newer"),
                                           event_at(now_ms, "new")};
    assert_int_equal(ops_log_sink_append(sink, events, 3, NULL), OPS_OK);
    assert_true(timestamp_at(0) > now_ms - OPS_DAY_MS);
    assert_true(timestamp_at(1) >= timestamp_at(0));
    assert_int_equal(timestamp_at(2), now_ms);
    close_sink(sink);
}

static void an_event_from_a_clock_that_was_ahead_does_not_hold_up_those_behind_it(void **state)
{
    (void)state;
    struct ops_log_sink *sink = open_sink();
    int64_t now_ms = ops_clock_now_ms(ops_system_clock());
    const struct ops_log_event events[] = {event_at(now_ms + 30 * OPS_DAY_MS, "ahead"), event_at(now_ms, "right")};
    assert_int_equal(ops_log_sink_append(sink, events, 2, NULL), OPS_OK);
    assert_true(timestamp_at(0) < now_ms + 2 * OPS_HOUR_MS);
    assert_true(timestamp_at(1) >= timestamp_at(0));
    close_sink(sink);
}

static void a_new_sink_goes_on_behind_what_another_has_written(void **state)
{
    (void)state;
    struct ops_log_sink *first = open_sink(), *second = NULL;
    int64_t now_ms = ops_clock_now_ms(ops_system_clock());
    const struct ops_log_event ahead = event_at(now_ms + 30 * OPS_MINUTE_MS, "1"), behind = event_at(now_ms, "2");
    assert_int_equal(ops_log_sink_append(first, &ahead, 1, NULL), OPS_OK);
    assert_int_equal(ops_aws_log_sink_new(rig.client, ops_system_clock(), group, "audit", &second), OPS_OK);
    assert_int_equal(ops_log_sink_append(second, &behind, 1, NULL), OPS_OK);
    assert_true(timestamp_at(1) >= timestamp_at(0));
    close_sink(first);
    close_sink(second);
}

static void without_its_group_a_sink_says_what_makes_it(void **state)
{
    (void)state;
    struct ops_log_sink *sink = NULL;
    struct ops_error error = OPS_ERROR_INIT;
    const struct ops_log_event event = event_at(0, "1");
    name_group();
    assert_int_equal(ops_aws_log_sink_new(rig.client, ops_system_clock(), group, "audit", &sink), OPS_OK);
    assert_int_equal(ops_log_sink_append(sink, &event, 1, &error), OPS_STORE_UNAVAILABLE);
    assert_non_null(strstr(error.text, "aws-bootstrap"));
    assert_non_null(strstr(error.text, group));
    ops_error_release(&error);
    close_sink(sink);
}

static void a_group_keeps_its_retention_and_its_filters(void **state)
{
    (void)state;
    struct ops_target *target = NULL;
    struct ops_key_page page;
    enum ops_removal outcomes[2];
    const struct ops_target_spec spec = {.kind = OPS_LOG_GROUP, .name = group};
    const struct ops_scope all = {.by = OPS_SCOPE_ALL};
    json_t *answer = NULL;
    begin_target();
    ask("Logs_20140328.PutRetentionPolicy", json_pack("{s:s, s:i}", "logGroupName", group, "retentionInDays", 30), NULL);
    put_stream("a", NULL);
    put_stream("b", NULL);
    ops_key_page_init(&page, 64 * 1024);
    assert_int_equal(ops_catalogue_open(stack, &spec, &all, &target, NULL), OPS_OK);
    assert_int_equal(ops_target_page(target, 0, "", 50, &page, NULL), OPS_OK);
    assert_int_equal(page.count, 2);
    assert_int_equal(ops_target_remove(target, page.keys, 2, outcomes, NULL), OPS_OK);
    ask("Logs_20140328.DescribeLogGroups", json_pack("{s:s}", "logGroupNamePrefix", group), &answer);
    assert_int_equal(ops_json_integer(json_array_get(json_object_get(answer, "logGroups"), 0), "retentionInDays", 0), 30);
    json_decref(answer);
    ops_key_page_release(&page);
    ops_target_close(target);
    end_target();
}

static void only_the_whole_of_a_group_can_be_a_scope(void **state)
{
    (void)state;
    struct ops_target *target = NULL;
    const struct ops_target_spec spec = {.kind = OPS_LOG_GROUP, .name = group};
    const struct ops_scope prefix = {.by = OPS_SCOPE_KEY_PREFIX, .value = "acme"};
    begin_target();
    assert_int_equal(ops_catalogue_open(stack, &spec, &prefix, &target, NULL), OPS_TARGET_ERROR);
    end_target();
}

static void a_group_whose_name_begins_anothers_is_not_that_one(void **state)
{
    (void)state;
    struct ops_target *target = NULL;
    const struct ops_scope all = {.by = OPS_SCOPE_ALL};
    begin_target();
    const struct ops_target_spec spec = {.kind = OPS_LOG_GROUP, .name = "/stack/"};
    assert_int_equal(ops_catalogue_open(stack, &spec, &all, &target, NULL), OPS_TARGET_MISSING);
    end_target();
}

int main(void)
{
    const char *url = aws_rig_endpoint("OPS_TEST_MOTO_URL", "moto");
    if (!url)
        return AWS_RIG_SKIPPED;
    if (!aws_rig_open(&rig, url))
        return 1;
    const struct target_rig target = {
        .spec = {.kind = OPS_LOG_GROUP, .name = group},
        .missing = {.kind = OPS_LOG_GROUP, .name = "/stack/nothing"},
        .begin = begin_target,
        .end = end_target,
        .catalogue = catalogue,
        .put = put_stream,
        .exists = stream_exists,
        .lists_itself = true,
    };
    const struct log_sink_suite_source sink = {
        .open = open_sink, .read = read_sink, .close = close_sink, .keeps_blocks = true};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_that_waited_for_a_month_is_delivered_and_keeps_its_place),
        cmocka_unit_test(an_event_from_a_clock_that_was_ahead_does_not_hold_up_those_behind_it),
        cmocka_unit_test(a_new_sink_goes_on_behind_what_another_has_written),
        cmocka_unit_test(without_its_group_a_sink_says_what_makes_it),
        cmocka_unit_test(a_group_keeps_its_retention_and_its_filters),
        cmocka_unit_test(only_the_whole_of_a_group_can_be_a_scope),
        cmocka_unit_test(a_group_whose_name_begins_anothers_is_not_that_one),
    };
    int failures = target_suite_run("CloudWatch Logs, by moto", &target);
    failures += log_sink_suite_run("CloudWatch Logs, by moto", &sink);
    failures += cmocka_run_group_tests_name("CloudWatch Logs", tests, NULL, NULL);
    aws_rig_close(&rig);
    return failures ? 1 : 0;
}
