/* sigv4 dynamodb|s3 COUNT: signs one request again and again, as the AWS engine does with each that it sends: the hash of
 * the body, the canonical request, the signature. The key of the day is made once. bench/sigv4_peer.py signs the same.
 */
#include "adapters/aws/sigv4.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define DATE "20150830T123600Z"

enum { BODY_BYTES = 3072, TOKEN_BYTES = 800 };

static const int64_t at_ms = INT64_C(1440938160000);
static char token[TOKEN_BYTES + 1];

struct shape {
    const char *service;
    size_t body_bytes;
    struct ops_sigv4_request request;
};

/* payload_hash is borrowed, and filled in for each request. */
static const struct shape *find_shape(const char *name, const char *payload_hash)
{
    static struct ops_http_header dynamodb_headers[] = {
        {"Content-Type", "application/x-amz-json-1.0"},
        {"X-Amz-Target", "DynamoDB_20120810.BatchWriteItem"},
        {"X-Amz-Date", DATE},
        {"X-Amz-Security-Token", token},
        {"Host", "dynamodb.eu-central-1.amazonaws.com"},
    };
    static struct ops_http_header s3_headers[] = {
        {"X-Amz-Date", DATE},
        {"X-Amz-Security-Token", token},
        {"X-Amz-Content-SHA256", NULL},
        {"Host", "receipts.s3.eu-central-1.amazonaws.com"},
    };
    static struct shape shapes[] = {
        {"dynamodb", BODY_BYTES, {"POST", "/", "", dynamodb_headers, COUNT_OF(dynamodb_headers), NULL, false}},
        {"s3",
         0,
         {"GET", "/", "versions&prefix=acme%2F2026%2F&max-keys=1000&key-marker=acme%2F2026%2F000123", s3_headers,
          COUNT_OF(s3_headers), NULL, true}},
    };
    s3_headers[2].value = payload_hash;
    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
        shapes[i].request.payload_sha256 = payload_hash;
        if (strcmp(name, shapes[i].service) == 0)
            return &shapes[i];
    }
    return NULL;
}

static double cpu_seconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    char body[BODY_BYTES], hash[OPS_SHA256_HEX_SIZE] = "", value[OPS_SIGV4_AUTHORIZATION_SIZE] = "";
    const struct shape *shape = argc == 3 ? find_shape(argv[1], hash) : NULL;
    long count = shape ? atol(argv[2]) : 0;
    struct ops_sigv4_key key;
    if (count < 1) {
        (void)fprintf(stderr, "usage: sigv4 dynamodb|s3 COUNT\n");
        return 2;
    }
    memset(body, 'x', sizeof body);
    memset(token, 't', TOKEN_BYTES);
    struct ops_view payload = ops_view(body, shape->body_bytes);
    enum ops_status status =
        ops_sigv4_key_derive("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "eu-central-1", shape->service, at_ms, &key);
    double began = cpu_seconds();
    for (long i = 0; i < count && status == OPS_OK; i++) {
        status = ops_sha256_hex(payload, hash);
        if (status == OPS_OK)
            status = ops_sigv4_authorization(&shape->request, &key, "AKIDEXAMPLE", value);
    }
    double took = cpu_seconds() - began;
    if (status != OPS_OK) {
        (void)fprintf(stderr, "sigv4: %s\n", ops_status_sentence(status));
        return 1;
    }
    (void)printf("%.3f\n%s\n", took / (double)count * 1e6, value);
    return 0;
}
