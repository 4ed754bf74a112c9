"""The three stories that g3nops is for, on the AWS engine, from the outside.

Only the clock of serve jumps: that it signs by the service's clock all the same is part of each story.
"""

import json
import shutil
import time

import pytest

from aws_home import (  # noqa: F401 (fixtures)
    AUDIT_GROUP, DOCUMENTATION, OWN_TABLE, account, bucket, empty, is_untouchable, item, kept_by_all, kept_by_org, make_aws,
    manifest, on, protected_bucket, stacked, stub, stub_process)
from g3nops import PHRASE, data, tag, until
from test_sessions import VALID, envelope, read, refused, usm  # noqa: F401 (fixtures)

pytestmark = pytest.mark.usefixtures("settable_clock")


def delivered(home, last_type):
    """The audit log once it ends with a record of that type."""
    def whole():
        records = home.audit_log()
        return records if records and records[-1]["type"] == last_type else None
    return until(whole, f"the record {last_type} is delivered")


def numbers(vacuum):
    """(kind, name) -> target, of a vacuum's report."""
    return {(target["kind"], target["name"]): target for target in vacuum["targets"]}


def check_counts(done, before, kept):
    """A vacuum's counts are those of what has gone and what is left."""
    reported = numbers(done)
    for key, records in before.items():
        target = reported[key]
        if target["status"] == "completed":
            gone = len(records) - len(kept[key])
            assert (target["matched"], target["deleted"], target["failed"]) == (gone, gone, 0), target
        else:
            assert kept[key] == records, target
    assert done["totals"]["deleted"] == sum(len(before[key]) - len(kept[key]) for key in before)
    assert done["totals"]["failed"] == 0


def verified(home):
    """How many audit records there are, all of them in their chain."""
    result = home.aws("audit-verify", "--json")
    assert result.returncode == 0, result
    report = data(json.loads(result.stdout))
    assert report["verified"] is True
    return report["records"]


def not_verified(home):
    """What is wrong with the audit trail."""
    result = home.aws("audit-verify", "--json")
    assert result.returncode == 1, result
    return json.loads(result.stdout)["error"]["minor"]["message"]["en_US"]


# ---- A window ----


@on("stub", "moto")
def test_the_sweep_starts_a_window_and_its_audit_is_delivered_in_order(empty):
    serve = empty.serve(clock=True)
    window = serve.schedule(3000, actor="olga", reason="disks")
    assert window["status"] == "scheduled" and serve.window() is None
    empty.clock.ahead(2900)
    assert data(serve.invoke("sweep"))["maintenance_started"] == 0
    empty.clock.ahead(3001)
    shown = until(serve.window, "ping shows the window")
    assert shown["maintenance_id"] == window["maintenance_id"] and shown["status"] == "active"
    serve.do("maintenanceupdate", text="Half of the tables are moved")
    empty.clock.ahead(3001 + 700)
    until(lambda: serve.window()["overdue"], "the window is overdue")
    ended = serve.do("maintenanceend", end_message="All moved", actor="olga")
    assert ended["status"] == "ended" and ended["started_by"] == "sweep" and ended["revision"] == 4
    assert serve.window() is None

    wanted = ["secret.set", "maintenance.scheduled", "maintenance.started", "maintenance.updated", "maintenance.ended"]
    records = delivered(empty, "maintenance.ended")
    assert [record["type"] for record in records] == wanted
    assert [record["seq"] for record in records] == [1, 2, 3, 4, 5]
    assert [record["type"] for record in serve.audit()] == wanted
    assert verified(empty) == 5


@on("stub")
def test_a_window_that_one_serve_was_told_of_is_shown_by_another(empty, make_aws):
    one, other = empty.serve(), make_aws("other").serve()
    window = one.schedule()
    one.do("maintenancestart", maintenance_id=window["maintenance_id"])
    assert other.window()["maintenance_id"] == window["maintenance_id"]
    assert tag(other.ask("maintenancestart", maintenance_id=window["maintenance_id"])) != ""
    other.do("maintenanceend")
    assert one.window() is None
    assert verified(empty) == 4


