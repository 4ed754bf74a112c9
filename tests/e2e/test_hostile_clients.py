"""Clients that mean no good: thousands that drip, bodies that never end, old TLS, heads with two meanings, web pages."""

import contextlib
import http.client
import json
import re
import resource
import shutil
import socket
import sqlite3
import ssl
import subprocess
import threading
import time

import pytest

from g3nops import API_VERSION, DEADLINE_SECONDS, Answer, copy_home, sanitizer_library, until
from gates import Sidecar, make_sidecar, start_window  # noqa: F401 (a fixture)

HOSTILE = 5000
JSON = {"Content-Type": "application/json"}
INVOKE = "/2015-03-31/functions/{}/invocations"


@contextlib.contextmanager
def many_files(wanted):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"only {hard} open files are allowed here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def ask_ping(port):
    """By a client that was never here."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_SECONDS)
    try:
        connection.request("GET", "/ops/ping")
        return Answer(connection.getresponse())
    finally:
        connection.close()


class Drip:
    """Connections that each send a little of a head now and then, and are made anew when they are cut off."""

    def __init__(self, port, addresses, meanwhile):
        self.port = port
        self.addresses = addresses
        self.sockets = []
        for number in range(HOSTILE):
            self.sockets.append(self.connect(number))
            if number % 250 == 0:
                meanwhile()
        self.over = threading.Event()
        self.renewed = 0
        self.thread = threading.Thread(target=self.go_on)
        self.thread.start()

    def connect(self, number):
        hostile = socket.socket()
        hostile.settimeout(DEADLINE_SECONDS)
        hostile.bind((self.addresses[number % len(self.addresses)], 0))
        hostile.connect(("127.0.0.1", self.port))
        hostile.sendall(b"GET /ops/ping HTTP/1.1\r\n")
        hostile.settimeout(0)
        return hostile

    def go_on(self):
        while not self.over.wait(0.5):
            for number, hostile in enumerate(self.sockets):
                try:
                    hostile.send(b"X-a: b\r\n")
                except BlockingIOError:
                    pass
                except OSError:
                    hostile.close()
                    self.renewed += 1
                    with contextlib.suppress(OSError):
                        self.sockets[number] = self.connect(number)
                if self.over.is_set():
                    return

    def end(self):
        self.over.set()
        self.thread.join()
        for hostile in self.sockets:
            hostile.close()


class Known:
    """A client that has finished a request, on the one connection that it has."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_SECONDS)
        self.connection.connect()
        self.socket = self.connection.sock
        self.ask()

    def ask(self):
        self.connection.request("GET", "/ops/ping")
        answer = Answer(self.connection.getresponse())
        assert answer.data["status"] == "ok"
        assert self.connection.sock is self.socket, "it is the same connection"


MANY_ADDRESSES = [f"127.0.{number // 200}.{number % 200 + 1}" for number in range(50)]


@pytest.mark.parametrize("addresses, arguments", [
    (["127.0.0.1"], []), (MANY_ADDRESSES, []), (["127.0.0.1"], ["--http-connections-per-address", 4096]),
], ids=["one address", "many addresses", "an allowance of all places"])
def test_five_thousand_connections_that_drip_shut_nobody_out(bare, tmp_path, addresses, arguments):
    with many_files(2 * HOSTILE + 2000):
        serve = bare.serve(*arguments)
        sidecar = Sidecar(tmp_path / "gate.err", serve.http_url)
        known = [Known(serve.http_port) for _ in range(5)]

        def answered(gate):
            return gate.metrics()['opsgate_refreshes_total{result="answered"}']

        def ask_known():
            for client in known:
                client.ask()
        drip = Drip(serve.http_port, addresses, ask_known)
        try:
            before = answered(sidecar)
            end = time.monotonic() + 12  # longer than a head may take
            rounds = 0
            while time.monotonic() < end or rounds < 10:
                assert ask_ping(serve.http_port).data["status"] == "ok"
                ask_known()
                assert serve.invoke("sweep")["success"]
                rounds += 1
            late = Sidecar(tmp_path / "late.err", serve.http_url)
            assert late.get().status == 204
            until(lambda: answered(late) > 0, "a gate that was started meanwhile is told")
            until(lambda: answered(sidecar) > before, "a gate that was there before is told again")
            assert drip.renewed > 0, "some were cut off"
        finally:
            drip.end()
        assert sidecar.stop() == late.stop() == 0
        assert serve.stop() == 0


