"""Measures the AWS engine beside its peers, prints Markdown tables:
aws.py [aws-table|aws-bucket|aws-memory|aws-workers|aws-emulators].

All clients talk to the same server, tests/stub with one thread, on the same machine and taking turns, so what is measured is
the client: its CPU (user and system), its peak memory and the time it takes. Before a client's turn the stub is filled anew;
after it the stub tells whether everything is gone, each thing deleted once.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple

from run import BUILD, ROOT, ROWS, RUNS, TICKS, cpu_seconds, machine, say

os.environ["G3NOPS"] = str(BUILD / "g3nops")
os.environ["OPS_STUB"] = str(BUILD / "tests/stub/stub")
sys.path.insert(0, str(ROOT / "tests/e2e"))

import g3nops  # noqa: E402
import stub as stubs  # noqa: E402

PEERS = BUILD / "bench/peers"
NAME = "bench"
AUDIT_LOG_GROUP = "/g3nretailstack/ops/maintenance-audit"
WORKERS = os.environ.get("BENCH_WORKERS", "2")
POLL_S = 0.05
POLL_RARELY_S = 0.2
ASK_S = 5
# The vacuum becomes due so long after its service has started: enough to check a secret code first, as in life.
DUE_AFTER_S = 4

TABLE_CPU_BAR_S = 5
BUCKET_CPU_BAR_S = 2
PEAK_BAR_MIB = 64
PEAK_SPREAD_MIB = 6
MEMORY_COUNTS = [ROWS // 10, ROWS, ROWS * 5]

WORKER_COUNTS = [2, 8, 32, 64]
WORKER_TABLES = 32
WORKER_ITEMS = int(os.environ.get("BENCH_WORKER_ITEMS", "200000"))
# About what DynamoDB takes, from within its region.
LATENCIES_MS = {"TransactWriteItems": 12, "BatchWriteItem": 8, "Scan": 20}
SLOWER_BAR = 1.1


class Measure(NamedTuple):
    wall_s: float
    cpu_s: float
    peak_mib: float
    others_cores: float = 0  # what neither the client nor the server took, while it ran
    requests: int = 0  # that the server was asked meanwhile, where it counts them


# ---- what is measured of processes ---------------------------------------------------------------------------------------


def peak_mib(pid):
    """Of the program that runs now: a child's own figure begins with the memory of the program it was forked from."""
    line = next((line for line in open(f"/proc/{pid}/status") if line.startswith("VmHWM")), "VmHWM: 0")
    return int(line.split()[1]) / 1024


def busy_seconds():
    """Of all cores of the machine, since it started."""
    user, nice, system, _, _, irq, softirq = map(int, open("/proc/stat").readline().split()[1:8])
    return (user + nice + system + irq + softirq) / TICKS


class Stopwatch:
    """Time, CPU and what else went on in the machine, from here on."""

    def __init__(self, server_pids=()):
        self.server_pids = server_pids
        self.began = time.monotonic()
        self.busy = busy_seconds()
        self.server = cpu_seconds(server_pids)

    def measure(self, cpu_s, peak):
        wall = time.monotonic() - self.began
        others = busy_seconds() - self.busy - (cpu_seconds(self.server_pids) - self.server) - cpu_s
        return Measure(wall, cpu_s, peak, max(others, 0) / wall)


# ---- the contestants -----------------------------------------------------------------------------------------------------


class Place(NamedTuple):
    """Where the contestants work."""

    environment: dict  # that an AWS client needs
    s3_url: str
    server_pids: tuple
    scratch: Path
    all_deleted: object  # a function: has the server nothing left? It costs the client nothing. None: there is none
    requests: object = lambda: 0  # a function: how many has the server had?


