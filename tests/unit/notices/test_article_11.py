"""Policy Article 11, APPI Art. 32(1): every notice says who answers for it, and where to ask."""

from __future__ import annotations

import pytest

from tests.factories.notices import whole
from tests.unit.notices.finding import stops


@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize("field", ["name", "address", "representative"])
def test_name_address_and_representative_are_on_every_notice(field: str, language: str) -> None:
    changed = whole()
    changed["company"][field][language] = ""
    assert stops(changed) == {("text_missing", "company", field, language)}

    del changed["company"][field]
    assert stops(changed) == {("text_missing", "company", field, one) for one in ("ja", "en")}


def test_so_is_the_e_mail_address() -> None:
    changed = whole()
    changed["company"]["email"] = ""

    assert stops(changed) == {("email_missing", "company", "email")}


@pytest.mark.parametrize("company", [None, [], "Shop K.K.", {}])
def test_a_company_that_says_nothing_publishes_nothing(company: object) -> None:
    changed = {**whole(), "company": company}

    assert len(stops(changed)) == 3 * 2 + 1
