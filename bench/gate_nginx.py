"""Measures what the gate costs nginx and prints a Markdown table: gate_nginx.py

The same nginx serves the same small file three times: without the gate, with the module, and with auth_request to the
sidecar `g3nops gate`. The window is closed, so all three send the file. nginx has one worker on a core of its own, wrk the
next. The contestants take many short turns, each round beginning with another, so that whatever else the machine does meets
all of them alike; and they are started afresh for each round, since two processes of one program may differ by 3 % for as
long as they live.

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

ROUNDS = int(os.environ.get("BENCH_RUNS", "15"))
TURNS = 3  # in a round, and one before them to warm up
SECONDS = int(os.environ.get("BENCH_SECONDS", "1"))
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
        rate, cpu = self.turn(connections)
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


def play_round(servers, connections):
    with contextlib.ExitStack() as stack:
        for server in servers:
            server.start()
            stack.callback(server.stop)
        for server in servers:
            server.turn(connections)
        for _ in range(TURNS):
            for server in servers:
                server.measure(connections)


def play(servers, connections):
    for server in servers:
        server.forget()
    for i in range(ROUNDS):
        first = i % len(servers)
        play_round(servers[first:] + servers[:first], connections)


def against(figures, others):
    """By how many per cent the figures are above the others, turn by turn; the median."""
    return (statistics.median(a / b for a, b in zip(figures, others)) - 1) * 100


def show(servers, connections):
    alone, module = servers[:2]
    say(f"### 1,000 bytes through nginx, one worker, {connections} connections, {ROUNDS} starts with {TURNS} turns of "
        f"{SECONDS} s each\n")
    say("| nginx | requests/s | median of pairs | µs CPU/request, sidecar included | median of pairs |")
    say("|---|---|---|---|---|")
    for server in servers:
        say(f"| {server.title} | {statistics.median(server.rates):,.0f} | {against(server.rates, alone.rates):+.1f} % "
            f"| {statistics.median(server.cpus):.2f} | {against(server.cpus, alone.cpus):+.1f} % |")
    change = against(module.rates, alone.rates)
    say(f"\nThe bar for the module is at most {BAR_PERCENT} % fewer requests a second: {change:+.1f} %, "
        f"{'held' if change >= -BAR_PERCENT else 'MISSED'}.\n")


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
