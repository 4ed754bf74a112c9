"""Config and credentials files are read as botocore reads them: generated ones, with all that people write into them."""

import json
import os
import random
import subprocess
from pathlib import Path

import botocore.exceptions
import botocore.session
import pytest
from botocore.configprovider import ConfiguredEndpointProvider

from g3nops import base_environment

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("OPS_SHOW_SETTINGS", ROOT / "build/asan/tests/aws_settings/show_settings")
SERVICES = ["dynamodb", "s3", "logs", "lambda", "sts"]
NAMES = ["region", "output", "role_arn", "source_profile", "aws_access_key_id", "aws_secret_access_key",
         "credential_process", "external_id", "duration_seconds"]
PROFILES = ["default", "dev", "prod", "a b", 'q"x', "it's"]
SEEDS = 300

pytestmark = pytest.mark.skipif(not os.access(PROGRAM, os.X_OK), reason="tools/build asan makes show_settings")


class Writer:
    """Files as people, and their editors, write them."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def one(self, *choices):
        return self.random.choice(choices)

    def odds(self, chance):
        return self.random.random() < chance

    def blank(self):
        return self.one("", "", " ", "  ", "\t")

    def word(self):
        return self.random.choice(["x", "us-east-1", "a=b", "a:b", '"quoted"', "'single'", "x # y", "x ; y", "a\tb", "%(x)s",
                                   "arn:aws:iam::1:role/r", "$HOME", "~", "\\", "é", "[x]", "command --flag 'a b'"])

    def value(self, name):
        if name in ("region",):
            return self.one("us-east-1", "eu-central-1", "cn-north-1")
        return "" if self.odds(0.05) else self.word()

    def name(self, name):
        return name if self.odds(0.8) else name.upper() if self.odds(0.5) else name.title()

    def noise(self):
        return self.one("", "", " ", "# comment", "; comment", "  # indented", "\t; too = it")

    def setting(self, name, indent):
        lines = [f"{indent}{self.name(name)}{self.blank()}{self.one('=', '=', '=', ':')}{self.blank()}{self.value(name)}"
                 f"{self.blank()}"]
        if name not in ("region",) and self.odds(0.1):
            lines += [f"{indent}  {self.word()}" for _ in range(self.random.randint(1, 2))]
        return lines

    def nested(self, name, indent, children):
        lines = [f"{indent}{name}{self.blank()}={self.blank()}"]
        for child, value in children:
            if self.odds(0.2):
                lines.append(self.noise())
            lines.append(f"{indent}  {self.blank()}{child}{self.blank()}={self.blank()}{value}{self.blank()}")
        return lines

    def url(self):
        return self.one("http://localhost:8000", "https://h.example", "http://127.0.0.1:4566/p", "http://[::1]:9/")

    def body(self, in_config):
        lines = []
        indent = self.one("", "", "", "  ", "\t")
        for name in self.random.sample(NAMES, self.random.randint(0, len(NAMES))):
            lines += self.setting(name, indent)
            if self.odds(0.15):
                lines.append(self.noise())
        if in_config and self.odds(0.3):
            lines += self.nested("s3", indent, [("addressing_style", "path"), ("max_queue_size", "1")])
        if in_config and self.odds(0.4):
            lines.append(f"{indent}services = {self.one('local', 'other', 'local', 'missing')}")
        if self.odds(0.3):
            lines.append(f"{indent}endpoint_url = {self.url()}")
        if self.odds(0.1):
            lines.append(f"{indent}ignore_configured_endpoint_urls = {self.one('true', 'True', 'false', 'yes', '1')}")
        if self.odds(0.2):
            lines.append(f"{indent}ca_bundle = /etc/{self.word()}")
        return lines

    def quoted(self, profile):
        if '"' in profile:
            return f"'{profile}'"
        return f'"{profile}"' if "'" in profile or self.odds(0.5) or " " in profile else profile

    def config_header(self, profile):
        if profile == "default" and self.odds(0.8):
            return f"[default]{self.blank()}"
        return f"[profile{self.one(' ', '  ', chr(9))}{self.quoted(profile)}{self.one('', '', ' ')}]{self.one('', '', ' x')}"

    def services(self, name):
        lines = [f"[services {name}]"]
        for service in self.random.sample(["dynamodb", "s3", "cloudwatch_logs", "lambda", "sts", "logs"], 3):
            lines += self.nested(service, "", [("endpoint_url", self.url())] if self.odds(0.9) else [("other", "x")])
        return lines

    def mistake(self):
        return self.one("no delimiter", "= no name", "[default]", "[dev]", "[profile dev]", "[]", "[open", "s3 =\n  broken")

    def text(self, lines):
        if self.odds(0.1):
            lines.insert(self.random.randint(0, len(lines)), self.mistake())
        return self.one("\n", "\n", "\r\n").join(lines) + self.one("\n", "")

    def config(self):
        lines = [self.noise()]
        for profile in self.random.sample(PROFILES, self.random.randint(0, 4)):
            lines += [self.config_header(profile)] + self.body(True)
        for name in self.random.sample(["local", "other"], self.random.randint(0, 2)):
            lines += self.services(name)
        lines += self.one([], [], ["[preview]", "x = 1"], ["[profile too many words]", "region = us-west-2"])
        return self.text(lines)

    def credentials(self):
        lines = []
        for profile in self.random.sample(PROFILES, self.random.randint(0, 3)):
            lines += [f"[{profile}]"] + self.body(False)
        return self.text(lines)

    def environment(self):
        given = {}
        for name, values in {"AWS_PROFILE": PROFILES[:4], "AWS_DEFAULT_REGION": ["eu-west-1"], "AWS_CA_BUNDLE": ["/env.pem"],
                             "AWS_ENDPOINT_URL": ["http://all:1"], "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS": ["http://logs:1"],
                             "AWS_ENDPOINT_URL_DYNAMODB": ["http://ddb:1"],
                             "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": ["true", "false"]}.items():
            if self.odds(0.35 if name == "AWS_PROFILE" else 0.1):
                given[name] = self.one(*values)
        return given


def ours(environment, flag):
    result = subprocess.run([PROGRAM, flag or "", *NAMES], capture_output=True, env=base_environment() | environment)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def text(value):
    """A value is a text that is not empty; one with settings nested in it is none."""
    return value if value and isinstance(value, str) else None


def theirs(monkeypatch, environment, flag):
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    session = botocore.session.Session(profile=flag)
    scoped = session.get_scoped_config()
    ignored = session.get_config_variable("ignore_configured_endpoint_urls")

    def endpoint(service):
        if ignored:
            return None
        url = ConfiguredEndpointProvider(session.full_config, scoped, service, os.environ).provide()
        return url and url.rstrip("/")
    return {
        "status": "ok",
        "region": session.get_config_variable("region") or None,
        "profile": session.profile or "default",
        "ca_bundle": session.get_config_variable("ca_bundle") or None,
        "endpoints": {service: endpoint(service) for service in SERVICES},
        "values": {name: text(scoped.get(name)) for name in NAMES},
    }


REFUSALS = (botocore.exceptions.ConfigParseError, botocore.exceptions.ProfileNotFound,
            botocore.exceptions.InvalidConfigError)


@pytest.fixture
def files(tmp_path):
    """Runs one seed: writes its files, and gives its environment and flag."""
    def write(seed):
        writer = Writer(seed)
        config, credentials = tmp_path / f"{seed}.config", tmp_path / f"{seed}.credentials"
        config.write_bytes(writer.config().encode())
        credentials.write_bytes(writer.credentials().encode())
        flag = writer.one(*PROFILES) if writer.odds(0.3) else None
        return writer.environment() | {"AWS_CONFIG_FILE": str(config), "AWS_SHARED_CREDENTIALS_FILE": str(credentials)}, flag
    return write


def test_settings_are_botocores_on_generated_files(files, monkeypatch):
    read = refused = 0
    for seed in range(SEEDS):
        environment, flag = files(seed)
        shown = ours(environment, flag)
        with monkeypatch.context() as patch:
            try:
                expected = theirs(patch, environment, flag)
            except REFUSALS as error:
                assert shown["status"] == "invalid-field", (seed, environment, flag, shown, error)
                refused += 1
                continue
        assert shown == expected, (seed, environment, flag)
        read += 1
    assert read > SEEDS / 3 and refused > SEEDS / 10, "the generator makes files of both kinds"


def test_a_difference_would_be_seen(files):
    """The comparison above compares something: other files give other answers."""
    seen = set()
    for seed in range(60):
        environment, flag = files(seed)
        shown = ours(environment, flag)
        if shown["status"] == "ok":
            seen.add(json.dumps([shown["region"], shown["endpoints"], shown["values"]]))
    assert len(seen) > 10


def test_aws_region_goes_before_aws_default_region(tmp_path):
    environment = {"HOME": str(tmp_path), "AWS_REGION": "eu-north-1", "AWS_DEFAULT_REGION": "eu-south-1"}
    assert ours(environment, None)["region"] == "eu-north-1"
