"""Every way in which AWS fails that the stand-in knows, under a dry run and a vacuum of everything.

However it goes, the counts are those that the stand-in has, what is said is clear, and the audit trail is whole.
"""

import json
import random

import pytest

from aws_home import account, make_aws, on, stub, stub_process  # noqa: F401 (fixtures)
from g3nops import PHRASE, data, until

pytestmark = [pytest.mark.usefixtures("settable_clock"), on("stub")]

DEADLINE = 60
TABLES = {
    "pvm_main": {"items": 1500, "orgs": 2, "indexes": {"by-org": "orgcode"}},
    "pvm_days": {"items": 500, "orgs": 2, "org_is_key": True},
}
BUCKETS = {
    "pvm-data": {"objects": 1200, "orgs": 2, "uploads": 3},
    "pvm-files": {"objects": 400, "orgs": 2, "versioning": "Enabled", "versions": 3, "delete_marker_every": 5},
}
LOG_GROUPS = {"/pvm/api": {"streams": 12}}
MANIFEST = {"stack": "g3nretailstack", "services": [{
    "code": "pvm",
    "tables": [{"name": "pvm_main", "org": {"by": "index", "index": "by-org", "name": "orgcode"}},
               {"name": "pvm_days", "org": {"by": "key", "pattern": "ORG#{orgcode}"}}],
    "buckets": [{"name": name, "org": {"by": "key_prefix", "pattern": "{orgcode}/"}} for name in BUCKETS],
    "log_groups": [{"name": name} for name in LOG_GROUPS],
}]}


@pytest.fixture
def home(make_aws, account):
    home = make_aws()
    home.write_manifest(MANIFEST)
    home.bootstrap()
    account.stub.fill(tables=TABLES, buckets=BUCKETS, log_groups=LOG_GROUPS)
    return home


def truth(account):
    """name -> (what is there, what was deleted)."""
    state = account.stub.state()
    there = {name: table["items"] for name, table in state["tables"].items()}
    there |= {name: bucket["versions"] + bucket["delete_markers"] + bucket["uploads"]
              for name, bucket in state["buckets"].items()}
    there |= {name: group["streams"] for name, group in state["log_groups"].items()}
    targets = state["tables"] | state["buckets"] | state["log_groups"]
    return {name: (there[name], targets[name]["deleted"]) for name in (*TABLES, *BUCKETS, *LOG_GROUPS)}


def look(serve, vacuum_id):
    """The record of a vacuum; None while the service can't read it."""
    answer = serve.invoke("vacuumstatus", vacuum_id=vacuum_id)
    if answer["success"]:
        return answer["data"]
    assert answer["error"]["minor"]["tag"] in ("store-unavailable", "outcome-unknown", "write-conflict"), answer
    return None


def ended(serve, vacuum_id):
    def over():
        vacuum = look(serve, vacuum_id)
        return vacuum if vacuum and vacuum["status"] in ("completed", "failed") else None
    return until(over, f"vacuum {vacuum_id} ends", DEADLINE)


def start(home, serve, *rules):
    """A vacuum of everything that meets these faults once it is asked for."""
    vacuum_id = serve.do("vacuumall", confirmation_phrase=PHRASE)["vacuum_id"]
    home.account.stub.faults(*rules)
    home.clock.ahead(301)
    return vacuum_id


def check_truth(account, done, before):
    """What a vacuum says is what the stand-in says, to the last record. How many are left in all."""
    after = truth(account)
    targets = {target["name"]: target for target in done["targets"] if target["name"] in before}
    assert set(targets) == set(before)
    for name, target in targets.items():
        left, deleted = after[name]
        assert target["deleted"] == deleted, (target, after[name])
        assert left + deleted == before[name][0]
        # What was not come to was not counted either: then the target says why.
        if not target.get("error"):
            assert target["failed"] == left and target["matched"] == left + deleted, (target, after[name])
        assert target["matched"] == target["deleted"] + target["failed"], target
    totals = done["totals"]
    assert totals["deleted"] == sum(deleted for _, deleted in after.values())
    left = sum(there for there, _ in after.values())
    assert (done["status"] == "completed") == (left == 0), done
    return left


