"""A stack that already keeps its data in SQLite is vacuumed in place, also while it is in use."""

import os
import shutil
import sqlite3
import threading
import time
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


# ---- Tables as applications really have them ----

# name: SQL, what is changed once the records are there, the entry's "key", other members of "sqlite", why it is refused.
SHAPES = {
    "custom collation on another column": ("CREATE TABLE t(id INTEGER PRIMARY KEY, org TEXT, name TEXT COLLATE LOCALIZED)", None, ["id"], {}, None),
    "index with custom collation": ("CREATE TABLE t(id INTEGER PRIMARY KEY, org TEXT, name TEXT); CREATE INDEX i ON t(name COLLATE LOCALIZED)",
                                    None, ["id"], {}, "LOCALIZED"),
    "index over an application's function": ("CREATE TABLE t(id INTEGER PRIMARY KEY, org TEXT, name TEXT); CREATE INDEX i ON t(fold(name))",
                                             None, ["id"], {}, "fold"),
    "no primary key": ("CREATE TABLE t(id INTEGER, org TEXT, name TEXT)", None, ["id"], {}, 'leave "key" out'),
    "no primary key, key rowid": ("CREATE TABLE t(id INTEGER, org TEXT, name TEXT)", None, ["rowid"], {}, None),
    "no primary key, no key": ("CREATE TABLE t(id INTEGER, org TEXT, name TEXT)", None, None, {}, None),
    "NULL in a TEXT primary key": ("CREATE TABLE t(id TEXT PRIMARY KEY, org TEXT, name TEXT)", "UPDATE t SET id = NULL WHERE rowid % 3 = 0", ["id"], {}, None),
    "STRICT, ANY key": ("CREATE TABLE t(id ANY PRIMARY KEY, org TEXT, name TEXT) STRICT",
                        "UPDATE t SET id = CASE id % 4 WHEN 0 THEN x'00ff' || id WHEN 1 THEN id + 0.5 WHEN 2 THEN 's' || id ELSE id END", ["id"], {}, None),
    "generated tenant column": ("CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, org TEXT AS (CASE id % 2 WHEN 0 THEN '1001' ELSE '1002' END) VIRTUAL)",
                                None, ["id"], {}, None),
    "NOCASE tenant column": ("CREATE TABLE t(id INTEGER PRIMARY KEY, org TEXT COLLATE NOCASE, name TEXT); CREATE INDEX i ON t(org)", None, ["id"], {}, None),
    "tenant padded, RTRIM": ("CREATE TABLE t(id INTEGER PRIMARY KEY, org CHAR(12) COLLATE RTRIM, name TEXT)", "UPDATE t SET org = org || '  ' WHERE id % 4 < 2", ["id"], {}, None),
    "tenant is a number": ("CREATE TABLE t(id INTEGER PRIMARY KEY, org INTEGER, name TEXT); CREATE INDEX i ON t(org)", None, ["id"], {}, None),
    "tenant is a number without affinity": ("CREATE TABLE t(id INTEGER PRIMARY KEY, org, name TEXT); CREATE INDEX i ON t(org)", "UPDATE t SET org = org + 0 WHERE id % 4 < 2",
                                            ["id"], {}, None),
    "tenant is a float": ("CREATE TABLE t(id INTEGER PRIMARY KEY, org REAL, name TEXT)", None, ["id"], {}, None),
    "FTS5 table by a column": ("CREATE VIRTUAL TABLE t USING fts5(id, org, name)", None, ["id"], {}, 'leave "key" out'),
    "FTS5 table": ("CREATE VIRTUAL TABLE t USING fts5(id, org, name)", None, ["rowid"], {}, None),
    "external content FTS5 with its trigger": (
        "CREATE TABLE t(id INTEGER PRIMARY KEY, org TEXT, name TEXT); CREATE VIRTUAL TABLE f USING fts5(name, content='t', content_rowid='id');"
        "CREATE TRIGGER a AFTER INSERT ON t BEGIN INSERT INTO f(rowid, name) VALUES (new.id, new.name); END;"
        "CREATE TRIGGER d AFTER DELETE ON t BEGIN INSERT INTO f(f, rowid, name) VALUES ('delete', old.id, old.name); END", None, ["id"], {}, '"fts": "rebuild"'),
    "external content FTS5 with its trigger, made anew": (
        "CREATE TABLE t(id INTEGER PRIMARY KEY, org TEXT, name TEXT); CREATE VIRTUAL TABLE f USING fts5(name, content='t', content_rowid='id');"
        "CREATE TRIGGER a AFTER INSERT ON t BEGIN INSERT INTO f(rowid, name) VALUES (new.id, new.name); END;"
        "CREATE TRIGGER d AFTER DELETE ON t BEGIN INSERT INTO f(f, rowid, name) VALUES ('delete', old.id, old.name); END", None, ["id"], {"fts": "rebuild"}, None),
    "external content FTS5 without": ("CREATE TABLE t(id INTEGER PRIMARY KEY, org TEXT, name TEXT); CREATE VIRTUAL TABLE f USING fts5(name, content='t', content_rowid='id')",
                                      "INSERT INTO f(f) VALUES ('rebuild')", ["id"], {}, '"fts": "rebuild"'),
    "external content FTS5 without, made anew": ("CREATE TABLE t(id INTEGER PRIMARY KEY, org TEXT, name TEXT); CREATE VIRTUAL TABLE f USING fts5(name, content='t', content_rowid='id')",
                                                 "INSERT INTO f(f) VALUES ('rebuild')", None, {"fts": "rebuild"}, None),
    "WITHOUT ROWID, DESC, NOCASE key": ("CREATE TABLE t(id TEXT COLLATE NOCASE, org TEXT, name TEXT, PRIMARY KEY(id DESC)) WITHOUT ROWID", None, ["id"], {}, None),
    "WITHOUT ROWID, no key": ("CREATE TABLE t(id TEXT, org TEXT, name TEXT, PRIMARY KEY(id)) WITHOUT ROWID", None, None, {}, None),
    "partial unique index only": ("CREATE TABLE t(id INTEGER, org TEXT, name TEXT); CREATE UNIQUE INDEX u ON t(id) WHERE name IS NOT NULL", None, ["id"], {}, 'leave "key" out'),
    "column called rowid": ("CREATE TABLE t(id INTEGER PRIMARY KEY, org TEXT, name TEXT, rowid TEXT, oid TEXT, _rowid_ TEXT)", None, ["id"], {}, None),
    "foreign key cascade": ("CREATE TABLE t(id INTEGER PRIMARY KEY, org TEXT, name TEXT); CREATE TABLE c(t INTEGER REFERENCES t(id) ON DELETE CASCADE)", None, ["id"], {}, None),
    "rtree": ("CREATE VIRTUAL TABLE t USING rtree(id, low, high, +org, +name)", None, None, {}, "a virtual table (rtree)"),
}
TENANTS_ROWS = "SELECT count(*) FROM t NOT INDEXED WHERE CASE typeof(org) WHEN 'real' THEN CAST(CAST(org AS INTEGER) AS TEXT) ELSE org || '' END = '1001' COLLATE BINARY"


