/* AWS keys for whoever can't wait for them. Keys that expire are fetched anew while the old ones still count; a source
 * that hangs then is given up soon, and who asks goes on with the old keys. One that gives the first keys, or new ones for
 * such as have ended, may take its time: without keys nothing can be asked anyway.
 */
#ifndef OPS_MAIN_HURRIED_KEYS_H
#define OPS_MAIN_HURRIED_KEYS_H

#include "adapters/aws/credentials.h"
#include "adapters/gate/deadline_client.h"

/* Takes inner, also on failure, which asks through http. For one thread at a time, as cached credentials see to. http and
 * clock outlive it. OPS_NO_MEMORY. */
enum ops_status ops_hurried_keys_new(struct ops_aws_credentials *inner, struct ops_gate_deadline_client *http,
                                     struct ops_clock *clock, int64_t renew_max_ms,
                                     struct ops_aws_credentials **ret_credentials) OPS_MUST_USE;

#endif
