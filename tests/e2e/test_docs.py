"""What is written down is what the program does: no name is missing, none is there too much."""

import re
import subprocess

import pytest
import yaml
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import OpenAPIV31SpecValidator

from g3nops import PROGRAM, ROOT, base_environment

REFERENCE = (ROOT / "docs" / "reference.md").read_text()
OPENAPI_TEXT = (ROOT / "docs" / "openapi.yaml").read_text()
OPENAPI = yaml.safe_load(OPENAPI_TEXT)
SOME_ID = "01JDE9Q3F0V8M4T6XK2R7W5N1B"

# ---- openapi.yaml ----


def test_the_openapi_file_is_valid_openapi_31():
    assert OPENAPI["openapi"].startswith("3.1.")
    OpenAPIV31SpecValidator(OPENAPI).validate()


def operations():
    """The operations of src/app/operations.c: their own words, macro names still in them."""
    source = (ROOT / "src" / "app" / "operations.c").read_text()
    macros = {name: body for name, body in re.findall(r"#define (FIELD_\w+)(?:\(is_required\))? *\\?\n? *(\{.*?\})\n", source, re.S)}
    table = source.split("static const struct ops_operation operations[] = {")[1].split("\n};")[0]
    found = {}
    for text in re.split(r"\n    \{\.name = ", table)[1:]:
        def expand(match):
            body = macros[match[1]]
            return body.replace("is_required", match[2] or "")
        fields = re.findall(r'\{\s*"(\w+)",\s*(OPS_FIELD_\w+),\s*(?:[^,{}"]+,\s*)*?(true|false)',
                            re.sub(r"(FIELD_[A-Z0-9_]+)(?:\((\w+)\))?(?=[,}\s])", lambda m: expand(m) if m[1] in macros else m[0], text))
        found[re.match(r'"([^"]+)"', text)[1]] = {
            "route": (re.search(r'\.route = "([^"]+)"', text) or [None, None])[1],
            "function": (re.search(r'\.function = "([^"]+)"', text) or [None, None])[1],
            "takes_post": ".takes_post = true" in text,
            "access": re.search(r"\.access = OPS_ACCESS_(\w+)", text)[1],
            "is_safe": ".is_safe = true" in text,
            "fields": {name: required == "true" for name, _, required in fields},
        }
    return found


OPERATIONS = operations()
OPERATOR_FIELDS = {"secret_code": True, "actor": False, "reason": False}


def documented_fields(operation):
    return operation["fields"] | (OPERATOR_FIELDS if operation["access"] == "SECRET" else {})


def test_the_openapi_file_has_every_route_method_and_field_and_no_other():
    routes = {operation["route"]: operation for operation in OPERATIONS.values() if operation["route"]}
    assert set(OPENAPI["paths"]) == set(routes) | {"/ops/openapi.yaml", "/healthz", "/readyz"}
    for path, operation in routes.items():
        described = OPENAPI["paths"][path]
        assert set(described) == ({"get", "post"} if operation["takes_post"] else {"get"}), path
        parameters = {parameter["name"]: parameter.get("required", False) for parameter in described["get"].get("parameters", [])}
        assert parameters == operation["fields"], path
        if operation["takes_post"]:
            schema = described["post"]["requestBody"]["content"]["application/json"]["schema"]
            assert set(schema["properties"]) == set(operation["fields"]) | {"session_guid"}, path
            assert set(schema.get("required", [])) == {name for name, required in operation["fields"].items() if required}


def test_the_service_answers_its_openapi_file(shared):
    answer = shared.http("GET", "/ops/openapi.yaml")
    assert answer.status == 200 and answer.headers["Content-Type"].startswith("application/yaml")
    assert answer.body.decode() == OPENAPI_TEXT, "the program is built from another openapi.yaml"


def follow(node):
    while "$ref" in node:
        target = OPENAPI
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part.replace("~1", "/").replace("~0", "~")]
        node = target
    return node


def strict(schema):
    return OPENAPI | schema  # references are looked up from the document's root


def check(method, path, answer):
    """The answer is as the file says for this route, method and status."""
    described = OPENAPI["paths"][path][method.lower()]["responses"]
    assert str(answer.status) in described, f"{method} {path} answers {answer.status}, which is not described"
    response = follow(described[str(answer.status)])
    schema = response["content"]["application/json"]["schema"]
    errors = [f"{error.json_path}: {error.message}"
              for error in Draft202012Validator(strict(schema), format_checker=FormatChecker()).iter_errors(answer.envelope)]
    assert not errors, errors
    for name, header in response.get("headers", {}).items():
        if follow(header).get("required"):
            assert answer.headers[name], name


