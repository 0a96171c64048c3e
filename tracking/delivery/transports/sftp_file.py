"""
One file per parcel in a folder of the partner's SFTP server.

SFTP version 3 (draft-ietf-secsh-filexfer-02) by asyncssh. The server must show the key that the
settings name, and the connection goes to a checked address only. A file is written under another
name and renamed when it is whole; the same messages make the same file, so that one sent again
takes the place of the first. What the partner does with it is the partner's matter.
"""

from __future__ import annotations

import asyncio
import contextlib
import posixpath
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tracking.delivery.transports import base, files
from tracking.delivery.types import (
    AttemptOutcome,
    ConfirmsBy,
    Effect,
    Parcel,
    Profile,
    Reply,
    Setting,
)
from tracking.lib.outbound_http import (
    TOTAL_SECONDS,
    OutboundClient,
    OutboundFailed,
    OutboundRefused,
)

if TYPE_CHECKING:
    import asyncssh

_PORT = 22

PROFILE = Profile(
    name="Files on an SFTP server",
    effect=Effect.TELL,
    erasure_effect=Effect.TELL,
    confirms_by=(ConfirmsBy.RESPONSE,),
    source="https://datatracker.ietf.org/doc/html/draft-ietf-secsh-filexfer-02",
    settings=(
        Setting(
            code="host",
            label={"ja": "サーバー名", "en": "Host"},
            help={
                "ja": "SFTPサーバーの名前です。公開されたアドレスに限ります。",
                "en": "The server's name; it must lead to a public address.",
            },
            pattern=r"[A-Za-z0-9.:-]{1,253}",
            example="sftp.partner.example",
        ),
        Setting(
            code="port",
            label={"ja": "ポート", "en": "Port"},
            help={
                "ja": "22 か、1024以上の番号です。書かなければ 22 です。",
                "en": "22, or from 1024 on; 22 if left out.",
            },
            pattern=r"22|102[4-9]|10[3-9]\d|1[1-9]\d\d|[2-9]\d{3}|[1-5]\d{4}|6[0-4]\d{3}"
            r"|65[0-4]\d\d|655[0-2]\d|6553[0-5]",
            example="22",
            is_required=False,
        ),
        Setting(
            code="user",
            label={"ja": "ユーザー名", "en": "User"},
            help={"ja": "ログインの名前です。", "en": "The name to sign in with."},
            pattern=r"[!-~]{1,64}",
            example="shop",
        ),
        Setting(
            code="host_key",
            label={"ja": "サーバーの公開鍵", "en": "Host key"},
            help={
                "ja": "ssh-ed25519 などで始まる1行です。送り先から、別の手段で受け取ります。",
                "en": "One line that begins with ssh-ed25519 or the like; "
                "get it from the partner by another way.",
            },
            pattern=r"(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)) "
            r"[A-Za-z0-9+/]{40,1200}={0,2}( [ -~]{1,100})?",
            example="ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + 43 * "A",
        ),
        Setting(
            code="folder",
            label={"ja": "フォルダー", "en": "Folder"},
            help={
                "ja": "すでにあるフォルダーです。書かなければ、ログイン直後の場所です。",
                "en": "It must be there already; where one is after signing in, if left out.",
            },
            pattern=r"(?!.*\.\.)[A-Za-z0-9._/-]{1,200}",
            example="/incoming",
            is_required=False,
        ),
        files.NAME,
        files.FORMAT,
    ),
    secret=Setting(
        code="secret",
        label={"ja": "パスワードか秘密鍵", "en": "Password or private key"},
        help={
            "ja": "パスワード、または暗号化していない秘密鍵（-----BEGIN … から）です。",
            "en": "A password, or a private key without a passphrase, from -----BEGIN on.",
        },
        pattern=r"-----BEGIN [A-Z ]*PRIVATE KEY-----\s.{40,8000}"
        r"\s-----END [A-Z ]*PRIVATE KEY-----\s*"
        r"|(?!-----BEGIN)[^\x00-\x1f\x7f]{1,200}",
    ),
    most_at_once=10_000,
    pause=timedelta(minutes=15),
    has_url=False,
)


