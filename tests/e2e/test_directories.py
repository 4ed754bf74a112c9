"""Buckets and log groups as real machines have them: mounts, rights, empty directories, log files that somebody writes to."""

import os
import re
import socket
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing

import pytest

import stack
from g3nops import PHRASE, until

pytestmark = pytest.mark.usefixtures("settable_clock")

BY_PREFIX = {"by": "key_prefix", "pattern": "{orgcode}/"}


def buckets(*names, log_groups=()):
    return [{"code": "pvm", "buckets": [{"name": name, "org": BY_PREFIX} for name in names],
             "log_groups": [{"name": name} for name in log_groups]}]


def may_mount():
    return subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode == 0


needs_mounts = pytest.mark.skipif(not may_mount(), reason="there is no right to mount")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may do that to a file")


def with_mounts(*steps):
    """A command that runs what follows it with mounts of its own, which nobody else sees."""
    return ["unshare", "-m", "--propagation", "private", "sh", "-c", " && ".join(steps) + ' && exec "$@"', "sh"]


def without_power():
    """Likewise without what lets root pass by rights; its files are its own."""
    return ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []


def serve_within(home, before, *arguments, **options):
    """A service on the home's own clock, within what before makes. Only it gets the clock: a sanitizer's library that is loaded
    for the clock's sake makes other programs hang."""
    clock = [f"{name}={value}" for name, value in home.clock.environment().items()]
    return home.serve(*arguments, before=[*before, "env", *clock], **options)


def bind(what, where):
    where.mkdir(parents=True, exist_ok=True)
    return f"mount --bind '{what}' '{where}'"


def ended(home, serve, function, **fields):
    """The vacuum, five minutes later."""
    vacuum_id = serve.do(function, **fields)["vacuum_id"]
    home.clock_ahead = getattr(home, "clock_ahead", 0) + 301
    home.clock.ahead(home.clock_ahead)
    return serve.vacuum_ended(vacuum_id)


def all_of(home, serve):
    return ended(home, serve, "vacuumall", confirmation_phrase=PHRASE)


def of_acme(home, serve):
    return ended(home, serve, "vacuumorg", orgcode="acme")


def target(vacuum, name):
    return next(entry for entry in vacuum["targets"] if entry["name"] == name)


def remarks(entry, what):
    return {remark["name"]: remark["reason"] for remark in entry.get("remarks", []) if remark["what"] == what}


def alike(report, vacuum, *names):
    """What the dry run said is what the vacuum did, target by target."""
    for name in names:
        told, done = target(report, name), target(vacuum, name)
        assert done["matched"] == told["matched"], (told, done)
        assert done["failed"] == told.get("undeletable", 0), (told, done)
        assert done["deleted"] == told["matched"] - done["failed"], (told, done)
        assert done.get("unreadable", 0) == told.get("unreadable", 0), (told, done)
        assert done["bytes"] == told["bytes"], (told, done)


def directories(bucket):
    return sorted(os.path.relpath(os.path.join(root, name), bucket) for root, folders, _ in os.walk(bucket) for name in folders)


# ---- mounts ----

@needs_mounts
def test_a_vacuum_goes_around_what_is_mounted_in_a_bucket_and_is_not_complete(bare):
    stack.write_manifest(bare, buckets("pvm-data"))
    bucket, elsewhere, protected = bare.bucket("pvm-data"), bare.directory / "elsewhere", bare.bucket("doc.g3nretailstack.com")
    stack.make_objects(bucket, ["acme/1", "acme/site/hidden", "acme/z/2", "globex/1"])
    stack.make_objects(elsewhere, ["precious", "deep/precious"])
    stack.make_objects(protected, ["index.html"])
    (bucket / "acme" / "file").write_text("under the mount")
    before = stack.fingerprint(elsewhere) | stack.fingerprint(protected)
    serve = serve_within(bare, with_mounts(
        bind(elsewhere, bucket / "acme" / "home"), bind(protected, bucket / "acme" / "site"),
        f"mount --bind '{elsewhere / 'precious'}' '{bucket / 'acme' / 'file'}'"))
    report = serve.dry_run("vacuumorg", orgcode="acme")
    assert report["status"] == "failed", report
    assert remarks(target(report, "pvm-data"), "unreadable").keys() == {"acme/home/", "acme/site/", "acme/file"}
    assert all("mounted" in reason for reason in remarks(target(report, "pvm-data"), "unreadable").values())
    done = of_acme(bare, serve)
    assert done["status"] == "failed" and target(done, "pvm-data")["deleted"] == 2, done
    alike(report, done, "pvm-data")
    assert stack.fingerprint(elsewhere) | stack.fingerprint(protected) == before
    assert (bucket / "acme" / "site" / "hidden").exists() and (bucket / "acme" / "file").exists()
    assert (bucket / "globex" / "1").exists() and not (bucket / "acme" / "z").exists()


