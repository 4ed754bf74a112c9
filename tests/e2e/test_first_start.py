"""The first steps, and wrong ones: what is refused leaves nothing behind, what is made says where, nothing that is somebody's is
written over."""

import json
import os
import signal
import subprocess

import pytest

import stack
from g3nops import PROGRAM, base_environment, until

NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
SMALL = ("--orgs", 2, "--rows", 50, "--objects", 5)

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")

REFUSED = {
    "an address": (["--http-listen", "nowhere"], "--http-listen"),
    "a port": (["--http-listen", "127.0.0.1:70000"], "--http-listen"),
    "an invoke address": (["--invoke-listen", "*:9001"], "--invoke-listen: '*' is not a loopback address"),
    "a host's name": (["--http-host", "https://ops"], "--http-host"),
    "half a certificate": (["--tls-cert", "cert.pem"], "TLS needs a certificate and its key"),
    "no certificate": (["--tls-cert", "no.pem", "--tls-key", "no.pem"], "no.pem"),
    "no manifest": (["--manifest", "no.json"], "no.json"),
    "a region": (["--region", "eu-central-1"], "--region goes with --engine aws"),
    "workers": (["--workers", "0"], "--workers"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_start_that_is_refused_leaves_nothing_behind(tmp_path, what):
    flags, words = REFUSED[what]
    place = tmp_path / "first" / "time"
    command = [PROGRAM, "serve", "--http-listen", "127.0.0.1:0", *flags, "--data", place]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=base_environment(), timeout=30)
    assert result.returncode in (1, 2) and words in result.stderr, result
    assert list(tmp_path.iterdir()) == []


def test_a_manifest_that_is_wrong_leaves_nothing_behind_either(tmp_path):
    manifest = tmp_path / "stack.json"
    manifest.write_text('{"stack": "s"}')
    command = [PROGRAM, "serve", "--http-listen", "127.0.0.1:0", "--manifest", manifest, "--data", tmp_path / "data"]
    result = subprocess.run(command, capture_output=True, text=True, env=base_environment(), timeout=30)
    assert result.returncode == 1 and "services: is required" in result.stderr
    assert list(tmp_path.iterdir()) == [manifest]


def test_setting_a_code_says_where(make_home):
    home = make_home()
    place = home.directory / "misspelled" / "data"
    done = home.run("secret-set", "--new-secret-code-file", home.code_file, "--data", place, with_data=False)
    assert done.returncode == 0 and done.stdout == f"The secret code of {place} is set.\n"
    again = home.run("secret-set", "--new-secret-code-file", home.code_file, "--secret-code-file", home.code_file, "--data", place,
                     with_data=False)
    assert again.stdout == f"The secret code of {place} is rotated.\n"


@pytest.mark.parametrize("form", [b" %s", b"%s ", b"\t%s", b"%s\t\r\n", "\u00a0%s".encode()])
def test_a_code_that_would_lose_a_blank_is_not_set(make_home, form):
    home = make_home()
    code = home.directory / "blank-code"
    code.write_bytes(form % b"correct horse battery")
    refused = home.run("secret-set", "--new-secret-code-file", code)
    assert refused.returncode == 1 and "begins or ends with a blank, which is easily lost" in refused.stderr
    code.write_bytes(b"correct horse battery\n")
    assert home.run("secret-set", "--new-secret-code-file", code).returncode == 0


# ---- the sample stack ----

def test_sample_data_may_be_made_again(make_home):
    home = make_home()
    for _ in range(2):
        assert home.run("demo-data", *SMALL).returncode == 0


def test_no_sample_data_in_a_stack_that_is_somebodys(make_home):
    home = make_home()
    table = home.table("pvm_main")
    stack.make_table(table, [("a", "1", "acme", "mine")])
    refused = home.run("demo-data", *SMALL)
    assert refused.returncode == 1 and "was not made by demo-data" in refused.stderr, refused
    assert stack.rows(table) == [("a", "1", "acme", "mine")]
    assert sorted(path.name for path in (home.data / "stack").iterdir()) == ["tables"]


@pytest.mark.parametrize("way", ["of others", "longer", "shorter", "a link"])
def test_no_sample_data_beside_a_manifest_that_is_somebodys(make_home, way):
    home = make_home()
    assert home.run("demo-data", *SMALL).returncode == 0
    manifest, sample = home.data / "manifest.json", (home.data / "manifest.json").read_text()
    manifest.unlink()
    if way == "a link":
        manifest.symlink_to("nowhere")
    else:
        manifest.write_text({"of others": '{"stack": "mine", "services": []}', "longer": sample + "\n", "shorter": sample[:-2]}[way])
    refused = home.run("demo-data", *SMALL)
    assert refused.returncode == 1 and str(manifest) in refused.stderr, refused
    named = home.directory / "of-the-sample.json"
    named.write_text(sample)
    assert home.run("demo-data", *SMALL, "--manifest", named).returncode == 0


# ---- a manifest that is not to be seen ----

def test_a_manifest_on_a_volume_that_is_not_mounted_is_not_the_sample_stacks(make_home):
    home = make_home()
    home.data.mkdir(exist_ok=True)
    (home.data / "manifest.json").symlink_to("/mnt/not-mounted/manifest.json")
    for refused in (home.run("manifest-check"), home.run("demo-data", *SMALL)):
        assert refused.returncode == 1 and f"{home.data}/manifest.json" in refused.stderr, refused
    code, words = home.serve_refused()
    assert code == 1 and "manifest.json can't be read" in words


@needs_root
def test_a_data_directory_that_may_not_be_looked_into_has_no_sample_manifest(bare):
    bare.data.chmod(0o700)
    command = [*NOBODY, PROGRAM, "manifest-check", "--data", bare.data]
    result = subprocess.run(command, capture_output=True, text=True, env=base_environment(), timeout=30)
    assert result.returncode == 1 and "manifest.json can't be read: Permission denied" in result.stderr, result
    assert result.stdout == ""


# ---- manifest-check ----

def test_manifest_check_says_each_reason_once(bare):
    stack.write_manifest(bare, [{"code": "pvm", "tables": [{"name": "pvm_main", "org": {"by": "attribute", "name": "orgcode"}}]}])
    bare.table("pvm_main").parent.mkdir(parents=True, exist_ok=True)
    bare.table("pvm_main").write_text("no database, but long enough to be looked at as one" * 20)
    result = bare.run("manifest-check")
    [row] = [line for line in result.stdout.splitlines() if "pvm_main" in line]
    reason = row.split("can't be used", 1)[1].strip()
    assert result.returncode == 1 and reason and reason not in result.stderr


def test_manifest_check_of_a_directory_that_is_not_there_says_so(tmp_path):
    result = subprocess.run([PROGRAM, "manifest-check", "--data", tmp_path / "typo"], capture_output=True, text=True,
                            env=base_environment(), timeout=30)
    assert result.returncode == 1 and f"There is no data directory {tmp_path}/typo" in result.stderr and result.stdout == ""


def test_a_serve_that_makes_its_data_directory_says_so(make_home):
    home = make_home()
    home.data = home.directory / "other"
    serve = home.serve()
    [made] = until(lambda: serve.events("data.made"), "it is told")
    assert made["level"] == "warn" and str(home.data) in made["msg"] and "sample stack" in made["msg"]


@needs_root
def test_who_has_no_name_is_told_by_number(bare):
    """As in a container."""
    command = ["setpriv", "--reuid=54321", "--regid=54321", "--clear-groups", PROGRAM, "secret-set", "--data",
               bare.directory / "theirs", "--new-secret-code-file", "-"]
    bare.directory.chmod(0o777)
    for parent in bare.directory.parents:
        if parent.stat().st_uid == 0 and not parent.stat().st_mode & 0o001:
            parent.chmod(parent.stat().st_mode | 0o011)
    done = subprocess.run(command, capture_output=True, text=True, input="correct horse battery", env=base_environment(), timeout=30)
    assert done.returncode == 0, done
    bare.data = bare.directory / "theirs"
    assert bare.serve().audit()[0]["actor"] == "uid:54321"


# ---- how far it is ----

@pytest.mark.usefixtures("settable_clock")
def test_under_a_rate_counts_grow_by_the_second(bare):
    stack.make_table(bare.table("pvm_main"), [(f"{i:05}", "1", "acme", "x") for i in range(3000)])
    stack.write_manifest(bare, [{"code": "pvm", "tables": [{"name": "pvm_main", "org": {"by": "attribute", "name": "orgcode"}}]}])
    serve = bare.serve("--max-rate", 300, clock=True)
    vacuum = serve.do("vacuumorg", orgcode="acme")["vacuum_id"]
    bare.clock.ahead(301)
    seen = set()

    def ended():
        record = serve.vacuum(vacuum)
        seen.add(record["totals"].get("deleted", 0))
        return record["status"] == "completed"
    until(ended, "it is done")
    assert len(seen) >= 5 and max(seen) == 3000, seen


# ---- SIGHUP ----

def test_a_manifest_that_can_be_read_is_taken_whatever_it_names(bare):
    serve = bare.serve()
    stack.write_manifest(bare, [{"code": "pvm", "tables": [{"name": "no_such_table", "org": {"by": "attribute", "name": "orgcode"}}]}])
    serve.process.send_signal(signal.SIGHUP)
    [line] = until(lambda: serve.events("reload.manifest"), "it is read")
    assert line["level"] == "info" and "with 1 target" in line["msg"]
    assert json.loads(serve.home.run("manifest-check", "--json").stdout)["data"]["missing"] == 1
