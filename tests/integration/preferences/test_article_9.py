"""
Article 9 of the policy, information that does not name a person: what is collected, to whom it is
provided, and that a tag sends nothing else.
"""

from __future__ import annotations

import re

import pytest

from tests.factories.registry import SITE, text
from tests.integration.preferences.declared import declaration, declare
from tests.integration.preferences.pages import PAGE, Browser
from tests.integration.preferences.policy_pages import read
from tests.visitors import Visitor
from tracking.outbox.models import OutboxEvent

pytestmark = pytest.mark.django_db


def strip(visitor: Visitor, **payload: object) -> tuple[dict[str, object], set[tuple[str, str]]]:
    """Return what of an event of `stats` may go, and what is dropped why."""
    answer = visitor.post("/v1/gate/stats/payload", {"site": SITE, "payload": payload})
    assert answer.status_code == 200
    found = answer.json()
    return found["payload"], {(one["field"], one["reason"]) for one in found["dropped"]}


# --- collect


def test_a_tag_cannot_send_a_category_that_it_does_not_declare(visitor: Visitor) -> None:
    visitor.allow()

    sent, dropped = strip(visitor, url="/coat", gender="f", income=900)
    assert sent == {"url": "/coat", "gender": "f"}
    assert dropped == {("income", "undeclared")}


def test_switching_attributes_off_strips_their_fields_while_others_flow(visitor: Visitor) -> None:
    visitor.allow()
    visitor.revoke(data_items=["attr.gender"])

    sent, dropped = strip(visitor, url="/coat", gender="f")
    assert sent == {"url": "/coat"}
    assert dropped == {("gender", "data_item_refused")}
    assert visitor.gate("stats")["stats"] == {
        "allowed": True,
        "reason": "granted",
        "withheld_data_items": ["attr.gender"],
    }


@pytest.mark.parametrize("language", ["ja", "en"])
def test_everything_that_is_collected_is_shown_by_kind(db: None, language: str) -> None:
    notice = declare()
    html = read("/information/shop/", language)

    places = {"1": 0, "2": 1, "3": 2}
    chapters = html.split("<h2>")[1:]
    for item in notice.content["data_items"]:
        chapter = chapters[places[item["jiaa_class"]]]
        assert f'id="item-{item["code"]}"' in chapter
        assert item["name"][language] in re.sub(r"<span class=\"gloss\">.*?</span>|<[^>]+>", "", (
            chapter
        ))  # fmt: skip


def test_each_item_is_a_choice_of_its_own(db: None) -> None:
    notice = declare()
    html = Browser("en").open(PAGE).html

    used = {
        code
        for tag in notice.content["tags"]
        if not tag["exemption_code"]
        for code in (*tag["required_items"], *tag["optional_items"])
    }
    for code in used:
        assert f'value="item:{code}"' in html


# --- provide


def test_recipients_are_shown_by_the_classes_of_the_article(db: None) -> None:
    declare()
    html = read("/partners/shop/")

    chapters = [
        (title, set(re.findall(r'id="partner-(\w+)"', body)))
        for title, body in re.findall(r"<h2>(.*?)</h2>(.*?)</section>", html, re.DOTALL)
    ]
    assert chapters == [
        ("当社", {"own"}),
        ("広告主・広告の会社", {"adco"}),
        ("情報提供元", {"retargeter"}),
        ("サービスの提供元", {"statco", "mailer", "outlet"}),
    ]


def test_a_recipient_that_may_know_whose_it_is_is_said_plainly(db: None) -> None:
    """ "Does not name a person" is not said of what somebody can connect to a person."""
    declare()

    partners, information = read("/partners/shop/"), read("/information/shop/")
    assert partners.count("この会社には分かることがあります") == 1
    named = re.findall(r"だれの情報か分かることがある会社：(.*?)</p>", information)
    assert named
    assert set(named) == {text("Adco Inc.")["ja"]}


def test_a_partner_that_nobody_can_tell_anything_by_is_not_suspected(db: None) -> None:
    tables = declaration()
    for tag in tables["tags"]:
        tag.pop("is_linkable", None)
    declare(tables=tables)

    assert "分かることがあります" not in read("/partners/shop/")
    assert "だれの情報か分かること" not in read("/information/shop/")


def test_each_partner_is_allowed_by_itself(visitor: Visitor) -> None:
    visitor.choose(
        granted={
            "purpose:advertising", "purpose:personalisation", "item:id.cookie",
            "item:activity.sequence", "partner:adco",
        },
        refused={"partner:retargeter"},
    )  # fmt: skip

    decided = visitor.gate("ads", "retarget")
    assert decided["ads"]["allowed"]
    assert decided["retarget"]["reason"] == "partner_refused"


def test_after_a_revocation_the_gate_denies_at_once_and_everybody_who_received_is_told(
    visitor: Visitor,
) -> None:
    visitor.allow()
    assert visitor.gate("ads")["ads"]["allowed"]
    answer = visitor.revoke(all=True)
    assert answer.status_code == 201

    decided = visitor.gate("stats", "ads", "retarget", "events")
    assert not any(decision["allowed"] for decision in decided.values())
    told = set(OutboxEvent.objects.values_list("addressee", flat=True))
    assert told == {"statco", "adco", "retargeter", "mailer"}


def test_the_page_says_how_many_of_them_have_confirmed(notice: object) -> None:
    browser = Browser("ja").open(PAGE).press("allow").open(PAGE).press("refuse")
    address = browser.response.wsgi_request.get_full_path()
    for confirmed, event in enumerate(OutboxEvent.objects.order_by("id"), start=1):
        event.acked_version = event.desired_version
        event.accepted_at = event.confirmed_at = event.due_at
        event.save()
        assert re.search(rf"{confirmed}\s*／\s*4|{confirmed} / 4", browser.open(address).html)
