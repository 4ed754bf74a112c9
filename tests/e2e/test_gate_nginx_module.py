"""The gate inside nginx: a real nginx with ngx_http_opsgate_module before a real serve."""

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest

import g3nops
from g3nops import PROGRAM, ROOT, Answer, until

BUILD = Path(PROGRAM).parent
SOURCES = ROOT / "deploy/gate/nginx-module"
OTHER_MODULE = Path("/usr/lib/nginx/modules/ngx_http_echo_module.so")
NGINX_SRC = Path(os.environ.get("NGINX_SRC", "/usr/share/nginx/src"))
PROMISE_SECONDS = 20
WORKERS = 2
PAGE = "the page\n"
HTML = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"

CONFIGURATION = """
{modules}
daemon off;
{user}
worker_processes {workers};
pid {directory}/nginx.pid;
error_log {directory}/error.log notice;
events {{ worker_connections 256; }}
http {{
    log_format seen '$status {verdict} $request_method $request_uri';
    access_log {directory}/access.log seen;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    proxy_cache_path {directory}/cache keys_zone=kept:1m;
    {http}
    server {{
        listen 127.0.0.1:{port};
        listen 127.0.0.1:{http2_port} http2;
        root {directory}/html;
        {server}
    }}
    server {{
        listen 127.0.0.1:{app_port};
        access_log off;
        location / {{ return 200 "app\\n"; }}
        location /passed-on/ {{
            add_header X-Accel-Redirect /page.txt;
            add_header Cache-Control max-age=60;
            return 200;
        }}
    }}
}}
"""

GATE = """
    opsgate_source "{source}";
    opsgate_refresh 1s;
    opsgate_service shop;
    opsgate_health_path /healthz;
    opsgate_health_path /probe/*;
    opsgate_health_path "/alive and/*";
"""

LOCATIONS = """
        opsgate on;
        charset utf-8;
        error_page 503 /sorry.html;
        location / {{ }}
        location /free/ {{ opsgate off; }}
        location /private/ {{ deny all; charset koi8-r; charset_types *; }}
        location /api/ {{ proxy_pass http://127.0.0.1:{app_port}; }}
        location /healthz {{ proxy_pass http://127.0.0.1:{app_port}; }}
        location /probe/ {{ auth_request /api/guard; proxy_pass http://127.0.0.1:{app_port}; }}
        location /handed/ {{ opsgate off; try_files /nothing @app; }}
        location @app {{ opsgate on; proxy_pass http://127.0.0.1:{app_port}; }}
        location /lost/ {{ opsgate off; error_page 404 /page.txt; }}
        location /early/ {{ set $early $opsgate; add_header X-Early $early; try_files /page.txt =404; }}
        location /passed-on/ {{ opsgate off; proxy_pass http://127.0.0.1:{app_port}; }}
        location /slow/ {{ proxy_pass http://unix:{directory}/slow.sock; }}
        rewrite "^/alive and/early$" /page.txt;
        location "/alive and/" {{ rewrite late$ /page.txt last; try_files /nothing /page.txt; }}
        location "/alive and/index/" {{ index /page.txt; }}
        location "/alive and/lost/" {{ error_page 404 =200 /page.txt; }}
"""

COUNTING = """
local threads = {}
function setup(thread) table.insert(threads, thread) end
function init() opened, blocked, wrong, example = 0, 0, 0, "" end
function delay() return 5 end
function response(status, headers, body)
    if status == 200 and body == "the page\\n" then
        opened = opened + 1
    elseif status == 503 and tonumber(headers["Retry-After"] or 0) >= 20 and headers["x-ops-maintenance"] then
        blocked = blocked + 1
    else
        wrong, example = wrong + 1, status .. " " .. body
    end
end
function done(summary)
    local sums, failed, example = {opened = 0, blocked = 0, wrong = 0}, 0, ""
    for _, thread in ipairs(threads) do
        for name in pairs(sums) do sums[name] = sums[name] + thread:get(name) end
        example = example .. thread:get("example")
    end
    for _, name in ipairs({"connect", "read", "write", "timeout"}) do failed = failed + summary.errors[name] end
    print(string.format("counted %d %d %d %d %q", sums.opened, sums.blocked, sums.wrong, failed, example))
end
"""


