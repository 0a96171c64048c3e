"""Experiments, and what each arm of a started one shows, for ever."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from tracking.experiments.types import ARMS, FEWEST_DAYS, PRESENTATIONS, Ending, Stage
from tracking.notices.models import NoticeVersion
from tracking.registry.models import Site


def _choices(values: object) -> list[tuple[str, str]]:
    return [(str(value), str(value)) for value in values]  # type: ignore[attr-defined]


class Experiment(models.Model):
    """
    A comparison of ways to ask. `draft` holds the arms while they are written.

    A trigger lets it only go on: once it is started, only what becomes of it can change, and it
    cannot be deleted. It may have ended by itself without a row that says so; see `queries`.
    """

    site = models.ForeignKey(Site, on_delete=models.PROTECT)
    code = models.SlugField(max_length=40)
    name = models.TextField()
    hypothesis = models.TextField(default="")
    # Its code; a draft may name one that is not declared yet.
    purpose = models.TextField()
    days = models.PositiveSmallIntegerField()
    # In percentage points.
    difference = models.FloatField()
    draft = models.JSONField(default=list)
    stage = models.TextField(choices=_choices(Stage), default=Stage.DRAFT)
    revision = models.PositiveIntegerField(default=1)
    author = models.TextField()
    saved_at = models.DateTimeField()
    notice = models.ForeignKey(NoticeVersion, on_delete=models.PROTECT, null=True)
    started_by = models.TextField(default="")
    started_at = models.DateTimeField(null=True)
    ends_at = models.DateTimeField(null=True)
    stopped_by = models.TextField(default="")
    stopped_at = models.DateTimeField(null=True)
    ending = models.TextField(choices=_choices(Ending), default="")
    promoted_arm = models.TextField(default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["site", "code"], name="experiment_code_once"),
            models.UniqueConstraint(
                fields=["site"], condition=Q(stage=Stage.RUNNING), name="experiment_one_runs"
            ),
            models.CheckConstraint(
                condition=Q(days__gte=FEWEST_DAYS), name="experiment_whole_weekdays"
            ),
            models.CheckConstraint(
                condition=Q(stage=Stage.DRAFT, notice=None, started_at=None, ends_at=None)
                | Q(
                    stage__in=[Stage.RUNNING, Stage.STOPPED, Stage.PROMOTED],
                    notice__isnull=False,
                    started_at__isnull=False,
                    ends_at__gt=models.F("started_at"),
                ),
                name="experiment_started_has_notice",
            ),
            models.CheckConstraint(
                condition=Q(stage__in=[Stage.DRAFT, Stage.RUNNING], stopped_at=None, ending="")
                | Q(
                    stage__in=[Stage.STOPPED, Stage.PROMOTED],
                    stopped_at__gte=models.F("started_at"),
                    ending__in=list(Ending),
                ),
                name="experiment_stopped_says_why",
            ),
            models.CheckConstraint(
                condition=Q(stage=Stage.PROMOTED, promoted_arm__in=ARMS)
                | (~Q(stage=Stage.PROMOTED) & Q(promoted_arm="")),
                name="experiment_promoted_an_arm",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.site_id} {self.code}"


class Arm(models.Model):
    """
    What an arm of a started experiment shows; append-only, by a trigger. With the notice it says
    what stood on the screen of whoever's record names it.
    """

    experiment = models.ForeignKey(Experiment, on_delete=models.PROTECT)
    code = models.TextField(choices=_choices(ARMS))
    share = models.PositiveSmallIntegerField()
    wording = models.JSONField(default=dict)
    presentation = models.TextField(choices=_choices(PRESENTATIONS), default="", blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["experiment", "code"], name="arm_code_once"),
            models.CheckConstraint(condition=Q(code__in=ARMS), name="arm_code_known"),
            models.CheckConstraint(
                condition=Q(share__gte=1, share__lte=99), name="arm_share_in_percent"
            ),
            models.CheckConstraint(
                condition=Q(presentation__in=["", *PRESENTATIONS]), name="arm_presentation_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.experiment_id} {self.code}"
