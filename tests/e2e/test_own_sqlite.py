"""A stack that already keeps its data in SQLite is vacuumed in place, also while it is in use."""

import sqlite3
import threading
from contextlib import closing

import pytest

import stack
from g3nops import PHRASE, until

pytestmark = pytest.mark.usefixtures("settable_clock")

SCHEMA = """
CREATE TABLE orders (tenant TEXT NOT NULL, number INTEGER NOT NULL, "odd ""column" TEXT,
                     PRIMARY KEY (tenant, number)) WITHOUT ROWID;
CREATE TABLE events (id INTEGER PRIMARY KEY, tenant TEXT, what TEXT);
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT);
CREATE INDEX events_by_tenant ON events (tenant);
"""
TENANTS = ["acme", "acme2", "ACME", "globex"]


@pytest.fixture
def shop(bare):
    """A shop's own database, and the manifest that names two of its tables."""
    file = bare.directory / "shop.db"
    with closing(sqlite3.connect(file)) as db:
        db.executescript(SCHEMA)
        db.executemany("INSERT INTO orders VALUES (?, ?, 'x')", [(TENANTS[i % 4], i) for i in range(4000)])
        db.executemany("INSERT INTO events VALUES (?, ?, 'x')", [(i * 3 - 2000, TENANTS[i % 4]) for i in range(4000)])
        db.execute("INSERT INTO events VALUES (1000000, NULL, 'of nobody')")
        db.execute("INSERT INTO settings VALUES ('colour', 'red')")
        db.commit()

    def table(name, key):
        return {"name": f"shop_{name}", "org": {"by": "attribute", "name": "orgcode"},
                "sqlite": {"file": str(file), "table": name, "key": key, "columns": {"orgcode": "tenant"}}}
    stack.write_manifest(bare, [{"code": "pvm", "tables": [table("orders", ["tenant", "number"]), table("events", ["id"])]}])
    assert bare.run("manifest-check").returncode == 0
    return bare, file


def vacuum(home, serve, function, ahead=301, **fields):
    vacuum_id = serve.do(function, **fields)["vacuum_id"]
    home.clock.ahead(ahead)
    return serve.vacuum_ended(vacuum_id)


def test_vacuum_org_removes_that_tenants_rows_in_place_and_nothing_else(shop):
    home, file = shop
    kept = {name: stack.query(file, f"SELECT * FROM {name} WHERE tenant IS NOT 'acme'") for name in ("orders", "events")}
    schema = stack.query(file, "SELECT type, name, sql FROM sqlite_master ORDER BY name")
    inode = file.stat().st_ino
    serve = home.serve(clock=True)
    report = serve.dry_run("vacuumorg", orgcode="acme")
    assert report["totals"]["matched"] == 2000
    done = vacuum(home, serve, "vacuumorg", orgcode="acme")
    assert done["status"] == "completed" and done["totals"]["deleted"] == 2000, done
    for name, rows in kept.items():
        assert stack.query(file, f"SELECT * FROM {name}") == rows
    assert stack.query(file, "SELECT * FROM settings") == [("colour", "red")]
    assert stack.query(file, "SELECT type, name, sql FROM sqlite_master ORDER BY name") == schema
    assert stack.query(file, "PRAGMA integrity_check") == [("ok",)]
    assert file.stat().st_ino == inode


def test_vacuum_all_empties_the_tables_and_leaves_the_rest_of_the_file(shop):
    home, file = shop
    serve = home.serve(clock=True)
    done = vacuum(home, serve, "vacuumall", confirmation_phrase=PHRASE)
    assert done["status"] == "completed" and done["totals"]["deleted"] == 8001, done
    assert stack.query(file, "SELECT count(*) FROM orders UNION ALL SELECT count(*) FROM events") == [(0,), (0,)]
    assert stack.query(file, "SELECT * FROM settings") == [("colour", "red")]


def test_a_table_whose_deletes_set_off_a_trigger_is_refused_and_the_other_one_goes_on(shop):
    home, file = shop
    stack.query(file, "CREATE TRIGGER t AFTER DELETE ON events BEGIN DELETE FROM settings; END")
    result = home.run("manifest-check")
    assert result.returncode == 1 and "trigger" in result.stdout + result.stderr
    serve = home.serve(clock=True)
    done = vacuum(home, serve, "vacuumorg", orgcode="acme")
    assert done["status"] == "failed" and done["totals"]["deleted"] == 1000, done
    assert stack.query(file, "SELECT count(*) FROM events WHERE tenant = 'acme'") == [(1000,)]
    assert stack.query(file, "SELECT * FROM settings") == [("colour", "red")]


