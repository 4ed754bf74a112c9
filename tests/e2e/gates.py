"""The gate's sidecar as an operator has it, the service whose word it takes, and what a refusal must have."""

import http.client
import json
import re
import shutil
import signal
import socket
import subprocess
from datetime import datetime, timezone

import pytest

from g3nops import API_VERSION, DEADLINE_SECONDS, PROGRAM, Answer, UnixConnection, base_environment, copy_home, until

KNOWLEDGE_SECONDS = 20  # the promise: what is older opens the gate
RETRY_LEAST_SECONDS = 20
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def needs(program):
    """Its path; without it the test is skipped and says so."""
    return shutil.which(program, path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin") or pytest.skip(
        f"{program} is not installed")


def listen_to_interrupts():
    """Whoever runs the tests in the background may have set them to ignore SIGINT, which programs inherit."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Process:
    """A program that says on standard error or standard output when it is ready."""

    def __init__(self, command, log, env=None, ready=None):
        self.log = log
        with open(log, "wb") as output:
            self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=output,
                                            stderr=output, env=base_environment() | (env or {}),
                                            preexec_fn=listen_to_interrupts)
        self.ready_line = until(lambda: self._line(ready), f"{command[0]} is ready", 30) if ready else None

    def _line(self, begin):
        code = self.process.poll()
        assert code is None, f"ended with {code}:\n{self.output()}"
        return next((line for line in self.output().splitlines() if line.startswith(begin)), None)

    def output(self):
        return self.log.read_text(errors="replace")

    def send(self, signal_number):
        self.process.send_signal(signal_number)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self, signal_number=signal.SIGTERM, deadline=15):
        """The exit code."""
        if self.process.poll() is None:
            self.send(signal.SIGCONT)
            self.send(signal_number)
        try:
            return self.process.wait(deadline)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"did not end within {deadline} s:\n{self.output()}")


def exchange(connection, method, path, headers=None, body=None):
    try:
        connection.request(method, path, body, headers or {})
        return Answer(connection.getresponse())
    finally:
        connection.close()


def ask(port, path="/", method="GET", headers=None, body=None):
    return exchange(http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_SECONDS), method, path, headers, body)


class Sidecar(Process):
    """A running 'g3nops gate'."""

    def __init__(self, log, source, *arguments, listen="127.0.0.1:0", env=None):
        super().__init__([PROGRAM, "gate", "--listen", listen, "--source", source, *arguments], log, env, "ready ")
        self.address = self.ready_line.split("gate=", 1)[1]

    @property
    def port(self):
        return int(self.address.rsplit(":", 1)[1])

    def connect(self):
        if self.address.startswith("unix:"):
            return UnixConnection(self.address[len("unix:"):])
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_SECONDS)

    def get(self, path="/gate", method="GET", headers=None, body=None):
        return exchange(self.connect(), method, path, headers, body)

    def is_closed(self):
        status = self.get().status
        assert status in (204, 503), status
        return status == 503

    def until_closed(self):
        until(self.is_closed, "the gate is closed", KNOWLEDGE_SECONDS + 10)

    def until_open(self):
        until(lambda: not self.is_closed(), "the gate is open", KNOWLEDGE_SECONDS + 10)

    def metrics(self):
        answer = self.get("/metrics")
        assert answer.status == 200
        return samples(answer.body.decode())


SAMPLE = re.compile(r'([a-z_]+)(\{[a-z_]+="[^"\\\n]*"(?:,[a-z_]+="[^"\\\n]*")*\})? (-?\d+(?:\.\d+)?)')


def samples(text):
    """name with labels -> value, of Prometheus's text format, each line of which must be as the format has it."""
    assert text.endswith("\n")
    found, helped, kinds = {}, set(), {}
    for line in text.splitlines():
        if line.startswith("# HELP "):
            name, _, words = line[len("# HELP "):].partition(" ")
            assert words and name not in helped, line
            helped.add(name)
        elif line.startswith("# TYPE "):
            name, kind = line[len("# TYPE "):].split(" ")
            assert name in helped and name not in kinds and kind in ("counter", "gauge", "histogram"), line
            kinds[name] = kind
        else:
            match = SAMPLE.fullmatch(line)
            assert match, line
            # All lines of a family stand together, behind its two comments.
            assert list(kinds)[-1] == match[1], line
            assert match[1] + (match[2] or "") not in found, line
            found[match[1] + (match[2] or "")] = float(match[3])
    assert set(kinds) == helped == {name.split("{")[0] for name in found}
    return found