@needs_mounts
def test_a_bucket_and_a_log_group_that_are_mounts_themselves_are_vacuumed(bare):
    group = "/g3nretailstack/pvm/api"
    stack.write_manifest(bare, buckets("pvm-data", log_groups=[group]))
    volume, logs = bare.directory / "volume", bare.directory / "logs"
    stack.make_objects(volume, ["acme/1", "acme/2"])
    stack.make_objects(logs, ["stream-1"])
    serve = serve_within(bare, with_mounts(bind(volume, bare.bucket("pvm-data")), bind(logs, bare.log_group(group))))
    done = all_of(bare, serve)
    assert done["status"] == "completed" and done["totals"]["deleted"] == 3, done
    assert list(volume.iterdir()) == list(logs.iterdir()) == []


@needs_mounts
def test_a_bucket_on_an_overlay_of_two_layers_is_vacuumed(bare):
    stack.write_manifest(bare, buckets("pvm-data"))
    seed, lower, upper, work = (bare.directory / name for name in ("seed", "lower", "upper", "work"))
    stack.make_objects(seed, [f"acme/{i}" for i in range(5)] + ["acme/d/x"])
    stack.make_objects(upper, ["acme/above"])
    for directory in (lower, work, bare.bucket("pvm-data")):
        directory.mkdir(parents=True)
    # On another file system: then what comes from below has a device number of its own.
    mounting = (f"mount -t tmpfs none '{lower}' && cp -r '{seed}/.' '{lower}' && mount -t overlay overlay "
                f"-o 'lowerdir={lower},upperdir={upper},workdir={work}' '{bare.bucket('pvm-data')}'")
    if subprocess.run([*with_mounts(mounting), "true"], capture_output=True).returncode != 0:
        pytest.skip("there is no overlayfs here")
    serve = serve_within(bare, with_mounts(mounting))
    report = serve.dry_run()
    assert report["status"] == "completed" and target(report, "pvm-data")["matched"] == 7, report
    done = all_of(bare, serve)
    assert done["status"] == "completed", done
    alike(report, done, "pvm-data")


# ---- places without rights ----

@pytest.mark.parametrize("name", ["lost+found", b"caf\xe9", "m\x1b[31mred\n\x07"], ids=["plain", "Latin-1", "control characters"])
def test_one_directory_without_rights_is_named_and_everything_else_goes(bare, name):
    stack.write_manifest(bare, buckets("pvm-data", "pvm-more"))
    for key in ("a", "m", "z"):
        stack.make_objects(bare.bucket("pvm-data"), [f"{key}/1", f"{key}/2"])
        stack.make_objects(bare.bucket("pvm-more"), [f"{key}/1"])
    bad = os.path.join(os.fsencode(bare.bucket("pvm-data")), name if isinstance(name, bytes) else name.encode())
    os.mkdir(bad, 0)
    try:
        checked = bare.run("manifest-check")
        assert os.geteuid() == 0 or checked.returncode != 0, checked
        serve = serve_within(bare, without_power())
        report = serve.dry_run()
        done = all_of(bare, serve)
        alike(report, done, "pvm-data", "pvm-more")
        for vacuum in (report, done):
            entry = target(vacuum, "pvm-data")
            assert vacuum["status"] == entry["status"] == "failed" and entry["unreadable"] == 1, vacuum
            [(shown, reason)] = remarks(entry, "unreadable").items()
            assert shown.isprintable() and shown.endswith("/") and "Permission denied" in reason
            assert target(vacuum, "pvm-more")["status"] == "completed"
        assert [entry.name for entry in os.scandir(os.fsencode(bare.bucket("pvm-data")))] == [os.path.basename(bad)]
        shown = bare.run("vacuum-status", "--vacuum-id", done["vacuum_id"]).stdout
        assert all(line.isprintable() for line in shown.splitlines()), shown
        serve.stop()
    finally:
        os.chmod(bad, 0o700)


