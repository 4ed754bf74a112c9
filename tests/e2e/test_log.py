"""What serve says on standard error: a line an event, in each format, and nothing that must not be there."""

import json
import os
import pty
import re
import signal
import socket
import sqlite3
import subprocess
import time
from contextlib import closing
from random import Random

import pytest

import stack
from g3nops import CODE, PROGRAM, base_environment, instant, logfmt, until

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
EVIL = 'two\nlines "quoted" = \\ \t\x1b[2J\u202e\u2028\ufeff\U000e0041'
ULID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")


def until_event(serve, *names, count=1):
    until(lambda: len(serve.events(*names)) >= count, f"{names} in the log")
    return serve.events(*names)


# ---- the audit trail, and the states of serve ----


@pytest.mark.usefixtures("settable_clock")
def test_every_audit_record_that_serve_writes_has_its_line(bare):
    stack.big_stack(bare, 20, 2)
    serve = bare.serve(clock=True)
    window = serve.schedule(actor="olga", reason="why not")["maintenance_id"]
    serve.do("maintenancestart", maintenance_id=window)
    serve.do("maintenanceupdate", text=EVIL)
    serve.do("maintenanceend", end_message="done")
    serve.invoke("maintenanceend", secret_code="a wrong one")
    serve.dry_run("vacuumorg", orgcode="acme")
    cancelled = serve.do("vacuumorg", orgcode="acme")["vacuum_id"]
    serve.do("vacuumcancel", vacuum_id=cancelled)
    vacuum = serve.do("vacuumorg", orgcode="acme", actor="olga", reason=EVIL)["vacuum_id"]
    bare.clock.ahead(301)
    ended = serve.vacuum_ended(vacuum)
    records = serve.audit()[1:]  # the first is secret-set's, which is another process
    until(lambda: len([event for event in serve.events() if "seq" in event]) >= len(records), "all have their lines")
    lines = [event for event in serve.events() if "seq" in event]
    assert len(lines) == len(records) == 12
    for line, record in zip(lines, records):
        assert TIME.fullmatch(line["time"]) and line["event"] == record["type"], line
        assert line["seq"] == str(record["seq"]) and line["sha256"] == record["sha256"]
        for name in ("maintenance_id", "vacuum_id", "actor", "reason"):
            assert line.get(name) == record.get(name), (name, line)
    by_request = [line for line in lines if line["event"].startswith(("maintenance.", "vacuum.requested", "vacuum.cancelled"))]
    assert all(ULID.fullmatch(line["request_id"]) for line in by_request)
    assert len({line["request_id"] for line in by_request}) == len(by_request)
    [completed] = [line for line in lines if line["event"] == "vacuum.completed" and line["vacuum_id"] == vacuum]
    assert completed["totals_deleted"] == str(ended["totals"]["deleted"]) != "0" and completed["orgcode"] == "acme"
    assert "request_id" not in completed, "nobody asked for it just then"
    [wrong] = serve.events("secret.mismatch")
    assert wrong["level"] == "warn" and wrong["peer_uid"] == str(os.getuid()) and wrong["operation"] == "ops_maintenanceend"
    assert CODE not in serve.stderr() and "a wrong one" not in serve.stderr()


def test_serve_says_what_becomes_of_it(bare):
    serve = bare.serve()
    assert serve.stderr().startswith("ready http=http://127.0.0.1:")
    [started] = until_event(serve, "serve.started")
    assert started["engine"] == "local" and started["data"] == str(bare.data) and started["pid"] == str(serve.pid)
    serve.process.send_signal(signal.SIGHUP)
    until_event(serve, "reload.manifest")
    assert serve.stop() == 0
    assert [event["event"] for event in serve.events()] == ["serve.started", "reload.manifest", "serve.stopping", "serve.stopped"]
    assert "SIGTERM" in serve.events("serve.stopping")[0]["msg"]


def test_a_store_in_trouble_is_told_once_and_so_is_its_end(bare):
    serve = bare.serve()
    with closing(sqlite3.connect(bare.store, timeout=30)) as db:
        db.execute("INSERT INTO records VALUES ('MAINTENANCE#open', 'x', '[1]')")
        db.commit()
        [trouble] = until_event(serve, "store.trouble")
        assert trouble["level"] == "error" and trouble["error"] == "record-corrupt" and "ops.sqlite" in trouble["msg"]
        for _ in range(3):
            serve.invoke("sweep")
        db.execute("DELETE FROM records WHERE sk = 'x'")
        db.commit()
    until_event(serve, "store.recovered")
    assert len(serve.events("store.trouble")) == 1
    assert [event["event"] for event in serve.events()].count("store.recovered") == 1


