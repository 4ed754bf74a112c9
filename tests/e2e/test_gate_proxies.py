"""The configurations in deploy/gate as they are, but for their ports, with the proxies that they are for. Traefik is seldom
there: 'make check-traefik' builds it."""

import http.client
import http.server
import itertools
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from g3nops import ROOT, Answer, until
from gates import (BROWSER, KNOWLEDGE_SECONDS, Process, ask, check_page, check_refusal, end_window, free_port, make_sidecar,
                   needs, start_window)  # noqa: F401 (fixtures)

DEPLOY = ROOT / "deploy" / "gate"
HEALTH = ("--health-paths", "/healthz")
SOON = ("--refresh-ms", "1000", *HEALTH)
IDLE_SECONDS = 31  # after 30 the sidecar closes a connection
NOTICED_SECONDS = 5  # generous: that a sidecar is away is noticed at once by nginx, within a second by HAProxy


class App:
    """The service behind the proxy."""

    def __init__(self):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def answer(self):
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                body = f"{self.command} {self.path}".encode()
                self.send_response(403 if self.path == "/forbidden" else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_HEAD = do_POST = do_OPTIONS = answer

            def log_message(self, *arguments):
                pass

        class Server(http.server.ThreadingHTTPServer):
            request_queue_size = 128
            daemon_threads = True

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def app():
    made = App()
    yield made
    made.stop()


# A machine that is busy with other tests must not look like a sidecar that is away.
PATIENCE = {"proxy_connect_timeout 100ms": "proxy_connect_timeout 10s", "proxy_read_timeout 300ms": "proxy_read_timeout 10s",
            "proxy_read_timeout 1s": "proxy_read_timeout 10s"}
PATIENCE_OF_ENVOY = {"timeout: 0.3s": "timeout: 10s", "connect_timeout: 0.1s": "connect_timeout: 10s"}
PATIENCE_OF_TRAEFIK = {"dialTimeout: 100ms": "dialTimeout: 10s", "HeaderTimeout: 300ms": "HeaderTimeout: 10s"}
PATIENCE_OF_STATIC_TRAEFIK = {"requestAcceptGraceTimeout: 1s": "requestAcceptGraceTimeout: 5s"}
PATIENCE_OF_HAPROXY = {"timeout check 500ms": "timeout check 10s", "timeout connect 200ms": "timeout connect 10s",
                       "timeout server 1s": "timeout server 10s"}


def substituted(name, places, patience=None):
    """The text of a file of deploy/gate with other words in some places, each of which must be there."""
    text = (DEPLOY / name).read_text()
    for word, other in (places | (patience or {})).items():
        assert word in text, word
        text = text.replace(word, other)
    return text


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Proxy(Process):
    def __init__(self, directory, command, port):
        self.port = port
        super().__init__(command, directory / "proxy.err")
        self._until(lambda: listens(port), "the proxy listens")

    def _until(self, condition, what):
        def look():
            assert self.process.poll() is None, self.output()
            return condition()
        try:
            until(look, what, 30)
        except AssertionError:
            self.kill()
            raise

    def until_it_answers(self):
        self._until(lambda: self.ask("/healthz").status == 200, "the proxy knows what to do with requests")

    def ask(self, *arguments, **options):
        return ask(self.port, *arguments, **options)


def nginx(directory, app_port, sidecar_port, more="", is_patient=True):
    port = free_port()
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    where = "".join(f"{kind}_temp_path {directory}/{kind};\n" for kind in kinds)
    text = substituted("nginx.conf", {
        "listen 8000;": f"listen 127.0.0.1:{port};\n{more}", "127.0.0.1:3000": f"127.0.0.1:{app_port}",
        "127.0.0.1:9180": f"127.0.0.1:{sidecar_port}", "http {\n": f"http {{\naccess_log off;\n{where}"},
        PATIENCE if is_patient else None)
    (directory / "nginx.conf").write_text(text)
    # Where its files go, and that they may be there.
    options = f"daemon off; pid {directory}/nginx.pid;" + (" user root;" if os.geteuid() == 0 else "")
    command = [needs("nginx"), "-p", directory, "-c", directory / "nginx.conf", "-e", "stderr", "-g", options]
    return Proxy(directory, command, port)


def haproxy(directory, app_port, sidecar_port, is_patient=True):
    port = free_port()
    text = substituted("haproxy.cfg", {
        "bind :8000": f"bind 127.0.0.1:{port}", "127.0.0.1:3000": f"127.0.0.1:{app_port}",
        "127.0.0.1:9180": f"127.0.0.1:{sidecar_port}", "127.0.0.1:9183": f"127.0.0.1:{free_port()}"},
        PATIENCE_OF_HAPROXY if is_patient else None)
    (directory / "haproxy.cfg").write_text(text)
    return Proxy(directory, [needs("haproxy"), "-db", "-f", directory / "haproxy.cfg"], port)


def envoy(directory, app_port, sidecar_port, is_patient=True):
    port = free_port()
    text = substituted("envoy.yaml", {
        "{address: 0.0.0.0, port_value: 8000}": f"{{address: 127.0.0.1, port_value: {port}}}",
        "port_value: 3000": f"port_value: {app_port}", "port_value: 9180": f"port_value: {sidecar_port}",
        "127.0.0.1:9180": f"127.0.0.1:{sidecar_port}"}, PATIENCE_OF_ENVOY if is_patient else None)
    (directory / "envoy.yaml").write_text(text)
    # Several on one machine share no memory.
    command = [needs_envoy(), "--disable-hot-restart", "--concurrency", "2", "-c", directory / "envoy.yaml"]
    return Proxy(directory, command, port)


def needs_envoy():
    """It comes with the packages of tests/e2e/requirements.txt."""
    program = Path(sys.prefix) / "bin/envoy"
    return program if program.exists() else pytest.skip("Envoy is not installed: there is no package of it for this machine")


def traefik(directory, app_port, sidecar_port, is_patient=True, reads_bodies_first=False):
    port, gate_port = free_port(), free_port()
    places = {"127.0.0.1:3000": f"127.0.0.1:{app_port}", "127.0.0.1:9180": f"127.0.0.1:{sidecar_port}",
              "127.0.0.1:9181": f"127.0.0.1:{gate_port}"}
    if reads_bodies_first:
        places |= {"middlewares: [opsgate]": "middlewares: [whole, opsgate]",
                   "  middlewares:\n": "  middlewares:\n    whole: {buffering: {maxRequestBodyBytes: 1000}}\n"}
    text = substituted("traefik.yaml", places, PATIENCE_OF_TRAEFIK if is_patient else None)
    (directory / "traefik.yaml").write_text(text)
    text = substituted("traefik-static.yaml", {
        '":8000"': f'"127.0.0.1:{port}"', "127.0.0.1:9181": f"127.0.0.1:{gate_port}",
        "/etc/traefik/traefik.yaml": f"{directory}/traefik.yaml", "entryPoints:\n": "log: {level: WARN}\nentryPoints:\n"},
        PATIENCE_OF_STATIC_TRAEFIK if is_patient else None)
    (directory / "traefik-static.yaml").write_text(text)
    proxy = Proxy(directory, [needs_traefik(), f"--configFile={directory}/traefik-static.yaml"], port)
    proxy.until_it_answers()  # it listens before it has read what to do with requests
    return proxy


def needs_traefik():
    program = ROOT / "build/traefik/bin/traefik"
    return program if program.exists() else pytest.skip("Traefik is not installed: make check-traefik")


@pytest.fixture
def start_proxy(tmp_path):
    started = []

    def start(make, *arguments, **options):
        directory = tmp_path / f"proxy-{len(started)}"
        directory.mkdir()
        started.append(make(directory, *arguments, **options))
        return started[-1]

    yield start
    for proxy in started:
        proxy.kill()
        assert not re.search(r"\[(emerg|alert|crit|critical)\]|segfault|fatal|panic| FTL ", proxy.output()), proxy.output()


every = pytest.mark.parametrize("make", [nginx, haproxy, envoy, traefik])
asking_twice = pytest.mark.parametrize("make", [nginx, haproxy])  # the answer is fetched when it is known that it is a no
asking_once = pytest.mark.parametrize("make", [envoy, traefik])


def closed_for(proxy):
    return until(lambda: proxy.ask().status == 503, "requests are turned away", KNOWLEDGE_SECONDS + 10)


def open_for(proxy, deadline=KNOWLEDGE_SECONDS + 10):
    return until(lambda: proxy.ask().status == 200, "requests pass", deadline)


# ---- the course of a window, with traffic ----


class Traffic:
    """Clients that ask on and on, and what they were answered: (when they asked, what)."""

    CLIENTS = 4

    def __init__(self, proxy, pause=0.01):
        self.proxy = proxy
        self.pause = pause
        self.answers = []
        self.is_over = False
        self.threads = [threading.Thread(target=self._ask_on) for _ in range(self.CLIENTS)]
        for thread in self.threads:
            thread.start()

    def _ask_on(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.proxy.port, timeout=30)
        while not self.is_over:
            asked = time.monotonic()
            try:
                connection.request("GET", "/orders?x=1")
                what = self._name(Answer(connection.getresponse()))
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                what = f"failed: {error!r}"
            self.answers.append((asked, what))
            time.sleep(self.pause)
        connection.close()

    @staticmethod
    def _name(answer):
        if answer.status == 200 and answer.body == b"GET /orders?x=1":
            return "passed"
        if answer.status == 503 and answer.tag == "maintenance-mode" and int(answer.headers["Retry-After"]) >= 20:
            return "refused" if "x-ops-maintenance" in answer.headers else "refused in brief"
        return repr(answer)

    def until(self, what, deadline=KNOWLEDGE_SECONDS + 10):
        """Until all the latest answers were of one kind."""
        def look():
            latest = self.answers[-20 * self.CLIENTS:]
            return len(latest) == 20 * self.CLIENTS and {word for _, word in latest} == {what}
        until(look, f"all requests are {what}", deadline)

    def between(self, begin, end=float("inf")):
        """The kinds of answers to what was asked then."""
        return {what for asked, what in list(self.answers) if begin <= asked <= end}

    def stop(self):
        self.is_over = True
        for thread in self.threads:
            thread.join(60)


@every
def test_traffic_is_turned_away_while_a_window_is_active_and_never_because_something_else_is_down(
        make, bare, app, make_sidecar, start_proxy):
    serve_port = free_port()
    serve = bare.serve(http=f"127.0.0.1:{serve_port}")
    sidecar = make_sidecar(serve.http_url, *HEALTH)  # with its defaults otherwise
    proxy = start_proxy(make, app.port, sidecar.port)
    traffic = Traffic(proxy)
    try:
        traffic.until("passed")
        assert traffic.between(0) == {"passed"}

        start_window(serve)
        started = time.monotonic()
        traffic.until("refused")
        until(lambda: time.monotonic() - started > KNOWLEDGE_SECONDS + 2, "the promise is due", 60)
        assert traffic.between(started + KNOWLEDGE_SECONDS) == {"refused"}

        serve.kill()
        killed = time.monotonic()
        traffic.until("passed", KNOWLEDGE_SECONDS + 20)
        until(lambda: time.monotonic() - killed > KNOWLEDGE_SECONDS + 3, "the promise is due", 60)
        assert traffic.between(killed + KNOWLEDGE_SECONDS + 1) == {"passed"}

        serve = bare.serve(http=f"127.0.0.1:{serve_port}")  # in whose records the window is still active
        traffic.until("refused")
        before = traffic.between(0)
        assert before == {"passed", "refused"}, before

        sidecar.kill()
        died = time.monotonic()
        traffic.until("passed")
        until(lambda: time.monotonic() - died > NOTICED_SECONDS + 2, "it must be noticed", 60)
        assert traffic.between(died + NOTICED_SECONDS) == {"passed"}
    finally:
        traffic.stop()
    expected = {"passed", "refused", "refused in brief"}
    odd = [(asked - died, what) for asked, what in traffic.answers if what not in expected]
    assert not odd, odd


@every
def test_the_end_of_a_window_lets_requests_pass(make, bare, app, make_sidecar, start_proxy):
    serve = bare.serve()
    start_window(serve)
    sidecar = make_sidecar(serve.http_url, *SOON)
    proxy = start_proxy(make, app.port, sidecar.port)
    closed_for(proxy)
    end_window(serve)
    open_for(proxy)


# ---- what a caller gets ----


@every
def test_a_caller_gets_what_the_gate_has_ready(make, bare, app, make_sidecar, start_proxy):
    serve = bare.serve()
    window = start_window(serve, description="Move to new disks")
    sidecar = make_sidecar(serve.http_url, *SOON, "--service", "pvm")
    proxy = start_proxy(make, app.port, sidecar.port)
    closed_for(proxy)
    assert check_refusal(proxy.ask("/orders?x=1"), window)["stats"]["service"] == "pvm"
    assert "Move to new disks" in check_page(proxy.ask("/orders", headers={"Accept": BROWSER}), window)
    for method, body in (("POST", b"{}"), ("POST", b"x" * 900_000), ("PUT", None), ("DELETE", None), ("POST", b"")):
        check_refusal(proxy.ask("/orders", method, body=body), window)
    head = proxy.ask("/orders", "HEAD")
    assert (head.status, head.body) == (503, b"") and head.headers["x-ops-maintenance"] == window["maintenance_id"]
    check_refusal(proxy.ask("/orders", headers={"X-Original-Method": "OPTIONS", "X-Original-URI": "/healthz"}), window)
    check_refusal(proxy.ask("/orders", headers={"X-Forwarded-Method": "OPTIONS", "X-Forwarded-Uri": "/healthz"}), window)
    check_refusal(proxy.ask("/" + "x" * 5000, headers={"Cookie": "c" * 5000}), window)
    check_refusal(proxy.ask("/gate/answer"), window)
    # These pass.
    assert proxy.ask("/orders", "OPTIONS").body == b"OPTIONS /orders"
    assert proxy.ask("/healthz").body == b"GET /healthz"
    assert proxy.ask("/healthz?deep=1").status == 200


@every
def test_a_window_with_many_updates_comes_whole(make, bare, app, make_sidecar, start_proxy):
    serve = bare.serve()
    start_window(serve)
    for number in range(45):
        serve.do("maintenanceupdate", text=f"{number:04}" + '"' * 1996)
    window = serve.window()
    sidecar = make_sidecar(serve.http_url, *SOON)
    proxy = start_proxy(make, app.port, sidecar.port)
    closed_for(proxy)
    check_refusal(proxy.ask("/orders"), window)
    assert len(check_page(proxy.ask("/orders", headers={"Accept": BROWSER}), window)) > 250_000


@every
def test_an_open_gate_changes_nothing(make, bare, app, make_sidecar, start_proxy):
    sidecar = make_sidecar(bare.serve().http_url, *SOON)
    proxy = start_proxy(make, app.port, sidecar.port)
    sidecar.until_open()
    for method, body in (("GET", None), ("POST", b"x" * 500_000), ("OPTIONS", None)):
        answer = proxy.ask("/orders?x=1", method, body=body)
        assert (answer.status, answer.body) == (200, f"{method} /orders?x=1".encode())
    assert proxy.ask("/forbidden").body == b"GET /forbidden", "a 403 of the service's own"
    assert proxy.ask("/" + "x" * 5000, headers={"Cookie": "c" * 5000}).status == 200


def test_a_403_of_nginx_stays_one_and_nobody_gets_at_its_inner_locations(
        bare, app, make_sidecar, start_proxy):
    serve = bare.serve()
    sidecar = make_sidecar(serve.http_url, *SOON)
    proxy = start_proxy(nginx, app.port, sidecar.port, more="location /private { deny all; }")
    open_for(proxy)
    private = proxy.ask("/private")
    assert private.status == 403 and "x-ops-maintenance" not in private.headers and b"maintenance" not in private.body
    assert proxy.ask("/opsgate/closed").status == 404
    question = proxy.ask("/opsgate/check")
    assert (question.status, question.body) == (204, b""), "what stands in for a question that fails"
    window = start_window(serve)
    closed_for(proxy)
    check_refusal(proxy.ask("/orders"), window)


# ---- a sidecar in trouble ----


@every
def test_without_a_sidecar_requests_pass(make, app, start_proxy):
    proxy = start_proxy(make, app.port, free_port())
    for _ in range(20):
        answer = proxy.ask("/orders", "POST", body=b"{}")
        assert (answer.status, answer.body) == (200, b"POST /orders")
        time.sleep(0.1)


@every
def test_a_frozen_sidecar_lets_requests_pass(make, bare, app, make_sidecar, start_proxy):
    serve = bare.serve()
    start_window(serve)
    sidecar = make_sidecar(serve.http_url, *SOON)
    proxy = start_proxy(make, app.port, sidecar.port, is_patient=False)
    closed_for(proxy)
    sidecar.send(signal.SIGSTOP)
    open_for(proxy)
    for _ in range(10):
        assert proxy.ask().status == 200
    sidecar.send(signal.SIGCONT)
    closed_for(proxy)


class Answering:
    """A server with one answer to everything, at the sidecar's address; it keeps what it is asked."""

    def __init__(self, status):
        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(handler):
                self.questions.append((handler.command, handler.path, dict(handler.headers)))
                handler.send_response(status)
                handler.send_header("Content-Length", "0")
                handler.end_headers()

            do_GET = do_POST = answer

            def log_message(self, *arguments):
                pass

        self.questions = []
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()
        self.port = self.server.server_port

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


# To Envoy everything is a no that is neither 200 nor 5xx.
@pytest.mark.parametrize("make, status", [
    *itertools.product([nginx, haproxy, traefik], [200, 302, 400, 404, 500, 502]), (envoy, 200), (envoy, 500), (envoy, 502)])
def test_a_server_that_is_no_sidecar_lets_requests_pass(make, app, start_proxy, status):
    elsewhere = Answering(status)
    try:
        proxy = start_proxy(make, app.port, elsewhere.port)
        for _ in range(20):
            assert proxy.ask("/orders").body == b"GET /orders"
            time.sleep(0.1)
    finally:
        elsewhere.stop()


class DyingSidecar:
    """Closed; and once it is told to die it goes as a killed process goes, with the answer that it is asked for."""

    STATUSES = {"/gate": 503, "/gate/deny": 403, "/gate/answer": 503}

    def __init__(self, is_reset):
        """is_reset: its connections are not ended but broken, as when something was left unread."""
        self.is_reset = is_reset
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.is_dying = False
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self):
        while True:
            connection, _ = self.listener.accept()
            with connection:
                request = connection.recv(16384).decode()
                path = request.split()[1].split("?")[0] if request else None
                if not path or (self.is_dying and path == "/gate/answer"):
                    self.listener.close()
                    if self.is_reset:
                        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    return
                answer = f"HTTP/1.1 {self.STATUSES[path]} x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                connection.sendall(answer.encode())

    def stop(self):
        listens(self.port)  # who connects and says nothing ends it as well
        self.thread.join(30)


