"""A thing has many names, and under each of them it is the same one: protected, skipped, refused twice, and never missed."""

import os
import signal
import sqlite3
import subprocess
from contextlib import closing

import pytest

import stack
from g3nops import PHRASE, PROGRAM, base_environment, until

pytestmark = pytest.mark.usefixtures("settable_clock")

ATTRIBUTE = {"by": "attribute", "name": "org"}
SHARED = {"by": "skip", "reason": "shared by all tenants"}


def make_table(file, table, rows=5):
    file.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(file)) as db:
        db.execute(f"CREATE TABLE {table}(id TEXT PRIMARY KEY, org TEXT)")
        db.executemany(f"INSERT INTO {table} VALUES (?, 'acme')", [(f"k{i}",) for i in range(rows)])
        db.commit()


def own(name, file, table, org=ATTRIBUTE):
    return {"name": name, "org": org, "sqlite": {"file": str(file), "table": table}}


def vacuum(home, serve, function, ahead=301, **fields):
    vacuum_id = serve.do(function, **fields)["vacuum_id"]
    home.clock.ahead(ahead)
    return serve.vacuum_ended(vacuum_id)


def both(home, serve):
    """A vacuum of one tenant, then one of all."""
    return [vacuum(home, serve, "vacuumorg", orgcode="acme"), vacuum(home, serve, "vacuumall", ahead=602, confirmation_phrase=PHRASE)]


def of(vacuum, name):
    return next(target for target in vacuum["targets"] if target["name"] == name)


# ---- What is protected or skipped is so under every name ----


def test_a_protected_table_is_kept_under_each_of_its_names(bare):
    shop = bare.data / "shop.db"
    standard = bare.data / "stack" / "tables"
    for table in ("g3nmhsadmin_state", "G3NMHSADMIN_OTHER", "ORDERS"):
        make_table(shop, table)
    make_table(standard / "g3nmhsadmin_conf.sqlite", "items")
    make_table(bare.data / "backup" / "ops_main.sqlite", "records")
    make_table(bare.data / "stack" / "buckets" / "doc.g3nretailstack.com" / "search.db", "pages")
    make_table(bare.data / "g3nmhsadmin-files" / "x.db", "x")
    (bare.data / "linked").symlink_to("g3nmhsadmin-files")
    entries = [own("state", "shop.db", "g3nmhsadmin_state"), own("other", "shop.db", "G3NMHSADMIN_OTHER"),
               own("shop_orders", "./shop.db", "Orders"), own("conf", "stack/tables/g3nmhsadmin_conf.sqlite", "items"),
               own("backup", "backup/ops_main.sqlite", "records"), own("admin", "linked/x.db", "x"),
               own("pages", "stack/buckets/doc.g3nretailstack.com/search.db", "pages")]
    stack.write_manifest(bare, [{"code": "pvm", "tables": entries}], protected=["orders"])
    before = stack.fingerprint(bare.data, leave_out=["ops.sqlite", "serve", "invoke", "stack/log_groups", "linked"])
    serve = bare.serve(clock=True)
    for done in both(bare, serve):
        assert done["totals"]["matched"] == done["totals"]["deleted"] == 0, done
        for entry in entries:
            assert of(done, entry["name"])["status"] == "skipped" and of(done, entry["name"])["skipped_reason"], done
    assert stack.fingerprint(bare.data, leave_out=["ops.sqlite", "serve", "invoke", "stack/log_groups", "linked"]) == before


SPELLINGS = {
    "dots": lambda home: ("d/../d/shop.db", "orders"),
    "absolute": lambda home: (str(home.data / "d" / "shop.db"), "orders"),
    "absolute, and in capital letters": lambda home: (str(home.data / "d" / "shop.db"), "ORDERS"),
    "a linked directory": lambda home: ("e/shop.db", "orders"),
    "a link": lambda home: ("d/soft.db", "orders"),
    "a hard link": lambda home: ("d/copy.db", "orders"),
}


