"""An application's SQLite database, the application as one user and g3nops as another: what SQLite makes beside the database
keeps nobody out of it, also after a crash; where it would, the vacuum is refused beforehand.
"""

import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

import stack
from g3nops import PROGRAM, Clock, base_environment, until

APPLICATION, OPS, GROUP = 1234, 65534, 777
pytestmark = [pytest.mark.skipif(os.geteuid() != 0, reason="the two users are played by root"),
              pytest.mark.usefixtures("settable_clock")]
AS_OPS = ["setpriv", f"--reuid={OPS}", f"--regid={OPS}", f"--groups={GROUP}"]
AS_ROOT = []
ROWS = 400000
WAYS = {"by its group": AS_OPS, "as root": AS_ROOT}


@pytest.fixture
def shop(bare):
    """A directory that other users can get at, with the application's database in it. make(journal, mode)."""
    directory = Path(tempfile.mkdtemp(prefix="g3nops-shop-"))
    directory.chmod(0o755)

    def make(journal, mode=0o770):
        place = directory / "srv"
        place.mkdir()
        file = place / "shop.db"
        with closing(sqlite3.connect(file)) as db:
            db.execute(f"PRAGMA journal_mode = {journal}")
            db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, org TEXT, pad TEXT)")
            db.executemany("INSERT INTO t (org, pad) VALUES ('acme', ?)", [("x" * 200,)] * ROWS)
            db.commit()
        os.chown(file, APPLICATION, GROUP)
        file.chmod(0o660)
        os.chown(place, APPLICATION, GROUP)
        place.chmod(mode)
        stack.write_manifest(bare, [{"code": "pvm", "tables": [
            {"name": "shop", "org": {"by": "attribute", "name": "org"},
             "sqlite": {"file": str(file), "table": "t", "key": ["id"]}}]}])
        # The home of the tests is root's alone.
        shutil.move(bare.data, directory / "data")
        bare.data = directory / "data"
        bare.clock = Clock(directory / "clock")
        return file

    yield make
    bare.finish()
    shutil.rmtree(directory)


def give(home, way):
    if way is AS_OPS:
        for path in [home.data, *home.data.rglob("*")]:
            os.chown(path, OPS, OPS, follow_symlinks=False)


def application(file, *statements, timeout=2):
    """Each statement as the application's user, in one transaction."""
    code = ("import sqlite3, sys\n"
            f"db = sqlite3.connect({str(file)!r}, timeout={timeout})\n"
            f"for sql in {list(statements)!r}: print(db.execute(sql).fetchall())\n"
            "db.commit()\n")
    return subprocess.run(["setpriv", f"--reuid={APPLICATION}", f"--regid={GROUP}", "--clear-groups", "env", "-i",
                           sys.executable, "-c", code], capture_output=True, text=True, cwd="/")


def assert_it_can_work(file):
    result = application(file, "INSERT INTO t (org) VALUES ('globex')", "SELECT count(*) FROM t WHERE org = 'globex'")
    assert result.returncode == 0, result.stderr


def beside(file):
    """What SQLite has beside the file: suffix -> (group, mode)."""
    found = {}
    for path in file.parent.iterdir():
        try:
            info = path.stat()
        except FileNotFoundError:
            continue
        if path != file:
            found[path.name[len(file.name):]] = (info.st_gid, stat.S_IMODE(info.st_mode))
    return found


def serve_as(home, way, *arguments):
    """The library of the clock is for the program alone: what it shares between processes is its first user's."""
    clock = home.clock.environment()
    return home.serve(*arguments, before=[*way, "env", f"LD_PRELOAD={clock.pop('LD_PRELOAD')}"], env=clock)


