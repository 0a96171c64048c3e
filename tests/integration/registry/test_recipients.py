"""What a site declares of those who receive something."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from tests.factories.registry import JOINT_USE, SITE, catalogue, make_site, partner
from tracking.registry import models, operations, queries
from tracking.registry.operations import CatalogueInvalid

pytestmark = pytest.mark.django_db


def with_joint_user() -> dict[str, object]:
    return {
        "joint_uses": [JOINT_USE],
        "partners": [
            *catalogue()["partners"],
            partner("outlet", role="joint_user", joint_use="members"),
        ],
    }


def test_a_joint_use_is_frozen_with_its_items_and_its_members() -> None:
    content = make_site(**with_joint_user()).content
    assert content["joint_uses"] == [JOINT_USE]
    assert [one["code"] for one in content["partners"] if one["joint_use"]] == ["outlet"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"joint_uses": [{**JOINT_USE, "items": ["nothing"]}]}, "Joint use 'members' names"),
        (
            {"partners": [partner("outlet", role="joint_user", joint_use="nothing")]},
            "Partner 'outlet' names 'nothing'",
        ),
    ],
)
def test_a_joint_use_names_only_what_is_declared(changes: dict[str, object], message: str) -> None:
    with pytest.raises(CatalogueInvalid, match=message):
        operations.apply_catalogue(catalogue=catalogue(**changes))
    assert not models.Site.objects.exists()


def test_only_a_joint_user_belongs_to_a_joint_use() -> None:
    make_site(**with_joint_user())
    with pytest.raises(IntegrityError, match="partner_in_joint_use"), transaction.atomic():
        models.Partner.objects.filter(code="outlet").update(role="third_party")


@pytest.mark.parametrize(
    ("field", "value"),
    [("recipient_class", "friend"), ("foreign_basis", "hope")],
)
def test_postgres_refuses_an_unknown_word(field: str, value: str) -> None:
    make_site()
    with pytest.raises(IntegrityError, match=f"partner_{field}_known"), transaction.atomic():
        models.Partner.objects.filter(code="adco").update(**{field: value})


def test_postgres_refuses_a_review_that_never_comes() -> None:
    make_site()
    with pytest.raises(IntegrityError, match="site_review_within"), transaction.atomic():
        models.Site.objects.update(review_months=0)


def test_a_processor_that_uses_data_for_itself_is_a_third_party() -> None:
    make_site()
    models.Tag.objects.filter(code="stats").update(is_own_use=True)
    declared = queries.get_declaration(site_code=SITE)
    roles = {one["code"]: one["role"] for one in declared["partners"]}
    assert (roles["statco"], roles["own"]) == ("third_party", "self")