class Peer(NamedTuple):
    title: str
    bar: int  # g3nops may take this part of its CPU
    command: object  # a function of what and place
    program: Path
    whats: tuple = ("table", "bucket", "versions")

    def is_there(self):
        return self.program.exists()

    def run(self, what, place):
        region = {"AWS_DEFAULT_REGION": place.environment["AWS_REGION"]}  # boto3 knows no other variable
        environment = g3nops.base_environment() | region | place.environment
        log = place.scratch / "peer.log"
        with open(log, "wb") as output:
            watch = Stopwatch(place.server_pids)
            process = subprocess.Popen(list(map(str, self.command(what, place))), stdin=subprocess.DEVNULL, stdout=output,
                                       stderr=output, env=environment, cwd=place.scratch)
            peaks = [0]
            sampler = threading.Thread(target=self.sample, args=(process.pid, peaks))
            sampler.start()
            # Not reaped yet, so that the sampler can't meet another process of that number.
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
            sampler.join()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0, f"{self.title}: {log.read_text(errors='replace')[-2000:]}"
        return watch.measure(usage.ru_utime + usage.ru_stime, max(peaks))

    @staticmethod
    def sample(pid, peaks):
        while peak := peak_mib(pid):
            peaks[0] = peak
            time.sleep(POLL_S)


def javascript_command(what, place):
    return ["node", PEERS / "javascript/peer.js", what, NAME]


def boto3_command(what, place):
    return [sys.executable, ROOT / "bench/peers/boto3_peer.py", what, NAME]


def s5cmd_command(what, place):
    versions = ["--all-versions"] if what == "versions" else []
    return [PEERS / "s5cmd/s5cmd", "--log", "error", "--endpoint-url", place.s3_url, "rm", *versions, f"s3://{NAME}/*"]


def s3rm_command(what, place):
    """The keys have one prefix, so there is nothing that could be listed side by side."""
    versions = ["--delete-all-versions"] if what == "versions" else []
    return [PEERS / "s3rm/bin/s3rm", "--force", "-qq", "--show-no-progress", "--max-parallel-listings", 1, "--batch-size",
            1000, "--target-endpoint-url", place.s3_url, "--target-force-path-style", *versions, f"s3://{NAME}/"]


ALL_PEERS = [
    Peer("boto3", 25, boto3_command, ROOT / "bench/peers/boto3_peer.py"),
    Peer("AWS SDK for JavaScript", 12, javascript_command, PEERS / "javascript/stamp"),
    Peer("s5cmd", 2, s5cmd_command, PEERS / "s5cmd/stamp", ("bucket", "versions")),
    Peer("s3rm-rs", 2, s3rm_command, PEERS / "s3rm/stamp", ("bucket", "versions")),
]


def peers_for(what):
    return [peer for peer in ALL_PEERS if what in peer.whats and peer.is_there()]


def say_skipped(what):
    for peer in ALL_PEERS:
        if what in peer.whats and not peer.is_there():
            log = PEERS / f"{peer.program.parent.name}.log"
            reason = log.read_text(errors="replace").strip().splitlines()[-1:] if log.exists() else []
            say(f"Skipped: {peer.title}, which is not installed ({''.join(reason) or 'tools/setup bench does it'}).\n")


