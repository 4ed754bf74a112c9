"""A record store of which an older copy was put back, or whose delivered audit log was changed: found, held, accepted."""

import json
import shutil
import sqlite3
import time
from contextlib import closing

import pytest

import stack
from aws_home import AUDIT_GROUP, OWN_TABLE, account, empty, make_aws, on, stub, stub_process  # noqa: F401 (fixtures)
from g3nops import PHRASE, copy_home, data, tag, until

ACCEPT = ["audit-accept-rollback"]


def stat(serve):
    return serve.http("GET", "/ops/stat").data


def metric(serve, name):
    lines = serve.http("GET", "/metrics").body.decode().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name} "))


def until_delivered(home, seq):
    until(lambda: (lambda log: log and log[-1]["seq"] >= seq)(home.audit_log()), f"record {seq} is delivered")


def until_settled(home):
    """All is delivered, and the store knows it."""
    def position():
        with closing(sqlite3.connect(home.store, timeout=30)) as db:
            docs = dict(db.execute("SELECT sk, doc FROM records WHERE pk = 'SINGLETON' AND sk LIKE 'AUDIT%'"))
        head, delivery = (json.loads(docs.get(f"AUDIT_{name}", "{}")) for name in ("HEAD", "DELIVERY"))
        return delivery.get("seq") == head["seq"] and delivery["lease"] == ""
    until(position, "all is delivered")


def copy_of(store, to):
    with closing(sqlite3.connect(store)) as old, closing(sqlite3.connect(to)) as new:
        old.backup(new)


def put_back(home, copy):
    for suffix in ("", "-wal", "-shm"):
        home.store.with_name(home.store.name + suffix).unlink(missing_ok=True)
    shutil.copy(copy, home.store)
    home.store.chmod(0o600)


def verify(home):
    """The exit code and the envelope of audit-verify."""
    result = home.run("audit-verify", "--json")
    return result.returncode, json.loads(result.stdout)


def words(envelope):
    return envelope["error"]["minor"]["message"]["en_US"]


@pytest.fixture
def rolled_back(bare, tmp_path):
    """7 records were delivered, and a copy of the time when there were 4 is put back."""
    serve = bare.serve()
    for _ in range(3):
        serve.schedule()
    until_settled(bare)
    copy_of(bare.store, tmp_path / "old.sqlite")
    for _ in range(3):
        serve.schedule()
    until_delivered(bare, 7)
    assert serve.stop() == 0
    code, envelope = verify(bare)
    assert (code, data(envelope)) == (0, {"verified": True, "records": 7})
    put_back(bare, tmp_path / "old.sqlite")
    return bare


def test_verify_names_the_first_record_that_the_store_has_lost(rolled_back):
    code, envelope = verify(rolled_back)
    assert code == 1 and tag(envelope) == "record-corrupt"
    [stream] = rolled_back.log_group(AUDIT_GROUP).iterdir()
    assert words(envelope) == ("Audit record 5 was delivered to the log and is missing from the store, which ends with record 4; "
                               f"the log goes on to record 7. The first that is missing is line 5 of {stream.name}.")
    assert envelope["error"]["details"] == {"delivered_log": "behind", "stream": stream.name, "line": 5, "records_verified": 4,
                                            "reason": "is not the store's record of its number"}
    result = rolled_back.run("audit-verify")
    assert result.returncode == 1 and "Audit record 5" in result.stderr