@pytest.mark.parametrize("first", ["dry run", "vacuum"])
def test_the_reason_is_there_from_the_first_run_of_a_process_on(bare, first):
    stack.write_manifest(bare, buckets("pvm-data"))
    stack.make_objects(bare.bucket("pvm-data"), ["acme/1", "acme/bad/1"])
    (bare.bucket("pvm-data") / "acme" / "bad").chmod(0o500)
    serve = serve_within(bare, without_power())
    for run in (0, 1, 2):
        dry = (first == "dry run") == (run % 2 == 0)
        vacuum = serve.dry_run() if dry else all_of(bare, serve)
        reasons = remarks(target(vacuum, "pvm-data"), "undeletable" if dry else "refused")
        assert reasons == {"acme/bad/1": "no right to remove it from its directory"}, vacuum
        assert dry or "no right" in target(vacuum, "pvm-data")["error"], vacuum
    serve.stop()
    (bare.bucket("pvm-data") / "acme" / "bad").chmod(0o700)


def test_what_the_dry_run_calls_undeletable_is_what_the_vacuum_can_not_delete(bare):
    group = "/g3nretailstack/pvm/api"
    stack.write_manifest(bare, buckets("ro", "half", "free", log_groups=[group]))
    for name in ("ro", "half", "free"):
        stack.make_objects(bare.bucket(name), ["acme/1", "acme/2", "globex/1", "acme/deep/er/3"])
    stack.make_objects(bare.bucket("half"), ["acme/locked/4", "acme/locked/open/5", "acme/locked/open/6"])
    (bare.bucket("half") / "acme" / "locked" / "empty").mkdir()
    stack.make_objects(bare.log_group(group), ["s1", "s2"])
    locked = [bare.bucket("ro") / "acme", bare.bucket("ro") / "globex", bare.bucket("half") / "acme" / "locked", bare.log_group(group)]
    for directory in locked:
        directory.chmod(0o500)
    try:
        serve = serve_within(bare, without_power())
        report = serve.dry_run()
        assert target(report, "half")["undeletable"] == 3, "a file, an empty directory, and one that would be left empty"
        assert target(report, "ro")["undeletable"] == 4, "three files, and a directory that would be left empty"
        assert target(report, group)["undeletable"] == 2
        assert "undeletable" not in target(report, "free")
        done = all_of(bare, serve)
        alike(report, done, "ro", "half", "free", group)
        refused = remarks(target(done, "half"), "refused")
        assert refused.keys() == {"acme/locked/4", "acme/locked/empty/", "acme/locked/open/"}, refused
        again = serve.dry_run()
        assert target(again, "half")["matched"] == 3 and target(again, "free")["matched"] == 0
        serve.stop()
    finally:
        for directory in locked:
            directory.chmod(0o700)


@needs_root
def test_immutable_files_and_special_ones_and_what_is_nested_too_deep(bare):
    stack.write_manifest(bare, buckets("pvm-data", "deep"))
    bucket, deep = bare.bucket("pvm-data"), bare.bucket("deep")
    stack.make_objects(bucket, ["acme/immutable", "acme/append", "acme/n/" + "n" * 255, "acme/z", "globex/shared"])
    os.mkfifo(bucket / "acme" / "pipe")
    os.mknod(bucket / "acme" / "device", 0o600 | 0o020000, os.makedev(1, 3))
    with socket.socket(socket.AF_UNIX) as listener:
        folder = os.open(bucket / "acme", os.O_RDONLY)
        listener.bind(f"/proc/self/fd/{folder}/socket")
        os.close(folder)
    os.link(bucket / "globex" / "shared", bucket / "acme" / "shared")
    (bucket / "acme" / "link").symlink_to("../globex/shared")
    below = deep.joinpath("acme", *["d"] * 120)
    below.mkdir(parents=True)
    (below / "f").touch()
    stack.make_objects(deep, ["acme/a", "acme/z"])
    marked = {"+i": bucket / "acme" / "immutable", "+a": bucket / "acme" / "append"}
    if any(subprocess.run(["chattr", mark, path], capture_output=True).returncode for mark, path in marked.items()):
        pytest.skip("this file system has no attributes")
    try:
        serve = bare.serve(clock=True)
        report = serve.dry_run("vacuumorg", orgcode="acme")
        done = of_acme(bare, serve)
        alike(report, done, "pvm-data", "deep")
        assert target(done, "pvm-data")["failed"] == 2 and target(done, "pvm-data")["deleted"] == 7, done
        for vacuum, what in ((report, "undeletable"), (done, "refused")):
            assert remarks(target(vacuum, "pvm-data"), what) == {
                "acme/immutable": "it is immutable (chattr +i)", "acme/append": "it is append-only (chattr +a)"}
        assert target(done, "deep")["deleted"] == 2 and target(done, "deep")["unreadable"] == 1
        assert stack.files(bucket) == ["acme/append", "acme/immutable", "globex/shared"]
    finally:
        for path in marked.values():
            subprocess.run(["chattr", "-i", "-a", path], check=True)


