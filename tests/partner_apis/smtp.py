"""A real mail server on this machine, as a partner's or a relay's: RFC 5321 by aiosmtpd."""

from __future__ import annotations

import email.policy
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

USER, PASSWORD = "relay", "p@ss/word"


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One mail as it came over the wire; `envelope_to` is whom it was for."""

    envelope_from: str
    envelope_to: tuple[str, ...]
    raw: bytes
    message: EmailMessage


@dataclass(kw_only=True)
class MailBox:
    """`answers` replace the usual 250 after a command (RCPT or DATA), such as `550 no`."""

    needs_login: bool = False
    answers: dict[str, str] = field(default_factory=dict)
    mails: list[Received] = field(default_factory=list)
    port: int = 0

    async def handle_MAIL(
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if self.needs_login and not session.authenticated:
            return "530 5.7.0 Authentication required"
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if "RCPT" in self.answers:
            return self.answers["RCPT"]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if "DATA" in self.answers:
            return self.answers["DATA"]
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        self.mails.append(
            Received(
                envelope_from=envelope.mail_from,
                envelope_to=tuple(envelope.rcpt_tos),
                raw=envelope.content,
                message=message,
            )
        )
        return "250 OK"


class _Anywhere(Controller):
    """On a port that the system chooses."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def listening(
    *, needs_login: bool = False, starttls: ssl.SSLContext | None = None
) -> Iterator[MailBox]:
    """Listen on a free port for as long as the block runs."""
    box = MailBox(needs_login=needs_login)

    def check(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        is_right = data == LoginPassword(USER.encode(), PASSWORD.encode())
        return AuthResult(success=is_right, handled=is_right)

    controller = _Anywhere(
        box,
        hostname="127.0.0.1",
        port=0,
        authenticator=check if needs_login else None,
        auth_require_tls=False,
        tls_context=starttls,
        ready_timeout=10,
    )
    controller.start()
    try:
        box.port = controller.port
        yield box
    finally:
        controller.stop()
