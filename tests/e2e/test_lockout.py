"""Wrong secret codes, as many as anybody likes to send: they lock what is dangerous, and nobody out of what is safe."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from aws_home import account, make_aws, on, stub, stub_process  # noqa: F401 (fixtures)
from g3nops import CODE, PROGRAM, Home, base_environment, tag, until

NO_VACUUM = "01JDE9Q3F0V8M4T6XK2R7W5N1B"
NOBODY = 65534
AS_NOBODY = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
STALE = "the code of last month"
PAYLOADS = {"vacuumcancel": {"vacuum_id": NO_VACUUM}, "maintenanceend": {}, "vacuumorg": {"orgcode": "acme"}}

# A process of its own that sends wrong codes, each another, by so many threads, and writes what it was answered.
FLOOD = """
import http.client, itertools, json, os, socket, sys, threading, time
address, functions, threads, hold = sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
numbers = itertools.count()

class Connection(http.client.HTTPConnection):
    def connect(self):
        if not address.startswith("unix:"):
            return super().connect()
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(address[5:])

def send(function, payload):
    host = "localhost" if address.startswith("unix:") else address.rsplit("/", 1)[-1]
    connection = Connection(host)
    body = json.dumps(payload | {"secret_code": f"guess {next(numbers)} of {os.getpid()}"})
    connection.request("POST", f"/2015-03-31/functions/ops_{function}/invocations", body)
    if hold >= 0:
        time.sleep(hold)
        return "hung up"
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return "ok" if answer["success"] else answer["error"]["minor"]["tag"]

def loop(number):
    while True:
        function, payload = functions[number % len(functions)]
        print(send(function, payload), flush=True)
        time.sleep(0.01)

for number in range(threads - 1):
    threading.Thread(target=loop, args=(number + 1,), daemon=True).start()
