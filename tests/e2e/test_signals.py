"""serve stays up: signals read things anew, end it, or do nothing."""

import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time

import pytest

from g3nops import PROGRAM, base_environment, until
from stack import big_stack, count, make_table, write_manifest
from test_bad_clients import open_files, resident_kib

STRAY = ["SIGUSR1", "SIGUSR2", "SIGPIPE", "SIGALRM", "SIGVTALRM", "SIGPROF", "SIGIO", "SIGPWR", "SIGSTKFLT", "SIGXFSZ", "SIGWINCH",
         "SIGURG", "SIGCHLD", "SIGRTMIN", "SIGRTMAX"]
BY_ORG = {"by": "attribute", "name": "orgcode"}


def told(serve):
    """What was said about reading anew so far."""
    events = serve.events("reload.manifest", "reload.certificate")
    assert all((event["level"] == "error") == ("in force stays" in event["msg"]) for event in events), events
    return [event["msg"][0].lower() + event["msg"][1:] for event in events]


def reload(serve, line_count=1):
    """Sends SIGHUP, and gives what comes of it."""
    before = len(told(serve))
    serve.process.send_signal(signal.SIGHUP)
    until(lambda: len(told(serve)) >= before + line_count, "serve has read anew")
    return told(serve)[before:]


# ---- stray signals, and the end ----


@pytest.mark.parametrize("name", STRAY)
def test_a_stray_signal_does_nothing(bare, name):
    serve = bare.serve()
    for _ in range(3):
        serve.process.send_signal(getattr(signal, name))
        assert serve.ping()["status"] == "ok"
        assert serve.invoke("sweep")["success"]
    assert (bare.data / "serve.json").exists()
    assert serve.stop() == 0


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_it_ends_cleanly_when_it_is_asked_to(bare, name):
    serve = bare.serve()
    serve.process.send_signal(getattr(signal, name))
    assert serve.process.wait(15) == 0
    assert not (bare.data / "serve.json").exists() and not (bare.data / "invoke.sock").exists()


@pytest.mark.parametrize("names", [["SIGTERM", "SIGTERM"], ["SIGTERM", "SIGINT"], ["SIGHUP", "SIGTERM", "SIGHUP"]])
def test_two_signals_in_one_breath_are_one_wish(bare, names):
    """As 'timeout' sends them: to the process, and then to its group."""
    serve = bare.serve()
    with half_a_request(serve):
        for name in names:
            serve.process.send_signal(getattr(signal, name))
        assert serve.process.wait(15) == 0


def test_a_second_request_to_end_does_not_wait_for_what_is_under_way(bare):
    serve = bare.serve()
    with half_a_request(serve):
        serve.process.send_signal(signal.SIGTERM)
        until(lambda: not (bare.data / "serve.json").exists(), "the end has begun")
        time.sleep(0.7)
        serve.process.send_signal(signal.SIGTERM)
        assert serve.process.wait(15) == -signal.SIGTERM
    bare.serves.clear()
    assert bare.serve().ping()["status"] == "ok"


