"""The policies in deploy/aws say what the program does: all of that is allowed, no more, and what is protected is denied."""

import fnmatch
import json
import re

import pytest

from aws_home import account, make_aws, on, stacked, stub, stub_process  # noqa: F401 (fixtures)
from g3nops import PHRASE, ROOT

ADAPTERS = ROOT / "src" / "adapters" / "aws"
POLICIES = ("service", "bootstrap", "operator")
TARGET = re.compile(r'"(DynamoDB_20120810|Logs_20140328)\.(\w+)"')
SERVICE_OF = {"DynamoDB_20120810": "dynamodb", "Logs_20140328": "logs"}

# Which right an operation needs, where that has another name. Service Authorization Reference, "Actions, resources, and
# condition keys for Amazon S3", "... for Amazon DynamoDB"; DynamoDB Developer Guide, "IAM and transactions".
RIGHTS = {
    "s3:ListBuckets": {"s3:ListAllMyBuckets"},
    "s3:GetObjectLockConfiguration": {"s3:GetBucketObjectLockConfiguration"},
    "s3:ListObjectsV2": {"s3:ListBucket"},
    "s3:ListObjectVersions": {"s3:ListBucketVersions"},
    "s3:ListMultipartUploads": {"s3:ListBucketMultipartUploads"},
    "s3:DeleteObjects": {"s3:DeleteObject", "s3:DeleteObjectVersion"},
    "s3:DeleteObject": {"s3:DeleteObject", "s3:DeleteObjectVersion"},
    "dynamodb:TransactWriteItems": {"dynamodb:PutItem", "dynamodb:DeleteItem", "dynamodb:ConditionCheckItem"},
    "sts:GetCallerIdentity": set(),  # needs none
    "sts:AssumeRole": set(),  # is of the role that the profile comes from
    "sts:AssumeRoleWithWebIdentity": set(),  # is signed by nobody
}
S3_OPERATIONS = {"GetBucketVersioning", "GetObjectLockConfiguration", "ListBuckets", "ListObjectsV2", "ListObjectVersions", "ListMultipartUploads",
                 "DeleteObjects", "DeleteObject", "AbortMultipartUpload"}


def statements(name):
    document = json.loads((ROOT / "deploy" / "aws" / f"{name}-policy.json").read_text())
    assert document["Version"] == "2012-10-17"
    return document["Statement"]


def listed(value):
    return value if isinstance(value, list) else [value]


def actions(name, effect):
    return {action for statement in statements(name) if statement["Effect"] == effect
            for action in listed(statement["Action"])}


def json_operations():
    """Those of DynamoDB and CloudWatch Logs, as the sources name them."""
    return {f"{SERVICE_OF[service]}:{operation}" for path in ADAPTERS.glob("*.[ch]")
            for service, operation in TARGET.findall(path.read_text())}


def needed(operations):
    return {right for operation in operations for right in RIGHTS.get(operation, {operation})}


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_is_well_formed(name):
    ids = [statement["Sid"] for statement in statements(name)]
    assert len(ids) == len(set(ids)) and all(re.fullmatch("[A-Za-z0-9]+", sid) for sid in ids)
    for statement in statements(name):
        assert statement["Effect"] in ("Allow", "Deny")
        assert all(re.fullmatch(r"(dynamodb|s3|logs|lambda):[A-Za-z]+", action) for action in listed(statement["Action"]))
        assert all(resource == "*" or resource.startswith("arn:aws:") for resource in listed(statement["Resource"]))
        assert not {"*"} & set(listed(statement["Action"]))


def test_what_the_adapters_call_is_allowed_and_nothing_else():
    operations = json_operations() | {f"s3:{operation}" for operation in S3_OPERATIONS}
    assert len(json_operations()) > 15
    allowed = actions("service", "Allow") | actions("bootstrap", "Allow")
    assert needed(operations) - allowed == set(), "called, and not allowed"
    assert allowed - needed(operations) == set(), "allowed, and never called"


@on("stub")
def test_the_table_of_operations_is_what_a_whole_run_calls(stacked, account):
    serve = stacked.serve(clock=True)
    serve.do("vacuumorg", orgcode="acme2", dry_run=True)
    vacuum_id = serve.do("vacuumall", confirmation_phrase=PHRASE)["vacuum_id"]
    stacked.clock.ahead(301)
    assert serve.vacuum_ended(vacuum_id)["status"] == "completed"
    requests = account.stub.state()["requests"]
    made_by_us = {"dynamodb.CreateTable", "logs.CreateLogGroup"}  # which is what the bootstrap policy is for
    called = {name.replace(".", ":", 1) for name, count in requests.items() if count and name not in made_by_us}
    called.discard("dynamodb:unknown")  # UpdateContinuousBackups, of the bootstrap
    allowed = actions("service", "Allow")
    assert needed(called) - allowed == set()
    s3_called = {name.split(":")[1] for name in called if name.startswith("s3:")}
    assert s3_called <= S3_OPERATIONS
    assert S3_OPERATIONS - s3_called <= {"DeleteObject"}, "in the table, and not called"


