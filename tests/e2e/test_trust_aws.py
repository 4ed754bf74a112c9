"""Beside a serve with the AWS engine every command works on that account's records, or is refused by name."""

import json

from aws_home import OWN_TABLE, account, empty, make_aws, on, stub, stub_process  # noqa: F401 (fixtures)
from g3nops import until
from stub import ACCOUNT, REGION

# What asks for no engine goes by the serve's.
LOCAL_ONLY = [["session-create", "--user", "olga"], ["demo-data", "--rows", 10, "--objects", 1]]


def told(home):
    return json.loads((home.data / "serve.json").read_text())


def account_is_told(home):
    """It has to be asked for, and serve is ready before."""
    until(lambda: told(home).get("account"), "serve.json says whose account it is")


def stored_code(home):
    return next(row["phc"] for row in home.account.items(OWN_TABLE) if row["sk"] == "SECRET_CODE")


@on("stub")
def test_serve_json_says_account_and_region_and_commands_follow_it(empty):  # noqa: F811
    serve = empty.serve()
    account_is_told(empty)
    assert (told(empty)["engine"], told(empty)["account"], told(empty)["region"]) == ("aws", ACCOUNT, REGION)
    for command in (["ping"], ["sweep"], ["vacuum-list"], ["audit-verify"], ["manifest-check"]):
        answer = json.loads(empty.run(*command, "--json").stdout)
        by = answer["answered_by"]
        assert (by["engine"], by["account"], by["region"]) == ("aws", ACCOUNT, REGION), (command, answer)
    assert not empty.store.exists()
    assert serve.stop() == 0


@on("stub")
def test_a_secret_code_is_set_where_the_serve_reads_it(empty):  # noqa: F811
    empty.serve()
    new = empty.directory / "new"
    new.write_text("another code of twelve")
    new.chmod(0o600)
    before = stored_code(empty)
    rotated = empty.run("secret-set", "--new-secret-code-file", new, "--secret-code-file", empty.code_file)
    assert rotated.returncode == 0 and "rotated" in rotated.stdout, rotated
    assert stored_code(empty) != before and not empty.store.exists()
    by_new = empty.run("maintenance-end", "--secret-code-file", new)
    assert "no-active-maintenance" in by_new.stderr, by_new


@on("stub")
def test_another_engine_or_region_is_refused_by_name(empty):  # noqa: F811
    empty.serve()
    account_is_told(empty)
    its = f"--engine aws, account {ACCOUNT}, region {REGION}"
    set_code = ["secret-set", "--new-secret-code-file", empty.code_file, "--secret-code-file", empty.code_file]
    for command in (set_code, ["audit-verify"], ["manifest-check"], ["ping"], ["sweep"], *LOCAL_ONLY):
        refused = empty.run(*command, "--engine", "local")
        assert refused.returncode == 2 and f"works with {its}, and this asks for --engine local" in refused.stderr, refused
    for command in (set_code, ["audit-verify"], ["aws-bootstrap"]):
        refused = empty.run(*command, "--engine", "aws", "--region", "eu-west-3")
        assert refused.returncode == 2 and f"works with {its}, and this asks for --region eu-west-3" in refused.stderr, refused
    for command in LOCAL_ONLY:
        refused = empty.run(*command)
        assert refused.returncode == 2 and "works with --engine local, not with --engine aws" in refused.stderr, refused
    assert not empty.store.exists() and not empty.stack.exists()


@on("stub")
def test_keys_of_another_account_are_refused_by_name(empty):  # noqa: F811
    empty.serve()
    account_is_told(empty)
    serve_json = empty.data / "serve.json"
    serve_json.write_text(json.dumps(told(empty) | {"account": "999988887777"}))
    refused = empty.run("audit-verify")
    assert refused.returncode == 2, refused
    assert f"works in the account 999988887777, and the keys at hand are of the account {ACCOUNT}" in refused.stderr


@on("stub")
def test_after_a_serve_that_was_killed_the_engine_has_to_be_said(empty):  # noqa: F811
    empty.serve().kill()
    refused = empty.run("secret-set", "--new-secret-code-file", empty.code_file)
    assert refused.returncode == 2 and "say --engine aws or --engine local" in refused.stderr, refused
    assert not empty.store.exists()
    assert empty.aws("audit-verify").returncode == 0
    assert empty.run("audit-verify", env={"G3NOPS_ENGINE": "aws"}).returncode == 0
