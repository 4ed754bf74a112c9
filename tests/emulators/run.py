"""Starts the emulators that are installed, runs a command beside them, and stops them: run.py COMMAND...

The command finds their addresses in OPS_TEST_*_URL, and in AWS_* a pair of credentials that all of them accept. Each
emulator listens on a free port of 127.0.0.1 alone and keeps its files in a scratch directory that is removed with it.
One that isn't installed is named and its variable is not set, so that what needs it skips; where CI is true, that fails.

Whatever happens, no process is left. This program stops what it has started; what its command leaves behind becomes its
child and is stopped too; and the kernel stops the emulators and the command when this program itself is killed.
"""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import moto_iam

HERE = Path(__file__).resolve().parent
INSTALLED = HERE.parents[1] / "build/emulators"
REGION = "eu-central-1"
# Credentials for the case that moto, which makes its own, is not installed: the others take any.
ANY_CREDENTIALS = ("AKIAOPSTESTEMULATORS", "a/secret+of/nobody")
START_TIMEOUT_S = 120
STOP_TIMEOUT_S = 10
PR_SET_CHILD_SUBREAPER = 36
UNTIL_WE_DIE = ["setpriv", "--pdeathsig", "KILL"]


class Trouble(Exception):
    """A sentence for the person who has started this."""


def say(sentence):
    print(f"emulators: {sentence}", file=sys.stderr, flush=True)


def moto_arguments(port, scratch, credentials):
    return [INSTALLED / "moto/bin/moto_server", "--host", "127.0.0.1", "--port", port]


def dynamodb_arguments(port, scratch, credentials):
    lib = INSTALLED / "dynamodb/lib"
    return ["java", "-Xmx512m", "-XX:+UseSerialGC", f"-Dport={port}", f"-Djava.library.path={lib}",
            f"-Djava.io.tmpdir={scratch}", "-cp", f"{lib}/*", "org.eclipse.jetty.xml.XmlConfiguration",
            HERE / "dynamodb.xml"]


def versitygw_arguments(port, scratch, credentials):
    root, versions = scratch / "root", scratch / "versions"
    root.mkdir()
    versions.mkdir()
    access_key, secret = credentials
    return ["env", f"ROOT_ACCESS_KEY_ID={access_key}", f"ROOT_SECRET_ACCESS_KEY={secret}",
            INSTALLED / "versitygw/bin/versitygw", "--port", f"127.0.0.1:{port}", "--region", REGION, "--quiet",
            "posix", "--versioning-dir", versions, root]


class Emulator(NamedTuple):
    name: str  # of its directory in build/emulators
    title: str
    definition: str  # of the version that the tree asks for: tools/emulators copies this file when it has installed that
    variable: str
    arguments: Callable

    def is_installed(self):
        stamp = INSTALLED / self.name / "stamp"
        return stamp.exists() and stamp.read_bytes() == (HERE / self.definition).read_bytes()


# moto comes first, for the sake of its credentials.
EMULATORS = [
    Emulator("moto", "moto", "moto.txt", "OPS_TEST_MOTO_URL", moto_arguments),
    Emulator("dynamodb", "DynamoDB Local", "pom.xml", "OPS_TEST_DYNAMODB_URL", dynamodb_arguments),
    Emulator("versitygw", "versitygw", "versitygw.txt", "OPS_TEST_VERSITYGW_URL", versitygw_arguments),
]


def keeps_attributes(directory):
    """versitygw keeps what it knows of an object in the file's extended attributes, which not every file system has."""
    try:
        with tempfile.NamedTemporaryFile(dir=directory) as file:
            os.setxattr(file.name, "user.test", b"1")
    except OSError:
        return False
    return True


