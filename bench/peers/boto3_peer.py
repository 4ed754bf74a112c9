"""boto3_peer.py table|bucket|versions NAME: empties it as a careful Python script does, with boto3's own helpers."""

import sys

import boto3


def empty_table(name):
    """A scan of the keys alone, page after page, and batch_writer, which cuts batches and repeats what is left over."""
    table = boto3.resource("dynamodb").Table(name)
    keys = [element["AttributeName"] for element in table.key_schema]
    names = {f"#{i}": key for i, key in enumerate(keys)}
    pages = table.meta.client.get_paginator("scan").paginate(
        TableName=name, ProjectionExpression=",".join(names), ExpressionAttributeNames=names)
    with table.batch_writer() as batch:
        for page in pages:
            for key in page["Items"]:
                batch.delete_item(Key=key)


def delete_objects(s3, bucket, objects):
    if objects:
        answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
        if answer.get("Errors"):
            raise SystemExit(f"{len(answer['Errors'])} objects are left: {answer['Errors'][0]}")


def empty_bucket(name):
    s3 = boto3.client("s3")
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=name):
        delete_objects(s3, name, [{"Key": found["Key"]} for found in page.get("Contents", [])])


def empty_versions(name):
    s3 = boto3.client("s3")
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=name):
        found = page.get("Versions", []) + page.get("DeleteMarkers", [])
        delete_objects(s3, name, [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in found])


if __name__ == "__main__":
    {"table": empty_table, "bucket": empty_bucket, "versions": empty_versions}[sys.argv[1]](sys.argv[2])
