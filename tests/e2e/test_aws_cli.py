"""The commands with --engine aws: what goes to the functions in the account, what needs an endpoint, what goes wrong."""

import json
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import yaml
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from aws_home import (  # noqa: F401 (fixtures)
    AUDIT_GROUP, OWN_TABLE, account, empty, make_aws, on, stub, stub_process)
from g3nops import CODE, PROGRAM, base_environment, data, instant, until

INVOKE = "/2015-03-31/functions/{}/invocations"
KEY, SECRET, TOKEN = "AKIALAMBDATESTS", "a/secret+of/the+lambda/tests", "a-token/with+odd=signs"
REGION = "eu-west-1"


class Lambda:
    """The Invoke API of an account. It checks signatures, then a serve of ours runs the function, or reply says what is
    answered: (status, headers, body), "reset" for a connection that ends without an answer, "silence" for none at all.
    """

    def __init__(self):
        self.serve = None
        self.reply = None
        self.carry_out = False  # although reply is answered
        self.keys = {KEY: (SECRET, TOKEN)}
        self.calls = []
        self.release = threading.Event()
        account = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                account.calls.append((self.path, self.headers, body))
                reply = account.answer(self.path, self.headers, body)
                if reply == "silence":
                    account.release.wait(120)
                if isinstance(reply, str):
                    self.close_connection = True
                    return
                status, headers, answer = reply
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def is_signed(self, path, headers, body):
        scheme, *parts = headers["Authorization"].replace(",", "").split()
        part = dict(text.split("=", 1) for text in parts)
        key, date, region, service, end = part["Credential"].split("/")
        secret, token = self.keys.get(key, ("", ""))
        signed = part["SignedHeaders"].split(";")
        assert {"host", "x-amz-date", "content-type", "x-amz-security-token"} <= set(signed)
        request = AWSRequest("POST", self.url + path, data=body, headers={name: headers[name] for name in signed})
        request.context["timestamp"] = headers["X-Amz-Date"]
        auth = SigV4Auth(Credentials(key, secret, token), service, region)
        text = auth.string_to_sign(request, auth.canonical_request(request))
        return (scheme == "AWS4-HMAC-SHA256" and (service, region, end) == ("lambda", REGION, "aws4_request")
                and date == headers["X-Amz-Date"][:8] and headers["X-Amz-Security-Token"] == token
                and part["Signature"] == auth.signature(text, request))

    def answer(self, path, headers, body):
        if not self.is_signed(path, headers, body):
            return refusal(403, "InvalidSignatureException", "The request signature we calculated does not match.")
        if self.reply and not self.carry_out:
            return self.reply
        answer = self.serve.invoke_raw(path.split("/")[3], body)
        return self.reply or (answer.status, {"Content-Type": "application/json"}, answer.body)

    def stop(self):
        self.release.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def refusal(status, code, message):
    """As Lambda refuses: the code is in a header."""
    body = json.dumps({"Type": "User", "Message": message}).encode()
    return status, {"x-amzn-ErrorType": code, "Content-Type": "application/json"}, body


def function_error(kind, body):
    return 200, {"X-Amz-Function-Error": kind}, json.dumps(body).encode()


@pytest.fixture
def functions():
    functions = Lambda()
    yield functions
    functions.stop()


class Operator:
    """At a terminal of their own, with keys of the account and no data directory of a serve."""

    def __init__(self, home, functions):
        self.home = home
        self.env = {
            "AWS_ENDPOINT_URL_LAMBDA": functions.url, "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_SESSION_TOKEN": TOKEN, "AWS_REGION": REGION, "G3NOPS_DATA": str(home.directory / "nothing"),
        }

    def run(self, *arguments, env=None, **options):
        without = {name: value for name, value in (self.env | (env or {})).items() if value is not None}
        return self.home.run(*arguments, "--engine", "aws", env=without, with_data=False, **options)

    def mutate(self, *arguments, **options):
        return self.run(*arguments, "--secret-code-file", self.home.code_file, **options)


@pytest.fixture
def operator(make_home, functions):
    return Operator(make_home(name="operator"), functions)


