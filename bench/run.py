"""Measures g3nops beside its peers and prints Markdown tables. Medians of several runs, the two sides taking turns."""

import http.client
import json
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = Path(os.environ.get("BENCH_BUILD", ROOT / "build"))
G3NOPS = BUILD / "g3nops"
ROWS = int(os.environ.get("BENCH_ROWS", "1000000"))
RUNS = int(os.environ.get("BENCH_RUNS", "3"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "8"))
TICKS = os.sysconf("SC_CLK_TCK")


def say(*words):
    print(*words, flush=True)


def run(*command):
    return subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True).stdout


# ---- the machine -------------------------------------------------------------------------------------------------------


def machine():
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "unknown")
    memory = int(open("/proc/meminfo").readline().split()[1]) // 1024
    say(f"Machine: {cpu}, {os.cpu_count()} cores, {memory} MiB, Linux {platform.release()}, "
        f"SQLite {run('sqlite3', '--version').split()[0]}.\n")


# ---- vacuum ------------------------------------------------------------------------------------------------------------


def peer_result(text):
    result = json.loads(text)
    return result["rows_per_second"], result["peak_rss_kib"], result["rows"]


def app_result(text):
    result = dict(part.split("=") for part in text.split())
    return float(result["rows_per_second"]), int(result["peak_kib"]), int(result["rows"])


