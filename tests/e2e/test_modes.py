"""What g3nops makes is for its owner, whatever umask it was started with; and what others put into its place is not used."""

import json
import os
import socket
import stat
import subprocess

import pytest

from g3nops import PROGRAM, Serve, base_environment, data, until

NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="another user is played by root")
WANTED = {stat.S_IFREG: 0o600, stat.S_IFDIR: 0o700, stat.S_IFSOCK: 0o600}


def everything(directory):
    """Each thing below a directory, itself included: (path, its stat)."""
    yield directory, directory.lstat()
    for parent, directories, files in os.walk(directory):
        for name in directories + files:
            path = os.path.join(parent, name)
            yield path, os.lstat(path)


def wrong_modes(directory):
    return {str(path): oct(info.st_mode) for path, info in everything(directory)
            if stat.S_IMODE(info.st_mode) != WANTED[stat.S_IFMT(info.st_mode)]}


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o777], ids=oct)
def test_all_that_any_command_makes_is_its_owners_alone(make_home, umask):
    home = make_home()
    by_umask = ["sh", "-c", f'umask {umask:o}; exec "$@"', "sh"]

    def run(*arguments):
        command = [*by_umask, PROGRAM, *map(str, arguments), "--data", str(home.data)]
        result = subprocess.run(command, capture_output=True, text=True, env=base_environment(), timeout=120)
        assert result.returncode == 0, result
        return result

    run("secret-set", "--new-secret-code-file", home.code_file)
    run("demo-data", "--orgs", 2, "--rows", 200, "--objects", 20)
    run("session-create", "--user", "olga")
    serve = home.serve(before=by_umask)
    serve.do("maintenanceend") if serve.window() else None
    serve.schedule(3600)
    assert serve.dry_run()["status"] == "completed"
    run("audit-verify")
    run("manifest-check")
    run("ping")
    gate_socket = home.data / "gate.sock"
    gate = subprocess.Popen([*by_umask, PROGRAM, "gate", "--listen", f"unix:{gate_socket}", "--source", f"store:{home.data}"],
                            stderr=subprocess.DEVNULL, env=base_environment())
    try:
        until(gate_socket.exists, "the gate listens")
        until(lambda: home.audit_log(), "the audit trail is delivered")
        names = {os.path.basename(path) for path, _ in everything(home.data)}
        assert {"ops.sqlite", "ops.sqlite-wal", "ops.sqlite-shm", "serve.json", "serve.lock", "invoke.sock", "gate.sock",
                "manifest.json", "maintenance-audit", "usm_sessions.sqlite"} <= names
        assert wrong_modes(home.data) == {}
    finally:
        gate.terminate()
        gate.wait(30)


def test_a_data_directory_that_others_may_write_is_told(bare):
    bare.data.chmod(0o777)
    serve = bare.serve()
    assert f"other users may write to the data directory {bare.data}" in serve.stderr()


# ---- what others have put there ----

def give_away(path):
    os.chown(path, NOBODY, NOBODY)


def plant_socket(path):
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


PLANTED = {
    "ops.sqlite": lambda path: None,
    "ops.sqlite-wal": lambda path: path.write_bytes(b""),
    "ops.sqlite-shm": lambda path: path.write_bytes(b""),
    "ops.sqlite-journal": lambda path: path.write_bytes(b""),
    "serve.lock": lambda path: path.write_text("1\n"),
    "invoke.sock": plant_socket,
    "manifest.json": lambda path: path.write_text('{"stack": "other", "services": []}'),
}


@as_root
@pytest.mark.parametrize("name", PLANTED)
def test_what_another_user_owns_is_refused_by_name(bare, name):
    path = bare.data / name
    PLANTED[name](path)
    give_away(path)
    code, words = bare.serve_refused()
    assert code == 1 and str(path) in words and f"it belongs to another user (uid {NOBODY})" in words
    assert path.lstat().st_uid == NOBODY, "it is left alone"


@pytest.mark.parametrize("name", ["ops.sqlite", "ops.sqlite-wal", "serve.lock", "invoke.sock"])
def test_what_is_a_link_is_refused_by_name(bare, name):
    path, elsewhere = bare.data / name, bare.directory / "elsewhere"
    if path.exists():
        path.rename(elsewhere)
    else:
        elsewhere.write_bytes(b"")
    before = elsewhere.read_bytes()
    path.symlink_to(elsewhere)
    code, words = bare.serve_refused()
    assert code == 1 and str(path) in words, words
    assert elsewhere.read_bytes() == before


def test_an_old_serve_json_is_replaced_and_never_written_through(bare):
    victim = bare.directory / "victim"
    victim.write_text("mine")
    for name in ("serve.json", "serve.json.new"):
        (bare.data / name).symlink_to(victim)
    bare.serve()
    assert victim.read_text() == "mine"
    assert stat.S_ISREG((bare.data / "serve.json").lstat().st_mode)
    assert json.loads((bare.data / "serve.json").read_text())["pid"]


@as_root
def test_an_audit_log_of_another_user_gets_nothing(bare):
    group = bare.log_group("/g3nretailstack/ops/maintenance-audit")
    group.mkdir(parents=True)
    serve = bare.serve()
    window = serve.schedule(3600)["maintenance_id"]

    def streams_of_today():  # each day has its own, and the home may have been made before midnight
        return [stream for stream in group.iterdir() if window in stream.read_text()]
    until(streams_of_today, "what happened today is delivered")
    assert serve.stop() == 0
    [stream] = streams_of_today()
    give_away(stream)
    before = stream.read_bytes()
    serve = bare.serve()
    serve.schedule(3600)
    until(lambda: f"{stream} can't be written: it belongs to another user (uid {NOBODY})" in serve.stderr(), "it is told")
    assert stream.read_bytes() == before


@as_root
def test_a_manifest_of_another_user_is_refused_when_it_is_read_anew(sample):
    serve = sample.serve()
    manifest = sample.data / "manifest.json"
    give_away(manifest)
    serve.process.send_signal(1)
    until(lambda: f"The manifest {manifest} is not believed" in serve.stderr(), "it is refused")