def test_what_an_overlay_changes_is_kept_under_its_name_too(bare):
    protected, audit = bare.bucket("doc.g3nretailstack.com"), bare.log_group("/g3nretailstack/ops/maintenance-audit")
    stack.make_objects(protected, ["acme/sub/f", "root"])
    stack.make_objects(audit, ["s"])
    stack.make_table(bare.table("ptab"), [("a", "b", "acme", "{}")])
    plain_upper = bare.directory / "upper"
    stack.make_objects(plain_upper, ["acme/1"])
    for name in ("ovl", "free"):
        bare.bucket(name).mkdir(parents=True)
    bare.log_group("/la").mkdir(parents=True)
    for name in ("ov", "low", "w1", "w2", "w3", "w4"):
        (bare.directory / name).mkdir()
    low = bare.directory / "low"

    def overlay(upper, work, point):
        return f"mount -t overlay -o lowerdir='{low}',upperdir='{upper}',workdir='{bare.directory / work}' overlay '{point}'"
    before = in_namespace(bare, overlay(protected, "w1", bare.bucket("ovl")), overlay(audit, "w2", bare.log_group("/la")),
                          overlay(bare.data, "w3", bare.directory / "ov"), overlay(plain_upper, "w4", bare.bucket("free")))
    if subprocess.run([*before, "true"], capture_output=True).returncode != 0:
        pytest.skip("this file system can't be the upper one of an overlay")
    by_prefix = {"by": "key_prefix", "pattern": "{orgcode}/"}
    stack.write_manifest(bare, [{
        "code": "pvm", "buckets": [{"name": name, "org": by_prefix} for name in ("ovl", "free")], "log_groups": [{"name": "/la"}],
        "tables": [{"name": "o2", "org": {"by": "attribute", "name": "orgcode"},
                    "sqlite": {"file": str(bare.directory / "ov" / "stack" / "tables" / "ptab.sqlite"), "table": "items",
                               "key": ["pk", "sk"]}}]}], protected=["ptab"])
    serve = bare.serve(clock=True, before=before)
    for report in (serve.dry_run("vacuumall"), *both(bare, serve)):
        kept = {target["name"] for target in report["targets"] if target["status"] == "skipped"}
        assert {"ovl", "/la", "o2"} <= kept, report
        assert of(report, "free")["status"] == "completed", report
    assert (protected / "acme" / "sub" / "f").exists() and (protected / "root").exists() and (audit / "s").exists()
    assert stack.count(bare.table("ptab")) == 1 and not (plain_upper / "acme").exists()


