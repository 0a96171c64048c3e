"""The external-transmission page: the law's items for each tag, and its state on this device."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.factories.registry import catalogue, make_site, text
from tests.integration.preferences.pages import TRANSMISSION, Browser, forms_in
from tracking.consents.models import ConsentRecord, Device
from tracking.lib.short_memory import forget_everything
from tracking.notices.types import Notice

pytestmark = pytest.mark.django_db


def entry(html: str, tag: str) -> str:
    return html.partition(f'id="tag-{tag}"')[2].partition("</article>")[0]


def state(html: str, tag: str) -> str:
    found = re.search(r'class="state (on|off)"', entry(html, tag))
    return found.group(1) if found else ""


def press(browser: Browser, act: str, tag: str) -> Browser:
    form = next(
        form
        for form in forms_in(browser.html)
        if act in form.buttons and ("tag", tag) in form.fields
    )
    return browser.send(form.action, {**dict(form.fields), "act": act})


@pytest.fixture
def full(db: None) -> Notice:
    """A site whose one ad tag says everything that can be said."""
    site = catalogue()
    site["data_items"][0]["name"] = {"ja": "クッキーの識別番号", "en": "cookie identifier"}
    site["partners"][2] |= {
        "service_name": text("Adco Ads"),
        "address": text("1 Ad Street"),
        "representative": text("B. Boss"),
        "optout_url": "https://adco.example/optout",
    }
    ads = next(tag for tag in site["tags"] if tag["code"] == "ads")
    ads |= {
        "optional_items": ["attr.gender"],
        "optout_effect": text("Nothing changes."),
        "retention": text("13 months"),
        "cookies": [
            {"name": "_ad", "lifetime_days": 730},
            {"name": "_ad_90", "lifetime_days": 90},
            {"name": "_ad_s", "lifetime_days": 0},
        ],
        "storage_keys": ["ad-state"],
    }
    return make_site(**{name: site[name] for name in ("data_items", "partners", "tags")})


def test_there_is_one_entry_for_each_tag(notice: Notice) -> None:
    html = Browser().open(TRANSMISSION).html

    assert re.findall(r'<article class="panel entry" id="tag-(\w+)"', html) == [
        "stats", "ads", "retarget", "events", "cart",
    ]  # fmt: skip


def test_an_entry_prints_what_the_law_asks_for(full: Notice) -> None:
    ads = entry(Browser("en").open(TRANSMISSION).html, "ads")

    for words in (
        "Adco Inc.", "Adco Ads", "United States", "1 Ad Street (representative: B. Boss)",
        "identifier", "attr.gender", "We use ads.", "They use ads.", "P01",
        "The sending itself.", "Nothing changes.", "13 months",
        "_ad (2 years)", "_ad_90 (about 3 months)", "_ad_s (until the browser is closed)",
        "ad-state", "https://adco.example/optout", "https://adco.example/privacy",
    ):  # fmt: skip
        assert words in ads, words


def test_links_that_leave_the_site_are_marked(full: Notice) -> None:
    ads = entry(Browser("en").open(TRANSMISSION).html, "ads")

    for link in re.findall(r'<a href="https.*?</a>', ads):
        assert "external site" in link
        assert "noopener" in link


def test_an_exempt_tag_is_listed_with_its_exemption(notice: Notice) -> None:
    cart = entry(Browser("en").open(TRANSMISSION).html, "cart")

    assert "Needed to show again what you entered" in cart
    assert "Art. 22-2-30(2)" in cart
    assert "<button" not in cart
    assert 'class="state on"' in cart


def test_hard_words_are_explained_at_their_first_use(full: Notice) -> None:
    html = Browser("ja").open(TRANSMISSION).html

    assert '<dfn title="ブラウザに保存される小さな記録">クッキー</dfn>' in html
    assert html.count('<span class="gloss">（ブラウザに保存される小さな記録）</span>') == 1
    assert not re.search(r"<dd>[^<]*クッキー", html)


def test_version_date_contact_and_partner_anchors_are_there(notice: Notice) -> None:
    html = Browser("ja").open(TRANSMISSION).html

    assert re.search(r"第1版　公表日：\d{4}年\d{1,2}月\d{1,2}日", html)
    assert "privacy@shop.example" in html
    assert "Shop K.K." in html
    anchors = re.findall(r'id="partner-(\w+)"', html)
    assert sorted(anchors) == sorted(set(anchors))
    assert {f'href="#partner-{anchor}"' in html for anchor in anchors} == {True}


def test_it_can_be_read_without_a_cookie_and_without_a_script(notice: Notice) -> None:
    browser = Browser("en").open(TRANSMISSION)

    assert browser.response.status_code == 200
    assert "<script" not in browser.html
    assert "style=" not in browser.html
    assert state(browser.html, "ads") == "off"
    assert "You have not chosen yet" in entry(browser.html, "ads")
    assert "The Japanese text is the authoritative one." in browser.html


def test_a_tag_is_switched_on_and_off_where_it_is_described(notice: Notice) -> None:
    browser = Browser("en").open(TRANSMISSION)
    press(browser, "tag-on", "ads")

    assert {notice.ids[n] for n in Device.objects.get().granted} == {
        "partner:adco", "purpose:advertising", "item:id.cookie",
    }  # fmt: skip
    assert state(browser.html, "ads") == "on"
    assert state(browser.html, "retarget") == "off"
    assert "Saved." in entry(browser.html, "ads")

    press(browser, "tag-off", "ads")
    assert {notice.ids[n] for n in Device.objects.get().refused} == {"partner:adco"}
    assert state(browser.html, "ads") == "off"
    assert "You switched this partner off." in entry(browser.html, "ads")
    assert list(ConsentRecord.objects.order_by("recorded_at").values_list("method", "surface")) == [
        ("choose", "page"),
        ("withdraw", "page"),
    ]


def test_what_runs_on_notice_alone_can_be_stopped_before_any_choice(notice: Notice) -> None:
    browser = Browser("en")
    browser.client.cookies["cm_shown"] = "1"
    browser.open(TRANSMISSION)

    assert state(browser.html, "stats") == "on"
    assert "Sent after notice was given." in entry(browser.html, "stats")
    press(browser, "tag-off", "stats")
    assert state(browser.html, "stats") == "off"


def test_allowing_says_beforehand_what_it_allows(notice: Notice) -> None:
    ads = entry(Browser("en").open(TRANSMISSION).html, "ads")

    assert "This allows: Adco Inc., advertising, id.cookie" in ads


def test_a_partners_other_tags_are_named_before_it_is_stopped(db: None) -> None:
    site = catalogue()
    site["tags"].append({**site["tags"][2], "code": "adspixel", "name": text("adspixel")})
    make_site(tags=site["tags"])
    browser = Browser("en").open(TRANSMISSION)
    press(browser, "tag-on", "ads")

    assert "Other tags of this partner stop too: adspixel." in entry(browser.html, "ads")


@pytest.mark.parametrize("tag", ["cart", "nothing", ""])
def test_an_exempt_or_unknown_tag_cannot_be_switched(notice: Notice, tag: str) -> None:
    browser = Browser("en").open(TRANSMISSION)
    form = next(form for form in forms_in(browser.html) if "tag-on" in form.buttons)
    browser.send(form.action, {**dict(form.fields), "tag": tag, "act": "tag-off"})

    assert browser.response.status_code == 400
    assert not Device.objects.exists()


def test_the_pages_reads_are_few(notice: Notice, django_assert_num_queries: Any) -> None:
    browser = Browser().open(TRANSMISSION)
    forget_everything()
    # The site, its notice, who is overdue, the newest version, the last scan; the rest is known.
    with django_assert_num_queries(7):
        browser.open(TRANSMISSION)
    with django_assert_num_queries(0):
        browser.open(TRANSMISSION)
