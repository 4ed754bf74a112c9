"""A world of thirty traps: the dry run names every one of them, and so does manifest-check, but for what only reading all the
records can find."""

import json
import os
import sqlite3
import subprocess
from contextlib import closing

import pytest

import stack
from g3nops import PHRASE, PROGRAM, base_environment, data
from test_directories import BY_PREFIX, bind, may_mount, with_mounts, without_power

pytestmark = [pytest.mark.usefixtures("settable_clock"),
              pytest.mark.skipif(os.geteuid() != 0 or not may_mount(), reason="the traps are laid by root, with mounts")]

BY_ORG = {"by": "attribute", "name": "org"}


def db(file, script, *rows):
    file.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(script)
        for statement, values in rows:
            connection.executemany(statement, values)
        connection.commit()
    return file


def plain(file, table="t", extra=""):
    return db(file, f"CREATE TABLE {table}(id INTEGER PRIMARY KEY, org TEXT); {extra}",
              (f"INSERT INTO {table}(org) VALUES (?)", [("acme",), ("globex",)]))


class World:
    """What is laid out, the manifest's entries for it, and which words must be said of which target."""

    def __init__(self, home):
        self.home = home
        self.tables, self.buckets, self.log_groups, self.mounts = [], [], [], []
        self.told = {}      # trap: (kind, name, words)
        self.by_reading = set()  # traps that no question but reading can find
        self.undo = []

    def file(self, name):
        return self.home.data / "own" / name / "shop.db"

    def table(self, name, file, words, table="t", org=BY_ORG, by_reading=False, **sqlite):
        self.tables.append({"name": name, "org": org, "sqlite": {"file": str(file), "table": table} | sqlite})
        self.trap(name, "table", name, words, by_reading)

    def bucket(self, name, words, by_reading=False, listed=True):
        if listed:
            self.buckets.append({"name": name, "org": BY_PREFIX})
        self.trap(name, "bucket", name, words, by_reading)
        return self.home.bucket(name)

    def trap(self, trap, kind, name, words, by_reading=False):
        self.told[trap] = (kind, name, words)
        if by_reading:
            self.by_reading.add(trap)


