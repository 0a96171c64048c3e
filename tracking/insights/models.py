"""
What is counted, and what may be told of it. Counts only: no row can be traced to a visitor.

`DailyCount` is exact and never shown; `DailyNumber` is made of groups of at least ten people and is
all that anybody reads (ADR 17).
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import CompositePrimaryKey, F, Q
from django.db.models.functions import Lower

from tracking.insights.subscriptions import LANGUAGES, Every, Failure
from tracking.insights.types import SMALLEST, AlertKind
from tracking.registry.models import Site


class Cell(models.Model):
    """
    Everything that people are counted by, but site and day; see `types.Cell` for the fields.

    The id is the digest of the rest, so that whoever counts needs not look it up. A trigger marks
    as told what a number is of: few of all cells, and the only ones that pages read.
    """

    id = models.UUIDField(primary_key=True)
    kind = models.TextField()
    language = models.TextField()
    device_class = models.TextField()
    regime = models.TextField()
    country_group = models.TextField()
    presentation = models.TextField()
    surface = models.TextField()
    notice = models.TextField()
    variant = models.TextField()
    referrer_class = models.TextField()
    purposes = models.TextField()
    choices = models.TextField()
    is_told = models.BooleanField(db_default=False)

    class Meta:
        indexes = [models.Index(fields=["id"], condition=Q(is_told=True), name="cells_told")]

    def __str__(self) -> str:
        return f"{self.kind} {self.language} {self.device_class}"


class CountedDay(models.Model):
    """
    A day of the site's zone that has counts. A late count opens a closed one again.

    `untold` are the kinds of which there are people that no number tells of.
    """

    pk = CompositePrimaryKey("site", "day")
    site = models.ForeignKey(Site, on_delete=models.PROTECT)
    day = models.DateField()
    is_closed = models.BooleanField(default=False)
    untold = ArrayField(models.TextField(), db_default=[])

    class Meta:
        indexes = [
            models.Index(fields=["site", "day"], condition=Q(is_closed=False), name="days_open")
        ]

    def __str__(self) -> str:
        return f"{self.site_id} {self.day}"


class DailyCount(models.Model):
    """
    How many there were on one day, exactly.

    `settled` is how many there were a round ago: a showing gets that long to be answered before it
    counts as ignored. `released` went into numbers; of showings, as ignored.
    """

    pk = CompositePrimaryKey("site", "day", "cell")
    site = models.ForeignKey(Site, on_delete=models.PROTECT)
    day = models.DateField()
    cell = models.ForeignKey(Cell, on_delete=models.PROTECT, db_index=False)
    count = models.PositiveIntegerField()
    settled = models.PositiveIntegerField(db_default=0)
    released = models.PositiveIntegerField(db_default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(count__gte=1), name="count_positive"),
            models.CheckConstraint(condition=Q(settled__lte=F("count")), name="count_settled"),
            models.CheckConstraint(condition=Q(released__lte=F("count")), name="count_released"),
        ]

    def __str__(self) -> str:
        return f"{self.site_id} {self.day} {self.count}"


class DailyNumber(models.Model):
    """
    How many there were, as far as it may be told: a sum of groups of at least ten.

    A trigger lets a number only grow, and only by another group.
    """

    pk = CompositePrimaryKey("site", "day", "cell")
    site = models.ForeignKey(Site, on_delete=models.PROTECT)
    day = models.DateField()
    cell = models.ForeignKey(Cell, on_delete=models.PROTECT, db_index=False)
    count = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(count__gte=SMALLEST), name="number_not_small")
        ]

    def __str__(self) -> str:
        return f"{self.site_id} {self.day} {self.count}"


class CountedBatch(models.Model):
    """A batch of showings that was counted; asked for again, it is not counted twice."""

    id = models.UUIDField(primary_key=True)
    counted_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["counted_at"], name="batch_by_age")]

    def __str__(self) -> str:
        return str(self.id)


class DailyPages(models.Model):
    """
    How many pages were viewed on one day, exactly; `purposes` are the choice numbers that were
    allowed then, as text of bits. Fewer than ten are never shown.
    """

    pk = CompositePrimaryKey("site", "day", "device_class", "purposes")
    site = models.ForeignKey(Site, on_delete=models.PROTECT)
    day = models.DateField()
    device_class = models.TextField()
    purposes = models.TextField()
    count = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(count__gte=1), name="pages_positive"),
            # One text for one set.
            models.CheckConstraint(
                condition=Q(purposes__regex="^([01]*1)?$"), name="pages_purposes_bits"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.site_id} {self.day} {self.count}"


class LastTelling(models.Model):
    """When numbers last grew, in its only row."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    told_at = models.DateTimeField()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="telling_one_row")]

    def __str__(self) -> str:
        return str(self.told_at)


