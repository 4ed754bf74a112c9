"""Disks that are full or read-only, damaged files, two services at once, manifests with mistakes."""

import json
import os
import shutil
import sqlite3
import subprocess
from contextlib import closing

import pytest

import stack
from g3nops import PHRASE, instant, tag, until


def one_clear_line(said):
    lines = [line for line in said.splitlines() if not line.startswith(("  ", "hint:"))]
    return len(lines) == 1 and lines[0].startswith("error: ")


def test_the_second_serve_on_a_data_directory_ends_and_says_why(bare):
    serve = bare.serve()
    code, said = bare.serve_refused()
    assert code == 1 and str(serve.pid) in said and str(bare.data) in said and one_clear_line(said), said
    assert serve.ping()["status"] == "ok" and serve.invoke("sweep")["success"], "the first is not disturbed"
    assert bare.run("ping").returncode == 0
    serve.stop()
    assert bare.serve().ping()["status"] == "ok"


@pytest.mark.parametrize("content", [b"this is no database, " * 500, b"SQLite format 3\x00" + b"\xff" * 5000], ids=["text", "header only"])
def test_a_store_that_is_not_sqlite_is_refused_and_left_as_it_is(bare, content):
    bare.store.write_bytes(content)
    code, said = bare.serve_refused()
    assert code == 1 and "ops.sqlite" in said and one_clear_line(said), said
    assert bare.store.read_bytes() == content
    result = bare.run("audit-verify")
    assert result.returncode == 1 and "ops.sqlite" in result.stderr
    assert bare.store.read_bytes() == content


def test_a_store_that_is_somebody_elses_database_is_refused_and_left_as_it_is(bare):
    bare.store.unlink()
    stack.query(bare.store, "CREATE TABLE records (id INTEGER PRIMARY KEY, what TEXT)")
    before = stack.sha256(bare.store)
    code, said = bare.serve_refused()
    assert code == 1 and "ops.sqlite" in said, said
    assert stack.sha256(bare.store) == before


@pytest.mark.parametrize("what", ["a file", "a dangling link"])
def test_a_data_directory_that_is_none_is_told(bare, what):
    shutil.rmtree(bare.data)
    bare.data.write_text("x") if what == "a file" else bare.data.symlink_to("/nowhere/at/all")
    code, said = bare.serve_refused()
    assert code == 1 and str(bare.data) in said and one_clear_line(said), said


# ---- manifests ----

def pvm(**more):
    return [{"code": "pvm", **more}]


TABLE = {"name": "t", "org": {"by": "attribute", "name": "orgcode"}}
BAD_MANIFESTS = {
    "no services": ({}, "services"),
    "an unknown member": ({"services": [], "colour": 1}, "colour"),
    "a service without code": ({"services": [{}]}, "services[0].code"),
    "a code twice": ({"services": pvm() + pvm()}, "services[1]"),
    "a table without org": ({"services": pvm(tables=[{"name": "t"}])}, "services[0].tables[0].org"),
    "an unknown rule": ({"services": pvm(tables=[TABLE, {"name": "u", "org": {"by": "guess"}}])}, "services[0].tables[1].org.by"),
    "a pattern without placeholder": ({"services": pvm(tables=[{"name": "t", "org": {"by": "key_prefix", "pattern": "ORG#"}}])},
                                      "services[0].tables[0].org.pattern"),
    "a prefix that matches other tenants": ({"services": pvm(buckets=[{"name": "b", "org": {"by": "key_prefix",
                                                                                         "pattern": "{orgcode}"}}])},
                                            "services[0].buckets[0].org.pattern"),
    "a table that climbs": ({"services": pvm(tables=[TABLE | {"name": "../ops"}])}, "services[0].tables[0].name"),
    "a bucket that climbs": ({"services": pvm(buckets=[{"name": "..", "org": {"by": "skip", "reason": "x"}}])},
                             "services[0].buckets[0].name"),
    "a log group that climbs": ({"services": pvm(log_groups=[{"name": "/a/../../b"}])}, "services[0].log_groups[0].name"),
    "a name twice": ({"services": pvm(tables=[TABLE, TABLE])}, "services[0].tables[1]"),
    "skip without reason": ({"services": pvm(tables=[{"name": "t", "org": {"by": "skip"}}])}, "services[0].tables[0].org.reason"),
    "a misspelt org": ({"services": pvm(tables=[TABLE | {"orgg": 1}])}, "services[0].tables[0].orgg"),
    "protected of another type": ({"services": [], "protected": "x"}, "protected"),
    "two mistakes": ({"services": pvm(tables=[{"name": ""}], buckets=[{"name": "a/b", "org": {"by": "skip", "reason": "x"}}])},
                     "services[0].buckets[0].name"),
}