def test_real_answers_are_as_the_openapi_file_says(bare):
    serve = bare.serve()
    session = {"x-session-guid": bare.session()}
    seen = set()

    def ask(method, path, query="", status=200, **options):
        answer = serve.http(method, path + query, **options)
        assert answer.status == status, answer
        check(method, path, answer)
        seen.add((path, status))
        return answer
    ask("GET", "/ops/ping")
    ended, cancelled, active, scheduled = (serve.schedule()["maintenance_id"] for _ in range(4))
    serve.do("maintenancestart", maintenance_id=ended)
    serve.do("maintenanceend", end_message="done")
    serve.do("maintenancecancel", maintenance_id=cancelled)
    serve.do("maintenancestart", maintenance_id=active)
    serve.do("maintenanceupdate", text="half")
    for path in ("/ops/ping", "/ops/stat"):
        ask("GET", path)
        ask("GET", path, "?x=1", 400)
        ask("GET", path, status=400, body="{}")
    ask("GET", "/ops/maintenance/list", "?status=all&limit=2", headers=session)
    ask("POST", "/ops/maintenance/list", json_body={"status": "all"}, headers=session)
    for maintenance_id in (ended, cancelled, active, scheduled):
        ask("GET", "/ops/maintenance/get", f"?maintenance_id={maintenance_id}", headers=session)
        ask("POST", "/ops/maintenance/get", json_body={"maintenance_id": maintenance_id}, headers=session)
    for path in ("/ops/maintenance/list", "/ops/maintenance/get"):
        ask("GET", path, "?session_guid=x", 400)
        ask("GET", path, "?colour=red", 400, headers=session)
        ask("POST", path, status=400, body="{", headers=session | {"Content-Type": "application/json"})
        ask("POST", path, status=413, body=b"x" * 100_000, headers=session | {"Content-Type": "application/json"})
        ask("POST", path, status=415, body="x", headers=session)
    for headers in ({}, {"x-session-guid": "nobody"}):
        ask("GET", "/ops/maintenance/list", status=401, headers=headers)
        ask("GET", "/ops/maintenance/get", f"?maintenance_id={active}", 401, headers=headers)
    ask("GET", "/ops/maintenance/get", f"?maintenance_id={SOME_ID}", 404, headers=session)
    bare.table("usm_sessions").write_bytes(b"x" * 5000)
    ask("GET", "/ops/maintenance/list", status=503, headers=session)
    for path in ("/ops/ping", "/ops/maintenance/list"):
        answer = serve.http("DELETE", path)
        assert answer.status == 405
        check("GET", path, answer)
    assert len(seen) == 16


def test_the_check_of_answers_can_fail():
    class Wrong:
        status, headers = 200, {"Cache-Control": "no-store"}
        envelope = {"success": True, "data": {"status": "fine"}}
    with pytest.raises(AssertionError):
        check("GET", "/ops/ping", Wrong)


# ---- reference.md ----

def section(title, text=REFERENCE, level=2):
    """What stands below a heading, up to the next one of its level or a higher one."""
    match = re.search(rf"^{'#' * level} {re.escape(title)}$\n(.*?)(?=^#{{2,{level}}} |\Z)", text, re.M | re.S)
    assert match, f"docs/reference.md has no section {title!r}"
    return match[1]


def parts(text):
    """The sections below, by title."""
    return dict(re.findall(r"^### ([^\n]+)\n(.*?)(?=^### |\Z)", text, re.M | re.S))


def first_column(text):
    """The names in the first column of the tables."""
    return re.findall(r"^\| (`[^|]+`) \|", text, re.M)


def names(text):
    return {name for cell in first_column(text) for name in re.findall(r"`([^`]+)`", cell)}


def output(*arguments):
    result = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, env=base_environment())
    assert result.returncode == 0, result
    return result.stdout


def help_groups(command):
    """The flags that a command's help shows, by the group's title."""
    groups, title = {}, None
    for line in output("help", command).splitlines():
        heading = re.fullmatch(r"([A-Z][A-Za-z ]*?)(?: \(.*\))?:", line)
        if heading:
            title = heading[1]
        elif flag := re.match(r"  (--[a-z0-9-]+)", line):
            groups.setdefault(title, set()).add(flag[1])
        elif line and not line.startswith(" "):
            title = None
    return groups


def commands():
    overview = output("help").split("\nEnvironment:")[0]
    return re.findall(r"^  ([a-z][a-z-]+) ", overview, re.M)


