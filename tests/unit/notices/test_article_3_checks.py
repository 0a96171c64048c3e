"""Policy Article 3: who works for the shop alone is a processor, and nobody else."""

from __future__ import annotations

from tests.factories.notices import entry, whole
from tests.unit.notices.finding import advice, find, stops


def test_a_processor_that_uses_data_for_itself_is_a_third_party() -> None:
    changed = whole()
    entry(changed, "tags", "stats")["is_own_use"] = True
    assert stops(changed) == {("own_use_of_processor", "partners", "statco", "role")}

    # What the registry makes of it; the site is told why.
    entry(changed, "partners", "statco")["role"] = "third_party"
    assert stops(changed) == set()
    assert advice(changed) == {("own_use", "partners", "statco", "role")}
    (one,) = find(changed)
    assert one.values == {"tags": "stats"}


def test_a_processor_that_works_for_the_shop_alone_stays_one() -> None:
    assert find(whole()) == ()