def connect_to_socket(serve):
    """A unix socket whose queue is full says so at once, rather than to let anybody wait."""
    def connected():
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(DEADLINE_SECONDS)
        try:
            connection.connect(serve.invoke_address.removeprefix("unix:"))
            return connection
        except BlockingIOError:
            connection.close()
            return None
    return until(connected, "there is room in the queue")


def test_those_who_drip_on_the_operators_socket_shut_out_no_operator(bare):
    with many_files(6000):
        serve = bare.serve()
        hostile = []
        try:
            for _ in range(2000):
                hostile.append(connect_to_socket(serve))
                hostile[-1].sendall(b"POST / HTTP/1.1\r\n")
            for _ in range(10):
                assert serve.invoke("sweep")["success"] and serve.ping()["status"] == "ok"
        finally:
            for one in hostile:
                one.close()


def resident_mib(serve):
    with open(f"/proc/{serve.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:")) // 1024


def test_half_payloads_take_no_more_than_their_share_and_small_ones_pass(bare):
    with many_files(4000):
        serve = bare.serve()
        before, halves = resident_mib(serve), []
        head = b"POST " + INVOKE.format("ops_sweep").encode() + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 1048576\r\n\r\n"
        try:
            for _ in range(400):
                half = connect_to_socket(serve)
                half.sendall(head + b" " * 1048575)
                halves.append(half)
            assert serve.invoke("sweep")["success"] and serve.schedule(3600)
            if not sanitizer_library():
                assert resident_mib(serve) - before < 64
            answer = serve.invoke_raw("ops_sweep", b" " * 1048000 + b"{}")
            assert (answer.status, answer.tag, answer.headers["Retry-After"]) == (413, "payload-too-large", "1")
            assert "no room" in answer.envelope["Message"], answer
        finally:
            for half in halves:
                half.close()
        until(lambda: serve.invoke_raw("ops_sweep", b" " * 1048000 + b"{}").status == 200, "there is room again")


# ---- TLS ----


@pytest.fixture(scope="module", params=["rsa", "ec"])
def certificate(request, tmp_path_factory):
    directory = tmp_path_factory.mktemp("tls")
    kind = {"rsa": ["rsa:2048"], "ec": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]}[request.param]
    subprocess.run(["openssl", "req", "-x509", "-newkey", *kind, "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days", "2",
                    "-subj", "/CN=localhost"], cwd=directory, check=True, capture_output=True)
    return request.param, directory / "cert.pem", directory / "key.pem"


def agreed(port, *arguments):
    """Version and cipher that openssl and we come to, or None."""
    result = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *arguments], input="", text=True,
                            capture_output=True, timeout=DEADLINE_SECONDS)
    found = re.search(r"^New, (\S+), Cipher is (\S+)$", result.stdout, re.MULTILINE)
    return None if not found or found[2] == "(NONE)" else (found[1], found[2])


@pytest.mark.parametrize("head, status, field", [
    ("Content-Length: 2, 2", 400, "Content-Length"), ("Content-Length: 99999999999999999999999", 413, "Content-Length"),
    ("X: " + "y" * 40_000, 431, "head"), ("X", 400, "head")], ids=["two lengths", "a huge length", "a long head", "no colon"])
def test_what_the_library_refuses_gets_one_answer_over_tls_too(bare, certificate, head, status, field):
    _, cert, key = certificate
    port = bare.serve("--tls-cert", cert, "--tls-key", key).http_port
    context = ssl.create_default_context(cafile=cert)
    context.check_hostname = False
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", port), DEADLINE_SECONDS) as plain, context.wrap_socket(plain) as connection:
            connection.sendall(f"GET /ops/ping HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n".encode())
            answer = b""
            while part := connection.recv(65536):
                answer += part
        top, _, body = answer.decode().partition("\r\n\r\n")
        assert top.startswith(f"HTTP/1.1 {status} ") and "\r\nConnection: close" in top
        assert json.loads(body)["error"]["details"]["field"] == field


