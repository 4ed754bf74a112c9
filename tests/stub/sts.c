/* STS GetCallerIdentity. Source: AWS Security Token Service API Reference. */
#include "stub/call.h"

static void get_caller_identity(struct stub_call *call)
{
    call->answer->content_type = "text/xml";
    ops_buf_append_text(&call->answer->body,
                        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">"
                        "<GetCallerIdentityResult><Arn>arn:aws:iam::" STUB_ACCOUNT ":user/stub</Arn>"
                        "<UserId>AIDASTUBSTUBSTUBSTUB1</UserId><Account>" STUB_ACCOUNT "</Account>"
                        "</GetCallerIdentityResult><ResponseMetadata><RequestId>stub</RequestId></ResponseMetadata>"
                        "</GetCallerIdentityResponse>");
}

static void unknown_operation(struct stub_call *call)
{
    stub_refuse(call, 400, "InvalidAction", "Could not find operation");
}

extern const struct stub_operation stub_sts_operations[];
const struct stub_operation stub_sts_operations[] = {
    {"GetCallerIdentity", get_caller_identity, true},
    {NULL, unknown_operation, true},
};