NO_FIRST_THREAD = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *context)
{
    static int refused;
    int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    *(void **)&create = dlsym(RTLD_NEXT, "pthread_create");
    return refused++ == 0 ? EAGAIN : create(thread, attributes, run, context);
}
"""


def free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@pytest.fixture(scope="module")
def module(tmp_path_factory):
    """The module, built as the README says against the libopsgate of the build that is tested."""
    for needed, package in ((NGINX_SRC / "configure", "nginx-dev"), (Path("/usr/sbin/nginx"), "nginx")):
        if not needed.exists():
            pytest.skip(f"there is no {needed}: {package} is not installed")
    if g3nops.sanitizer_library() or not (BUILD / "libopsgate.a").exists():
        pytest.skip(f"there is no {BUILD}/libopsgate.a; builds with a sanitizer make none")
    directory = tmp_path_factory.mktemp("module")
    prefix = directory / "prefix"
    subprocess.run(["cmake", "--install", BUILD, "--component", "opsgate", "--prefix", prefix], check=True,
                   stdout=subprocess.DEVNULL)
    places = next(prefix.glob("**/opsgate.pc")).parent
    output = directory / "ngx_http_opsgate_module.so"
    # nginx's ./configure trips over such a name where it can see it, and mktemp makes one in every 62.
    unlucky = directory / "tmp.S"
    unlucky.mkdir()
    built = subprocess.run([SOURCES / "build", output], capture_output=True, text=True, timeout=300,
                           env=os.environ | {"PKG_CONFIG_PATH": str(places), "TMPDIR": str(unlucky)})
    assert built.returncode == 0, built
    return output


class Nginx:
    def __init__(self, directory, module):
        self.directory = directory
        self.module = module
        self.port, self.http2_port, self.app_port = free_ports(3)
        self.process = None
        html = directory / "html"
        for path in ("page.txt", "free/page.txt", "private/page.txt"):
            (html / path).parent.mkdir(parents=True, exist_ok=True)
            (html / path).write_text(PAGE)
        (html / "sorry.html").write_text("sorry\n")

    @property
    def command(self):
        here = self.directory
        return ["/usr/sbin/nginx", "-p", here, "-c", here / "nginx.conf", "-e", here / "error.log"]

    def configure(self, http, server, modules=None):
        modules = [self.module] if modules is None else modules
        loaded = " ".join(f"load_module {module};" for module in modules)
        verdict = "$opsgate" if self.module in modules else "-"
        user = "user root;" if os.geteuid() == 0 else ""
        text = CONFIGURATION.format(modules=loaded, workers=WORKERS, verdict=verdict, directory=self.directory, user=user,
                                    http=http, server=server.format(app_port=self.app_port, directory=self.directory),
                                    port=self.port, http2_port=self.http2_port, app_port=self.app_port)
        (self.directory / "nginx.conf").write_text(text)

    def complaint(self):
        """What nginx -t says against the configuration; None: nothing."""
        result = subprocess.run([*self.command, "-t"], capture_output=True, text=True, timeout=30)
        return result.stderr if result.returncode else None

    def start(self, preload=None):
        environment = os.environ | ({"LD_PRELOAD": str(preload)} if preload else {})
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        start_new_session=True, env=environment)
        until(self.listens, "nginx listens", 30)
        until(lambda: len(self.processes("worker process")) == WORKERS, "all workers are there", 30)

    def listens(self):
        assert self.process.poll() is None, self.log()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def reload(self):
        subprocess.run([*self.command, "-s", "reload"], check=True, timeout=30)

    def renew(self):
        """Reloads, until the workers of before have ended."""
        before = self.processes("worker process")
        self.reload()
        until(lambda: not before & self.processes("worker process"), "the old workers end")

    def log(self):
        path = self.directory / "error.log"
        return path.read_text() if path.exists() else ""

    def seen(self, uri):
        """The lines of the access log about it, of which there is one at least; nginx writes it when it has answered."""
        log = self.directory / "access.log"
        return until(lambda: [line for line in log.read_text().splitlines() if line.endswith(f" {uri}")], f"{uri} is logged")

    def processes(self, title):
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return {int(pid) for pid in children if title in title_of(pid)}

    def connection(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=g3nops.DEADLINE_SECONDS)

    def http(self, method, path, body=None, headers=None):
        connection = self.connection()
        try:
            connection.request(method, path, body, headers or {})
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def status(self, path="/page.txt"):
        return self.http("GET", path).status

    def settles(self, status):
        """Within what is promised every request gets that status."""
        until(lambda: all(self.status() == status for _ in range(20)), f"all requests get {status}", PROMISE_SECONDS)

    def stop(self):
        """Lets it finish; says what is wrong."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)
        try:
            code = self.process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            return "nginx does not end"
        bad = [line for line in self.log().splitlines() if re.search(r"\[(alert|crit|emerg)\]|exited on signal", line)]
        return f"nginx ended with {code}" if code else "\n".join(bad)


