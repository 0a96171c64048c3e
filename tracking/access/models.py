"""Tokens, of which only digests are kept."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from tracking.access.types import Scope
from tracking.registry.models import Site


class ApiToken(models.Model):
    """
    What a machine may do with a token. A trigger lets nothing change but the day of its last use,
    and lets it be revoked once.
    """

    name = models.TextField()
    # None: all sites.
    site = models.ForeignKey(Site, on_delete=models.PROTECT, null=True, blank=True)
    scopes = ArrayField(models.TextField())
    digest = models.TextField()
    tail = models.TextField()
    created_by = models.TextField()
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_on = models.DateField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["digest"], name="api_token_digest_once"),
            models.CheckConstraint(condition=Q(name__regex=r"\S"), name="api_token_named"),
            models.CheckConstraint(
                condition=Q(scopes__contained_by=[scope.value for scope in Scope])
                & Q(scopes__len__gte=1),
                name="api_token_scopes_known",
            ),
            models.CheckConstraint(
                condition=Q(digest__regex=r"^[0-9a-f]{64}$"), name="api_token_digest_is_sha256"
            ),
            models.CheckConstraint(
                condition=Q(tail__regex=r"^[0-9a-f]{4}$"), name="api_token_tail_is_short"
            ),
            models.CheckConstraint(condition=~Q(created_by=""), name="api_token_has_maker"),
            models.CheckConstraint(
                condition=Q(expires_at__isnull=True) | Q(expires_at__gt=F("created_at")),
                name="api_token_ends_after_its_start",
            ),
            models.CheckConstraint(
                condition=Q(revoked_at__isnull=True) | Q(revoked_at__gte=F("created_at")),
                name="api_token_revoked_after_its_start",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} …{self.tail}"