def open_as_application(file):
    db = sqlite3.connect(file, isolation_level=None)
    db.create_collation("LOCALIZED", lambda a, b: (a > b) - (a < b))
    db.create_function("fold", 1, lambda text: text and text.lower(), deterministic=True)
    return db


@pytest.fixture
def shapes(bare):
    """Each shape in a file of its own with an odd name, 40 records, half of them the tenant's or as many as the change leaves."""
    tables, files = [], {}
    for number, (name, (sql, change, key, more, _)) in enumerate(SHAPES.items()):
        file = files[name] = bare.directory / f"a b'c\"d?#%{number}.db"
        with closing(open_as_application(file)) as db:
            db.executescript(f"PRAGMA synchronous = OFF; {sql}")
            columns = "id, name" if "generated" in name else "id, name, org"
            db.execute("BEGIN")
            db.executemany(f"INSERT INTO t({columns}) VALUES ({', '.join('?' * (columns.count(',') + 1))})",
                           [(i, f"word{i % 2} word{i}", ("1001", "1002")[i % 2])[:columns.count(",") + 1] for i in range(40)])
            if change:
                db.execute(change)
            db.execute("COMMIT")
        sqlite = {"file": str(file), "table": "t"} | ({"key": key} if key else {}) | more
        tables.append({"name": f"shape{number:02}", "org": {"by": "attribute", "name": "org"}, "sqlite": sqlite})
    stack.write_manifest(bare, [{"code": "pvm", "tables": tables}])
    return bare, files


