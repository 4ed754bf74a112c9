/* A client of the AWS adapters for tests, from nothing but an endpoint: settings, credentials and the client itself. It
 * reads no file of the user's, and of the environment only the region and the keys.
 *
 *     static struct aws_rig rig;
 *     const char *url = aws_rig_endpoint("OPS_TEST_DYNAMODB_URL", "DynamoDB Local");
 *     if (!url)
 *         return AWS_RIG_SKIPPED;
 *     assert_true(aws_rig_open(&rig, url));
 *     ... rig.client ...
 *     aws_rig_close(&rig);
 */
#ifndef OPS_TESTS_AWS_RIG_H
#define OPS_TESTS_AWS_RIG_H

#include "adapters/aws/client.h"

#include <jansson.h>

enum { AWS_RIG_SKIPPED = 77 }; /* the exit code of a test whose emulator is not running */

struct aws_rig_options {
    const char *endpoint_url;                     /* of every service that has none of its own; NULL: http://aws.test */
    const char *endpoints[OPS_AWS_SERVICE_COUNT]; /* of one service */
    struct ops_http_client *http;                 /* outlives the rig; NULL: libcurl's */
    struct ops_clock *clock;                      /* NULL: the system's */
};

struct aws_rig {
    struct aws_rig_options options;
    struct ops_env env;
    struct ops_aws_settings *settings;
    struct ops_http_client *http;
    struct ops_aws_credentials *credentials;
    struct ops_aws_client *client;
};

/* The URL in an environment variable. Without one it says that the emulator is not running, and returns NULL. */
const char *aws_rig_endpoint(const char *variable, const char *title);

/* False when something can't be made, which it prints, and nothing is left behind. The rig must not move while it is open,
 * and the text of options must stay. */
bool aws_rig_open(struct aws_rig *rig, const char *endpoint_url);
bool aws_rig_open_with(struct aws_rig *rig, const struct aws_rig_options *options);
void aws_rig_close(struct aws_rig *rig); /* also a zeroed or closed one */

/* How often a client of any rig has waited between two tries since the last call of this. No rig's client really waits. */
size_t aws_rig_take_waits(void);

/* One call of the JSON protocol ("DynamoDB_20120810.ListTables"), for what a test needs from a service besides the adapter.
 * Prints what is wrong when it does not succeed. ret_answer may be NULL. */
enum ops_status aws_rig_ask(struct aws_rig *rig, enum ops_aws_service service, const char *target, const char *body,
                            json_t **ret_answer) OPS_MUST_USE;

#endif
