"""GET /metrics of serve: what Prometheus reads, and that it is true."""

import concurrent.futures
import re
import sqlite3
from contextlib import closing

import pytest

import stack
from g3nops import DEADLINE_SECONDS, ROOT, until

TYPES = {
    "g3nops_build_info": "gauge",
    "g3nops_store_up": "gauge",
    "g3nops_maintenance_active": "gauge",
    "g3nops_maintenance_overdue": "gauge",
    "g3nops_maintenance_scheduled": "gauge",
    "g3nops_vacuum_pending": "gauge",
    "g3nops_vacuum_standing_still_seconds": "gauge",
    "g3nops_vacuum_running": "gauge",
    "g3nops_vacuum_dry_runs": "gauge",
    "g3nops_vacuum_records_matched": "gauge",
    "g3nops_vacuum_records_deleted": "gauge",
    "g3nops_vacuum_records_failed": "gauge",
    "g3nops_vacuums_total": "counter",
    "g3nops_dry_runs_total": "counter",
    "g3nops_audit_undelivered": "gauge",
    "g3nops_audit_log_differs": "gauge",
    "g3nops_secret_code_mismatch_total": "counter",
    "g3nops_last_sweep_timestamp_seconds": "gauge",
    "g3nops_clock_steps_total": "counter",
    "g3nops_clock_step_seconds_total": "counter",
    "g3nops_http_requests_total": "counter",
    "g3nops_http_request_duration_seconds": "histogram",
}
OF_AWS = {"g3nops_clock_difference_seconds": "gauge"}
OF_THE_STORE = {name for name in TYPES if re.search("maintenance|vacuum|dry_runs|undelivered", name)}
BOUNDS = ["0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf"]
SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{([^{}]*)\})? (\S+)')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)')
SUFFIXES = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("",), "gauge": ("",)}


def parse_labels(text):
    labels = LABEL.findall(text or "")
    assert "".join(f'{name}="{value}",' for name, value in labels).rstrip(",") == (text or ""), text
    assert len({name for name, _ in labels}) == len(labels), text
    return frozenset(labels)


class Scrape:
    """A text in Prometheus's format, read by its rules: a family is one block of a HELP, a TYPE and its samples, and each
    sample is there once."""

    def __init__(self, text):
        assert text.endswith("\n") and "\r" not in text
        self.types, self.values = {}, {}
        family = None
        for line in text[:-1].split("\n"):
            if line.startswith("# HELP "):
                family, words = line[len("# HELP "):].split(" ", 1)
                assert family not in self.types and words.endswith("."), line
                self.types[family] = None
            elif line.startswith("# TYPE "):
                name, kind = line[len("# TYPE "):].split(" ")
                assert name == family and self.types[family] is None, line
                self.types[family] = kind
            else:
                self._add(family, line)
        assert all(self.types.values())

    def _add(self, family, line):
        match = SAMPLE.fullmatch(line)
        assert match, line
        name, labels, value = match[1], parse_labels(match[2]), float(match[3])
        assert name in [family + suffix for suffix in SUFFIXES[self.types[family]]], f"{line} in {family}"
        assert (name, labels) not in self.values and value >= 0, line
        self.values[name, labels] = value

    def value(self, name, **labels):
        return self.values[name, frozenset(labels.items())]

    def get(self, name, **labels):
        """None: it is not there."""
        return self.values.get((name, frozenset(labels.items())))

    def requests(self, surface):
        return {status: self.value("g3nops_http_requests_total", surface=surface, status=status)
                for status in ("2xx", "3xx", "4xx", "5xx")}


def scrape(serve):
    answer = serve.http("GET", "/metrics")
    assert answer.status == 200, answer
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return Scrape(answer.body.decode())


def until_value(serve, name, value, deadline=DEADLINE_SECONDS):
    """A scrape in which it is that: values are up to five seconds old."""
    def found():
        seen = scrape(serve)
        return seen if seen.get(name) == value else None
    return until(found, f"{name} is {value}", deadline)


def test_everything_is_there_and_reads_well(shared):
    seen = scrape(shared)
    assert seen.types == TYPES
    version = re.fullmatch(r"g3nops (\S+) .*\n", shared.home.run("version", with_data=False).stdout)[1]
    assert seen.value("g3nops_build_info", version=version) == 1
    assert seen.value("g3nops_store_up") == 1
    assert all(value == 0 for (name, _), value in seen.values.items() if name in OF_THE_STORE - {"g3nops_audit_undelivered"})
    labels = {labels for name, labels in seen.values if name == "g3nops_http_requests_total"}
    assert labels == {frozenset({("surface", surface), ("status", status)})
                      for surface in ("http", "invoke") for status in ("2xx", "3xx", "4xx", "5xx")}


def test_it_needs_nobody_and_takes_no_more_than_a_get(shared):
    head = shared.http("HEAD", "/metrics")
    assert head.status == 200 and head.body == b"" and head.headers["Cache-Control"] == "no-store"
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        answer = shared.http(method, "/metrics")
        assert (answer.status, answer.tag, answer.headers["Allow"]) == (405, "method-not-allowed", "GET, HEAD")
    assert shared.http("GET", "/metrics", body="{}").tag == "body-not-allowed"
    assert shared.http("GET", "/metrics?x-session-guid=x").tag == "credential-in-query"
    for path in ("/metrics/", "/ops/metrics", "/Metrics"):
        assert shared.http("GET", path).tag == "route-not-found"
    assert shared.invoke_raw("metrics", "{}").status == 404