@pytest.fixture
def nginx(module, tmp_path):
    directory = tmp_path / "nginx"
    directory.mkdir()
    server = Nginx(directory, module)
    yield server
    wrong = server.stop() if server.process else ""
    assert not wrong, wrong


@pytest.fixture
def serve(bare):
    return bare.serve()


@pytest.fixture
def gated(nginx, serve):
    nginx.configure(GATE.format(source=serve.http_url), LOCATIONS)
    nginx.start()
    return nginx


def start_window(serve, **fields):
    window = serve.schedule(**fields)
    serve.do("maintenancestart", maintenance_id=window["maintenance_id"])
    return window["maintenance_id"]


@pytest.fixture
def blocked(gated, serve):
    """nginx while a window is active."""
    gated.window = start_window(serve, description="Move to <new> disks")
    gated.settles(503)
    return gated


# ---- One request ----


def test_without_a_window_requests_are_served(gated):
    page = gated.http("GET", "/page.txt")
    assert (page.status, page.body.decode()) == (200, PAGE)
    assert "Retry-After" not in page.headers
    assert [gated.status(path) for path in ("/free/page.txt", "/api/x", "/handed/x", "/passed-on/x")] == [200] * 4
    assert [gated.status(path) for path in ("/private/page.txt", "/nothing", "/lost/x")] == [403, 404, 404]
    assert set(gated.seen("/page.txt")) == {"200 open GET /page.txt"}
    assert gated.seen("/free/page.txt") == ["200 off GET /free/page.txt"]


def test_a_blocked_request_gets_the_envelope_and_its_headers(blocked):
    answer = blocked.http("GET", "/page.txt")
    assert answer.status == 503 and answer.tag == "maintenance-mode", answer
    assert answer.details["maintenance_id"] == blocked.window
    assert answer.details["description"] == "Move to <new> disks" and answer.details["updates"] == []
    assert answer.envelope["stats"]["service"] == "shop"
    assert answer.headers["Content-Type"] == "application/json"
    assert 20 <= int(answer.headers["Retry-After"]) <= 600 * 1.25
    assert answer.headers.get_all("Cache-Control") == ["no-store"]
    assert answer.headers["x-ops-maintenance"] == blocked.window
    assert int(answer.headers["Content-Length"]) == len(answer.body)
    until(lambda: blocked.seen("/page.txt")[-1] == "503 blocked GET /page.txt", "the log says blocked")


def test_who_asks_for_html_gets_a_page(blocked):
    answer = blocked.http("GET", "/page.txt", headers={"Accept": HTML})
    assert answer.status == 503
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert b"Move to &lt;new&gt; disks" in answer.body and b"sorry" not in answer.body
    elsewhere = blocked.http("GET", "/private/page.txt", headers={"Accept": HTML})
    assert elsewhere.headers["Content-Type"] == "text/html; charset=utf-8"


def test_head_gets_the_headers_alone(blocked):
    answer = blocked.http("HEAD", "/page.txt")
    assert (answer.status, answer.body) == (503, b"")
    assert answer.headers["x-ops-maintenance"] == blocked.window and int(answer.headers["Content-Length"]) > 0


def test_a_connection_goes_on_after_a_body_that_nobody_wants(blocked):
    connection = blocked.connection()
    for size in (0, 100, 300_000):
        connection.request("POST", "/api/orders", b"x" * size)
        answer = Answer(connection.getresponse())
        assert (answer.status, answer.tag) == (503, "maintenance-mode")
        local = connection.sock.getsockname() if size == 0 else local
        assert connection.sock and connection.sock.getsockname() == local
    connection.request("OPTIONS", "/api/orders")
    assert connection.getresponse().status == 200
    assert connection.sock.getsockname() == local
    connection.close()


@pytest.mark.parametrize("method, path", [("OPTIONS", "/api/x"), ("GET", "/healthz"), ("GET", "/healthz?verbose=1"),
                                          ("GET", "/probe/live"), ("GET", "/%68ealthz")])