def make_scratch():
    places = [tempfile.gettempdir(), "/var/tmp", INSTALLED, "/dev/shm"]
    place = next((place for place in places if keeps_attributes(place)), None)
    if place is None:
        raise Trouble(f"none of {', '.join(map(str, places))} keeps extended attributes, which versitygw needs; set TMPDIR")
    return Path(tempfile.mkdtemp(prefix="emulators.", dir=place))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A running emulator."""

    def __init__(self, emulator, scratch, credentials):
        port = free_port()
        home = scratch / emulator.name
        home.mkdir()
        self.title = emulator.title
        self.url = f"http://127.0.0.1:{port}"
        self.log = home / "log"
        environment = {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8"}
        command = [*UNTIL_WE_DIE, *map(str, emulator.arguments(port, home, credentials))]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command, cwd=home, env=environment, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, start_new_session=True)

    def answers(self):
        try:
            urllib.request.urlopen(self.url, timeout=START_TIMEOUT_S)
        except urllib.error.HTTPError:
            return True  # A refusal is an answer.
        except OSError:
            return False
        return True

    def wait(self):
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self.answers() or self.process.poll() is not None:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise Trouble(f"{self.title} does not start:\n{self.log.read_text(errors='replace')[-4000:]}")
            time.sleep(0.05)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Stopped(BaseException):
    """A signal asks this program to end. Only the first one is heard: what follows is the way out."""

    signals = [number for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
               if signal.getsignal(number) != signal.SIG_IGN]

    def __init__(self, number):
        self.number = number

    @classmethod
    def listen(cls):
        for number in cls.signals:
            signal.signal(number, cls.hear)

    @classmethod
    def hear(cls, number, frame):
        for every in cls.signals:
            signal.signal(every, signal.SIG_IGN)
        raise cls(number)


def adopt_orphans():
    """Makes this program the parent of whatever loses its own below it, so that end_children finds it."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def children():
    return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]


def end_children():
    """Each killed process may leave new orphans: until there is none."""
    while left := children():
        for pid in left:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def start_emulators(stack):
    """The variables that tell the command where they are."""
    missing = [emulator for emulator in EMULATORS if not emulator.is_installed()]
    for emulator in missing:
        say(f"{emulator.title} is not installed, and what needs it is skipped; tools/emulators install says why")
    if missing and os.environ.get("CI") == "true":
        raise Trouble("CI is true, where nothing may be skipped")

    scratch = make_scratch()
    stack.callback(shutil.rmtree, scratch, ignore_errors=True)
    credentials = ANY_CREDENTIALS
    variables = {}
    servers = []
    for emulator in EMULATORS:
        if emulator in missing:
            continue
        server = Server(emulator, scratch, credentials)
        stack.callback(server.stop)
        servers.append(server)
        variables[emulator.variable] = server.url
        if emulator.name == "moto":
            server.wait()
            credentials = moto_iam.switch_guard_on(server.url)
    for server in servers:
        server.wait()
    access_key, secret = credentials
    return variables | {"AWS_ACCESS_KEY_ID": access_key, "AWS_SECRET_ACCESS_KEY": secret, "AWS_REGION": REGION,
                        "AWS_DEFAULT_REGION": REGION}


def environment_with(variables):
    """Nobody's own account is to get into the tests, nor the address of an emulator that runs elsewhere."""
    others = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "OPS_TEST_"))}
    return others | variables


def run_command(command, environment):
    process = subprocess.Popen([*UNTIL_WE_DIE, *command], env=environment)
    if sys.stdin.isatty():
        # A terminal sends its SIGINT to the command as well, and it is the command's to decide whether that is the end.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        status = process.wait()
    except Stopped:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
        raise
    return status if status >= 0 else 128 - status


def main(command):
    if not command:
        print("usage: tools/emulators run -- COMMAND...", file=sys.stderr)
        return 2
    adopt_orphans()
    Stopped.listen()
    try:
        with ExitStack() as stack:
            stack.callback(end_children)
            return run_command(command, environment_with(start_emulators(stack)))
    except Trouble as trouble:
        say(trouble)
        return 1
    except Stopped as stopped:
        return 128 + stopped.number


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
