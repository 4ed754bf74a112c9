"""Who may read: sessions of the embedded engine, and USM behind --usm-url."""

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import stack
from g3nops import until

LIST = "/ops/maintenance/list"


def read(serve, guid, path=LIST):
    return serve.http("GET", path, headers={"x-session-guid": guid} if guid is not None else {})


def refused(answer):
    return answer.status, answer.tag


@pytest.fixture
def served(sample):
    return sample.serve()


def test_a_session_reads_by_header_or_body_and_the_header_wins(served):
    guid = served.home.session()
    assert read(served, guid).status == 200
    assert served.http("POST", LIST, json_body={"session_guid": guid}).status == 200
    both = served.http("POST", LIST, json_body={"session_guid": "nobody"}, headers={"x-session-guid": guid})
    assert both.status == 200
    both = served.http("POST", LIST, json_body={"session_guid": guid}, headers={"x-session-guid": "nobody"})
    assert refused(both) == (401, "session-invalid")


@pytest.mark.parametrize("guid, wanted", [
    (None, "session-required"), ("", "session-required"), ("nobody", "session-invalid"), ("' OR 1=1 --", "session-invalid"),
    ("x" * 5000, "session-invalid"), ("%", "session-invalid"), ("caf\u00e9", "session-invalid"),
])
def test_without_a_session_that_counts_nothing_is_read(served, guid, wanted):
    assert refused(read(served, guid)) == (401, wanted)


def test_a_guid_in_other_case_is_another_guid(served):
    guid = served.home.session()
    assert refused(read(served, guid.upper())) == (401, "session-invalid")


@pytest.mark.usefixtures("settable_clock")
def test_an_expired_session_does_not_count(sample):
    serve = sample.serve(clock=True)
    guid = sample.session(ttl=1000)
    assert read(serve, guid).status == 200
    sample.clock.ahead(1001)
    assert refused(read(serve, guid)) == (401, "session-invalid")


def change(home, table, pattern, **members):
    sets = ", ".join(f"'$.{name}', ?" for name in members)
    stack.query(home.table(table), f"UPDATE items SET body = json_set(body, {sets}) WHERE pk LIKE ?",
                [*members.values(), pattern])


def test_a_session_or_user_that_is_not_active_does_not_count(served):
    home = served.home
    guid = home.session("carol")
    assert read(served, guid).status == 200
    change(home, "uas_users", "%carol", status="disabled")
    assert refused(read(served, guid)) == (401, "session-invalid")
    change(home, "uas_users", "%carol", status="active")
    assert read(served, guid).status == 200
    change(home, "usm_sessions", "SESSION%", status="revoked")
    assert refused(read(served, guid)) == (401, "session-invalid")


def test_a_session_of_a_user_who_is_gone_does_not_count(served):
    guid = served.home.session("dave")
    stack.query(served.home.table("uas_users"), "DELETE FROM items WHERE pk LIKE '%dave'")
    assert refused(read(served, guid)) == (401, "session-invalid")


@pytest.mark.parametrize("table", ["usm_sessions", "uas_users"])
@pytest.mark.parametrize("harm", ["missing", "garbage"])
def test_a_table_that_can_not_be_read_is_503_and_never_a_pass(served, table, harm):
    home = served.home
    guid = home.session("erin")
    path = home.table(table)
    if harm == "missing":
        path.rename(path.with_suffix(".away"))
    else:
        path.write_bytes(b"this is no database" * 1000)
    assert refused(read(served, guid)) == (503, "session-store-unavailable")
    assert served.http("GET", "/ops/ping").status == 200


def test_a_body_that_is_not_json_in_the_sessions_table_is_503(served):
    guid = served.home.session("frank")
    stack.query(served.home.table("usm_sessions"), "UPDATE items SET body = 'x' WHERE pk LIKE 'SESSION%'")
    assert refused(read(served, guid)) == (503, "session-store-unavailable")


