"""Clients that stall, break off or come by the thousand, and never hold up the others."""

import http.client
import os
import re
import resource
import select
import socket
import time

import pytest

from g3nops import DEADLINE_SECONDS, until


def connect(serve):
    connection = socket.create_connection(("127.0.0.1", serve.http_port), timeout=DEADLINE_SECONDS)
    return connection


def connect_invoke(serve):
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(DEADLINE_SECONDS)
    connection.connect(serve.invoke_address.removeprefix("unix:"))
    return connection


HALF_REQUESTS = {
    "nothing": b"",
    "half a request line": b"GET /ops/pi",
    "half the headers": b"POST /ops/maintenance/list HTTP/1.1\r\nHost: x\r\n",
    "half a body": b"POST /ops/maintenance/list HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                   b"Content-Length: 100\r\n\r\n{\"status\":",
    "half a chunk": b"POST /ops/maintenance/list HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                    b"Transfer-Encoding: chunked\r\n\r\n50\r\n{\"status\":",
}


def test_sockets_that_stall_hold_up_nobody_and_are_dropped_in_the_end(bare):
    """The one test that waits: the 10 s for a head and the 30 s for a body have no setting."""
    serve = bare.serve()
    stalled = {}
    for open_one in (connect, connect_invoke):
        for name, sent in HALF_REQUESTS.items():
            stalled[open_one.__name__, name] = connection = open_one(serve)
            connection.sendall(sent)
    assert serve.ping()["status"] == "ok" and serve.invoke("sweep")["success"]

    def all_dropped():
        assert serve.ping()["status"] == "ok"
        for name, connection in list(stalled.items()):
            readable, _, _ = select.select([connection], [], [], 0)
            try:
                if readable and not connection.recv(4096):
                    connection.close()
                    del stalled[name]
            except ConnectionResetError:
                connection.close()
                del stalled[name]
        time.sleep(0.2)
        return not stalled
    try:
        until(all_dropped, "stalled sockets are dropped", 90)
    except AssertionError:
        pytest.fail(f"never dropped: {list(stalled)}")


@pytest.mark.parametrize("name", HALF_REQUESTS)
def test_a_client_that_breaks_off_does_no_harm(shared, name):
    for open_one in (connect, connect_invoke):
        for _ in range(20):
            connection = open_one(shared)
            connection.sendall(HALF_REQUESTS[name])
            connection.close()
    assert shared.ping()["status"] == "ok" and shared.invoke("sweep")["success"]


@pytest.mark.parametrize("sent", [
    b"\x00\x01\x02\x03\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 500, b"GET\r\n\r\n", b"GET /ops/ping\r\n\r\n",
    b"GET /ops/ping HTTP/9.9\r\n\r\n", b"GET /ops/ping HTTP/1.1\r\nHost x\r\n\r\n", b"\r\n" * 10000 + b"GET /",
    b"POST /ops/maintenance/list HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"POST /ops/maintenance/list HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
    b"POST /ops/maintenance/list HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"POST /ops/maintenance/list HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n{}..",
    b"POST /ops/maintenance/list HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"GET /" + b"a" * 200000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
])
def test_bytes_that_are_no_request_get_an_error_or_nothing(shared, sent):
    for open_one in (connect, connect_invoke):
        connection = open_one(shared)
        connection.settimeout(1)
        try:
            connection.sendall(sent)
            answer = connection.recv(65536)
            assert b" 200 OK" not in answer.split(b"\r\n")[0], answer
        except (ConnectionResetError, BrokenPipeError, TimeoutError):
            pass  # nothing, or not yet
        finally:
            connection.close()
    assert shared.ping()["status"] == "ok"


def test_a_body_in_chunks_is_read_whole(shared):
    guid = shared.home.session()
    connection = connect(shared)
    connection.sendall(b"POST /ops/maintenance/list HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
                       b"x-session-guid: " + guid.encode() + b"\r\nTransfer-Encoding: chunked\r\n\r\n"
                       b"2\r\n{\"\r\n6\r\nstatus\r\n8\r\n\": \"all\"\r\n1\r\n}\r\n0\r\n\r\n")
    answer = b""
    while part := connection.recv(65536):
        answer += part
    connection.close()
    assert b" 200 " in answer.split(b"\r\n")[0] and b'"items"' in answer, answer


def test_requests_one_behind_the_other_on_a_connection_are_answered_in_order(shared):
    connection = connect(shared)
    connection.sendall(b"GET /ops/ping HTTP/1.1\r\nHost: x\r\n\r\nGET /ops/nowhere HTTP/1.1\r\nHost: x\r\n\r\n"
                       b"GET /ops/stat HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    answer = b""
    while part := connection.recv(65536):
        answer += part
    connection.close()
    assert re.findall(rb"HTTP/1.1 (\d+) ", answer) == [b"200", b"404", b"200"]


def test_a_thousand_idle_connections_leave_room_for_a_ping(bare):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2500:
        pytest.skip(f"only {hard} open files are allowed here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2500), hard))
    serve = bare.serve()
    idle = []
    try:
        for number in range(1000):
            idle.append(connect(serve))
            if number % 2:
                idle[-1].sendall(b"GET /ops/ping HTTP/1.1\r\n")
        for _ in range(10):
            assert serve.ping()["status"] == "ok"
        assert serve.invoke("sweep")["success"]
    finally:
        for connection in idle:
            connection.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert serve.stop() == 0


def test_sigterm_does_not_wait_for_clients_that_stall(bare):
    serve = bare.serve()
    stalled = [connect(serve) for _ in range(5)] + [connect_invoke(serve) for _ in range(5)]
    for connection in stalled:
        connection.sendall(HALF_REQUESTS["half a body"])
    assert serve.stop() == 0
    for connection in stalled:
        connection.close()


def open_files(serve):
    try:
        return len(os.listdir(f"/proc/{serve.pid}/fd"))
    except PermissionError:
        pytest.skip("only root may look at the descriptors of a process that can't be dumped")


def resident_kib(serve):
    with open(f"/proc/{serve.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


def test_twenty_thousand_requests_leave_no_open_file_and_little_memory_behind(bare):
    serve = bare.serve()
    guid = bare.session()
    serve.schedule()
    requests = [("GET", "/ops/ping", None, {}), ("GET", "/ops/maintenance/list?status=all", None, {"x-session-guid": guid}),
                ("GET", "/ops/ping", None, {}), ("GET", "/ops/nowhere", None, {}), ("GET", "/ops/stat", None, {}),
                ("POST", "/ops/maintenance/list", b'{"status": 1}', {"Content-Type": "application/json"}),
                ("GET", "/ops/ping?x=1", None, {}), ("POST", "/ops/ping", b"{}", {})]

    def ask(count):
        connection = http.client.HTTPConnection("127.0.0.1", serve.http_port, timeout=DEADLINE_SECONDS)
        for number in range(count):
            connection.request(*requests[number % len(requests)])
            connection.getresponse().read()
            if number % 100 == 0:
                connection.close()
            if number % 500 == 0:
                assert serve.invoke("vacuumstatus")["success"] is False
        connection.close()
    ask(6000)
    files, memory = open_files(serve), resident_kib(serve)
    ask(14000)
    until(lambda: open_files(serve) <= files + 2, "no open file is left behind", 10)
    assert resident_kib(serve) - memory < 40 * 1024, "there is a leak of some kB a request"
