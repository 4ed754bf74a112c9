"""The gate as an extension of AWS Lambda: the layer, and its life against a stand-in for the Extensions API."""

import http.client
import http.server
import json
import os
import queue
import re
import signal
import subprocess
import threading
import time
import zipfile

import pytest

from g3nops import PROGRAM, ROOT, base_environment, until
from gates import (BROWSER, KNOWLEDGE_SECONDS, Process, ask, check_page, check_refusal, end_window, free_port, needs,
                   start_window)

LAMBDA = ROOT / "deploy" / "gate" / "lambda"
PACKAGE = LAMBDA / "package"
EXTENSION_ID = "5b1c6d2e-0c0a-4a70-8b1e-2a9d3f6c7e11"


class ExtensionsApi:
    """What an extension talks to in a sandbox of Lambda (AWS Lambda Developer Guide, "Lambda Extensions API")."""

    def __init__(self):
        api = self
        self.registrations = []
        self.asked_next = []
        self.events = queue.Queue()
        self.register_answer = (200, {"Lambda-Extension-Identifier": EXTENSION_ID}, b'{"functionName": "f"}')

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                assert self.path == "/2020-01-01/extension/register", self.path
                api.registrations.append((self.headers["Lambda-Extension-Name"], json.loads(body)))
                self.reply(*api.register_answer)

            def do_GET(self):
                if self.path != "/2020-01-01/extension/event/next" \
                        or self.headers["Lambda-Extension-Identifier"] != EXTENSION_ID:
                    self.reply(403, {}, b'{"errorType": "Extension.UnknownExtensionIdentifier"}')
                    return
                api.asked_next.append(time.monotonic())
                self.reply(*api.events.get())  # as in Lambda: the answer comes with the next event

            def reply(self, status, headers, body):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                pass  # the extension may go away while it waits

        self.server = Server(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    @property
    def address(self):
        return f"127.0.0.1:{self.server.server_port}"

    def send(self, kind, **more):
        self.events.put((200, {}, json.dumps({"eventType": kind, "deadlineMs": 0} | more).encode()))

    def stop(self):
        self.send("SHUTDOWN")
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def api():
    made = ExtensionsApi()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def layer(tmp_path_factory):
    """The layer, unpacked as Lambda does it to /opt."""
    directory = tmp_path_factory.mktemp("layer")
    result = subprocess.run([PACKAGE, PROGRAM, directory / "layer.zip"], capture_output=True, text=True, timeout=120)
    assert result.returncode == 0 and not result.stderr, result
    opt = directory / "opt"
    with zipfile.ZipFile(directory / "layer.zip") as packed:
        packed.extractall(opt)
        for info in packed.infolist():
            (opt / info.filename).chmod(info.external_attr >> 16 & 0o777)
    return opt


class Extension(Process):
    """The extension, started as Lambda starts it."""

    def __init__(self, layer, log, api_address, env):
        self.port = free_port()
        environment = {"G3NOPS_GATE_PROGRAM": str(layer / "bin" / "g3nops"), "LD_LIBRARY_PATH": str(layer / "lib"),
                       "G3NOPS_GATE_PORT": str(self.port), "AWS_LAMBDA_RUNTIME_API": api_address}
        env = {name: value for name, value in (environment | env).items() if value is not None}
        super().__init__([layer / "extensions" / "g3nops-gate"], log, env)


@pytest.fixture
def start(layer, api, tmp_path):
    started = []

    def begin(api_address=api.address, **env):
        started.append(Extension(layer, tmp_path / f"extension-{len(started)}.err", api_address, env))
        return started[-1]

    yield begin
    for extension in started:
        if extension.process.poll() is None:
            extension.kill()


def registered(api, extension):
    def look():
        assert extension.process.poll() is None, extension.output()
        return api.registrations and api.asked_next
    until(look, "the extension has registered and waits for an event")


def test_the_layer_has_the_program_its_libraries_and_the_extension(layer):
    names = {str(path.relative_to(layer)) for path in layer.rglob("*") if path.is_file()}
    assert {"bin/g3nops", "extensions/g3nops-gate"} <= names
    assert all(name.startswith("lib/") for name in names - {"bin/g3nops", "extensions/g3nops-gate"})
    assert not any(re.match(r"lib/(libc|libm|ld-linux.*)\.so", name) for name in names), "the C library is the runtime's"
    for name in names:
        assert os.access(layer / name, os.X_OK), name
    environment = base_environment() | {"LD_LIBRARY_PATH": str(layer / "lib")}
    assert subprocess.run([layer / "bin" / "g3nops", "version"], env=environment, capture_output=True).returncode == 0


def test_the_same_program_gives_the_same_layer(tmp_path):
    layers = [tmp_path / "a.zip", tmp_path / "b.zip"]
    for path in layers:
        result = subprocess.run([PACKAGE, PROGRAM, path], capture_output=True, text=True, timeout=120)
        assert result.returncode == 0 and "glibc 2." in result.stdout, result
    assert layers[0].read_bytes() == layers[1].read_bytes()


@pytest.mark.parametrize("arguments, named", [
    ([], "usage"), (["a"], "usage"), (["/nowhere/g3nops", "x.zip"], "/nowhere/g3nops"),
    ([PROGRAM, "/nowhere/x.zip"], "/nowhere/x.zip")])
def test_a_layer_that_can_not_be_made_is_one_clear_error(arguments, named, tmp_path):
    result = subprocess.run([PACKAGE, *arguments], capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert result.returncode != 0 and named in result.stderr and len(result.stderr.splitlines()) == 1, result


def test_the_extension_registers_answers_on_localhost_and_ends_with_the_sandbox(bare, api, start):
    serve = bare.serve()
    extension = start(G3NOPS_GATE_SOURCE=serve.http_url, G3NOPS_GATE_REFRESH_MS="1000", G3NOPS_GATE_SERVICE="pvm",
                      G3NOPS_GATE_HEALTH_PATHS="/healthz")
    registered(api, extension)
    assert api.registrations == [("g3nops-gate", {"events": ["INVOKE", "SHUTDOWN"]})]
    assert ask(extension.port, "/gate").status == 204
    window = start_window(serve)
    until(lambda: ask(extension.port, "/gate").status == 503, "the gate is closed", KNOWLEDGE_SECONDS + 10)
    assert check_refusal(ask(extension.port, "/gate"), window)["stats"]["service"] == "pvm"
    check_page(ask(extension.port, "/gate", headers={"Accept": BROWSER}), window)
    assert ask(extension.port, "/gate", headers={"X-Original-URI": "/healthz"}).status == 204
    for number in range(3):
        api.send("INVOKE", requestId=f"request-{number}")
        until(lambda: len(api.asked_next) == number + 2, "the extension waits for the next event")
        assert ask(extension.port, "/gate").status == 503
    end_window(serve)
    until(lambda: ask(extension.port, "/gate").status == 204, "the gate is open", KNOWLEDGE_SECONDS + 10)
    api.send("SHUTDOWN", shutdownReason="spindown")
    assert extension.process.wait(10) == 0, extension.output()
    assert len(api.registrations) == 1 and "error" not in extension.output()


def test_a_sandbox_that_was_frozen_forgets_what_it_knew(bare, api, start):
    serve = bare.serve()
    start_window(serve)
    extension = start(G3NOPS_GATE_SOURCE=serve.http_url)
    registered(api, extension)
    until(lambda: ask(extension.port, "/gate").status == 503, "the gate is closed", KNOWLEDGE_SECONDS + 10)
    extension.send(signal.SIGSTOP)
    end_window(serve)
    time.sleep(KNOWLEDGE_SECONDS + 5)
    connection = http.client.HTTPConnection("127.0.0.1", extension.port, timeout=30)
    connection.request("GET", "/gate")
    api.send("INVOKE", requestId="x")
    extension.send(signal.SIGCONT)
    assert connection.getresponse().status == 204
    connection.close()
    api.send("SHUTDOWN")
    assert extension.process.wait(10) == 0, extension.output()


def test_a_source_that_is_away_does_not_keep_a_function_from_running(api, start):
    extension = start(G3NOPS_GATE_SOURCE="http://127.0.0.1:1")
    registered(api, extension)
    assert ask(extension.port, "/gate").status == 204

    def told():
        api.send("INVOKE", requestId="x")
        return "g3nops: gate: http://127.0.0.1:1/ops/ping could not be reached" in extension.output()

    until(told, "the reason is told")
    api.send("SHUTDOWN")
    assert extension.process.wait(10) == 0


def test_a_proxy_of_the_function_is_not_asked_for_what_is_in_the_sandbox(api, start):
    nobody = "http://127.0.0.1:1"
    extension = start(G3NOPS_GATE_SOURCE=nobody, http_proxy=nobody, ALL_PROXY=nobody)
    registered(api, extension)
    api.send("SHUTDOWN")
    assert extension.process.wait(10) == 0


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_as_any_program(api, start, signal_number):
    extension = start(G3NOPS_GATE_SOURCE="http://127.0.0.1:1")
    registered(api, extension)
    extension.send(signal_number)
    assert extension.process.wait(10) == -signal_number


def failed(extension):
    """The one error that it ended with."""
    code = extension.process.wait(30)
    errors = [line for line in extension.output().splitlines() if not line.startswith("ready ")]
    assert code != 0 and errors and errors[0].startswith("error: "), (code, extension.output())
    assert len([line for line in errors if line.startswith("error: ")]) == 1, errors
    return errors[0]


@pytest.mark.parametrize("answer, said", [
    ((500, {}, b""), "/register with HTTP status 500"),
    ((403, {"Lambda-Extension-Identifier": EXTENSION_ID}, b"{}"), "/register with HTTP status 403"),
    ((200, {}, b"{}"), "Lambda-Extension-Identifier")])
def test_a_registration_that_fails_is_a_clear_error(api, start, answer, said):
    api.register_answer = answer
    assert said in failed(start(G3NOPS_GATE_SOURCE="http://127.0.0.1:1"))
    assert not api.asked_next


@pytest.mark.parametrize("answer, said", [
    ((500, {}, b""), "/event/next with HTTP status 500"),
    ((200, {}, b"hello"), "no JSON"),
    ((200, {}, b"[]"), "no JSON"),
    ((200, {}, b""), "no JSON")])
def test_an_event_that_is_none_is_a_clear_error(api, start, answer, said):
    api.events.put(answer)
    assert said in failed(start(G3NOPS_GATE_SOURCE="http://127.0.0.1:1"))


def test_an_event_of_a_kind_that_is_not_known_is_passed_over(api, start):
    extension = start(G3NOPS_GATE_SOURCE="http://127.0.0.1:1")
    registered(api, extension)
    api.send("RESTORE")
    until(lambda: len(api.asked_next) == 2, "the extension waits for the next event")
    api.send("SHUTDOWN")
    assert extension.process.wait(10) == 0


@pytest.mark.parametrize("env, said", [
    ({"G3NOPS_GATE_SOURCE": None}, "G3NOPS_GATE_SOURCE"),
    ({"G3NOPS_GATE_SOURCE": ""}, "G3NOPS_GATE_SOURCE"),
    ({"G3NOPS_GATE_SOURCE": "ftp://x"}, "source"),
    ({"G3NOPS_GATE_REFRESH_MS": "soon"}, "--refresh-ms"),
    ({"G3NOPS_GATE_HEALTH_PATHS": "healthz"}, "--health-paths"),
    ({"G3NOPS_GATE_PORT": "none"}, "127.0.0.1:none"),
    ({"AWS_LAMBDA_RUNTIME_API": None}, "AWS_LAMBDA_RUNTIME_API")])
def test_a_setting_that_is_wrong_is_a_clear_error(api, start, env, said):
    assert said in failed(start(**{"G3NOPS_GATE_SOURCE": "http://127.0.0.1:1"} | env))
    assert not api.registrations


def test_without_an_extensions_api_it_says_so(start):
    assert "127.0.0.1" in failed(start(api_address=f"127.0.0.1:{free_port()}", G3NOPS_GATE_SOURCE="http://127.0.0.1:1"))


# ---- what README.md tells to write into a function ----


def snippet(language):
    return re.search(rf"```{language}\n(.*?)```", (LAMBDA / "README.md").read_text(), re.S)[1]


def run_function(command, tmp_path, text, name):
    path = tmp_path / name
    path.write_text(text)
    result = subprocess.run([*command, path], capture_output=True, text=True, timeout=60, env=base_environment())
    assert result.returncode == 0, result
    return json.loads(result.stdout)


def with_port(text, port):
    """And with more patience: a machine that is busy with other tests must not look like an extension that is away."""
    assert "timeout(400)" in text or "timeout=0.4" in text
    return text.replace(":9180", f":{port}").replace("timeout(400)", "timeout(10000)").replace("timeout=0.4", "timeout=10")


def call_in_node(tmp_path, port):
    text = snippet("js") + """
function respond() { return { statusCode: 200, body: 'hello' }; }
exports.handler({ headers: { accept: '*/*' } }).then((answer) => console.log(JSON.stringify(answer)));
"""
    return run_function([needs("node")], tmp_path, with_port(text, port), "function.js")


def call_in_python(tmp_path, port):
    text = "import json\nimport re\nimport urllib.error\nimport urllib.request\n\n\n" + snippet("python") + """

print(json.dumps(closed({"headers": {"accept": "*/*"}}) or {"statusCode": 200, "body": "hello"}))
"""
    return run_function(["python3"], tmp_path, with_port(text, port), "function.py")


@pytest.mark.parametrize("call", [call_in_node, call_in_python])
def test_a_function_as_the_readme_has_it_answers_and_turns_away(bare, api, start, tmp_path, call):
    serve = bare.serve()
    extension = start(G3NOPS_GATE_SOURCE=serve.http_url, G3NOPS_GATE_REFRESH_MS="1000")
    registered(api, extension)
    assert call(tmp_path, extension.port) == {"statusCode": 200, "body": "hello"}
    window = start_window(serve)
    until(lambda: ask(extension.port, "/gate").status == 503, "the gate is closed", KNOWLEDGE_SECONDS + 10)
    answer = call(tmp_path, extension.port)
    headers = {name.lower(): value for name, value in answer["headers"].items()}
    assert answer["statusCode"] == 503 and headers["x-ops-maintenance"] == window["maintenance_id"]
    assert headers["retry-after"] and json.loads(answer["body"])["error"]["minor"]["tag"] == "maintenance-mode"
    extension.kill()
    assert call(tmp_path, extension.port) == {"statusCode": 200, "body": "hello"}
