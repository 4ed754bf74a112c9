#include "adapters/aws/settings.h"

const char *ops_aws_service_name(enum ops_aws_service service)
{
    static const char *const names[OPS_AWS_SERVICE_COUNT] = {
        [OPS_AWS_DYNAMODB] = "dynamodb", [OPS_AWS_S3] = "s3",   [OPS_AWS_LOGS] = "logs",
        [OPS_AWS_LAMBDA] = "lambda",     [OPS_AWS_STS] = "sts",
    };
    return names[service];
}
