"""g3nops on a terminal: questions, the live line, Ctrl-C."""

import codecs
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

import pytest

import stack
from g3nops import CODE, DEADLINE_SECONDS, PHRASE, PROGRAM, base_environment, data, until


def set_columns(fd, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))


class Terminal:
    """A command on a terminal of its own."""

    def __init__(self, *arguments, env=None, columns=None):
        """columns None: a terminal that does not say how wide it is."""
        self.text = ""
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")  # a part may end within a character
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            if columns:
                set_columns(1, columns)
            # As a login shell leaves it; whoever runs the tests in the background has it ignored.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.execve(PROGRAM, [PROGRAM, *map(str, arguments)], base_environment() | {"TERM": "xterm"} | (env or {}))

    def _read(self, wait):
        readable, _, _ = select.select([self.fd], [], [], wait)
        if not readable:
            return True
        try:
            part = os.read(self.fd, 65536)
        except OSError:
            return False
        self.text += self.decoder.decode(part)
        return bool(part)

    def expect(self, text):
        end = time.monotonic() + DEADLINE_SECONDS
        while text not in self.text:
            assert time.monotonic() < end and self._read(0.1), f"no {text!r} in:\n{self.text}"

    def send(self, text):
        os.write(self.fd, text.encode())

    def resize(self, columns):
        set_columns(self.fd, columns)

    def echoes(self):
        return bool(termios.tcgetattr(self.fd)[3] & termios.ECHO)

    def ended(self):
        """Its exit code."""
        end = time.monotonic() + DEADLINE_SECONDS
        while self._read(0.1):
            assert time.monotonic() < end, f"it does not end:\n{self.text}"
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status)


@pytest.fixture
def served(bare):
    stack.big_stack(bare, 2000, 50)
    serve = bare.serve()
    serve.dry_run("vacuumorg", orgcode="acme")
    return serve


@pytest.fixture
def served_with_clock(bare, settable_clock):
    stack.big_stack(bare, 2000, 50)
    serve = bare.serve(clock=True)
    serve.dry_run("vacuumorg", orgcode="acme")
    return serve


def code_of(home):
    return ["--data", home.data, "--secret-code-file", home.code_file]


def asked_for(serve):
    """The vacuum that deletes."""
    return next((vacuum for vacuum in data(serve.invoke("vacuumlist"))["items"] if not vacuum["dry_run"]), None)


def test_the_code_is_asked_for_without_echo(served):
    terminal = Terminal("maintenance-end", "--data", served.home.data)
    terminal.expect("Secret code: ")
    until(lambda: not terminal.echoes(), "echo is off")
    terminal.send(CODE + "\n")
    assert terminal.ended() == 1
    assert "no-active-maintenance" in terminal.text and CODE not in terminal.text


def test_ctrl_c_at_the_question_gives_the_terminal_back(served):
    terminal = Terminal("maintenance-end", "--data", served.home.data)
    terminal.expect("Secret code: ")
    until(lambda: not terminal.echoes(), "echo is off")
    terminal.send("\x03")
    until(terminal.echoes, "echo is on again")
    assert terminal.ended() == -2


@pytest.mark.parametrize("typed, code", [("acme", 0), ("acme2", 1), ("yes", 1), ("", 1)])
def test_vacuum_org_wants_the_orgcode_typed(served, typed, code):
    terminal = Terminal("vacuum-org", "--orgcode", "acme", *code_of(served.home))
    terminal.expect("Type the orgcode to go on: ")
    assert "all records of organisation acme" in terminal.text and "5 minutes" in terminal.text
    assert terminal.echoes() and not asked_for(served)
    terminal.send(typed + "\n")
    assert terminal.ended() == code
    assert bool(asked_for(served)) == (code == 0)