def test_what_a_protected_link_leads_to_is_kept(bare):
    by_prefix = {"by": "key_prefix", "pattern": "{orgcode}/"}
    links = {"mcp-v3": "mcp.g3nretailstack.com", "w": "payroll", "x4": "g3nmhsadmin-l", "free": "other"}
    for name, link in links.items():
        stack.make_objects(bare.bucket(name), ["acme/1"])
        bare.bucket(link).symlink_to(name)
    stack.make_objects(bare.bucket("outer"), ["inner/acme/1"])
    (bare.stack / "buckets" / "G3NMHSADMIN-in").symlink_to("outer/inner")
    stack.make_table(bare.table("x"), [("a", "b", "acme", "{}")])
    bare.table("g3nmhsadmin_t").symlink_to("x.sqlite")
    stack.make_objects(bare.log_group("/app/api"), ["s1"])
    (bare.log_group("/app") / "g3nmhsadmin-log").symlink_to("api")
    inside = bare.bucket("mcp-v3") / "shop.db"
    make_table(inside, "orders")
    stack.write_manifest(bare, [{
        "code": "pvm", "buckets": [{"name": name, "org": by_prefix} for name in links],
        "tables": [{"name": "x", "org": {"by": "attribute", "name": "orgcode"}}, own("shop", inside, "orders")],
        "log_groups": [{"name": "/app/api"}]}], protected=["payroll"])
    serve = bare.serve(clock=True)
    for report in (serve.dry_run("vacuumall"), *both(bare, serve)):
        kept = {target["name"] for target in report["targets"] if target["status"] == "skipped"}
        assert {"mcp-v3", "w", "x4", "x", "shop", "/app/api"} <= kept, report
        assert of(report, "free")["status"] == "completed", report
    for name in ("mcp-v3", "w", "x4"):
        assert (bare.bucket(name) / "acme" / "1").exists()
    assert not (bare.bucket("free") / "acme").exists()
    assert stack.count(bare.table("x")) == 1 and (bare.log_group("/app/api") / "s1").exists()
    assert stack.query(inside, "SELECT count(*) FROM orders") == [(5,)]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_one_table_under_two_names_is_told_and_kept(bare, spelling):
    make_table(bare.data / "d" / "shop.db", "orders")
    (bare.data / "e").symlink_to("d")
    (bare.data / "d" / "soft.db").symlink_to("shop.db")
    if spelling == "a hard link":
        os.link(bare.data / "d" / "shop.db", bare.data / "d" / "copy.db")
    file, table = SPELLINGS[spelling](bare)
    stack.write_manifest(bare, [{"code": "pvm", "tables": [own("orders", "d/shop.db", "orders", SHARED), own("again", file, table)]}])
    checked = bare.run("manifest-check")
    assert checked.returncode == 1 and "the same thing as the table orders" in checked.stdout, checked
    serve = bare.serve(clock=True)
    done = vacuum(bare, serve, "vacuumorg", orgcode="acme")
    assert done["status"] == "failed" and "the same thing as the table orders" in of(done, "again")["error"], done
    assert stack.query(bare.data / "d" / "shop.db", "SELECT count(*) FROM orders") == [(5,)]


def test_opss_own_records_are_no_target_under_any_name(bare):
    (bare.data / "d").mkdir()
    os.link(bare.store, bare.data / "d" / "hard.db")
    (bare.data / "e").symlink_to(".")
    stack.write_manifest(bare, [{"code": "pvm", "tables": [
        own("one", "d/hard.db", "records"), own("two", "e/ops.sqlite", "records"), own("three", "ops.sqlite-wal", "records")]}])
    serve = bare.serve(clock=True)
    for done in both(bare, serve):
        assert done["totals"]["deleted"] == 0, done
        for name in ("one", "two", "three"):
            assert of(done, name)["status"] in ("skipped", "failed"), done
    assert bare.json("audit-verify")["verified"] is True


# ---- Directories that are mounted a second time ----


def in_namespace(home, *commands):
    """What runs a program with its own mounts. Only the program itself gets the home's clock, which is a library."""
    if subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode != 0:
        pytest.skip("there is no right to mount")
    clock = [f"{name}={value}" for name, value in home.clock.environment().items()]
    return ["unshare", "-m", "sh", "-c", " && ".join([*commands, 'exec env "$@"']), "sh", *clock]


def bind(home, source, target):
    (home.data / target).mkdir(parents=True, exist_ok=True)
    return f"mount --bind '{home.data / source}' '{home.data / target}'"


BUCKETS = {"code": "pvm", "buckets": [{"name": name, "org": {"by": "key_prefix", "pattern": "{orgcode}/"}} for name in ("pvm-data", "again")]}


def test_a_bucket_that_is_mounted_as_another_is_told_and_kept(bare):
    stack.make_objects(bare.bucket("pvm-data"), ["acme/1", "globex/1"])
    stack.write_manifest(bare, [BUCKETS])
    serve = bare.serve(before=in_namespace(bare, bind(bare, "stack/buckets/pvm-data", "stack/buckets/again")))
    done = vacuum(bare, serve, "vacuumorg", orgcode="acme")
    assert done["status"] == "failed" and done["totals"]["deleted"] == 0, done
    assert "the same thing" in of(done, "again")["error"] and "the same thing" in of(done, "pvm-data")["error"], done
    assert stack.files(bare.bucket("pvm-data")) == ["acme/1", "globex/1"]