def test_every_shape_of_a_table_ends_with_the_right_rows_gone_or_is_refused_beforehand_with_the_reason(shapes):
    home, files = shapes
    checked = home.run("manifest-check")
    assert checked.returncode == 1
    before, tenants = {}, {}
    for name, file in files.items():
        with closing(open_as_application(file)) as db:
            before[name] = db.execute("SELECT count(*) FROM t").fetchone()[0]
            tenants[name] = db.execute(TENANTS_ROWS).fetchone()[0]
    serve = home.serve(clock=True)
    dry = {target["name"]: target for target in serve.dry_run("vacuumorg", orgcode="1001")["targets"]}
    done = {target["name"]: target for target in vacuum(home, serve, "vacuumorg", orgcode="1001")["targets"]}
    for number, (name, shape) in enumerate(SHAPES.items()):
        target = done[f"shape{number:02}"]
        line = next(line for line in checked.stdout.splitlines() if f"shape{number:02}" in line)
        with closing(open_as_application(files[name])) as db:
            left, left_of_tenant = (db.execute(sql).fetchone()[0] for sql in ("SELECT count(*) FROM t", TENANTS_ROWS))
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)], name
            if shape[-1]:
                assert shape[-1] in line and "can't be used" in line, (name, line)
                assert target["status"] == "failed" and shape[-1] in target["error"], (name, target)
                assert left == before[name], name
                continue
            assert "exists" in line, (name, line)
            assert target["status"] == "completed" and target["deleted"] == tenants[name] > 0, (name, target)
            assert dry[f"shape{number:02}"]["matched"] == tenants[name], name
            assert (left, left_of_tenant) == (before[name] - tenants[name], 0), name
            if shape[3]:
                assert db.execute("SELECT count(*) FROM f WHERE f MATCH 'word0'").fetchone() == (0,), name
                assert db.execute("SELECT count(*) FROM f WHERE f MATCH 'word1'").fetchone() == (20,), name


# ---- Whose a record is ----


@pytest.mark.parametrize("where", ["entry", "org"])
def test_records_that_can_not_be_compared_stay_where_the_manifest_says_so(bare, where):
    file = bare.directory / "shop.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as db:
        db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, org)")
        db.executemany("INSERT INTO t(org) VALUES (?)", [("acme",), (b"acme",), ("globex",), (None,)])
    ignore = {"incomparable": "ignore", "reason": "rows of before the change"}
    entry = {"name": "t", "org": {"by": "attribute", "name": "org"}, "sqlite": {"file": str(file), "table": "t"}}
    (entry if where == "entry" else entry["org"]).update(ignore)
    stack.write_manifest(bare, [{"code": "pvm", "tables": [entry]}])
    assert bare.run("manifest-check").returncode == 0
    serve = bare.serve(clock=True)
    dry = serve.dry_run("vacuumorg", orgcode="acme")
    shown = bare.run("vacuum-status", "--vacuum-id", "latest").stdout
    assert "    1 record that can't be compared with the tenant's name, left as the manifest says: rows of before the change\n" in shown
    assert " 1 ignored, " in shown and "Needs a look" not in shown, shown
    done = vacuum(bare, serve, "vacuumorg", orgcode="acme")
    assert done["status"] == "completed" and done["totals"]["deleted"] == 1, done
    for record in (dry, done):
        target = record["targets"][0]
        assert (target["ignored"], target["ignored_reason"], record["totals"]["ignored"]) == (1, "rows of before the change", 1)
        assert "remarks" not in target and "incomparable" not in target, record
    assert stack.query(file, "SELECT id FROM t") == [(2,), (3,), (4,)]


