"""What was let through without consent."""

from __future__ import annotations

from django.db import models

from tracking.registry.models import LawfulException, Site


class ExceptionUse(models.Model):
    """One answer of the gate that an exception opened. Append-only, and without a device."""

    at = models.DateTimeField()
    site = models.ForeignKey(Site, on_delete=models.PROTECT)
    exception = models.ForeignKey(LawfulException, on_delete=models.PROTECT)

    class Meta:
        indexes = [models.Index(fields=["exception", "-at"], name="use_by_exception")]

    def __str__(self) -> str:
        return f"{self.exception_id} {self.at}"