def test_a_protected_bucket_is_kept_also_where_it_is_mounted_as_another_or_lies_in_one(bare):
    protected = bare.bucket("doc.g3nretailstack.com")
    stack.make_objects(protected, ["acme/index.html"])
    stack.make_objects(bare.bucket("pvm-data"), ["acme/1"])
    stack.write_manifest(bare, [BUCKETS])
    serve = bare.serve(before=in_namespace(bare, bind(bare, "stack/buckets/doc.g3nretailstack.com", "stack/buckets/again")))
    done = vacuum(bare, serve, "vacuumall", confirmation_phrase=PHRASE)
    assert of(done, "again")["status"] == "skipped" and of(done, "pvm-data")["deleted"] == 1, done
    serve.stop()
    assert stack.files(protected) == ["acme/index.html"]
    # Who deletes in the directory that the protected one lies in deletes the protected one's objects.
    stack.make_objects(bare.bucket("pvm-data"), ["acme/1"])
    shared = bare.bucket("pvm-data") / "docs"
    protected.rename(shared)
    serve = bare.serve(before=in_namespace(bare, bind(bare, "stack/buckets/pvm-data/docs", "stack/buckets/doc.g3nretailstack.com")))
    done = vacuum(bare, serve, "vacuumall", ahead=602, confirmation_phrase=PHRASE)
    assert of(done, "pvm-data")["status"] == "skipped", done
    assert stack.files(shared) == ["acme/index.html"]


def test_a_bucket_with_the_data_directory_in_it_is_no_target(bare):
    stack.write_manifest(bare, [BUCKETS])
    (bare.bucket("pvm-data")).mkdir(parents=True)
    serve = bare.serve(before=in_namespace(bare, bind(bare, ".", "stack/buckets/again")))
    done = vacuum(bare, serve, "vacuumall", confirmation_phrase=PHRASE)
    assert of(done, "again")["status"] in ("skipped", "failed") and done["totals"]["deleted"] == 0, done
    serve.stop()
    assert bare.json("audit-verify")["verified"] is True


# ---- What the manifest does not name is told ----


def test_the_other_tables_of_a_file_are_told_and_kept(bare):
    file = bare.data / "shop.db"
    for table in ("orders", "payments"):
        make_table(file, table)
    stack.query(file, "CREATE VIRTUAL TABLE notes USING fts5(org, body)")
    stack.query(file, "INSERT INTO notes VALUES ('acme', 'acme private')")
    stack.write_manifest(bare, [{"code": "pvm", "tables": [own("orders", "d/../shop.db", "ORDERS")]}])
    (bare.data / "d").mkdir()
    checked = bare.run("manifest-check")
    assert checked.returncode == 0 and "shop.db: payments" in checked.stdout and "a full-text table of" in checked.stdout, checked
    serve = bare.serve(clock=True)
    for vacuum_of_one in (serve.dry_run("vacuumorg", orgcode="acme"), vacuum(bare, serve, "vacuumorg", orgcode="acme")):
        unclassified = [target["name"] for target in vacuum_of_one["targets"] if target["status"] == "unclassified"]
        assert unclassified == ["d/../shop.db: notes", "d/../shop.db: payments"], vacuum_of_one
        assert vacuum_of_one["status"] == "completed", vacuum_of_one
    counts = [stack.query(file, f"SELECT count(*) FROM {table}")[0][0] for table in ("orders", "payments", "notes")]
    assert counts == [0, 5, 1]


# ---- What can't be compared or changed is told beforehand ----