def one_vacuum(scratch, original, mode, side):
    """A fresh copy each time, so that neither side finds a table that is warm from the other."""
    table = scratch / "table.sqlite"
    shutil.copyfile(original, table)
    os.sync()
    try:
        if side == "peer":
            return peer_result(run(BUILD / "bench/vacuum_peer", mode, table))
        return app_result(run(BUILD / "bench/vacuum_app", mode, table))
    finally:
        for path in scratch.glob("table.sqlite*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def vacuum_rates(scratch):
    say(f"### Vacuum of {ROWS:,} rows, against plain C SQLite in rowid chunks of 50,000\n")
    say("| table | mode | g3nops rows/s | peer rows/s | ratio (median of pairs) | g3nops peak MiB | peer peak MiB |")
    say("|---|---|---|---|---|---|---|")
    for order in ("random", "ordered"):
        original = scratch / "original"
        run(BUILD / "bench/make_rows", original, ROWS, order)
        for mode in ("all", "org"):
            ours, peers, peaks, peer_peaks = [], [], [], []
            for _ in range(RUNS):
                rate, peak, rows = one_vacuum(scratch, original, mode, "g3nops")
                peer_rate, peer_peak, peer_rows = one_vacuum(scratch, original, mode, "peer")
                assert rows == peer_rows, (rows, peer_rows)
                ours.append(rate), peers.append(peer_rate), peaks.append(peak), peer_peaks.append(peer_peak)
            ratio = statistics.median(a / b for a, b in zip(ours, peers))
            say(f"| {order} key order | {mode} | {statistics.median(ours):,.0f} | {statistics.median(peers):,.0f} "
                f"| {ratio:.2f} | {max(peaks) / 1024:.1f} | {max(peer_peaks) / 1024:.1f} |")
        original.unlink()
    say()


def vacuum_memory(scratch):
    say("### Peak memory of a vacuum all, whatever the size of the table\n")
    say("| rows | peak MiB (scrypt's 32 MiB among them) |")
    say("|---|---|")
    for rows in (ROWS // 10, ROWS, ROWS * 5):
        original = scratch / "original"
        run(BUILD / "bench/make_rows", original, rows, "ordered")
        _, peak, _ = one_vacuum(scratch, original, "all", "g3nops")
        say(f"| {rows:,} | {peak / 1024:.1f} |")
        original.unlink()
    say()


# ---- the HTTP surface --------------------------------------------------------------------------------------------------


def cpu_seconds(pids):
    total = 0
    for pid in pids:
        fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def rss_mib(pid):
    line = next(line for line in open(f"/proc/{pid}/status") if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


class Serve:
    def __init__(self, data):
        self.began = time.monotonic()
        self.process = subprocess.Popen([G3NOPS, "serve", "--data", data, "--http-listen", "127.0.0.1:0"],
                                        stderr=subprocess.PIPE, text=True)
        words = dict(word.split("=", 1) for word in self.process.stderr.readline().split()[1:])
        self.url = words["http"]
        self.pids = [self.process.pid]

    def get(self, path, headers=None):
        host = self.url.removeprefix("http://")
        connection = http.client.HTTPConnection(host)
        connection.request("GET", path, headers=headers or {})
        body = connection.getresponse().read()
        connection.close()
        return body

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


class Nginx:
    """As many workers as g3nops has threads, a fixed body of the same size, keep-alive, no access log."""

    def __init__(self, scratch, body):
        self.port = 18000 + os.getpid() % 1000
        text = body.decode().replace("\\", "\\\\").replace("'", "\\'")
        (scratch / "nginx.conf").write_text(f"""
daemon off; pid {scratch}/nginx.pid; error_log {scratch}/nginx.log; worker_processes {os.cpu_count()};
events {{ worker_connections 4096; }}
http {{ access_log off; keepalive_requests 1000000000; client_body_temp_path {scratch}/b; proxy_temp_path {scratch}/p;
        fastcgi_temp_path {scratch}/f; uwsgi_temp_path {scratch}/u; scgi_temp_path {scratch}/s;
  server {{ listen 127.0.0.1:{self.port}; default_type application/json;
            add_header Cache-Control no-store; add_header X-Content-Type-Options nosniff;
            location / {{ return 200 '{text}'; }} }} }}
""")
        self.process = subprocess.Popen(["/usr/sbin/nginx", "-c", scratch / "nginx.conf", "-p", scratch],
                                        stderr=subprocess.DEVNULL)
        self.url = f"http://127.0.0.1:{self.port}"
        time.sleep(1)
        children = open(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read().split()
        self.pids = [self.process.pid] + list(map(int, children))

    def stop(self):
        self.process.terminate()
        self.process.wait()


def wrk(url, connections, headers=()):
    options = [option for header in headers for option in ("-H", header)]
    text = run("wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", "--latency", *options, url)
    words = text.split()
    requests = int(words[words.index("requests") - 1])
    rate = float(words[words.index("Requests/sec:") + 1])
    p99 = words[words.index("99%") + 1]
    assert "Non-2xx" not in text and "Socket errors" not in text, text
    return requests, rate, p99


def load(server, path, connections, headers=()):
    before = cpu_seconds(server.pids)
    requests, rate, p99 = wrk(server.url + path, connections, headers)
    return (cpu_seconds(server.pids) - before) / requests * 1e6, rate, p99


def ping(scratch, serve):
    body = serve.get("/ops/ping")
    nginx = Nginx(scratch, body)
    say(f"### GET /ops/ping against nginx with a fixed body of {len(body)} bytes, same workers, same headers\n")
    say("| connections | g3nops µs CPU/request | nginx µs CPU/request | ratio (median of pairs) | g3nops requests/s | nginx requests/s "
        "| g3nops p99 | nginx p99 |")
    say("|---|---|---|---|---|---|---|---|")
    try:
        for connections in (16, 64, 128):
            ours, peers = [], []
            for _ in range(RUNS):
                ours.append(load(serve, "/ops/ping", connections))
                peers.append(load(nginx, "/", connections))
            ratio = statistics.median(a[0] / b[0] for a, b in zip(ours, peers))
            a, b = sorted(ours)[len(ours) // 2], sorted(peers)[len(peers) // 2]
            say(f"| {connections} | {a[0]:.1f} | {b[0]:.1f} | {ratio:.2f} | {a[1]:,.0f} | {b[1]:,.0f} | {a[2]} | {b[2]} |")
    finally:
        nginx.stop()
    say()


def listing(data):
    run(BUILD / "bench/make_windows", data, 10000)
    guid = run(G3NOPS, "session-create", "--data", data, "--user", "bench").strip()
    serve = Serve(data)
    say("### GET /ops/maintenance/list with 10,000 records, session checked each time\n")
    say("| query | µs CPU/request | requests/s | p99 |")
    say("|---|---|---|---|")
    try:
        for query in ("?status=all", "?status=current", "?status=cancelled&limit=256"):
            cpu, rate, p99 = load(serve, "/ops/maintenance/list" + query, 16, [f"x-session-guid: {guid}"])
            say(f"| `{query}` | {cpu:.0f} | {rate:,.0f} | {p99} |")
    finally:
        serve.stop()
    say()


def starting(data):
    times = []
    for _ in range(max(RUNS, 5)):
        serve = Serve(data)
        serve.get("/ops/ping")
        times.append((time.monotonic() - serve.began) * 1000)
        time.sleep(1)
        idle = rss_mib(serve.process.pid)
        serve.stop()
    say("### Start and rest\n")
    say("| what | figure |")
    say("|---|---|")
    say(f"| start of the process to the first answered ping, median | {statistics.median(times):.0f} ms |")
    say(f"| resident memory of an idle serve | {idle:.1f} MiB |")
    say()


# ---- Signature Version 4 -----------------------------------------------------------------------------------------------


def signature(*command):
    """Microseconds of CPU a request, and the Authorization header that it comes to."""
    microseconds, authorization = run(*command).splitlines()
    return float(microseconds), authorization


def sigv4():
    say("### Signature Version 4 of one request, body hash included, against botocore\n")
    say("| request | g3nops µs CPU | botocore µs CPU | ratio (median of pairs) |")
    say("|---|---|---|---|")
    shapes = {"dynamodb": "DynamoDB, 3 KB of JSON", "s3": "S3, four parameters, no body"}
    for shape, words in shapes.items():
        ours, peers = [], []
        for _ in range(max(RUNS, 5)):
            ours.append(signature(BUILD / "bench/sigv4", shape, 200000))
            peers.append(signature(BUILD / "venv/bin/python", ROOT / "bench/sigv4_peer.py", shape, 5000))
            assert ours[-1][1] == peers[-1][1], (ours[-1], peers[-1])
        ratio = statistics.median(a[0] / b[0] for a, b in zip(ours, peers))
        our, peer = statistics.median(a[0] for a in ours), statistics.median(b[0] for b in peers)
        say(f"| {words} | {our:.2f} | {peer:.1f} | {ratio:.3f} |")
    say()


def main():
    wanted = sys.argv[1:] or ["vacuum", "memory", "start", "ping", "list", "sigv4"]
    machine()
    # Beside the build, so that tables and data directories are on one file system, and a real one.
    scratch = Path(tempfile.mkdtemp(prefix="bench-", dir=BUILD))
    try:
        if "vacuum" in wanted:
            vacuum_rates(scratch)
        if "memory" in wanted:
            vacuum_memory(scratch)
        if "sigv4" in wanted:
            sigv4()
        data = scratch / "data"
        run(G3NOPS, "demo-data", "--data", data, "--rows", 1000, "--objects", 100)
        if "start" in wanted:
            starting(data)
        if "ping" in wanted:
            serve = Serve(data)
            try:
                ping(scratch, serve)
            finally:
                serve.stop()
        if "list" in wanted:
            listing(data)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main()
