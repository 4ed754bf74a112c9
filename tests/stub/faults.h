/* Faults, by rules: which calls they befall, how often, and what goes wrong. */
#ifndef STUB_FAULTS_H
#define STUB_FAULTS_H

#include "stub/http.h"

#include <jansson.h>

enum stub_service { STUB_DYNAMODB, STUB_S3, STUB_LOGS, STUB_STS, STUB_SERVICE_COUNT };

/* "dynamodb", "s3", "logs", "sts" */
const char *stub_service_name(enum stub_service service);

/* X(symbol, name, the services that know it, the only operations that do or NULL, whether the call is carried out) */
#define STUB_FAULT_TABLE(X)                                                                                                 \
    X(UNPROCESSED, "unprocessed", STUB_OF(DYNAMODB), "BatchWriteItem BatchGetItem", true)                                   \
    X(TRANSACTION_CONFLICT, "transaction_conflict", STUB_OF(DYNAMODB), "TransactWriteItems", true)                          \
    X(THROTTLE, "throttle", STUB_OF_ALL, NULL, false)                                                                       \
    X(SLOW_DOWN, "slow_down", STUB_OF(S3), NULL, false)                                                                     \
    X(KEY_ERRORS, "key_errors", STUB_OF(S3), "DeleteObjects", true)                                                         \
    X(ERROR_IN_200, "error_in_200", STUB_OF(S3), NULL, false)                                                               \
    X(TRUNCATE, "truncate", STUB_OF_ALL, NULL, true)                                                                        \
    X(GARBAGE, "garbage", STUB_OF_ALL, NULL, true)                                                                          \
    X(SLOW, "slow", STUB_OF_ALL, NULL, true)                                                                                \
    X(RESET, "reset", STUB_OF_ALL, NULL, true)                                                                              \
    X(RESET_BEFORE, "reset_before", STUB_OF_ALL, NULL, false)                                                               \
    X(LOST_ANSWER, "lost_answer", STUB_OF_ALL, NULL, true)                                                                  \
    X(EXPIRED_TOKEN, "expired_token", STUB_OF_ALL, NULL, false)                                                             \
    X(CLOCK_SKEW, "clock_skew", STUB_OF_ALL, NULL, false)                                                                   \
    X(INTERNAL_ERROR, "internal_error", STUB_OF_ALL, NULL, false)                                                           \
    X(UNAVAILABLE, "unavailable", STUB_OF_ALL, NULL, false)                                                                 \
    X(ACCESS_DENIED, "access_denied", STUB_OF_ALL, NULL, false)                                                             \
    X(NOT_IMPLEMENTED, "not_implemented", STUB_OF_ALL, NULL, false)

enum stub_fault {
#define X(symbol, name, services, operations, done) STUB_FAULT_##symbol,
    STUB_FAULT_TABLE(X)
#undef X
    STUB_FAULT_COUNT
};

enum { STUB_RULES_MAX = 32, STUB_EXPIRED_MAX = 64, STUB_RULE_TEXT_SIZE = 128 };

struct stub_rule {
    enum stub_fault fault;
    unsigned services;                    /* bit by service */
    char operation[STUB_RULE_TEXT_SIZE];  /* or "*" */
    char containing[STUB_RULE_TEXT_SIZE]; /* only requests whose path, query or body contain this; "": all */
    uint64_t skip;                        /* the first of them go untouched */
    uint64_t every;                       /* then each n-th is hit */
    double probability;                   /* of those, with this probability */
    uint64_t over_per_second;             /* and only beyond so many in a second; 0: all */
    int64_t times;                        /* at most so often; -1: no limit */
    bool done;                            /* whether the call is carried out all the same */
    double share;                         /* of the items or keys of a batch that are hit */
    char code[STUB_RULE_TEXT_SIZE];       /* error code in place of the usual one; "": the usual one */
    uint64_t delay_ms;
    int64_t offset_seconds; /* clock_skew: how far the server's clock is ahead */

    uint64_t random; /* state of its own, from its seed */
    uint64_t seen;
    uint64_t hits;
    int64_t second;
    uint64_t in_second;
};

struct stub_faults {
    struct stub_rule rules[STUB_RULES_MAX];
    size_t rule_count;
    uint64_t expired[STUB_EXPIRED_MAX]; /* whom the service does not know any more */
    size_t expired_count;
    uint64_t counts[STUB_FAULT_COUNT];
};

const char *stub_fault_name(enum stub_fault fault);

/* Replaces all rules by those of a JSON list. A rule that can't be understood: false, a sentence, and nothing changes. */
bool stub_faults_set(struct stub_faults *faults, const json_t *list, struct ops_buf *ret_problem);

/* The rule that hits this call, or NULL. Counts. */
struct stub_rule *stub_faults_draw(struct stub_faults *faults, enum stub_service service, const char *operation,
                                   const struct stub_request *request);

/* Who signs a request, as one number; whether that one was declared expired; and to declare it so. */
uint64_t stub_faults_identity(const struct stub_request *request);
bool stub_faults_is_expired(const struct stub_faults *faults, uint64_t identity);
void stub_faults_expire(struct stub_faults *faults, uint64_t identity);

/* The clock_skew rule of a service, or NULL. */
const struct stub_rule *stub_faults_skew(const struct stub_faults *faults, enum stub_service service);

/* Which of count things of a batch the rule hits: share of them, but one at least. Ask first, once a batch, then for each.
 */
struct stub_hit {
    size_t first;
    size_t hit_count;
    size_t count;
};
struct stub_hit stub_rule_hit(struct stub_rule *rule, enum stub_fault fault, size_t count); /* rule may be NULL */

static inline bool stub_hit_is(const struct stub_hit *hit, size_t index)
{
    return hit->hit_count && (index + hit->count - hit->first) % hit->count < hit->hit_count;
}

#endif