def test_records_that_can_not_be_compared_are_named_and_the_rest_is_done(bare):
    file = bare.data / "shop.db"
    stack.query(file, "CREATE TABLE t(pk TEXT, sk INTEGER, org, PRIMARY KEY (pk, sk))")
    with closing(sqlite3.connect(file)) as db:
        db.executemany("INSERT INTO t VALUES (?, ?, ?)", [("a", 1, "acme"), ("b", 2, b"acme"), ("c", 3, b""), ("d", 4, "globex")])
        db.commit()
    stack.make_table(bare.table("std"), [("k1", "v", None, '{"org": "acme"}'), ("k2", "v", None, '{"org": ["acme"]}'), ("k3", "v", None, "no json")])
    stack.write_manifest(bare, [{"code": "pvm", "tables": [own("t", file, "t"), {"name": "std", "org": ATTRIBUTE}]}])
    serve = bare.serve(clock=True)
    for done in (serve.dry_run("vacuumorg", orgcode="acme"), vacuum(bare, serve, "vacuumorg", orgcode="acme")):
        assert done["status"] == "failed", done
        t, std = of(done, "t"), of(done, "std")
        assert (t["matched"], t["incomparable"], std["matched"], std["incomparable"]) == (1, 2, 1, 2), done
        assert t["remarks"] == [{"what": "incomparable", "name": "b, 2", "reason": "org is a BLOB"},
                                {"what": "incomparable", "name": "c, 3", "reason": "org is a BLOB"}], done
        assert [remark["name"] for remark in std["remarks"]] == ["k2, v", "k3, v"], done
    assert stack.query(file, "SELECT pk FROM t") == [("b",), ("c",), ("d",)]
    assert [row[0] for row in stack.rows(bare.table("std"))] == ["k2", "k3"]


def test_a_file_that_can_not_be_changed_is_told_before_anything_is_removed(bare):
    file = bare.data / "shop" / "orders.db"
    make_table(file, "orders")
    stack.write_manifest(bare, [{"code": "pvm", "tables": [own("orders", file, "orders")]}])
    before = ()
    if os.geteuid() != 0:
        file.chmod(0o400)
    else:
        before = in_namespace(bare, f"mount --bind '{file.parent}' '{file.parent}'", f"mount -o remount,ro,bind '{file.parent}'")
    checked = subprocess.run([*before, PROGRAM, "manifest-check", "--data", str(bare.data)], capture_output=True, text=True,
                             env=base_environment())
    assert checked.returncode == 1 and "can't be changed" in checked.stdout + checked.stderr, checked
    serve = bare.serve(before=before, clock=not before)
    dry = of(serve.dry_run("vacuumorg", orgcode="acme"), "orders")
    assert (dry["matched"], dry["undeletable"]) == (5, 5) and dry["would_fail"] is True, dry
    assert dry["remarks"][0]["what"] == "undeletable" and dry["remarks"][0]["name"] == "k0", dry
    done = vacuum(bare, serve, "vacuumorg", orgcode="acme")
    target = of(done, "orders")
    assert done["status"] == "failed" and (target["deleted"], target["failed"]) == (0, 5), done
    assert target["remarks"][0] == {"what": "refused", "name": "k0", "reason": dry["remarks"][0]["reason"]}, done
    assert stack.query(file, "SELECT count(*) FROM orders") == [(5,)]


# ---- What lies in what ----

PREFIX = {"by": "key_prefix", "pattern": "{orgcode}/"}


def buckets(*names):
    return [{"name": name, "org": PREFIX} for name in names]


def warned(vacuum, name, text):
    return any(text in warning for warning in of(vacuum, name).get("warnings", []))