async def send(*, parcel: Parcel, client: OutboundClient) -> list[Reply]:
    """Put one file that holds all of a parcel's messages."""
    secret = base.usable_secret(parcel.place, PROFILE)
    if secret is None:
        return base.to_all(parcel, base.SECRET_UNREADABLE)
    try:
        import asyncssh
    except ImportError:
        return base.to_all(parcel, base.LIBRARY_MISSING)
    began = time.monotonic()
    error, outcome = "", AttemptOutcome.ACCEPTED
    try:
        signing_in: dict[str, Any] = (
            {"client_keys": [asyncssh.import_private_key(secret)], "password": None}
            if secret.startswith("-----BEGIN")
            else {"client_keys": None, "password": secret}
        )
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError):
        return base.to_all(parcel, base.SECRET_UNREADABLE)
    try:
        async with asyncio.timeout(TOTAL_SECONDS):
            await _put(parcel, client=client, signing_in=signing_in)
    except Exception as failure:
        error, outcome = _trouble(failure)
    duration_ms = int((time.monotonic() - began) * 1000)
    return base.to_all(
        parcel, Reply(status=None, duration_ms=duration_ms, error=error, outcome=outcome)
    )


WAY = base.Way(profile=PROFILE, send=send)


async def _put(parcel: Parcel, *, client: OutboundClient, signing_in: dict[str, Any]) -> None:
    import asyncssh

    settings = parcel.place.settings
    key = asyncssh.import_public_key(settings["host_key"])
    target = posixpath.join(settings.get("folder") or ".", files.name(parcel))
    folder, name = posixpath.split(target)
    unfinished = posixpath.join(folder, f".{name}.part")
    connected = await client.connect(
        host=settings["host"], port=int(settings.get("port") or _PORT), usual_port=_PORT
    )
    with contextlib.closing(connected):
        async with (
            asyncssh.connect(
                settings["host"],
                sock=connected,
                # Nothing of this machine's own SSH: no configuration, no agent, no known hosts.
                config=None,
                agent_path=None,
                known_hosts=([key], [], []),
                username=settings["user"],
                **signing_in,
            ) as connection,
            connection.start_sftp_client() as sftp,
        ):
            async with sftp.open(unfinished, "wb") as file:
                await file.write(files.content(parcel))
            await _rename(sftp, unfinished, target)


async def _rename(sftp: asyncssh.SFTPClient, unfinished: str, target: str) -> None:
    """Rename, over an earlier file too: in one step where the server can do that."""
    import asyncssh

    try:
        await sftp.posix_rename(unfinished, target)
    except asyncssh.SFTPOpUnsupported:
        with contextlib.suppress(asyncssh.SFTPNoSuchFile):
            await sftp.remove(target)
        await sftp.rename(unfinished, target)


def _trouble(failure: Exception) -> tuple[str, AttemptOutcome]:
    """Return one word for what went wrong, and whether trying again can help by itself."""
    import asyncssh

    later, rejected = AttemptOutcome.UNREACHABLE, AttemptOutcome.REJECTED
    match failure:
        case OutboundRefused():
            return "refused_address", later
        case OutboundFailed():
            return failure.reason, later
        case TimeoutError():
            return "timeout", later
        case asyncssh.KeyImportError() | asyncssh.HostKeyNotVerifiable():
            return "host_key", rejected
        case asyncssh.PermissionDenied():
            return "auth", rejected
        case asyncssh.SFTPPermissionDenied() | asyncssh.SFTPWriteProtect():
            return "permission", rejected
        case asyncssh.SFTPNoSuchFile() | asyncssh.SFTPNoSuchPath():
            return "no_such_folder", rejected
        case asyncssh.SFTPNoSpaceOnFilesystem() | asyncssh.SFTPQuotaExceeded():
            return "no_space", later
        case asyncssh.SFTPConnectionLost() | asyncssh.ConnectionLost():
            return "disconnected", later
        case asyncssh.SFTPError():
            return "sftp", later
        case asyncssh.Error():
            return "protocol", later
        case OSError():
            return "connect", later
    return type(failure).__name__, later