@pytest.fixture
def served(empty, functions):
    """A serve that the functions are."""
    functions.serve = empty.serve()
    return functions.serve


def one_line(result):
    lines = result.stderr.strip().splitlines()
    assert [line.startswith("error: ") for line in lines].count(True) == 1, result.stderr
    assert all(line.startswith(("error: ", "hint: ", "usage: ", "    ")) for line in lines), result.stderr
    assert SECRET not in result.stderr and TOKEN not in result.stderr and CODE not in result.stderr
    return lines[0]


# ---- The functions of the account ----


@on("stub")
def test_mutations_and_their_reads_invoke_the_functions_of_the_account(operator, functions, served):
    made = operator.mutate("maintenance-schedule", "--description", "Move ünïcödé", "--duration", 600,
                           "--start", instant(7200), "--actor", "olga", "--json")
    assert made.returncode == 0, made
    window = data(json.loads(made.stdout))
    assert window["status"] == "scheduled" and window["description"] == "Move ünïcödé"
    path, headers, body = functions.calls[-1]
    assert path == INVOKE.format("ops_maintenanceschedule") and headers["Content-Type"] == "application/json"
    assert json.loads(body)["secret_code"] == CODE

    assert operator.mutate("maintenance-start", "--maintenance-id", window["maintenance_id"][:10]).returncode == 0
    assert window["maintenance_id"] in operator.run("maintenance-list").stdout
    assert operator.run("maintenance-get", "--maintenance-id", "latest").returncode == 0
    assert served.window()["maintenance_id"] == window["maintenance_id"]
    assert operator.mutate("maintenance-end").returncode == 0
    dry = operator.mutate("vacuum-org", "--orgcode", "acme", "--dry-run", "--json")
    assert dry.returncode == 0, dry
    report = data(json.loads(dry.stdout))
    assert report["status"] == "completed" and report["dry_run"] is True
    assert operator.run("vacuum-status", "--vacuum-id", report["vacuum_id"]).returncode == 0
    assert operator.run("sweep").returncode == 0
    listed = operator.run("audit-list", "--json")
    assert [record["type"] for record in data(json.loads(listed.stdout))["items"]][-1] == "secret.set"
    called = {path.split("/")[3] for path, _, _ in functions.calls}
    assert called == {"ops_maintenanceschedule", "ops_maintenancestart", "ops_maintenancelist", "ops_maintenanceget",
                      "ops_maintenanceend", "ops_vacuumorg",
                      "ops_vacuumstatus", "ops_sweep", "ops_auditlist"}


@on("stub")
def test_json_is_the_envelope_that_the_function_gave_and_a_refusal_is_1(operator, functions, served):
    refused = operator.mutate("maintenance-end", "--json")
    assert refused.returncode == 1 and not refused.stderr, refused
    assert json.loads(refused.stdout)["error"]["minor"]["tag"] == "no-active-maintenance"
    functions.reply = (200, {}, b'{"success":true,"data":{"maintenance_started":0},"more":[1.50]}')
    given = operator.run("sweep", "--json")
    answered = b',"answered_by":{"engine":"aws","function":"ops_sweep"}}'
    assert given.returncode == 0 and given.stdout.encode() == functions.reply[2][:-1] + answered + b"\n", given
    functions.reply = None
    wrong = operator.home.directory / "wrong"
    wrong.write_text("a wrong code")
    wrong.chmod(0o600)
    told = operator.run("maintenance-end", "--secret-code-file", wrong)
    assert told.returncode == 1 and "secret-code-mismatch" in one_line(told) and "a wrong code" not in told.stderr


@on("stub")
def test_a_secret_that_is_wrong_or_a_region_that_is_another_is_refused_by_the_signature(operator, functions, served):
    for env in ({"AWS_SECRET_ACCESS_KEY": "another"}, {"AWS_REGION": "eu-west-2"}, {"AWS_SESSION_TOKEN": "another"}):
        refused = operator.run("sweep", env=env)
        assert refused.returncode == 3 and "signature" in one_line(refused), (env, refused)