def check_audit(home, account, serve):
    """The trail is whole, and all of it is delivered in its order once nothing fails any more."""
    account.stub.faults()
    listed = until(lambda: serve.invoke("auditlist")["success"] and serve.audit(), "the trail can be read")
    until(lambda: len(home.audit_trail()) == len(listed), "all of the trail is delivered")
    assert [record["type"] for record in home.audit_trail()] == [record["type"] for record in listed]
    serve.stop()
    result = home.aws("audit-verify", "--json")
    assert result.returncode == 0 and data(json.loads(result.stdout)) == {"verified": True, "records": len(listed)}, result


def rule(fault, operation, service=None, **more):
    return {"fault": fault, "operation": operation} | ({"service": service} if service else {}) | more


def on_all(fault, operations, **more):
    return [rule(fault, operation, **more) for operation in operations]


READS = ["Scan", "ListObjectsV2", "ListObjectVersions", "ListMultipartUploads", "DescribeLogStreams"]
PLAN_READS = ["DescribeTable", "ListTables", "ListBuckets", "GetBucketVersioning", "DescribeLogGroups"]
DELETES = ["BatchWriteItem", "DeleteObjects", "AbortMultipartUpload", "DeleteLogStream"]
S3_READS = ["ListObjectsV2", "ListObjectVersions", "ListMultipartUploads", "GetBucketVersioning"]

# None of these lasts, so that the vacuum gets through.
PASSING = {
    "unprocessed items": [rule("unprocessed", "BatchWriteItem", every=2)],
    "nearly everything unprocessed": [rule("unprocessed", "BatchWriteItem", share=0.9, times=60)],
    "a throttling storm": on_all("throttle", READS + DELETES, probability=0.3, seed=3),
    "a throttling storm at the planning": on_all("throttle", PLAN_READS, times=2),
    "SlowDown": [{"fault": "slow_down", "service": "s3", "probability": 0.3, "seed": 4}],
    "errors of single keys": [rule("key_errors", "DeleteObjects", share=0.3, times=8)],
    "truncated reads": on_all("truncate", READS + PLAN_READS, times=2),
    "truncated deletes": on_all("truncate", DELETES, every=3, times=5),
    "garbage for reads": on_all("garbage", READS + PLAN_READS, times=2),
    "garbage for deletes": on_all("garbage", DELETES, every=3, times=5),
    "slow answers": on_all("slow", READS + DELETES, delay_ms=300, every=4, times=4),
    "resets in the middle of reads": on_all("reset", READS + PLAN_READS, times=2),
    "resets in the middle of deletes": on_all("reset", DELETES, every=3, times=5),
    "resets before anything": on_all("reset_before", READS + DELETES + PLAN_READS, every=3, times=4),
    "answers lost after the deletes": on_all("lost_answer", DELETES, every=2, times=6),
    "a wrong clock": [{"fault": "clock_skew", "offset_seconds": 7200}],
    "200 with an error inside, for reads": on_all("error_in_200", S3_READS, times=2),
    "200 with an error inside, for deletes": on_all("error_in_200", ["DeleteObjects"], every=2, times=4),
    "errors of the service": on_all("internal_error", READS + DELETES + PLAN_READS, every=3, times=4),
    "a service that is away": on_all("unavailable", READS + DELETES + PLAN_READS, every=3, times=4),
    "STS away at first": on_all("unavailable", ["GetCallerIdentity"], times=2),
}