@asking_twice
@pytest.mark.parametrize("is_reset", [False, True])
def test_a_sidecar_that_dies_while_it_answers_is_answered_for(make, app, start_proxy, is_reset):
    sidecar = DyingSidecar(is_reset)
    try:
        proxy = start_proxy(make, app.port, sidecar.port)
        closed_for(proxy)
        # On a connection that has been used before HAProxy would rather hang up.
        connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=30)
        connection.request("GET", "/orders?x=1")
        assert Answer(connection.getresponse()).status == 503
        sidecar.is_dying = True
        connection.request("GET", "/orders?x=1")
        answer = Answer(connection.getresponse())
        connection.close()
        assert answer.status == 503 and answer.tag == "maintenance-mode"
        assert answer.headers.get_all("Retry-After") == ["20"] and answer.headers.get_all("Cache-Control") == ["no-store"]
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.envelope["error"]["minor"]["message"]["en_US"]
        open_for(proxy)
    finally:
        sidecar.stop()


class SpeechlessSidecar:
    """Takes each question, begins an answer and goes no further."""

    def __init__(self, is_reset):
        self.is_reset = is_reset
        self.is_over = False
        self.questions = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self):
        while not self.is_over:
            connection, _ = self.listener.accept()
            with connection:
                if connection.recv(16384):
                    self.questions += 1
                    connection.sendall(b"HTTP/1.1 403 x\r\nContent-Le")
                if self.is_reset:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def stop(self):
        self.is_over = True
        listens(self.port)
        self.thread.join(30)
        self.listener.close()


