"""
Article 4 with APPI Art. 31: the provision ledger.

Its checks, word by word: the ledger for a device reproduces Rule 28(1)'s four items for any day; a
line closes at revocation time; to delete before three years is refused.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from tests.factories.registry import SITE, catalogue, make_site, partner, publish, text
from tests.visitors import Visitor
from tracking.consents import provision_operations, provision_queries, tasks
from tracking.consents.models import ConsentRecord, Device, KeptProvision
from tracking.consents.types import Provision
from tracking.lib.short_memory import forget_everything
from tracking.registry import operations as registry
from tracking.registry import queries as registry_queries

pytestmark = pytest.mark.django_db

ADCO = partner(
    "adco",
    address=text("1 Ad Street"),
    representative=text("A. Director"),
    confirmation=text("Asked by us, with its name."),
    foreign_basis="consent",
    foreign_system=text("No law for the whole country."),
    foreign_measures=text("Its own rules."),
)
TOKYO = ZoneInfo("Asia/Tokyo")


def declared(**adco: Any) -> list[dict[str, Any]]:
    partners: list[dict[str, Any]] = catalogue()["partners"]
    return [{**ADCO, **adco} if one["code"] == "adco" else one for one in partners]


@pytest.fixture
def visitor(db: None) -> Visitor:
    return Visitor(make_site(partners=declared()))


def ledger(visitor: Visitor) -> list[dict[str, Any]]:
    response = visitor.get(f"/v1/provisions?site={SITE}")
    assert response.status_code == 200, response.content
    assert response["Cache-Control"] == "private, no-store"
    found: list[dict[str, Any]] = response.json()["provisions"]
    return found


def line(visitor: Visitor, code: str = "adco") -> dict[str, Any]:
    [found] = [one for one in ledger(visitor) if one["recipient"]["code"] == code]
    return found


def record_time(**which: Any) -> str:
    at: datetime = ConsentRecord.objects.get(**which).recorded_at
    return at.isoformat(timespec="seconds")


def erase(visitor: Visitor) -> None:
    response = visitor.post(
        "/v1/erasures",
        {
            "site": SITE,
            "idempotency_key": secrets.token_urlsafe(16),
            "surface": "page",
            "language": "ja",
        },
    )
    assert response.status_code == 201, response.content


# --- ① ② ③ ④ for any day


def test_the_ledger_reproduces_the_four_items_of_rule_28(visitor: Visitor) -> None:
    visitor.allow()

    one = line(visitor)

    # ① that consent was confirmed, and abroad that the information was given.
    assert one["confirmation"] == text("Asked by us, with its name.")
    assert one["agreed_on_notice"] == 1
    assert one["foreign"] == {
        "country": "US",
        "basis": "consent",
        "system": text("No law for the whole country."),
        "measures": text("Its own rules."),
        "information_version": 1,
    }
    # ② the first and the last day.
    assert (one["opened_at"], one["closed_at"]) == (record_time(), None)
    # ③ name, address, representative.
    assert one["recipient"] == {
        "code": "adco",
        "role": "third_party",
        "legal_name": text("Adco Inc."),
        "address": text("1 Ad Street"),
        "representative": text("A. Director"),
        "country": "US",
    }
    # ④ the items.
    assert one["data_items"] == {"id.cookie": text("id.cookie")}
    assert one["tags"] == [{"code": "ads", "transport": "client", "is_linkable": False}]


def test_everybody_who_could_receive_something_has_a_line(visitor: Visitor) -> None:
    visitor.allow()

    assert {one["recipient"]["code"] for one in ledger(visitor)} == {"adco", "retargeter", "mailer"}
    assert line(visitor, "mailer")["tags"][0]["transport"] == "server"


def test_the_text_is_that_of_its_time_and_not_the_registry_s_of_today(visitor: Visitor) -> None:
    visitor.allow()
    registry.apply_catalogue(catalogue=catalogue(partners=declared(address=text("9 New Street"))))

    assert line(visitor)["recipient"]["address"] == text("1 Ad Street")


def test_any_day_can_be_looked_up(visitor: Visitor) -> None:
    visitor.allow()
    device, site = Device.objects.get().pk, registry_queries.get_site(code=SITE)

    def on(days: float) -> list[Provision]:
        now = timezone.now() + timedelta(days=days)
        found = provision_queries.list_of_device(site=site, device=device, now=now)
        return [one for one in found if one.closed_at is None and one.recipient.code == "adco"]

    assert on(-1) == []
    assert len(on(0)) == len(on(364)) == 1
    # It expires without anybody's doing.
    assert on(366) == []


def test_the_ledger_speaks_of_the_device_that_its_database_row_is(visitor: Visitor) -> None:
    visitor.choose(granted={"purpose:advertising", "partner:adco"}, refused={"item:attr.gender"})
    visitor.choose(granted={"item:id.cookie"}, refused=set())
    assert visitor.gate("ads")["ads"]["reason"] == "granted"
    assert line(visitor)["opened_at"] == record_time(prior="again")
    visitor.revoke(partners=["adco"])
    assert not visitor.gate("ads")["ads"]["allowed"]
    assert line(visitor)["closed_at"] == record_time(method="withdraw")


def test_nobody_else_s_token_opens_a_ledger(visitor: Visitor) -> None:
    visitor.allow()
    stranger = Visitor(visitor.notice)

    assert ledger(stranger) == []
    stranger.refuse()
    assert ledger(stranger) == []


# --- a line closes at revocation time


@pytest.mark.parametrize(
    "revoke",
    [
        lambda visitor: visitor.revoke(all=True),
        lambda visitor: visitor.revoke(partners=["adco"]),
        lambda visitor: visitor.revoke(purposes=["advertising"]),
        lambda visitor: visitor.revoke(data_items=["id.cookie"]),
        lambda visitor: visitor.refuse(),
    ],
    ids=["all", "partner", "purpose", "item", "refusal"],
)
def test_a_line_closes_at_revocation_time(
    visitor: Visitor, revoke: Callable[[Visitor], Any]
) -> None:
    visitor.allow()
    assert revoke(visitor).status_code == 201

    one = line(visitor)

    assert one["opened_at"] == record_time(prior="first")
    assert one["closed_at"] == record_time(prior="again")


def test_a_second_grant_is_a_second_line(visitor: Visitor) -> None:
    for act in (visitor.allow, visitor.refuse, visitor.allow):
        act()

    found = [one for one in ledger(visitor) if one["recipient"]["code"] == "adco"]

    assert [one["closed_at"] is None for one in found] == [True, False]


def test_a_notice_that_changes_what_is_received_closes_the_line(visitor: Visitor) -> None:
    visitor.allow()
    tags = [
        {**one, "required_items": ["id.cookie", "activity.url"]} if one["code"] == "ads" else one
        for one in catalogue()["tags"]
    ]
    registry.apply_catalogue(catalogue=catalogue(partners=declared(), tags=tags))
    publish()
    forget_everything()

    assert visitor.gate("ads")["ads"]["reason"] == "needs_renewal"
    assert [one for one in ledger(visitor) if one["closed_at"] is None] != []
    assert all(one["closed_at"] for one in ledger(visitor) if one["recipient"]["code"] == "adco")


# --- kept past an erasure


def test_an_erasure_keeps_who_could_receive_what_by_days(visitor: Visitor) -> None:
    visitor.allow()
    before = {one["recipient"]["code"]: one for one in ledger(visitor)}

    erase(visitor)

    today = timezone.now().astimezone(TOKYO).date()
    rows = {row.partner: row for row in KeptProvision.objects.all()}
    assert rows.keys() == before.keys()
    for code, row in rows.items():
        assert (row.first_day, row.last_day) == (today, today)
        assert row.items == sorted(before[code]["data_items"])
        assert row.tags == [tag["code"] for tag in before[code]["tags"]]
        assert (row.notice.number, row.agreed_on) == (1, 1)


def test_what_is_kept_reads_as_it_did_before(visitor: Visitor) -> None:
    visitor.allow()
    site = registry_queries.get_site(code=SITE)
    now = timezone.now()
    [before] = list(provision_queries.iterate_devices(site=site, now=now))

    erase(visitor)

    kept = {one.recipient.code: one for one in provision_queries.iterate_kept(site=site)}
    assert kept.keys() == {one.recipient.code for one in before}
    for one in before:
        after = kept[one.recipient.code]
        assert (after.recipient, after.items, after.tags) == (one.recipient, one.items, one.tags)
        assert after.last_day is not None
    assert list(provision_queries.iterate_devices(site=site, now=now)) == []


def test_what_is_kept_leads_back_to_nothing(visitor: Visitor) -> None:
    visitor.allow()
    device = str(Device.objects.get().pk)
    erase(visitor)

    names = {field.attname for field in KeptProvision._meta.get_fields() if field.concrete}
    assert names == {
        "key", "site_id", "notice_id", "agreed_on", "partner", "items", "tags", "first_day",
        "last_day",
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(k::text, ' ') FROM consents_keptprovision k")
        written = cursor.fetchone()[0]
    keys = [str(key) for key in ConsentRecord.objects.values_list("key", flat=True)]
    assert not any(secret in written for secret in [device, *keys])


def test_without_a_grant_an_erasure_keeps_nothing(visitor: Visitor) -> None:
    visitor.refuse()
    erase(visitor)

    assert not KeptProvision.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_to_keep_belongs_in_the_erasures_transaction() -> None:
    make_site()
    with pytest.raises(RuntimeError):
        provision_operations.keep(
            site=registry_queries.get_site(code=SITE), device=uuid4(), now=timezone.now()
        )


# --- to delete before three years is refused


@pytest.fixture
def kept(visitor: Visitor) -> Callable[..., KeptProvision]:
    def keep(last_day: date, **fields: Any) -> KeptProvision:
        return KeptProvision.objects.create(
            **{
                "site_id": visitor.notice.site_id,
                "notice_id": visitor.notice.id,
                "agreed_on": 1,
                "partner": "adco",
                "items": ["id.cookie"],
                "tags": ["ads"],
                "first_day": last_day,
                "last_day": last_day,
                **fields,
            }
        )

    return keep


def years_ago(years: int, *, days: int = 0) -> date:
    today = timezone.now().date()
    if (today.month, today.day) == (2, 29):
        days, today = days - 1, today - timedelta(days=1)
    return today.replace(year=today.year - years) - timedelta(days=days)


Kept = Callable[..., KeptProvision]


def delete(row: KeptProvision, *, by_the_way_out: bool) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        if by_the_way_out:
            cursor.execute("SET LOCAL consents.retention = 'provisions'")
        cursor.execute("DELETE FROM consents_keptprovision WHERE key = %s", [row.key])


@pytest.mark.parametrize("by_the_way_out", [False, True])
def test_to_delete_before_three_years_is_refused(kept: Kept, by_the_way_out: bool) -> None:
    row = kept(years_ago(3, days=-3))

    with pytest.raises(DatabaseError, match="refused"):
        delete(row, by_the_way_out=by_the_way_out)
    assert KeptProvision.objects.filter(pk=row.pk).exists()


def test_after_three_years_only_the_named_way_out_deletes(kept: Kept) -> None:
    row = kept(years_ago(3, days=5))

    with pytest.raises(DatabaseError, match="append-only"):
        delete(row, by_the_way_out=False)
    delete(row, by_the_way_out=True)
    assert not KeptProvision.objects.exists()


def run(statement: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        # Checks of foreign keys that still wait would refuse a TRUNCATE before the guard does.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE consents_keptprovision SET last_day = last_day + 1",
        "SET LOCAL consents.retention = 'provisions'; "
        "UPDATE consents_keptprovision SET partner = 'other'",
        "TRUNCATE consents_keptprovision",
    ],
)
def test_a_kept_line_never_changes(kept: Kept, statement: str) -> None:
    kept(years_ago(5))

    with pytest.raises(DatabaseError, match="refused"):
        run(statement)


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"first_day": date(2026, 1, 2), "last_day": date(2026, 1, 1)}, "kept_days_in_order"),
        ({"partner": ""}, "kept_says_what_to_whom"),
        ({"items": []}, "kept_says_what_to_whom"),
        ({"tags": []}, "kept_says_what_to_whom"),
    ],
)
def test_a_line_that_says_nothing_cannot_be_kept(
    kept: Kept, fields: dict[str, Any], name: str
) -> None:
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        kept(**{"last_day": date(2026, 1, 1), **fields})


def test_the_chore_forgets_what_is_older_than_three_years_and_nothing_else(kept: Kept) -> None:
    kept(years_ago(3, days=5))
    young = kept(years_ago(3, days=-5))

    tasks.forget_provisions()

    assert [row.pk for row in KeptProvision.objects.all()] == [young.pk]
    assert provision_operations.forget_provisions(now=timezone.now()) == 0


def test_the_services_own_role_can_do_the_chore(kept: Kept) -> None:
    from consentmgr.grants import grant_to_app_role

    kept(years_ago(4))
    grant_to_app_role(using="default", role="consent_app")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE consent_app")
        assert provision_operations.forget_provisions(now=timezone.now()) == 1
        cursor.execute("RESET ROLE")


def test_a_clock_that_runs_ahead_deletes_nothing_early(kept: Kept) -> None:
    kept(years_ago(1))

    with pytest.raises(DatabaseError, match="three years"), transaction.atomic():
        provision_operations.forget_provisions(now=timezone.now() + timedelta(days=2000))


def test_the_chore_is_on_the_schedule() -> None:
    from consentmgr.celery import app

    assert app.conf.beat_schedule["provisions"]["task"] == tasks.forget_provisions.name
