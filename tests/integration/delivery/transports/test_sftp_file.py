"""Files for partners on a real SFTP server: whole or not there, and only on the right server."""

from __future__ import annotations

import asyncio
import re
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncssh
import pytest

from tests.factories.parcels import send
from tests.factories.withdrawals import parcel, withdrawal
from tests.partner_apis import sftp
from tracking.delivery.transports import files, sftp_file
from tracking.delivery.types import AttemptOutcome, Message, Parcel, Reply
from tracking.lib.outbound_http import OutboundClient


@pytest.fixture
def server(tmp_path: Path) -> Iterator[sftp.Server]:
    (tmp_path / "incoming").mkdir()
    with sftp.listening(tmp_path) as listening:
        yield listening


def for_server(
    server: sftp.Server, *messages: Message, secret: str = sftp.PASSWORD, **settings: str
) -> Parcel:
    return parcel(
        *messages,
        secret=secret,
        settings={
            "host": "localhost",
            "port": str(server.port),
            "user": sftp.USER,
            "host_key": server.host_key,
            "folder": "/incoming",
            **settings,
        },
    )


def put(server: sftp.Server, *messages: Message, **how: str) -> list[Reply]:
    return send(sftp_file.WAY, for_server(server, *messages, **how))


def outcome_of(replies: list[Reply]) -> tuple[str, AttemptOutcome | None]:
    [reply] = {(reply.error, reply.outcome) for reply in replies}
    assert {reply.status for reply in replies} == {None}
    return reply


TAKEN = ("", AttemptOutcome.ACCEPTED)


def test_one_whole_file_holds_all(server: sftp.Server) -> None:
    messages = [withdrawal(1, ga_client_id="12.34"), withdrawal(2)]
    assert outcome_of(put(server, *messages)) == TAKEN
    [path] = (server.folder / "incoming").iterdir()
    assert re.fullmatch(r"withdrawals-20260401T150200Z-[0-9a-f]{16}\.csv", path.name)
    assert path.read_bytes() == files.content(for_server(server, *messages))
    part = f"/incoming/.{path.name}.part"
    assert server.acts == [f"open {part}", f"posix_rename {part} /incoming/{path.name}"]


@pytest.mark.parametrize("has_posix_rename", [True, False])
def test_sent_again_it_takes_the_place_of_the_first(tmp_path: Path, has_posix_rename: bool) -> None:
    with sftp.listening(tmp_path, has_posix_rename=has_posix_rename) as server:
        for order in ((1, 2), (2, 1)):
            messages = [withdrawal(number) for number in order]
            assert outcome_of(put(server, *messages, folder="/")) == TAKEN
        [path] = tmp_path.iterdir()
        assert path.read_bytes() == files.content(for_server(server, *messages))
        assert outcome_of(put(server, withdrawal(3), folder="/")) == TAKEN
        assert len(list(tmp_path.iterdir())) == 2


def test_a_private_key_signs_in_too(server: sftp.Server) -> None:
    assert outcome_of(put(server, secret=server.client_key)) == TAKEN


def test_ten_thousand_fit_into_one(server: sftp.Server) -> None:
    messages = [withdrawal(number, ga_client_id=f"{number}.1") for number in range(10_000)]
    assert outcome_of(put(server, *messages, format="jsonl")) == TAKEN
    [path] = (server.folder / "incoming").iterdir()
    assert path.read_bytes().count(b"\n") == 10_000


def test_another_host_key_ends_it_before_anybody_signs_in(server: sftp.Server) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()
    assert outcome_of(put(server, host_key=other)) == ("host_key", AttemptOutcome.REJECTED)
    assert server.logins == 0
    assert outcome_of(put(server, host_key="ssh-ed25519 AAAA")) == (
        "host_key",
        AttemptOutcome.REJECTED,
    )


@pytest.mark.parametrize("changes", [{"secret": "wrong"}, {"user": "nobody"}, {"secret": "<key>"}])
def test_who_may_not_sign_in(server: sftp.Server, changes: dict[str, str]) -> None:
    if changes.get("secret") == "<key>":
        stranger = asyncssh.generate_private_key("ssh-ed25519")
        changes = {"secret": stranger.export_private_key().decode()}
    assert outcome_of(put(server, **changes)) == ("auth", AttemptOutcome.REJECTED)
    assert list((server.folder / "incoming").iterdir()) == []


def test_folders_that_are_not_there_or_not_ours(server: sftp.Server) -> None:
    assert outcome_of(put(server, folder="/nowhere")) == (
        "no_such_folder",
        AttemptOutcome.REJECTED,
    )
    # A name with a folder of its own asks for that folder, too.
    assert outcome_of(put(server, name="{date}/{digest}")) == (
        "no_such_folder",
        AttemptOutcome.REJECTED,
    )