class G3nops:
    """A whole vacuum all: a service that is asked for it, and, five minutes later, a service that does it."""

    title = "g3nops"
    poll_rarely_s = POLL_RARELY_S

    def __init__(self, codes_all_the_time=False, workers=WORKERS):
        """codes_all_the_time: a secret code is checked again and again while the vacuum runs, not only before."""
        self.codes_all_the_time = codes_all_the_time
        self.workers = workers

    @staticmethod
    def manifest(what):
        kind, entry = (("tables", {"org": {"by": "attribute", "name": "orgcode"}}) if what.startswith("table") else
                       ("buckets", {"org": {"by": "key_prefix", "pattern": "{orgcode}/"}}))
        return {"stack": "bench", "services": [{"code": "pvm", kind: [{"name": name} | entry for name in names(what)]}]}

    def run(self, what, place):
        directory = Path(tempfile.mkdtemp(prefix="home-", dir=place.scratch))
        home = g3nops.Home(directory)
        manifest = directory / "manifest.json"
        manifest.write_text(json.dumps(self.manifest(what)))
        options = ["--engine", "aws", "--manifest", manifest]
        try:
            self.prepare(home, place.environment)
            vacuum_id = self.request(home, options, place.environment)
            serve = home.serve(*options, "--workers", self.workers, env=place.environment)
            measure = self.watch(serve, vacuum_id, place)
        except BaseException:
            say(home.stderr())
            raise
        finally:
            wrong = home.finish()
        assert not wrong, wrong
        shutil.rmtree(directory)
        return measure

    @staticmethod
    def prepare(home, environment):
        # Its exit code is no matter here: a server that is not AWS may lack what is asked for beside the table.
        home.run("aws-bootstrap", "--engine", "aws", env=environment)
        # With the old code, which is the same, where an earlier turn has set it.
        result = home.operator("secret-set", "--engine", "aws", "--new-secret-code-file", home.code_file, env=environment)
        assert result.returncode == 0, result

    @staticmethod
    def request(home, options, environment):
        """Asks for the vacuum on a clock that is nearly five minutes late. The service that does the work has the true time,
        for the clock of libfaketime costs CPU at every look."""
        home.clock.ahead(DUE_AFTER_S - g3nops.PENDING_SECONDS)
        serve = home.serve(*options, clock=True, env=environment)
        vacuum = serve.do("vacuumall", confirmation_phrase=g3nops.PHRASE)
        assert serve.stop() == 0
        due = datetime.fromisoformat(vacuum["execute_at"]) - datetime.now(timezone.utc)
        assert due.total_seconds() < 2 * DUE_AFTER_S, vacuum
        return vacuum["vacuum_id"]

    def watch(self, serve, vacuum_id, place):
        def vacuum():
            return serve.vacuum(vacuum_id)

        self.check_code(serve)
        watch, cpu = None, 0
        while not watch or vacuum()["status"] == "pending":
            watch, cpu, asked = Stopwatch(place.server_pids), cpu_seconds([serve.pid]), place.requests()
            time.sleep(POLL_S)
        now = self.wait_for_end(serve, vacuum, place)
        measure = watch.measure(cpu_seconds([serve.pid]) - cpu, peak_mib(serve.pid))
        measure = measure._replace(requests=place.requests() - asked)
        assert now["status"] == "completed", now
        return measure

    def wait_for_end(self, serve, vacuum, place):
        """Asking g3nops costs it CPU, so that is done rarely as long as the server has something left; where the server
        can't say, it costs the server too."""
        asked = 0
        while True:
            if not place.all_deleted or place.all_deleted() or time.monotonic() > asked + ASK_S:
                now, asked = vacuum(), time.monotonic()
                if now["status"] != "running":
                    return now
            if self.codes_all_the_time:
                self.check_code(serve)
            time.sleep(POLL_S if place.all_deleted else self.poll_rarely_s)

    @staticmethod
    def check_code(serve):
        """scrypt's 32 MiB, for a call that changes nothing: there is no such vacuum."""
        tag = g3nops.tag(serve.ask("vacuumcancel", vacuum_id="0" * 26))
        assert tag == "vacuum-not-found", tag


# ---- the stub ------------------------------------------------------------------------------------------------------------


def names(what):
    return [f"{NAME}{i:02}" for i in range(WORKER_TABLES)] if what == "tables" else [NAME]