def test_what_passes(blocked, method, path):
    """Also where access hangs on a subrequest into a gated location: it is not asked about."""
    answer = blocked.http(method, path)
    assert (answer.status, answer.body) == (200, b"app\n")
    assert blocked.seen(path) == [f"200 open {method} {path}"]


@pytest.mark.parametrize("path", ["/healthz/", "/healthzz", "/healthz%3Fx", "/healthz%23x", "/probes", "/healthz#/../page.txt", "//healthz",
                                  "/probe/..;/page.txt", "/x/../healthz", "/probe/%5c../page.txt",
                                  "/probe/../page.txt", "/x/../probe/live", "/probe/%2E%2E/page.txt", "/page.txt?x=/healthz"])
def test_what_only_looks_like_a_health_path_does_not(blocked, path):
    assert blocked.status(path) == 503


@pytest.mark.parametrize("path", ["/alive%20and/early", "/alive%20and/late", "/alive%20and/tried", "/alive%20and/index/",
                                  "/alive%20and/lost/x"])
def test_a_health_path_is_what_was_asked_for_whatever_nginx_makes_of_it(blocked, path):
    answer = blocked.http("GET", path)
    assert (answer.status, answer.body.decode()) == (200, PAGE), answer
    assert blocked.seen(path) == [f"200 open GET {path}"]


def test_a_request_that_was_let_in_is_not_turned_away_on_its_way(gated, serve):
    gated.settles(200)
    with socket.socket(socket.AF_UNIX) as listener, contextlib.closing(gated.connection()) as connection:
        listener.bind(str(gated.directory / "slow.sock"))
        listener.listen()
        listener.settimeout(g3nops.DEADLINE_SECONDS)
        connection.request("POST", "/slow/order", b"x")
        service, _ = listener.accept()
        start_window(serve)
        gated.settles(503)
        service.sendall(b"HTTP/1.0 200 OK\r\nX-Accel-Redirect: /page.txt\r\n\r\n")
        service.close()
        answer = Answer(connection.getresponse())
    assert (answer.status, answer.body.decode()) == (200, PAGE), answer
    assert gated.seen("/slow/order") == ["200 open GET /slow/order"]  # as nginx has it behind X-Accel-Redirect


def test_the_variable_tells_what_came_of_a_request_also_where_it_was_read_before(gated, serve):
    gated.settles(200)
    answer = gated.http("GET", "/early/1")
    assert (answer.status, answer.headers["X-Early"]) == (200, "off"), answer
    assert gated.seen("/early/1") == ["200 open GET /early/1"]
    start_window(serve)
    gated.settles(503)
    assert gated.status("/early/2") == 503
    assert gated.seen("/early/2") == ["503 blocked GET /early/2"]


def test_where_it_is_off_nothing_is_turned_away(blocked):
    assert blocked.http("GET", "/free/page.txt").body.decode() == PAGE


@pytest.mark.parametrize("path", ["/private/page.txt", "/nothing", "/handed/x", "/lost/x", "/passed-on/x", "/"])
def test_whoever_ends_in_a_gated_location_is_turned_away(blocked, path):
    """Before access rules, behind try_files and X-Accel-Redirect, and where an error's page is gated itself."""
    answer = blocked.http("GET", path)
    assert (answer.status, answer.tag) == (503, "maintenance-mode"), answer
    assert answer.headers.get_all("Cache-Control") == ["no-store"]


def test_http2(blocked):
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    url = f"http://127.0.0.1:{blocked.http2_port}"

    def curl(*arguments):
        return subprocess.run(["curl", "-sS", "-i", "--http2-prior-knowledge", *arguments], capture_output=True, text=True,
                              timeout=30, check=True).stdout.replace("\r", "")
    head, envelope = curl(f"{url}/api/orders").split("\n\n", 1)
    assert head.startswith("HTTP/2 503") and f"x-ops-maintenance: {blocked.window}" in head
    assert json.loads(envelope)["error"]["minor"]["tag"] == "maintenance-mode"
    assert "Closed for maintenance" in curl("-H", f"Accept: {HTML}", f"{url}/page.txt")
    assert curl("-I", f"{url}/page.txt").startswith("HTTP/2 503")
    assert curl(f"{url}/healthz").startswith("HTTP/2 200")


# ---- A window's life, under load ----