@pytest.mark.parametrize("how", ["protected", "skipped", "vacuumed"])
def test_the_file_of_a_table_is_no_object_of_the_bucket_that_it_lies_in(bare, how):
    file, streams = bare.bucket("pvm-data") / "acme" / "shop.db", bare.log_group("/app")
    make_table(file, "orders")
    make_table(streams / "log.db", "lines")
    for beside in ("-wal", "-shm", "-journal"):
        (streams / f"log.db{beside}").write_bytes(b"")
    stack.query(file, "INSERT INTO orders VALUES ('other', 'globex')")
    stack.make_objects(bare.bucket("pvm-data"), ["acme/1", "acme/shop.db.txt"])
    stack.make_objects(streams, ["s1"])
    org = SHARED if how == "skipped" else ATTRIBUTE
    stack.write_manifest(bare, [{"code": "pvm", "buckets": buckets("pvm-data"), "log_groups": [{"name": "/app"}],
                                 "tables": [own("orders", "stack/buckets/pvm-data/acme/shop.db", "orders", org),
                                            own("lines", streams / "log.db", "lines", org)]}],
                         protected=["orders", "lines"] if how == "protected" else [])
    checked = bare.run("manifest-check")
    assert checked.returncode == 0 and "the file of the table orders and stays" in checked.stdout + checked.stderr, checked
    serve = bare.serve(clock=True)
    dry = serve.dry_run("vacuumorg", orgcode="acme")
    assert warned(dry, "pvm-data", "acme/shop.db in it is the file of the table orders"), dry
    done = vacuum(bare, serve, "vacuumorg", orgcode="acme")
    for report in (dry, done):
        assert report["status"] == "completed" and of(report, "pvm-data")["protected"] == 1, report
        assert of(report, "pvm-data")["matched"] == 2, report
    assert stack.files(bare.bucket("pvm-data")) == ["acme/shop.db"]
    assert stack.query(file, "SELECT count(*) FROM orders") == [(1 if how == "vacuumed" else 6,)]
    dry = serve.dry_run("vacuumall")
    assert warned(dry, "/app", "log.db in it is the file of the table lines"), dry
    done = vacuum(bare, serve, "vacuumall", ahead=602, confirmation_phrase=PHRASE)
    assert done["status"] == "completed" and of(done, "/app")["protected"] == 1 and of(done, "/app")["deleted"] == 1, done
    assert {"log.db", "log.db-journal"} <= set(stack.files(streams)) or how != "protected", stack.files(streams)
    assert stack.query(streams / "log.db", "SELECT count(*) FROM lines") == [(5 if how == "protected" else 0,)]
    assert file.exists()


def test_a_bucket_that_is_mounted_as_a_part_of_another_is_told_and_neither_counts(bare):
    stack.make_objects(bare.bucket("pvm-data"), ["again/acme/1", "acme/1"])
    stack.make_objects(bare.bucket("free"), ["acme/1"])
    stack.write_manifest(bare, [{"code": "pvm", "buckets": buckets("pvm-data", "again", "free")}])
    before = in_namespace(bare, bind(bare, "stack/buckets/pvm-data/again", "stack/buckets/again"))
    checked = subprocess.run([*before, PROGRAM, "manifest-check", "--data", str(bare.data)], capture_output=True, text=True,
                             env=base_environment())
    assert checked.returncode == 1 and "lies within the bucket pvm-data, as again/" in checked.stdout, checked
    serve = bare.serve(before=before)
    reports = [serve.dry_run("vacuumall"), vacuum(bare, serve, "vacuumall", confirmation_phrase=PHRASE),
               vacuum(bare, serve, "vacuumorg", ahead=602, orgcode="acme")]
    for report in reports:
        assert "lies within the bucket pvm-data" in of(report, "again")["error"], report
        assert "The bucket again is the same directory, or lies within it" in of(report, "pvm-data")["error"], report
        assert report["status"] == "failed", report
    assert [report["totals"]["matched"] for report in reports] == [1, 1, 0]
    assert stack.files(bare.bucket("pvm-data")) == ["acme/1", "again/acme/1"]


UNNAMED = {
    "a log group as a bucket": ("stack/log_groups/app/api", "stack/buckets/pvm-data"),
    "what log groups are in as a bucket": ("stack/log_groups/app", "stack/buckets/pvm-data"),
    "a bucket as a bucket": ("stack/buckets/stray", "stack/buckets/pvm-data"),
    "a part of a bucket as a bucket": ("stack/buckets/stray/acme", "stack/buckets/pvm-data"),
    "a bucket as a log group": ("stack/buckets/stray/acme", "stack/log_groups/mine"),
    "a log group as a log group": ("stack/log_groups/app/api", "stack/log_groups/mine"),
}