def contents(what, count):
    if what.startswith("table"):
        return {"tables": {name: {"items": count // len(names(what))} for name in names(what)}}
    versioning = {"versioning": "Enabled", "versions": 2} if what == "versions" else {}
    return {"buckets": {NAME: {"objects": count // versioning.get("versions", 1)} | versioning}}


class StubServer:
    def __init__(self, scratch):
        self.stub = stubs.Stub("--threads", "1")
        self.scratch = scratch

    def __enter__(self):
        return self

    def __exit__(self, *_):
        complaint = self.stub.stop()
        assert not complaint, complaint

    def deleted(self, what, field="deleted"):
        state = self.stub.state()["tables" if what.startswith("table") else "buckets"]
        return sum(state[name][field] for name in names(what))

    def run(self, contestant, what, count, latencies_ms=None):
        """One turn of a contestant, with the truth checked at its end."""
        self.stub.reset()
        self.stub.fill(**contents(what, count), log_groups={AUDIT_LOG_GROUP: {"streams": 0}})
        self.stub.faults(*[{"fault": "slow", "operation": operation, "delay_ms": delay_ms}
                           for operation, delay_ms in (latencies_ms or {}).items()])
        place = Place(self.stub.environment(), self.stub.url, (self.stub.process.pid,), self.scratch,
                      lambda: self.deleted(what) >= count, lambda: sum(self.stub.state()["requests"].values()))
        measure = contestant.run(what, place)
        deleted = self.deleted(what), self.deleted(what, "deleted_again")
        assert deleted == (count, 0), (contestant.title, deleted)
        return measure


# ---- tables --------------------------------------------------------------------------------------------------------------


def median(measures, field):
    return statistics.median(getattr(measure, field) for measure in measures)


def say_row(title, measures, count, ratio):
    walls = [measure.wall_s for measure in measures]
    say(f"| {title} | {median(measures, 'cpu_s'):.2f} | {ratio} | {median(measures, 'wall_s'):.1f} ({min(walls):.1f} to "
        f"{max(walls):.1f}) | {count / median(measures, 'wall_s'):,.0f} | {max(m.peak_mib for m in measures):.1f} |")


def verdict(is_met):
    return "met" if is_met else "NOT MET"


def say_bar(words, figure, bar):
    say(f"- {words}: {figure:.2f}, the bar is {bar:.3g}: {verdict(figure <= bar)}")


def say_noise(measures):
    others = [measure.others_cores for measure in measures]
    say(f"\nWhat else ran on the machine took {statistics.median(others):.2f} of its {os.cpu_count()} cores (median; "
        f"{min(others):.2f} to {max(others):.2f}).\n")


def race(server, what, unit, count, cpu_bar):
    """Turns of all contestants, a table, and the bars."""
    contestants = [G3nops(), *peers_for(what)]
    measures = {contestant: [] for contestant in contestants}
    for _ in range(RUNS):
        for contestant in contestants:
            measures[contestant].append(server.run(contestant, what, count))
    ours = measures[contestants[0]]
    say(f"| client | CPU s | of its CPU g3nops takes | wall s | {unit} a second | peak MiB |")
    say("|---|---|---|---|---|---|")
    say_row(contestants[0].title, ours, count, "")
    ratios = {}
    for peer in contestants[1:]:
        ratios[peer] = statistics.median(a.cpu_s / b.cpu_s for a, b in zip(ours, measures[peer]))
        say_row(peer.title, measures[peer], count, f"1/{1 / ratios[peer]:.1f}")
    say_noise([measure for each in measures.values() for measure in each])
    say_bar(f"CPU seconds per million {unit}", median(ours, "cpu_s") * 1e6 / count, cpu_bar)
    for peer, ratio in ratios.items():
        say(f"- 1/{1 / ratio:.1f} of the CPU of {peer.title}, the bar is 1/{peer.bar}: {verdict(ratio <= 1 / peer.bar)}")
    say_bar("peak MiB", max(measure.peak_mib for measure in ours), PEAK_BAR_MIB)
    say()
    say_skipped(what)


def aws_table(scratch):
    say(f"### AWS engine: {ROWS:,} items of a DynamoDB table (--workers {WORKERS})\n")
    with StubServer(scratch) as server:
        race(server, "table", "items", ROWS, TABLE_CPU_BAR_S)


def aws_bucket(scratch):
    with StubServer(scratch) as server:
        say(f"### AWS engine: {ROWS:,} objects of an S3 bucket (--workers {WORKERS})\n")
        race(server, "bucket", "objects", ROWS, BUCKET_CPU_BAR_S)
        say(f"### AWS engine: {ROWS:,} versions, two of each object (--workers {WORKERS})\n")
        race(server, "versions", "versions", ROWS, BUCKET_CPU_BAR_S)


def aws_memory(scratch):
    say("### AWS engine: peak memory, whatever the size; secret codes are checked all the time meanwhile\n")
    say("| what | " + " | ".join(f"{count:,}" for count in MEMORY_COUNTS) + " | |")
    say("|---|" + "---|" * (len(MEMORY_COUNTS) + 1))
    for what, words in {"table": "items", "bucket": "objects", "versions": "versions"}.items():
        with StubServer(scratch) as server:
            peaks = [server.run(G3nops(codes_all_the_time=True), what, count).peak_mib for count in MEMORY_COUNTS]
        is_flat = max(peaks) < PEAK_BAR_MIB and max(peaks) - min(peaks) < PEAK_SPREAD_MIB
        say(f"| {words} | " + " | ".join(f"{peak:.1f}" for peak in peaks) + f" | {verdict(is_flat)} |")
    say(f"\nThe bar: under {PEAK_BAR_MIB} MiB, and all within {PEAK_SPREAD_MIB} MiB.\n")


# ---- workers -------------------------------------------------------------------------------------------------------------


def requests(runs):
    return f"{median(runs, 'requests'):,.0f}" if any(run.requests for run in runs) else "-"


def say_by_workers(measures):
    """measures: the runs for each number of workers, in its order."""
    say("| --workers | wall s | against the best of fewer | CPU s | requests to the stack and the store | peak MiB |")
    say("|---|---|---|---|---|---|")
    best, worst_ratio = None, 0
    for workers, runs in measures.items():
        walls = [run.wall_s for run in runs]
        wall = statistics.median(walls)
        ratio = wall / best if best else 1
        worst_ratio = max(worst_ratio, ratio)
        say(f"| {workers} | {wall:.1f} ({min(walls):.1f} to {max(walls):.1f}) | {ratio:.2f} | {median(runs, 'cpu_s'):.2f} | "
            f"{requests(runs)} | {max(run.peak_mib for run in runs):.1f} |")
        best = min(best or wall, wall)
    say_noise([measure for runs in measures.values() for measure in runs])
    say_bar("more workers against fewer", worst_ratio, SLOWER_BAR)
    say()


def aws_workers(scratch):
    """More workers are never slower than fewer, by more than a tenth."""
    latencies = ", ".join(f"{operation} {delay_ms} ms" for operation, delay_ms in LATENCIES_MS.items())
    say(f"### AWS engine: {WORKER_ITEMS:,} items of {WORKER_TABLES} tables, by the number of workers ({latencies})\n")
    count = WORKER_ITEMS // WORKER_TABLES * WORKER_TABLES
    measures = {workers: [] for workers in WORKER_COUNTS}
    with StubServer(scratch) as server:
        for _ in range(RUNS):
            for workers in WORKER_COUNTS:
                measures[workers].append(server.run(G3nops(workers=workers), "tables", count, LATENCIES_MS))
    say_by_workers(measures)


# ---- emulators -----------------------------------------------------------------------------------------------------------


EMULATOR_COUNTS = {
    "table": int(os.environ.get("BENCH_ITEMS", "50000")),
    "bucket": int(os.environ.get("BENCH_OBJECTS", "20000")),
}
EMULATOR_TITLES = {"table": "items in DynamoDB Local", "bucket": "objects in versitygw"}


def emulator_environment():
    kept = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    return kept | {
        "AWS_ENDPOINT_URL_DYNAMODB": os.environ["OPS_TEST_DYNAMODB_URL"],
        "AWS_ENDPOINT_URL_S3": os.environ["OPS_TEST_VERSITYGW_URL"],
        "AWS_ENDPOINT_URL": os.environ["OPS_TEST_MOTO_URL"],
        "AWS_EC2_METADATA_DISABLED": "true",
    }


class Emulators:
    """What a contestant finds and what it must leave, through boto3."""

    def __init__(self, environment):
        import boto3
        self.boto3 = boto3
        self.environment = environment

    def client(self, service):
        return self.boto3.client(service, endpoint_url=self.environment[f"AWS_ENDPOINT_URL_{service.upper()}"])

    def fill_table(self, count):
        dynamodb = self.client("dynamodb")
        if NAME not in dynamodb.list_tables()["TableNames"]:
            names = ("pk", "sk")
            dynamodb.create_table(
                TableName=NAME, BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
                KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in zip(names, ("HASH", "RANGE"))])
        table = self.boto3.resource("dynamodb", endpoint_url=self.environment["AWS_ENDPOINT_URL_DYNAMODB"]).Table(NAME)
        with table.batch_writer() as batch:
            for i in range(count):
                batch.put_item(Item={"pk": f"ORG#acme00000#record-{i:010}", "sk": "row-00000", "orgcode": "acme00000",
                                     "body": "x" * 100})

    def fill_bucket(self, count):
        s3 = self.client("s3")
        if NAME not in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]:
            s3.create_bucket(Bucket=NAME, CreateBucketConfiguration={"LocationConstraint": os.environ["AWS_REGION"]})

        def put(number):
            s3.put_object(Bucket=NAME, Key=f"acme00000/object-{number:010}", Body=b"x")

        with ThreadPoolExecutor(8) as pool:
            for _ in pool.map(put, range(count)):
                pass  # a failure is thrown here

    def left(self, what):
        if what == "table":
            return self.client("dynamodb").scan(TableName=NAME)["Count"]
        return self.client("s3").list_objects_v2(Bucket=NAME)["KeyCount"]

    def run(self, contestant, what, count, place):
        self.fill_table(count) if what == "table" else self.fill_bucket(count)
        measure = contestant.run(what, place)
        assert self.left(what) == 0, contestant.title
        return measure


def aws_emulators(scratch):
    import aws_home
    with aws_home.owned_by(aws_home.emulated_account("versitygw")) as sts_url:
        race_on_emulators(emulator_environment() | {"AWS_ENDPOINT_URL_STS": sts_url}, scratch)


def race_on_emulators(environment, scratch):
    emulators = Emulators(environment)
    place = Place(environment, environment["AWS_ENDPOINT_URL_S3"], (), scratch, None)
    for what, count in EMULATOR_COUNTS.items():
        say(f"### AWS engine: {count:,} {EMULATOR_TITLES[what]} (--workers {WORKERS})\n")
        contestants = [G3nops(), *peers_for(what)]
        measures = {contestant: [] for contestant in contestants}
        for _ in range(RUNS):
            for contestant in contestants:
                measures[contestant].append(emulators.run(contestant, what, count, place))
        say("| client | wall s | fastest and slowest run |")
        say("|---|---|---|")
        for contestant, runs in measures.items():
            walls = [run.wall_s for run in runs]
            say(f"| {contestant.title} | {statistics.median(walls):.2f} | {min(walls):.2f} to {max(walls):.2f} |")
        say()
        say_bar("wall s", median(measures[contestants[0]], "wall_s"),
                min(median(measures[peer], "wall_s") for peer in contestants[1:]))
        say()
        say_skipped(what)


# ---- the door ------------------------------------------------------------------------------------------------------------


PARTS = {"aws-table": aws_table, "aws-bucket": aws_bucket, "aws-memory": aws_memory, "aws-workers": aws_workers,
         "aws-emulators": aws_emulators}


def run_part(part, scratch):
    if part != "aws-emulators" or "OPS_TEST_DYNAMODB_URL" in os.environ:
        return PARTS[part](scratch)
    command = [ROOT / "tools/emulators", "run", "--", sys.executable, __file__, part]
    return subprocess.run(list(map(str, command)), check=True)


def main(parts):
    if "OPS_TEST_DYNAMODB_URL" not in os.environ:
        machine()
    if (PEERS / "javascript/node_modules").is_dir():
        shutil.copy(ROOT / "bench/peers/javascript/peer.js", PEERS / "javascript")
    scratch = Path(tempfile.mkdtemp(prefix="bench-aws-", dir=BUILD))
    try:
        for part in parts:
            run_part(part, scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1:] or list(PARTS))