@pytest.mark.parametrize("name", BAD_MANIFESTS)
def test_each_mistake_in_a_manifest_is_named_with_its_place(bare, name):
    content, place = BAD_MANIFESTS[name]
    manifest = bare.directory / "wrong.json"
    manifest.write_text(json.dumps({"stack": "g3nretailstack"} | content))
    result = bare.run("manifest-check", "--manifest", manifest, "--json")
    assert result.returncode == 1, result
    problems = json.loads(result.stdout)["error"]["details"]["problems"]
    assert any(problem.startswith(place) for problem in problems), problems
    code, said = bare.serve_refused("--manifest", manifest)
    assert code == 1 and str(manifest) in said, said


@pytest.mark.parametrize("content", ["", "{", "[]", '{"stack": "g3nretailstack", "services": [], "services": []}', "\xff"])
def test_a_manifest_that_is_no_json_object_is_told(bare, content):
    manifest = bare.directory / "wrong.json"
    manifest.write_text(content, encoding="latin-1")
    code, said = bare.serve_refused("--manifest", manifest)
    assert code == 1 and str(manifest) in said and one_clear_line(said), said


def test_a_manifest_that_is_not_there_is_told(bare):
    code, said = bare.serve_refused("--manifest", "/nowhere/manifest.json")
    assert code == 1 and "/nowhere/manifest.json" in said and one_clear_line(said), said


def own(file, table="records", key=("pk", "sk")):
    return pvm(tables=[{"name": "sneaky", "org": {"by": "skip", "reason": "x"},
                        "sqlite": {"file": str(file), "table": table, "key": list(key)}}])


@pytest.mark.usefixtures("settable_clock")
@pytest.mark.parametrize("way", ["plainly", "by a detour", "by a link", "by a hard link"])
def test_a_manifest_that_names_the_store_of_ops_does_not_get_at_it(bare, way):
    alias = bare.directory / "alias.sqlite"
    file = {"plainly": bare.store, "by a detour": bare.data / "stack" / ".." / "ops.sqlite", "by a link": alias,
            "by a hard link": alias}[way]
    bare.stack.mkdir()
    if way == "by a link":
        alias.symlink_to(bare.store)
    if way == "by a hard link":
        os.link(bare.store, alias)
    stack.write_manifest(bare, own(file))
    records = stack.query(bare.store, "SELECT count(*) FROM records")
    checked = bare.run("manifest-check")
    assert "belongs to g3nops itself" in checked.stdout, checked
    serve = bare.serve(clock=True)
    assert serve.dry_run()["targets"][0]["status"] == "skipped"
    vacuum_id = serve.do("vacuumall", confirmation_phrase=PHRASE)["vacuum_id"]
    bare.clock.ahead(301)
    done = serve.vacuum_ended(vacuum_id)
    assert done["totals"]["deleted"] == 0 and done["targets"][0]["status"] == "skipped", done
    serve.stop()
    assert stack.query(bare.store, "SELECT count(*) FROM records") > records
    assert bare.json("audit-verify")["verified"] is True


