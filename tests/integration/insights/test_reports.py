"""Reports and alerts by mail: what is in them, that each comes, and how they are stopped."""

from __future__ import annotations

import csv
import io
import re
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client

from tests.factories.counts import close_days, count_day
from tests.factories.registry import SITE
from tests.partner_apis import smtp
from tracking.audit.models import Entry
from tracking.insights import (
    alert_operations,
    mailing,
    models,
    subscription_operations,
    subscription_queries,
)
from tracking.insights.subscriptions import Subscription
from tracking.notices.types import Notice

pytestmark = pytest.mark.django_db

ORIGIN = "https://consent.shop.example"
DAY = timedelta(days=1)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
MONDAY = date(2026, 5, 11)
# Wednesday noon, in Japan.
CREATED = datetime(2026, 5, 13, 3, 0, tzinfo=UTC)
# The Monday after, at nine.
DUE = datetime(2026, 5, 18, 0, 0, tzinfo=UTC)


@pytest.fixture
def server(settings: Any) -> Iterator[smtp.MailBox]:
    with smtp.listening() as box:
        use(settings, box.port)
        yield box


def use(settings: Any, port: int) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
    settings.DEFAULT_FROM_EMAIL = "Shop <no-reply@shop.example>"


def subscribe(**changes: Any) -> Subscription:
    return subscription_operations.create_subscription(
        **{
            "site_code": SITE,
            "email": "ops@shop.example",
            "language": "en",
            "every": "weekly",
            "hour": "9",
            "origin": ORIGIN,
            "owner": "mika",
            "now": CREATED,
            **changes,
        }
    )


@pytest.fixture
def numbers(notice: Notice) -> None:
    """Two weeks: 400 of 1,000 a day allow everything, and 300 in the second one."""
    for back in range(1, 8):
        count_day(notice, MONDAY - back * DAY, shown=1000, allowed=400, refused=500)
    for ahead in range(7):
        count_day(notice, MONDAY + ahead * DAY, shown=1000, allowed=300, refused=600)
    close_days(MONDAY + 6 * DAY)


def parts(mail: smtp.Received) -> tuple[str, str, str]:
    plain = mail.message.get_body(("plain",))
    html = mail.message.get_body(("html",))
    (attached,) = mail.message.iter_attachments()
    assert plain is not None
    assert html is not None
    return plain.get_content(), html.get_content(), attached.get_content()


def test_a_report_comes_at_its_hour_and_once(numbers: None, server: smtp.MailBox) -> None:
    subscribe()

    assert mailing.send_due(now=DUE - MINUTE) == 0
    assert mailing.send_due(now=DUE) == 1
    assert mailing.send_due(now=DUE + 10 * MINUTE) == 0
    (mail,) = server.mails
    assert mail.envelope_to == ("ops@shop.example",)
    assert mail.message["From"] == "Shop <no-reply@shop.example>"
    assert (
        str(mail.message["Subject"]).strip()
        == "Shop: opt-in rates, Mon 11 May 2026 – Sun 17 May 2026"
    )
    assert mailing.send_due(now=DUE + 7 * DAY) == 1


def test_a_report_tells_both_periods_and_what_changed(numbers: None, server: smtp.MailBox) -> None:
    subscribe()
    mailing.send_due(now=DUE)
    plain, html, _ = parts(server.mails[0])

    for text in (plain, html):
        assert "fell from 40.0% to 30.0%, by 10.0 points" in text
        # 2,100 of 7,000 shown and of 6,300 decided.
        for number in ("30.0%", "28.9–31.1%", "33.3%", "2,100", "7,000", "−10.0", "not noise"):
            assert number in text, number
        assert "95% interval" in text
        assert f"{ORIGIN}/reports/stop/" in text
        # The first day on which it fell, with its answer.
        assert "Why did advertising fall on Mon 11 May?" in text
        assert text.count("Mostly, what people decided has changed.") == 1
    assert "of those who decided: 33.3% 32.2–34.5% | Before 44.4% | −11.1\r\n" in plain
    assert f"{ORIGIN}/console/?site=shop&days=7&until=2026-05-17&lang=en" in plain


