"""The middlewares in deploy/gate/examples, in the servers beside them, with the real sidecar and service."""

import os
import signal
import subprocess
import time

import pytest

from g3nops import ROOT, until
from gates import (BROWSER, KNOWLEDGE_SECONDS, Process, ask, check_page, check_refusal, check_refusal_headers, end_window,
                   free_port, make_sidecar, needs, start_window)  # noqa: F401 (fixtures)

EXAMPLES = ROOT / "deploy" / "gate" / "examples"
SOON = ("--refresh-ms", "1000")
PATIENT_MS = 10_000  # a machine that is busy with other tests must not look like a sidecar that is away


def node():
    return [needs("node"), EXAMPLES / "node" / "server.js"]


def python():
    return [needs("python3"), EXAMPLES / "python" / "app.py"]


both = pytest.mark.parametrize("make", [node, python])


class Service(Process):
    """An example's server."""

    def __init__(self, command, log, gate_port, timeout_ms):
        command = [*command, 0, f"http://127.0.0.1:{gate_port}/gate", *([timeout_ms] if timeout_ms else [])]
        super().__init__(command, log, {"PYTHONDONTWRITEBYTECODE": "1"}, "ready ")
        self.port = int(self.ready_line.rsplit(":", 1)[1])

    def ask(self, *arguments, **options):
        return ask(self.port, *arguments, **options)

    def until(self, status):
        until(lambda: self.ask().status == status, f"the service answers {status}", KNOWLEDGE_SECONDS + 10)


@pytest.fixture
def start(tmp_path):
    started = []

    def begin(make, gate_port, timeout_ms=PATIENT_MS):
        started.append(Service(make(), tmp_path / f"service-{len(started)}.err", gate_port, timeout_ms))
        return started[-1]

    yield begin
    for service in started:
        service.kill()
        complaints = [line for line in service.output().splitlines() if "Error" in line or "Traceback" in line]
        assert not complaints, service.output()


@both
def test_a_service_answers_turns_away_and_answers_again(make, bare, make_sidecar, start):
    serve = bare.serve()
    sidecar = make_sidecar(serve.http_url, *SOON, "--service", "pvm")
    service = start(make, sidecar.port)
    for method in ("GET", "POST", "OPTIONS"):
        answer = service.ask("/orders", method)
        assert (answer.status, answer.body) == (200, b"hello\n") and "x-ops-maintenance" not in answer.headers

    window = start_window(serve, description="Move to new disks")
    service.until(503)
    assert check_refusal(service.ask("/orders?x=1"), window)["stats"]["service"] == "pvm"
    assert "Move to new disks" in check_page(service.ask("/orders", headers={"Accept": BROWSER}), window)
    for method, body in (("POST", b"{}"), ("POST", b"x" * 100_000), ("DELETE", None)):
        check_refusal(service.ask("/orders", method, body=body), window)
    head = service.ask("/orders", "HEAD")
    check_refusal_headers(head, window)
    assert (head.status, head.body) == (503, b"")
    # A caller can not talk its way past.
    check_refusal(service.ask("/orders", headers={"X-Original-Method": "OPTIONS", "X-Original-URI": "/healthz"}), window)
    check_refusal(service.ask("/healthz/x"), window)
    # These pass.
    assert service.ask("/orders", "OPTIONS").status == service.ask("/healthz").status == 200
    assert service.ask("/healthz?deep=1").status == 200

    end_window(serve)
    service.until(200)


@both
def test_no_head_of_a_caller_opens_the_gate_for_it_or_for_others(make, bare, make_sidecar, start):
    serve = bare.serve()
    sidecar = make_sidecar(serve.http_url, *SOON, "--health-paths", "/healthz")
    service = start(make, sidecar.port)
    window = start_window(serve)
    service.until(503)
    odd = [{"Accept": "a" * length} for length in (1000, 1001, 8000, 15000, 15900, 16050)]
    odd += [{"Accept": "text/html\x7f"}, {"Accept": "\xff"}, {"Accept": "a\tb"}, {"Cookie": "a" * 15000}]
    for headers in odd:
        assert service.ask("/orders", headers=headers).status != 200, headers
        check_refusal(service.ask("/orders"), window)
    for path in ("/healthz#/../orders", "/healthz/../orders", "/healthz;x"):
        assert service.ask(path).status != 200, path


@both
def test_a_question_without_an_answer_lets_nobody_else_pass_who_was_told_no(make, bare, make_sidecar, start):
    serve = bare.serve()
    start_window(serve)
    sidecar = make_sidecar(serve.http_url, *SOON)
    service = start(make, sidecar.port, timeout_ms=300)
    service.until(503)
    sidecar.send(signal.SIGSTOP)
    assert service.ask().status == 200
    sidecar.send(signal.SIGCONT)
    until(lambda: sidecar.get().status == 503, "the sidecar answers again")
    before = time.monotonic()
    status = service.ask().status
    assert status == 503 or time.monotonic() - before > 0.25, "it was asked, in vain or not"