def test_a_clock_that_is_not_that_of_the_services_is_told_for_as_long_as_it_is(home, account):
    serve = home.serve()
    until(lambda: serve.http("GET", "/ops/stat").data["status"] == "ok", "all is well")
    assert "g3nops_clock_difference_seconds 0\n" in serve.http("GET", "/metrics").body.decode()
    account.stub.faults({"fault": "clock_skew", "offset_seconds": 7200})
    until(lambda: "The clock is behind AWS's by 7" in serve.stderr(), "it is told")
    stat = serve.http("GET", "/ops/stat").data
    assert stat["status"] == "degraded" and -7205 <= stat["clock"]["ahead_seconds"] <= -7195, stat
    [difference] = [line.split()[1] for line in serve.http("GET", "/metrics").body.decode().splitlines()
                    if line.startswith("g3nops_clock_difference_seconds ")]
    assert 7195 <= int(difference) <= 7205
    account.stub.faults()
    until(lambda: serve.events("clock.agrees"), "and that it is over")
    assert "clock" not in serve.http("GET", "/ops/stat").data
    assert len(serve.events("clock.apart")) == 1


@pytest.mark.parametrize("rules", PASSING.values(), ids=PASSING)
def test_a_fault_that_passes_costs_time_and_nothing_else(home, account, rules):
    before = truth(account)
    at_start = rules is PASSING["STS away at first"]  # where it is asked in whose account it is
    if at_start:
        account.stub.faults(*rules)
    serve = home.serve("--workers", 4, clock=True)
    if not at_start:
        account.stub.faults(*rules)
    dry = ended(serve, serve.do("vacuumall", dry_run=True)["vacuum_id"])
    struck = account.stub.state()["faults"]
    assert dry["status"] == "completed", dry["error"]
    assert {target["name"]: target["matched"] for target in dry["targets"] if target["name"] in before} == \
        {name: there for name, (there, _) in before.items()}
    assert truth(account) == before, "a dry run deletes nothing"
    account.stub.faults()
    done = ended(serve, start(home, serve, *rules))
    assert struck or account.stub.state()["faults"], "a fault has struck"
    assert done["status"] == "completed", done["error"]
    assert check_truth(account, done, before) == 0
    check_audit(home, account, serve)


TENANT, NEIGHBOUR = "acme00000", "acme00001"
TENANT_READS = [*READS, "Query", "BatchGetItem"]

TENANT_FAULTS = {
    "a throttling storm": on_all("throttle", TENANT_READS + DELETES, probability=0.3, seed=5),
    "unprocessed items": [rule("unprocessed", "BatchWriteItem", every=2)],
    "unprocessed keys": [rule("unprocessed", "BatchGetItem", every=2)],
    "errors of single keys": [rule("key_errors", "DeleteObjects", share=0.3, times=8)],
    "truncated answers": on_all("truncate", TENANT_READS + DELETES, every=2, times=3),
    "resets in the middle": on_all("reset", TENANT_READS + DELETES, every=2, times=3),
    "answers lost after the deletes": on_all("lost_answer", DELETES, every=2, times=6),
    "garbage": on_all("garbage", TENANT_READS + DELETES, every=2, times=3),
}


def matched_of(serve, orgcode):
    """What a dry run of a tenant finds, by target; once nothing fails."""
    report = serve.dry_run("vacuumorg", orgcode=orgcode)
    return {target["name"]: target["matched"] for target in report["targets"] if target["name"] in (*TABLES, *BUCKETS)}