@pytest.mark.parametrize("case", UNNAMED)
def test_what_nobody_names_is_not_touched_where_it_is_mounted_as_something_else(bare, case):
    what, where = UNNAMED[case]
    stack.make_objects(bare.bucket("stray"), ["acme/1"])
    stack.make_objects(bare.log_group("/app/api"), ["acme/1", "s1"])
    stack.write_manifest(bare, [{"code": "pvm", "buckets": buckets("pvm-data"), "log_groups": [{"name": "/mine"}]}])
    serve = bare.serve(before=in_namespace(bare, bind(bare, what, where)))
    name = "/mine" if where.endswith("mine") else "pvm-data"
    for report in (serve.dry_run("vacuumall"), *both(bare, serve)):
        if report["type"] == "all" or name != "/mine":
            assert of(report, name)["status"] == "failed", report
            assert "what it does not name is not touched" in of(report, name)["error"], report
        assert report["totals"]["matched"] == report["totals"]["deleted"] == 0, report
    assert stack.files(bare.bucket("stray")) == ["acme/1"]
    assert stack.files(bare.log_group("/app/api")) == ["acme/1", "s1"]


# ---- SQL's names know no case ----


@pytest.mark.parametrize("protected, table", [("ORDERS", "orders"), ("orders", "Orders"), ("SHOP_ORDERS", "orders")])
def test_a_protected_sql_table_is_so_in_whatever_case(bare, protected, table):
    make_table(bare.data / "shop.db", "ORDERS")
    make_table(bare.data / "other.db", "lines")
    stack.write_manifest(bare, [{"code": "pvm", "tables": [own("shop_orders", "shop.db", table), own("lines", "other.db", "lines")]}],
                         protected=[protected])
    serve = bare.serve(clock=True)
    for report in (serve.dry_run("vacuumall"), *both(bare, serve)):
        assert of(report, "shop_orders")["skipped_reason"] == "the manifest lists it as protected", report
    assert stack.query(bare.data / "shop.db", "SELECT count(*) FROM ORDERS") == [(5,)]
    assert stack.query(bare.data / "other.db", "SELECT count(*) FROM lines") == [(0,)]


def test_an_sql_table_that_another_manifest_protects_in_another_case_stays_from_then_on(bare):
    make_table(bare.data / "shop.db", "orders", rows=6000)
    services = [{"code": "pvm", "tables": [own("shop_orders", "shop.db", "orders")]}]
    stack.write_manifest(bare, services)
    serve = bare.serve("--max-rate", "1000", clock=True)
    vacuum_id = serve.do("vacuumall", confirmation_phrase=PHRASE)["vacuum_id"]
    bare.clock.ahead(301)

    def count():
        return stack.query(bare.data / "shop.db", "SELECT count(*) FROM orders")[0][0]
    until(lambda: count() < 6000, "it deletes")
    stack.write_manifest(bare, services, protected=["ORDERS"])
    serve.process.send_signal(signal.SIGHUP)
    until(lambda: serve.events("reload.manifest"), "the manifest is in")
    left = count()
    done = serve.vacuum_ended(vacuum_id)
    assert count() == left > 0 and done["status"] == "failed", done
    assert done["totals"]["deleted"] == 6000 - left, done


def test_the_tables_of_a_file_that_are_not_named_are_protected_in_whatever_case(bare):
    for table in ("orders", "Payments"):
        make_table(bare.data / "shop.db", table)
    stack.write_manifest(bare, [{"code": "pvm", "tables": [own("orders", "shop.db", "orders")]}], protected=["PAYMENTS"])
    report = bare.serve(clock=True).dry_run("vacuumall")
    assert of(report, "shop.db: Payments")["skipped_reason"] == "the manifest lists it as protected", report