def test_serve_says_so_and_delivers_nothing_over_it(rolled_back):
    serve = rolled_back.serve()
    assert stat(serve)["status"] == "degraded"
    assert stat(serve)["audit"] == {"status": "behind", "first_seq": 5, "store_seq": 4, "log_seq": 7}
    assert "the store is behind it, from record 5 on" in rolled_back.run("stat").stdout
    assert metric(serve, "g3nops_audit_log_differs") == 1
    [told] = until(lambda: serve.events("audit.behind"), "it is told")
    assert told["level"] == "error" and (told["first_seq"], told["store_seq"], told["log_seq"]) == ("5", "4", "7")
    assert told["log_sha256"] == rolled_back.audit_log()[-1]["sha256"] and "audit-accept-rollback" in told["msg"]
    before = rolled_back.audit_log()
    window = serve.schedule()["maintenance_id"]  # another record 5
    serve.do("maintenancestart", maintenance_id=window)
    serve.do("maintenanceend")
    for _ in range(3):
        assert serve.invoke("sweep")["success"]
    assert rolled_back.audit_log() == before
    until(lambda: metric(serve, "g3nops_audit_undelivered") == 3, "they wait")
    assert words(verify(rolled_back)[1]).startswith("Audit record 5 in the store is not the one that was delivered")
    refused = serve.ask("vacuumall", confirmation_phrase=PHRASE)
    assert tag(refused) == "store-unavailable"
    details = refused["error"]["details"]
    assert details["audit"] in ("behind", "differs") and (details["first_seq"], details["log_seq"]) == (5, 7)
    assert serve.dry_run()["status"] == "completed"
    result = rolled_back.operator("vacuum-org", "--orgcode", "acme", "--yes")
    assert result.returncode == 1 and "store-unavailable" in result.stderr
    [hint] = [line for line in result.stderr.splitlines() if line.startswith("hint: ")]
    assert "'g3nops audit-verify' tells where" in hint and "audit-accept-rollback" in hint and "try again" not in hint


def test_an_operator_accepts_it_and_all_goes_on(rolled_back):
    serve = rolled_back.serve()
    serve.schedule()
    before = rolled_back.audit_log()
    without = rolled_back.operator(*ACCEPT)
    assert without.returncode == 2 and "--reason TEXT is required" in without.stderr, without
    wrong = rolled_back.run(*ACCEPT, "--reason", "x", env={"G3NOPS_SECRET_CODE": "not the code at all"})
    assert wrong.returncode == 1 and "secret-code-mismatch" in wrong.stderr
    assert stat(serve)["status"] == "degraded"
    done = rolled_back.operator(*ACCEPT, "--reason", "restored last night", "--actor", "olga", "--json")
    assert done.returncode == 0, done
    accepted = data(json.loads(done.stdout))
    # 5 is the window that was scheduled, 6 the wrong code.
    assert accepted["accepted"] is True and (accepted["seq"], accepted["first_seq"], accepted["log_seq"]) == (7, 5, 7)
    assert accepted["log_sha256"] == before[-1]["sha256"] and accepted["log_records"] == 3
    assert stat(serve)["status"] == "ok" and "audit" not in stat(serve)
    assert metric(serve, "g3nops_audit_log_differs") == 0
    until_delivered(rolled_back, 7)
    until(lambda: len(rolled_back.audit_log()) == 7 + 3, "both are in the log")
    log = rolled_back.audit_log()
    assert log[:7] == before and [record["seq"] for record in log[7:]] == [5, 6, 7]
    assert log[-1]["type"] == "audit.rollback_accepted" and log[-1]["actor"] == "olga"
    assert log[-1]["reason"] == "restored last night" and log[-1]["data"]["store_seq"] == 6
    code, envelope = verify(rolled_back)
    report = data(envelope)
    assert code == 0 and report["verified"] is True and report["records"] == 7
    assert report["accepted_breaks"] == [{"seq": 7, "first_seq": 5, "last_seq": 7, "count": 3}]
    said = rolled_back.run("audit-verify")
    assert said.returncode == 0 and "accepted break" in said.stdout and "is whole" not in said.stdout
    again = rolled_back.operator(*ACCEPT, "--reason", "x", "--json")
    assert data(json.loads(again.stdout)) == {"accepted": False}
    assert serve.do("vacuumall", confirmation_phrase=PHRASE)["status"] == "pending"
    assert serve.stop() == 0
    serve = rolled_back.serve()
    assert stat(serve)["status"] == "ok" and not serve.events("audit.behind", "audit.differs")


