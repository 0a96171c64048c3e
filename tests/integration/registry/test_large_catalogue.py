"""A large catalogue costs as many queries as a small one."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.factories.large_catalogue import large_catalogue
from tests.factories.registry import SITE, publish
from tracking.lib.short_memory import forget_everything
from tracking.registry import models, operations, queries

pytestmark = pytest.mark.django_db


def count_queries(**size: int) -> tuple[int, int]:
    """Return what it takes to declare a site of this size for the first time, and to publish it."""
    with CaptureQueriesContext(
        connection,
    ) as declared:
        operations.apply_catalogue(catalogue=large_catalogue(**size))
    with CaptureQueriesContext(connection) as published:
        forget_everything()
        publish()
    return len(declared), len(published)


def test_ten_times_the_tags_take_no_more_queries() -> None:
    small = count_queries(tags=20, partners=8)
    models.Site.objects.update(code="other")

    assert count_queries(tags=200, partners=80) == small
    assert small[0] <= 40


def test_applying_again_writes_no_row() -> None:
    operations.apply_catalogue(catalogue=large_catalogue(tags=20, partners=8))

    with CaptureQueriesContext(connection) as context:
        operations.apply_catalogue(catalogue=large_catalogue(tags=20, partners=8))

    assert not [q for q in context.captured_queries if q["sql"].startswith("INSERT")]


def test_rows_that_change_together_keep_their_numbers_and_ids() -> None:
    operations.apply_catalogue(catalogue=large_catalogue(tags=20, partners=8))
    ids = dict(models.Tag.objects.values_list("code", "id"))
    numbers = dict(models.ChoiceNumber.objects.values_list("code", "number"))
    changed = large_catalogue(tags=20, partners=8)
    for entry in (*changed["partners"], *changed["tags"]):
        entry["policy_url" if "country" in entry else "loader_url"] = "https://new.example/"
    changed["tags"].reverse()

    operations.apply_catalogue(catalogue=changed)

    assert dict(models.Tag.objects.values_list("code", "id")) == ids
    assert dict(models.ChoiceNumber.objects.values_list("code", "number")) == numbers
    found = queries.find_catalogue(site_code=SITE)
    assert found is not None
    assert [tag["code"] for tag in found["tags"]] == [tag["code"] for tag in changed["tags"]]
    assert {tag["loader_url"] for tag in found["tags"]} == {"https://new.example/"}
    assert {partner["policy_url"] for partner in found["partners"]} == {"https://new.example/"}


def test_two_entries_of_one_code_are_refused() -> None:
    content = large_catalogue(tags=2, partners=2)
    content["tags"][1]["code"] = "tag0"

    with pytest.raises(operations.CatalogueInvalid, match="'tag0' is declared twice"):
        operations.apply_catalogue(catalogue=content)
