"""What is found where a site is not as published."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tracking.scanner.rules import OWN_NAMES, compare, tags_of_host
from tracking.scanner.types import Cookie, PageView, Sight
from tracking.scans.types import Finding, Level, Rule, Visitor

ROOT = Path(__file__).parents[3]


def tag(code: str, **fields: Any) -> dict[str, Any]:
    return {
        "code": code,
        "transport": "client",
        "hosts": [],
        "cookies": [],
        "storage_keys": [],
        **fields,
    }


CONTENT = {
    "tags": [
        tag("cart", cookies=[{"name": "cart", "lifetime_days": 7}], storage_keys=["guard"]),
        tag(
            "stats",
            hosts=["stats.example", "*.stats.example"],
            cookies=[{"name": "_ga", "lifetime_days": 730}, {"name": "_ga_*", "lifetime_days": 30}],
            storage_keys=["stats*"],
        ),
        tag("ads", hosts=["ads.example:8443", "ads.example"], cookies=[{"name": "ad"}]),
        tag("events", hosts=["events.example"], transport="server"),
    ]
}
OWN = {"shop.example", "consent.example"}
GATED = frozenset({"cart"})
EVERYTHING = frozenset({"cart", "stats", "ads", "events"})
ALLOWED = {
    Visitor.NEWCOMER: GATED,
    Visitor.REFUSER: GATED,
    Visitor.ACCEPTER: EVERYTHING,
}
# An accepter on whose pages every tag was at work.
AT_WORK = frozenset({"stats.example", "ads.example"})


def view(visitor: Visitor = Visitor.NEWCOMER, page: str = "/", **fields: Any) -> PageView:
    return PageView(
        page=page,
        visitor=visitor,
        hosts=frozenset(fields.get("hosts", ())),
        cookies=frozenset(fields.get("cookies", ())),
        storage_keys=frozenset(fields.get("storage_keys", ())),
        has_script=fields.get("has_script", True),
        has_link=fields.get("has_link", True),
    )


def cookie(name: str, days: int | None = None, domain: str = "shop.example") -> Cookie:
    return Cookie(name=name, domain=domain, days=days, is_http_only=False)


def found(*views: PageView, allowed: Any = ALLOWED, unread: Any = None) -> list[Finding]:
    at_work = view(Visitor.ACCEPTER, "/at-work", hosts=AT_WORK)
    sight = Sight(views=(*views, at_work), unread=unread or {})
    return list(compare(sight=sight, content=CONTENT, allowed=allowed, own_hosts=OWN))


def brief(findings: list[Finding]) -> list[tuple[str, str, str]]:
    return [(one.rule.value, one.subject, ",".join(one.tags)) for one in findings]


def test_a_site_that_is_as_published_has_no_findings() -> None:
    cookies = (cookie("cart", 7), *map(cookie, OWN_NAMES))
    keys = ("guard", *OWN_NAMES)
    assert found(
        view(hosts=OWN, cookies=cookies, storage_keys=keys),
        view(Visitor.REFUSER, hosts=OWN, cookies=cookies, storage_keys=keys),
        view(
            Visitor.ACCEPTER,
            hosts={*OWN, *AT_WORK, "cdn.stats.example"},
            cookies=(*cookies, cookie("_ga", 400), cookie("_ga_X", 30), cookie("ad", 4000)),
            storage_keys=(*keys, "stats_id"),
        ),
    ) == []  # fmt: skip


@pytest.mark.parametrize("visitor", Visitor)
@pytest.mark.parametrize(
    "host",
    ["new.example", "evil-stats.example", "stats.example.evil.example", "cdn.shop.example",
     "shop.example:81", "events.example.example"],
)  # fmt: skip
def test_a_host_that_no_tag_declares_is_unknown_whoever_looks(visitor: Visitor, host: str) -> None:
    assert brief(found(view(visitor, hosts={*OWN, host}))) == [("unknown_host", host, "")]


@pytest.mark.parametrize("visitor", [Visitor.NEWCOMER, Visitor.REFUSER])
@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"hosts": {"stats.example"}}, ("host_leak", "stats.example", "stats")),
        ({"hosts": {"a.b.stats.example:99"}}, ("host_leak", "a.b.stats.example:99", "stats")),
        ({"hosts": {"ads.example:8443"}}, ("host_leak", "ads.example:8443", "ads")),
        ({"hosts": {"events.example"}}, ("host_leak", "events.example", "events")),
        ({"cookies": {cookie("_ga")}}, ("cookie_leak", "_ga", "stats")),
        ({"cookies": {cookie("_ga_1")}}, ("cookie_leak", "_ga_1", "stats")),
        ({"storage_keys": {"stats_id"}}, ("storage_leak", "stats_id", "stats")),
    ],
)
def test_what_a_held_tag_asks_or_keeps_is_a_leak(
    visitor: Visitor, fields: dict[str, Any], expected: tuple[str, str, str]
) -> None:
    assert brief(found(view(visitor, **fields))) == [expected]
    assert found(view(Visitor.ACCEPTER, **fields)) == []


def test_a_tag_that_stays_shut_for_everybody_leaks_for_the_accepter_too() -> None:
    shut = {**ALLOWED, Visitor.ACCEPTER: EVERYTHING - {"ads"}}
    [leak] = found(allowed=shut)
    assert (leak.rule, leak.subject, leak.visitors) == (
        Rule.HOST_LEAK, "ads.example", (Visitor.ACCEPTER,),
    )  # fmt: skip


def test_a_host_of_two_tags_is_no_leak_while_one_of_them_may() -> None:
    twin = {"tags": [*CONTENT["tags"], tag("twin", hosts=["ads.example"])]}
    one = view(Visitor.REFUSER, hosts={"ads.example"})
    sight = Sight(views=(one, view(Visitor.ACCEPTER, hosts=AT_WORK)), unread={})
    allowed = {**ALLOWED, Visitor.REFUSER: GATED | {"twin"}}
    assert compare(sight=sight, content=twin, allowed=allowed, own_hosts=OWN) == ()


@pytest.mark.parametrize(
    ("name", "key"),
    [("stranger", "other"), ("_gat", "Guard"), ("cart2", "guard2"), ("cm_stranger", "cm_other")],
)
def test_what_no_tag_declares_is_unknown_in_every_store(name: str, key: str) -> None:
    findings = found(view(cookies={cookie(name)}, storage_keys={key}))
    assert brief(findings) == [("unknown_cookie", name, ""), ("unknown_storage", key, "")]


@pytest.mark.parametrize(
    ("kept", "declared"),
    [
        (cookie("cart", 8), 7),
        (cookie("_ga_1", 31), 30),
        (cookie("_ga", 731), 730),
        (cookie("cart", 7), None),
        (cookie("cart", 0), None),
        (cookie("cart", None), None),
        # Its lifetime is not declared: nothing is promised.
        (cookie("ad", 4000), None),
    ],
)
def test_a_cookie_may_live_as_long_as_declared_and_no_longer(
    kept: Cookie, declared: int | None
) -> None:
    findings = found(view(Visitor.ACCEPTER, cookies={kept}))
    if declared is None:
        assert findings == []
    else:
        [long] = findings
        assert long.rule is Rule.LONG_COOKIE
        assert long.about == {
            "domain": "shop.example",
            "days": kept.days,
            "is_http_only": False,
            "declared_days": declared,
        }


def test_each_thing_is_found_once_with_who_and_where() -> None:
    [finding] = found(
        view(page="/a", cookies={cookie("x", 3)}),
        view(page="/b", cookies={cookie("x", 9)}),
        view(Visitor.REFUSER, "/a", cookies={cookie("x", 8)}),
    )
    assert finding.visitors == (Visitor.NEWCOMER, Visitor.REFUSER)
    assert finding.pages == ("/a", "/b")
    assert finding.about["days"] == 9


def test_cookies_of_one_name_on_two_hosts_are_two() -> None:
    twins = {cookie("x"), cookie("x", domain=".ads.example")}
    domains = [one.about["domain"] for one in found(view(cookies=twins))]
    assert domains == [".ads.example", "shop.example"]


def test_a_page_without_script_or_link_is_found() -> None:
    findings = found(view(page="/a", has_script=False, has_link=False), view(page="/b"))
    assert [(one.rule, one.pages) for one in findings] == [
        (Rule.NO_SCRIPT, ("/a",)),
        (Rule.NO_LINK, ("/a",)),
    ]


def test_a_published_tag_that_never_sends_is_advice() -> None:
    sight = Sight(views=(view(Visitor.ACCEPTER, hosts={"cdn.stats.example"}),), unread={})
    [stale] = compare(sight=sight, content=CONTENT, allowed=ALLOWED, own_hosts=OWN)
    assert (stale.rule, stale.tags, stale.level) == (Rule.STALE_TAG, ("ads",), Level.ADVICE)
    assert "ads.example" in stale.subject


def test_that_a_tag_leaks_to_others_does_not_make_it_used() -> None:
    views = (view(hosts={"ads.example"}), view(Visitor.ACCEPTER, hosts={"stats.example"}))
    findings = compare(
        sight=Sight(views=views, unread={}), content=CONTENT, allowed=ALLOWED, own_hosts=OWN
    )
    assert [one.rule for one in findings] == [Rule.HOST_LEAK, Rule.STALE_TAG]


def test_a_tag_that_may_not_send_is_not_stale() -> None:
    sight = Sight(views=(view(Visitor.ACCEPTER, hosts={"stats.example"}),), unread={})
    shut = {**ALLOWED, Visitor.ACCEPTER: EVERYTHING - {"ads"}}
    assert compare(sight=sight, content=CONTENT, allowed=shut, own_hosts=OWN) == ()


def test_a_page_that_could_not_be_read_is_advice() -> None:
    [unread] = found(unread={"/gone": "HTTP 404"})
    assert (unread.rule, unread.subject, unread.pages, unread.level) == (
        Rule.UNREAD_PAGE, "HTTP 404", ("/gone",), Level.ADVICE,
    )  # fmt: skip


def test_all_but_advice_is_an_alarm() -> None:
    assert {rule for rule in Rule if finding(rule).level is Level.ADVICE} == {
        Rule.STALE_TAG,
        Rule.UNREAD_PAGE,
    }


def finding(rule: Rule) -> Finding:
    return Finding(rule=rule, subject="", tags=(), visitors=(), pages=())


# The same as the page's own table: tests/frontend/hosts.test.ts.
HOSTS = [
    tag("exact", hosts=["tags.example"]),
    tag("wild", hosts=["*.tags.example", "*.deep.tags.example"]),
    tag("deep", hosts=["a.deep.tags.example"]),
    tag("port", hosts=["127.0.0.1:9001"]),
    tag("any_port", hosts=["127.0.0.1", "[::1]"]),
    tag("twin", hosts=["tags.example", "TWIN.example"]),
    tag("none", hosts=[]),
]


@pytest.mark.parametrize(
    ("host", "codes"),
    [
        ("tags.example", ("exact", "twin")),
        ("tags.example:8080", ("exact", "twin")),
        ("twin.example", ("twin",)),
        ("cdn.tags.example", ("wild",)),
        ("a.deep.tags.example", ("deep",)),
        ("b.deep.tags.example", ("wild",)),
        ("127.0.0.1:9001", ("port",)),
        ("127.0.0.1:9002", ("any_port",)),
        ("[::1]", ("any_port",)),
        ("[::1]:9002", ("any_port",)),
        ("eviltags.example", ()),
        ("tags.example.evil.example", ()),
        ("example", ()),
    ],
)
def test_a_host_belongs_to_the_tags_that_the_page_says(host: str, codes: tuple[str, ...]) -> None:
    assert tags_of_host(HOSTS, host) == codes


def test_what_the_product_keeps_is_what_its_document_says() -> None:
    text = (ROOT / "docs" / "page-api.md").read_text("utf-8")
    table = text.partition("## 9. What is stored in the browser")[2].partition("\n\n|")[2]
    names = {
        name
        for line in table.partition("\n\n")[0].splitlines()
        for name in re.findall(r"`(cm_\w+)`", line.split("|")[0 if line[0] != "|" else 1])
    }
    assert names == OWN_NAMES
