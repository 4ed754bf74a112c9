/* What a table, bucket or log group is, and where the stack is. Private to this folder. */
#ifndef OPS_ADAPTERS_AWS_IDENTITY_H
#define OPS_ADAPTERS_AWS_IDENTITY_H

#include "adapters/aws/client.h"
#include "ports/catalogue.h"

#include <pthread.h>

/* What g3nops keeps in the account for itself. */
struct ops_aws_own {
    const char *table;     /* of its records */
    const char *log_group; /* of its audit trail */
};

struct ops_aws_identities {
    struct ops_aws_client *client;
    struct ops_clock *clock;
    struct ops_aws_own own;
    pthread_mutex_t mutex;
    struct {
        bool is_told;                       /* account says what came of the question */
        char account[OPS_AWS_ACCOUNT_SIZE]; /* "": nobody can tell, now or later */
        int64_t not_before_ms;              /* the next question, monotonic: that no answer came may pass */
    } synced;
};

/* client, clock and the text of own outlive it. */
void ops_aws_identities_init(struct ops_aws_identities *identities, struct ops_aws_client *client, struct ops_clock *clock,
                             const struct ops_aws_own *own);
void ops_aws_identities_release(struct ops_aws_identities *identities);

/* As ops_catalogue_identify and ops_catalogue_where. Both ask whose the account is, until that is known, and nothing else.
 * While it is not known a table and a log group have no text, but for ever; where waits for an answer
 * (OPS_STORE_UNAVAILABLE) or says "unknown" where there is none to be had. */
enum ops_status ops_aws_identify(struct ops_aws_identities *identities, enum ops_target_kind kind, const char *name,
                                 struct ops_identity *ret_identity, struct ops_error *error) OPS_MUST_USE;
enum ops_status ops_aws_where(struct ops_aws_identities *identities, json_t **ret_place,
                              struct ops_error *error) OPS_MUST_USE;

/* Refuses what DynamoDB, S3 or CloudWatch Logs may take for a name although it is another way to say one: the guard knows
 * things by their names. OPS_TARGET_ERROR. */
enum ops_status ops_aws_check_name(enum ops_target_kind kind, const char *name, struct ops_error *error) OPS_MUST_USE;

#endif
