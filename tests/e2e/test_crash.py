"""kill -9 at any moment, and SIGTERM: the next serve goes on, and every count is the true one."""

import re

import pytest

import stack
from g3nops import PHRASE, ROOT, tag, until

pytestmark = pytest.mark.usefixtures("settable_clock")

ROWS, OBJECTS, STREAMS = 40000, 1500, 20


@pytest.fixture
def big(bare):
    stack.big_stack(bare, ROWS, OBJECTS, streams=STREAMS)
    return bare


def passed(serve, vacuum_id, records):
    """Whether the vacuum has come that far, or is over."""
    vacuum = serve.vacuum(vacuum_id)
    return vacuum["status"] != "pending" and (vacuum["totals"]["deleted"] >= records or vacuum["status"] != "running")


def check_all_gone(home, serve, vacuum_id, report):
    done = serve.vacuum_ended(vacuum_id)
    assert done["status"] == "completed", done
    counts = {target["name"]: target for target in done["targets"] if target["status"] == "completed"}
    assert counts["pvm_main"]["deleted"] == counts["pvm_main"]["matched"] == ROWS
    assert counts["pvm-data"]["deleted"] == counts["pvm-data"]["matched"] == OBJECTS
    assert counts["/g3nretailstack/pvm/api"]["deleted"] == STREAMS
    assert counts["pvm_main"]["protected"] == counts["pvm-data"]["protected"] == 1
    assert done["totals"]["deleted"] == ROWS + OBJECTS + STREAMS == report["totals"]["matched"]
    assert done["totals"]["failed"] == 0
    serve.stop()
    assert stack.rows(home.table("pvm_main")) == [("g3nmhsadmin#keep", "V", "acme", "kept")]
    assert stack.files(home.bucket("pvm-data")) == ["g3nmhsadmin/keep"]
    verified = home.json("audit-verify")
    assert verified["verified"] is True
    types = [record["type"] for record in home.audit_trail() if record.get("vacuum_id") == vacuum_id]
    assert types.count("vacuum.requested") == types.count("vacuum.started") == 1


def ask_for_all(home, serve):
    report = serve.dry_run()
    vacuum_id = serve.do("vacuumall", confirmation_phrase=PHRASE)["vacuum_id"]
    home.clock.ahead(301)
    return report, vacuum_id


@pytest.mark.parametrize("records", [0, 1, 9000, 25000, ROWS + 700])
def test_a_vacuum_that_was_killed_goes_on_and_counts_truly(big, records):
    serve = big.serve("--workers", 2, clock=True)
    report, vacuum_id = ask_for_all(big, serve)
    until(lambda: passed(serve, vacuum_id, records), f"{records} records are deleted")
    serve.kill()
    check_all_gone(big, big.serve(clock=True), vacuum_id, report)


def test_a_vacuum_that_was_killed_again_and_again_counts_truly(big):
    serve = big.serve("--workers", 3, clock=True)
    report, vacuum_id = ask_for_all(big, serve)
    for records in (500, 8000, 16000, 24000, 32000, 40000):
        until(lambda: passed(serve, vacuum_id, records), f"{records} records are deleted")
        serve.kill()
        serve = big.serve("--workers", 3, clock=True)
    check_all_gone(big, serve, vacuum_id, report)


def test_a_vacuum_that_was_taken_out_as_the_guide_says_is_run_by_nobody(big):
    serve = big.serve("--max-rate", 500, clock=True)
    _, vacuum_id = ask_for_all(big, serve)
    until(lambda: stack.count(big.table("pvm_main")) <= ROWS, "it deletes")
    serve.stop()
    sql = re.search(r'"(DELETE FROM records WHERE pk = .VACUUM_OPEN.)"', (ROOT / "docs" / "guide.md").read_text())[1]
    stack.query(big.store, sql)
    left = stack.count(big.table("pvm_main"))
    assert 1 < left < ROWS + 1
    serve = big.serve(clock=True)
    assert tag(serve.ask("vacuumall", confirmation_phrase=PHRASE)) == "vacuum-in-progress"
    dry_run = serve.dry_run()
    big.clock.ahead(301 + 24 * 3600)
    again = serve.do("vacuumall", confirmation_phrase=PHRASE)
    assert serve.vacuum(vacuum_id)["error"]["tag"] == "mutex-expired" and again["status"] == "pending"
    matched = {target["name"]: target["matched"] for target in dry_run["targets"] if target["status"] == "completed"}
    assert matched["pvm_main"] == left - 1 == stack.count(big.table("pvm_main")) - 1, "nothing went on"


def test_a_vacuum_that_was_killed_while_pending_is_still_pending_and_can_be_cancelled(big):
    before = stack.fingerprint(big.stack, leave_out=[stack.AUDIT_LOG])
    serve = big.serve(clock=True)
    vacuum_id = serve.do("vacuumorg", orgcode="acme")["vacuum_id"]
    serve.kill()
    serve = big.serve(clock=True)
    assert serve.vacuum(vacuum_id)["status"] == "pending"
    assert serve.do("vacuumcancel", vacuum_id=vacuum_id)["status"] == "cancelled"
    big.clock.ahead(400)
    serve.invoke("sweep")
    serve.stop()
    assert stack.fingerprint(big.stack, leave_out=[stack.AUDIT_LOG]) == before


def test_a_pending_vacuum_starts_when_its_time_passed_while_nothing_ran(big):
    serve = big.serve(clock=True)
    vacuum_id = serve.do("vacuumorg", orgcode="acme")["vacuum_id"]
    serve.kill()
    big.clock.ahead(5000)
    serve = big.serve(clock=True)
    done = serve.vacuum_ended(vacuum_id)
    assert done["status"] == "completed"
    assert done["totals"]["deleted"] == (ROWS + OBJECTS) // 2
    assert stack.query(big.table("pvm_main"), "SELECT orgcode, count(*) FROM items GROUP BY 1 ORDER BY 1") == [
        ("acme", 1), ("acme2", ROWS // 2)]


def test_a_window_is_still_active_after_a_kill(bare):
    serve = bare.serve()
    window = serve.schedule()
    serve.do("maintenancestart", maintenance_id=window["maintenance_id"])
    serve.kill()
    serve = bare.serve()
    assert serve.window()["maintenance_id"] == window["maintenance_id"]
    serve.do("maintenanceend")
    assert serve.window() is None
    assert bare.json("audit-verify")["records"] == 4


def test_sigterm_in_the_middle_of_a_vacuum_ends_cleanly_and_the_next_serve_goes_on(big):
    serve = big.serve("--workers", 2, clock=True)
    report, vacuum_id = ask_for_all(big, serve)
    until(lambda: serve.vacuum(vacuum_id)["status"] == "running", "it runs")
    assert serve.stop() == 0
    left = stack.contents(big)
    assert left["table", "pvm_main"] + left["bucket", "pvm-data"] > 2, "it was in the middle"
    check_all_gone(big, big.serve(clock=True), vacuum_id, report)
