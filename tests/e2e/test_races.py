"""Many at once: one wins, and the others are told who."""

from concurrent.futures import ThreadPoolExecutor

import pytest

import stack
from g3nops import instant, tag


def at_once(count, call):
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(call, range(count)))


def won(envelopes):
    return [envelope["data"] for envelope in envelopes if envelope["success"]]


def lost(envelopes):
    return [envelope["error"] for envelope in envelopes if not envelope["success"]]


def test_of_twenty_vacuums_asked_for_at_once_one_wins_and_the_others_learn_its_id(sample):
    serve = sample.serve()
    answers = at_once(20, lambda i: serve.ask("vacuumorg", orgcode=f"org{i}"))
    winner, = won(answers)
    for error in lost(answers):
        assert error["minor"]["tag"] == "vacuum-in-progress"
        assert error["details"]["vacuum_id"] == winner["vacuum_id"]
    requested = [record for record in serve.audit() if record["type"] == "vacuum.requested"]
    assert [record["vacuum_id"] for record in requested] == [winner["vacuum_id"]]


def test_a_dry_run_needs_no_mutex(sample):
    serve = sample.serve()
    serve.do("vacuumorg", orgcode="acme")
    answers = at_once(4, lambda i: serve.ask("vacuumall", dry_run=True))
    assert len(won(answers)) == 4
    assert len({serve.vacuum_ended(answer["vacuum_id"])["totals"]["matched"] for answer in won(answers)}) == 1


@pytest.mark.usefixtures("settable_clock")
@pytest.mark.parametrize("second, status", [(299, "cancelled"), (300, "completed")])
def test_cancel_and_start_agree_at_the_very_second(bare, second, status):
    stack.big_stack(bare, 200, 20)
    before = stack.fingerprint(bare.stack)
    serve = bare.serve(clock=True)
    bare.clock.freeze()
    vacuum_id = serve.do("vacuumorg", orgcode="acme")["vacuum_id"]
    bare.clock.freeze(second)
    answers = at_once(6, lambda i: serve.invoke("sweep") if i % 2 else serve.ask("vacuumcancel", vacuum_id=vacuum_id))[::2]
    assert serve.vacuum_ended(vacuum_id)["status"] == status
    assert len(won(answers)) == (status == "cancelled")
    assert {error["minor"]["tag"] for error in lost(answers)} == {"vacuum-not-pending"}
    serve.stop()
    assert (stack.fingerprint(bare.stack, leave_out=[stack.AUDIT_LOG]) == before) == (status == "cancelled")


@pytest.mark.usefixtures("settable_clock")
@pytest.mark.parametrize("lead", [0.1, 0.3, 0.5])
def test_a_vacuum_that_is_cancelled_while_it_becomes_due_has_deleted_nothing_or_all(bare, lead):
    stack.big_stack(bare, 200, 20)
    before = stack.fingerprint(bare.stack)
    serve = bare.serve(clock=True)
    vacuum_id = serve.do("vacuumorg", orgcode="acme")["vacuum_id"]
    bare.clock.ahead(300 - lead)
    answers = []
    while serve.vacuum(vacuum_id)["status"] == "pending":
        answers += at_once(3, lambda i: serve.ask("vacuumcancel", vacuum_id=vacuum_id) if i else serve.invoke("sweep"))[1:]
    done = serve.vacuum_ended(vacuum_id)
    assert len(won(answers)) == (done["status"] == "cancelled")
    serve.stop()
    untouched = stack.fingerprint(bare.stack, leave_out=[stack.AUDIT_LOG]) == before
    assert untouched == (done["status"] == "cancelled"), done


def test_of_two_windows_started_at_once_one_becomes_active(bare):
    serve = bare.serve()
    ids = [serve.schedule()["maintenance_id"] for _ in range(2)]
    answers = at_once(8, lambda i: serve.ask("maintenancestart", maintenance_id=ids[i % 2]))
    winner, = won(answers)
    assert {error["minor"]["tag"] for error in lost(answers)} <= {"maintenance-already-active", "maintenance-not-scheduled"}
    assert serve.window()["maintenance_id"] == winner["maintenance_id"]
    assert [record["type"] for record in serve.audit()].count("maintenance.started") == 1


