"""How often the banner was shown. Counts only: no row can be traced to a visitor."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from tracking.registry.models import Site


class DailyShown(models.Model):
    """Showings on one day of the site's zone that share every dimension."""

    site = models.ForeignKey(Site, on_delete=models.PROTECT)
    day = models.DateField()
    language = models.TextField()
    device_class = models.TextField()
    regime = models.TextField()
    surface = models.TextField()
    notice_number = models.PositiveIntegerField()
    # The first time for this browser, or again after it was ignored.
    is_first = models.BooleanField()
    count = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=[
                    "site", "day", "language", "device_class", "regime", "surface",
                    "notice_number", "is_first",
                ],
                name="shown_counted_once",
            ),
            models.CheckConstraint(condition=Q(count__gte=1), name="shown_positive"),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.site_id} {self.day} {self.count}"