@pytest.mark.parametrize(("language", "words"), [("ja", "同意率"), ("en", "Opt-in rate")])
def test_a_report_is_in_the_language_asked_for(
    numbers: None, server: smtp.MailBox, language: str, words: str
) -> None:
    subscribe(language=language)
    mailing.send_due(now=DUE)
    plain, html, _ = parts(server.mails[0])

    assert words in plain
    assert f'<html lang="{language}">' in html
    if language == "ja":
        assert "2026年5月11日（月）〜2026年5月17日（日）" in server.mails[0].message["Subject"]
        assert "40.0%から30.0%へ、10.0ポイント下がりました" in plain


def test_a_mail_asks_nothing_of_the_network(numbers: None, server: smtp.MailBox) -> None:
    subscribe()
    mailing.send_due(now=DUE)
    _, html, _ = parts(server.mails[0])

    assert not re.search(r"<(img|script|link|iframe|object)|url\(|@import|background=", html)
    addresses = set(re.findall(r'(?:href|src)="([^"]+)"', html))
    assert {re.sub(r"[?].*|[0-9a-f-]{36}", "", one) for one in addresses} == {
        f"{ORIGIN}/console/", f"{ORIGIN}/console/why/", f"{ORIGIN}/reports/stop/",
    }  # fmt: skip


def test_the_csv_adds_up_to_the_mail(numbers: None, server: smtp.MailBox) -> None:
    subscribe()
    mailing.send_due(now=DUE)
    _, html, text = parts(server.mails[0])
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))

    assert len(rows) == 7
    sums = {
        column: sum(int(row[column] or 0) for row in rows) for column in rows[0] if column != "day"
    }
    assert sums["shown"] == sums["analytics_shown"] == 7000
    assert sums["decided"] == sums["analytics_decided"] == 6300
    assert sums["allowed"] == sums["analytics_granted"] == 2100
    for number in (sums["shown"], sums["decided"], sums["allowed"]):
        assert f"{number:,}" in html


def test_few_people_are_in_no_mail(notice: Notice, server: smtp.MailBox) -> None:
    count_day(notice, MONDAY, shown=13, allowed=7, refused=6)
    close_days(MONDAY)
    subscribe()
    mailing.send_due(now=DUE)
    plain, html, text = parts(server.mails[0])
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))

    assert "Allowed all: <10" in plain
    assert "&lt;10" in html
    (day,) = [row for row in rows if row["day"] == MONDAY.isoformat()]
    # Neither the seven nor what they could be told from.
    assert (day["shown"], day["refused"], day["allowed"]) == ("13", "", "")
    assert day["analytics_granted"] == ""


def test_every_period_comes_also_after_a_long_silence(
    numbers: None, server: smtp.MailBox, settings: Any
) -> None:
    subscribe(every="daily")
    settings.EMAIL_HOST = ""
    assert mailing.send_due(now=CREATED + 3 * DAY) == 0
    settings.EMAIL_HOST = "127.0.0.1"

    # Those of Wednesday to Saturday; Sunday's is due at nine.
    assert mailing.send_due(now=datetime(2026, 5, 17, 1, 0, tzinfo=UTC)) == 4
    assert [mail.message["Subject"][-15:] for mail in server.mails] == [
        "Wed 13 May 2026", "Thu 14 May 2026", "Fri 15 May 2026", "Sat 16 May 2026",
    ]  # fmt: skip


def test_a_report_waits_until_its_days_are_told_but_not_for_ever(
    notice: Notice, server: smtp.MailBox
) -> None:
    count_day(notice, MONDAY + 6 * DAY, shown=1000, allowed=300, refused=600)
    subscribe()

    assert mailing.send_due(now=DUE) == 0
    assert mailing.send_due(now=DUE + 6 * HOUR) == 1


# --- the mail server


