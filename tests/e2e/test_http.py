"""The HTTP surface: routes, methods, media types, the envelope, and an own clear error for each mistake."""

import http.client
import re
import subprocess

import pytest

ROUTES = ["/ops/ping", "/ops/stat", "/ops/maintenance/list", "/ops/maintenance/get"]
GATED = ROUTES[2:]
SOME_ID = "01JDE9Q3F0V8M4T6XK2R7W5N1B"


@pytest.fixture(scope="module")
def guid(shared):
    return shared.home.session("alice")


def test_every_answer_has_the_envelope(shared):
    answer = shared.http("GET", "/ops/ping")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("application/json")
    envelope = answer.envelope
    assert set(envelope) == {"success", "data", "build", "stats"}
    assert set(envelope["build"]) == {"build_major", "build_minor", "build_id"}
    assert re.fullmatch(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun)-\d+", envelope["build"]["build_id"])
    stats = envelope["stats"]
    assert {"call", "service", "request_id", "timestamp_utc", "latency_ms", "build"} <= set(stats)
    assert stats["service"] == "ops" and stats["build"] == envelope["build"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", stats["timestamp_utc"])


def test_every_refusal_has_the_envelope_with_both_tags_and_their_words(shared):
    envelope = shared.http("GET", "/ops/maintenance/list").envelope
    assert envelope["success"] is False and "data" not in envelope
    for part in ("major", "minor"):
        assert set(envelope["error"][part]) == {"tag", "message"}
        assert envelope["error"][part]["message"]["en_US"]
    assert {"build", "stats"} <= set(envelope)


def test_ping_and_stat_need_nobody(shared):
    assert shared.http("GET", "/ops/ping").data == {"status": "ok", "service": "ops", "maintenance": None}
    stat = shared.http("GET", "/ops/stat").data
    assert stat["status"] == "ok" and stat["service"] == "ops" and stat["store"]["reachable"] is True
    assert isinstance(stat["uptime_seconds"], int) and isinstance(stat["store"]["latency_ms"], int)


def test_head_answers_like_get_without_a_body(shared):
    answer = shared.http("HEAD", "/ops/ping")
    assert answer.status == 200 and answer.body == b""


@pytest.mark.parametrize("path", ["/", "/ops", "/ops/", "/ops/pong", "/ops/ping/", "/OPS/ping", "/ops//ping", "/ops/ping%00",
                                  "/ops/maintenance", "/ops/maintenance/start", "/ops/../ops/ping", "/ops/%70ing",
                                  "/2015-03-31/functions/ops_sweep/invocations"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_unknown_route_is_404(shared, method, path):
    answer = shared.http(method, path, headers={"Content-Type": "application/json"}, body="{}" if method == "POST" else None)
    assert (answer.status, answer.tag) == (404, "route-not-found")


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "POST", "BREW"])
def test_a_wrong_method_is_405_and_says_which_are_right(shared, method, path):
    if method == "POST" and path in GATED:
        return
    answer = shared.http(method, path)
    assert (answer.status, answer.tag) == (405, "method-not-allowed")
    allowed = {word.strip() for word in answer.headers["Allow"].split(",")}
    assert {"GET"} | ({"POST"} if path in GATED else set()) <= allowed and method not in allowed


@pytest.mark.parametrize("path", ROUTES)
def test_a_get_with_a_body_is_400(shared, path):
    answer = shared.http("GET", path, body="{}", headers={"Content-Type": "application/json"})
    assert (answer.status, answer.tag) == (400, "body-not-allowed")


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/xml", "application/x-www-form-urlencoded",
                                          "application/jsonp", "json"])
def test_a_post_that_is_not_json_is_415(shared, guid, content_type):
    headers = {"x-session-guid": guid} | ({"Content-Type": content_type} if content_type else {})
    answer = shared.http("POST", "/ops/maintenance/list", body=b"{}", headers=headers)
    assert (answer.status, answer.tag) == (415, "unsupported-media-type")


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", "Application/JSON"])
def test_a_post_of_json_is_answered(shared, guid, content_type):
    answer = shared.http("POST", "/ops/maintenance/list", body=b"{}",
                         headers={"x-session-guid": guid, "Content-Type": content_type})
    assert answer.status == 200 and answer.data["items"] == []


BAD_BODIES = {
    "empty": b"",
    "not json": b"hello",
    "cut off": b'{"status": "all"',
    "more behind": b'{} {}',
    "an array": b"[]",
    "a string": b'"x"',
    "null": b"null",
    "invalid utf-8": b'{"status": "\xff\xfe"}',
    "overlong utf-8": b'{"status": "\xc0\xaf"}',
    "half a surrogate": b'{"status": "\\ud800"}',
    "a raw control character": b'{"status": "a\x01"}',
    "a byte order mark": b"\xef\xbb\xbf{}",
    "a NUL in a text": b'{"next_token": "\\u0000"}',
    "duplicate keys": b'{"limit": 1, "limit": 2}',
    "deep arrays": b'{"status": ' + b"[" * 20000 + b"]" * 20000 + b"}",
    "deep objects": b'{"a":' * 10000 + b"1" + b"}" * 10000,
    "a number too big": b'{"limit": 1e999}',
    "an integer too big": b'{"limit": 99999999999999999999999}',
    "NaN": b'{"limit": NaN}',
    "a leading zero": b'{"limit": 01}',
    "utf-16": '{"limit": 1}'.encode("utf-16"),
}