def test_a_session_that_the_vacuum_deleted_does_not_count(served):
    guid = served.home.session("grace")
    stack.query(served.home.table("usm_sessions"), "DELETE FROM items WHERE pk LIKE 'SESSION%'")
    assert refused(read(served, guid)) == (401, "session-invalid")


def test_without_sessions_in_the_manifest_gated_routes_say_so(bare):
    stack.write_manifest(bare, [])
    serve = bare.serve()
    assert refused(read(serve, "some-guid")) == (503, "session-store-unavailable")


# ---- USM ----

class Usm:
    """A USM whose answer the test decides: (status, body) or a function of the request's body."""

    def __init__(self):
        usm = self
        self.reply = (200, b"{}")
        self.asked = []
        self.release = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                usm.asked.append((self.path, body))
                if usm.reply == "silence":
                    usm.release.wait(60)
                    return
                status, answer = usm.reply
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/usm"

    def stop(self):
        self.release.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def usm():
    usm = Usm()
    yield usm
    usm.stop()


def envelope(data):
    return json.dumps({"success": True, "data": data}).encode()


VALID = {"valid": True, "user_id": "heidi", "orgcode": "acme", "cccode": "cc1"}
GUID = "0f0e0d0c-0b0a-4908-8706-050403020100"


def test_usm_is_asked_with_the_guid_and_its_yes_is_a_pass(bare, usm):
    usm.reply = (200, envelope(VALID))
    answer = read(bare.serve("--usm-url", usm.url), GUID)
    assert answer.status == 200, answer
    path, body = usm.asked[0]
    assert path == "/usm/session/validate" and json.loads(body) == {"session_guid": GUID}
    assert GUID.encode() not in answer.body


@pytest.mark.parametrize("reply", [
    (401, b'{"success": false, "error": {"minor": {"tag": "session-invalid"}}}'),
    (200, envelope(VALID | {"valid": False})),
    (409, b'{"success": false, "error": {"major": {"tag": "conflict"}, "minor": {"tag": "session-doomed"}}}'),
    (410, b'{"success": false, "error": {"major": {"tag": "gone"}, "minor": {"tag": "ttl-expired"}}}'),
], ids=["401", "valid: false", "session-doomed", "ttl-expired"])
def test_a_no_of_usm_is_401(bare, usm, reply):
    usm.reply = reply
    assert refused(read(bare.serve("--usm-url", usm.url), GUID)) == (401, "session-invalid")


@pytest.mark.parametrize("reply", [
    (500, b"{}"), (503, b'{"success": false}'), (200, b"<html>"), (200, b""), (200, b"[]"), (200, b"{}"),
    (200, b"x" * (4 << 20)), (302, b""), (204, b""), (200, envelope({"valid": "yes"})),
    (200, envelope({"valid": None})), (200, envelope({"status": 1})),
], ids=["500", "503", "html", "empty", "array", "no success", "huge", "302", "204", "valid of another type",
        "valid null", "status of another type"])
def test_an_answer_of_usm_that_is_neither_yes_nor_no_is_503(bare, usm, reply):
    usm.reply = reply
    assert refused(read(bare.serve("--usm-url", usm.url), GUID)) == (503, "session-store-unavailable")


def test_a_usm_that_is_not_there_is_503(bare):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        serve = bare.serve("--usm-url", f"http://127.0.0.1:{taken.getsockname()[1]}")
        assert refused(read(serve, GUID)) == (503, "session-store-unavailable")


def test_a_usm_that_does_not_answer_is_503_and_holds_up_nobody_else(bare, usm):
    usm.reply = "silence"
    serve = bare.serve("--usm-url", usm.url)
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(read(serve, GUID)))
    waiting.start()
    until(lambda: usm.asked, "USM is asked")
    assert not answers
    assert serve.ping()["status"] == "ok"
    waiting.join(30)
    assert answers and refused(answers[0]) == (503, "session-store-unavailable")
