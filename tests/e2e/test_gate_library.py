"""libopsgate as its users have it: installed, found by pkg-config, linked into C, C++ and Python, through a whole window."""

import contextlib
import ctypes
import html
import json
import os
import re
import shutil
import socket
import subprocess
import threading
from datetime import datetime
from pathlib import Path

import pytest

from aws_home import OWN_TABLE, account, empty, make_aws, on, stub, stub_process  # noqa: F401 (fixtures)
from g3nops import PROGRAM, ROOT, base_environment, sanitizer_library, until

BUILD = Path(PROGRAM).parent
SOURCES = ROOT / "tests" / "opsgate"
HEADER = (ROOT / "include" / "opsgate.h").read_text()
FUNCTIONS = set(re.findall(r"^OPSGATE_API [^;]*?\b(opsgate_\w+)\(", HEADER, re.M))
STRICT = ["-pedantic", "-Wall", "-Wextra", "-Werror"]
C99 = ["gcc", "-std=c99", *STRICT]
CXX11 = ["g++", "-std=c++11", *STRICT]
LIBRARIES = ["curl", "jansson", "crypto", "sqlite3", "expat"]

pytestmark = pytest.mark.skipif(bool(sanitizer_library()), reason="the library is not built with a sanitizer")


def run(*command, env=None, **options):
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=120,
                            env=base_environment() | (env or {}), **options)
    assert result.returncode == 0, f"{' '.join(map(str, command))}:\n{result.stdout}{result.stderr}"
    return result.stdout


class Installation:
    def __init__(self, prefix):
        self.prefix = prefix
        self.library = next(prefix.glob("lib*/**/libopsgate.so.1"))
        self.directory = self.library.parent
        self.archive = self.directory / "libopsgate.a"

    def pkg_config(self, *arguments):
        return run("pkg-config", *arguments, "opsgate", env={"PKG_CONFIG_PATH": str(self.directory / "pkgconfig")}).split()

    def build(self, compiler, source, program, static):
        """static: with the archive, and what that needs from the system."""
        flags = self.pkg_config("--cflags", "--libs", *(["--static"] if static else []))
        if static:
            flags = ["-l:libopsgate.a" if flag == "-lopsgate" else flag for flag in flags]
        run(*compiler, "-o", program, SOURCES / source, *flags)
        return program

    def environment(self):
        return {"LD_LIBRARY_PATH": str(self.directory)}


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    if not (BUILD / "libopsgate.a").exists():
        pytest.fail(f"{BUILD / 'libopsgate.a'} is not there: build the target opsgate")
    prefix = tmp_path_factory.mktemp("installed") / "usr"
    run("cmake", "--install", BUILD, "--component", "opsgate", "--prefix", prefix)
    return Installation(prefix)


# ---- what is installed ----

def test_the_header_has_functions():
    assert {"opsgate_open", "opsgate_check", "opsgate_respond", "opsgate_close"} < FUNCTIONS and len(FUNCTIONS) == 10


def test_everything_is_installed_where_it_belongs(installed):
    files = {str(path.relative_to(installed.prefix)) for path in installed.prefix.rglob("*") if not path.is_dir()}
    library = str(installed.directory.relative_to(installed.prefix))
    version = installed.pkg_config("--modversion")[0]
    assert files == {"include/opsgate.h", f"{library}/libopsgate.a", f"{library}/libopsgate.so",
                     f"{library}/libopsgate.so.1", f"{library}/libopsgate.so.{version}", f"{library}/pkgconfig/opsgate.pc"}
    assert (installed.prefix / "include" / "opsgate.h").read_text() == HEADER


def test_the_package_names_what_it_needs(installed):
    private = {f"-l{name}" for name in LIBRARIES}
    assert "-lopsgate" in installed.pkg_config("--libs") and not private & set(installed.pkg_config("--libs"))
    assert private | {"-pthread"} <= set(installed.pkg_config("--static", "--libs"))


def test_the_package_is_found_also_where_it_was_moved_to(installed, tmp_path):
    moved = tmp_path / "moved"
    shutil.copytree(installed.prefix, moved, symlinks=True)
    Installation(moved).build(C99, "service.c", tmp_path / "service", static=True)


def names(*command):
    """The names of symbols, without their versions; absolute ones are the versions themselves."""
    lines = [line.split() for line in run(*command).splitlines() if line and not line.endswith(":")]
    return {line[-1].split("@")[0] for line in lines if line[-2] != "A"}


