"""What a service manager gets to hear of serve, and the unit that it is started by."""

import re
import signal
import socket
import subprocess
import time

import pytest

from g3nops import PROGRAM, ROOT, until
from gates import needs


class Manager:
    """A socket as systemd has one, and what came in at it."""

    def __init__(self, name):
        self.name = name
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + name[1:] if name.startswith("@") else name)
        self.socket.settimeout(30)
        self.heard = []

    def environment(self, watchdog_seconds=None):
        watchdog = {"WATCHDOG_USEC": str(int(watchdog_seconds * 1e6))} if watchdog_seconds else {}
        return {"NOTIFY_SOCKET": self.name} | watchdog

    def next(self):
        message = self.socket.recv(65536).decode()
        self.heard.append(message)
        return message

    def next_other(self):
        """The next one that is more than a sign of life."""
        return next(message for message in iter(self.next, None) if message != "WATCHDOG=1")

    def flush(self):
        self.socket.setblocking(False)
        try:
            while True:
                self.next()
        except BlockingIOError:
            self.socket.settimeout(30)

    def close(self):
        self.socket.close()


@pytest.fixture(params=["a path", "an abstract name"])
def manager(request, tmp_path):
    name = str(tmp_path / "notify") if request.param == "a path" else f"@g3nops-{tmp_path.name}-{time.time_ns()}"
    manager = Manager(name)
    yield manager
    manager.close()


def test_it_is_ready_when_both_surfaces_accept_and_says_that_it_ends(bare, manager):
    serve = bare.serve(env=manager.environment())
    assert manager.next() == f"READY=1\nSTATUS=http={serve.http_url} invoke={serve.invoke_address}"
    assert serve.stop() == 0
    assert manager.next().startswith("STOPPING=1\n")
    manager.flush()
    assert len(manager.heard) == 2


def test_a_manager_hears_when_it_reads_anew_and_when_that_is_done(bare, manager):
    serve = bare.serve(env=manager.environment())
    manager.next()
    for _ in range(2):
        serve.process.send_signal(signal.SIGHUP)
        assert re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=\d+", manager.next())
        assert manager.next() == f"READY=1\nSTATUS=http={serve.http_url} invoke={serve.invoke_address}"
    (bare.data / "manifest.json").write_text("{")
    serve.process.send_signal(signal.SIGHUP)
    manager.next()
    assert manager.next().endswith("; what was to be read anew was refused, see the log")


def test_it_says_that_it_lives_for_as_long_as_it_does(bare, manager):
    serve = bare.serve(env=manager.environment(watchdog_seconds=2))
    manager.next()
    for _ in range(5):
        assert manager.next() == "WATCHDOG=1"
    serve.process.send_signal(signal.SIGSTOP)
    try:
        manager.flush()
        manager.socket.settimeout(2)
        with pytest.raises(TimeoutError):
            manager.next()
    finally:
        serve.process.send_signal(signal.SIGCONT)
    manager.socket.settimeout(30)
    assert manager.next() == "WATCHDOG=1"


@pytest.mark.parametrize("manager", ["a path"], indirect=True)
def test_a_store_that_does_not_answer_is_no_reason_to_start_it_again(bare, manager):
    """One that takes every question, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "eu-central-1",
                "AWS_ENDPOINT_URL": f"http://127.0.0.1:{silent.getsockname()[1]}"}
        serve = bare.serve("--engine", "aws", env=manager.environment(watchdog_seconds=2) | keys)
        until(lambda: silent.accept(), "it asks")
        manager.flush()
        for _ in range(10):
            assert manager.next() == "WATCHDOG=1"
        assert serve.http("GET", "/ops/openapi.yaml").status == 200
        serve.kill()


def test_without_a_watchdog_there_is_no_sign_of_life_and_without_a_manager_nothing(bare, manager):
    serve = bare.serve(env=manager.environment())
    manager.next()
    time.sleep(2.5)
    serve.stop()
    assert manager.next().startswith("STOPPING=1")
    bare.serve(env={"NOTIFY_SOCKET": "/nowhere/at/all"}).stop()


def test_what_fetches_credentials_does_not_get_to_know_the_manager(bare, manager, tmp_path):
    seen = tmp_path / "seen"
    config = tmp_path / "config"
    script = tmp_path / "credentials.sh"
    script.write_text(f"#!/bin/sh\nenv >{seen}.new\nmv {seen}.new {seen}\n"
                      """echo '{"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "b"}'\n""")
    script.chmod(0o755)
    config.write_text(f"[default]\nregion = eu-central-1\ncredential_process = {script}\nendpoint_url = http://127.0.0.1:1\n")
    bare.serve("--engine", "aws", env=manager.environment(watchdog_seconds=2) | {"AWS_CONFIG_FILE": str(config)})
    until(seen.exists, "keys are fetched")
    environment = seen.read_text()
    assert "AWS_CONFIG_FILE=" in environment and "NOTIFY_SOCKET" not in environment and "WATCHDOG" not in environment


def test_the_systemd_unit_is_one_and_keeps_it_up(tmp_path):
    text = (ROOT / "deploy" / "systemd" / "g3nops.service").read_text()
    unit_section, service = text.split("[Service]")
    for line in ("Type=notify", "ExecReload=/bin/kill -HUP $MAINPID", "Restart=always", "WatchdogSec=2min"):
        assert f"\n{line}\n" in service, line
    assert "\nStartLimitIntervalSec=0\n" in unit_section
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "g3nops").symlink_to(PROGRAM)
    unit = tmp_path / "g3nops.service"
    unit.write_text(text.replace("@PREFIX@", str(tmp_path)))
    result = subprocess.run([needs("systemd-analyze"), "verify", "--man=no", unit], capture_output=True, text=True, timeout=60)
    said = [line for line in result.stderr.splitlines() if "g3nops.service" in line]
    assert result.returncode == 0 and not said, result
