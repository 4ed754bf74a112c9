"""A user of moto's who may do everything, and then moto's guard: each request from there on needs a right signature.

moto starts with its guard off, since nobody could make the first access key otherwise. It is on once /moto-api/reset-auth
has been told how many requests more go unguarded: none.
"""

import json
import urllib.parse
import urllib.request
import xml.etree.ElementTree as xml

NAMESPACE = {"iam": "https://iam.amazonaws.com/doc/2010-05-08/"}
USER = "tests"
TIMEOUT_S = 30
EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
# moto reads the service from the credential scope, and as long as the guard is off that is all it reads.
UNGUARDED = "AWS4-HMAC-SHA256 Credential=none/20000101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=none"


def post(url, body, **headers):
    with urllib.request.urlopen(urllib.request.Request(url, body.encode(), headers), timeout=TIMEOUT_S) as answer:
        return answer.read()


def iam(url, action, **parameters):
    body = urllib.parse.urlencode({"Action": action, "Version": "2010-05-08", "UserName": USER} | parameters)
    return xml.fromstring(post(url, body, Authorization=UNGUARDED))


def switch_guard_on(url):
    """The access key and the secret that moto accepts from now on."""
    iam(url, "CreateUser")
    iam(url, "PutUserPolicy", PolicyName="everything", PolicyDocument=json.dumps(EVERYTHING))
    key = iam(url, "CreateAccessKey").find(".//iam:AccessKey", NAMESPACE)
    post(f"{url}/moto-api/reset-auth", "0", **{"Content-Type": "text/plain"})
    return tuple(key.findtext(f"iam:{name}", namespaces=NAMESPACE) for name in ("AccessKeyId", "SecretAccessKey"))
