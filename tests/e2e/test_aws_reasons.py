"""What an operator is told of a target that can't be vacuumed as it should, on the AWS engine; and that the others are."""

import re

import pytest

from aws_home import account, make_aws, on, stub, stub_process  # noqa: F401 (fixtures)
from g3nops import PHRASE
from rewriting import rewriting

pytestmark = [pytest.mark.usefixtures("settable_clock"), on("stub")]

BY_PREFIX = {"by": "key_prefix", "pattern": "{orgcode}/"}
BY_ATTRIBUTE = {"by": "attribute", "name": "orgcode"}


def manifest(tables=(), buckets=(), log_groups=()):
    return {"stack": "g3nretailstack", "services": [{
        "code": "pvm",
        "tables": [{"name": name, "org": BY_ATTRIBUTE} for name in tables],
        "buckets": [{"name": name, "org": BY_PREFIX} for name in buckets],
        "log_groups": [{"name": name} for name in log_groups]}]}


def targets(vacuum):
    return {target["name"]: target for target in vacuum["targets"]}


def dry_org(serve, orgcode):
    return serve.vacuum_ended(serve.do("vacuumorg", orgcode=orgcode, dry_run=True)["vacuum_id"])


def ended_org(home, serve, orgcode):
    vacuum_id = serve.do("vacuumorg", orgcode=orgcode)["vacuum_id"]
    home.clock.ahead(301)
    return serve.vacuum_ended(vacuum_id, 60)


# ---- What is listed in another order ----


def test_1300_versions_with_their_delete_marker_listed_last_are_1301_things(make_aws, account):
    home = make_aws()
    home.write_manifest(manifest(buckets=["pvm-data"]))
    home.bootstrap()
    account.stub.fill(buckets={"pvm-data": {"keys": ["acme/many", "beta/z"], "versioning": "Enabled", "versions": 1300,
                                            "delete_marker_every": 1, "delete_markers_last": True}})
    serve = home.serve(clock=True)
    dry = dry_org(serve, "acme")
    assert dry["status"] == "completed" and targets(dry)["pvm-data"]["matched"] == 1301
    done = ended_org(home, serve, "acme")
    counts = targets(done)["pvm-data"]
    assert done["status"] == "completed" and (counts["matched"], counts["deleted"], counts["failed"]) == (1301, 1301, 0)
    truth = account.stub.bucket("pvm-data")
    assert (truth["versions"], truth["delete_markers"], truth["deleted"], truth["deleted_again"]) == (1300, 1, 1301, 0)


# ---- What leads nowhere ----


def stand_still(method, path, body, status, answer):
    """A listing of versions that always goes on at the same place."""
    if "?versions" not in path:
        return None
    text = answer.decode().replace("<IsTruncated>false</IsTruncated>", "<IsTruncated>true</IsTruncated>")
    text = re.sub("<Next(KeyMarker|VersionIdMarker)>.*?</Next[A-Za-z]*>", "", text)
    return status, text.replace("<IsTruncated>", "<NextKeyMarker>acme/k</NextKeyMarker><NextVersionIdMarker>v"
                                "</NextVersionIdMarker><IsTruncated>").encode()


def test_a_listing_that_stands_still_fails_its_bucket_alone_and_is_named(make_aws, account):
    versioned = {"keys": ["acme/k"], "versioning": "Enabled", "versions": 3}
    with rewriting(account.stub.url, after=stand_still) as proxy:
        account.urls["s3"] = proxy.url
        home = make_aws()
        home.write_manifest(manifest(buckets=["pvm-data", "pvm-plain"]))
        home.bootstrap()
        account.stub.fill(buckets={"pvm-data": versioned, "pvm-plain": {"keys": ["acme/k"]}})
        dry = dry_org(home.serve(clock=True), "acme")
        assert dry["status"] == "failed"
        assert "goes on where it began, at acme/k" in targets(dry)["pvm-data"]["error"]
        assert targets(dry)["pvm-plain"]["status"] == "completed" and targets(dry)["pvm-plain"]["matched"] == 1
        assert proxy.count("?versions") < 20


# ---- What a server does not do ----


@pytest.mark.parametrize("denied", [["GetBucketVersioning"], ["GetBucketVersioning", "ListObjectVersions"],
                                    ["ListMultipartUploads"], ["GetObjectLockConfiguration"]])
