"""What a scan is held against: the notice, and what the gate allows each visitor."""

from __future__ import annotations

import pytest

from tests.factories.clock import NOW
from tests.factories.registry import JOINT_USE, ORIGIN, SITE, catalogue, make_site, partner
from tests.visitors import Visitor as RealVisitor
from tracking.gate import queries as gate
from tracking.lib.short_memory import forget_everything
from tracking.notices.queries import NoNotice
from tracking.notices.types import Notice
from tracking.registry.operations import apply_catalogue
from tracking.registry.queries import UnknownSite
from tracking.scanner import queries
from tracking.scans.types import Visitor

pytestmark = pytest.mark.django_db

EVERY_TAG = frozenset({"cart", "stats", "ads", "retarget", "events"})


def test_only_who_allowed_everything_gets_gated_tags(notice: Notice) -> None:
    basis = queries.get_basis(site_code=SITE, now=NOW)

    assert basis.allowed == {
        Visitor.NEWCOMER: {"cart"},
        Visitor.REFUSER: {"cart"},
        Visitor.ACCEPTER: EVERY_TAG,
    }
    assert (basis.site_code, basis.language, basis.notice_number) == (SITE, "ja", notice.number)
    assert basis.content == notice.content
    assert basis.asked_ids == notice.asked_ids
    assert basis.own_hosts == {ORIGIN.removeprefix("https://")}


def test_the_service_would_decide_the_same(visitor: RealVisitor) -> None:
    allowed = queries.get_basis(site_code=SITE, now=NOW).allowed

    def opened() -> set[str]:
        return {tag for tag, one in visitor.gate(*EVERY_TAG).items() if one["allowed"]}

    assert opened() == allowed[Visitor.NEWCOMER]
    visitor.allow()
    assert opened() == allowed[Visitor.ACCEPTER]
    visitor.refuse()
    assert opened() == allowed[Visitor.REFUSER]


def test_a_tag_of_a_partner_that_is_shut_is_allowed_to_nobody(
    notice: Notice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "list_overdue_partners", lambda *, site_id: frozenset({"adco"}))

    allowed = queries.get_basis(site_code=SITE, now=NOW).allowed

    assert allowed[Visitor.ACCEPTER] == EVERY_TAG - {"ads"}


def test_a_joint_user_that_is_not_effective_yet_is_allowed_to_nobody(db: None) -> None:
    partners = catalogue()["partners"]
    make_site(
        joint_uses=[JOINT_USE],
        partners=[
            partner("adco", role="joint_user", joint_use="members") if p["code"] == "adco" else p
            for p in partners
        ],
    )

    assert "ads" not in queries.get_basis(site_code=SITE, now=NOW).allowed[Visitor.ACCEPTER]


def test_a_site_without_a_notice_cannot_be_scanned(db: None) -> None:
    with pytest.raises(UnknownSite):
        queries.get_basis(site_code=SITE, now=NOW)
    apply_catalogue(catalogue=catalogue())
    forget_everything()
    with pytest.raises(NoNotice):
        queries.get_basis(site_code=SITE, now=NOW)