class half_a_request:
    """A client that has begun, and keeps the end waiting for as long as anybody may."""

    def __init__(self, serve):
        self.connection = socket.create_connection(("127.0.0.1", serve.http_port))
        self.connection.sendall(b"POST /ops/maintenance/list HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                                b"Content-Length: 100\r\n\r\n{")
        until(lambda: serve.ping(), "it was read")

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.connection.close()


def test_whoever_stops_reading_what_it_says_does_no_harm(bare):
    process = subprocess.Popen([PROGRAM, "serve", "--data", bare.data, "--http-listen", "127.0.0.1:0"],
                               stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, env=base_environment(), text=True)
    try:
        port = int(process.stderr.readline().split()[1].rsplit(":", 1)[1])
        process.stderr.close()
        process.send_signal(signal.SIGHUP)
        # What the sweep has to say about this goes nowhere, too.
        os.rename(bare.store, bare.directory / "away")
        os.mkdir(bare.store)
        for _ in range(5):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            connection.request("GET", "/ops/stat")
            assert connection.getresponse().status == 200
            time.sleep(0.3)
        assert process.poll() is None
    finally:
        process.terminate()
        assert process.wait(15) == 0


def test_a_serve_without_standard_files_keeps_what_it_says_out_of_its_own(bare):
    """Whatever is opened next would get their numbers, and what is meant for standard error."""
    with open("/dev/null", "r+b") as nowhere:
        process = subprocess.Popen(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", PROGRAM, "serve", "--data", bare.data,
                                    "--http-listen", "127.0.0.1:0"], stdin=nowhere, stdout=nowhere, stderr=nowhere,
                                   env=base_environment())
    try:
        url = json.loads(until(lambda: (bare.data / "serve.json").exists() and (bare.data / "serve.json").read_text(),
                               "it is ready"))["http"]
        if os.geteuid() == 0:  # nobody else may look at the descriptors of a process that can't be dumped
            assert [os.readlink(f"/proc/{process.pid}/fd/{fd}") for fd in range(3)] == ["/dev/null"] * 3
        process.send_signal(signal.SIGHUP)
        for _ in range(3):
            connection = http.client.HTTPConnection("127.0.0.1", int(url.rsplit(":", 1)[1]), timeout=30)
            connection.request("GET", "/ops/ping")
            assert json.loads(connection.getresponse().read())["success"]
    finally:
        process.terminate()
        assert process.wait(15) == 0
    for path in bare.data.rglob("*"):
        assert not path.is_file() or b"ready http=" not in path.read_bytes(), path


# ---- the manifest ----


def shop(home, *tables, **more):
    write_manifest(home, [{"code": "pvm", "tables": [{"name": name, "org": BY_ORG} for name in tables]}], **more)


def targets(vacuum):
    return {target["name"]: target["status"] for target in vacuum["targets"] if target["kind"] == "table"}


def test_a_hangup_makes_it_read_the_manifest_anew(bare):
    for name in ("one", "two"):
        make_table(bare.table(name), [("k", "v", "acme", "{}")])
    shop(bare, "one")
    serve = bare.serve()
    assert targets(serve.dry_run()) == {"one": "completed", "two": "unclassified"}
    shop(bare, "one", "two")
    assert reload(serve) == [f"the manifest {bare.data}/manifest.json is in force, with 2 targets"]
    assert targets(serve.dry_run()) == {"one": "completed", "two": "completed"}
    assert reload(serve) == [f"the manifest {bare.data}/manifest.json is in force, with 2 targets; it says what it said before"]


def test_a_manifest_that_is_none_is_refused_and_the_one_before_stays(bare, tmp_path):
    make_table(bare.table("one"), [("k", "v", "acme", "{}")])
    shop(bare, "one")
    path = bare.data / "manifest.json"
    serve = bare.serve()
    good = path.read_text()
    bad = {
        "no JSON": "{",
        "two problems": json.dumps({"stack": "x", "services": [{"code": "pvm", "tables": [{"name": "a"}, {"name": "b"}]}]}),
        "gone": None,
        "too large": " " * (5 << 20),
    }
    for what, text in bad.items():
        path.unlink()
        if text is not None:
            path.write_text(text)
        [line] = reload(serve)
        assert line.startswith("the manifest in force stays: ") and str(path) in line, (what, line)
        if what == "two problems":
            assert "services[0].tables[0].org" in line and "services[0].tables[1].org" in line, line
        assert targets(serve.dry_run()) == {"one": "completed"}
        path.write_text(good)
    assert len(reload(serve)) == 1


def test_many_problems_are_counted_on_one_line(bare):
    shop(bare, "one")
    serve = bare.serve()
    write_manifest(bare, [{"code": "pvm", "tables": [{"name": f"table_{i}"} for i in range(40)]}])
    [line] = reload(serve)
    assert "tables[9].org" in line and line.endswith("and 30 more") and "tables[10].org" not in line, line


def test_a_file_whose_name_breaks_the_line_does_not_break_it(bare, tmp_path):
    path = tmp_path / "mani\nfest\x1b[31m.json"
    shop(bare, "one")
    shutil.move(bare.data / "manifest.json", path)
    serve = bare.serve("--manifest", path)
    path.write_text("{")
    [line] = reload(serve)
    assert str(path) in line and r"mani\nfest\u001b[31m.json" in serve.stderr()


def test_a_manifest_given_by_name_is_read_from_there(bare, tmp_path):
    shop(bare, "one")
    other = tmp_path / "other.json"
    shutil.copy(bare.data / "manifest.json", other)
    serve = bare.serve("--manifest", other)
    shop(bare, "one", "two")
    assert reload(serve) == [f"the manifest {other} is in force, with 1 target; it says what it said before"]


def test_sessions_are_looked_for_where_the_new_manifest_says(bare):
    def write(table):
        services = [{"code": "usm", "tables": [{"name": "usm_one", "org": BY_ORG}, {"name": "usm_two", "org": BY_ORG}]},
                    {"code": "uas", "tables": [{"name": "uas_users", "org": BY_ORG}]}]
        write_manifest(bare, services, sessions={"sessions_table": table, "users_table": "uas_users"})

    def status():
        return serve.http("GET", "/ops/maintenance/list", headers={"x-session-guid": guid}).status

    write("usm_one")
    serve, guid = bare.serve(), bare.session()
    assert status() == 200
    write("usm_two")
    make_table(bare.table("usm_two"), [])
    reload(serve)
    assert status() == 401
    guid = bare.session()
    assert status() == 200


def test_what_a_vacuum_has_begun_with_is_left_alone_once_the_manifest_protects_it(make_home, bare_template, settable_clock):
    home = make_home(bare_template)
    big_stack(home, 40000, 10)
    serve = home.serve("--max-rate", 2000, clock=True)
    vacuum_id = serve.do("vacuumall", confirmation_phrase="VACUUM ALL DATA PERMANENTLY")["vacuum_id"]
    home.clock.ahead(301)
    until(lambda: 0 < count(home.table("pvm_main")) < 40001, "it is in the middle")
    manifest = json.loads((home.data / "manifest.json").read_text())
    (home.data / "manifest.json").write_text(json.dumps(manifest | {"protected": ["pvm_main"]}))
    reload(serve)
    left = count(home.table("pvm_main"))
    vacuum = serve.vacuum_ended(vacuum_id)
    assert 1 < left == count(home.table("pvm_main"))
    [table] = [target for target in vacuum["targets"] if target["name"] == "pvm_main"]
    assert vacuum["status"] == "failed" and table["deleted"] == 40001 - left
    assert "the manifest lists it as protected" in table["error"]


# ---- the certificate ----


def make_certificate(directory, name, serial):
    """A new certificate and key under the same names, as whoever renews one leaves them."""
    cert, key = directory / f"{name}.pem", directory / f"{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-set_serial", str(serial), "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key,
                    "-out", cert], check=True, capture_output=True)
    return cert, key


