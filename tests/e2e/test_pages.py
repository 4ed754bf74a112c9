"""What the pages tell to type is typed: every block of commands runs as it stands, in order, in a fresh directory.

A block of commands is one whose lines begin with "$ ", or one of sh. A block below a line that ends in a file's name and a
colon (`stack.json`:) is that file. What can't be typed in a test says so, in a comment before the block:

    <!-- not run: there is no systemd in a test -->

All others are outputs. A page is one shell, with a network, files of /var/lib and a host's names of its own, and a clock that
goes five minutes ahead whenever a command waits for that; nobody is there to answer a question.
"""

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from g3nops import CODE, PROGRAM, ROOT, Clock, base_environment, faketime_library, until
from stub import PROGRAM as STUB
from stub import REGION

COMMAND_SECONDS = 120
SETTING_UP = """
ip link set lo up && mount --bind hosts /etc/hosts
for place in /var/lib /var/log /run; do mount -t tmpfs none $place || exit; done
mkdir /var/lib/nginx /var/log/nginx
"""
# What a page takes for granted: the account, or the services that run already.
BEFORE = {
    "docs/aws.md": [f"env -u LD_PRELOAD {STUB} --port 4566 --tables pvm_main=40 --buckets pvm-data=5 --log-groups /g3nretailstack/pvm/api=2 &"],
    "docs/gate.md": [
        f"umask 077; export G3NOPS_DATA=$PWD/ops; echo '{CODE}' > code",
        "g3nops secret-set --new-secret-code-file code",
        "g3nops serve --http-listen 127.0.0.1:8080 &",
        "python3 -u -m http.server --bind 127.0.0.1 3000 &",
        # Whoever runs this test may have no other user to run nginx's workers as.
        f"(echo 'user root;' && cat {ROOT}/deploy/gate/nginx.conf) > ../nginx.conf",
        "mount --bind ../nginx.conf /etc/nginx/nginx.conf && nginx",
    ],
}
AWS = {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566", "AWS_ACCESS_KEY_ID": "AKIASTUBSTUBSTUBSTUB", "AWS_REGION": REGION,
       "AWS_SECRET_ACCESS_KEY": "no-secret-at-all", "AWS_EC2_METADATA_DISABLED": "true"}
NOT_RUN = {
    "README.md": ["it is what the test of the demo runs", "it is what runs the tests"],
    "docs/guide.md": ["it builds the program, and installs for the whole machine", "there is no systemd in a test",
                      "there is no user g3nops in a test", "there is no journal in a test"],
    "docs/aws.md": ["the stand-in for AWS has no IAM"],
    "docs/gate.md": ["the libraries are not installed in a test of pages; the test of the library compiles and runs services"],
}


class Block:
    def __init__(self, line, language, text, before):
        self.line, self.language, self.text = line, language, text
        marker = re.search(r"<!-- not run: (.+?) -->$", before)
        self.not_run = marker[1] if marker else None
        named = re.search(r"`([\w./-]+)`:$", before)
        self.file = named[1] if named else None

    def is_commands(self):
        return self.language == "sh" or (not self.language and bool(re.search(r"^\$ ", self.text, re.M)))

    def commands(self):
        """Each with what is shown below it."""
        found = []
        lines = iter(self.text.splitlines())
        for line in lines:
            if self.language != "sh" and not line.startswith("$ "):
                assert found, f"line {self.line}: an output before the first command"
                found[-1][1].append(line)
                continue
            command = [line if self.language == "sh" else line[2:]]
            here = re.search(r"<<'?(\w+)'?", line)
            while command[-1].endswith("\\") or (here and command[-1] != here[1]):
                command.append(next(lines))
            if command != [""]:
                found.append(("\n".join(command), []))
        return found


def blocks(text):
    found = []
    for match in re.finditer(r"^( *)```(\w*)\n(.*?)^ *```$", text, re.M | re.S):
        body = "\n".join(line.removeprefix(match[1]) for line in match[3].splitlines())
        before = text[:match.start()].rstrip().rsplit("\n", 1)[-1]
        found.append(Block(text[:match.start()].count("\n") + 1, match[2], body, before))
    return found


def page(name):
    return blocks((ROOT / name).read_text())