@pytest.mark.parametrize("rules", TENANT_FAULTS.values(), ids=TENANT_FAULTS)
def test_a_tenant_s_vacuum_under_faults_takes_all_of_the_tenant_and_nothing_of_its_neighbour(home, account, rules):
    before = truth(account)
    serve = home.serve("--workers", 4, clock=True)
    tenant, neighbour = matched_of(serve, TENANT), matched_of(serve, NEIGHBOUR)
    assert {name: tenant[name] + neighbour[name] for name in tenant} == {name: before[name][0] for name in tenant}
    assert all(tenant.values()) and all(neighbour.values())
    vacuum_id = serve.do("vacuumorg", orgcode=TENANT)["vacuum_id"]
    account.stub.faults(*rules)
    home.clock.ahead(301)
    done = ended(serve, vacuum_id)
    assert account.stub.state()["faults"], "a fault has struck"
    account.stub.faults()
    assert done["status"] == "completed", done["error"]
    after = truth(account)
    for target in done["targets"]:
        name = target["name"]
        if name in tenant:
            assert (target["matched"], target["deleted"], target["failed"]) == (tenant[name], tenant[name], 0), target
            assert after[name] == (neighbour[name], tenant[name]), name
    assert set(matched_of(serve, TENANT).values()) == {0} and matched_of(serve, NEIGHBOUR) == neighbour
    check_audit(home, account, serve)


# These last: the vacuum ends as failed, and says what is left to the record. "records-remain" is for what was tried and not
# taken; what can't even be read has a reason of its own.
LASTING = {
    "a table that is throttled": ([rule("throttle", "BatchWriteItem", containing="pvm_main")], "pvm_main", "records-remain"),
    "a table that breaks down": ([rule("internal_error", "BatchWriteItem", containing="pvm_main")], "pvm_main", "records-remain"),
    "a table whose connections break": ([rule("reset_before", "BatchWriteItem", containing="pvm_main")], "pvm_main", "records-remain"),
    "objects that can't be deleted": (
        [rule("key_errors", "DeleteObjects", containing="pvm-data", share=0.001, code="AccessDenied")], "pvm-data",
        "records-remain"),
    "a bucket that slows down": ([rule("slow_down", "DeleteObjects", containing="pvm-files")], "pvm-files",
                                 "records-remain"),
    "deletes that always break down": ([rule("internal_error", "DeleteObjects", containing="pvm-data")],
                                       "pvm-data", "records-remain"),
    "a table that can't be read": ([rule("garbage", "Scan", containing="pvm_days")], "pvm_days", "target-error"),
    "streams that can't be deleted": ([rule("unavailable", "DeleteLogStream")], "/pvm/api", "records-remain"),
}


# What the service said at last, or the connection.
SAID = ["ThrottlingException", "ProvisionedThroughputExceededException", "InternalServerError", "AccessDenied", "SlowDown", "InternalError",
        "ServiceUnavailable", "Connection reset", "closed"]


@pytest.mark.parametrize("rules, name, tag", LASTING.values(), ids=LASTING)
def test_a_fault_that_lasts_ends_in_a_failure_that_tells_the_exact_remainder(home, account, rules, name, tag):
    before = truth(account)
    serve = home.serve("--workers", 4, clock=True)
    done = ended(serve, start(home, serve, *rules))
    assert done["status"] == "failed" and done["error"]["tag"] == tag, done
    left = check_truth(account, done, before)
    targets = {target["name"]: target for target in done["targets"]}
    assert targets[name]["status"] in ("failed", "partial"), targets[name]
    for other in set(before) - {name}:
        assert targets[other]["status"] == "completed" and targets[other]["failed"] == 0, targets[other]
    assert truth(account)[name][0] == left > 0
    details = done["error"]["details"]
    assert details["first_target"] == name and details["targets"] == 1
    if tag == "records-remain":
        assert any(word in targets[name]["error"] for word in SAID), targets[name]
        assert targets[name]["error"] in done["error"]["message"], done["error"]
        assert details["records"] == left == targets[name]["failed"]
    records = [record for record in serve.audit() if record.get("vacuum_id") == done["vacuum_id"]]
    assert [record["type"] for record in records][-1] == "vacuum.failed"
    assert records[-1]["data"]["totals"]["deleted"] == done["totals"]["deleted"]
    check_audit(home, account, serve)


