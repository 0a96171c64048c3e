"""The ledgers' page: who may open it, what it counts, what leaves the house."""

from __future__ import annotations

import csv
import io
import json
import re
import secrets
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from consentmgr.roles import ROLES
from tests.factories.registry import SITE, catalogue, make_site, partner, purpose, tag, text
from tests.integration.ledgers.people import signed_in
from tests.visitors import Visitor
from tracking.audit.models import Entry
from tracking.consents.models import ConsentRecord, Device
from tracking.ledgers import page, rules
from tracking.notices.types import Notice
from tracking.registry.models import LawfulException, Tag

pytestmark = pytest.mark.django_db

PAGE = "/console/ledgers/"
MONTH = f"{timezone.now():%Y-%m}"
MAY_READ = {"privacy", "auditor"}


@pytest.fixture
def notice(db: None) -> Notice:
    partners = [
        partner("adco", address=text("1 Ad Street"), representative=text("A. Director"))
        if one["code"] == "adco"
        else one
        for one in catalogue()["partners"]
    ]
    return make_site(
        partners=partners,
        purposes=[*catalogue()["purposes"], purpose("safety", "functional")],
        tags=[
            *catalogue()["tags"],
            tag("report", "mailer", ["safety"], transport="server", name=text("Report")),
        ],
    )


def get(role: str = "privacy", query: str = "") -> str:
    response = signed_in(role).get(f"{PAGE}?lang=en&site={SITE}{query}")
    assert response.status_code == 200
    return str(response.content.decode())


def export(role: str = "privacy", **fields: str) -> Any:
    body = {"lang": "en", "partner": "adco", "format": "csv", **fields}
    return signed_in(role).post(f"{PAGE}{SITE}/export/", body)


def content(response: Any) -> str:
    assert response.status_code == 200, response
    return b"".join(response.streaming_content).decode()


def table(response: Any) -> list[dict[str, str]]:
    written = content(response)
    assert written.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(written[1:])))


def erase(visitor: Visitor) -> None:
    body = {"idempotency_key": secrets.token_urlsafe(16), "surface": "page", "language": "ja"}
    assert visitor.post("/v1/erasures", {"site": SITE, **body}).status_code == 201


# --- who may


@pytest.mark.parametrize("role", ROLES)
def test_privacy_and_auditor_open_the_ledgers(notice: Notice, role: str) -> None:
    client = signed_in(role)

    assert client.get(PAGE).status_code == (200 if role in MAY_READ else 403)
    assert (f'href="{PAGE}' in client.get("/console/").content.decode()) == (role in MAY_READ)
    for address in ("export", "receipt"):
        allowed = client.post(f"{PAGE}{SITE}/{address}/").status_code != 403
        assert allowed == (role in MAY_READ)
    may_approve = client.post(f"{PAGE}{SITE}/exceptions/").status_code != 403
    assert may_approve == (role == "privacy")


def test_both_languages_have_the_same_words() -> None:
    assert page.texts("ja").keys() == page.texts("en").keys()
    for group in ("bases", "faults"):
        assert page.texts("ja")[group].keys() == page.texts("en")[group].keys()


def test_without_a_site_there_is_a_page(db: None) -> None:
    assert "There is no site yet" in signed_in("privacy").get(f"{PAGE}?lang=en").content.decode()


# --- numbers


@pytest.mark.parametrize(
    ("count", "told"), [(0, 0), (1, None), (9, None), (10, 10), (12_345, 12_345)]
)
def test_small_numbers_are_not_told(count: int, told: int | None) -> None:
    assert rules.tell(count) == told


def test_devices_are_counted_when_somebody_asks(notice: Notice) -> None:
    for _ in range(10):
        Visitor(notice).allow()
    Visitor(notice).choose(
        granted={"purpose:advertising", "partner:mailer", "item:id.cookie"}, refused=set()
    )

    assert '<td data-label="Devices">' not in get()
    html = get(query=f"&count=1&since={MONTH}&until={MONTH}")

    assert '<th scope="row">Adco Inc.</th><td data-label="Devices">10</td>' in html
    assert '<th scope="row">Mailer Inc.</th><td data-label="Devices">11</td>' in html


def test_few_devices_are_not_told_and_a_month_without_any_says_so(notice: Notice) -> None:
    Visitor(notice).allow()

    html = get(query=f"&count=1&since={MONTH}")
    assert '<td data-label="Devices">fewer than 10</td>' in html
    assert "Nothing could be given in this period." in get(query="&count=1&until=2020-01")