NOT_FOUND = "Function not found: arn:aws:lambda:eu-west-1:123456789012:function:ops_maintenanceend"
DENIED = "User: olga is not authorized to perform: lambda:InvokeFunction on resource: ops_maintenanceend"


@pytest.mark.parametrize("reply, words", [
    (refusal(404, "ResourceNotFoundException", NOT_FOUND), ["no function ops_maintenanceend", "region"]),
    (refusal(403, "AccessDeniedException", DENIED), ["AccessDenied", DENIED]),
    (refusal(429, "TooManyRequestsException", "Rate Exceeded."), ["Rate Exceeded."]),
    (refusal(500, "ServiceException", "Lambda broke down."), ["may or may not have been carried out"]),
    (refusal(502, "EC2UnexpectedException", "No instance."), ["may or may not have been carried out"]),
    (function_error("Unhandled", {"errorMessage": "RequestId: 1 Task timed out after 3.00 seconds"}),
     ["ops_maintenanceend", "Task timed out", "may or may not have been carried out"]),
    (function_error("Unhandled", {"errorMessage": "exit status 1", "errorType": "Runtime.ExitError"}),
     ["exit status 1", "may or may not have been carried out"]),
    ((200, {}, b"null"), ["ops_maintenanceend", "is not g3nops"]),
    ((200, {}, b"<html>a proxy</html>"), ["ops_maintenanceend", "is not g3nops"]),
    ((301, {"Location": "http://127.0.0.1:1/"}, b""), ["301"]),
    ("reset", ["may or may not have been carried out"]),
], ids=["no function", "no right", "throttled", "500", "502", "time-out", "exit", "null", "html", "301", "reset"])
def test_what_goes_wrong_with_a_function_is_one_line_and_exit_code_3(operator, functions, reply, words):
    functions.reply = reply
    result = operator.mutate("maintenance-end")
    assert result.returncode == 3, result
    line = one_line(result)
    assert all(word in line for word in words), line
    assert len(functions.calls) == 1, "a mutation is sent once"
    in_json = operator.mutate("maintenance-end", "--json")
    assert in_json.returncode == 3 and json.loads(in_json.stdout)["success"] is False and not in_json.stderr, in_json


@on("stub")
def test_an_answer_that_is_lost_after_the_window_was_scheduled_says_so_and_there_is_one_window(operator, functions, served):
    functions.reply, functions.carry_out = "reset", True
    result = operator.mutate("maintenance-schedule", "--description", "x", "--duration", 600, "--start", instant(7200))
    assert result.returncode == 3 and "may or may not have been carried out" in one_line(result), result
    functions.reply = None
    types = [record["type"] for record in data(json.loads(operator.run("audit-list", "--json").stdout))["items"]]
    assert types.count("maintenance.scheduled") == 1


def test_a_token_that_lambda_calls_expired_is_fetched_anew(operator, functions):
    """Lambda names the error in a header alone."""
    functions.keys["AKIASECOND"] = (SECRET, "second")
    whole = Lambda.answer

    def answer(path, headers, body):
        if KEY in headers["Authorization"]:
            return refusal(403, "ExpiredTokenException", "The security token included in the request is expired")
        return whole(functions, path, headers, body)
    functions.answer = answer
    functions.reply = (200, {}, b'{"success":true,"data":{}}')
    directory = operator.home.directory
    script = directory / "keys"
    script.write_text(f"""#!/bin/sh
if mkdir {directory}/asked 2>/dev/null; then key={KEY} token='{TOKEN}'; else key=AKIASECOND token=second; fi
echo '{{"Version": 1, "AccessKeyId": "'$key'", "SecretAccessKey": "{SECRET}", "SessionToken": "'$token'"}}'
""")
    script.chmod(0o700)
    config = directory / "config"
    config.write_text(f"[profile changing]\ncredential_process = {script}\nregion = {REGION}\n")
    result = operator.run("sweep", "--profile", "changing", "--json", env={"AWS_CONFIG_FILE": str(config)})
    assert result.returncode == 0, result
    assert len(functions.calls) == 2


