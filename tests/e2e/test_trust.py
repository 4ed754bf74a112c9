"""Who is believed: only the serve that really runs on a data directory gets a secret code or a session, and says so itself."""

import hashlib
import hmac
import http.client
import json
import os
import socket
import threading

import pytest

from g3nops import CODE, until

NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="another user is played by root")
VACUUM_ID = "01M861N9R72WQT7DAT2EY8ZEJ1"


class Listener:
    """Somebody who listens on a port and keeps what is sent to him. answer: what he says to everything."""

    def __init__(self, port=0, answer=b""):
        self.answer, self.heard = answer, b""
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(("127.0.0.1", port))
        self.socket.listen(8)
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(5)
                try:
                    self.heard += connection.recv(65536)
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nContent-Type: application/json\r\n\r\n%s"
                                       % (len(self.answer), self.answer))
                    self.heard += connection.recv(65536)
                except OSError:
                    pass

    def close(self):
        self.socket.close()


@pytest.fixture
def listener():
    made = []

    def make(*arguments, **named):
        made.append(Listener(*arguments, **named))
        return made[-1]

    yield make
    for each in made:
        each.close()


def serve_file(home):
    return home.data / "serve.json"


def told(home):
    return json.loads(serve_file(home).read_text())


def rewrite(home, **changes):
    serve_file(home).write_text(json.dumps(told(home) | changes))


def try_to_cancel(home):
    return home.operator("vacuum-cancel", "--vacuum-id", VACUUM_ID)


def try_to_list(home):
    return home.run("maintenance-list", "--session-guid", "5ecret-se55ion-guid")


def assert_nobody_asked(result, *words):
    assert result.returncode == 3, result
    for word in words:
        assert word in result.stderr, result


def test_a_leftover_serve_json_sends_nothing_to_whoever_has_the_port_now(bare, listener):
    serve = bare.serve("--invoke-listen", "127.0.0.1:0")
    port = int(told(bare)["invoke"].rsplit(":", 1)[1])
    serve.kill()
    stranger = listener(port)
    assert_nobody_asked(try_to_cancel(bare), "has ended without a word", str(serve.pid))
    assert stranger.heard == b""


def test_without_a_serve_nobody_is_asked_where_one_might_be(bare, listener):
    try:
        stranger = listener(8080)
    except OSError:
        pytest.skip("port 8080 is taken here")
    for result in (bare.run("ping"), try_to_list(bare), try_to_cancel(bare)):
        assert_nobody_asked(result, f"No 'g3nops serve' runs on the data directory {bare.data}", "--endpoint", "--data")
    assert stranger.heard == b""


def test_a_serve_json_of_a_process_that_does_not_hold_the_lock_is_not_believed(bare, listener):
    bare.serve()
    stranger = listener()
    rewrite(bare, invoke=f"http://127.0.0.1:{stranger.port}", pid=os.getpid())
    assert_nobody_asked(try_to_cancel(bare), f"speaks of process {os.getpid()}")
    assert stranger.heard == b""


def test_who_can_not_prove_himself_gets_neither_code_nor_session(bare, listener):
    """serve.json is as it should be but for where it leads: as after a listener that is gone while its process lives."""
    bare.serve()
    stranger = listener(answer=b'{"success":true,"data":{"items":[],"next_token":null}}')
    address = f"http://127.0.0.1:{stranger.port}"
    rewrite(bare, invoke=address, http=address)
    for result in (try_to_cancel(bare), try_to_list(bare), bare.run("ping")):
        assert_nobody_asked(result, "it can't prove", "Nothing was sent to it")
    assert b"/.well-known/g3nops-serve" in stranger.heard
    assert CODE.encode() not in stranger.heard and b"5ecret" not in stranger.heard
    assert told(bare)["token"].encode() not in stranger.heard