# ---- A vacuum that is cancelled ----


@on("stub", "moto")
def test_a_vacuum_cancelled_within_its_five_minutes_has_deleted_nothing(stacked, account):
    before = account.contents()
    serve = stacked.serve(clock=True)
    stacked.clock.freeze()
    asked = serve.do("vacuumorg", orgcode="acme", actor="olga", reason="left us")
    assert asked["status"] == "pending" and asked["execute_at"] == stacked.clock.frozen_at(300)
    stacked.clock.freeze(299)
    assert data(serve.invoke("sweep"))["vacuums_started"] == 0
    cancelled = serve.do("vacuumcancel", vacuum_id=asked["vacuum_id"])
    assert cancelled["status"] == "cancelled" and cancelled["totals"]["deleted"] == 0
    stacked.clock.freeze(1000)
    serve.invoke("sweep")
    assert serve.vacuum(asked["vacuum_id"])["status"] == "cancelled"
    assert tag(serve.ask("vacuumcancel", vacuum_id=asked["vacuum_id"])) == "vacuum-not-pending"
    records = delivered(stacked, "vacuum.cancelled")
    assert [record["type"] for record in records][-2:] == ["vacuum.requested", "vacuum.cancelled"]
    assert account.contents() == before


# ---- vacuum all ----


@on("stub", "moto", "versitygw")
def test_vacuum_all_deletes_exactly_what_its_dry_run_reported_and_leaves_what_is_protected(stacked, account):
    before = account.contents()
    kept = kept_by_all(account, before)
    serve = stacked.serve("--workers", 4, clock=True)
    report = serve.dry_run()
    assert report["status"] == "completed" and report["dry_run"] is True, report
    assert account.contents() == before
    reported = numbers(report)
    for key, records in before.items():
        target = reported[key]
        if target["status"] == "completed":
            assert target["matched"] == len(records) - len(kept[key]), target
            assert target["matched"] + target["protected"] == len(records), target
        else:
            assert is_untouchable(account, *key), target
    assert reported["table", "legacy_import"]["status"] == "unclassified"
    assert reported["table", OWN_TABLE]["status"] == "skipped"
    assert reported["table", "crm_gone"]["skipped_reason"] == "does not exist"
    assert reported["bucket", protected_bucket(account)]["status"] == "skipped"
    assert reported["bucket", DOCUMENTATION]["status"] == "skipped"
    assert reported["log_group", AUDIT_GROUP]["status"] == "skipped"

    assert tag(serve.ask("vacuumall", confirmation_phrase=PHRASE.lower())) == "confirmation-phrase-mismatch"
    asked = serve.do("vacuumall", confirmation_phrase=PHRASE, plan_sha256=report["plan_sha256"], actor="olga")
    stacked.clock.ahead(301)
    done = serve.vacuum_ended(asked["vacuum_id"])
    assert done["status"] == "completed", done
    assert done["expected_records"] == report["totals"]["matched"]
    check_counts(done, before, kept)
    assert done["totals"]["deleted"] == report["totals"]["matched"] > 0
    records = delivered(stacked, "vacuum.completed")
    serve.stop()
    assert account.contents() == kept
    of_it = [record for record in records if record.get("vacuum_id") == asked["vacuum_id"]]
    assert [record["type"] for record in of_it] == ["vacuum.requested", "vacuum.started", "vacuum.completed"]
    assert of_it[-1]["data"]["totals"]["deleted"] == report["totals"]["matched"]
    assert verified(stacked) == len(records)