@pytest.mark.usefixtures("settable_clock")
def test_a_vacuum_that_was_cancelled_after_the_copy_does_not_run(bare, tmp_path):
    stack.big_stack(bare, 30, 3)
    serve = bare.serve(clock=True)
    vacuum = serve.do("vacuumorg", orgcode="acme")["vacuum_id"]
    copy_of(bare.store, tmp_path / "old.sqlite")
    serve.do("vacuumcancel", vacuum_id=vacuum)
    until_delivered(bare, 3)
    assert serve.stop() == 0
    put_back(bare, tmp_path / "old.sqlite")
    bare.clock.ahead(400)
    serve = bare.serve(clock=True)
    for _ in range(3):
        assert data(serve.invoke("sweep"))["vacuums_started"] == 0
    held = serve.vacuum(vacuum)
    assert held["status"] == "pending" and held["standing_still"]["seconds"] >= 1
    assert "audit-accept-rollback" in held["standing_still"]["reason"]
    assert metric(serve, "g3nops_vacuum_standing_still_seconds") >= 1
    shown = bare.run("vacuum-status").stdout
    assert "not before" in shown and "stands still" in shown and "starts" not in shown.split("Total")[0].split("stands still")[0]
    assert serve.do("vacuumcancel", vacuum_id=vacuum)["status"] == "cancelled"
    assert "standing_still" not in serve.vacuum(vacuum)
    serve.do("auditacceptrollback", reason="the copy was of before it was cancelled")
    assert data(serve.invoke("sweep"))["vacuums_started"] == 0
    assert serve.vacuum(vacuum)["status"] == "cancelled"


def cancelled_and_put_back(home, tmp_path):
    """A vacuum that was cancelled, but for the store, which is the one of before."""
    stack.big_stack(home, 30, 3)
    serve = home.serve(clock=True)
    vacuum = serve.do("vacuumorg", orgcode="acme")["vacuum_id"]
    until_settled(home)
    copy_of(home.store, tmp_path / "old.sqlite")
    serve.do("vacuumcancel", vacuum_id=vacuum)
    until_settled(home)
    assert serve.stop() == 0
    put_back(home, tmp_path / "old.sqlite")
    home.clock.ahead(400)
    return vacuum


def until_looked(serve):
    for _ in range(3):
        assert data(serve.invoke("sweep"))["vacuums_started"] == 0


@pytest.mark.usefixtures("settable_clock")
@pytest.mark.parametrize("loss", ["streams", "group", "all but the first record"])
def test_nor_does_it_where_the_log_was_lost_as_well(bare, tmp_path, loss):
    vacuum = cancelled_and_put_back(bare, tmp_path)
    group = bare.log_group(AUDIT_GROUP)
    [stream] = group.iterdir()
    if loss == "group":
        shutil.rmtree(group)
    elif loss == "streams":
        stream.unlink()
    else:
        stream.write_text(stream.read_text().splitlines(keepends=True)[0])
    serve = bare.serve(clock=True)
    until_looked(serve)
    held = serve.vacuum(vacuum)
    assert held["status"] == "pending" and "parted from its delivered audit log" in held["standing_still"]["reason"]
    told = stat(serve)
    assert told["status"] == "degraded" and told["audit"]["status"] == "lost" and metric(serve, "g3nops_audit_log_differs") == 1
    assert tag(serve.ask("vacuumall", confirmation_phrase=PHRASE)) == "store-unavailable"
    code, envelope = verify(bare)
    assert code == 1 and "is missing from the delivered log" in words(envelope)
    assert serve.do("vacuumcancel", vacuum_id=vacuum)["status"] == "cancelled"
    accepted = serve.do("auditacceptrollback", reason="the log's disk broke")
    assert accepted["accepted"] is True and accepted["state"] == "lost" and stat(serve)["status"] == "ok"
    until_settled(bare)
    assert serve.stop() == 0
    serve = bare.serve(clock=True)
    until_looked(serve)
    assert stat(serve)["status"] == "ok"
    assert serve.do("vacuumall", confirmation_phrase=PHRASE)["status"] == "pending"


