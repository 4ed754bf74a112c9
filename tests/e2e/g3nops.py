"""g3nops as an operator has it: the program, a clock that can be set, a data directory, a running service."""

import functools
import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = str(Path(os.environ.get("G3NOPS", ROOT / "build" / "g3nops")).resolve())
CODE = "correct horse battery staple"
PHRASE = "VACUUM ALL DATA PERMANENTLY"
PENDING_SECONDS = 300
API_VERSION = "2026-03-04"  # of the stack, on every HTTP answer
DEADLINE_SECONDS = 60


def until(condition, what, deadline=DEADLINE_SECONDS):
    """The first true value of condition, asked again and again."""
    end = time.monotonic() + deadline
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"waited {deadline} s in vain: {what}")


def data(envelope):
    """What a successful answer holds."""
    assert envelope["success"], f"refused: {envelope['error']}"
    return envelope["data"]


def tag(envelope):
    """The minor tag of a refusal."""
    assert not envelope["success"], f"not refused: {envelope}"
    return envelope["error"]["minor"]["tag"]


def instant(seconds_from_now):
    return (datetime.now(timezone.utc) + timedelta(seconds=seconds_from_now)).strftime("%Y-%m-%dT%H:%M:%SZ")


@functools.cache
def sanitizer_library():
    """The address sanitizer's runtime that the program is linked with: it wants to be the first one loaded."""
    linked = subprocess.run(["ldd", PROGRAM], capture_output=True, text=True).stdout
    return next((line.split()[2] for line in linked.splitlines() if "libasan" in line), None)


def faketime_library():
    return next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)


def base_environment():
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("G3NOPS", "AWS_", "FAKETIME", "COLUMNS"))}
    return kept | {"TZ": "UTC", "NO_COLOR": "1", "ASAN_OPTIONS": "quarantine_size_mb=8"}


class Clock:
    """The wall clock of the processes that get its environment. It starts at the true time."""

    def __init__(self, path):
        self.path = path
        self.epoch = None
        self._write("+0")

    def _write(self, text):
        partial = self.path.with_suffix(".new")
        partial.write_text(text + "\n")
        partial.rename(self.path)

    def ahead(self, seconds):
        """From now on the clock runs that far ahead of the true time, or behind it."""
        self._write(f"{seconds:+}s")

    def freeze(self, seconds_ahead=0):
        """The clock stands still, that far ahead of where it first stood still."""
        self.epoch = self.epoch or int(time.time())
        self._write(datetime.fromtimestamp(self.epoch + seconds_ahead, timezone.utc).strftime("%Y-%m-%d %H:%M:%S"))

    def frozen_at(self, seconds_ahead):
        return datetime.fromtimestamp(self.epoch + seconds_ahead, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")

    def environment(self):
        libraries = [library for library in (sanitizer_library(), str(faketime_library())) if library]
        return {
            "LD_PRELOAD": ":".join(libraries),
            "FAKETIME_TIMESTAMP_FILE": str(self.path),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_FORCE_MONOTONIC_FIX": "0",
            "NO_FAKE_STAT": "1",
        }


LOGFMT = re.compile(r'([a-z0-9_]+)=("(?:[^"\\]|\\.)*"|[^\s"=]*)(?: |$)')


def logfmt(line):
    """The fields of a line; it must be nothing but fields."""
    found = LOGFMT.findall(line)
    assert "".join(f"{name}={value} " for name, value in found) == line + " ", line
    return {name: json.loads(value) if value.startswith('"') else value for name, value in found}


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout=DEADLINE_SECONDS):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def envelope(self):
        return json.loads(self.body)

    @property
    def data(self):
        return data(self.envelope)

    @property
    def tag(self):
        return tag(self.envelope)

    @property
    def details(self):
        return self.envelope["error"].get("details", {})

    def __repr__(self):
        return f"<{self.status} {self.body[:300]!r}>"


