"""Mails to partners through a real mail server, and what becomes of its refusals."""

from __future__ import annotations

import csv
import io
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings

from tests.factories import parcels
from tests.factories.certificates import self_signed
from tests.factories.withdrawals import AT, parcel, withdrawal
from tests.partner_apis import smtp
from tracking.delivery import links
from tracking.delivery.transports import email, listing
from tracking.delivery.types import AttemptOutcome, Parcel, Reply

pytestmark = pytest.mark.filterwarnings("ignore:Session.login_data is deprecated")

SETTINGS = {
    "to": "privacy@adco.example",
    "language": "ja",
    "site_name": "かいもの",
    "service_url": "https://consent.shop.example",
}


@pytest.fixture(autouse=True)
def _mail_leaves_this_process(settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.DEFAULT_FROM_EMAIL = "かいもの <consent@shop.example>"
    settings.EMAIL_HOST = "127.0.0.1"


@pytest.fixture
def box(settings: Any) -> Iterator[smtp.MailBox]:
    with smtp.listening() as listening:
        settings.EMAIL_PORT = listening.port
        yield listening


def send(what: Parcel) -> list[Reply]:
    return parcels.send(email.WAY, what)


def to_partner(*messages: Any, **settings: str) -> Parcel:
    return parcel(*messages, settings={**SETTINGS, **settings})


def body_of(mail: smtp.Received) -> str:
    part = mail.message.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def rows_of(mail: smtp.Received) -> list[dict[str, str]]:
    [attached] = mail.message.iter_attachments()
    return list(csv.DictReader(io.StringIO(attached.get_content())))


def test_one_mail_tells_all(box: smtp.MailBox) -> None:
    messages = [
        withdrawal(1, ga_client_id="12.34"),
        withdrawal(2, due_at="2026-04-02T09:30:00+00:00", purposes=["analytics"]),
        withdrawal(3, type="device.erased"),
    ]
    replies = send(to_partner(*messages))
    [mail] = box.mails
    ticket = listing.digest(messages)[:32]
    assert {(reply.outcome, reply.ticket, reply.error) for reply in replies} == {
        (AttemptOutcome.ACCEPTED, ticket, "")
    }
    assert len(replies) == 3
    assert all(reply.check_after is None for reply in replies)
    assert mail.envelope_to == ("privacy@adco.example",)
    assert mail.message["To"] == "privacy@adco.example"
    assert mail.message["From"] == "かいもの <consent@shop.example>"
    assert mail.message["Message-ID"] == f"<{ticket}@shop.example>"
    assert mail.message["Auto-Submitted"] == "auto-generated"
    assert mail.message["Subject"].strip() == (
        "【かいもの】同意の取り消しのお知らせ（3件、期限 2026年4月2日（木）18:30（日本時間））"
    )
    body = body_of(mail)
    assert "3件（うち1件は、情報の消去のお求め" in body
    assert "item:activity.url, purpose:advertising, purpose:analytics" in body
    assert ticket in body
    assert [row["identifier"] for row in rows_of(mail)] == [
        "subject:subject0001",
        "ga_client_id:12.34",
        "subject:subject0002",
        "subject:subject0003",
    ]


def test_the_link_is_ours_and_says_what_the_mail_was_about(box: smtp.MailBox) -> None:
    [reply] = send(to_partner())
    [address] = re.findall(r"https://\S+", body_of(box.mails[0]))
    prefix = f"https://consent.shop.example{links.PATH}"
    assert address.startswith(prefix)
    link = links.read(address.removeprefix(prefix), keys=django_settings.CONSENT_KEYS, now=AT)
    assert link is not None
    assert (link.site_id, link.partner, link.ticket, link.messages, link.sent_at) == (
        1,
        "adco",
        reply.ticket,
        1,
        AT,
    )


def test_english_another_zone_and_an_address_for_questions(box: smtp.MailBox) -> None:
    send(
        to_partner(
            language="en",
            site_name="Shop",
            zone="Europe/Berlin",
            reply_to="privacy@shop.example",
        )
    )
    [mail] = box.mails
    assert mail.message["Subject"].strip() == (
        "[Shop] Consent withdrawn: 1 to act on, due Thu 2 Apr 2026, 17:00 (Europe/Berlin)"
    )
    assert mail.message["Reply-To"] == "privacy@shop.example"
    assert "Questions: privacy@shop.example" in body_of(mail)


def test_a_mail_that_is_sent_again_says_that_it_is_the_same(box: smtp.MailBox) -> None:
    one, two = withdrawal(1), withdrawal(2)
    first = send(to_partner(one, two))
    again = send(parcel(two, one, settings=SETTINGS, attempted_at=AT + timedelta(minutes=9)))
    other = send(to_partner(one))
    assert first[0].ticket == again[0].ticket != other[0].ticket
    ids = [mail.message["Message-ID"] for mail in box.mails]
    assert ids[0] == ids[1] != ids[2]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("site_name", "Shop\r\nBcc: everybody@example.net"),
        ("site_name", "Shop\nBcc: everybody@example.net"),
        ("to", "a@b.example\nBcc: c@d.example"),
        ("to", "a@b.example, c@d.example"),
        ("reply_to", "a@b.example\r\nBcc: c@d.example"),
        ("service_url", "https://consent.shop.example\n\nhttps://elsewhere.example"),
        ("service_url", "https://consent.shop.example/"),
        ("service_url", "javascript:alert(1)"),
        ("to", "-not-an-address"),
        ("language", "fr"),
        ("zone", "../etc/passwd"),
    ],
)
def test_settings_cannot_smuggle_anything_into_a_header(
    box: smtp.MailBox, name: str, value: str
) -> None:
    """The setting's pattern refuses it, and were it there all the same, no header would come."""
    [setting] = [one for one in email.PROFILE.settings if one.code == name]
    assert not re.fullmatch(setting.pattern, value)
    [reply] = send(to_partner(**{name: value}))
    for mail in box.mails:
        assert mail.message["Bcc"] is None
        assert "everybody@example.net" not in mail.envelope_to
        assert "c@d.example" not in mail.envelope_to
    assert (reply.outcome is AttemptOutcome.ACCEPTED) is bool(box.mails)


