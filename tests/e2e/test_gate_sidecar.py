"""The gate's sidecar, 'g3nops gate', beside the real service: what it answers, what it counts, and whom it believes."""

import http.client
import http.server
import json
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

from aws_home import account, empty, make_aws, on  # noqa: F401 (fixtures)
from g3nops import DEADLINE_SECONDS, PROGRAM, ROOT, Answer, base_environment, instant, until
from gates import (BROWSER, KNOWLEDGE_SECONDS, Process, ask, check_page, check_refusal, check_refusal_headers, end_window,
                   free_port, make_sidecar, module_world, needs, seconds_left, start_window)  # noqa: F401 (fixtures)
from stub import stub, stub_process  # noqa: F401 (fixtures)

HEALTH_PATHS = "/healthz,/static/*"
SOON = ("--refresh-ms", "1000")


@pytest.fixture(scope="module")
def closed(tmp_path_factory, bare_template):
    flags = ("--health-paths", HEALTH_PATHS, "--service", "pvm")
    yield from module_world(tmp_path_factory, bare_template, "closed", True, *flags)


@pytest.fixture(scope="module")
def opened(tmp_path_factory, bare_template):
    yield from module_world(tmp_path_factory, bare_template, "opened", False)


# ---- answers ----


def test_an_open_gate_says_so_and_nothing_else(opened):
    for method in ("GET", "HEAD", "POST", "DELETE"):
        answer = opened.sidecar.get(method=method)
        assert (answer.status, answer.body) == (204, b"")
        assert answer.headers.get_all("Cache-Control") == ["no-store"]
        assert "x-ops-maintenance" not in answer.headers and "Retry-After" not in answer.headers


@pytest.mark.parametrize("path, status", [
    ("/gate/ok", 200), ("/gate/ok/", 200), ("/gate/ok/orders/7?x=1", 200), ("/gate/ok/gate/deny", 200), ("/gate/deny", 204),
    ("/healthz", 200), ("/gate/answer", 503)])
def test_an_open_gate_answers_each_proxy_in_its_own_way(opened, path, status):
    assert opened.sidecar.get(path).status == status


def test_the_ready_503_is_one_also_when_the_window_has_just_ended(opened):
    answer = opened.sidecar.get("/gate/answer")
    assert answer.status == 503 and int(answer.headers["Retry-After"]) >= 20
    error = json.loads(answer.body)["error"]
    assert error["minor"]["tag"] == "maintenance-mode" and "details" not in error


@pytest.mark.parametrize("path, status", [
    ("/gate", 503), ("/gate/ok", 403), ("/gate/ok/orders/7?x=1", 403), ("/gate/deny", 403), ("/gate/answer", 503),
    ("/gate/answer/orders/7?x=1", 503), ("http://gate.internal:9180/gate", 503), ("http://x/gate/ok/orders?x=1", 403)])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PROPFIND"])
def test_a_closed_gate_says_why_until_when_and_in_whose_name(closed, path, status, method):
    envelope = check_refusal(closed.sidecar.get(path, method), closed.window, status)
    assert envelope["stats"]["service"] == "pvm" and envelope["stats"]["request_id"]


def test_a_head_request_gets_the_same_headers_and_no_body(closed):
    answer = closed.sidecar.get(method="HEAD")
    check_refusal_headers(answer, closed.window)
    assert (answer.status, answer.body) == (503, b"") and int(answer.headers["Content-Length"]) > 100


def test_a_request_with_a_body_is_answered_too(closed):
    for body in (b"x", b"x" * (2 << 20)):
        check_refusal(closed.sidecar.get(method="POST", body=body), closed.window)