# ---- empty directories ----

def test_the_names_of_empty_directories_go_too(bare):
    stack.write_manifest(bare, buckets("pvm-data"))
    bucket = bare.bucket("pvm-data")
    stack.make_objects(bucket, ["acme/orders/1", "globex/1"])
    for empty in ("acme/customers/john.smith@example.com", "acme/tmp", "initech/people/mary", "g3nmhsadmin/kept"):
        (bucket / empty).mkdir(parents=True)
    serve = bare.serve(clock=True)
    report = serve.dry_run("vacuumorg", orgcode="acme")
    done = of_acme(bare, serve)
    assert done["status"] == "completed" and done["totals"]["deleted"] == 3, done
    alike(report, done, "pvm-data")
    assert serve.dry_run("vacuumorg", orgcode="acme")["totals"]["matched"] == 0
    assert directories(bucket) == ["g3nmhsadmin", "g3nmhsadmin/kept", "globex", "initech", "initech/people", "initech/people/mary"]
    done = all_of(bare, serve)
    assert done["status"] == "completed" and done["totals"]["deleted"] == 2 and done["totals"]["protected"] == 1, done
    assert directories(bucket) == ["g3nmhsadmin", "g3nmhsadmin/kept"] and stack.files(bucket) == []


OBJECTS, EMPTY = 900, 300


@pytest.mark.parametrize("records", [0, 1, 150, 600, 1100])
def test_after_a_kill_among_empty_and_unreadable_directories_every_count_is_true(bare, records):
    stack.write_manifest(bare, buckets("pvm-data"))
    bucket = bare.bucket("pvm-data")
    stack.make_objects(bucket, [f"acme/{i % 30:02}/{i:04}/object" if i % 3 else f"acme/{i % 30:02}/object-{i:04}" for i in range(OBJECTS)])
    for i in range(EMPTY):
        (bucket / f"acme/{i % 40:02}/empty-{i:04}/inner").mkdir(parents=True)
    bad = [bucket / f"acme/{i:02}/unreadable" for i in range(0, 40, 4)]
    for directory in bad:
        directory.mkdir(mode=0)
    try:
        # One record at a time: a kill comes between a file and its directory as well as between two pages.
        serve = serve_within(bare, without_power(), "--workers", 2, "--max-rate", 400)
        report = serve.dry_run("vacuumorg", orgcode="acme")
        assert target(report, "pvm-data")["matched"] == OBJECTS + EMPTY and target(report, "pvm-data")["unreadable"] == len(bad)
        vacuum_id = serve.do("vacuumorg", orgcode="acme")["vacuum_id"]
        bare.clock.ahead(301)

        def come_that_far():
            vacuum = serve.vacuum(vacuum_id)
            gone = OBJECTS - len(stack.files(bucket))
            return vacuum["status"] != "pending" and (gone >= min(records, OBJECTS - 1) or vacuum["status"] != "running")
        until(come_that_far, f"{records} records are deleted")
        serve.kill()
        serve = serve_within(bare, without_power(), "--workers", 2)
        done = serve.vacuum_ended(vacuum_id)
        alike(report, done, "pvm-data")
        assert target(done, "pvm-data")["deleted"] == OBJECTS + EMPTY and done["totals"]["failed"] == 0, done
        assert stack.files(bucket) == [] and set(directories(bucket)) == {"acme"} | {
            str(part) for directory in bad for part in (directory.relative_to(bucket).parent, directory.relative_to(bucket))}
        serve.stop()
        assert bare.json("audit-verify")["verified"] is True
    finally:
        for directory in bad:
            directory.chmod(0o700)


# ---- volumes that are away ----

ROWS = 3000


def kill(serve):
    serve.kill()


def stop(serve):
    serve.stop()