# These are of the question that opens a bucket. It is asked again a few times where the answer can't be read, and then the
# bucket has failed, with the reason.
UNREADABLE = {
    "a listing that is no XML": (rule("garbage", "ListObjectsV2", containing="pvm-data"), "can't be read"),
    "listings that are not implemented": (rule("not_implemented", "ListObjectsV2", containing="pvm-data"), "NotImplemented"),
    "listings that are refused": (rule("access_denied", "ListObjectsV2", containing="pvm-data"), "AccessDenied"),
}


@pytest.mark.parametrize("fault, reason", UNREADABLE.values(), ids=UNREADABLE)
def test_a_target_that_can_never_be_looked_at_fails_alone_with_the_reason(home, account, fault, reason):
    before = truth(account)
    serve = home.serve("--workers", 2, clock=True)
    done = ended(serve, start(home, serve, fault))
    assert done["status"] == "failed" and done["error"]["tag"] == "target-error", done["error"]
    targets = {target["name"]: target for target in done["targets"]}
    assert targets["pvm-data"]["status"] == "failed", targets["pvm-data"]
    assert "pvm-data" in str(targets["pvm-data"]["error"]) and reason in str(targets["pvm-data"]["error"]), targets["pvm-data"]
    assert truth(account)["pvm-data"] == before["pvm-data"]
    for other in set(before) - {"pvm-data"}:
        assert targets[other]["status"] == "completed", targets[other]
        assert truth(account)[other] == (0, before[other][0]), other
    check_audit(home, account, serve)


def gone(code, operations, containing):
    """After the first ones, what these operations are about does not exist any more."""
    return [rule("access_denied", operation, containing=containing, code=code, skip=skip) for operation, skip in operations.items()]


GONE = {
    "a table": (gone("ResourceNotFoundException", {"BatchWriteItem": 4, "BatchGetItem": 0}, "pvm_main"), "pvm_main"),
    "a bucket": (gone("NoSuchBucket", {"DeleteObjects": 1, "ListObjectsV2": 4}, "pvm-data"), "pvm-data"),
    "a log group": (gone("ResourceNotFoundException", {"DescribeLogStreams": 1}, "/pvm/api"), "/pvm/api"),
}


@pytest.mark.parametrize("rules, name", GONE.values(), ids=GONE)
def test_a_target_that_is_deleted_meanwhile_has_failed_and_counts_nothing_that_is_not_known(home, account, rules, name):
    before = truth(account)
    serve = home.serve("--workers", 4, clock=True)
    done = ended(serve, start(home, serve, *rules))
    assert done["status"] == "failed" and done["error"]["tag"] == "target-error", done
    targets = {target["name"]: target for target in done["targets"]}
    assert targets[name]["status"] == "failed" and "does not exist now" in targets[name]["error"], targets[name]
    assert targets[name]["matched"] == targets[name]["deleted"] + targets[name]["failed"], targets[name]
    assert targets[name]["deleted"] <= truth(account)[name][1], (targets[name], truth(account)[name])
    for other in set(before) - {name}:
        assert targets[other]["status"] == "completed" and targets[other]["failed"] == 0, targets[other]
    serve.do("vacuumorg", orgcode=TENANT)  # nothing keeps the next one waiting
    check_audit(home, account, serve)


def test_a_target_that_can_t_be_looked_at_yet_holds_up_no_other_and_is_vacuumed_once_it_can(home, account):
    before = truth(account)
    serve = home.serve("--workers", 2, clock=True)
    vacuum_id = start(home, serve, rule("truncate", "ListObjectsV2", containing="pvm-data"))
    others = set(before) - {"pvm-data"}
    until(lambda: all(truth(account)[name] == (0, before[name][0]) for name in others), "the others are done", DEADLINE)
    assert truth(account)["pvm-data"] == before["pvm-data"]
    vacuum = until(lambda: look(serve, vacuum_id), "the record can be read")
    assert vacuum["status"] == "running", "it may pass"
    account.stub.faults()
    done = ended(serve, vacuum_id)
    assert done["status"] == "completed" and check_truth(account, done, before) == 0, done
    check_audit(home, account, serve)


