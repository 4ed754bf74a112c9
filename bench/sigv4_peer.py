"""sigv4_peer.py dynamodb|s3 COUNT: the request of bench/sigv4.c, signed by botocore, which makes the day's key each time."""

import datetime
import sys
import time

import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

KEYS = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "t" * 800)
QUERY = "versions&prefix=acme%2F2026%2F&max-keys=1000&key-marker=acme%2F2026%2F000123"


def dynamodb():
    headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "DynamoDB_20120810.BatchWriteItem"}
    return AWSRequest("POST", "https://dynamodb.eu-central-1.amazonaws.com/", headers, b"x" * 3072)


def s3():
    return AWSRequest("GET", "https://receipts.s3.eu-central-1.amazonaws.com/?" + QUERY)


def main():
    shape, count = sys.argv[1], int(sys.argv[2])
    make = {"dynamodb": dynamodb, "s3": s3}[shape]
    signer = {"dynamodb": botocore.auth.SigV4Auth, "s3": botocore.auth.S3SigV4Auth}[shape](KEYS, shape, "eu-central-1")
    botocore.auth.get_current_datetime = lambda: datetime.datetime(2015, 8, 30, 12, 36)
    requests = [make() for _ in range(count)]
    began = time.process_time()
    for request in requests:
        signer.add_auth(request)
    print((time.process_time() - began) / count * 1e6)
    print(requests[-1].headers["Authorization"])


if __name__ == "__main__":
    main()
