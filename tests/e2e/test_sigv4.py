"""Our Signature Version 4 is botocore's, header for header, over many odd requests.

botocore is the reference since every request of boto3 and of the AWS CLI goes through it. Where it does not do what AWS
documents, the requests here keep out of the way, or we do as it does:

- A path that ends in "/." or "/..": RFC 3986, which AWS names, keeps a trailing slash; botocore drops it. We drop it.
- White space in a header's value: AWS folds spaces; botocore folds whatever Python calls white space, also U+0085, U+00A0
  and the controls U+001C to U+001F. We fold the six of ASCII, so the values here have no others.
- An empty parameter ("a&&b"): AWS does not say; botocore signs it as "=". So do we.
- A Date header: AWS takes X-Amz-Date when both are there; botocore then leaves X-Amz-Date out. We always send X-Amz-Date and
  never Date, so there is no Date here.
"""

import collections
import datetime
import hashlib
import json
import os
import random
import subprocess
from pathlib import Path
from urllib.parse import quote

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

ROOT = Path(__file__).resolve().parent.parent.parent
PROGRAM = Path(os.environ.get("OPS_SIGN_LINES", ROOT / "build/asan/tests/sigv4/sign_lines"))
SEED = 20150830
COUNT = 10_000

UNRESERVED = "-._~"
LOOSE = "-._~!*'()$+,:;@="  # what other clients leave as it is; "&", "#", "?" and "%" never are
PIECES = ["a", "Zz9", "key", "0", " ", "  ", "+", "%", "%41", "%2F", "~", "*", "'", '"', "(", ")", "!", "$", ",", ":", ";",
          "@", "=", "&", "#", "?", "[", "]", "{", "}", "\\", "^", "`", "|", "<", ">", "-", ".", "_", "..", "...", "é",
          "日本", "\U0001f600", "e\u0301", "\u00a0", "\x01", "\t", "\n", "\r\n", "\x1f", "\x7f", "/", "//"]
NAMES = ["prefix", "marker", "versions", "uploads", "delete", "list-type", "max-keys", "a", "A", "a-b", "a.b", "ab", "x id",
         "é", "a+b", "a/b", "%", "", "~", "a=b"]
SERVICES = {
    "dynamodb": ["DynamoDB_20120810.GetItem", "DynamoDB_20120810.TransactWriteItems"],
    "logs": ["Logs_20140328.DescribeLogGroups", "Logs_20140328.PutLogEvents"],
    "lambda": [None],
    "sts": [None],
}
REGIONS = ["us-east-1", "eu-central-1", "ap-southeast-2", "us-gov-west-1", "cn-north-1"]

Case = collections.namedtuple("Case", "service region at method host_url host path query headers body keys unsigned")


# ---- Odd requests --------------------------------------------------------------------------------------------------------


def odd_text(rng, most=6):
    return "".join(rng.choice(PIECES) for _ in range(rng.randint(0, most)))


def sent(rng, text, more=""):
    return quote(text, safe=(UNRESERVED if rng.random() < 0.7 else LOOSE) + more)


def s3_path(rng):
    key = odd_text(rng, 12) if rng.random() < 0.8 else rng.choice(["", "a/../b", "./a", "a//b", "..", "a/.", "//", "a/"])
    return rng.choice(["/", "/bucket/", "/my.bucket/"]) + sent(rng, key, "/")


def segment(rng):
    if rng.random() < 0.6:
        return sent(rng, odd_text(rng, 4).replace("/", ""))
    return rng.choice(["", ".", "..", "...", "functions"])


def plain_path(rng, service):
    if service == "lambda" or rng.random() < 0.3:
        return "/" + "/".join(segment(rng) for _ in range(rng.randint(1, 8)))
    return "/"


def parameter(rng):
    name = sent(rng, rng.choice(NAMES) if rng.random() < 0.8 else odd_text(rng, 3)).replace("=", "%3D")
    kind = rng.random()
    if kind < 0.15:
        return name
    if kind < 0.3:
        return name + "="
    if kind < 0.4:
        return f"{name}={quote(rng.randbytes(rng.randint(1, 60)).hex(), safe=UNRESERVED)}"
    if kind < 0.5:  # a continuation token is base 64
        return f"{name}={sent(rng, 'k+/' + str(rng.getrandbits(64)) + '==')}"
    return f"{name}={sent(rng, odd_text(rng, 4))}"


