"""What a page is served."""

from __future__ import annotations

import gzip
import json
import re

import brotli
import pytest
from django.test import Client

from tests.factories.registry import SITE, catalogue, make_site, text
from tests.visitors import Visitor
from tracking.banner import queries
from tracking.notices.types import Notice

pytestmark = pytest.mark.django_db


def config(client: Client, **headers: str) -> dict[str, object]:
    script = client.get(f"/b/{SITE}.js", headers=headers).content.decode()
    found = re.match(r"\(\(\)=>\{const CM_CONFIG=(.*);\n", script)
    assert found is not None
    parsed: dict[str, object] = json.loads(found[1])
    return parsed


def test_the_script_brings_terms_and_wording_in_one_file(client: Client, notice: Notice) -> None:
    found = config(client)

    assert found["notice"] == {"number": 1, "hash": notice.hash}
    assert set(found["tags"]) == {"cart", "stats", "ads", "retarget", "events"}  # type: ignore[call-overload]
    assert found["wording"]["ja"]["refuse"] == "必須のみ許可する"  # type: ignore[index]
    assert found["regime"]["code"] == "jp-a"  # type: ignore[index]


def test_the_script_is_the_same_for_everybody(client: Client, visitor: Visitor) -> None:
    fresh = client.get(f"/b/{SITE}.js")
    visitor.refuse()
    known = visitor.get(f"/b/{SITE}.js")

    assert fresh.content == known.content
    assert "Cookie" not in fresh["Vary"]
    assert not fresh.cookies
    again = client.get(f"/b/{SITE}.js", headers={"If-None-Match": fresh["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_the_script_is_compressed_once_and_rightly(client: Client, notice: Notice) -> None:
    plain = client.get(f"/b/{SITE}.js").content
    packed = client.get(f"/b/{SITE}.js", headers={"Accept-Encoding": "gzip, br"})
    zipped = client.get(f"/b/{SITE}.js", headers={"Accept-Encoding": "gzip"})

    assert packed["Content-Encoding"] == "br"
    assert brotli.decompress(packed.content) == plain
    assert gzip.decompress(zipped.content) == plain


def test_no_text_can_break_out_of_the_script(client: Client, db: None) -> None:
    tables = catalogue()
    tables["partners"][2]["legal_name"] = text("</script><script>alert(1)</script>\u2028*/")
    make_site(partners=tables["partners"])

    script = client.get(f"/b/{SITE}.js").content.decode()

    assert "</script" not in script.partition("\n")[0]
    assert "\u2028" not in script
    assert config(client)["partner_names"]["adco"]["en"].startswith("</script>")  # type: ignore[index]


def test_another_country_gets_its_own_regime(
    client: Client, notice: Notice, settings: object
) -> None:
    settings.TRUSTED_COUNTRY_HEADER = "CF-IPCountry"  # type: ignore[attr-defined]

    assert config(client, **{"CF-IPCountry": "FR"})["regime"]["code"] == "eu"  # type: ignore[index]
    assert "CF-IPCountry" in client.get(f"/b/{SITE}.js")["Vary"]


def test_without_a_trusted_header_nobody_chooses_a_country(client: Client, notice: Notice) -> None:
    assert config(client, **{"CF-IPCountry": "FR"})["regime"]["code"] == "jp-a"  # type: ignore[index]


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
    address = config(client)["urls"][name]  # type: ignore[index]

    response = client.get(address)

    assert response.status_code == 200
    assert "immutable" in response["Cache-Control"]
