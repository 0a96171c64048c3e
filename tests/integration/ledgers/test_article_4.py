"""
Article 4: nothing goes to a third party but by consent or an exception of the law.

Its checks, word by word: no third-party tag is allowed without a live consent, a notice that was
shown where the rules let that suffice, or an unexpired approved exception; each use of an exception
is one line; exceptions can never switch on advertising or analytics.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, OperationalError, connection, transaction
from django.utils import timezone

from tests.factories.registry import SITE, catalogue, make_site, publish, purpose, tag
from tests.visitors import Visitor
from tracking.audit.models import Entry
from tracking.gate import models as gate_models
from tracking.gate import queries as gate
from tracking.gate.models import ExceptionUse
from tracking.lib.short_memory import forget_everything
from tracking.registry import operations as registry
from tracking.registry.models import LawfulException, Tag
from tracking.registry.types import ExceptionBasis

pytestmark = pytest.mark.django_db

THIRD_PARTY = ("ads", "retarget", "events", "report")
PURPOSES = [*catalogue()["purposes"], purpose("safety", "functional")]
TAGS = [
    *catalogue()["tags"],
    tag(
        "report",
        "mailer",
        ["safety"],
        transport="server",
        optional_items=["attr.gender"],
        payload_fields={"id": "id.cookie", "gender": "attr.gender"},
    ),
    tag("widget", "mailer", ["safety"]),
]


def declare(**changes: Any) -> Any:
    tags = [{**one, **changes.get(one["code"], {})} for one in TAGS]
    return make_site(purposes=PURPOSES, tags=tags)


@pytest.fixture
def visitor(db: None) -> Visitor:
    return Visitor(declare())


@pytest.fixture
def approve(visitor: Visitor) -> Callable[..., int]:
    def approved(code: str = "report", **changes: Any) -> int:
        now = timezone.now()
        found = registry.approve_exception(
            **{
                "site_id": visitor.notice.site_id,
                "site_code": SITE,
                "tag": code,
                "basis": "art4-2",
                "reason": "Order of the court of 3 April",
                "expires_at": now + timedelta(days=30),
                "is_without_law_accepted": False,
                "actor": "sato",
                "now": now,
                **changes,
            }
        )
        # After a commit, which a test's transaction has not.
        forget_everything()
        return found

    return approved


Approve = Callable[..., int]


def uses() -> int:
    return ExceptionUse.objects.count()


def payload(visitor: Visitor, code: str = "report") -> Any:
    body = {"site": SITE, "payload": {"id": "1", "gender": "f", "other": "x"}}
    return visitor.post(f"/v1/gate/{code}/payload", body)


# --- consent, notice or exception


def test_no_third_party_tag_is_allowed_without_consent_notice_or_exception(
    visitor: Visitor,
) -> None:
    for act in (lambda: None, visitor.refuse):
        act()
        assert not any(one["allowed"] for one in visitor.gate(*THIRD_PARTY).values())
    visitor.allow()
    assert all(one["reason"] == "granted" for one in visitor.gate(*THIRD_PARTY).values())


@pytest.mark.parametrize("act", ["nothing", "refuse", "revoke"])
def test_an_approved_exception_opens_its_tag_and_no_other(
    visitor: Visitor, approve: Approve, act: str
) -> None:
    if act == "refuse":
        visitor.refuse()
    elif act == "revoke":
        visitor.allow()
        visitor.revoke(all=True)
    approve()

    decided = visitor.gate(*THIRD_PARTY, "widget")

    assert {code for code, one in decided.items() if one["allowed"]} == {"report"}
    assert decided["report"] == {
        "allowed": True,
        "reason": "lawful_exception",
        # Only what is needed.
        "withheld_data_items": ["attr.gender"],
    }


def test_an_exception_never_stands_in_for_a_consent_that_is_there(
    visitor: Visitor, approve: Approve
) -> None:
    approve()
    visitor.allow()

    assert visitor.gate("report")["report"]["reason"] == "granted"
    assert uses() == 0


def test_an_exception_that_expired_at_this_moment_opens_nothing(
    visitor: Visitor, approve: Approve
) -> None:
    now = timezone.now()
    approve(expires_at=now + timedelta(days=30), now=now)

    def decide(at: datetime) -> bool:
        asking = gate.Asking(device_token=None, gpc=False, shown_notice=None, place=None)
        found = gate.decide_tags(
            site_code=SITE, tag_codes=["report"], asking=asking, keys={}, now=at
        )
        return found.by_tag["report"].allowed

    assert not decide(now - timedelta(microseconds=1))
    assert decide(now)
    assert decide(now + timedelta(days=30, microseconds=-1))
    assert not decide(now + timedelta(days=30))


def test_an_exception_that_was_ended_opens_nothing(visitor: Visitor, approve: Approve) -> None:
    found = approve()
    registry.end_exception(
        site_id=visitor.notice.site_id,
        site_code=SITE,
        exception_id=found,
        actor="sato",
        now=timezone.now(),
    )
    forget_everything()

    assert visitor.gate("report")["report"]["reason"] == "no_choice"
    assert payload(visitor).status_code == 403


def test_doubt_is_stronger_than_an_exception(visitor: Visitor, approve: Approve) -> None:
    approve()

    answer = visitor.client.post(
        "/v1/gate",
        {"site": SITE, "tags": ["report"]},
        content_type="application/json",
        headers={"Cookie": "cm_device=a; cm_device=b"},
    )

    assert answer.json()["decisions"]["report"]["reason"] == "doubt"


def test_no_page_gets_a_loader_by_an_exception(visitor: Visitor, approve: Approve) -> None:
    approve()

    answer = visitor.get(f"/v1/gate/report.js?site={SITE}")

    assert answer["X-Consent-Decision"] == "denied; no_choice"
    assert uses() == 0


# --- each use is one line


def test_each_use_of_an_exception_is_one_line(visitor: Visitor, approve: Approve) -> None:
    found = approve()

    assert payload(visitor).json()["payload"] == {"id": "1"}
    visitor.gate("report", "ads")
    assert visitor.get(f"/v1/gate/report?site={SITE}").json()["allowed"]

    assert [use.exception_id for use in ExceptionUse.objects.all()] == [found] * 3
    [counted] = gate.count_exception_uses(site_id=visitor.notice.site_id)
    assert (counted.exception, counted.count) == (found, 3)


def test_a_line_of_use_names_no_device() -> None:
    names = {field.attname for field in ExceptionUse._meta.get_fields() if field.concrete}
    assert names == {"id", "at", "site_id", "exception_id"}


def test_what_is_refused_is_no_use(visitor: Visitor, approve: Approve) -> None:
    approve(expires_at=timezone.now() + timedelta(days=2))
    visitor.gate("ads", "widget")
    payload(visitor, "events")

    assert uses() == 0


def test_looking_at_the_pages_is_no_use(visitor: Visitor, approve: Approve) -> None:
    approve()

    html = visitor.get(f"/external-transmission/{SITE}/?lang=en").content.decode()

    assert "Sent only where the law allows it without consent" in html
    assert uses() == 0


def test_a_use_that_cannot_be_kept_is_denied(
    visitor: Visitor, approve: Approve, monkeypatch: Any
) -> None:
    approve()

    def fail(*args: Any) -> None:
        raise OperationalError

    monkeypatch.setattr(gate_models.ExceptionUse.objects, "bulk_create", fail)

    assert visitor.gate("report", "cart") == {
        "report": {"allowed": False, "reason": "doubt", "withheld_data_items": []},
        "cart": {"allowed": True, "reason": "exempt", "withheld_data_items": []},
    }
    assert payload(visitor).status_code == 403


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE gate_exceptionuse SET at = now()",
        "DELETE FROM gate_exceptionuse",
        "TRUNCATE gate_exceptionuse",
    ],
)
def test_a_line_of_use_never_changes(visitor: Visitor, approve: Approve, statement: str) -> None:
    approve()
    visitor.gate("report")

    with pytest.raises(DatabaseError, match="append-only"):
        run(statement)


# --- never for advertising, analytics, personalisation


@pytest.mark.parametrize("nature", ["advertising", "analytics", "personalisation"])
@pytest.mark.parametrize("others", [[], ["safety"]])
def test_an_exception_for_advertising_or_analytics_cannot_be_approved(
    visitor: Visitor, approve: Approve, nature: str, others: list[str]
) -> None:
    declare(report={"purposes": [nature, *others]})

    with pytest.raises(registry.ExceptionInvalid) as raised:
        approve()

    assert raised.value.fields == {"tag": "never"}
    assert not LawfulException.objects.exists()


@pytest.mark.parametrize("nature", ["advertising", "analytics", "personalisation"])
def test_a_tag_that_turns_to_advertising_later_is_shut_by_its_notice(
    visitor: Visitor, approve: Approve, nature: str
) -> None:
    approve()
    declare(report={"purposes": ["safety", nature]})
    forget_everything()

    assert not visitor.gate("report")["report"]["allowed"]
    assert uses() == 0


def test_a_tag_that_moves_into_the_page_is_shut_by_its_notice(
    visitor: Visitor, approve: Approve
) -> None:
    approve()
    declare(report={"transport": "client"})
    forget_everything()

    assert not visitor.gate("report")["report"]["allowed"]


def test_what_is_declared_and_not_published_yet_changes_nothing(
    visitor: Visitor, approve: Approve
) -> None:
    approve()
    tags = [
        {**one, "purposes": ["advertising"]} if one["code"] == "report" else one for one in TAGS
    ]
    registry.apply_catalogue(catalogue=catalogue(purposes=PURPOSES, tags=tags))
    forget_everything()
    assert visitor.gate("report")["report"]["allowed"]

    publish()
    forget_everything()
    assert not visitor.gate("report")["report"]["allowed"]


# --- who approved it, why, until when


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"tag": "nothing"}, {"tag": "unknown"}),
        ({"tag": "widget"}, {"tag": "unknown"}),
        ({"basis": "art4-1"}, {"basis": "unknown"}),
        ({"basis": "art4-3"}, {"basis": "without_law"}),
        ({"reason": " \n"}, {"reason": "missing"}),
        ({"expires_at": timezone.now() - timedelta(days=1)}, {"expires_at": "past"}),
        ({"expires_at": timezone.now() + timedelta(days=366)}, {"expires_at": "too_late"}),
    ],
)
def test_what_is_missing_is_said(
    approve: Approve, changes: dict[str, Any], fields: dict[str, str]
) -> None:
    with pytest.raises(registry.ExceptionInvalid) as raised:
        approve(**changes)
    assert raised.value.fields == fields


@pytest.mark.parametrize("basis", list(ExceptionBasis))
def test_each_number_of_the_article_can_be_approved(approve: Approve, basis: str) -> None:
    """Also number 3, which no law names, by somebody who says so."""
    found = approve(basis=basis, is_without_law_accepted=basis == "art4-3")

    row = LawfulException.objects.get(pk=found)
    assert (row.basis, row.approver, row.reason) == (
        basis,
        "sato",
        "Order of the court of 3 April",
    )
    entry = Entry.objects.get(action="exception.approved")
    assert (entry.actor, entry.object, entry.details["basis"]) == ("sato", "report", basis)


def test_an_exception_ends_once(visitor: Visitor, approve: Approve) -> None:
    found = approve()
    end: dict[str, Any] = {
        "site_id": visitor.notice.site_id,
        "site_code": SITE,
        "exception_id": found,
        "actor": "sato",
        "now": timezone.now(),
    }
    registry.end_exception(**end)

    assert Entry.objects.filter(action="exception.ended", object="report").count() == 1
    with pytest.raises(registry.UnknownException):
        registry.end_exception(**end)
    with pytest.raises(registry.UnknownException):
        registry.end_exception(**{**end, "exception_id": found + 1})


def run(statement: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        # Checks of foreign keys that still wait would refuse a TRUNCATE before the guard does.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(statement)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"basis": "art4-1"}, "exception_basis_known"),
        ({"basis": "art4-3"}, "exception_without_law_accepted"),
        ({"reason": "  "}, "exception_has_reason"),
        ({"approver": ""}, "exception_has_approver"),
        ({"expires_at": timedelta()}, "exception_ends_within_a_year"),
        ({"expires_at": timedelta(days=365, seconds=1)}, "exception_ends_within_a_year"),
        ({"ended_at": -timedelta(seconds=1)}, "exception_ends_after_approval"),
    ],
)
def test_the_database_keeps_what_an_exception_must_say(
    visitor: Visitor, changes: dict[str, Any], name: str
) -> None:
    now = timezone.now()
    fields = {
        "site_id": visitor.notice.site_id,
        "tag": Tag.objects.get(code="report"),
        "basis": "art4-2",
        "approver": "sato",
        "reason": "A reason",
        "approved_at": now,
        "expires_at": now + timedelta(days=365),
    }
    for field, value in changes.items():
        fields[field] = now + value if isinstance(value, timedelta) else value

    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        LawfulException.objects.create(**fields)


def test_an_exception_belongs_to_its_tag_s_site(visitor: Visitor) -> None:
    other = registry.apply_catalogue(
        catalogue={**catalogue(), "site": {**catalogue()["site"], "code": "other"}}
    )
    now = timezone.now()
    with pytest.raises(IntegrityError, match="one of its site"), transaction.atomic():
        LawfulException.objects.create(
            site_id=other,
            tag=Tag.objects.get(code="report"),
            basis="art4-2",
            approver="sato",
            reason="A reason",
            approved_at=now,
            expires_at=now + timedelta(days=1),
        )


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE registry_lawfulexception SET expires_at = expires_at - interval '1 day'",
        "UPDATE registry_lawfulexception SET reason = 'another', ended_at = expires_at",
        "DELETE FROM registry_lawfulexception",
        "TRUNCATE registry_lawfulexception CASCADE",
    ],
)
def test_an_approval_never_changes(approve: Approve, statement: str) -> None:
    approve()

    with pytest.raises(DatabaseError, match="refused"):
        run(statement)


def test_what_was_ended_does_not_begin_again(visitor: Visitor, approve: Approve) -> None:
    approve()
    run("UPDATE registry_lawfulexception SET ended_at = approved_at")

    with pytest.raises(DatabaseError, match="once"):
        run("UPDATE registry_lawfulexception SET ended_at = NULL")
