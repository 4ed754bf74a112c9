"""deploy/prometheus: the rules and the dashboard are of this serve's metrics, and say what they promise."""

import json
import re
import shutil
import subprocess

import pytest
import yaml

import stack
from g3nops import ROOT, until
from test_metrics import OF_AWS, TYPES, scrape, until_value

FOLDER = ROOT / "deploy" / "prometheus"
RULES = FOLDER / "g3nops.rules.yml"
TESTS = FOLDER / "g3nops.rules.test.yml"
DASHBOARD = json.loads((FOLDER / "g3nops.dashboard.json").read_text())
GUIDE = (ROOT / "docs" / "guide.md").read_text()
NAME = re.compile(r"\bg3nops_[a-z0-9_]+")
SUFFIX = re.compile(r"_(bucket|sum|count)$")


def needs(program):
    path = shutil.which(program)
    if not path:
        pytest.skip(f"{program} is not installed")
    return path


def promtool(*arguments, cwd=FOLDER, text=None):
    return subprocess.run([needs("promtool"), *map(str, arguments)], capture_output=True, text=True, cwd=cwd, input=text, timeout=120)


def exposed(serve):
    """The families of a scrape, and those that only a serve in AWS has."""
    return set(scrape(serve).types) | set(OF_AWS)


def named_in(text, families):
    """The families that a text names; a histogram's samples stand for it."""
    names = {match[0] for match in NAME.finditer(text)}
    return {SUFFIX.sub("", name) if name not in families else name for name in names}


def rules():
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def dashboard_queries():
    queries = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    return queries + [variable["query"]["query"] for variable in DASHBOARD["templating"]["list"] if variable["type"] == "query"]


def test_the_rules_are_valid_and_do_what_their_tests_say():
    checked = promtool("check", "rules", RULES)
    assert checked.returncode == 0, checked
    tested = promtool("test", "rules", TESTS)
    assert tested.returncode == 0, tested


@pytest.mark.parametrize("before, after", [
    ("[15m])) > 0", "[15m])) > 5"),
    ("for: 10m", "for: 0m"),
    ("g3nops_audit_log_differs == 1", "g3nops_audit_log_differs == 2"),
    ("max by (job, result) (increase(g3nops_vacuums", "sum by (job, result) (1 + increase(g3nops_vacuums"),
])
def test_the_tests_of_the_rules_can_fail(tmp_path, before, after):
    text = RULES.read_text()
    assert before in text
    (tmp_path / RULES.name).write_text(text.replace(before, after))
    shutil.copy(TESTS, tmp_path)
    assert promtool("test", "rules", TESTS.name, cwd=tmp_path).returncode != 0


def test_every_alert_is_tried_says_how_grave_it_is_and_what_to_do():
    tests = TESTS.read_text()
    seen = [rule["alert"] for rule in rules()]
    assert len(seen) == len(set(seen)) >= 15
    for rule in rules():
        assert rule["labels"]["severity"] in ("critical", "warning", "info"), rule
        assert rule["annotations"]["summary"] and rule["annotations"]["description"].endswith("."), rule
        assert rule["alert"].removeprefix("G3nops") in tests, f"{rule['alert']} has no test"


def test_every_metric_of_rules_dashboard_and_guide_is_one_of_serve(shared):
    families = exposed(shared)
    for what, text in (("rules", " ".join(rule["expr"] for rule in rules())), ("tests", TESTS.read_text()),
                       ("dashboard", " ".join(dashboard_queries())), ("guide", GUIDE)):
        named = named_in(text, families)
        assert named, what
        assert named <= families, f"{what}: {named - families}"
    assert named_in("g3nops_nothing_total", families) - families, "the check can fail"


