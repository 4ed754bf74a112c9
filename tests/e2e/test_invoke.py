"""The invoke surface with its real clients: boto3, the AWS CLI, curl."""

import json
import os
import socket
import stat
import subprocess
from pathlib import Path

import boto3
import botocore.exceptions
import pytest
from botocore.config import Config

from g3nops import CODE, PHRASE, base_environment, data, instant, tag

SOME_ID = "01JDE9Q3F0V8M4T6XK2R7W5N1B"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "AKIAFAKE", "AWS_SECRET_ACCESS_KEY": "fake", "AWS_DEFAULT_REGION": "eu-central-1",
               "AWS_EC2_METADATA_DISABLED": "true"}


@pytest.fixture
def tcp(sample):
    return sample.serve("--invoke-listen", "127.0.0.1:0")


def url(serve):
    return "http://" + serve.invoke_address.rsplit("/", 1)[-1]


def boto_client(serve):
    return boto3.client("lambda", endpoint_url=url(serve), region_name="eu-central-1", aws_access_key_id="AKIAFAKE",
                        aws_secret_access_key="fake", config=Config(retries={"max_attempts": 0}))


def with_boto3(serve, function, payload):
    answer = boto_client(serve).invoke(FunctionName=function, Payload=json.dumps(payload))
    assert answer["StatusCode"] == 200 and "FunctionError" not in answer
    return json.loads(answer["Payload"].read())


def aws_cli():
    """Debian's is version 2; another may come first in PATH."""
    return "/usr/bin/aws" if Path("/usr/bin/aws").exists() else "aws"


def with_aws_cli(serve, function, payload):
    out = serve.home.directory / "answer.json"
    version = subprocess.run([aws_cli(), "--version"], capture_output=True, text=True).stdout
    raw = ["--cli-binary-format", "raw-in-base64-out"] if version.startswith("aws-cli/2") else []
    result = subprocess.run([aws_cli(), "lambda", "invoke", "--endpoint-url", url(serve), "--function-name", function, "--payload",
                             json.dumps(payload), *raw, str(out)], capture_output=True, text=True, env=base_environment() | CREDENTIALS)
    assert result.returncode == 0, result
    shown = json.loads(result.stdout)
    assert shown["StatusCode"] == 200 and "FunctionError" not in shown
    return json.loads(out.read_text())


@pytest.mark.parametrize("invoke", [with_boto3, with_aws_cli])
def test_every_function_answers_a_real_client(tcp, invoke):
    def ask(function, **payload):
        return data(invoke(tcp, function, {"secret_code": CODE, "actor": "olga"} | payload))

    def read(function, **payload):
        return data(invoke(tcp, function, payload))
    window = ask("ops_maintenanceschedule", description="x", estimated_duration_seconds=60, scheduled_start_utc=instant(3600))
    other = ask("ops_maintenanceschedule", description="y", estimated_duration_seconds=60, scheduled_start_utc=instant(3600))
    assert ask("ops_maintenancecancel", maintenance_id=other["maintenance_id"])["status"] == "cancelled"
    assert ask("ops_maintenancestart", maintenance_id=window["maintenance_id"])["status"] == "active"
    assert ask("ops_maintenanceupdate", text="half")["updates"][0]["text"] == "half"
    assert ask("ops_maintenanceend")["status"] == "ended"
    assert [shown["status"] for shown in read("ops_maintenancelist", status="all")["items"]] == ["cancelled", "ended"]
    assert read("ops_maintenanceget", maintenance_id=other["maintenance_id"])["status"] == "cancelled"
    assert ask("ops_vacuumall", dry_run=True)["dry_run"] is True
    vacuum = ask("ops_vacuumorg", orgcode="acme")
    assert read("ops_vacuumstatus")["vacuum_id"] == vacuum["vacuum_id"]
    assert ask("ops_vacuumcancel", vacuum_id=vacuum["vacuum_id"])["status"] == "cancelled"
    assert ask("ops_vacuumall", confirmation_phrase=PHRASE)["status"] == "pending"
    assert set(read("ops_sweep")) == {"maintenance_started", "vacuums_started", "vacuums_failed", "audit_delivered"}
    assert read("ops_auditlist", limit=1)["items"][0]["type"] == "vacuum.requested"


def test_a_refusal_is_200_with_an_error_envelope_and_no_function_error(tcp):
    envelope = with_boto3(tcp, "ops_maintenanceend", {"secret_code": CODE})
    assert tag(envelope) == "no-active-maintenance"
    assert tag(with_boto3(tcp, "ops_maintenanceend", {})) in ("secret-code-required", "missing-field")


