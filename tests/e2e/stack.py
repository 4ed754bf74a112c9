"""What is in a stack, read past g3nops."""

import hashlib
import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

TABLE = "CREATE TABLE items(pk TEXT, sk TEXT, orgcode TEXT, body TEXT, PRIMARY KEY (pk, sk))"


def query(path, sql, parameters=()):
    with closing(sqlite3.connect(path, timeout=30)) as db:
        rows = db.execute(sql, parameters).fetchall()
        db.commit()
        return rows


def rows(path):
    return query(path, "SELECT pk, sk, orgcode, body FROM items ORDER BY pk, sk")


def count(path):
    return query(path, "SELECT count(*) FROM items")[0][0]


def make_table(path, records):
    """records: (pk, sk, orgcode, body)"""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA synchronous = OFF")
        db.execute(TABLE)
        db.executemany("INSERT INTO items VALUES (?, ?, ?, ?)", records)
        db.commit()


def make_objects(bucket, keys):
    for key in keys:
        path = bucket / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"object {key}\n")


def files(directory):
    """Every file and link below, as a relative path; also while somebody deletes there."""
    found = []
    for root, folders, names in os.walk(directory):
        names += [name for name in folders if os.path.islink(os.path.join(root, name))]
        found += [os.path.relpath(os.path.join(root, name), directory) for name in names]
    return sorted(found)


def sha256(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def fingerprint(directory, *, leave_out=()):
    """The hash of every file below, byte for byte."""
    return {name: sha256(Path(directory) / name) for name in files(directory) if not name.startswith(tuple(leave_out))}


AUDIT_LOG = "log_groups/g3nretailstack/ops/"


def contents(home):
    """Of every target: how many records it has."""
    found = {}
    for path in (home.stack / "tables").glob("*.sqlite"):
        found["table", path.stem] = count(path)
    for bucket in (home.stack / "buckets").iterdir():
        found["bucket", bucket.name] = len(files(bucket))
    groups = home.stack / "log_groups"
    for stream in files(groups):
        group = "/" + stream.rsplit("/", 1)[0]
        found["log_group", group] = found.get(("log_group", group), 0) + 1
    return found


def write_manifest(home, services, **more):
    home.data.mkdir(parents=True, exist_ok=True)
    path = home.data / "manifest.json"
    path.write_text(json.dumps({"stack": "g3nretailstack", "services": services} | more))
    return path


def big_stack(home, row_count, object_count, *, streams=20):
    """One table, one bucket, one log group, with two tenants and a protected record in each."""
    write_manifest(home, [{
        "code": "pvm",
        "tables": [{"name": "pvm_main", "org": {"by": "attribute", "name": "orgcode"}}],
        "buckets": [{"name": "pvm-data", "org": {"by": "key_prefix", "pattern": "{orgcode}/"}}],
        "log_groups": [{"name": "/g3nretailstack/pvm/api"}],
    }])
    tenants = ("acme", "acme2")
    records = [(f"ITEM#{i:07}", "V", tenants[i % 2], "x" * 80) for i in range(row_count)]
    make_table(home.table("pvm_main"), records + [("g3nmhsadmin#keep", "V", "acme", "kept")])
    make_objects(home.bucket("pvm-data"),
                 [f"{tenants[i % 2]}/{i % 17:02}/object-{i:06}" for i in range(object_count)] + ["g3nmhsadmin/keep"])
    make_objects(home.log_group("/g3nretailstack/pvm/api"), [f"stream-{i}" for i in range(streams)])