def lay_tables(world):
    """Twenty."""
    file = world.file
    world.table("hard-linked", plain(file("hard-linked")), "hard links")
    os.link(file("hard-linked"), world.home.data / "copy.db")
    plain(file("twins"))
    (world.home.data / "own" / "linked").symlink_to("twins")
    world.table("twin", file("twins"), "same thing")
    world.table("other-twin", world.home.data / "own" / "linked" / "shop.db", "same thing")
    world.table("kept", plain(file("kept"), "g3nmhsadmin_x"), "g3nmhsadmin", table="G3NMHSADMIN_X")
    world.table("in-kept-bucket", plain(world.home.bucket("doc.g3nretailstack.com") / "search.db"), "documentation site")
    world.table("records", plain(world.home.data / "backup" / "ops_main.sqlite"), "OPS keeps its own")
    world.table("own-store", world.home.store, "g3nops itself", table="records", key=["pk", "sk"])
    world.table("words", db(file("words"), "CREATE TABLE t(id INTEGER PRIMARY KEY, org TEXT, body TEXT);"
                            "CREATE VIRTUAL TABLE f USING fts5(body, content='t', content_rowid='id')"), "full-text")
    world.table("contentless", db(file("contentless"), "CREATE VIRTUAL TABLE t USING fts5(org, body, content='')"), "content")
    world.table("spatial", db(file("spatial"), "CREATE VIRTUAL TABLE t USING rtree(id, x0, x1)"), "rtree")
    world.table("triggered", plain(file("triggered"), extra="CREATE TABLE log(x); CREATE TRIGGER d AFTER DELETE ON t BEGIN "
                                   "INSERT INTO log VALUES (old.id); END"), "trigger")
    world.table("view", db(file("view"), "CREATE TABLE u(id INTEGER PRIMARY KEY, org TEXT); CREATE VIEW t AS SELECT * FROM u"),
                "not an ordinary table")
    world.table("columnless", plain(file("columnless")), "no column", org={"by": "attribute", "name": "tenant"})
    world.table("keyless", db(file("keyless"), "CREATE TABLE t(id INTEGER, org TEXT)"), "unique", key=["id"])
    file("garbage").parent.mkdir(parents=True)
    file("garbage").write_text("this is no database, and it is longer than a header of one would be, by far and away")
    world.table("garbage", file("garbage"), "not a database")
    db(file("collated"), "CREATE TABLE t(id INTEGER PRIMARY KEY, org TEXT, name TEXT)")
    with closing(sqlite3.connect(file("collated"))) as connection:
        connection.create_collation("LOCALIZED", lambda a, b: (a > b) - (a < b))
        connection.execute("CREATE INDEX i ON t(name COLLATE LOCALIZED)")
        connection.execute("INSERT INTO t(org, name) VALUES ('acme', 'x')")
        connection.commit()
    world.table("collated", file("collated"), "LOCALIZED")
    plain(file("read-only")).chmod(0o400)
    world.table("read-only", file("read-only"), "read-only|may not be|can't be written")
    plain(file("sealed")).parent.chmod(0o500)
    world.undo.append(lambda: file("sealed").parent.chmod(0o700))
    world.table("sealed", file("sealed"), "files beside it")
    db(file("blobs"), "CREATE TABLE t(id INTEGER PRIMARY KEY, org)", ("INSERT INTO t(org) VALUES (?)", [(b"acme",), ("acme",)]))
    world.table("blobs", file("blobs"), "binary|BLOB|blob", by_reading=True)
    stack.make_table(world.home.table("lists"), [("a", "b", None, json.dumps({"tenant": ["acme"]}))])
    world.tables.append({"name": "lists", "org": {"by": "attribute", "name": "tenant"}})
    world.trap("lists", "table", "lists", "array", by_reading=True)


def lay_buckets(world):
    """Seven."""
    home = world.home
    mounted = world.bucket("mounted", "mounted")
    stack.make_objects(mounted, ["acme/1"])
    stack.make_objects(home.directory / "elsewhere", ["precious"])
    world.mounts.append(bind(home.directory / "elsewhere", mounted / "acme" / "home"))
    closed = world.bucket("closed", "acme/closed/")
    stack.make_objects(closed, ["acme/1", "acme/closed/2"])
    (closed / "acme" / "closed").chmod(0)
    world.undo.append(lambda: (closed / "acme" / "closed").chmod(0o700))
    locked = world.bucket("locked", "acme/locked")
    stack.make_objects(locked, ["acme/1", "acme/locked/2"])
    (locked / "acme" / "locked").chmod(0o500)
    world.undo.append(lambda: (locked / "acme" / "locked").chmod(0o700))
    deep = world.bucket("deep", "nested|deep", by_reading=True)
    stack.make_objects(deep, ["acme/" + "d/" * 120 + "x"])
    stack.make_objects(home.directory / "away", ["acme/1"])
    linked = world.bucket("linked", "link")
    linked.parent.mkdir(parents=True, exist_ok=True)
    linked.symlink_to(home.directory / "away")
    stray = world.bucket("stray", "not in the manifest", listed=False)
    stray.mkdir(parents=True)
    sticky = world.bucket("sticky", "sticky")
    stack.make_objects(sticky, ["acme/theirs"])
    os.chown(sticky / "acme", 12345, 12345)
    (sticky / "acme").chmod(0o1777)
    os.chown(sticky / "acme" / "theirs", 23456, 23456)