def test_a_proof_is_for_one_nonce_and_one_surface_and_the_token_stays_where_it_is(bare):
    serve = bare.serve("--invoke-listen", "127.0.0.1:0")
    token = told(bare)["token"]
    nonce = os.urandom(32).hex()

    def ask(connection, value):
        connection.request("GET", "/.well-known/g3nops-serve", headers={"x-ops-nonce": value})
        response = connection.getresponse()
        return response.status, response.read()

    def expected(surface, value):
        return hmac.new(token.encode(), f"g3nops-serve-proof-1\n{surface}\n{value}".encode(), hashlib.sha256).hexdigest()

    connect = {"http": lambda: http.client.HTTPConnection("127.0.0.1", serve.http_port, timeout=30),
               "invoke": serve.invoke_connection}
    for surface, make in connect.items():
        status, body = ask(make(), nonce)
        assert status == 200 and json.loads(body) == {"proof": expected(surface, nonce)}
        for wrong in ("", "0" * 63, nonce.upper() if nonce.upper() != nonce else "X" * 64, nonce + "0"):
            status, body = ask(make(), wrong)
            assert status == 404 and token.encode() not in body


@pytest.mark.parametrize("listen", ["unix", "tcp"])
def test_each_start_has_a_token_of_its_own_and_its_commands_go_on(bare, listen):
    more = ["--invoke-listen", "127.0.0.1:0"] if listen == "tcp" else []
    tokens = set()
    for _ in range(2):
        serve = bare.serve(*more)
        assert bare.operator("maintenance-end").returncode == 1, "refused by the service: there is no window"
        assert bare.run("ping").returncode == 0
        tokens.add(told(bare)["token"])
        assert serve.stop() == 0
        assert not serve_file(bare).exists()
    assert len(tokens) == 2


def test_the_address_in_serve_json_is_the_one_that_the_name_turned_out_to_be(bare):
    bare.serve("--invoke-listen", "localhost:0", http="localhost:0")
    assert told(bare)["http"].startswith("http://127.0.0.1:") and told(bare)["invoke"].startswith("http://127.0.0.1:")


@pytest.mark.parametrize("mode", [0o644, 0o660, 0o602])
def test_a_serve_json_that_others_may_read_or_write_is_not_believed(bare, mode):
    bare.serve()
    serve_file(bare).chmod(mode)
    assert_nobody_asked(try_to_cancel(bare), "serve.json is not believed", "other users may read or write it")


def test_a_serve_json_that_is_a_link_is_not_believed(bare):
    bare.serve()
    serve_file(bare).rename(bare.directory / "elsewhere")
    serve_file(bare).symlink_to(bare.directory / "elsewhere")
    assert_nobody_asked(try_to_cancel(bare), "serve.json is not believed", "symbolic link")
    serve_file(bare).unlink()
    os.link(bare.directory / "elsewhere", serve_file(bare))
    assert_nobody_asked(try_to_cancel(bare), "serve.json is not believed", "hard link")


@as_root
@pytest.mark.parametrize("name", ["serve.json", "serve.lock"])
def test_a_file_of_another_user_is_not_believed(bare, name):
    bare.serve()
    os.chown(bare.data / name, NOBODY, NOBODY)
    assert_nobody_asked(try_to_cancel(bare), name, f"it belongs to another user (uid {NOBODY})")


@as_root
def test_root_believes_the_owner_of_the_data_directory(bare):
    for directory, _, names in os.walk(bare.directory):
        for name in (".", *names):
            os.chown(os.path.join(directory, name), NOBODY, NOBODY)
    for parent in list(bare.directory.parents)[:4]:
        if parent.stat().st_uid == 0 and parent != parent.parent and str(parent).startswith("/tmp/"):
            parent.chmod(parent.stat().st_mode | 0o055)
    bare.serve(before=["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"])
    assert bare.run("ping").returncode == 0
    assert try_to_cancel(bare).returncode == 1, "refused by the service: there is no such vacuum"