def shown(serve):
    """The certificate that a new connection is shown."""
    return ssl.get_server_certificate(("127.0.0.1", serve.http_port)).strip()


def connection_to(serve):
    context = ssl._create_unverified_context()
    connection = http.client.HTTPSConnection("127.0.0.1", serve.http_port, timeout=30, context=context)
    connection.connect()
    return connection


def ping_on(connection):
    connection.request("GET", "/ops/ping")
    answer = connection.getresponse()
    return answer.status, len(answer.read()) > 0


@pytest.fixture
def tls(bare, tmp_path):
    shop(bare, "one")
    cert, key = make_certificate(tmp_path, "live", 1)
    return bare.serve("--tls-cert", cert, "--tls-key", key), cert, key


def test_a_hangup_makes_it_read_the_certificate_anew_and_connections_go_on(tls, tmp_path):
    serve, cert, key = tls
    before, old = cert.read_text().strip(), connection_to(serve)
    assert shown(serve) == before and ping_on(old) == (200, True)
    make_certificate(tmp_path, "live", 2)
    manifest, certificate = reload(serve, 2)
    assert manifest.startswith("the manifest ")
    assert certificate.startswith(f"the certificate in {cert} is in force, until 20") and certificate.endswith("Z")
    assert shown(serve) == cert.read_text().strip() != before
    socket_before = old.sock
    assert ping_on(old) == (200, True) and old.sock is socket_before


