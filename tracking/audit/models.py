"""What people did in the console. No foreign keys: the log outlives what it speaks of."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class Entry(models.Model):
    """One act: append-only (a trigger refuses UPDATE, DELETE and TRUNCATE)."""

    at = models.DateTimeField(db_index=True)
    actor = models.TextField()
    action = models.TextField()
    site = models.TextField(blank=True, default="")
    object = models.TextField(blank=True, default="")
    details = models.JSONField(default=dict, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(actor=""), name="audit_actor_named"),
            models.CheckConstraint(
                condition=Q(action__regex=r"^[a-z_]+\.[a-z_]+$"), name="audit_action_is_a_code"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.at} {self.actor} {self.action} {self.site} {self.object}"
