"""Where a secret code goes in memory, and that it does not stay there: not with the one who sends it, not with serve."""

import ctypes
import json
import os
import re
import subprocess
import sys

import pytest

from g3nops import CODE, PROGRAM, base_environment, sanitizer_library

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may read another process's memory")
WRONG = "a code that is wrong, and 41 bytes long !"
pytestmark = pytest.mark.skipif(sanitizer_library() is not None, reason="the sanitizer keeps what is freed")


def writable_memory(pid):
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            found = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)
            if not found or "[vvar]" in line:
                continue
            start, end = (int(text, 16) for text in found.groups())
            try:
                memory.seek(start)
                yield line.split()[-1], memory.read(end - start)
            except (OSError, ValueError):
                continue


def copies(pid, text):
    """The places where a text is, anywhere in what the process can write."""
    return [(name, part.count(text.encode())) for name, part in writable_memory(pid) if text.encode() in part]


@as_root
def test_the_search_finds_what_is_there():
    """A harness that could not fail would prove nothing."""
    text = os.urandom(16).hex()
    kept = ctypes.create_string_buffer(text.encode())
    assert copies(os.getpid(), text) and kept


@as_root
@pytest.mark.parametrize("listen", ["unix", "tcp"])
def test_serve_keeps_no_copy_of_a_code(bare, listen):
    serve = bare.serve(*(["--invoke-listen", "127.0.0.1:0"] if listen == "tcp" else []))
    connections = [serve.invoke_connection() for _ in range(4)]
    long_text = "x" * 1500

    def send(connection, **payload):
        connection.request("POST", "/2015-03-31/functions/ops_maintenanceend/invocations", json.dumps(payload))
        return json.loads(connection.getresponse().read())

    for connection in connections:
        send(connection, secret_code=CODE)
        send(connection, secret_code=CODE, end_message=long_text, reason="because", actor="olga")
        send(connection, end_message=long_text * 20, secret_code=CODE)
        send(connection, secret_code=CODE, no_such_field=1)
    send(connections[0], secret_code=WRONG)
    send(connections[1], secret_code=WRONG)
    # The connections are still open: what the HTTP library has of them is looked at too.
    assert copies(serve.pid, CODE) == [] and copies(serve.pid, WRONG) == []
    for connection in connections:
        connection.close()
    serve.schedule(3600)
    assert copies(serve.pid, CODE) == []


GIVEN = {
    "a file": lambda home: (["--secret-code-file", home.code_file], {}),
    "a flag": lambda home: (["--secret-code", CODE], {}),
    "the environment": lambda home: ([], {"G3NOPS_SECRET_CODE": CODE}),
}


@as_root
@pytest.mark.parametrize("way", GIVEN)
def test_a_command_that_goes_on_after_it_has_sent_a_code_has_it_no_more(bare, way):
    serve = bare.serve()
    arguments, environment = GIVEN[way](bare)
    command = [PROGRAM, "vacuum-org", "--orgcode", "acme", "--yes", "--watch", "--data", bare.data, *arguments]
    watcher = subprocess.Popen([*map(str, command)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True, env=base_environment() | environment)
    try:
        assert "pending" in watcher.stderr.readline() + watcher.stderr.readline()
        assert copies(watcher.pid, CODE) == []
        assert copies(serve.pid, CODE) == []
    finally:
        watcher.terminate()
        watcher.communicate(timeout=30)


@as_root
def test_nobody_else_of_the_same_user_may_look_into_serve(bare):
    """As that user: neither memory nor environment of a process that is not to be dumped can be read."""
    serve = bare.serve()
    assert os.stat(f"/proc/{serve.pid}/mem").st_uid == 0
    user = 65534
    process = subprocess.Popen(["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", PROGRAM, "gate", "--listen",
                                "127.0.0.1:0", "--source", "http://127.0.0.1:1"], stderr=subprocess.PIPE, text=True,
                               env=base_environment())
    try:
        assert process.stderr.readline().startswith("ready")
        code = f"open('/proc/{process.pid}/environ').read()"
        looked = subprocess.run(["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", sys.executable, "-c", code],
                                capture_output=True, text=True, cwd="/")
        assert "PermissionError" in looked.stderr, looked
    finally:
        process.terminate()
        process.communicate(timeout=30)