@pytest.mark.parametrize("typed, code", [(PHRASE, 0), (PHRASE.lower(), 1)])
def test_vacuum_all_wants_the_phrase_typed(served, typed, code):
    terminal = Terminal("vacuum-all", *code_of(served.home))
    terminal.expect("to go on: ")
    assert "ALL DATA" in terminal.text
    terminal.send(typed + "\n")
    assert terminal.ended() == code
    assert bool(asked_for(served)) == (code == 0)


def test_vacuum_all_with_the_phrase_in_a_flag_still_asks(served):
    terminal = Terminal("vacuum-all", "--confirmation-phrase", PHRASE, *code_of(served.home))
    terminal.expect("Type 'vacuum all' to go on: ")
    terminal.send("no\n")
    assert terminal.ended() == 1 and not asked_for(served)


def test_an_orgcode_that_was_mistyped_is_not_answered_with_the_phrase(served):
    terminal = Terminal("vacuum-org", "--orgcode", "acme", *code_of(served.home))
    terminal.expect("Type the orgcode to go on: ")
    terminal.send("acem\n")
    assert terminal.ended() == 1 and not asked_for(served)
    assert "the orgcode, acme" in terminal.text and PHRASE not in terminal.text


def test_an_organisation_without_a_dry_run_is_refused_unless_it_is_meant(served):
    terminal = Terminal("vacuum-org", "--orgcode", "globex", *code_of(served.home))
    assert terminal.ended() == 2 and "no dry run of organisation globex" in terminal.text and not asked_for(served)
    terminal = Terminal("vacuum-org", "--orgcode", "globex", "--yes", *code_of(served.home))
    terminal.expect("Type the orgcode to go on: ")
    terminal.send("globex\n")
    assert terminal.ended() == 0 and asked_for(served)["orgcode"] == "globex"


def test_a_dry_run_asks_nothing(served):
    terminal = Terminal("vacuum-org", "--orgcode", "acme", "--dry-run", *code_of(served.home))
    assert terminal.ended() == 0
    assert "Type" not in terminal.text


def watch(serve):
    terminal = Terminal("vacuum-org", "--orgcode", "acme", "--watch", *code_of(serve.home), env=serve.home.clock.environment())
    terminal.expect("Type the orgcode")
    terminal.send("acme\n")
    terminal.expect("Cancel it with: g3nops vacuum-cancel --vacuum-id ")
    terminal.expect("pending")
    return terminal, asked_for(serve)["vacuum_id"]


def test_a_watch_shows_a_live_line_and_ends_with_4_on_cancel(served_with_clock):
    terminal, vacuum_id = watch(served_with_clock)
    assert vacuum_id in terminal.text
    terminal.expect("\r\x1b[K")
    served_with_clock.do("vacuumcancel", vacuum_id=vacuum_id)
    assert terminal.ended() == 4
    assert "cancelled" in terminal.text.rsplit("\x1b[K", 1)[-1]


def test_a_watch_follows_a_vacuum_to_its_good_end(served_with_clock):
    terminal, _ = watch(served_with_clock)
    served_with_clock.home.clock.ahead(301)
    assert terminal.ended() == 0
    last = terminal.text.rsplit("\x1b[K", 1)[-1]
    assert "completed" in last and re.search(r"1,?025 deleted", last), last


def test_ctrl_c_ends_the_watch_and_not_the_vacuum(served_with_clock):
    terminal, vacuum_id = watch(served_with_clock)
    terminal.send("\x03")
    assert terminal.ended() not in (0, 4)
    assert f"vacuum-cancel --vacuum-id {vacuum_id}" in terminal.text.rsplit("Not watching any more", 1)[-1]
    assert served_with_clock.vacuum(vacuum_id)["status"] == "pending"


def test_a_watch_outlives_a_restart_of_the_service(served_with_clock):
    terminal, vacuum_id = watch(served_with_clock)
    served_with_clock.kill()
    terminal.expect("does not answer")
    again = served_with_clock.home.serve(clock=True)
    again.do("vacuumcancel", vacuum_id=vacuum_id)
    assert terminal.ended() == 4