@pytest.mark.parametrize("query", ["since=2026-13", "since=x", "since=2026-05&until=2026-04"])
def test_a_period_that_is_none_is_said(notice: Notice, query: str) -> None:
    html = get(query=f"&count=1&{query}")

    assert "Write months like 2026-11, the first before the last." in html
    assert 'data-label="Devices"' not in html


def test_what_is_kept_past_erasures_is_counted_apart(notice: Notice) -> None:
    for _ in range(10):
        visitor = Visitor(notice)
        visitor.allow()
        erase(visitor)

    html = get(query="&count=1")

    assert (
        '<th scope="row">Adco Inc.</th><td data-label="Devices">0</td>'
        '<td data-label="Lines kept past erasures">10</td>' in html
    )


# --- files


def test_a_file_has_rule_28_s_items_in_each_line(notice: Notice) -> None:
    Visitor(notice).allow()

    response = export()

    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"].startswith('attachment; filename="shop-adco-')
    assert response["Cache-Control"] == "private, no-store"
    [line] = table(response)
    assert line["number"] == "1"
    assert (line["recipient_name"], line["recipient_address"]) == ("Adco Inc.", "1 Ad Street")
    assert line["recipient_representative"] == "A. Director"
    assert (line["data_items"], line["tags"], line["transport"]) == ("id.cookie", "ads", "client")
    assert (line["agreed_on_notice"], line["foreign_information_version"]) == ("1", "1")
    assert line["last_day"] == ""


def test_json_says_the_same(notice: Notice) -> None:
    Visitor(notice).allow()
    Visitor(notice).allow()

    found = json.loads(content(export(format="json")))["provisions"]

    assert [one["number"] for one in found] == [1, 2]
    assert found[0]["recipient"]["representative"] == text("A. Director")
    assert json.loads(content(export(format="json", until="2020-01"))) == {"provisions": []}


def test_nothing_in_a_file_leads_to_a_device(notice: Notice) -> None:
    for _ in range(3):
        Visitor(notice).allow()
    erased = Visitor(notice)
    erased.allow()
    erase(erased)

    written = content(export(format="json")) + content(export())

    secrets_ = [
        *(str(pk) for pk in Device.objects.values_list("pk", flat=True)),
        *(str(key) for key in ConsentRecord.objects.values_list("key", flat=True)),
    ]
    assert not any(secret in written for secret in secrets_)
    # Days, never times.
    assert "T" not in "".join(one["first_day"] for one in table(export()))
    assert len(table(export())) == 4


def test_every_export_is_in_the_audit_log(notice: Notice) -> None:
    Visitor(notice).allow()
    content(export("auditor", since=MONTH, until=MONTH, format="json"))

    entry = Entry.objects.get(action="ledger.exported")
    assert (entry.actor, entry.site, entry.object) == ("auditor", SITE, "adco")
    assert entry.details["format"] == "json"
    assert entry.details["since"] == f"{MONTH}-01"


def test_only_partners_of_the_ledger_are_offered(notice: Notice) -> None:
    options = get().split('name="partner"')[1].split("</select>")[0]

    assert re.findall('value="([a-z]+)"', options) == ["adco", "retargeter", "mailer"]


@pytest.mark.parametrize(
    "fields", [{"partner": "nobody"}, {"partner": "own"}, {"partner": "statco"}, {"since": "x"}]
)
def test_what_cannot_be_exported_leaves_no_entry(notice: Notice, fields: dict[str, str]) -> None:
    assert export(**fields).status_code == 302
    assert not Entry.objects.filter(action="ledger.exported").exists()


# --- a person's own lines, by a receipt


def by_receipt(key: str, **fields: str) -> Any:
    body = {"lang": "en", "receipt": key, "format": "json", **fields}
    return signed_in("privacy").post(f"{PAGE}{SITE}/receipt/", body)


