/* An HTTP client that answers as it is told, for what no emulator can be made to say. */
#ifndef OPS_TESTS_AWS_SCRIPT_H
#define OPS_TESTS_AWS_SCRIPT_H

#include "ports/http_client.h"

#include <jansson.h>

enum { AWS_SCRIPT_ANSWERS_MAX = 8, AWS_SCRIPT_REQUEST_SIZE = 16 * 1024 };

/* One answer: a status other than OPS_OK and OPS_STATUS_COUNT is what the exchange comes to. */
struct aws_script_answer {
    int http; /* 0: this is no answer, and the one before it is given again and again */
    const char *body;
    enum ops_status status;
};

/* "An AWS service refuses", with its code and HTTP status 400. */
#define AWS_REFUSAL(code)                                                                                                   \
    {                                                                                                                       \
        400, "{\"__type\": \"com.amazonaws.test#" code "\", \"message\": \"So says the test.\"}", OPS_OK                    \
    }
#define AWS_LOST                                                                                                            \
    {                                                                                                                       \
        -1, "", OPS_UNKNOWN                                                                                                 \
    }
#define AWS_NOT_REACHED                                                                                                     \
    {                                                                                                                       \
        -1, "", OPS_UNREACHABLE                                                                                             \
    }

/* Not thread-safe. It allocates nothing. */
struct aws_script {
    struct ops_http_client client;
    struct aws_script_answer answers[AWS_SCRIPT_ANSWERS_MAX];
    size_t asked;                          /* requests so far */
    char target[128];                      /* of the last one */
    char request[AWS_SCRIPT_REQUEST_SIZE]; /* the body of the last one, cut */
};

/* answers may be shorter than AWS_SCRIPT_ANSWERS_MAX: the rest is zero. */
void aws_script_init(struct aws_script *script, const struct aws_script_answer answers[static AWS_SCRIPT_ANSWERS_MAX]);

#endif
