"""Measures what the gate costs nginx and prints a Markdown table: gate_nginx.py

The same nginx serves the same small file three times: without the gate, with the module, and with auth_request to the
sidecar `g3nops gate`. The window is closed, so all three send the file. nginx has one worker on a core of its own, wrk the
next. The contestants take turns of a second, each round beginning with another, so that whatever else the machine does meets
all of them alike; and they are started afresh for each turn, since two processes of one program may differ by 3 % for as long
as they live. The interval beside a median says how far to trust it: 95 % by the order of the pairs, whatever their
distribution. What auth_request costs is plain after a few rounds.

With few connections wrk has nothing to do now and then, and nginx pays for waking it; with many it hardly sleeps. So both are
measured.
"""

import contextlib
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from run import BUILD, G3NOPS, ROOT, Serve, cpu_seconds, machine, run, say

ROUNDS = int(os.environ.get("BENCH_RUNS", "48"))
AUTH_ROUNDS = (ROUNDS + 3) // 4  # in which auth_request takes part
SECONDS = int(os.environ.get("BENCH_SECONDS", "1"))  # of a turn, and of one before it to warm up
CONNECTIONS = (16, 64)
BAR_PERCENT = 2
NGINX = "/usr/sbin/nginx"
NGINX_SRC = os.environ.get("NGINX_SRC", "/usr/share/nginx/src")
CORES = sorted(os.sched_getaffinity(0))
WRK_CORE = CORES[-1]

CONFIGURATION = """
{load}
daemon off; pid {directory}/nginx.pid; worker_processes 1; worker_cpu_affinity {mask};
events {{ worker_connections 1024; }}
http {{
    access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000; open_file_cache max=10 inactive=1h;
    client_body_temp_path {directory}/b; proxy_temp_path {directory}/p; fastcgi_temp_path {directory}/f;
    uwsgi_temp_path {directory}/u; scgi_temp_path {directory}/s;
    {http}
    server {{
        listen 127.0.0.1:{port};
        root {files};
        location / {{ {location} }}
        {server}
    }}
}}
"""

SIDECAR_HTTP = "upstream gate {{ server {sidecar}; keepalive 16; }}"
SIDECAR_LOCATION = """location = /gate {
            internal; proxy_pass http://gate/gate/deny; proxy_pass_request_body off; proxy_set_header Content-Length "";
            proxy_http_version 1.1; proxy_set_header Connection "";
            proxy_set_header X-Original-Method $request_method; proxy_set_header X-Original-URI $request_uri; }"""


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def children(pid):
    return list(map(int, open(f"/proc/{pid}/task/{pid}/children").read().split()))