def test_one_that_can_not_be_used_is_refused_and_the_one_before_stays(tls, tmp_path):
    serve, cert, key = tls
    before = shown(serve)
    other_cert, other_key = make_certificate(tmp_path, "other", 9)
    encrypted = tmp_path / "encrypted.key"
    subprocess.run(["openssl", "pkey", "-in", key, "-aes256", "-passout", "pass:secret", "-out", encrypted], check=True)
    good_cert, good_key = cert.read_text(), key.read_text()
    bad = [(cert, "garbage", cert), (key, "garbage", key), (cert, None, cert), (key, None, key), (cert, "", cert),
           (key, other_key.read_text(), key), (cert, other_cert.read_text(), key), (key, encrypted.read_text(), key),
           (cert, good_key, cert), (key, good_cert, key)]
    for path, text, named in bad:
        path.unlink()
        if text is not None:
            path.write_text(text)
        _, line = reload(serve, 2)
        assert line.startswith("the certificate in force stays: ") and f"'{named}'" in line, (path, text, line)
        assert "PRIVATE KEY" not in line and shown(serve) == before
        cert.write_text(good_cert)
        key.write_text(good_key)
    assert reload(serve, 2)[1].startswith(f"the certificate in {cert} is in force")


def test_each_of_the_two_is_taken_or_refused_by_itself(tls, bare, tmp_path):
    serve, cert, key = tls
    before = shown(serve)
    cert.write_text("garbage")
    shop(bare, "one", "two")
    manifest, certificate = reload(serve, 2)
    assert manifest.endswith("is in force, with 2 targets") and certificate.startswith("the certificate in force stays")
    assert shown(serve) == before
    make_certificate(tmp_path, "live", 3)
    (bare.data / "manifest.json").write_text("{")
    manifest, certificate = reload(serve, 2)
    assert manifest.startswith("the manifest in force stays") and certificate.startswith(f"the certificate in {cert} is in force")
    assert shown(serve) == cert.read_text().strip() != before


def test_one_that_has_expired_is_taken_and_that_is_told(tls, tmp_path):
    serve, cert, key = tls
    ca = tmp_path / "ca.cnf"
    ca.write_text("[ca]\ndefault_ca=c\n[c]\ndatabase=db\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\npolicy=p\n[p]\n")
    (tmp_path / "db").write_text("")
    (tmp_path / "serial").write_text("10\n")
    request = tmp_path / "request"
    subprocess.run(["openssl", "req", "-new", "-key", key, "-subj", "/CN=live", "-out", request], check=True)
    subprocess.run(["openssl", "ca", "-batch", "-selfsign", "-config", ca, "-keyfile", key, "-in", request, "-notext", "-out",
                    cert, "-startdate", "20200101000000Z", "-enddate", "20200201000000Z"], check=True, cwd=tmp_path,
                   capture_output=True)
    assert reload(serve, 2)[1] == f"the certificate in {cert} is in force, until 2020-02-01T00:00:00Z, which is past"


def test_a_thousand_hangups_under_load_lose_no_request_and_leave_nothing_behind(tls, bare, tmp_path):
    serve, cert, key = tls
    pairs = [(cert.read_text(), key.read_text())]
    other_cert, other_key = make_certificate(tmp_path, "other", 2)
    pairs.append((other_cert.read_text(), other_key.read_text()))
    over, wrong, answered = threading.Event(), [], []

    def ask():
        while not over.is_set():
            try:
                connection = connection_to(serve)
                for _ in range(3):
                    if ping_on(connection) != (200, True):
                        wrong.append("another answer")
                    answered.append(1)
                connection.close()
            except (OSError, http.client.HTTPException) as trouble:
                wrong.append(repr(trouble))

    def read_anew(times):
        for i in range(times):
            # Both are new together: a hangup between the two would be refused, which is not what this is about.
            for path, text in zip((cert, key), pairs[i % 2]):
                path.write_text(text)
            shop(bare, "one", *["two"] * (i % 2))
            lines = reload(serve, 2)
            assert "is in force" in lines[0] and "is in force" in lines[1], lines

    read_anew(100)
    files, kib = open_files(serve), resident_kib(serve)
    clients = [threading.Thread(target=ask) for _ in range(3)]
    for client in clients:
        client.start()
    read_anew(1000)
    over.set()
    for client in clients:
        client.join()
    assert not wrong, wrong[:5]
    assert len(answered) > 100
    until(lambda: open_files(serve) <= files, "no file stays open")
    assert resident_kib(serve) - kib < 8 * 1024
