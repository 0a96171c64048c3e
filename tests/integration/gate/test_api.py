"""The gate through the API, on real PostgreSQL."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client

from tests.factories.registry import ORIGIN, SITE, catalogue, make_site, text
from tests.visitors import Visitor
from tracking.consents.models import ConsentRecord
from tracking.lib.short_memory import forget_everything
from tracking.outbox.models import OutboxEvent

pytestmark = pytest.mark.django_db

ALL = ("cart", "stats", "ads", "retarget", "events")


def allowed(visitor: Visitor) -> set[str]:
    return {tag for tag, decision in visitor.gate(*ALL).items() if decision["allowed"]}


def test_before_a_choice_only_the_necessary_fires(visitor: Visitor) -> None:
    decisions = visitor.gate(*ALL, "nobody_knows")

    assert {tag for tag, d in decisions.items() if d["allowed"]} == {"cart"}
    assert decisions["ads"]["reason"] == "no_choice"
    assert decisions["nobody_knows"]["reason"] == "unknown_tag"


def test_a_notice_that_was_shown_opens_what_the_regime_lets_it_open(visitor: Visitor) -> None:
    visitor.client.cookies["cm_shown"] = "1"

    assert visitor.gate("stats")["stats"] == {
        "allowed": True,
        "reason": "notice_given",
        "withheld_data_items": [],
    }
    assert not visitor.gate("ads")["ads"]["allowed"]


def test_profile_b_waits_for_a_yes_where_the_partner_knows_whose_data_it_is(
    db: None, settings: Any
) -> None:
    tables = catalogue()
    for tag in tables["tags"]:
        tag["is_linkable"] = tag["code"] in {"stats", "retarget"}
    told = {
        "confirmation": text("We ask."),
        "foreign_basis": "consent",
        "foreign_system": text("The law over there."),
        "foreign_measures": text("What they do."),
    }
    visitor = Visitor(
        make_site(
            site={**tables["site"], "profile": "jp-b"},
            tags=tables["tags"],
            partners=[{**one, **told} for one in tables["partners"]],
        )
    )
    visitor.client.cookies["cm_shown"] = "1"

    assert {tag: one["reason"] for tag, one in visitor.gate(*ALL).items()} == {
        "cart": "exempt",
        "stats": "no_choice",
        "ads": "notice_given",
        "retarget": "no_choice",
        "events": "no_choice",
    }
    # The page decides by the same.
    script = visitor.get(f"/b/{SITE}.js").content.decode()
    assert script.count('"notice":true') == 1
    # It tells, for asking whether we may would be no honest question.
    said = visitor.notice.content["wording"]["ja"]
    assert said["notice_title"] in script
    assert said["banner_title"] not in script

    settings.TRUSTED_COUNTRY_HEADER = "CF-IPCountry"
    visitor.client.defaults["HTTP_CF_IPCOUNTRY"] = "US"
    assert visitor.gate("stats")["stats"]["reason"] == "notice_given"


def test_in_an_opt_out_state_advertising_goes_on_with_notice_and_stops_for_the_signal(
    visitor: Visitor, settings: Any
) -> None:
    settings.TRUSTED_COUNTRY_HEADER = "CF-IPCountry"
    settings.TRUSTED_REGION_HEADER = "CF-Region-Code"
    visitor.client.defaults |= {"HTTP_CF_IPCOUNTRY": "US", "HTTP_CF_REGION_CODE": "CO"}

    assert visitor.gate("ads")["ads"]["reason"] == "no_choice"
    visitor.client.cookies["cm_shown"] = "1"
    assert visitor.gate("ads")["ads"]["reason"] == "notice_given"
    visitor.sends_gpc = True
    assert visitor.gate("ads")["ads"]["reason"] == "browser_signal"


@pytest.mark.parametrize(
    ("country", "region", "regime", "group"),
    [
        ("US", "CA", "us-ca", "US"),
        ("US", "WY", "us-other", "US"),
        ("GB", "", "uk", "UK"),
        ("KR", "", "kr", "KR"),
        ("BR", "SP", "br", "BR"),
        ("CN", "", "cn", "CN"),
    ],
)
def test_a_decision_from_each_place_is_recorded_under_its_rules(
    visitor: Visitor, settings: Any, country: str, region: str, regime: str, group: str
) -> None:
    settings.TRUSTED_COUNTRY_HEADER = "CF-IPCountry"
    settings.TRUSTED_REGION_HEADER = "CF-Region-Code"
    visitor.client.defaults |= {"HTTP_CF_IPCOUNTRY": country, "HTTP_CF_REGION_CODE": region}

    assert visitor.allow().status_code == 201

    record = ConsentRecord.objects.get()
    assert (record.regime, record.country_group) == (regime, group)
    assert allowed(visitor) == set(ALL)


def test_the_accepter_opens_everything(visitor: Visitor) -> None:
    visitor.allow()

    assert allowed(visitor) == set(ALL)


def test_the_refuser_keeps_everything_shut(visitor: Visitor) -> None:
    visitor.refuse()

    assert allowed(visitor) == {"cart"}
    assert visitor.gate("ads")["ads"]["reason"] == "partner_refused"


def test_the_changer_shuts_what_was_withdrawn_at_once(visitor: Visitor) -> None:
    visitor.allow()
    visitor.revoke(purposes=["advertising"])

    assert allowed(visitor) == {"cart", "stats"}


def test_the_signaller_keeps_advertising_shut_until_choosing_otherwise(visitor: Visitor) -> None:
    visitor.allow()
    visitor.sends_gpc = True
    assert visitor.gate("ads")["ads"]["reason"] == "browser_signal"

    visitor.allow()

    assert visitor.gate("ads")["ads"]["reason"] == "granted"


def test_a_data_item_that_was_refused_is_withheld_or_shuts_the_tag(visitor: Visitor) -> None:
    visitor.allow()
    visitor.revoke(data_items=["attr.gender", "activity.sequence"])

    decisions = visitor.gate("stats", "retarget")

    assert decisions["stats"]["withheld_data_items"] == ["attr.gender"]
    assert decisions["retarget"]["reason"] == "data_item_refused"


def test_a_partner_that_owes_a_revocation_is_shut_for_everybody(visitor: Visitor) -> None:
    visitor.allow()
    visitor.revoke(partners=["retargeter"])
    OutboxEvent.objects.update(due_at=visitor_epoch())
    forget_everything()
    somebody_else = Visitor(visitor.notice)
    somebody_else.allow()

    assert somebody_else.gate("retarget")["retarget"]["reason"] == "partner_overdue"


def visitor_epoch() -> object:
    from tests.factories.clock import NOW

    return NOW - timedelta(hours=1)


def test_a_refusal_whose_answer_got_lost_is_not_forgotten(visitor: Visitor) -> None:
    visitor.client.cookies["cm_shown"] = "1"
    visitor.allow()
    before = visitor.client.cookies["cm_device"].value
    visitor.refuse()
    visitor.client.cookies["cm_device"] = before

    decisions = visitor.gate(*ALL)

    assert {tag for tag, d in decisions.items() if d["allowed"]} == {"cart"}
    assert decisions["stats"]["reason"] == "partner_refused"


def test_an_older_copy_of_a_token_opens_nothing(visitor: Visitor) -> None:
    visitor.allow()
    before = visitor.client.cookies["cm_device"].value
    visitor.allow()
    visitor.client.cookies["cm_device"] = before

    assert allowed(visitor) == {"cart"}


def test_the_literal_gate_serves_the_loader_or_an_inert_script(visitor: Visitor) -> None:
    denied = visitor.get(f"/v1/gate/ads.js?site={SITE}")
    visitor.allow()
    opened = visitor.get(f"/v1/gate/ads.js?site={SITE}")

    assert denied.status_code == opened.status_code == 200
    assert denied["X-Consent-Decision"] == "denied; no_choice"
    assert denied.content == b"/* no_choice */\n"
    assert opened["X-Consent-Decision"] == "allowed; granted"
    assert b"https://adco.example/tag.js" in opened.content
    for response in (denied, opened):
        assert response["Content-Type"].startswith("text/javascript")
        assert response["Cache-Control"] == "private, no-store"


def test_one_tag_can_be_asked_for(visitor: Visitor) -> None:
    assert visitor.get(f"/v1/gate/cart?site={SITE}").json() == {
        "allowed": True,
        "reason": "exempt",
        "withheld_data_items": [],
    }


def test_an_event_loses_what_this_device_withholds(visitor: Visitor) -> None:
    visitor.allow()
    visitor.revoke(data_items=["attr.gender"])

    response = visitor.post(
        "/v1/gate/stats/payload",
        {"site": SITE, "payload": {"url": "/coat", "gender": "f", "shoe_size": 24}},
    )

    assert response.json() == {
        "payload": {"url": "/coat"},
        "dropped": [
            {"field": "gender", "data_item": "attr.gender", "reason": "data_item_refused"},
            {"field": "shoe_size", "data_item": "", "reason": "undeclared"},
        ],
    }


def test_an_event_of_a_shut_tag_goes_nowhere(visitor: Visitor) -> None:
    response = visitor.post("/v1/gate/stats/payload", {"site": SITE, "payload": {"url": "/coat"}})

    assert response.status_code == 403
    assert response.json()["fields"] == {"reason": "no_choice"}


def test_doubtful_cookies_close_everything_but_the_necessary(visitor: Visitor) -> None:
    visitor.allow()
    token = visitor.client.cookies["cm_device"].value

    response = Client().post(
        "/v1/gate",
        {"site": SITE, "tags": list(ALL)},
        content_type="application/json",
        headers={"Cookie": f"cm_device={token}; cm_choices=a; cm_choices=b", "Origin": ORIGIN},
    )

    decisions = response.json()["decisions"]
    assert {tag for tag, d in decisions.items() if d["allowed"]} == {"cart"}
    assert decisions["ads"]["reason"] == "doubt"


def test_with_the_database_away_the_gate_is_shut_and_says_why(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor.allow()

    def away(**_: object) -> None:
        raise OperationalError

    monkeypatch.setattr("tracking.consents.queries.find_state", away)

    decisions = visitor.gate(*ALL)

    assert {d["reason"] for d in decisions.values()} == {"doubt"}
    assert not any(d["allowed"] for d in decisions.values())


def test_an_unknown_site_is_denied_not_an_error(visitor: Visitor) -> None:
    response = visitor.post("/v1/gate", {"site": "nowhere", "tags": ["ads"]})

    assert response.status_code == 200
    assert response.json()["decisions"]["ads"]["reason"] == "unknown_tag"


def test_more_tags_than_a_page_can_have_are_refused(visitor: Visitor) -> None:
    response = visitor.post("/v1/gate", {"site": SITE, "tags": ["ads"] * 101})

    assert response.status_code == 400