@pytest.mark.usefixtures("settable_clock")
def test_nor_does_it_while_the_log_can_not_be_read(bare, tmp_path):
    vacuum = cancelled_and_put_back(bare, tmp_path)
    group = bare.log_group(AUDIT_GROUP)
    aside = tmp_path / "aside"
    group.rename(aside)
    group.symlink_to(aside)
    serve = bare.serve(clock=True)
    for _ in range(3):
        serve.invoke("sweep")
    held = serve.vacuum(vacuum)
    assert held["status"] == "pending" and "can't be seen" in held["standing_still"]["reason"], held
    told = stat(serve)
    assert told["status"] == "degraded" and told["audit"]["status"] == "unknown" and told["audit"]["reason"]
    assert serve.dry_run()["status"] == "completed"
    group.unlink()
    aside.rename(group)
    until(lambda: stat(serve).get("audit", {}).get("status") in ("behind", "differs"), "it is read")
    until_looked(serve)
    assert serve.do("vacuumcancel", vacuum_id=vacuum)["status"] == "cancelled"


def test_a_store_that_was_removed_is_no_beginning(bare):
    serve = bare.serve()
    serve.schedule()
    until_delivered(bare, 2)
    serve.stop()
    for suffix in ("", "-wal", "-shm"):
        bare.store.with_name(bare.store.name + suffix).unlink(missing_ok=True)
    assert bare.run("secret-set", "--new-secret-code-file", bare.code_file).returncode == 0
    code, envelope = verify(bare)
    assert code == 1 and "Audit record 1 in the store is not the one" in words(envelope)
    serve = bare.serve()
    assert stat(serve)["audit"]["status"] == "differs"


def edit_log(home, change):
    [stream] = home.log_group(AUDIT_GROUP).iterdir()
    lines = stream.read_text().splitlines(keepends=True)
    change(lines)
    stream.write_text("".join(lines))


def replace(lines, index, old, new):
    assert old in lines[index]
    lines[index] = lines[index].replace(old, new)


@pytest.mark.parametrize("change, said", [
    (lambda lines: lines.pop(0), "Audit record 1 is missing from the delivered log"),
    (lambda lines: lines.pop(2), "Audit record 3 is missing from the delivered log"),
    (lambda lines: lines.pop(), "Audit record 4 is missing from the delivered log"),
    (lambda lines: lines.clear(), "Audit record 1 is missing from the delivered log"),
    (lambda lines: replace(lines, 1, "Move to new disks", "Something else"), "Audit record 2 in the store is not the one"),
    (lambda lines: lines.append(lines[-1].replace('"seq":4', '"seq":5')), "Audit record 5 was delivered to the log and is missing"),
], ids=["first", "middle", "last", "all", "altered", "more"])
def test_a_log_that_was_changed_is_found(bare, change, said):
    serve = bare.serve()
    for _ in range(3):
        serve.schedule()
    until_delivered(bare, 4)
    serve.stop()
    edit_log(bare, change)
    code, envelope = verify(bare)
    assert code == 1 and said in words(envelope), envelope


def test_what_waits_and_what_came_twice_is_as_it_should_be(bare):
    serve = bare.serve()
    serve.schedule()
    until_delivered(bare, 2)
    serve.stop()
    edit_log(bare, lambda lines: lines.append(lines[-1]))
    edit_log(bare, lambda lines: lines.append("\n"))  # which says nothing
    edit_log(bare, lambda lines: lines.append('{"actor":"'))  # the beginning of record 3: somebody writes it just now
    new = bare.directory / "new"
    new.write_text("another good code")
    assert bare.operator("secret-set", "--new-secret-code-file", new).returncode == 0
    code, envelope = verify(bare)
    assert code == 0 and data(envelope) == {"verified": True, "records": 3}
    assert "1 wait to be delivered" in bare.run("audit-verify").stdout