@pytest.mark.parametrize("name", ["ops_nothing", "pvm_main", "ops_Sweep", "ping"])
def test_an_unknown_function_is_what_lambda_says_of_one(tcp, name):
    client = boto_client(tcp)
    with pytest.raises(client.exceptions.ResourceNotFoundException) as caught:
        client.invoke(FunctionName=name, Payload="{}")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    assert name in caught.value.response["Error"]["Message"]


@pytest.mark.parametrize("name", ["ops_sweep:$LATEST", "123456789012:function:ops_sweep",
                                  "arn:aws:lambda:eu-central-1:123456789012:function:ops_sweep"])
def test_the_names_that_lambda_takes_are_taken(tcp, name):
    assert with_boto3(tcp, name, {})["success"]


def test_an_event_is_accepted_and_carried_out(tcp):
    answer = boto_client(tcp).invoke(FunctionName="ops_maintenanceschedule", InvocationType="Event", Payload=json.dumps(
        {"secret_code": CODE, "description": "x", "estimated_duration_seconds": 60, "scheduled_start_utc": instant(60)}))
    assert answer["StatusCode"] == 202 and answer["Payload"].read() == b""
    assert tcp.audit()[-1]["type"] == "maintenance.scheduled"


def test_a_dry_run_of_lambda_runs_nothing(tcp):
    answer = boto_client(tcp).invoke(FunctionName="ops_vacuumorg", InvocationType="DryRun", Payload=json.dumps(
        {"secret_code": CODE, "orgcode": "acme"}))
    assert answer["StatusCode"] == 204
    assert tag(tcp.invoke("vacuumstatus")) == "vacuum-not-found"


def test_curl_reaches_the_unix_socket_and_only_its_owner_may(sample):
    serve = sample.serve()
    path = serve.invoke_address.removeprefix("unix:")
    assert path == str(sample.data / "invoke.sock")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    result = subprocess.run(["curl", "-sS", "--unix-socket", path, "-d", "{}",
                             "http://localhost/2015-03-31/functions/ops_sweep/invocations"], capture_output=True, text=True)
    assert json.loads(result.stdout)["success"], result
    serve.stop()
    assert not os.path.exists(path)


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", ":0", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000",
                                     "unix:", "unix:/nowhere/at/all.sock", f"unix:/tmp/{'x' * 200}", "example.com:0"])
def test_an_address_that_is_not_loopback_or_none_at_all_is_refused(bare, address):
    code, said = bare.serve_refused("--invoke-listen", address)
    assert (code, said[:7]) == (1, "error: ") or (code == 2 and said.startswith("error: --invoke-listen: ")), said


def test_a_file_that_is_no_socket_is_not_replaced(bare):
    precious = bare.directory / "precious"
    precious.write_text("mine")
    code, said = bare.serve_refused("--invoke-listen", f"unix:{precious}")
    assert code == 1 and precious.read_text() == "mine"


FUNCTIONS = {
    "maintenanceschedule": {"description": "x", "estimated_duration_seconds": 60, "scheduled_start_utc": "2099-01-01T00:00:00Z"},
    "maintenancestart": {"maintenance_id": SOME_ID},
    "maintenanceend": {},
    "maintenancecancel": {"maintenance_id": SOME_ID},
    "maintenanceupdate": {"text": "x"},
    "vacuumall": {"dry_run": True},
    "vacuumorg": {"orgcode": "acme", "dry_run": True},
    "vacuumcancel": {"vacuum_id": SOME_ID},
}
OPEN_FUNCTIONS = {"vacuumstatus": {}, "sweep": {}, "auditlist": {}}


@pytest.mark.parametrize("function", [*FUNCTIONS, *OPEN_FUNCTIONS])
def test_an_unknown_field_is_refused_by_name(shared, function):
    payload = (FUNCTIONS | OPEN_FUNCTIONS)[function] | ({"secret_code": CODE} if function in FUNCTIONS else {})
    envelope = shared.invoke(function, **payload, dry_rum=True)
    assert tag(envelope) == "unknown-field" and envelope["error"]["details"]["field"] == "dry_rum"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_mutation_needs_the_secret_code(shared, function):
    for payload in ({}, {"secret_code": ""}):
        assert tag(shared.invoke(function, **FUNCTIONS[function], **payload)) in ("secret-code-required", "missing-field")
    assert tag(shared.invoke(function, **FUNCTIONS[function], secret_code=7)) == "invalid-field"


def test_without_a_code_in_the_store_every_mutation_says_so(make_home):
    serve = make_home().serve()
    for function, payload in FUNCTIONS.items():
        assert tag(serve.invoke(function, secret_code=CODE, **payload)) == "secret-code-not-set"