class CohortCount(models.Model):
    """
    What became of those who allowed a purpose in one week, by the weeks that had passed since.

    `age` 0 and `allowed` is the cohort itself. `released` of the count may be told.
    """

    pk = CompositePrimaryKey("site", "week", "regime", "purpose", "event", "age")
    site = models.ForeignKey(Site, on_delete=models.PROTECT)
    # Its Monday, in the site's zone.
    week = models.DateField()
    regime = models.TextField()
    # The choice number of the purpose.
    purpose = models.PositiveSmallIntegerField()
    event = models.TextField(
        choices=[(event, event) for event in ("allowed", "renewed", "withdrawn")]
    )
    age = models.PositiveSmallIntegerField()
    count = models.PositiveIntegerField()
    released = models.PositiveIntegerField(db_default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(event__in=["allowed", "renewed", "withdrawn"]),
                name="cohort_event_known",
            ),
            models.CheckConstraint(condition=Q(count__gte=1), name="cohort_positive"),
            models.CheckConstraint(
                condition=Q(released=0) | Q(released__gte=SMALLEST, released__lte=F("count")),
                name="cohort_released",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.week} {self.event} {self.count}"


class ShownSample(models.Model):
    """
    How many showings of its day had been counted at a moment, exactly; kept for some days.

    Only whether next to none came is ever told of it.
    """

    pk = CompositePrimaryKey("site", "at")
    site = models.ForeignKey(Site, on_delete=models.PROTECT)
    at = models.DateTimeField()
    day = models.DateField()
    total = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"{self.site_id} {self.at}"


class Alert(models.Model):
    """Something that marketing has to hear of; open until a look no longer finds it."""

    site = models.ForeignKey(Site, on_delete=models.PROTECT)
    kind = models.TextField(choices=[(kind.value, kind.value) for kind in AlertKind])
    # A purpose's or partner's code, or empty.
    subject = models.TextField(blank=True)
    facts = models.JSONField()
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=[kind.value for kind in AlertKind]), name="alert_kind_known"
            ),
            models.CheckConstraint(
                condition=Q(last_seen_at__gte=F("first_seen_at"))
                & (Q(ended_at=None) | Q(ended_at__gte=F("last_seen_at"))),
                name="alert_times_in_order",
            ),
            models.UniqueConstraint(
                fields=["site", "kind", "subject"],
                condition=Q(ended_at=None),
                name="alert_open_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"


class ReportSubscription(models.Model):
    """
    An address that gets a site's numbers and alerts by mail. Whoever stops it is forgotten with it.

    `last_sent_for` is the last day of the last period that the mail server took.
    """

    site = models.ForeignKey(Site, on_delete=models.PROTECT)
    email = models.TextField()
    language = models.TextField(choices=[(code, code) for code in LANGUAGES])
    every = models.TextField(choices=[(every.value, every.value) for every in Every])
    # In the site's zone.
    hour = models.PositiveSmallIntegerField()
    # Where the console was open when it was made; links in the mails begin with it.
    origin = models.TextField()
    owner = models.TextField()
    stop_key = models.UUIDField(unique=True)
    created_at = models.DateTimeField()
    last_sent_for = models.DateField()
    last_alert_id = models.BigIntegerField(default=0)
    failed_at = models.DateTimeField(null=True)
    failure = models.TextField(
        blank=True, choices=[(failure.value, failure.value) for failure in Failure]
    )

    class Meta:
        constraints = [
            models.UniqueConstraint("site", Lower("email"), name="report_once_per_address"),
            models.CheckConstraint(condition=Q(language__in=LANGUAGES), name="report_language"),
            models.CheckConstraint(
                condition=Q(every__in=[every.value for every in Every]), name="report_every_known"
            ),
            models.CheckConstraint(condition=Q(hour__lte=23), name="report_hour_of_day"),
            models.CheckConstraint(
                condition=Q(failed_at=None, failure="")
                | Q(failed_at__isnull=False, failure__in=[failure.value for failure in Failure]),
                name="report_failure_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.site_id} {self.every}"
