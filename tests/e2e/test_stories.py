"""The three stories that g3nops is for, from the outside."""

import json
import sqlite3
from contextlib import closing

import pytest

import stack
from g3nops import CODE, PHRASE, instant, tag, until

pytestmark = pytest.mark.usefixtures("settable_clock")


def test_the_sweep_starts_a_window_when_its_time_has_come_and_it_is_ended_by_hand(bare):
    serve = bare.serve(clock=True)
    window = serve.schedule(7200, actor="olga", reason="disks")
    assert window["status"] == "scheduled" and serve.window() is None
    bare.clock.ahead(7100)
    assert serve.invoke("sweep")["data"]["maintenance_started"] == 0
    assert serve.window() is None
    bare.clock.ahead(7201)
    shown = until(serve.window, "ping shows the window")
    assert shown["maintenance_id"] == window["maintenance_id"]
    assert shown["status"] == "active" and shown["overdue"] is False and shown["updates"] == []
    assert shown["estimated_duration_seconds"] == 600

    serve.do("maintenanceupdate", text="Half of the tables are moved")
    assert [update["text"] for update in serve.window()["updates"]] == ["Half of the tables are moved"]
    bare.clock.ahead(7201 + 700)
    until(lambda: serve.window()["overdue"], "the window is overdue")
    ended = serve.do("maintenanceend", end_message="All moved", actor="olga")
    assert ended["status"] == "ended" and ended["started_by"] == "sweep" and ended["end_message"] == "All moved"
    assert ended["revision"] == 4
    assert serve.window() is None

    wanted = ["secret.set", "maintenance.scheduled", "maintenance.started", "maintenance.updated", "maintenance.ended"]
    assert [record["type"] for record in serve.audit()] == wanted
    delivered = until(lambda: bare.audit_log() if len(bare.audit_log()) == 5 else None,
                      "the audit records are delivered")
    assert [record["type"] for record in delivered] == wanted
    assert [record["seq"] for record in delivered] == [1, 2, 3, 4, 5]
    assert delivered[1]["actor"] == "olga"


def test_windows_that_are_due_together_start_one_after_the_other_earliest_first(bare):
    serve = bare.serve(clock=True)
    later = serve.schedule(200)["maintenance_id"]
    first = serve.schedule(100)["maintenance_id"]
    bare.clock.ahead(300)
    assert until(serve.window, "one starts")["maintenance_id"] == first
    assert tag(serve.ask("maintenancestart", maintenance_id=later)) == "maintenance-already-active"
    serve.do("maintenanceend")
    assert until(serve.window, "the other starts")["maintenance_id"] == later


def test_who_ends_a_window_is_told_of_the_next_and_warned_of_one_that_is_due(bare):
    serve = bare.serve(clock=True)
    last = serve.schedule(86400, description="Next day")["maintenance_id"]
    second, first = (serve.schedule(seconds, description="Deploy")["maintenance_id"] for seconds in (200, 100))
    bare.clock.ahead(300)
    until(serve.window, "the first starts")
    warned = bare.operator("maintenance-end", "--maintenance-id", first)
    assert warned.returncode == 0 and "warning: another window is due" in warned.stdout, warned
    assert f"maintenance-end --maintenance-id {second}" in warned.stdout and "Deploy" in warned.stdout
    assert until(serve.window, "the second starts")["maintenance_id"] == second
    result = bare.operator("maintenance-end", "--json")
    ended = json.loads(result.stdout)["data"]
    assert ended["next"]["maintenance_id"] == last and ended["next"]["due"] is False
    assert ended["next"]["description"] == "Next day" and ended["status"] == "ended"
    assert "next" not in serve.do("maintenancecancel", maintenance_id=last)
    serve.do("maintenancestart", maintenance_id=serve.schedule()["maintenance_id"])
    assert "No other window is scheduled." in bare.operator("maintenance-end").stdout


def test_a_vacuum_cancelled_within_its_five_minutes_has_deleted_nothing(sample):
    before = stack.fingerprint(sample.stack)
    serve = sample.serve(clock=True)
    sample.clock.freeze()
    asked = serve.do("vacuumorg", orgcode="acme", actor="olga", reason="left us")
    assert asked["status"] == "pending"
    assert asked["execute_at"] == sample.clock.frozen_at(300)
    sample.clock.freeze(299)
    assert serve.invoke("sweep")["data"]["vacuums_started"] == 0
    cancelled = serve.do("vacuumcancel", vacuum_id=asked["vacuum_id"])
    assert cancelled["status"] == "cancelled" and cancelled["totals"]["deleted"] == 0
    sample.clock.freeze(1000)
    serve.invoke("sweep")
    assert serve.vacuum(asked["vacuum_id"])["status"] == "cancelled"
    assert tag(serve.ask("vacuumcancel", vacuum_id=asked["vacuum_id"])) == "vacuum-not-pending"
    until(lambda: sample.audit_log()[-1]["type"] == "vacuum.cancelled", "the last audit record is delivered")
    serve.stop()
    assert stack.fingerprint(sample.stack, leave_out=[stack.AUDIT_LOG]) == before
    assert [r["type"] for r in sample.audit_log()][-2:] == ["vacuum.requested", "vacuum.cancelled"]