def test_the_servers_own_refusals(server: sftp.Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*values: object) -> None:
        raise errors.pop(0)

    errors = [
        asyncssh.SFTPPermissionDenied("no"),
        asyncssh.SFTPFailure("disk"),
        OSError(28, "No space left on device"),
    ]
    monkeypatch.setattr(asyncssh.SFTPServer, "open", refuse)
    assert outcome_of(put(server)) == ("permission", AttemptOutcome.REJECTED)
    assert outcome_of(put(server)) == ("sftp", AttemptOutcome.UNREACHABLE)
    assert outcome_of(put(server))[1] is AttemptOutcome.UNREACHABLE


def test_a_broken_writing_leaves_no_file_under_the_name(
    server: sftp.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*values: object) -> None:
        raise asyncssh.SFTPFailure("broken")

    monkeypatch.setattr(asyncssh.SFTPServer, "write", refuse)
    assert outcome_of(put(server)) == ("sftp", AttemptOutcome.UNREACHABLE)
    [path] = (server.folder / "incoming").iterdir()
    assert path.name.endswith(".part")
    monkeypatch.undo()
    assert outcome_of(put(server)) == TAKEN
    [path] = (server.folder / "incoming").iterdir()
    assert path.name.endswith(".csv")


def test_who_is_away_silent_or_no_ssh_server(server: sftp.Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = str(silent.getsockname()[1])

        async def briefly() -> list[Reply]:
            async with OutboundClient(allow_loopback=True, total_seconds=0.3) as client:
                return list(
                    await sftp_file.WAY.send(parcel=for_server(server, port=port), client=client)
                )

        assert outcome_of(asyncio.run(briefly())) == ("timeout", AttemptOutcome.UNREACHABLE)
    assert outcome_of(put(server, port=port)) == ("connect", AttemptOutcome.UNREACHABLE)


@pytest.mark.parametrize(
    "host", ["10.0.0.1", "169.254.169.254", "127.0.0.1", "localhost", "intranet", "127.1"]
)
def test_the_connection_goes_to_public_addresses_only(server: sftp.Server, host: str) -> None:
    async def run() -> list[Reply]:
        async with OutboundClient() as client:
            return list(
                await sftp_file.WAY.send(parcel=for_server(server, host=host), client=client)
            )

    assert outcome_of(asyncio.run(run())) == ("refused_address", AttemptOutcome.UNREACHABLE)
    assert server.logins == 0


def test_a_name_is_looked_up_once_and_every_address_checked(server: sftp.Server) -> None:
    asked: list[str] = []

    async def lookup(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if host == "sftp.adco.example" else ["127.0.0.1", "10.0.0.1"]

    async def run(host: str) -> list[Reply]:
        async with OutboundClient(allow_loopback=True, lookup=lookup) as client:
            return list(
                await sftp_file.WAY.send(parcel=for_server(server, host=host), client=client)
            )

    assert outcome_of(asyncio.run(run("sftp.adco.example"))) == TAKEN
    assert asked == ["sftp.adco.example"]
    assert outcome_of(asyncio.run(run("mixed.adco.example"))) == (
        "refused_address",
        AttemptOutcome.UNREACHABLE,
    )


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "two\nlines",
        "-----BEGIN OPENSSH PRIVATE KEY-----",
        "-----BEGIN OPENSSH PRIVATE KEY-----\n" + "A" * 80 + "\n-----END OPENSSH PRIVATE KEY-----",
    ],
)
def test_an_unusable_credential_sends_nothing(server: sftp.Server, secret: str) -> None:
    [reply] = put(server, secret=secret)
    assert (reply.error, server.logins) == ("secret_unreadable", 0)


def test_a_key_with_a_passphrase_is_unusable(server: sftp.Server) -> None:
    key = asyncssh.generate_private_key("ssh-rsa")
    locked = key.export_private_key("pkcs8-pem", passphrase="x").decode()
    [reply] = put(server, secret=locked)
    assert reply.error == "secret_unreadable"


def test_without_the_library_it_says_so(
    server: sftp.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "asyncssh", None)
    [reply] = put(server)
    assert reply.error == "library_missing"


@pytest.mark.parametrize(
    ("code", "value", "is_taken"),
    [
        ("port", "22", True),
        ("port", "1024", True),
        ("port", "65535", True),
        ("port", "65536", False),
        ("port", "1023", False),
        ("port", "25", False),
        ("host", "user@host", False),
        ("user", "a b", False),
        ("host_key", "ssh-ed25519 short", False),
        ("host_key", "ssh-dss " + "A" * 60, False),
        ("folder", "/incoming/adco", True),
        ("folder", "../etc", False),
    ],
)
def test_settings_that_are_taken(code: str, value: str, is_taken: bool) -> None:
    [setting] = [one for one in sftp_file.PROFILE.settings if one.code == code]
    assert bool(re.fullmatch(setting.pattern, value)) is is_taken