def test_a_bucket_of_a_server_that_does_less_is_vacuumed_all_the_same(make_aws, account, denied):
    home = make_aws()
    home.write_manifest(manifest(buckets=["pvm-data"]))
    home.bootstrap()
    account.stub.fill(buckets={"pvm-data": {"keys": ["acme/k", "beta/k"]}})
    account.refuse_wrong_clocks(*({"fault": "not_implemented", "service": "s3", "operation": name} for name in denied))
    serve = home.serve(clock=True)
    assert targets(dry_org(serve, "acme"))["pvm-data"]["matched"] == 1
    assert account.stub.requests("s3.GetBucketVersioning") < 6
    assert ended_org(home, serve, "acme")["status"] == "completed"
    assert account.stub.items(bucket="pvm-data") == ["beta/k"]


# ---- What may not be done ----


READ_RIGHTS = {"Scan": "dynamodb:Scan", "DescribeLogStreams": "logs:DescribeLogStreams",
               "ListObjectsV2": "s3:ListObjectsV2", "GetBucketVersioning": "s3:GetBucketVersioning",
               "DescribeTable": "dynamodb:DescribeTable"}
TARGET_OF = {"Scan": "pvm_main", "DescribeTable": "pvm_main", "DescribeLogStreams": "/pvm/api", "ListObjectsV2": "pvm-data",
             "GetBucketVersioning": "pvm-data"}


@pytest.mark.parametrize("operation", READ_RIGHTS)
def test_a_right_to_read_that_is_missing_is_named_in_the_dry_run(make_aws, account, operation):
    home = make_aws()
    home.write_manifest(manifest(tables=["pvm_main"], buckets=["pvm-data"], log_groups=["/pvm/api"]))
    home.bootstrap()
    account.stub.fill(tables={"pvm_main": {"items": 10}}, buckets={"pvm-data": {"objects": 10}},
                      log_groups={"/pvm/api": {"streams": 3}})
    account.refuse_wrong_clocks({"fault": "access_denied", "operation": operation, "containing": TARGET_OF[operation]})
    dry = home.serve(clock=True).dry_run()
    failed = {name: target.get("error") for name, target in targets(dry).items() if target["status"] == "failed"}
    assert dry["status"] == "failed" and list(failed) == [TARGET_OF[operation]]
    assert f"is not authorized to perform: {READ_RIGHTS[operation]}" in failed[TARGET_OF[operation]]


@pytest.mark.parametrize("rule, name, said", [
    ({"fault": "access_denied", "operation": "BatchWriteItem"}, "pvm_main", "BatchWriteItem: AccessDeniedException: User: arn:"),
    ({"fault": "key_errors", "operation": "DeleteObjects", "code": "AccessDenied", "share": 1}, "pvm-data", "AccessDenied"),
    ({"fault": "access_denied", "operation": "DeleteLogStream"}, "/pvm/api", "DeleteLogStream: AccessDeniedException: User: arn:"),
])
def test_each_record_that_may_not_be_removed_is_named_with_the_services_reason(make_aws, account, rule, name, said):
    home = make_aws()
    home.write_manifest(manifest(tables=["pvm_main"], buckets=["pvm-data"], log_groups=["/pvm/api"]))
    home.bootstrap()
    account.stub.fill(tables={"pvm_main": {"items": 12}}, buckets={"pvm-data": {"objects": 12}},
                      log_groups={"/pvm/api": {"streams": 12}})
    serve = home.serve(clock=True)
    vacuum_id = serve.do("vacuumall", confirmation_phrase=PHRASE)["vacuum_id"]
    account.refuse_wrong_clocks(rule)
    home.clock.ahead(301)
    done = serve.vacuum_ended(vacuum_id, 120)
    assert done["status"] == "failed"
    counts = {target["name"]: (target["deleted"], target["failed"]) for target in done["targets"] if target["status"] != "skipped"}
    assert counts == {other: (0, 12) if other == name else (12, 0) for other in ("pvm_main", "pvm-data", "/pvm/api")}
    remarks = targets(done)[name]["remarks"]
    assert len(remarks) == 10 and all(remark["what"] == "refused" and said in remark["reason"] for remark in remarks)
    assert len({remark["name"] for remark in remarks}) == 10