# ---- objects ----

ODD_KEYS = ["..hidden", "...", "a..b/c", ".dot", "-rf", "a b", "new\nline", "tab\t", "quote'\"", "%2e%2e", "\u00e4\u00f6/\u20ac", "\u200b",
            "con:", "star*", "back\\slash", "x" * 255, "deep/" * 40 + "end"]


@pytest.mark.usefixtures("settable_clock")
def test_objects_of_odd_names_go_and_links_do_not_lead_out_of_a_bucket(bare):
    stack.write_manifest(bare, pvm(buckets=[{"name": "b", "org": {"by": "key_prefix", "pattern": "{orgcode}/"}}]))
    bucket, outside = bare.bucket("b"), bare.directory / "outside"
    stack.make_objects(outside, ["precious", "acme/precious", "deep/precious"])
    stack.make_objects(bucket, [f"acme/{key}" for key in ODD_KEYS] + ["acme2/kept", "g3nmhsadmin/kept", "acme/g3nmhsadmin-x"])
    with open(os.fsencode(bucket) + b"/acme/odd\xff\xfebytes", "wb") as odd:
        odd.write(b"x")
    (bucket / "acme" / "out").symlink_to(outside)
    (bucket / "acme" / "file").symlink_to(outside / "precious")
    (bucket / "linked").symlink_to(outside / "deep", target_is_directory=True)
    before = stack.fingerprint(outside)
    serve = bare.serve(clock=True)
    for function, fields in (("vacuumorg", {"orgcode": "acme"}), ("vacuumall", {"confirmation_phrase": PHRASE})):
        report = serve.dry_run(function, **{name: value for name, value in fields.items() if name == "orgcode"})
        vacuum_id = serve.do(function, **fields)["vacuum_id"]
        bare.clock.ahead(301 if function == "vacuumorg" else 700)
        done = serve.vacuum_ended(vacuum_id)
        assert done["status"] == "completed", done
        assert done["totals"]["deleted"] == report["totals"]["matched"]
        assert stack.fingerprint(outside) == before
        if function == "vacuumorg":
            assert stack.files(bucket) == ["acme2/kept", "g3nmhsadmin/kept", "linked"]
    assert (bucket / "g3nmhsadmin" / "kept").exists()
    serve.stop()


@pytest.mark.usefixtures("settable_clock")
@pytest.mark.parametrize("what", ["bucket", "log_group", "table"])
def test_a_target_that_is_itself_a_link_is_not_followed(bare, what):
    outside = bare.directory / "outside"
    stack.make_objects(outside, ["precious"])
    stack.make_table(outside / "t.sqlite", [("a", "b", "acme", "x")])
    stack.write_manifest(bare, pvm(
        tables=[TABLE] if what == "table" else [], buckets=[{"name": "b", "org": {"by": "skip", "reason": "x"}}],
        log_groups=[{"name": "/g3nretailstack/pvm/api"}]))
    path = {"bucket": bare.bucket("b"), "log_group": bare.log_group("/g3nretailstack/pvm/api"), "table": bare.table("t")}[what]
    path.parent.mkdir(parents=True)
    path.symlink_to(outside / "t.sqlite" if what == "table" else outside)
    before = stack.fingerprint(outside)
    serve = bare.serve(clock=True)
    vacuum_id = serve.do("vacuumall", confirmation_phrase=PHRASE)["vacuum_id"]
    bare.clock.ahead(301)
    assert serve.vacuum_ended(vacuum_id)["totals"]["deleted"] == 0
    assert stack.fingerprint(outside) == before


# ---- locks ----