def test_a_log_group_in_trouble_is_told_and_its_end(bare):
    group = bare.log_group("/g3nretailstack/ops/maintenance-audit")
    group.parent.mkdir(parents=True, exist_ok=True)
    group.write_text("in the way")
    serve = bare.serve()
    [trouble] = until_event(serve, "audit.trouble")
    assert "maintenance-audit" in trouble["msg"]
    group.unlink()
    until_event(serve, "audit.recovered")


def test_what_is_our_own_fault_is_told_with_the_request(bare):
    serve = bare.serve()
    window = serve.schedule()["maintenance_id"]
    with closing(sqlite3.connect(bare.store, timeout=30)) as db:
        db.execute("UPDATE records SET doc = '[]' WHERE pk = 'MAINTENANCE' AND sk = ?", (window,))
        db.commit()
    envelope = serve.ask("maintenancestart", maintenance_id=window)
    assert envelope["error"]["minor"]["tag"] == "internal-error"
    [told] = until_event(serve, "request.failed")
    assert told["level"] == "error" and told["request_id"] == envelope["stats"]["request_id"]
    assert told["call"] == "ops_maintenancestart" and told["error"] == "record-corrupt"


# ---- formats, levels, requests ----


def hostile_requests(serve):
    serve.schedule(description=EVIL, reason=EVIL)
    for path in ("/ops/ping?x-session-guid=sesame-open", "/%0aevent=forged%20level=error"):
        serve.http("GET", path)
    for target in (b"http://user:sesame-open@host/ops/ping", b"ftp://user:sesame-open@host/", b"*", b"/\xc3\xa4\xff"):
        with socket.create_connection(("127.0.0.1", serve.http_port)) as raw:
            raw.sendall(b"OPTIONS " + target + b" HTTP/1.1\r\nHost: x\r\nX-Session-Guid: sesame-open\r\nConnection: close\r\n\r\n")
            while raw.recv(4096):
                pass
    serve.http("POST", "/ops/maintenance/list", json_body={"session_guid": "sesame-open"})


@pytest.mark.parametrize("form", ["logfmt", "json", "text"])
def test_in_each_format_an_event_is_a_line(bare, form):
    serve = bare.serve("--log-format", form, "--access-log")
    hostile_requests(serve)
    assert serve.stop() == 0
    text = serve.log.read_bytes().decode()
    first, *lines = text.split("\n")
    assert lines.pop() == "" and first.startswith("ready http=") and len(first.split(" ")) == 3
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u2028\u202e\ufeff\U000e0041]", text)
    assert "sesame-open" not in text and CODE not in text
    if form == "text":
        assert all(re.match(r"\S+Z (info |warn |error) [a-z._]+[: ]", line) and TIME.match(line) for line in lines), lines
        events = [line.split()[2].rstrip(":") for line in lines]
    else:
        read = [logfmt(line) if form == "logfmt" else json.loads(line) for line in lines]
        assert all(TIME.fullmatch(line["time"]) and line["level"] in ("info", "warn", "error") for line in read)
        events = [line["event"] for line in read]
        [scheduled] = [line for line in read if line["event"] == "maintenance.scheduled"]
        assert scheduled["reason"] == scheduled["description"] == EVIL
        assert isinstance(scheduled["seq"], int if form == "json" else str)
    assert events.count("maintenance.scheduled") == 1 and events[-1] == "serve.stopped" and "forged" not in events
    assert events.count("request.answered") >= 7


def test_on_a_terminal_it_is_text(bare):
    ours, theirs = pty.openpty()
    process = subprocess.Popen([PROGRAM, "serve", "--data", str(bare.data), "--http-listen", "127.0.0.1:0"],
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=theirs, env=base_environment())
    os.close(theirs)
    text = b""
    while b"serve.started" not in text:
        text += os.read(ours, 4096)
    process.send_signal(signal.SIGTERM)
    assert process.wait(15) == 0
    os.close(ours)
    ready, started = text.decode().splitlines()[:2]
    assert ready.startswith("ready http=") and re.match(r"\S+Z info  serve\.started ", started)


@pytest.mark.parametrize("level, seen", [("error", set()), ("warn", {"secret.mismatch"}),
                                         ("info", {"secret.mismatch", "maintenance.scheduled", "serve.started"})])