@asking_once
@pytest.mark.parametrize("is_reset", [False, True])
def test_a_sidecar_that_dies_while_it_answers_lets_the_request_pass(make, app, start_proxy, is_reset):
    sidecar = SpeechlessSidecar(is_reset)
    try:
        proxy = start_proxy(make, app.port, sidecar.port)
        for _ in range(20):
            assert proxy.ask("/orders", "POST", body=b"{}").body == b"POST /orders"
        assert sidecar.questions >= 20
    finally:
        sidecar.stop()


def test_a_connection_of_nginx_that_lay_idle_lets_nobody_slip_through(bare, app, make_sidecar, start_proxy):
    serve = bare.serve()
    start_window(serve)
    sidecar = make_sidecar(serve.http_url, *SOON)
    proxy = start_proxy(nginx, app.port, sidecar.port)
    closed_for(proxy)
    time.sleep(IDLE_SECONDS)
    assert proxy.ask().status == 503


# ---- Envoy and Traefik ----


class Echo:
    """A service that takes every upgrade and says again what comes over it."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    @staticmethod
    def _serve(connection):
        with connection:
            head = connection.makefile("rb")
            lines = []
            while (line := head.readline()) not in (b"\r\n", b""):
                lines.append(line.lower().strip())
            wants = b"upgrade: websocket" in lines and b"connection: upgrade" in lines
            connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n" if wants
                               else b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            while wants and (data := head.read1()):
                connection.sendall(data)

    def stop(self):
        self.listener.close()


@pytest.fixture
def echo():
    made = Echo()
    yield made
    made.stop()


def handshake(proxy):
    """The connection after the request to upgrade it, and the status that came."""
    connection = socket.create_connection(("127.0.0.1", proxy.port), timeout=30)
    connection.sendall(b"GET /chat HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                       b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
    reader = connection.makefile("rb")
    status = int(reader.readline().split()[1])
    while reader.readline() not in (b"\r\n", b""):
        pass
    return connection, reader, status


def says_again(connection, reader):
    connection.sendall(b"hello\n")
    return reader.readline() == b"hello\n"


def test_a_websocket_is_turned_away_at_its_handshake_and_goes_on_once_it_is_open(bare, echo, make_sidecar, start_proxy):
    serve = bare.serve()
    sidecar = make_sidecar(serve.http_url, *SOON)
    proxy = start_proxy(nginx, echo.port, sidecar.port)
    connection, reader, status = handshake(proxy)
    assert status == 101 and says_again(connection, reader)
    start_window(serve)
    closed_for(proxy)
    refused, _, status = handshake(proxy)
    refused.close()
    assert status == 503
    assert says_again(connection, reader), "a socket that is open is no request"
    end_window(serve)
    open_for(proxy)
    again, again_reader, status = handshake(proxy)
    assert status == 101 and says_again(again, again_reader)
    again.close()
    connection.close()


@asking_once
def test_the_gate_is_told_nothing_that_is_secret_or_that_a_caller_could_forge(make, app, start_proxy):
    sidecar = Answering(200)
    try:
        proxy = start_proxy(make, app.port, sidecar.port)
        del sidecar.questions[:]
        headers = {"Accept": BROWSER, "Authorization": "Bearer x", "Cookie": "session=x", "X-Api-Key": "x",
                   "X-Original-Method": "OPTIONS", "X-Original-URI": "/healthz", "X-Forwarded-Method": "OPTIONS",
                   "X-Forwarded-Uri": "/healthz"}
        assert proxy.ask("/orders?x=1", "POST", headers, b"{}").body == b"POST /orders?x=1"
        ((method, path, told),) = sidecar.questions
    finally:
        sidecar.stop()
    told = {name.lower(): value for name, value in told.items()}
    assert told["accept"] == BROWSER
    assert not {"authorization", "cookie", "x-api-key", "x-original-method"} & set(told)
    if make is envoy:
        assert (method, path, told["x-original-uri"], told["content-length"]) == ("POST", "/gate/ok", "/orders?x=1", "0")
        assert "x-forwarded-method" not in told and "x-forwarded-uri" not in told
    else:
        assert (method, path) == ("GET", "/gate")
        assert (told["x-forwarded-method"], told["x-forwarded-uri"]) == ("POST", "/orders?x=1")
        assert "x-original-uri" not in told


@asking_once
def test_a_path_that_is_long_is_neither_turned_away_nor_a_way_in(make, bare, app, make_sidecar, start_proxy):
    serve = bare.serve()
    sidecar = make_sidecar(serve.http_url, *SOON)
    proxy = start_proxy(make, app.port, sidecar.port)
    path = "/" + "x" * 40_000
    open_for(proxy)
    assert proxy.ask(path).body == b"GET " + path.encode()
    window = start_window(serve)
    closed_for(proxy)
    check_refusal(proxy.ask(path), window)


def heads():
    """What a client may send to be a question that the sidecar can't take."""
    def get(*lines, path="/orders", method="GET", version="1.1"):
        host = ["Host: x"] if version == "1.1" else []
        top = [f"{method} {path} HTTP/{version}", *(lines if any(line.startswith("Host:") for line in lines) else host + [*lines])]
        return ("\r\n".join([*top, "Connection: close"]) + "\r\n\r\n").encode("latin-1")
    for length in (500, 1001, 4000, 8000, 12000, 14000, 15000, *range(15300, 16500, 100), 30_000, 58_000, 70_000, 300_000):
        long = "a" * length
        yield get(f"Accept: {long}")
        yield get(f"Cookie: {long}")
        yield get(f"X-Forwarded-For: {long}")
        yield get(f"X-Forwarded-Uri: /{long}")
        yield get(f"Host: {long}")
        yield get(path=f"/{long}")
        yield get(path=f"/orders?{long}")
        yield get(path=f"/healthz{long}")
        yield get(method="A" * length)
    for count in (50, 99, 500):
        yield get(*(f"X-{number}: {'y' * 140}" for number in range(count)))
        yield get(*(f"Accept: {'y' * 140}" for _ in range(count)))
        yield get("Cookie: " + "a=b; " * count * 20)
    for accept in ("\x01", "a\x7fb", "\xff\xfe", "a\tb", "text/html;\x1b[31m", "a\0b", "a\rb", "a\r\n b"):
        yield get(f"Accept: {accept}")
    for path in ("/healthz#/../orders", "/healthz/../orders", "//healthz", "/healthz%2f..%2forders", "/healthz;/../orders",
                 "/healthz\\..\\orders", "http://x/orders", "http://y/orders"):
        yield get(path=path)
    for method in ("HEAD", "POST", "options", "OPTIONSX", "TRACE"):
        yield get("Accept: \x01", "Content-Length: 0", method=method)
    yield get(version="1.0")
    yield get("Accept: " + "a" * 15700, version="1.0")
    yield get("X-Original-URI: /healthz", "X-Original-Method: OPTIONS", "X-Forwarded-Method: OPTIONS")


