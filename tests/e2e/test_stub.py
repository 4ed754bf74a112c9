"""The stand-in for AWS is what boto3 takes for AWS, and each of its faults is what it says it is."""

import base64
import hashlib
import http.client
import json
import re
import socket
import threading
import time
import urllib.request
from email.utils import parsedate_to_datetime

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

from stub import ACCOUNT, REGION, stub, stub_process  # noqa: F401 (fixtures)

SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=AK/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"}


def client(stub, service, key_id="AKIASTUBSTUBSTUBSTUB"):
    """A client that tries each call once."""
    return boto3.client(service, endpoint_url=stub.url, region_name=REGION, aws_access_key_id=key_id,
                        aws_secret_access_key="no-secret-at-all",
                        config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}))


@pytest.fixture
def dynamodb(stub):
    return client(stub, "dynamodb")


@pytest.fixture
def s3(stub):
    return client(stub, "s3")


@pytest.fixture
def logs(stub):
    return client(stub, "logs")


def refused(call, **arguments):
    """The code and the sentence with which a call is refused."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response["Error"]
    return error["Code"], error.get("Message", "")


def code(call, **arguments):
    return refused(call, **arguments)[0]


def raw(stub, method, path, body=b"", headers=None):
    """One exchange without any AWS client: status, headers, body."""
    connection = http.client.HTTPConnection("127.0.0.1", stub.port, timeout=30)
    try:
        connection.request(method, path, body, SIGNED if headers is None else headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def text(value):
    return {"S": value}


def keys_of(items):
    return [{name: item[name] for name in ("pk", "sk")} for item in items]


def pages(dynamodb, operation, **arguments):
    return [item for page in dynamodb.get_paginator(operation).paginate(**arguments) for item in page["Items"]]


def delete_all(dynamodb, table, keys):
    for i in range(0, len(keys), 25):
        requests = [{"DeleteRequest": {"Key": key}} for key in keys[i:i + 25]]
        assert dynamodb.batch_write_item(RequestItems={table: requests})["UnprocessedItems"] == {}


# ---- DynamoDB: Scan and Query ----


ROWS = [{"pk": text(f"p{i % 40}"), "sk": text(f"s{i:03}"), "orgcode": text("acme" if i % 3 else "zeta"), "n": {"N": str(i)}}
        for i in range(200)]


@pytest.mark.parametrize("kind", [{"items": 5003, "orgs": 7}, {"items": 60, "rows_per_key": 7}, {"rows": ROWS}])
@pytest.mark.parametrize("limit", [1000, 7])
def test_the_segments_of_a_scan_hold_every_item_once(stub, dynamodb, kind, limit):
    stub.fill(tables={"t": kind})
    count = stub.table("t")["items"]
    if count > 1000 and limit < 10:
        limit = 37
    items = [item for segment in range(4)
             for item in pages(dynamodb, "scan", TableName="t", Segment=segment, TotalSegments=4, Limit=limit)]
    assert len(items) == count == len({(item["pk"]["S"], item["sk"]["S"]) for item in items})


@pytest.mark.parametrize("kind", [{"items": 1000, "orgs": 3}, {"rows": ROWS}])
def test_a_scan_whose_items_are_deleted_page_by_page_misses_none(stub, dynamodb, kind):
    stub.fill(tables={"t": kind})
    count = stub.table("t")["items"]
    for page in dynamodb.get_paginator("scan").paginate(TableName="t", Limit=30, TotalSegments=1, Segment=0):
        delete_all(dynamodb, "t", keys_of(page["Items"]))
    assert stub.table("t") == {"items": 0, "deleted": count, "deleted_again": 0}


def test_a_page_ends_past_a_megabyte(stub, dynamodb):
    stub.fill(tables={"t": {"items": 10, "body_bytes": 400000}})
    page = dynamodb.scan(TableName="t", ReturnConsumedCapacity="TOTAL")
    assert page["Count"] == 3 and page["LastEvaluatedKey"] == keys_of(page["Items"])[-1]
    assert page["ConsumedCapacity"] == {"TableName": "t", "CapacityUnits": 147.0}
    assert len(pages(dynamodb, "scan", TableName="t")) == 10


def test_a_page_that_ends_at_its_limit_has_a_last_key_even_at_the_end(stub, dynamodb):
    stub.fill(tables={"t": {"items": 4}})
    page = dynamodb.scan(TableName="t", Limit=4)
    assert page["Count"] == 4
    assert "LastEvaluatedKey" not in dynamodb.scan(TableName="t", ExclusiveStartKey=page["LastEvaluatedKey"])


@pytest.mark.parametrize("kind, attribute", [({"items": 100, "orgs": 4}, text("acme00002")), ({"rows": ROWS}, text("acme"))])
def test_a_filter_counts_what_it_read_and_gives_what_it_found(stub, dynamodb, kind, attribute):
    stub.fill(tables={"t": kind})
    page = dynamodb.scan(TableName="t", Limit=40, FilterExpression="#o = :o", ProjectionExpression="pk, #s",
                         ExpressionAttributeNames={"#o": "orgcode", "#s": "sk"}, ExpressionAttributeValues={":o": attribute})
    assert page["ScannedCount"] == 40 and 0 < page["Count"] < 40
    assert all(set(item) == {"pk", "sk"} for item in page["Items"])


def test_a_filter_with_begins_with_finds_the_tenant_and_no_other(stub, dynamodb):
    stub.fill(tables={"t": {"items": 1000, "orgs": 20}})
    items = pages(dynamodb, "scan", TableName="t", FilterExpression="begins_with(pk, :p) AND attribute_exists(body)",
                  ExpressionAttributeValues={":p": text("ORG#acme00011#")})
    assert len(items) == 50 and {item["orgcode"]["S"] for item in items} == {"acme00011"}


def test_a_scan_that_only_counts_gives_no_items(stub, dynamodb):
    stub.fill(tables={"t": {"items": 12}})
    page = dynamodb.scan(TableName="t", Select="COUNT")
    assert page["Count"] == 12 and "Items" not in page


@pytest.mark.parametrize("kind, pk, sort_keys", [
    ({"items": 50, "rows_per_key": 4, "orgs": 3}, "ORG#acme00002#record-0000000005", [f"row-{i:05}" for i in range(4)]),
    ({"items": 50, "org_is_key": True, "orgs": 9}, "ORG#acme00007", [f"record-{i:010}" for i in range(7, 50, 9)]),
    ({"rows": ROWS}, "p3", [f"s{i:03}" for i in range(3, 200, 40)]),
])
def test_a_query_gives_a_partition_in_order_and_in_reverse(stub, dynamodb, kind, pk, sort_keys):
    stub.fill(tables={"t": kind})
    query = {"TableName": "t", "KeyConditionExpression": "pk = :p", "ExpressionAttributeValues": {":p": text(pk)}, "Limit": 2}
    assert [item["sk"]["S"] for item in pages(dynamodb, "query", **query)] == sort_keys
    assert [item["sk"]["S"] for item in pages(dynamodb, "query", ScanIndexForward=False, **query)] == sort_keys[::-1]
    later = dynamodb.query(TableName="t", KeyConditionExpression="#p = :p AND #s > :s",
                           ExpressionAttributeNames={"#p": "pk", "#s": "sk"},
                           ExpressionAttributeValues={":p": text(pk), ":s": text(sort_keys[1])})
    assert [item["sk"]["S"] for item in later["Items"]] == sort_keys[2:]


@pytest.mark.parametrize("kind, org, count", [({"items": 103, "orgs": 10}, "acme00002", 11), ({"rows": ROWS}, "zeta", 67)])
def test_a_query_of_an_index_gives_the_tenant_and_goes_on_with_its_key(stub, dynamodb, kind, org, count):
    stub.fill(tables={"t": kind | {"indexes": {"by-org": "orgcode"}}})
    query = {"TableName": "t", "IndexName": "by-org", "KeyConditionExpression": "orgcode = :o",
             "ExpressionAttributeValues": {":o": text(org)}}
    first = dynamodb.query(Limit=3, **query)
    assert first["ScannedCount"] == 3 and first["LastEvaluatedKey"]["orgcode"] == text(org)
    items = pages(dynamodb, "query", **query, PaginationConfig={"PageSize": 3})
    assert len(items) == count and {item["orgcode"]["S"] for item in items} == {org}
    assert code(dynamodb.query, ConsistentRead=True, **query) == "ValidationException"
    assert code(dynamodb.query, **query | {"IndexName": "no-such"}) == "ValidationException"


def test_a_sort_key_may_be_a_number(stub, dynamodb):
    stub.fill(tables={"t": {"items": 30, "rows_per_key": 30, "key_types": ["S", "N"]},
                      "r": {"rows": [{"pk": text("a"), "sk": {"N": str(i)}} for i in (10, 9, -1)], "key_types": ["S", "N"]}})
    assert [item["sk"] for item in pages(dynamodb, "scan", TableName="t", Limit=7)] == [{"N": str(i)} for i in range(30)]
    assert [item["sk"]["N"] for item in pages(dynamodb, "scan", TableName="r", Limit=1)] == ["-1", "9", "10"]
    delete_all(dynamodb, "t", keys_of(pages(dynamodb, "scan", TableName="t")))
    assert stub.table("t")["items"] == 0


@pytest.mark.parametrize("arguments", [
    {"FilterExpression": "a = :v NOR b = :v", "ExpressionAttributeValues": {":v": text("x")}},
    {"FilterExpression": "a = :v OR", "ExpressionAttributeValues": {":v": text("x")}},
    {"FilterExpression": "#n = :v", "ExpressionAttributeValues": {":v": text("x")}},
    {"FilterExpression": "n = :w", "ExpressionAttributeValues": {":v": text("x")}},
    {"FilterExpression": "n", "ExpressionAttributeValues": {":v": text("x")}},
    {"ProjectionExpression": "pk", "ExpressionAttributeNames": {"#unused": "x"}},
    {"ProjectionExpression": "pk,"},
    {"Segment": 4, "TotalSegments": 4},
    {"Segment": 0},
    {"ExclusiveStartKey": {"pk": text("a")}},
])
def test_a_scan_that_makes_no_sense_is_refused(stub, dynamodb, arguments):
    stub.fill(tables={"t": {"items": 3}})
    assert code(dynamodb.scan, TableName="t", **arguments) == "ValidationException"


def test_alternatives_and_types_are_told_apart(stub, dynamodb):
    values = [text("7"), {"N": "7"}, {"N": "7.0"}, {"N": "8"}, {"L": [text("7")]}, {"BOOL": True}, {"SS": ["7"]}]
    rows = [{"pk": text("p"), "sk": text(f"{i}"), "a": value, "b": text("x")} for i, value in enumerate(values)]
    stub.fill(tables={"t": {"rows": rows + [{"pk": text("p"), "sk": text("9")}]}})

    def found(expression, **values):
        given = {f":{name}": value for name, value in values.items()}
        items = pages(dynamodb, "scan", TableName="t", FilterExpression=expression, ExpressionAttributeValues=given)
        return [item["sk"]["S"] for item in items]

    assert found("a = :s OR a = :n", s=text("7"), n={"N": "7"}) == ["0", "1", "2"]
    assert found("attribute_type(a, :l) OR attribute_type(a, :b)", l=text("L"), b=text("BOOL")) == ["4", "5"]
    assert found("attribute_type(a, :n) AND b = :x OR sk = :k", n=text("N"), x=text("x"), k=text("9")) == ["1", "2", "3", "9"]
    assert found("sk = :k OR attribute_type(a, :n) AND b = :y", n=text("N"), y=text("y"), k=text("9")) == ["9"]


# ---- DynamoDB: writes ----


def test_batches_of_deletes_are_counted_once_each(stub, dynamodb):
    stub.fill(tables={"t": {"items": 60, "orgs": 2}, "u": {"items": 5, "key": ["id"]}})
    keys = keys_of(pages(dynamodb, "scan", TableName="t"))[:10]
    delete_all(dynamodb, "t", keys)
    delete_all(dynamodb, "t", keys[:4])
    delete_all(dynamodb, "u", [{"id": text("ORG#acme00000#record-0000000003")}])
    assert stub.table("t") == {"items": 50, "deleted": 10, "deleted_again": 4}
    assert stub.table("u") == {"items": 4, "deleted": 1, "deleted_again": 0}
    assert dynamodb.get_item(TableName="t", Key=keys[0]).get("Item") is None
    assert [item["pk"]["S"][-1] for item in stub.items(table="t", limit=2)] == ["0", "1"]


def test_a_batch_may_put_and_delete_in_several_tables(stub, dynamodb):
    stub.fill(tables={"t": {"items": 3}, "r": {"rows": ROWS[:2]}})
    quoted = {"pk": text('with "quotes" and \\ and é'), "sk": text("]}{[")}
    answer = dynamodb.batch_write_item(ReturnConsumedCapacity="TOTAL", RequestItems={
        "r": [{"PutRequest": {"Item": quoted}}, {"DeleteRequest": {"Key": keys_of(ROWS)[0]}}],
        "t": [{"DeleteRequest": {"Key": key}} for key in keys_of(stub.items(table="t"))]})
    assert {one["TableName"]: one["CapacityUnits"] for one in answer["ConsumedCapacity"]} == {"r": 2.0, "t": 3.0}
    assert stub.items(table="r") == [ROWS[1], quoted] and stub.items(table="t") == []


def test_a_batch_that_makes_no_sense_changes_nothing(stub, dynamodb):
    stub.fill(tables={"t": {"items": 40}})
    requests = [{"DeleteRequest": {"Key": key}} for key in keys_of(stub.items(table="t"))]
    put = {"PutRequest": {"Item": {"pk": text("a"), "sk": text("b")}}}
    batch = dynamodb.batch_write_item
    assert refused(batch, RequestItems={"t": requests[:26]}) == (
        "ValidationException", "Too many items requested for the BatchWriteItem call")
    assert "duplicates" in refused(batch, RequestItems={"t": requests[:3] + requests[:1]})[1]
    assert code(batch, RequestItems={"t": [put]}) == "ValidationException"
    assert code(batch, RequestItems={"t": [{"DeleteRequest": {"Key": {"pk": text("a")}}}]}) == "ValidationException"
    assert code(batch, RequestItems={"t": requests[:1], "nowhere": requests[1:2]}) == "ResourceNotFoundException"
    make_table(dynamodb)
    both = [{"PutRequest": {"Item": record("a", n=text("x"))}}, {"DeleteRequest": {"Key": record("a")}}]
    assert "duplicates" in refused(batch, RequestItems={"ops_main": both})[1]
    assert stub.table("t") == {"items": 40, "deleted": 0, "deleted_again": 0} and stub.items(table="ops_main") == []


def make_table(dynamodb, name="ops_main"):
    return dynamodb.create_table(
        TableName=name, BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")])


def record(sk, **attributes):
    return {"pk": text("R"), "sk": text(sk)} | attributes


def test_tables_are_made_described_and_listed(stub, dynamodb):
    made = make_table(dynamodb)["TableDescription"]
    assert made["TableArn"] == f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/ops_main"
    dynamodb.get_waiter("table_exists").wait(TableName="ops_main")
    assert code(make_table, dynamodb=dynamodb) == "ResourceInUseException"
    stub.fill(tables={f"t{i:03}": {"items": i, "indexes": {"by-org": "orgcode"}} for i in range(150)})
    described = dynamodb.describe_table(TableName="t007")["Table"]
    assert described["ItemCount"] == 7 and described["KeySchema"][1] == {"AttributeName": "sk", "KeyType": "RANGE"}
    assert described["GlobalSecondaryIndexes"][0]["KeySchema"] == [{"AttributeName": "orgcode", "KeyType": "HASH"}]
    names = [name for page in dynamodb.get_paginator("list_tables").paginate() for name in page["TableNames"]]
    assert names == ["ops_main"] + [f"t{i:03}" for i in range(150)]
    assert dynamodb.list_tables(Limit=1)["LastEvaluatedTableName"] == "ops_main"
    assert code(dynamodb.describe_table, TableName="nowhere") == "ResourceNotFoundException"


def test_an_item_is_put_read_and_deleted_under_conditions(stub, dynamodb):
    make_table(dynamodb)
    item = record("a", n={"N": "7"}, nested={"M": {"l": {"L": [{"BOOL": True}, {"NULL": True}]}}})
    absent = {"ConditionExpression": "attribute_not_exists(#p)", "ExpressionAttributeNames": {"#p": "pk"}}
    dynamodb.put_item(TableName="ops_main", Item=item, **absent)
    assert code(dynamodb.put_item, TableName="ops_main", Item=item, **absent) == "ConditionalCheckFailedException"
    assert dynamodb.get_item(TableName="ops_main", Key=record("a"), ConsistentRead=True)["Item"] == item
    assert dynamodb.get_item(TableName="ops_main", Key=record("a"), ProjectionExpression="n")["Item"] == {"n": {"N": "7"}}
    below = {"ConditionExpression": "n <= :v", "ExpressionAttributeValues": {":v": {"N": "6.5"}}}
    assert code(dynamodb.delete_item, TableName="ops_main", Key=record("a"), **below) == "ConditionalCheckFailedException"
    below["ExpressionAttributeValues"] = {":v": {"N": "10"}}
    assert dynamodb.delete_item(TableName="ops_main", Key=record("a"), ReturnValues="ALL_OLD", **below)["Attributes"] == item
    assert code(dynamodb.put_item, TableName="ops_main", Item={"pk": text("R")}) == "ValidationException"
    assert code(dynamodb.put_item, TableName="ops_main", Item=record("")) == "ValidationException"
    assert code(dynamodb.put_item, TableName="ops_main", Item=record("b", x=text("x" * 500000))) == "ValidationException"
    assert code(dynamodb.get_item, TableName="ops_main", Key=record("a", x=text("y"))) == "ValidationException"


def test_a_batch_of_reads_gives_what_is_there(stub, dynamodb):
    stub.fill(tables={"r": {"rows": ROWS}, "t": {"items": 9}})
    answer = dynamodb.batch_get_item(RequestItems={
        "r": {"Keys": keys_of(ROWS[:3]) + [record("none")], "ProjectionExpression": "#n", "ExpressionAttributeNames": {"#n": "n"}},
        "t": {"Keys": keys_of(stub.items(table="t", limit=1))}})
    assert answer["Responses"]["r"] == [{"n": {"N": str(i)}} for i in range(3)]
    assert answer["Responses"]["t"] == stub.items(table="t", limit=1) and answer["UnprocessedKeys"] == {}


def put_action(item, **rest):
    return {"Put": {"TableName": "ops_main", "Item": item} | rest}


ABSENT = {"ConditionExpression": "attribute_not_exists(pk)"}


def holds(expression, **values):
    return {"ConditionExpression": expression, "ExpressionAttributeValues": {f":{name}": text(value) for name, value in values.items()}}


def test_a_transaction_does_all_or_nothing_and_says_why(stub, dynamodb):
    make_table(dynamodb)
    dynamodb.transact_write_items(TransactItems=[put_action(record("a", state=text("x")), **ABSENT),
                                                 put_action(record("b"), **ABSENT)])
    check = {"ConditionCheck": {"TableName": "ops_main", "Key": record("a"),
                                **holds("attribute_exists(pk) AND state = :s AND sk <= :k", s="x", k="a")}}
    delete = {"Delete": {"TableName": "ops_main", "Key": record("b")}}
    with pytest.raises(ClientError) as caught:
        dynamodb.transact_write_items(TransactItems=[
            check, delete,
            put_action(record("c"), ConditionExpression="attribute_exists(pk)"),
            {"Delete": {"TableName": "ops_main", "Key": record("a2")} | holds("state = :s", s="y")}])
    assert caught.value.response["Error"]["Code"] == "TransactionCanceledException"
    reasons = [reason["Code"] for reason in caught.value.response["CancellationReasons"]]
    assert reasons == ["None", "None", "ConditionalCheckFailed", "ConditionalCheckFailed"]
    assert [item["sk"]["S"] for item in stub.items(table="ops_main")] == ["a", "b"]
    dynamodb.transact_write_items(TransactItems=[check, delete, put_action(record("c"))])
    assert [item["sk"]["S"] for item in stub.items(table="ops_main")] == ["a", "c"]


def test_a_cancelled_transaction_shows_the_item_when_asked_to(stub, dynamodb):
    make_table(dynamodb)
    dynamodb.put_item(TableName="ops_main", Item=record("a", state=text("x")))
    with pytest.raises(ClientError) as caught:
        dynamodb.transact_write_items(TransactItems=[
            put_action(record("a"), ReturnValuesOnConditionCheckFailure="ALL_OLD", **holds("state = :s", s="y"))])
    assert caught.value.response["CancellationReasons"][0]["Item"] == record("a", state=text("x"))


def test_a_transaction_is_done_once_for_each_token(stub, dynamodb):
    make_table(dynamodb)
    action = put_action(record("a"), **ABSENT)
    for _ in range(2):
        dynamodb.transact_write_items(TransactItems=[action], ClientRequestToken="one")
    assert code(dynamodb.transact_write_items, TransactItems=[put_action(record("b"))],
                ClientRequestToken="one") == "IdempotentParameterMismatchException"
    assert code(dynamodb.transact_write_items, TransactItems=[action], ClientRequestToken="two") == "TransactionCanceledException"
    assert len(stub.items(table="ops_main")) == 1


def test_a_transaction_that_makes_no_sense_is_refused(stub, dynamodb):
    make_table(dynamodb)
    transact = dynamodb.transact_write_items
    assert code(transact, TransactItems=[put_action(record("a")), put_action(record("a"))]) == "ValidationException"
    assert code(transact, TransactItems=[put_action(record(f"{i}")) for i in range(101)]) == "ValidationException"
    assert code(transact, TransactItems=[put_action(record("a"), **holds("attribute_exists(pk)", unused="x"))]) == (
        "ValidationException")
    update = {"Update": {"TableName": "ops_main", "Key": record("a"), "UpdateExpression": "REMOVE x"}}
    assert code(transact, TransactItems=[update]) == "ValidationException"
    assert stub.items(table="ops_main") == []


def test_what_the_stub_does_not_know_it_refuses(stub, dynamodb, s3, logs):
    stub.fill(buckets={"b": {"objects": 1}})
    assert code(dynamodb.update_item, TableName="t", Key={"pk": text("a")}) == "UnknownOperationException"
    assert code(logs.describe_queries) == "UnknownOperationException"
    assert code(s3.get_bucket_lifecycle_configuration, Bucket="b") == "NotImplemented"
    assert code(s3.list_objects_v2, Bucket="b", Delimiter="/") == "NotImplemented"
    assert code(client(stub, "sts").get_session_token) == "InvalidAction"
    assert stub.state()["requests"] == {"dynamodb.unknown": 1, "logs.unknown": 1, "s3.unknown": 1, "s3.ListObjectsV2": 1,
                                        "sts.unknown": 1}


# ---- S3 ----


ODD_KEYS = sorted(["a b", "ä/ö", "x&y<z>\"'", "line\nbreak", "tab\tend", "plus+plus", "percent%41", "😀", "/slash//first", "~*()",
                   "g3nmhsadmin/x"], key=lambda key: key.encode())


def listed(s3, operation, element, **arguments):
    return [one for page in s3.get_paginator(operation).paginate(**arguments) for one in page.get(element, [])]


def test_buckets_answer_the_small_questions(stub, s3):
    stub.fill(buckets={"a": {"objects": 1}, "b": {"versioning": "Enabled"}, "c": {"versioning": "Suspended"}})
    assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == ["a", "b", "c"]
    assert s3.head_bucket(Bucket="a")["BucketRegion"] == REGION
    assert s3.get_bucket_location(Bucket="a")["LocationConstraint"] is None
    assert [s3.get_bucket_versioning(Bucket=name).get("Status") for name in "abc"] == [None, "Enabled", "Suspended"]
    assert code(s3.get_object_lock_configuration, Bucket="a") == "ObjectLockConfigurationNotFoundError"
    stub.fill(buckets={"d": {"versioning": "Enabled", "object_lock_days": 30}})
    lock = s3.get_object_lock_configuration(Bucket="d")["ObjectLockConfiguration"]
    assert lock == {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 30}}}
    assert code(s3.head_bucket, Bucket="nowhere") == "404"
    assert code(s3.list_objects_v2, Bucket="nowhere") == "NoSuchBucket"


def test_delete_markers_may_come_behind_the_versions_of_a_listing(stub, s3):
    stub.fill(buckets={"b": {"keys": ["a", "b", "c"], "versioning": "Enabled", "versions": 3, "delete_marker_every": 2,
                             "delete_markers_last": True}})
    arguments, elements, seen = {"Bucket": "b", "MaxKeys": 4}, [], set()
    while True:
        page = s3.list_object_versions(**arguments)
        found = [(one["Key"], one["VersionId"]) for kind in ("Versions", "DeleteMarkers") for one in page.get(kind, [])]
        elements += found
        seen |= set(found)
        if not page["IsTruncated"]:
            break
        arguments |= {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}
    assert len(elements) == len(seen) == 10
    first = urllib.request.Request(f"{stub.url}/b?versions=&max-keys=4", headers=SIGNED)
    with urllib.request.urlopen(first) as answer:
        body = answer.read().decode()
    assert re.findall("<(Version|DeleteMarker)>", body) == ["Version"] * 3 + ["DeleteMarker"]


@pytest.mark.parametrize("versioning", ["", "Enabled"])
def test_objects_are_listed_page_by_page_each_once(stub, s3, versioning):
    stub.fill(buckets={"b": {"objects": 2345, "orgs": 3, "versioning": versioning}})
    objects = listed(s3, "list_objects_v2", "Contents", Bucket="b")
    assert len(objects) == 2345 and [one["Key"] for one in objects] == sorted({one["Key"] for one in objects})
    assert objects[7]["ETag"] == '"0123456789abcdef0123450000000007"' and objects[7]["Size"] == 1007
    assert objects[7]["StorageClass"] == "STANDARD" and "Owner" not in objects[7]
    tenant = listed(s3, "list_objects_v2", "Contents", Bucket="b", Prefix="acme00001/", PaginationConfig={"PageSize": 100})
    assert len(tenant) == 782 and {one["Key"].split("/")[0] for one in tenant} == {"acme00001"}
    page = s3.list_objects_v2(Bucket="b", StartAfter=tenant[-1]["Key"], MaxKeys=2, FetchOwner=True)
    assert [one["Key"] for one in page["Contents"]] == ["acme00002/object-0000001564", "acme00002/object-0000001565"]
    assert page["IsTruncated"] and page["KeyCount"] == 2 and page["Contents"][0]["Owner"]["ID"]


def test_odd_keys_come_back_as_they_are_and_can_be_deleted(stub, s3):
    stub.fill(buckets={"b": {"keys": ODD_KEYS}})
    assert stub.items(bucket="b") == ODD_KEYS
    keys = [one["Key"] for one in listed(s3, "list_objects_v2", "Contents", Bucket="b", PaginationConfig={"PageSize": 2})]
    assert keys == ODD_KEYS
    versions = listed(s3, "list_object_versions", "Versions", Bucket="b", PaginationConfig={"PageSize": 3})
    assert [one["Key"] for one in versions] == ODD_KEYS and {one["VersionId"] for one in versions} == {"null"}
    answer = s3.delete_objects(Bucket="b", Delete={"Objects": [{"Key": key} for key in keys[:-2]]})
    assert [one["Key"] for one in answer["Deleted"]] == keys[:-2] and "Errors" not in answer
    for key in keys[-2:]:
        s3.delete_object(Bucket="b", Key=key)
    assert stub.bucket("b")["objects"] == 0 and stub.bucket("b")["deleted"] == len(ODD_KEYS)


@pytest.mark.parametrize("page_size", [1, 2, 3, 7, 1000])
def test_versions_and_markers_are_listed_each_once_newest_first(stub, s3, page_size):
    stub.fill(buckets={"b": {"objects": 10, "versions": 3, "versioning": "Enabled", "delete_marker_every": 4}})
    pages = list(s3.get_paginator("list_object_versions").paginate(Bucket="b", PaginationConfig={"PageSize": page_size}))
    versions = [one for page in pages for one in page.get("Versions", [])]
    markers = [one for page in pages for one in page.get("DeleteMarkers", [])]
    assert len({(one["Key"], one["VersionId"]) for one in versions}) == len(versions) == 30
    assert [one["Key"][-1] for one in markers] == ["3", "7"] and all(one["IsLatest"] for one in markers)
    latest = {one["Key"][-1] for one in versions if one["IsLatest"]}
    assert latest == set("01245689") and sum(one["IsLatest"] for one in versions) == 8
    assert len({len(one["VersionId"]) for one in versions + markers} | {32}) == 1
    assert len(listed(s3, "list_objects_v2", "Contents", Bucket="b")) == 8 == stub.bucket("b")["objects"]


def test_a_versioned_bucket_is_empty_when_each_version_and_marker_is_deleted(stub, s3):
    stub.fill(buckets={"b": {"objects": 700, "versions": 2, "versioning": "Enabled", "delete_marker_every": 5}})
    for _ in range(3):
        page = s3.list_object_versions(Bucket="b")
        everything = [{name: one[name] for name in ("Key", "VersionId")}
                      for one in page.get("Versions", []) + page.get("DeleteMarkers", [])]
        if everything:
            answer = s3.delete_objects(Bucket="b", Delete={"Objects": everything, "Quiet": True})
            assert "Deleted" not in answer and "Errors" not in answer
    assert stub.bucket("b") == {"objects": 0, "versions": 0, "delete_markers": 0, "uploads": 0, "markers_made": 0,
                                "deleted": 1540, "deleted_again": 0}


def test_a_listing_of_versions_goes_on_behind_what_was_deleted_meanwhile(stub, s3):
    stub.fill(buckets={"b": {"objects": 6, "versions": 2, "versioning": "Enabled", "delete_marker_every": 2}})
    paginator = s3.get_paginator("list_object_versions")
    for page in paginator.paginate(Bucket="b", PaginationConfig={"PageSize": 4}):
        found = page.get("Versions", []) + page.get("DeleteMarkers", [])
        s3.delete_objects(Bucket="b", Delete={"Objects": [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in found]})
    assert stub.bucket("b")["versions"] == stub.bucket("b")["delete_markers"] == 0


def test_a_delete_without_a_version_leaves_a_marker(stub, s3):
    stub.fill(buckets={"b": {"objects": 2, "versions": 2, "versioning": "Enabled"},
                       "s": {"objects": 1, "versions": 2, "versioning": "Suspended"}})
    key = "acme00000/object-0000000000"
    answer = s3.delete_objects(Bucket="b", Delete={"Objects": [{"Key": key}]})["Deleted"]
    assert answer == [{"Key": key, "DeleteMarker": True, "DeleteMarkerVersionId": "m0000000000.00000-stubVersionId_"}]
    assert stub.bucket("b")["markers_made"] == 1 and stub.bucket("b")["versions"] == 4 and stub.bucket("b")["objects"] == 1
    s3.delete_objects(Bucket="b", Delete={"Objects": [{"Key": key, "VersionId": answer[0]["DeleteMarkerVersionId"]}]})
    assert stub.bucket("b")["objects"] == 2
    assert s3.delete_object(Bucket="s", Key=key)["DeleteMarker"]
    assert stub.bucket("s")["versions"] == 1 and stub.bucket("s")["delete_markers"] == 1


def test_a_version_that_never_was_is_an_error_of_its_key(stub, s3):
    stub.fill(buckets={"b": {"objects": 1, "versioning": "Enabled"}})
    answer = s3.delete_objects(Bucket="b", Delete={"Objects": [
        {"Key": "acme00000/object-0000000000", "VersionId": "nonsense"}, {"Key": "no/such/key", "VersionId": "nonsense"}]})
    assert [one["Code"] for one in answer["Errors"]] == ["NoSuchVersion"]
    assert [one["Key"] for one in answer["Deleted"]] == ["no/such/key"]


def test_unfinished_uploads_are_listed_and_aborted(stub, s3):
    stub.fill(buckets={"b": {"uploads": 1003}})
    uploads = listed(s3, "list_multipart_uploads", "Uploads", Bucket="b")
    assert len({(one["Key"], one["UploadId"]) for one in uploads}) == 1003
    assert code(s3.abort_multipart_upload, Bucket="b", Key=uploads[0]["Key"], UploadId=uploads[1]["UploadId"]) == "NoSuchUpload"
    for one in uploads[:3]:
        s3.abort_multipart_upload(Bucket="b", Key=one["Key"], UploadId=one["UploadId"])
    assert code(s3.abort_multipart_upload, Bucket="b", Key=uploads[0]["Key"], UploadId=uploads[0]["UploadId"]) == "NoSuchUpload"
    assert stub.bucket("b")["uploads"] == 1000 and stub.bucket("b")["deleted"] == 3


def md5(body):
    return {"Content-MD5": base64.b64encode(hashlib.md5(body).digest()).decode()}


@pytest.mark.parametrize("body", [
    b"", b"<Delete></Delete>", b"<Delete><Object></Object></Delete>", b"<Delete><Object><Key>a</Key></Object>",
    b"<Delete><Object><Key>a&nonsense;b</Key></Object></Delete>", b"<Delete><Object><Key>a</Kez></Object></Delete>",
    b"<Other><Object><Key>a</Key></Object></Other>", b"<Delete><Object><Key>a & b</Key></Object></Delete>",
    b"<Delete>" + b"<Object><Key>a</Key></Object>" * 1001 + b"</Delete>"])
def test_a_list_of_keys_that_cannot_be_read_is_refused(stub, body):
    stub.fill(buckets={"b": {"keys": ["a", "a & b"]}})
    status, _, answer = raw(stub, "POST", "/b?delete", body, SIGNED | md5(body))
    assert status == 400 and b"<Code>MalformedXML</Code>" in answer
    assert stub.bucket("b")["deleted"] == 0


def test_a_list_of_keys_needs_its_digest(stub):
    stub.fill(buckets={"b": {"keys": ["a&b"]}})
    body = b'<?xml version="1.0"?>\n<Delete>\n <Object><Key>a&#38;b</Key></Object>\n <!-- one --></Delete>\n'
    assert b"<Code>InvalidRequest</Code>" in raw(stub, "POST", "/b?delete", body)[2]
    assert b"<Code>BadDigest</Code>" in raw(stub, "POST", "/b?delete", body, SIGNED | md5(b"other"))[2]
    sha256 = {"x-amz-checksum-sha256": base64.b64encode(hashlib.sha256(body).digest()).decode()}
    assert b"<Deleted><Key>a&amp;b</Key></Deleted>" in raw(stub, "POST", "/b?delete", body, SIGNED | sha256)[2]


@pytest.mark.parametrize("host", ["my.bucket.localhost", "my.bucket.s3.us-east-1.amazonaws.com", "my.bucket.s3.localhost:4566"])
def test_the_bucket_may_be_in_the_host_name(stub, host):
    stub.fill(buckets={"my.bucket": {"keys": ["k"]}})
    status, _, body = raw(stub, "GET", "/?list-type=2", headers=SIGNED | {"Host": host})
    assert status == 200 and b"<Name>my.bucket</Name>" in body and b"<Key>k</Key>" in body
    assert raw(stub, "DELETE", "/k", headers=SIGNED | {"Host": host})[0] == 204 and stub.bucket("my.bucket")["objects"] == 0


# ---- Logs and STS ----


def test_log_groups_and_streams_are_made_described_and_deleted(stub, logs):
    stub.fill(log_groups={"/pvm/api": {"streams": 120, "retention_days": 30}, "/zzz": {"streams": 0}})
    logs.create_log_group(logGroupName="/ops/audit")
    assert code(logs.create_log_group, logGroupName="/ops/audit") == "ResourceAlreadyExistsException"
    logs.put_retention_policy(logGroupName="/ops/audit", retentionInDays=7)
    groups = listed(logs, "describe_log_groups", "logGroups", PaginationConfig={"PageSize": 1})
    assert [(one["logGroupName"], one.get("retentionInDays")) for one in groups] == [("/ops/audit", 7), ("/pvm/api", 30), ("/zzz", None)]
    assert [one["logGroupName"] for one in logs.describe_log_groups(logGroupNamePrefix="/p")["logGroups"]] == ["/pvm/api"]
    streams = [one["logStreamName"] for one in listed(logs, "describe_log_streams", "logStreams", logGroupName="/pvm/api")]
    assert streams == [f"stream-{i:010}" for i in range(120)]
    logs.delete_log_stream(logGroupName="/pvm/api", logStreamName=streams[5])
    assert code(logs.delete_log_stream, logGroupName="/pvm/api", logStreamName=streams[5]) == "ResourceNotFoundException"
    assert code(logs.describe_log_streams, logGroupName="/nowhere") == "ResourceNotFoundException"
    assert code(logs.describe_log_streams, logGroupName="/zzz", limit=51) == "InvalidParameterException"
    assert stub.log_group("/pvm/api") == {"streams": 119, "events": 0, "retention_days": 30, "deleted": 1, "deleted_again": 1}


def test_events_are_read_in_their_order_from_either_end(stub, logs):
    stub.fill(log_groups={"/a": {"streams": 0}})
    where = {"logGroupName": "/a", "logStreamName": "s"}
    assert code(logs.put_log_events, logEvents=[{"timestamp": 1, "message": "x"}], **where) == "ResourceNotFoundException"
    logs.create_log_stream(**where)
    assert code(logs.create_log_stream, **where) == "ResourceAlreadyExistsException"
    for start in (0, 5):
        logs.put_log_events(logEvents=[{"timestamp": i, "message": f"m{i}"} for i in range(start, start + 5)], **where)
    seen, token = [], {}
    while True:
        page = logs.get_log_events(startFromHead=True, limit=3, **where, **token)
        if not page["events"]:
            break
        seen += [one["message"] for one in page["events"]]
        token = {"nextToken": page["nextForwardToken"]}
    assert seen == [f"m{i}" for i in range(10)] and page["nextForwardToken"] == token["nextToken"]
    tail = logs.get_log_events(limit=3, **where)
    assert [one["message"] for one in tail["events"]] == ["m7", "m8", "m9"]
    before = logs.get_log_events(limit=3, nextToken=tail["nextBackwardToken"], **where)
    assert [one["message"] for one in before["events"]] == ["m4", "m5", "m6"]
    wrong = [{"timestamp": 2, "message": "b"}, {"timestamp": 1, "message": "a"}]
    assert code(logs.put_log_events, logEvents=wrong, **where) == "InvalidParameterException"
    assert stub.log_group("/a")["events"] == 10
    assert [one["message"] for one in stub.items(log_group="/a")[0]["s"]] == seen


def test_the_caller_has_an_account(stub):
    assert client(stub, "sts").get_caller_identity()["Account"] == ACCOUNT


def test_a_request_that_is_not_signed_is_refused(stub):
    stub.fill(tables={"t": {"items": 1}}, buckets={"b": {"objects": 1}})
    target = {"X-Amz-Target": "DynamoDB_20120810.Scan"}
    status, _, body = raw(stub, "POST", "/", b'{"TableName":"t"}', target)
    assert status == 400 and json.loads(body)["__type"].endswith("MissingAuthenticationToken")
    assert raw(stub, "GET", "/b?list-type=2", headers={})[0] == 403
    assert raw(stub, "POST", "/", b'{"TableName":"t"}', SIGNED | target)[0] == 200


# ---- Faults ----


@pytest.fixture
def filled(stub):
    stub.fill(tables={"t": {"items": 100}, "ops_main": {"rows": []}}, buckets={"b": {"objects": 100}},
              log_groups={"/a": {"streams": 3}})
    return stub


def batch(stub, first=0, count=20):
    """A BatchWriteItem that deletes these of the first hundred items."""
    keys = [{"pk": text(f"ORG#acme00000#record-{i:010}"), "sk": text("row-00000")} for i in range(first, first + count)]
    return {"RequestItems": {"t": [{"DeleteRequest": {"Key": key}} for key in keys]}}


def objects(first=0, count=20, **rest):
    return {"Bucket": "b", "Delete": {"Objects": [{"Key": f"acme00000/object-{i:010}"} for i in range(first, first + count)]} | rest}


def test_a_part_of_a_batch_comes_back_and_the_rest_is_done(filled, dynamodb):
    filled.faults({"fault": "unprocessed", "share": 0.25, "times": 1})
    request = batch(filled)
    left = dynamodb.batch_write_item(**request)["UnprocessedItems"]
    assert len(left["t"]) == 5 and all(one in request["RequestItems"]["t"] for one in left["t"])
    assert filled.table("t")["deleted"] == 15
    assert dynamodb.batch_write_item(RequestItems=left)["UnprocessedItems"] == {}
    assert filled.table("t") == {"items": 80, "deleted": 20, "deleted_again": 0}


def test_a_batch_over_two_tables_may_come_back_whole(filled, dynamodb):
    filled.faults({"fault": "unprocessed", "share": 1, "times": 1})
    request = batch(filled, count=3)
    request["RequestItems"]["ops_main"] = [{"PutRequest": {"Item": record("a")}}]
    assert dynamodb.batch_write_item(**request)["UnprocessedItems"] == request["RequestItems"]
    assert filled.table("t")["deleted"] == 0 and filled.items(table="ops_main") == []


def test_a_part_of_a_batch_of_reads_comes_back(filled, dynamodb):
    filled.faults({"fault": "unprocessed", "times": 1})
    keys = keys_of(filled.items(table="t", limit=10))
    answer = dynamodb.batch_get_item(RequestItems={"t": {"Keys": keys, "ProjectionExpression": "pk, sk"}})
    again = answer["UnprocessedKeys"]["t"]
    left = again["Keys"]
    assert len(left) == 5 and again["ProjectionExpression"] == "pk, sk" and sorted(map(str, left + keys_of(answer["Responses"]["t"]))) == sorted(map(str, keys))


def test_a_transaction_may_be_in_conflict(filled, dynamodb):
    filled.faults({"fault": "transaction_conflict", "times": 1})
    actions = [put_action(record("a")), put_action(record("b"))]
    with pytest.raises(ClientError) as caught:
        dynamodb.transact_write_items(TransactItems=actions)
    assert [one["Code"] for one in caught.value.response["CancellationReasons"]] == ["TransactionConflict", "None"]
    assert filled.items(table="ops_main") == []
    dynamodb.transact_write_items(TransactItems=actions)


@pytest.mark.parametrize("fault, service, operation, arguments, expected, status", [
    ("throttle", "dynamodb", "batch_write_item", batch(None), "ProvisionedThroughputExceededException", 400),
    ("throttle", "logs", "describe_log_groups", {}, "ThrottlingException", 400),
    ("throttle", "s3", "delete_objects", objects(), "SlowDown", 503),
    ("throttle", "sts", "get_caller_identity", {}, "Throttling", 400),
    ("slow_down", "s3", "list_objects_v2", {"Bucket": "b"}, "SlowDown", 503),
    ("internal_error", "dynamodb", "batch_write_item", batch(None), "InternalServerError", 500),
    ("internal_error", "s3", "delete_objects", objects(), "InternalError", 500),
    ("internal_error", "logs", "describe_log_groups", {}, "InternalFailure", 500),
    ("unavailable", "dynamodb", "batch_write_item", batch(None), "ServiceUnavailable", 503),
    ("unavailable", "s3", "delete_objects", objects(), "ServiceUnavailable", 503),
    ("unavailable", "logs", "describe_log_groups", {}, "ServiceUnavailableException", 503),
    ("expired_token", "sts", "get_caller_identity", {}, "ExpiredToken", 403),
    ("access_denied", "dynamodb", "batch_write_item", batch(None), "AccessDeniedException", 400),
    ("access_denied", "s3", "delete_objects", objects(), "AccessDenied", 403),
    ("access_denied", "logs", "describe_log_groups", {}, "AccessDeniedException", 400),
    ("not_implemented", "s3", "get_bucket_versioning", {"Bucket": "b"}, "NotImplemented", 501),
    ("not_implemented", "logs", "describe_log_groups", {}, "UnknownOperationException", 400),
])
def test_a_fault_that_is_a_refusal_does_nothing(filled, fault, service, operation, arguments, expected, status):
    filled.faults({"fault": fault, "times": 1})
    with pytest.raises(ClientError) as caught:
        getattr(client(filled, service), operation)(**arguments)
    assert caught.value.response["Error"]["Code"] == expected
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    state = filled.state()
    assert state["tables"]["t"]["deleted"] == state["buckets"]["b"]["deleted"] == 0 and state["faults"] == {fault: 1}
    getattr(client(filled, service, "ANOTHERKEYID"), operation)(**arguments)


def test_a_refusal_may_have_another_code_and_be_a_lie(filled, dynamodb):
    filled.faults({"fault": "throttle", "code": "RequestLimitExceeded", "times": 1},
                  {"fault": "internal_error", "done": True, "times": 1})
    assert code(dynamodb.batch_write_item, **batch(filled)) == "RequestLimitExceeded"
    assert filled.table("t")["deleted"] == 0
    assert code(dynamodb.batch_write_item, **batch(filled)) == "InternalServerError"
    assert filled.table("t")["deleted"] == 20


@pytest.mark.parametrize("quiet", [False, True])
def test_some_keys_of_a_list_come_back_as_errors(filled, s3, quiet):
    filled.faults({"fault": "key_errors", "share": 0.2, "code": "AccessDenied", "times": 1})
    answer = s3.delete_objects(**objects(Quiet=quiet))
    assert len(answer["Errors"]) == 4 and {one["Code"] for one in answer["Errors"]} == {"AccessDenied"}
    assert len(answer.get("Deleted", [])) == (0 if quiet else 16)
    assert filled.bucket("b")["objects"] == 84
    assert {one["Key"] for one in answer["Errors"]} <= set(filled.items(bucket="b"))


def test_an_error_may_hide_in_a_200(filled, s3):
    filled.faults({"fault": "error_in_200", "times": 2})
    assert code(s3.delete_objects, **objects()) == "InternalError" and filled.bucket("b")["deleted"] == 0
    status, _, body = raw(filled, "GET", "/b?list-type=2")
    assert status == 200 and b"<Error><Code>InternalError</Code>" in body


@pytest.mark.parametrize("fault, seen", [
    ("truncate", http.client.IncompleteRead), ("reset", (ConnectionResetError, http.client.IncompleteRead)),
    ("reset_before", (ConnectionResetError, http.client.RemoteDisconnected)),
    ("lost_answer", (ConnectionResetError, http.client.RemoteDisconnected))])
def test_a_connection_breaks_and_the_write_is_done_or_not(filled, fault, seen):
    filled.faults({"fault": fault, "times": 1})
    target = {"X-Amz-Target": "DynamoDB_20120810.BatchWriteItem"}
    with pytest.raises(seen):
        raw(filled, "POST", "/", json.dumps(batch(filled)).encode(), SIGNED | target)
    assert filled.table("t")["deleted"] == (0 if fault == "reset_before" else 20)
    assert raw(filled, "POST", "/", json.dumps(batch(filled)).encode(), SIGNED | target)[0] == 200
    assert filled.table("t")["items"] == 80


@pytest.mark.parametrize("fault", ["reset_before", "lost_answer", "reset"])
def test_boto3_sees_a_reset_as_a_closed_connection(filled, dynamodb, fault):
    filled.faults({"fault": fault, "operation": "Scan", "times": 1})
    with pytest.raises(Exception) as caught:
        dynamodb.scan(TableName="t")
    assert isinstance(caught.value, ConnectionClosedError) or "reset" in str(caught.value).lower()


def test_a_reset_comes_after_a_part_of_the_answer(filled):
    filled.faults({"fault": "reset", "times": 1})
    with socket.create_connection(("127.0.0.1", filled.port), timeout=30) as connection:
        connection.sendall(f"GET /b?list-type=2 HTTP/1.1\r\nHost: x\r\nAuthorization: {SIGNED['Authorization']}\r\n\r\n".encode())
        got = b""
        with pytest.raises(ConnectionResetError):
            while chunk := connection.recv(65536):
                got += chunk
    head, _, body = got.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK") and 0 < len(body) < 30000 and b"</ListBucketResult>" not in body


def test_garbage_is_neither_json_nor_xml(filled, s3):
    filled.faults({"fault": "garbage", "times": 2})
    assert code(s3.list_objects_v2, Bucket="b") == "500", "that is what boto3 makes of it"
    status, _, body = raw(filled, "POST", "/", b'{"TableName":"t"}', SIGNED | {"X-Amz-Target": "DynamoDB_20120810.Scan"})
    assert status == 200
    with pytest.raises(ValueError):
        json.loads(body)


def test_a_slow_answer_comes_late_and_delays_nobody_else(filled, dynamodb):
    filled.faults({"fault": "slow", "delay_ms": 600, "times": 1})
    began = time.monotonic()
    slow = threading.Thread(target=dynamodb.batch_write_item, kwargs=batch(filled))
    slow.start()
    while not filled.state()["faults"]:
        pass
    assert filled.table("t")["deleted"] == 20
    slow.join()
    assert time.monotonic() - began >= 0.6


def test_a_client_that_leaves_before_a_slow_answer_harms_nobody(filled):
    filled.faults({"fault": "slow", "delay_ms": 300, "times": 1})
    with socket.create_connection(("127.0.0.1", filled.port), timeout=30) as connection:
        connection.sendall(f"GET /b?list-type=2 HTTP/1.1\r\nHost: x\r\nAuthorization: {SIGNED['Authorization']}\r\n\r\n".encode())
        while not filled.state()["faults"]:
            pass
    assert filled.state()["faults"] == {"slow": 1}


@pytest.mark.parametrize("service, operation, arguments, expected", [
    ("dynamodb", "scan", {"TableName": "t"}, "ExpiredTokenException"), ("s3", "list_objects_v2", {"Bucket": "b"}, "ExpiredToken"),
    ("logs", "describe_log_groups", {}, "ExpiredTokenException")])
def test_expired_keys_stay_expired_and_other_keys_work(filled, service, operation, arguments, expected):
    filled.faults({"fault": "expired_token", "times": 1})
    for _ in range(3):
        assert code(getattr(client(filled, service), operation), **arguments) == expected
    getattr(client(filled, service, "ANOTHERKEYID"), operation)(**arguments)
    filled.faults()
    getattr(client(filled, service), operation)(**arguments)


def test_a_token_counts_as_much_as_a_key_id(filled):
    filled.faults({"fault": "expired_token", "times": 1})
    old, new = SIGNED | {"X-Amz-Security-Token": "old"}, SIGNED | {"X-Amz-Security-Token": "new"}
    assert [raw(filled, "GET", "/b?list-type=2", headers=headers)[0] for headers in (old, old, new)] == [400, 400, 200]


@pytest.mark.parametrize("offset, words", [(900, "Signature expired"), (-900, "Signature not yet current")])
def test_a_wrong_clock_refuses_and_says_its_time(filled, dynamodb, s3, offset, words):
    filled.faults({"fault": "clock_skew", "offset_seconds": offset})
    assert refused(dynamodb.scan, TableName="t")[1].startswith(words)
    assert code(dynamodb.scan, TableName="t") == "InvalidSignatureException"
    assert code(s3.list_objects_v2, Bucket="b") == "RequestTimeTooSkewed"
    _, headers, _ = raw(filled, "GET", "/b?list-type=2")
    assert abs(parsedate_to_datetime(headers["Date"]).timestamp() - time.time() - offset) < 60
    filled.faults({"fault": "clock_skew", "offset_seconds": offset // 4})
    assert dynamodb.scan(TableName="t")["Count"] == 100


def struck(stub, dynamodb, count=30):
    """Which of so many calls were hit."""
    hits = []
    for i in range(count):
        try:
            dynamodb.get_item(TableName="t", Key={"pk": text("a"), "sk": text("b")})
        except ClientError:
            hits.append(i)
    return hits


def test_a_rule_says_which_calls_it_hits(filled, dynamodb):
    def hits(**rule):
        filled.faults({"fault": "throttle"} | rule)
        return struck(filled, dynamodb)

    assert hits(times=2) == [0, 1]
    assert hits(skip=3, every=10) == [12, 22]
    assert hits(operation="Scan") == hits(service="s3") == hits(containing="no such text") == hits(times=0) == hits(probability=0) == []
    assert hits(operation="GetItem", service="dynamodb", containing='"TableName"', times=None) == list(range(30))


def test_a_seed_draws_the_same_calls_again(filled, dynamodb):
    def hits(seed):
        filled.faults({"fault": "throttle", "probability": 0.3, "seed": seed})
        return struck(filled, dynamodb)

    assert hits(1) == hits(1) != hits(2)
    assert 2 < len(hits(3)) < 20


def test_the_first_rule_that_strikes_decides(filled, dynamodb):
    filled.faults({"fault": "throttle", "every": 2}, {"fault": "internal_error", "skip": 1, "times": 1})
    codes = []
    for _ in range(4):
        try:
            dynamodb.scan(TableName="t")
            codes.append("")
        except ClientError as error:
            codes.append(error.response["Error"]["Code"])
    throttled = "ProvisionedThroughputExceededException"
    assert codes == ["", throttled, "InternalServerError", throttled]
    assert filled.state()["faults"] == {"throttle": 2, "internal_error": 1}


def test_only_what_comes_too_fast_may_be_throttled(filled, dynamodb):
    filled.faults({"fault": "throttle", "over_per_second": 1})
    calls, hits = 0, []
    while not hits:
        hits = struck(filled, dynamodb, 20)
        calls += 20
    assert len(hits) < calls, "the first call of a second goes through"


@pytest.mark.parametrize("rule, problem", [
    ({"fault": "nonsense"}, "fault"), ({}, "fault"), ({"fault": "slow", "tims": 1}, "tims"), ({"fault": "slow", "every": 0}, "every"),
    ({"fault": "slow", "probability": 1.5}, "probability"), ({"fault": "slow", "service": "sqs"}, "service"),
    ({"fault": "slow", "times": "1"}, "times")])
def test_a_rule_that_cannot_be_understood_is_refused_by_name(filled, rule, problem):
    with pytest.raises(ValueError, match=problem):
        filled.faults({"fault": "throttle"}, rule)


@pytest.mark.parametrize("kind, description", [
    ("tables", {"itms": 1}), ("tables", {"items": 1, "orgs": 0}), ("tables", {"rows": [{"pk": text("a")}]}),
    ("tables", {"items": 1, "key": []}), ("buckets", {"versioning": "On"}), ("buckets", {"objects": 1, "versions": 0}),
    ("log_groups", {"stream": 1})])
def test_a_description_that_makes_no_sense_is_refused(stub, kind, description):
    with pytest.raises(ValueError):
        stub.fill(**{kind: {"x1": description}})


def test_a_control_route_that_is_not_there_is_refused(stub):
    with pytest.raises(ValueError):
        stub.control("GET", "nonsense")
    with pytest.raises(ValueError):
        stub.items(table="nowhere")


# ---- HTTP ----


LISTING = f"GET /b?list-type=2&max-keys=1 HTTP/1.1\r\nHost: x\r\nAuthorization: {SIGNED['Authorization']}\r\n\r\n".encode()


def test_requests_come_in_pieces_or_several_at_once(filled):
    with socket.create_connection(("127.0.0.1", filled.port), timeout=30) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in LISTING:
            connection.sendall(bytes([byte]))
        connection.sendall(LISTING * 5 + LISTING.replace(b"Host: x", b"Connection: close"))
        got = b""
        while chunk := connection.recv(65536):
            got += chunk
    assert got.count(b"HTTP/1.1 200 OK") == got.count(b"</ListBucketResult>") == 7


def test_a_client_that_asks_before_it_sends_a_body_is_told_to_go_on(filled):
    head = (f"POST / HTTP/1.1\r\nHost: x\r\nAuthorization: {SIGNED['Authorization']}\r\nExpect: 100-continue\r\n"
            "X-Amz-Target: DynamoDB_20120810.ListTables\r\nConnection: close\r\nContent-Length: 2\r\n\r\n")
    with socket.create_connection(("127.0.0.1", filled.port), timeout=30) as connection:
        connection.sendall(head.encode())
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"{}")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 OK")


@pytest.mark.parametrize("request_text", [
    b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nno colon\r\n\r\n", b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 100 + b"\r\n", b"G" * (64 * 1024 + 1)])
def test_what_is_no_request_gets_a_400_and_the_door(stub, request_text):
    with socket.create_connection(("127.0.0.1", stub.port), timeout=30) as connection:
        connection.sendall(request_text)
        assert connection.recv(65536).startswith(b"HTTP/1.1 400 ")
        assert stub.state()["requests"] == {}