def lay_the_rest(world):
    """Three."""
    home = world.home
    plain(world.file("unlisted"), extra="CREATE TABLE payments(id INTEGER PRIMARY KEY, org TEXT)")
    world.tables.append({"name": "listed", "org": BY_ORG, "sqlite": {"file": str(world.file("unlisted")), "table": "t"}})
    world.trap("unlisted", "table", "payments", "not in the manifest|a table of")
    world.log_groups.append({"name": "/app/sealed"})
    stack.make_objects(home.log_group("/app/sealed"), ["s1"])
    home.log_group("/app/sealed").chmod(0o500)
    world.undo.append(lambda: home.log_group("/app/sealed").chmod(0o700))
    world.trap("sealed-group", "log_group", "/app/sealed", "s1|directory")
    gone = home.bucket("gone")
    gone.mkdir(parents=True)
    world.buckets.append({"name": "gone", "org": BY_PREFIX})
    world.trap("gone", "bucket", "gone", "volume not mounted", by_reading=True)


@pytest.fixture
def world(bare):
    world = World(bare)
    lay_tables(world)
    lay_buckets(world)
    lay_the_rest(world)
    stack.write_manifest(bare, [{"code": "pvm", "tables": world.tables, "buckets": world.buckets, "log_groups": world.log_groups}])
    yield world
    for undo in world.undo:
        undo()


def said(targets, kind, name):
    """All that a report says of one target."""
    words = []
    for target in targets:
        if target["kind"] == kind and (target["name"] == name or target["name"].endswith(": " + name)):
            words += [target.get(member, "") or "" for member in ("error", "skipped_reason", "reason", "finding", "status")]
            words += target.get("warnings", []) + [f"{remark['name']} {remark['reason']}" for remark in target.get("remarks", [])]
            words.append("not in the manifest" if target["status"] == "unclassified" else "")
    return " | ".join(words)


def untold(world, targets, but=()):
    return {trap: said(targets, kind, name) for trap, (kind, name, words) in world.told.items()
            if trap not in but and not any(word in said(targets, kind, name) for word in words.split("|"))}


def test_a_dry_run_and_manifest_check_name_thirty_traps(world):
    home = world.home
    assert len(world.told) == 30
    serve = home.serve(clock=True, before=with_mounts(*world.mounts, "true") + without_power())
    first = serve.dry_run("vacuumall")
    assert first["status"] == "failed"
    reports = [first, serve.dry_run("vacuumorg", orgcode="acme")]
    targets = [target for report in reports for target in report["targets"]]
    assert untold(world, targets, but={"gone"}) == {}
    assert all(report["status"] == "failed" for report in reports)
    serve.stop()
    command = with_mounts(*world.mounts, "true") + without_power()
    result = subprocess.run([*command, PROGRAM, "manifest-check", "--json", "--data", str(home.data)], capture_output=True,
                            text=True, env=base_environment())
    assert result.returncode == 1, result
    details = json.loads(result.stdout)["error"]["details"]
    assert untold(world, details["targets"], but=world.by_reading) == {}


def test_what_has_gone_since_a_completed_run_is_the_thirtieth(bare):
    stack.write_manifest(bare, [{"code": "pvm", "buckets": [{"name": "gone", "org": BY_PREFIX}]}])
    stack.make_objects(bare.bucket("gone"), ["acme/1"])
    serve = bare.serve(clock=True)
    assert serve.dry_run("vacuumall")["status"] == "completed"
    bare.bucket("gone").rename(bare.directory / "volume")
    bare.bucket("gone").mkdir()
    report = serve.dry_run("vacuumall")
    assert "volume not mounted" in said(report["targets"], "bucket", "gone"), report
    vacuum_id = serve.do("vacuumall", confirmation_phrase=PHRASE)["vacuum_id"]
    bare.clock.ahead(301)
    vacuum = serve.vacuum_ended(vacuum_id)
    assert vacuum["status"] == "failed" and vacuum["error"]["tag"] == "plan-drifted", vacuum
    vacuum_id = serve.do("vacuumall", confirmation_phrase=PHRASE, plan_sha256=report["plan_sha256"])["vacuum_id"]
    bare.clock.ahead(602)
    assert serve.vacuum_ended(vacuum_id)["status"] == "completed"
    assert data(serve.invoke("vacuumlist"))["items"][0]["vacuum_id"] == vacuum_id