def test_what_is_known_of_a_target_beforehand_is_a_warning(make_aws, account):
    home = make_aws()
    document = manifest(buckets=["pvm-data", "pvm-files"])
    document["services"][0]["tables"] = [{"name": "pvm_main", "org": {"by": "index", "index": "by-org", "name": "orgcode"}}]
    home.write_manifest(document)
    home.bootstrap()
    account.stub.fill(tables={"pvm_main": {"items": 10, "indexes": {"by-org": "orgcode"}}},
                      buckets={"pvm-data": {"objects": 10, "object_lock_days": 30}, "pvm-files": {"objects": 10}})
    account.refuse_wrong_clocks({"fault": "not_implemented", "operation": "ListMultipartUploads", "containing": "pvm-files"})
    serve = home.serve(clock=True)
    done = targets(serve.vacuum_ended(serve.do("vacuumorg", orgcode="1001", dry_run=True)["vacuum_id"]))
    assert ["default retention of 30 days" in done["pvm-data"]["warnings"][0],
            "no listing says which" in done["pvm-data"]["warnings"][1],
            "does not implement ListMultipartUploads" in done["pvm-files"]["warnings"][0],
            "the number 1001 is not in it" in done["pvm_main"]["warnings"][0]] == [True] * 4
    assert account.stub.requests("s3.DeleteObjects") == account.stub.requests("dynamodb.BatchWriteItem") == 0


# ---- What is named in another way ----


@pytest.mark.parametrize("name", ["doc%2Eg3nretailstack.com", "doc.g3nretailstack.com?x=", "%64oc.g3nretailstack.com"])
def test_a_protected_bucket_is_not_reached_by_another_way_to_write_its_name(make_aws, account, name):
    home = make_aws()
    home.write_manifest(manifest(buckets=[name]))
    home.bootstrap()
    account.stub.fill(buckets={"doc.g3nretailstack.com": {"objects": 5}})
    serve = home.serve(clock=True)
    dry = serve.dry_run()
    assert targets(dry)[name]["matched"] == 0 and "is not the name of a bucket" in targets(dry)[name]["error"]
    vacuum_id = serve.do("vacuumall", confirmation_phrase=PHRASE)["vacuum_id"]
    home.clock.ahead(301)
    assert serve.vacuum_ended(vacuum_id)["status"] == "failed"
    assert account.stub.bucket("doc.g3nretailstack.com")["objects"] == 5


# ---- Whose a record is ----


def test_a_tenant_that_is_a_number_is_found_by_its_text(make_aws, account):
    values = [{"S": "1001"}, {"N": "1001"}, {"N": "1001.0"}, {"N": "1.001E3"}, {"S": "01001"}, {"N": "10010"}, {"BOOL": True},
              {"NULL": True}, {"S": "acme"}]
    home = make_aws()
    home.write_manifest(manifest(tables=["pvm_main"]))
    home.bootstrap()
    rows = [{"pk": {"S": f"{i}"}, "sk": {"S": "s"}, "orgcode": value} for i, value in enumerate(values)]
    account.stub.fill(tables={"pvm_main": {"rows": rows}})
    serve = home.serve(clock=True)
    expected = {"1001": 4, "01001": 1, "10010": 1, "acme": 1, "1001.0": 0, "true": 0}
    assert {org: targets(dry_org(serve, org))["pvm_main"]["matched"] for org in expected} == expected
    assert ended_org(home, serve, "1001")["status"] == "completed"
    assert [item["pk"]["S"] for item in account.stub.items(table="pvm_main")] == ["4", "5", "6", "7", "8"]


def test_a_record_that_can_not_be_compared_is_named_and_ends_the_dry_run_as_failed(make_aws, account):
    home = make_aws()
    document = manifest(tables=["pvm_main"])
    home.write_manifest(document)
    home.bootstrap()
    rows = [{"pk": {"S": "one"}, "sk": {"S": "s"}, "orgcode": {"S": "acme"}},
            {"pk": {"S": "many"}, "sk": {"S": "s"}, "orgcode": {"SS": ["acme", "beta"]}}]
    account.stub.fill(tables={"pvm_main": {"rows": rows}})
    serve = home.serve(clock=True)
    dry = dry_org(serve, "acme")
    target = targets(dry)["pvm_main"]
    assert dry["status"] == "failed" and (target["matched"], target["incomparable"]) == (1, 1)
    assert target["remarks"] == [{"what": "incomparable", "name": '{"pk":{"S":"many"},"sk":{"S":"s"}}',
                                  "reason": "the attribute orgcode is a set of strings"}]
    serve.stop()
    document["services"][0]["tables"][0] |= {"incomparable": "ignore", "reason": "shared by all"}
    home.write_manifest(document)
    dry = dry_org(home.serve(clock=True), "acme")
    target = targets(dry)["pvm_main"]
    assert dry["status"] == "completed" and target["matched"] == 1
    assert (target["ignored"], target["ignored_reason"], dry["totals"]["ignored"]) == (1, "shared by all", 1)
    assert "remarks" not in target
