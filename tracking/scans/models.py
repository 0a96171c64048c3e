"""Scans, as proof of what was looked at and what was found."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Func, Q
from django.db.models.lookups import GreaterThan

from tracking.registry.models import Site


def _length(field: str) -> Func:
    return Func(field, function="jsonb_array_length", output_field=models.IntegerField())


class Scan(models.Model):
    """One look at a site: append-only (a trigger refuses UPDATE, DELETE and TRUNCATE)."""

    site = models.ForeignKey(Site, on_delete=models.PROTECT)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()
    notice_number = models.PositiveIntegerField()
    # Path and query of every page that was read.
    pages = models.JSONField()
    # As `types.Finding.as_json` writes them, alarms first.
    findings = models.JSONField()
    alarms = models.PositiveIntegerField()

    class Meta:
        indexes = [models.Index(fields=["site", "-finished_at"], name="scan_newest")]
        constraints = [
            models.CheckConstraint(
                condition=Q(finished_at__gte=F("started_at")), name="scan_ends_after_its_start"
            ),
            models.CheckConstraint(condition=Q(notice_number__gte=1), name="scan_notice_positive"),
            models.CheckConstraint(
                condition=GreaterThan(_length("pages"), 0), name="scan_read_a_page"
            ),
            # The sum that others rely on is that of the findings themselves.
            models.CheckConstraint(
                condition=Q(
                    alarms=Func(
                        Func(
                            "findings",
                            template=(
                                "jsonb_path_query_array(%(expressions)s,"
                                """ '$[*] ? (@.level == "alarm")')"""
                            ),
                            output_field=models.JSONField(),
                        ),
                        function="jsonb_array_length",
                        output_field=models.IntegerField(),
                    )
                ),
                name="scan_alarms_counted",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.site_id} {self.finished_at} {self.alarms}"