@pytest.mark.parametrize("name", BAD_BODIES)
def test_a_body_that_is_not_a_json_object_is_400(shared, guid, name):
    answer = shared.http("POST", "/ops/maintenance/list", body=BAD_BODIES[name],
                         headers={"x-session-guid": guid, "Content-Type": "application/json"})
    assert (answer.status, answer.tag) == (400, "invalid-json"), answer
    assert shared.ping()["status"] == "ok"


BAD_FIELDS = {
    "unknown": ({"colour": "red"}, "unknown-field", "colour"),
    "a misspelt one": ({"Status": "all"}, "unknown-field", "Status"),
    "secret code": ({"secret_code": "x"}, "unknown-field", "secret_code"),
    "status of the wrong type": ({"status": 1}, "invalid-field", "status"),
    "status that is none": ({"status": "over"}, "invalid-field", "status"),
    "limit as text": ({"limit": "ten"}, "invalid-field", "limit"),
    "limit as a fraction": ({"limit": 1.5}, "invalid-field", "limit"),
    "limit as a flag": ({"limit": True}, "invalid-field", "limit"),
    "token of nobody": ({"next_token": "abc"}, "invalid-field", "next_token"),
    "token too long": ({"next_token": "A" * 5000}, "invalid-field", "next_token"),
}


@pytest.mark.parametrize("name", BAD_FIELDS)
def test_a_wrong_field_is_named(shared, guid, name):
    fields, wanted, field = BAD_FIELDS[name]
    answer = shared.http("POST", "/ops/maintenance/list", json_body=fields, headers={"x-session-guid": guid})
    assert (answer.status, answer.tag, answer.details["field"]) == (400, wanted, field), answer


@pytest.mark.parametrize("query, wanted", [
    ("colour=red", "unknown-field"), ("status=over", "invalid-field"), ("limit=ten", "invalid-field"),
    ("limit=1.5", "invalid-field"), ("limit=", "invalid-field"), ("limit=99999999999999999999", "invalid-field"),
    ("status=%ff", "invalid-field"), ("status=all&status=active", "invalid-field"), ("status=%zz", "invalid-field"),
])
def test_a_wrong_query_is_400(shared, guid, query, wanted):
    answer = shared.http("GET", f"/ops/maintenance/list?{query}", headers={"x-session-guid": guid})
    assert answer.status == 400 and answer.tag in (wanted, "invalid-field"), answer


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", ROUTES + ["/ops/nowhere"])
@pytest.mark.parametrize("query", ["session_guid=abc", "limit=1&session_guid=abc", "session%5Fguid=abc",
                                   "x-session-guid=abc"])
def test_a_session_in_a_query_is_refused(shared, method, path, query):
    answer = shared.http(method, f"{path}?{query}")
    assert (answer.status, answer.tag) == (400, "credential-in-query")
    assert b"abc" not in answer.body


def test_a_missing_id_and_an_unknown_one_and_a_wrong_one_are_told_apart(shared, guid):
    session = {"x-session-guid": guid}
    missing = shared.http("GET", "/ops/maintenance/get", headers=session)
    assert (missing.status, missing.tag, missing.details["field"]) == (400, "missing-field", "maintenance_id")
    wrong = shared.http("GET", "/ops/maintenance/get?maintenance_id=7", headers=session)
    assert (wrong.status, wrong.tag, wrong.details["field"]) == (400, "invalid-field", "maintenance_id")
    unknown = shared.http("GET", f"/ops/maintenance/get?maintenance_id={SOME_ID}", headers=session)
    assert (unknown.status, unknown.tag) == (404, "maintenance-not-found")


def test_a_body_over_the_limit_is_413(shared, guid):
    body = b'{"status": "' + b"x" * (8 << 20) + b'"}'
    answer = shared.http("POST", "/ops/maintenance/list", body=body,
                         headers={"x-session-guid": guid, "Content-Type": "application/json"})
    assert (answer.status, answer.tag) == (413, "payload-too-large")
    assert answer.details["limit_bytes"] > 0


def test_headers_without_end_are_refused_and_do_no_harm(shared):
    answer = shared.http("GET", "/ops/ping", headers={"X-Long": "x" * 100_000})
    assert 400 <= answer.status < 500
    assert shared.ping()["status"] == "ok"


def test_a_list_shows_each_window_once_newest_first_page_by_page(bare):
    serve = bare.serve()
    session = {"x-session-guid": bare.session()}
    ids = [serve.schedule(1000 + i)["maintenance_id"] for i in range(11)][::-1]
    assert [w["maintenance_id"] for w in serve.http("GET", "/ops/maintenance/list", headers=session).data["items"]] == ids[:8]
    for limit in (1, 3, 4, 10, 11):
        seen, token = [], None
        while True:
            body = {"limit": limit} | ({"next_token": token} if token else {})
            page = serve.http("POST", "/ops/maintenance/list", json_body=body, headers=session).data
            assert len(page["items"]) <= limit
            seen += [window["maintenance_id"] for window in page["items"]]
            token = page["next_token"]
            if not token:
                break
        assert seen == ids, limit
    for limit in (-5, 0, 100000):
        page = serve.http("GET", f"/ops/maintenance/list?limit={limit}", headers=session).data
        assert len(page["items"]) == (1 if limit <= 0 else 11)