@on("stub")
def test_a_vacuum_whose_plan_is_not_that_of_the_dry_run_any_more_deletes_nothing(stacked, account):
    serve = stacked.serve(clock=True)
    report = serve.dry_run()
    account.make_table("crm_gone", {"pk": "S"}, [item("back")])
    before = account.contents()
    asked = serve.do("vacuumall", confirmation_phrase=PHRASE, plan_sha256=report["plan_sha256"])
    stacked.clock.ahead(301)
    done = serve.vacuum_ended(asked["vacuum_id"])
    assert done["status"] == "failed" and done["error"]["tag"] == "plan-drifted", done
    assert account.contents() == before and account.items("crm_gone") == [{"pk": "back"}]


# ---- vacuum org ----


@on("stub", "moto", "versitygw")
def test_vacuum_org_deletes_that_tenants_records_by_every_rule(stacked, account):
    before = account.contents()
    kept = kept_by_org(account, before, "acme")
    gone = {key for key in before if kept[key] != before[key]}
    assert len([key for key in gone if key[0] == "table"]) == 5 and len(gone) == 7, "each rule has something to do"
    serve = stacked.serve("--workers", 4, clock=True)
    report = serve.dry_run("vacuumorg", orgcode="acme")
    assert report["status"] == "completed", report
    assert account.contents() == before
    asked = serve.do("vacuumorg", orgcode="acme", plan_sha256=report["plan_sha256"])
    stacked.clock.ahead(301)
    done = serve.vacuum_ended(asked["vacuum_id"])
    assert done["status"] == "completed", done
    check_counts(done, before, kept)
    assert done["totals"]["deleted"] == report["totals"]["matched"]
    serve.stop()
    assert account.contents() == kept


# ---- The process dies ----


@pytest.fixture
def big(make_aws, account):
    """Some thousand records, enough for a vacuum to be in the middle of."""
    home = make_aws()
    home.write_manifest({"stack": "g3nretailstack", "services": [{
        "code": "pvm", "tables": [{"name": "pvm_main", "org": {"by": "attribute", "name": "orgcode"}}],
        "buckets": [{"name": "pvm-data", "org": {"by": "key_prefix", "pattern": "{orgcode}/"}}],
        "log_groups": [{"name": "/pvm/api"}]}]})
    home.bootstrap()
    account.stub.fill(tables={"pvm_main": {"items": ITEMS, "orgs": 2}},
                      buckets={"pvm-data": {"objects": OBJECTS, "orgs": 2}}, log_groups={"/pvm/api": {"streams": STREAMS}})
    return home


ITEMS, OBJECTS, STREAMS = 20000, 6000, 10
# The table takes six seconds, so that there is a middle for whatever comes then.
SLOWLY = {"fault": "slow", "operation": "BatchWriteItem", "delay_ms": 300}
TRUTH = {("tables", "pvm_main"): ITEMS, ("buckets", "pvm-data"): OBJECTS, ("log_groups", "/pvm/api"): STREAMS}


def gone(account):
    state = account.stub.state()
    return sum(state[kind][name]["deleted"] for kind, name in TRUTH)


def ask_for_all(home, serve):
    vacuum_id = serve.do("vacuumall", confirmation_phrase=PHRASE)["vacuum_id"]
    home.clock.ahead(301)
    return vacuum_id


def check_all_gone(home, account, serve, vacuum_id):
    done = serve.vacuum_ended(vacuum_id, deadline=150)
    assert done["status"] == "completed", done
    counts = {target["name"]: target for target in done["targets"]}
    state = account.stub.state()
    for (kind, name), count in TRUTH.items():
        assert counts[name]["deleted"] == counts[name]["matched"] == count == state[kind][name]["deleted"], counts[name]
    assert done["totals"]["deleted"] == sum(TRUTH.values()) and done["totals"]["failed"] == 0
    delivered(home, "vacuum.completed")
    serve.stop()
    records = home.audit_trail()
    types = [record["type"] for record in records if record.get("vacuum_id") == vacuum_id]
    assert types == ["vacuum.requested", "vacuum.started", "vacuum.completed"]
    assert verified(home) == len(records)


