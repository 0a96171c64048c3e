"""Publishing, on real PostgreSQL."""

from __future__ import annotations

import pytest

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

    assert refused.value.fields["gaps"] == ["Tag ads: their_purpose is missing in ja."]


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
