"""Measures the embedded engine by the number of workers, prints Markdown tables: workers.py [tables|buckets].

A whole vacuum all of 32 SQLite tables, or of 32 directories as buckets, by a service with 2, 8, 32 and 64 workers, taking
turns: more workers are never slower than fewer, by more than a tenth.
"""

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

from run import BUILD, RUNS, machine, run, say

import aws

ROWS = int(os.environ.get("BENCH_WORKER_ITEMS", "1000000"))
COUNTS = {"tables": ROWS, "buckets": ROWS // 20}
PLACES = 32
UNITS = {"tables": "rows of SQLite tables", "buckets": "objects in directories as buckets"}
ORGS = {"tables": {"by": "attribute", "name": "orgcode"}, "buckets": {"by": "key_prefix", "pattern": "{orgcode}/"}}


class Embedded(aws.G3nops):
    """As with the AWS engine, but that the stack is in the data directory. Its end is looked for at short intervals: a look
    costs it a hundredth of one."""

    poll_rarely_s = aws.POLL_S

    @staticmethod
    def manifest(what):
        return {"stack": "bench", "services": [
            {"code": "pvm", what: [{"name": f"bench{i:02}", "org": ORGS[what]} for i in range(PLACES)]}]}

    def run(self, what, scratch):
        """One turn, on a copy of the stack that fill has made."""
        directory = scratch / "turn"
        run("cp", "-a", scratch / what, directory)
        os.sync()
        home = aws.g3nops.Home(directory)
        options = ["--manifest", directory / "manifest.json"]
        try:
            vacuum_id = self.request(home, options, {})
            serve = home.serve(*options, "--workers", self.workers)
            measure = self.watch(serve, vacuum_id, aws.Place({}, "", (), scratch, None))
            deleted = serve.vacuum(vacuum_id)["totals"]["deleted"]
        except BaseException:
            say(home.stderr())
            raise
        finally:
            wrong = home.finish()
        assert not wrong, wrong
        assert deleted == COUNTS[what], deleted
        shutil.rmtree(directory)
        return measure


def fill(what, directory):
    home = aws.g3nops.Home(directory)
    manifest = directory / "manifest.json"
    manifest.write_text(json.dumps(Embedded.manifest(what)))
    counts = ["--rows", COUNTS[what] if what == "tables" else 0, "--objects", COUNTS[what] if what == "buckets" else 0]
    for command in (["secret-set", "--new-secret-code-file", home.code_file], ["demo-data", "--manifest", manifest, *counts]):
        result = home.run(*command, timeout=1200)
        assert result.returncode == 0, result


def measure(what, scratch):
    say(f"### Embedded engine: {COUNTS[what]:,} {UNITS[what]}, {PLACES} of them, by the number of workers\n")
    fill(what, scratch / what)
    measures = {workers: [] for workers in aws.WORKER_COUNTS}
    for _ in range(RUNS):
        for workers in aws.WORKER_COUNTS:
            measures[workers].append(Embedded(workers=workers).run(what, scratch))
    aws.say_by_workers(measures)


def main(whats):
    machine()
    scratch = Path(tempfile.mkdtemp(prefix="bench-workers-", dir=BUILD))
    try:
        for what in whats:
            measure(what, scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1:] or list(UNITS))