@both
def test_every_caller_gets_a_refusal_of_its_own(make, bare, make_sidecar, start):
    serve = bare.serve()
    window = start_window(serve)
    sidecar = make_sidecar(serve.http_url, *SOON)
    service = start(make, sidecar.port)
    service.until(503)
    answers = [service.ask() for _ in range(30)]
    assert len({answer.headers["Retry-After"] for answer in answers}) > 5
    assert len({check_refusal(answer, window)["stats"]["request_id"] for answer in answers}) == 30


@both
def test_an_answer_that_lets_pass_is_kept_for_a_second(make, bare, make_sidecar, start):
    sidecar = make_sidecar(bare.serve().http_url, *SOON)
    service = start(make, sidecar.port)

    def checks():
        return sum(value for name, value in sidecar.metrics().items() if name.startswith("opsgate_checks"))
    before, began = checks(), time.monotonic()
    for _ in range(200):
        assert service.ask().status == 200
    assert 1 <= checks() - before <= 2 + (time.monotonic() - began)


@both
def test_when_the_sidecar_is_killed_or_frozen_or_was_never_there_requests_pass(
        make, bare, make_sidecar, start):
    serve = bare.serve()
    start_window(serve)
    killed, frozen = make_sidecar(serve.http_url, *SOON), make_sidecar(serve.http_url, *SOON)
    services = [start(make, gate.port, timeout_ms=None) for gate in (killed, frozen)]
    for service in services:
        service.until(503)
    killed.kill()
    frozen.send(signal.SIGSTOP)
    for service in [*services, start(make, free_port())]:
        for _ in range(5):
            assert service.ask("/orders", "POST", body=b"{}").status == 200
            time.sleep(0.3)
    frozen.send(signal.SIGCONT)
    services[1].until(503)


@both
def test_a_server_that_is_no_sidecar_lets_requests_pass(make, bare, start):
    service = start(make, bare.serve().http_port)  # which answers 404
    for _ in range(3):
        assert service.ask().status == 200
        time.sleep(0.6)


def test_a_connection_of_the_node_example_that_lay_idle_lets_nobody_slip_through(bare, make_sidecar, start):
    serve = bare.serve()
    start_window(serve)
    sidecar = make_sidecar(serve.http_url, *SOON)
    service = start(node, sidecar.port)
    service.until(503)
    time.sleep(31)  # after 30 the sidecar closes a connection
    assert service.ask().status == 503


def run_node(script, gate_port):
    command = [needs("node"), script, EXAMPLES / "node" / "opsgate.js", f"http://127.0.0.1:{gate_port}/gate"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_the_node_example_is_a_middleware_as_express_calls_it(bare, make_sidecar, tmp_path):
    """Mounted below a path, where req.url has lost it, and with handlers behind it."""
    serve = bare.serve()
    start_window(serve)
    sidecar = make_sidecar(serve.http_url, *SOON)
    sidecar.until_closed()
    script = tmp_path / "express.js"
    script.write_text("""
const opsgate = require(process.argv[2]);
const gate = opsgate({ url: process.argv[3], timeoutMs: 10000, healthPaths: ['/api/health*'] });
const call = (originalUrl) => new Promise((resolve) => {
    const req = { method: 'GET', url: '/', originalUrl, headers: {} };
    const res = { writeHead(status) { this.status = status; }, end() { resolve(this.status); } };
    gate(req, res, (...passed) => resolve(passed.length === 0 ? 'next' : passed));
});
call('/api/orders').then(async (refused) => {
    console.log(JSON.stringify([refused, await call('/api/healthy?x'), await call('/api/orders')]));
    process.exit(0);
});
""")
    result = run_node(script, sidecar.port)
    assert result.stdout.strip() == '[503,"next",503]', result


def test_the_node_example_keeps_no_process_from_ending(tmp_path):
    script = tmp_path / "short.js"
    script.write_text("""
require(process.argv[2])({ url: process.argv[3] })({ method: 'GET', url: '/', headers: {} }, {}, () => console.log('next'));
""")
    result = run_node(script, free_port())
    assert (result.returncode, result.stdout) == (0, "next\n"), result


def test_the_python_example_is_wsgi_to_the_letter(bare, make_sidecar):
    serve = bare.serve()
    start_window(serve)
    sidecar = make_sidecar(serve.http_url, *SOON)
    sidecar.until_closed()
    program = f"""
import sys
sys.path.insert(0, {str(EXAMPLES / "python")!r})
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator
from opsgate import OpsGate
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]
gated = validator(OpsGate(validator(app), url="http://127.0.0.1:{sidecar.port}/gate", timeout_seconds=10,
                          health_paths=["/mounted/health*"]))
for method, path in (("GET", "/orders"), ("HEAD", "/orders"), ("OPTIONS", "/orders"), ("GET", "/healthy")):
    environ = {{"REQUEST_METHOD": method, "SCRIPT_NAME": "/mounted", "PATH_INFO": path}}
    setup_testing_defaults(environ)
    answer = gated(environ, lambda status, headers, exc_info=None: print(status))
    print(sum(map(len, answer)) > 0)
    answer.close()
"""
    result = subprocess.run([needs("python3"), "-c", program], capture_output=True, text=True, timeout=60,
                            env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"})
    refused, passed = "503 Service Unavailable", "200 OK"
    assert result.stdout.splitlines() == [refused, "True", refused, "False", passed, "True", passed, "True"], result