def test_of_many_ends_at_once_one_ends_the_window(bare):
    serve = bare.serve()
    serve.do("maintenancestart", maintenance_id=serve.schedule()["maintenance_id"])
    answers = at_once(8, lambda i: serve.ask("maintenanceend", end_message=f"end {i}"))
    winner, = won(answers)
    assert {error["minor"]["tag"] for error in lost(answers)} <= {"no-active-maintenance", "maintenance-not-active"}
    assert winner["status"] == "ended" and winner["revision"] == 3
    assert [record["type"] for record in serve.audit()].count("maintenance.ended") == 1


def test_updates_at_once_are_all_kept_and_each_is_a_revision(bare):
    serve = bare.serve()
    maintenance_id = serve.schedule()["maintenance_id"]
    serve.do("maintenancestart", maintenance_id=maintenance_id)
    revisions = sorted(data["revision"] for data in won(at_once(6, lambda i: serve.ask("maintenanceupdate", text=f"step {i}"))))
    assert revisions == list(range(3, 3 + len(revisions)))
    assert len(serve.ping()["maintenance"]["updates"]) == len(revisions) == 6


def test_a_change_of_another_revision_than_expected_is_refused(bare):
    serve = bare.serve()
    maintenance_id = serve.schedule()["maintenance_id"]
    answers = at_once(4, lambda i: serve.ask("maintenanceupdate", maintenance_id=maintenance_id, expected_revision=1,
                                             description=f"number {i}"))
    assert len(won(answers)) == 1
    for error in lost(answers):
        assert error["minor"]["tag"] == "revision-conflict" and error["details"]["revision"] == 2


@pytest.mark.usefixtures("settable_clock")
def test_wrong_codes_at_once_lock_the_gate_for_a_time_that_doubles(bare):
    serve = bare.serve(clock=True)
    bare.clock.freeze()

    def guess(i):
        return serve.invoke("vacuumorg", secret_code=f"wrong code number {i}", orgcode="acme")
    errors = lost(at_once(12, guess))
    tags = [error["minor"]["tag"] for error in errors]
    assert (tags.count("secret-code-mismatch"), tags.count("secret-code-locked")) == (5, 7)
    for error in errors:
        if error["minor"]["tag"] == "secret-code-locked":
            assert error["details"]["retry_after_seconds"] == 1
    assert tag(serve.ask("vacuumorg", orgcode="acme")) == "secret-code-locked"
    bare.clock.freeze(1)
    assert tag(guess(12)) == "secret-code-mismatch"
    locked = guess(13)
    assert tag(locked) == "secret-code-locked" and locked["error"]["details"]["retry_after_seconds"] == 2
    bare.clock.freeze(3)
    assert serve.ask("vacuumorg", orgcode="acme")["success"]
    assert tag(guess(14)) == "secret-code-mismatch"
    assert tag(guess(15)) == "secret-code-mismatch", "the right code has ended the row of wrong ones"
    types = [record["type"] for record in serve.audit()]
    assert types.count("secret.mismatch") == 8 and types.count("secret.locked") == 2


@pytest.mark.usefixtures("settable_clock")
def test_of_one_wrong_code_sent_by_many_at_once_one_is_counted(bare):
    serve = bare.serve(clock=True)
    bare.clock.freeze()
    errors = lost(at_once(12, lambda i: serve.invoke("vacuumorg", secret_code="the code of last month", orgcode="acme")))
    assert {error["minor"]["tag"] for error in errors} == {"secret-code-mismatch"}
    assert serve.ask("vacuumorg", orgcode="acme")["success"]
    assert [record["type"] for record in serve.audit()].count("secret.mismatch") == 1


def test_the_service_answers_others_while_codes_are_checked(bare):
    serve = bare.serve()
    with ThreadPoolExecutor(12) as pool:
        asked = [pool.submit(serve.ask, "maintenanceschedule", description="x", estimated_duration_seconds=60,
                             scheduled_start_utc=instant(600)) for _ in range(12)]
        assert serve.ping()["status"] == "ok"
        assert all(answer.result()["success"] for answer in asked)
    assert bare.json("audit-verify")["records"] == 13