@on("stub")
@pytest.mark.parametrize("records", [1, 12000])
def test_a_vacuum_that_was_killed_goes_on_and_counts_truly(big, account, records):
    account.refuse_wrong_clocks(SLOWLY)
    serve = big.serve("--workers", 4, clock=True)
    vacuum_id = ask_for_all(big, serve)
    until(lambda: gone(account) >= records, f"{records} records are deleted")
    serve.kill()
    assert gone(account) < sum(TRUTH.values()), "it was in the middle"
    account.refuse_wrong_clocks()
    # Nobody gives back the leases of the dead, so time must pass.
    big.clock.ahead(301 + 90)
    check_all_gone(big, account, big.serve("--workers", 4, clock=True), vacuum_id)


@on("stub")
def test_sigterm_in_the_middle_of_a_vacuum_gives_the_leases_back_and_the_next_serve_goes_on(big, account):
    account.refuse_wrong_clocks(SLOWLY)
    serve = big.serve("--workers", 4, clock=True)
    vacuum_id = ask_for_all(big, serve)
    until(lambda: gone(account) > 2000, "it is in the middle")
    assert serve.stop() == 0
    assert gone(account) < sum(TRUTH.values()), "it was in the middle"
    account.refuse_wrong_clocks()
    check_all_gone(big, account, big.serve("--workers", 4, clock=True), vacuum_id)


def leases(account, now_ms):
    """How many tasks are somebody's just now."""
    return len([row for row in account.items(OWN_TABLE)
                if row["sk"].startswith("TASK#") and row["lease_until_ms"] > now_ms and not row["done"]])


@on("stub")
def test_two_serves_on_one_account_share_the_work_and_one_of_them_may_die(big, make_aws, account):
    # Both the table and the bucket take some seconds, so that there is work for two.
    account.refuse_wrong_clocks({"fault": "slow", "operation": "BatchWriteItem", "delay_ms": 1000},
                                {"fault": "slow", "operation": "DeleteObjects", "delay_ms": 5000})
    other_home = make_aws("other")
    shutil.copy(big.data / "manifest.json", other_home.data)
    one, other = big.serve("--workers", 1, clock=True), other_home.serve("--workers", 1, clock=True)
    other_home.clock.ahead(301)
    vacuum_id = ask_for_all(big, one)
    until(lambda: leases(account, (time.time() + 301) * 1000) == 2, "each has a task")
    other.kill()
    assert gone(account) < sum(TRUTH.values()), "it was in the middle"
    account.refuse_wrong_clocks()
    big.clock.ahead(301 + 90)
    check_all_gone(big, account, one, vacuum_id)


# ---- Commands ----


@on("stub")
def test_vacuum_status_watch_follows_a_vacuum_to_its_end(stacked, account):
    serve = stacked.serve(clock=True)
    vacuum_id = ask_for_all(stacked, serve)
    watched = stacked.run("vacuum-status", "--vacuum-id", vacuum_id, "--watch")
    assert watched.returncode == 0, watched
    assert "completed" in watched.stdout
    assert str(serve.vacuum(vacuum_id)["totals"]["deleted"]) in watched.stdout


@on("stub", "moto")
def test_a_secret_code_is_set_once_and_then_rotated(make_aws, account):
    home = make_aws()
    made = home.aws("aws-bootstrap")
    assert made.returncode == 0, made
    first = home.aws("secret-set", "--new-secret-code-file", home.code_file, "--json")
    assert data(json.loads(first.stdout)) == {"secret_code": "set"}
    new = home.directory / "new"
    new.write_text("another horse another battery")
    new.chmod(0o600)
    refused = home.aws("secret-set", "--new-secret-code-file", new, "--secret-code-file", new)
    assert refused.returncode == 1 and "secret-code-mismatch" in refused.stderr, refused
    rotated = home.aws("secret-set", "--new-secret-code-file", new, "--secret-code-file", home.code_file, "--json")
    assert data(json.loads(rotated.stdout)) == {"secret_code": "rotated"}
    serve = home.serve()
    assert tag(serve.ask("maintenanceend")) == "secret-code-mismatch"
    assert tag(serve.invoke("maintenanceend", secret_code=new.read_text())) != "secret-code-mismatch"
    assert "horse" not in json.dumps(account.items(OWN_TABLE), default=str)