@every
def test_no_head_of_a_client_opens_a_closed_gate_for_it_or_for_others(make, bare, app, make_sidecar, start_proxy):
    serve = bare.serve()
    sidecar = make_sidecar(serve.http_url, *SOON)
    proxy = start_proxy(make, app.port, sidecar.port)
    window = start_window(serve)
    closed_for(proxy)
    for head in heads():
        with socket.create_connection(("127.0.0.1", proxy.port), 30) as connection:
            answer = b""
            try:
                connection.sendall(head)
                while part := connection.recv(65536):
                    answer += part
            except (BrokenPipeError, ConnectionResetError):
                pass  # the proxy does not take it
        line = answer.split(b"\r\n")[0]
        assert not line or line.split(b" ")[1][:1] in (b"4", b"5", b"3"), (head[:80], len(head), line)
    check_refusal(proxy.ask("/orders"), window)


def test_envoy_has_nothing_to_warn_of_but_the_number_of_connections(app, start_proxy):
    proxy = start_proxy(envoy, app.port, free_port())
    open_for(proxy)
    warnings = re.findall(r"\[(?:warning|error)\].*", proxy.output())
    assert all("allowed active downstream connections" in warning for warning in warnings), warnings


def test_traefik_has_nothing_to_warn_of_but_what_the_service_behind_it_may_need(app, start_proxy):
    proxy = start_proxy(traefik, app.port, free_port())
    open_for(proxy)
    warnings = re.findall(r"(?:WRN|ERR).*", proxy.output())
    assert warnings, "they are not shown"
    odd = [warning for warning in warnings if "encoded characters" not in warning and "aliasHeadersStrategy" not in warning]
    assert not odd, odd


