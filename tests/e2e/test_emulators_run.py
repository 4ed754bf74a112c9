"""What tools/emulators run leaves behind: nothing."""

import os
import signal
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from emulators import dynamodb_url, moto_url, versitygw_url
from g3nops import ROOT, until

RUN = [ROOT / "tools/emulators", "run", "--"]
VARIABLES = ["OPS_TEST_DYNAMODB_URL", "OPS_TEST_MOTO_URL", "OPS_TEST_VERSITYGW_URL"]
# Starts a process that has nothing to do with it any more, says which and where the emulators are, and does not end.
SCRIPT = f'setsid sleep 1000 >/dev/null & echo "$!" {" ".join(f"${name}" for name in VARIABLES)}; exec sleep 1000'


@pytest.fixture(autouse=True)
def installed():
    for url in (dynamodb_url, moto_url, versitygw_url):
        url()


def answers(url):
    try:
        urllib.request.urlopen(url, timeout=30)
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def start(tmp_path):
    """The runner, the process that its command leaves behind, and the addresses of the emulators, all of which answer."""
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    runner = subprocess.Popen([*RUN, "sh", "-c", SCRIPT], stdout=subprocess.PIPE, text=True, env=environment)
    orphan, *urls = runner.stdout.readline().split()
    assert len(urls) == len(VARIABLES)
    assert all(map(answers, urls))
    return runner, Path("/proc", orphan), urls


def test_a_signal_ends_the_emulators_the_command_and_what_it_has_left_behind(tmp_path):
    runner, orphan, urls = start(tmp_path)
    assert orphan.exists()

    runner.send_signal(signal.SIGTERM)

    assert runner.wait(60) == 128 + signal.SIGTERM
    assert not any(map(answers, urls))
    assert not orphan.exists()
    assert list(tmp_path.iterdir()) == []


def test_a_killed_runner_takes_the_emulators_and_the_command_along(tmp_path):
    runner, orphan, urls = start(tmp_path)

    runner.kill()

    runner.wait(60)
    until(lambda: not any(map(answers, urls)), "the emulators to end")
    assert runner.stdout.read() == "", "the command still has the pipe"
    # Nobody is left to end what the command has left behind: so much is not promised.
    os.kill(int(orphan.name), signal.SIGKILL)


def test_the_status_is_that_of_the_command(tmp_path):
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    assert subprocess.run([*RUN, "sh", "-c", "exit 7"], env=environment).returncode == 7
    assert list(tmp_path.iterdir()) == []