def test_a_mail_server_that_is_away_is_tried_again(
    numbers: None, server: smtp.MailBox, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    subscribe()
    subscribe(email="another@shop.example")
    settings.EMAIL_PORT = 1

    assert mailing.send_due(now=DUE) == 0
    failed = [one.failure for one in models.ReportSubscription.objects.order_by("id")]
    # Waiting for it once is enough.
    assert failed == ["away", ""]
    settings.EMAIL_PORT = server.port
    assert mailing.send_due(now=DUE + 10 * MINUTE) == 2
    assert not models.ReportSubscription.objects.exclude(failure="").exists()
    said = [one.getMessage() for one in caplog.records if one.name.startswith("tracking")]
    assert len(said) == 1
    assert "ConnectionRefusedError" in said[0]
    assert "shop.example" not in said[0]


def test_an_address_that_is_refused_holds_up_nobody(
    numbers: None, server: smtp.MailBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = subscribe(email="wrong@shop.example")
    subscribe()
    usual = server.handle_RCPT

    async def refuse(*args: Any) -> str:
        return "550 no such person" if args[3] == wrong.email else await usual(*args)

    monkeypatch.setattr(server, "handle_RCPT", refuse)
    assert mailing.send_due(now=DUE) == 1
    row = models.ReportSubscription.objects.get(pk=wrong.id)
    assert (row.failure, row.failed_at) == ("refused", DUE)

    # It rests for an hour, and loses nothing.
    monkeypatch.undo()
    assert mailing.send_due(now=DUE + 50 * MINUTE) == 0
    assert mailing.send_due(now=DUE + HOUR) == 1


def test_a_crash_between_sends_the_same_mail_again(
    numbers: None, server: smtp.MailBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscribe()

    def die(**_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(subscription_operations, "note_report", die)
        with pytest.raises(KeyboardInterrupt):
            mailing.send_due(now=DUE)
    assert mailing.send_due(now=DUE + 10 * MINUTE) == 1
    first, second = server.mails
    assert first.message["Message-ID"] == second.message["Message-ID"]
    assert str(first.message["Message-ID"]).endswith("@shop.example>")


@pytest.mark.django_db(transaction=True)
def test_of_several_beats_one_sends(numbers: None, server: smtp.MailBox) -> None:
    for name in ("a", "b", "c"):
        subscribe(email=f"{name}@shop.example")
    gate = threading.Barrier(4)
    sent: list[int] = []

    def send() -> None:
        try:
            gate.wait()
            sent.append(mailing.send_due(now=DUE))
        finally:
            connection.close()

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(sent) == 3
    assert sorted(mail.envelope_to[0][0] for mail in server.mails) == ["a", "b", "c"]


# --- alerts


def find_fall(notice: Notice) -> None:
    """Have the rates of Wednesday fall."""
    day = MONDAY + 2 * DAY
    for weeks, allowed in enumerate((200, 400, 405)):
        count_day(notice, day - 7 * weeks * DAY, shown=1000, allowed=allowed, refused=500)
    close_days(day)
    alert_operations.look_for_alerts(now=CREATED + DAY)


def test_an_alert_is_mailed_once_to_each_address(notice: Notice, server: smtp.MailBox) -> None:
    subscribe()
    subscribe(email="ja@shop.example", language="ja")
    find_fall(notice)

    assert mailing.send_due(now=CREATED + DAY) == 2
    alert_operations.look_for_alerts(now=CREATED + DAY + 10 * MINUTE)
    assert mailing.send_due(now=CREATED + DAY + 10 * MINUTE) == 0
    english, japanese = server.mails
    assert english.message["Subject"] == "Shop: An opt-in rate fell"
    assert "許可率が下がりました" in japanese.message["Subject"]
    body = english.message.get_body(("plain",))
    assert body is not None
    assert "- analytics: from 40.2% (2 days) to 20.0%, 20.2 points less" in body.get_content()
    assert list(english.message.iter_attachments()) == []


def test_who_comes_later_is_not_told_of_old_alerts(notice: Notice, server: smtp.MailBox) -> None:
    find_fall(notice)
    subscribe()

    assert mailing.send_due(now=CREATED + DAY) == 0


def test_an_alert_that_ended_is_not_mailed_any_more(notice: Notice, server: smtp.MailBox) -> None:
    subscribe()
    find_fall(notice)
    models.Alert.objects.update(ended_at=CREATED + 2 * DAY)

    assert mailing.send_due(now=CREATED + 2 * DAY) == 0


def test_a_rate_that_rose_waits_for_the_report(notice: Notice, server: smtp.MailBox) -> None:
    subscribe()
    models.Alert.objects.create(
        site_id=notice.site_id,
        kind="rate_rose",
        subject="analytics",
        facts={
            "day": "2026-05-13", "granted": 500, "shown": 1000,
            "granted_before": 800, "shown_before": 2000, "weeks": 2,
        },
        first_seen_at=CREATED + DAY,
        last_seen_at=CREATED + DAY,
    )  # fmt: skip

    assert mailing.send_due(now=CREATED + DAY) == 0
    assert mailing.send_due(now=DUE) == 1
    assert "An opt-in rate rose" in parts(server.mails[0])[0]


# --- stopping


def test_a_mail_program_stops_it_with_one_click(numbers: None, server: smtp.MailBox) -> None:
    """RFC 8058: a POST without cookies, whose body says so, to the https address of the header."""
    subscribe()
    mailing.send_due(now=DUE)
    message = server.mails[0].message
    address = str(message["List-Unsubscribe"]).replace("\r\n", "").replace(" ", "")
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert address.startswith(f"<{ORIGIN}/reports/stop/")

    path = address.strip("<>").removeprefix(ORIGIN)
    client = Client(enforce_csrf_checks=True)
    answer = client.post(
        path, "List-Unsubscribe=One-Click", content_type="application/x-www-form-urlencoded"
    )
    assert answer.status_code == 200
    assert not answer.cookies
    assert not models.ReportSubscription.objects.exists()
    assert mailing.send_due(now=DUE + 7 * DAY) == 0
    assert client.post(path, {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert client.get(path).status_code == 404
    entry = Entry.objects.get(action="report.stopped")
    assert (entry.actor, entry.site, entry.details) == ("link in a mail", SITE, {})


def test_looking_at_the_link_stops_nothing(notice: Notice) -> None:
    to = subscribe()
    path = f"/reports/stop/{to.stop_key}"

    answer = Client().get(path, headers={"Accept-Language": "en"})
    assert "Stop the mails" in answer.content.decode()
    assert answer["Cache-Control"] == "private, no-store"
    assert Client().head(path).status_code == 200
    assert "レポートのメールを止める" in Client().get(f"{path}?lang=ja").content.decode()
    assert subscription_queries.find_by_key(stop_key=to.stop_key) is not None
    assert Client().get(f"/reports/stop/{UUID(int=1)}").status_code == 404


# --- PostgreSQL


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"language": "fr"}, "report_language"),
        ({"every": "hourly"}, "report_every_known"),
        ({"hour": 24}, "report_hour_of_day"),
        ({"failure": "away"}, "report_failure_known"),
        ({"failed_at": CREATED}, "report_failure_known"),
        ({"failed_at": CREATED, "failure": "rain"}, "report_failure_known"),
    ],
)
def test_postgres_refuses_subscriptions_that_cannot_be(
    notice: Notice, changes: dict[str, Any], constraint: str
) -> None:
    to = subscribe()
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        models.ReportSubscription.objects.filter(pk=to.id).update(**changes)


def test_an_address_gets_a_site_once(notice: Notice) -> None:
    subscribe()
    with pytest.raises(subscription_operations.SubscriptionInvalid) as caught:
        subscribe(email="OPS@shop.example", every="daily")
    assert caught.value.fields == {"email": "taken"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "nobody"), ("email", "a@b.example\nBcc: c@d.example"),
        ("email", f"{'a' * 60}@{'b' * 60}.{'c' * 60}.{'d' * 60}.{'e' * 60}.example"),
        ("language", "fr"), ("every", "hourly"), ("hour", "24"), ("hour", "-1"), ("hour", ""),
    ],
)  # fmt: skip
def test_what_cannot_be_sent_is_not_entered(notice: Notice, field: str, value: str) -> None:
    with pytest.raises(subscription_operations.SubscriptionInvalid) as caught:
        subscribe(**{field: value})
    assert caught.value.fields == {field: "wrong"}
    assert not models.ReportSubscription.objects.exists()


def test_a_claim_lasts_as_long_as_its_transaction() -> None:
    with pytest.raises(RuntimeError):
        # The test's own transaction is not the claim's.
        _outside(lambda: subscription_operations.claim(subscription_id=1))


def _outside(act: Any) -> None:
    failures: list[BaseException] = []

    def run() -> None:
        try:
            act()
        except BaseException as error:  # noqa: BLE001
            failures.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    raise failures[0]