def test_a_list_tells_windows_by_their_status(bare):
    serve = bare.serve()
    session = {"x-session-guid": bare.session()}
    ids = {name: serve.schedule()["maintenance_id"] for name in ("scheduled", "cancelled", "ended", "active")}
    serve.do("maintenancecancel", maintenance_id=ids["cancelled"])
    for name in ("ended", "active"):
        serve.do("maintenancestart", maintenance_id=ids[name])
        if name == "ended":
            serve.do("maintenanceend", maintenance_id=ids[name], end_message="done")

    def listed(query):
        page = serve.http("GET", f"/ops/maintenance/list{query}", headers=session).data
        return {window["maintenance_id"] for window in page["items"]}
    for name, maintenance_id in ids.items():
        assert listed(f"?status={name}") == {maintenance_id}
        got = serve.http("GET", f"/ops/maintenance/get?maintenance_id={maintenance_id}", headers=session)
        assert got.data["status"] == name and got.envelope["revision"] == got.data["revision"]
    assert listed("") == listed("?status=current") == {ids["scheduled"], ids["active"]}
    assert listed("?status=all") == set(ids.values())
    record = serve.http("GET", f"/ops/maintenance/get?maintenance_id={ids['ended']}", headers=session).data
    assert {"maintenance_id", "status", "description", "estimated_duration_seconds", "scheduled_start_utc", "started_at",
            "started_by", "ended_at", "end_message", "updates", "revision", "created_at", "updated_at"} <= set(record)
    assert record["started_by"] == "operator"


def test_answers_hold_no_session_guid_but_its_fingerprint(shared, guid):
    answer = shared.http("GET", "/ops/maintenance/list", headers={"x-session-guid": guid})
    assert guid.encode() not in answer.body
    assert answer.envelope["stats"]["session_fingerprint"] and answer.envelope["stats"]["actor"] == "alice"


@pytest.fixture
def certificate(tmp_path):
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out",
                    cert], check=True, capture_output=True)
    return cert, key


def test_with_a_certificate_the_surface_speaks_tls(bare, certificate):
    cert, key = certificate
    serve = bare.serve("--tls-cert", cert, "--tls-key", key)
    assert serve.http_url.startswith("https://127.0.0.1:")
    result = subprocess.run(["curl", "-sS", "--cacert", cert, f"{serve.http_url}/ops/ping"], capture_output=True, text=True)
    assert '"success":true' in result.stdout, result
    assert subprocess.run(["curl", "-sS", f"{serve.http_url}/ops/ping"], capture_output=True).returncode == 60
    plain = http.client.HTTPConnection("127.0.0.1", serve.http_port, timeout=10)
    with pytest.raises((http.client.HTTPException, OSError)):
        plain.request("GET", "/ops/ping")
        plain.getresponse()
    assert serve.ping()["status"] == "ok"


@pytest.mark.parametrize("case", ["cert only", "key only", "no such file", "not a key", "another key"])
def test_tls_that_can_not_be_is_refused_at_the_start(bare, certificate, tmp_path, case):
    cert, key = certificate
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("not a key\n")
    other = tmp_path / "other.pem"
    subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", other], check=True)
    arguments = {"cert only": ["--tls-cert", cert], "key only": ["--tls-key", key],
                 "no such file": ["--tls-cert", "/nowhere/cert.pem", "--tls-key", key],
                 "not a key": ["--tls-cert", cert, "--tls-key", garbage],
                 "another key": ["--tls-cert", cert, "--tls-key", other]}[case]
    code, said = bare.serve_refused(*arguments)
    assert code in (1, 2) and said.startswith("error: "), said


def test_ops_answers_normally_while_a_window_is_active(bare):
    serve = bare.serve()
    serve.do("maintenancestart", maintenance_id=serve.schedule()["maintenance_id"])
    assert serve.http("GET", "/ops/stat").status == 200
    assert serve.http("GET", "/ops/maintenance/list", headers={"x-session-guid": bare.session()}).status == 200
    assert serve.ask("vacuumorg", orgcode="acme", dry_run=True)["success"]


def test_a_port_that_is_taken_is_told(bare, make_home, bare_template):
    serve = bare.serve()
    code, said = make_home(bare_template, "other").serve_refused(http=f"127.0.0.1:{serve.http_port}")
    assert code == 1 and str(serve.http_port) in said, said


@pytest.mark.parametrize("address", [":0", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000", "::1:0", "[::1]"])
def test_an_address_that_is_none_is_refused_with_the_flag(bare, address):
    code, said = bare.serve_refused(http=address)
    assert code == 2 and said.startswith("error: --http-listen: "), said