def test_a_number_in_a_body_is_the_tenant_whose_name_is_its_canonical_text(bare):
    bodies = ['{"tenant": 1001}', '{"tenant": "1001"}', '{"tenant": 1.001e3}', '{"te\\u006eant": 1001.0}', '{"tenant": "01001"}',
              '{"tenant": 1002}', '{"tenant": null}', "{}"]
    stack.make_table(bare.table("std"), [(f"k{i}", "v", None, body) for i, body in enumerate(bodies)])
    stack.write_manifest(bare, [{"code": "pvm", "tables": [{"name": "std", "org": {"by": "attribute", "name": "tenant"}}]}])
    serve = bare.serve(clock=True)
    assert serve.dry_run("vacuumorg", orgcode="1001")["totals"]["matched"] == 4
    done = vacuum(bare, serve, "vacuumorg", orgcode="1001")
    assert done["status"] == "completed" and done["totals"]["deleted"] == 4, done
    assert [body for *_, body in stack.rows(bare.table("std"))] == bodies[4:]


# ---- The words of a full-text index ----

NOTES = 8000


@pytest.fixture
def notes(bare):
    """Notes with an FTS5 index that the application keeps itself, and a manifest that has it made anew."""
    file = bare.directory / "notes.db"
    with closing(sqlite3.connect(file)) as db:
        db.execute("CREATE TABLE notes(id INTEGER PRIMARY KEY, org TEXT, body TEXT)")
        db.execute("CREATE VIRTUAL TABLE words USING fts5(body, content='notes', content_rowid='id')")
        db.executemany("INSERT INTO notes VALUES (?, ?, ?)",
                       [(i, ("globex", "acme")[i % 2], " ".join([f"{('plain', 'secret')[i % 2]}{i}"] + [f"w{i * k % 9973}" for k in range(40)]))
                        for i in range(NOTES)])
        db.execute("INSERT INTO words(words) VALUES ('rebuild')")
        db.commit()
    stack.write_manifest(bare, [{"code": "pvm", "tables": [
        {"name": "notes", "org": {"by": "attribute", "name": "org"}, "fts": "rebuild", "sqlite": {"file": str(file), "table": "notes"}}]}])
    return bare, file


def words(file, prefix):
    """How many terms begin so, in the index and nowhere else."""
    with closing(sqlite3.connect(file)) as db:
        db.execute("CREATE VIRTUAL TABLE temp.terms USING fts5vocab(main, words, row)")
        return db.execute("SELECT count(*) FROM terms WHERE term GLOB ? || '*'", (prefix,)).fetchone()[0]


