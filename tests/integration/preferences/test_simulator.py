"""The simulator in the console: what an imagined visitor would get."""

from __future__ import annotations

import html as html_lib
import re
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from tests.factories.registry import SITE, catalogue, make_site
from tests.visitors import Visitor
from tracking.consents.models import ConsentRecord
from tracking.notices.types import Notice
from tracking.preferences import simulator_page
from tracking.preferences.types import Visit
from tracking.registry.operations import apply_catalogue

pytestmark = pytest.mark.django_db

ADDRESS = "/console/simulator/"


@pytest.fixture
def privacy(client: Client) -> Client:
    return signed_in(client, "privacy")


def signed_in(client: Client, role: str) -> Client:
    user = User.objects.create_user(role)
    user.groups.add(Group.objects.get(name=role))
    client.force_login(user)
    return client


def read(client: Client, **asked: str) -> str:
    answer = client.get(f"{ADDRESS}?{urlencode({'lang': 'en', 'site': SITE, **asked})}")
    assert answer.status_code == 200
    return html_lib.unescape(answer.content.decode())


def decided(html: str) -> dict[str, tuple[bool, str]]:
    """Return for each tag whether it runs, and why."""
    rows = re.findall(
        r'<th scope="row">([^<]+)</th>.*?class="mark (\w+)".*?<td data-label="Why">([^<]+)</td>',
        html,
    )
    return {name: (mark == "confirmed", why) for name, mark, why in rows}


@pytest.mark.parametrize(
    ("asked", "regime", "ads", "why"),
    [
        ({}, "jp-a", False, "You have not chosen yet, so nothing is sent."),
        ({"visit": "shown"}, "jp-a", False, "You have not chosen yet, so nothing is sent."),
        ({"place": "US-CA", "visit": "shown"}, "us-ca", True, "Sent after notice was given."),
        (
            {"place": "US-CA", "visit": "shown", "gpc": "1"},
            "us-ca",
            False,
            "Off because of your browser's privacy signal (GPC).",
        ),
        ({"place": "FR", "visit": "allowed"}, "eu", True, "You allowed it."),
        ({"place": "FR", "visit": "refused"}, "eu", False, "You switched this partner off."),
        ({"place": "US-XX", "visit": "shown"}, "us-other", True, "Sent after notice was given."),
        ({"place": "nonsense\x00"}, "jp-a", False, "You have not chosen yet, so nothing is sent."),
    ],
)
def test_it_says_what_a_visitor_would_get_and_why(
    privacy: Client, notice: Notice, asked: dict[str, str], regime: str, ads: bool, why: str
) -> None:
    html = read(privacy, **asked)

    assert f"<dt>Regime</dt><dd>{regime}</dd>" in html
    assert decided(html)["ads"] == (ads, why)
    assert not ConsentRecord.objects.exists()


def test_it_agrees_with_the_gate(privacy: Client, visitor: Visitor) -> None:
    visitor.allow()
    visitor.sends_gpc = True
    gate = visitor.gate("stats", "ads", "retarget")

    told = decided(read(privacy, visit="allowed", gpc="1"))

    assert {tag: told[tag][0] for tag in gate} == {tag: one["allowed"] for tag, one in gate.items()}


def test_a_place_is_called_the_same_in_the_form_and_in_the_answer(
    privacy: Client, notice: Notice
) -> None:
    for place, name in (("US-XX", "United States (other states)"), ("US-CA", "United States (CA)")):
        html = read(privacy, place=place)
        assert f'<option value="{place}" selected>{name}</option>' in html
        assert f"<dt>Place</dt><dd>{name} (from the proxy's header)</dd>" in html


def test_who_has_answered_is_not_asked(privacy: Client, notice: Notice) -> None:
    assert "Asked by a bar at the bottom." in read(privacy)
    assert "Not asked: has answered already." in read(privacy, visit="refused")


def test_it_says_where_a_link_is_enough_and_what_is_confirmed(privacy: Client) -> None:
    site = {**catalogue()["site"], "presentation": "link"}
    make_site(site=site)

    home, california = read(privacy), read(privacy, place="US-CA")

    assert "Asked by a bar at the bottom: here the link that the site wants is not" in home
    assert "<dt>Notice by a link alone</dt><dd>is not enough (asked by a bar)</dd>" in home
    assert "<dt>Tags whose partner may know the person</dt><dd>held until allowed</dd>" in home
    assert "That GPC was honoured" not in home
    assert "Not asked: this site only has a link to the settings." in california
    assert "<dt>Notice by a link alone</dt><dd>is enough</dd>" in california
    assert "<dt>That GPC was honoured</dt><dd>is shown on the page</dd>" in california


def test_a_site_without_a_notice_says_so(privacy: Client) -> None:
    apply_catalogue(catalogue=catalogue())

    assert "has not published a notice yet" in read(privacy)


def test_it_is_for_whoever_may_see_the_registry(client: Client, notice: Notice) -> None:
    assert client.get(ADDRESS).status_code == 302
    assert signed_in(client, "marketing").get(ADDRESS).status_code == 403


def test_both_languages_say_all(privacy: Client, notice: Notice) -> None:
    assert simulator_page.texts("ja").keys() == simulator_page.texts("en").keys()
    for visit in Visit:
        for place in ("", "US", "US-XX", "CN", "ZZ"):
            assert "シミュレーター" in read(privacy, lang="ja", visit=visit, place=place)


def test_its_reads_are_few(
    privacy: Client, notice: Notice, django_assert_max_num_queries: object
) -> None:
    with django_assert_max_num_queries(10):  # type: ignore[operator]
        read(privacy, place="FR")
