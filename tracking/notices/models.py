"""Notice versions: what visitors were shown, word for word, for ever."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from tracking.notices.types import Stage
from tracking.registry.models import Site


class NoticeVersion(models.Model):
    """Append-only: a trigger refuses UPDATE and DELETE. `content_hash` is hex SHA-256."""

    site = models.ForeignKey(Site, on_delete=models.PROTECT)
    number = models.PositiveIntegerField()
    content = models.JSONField()
    content_hash = models.CharField(max_length=64)
    author = models.TextField()
    published_at = models.DateTimeField()
    effective_at = models.DateTimeField()
    # How it came about, for those who ask later; visitors were shown the content alone.
    note = models.TextField(default="")
    reviewer = models.TextField(default="")
    # The number of the version whose content this one brought back.
    restores = models.PositiveIntegerField(null=True)
    # When it is to be looked at again (policy Article 10); older versions have none.
    review_on = models.DateField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["site", "number"], name="notice_number_once"),
            models.CheckConstraint(
                condition=Q(restores__isnull=True) | Q(restores__lt=models.F("number")),
                name="notice_restores_an_older_one",
            ),
            models.CheckConstraint(condition=Q(number__gte=1), name="notice_number_positive"),
            models.CheckConstraint(
                condition=Q(effective_at__gte=models.F("published_at")),
                name="notice_effective_after_publication",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.site_id} v{self.number}"


class Draft(models.Model):
    """
    The words of a site's next notice while they are written; what it declares is in the registry.

    `wording` holds what differs from the built-in words, by language. `revision` counts saves, so
    that nobody overwrites what they have not seen. In review, `submitted_hash` names the content
    that is looked at: what is published is that, or nothing.
    """

    site = models.OneToOneField(Site, on_delete=models.PROTECT)
    wording = models.JSONField(default=dict)
    note = models.TextField(default="")
    effective_at = models.DateTimeField(null=True)
    stage = models.TextField(
        choices=[(stage.value, stage.value) for stage in Stage], default=Stage.WRITING
    )
    revision = models.PositiveIntegerField(default=1)
    author = models.TextField()
    saved_at = models.DateTimeField()
    submitted_by = models.TextField(default="")
    submitted_at = models.DateTimeField(null=True)
    submitted_hash = models.CharField(max_length=64, default="")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    stage=Stage.WRITING,
                    submitted_by="",
                    submitted_at__isnull=True,
                    submitted_hash="",
                )
                | (
                    Q(stage=Stage.IN_REVIEW, submitted_at__isnull=False)
                    & ~Q(submitted_by="")
                    & ~Q(submitted_hash="")
                ),
                name="draft_in_review_says_what",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.site_id} r{self.revision}"


class NoticeReview(models.Model):
    """
    That somebody looked at a version and found nothing to change; append-only, by a trigger.

    `next_on` is the day of the review after it.
    """

    notice = models.ForeignKey(NoticeVersion, on_delete=models.PROTECT)
    reviewed_at = models.DateTimeField()
    reviewer = models.TextField()
    next_on = models.DateField()

    def __str__(self) -> str:
        return f"{self.notice_id} {self.reviewed_at}"


class ReviewReminder(models.Model):
    """That somebody was reminded of a review: once before its day, once when it is overdue."""

    notice = models.ForeignKey(NoticeVersion, on_delete=models.PROTECT)
    review_on = models.DateField()
    is_overdue = models.BooleanField()
    sent_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["notice", "review_on", "is_overdue"], name="reminded_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.notice_id} {'overdue' if self.is_overdue else 'soon'}"