def test_nothing_secret_is_in_the_command_line_of_a_running_command(operator, functions):
    functions.reply = "silence"
    for command in (["sweep"], ["maintenance-end", "--secret-code", CODE]):
        before = len(functions.calls)
        process = subprocess.Popen([PROGRAM, *command, "--engine", "aws"], env=base_environment() | operator.env,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            until(lambda: len(functions.calls) > before, "the function is called")
            with open(f"/proc/{process.pid}/cmdline", "rb") as file:
                shown = file.read()
        finally:
            process.kill()
            process.communicate()
        assert b"g3nops" in shown
        assert all(secret.encode() not in shown for secret in (CODE, SECRET, TOKEN)), shown


# ---- What is missing ----


@pytest.mark.parametrize("env, more, words", [
    ({"AWS_REGION": None}, [], ["No AWS region is configured", "--region"]),
    ({"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}, [], ["credentials"]),
    ({"AWS_SECRET_ACCESS_KEY": None}, [], ["AWS_SECRET_ACCESS_KEY"]),
    ({}, ["--profile", "nobody"], ["nobody"]),
    ({"AWS_PROFILE": "nobody"}, [], ["nobody"]),
    ({"AWS_ENDPOINT_URL_LAMBDA": "no url"}, [], ["AWS_ENDPOINT_URL_LAMBDA", "no URL"]),
    ({"AWS_ENDPOINT_URL_LAMBDA": "http://127.0.0.1:1"}, [], ["127.0.0.1:1"]),
], ids=["no region", "no keys", "half a key", "profile", "AWS_PROFILE", "no url", "nobody there"])
def test_what_is_missing_or_wrong_is_named_and_nothing_is_sent(operator, functions, env, more, words):
    result = operator.run("sweep", *more, env={"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/nonexistent"} | env)
    line = one_line(result)
    assert result.returncode in (1, 2, 3) and all(word in line for word in words), result
    assert not functions.calls


@pytest.mark.parametrize("command", [
    ["manifest-check"], ["secret-set", "--new-secret-code-file", "-"], ["audit-verify"], ["aws-bootstrap"],
], ids=lambda command: command[0])
@pytest.mark.parametrize("env, word", [
    ({}, "region"), ({"AWS_REGION": "eu-west-1"}, "credentials"),
], ids=["no region", "no keys"])
def test_a_command_that_works_on_the_account_says_what_is_missing(make_home, command, env, word):
    home = make_home()
    result = home.run(*command, "--engine", "aws", text_in=CODE,
                      env={"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/nonexistent",
                           "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent"} | env, timeout=30)
    assert result.returncode not in (0, -6) and word in result.stderr, result


@pytest.mark.parametrize("flag", ["--region", "--profile"])
@pytest.mark.parametrize("command", ["sweep", "serve", "manifest-check", "audit-verify"])
def test_flags_of_aws_without_its_engine_are_a_usage_error(make_home, command, flag):
    result = make_home().run(command, flag, "x", timeout=20)
    assert result.returncode == 2 and f"{flag} goes with --engine aws" in result.stderr, result


@pytest.mark.parametrize("command", [["session-create", "--user", "u"], ["demo-data"]])
def test_commands_of_the_embedded_engine_refuse_the_other(make_home, command):
    result = make_home().run(*command, "--engine", "aws")
    assert result.returncode == 2 and "--engine local" in result.stderr, result


@pytest.mark.parametrize("command", [["ping"], ["stat"], ["maintenance-list", "--session-guid", "g"]], ids=lambda command: command[0])
def test_reads_of_the_api_say_that_they_need_its_address(operator, functions, command):
    result = operator.run(*command)
    assert result.returncode == 2 and "--endpoint" in one_line(result), result
    assert not functions.calls


@on("stub")
def test_reads_go_to_the_endpoint_and_mutations_too_when_there_is_one(operator, functions, served):
    assert operator.run("ping", "--endpoint", served.http_url).returncode == 0
    assert operator.run("sweep", "--endpoint", served.invoke_address).returncode == 0
    beside = served.home.run("ping", "--engine", "aws")
    assert beside.returncode == 0, "the serve of the data directory has an address"
    assert not functions.calls


# ---- aws-bootstrap ----


def report(result):
    assert result.returncode == 0, result
    return {(thing["kind"], thing["name"]): thing for thing in data(json.loads(result.stdout))["report"]}


@on("stub", "moto")
def test_aws_bootstrap_makes_what_is_missing_once_and_changes_nothing_that_exists(make_aws, account):
    home = make_aws()
    first = report(home.aws("aws-bootstrap", "--json"))
    made = {("table", OWN_TABLE), ("log_group", AUDIT_GROUP), ("log_stream", "g3nops")}
    assert set(first) == made and {thing["action"] for thing in first.values()} == {"created"}, first
    table = account.client("dynamodb").describe_table(TableName=OWN_TABLE)["Table"]
    assert [(key["AttributeName"], key["KeyType"]) for key in table["KeySchema"]] == [("pk", "HASH"), ("sk", "RANGE")]
    second = report(home.aws("aws-bootstrap", "--json"))
    assert set(second) == made and {thing["action"] for thing in second.values()} == {"exists"}, second
    table_now = home.aws("aws-bootstrap")
    assert table_now.returncode == 0 and "exists" in table_now.stdout and OWN_TABLE in table_now.stdout
    account.client("logs").put_retention_policy(logGroupName=AUDIT_GROUP, retentionInDays=30)
    warned = report(home.aws("aws-bootstrap", "--json"))
    assert "30 days" in warned["log_group", AUDIT_GROUP]["warning"]


@on("stub")
def test_a_table_of_that_name_with_other_keys_is_refused(make_aws, account):
    account.make_table(OWN_TABLE, {"id": "S"}, [])
    result = make_aws().aws("aws-bootstrap")
    assert result.returncode == 1 and OWN_TABLE in result.stderr and "pk and sk" in result.stderr, result


@on("stub")
@pytest.mark.parametrize("command", [["audit-verify"], ["secret-set", "--new-secret-code-file", "-"]])
def test_without_the_table_a_command_says_how_to_make_it(make_aws, command):
    result = make_aws().aws(*command, text_in=CODE)
    assert result.returncode != 0 and "aws-bootstrap" in result.stderr and OWN_TABLE in result.stderr, result


@on("stub")
def test_serve_without_the_table_does_not_pretend_to_work(make_aws, account):
    serve = make_aws().serve()
    answer = serve.http("GET", "/ops/ping")
    assert answer.status == 503 and answer.tag == "store-unavailable", answer
    assert "aws-bootstrap" in answer.body.decode()


class Template(yaml.SafeLoader):
    """CloudFormation's short forms are tags."""


Template.add_multi_constructor("!", lambda loader, suffix, node: loader.construct_scalar(node))


def test_the_template_is_yaml_that_makes_the_same_things(make_home):
    home = make_home()
    printed = home.run("aws-bootstrap", "--engine", "aws", "--print-template")
    assert printed.returncode == 0 and not printed.stderr, printed
    resources = yaml.load(printed.stdout, Template)["Resources"]
    by_type = {resource["Type"]: resource for resource in resources.values()}
    table, group = by_type["AWS::DynamoDB::Table"], by_type["AWS::Logs::LogGroup"]
    assert table["Properties"]["TableName"] == OWN_TABLE and group["Properties"]["LogGroupName"] == AUDIT_GROUP
    assert table["Properties"]["BillingMode"] == "PAY_PER_REQUEST"
    assert table["Properties"]["DeletionProtectionEnabled"] is True
    assert table["Properties"]["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
    assert [(key["AttributeName"], key["KeyType"]) for key in table["Properties"]["KeySchema"]] == \
        [("pk", "HASH"), ("sk", "RANGE")]
    assert "RetentionInDays" not in group["Properties"]
    assert by_type["AWS::Logs::LogStream"]["Properties"]["LogStreamName"] == "g3nops"
    assert table["DeletionPolicy"] == group["DeletionPolicy"] == "Retain"
    in_json = home.run("aws-bootstrap", "--engine", "aws", "--print-template", "--json")
    assert data(json.loads(in_json.stdout))["template"].strip() == printed.stdout.strip()