def test_a_receipt_leads_to_its_device_s_lines_and_to_no_others(notice: Notice) -> None:
    others = Visitor(notice).allow().json()["receipt"]["key"]
    asking = Visitor(notice)
    key = asking.choose(
        granted={"purpose:advertising", "partner:mailer", "item:id.cookie"}, refused=set()
    ).json()["receipt"]["key"]
    asking.revoke(all=True)

    [line] = json.loads(content(by_receipt(key)))["provisions"]

    assert line["recipient"]["code"] == "mailer"
    assert line["last_day"] is not None
    lines = json.loads(content(by_receipt(others)))["provisions"]
    assert {one["recipient"]["code"] for one in lines} == {"adco", "retargeter", "mailer"}
    for entry in Entry.objects.filter(action="ledger.disclosed"):
        assert key not in str(entry.details) + entry.object
    assert Entry.objects.filter(action="ledger.disclosed").count() == 2


@pytest.mark.parametrize("key", ["", "x", "0190b1a0-0000-4000-8000-000000000000"])
def test_an_unknown_receipt_is_said_so(notice: Notice, key: str) -> None:
    client_answer = by_receipt(key)

    assert client_answer.status_code == 302
    assert not Entry.objects.filter(action="ledger.disclosed").exists()


def test_after_an_erasure_a_receipt_leads_nowhere(notice: Notice) -> None:
    visitor = Visitor(notice)
    key = visitor.allow().json()["receipt"]["key"]
    erase(visitor)

    assert by_receipt(key).status_code == 302


# --- exceptions


def approve(role: str = "privacy", **fields: str) -> Any:
    body = {
        "lang": "en",
        "tag": "report",
        "basis": "art4-2",
        "reason": "Order 3",
        "expires_on": (timezone.now() + timedelta(days=30)).date().isoformat(),
        **fields,
    }
    return signed_in(role).post(f"{PAGE}{SITE}/exceptions/", body)


def test_an_exception_is_approved_shown_and_ended(notice: Notice) -> None:
    assert approve().status_code == 302
    html = get()
    assert "In force" in html
    assert "Order 3" in html
    assert "Approved by privacy" in html

    row = LawfulException.objects.get()
    ended = signed_in("privacy").post(f"{PAGE}{SITE}/exceptions/{row.pk}/end/", {"lang": "en"})

    assert ended.status_code == 302
    html = get("auditor")
    assert "Ended" in html
    assert "In force" not in html


def test_it_holds_to_the_end_of_its_last_day_in_the_site_s_zone(notice: Notice) -> None:
    approve(expires_on=(timezone.now() + timedelta(days=30)).date().isoformat())

    row = LawfulException.objects.get()
    # 23:59:59 in Tokyo.
    assert f"{row.expires_at:%H:%M:%S}" == "14:59:59"


def test_number_3_carries_a_warning_and_needs_a_word(notice: Notice) -> None:
    refused = approve(basis="art4-3")
    assert refused.status_code == 400
    html = refused.content.decode()
    assert "Say below that you know the law has no such exception." in html
    # What was written is not lost.
    assert 'value="Order 3"' in html

    assert approve(basis="art4-3", accepted="1").status_code == 302
    assert '<span class="bad">The law (APPI Art. 27(1)) has no such exception.</span>' in get()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"tag": "ads"}, "Choose a tag."),
        ({"tag": "events"}, "No exception is possible for advertising"),
        ({"basis": ""}, "Choose a basis."),
        ({"reason": " "}, "Write the reason."),
        ({"expires_on": "soon"}, "Choose a day after today."),
        ({"expires_on": "2020-01-01"}, "Choose a day after today."),
        ({"expires_on": "2090-01-01"}, "Choose a day within a year."),
    ],
)
def test_what_is_wrong_is_said_beside_the_field(
    notice: Notice, fields: dict[str, str], words: str
) -> None:
    refused = approve(**fields)

    assert refused.status_code == 400
    assert words in refused.content.decode()
    assert not LawfulException.objects.exists()


def test_only_tags_that_may_have_one_are_offered(notice: Notice) -> None:
    options = get().split('id="f-tag"')[1].split("</select>")[0]

    assert 'value="report"' in options
    assert 'value="events"' not in options
    assert 'value="ads"' not in options


def test_where_no_tag_may_have_one_the_page_says_why(notice: Notice) -> None:
    Tag.objects.filter(code="report").update(transport="client")

    assert "No tag can use an exception." in get()


def test_an_exception_of_another_site_cannot_be_ended_here(notice: Notice) -> None:
    answer = signed_in("privacy").post(f"{PAGE}{SITE}/exceptions/12345/end/")
    assert answer.status_code == 404