@on("stub", "moto")
def test_manifest_check_compares_the_manifest_with_the_account(stacked, account):
    result = stacked.aws("manifest-check", "--json")
    assert result.returncode == 0, result
    report = data(json.loads(result.stdout))
    found = {(target["kind"], target["name"]): target.get("finding", target["status"]) for target in report["targets"]}
    assert found["table", "pvm_index"] == found["bucket", bucket(account, "files")] == "exists"
    assert found["table", "crm_gone"] == "missing" and report["missing"] == 1
    assert found["table", "legacy_import"] == found["bucket", bucket(account, "tmp")] == found["log_group", "/elsewhere/x"] \
        == "unclassified"
    assert report["unclassified"] >= 3
    document = manifest(account)
    document["services"][2]["tables"][0]["org"] = {"by": "index", "index": "no-such-index", "name": "orgcode"}
    document["services"][3]["tables"][0]["org"] = {"by": "attribute", "name": "orgcode"}
    stacked.write_manifest(document)
    result = stacked.aws("manifest-check")
    assert result.returncode == 1, result
    line = next(line for line in result.stdout.splitlines() if " pvm_main " in line)
    assert "org rule can't be used" in line and "no-such-index" in line


@on("stub")
def test_audit_verify_names_the_record_that_was_tampered_with(empty, account):
    serve = empty.serve()
    for _ in range(3):
        serve.schedule()
    serve.stop()
    assert verified(empty) == 4
    dynamodb = account.client("dynamodb")
    records = [row for row in dynamodb.scan(TableName=OWN_TABLE)["Items"] if row["pk"]["S"] == "AUDIT"]
    records.sort(key=lambda row: row["sk"]["S"])
    assert len(records) == 4
    forged = json.loads(json.dumps(records[1]).replace("maintenance.scheduled", "maintenance.cancelled"))
    assert forged != records[1]
    dynamodb.put_item(TableName=OWN_TABLE, Item=forged)
    assert "Audit record 2" in not_verified(empty)
    dynamodb.put_item(TableName=OWN_TABLE, Item=records[1])
    dynamodb.delete_item(TableName=OWN_TABLE, Key={name: records[2][name] for name in ("pk", "sk")})
    assert "Audit record 3" in not_verified(empty)


# ---- Sessions ----


@on("stub", "moto")
def test_sessions_are_read_from_the_tables_that_the_manifest_names(stacked, account):
    serve = stacked.serve()
    assert read(serve, "olga-guid").status == 200
    for guid in ("old-guid", "gone-guid", "no-guid"):
        assert refused(read(serve, guid)) == (401, "session-invalid"), guid
    dynamodb = account.client("dynamodb")
    dynamodb.put_item(TableName="uas_users", Item=item("USER#olga", "USER", user_id="olga", status="disabled"))
    assert refused(read(serve, "olga-guid")) == (401, "session-invalid")


@on("stub")
def test_without_an_answer_from_the_session_tables_nobody_is_let_in(stacked, account):
    serve = stacked.serve()
    account.refuse_wrong_clocks({"fault": "internal_error", "operation": "GetItem", "containing": "usm_sessions"})
    answer = read(serve, "olga-guid")
    assert refused(answer) == (503, "session-store-unavailable")
    assert "olga-guid" not in answer.body.decode()
    account.refuse_wrong_clocks()
    assert read(serve, "olga-guid").status == 200


@on("stub")
def test_with_usm_url_usm_says_who_may_read_and_the_tables_are_not_asked(stacked, account, usm):
    usm.reply = (200, envelope(VALID))
    serve = stacked.serve("--usm-url", usm.url)
    assert read(serve, "in-no-table").status == 200
    usm.reply = (200, envelope(VALID | {"valid": False}))
    assert refused(read(serve, "olga-guid")) == (401, "session-invalid")
