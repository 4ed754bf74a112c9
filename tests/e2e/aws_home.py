"""g3nops with --engine aws as an operator has it, and a small stack in the account that it works on.

An account is where a test's things are: the stub (all services, made anew for each test), or emulators. Each worker of
pytest has a region of its own there, and takes away what it has made. versitygw knows one region alone, so one test at a
time uses it. Whatever is looked at is looked at by boto3, past g3nops.
"""

import contextlib
import fcntl
import http.server
import json
import os
import tempfile
import threading
from pathlib import Path

import boto3
import pytest
from boto3.dynamodb.types import TypeDeserializer
from botocore.config import Config

import emulators
import stub as stub_server
from conftest import homes
from g3nops import Home
from stub import stub, stub_process  # noqa: F401 (fixtures)

AUDIT_GROUP = "/g3nretailstack/ops/maintenance-audit"
PROTECTED = "g3nmhsadmin"
DOCUMENTATION = "doc.g3nretailstack.com"
TENANTS = ("acme", "acme2")
OWN_TABLE = "ops_main"
# Of those that the emulators know, without the one that versitygw has.
REGIONS = ["us-east-1", "us-west-2", "ap-south-1", "ap-northeast-1", "ap-southeast-2", "eu-west-1", "eu-north-1",
           "sa-east-1"]
SERVICES = {"dynamodb": "DYNAMODB", "s3": "S3", "logs": "CLOUDWATCH_LOGS", "sts": "STS"}


