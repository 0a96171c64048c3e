"""The preference centre without any script, in both languages."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from tests.factories.registry import catalogue, publish
from tests.integration.preferences.pages import PAGE, Browser, forms_in
from tests.visitors import Visitor
from tracking.consents import operations as consents
from tracking.consents import queries as consent_queries
from tracking.consents.models import ConsentRecord, Device
from tracking.lib.short_memory import forget_everything
from tracking.notices.types import Notice
from tracking.outbox.models import OutboxEvent
from tracking.outbox.types import Outcome
from tracking.preferences import wording
from tracking.registry import operations as registry

pytestmark = pytest.mark.django_db


def granted(notice: Notice) -> set[str]:
    return {notice.ids[number] for number in Device.objects.get().granted}


def refused(notice: Notice) -> set[str]:
    return {notice.ids[number] for number in Device.objects.get().refused}


def test_nothing_is_ticked_before_a_decision(notice: Notice) -> None:
    form = Browser().open(PAGE).form("save")

    assert set(form.boxes) == notice.asked_ids
    assert not any(form.boxes.values())
    assert form.buttons == ["refuse", "save", "allow"]
    assert not Device.objects.exists()


@pytest.mark.parametrize(
    ("address", "accepts", "language", "words"),
    [
        (PAGE, "ja", "ja", "送る情報を選ぶ"),
        (PAGE, "en-GB,en;q=0.9,ja;q=0.1", "en", "Choose what is sent"),
        (PAGE, "fr", "ja", "送る情報を選ぶ"),
        (PAGE, "", "ja", "送る情報を選ぶ"),
        (f"{PAGE}?lang=en", "ja", "en", "Choose what is sent"),
        (f"{PAGE}?lang=xx", "en;q=nonsense, ja", "ja", "送る情報を選ぶ"),
    ],
)
def test_the_language_is_the_visitors(
    notice: Notice, address: str, accepts: str, language: str, words: str
) -> None:
    html = Browser(accepts).open(address).html

    assert f'<html lang="{language}">' in html
    assert words in re.sub(r"<wbr>", "", html)


def test_the_three_views_show_what_the_notice_says(notice: Notice) -> None:
    html = Browser("en").open(PAGE).html

    for words in ("Purposes", "Information", "Partners", "Adco Inc.", "United States", "processor"):
        assert words in html
    # Switching an item off says what follows from it.
    assert "Statco Inc. needs “activity.url”: it will be off too." in html
    # A necessary purpose is shown, cannot be switched and says why.
    assert "Always on (cannot be switched off)" in html
    assert "Needed to show again what you entered" in html
    assert "purpose:necessary" not in html


def test_each_button_does_what_it_says(notice: Notice) -> None:
    browser = Browser().open(PAGE).press("allow")
    assert granted(notice) == notice.asked_ids

    browser.open(PAGE).press("refuse")
    assert granted(notice) == set()
    assert refused(notice) == notice.asked_ids

    browser.open(PAGE).press("save", ticks={"purpose:analytics", "partner:statco"})
    assert granted(notice) == {"purpose:analytics", "partner:statco"}
    assert refused(notice) == notice.asked_ids - granted(notice)
    record = ConsentRecord.objects.order_by("-recorded_at").first()
    assert record is not None
    assert (record.method, record.surface, record.language) == ("choose", "page", "ja")
    boxes = browser.open(PAGE).form("save").boxes
    assert {box for box, is_on in boxes.items() if is_on} == granted(notice)


def test_saving_is_announced_and_kept_in_the_browser(notice: Notice) -> None:
    browser = Browser("en").open(PAGE).press("allow")

    assert '<p class="message ok" role="status">Saved.' in browser.html
    assert browser.client.cookies["cm_device"]["httponly"]
    assert browser.client.cookies["cm_choices"].value.startswith("1.1.")
    assert browser.response["Cache-Control"] == "private, no-store"


def test_the_message_cannot_be_made_up(notice: Notice) -> None:
    html = Browser("en").open(f"{PAGE}?saved=00000000-0000-0000-0000-000000000000").html

    assert "Saved" not in html
    assert "<form" in html


def test_history_names_when_what_and_on_which_wording(notice: Notice) -> None:
    browser = Browser().open(PAGE).press("allow").open(PAGE).press("refuse")
    html = browser.open(PAGE).html

    assert (
        len(
            re.findall(
                r"\d{4}年\d{1,2}月\d{1,2}日（[月火水木金土日]）\d{2}:\d{2}（日本時間）", html
            )
        )
        >= 2
    )
    assert "すべて許可" in html
    assert "必須のみ許可" in html
    assert "お知らせの第1版" in html


def test_a_withdrawal_shows_how_far_the_partners_are(notice: Notice) -> None:
    browser = Browser("en").open(PAGE).press("allow").open(PAGE).press("refuse")

    assert "Withdrawn. Nothing more is sent from this device." in browser.html
    assert "already received: 4." in browser.html
    assert "Adco Inc. will be told by" in browser.html
    assert '<meta http-equiv="refresh" content="5">' in browser.html
    address = browser.response.wsgi_request.get_full_path()
    assert '<meta http-equiv="refresh"' not in browser.open(f"{address}&still=1").html
    assert "See how it stands now" in browser.html
    # A refresh must not throw away ticks: the form is a page of its own.
    assert 'name="on"' not in browser.html
    assert '<meta http-equiv="refresh"' not in browser.open(PAGE).html


def test_the_progress_ends_when_everybody_confirmed(notice: Notice) -> None:
    browser = Browser("en").open(PAGE).press("allow").open(PAGE).press("refuse")
    address = browser.response.wsgi_request.get_full_path()
    for event in OutboxEvent.objects.all():
        event.acked_version = event.desired_version
        event.accepted_at = event.confirmed_at = event.due_at
        event.save()
    html = browser.open(address).html

    assert "Confirmed so far: 4" in html
    assert '<meta http-equiv="refresh"' not in html
    assert "Every partner has confirmed." in html


def test_an_overdue_partner_is_named(notice: Notice) -> None:
    browser = Browser("en").open(PAGE).press("allow").open(PAGE).press("refuse")
    address = browser.response.wsgi_request.get_full_path()
    event = OutboxEvent.objects.get(addressee="adco")
    event.due_at = event.due_at.replace(year=2025)
    event.save()
    html = browser.open(address).html

    assert "Adco Inc. has not been reached yet. Until it is, nothing is sent to it." in html


def settle(partner: str, outcome: Outcome) -> None:
    """Let a partner say its last word."""
    event = OutboxEvent.objects.get(addressee=partner)
    event.acked_version, event.outcome = event.desired_version, outcome
    event.accepted_at = event.confirmed_at = event.created_at
    event.next_attempt_at = None
    event.save()


@pytest.mark.parametrize(
    ("outcome", "label", "sentence"),
    [
        (
            Outcome.IDENTIFIER_NOT_HELD,
            "Nothing found there",
            "At Adco Inc., nothing was found that can be traced to this device.",
        ),
        (
            Outcome.NOT_NEEDED,
            "Nothing to do there",
            "There is nothing for Adco Inc. to do about this.",
        ),
    ],
)
def test_a_partner_that_has_nothing_is_no_success_and_keeps_nobody_waiting(
    notice: Notice, outcome: Outcome, label: str, sentence: str
) -> None:
    browser = Browser("en").open(PAGE).press("allow").open(PAGE).press("refuse")
    address = browser.response.wsgi_request.get_full_path()
    settle("adco", outcome)
    for partner in ("statco", "retargeter", "mailer"):
        settle(partner, Outcome.CONFIRMED)
    html = browser.open(address).html

    assert f'<li class="delivery {outcome}"><span class="status">{label}</span>' in html
    assert sentence in html
    assert "Confirmed so far: 3. At the others there is nothing left to do." in html
    assert "Every partner has confirmed." not in html
    assert '<meta http-equiv="refresh"' not in html
    assert "See the progress" not in browser.open(PAGE).html


def test_whom_we_cannot_reach_is_named_before_the_deadline(notice: Notice) -> None:
    browser = Browser("en").open(PAGE).press("allow").open(PAGE).press("refuse")
    address = browser.response.wsgi_request.get_full_path()
    OutboxEvent.objects.filter(addressee="adco").update(
        outcome=Outcome.UNREACHABLE, trying_since=timezone.now() - timedelta(minutes=61)
    )
    html = browser.open(address).html

    assert '<li class="delivery unreachable"><span class="status">Out of reach</span>' in html
    assert "Adco Inc. cannot be reached so far. We go on until it is." in html


def test_who_was_told_and_did_not_confirm_in_time_is_overdue(notice: Notice) -> None:
    browser = Browser().open(PAGE).press("allow").open(PAGE).press("refuse")
    address = browser.response.wsgi_request.get_full_path()
    event = OutboxEvent.objects.get(addressee="adco")
    OutboxEvent.objects.filter(pk=event.pk).update(
        acked_version=event.desired_version,
        outcome=Outcome.ACCEPTED,
        accepted_at=event.created_at,
        due_at=datetime(2025, 11, 22, 7, 30, tzinfo=UTC),
    )
    html = browser.open(address).html

    assert '<li class="delivery overdue">' in html
    told = "に伝えましたが、期限の2025年11月22日（土）16:30（日本時間）を過ぎても確認がありません。"
    assert told in html


def test_the_page_rests_when_only_people_can_change_something(notice: Notice) -> None:
    browser = Browser("en").open(PAGE).press("allow").open(PAGE).press("refuse")
    address = browser.response.wsgi_request.get_full_path()
    OutboxEvent.objects.update(state="dead", next_attempt_at=None)
    html = browser.open(address).html

    assert '<meta http-equiv="refresh"' not in html
    assert "Our staff will see to those out of reach." in html
    assert "See how it stands now" in html
    # It is not forgotten on the page of choices either.
    assert "See the progress" in browser.open(PAGE).html


def test_a_page_of_late_partners_renews_itself_more_slowly(notice: Notice) -> None:
    browser = Browser("en").open(PAGE).press("allow").open(PAGE).press("refuse")
    address = browser.response.wsgi_request.get_full_path()
    OutboxEvent.objects.update(due_at=datetime(2025, 1, 1, tzinfo=UTC))

    assert '<meta http-equiv="refresh" content="60">' in browser.open(address).html


def test_a_partial_withdrawal_does_not_say_that_all_sending_stopped(notice: Notice) -> None:
    browser = Browser("en").open(PAGE).press("allow").open(PAGE)
    browser.press("save", ticks=set(notice.asked_ids) - {"partner:adco"})

    assert "Nothing more is sent" not in browser.html
    assert "already received: 1." in browser.html


def test_a_purpose_that_cannot_run_yet_says_what_it_lacks(notice: Notice) -> None:
    browser = Browser("en").open(PAGE).press("save", ticks={"purpose:analytics"})

    assert granted(notice) == {"purpose:analytics"}
    assert "“analytics” also needs these:" in browser.html
    browser.press("add", ticks=set())
    assert granted(notice) == {
        "purpose:analytics", "partner:statco", "item:id.cookie", "item:activity.url",
    }  # fmt: skip
    assert "also needs these" not in browser.html


def test_what_runs_on_notice_alone_is_said_beside_its_switch(notice: Notice) -> None:
    browser = Browser("en")
    browser.client.cookies["cm_shown"] = "1"

    assert "this runs after notice was given" in browser.open(PAGE).html
    assert "this runs after notice was given" not in browser.press("refuse").open(PAGE).html


def test_the_privacy_signal_is_said_to_be_honoured(notice: Notice) -> None:
    assert "privacy signal (GPC) was honoured" in Browser("en", **{"Sec-GPC": "1"}).open(PAGE).html
    assert "privacy signal" not in Browser("en").open(PAGE).html


def test_a_form_without_its_token_records_nothing(notice: Notice) -> None:
    browser = Browser().open(PAGE)
    browser.client.cookies.clear()
    browser.press("allow")

    assert browser.response.status_code == 403
    assert "もう一度送ってください" in browser.html
    assert not Device.objects.exists()


def test_the_same_form_sent_twice_is_one_record(notice: Notice) -> None:
    browser = Browser().open(PAGE)
    form = browser.form("save")
    data = {**dict(form.fields), "on": [], "act": "refuse"}
    browser.send(PAGE, data).send(PAGE, data)

    assert ConsentRecord.objects.count() == 1


def test_going_back_and_pressing_another_button_is_another_decision(notice: Notice) -> None:
    """The old form still carries its key; a refusal pressed now must not look like a repeat."""
    browser = Browser().open(PAGE)
    data = dict(browser.form("save").fields)
    browser.send(PAGE, {**data, "act": "allow"})
    browser.send(PAGE, {**data, "act": "refuse"})

    assert granted(notice) == set()


def test_a_browser_whose_clock_runs_ahead_can_still_refuse(notice: Notice) -> None:
    browser = Browser()
    ahead = Visitor(notice, client=browser.client, seq=4_000_000_000_000)
    ahead.client.handler.enforce_csrf_checks = True
    ahead.allow()
    browser.open(PAGE).press("refuse")

    assert granted(notice) == set()


def test_a_forged_tick_does_not_keep_a_refusal_from_being_recorded(notice: Notice) -> None:
    Browser().open(PAGE).press("save", ticks={"purpose:spying", "partner:statco", "x" * 300})

    assert granted(notice) == {"partner:statco"}


@pytest.mark.parametrize(
    "changes",
    [{"act": "explode"}, {"notice": "77"}, {"notice": "x"}, {"notice": "9" * 400}, {"act": ""}],
)
def test_what_cannot_be_read_is_answered_with_the_page(
    notice: Notice, changes: dict[str, str]
) -> None:
    browser = Browser("en").open(PAGE).press("save", **changes)

    assert browser.response.status_code == 400
    assert "could not be read" in browser.html
    assert browser.form("save").boxes
    assert not Device.objects.exists()


def test_a_form_without_a_key_is_recorded_all_the_same(notice: Notice) -> None:
    Browser().open(PAGE).press("refuse", form_key="")

    assert refused(notice) == notice.asked_ids


def republish() -> None:
    """Publish version 2, in which one partner has another name."""
    changed = catalogue()
    changed["partners"][2]["legal_name"] = {"ja": "アドコ", "en": "Adco Global"}
    registry.apply_catalogue(catalogue=changed)
    publish()
    forget_everything()


def test_on_a_retired_notice_the_refusals_count_and_the_grants_do_not(notice: Notice) -> None:
    browser = Browser("en").open(PAGE)
    republish()
    browser.press("save", ticks={"purpose:analytics"})

    assert browser.response.status_code == 409
    assert "What you switched off was recorded." in browser.html
    assert granted(notice) == set()
    assert refused(notice) == notice.asked_ids - {"purpose:analytics"}
    assert "Adco Global" in browser.html
    # The form is the new notice's, so that the next press is accepted.
    browser.press("allow")
    assert granted(notice) == notice.asked_ids


def test_on_a_retired_notice_allowing_everything_changes_nothing(notice: Notice) -> None:
    browser = Browser("en").open(PAGE)
    republish()
    browser.press("allow")

    assert browser.response.status_code == 409
    assert "Your earlier settings are as they were." in browser.html
    assert not Device.objects.exists()


def test_a_refusal_on_a_retired_notice_is_recorded(notice: Notice) -> None:
    browser = Browser("en").open(PAGE)
    republish()
    browser.press("refuse")

    assert browser.response.status_code == 200
    assert refused(notice) == notice.asked_ids


def test_an_outdated_token_takes_away_and_does_not_grant(notice: Notice) -> None:
    browser = Browser("en").open(PAGE).press("allow")
    old = browser.client.cookies["cm_device"].value
    browser.open(PAGE).press("save", ticks={"purpose:analytics"})
    browser.client.cookies["cm_device"] = old
    before = granted(notice)

    browser.open(PAGE).press("allow")
    assert browser.response.status_code == 409
    assert granted(notice) == before
    assert browser.response.cookies["cm_device"].value == ""

    browser.client.cookies["cm_device"] = old
    browser.open(PAGE).press("refuse")
    assert "What you switched off was recorded." in browser.html
    assert granted(notice) == set()


def test_the_database_away_loses_nothing(notice: Notice, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = Browser("en").open(PAGE)

    def away(**_: Any) -> None:
        raise OperationalError("away")

    with monkeypatch.context() as patch:
        patch.setattr(consents, "record_consent", away)
        browser.press("save", ticks={"purpose:analytics"})
    assert browser.response.status_code == 503
    assert browser.response["Retry-After"] == "5"
    assert "Nothing was lost" in browser.html
    assert "<title>We cannot record it right now</title>" in browser.html

    # The answer waits in the page itself and is sent with one press.
    (retry,) = forms_in(browser.html)
    browser.send(PAGE, {**dict(retry.fields), "on": [v for n, v in retry.fields if n == "on"]})
    assert granted(notice) == {"purpose:analytics"}


def test_reading_while_the_database_is_away_says_so(
    notice: Notice, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(**_: Any) -> None:
        raise OperationalError("away")

    monkeypatch.setattr(consent_queries, "list_receipts", away)
    browser = Browser("ja").open(PAGE)

    assert browser.response.status_code == 503
    assert "何も失われていません" in browser.html


def test_an_unknown_site_is_not_found_in_our_own_words(db: None) -> None:
    browser = Browser().open("/preferences/nowhere/")

    assert browser.response.status_code == 404
    assert "ページが見つかりません" in browser.html
    assert "Page not found" in browser.html


def test_planted_cookies_are_not_believed(notice: Notice) -> None:
    browser = Browser("en").open(PAGE).press("allow")
    token = browser.client.cookies["cm_device"].value
    response = browser.client.get(
        PAGE, headers={"Cookie": f"cm_device={token}; cm_device=planted", "Accept-Language": "en"}
    )

    assert "You have not chosen yet" in response.content.decode()


def test_the_page_needs_no_script_and_no_inline_style(notice: Notice) -> None:
    browser = Browser().open(PAGE)

    assert "<script" not in browser.html
    assert "style=" not in browser.html
    assert "'unsafe-inline'" not in browser.response["Content-Security-Policy"]
    assert 'name="viewport" content="width=device-width, initial-scale=1"' in browser.html


def test_the_pages_reads_are_few(notice: Notice, django_assert_num_queries: Any) -> None:
    browser = Browser().open(PAGE)
    forget_everything()
    with django_assert_num_queries(5):
        browser.open(PAGE)
    browser.press("allow").open(PAGE).press("refuse")
    forget_everything()
    with django_assert_num_queries(18):
        browser.open(PAGE)


def test_times_are_written_in_the_sites_zone() -> None:
    from datetime import UTC, datetime

    at = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)

    assert wording.moment(at=at, zone="Asia/Tokyo", language="ja").text == (
        "2026年11月23日（月）00:00（日本時間）"
    )
    assert wording.moment(at=at, zone="Europe/Berlin", language="en").text == (
        "Sun 22 Nov 2026, 16:00 (Europe/Berlin)"
    )


def test_the_pages_words_are_there_in_both_languages() -> None:
    japanese, english = wording.texts(language="ja"), wording.texts(language="en")

    assert set(japanese) == set(english)
    assert all(japanese.values())
    assert all(english.values())
    assert wording.texts(language="fr") is english
