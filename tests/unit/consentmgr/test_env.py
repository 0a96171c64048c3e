"""What the environment says of the mail server."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured

from consentmgr import env
from consentmgr.env import MailServer


@pytest.mark.parametrize(
    ("value", "server"),
    [
        ("", MailServer()),
        ("smtp://mail.example", MailServer(host="mail.example", port=587, is_starttls=True)),
        ("smtps://mail.example", MailServer(host="mail.example", port=465, is_tls=True)),
        ("smtp+plain://localhost", MailServer(host="localhost", port=25)),
        (
            "smtp://me%40shop.example:p%2Fw%3A@mail.example:2525",
            MailServer(
                host="mail.example",
                port=2525,
                user="me@shop.example",
                password="p/w:",
                is_starttls=True,
            ),
        ),
    ],
)
def test_a_mail_server(monkeypatch: pytest.MonkeyPatch, value: str, server: MailServer) -> None:
    monkeypatch.setenv("EMAIL_URL", value)
    assert env.mail_server("EMAIL_URL") == server
    assert "p/w" not in repr(server)


@pytest.mark.parametrize(
    "value", ["mail.example", "http://mail.example", "smtp://", "smtp://h:99999", "smtp://u:hush@"]
)
def test_what_is_no_mail_server_is_explained_without_being_shown(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("EMAIL_URL", value)
    with pytest.raises(ImproperlyConfigured, match="must look like smtp://") as caught:
        env.mail_server("EMAIL_URL")
    assert "hush" not in str(caught.value)