GOOD = {"description": "x", "estimated_duration_seconds": 60, "scheduled_start_utc": "2099-01-01T00:00:00Z"}
BAD_VALUES = {
    "empty description": ("maintenanceschedule", {"description": ""}, "invalid-field"),
    "description of 2001 characters": ("maintenanceschedule", {"description": "\u00e4" * 2001}, "invalid-field"),
    "description of another type": ("maintenanceschedule", {"description": ["x"]}, "invalid-field"),
    "59 seconds": ("maintenanceschedule", {"estimated_duration_seconds": 59}, "invalid-field"),
    "604801 seconds": ("maintenanceschedule", {"estimated_duration_seconds": 604801}, "invalid-field"),
    "seconds as text": ("maintenanceschedule", {"estimated_duration_seconds": "60"}, "invalid-field"),
    "seconds as a fraction": ("maintenanceschedule", {"estimated_duration_seconds": 60.5}, "invalid-field"),
    "a start without zone": ("maintenanceschedule", {"scheduled_start_utc": "2099-01-01T00:00:00"}, "invalid-field"),
    "a start on 30 February": ("maintenanceschedule", {"scheduled_start_utc": "2027-02-30T00:00:00Z"}, "invalid-field"),
    "a start in 367 days": ("maintenanceschedule", {"scheduled_start_utc": instant(367 * 86400)}, "invalid-field"),
    "a start in the past": ("maintenanceschedule", {"scheduled_start_utc": "2001-01-01T00:00:00Z"}, "start-not-in-future"),
    "no description": ("maintenanceschedule", {"description": ...}, "missing-field"),
    "an id that is none": ("maintenancestart", {"maintenance_id": "7"}, "invalid-field"),
    "an unknown id": ("maintenancestart", {"maintenance_id": SOME_ID}, "maintenance-not-found"),
    "an unknown id to cancel": ("maintenancecancel", {"maintenance_id": SOME_ID}, "maintenance-not-found"),
    "revision 0": ("maintenancestart", {"maintenance_id": SOME_ID, "expected_revision": 0}, "invalid-field"),
    "an update of nothing": ("maintenanceupdate", {"maintenance_id": SOME_ID}, "missing-field"),
    "an orgcode with a slash": ("vacuumorg", {"orgcode": "a/b"}, "invalid-field"),
    "an orgcode with a percent": ("vacuumorg", {"orgcode": "%"}, "invalid-field"),
    "an orgcode of 65": ("vacuumorg", {"orgcode": "a" * 65}, "invalid-field"),
    "an empty orgcode": ("vacuumorg", {"orgcode": ""}, "invalid-field"),
    "no orgcode": ("vacuumorg", {}, "missing-field"),
    "dry_run as text": ("vacuumorg", {"orgcode": "acme", "dry_run": "true"}, "invalid-field"),
    "dry_run as a number": ("vacuumorg", {"orgcode": "acme", "dry_run": 1}, "invalid-field"),
    "dry_run null": ("vacuumorg", {"orgcode": "acme", "dry_run": None}, "invalid-field"),
    "plan_sha256 null": ("vacuumorg", {"orgcode": "acme", "plan_sha256": None}, "invalid-field"),
    "maintenance_id null": ("maintenanceend", {"maintenance_id": None}, "invalid-field"),
    "a plan that is no hash": ("vacuumorg", {"orgcode": "acme", "plan_sha256": "abc"}, "invalid-field"),
    "a phrase in small letters": ("vacuumall", {"confirmation_phrase": PHRASE.lower()}, "confirmation-phrase-mismatch"),
    "a phrase with a blank": ("vacuumall", {"confirmation_phrase": PHRASE + " "}, "confirmation-phrase-mismatch"),
    "dry_run as a number and no phrase": ("vacuumall", {"dry_run": 1}, "invalid-field"),
    "dry_run false and no phrase": ("vacuumall", {"dry_run": False}, "confirmation-phrase-mismatch"),
    "an unknown vacuum": ("vacuumcancel", {"vacuum_id": SOME_ID}, "vacuum-not-found"),
    "an actor of 129": ("maintenanceend", {"actor": "a" * 129}, "invalid-field"),
    "a reason of 501": ("maintenanceend", {"reason": "a" * 501}, "invalid-field"),
    "an actor with a NUL": ("maintenanceend", {"actor": "a\u0000b"}, "invalid-field"),
    "nothing active": ("maintenanceend", {}, "no-active-maintenance"),
    "nothing active to update": ("maintenanceupdate", {"text": "x"}, "no-active-maintenance"),
}


