/* One call of an AWS operation: what it asks, what is answered. */
#ifndef STUB_CALL_H
#define STUB_CALL_H

#include "stub/world.h"

struct stub_call {
    struct stub_world *world;
    const struct stub_request *request;
    struct stub_answer *answer;
    enum stub_service service;
    const struct stub_operation *operation;
    struct stub_rule *rule; /* the fault that hits this call, or NULL */

    json_t *input;         /* JSON services: the body, an object */
    struct ops_buf bucket; /* S3: from the path or the host name; "" at the level of the service */
    struct ops_buf key;    /* S3: decoded; "" at the level of the bucket */
};

struct stub_operation {
    const char *name;
    void (*carry_out)(struct stub_call *call);
    bool reads_body; /* JSON services: input stays NULL */
};

/* The operations of a service, ended by one without a name, which answers for all that are unknown. */
const struct stub_operation *stub_operations(enum stub_service service);

/* Finds the operation that a request is about; fills in bucket and key for S3. */
const struct stub_operation *stub_s3_route(struct stub_call *call);

void stub_world_answer(void *world, const struct stub_request *request, struct stub_answer *answer);

/* The answer is an error, in the form of the service; what was in the answer is gone. */
void stub_refuse(struct stub_call *call, int status, const char *code, const char *format, ...) OPS_PRINTF(4, 5);

/* DynamoDB's and others' word for a request that makes no sense. */
void stub_refuse_invalid(struct stub_call *call, const char *format, ...) OPS_PRINTF(2, 3);

/* Control routes, /_stub/...: no AWS service. */
void stub_control(struct stub_world *world, const struct stub_request *request, struct stub_answer *answer);
bool stub_is_control(const struct stub_request *request);

/* Appends text for XML's character data. */
void stub_append_xml(struct ops_buf *buf, struct ops_view text);

/* Appends <name>text</name>. */
void stub_append_element(struct ops_buf *buf, const char *name, struct ops_view text);

#endif