NO_OBJECT = "is no audit record: it is not one JSON object"
NO_NUMBER = "is no audit record: it has no record's number"
NOT_OURS = "is no audit record as g3nops writes it"
LONG = "is no audit record: it is longer than any"


@pytest.fixture(scope="module")
def four_template(tmp_path_factory, bare_template):
    """A data directory of which 4 records were delivered."""
    home = copy_home(bare_template, tmp_path_factory.mktemp("four") / "h")
    serve = home.serve()
    for _ in range(3):
        serve.schedule()
    until_settled(home)
    assert serve.stop() == 0 and not home.finish()
    return home.data


@pytest.fixture
def four(make_home, four_template):
    return make_home(four_template)


def forged(line, **members):
    return json.dumps({**json.loads(line), **members}, sort_keys=True, separators=(",", ":")) + "\n"


FORGED = {
    "a number as text": (lambda line: forged(line, seq="3", actor="eve"), NO_NUMBER),
    "half a number": (lambda line: forged(line, seq=3.5, actor="eve"), NO_NUMBER),
    "zero": (lambda line: forged(line, seq=0, actor="eve"), NO_NUMBER),
    "below zero": (lambda line: forged(line, seq=-1, actor="eve"), NO_NUMBER),
    "too large": (lambda line: forged(line, seq=2 ** 63), NO_OBJECT),
    "two numbers": (lambda line: line.replace('"seq":3', '"seq":3,"seq":3'), NO_OBJECT),
    "another letter": (lambda line: line.replace('"seq"', '"Seq"'), NO_NUMBER),
    "in an array": (lambda line: f"[{line.strip()}]\n", NO_OBJECT),
    "two on a line": (lambda line: line.strip() + line, NO_OBJECT),
    "something before it": (lambda line: "x" + line, NO_OBJECT),
    "a member twice": (lambda line: line.replace('"description"', '"description":"EVIL","description"'), NO_OBJECT),
    "blanks": (lambda line: line.replace('"seq":3', '"seq": 3'), NOT_OURS),
    "an escape": (lambda line: line.replace('"seq"', '"\\u0073eq"'), NOT_OURS),
    "CRLF": (lambda line: line.replace("\n", "\r\n"), NOT_OURS),
    "a text": (lambda line: "hello\n", NO_OBJECT),
    "another object": (lambda line: '{"note":"hi"}\n', NO_NUMBER),
    "a long one": (lambda line: forged(line, actor="e" * 3_000_000), LONG),
    "torn, and not come again": (lambda line: '{"actor":"eve","at":\n', NO_OBJECT),
}


@pytest.mark.parametrize("kind", FORGED)
def test_whatever_else_is_in_the_log_is_named(four, kind):
    make, reason = FORGED[kind]
    edit_log(four, lambda lines: lines.insert(3, make(lines[2])))
    [stream] = four.log_group(AUDIT_GROUP).iterdir()
    code, envelope = verify(four)
    assert code == 1 and tag(envelope) == "record-corrupt"
    assert words(envelope).startswith(f"In the delivered log line 4 of {stream.name} {reason}")
    assert envelope["error"]["details"] == {"delivered_log": "differs", "stream": stream.name, "line": 4, "reason": reason,
                                            "records_verified": 4}


def test_a_last_line_without_an_end_is_no_hiding_place(four):
    edit_log(four, lambda lines: lines.append(forged(lines[2], actor="eve").strip()))
    code, envelope = verify(four)
    assert code == 1 and "Audit record 3 in the store is not the one" in words(envelope)
    assert envelope["error"]["details"]["line"] == 5


