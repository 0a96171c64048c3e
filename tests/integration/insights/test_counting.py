"""From records to counts to numbers: exact, once, in groups of ten that stay."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.utils import ProgrammingError
from django.test import Client
from django.utils import timezone

from tests.factories.registry import SITE
from tests.visitors import Visitor
from tracking.consents.models import Uncounted
from tracking.insights import counting, operations, queries
from tracking.insights.models import Cell as CellRow
from tracking.insights.models import (
    CohortCount,
    CountedBatch,
    CountedDay,
    DailyCount,
    DailyNumber,
)
from tracking.insights.types import CELL_FIELDS, MIXED, Cell, Dimension, Filters, Kind
from tracking.notices.types import Notice

pytestmark = pytest.mark.django_db

# Half an hour into Monday in Japan, still Sunday in UTC.
MIDNIGHT = datetime(2026, 11, 22, 15, 30, tzinfo=UTC)
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 26_0)"


def cell_of(kind: Kind, **fields: str) -> Cell:
    return Cell(
        kind=kind,
        **{
            "language": "ja",
            "device_class": "phone",
            "regime": "jp-a",
            "country_group": "JP",
            "presentation": "bar",
            "surface": "",
            "notice": "1",
            "variant": "",
            "referrer_class": "search",
            **fields,
        },
    )


def show(notice: Notice, number: int, *, day: date, **fields: str) -> None:
    operations.count_showings(
        batch=uuid4(),
        counts={(notice.site_id, day, cell_of(Kind.SHOWN, **fields)): number},
        now=timezone.now(),
    )


def counts() -> dict[str, int]:
    found: dict[str, int] = {}
    for row in DailyCount.objects.select_related("cell"):
        found[row.cell.kind] = found.get(row.cell.kind, 0) + row.count
    return found


def numbers() -> dict[str, int]:
    found: dict[str, int] = {}
    for row in DailyNumber.objects.select_related("cell"):
        found[row.cell.kind] = found.get(row.cell.kind, 0) + row.count
    return found


def today_of(notice: Notice) -> date:
    return timezone.now().astimezone(queries.ZoneInfo("Asia/Tokyo")).date()


def test_a_decision_is_counted_once_by_what_it_was(notice: Notice) -> None:
    Visitor(notice).allow()
    Visitor(notice).refuse()
    Visitor(notice).choose(granted={"purpose:analytics"}, refused={"purpose:advertising"})
    assert Uncounted.objects.count() == 3

    assert operations.roll_up() == 3
    assert operations.roll_up() == 0
    assert not Uncounted.objects.exists()
    assert counts() == {"allowed": 1, "refused": 1, "chosen": 1}
    row = DailyCount.objects.select_related("cell").get(cell__kind="chosen")
    assert row.cell.choices == "01"
    assert (row.cell.presentation, row.cell.notice, row.cell.regime) == ("bar", "1", "jp-a")


def test_a_withdrawal_on_the_same_day_counts(notice: Notice) -> None:
    visitor = Visitor(notice)
    visitor.allow()
    visitor.refuse()
    operations.roll_up()

    assert counts() == {"allowed": 1, "withdrawn": 1}
    gone = DailyCount.objects.select_related("cell").get(cell__kind="withdrawn")
    assert "1" in gone.cell.choices


def test_a_decision_that_was_sent_twice_counts_once(notice: Notice) -> None:
    visitor = Visitor(notice)
    body = visitor.body("refuse")
    assert [visitor.post("/v1/consents", body).status_code for _ in range(2)] == [201, 200]
    operations.roll_up()

    assert counts() == {"refused": 1}


def test_what_rolls_back_is_not_counted(notice: Notice) -> None:
    with transaction.atomic():
        Visitor(notice).allow()
        transaction.set_rollback(True)
    assert operations.roll_up() == 0


def test_a_count_that_fails_leaves_the_queue_as_it_was(
    notice: Notice, monkeypatch: pytest.MonkeyPatch
) -> None:
    Visitor(notice).allow()
    with monkeypatch.context() as patched:
        patched.setattr(counting, "count_cells", _fail)
        with pytest.raises(RuntimeError):
            operations.roll_up()
    assert Uncounted.objects.count() == 1
    assert operations.roll_up() == 1
    assert counts() == {"allowed": 1}


def _fail(_: Any) -> Any:
    raise RuntimeError


def test_a_batch_of_showings_counts_once_however_often_it_is_sent(notice: Notice) -> None:
    batch, day = uuid4(), date(2026, 11, 22)
    sent = {(notice.site_id, day, cell_of(Kind.SHOWN)): 7}
    assert operations.count_showings(batch=batch, counts=sent, now=MIDNIGHT)
    assert not operations.count_showings(batch=batch, counts=sent, now=MIDNIGHT)

    assert counts() == {"shown": 7}
    assert operations.forget_batches(now=MIDNIGHT + timedelta(days=29)) == 0
    assert operations.forget_batches(now=MIDNIGHT + timedelta(days=31)) == 1
    assert not CountedBatch.objects.exists()


def test_a_day_is_told_in_groups_of_ten_and_closes_an_hour_after_it_ends(notice: Notice) -> None:
    day = date(2026, 11, 22)
    show(notice, 25, day=day)
    show(notice, 6, day=day, language="en")
    noon = datetime(2026, 11, 22, 3, tzinfo=UTC)
    operations.tell(now=noon)
    assert not numbers()
    operations.tell(now=noon)
    assert numbers() == {"ignored": 25}
    assert CountedDay.objects.get().untold == ["ignored"]

    operations.tell(now=MIDNIGHT)
    assert not CountedDay.objects.get().is_closed
    show(notice, 5, day=day, language="ko")
    operations.tell(now=MIDNIGHT + timedelta(minutes=30))
    assert CountedDay.objects.get().is_closed
    assert numbers() == {"ignored": 36}
    mixed = DailyNumber.objects.select_related("cell").get(cell__language=MIXED)
    assert (mixed.count, mixed.cell.device_class, mixed.cell.referrer_class) == (
        11, "phone", "search",
    )  # fmt: skip
    assert operations.tell(now=MIDNIGHT + timedelta(days=1)) == 0


def test_who_comes_after_a_day_closed_waits_for_nine_others(notice: Notice) -> None:
    day, later = date(2026, 11, 22), MIDNIGHT + timedelta(hours=5)
    show(notice, 25, day=day)
    operations.tell(now=later)
    show(notice, 9, day=day)
    operations.tell(now=later)
    assert numbers() == {"ignored": 25}
    assert CountedDay.objects.get().untold == ["ignored"]
    show(notice, 1, day=day)
    operations.tell(now=later)
    assert numbers() == {"ignored": 35}
    assert CountedDay.objects.get().untold == []


def test_a_decision_after_its_showing_was_told_as_ignored_is_made_up_for(notice: Notice) -> None:
    """Whoever sits over the banner for long is in shown once: the next that ignore pay it back."""
    today = today_of(notice)
    here = {"device_class": "phone", "country_group": "JP", "referrer_class": ""}
    show(notice, 30, day=today, **here)
    operations.tell(now=timezone.now(), at_once=True)
    for _ in range(12):
        Visitor(notice, client=Client(HTTP_USER_AGENT=PHONE)).allow()
    operations.roll_up()
    operations.tell(now=timezone.now(), at_once=True)
    assert numbers() == {"ignored": 30, "allowed": 12}
    show(notice, 25, day=today, **here)
    operations.tell(now=timezone.now(), at_once=True)
    assert numbers() == {"ignored": 43, "allowed": 12}


def test_the_report_reads_what_was_told(notice: Notice) -> None:
    today = today_of(notice)
    show(notice, 50, day=today, device_class="phone", referrer_class="")
    for _ in range(20):
        Visitor(notice, client=Client(HTTP_USER_AGENT=PHONE)).allow()
    operations.roll_up()
    operations.tell(now=timezone.now(), at_once=True)
    whole = queries.get_opt_in_report(filters=Filters(site=SITE, days=7), now=timezone.now())
    phones, tablets = (
        queries.get_opt_in_report(
            filters=Filters(site=SITE, days=7, where={Dimension.DEVICE_CLASS: device_class}),
            now=timezone.now(),
        )
        for device_class in ("phone", "tablet")
    )

    assert (whole.funnel.shown.value, whole.funnel.allowed.value) == (50, 20)
    assert whole.purposes[0].today.of_shown == pytest.approx(0.4)
    assert phones.funnel == whole.funnel
    assert tablets.funnel.shown.value == 0
    partners = [choice for choice in whole.choices if choice.id.startswith("partner:")]
    assert partners
    assert partners[0].rate.granted == 20


def test_everything_is_exact(notice: Notice) -> None:
    for _ in range(5):
        Visitor(notice).allow()
    operations.roll_up()
    visitor = Visitor(notice)
    visitor.allow()
    visitor.refuse()
    found = queries.verify(site=SITE)

    assert (found.decisions, found.differences, found.untrue_days) == (5, (), ())
    operations.roll_up()
    assert queries.verify(site=SITE).decisions == 7


def test_a_wrong_count_is_found_and_put_right(notice: Notice) -> None:
    for _ in range(12):
        Visitor(notice).allow()
    operations.roll_up()
    operations.tell(now=timezone.now(), at_once=True)
    DailyCount.objects.update(count=13)
    show(notice, 1, day=today_of(notice), language="en")

    [difference] = queries.verify(site=SITE).differences
    assert (difference.counted, difference.recounted) == (13, 12)
    assert operations.recount(site=SITE) == 1
    assert queries.verify(site=SITE).differences == ()
    assert counts() == {"allowed": 12, "shown": 1}
    assert numbers() == {"allowed": 12}


def test_lost_and_invented_counts_are_found(notice: Notice) -> None:
    Visitor(notice).allow()
    Visitor(notice).refuse()
    operations.roll_up()
    DailyCount.objects.filter(cell__kind="refused").delete()
    invented = DailyCount.objects.select_related("cell").get()
    fields = {name: getattr(invented.cell, name) for name in CELL_FIELDS if name != "kind"}
    operations.count_showings(
        batch=uuid4(),
        counts={(notice.site_id, invented.day, Cell(kind=Kind.CHOSEN, **fields)): 3},
        now=timezone.now(),
    )

    found = {(d.cell.kind, d.counted, d.recounted) for d in queries.verify(site=SITE).differences}
    assert found == {(Kind.REFUSED, 0, 1), (Kind.CHOSEN, 3, 0)}
    operations.recount(site=SITE)
    assert counts() == {"allowed": 1, "refused": 1}


def test_a_number_without_counts_behind_it_is_found(notice: Notice) -> None:
    day = date(2026, 11, 22)
    show(notice, 25, day=day)
    operations.tell(now=MIDNIGHT + timedelta(days=1))
    assert queries.verify(site=SITE).untrue_days == ()
    DailyNumber.objects.update(count=35)
    assert queries.verify(site=SITE).untrue_days == (day,)


def test_an_erasure_changes_no_count(notice: Notice) -> None:
    visitor = Visitor(notice)
    visitor.allow()
    operations.roll_up()
    before = counts()
    erased = visitor.post(
        "/v1/erasures",
        {
            "site": SITE,
            "idempotency_key": "erase-this-one-please",
            "surface": "page",
            "language": "ja",
        },
    )
    assert erased.status_code == 201
    operations.roll_up()

    assert counts() == {**before, "withdrawn": 1}
    assert queries.verify(site=SITE).differences == ()


# --- cohorts


def test_a_cohort_knows_who_left_it(notice: Notice) -> None:
    stays, goes = Visitor(notice), Visitor(notice)
    stays.allow()
    goes.allow()
    goes.refuse()
    operations.roll_up()

    purpose = notice.numbers["purpose:analytics"]
    rows = {row.event: (row.age, row.count) for row in CohortCount.objects.filter(purpose=purpose)}
    assert rows == {"allowed": (0, 2), "withdrawn": (0, 1)}


def test_who_allows_again_belongs_to_the_new_week(notice: Notice) -> None:
    visitor = Visitor(notice)
    visitor.allow()
    operations.roll_up()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE consents_device SET decided_at = decided_at - interval '21 days'")
    visitor.allow()
    operations.roll_up()

    purpose = notice.numbers["purpose:analytics"]
    rows = {(row.event, row.age): row.count for row in CohortCount.objects.filter(purpose=purpose)}
    assert rows == {("allowed", 0): 2, ("renewed", 3): 1}


# --- what the database itself refuses


def told_number(notice: Notice) -> DailyNumber:
    show(notice, 25, day=date(2026, 11, 22))
    operations.tell(now=MIDNIGHT + timedelta(days=1))
    return DailyNumber.objects.get()


@pytest.mark.parametrize("change", ["count = 24", "count = 34", "day = day + 1", "count = 9"])
def test_a_number_that_was_told_only_grows_by_ten(notice: Notice, change: str) -> None:
    told_number(notice)
    with (
        pytest.raises((ProgrammingError, IntegrityError)),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"UPDATE insights_dailynumber SET {change}")  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute("UPDATE insights_dailynumber SET count = 35")


def test_a_number_that_was_told_is_not_deleted(notice: Notice) -> None:
    told_number(notice)
    with (
        pytest.raises(ProgrammingError),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("DELETE FROM insights_dailynumber")


@pytest.mark.parametrize(
    "change", ["count = 0", "settled = count + 1", "released = count + 1", "count = -1"]
)
def test_a_count_is_what_it_says(notice: Notice, change: str) -> None:
    show(notice, 25, day=date(2026, 11, 22))
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE insights_dailycount SET {change}")  # noqa: S608


def test_a_small_number_cannot_be_told(notice: Notice) -> None:
    show(notice, 25, day=date(2026, 11, 22))
    one = DailyCount.objects.get()
    with pytest.raises(IntegrityError), transaction.atomic():
        DailyNumber.objects.create(site_id=one.site_id, day=one.day, cell_id=one.cell_id, count=9)


def test_the_same_people_have_one_cell(notice: Notice) -> None:
    show(notice, 25, day=date(2026, 11, 22))
    fields = CellRow.objects.values().get()
    with pytest.raises(IntegrityError), transaction.atomic():
        CellRow.objects.create(**{**fields, "id": uuid4()})
    assert fields["id"] == counting.digest(cell_of(Kind.SHOWN))


@pytest.mark.parametrize("change", ["event = 'lost'", "released = 5", "released = 60", "count = 0"])
def test_a_cohort_is_what_it_says(notice: Notice, change: str) -> None:
    CohortCount.objects.create(
        site_id=notice.site_id,
        week=date(2026, 11, 16),
        regime="jp-a",
        purpose=0,
        event="allowed",
        age=0,
        count=50,
    )
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE insights_cohortcount SET {change}")  # noqa: S608
