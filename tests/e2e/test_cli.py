"""g3nops as a person or a script uses it, without a terminal."""

import http.server
import json
import os
import re
import shutil
import signal
import subprocess
import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

import stack
from g3nops import CODE, PHRASE, PROGRAM, base_environment, instant, tag, until

SOME_ID = "01JDE9Q3F0V8M4T6XK2R7W5N1B"
COMMANDS = ["serve", "gate", "maintenance-schedule", "maintenance-start", "maintenance-update", "maintenance-end", "maintenance-cancel",
            "maintenance-list", "maintenance-get", "vacuum-all", "vacuum-org", "vacuum-cancel", "vacuum-status", "vacuum-list", "secret-set",
            "session-create", "demo-data", "audit-list", "audit-verify", "aws-bootstrap", "manifest-check", "ping", "stat", "sweep",
            "demo", "version"]


def plain(*arguments, **options):
    return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=options.pop("timeout", 60),
                          env=base_environment() | options.pop("env", {}), stdin=subprocess.DEVNULL, **options)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command):
    result = plain(command, "--help")
    assert result.returncode == 0 and result.stdout.startswith(f"g3nops {command}: ") and not result.stderr, result
    assert plain("help", command).stdout == result.stdout
    assert all(len(line) <= 80 for line in result.stdout.splitlines())


def test_the_overview_names_every_command():
    assert set(COMMANDS) <= set(re.findall(r"^  ([a-z-]+)", plain("--help").stdout, re.M))


@pytest.mark.parametrize("arguments", [
    [], ["no-such-command"], ["ping", "--no-such-flag"], ["ping", "extra"], ["maintenance-start"], ["vacuum-org"],
    ["maintenance-list", "--status", "over"], ["maintenance-list", "--limit", "ten"], ["serve", "--workers", "0"],
    ["ping", "--data"], ["ping", "--data", "a", "--data", "b"], ["version", "--json=yes"], ["ping", "--engine", "cloud"],
    ["aws-bootstrap"], ["aws-bootstrap", "--region", "eu-central-1"], ["ping", "--endpoint", "ftp://x"],
])
def test_a_wrong_command_line_is_2(arguments, tmp_path):
    result = plain(*arguments, env={"G3NOPS_DATA": str(tmp_path)} if "--data" not in arguments else {})
    assert result.returncode == 2 and (result.stderr or result.stdout), result


def test_without_a_service_the_code_is_3_and_the_message_helps(bare):
    for arguments in (["ping"], ["stat"], ["vacuum-status"], ["maintenance-list", "--session-guid", "x"]):
        result = bare.run(*arguments, env={"G3NOPS_ENDPOINT": "http://127.0.0.1:1"})
        assert result.returncode == 3, result
    result = bare.operator("maintenance-end")
    assert result.returncode == 3 and "g3nops serve" in result.stderr, result