@pytest.mark.usefixtures("settable_clock")
def test_a_table_that_another_process_has_locked_is_vacuumed_when_the_lock_is_gone(bare):
    stack.big_stack(bare, 500, 20)
    serve = bare.serve(clock=True)
    vacuum_id = serve.do("vacuumall", confirmation_phrase=PHRASE)["vacuum_id"]
    with closing(sqlite3.connect(bare.table("pvm_main"), isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        bare.clock.ahead(301)
        until(lambda: not [f for f in stack.files(bare.bucket("pvm-data")) if not f.startswith("g3nmhsadmin")],
              "the bucket is emptied meanwhile")
        assert serve.vacuum(vacuum_id)["status"] == "running"
        assert serve.ping()["status"] == "ok"
        db.execute("ROLLBACK")
    done = serve.vacuum_ended(vacuum_id)
    assert done["status"] == "completed" and done["totals"]["deleted"] == 540, done


@pytest.mark.usefixtures("settable_clock")
def test_a_table_that_can_not_even_be_read_holds_the_vacuum_up_and_no_longer(bare):
    stack.big_stack(bare, 500, 20)
    serve = bare.serve(clock=True)
    vacuum_id = serve.do("vacuumall", confirmation_phrase=PHRASE)["vacuum_id"]
    with closing(sqlite3.connect(bare.table("pvm_main"), isolation_level=None)) as db:
        db.execute("BEGIN EXCLUSIVE")
        bare.clock.ahead(301)
        until(lambda: serve.vacuum(vacuum_id)["status"] == "running", "it runs")
        assert serve.ping()["status"] == "ok"
        db.execute("ROLLBACK")
    done = serve.vacuum_ended(vacuum_id)
    assert done["status"] == "completed" and done["totals"]["deleted"] == 540, done


def test_a_store_that_another_process_has_locked_is_503_and_works_again(bare):
    serve = bare.serve()
    with closing(sqlite3.connect(bare.store, isolation_level=None)) as db:
        db.execute("BEGIN EXCLUSIVE")
        envelope = serve.ask("maintenanceschedule", description="x", estimated_duration_seconds=60, scheduled_start_utc=instant(99))
        assert tag(envelope) == "store-unavailable", envelope
        db.execute("ROLLBACK")
    serve.schedule()


# ---- disks ----

def in_namespace(*steps):
    """A command that runs what follows it with its own mounts."""
    return ["unshare", "-m", "sh", "-c", " && ".join(steps) + ' && exec "$@"', "sh"]


def may_mount():
    return subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode == 0


def test_a_data_directory_that_is_read_only_is_told_and_nothing_changes(bare):
    before = stack.fingerprint(bare.data)
    if os.geteuid() != 0:
        bare.data.chmod(0o500)
        code, said = bare.serve_refused()
        bare.data.chmod(0o700)
    elif may_mount():
        quoted = f"'{bare.data}'"
        code, said = bare.serve_refused(before=in_namespace(f"mount --bind {quoted} {quoted}",
                                                            f"mount -o remount,ro,bind {quoted}"))
    else:
        pytest.skip("root may write anywhere, and there is no right to mount")
    assert code == 1 and str(bare.data) in said and one_clear_line(said), said
    assert stack.fingerprint(bare.data) == before


@pytest.fixture
def small_disk(bare, bare_template):
    """The data directory on a disk of two megabytes."""
    shutil.rmtree(bare.data)
    bare.data.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", bare.data], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("there is no right to mount a small disk")
    shutil.copytree(bare_template, bare.data, dirs_exist_ok=True)
    yield bare
    for process, _ in bare.serves:
        if process.poll() is None:
            process.kill()
            process.wait()
    subprocess.run(["umount", "-l", bare.data], check=True)


def fill(directory):
    ballast = directory / "ballast"
    with open(ballast, "wb", buffering=0) as file:
        try:
            while file.write(b"x" * 4096):
                pass
        except OSError:
            pass
    return ballast


def test_a_full_disk_is_told_nothing_is_lost_and_work_goes_on_when_there_is_space(small_disk):
    serve = small_disk.serve()
    kept = serve.schedule()["maintenance_id"]
    ballast = fill(small_disk.data)

    def refused():
        envelope = serve.ask("maintenanceschedule", description="y" * 2000, estimated_duration_seconds=60,
                             scheduled_start_utc=instant(99))
        return None if envelope["success"] else tag(envelope)
    assert until(refused, "the full disk is noticed") == "store-unavailable"
    assert serve.ping()["status"] == "ok"
    ballast.unlink()
    until(lambda: serve.ask("maintenanceupdate", maintenance_id=kept, description="still there")["success"], "it works again")
    until(lambda: small_disk.audit_log() and small_disk.audit_log()[-1]["seq"] == serve.audit()[-1]["seq"], "all is delivered")
    assert [record["seq"] for record in small_disk.audit_log()] == [record["seq"] for record in serve.audit()]
    assert serve.stop() == 0
    assert small_disk.json("audit-verify")["verified"] is True


@pytest.mark.usefixtures("settable_clock")
def test_a_vacuum_that_was_cancelled_on_a_full_disk_is_not_started_when_there_is_space(small_disk):
    stack.make_table(small_disk.table("pvm_main"), [("a", "1", "acme", "x")])
    serve = small_disk.serve(clock=True)
    vacuum = serve.do("vacuumorg", orgcode="acme")["vacuum_id"]
    ballast = fill(small_disk.data)

    def refused():
        envelope = serve.ask("vacuumcancel", vacuum_id=vacuum, reason="wrong tenant", actor="olga")
        return None if envelope["success"] else envelope
    envelope = until(refused, "the full disk is noticed")
    assert tag(envelope) == "store-unavailable" and envelope["error"]["details"]["kept_from_starting"] is True
    assert "does not start the vacuum" in envelope["error"]["minor"]["message"]["en_US"]
    wrong = serve.invoke("vacuumcancel", vacuum_id=vacuum, secret_code="not the code at all")
    assert not wrong["success"] and "kept_from_starting" not in wrong["error"].get("details", {})
    small_disk.clock.ahead(400)
    for _ in range(2):
        serve.invoke("sweep")
    assert serve.vacuum(vacuum)["status"] == "pending"
    ballast.unlink()
    until(lambda: serve.vacuum(vacuum)["status"] == "cancelled", "the cancel is written")
    assert stack.rows(small_disk.table("pvm_main")) == [("a", "1", "acme", "x")]
    end = serve.audit()[-1]
    assert (end["type"], end["actor"], end["reason"]) == ("vacuum.cancelled", "olga", "wrong tenant")
    assert serve.vacuum(vacuum)["finished_at"] < serve.vacuum(vacuum)["execute_at"]
    assert serve.stop() == 0


def test_stat_is_degraded_on_a_full_disk_and_says_why(small_disk):
    serve = small_disk.serve()
    stat = lambda: serve.http("GET", "/ops/stat").data  # noqa: E731
    assert stat()["status"] == "ok" and stat()["store"]["writable"] is True and "reason" not in stat()["store"]
    before = serve.audit()
    ballast = fill(small_disk.data)
    degraded = until(lambda: stat()["status"] == "degraded" and stat()["store"], "the full disk is told")
    assert degraded["reachable"] is True and degraded["writable"] is False and degraded["reason"] == "the disk is full"
    assert str(small_disk.data) not in json.dumps(degraded)
    shown = small_disk.run("stat")
    assert "degraded" in shown.stdout and "can't be written: the disk is full" in shown.stdout
    ballast.unlink()
    until(lambda: stat()["status"] == "ok", "it is well again")
    assert serve.audit() == before, "looking changes nothing"


def test_a_disk_that_is_full_at_the_start_is_told(small_disk):
    shutil.rmtree(small_disk.data, ignore_errors=True)
    fill(small_disk.data)
    code, said = small_disk.serve_refused()
    assert code == 1 and str(small_disk.data) in said and one_clear_line(said), said