def test_the_dashboard_shows_every_metric_and_each_query_reads():
    shown = named_in(" ".join(dashboard_queries()), set(TYPES))
    assert set(TYPES) | set(OF_AWS) <= shown, set(TYPES) - shown
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids)) and DASHBOARD["uid"] and DASHBOARD["schemaVersion"] >= 30
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24 and panel["title"] and panel["targets"], panel
    queries = [target["expr"].replace("$job", "g3nops").replace("$instance", ".*") for panel in DASHBOARD["panels"]
               for target in panel["targets"]]
    for query in queries:
        rule = yaml.safe_dump({"groups": [{"name": "q", "rules": [{"record": "q", "expr": query}]}]})
        checked = promtool("check", "rules", "/dev/stdin", text=rule)
        assert checked.returncode == 0, (query, checked)


def test_what_serve_gives_is_what_prometheus_reads(shared):
    checked = promtool("check", "metrics", text=shared.http("GET", "/metrics").body.decode())
    assert checked.returncode == 0, checked


# ---- the counts that alerts rest on ----

def results(serve, family="g3nops_vacuums_total"):
    return {dict(labels)["result"]: value for (name, labels), value in scrape(serve).values.items() if name == family}


def until_results(serve, family="g3nops_vacuums_total", **counts):
    return until(lambda: (lambda seen: seen if all(seen.get(name.replace("_", "-")) == count for name, count in counts.items())
                          else None)(results(serve, family)), f"{family} has {counts}")


@pytest.mark.usefixtures("settable_clock")
def test_how_a_vacuum_ended_is_counted_for_good(bare):
    stack.big_stack(bare, 30, 3)
    serve = bare.serve(clock=True)
    before = until_results(serve, completed=0, target_error=0)
    assert all(count == 0 for count in before.values()) and {"cancelled", "records-remain", "mutex-expired"} <= set(before)
    first = serve.do("vacuumorg", orgcode="acme")["vacuum_id"]
    serve.do("vacuumcancel", vacuum_id=first)
    until_results(serve, cancelled=1, completed=0)
    serve.dry_run("vacuumorg", orgcode="acme")
    until_results(serve, "g3nops_dry_runs_total", completed=1)
    second = serve.do("vacuumorg", orgcode="acme")["vacuum_id"]
    bare.clock.ahead(301)
    assert serve.vacuum_ended(second)["status"] == "completed"
    until_results(serve, completed=1)
    table = next(path for path in sorted((bare.stack / "tables").iterdir()) if path.suffix == ".sqlite")
    table.write_bytes(b"no table any more" * 100)
    third = serve.do("vacuumall", confirmation_phrase="VACUUM ALL DATA PERMANENTLY")["vacuum_id"]
    bare.clock.ahead(602)
    failed = serve.vacuum_ended(third)
    assert failed["status"] == "failed"
    until_results(serve, completed=1, cancelled=1, **{failed["error"]["tag"].replace("-", "_"): 1})
    serve.stop()
    again = bare.serve(clock=True)
    until_results(again, completed=1, cancelled=1, **{failed["error"]["tag"].replace("-", "_"): 1})


def test_wrong_codes_are_counted(bare):
    serve = bare.serve()
    for i in range(3):
        assert serve.invoke("maintenanceend", secret_code=f"no code at all {i}")["success"] is False
    assert scrape(serve).value("g3nops_secret_code_mismatch_total") == 3


@pytest.mark.usefixtures("settable_clock")
def test_the_last_sweep_is_told_by_the_clock(bare):
    serve = bare.serve(clock=True)
    bare.clock.freeze(1000)
    until(lambda: scrape(serve).value("g3nops_last_sweep_timestamp_seconds") == bare.clock.epoch + 1000, "a sweep at that time")


def test_records_that_wait_to_be_delivered_are_counted(bare):
    group = bare.log_group("/g3nretailstack/ops/maintenance-audit")
    group.parent.mkdir(parents=True, exist_ok=True)
    group.write_text("in the way")
    serve = bare.serve()
    serve.schedule()
    until(lambda: scrape(serve).get("g3nops_audit_undelivered") == 2, "two wait")
    group.unlink()
    until_value(serve, "g3nops_audit_undelivered", 0)
