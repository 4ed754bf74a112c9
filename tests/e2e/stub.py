"""The stand-in for AWS (tests/stub): started, filled, told to fail, asked for the truth."""

import http.client
import json
import os
import subprocess
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(os.environ.get("OPS_STUB", ROOT / "build" / "asan" / "tests" / "stub" / "stub")).resolve()
REGION = "us-east-1"
ACCOUNT = "123456789012"


class Stub:
    """A running stub. Every test may do with it what it wants: reset makes it new."""

    def __init__(self, *options):
        self.process = subprocess.Popen([PROGRAM, *map(str, options)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        word, self.url = (self.process.stdout.readline().split() + ["", ""])[:2]
        if word != "ready":
            raise RuntimeError(f"{PROGRAM} does not start: {self.process.communicate()[1]}")

    @property
    def port(self):
        return urlsplit(self.url).port

    def stop(self):
        """What it had to say on standard error, once it has ended."""
        self.process.terminate()
        return self.process.communicate(timeout=30)[1]

    def control(self, method, route, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, f"/_stub/{route}", None if body is None else json.dumps(body))
            answer = connection.getresponse()
            result = json.load(answer)
        finally:
            connection.close()
        if answer.status != 200:
            raise ValueError(result["problem"])
        return result

    def reset(self):
        self.control("POST", "reset")

    def fill(self, tables=None, buckets=None, log_groups=None):
        self.control("POST", "fill", {"tables": tables or {}, "buckets": buckets or {}, "log_groups": log_groups or {}})

    def faults(self, *rules):
        """From now on these rules and no others; they are described in tests/stub/README.md."""
        self.control("POST", "faults", list(rules))

    def state(self):
        return self.control("GET", "state")

    def table(self, name):
        return self.state()["tables"][name]

    def bucket(self, name):
        return self.state()["buckets"][name]

    def log_group(self, name):
        return self.state()["log_groups"][name]

    def requests(self, operation):
        """How often an operation, such as "dynamodb.Scan", was called."""
        return self.state()["requests"].get(operation, 0)

    def items(self, **what):
        """What is still there: table=, bucket= or log_group=, and limit=."""
        return self.control("GET", f"items?{urlencode(what)}")

    def environment(self, key_id="AKIASTUBSTUBSTUBSTUB"):
        """What an AWS client needs to talk to it."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": key_id,
            "AWS_SECRET_ACCESS_KEY": "no-secret-at-all",
            "AWS_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }


@pytest.fixture(scope="session")
def stub_process():
    stub = Stub()
    yield stub
    complaint = stub.stop()
    assert stub.process.returncode == 0 and not complaint, complaint


@pytest.fixture
def stub(stub_process):
    stub_process.reset()
    return stub_process