@pytest.mark.parametrize("has_sidecar", [True, False])
def test_a_traefik_that_stops_answers_whom_it_has_let_in(bare, app, make_sidecar, start_proxy, has_sidecar):
    sidecar_port = make_sidecar(bare.serve().http_url, *SOON).port if has_sidecar else free_port()
    proxy = start_proxy(traefik, app.port, sidecar_port, reads_bodies_first=True)
    with socket.create_connection(("127.0.0.1", proxy.port)) as connection:
        connection.sendall(b"POST /orders HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert connection.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"  # so it is let in, and the gate not yet asked
        proxy.send(signal.SIGTERM)
        until(lambda: not listens(proxy.port), "it lets nobody else in", 30)
        connection.sendall(b"{}")
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert (answer.status, answer.read()) == (200, b"POST /orders")
    assert proxy.process.wait(30) == 0


def test_haproxy_finds_nothing_to_warn_of():
    command = [needs("haproxy"), "-c", "-f", DEPLOY / "haproxy.cfg"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert result.returncode == 0 and "WARNING" not in result.stdout + result.stderr, result


# ---- Traefik: what it would send ----


class Traefik:
    """What ForwardAuth does with a request, by the configuration and Traefik's reference of ForwardAuth: for the runs of the
    tests that have no Traefik."""

    def __init__(self):
        self.static = yaml.safe_load((DEPLOY / "traefik-static.yaml").read_text())
        self.http = yaml.safe_load((DEPLOY / "traefik.yaml").read_text())["http"]
        self.forward = self.http["middlewares"]["opsgate"]["forwardAuth"]

    def question(self, method, path, headers):
        """A GET of the address, with what was asked for in X-Forwarded headers, and those of its own that are named."""
        named_headers = {name.lower() for name in self.forward["authRequestHeaders"]}
        kept = {name: value for name, value in headers.items() if name.lower() in named_headers}
        return "GET", urlsplit(self.forward["address"]).path, kept | {
            "X-Forwarded-Method": method, "X-Forwarded-Proto": "http", "X-Forwarded-Host": "service.example.com",
            "X-Forwarded-Uri": path, "X-Forwarded-For": "192.0.2.1"}


def test_the_parts_of_traefiks_configuration_fit_together():
    traefik = Traefik()
    routers, services, entries = traefik.http["routers"], traefik.http["services"], traefik.static["entryPoints"]
    for router in routers.values():
        assert set(router["entryPoints"]) <= set(entries)
        assert set(router.get("middlewares", [])) <= set(traefik.http["middlewares"])
        assert router["service"] in services
    failover = services[routers["opsgate"]["service"]]["failover"]
    assert failover["fallback"] == "ping@internal" and traefik.static["ping"]["manualRouting"] is True
    sidecar = services[failover["service"]]["loadBalancer"]
    assert sidecar["servers"] == [{"url": "http://127.0.0.1:9180"}]
    assert sidecar["serversTransport"] in traefik.http["serversTransports"]
    ranges = [tuple(map(int, entry.split("-"))) for entry in failover["errors"]["status"]]
    passed_on = {status for status in range(200, 600) if not any(first <= status <= last for first, last in ranges)}
    assert passed_on == set(range(200, 300)) | {503}
    assert urlsplit(traefik.forward["address"]).netloc == entries["opsgate"]["address"]
    assert entries["opsgate"]["forwardedHeaders"]["trustedIPs"] == ["127.0.0.1/32"]


def test_traefik_turns_away_what_the_gate_turns_away(bare, make_sidecar):
    traefik = Traefik()
    serve = bare.serve()
    sidecar = make_sidecar(serve.http_url, *SOON)

    def call(method, path, headers):
        sent_method, sent_path, sent_headers = traefik.question(method, path, headers)
        return sidecar.get(sent_path, sent_method, sent_headers)

    assert 200 <= call("GET", "/orders", {}).status < 300
    window = start_window(serve)
    sidecar.until_closed()
    check_refusal(call("GET", "/orders", {}), window)
    check_refusal(call("POST", "/orders?x=1", {"Accept": "application/json"}), window)
    check_page(call("GET", "/orders", {"Accept": BROWSER}), window)
    check_refusal(call("GET", "/orders", {"X-Original-Method": "OPTIONS", "X-Original-URI": "/healthz"}), window)
    assert call("OPTIONS", "/orders", {}).status == 204 and call("GET", "/healthz?deep=1", {}).status == 204
    end_window(serve)
    sidecar.until_open()