def test_at_second_301_a_vacuum_can_not_be_cancelled(sample):
    serve = sample.serve(clock=True)
    sample.clock.freeze()
    vacuum_id = serve.do("vacuumorg", orgcode="acme")["vacuum_id"]
    sample.clock.freeze(301)
    assert tag(serve.ask("vacuumcancel", vacuum_id=vacuum_id)) == "vacuum-not-pending"
    assert serve.vacuum_ended(vacuum_id)["status"] == "completed"


def test_vacuum_org_deletes_that_tenants_records_only(sample):
    before = {path.stem: stack.rows(path) for path in (sample.stack / "tables").glob("*.sqlite")}
    objects = stack.fingerprint(sample.stack / "buckets")
    logs = stack.fingerprint(sample.stack / "log_groups")
    serve = sample.serve(clock=True)
    report = serve.dry_run("vacuumorg", orgcode="acme")
    vacuum_id = serve.do("vacuumorg", orgcode="acme", plan_sha256=report["plan_sha256"])["vacuum_id"]
    sample.clock.ahead(301)
    done = serve.vacuum_ended(vacuum_id)
    assert done["status"] == "completed"
    assert done["totals"]["deleted"] == report["totals"]["matched"] > 0
    serve.stop()

    def gone(row):
        return not row[0].startswith("g3nmhsadmin") and (row[2] == "acme" or row[0].startswith(("ORG#acme#",)) or row[0] == "ORG#acme")
    for name, rows in before.items():
        kept = rows if name in ("uas_users", "usm_sessions", "legacy_import") else [row for row in rows if not gone(row)]
        assert stack.rows(sample.table(name)) == kept, name
    kept = {key: value for key, value in objects.items() if "/acme/" not in key}
    assert stack.fingerprint(sample.stack / "buckets") == kept
    after = stack.fingerprint(sample.stack / "log_groups", leave_out=["g3nretailstack/ops/"])
    assert after == logs


def target_key(target):
    return target["kind"], target["name"]


def test_vacuum_all_deletes_exactly_what_its_dry_run_reported_and_leaves_what_is_protected(sample):
    before = stack.contents(sample)
    kept_files = [sample.bucket(name) for name in ("doc.g3nretailstack.com", "mcp.g3nretailstack.com", "tmp-exports")]
    kept_files += list((sample.stack / "buckets").glob("*/g3nmhsadmin"))
    kept = {path: stack.fingerprint(path) for path in kept_files}
    legacy = stack.sha256(sample.table("legacy_import"))
    serve = sample.serve(clock=True)
    untouched = stack.fingerprint(sample.stack, leave_out=[stack.AUDIT_LOG])

    report = serve.dry_run("vacuumall")
    assert report["status"] == "completed" and report["dry_run"] is True
    assert stack.fingerprint(sample.stack, leave_out=[stack.AUDIT_LOG]) == untouched
    reported = {target_key(target): target for target in report["targets"]}
    assert set(before) <= set(reported), "every table, bucket and log group is in the report"
    assert reported["table", "legacy_import"]["status"] == "unclassified"
    assert reported["bucket", "doc.g3nretailstack.com"]["matched"] == 0
    for key, target in reported.items():
        if target["status"] == "completed":
            assert target["matched"] + target["protected"] == before.get(key, 0), target
        assert target["deleted"] == 0

    assert tag(serve.ask("vacuumall")) in ("missing-field", "confirmation-phrase-mismatch")
    assert tag(serve.ask("vacuumall", confirmation_phrase=PHRASE.lower())) == "confirmation-phrase-mismatch"
    asked = serve.do("vacuumall", confirmation_phrase=PHRASE, plan_sha256=report["plan_sha256"], actor="olga")
    sample.clock.ahead(301)
    done = serve.vacuum_ended(asked["vacuum_id"])
    assert done["status"] == "completed", done
    until(lambda: sample.audit_log()[-1]["type"] == "vacuum.completed", "the last audit record is delivered")
    serve.stop()

    after = stack.contents(sample)
    for target in done["targets"]:
        key, dry = target_key(target), reported[target_key(target)]
        assert (target["matched"], target["deleted"], target["failed"]) == (dry["matched"], dry["matched"], 0), target
        assert target["protected"] == dry["protected"], target
        if key in before and key != ("log_group", "/g3nretailstack/ops/maintenance-audit"):
            assert after.get(key, 0) == before[key] - dry["matched"], target
    assert done["totals"]["deleted"] == report["totals"]["matched"]
    for path, hashes in kept.items():
        assert stack.fingerprint(path) == hashes, path
    assert stack.sha256(sample.table("legacy_import")) == legacy
    assert stack.rows(sample.table("pvm_main")) == [("g3nmhsadmin#keep", "V#0", "acme", '{"note":"never deleted"}')]

    records = [r for r in sample.audit_log() if r.get("vacuum_id") == asked["vacuum_id"]]
    assert [r["type"] for r in records] == ["vacuum.requested", "vacuum.started", "vacuum.completed"]
    assert records[-1]["data"]["totals"]["deleted"] == report["totals"]["matched"]