def test_only_tls_1_2_and_1_3_with_forward_secrecy_are_spoken(bare, certificate):
    kind, cert, key = certificate
    port = bare.serve("--tls-cert", cert, "--tls-key", key).http_port
    anything = ["-cipher", "ALL:@SECLEVEL=0"]
    assert agreed(port, "-tls1", *anything) is None
    assert agreed(port, "-tls1_1", *anything) is None
    assert agreed(port, "-tls1_3")[0] == "TLSv1.3"
    sign = kind.upper() if kind == "rsa" else "ECDSA"
    for cipher in (f"ECDHE-{sign}-AES128-GCM-SHA256", f"ECDHE-{sign}-AES256-GCM-SHA384", f"ECDHE-{sign}-CHACHA20-POLY1305"):
        assert agreed(port, "-tls1_2", "-cipher", cipher) == ("TLSv1.2", cipher)
    for cipher in ("AES128-SHA", "AES256-SHA256", "AES128-GCM-SHA256", "AES256-GCM-SHA384", f"ECDHE-{sign}-AES128-SHA",
                   f"ECDHE-{sign}-AES256-SHA384", "DHE-RSA-AES128-SHA", "kRSA", "PSK", "aNULL", "eNULL", "3DES", "CAMELLIA"):
        assert agreed(port, "-tls1_2", "-cipher", f"{cipher}:@SECLEVEL=0") is None, cipher
    assert agreed(port, *anything) is not None


# ---- heads ----

HEADS = {
    "no host": b"",
    "two hosts": b"Host: localhost\r\nHost: localhost\r\n",
    "two lengths": b"Host: localhost\r\nContent-Length: 2\r\nContent-Length: 2\r\n",
    "chunks and a length": b"Host: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n",
    "a NUL": b"Host: localhost\r\nX: a\0b\r\n",
    "a CR": b"Host: localhost\r\nX: a\rb\r\n",
}


@pytest.fixture(scope="module")
def listeners(tmp_path_factory, bare_template):
    """The ways to a service, by a function that connects."""
    home = copy_home(bare_template, tmp_path_factory.mktemp("listeners") / "h")
    over_tcp = home.serve("--invoke-listen", "127.0.0.1:0")
    other = copy_home(bare_template, tmp_path_factory.mktemp("listeners-unix") / "h")
    over_unix = other.serve()

    def to_port(url):
        return lambda: socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1])), timeout=DEADLINE_SECONDS)

    yield {"http": to_port(over_tcp.http_url), "invoke tcp": to_port(over_tcp.invoke_address),
           "invoke unix": lambda: connect_to_socket(over_unix)}
    wrong = home.finish() + other.finish()
    assert not wrong, wrong


@pytest.mark.parametrize("listener", ["http", "invoke tcp", "invoke unix"])
@pytest.mark.parametrize("name", HEADS)
def test_a_head_with_two_meanings_is_refused_and_ends_the_connection(listeners, listener, name):
    line = b"GET /ops/ping HTTP/1.1\r\n" if listener == "http" else b"POST " + INVOKE.format("ops_sweep").encode() + b" HTTP/1.1\r\n"
    with listeners[listener]() as connection:
        # What is hidden behind it is a request of its own, which must not be answered.
        connection.sendall(line + HEADS[name] + b"\r\n" + line + b"Host: localhost\r\n\r\n")
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while part := connection.recv(65536):
                answer += part
    assert re.findall(rb"HTTP/1\.1 (\d+) ", answer) == [b"400"], answer
    assert b"\r\nConnection: close\r\n" in answer and b'"invalid-field"' in answer


def test_clients_of_the_operators_socket_still_work(bare):
    serve = bare.serve()
    path = serve.invoke_address.removeprefix("unix:")
    assert bare.run("sweep").returncode == 0
    if shutil.which("curl"):
        result = subprocess.run(["curl", "-s", "--unix-socket", path, "-d", "{}", "http://ops" + INVOKE.format("ops_sweep")],
                                capture_output=True, text=True, timeout=DEADLINE_SECONDS)
        assert json.loads(result.stdout)["success"] is True, result