class Serve:
    """A running 'g3nops serve'."""

    def __init__(self, home, process, log):
        self.home = home
        self.process = process
        self.log = log
        self.read_bytes, self.read_events = 0, []  # of the log, so far
        ready = until(self._ready, "serve is ready", 30)
        self.http_url, self.invoke_address = (word.split("=", 1)[1] for word in ready.split()[1:])
        self.http_port = int(self.http_url.rsplit(":", 1)[1])

    @property
    def pid(self):
        return self.process.pid

    def stderr(self):
        return self.log.read_text(errors="replace")

    def events(self, *names):
        """What the log has so far: the fields of each line, of these events or of all."""
        with open(self.log, "rb") as log:
            log.seek(self.read_bytes)
            whole, end, _ = log.read().rpartition(b"\n")
        self.read_bytes += len(whole) + len(end)
        self.read_events += [logfmt(line) for line in whole.decode().split("\n") if line and not line.startswith("ready ")]
        return [event for event in self.read_events if not names or event["event"] in names]

    def _ready(self):
        code = self.process.poll()
        assert code is None, f"serve ended with {code}:\n{self.stderr()}"
        return next((line for line in self.stderr().splitlines() if line.startswith("ready ")), None)

    # ---- calls ----

    def http(self, method, path, body=None, headers=None, json_body=None):
        if json_body is not None:
            body = json.dumps(json_body)
            headers = {"Content-Type": "application/json"} | (headers or {})
        if self.http_url.startswith("https"):
            context = ssl._create_unverified_context()
            connection = http.client.HTTPSConnection("127.0.0.1", self.http_port, timeout=DEADLINE_SECONDS, context=context)
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=DEADLINE_SECONDS)
        try:
            connection.request(method, path, body, headers or {})
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def ping(self):
        return self.http("GET", "/ops/ping").data

    def window(self):
        return self.ping()["maintenance"]

    def invoke_connection(self):
        if self.invoke_address.startswith("unix:"):
            return UnixConnection(self.invoke_address[len("unix:"):])
        host, port = self.invoke_address.rsplit("/", 1)[-1].rsplit(":", 1)
        return http.client.HTTPConnection(host, int(port), timeout=DEADLINE_SECONDS)

    def invoke_raw(self, function, body, headers=None, method="POST"):
        connection = self.invoke_connection()
        try:
            connection.request(method, f"/2015-03-31/functions/{function}/invocations", body, headers or {})
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def invoke(self, function, **payload):
        """The envelope of ops_<function>."""
        answer = self.invoke_raw(f"ops_{function}", json.dumps(payload))
        assert answer.status == 200, answer
        return answer.envelope

    def ask(self, function, **payload):
        """As invoke, with the secret code."""
        return self.invoke(function, secret_code=CODE, **payload)

    def do(self, function, **payload):
        """As ask, and it must succeed."""
        return data(self.ask(function, **payload))

    def schedule(self, seconds_ahead=3600, **fields):
        fields = {"description": "Move to new disks", "estimated_duration_seconds": 600,
                  "scheduled_start_utc": instant(seconds_ahead)} | fields
        return self.do("maintenanceschedule", **fields)

    def vacuum(self, vacuum_id=None):
        return data(self.invoke("vacuumstatus", **({"vacuum_id": vacuum_id} if vacuum_id else {})))

    def vacuum_ended(self, vacuum_id, deadline=DEADLINE_SECONDS):
        def ended():
            vacuum = self.vacuum(vacuum_id)
            return vacuum if vacuum["status"] in ("completed", "failed", "cancelled") else None
        return until(ended, f"vacuum {vacuum_id} ends", deadline)

    def dry_run(self, function="vacuumall", **fields):
        return self.vacuum_ended(self.do(function, dry_run=True, **fields)["vacuum_id"])

    def audit(self):
        """Every audit record, oldest first."""
        records, token = [], None
        while True:
            page = data(self.invoke("auditlist", limit=256, **({"next_token": token} if token else {})))
            records += page["items"]
            token = page["next_token"]
            if not token:
                return records[::-1]

    # ---- the end ----

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self, deadline=15):
        """As systemd does it. The exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(deadline)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"serve did not end within {deadline} s of SIGTERM:\n{self.stderr()}")


class Home:
    """A data directory with what goes with it."""

    def __init__(self, directory):
        self.directory = directory
        directory.mkdir(exist_ok=True)
        self.data = directory / "data"
        self.code_file = directory / "code"
        self.code_file.write_text(CODE)
        self.code_file.chmod(0o600)
        self.clock = Clock(directory / "clock")
        self.serves = []

    @property
    def stack(self):
        return self.data / "stack"

    @property
    def store(self):
        return self.data / "ops.sqlite"

    def table(self, name):
        return self.stack / "tables" / f"{name}.sqlite"

    def bucket(self, name):
        return self.stack / "buckets" / name

    def log_group(self, name):
        return self.stack / "log_groups" / name.lstrip("/")

    def audit_log(self):
        """The records that were delivered to the log group, in order."""
        group = self.log_group("/g3nretailstack/ops/maintenance-audit")
        streams = sorted(group.iterdir()) if group.is_dir() else []
        return [json.loads(line) for stream in streams for line in stream.read_text().splitlines()]

    def audit_trail(self):
        """The same without what came twice, as it may when a serve dies or an answer is lost: seq tells."""
        first = {}
        for record in self.audit_log():
            assert first.setdefault(record["seq"], record) == record, "what comes twice is the same"
        return list(first.values())

    def run(self, *arguments, stdin=subprocess.DEVNULL, env=None, text_in=None, timeout=DEADLINE_SECONDS, with_data=True):
        """One g3nops command."""
        command = [PROGRAM, *map(str, arguments), *(["--data", str(self.data)] if with_data else [])]
        source = {"input": text_in} if text_in is not None else {"stdin": stdin}
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout,
                              env=base_environment() | (env or {}), **source)

    def operator(self, *arguments, **options):
        """A command that needs the secret code."""
        return self.run(*arguments, "--secret-code-file", self.code_file, **options)

    def json(self, *arguments, **options):
        result = self.run(*arguments, "--json", **options)
        assert result.returncode == 0, result
        return data(json.loads(result.stdout))

    def session(self, user="alice", ttl=3600):
        return self.json("session-create", "--user", user, "--ttl", ttl)["session_guid"]

    def serve(self, *arguments, clock=False, before=(), env=None, http="127.0.0.1:0", wait=True):
        """Starts a service. clock: on the home's own clock. before: a command that runs it. wait: until it is ready; else its
        process is all there is."""
        environment = base_environment() | (self.clock.environment() if clock else {}) | (env or {})
        log = self.directory / f"serve-{len(self.serves)}.err"
        command = [*before, PROGRAM, "serve", "--data", str(self.data), "--http-listen", http, *map(str, arguments)]
        with open(log, "wb") as errors:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors,
                                       env=environment)
        self.serves.append((process, log))
        return Serve(self, process, log) if wait else process

    def serve_refused(self, *arguments, before=(), http="127.0.0.1:0"):
        """A service that must not start: its exit code and what it said."""
        command = [*before, PROGRAM, "serve", "--data", str(self.data), "--http-listen", http, *map(str, arguments)]
        result = subprocess.run(command, capture_output=True, text=True, timeout=30, env=base_environment())
        assert not result.stderr.startswith("ready "), result
        return result.returncode, result.stderr.strip()

    def finish(self):
        """Ends what still runs and says what is wrong with it."""
        wrong = []
        for process, log in self.serves:
            killed = process.poll() == -signal.SIGKILL
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(15)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
                    wrong.append(f"{log.name}: did not end on SIGTERM")
            text = log.read_text(errors="replace")
            if not killed and process.returncode != 0:
                wrong.append(f"{log.name}: ended with {process.returncode}")
            if "AddressSanitizer" in text or "LeakSanitizer" in text or "runtime error:" in text:
                wrong.append(f"{log.name}: the sanitizer complains")
        return wrong

    def stderr(self):
        return "\n".join(f"--- {log.name}\n{log.read_text(errors='replace')[-6000:]}" for _, log in self.serves)


def copy_home(template, directory):
    home = Home(directory)
    shutil.copytree(template, home.data, symlinks=True)
    return home