class Load:
    """wrk, counting what it is answered."""

    def __init__(self, nginx):
        if not shutil.which("wrk"):
            pytest.skip("wrk is not installed")
        script = nginx.directory / "counting.lua"
        script.write_text(COUNTING)
        command = ["wrk", "-t", "2", "-c", "16", "-d", "600s", "-s", script, f"http://127.0.0.1:{nginx.port}/page.txt"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def counts(self):
        self.process.send_signal(signal.SIGINT)
        text, _ = self.process.communicate(timeout=60)
        counted = re.search(r"^counted (\d+) (\d+) (\d+) (\d+) (.*)", text, re.MULTILINE | re.DOTALL)
        assert counted, text
        return [int(counted[i]) for i in range(1, 5)] + [counted[5]]


@pytest.fixture
def load(gated):
    load = Load(gated)
    yield load
    load.process.kill()
    load.process.wait()


def test_a_window_turns_all_traffic_away_and_its_end_or_the_end_of_ops_lets_all_in(gated, serve, load):
    gated.settles(200)
    start_window(serve)
    gated.settles(503)
    serve.do("maintenanceend")
    gated.settles(200)
    start_window(serve)
    gated.settles(503)
    serve.kill()
    assert gated.status() == 503
    gated.settles(200)
    opened, blocked, wrong, failed, example = load.counts()
    assert opened > 0 and blocked > 0 and (wrong, failed) == (0, 0), (opened, blocked, wrong, failed, example)


# ---- nginx's processes ----


def title_of(pid):
    """Empty when the process ended just now."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/cmdline").read_text()
    return ""


def tasks(pid):
    return len(os.listdir(f"/proc/{pid}/task"))


def test_only_workers_have_a_gate(gated):
    gated.settles(200)
    workers = gated.processes("worker process")
    helpers = gated.processes("cache")
    assert len(workers) == WORKERS and helpers
    assert all(tasks(pid) > 1 for pid in workers)
    assert [tasks(pid) for pid in {gated.process.pid, *helpers}] == [1] * (1 + len(helpers))


def test_after_a_reload_new_workers_turn_requests_away_from_their_first(blocked, serve):
    before = blocked.processes("worker process")
    blocked.configure(GATE.format(source=serve.http_url).replace("shop", "till"), LOCATIONS)
    blocked.reload()
    until(lambda: not before & blocked.processes("worker process") or blocked.status() != 503, "the old workers end")
    answers = [blocked.http("GET", "/page.txt") for _ in range(20)]
    assert {(answer.status, answer.envelope["stats"]["service"]) for answer in answers} == {(503, "till")}
    assert len(blocked.processes("worker process")) == 2
    serve.do("maintenanceend")
    blocked.settles(200)


def test_a_reload_may_switch_it_off(blocked):
    blocked.configure("", "")
    blocked.renew()
    assert {blocked.status() for _ in range(20)} == {200}
    assert all(tasks(pid) == 1 for pid in blocked.processes("worker process"))


def test_the_module_may_go_and_come_back_while_another_comes(blocked, serve):
    """nginx gives a module its place in a configuration when it loads it, and forgets that only with the module."""
    if not OTHER_MODULE.exists():
        pytest.skip(f"there is no {OTHER_MODULE}: libnginx-mod-http-echo is not installed")
    for modules in ([], [OTHER_MODULE]):
        blocked.configure("", "", modules)
        blocked.renew()
        assert {blocked.status() for _ in range(20)} == {200}
    blocked.configure(GATE.format(source=serve.http_url), LOCATIONS + 'location /echo {{ opsgate off; echo hello; }}',
                      [OTHER_MODULE, blocked.module])
    blocked.renew()
    blocked.settles(503)
    assert blocked.http("GET", "/echo").body == b"hello\n"


def test_a_subrequest_with_variables_of_its_own_has_its_requests_verdict(gated, serve):
    if not OTHER_MODULE.exists():
        pytest.skip(f"there is no {OTHER_MODULE}: libnginx-mod-http-echo is not installed")
    gated.configure(GATE.format(source=serve.http_url), LOCATIONS + """
        location /outer {{ echo_subrequest GET /inner; }}
        location /inner {{ echo $opsgate; }}""", [OTHER_MODULE, gated.module])
    gated.renew()
    gated.settles(200)
    assert gated.http("GET", "/outer").body == b"open\n"


def test_a_source_that_is_not_there_lets_all_in_and_the_log_says_so(nginx):
    port = free_ports(1)[0]
    nginx.configure(GATE.format(source=f"http://127.0.0.1:{port}"), LOCATIONS)
    nginx.start()
    assert {nginx.status() for _ in range(20)} == {200}
    complaint = f"opsgate: nothing is turned away, since OPS can't be asked: .*127.0.0.1:{port}"
    until(lambda: re.search(complaint, nginx.log()), "the log says that OPS can't be asked")


def test_a_worker_that_gets_no_thread_lets_all_in_until_it_gets_one(nginx, serve, tmp_path):
    (tmp_path / "refuse.c").write_text(NO_FIRST_THREAD)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", tmp_path / "refuse.so", tmp_path / "refuse.c"], check=True)
    start_window(serve)
    nginx.configure(GATE.format(source=serve.http_url), LOCATIONS)
    nginx.start(tmp_path / "refuse.so")
    assert {nginx.status() for _ in range(20)} == {200}
    complaint = "nothing is turned away, since the gate can't be opened: The system refuses another thread."
    until(lambda: nginx.log().count(complaint) == 2, "both workers say that they have no gate")
    nginx.settles(503)
    assert nginx.log().count("the gate could be opened") == 2 and nginx.log().count(complaint) == 2


# ---- Configurations ----

WRONG = {
    "no source": ("", "opsgate on;", '"opsgate" is on, but there is no "opsgate_source"'),
    "a source of no kind": ('opsgate_source "ops:8080";', "", '"opsgate_source": source ops:8080 is none of http://, '),
    "a source without host": ('opsgate_source "http://";', "", '"opsgate_source": source http:// names no host'),
    "an empty source": ('opsgate_source "";', "", '"opsgate_source": source '),
    "a source with a query": ('opsgate_source "http://ops/?x";', "", '"opsgate_source": source http://ops/?x names no host'),
    "a table that can't be": ('opsgate_source "dynamodb:a b";', "", '"opsgate_source": source dynamodb:a b names no table'),
    "two sources": ('opsgate_source "http://a"; opsgate_source "http://b";', "", '"opsgate_source" directive is duplicate'),
    "too often": ('opsgate_refresh 10ms;', "", '"opsgate_refresh": refresh_ms is 10; it must be 1000 to 15000'),
    "too rarely": ('opsgate_refresh 16s;', "", '"opsgate_refresh": refresh_ms is 16000; it must be 1000 to 15000'),
    "more than a number": ('opsgate_refresh 4294968296ms;', "", '"opsgate_refresh": refresh_ms is 4294967295; it must be'),
    "no time": ('opsgate_refresh often;', "", '"opsgate_refresh" directive invalid value'),
    "a service in another tongue": ('opsgate_service Läden;', "", '"opsgate_service": service must be printable ASCII'),
    "a service with a quote": ("opsgate_service 'a\"b';", "", "must be printable ASCII, without quotes and backslashes"),
    "no path": ('opsgate_health_path healthz;', "", '"opsgate_health_path": health_paths: "healthz" must begin'),
    "a path with a query": ('opsgate_health_path /up?x;', "", '"/up?x" must begin with a slash and have no query'),
    "neither on nor off": ("", "opsgate maybe;", 'invalid value "maybe" in "opsgate" directive'),
    "a source in a server": ("", 'opsgate_source "http://a";', '"opsgate_source" directive is not allowed here'),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_directive_is_named(nginx, name):
    in_http, in_server, complaint = WRONG[name]
    nginx.configure(in_http, in_server)
    said = nginx.complaint()
    assert said and complaint in said and said.count("[emerg]") == 1, said
    # Its place: the directive's, or where http {} ends, which lacks one.
    lines = (nginx.directory / "nginx.conf").read_text().splitlines()
    number = len(lines) if name == "no source" else 1 + lines.index("    " * (1 if in_http else 2) + (in_http or in_server))
    assert re.search(rf" in {re.escape(str(nginx.directory))}/nginx\.conf:{number}$", said, re.MULTILINE), said


@pytest.mark.parametrize("source", ["http://ops.internal:8080", "https://api.example.com/prod", "dynamodb:ops_main",
                                    "store:/var/lib/g3nops"])
def test_what_the_library_can_ask_can_be_named(nginx, source):
    nginx.configure(f'opsgate_source "{source}"; opsgate_refresh 15s;', "opsgate on;")
    assert nginx.complaint() is None