# ---- web pages ----


def page(serve, function, payload, headers):
    """What a page in the operator's browser can make the browser send."""
    port = int(serve.invoke_address.rsplit(":", 1)[1])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_SECONDS)
    try:
        connection.request("POST", INVOKE.format(function), json.dumps(payload), headers)
        return Answer(connection.getresponse())
    finally:
        connection.close()


def test_a_web_page_calls_no_function(bare):
    serve = bare.serve("--invoke-listen", "127.0.0.1:0")
    port = serve.invoke_address.rsplit(":", 1)[1]
    local = f"127.0.0.1:{port}"
    pages = {
        "Origin": {"Host": local, "Origin": "https://evil.example", "Content-Type": "application/json"},
        "Sec-Fetch-Site": {"Host": local, "Sec-Fetch-Site": "cross-site"},
        "Content-Type": {"Host": local, "Content-Type": "text/plain;charset=UTF-8"},
        "Host": {"Host": f"evil.example:{port}"},
    }
    wrong = {"secret_code": "guess guess guess", "maintenance_id": "01M861N9R72WQT7DAT2EY8ZEJ1"}
    for field, headers in pages.items():
        for _ in range(6):  # more than lock the codes
            answer = page(serve, "ops_maintenancestart", wrong, headers)
            assert (answer.status, answer.tag, answer.details) == (403, "invalid-field", {"field": field}), answer
            assert answer.headers["x-amzn-ErrorType"] == "AccessDeniedException"
            assert answer.envelope["Type"] == "User" and field in answer.envelope["Message"]
    assert serve.schedule()["status"] == "scheduled", "no code was looked at, so none is locked"
    assert not [record for record in serve.audit() if record["type"].startswith("secret.mismatch")]


def test_only_hosts_that_are_named_are_answered(bare):
    serve = bare.serve("--http-host", "ops.example.com,ops.internal")
    for path in ("/ops/ping", "/metrics", "/ops/openapi.yaml", "/ops/nowhere"):
        answer = serve.http("GET", path, headers={"Host": "evil.example"})
        assert (answer.status, answer.tag, answer.details) == (421, "invalid-field", {"field": "Host"})
    for host in ("ops.example.com", "OPS.internal:8443", "localhost", f"127.0.0.1:{serve.http_port}"):
        assert serve.http("GET", "/metrics", headers={"Host": host}).status == 200
    assert serve.http("GET", "/healthz", headers={"Host": "10.1.2.3"}).status == 200
    assert bare.run("ping").returncode == 0


@pytest.mark.parametrize("hosts", ["", ",", "ops:8080", "https://ops", "*", ",".join(f"h{number}" for number in range(40))])
def test_hosts_that_are_none_are_refused(bare, hosts):
    code, said = bare.serve_refused("--http-host", hosts)
    assert code == 2 and "--http-host" in said


# ---- addresses ----


@pytest.mark.parametrize("listen", ["*:0", "[::]:0", "0.0.0.0:0"])
def test_every_address_is_listened_on(bare, listen):
    if listen == "[::]:0" and not has_ipv6():
        pytest.skip("this machine has no IPv6")
    serve = bare.serve(http=listen)
    addresses = ["127.0.0.1", "127.0.0.7"] + (["::1"] if has_ipv6() and listen != "0.0.0.0:0" else [])
    for address in addresses:
        connection = http.client.HTTPConnection(address, serve.http_port, timeout=DEADLINE_SECONDS)
        connection.request("GET", "/ops/ping")
        assert Answer(connection.getresponse()).data["status"] == "ok"
        connection.close()
    assert bare.run("ping").returncode == 0, "the other commands find it"


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as one:
            one.bind(("::1", 0))
        return True
    except OSError:
        return False


def test_functions_are_never_offered_at_every_address(bare):
    for address in ("*:0", "[::]:0"):
        code, said = bare.serve_refused("--invoke-listen", address)
        assert code == 2 and "--invoke-listen" in said and "loopback" in said and address.strip("[]:0") in said


