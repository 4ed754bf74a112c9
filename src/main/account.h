/* An AWS account's region, as the environment and the shared files configure it: what every call to it needs. */
#ifndef OPS_MAIN_ACCOUNT_H
#define OPS_MAIN_ACCOUNT_H

#include "adapters/aws/client.h"
#include "adapters/gate/deadline_client.h"
#include "main/backend.h"

struct ops_account {
    struct ops_env env;
    struct ops_aws_settings *settings;
    struct ops_http_client *http;
    struct ops_gate_deadline_client key_http; /* over http */
    struct ops_aws_credentials *credentials;
    struct ops_aws_client *client;
};

/* ret_account stays where it is until it is closed: its parts point at each other. Asks no service but, without a region,
 * the instance's metadata. On failure nothing is left open. OPS_INVALID_FIELD: the configuration is wrong, or names no
 * region. */
enum ops_status ops_account_open(const struct ops_place *place, struct ops_account *ret_account,
                                 struct ops_error *error) OPS_MUST_USE;
void ops_account_close(struct ops_account *account); /* also a zeroed one */

#endif
