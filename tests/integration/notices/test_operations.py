"""Publishing, on real PostgreSQL."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.factories.clock import NOW
from tests.factories.registry import SITE, catalogue, make_site, publish
from tracking.lib import canonical_json
from tracking.notices import operations, queries
from tracking.registry import operations as registry

pytestmark = pytest.mark.django_db


def test_a_version_is_frozen_with_its_hash() -> None:
    notice = make_site()

    assert notice.number == 1
    assert notice.hash == canonical_json.sha256(dict(notice.content))
    assert queries.get_current(site_code=SITE) == notice


def test_publishing_the_same_again_asks_nobody_again() -> None:
    first = make_site()

    assert publish() == first


def test_what_changes_is_numbered_anew_and_the_rest_stays() -> None:
    make_site()
    tables = catalogue()
    tables["partners"][2]["country"] = "FR"

    notice = make_site(partners=tables["partners"])

    assert notice.number == 2
    changed = {c for c, number in notice.terms.material_since.items() if number == 2}
    assert changed == {"partner:adco"}


def test_numbers_of_choices_are_never_reused() -> None:
    first = make_site()
    tables = catalogue()
    tables["purposes"].insert(0, {**tables["purposes"][1], "code": "newest"})

    second = make_site(purposes=tables["purposes"])

    assert {c: second.numbers[c] for c in first.numbers} == dict(first.numbers)
    assert second.numbers["purpose:newest"] == max(second.numbers.values())


def test_a_tag_that_cannot_be_printed_cannot_go_live() -> None:
    tables = catalogue()
    tables["tags"][2]["their_purpose"] = {"ja": "", "en": "x"}

    with pytest.raises(operations.NoticeIncomplete) as refused:
        make_site(tags=tables["tags"])

    assert refused.value.fields["gaps"] == ["Tag ads: their purpose is missing in Japanese."]


def test_a_tag_that_is_no_longer_declared_is_retired() -> None:
    make_site()
    tables = catalogue()

    notice = make_site(tags=[tag for tag in tables["tags"] if tag["code"] != "ads"])

    assert "ads" not in notice.terms.tags


@pytest.mark.parametrize(
    "change",
    [
        {"tags": [{"code": "x", "partner": "nobody", "purposes": []}]},
        {"tags": [{"code": "x", "partner": "adco", "purposes": ["unheard"]}]},
        {"partners": [{"code": "x", "colour": "red"}]},
    ],
)
def test_a_catalogue_that_does_not_hold_together_changes_nothing(change: dict[str, object]) -> None:
    first = make_site()

    with pytest.raises(registry.CatalogueInvalid):
        registry.apply_catalogue(catalogue=catalogue(**change))

    assert publish() == first


def test_the_sites_wording_is_frozen_and_other_languages_are_built_in() -> None:
    registry.apply_catalogue(catalogue=catalogue())
    notice = operations.publish_notice_version(
        site_code=SITE, wording={"en": {"allow": "Yes, allow"}}, author="tests", now=NOW
    )

    assert queries.list_languages(notice)[:3] == ("ja", "en", "zh-Hans")
    assert queries.get_wording(notice, "en") == notice.content["wording"]["en"]
    assert queries.get_wording(notice, "en")["allow"] == "Yes, allow"
    assert queries.get_wording(notice, "de") == queries.default_wording()["de"]
    assert "de" not in notice.content["wording"]
    with pytest.raises(KeyError):
        queries.get_wording(notice, "tlh")


def test_lines_that_are_younger_than_the_notice_are_built_in() -> None:
    notice = make_site()
    wording = {"ja": {"allow": "どうぞ"}, "ar": {"allow": "نعم"}}
    old = replace(notice, content={**notice.content, "wording": wording})

    japanese, arabic = queries.get_wording(old, "ja"), queries.get_wording(old, "ar")

    assert japanese == {**queries.default_wording()["ja"], "allow": "どうぞ"}
    assert arabic == {**queries.default_wording()["en"], "allow": "نعم"}


def test_a_profile_that_nobody_knows_is_not_published() -> None:
    tables = catalogue()
    with pytest.raises(operations.NoticeIncomplete) as refused:
        make_site(site={**tables["site"], "profile": "jp-c"})

    assert refused.value.fields["gaps"] == [
        "Site: This profile is not known. Choose one of jp-a, jp-b."
    ]
