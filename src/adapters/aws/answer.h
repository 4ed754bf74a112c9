/* What an answer of an AWS service means: the service's word for what is wrong, as one of our statuses. */
#ifndef OPS_ADAPTERS_AWS_ANSWER_H
#define OPS_ADAPTERS_AWS_ANSWER_H

#include "adapters/aws/client.h"

/* Whether an answer of S3 with status 200 holds an error all the same, as S3 does when it has begun to answer before it
 * knows the outcome (Amazon S3 API Reference, "DeleteObjects", "CopyObject"). */
bool ops_aws_answer_hides_error(const struct ops_aws_call *call);

/* Fills code, error and status of a call whose answer came with a status other than 2xx, or hides an error. */
void ops_aws_answer_explain(struct ops_aws_call *call);

/* Why a call was refused, in a clause: operation, code, and the service's own words. Of one that was not refused, what its
 * error says. */
enum { OPS_AWS_REASON_SIZE = 512 };
const char *ops_aws_answer_reason(const struct ops_aws_call *call, char ret_reason[static OPS_AWS_REASON_SIZE]);

/* Says in error why a call was not taken that is sent again: should it stay so, the operator needs to know. What is there
 * already stays. */
void ops_aws_answer_note(const struct ops_aws_call *call, struct ops_error *error);

/* Whether the server says that it can't do such a thing at all. */
bool ops_aws_answer_lacks(const struct ops_aws_call *call);

/* Whether the caller may not do it, for a reason other than its keys or its clock. */
bool ops_aws_answer_denies(const struct ops_aws_call *call);

/* What could be put right by the client: other keys, another time. */
bool ops_aws_answer_rejects_keys(const struct ops_aws_call *call);
bool ops_aws_answer_rejects_time(const struct ops_aws_call *call);

/* The instant of the answer's Date header (RFC 9110 section 5.6.7), or -1. */
int64_t ops_aws_answer_date_ms(const struct ops_aws_call *call);

/* The header of the answer that the client asked for, or "". */
const char *ops_aws_answer_header(const struct ops_aws_call *call, const char *name);

/* The status that a service's word stands for, in an answer with that HTTP status. */
enum ops_status ops_aws_code_status(const char *code, int http_status);

/* "DynamoDB", for people. */
const char *ops_aws_service_title(enum ops_aws_service service);

#endif