def test_serve_sees_it_and_an_operator_can_accept_it(four):
    edit_log(four, lambda lines: lines.insert(3, "A note: moved here from the old machine.\n"))
    serve = four.serve()
    until(lambda: serve.events("audit.differs"), "serve has compared them")
    assert stat(serve)["audit"] == {"status": "differs", "first_seq": 0, "store_seq": 4, "log_seq": 0}
    assert "it has lines that are no records" in four.run("stat").stdout
    assert tag(serve.ask("vacuumall", confirmation_phrase=PHRASE)) == "store-unavailable"
    assert serve.do("auditacceptrollback", reason="a note of ours")["log_records"] == 1
    until_settled(four)
    code, envelope = verify(four)
    assert code == 0 and data(envelope)["accepted_breaks"] == [{"seq": 5, "first_seq": 0, "last_seq": 0, "count": 1}]
    assert "no record of the store" in four.run("audit-verify").stdout


def test_a_line_that_a_crash_has_torn_is_passed_over(four):
    edit_log(four, lambda lines: lines.insert(2, lines[2][:100] + "\n"))
    assert verify(four)[0] == 0
    edit_log(four, lambda lines: lines.append(lines[1][:100] + "\n"))  # it was there already
    assert words(verify(four)[1]).startswith("In the delivered log line 6 of")


# ---- the store's own texts ----


def alter(home, old, new):
    """Changes the text of record 3, past the triggers."""
    with closing(sqlite3.connect(home.store)) as db:
        for [name] in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            db.execute(f"DROP TRIGGER {name}")
        [[doc]] = db.execute("SELECT doc FROM records WHERE pk = 'AUDIT' AND sk LIKE '%3'").fetchall()
        assert old in doc
        db.execute("UPDATE records SET doc = ? WHERE pk = 'AUDIT' AND sk LIKE '%3'", (doc.replace(old, new, 1),))
        db.commit()


@pytest.mark.parametrize("old, new, said", [
    ('"description":', '"description":"EVIL","description":', "is not a JSON object with each member once"),
    (',"prev_sha256":', ',"type":"vacuum.cancelled","prev_sha256":', "is not a JSON object with each member once"),
    ('"description":', '"\\u0064escription":"EVIL","description":', "is not a JSON object with each member once"),
    ('"type":', '"type": ', "was altered: its text is not as g3nops writes it"),
    ('"type":', '"\\u0074ype":', "was altered: its text is not as g3nops writes it"),
    ('"seq":3', '"seq":3.0', "Audit record 3 is missing"),
    ('"description":"', '"description":"e', "Audit record 3 was altered"),
], ids=["a false one first", "a false one last", "a false one escaped", "a blank", "an escape", "a fraction", "a letter"])
def test_a_text_of_the_store_that_can_be_read_otherwise_is_found(four, old, new, said):
    alter(four, old, new)
    code, envelope = verify(four)
    assert code == 1 and tag(envelope) == "record-corrupt" and said in words(envelope), envelope
    assert ("AUDIT/000000000003" in words(envelope)) == ("Audit record 3" not in words(envelope))
    assert envelope["error"]["details"]["records_verified"] == 2


def test_a_log_that_can_not_be_read_holds_nothing_but_delivery(bare):
    group = bare.log_group(AUDIT_GROUP)
    group.parent.mkdir(parents=True, exist_ok=True)
    group.write_text("in the way")
    serve = bare.serve()
    until(lambda: serve.events("audit.unread"), "it is told")
    assert serve.do("vacuumall", confirmation_phrase=PHRASE)["status"] == "pending"
    code, envelope = verify(bare)
    assert code == 1 and tag(envelope) == "store-unavailable" and "can't be compared" in words(envelope)


# ---- the other engine ----