def test_lines_below_the_level_are_left_out(bare, level, seen):
    serve = bare.serve("--log-level", level)
    serve.schedule()
    serve.invoke("maintenanceend", secret_code="a wrong one")
    assert serve.stop() == 0
    assert serve.stderr().startswith("ready ")
    assert {event["event"] for event in serve.events()} & {"secret.mismatch", "maintenance.scheduled", "serve.started"} == seen


def test_who_wants_to_see_everything_does(bare):
    serve = bare.serve("--log-level", "debug")
    serve.schedule()
    refused = serve.ask("maintenanceend")
    until_event(serve, "audit.delivered")
    [told] = until_event(serve, "request.refused")
    assert told["level"] == "debug" and told["error"] == "no-active-maintenance" and told["call"] == "ops_maintenanceend"
    assert told["request_id"] == refused["stats"]["request_id"]


SECRETS = "Quixotic-Zebra wAltz", "Zyxwv-Qponm-Lkjih"  # no hash, id or sentence has any of it by chance
DAMAGE = b'{}[]:,"\\\\u/0129eE+-. \n\t\x01\x7f\xc3\xffabntf'


def damaged(random, body):
    """One to four bytes changed, left out or put in, or the end cut off."""
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(body))
        byte = bytes([random.choice(DAMAGE)])
        body = random.choice([body[:at] + byte + body[at + 1:], body[:at] + byte + body[at:], body[:at] + body[at + 1:],
                              body[:-1]])
    return body


def test_nothing_of_a_code_or_a_session_is_said_whatever_damages_a_request(bare):
    """Four characters in a row of either are in no answer, no line and no record. A code that stands where a field's name
    is to be is no code any more: there is none among these."""
    serve = bare.serve("--log-level", "debug", "--access-log")
    random, answers = Random(20261130), []
    code, session = SECRETS
    bodies = [('{"secret_code":"%s\\q"}' % code).encode(), ('{"actor":"olga","secret_code":"%s\\ud800"}' % code).encode()]
    bodies += [damaged(random, ('{"actor":"olga","secret_code":"%s","reason":"why not"}' % code).encode()) for _ in range(300)]
    for body in bodies:
        answers.append(serve.invoke_raw("ops_maintenanceend", body).body)
    reads = [('{"session_guid":"%s\\q"}' % session).encode()]
    reads += [damaged(random, ('{"limit":3,"session_guid":"%s"}' % session).encode()) for _ in range(300)]
    for body in reads:
        answers.append(serve.http("POST", "/ops/maintenance/list", body=body, headers={"Content-Type": "application/json"}).body)
    until_event(serve, "request.answered", count=len(bodies) + len(reads))
    assert len(until_event(serve, "request.refused")) > 300
    said = b"\n".join(answers) + serve.stderr().encode() + json.dumps(serve.audit()).encode()
    for secret in (code, session):
        parts = {secret[at:at + 4].encode() for at in range(len(secret) - 3)}
        assert not [part for part in parts if part in said]


def test_what_is_wrong_with_json_is_said_with_its_place(bare):
    serve = bare.serve("--log-level", "debug")
    answer = serve.invoke_raw("ops_maintenanceend", b'{"secret_code": "correct-horse\\qbattery"}')
    assert b"at line 1, column 32: a backslash begins no escape." in answer.body, answer.body
    refused = serve.http("POST", "/ops/maintenance/list", body=b'{"session_guid":\n"x\x01"}',
                         headers={"Content-Type": "application/json"})
    assert b"at line 2, column 2: a text has a control character" in refused.body, refused.body


def test_a_value_that_looks_like_blanks_is_quoted(bare):
    serve = bare.serve()
    serve.schedule(actor="a\u2800b", reason="gr\u00fc\u00df")
    [told] = until_event(serve, "maintenance.scheduled")
    [line] = [line for line in serve.stderr().splitlines() if "event=maintenance.scheduled" in line]
    assert 'actor="a\u2800b"' in line and 'reason="gr\u00fc\u00df"' in line and told["actor"] == "a\u2800b"


def test_without_being_asked_for_requests_are_not_there(bare):
    serve = bare.serve()
    serve.ping()
    assert serve.stop() == 0
    assert serve.events("request.answered") == []


