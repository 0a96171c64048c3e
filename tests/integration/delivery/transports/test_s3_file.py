"""Objects for partners, put and signed as S3 asks, and what becomes of its refusals."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.factories.parcels import ask, send
from tests.factories.withdrawals import parcel, withdrawal
from tests.partner_apis import s3
from tests.partner_apis.base import Answer
from tracking.delivery.transports import files, s3_file
from tracking.delivery.types import AttemptOutcome, Message, Parcel, Reply

SECRET = f"{s3.KEY_ID}:{s3.KEY}"


@pytest.fixture
def bucket() -> Iterator[s3.Bucket]:
    with s3.bucket() as made:
        yield made


def for_bucket(
    there: s3.Bucket, *messages: Message, secret: str = SECRET, **settings: str
) -> Parcel:
    return parcel(
        *messages,
        url=there.api.url,
        secret=secret,
        settings={"bucket": s3.BUCKET, "region": s3.REGION, **settings},
    )


def put(there: s3.Bucket, *messages: Message, **how: str) -> list[Reply]:
    return send(s3_file.WAY, for_bucket(there, *messages, **how))


def signed(**changes: Any) -> dict[str, Any]:
    """A request that the fake takes, but for what a case changes."""
    body = b"x"
    moment = (datetime.now(tz=UTC) + changes.pop("off", timedelta(0))).strftime("%Y%m%dT%H%M%SZ")
    values: dict[str, Any] = {
        "method": "PUT",
        "path": f"/{s3.BUCKET}/a.csv",
        "key_id": s3.KEY_ID,
        "key": s3.KEY,
        "region": s3.REGION,
        "sent": body,
        "md5": base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode(),
        "signed": "content-md5;content-type;host;x-amz-content-sha256;x-amz-date",
        **changes,
    }
    headers = {
        "content-type": "text/csv",
        "content-md5": values["md5"],
        "host": values["host"],
        "x-amz-content-sha256": hashlib.sha256(body).hexdigest(),
        "x-amz-date": moment,
    }
    if values["md5"] == "":
        del headers["content-md5"]
        values["signed"] = values["signed"].removeprefix("content-md5;")
    found = s3.signature(
        method=values["method"],
        path=values["path"],
        query="",
        headers=headers,
        signed=values["signed"],
        body_hash=headers["x-amz-content-sha256"],
        key=values["key"],
        region=values["region"],
    )
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={values['key_id']}/{moment[:8]}/{values['region']}"
        f"/s3/aws4_request, SignedHeaders={values['signed']}, Signature={found}"
    )
    del headers["host"]
    return {"headers": headers, "body": values["sent"], "method": values["method"]}


def test_the_fake_computes_the_published_signature() -> None:
    """The example "PUT Object" of the documentation."""
    body_hash = hashlib.sha256(b"Welcome to Amazon S3.").hexdigest()
    assert (
        s3.signature(
            method="PUT",
            path="/test$file.text",
            query="",
            headers={
                "date": "Fri, 24 May 2013 00:00:00 GMT",
                "host": "examplebucket.s3.amazonaws.com",
                "x-amz-content-sha256": body_hash,
                "x-amz-date": "20130524T000000Z",
                "x-amz-storage-class": "REDUCED_REDUNDANCY",
            },
            signed="date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
            body_hash=body_hash,
            key=s3.KEY,
            region="us-east-1",
        )
        == "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"
    )


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({}, 200, ""),
        ({"key": "another"}, 403, "SignatureDoesNotMatch"),
        ({"key_id": "AKIANOBODY"}, 403, "InvalidAccessKeyId"),
        ({"region": "us-east-1"}, 400, "AuthorizationHeaderMalformed"),
        ({"off": timedelta(minutes=16)}, 403, "RequestTimeTooSkewed"),
        ({"off": -timedelta(minutes=16)}, 403, "RequestTimeTooSkewed"),
        ({"sent": b"y"}, 400, "XAmzContentSHA256Mismatch"),
        ({"md5": "AAAAAAAAAAAAAAAAAAAAAA=="}, 400, "BadDigest"),
        ({"md5": ""}, 400, "InvalidRequest"),
        ({"signed": "content-md5;host;x-amz-date"}, 403, "AccessDenied"),
        ({"signed": "content-md5;x-amz-content-sha256;x-amz-date"}, 403, "AccessDenied"),
        ({"method": "DELETE"}, 405, "MethodNotAllowed"),
        ({"path": "/other/a.csv"}, 404, "NoSuchBucket"),
        ({"path": f"/{s3.BUCKET}/"}, 400, "InvalidRequest"),
        ({"path": f"/{s3.BUCKET}/{'k' * 1025}"}, 400, "KeyTooLongError"),
    ],
)
def test_the_fake_refuses_what_s3_refuses(
    bucket: s3.Bucket, changes: dict[str, Any], status: int, code: str
) -> None:
    host = bucket.api.url.removeprefix("http://")
    path = changes.get("path", f"/{s3.BUCKET}/a.csv")
    answer = ask(bucket.api.url + path, **signed(host=host, **changes))
    assert answer.status == status
    assert code.encode() in answer.body


def test_the_fake_wants_every_request_signed(bucket: s3.Bucket) -> None:
    url = f"{bucket.api.url}/{s3.BUCKET}/a.csv"
    assert ask(url, method="PUT", headers={}, body=b"x").status == 403
    assert ask(url, method="PUT", headers={"Authorization": "Bearer x"}, body=b"x").status == 400


def test_one_object_holds_all(bucket: s3.Bucket) -> None:
    messages = [withdrawal(1, ga_client_id="12.34"), withdrawal(2)]
    replies = put(bucket, *messages)
    assert [(reply.status, reply.error, reply.outcome) for reply in replies] == [
        (200, "", None)
    ] * 2
    what = for_bucket(bucket, *messages)
    [(key, stored)] = bucket.objects.items()
    assert re.fullmatch(r"withdrawals-20260401T150200Z-[0-9a-f]{16}\.csv", key)
    assert (stored.body, stored.content_type) == (files.content(what), "text/csv; charset=utf-8")


def test_sent_again_it_is_the_same_object(bucket: s3.Bucket) -> None:
    put(bucket, withdrawal(1), withdrawal(2))
    put(bucket, withdrawal(2), withdrawal(1))
    assert (len(bucket.objects), bucket.writes) == (1, 2)
    put(bucket, withdrawal(3))
    assert len(bucket.objects) == 2


def test_lines_of_json_under_a_name_of_ones_own(bucket: s3.Bucket) -> None:
    put(bucket, withdrawal(1), format="jsonl", name="shop/{date}/{digest}")
    [(key, stored)] = bucket.objects.items()
    assert re.fullmatch(r"shop/2026-04-01/[0-9a-f]{16}\.jsonl", key)
    assert json.loads(stored.body)["data"]["subject"] == "subject0001"
    assert stored.content_type == "application/x-ndjson"


def test_ten_thousand_fit_into_one(bucket: s3.Bucket) -> None:
    messages = [withdrawal(number, ga_client_id=f"{number}.1") for number in range(10_000)]
    replies = put(bucket, *messages)
    assert len(replies) == 10_000
    assert {reply.status for reply in replies} == {200}
    [stored] = bucket.objects.values()
    assert stored.body.count(b"\r\n") == 20_001


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"secret": f"{s3.KEY_ID}:wrong-key-of-some-length"}, 403, "SignatureDoesNotMatch"),
        ({"secret": f"AKIANOBODY:{s3.KEY}"}, 403, "InvalidAccessKeyId"),
        ({"region": "us-east-1"}, 400, "AuthorizationHeaderMalformed"),
        ({"bucket": "nobodys-bucket"}, 404, "NoSuchBucket"),
    ],
)
def test_refusals_are_named(
    bucket: s3.Bucket, changes: dict[str, str], status: int, error: str
) -> None:
    [reply] = put(bucket, withdrawal(), **changes)
    assert (reply.status, reply.error) == (status, error)
    assert bucket.objects == {}


@pytest.mark.parametrize(
    ("answer", "status", "error", "outcome"),
    [
        (
            Answer(status=503, content=b"<Error><Code>SlowDown</Code></Error>"),
            503,
            "SlowDown",
            None,
        ),
        (
            Answer(
                status=301,
                content=b"<Error><Code>PermanentRedirect</Code></Error>",
                headers={"Location": "http://127.0.0.1:1/"},
            ),
            301,
            "PermanentRedirect",
            None,
        ),
        (Answer(status=500, content=b"<html>oops"), 500, "", None),
        (Answer(status=500, content=b"x" * 70_000), 500, "", None),
        # Something else than S3 answers: no object was stored for sure.
        (
            Answer(status=200, content=b"<html>Sign in</html>"),
            200,
            "unreadable_answer",
            AttemptOutcome.UNREACHABLE,
        ),
    ],
)
def test_other_answers(
    bucket: s3.Bucket,
    answer: Answer,
    status: int,
    error: str,
    outcome: AttemptOutcome | None,
) -> None:
    bucket.api.instead.append(answer)
    [reply] = put(bucket, withdrawal())
    assert (reply.status, reply.error, reply.outcome) == (status, error, outcome)
    assert len(bucket.api.requests) == 1


@pytest.mark.parametrize(
    "secret", ["", "no-colon", "key:short", "key:has a blank in it", "clé:12345678"]
)
def test_an_unusable_credential_sends_nothing(bucket: s3.Bucket, secret: str) -> None:
    [reply] = put(bucket, withdrawal(), secret=secret)
    assert (reply.error, bucket.api.requests) == ("secret_unreadable", [])


def test_without_the_library_it_says_so(bucket: s3.Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "botocore.auth", None)
    [reply] = put(bucket, withdrawal())
    assert (reply.error, bucket.api.requests) == ("library_missing", [])


def test_a_forbidden_address_is_not_called(bucket: s3.Bucket) -> None:
    what = parcel(
        url="https://169.254.169.254",
        secret=SECRET,
        settings={"bucket": s3.BUCKET, "region": s3.REGION},
    )
    [reply] = send(s3_file.WAY, what)
    assert (reply.status, reply.error) == (None, "refused_address")


@pytest.mark.parametrize(
    ("name", "is_taken"),
    [
        ("{digest}", True),
        ("a/b-{time}/{date}.{digest}", True),
        ("", False),
        ("{time}", False),
        ("/{digest}", False),
        ("../{digest}", False),
        ("a/../{digest}", False),
        ("a//{digest}", False),
        ("a/.hidden{digest}", False),
        (".{digest}", False),
        ("{digest}/", False),
        ("{digest} b", False),
        ("{digest}?x=1", False),
        ("{digest}%2e", False),
        ("{digest}{other}", False),
        ("名-{digest}", False),
    ],
)
def test_names_that_are_taken(name: str, is_taken: bool) -> None:
    assert bool(re.fullmatch(files.NAME.pattern, name)) is is_taken
