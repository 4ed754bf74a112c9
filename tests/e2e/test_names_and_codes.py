"""What is typed, pasted and piped: secret codes in the forms that people's tools give them, names that show nothing, and who
is written down as having asked.
"""

import json
import os
import pwd

import pytest

from g3nops import CODE, instant, tag

BOM = b"\xef\xbb\xbf"
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="root alone is somebody else by sudo")


def code_file(home, raw):
    path = home.directory / "given"
    path.write_bytes(raw)
    path.chmod(0o600)
    return path


def by_file(home, raw, *arguments):
    return home.run(*arguments, "--secret-code-file", code_file(home, raw))


def by_input(home, raw, *arguments):
    with open(code_file(home, raw), "rb") as stdin:
        return home.run(*arguments, "--secret-code-file", "-", stdin=stdin)


def by_variable(home, raw, *arguments):
    return home.run(*arguments, env={"G3NOPS_SECRET_CODE": os.fsdecode(raw)})


def by_flag(home, raw, *arguments):
    return home.run(*arguments, f"--secret-code={os.fsdecode(raw)}")


WAYS = [by_file, by_input, by_variable, by_flag]
HARMLESS = {"as it is": b"", "LF": b"\n", "CRLF": b"\r\n"}
REFUSED = {
    "blanks": (b"            ", "is of blanks only"),
    "other blanks": ("\u00a0\u2003\u3000\u200b".encode() * 4, "is of blanks only"),
    "a BOM": (BOM + CODE.encode(), "begins with a byte order mark (BOM)"),
    "UTF-16": (CODE.encode("utf-16-le"), None),
    "two lines": (CODE.encode() + b"\n\n", "has more than one line"),
    "a line more": (CODE.encode() + b"\nsecond", "has more than one line"),
    "Latin-1": (b"p\xe4ssword-correct-1", "is not UTF-8 text"),
    "nothing but a line end": (b"\n", "is empty"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("form", HARMLESS)
def test_one_line_end_is_dropped_whichever_way_a_code_comes(bare, way, form):
    bare.serve()
    used = way(bare, CODE.encode() + HARMLESS[form], "maintenance-end")
    assert used.returncode == 1 and "no-active-maintenance" in used.stderr, used


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("form", REFUSED)
def test_what_can_be_no_code_is_refused_by_name_and_sent_nowhere(bare, way, form):
    raw, words = REFUSED[form]
    if b"\0" in raw and way in (by_variable, by_flag):
        pytest.skip("neither can hold a NUL")
    serve = bare.serve()
    used = way(bare, raw, "maintenance-end")
    assert used.returncode == 2 and (words or "is not UTF-8 text") in used.stderr, used
    assert [record["type"] for record in serve.audit()] == ["secret.set"], "no wrong code was counted"


@pytest.mark.parametrize("form", REFUSED)
def test_nor_can_it_be_set(make_home, form):
    home = make_home()
    raw, words = REFUSED[form]
    refused = home.run("secret-set", "--new-secret-code-file", code_file(home, raw))
    assert refused.returncode == 2 and (words or "is not UTF-8 text") in refused.stderr, refused
    assert not home.store.exists()


def test_a_manifest_may_begin_with_a_bom(sample):
    manifest = sample.data / "manifest.json"
    manifest.write_bytes(BOM + manifest.read_bytes())
    assert sample.run("manifest-check").returncode == 0
    sample.serve()
    manifest.write_bytes(manifest.read_text(encoding="utf-8-sig").encode("utf-16"))
    refused = sample.run("manifest-check")
    assert refused.returncode == 1 and f"The manifest {manifest} is UTF-16 text; it must be UTF-8." in refused.stderr


# ---- who ----

def last(serve):
    return serve.audit()[-1]


def test_records_say_who_asked_and_what_the_machine_knows_of_him(bare):
    serve = bare.serve()
    uid = f"uid:{os.getuid()}"
    scheduled = serve.schedule(3600, actor="somebody else")
    assert (last(serve)["actor"], last(serve)["peer"]) == ("somebody else", uid)
    serve.do("maintenancestart", maintenance_id=scheduled["maintenance_id"])
    assert last(serve)["peer"] == uid and "actor" not in last(serve)
    serve.do("maintenanceend")
    vacuum = serve.do("vacuumorg", orgcode="acme", actor="olga")
    assert (vacuum["actor"], vacuum["peer"]) == ("olga", uid)
    cancelled = serve.do("vacuumcancel", vacuum_id=vacuum["vacuum_id"], actor="anna")
    assert cancelled["peer"] == uid
    assert (last(serve)["type"], last(serve)["actor"], last(serve)["peer"]) == ("vacuum.cancelled", "anna", uid)
    serve.invoke("maintenanceend", secret_code="a wrong secret code")
    assert (last(serve)["type"], last(serve)["peer"]) == ("secret.mismatch", uid)
    assert serve.audit()[0]["type"] == "secret.set" and serve.audit()[0]["peer"] == uid
    assert bare.run("audit-verify").returncode == 0


def test_on_tcp_the_peer_is_an_address(bare):
    serve = bare.serve("--invoke-listen", "127.0.0.1:0")
    serve.schedule(3600)
    assert last(serve)["peer"] == "address:127.0.0.1"


@as_root
def test_root_by_way_of_sudo_is_who_called_it(bare):
    serve = bare.serve()
    caller = pwd.getpwuid(65534)
    root = pwd.getpwuid(0).pw_name

    def actor(**env):
        scheduled = bare.operator("maintenance-schedule", "--description", "x", "--duration", 600, "--start",
                                  instant(3600), env=env)
        assert scheduled.returncode == 0, scheduled
        return last(serve)["actor"]

    assert actor(SUDO_USER=caller.pw_name, SUDO_UID=str(caller.pw_uid)) == caller.pw_name
    assert actor(SUDO_USER=caller.pw_name, SUDO_UID="0") == root, "the two do not agree"
    assert actor(SUDO_USER=caller.pw_name) == root
    assert actor(SUDO_USER="no-such-user", SUDO_UID="-1") == root
    assert actor() == root


HIDDEN = {"zero width": "a\u200bb", "bidi": "a\u202eb", "tag": "a\U000e0041b", "soft hyphen": "a\u00adb", "escape": "a\x1b[2Jb",
          "unassigned tag": "a\U000e0fffb", "filler": "a\u3164b"}
SHOWN = {"zero width": r"a\u200bb", "bidi": r"a\u202eb", "tag": r"a\U000e0041b", "soft hyphen": r"a\xadb",
         "escape": r"a\x1b[2Jb", "unassigned tag": r"a\U000e0fffb", "filler": r"a\u3164b"}


WHITE = {"no-break space": "\u00a0", "Braille blank": "\u2800", "variation selector": "\ufe0f",
         "all of them": " \u3000\u2800\ufe0e"}


@pytest.mark.parametrize("kind", WHITE)
def test_what_leaves_the_paper_white_is_no_name_and_no_text(bare, kind):
    serve = bare.serve()
    white = WHITE[kind]
    schedule = {"description": "d", "estimated_duration_seconds": 60, "scheduled_start_utc": instant(3600)}
    for function, field, more in (("maintenanceend", "actor", {}), ("maintenanceend", "reason", {}),
                                  ("maintenanceend", "end_message", {}), ("maintenanceupdate", "text", {}),
                                  ("maintenanceschedule", "description", schedule)):
        refused = serve.ask(function, **more | {field: white})
        assert tag(refused) == "invalid-field" and refused["error"]["details"] == {"field": field}, (function, refused)
    refused = bare.operator("maintenance-end", "--actor", white)
    assert refused.returncode != 0 and "actor" in refused.stderr, refused
    new = bare.directory / "new"
    new.write_text("another code of twelve")
    new.chmod(0o600)
    refused = bare.run("secret-set", "--new-secret-code-file", new, "--secret-code-file", bare.code_file, "--actor", white)
    assert refused.returncode == 1 and "actor has nothing but blanks in it" in refused.stderr, refused
    assert [record["type"] for record in serve.audit()] == ["secret.set"]


@pytest.mark.parametrize("kind", HIDDEN)
def test_what_nobody_sees_is_no_name_and_is_shown_escaped_elsewhere(bare, kind):
    serve = bare.serve()
    refused = serve.ask("maintenanceend", actor=HIDDEN[kind])
    assert tag(refused) == "invalid-field" and refused["error"]["details"] == {"field": "actor"}
    new = bare.directory / "new"
    new.write_text("another code of twelve")
    new.chmod(0o600)
    refused = bare.run("secret-set", "--new-secret-code-file", new, "--secret-code-file", bare.code_file, "--actor", HIDDEN[kind])
    assert refused.returncode == 1 and "actor has a character in it that nobody sees" in refused.stderr, refused
    window = serve.schedule(3600, description=HIDDEN[kind])
    serve.do("maintenancestart", maintenance_id=window["maintenance_id"])
    shown = bare.run("ping")
    assert SHOWN[kind] in shown.stdout and HIDDEN[kind] not in shown.stdout
    assert json.loads(bare.run("ping", "--json").stdout)["data"]["maintenance"]["description"] == HIDDEN[kind]