# ---- ops_main's own calls ----

OWN_READS = ["GetItem", "Query"]
OWN = {
    "lost answers": [rule("lost_answer", "TransactWriteItems", every=4)],
    "resets before anything": [rule("reset_before", "TransactWriteItems", every=3)],
    "conflicts": [rule("transaction_conflict", "TransactWriteItems", probability=0.3, seed=2)],
    "throttling": on_all("throttle", ["TransactWriteItems", *OWN_READS], probability=0.25, seed=5),
    "truncated answers": [rule("truncate", "TransactWriteItems", every=5), *on_all("truncate", OWN_READS, every=7)],
    "garbage": [rule("garbage", "TransactWriteItems", every=5), *on_all("garbage", OWN_READS, every=7)],
    "errors of the service, done": [rule("internal_error", "TransactWriteItems", every=4, done=True)],
    "errors of the service, not done": [rule("internal_error", "TransactWriteItems", every=4)],
    "resets in the middle": on_all("reset", ["TransactWriteItems", *OWN_READS], every=6),
}


@pytest.mark.parametrize("rules", OWN.values(), ids=OWN)
def test_trouble_with_its_own_table_costs_time_and_nothing_else(home, account, rules):
    before = truth(account)
    serve = home.serve("--workers", 4, clock=True)
    done = ended(serve, start(home, serve, *rules))
    assert account.stub.state()["faults"], "a fault has struck"
    assert done["status"] == "completed", done["error"]
    assert check_truth(account, done, before) == 0
    check_audit(home, account, serve)


def test_its_own_table_gone_for_a_while_stops_the_work_and_no_more(home, account):
    before = truth(account)
    serve = home.serve("--workers", 4, clock=True)
    vacuum_id = start(home, serve, rule("slow", "BatchWriteItem", delay_ms=50))
    until(lambda: truth(account)["pvm_main"][1] > 0, "it deletes")
    account.stub.faults(*on_all("unavailable", ["TransactWriteItems", *OWN_READS]))
    until(lambda: look(serve, vacuum_id) is None, "nothing is known")
    refused = serve.ask("maintenanceend")
    assert refused["error"]["minor"]["tag"] == "store-unavailable", refused
    account.stub.faults()
    done = ended(serve, vacuum_id)
    assert done["status"] == "completed" and check_truth(account, done, before) == 0
    check_audit(home, account, serve)


# ---- The audit log ----


@pytest.mark.parametrize("fault", ["lost_answer", "truncate", "garbage", "throttle", "internal_error", "reset_before"])
def test_audit_records_are_delivered_in_order_whatever_happens_to_a_delivery(home, account, fault):
    serve = home.serve()
    account.stub.faults(*on_all(fault, ["PutLogEvents", "GetLogEvents"], every=2, times=3))
    for _ in range(6):
        serve.schedule()
        serve.invoke("sweep")
    account.stub.faults()
    serve.invoke("sweep")
    until(lambda: home.audit_log() and home.audit_log()[-1]["seq"] == 7, "the last record is delivered")
    assert [record["seq"] for record in home.audit_trail()] == list(range(1, 8))
    if fault in ("throttle", "internal_error", "reset_before"):
        assert len(home.audit_log()) == 7, "what was surely not done is the only one"


# ---- Keys ----


