"""A real SFTP server on this machine, as a partner runs one: asyncssh over a temporary folder."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh

USER, PASSWORD = "shop", "open: sesame"


@dataclass(kw_only=True)
class Server:
    """
    `folder` is what a client sees as `/`. `acts` are the file operations in their order, and
    `logins` how often somebody got in. Without `has_posix_rename`, renaming never overwrites.
    """

    folder: Path
    host_key: str
    client_key: str
    has_posix_rename: bool = True
    port: int = 0
    logins: int = 0
    acts: list[str] = field(default_factory=list)


@contextmanager
def listening(folder: Path, **how: Any) -> Iterator[Server]:
    """Listen on a free port for as long as the block runs."""
    host_key = asyncssh.generate_private_key("ssh-ed25519")
    client_key = asyncssh.generate_private_key("ssh-ed25519")
    server = Server(
        folder=folder,
        host_key=host_key.export_public_key().decode().strip(),
        client_key=client_key.export_private_key().decode(),
        **how,
    )

    class Login(asyncssh.SSHServer):
        def connection_made(self, connection: asyncssh.SSHServerConnection) -> None:
            self._connection = connection

        def begin_auth(self, username: str) -> bool:
            return True

        def password_auth_supported(self) -> bool:
            return True

        def validate_password(self, username: str, password: str) -> bool:
            return (username, password) == (USER, PASSWORD)

        def public_key_auth_supported(self) -> bool:
            return True

        def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
            return username == USER and key.public_data == client_key.public_data

        def auth_completed(self) -> None:
            server.logins += 1

    class Files(asyncssh.SFTPServer):
        def __init__(self, channel: asyncssh.SSHServerChannel) -> None:
            super().__init__(channel, chroot=str(folder).encode())

        def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> Any:
            server.acts.append(f"open {path.decode()}")
            return super().open(path, pflags, attrs)

        def remove(self, path: bytes) -> Any:
            server.acts.append(f"remove {path.decode()}")
            return super().remove(path)

        def rename(self, oldpath: bytes, newpath: bytes) -> Any:
            server.acts.append(f"rename {oldpath.decode()} {newpath.decode()}")
            return super().rename(oldpath, newpath)

        def posix_rename(self, oldpath: bytes, newpath: bytes) -> Any:
            if not server.has_posix_rename:
                raise asyncssh.SFTPOpUnsupported("not here")
            server.acts.append(f"posix_rename {oldpath.decode()} {newpath.decode()}")
            return super().posix_rename(oldpath, newpath)

    ready = threading.Event()
    loop = asyncio.new_event_loop()
    ending = asyncio.Event()

    async def serve() -> None:
        acceptor = await asyncssh.listen(
            "127.0.0.1", 0, server_host_keys=[host_key], server_factory=Login, sftp_factory=Files
        )
        server.port = acceptor.get_port()
        ready.set()
        await ending.wait()
        acceptor.close()
        await acceptor.wait_closed()

    def run() -> None:
        try:
            loop.run_until_complete(serve())
        finally:
            for task in asyncio.all_tasks(loop):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    loop.run_until_complete(task)
            loop.close()

    thread = threading.Thread(target=run, name="sftp-server")
    thread.start()
    assert ready.wait(10)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(ending.set)
        thread.join()
