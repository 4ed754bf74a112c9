"""Whether the emulators do what tests of ours rely on. What they can't do is here as well: a newer version may."""

import io
import time

import pytest
from botocore.exceptions import ClientError

from emulators import (NOT_KEYS_FOR_VERSITYGW, ODD_KEYS, OTHER_KEYS_FOR_VERSITYGW, client, dynamodb_url, make_bucket,
                       moto_url, unique_name, versitygw_url)

# And what they call an access key that they don't know.
GUARDED = [
    pytest.param("s3", moto_url, "list_buckets", "InvalidAccessKeyId", id="moto-s3"),
    pytest.param("sts", moto_url, "get_caller_identity", "InvalidClientTokenId", id="moto-sts"),
    pytest.param("logs", moto_url, "describe_log_groups", "InvalidClientTokenId", id="moto-logs"),
    pytest.param("s3", versitygw_url, "list_buckets", "XAdminUserNotFound", id="versitygw-s3"),
]


def refusal(call, **parameters):
    """The code and the status of the answer, which is no success."""
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def keys(s3, bucket, **parameters):
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, **parameters)
    return [entry["Key"] for page in pages for entry in page.get("Contents", [])]


def versions(s3, bucket):
    """Every version and delete marker: (key, version id)."""
    page = s3.list_object_versions(Bucket=bucket)
    assert not page["IsTruncated"]
    return {(entry["Key"], entry["VersionId"]) for kind in ("Versions", "DeleteMarkers") for entry in page.get(kind, [])}


def uploads(s3, bucket, **parameters):
    page = s3.list_multipart_uploads(Bucket=bucket, **parameters)
    return [(entry["Key"], entry["UploadId"]) for entry in page.get("Uploads", [])]


# Signatures.

@pytest.mark.parametrize("service, url, call, unknown", GUARDED)
def test_the_right_secret_is_let_in_and_no_other(service, url, call, unknown):
    getattr(client(service, url()), call)()
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        getattr(client(service, url(), secret="wrong"), call)()


@pytest.mark.parametrize("service, url, call, unknown", GUARDED)
def test_an_unknown_access_key_is_refused(service, url, call, unknown):
    with pytest.raises(ClientError, match=unknown):
        getattr(client(service, url(), access_key="AKIANOBODYKNOWSITATALL"), call)()


def test_moto_takes_the_keys_of_a_role_with_their_token_only():
    iam, sts = client("iam", moto_url()), client("sts", moto_url())
    name = unique_name("role")
    anyone = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}]}'
    buckets = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:ListAllMyBuckets","Resource":"*"}]}'
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=anyone)["Role"]
    iam.put_role_policy(RoleName=name, PolicyName="buckets", PolicyDocument=buckets)
    given = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="tests")["Credentials"]
    secrets = {"access_key": given["AccessKeyId"], "secret": given["SecretAccessKey"]}

    client("s3", moto_url(), **secrets, session_token=given["SessionToken"]).list_buckets()
    assert refusal(client("s3", moto_url(), **secrets, session_token="another").list_buckets)[1] == 400
    assert refusal(client("logs", moto_url(), **secrets, session_token=given["SessionToken"]).describe_log_groups)[1] == 403


def test_dynamodb_local_looks_at_no_signature():
    assert "TableNames" in client("dynamodb", dynamodb_url(), secret="wrong").list_tables()


# DynamoDB Local.

def put(table, sk, value, condition=None):
    action = {"TableName": table, "Item": {"pk": {"S": "p"}, "sk": {"S": sk}, "value": {"S": value}}}
    return {"Put": action | ({"ConditionExpression": condition} if condition else {})}


def values(dynamodb, table):
    return {item["sk"]["S"]: item["value"]["S"] for item in dynamodb.scan(TableName=table)["Items"]}


def test_a_transaction_with_an_unmet_condition_changes_nothing_and_says_which(dynamodb, table):
    dynamodb.transact_write_items(TransactItems=[put(table, "a", "1")])

    with pytest.raises(dynamodb.exceptions.TransactionCanceledException) as caught:
        dynamodb.transact_write_items(TransactItems=[put(table, "b", "2"),
                                                     put(table, "a", "2", "attribute_not_exists(pk)")])

    assert [reason["Code"] for reason in caught.value.response["CancellationReasons"]] == ["None", "ConditionalCheckFailed"]
    assert values(dynamodb, table) == {"a": "1"}