def own_rows(account):
    return account.client("dynamodb").scan(TableName=OWN_TABLE, ConsistentRead=True)["Items"]


def key_of(row):
    return {name: row[name] for name in ("pk", "sk")}


def roll_table_back(account, rows):
    dynamodb = account.client("dynamodb")
    kept = [key_of(row) for row in rows]
    for row in own_rows(account):
        if key_of(row) not in kept:
            dynamodb.delete_item(TableName=OWN_TABLE, Key=key_of(row))
    for row in rows:
        dynamodb.put_item(TableName=OWN_TABLE, Item=row)


@on("stub", "moto")
def test_in_aws_it_is_the_same(empty, account):
    serve = empty.serve()
    for _ in range(3):
        serve.schedule()
    until_delivered(empty, 4)
    until(lambda: metric(serve, "g3nops_audit_undelivered") == 0, "the store knows it")
    old = own_rows(account)
    for _ in range(3):
        serve.schedule()
    until_delivered(empty, 7)
    serve.stop()
    assert empty.aws("audit-verify").returncode == 0
    roll_table_back(account, old)
    result = empty.aws("audit-verify")
    assert result.returncode == 1 and "Audit record 5 was delivered to the log and is missing from the store" in result.stderr, result
    serve = empty.serve()
    until(lambda: "audit" in stat(serve), "serve has compared them")
    assert stat(serve)["audit"] == {"status": "behind", "first_seq": 5, "store_seq": 4, "log_seq": 7}
    serve.schedule()
    assert serve.invoke("sweep")["success"] and len(empty.audit_log()) == 7
    assert tag(serve.ask("vacuumall", confirmation_phrase=PHRASE)) == "store-unavailable"
    assert serve.do("auditacceptrollback", reason="restored")["accepted"] is True
    until(lambda: len(empty.audit_log()) == 9, "both are in the log")
    result = empty.aws("audit-verify", "--json")
    assert result.returncode == 0, result
    assert data(json.loads(result.stdout))["accepted_breaks"] == [{"seq": 6, "first_seq": 5, "last_seq": 7, "count": 3}]


@on("stub", "moto")
@pytest.mark.parametrize("kind", [kind for kind in FORGED if kind not in ("a long one", "CRLF")])
def test_in_aws_too_whatever_else_is_in_the_log_is_named(empty, account, kind):
    make, reason = FORGED[kind]
    serve = empty.serve()
    for _ in range(2):
        serve.schedule()
    until_delivered(empty, 3)
    until(lambda: metric(serve, "g3nops_audit_undelivered") == 0, "the store knows it")
    serve.stop()
    text = account.events(AUDIT_GROUP, "g3nops")[2]
    account.client("logs").put_log_events(
        logGroupName=AUDIT_GROUP, logStreamName="g3nops",
        logEvents=[{"timestamp": int(time.time() * 1000), "message": make(text + "\n").rstrip("\n")}])
    result = empty.aws("audit-verify")
    assert result.returncode == 1 and f"In the delivered log event 4 of g3nops {reason}" in result.stderr, result


@on("stub")
def test_in_aws_too_a_log_that_begins_late_is_found(empty, account):
    serve = empty.serve()
    for _ in range(3):
        serve.schedule()
    until_delivered(empty, 4)
    serve.stop()
    logs = account.client("logs")
    texts = account.events(AUDIT_GROUP, "g3nops")
    logs.delete_log_stream(logGroupName=AUDIT_GROUP, logStreamName="g3nops")
    logs.create_log_stream(logGroupName=AUDIT_GROUP, logStreamName="g3nops")
    logs.put_log_events(logGroupName=AUDIT_GROUP, logStreamName="g3nops",
                        logEvents=[{"timestamp": int(time.time() * 1000), "message": text} for text in texts[2:]])
    result = empty.aws("audit-verify")
    assert result.returncode == 1 and "Audit record 1 is missing from the delivered log" in result.stderr, result