class Nginx:
    def __init__(self, title, scratch, load="", http="", location="", server="", others=()):
        self.title, self.others = title, list(others)
        self.directory = scratch / title.split()[-1]
        self.directory.mkdir()
        self.port = free_port()
        user = "user root;" if os.geteuid() == 0 else ""
        text = CONFIGURATION.format(load=load + user, directory=self.directory, mask=f"{1 << CORES[0]:b}", port=self.port,
                                    http=http, location=location, server=server, files=scratch / "files")
        (self.directory / "nginx.conf").write_text(text)
        self.url = f"http://127.0.0.1:{self.port}/page.html"
        self.forget()

    def forget(self):
        self.rates, self.cpus = [], []

    def start(self):
        log = self.directory / "error.log"
        self.process = subprocess.Popen([NGINX, "-p", self.directory, "-c", self.directory / "nginx.conf", "-e", log])
        self.wait(log)
        self.pids = children(self.process.pid) + self.others

    def answers(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def wait(self, log):
        """The port is open before there is a worker, whose time is to be counted."""
        for _ in range(200):
            if self.answers() and children(self.process.pid):
                return
            time.sleep(0.05)
        self.stop()
        sys.exit(f"{self.title} does not start:\n{log.read_text()}")

    def turn(self, connections):
        before = cpu_seconds(self.pids)
        text = run("taskset", "-c", WRK_CORE, "wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", self.url)
        assert "Non-2xx" not in text and "Socket errors" not in text, text
        words = text.split()
        requests = int(words[words.index("requests") - 1])
        return float(words[words.index("Requests/sec:") + 1]), (cpu_seconds(self.pids) - before) / requests * 1e6

    def measure(self, connections):
        """A turn of a new process."""
        self.start()
        try:
            self.turn(connections)
            rate, cpu = self.turn(connections)
        finally:
            self.stop()
        self.rates.append(rate), self.cpus.append(cpu)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


class Sidecar:
    def __init__(self, source):
        self.process = subprocess.Popen([G3NOPS, "gate", "--listen", "127.0.0.1:0", "--source", source],
                                        stderr=subprocess.PIPE, text=True)
        self.address = self.process.stderr.readline().split("gate=http://", 1)[1].strip()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


def build_module(scratch):
    if not Path(NGINX_SRC, "configure").exists():
        sys.exit(f"There is no {NGINX_SRC}/configure: nginx-dev is not installed.")
    prefix = scratch / "prefix"
    run("cmake", "--install", BUILD, "--component", "opsgate", "--prefix", prefix)
    os.environ["PKG_CONFIG_PATH"] = str(next(prefix.glob("**/opsgate.pc")).parent)
    return run(ROOT / "deploy/gate/nginx-module/build", scratch / "ngx_http_opsgate_module.so").strip()


def contestants(scratch, stack, source):
    module = build_module(scratch)
    sidecar = Sidecar(source)
    stack.callback(sidecar.stop)
    return [
        Nginx("nginx alone", scratch),
        Nginx("the module", scratch, load=f"load_module {module};", http=f'opsgate_source "{source}";',
              location="opsgate on;"),
        Nginx("nginx with auth_request", scratch, http=SIDECAR_HTTP.format(sidecar=sidecar.address),
              location="auth_request /gate;", server=SIDECAR_LOCATION, others=[sidecar.process.pid]),
    ]


def play(servers, connections):
    for server in servers:
        server.forget()
    for i in range(ROUNDS):
        playing = servers if i < AUTH_ROUNDS else servers[:2]
        first = i % len(playing)
        for server in playing[first:] + playing[:first]:
            server.measure(connections)


class Change:
    """By how many per cent the figures are above the others, round by round: the median, and where it surely is."""

    def __init__(self, figures, others):
        changes = sorted((a / b - 1) * 100 for a, b in zip(figures, others))
        reach = int(0.98 * len(changes) ** 0.5 + 0.5)  # half of 1.96 standard deviations of a binomial count of heads
        middle = len(changes) // 2
        self.median = statistics.median(changes)
        self.least = changes[max(0, middle - reach)]
        self.most = changes[min(len(changes) - 1, middle + reach)]

    def __str__(self):
        return f"{self.median:+.1f} % ({self.least:+.1f} to {self.most:+.1f})"


def show(servers, connections):
    alone, module = servers[:2]
    say(f"### 1,000 bytes through nginx, one worker, {connections} connections, {ROUNDS} starts of each, {AUTH_ROUNDS} with "
        f"auth_request\n")
    say("| nginx | requests/s | median of pairs | µs CPU/request, sidecar included | median of pairs |")
    say("|---|---|---|---|---|")
    for server in servers:
        rates, cpus = (("", "") if server is alone else
                       (Change(server.rates, alone.rates), Change(server.cpus, alone.cpus)))
        say(f"| {server.title} | {statistics.median(server.rates):,.0f} | {rates} | {statistics.median(server.cpus):.2f} "
            f"| {cpus} |")
    change = Change(module.rates, alone.rates)
    say(f"\nThe bar for the module is at most {BAR_PERCENT} % fewer requests a second: {change}, "
        f"{'held' if change.median >= -BAR_PERCENT else 'MISSED'}.\n")


def main():
    machine()
    scratch = Path(tempfile.mkdtemp(prefix="bench-", dir=BUILD))
    try:
        with contextlib.ExitStack() as stack:
            (scratch / "files").mkdir()
            (scratch / "files/page.html").write_text("x" * 999 + "\n")
            run(G3NOPS, "demo-data", "--data", scratch / "data", "--rows", 1000, "--objects", 100)
            serve = Serve(scratch / "data")
            stack.callback(serve.stop)
            servers = contestants(scratch, stack, serve.url)
            for connections in CONNECTIONS:
                play(servers, connections)
                show(servers, connections)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main()