def begin(home, way):
    serve = serve_as(home, way, "--max-rate", 20000)
    vacuum_id = serve.do("vacuumorg", orgcode="acme")["vacuum_id"]
    home.clock.ahead(301)
    until(lambda: serve.vacuum(vacuum_id)["totals"]["deleted"] > 0, "records go")
    return serve, vacuum_id


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("mode", [0o770, 0o2770], ids=oct)
def test_beside_a_write_ahead_log_the_application_goes_on(bare, shop, way, mode):
    file = shop("WAL", mode)
    give(bare, WAYS[way])
    serve, _ = begin(bare, WAYS[way])
    assert beside(file) == {"-wal": (GROUP, 0o660), "-shm": (GROUP, 0o660)}
    assert_it_can_work(file)
    serve.kill()
    assert_it_can_work(file)
    assert beside(file) == {}, "the application was the last to have it open"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("journal", ["DELETE", "TRUNCATE"])
def test_a_journal_that_a_crash_leaves_is_the_applications_to_roll_back(bare, shop, way, journal):
    """A reader of the application's keeps g3nops from committing, so its journal stays where all can see it."""
    file = shop(journal)
    give(bare, WAYS[way])
    serve, _ = begin(bare, WAYS[way])
    with closing(sqlite3.connect(file, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM t").fetchone()
        until(lambda: beside(file).get("-journal") and (file.parent / f"{file.name}-journal").stat().st_size > 0,
              "g3nops is in the middle of a change")
        assert beside(file) == {"-journal": (GROUP, 0o660)}
        serve.kill()
        assert beside(file) == {"-journal": (GROUP, 0o660)}
        reader.execute("COMMIT")
    assert_it_can_work(file)
    checked = application(file, "PRAGMA integrity_check")
    assert "ok" in checked.stdout, checked


def test_what_a_crash_has_left_of_old_is_mended(bare, shop):
    """As versions before left it: files of our own with our own group."""
    file = shop("WAL")
    for suffix in ("-wal", "-shm"):
        left = Path(f"{file}{suffix}")
        left.write_bytes(b"")
        os.chown(left, OPS, OPS)
        left.chmod(0o660)
    give(bare, AS_OPS)
    begin(bare, AS_OPS)
    assert beside(file) == {"-wal": (GROUP, 0o660), "-shm": (GROUP, 0o660)}
    assert_it_can_work(file)


def test_the_whole_vacuum_leaves_nothing_beside(bare, shop):
    file = shop("WAL")
    give(bare, AS_OPS)
    serve = serve_as(bare, AS_OPS)
    vacuum_id = serve.do("vacuumorg", orgcode="acme")["vacuum_id"]
    bare.clock.ahead(301)
    assert serve.vacuum_ended(vacuum_id)["totals"]["deleted"] == ROWS
    assert serve.stop() == 0
    assert beside(file) == {} and application(file, "SELECT 1").returncode == 0


NO_CHOWN = ["setpriv", "--bounding-set=-chown", "--inh-caps=-chown"]


@pytest.mark.parametrize("journal", ["WAL", "DELETE"])
def test_where_they_would_shut_it_out_the_vacuum_is_refused_beforehand(bare, shop, journal):
    """Root without the right to give files away, as in a container."""
    file = shop(journal)
    checked = subprocess.run([*NO_CHOWN, PROGRAM, "manifest-check", "--data", str(bare.data)], capture_output=True, text=True,
                             env=base_environment())
    words = f"would shut out its owner {APPLICATION}"
    assert checked.returncode == 1 and words in checked.stdout + checked.stderr, checked
    assert beside(file) == {}
    serve = serve_as(bare, NO_CHOWN)
    dry = serve.dry_run("vacuumorg", orgcode="acme")
    assert words in json.dumps(dry), dry
    vacuum_id = serve.do("vacuumorg", orgcode="acme")["vacuum_id"]
    bare.clock.ahead(301)
    ended = serve.vacuum_ended(vacuum_id)
    assert ended["status"] == "failed" and ended["totals"]["deleted"] == 0 and words in json.dumps(ended)
    assert beside(file) == {}
    assert_it_can_work(file)
