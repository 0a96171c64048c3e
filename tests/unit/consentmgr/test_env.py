"""What the environment says of the mail server, of places and of proxies."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from consentmgr import env
from consentmgr.env import MailServer
from tests.factories.country_database import write_database


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


@pytest.mark.parametrize("value", ["-1", "11", "one", "1.5", "", "²"])
def test_a_number_out_of_range_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("TRUSTED_PROXY_HOPS", value)
    with pytest.raises(ImproperlyConfigured, match="TRUSTED_PROXY_HOPS is .* from 0 to 10"):
        env.number("TRUSTED_PROXY_HOPS", default=0, most=10)


def test_a_number_in_range_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRUSTED_PROXY_HOPS", raising=False)
    assert env.number("TRUSTED_PROXY_HOPS", default=0, most=10) == 0
    monkeypatch.setenv("TRUSTED_PROXY_HOPS", "2")
    assert env.number("TRUSTED_PROXY_HOPS", default=0, most=10) == 2


def test_the_service_does_not_start_with_a_country_database_that_is_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "country.mmdb"
    monkeypatch.setenv("COUNTRY_DATABASE", str(path))
    with pytest.raises(ImproperlyConfigured, match="COUNTRY_DATABASE: .* cannot be read"):
        env.country_database("COUNTRY_DATABASE")
    path.write_bytes(b"no database")
    with pytest.raises(ImproperlyConfigured, match="COUNTRY_DATABASE: .* not a whole file"):
        env.country_database("COUNTRY_DATABASE")

    write_database(path)
    assert env.country_database("COUNTRY_DATABASE") == path
    monkeypatch.setenv("COUNTRY_DATABASE", "")
    assert env.country_database("COUNTRY_DATABASE") is None
