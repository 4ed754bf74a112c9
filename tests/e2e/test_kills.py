"""kill -9, again and again, at moments that a seed draws: whatever is killed when, what a vacuum says that it deleted is what
is gone, and nothing else is.

OPS_KILLS is how often each engine is killed, OPS_KILLS_SEED draws what happens; the seed of a run is in its output.
"""

import collections
import json
import os
import random
import sqlite3
import time
from contextlib import closing

import pytest

import stack
from aws_home import account, make_aws, on, stub, stub_process  # noqa: F401 (fixtures)
from g3nops import PENDING_SECONDS, PHRASE, data, until
from test_directories import serve_within, without_power

pytestmark = pytest.mark.usefixtures("settable_clock")

KILLS = int(os.environ.get("OPS_KILLS", 30))
SEED = int(os.environ.get("OPS_KILLS_SEED") or time.time_ns() % 2**32)

PROTECTED = "g3nmhsadmin"
TENANTS = ("acme", "acme2", "ACME")
SLOWLY = ("--workers", 3, "--max-rate", 200)
LEASE_SECONDS, DAY_SECONDS = 60, 24 * 3600
LOG_GROUP = "/g3nretailstack/pvm/api"
BY_ATTRIBUTE = {"by": "attribute", "name": "orgcode"}
BY_PREFIX = {"by": "key_prefix", "pattern": "{orgcode}/"}


TABLES = ("pvm_main", "pvm_keys", "g3nmhsadmin_keys", "unknown")


def services(*buckets):
    """The manifest's, which names all tables but the unknown one."""
    rules = {"pvm_main": BY_ATTRIBUTE, "pvm_keys": BY_PREFIX, "g3nmhsadmin_keys": BY_ATTRIBUTE}
    return [{"code": "pvm", "tables": [{"name": name, "org": rule} for name, rule in rules.items()],
             "buckets": [{"name": name, "org": BY_PREFIX} for name in buckets], "log_groups": [{"name": LOG_GROUP}]}]


def draw_rows(draw, table, count):
    """(pk, orgcode); a protected one is among them."""
    count = count if table in ("pvm_main", "pvm_keys") else 5
    return [(f"{draw.choice(TENANTS)}/{i:06}", draw.choice(TENANTS)) for i in range(count)] + [(f"{PROTECTED}#keep", "acme")]


def whose(table, pk, orgcode):
    return pk.split("/")[0] if table == "pvm_keys" else orgcode


class Local:
    """The embedded engine: tables, a bucket with empty directories and one that can't be looked into, a log group."""

    def __init__(self, home):
        self.home = home
        self.bucket = home.bucket("pvm-data")
        self.locked = self.bucket / "acme2" / "locked"
        stack.write_manifest(home, services("pvm-data"))
        for name in TABLES:
            stack.make_table(home.table(name), [])

    def fill(self, draw):
        for name in TABLES:
            rows = [(pk, "V", orgcode, "x" * 50) for pk, orgcode in draw_rows(draw, name, draw.randrange(200, 2500))]
            with closing(sqlite3.connect(self.home.table(name), timeout=30)) as db:
                db.executemany("INSERT OR REPLACE INTO items VALUES (?, ?, ?, ?)", rows)
                db.commit()
        keys = [f"{draw.choice(TENANTS)}/{i % 13:02}/{i:05}" for i in range(draw.randrange(50, 400))]
        stack.make_objects(self.bucket, keys + [f"{PROTECTED}/keep", "nobody"])
        for tenant in TENANTS:
            for name in ("empty", "deep/er/empty"):
                (self.bucket / tenant / name).mkdir(parents=True, exist_ok=True)
        self.lock(draw.random() < 0.5)
        stack.make_objects(self.home.log_group(LOG_GROUP), [f"stream-{i}" for i in range(draw.randrange(1, 30))])

    def lock(self, is_locked):
        self.locked.mkdir(parents=True, exist_ok=True)
        self.locked.chmod(0o755)
        (self.locked / "inside").write_text("not always to be seen")
        self.locked.chmod(0 if is_locked else 0o755)
        self.is_locked = is_locked

    def serve(self, *arguments, **options):
        return serve_within(self.home, without_power(), *arguments, **options)

    def contents(self):
        """(kind, name) -> {key: whose it is}. A directory with nothing in it is a key with a slash at its end."""
        found = {("table", name): {pk: whose(name, pk, orgcode) for pk, _, orgcode, _ in stack.rows(self.home.table(name))}
                 for name in TABLES}
        found["bucket", "pvm-data"] = objects = {}
        for root, folders, names in os.walk(self.bucket):
            place = os.path.relpath(root, self.bucket) + "/" if root != str(self.bucket) else ""
            for name in names if names or folders else [""]:
                objects[place + name] = place.split("/")[0]
        found["log_group", LOG_GROUP] = dict.fromkeys(stack.files(self.home.log_group(LOG_GROUP)))
        return found

    def out_of_reach(self, kind, key):
        return self.is_locked and kind == "bucket" and key.startswith("acme2/locked/")

    def unreadable(self, tenant):
        return int(self.is_locked and tenant in (None, "acme2"))

    def gone(self, before, after):
        return {target: len(before[target].keys() - after[target].keys()) for target in before}

    def verify(self):
        return self.home.json("audit-verify")