loop(0)
"""


class Flood:
    def __init__(self, process, log):
        self.process = process
        self.log = log

    @property
    def pid(self):
        return self.process.pid

    def answers(self):
        return self.log.read_text().splitlines()

    def under_way(self, answer, count=1):
        until(lambda: self.answers().count(answer) >= count, f"{count} of the flood were answered {answer}")


@contextlib.contextmanager
def flood(serve, *functions, threads=1, hang_up_after=-1, before=(), python=sys.executable):
    functions = [(function, PAYLOADS[function]) for function in functions]
    log = serve.home.directory / f"flood-{len(list(serve.home.directory.glob('flood-*')))}"
    with open(log, "wb") as output:
        process = subprocess.Popen(
            [*before, python, "-c", FLOOD, serve.invoke_address, json.dumps(functions), str(threads), str(hang_up_after)],
            stdout=output)
    try:
        yield Flood(process, log)
    finally:
        process.kill()
        process.wait()


def guess(serve, function="vacuumorg"):
    """A wrong code that nobody has sent before."""
    return tag(serve.invoke(function, secret_code=f"guess {os.urandom(8).hex()}", **PAYLOADS[function]))


def lock(serve):
    """For a second, which is for ever on a clock that stands still."""
    assert [guess(serve) for _ in range(5)] == ["secret-code-mismatch"] * 5


def audited(serve, kind):
    return [record["data"] for record in serve.audit() if record["type"] == kind]


# ---- Floods ----

FLOODS = {
    "for something else": {"functions": ["vacuumorg"], "answers": 100},
    "for the same": {"functions": ["vacuumcancel"]},
    "for everything": {"functions": ["vacuumcancel", "maintenanceend", "vacuumorg"], "threads": 3},
    "by many connections": {"functions": ["vacuumcancel"], "threads": 30},
    "that hangs up at once": {"functions": ["vacuumcancel"], "hang_up_after": 0, "answers": 100},
    "that hangs up after a while": {"functions": ["vacuumcancel"], "hang_up_after": 0.3, "threads": 30, "answers": 60},
}


@pytest.mark.usefixtures("settable_clock")
@pytest.mark.parametrize("how", FLOODS.values(), ids=FLOODS)
def test_a_vacuum_is_cancelled_and_a_window_ended_at_the_first_try_whoever_floods(bare, how):
    serve = bare.serve(clock=True)
    bare.clock.freeze()
    vacuum_id = serve.do("vacuumorg", orgcode="acme")["vacuum_id"]
    serve.do("maintenancestart", maintenance_id=serve.schedule()["maintenance_id"])
    lock(serve)
    with flood(serve, *how["functions"], **{name: how[name] for name in how if name not in ("functions", "answers")}) as stream:
        until(lambda: len(stream.answers()) >= how.get("answers", 1), "the flood is under way")
        ended = bare.operator("maintenance-end")
        assert ended.returncode == 0, ended
        cancelled = bare.operator("vacuum-cancel", "--vacuum-id", vacuum_id)
        assert cancelled.returncode == 0, cancelled
    assert serve.vacuum(vacuum_id)["status"] == "cancelled"
    assert serve.window() is None
    assert serve.stop() == 0
    assert bare.json("audit-verify")["records"] > 10


def test_from_one_and_the_same_process_a_right_code_gets_its_turn_among_wrong_ones(bare):
    serve = bare.serve()
    lock(serve)
    over = threading.Event()

    def send_wrong(_):
        count = 0
        while not over.is_set():
            assert guess(serve, "vacuumcancel") in ("secret-code-mismatch", "secret-code-locked")
            count += 1
        return count
    with ThreadPoolExecutor(6) as pool:
        senders = [pool.submit(send_wrong, i) for i in range(6)]
        until(lambda: len(audited(serve, "secret.mismatch")) >= 8, "wrong codes are looked at")
        answers = [serve.ask("vacuumcancel", vacuum_id=NO_VACUUM) for _ in range(3)]
        over.set()
        assert all(sender.result() > 0 for sender in senders)
    assert [tag(answer) for answer in answers] == ["vacuum-not-found"] * 3


@pytest.mark.usefixtures("settable_clock")
def test_a_flood_is_looked_at_no_more_than_once_a_second_and_does_not_prolong_the_lock(bare):
    serve = bare.serve(clock=True)
    bare.clock.freeze()
    lock(serve)
    locked = serve.ask("vacuumorg", orgcode="acme")
    with flood(serve, "vacuumcancel", threads=4) as stream:
        until(lambda: len(audited(serve, "secret.mismatch")) >= 5 + 3, "some are looked at")
        looks = audited(serve, "secret.mismatch")[5:]
        assert [look["wrong_while_locked"] for look in looks] == list(range(1, len(looks) + 1))
        assert {look["peer"]["pid"] for look in looks} == {stream.pid}
        again = serve.ask("vacuumorg", orgcode="acme")
    assert tag(again) == "secret-code-locked"
    assert again["error"]["details"] == locked["error"]["details"]
    assert len(audited(serve, "secret.locked")) == 1


def test_status_and_pings_are_answered_while_many_wait_for_their_turn(bare):
    serve = bare.serve()
    lock(serve)
    with flood(serve, "vacuumcancel", threads=40) as stream:
        stream.under_way("secret-code-locked")  # the line is full
        for _ in range(20):
            assert tag(serve.invoke("vacuumstatus")) == "vacuum-not-found"
            assert serve.ping()["status"] == "ok"
        assert serve.stop() == 0, "nobody who waits keeps serve from ending"


# ---- The same wrong code again ----


def test_a_job_with_an_old_code_locks_nothing_and_is_audited_once(bare):
    serve = bare.serve()
    vacuum_id = serve.do("vacuumorg", orgcode="acme")["vacuum_id"]
    for function in list(PAYLOADS) * 30:
        assert tag(serve.invoke(function, secret_code=STALE, **PAYLOADS[function])) == "secret-code-mismatch"
    assert serve.do("vacuumcancel", vacuum_id=vacuum_id)["status"] == "cancelled"
    mismatch, = audited(serve, "secret.mismatch")
    assert mismatch == {"operation": "ops_vacuumcancel", "wrong_in_a_row": 1, "peer": {"uid": os.getuid(), "pid": os.getpid()}}
    assert not audited(serve, "secret.locked")
    bare.json("audit-verify")


def test_an_old_code_that_is_set_again_is_right_at_once(bare):
    serve = bare.serve()
    assert tag(serve.invoke("maintenanceend", secret_code=STALE)) == "secret-code-mismatch"
    new = bare.directory / "new"
    new.write_text(STALE)
    new.chmod(0o600)
    assert bare.operator("secret-set", "--new-secret-code-file", new).returncode == 0
    assert tag(serve.invoke("maintenanceend", secret_code=STALE)) == "no-active-maintenance"
    assert tag(serve.ask("maintenanceend")) == "secret-code-mismatch"


# ---- Time ----


@pytest.mark.usefixtures("settable_clock")
def test_one_wrong_code_a_day_never_locks(bare):
    serve = bare.serve(clock=True)
    for day in range(12):
        bare.clock.ahead(day * 86400)
        assert guess(serve) == "secret-code-mismatch"
    assert serve.do("vacuumorg", orgcode="acme")
    assert not audited(serve, "secret.locked")


@pytest.mark.usefixtures("settable_clock")
def test_a_lock_from_a_clock_that_was_ahead_is_none_once_the_clock_is_right(bare):
    serve = bare.serve(clock=True)
    for number in range(15):
        bare.clock.ahead(10 * 86400 + number * 901)
        assert guess(serve) == "secret-code-mismatch"
    locked = serve.ask("vacuumorg", orgcode="acme")
    assert tag(locked) == "secret-code-locked" and locked["error"]["details"]["retry_after_seconds"] > 800
    bare.clock.ahead(0)
    assert serve.do("vacuumorg", orgcode="acme")


# ---- Who it was ----


def test_standard_error_and_the_trail_name_who_locked(bare):
    serve = bare.serve()
    with flood(serve, "vacuumorg") as stream:
        stream.under_way("secret-code-locked")
        alarm = serve.events("alarm.secret_codes_locked")[0]
    assert alarm["level"] == "warn" and alarm["operation"] == "ops_vacuumorg" and alarm["request_id"]
    assert alarm["msg"] == (f"secret codes are locked for 1 s: 5 wrong ones in a row, the last from uid {os.getuid()}, "
                            f"pid {stream.pid}, for ops_vacuumorg")
    peer = {"uid": os.getuid(), "pid": stream.pid}
    assert audited(serve, "secret.mismatch")[4] == {"operation": "ops_vacuumorg", "wrong_in_a_row": 5, "peer": peer}
    assert audited(serve, "secret.locked")[0] == {"operation": "ops_vacuumorg", "lock_seconds": 1, "peer": peer}
    assert "guess" not in serve.stderr()


def test_over_tcp_it_is_an_address(bare):
    serve = bare.serve("--invoke-listen", "127.0.0.1:0")
    lock(serve)
    assert {json.dumps(look["peer"]) for look in audited(serve, "secret.mismatch")} == {'{"address": "127.0.0.1"}'}
    assert "the last from 127.0.0.1, for ops_vacuumorg" in serve.stderr()
    with flood(serve, "vacuumcancel", threads=3) as stream:
        stream.under_way("secret-code-mismatch", 2)
        assert tag(serve.ask("vacuumcancel", vacuum_id=NO_VACUUM)) == "vacuum-not-found"


@pytest.fixture
def nobodys(bare_template):
    """A home that belongs to another user, who serves there."""
    if os.getuid() != 0 or not shutil.which("setpriv"):
        pytest.skip("only root can start a service as another user")
    directory = Path(tempfile.mkdtemp(prefix="ops-nobody-"))
    home = Home(directory)
    shutil.copytree(bare_template, home.data)
    for path in [directory, *directory.rglob("*")]:
        os.chown(path, NOBODY, NOBODY)
    yield home
    wrong = home.finish()
    shutil.rmtree(directory)
    assert not wrong, wrong


def nobodys_python():
    """Root's own may be where others can't look."""
    for python in (sys.executable, "/usr/bin/python3"):
        if subprocess.run([*AS_NOBODY, python, "-c", ""], capture_output=True).returncode == 0:
            return python
    pytest.skip("there is no Python that other users can run")


def test_two_users_on_one_socket_have_each_their_own_turn(nobodys):
    python = nobodys_python()
    serve = nobodys.serve(before=AS_NOBODY)
    with flood(serve, "vacuumcancel", threads=8, before=AS_NOBODY, python=python) as stream:
        stream.under_way("secret-code-mismatch", 5)
        assert tag(serve.ask("vacuumcancel", vacuum_id=NO_VACUUM)) == "vacuum-not-found"
        own = subprocess.run([*AS_NOBODY, PROGRAM, "maintenance-end", "--data", nobodys.data, "--secret-code-file", "-"],
                             input=CODE, capture_output=True, text=True, timeout=60, env=base_environment())
        assert "no-active-maintenance" in own.stderr, own
    peers = {(look["peer"]["uid"], look["peer"]["pid"]) for look in audited(serve, "secret.mismatch")}
    assert peers == {(NOBODY, stream.pid)}


# ---- A new code ----


def test_under_a_flood_the_code_is_rotated_at_the_first_try(bare):
    serve = bare.serve()
    new = bare.directory / "new"
    new.write_text("another horse another battery")
    new.chmod(0o600)
    with flood(serve, "vacuumcancel", "vacuumorg", threads=6) as stream:
        stream.under_way("secret-code-locked", 3)
        rotated = bare.operator("secret-set", "--new-secret-code-file", new)
        assert rotated.returncode == 0, rotated
        assert tag(serve.invoke("vacuumcancel", secret_code=new.read_text(), vacuum_id=NO_VACUUM)) == "vacuum-not-found"
    bare.json("audit-verify")


@pytest.mark.usefixtures("settable_clock")
def test_a_wrong_old_code_does_not_rotate_and_the_trail_names_the_process(bare):
    serve = bare.serve(clock=True)
    bare.clock.freeze()
    lock(serve)
    new = bare.directory / "new"
    new.write_text("another horse another battery")
    new.chmod(0o600)
    refused = bare.run("secret-set", "--new-secret-code-file", new, "--secret-code-file", new, env=bare.clock.environment())
    assert refused.returncode == 1 and "secret-code-mismatch" in refused.stderr, refused
    look = audited(serve, "secret.mismatch")[-1]
    assert look["operation"] == "secret-set" and look["wrong_while_locked"] == 1 and look["peer"]["uid"] == os.getuid()


# ---- Several processes ----


@on("stub")
def test_two_serves_on_one_account_share_the_lock_and_its_end(make_aws, account):  # noqa: F811
    home = make_aws()
    assert home.aws("aws-bootstrap").returncode == 0
    assert home.aws("secret-set", "--new-secret-code-file", home.code_file).returncode == 0
    one, other = home.serve(clock=True), make_aws("other").serve(clock=True)
    home.clock.freeze()
    other.home.clock.freeze()
    for serve in (one, other, one, other, one):
        assert guess(serve) == "secret-code-mismatch"
    assert tag(one.ask("vacuumorg", orgcode="acme")) == "secret-code-locked"
    assert tag(other.ask("vacuumorg", orgcode="acme")) == "secret-code-locked"
    with flood(one, "vacuumcancel", threads=4), flood(other, "vacuumcancel", threads=4) as stream:
        stream.under_way("secret-code-mismatch")
        assert tag(other.ask("maintenanceend")) == "no-active-maintenance"
        assert tag(one.ask("maintenanceend")) == "no-active-maintenance"
    counts = [look["wrong_while_locked"] for look in audited(one, "secret.mismatch") if "wrong_while_locked" in look]
    assert 1 in counts
