"""What others wrote to stand for AWS services, as boto3 clients. `tools/emulators run -- tools/e2e` starts them.

A test that asks for one that isn't running skips and names it. All tests share the same emulators, so that each makes
tables, buckets and log groups of its own, by unique_name.

What they are good for, measured with the versions that tests/emulators names:

DynamoDB Local is Amazon's own, its errors and conditions are those of the service, but it checks no signature.

moto has CloudWatch Logs, S3, STS and IAM, and checks signatures; the refusal of one is XML even from CloudWatch Logs. Its S3
lists all multipart uploads in one page, whatever the page size asked for, begun in 2010 all of them.

versitygw is S3 over files, and checks signatures. Keys are paths to it: NOT_KEYS_FOR_VERSITYGW are refused, and those of
OTHER_KEYS_FOR_VERSITYGW become another key. It refuses every upload-id marker. Pages of versions may show a delete marker
twice, and pages of one never get past it.
"""

import os
import uuid

import boto3
import pytest
from botocore.config import Config

NOT_KEYS_FOR_VERSITYGW = {
    "taken/below": "ObjectParentIsFile",  # beside the object "taken"
    "full/": "DirectoryObjectContainsData",  # with a body
    256 * "x": "KeyTooLongError",
    ".": "400",
    "..": "400",
}
OTHER_KEYS_FOR_VERSITYGW = {
    "up/../across": "across",
    "same/./place": "same/place",
    "two//slashes": "two/slashes",
    "/in/front": "in/front",
}
ODD_KEYS = ["blank blank", "plus+plus", "percent%2Fpercent", "100%", "ünïcödé", "日本語", "😀", "<&>\"'", "back\\slash",
            "question?mark=1#fragment", "star*", "~tilde", "tab\ttab", "deep/" * 20 + "down", 255 * "k", "A", "a-b", "a/b",
            "a0"]


def endpoint(title, variable):
    url = os.environ.get(variable)
    if not url:
        pytest.skip(f"{title} is not running ({variable}): tools/emulators run -- tools/e2e")
    return url


def dynamodb_url():
    return endpoint("DynamoDB Local", "OPS_TEST_DYNAMODB_URL")


def moto_url():
    return endpoint("moto", "OPS_TEST_MOTO_URL")


def versitygw_url():
    return endpoint("versitygw", "OPS_TEST_VERSITYGW_URL")


def client(service, url, secret=None, access_key=None, session_token=None):
    """Tries once, so that a test sees each refusal; with the credentials of the environment but for those given."""
    return boto3.client(
        service,
        endpoint_url=url,
        region_name=os.environ["AWS_REGION"],
        aws_access_key_id=access_key or os.environ["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=secret or os.environ["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=session_token,
        config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
    )


def unique_name(prefix="t"):
    """Good for a table, a bucket or a part of a log group's name."""
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="session")
def dynamodb():
    return client("dynamodb", dynamodb_url())


@pytest.fixture(scope="session")
def logs():
    return client("logs", moto_url())


@pytest.fixture(scope="session")
def moto_s3():
    return client("s3", moto_url())


@pytest.fixture(scope="session")
def versitygw_s3():
    return client("s3", versitygw_url())


@pytest.fixture(params=["moto_s3", "versitygw_s3"])
def any_s3(request):
    """Both S3s, one after the other."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def table(dynamodb):
    """The name of a new table whose items have the text keys pk and sk."""
    name = unique_name("table")
    attributes = [("pk", "HASH"), ("sk", "RANGE")]
    dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": attribute, "KeyType": kind} for attribute, kind in attributes],
        AttributeDefinitions=[{"AttributeName": attribute, "AttributeType": "S"} for attribute, _ in attributes],
        BillingMode="PAY_PER_REQUEST",
    )
    yield name
    dynamodb.delete_table(TableName=name)


def make_bucket(s3, versioned=False):
    """The name of a new bucket. It goes with the emulator."""
    name = unique_name("bucket")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": os.environ["AWS_REGION"]})
    if versioned:
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


@pytest.fixture
def log_group(logs):
    """The name of a new log group without streams."""
    name = f"/{unique_name('group')}/x"
    logs.create_log_group(logGroupName=name)
    yield name
    logs.delete_log_group(logGroupName=name)