@pytest.mark.parametrize("name", [b"lat\xe9n", b"with space", "\u00fcn\u00ef".encode(), b"new\nline"])
def test_a_data_directory_of_any_name_is_found(bare, name):
    directory = os.path.join(os.fsencode(bare.directory), name)
    os.rename(bare.data, directory)
    bare.data = type(bare.data)(os.fsdecode(directory))
    bare.serve(wait=False)
    until(serve_file(bare).exists, "serve.json is there")
    assert bare.run("ping").returncode == 0
    assert "no-active-maintenance" in bare.operator("maintenance-end").stderr


def test_a_second_serve_is_refused_and_the_first_stays_the_one(bare):
    serve = bare.serve()
    code, words = bare.serve_refused()
    assert code == 1 and f"Another 'g3nops serve' (process {serve.pid})" in words
    assert bare.run("ping").returncode == 0


# ---- the engine ----

def test_serve_json_says_the_engine_and_another_one_is_refused_by_name(bare):
    serve = bare.serve()
    assert told(bare)["engine"] == "local"
    commands = [["ping"], ["sweep"], ["audit-verify"], ["manifest-check"], ["aws-bootstrap"],
                ["secret-set", "--new-secret-code-file", bare.code_file, "--secret-code-file", bare.code_file]]
    for command in commands:
        for options, words in (({}, "--engine aws"), ({"env": {"G3NOPS_ENGINE": "aws"}}, "G3NOPS_ENGINE=aws")):
            result = bare.run(*command, *([] if options else ["--engine", "aws"]), **options)
            assert result.returncode == 2, result
            assert "works with --engine local, and this asks for " + words in result.stderr
    assert serve.stop() == 0


def test_the_engine_of_the_environment_is_checked_and_named(bare):
    result = bare.run("audit-verify", env={"G3NOPS_ENGINE": "azure"})
    assert result.returncode == 2 and "G3NOPS_ENGINE must be local or aws, not 'azure'." in result.stderr


# ---- who answered ----

def test_json_says_who_answered_beside_the_envelope_of_the_service(bare):
    serve = bare.serve()
    answer = json.loads(bare.run("ping", "--json").stdout)
    assert answer["answered_by"] == {"data": str(bare.data), "engine": "local", "pid": serve.pid,
                                     "endpoint": told(bare)["http"]}
    assert set(answer) == {"success", "data", "build", "stats", "answered_by"}
    refused = json.loads(bare.operator("maintenance-end", "--json").stdout)
    assert refused["answered_by"]["endpoint"] == f"unix:{bare.data}/invoke.sock"
    itself = json.loads(bare.run("audit-verify", "--json").stdout)
    assert itself["answered_by"] == {"data": str(bare.data), "engine": "local"}
    given = json.loads(bare.run("ping", "--json", "--endpoint", serve.http_url).stdout)
    assert given["answered_by"] == {"endpoint": serve.http_url}


def test_scripts_hear_nothing_of_it_on_standard_error(bare):
    bare.serve()
    assert bare.run("ping").stderr == "" and bare.run("audit-verify").stderr == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a socket away")
def test_a_socket_of_another_user_is_sent_no_code(bare, tmp_path):
    """By its name it is asked without a proof."""
    path = tmp_path / "theirs.sock"
    heard = []
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    listener.settimeout(5)

    def hear():
        try:
            connection, _ = listener.accept()
            connection.settimeout(1)
            heard.append(connection.recv(65536))
        except OSError:
            pass
    os.chown(path, 65534, 65534)
    listening = threading.Thread(target=hear)
    listening.start()
    result = bare.operator("maintenance-end", "--endpoint", f"unix:{path}")
    assert result.returncode == 3 and "belongs to another user (uid 65534)" in result.stderr, result
    listener.close()
    listening.join()
    assert heard == []
    ours = bare.serve()
    assert "no-active-maintenance" in bare.operator("maintenance-end", "--endpoint", f"unix:{bare.data}/invoke.sock").stderr
    assert ours.ping()["status"] == "ok"