def test_the_shared_library_shows_the_functions_of_the_header_and_nothing_else(installed):
    assert names("nm", "-D", "--defined-only", installed.library) == FUNCTIONS


def test_the_archive_shows_the_functions_of_the_header_and_nothing_else(installed):
    assert names("nm", "--defined-only", "--extern-only", installed.archive) == FUNCTIONS
    assert not [name for name in names("nm", "--undefined-only", installed.archive) if name.startswith("ops")]


def test_the_shared_library_is_what_a_loader_wants(installed):
    dynamic = run("readelf", "-d", "-W", installed.library)
    assert "soname: [libopsgate.so.1]" in dynamic
    assert "TEXTREL" not in dynamic and "RPATH" not in dynamic and "RUNPATH" not in dynamic
    assert "BIND_NOW" in dynamic and "NODELETE" in dynamic
    needed = set(re.findall(r"\(NEEDED\).*\[lib([a-z0-9_-]+)\.so", dynamic))
    assert needed == set(LIBRARIES) | {"c"}


@pytest.mark.parametrize("compiler", [C99, CXX11, ["gcc", "-std=c17", *STRICT], ["g++", "-std=c++20", *STRICT]],
                         ids=lambda compiler: compiler[1])
def test_the_header_compiles_alone(installed, tmp_path, compiler):
    source = tmp_path / ("alone.cc" if compiler[0] == "g++" else "alone.c")
    source.write_text("#include <opsgate.h>\n#include <opsgate.h>\nint main(void) { return 0; }\n")
    run(*compiler, "-o", tmp_path / "alone", source, *installed.pkg_config("--cflags"))


# ---- the services ----

