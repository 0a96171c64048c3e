"""
One object per parcel in a bucket of Amazon S3, or of anything that speaks its protocol.

PutObject with the address in path style (https://docs.aws.amazon.com/AmazonS3/latest/API/
API_PutObject.html), signed by botocore as Signature Version 4 asks, and sent through our own
client. The same messages make the same object: sent again, it is overwritten. What the partner does
with it is the partner's matter.
"""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import timedelta

from tracking.delivery.transports import base, files
from tracking.delivery.types import ConfirmsBy, Effect, Parcel, Profile, Reply, Setting
from tracking.lib.outbound_http import OutboundClient

PROFILE = Profile(
    name="Files in a bucket (S3)",
    effect=Effect.TELL,
    erasure_effect=Effect.TELL,
    confirms_by=(ConfirmsBy.RESPONSE,),
    source="https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html",
    settings=(
        Setting(
            code="bucket",
            label={"ja": "バケット名", "en": "Bucket"},
            help={
                "ja": "ファイルを置くバケットの名前です。",
                "en": "The bucket that files are put into.",
            },
            pattern=r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
            example="adco-suppressions",
        ),
        Setting(
            code="region",
            label={"ja": "リージョン", "en": "Region"},
            help={
                "ja": "バケットのリージョンです。なければ us-east-1 と書きます。",
                "en": "The bucket's region; us-east-1 where there are none.",
            },
            pattern=r"[a-z0-9-]{1,40}",
            example="ap-northeast-1",
        ),
        files.NAME,
        files.FORMAT,
    ),
    secret=Setting(
        code="secret",
        label={"ja": "アクセスキー", "en": "Access key"},
        help={
            "ja": "アクセスキーIDとシークレットアクセスキーを、コロンでつなげて書きます。",
            "en": "The access key ID, a colon and the secret access key.",
        },
        pattern=r"[A-Za-z0-9._-]{3,128}:[!-~]{8,128}",
    ),
    most_at_once=10_000,
    pause=timedelta(minutes=15),
)

_ERROR_CODE = re.compile(rb"<Code>(\w{1,64})</Code>")


async def send(*, parcel: Parcel, client: OutboundClient) -> list[Reply]:
    """Put one object that holds all of a parcel's messages."""
    secret = base.usable_secret(parcel.place, PROFILE)
    if secret is None:
        return base.to_all(parcel, base.SECRET_UNREADABLE)
    body = files.content(parcel)
    place = parcel.place
    url = f"{place.url.rstrip('/')}/{place.settings['bucket']}/{files.name(parcel)}"
    headers = {
        "Content-Type": files.content_type(parcel),
        # Locked buckets demand it.
        "Content-MD5": base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode(),
    }
    try:
        signed = _sign(
            url=url, headers=headers, body=body, secret=secret, region=place.settings["region"]
        )
    except ImportError:
        return base.to_all(parcel, base.LIBRARY_MISSING)
    exchange = await base.call(client, method="PUT", url=url, headers=signed, body=body)
    if exchange.is_ok and "etag" not in exchange.headers:
        return base.to_all(parcel, exchange.unreadable())
    code = _ERROR_CODE.search(exchange.body)
    error = code[1].decode() if code and not exchange.is_ok else ""
    return base.to_all(parcel, exchange.reply(error=error))


WAY = base.Way(profile=PROFILE, send=send)


def _sign(
    *, url: str, headers: dict[str, str], body: bytes, secret: str, region: str
) -> dict[str, str]:
    """:raises ImportError: without the library"""
    from botocore.auth import S3SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    key_id, _, key = secret.partition(":")
    request = AWSRequest(method="PUT", url=url, headers=headers, data=body)
    S3SigV4Auth(Credentials(key_id, key), "s3", region).add_auth(request)
    return dict(request.headers.items())