def test_the_access_log_has_one_line_a_request(bare):
    serve = bare.serve("--access-log")
    answers = [serve.http("GET", "/ops/ping"), serve.http("GET", "/ops/maintenance/list?limit=3"), serve.http("GET", "/no/where"),
               serve.http("PUT", "/ops/ping"), serve.http("GET", "/metrics")]
    envelope = serve.ask("maintenanceend")
    lines = until_event(serve, "request.answered", count=6)
    assert [(line["surface"], line["method"], line["path"], line["status"]) for line in lines] == [
        ("http", "GET", "/ops/ping", "200"), ("http", "GET", "/ops/maintenance/list", "401"), ("http", "GET", "/no/where", "404"),
        ("http", "PUT", "/ops/ping", "405"), ("http", "GET", "/metrics", "200"),
        ("invoke", "POST", "/2015-03-31/functions/ops_maintenanceend/invocations", "200")]
    for line, answer in zip(lines[:4], answers):
        assert line["request_id"] == answer.envelope["stats"]["request_id"] and line["peer"] == "127.0.0.1"
    assert "request_id" not in lines[4]
    assert lines[5]["request_id"] == envelope["stats"]["request_id"] and lines[5]["result"] == "no-active-maintenance"
    assert lines[5]["peer"] == f"uid {os.getuid()}, pid {os.getpid()}"
    assert all(int(line["duration_us"]) >= 0 for line in lines)


@pytest.mark.parametrize("flag, value", [("--log-format", "xml"), ("--log-level", "loud")])
def test_another_format_or_level_is_refused_by_name(bare, flag, value):
    code, said = bare.serve_refused(flag, value)
    assert code == 2 and flag in said


# ---- readers ----


def test_for_the_journal_lines_have_priorities(bare):
    """journald takes the socket's other end; here it is us."""
    ours, theirs = socket.socketpair()
    found = os.fstat(theirs.fileno())
    environment = base_environment() | {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}
    process = subprocess.Popen([PROGRAM, "serve", "--data", str(bare.data), "--http-listen", "127.0.0.1:0"],
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=theirs, env=environment)
    theirs.close()
    text = b""
    while b"serve.started" not in text:
        text += ours.recv(4096)
    process.send_signal(signal.SIGTERM)
    while piece := ours.recv(4096):
        text += piece
    assert process.wait(15) == 0
    ours.close()
    ready, *lines = text.decode().splitlines()
    assert ready.startswith("ready http=")
    assert lines and all(re.match(r"<6>time=", line) for line in lines)


def test_another_files_journal_is_none(bare):
    serve = bare.serve(env={"JOURNAL_STREAM": "1:2"})
    until_event(serve, "serve.started")
    assert "<" not in serve.stderr()


def test_a_pipe_that_nobody_reads_holds_nothing_up(bare):
    """It is full after some tens of kilobytes; then requests go on, and the end is no later than ever."""
    read, write = os.pipe()
    process = subprocess.Popen([PROGRAM, "serve", "--data", str(bare.data), "--http-listen", "127.0.0.1:0", "--access-log"],
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=write, env=base_environment())
    os.close(write)
    text = b""
    while b"\n" not in text:
        text += os.read(read, 4096)
    port = int(re.match(rb"ready http=http://127\.0\.0\.1:(\d+) ", text)[1])
    with socket.create_connection(("127.0.0.1", port)) as connection:
        stream = connection.makefile("rb")
        for _ in range(12000):  # more lines than pipe and queue together hold
            connection.sendall(b"GET /ops/ping HTTP/1.1\r\nHost: x\r\n\r\n")
            assert stream.readline().startswith(b"HTTP/1.1 200")
            length = 0
            while (line := stream.readline()) != b"\r\n":
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            stream.read(length)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    os.close(read)


def test_a_reader_that_went_away_does_no_harm(bare):
    read, write = os.pipe()
    process = subprocess.Popen([PROGRAM, "serve", "--data", str(bare.data), "--http-listen", "127.0.0.1:0"],
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=write, env=base_environment())
    os.close(write)
    until(lambda: (bare.data / "serve.json").exists(), "serve is up")
    os.close(read)
    for _ in range(3):
        result = bare.operator("maintenance-schedule", "--description", "x", "--duration", 600, "--start", instant(600))
        assert result.returncode == 0, result
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.wait(15) == 0


def test_lines_go_to_a_full_disk_without_harm(bare):
    with open("/dev/full", "wb") as full:
        process = subprocess.Popen([PROGRAM, "serve", "--data", str(bare.data), "--http-listen", "127.0.0.1:0"],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=full, env=base_environment())
    until(lambda: (bare.data / "serve.json").exists(), "serve is up")
    assert bare.operator("maintenance-schedule", "--description", "x", "--duration", 600, "--start", instant(600)).returncode == 0
    time.sleep(0.2)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.wait(15) == 0