def test_a_repeated_token_is_a_success_that_changes_nothing(dynamodb, table):
    create = [put(table, "a", "1", "attribute_not_exists(pk)")]
    token = unique_name()
    dynamodb.transact_write_items(TransactItems=create, ClientRequestToken=token)
    dynamodb.delete_item(TableName=table, Key={"pk": {"S": "p"}, "sk": {"S": "a"}})

    dynamodb.transact_write_items(TransactItems=create, ClientRequestToken=token)

    assert values(dynamodb, table) == {}


def test_a_token_of_another_request_is_refused(dynamodb, table):
    token = unique_name()
    dynamodb.transact_write_items(TransactItems=[put(table, "a", "1")], ClientRequestToken=token)
    with pytest.raises(dynamodb.exceptions.IdempotentParameterMismatchException):
        dynamodb.transact_write_items(TransactItems=[put(table, "a", "2")], ClientRequestToken=token)


def test_the_token_of_a_cancelled_transaction_may_be_used_again(dynamodb, table):
    token = unique_name()
    dynamodb.transact_write_items(TransactItems=[put(table, "a", "1")])
    create = [put(table, "a", "2", "attribute_not_exists(pk)")]
    with pytest.raises(dynamodb.exceptions.TransactionCanceledException):
        dynamodb.transact_write_items(TransactItems=create, ClientRequestToken=token)
    dynamodb.delete_item(TableName=table, Key={"pk": {"S": "p"}, "sk": {"S": "a"}})

    dynamodb.transact_write_items(TransactItems=create, ClientRequestToken=token)

    assert values(dynamodb, table) == {"a": "2"}


# S3.

def test_a_new_version_and_a_delete_marker_keep_what_was_there(any_s3):
    bucket = make_bucket(any_s3)
    any_s3.put_object(Bucket=bucket, Key="before", Body=b"unversioned")
    any_s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    made = [any_s3.put_object(Bucket=bucket, Key="k", Body=body)["VersionId"] for body in (b"one", b"two")]
    marker = any_s3.delete_object(Bucket=bucket, Key="k")
    assert marker["DeleteMarker"]

    assert keys(any_s3, bucket) == ["before"]
    assert any_s3.get_object(Bucket=bucket, Key="k", VersionId=made[0])["Body"].read() == b"one"
    assert versions(any_s3, bucket) == {("before", "null"), ("k", made[0]), ("k", made[1]), ("k", marker["VersionId"])}


def test_deleting_each_version_empties_a_bucket(any_s3):
    bucket = make_bucket(any_s3, versioned=True)
    for body in (b"one", b"two"):
        any_s3.put_object(Bucket=bucket, Key="a/b", Body=body)
    any_s3.delete_object(Bucket=bucket, Key="a/b")
    all_of_them = [{"Key": key, "VersionId": version} for key, version in versions(any_s3, bucket)]
    assert len(all_of_them) == 3

    answer = any_s3.delete_objects(Bucket=bucket, Delete={"Objects": all_of_them})

    assert len(answer["Deleted"]) == 3 and not answer.get("Errors")
    assert versions(any_s3, bucket) == set()
    any_s3.delete_bucket(Bucket=bucket)


def test_an_unfinished_upload_is_listed_and_can_be_aborted_once(any_s3):
    bucket = make_bucket(any_s3)
    started = {("k", any_s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]) for _ in range(2)}
    assert set(uploads(any_s3, bucket)) == started
    aborted, kept = started
    any_s3.upload_part(Bucket=bucket, Key="k", UploadId=aborted[1], PartNumber=1, Body=b"part")

    any_s3.abort_multipart_upload(Bucket=bucket, Key="k", UploadId=aborted[1])

    assert uploads(any_s3, bucket) == [kept]
    assert refusal(any_s3.abort_multipart_upload, Bucket=bucket, Key="k", UploadId=aborted[1]) == ("NoSuchUpload", 404)
    assert keys(any_s3, bucket) == []