class Shell:
    """Bash with the rights to make its own network and mounts. Ends with all that it started."""

    def __init__(self, directory, environment):
        self.directory = directory
        self.number = 0
        self.clock = Clock(directory / "clock")
        self.seconds_ahead = 0
        self.home = directory / "home"
        self.home.mkdir()
        (directory / "hosts").write_text("127.0.0.1 localhost ops.internal your-service\n")
        tools = directory / "bin"
        tools.mkdir()
        (tools / "g3nops").symlink_to(PROGRAM)
        environment = base_environment() | self.clock.environment() | environment | {"HOME": str(self.home),
            "PATH": f"{tools}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
        mapped = [] if os.geteuid() == 0 else ["--map-root-user"]
        self.process = subprocess.Popen(["unshare", *mapped, "--net", "--mount", "--pid", "--fork", "--kill-child",
                                         "bash", "--norc", "--noprofile"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, text=True, cwd=directory, env=environment,
                                        start_new_session=True)
        code, output = self.run(SETTING_UP)
        assert code == 0, output
        self.run("cd home")

    def run(self, command):
        """The exit code, and what it said."""
        self.number += 1
        script, output, code = (self.directory / f"{self.number}.{what}" for what in ("sh", "out", "code"))
        script.write_text(command + "\n")
        self.process.stdin.write(f". {script} </dev/null >{output} 2>&1; echo $? >{code}.new; mv {code}.new {code}\n")
        self.process.stdin.flush()
        end = time.monotonic() + COMMAND_SECONDS
        has_waited = False
        while not code.exists():
            said = output.read_text(errors="replace") if output.exists() else ""
            assert self.process.poll() is None, f"the shell is gone:\n{said}"
            assert time.monotonic() < end, f"it does not end:\n{said}"
            if "pending: starts in" in said and not has_waited:
                has_waited = True
                self.seconds_ahead += 301
                self.clock.ahead(self.seconds_ahead)
            time.sleep(0.02)
        if command.rstrip().endswith("&"):
            until(lambda: output.read_text(errors="replace"), f"{command} says that it is ready", 30)
        return int(code.read_text()), output.read_text(errors="replace")

    def write(self, name, text):
        """A file in the directory where the shell is."""
        _, where = self.run("pwd")
        path = Path(where.strip()) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()


def wanted_status(command):
    """A comment behind curl says what comes."""
    found = re.search(r"^curl .*#.*?(HTTP/1\.1 \d+)", command)
    return found[1] if found else ""


def type_in(shell, name, block, command, shown):
    if not command.split("#")[0].strip():
        return
    wanted = wanted_status(command)
    end = time.monotonic() + 30
    code, output = shell.run(command)
    while code == 0 and wanted not in output and time.monotonic() < end:
        code, output = shell.run(command)
    place = f"{name}:{block.line}: {command}"
    assert code == 0, f"{place}\nended with {code}:\n{output}"
    assert wanted in output, f"{place}\n{output}"
    if any(line.startswith("ready ") for line in shown):
        assert output.startswith("ready "), f"{place}\n{output}"


@pytest.fixture
def shell_for(tmp_path, settable_clock):
    if subprocess.run(["unshare", *([] if os.geteuid() == 0 else ["--map-root-user"]), "--net", "--mount", "--pid", "--fork", "true"],
                      capture_output=True).returncode != 0:
        pytest.skip("namespaces of one's own are not allowed here")
    started = []

    def start(environment):
        started.append(Shell(tmp_path, environment))
        return started[-1]
    yield start
    for shell in started:
        shell.stop()


@pytest.mark.parametrize("name", NOT_RUN)
def test_every_command_of_a_page_runs_as_it_stands(name, shell_for):
    for needed in {"docs/gate.md": ["nginx", "curl"], "docs/aws.md": ["openssl"]}.get(name, ["jq", "sqlite3", "openssl"]):
        if not shutil.which(needed):
            pytest.skip(f"{needed} is not installed")
    shell = shell_for(AWS if name == "docs/aws.md" else {})
    (shell.home / "deploy").symlink_to(ROOT / "deploy")
    for command in BEFORE.get(name, []):
        code, output = shell.run(command)
        assert code == 0, output
    typed = 0
    for block in page(name):
        if block.not_run:
            continue
        if block.file and not block.is_commands():
            shell.write(block.file, block.text)
        for command, shown in block.commands() if block.is_commands() else []:
            type_in(shell, name, block, command, shown)
            typed += 1
    assert typed > 5


@pytest.mark.parametrize("name", NOT_RUN)
def test_what_is_not_run_is_listed_with_its_reason_and_nothing_else_is_left_out(name):
    found = page(name)
    assert [block.not_run for block in found if block.not_run] == NOT_RUN[name]
    assert all(block.is_commands() for block in found if block.not_run), "only commands need a reason"
    for block in found:
        if not block.is_commands() and block.language in ("", "sh", "console", "bash"):
            assert not re.search(r"^ *(\$ |g3nops [a-z-]+( |$))", block.text, re.M), f"{name}:{block.line} looks like commands"


def test_the_reasons_are_few():
    assert sum(map(len, NOT_RUN.values())) <= 8


@pytest.mark.skipif(not faketime_library(), reason="libfaketime is not installed")
@pytest.mark.parametrize("text, words", [
    ("```\n$ true\n$ false\n```", "ended with 1"),
    ("```sh\ntrue\n\ng3nops no-such-command\n```", "There is no command 'no-such-command'"),
    ("`a.txt`:\n\n```\nhello\n```\n\n```\n$ grep hello \\\n    a.txt\nhello\n$ grep nothing a.txt\n```", "grep nothing a.txt"),
    ("```\n$ sleep 1 && echo none &\nready here\n```", "none"),
])
def test_a_page_that_is_wrong_is_found(text, words, shell_for):
    shell = shell_for({})
    with pytest.raises(AssertionError, match=re.escape(words)):
        for block in blocks(text):
            if block.file:
                shell.write(block.file, block.text)
            for command, shown in block.commands() if block.is_commands() else []:
                type_in(shell, "page", block, command, shown)