class Account:
    """Endpoints, a region and keys. prefix: of its buckets, whose names all accounts share."""

    def __init__(self, urls, region, access_key, secret):
        self.urls = urls
        self.region = region
        self.access_key = access_key
        self.secret = secret
        self.prefix = emulators.unique_name("b")
        self.clients = {}

    def client(self, service):
        self.clients[service] = self.clients.get(service) or self.new_client(service)
        return self.clients[service]

    def new_client(self, service):
        return boto3.client(service, endpoint_url=self.urls[service], region_name=self.region,
                            aws_access_key_id=self.access_key, aws_secret_access_key=self.secret,
                            config=Config(retries={"total_max_attempts": 3}, s3={"addressing_style": "path"}))

    def environment(self):
        return {f"AWS_ENDPOINT_URL_{SERVICES[service]}": url for service, url in self.urls.items()} | {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            # Whoever runs the tests may have files of their own.
            "AWS_CONFIG_FILE": "/nonexistent/config",
            "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent/credentials",
        }

    # ---- making ----

    def make_table(self, name, key, items, index=None):
        """key: {"pk": "S", "sk": "N"}; index: of orgcode."""
        attributes = key | ({"orgcode": "S"} if index else {})
        more = {"GlobalSecondaryIndexes": [{
            "IndexName": index, "KeySchema": [{"AttributeName": "orgcode", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "KEYS_ONLY"}}]} if index else {}
        client = self.client("dynamodb")
        client.create_table(
            TableName=name, BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": attribute, "KeyType": kind} for attribute, kind in zip(key, ("HASH", "RANGE"))],
            AttributeDefinitions=[{"AttributeName": attribute, "AttributeType": kind}
                                  for attribute, kind in attributes.items()],
            **more)
        for at in range(0, len(items), 25):
            client.batch_write_item(RequestItems={name: [{"PutRequest": {"Item": item}} for item in items[at:at + 25]]})

    def make_bucket(self, name, keys, versions=0, uploads=()):
        """versions: of each key, after which every third one is deleted; 0: never versioned."""
        s3 = self.client("s3")
        where = {} if self.region == "us-east-1" else {
            "CreateBucketConfiguration": {"LocationConstraint": self.region}}
        s3.create_bucket(Bucket=name, **where)
        if versions:
            s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        for _ in range(versions or 1):
            for key in keys:
                s3.put_object(Bucket=name, Key=key, Body=b"content")
        for key in keys[::3] if versions else ():
            s3.delete_object(Bucket=name, Key=key)
        for key in uploads:
            s3.create_multipart_upload(Bucket=name, Key=key)

    def make_log_group(self, name, streams):
        logs = self.client("logs")
        logs.create_log_group(logGroupName=name)
        for stream in streams:
            logs.create_log_stream(logGroupName=name, logStreamName=stream)

    # ---- looking ----

    def items(self, table):
        """Every item, without its attributes' types."""
        plain = TypeDeserializer().deserialize
        pages = self.client("dynamodb").get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
        return [{name: plain(value) for name, value in item.items()} for page in pages for item in page["Items"]]

    def objects(self, bucket):
        """Every version, delete marker and unfinished upload: (kind, key, id)."""
        s3 = self.client("s3")
        found = set()
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            for kind in ("Versions", "DeleteMarkers"):
                found |= {(kind, entry["Key"], entry["VersionId"]) for entry in page.get(kind, [])}
        uploads = s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
        return sorted(found | {("Uploads", upload["Key"], upload["UploadId"]) for upload in uploads})

    def streams(self, group):
        pages = self.client("logs").get_paginator("describe_log_streams").paginate(logGroupName=group)
        return sorted(stream["logStreamName"] for page in pages for stream in page["logStreams"])

    def events(self, group, stream):
        """The texts of a stream, oldest first."""
        logs, token, texts = self.client("logs"), None, []
        while True:
            page = logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True,
                                       **({"nextToken": token} if token else {}))
            texts += [event["message"] for event in page["events"]]
            if page["nextForwardToken"] == token or not page["events"]:
                return texts
            token = page["nextForwardToken"]

    def contents(self):
        """(kind, name) -> what is in it, of the stack's targets."""
        look = {"table": self.items, "bucket": self.objects, "log_group": self.streams}
        return {(kind, name): look[kind](name) for kind, name in stack_names(self)}

    # ---- the end ----

    def remove(self):
        """Takes away what a test may have made; a bucket has a name that no other test uses and goes with its emulator."""
        dynamodb, logs = self.client("dynamodb"), self.client("logs")
        ours = {name for kind, name in stack_names(self) if kind == "table"} | {OWN_TABLE, *SESSION_TABLES}
        for name in ours & set(dynamodb.list_tables()["TableNames"]):
            dynamodb.update_table(TableName=name, DeletionProtectionEnabled=False)
            dynamodb.delete_table(TableName=name)
        groups = {name for kind, name in stack_names(self) if kind == "log_group"} | {AUDIT_GROUP}
        for group in logs.describe_log_groups()["logGroups"]:
            if group["logGroupName"] in groups:
                logs.delete_log_group(logGroupName=group["logGroupName"])


class StubAccount(Account):
    """On the stub, whose S3 takes no objects but those that it is filled with."""

    def __init__(self, stub):
        super().__init__(dict.fromkeys(SERVICES, stub.url), stub_server.REGION, "AKIASTUBSTUBSTUBSTUB", "no-secret-at-all")
        self.stub = stub
        self.refuse_wrong_clocks()

    def refuse_wrong_clocks(self, *rules):
        """As AWS does: a signature that is five minutes off is refused. rules: further ones."""
        self.stub.faults(*rules, {"fault": "clock_skew"})

    def make_table(self, name, key, items, index=None):
        self.stub.fill(tables={name: {"rows": items, "key": list(key), "key_types": list(key.values()),
                                      "indexes": {index: "orgcode"} if index else {}}})

    def make_bucket(self, name, keys, versions=0, uploads=()):
        versioned = {"versioning": "Enabled", "versions": versions, "delete_marker_every": 3} if versions else {}
        self.stub.fill(buckets={name: {"keys": list(keys), "uploads": len(uploads), **versioned}})

    def remove(self):
        pass


def worker_region():
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
    return REGIONS[number % len(REGIONS)]