@pytest.mark.parametrize("end, placeholder", [(kill, False), (stop, True)])
def test_what_lies_on_a_volume_that_is_not_mounted_after_a_restart_is_not_said_to_be_gone(bare, end, placeholder):
    volume = bare.directory / "volume"
    volume.mkdir()
    file = volume / "shop.db"
    with closing(sqlite3.connect(file)) as db:
        db.execute("CREATE TABLE orders(id INTEGER PRIMARY KEY, org TEXT)")
        db.executemany("INSERT INTO orders(org) VALUES (?)", [("acme",)] * ROWS)
        db.commit()
    services = buckets("pvm-data", log_groups=["/g3nretailstack/pvm/api"])
    services[0]["tables"] = [{"name": "orders", "org": {"by": "attribute", "name": "org"},
                              "sqlite": {"file": str(file), "table": "orders"}}]
    stack.write_manifest(bare, services)
    bucket, group = bare.bucket("pvm-data"), bare.log_group("/g3nretailstack/pvm/api")
    stack.make_objects(bucket, [f"acme/{i:04}" for i in range(ROWS)])
    stack.make_objects(group, [f"stream-{i:04}" for i in range(ROWS)])
    places = {"orders": volume, "pvm-data": bucket, "/g3nretailstack/pvm/api": group}
    away = {name: bare.directory / f"away-{i}" for i, name in enumerate(places)}

    def left():
        at = {name: away[name] if away[name].exists() else places[name] for name in places}
        return {name: stack.query(path / "shop.db", "SELECT count(*) FROM orders")[0][0] if name == "orders" else len(stack.files(path))
                for name, path in at.items()}
    serve = bare.serve("--max-rate", 600, clock=True)
    vacuum_id = serve.do("vacuumall", confirmation_phrase=PHRASE)["vacuum_id"]
    bare.clock.ahead(301)
    until(lambda: any(count < ROWS for count in left().values()), "it is at it")
    end(serve)
    before = left()
    assert any(0 < count < ROWS for count in before.values()), before
    for name, path in places.items():
        path.rename(away[name])
        if placeholder:
            path.mkdir()
    serve = bare.serve(clock=True)
    done = serve.vacuum_ended(vacuum_id, deadline=180)
    assert done["status"] == "failed" and done["error"]["tag"] == "target-error", done
    assert left() == before, "what is away is untouched"
    for name in places:
        entry = target(done, name)
        assert entry["status"] == "failed" and entry["deleted"] <= ROWS - before[name], entry
        assert entry["matched"] == entry["deleted"] + entry["failed"], entry
        assert "is a volume not mounted?" in entry["error"] or "not what was planned" in entry["error"], entry
    assert all(entry["status"] != "running" for entry in done["targets"])
    serve.do("vacuumorg", orgcode="acme")  # and the next one may be asked for


# ---- streams that somebody writes to ----

WRITER = """
import sys
log = open(sys.argv[1], "a", buffering=1)
print("open", flush=True)
for line in sys.stdin:
    log.write(line)
    print("written", flush=True)
"""


class Writer:
    """A service with a log file that it never opens again."""

    def __init__(self, path):
        self.process = subprocess.Popen([sys.executable, "-c", WRITER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "open\n"

    def write(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "written\n"

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def test_a_service_that_keeps_its_log_file_open_goes_on_in_it(bare):
    group = "/g3nretailstack/pvm/api"
    stack.write_manifest(bare, buckets(log_groups=[group]))
    stack.make_objects(bare.log_group(group), ["old-1", "old-2"])
    current = bare.log_group(group) / "current"
    writer = Writer(current)
    try:
        writer.write("before" * 1000)
        checked = bare.run("manifest-check")
        assert checked.returncode == 0 and "emptied" in re.sub(r"\s+", " ", checked.stdout), checked
        serve = bare.serve(clock=True)
        report = serve.dry_run()
        assert any("writing to 1 of its streams" in warning for warning in target(report, group)["warnings"]), report
        done = all_of(bare, serve)
        assert done["status"] == "completed" and target(done, group)["deleted"] == 3, done
        alike(report, done, group)
        assert current.stat().st_size == 0
        assert target(serve.dry_run(), group)["matched"] == 0
        writer.write("after")
        assert current.read_text() == "after\n"
        assert target(serve.dry_run(), group)["matched"] == 1
    finally:
        writer.close()
    assert all_of(bare, serve)["status"] == "completed"
    assert not current.exists()


def test_services_that_open_their_log_files_all_the_time_are_not_disturbed(bare):
    group = "/g3nretailstack/pvm/api"
    stack.write_manifest(bare, buckets(log_groups=[group]))
    bare.log_group(group).mkdir(parents=True)
    path, stop, failures = bare.log_group(group) / "busy", threading.Event(), []

    def open_and_close():
        while not stop.is_set():
            try:
                with open(path, "a"):
                    pass
            except OSError as error:
                failures.append(error)
    serve = bare.serve(clock=True)
    threads = [threading.Thread(target=open_and_close) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(8):
            assert serve.dry_run()["status"] == "completed"
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not failures and serve.ping()["status"] == "ok"