# ---- health ----


def test_health_is_the_processs_and_readiness_the_stores_too(bare):
    serve = bare.serve()
    for path in ("/healthz", "/readyz"):
        answer = serve.http("GET", path)
        assert (answer.status, answer.body) == (200, b"ok\n") and answer.headers["Content-Type"].startswith("text/plain")
        assert serve.http("HEAD", path).status == 200
        assert serve.http("POST", path, "{}").tag == "method-not-allowed"
    with contextlib.closing(sqlite3.connect(bare.store, timeout=30)) as db:
        db.execute("INSERT INTO records VALUES ('MAINTENANCE#open', 'x', '[1]')")
        db.commit()
        answer = until(lambda: (found := serve.http("GET", "/readyz")).status == 503 and found, "it is told that it is not ready")
        assert answer.body == b"store: it can't be read\n" and answer.headers["Content-Type"].startswith("text/plain")
        assert serve.http("GET", "/healthz").status == 200
        db.execute("DELETE FROM records WHERE sk = 'x'")
        db.commit()
    until(lambda: serve.http("GET", "/readyz").status == 200, "it is ready again")


# ---- what all answers have ----


def test_every_answer_carries_the_version_of_the_stacks_interfaces(bare, make_sidecar):
    serve = bare.serve()
    answers = [serve.http(method, path, body, headers) for method, path, body, headers in (
        ("GET", "/ops/ping", None, {}), ("GET", "/ops/stat", None, {}), ("GET", "/ops/maintenance/list", None, {}),
        ("GET", "/ops/nowhere", None, {}), ("DELETE", "/ops/ping", None, {}), ("GET", "/ops/ping", "{}", {}),
        ("POST", "/ops/maintenance/list", "{}", {}), ("POST", "/ops/maintenance/list", "x" * 70000, JSON),
        ("GET", "/ops/ping?session_guid=x", None, {}), ("GET", "/metrics", None, {}), ("GET", "/ops/openapi.yaml", None, {}),
        ("GET", "/healthz", None, {}), ("GET", "/readyz", None, {}), ("GET", "/ops/ping", None, {"Host": "a b"}))]
    answers += [serve.invoke_raw(function, body, headers) for function, body, headers in (
        ("ops_sweep", "{}", {}), ("ops_sweep", "{", {}), ("ops_sweep", "[]", {}), ("ops_nothing", "{}", {}),
        ("ops_sweep", "{}", {"Origin": "https://evil.example"}), ("ops_sweep", "{}", {"X-Amz-Invocation-Type": "Event"}),
        ("ops_sweep", "{}", {"X-Amz-Invocation-Type": "DryRun"}), ("ops_sweep", "x" * (1 << 21), {}))]
    sidecar = make_sidecar(serve.http_url)
    paths = ("/gate", "/gate/ok", "/gate/deny", "/gate/answer", "/metrics", "/healthz", "/nowhere")
    answers += [sidecar.get(path) for path in paths]
    start_window(serve)
    sidecar.until_closed()
    answers += [sidecar.get(path, headers={"Accept": accept}) for path in paths for accept in ("text/html", "*/*")]
    assert {answer.status for answer in answers} >= {200, 202, 204, 400, 401, 403, 404, 405, 413, 415, 503}
    for answer in answers:
        assert answer.headers.get_all("X-API-Version") == [API_VERSION], (answer, answer.headers.items())


@pytest.mark.parametrize("method, path, call", [
    ("GET", "/ops/ping", "GET /ping"), ("GET", "/ops/maintenance/get", "GET /maintenance/get"),
    ("POST", "/ops/maintenance/list", "POST /maintenance/list"), ("GET", "/ops/nowhere?x=1", "GET /nowhere"),
    ("PUT", "/elsewhere", "PUT /elsewhere"), ("DELETE", "/ops/stat", "DELETE /stat")])
def test_statistics_name_method_and_path(shared, method, path, call):
    assert shared.http(method, path).envelope["stats"]["call"] == call


def test_statistics_of_a_function_name_it(shared):
    assert shared.invoke("maintenanceend")["stats"]["call"] == "ops_maintenanceend"