def test_a_vacuum_whose_plan_is_not_that_of_the_dry_run_any_more_deletes_nothing(sample):
    serve = sample.serve(clock=True)
    report = serve.dry_run("vacuumorg", orgcode="acme")
    vacuum_id = serve.do("vacuumorg", orgcode="acme2", plan_sha256=report["plan_sha256"])["vacuum_id"]
    before = stack.fingerprint(sample.stack, leave_out=[stack.AUDIT_LOG])
    sample.clock.ahead(301)
    done = serve.vacuum_ended(vacuum_id)
    assert done["status"] == "failed" and done["error"]["tag"] == "plan-drifted", done
    assert stack.fingerprint(sample.stack, leave_out=[stack.AUDIT_LOG]) == before


@pytest.fixture
def audited(bare):
    """A data directory with a few audit records, nothing running on it."""
    serve = bare.serve()
    for _ in range(3):
        serve.schedule()
    serve.stop()
    return bare


@pytest.mark.parametrize("statement", [
    "UPDATE records SET doc = '{}' WHERE pk = 'AUDIT'",
    "UPDATE records SET pk = 'OTHER' WHERE pk = 'AUDIT'",
    "UPDATE records SET pk = 'AUDIT' WHERE pk = 'SINGLETON'",
    "DELETE FROM records WHERE pk = 'AUDIT'",
    "REPLACE INTO records SELECT pk, sk, '{}' FROM records WHERE pk = 'AUDIT'",
    "INSERT OR REPLACE INTO records SELECT pk, sk, '{}' FROM records WHERE pk = 'AUDIT'",
    "INSERT INTO records SELECT pk, sk, '{}' FROM records WHERE pk = 'AUDIT' ON CONFLICT DO UPDATE SET doc = '{}'",
])
def test_the_store_itself_refuses_to_change_an_audit_record(audited, statement):
    with pytest.raises(sqlite3.IntegrityError, match="audit records are never"):
        stack.query(audited.store, statement)
    assert audited.json("audit-verify") == {"verified": True, "records": 4}


def tamper(path, statement, *parameters):
    with closing(sqlite3.connect(path)) as db:
        for name, in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            db.execute(f'DROP TRIGGER "{name}"')
        assert db.execute(statement, parameters).rowcount == 1
        db.commit()


@pytest.mark.parametrize("statement, named", [
    ("UPDATE records SET doc = json_set(doc, '$.actor', 'someone else') WHERE pk = 'AUDIT' AND sk LIKE '%2'", 2),
    ("DELETE FROM records WHERE pk = 'AUDIT' AND sk LIKE '%3'", 3),
    ("DELETE FROM records WHERE pk = 'AUDIT' AND sk LIKE '%4'", 4),
    ("UPDATE records SET sk = replace(sk, '4', '5') WHERE pk = 'AUDIT' AND sk LIKE '%4'", 4),
])
def test_audit_verify_names_the_record_that_was_tampered_with(audited, statement, named):
    tamper(audited.store, statement)
    result = audited.run("audit-verify", "--json")
    assert result.returncode == 1, result
    envelope = json.loads(result.stdout)
    assert f"Audit record {named}" in envelope["error"]["minor"]["message"]["en_US"], envelope


def test_a_wrong_code_is_audited_and_the_code_is_nowhere(bare):
    serve = bare.serve()
    wrong = "a code that is wrong"
    assert tag(serve.invoke("maintenanceschedule", secret_code=wrong, description="x", estimated_duration_seconds=60,
                            scheduled_start_utc=instant(60))) == "secret-code-mismatch"
    serve.schedule()
    assert "secret.mismatch" in [record["type"] for record in serve.audit()]
    serve.stop()
    for path in bare.data.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert CODE.encode() not in content and wrong.encode() not in content, path
    assert CODE not in serve.stderr() and wrong not in serve.stderr()