@pytest.mark.parametrize("value", ["a@b.example", "first.last+tag@mail.partner.co.jp"])
def test_addresses_that_are_taken(value: str) -> None:
    assert re.fullmatch(email._ADDRESS, value)


def test_examples_fit_their_own_patterns() -> None:
    for setting in email.PROFILE.settings:
        assert re.fullmatch(setting.pattern, setting.example), setting.code
        assert set(setting.label) == set(setting.help) == {"ja", "en"}


@pytest.mark.parametrize(
    ("command", "answer", "error", "outcome"),
    [
        ("RCPT", "550 5.1.1 no such person", "refused", AttemptOutcome.REJECTED),
        ("RCPT", "450 4.2.1 try later", "refused", AttemptOutcome.UNREACHABLE),
        ("DATA", "554 5.7.1 looks like spam", "refused", AttemptOutcome.REJECTED),
        ("DATA", "451 4.3.0 disk full", "refused", AttemptOutcome.UNREACHABLE),
    ],
)
def test_refusals_of_the_server(
    box: smtp.MailBox, command: str, answer: str, error: str, outcome: AttemptOutcome
) -> None:
    box.answers[command] = answer
    for reply in send(to_partner(withdrawal(1), withdrawal(2))):
        assert (reply.status, reply.error, reply.outcome, reply.ticket) == (
            None,
            error,
            outcome,
            "",
        )
    assert box.mails == []


def failure(settings: Any, **changes: Any) -> str:
    for name, value in changes.items():
        setattr(settings, name, value)
    [reply] = send(to_partner())
    assert reply.outcome is AttemptOutcome.UNREACHABLE
    assert reply.ticket == ""
    return reply.error


def test_a_login_that_is_needed_given_and_wrong(settings: Any) -> None:
    with smtp.listening(needs_login=True) as box:
        settings.EMAIL_PORT = box.port
        settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = smtp.USER, smtp.PASSWORD
        assert [reply.error for reply in send(to_partner())] == [""]
        assert failure(settings, EMAIL_HOST_PASSWORD="wrong") == "auth"
        settings.EMAIL_HOST_USER = ""
        [reply] = send(to_partner())
        assert (reply.error, reply.outcome) == ("refused", AttemptOutcome.REJECTED)
        assert len(box.mails) == 1


def test_encryption_that_is_missing_or_not_to_be_trusted(
    box: smtp.MailBox, settings: Any, tmp_path: Path
) -> None:
    assert failure(settings, EMAIL_USE_TLS=True) == "tls"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path, "localhost"))
    with smtp.listening(starttls=context) as encrypted:
        assert failure(settings, EMAIL_PORT=encrypted.port) == "tls"
        assert encrypted.mails == []


def test_a_server_that_is_away_silent_or_none(settings: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        assert failure(settings, EMAIL_PORT=port, EMAIL_TIMEOUT=0.2) == "timeout"
    assert failure(settings, EMAIL_PORT=port) == "connect"
    with socket.create_server(("127.0.0.1", 0)) as rude:

        def hang_up() -> None:
            connection, _ = rude.accept()
            connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        port = rude.getsockname()[1]
        assert failure(settings, EMAIL_PORT=port, EMAIL_TIMEOUT=5) == "disconnected"
        thread.join()


def test_nothing_is_tried_where_no_server_is_named(settings: Any) -> None:
    for changes in ({"EMAIL_HOST": ""}, {"EMAIL_HOST": "x", "DEFAULT_FROM_EMAIL": ""}):
        for name, value in changes.items():
            setattr(settings, name, value)
        [reply] = send(to_partner())
        assert (reply.error, reply.outcome) == ("mail_not_set_up", None)


def test_missing_settings_are_a_reply_too(box: smtp.MailBox) -> None:
    [reply] = send(parcel(settings={}))
    assert (reply.status, reply.error, box.mails) == (None, "KeyError", [])