class Aws:
    """The AWS engine on the stand-in for AWS, where each removal takes a moment."""

    buckets = ("pvm-data", "pvm-versions")

    def __init__(self, home, stub):
        self.home, self.stub = home, stub
        home.write_manifest({"stack": "g3nretailstack", "services": services(*self.buckets)})
        home.bootstrap()

    def fill(self, draw):
        def table(name):
            rows = draw_rows(draw, name, draw.randrange(100, 700))
            return {"rows": [{"pk": {"S": pk}, "orgcode": {"S": orgcode}} for pk, orgcode in rows], "key": ["pk"], "key_types": ["S"]}

        def keys(count):
            return [f"{draw.choice(TENANTS)}/{i:05}" for i in range(count)] + [f"{PROTECTED}/keep", "nobody"]
        versioned = {"versioning": "Enabled", "versions": 2, "delete_marker_every": 3}
        self.stub.fill(tables={name: table(name) for name in TABLES},
                       buckets={"pvm-data": {"keys": keys(draw.randrange(50, 1500))},
                                "pvm-versions": {"keys": keys(draw.randrange(50, 500)), **versioned}},
                       log_groups={LOG_GROUP: {"streams": draw.randrange(1, 12)}})
        slow = [{"fault": "slow", "operation": operation, "delay_ms": draw.choice([0, 20, 60, 150])}
                for operation in ("BatchWriteItem", "DeleteObjects", "DeleteLogStream", "TransactWriteItems")]
        self.home.account.refuse_wrong_clocks(*slow)

    def serve(self, *arguments, **options):
        return self.home.serve(*arguments, clock=True, **options)

    def contents(self):
        def items(**what):
            return self.stub.items(limit=100000, **what)
        found = {("table", name): {row["pk"]["S"]: whose(name, row["pk"]["S"], row["orgcode"]["S"]) for row in items(table=name)}
                 for name in TABLES}
        found |= {("bucket", name): {key: key.split("/")[0] for key in items(bucket=name)} for name in self.buckets}
        found["log_group", LOG_GROUP] = dict.fromkeys(name for streams in items(log_group=LOG_GROUP) for name in streams)
        return found

    def out_of_reach(self, kind, key):
        return False

    def unreadable(self, tenant):
        return 0

    def gone(self, before, after):
        """As the stub says: a key may have several versions, and each of them counts."""
        state = self.stub.state()
        return {(kind, name): state[f"{kind}s"][name]["deleted"] for kind, name in before}

    def verify(self):
        result = self.home.aws("audit-verify", "--json")
        assert result.returncode == 0, result
        return data(json.loads(result.stdout))


