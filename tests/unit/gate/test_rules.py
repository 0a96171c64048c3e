"""The Python decider against the vectors that the browser's decider passes too."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tracking.consents.types import Choices
from tracking.gate.rules import decide, except_tag, reduce_tags
from tracking.gate.types import Decision, Reason
from tracking.notices.types import PartnerTerms, TagTerms, Terms
from tracking.regimes.types import Regime

VECTORS = json.loads(Path(__file__, "../../../vectors/decide.json").resolve().read_text("utf-8"))


def terms(data: dict[str, Any]) -> Terms:
    return Terms(
        number=data["number"],
        tags={
            code: TagTerms(
                code=code,
                partner=tag["partner"],
                purposes=tuple(tag["purposes"]),
                required_items=tuple(tag["required_items"]),
                optional_items=tuple(tag["optional_items"]),
                transport=tag["transport"],
                is_exempt=tag["exempt"],
                is_linkable=tag["linkable"],
                needed_ids=(
                    f"partner:{tag['partner']}",
                    *(f"purpose:{purpose}" for purpose in tag["purposes"]),
                    *(f"item:{item}" for item in tag["required_items"]),
                ),
            )
            for code, tag in data["tags"].items()
        },
        natures=data["natures"],
        partners={code: PartnerTerms(**partner) for code, partner in data["partners"].items()},
        material_since=data["material_since"],
    )


def regime(data: dict[str, Any]) -> Regime:
    return Regime(
        code=data["code"],
        effective_from=date(2020, 1, 1),
        source="",
        reviewer="",
        country_group="",
        places=frozenset(),
        is_profile=False,
        notice_natures={key: frozenset(value) for key, value in data["notice_natures"].items()},
        notice_roles=frozenset(data["notice_roles"]),
        notice_linkable=data["notice_linkable"],
        link_suffices=False,
        signal_natures=frozenset(data["signal"]["natures"]),
        signal_grant_outlives=data["signal"]["grant_outlives"],
        confirms_signal=False,
        renew_days_granted=data["renew_days"]["granted"],
        renew_days_refused=data["renew_days"]["refused"],
    )


def choices(data: dict[str, Any] | None) -> Choices | None:
    if data is None:
        return None
    return Choices(
        granted=frozenset(data["granted"]),
        refused=frozenset(data["refused"]),
        decided_at=data["decided_at"],
        notice=data["notice"],
        with_signal=data["with_signal"],
        seq=0,
    )


def test_there_are_enough_vectors() -> None:
    assert len(VECTORS["cases"]) >= 200
    assert {case["expected"]["reason"] for case in VECTORS["cases"]} >= {
        "unknown_tag", "exempt", "partner_overdue", "not_yet_effective", "partner_refused",
        "purpose_refused", "data_item_refused", "browser_signal", "needs_renewal", "no_choice",
        "notice_given", "granted",
    }  # fmt: skip


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_decides_as_the_browser_does(case: dict[str, Any]) -> None:
    decision = decide(
        tag_code=case["tag"],
        terms=terms(VECTORS["notices"][case["notice"]]),
        regime=regime(VECTORS["regimes"][case["regime"]]),
        choices=choices(case["choices"]),
        gpc=case["signals"]["gpc"],
        shown_notice=case["shown_notice"],
        overdue=case["overdue"],
        now=case["now"],
    )

    assert {
        "allowed": decision.allowed,
        "reason": decision.reason.value,
        "withheld": list(decision.withheld),
    } == case["expected"]


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_leaves_to_the_page_what_the_page_decides_by(case: dict[str, Any]) -> None:
    reduced = reduce_tags(
        terms=terms(VECTORS["notices"][case["notice"]]),
        regime=regime(VECTORS["regimes"][case["regime"]]),
        overdue=case["overdue"],
    )

    found = reduced.get(case["tag"])
    assert (None if found is None else found.as_json()) == case["page_tag"]


@pytest.mark.parametrize(
    "reason",
    [
        Reason.UNKNOWN_TAG,
        Reason.PARTNER_OVERDUE,
        Reason.NOT_YET_EFFECTIVE,
        Reason.DOUBT,
    ],
)
def test_an_exception_stands_above_nothing_but_a_missing_consent(reason: Reason) -> None:
    notice = terms(next(iter(VECTORS["notices"].values())))
    denied = Decision(allowed=False, reason=reason)

    for code in notice.tags:
        assert except_tag(decision=denied, tag_code=code, terms=notice, choices=None) is denied