def query(rng):
    return "&".join(parameter(rng) for _ in range(rng.choice([0, 0, 1, 1, 2, 3, 4, 6, 9])))


def mixed_case(rng, name):
    return "".join(rng.choice([c.lower(), c.upper()]) for c in name)


def header_value(rng):
    words = [rng.choice(["a", "B,c", "é日", '"q   q"', "x=1;y", "0-9", "\u00ad"]) for _ in range(rng.randint(0, 4))]
    gaps = [rng.choice([" ", "  ", "     ", "\t", " \t "]) for _ in range(len(words) + 1)]
    return rng.choice(["", gaps[0]]) + "".join(w + g for w, g in zip(words, gaps[1:])) + rng.choice(["", " "])


def odd_headers(rng):
    headers = []
    for _ in range(rng.choice([0, 0, 1, 2, 4])):
        name = rng.choice(["x-amz-meta-", "x-", "X_", "if-"]) + rng.choice(["a", "b", "a-b", "ab", "a_b", "1"])
        headers.append((mixed_case(rng, name), header_value(rng)))
        if rng.random() < 0.3:
            headers.append((mixed_case(rng, name), header_value(rng)))
    rng.shuffle(headers)
    return headers


def json_body(rng):
    return json.dumps({rng.choice(["TableName", "Key", "limit"]): odd_text(rng, 20) for _ in range(rng.randint(0, 8))},
                      ensure_ascii=rng.random() < 0.5).encode()


def host(rng, service, region):
    """The URL's beginning and the Host header that goes with it."""
    name = f"{service}.{region}.amazonaws.com"
    if service == "s3" and rng.random() < 0.5:
        name = "my-bucket." + name
    return rng.choice([(f"https://{name}", name), (f"https://{name}:443", name), (f"http://{name}:8000", name + ":8000"),
                       ("http://127.0.0.1:4566", "127.0.0.1:4566")])


def odd_keys(rng):
    return ("AKIA" + "".join(rng.choices("ABCDEFGH234567", k=16)), "".join(rng.choices("abcXYZ019+/", k=40)),
            "".join(rng.choices("abcXYZ019+/=", k=rng.choice([16, 400, 1500]))) if rng.random() < 0.5 else None)


def odd_case(rng, service):
    region = rng.choice(REGIONS)
    host_url, host_value = host(rng, service, region)
    headers = odd_headers(rng)
    if service == "s3":
        method, path = rng.choice(["GET", "PUT", "DELETE", "POST", "HEAD"]), s3_path(rng)
        body = rng.randbytes(rng.choice([0, 0, 99]))
    else:
        method, path, body = rng.choice(["POST", "POST", "GET"]), plain_path(rng, service), json_body(rng)
        headers.append((mixed_case(rng, "content-type"), "application/x-amz-json-1.0"))
        target = rng.choice(SERVICES[service])
        if target:
            headers.append(("X-Amz-Target", target))
    if rng.random() < 0.5:
        headers.insert(rng.randint(0, len(headers)), ("Host", host_value))
    at = datetime.datetime.fromtimestamp(rng.randrange(4102444800), datetime.timezone.utc).replace(tzinfo=None)
    return Case(service, region, at, method, host_url, host_value, path, query(rng) if rng.random() < 0.7 else "", headers,
                body, odd_keys(rng), service == "s3" and rng.random() < 0.1)


def odd_cases():
    rng = random.Random(SEED)
    return [odd_case(rng, "s3" if i % 2 else rng.choice(list(SERVICES))) for i in range(COUNT)]


# ---- Both sides ----------------------------------------------------------------------------------------------------------