class Campaign:
    """Vacuums one after the other, and kills."""

    def __init__(self, engine, seed):
        self.engine, self.home = engine, engine.home
        self.draw = random.Random(seed)
        self.ahead = 0
        self.kills = 0
        self.numbers = collections.Counter()
        self.serve = None

    def move_clock(self, seconds):
        self.ahead += seconds
        self.home.clock.ahead(self.ahead)

    def arguments(self, quickly):
        rate = [] if quickly else ["--max-rate", self.draw.choice([200, 400, 800, 3000])]
        return ["--workers", self.draw.randrange(1, 5), *rate]

    def start(self, quickly=False, arguments=None):
        self.serve = self.engine.serve(*(arguments or self.arguments(quickly)))

    def kill(self):
        self.serve.kill()
        self.kills += 1

    def kill_a_beginning(self):
        """One that has just started: nobody has seen it ready."""
        process = self.engine.serve(*self.arguments(False), wait=False)
        time.sleep(self.draw.random() * 0.25)
        process.kill()
        process.wait()
        self.kills += 1

    def ask(self, tenant):
        fields = {"orgcode": tenant} if tenant else {"confirmation_phrase": PHRASE}
        return self.serve.do("vacuumorg" if tenant else "vacuumall", **fields)["vacuum_id"]

    def kill_after_a_moment(self, vacuum_id, before):
        time.sleep(self.draw.random() ** 2 * 1.2)
        running = self.serve.vacuum(vacuum_id)["status"] == "running"
        self.kill()
        self.numbers["kills in the middle"] += running and self.engine.contents() != before

    def disturb(self, vacuum_id, before, runs_out):
        """Some kills, each after a moment. runs_out: the service is down for more than a day after the first, with a page in
        hand."""
        kills = self.draw.randrange(1, 6)
        if runs_out or self.draw.random() < 0.75:
            until(lambda: self.serve.vacuum(vacuum_id)["status"] != "pending", "it is started")
        if runs_out:
            until(lambda: self.engine.contents() != before, "something is gone")
        for i in range(kills):
            self.kill_after_a_moment(vacuum_id, before)
            # Nobody gives back the leases of the dead on AWS, so time passes.
            self.move_clock(DAY_SECONDS + 100 if runs_out and i == 0 else LEASE_SECONDS + 30)
            if self.draw.random() < 0.15:
                self.kill_a_beginning()
            self.start(quickly=i + 1 == kills)

    def round(self, number):
        tenant = self.draw.choice([None, *TENANTS])
        runs_out = number % 3 == 1
        self.engine.fill(self.draw)
        self.start(arguments=SLOWLY if runs_out else None)
        before = self.engine.contents()
        vacuum_id = self.ask(tenant)
        self.move_clock(PENDING_SECONDS + 1)
        self.disturb(vacuum_id, before, runs_out)
        done = self.serve.vacuum_ended(vacuum_id, deadline=120)
        after = self.engine.contents()
        gone = self.engine.gone(before, after)
        record = until(lambda: self.end_record(vacuum_id), "its end is in the audit trail")
        self.kill()
        assert record["data"]["totals"] == done["totals"]
        assert self.engine.verify()["verified"] is True
        self.check_counts(done, gone)
        self.check_what_is_gone(tenant, before, after)
        self.check_end(done, tenant, after)

    def end_record(self, vacuum_id):
        ends = [record for record in self.serve.audit() if record.get("vacuum_id") == vacuum_id
                and record["type"] in ("vacuum.completed", "vacuum.failed", "vacuum.cancelled")]
        assert len(ends) <= 1, ends
        return ends[0] if ends else None

    def may_go(self, tenant, kind, name, key, owner):
        """Whether the record is in scope and can be got at."""
        in_scope = tenant is None or (kind != "log_group" and owner == tenant)
        protected = name.startswith(PROTECTED) or key.startswith(PROTECTED)
        return in_scope and not protected and name != "unknown" and not self.engine.out_of_reach(kind, key)

    def check_counts(self, done, gone):
        told = {(target["kind"], target["name"]): target["deleted"] for target in done["targets"]}
        # One that ran out of its time before it had a plan has no targets.
        assert {target: told.get(target, 0) for target in gone} == gone, done
        assert done["totals"]["deleted"] == sum(gone.values())
        self.numbers["records deleted"] += done["totals"]["deleted"]

    def check_what_is_gone(self, tenant, before, after):
        for (kind, name), records in before.items():
            for key in records.keys() - after[kind, name].keys():
                assert self.may_go(tenant, kind, name, key, records[key]), (tenant, kind, name, key)

    def check_end(self, done, tenant, after):
        """A vacuum that had its time leaves nothing behind but what it tells of."""
        tag = done["error"]["tag"] if done["status"] == "failed" else done["status"]
        self.numbers[tag] += 1
        if tag == "mutex-expired":
            return
        unreadable = self.engine.unreadable(tenant)
        assert done["totals"].get("unreadable", 0) == unreadable, done
        assert tag == ("records-remain" if unreadable else "completed"), done
        left = [(kind, name, key) for (kind, name), records in after.items() for key, owner in records.items()
                if self.may_go(tenant, kind, name, key, owner)]
        assert not left, (done, left)

    def run(self, kills):
        number = 0
        while self.kills < kills:
            self.round(number)
            number += 1
        assert self.numbers["mutex-expired"] > 0 or kills < 20
        print(f"{type(self.engine).__name__}: {self.kills} kills in {number} vacuums, {dict(self.numbers)}")


def campaign(engine):
    print(f"OPS_KILLS_SEED={SEED}")
    Campaign(engine, SEED).run(KILLS)


def test_whatever_is_killed_when_the_counts_are_what_is_gone(bare):
    campaign(Local(bare))


@on("stub")
def test_whatever_is_killed_when_the_counts_are_what_is_gone_on_aws(make_aws, stub):  # noqa: F811
    campaign(Aws(make_aws(), stub))