def test_a_finished_upload_is_an_object(any_s3):
    bucket = make_bucket(any_s3)
    upload = {"Bucket": bucket, "Key": "k"}
    upload["UploadId"] = any_s3.create_multipart_upload(**upload)["UploadId"]
    etag = any_s3.upload_part(**upload, PartNumber=1, Body=io.BytesIO(b"whole"))["ETag"]
    any_s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
    assert uploads(any_s3, bucket) == []
    assert any_s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"whole"


def test_odd_keys_come_back_in_order_over_pages_and_go_in_one_batch(any_s3):
    bucket = make_bucket(any_s3)
    for key in ODD_KEYS:
        any_s3.put_object(Bucket=bucket, Key=key, Body=key.encode())

    assert keys(any_s3, bucket, PaginationConfig={"PageSize": 4}) == sorted(ODD_KEYS, key=str.encode)
    for key in ODD_KEYS:
        assert any_s3.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode()
    answer = any_s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in ODD_KEYS]})
    assert {entry["Key"] for entry in answer["Deleted"]} == set(ODD_KEYS)
    assert keys(any_s3, bucket) == []


@pytest.mark.parametrize("key, code", NOT_KEYS_FOR_VERSITYGW.items(), ids=lambda text: text[:12])
def test_versitygw_has_no_place_for(versitygw_s3, key, code):
    bucket = make_bucket(versitygw_s3)
    versitygw_s3.put_object(Bucket=bucket, Key="taken", Body=b"")
    assert refusal(versitygw_s3.put_object, Bucket=bucket, Key=key, Body=b"body")[0] == code


@pytest.mark.parametrize("key, other", OTHER_KEYS_FOR_VERSITYGW.items())
def test_versitygw_takes_the_key_for_a_path(versitygw_s3, key, other):
    bucket = make_bucket(versitygw_s3)
    versitygw_s3.put_object(Bucket=bucket, Key=key, Body=b"body")
    assert keys(versitygw_s3, bucket) == [other]


def test_versitygw_refuses_every_upload_id_marker(versitygw_s3):
    bucket = make_bucket(versitygw_s3)
    for key in ("a", "b"):
        versitygw_s3.create_multipart_upload(Bucket=bucket, Key=key)
    page = versitygw_s3.list_multipart_uploads(Bucket=bucket, MaxUploads=1)
    assert page["IsTruncated"]
    marker = {"KeyMarker": page["NextKeyMarker"]}
    assert [key for key, _ in uploads(versitygw_s3, bucket, **marker)] == ["b"]
    marker["UploadIdMarker"] = page["NextUploadIdMarker"]
    assert refusal(versitygw_s3.list_multipart_uploads, Bucket=bucket, **marker) == ("InvalidArgument", 400)


def test_moto_lists_all_uploads_in_one_page(moto_s3):
    bucket = make_bucket(moto_s3)
    for key in ("a", "b"):
        moto_s3.create_multipart_upload(Bucket=bucket, Key=key)
    page = moto_s3.list_multipart_uploads(Bucket=bucket, MaxUploads=1)
    assert len(page["Uploads"]) == 2 and not page["IsTruncated"]


# CloudWatch Logs.

def test_a_log_stream_is_written_read_listed_and_deleted(logs, log_group):
    for stream in ("one", "two"):
        logs.create_log_stream(logGroupName=log_group, logStreamName=stream)
    again = refusal(logs.create_log_stream, logGroupName=log_group, logStreamName="one")
    assert again == ("ResourceAlreadyExistsException", 400)
    event = {"timestamp": time.time_ns() // 1_000_000, "message": "hello"}
    logs.put_log_events(logGroupName=log_group, logStreamName="one", logEvents=[event])
    read = logs.get_log_events(logGroupName=log_group, logStreamName="one")["events"]
    assert [(entry["timestamp"], entry["message"]) for entry in read] == [(event["timestamp"], "hello")]

    logs.delete_log_stream(logGroupName=log_group, logStreamName="one")

    left = logs.describe_log_streams(logGroupName=log_group)["logStreams"]
    assert [stream["logStreamName"] for stream in left] == ["two"]
    assert refusal(logs.delete_log_stream, logGroupName=log_group, logStreamName="one")[0] == "ResourceNotFoundException"