@pytest.mark.parametrize("change", [{"table": "nothing"}, {"key": ["nothing"]}, {"columns": {"orgcode": "nothing"}},
                                    {"key": ["what"]}, {"file": "/nowhere/shop.db"}, {"table": "sqlite_master"}])
def test_a_description_that_does_not_fit_the_file_is_told_and_deletes_nothing(shop, change):
    home, file = shop
    rule = {"file": str(file), "table": "events", "key": ["id"], "columns": {"orgcode": "tenant"}} | change
    stack.write_manifest(home, [{"code": "pvm", "tables": [
        {"name": "shop_events", "org": {"by": "attribute", "name": "orgcode"}, "sqlite": rule}]}])
    before = stack.sha256(file)
    checked = home.run("manifest-check")
    assert "shop_events" in checked.stdout + checked.stderr
    assert checked.returncode == 1 or "missing" in checked.stdout
    serve = home.serve(clock=True)
    done = vacuum(home, serve, "vacuumorg", orgcode="acme")
    assert done["totals"]["deleted"] == 0
    assert done["status"] == "failed" or done["targets"][0]["status"] == "skipped", done
    assert stack.sha256(file) == before


class Writer:
    """Another program that goes on writing into a table."""

    def __init__(self, path, key="LATE#{:07}".format, pause=0.002):
        self.path, self.key, self.pause, self.written = path, key, pause, 0
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        with closing(sqlite3.connect(self.path, timeout=30, isolation_level=None)) as db:
            while not self.stopping.is_set():
                db.execute("INSERT INTO items VALUES (?, 'V', 'acme', 'late')", (self.key(self.written),))
                self.written += 1
                self.stopping.wait(self.pause)  # a program that leaves the others their turn
                if self.written == 5:
                    db.execute("INSERT INTO items VALUES ('g3nmhsadmin#late', 'V', 'acme', 'kept')")

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *ignored):
        self.stopping.set()
        self.thread.join(60)


def test_records_that_come_while_the_vacuum_runs_go_too(bare):
    stack.big_stack(bare, 30000, 50)
    serve = bare.serve("--workers", 1, clock=True)
    vacuum_id = serve.do("vacuumorg", orgcode="acme")["vacuum_id"]
    with Writer(bare.table("pvm_main")) as writer:
        bare.clock.ahead(301)
        until(lambda: serve.vacuum(vacuum_id)["totals"]["deleted"] >= 3000 and writer.written > 5, "both are at it")
    done = serve.vacuum_ended(vacuum_id)
    left = stack.query(bare.table("pvm_main"), "SELECT pk FROM items WHERE orgcode = 'acme'")
    assert ("g3nmhsadmin#keep",) in left and ("g3nmhsadmin#late",) in left
    assert stack.query(bare.table("pvm_main"), "SELECT count(*) FROM items WHERE orgcode = 'acme2'") == [(15000,)]
    late = [pk for pk, in left if not pk.startswith("g3nmhsadmin")]  # written behind the last look, or after the end
    assert done["status"] == "completed" and len(late) < writer.written, (done, late)
    assert done["totals"]["deleted"] == 15000 + 25 + writer.written - len(late), "every record that is gone is counted once"


def test_a_table_that_never_stops_growing_ends_the_vacuum_with_records_remain(bare):
    stack.big_stack(bare, 800, 20)
    # Each record comes before all others, behind where the vacuum is, and the vacuum is no quicker than the writer: a pass
    # leaves as many as it found, whoever gets the table first.
    serve = bare.serve("--max-rate", 200, clock=True)
    vacuum_id = serve.do("vacuumorg", orgcode="acme")["vacuum_id"]
    with Writer(bare.table("pvm_main"), key=lambda n: f"A#{9999999 - n}", pause=0.005) as writer:
        until(lambda: writer.written > 10, "the writer writes")
        bare.clock.ahead(301)
        done = serve.vacuum_ended(vacuum_id, 90)
    assert done["status"] == "failed" and done["error"]["tag"] == "records-remain", done
    rows = stack.query(bare.table("pvm_main"), "SELECT count(*) FROM items WHERE pk LIKE 'g3nmhsadmin#%'")
    assert rows == [(2,)]
    assert serve.do("vacuumorg", orgcode="acme")["status"] == "pending", "the mutex is given back"