SHARED = {"Common flags": "Common flags", "Secret code": "Secret code flags", "For the record": "For the record flags",
          "Session": "Session flags"}


def test_the_reference_has_every_command_and_no_other():
    assert set(parts(section("Commands"))) == set(commands()) | set(SHARED.values())


@pytest.mark.parametrize("command", commands())
def test_the_reference_has_every_flag_of_a_command_and_no_other(command):
    written = parts(section("Commands"))[command]
    groups = help_groups(command)
    assert names(written) == groups.pop("Flags", set())
    assert set(re.findall(r"\(#([a-z-]+flags)\)", written)) == {SHARED[title].lower().replace(" ", "-") for title in groups}
    for title, flags in groups.items():
        assert names(parts(section("Commands"))[SHARED[title]]) == flags, title


def test_the_reference_has_every_environment_variable_and_exit_code():
    overview = output("help")
    variables = overview.split("\nEnvironment:")[1].split("\nExit codes:")[0]
    assert names(section("Environment")) == set(re.findall(r"^  ([A-Z0-9_]+)", variables, re.M))
    codes = set(re.findall(r"^  (\d+) ", overview.split("\nExit codes:")[1], re.M))
    assert names(section("Exit codes")) == codes | {"130"}, "130 is a shell's word for Ctrl-C"


def rows(text):
    """The rows of a section's table of fields: name → required."""
    return {name: required == "yes" for name, required in re.findall(r"^\| `(\w+)` \| [^|]+ \| (yes|no) \|", text, re.M)}


def test_the_reference_has_every_route_and_function_and_no_other():
    routes = {operation["route"] for operation in OPERATIONS.values() if operation["route"]}
    functions = {operation["function"] for operation in OPERATIONS.values() if operation["function"]}
    assert len(routes) == 4 and len(functions) == 15, "operations.c is read as it is written"
    assert set(parts(section("HTTP routes"))) == routes | {"/ops/openapi.yaml", "/healthz", "/readyz"}
    assert set(parts(section("Functions"))) == functions


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_reference_has_every_field_of_an_operation_and_no_other(name):
    operation = OPERATIONS[name]
    written = parts(section("HTTP routes") if operation["route"] else section("Functions"))[operation["route"] or name]
    session = {"session_guid": False} if operation["access"] == "SESSION" else {}
    assert rows(written) == documented_fields(operation) | session


def test_the_reference_says_of_each_function_whether_it_is_open_while_codes_are_locked():
    written = {name for name, text in parts(section("Functions")).items()
               if "Its secret code is looked at also while codes are locked." in " ".join(text.split())}
    assert written == {name for name, operation in OPERATIONS.items() if operation["is_safe"]} != set()


def statuses():
    source = (ROOT / "src" / "base" / "status.h").read_text().split("#define OPS_CATEGORY_TABLE")[0]
    return {tag: (int(http), sentence) for tag, http, sentence in
            re.findall(r'X\(\w+, "([a-z-]+)", \w+, (\d+), (?:\\\s*)?"([^"]+)"\)', source)}


def test_the_reference_has_every_error_tag_with_its_status_and_sentence():
    table = statuses()
    assert table.pop("ok") == (200, "Done.")
    written = {tag: (int(http), sentence.strip()) for tag, http, sentence in
               re.findall(r"^\| `([a-z-]+)` \| (\d+) \| (.+?) \|$", section("Error tags"), re.M)}
    assert written == table


def test_the_reference_has_every_member_of_a_record(sample):
    serve = sample.serve()
    window = serve.schedule(actor="olga")
    vacuum = serve.dry_run("vacuumorg", orgcode="acme", reason="x")
    text = section("Records")
    assert set(window) <= names(parts(text)["Maintenance window"])
    assert set(vacuum) | {key for target in vacuum["targets"] for key in target} <= names(parts(text)["Vacuum"])
    assert {key for record in serve.audit() for key in record} <= names(parts(text)["Audit record"])


def test_the_guide_names_no_command_or_flag_that_there_is_not():
    guide = (ROOT / "docs" / "guide.md").read_text()
    known = {flag for command in commands() for flags in help_groups(command).values() for flag in flags}
    for line in re.findall(r"^\s*(?:\$ |# )?g3nops .*$", guide, re.M):
        words = line.split("g3nops ", 1)[1].split("|")[0].split()
        assert words[0] in commands() or words[0].isupper() or words[0].startswith(("-", "ping", "[")), line
        for flag in re.findall(r"(?<= )--[a-z][a-z0-9-]*", line.split("|")[0].split("#")[0]):
            assert flag in known, line
