"""The page behind a mail's link: who may open it, what it says, and that only a button confirms."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from tests.factories.registry import SITE
from tests.integration.delivery.conftest import ADCO, RETARGETER, Tell, deliver
from tests.partner_apis import smtp
from tracking.delivery import acknowledge_operations, links, operations
from tracking.delivery.types import AcknowledgeLink, Transport
from tracking.outbox.models import OutboxEvent
from tracking.outbox.types import Outcome

pytestmark = pytest.mark.django_db

TICKET = "0123456789abcdef0123456789abcdef"


def mailed(tell: Tell, *, partner: str = ADCO, count: int = 2, ticket: str = TICKET) -> list[int]:
    """Events as the engine leaves them once the mail is handed over."""
    ids = [tell(partner=partner).pk for _ in range(count)]
    now = timezone.now()
    OutboxEvent.objects.filter(pk__in=ids).update(
        ticket=ticket,
        acked_version=1,
        accepted_at=now,
        outcome=Outcome.ACCEPTED,
        next_attempt_at=None,
    )
    return ids


def address(site_id: int, *, keys: Any = None, **changes: Any) -> str:
    link = AcknowledgeLink(
        **{
            "site_id": site_id,
            "partner": ADCO,
            "ticket": TICKET,
            "messages": 2,
            "sent_at": timezone.now() - timedelta(hours=1),
            **changes,
        }
    )
    return links.address(link, service_url="", keys=keys or settings.CONSENT_KEYS)


def press(url: str, outcome: str = "done", **how: Any) -> Any:
    return Client().post(url, {"outcome": outcome}, **how)


def outcomes() -> set[str]:
    return set(OutboxEvent.objects.values_list("outcome", flat=True))


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("ja", ["Adco Inc.（日本語）", "2件", "対応が終わりました", "該当する情報はありません"]),
        ("en", ["Adco Inc.", "It is done", "We hold nothing under these ids"]),
    ],
)
def test_it_says_what_the_mail_was_about(
    tell: Tell, site_id: int, language: str, words: list[str]
) -> None:
    mailed(tell)
    response = Client().get(address(site_id), headers={"Accept-Language": language})
    assert response.status_code == 200
    page = response.content.decode()
    assert f'<html lang="{language}"' in page
    for word in words:
        assert word in page
    assert "<script" not in page
    assert response.headers["Cache-Control"] == "private, no-store"
    assert response.headers["Referrer-Policy"] == "same-origin"
    assert "form-action 'self'" in response.headers["Content-Security-Policy"]


@pytest.mark.parametrize("method", ["get", "head"])
def test_opening_it_confirms_nothing(tell: Tell, site_id: int, method: str) -> None:
    mailed(tell)
    for _ in range(3):
        assert getattr(Client(), method)(address(site_id)).status_code == 200
    assert outcomes() == {Outcome.ACCEPTED}
    assert not OutboxEvent.objects.filter(confirmed_at__isnull=False).exists()


@pytest.mark.parametrize(
    ("button", "outcome"),
    [("done", Outcome.CONFIRMED), ("identifier_not_held", Outcome.IDENTIFIER_NOT_HELD)],
)
def test_a_button_confirms_all_of_the_mail_and_nothing_else(
    tell: Tell, site_id: int, button: str, outcome: Outcome
) -> None:
    ids = mailed(tell)
    other = mailed(tell, ticket="f" * 32) + mailed(tell, partner=RETARGETER)
    url = address(site_id)
    response = press(url, button, headers={"Accept-Language": "en"})
    assert (response.status_code, response.headers["Location"]) == (303, f"{url}?lang=en")
    page = Client().get(response.headers["Location"]).content.decode()
    assert "You told us on" in page
    assert "<button" not in page
    for event in OutboxEvent.objects.filter(pk__in=ids):
        assert event.outcome == outcome
        assert event.confirmed_at is not None
    for event in OutboxEvent.objects.filter(pk__in=other):
        assert (event.outcome, event.confirmed_at) == (Outcome.ACCEPTED, None)


def test_the_first_word_counts(tell: Tell, site_id: int) -> None:
    mailed(tell)
    url = address(site_id)
    press(url)
    first = set(OutboxEvent.objects.values_list("confirmed_at", flat=True))
    assert press(url, "identifier_not_held").status_code == 303
    assert outcomes() == {Outcome.CONFIRMED}
    assert set(OutboxEvent.objects.values_list("confirmed_at", flat=True)) == first


def test_a_newer_version_is_not_confirmed_by_an_older_mail(tell: Tell, site_id: int) -> None:
    mailed(tell, count=1)
    subject = OutboxEvent.objects.get().subject
    tell(subject=subject, version=2)
    url = address(site_id)
    assert "新しいメールに置きかわった" in Client().get(url).content.decode()
    assert press(url).status_code == 303
    event = OutboxEvent.objects.get()
    assert (event.acked_version, event.confirmed_at) == (1, None)


def test_what_is_left_of_a_mail_can_be_confirmed(tell: Tell, site_id: int) -> None:
    kept, replaced = mailed(tell)
    tell(subject=OutboxEvent.objects.get(pk=replaced).subject, version=2)
    press(address(site_id))
    assert OutboxEvent.objects.get(pk=kept).confirmed_at is not None
    assert OutboxEvent.objects.get(pk=replaced).confirmed_at is None


def test_links_that_are_not_ours_or_too_old_are_404(tell: Tell, site_id: int) -> None:
    mailed(tell)
    good = address(site_id)
    key_id, body, mac = good.rpartition("/")[2].split(".")
    for url in (
        f"{links.PATH}x",
        f"{links.PATH}{'x' * 2000}",
        f"{links.PATH}{key_id}.{body}.{mac[:-2]}AA",
        f"{links.PATH}{key_id}.{body[:-4]}.{mac}",
        f"{links.PATH}nokey.{body}.{mac}",
        f"{links.PATH}{key_id}.%E3%81%82.{mac}",
        good + ".x",
        address(site_id, keys={key_id: b"another key of 32 bytes or more!"}),
        address(site_id, sent_at=timezone.now() - timedelta(days=401)),
    ):
        assert Client().get(url).status_code == 404, url
        assert press(url).status_code == 404, url
    assert outcomes() == {Outcome.ACCEPTED}


def test_a_link_names_its_site(tell: Tell, site_id: int) -> None:
    mailed(tell)
    assert press(address(site_id + 1)).status_code == 303
    assert outcomes() == {Outcome.ACCEPTED}


def test_an_old_key_still_opens_what_it_signed(tell: Tell, site_id: int, settings: Any) -> None:
    mailed(tell)
    url = address(site_id)
    settings.CONSENT_KEYS = {"new1": b"n" * 32, **settings.CONSENT_KEYS}
    assert press(url).status_code == 303
    assert outcomes() == {Outcome.CONFIRMED}


@pytest.mark.parametrize("button", ["", "yes", "DONE"])
def test_another_button_is_asked_again(tell: Tell, site_id: int, button: str) -> None:
    mailed(tell)
    response = press(address(site_id), button)
    assert response.status_code == 400
    assert "まだ何も記録していません" in response.content.decode()
    assert outcomes() == {Outcome.ACCEPTED}


def test_a_foreign_page_cannot_press(tell: Tell, site_id: int) -> None:
    mailed(tell)
    client = Client(enforce_csrf_checks=True)
    assert client.post(address(site_id), {"outcome": "done"}).status_code == 403
    assert outcomes() == {Outcome.ACCEPTED}
    page = client.get(address(site_id))
    token = page.context["csrf_token"]
    answer = client.post(address(site_id), {"outcome": "done", "csrfmiddlewaretoken": str(token)})
    assert answer.status_code == 303


def test_other_methods_are_refused(site_id: int) -> None:
    assert Client().put(address(site_id)).status_code == 405


def test_without_the_database_it_says_that_nothing_was_recorded(
    site_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(**values: Any) -> None:
        raise OperationalError

    monkeypatch.setattr(acknowledge_operations, "acknowledge_mail", away)
    response = press(address(site_id))
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "5"
    assert "まだ何も記録していません" in response.content.decode()


@pytest.mark.filterwarnings("ignore:Session.login_data is deprecated")
def test_from_the_mail_to_the_partners_word(tell: Tell, settings: Any) -> None:
    events = [tell(), tell()]
    with smtp.listening() as box:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", box.port
        settings.DEFAULT_FROM_EMAIL = "consent@shop.example"
        operations.set_endpoint(
            site=SITE,
            partner=ADCO,
            url="",
            secret=None,
            keys=settings.CONSENT_KEYS,
            allow_loopback=True,
            transport=Transport.EMAIL,
            actor="ops",
            now=timezone.now(),
            settings={
                "to": "privacy@adco.example",
                "language": "en",
                "site_name": "Shop",
                "service_url": "https://consent.shop.example",
            },
        )
        deliver()
        # Another withdrawal within the hour waits for the next mail.
        tell()
        deliver()
    [mail] = box.mails
    part = mail.message.get_body(("plain",))
    assert part is not None
    [url] = re.findall(r"https://consent.shop.example(/\S+)", part.get_content())
    assert "<dd>2</dd>" in Client().get(f"{url}?lang=en").content.decode()
    press(url)
    for event in events:
        event.refresh_from_db()
        assert event.outcome == Outcome.CONFIRMED
    assert OutboxEvent.objects.filter(confirmed_at__isnull=True).count() == 1