def check_index(file):
    assert stack.query(file, "SELECT count(*) FROM notes WHERE org = 'acme'") == [(0,)]
    assert (words(file, "secret"), words(file, "plain")) == (0, NOTES // 2)
    stack.query(file, "INSERT INTO words(words, rank) VALUES ('integrity-check', 1)")
    assert stack.query(file, "PRAGMA integrity_check") == [("ok",)]


def test_no_word_of_the_tenant_stays_in_an_index_of_words(notes):
    home, file = notes
    before = stack.sha256(file)
    serve = home.serve(clock=True)
    assert serve.dry_run("vacuumorg", orgcode="acme")["totals"]["matched"] == NOTES // 2
    assert stack.sha256(file) == before, "a dry run writes nothing"
    done = vacuum(home, serve, "vacuumorg", orgcode="acme")
    assert done["status"] == "completed" and done["totals"]["deleted"] == NOTES // 2, done
    check_index(file)


def test_an_index_that_was_left_wrong_long_ago_is_put_right_by_the_next_vacuum(notes):
    home, file = notes
    stack.query(file, "DELETE FROM notes WHERE org = 'acme'")
    assert words(file, "secret") == NOTES // 2
    serve = home.serve(clock=True)
    done = vacuum(home, serve, "vacuumorg", orgcode="acme")
    assert done["status"] == "completed" and done["totals"]["deleted"] == 0, done
    check_index(file)


@pytest.mark.parametrize("moment", ["before", "removed", "rebuilding", "later", "much later"])
def test_an_index_of_words_is_made_anew_also_when_the_process_was_killed(notes, moment):
    home, file = notes
    journal = file.with_name("notes.db-journal")
    serve = home.serve(clock=True)
    vacuum_id = serve.do("vacuumorg", orgcode="acme")["vacuum_id"]
    home.clock.ahead(301)

    def records_are_gone():
        return stack.query(file, "SELECT count(*) FROM notes WHERE org = 'acme'") == [(0,)]
    if moment == "before":
        until(lambda: serve.vacuum(vacuum_id)["status"] != "pending", "it has begun")
    else:
        until(records_are_gone, "the records are gone")
    if moment == "rebuilding":
        until(lambda: journal.exists() or serve.vacuum(vacuum_id)["status"] != "running", "the index is written")
    elif moment in ("later", "much later"):
        time.sleep({"later": 0.1, "much later": 0.4}[moment])  # whatever it is at then, the end is the same
    serve.kill()
    done = home.serve(clock=True).vacuum_ended(vacuum_id)
    assert done["status"] == "completed" and done["totals"]["deleted"] == NOTES // 2, done
    check_index(file)


# ---- The file itself ----


def test_a_file_with_two_names_is_refused_and_unharmed(bare):
    bare.directory.joinpath("snapshot").mkdir()
    file, snapshot = bare.directory / "shop.db", bare.directory / "snapshot" / "shop.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as application:
        application.executescript("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0;"
                                  "CREATE TABLE orders(id INTEGER PRIMARY KEY, org TEXT, pad TEXT); CREATE INDEX by_org ON orders(org)")
        application.executemany("INSERT INTO orders VALUES (?, ?, ?)", [(i, ("acme", "globex")[i % 2], "x" * 200) for i in range(300)])
        application.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        os.link(file, snapshot)
        application.executemany("INSERT INTO orders VALUES (?, ?, ?)", [(i, ("acme", "globex")[i % 2], "y" * 200) for i in range(300, 500)])
        stack.write_manifest(bare, [{"code": "pvm", "tables": [
            {"name": "orders", "org": {"by": "attribute", "name": "org"}, "sqlite": {"file": str(snapshot), "table": "orders"}}]}])
        checked = bare.run("manifest-check")
        assert checked.returncode == 1 and "hard links" in checked.stdout
        serve = bare.serve(clock=True)
        dry = serve.do("vacuumorg", orgcode="acme", dry_run=True)
        assert serve.vacuum_ended(dry["vacuum_id"])["status"] == "failed"
        done = vacuum(bare, serve, "vacuumorg", orgcode="acme")
        assert done["status"] == "failed" and "hard links" in done["targets"][0]["error"], done
        assert application.execute("SELECT org, count(*) FROM orders GROUP BY org").fetchall() == [("acme", 250), ("globex", 250)]
        application.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert stack.query(file, "PRAGMA integrity_check") == [("ok",)]
    assert sorted(path.name for path in snapshot.parent.iterdir()) == ["shop.db"], "no log was made beside the other name"


def add_name(file):
    os.link(file, file.with_name("snapshot.db"))


def move(file):
    file.rename(file.with_name("away.db"))


def replace(file):
    shutil.copy(file, file.with_name("copy.db"))
    file.rename(file.with_name("away.db"))
    file.with_name("copy.db").rename(file)


@pytest.mark.parametrize("change, reason", [(add_name, "hard links"), (move, "moved, removed or replaced"), (replace, "moved, removed or replaced")])
def test_a_file_that_changes_its_place_while_a_vacuum_runs_is_left_alone_from_then_on(shop, change, reason):
    home, file = shop
    serve = home.serve("--max-rate", 100, clock=True)
    vacuum_id = serve.do("vacuumorg", orgcode="acme")["vacuum_id"]
    home.clock.ahead(301)
    until(lambda: serve.vacuum(vacuum_id)["status"] == "running" and
          stack.query(file, "SELECT count(*) FROM orders WHERE tenant = 'acme'") < [(1000,)], "it is at it")
    change(file)
    kept = next(path for path in (file.with_name("away.db"), file) if path.exists())
    done = serve.vacuum_ended(vacuum_id)
    assert done["status"] == "failed" and reason in done["error"]["message"], done
    left = sum(stack.query(kept, f"SELECT count(*) FROM {name} WHERE tenant = 'acme'")[0][0] for name in ("orders", "events"))
    assert 0 < left and done["totals"]["deleted"] == 2000 - left, (done, left)
    assert stack.query(kept, "SELECT count(*) FROM orders WHERE tenant <> 'acme'") == [(3000,)]
    assert stack.query(kept, "PRAGMA integrity_check") == [("ok",)]
    if change is replace:
        copied = sum(stack.query(file, f"SELECT count(*) FROM {name} WHERE tenant = 'acme'")[0][0] for name in ("orders", "events"))
        assert copied >= left, "nothing of the new file is gone"


def costly(home, tables):
    """A database whose tables take much to read, each with its making and rows, and the manifest that names them."""
    file = home.directory / "costly.db"
    with closing(sqlite3.connect(file)) as db:
        for name, (make, rows) in tables.items():
            db.execute(f"CREATE TABLE {name} ({make})")
            for row in rows:
                db.execute(f"INSERT INTO {name} {row}")
        db.commit()
    stack.write_manifest(home, [{"code": "pvm", "tables": [
        {"name": name, "org": {"by": "attribute", "name": "customer"}, "sqlite": {"file": str(file), "table": name}} for name in tables]}])
    return file


def memory_mib(serve):
    """The most that the process has had."""
    with open(f"/proc/{serve.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024


OK = ("id INTEGER PRIMARY KEY, customer TEXT", ["VALUES (1, 'acme'), (2, 'globex')"])


def test_what_is_too_large_to_be_read_fails_its_target_alone_and_takes_little_memory(bare):
    home = bare
    costly(home, {
        "made": ("id INTEGER PRIMARY KEY, n, customer TEXT AS (substr(hex(zeroblob(n)), 1, 0) || 'acme')", ["(n) VALUES (400000000)"]),
        "large": ("id INTEGER PRIMARY KEY, customer TEXT", ["VALUES (1, CAST(zeroblob(300000000) AS TEXT))"]),
        "ok": OK})
    checked = home.run("manifest-check")
    assert checked.returncode == 1 and checked.stdout.count("would fail") == 2, checked.stdout
    serve = home.serve(clock=True)
    before = memory_mib(serve)
    for done in (serve.dry_run("vacuumorg", orgcode="acme"), vacuum(home, serve, "vacuumorg", orgcode="acme")):
        assert done["status"] == "failed", done
        targets = {target["name"]: target for target in done["targets"]}
        assert targets["ok"]["status"] == "completed" and targets["ok"]["matched"] == 1, targets
        for name in ("made", "large"):
            assert targets[name]["status"] == "failed" and f"table {name}" in targets[name]["error"] and "limit" in targets[name]["error"]
    assert memory_mib(serve) < before + 200


def test_a_record_with_a_large_column_that_is_neither_key_nor_tenant_goes(bare):
    home = bare
    file = costly(home, {"bodies": ("body, id TEXT PRIMARY KEY, customer TEXT",
                                    ["VALUES (zeroblob(300000000), 'a', 'acme'), (zeroblob(20000000), 'b', 'globex'), ('', 'c', 'acme')"])})
    serve = home.serve(clock=True)
    before = memory_mib(serve)
    done = vacuum(home, serve, "vacuumorg", orgcode="acme")
    assert done["status"] == "completed" and done["totals"]["deleted"] == 2, done
    assert stack.query(file, "SELECT id FROM bodies") == [("b",)]
    assert memory_mib(serve) < before + 100


def test_what_a_schema_computes_for_long_holds_up_neither_others_nor_the_end(bare):
    home = bare
    file = costly(home, {
        "slow": ("id INTEGER PRIMARY KEY, n", ["(n) VALUES (20000000)"]),
        "many": ("id INTEGER PRIMARY KEY, n", ["(n) WITH c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 1000000) SELECT 20000 FROM c"]),
        "ok": OK})
    for name in ("slow", "many"):
        stack.query(file, f"ALTER TABLE {name} ADD COLUMN customer TEXT AS"
                          " (CASE WHEN instr(hex(zeroblob(n)), hex(zeroblob(n / 2)) || '1') THEN 'no' ELSE 'acme' END)")
    serve = home.serve()
    vacuum_id = serve.do("vacuumorg", orgcode="acme", dry_run=True)["vacuum_id"]

    def targets():
        return {target["name"]: target for target in serve.vacuum(vacuum_id)["targets"]}
    until(lambda: targets()["slow"]["status"] == "failed" and targets()["ok"]["status"] == "completed", "the others are done")
    assert "table slow" in targets()["slow"]["error"] and targets()["many"]["status"] == "running"
    assert serve.stop(deadline=15) == 0


def test_a_damaged_index_hides_no_record(bare):
    home = bare
    file = costly(home, {"hidden": ("id INTEGER PRIMARY KEY, customer TEXT", ["VALUES (1, 'acme'), (2, 'acme'), (3, 'globex')"])})
    with closing(sqlite3.connect(file)) as db:
        db.executescript("CREATE INDEX i ON hidden (customer) WHERE customer <> 'acme'; PRAGMA writable_schema = ON;"
                         "UPDATE sqlite_schema SET sql = 'CREATE INDEX i ON hidden (customer)' WHERE name = 'i'")
    serve = home.serve(clock=True)
    assert serve.dry_run("vacuumorg", orgcode="acme")["totals"]["matched"] == 2
    done = vacuum(home, serve, "vacuumorg", orgcode="acme")
    assert done["status"] == "failed" and "REINDEX" in str(done), done
    stack.query(file, "REINDEX")
    done = vacuum(home, serve, "vacuumorg", ahead=1000, orgcode="acme")
    assert done["status"] == "completed" and done["totals"]["deleted"] == 2, done
    assert stack.query(file, "SELECT id FROM hidden") == [(3,)]


def drop(file):
    with closing(sqlite3.connect(file)) as db:
        db.execute("DROP TABLE orders")
        db.execute("DROP TABLE events")
        db.commit()


def overwrite(file):
    with open(file, "r+b") as data:
        data.write(b"x" * 8192)


@pytest.mark.parametrize("change, reason", [(drop, "has no table"), (overwrite, "not a database"), (os.remove, "is a volume not mounted?")])
def test_a_page_that_can_never_be_counted_again_does_not_keep_the_vacuum_running(shop, change, reason):
    home, file = shop
    serve = home.serve("--max-rate", 300, clock=True)
    vacuum_id = serve.do("vacuumorg", orgcode="acme")["vacuum_id"]
    home.clock.ahead(301)
    until(lambda: stack.query(file, "SELECT count(*) FROM orders WHERE tenant = 'acme'") < [(1000,)], "it is at it")
    serve.kill()
    gone = 2000 - sum(stack.query(file, f"SELECT count(*) FROM {name} WHERE tenant = 'acme'")[0][0] for name in ("orders", "events"))
    change(file)
    serve = home.serve(clock=True)
    done = serve.vacuum_ended(vacuum_id, deadline=180)
    assert done["status"] == "failed" and reason in done["error"]["message"], done
    assert done["totals"]["deleted"] <= gone and done["totals"]["matched"] == done["totals"]["deleted"] + done["totals"]["failed"], done
    assert any("up to" in remark["name"] for entry in done["targets"] for remark in entry.get("remarks", [])), done
    serve.do("vacuumorg", orgcode="globex")
    troubles = [event for event in serve.events("worker.trouble", "worker.recovered")]
    assert len(troubles) < 10, troubles