def test_requests_are_counted_by_surface_and_status(bare):
    serve = bare.serve()
    before = scrape(serve)
    assert before.requests("http") == {"2xx": 0, "3xx": 0, "4xx": 0, "5xx": 0}, "a scrape is counted when it is over"
    for _ in range(3):
        serve.ping()
    assert serve.http("GET", "/nowhere").status == 404
    assert serve.http("PUT", "/ops/ping").status == 405
    assert serve.invoke("vacuumstatus")["success"] is False  # HTTP status 200, as Lambda answers
    assert serve.invoke_raw("ops_nothing", "{}").status == 404
    after = scrape(serve)
    assert after.requests("http") == {"2xx": 4, "3xx": 0, "4xx": 2, "5xx": 0}
    assert after.requests("invoke") == {"2xx": 1, "3xx": 0, "4xx": 1, "5xx": 0}


def test_no_request_of_many_at_once_is_lost(bare):
    serve = bare.serve()

    def work(_):
        for _ in range(50):
            serve.ping()

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        list(pool.map(work, range(16)))
    assert until(lambda: scrape(serve).requests("http")["2xx"] >= 800, "all are counted")


def test_durations_are_a_histogram(bare):
    serve = bare.serve()
    for _ in range(5):
        serve.ping()
    serve.schedule()  # the secret code is slow to check on purpose
    seen = scrape(serve)
    name = "g3nops_http_request_duration_seconds"
    for surface, count in (("http", 5), ("invoke", 1)):
        counts = [seen.value(f"{name}_bucket", surface=surface, le=bound) for bound in BOUNDS]
        assert counts == sorted(counts) and counts[-1] == seen.value(f"{name}_count", surface=surface) == count
        assert sum(seen.requests(surface).values()) == count
        assert seen.value(f"{name}_sum", surface=surface) > 0
        assert len([1 for sample, labels in seen.values if sample == f"{name}_bucket" and ("surface", surface) in labels]
                   ) == len(BOUNDS)
    assert seen.value(f"{name}_bucket", surface="invoke", le="0.001") == 0
    assert seen.value(f"{name}_sum", surface="invoke") > 0.001


def test_windows_show(bare):
    serve = bare.serve()
    ids = [serve.schedule(3600 * (i + 1))["maintenance_id"] for i in range(3)]
    seen = until_value(serve, "g3nops_maintenance_scheduled", 3)
    assert seen.value("g3nops_maintenance_active") == 0
    serve.do("maintenancestart", maintenance_id=ids[0])
    seen = until_value(serve, "g3nops_maintenance_active", 1)
    assert seen.value("g3nops_maintenance_scheduled") == 2
    serve.do("maintenanceend")
    serve.do("maintenancecancel", maintenance_id=ids[1])
    seen = until_value(serve, "g3nops_maintenance_active", 0)
    until_value(serve, "g3nops_maintenance_scheduled", 1)


@pytest.mark.usefixtures("settable_clock")
def test_a_vacuum_shows_from_its_request_to_its_end(bare):
    stack.big_stack(bare, 6000, 20)
    serve = bare.serve("--max-rate", 150, clock=True)
    vacuum_id = serve.do("vacuumorg", orgcode="acme")["vacuum_id"]
    seen = until_value(serve, "g3nops_vacuum_pending", 1)
    assert seen.value("g3nops_vacuum_running") == seen.value("g3nops_vacuum_records_matched") == 0
    bare.clock.ahead(301)
    seen = until_value(serve, "g3nops_vacuum_running", 1)
    assert seen.value("g3nops_vacuum_pending") == 0

    def deleting():
        seen = scrape(serve)
        return seen if seen.value("g3nops_vacuum_records_deleted") > 0 else None

    seen = until(deleting, "something is deleted")
    totals = serve.vacuum(vacuum_id)["totals"]
    deleted, matched = (seen.value(f"g3nops_vacuum_records_{name}") for name in ("deleted", "matched"))
    assert 0 < deleted <= totals["deleted"] and deleted <= matched <= totals["matched"]
    assert seen.value("g3nops_vacuum_records_failed") == 0
    serve.stop(30)
    serve = bare.serve(clock=True)
    serve.vacuum_ended(vacuum_id)
    seen = until_value(serve, "g3nops_vacuum_running", 0)
    assert all(seen.value(f"g3nops_vacuum_records_{name}") == 0 for name in ("matched", "deleted", "failed"))


def test_a_store_that_can_not_be_read_is_told_and_its_families_are_left_out(bare):
    serve = bare.serve()
    with closing(sqlite3.connect(bare.store, timeout=30)) as db:
        db.execute("INSERT INTO records VALUES ('MAINTENANCE#open', 'x', '[1]')")
        db.commit()
        seen = until_value(serve, "g3nops_store_up", 0)
        assert set(seen.types) == set(TYPES) - OF_THE_STORE
        assert seen.requests("http")["2xx"] >= 0
        db.execute("DELETE FROM records WHERE sk = 'x'")
        db.commit()
    seen = until_value(serve, "g3nops_store_up", 1)
    assert set(seen.types) == set(TYPES)


def test_scrapes_change_nothing(bare):
    serve = bare.serve()
    before = serve.audit()
    for _ in range(20):
        scrape(serve)
    assert serve.audit() == before


def test_the_reference_has_every_family_with_its_type_and_no_other():
    text = (ROOT / "docs" / "reference.md").read_text()
    section = re.search(r"^## Metrics\n(.*?)^## ", text, re.M | re.S)[1]
    assert dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", section, re.M)) == TYPES | OF_AWS