def test_a_token_that_expires_in_the_middle_is_fetched_anew(home, account):
    count = home.directory / "count"
    script = home.directory / "keys"
    script.write_text(f"""#!/bin/sh
echo x >> {count}
key=AKIAEXPIRING$(wc -l < {count})
echo '{{"Version": 1, "AccessKeyId": "'$key'", "SecretAccessKey": "secret", "SessionToken": "token"}}'
""")
    script.chmod(0o700)
    config = home.directory / "config"
    config.write_text(f"[profile expiring]\ncredential_process = {script}\nregion = us-east-1\n")
    before = truth(account)
    serve = home.serve("--workers", 4, "--profile", "expiring", env={"AWS_CONFIG_FILE": str(config)})
    account.stub.faults(rule("expired_token", "Scan", "dynamodb", skip=2, times=1),
                        rule("expired_token", "ListObjectVersions", "s3", times=1),
                        rule("expired_token", "DescribeLogStreams", "logs", times=1),
                        rule("expired_token", "TransactWriteItems", "dynamodb", skip=9, times=1))
    dry = ended(serve, serve.do("vacuumall", dry_run=True)["vacuum_id"])
    assert dry["status"] == "completed", dry["error"]
    assert dry["totals"]["matched"] == sum(there for there, _ in before.values())
    assert account.stub.state()["faults"]["expired_token"] >= 4
    assert 5 <= len(count.read_text().split()) < 30, "once at first and once for each"
    check_audit(home, account, serve)


def test_a_token_that_is_expired_for_good_stops_the_work_and_says_so(home, account):
    serve = home.serve("--workers", 2, clock=True)
    vacuum_id = start(home, serve, {"fault": "expired_token"})
    until(lambda: "xpired" in serve.stderr(), "serve says it on standard error")
    answer = serve.invoke("vacuumstatus", vacuum_id=vacuum_id)
    assert answer["error"]["minor"]["tag"] == "store-unavailable", answer
    assert "no-secret-at-all" not in serve.stderr()
    serve.stop()


# ---- Everything at once ----

STORMY = ["throttle", "internal_error", "unavailable", "reset", "reset_before", "lost_answer", "truncate", "garbage", "slow"]


def storm(seed):
    """Rules that hit every operation now and then, drawn by a seed."""
    rng = random.Random(seed)
    operations = READS + DELETES + PLAN_READS + OWN_READS + ["TransactWriteItems", "PutLogEvents", "GetLogEvents"]
    assert len(operations) <= 32 - 3, "the stand-in takes no more rules"
    rules = [rule("unprocessed", "BatchWriteItem", probability=0.1, seed=seed),
             rule("key_errors", "DeleteObjects", probability=0.2, seed=seed, share=0.2, times=6),
             rule("transaction_conflict", "TransactWriteItems", probability=0.05, seed=seed)]
    for operation in operations:
        fault = rng.choice(STORMY)
        rules.append(rule(fault, operation, probability=round(rng.uniform(0.02, 0.15), 3), seed=rng.randrange(1000),
                          **({"delay_ms": 200} if fault == "slow" else {})))
    return rules


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_storm_of_everything_ends_in_true_counts(home, account, seed):
    before = truth(account)
    serve = home.serve("--workers", 4, clock=True)
    done = ended(serve, start(home, serve, *storm(seed)))
    left = check_truth(account, done, before)
    assert done["status"] == "completed" or left > 0, done
    check_audit(home, account, serve)


def test_a_credential_process_that_fails_is_run_once_by_each_command(make_aws, tmp_path):  # noqa: F811
    """It may ask a person something, or count failures against somebody."""
    home = make_aws()
    runs = tmp_path / "runs"
    config = tmp_path / "config"
    config.write_text(f"[default]\ncredential_process = sh -c 'echo x >> {runs}; exit 3'\n")
    env = home.account.environment() | {"AWS_CONFIG_FILE": str(config), "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    for command in (["audit-verify"], ["manifest-check"], ["aws-bootstrap"],
                    ["secret-set", "--new-secret-code-file", home.code_file], ["vacuum-status"],
                    ["maintenance-end", "--secret-code-file", home.code_file]):
        runs.unlink(missing_ok=True)
        failed = home.aws(*command, env=env)
        assert failed.returncode in (1, 3) and "ends with exit status 3" in failed.stderr, failed
        assert runs.read_text() == "x\n", command
