"""What a page is served."""

from __future__ import annotations

import gzip
import json
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import brotli
import pytest
from django.conf import settings
from django.db import OperationalError
from django.test import Client

from tests.factories.clock import NOW
from tests.factories.identifiers import make_identifying_site
from tests.factories.registry import SITE, catalogue, make_site
from tests.served_script import config_in
from tests.visitors import Visitor
from tracking.banner import queries
from tracking.lib.short_memory import forget_everything
from tracking.notices import queries as notices
from tracking.notices.types import Notice
from tracking.outbox.models import OutboxEvent
from tracking.registry.models import Site
from tracking.registry.types import Presentation

pytestmark = pytest.mark.django_db


def config(client: Client, query: str = "", **headers: str) -> dict[str, Any]:
    return config_in(client.get(f"/b/{SITE}.js{query}", headers=headers).content)


def part_address(client: Client, name: str) -> str:
    return f"/b/{name}/{config(client)['parts']}.js"


def test_the_script_knows_the_cookies_that_name_a_browser_to_partners(client: Client) -> None:
    make_identifying_site()

    # What the site hands over itself is in no cookie.
    assert config(client)["identifiers"] == {
        "statco": {"ga_client_id": "_ga"},
        "adco": {"cookie_id": "_ad"},
    }


def test_a_site_that_declares_none_pays_nothing(client: Client, notice: Notice) -> None:
    assert "identifiers" not in config(client)


def test_the_script_brings_terms_and_wording_in_one_file(client: Client, notice: Notice) -> None:
    found = config(client)

    assert (found["site"], found["notice"]) == (SITE, 1)
    assert set(found["tags"]) == {"cart", "stats", "ads", "retarget", "events"}
    assert found["wording"]["ja"]["refuse"] == "必須のみ許可する"
    assert found["ids"] == {id: [number, 1] for id, number in notice.numbers.items()}
    # What the service has left for the page to decide.
    assert found["tags"]["cart"] == {
        "needed": ["partner:own", "purpose:necessary", "item:id.cookie"],
        "exempt": True,
        "since": 1,
        "loader_url": "https://own.example/tag.js",
    }
    assert found["tags"]["stats"] == {
        "needed": ["partner:statco", "purpose:analytics", "item:activity.url", "item:id.cookie"],
        "optional": ["item:attr.gender"],
        "notice": True,
        "since": 1,
        "loader_url": "https://statco.example/tag.js",
    }


def test_the_page_is_told_nothing_that_it_does_not_need(client: Client, notice: Notice) -> None:
    found = config(client)

    assert notice.hash not in json.dumps(found)
    assert set(found) == {
        "site", "notice", "presentation", "wording", "more_languages", "ids", "signalled",
        "outlives", "renew_days", "tags", "styles", "parts", "endpoint",
    }  # fmt: skip
    assert set(found["wording"]) == {"ja", "en"}
    assert all("prefs_title" not in words for words in found["wording"].values())


def test_only_a_site_that_counts_page_views_has_the_page_count_them(
    client: Client, notice: Notice
) -> None:
    assert "views" not in config(client)

    Site.objects.update(counts_page_views=True)
    forget_everything()
    assert config(client)["views"] is True
    preview = queries.get_preview(
        site_code=SITE, notice=notice, language="ja", endpoint="https://x.example", now=NOW
    )
    assert '"views"' not in preview


@pytest.mark.parametrize(
    ("presentation", "spoken", "wanted", "unwanted"),
    [
        (Presentation.BAR, ["en"], [], ["lang", ".cm-bar"]),
        (Presentation.BAR, ["en", "ja"], ["[lang|=ja]"], ["[lang|=ko]", ".cm-modal"]),
        (Presentation.BAR, ["ko-KR"], ["[lang|=ko]"], ["[lang|=ja]"]),
        (Presentation.CARD, ["en"], [".cm-bar", ".cm-modal"], ["lang"]),
        (Presentation.LINK, ["ja"], [".cm-bar", "[lang|=ja]"], []),
    ],
)
def test_styles_that_a_site_does_not_need_are_not_sent(
    presentation: Presentation, spoken: list[str], wanted: list[str], unwanted: list[str]
) -> None:
    styles = queries.styles_for(presentation, spoken)

    assert all(rule in styles for rule in wanted)
    assert not any(rule in styles for rule in unwanted)