def test_bodies_that_nobody_reads_take_no_memory(opened):
    """Callers' bodies come along with what some proxies ask."""
    def resident_kib():
        status = Path(f"/proc/{opened.sidecar.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1])

    before = resident_kib()
    body = b"x" * (900 << 10)
    waiting = []
    for number in range(64):
        connection = socket.create_connection(("127.0.0.1", opened.sidecar.port), 30)
        head = (f"Content-Length: {len(body) + 1}", "Transfer-Encoding: chunked")[number % 2]
        begin = body if number % 2 == 0 else b"%x\r\n%s" % (len(body) + 1, body)
        connection.sendall(f"POST /gate HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n".encode() + begin)
        waiting.append(connection)
    assert opened.sidecar.get().status == 204
    grown = resident_kib() - before
    for number, connection in enumerate(waiting):
        connection.sendall(b"x" if number % 2 == 0 else b"x\r\n0\r\n\r\n")
        assert connection.recv(64).startswith(b"HTTP/1.1 204 ")
        connection.close()
    assert grown < 16 << 10, f"{grown} KiB"


def test_one_connection_serves_many_requests(closed):
    connection = closed.sidecar.connect()
    for _ in range(3):
        for path, status in (("/gate", 503), ("/gate/deny", 403), ("/healthz", 200), ("/nowhere", 404)):
            connection.request("GET", path)
            assert Answer(connection.getresponse()).status == status
    connection.close()


@pytest.mark.parametrize("accept", [
    BROWSER, "text/html", "text/html;q=0.9, application/json;q=0.8", "TEXT/HTML", "application/json;q=0.5, text/html"])
def test_who_prefers_html_gets_a_page(closed, accept):
    for path in ("/gate", "/gate/answer"):
        page = check_page(closed.sidecar.get(path, headers={"Accept": accept}), closed.window)
        assert closed.window["description"] in page


@pytest.mark.parametrize("accept", [
    None, "*/*", "application/json", "application/json, text/html;q=0.9", "text/html;q=0, application/json", "image/*",
    ",;q=,", "text/html;q=x", "a" * 4000])
def test_everybody_else_gets_json(closed, accept):
    check_refusal(closed.sidecar.get(headers={"Accept": accept} if accept else {}), closed.window)

# ---- heads that can't be taken ----


def raw(port, head):
    """The whole of what comes back until the connection's end, as (status, headers, body)."""
    with socket.create_connection(("127.0.0.1", port), DEADLINE_SECONDS) as connection:
        try:
            connection.sendall(head)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it was answered in the midst of it
        answer = b""
        while part := connection.recv(65536):
            answer += part
    top, _, body = answer.partition(b"\r\n\r\n")
    lines = top.decode().split("\r\n")
    assert lines[0].startswith("HTTP/1.1 "), answer[:200]
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
    return int(lines[0].split(" ")[1]), headers, body


def get(path, *lines, version="1.1", method="GET", end="\r\n\r\n"):
    return "\r\n".join([f"{method} {path} HTTP/{version}", "Host: x", *lines]).encode("latin-1") + end.encode()


LONG = "a" * (200 << 10)
HEADS_TO_REFUSE = {
    "a long Accept": lambda path: get(path, f"Accept: {LONG}"),
    "a long cookie": lambda path: get(path, f"Cookie: {LONG}"),
    "many cookies": lambda path: get(path, "Cookie: " + "a=b; " * 9000),
    "many headers": lambda path: get(path, *(f"X-{number}: y" for number in range(9000))),
    "a long X-Forwarded-For": lambda path: get(path, f"X-Forwarded-For: {LONG}"),
    "a long X-Forwarded-Uri": lambda path: get(path, f"X-Forwarded-Uri: /{LONG}"),
    "a long X-Original-Method": lambda path: get(path, f"X-Original-Method: {LONG}"),
    "a long query": lambda path: get(f"{path}?{LONG[:97_000]}"),
    "a long name": lambda path: get(path, f"{LONG}: x"),
    "megabytes": lambda path: get(path, f"Accept: {LONG * 5}"),
    "no end": lambda path: get(path, f"Accept: {LONG}", end=""),
    "a control character": lambda path: get(path, "Accept: \x01"),
    "a NUL": lambda path: get(path, "Accept: a\0b"),
    "a CR": lambda path: get(path, "Accept: a\rb"),
    "a LF alone": lambda path: get(path, "Accept: a\nX: y"),
    "a line that goes on": lambda path: get(path, "Accept: a\r\n b"),
    "no colon": lambda path: get(path, "Accept"),
    "no colon in a later line": lambda path: get(path, "X: y", "Accept"),
    "a blank before the colon": lambda path: get(path, "Accept : a"),
    "two hosts": lambda path: get(path, "Host: y"),
    "another host": lambda path: get(f"http://y{path}"),
    "a length that is none": lambda path: get(path, "Content-Length: +2"),
    "two lengths in one": lambda path: get(path, "Content-Length: 2, 2"),
    "a huge length": lambda path: get(path, "Content-Length: 99999999999999999999999"),
    "a coding that is none": lambda path: get(path, "Transfer-Encoding: gzip"),
    "chunks that are none": lambda path: get(path, "Transfer-Encoding: chunked") + b"zz\r\n",
    "two of what was asked": lambda path: get(path, "X-Original-URI: /healthz", "X-Original-URI: /orders"),
    "an OPTIONS that can be read in two ways": lambda path: get(path, "X-Original-Method: OPTIONS",
                                                                "X-Original-Method: GET"),
    "a control character beside a health path": lambda path: get(path, "X-Original-URI: /healthz", "Accept: \x01"),
    "HTTP/1.0": lambda path: get(path, "Accept: \x01", version="1.0"),
    "OPTIONS": lambda path: get(path, "Accept: \x01", method="OPTIONS"),
}


@pytest.mark.parametrize("path, passes, blocked", [("/gate", 204, 503), ("/gate/ok", 200, 403), ("/gate/deny", 204, 403),
                                                   ("/gate/ok/orders", 200, 403), ("/gate/answer", 503, 503)])
@pytest.mark.parametrize("name", HEADS_TO_REFUSE)
def test_a_head_that_can_not_be_taken_is_answered_as_the_gate_stands(closed, opened, name, path, passes, blocked):
    """To a proxy any other answer is none, and what it asks for would pass: one client's doing."""
    head = HEADS_TO_REFUSE[name](path)
    for world, status in ((closed, blocked), (opened, passes)):
        got, headers, body = raw(world.sidecar.port, head)
        assert got == status, (got, headers, body[:200])
        assert headers["connection"].lower() == "close"
        assert len(body) == int(headers.get("content-length", 0)), body
    assert headers.get("content-type") == (None if path != "/gate/answer" else headers["content-type"])


@pytest.mark.parametrize("name", ["a long Accept", "a control character", "a length that is none"])
def test_its_answer_is_the_whole_of_the_ready_one(closed, name):
    got, headers, body = raw(closed.sidecar.port, HEADS_TO_REFUSE[name]("/gate"))
    assert got == 503 and headers["x-ops-maintenance"] == closed.window["maintenance_id"]
    assert int(headers["retry-after"]) >= 20 and headers["cache-control"] == "no-store" and headers["date"]
    assert json.loads(body)["error"]["details"]["description"] == closed.window["description"]


@pytest.mark.parametrize("length", [*range(14000, 17500, 250), 40 << 10, 60 << 10, *range(88 << 10, 100 << 10, 512)])
def test_no_length_of_a_head_goes_unanswered(closed, opened, length):
    """Least of all one that just fits, and leaves no room for the answer."""
    for name in ("Accept", "Cookie", "X-Forwarded-Host"):
        head = get("/gate/deny", f"{name}: {'a' * length}", "Connection: close")
        assert [raw(world.sidecar.port, head)[0] for world in (closed, opened)] == [403, 204], name


def test_a_request_line_without_end_gets_what_every_proxy_takes_for_a_no(closed, opened):
    head = b"GET /gate/ok/" + b"a" * (300 << 10)
    assert [raw(world.sidecar.port, head)[0] for world in (closed, opened)] == [403, 200]


def test_a_head_as_large_as_any_that_envoy_lets_through_is_read(closed):
    many = [f"X-{number}: {'y' * 590}" for number in range(100)]
    connection = closed.sidecar.connect()
    for _ in range(3):
        connection.request("GET", "/gate/ok", headers=dict(line.split(": ") for line in many))
        answer = Answer(connection.getresponse())
        assert answer.status == 403 and answer.headers.get("Connection") != "close"
    connection.close()


def test_what_is_not_the_gate_refuses_as_any_server(opened):
    for path in ("/metrics", "/healthz", "/nowhere"):
        assert raw(opened.sidecar.port, get(path, "X: \x01"))[0] == 400
        assert raw(opened.sidecar.port, get(path, f"X: {LONG}"))[0] == 431


def test_callers_are_not_told_to_come_back_all_at_once(closed):
    left = seconds_left(closed.window)
    told = [int(closed.sidecar.get().headers["Retry-After"]) for _ in range(60)]
    assert len(set(told)) > 20 and min(told) >= left - 5 and max(told) <= left * 1.25 + 2


def test_past_the_estimate_nobody_is_promised_an_end(bare, settable_clock, make_sidecar):
    serve = bare.serve(clock=True)
    start_window(serve)
    sidecar = make_sidecar(serve.http_url, *SOON)
    sidecar.until_closed()

    def refusal():
        answer = sidecar.get()
        return json.loads(answer.body)["error"], int(answer.headers["Retry-After"])

    def page():
        return sidecar.get(headers={"Accept": BROWSER}).body.decode()

    error, _ = refusal()
    assert "overdue" not in error["details"] and "longer" not in error["minor"]["message"]["en_US"]
    assert "We expect to be back at" in page()
    # OPS says so, whose clock alone has moved on: the gate's own does not.
    bare.clock.ahead(601)
    until(lambda: refusal()[0]["details"].get("overdue"), "the gate says that the window is overdue")
    error, retry_after = refusal()
    assert error["details"]["estimated_end_utc"] == serve.window()["estimated_end_utc"]
    assert "takes longer than expected" in error["minor"]["message"]["en_US"] and 20 <= retry_after <= 25
    assert "It takes longer than expected." in page() and "We expect to be back" not in page()
    for words in (["ping"], ["maintenance-get", "--maintenance-id", serve.window()["maintenance_id"], "--session-guid",
                             bare.session()]):
        shown = bare.run(*words, env=bare.clock.environment()).stdout
        assert "was expected until" in shown and "it takes longer than expected" in shown and "expected end" not in shown


def test_a_page_is_no_way_in_for_what_an_operator_writes(bare, make_sidecar):
    serve = bare.serve()
    window = start_window(serve, description="Disks <script>alert('x')</script> & \"more\"")
    serve.do("maintenanceupdate", text="Half <b>done</b>")
    sidecar = make_sidecar(serve.http_url, *SOON)
    until(lambda: b"Half" in sidecar.get(headers={"Accept": BROWSER}).body, "the update is there")
    page = check_page(sidecar.get(headers={"Accept": BROWSER}), window)
    assert "<script" not in page and "<b>" not in page and "&lt;script&gt;" in page and "&amp;" in page


def test_a_window_with_all_the_updates_that_there_may_be_comes_whole(bare, make_sidecar):
    serve = bare.serve()
    start_window(serve, description="ü" * 2000)
    for number in range(60):
        serve.do("maintenanceupdate", text=f"{number:04}" + "x" * 1996)
    window = serve.window()
    assert len(json.dumps(window["updates"], ensure_ascii=False)) > 80_000
    sidecar = make_sidecar(serve.http_url, *SOON)
    sidecar.until_closed()
    for path in ("/gate", "/gate/deny", "/gate/ok/x", "/gate/answer"):
        answer = sidecar.get(path)
        assert json.loads(answer.body)["error"]["details"]["updates"] == window["updates"], path
    page = sidecar.get(headers={"Accept": BROWSER}).body.decode()
    assert all(update["text"][:4] in page for update in window["updates"]) and page.rstrip().endswith("</html>")


# ---- what is never turned away ----


@pytest.mark.parametrize("path, no", [("/gate", 503), ("/gate/deny", 403), ("/gate/ok/x", 403)])
@pytest.mark.parametrize("method_name, path_name", [("X-Original-Method", "X-Original-URI"),
                                                    ("X-Forwarded-Method", "X-Forwarded-Uri")])
@pytest.mark.parametrize("method, asked, passes", [
    ("OPTIONS", "/orders", True), ("GET", "/healthz", True), ("HEAD", "/healthz?deep=1", True), ("GET", "/static/", True),
    ("GET", "/healthz#/../orders", False), ("GET", "/static/../orders", False), ("GET", "/static/%2E%2e/orders", False),
    ("GET", "/static//x", False), ("GET", "/static/x;y", False), ("GET", "/static/\\x", False),
    ("GET", "/static/" + "a" * 1000 + "/../orders", False),
    ("GET", "/static/a.css", True), (None, "/healthz", True), ("GET", "/orders", False), ("GET", "/healthzz", False),
    ("GET", "/health", False), ("GET", "/x/healthz", False), ("GET", "/static", False), ("options", "/orders", False),
    ("GET", "/orders?/healthz", False), ("GET", "/" + "x" * 6000, False), ("GET", None, False), (None, "/orders", False)])
def test_options_and_health_paths_pass_by_what_the_proxy_says(closed, path, no, method_name, path_name, method, asked,
                                                              passes):
    headers = ({method_name: method} if method else {}) | ({path_name: asked} if asked else {})
    status = closed.sidecar.get(path, headers=headers).status
    assert (status in (200, 204)) if passes else (status == no), status


@pytest.mark.parametrize("method, path, status", [
    ("OPTIONS", "/gate/ok/orders", 200), ("OPTIONS", "/gate/ok", 200), ("GET", "/gate/ok/healthz", 200),
    ("POST", "/gate/ok/healthz?x=1", 200), ("GET", "/gate/ok/static/a.css", 200), ("GET", "/gate/ok/gate/ok/healthz", 403),
    ("GET", "/gate/ok/healthz/x", 403),
    # There the request is the proxy's own.
    ("OPTIONS", "/gate", 503), ("OPTIONS", "/gate/deny", 403)])
def test_behind_gate_ok_the_method_and_the_path_are_the_callers(closed, method, path, status):
    assert closed.sidecar.get(path, method).status == status


@pytest.mark.parametrize("path", ["/", "/gate/", "/gate/okay", "/gate/denied", "/gate/deny/x", "/Gate", "/gate%2Fok",
                                  "/metrics/x", "/healthz/x", "//gate", "/gates"])
def test_an_unknown_path_is_404_and_closes_nothing(closed, path):
    answer = closed.sidecar.get(path)
    assert answer.status == 404 and b"/gate/deny" in answer.body


# ---- metrics ----


def test_metrics_are_as_prometheus_reads_them(closed):
    answer = closed.sidecar.get("/metrics")
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    found = closed.sidecar.metrics()
    checks = {f'opsgate_checks_total{{answer="{word}"}}' for word in ("fresh", "stale", "unknown", "blocked")}
    refreshes = {f'opsgate_refreshes_total{{result="{word}"}}' for word in ("answered", "failed")}
    assert set(found) == checks | refreshes | {"opsgate_knowledge_age_seconds", "opsgate_maintenance_active"}
    assert found["opsgate_maintenance_active"] == 1 and found["opsgate_knowledge_age_seconds"] <= KNOWLEDGE_SECONDS


def test_each_check_is_counted_once_by_what_it_was_answered(closed, opened):
    for world, path, word in ((closed, "/gate", "blocked"), (closed, "/gate/ok/x", "blocked"),
                              (closed, "/gate/deny", "blocked"), (opened, "/gate", "fresh"), (opened, "/gate/ok", "fresh")):
        before = world.sidecar.metrics()
        for _ in range(5):
            world.sidecar.get(path)
        after = world.sidecar.metrics()
        grown = {name: after[name] - before[name] for name in after if name.startswith("opsgate_checks") and
                 after[name] != before[name]}
        assert grown == {f'opsgate_checks_total{{answer="{word}"}}': 5}


def test_what_passes_unasked_and_what_is_no_check_is_not_counted(closed):
    before = closed.sidecar.metrics()
    for path, method, headers in (("/healthz", "GET", {}), ("/gate/answer", "GET", {}), ("/metrics", "GET", {}),
                                  ("/gate", "GET", {"X-Original-Method": "OPTIONS"}), ("/gate/ok/healthz", "GET", {})):
        closed.sidecar.get(path, method, headers)
    after = closed.sidecar.metrics()
    assert all(after[name] == before[name] for name in after if name.startswith("opsgate_checks"))


def test_refreshes_grow_and_say_when_they_fail(bare, make_sidecar):
    serve = bare.serve()
    sidecar = make_sidecar(serve.http_url, *SOON)
    answered, failed = (f'opsgate_refreshes_total{{result="{word}"}}' for word in ("answered", "failed"))
    until(lambda: sidecar.metrics()[answered] >= 3, "it asks again and again")
    assert sidecar.metrics()[failed] == 0
    serve.kill()
    until(lambda: sidecar.metrics()[failed] >= 3, "it goes on asking")


def test_why_questions_are_in_vain_is_told_once_and_so_is_the_end_of_it(bare, make_sidecar):
    port = free_port()
    sidecar = make_sidecar(f"http://127.0.0.1:{port}", *SOON)

    def told():
        return [line for line in sidecar.output().splitlines() if line.startswith("g3nops: ")]

    until(told, "the reason is told")
    failed = 'opsgate_refreshes_total{result="failed"}'
    before = sidecar.metrics()[failed]
    until(lambda: sidecar.metrics()[failed] > before + 2, "more questions are in vain")
    assert len(told()) == 1 and told()[0].startswith(f"g3nops: gate: http://127.0.0.1:{port}/ops/ping could not be reached")
    bare.serve(http=f"127.0.0.1:{port}")
    until(lambda: len(told()) == 2, "the end of it is told")
    assert told()[1] == "g3nops: well again: gate"


# ---- the course of a window ----


def test_a_window_closes_the_gate_and_its_end_opens_it_both_within_20_s(bare, make_sidecar):
    serve = bare.serve()
    sidecar = make_sidecar(serve.http_url)  # with its defaults
    sidecar.until_open()
    for _ in range(2):
        window = start_window(serve)
        started = time.monotonic()
        until(lambda: closed_by(sidecar, started), "the gate is closed", KNOWLEDGE_SECONDS + 10)
        check_refusal(sidecar.get(), window)
        end_window(serve)
        ended = time.monotonic()
        until(lambda: not closed_by(sidecar, ended, still=True), "the gate is open", KNOWLEDGE_SECONDS + 10)


def closed_by(sidecar, since, still=False):
    """Whether the gate is closed; what is asked later than the promise must be answered as promised."""
    asked = time.monotonic()
    is_closed = sidecar.is_closed()
    if asked - since > KNOWLEDGE_SECONDS:
        assert is_closed is not still, f"{asked - since} s later"
    return is_closed


def test_what_an_operator_posts_is_told_to_callers(bare, make_sidecar):
    serve = bare.serve()
    start_window(serve)
    sidecar = make_sidecar(serve.http_url, *SOON)
    sidecar.until_closed()
    serve.do("maintenanceupdate", text="Half done", estimated_duration_seconds=7200)
    window = serve.window()
    until(lambda: json.loads(sidecar.get().body)["error"]["details"]["updates"], "the update is there")
    check_refusal(sidecar.get(), window)


def test_when_ops_is_killed_the_gate_goes_by_what_it_knew_for_20_s_and_is_open_then(bare, make_sidecar):
    port = free_port()
    serve = bare.serve(http=f"127.0.0.1:{port}")
    window = start_window(serve)
    sidecar = make_sidecar(serve.http_url, *SOON)
    sidecar.until_closed()
    serve.kill()
    killed = asked = time.monotonic()
    while sidecar.is_closed():
        assert asked - killed <= KNOWLEDGE_SECONDS, "closed by what is older than 20 s"
        check_refusal(sidecar.get(), window)
        time.sleep(0.1)
        asked = time.monotonic()
    assert asked - killed > KNOWLEDGE_SECONDS / 2, "open too early"
    metrics = sidecar.metrics()
    assert metrics['opsgate_checks_total{answer="unknown"}'] >= 1 and metrics["opsgate_maintenance_active"] == 0
    # And closed again when there is a service again.
    serve = bare.serve(http=f"127.0.0.1:{port}")
    sidecar.until_closed()
    end_window(serve)
    sidecar.until_open()


@pytest.mark.parametrize("seconds_ahead", [7 * 86400, -7 * 86400])
def test_nobody_waits_longer_than_the_window_lasts_whatever_the_clocks_say(bare, make_sidecar, settable_clock, seconds_ahead):
    """The service's clock is not that of the sidecar."""
    bare.clock.ahead(seconds_ahead)
    serve = bare.serve(clock=True)
    start_window(serve, scheduled_start_utc=instant(seconds_ahead + 3600), estimated_duration_seconds=600)
    sidecar = make_sidecar(serve.http_url, *SOON)
    sidecar.until_closed()
    for _ in range(50):
        assert 20 <= int(sidecar.get().headers["Retry-After"]) <= 600 + 150


def test_a_sidecar_that_was_frozen_does_not_go_by_what_it_knew_before(bare, make_home, bare_template, make_sidecar):
    """Of one the window ends meanwhile, of the other the service dies; one more stays as it is."""
    ending, dying = bare.serve(), make_home(bare_template, "dying").serve()
    sidecars = {}
    for name, serve in (("ending", ending), ("dying", dying)):
        start_window(serve)
        sidecars[name] = make_sidecar(serve.http_url)
        sidecars[name].until_closed()
    for sidecar in sidecars.values():
        sidecar.send(signal.SIGSTOP)
    frozen = time.monotonic()
    end_window(ending)
    dying.kill()
    time.sleep(KNOWLEDGE_SECONDS + 5 - (time.monotonic() - frozen))
    for sidecar in sidecars.values():
        # The question is there before the process goes on, so that nothing of its own can come first.
        connection = sidecar.connect()
        connection.request("GET", "/gate")
        sidecar.send(signal.SIGCONT)
        assert Answer(connection.getresponse()).status == 204
        connection.close()
    for _ in range(20):
        assert not any(sidecar.is_closed() for sidecar in sidecars.values())
        time.sleep(0.1)
    start_window(ending)
    sidecars["ending"].until_closed()


# ---- sources ----


def test_the_store_of_this_machine_is_a_source_with_and_without_a_service(bare, make_sidecar):
    serve = bare.serve()
    sidecar = make_sidecar(f"store:{bare.data}", *SOON)
    sidecar.until_open()
    window = start_window(serve)
    sidecar.until_closed()
    check_refusal(sidecar.get(), window)
    # The record still says so when the service is gone, which is no trouble of the record's.
    serve.kill()
    time.sleep(KNOWLEDGE_SECONDS + 3)
    check_refusal(sidecar.get(), window)
    # One that begins without a service knows as well.
    other = make_sidecar(f"store:{bare.data}", *SOON)
    other.until_closed()
    end_window(bare.serve())
    sidecar.until_open()
    other.until_open()


def test_a_store_that_is_not_there_yet_is_found_when_it_is(tmp_path, bare, make_sidecar):
    place = tmp_path / "later"
    sidecar = make_sidecar(f"store:{place}", *SOON)
    failed = 'opsgate_refreshes_total{result="failed"}'
    until(lambda: sidecar.metrics()[failed] >= 2, "it asks and fails")
    assert not sidecar.is_closed() and not place.exists(), "asking makes nothing"
    serve = bare.serve()
    start_window(serve)
    serve.kill()
    shutil.copytree(bare.data, place, ignore=shutil.ignore_patterns("*.sock"))
    sidecar.until_closed()


def test_a_store_that_was_put_in_place_of_another_is_the_one_that_counts(
        tmp_path, bare, make_home, bare_template, make_sidecar):
    """As after a restore: what was read before must not keep the gate closed."""
    other = make_home(bare_template, "other")
    serve = bare.serve()
    start_window(serve)
    serve.kill()
    sidecar = make_sidecar(f"store:{bare.data}", *SOON)
    sidecar.until_closed()
    bare.data.rename(tmp_path / "aside")
    shutil.copytree(other.data, bare.data)
    sidecar.until_open()


class Elsewhere:
    """A server that is not OPS."""

    def __init__(self, status, body, headers=None):
        class Handler(http.server.BaseHTTPRequestHandler):
            paths = []

            def do_GET(self):
                self.paths.append(self.path)
                self.send_response(status)
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        self.paths = Handler.paths
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def ping(**more):
    return json.dumps({"success": True, "data": {"status": "ok", "service": "ops"} | more}).encode()


NO_ANSWERS = {
    "no JSON": (200, b"hello", None),
    "nothing": (200, b"", None),
    "another service": (200, json.dumps({"success": True, "data": {"service": "pvm", "maintenance": {"status": "active"}}}).encode(), None),
    "no maintenance": (200, ping(), None),
    "maintenance as text": (200, ping(maintenance="yes"), None),
    "a failure": (200, json.dumps({"success": False, "data": {"service": "ops", "maintenance": {"status": "active"}}}).encode(), None),
    "404": (404, ping(maintenance={"status": "active"}), None),
    "503": (503, ping(maintenance={"status": "active"}), None),
    "a redirect": (302, b"", {"Location": "/ops/ping"}),
    "too long": (200, ping(maintenance={"status": "active", "description": "x" * (2 << 20)}), None),
    "a window too long": (200, ping(maintenance={"status": "active", "description": "x" * (300 << 10)}), None),
}


@pytest.mark.parametrize("name", NO_ANSWERS)
def test_what_is_not_the_answer_of_ops_closes_nothing(name, make_sidecar):
    elsewhere = Elsewhere(*NO_ANSWERS[name])
    try:
        sidecar = make_sidecar(elsewhere.url, *SOON)
        until(lambda: sidecar.metrics()['opsgate_refreshes_total{result="failed"}'] >= 2, "it asks and fails")
        assert not sidecar.is_closed()
        assert sidecar.metrics()['opsgate_refreshes_total{result="answered"}'] == 0
    finally:
        elsewhere.stop()


def test_a_path_of_the_source_comes_before_that_of_ping(make_sidecar):
    elsewhere = Elsewhere(200, ping(maintenance={"status": "active", "maintenance_id": "01JDE9Q3F0V8M4T6XK2R7W5N1B"}))
    try:
        sidecar = make_sidecar(f"{elsewhere.url}/prod/", *SOON)
        sidecar.until_closed()
        assert set(elsewhere.paths) == {"/prod/ops/ping"}
        answer = sidecar.get()
        details = json.loads(answer.body)["error"]["details"]
        assert details["description"] is None and details["updates"] == [] and 20 <= int(answer.headers["Retry-After"]) <= 25
    finally:
        elsewhere.stop()


@pytest.mark.parametrize("path, asked", [("/ops", "/ops/ping"), ("/ops/", "/ops/ping"), ("/ops/ping", "/ops/ping"), ("/ping", "/ping/ops/ping"),
                                         ("/prod/ops//", "/prod/ops/ping"), ("/devops", "/devops/ops/ping")])
def test_a_source_with_the_base_path_of_ops_is_ops(make_sidecar, path, asked):
    elsewhere = Elsewhere(200, ping(maintenance={"status": "active", "maintenance_id": "01JDE9Q3F0V8M4T6XK2R7W5N1B"}))
    try:
        make_sidecar(elsewhere.url + path, *SOON).until_closed()
        assert set(elsewhere.paths) == {asked}
    finally:
        elsewhere.stop()


def test_an_id_that_is_none_goes_into_no_header(make_sidecar):
    elsewhere = Elsewhere(200, ping(maintenance={"status": "active", "maintenance_id": "x\r\nSet-Cookie: a=b", "description": 7}))
    try:
        sidecar = make_sidecar(elsewhere.url, *SOON)
        sidecar.until_closed()
        answer = sidecar.get()
        assert "x-ops-maintenance" not in answer.headers and "Set-Cookie" not in answer.headers
    finally:
        elsewhere.stop()


def test_what_nobody_sees_is_shown_on_the_page_and_on_standard_error(make_sidecar, tmp_path):
    """It may come from a source that is older than the rule, or none of ours."""
    hidden = "Disks \x1b[31m\r\u202edlo\u200b <b> \x7f ü"
    window = {"status": "active", "maintenance_id": "x", "description": hidden, "updates": [{"at": "\x1b", "text": hidden}]}
    elsewhere = Elsewhere(200, ping(maintenance=window))
    try:
        sidecar = make_sidecar(elsewhere.url, *SOON)
        sidecar.until_closed()
        page = sidecar.get(headers={"Accept": BROWSER}).body.decode()
        assert page.count("Disks \\x1b[31m\\x0d\\u202edlo\\u200b &lt;b&gt; \\x7f ü") == 2 and "<li>\\x1b " in page
        assert not set(page) & set("\x1b\r\u202e\u200b\x7f")
        assert json.loads(sidecar.get().body)["error"]["details"]["description"] == hidden
    finally:
        elsewhere.stop()
    away = make_sidecar(f"store:{tmp_path}/none\x1b[31m\u202e", *SOON)
    until(lambda: "g3nops: gate: " in away.output(), "why is told")
    assert "none\\x1b[31m\\u202e" in away.output() and "\x1b" not in away.output()


def test_a_service_that_hangs_is_no_answer_and_holds_up_nobody(make_sidecar):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        sidecar = make_sidecar(f"http://127.0.0.1:{silent.getsockname()[1]}", *SOON)
        for _ in range(50):
            assert not sidecar.is_closed()
        until(lambda: sidecar.metrics()['opsgate_refreshes_total{result="failed"}'] >= 1, "the question is given up")


@on("stub", "moto")
def test_the_record_in_dynamodb_is_a_source_that_needs_no_service(empty, make_sidecar):
    serve = empty.serve()
    environment = empty.account.environment()
    sidecar = make_sidecar("dynamodb:ops_main", *SOON, env=environment)
    sidecar.until_open()
    window = start_window(serve)
    sidecar.until_closed()
    check_refusal(sidecar.get(), window)
    serve.kill()
    time.sleep(KNOWLEDGE_SECONDS + 3)
    check_refusal(sidecar.get(), window)
    end_window(empty.serve())
    sidecar.until_open()


@on("stub")
def test_a_table_that_is_not_there_is_no_answer(make_aws, make_sidecar):
    sidecar = make_sidecar("dynamodb:ops_main", *SOON, env=make_aws().account.environment())
    until(lambda: sidecar.metrics()['opsgate_refreshes_total{result="failed"}'] >= 1, "it asks and fails")
    assert not sidecar.is_closed()


# ---- begin and end ----


def test_a_unix_socket_is_private_answers_and_goes_with_the_sidecar(tmp_path, bare, make_sidecar):
    path = tmp_path / "gate.sock"
    serve = bare.serve()
    window = start_window(serve)
    sidecar = make_sidecar(serve.http_url, *SOON, listen=f"unix:{path}")
    assert sidecar.address == f"unix:{path}" and path.stat().st_mode & 0o777 == 0o600
    sidecar.until_closed()
    check_refusal(sidecar.get(), window)
    assert sidecar.stop() == 0 and not path.exists()


@pytest.mark.parametrize("signal_number", [signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGPIPE, signal.SIGALRM,
                                           signal.SIGRTMIN])
def test_a_stray_signal_does_nothing(make_sidecar, signal_number):
    sidecar = make_sidecar("http://127.0.0.1:1")
    for _ in range(3):
        sidecar.send(signal_number)
        assert sidecar.get("/healthz").status == 200
    assert sidecar.stop() == 0


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_0(make_sidecar, signal_number):
    sidecar = make_sidecar("http://127.0.0.1:1")
    idle = sidecar.connect()
    idle.connect()  # a connection without a request holds up nothing
    assert sidecar.stop(signal_number) == 0
    lines = sidecar.output().splitlines()
    assert lines[0] == sidecar.ready_line and all(line.startswith("g3nops: gate: http://127.0.0.1:1/") for line in lines[1:])
    idle.close()


def test_many_idle_connections_are_no_trouble_where_the_system_allows_them(tmp_path):
    """A login's soft limit is often 1024, and what a question needs is an open file too."""
    command = ["sh", "-c", 'ulimit -S -n 64 && exec "$@"', "sh", PROGRAM, "gate", "--listen", "127.0.0.1:0", "--source",
               "http://127.0.0.1:1"]
    sidecar = Process(command, tmp_path / "gate.err", ready="ready ")
    port = int(sidecar.ready_line.rsplit(":", 1)[1])
    idle = [socket.create_connection(("127.0.0.1", port), 30) for _ in range(200)]
    assert ask(port, "/healthz").status == 200
    for connection in idle:
        connection.close()
    assert sidecar.stop() == 0


def test_ipv6_is_an_address_too(make_sidecar):
    sidecar = make_sidecar("http://127.0.0.1:1", listen="[::1]:0")
    assert sidecar.address.startswith("http://[::1]:")
    connection = http.client.HTTPConnection("::1", sidecar.port, timeout=30)
    connection.request("GET", "/gate")
    assert Answer(connection.getresponse()).status == 204
    connection.close()


WRONG_FLAGS = {
    "listen without a port": (["--listen", "127.0.0.1"], "--listen"),
    "listen without a host": (["--listen", ":9180"], "--listen"),
    "listen with a port too large": (["--listen", "127.0.0.1:99999"], "--listen"),
    "listen to no socket": (["--listen", "unix:"], "--listen"),
    "listen to a socket too long": (["--listen", "unix:/tmp/" + "x" * 200], "--listen"),
    "a source of no kind": (["--source", "ftp://x"], "--source"),
    "a source without a scheme": (["--source", "ops.internal:8080"], "--source"),
    "an empty source": (["--source", ""], "--source"),
    "a source without a host": (["--source", "http://"], "--source"),
    "a source that is another resource of OPS": (["--source", "http://ops.internal/prod/ops/status/"], "goes on behind /ops"),
    "a source without a table": (["--source", "dynamodb:"], "--source"),
    "a source without a directory": (["--source", "store:"], "--source"),
    "a service in quotes": (["--service", '"pvm"'], "--service"),
    "a health path without a slash": (["--health-paths", "/up,static"], '--health-paths: "static" must begin with a slash'),
    "too many health paths": (["--health-paths", ",".join(f"/p{number}" for number in range(33))], "--health-paths"),
    "refresh too often": (["--refresh-ms", "999"], "--refresh-ms"),
    "refresh too seldom": (["--refresh-ms", "15001"], "--refresh-ms"),
    "refresh in words": (["--refresh-ms", "soon"], "--refresh-ms"),
    "an unknown flag": (["--sauce", "x"], "--sauce"),
    "an argument": (["extra"], "extra"),
    "a flag twice": (["--listen", "127.0.0.1:0", "--listen", "127.0.0.1:0"], "--listen"),
    "a flag without its value": (["--source"], "--source"),
    "an extension outside of Lambda": (["--listen", "127.0.0.1:0", "--lambda-extension"], "--lambda-extension"),
}


@pytest.mark.parametrize("name", WRONG_FLAGS)
def test_a_wrong_flag_is_one_clear_error(name):
    arguments, named = WRONG_FLAGS[name]
    command = [PROGRAM, "gate", *arguments]
    result = subprocess.run(command, capture_output=True, text=True, timeout=30, env=base_environment())
    assert result.returncode == 2 and not result.stdout, result
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1 and named in errors[0], result


def test_an_address_that_is_taken_is_told(make_sidecar, tmp_path):
    sidecar = make_sidecar("http://127.0.0.1:1")
    path = tmp_path / "gate.sock"
    make_sidecar("http://127.0.0.1:1", listen=f"unix:{path}")
    for listen in (f"127.0.0.1:{sidecar.port}", f"unix:{path}"):
        result = subprocess.run([PROGRAM, "gate", "--listen", listen, "--source", "http://127.0.0.1:1"], capture_output=True,
                                text=True, timeout=30, env=base_environment())
        assert result.returncode == 1 and result.stderr.startswith("error: "), result
        assert listen.removeprefix("unix:") in result.stderr
    assert ask(sidecar.port, "/healthz").status == 200 and path.exists()


def test_a_socket_that_a_killed_sidecar_left_is_taken_over(tmp_path, make_sidecar):
    path = tmp_path / "gate.sock"
    make_sidecar("http://127.0.0.1:1", listen=f"unix:{path}").kill()
    assert path.exists()
    assert make_sidecar("http://127.0.0.1:1", listen=f"unix:{path}").get("/healthz").status == 200


def test_the_systemd_unit_is_one(tmp_path):
    text = (ROOT / "deploy" / "gate" / "g3nops-gate.service").read_text()
    assert "@PREFIX@/bin/g3nops gate $G3NOPS_GATE_ARGS" in text
    # Five starts within ten seconds are systemd's limit, and a start that fails takes one second here.
    assert "\nRestart=always\nRestartSec=1s\n" in text and "\nStartLimitIntervalSec=0\n" in text
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "g3nops").symlink_to(PROGRAM)
    unit = tmp_path / "g3nops-gate.service"
    unit.write_text(text.replace("@PREFIX@", str(tmp_path)))
    command = [needs("systemd-analyze"), "verify", "--man=no", unit]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    said = [line for line in result.stderr.splitlines() if "g3nops-gate" in line]
    assert result.returncode == 0 and not said, result
