"""Scripts that pages name by their content, and that must therefore stay as they were."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from tracking.registry.models import Site


class PinnedScript(models.Model):
    """
    Append-only: a trigger refuses UPDATE and DELETE. `body` is compressed with brotli, `digest` as
    in `Script`.

    A site's own script, or one of the parts that it fetches: these are the same for every site.
    """

    site = models.ForeignKey(Site, on_delete=models.PROTECT, null=True, blank=True)
    part = models.SlugField(max_length=40, default="", blank=True)
    digest = models.SlugField(max_length=64)
    body = models.BinaryField()
    pinned_at = models.DateTimeField()

    class Meta:
        constraints = [
            # Parts of one release have the same digest.
            models.UniqueConstraint(fields=["digest", "part"], name="pinned_once"),
            models.CheckConstraint(
                condition=Q(site__isnull=False, part="") | (Q(site__isnull=True) & ~Q(part="")),
                name="pinned_site_or_part",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.part or self.site_id} {self.digest}"
