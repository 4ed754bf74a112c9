/* table_keys [PAGES]: what a key of a DynamoDB table costs this processor in a vacuum, HTTP left out: a client in this
 * program answers at once with pages of 1000 keys in four lanes, and says of every batch that it is done. */
#include "adapters/aws/stack.h"
#include "adapters/sys/clock.h"
#include "support/aws_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

enum { LANES = 4, LANE_KEYS = 250, PAGE_KEYS = LANES * LANE_KEYS, ANSWER_MAX = 64 * 1024 };

static const char described[] =
    "{\"Table\":{\"TableName\":\"things\",\"TableStatus\":\"ACTIVE\",\"AttributeDefinitions\":[{\"AttributeName\":\"pk\","
    "\"AttributeType\":\"S\"},{\"AttributeName\":\"sk\",\"AttributeType\":\"S\"}],\"KeySchema\":[{\"AttributeName\":\"pk\","
    "\"KeyType\":\"HASH\"},{\"AttributeName\":\"sk\",\"KeyType\":\"RANGE\"}]}}";
static const char all_done[] = "{\"UnprocessedItems\":{}}";
static char lane_answer[ANSWER_MAX];

static void write_lane_answer(void)
{
    int at = sprintf(lane_answer, "{\"Count\":%d,\"Items\":[", LANE_KEYS);
    for (int i = 0; i < LANE_KEYS; i++)
        at += sprintf(lane_answer + at,
                      "%s{\"sk\":{\"S\":\"DETAIL#2026-11-24T03:42:53Z\"},\"pk\":{\"S\":\"ITEM#acme#%012d\"}}", i ? "," : "",
                      i);
    (void)sprintf(lane_answer + at,
                  "],\"LastEvaluatedKey\":{\"sk\":{\"S\":\"DETAIL#2026-11-24T03:42:53Z\"},\"pk\":{\"S\":"
                  "\"ITEM#acme#%012d\"}},\"ScannedCount\":%d}",
                  LANE_KEYS - 1, LANE_KEYS);
}

static const char *answer_to(const struct ops_http_request *request)
{
    for (size_t i = 0; i < request->header_count; i++) {
        if (strcasecmp(request->headers[i].name, "x-amz-target") != 0)
            continue;
        const char *operation = strchr(request->headers[i].value, '.') + 1;
        return strcmp(operation, "Scan") == 0             ? lane_answer
               : strcmp(operation, "BatchWriteItem") == 0 ? all_done
                                                          : described;
    }
    return "";
}

static enum ops_status answer_at_once(struct ops_http_client *self, const struct ops_http_request *request,
                                      struct ops_http_response *ret_response, struct ops_error *error)
{
    (void)self;
    (void)error;
    ret_response->status = 200;
    ops_buf_append_text(&ret_response->body, answer_to(request));
    return ops_buf_status(&ret_response->body);
}

static const struct ops_http_client_ops at_once_ops = {.exchange = answer_at_once};

static double cpu_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void check(enum ops_status status)
{
    if (status == OPS_OK)
        return;
    (void)fprintf(stderr, "table_keys: %s\n", ops_status_sentence(status));
    exit(1);
}

static void measure(struct ops_target *target, long pages)
{
    static enum ops_removal outcomes[PAGE_KEYS];
    struct ops_key_page page;
    double read_us = 0, removed_us = 0;
    ops_key_page_init(&page, 8 * 1024 * 1024);
    for (long i = 0; i < pages; i++) {
        double begin = cpu_us();
        check(ops_target_page(target, 0, "", PAGE_KEYS, &page, NULL));
        double between = cpu_us();
        check(page.count == PAGE_KEYS ? OPS_OK : OPS_CORRUPT);
        check(ops_target_remove(target, page.keys, page.count, outcomes, NULL));
        check(outcomes[PAGE_KEYS - 1] == OPS_REMOVED ? OPS_OK : OPS_CORRUPT);
        read_us += between - begin;
        removed_us += cpu_us() - between;
    }
    ops_key_page_release(&page);
    double keys = (double)pages * PAGE_KEYS;
    printf("page %.3f us, remove %.3f us, together %.3f us of CPU per key\n", read_us / keys, removed_us / keys,
           (read_us + removed_us) / keys);
}

int main(int argc, char **argv)
{
    long pages = argc > 1 ? atol(argv[1]) : 1000;
    struct ops_http_client at_once = {&at_once_ops};
    const struct aws_rig_options options = {.http = &at_once};
    const struct ops_target_spec spec = {.kind = OPS_TABLE, .name = "things"};
    const struct ops_scope all = {.by = OPS_SCOPE_ALL};
    static struct aws_rig rig;
    struct ops_aws_stack stack = {.client = NULL};
    struct ops_target *target = NULL;
    write_lane_answer();
    if (pages < 1 || !aws_rig_open_with(&rig, &options))
        return 1;
    stack.client = rig.client;
    ops_aws_pacer_init(&stack.pacers[OPS_AWS_DYNAMODB], ops_system_clock(), 64);
    check(ops_aws_table_open(&stack, &spec, &all, &target, NULL));
    measure(target, pages);
    ops_target_close(target);
    ops_aws_pacer_release(&stack.pacers[OPS_AWS_DYNAMODB]);
    aws_rig_close(&rig);
    return 0;
}
