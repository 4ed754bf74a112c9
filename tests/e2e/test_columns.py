"""What a person sees at 80 columns, at 40 and at 132: every line whole, every name told apart, every reason there."""

import os
import re
import stat
import unicodedata

import pytest

import stack
from g3nops import until
from test_terminal import Terminal

WIDTHS = (40, 80, 132)


def columns_of(text):
    """The cells that a terminal gives a text."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def lines_of(text):
    """The lines that a terminal shows: what is written over a line begins it anew."""
    text = text.replace("\r\n", "\n").replace("\x1b[K", "")
    return [line for whole in text.split("\n") for line in whole.split("\r")]


def show(home, width, *arguments, code=0):
    """What a command writes on a terminal, no line of it wider than that."""
    terminal = Terminal(*arguments, "--data", home.data, columns=width)
    assert terminal.ended() == code, terminal.text
    lines = lines_of(terminal.text)
    wide = [line for line in lines if columns_of(line) > width]
    assert not wide, (width, arguments, wide)
    return lines


def names_in(lines, after=""):
    """The cells of the first column NAME after a line, in order: one that is broken over lines as one."""
    begin = next(i for i, line in enumerate(lines) if line.startswith(after)) if after else 0
    title = next(i for i in range(begin, len(lines)) if " NAME" in lines[i])
    left = lines[title].index("NAME")
    ends = [match.start() for match in re.finditer(r"(?<= )\S", lines[title]) if match.start() > left]
    right = ends[0] - 2 if ends else None
    names = []
    for line in lines[title + 1:]:
        if not line.strip():
            break
        cell = cut(line, left, right)
        if line[:2] == "  " and line[2:left].strip() and not line.startswith("    "):
            names.append(cell)
        elif line.startswith(" " * left) and cell:
            names[-1] += "|" + cell
    return names


def cut(line, left, right):
    """The part of a line between two columns."""
    part, column = "", 0
    for character in line:
        if column >= left and (right is None or column < right or not columns_of(character)):
            part += character
        column += columns_of(character)
    return part.strip()


# ---- the sample stack ----


@pytest.fixture(scope="module")
def sampled(shared):
    """The sample stack, served, with a dry run of everything and some windows."""
    home = shared.home
    vacuum = shared.dry_run(reason="to see what is there, and because somebody asked for it in a meeting that went on for long")
    for number in range(3):
        shared.schedule(3600 + number, description=f"Move number {number} of all the tables of the whole stack to new disks")
    window = shared.schedule(description="Move to new disks")
    shared.do("maintenancestart", maintenance_id=window["maintenance_id"])
    shared.do("maintenanceupdate", text="Half of the tables are on the new disks by now, and the other half is on its way.")
    return home, window["maintenance_id"], ["vacuum-status", "--vacuum-id", vacuum["vacuum_id"]]


@pytest.mark.parametrize("width", WIDTHS)
def test_no_line_is_wider_than_the_terminal(sampled, width):
    home, window_id, vacuum = sampled
    session = ["--session-guid", home.session()]
    for arguments in (vacuum, ["vacuum-list"], ["audit-list"], ["ping"], ["stat"], ["sweep"], ["manifest-check"],
                      ["maintenance-list", "--status", "all", *session],
                      ["maintenance-get", "--maintenance-id", window_id, *session],
                      ["vacuum-org", "--orgcode", "acme", "--dry-run", "--secret-code-file", home.code_file]):
        show(home, width, *arguments)
    for arguments, code in ((["vacuum-status", "--vacuum-id", "no-such-vacuum"], 1), (["vacuum-og"], 2),
                            (["maintenance-list", "--session-guid", "nobody"], 1), (["vacuum-list", "--limit", "x"], 2)):
        show(home, width, *arguments, code=code)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_names_of_the_sample_stack_are_told_apart(sampled, width):
    home, _, vacuum = sampled
    targets = [target for target in home.json(*vacuum)["targets"]
               if target["status"] not in ("skipped", "unclassified")]
    assert len(targets) > 90
    names = names_in(show(home, width, *vacuum))
    assert len(names) == len(targets) and len(set(names)) == len({target["name"] for target in targets})
    for name, target in zip(names, targets):
        head, _, tail = name.replace("|", "").partition("…")
        assert target["name"].startswith(head) and target["name"].endswith(tail) and head and (tail or "…" not in name)
    if width == 132:
        assert names == [target["name"] for target in targets]


def test_columns_of_zeros_are_left_out_on_a_terminal_and_nothing_is_elsewhere(sampled):
    home, _, vacuum = sampled
    titles = next(line for line in show(home, 132, *vacuum) if " NAME" in line).split()
    assert titles == ["SERVICE", "KIND", "NAME", "STATUS", "MATCHED", "PROTECTED", "BYTES"]
    piped = home.run(*vacuum, env={"TERM": "xterm"}).stdout
    assert next(line for line in piped.splitlines() if " NAME" in line).split() == [
        "SERVICE", "KIND", "NAME", "STATUS", "MATCHED", "DELETED", "FAILED", "PROTECTED", "BYTES"]
    assert "…" not in piped
    for target in home.json(*vacuum)["targets"]:
        assert re.search(rf"  {re.escape(target['name'])}(  |\n)", piped), target["name"]


# ---- awkward names ----

AWKWARD = ([f"g3nretailstack-influencer-eu-central-1-production-data-{i:02}" for i in range(12)]
           + [f"{i:02}-g3nretailstack-influencer-eu-central-1-production-data" for i in range(12)]
           + ["x" * 100 + letter + "x" * 99 for letter in "abcd"]
           + ["日本語の名前の長いもの日本語の名前の長い" + letter + "もの日本語の名前" for letter in "赤青黒"]
           + ["e" * 20 + "e\u0301" * count + "e" * (30 - count) for count in range(4)])


@pytest.mark.parametrize("width", WIDTHS)
def test_awkward_names_are_told_apart(bare, width):
    stack.big_stack(bare, 10, 10)
    for name in AWKWARD:
        stack.make_objects(bare.bucket(name), ["object"])
    bare.serve().dry_run()
    lines = show(bare, width, "vacuum-status")
    names = names_in(lines, "warning: these exist")
    assert len(names) == len(set(names)) == len(AWKWARD)
    assert sorted(target["name"] for target in bare.json("vacuum-status")["targets"]
                  if target["status"] == "unclassified") == sorted(AWKWARD)


def test_a_long_list_on_a_terminal_says_how_many_more_there_are(bare):
    stack.big_stack(bare, 10, 10)
    for number in range(60):
        stack.make_objects(bare.bucket(f"other-{number}"), ["object"])
    bare.serve().dry_run()
    lines = show(bare, 80, "vacuum-status")
    assert "    and 10 more: --json shows all" in lines
    assert len([line for line in lines if "other-" in line]) == 50
    assert len(re.findall("other-", bare.run("vacuum-status").stdout)) == 60


# ---- reasons ----


def test_why_a_target_failed_is_beneath_its_row(bare):
    stack.big_stack(bare, 10, 10)
    bare.table("pvm_main").write_bytes(os.urandom(9000))
    vacuum = bare.serve().dry_run()
    error = next(target["error"] for target in vacuum["targets"] if target["status"] == "failed")
    lines = show(bare, 80, "vacuum-status")
    row = next(i for i, line in enumerate(lines) if "pvm_main" in line and "failed" in line)
    end = next(i for i in range(row + 1, len(lines)) if not lines[i].startswith("    "))
    assert "".join(line.strip() for line in lines[row + 1:end]).replace(" ", "") == error.replace(" ", "")
    assert "Needs a look: table pvm_main" in lines
    assert f"\n    {error}\n" in bare.run("vacuum-status").stdout


def test_of_many_remarks_the_first_are_shown_and_the_rest_counted(bare):
    stack.big_stack(bare, 10, 10)
    stack.make_objects(bare.bucket("pvm-data"), [f"acme/closed-{number}/object" for number in range(8)])
    closed = [bare.bucket("pvm-data") / "acme" / f"closed-{number}" for number in range(8)]
    serve = bare.serve(before=() if os.geteuid() else ("setpriv", "--bounding-set=-dac_override,-dac_read_search",
                                                       "--inh-caps=-dac_override,-dac_read_search"))
    try:
        for directory in closed:
            directory.chmod(0)
        vacuum = serve.dry_run()
    finally:
        for directory in closed:
            directory.chmod(stat.S_IRWXU)
    target = next(target for target in vacuum["targets"] if target["name"] == "pvm-data")
    assert target["unreadable"] == len(target["remarks"]) == 8
    lines = show(bare, 80, "vacuum-status")
    assert len([line for line in lines if line.startswith("    unreadable: ")]) == 3
    assert "    and 5 more: --json shows all" in lines
    piped = bare.run("vacuum-status").stdout
    assert len(re.findall("\n    unreadable: ", piped)) == 8 and "more: --json" not in piped


# ---- watching ----


def test_a_watch_fits_the_terminal_also_when_that_becomes_narrower(bare, settable_clock):
    stack.big_stack(bare, 20000, 2000)
    serve = bare.serve(clock=True)
    terminal = Terminal("vacuum-org", "--orgcode", "acme", "--yes", "--watch", "--data", bare.data, "--secret-code-file",
                        bare.code_file, env=bare.clock.environment(), columns=80)
    terminal.expect("Type the orgcode")
    terminal.send("acme\n")
    terminal.expect("pending: starts in ")
    asked = terminal.text.index("Type the orgcode")
    wide = terminal.text[terminal.text.index("\n", asked):]
    terminal.resize(20)
    # On 20 columns it is another line. What was written before the size changed may still be on its way.
    narrow = r"pending: \d:\d\d"
    until(lambda: terminal._read(0.1) and len(re.findall(narrow, terminal.text)) >= 2, "narrow lines are written")
    begin = len(terminal.text)
    bare.clock.ahead(301)
    assert terminal.ended() == 0
    assert all(columns_of(line) <= 80 for line in lines_of(wide))
    rest = lines_of(terminal.text[begin:])
    assert "pending: starts in" in wide and "\r\x1b[Kpending: 4:" in terminal.text[:begin]
    assert rest and all(columns_of(line) <= 20 for line in rest), [line for line in rest if columns_of(line) > 20]
    assert serve.vacuum()["status"] == "completed" and any("completed" in line for line in rest)
