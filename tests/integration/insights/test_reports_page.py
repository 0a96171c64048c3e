"""Who may enter an address for reports, try it and stop it, in the console."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from tests.factories.people import signed_in
from tests.factories.registry import SITE
from tests.partner_apis import smtp
from tracking.audit.models import Entry
from tracking.insights import models
from tracking.notices.types import Notice

pytestmark = pytest.mark.django_db

PAGE = f"/console/reports/?site={SITE}&lang=en"
FORM = {
    "email": "ops@shop.example",
    "every": "weekly",
    "hour": "9",
    "language": "ja",
    "lang": "en",
}


@pytest.fixture
def marketing(notice: Notice) -> Client:
    return signed_in("marketing")


@pytest.fixture
def server(settings: Any) -> Iterator[smtp.MailBox]:
    with smtp.listening() as box:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", box.port
        settings.DEFAULT_FROM_EMAIL = "Shop <no-reply@shop.example>"
        yield box


def add(client: Client, **changes: str) -> Any:
    return client.post(f"/console/reports/{SITE}/add/", {**FORM, **changes})


def number() -> int:
    return models.ReportSubscription.objects.latest("id").id


def test_an_address_is_entered_tried_and_stopped(marketing: Client, server: smtp.MailBox) -> None:
    assert "no address yet" in marketing.get(PAGE).content.decode()
    answer = add(marketing)
    assert (answer.status_code, answer["Location"]) == (302, "/console/reports/?lang=en&site=shop")
    html = marketing.get(PAGE).content.decode()
    assert "ops@shop.example" in html
    assert "Every Monday" in html
    assert "Nothing sent yet" in html
    row = models.ReportSubscription.objects.get()
    assert (row.owner, row.origin) == ("marketing", "http://testserver")

    tried = marketing.post(f"/console/reports/{row.id}/test/", {"lang": "en", "site": SITE})
    assert tried.status_code == 302
    assert "junk" in marketing.get(PAGE).content.decode()
    (mail,) = server.mails
    assert "確認用" in str(mail.message["Subject"])
    row.refresh_from_db()
    assert row.failure == ""

    marketing.post(f"/console/reports/{row.id}/stop/", {"lang": "en", "site": SITE})
    html = marketing.get(PAGE).content.decode()
    assert "ops@shop.example" not in html
    entries = Entry.objects.filter(action__startswith="report.").order_by("id")
    assert [one.action for one in entries] == ["report.created", "report.tested", "report.stopped"]
    # The log is for good; an address is not.
    assert "ops@" not in str(list(entries.values()))


def test_what_is_wrong_is_said_beside_it_and_nothing_is_lost(marketing: Client) -> None:
    answer = add(marketing, email="nobody", hour="12")
    html = answer.content.decode()

    assert answer.status_code == 400
    assert "This is not a mail address." in html
    assert 'value="nobody"' in html
    assert '<option value="12" selected>' in html
    add(marketing)
    assert "gets a report of this site already" in add(marketing).content.decode()
    assert add(marketing, every="x", hour="x", language="x").status_code == 400
    assert models.ReportSubscription.objects.count() == 1
    assert marketing.post("/console/reports/nowhere/add/", FORM).status_code == 404


def test_marketing_sees_and_stops_what_it_entered_itself(marketing: Client) -> None:
    add(marketing)
    another = signed_in("marketing", "another")

    assert "ops@shop.example" not in another.get(PAGE).content.decode()
    for act in ("test", "stop"):
        assert another.post(f"/console/reports/{number()}/{act}/").status_code == 404
    assert models.ReportSubscription.objects.count() == 1


def test_privacy_sees_and_stops_everybodys(marketing: Client) -> None:
    add(marketing)
    privacy = signed_in("privacy")

    assert "ops@shop.example" in privacy.get(PAGE).content.decode()
    assert privacy.post(f"/console/reports/{number()}/stop/").status_code == 302
    assert not models.ReportSubscription.objects.exists()


def test_an_auditor_only_looks(marketing: Client) -> None:
    add(marketing)
    auditor = signed_in("auditor")
    html = auditor.get(PAGE).content.decode()

    assert "ops@shop.example" in html
    assert 'type="email"' not in html
    assert "/stop/" not in html
    assert add(auditor, email="b@shop.example").status_code == 403
    assert auditor.post(f"/console/reports/{number()}/stop/").status_code == 403


def test_others_and_strangers_stay_outside(marketing: Client) -> None:
    developer = signed_in("developer")

    assert developer.get(PAGE).status_code == 403
    assert add(developer).status_code == 403
    assert Client().get(PAGE).status_code == 302
    assert add(Client()).status_code == 302
    assert not models.ReportSubscription.objects.exists()


def test_without_a_mail_server_it_says_so(marketing: Client, settings: Any) -> None:
    settings.EMAIL_HOST = ""
    add(marketing)

    assert "There is no mail server yet" in marketing.get(PAGE).content.decode()
    marketing.post(f"/console/reports/{number()}/test/", {"lang": "en", "site": SITE})
    assert "did not take it" in marketing.get(PAGE).content.decode()


def test_a_failed_mail_is_seen(marketing: Client, server: smtp.MailBox) -> None:
    add(marketing)
    for failure, words in (("away", "could not be reached"), ("refused", "did not take it")):
        models.ReportSubscription.objects.update(failure=failure, failed_at="2026-05-18T00:00Z")
        assert words in marketing.get(PAGE).content.decode()


@pytest.mark.parametrize(("language", "words"), [("ja", "レポートのメール"), ("en", "Reports by")])
def test_the_page_is_in_both_languages(marketing: Client, language: str, words: str) -> None:
    add(marketing)
    html = marketing.get(f"/console/reports/?lang={language}").content.decode()

    assert words in html
    assert "style=" not in html
    assert marketing.get("/console/reports/?site=%00").status_code == 200


def test_without_a_site_it_teaches(db: None) -> None:
    assert (
        "サイトがまだありません" in signed_in("marketing").get("/console/reports/").content.decode()
    )