def signed_by_botocore(monkeypatch, case):
    """The request as botocore leaves it: with its date, its token and its Authorization."""
    request = AWSRequest(case.method, case.host_url + case.path + ("?" + case.query if case.query else ""), data=case.body)
    for name, value in case.headers:
        request.headers[name] = value
    if case.unsigned:
        request.context["payload_signing_enabled"] = False
        request.context["has_streaming_input"] = True
        request.headers["Content-MD5"] = "AAAAAAAAAAAAAAAAAAAAAA=="
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: case.at)
    signer = botocore.auth.S3SigV4Auth if case.service == "s3" else botocore.auth.SigV4Auth
    signer(Credentials(*case.keys), case.service, case.region).add_auth(request)
    return request


def line_of(case, request):
    headers = [(name, value) for name, value in request.headers.items() if name != "Authorization"]
    if "Host" not in request.headers:
        headers.append(("Host", case.host))
    return {
        "method": case.method, "path": case.path, "query": case.query, "headers": headers,
        "payload_sha256": request.headers.get("X-Amz-Content-SHA256") or hashlib.sha256(case.body).hexdigest(),
        "single_encoding": case.service == "s3",
        "at_ms": int(case.at.replace(tzinfo=datetime.timezone.utc).timestamp()) * 1000,
        "access_key_id": case.keys[0], "secret_access_key": case.keys[1], "region": case.region, "service": case.service,
    }


def signed_by_us(lines):
    if not PROGRAM.is_file():
        pytest.fail(f"{PROGRAM} is not there: run tools/build asan, or set OPS_SIGN_LINES to the program")
    text = "".join(json.dumps(line) + "\n" for line in lines)
    result = subprocess.run([PROGRAM], input=text, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    answers = result.stdout.splitlines()
    assert len(answers) == len(lines)
    return answers


@pytest.fixture(scope="module")
def cases():
    return odd_cases()


def test_ten_thousand_odd_requests_are_signed_as_botocore_signs_them(monkeypatch, cases):
    requests = [signed_by_botocore(monkeypatch, case) for case in cases]
    lines = [line_of(case, request) for case, request in zip(cases, requests)]
    theirs = [request.headers["Authorization"] for request in requests]
    wrong = [answer for answer in zip(lines, signed_by_us(lines), theirs) if answer[1] != answer[2]]
    assert not wrong, f"{len(wrong)} of {COUNT} differ, the first: {wrong[0]}"


def test_a_request_that_was_changed_on_the_way_is_signed_otherwise(monkeypatch, cases):
    case = cases[0]
    request = signed_by_botocore(monkeypatch, case)
    line = line_of(case, request)
    changed = [line | {"path": line["path"] + "x"}, line | {"query": line["query"] + "&x"}, line | {"method": "PATCH"},
               line | {"headers": line["headers"] + [["x-more", "1"]]}, line | {"payload_sha256": "0" * 64},
               line | {"region": "eu-west-3"}, line | {"service": "iam"}, line | {"secret_access_key": "another"}]
    answers = signed_by_us([line, *changed])
    assert answers[0] == request.headers["Authorization"]
    assert len(set(answers)) == len(answers)


def test_the_requests_are_as_odd_as_they_should_be(cases):
    """Counts what the first test says that it covers, lest a change of the generator leaves it out."""
    def repeated(texts):
        return len(set(texts)) < len(texts)

    parts = [case.query.split("&") for case in cases if case.query]
    seen = {
        "s3": sum(case.service == "s3" for case in cases),
        "tokens": sum(bool(case.keys[2]) for case in cases),
        "unsigned": sum(case.unsigned for case in cases),
        "//": sum("//" in case.path for case in cases),
        "..": sum("/.." in case.path for case in cases if case.service != "s3"),
        "bare": sum(any("=" not in part for part in query_parts) for query_parts in parts),
        "empty": sum(any(part.endswith("=") for part in query_parts) for query_parts in parts),
        "repeated": sum(repeated([part.partition("=")[0] for part in query_parts]) for query_parts in parts),
        "headers": sum(repeated([name.lower() for name, _ in case.headers]) for case in cases),
        "folded": sum(any("  " in value or "\t" in value for _, value in case.headers) for case in cases),
    }
    for code in ("%20", "%2B", "%25", "%2A", "%27", "%22", "%0A", "%01", "%F0", "~", "*", "'", "+"):
        seen[code] = sum(code in case.path for case in cases)
    assert all(count >= 100 for count in seen.values()), seen