def start_window(serve, **fields):
    """The record of the active window."""
    return serve.do("maintenancestart", maintenance_id=serve.schedule(**fields)["maintenance_id"])


def end_window(serve):
    return serve.do("maintenanceend")


def seconds_left(window):
    started = datetime.fromisoformat(window["started_at"])
    return started.timestamp() + window["estimated_duration_seconds"] - datetime.now(timezone.utc).timestamp()


def check_refusal(answer, window, status=503):
    """What every caller gets that is turned away in JSON."""
    assert answer.status == status, answer
    check_refusal_headers(answer, window)
    assert answer.headers["Content-Type"].startswith("application/json")
    envelope = json.loads(answer.body)
    assert set(envelope) == {"success", "error", "build", "stats"} and envelope["success"] is False
    assert envelope["error"]["major"]["tag"] == "unavailable" and envelope["error"]["minor"]["tag"] == "maintenance-mode"
    for part in ("major", "minor"):
        assert set(envelope["error"][part]) == {"tag", "message"} and envelope["error"][part]["message"]["en_US"]
    details = envelope["error"]["details"]
    assert set(details) == {"maintenance_id", "description", "started_at", "estimated_end_utc", "updates"}
    for name in ("maintenance_id", "description", "started_at", "updates"):
        assert details[name] == window[name], name
    end = datetime.fromisoformat(details["estimated_end_utc"]).timestamp()
    assert end == datetime.fromisoformat(window["started_at"]).timestamp() + window["estimated_duration_seconds"]
    return envelope


def check_refusal_headers(answer, window):
    for name, value in (("Cache-Control", "no-store"), ("X-API-Version", API_VERSION),
                        ("x-ops-maintenance", window["maintenance_id"])):
        assert answer.headers.get_all(name) == [value], (name, answer.headers.items())
    assert len(answer.headers.get_all("Retry-After")) == len(answer.headers.get_all("Content-Type")) == 1
    least = max(RETRY_LEAST_SECONDS, seconds_left(window) - 5)
    assert least <= int(answer.headers["Retry-After"]) <= max(RETRY_LEAST_SECONDS, seconds_left(window) + 60) * 1.25 + 1


def check_page(answer, window):
    """What a browser gets."""
    assert answer.status == 503
    check_refusal_headers(answer, window)
    assert answer.headers["Content-Type"].startswith("text/html")
    page = answer.body.decode()
    assert page.lower().startswith("<!doctype html>") and page.rstrip().endswith("</html>")
    return page


# ---- fixtures; a test module imports them ----


class Sidecars:
    """Makes sidecars; at the end none is left, and none has complained."""

    def __init__(self, directory):
        self.directory = directory
        self.made = []

    def __call__(self, source, *arguments, **options):
        log = self.directory / f"gate-{len(self.made)}.err"
        self.made.append(Sidecar(log, source, *arguments, **options))
        return self.made[-1]

    def finish(self):
        wrong = []
        for sidecar in self.made:
            code, text = sidecar.stop(), sidecar.output()
            if code not in (0, -signal.SIGKILL):
                wrong.append(f"{sidecar.log.name}: ended with {code}")
            if any(word in text for word in ("Sanitizer", "runtime error:")):
                wrong.append(f"{sidecar.log.name}: the sanitizer complains:\n{text}")
        assert not wrong, wrong


@pytest.fixture
def make_sidecar(tmp_path):
    made = Sidecars(tmp_path)
    yield made
    made.finish()


class World:
    """A service, its window if there is one, and a sidecar that knows it."""

    def __init__(self, serve, sidecar, window=None):
        self.serve = serve
        self.sidecar = sidecar
        self.window = window


def module_world(tmp_path_factory, bare_template, name, is_closed, *arguments):
    """For a fixture of a module whose tests leave the world as it is."""
    directory = tmp_path_factory.mktemp(name)
    home = copy_home(bare_template, directory / "h")
    sidecars = Sidecars(directory)
    try:
        serve = home.serve()
        window = start_window(serve) if is_closed else None
        world = World(serve, sidecars(serve.http_url, "--refresh-ms", "1000", *arguments), window)
        if is_closed:
            world.sidecar.until_closed()
        yield world
        sidecars.finish()
    finally:
        for sidecar in sidecars.made:
            if sidecar.process.poll() is None:
                sidecar.kill()
        wrong = home.finish()
    assert not wrong, f"{wrong}\n{home.stderr()}"
