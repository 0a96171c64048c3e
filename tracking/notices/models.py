"""Notice versions: what visitors were shown, word for word, for ever."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

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

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["site", "number"], name="notice_number_once"),
            models.CheckConstraint(condition=Q(number__gte=1), name="notice_number_positive"),
            models.CheckConstraint(
                condition=Q(effective_at__gte=models.F("published_at")),
                name="notice_effective_after_publication",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.site_id} v{self.number}"