class Service:
    """A running service.c or service.cc."""

    def __init__(self, program, source, env):
        self.process = subprocess.Popen([program, source], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        env=base_environment() | env)

    def line(self):
        return self.process.stdout.readline().decode().rstrip("\n")

    def send(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()
        return self.line()

    def get(self, path="/", method="GET", accept=""):
        """Status, headers and body."""
        status = int(self.send(f"{method} {path} {accept}"))
        if status == 200:
            return status, {}, ""
        headers = dict(line.split(": ", 1) for line in iter(self.line, ""))
        body = self.process.stdout.read(int(self.line())).decode()
        assert self.line() == ""
        return status, headers, body

    def status(self, *arguments, **options):
        return self.get(*arguments, **options)[0]

    def window(self):
        active, maintenance_id = self.send("WINDOW /").split(" ")
        return {"active": int(active), "maintenance_id": maintenance_id, "description": self.line(),
                "started_at": self.line(), "estimated_end_utc": self.line(), "updates": json.loads(self.line())}

    def counters(self):
        words = self.send("COUNT /").split(" ", 6)
        return dict(zip(("fresh", "stale", "unknown", "blocked", "asked", "failed"), map(int, words))) | {"last": words[6]}

    def stop(self):
        self.process.stdin.close()
        assert self.process.wait(30) == 0


@pytest.fixture(scope="module", params=[("service.c", C99, True), ("service.c", C99, False), ("service.cc", CXX11, True),
                                        ("service.cc", CXX11, False)],
                ids=["c-static", "c-shared", "c++-static", "c++-shared"])
def program(request, installed, tmp_path_factory):
    source, compiler, static = request.param
    path = installed.build(compiler, source, tmp_path_factory.mktemp("program") / "service", static)
    needed = run("readelf", "-d", "-W", path)
    assert ("libopsgate" in needed) == (not static)
    return path


@pytest.fixture
def start_service(installed, program):
    services = []

    def start(source, env=None):
        services.append(Service(program, source, installed.environment() | (env or {})))
        return services[-1]

    yield start
    for service in services:
        service.process.kill()
        service.process.wait()


def start_window(serve, **fields):
    window = serve.schedule(description="Move <disks> & fans", **fields)
    return serve.do("maintenancestart", maintenance_id=window["maintenance_id"])


def check_envelope(headers, body, window, service):
    """The contract's 503."""
    envelope = json.loads(body)
    error = envelope["error"]
    assert envelope["success"] is False and set(envelope) == {"success", "error", "build", "stats"}
    assert (error["major"]["tag"], error["minor"]["tag"]) == ("unavailable", "maintenance-mode")
    assert envelope["stats"]["service"] == service
    details = error["details"]
    assert set(details) == {"maintenance_id", "description", "started_at", "estimated_end_utc", "updates"}
    assert details["maintenance_id"] == window["maintenance_id"] == headers["x-ops-maintenance"]
    assert details["description"] == "Move <disks> & fans"
    assert details["started_at"] == window["started_at"]
    assert datetime.fromisoformat(details["estimated_end_utc"].replace("Z", "+00:00"))
    assert headers["Content-Type"] == "application/json" and headers["Cache-Control"] == "no-store"
    assert 20 <= int(headers["Retry-After"]) <= 600 * 5 // 4 + 1


def test_a_service_closes_with_the_window_and_opens_with_its_end(bare, start_service):
    serve = bare.serve()
    service = start_service(serve.http_url)
    assert service.status() == 200
    assert service.window()["active"] == 0
    window = start_window(serve)
    until(lambda: service.status() == 503, "the service is closed", 20)

    status, headers, body = service.get("/orders?id=7")
    assert status == 503
    check_envelope(headers, body, window, "shop")
    assert service.window() | {"updates": []} == {
        "active": 1, "maintenance_id": window["maintenance_id"], "description": "Move <disks> & fans",
        "started_at": window["started_at"], "estimated_end_utc": json.loads(body)["error"]["details"]["estimated_end_utc"],
        "updates": []}
    status, headers, page = service.get(accept="text/html")
    assert status == 503 and headers["Content-Type"].startswith("text/html")
    assert html.escape("Move <disks> & fans", quote=False) in page and "<disks>" not in page
    assert service.status(method="OPTIONS") == 200
    assert service.status("/healthz") == service.status("/status/live?x=1") == 200

    serve.do("maintenanceend")
    until(lambda: service.status() == 200, "the service is open", 20)
    assert service.window()["active"] == 0
    counters = service.counters()
    assert counters["blocked"] >= 3 and counters["fresh"] >= 2 and counters["asked"] >= 2
    assert counters["failed"] == counters["unknown"] == 0 and counters["last"] == ""
    service.stop()


def descriptors(pid, task):
    links = {}
    for entry in Path(f"/proc/{pid}/task/{task}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            links[entry.name] = os.readlink(entry)
    return links


def tcp_connections():
    return {f"socket:[{line.split()[9]}]" for line in Path("/proc/net/tcp").read_text().splitlines()[1:]}


def rested(links):
    """All but the standard streams, where these lead nowhere; while the thread asks it has the service's standard error."""
    standard = {links.pop(stream, "") for stream in "012"}
    return set(links.values()) if standard == {"/dev/null"} else None


def test_its_thread_holds_nothing_that_a_service_has_open_and_a_service_nothing_of_its_threads(bare, start_service):
    """Whoever reads a service's output, or turns its log over, waits for nobody but the service."""
    service = start_service(bare.serve().http_url)
    until(lambda: service.counters()["asked"] > 0, "the gate has asked")
    pid = service.process.pid
    task, = (task for task in os.listdir(f"/proc/{pid}/task") if int(task) != pid)
    links = until(lambda: rested(descriptors(pid, task)), "the thread is between two questions")
    own = set(descriptors(pid, pid).values())
    assert links & tcp_connections() and not own & tcp_connections() and not own & links
    service.stop()


def test_a_service_is_open_where_nothing_answers(start_service):
    service = start_service("http://127.0.0.1:1")
    assert service.status() == 200
    until(lambda: service.counters()["failed"] > 0, "a question has failed")
    counters = service.counters()
    assert counters["unknown"] >= 1 and counters["blocked"] == counters["fresh"] == 0 and "127.0.0.1:1" in counters["last"]
    service.stop()


def test_a_service_reads_a_data_directory(bare, start_service):
    serve = bare.serve()
    service = start_service(f"store:{bare.data}")
    assert service.status() == 200
    start_window(serve)
    until(lambda: service.status() == 503, "the service is closed", 20)
    serve.do("maintenanceend")
    until(lambda: service.status() == 200, "the service is open", 20)
    service.stop()


@on("stub")
def test_a_service_reads_the_table_of_dynamodb(empty, account, start_service):
    serve = empty.serve()
    service = start_service(f"dynamodb:{OWN_TABLE}", account.environment())
    assert service.status() == 200
    window = start_window(serve)
    until(lambda: service.status() == 503, "the service is closed", 20)
    status, headers, body = service.get()
    check_envelope(headers, body, window, "shop")
    serve.do("maintenanceend")
    until(lambda: service.status() == 200, "the service is open", 20)
    assert service.counters()["failed"] == 0
    lost = start_service("dynamodb:not_there", account.environment())
    until(lambda: lost.counters()["failed"] > 0, "the table is not found", 20)
    assert lost.status() == 200 and "not_there" in lost.counters()["last"]
    service.stop()


def test_a_dynamodb_that_never_answers_does_not_hold_a_service_up(start_service):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        service = start_service("dynamodb:ops_main", {
            "AWS_ENDPOINT_URL_DYNAMODB": url, "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "x",
            "AWS_REGION": "eu-central-1", "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/nonexistent"})
        assert service.status() == 200
        until(lambda: service.counters()["failed"] >= 2, "two questions have failed", 25)
        assert "in time" in service.counters()["last"]
        service.process.stdin.close()
        assert service.process.wait(10) == 0  # a question's time is 2 s


def test_a_source_that_is_none_is_refused_by_name(installed, program):
    for source in ("ftp://x", "http://", "dynamodb:", "store:", "nonsense"):
        result = subprocess.run([program, source], capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL,
                                env=base_environment() | installed.environment())
        assert result.returncode == 2 and result.stderr.startswith("source "), result
        assert len(result.stderr.splitlines()) == 1


# ---- loaded while a program runs ----

def test_a_program_with_many_threads_can_load_and_unload_it(installed, tmp_path):
    program = tmp_path / "late"
    run(*C99, "-D_POSIX_C_SOURCE=200809L", "-o", program, SOURCES / "late.c", *installed.pkg_config("--cflags"), "-pthread",
        "-ldl")
    for _ in range(5):
        assert run(program, installed.library) == f"{200 * 1000} {200 * 1000} 0\n"


def test_a_plug_in_with_the_archive_stays_for_the_threads_that_have_checked(installed, tmp_path):
    program, plug_in = tmp_path / "late", tmp_path / "plug-in.so"
    flags = [flag for flag in installed.pkg_config("--libs", "--static") if flag != "-lopsgate"]
    run("gcc", "-shared", "-o", plug_in, "-Wl,--whole-archive", installed.archive, "-Wl,--no-whole-archive", *flags)
    run(*C99, "-D_POSIX_C_SOURCE=200809L", "-o", program, SOURCES / "late.c", *installed.pkg_config("--cflags"), "-pthread",
        "-ldl")
    assert run(program, plug_in) == f"{200 * 1000} {200 * 1000} 0\n"


ASK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.POINTER(ctypes.c_char), ctypes.c_size_t)


class Config(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("source", ctypes.c_char_p), ("ask", ASK), ("ask_context", ctypes.c_void_p),
                ("refresh_ms", ctypes.c_uint), ("timeout_ms", ctypes.c_uint), ("first_wait_ms", ctypes.c_uint),
                ("health_paths", ctypes.POINTER(ctypes.c_char_p)), ("service", ctypes.c_char_p)]


class Header(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("value", ctypes.c_char_p)]


class Response(ctypes.Structure):
    _fields_ = [("status", ctypes.c_int), ("header_count", ctypes.c_size_t), ("headers", Header * 8),
                ("body", ctypes.POINTER(ctypes.c_char)), ("body_length", ctypes.c_size_t)]


class Counters(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("fresh", "stale", "unknown", "blocked", "asked", "failed")] + [
        ("age_ms", ctypes.c_int64), ("last_failure", ctypes.c_char * 256)]


@pytest.fixture(scope="module")
def library(installed):
    loaded = ctypes.CDLL(str(installed.library))
    loaded.opsgate_open.argtypes = [ctypes.POINTER(Config), ctypes.POINTER(ctypes.c_void_p), ctypes.c_char_p]
    loaded.opsgate_config_check.argtypes = [ctypes.POINTER(Config), ctypes.c_char_p]
    loaded.opsgate_check.argtypes = [ctypes.c_void_p]
    loaded.opsgate_respond.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    loaded.opsgate_respond.restype = ctypes.POINTER(Response)
    loaded.opsgate_response_free.argtypes = [ctypes.POINTER(Response)]
    loaded.opsgate_response_free.restype = None
    loaded.opsgate_count.argtypes = [ctypes.c_void_p, ctypes.POINTER(Counters)]
    loaded.opsgate_count.restype = None
    loaded.opsgate_close.argtypes = [ctypes.c_void_p]
    loaded.opsgate_close.restype = None
    return loaded


@pytest.fixture
def open_gate(library):
    gates = []

    def open_it(**fields):
        config = Config(size=ctypes.sizeof(Config), refresh_ms=1000, timeout_ms=2000, first_wait_ms=10000)
        for name, value in fields.items():
            setattr(config, name, value)
        gate, why = ctypes.c_void_p(), ctypes.create_string_buffer(256)
        assert library.opsgate_open(ctypes.byref(config), ctypes.byref(gate), why) == 0, why.value
        gates.append(gate)
        return gate

    yield open_it
    for gate in gates:
        library.opsgate_close(gate)


def counters_of(library, gate):
    counters = Counters()
    library.opsgate_count(gate, ctypes.byref(counters))
    return counters


def test_python_closes_with_the_window_and_opens_with_its_end(bare, library, open_gate):
    serve = bare.serve()
    gate = open_gate(source=serve.http_url.encode(), service=b"py")
    assert library.opsgate_check(gate) == 0
    window = start_window(serve)
    until(lambda: library.opsgate_check(gate) == 1, "the gate is closed", 20)
    response = library.opsgate_respond(gate, None)
    headers = {header.name.decode(): header.value.decode()
               for header in response.contents.headers[:response.contents.header_count]}
    body = ctypes.string_at(response.contents.body, response.contents.body_length).decode()
    assert response.contents.status == 503
    check_envelope(headers, body, window, "py")
    library.opsgate_response_free(response)
    serve.do("maintenanceend")
    until(lambda: library.opsgate_check(gate) == 0, "the gate is open", 20)
    assert counters_of(library, gate).blocked >= 1


def test_python_can_ask_itself(library, open_gate):
    answers = {"active": False}

    @ASK
    def ask(_context, _timeout_ms, window, size):
        text = b'{"description": "from Python"}\0'
        assert size > len(text)
        ctypes.memmove(window, text, len(text))
        return int(answers["active"])

    gate = open_gate(ask=ask)
    assert library.opsgate_check(gate) == 0
    answers["active"] = True
    until(lambda: library.opsgate_check(gate) == 1, "the gate is closed", 20)
    response = library.opsgate_respond(gate, b"application/json")
    assert b"from Python" in ctypes.string_at(response.contents.body, response.contents.body_length)
    library.opsgate_response_free(response)
    answers["active"] = False
    until(lambda: library.opsgate_check(gate) == 0, "the gate is open", 20)


def test_many_threads_of_python_check_at_once(library, open_gate):
    ask = ASK(lambda *_: 0)
    gate = open_gate(ask=ask)
    threads = [threading.Thread(target=lambda: [library.opsgate_check(gate) for _ in range(500)]) for _ in range(80)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counters = counters_of(library, gate)
    assert counters.fresh + counters.stale == 80 * 500 and counters.blocked == counters.unknown == 0


def test_a_configuration_that_is_wrong_is_refused_by_its_member(library):
    for fields, member in [({"size": 8, "source": b"http://x"}, "size"), ({}, "source"),
                           ({"source": b"http://x", "ask": ASK(lambda *_: 0)}, "source"),
                           ({"source": b"http://x", "refresh_ms": 999}, "refresh_ms"),
                           ({"source": b"http://x", "timeout_ms": 10001}, "timeout_ms"),
                           ({"source": b"http://x", "first_wait_ms": 10001}, "first_wait_ms"),
                           ({"source": b"gopher://x"}, "source")]:
        config = Config(size=ctypes.sizeof(Config), refresh_ms=5000, timeout_ms=2000, first_wait_ms=250)
        for name, value in fields.items():
            setattr(config, name, value)
        gate, why = ctypes.c_void_p(), ctypes.create_string_buffer(256)
        assert library.opsgate_open(ctypes.byref(config), ctypes.byref(gate), why) == 1, fields
        assert member in why.value.decode() and not gate, why.value
        checked = ctypes.create_string_buffer(256)
        assert library.opsgate_config_check(ctypes.byref(config), checked) == 1 and checked.value == why.value