def test_what_is_not_g3nops_is_told_apart_from_nobody(bare, tmp_path):
    server = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    result = bare.run("ping", "--endpoint", f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    server.server_close()
    assert result.returncode == 3 and "not g3nops" in result.stderr, result


@pytest.fixture
def served(bare):
    return bare.serve()


def test_a_window_from_beginning_to_end_by_commands(served):
    home = served.home
    guid = home.session()
    window = json.loads(home.operator("maintenance-schedule", "--description", "Move to new disks", "--duration", "600", "--start",
                                      instant(3600), "--json").stdout)["data"]
    maintenance_id = window["maintenance_id"]
    assert home.operator("maintenance-start", "--maintenance-id", maintenance_id).returncode == 0
    assert "Move to new disks" in home.run("ping").stdout
    assert home.operator("maintenance-update", "--text", "half").returncode == 0
    assert "half" in home.run("maintenance-get", "--maintenance-id", maintenance_id, "--session-guid", guid).stdout
    assert maintenance_id in home.run("maintenance-list", env={"G3NOPS_SESSION_GUID": guid}).stdout
    assert home.operator("maintenance-end", "--end-message", "done", "--actor", "olga").returncode == 0
    assert home.json("ping")["maintenance"] is None
    other = served.schedule()["maintenance_id"]
    assert home.operator("maintenance-cancel", "--maintenance-id", other, "--expected-revision", 1).returncode == 0
    assert "olga" in home.run("audit-list", "--limit", 50).stdout
    assert home.run("audit-verify").returncode == 0
    assert home.run("stat").returncode == home.run("sweep").returncode == 0


def test_a_refusal_is_1_and_prints_its_tag(served):
    home = served.home
    result = home.operator("maintenance-end")
    assert result.returncode == 1 and "no-active-maintenance" in result.stderr and not result.stdout
    result = home.operator("maintenance-start", "--maintenance-id", SOME_ID, "--json")
    assert result.returncode == 1 and not result.stderr
    assert json.loads(result.stdout)["error"]["minor"]["tag"] == "maintenance-not-found"
    result = home.run("maintenance-list", "--session-guid", "nobody")
    assert result.returncode == 1 and "session-" in result.stderr


@pytest.mark.parametrize("arguments", [["ping"], ["stat"], ["sweep"], ["audit-list"], ["audit-verify"], ["version"],
                                       ["manifest-check"], ["vacuum-status"], ["no-such-command"], ["maintenance-start"]])
def test_json_is_one_envelope_on_standard_output_and_nothing_else(served, arguments):
    result = served.home.run(*arguments, "--json")
    assert result.stdout.count("\n") == 1 and not result.stderr, result
    filtered = subprocess.run(["jq", "-er", ".success | type"], input=result.stdout, capture_output=True, text=True)
    assert filtered.stdout == "boolean\n", filtered


def test_the_code_comes_from_a_flag_a_file_standard_input_or_the_environment(served):
    home = served.home
    wanted = ["maintenance-end"]
    for result in (home.run(*wanted, "--secret-code", CODE), home.run(*wanted, "--secret-code-file", home.code_file),
                   home.run(*wanted, "--secret-code-file", "-", text_in=CODE + "\n"),
                   home.run(*wanted, env={"G3NOPS_SECRET_CODE": CODE})):
        assert result.returncode == 1 and "no-active-maintenance" in result.stderr, result
        assert CODE not in result.stdout + result.stderr
    result = subprocess.run([PROGRAM, *wanted, "--data", str(home.data)], capture_output=True, text=True, timeout=60,
                            env=base_environment(), stdin=subprocess.DEVNULL, start_new_session=True)
    assert result.returncode == 2 and "--secret-code-file" in result.stderr, result


def test_a_code_file_that_others_may_read_is_warned_about(served):
    served.home.code_file.chmod(0o644)
    assert "chmod 600" in served.home.operator("maintenance-end").stderr


def test_the_code_is_set_rotated_and_needs_the_old_one(bare):
    new = bare.directory / "new"
    new.write_text("another code of some length")
    new.chmod(0o600)
    result = subprocess.run([PROGRAM, "secret-set", "--new-secret-code-file", new, "--data", bare.data], capture_output=True,
                            text=True, env=base_environment(), stdin=subprocess.DEVNULL, start_new_session=True)
    assert result.returncode != 0, result
    wrong = bare.run("secret-set", "--new-secret-code-file", new, "--secret-code", "not the old one")
    assert wrong.returncode == 1 and "secret-code-mismatch" in wrong.stderr
    serve = bare.serve()
    assert bare.operator("secret-set", "--new-secret-code-file", new).returncode == 0
    assert bare.operator("maintenance-end").returncode == 1
    assert "secret-code-mismatch" in bare.operator("maintenance-end").stderr
    assert "no-active" in bare.run("maintenance-end", "--secret-code-file", new).stderr
    assert [record["type"] for record in serve.audit()][:4] == ["secret.set", "secret.mismatch", "secret.rotated", "secret.mismatch"]
    short = bare.directory / "short"
    short.write_text("elevenbytes")
    short.chmod(0o600)
    assert bare.run("secret-set", "--new-secret-code-file", short, "--secret-code-file", new).returncode in (1, 2)


def test_the_code_is_in_no_process_title_output_log_record_or_file(bare):
    serve = bare.serve()
    with subprocess.Popen([PROGRAM, "maintenance-schedule", "--secret-code", CODE, "--description", "x", "--duration", "60", "--start",
                           instant(600), "--data", str(bare.data)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          env=base_environment()) as client:
        os.kill(serve.pid, signal.SIGSTOP)  # so that the client waits and can be looked at
        try:
            title = Path(f"/proc/{client.pid}/cmdline")
            until(lambda: b"--description" in title.read_bytes() and CODE.encode() not in title.read_bytes(),
                  "the code is wiped from the process title")
        finally:
            os.kill(serve.pid, signal.SIGCONT)
        output = client.stdout.read()
    assert client.returncode == 0 and CODE not in output
    bare.run("secret-set", "--new-secret-code-file", bare.code_file, "--secret-code", CODE)
    serve.invoke("maintenanceend", secret_code=CODE + "x")
    serve.stop()
    for path in [*bare.data.rglob("*"), *bare.directory.glob("*.err")]:
        if path.is_file():
            assert CODE.encode() not in path.read_bytes(), path


def test_vacuum_commands_want_their_confirmation(served):
    home = served.home
    result = home.operator("vacuum-all")
    assert result.returncode == 2 and "--confirmation-phrase" in result.stderr
    for wanted in (["vacuum-all", "--confirmation-phrase", PHRASE], ["vacuum-org", "--orgcode", "acme"]):
        result = home.operator(*wanted)
        assert result.returncode == 2 and "--yes" in result.stderr, result
        result = home.operator(*wanted, "--json")
        assert result.returncode == 2 and "--yes" in json.loads(result.stdout)["error"]["minor"]["message"]["en_US"], result
    assert tag(served.invoke("vacuumstatus")) == "vacuum-not-found"
    result = home.operator("vacuum-all", "--confirmation-phrase", "yes", "--yes")
    assert result.returncode == 1 and "confirmation-phrase-mismatch" in result.stderr
    result = home.operator("vacuum-all", "--confirmation-phrase", PHRASE, "--yes", "--json")
    vacuum = json.loads(result.stdout)["data"]
    assert result.returncode == 0 and vacuum["status"] == "pending"
    assert home.operator("vacuum-cancel", "--vacuum-id", vacuum["vacuum_id"]).returncode == 0
    assert "cancelled" in home.run("vacuum-status").stdout


def test_a_tenant_that_nothing_knows_is_not_vacuumed_by_mistake(sample):
    serve = sample.serve()
    dry_run = json.loads(sample.operator("vacuum-org", "--orgcode", "acmee", "--dry-run", "--json").stdout)["data"]
    assert dry_run["totals"]["matched"] == 0
    result = sample.operator("vacuum-org", "--orgcode", "acmee", "--yes")
    assert result.returncode == 0 and "matched nothing: is the orgcode right?" in result.stderr, result
    assert sample.operator("vacuum-cancel").returncode == 0
    assert sample.operator("vacuum-org", "--orgcode", "acme", "--dry-run").returncode == 0
    result = sample.operator("vacuum-org", "--orgcode", "acme", "--yes")
    assert result.returncode == 0 and "warning" not in result.stderr, result
    result = sample.operator("vacuum-cancel")
    assert result.returncode == 0 and "of organisation acme." in result.stderr and "cancelled" in result.stdout, result
    result = sample.operator("vacuum-cancel")
    assert result.returncode == 1 and "vacuum-not-pending" in result.stderr, result
    assert serve.vacuum()["status"] == "cancelled"


def test_an_id_may_be_the_beginning_of_one_or_latest(served):
    home = served.home
    first, second = served.schedule()["maintenance_id"], served.schedule()["maintenance_id"]
    unique = next(second[:length] for length in range(6, 27) if not first.startswith(second[:length]))
    assert second in home.run("maintenance-get", "--maintenance-id", unique.lower()).stdout
    assert second in home.run("maintenance-get", "--maintenance-id", "latest").stdout
    result = home.run("maintenance-get", "--maintenance-id", first[:6])
    assert result.returncode == 2 and first in result.stderr and second in result.stderr, result
    result = home.run("maintenance-get", "--maintenance-id", "7" * 6)
    assert result.returncode == 1 and "maintenance-not-found" in result.stderr, result
    vacuum_id = served.dry_run("vacuumorg", orgcode="acme")["vacuum_id"]
    for wanted in ("latest", vacuum_id[:20]):
        assert vacuum_id in home.run("vacuum-status", "--vacuum-id", wanted).stdout


def test_windows_are_read_without_a_session_on_the_operators_own_surface(served):
    home = served.home
    maintenance_id = served.schedule()["maintenance_id"]
    assert home.json("maintenance-list")["items"] == [home.json("maintenance-get", "--maintenance-id", maintenance_id)]
    result = home.run("maintenance-list", "--endpoint", served.http_url)
    assert result.returncode == 1 and "session-required" in result.stderr, "the routes stay as they are"


def test_by_the_http_surface_an_id_is_looked_up_with_a_session(served):
    home = served.home
    window = json.loads(home.operator("maintenance-schedule", "--description", "x", "--duration", "1h", "--start", "+2h", "--json").stdout)["data"]
    guid = home.json("session-create", "--user", "alice")["session_guid"]
    way = ["--endpoint", served.http_url, "--session-guid", guid]
    for start in ("latest", window["maintenance_id"][:20].lower()):
        assert window["maintenance_id"] in home.run("maintenance-get", "--maintenance-id", start, *way).stdout
    result = home.run("maintenance-get", "--maintenance-id", "latest", "--endpoint", served.http_url)
    assert result.returncode == 1 and "session-required" in result.stderr, result
    for command in (["vacuum-status"], ["vacuum-status", "--vacuum-id", "latest"], ["audit-list"]):
        result = home.run(*command, "--endpoint", served.http_url)
        assert result.returncode == 1 and "What answers there is the HTTP surface" in result.stderr, result


def test_a_zone_that_nobody_knows_is_warned_about_once(served):
    result = served.home.run("maintenance-list", "--status", "all", env={"TZ": "Europe/Viena"})
    assert result.returncode == 0 and result.stderr.count("there is no time zone 'Europe/Viena', which TZ names") == 1, result
    assert "Viena" not in result.stdout and "LOCAL" not in result.stdout, result


def test_words_may_stand_apart(served):
    home = served.home
    assert home.json("vacuum", "list") == home.json("vacuum-list")
    assert home.run("help", "audit", "verify").stdout == home.run("audit-verify", "--help").stdout
    session = home.json("session", "create", "--user", "alice", "--ttl", "1h30m")
    assert session["session_guid"]
    result = plain("vacuum")
    assert result.returncode == 2 and "org, all, cancel, status, list" in result.stderr, result


def test_times_are_taken_and_shown_as_people_have_them(served):
    home = served.home

    def schedule(start, zone, *more):
        return home.operator("maintenance", "schedule", "--description", "x", "--duration", "1d12h", *start, *more, env={"TZ": zone})
    day = datetime.now(timezone.utc) + timedelta(days=60)
    window = json.loads(schedule(["--start", f"{day:%Y-%m-%d}T03:00 Asia/Tokyo"], "UTC", "--json").stdout)["data"]
    assert window["scheduled_start_utc"] == f"{day - timedelta(days=1):%Y-%m-%d}T18:00:00Z"
    assert window["estimated_duration_seconds"] == 129600
    shown = home.run("maintenance-get", "--maintenance-id", window["maintenance_id"], env={"TZ": "Asia/Tokyo"}).stdout
    assert f"{day - timedelta(days=1):%Y-%m-%d} 18:00:00Z = {day:%Y-%m-%d} 03:00:00 JST (in " in shown, shown
    result = schedule(["--start", "2027-03-28T02:30 Europe/Vienna"], "UTC")
    assert result.returncode == 2 and "2027-03-28T00:30:00Z" in result.stderr and "2027-03-28T01:30:00Z" in result.stderr, result


def test_a_window_is_scheduled_and_started_in_one_step_or_not_at_all(served):
    home = served.home
    wanted = ["maintenance-schedule", "--description", "x", "--duration", "45m", "--now"]
    started = json.loads(home.operator(*wanted, "--json").stdout)["data"]
    assert started["status"] == "active" and started["started_by"] == "operator"
    result = home.operator(*wanted)
    assert result.returncode == 1 and "maintenance-already-active" in result.stderr and "nothing was scheduled" in result.stderr, result
    assert [window["status"] for window in home.json("maintenance-list", "--status", "all")["items"]] == ["active"]
    shown = home.run("maintenance-get", "--maintenance-id", "latest").stdout
    assert "but it was started before that" in shown and "(in " not in shown.split("expected end")[0], shown


def test_an_error_names_the_flag_and_with_json_the_field(served):
    arguments = ["maintenance-schedule", "--description", "x", "--duration", "59s", "--start", "+1h"]
    result = served.home.operator(*arguments)
    assert result.returncode == 1 and "--duration must be from 60" in result.stderr and "estimated_" not in result.stderr, result
    error = json.loads(served.home.operator(*arguments, "--json").stdout)["error"]
    assert error["details"]["field"] == "estimated_duration_seconds"
    result = served.home.operator(*arguments[:4], "60s", "--start", "2020-01-01T00:00:00Z")
    assert result.returncode == 1 and "start-not-in-future: --start is not in the future; it is now 20" in result.stderr, result
    assert "  flag: --start\n" in result.stderr and "--now starts the window at once" in result.stderr, result
    result = served.home.operator(*arguments[:4], "60s", "--start", "+0m")
    assert result.returncode == 2 and "--start +0m is now" in result.stderr, result


def test_a_dry_run_prints_every_target_and_a_hash_to_hold_on_to(sample):
    sample.serve()
    result = sample.operator("vacuum-org", "--orgcode", "acme", "--dry-run")
    assert result.returncode == 0, result
    for name in ("pvm_main", "g3nretailstack-pvm-data", "legacy_import", "tmp-exports"):
        assert name in result.stdout
    report = json.loads(sample.operator("vacuum-org", "--orgcode", "acme", "--dry-run", "--json").stdout)["data"]
    assert re.fullmatch(r"[0-9a-f]{64}", report["plan_sha256"]) and report["plan_sha256"] in result.stdout
    other = sample.operator("vacuum-org", "--orgcode", "globex", "--plan-sha256", report["plan_sha256"])
    assert other.returncode == 0 and "the plan is not that of the last dry run of organisation globex" in other.stderr
    assert sample.operator("vacuum-cancel").returncode == 0
    kept = sample.operator("vacuum-org", "--orgcode", "acme", "--plan-sha256", report["plan_sha256"])
    assert kept.returncode == 0 and "warning" not in kept.stderr


@pytest.mark.usefixtures("settable_clock")
def shown_names(text, kinds=("table", "bucket", "log_group")):
    """The names in the tables of a text, in order, with whether each is of something that was left alone."""
    kept, _, rest = text.partition("\nLeft alone:\n")
    rows = re.compile(rf"^  +(?:[a-z]+ +)?(?:{'|'.join(kinds)}) +(\S+)", re.M)
    return rows.findall(kept), rows.findall(rest)


@pytest.mark.parametrize("scope", [["vacuum-all"], ["vacuum-org", "--orgcode", "acme"]])
def test_at_80_columns_names_are_told_apart_and_what_is_left_alone_is_whole(sample, scope):
    sample.serve()
    text = sample.operator(*scope, "--dry-run", env={"COLUMNS": "80"}).stdout
    record = json.loads(sample.run("vacuum-status", "--vacuum-id", "latest", "--json").stdout)["data"]
    names = {target["name"] for target in record["targets"]}
    assert len(names) >= 107 and max(len(line) for line in text.splitlines()) <= 80, text
    touched, kept = shown_names(text)
    left = [target["name"] for target in record["targets"] if target["status"] in ("skipped", "unclassified")]
    assert sorted(left) == sorted(kept), text
    assert "/g3nretailstack/ops/maintenance-audit" in kept
    assert any("…" in name for name in touched), "the case is one of names that are cut"
    for name in touched:
        head, _, tail = name.partition("…")
        assert len([one for one in names if one == name or ("…" in name and one.startswith(head) and one.endswith(tail))]) == 1, name


@pytest.mark.parametrize("end, code", [("completed", 0), ("cancelled", 4)])
def test_a_watch_without_a_terminal_ends_with_the_vacuum(bare, end, code):
    stack.big_stack(bare, 50, 5)
    serve = bare.serve(clock=True)
    watching = subprocess.Popen([PROGRAM, "vacuum-org", "--orgcode", "acme", "--yes", "--watch", "--data", str(bare.data), "--secret-code-file",
                                 str(bare.code_file)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True, env=base_environment())
    vacuum = until(lambda: serve.invoke("vacuumstatus").get("data"), "it is asked for")
    if end == "cancelled":
        serve.do("vacuumcancel", vacuum_id=vacuum["vacuum_id"])
    else:
        bare.clock.ahead(301)
    out, err = watching.communicate(timeout=60)
    assert watching.returncode == code, (out, err)
    assert end in out and f"vacuum-cancel --vacuum-id {vacuum['vacuum_id']}" in err


def test_a_sample_stack_can_be_made_and_checked(sample):
    result = sample.run("manifest-check")
    assert result.returncode == 0 and "legacy_import" in result.stdout and "tmp-exports" in result.stdout, result
    checked = sample.json("manifest-check")
    assert checked["missing"] == 0 and checked["unclassified"] == 2
    sample.table("pvm_main").unlink()
    assert sample.json("manifest-check")["missing"] == 1
    stack.query(sample.table("ics_main"), "ALTER TABLE items RENAME COLUMN orgcode TO tenant")
    result = sample.run("manifest-check")
    assert result.returncode == 1 and "ics_main" in result.stdout + result.stderr, result


def test_no_more_workers_than_are_of_use_are_started_and_that_is_said(bare):
    most = 4 * os.sysconf("SC_NPROCESSORS_ONLN")
    few = bare.serve("--workers", min(64, most))
    few.stop()
    many = bare.serve("--workers", 64)
    assert not few.events("serve.workers")
    if most < 64:
        [told] = until(lambda: many.events("serve.workers"), "it is told")
        assert f"{most} of the 64 workers are started" in told["msg"]


def test_demo_runs_whole_and_leaves_nothing_behind(tmp_path):
    result = plain("demo", env={"TMPDIR": str(tmp_path), "HOME": str(tmp_path)}, cwd=tmp_path, timeout=300)
    assert result.returncode == 0, result
    assert not list(tmp_path.iterdir())


def test_version_is_that_of_the_envelope(served):
    assert served.home.json("version")["build_id"] == served.http("GET", "/ops/ping").envelope["build"]["build_id"]


COMPLETE = r"""
source <("$G3NOPS_PROGRAM" completion bash)
complete_words() {
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}; COMPREPLY=()
    local spec; spec=$(complete -p g3nops); [[ $spec =~ -F\ ([^ ]+) ]]
    "${BASH_REMATCH[1]}" g3nops "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
    printf '%s\n' "${COMPREPLY[@]}"
}
complete_words "$@"
"""


COMPLETED = [
    (["vacuum-"], {"vacuum-all", "vacuum-org", "vacuum-cancel", "vacuum-status", "vacuum-list"}),
    (["maintenance-list", "--st"], {"--status"}),
    (["maintenance-list", "--status", "c"], {"current", "cancelled"}),
    (["help", "aud"], {"audit-list", "audit-verify", "audit-accept-rollback"}),
    (["vacuum", ""], {"all", "org", "cancel", "status", "list"}),
    (["vacuum", "org", "--ye"], {"--yes"}),
    (["sess"], {"session-create", "session"}),
    (["completion", "b"], {"bash"}),
    (["completion", "f"], {"fish"}),
]


@pytest.mark.parametrize("words, wanted", COMPLETED)
def test_bash_completes_commands_flags_and_values(words, wanted):
    result = subprocess.run(["bash", "--norc", "-c", COMPLETE, "bash", "g3nops", *words], capture_output=True, text=True,
                            env=base_environment() | {"G3NOPS_PROGRAM": PROGRAM})
    assert {word.strip() for word in result.stdout.splitlines()} == wanted, result


@pytest.mark.parametrize("words, wanted", COMPLETED)
def test_fish_completes_commands_flags_and_values(words, wanted, tmp_path):
    if not shutil.which("fish"):
        pytest.skip("fish is not installed")
    line = " ".join(["g3nops", *words])
    result = subprocess.run(["fish", "--no-config", "-c", f"{PROGRAM} completion fish | source; complete -C '{line}'"],
                            capture_output=True, text=True, env=base_environment() | {"HOME": str(tmp_path)})
    assert {word.split("\t")[0] for word in result.stdout.splitlines()} == wanted, result


def test_the_manual_page_renders_without_a_complaint(tmp_path):
    if not shutil.which("mandoc"):
        pytest.skip("mandoc is not installed")
    page = tmp_path / "g3nops.1"
    page.write_text(plain("man").stdout)
    lint = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", page], capture_output=True, text=True)
    assert lint.returncode == 0, lint.stdout
    shown = subprocess.run(["mandoc", "-T", "utf8", page], capture_output=True, text=True).stdout
    shown = re.sub(r".\x08", "", shown)
    for command in COMMANDS:
        assert command in shown