@pytest.mark.parametrize("name", BAD_VALUES)
def test_a_wrong_value_has_its_own_tag(shared, name):
    function, changes, wanted = BAD_VALUES[name]
    payload = (GOOD if function == "maintenanceschedule" else {}) | changes
    envelope = shared.ask(function, **{name: value for name, value in payload.items() if value is not ...})
    tags = {wanted, "missing-field"} if name == "dry_run false and no phrase" else {wanted, "invalid-json"} if "NUL" in name else {wanted}
    assert tag(envelope) in tags, envelope
    if wanted in ("invalid-field", "missing-field") and "NUL" not in name:
        assert envelope["error"]["details"].get("field") or envelope["error"]["details"].get("fields"), envelope


@pytest.mark.parametrize("status", ["scheduled", "active", "ended", "cancelled"])
def test_each_state_takes_only_its_own_changes(bare, status):
    serve = bare.serve()
    maintenance_id = serve.schedule()["maintenance_id"]
    if status in ("active", "ended"):
        serve.do("maintenancestart", maintenance_id=maintenance_id)
    if status == "ended":
        serve.do("maintenanceend")
    if status == "cancelled":
        serve.do("maintenancecancel", maintenance_id=maintenance_id)
    other = {"active": "maintenance-not-scheduled"}.get(status, "maintenance-not-scheduled")
    for function in ("maintenancestart", "maintenancecancel"):
        if status != "scheduled":
            assert tag(serve.ask(function, maintenance_id=maintenance_id)) in (other, "maintenance-already-active")
    if status != "active":
        assert tag(serve.ask("maintenanceend", maintenance_id=maintenance_id)) == "maintenance-not-active"
        assert tag(serve.ask("maintenanceupdate", maintenance_id=maintenance_id, text="x")) == "maintenance-not-active"
    changed = serve.ask("maintenanceupdate", maintenance_id=maintenance_id, description="new")
    assert changed["success"] == (status in ("scheduled", "active"))


@pytest.mark.parametrize("path, method, status", [
    ("/", "GET", 404), ("/ops/ping", "GET", 404), ("/2015-03-31/functions/", "POST", 404),
    ("/2015-03-31/functions/ops_sweep", "POST", 404), ("/2015-03-31/functions/a/b/invocations", "POST", 404),
    ("/2015-03-31/functions/ops_sweep/invocations", "GET", 405), ("/2015-03-31/functions/%00/invocations", "POST", 400),
    ("/2015-03-31/functions/%zz/invocations", "POST", 400), (f"/2015-03-31/functions/{'x' * 300}/invocations", "POST", 400),
])
def test_other_paths_and_methods_are_refused(shared, path, method, status):
    connection = shared.invoke_connection()
    connection.request(method, path, body="{}" if method == "POST" else None)
    response = connection.getresponse()
    assert response.status == status, response.read()
    assert response.headers["x-amzn-ErrorType"]
    connection.close()


def test_a_payload_over_the_limit_is_refused_in_lambdas_words(shared):
    answer = shared.invoke_raw("ops_sweep", b"x" * (8 << 20))
    assert answer.status == 413 and answer.headers["x-amzn-ErrorType"] == "RequestTooLargeException"


@pytest.mark.parametrize("body", [b"[]", b'"x"', b"7", b'{"a":1,"a":2}', b'{"limit":' + b"[" * 40 + b"]" * 40 + b"}"],
                         ids=["array", "text", "number", "twice", "deep"])
def test_a_payload_that_is_no_json_object_is_an_error_envelope(shared, body):
    answer = shared.invoke_raw("ops_auditlist", body)
    assert (answer.status, answer.tag) == (200, "invalid-json")


@pytest.mark.parametrize("kind", ["RequestResponse", "Event"])
@pytest.mark.parametrize("body", [b"{", b"{} {}", b"nothing", b'{"limit": "\xff"}', b'{"limit":' + b"[" * 100000],
                         ids=["cut off", "more behind it", "a word", "utf-8", "endless"])
def test_a_payload_that_is_not_json_is_refused_in_lambdas_words(shared, body, kind):
    answer = shared.invoke_raw("ops_auditlist", body, {"X-Amz-Invocation-Type": kind})
    assert (answer.status, answer.tag) == (400, "invalid-json")
    assert answer.headers["x-amzn-ErrorType"] == "InvalidRequestContentException"
    assert answer.envelope["Type"] == "User" and answer.envelope["Message"]


def test_boto3_takes_that_for_the_exception_that_it_is(tcp):
    client = boto_client(tcp)
    with pytest.raises(client.exceptions.InvalidRequestContentException, match="JSON|line 1"):
        client.invoke(FunctionName="ops_sweep", Payload=b"{")


def test_an_unknown_invocation_type_is_refused(shared):
    answer = shared.invoke_raw("ops_sweep", b"{}", {"X-Amz-Invocation-Type": "Later"})
    assert answer.status == 400 and answer.headers["x-amzn-ErrorType"] == "InvalidParameterValueException"