def test_the_operator_may_invoke_the_functions_and_nothing_else():
    assert actions("operator", "Allow") == {"lambda:InvokeFunction"}
    assert all(resource.endswith(":function:ops_*") for statement in statements("operator")
               for resource in listed(statement["Resource"]))


# ---- What is protected ----

GUARD = (ROOT / "src" / "core" / "guard.c").read_text()
HEADER = (ROOT / "src" / "core" / "guard.h").read_text()
DEFINED = dict(re.findall(r'#define (OPS_\w+) "([^"]+)"', HEADER))
ARNS = {"TABLE": "arn:aws:dynamodb:eu-central-1:123456789012:table/{}",
        "BUCKET": "arn:aws:s3:::{}/an/object",
        "LOG_GROUP": "arn:aws:logs:eu-central-1:123456789012:log-group:{}:log-stream:a"}
DELETES = {"TABLE": "dynamodb:BatchWriteItem", "BUCKET": "s3:DeleteObjectVersion", "LOG_GROUP": "logs:DeleteLogStream"}
THINGS = {"TABLE": "dynamodb:DeleteTable", "BUCKET": "s3:DeleteBucket", "LOG_GROUP": "logs:DeleteLogGroup"}


def protected_names():
    rows = re.findall(r"\{OPS_(TABLE|BUCKET|LOG_GROUP), (\w+|\"[^\"]+\"),", GUARD)
    return [(kind, DEFINED.get(name, name.strip('"'))) for kind, name in rows]


def denied(action, arn, leading_key=None):
    """Whether an explicit Deny holds; one with a condition only for that partition key."""
    for statement in statements("service"):
        if statement["Effect"] != "Deny" or action not in listed(statement["Action"]):
            continue
        if not any(fnmatch.fnmatchcase(arn, resource.replace("REGION", "*").replace("ACCOUNT", "*"))
                   for resource in listed(statement["Resource"])):
            continue
        condition = statement.get("Condition")
        if condition is None:
            return True
        patterns = listed(condition["ForAnyValue:StringLike"]["dynamodb:LeadingKeys"])
        if leading_key and any(fnmatch.fnmatchcase(leading_key, pattern) for pattern in patterns):
            return True
    return False


@pytest.mark.parametrize("kind, name", protected_names())
def test_a_name_that_the_guard_protects_is_denied(kind, name):
    assert denied(DELETES[kind], ARNS[kind].format(name))
    assert denied(THINGS[kind], ARNS[kind].format(name))


def test_the_guard_names_what_it_should():
    assert protected_names() == [("TABLE", "ops_main"), ("LOG_GROUP", "/g3nretailstack/ops/maintenance-audit"),
                                 ("BUCKET", "doc.g3nretailstack.com"), ("BUCKET", "mcp.g3nretailstack.com")]
    assert DEFINED["OPS_PROTECTED_PREFIX"] == "g3nmhsadmin"


@pytest.mark.parametrize("kind, name", [
    ("TABLE", "g3nmhsadmin_keys"), ("BUCKET", "g3nmhsadmin-files"), ("LOG_GROUP", "g3nmhsadmin/x"),
    ("LOG_GROUP", "/g3nretailstack/g3nmhsadmin/x"),
])
def test_what_begins_with_the_protected_prefix_is_denied(kind, name):
    assert denied(DELETES[kind], ARNS[kind].format(name))


def test_protected_records_in_what_may_be_emptied_are_denied():
    table = ARNS["TABLE"].format("pvm_main")
    assert denied("dynamodb:BatchWriteItem", table, "g3nmhsadmin#keep")
    assert not denied("dynamodb:BatchWriteItem", table, "ITEM#1")
    assert denied("s3:DeleteObject", "arn:aws:s3:::pvm-data/g3nmhsadmin/keep")
    assert not denied("s3:DeleteObject", "arn:aws:s3:::pvm-data/acme/object")
    stream = "arn:aws:logs:eu-central-1:123456789012:log-group:/pvm/api:log-stream:"
    assert denied("logs:DeleteLogStream", stream + "g3nmhsadmin-keep")
    assert not denied("logs:DeleteLogStream", stream + "a")


def test_the_audit_trail_is_denied_and_the_rest_of_ops_main_is_not():
    own = ARNS["TABLE"].format("ops_main")
    assert denied("dynamodb:DeleteItem", own, "AUDIT") and denied("dynamodb:UpdateItem", own, "AUDIT")
    assert not denied("dynamodb:DeleteItem", own, "VACUUM_OPEN") and not denied("dynamodb:PutItem", own, "AUDIT")