def emulated_account(s3):
    """s3: "moto" or "versitygw"."""
    s3_url = {"moto": emulators.moto_url, "versitygw": emulators.versitygw_url}[s3]()
    urls = {"dynamodb": emulators.dynamodb_url(), "s3": s3_url, "logs": emulators.moto_url(), "sts": emulators.moto_url()}
    region = worker_region() if s3 == "moto" else os.environ["AWS_REGION"]
    return Account(urls, region, os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])


@contextlib.contextmanager
def owned_by(account):
    """To versitygw a bucket's owner is an access key, so this is what STS must call the account. The URL of an STS."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            body = f"<GetCallerIdentityResponse><GetCallerIdentityResult><Account>{account.access_key}</Account>" \
                   "</GetCallerIdentityResult></GetCallerIdentityResponse>"
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class OneAtATime:
    """Held by the one test that uses a thing, whichever worker it runs in."""

    def __init__(self, name):
        self.file = open(Path(tempfile.gettempdir()) / f"g3nops-{name}.lock", "w")

    def __enter__(self):
        fcntl.flock(self.file, fcntl.LOCK_EX)

    def __exit__(self, *exception):
        self.file.close()


# ---- the stack ----

SESSION_TABLES = ("usm_sessions", "uas_users")
ROWS, OBJECTS, STREAMS = 40, 12, 4


def bucket(account, name):
    return f"{account.prefix}-{name}"


def manifest(account):
    def tables(**rules):
        return [{"name": name, "org": rule} for name, rule in rules.items()]

    def buckets(**rules):
        return [{"name": bucket(account, name), "org": rule} for name, rule in rules.items()]
    skip = {"by": "skip", "reason": "holds no tenant data"}
    return {
        "stack": "g3nretailstack",
        "sessions": dict(zip(("sessions_table", "users_table"), SESSION_TABLES)),
        "services": [
            {"code": "uas", "tables": [{"name": "uas_users"}]},
            {"code": "usm", "tables": [{"name": "usm_sessions"}]},
            {"code": "pvm",
             "tables": tables(pvm_main={"by": "attribute", "name": "orgcode"},
                              pvm_index={"by": "index", "index": "by-org", "name": "orgcode"},
                              pvm_days={"by": "key", "pattern": "ORG#{orgcode}"}),
             "buckets": buckets(data={"by": "key_prefix", "pattern": "{orgcode}/"}),
             "log_groups": [{"name": "/g3nretailstack/pvm/api"}]},
            {"code": "crm",
             "tables": tables(crm_keys={"by": "key_prefix", "pattern": "{orgcode}#"},
                              crm_main={"by": "attribute", "name": "orgcode"}, crm_currencies=skip,
                              g3nmhsadmin_keys=skip, crm_gone=skip),
             "buckets": buckets(files={"by": "key_prefix", "pattern": "{orgcode}/"}, site=skip)
             + [{"name": protected_bucket(account), "org": skip}, {"name": DOCUMENTATION, "org": skip}],
             "log_groups": [{"name": "/g3nretailstack/crm/api"}, {"name": "/g3nretailstack/g3nmhsadmin/keep"}]},
        ],
    }


def protected_bucket(account):
    return f"{PROTECTED}-{account.prefix}"


def item(pk, sk=None, orgcode=None, **more):
    texts = {"pk": pk, "orgcode": orgcode, **more} | ({"sk": sk} if isinstance(sk, str) else {})
    numbers = {"sk": {"N": str(sk)}} if isinstance(sk, int) else {}
    return {name: {"S": text} for name, text in texts.items() if text is not None} | numbers


def tenant_of(number):
    return TENANTS[number % len(TENANTS)]


# (name, key, index, rows): how a table is made, and by the rule of the manifest whose a row is.
TABLES = [
    ("pvm_main", {"pk": "S", "sk": "S"}, None,
     [item(f"ITEM#{i}", f"V#{i % 3}", tenant_of(i), body="x" * 90) for i in range(ROWS)]
     + [item("g3nmhsadmin#keep", "V", "acme"), item("NOBODY", "V")]),
    ("pvm_index", {"pk": "S", "sk": "S"}, "by-org",
     [item(f"ITEM#{i // 4}", f"V#{i}", tenant_of(i)) for i in range(ROWS)]
     + [item("g3nmhsadmin#keep", "V", "acme"), item("NOBODY", "V")]),
    ("pvm_days", {"pk": "S", "sk": "N"}, None, [item(f"ORG#{tenant_of(i)}", i - 9, body="day") for i in range(ROWS)]),
    ("crm_keys", {"pk": "S"}, None,
     [item(f"{tenant_of(i)}#{i}", body="ünïcödé \"quoted\"") for i in range(ROWS)] + [item("g3nmhsadmin#keep")]),
    ("crm_main", {"pk": "S"}, None, [item(f"{i}", orgcode=tenant_of(i)) for i in range(ROWS)]),
    ("crm_currencies", {"pk": "S"}, None, [item(code) for code in ("EUR", "USD", "CHF")]),
    ("g3nmhsadmin_keys", {"pk": "S"}, None, [item("key")]),
    ("legacy_import", {"pk": "S"}, None, [item("left", orgcode="acme")]),
]
SESSIONS = [
    ("usm_sessions", {"pk": "S", "sk": "S"}, None, [
        item("SESSION#olga-guid", "SESSION", "acme", user_id="olga", status="active", expires_at="2099-01-01T00:00:00Z"),
        item("SESSION#old-guid", "SESSION", "acme", user_id="olga", status="active", expires_at="2001-01-01T00:00:00Z"),
        item("SESSION#gone-guid", "SESSION", "acme", user_id="gone", status="active", expires_at="2099-01-01T00:00:00Z")]),
    ("uas_users", {"pk": "S", "sk": "S"}, None, [
        item("USER#olga", "USER", user_id="olga", status="active"),
        item("USER#gone", "USER", user_id="gone", status="disabled")]),
]
ORG_RULES = {
    "pvm_main": lambda row, org: row.get("orgcode") == org,
    "pvm_index": lambda row, org: row.get("orgcode") == org,
    "pvm_days": lambda row, org: row["pk"] == f"ORG#{org}",
    "crm_keys": lambda row, org: row["pk"].startswith(f"{org}#"),
    "crm_main": lambda row, org: row.get("orgcode") == org,
}


def object_keys():
    return [f"{tenant_of(i)}/{i % 5}/object {i}+ü" for i in range(OBJECTS)] + ["nobody/object", "g3nmhsadmin/keep"]


def make_stack(account):
    for name, key, index, rows in TABLES + SESSIONS:
        account.make_table(name, key, rows, index)
    account.make_bucket(bucket(account, "data"), object_keys(),
                        uploads=["acme/upload", "acme2/upload", "g3nmhsadmin-upload"])
    account.make_bucket(bucket(account, "files"), object_keys(), versions=3, uploads=["acme/upload", "acme2/upload"])
    account.make_bucket(bucket(account, "site"), ["index.html"])
    account.make_bucket(bucket(account, "tmp"), ["unclassified"])
    account.make_bucket(protected_bucket(account), ["kept"])
    streams = [f"stream {i}" for i in range(STREAMS)]
    account.make_log_group("/g3nretailstack/pvm/api", streams + ["g3nmhsadmin-keep"])
    account.make_log_group("/g3nretailstack/crm/api", streams)
    account.make_log_group("/g3nretailstack/g3nmhsadmin/keep", streams)
    account.make_log_group("/elsewhere/x", streams)


LOG_GROUPS = ("/g3nretailstack/pvm/api", "/g3nretailstack/crm/api", "/g3nretailstack/g3nmhsadmin/keep", "/elsewhere/x")
UNCLASSIFIED = {"legacy_import", "tmp", "/elsewhere/x"}


def stack_names(account):
    """(kind, name) of all that make_stack makes."""
    buckets = [bucket(account, name) for name in ("data", "files", "site", "tmp")] + [protected_bucket(account)]
    return [("table", name) for name, *_ in TABLES + SESSIONS] + [("bucket", name) for name in buckets] \
        + [("log_group", name) for name in LOG_GROUPS]


def is_untouchable(account, kind, name):
    """Protected by its name, or named by no service."""
    return name in UNCLASSIFIED or name == bucket(account, "tmp") or PROTECTED in name


def record_key(kind, record):
    """What says whether a record is protected."""
    return {"table": lambda: record["pk"], "bucket": lambda: record[1], "log_group": lambda: record}[kind]()


def kept_by_all(account, before):
    """What a vacuum all leaves of what was there."""
    return {(kind, name): records if is_untouchable(account, kind, name)
            else [record for record in records if record_key(kind, record).startswith(PROTECTED)]
            for (kind, name), records in before.items()}


def kept_by_org(account, before, org):
    """What the vacuum of a tenant leaves of what was there."""
    def goes(kind, name, record):
        if record_key(kind, record).startswith(PROTECTED):
            return False
        if kind == "table":
            return name in ORG_RULES and ORG_RULES[name](record, org)
        ours = (bucket(account, "data"), bucket(account, "files"))
        return kind == "bucket" and name in ours and record[1].startswith(f"{org}/")
    return {(kind, name): [record for record in records if not goes(kind, name, record)]
            for (kind, name), records in before.items()}


class AwsHome(Home):
    """A data directory, and an account that its commands work on."""

    def __init__(self, directory, account):
        super().__init__(directory)
        self.account = account
        self.data.mkdir()
        self.write_manifest(manifest(account))

    def write_manifest(self, document):
        (self.data / "manifest.json").write_text(json.dumps(document))

    def run(self, *arguments, env=None, **options):
        return super().run(*arguments, env=self.account.environment() | (env or {}), **options)

    def aws(self, *arguments, **options):
        return self.run(*arguments, "--engine", "aws", **options)

    def serve(self, *arguments, env=None, **options):
        return super().serve("--engine", "aws", *arguments, env=self.account.environment() | (env or {}), **options)

    def bootstrap(self):
        """What an operator does once in an account."""
        made = self.aws("aws-bootstrap")
        assert made.returncode == 0, made
        secret = self.aws("secret-set", "--new-secret-code-file", self.code_file)
        assert secret.returncode == 0, secret
        return self

    def audit_log(self):
        """The records that were delivered to CloudWatch Logs, in order."""
        return [json.loads(text) for text in self.account.events(AUDIT_GROUP, "g3nops")]


# ---- fixtures; a test module imports them ----


@pytest.fixture
def account(request):
    """On what the test asks for by its parameter: "stub", "moto" or "versitygw"."""
    kind = request.param
    if kind == "stub":
        yield StubAccount(request.getfixturevalue("stub"))
        return
    here = emulated_account(kind)
    with OneAtATime(f"{kind}-{here.region}"), owned_by(here) as sts:
        if kind == "versitygw":
            here.urls["sts"] = sts
        here.remove()
        yield here
        here.remove()


@pytest.fixture
def make_aws(request, account, tmp_path):
    """Makes homes in the account; at the end of the test no serve of theirs is left, and none has complained."""
    made = request.node.stash.setdefault(homes, [])

    def make(name="h"):
        home = AwsHome(tmp_path / name, account)
        made.append(home)
        return home

    yield make
    wrong = [complaint for home in made for complaint in home.finish()]
    assert not wrong, wrong


@pytest.fixture
def empty(make_aws):
    """An account with what OPS needs and nothing else."""
    return make_aws().bootstrap()


@pytest.fixture
def stacked(make_aws, account):
    """And with the stack."""
    home = make_aws().bootstrap()
    make_stack(account)
    return home


def on(*kinds):
    """The accounts that a test runs on, one after the other."""
    return pytest.mark.parametrize("account", kinds, indirect=True)