def test_the_script_brings_the_styles_of_its_first_layer(client: Client, notice: Notice) -> None:
    assert config(client)["styles"] == queries.styles_for(Presentation.BAR, ["ja", "en"])


def test_the_script_is_the_same_for_everybody(client: Client, visitor: Visitor) -> None:
    fresh = client.get(f"/b/{SITE}.js")
    visitor.refuse()
    known = visitor.get(f"/b/{SITE}.js")

    assert fresh.content == known.content
    assert "Cookie" not in fresh["Vary"]
    assert not fresh.cookies
    again = client.get(f"/b/{SITE}.js", headers={"If-None-Match": fresh["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again["Cache-Control"] == fresh["Cache-Control"]


def test_the_script_stays_usable_while_the_service_is_away(client: Client, notice: Notice) -> None:
    script = client.get(f"/b/{SITE}.js")

    assert script["Content-Type"] == "text/javascript; charset=utf-8"
    assert script["Cache-Control"] == (
        "public, max-age=60, stale-while-revalidate=3600, stale-if-error=604800"
    )
    assert script["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert "Accept-Encoding" in script["Vary"]
    assert script["ETag"] == f'"{sha256(script.content).hexdigest()[:20]}"'


def test_the_script_is_compressed_once_and_rightly(client: Client, notice: Notice) -> None:
    plain = client.get(f"/b/{SITE}.js").content
    packed = client.get(f"/b/{SITE}.js", headers={"Accept-Encoding": "gzip, br"})
    zipped = client.get(f"/b/{SITE}.js", headers={"Accept-Encoding": "gzip"})

    assert packed["Content-Encoding"] == "br"
    assert brotli.decompress(packed.content) == plain
    assert gzip.decompress(zipped.content) == plain


def test_no_text_can_break_out_of_the_script(client: Client, db: None) -> None:
    broken = "</script><script>alert(1)</script>\u2028*/\\'+alert(2)//"
    tables = catalogue()
    tables["tags"][2]["storage_keys"] = [broken]
    make_site(tags=tables["tags"])

    script = client.get(f"/b/{SITE}.js").content.decode()

    head = script.split("\n")[1]
    assert "<" not in head
    assert "\u2028" not in script
    assert config(client)["tags"]["ads"]["storage_keys"] == [broken]


def test_another_country_gets_its_own_regime(
    client: Client, notice: Notice, settings: object
) -> None:
    settings.TRUSTED_COUNTRY_HEADER = "CF-IPCountry"  # type: ignore[attr-defined]

    at_home, abroad = config(client), config(client, **{"CF-IPCountry": "FR"})

    # In Japan notice is enough for a processor's analytics, in the EU it is not.
    assert at_home["tags"]["stats"]["notice"] is True
    assert "notice" not in abroad["tags"]["stats"]
    assert config(client, **{"CF-IPCountry": "JP"}) == at_home
    assert "CF-IPCountry" in client.get(f"/b/{SITE}.js")["Vary"]


def test_a_region_gets_its_own_regime(client: Client, notice: Notice, settings: object) -> None:
    settings.TRUSTED_COUNTRY_HEADER = "CF-IPCountry"  # type: ignore[attr-defined]
    settings.TRUSTED_REGION_HEADER = "CF-Region-Code"  # type: ignore[attr-defined]

    california = config(client, **{"CF-IPCountry": "US", "CF-Region-Code": "CA"})
    canada = config(client, **{"CF-IPCountry": "CA"})

    # An opt-out: advertising goes on with notice, and stops for the browser's signal.
    assert california["tags"]["ads"]["notice"] is True
    assert california["tags"]["ads"]["signal"]
    assert "notice" not in canada["tags"]["ads"]
    assert "CF-IPCountry, CF-Region-Code" in client.get(f"/b/{SITE}.js")["Vary"]


def test_a_region_without_a_country_says_nothing(
    client: Client, notice: Notice, settings: object
) -> None:
    settings.TRUSTED_REGION_HEADER = "CF-Region-Code"  # type: ignore[attr-defined]

    assert config(client, **{"CF-Region-Code": "CA"}) == config(client)


def test_without_a_trusted_header_nobody_chooses_a_country(client: Client, notice: Notice) -> None:
    assert config(client, **{"CF-IPCountry": "FR"}) == config(client)


def test_a_browser_signal_shuts_what_it_speaks_of(client: Client, notice: Notice) -> None:
    found = config(client)

    assert found["signalled"] == ["purpose:advertising", "purpose:personalisation"]
    assert {code for code, tag in found["tags"].items() if tag.get("signal")} == {
        "ads", "retarget", "events",
    }  # fmt: skip


def test_an_overdue_partner_is_shut_for_everybody(client: Client, visitor: Visitor) -> None:
    visitor.allow()
    visitor.revoke(partners=["retargeter"])
    OutboxEvent.objects.update(due_at=NOW - timedelta(hours=1))
    forget_everything()

    served = config(client)["tags"]

    assert {code: tag["shut"] for code, tag in served.items() if "shut" in tag} == {
        "retarget": "partner_overdue"
    }


# --- Languages ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "spoken", "word"),
    [("ja", "ja", "許可する"), ("en", "en", "Allow"), ("en-GB", "en", "Allow")],
)
def test_a_named_language_is_the_only_one(
    client: Client, notice: Notice, wanted: str, spoken: str, word: str
) -> None:
    found = config(client, f"?lang={wanted}")

    assert {language: words["allow"] for language, words in found["wording"].items()} == {
        spoken: word
    }
    assert spoken not in found["more_languages"]
    assert {"ja", "en"} <= {spoken, *found["more_languages"]}


@pytest.mark.parametrize("language", ["ko", "zh-Hant", "pt-BR"])
def test_a_language_that_is_built_in_can_be_named(
    client: Client, notice: Notice, language: str
) -> None:
    found = config(client, f"?lang={language}")

    assert found["wording"] == {language: config_words(notice, language)}
    assert language in config(client)["more_languages"]


def config_words(notice: Notice, language: str) -> dict[str, str]:
    wording = notices.get_wording(notice, language)
    # Four partners have tags that a visitor is asked about.
    return {key: wording[key].replace("{partners}", "4") for key in queries.FIRST_LAYER}


def test_an_unknown_language_is_the_site_s_first(client: Client, notice: Notice) -> None:
    assert set(config(client, "?lang=tlh")["wording"]) == {"ja"}


def test_one_language_is_less_to_carry(client: Client, notice: Notice) -> None:
    sizes = [
        len(client.get(f"/b/{SITE}.js{query}", headers={"Accept-Encoding": "br"}).content)
        for query in ("?lang=ja", "")
    ]

    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[1]


def test_a_page_that_holds_the_text_itself_is_told_where_the_service_is(
    client: Client, notice: Notice
) -> None:
    inline = config(client, "?inline=1")

    assert inline["endpoint"] == "http://testserver"
    assert config(client)["endpoint"] == ""
    assert {**inline, "endpoint": ""} == config(client)
    secure = client.get(f"/b/{SITE}.js?inline=1", secure=True).content.decode()
    assert '"endpoint":"https://testserver"' in secure
    assert set(config(client, "?inline=1&lang=ko")["wording"]) == {"ko"}


# --- What is fetched later ----------------------------------------------------------------------


@pytest.mark.parametrize("name", queries.PARTS)
def test_a_part_never_changes_under_its_address(client: Client, notice: Notice, name: str) -> None:
    address = part_address(client, name)
    part = client.get(address, headers={"Accept-Encoding": "br"})

    assert part["Cache-Control"] == "public, max-age=31536000, immutable"
    assert part["Content-Type"] == "text/javascript; charset=utf-8"
    assert part["Cross-Origin-Resource-Policy"] == "cross-origin"
    plain = brotli.decompress(part.content)
    assert plain == Path(settings.BASE_DIR, "static", "dist", f"{name}.js").read_bytes()
    again = client.get(address, headers={"If-None-Match": part["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("name", queries.PARTS)
def test_a_part_of_another_release_is_today_s_and_kept_by_nobody(
    client: Client, notice: Notice, name: str
) -> None:
    today = client.get(part_address(client, name))
    old = client.get(f"/b/{name}/0123456789abcdef0123.js")

    assert old.content == today.content
    assert old["Cache-Control"] == "no-store"


@pytest.mark.parametrize("name", ["loader", "nothing", "signals"])
def test_an_unknown_part_is_a_comment(client: Client, db: None, name: str) -> None:
    response = client.get(f"/b/{name}/0123456789abcdef0123.js")

    assert response.status_code == 404
    assert response.content == b"/* There is no such script here. */\n"
    assert response["Content-Type"] == "text/javascript"


def test_an_unknown_site_is_a_comment(client: Client, db: None) -> None:
    response = client.get("/b/nowhere.js")

    assert response.status_code == 404
    assert response.content == b"/* There is no such site here. */\n"


@pytest.mark.parametrize(
    ("language", "spoken", "word"), [("en", "en", "Allow"), ("tlh", "ja", "許可する")]
)
def test_the_second_layer_speaks_one_language(
    visitor: Visitor, language: str, spoken: str, word: str
) -> None:
    visitor.refuse()

    response = visitor.get(f"/v1/bootstrap?site={SITE}&language={language}")

    found = response.json()
    assert found["language"] == spoken
    assert found["wording"]["allow"] == word
    assert {partner["code"] for partner in found["partners"]} == {
        "statco", "adco", "retargeter", "mailer",
    }  # fmt: skip
    assert found["choices"]["granted"] == []
    assert response["Cache-Control"] == "private, no-store"


def test_the_dialog_gets_only_the_words_that_the_page_lacks(visitor: Visitor) -> None:
    visitor.refuse()

    def ask(language: str, more: str = "&for=dialog") -> dict[str, Any]:
        response = visitor.get(f"/v1/bootstrap?site={SITE}&language={language}{more}")
        found: dict[str, Any] = response.json()
        return found

    found, whole = ask("ja"), ask("ja", "")

    assert set(found["wording"]) == set(queries.DIALOG)
    assert set(found) == {
        "language", "wording", "purposes", "data_items", "partners", "choices",
    }  # fmt: skip
    for kind, keys in queries.SHOWN.items():
        assert found[kind] == [{key: one[key] for key in keys} for one in whole[kind]]
    assert (found["language"], found["choices"]) == (whole["language"], whole["choices"])
    assert found["wording"].items() <= whole["wording"].items()
    assert not any("{partners}" in text for text in whole["wording"].values())
    # In a language that its script does not bring, the page asks for all words.
    assert {*queries.FIRST_LAYER, *queries.DIALOG} <= set(ask("ko", "")["wording"])


def test_the_hosts_of_all_tags_are_told_the_strictly_necessary_ones_too(
    client: Client, notice: Notice
) -> None:
    found = client.get(f"/v1/bootstrap?site={SITE}").json()["hold"]

    assert found["mode"] == "observe"
    declared = {tag["code"]: tag["hosts"] for tag in notice.content["tags"] if tag["hosts"]}
    assert found["hosts"] == declared
    assert found["hosts"]


@pytest.mark.parametrize("name", queries.PARTS)
def test_each_part_is_served_where_the_script_says(
    client: Client, notice: Notice, name: str
) -> None:
    address = part_address(client, name)

    response = client.get(address)

    assert response.status_code == 200
    assert "immutable" in response["Cache-Control"]


def take_the_database_away(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(**_: object) -> None:
        raise OperationalError

    monkeypatch.setattr(notices, "get_current", away)


def test_with_the_database_away_the_question_is_still_asked(
    client: Client, notice: Notice, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = client.get(f"/b/{SITE}.js?lang=ja")
    take_the_database_away(monkeypatch)

    after = client.get(f"/b/{SITE}.js?lang=ja")

    assert (after.status_code, after.content) == (200, before.content)
    assert after.headers["ETag"] == before.headers["ETag"]


def test_what_was_never_served_is_not_made_up(
    client: Client, notice: Notice, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.get(f"/b/{SITE}.js?lang=ja")
    take_the_database_away(monkeypatch)

    for address in (f"/b/{SITE}.js", f"/b/{SITE}.js?lang=ja&inline=1"):
        answer = client.get(address)
        assert (answer.status_code, answer.headers["Cache-Control"]) == (503, "no-store")
        assert answer.headers["Content-Type"] == "text/javascript"
        assert answer.content == b"/* The service cannot answer at the moment. */\n"
