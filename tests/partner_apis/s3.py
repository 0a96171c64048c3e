"""
PutObject of Amazon S3 as its reference documents it, with Signature Version 4 computed anew.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html and
https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from tests.partner_apis.base import Answer, FakeApi, Request, listening

KEY_ID, KEY = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
REGION, BUCKET = "ap-northeast-1", "adco-suppressions"
_SKEW = timedelta(minutes=15)
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/s3/aws4_request, "
    r"SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    body: bytes
    content_type: str


@dataclass(kw_only=True)
class Bucket:
    """`objects` by key; `writes` counts every PUT that was taken."""

    api: FakeApi
    objects: dict[str, Stored] = field(default_factory=dict)
    writes: int = 0


def signature(
    *,
    method: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    signed: str,
    body_hash: str,
    key: str,
    region: str,
) -> str:
    """Return the hex signature over a request; `signed` names headers, joined by semicolons."""
    moment = headers["x-amz-date"]
    names = signed.split(";")
    canonical = "\n".join(
        [
            method,
            quote(path, safe="/-_.~%"),
            query,
            *(f"{name}:{' '.join(headers[name].split())}" for name in names),
            "",
            signed,
            body_hash,
        ]
    )
    scope = f"{moment[:8]}/{region}/s3/aws4_request"
    text = "\n".join(
        ["AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(canonical.encode()).hexdigest()]
    )
    derived = f"AWS4{key}".encode()
    for part in (moment[:8], region, "s3", "aws4_request"):
        derived = hmac.digest(derived, part.encode(), "sha256")
    return hmac.digest(derived, text.encode(), "sha256").hex()


@contextmanager
def bucket() -> Iterator[Bucket]:
    """Listen with one empty bucket for as long as the block runs."""

    def handle(request: Request) -> Answer:
        refusal = _refusal(request)
        if refusal is not None:
            return _error(*refusal)
        _, _, key = request.path[1:].partition("/")
        made.objects[key] = Stored(body=request.body, content_type=request.headers["content-type"])
        made.writes += 1
        etag = hashlib.md5(request.body, usedforsecurity=False).hexdigest()
        return Answer(status=200, content=b"", headers={"ETag": f'"{etag}"'})

    with listening(handle) as api:
        made = Bucket(api=api)
        yield made


def _refusal(request: Request) -> tuple[int, str] | None:
    """Return status and code of what is wrong first, or None."""
    headers = request.headers
    found = _AUTHORIZATION.fullmatch(headers.get("authorization", ""))
    if found is None:
        if "authorization" not in headers:
            return 403, "AccessDenied"
        return 400, "AuthorizationHeaderMalformed"
    key_id, day, region, signed, given = found.groups()
    if key_id != KEY_ID:
        return 403, "InvalidAccessKeyId"
    if region != REGION:
        return 400, "AuthorizationHeaderMalformed"
    try:
        moment = datetime.strptime(headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except (KeyError, ValueError):
        return 403, "AccessDenied"
    if day != headers["x-amz-date"][:8]:
        return 403, "SignatureDoesNotMatch"
    if abs(datetime.now(tz=UTC) - moment) > _SKEW:
        return 403, "RequestTimeTooSkewed"
    names = set(signed.split(";"))
    must_be_signed = {"host", *(name for name in headers if name.startswith("x-amz-"))}
    if "content-md5" in headers:
        must_be_signed.add("content-md5")
    if not must_be_signed <= names or not names <= headers.keys():
        return 403, "AccessDenied"
    body_hash = headers.get("x-amz-content-sha256", "")
    expected = signature(
        method=request.method,
        path=request.path,
        query="",
        headers=headers,
        signed=signed,
        body_hash=body_hash,
        key=KEY,
        region=REGION,
    )
    if request.query or not hmac.compare_digest(expected, given):
        return 403, "SignatureDoesNotMatch"
    if body_hash != hashlib.sha256(request.body).hexdigest():
        return 400, "XAmzContentSHA256Mismatch"
    if request.method != "PUT":
        return 405, "MethodNotAllowed"
    name, _, key = request.path[1:].partition("/")
    if name != BUCKET:
        return 404, "NoSuchBucket"
    if not key or len(key.encode()) > 1024:
        return 400, "KeyTooLongError" if key else "InvalidRequest"
    # The bucket is locked, so it insists on a digest.
    if "content-md5" not in headers:
        return 400, "InvalidRequest"
    digest = hashlib.md5(request.body, usedforsecurity=False).digest()
    if headers["content-md5"] != base64.b64encode(digest).decode():
        return 400, "BadDigest"
    return None


def _error(status: int, code: str) -> Answer:
    return Answer(
        status=status,
        content=f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code>'
        f"<Message>No.</Message><RequestId>1</RequestId></Error>".encode(),
        headers={"Content-Type": "application/xml"},
    )
